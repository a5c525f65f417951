/* SPDX-License-Identifier: Apache-2.0
 *
 * inject.h - the calls of libc that the library makes, wrapped at link time so that they can be made to fail; and the
 * books of what it has been given and has not given back.
 *
 * Each test of this folder is linked with the wrap options of its head, which are the same everywhere, and includes this file
 * once: it defines the __wrap_ functions. Everything is passed on untouched until faults_arm is called.
 *
 * Data:    faults, the plan (written while nothing else runs, or before armed is set) and the counters (atomic); books, a
 *          hash table of live allocations and mappings (protected by its mutex).
 * A fault: the calls of the kinds in the plan are counted from faults_arm on; call number first fails, and, if the plan is
 *          for ever, all later ones. What is taken while faults.watching is set is in the books until it is given back.
 * Callers: any thread; the wrappers are called by the library in all of its threads. */
#ifndef WEFT_TESTS_FAULTS_INJECT_H
#define WEFT_TESTS_FAULTS_INJECT_H

#include "support.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

enum faults_kind {
    FAULTS_MEMORY = 1,  /* malloc, aligned_alloc: ENOMEM */
    FAULTS_MAP = 2,     /* mmap: ENOMEM */
    FAULTS_ADVICE = 4,  /* madvise, process_madvise: plan.advice_error */
    FAULTS_PROTECT = 8, /* mprotect: ENOMEM */
    FAULTS_THREAD = 16, /* pthread_create: EAGAIN */
    FAULTS_OPEN = 32,   /* open: EMFILE */
    FAULTS_ANY = 63
};

struct faults_plan {
    unsigned kinds;
    long first;       /* 1, 2, ... */
    long last;        /* 0: as first */
    bool for_ever;    /* there is no last one */
    bool late;        /* threads: they are started after all, faults.thread_delay late */
    int advice_error; /* 0: EINVAL */
};

static struct {
    struct faults_plan plans[64]; /* one for each arming, in turn: another thread may still look at the last one */
    atomic_uint plan;             /* the number of armings */
    atomic_bool armed, watching;
    atomic_long calls, met; /* of the planned kinds; those of them that failed */
    atomic_long total[FAULTS_ANY + 1];
    atomic_long by_marked; /* calls of pthread_create by threads that have set faults_marked */
    int thread_delay;      /* us that pthread_create takes when it is struck */
    atomic_int futex;      /* enum faults_futex */
    atomic_llong clock_by; /* ns that the monotonic clock is ahead of the real one */
    atomic_int jitter;     /* ns by which it goes back and forth between two looks */
    atomic_bool own_clock; /* it is ours: monotonic whatever is done to it, at the cost of a lock */
    bool stands;           /* ours stands still at the last reading; under the lock */
    atomic_bool no_clock;  /* it cannot be read: EPERM */
    atomic_long wall;      /* readings of any other clock while faults.watching */
} faults;

static _Thread_local bool faults_marked;

enum faults_futex {
    FAULTS_FUTEX_REAL,
    FAULTS_FUTEX_SPURIOUS,  /* never waits: EINTR at once */
    FAULTS_FUTEX_AGAIN,     /* the same, EAGAIN: the word is never as expected */
    FAULTS_FUTEX_SOMETIMES, /* each other one returns at once for no reason */
    FAULTS_FUTEX_OUR_CLOCK  /* looks at the wrapped clock every now and then, as a kernel would whose clock jumped */
};

/* ---- the plan ---- */

static const struct faults_plan *faults_planned(void)
{
    return &faults.plans[atomic_load(&faults.plan) % 64];
}

TEST_HELPER void faults_arm(struct faults_plan plan)
{
    unsigned number = atomic_load(&faults.plan) + 1;
    atomic_store(&faults.armed, false); /* nobody counts while the counters begin anew */
    faults.plans[number % 64] = plan;
    atomic_store(&faults.plan, number);
    atomic_store(&faults.calls, 0);
    atomic_store(&faults.met, 0);
    atomic_store(&faults.armed, plan.first > 0);
}

TEST_HELPER void faults_disarm(void)
{
    atomic_store(&faults.armed, false);
}

static bool faults_strikes(unsigned kind)
{
    atomic_fetch_add(&faults.total[kind], 1);
    const struct faults_plan *plan = faults_planned();
    if (!atomic_load(&faults.armed) || (plan->kinds & kind) == 0)
        return false;
    long number = atomic_fetch_add(&faults.calls, 1) + 1;
    long last = plan->last > 0 ? plan->last : plan->first;
    if (number < plan->first || (number > last && !plan->for_ever))
        return false;
    atomic_fetch_add(&faults.met, 1);
    return true;
}

/* ---- the books ---- */

#define BOOKS_SIZE (1u << 16)
#define BOOKS_GONE ((void *)1)

struct books_entry {
    void *at; /* NULL: never used; BOOKS_GONE: given back */
    size_t size, alignment;
    bool mapped;
};
static struct books_entry books[BOOKS_SIZE];
static pthread_mutex_t books_lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t books_hash(const void *at)
{
    return (uint32_t)(((uintptr_t)at >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 40) % BOOKS_SIZE;
}

static void books_add(void *at, size_t size, size_t alignment, bool mapped)
{
    if (at == NULL || !atomic_load(&faults.watching))
        return;
    pthread_mutex_lock(&books_lock);
    uint32_t i = books_hash(at), tries = 0;
    while (books[i].at != NULL && books[i].at != BOOKS_GONE) {
        i = (i + 1) % BOOKS_SIZE;
        if (++tries == BOOKS_SIZE)
            abort(); /* the table is too small for this test */
    }
    books[i] = (struct books_entry){at, size, alignment, mapped};
    pthread_mutex_unlock(&books_lock);
}

static void books_remove(void *at)
{
    if (at == NULL)
        return;
    pthread_mutex_lock(&books_lock);
    for (uint32_t i = books_hash(at), tries = 0; books[i].at != NULL && tries < BOOKS_SIZE;
         i = (i + 1) % BOOKS_SIZE, tries++)
        if (books[i].at == at) {
            books[i].at = BOOKS_GONE;
            break;
        }
    pthread_mutex_unlock(&books_lock); /* what is not there was taken before the watch began */
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    if (faults_strikes(FAULTS_MEMORY)) {
        errno = ENOMEM;
        return NULL;
    }
    void *at = __real_malloc(size);
    books_add(at, size, 0, false);
    return at;
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (faults_strikes(FAULTS_MEMORY)) {
        errno = ENOMEM;
        return NULL;
    }
    void *at = __real_aligned_alloc(alignment, size);
    books_add(at, size, alignment, false);
    return at;
}

void __real_free(void *at);
void __wrap_free(void *at);
void __wrap_free(void *at)
{
    books_remove(at);
    __real_free(at);
}

/* ---- address space ---- */

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (faults_strikes(FAULTS_MAP)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *got = __real_mmap(at, size, protection, flags, fd, offset);
    if (got != MAP_FAILED)
        books_add(got, size, 0, true);
    return got;
}

int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size)
{
    books_remove(at);
    return __real_munmap(at, size);
}

static int faults_advice_error(void)
{
    return faults_planned()->advice_error != 0 ? faults_planned()->advice_error : EINVAL;
}

int __real_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice)
{
    if (advice != MADV_NOHUGEPAGE && faults_strikes(FAULTS_ADVICE)) {
        errno = faults_advice_error();
        return -1;
    }
    return __real_madvise(at, size, advice);
}

int __real_mprotect(void *at, size_t size, int protection);
int __wrap_mprotect(void *at, size_t size, int protection);
int __wrap_mprotect(void *at, size_t size, int protection)
{
    if (faults_strikes(FAULTS_PROTECT)) {
        errno = ENOMEM;
        return -1;
    }
    return __real_mprotect(at, size, protection);
}

/* ---- threads, files ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    atomic_fetch_add(&faults.by_marked, faults_marked);
    if (faults_strikes(FAULTS_THREAD)) {
        usleep((unsigned)faults.thread_delay);
        if (!faults_planned()->late)
            return EAGAIN;
    }
    return __real_pthread_create(thread, attributes, fn, arg);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    if (faults_strikes(FAULTS_OPEN)) {
        errno = EMFILE;
        return -1;
    }
    if ((flags & O_CREAT) == 0)
        return __real_open(path, flags);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return __real_open(path, flags, mode);
}

/* ---- the clock ---- */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static pthread_mutex_t faults_clock_lock = PTHREAD_MUTEX_INITIALIZER;

/* Nobody has a reading from before a change that shows after it. */
static int faults_read_own_clock(struct timespec *now)
{
    static int64_t last; /* under the lock */
    pthread_mutex_lock(&faults_clock_lock);
    if (!faults.stands || last == 0) {
        (void)__real_clock_gettime(CLOCK_MONOTONIC, now);
        last = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + atomic_load(&faults.clock_by);
    }
    *now = (struct timespec){last / 1000000000, last % 1000000000};
    pthread_mutex_unlock(&faults_clock_lock);
    return 0;
}

TEST_HELPER void faults_stop_clock(bool stop)
{
    pthread_mutex_lock(&faults_clock_lock);
    faults.stands = stop;
    pthread_mutex_unlock(&faults_clock_lock);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock >= 0 && clock != CLOCK_MONOTONIC && atomic_load(&faults.watching)) /* below: of one thread's time */
        atomic_fetch_add(&faults.wall, 1);
    if (clock == CLOCK_MONOTONIC && atomic_load(&faults.no_clock)) {
        errno = EPERM;
        return -1;
    }
    if (clock == CLOCK_MONOTONIC && atomic_load(&faults.own_clock))
        return faults_read_own_clock(now);
    int result = __real_clock_gettime(clock, now);
    int64_t by = atomic_load(&faults.clock_by);
    int jitter = atomic_load(&faults.jitter);
    if (result != 0 || clock != CLOCK_MONOTONIC || (by == 0 && jitter == 0))
        return result;
    static atomic_uint looks;
    if (jitter > 0) /* a multiplicative hash of the look's number: no order from look to look */
        by -= (int64_t)(((uint64_t)atomic_fetch_add(&looks, 1u) * 2654435761u) % (uint32_t)jitter);
    int64_t ns = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + by;
    *now = (struct timespec){ns / 1000000000, ns % 1000000000};
    return 0;
}

int __real_clock_nanosleep(clockid_t clock, int flags, const struct timespec *at, struct timespec *left);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *at, struct timespec *left);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *at, struct timespec *left)
{
    struct timespec real = *at, now;
    while (clock == CLOCK_MONOTONIC && (flags & TIMER_ABSTIME) != 0 && atomic_load(&faults.own_clock)) {
        (void)faults_read_own_clock(&now);
        if (now.tv_sec > at->tv_sec || (now.tv_sec == at->tv_sec && now.tv_nsec >= at->tv_nsec))
            return 0;
        const struct timespec slice = {0, 200000};
        (void)__real_clock_nanosleep(CLOCK_MONOTONIC, 0, &slice, NULL);
    }
    if (clock == CLOCK_MONOTONIC && (flags & TIMER_ABSTIME) != 0) {
        int64_t ns = (int64_t)at->tv_sec * 1000000000 + at->tv_nsec - atomic_load(&faults.clock_by);
        real = (struct timespec){ns / 1000000000, ns % 1000000000};
    }
    return __real_clock_nanosleep(clock, flags, &real, left);
}

/* ---- system calls by number ---- */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static int64_t faults_monotonic(void)
{
    struct timespec now;
    (void)__wrap_clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Wait until our own clock has reached the time-out, a millisecond of the real one at a time. */
static long faults_wait_by_our_clock(uint32_t *word, long operation, long expected, const struct timespec *timeout)
{
    int64_t until = timeout ? faults_monotonic() + (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec : INT64_MAX;
    for (;;) {
        int64_t left = until - faults_monotonic();
        if (left <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        struct timespec slice = {0, left < 1000000 ? left : 1000000};
        long result = __real_syscall(SYS_futex, word, operation, expected, &slice, NULL, 0);
        if (result == 0 || errno != ETIMEDOUT)
            return result;
    }
}

static long faults_futex_wait(uint32_t *word, long operation, long expected, const struct timespec *timeout)
{
    static atomic_uint turns;
    int mode = atomic_load(&faults.futex);
    if (mode == FAULTS_FUTEX_OUR_CLOCK)
        return faults_wait_by_our_clock(word, operation, expected, timeout);
    if (mode == FAULTS_FUTEX_SPURIOUS || mode == FAULTS_FUTEX_AGAIN ||
        (mode == FAULTS_FUTEX_SOMETIMES && atomic_fetch_add(&turns, 1u) % 2 == 0)) {
        sched_yield(); /* the thread that is waited for may need this processor */
        if (mode == FAULTS_FUTEX_SOMETIMES)
            return 0;
        errno = mode == FAULTS_FUTEX_AGAIN ? EAGAIN : EINTR;
        return -1;
    }
    return __real_syscall(SYS_futex, word, operation, expected, timeout, NULL, 0);
}

/* How many arguments follow: no more should be read than were given. */
static int faults_count_arguments(long number)
{
    return number == SYS_gettid            ? 0
           : number == SYS_exit_group      ? 1
           : number == SYS_faccessat       ? 3
           : number == SYS_process_madvise ? 5
                                           : 6;
}

long __wrap_syscall(long number, ...)
{
    long a[6] = {0};
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < faults_count_arguments(number); i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_process_madvise && faults_strikes(FAULTS_ADVICE)) {
        errno = faults_advice_error();
        return -1;
    }
    if (number == SYS_futex && a[1] == FUTEX_WAIT_PRIVATE)
        return faults_futex_wait((uint32_t *)a[0], a[1], a[2], (const struct timespec *)a[3]);
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.c - starting, pausing and counting kernel threads.
 *
 * A thread of the runtime takes none of the host's signals: all are blocked in it but those that its own instructions
 * raise, so the host's handlers run in the host's threads, on stacks of the size that they expect. SIGPROF stays as the
 * creator has it, so that profilers see the runtime's threads.
 *
 * Callers: any thread; not signal handlers. */
#include "port/port.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* EAGAIN from pthread_create may pass (another process ends its threads): 1 + 2 + ... + 19 ms = 0.19 s of patience. */
#define START_TRIES 20

static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

static void mask_for_new_thread(const sigset_t *creators, sigset_t *mask)
{
    sigfillset(mask);
    for (size_t i = 0; i < sizeof synchronous / sizeof synchronous[0]; i++)
        sigdelset(mask, synchronous[i]);
    if (!sigismember(creators, SIGPROF))
        sigdelset(mask, SIGPROF);
}

static int prepare_attributes(pthread_attr_t *attributes, size_t stack_size)
{
    int error = pthread_attr_init(attributes);
    if (error)
        return error;
    error = pthread_attr_setdetachstate(attributes, PTHREAD_CREATE_DETACHED);
    if (!error && stack_size > 0) {
        long least = sysconf(_SC_THREAD_STACK_MIN);
        size_t page = weft__port_page_size();
        if (least > 0 && stack_size < (size_t)least)
            stack_size = (size_t)least;
        error = pthread_attr_setstacksize(attributes, (stack_size + page - 1) / page * page);
    }
    if (error)
        (void)pthread_attr_destroy(attributes);
    return error;
}

int weft__port_thread_try(void *(*fn)(void *), void *arg, size_t stack_size)
{
    pthread_attr_t attributes;
    int error = prepare_attributes(&attributes, stack_size);
    if (error)
        return -error;

    sigset_t creators, mask;
    pthread_t thread;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &creators);
    mask_for_new_thread(&creators, &mask);
    /* The new thread inherits the mask; the creator has it only for the length of the call. */
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    error = pthread_create(&thread, &attributes, fn, arg);
    (void)pthread_sigmask(SIG_SETMASK, &creators, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

int weft__port_thread_start(void *(*fn)(void *), void *arg, size_t stack_size)
{
    for (int attempt = 1;; attempt++) {
        int error = weft__port_thread_try(fn, arg, stack_size);
        if (error != -EAGAIN || attempt == START_TRIES)
            return error;
        weft__port_thread_sleep(attempt * INT64_C(1000000));
    }
}

void weft__port_thread_yield(void)
{
    (void)sched_yield();
}

void weft__port_thread_sleep(int64_t duration)
{
    if (duration <= 0)
        return;
    struct timespec at; /* by the clock that the kernel sleeps by, whatever weft__port_now is made to say in a test */
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t nanoseconds = at.tv_nsec + duration % 1000000000;
    at.tv_sec += duration / 1000000000 + nanoseconds / 1000000000;
    at.tv_nsec = nanoseconds % 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static struct {
    pthread_once_t once;
    pthread_key_t key;
    int error; /* key could not be made */
    void (*fn)(void *arg);
} at_exit = {.once = PTHREAD_ONCE_INIT};

static void call_at_exit(void *arg)
{
    __atomic_load_n(&at_exit.fn, __ATOMIC_RELAXED)(arg); /* this thread has stored it */
}

static void make_key(void)
{
    at_exit.error = pthread_key_create(&at_exit.key, call_at_exit);
}

int weft__port_thread_at_exit(void (*fn)(void *arg), void *arg)
{
    (void)pthread_once(&at_exit.once, make_key);
    if (at_exit.error != 0)
        return -at_exit.error;
    __atomic_store_n(&at_exit.fn, fn, __ATOMIC_RELAXED); /* always the same value */
    return -pthread_setspecific(at_exit.key, arg);
}

bool weft__port_barrier(void)
{
    static int registered; /* atomic: 0, or what registering has answered: 1 yes, -1 no */
    int known = __atomic_load_n(&registered, __ATOMIC_RELAXED); /* the kernel counts, not this */
    if (known == 0) {
        known = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 ? 1 : -1;
        __atomic_store_n(&registered, known, __ATOMIC_RELAXED); /* as above */
    }
    return known > 0 && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* What follows the program's name in a file stat: that name is in parentheses and may hold anything. */
static const char *after_name(const char *line)
{
    const char *name_ends = strrchr(line, ')');
    return name_ends ? name_ends + 1 : NULL;
}

int weft__port_thread_count(void)
{
    char line[1024];
    if (weft__port_read_file("/proc/self/stat", line, sizeof line) != 0)
        return -1;
    const char *at = after_name(line);
    for (int field = 3; at && field <= 20; field++)
        at = strchr(at + (field > 3), ' ');
    if (!at)
        return -1;
    int count = atoi(at + 1);
    return count > 0 ? count : -1;
}

int weft__port_thread_number(void)
{
    return (int)syscall(SYS_gettid);
}

int64_t weft__port_thread_time(int number)
{
    struct timespec used;
    /* The clock of a thread, as pthread_getcpuclockid makes it of one that is known to be alive: CPUCLOCK_PERTHREAD, CPUCLOCK_SCHED. */
    clockid_t clock = (clockid_t)((~(unsigned)number << 3) | 6);
    return clock_gettime(clock, &used) == 0 ? (int64_t)used.tv_sec * 1000000000 + used.tv_nsec : -1;
}

bool weft__port_thread_would_run(int number)
{
    char path[64], line[1024];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", number);
    if (weft__port_read_file(path, line, sizeof line) != 0)
        return false;
    const char *at = after_name(line);
    return at && at[0] == ' ' && at[1] == 'R';
}

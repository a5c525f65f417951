/* SPDX-License-Identifier: Apache-2.0
 *
 * loads_life.c - loads of goroutines' lives: spawns, scopes, contained panics, goroutine-local values, deep stacks, blocking sections,
 * plain threads, a changing number of processors, dumps. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "soak/soak.h"

/* ---- spawns ---- */

static void add_to(_Atomic int64_t *sum, int64_t number)
{
    *sum += number;
}

static void exit_early(void *arg)
{
    _Atomic int64_t *sum = arg;
    *sum += 1;
}

static void add_and_exit(_Atomic int64_t *sum)
{
    weft_defer(exit_early, sum);
    weft_exit();
}

static int64_t spawns(struct die *die)
{
    _Atomic int64_t sum = 0;
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    int64_t count = 100 + throw_die(die, 400);
    for (int64_t i = 0; i < count; i++)
        SOAK_CHECK(weft_waitgroup_go(&all, add_to, &sum, i) == 0);
    for (int64_t i = 0; i < count / 10; i++)
        SOAK_CHECK(weft_waitgroup_go(&all, add_and_exit, &sum) == 0);
    weft_waitgroup_wait(&all);
    SOAK_CHECK(sum == count * (count - 1) / 2 + count / 10);
    return count + count / 10;
}

/* ---- scopes ---- */

enum { SCOPE_ERROR = -4242 };

static int scope_work(_Atomic int *ended, int result, int64_t pause)
{
    int error = pause > 0 ? weft_sleep_ctx(weft_context_current(), pause) : 0;
    ++*ended;
    return error != 0 ? error : result;
}

static int64_t scopes(struct die *die)
{
    _Atomic int ended = 0;
    int count = 1 + (int)throw_die(die, 12), inner = 0;
    bool fails = throw_die(die, 2) == 0;
    int error = 0;
    weft_with_scope(work, .limit = 1 + (int)throw_die(die, 6)) {
        for (int i = 0; i < count; i++)
            SOAK_CHECK(weft_scope_go(&work, scope_work, &ended, fails && i == count / 2 ? SCOPE_ERROR : 0,
                                     throw_die(die, 100) * WEFT_MICROSECOND) == 0);
        weft_with_scope(late, .timeout = 100 * WEFT_MICROSECOND) {
            SOAK_CHECK(weft_scope_go(&late, scope_work, &ended, 0, WEFT_HOUR) == 0);
            inner = weft_scope_wait(&late);
        }
        error = weft_scope_wait(&work);
    }
    SOAK_CHECK(ended == count + 1);
    SOAK_CHECK(inner == -ETIMEDOUT || (fails && inner != 0));
    SOAK_CHECK(error == (fails ? SCOPE_ERROR : 0));
    _Atomic int cut_off = 0;
    weft_with_scope(left) {
        for (int i = 0; i < count; i++)
            SOAK_CHECK(weft_scope_go(&left, scope_work, &cut_off, 0, WEFT_HOUR) == 0);
        break; /* cancels, and waits */
    }
    SOAK_CHECK(cut_off == count);
    return 2 * count + 3;
}

/* ---- panics, contained ---- */

struct fault {
    weft_chan(int64_t) closed;
    int deferred;
    int kind;
};

static void count_deferred(void *arg)
{
    struct fault *fault = arg;
    fault->deferred++;
}

static void misbehave(void *arg)
{
    struct fault *fault = arg;
    weft_defer(count_deferred, fault);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    switch (fault->kind) {
    case 0:
        weft_chan_send(fault->closed, 1);
        break;
    case 1:
        weft_chan_close(fault->closed);
        break;
    case 2:
        weft_waitgroup_done(&wg);
        break;
    default:
        weft_panic("soak %d", fault->kind);
    }
}

static void contain(int kind, _Atomic int64_t *sum)
{
    struct fault fault = {.closed = weft_chan_make(int64_t, 0), .kind = kind};
    struct weft_panic_info info;
    weft_chan_close(fault.closed);
    SOAK_CHECK(weft_recover(misbehave, &fault, &info));
    SOAK_CHECK(fault.deferred == 1 && info.message[0] != 0);
    SOAK_CHECK(kind != 0 || strcmp(info.message, "send on closed channel") == 0);
    weft_chan_free(fault.closed);
    ++*sum;
}

static int64_t panics(struct die *die)
{
    _Atomic int64_t sum = 0;
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    int count = 4 + (int)throw_die(die, 12);
    for (int i = 0; i < count; i++)
        SOAK_CHECK(weft_waitgroup_go(&all, contain, i % 4, &sum) == 0);
    weft_waitgroup_wait(&all);
    SOAK_CHECK(sum == count);
    return count;
}

/* ---- goroutine-local values ---- */

static _Atomic int64_t destroyed;

static void destroy(void *value)
{
    free(value);
    destroyed++;
}

static weft_local local_keys[6] = {WEFT_LOCAL_INIT(destroy), WEFT_LOCAL_INIT(destroy), WEFT_LOCAL_INIT(destroy),
                                   WEFT_LOCAL_INIT(destroy), WEFT_LOCAL_INIT(destroy), WEFT_LOCAL_INIT(destroy)};

static void use_locals(int keys)
{
    for (int i = 0; i < keys; i++) {
        int *value = malloc(sizeof *value);
        SOAK_CHECK(value != NULL);
        *value = i;
        SOAK_CHECK(weft_local_get(&local_keys[i]) == NULL && weft_local_set(&local_keys[i], value) == 0);
    }
    weft_yield();
    for (int i = 0; i < keys; i++)
        SOAK_CHECK(*(int *)weft_local_get(&local_keys[i]) == i);
}

static int64_t locals(struct die *die)
{
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    int64_t before = destroyed, wanted = 0;
    for (int i = 0; i < 20; i++) {
        int keys = (int)throw_die(die, 7);
        wanted += keys;
        SOAK_CHECK(weft_waitgroup_go(&all, use_locals, keys) == 0);
    }
    weft_waitgroup_wait(&all);
    SOAK_CHECK(destroyed - before == wanted);
    return 3 * wanted + 20;
}

/* ---- deep stacks ---- */

static __attribute__((noinline)) int64_t descend(int depth)
{
    char page[2048];
    memset(page, depth & 0x7f, sizeof page);
    __asm__ volatile("" : : "r"(page) : "memory");
    if (depth == 0)
        return 0;
    if (depth % 32 == 0)
        weft_yield();
    return descend(depth - 1) + page[depth % 2048];
}

static void dive(int depth)
{
    int64_t wanted = 0;
    for (int i = 1; i <= depth; i++)
        wanted += i & 0x7f;
    SOAK_CHECK(descend(depth) == wanted);
}

static void dive_deep(weft_waitgroup *all, int depth)
{
    dive(depth);
    weft_waitgroup_done(all);
}

static int64_t deep_stacks(struct die *die)
{
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 6; i++)
        SOAK_CHECK(weft_waitgroup_go(&all, dive, 10 + (int)throw_die(die, 25)) == 0);
    weft_waitgroup_add(&all, 1); /* one on a stack of another size */
    struct weft_go_options options = {.name = "deep", .stack_size = 1 << 20};
    SOAK_CHECK(weft_go_with(options, dive_deep, &all, 100 + (int)throw_die(die, 200)) == 0);
    weft_waitgroup_wait(&all);
    return 7;
}

/* ---- blocking sections, threads ---- */

static void read_one(int fd, _Atomic int64_t *sum)
{
    unsigned char byte = 0;
    ssize_t got = -1;
    weft_blocking
    {
        got = read(fd, &byte, 1);
    }
    SOAK_CHECK(got == 1);
    *sum += byte;
}

static int64_t blocking(struct die *die)
{
    int fds[2];
    SOAK_CHECK(pipe2(fds, O_CLOEXEC) == 0);
    _Atomic int64_t sum = 0;
    weft_waitgroup readers = WEFT_WAITGROUP_INIT;
    int count = 1 + (int)throw_die(die, 4);
    for (int i = 0; i < count; i++)
        SOAK_CHECK(weft_waitgroup_go(&readers, read_one, fds[0], &sum) == 0);
    for (int i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)(i + 1);
        weft_yield();
        SOAK_CHECK(write(fds[1], &byte, 1) == 1);
    }
    weft_waitgroup_wait(&readers);
    SOAK_CHECK(sum == count * (count + 1) / 2);
    SOAK_CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
    return 2 * count;
}

enum { THREAD_VALUES = 50 };

static void *thread_sends(void *arg)
{
    weft_chan(int64_t) out = *(weft_chan(int64_t) *)arg;
    for (int64_t i = 0; i < THREAD_VALUES; i++)
        weft_chan_send(out, i);
    return NULL;
}

/* The system may have too many threads for a moment, of others' making: then later. Ours are counted elsewhere. */
static pthread_t start_thread(weft_chan(int64_t) * numbers)
{
    pthread_t thread;
    for (int64_t began = weft_now();; weft_sleep(WEFT_MILLISECOND)) {
        int error = pthread_create(&thread, NULL, thread_sends, numbers);
        if (error == 0)
            return thread;
        SOAK_CHECK(error == EAGAIN && weft_now() - began < 10 * WEFT_MINUTE);
    }
}

static int64_t threads(struct die *die)
{
    pthread_t senders[2];
    weft_chan(int64_t) numbers = weft_chan_make(int64_t, throw_die(die, 3));
    int64_t sum = 0;
    for (int i = 0; i < 2; i++)
        senders[i] = start_thread(&numbers);
    for (int i = 0; i < 2 * THREAD_VALUES; i++) {
        int64_t number;
        SOAK_CHECK(weft_chan_recv(numbers, &number));
        sum += number;
    }
    weft_blocking
    {
        for (int i = 0; i < 2; i++)
            SOAK_CHECK(pthread_join(senders[i], NULL) == 0);
    }
    SOAK_CHECK(sum == THREAD_VALUES * (THREAD_VALUES - 1));
    weft_chan_free(numbers);
    return 4 * THREAD_VALUES;
}

/* ---- processors and dumps ---- */

static int64_t processors(struct die *die)
{
    int before = weft_procs(0);
    for (int i = 0; i < 3; i++) {
        (void)weft_procs(1 + (int)throw_die(die, 5));
        weft_sleep(50 * WEFT_MICROSECOND);
    }
    (void)weft_procs(before);
    SOAK_CHECK(weft_procs(0) == before);
    return 5;
}

static int64_t dumps(struct die *die)
{
    if (throw_die(die, 20) != 0)
        return 0;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    SOAK_CHECK(fd >= 0);
    weft_dump(fd);
    SOAK_CHECK(close(fd) == 0);
    return 1;
}

const struct load soak_life_loads[] = {
    {"spawns", spawns},   {"scopes", scopes},           {"panics", panics},
    {"locals", locals},   {"deep stacks", deep_stacks}, {"blocking", blocking},
    {"threads", threads}, {"processors", processors},   {"dumps", dumps},
    {NULL, NULL},
};

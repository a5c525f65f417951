/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn.c - starting goroutines and switching between them; each loop as in Go's runtime/proc_test.go. */
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

/* --- a chain: each goroutine starts the next --- */

static void chain(int64_t n, weft_chan(bool) c)
{
    if (n == 0) {
        weft_chan_send(c, true);
        return;
    }
    weft_go(chain, n - 1, c);
}

static void create(struct bench *b, int chains)
{
    weft_chan(bool) c = weft_chan_make(bool, 0);
    for (int i = 0; i < chains; i++)
        weft_go(chain, b->n / chains, c);
    for (int i = 0; i < chains; i++)
        weft_chan_recv(c, NULL);
    weft_chan_free(c);
}

static void create_one_chain(struct bench *b)
{
    create(b, 1);
}

static void create_parallel(struct bench *b)
{
    create(b, b->procs);
}

/* --- one producer --- */

static void spin_up(_Atomic int *started, int target)
{
    atomic_fetch_add(started, 1);
    while (atomic_load(started) < target)
        ;
    int64_t end = weft_now() + WEFT_MILLISECOND;
    while (weft_now() < end)
        ;
}

/* Have every processor running before stealing is measured. */
static void warm_up(int procs)
{
    _Atomic int started = 0;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < procs; i++)
        weft_waitgroup_go(&wg, spin_up, &started, procs);
    weft_waitgroup_wait(&wg);
}

static void create_single(struct bench *b)
{
    warm_up(b->procs);
    bench_reset_timer(b);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, (int)b->n);
    for (int64_t i = 0; i < b->n; i++)
        weft_go(weft_waitgroup_done, &wg);
    weft_waitgroup_wait(&wg);
}

static void captured(struct bench *b, int i, weft_waitgroup *wg)
{
    if (i >= 4)
        bench_keep(b);
    weft_waitgroup_done(wg);
}

static void create_capture(struct bench *b)
{
    for (int64_t turn = 0; turn < b->n; turn++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_add(&wg, 4);
        for (int i = 0; i < 4; i++)
            weft_go(captured, b, i, &wg);
        weft_waitgroup_wait(&wg);
    }
}

/* --- switching alone; Go has no benchmark of it, the guard against regressions wants one --- */

static void yielder(int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        weft_yield();
}

static void yield(struct bench *b)
{
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 2; i++)
        weft_waitgroup_go(&wg, yielder, b->n / 2);
    weft_waitgroup_wait(&wg);
}

/* --- a pair that hands over beside a hog that never waits --- */

static void hog(weft_chan(bool) stop, weft_chan(bool) done)
{
    while (!weft_chan_try_recv(stop, NULL))
        ;
    weft_chan_send(done, true);
}

static void ponger(int64_t n, weft_chan(bool) ping, weft_chan(bool) pong, weft_chan(bool) stop, weft_chan(bool) done)
{
    for (int64_t i = 0; i < n; i++)
        weft_chan_send(pong, weft_chan_recv(ping));
    weft_chan_close(stop);
    weft_chan_send(done, true);
}

static void pinger(int64_t n, weft_chan(bool) ping, weft_chan(bool) pong, weft_chan(bool) done)
{
    for (int64_t i = 0; i < n; i++)
        weft_chan_send(ping, weft_chan_recv(pong));
    weft_chan_send(done, true);
}

static void ping_pong_hog(struct bench *b)
{
    int procs = weft_procs(1);
    weft_chan(bool) stop = weft_chan_make(bool, 0), done = weft_chan_make(bool, 0);
    weft_chan(bool) ping = weft_chan_make(bool, 0), pong = weft_chan_make(bool, 0);
    weft_go(hog, stop, done);
    weft_go(ponger, b->n, ping, pong, stop, done);
    weft_go(pinger, b->n, ping, pong, done);
    bench_reset_timer(b);
    weft_chan_send(ping, true);
    weft_chan_recv(stop, NULL);
    bench_stop_timer(b);
    weft_chan_recv(ping, NULL); /* lets the last pinger go */
    for (int i = 0; i < 3; i++)
        weft_chan_recv(done, NULL);
    weft_chan_free(ping);
    weft_chan_free(pong);
    weft_chan_free(stop);
    weft_chan_free(done);
    weft_procs(procs);
}

/* --- two that wake each other, each busy for a time before it sends, so that the other waits by then --- */

enum { WAKE_DELAY = 5 * WEFT_MICROSECOND };

static void be_busy(int64_t duration)
{
    int64_t end = weft_now() + duration;
    while (weft_now() < end)
        ;
}

/* In a system call that blocks. Go's syscall.Nanosleep tells its scheduler, too. */
static void be_in_kernel(int64_t duration)
{
    struct timespec left = {.tv_nsec = (long)duration};
    weft_blocking
    {
        while (nanosleep(&left, &left) != 0 && errno == EINTR)
            ;
    }
}

struct wakeup {
    int64_t n;
    void (*spend)(int64_t duration);
    weft_chan(bool) ping, pong, start, done;
};

static void wake_first(struct wakeup *w)
{
    weft_chan_recv(w->start, NULL);
    for (int64_t i = 0; i < w->n; i++) {
        w->spend(WAKE_DELAY);
        weft_chan_send(w->ping, true);
        w->spend(0);
        weft_chan_recv(w->pong, NULL);
    }
    weft_chan_send(w->done, true);
}

static void wake_second(struct wakeup *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        w->spend(0);
        weft_chan_recv(w->ping, NULL);
        w->spend(WAKE_DELAY);
        weft_chan_send(w->pong, true);
    }
    weft_chan_send(w->done, true);
}

static void wakeup(struct bench *b, void (*spend)(int64_t duration))
{
    if (b->procs == 1) {
        bench_skip(b, "needs two processors, as Go's does");
        return;
    }
    struct wakeup w = {.n = b->n, .spend = spend};
    w.ping = weft_chan_make(bool, 0);
    w.pong = weft_chan_make(bool, 0);
    w.start = weft_chan_make(bool, 0);
    w.done = weft_chan_make(bool, 0);
    weft_go(wake_first, &w);
    weft_go(wake_second, &w);
    bench_reset_timer(b);
    weft_chan_send(w.start, true);
    weft_chan_recv(w.done, NULL);
    weft_chan_recv(w.done, NULL);
    bench_stop_timer(b);
    weft_chan_free(w.ping);
    weft_chan_free(w.pong);
    weft_chan_free(w.start);
    weft_chan_free(w.done);
}

static void wakeup_spinning(struct bench *b)
{
    wakeup(b, be_busy);
}

static void wakeup_syscall(struct bench *b)
{
    wakeup(b, be_in_kernel);
}

/* --- recursive matrix multiplication, a goroutine for one half of each division by rows or columns --- */

struct empty {
};

struct product {
    weft_chan(struct empty) done; /* gets a value at the end, or NULL */
    double **a, **b, **c;
    int i0, i1, j0, j1, k0, k1;
};

static void multiply(struct product p);

static void multiply_copy(void *copy)
{
    multiply(*(struct product *)copy);
}

/* One half in a goroutine, the other here. */
static void multiply_both(struct product first, struct product second)
{
    first.done = weft_chan_make(struct empty, 1);
    second.done = NULL;
    weft_go_copy(multiply_copy, &first, sizeof first);
    multiply(second);
    weft_chan_recv(first.done, NULL);
    weft_chan_free(first.done);
}

static void multiply(struct product p)
{
    enum { THRESHOLD = 8 };
    int di = p.i1 - p.i0, dj = p.j1 - p.j0, dk = p.k1 - p.k0;
    struct product first = p, second = p;
    if (di >= dj && di >= dk && di >= THRESHOLD) {
        first.i1 = second.i0 = p.i0 + di / 2;
        multiply_both(first, second);
    } else if (dj >= dk && dj >= THRESHOLD) {
        first.j1 = second.j0 = p.j0 + dj / 2;
        multiply_both(first, second);
    } else if (dk >= THRESHOLD) { /* both halves write the same elements: one after the other */
        first.k1 = second.k0 = p.k0 + dk / 2;
        first.done = second.done = NULL;
        multiply(first);
        multiply(second);
    } else {
        for (int i = p.i0; i < p.i1; i++)
            for (int j = p.j0; j < p.j1; j++)
                for (int k = p.k0; k < p.k1; k++)
                    p.c[i][j] += p.a[i][k] * p.b[k][j];
    }
    if (p.done)
        weft_chan_send(p.done, ((struct empty){}));
}

static double **make_matrix(int n)
{
    double **m = bench_allocate((size_t)n, sizeof *m);
    for (int i = 0; i < n; i++) {
        m[i] = bench_allocate((size_t)n, sizeof **m);
        for (int j = 0; j < n; j++)
            m[i][j] = (double)(i * n + j);
    }
    return m;
}

static void free_matrix(double **m, int n)
{
    for (int i = 0; i < n; i++)
        free(m[i]);
    free(m);
}

static void matmult(struct bench *b)
{
    bench_stop_timer(b);
    int n = (int)cbrt((double)b->n) + 1;
    struct product p = {.a = make_matrix(n), .b = make_matrix(n), .c = make_matrix(n), .i1 = n, .j1 = n, .k1 = n};
    bench_start_timer(b);
    multiply(p);
    bench_stop_timer(b);
    free_matrix(p.a, n);
    free_matrix(p.b, n);
    free_matrix(p.c, n);
}

const struct bench_case bench_spawn[] = {
    {"CreateGoroutines", create_one_chain, "runtime"},
    {"CreateGoroutinesParallel", create_parallel, "runtime"},
    {"CreateGoroutinesSingle", create_single, "runtime"},
    {"CreateGoroutinesCapture", create_capture, "runtime"},
    {"Yield", yield, NULL},
    {"PingPongHog", ping_pong_hog, "runtime"},
    {"WakeupParallelSpinning/0s", wakeup_spinning, "runtime"},
    {"WakeupParallelSyscall/0s", wakeup_syscall, "runtime"},
    {"Matmult", matmult, "runtime"},
    {0},
};

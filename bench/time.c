/* SPDX-License-Identifier: Apache-2.0
 *
 * time.c - timers, tickers, sleeping; each loop as in Go's time/sleep_test.go and tick_test.go: beside as many pending
 * timers as Go starts before each (32,768 per processor, due in an hour).
 *
 * What Go leaves to its collector (each timer of a loop) is freed here, inside the measured time. */
#include "bench.h"

#include <stdlib.h>

enum { GARBAGE = 1 << 15 };

static void nothing(void *arg)
{
    (void)arg;
}

static void make_garbage(weft_timer **timers)
{
    for (int i = 0; i < GARBAGE; i++)
        timers[i] = weft_after_func(WEFT_HOUR, nothing, NULL);
}

/* A parallel case beside the pending timers. */
static void beside_garbage(struct bench *b, void (*body)(struct bench_share *share, void *arg))
{
    weft_timer **timers = bench_allocate((size_t)b->procs * GARBAGE, sizeof *timers);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int p = 0; p < b->procs; p++)
        weft_waitgroup_go(&wg, make_garbage, timers + p * GARBAGE);
    weft_waitgroup_wait(&wg);

    bench_reset_timer(b);
    bench_run_parallel(b, body, NULL);
    bench_stop_timer(b);

    for (int i = 0; i < b->procs * GARBAGE; i++)
        weft_timer_free(timers[i]);
    free(timers);
}

static void after_body(struct bench_share *share, void *arg)
{
    (void)arg;
    while (bench_next(share))
        weft_chan_recv(weft_after(1), NULL);
}

static void after(struct bench *b)
{
    beside_garbage(b, after_body);
}

/* A chain of a thousand functions, each started by the one before. The timers are freed at its end; the last function
 * may overtake an earlier one that has not yet stored its timer, hence the wait. */
enum { CHAIN = 1000 };

struct chain {
    int n; /* handed from function to function */
    weft_chan(bool) c;
    _Atomic(weft_timer *) timers[CHAIN + 1];
};

static void chain_next(void *arg)
{
    struct chain *chain = arg;
    int n = --chain->n;
    if (n >= 0)
        atomic_store(&chain->timers[n], weft_after_func(0, chain_next, chain));
    else
        weft_chan_send(chain->c, true);
}

static void after_func_body(struct bench_share *share, void *arg)
{
    (void)arg;
    while (bench_next(share)) {
        struct chain chain = {.n = CHAIN, .c = weft_chan_make(bool, 0)};
        atomic_store(&chain.timers[CHAIN], weft_after_func(0, chain_next, &chain));
        weft_chan_recv(chain.c, NULL);
        for (int i = 0; i <= CHAIN; i++) {
            weft_timer *timer;
            while (!(timer = atomic_load(&chain.timers[i])))
                weft_yield();
            weft_timer_free(timer);
        }
        weft_chan_free(chain.c);
    }
}

static void after_func_1000(struct bench *b)
{
    beside_garbage(b, after_func_body);
}

static void stop_chan_body(struct bench_share *share, void *arg)
{
    (void)arg;
    while (bench_next(share)) {
        weft_timer *timer = weft_timer_new(WEFT_SECOND);
        weft_timer_stop(timer);
        weft_timer_free(timer);
    }
}

static void stop_chan(struct bench *b)
{
    beside_garbage(b, stop_chan_body);
}

static void start_stop_body(struct bench_share *share, void *arg)
{
    enum { N = 1000 };
    (void)arg;
    while (bench_next(share)) {
        weft_timer *timers[N];
        for (int i = 0; i < N; i++)
            timers[i] = weft_after_func(WEFT_HOUR, nothing, NULL);
        for (int i = 0; i < N; i++) {
            weft_timer_stop(timers[i]);
            weft_timer_free(timers[i]);
        }
    }
}

static void start_stop_1000(struct bench *b)
{
    beside_garbage(b, start_stop_body);
}

static void reset_chan_body(struct bench_share *share, void *arg)
{
    (void)arg;
    weft_timer *timer = weft_timer_new(WEFT_HOUR);
    while (bench_next(share))
        weft_timer_reset(timer, WEFT_HOUR);
    weft_timer_stop(timer);
    weft_timer_free(timer);
}

static void reset_chan(struct bench *b)
{
    beside_garbage(b, reset_chan_body);
}

static void adjust_body(struct bench_share *share, void *arg)
{
    enum { N = 10000 };
    (void)arg;
    weft_timer **timers = bench_allocate(N, sizeof *timers);
    while (bench_next(share)) {
        for (int i = 0; i < N; i++)
            timers[i] = weft_after_func(WEFT_HOUR, nothing, NULL);
        weft_timer_reset(timers[N - 1], WEFT_NANOSECOND);
        weft_sleep(WEFT_MICROSECOND);
        for (int i = 0; i < N; i++) {
            weft_timer_stop(timers[i]);
            weft_timer_free(timers[i]);
        }
    }
    free(timers);
}

static void adjust_timers_10000(struct bench *b)
{
    beside_garbage(b, adjust_body);
}

static void sleeper(weft_waitgroup *wg)
{
    weft_sleep(WEFT_NANOSECOND);
    weft_waitgroup_done(wg);
}

static void sleep_body(struct bench_share *share, void *arg)
{
    enum { N = 1000 };
    (void)arg;
    while (bench_next(share)) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_add(&wg, N);
        for (int i = 0; i < N; i++)
            weft_go(sleeper, &wg);
        weft_waitgroup_wait(&wg);
    }
}

static void sleep_1000(struct bench *b)
{
    beside_garbage(b, sleep_body);
}

static void ticker_body(struct bench_share *share, void *arg)
{
    (void)arg;
    weft_timer *ticker = weft_ticker_new(WEFT_NANOSECOND);
    while (bench_next(share))
        weft_chan_recv(weft_timer_chan(ticker), NULL);
    weft_timer_stop(ticker);
    weft_timer_free(ticker);
}

static void ticker(struct bench *b)
{
    beside_garbage(b, ticker_body);
}

const struct bench_case bench_time[] = {
    {"After", after, "time"},
    {"AfterFunc1000", after_func_1000, "time"},
    {"Sleep1000", sleep_1000, "time"},
    {"StartStop1000", start_stop_1000, "time"},
    {"Stop/impl=chan", stop_chan, "time"},
    {"Reset/impl=chan", reset_chan, "time"},
    {"Ticker", ticker, "time"},
    {"AdjustTimers10000", adjust_timers_10000, "time"},
    {0},
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * mixed.h - a load of everything that waits: channels, selects with time-outs, mutexes, sleeps, timers, tickers, plain threads. Its
 * totals are exact, and nothing of it wakes early: what a test does to the kernel meanwhile must not show. */
#ifndef WEFT_TESTS_FAULTS_MIXED_H
#define WEFT_TESTS_FAULTS_MIXED_H

#include "loop.h"

#include <weft/chan.h>
#include <weft/go.h>
#include <weft/select.h>
#include <weft/sync.h>
#include <weft/time.h>

#define MIXED_SENDERS 4
#define MIXED_SLEEPERS 8
#define MIXED_THREADS 2
#define MIXED_TIMERS 10

struct mixed {
    int turns;
    weft_chan(long) c, other;
    weft_waitgroup senders, rest;
    weft_mutex mutex;
    long locked; /* plain: under the mutex */
    atomic_int fired;
    atomic_long sum, count;
};

TEST_HELPER void mixed_send(struct mixed *mixed, int number)
{
    for (int i = 1; i <= mixed->turns; i++) {
        while (weft_chan_select(weft_on_send(number % 2 == 0 ? mixed->c : mixed->other, i),
                                weft_on_timeout(20 * WEFT_MICROSECOND)) != 0)
            ;
        weft_mutex_lock(&mixed->mutex);
        mixed->locked++;
        weft_mutex_unlock(&mixed->mutex);
    }
    weft_waitgroup_done(&mixed->senders);
}

TEST_HELPER void mixed_receive(struct mixed *mixed)
{
    bool ok[2] = {true, true};
    weft_chan(long) c = mixed->c, other = mixed->other;
    while (ok[0] || ok[1]) {
        long value = 0;
        (void)weft_chan_select(weft_on_recv(c, &value, &ok[0]), weft_on_recv(other, &value, &ok[1]));
        atomic_fetch_add(&mixed->sum, value);
        atomic_fetch_add(&mixed->count, value != 0);
        c = ok[0] ? c : NULL;
        other = ok[1] ? other : NULL;
    }
    weft_waitgroup_done(&mixed->rest);
}

TEST_HELPER void mixed_sleep(struct mixed *mixed, int number)
{
    for (int i = 0; i < 8; i++) {
        int64_t duration = (number * 8 + i) * 30 * WEFT_MICROSECOND, begin = weft_now();
        weft_sleep(duration);
        require(weft_now() - begin >= duration);
    }
    weft_waitgroup_done(&mixed->rest);
}

TEST_HELPER void mixed_tick(struct mixed *mixed)
{
    int64_t before = weft_now(), due;
    weft_timer *ticker = weft_ticker_new(200 * WEFT_MICROSECOND);
    require(ticker != NULL);
    for (int i = 0; i < 5; i++) {
        weft_chan_recv(weft_timer_chan(ticker), &due);
        require(due >= before + 200 * WEFT_MICROSECOND && weft_now() >= due);
        before = due;
    }
    weft_timer_free(ticker);
    weft_waitgroup_done(&mixed->rest);
}

TEST_HELPER void mixed_fire(void *mixed)
{
    atomic_fetch_add(&((struct mixed *)mixed)->fired, 1);
}

/* A plain thread does the same as the others. */
TEST_HELPER void *mixed_thread(void *arg)
{
    struct mixed *mixed = arg;
    for (int i = 1; i <= mixed->turns; i++) {
        weft_chan_send(mixed->other, i);
        weft_mutex_lock(&mixed->mutex);
        mixed->locked++;
        weft_mutex_unlock(&mixed->mutex);
        if (i % 16 == 0) {
            int64_t begin = weft_now();
            weft_sleep(50 * WEFT_MICROSECOND);
            require(weft_now() - begin >= 50 * WEFT_MICROSECOND);
        }
    }
    weft_waitgroup_done(&mixed->senders);
    return NULL;
}

/* In the child, before its first run: a deadlock is not one while these threads may go on, whatever test_child has set. */
TEST_HELPER void mixed_has_threads(void)
{
    unsetenv("WEFT_DEADLOCK");
}

TEST_HELPER int mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct mixed mixed = {.turns = test_iterations(200)};
    weft_timer *timers[MIXED_TIMERS];
    pthread_t threads[MIXED_THREADS];
    require((mixed.c = weft_chan_make(long, 0)) != NULL && (mixed.other = weft_chan_make(long, 3)) != NULL);
    weft_waitgroup_add(&mixed.senders, MIXED_SENDERS + MIXED_THREADS);
    weft_waitgroup_add(&mixed.rest, 2 + MIXED_SLEEPERS + 1);
    for (int i = 0; i < 2; i++)
        require(weft_go(mixed_receive, &mixed) == 0);
    for (int i = 0; i < MIXED_SENDERS; i++)
        require(weft_go(mixed_send, &mixed, i) == 0);
    for (int i = 0; i < MIXED_SLEEPERS; i++)
        require(weft_go(mixed_sleep, &mixed, i) == 0);
    require(weft_go(mixed_tick, &mixed) == 0);
    for (int i = 0; i < MIXED_TIMERS; i++)
        require((timers[i] = weft_after_func(i * 100 * WEFT_MICROSECOND, mixed_fire, &mixed)) != NULL);
    for (int i = 0; i < MIXED_THREADS; i++)
        require(pthread_create(&threads[i], NULL, mixed_thread, &mixed) == 0);
    weft_waitgroup_wait(&mixed.senders);
    weft_chan_close(mixed.c);
    weft_chan_close(mixed.other);
    weft_waitgroup_wait(&mixed.rest);
    while (atomic_load(&mixed.fired) < MIXED_TIMERS)
        weft_sleep(100 * WEFT_MICROSECOND);
    for (int i = 0; i < MIXED_THREADS; i++)
        require(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < MIXED_TIMERS; i++)
        weft_timer_free(timers[i]);
    const long all = (long)(MIXED_SENDERS + MIXED_THREADS) * mixed.turns;
    require(atomic_load(&mixed.count) == all && mixed.locked == all);
    require(atomic_load(&mixed.sum) == all * (mixed.turns + 1) / 2);
    require(atomic_load(&mixed.fired) == MIXED_TIMERS);
    while (weft_goroutines() > 1) /* those that have said that they are done are on their way out */
        weft_yield();
    weft_chan_free(mixed.c);
    weft_chan_free(mixed.other);
    return 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * time_test.c - sleeping, timers, tickers: the catalogue's T entries and D-03, at 1, 2 and 4 processors. Only lower bounds
 * are asserted on the clock. */
#include <stdatomic.h>
#include <string.h>

#include <weft/words.h>

#include "parked.h"
#include "support.h"

#define MS WEFT_MILLISECOND

/* ---- T-01, T-02 ---- */

static void sleep_and_note(int64_t duration, send_chan(int) order, int number)
{
    int64_t start = weft_now();
    weft_sleep(duration);
    test_check(weft_now() - start >= duration);
    chan_send(order, number);
}

static int sleep_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_sleep(0);
    weft_sleep(-5);
    chan(int) order = chan_make(int, 10);
    for (int i = 4; i >= 0; i--)
        go(sleep_and_note, 20 * MS + i * 30 * MS, send_only(order), i);
    for (int i = 0; i < 5; i++)
        test_check(chan_recv(order) >= 0);
    weft_timer *never = weft_timer_new(WEFT_FOREVER); /* saturates; the others still fire */
    weft_timer *soon = weft_timer_new(5 * MS);
    int64_t stamp;
    test_check(chan_select(on_recv(weft_timer_chan(never), &stamp), on_recv(weft_timer_chan(soon), &stamp)) == 1);
    test_check(weft_timer_stop(never));
    weft_timer_free(never);
    weft_timer_free(soon);
    chan_free(order);
    return 0;
}

START_TEST(t01_t02_never_early)
{
    test_run(sleep_app);
}
END_TEST

/* ---- T-03, T-04 ---- */

static int timer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int64_t start = weft_now(), stamp = 0;
    weft_timer *timer = weft_timer_new(10 * MS);
    recv_chan(int64_t) c = weft_timer_chan(timer);
    test_check(chan_len(c) == 0 && chan_cap(c) == 0);
    weft_sleep(20 * MS);
    test_check(chan_len(c) == 0);
    test_check(chan_try_recv(c, &stamp));
    test_check(stamp >= start + 10 * MS && stamp < weft_now() - 5 * MS); /* the due time, not the time of reading */
    test_check(!weft_timer_stop(timer));                                 /* it was received */
    test_check(!weft_timer_reset(timer, 5 * MS));
    weft_sleep(15 * MS);
    test_check(weft_timer_stop(timer)); /* expired but unread */
    test_check(!chan_try_recv(c, &stamp));
    test_check(!weft_timer_stop(timer));
    test_check(!weft_timer_reset(timer, 1));
    weft_sleep(5 * MS);
    test_check(weft_timer_reset(timer, WEFT_HOUR)); /* the old value is gone */
    test_check(!chan_try_recv(c, &stamp));
    start = weft_now();
    weft_timer_reset(timer, 10 * MS);
    stamp = chan_recv(c);
    test_check(stamp >= start + 10 * MS && weft_now() >= stamp);
    weft_timer_free(timer);
    weft_timer_free(NULL);
    return 0;
}

START_TEST(t03_t04_no_stale_value)
{
    test_run(timer_app);
}
END_TEST

/* Stop against expiry: stop false means that a value can be received, true that none ever comes. */
static void stop_result(int turns, weft_waitgroup *wg)
{
    for (int i = 0; i < turns; i++) {
        weft_timer *timer = weft_timer_new((int64_t)(weft_goid() * 7919 + (uint64_t)i * 31) % 3000);
        for (int k = 0; k < i % 5; k++)
            weft_yield();
        if (i % 3 == 0) {
            (void)chan_recv(weft_timer_chan(timer));
            test_check(!weft_timer_stop(timer));
        } else {
            test_check(weft_timer_stop(timer)); /* nobody has received it */
        }
        test_check(!chan_try_recv(weft_timer_chan(timer), NULL));
        weft_timer_free(timer);
    }
    weft_waitgroup_done(wg);
}

static int stop_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    int count = test_goroutines(1000) / 2;
    for (int i = 0; i < count; i++) {
        weft_waitgroup_add(&wg, 1);
        go(stop_result, test_iterations(100), &wg);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(t03_stop_result)
{
    test_run(stop_app);
}
END_TEST

/* ---- T-05 ---- */

static void count_up(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

struct self_stop {
    weft_timer *timer;
    weft_waitgroup wg;
};

static void stops_itself(void *arg)
{
    struct self_stop *self = arg;
    test_check(!weft_timer_stop(self->timer)); /* it has started */
    weft_waitgroup_done(&self->wg);
}

static int func_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static atomic_int counter;
    counter = 0;
    weft_timer *cancelled = weft_after_func(WEFT_HOUR, count_up, &counter);
    test_check(weft_timer_chan_untyped(cancelled) == NULL);
    test_check(weft_timer_stop(cancelled) && !weft_timer_stop(cancelled));
    weft_timer_free(cancelled);
    weft_timer *again = weft_after_func(0, count_up, &counter);
    while (counter == 0)
        weft_sleep(MS);
    test_check(!weft_timer_reset(again, 0));
    while (counter == 1)
        weft_sleep(MS);
    weft_timer_free(again);
    struct self_stop self = {NULL, WEFT_WAITGROUP_INIT};
    weft_waitgroup_add(&self.wg, 1);
    self.timer = weft_after_func(WEFT_HOUR, stops_itself, &self);
    test_check(weft_timer_reset(self.timer, 10 * MS)); /* which it knows by now */
    weft_waitgroup_wait(&self.wg);
    weft_timer_free(self.timer);
    return 0;
}

START_TEST(t05_after_func)
{
    test_run(func_app);
}
END_TEST

/* ---- T-06, T-10 ---- */

static void take_one(recv_chan(int64_t) c, atomic_int *taken)
{
    (void)chan_recv(c);
    atomic_fetch_add(taken, 1);
}

static int ticker_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    test_check(weft_ticker_new(0) == NULL && weft_ticker_new(-1) == NULL);
    weft_timer *ticker = weft_ticker_new(10 * MS);
    recv_chan(int64_t) c = weft_timer_chan(ticker);
    int64_t first = chan_recv(c);
    weft_sleep(45 * MS); /* ticks are dropped, one stays */
    int64_t second = chan_recv(c), third = chan_recv(c);
    test_check((second - first) % (10 * MS) == 0 && (third - second) % (10 * MS) == 0); /* the phase is kept */
    test_check(third > second && second > first);
    weft_timer_stop(ticker);
    test_check(!chan_try_recv(c, NULL)); /* stopped, not closed */
    weft_timer_free(ticker);

    static atomic_int taken;
    static weft_timer *one; /* of the last run: those who waited for it were cut off, and nobody else could free it */
    taken = 0;
    parked_await_lost();
    weft_timer_free(one);
    one = weft_timer_new(10 * MS);
    for (int i = 0; i < 5; i++)
        go(take_one, weft_timer_chan(one), &taken);
    while (taken == 0)
        weft_sleep(MS);
    weft_sleep(20 * MS);
    test_check(taken == 1); /* one tick, one receiver; the others wait on and are cut off */
    return 0;
}

START_TEST(t06_t10_ticker)
{
    test_run(ticker_app);
}
END_TEST

/* ---- T-07: short sleeps never get lost ---- */

static void many_sleeps(int turns, weft_waitgroup *wg)
{
    for (int i = 0; i < turns; i++)
        weft_sleep(i % 7 * 100);
    weft_waitgroup_done(wg);
}

static int zero_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 100; i++) {
        weft_waitgroup_add(&wg, 1);
        go(many_sleeps, test_iterations(2000), &wg);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(t07_zero_timers)
{
    test_run(zero_app);
}
END_TEST

/* ---- T-08: a timer fires though all processors are busy ---- */

static void spin_until(atomic_bool *stop)
{
    while (!*stop)
        weft_yield();
}

static int fairness_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static atomic_bool stop;
    stop = false;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 2 * weft_procs(0); i++)
        weft_waitgroup_go(&wg, spin_until, &stop);
    for (int i = 0; i < 10; i++)
        weft_sleep(MS);
    (void)chan_recv(weft_after(MS));
    stop = true;
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(t08_busy_processors)
{
    test_run(fairness_app);
}
END_TEST

/* ---- T-09 ---- */

static int many_timers_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(5000);
    static atomic_int counter;
    counter = 0;
    weft_timer **timers = calloc((size_t)n, sizeof *timers);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < n; i++)
            timers[i] = weft_after_func(WEFT_HOUR + (i * 7919 % n) * MS, count_up, &counter);
        for (int i = 0; i < n; i++)
            test_check(weft_timer_reset(timers[i], WEFT_HOUR + i));
        for (int i = 0; i < n; i++) {
            test_check(weft_timer_stop(timers[(i * 617) % n]));
            weft_timer_free(timers[(i * 617) % n]);
        }
    }
    free(timers);
    test_check(counter == 0);
    return 0;
}

START_TEST(t09_many_timers)
{
    test_run(many_timers_app);
}
END_TEST

/* ---- D-03 ---- */

static int unread_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_timer *ticker = weft_ticker_new(MS);
    chan(int) c = chan_make(int, 0);
    (void)ticker;
    return chan_recv(c);
}

static int unread_child(void *unused)
{
    char name[] = "test", *argv[] = {name, NULL};
    (void)unused;
    return weft_run(unread_app, 1, argv);
}

START_TEST(d03_a_ticker_nobody_reads_keeps_nothing_alive)
{
    struct test_child child = test_child(unread_child, NULL, 60);
    ck_assert_msg(child.code == 2 && strstr(child.err, "deadlock") != NULL, "exit %d: %s", child.code, child.err);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time");
    TCase *tests = tcase_create("time");
    tcase_add_test(tests, t01_t02_never_early);
    tcase_add_test(tests, t03_t04_no_stale_value);
    tcase_add_test(tests, t03_stop_result);
    tcase_add_test(tests, t05_after_func);
    tcase_add_test(tests, t06_t10_ticker);
    tcase_add_test(tests, t07_zero_timers);
    tcase_add_test(tests, t08_busy_processors);
    tcase_add_test(tests, t09_many_timers);
    tcase_add_test(tests, d03_a_ticker_nobody_reads_keeps_nothing_alive);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

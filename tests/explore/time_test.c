/* SPDX-License-Identifier: Apache-2.0
 *
 * time_test.c - timers in many schedules; the clock may jump to the next one at any step.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include "explore.h"
#include "support.h"

#define DUE 100

static weft_timer *timer;
static recv_chan(int64_t) ticks;
static int64_t start;
static int taken, stopped, calls, calls_after_stop;
static bool is_stopped;
static chan(int) signal_chan;

static void begin(void)
{
    taken = stopped = calls = calls_after_stop = 0;
    is_stopped = false;
    start = weft_now();
    timer = weft_timer_new(DUE);
    ticks = weft_timer_chan(timer);
}

static void passes_time(void)
{
    weft_sleep(DUE);
}

static void relieves(void)
{
    weft_timer_reset(timer, 1);
}

static void frees(void)
{
    weft_timer_free(timer);
}

/* ---- stop against fire and receive: T-03 ---- */

static void stops(void)
{
    stopped += weft_timer_stop(timer);
    int64_t value;
    bool ok;
    explore_check(!chan_try_recv(ticks, &value, &ok)); /* nothing stale */
}

static void tries_to_receive(void)
{
    int64_t value;
    bool ok;
    if (chan_try_recv(ticks, &value, &ok)) {
        explore_check(ok && value == start + DUE && weft_now() >= value);
        taken++;
    }
}

static void end_stopped(void)
{
    explore_check(taken + stopped == 1); /* false: it was received; true: it never will be */
    weft_timer_free(timer);
}

START_TEST(t03_stop_or_receive)
{
    explore(&(struct explore_scenario){.name = "timer_stop",
                                       .goroutines = {stops, tries_to_receive, passes_time},
                                       .begin = begin,
                                       .end = end_stopped});
}
END_TEST

/* A stop with receivers parked: they wait on, until a reset. */
static void receives_any(void)
{
    int64_t due = chan_recv(ticks);
    explore_check(due >= start + 1 && weft_now() >= due);
    taken++;
}
static void stops_only(void)
{
    stopped += weft_timer_stop(timer);
}
static void end_any(void)
{
    explore_check(taken == 1 && stopped <= 1);
    weft_timer_free(timer);
}

START_TEST(t03_t07_stop_while_parked)
{
    explore(&(struct explore_scenario){.name = "timer_stop_parked",
                                       .goroutines = {stops_only, receives_any, passes_time},
                                       .begin = begin,
                                       .end = end_any,
                                       .stuck = relieves});
}
END_TEST

/* A select has found the tick and taken another case: then stop says that it was still to come, and it is gone. */
static void begin_select(void)
{
    begin();
    signal_chan = chan_make(int, 1);
    chan_send(signal_chan, 5);
}
static void selects_and_stops(void)
{
    int64_t due;
    int number;
    weft_sleep(DUE);
    if (chan_select(on_recv(ticks, &due), on_recv(signal_chan, &number)) == 0) {
        explore_check(due == start + DUE);
        taken++;
    }
    stops();
}
static void end_select(void)
{
    chan_free(signal_chan);
    end_stopped();
}

START_TEST(t03_stop_of_a_tick_that_a_select_left)
{
    explore(&(struct explore_scenario){.name = "timer_select_stop",
                                       .goroutines = {selects_and_stops, tries_to_receive},
                                       .begin = begin_select,
                                       .end = end_select});
}
END_TEST

/* ---- reset: earlier and later ---- */

static int64_t reset_to;
static void resets_earlier(void)
{
    reset_to = weft_now() + 10;
    weft_timer_reset(timer, 10);
}
static void receives_after_reset(void)
{
    int64_t due = chan_recv(ticks);
    explore_check(due == start + DUE || (reset_to != 0 && due >= start + 10));
    explore_check(weft_now() >= due);
    taken++;
}
static void resets_later_and_checks(void)
{
    int64_t now = weft_now();
    reset_to = now + 3 * DUE;
    weft_timer_reset(timer, 3 * DUE);
    int64_t value;
    bool ok;
    explore_check(!chan_try_recv(ticks, &value, &ok) || value >= now + 3 * DUE); /* nothing stale */
}
static void begin_reset(void)
{
    reset_to = 0;
    begin();
}
static void end_reset(void)
{
    explore_check(taken >= 1);
    weft_timer_free(timer);
}

START_TEST(t03_t07_reset)
{
    explore(&(struct explore_scenario){.name = "timer_reset_earlier",
                                       .goroutines = {resets_earlier, receives_after_reset, passes_time},
                                       .begin = begin_reset,
                                       .end = end_reset});
    explore(&(struct explore_scenario){.name = "timer_reset_later",
                                       .goroutines = {resets_later_and_checks, receives_after_reset, passes_time},
                                       .begin = begin_reset,
                                       .end = end_reset,
                                       .stuck = relieves});
}
END_TEST

/* ---- one tick for one of several: T-10 ---- */

static void selects_tick(void)
{
    int64_t due;
    int number;
    if (chan_select(on_recv(ticks, &due), on_recv(signal_chan, &number)) == 0) {
        explore_check(due == start + DUE && weft_now() >= due);
        taken++;
    }
}
static void begin_shared(void)
{
    begin();
    signal_chan = chan_make(int, 0);
}
static void releases_losers(void)
{
    chan_close(signal_chan);
}
static void end_shared(void)
{
    explore_check(taken == 1);
    weft_timer_free(timer);
    chan_free(signal_chan);
}

START_TEST(t10_one_tick_one_receiver)
{
    explore(&(struct explore_scenario){.name = "timer_shared",
                                       .goroutines = {selects_tick, selects_tick, selects_tick},
                                       .begin = begin_shared,
                                       .end = end_shared,
                                       .stuck = releases_losers});
}
END_TEST

/* ---- functions: T-05 ---- */

static void counts(void *unused)
{
    (void)unused;
    calls++;
    if (is_stopped)
        calls_after_stop++;
}
static void begin_func(void)
{
    begin();
    weft_timer_free(timer);
    timer = weft_after_func(DUE, counts, NULL);
}
static void stops_func(void)
{
    bool won = weft_timer_stop(timer);
    stopped += won;
    is_stopped = is_stopped || won;
}
static void end_func(void)
{
    explore_check(calls + stopped == 1 && calls_after_stop == 0);
    weft_timer_free(timer);
}
static void resets_func(void)
{
    stopped += weft_timer_reset(timer, DUE);
}
static void end_func_reset(void)
{
    stopped += weft_timer_stop(timer);
    explore_check(calls + stopped == 2); /* the first call or its overtaking, and the second call or its stop */
    weft_timer_free(timer);
}
static void passes_more_time(void)
{
    weft_sleep(5 * DUE);
}
static void resets_func_and_stops(void)
{
    int overtaken = weft_timer_reset(timer, DUE);
    overtaken += weft_timer_stop(timer);
    stopped += overtaken;
}
static void frees_itself(void *unused)
{
    (void)unused;
    weft_timer_free(timer);
    calls++;
}
static void begin_freeing(void)
{
    begin();
    weft_timer_free(timer);
    timer = weft_after_func(DUE, frees_itself, NULL);
}
static void end_freed(void)
{
    explore_check(calls == 1);
}

START_TEST(t05_functions)
{
    explore(&(struct explore_scenario){.name = "func_stop",
                                       .goroutines = {stops_func, stops_func, passes_time},
                                       .begin = begin_func,
                                       .end = end_func});
    explore(&(struct explore_scenario){.name = "func_reset",
                                       .goroutines = {resets_func, passes_more_time},
                                       .begin = begin_func,
                                       .end = end_func_reset});
    explore(&(struct explore_scenario){.name = "func_reset_stop",
                                       .goroutines = {resets_func_and_stops, passes_more_time},
                                       .begin = begin_func,
                                       .end = end_func_reset});
    explore(&(struct explore_scenario){.name = "func_frees_itself",
                                       .goroutines = {passes_time, passes_more_time},
                                       .begin = begin_freeing,
                                       .end = end_freed});
}
END_TEST

/* ---- tickers: T-06 ---- */

static void begin_ticker(void)
{
    begin();
    weft_timer_free(timer);
    timer = weft_ticker_new(DUE);
    ticks = weft_timer_chan(timer);
}
static void receives_two_ticks(void)
{
    int64_t first = chan_recv(ticks), second = chan_recv(ticks);
    explore_check((first - start) % DUE == 0 && (second - start) % DUE == 0 && second > first && weft_now() >= second);
}
static void receives_a_tick(void)
{
    int64_t tick = chan_recv(ticks);
    explore_check((tick - start) % DUE == 0 && tick > start && weft_now() >= tick);
}

START_TEST(t06_tickers)
{
    explore(&(struct explore_scenario){.name = "ticker",
                                       .goroutines = {receives_two_ticks, receives_a_tick, passes_more_time},
                                       .begin = begin_ticker,
                                       .end = frees});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore time");
    TCase *tests = tcase_create("time");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, t03_stop_or_receive);
    tcase_add_test(tests, t03_t07_stop_while_parked);
    tcase_add_test(tests, t03_stop_of_a_tick_that_a_select_left);
    tcase_add_test(tests, t03_t07_reset);
    tcase_add_test(tests, t10_one_tick_one_receiver);
    tcase_add_test(tests, t05_functions);
    tcase_add_test(tests, t06_tickers);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

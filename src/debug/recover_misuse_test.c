/* SPDX-License-Identifier: Apache-2.0
 *
 * recover_misuse_test.c - what a contained panic leaves behind in the objects that were misused: channels, timers, wait groups, onces.
 * They are as they were before. Catalogue: C-06, T-05, W-02, W-05. */
#include <stdatomic.h>
#include <string.h>

#include <weft/recover.h>
#include <weft/words.h>

#include "parked.h"
#include "support.h"

#define MS WEFT_MILLISECOND

static void contain(void (*fn)(void *arg), void *arg, const char *message)
{
    struct weft_panic_info info;
    ck_assert_msg(weft_recover(fn, arg, &info), "no panic: %s", message);
    ck_assert_msg(strstr(info.message, message) != NULL, "\"%s\", not \"%s\"", info.message, message);
}

/* ---- channels ---- */

static void *channel; /* of int */

static void sends(void *c)
{
    int one = 1;
    weft_chan_send_untyped(c, &one);
}

static void try_sends(void *c)
{
    int one = 1;
    (void)weft_chan_try_send_untyped(c, &one);
}

static void selects(void *c)
{
    chan(int) typed = c;
    chan(int) other = channel;
    (void)chan_select(on_send(typed, 1), on_recv(other, NULL));
}

static void closes(void *c)
{
    weft_chan_close_untyped(c);
}

static void frees(void *c)
{
    weft_chan_release_untyped(c);
}

static void recv_one(recv_chan(int) c)
{
    (void)chan_recv(c);
}

static void panics_parked(void (*fn)(void *), chan(int) c)
{
    contain(fn, (void *)c, "send on closed channel");
}

static int channels_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 2);
    chan(int) quiet = chan_make(int, 0);
    channel = (void *)quiet;
    chan_send(c, 7);
    chan_close(c);
    contain(sends, (void *)c, "send on closed channel");
    contain(try_sends, (void *)c, "send on closed channel");
    contain(selects, (void *)c, "send on closed channel");
    contain(closes, (void *)c, "close of closed channel");
    contain(closes, NULL, "close of nil channel");
    ck_assert_int_eq(chan_recv(c), 7); /* its lock is free, its value there */
    ck_assert_uint_eq(chan_len(c), 0);
    chan_free(c);

    /* Parked when the close comes. */
    static void (*const parked[])(void *) = {sends, selects};
    for (int i = 0; i < 2; i++) {
        chan(int) full = chan_make(int, 0);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, panics_parked, parked[i], full);
        parked_await_senders((void *)full, 1);
        chan_close(full);
        weft_waitgroup_wait(&wg);
        chan_free(full);
    }
    /* Freed under a receiver: it is the caller's still. */
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, recv_one, recv_only(quiet));
    parked_await_receivers((void *)quiet, 1);
    contain(frees, (void *)quiet, "free of a channel that goroutines wait on");
    chan_send(quiet, 1);
    weft_waitgroup_wait(&wg);
    chan_free(quiet);
    return 0;
}

START_TEST(c06_channels_after_a_contained_panic)
{
    test_run(channels_app);
}
END_TEST

/* ---- timers ---- */

static void stops(void *timer)
{
    (void)weft_timer_stop(timer);
}

static void resets(void *timer)
{
    (void)weft_timer_reset(timer, 0);
}

static void asks(void *timer)
{
    (void)weft_timer_chan_untyped(timer);
}

static void no_function(void *unused)
{
    (void)unused;
    (void)weft_after_func(MS, NULL, NULL);
}

static void count_up(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

static int timers_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_timer *ticker = weft_ticker_new(MS);
    contain(stops, NULL, "stop of a NULL timer");
    contain(resets, NULL, "reset of a NULL timer");
    contain(asks, NULL, "channel of a NULL timer");
    contain(no_function, NULL, "the function is NULL");
    contain(resets, ticker, "reset of a ticker to a period of 0 ns");
    contain(closes, weft_timer_chan_untyped(ticker), "close of a timer's channel");
    contain(frees, weft_timer_chan_untyped(ticker), "free of a timer's channel");
    (void)chan_recv(weft_timer_chan(ticker));
    weft_timer_free(ticker);
    return 0;
}

static void arms(void *timer)
{
    (void)weft_after_func(MS, count_up, timer);
}

START_TEST(t05_timers_after_a_contained_panic)
{
    test_run(timers_app);
    /* No run is going on: nothing to arm it in, and its lock must be free afterwards. */
    static atomic_int counter;
    contain(arms, &counter, "no run is going on");
}
END_TEST

static weft_timer *kept;
static atomic_int fired;

static int keep_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    kept = weft_after_func(WEFT_HOUR, count_up, &fired);
    return 0;
}

static int again_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    ck_assert(!weft_timer_reset(kept, 0));
    while (atomic_load(&fired) == 0)
        weft_sleep(MS);
    weft_timer_free(kept);
    return 0;
}

START_TEST(t05_reset_outside_a_run_leaves_the_timer_usable)
{
    test_run_at(2, keep_app);
    contain(resets, kept, "no run is going on");
    contain(resets, kept, "no run is going on"); /* the first one has let the lock go */
    test_run_at(2, again_app);
}
END_TEST

/* ---- wait groups ---- */

static void done(void *wg)
{
    weft_waitgroup_done(wg);
}

static void adds_too_much(void *wg)
{
    weft_waitgroup_add(wg, INT32_MAX);
}

static void waits(weft_waitgroup *wg)
{
    weft_waitgroup_wait(wg);
}

static void subtracts_two(void *wg)
{
    weft_waitgroup_add(wg, -2);
}

static int waitgroup_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT, others = WEFT_WAITGROUP_INIT;
    contain(done, &wg, "negative wait group counter");
    weft_waitgroup_wait(&wg); /* it is zero still */
    weft_waitgroup_add(&wg, 1);
    weft_waitgroup_go(&others, waits, &wg);
    parked_await_goroutines(1);
    contain(adds_too_much, &wg, "counter above");
    contain(subtracts_two, &wg, "negative wait group counter");
    weft_waitgroup_done(&wg);
    weft_waitgroup_wait(&others);
    return 0;
}

START_TEST(w02_wait_group_after_a_contained_panic)
{
    test_run(waitgroup_app);
}
END_TEST

/* Waiters that come while the counter is below zero are let go. */
static void misuses(weft_waitgroup *wg, int turns)
{
    for (int i = 0; i < turns; i++)
        contain(done, wg, "negative wait group counter");
}

static void wait_once(void *wg)
{
    weft_waitgroup_wait(wg);
}

/* A waiter that is alone may find that the next misuse has begun already: that is a panic of its own. */
static void waits_often(weft_waitgroup *wg, int turns)
{
    for (int i = 0; i < turns; i++)
        (void)weft_recover(wait_once, wg, NULL);
}

static int waitgroup_race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_waitgroup wg;
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&all, misuses, &wg, test_iterations(5000));
    for (int i = 0; i < 3; i++)
        weft_waitgroup_go(&all, waits_often, &wg, test_iterations(20000));
    weft_waitgroup_wait(&all);
    return 0;
}

START_TEST(w02_waiters_beside_misuse_are_let_go)
{
    test_run(waitgroup_race_app);
}
END_TEST

/* ---- once ---- */

static weft_once once;
static atomic_int calls, let_go;

static void panics_once(void *unused)
{
    (void)unused;
    atomic_fetch_add(&calls, 1);
    weft_sleep(5 * MS);
    weft_panic("in once");
}

static void does_once(void *unused)
{
    (void)unused;
    weft_once_do(&once, panics_once, NULL);
    atomic_fetch_add(&let_go, 1);
}

static void request(void)
{
    (void)weft_recover(does_once, NULL, NULL);
}

static int once_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    once = (weft_once)WEFT_ONCE_INIT;
    atomic_store(&calls, 0);
    atomic_store(&let_go, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 10; i++)
        weft_waitgroup_go(&wg, request);
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(atomic_load(&calls), 1);
    ck_assert_int_eq(atomic_load(&let_go), 9); /* all but the one whose call panicked */
    ck_assert(!weft_recover(does_once, NULL, NULL));
    return 0;
}

START_TEST(w05_once_whose_function_panics_is_done)
{
    test_run(once_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover_misuse");
    TCase *tests = tcase_create("recover_misuse");
    tcase_add_test(tests, c06_channels_after_a_contained_panic);
    tcase_add_test(tests, t05_timers_after_a_contained_panic);
    tcase_add_test(tests, t05_reset_outside_a_run_leaves_the_timer_usable);
    tcase_add_test(tests, w02_wait_group_after_a_contained_panic);
    tcase_add_test(tests, w02_waiters_beside_misuse_are_let_go);
    tcase_add_test(tests, w05_once_whose_function_panics_is_done);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

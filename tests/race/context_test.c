/* SPDX-License-Identifier: Apache-2.0
 *
 * context_test.c - what contexts and scopes order (X-01 to X-06, W-08), and what timers and sleeping do not (T-03, T-05, T-10).
 * test-library: race */
#include <weft/context.h>
#include <weft/scope.h>

#include "race.h"

static weft_context *context;
static chan(int) c;

static void make_context(void)
{
    context = weft_context_with_cancel(weft_context_background());
}

ACTOR writes(void)
{
    shared = 1;
}

ACTOR writes_and_cancels(void)
{
    shared = 1;
    weft_context_cancel_cause(context, -EPIPE);
}

ACTOR cancels_and_writes(void)
{
    weft_context_cancel(context);
    shared = 1;
}

ACTOR writes_and_says(void)
{
    shared = 1;
    reach(1);
}

/* ---- contexts ---- */

ORDERED(x02_a_cancel_before_the_end_of_a_wait_on_done)
{
    make_context();
    go(writes_and_cancels);
    (void)chan_recv(weft_context_done(context));
    shared++;
}

ORDERED(x02_a_cancel_that_wakes)
{
    make_context();
    weft_after_func(WEFT_MILLISECOND, (void (*)(void *))weft_context_cancel, context);
    (void)chan_recv(weft_context_done(context));
    shared++;
}

ORDERED(x02_a_cancel_before_its_error_is_seen)
{
    make_context();
    go(writes_and_cancels);
    while (weft_context_err(context) == 0)
        weft_yield();
    shared++;
    test_check(weft_context_cause(context) == -EPIPE);
}

ORDERED(x02_a_cancel_before_its_cause_is_seen)
{
    make_context();
    go(writes_and_cancels);
    while (weft_context_cause(context) == 0)
        weft_yield();
    shared++;
}

ORDERED(x01_a_cancel_of_the_parent)
{
    make_context();
    weft_context *child = weft_context_with_value(weft_context_with_cancel(context), &shared, &shared);
    go(writes_and_cancels);
    (void)chan_recv(weft_context_done(child));
    ++*(int *)weft_context_value(child, &shared);
}

ORDERED(x03_a_child_that_is_born_cancelled)
{
    make_context();
    go(writes_and_cancels);
    for (;;) {
        weft_context *child = weft_context_with_cancel(context);
        if (weft_context_err(child) != 0)
            break;
        weft_context_free(child);
        weft_yield();
    }
    shared++;
}

RACY(x02_no_error_orders_nothing, writes_and_says)
{
    make_context();
    go(writes_and_says);
    await(1);
    test_check(weft_context_err(context) == 0);
    shared = 2;
}

RACY(x02_after_a_cancel, cancels_and_writes)
{
    make_context();
    go(cancels_and_writes);
    (void)chan_recv(weft_context_done(context));
    shared = 2;
    await_ends();
}

ACTOR writes_the_value_late(weft_context *valued)
{
    *(int *)weft_context_value(valued, &shared) = 1;
}

RACY(x05_a_value_orders_nothing, writes_the_value_late)
{
    weft_context *valued = weft_context_with_value(weft_context_background(), &shared, &shared);
    go(writes_the_value_late, valued);
    *(int *)weft_context_value(valued, &shared) = 2;
    await_ends();
}

static void called(void *arg)
{
    *(int *)arg = shared;
    reach(5);
}

ORDERED(x06_a_function_after_registration_and_cancel)
{
    static int mine;
    make_context();
    mine = 3;
    weft_context_function *function = weft_context_after_func(context, called, &mine);
    go(writes_and_cancels);
    await(5);
    weft_context_function_free(function);
}

ORDERED(x06_a_function_of_a_cancelled_context)
{
    static int mine;
    make_context();
    go(writes_and_cancels);
    await_ends();
    mine = 3;
    weft_context_function *function = weft_context_after_func(context, called, &mine);
    await(5);
    weft_context_function_free(function);
}

static void writes_in_a_function(void *arg)
{
    (void)arg;
    shared = 2;
    reach(5);
}

RACY(x06_a_function_and_what_comes_after_the_cancel, writes_in_a_function)
{
    make_context();
    weft_context_function *function = weft_context_after_func(context, writes_in_a_function, NULL);
    weft_context_cancel(context);
    shared = 1;
    await(5);
    weft_context_function_free(function);
}

ORDERED(x04_a_deadline_after_its_setting)
{
    static int mine;
    shared = 1;
    weft_context *timed = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    weft_context_function *function = weft_context_after_func(timed, called, &mine);
    await(5);
    weft_context_function_free(function);
}

RACY(x04_a_deadline_orders_nothing_else, writes_and_says)
{
    weft_context *timed = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    go(writes_and_says);
    await(1);
    (void)chan_recv(weft_context_done(timed));
    shared = 2;
}

ACTOR receives_with_the_context(int *mine)
{
    int value;
    test_check(chan_recv_ctx(context, c, &value) == 0);
    *mine = shared;
    shared = 2;
}

ORDERED(c01_a_send_with_a_context)
{
    static int mine;
    make_context();
    c = chan_make(int, 0);
    go(receives_with_the_context, &mine);
    shared = 1;
    test_check(chan_send_ctx(context, c, 1) == 0);
    await_ends();
}

ORDERED(x02_a_send_that_is_cancelled)
{
    make_context();
    c = chan_make(int, 0);
    go(writes_and_cancels);
    test_check(chan_send_ctx(context, c, 1) == -ECANCELED);
    shared++;
}

ORDERED(x02_a_sleep_that_is_cancelled)
{
    make_context();
    go(writes_and_cancels);
    test_check(weft_sleep_ctx(context, 100 * WEFT_SECOND) == -ECANCELED);
    shared++;
}

ORDERED(x02_a_lock_that_is_cancelled)
{
    weft_mutex mutex = {0};
    make_context();
    weft_mutex_lock(&mutex);
    go(writes_and_cancels);
    test_check(weft_mutex_lock_ctx(context, &mutex) == -ECANCELED);
    shared++;
}

RACY(c08_the_memory_that_is_received_to_with_a_context, receives_with_the_context)
{
    static int mine;
    make_context();
    c = chan_make(int, 0);
    go(receives_with_the_context, &mine);
    test_check(chan_send_ctx(context, c, 1) == 0);
    shared = 3;
    await_ends();
}

/* ---- scopes ---- */

static int results[10];

ACTOR computes(int i)
{
    results[i] = i;
}

ORDERED(w08_a_scope_joins)
{
    weft_with_scope(scope) {
        for (int i = 0; i < 10; i++)
            weft_scope_go(&scope, computes, i);
    }
    for (int i = 0; i < 10; i++)
        test_check(results[i]++ == i);
}

ORDERED(w08_a_scope_with_a_limit)
{
    weft_with_scope(scope, .limit = 2) {
        for (int i = 0; i < 10; i++)
            weft_scope_go(&scope, computes, i);
        test_check(weft_scope_wait(&scope) == 0);
        for (int i = 0; i < 10; i++)
            test_check(results[i]++ == i);
    }
}

static int fails(void)
{
    shared = 1;
    return -EPIPE;
}

ORDERED(w08_an_error_cancels_the_others)
{
    weft_with_scope(scope) {
        weft_scope_go(&scope, fails);
        (void)chan_recv(weft_context_done(weft_scope_context(&scope)));
        shared++;
        test_check(weft_scope_wait(&scope) == -EPIPE);
    }
}

ACTOR counts(void)
{
    shared++;
}

RACY_PAIR(w08_two_goroutines_of_a_scope, counts, counts)
{
    weft_with_scope(scope) {
        weft_scope_go(&scope, counts);
        weft_scope_go(&scope, counts);
    }
}

RACY(w08_before_the_end_of_a_scope, counts)
{
    weft_with_scope(scope) {
        weft_scope_go(&scope, counts);
        await_ends();
        shared = 2;
    }
}

/* ---- timers and sleeping ---- */

RACY(t01_a_sleep_orders_nothing, writes)
{
    go(writes);
    weft_sleep(20 * WEFT_MILLISECOND);
    await_ends();
    shared = 2;
}

ACTOR receives_the_tick(weft_timer *timer, int *mine)
{
    (void)chan_recv(weft_timer_chan(timer));
    *mine = shared;
    reach(1);
}

ACTOR starts_a_timer(weft_timer *timer)
{
    shared = 1;
    (void)weft_timer_reset(timer, WEFT_MILLISECOND);
}

ORDERED(t03_a_reset_before_its_tick)
{
    static int mine;
    weft_timer *timer = weft_timer_new(INT64_MAX);
    go(receives_the_tick, timer, &mine);
    let_others_park();
    go(starts_a_timer, timer);
    await_ends();
    weft_timer_free(timer);
}

ACTOR writes_and_stops(weft_timer *timer)
{
    shared = 1;
    (void)weft_timer_stop(timer);
    reach(1);
}

RACY(t03_a_stop_orders_nothing, writes_and_stops)
{
    weft_timer *timer = weft_timer_new(INT64_MAX);
    go(writes_and_stops, timer);
    await(1);
    (void)weft_timer_stop(timer);
    shared = 2;
}

ACTOR receives_from(recv_chan(int64_t) ticks, int *mine)
{
    (void)chan_recv(ticks);
    *mine = shared;
}

ORDERED(t03_weft_after_before_its_value)
{
    static int mine;
    shared = 1;
    go(receives_from, weft_after(WEFT_MILLISECOND), &mine);
    await_ends();
}

RACY(t10_two_who_receive_ticks, receives_from)
{
    weft_timer *ticker = weft_ticker_new(WEFT_MILLISECOND);
    go(receives_from, weft_timer_chan(ticker), &shared);
    await_ends();
    (void)chan_recv(weft_timer_chan(ticker));
    shared = 2;
}

static void writes_when_called(void *arg)
{
    *(int *)arg = 2;
    reach(1);
}

ORDERED(t05_the_start_of_a_timer_before_its_call)
{
    shared = 1;
    weft_timer *timer = weft_after_func(WEFT_MILLISECOND, writes_when_called, &shared);
    await(1);
    weft_timer_free(timer);
}

ACTOR sets_anew(weft_timer *timer)
{
    shared = 1;
    (void)weft_timer_reset(timer, WEFT_MILLISECOND);
}

ORDERED(t05_a_reset_before_the_call)
{
    weft_timer *timer = weft_after_func(INT64_MAX / 2, writes_when_called, &shared);
    go(sets_anew, timer);
    await(1);
    await_ends();
    weft_timer_free(timer);
}

RACY(t05_a_call_and_what_comes_after_its_start, writes_when_called)
{
    weft_timer *timer = weft_after_func(WEFT_MILLISECOND, writes_when_called, &shared);
    await(1);
    shared = 3;
    weft_timer_free(timer);
}

/* A call is started by whoever looks after the timers, who has nothing to do with what the others did. */
ACTOR spins_and_writes(void)
{
    for (int i = 0; i < 200; i++)
        weft_yield();
    shared = 1;
    reach(2);
    for (int i = 0; i < 200; i++)
        weft_yield();
}

static void looks_when_called(void *arg)
{
    await(2);
    *(int *)arg = 3;
    reach(3);
}

RACY_PAIR(t05_a_call_follows_nobody_else, spins_and_writes, looks_when_called)
{
    weft_timer *timer = weft_after_func(WEFT_MILLISECOND, looks_when_called, &shared);
    go(spins_and_writes);
    await(3);
    weft_timer_free(timer);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * context_test.c - contexts in many schedules: cancellation against cancellation, children, deadlines, functions, and the waits
 * that it ends.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include <errno.h>

#include "explore.h"
#include "support.h"

#define DUE 100
#define FIRST (-201) /* causes */
#define SECOND (-202)

static weft_context *context, *child;
static weft_context_function *function;
static int cause, calls, stopped, done, left;
static chan(int) channel;

static void begin(void)
{
    context = weft_context_with_cancel(weft_context_background());
    explore_check(context != NULL);
    child = NULL;
    cause = calls = stopped = done = 0;
}
static void end(void)
{
    weft_context_free(context);
}

/* an error, a closed channel, and a cause that is always the same. */
static void check_cancelled(weft_context *cancelled, int err)
{
    bool ok = true, value;
    explore_check(weft_context_err(cancelled) == err);
    explore_check(chan_try_recv(weft_context_done(cancelled), &value, &ok) && !ok);
    int seen = weft_context_cause(cancelled);
    if (cause == 0)
        cause = seen;
    explore_check(seen == cause);
}
static void waits_until_done(void)
{
    bool value;
    explore_check(!chan_recv(weft_context_done(context), &value));
    check_cancelled(context, -ECANCELED);
}
static void looks(void)
{
    for (int i = 0; i < 2; i++)
        if (weft_context_err(context) != 0)
            check_cancelled(context, -ECANCELED);
        else if (weft_context_cause(context) != 0)
            check_cancelled(context, -ECANCELED);
}
static void cancels_first(void)
{
    weft_context_cancel_cause(context, FIRST);
    check_cancelled(context, -ECANCELED);
}
static void cancels_second(void)
{
    weft_context_cancel_cause(context, SECOND);
    check_cancelled(context, -ECANCELED);
}
static void end_cancelled(void)
{
    explore_check(cause == FIRST || cause == SECOND);
    end();
}

START_TEST(x01_x02_cancel_against_cancel)
{
    explore(&(struct explore_scenario){.name = "context_cancel",
                                       .goroutines = {cancels_first, cancels_second, waits_until_done, looks},
                                       .begin = begin,
                                       .end = end_cancelled});
}
END_TEST

/* ---- children: X-03 ---- */

/* Born before the parent's end or after: it is cancelled with its cause. */
static void makes_a_child(void)
{
    bool value, is_late = weft_context_err(context) != 0;
    weft_context *mine = weft_context_with_cancel(context);
    if (is_late)
        check_cancelled(mine, -ECANCELED);
    explore_check(!chan_recv(weft_context_done(mine), &value));
    check_cancelled(mine, -ECANCELED);
    weft_context_free(mine);
}
static void makes_a_grandchild(void)
{
    bool value;
    weft_context *mine = weft_context_with_cancel(context), *below = weft_context_with_cancel(mine);
    explore_check(!chan_recv(weft_context_done(below), &value));
    check_cancelled(below, -ECANCELED);
    check_cancelled(mine, -ECANCELED);
    weft_context_free(mine);
    weft_context_free(below);
}

START_TEST(x03_children)
{
    explore(&(struct explore_scenario){.name = "context_child",
                                       .goroutines = {makes_a_child, cancels_first, makes_a_child},
                                       .begin = begin,
                                       .end = end_cancelled});
    explore(&(struct explore_scenario){.name = "context_grandchild",
                                       .goroutines = {makes_a_grandchild, cancels_first},
                                       .begin = begin,
                                       .end = end_cancelled});
}
END_TEST

/* A child that goes while its parent is cancelled. */
static void begin_child(void)
{
    begin();
    child = weft_context_with_cancel(context);
}
static void frees_child(void)
{
    weft_context_free(child);
}
static void releases_child(void)
{
    weft_context_release(child);
}
static void cancels_child(void)
{
    weft_context_cancel_cause(child, SECOND);
    explore_check(weft_context_cause(child) == SECOND || weft_context_cause(child) == FIRST);
    weft_context_free(child);
}
static void frees_context(void)
{
    weft_context_free(context);
}
static void makes_and_frees(void)
{
    weft_context_free(weft_context_with_cancel(context));
}

START_TEST(x01_children_that_leave)
{
    explore(&(struct explore_scenario){.name = "context_free_child",
                                       .goroutines = {frees_child, cancels_first, makes_and_frees},
                                       .begin = begin_child,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "context_release_child",
                                       .goroutines = {releases_child, cancels_first},
                                       .begin = begin_child,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "context_cancel_child",
                                       .goroutines = {cancels_child, cancels_first, waits_until_done},
                                       .begin = begin_child,
                                       .end = end});
    explore(&(struct explore_scenario){
        .name = "context_free_parent", .goroutines = {frees_child, frees_context}, .begin = begin_child});
}
END_TEST

/* ---- deadlines: X-04 ---- */

static void begin_deadline(void)
{
    begin();
    weft_context_free(context);
    context = weft_context_with_timeout_cause(weft_context_background(), DUE, SECOND);
}
static void check_either(void)
{
    int err = weft_context_err(context);
    explore_check(err == -ETIMEDOUT || err == -ECANCELED);
    check_cancelled(context, err);
    explore_check(cause == (err == -ETIMEDOUT ? SECOND : FIRST));
}
static void waits_for_either(void)
{
    bool value;
    explore_check(!chan_recv(weft_context_done(context), &value));
    check_either();
}
static void cancels_before(void)
{
    weft_context_cancel_cause(context, FIRST);
    check_either();
}
static void makes_a_child_with_a_deadline(void)
{
    bool value;
    weft_context *mine = weft_context_with_timeout(context, DUE / 2);
    explore_check(!chan_recv(weft_context_done(mine), &value));
    int err = weft_context_err(mine);
    explore_check(err == -ETIMEDOUT || err == -ECANCELED);
    weft_context_free(mine);
}
static void passes_time(void)
{
    weft_sleep(DUE);
}

START_TEST(x04_deadlines)
{
    explore(&(struct explore_scenario){.name = "context_deadline",
                                       .goroutines = {cancels_before, waits_for_either, passes_time},
                                       .begin = begin_deadline,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "context_deadline_child",
                                       .goroutines = {makes_a_child_with_a_deadline, cancels_before},
                                       .begin = begin_deadline,
                                       .end = end});
    explore(&(struct explore_scenario){
        .name = "context_deadline_free", .goroutines = {frees_context, passes_time}, .begin = begin_deadline});
}
END_TEST

/* ---- functions: X-06 ---- */

static void counts(void *unused)
{
    (void)unused;
    calls++;
}
static void begin_function(void)
{
    begin();
    function = weft_context_after_func(context, counts, NULL);
}
static void stops(void)
{
    stopped += weft_context_function_stop(function);
}
static void stops_and_frees(void)
{
    stops();
    weft_context_function_free(function);
}
static void frees_function(void)
{
    weft_context_function_free(function);
}
static void end_function(void)
{
    explore_check(calls + stopped == 1);
    end();
}
static void end_function_kept(void)
{
    weft_context_function_free(function);
    end_function();
}
static void end_function_freed(void)
{
    explore_check(calls <= 1);
    end();
}
static void makes_a_function(void)
{
    function = weft_context_after_func(context, counts, NULL);
    weft_context_function_free(function);
}

/* Made before the end or after: it is called. */
static void makes_a_function_that_stays(void)
{
    function = weft_context_after_func(context, counts, NULL);
}
static void end_function_called(void)
{
    explore_check(calls == 1);
    weft_context_function_free(function);
    end();
}

START_TEST(x06_functions)
{
    explore(&(struct explore_scenario){.name = "context_function",
                                       .goroutines = {stops, cancels_first, stops},
                                       .begin = begin_function,
                                       .end = end_function_kept});
    explore(&(struct explore_scenario){.name = "context_function_stop",
                                       .goroutines = {stops_and_frees, cancels_first},
                                       .begin = begin_function,
                                       .end = end_function});
    explore(&(struct explore_scenario){.name = "context_function_free",
                                       .goroutines = {frees_function, cancels_first},
                                       .begin = begin_function,
                                       .end = end_function_freed});
    explore(&(struct explore_scenario){.name = "context_function_late",
                                       .goroutines = {makes_a_function_that_stays, cancels_first},
                                       .begin = begin,
                                       .end = end_function_called});
    explore(&(struct explore_scenario){.name = "context_function_made",
                                       .goroutines = {makes_a_function, cancels_first},
                                       .begin = begin,
                                       .end = end_function_freed});
}
END_TEST

/* ---- waits with a context: exactly one outcome ---- */

static weft_waitgroup *group;

static void begin_group(void)
{
    begin();
    group = calloc(1, sizeof *group);
    explore_check(group != NULL);
    weft_waitgroup_add(group, 1);
    left = 2;
}
static void finishes(void)
{
    done++;
    weft_waitgroup_done(group);
}
/* W-04: the last one frees the group, whose done may still be on its way out. */
static void leave(void)
{
    if (--left > 0)
        return;
    explore_free_watched(group, sizeof *group);
}
static void waits(void)
{
    weft_waitgroup_wait(group);
    explore_check(done == 1);
    leave();
}
static void waits_or_is_cancelled(void)
{
    int error = weft_waitgroup_wait_ctx(context, group);
    explore_check(error == 0 || (error == -ECANCELED && weft_context_err(context) == error));
    explore_check(error != 0 || done == 1);
    leave();
}
static void waits_again_if_cancelled(void)
{
    if (weft_waitgroup_wait_ctx(context, group) != 0)
        weft_waitgroup_wait(group);
    explore_check(done == 1);
    leave();
}

/* Nothing else ends the wait. */
static void is_cancelled(void)
{
    explore_check(weft_waitgroup_wait_ctx(context, group) == -ECANCELED);
}
static void end_group(void)
{
    weft_waitgroup_done(group);
    weft_waitgroup_wait(group);
    free(group);
    end();
}

START_TEST(wait_group_with_a_context)
{
    explore(&(struct explore_scenario){.name = "context_waitgroup_only",
                                       .goroutines = {is_cancelled, cancels_first, is_cancelled},
                                       .begin = begin_group,
                                       .end = end_group});
    explore(&(struct explore_scenario){.name = "context_waitgroup",
                                       .goroutines = {waits_or_is_cancelled, finishes, cancels_first, waits},
                                       .begin = begin_group,
                                       .end = end});
    explore(&(struct explore_scenario){
        .name = "context_waitgroup_again",
        .goroutines = {waits_again_if_cancelled, finishes, cancels_first, waits_again_if_cancelled},
        .begin = begin_group,
        .end = end});
}
END_TEST

static weft_once once;

static void begin_once(void)
{
    begin();
    once = (weft_once)WEFT_ONCE_INIT;
}
static void runs(void *unused)
{
    (void)unused;
    explore_check(++calls == 1);
    explore_point();
    done = 1;
}
static void does_or_is_cancelled(void)
{
    int error = weft_once_do_ctx(context, &once, runs, NULL);
    explore_check(error == 0 || (error == -ECANCELED && weft_context_err(context) == error));
    explore_check(error != 0 || done == 1);
}
static void does(void)
{
    weft_once_do(&once, runs, NULL);
    explore_check(done == 1);
}

START_TEST(once_with_a_context)
{
    explore(&(struct explore_scenario){.name = "context_once",
                                       .goroutines = {does_or_is_cancelled, does, cancels_first, does_or_is_cancelled},
                                       .begin = begin_once,
                                       .end = end});
}
END_TEST

static int sent, received;

static void begin_unbuffered(void)
{
    begin();
    channel = chan_make(int, 0);
    sent = received = 0;
}
static void begin_buffered(void)
{
    begin();
    channel = chan_make(int, 1);
    sent = received = 0;
}
static void sends_or_is_cancelled(void)
{
    int error = weft_chan_send_ctx(context, channel, 7);
    explore_check(error == 0 || (error == -ECANCELED && weft_context_err(context) == error));
    sent += error == 0;
}
static void receives_or_is_cancelled(void)
{
    int value = 0, error = weft_chan_recv_ctx(context, channel, &value);
    explore_check(error == 0 ? value == 7 : error == -ECANCELED && weft_context_err(context) == error);
    received += error == 0;
}
static void tries_to_receive(void)
{
    int value = 0;
    bool ok;
    for (int i = 0; i < 2; i++)
        if (chan_try_recv(channel, &value, &ok)) {
            explore_check(value == 7);
            received++;
        }
}
static void end_channel(void)
{
    explore_check(sent == received + (int)chan_len(channel));
    while (chan_len(channel) > 0)
        explore_check(chan_recv(channel) == 7);
    chan_free(channel);
    end();
}

START_TEST(channels_with_a_context)
{
    explore(&(struct explore_scenario){
        .name = "context_chan",
        .goroutines = {sends_or_is_cancelled, receives_or_is_cancelled, cancels_first, tries_to_receive},
        .begin = begin_unbuffered,
        .end = end_channel});
    explore(&(struct explore_scenario){
        .name = "context_chan_buffered",
        .goroutines = {sends_or_is_cancelled, receives_or_is_cancelled, cancels_first, sends_or_is_cancelled},
        .begin = begin_buffered,
        .end = end_channel});
}
END_TEST

static void sleeps_or_is_cancelled(void)
{
    int64_t start = weft_now();
    int error = weft_sleep_ctx(context, DUE);
    explore_check(error == 0 ? weft_now() >= start + DUE
                             : error == -ECANCELED && weft_context_err(context) == -ECANCELED);
}

START_TEST(sleep_with_a_context)
{
    explore(&(struct explore_scenario){.name = "context_sleep",
                                       .goroutines = {sleeps_or_is_cancelled, cancels_first, sleeps_or_is_cancelled},
                                       .begin = begin,
                                       .end = end});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore context");
    TCase *tests = tcase_create("context");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, x01_x02_cancel_against_cancel);
    tcase_add_test(tests, x03_children);
    tcase_add_test(tests, x01_children_that_leave);
    tcase_add_test(tests, x04_deadlines);
    tcase_add_test(tests, x06_functions);
    tcase_add_test(tests, wait_group_with_a_context);
    tcase_add_test(tests, once_with_a_context);
    tcase_add_test(tests, channels_with_a_context);
    tcase_add_test(tests, sleep_with_a_context);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * context_deadline_test.c - contexts with deadlines: which one counts, what stops the timer, and races of all that may end one; with
 * no run, and after its end. */
#include <weft/recover.h>

#include "contexts.h"

static int deadlines(int argc, char **argv)
{
    (void)argc, (void)argv;
    int64_t now = weft_now(), when = 0;
    weft_context *plain = checked(weft_context_with_cancel(root()));
    test_check(!weft_context_deadline(plain, &when) && when == 0);
    test_check(!weft_context_deadline(root(), NULL));

    weft_context *hour = checked(weft_context_with_deadline_cause(plain, now + WEFT_HOUR, 4));
    weft_context *day = checked(weft_context_with_timeout(hour, 24 * WEFT_HOUR));
    weft_context *ever = checked(weft_context_with_timeout(hour, WEFT_FOREVER));
    weft_context *minute = checked(weft_context_with_deadline(hour, now + WEFT_MINUTE));
    test_check(weft_context_deadline(hour, &when) && when == now + WEFT_HOUR);
    test_check(weft_context_deadline(day, &when) && when == now + WEFT_HOUR);
    test_check(weft_context_deadline(ever, &when) && when == now + WEFT_HOUR);
    test_check(weft_context_deadline(minute, &when) && when == now + WEFT_MINUTE);
    test_check(weft__load_relaxed(&hour->canceller->timer.heap) != NULL);
    test_check(weft__load_relaxed(&day->canceller->timer.heap) == NULL); /* the parent's takes care */

    /* What has passed counts at once; its parent's state was first if there was one. */
    weft_context *past = checked(weft_context_with_deadline_cause(hour, now - 1, 6));
    check_state(past, -ETIMEDOUT, 6);
    weft_context *zero = checked(weft_context_with_timeout(root(), 0));
    check_state(zero, -ETIMEDOUT, -ETIMEDOUT);
    weft_context_cancel_cause(zero, 1);
    check_state(zero, -ETIMEDOUT, -ETIMEDOUT);
    weft_context *under = checked(weft_context_with_deadline_cause(past, now - 2, 8));
    check_state(under, -ETIMEDOUT, 6);

    /* Cancelling stops the timer, and the time-out's cause does not count. */
    weft_context_cancel(hour);
    check_state(hour, -ECANCELED, -ECANCELED);
    check_state(minute, -ECANCELED, -ECANCELED);
    test_check(weft__load_relaxed(&hour->canceller->timer.heap) == NULL);
    test_check(weft__load_relaxed(&minute->canceller->timer.heap) == NULL);
    weft_context *all[] = {plain, hour, day, ever, minute, past, zero, under};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        weft_context_free(all[i]);

    /* It fires, not early, here and below, with its own cause. */
    weft_context *soon = checked(weft_context_with_timeout_cause(root(), 5 * WEFT_MILLISECOND, 12));
    weft_context *child = checked(weft_context_with_timeout_cause(soon, WEFT_HOUR, 13));
    test_check(weft_context_deadline(child, &when));
    weft_chan_recv(weft_context_done(child));
    test_check(weft_now() >= when);
    check_state(child, -ETIMEDOUT, 12);
    check_state(soon, -ETIMEDOUT, 12);
    weft_context_free(soon);
    weft_context_free(child);
    return 0;
}

START_TEST(x04_deadlines)
{
    test_run(deadlines);
}
END_TEST

/* Deadline, cancel, a child's birth and the last release, all at once. */
static void use_and_release(weft_context *context, int turn)
{
    weft_context *child = checked(weft_context_with_timeout(context, turn % 40 * WEFT_MICROSECOND));
    if (turn % 3 == 0)
        weft_context_cancel_cause(context, 2);
    if (turn % 5 == 0) {
        weft_chan_recv(weft_context_done(child));
        test_check(weft_context_err(child) == -ETIMEDOUT || weft_context_cause(child) == 2 ||
                   weft_context_cause(child) == -ECANCELED);
    }
    weft_context_free(child);
    weft_context_release(context);
}

static int storm(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(10000); turn++) {
        weft_context *context = checked(weft_context_with_timeout(root(), turn % 60 * WEFT_MICROSECOND));
        weft_waitgroup done = {0};
        for (int i = 0; i < 3; i++)
            weft_waitgroup_go(&done, use_and_release, weft_context_retain(context), turn + i);
        if (turn % 7 == 0)
            weft_yield();
        weft_context_free(context);
        if (turn % 16 == 0)
            weft_sleep(30 * WEFT_MICROSECOND);
        weft_waitgroup_wait(&done);
    }
    return 0;
}

START_TEST(x04_deadline_cancel_and_free_race)
{
    test_run(storm);
}
END_TEST

/* A deadline that the end of its run takes with it: the context is usable and can be freed. */
static weft_context *left_over;

static int leave_a_deadline(int argc, char **argv)
{
    (void)argc, (void)argv;
    left_over = checked(weft_context_with_timeout(root(), WEFT_HOUR));
    return 0;
}

START_TEST(x04_a_deadline_ends_with_its_run)
{
    test_run_at(2, leave_a_deadline);
    check_state(left_over, 0, 0);
    weft_context_cancel(left_over);
    check_state(left_over, -ECANCELED, -ECANCELED);
    weft_context_free(left_over);
}
END_TEST

/* Without a run there are no timers. The refusal leaves nothing in the parent. */
static void make_timeout(void *parent)
{
    weft_context_free(weft_context_with_timeout(parent, WEFT_HOUR));
}

START_TEST(x04_a_deadline_needs_a_run)
{
    struct weft_panic_info info;
    weft_context *parent = checked(weft_context_with_cancel(root()));
    ck_assert(weft_recover(make_timeout, parent, &info));
    ck_assert_str_eq(info.message, "timer armed while no run is going on: call it between the start and the end of "
                                   "weft_run's function");
    ck_assert(weft__link_is_alone(&parent->canceller->children));
    ck_assert_uint_eq(weft__load_relaxed(&parent->references), 1);
    weft_context *late = checked(weft_context_with_timeout(parent, -1)); /* it needs none */
    check_state(late, -ETIMEDOUT, -ETIMEDOUT);
    weft_context_free(late);
    weft_context_free(parent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context_deadline");
    TCase *tests = tcase_create("context_deadline");
    tcase_add_test(tests, x04_deadlines);
    tcase_add_test(tests, x04_deadline_cancel_and_free_race);
    tcase_add_test(tests, x04_a_deadline_ends_with_its_run);
    tcase_add_test(tests, x04_a_deadline_needs_a_run);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

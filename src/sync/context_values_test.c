/* SPDX-License-Identifier: Apache-2.0
 *
 * context_values_test.c - what contexts carry, values and functions; what is refused, and the background. */
#include "contexts.h"

/* --- X-05, values ------------------------------------------------------------------------------------------------------ */

static int values(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int one, two, three;
    char a, b, c;
    weft_context *parent = checked(weft_context_with_timeout(root(), WEFT_HOUR));
    weft_context *first = checked(weft_context_with_value(parent, &one, &a));
    weft_context *middle = checked(weft_context_with_cancel(first));
    weft_context *second = checked(weft_context_with_value(middle, &two, &b));
    weft_context *hidden = checked(weft_context_with_value(second, &one, &c));
    weft_context *detached = checked(weft_context_without_cancel(hidden));
    weft_context *below = checked(weft_context_with_cancel(detached));

    test_check(weft_context_value(root(), &one) == NULL);
    test_check(weft_context_value(middle, &one) == &a && weft_context_value(middle, &two) == NULL);
    test_check(weft_context_value(second, &one) == &a && weft_context_value(second, &two) == &b);
    test_check(weft_context_value(hidden, &one) == &c && weft_context_value(hidden, &three) == NULL);
    test_check(weft_context_value(below, &one) == &c && weft_context_value(below, &two) == &b);

    weft_context_cancel(parent);
    check_state(hidden, -ECANCELED, -ECANCELED);
    check_state(detached, 0, 0);
    check_state(below, 0, 0);
    test_check(!weft_context_deadline(below, NULL));
    test_check(weft_context_done(detached) == NULL);
    weft_context_cancel(below);
    check_state(below, -ECANCELED, -ECANCELED);
    weft_context *all[] = {parent, first, middle, second, hidden, detached, below};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        weft_context_free(all[i]);
    return 0;
}

START_TEST(x05_values_and_what_is_detached)
{
    test_run(values);
}
END_TEST

/* --- X-06 -------------------------------------------------------------------------------------------------------------- */

struct call {
    int count; /* atomic */
    uint64_t id;
    weft_waitgroup done;
    weft_context_function *handle;
};

static void note(void *arg)
{
    struct call *call = arg;
    call->id = weft_goid();
    if (call->handle != NULL)
        test_check(!weft_context_function_stop(call->handle)); /* its own: it has started */
    __atomic_add_fetch(&call->count, 1, __ATOMIC_RELAXED);
    weft_waitgroup_done(&call->done);
}

static int functions(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_context *context = checked(weft_context_with_cancel(root()));
    struct call early = {0}, stopped = {0}, late = {0};
    weft_waitgroup_add(&early.done, 1);
    weft_waitgroup_add(&late.done, 1);
    weft_context_function *first = weft_context_after_func(context, note, &early);
    weft_context_function *second = weft_context_after_func(context, note, &stopped);
    early.handle = first;
    test_check(first != NULL && second != NULL);
    test_check(weft_context_function_stop(second));
    test_check(!weft_context_function_stop(second));
    weft_context_cancel(context);
    weft_waitgroup_wait(&early.done);
    test_check(early.id != 0 && early.id != weft_goid());
    test_check(!weft_context_function_stop(first));

    weft_context_function *third = weft_context_after_func(context, note, &late); /* cancelled already: now */
    weft_waitgroup_wait(&late.done);
    test_check(late.id != weft_goid() && !weft_context_function_stop(third));
    test_check(stopped.count == 0 && early.count == 1 && late.count == 1);

    weft_context_function *never = weft_context_after_func(root(), note, &stopped);
    test_check(weft_context_function_stop(never) && !weft_context_function_stop(never));

    weft_context_free(context); /* handles keep it */
    weft_context_function *all[] = {first, second, third, never};
    for (int i = 0; i < 4; i++)
        weft_context_function_free(all[i]);
    return 0;
}

START_TEST(x06_functions)
{
    test_run(functions);
}
END_TEST

static int stop_race(int argc, char **argv)
{
    (void)argc, (void)argv;
    int prevented = 0, turns = test_iterations(20000);
    for (int turn = 0; turn < turns; turn++) {
        weft_context *context = checked(weft_context_with_cancel(root()));
        struct call call = {0};
        weft_waitgroup_add(&call.done, 1);
        weft_context_function *handle = weft_context_after_func(context, note, &call);
        weft_waitgroup canceller = {0};
        weft_waitgroup_go(&canceller, weft_context_cancel, context);
        if (turn % 2 != 0)
            weft_yield();
        bool stopped = weft_context_function_stop(handle);
        if (turn % 4 < 2)
            weft_context_function_free(handle);
        if (!stopped)
            weft_waitgroup_wait(&call.done); /* stop said that it starts: it does */
        weft_waitgroup_wait(&canceller);
        if (stopped)
            weft_yield();
        test_check(__atomic_load_n(&call.count, __ATOMIC_RELAXED) == (stopped ? 0 : 1));
        prevented += stopped;
        if (turn % 4 >= 2)
            weft_context_function_free(handle);
        weft_context_free(context);
    }
    test_check(turns < 100 || prevented > 0);
    return 0;
}

START_TEST(x06_stop_is_true_if_and_only_if_it_prevented)
{
    test_run(stop_race);
}
END_TEST

/* --- X-07, misuse ------------------------------------------------------------------------------------------------------ */

static int key;
static int misuse;

static int misused(int argc, char **argv)
{
    (void)argc, (void)argv;
    switch (misuse) {
    case 0:
        weft_context_with_cancel(NULL);
        break;
    case 1:
        weft_context_with_timeout(NULL, 1);
        break;
    case 2:
        weft_context_with_value(NULL, &key, &key);
        break;
    case 3:
        weft_context_without_cancel(NULL);
        break;
    case 4:
        weft_context_with_value(root(), NULL, &key);
        break;
    case 5:
        weft_context_err(NULL);
        break;
    case 6:
        weft_context_cancel(NULL);
        break;
    case 7:
        weft_context_cancel(root());
        break;
    case 8:
        weft_context_cancel(weft_context_with_value(root(), &key, &key));
        break;
    case 9:
        weft_chan_close_untyped(weft_context_done_untyped(weft_context_with_cancel(root())));
        break;
    case 10:
        weft_chan_release_untyped(weft_context_done_untyped(weft_context_with_cancel(root())));
        break;
    case 11:
        weft_context_after_func(root(), NULL, NULL);
        break;
    case 12:
        weft_sleep_ctx(NULL, 1);
        break;
    default:
        return 1;
    }
    return 0;
}

static int misused_child(void *arg)
{
    misuse = *(int *)arg;
    return weft_run(misused, 0, NULL);
}

START_TEST(x07_what_is_refused)
{
    static const char *const texts[] = {
        "panic: context: the parent is NULL",
        "panic: context: the parent is NULL",
        "panic: context: the parent is NULL",
        "panic: context: the parent is NULL",
        "panic: context: the key is NULL",
        "panic: context: the context is NULL",
        "panic: context: the context is NULL",
        "panic: cancel of a context that weft_context_with_cancel",
        "panic: cancel of a context that weft_context_with_cancel",
        "panic: close of a context's channel",
        "panic: free of a context's channel",
        "panic: context: the function is NULL",
        "panic: context: the context is NULL",
    };
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
        struct test_child child = test_child(misused_child, &i, 30);
        test_child_check(child, 2, texts[i]);
        test_child_free(&child);
    }
}
END_TEST

static int nil_done(int argc, char **argv)
{
    (void)argc, (void)argv;
    test_check(weft_context_background() == root());
    test_check(weft_context_done(root()) == NULL);
    test_check(weft_context_err(root()) == 0 && weft_context_cause(root()) == 0);
    test_check(weft_context_current() == root());
    test_check(chan_select(weft_on_done(root()), otherwise()) == 1);
    test_check(chan_select(weft_on_done(root()), on_timeout(WEFT_MILLISECOND)) == 1);
    weft_context_free(weft_context_retain(root())); /* no effect */
    weft_context_release(root());
    weft_context_free(NULL);
    weft_context_release(NULL);

    weft_context *context = checked(weft_context_with_cancel(root()));
    test_check(chan_select(weft_on_done(context), otherwise()) == 1);
    weft_context_cancel(context);
    test_check(chan_select(on_timeout(WEFT_HOUR), weft_on_done(context)) == 1);
    weft_context_free(context);
    return 0;
}

START_TEST(x07_background_has_a_nil_done)
{
    test_run(nil_done);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context_values");
    TCase *tests = tcase_create("context_values");
    tcase_add_test(tests, x05_values_and_what_is_detached);
    tcase_add_test(tests, x06_functions);
    tcase_add_test(tests, x06_stop_is_true_if_and_only_if_it_prevented);
    tcase_add_test(tests, x07_what_is_refused);
    tcase_add_test(tests, x07_background_has_a_nil_done);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

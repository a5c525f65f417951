/* SPDX-License-Identifier: Apache-2.0
 *
 * context_test.c - contexts: the tree, errors and causes, deadlines, values, functions. The calls that take a context are
 * tested in context_calls_test.c, the waits below them in cancel_test.c. */
#include <errno.h>
#include <pthread.h>

#include <weft/recover.h>
#include <weft/words.h>

#include "sync/context.h"

#include "support.h"

static weft_context *root(void)
{
    return weft_context_background();
}

static weft_context *checked(weft_context *context)
{
    test_check(context != NULL);
    return context;
}

static bool done_is_closed(weft_context *context)
{
    bool value = true, ok = true;
    if (!weft_chan_try_recv(weft_context_done(context), &value, &ok))
        return false;
    test_check(!ok && !value);
    return true;
}

/* Cancelled like this, and done says so. */
static void check_state(weft_context *context, int err, int cause)
{
    test_check(weft_context_err(context) == err);
    test_check(weft_context_cause(context) == cause);
    test_check(done_is_closed(context) == (err != 0));
}

/* --- X-01 -------------------------------------------------------------------------------------------------------------- */

static int tree(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int key;
    weft_context *top = checked(weft_context_with_cancel(root()));
    weft_context *left = checked(weft_context_with_cancel(top));
    weft_context *value = checked(weft_context_with_value(top, &key, top));
    weft_context *right = checked(weft_context_with_cancel(value));
    weft_context *leaf = checked(weft_context_with_cancel(right));

    check_state(leaf, 0, 0);
    weft_context_cancel_cause(right, 7);
    weft_context_cancel_cause(right, 8);
    check_state(right, -ECANCELED, 7);
    check_state(leaf, -ECANCELED, 7);
    check_state(top, 0, 0);
    check_state(value, 0, 0);
    check_state(left, 0, 0);
    test_check(weft__link_is_alone(&right->canceller->sibling)); /* off its parent's list */
    weft_context_cancel(top);
    weft_context_cancel(top);
    check_state(top, -ECANCELED, -ECANCELED);
    check_state(left, -ECANCELED, -ECANCELED);
    check_state(value, -ECANCELED, -ECANCELED);
    check_state(right, -ECANCELED, 7);
    /* Parents go before their children: these hold references. */
    weft_context_free(top);
    weft_context_free(value);
    weft_context_free(right);
    weft_context_free(left);
    check_state(leaf, -ECANCELED, 7);
    test_check(weft_context_value(leaf, &key) == top);
    weft_context_free(leaf);
    return 0;
}

START_TEST(x01_x02_cancel_reaches_what_is_below)
{
    test_run(tree);
}
END_TEST

/* A chain too long for recursion, cancelled from its top and freed from its bottom. */
static int chain(int argc, char **argv)
{
    (void)argc, (void)argv;
    int depth = test_iterations(200000);
    weft_context *top = checked(weft_context_with_cancel(root())), *last = weft_context_retain(top);
    for (int i = 0; i < depth; i++) {
        weft_context *next = checked(weft_context_with_cancel(last));
        weft_context_release(last);
        last = next;
    }
    weft_context_cancel_cause(top, 5);
    check_state(last, -ECANCELED, 5);
    weft_context_free(top);
    weft_context_free(last);
    return 0;
}

START_TEST(x01_a_chain_of_any_depth)
{
    test_run_at(2, chain);
}
END_TEST

#define WINDOW 1000

static int many_children(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_context *parent = checked(weft_context_with_cancel(root()));
    static weft_context *children[WINDOW];
    memset(children, 0, sizeof children);
    int count = test_iterations(1000000);
    for (int i = 0; i < count; i++) {
        weft_context **place = &children[(unsigned)i * 7919u % WINDOW]; /* from the middle of the list */
        weft_context_free(*place);
        *place = checked(weft_context_with_cancel(parent));
    }
    for (int i = 0; i < WINDOW; i++)
        weft_context_free(children[i]);
    test_check(weft__link_is_alone(&parent->canceller->children));
    test_check(weft__load_relaxed(&parent->references) == 1);
    weft_context_free(parent);
    return 0;
}

START_TEST(x01_a_million_children_leave_nothing)
{
    test_run_at(1, many_children);
}
END_TEST

static int wide(int argc, char **argv)
{
    (void)argc, (void)argv;
    int count = test_iterations(200000);
    weft_context **children = calloc((size_t)count, sizeof *children);
    weft_context *parent = checked(weft_context_with_cancel(root()));
    for (int i = 0; i < count; i++)
        children[i] = checked(weft_context_with_cancel(parent));
    weft_context_cancel_cause(parent, 3);
    test_check(weft__link_is_alone(&parent->canceller->children));
    for (int i = 0; i < count; i++) {
        check_state(children[i], -ECANCELED, 3);
        weft_context_free(children[i]);
    }
    weft_context_free(parent);
    free(children);
    return 0;
}

START_TEST(x01_many_children_at_once)
{
    test_run_at(2, wide);
}
END_TEST

/* Children that cancel themselves, and are freed, while their parent's cancellation walks over them. */
static void child_life(weft_context *child, int delay)
{
    for (int i = 0; i < delay; i++)
        __asm__ __volatile__("" ::: "memory");
    if (delay % 3 == 0)
        weft_context_cancel_cause(child, 1);
    if (delay % 3 == 1)
        weft_context_release(child); /* goes without being cancelled by itself */
    else
        weft_context_free(child);
}

static int walk_race(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(4000); turn++) {
        weft_context *parent = checked(weft_context_with_cancel(root()));
        weft_waitgroup done = {0};
        for (int i = 0; i < 20; i++) {
            weft_context *child = checked(weft_context_with_cancel(parent));
            weft_waitgroup_go(&done, child_life, child, (turn * 31 + i * 17) % 200);
        }
        weft_context_free(parent); /* children hold it */
        weft_waitgroup_wait(&done);
    }
    return 0;
}

START_TEST(x01_cancel_races_the_end_of_children)
{
    test_run(walk_race);
}
END_TEST

/* --- X-02 -------------------------------------------------------------------------------------------------------------- */

static void watch_error_first(weft_context *context)
{
    while (weft_context_err(context) == 0)
        weft_yield();
    test_check(done_is_closed(context));
    test_check(weft_context_cause(context) != 0);
}

static void watch_done_first(weft_context *context)
{
    while (!done_is_closed(context))
        weft_yield();
    test_check(weft_context_err(context) != 0);
}

static void wait_for_done(weft_context *context)
{
    weft_chan_recv(weft_context_done(context));
    test_check(weft_context_err(context) != 0);
    test_check(weft_context_cause(context) != 0);
}

static void cancel_and_look(weft_context *context, int cause, int *seen)
{
    weft_context_cancel_cause(context, cause);
    test_check(weft_context_err(context) == -ECANCELED); /* the loser's return, too, comes after the cancellation */
    *seen = weft_context_cause(context);
}

static int err_done(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(10000); turn++) {
        weft_context *parent = checked(weft_context_with_cancel(root()));
        weft_context *context = checked(weft_context_with_cancel(parent));
        weft_waitgroup done = {0};
        int seen[2];
        weft_waitgroup_go(&done, watch_error_first, context);
        weft_waitgroup_go(&done, watch_done_first, context);
        weft_waitgroup_go(&done, wait_for_done, context);
        weft_waitgroup_go(&done, cancel_and_look, context, 11, &seen[0]);
        weft_waitgroup_go(&done, cancel_and_look, context, 22, &seen[1]);
        weft_context_cancel_cause(parent, 33);
        weft_waitgroup_wait(&done);
        test_check(seen[0] == seen[1] && (seen[0] == 11 || seen[0] == 22 || seen[0] == 33));
        test_check(weft_context_cause(context) == seen[0] && weft_context_cause(parent) == 33);
        weft_context_free(context);
        weft_context_free(parent);
    }
    return 0;
}

START_TEST(x02_error_and_done_go_together_and_the_first_cause_wins)
{
    test_run(err_done);
}
END_TEST

/* --- X-03 -------------------------------------------------------------------------------------------------------------- */

static void have_children(weft_context *parent, int *stop)
{
    static const int key;
    bool was_cancelled = false;
    while (!was_cancelled) {
        was_cancelled = __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0;
        weft_context *value = checked(weft_context_with_value(parent, &key, NULL));
        weft_context *child = checked(weft_context_with_cancel(value));
        weft_context *timed = checked(weft_context_with_timeout(child, WEFT_HOUR));
        if (was_cancelled) {
            check_state(child, -ECANCELED, 9);
            check_state(timed, -ECANCELED, 9);
        }
        weft_context *mine[] = {value, child, timed};
        for (int i = 0; i < 3; i++)
            weft_context_free(mine[i]);
        if (!was_cancelled)
            weft_yield();
    }
}

static void have_one_child(weft_context *parent, weft_context **child)
{
    *child = checked(weft_context_with_cancel(parent));
}

static int births(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(3000); turn++) {
        weft_context *parent = checked(weft_context_with_cancel(root())), *late[4];
        weft_waitgroup done = {0};
        int stop = 0;
        weft_waitgroup_go(&done, have_children, parent, &stop);
        for (int i = 0; i < 4; i++)
            weft_waitgroup_go(&done, have_one_child, parent, &late[i]);
        if (turn % 2 != 0)
            weft_yield();
        weft_context_cancel_cause(parent, 9);
        __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
        weft_waitgroup_wait(&done);
        for (int i = 0; i < 4; i++) { /* born before or after: cancelled */
            check_state(late[i], -ECANCELED, 9);
            weft_context_free(late[i]);
        }
        test_check(weft__link_is_alone(&parent->canceller->children));
        weft_context_free(parent);
    }
    return 0;
}

START_TEST(x03_born_cancelled)
{
    test_run(births);
}
END_TEST

/* --- X-04 -------------------------------------------------------------------------------------------------------------- */

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

/* --- plain threads, outside a run too ---------------------------------------------------------------------------------- */

static void *cancel_soon(void *arg)
{
    usleep(2000);
    weft_context_cancel_cause(arg, 17);
    return NULL;
}

START_TEST(x01_threads_without_a_run)
{
    for (int i = 0; i < 20; i++) {
        weft_context *parent = checked(weft_context_with_cancel(root()));
        weft_context *context = checked(weft_context_with_cancel(parent));
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, parent), 0);
        weft_chan_recv(weft_context_done(context));
        check_state(context, -ECANCELED, 17);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        weft_context_free(context);
        weft_context_free(parent);
    }
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

static Suite *suite(void)
{
    Suite *suite = suite_create("sync/context");
    TCase *tests = tcase_create("context");
    tcase_add_test(tests, x01_x02_cancel_reaches_what_is_below);
    tcase_add_test(tests, x01_a_chain_of_any_depth);
    tcase_add_test(tests, x01_a_million_children_leave_nothing);
    tcase_add_test(tests, x01_many_children_at_once);
    tcase_add_test(tests, x01_cancel_races_the_end_of_children);
    tcase_add_test(tests, x02_error_and_done_go_together_and_the_first_cause_wins);
    tcase_add_test(tests, x03_born_cancelled);
    tcase_add_test(tests, x04_deadlines);
    tcase_add_test(tests, x04_deadline_cancel_and_free_race);
    tcase_add_test(tests, x05_values_and_what_is_detached);
    tcase_add_test(tests, x06_functions);
    tcase_add_test(tests, x06_stop_is_true_if_and_only_if_it_prevented);
    tcase_add_test(tests, x07_what_is_refused);
    tcase_add_test(tests, x07_background_has_a_nil_done);
    tcase_add_test(tests, x01_threads_without_a_run);
    tcase_add_test(tests, x04_a_deadline_ends_with_its_run);
    tcase_add_test(tests, x04_a_deadline_needs_a_run);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return test_main(suite());
}

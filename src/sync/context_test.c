/* SPDX-License-Identifier: Apache-2.0
 *
 * context_test.c - the tree of contexts: what a cancellation reaches, errors and causes, children that are born meanwhile (X-01 to
 * Deadlines: context_deadline_test.c; values and functions: context_values_test.c; the calls that take a context:
 * context_calls_test.c; the waits below them: cancel_test.c. */
#include <pthread.h>

#include "contexts.h"

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

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tests = tcase_create("context");
    tcase_add_test(tests, x01_x02_cancel_reaches_what_is_below);
    tcase_add_test(tests, x01_a_chain_of_any_depth);
    tcase_add_test(tests, x01_a_million_children_leave_nothing);
    tcase_add_test(tests, x01_many_children_at_once);
    tcase_add_test(tests, x01_cancel_races_the_end_of_children);
    tcase_add_test(tests, x02_error_and_done_go_together_and_the_first_cause_wins);
    tcase_add_test(tests, x03_born_cancelled);
    tcase_add_test(tests, x01_threads_without_a_run);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * once_test.c - the catalogue's W-05, and W-04 for the once, at 1, 2 and 4 processors. */
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "support.h"

struct lazy {
    weft_once once;
    int value; /* plain: ThreadSanitizer reports what the once fails to order */
    int users;
    int way; /* how the call ends */
};

enum { AT_ONCE, YIELDING, SLEEPING, EXITING, EXITING_LATE, WAYS };

static void init(void *arg)
{
    struct lazy *lazy = arg;
    if (lazy->way == YIELDING)
        for (int i = 0; i < 3; i++)
            weft_yield();
    if (lazy->way == SLEEPING || lazy->way == EXITING_LATE)
        weft_sleep(50 * WEFT_MICROSECOND);
    lazy->value++;
    if (lazy->way == EXITING || lazy->way == EXITING_LATE)
        weft_exit();
}

/* W-04: whoever is the last to return frees, at once. The one whose call ends by weft_exit returns from nothing, so that it is
 * done when its deferred calls are. */
static void leave(void *arg)
{
    struct lazy *lazy = arg;
    if (__atomic_sub_fetch(&lazy->users, 1, __ATOMIC_ACQ_REL) == 0) {
        memset(lazy, 0xAA, sizeof *lazy);
        free(lazy);
    }
}

static void use(struct lazy *lazy)
{
    weft_defer(leave, lazy);
    weft_once_do(&lazy->once, init, lazy);
    test_check(lazy->value == 1);
    weft_once_do(&lazy->once, init, lazy);
    test_check(lazy->value == 1);
}

static int race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < n; i++) {
        struct lazy *lazy = calloc(1, sizeof *lazy);
        lazy->users = i % 8 + 1;
        lazy->way = i % 5 == 0 ? i / 5 % WAYS : i % 2;
        for (int k = lazy->users; k > 0; k--)
            test_check(weft_waitgroup_go(&wg, use, lazy) == 0);
        if (i % 50 == 49)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w05_w04_others_wait_for_the_end)
{
    test_run(race_app);
}
END_TEST

/* The others really do wait: none returns before the call has ended. */
struct slow {
    weft_once once;
    bool may_end, has_ended;
    int returned;
};

static void slow_init(void *arg)
{
    struct slow *slow = arg;
    while (!__atomic_load_n(&slow->may_end, __ATOMIC_ACQUIRE))
        weft_yield();
    slow->has_ended = true;
}

static void use_slow(struct slow *slow)
{
    weft_once_do(&slow->once, slow_init, slow);
    test_check(slow->has_ended);
    __atomic_fetch_add(&slow->returned, 1, __ATOMIC_RELAXED);
}

static int slow_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct slow slow;
    memset(&slow, 0, sizeof slow);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 10; i++)
        test_check(weft_waitgroup_go(&wg, use_slow, &slow) == 0);
    for (int i = 0; i < 100; i++) {
        weft_yield();
        test_check(__atomic_load_n(&slow.returned, __ATOMIC_RELAXED) == 0);
    }
    __atomic_store_n(&slow.may_end, true, __ATOMIC_RELEASE);
    weft_waitgroup_wait(&wg);
    test_check(slow.returned == 10);
    return 0;
}

START_TEST(w05_nobody_returns_before_the_end)
{
    test_run(slow_app);
}
END_TEST

/* Plain threads beside goroutines, and alone. */
static void *use_in_thread(void *arg)
{
    struct lazy *lazy = arg;
    weft_once_do(&lazy->once, init, lazy);
    test_check(lazy->value == 1);
    return NULL;
}

static void use_beside_threads(struct lazy *lazy)
{
    (void)use_in_thread(lazy);
}

static int mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(200);
    for (int i = 0; i < n; i++) {
        struct lazy lazy;
        memset(&lazy, 0, sizeof lazy);
        lazy.way = i % 2 == 0 ? SLEEPING : AT_ONCE;
        pthread_t threads[3];
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int k = 0; k < 3; k++) {
            test_check(weft_waitgroup_go(&wg, use_beside_threads, &lazy) == 0);
            test_check(pthread_create(&threads[k], NULL, use_in_thread, &lazy) == 0);
        }
        weft_waitgroup_wait(&wg);
        for (int k = 0; k < 3; k++)
            weft_blocking
            {
                pthread_join(threads[k], NULL);
            }
        test_check(lazy.value == 1);
    }
    return 0;
}

START_TEST(w05_threads_and_goroutines)
{
    test_run(mixed_app);
}
END_TEST

START_TEST(w05_threads_without_a_run)
{
    struct lazy lazy = {.way = SLEEPING};
    pthread_t threads[4];
    for (int k = 0; k < 4; k++)
        ck_assert_int_eq(pthread_create(&threads[k], NULL, use_in_thread, &lazy), 0);
    for (int k = 0; k < 4; k++)
        pthread_join(threads[k], NULL);
    ck_assert_int_eq(lazy.value, 1);
}
END_TEST

/* Two onces, one inside the other: only the same one deadlocks. */
static weft_once outer, inner;
static int order[2], order_count;

static void init_inner(void *arg)
{
    (void)arg;
    order[order_count++] = 1;
}

static void init_outer(void *arg)
{
    weft_once_do(&inner, init_inner, arg);
    order[order_count++] = 2;
}

START_TEST(w05_nested)
{
    weft_once_do(&outer, init_outer, NULL);
    weft_once_do(&outer, init_outer, NULL);
    weft_once_do(&inner, init_inner, NULL);
    ck_assert_int_eq(order_count, 2);
    ck_assert_int_eq(order[0], 1);
    ck_assert_int_eq(order[1], 2);
}
END_TEST

/* ---- how it ends a process ---- */

static int in_child(int (*app)(int argc, char **argv))
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(2);
    return weft_run(app, 1, argv);
}

static void init_again(void *arg)
{
    weft_once_do(arg, init_again, arg);
}

static int recursion_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_once once;
    weft_once_do(&once, init_again, &once);
    return 0;
}

static int recursion_child(void *arg)
{
    (void)arg;
    return in_child(recursion_app);
}

START_TEST(w05_recursion_is_a_deadlock)
{
    struct test_child child = test_child(recursion_child, NULL, 60);
    test_child_check(child, 2, "all goroutines are asleep - deadlock!.*goroutine 1 .*once on once 0x");
    test_child_free(&child);
}
END_TEST

/* A call that panics counts as done: who waits for its end goes on while the panic's deferred calls run. */
static weft_once panicking;

static bool went_on;

static void wait_until_it_went_on(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&went_on, __ATOMIC_ACQUIRE))
        weft_yield();
}

static void wait_for_it(void);

static void init_panics(void *arg)
{
    (void)arg;
    test_check(weft_go(wait_for_it) == 0); /* not before: it must not be the first */
    weft_yield();
    weft_panic("boom");
}

static void init_never(void *arg)
{
    (void)arg;
    puts("called twice");
}

static void wait_for_it(void)
{
    weft_once_do(&panicking, init_never, NULL);
    __atomic_store_n(&went_on, true, __ATOMIC_RELEASE);
}

static int panic_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_defer(wait_until_it_went_on, NULL);
    weft_once_do(&panicking, init_panics, NULL);
    return 0;
}

static int panic_child(void *arg)
{
    (void)arg;
    return in_child(panic_app);
}

START_TEST(w05_panic_counts_as_done)
{
    struct test_child child = test_child(panic_child, NULL, 60);
    test_child_check(child, 2, "^panic: boom");
    ck_assert_str_eq(child.out, "");
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("once");
    TCase *tests = tcase_create("once");
    tcase_add_test(tests, w05_w04_others_wait_for_the_end);
    tcase_add_test(tests, w05_nobody_returns_before_the_end);
    tcase_add_test(tests, w05_threads_and_goroutines);
    tcase_add_test(tests, w05_threads_without_a_run);
    tcase_add_test(tests, w05_nested);
    tcase_add_test(tests, w05_recursion_is_a_deadlock);
    tcase_add_test(tests, w05_panic_counts_as_done);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

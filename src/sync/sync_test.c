/* SPDX-License-Identifier: Apache-2.0
 *
 * sync_test.c - wait group, mutex, once: the catalogue's W-01 to W-05 and M entries, at 1, 2 and 4 processors. */
#include <pthread.h>
#include <string.h>

#include <weft/words.h>

#include "support.h"

/* ---- W-01, W-04 ---- */

static void add_one(int *slot, weft_waitgroup *wg)
{
    *slot += 1;
    weft_waitgroup_done(wg);
}

static int waitgroup_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { WIDTH = 16 };
    int n = test_iterations(20000);
    for (int i = 0; i < n; i++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT; /* gone as soon as wait returns */
        int slots[WIDTH] = {0};
        int width = i % WIDTH + 1;
        weft_waitgroup_add(&wg, width);
        for (int k = 0; k < width; k++)
            go(add_one, &slots[k], &wg);
        weft_waitgroup_wait(&wg);
        for (int k = 0; k < width; k++)
            test_check(slots[k] == 1);
        memset(&wg, 0xAA, sizeof wg);
    }
    return 0;
}

START_TEST(w01_w04_done_happens_before_wait)
{
    test_run(waitgroup_app);
}
END_TEST

static void wait_too(weft_waitgroup *wg, weft_waitgroup *left)
{
    weft_waitgroup_wait(wg);
    weft_waitgroup_done(left);
}

static int many_waiters_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(1000);
    for (int i = 0; i < n; i++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT, left = WEFT_WAITGROUP_INIT;
        weft_waitgroup_add(&wg, 1);
        weft_waitgroup_add(&left, 20);
        for (int k = 0; k < 20; k++)
            go(wait_too, &wg, &left);
        weft_yield();
        weft_waitgroup_done(&wg);
        weft_waitgroup_wait(&left);
    }
    return 0;
}

START_TEST(w01_all_waiters_are_released)
{
    test_run(many_waiters_app);
}
END_TEST

static void exits(int *count)
{
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    weft_exit();
}

static int exit_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int count = 0;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 100; i++)
        weft_waitgroup_go(&wg, exits, &count);
    weft_waitgroup_wait(&wg);
    test_check(count == 100);
    return 0;
}

START_TEST(w03_exit_counts_as_done)
{
    test_run(exit_app);
}
END_TEST

/* ---- M-01, M-03 ---- */

struct counter {
    weft_mutex mutex;
    long value;
};

static void count(struct counter *counter, int n)
{
    for (int i = 0; i < n; i++) {
        if (i % 7 == 3) {
            while (!weft_mutex_trylock(&counter->mutex))
                weft_yield();
        } else {
            weft_mutex_lock(&counter->mutex);
        }
        counter->value++;
        if (i % 50 == 0)
            weft_yield(); /* held across a park */
        weft_mutex_unlock(&counter->mutex);
    }
}

static void *count_in_thread(void *arg)
{
    struct counter *counter = arg;
    for (int i = 0; i < 1000; i++) {
        weft_mutex_lock(&counter->mutex);
        counter->value++;
        weft_mutex_unlock(&counter->mutex);
    }
    return NULL;
}

static int mutex_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    struct counter counter = {WEFT_MUTEX_INIT, 0};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    pthread_t thread;
    test_check(pthread_create(&thread, NULL, count_in_thread, &counter) == 0);
    for (int k = 0; k < 10; k++)
        weft_waitgroup_go(&wg, count, &counter, n);
    weft_waitgroup_wait(&wg);
    weft_blocking pthread_join(thread, NULL);
    test_check(counter.value == 10L * n + 1000);
    return 0;
}

START_TEST(m01_hammer)
{
    test_run(mutex_app);
}
END_TEST

/* MutexFairness: one that holds the mutex nearly always must let another in within bounded turns. */
static void hold_long(struct counter *counter, bool *stop)
{
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        weft_mutex_lock(&counter->mutex);
        weft_sleep(100 * WEFT_MICROSECOND);
        weft_mutex_unlock(&counter->mutex);
    }
}

static int fairness_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct counter counter = {WEFT_MUTEX_INIT, 0};
    bool stop = false;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, hold_long, &counter, &stop);
    for (int i = 0; i < 10; i++) {
        weft_sleep(100 * WEFT_MICROSECOND);
        weft_mutex_lock(&counter.mutex); /* the test's time-out is the assertion: it must come in */
        weft_mutex_unlock(&counter.mutex);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(m03_fairness)
{
    test_run(fairness_app);
}
END_TEST

/* W-04 for the mutex: the next owner frees it. */
struct shared {
    weft_mutex mutex;
    int users;
};

static void use_and_free(struct shared *shared)
{
    weft_mutex_lock(&shared->mutex);
    int left = --shared->users;
    weft_mutex_unlock(&shared->mutex);
    if (left == 0)
        free(shared);
}

static int mutex_free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(50000);
    for (int i = 0; i < n; i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        shared->users = 3;
        go(use_and_free, shared);
        go(use_and_free, shared);
        use_and_free(shared);
    }
    return 0;
}

/* As in C with threads, an unlock may still be under way when the next owner frees: only who is handed the mutex may. */
START_TEST(w04_mutex_freed_by_the_last)
{
    test_run(mutex_free_app);
}
END_TEST

/* ---- W-05 ---- */

static void slow_init(void *arg)
{
    weft_sleep(WEFT_MILLISECOND);
    *(int *)arg += 1;
}

static void exiting_init(void *arg)
{
    *(int *)arg += 1;
    weft_exit();
}

static void init_once(weft_once *once, int *value, bool exits_inside)
{
    weft_once_do(once, exits_inside ? exiting_init : slow_init, value);
    test_check(*value == 1);
}

static int once_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < 20; turn++) {
        weft_once once = WEFT_ONCE_INIT;
        int value = 0;
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int i = 0; i < 20; i++)
            weft_waitgroup_go(&wg, init_once, &once, &value, turn % 2 == 1);
        weft_waitgroup_wait(&wg);
        test_check(value == 1);
    }
    return 0;
}

START_TEST(w05_once)
{
    test_run(once_app);
}
END_TEST

/* ---- W-02, M-02: misuse ends the process ---- */

static int misuse;

static void do_nothing(void)
{
}

static int misuse_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    switch (misuse) {
    case 0:
        weft_mutex_unlock(&mutex);
        break;
    case 1:
        weft_mutex_lock(&mutex);
        weft_mutex_unlock(&mutex);
        weft_mutex_unlock(&mutex);
        break;
    case 2:
        weft_waitgroup_done(&wg);
        break;
    case 3:
        weft_waitgroup_add(&wg, 2);
        weft_waitgroup_add(&wg, -3);
        break;
    case 4: /* the goroutine's own done is one too many */
        weft_waitgroup_go(&wg, do_nothing);
        weft_waitgroup_done(&wg);
        weft_sleep(WEFT_SECOND);
        break;
    case 5:
        weft_mutex_lock(&mutex);
        weft_mutex_lock(&mutex);
        break;
    }
    return 0;
}

static int misuse_child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    misuse = *(int *)number;
    return weft_run(misuse_app, 1, argv);
}

START_TEST(w02_m02_misuse)
{
    static const char *const expected[] = {
        "unlock of unlocked mutex",    "unlock of unlocked mutex",    "negative wait group counter",
        "negative wait group counter", "negative wait group counter", "all goroutines are asleep - deadlock!",
    };
    int number = _i;
    struct test_child child = test_child(misuse_child, &number, 60);
    ck_assert_msg(child.code == 2 && strstr(child.err, expected[_i]) != NULL, "exit %d: %s", child.code, child.err);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync");
    TCase *tests = tcase_create("sync");
    tcase_add_test(tests, w01_w04_done_happens_before_wait);
    tcase_add_test(tests, w01_all_waiters_are_released);
    tcase_add_test(tests, w03_exit_counts_as_done);
    tcase_add_test(tests, m01_hammer);
    tcase_add_test(tests, m03_fairness);
    tcase_add_test(tests, w04_mutex_freed_by_the_last);
    tcase_add_test(tests, w05_once);
    tcase_add_loop_test(tests, w02_m02_misuse, 0, 6);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

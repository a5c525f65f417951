/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex_turns_test.c - who gets a mutex next, and how one waits for it: the catalogue's M-03 and M-06.
 * test-link: -Wl,--wrap=weft__may_spin
 *
 * The constants mirror bits of mutex.c: the tests wait until they are set, so that they need no clock. */
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "support.h"

#define STARVING UINT64_C(4)
#define QUEUED UINT64_C(8)
#define LISTED UINT64_C(16) /* somebody is at the row */

static bool is_starving(weft_mutex *mutex)
{
    return (__atomic_load_n(&mutex->opaque[0], __ATOMIC_RELAXED) & STARVING) != 0;
}

/* ---- M-03: barging, starvation, hand-over ---- */

/* MutexFairness: one has the mutex nearly all the time, the other must get it all the same. Without the starvation mode the
 * second never does, and the test's time is up. */
static void hold_long(weft_mutex *mutex, bool *stop)
{
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        weft_mutex_lock(mutex);
        weft_sleep(100 * WEFT_MICROSECOND);
        weft_mutex_unlock(mutex);
    }
}

static int fairness_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    bool stop = false;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    test_check(weft_waitgroup_go(&wg, hold_long, &mutex, &stop) == 0);
    for (int i = 0; i < 10; i++) {
        weft_sleep(100 * WEFT_MICROSECOND);
        weft_mutex_lock(&mutex);
        weft_mutex_unlock(&mutex);
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

struct starved {
    weft_mutex mutex;

    int turns[8]; /* protected by mutex: who got in, in order */
    int count;
    int first; /* atomic: 1 a waiter was first after the hand-over, 2 the one who handed over */
};

static void get_in(struct starved *starved, int me)
{
    int nobody = 0;
    weft_mutex_lock(&starved->mutex);
    __atomic_compare_exchange_n(&starved->first, &nobody, 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    starved->turns[starved->count++] = me;
    weft_yield(); /* whoever could barge in, would */
    weft_mutex_unlock(&starved->mutex);
}

/* With the mutex held and one waiter: lose races to the waiter, by barging in again and again, until it has waited too long and
 * has said so. Returns with the mutex held. */
static int starve(struct starved *starved)
{
    int barged = 0;
    while (!is_starving(&starved->mutex)) {
        weft_mutex_unlock(&starved->mutex);
        bool again = weft_mutex_trylock(&starved->mutex);
        if (!again)
            weft_mutex_lock(&starved->mutex);
        if (__atomic_load_n(&starved->first, __ATOMIC_RELAXED) != 0)
            return -1; /* it was quicker */
        barged += again && !is_starving(&starved->mutex);
        weft_yield();
    }
    return barged;
}

static int handoff_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int success = 0, tries = 30;
    for (int i = 0; i < tries;) {
        struct starved starved;
        memset(&starved, 0, sizeof starved);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_mutex_lock(&starved.mutex);
        test_check(weft_waitgroup_go(&wg, get_in, &starved, 1) == 0);
        weft_yield();
        int barged = starve(&starved);
        if (barged < 0) {
            weft_mutex_unlock(&starved.mutex);
            weft_waitgroup_wait(&wg);
            continue;
        }
        i++;
        int nobody = 0;
        test_check(!weft_mutex_trylock(&starved.mutex));
        weft_mutex_unlock(&starved.mutex); /* hands over and lets the waiter run */
        __atomic_compare_exchange_n(&starved.first, &nobody, 2, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        success += __atomic_load_n(&starved.first, __ATOMIC_RELAXED) == 1;
        weft_mutex_lock(&starved.mutex);
        test_check(starved.count == 1);           /* whatever ran first: the mutex was the waiter's */
        test_check(!is_starving(&starved.mutex)); /* it was the last one: the mode is over */
        weft_mutex_unlock(&starved.mutex);
        test_check(starved.mutex.opaque[0] == 0);
        weft_waitgroup_wait(&wg);
    }
    return success * 3 >= tries * 2 ? 0 : 1;
}

/* SemaHandoff: after the unlock the waiter runs before the one who unlocked, at least two times of three. */
START_TEST(m03_handoff)
{
    test_run_at(1, handoff_app);
    test_run_at(2, handoff_app);
}
END_TEST

/* In starvation mode newcomers queue at the end, and the mutex goes down the row: nobody can come in between. */
static int row_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_quick() ? 3 : 20;
    for (int i = 0; i < n;) {
        struct starved starved;
        memset(&starved, 0, sizeof starved);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_mutex_lock(&starved.mutex);
        test_check(weft_waitgroup_go(&wg, get_in, &starved, 1) == 0);
        weft_yield();
        if (starve(&starved) < 0) {
            weft_mutex_unlock(&starved.mutex);
            weft_waitgroup_wait(&wg);
            continue;
        }
        i++;
        for (int k = 2; k <= 4; k++)
            test_check(weft_waitgroup_go(&wg, get_in, &starved, k) == 0);
        for (int k = 0; k < 10; k++)
            weft_yield();
        weft_mutex_unlock(&starved.mutex);
        weft_mutex_lock(&starved.mutex);
        test_check(starved.count >= 1 && starved.turns[0] == 1); /* the one that starved was next, whoever came since */
        weft_mutex_unlock(&starved.mutex);
        weft_waitgroup_wait(&wg);
        test_check(starved.count == 4);
        test_check(starved.mutex.opaque[0] == 0);
    }
    return 0;
}

START_TEST(m03_row)
{
    test_run(row_app);
}
END_TEST

/* In normal mode the one who runs may take the mutex again, although another one waits. */
static int barging_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int barged = 0; barged < 5;) {
        struct starved starved;
        memset(&starved, 0, sizeof starved);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_mutex_lock(&starved.mutex);
        test_check(weft_waitgroup_go(&wg, get_in, &starved, 1) == 0);
        weft_yield();
        weft_mutex_unlock(&starved.mutex);
        bool again = weft_mutex_trylock(&starved.mutex);
        barged += again && starved.count == 0;
        if (again)
            weft_mutex_unlock(&starved.mutex);
        weft_waitgroup_wait(&wg);
        test_check(starved.count == 1);
    }
    return 0;
}

START_TEST(m03_barging)
{
    test_run(barging_app);
}
END_TEST

/* Goroutines and threads in one row, all starving: each holds the mutex for longer than the mode's limit. */
struct held {
    weft_mutex mutex;
    int times; /* protected by mutex */
};

static void hold_for_a_while(struct held *held)
{
    for (int i = 0; i < 20; i++) {
        weft_mutex_lock(&held->mutex);
        held->times++;
        weft_sleep(WEFT_MILLISECOND + 200 * WEFT_MICROSECOND);
        weft_mutex_unlock(&held->mutex);
    }
}

static void *hold_in_thread(void *held)
{
    hold_for_a_while(held);
    return NULL;
}

static int starving_mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct held held = {WEFT_MUTEX_INIT, 0};
    pthread_t threads[2];
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < 2; k++)
        test_check(pthread_create(&threads[k], NULL, hold_in_thread, &held) == 0);
    for (int k = 0; k < 4; k++)
        test_check(weft_waitgroup_go(&wg, hold_for_a_while, &held) == 0);
    weft_waitgroup_wait(&wg);
    for (int k = 0; k < 2; k++)
        weft_blocking
        {
            pthread_join(threads[k], NULL);
        }
    test_check(held.times == 6 * 20);
    test_check(held.mutex.opaque[0] == 0);
    return 0;
}

START_TEST(m03_starving_threads_and_goroutines)
{
    test_run(starving_mixed_app);
}
END_TEST

/* ---- M-06 ---- */

bool __real_weft__may_spin(void);
bool __wrap_weft__may_spin(void);

static int spins_asked;
static bool spin_always;

bool __wrap_weft__may_spin(void)
{
    if (!spin_always)
        return __real_weft__may_spin();
    spins_asked++;
    return true;
}

static void lock_and_unlock(weft_mutex *mutex)
{
    weft_mutex_lock(mutex);
    weft_mutex_unlock(mutex);
}

static int spin_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_mutex_lock(&mutex);
    spin_always = true;
    spins_asked = 0;
    test_check(weft_waitgroup_go(&wg, lock_and_unlock, &mutex) == 0);
    while ((__atomic_load_n(&mutex.opaque[0], __ATOMIC_ACQUIRE) & (QUEUED | LISTED)) != QUEUED)
        weft_yield(); /* until it has parked, on another machine perhaps */
    spin_always = false;
    test_check(spins_asked == 4);
    weft_mutex_unlock(&mutex);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(m06_spins_four_times_at_most)
{
    test_run_at(1, spin_app);
}
END_TEST

static int no_spin_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    test_check(!__real_weft__may_spin());
    return 0;
}

START_TEST(m06_one_processor_does_not_spin)
{
    test_run_at(1, no_spin_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mutex_turns");
    TCase *tests = tcase_create("mutex_turns");
    tcase_add_test(tests, m03_fairness);
    tcase_add_test(tests, m03_handoff);
    tcase_add_test(tests, m03_row);
    tcase_add_test(tests, m03_barging);
    tcase_add_test(tests, m03_starving_threads_and_goroutines);
    tcase_add_test(tests, m06_spins_four_times_at_most);
    tcase_add_test(tests, m06_one_processor_does_not_spin);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

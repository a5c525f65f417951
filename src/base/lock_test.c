/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_test.c - exclusion, waiting behind a holder that sleeps, and the refusals of the rank check (debug builds). */
#include "base/lock.h"
#include "port/port.h"

#include "support.h"

#include <pthread.h>

#define THREADS 8

static struct weft__lock lock;
static long counter; /* protected by lock */
static int turns;

static void *count_up(void *arg)
{
    for (int i = 0; i < turns; i++) {
        if (i % 7 == 0) {
            while (!weft__lock_try(&lock, WEFT__RANK_SYNC))
                weft__port_thread_yield();
        } else {
            weft__lock_take(&lock, WEFT__RANK_SYNC);
        }
        test_check(weft__lock_is_taken(&lock));
        counter++;
        if (arg && i % 512 == 0)
            weft__port_thread_sleep(50000); /* long enough for waiters to sleep as well */
        weft__lock_leave(&lock, WEFT__RANK_SYNC);
    }
    return NULL;
}

static void all_count(void *arg)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, arg), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(counter, (long)THREADS * turns);
    ck_assert(!weft__lock_is_taken(&lock));
}

START_TEST(only_one_thread_is_inside)
{
    turns = test_iterations(200000);
    all_count(NULL);
}
END_TEST

START_TEST(waiters_outlast_a_holder_that_sleeps)
{
    turns = test_iterations(40000);
    all_count(&lock);
}
END_TEST

START_TEST(trying_a_taken_lock_fails)
{
    ck_assert(weft__lock_try(&lock, WEFT__RANK_CHAN));
    ck_assert(!weft__lock_try(&lock, WEFT__RANK_CHAN));
    weft__lock_leave(&lock, WEFT__RANK_CHAN);
    ck_assert(weft__lock_try(&lock, WEFT__RANK_STACK));
    weft__lock_leave(&lock, WEFT__RANK_STACK);
}
END_TEST

START_TEST(rising_ranks_and_channels_in_address_order_are_allowed)
{
    static struct weft__lock locks[100];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 96; i++)
            weft__lock_take(&locks[i], WEFT__RANK_CHAN);
        weft__lock_take(&locks[96], WEFT__RANK_SYNC);
        weft__lock_take(&locks[97], WEFT__RANK_TIMER);
        weft__lock_take(&locks[98], WEFT__RANK_SCHED);
        weft__lock_take(&locks[99], WEFT__RANK_STACK);
        /* Left in any order, as by a park. */
        weft__lock_leave(&locks[97], WEFT__RANK_TIMER);
        for (int i = 0; i < 96; i++)
            weft__lock_leave(&locks[i], WEFT__RANK_CHAN);
        weft__lock_leave(&locks[99], WEFT__RANK_STACK);
        weft__lock_leave(&locks[98], WEFT__RANK_SCHED);
        weft__lock_leave(&locks[96], WEFT__RANK_SYNC);
    }
}
END_TEST

#ifdef WEFT_LOCK_RANKS

static struct weft__lock several[2];

static int falling_ranks(void *arg)
{
    (void)arg;
    weft__lock_take(&several[0], WEFT__RANK_TIMER);
    weft__lock_take(&several[1], WEFT__RANK_CHAN);
    return 0;
}

static int equal_ranks(void *arg)
{
    (void)arg;
    weft__lock_take(&several[0], WEFT__RANK_SCHED);
    weft__lock_take(&several[1], WEFT__RANK_SCHED);
    return 0;
}

static int channels_downwards(void *arg)
{
    (void)arg;
    weft__lock_take(&several[1], WEFT__RANK_CHAN);
    weft__lock_take(&several[0], WEFT__RANK_CHAN);
    return 0;
}

static int left_twice(void *arg)
{
    (void)arg;
    weft__lock_take(&several[0], WEFT__RANK_SYNC);
    weft__lock_leave(&several[0], WEFT__RANK_SYNC);
    weft__lock_leave(&several[0], WEFT__RANK_SYNC);
    return 0;
}

static int left_with_another_rank(void *arg)
{
    (void)arg;
    weft__lock_take(&several[0], WEFT__RANK_SYNC);
    weft__lock_leave(&several[0], WEFT__RANK_TIMER);
    return 0;
}

static const struct {
    int (*fn)(void *arg);
    const char *message;
} wrongs[] = {
    {falling_ranks, "fatal error: fault in the runtime at .*lock.c:[0-9]+: lock rank: took CHAN while TIMER is held"},
    {equal_ranks, "lock rank: took SCHED while SCHED is held"},
    {channels_downwards, "took CHAN locks out of address order"},
    {left_twice, "left a lock that nobody holds"},
    {left_with_another_rank, "left a lock that another thread took, or with another rank"},
};

START_TEST(a_wrong_order_ends_the_process)
{
    struct test_child child = test_child(wrongs[_i].fn, NULL, 60);
    test_child_check(child, 2, wrongs[_i].message);
    test_child_free(&child);
}
END_TEST

#endif

static Suite *suite(void)
{
    Suite *all = suite_create("lock");
    TCase *waiting = tcase_create("exclusion");
    tcase_add_test(waiting, only_one_thread_is_inside);
    tcase_add_test(waiting, waiters_outlast_a_holder_that_sleeps);
    tcase_add_test(waiting, trying_a_taken_lock_fails);
    suite_add_tcase(all, waiting);
    TCase *ranks = tcase_create("ranks");
    tcase_add_test(ranks, rising_ranks_and_channels_in_address_order_are_allowed);
#ifdef WEFT_LOCK_RANKS
    tcase_add_loop_test(ranks, a_wrong_order_ends_the_process, 0, (int)(sizeof wrongs / sizeof wrongs[0]));
#endif
    suite_add_tcase(all, ranks);
    return all;
}

int main(void)
{
    return test_main(suite());
}

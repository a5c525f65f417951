/* SPDX-License-Identifier: Apache-2.0
 *
 * sync_test.c - what mutexes, conditions, wait groups, onces and semaphores order, and what they do not (M-01, M-04, M-05, W-01,
 * W-04 to W-07).
 * test-library: race */
#include <weft/cond.h>
#include <weft/context.h>
#include <weft/rwmutex.h>
#include <weft/semaphore.h>

#include "race.h"

static weft_mutex mutex, other_mutex;
static weft_rwmutex rwmutex;
static weft_cond cond;
static weft_waitgroup wg;
static weft_once once;

ACTOR writes_and_says(void)
{
    shared = 1;
    reach(1);
}

/* ---- mutex ---- */

ACTOR counts_locked(weft_waitgroup *done)
{
    for (int i = 0; i < 30; i++) {
        weft_mutex_lock(&mutex);
        int before = shared;
        if (i % 10 == 0)
            weft_yield();
        shared = before + 1;
        weft_mutex_unlock(&mutex);
    }
    weft_waitgroup_done(done);
}

ORDERED(m01_what_a_mutex_protects)
{
    weft_waitgroup_add(&wg, 4);
    for (int i = 0; i < 4; i++)
        go(counts_locked, &wg);
    weft_waitgroup_wait(&wg);
    test_check(shared == 120);
}

ACTOR unlocks(void)
{
    shared = 1;
    weft_mutex_unlock(&mutex);
}

ORDERED(m01_who_unlocks_may_be_another)
{
    weft_mutex_lock(&mutex);
    go(unlocks);
    weft_mutex_lock(&mutex);
    shared++;
}

ORDERED(m01_a_lock_with_a_context)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    weft_mutex_lock(&mutex);
    go(unlocks);
    test_check(weft_mutex_lock_ctx(context, &mutex) == 0);
    shared++;
    weft_context_free(context);
}

ACTOR locks_and_writes(void)
{
    weft_mutex_lock(&mutex);
    shared = 1;
    weft_mutex_unlock(&mutex);
    reach(1);
}

ACTOR locks_the_other_and_writes(void)
{
    await(1);
    weft_mutex_lock(&other_mutex);
    shared = 2;
    weft_mutex_unlock(&other_mutex);
}

RACY_PAIR(m01_two_mutexes, locks_and_writes, locks_the_other_and_writes)
{
    go(locks_and_writes);
    go(locks_the_other_and_writes);
    await_ends();
}

RACY(m01_without_the_lock, locks_and_writes)
{
    go(locks_and_writes);
    await(1);
    shared = 2;
}

RACY(m01_before_the_lock, locks_and_writes)
{
    go(locks_and_writes);
    await(1);
    shared = 2;
    weft_mutex_lock(&mutex);
    weft_mutex_unlock(&mutex);
}

ACTOR locks_writes_and_keeps(void)
{
    weft_mutex_lock(&mutex);
    shared = 1;
    reach(1);
    await(2);
    weft_mutex_unlock(&mutex);
}

RACY(m04_a_try_that_fails, locks_writes_and_keeps)
{
    go(locks_writes_and_keeps);
    await(1);
    test_check(!weft_mutex_trylock(&mutex));
    shared = 2;
    reach(2);
}

ORDERED(m04_a_try_that_succeeds)
{
    go(locks_and_writes);
    await(1);
    while (!weft_mutex_trylock(&mutex))
        weft_yield();
    shared++;
    weft_mutex_unlock(&mutex);
}

RACY(m04_a_lock_that_a_context_ends, locks_writes_and_keeps)
{
    weft_context *context = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    go(locks_writes_and_keeps);
    await(1);
    test_check(weft_mutex_lock_ctx(context, &mutex) != 0);
    shared = 2;
    reach(2);
    weft_context_free(context);
}

/* ---- rwmutex ---- */

ACTOR reads_or_writes(weft_waitgroup *done, bool writes)
{
    static int sum;
    for (int i = 0; i < 30; i++)
        if (writes) {
            weft_rwmutex_lock(&rwmutex);
            shared++;
            weft_rwmutex_unlock(&rwmutex);
        } else {
            weft_rwmutex_rlock(&rwmutex);
            __atomic_fetch_add(&sum, shared, __ATOMIC_RELAXED);
            weft_yield();
            weft_rwmutex_runlock(&rwmutex);
        }
    weft_waitgroup_done(done);
}

ORDERED(m05_readers_and_writers)
{
    weft_waitgroup_add(&wg, 6);
    for (int i = 0; i < 6; i++)
        go(reads_or_writes, &wg, i < 2);
    weft_waitgroup_wait(&wg);
    test_check(shared == 60);
}

ACTOR writes_as_a_reader(void)
{
    weft_rwmutex_rlock(&rwmutex);
    shared = 1;
    weft_rwmutex_runlock(&rwmutex);
    reach(1);
}

RACY(m05_two_readers_that_write, writes_as_a_reader)
{
    go(writes_as_a_reader);
    await(1);
    weft_rwmutex_rlock(&rwmutex);
    shared = 2;
    weft_rwmutex_runlock(&rwmutex);
}

ORDERED(m05_a_reader_before_a_writer)
{
    go(writes_as_a_reader);
    await(1);
    weft_rwmutex_lock(&rwmutex);
    shared = 2;
    weft_rwmutex_unlock(&rwmutex);
}

ORDERED(m05_tries_that_succeed)
{
    go(writes_as_a_reader);
    await(1);
    while (!weft_rwmutex_trylock(&rwmutex))
        weft_yield();
    shared = 2;
    weft_rwmutex_unlock(&rwmutex);
    test_check(weft_rwmutex_try_rlock(&rwmutex));
}

ACTOR writes_as_a_writer_and_keeps(void)
{
    weft_rwmutex_lock(&rwmutex);
    shared = 1;
    reach(1);
    await(2);
    weft_rwmutex_unlock(&rwmutex);
}

RACY(m04_tries_to_read_that_fail, writes_as_a_writer_and_keeps)
{
    go(writes_as_a_writer_and_keeps);
    await(1);
    test_check(!weft_rwmutex_try_rlock(&rwmutex) && !weft_rwmutex_trylock(&rwmutex));
    shared = 2;
    reach(2);
}

RACY(m04_a_read_lock_that_a_context_ends, writes_as_a_writer_and_keeps)
{
    weft_context *context = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    go(writes_as_a_writer_and_keeps);
    await(1);
    test_check(weft_rwmutex_rlock_ctx(context, &rwmutex) != 0);
    shared = 2;
    reach(2);
    weft_context_free(context);
}

ORDERED(m05_locks_with_a_context)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    go(writes_as_a_writer_and_keeps);
    await(1);
    reach(2);
    test_check(weft_rwmutex_rlock_ctx(context, &rwmutex) == 0);
    test_check(shared == 1);
    weft_rwmutex_runlock(&rwmutex);
    test_check(weft_rwmutex_lock_ctx(context, &rwmutex) == 0);
    shared++;
    weft_rwmutex_unlock(&rwmutex);
    weft_context_free(context);
}

/* ---- cond ---- */

static bool told;

ACTOR waits_and_writes(void)
{
    weft_mutex_lock(&mutex);
    while (!told)
        weft_cond_wait(&cond, &mutex);
    weft_mutex_unlock(&mutex);
    shared = 2;
}

ORDERED(w06_a_signal_under_the_lock)
{
    go(waits_and_writes);
    let_others_park();
    shared = 1;
    weft_mutex_lock(&mutex);
    told = true;
    weft_cond_signal(&cond);
    weft_mutex_unlock(&mutex);
    await_ends();
}

ACTOR waits_once_and_writes(int *mine)
{
    weft_mutex_lock(&mutex);
    reach(1);
    weft_cond_wait(&cond, &mutex);
    weft_mutex_unlock(&mutex);
    *mine = shared;
}

/* The condition itself orders, without the lock's help. */
ORDERED(w06_a_signal_without_the_lock)
{
    static int mine;
    go(waits_once_and_writes, &mine);
    await(1);
    weft_mutex_lock(&mutex);
    weft_mutex_unlock(&mutex);
    shared = 1;
    weft_cond_signal(&cond);
    await_ends();
}

ORDERED(w06_a_broadcast_without_the_lock)
{
    static int mine[3];
    for (int i = 0; i < 3; i++)
        go(waits_once_and_writes, &mine[i]);
    await(1);
    let_others_park();
    weft_mutex_lock(&mutex);
    weft_mutex_unlock(&mutex);
    shared = 1;
    while (weft_goroutines() > 1) {
        weft_cond_broadcast(&cond);
        weft_yield();
    }
}

RACY(w06_after_the_signal, waits_and_writes)
{
    go(waits_and_writes);
    let_others_park();
    weft_mutex_lock(&mutex);
    told = true;
    weft_cond_signal(&cond);
    weft_mutex_unlock(&mutex);
    shared = 1;
    await_ends();
}

/* ---- wait group ---- */

ACTOR writes_and_is_done(int *mine)
{
    *mine = 1;
    weft_waitgroup_done(&wg);
}

ORDERED(w01_done_before_the_wait)
{
    static int mine[10];
    weft_waitgroup_add(&wg, 10);
    for (int i = 0; i < 10; i++)
        go(writes_and_is_done, &mine[i]);
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < 10; i++)
        test_check(mine[i]++ == 1);
}

ACTOR writes_its_own(int *mine)
{
    *mine = 1;
}

ORDERED(w03_counted_goroutines)
{
    static int mine[10];
    weft_waitgroup group = {0};
    for (int i = 0; i < 10; i++)
        weft_waitgroup_go(&group, writes_its_own, &mine[i]);
    weft_waitgroup_wait(&group);
    for (int i = 0; i < 10; i++)
        test_check(mine[i]++ == 1);
}

ACTOR waits_for_both(int *mine, int *done)
{
    weft_waitgroup_wait(&wg);
    test_check(mine[0] == 1 && mine[1] == 1);
    *done = 1;
}

ORDERED(w01_many_that_wait)
{
    static int mine[2], done[3];
    weft_waitgroup_add(&wg, 2);
    for (int i = 0; i < 3; i++)
        go(waits_for_both, mine, &done[i]);
    let_others_park();
    go(writes_and_is_done, &mine[0]);
    go(writes_and_is_done, &mine[1]);
    await_ends();
}

struct freed {
    weft_waitgroup wg;
    atomic_int waiting;
};

ACTOR waits_and_frees(struct freed *freed)
{
    weft_waitgroup_wait(&freed->wg);
    test_check(shared == 1);
    if (atomic_fetch_sub(&freed->waiting, 1) == 1)
        free(freed);
}

/* The wait group may be gone as soon as the last of them has returned. */
ORDERED(w04_one_of_several_frees)
{
    struct freed *freed = calloc(1, sizeof *freed);
    freed->waiting = 3;
    weft_waitgroup_add(&freed->wg, 1);
    for (int i = 0; i < 3; i++)
        go(waits_and_frees, freed);
    let_others_park();
    shared = 1;
    weft_waitgroup_done(&freed->wg);
    await_ends();
}

ACTOR is_done_and_writes(void)
{
    weft_waitgroup_done(&wg);
    shared = 1;
}

RACY(w01_after_done, is_done_and_writes)
{
    weft_waitgroup_add(&wg, 1);
    go(is_done_and_writes);
    weft_waitgroup_wait(&wg);
    shared = 2;
    await_ends();
}

ACTOR writes_then_done(void)
{
    shared = 1;
    weft_waitgroup_done(&wg);
    reach(1);
}

ACTOR done_after_the_other(void)
{
    await(1);
    weft_waitgroup_done(&wg);
    shared = 2;
}

RACY_PAIR(w01_two_that_are_done, writes_then_done, done_after_the_other)
{
    weft_waitgroup_add(&wg, 2);
    go(writes_then_done);
    go(done_after_the_other);
    weft_waitgroup_wait(&wg);
    await_ends();
}

RACY(w01_an_add_orders_nothing, writes_then_done)
{
    weft_waitgroup_add(&wg, 2);
    go(writes_then_done);
    await(1);
    weft_waitgroup_add(&wg, 1);
    shared = 2;
}

RACY(w01_a_wait_that_a_context_ends, writes_then_done)
{
    weft_context *context = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    weft_waitgroup_add(&wg, 2);
    go(writes_then_done);
    await(1);
    test_check(weft_waitgroup_wait_ctx(context, &wg) != 0);
    shared = 2;
    weft_context_free(context);
}

ORDERED(w01_a_wait_with_a_context)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    weft_waitgroup_add(&wg, 1);
    go(writes_then_done);
    test_check(weft_waitgroup_wait_ctx(context, &wg) == 0);
    shared++;
    weft_context_free(context);
}

/* ---- once ---- */

static void makes(void *arg)
{
    (void)arg;
    weft_yield();
    shared = 1;
}

ACTOR reads_after_once(int *mine)
{
    weft_once_do(&once, makes, NULL);
    *mine = shared;
}

ORDERED(w05_once)
{
    static int mine[5];
    for (int i = 0; i < 5; i++)
        go(reads_after_once, &mine[i]);
    weft_once_do(&once, makes, NULL);
    test_check(shared == 1);
    await_ends();
}

static weft_once_func once_func = {.fn = makes};

ACTOR reads_after_once_func(int *mine)
{
    weft_once_func_call(&once_func);
    *mine = shared;
}

ORDERED(w05_once_func)
{
    static int mine[5];
    for (int i = 0; i < 5; i++)
        go(reads_after_once_func, &mine[i]);
    weft_once_func_call(&once_func);
    test_check(shared == 1);
    await_ends();
}

static void *makes_a_value(void *arg)
{
    int *value = malloc(sizeof *value);
    (void)arg;
    *value = 7;
    return value;
}

static weft_once_value once_value = {.fn = makes_a_value};

ACTOR reads_the_value(int *mine)
{
    *mine = *(int *)weft_once_value_get(&once_value);
}

ORDERED(w05_once_value)
{
    static int mine[5];
    for (int i = 0; i < 5; i++)
        go(reads_the_value, &mine[i]);
    test_check(*(int *)weft_once_value_get(&once_value) == 7);
    await_ends();
}

ACTOR calls_once_and_writes(void)
{
    weft_once_do(&once, makes, NULL);
    shared = 2;
    reach(1);
}

RACY(w05_after_once, calls_once_and_writes)
{
    go(calls_once_and_writes);
    await(1);
    weft_once_do(&once, makes, NULL);
    shared = 3;
}

/* ---- semaphore ---- */

static weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(1), pair = WEFT_SEMAPHORE_INIT(2);

ACTOR counts_with_a_token(weft_waitgroup *done)
{
    for (int i = 0; i < 20; i++) {
        weft_semaphore_acquire(&semaphore, 1);
        int before = shared;
        if (i % 5 == 0)
            weft_yield();
        shared = before + 1;
        weft_semaphore_release(&semaphore, 1);
    }
    weft_waitgroup_done(done);
}

ORDERED(w07_a_semaphore_as_a_mutex)
{
    weft_waitgroup_add(&wg, 4);
    for (int i = 0; i < 4; i++)
        go(counts_with_a_token, &wg);
    weft_waitgroup_wait(&wg);
    test_check(shared == 80);
}

ACTOR writes_with_a_token_of_two(void)
{
    weft_semaphore_acquire(&pair, 1);
    shared = 1;
    reach(1);
    await(2);
    weft_semaphore_release(&pair, 1);
}

RACY(w07_a_semaphore_of_two, writes_with_a_token_of_two)
{
    go(writes_with_a_token_of_two);
    await(1);
    weft_semaphore_acquire(&pair, 1);
    shared = 2;
    reach(2);
}

RACY(w07_a_try_that_fails, writes_with_a_token_of_two)
{
    go(writes_with_a_token_of_two);
    await(1);
    test_check(!weft_semaphore_try_acquire(&pair, 2));
    shared = 2;
    reach(2);
}

ORDERED(w07_all_tokens)
{
    go(writes_with_a_token_of_two);
    await(1);
    reach(2);
    weft_semaphore_acquire(&pair, 2);
    shared = 2;
}

RACY(m01_no_lock_at_all, writes_and_says)
{
    go(writes_and_says);
    await(1);
    shared = 2;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * context_cond_test.c - waiting for a condition with a context: the lock is had afterwards in any case, and no signal is lost to a
 * waiter that has given up. At 1, 2 and 4 processors. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "support.h"

enum kind { MUTEX, WRITE, READ, KINDS };

struct room {
    weft_mutex mutex;
    weft_rwmutex rwmutex;
    weft_cond cond;
    int waiting; /* atomic: have begun to wait, or are about to with the lock held */
    int told;    /* atomic, as cancelled */
    int cancelled;
    long value; /* plain: protected by the lock */
};

static void lock(struct room *room, enum kind kind)
{
    if (kind == MUTEX)
        weft_mutex_lock(&room->mutex);
    else if (kind == WRITE)
        weft_rwmutex_lock(&room->rwmutex);
    else
        weft_rwmutex_rlock(&room->rwmutex);
}

static void unlock(struct room *room, enum kind kind)
{
    if (kind == MUTEX)
        weft_mutex_unlock(&room->mutex);
    else if (kind == WRITE)
        weft_rwmutex_unlock(&room->rwmutex);
    else
        weft_rwmutex_runlock(&room->rwmutex);
}

static int wait_ctx(struct room *room, enum kind kind, weft_context *context)
{
    return kind == MUTEX   ? weft_cond_wait_ctx(context, &room->cond, &room->mutex)
           : kind == WRITE ? weft_cond_wait_write_ctx(context, &room->cond, &room->rwmutex)
                           : weft_cond_wait_read_ctx(context, &room->cond, &room->rwmutex);
}

/* Whether the caller has the lock, as far as can be told from outside. */
static bool is_locked(struct room *room, enum kind kind)
{
    return kind == MUTEX ? !weft_mutex_trylock(&room->mutex) : !weft_rwmutex_trylock(&room->rwmutex);
}

static weft_context *new_context(void)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    test_check(context != NULL);
    return context;
}

/* One wait, without a loop around it. The result is 1 until it has ended. */
static void wait_once(struct room *room, enum kind kind, weft_context *context, int *result)
{
    lock(room, kind);
    __atomic_add_fetch(&room->waiting, 1, __ATOMIC_RELAXED);
    int error = wait_ctx(room, kind, context);
    test_check(is_locked(room, kind));
    if (kind != READ)
        room->value++;
    *result = error;
    __atomic_add_fetch(error == 0 ? &room->told : &room->cancelled, 1, __ATOMIC_RELAXED);
    unlock(room, kind);
}

static void wait_for(int *count, int wanted)
{
    while (__atomic_load_n(count, __ATOMIC_RELAXED) != wanted)
        weft_yield();
}

/* With the lock, so that those who are counted have begun to wait. */
static void wait_for_waiters(struct room *room, int wanted)
{
    wait_for(&room->waiting, wanted);
    weft_mutex_lock(&room->mutex);
    weft_rwmutex_lock(&room->rwmutex);
    weft_rwmutex_unlock(&room->rwmutex);
    weft_mutex_unlock(&room->mutex);
}

/* ---- one wait of each kind ---- */

static int ended_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(300); turn++) {
        enum kind kind = (enum kind)(turn % KINDS);
        struct room room;
        memset(&room, 0, sizeof room);
        weft_context *cancelled = new_context();
        weft_context_cancel(cancelled);
        weft_context *soon = weft_context_with_timeout(weft_context_background(), turn % 7 * 20 * WEFT_MICROSECOND);
        lock(&room, kind);
        test_check(wait_ctx(&room, kind, cancelled) == -ECANCELED && is_locked(&room, kind));
        test_check(wait_ctx(&room, kind, soon) == -ETIMEDOUT && is_locked(&room, kind));
        test_check(wait_ctx(&room, kind, soon) == -ETIMEDOUT && is_locked(&room, kind));
        unlock(&room, kind);
        weft_cond_signal(&room.cond); /* to nobody: none of them is there any more */

        int results[3];
        weft_waitgroup wg = {0};
        weft_context *open = new_context();
        weft_context *contexts[] = {open, weft_context_background(), open};
        for (int i = 0; i < 3; i++) {
            test_check(weft_waitgroup_go(&wg, wait_once, &room, kind, contexts[i], &results[i]) == 0);
            wait_for_waiters(&room, i + 1);
        }
        weft_cond_signal(&room.cond);
        wait_for(&room.told, 1);
        weft_context_cancel(open);
        wait_for(&room.cancelled, 1);
        if (turn % 2 == 0)
            weft_cond_signal(&room.cond);
        else
            weft_cond_broadcast(&room.cond);
        weft_waitgroup_wait(&wg);
        test_check(results[0] == 0 && results[1] == 0 && results[2] == -ECANCELED);
        test_check(room.value == (kind == READ ? 0 : 3));
        weft_context_free(open);
        weft_context_free(cancelled);
        weft_context_free(soon);
    }
    return 0;
}

START_TEST(w06_waits_are_told_or_ended)
{
    test_run(ended_app);
}
END_TEST

/* ---- in simulated runs, where nobody else runs before the one who does waits or yields ---- */

/* Three wait, in order; those whose bit is set have a context. It is cancelled before or after one is told, or two. */
static int chosen_app(void *unused)
{
    (void)unused;
    for (int turn = 0; turn < 32; turn++) {
        bool cancel_first = (turn & 8) != 0;
        int signals = (turn & 16) != 0 ? 2 : 1;
        struct room room;
        memset(&room, 0, sizeof room);
        weft_context *context = new_context();
        int results[3] = {1, 1, 1};
        weft_waitgroup wg = {0};
        for (int i = 0; i < 3; i++) {
            weft_context *mine = (turn >> i & 1) != 0 ? context : weft_context_background();
            test_check(weft_waitgroup_go(&wg, wait_once, &room, MUTEX, mine, &results[i]) == 0);
            wait_for_waiters(&room, i + 1);
        }
        weft_sim_wait(); /* all have parked */
        if (cancel_first)
            weft_context_cancel(context);
        for (int i = 0; i < signals; i++)
            weft_cond_signal(&room.cond);
        weft_context_cancel(context);
        weft_sim_wait();
        for (int i = 0, left = signals; i < 3; i++) { /* who is told: the first ones that have not been cancelled */
            bool cancelled = (turn >> i & 1) != 0 && (cancel_first || left == 0);
            bool told = !cancelled && left > 0;
            left -= told;
            test_check(results[i] == (cancelled ? -ECANCELED : told ? 0 : 1));
        }
        weft_cond_broadcast(&room.cond);
        weft_waitgroup_wait(&wg);
        test_check(room.told + room.cancelled == 3);
        weft_context_free(context);
    }
    return 0;
}

START_TEST(w06_a_signal_passes_over_who_gives_up)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        ck_assert_int_eq(weft_sim(seed, chosen_app, NULL), 0);
}
END_TEST

/* Cancelled, or told, between the wait's first step and the park: as the mutex is given back its next owner runs. */
static void come_between(struct room *room, weft_context *context, int what)
{
    weft_mutex_lock(&room->mutex);
    if ((what & 1) != 0)
        weft_context_cancel(context);
    if ((what & 2) != 0)
        weft_cond_signal(&room->cond);
    if ((what & 4) != 0)
        weft_context_cancel(context);
    weft_mutex_unlock(&room->mutex);
}

static int between_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(20000); turn++) {
        int what = turn % 7 + 1;
        struct room room;
        memset(&room, 0, sizeof room);
        weft_context *context = new_context();
        weft_waitgroup wg = {0};
        weft_mutex_lock(&room.mutex);
        test_check(weft_waitgroup_go(&wg, come_between, &room, context, what) == 0);
        if (turn % 14 < 7)
            weft_yield();
        int error = weft_cond_wait_ctx(context, &room.cond, &room.mutex);
        if ((what & 3) == 3) /* a cancellation that is found by the park, or one that comes while it is parked */
            test_check(error == 0 || error == -ECANCELED);
        else
            test_check(error == ((what & 2) != 0 ? 0 : -ECANCELED));
        weft_mutex_unlock(&room.mutex);
        weft_waitgroup_wait(&wg);
        weft_context_free(context);
    }
    return 0;
}

START_TEST(w06_cancelled_on_the_way_to_the_park)
{
    test_run(between_app);
}
END_TEST

/* ---- stress: each token is signalled once; a signal that were lost would leave it lying, and somebody waiting ---- */

struct market {
    weft_mutex mutex;
    weft_cond cond;
    long tokens, taken, left; /* protected by mutex; left: still to be taken */
    weft_waitgroup cancels;
};

static void take_tokens(struct market *market)
{
    weft_mutex_lock(&market->mutex);
    for (;;) {
        while (market->tokens == 0 && market->left > 0)
            weft_cond_wait(&market->cond, &market->mutex);
        if (market->left == 0)
            break;
        market->tokens--;
        market->taken++;
        if (--market->left == 0)
            weft_cond_broadcast(&market->cond);
    }
    weft_mutex_unlock(&market->mutex);
}

static void *take_in_thread(void *market)
{
    take_tokens(market);
    return NULL;
}

static void cancel_soon(weft_context *context, uint32_t random)
{
    if (random % 3 == 0)
        weft_yield();
    for (uint32_t i = random % 1000; i > 0; i--)
        __asm__ __volatile__("" ::: "memory");
    weft_context_cancel(context);
    weft_context_release(context);
}

/* Takes one if it comes before the cancellation. */
static void take_or_give_up(struct market *market, int seed)
{
    uint32_t random = (uint32_t)seed * 2654435761u + 1;
    for (bool more = true; more;) {
        random = random * 1664525u + 1013904223u;
        weft_context *context = new_context();
        int error = 0;
        weft_mutex_lock(&market->mutex);
        test_check(weft_waitgroup_go(&market->cancels, cancel_soon, weft_context_retain(context), random >> 12) == 0);
        while (market->tokens == 0 && market->left > 0 && error == 0)
            error = weft_cond_wait_ctx(context, &market->cond, &market->mutex);
        if (error == 0 && market->left > 0) {
            market->tokens--;
            market->taken++;
            if (--market->left == 0)
                weft_cond_broadcast(&market->cond);
        }
        more = market->left > 0;
        weft_mutex_unlock(&market->mutex);
        weft_context_free(context);
    }
}

static void make_tokens(struct market *market, int times)
{
    for (int i = 0; i < times; i++) {
        weft_mutex_lock(&market->mutex);
        market->tokens++;
        if (i % 2 == 0)
            weft_cond_signal(&market->cond);
        weft_mutex_unlock(&market->mutex);
        if (i % 2 != 0)
            weft_cond_signal(&market->cond);
        if (i % 7 == 0)
            weft_yield();
    }
}

static int market_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int times = test_iterations(5000);
    for (int turn = 0; turn < 3; turn++) {
        struct market market;
        memset(&market, 0, sizeof market);
        market.left = 2L * times;
        weft_waitgroup wg = {0};
        pthread_t thread;
        test_check(pthread_create(&thread, NULL, take_in_thread, &market) == 0);
        test_check(weft_waitgroup_go(&wg, take_tokens, &market) == 0);
        for (int i = 0; i < 4; i++)
            test_check(weft_waitgroup_go(&wg, take_or_give_up, &market, i + turn) == 0);
        for (int i = 0; i < 2; i++)
            test_check(weft_waitgroup_go(&wg, make_tokens, &market, times) == 0);
        weft_waitgroup_wait(&wg);
        weft_waitgroup_wait(&market.cancels);
        weft_blocking
        {
            pthread_join(thread, NULL);
        }
        test_check(market.tokens == 0 && market.taken == 2L * times);
    }
    return 0;
}

START_TEST(w06_no_signal_is_lost)
{
    test_run(market_app);
}
END_TEST

/* Each is told or cancelled, once; whoever is the last frees, at once (W-04). */
struct owned {
    weft_mutex *mutex;
    weft_cond cond;
    int users; /* protected by mutex, as waiting */
    int waiting;
};

static void wait_and_free(struct owned *owned, weft_context *context)
{
    weft_mutex *mutex = owned->mutex;
    weft_mutex_lock(mutex);
    owned->waiting++;
    (void)weft_cond_wait_ctx(context, &owned->cond, mutex);
    if (--owned->users == 0) {
        memset(owned, 0xAA, sizeof *owned);
        free(owned);
    }
    weft_mutex_unlock(mutex);
    weft_context_release(context);
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_waitgroup wg = {0};
    for (int i = 0; i < test_iterations(10000); i++) {
        struct owned *owned = calloc(1, sizeof *owned);
        weft_context *context = new_context();
        owned->mutex = &mutex;
        owned->users = 4;
        for (int k = 0; k < 4; k++)
            test_check(weft_waitgroup_go(&wg, wait_and_free, owned, weft_context_retain(context)) == 0);
        for (bool all = false; !all;) {
            weft_yield();
            weft_mutex_lock(&mutex);
            all = owned->waiting == 4;
            if (all && i % 2 == 0) /* with the lock: the last one to be told, or cancelled, cannot free yet */
                weft_cond_signal(&owned->cond);
            if (all && i % 3 == 0)
                weft_cond_broadcast(&owned->cond);
            weft_mutex_unlock(&mutex);
        }
        weft_context_free(context);
        if (i % 50 == 0)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w04_w06_freed_by_the_last)
{
    test_run(free_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context_cond");
    TCase *tests = tcase_create("context_cond");
    tcase_add_test(tests, w06_waits_are_told_or_ended);
    tcase_add_test(tests, w06_a_signal_passes_over_who_gives_up);
    tcase_add_test(tests, w06_cancelled_on_the_way_to_the_park);
    tcase_add_test(tests, w06_no_signal_is_lost);
    tcase_add_test(tests, w04_w06_freed_by_the_last);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * context_locks_test.c - mutex and rwmutex with a context: the lock is had or it is not, whoever gives up leaves nothing behind, and
 * no wake-up is lost to it. At 1, 2 and 4 processors.
 *
 * The constants mirror the states of mutex.c and rwmutex.c: the tests wait until somebody has queued, so that they need no
 * clock. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "sync/row.h"

#include "support.h"

enum kind { MUTEX, WRITE, READ, KINDS };

struct lock {
    weft_mutex mutex;
    weft_rwmutex rwmutex;
};

static int lock_ctx(struct lock *lock, enum kind kind, weft_context *context)
{
    return kind == MUTEX   ? weft_mutex_lock_ctx(context, &lock->mutex)
           : kind == WRITE ? weft_rwmutex_lock_ctx(context, &lock->rwmutex)
                           : weft_rwmutex_rlock_ctx(context, &lock->rwmutex);
}

static void unlock(struct lock *lock, enum kind kind)
{
    if (kind == MUTEX)
        weft_mutex_unlock(&lock->mutex);
    else if (kind == WRITE)
        weft_rwmutex_unlock(&lock->rwmutex);
    else
        weft_rwmutex_runlock(&lock->rwmutex);
}

/* Alone: those who want the lock as kind wait. */
static void lock_out(struct lock *lock, enum kind kind)
{
    if (kind == MUTEX)
        weft_mutex_lock(&lock->mutex);
    else
        weft_rwmutex_lock(&lock->rwmutex);
}

static void let_in(struct lock *lock, enum kind kind)
{
    unlock(lock, kind == MUTEX ? MUTEX : WRITE);
}

/* Nobody has it, nobody waits. What is left of the rwmutex's counter of those who leave means nothing then. */
static bool is_unused(struct lock *lock)
{
    return __atomic_load_n(&lock->mutex.opaque[0], __ATOMIC_RELAXED) == 0 &&
           (__atomic_load_n(&lock->rwmutex.opaque[0], __ATOMIC_RELAXED) & ((UINT64_C(1) << 36) - 1)) == 0;
}

/* How many have parked in a row; -1: somebody is at it. */
static int waiters_in(struct lock *lock, enum kind kind)
{
    uint64_t *opaque = kind == MUTEX ? lock->mutex.opaque : lock->rwmutex.opaque;
    uint64_t listed = kind == MUTEX ? 16 : 1;
    struct weft__row *row = (struct weft__row *)&opaque[kind == WRITE ? 3 : 1];
    uint64_t state = __atomic_load_n(&opaque[0], __ATOMIC_RELAXED) & ~listed;
    if (!__atomic_compare_exchange_n(&opaque[0], &state, state | listed, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return -1;
    int count = 0;
    for (struct weft__row_waiter *waiter = row->oldest; waiter != NULL; waiter = waiter->next)
        count++;
    __atomic_fetch_and(&opaque[0], ~listed, __ATOMIC_RELEASE);
    return count;
}

static void wait_for_waiters(struct lock *lock, enum kind kind, int count)
{
    while (waiters_in(lock, kind) != count)
        weft_yield();
}

#define HELD UINT64_C(1)
#define KEPT UINT64_C(32) /* stays until the unlock */
#define WRITER UINT64_C(2)
#define PENDING UINT64_C(4)
#define PARKED UINT64_C(8)

static bool rwmutex_has(struct lock *lock, uint64_t bits)
{
    return (__atomic_load_n(&lock->rwmutex.opaque[0], __ATOMIC_RELAXED) & bits) == bits;
}

static void wait_for_pending(struct lock *lock)
{
    while (!rwmutex_has(lock, PENDING | PARKED))
        weft_yield();
}

static weft_context *new_context(void)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    test_check(context != NULL);
    return context;
}

/* ---- one call of each ---- */

START_TEST(m01_m05_free_ones)
{
    weft_context *open = new_context(), *cancelled = new_context();
    weft_context *contexts[] = {weft_context_background(), open};
    weft_context_cancel(cancelled);
    struct lock lock = {{{0}}, {{0}}};
    for (int kind = 0; kind < KINDS; kind++) {
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(lock_ctx(&lock, (enum kind)kind, contexts[i]), 0);
            ck_assert(!is_unused(&lock));
            unlock(&lock, (enum kind)kind);
            ck_assert(is_unused(&lock));
        }
        ck_assert_int_eq(lock_ctx(&lock, (enum kind)kind, cancelled), -ECANCELED);
        ck_assert(is_unused(&lock));
    }
    ck_assert_int_eq(lock_ctx(&lock, READ, open), 0);
    ck_assert_int_eq(lock_ctx(&lock, READ, open), 0); /* beside another one */
    unlock(&lock, READ);
    unlock(&lock, READ);
    weft_context_free(open);
    weft_context_free(cancelled);
}
END_TEST

struct wait {
    struct lock *lock;
    weft_context *context;
    enum kind kind;
    int result;
};

static void wait_with(struct wait *wait)
{
    wait->result = lock_ctx(wait->lock, wait->kind, wait->context);
    if (wait->result == 0)
        unlock(wait->lock, wait->kind);
}

static void *wait_in_thread(void *wait)
{
    wait_with(wait);
    return NULL;
}

/* Waits of all kinds are ended by a cancellation and by a deadline; the lock is as if they had not been. */
static int ended_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct lock lock = {{{0}}, {{0}}};
    for (int turn = 0; turn < test_iterations(200); turn++) {
        bool by_hand = turn % 2 == 0;
        weft_context *context =
            by_hand ? new_context()
                    : weft_context_with_timeout(weft_context_background(), turn % 5 * 50 * WEFT_MICROSECOND);
        struct wait waits[3 * KINDS];
        pthread_t threads[KINDS];
        weft_waitgroup wg = {0};
        lock_out(&lock, MUTEX);
        lock_out(&lock, WRITE);
        for (int i = 0; i < 3 * KINDS; i++) {
            waits[i] = (struct wait){&lock, context, (enum kind)(i % KINDS), 1};
            if (i < KINDS && turn % 8 == 0)
                test_check(pthread_create(&threads[i], NULL, wait_in_thread, &waits[i]) == 0);
            else
                test_check(weft_waitgroup_go(&wg, wait_with, &waits[i]) == 0);
        }
        for (int i = turn % 8; i > 0; i--)
            weft_yield();
        if (by_hand)
            weft_context_cancel(context);
        weft_waitgroup_wait(&wg);
        for (int i = 0; i < KINDS && turn % 8 == 0; i++)
            weft_blocking
            {
                pthread_join(threads[i], NULL);
            }
        for (int i = 0; i < 3 * KINDS; i++)
            test_check(waits[i].result == (by_hand ? -ECANCELED : -ETIMEDOUT));
        unlock(&lock, MUTEX);
        unlock(&lock, WRITE);
        test_check(is_unused(&lock));
        weft_context_free(context);
    }
    return 0;
}

START_TEST(x01_x04_waits_are_ended)
{
    test_run(ended_app);
}
END_TEST

/* ---- no wake-up is lost; in simulated runs, where nobody else runs before the one who does waits or yields ---- */

static void run_simulated(int (*app)(void *unused))
{
    for (uint64_t seed = 0; seed < 20; seed++)
        ck_assert_int_eq(weft_sim(seed, app, NULL), 0);
}

struct pair {
    struct lock lock;
    struct wait first, second;
    weft_waitgroup wg;
};

/* The lock is held; first, with a context, and then second wait for it, which shares the context or has none. */
static void start_pair(struct pair *pair, enum kind kind, bool shared)
{
    memset(pair, 0, sizeof *pair);
    weft_context *context = new_context();
    pair->first = (struct wait){&pair->lock, context, kind, 1};
    pair->second = (struct wait){&pair->lock, shared ? context : weft_context_background(), kind, 1};
    lock_out(&pair->lock, kind);
    test_check(weft_waitgroup_go(&pair->wg, wait_with, &pair->first) == 0);
    wait_for_waiters(&pair->lock, kind, 1);
    test_check(weft_waitgroup_go(&pair->wg, wait_with, &pair->second) == 0);
    wait_for_waiters(&pair->lock, kind, 2);
}

static void end_pair(struct pair *pair, int first, int second)
{
    weft_waitgroup_wait(&pair->wg); /* or a deadlock report */
    test_check(pair->first.result == first && pair->second.result == second);
    test_check(is_unused(&pair->lock));
    weft_context_free(pair->first.context);
}

static int chosen_app(void *unused)
{
    (void)unused;
    for (int k = 0; k < KINDS; k++) {
        enum kind kind = (enum kind)k;
        struct pair pair;
        start_pair(&pair, kind, false); /* cancelled, and not gone yet: the unlock passes over it */
        weft_context_cancel(pair.first.context);
        let_in(&pair.lock, kind);
        end_pair(&pair, -ECANCELED, 0);

        start_pair(&pair, kind, false); /* chosen before it was cancelled: it goes on */
        let_in(&pair.lock, kind);
        weft_context_cancel(pair.first.context);
        end_pair(&pair, 0, 0);

        start_pair(&pair, kind, true); /* both give up, neither gone yet */
        weft_context_cancel(pair.first.context);
        let_in(&pair.lock, kind);
        end_pair(&pair, -ECANCELED, -ECANCELED);

        start_pair(&pair, kind, true); /* both give up, and are gone: the lock is held, and nothing else */
        weft_context_cancel(pair.first.context);
        wait_for_waiters(&pair.lock, kind, 0);
        test_check(kind == MUTEX ? (pair.lock.mutex.opaque[0] & ~KEPT) == HELD : pair.lock.rwmutex.opaque[0] == WRITER);
        let_in(&pair.lock, kind);
        end_pair(&pair, -ECANCELED, -ECANCELED);
    }
    return 0;
}

START_TEST(m01_m05_who_gives_up_is_passed_over)
{
    run_simulated(chosen_app);
}
END_TEST

/* Chosen and woken, but somebody else is faster: it queues again, finds itself cancelled, and the other one is not forgotten. */
static int late_app(void *unused)
{
    (void)unused;
    for (int k = MUTEX; k <= WRITE; k++) {
        enum kind kind = (enum kind)k;
        struct pair pair;
        start_pair(&pair, kind, false);
        let_in(&pair.lock, kind);
        test_check(kind == MUTEX ? weft_mutex_trylock(&pair.lock.mutex) : weft_rwmutex_trylock(&pair.lock.rwmutex));
        weft_context_cancel(pair.first.context);
        while (pair.first.result == 1)
            weft_yield();
        test_check(pair.first.result == -ECANCELED && waiters_in(&pair.lock, kind) == 1);
        let_in(&pair.lock, kind);
        end_pair(&pair, -ECANCELED, 0);
    }
    return 0;
}

START_TEST(m03_woken_too_late_and_cancelled)
{
    run_simulated(late_app);
}
END_TEST

/* The starving mode, in which nobody can barge, ends when those who starve give up. */
static int starving_app(void *unused)
{
    (void)unused;
    enum { STARVING = 4, N = 4 };
    for (int turn = 0; turn < 5; turn++) {
        struct lock lock = {{{0}}, {{0}}};
        weft_context *context = new_context();
        struct wait waits[N];
        weft_waitgroup wg = {0};
        weft_mutex_lock(&lock.mutex);
        for (int i = 0; i < N; i++) {
            waits[i] = (struct wait){&lock, context, MUTEX, 1};
            test_check(weft_waitgroup_go(&wg, wait_with, &waits[i]) == 0);
        }
        wait_for_waiters(&lock, MUTEX, N);
        weft_sleep(2 * WEFT_MILLISECOND);
        /* One is woken, loses, and has waited too long. */
        weft_mutex_unlock(&lock.mutex);
        test_check(weft_mutex_trylock(&lock.mutex));
        wait_for_waiters(&lock, MUTEX, N);
        test_check((__atomic_load_n(&lock.mutex.opaque[0], __ATOMIC_RELAXED) & STARVING) != 0);
        weft_context_cancel(context);
        if (turn % 2 == 0)
            weft_waitgroup_wait(&wg);
        weft_mutex_unlock(&lock.mutex); /* in the odd turns it finds them all in the row, and none to hand over to */
        test_check(weft_mutex_trylock(&lock.mutex));
        weft_mutex_unlock(&lock.mutex);
        weft_waitgroup_wait(&wg);
        for (int i = 0; i < N; i++)
            test_check(waits[i].result == -ECANCELED);
        test_check(is_unused(&lock));
        weft_context_free(context);
    }
    return 0;
}

START_TEST(m03_starving_waiters_give_up)
{
    run_simulated(starving_app);
}
END_TEST

/* ---- M-05: a writer that waits for readers gives up, and opens the lock again ---- */

static int pending_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(200); turn++) {
        int writers = turn % 3;
        struct lock lock = {{{0}}, {{0}}};
        struct wait pending = {&lock, new_context(), WRITE, 1}, reader = {&lock, new_context(), READ, 1};
        struct wait other[2], late = {&lock, weft_context_background(), READ, 1};
        weft_waitgroup wg = {0}, pending_wg = {0}, reader_wg = {0};
        weft_rwmutex_rlock(&lock.rwmutex);
        test_check(weft_waitgroup_go(&pending_wg, wait_with, &pending) == 0);
        wait_for_pending(&lock);
        for (int i = 0; i < writers; i++) {
            other[i] = (struct wait){&lock, weft_context_background(), WRITE, 1};
            test_check(weft_waitgroup_go(&wg, wait_with, &other[i]) == 0);
            wait_for_waiters(&lock, WRITE, i + 1);
        }
        test_check(weft_waitgroup_go(&reader_wg, wait_with, &reader) == 0);
        wait_for_waiters(&lock, READ, 1);
        weft_context_cancel(pending.context);
        weft_waitgroup_wait(&pending_wg);
        test_check(pending.result == -ECANCELED);
        weft_waitgroup_wait(&reader_wg); /* it was inside, beside the first reader, who still is */
        test_check(reader.result == 0);
        if (writers > 0) { /* the next one is pending now, and keeps readers out */
            wait_for_pending(&lock);
            test_check(!weft_rwmutex_try_rlock(&lock.rwmutex) && waiters_in(&lock, WRITE) == writers - 1);
            test_check(weft_waitgroup_go(&wg, wait_with, &late) == 0);
            wait_for_waiters(&lock, READ, 1);
        } else {
            test_check(!rwmutex_has(&lock, PENDING) && weft_rwmutex_try_rlock(&lock.rwmutex));
            weft_rwmutex_runlock(&lock.rwmutex);
        }
        weft_rwmutex_runlock(&lock.rwmutex);
        weft_waitgroup_wait(&wg);
        test_check(is_unused(&lock));
        weft_context_free(pending.context);
        weft_context_free(reader.context);
    }
    return 0;
}

START_TEST(m05_a_pending_writer_gives_up)
{
    test_run(pending_app);
}
END_TEST

/* The last reader has left, and whoever it is to hand over to has been cancelled and has not run. */
static int hand_over_app(void *unused)
{
    (void)unused;
    for (int turn = 0; turn < 8; turn++) {
        struct lock lock = {{{0}}, {{0}}};
        struct wait pending = {&lock, new_context(), WRITE, 1};
        struct wait others[] = {{&lock, weft_context_background(), WRITE, 1},
                                {&lock, weft_context_background(), READ, 1}};
        weft_waitgroup wg = {0};
        weft_rwmutex_rlock(&lock.rwmutex);
        test_check(weft_waitgroup_go(&wg, wait_with, &pending) == 0);
        wait_for_pending(&lock);
        for (int i = 0; i < 2; i++) {
            if ((turn >> i & 1) == 0)
                continue;
            test_check(weft_waitgroup_go(&wg, wait_with, &others[i]) == 0);
            wait_for_waiters(&lock, others[i].kind, 1);
        }
        if (turn < 4) {
            weft_context_cancel(pending.context);
            weft_rwmutex_runlock(&lock.rwmutex);
        } else { /* it has got the lock before it was cancelled */
            weft_rwmutex_runlock(&lock.rwmutex);
            weft_context_cancel(pending.context);
        }
        weft_waitgroup_wait(&wg);
        test_check(pending.result == (turn < 4 ? -ECANCELED : 0) && is_unused(&lock));
        weft_context_free(pending.context);
    }
    return 0;
}

START_TEST(m05_the_last_reader_finds_the_writer_cancelled)
{
    run_simulated(hand_over_app);
}
END_TEST

/* ---- stress ---- */

static void pause_for(uint32_t turns)
{
    for (; turns > 0; turns--)
        __asm__ __volatile__("" ::: "memory");
}

static void cancel_after(weft_context *context, uint32_t turns, int *begun)
{
    __atomic_store_n(begun, 1, __ATOMIC_RELEASE);
    pause_for(turns);
    weft_context_cancel(context);
}

/* The last reader leaves while the writer that waits for it gives up. */
static int race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    uint32_t random = 1;
    for (int turn = 0; turn < test_iterations(20000); turn++) {
        struct lock lock = {{{0}}, {{0}}};
        struct wait pending = {&lock, new_context(), WRITE, 1}, reader = {&lock, weft_context_background(), READ, 1};
        weft_waitgroup wg = {0};
        int begun = 0;
        random = random * 1664525u + 1013904223u;
        weft_rwmutex_rlock(&lock.rwmutex);
        test_check(weft_waitgroup_go(&wg, wait_with, &pending) == 0);
        wait_for_pending(&lock);
        if (turn % 2 != 0)
            test_check(weft_waitgroup_go(&wg, wait_with, &reader) == 0);
        test_check(weft_waitgroup_go(&wg, cancel_after, pending.context, random >> 8 & 1023, &begun) == 0);
        while (weft_procs(0) > 1 && !__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
            weft_yield();
        pause_for(random >> 18 & 1023);
        weft_rwmutex_runlock(&lock.rwmutex);
        weft_waitgroup_wait(&wg);
        test_check(pending.result == 0 || pending.result == -ECANCELED);
        test_check(is_unused(&lock));
        weft_context_free(pending.context);
    }
    return 0;
}

START_TEST(m05_the_last_reader_against_cancel)
{
    test_run(race_app);
}
END_TEST

struct hammered {
    struct lock lock;
    int activity;      /* atomic: one per reader inside, 10,000 per writer */
    long value[2];     /* plain: protected by the mutex, by the rwmutex */
    long done[KINDS];  /* atomic */
    long failed;       /* atomic */
    weft_waitgroup wg; /* of those who cancel */
};

static void cancel_soon(weft_context *context, uint32_t random)
{
    if (random % 3 == 0)
        weft_yield();
    pause_for(random % 1000);
    weft_context_cancel(context);
    weft_context_release(context);
}

static void inside(struct hammered *hammered, enum kind kind, bool hold)
{
    if (kind == MUTEX) {
        hammered->value[0]++;
    } else if (kind == WRITE) {
        test_check(__atomic_add_fetch(&hammered->activity, 10000, __ATOMIC_RELAXED) == 10000);
        hammered->value[1]++;
    } else {
        test_check(__atomic_add_fetch(&hammered->activity, 1, __ATOMIC_RELAXED) < 10000);
        test_check(hammered->value[1] >= 0);
    }
    if (hold)
        weft_yield();
    if (kind != MUTEX)
        __atomic_sub_fetch(&hammered->activity, kind == WRITE ? 10000 : 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&hammered->done[kind], 1, __ATOMIC_RELAXED);
}

/* Goroutines alone cancel: a thread has no way to wait for the one that does. */
static void hammer(struct hammered *hammered, int times, int seed, bool cancels)
{
    uint32_t random = (uint32_t)seed * 2654435761u + 1;
    for (int i = 0; i < times; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t what = random >> 12;
        enum kind kind = what % 3 == 0 ? MUTEX : what % 12 < 4 ? WRITE : READ;
        weft_context *context = weft_context_background();
        if (cancels && what % 7 < 4) {
            context = new_context();
            test_check(weft_waitgroup_go(&hammered->wg, cancel_soon, weft_context_retain(context), what) == 0);
        }
        int error = lock_ctx(&hammered->lock, kind, context);
        test_check(error == 0 || (error == -ECANCELED && context != weft_context_background()));
        if (error == 0) {
            inside(hammered, kind, what % 11 == 0);
            unlock(&hammered->lock, kind);
        } else {
            __atomic_add_fetch(&hammered->failed, 1, __ATOMIC_RELAXED);
        }
        if (context != weft_context_background())
            weft_context_free(context);
    }
}

struct thread {
    pthread_t thread;
    struct hammered *hammered;
    int times, seed;
};

static void *hammer_in_thread(void *arg)
{
    struct thread *thread = arg;
    hammer(thread->hammered, thread->times, thread->seed, false);
    return NULL;
}

static void hammer_with(int goroutines, int threads, int times)
{
    struct hammered hammered;
    memset(&hammered, 0, sizeof hammered);
    struct thread thread[3];
    weft_waitgroup wg = {0};
    for (int i = 0; i < threads; i++) {
        thread[i] = (struct thread){.hammered = &hammered, .times = times, .seed = i};
        test_check(pthread_create(&thread[i].thread, NULL, hammer_in_thread, &thread[i]) == 0);
    }
    for (int i = 0; i < goroutines; i++)
        test_check(weft_waitgroup_go(&wg, hammer, &hammered, times, i + 10, true) == 0);
    weft_waitgroup_wait(&wg);
    weft_waitgroup_wait(&hammered.wg);
    for (int i = 0; i < threads; i++)
        weft_blocking
        {
            pthread_join(thread[i].thread, NULL);
        }
    test_check(is_unused(&hammered.lock) && hammered.activity == 0);
    test_check(hammered.value[0] == hammered.done[MUTEX] && hammered.value[1] == hammered.done[WRITE]);
    test_check(hammered.done[MUTEX] + hammered.done[WRITE] + hammered.done[READ] + hammered.failed ==
               (long)(goroutines + threads) * times);
}

static int hammer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    hammer_with(2, 0, test_iterations(10000));
    hammer_with(10, 0, test_iterations(5000));
    hammer_with(60, 0, test_iterations(400));
    hammer_with(5, 3, test_iterations(3000));
    return 0;
}

START_TEST(m01_m05_hammer_against_cancel)
{
    test_run(hammer_app);
}
END_TEST

/* ---- W-04: the last one to return frees, at once ---- */

struct shared {
    struct lock lock;
    weft_context *context;
    int users; /* atomic */
};

static void use_and_free(struct shared *shared, enum kind kind, bool cancel)
{
    if (cancel)
        weft_context_cancel(shared->context);
    if (lock_ctx(&shared->lock, kind, shared->context) == 0) {
        weft_yield();
        unlock(&shared->lock, kind);
    }
    if (__atomic_sub_fetch(&shared->users, 1, __ATOMIC_ACQ_REL) == 0) {
        weft_context_free(shared->context);
        memset(shared, 0xAA, sizeof *shared);
        free(shared);
    }
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    for (int i = 0; i < test_iterations(20000); i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        shared->context = new_context();
        shared->users = 5;
        for (int k = 0; k < 5; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared, (enum kind)((k + i) % KINDS), k == 4) == 0);
        if (i % 50 == 0)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w04_freed_by_the_last)
{
    test_run(free_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context_locks");
    TCase *tests = tcase_create("context_locks");
    tcase_add_test(tests, m01_m05_free_ones);
    tcase_add_test(tests, x01_x04_waits_are_ended);
    tcase_add_test(tests, m01_m05_who_gives_up_is_passed_over);
    tcase_add_test(tests, m03_woken_too_late_and_cancelled);
    tcase_add_test(tests, m03_starving_waiters_give_up);
    tcase_add_test(tests, m05_a_pending_writer_gives_up);
    tcase_add_test(tests, m05_the_last_reader_finds_the_writer_cancelled);
    tcase_add_test(tests, m05_the_last_reader_against_cancel);
    tcase_add_test(tests, m01_m05_hammer_against_cancel);
    tcase_add_test(tests, w04_freed_by_the_last);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

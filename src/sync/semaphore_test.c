/* SPDX-License-Identifier: Apache-2.0
 *
 * semaphore_test.c - the catalogue's W-07, and W-04 for the semaphore, at 1, 2 and 4 processors; misuse in child processes.
 *
 * The constants mirror the state of semaphore.c: the tests wait until somebody has queued, so that they need no clock. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "sync/row.h"

#include "support.h"

#define LISTED UINT64_C(1)
#define QUEUED UINT64_C(2)

/* How many have parked in its row; -1: somebody is at it. */
static int waiters_in(weft_semaphore *semaphore)
{
    uint64_t state = __atomic_load_n(&semaphore->opaque[1], __ATOMIC_RELAXED);
    if ((state & QUEUED) == 0)
        return 0;
    state &= ~LISTED;
    if (!__atomic_compare_exchange_n(&semaphore->opaque[1], &state, state | LISTED, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return -1;
    int count = 0;
    struct weft__row *waiters = (struct weft__row *)&semaphore->opaque[2];
    for (struct weft__row_waiter *waiter = waiters->oldest; waiter != NULL; waiter = waiter->next)
        count++;
    __atomic_fetch_and(&semaphore->opaque[1], ~LISTED, __ATOMIC_RELEASE);
    return count;
}

static void wait_for_waiters(weft_semaphore *semaphore, int count)
{
    while (waiters_in(semaphore) != count)
        weft_yield();
}

static bool is_unused(weft_semaphore *semaphore)
{
    return __atomic_load_n(&semaphore->opaque[1], __ATOMIC_RELAXED) == 0;
}

static weft_context *new_context(void)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    test_check(context != NULL);
    return context;
}

/* ---- alone ---- */

START_TEST(w07_tokens_are_counted)
{
    weft_semaphore s = WEFT_SEMAPHORE_INIT(3);
    ck_assert(weft_semaphore_try_acquire(&s, 1));
    ck_assert(!weft_semaphore_try_acquire(&s, 3));
    ck_assert(weft_semaphore_try_acquire(&s, 2));
    ck_assert(!weft_semaphore_try_acquire(&s, 1));
    ck_assert(weft_semaphore_try_acquire(&s, 0));
    weft_semaphore_release(&s, 3);
    weft_semaphore_acquire(&s, 3);
    ck_assert(!weft_semaphore_try_acquire(&s, 1));
    weft_semaphore_release(&s, 0);
    weft_semaphore_release(&s, 3);
    ck_assert(!weft_semaphore_try_acquire(&s, 4));
    ck_assert(!weft_semaphore_try_acquire(&s, INT64_MAX));
    ck_assert_int_eq(weft_semaphore_acquire_ctx(weft_context_background(), &s, 3), 0);
    weft_semaphore_release(&s, 3);
    ck_assert(is_unused(&s));
}
END_TEST

START_TEST(w07_none_and_very_many)
{
    weft_semaphore none = {{0}};
    ck_assert(!weft_semaphore_try_acquire(&none, 1));
    ck_assert(weft_semaphore_try_acquire(&none, 0));
    weft_semaphore_acquire(&none, 0);
    weft_semaphore negative = WEFT_SEMAPHORE_INIT(-5);
    ck_assert(!weft_semaphore_try_acquire(&negative, 1));
    int64_t most = INT64_C(1) << 60;
    int64_t sizes[] = {most, most + 1, INT64_MAX}; /* more than the most are the most */
    for (int i = 0; i < 3; i++) {
        weft_semaphore many = WEFT_SEMAPHORE_INIT(sizes[i]);
        ck_assert(!weft_semaphore_try_acquire(&many, most + 1));
        weft_semaphore_acquire(&many, most - 1);
        ck_assert(!weft_semaphore_try_acquire(&many, 2));
        ck_assert(weft_semaphore_try_acquire(&many, 1));
        ck_assert(!weft_semaphore_try_acquire(&many, 1));
        weft_semaphore_release(&many, most);
        ck_assert(is_unused(&many));
    }
}
END_TEST

/* ---- in what order ---- */

struct row {
    weft_semaphore semaphore;
    weft_mutex mutex;
    int order[64], count; /* protected by mutex */
};

static int got_so_far(struct row *row)
{
    weft_mutex_lock(&row->mutex);
    int count = row->count;
    weft_mutex_unlock(&row->mutex);
    return count;
}

static void wait_until_got(struct row *row, int count)
{
    while (got_so_far(row) != count)
        weft_yield();
}

static void get(struct row *row, int me, int64_t n, weft_context *context)
{
    int error = 0;
    if (context != NULL)
        error = weft_semaphore_acquire_ctx(context, &row->semaphore, n);
    else
        weft_semaphore_acquire(&row->semaphore, n);
    test_check(error == 0 || error == -ECANCELED);
    weft_mutex_lock(&row->mutex);
    row->order[row->count++] = error == 0 ? me : -me;
    weft_mutex_unlock(&row->mutex);
}

static void queue(weft_waitgroup *wg, struct row *row, int me, int64_t n, weft_context *context)
{
    int before = waiters_in(&row->semaphore);
    test_check(before >= 0 && weft_waitgroup_go(wg, get, row, me, n, context) == 0);
    wait_for_waiters(&row->semaphore, before + 1);
}

/* Waiters of all sizes: each gets its own when those before it have got theirs. */
static int order_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { N = 20 };
    for (int turn = 0; turn < test_iterations(100); turn++) {
        struct row row = {.semaphore = WEFT_SEMAPHORE_INIT(10)};
        weft_waitgroup wg = {0};
        weft_semaphore_acquire(&row.semaphore, 10);
        for (int i = 1; i <= N; i++)
            queue(&wg, &row, i, (i * 7 + turn) % 10 + 1, NULL);
        for (int i = 1; i <= N; i++) {
            int64_t n = (i * 7 + turn) % 10 + 1;
            weft_semaphore_release(&row.semaphore, n - 1);
            test_check(!weft_semaphore_try_acquire(&row.semaphore, n - 1)); /* there, and not for one who just came */
            test_check(waiters_in(&row.semaphore) == N + 1 - i && got_so_far(&row) == i - 1);
            weft_semaphore_release(&row.semaphore, 1);
            wait_until_got(&row, i);
            test_check(row.order[i - 1] == i);
        }
        weft_waitgroup_wait(&wg);
        weft_semaphore_release(&row.semaphore, 10);
        test_check(is_unused(&row.semaphore));
    }
    return 0;
}

START_TEST(w07_first_come_first_served)
{
    test_run(order_app);
}
END_TEST

/* One release is enough for several; the first that does not fit holds up the rest. */
static int several_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(300); turn++) {
        struct row row = {.semaphore = WEFT_SEMAPHORE_INIT(10)};
        weft_waitgroup wg = {0};
        weft_semaphore_acquire(&row.semaphore, 10);
        int64_t wanted[] = {1, 0, 2, 3, 5, 1, 0};
        for (int i = 0; i < 7; i++)
            queue(&wg, &row, i, wanted[i], NULL);
        weft_semaphore_release(&row.semaphore, 9); /* 1 + 0 + 2 + 3, and then 3 are left of the 5 */
        wait_until_got(&row, 4);
        test_check(waiters_in(&row.semaphore) == 3);
        for (int i = 0; i < 4; i++)
            test_check(row.order[i] < 4);
        test_check(!weft_semaphore_try_acquire(&row.semaphore, 1));
        weft_semaphore_release(&row.semaphore, 3); /* 6: the rest */
        weft_waitgroup_wait(&wg);
        test_check(!weft_semaphore_try_acquire(&row.semaphore, 1));
        weft_semaphore_release(&row.semaphore, 10);
        test_check(is_unused(&row.semaphore));
    }
    return 0;
}

START_TEST(w07_one_release_serves_several)
{
    test_run(several_app);
}
END_TEST

/* ---- with a context ---- */

static int ended_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_context *cancelled = new_context();
    weft_context_cancel(cancelled);
    weft_context *late = weft_context_with_timeout(weft_context_background(), 0);
    weft_semaphore s = WEFT_SEMAPHORE_INIT(2);
    test_check(weft_semaphore_acquire_ctx(cancelled, &s, 1) == -ECANCELED); /* though they are there */
    test_check(weft_semaphore_acquire_ctx(late, &s, 0) == -ETIMEDOUT);
    test_check(is_unused(&s));
    weft_context *soon = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    weft_semaphore_acquire(&s, 1);
    test_check(weft_semaphore_acquire_ctx(soon, &s, 2) == -ETIMEDOUT);
    test_check(weft_semaphore_try_acquire(&s, 1)); /* it has left nothing behind */
    weft_semaphore_release(&s, 2);
    test_check(is_unused(&s));
    weft_context_free(soon);
    soon = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    test_check(weft_semaphore_acquire_ctx(soon, &s, 3) == -ETIMEDOUT); /* more than there are */
    weft_context_free(soon);
    weft_context_free(cancelled);
    weft_context_free(late);
    return 0;
}

START_TEST(w07_an_ended_context_fails_though_tokens_are_free)
{
    test_run(ended_app);
}
END_TEST

/* One that can never be served waits for its context, in nobody's way. */
static int doomed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(300); turn++) {
        struct row row = {.semaphore = WEFT_SEMAPHORE_INIT(2)};
        weft_context *context = new_context();
        weft_waitgroup wg = {0};
        test_check(weft_waitgroup_go(&wg, get, &row, 1, INT64_C(3), context) == 0);
        for (int i = 0; i < turn % 5; i++)
            weft_yield();
        for (int i = 0; i < 3; i++) {
            test_check(weft_semaphore_try_acquire(&row.semaphore, 2));
            weft_semaphore_release(&row.semaphore, 2);
        }
        test_check(got_so_far(&row) == 0);
        weft_context_cancel(context);
        weft_waitgroup_wait(&wg);
        test_check(row.order[0] == -1 && is_unused(&row.semaphore));
        weft_context_free(context);
    }
    return 0;
}

START_TEST(w07_more_than_there_are_waits_for_the_context)
{
    test_run(doomed_app);
}
END_TEST

/* Whoever leaves the front lets those behind it have what is there; whoever leaves from elsewhere changes nothing. */
static int front_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(300); turn++) {
        struct row row = {.semaphore = WEFT_SEMAPHORE_INIT(5)};
        weft_context *front = new_context(), *middle = new_context();
        weft_waitgroup wg = {0};
        weft_semaphore_acquire(&row.semaphore, 2);
        queue(&wg, &row, 1, 5, front);
        queue(&wg, &row, 2, 1, NULL);
        queue(&wg, &row, 3, 1, middle);
        queue(&wg, &row, 4, 2, NULL);
        queue(&wg, &row, 5, 1, NULL);
        weft_context_cancel(middle);
        wait_until_got(&row, 1);
        test_check(row.order[0] == -3);
        wait_for_waiters(&row.semaphore, 4);
        weft_context_cancel(front);
        wait_until_got(&row, 4);
        wait_for_waiters(&row.semaphore, 1);
        int sum = 0;
        for (int i = 1; i < 4; i++)
            sum += row.order[i];
        test_check(sum == -1 + 2 + 4);
        weft_semaphore_release(&row.semaphore, 1);
        weft_waitgroup_wait(&wg);
        weft_semaphore_release(&row.semaphore, 5);
        test_check(is_unused(&row.semaphore));
        weft_context_free(front);
        weft_context_free(middle);
    }
    return 0;
}

START_TEST(w07_cancelling_the_front_serves_the_next)
{
    test_run(front_app);
}
END_TEST

/* In a simulated run, where it is known who has run: served, and cancelled before. It gives back what it got, to the next. */
static int returned_app(void *unused)
{
    (void)unused;
    for (int turn = 0; turn < 10; turn++) {
        struct row row = {.semaphore = WEFT_SEMAPHORE_INIT(1)};
        weft_context *context = new_context();
        weft_waitgroup wg = {0};
        weft_semaphore_acquire(&row.semaphore, 1);
        queue(&wg, &row, 1, 1, context);
        if (turn % 2 != 0)
            queue(&wg, &row, 2, 1, NULL);
        weft_semaphore_release(&row.semaphore, 1);
        test_check(waiters_in(&row.semaphore) == turn % 2);
        weft_context_cancel(context);
        weft_waitgroup_wait(&wg);
        test_check(row.order[0] == -1 && row.count == 1 + turn % 2);
        if (turn % 2 != 0) {
            test_check(row.order[1] == 2);
            weft_semaphore_release(&row.semaphore, 1);
        }
        test_check(is_unused(&row.semaphore));
        weft_context_free(context);
    }
    return 0;
}

START_TEST(w07_a_grant_that_races_a_cancel_is_returned)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        ck_assert_int_eq(weft_sim(seed, returned_app, NULL), 0);
}
END_TEST

/* ---- stress ---- */

#define TOKENS 7

struct hammered {
    weft_semaphore semaphore;
    weft_semaphore single;
    int taken;  /* atomic */
    long plain; /* protected by single */
    long turns; /* atomic */
    weft_waitgroup cancels;
};

static void use(struct hammered *hammered, int64_t n, bool hold)
{
    int taken = __atomic_add_fetch(&hammered->taken, (int)n, __ATOMIC_RELAXED);
    test_check(taken <= TOKENS);
    if (hold)
        weft_yield();
    __atomic_sub_fetch(&hammered->taken, (int)n, __ATOMIC_RELAXED);
}

static void hammer(struct hammered *hammered, int times, int kind)
{
    uint32_t random = (uint32_t)kind * 2654435761u + 1;
    for (int i = 0; i < times; i++) {
        random = random * 1664525u + 1013904223u;
        int64_t n = (random >> 16) % (TOKENS + 1);
        bool hold = (random >> 20) % 31 == 0;
        if ((random >> 24) % 5 != 0 || !weft_semaphore_try_acquire(&hammered->semaphore, n))
            weft_semaphore_acquire(&hammered->semaphore, n);
        use(hammered, n, hold);
        if (n > 1 && hold) { /* bit by bit */
            weft_semaphore_release(&hammered->semaphore, 1);
            weft_semaphore_release(&hammered->semaphore, n - 1);
        } else {
            weft_semaphore_release(&hammered->semaphore, n);
        }
        weft_semaphore_acquire(&hammered->single, 1);
        hammered->plain++;
        weft_semaphore_release(&hammered->single, 1);
    }
    __atomic_add_fetch(&hammered->turns, times, __ATOMIC_RELAXED);
}

/* Each turn is with a context that somebody else cancels at about the same time. */
static void cancel_soon(weft_context *context, uint32_t random)
{
    if (random % 3 == 0)
        weft_yield();
    for (uint32_t i = random % 1000; i > 0; i--)
        __asm__ __volatile__("" ::: "memory");
    weft_context_cancel(context);
    weft_context_release(context);
}

static void hammer_with_contexts(struct hammered *hammered, int times, int kind)
{
    uint32_t random = (uint32_t)kind * 2654435761u + 1;
    for (int i = 0; i < times; i++) {
        random = random * 1664525u + 1013904223u;
        int64_t n = (random >> 16) % TOKENS + 1;
        weft_context *context = new_context();
        test_check(weft_waitgroup_go(&hammered->cancels, cancel_soon, weft_context_retain(context), random >> 8) == 0);
        int error = weft_semaphore_acquire_ctx(context, &hammered->semaphore, n);
        test_check(error == 0 || error == -ECANCELED);
        if (error == 0) {
            use(hammered, n, (random >> 20) % 3 == 0);
            weft_semaphore_release(&hammered->semaphore, n);
        }
        weft_context_free(context);
    }
}

struct thread {
    pthread_t thread;
    struct hammered *hammered;
    int times, kind;
};

static void *hammer_in_thread(void *arg)
{
    struct thread *thread = arg;
    hammer(thread->hammered, thread->times, thread->kind);
    return NULL;
}

static void hammer_with(int goroutines, int threads, int cancelled, int times)
{
    struct hammered hammered = {.semaphore = WEFT_SEMAPHORE_INIT(TOKENS), .single = WEFT_SEMAPHORE_INIT(1)};
    struct thread thread[4];
    weft_waitgroup wg = {0};
    for (int i = 0; i < threads; i++) {
        thread[i] = (struct thread){.hammered = &hammered, .times = times, .kind = i};
        test_check(pthread_create(&thread[i].thread, NULL, hammer_in_thread, &thread[i]) == 0);
    }
    for (int i = 0; i < goroutines; i++)
        test_check(weft_waitgroup_go(&wg, hammer, &hammered, times, i + 10) == 0);
    for (int i = 0; i < cancelled; i++)
        test_check(weft_waitgroup_go(&wg, hammer_with_contexts, &hammered, times, i + 50) == 0);
    weft_waitgroup_wait(&wg);
    weft_waitgroup_wait(&hammered.cancels);
    for (int i = 0; i < threads; i++)
        weft_blocking
        {
            pthread_join(thread[i].thread, NULL);
        }
    test_check(is_unused(&hammered.semaphore) && is_unused(&hammered.single));
    test_check(hammered.plain == (long)(goroutines + threads) * times && hammered.turns == hammered.plain);
}

static int hammer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    hammer_with(2, 0, 0, test_iterations(50000));
    hammer_with(10, 0, 0, test_iterations(10000));
    hammer_with(100, 0, 0, test_iterations(500));
    hammer_with(4, 3, 0, test_iterations(3000));
    return 0;
}

START_TEST(w07_hammer)
{
    test_run(hammer_app);
}
END_TEST

static int hammer_cancel_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    hammer_with(3, 1, 6, test_iterations(3000));
    return 0;
}

START_TEST(w07_hammer_against_cancel)
{
    test_run(hammer_cancel_app);
}
END_TEST

START_TEST(w07_threads_without_a_run)
{
    hammer_with(0, 3, 0, test_iterations(3000));
}
END_TEST

/* ---- W-04: the last one to have tokens frees it at once ---- */

struct shared {
    weft_semaphore semaphore;
    int users; /* atomic */
};

static void use_and_free(struct shared *shared, int kind)
{
    weft_semaphore_acquire(&shared->semaphore, 1);
    bool is_last = __atomic_sub_fetch(&shared->users, 1, __ATOMIC_ACQ_REL) == 0;
    if (kind % 3 == 1)
        weft_yield();
    if (is_last) { /* it need not give its token back: the others have done with the semaphore */
        memset(shared, 0xAA, sizeof *shared);
        free(shared);
    } else {
        weft_semaphore_release(&shared->semaphore, 1);
    }
}

static void *use_in_thread(void *shared)
{
    use_and_free(shared, 1);
    return NULL;
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    for (int i = 0; i < test_iterations(50000); i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        shared->semaphore = (weft_semaphore)WEFT_SEMAPHORE_INIT(1);
        shared->users = 4;
        for (int k = 0; k < 3; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared, k + i) == 0);
        pthread_t thread;
        bool with_thread = i % 500 == 0;
        if (with_thread)
            test_check(pthread_create(&thread, NULL, use_in_thread, shared) == 0);
        else
            use_and_free(shared, i);
        if (i % 100 == 0)
            weft_waitgroup_wait(&wg);
        if (with_thread)
            weft_blocking
            {
                pthread_join(thread, NULL);
            }
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w04_freed_by_the_last)
{
    test_run(free_app);
}
END_TEST

/* ---- misuse ---- */

static void over_release(void *semaphore)
{
    weft_semaphore_release(semaphore, 3);
}

/* Contained, it leaves the semaphore as it was. */
static int contained_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct weft_panic_info info;
    struct row row = {.semaphore = WEFT_SEMAPHORE_INIT(5)};
    weft_waitgroup wg = {0};
    weft_semaphore_acquire(&row.semaphore, 2);
    test_check(weft_recover(over_release, &row.semaphore, &info));
    test_check(strcmp(info.message, "sync: semaphore released more than is taken") == 0);
    queue(&wg, &row, 1, 5, NULL);
    test_check(weft_recover(over_release, &row.semaphore, &info));
    test_check(waiters_in(&row.semaphore) == 1);
    weft_semaphore_release(&row.semaphore, 2);
    weft_waitgroup_wait(&wg);
    weft_semaphore_release(&row.semaphore, 5);
    test_check(is_unused(&row.semaphore));
    return 0;
}

START_TEST(w07_misuse_contained)
{
    test_run(contained_app);
}
END_TEST

static weft_semaphore misused = WEFT_SEMAPHORE_INIT(2);

static int release_of_new(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_semaphore_release(&misused, 1);
    return 0;
}

static int release_of_too_many(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_semaphore_acquire(&misused, 2);
    weft_semaphore_release(&misused, INT64_MAX);
    return 0;
}

static int acquire_negative(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_semaphore_acquire(&misused, -1);
    return 0;
}

static int try_negative(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_semaphore_try_acquire(&misused, INT64_MIN);
    return 0;
}

static int release_negative(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_semaphore_release(&misused, -1);
    return 0;
}

static int acquire_for_ever(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_semaphore_acquire(&misused, 1);
    weft_semaphore_acquire(&misused, 2);
    return 0;
}

static int acquire_more_than_there_are(int argc, char **argv)
{
    (void)argc, (void)argv;
    return weft_semaphore_acquire_ctx(weft_context_background(), &misused, 3);
}

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} misuses[] = {
    {release_of_new, "^panic: sync: semaphore released more than is taken\n"},
    {release_of_too_many, "^panic: sync: semaphore released more than is taken\n"},
    {acquire_negative, "^panic: sync: negative number of semaphore tokens\n"},
    {try_negative, "^panic: sync: negative number of semaphore tokens\n"},
    {release_negative, "^panic: sync: negative number of semaphore tokens\n"},
    {acquire_for_ever, "all goroutines are asleep - deadlock!.*goroutine 1 .*.semaphore acquire on semaphore 0x"},
    {acquire_more_than_there_are, "deadlock!.*goroutine 1 .*.semaphore acquire of more than there are on semaphore 0x"},
};

static int misuse_child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(1);
    return weft_run(misuses[*(int *)number].app, 1, argv);
}

START_TEST(w07_misuse)
{
    int number = _i;
    struct test_child child = test_child(misuse_child, &number, 60);
    test_child_check(child, 2, misuses[_i].message);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("semaphore");
    TCase *tests = tcase_create("semaphore");
    tcase_add_test(tests, w07_tokens_are_counted);
    tcase_add_test(tests, w07_none_and_very_many);
    tcase_add_test(tests, w07_first_come_first_served);
    tcase_add_test(tests, w07_one_release_serves_several);
    tcase_add_test(tests, w07_an_ended_context_fails_though_tokens_are_free);
    tcase_add_test(tests, w07_more_than_there_are_waits_for_the_context);
    tcase_add_test(tests, w07_cancelling_the_front_serves_the_next);
    tcase_add_test(tests, w07_a_grant_that_races_a_cancel_is_returned);
    tcase_add_test(tests, w07_hammer);
    tcase_add_test(tests, w07_hammer_against_cancel);
    tcase_add_test(tests, w07_threads_without_a_run);
    tcase_add_test(tests, w04_freed_by_the_last);
    tcase_add_test(tests, w07_misuse_contained);
    tcase_add_loop_test(tests, w07_misuse, 0, sizeof misuses / sizeof misuses[0]);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

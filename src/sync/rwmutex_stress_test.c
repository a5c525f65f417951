/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex_stress_test.c - the rwmutex under load, in goroutines and threads: the catalogue's M-01, M-05 and W-04, at 1, 2 and 4
 * processors. */
#include <pthread.h>
#include <string.h>

#include "rwmutex_state.h"

/* ---- M-01, M-05: stress; whoever writes is alone. The activity counter is Go's ---- */

struct hammered {
    weft_rwmutex rwmutex;
    int activity; /* atomic: one per reader inside, 10,000 per writer */
    long value;   /* plain: ThreadSanitizer reports what the lock fails to order */
    long writes;  /* plain */
};

static void read_hammered(struct hammered *hammered, bool hold)
{
    int activity = __atomic_add_fetch(&hammered->activity, 1, __ATOMIC_RELAXED);
    test_check(activity >= 1 && activity < 10000);
    long value = hammered->value;
    if (hold)
        weft_yield();
    test_check(hammered->value == value && hammered->writes == value);
    __atomic_sub_fetch(&hammered->activity, 1, __ATOMIC_RELAXED);
}

static void write_hammered(struct hammered *hammered, bool hold)
{
    test_check(__atomic_add_fetch(&hammered->activity, 10000, __ATOMIC_RELAXED) == 10000);
    hammered->value++;
    if (hold)
        weft_yield();
    hammered->writes++;
    test_check(__atomic_sub_fetch(&hammered->activity, 10000, __ATOMIC_RELAXED) == 0);
}

/* Returns how often it has written. */
static int hammer(struct hammered *hammered, int n, int kind)
{
    int writes = 0;
    uint32_t random = (uint32_t)kind * 2654435761u + 1;
    for (int i = 0; i < n; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t what = random >> 16;
        bool hold = what % 61 == 0, try_first = what % 7 == 0;
        if (what % (kind % 3 == 0 ? 2 : 10) == 0) {
            if (!try_first || !weft_rwmutex_trylock(&hammered->rwmutex))
                weft_rwmutex_lock(&hammered->rwmutex);
            write_hammered(hammered, hold);
            weft_rwmutex_unlock(&hammered->rwmutex);
            writes++;
        } else {
            if (!try_first || !weft_rwmutex_try_rlock(&hammered->rwmutex))
                weft_rwmutex_rlock(&hammered->rwmutex);
            read_hammered(hammered, hold);
            weft_rwmutex_runlock(&hammered->rwmutex);
        }
        if (what % 97 == 0)
            weft_yield();
    }
    return writes;
}

static long writes_done; /* atomic */

static void hammer_and_count(struct hammered *hammered, int n, int kind)
{
    __atomic_add_fetch(&writes_done, hammer(hammered, n, kind), __ATOMIC_RELAXED);
}

struct thread {
    pthread_t thread;
    struct hammered *hammered;
    int n, kind;
};

static void *hammer_in_thread(void *arg)
{
    struct thread *thread = arg;
    hammer_and_count(thread->hammered, thread->n, thread->kind);
    return NULL;
}

static int hammer_with(int goroutines, int threads, int n)
{
    struct hammered hammered;
    memset(&hammered, 0, sizeof hammered);
    writes_done = 0;
    struct thread thread[4];
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < threads; k++) {
        thread[k] = (struct thread){.hammered = &hammered, .n = n, .kind = k};
        test_check(pthread_create(&thread[k].thread, NULL, hammer_in_thread, &thread[k]) == 0);
    }
    for (int k = 0; k < goroutines; k++)
        test_check(weft_waitgroup_go(&wg, hammer_and_count, &hammered, n, k + 10) == 0);
    weft_waitgroup_wait(&wg);
    for (int k = 0; k < threads; k++)
        weft_blocking
        {
            pthread_join(thread[k].thread, NULL);
        }
    test_check(hammered.value == writes_done && hammered.writes == writes_done);
    test_check(is_unused(&hammered.rwmutex));
    return 0;
}

static int hammer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    hammer_with(1, 0, 1000);
    hammer_with(2, 0, test_iterations(100000));
    hammer_with(10, 0, test_iterations(30000));
    return hammer_with(100, 0, test_iterations(1000));
}

START_TEST(m01_m05_hammer)
{
    test_run(hammer_app);
}
END_TEST

static int hammer_mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return hammer_with(6, 3, test_iterations(8000));
}

START_TEST(m01_m05_hammer_with_threads)
{
    test_run(hammer_mixed_app);
}
END_TEST

START_TEST(m01_m05_threads_without_a_run)
{
    struct hammered hammered;
    memset(&hammered, 0, sizeof hammered);
    struct thread thread[4];
    for (int k = 0; k < 4; k++) {
        thread[k] = (struct thread){.hammered = &hammered, .n = test_iterations(8000), .kind = k};
        ck_assert_int_eq(pthread_create(&thread[k].thread, NULL, hammer_in_thread, &thread[k]), 0);
    }
    for (int k = 0; k < 4; k++)
        pthread_join(thread[k].thread, NULL);
    ck_assert_int_eq(hammered.value, writes_done);
    ck_assert(is_unused(&hammered.rwmutex));
}
END_TEST

/* Who unlocks need not be the one who locked. */
static void unlock_only(struct hammered *hammered)
{
    hammered->value++;
    weft_rwmutex_unlock(&hammered->rwmutex);
}

static void runlock_only(struct hammered *hammered, long expected)
{
    test_check(hammered->value == expected);
    weft_rwmutex_runlock(&hammered->rwmutex);
}

static int baton_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct hammered hammered;
    memset(&hammered, 0, sizeof hammered);
    for (int i = 0; i < test_iterations(4000); i++) {
        weft_rwmutex_lock(&hammered.rwmutex);
        test_check(weft_go(unlock_only, &hammered) == 0);
        for (int k = 0; k < 3; k++) {
            weft_rwmutex_rlock(&hammered.rwmutex);
            test_check(weft_go(runlock_only, &hammered, (long)i + 1) == 0);
        }
    }
    weft_rwmutex_lock(&hammered.rwmutex);
    return 0;
}

START_TEST(m01_anybody_may_unlock)
{
    test_run(baton_app);
}
END_TEST

/* ---- W-04: the last one to have the lock frees it at once, on the heap ---- */

struct shared {
    weft_rwmutex rwmutex;
    int users; /* atomic */
};

/* Each writes and reads; the one that finds itself the last, while it still has the lock, frees it. */
static void use_and_free(struct shared *shared, int kind)
{
    bool is_last;
    if (kind % 2 == 0) {
        weft_rwmutex_lock(&shared->rwmutex);
        is_last = __atomic_sub_fetch(&shared->users, 1, __ATOMIC_ACQ_REL) == 0;
        if (kind % 4 == 2)
            weft_yield();
        weft_rwmutex_unlock(&shared->rwmutex);
    } else {
        weft_rwmutex_rlock(&shared->rwmutex);
        if (kind % 4 == 3)
            weft_yield();
        weft_rwmutex_runlock(&shared->rwmutex);
        weft_rwmutex_lock(&shared->rwmutex); /* waits for the other readers to be through with it */
        is_last = __atomic_sub_fetch(&shared->users, 1, __ATOMIC_ACQ_REL) == 0;
        weft_rwmutex_unlock(&shared->rwmutex);
    }
    if (is_last) {
        memset(shared, 0xAA, sizeof *shared);
        free(shared);
    }
}

static void *use_in_thread(void *shared)
{
    use_and_free(shared, 3);
    return NULL;
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(50000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < n; i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        shared->users = 5;
        for (int k = 0; k < 4; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared, k + i) == 0);
        use_and_free(shared, i);
        if (i % 100 == 99)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < 40; i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        pthread_t thread;
        shared->users = 4;
        test_check(pthread_create(&thread, NULL, use_in_thread, shared) == 0);
        for (int k = 0; k < 3; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared, k + i) == 0);
        weft_waitgroup_wait(&wg);
        weft_blocking
        {
            pthread_join(thread, NULL);
        }
    }
    return 0;
}

START_TEST(w04_freed_by_the_last)
{
    test_run(free_app);
}
END_TEST

/* A writer frees what readers have just left: runlock touches nothing after that. */
static void read_and_leave(weft_rwmutex *rwmutex, int *inside)
{
    weft_rwmutex_rlock(rwmutex);
    __atomic_add_fetch(inside, 1, __ATOMIC_RELEASE);
    weft_yield();
    weft_rwmutex_runlock(rwmutex);
}

static int free_after_readers_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    for (int i = 0; i < n; i++) {
        struct {
            weft_rwmutex rwmutex;
            int inside;
        } *shared = calloc(1, sizeof *shared);
        for (int k = 0; k < 3; k++)
            test_check(weft_go(read_and_leave, &shared->rwmutex, &shared->inside) == 0);
        while (__atomic_load_n(&shared->inside, __ATOMIC_ACQUIRE) < 3)
            weft_yield();
        weft_rwmutex_lock(&shared->rwmutex);
        memset(shared, 0xAA, sizeof *shared);
        free(shared);
    }
    return 0;
}

START_TEST(w04_freed_by_a_writer_after_readers)
{
    test_run(free_after_readers_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rwmutex_stress");
    TCase *tests = tcase_create("rwmutex_stress");
    tcase_add_test(tests, m01_m05_hammer);
    tcase_add_test(tests, m01_m05_hammer_with_threads);
    tcase_add_test(tests, m01_m05_threads_without_a_run);
    tcase_add_test(tests, m01_anybody_may_unlock);
    tcase_add_test(tests, w04_freed_by_the_last);
    tcase_add_test(tests, w04_freed_by_a_writer_after_readers);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

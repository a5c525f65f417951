/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex_test.c - the catalogue's M-01, M-02, M-04 and W-04 for the mutex, at 1, 2 and 4 processors; misuse in child processes. Who gets
 * it next, and how one waits for it: mutex_turns_test.c. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <weft.h>

#include "support.h"

/* ---- M-01 ---- */

struct counter {
    weft_mutex mutex;
    long value; /* plain: ThreadSanitizer reports what the mutex fails to order */
};

static void hammer(struct counter *counter, int n, int kind)
{
    for (int i = 0; i < n; i++) {
        if ((i + kind) % 3 == 0) {
            if (!weft_mutex_trylock(&counter->mutex))
                weft_mutex_lock(&counter->mutex);
        } else {
            weft_mutex_lock(&counter->mutex);
        }
        counter->value++;
        if (kind % 2 == 1 && i % 50 == 0)
            weft_yield(); /* held across a park */
        weft_mutex_unlock(&counter->mutex);
        if (kind % 4 == 2 && i % 100 == 0)
            weft_yield();
    }
}

struct thread {
    pthread_t thread;
    struct counter *counter;
    int n, kind;
};

static void *hammer_in_thread(void *arg)
{
    struct thread *thread = arg;
    hammer(thread->counter, thread->n, thread->kind);
    return NULL;
}

static int hammer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(100000);
    struct counter counter = {WEFT_MUTEX_INIT, 0};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < 10; k++)
        test_check(weft_waitgroup_go(&wg, hammer, &counter, n, k) == 0);
    weft_waitgroup_wait(&wg);
    test_check(counter.value == 10L * n);
    return 0;
}

START_TEST(m01_hammer)
{
    test_run(hammer_app);
}
END_TEST

static int hammer_mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(10000);
    struct counter counter = {WEFT_MUTEX_INIT, 0};
    struct thread threads[3];
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < 3; k++) {
        threads[k] = (struct thread){.counter = &counter, .n = n, .kind = k};
        test_check(pthread_create(&threads[k].thread, NULL, hammer_in_thread, &threads[k]) == 0);
    }
    for (int k = 0; k < 5; k++)
        test_check(weft_waitgroup_go(&wg, hammer, &counter, n, k) == 0);
    weft_waitgroup_wait(&wg);
    for (int k = 0; k < 3; k++)
        weft_blocking
        {
            pthread_join(threads[k].thread, NULL);
        }
    test_check(counter.value == 8L * n);
    return 0;
}

START_TEST(m01_hammer_with_threads)
{
    test_run(hammer_mixed_app);
}
END_TEST

/* Many mutexes, each held while the next is taken. */
#define RING 5

static void go_round(struct counter *ring, int start, int n)
{
    for (int i = 0; i < n; i++) {
        int one = (start + i) % RING, other = (start + i + 1) % RING;
        int first = one < other ? one : other, second = one < other ? other : one; /* in order: no deadlock */
        weft_mutex_lock(&ring[first].mutex);
        weft_mutex_lock(&ring[second].mutex);
        ring[first].value++;
        ring[second].value++;
        if (i % 16 == 0)
            weft_yield();
        weft_mutex_unlock(&ring[first].mutex);
        weft_mutex_unlock(&ring[second].mutex);
    }
}

static int ring_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    struct counter ring[RING];
    memset(ring, 0, sizeof ring);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < RING; k++)
        test_check(weft_waitgroup_go(&wg, go_round, ring, k, n) == 0);
    weft_waitgroup_wait(&wg);
    long sum = 0;
    for (int k = 0; k < RING; k++)
        sum += ring[k].value;
    test_check(sum == 2L * RING * n);
    return 0;
}

START_TEST(m01_ring)
{
    test_run(ring_app);
}
END_TEST

/* The one who unlocks need not be the one who locked: a baton. */
static void unlock_only(struct counter *counter)
{
    counter->value++;
    weft_mutex_unlock(&counter->mutex);
}

static void *unlock_in_thread(void *arg)
{
    unlock_only(arg);
    return NULL;
}

static int baton_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(4000);
    struct counter counter = {WEFT_MUTEX_INIT, 0};
    for (int i = 0; i < n; i++) {
        pthread_t thread;
        weft_mutex_lock(&counter.mutex);
        bool by_thread = i % 20 == 0;
        if (by_thread)
            test_check(pthread_create(&thread, NULL, unlock_in_thread, &counter) == 0);
        else
            test_check(weft_go(unlock_only, &counter) == 0);
        weft_mutex_lock(&counter.mutex);
        test_check(counter.value == i + 1);
        weft_mutex_unlock(&counter.mutex);
        if (by_thread)
            weft_blocking
            {
                pthread_join(thread, NULL);
            }
    }
    return 0;
}

START_TEST(m01_anybody_may_unlock)
{
    test_run(baton_app);
}
END_TEST

/* ---- M-04, in plain threads, where nothing else orders anything ---- */

static struct {
    weft_mutex mutex;
    int held, value; /* held: atomic, relaxed; value: plain */
} tried;

static void *hold_and_write(void *arg)
{
    (void)arg;
    weft_mutex_lock(&tried.mutex);
    tried.value = 1;
    __atomic_store_n(&tried.held, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&tried.held, __ATOMIC_RELAXED) == 1)
        sched_yield();
    weft_mutex_unlock(&tried.mutex);
    return NULL;
}

static int failed_trylock(void *arg)
{
    (void)arg;
    pthread_t thread;
    if (pthread_create(&thread, NULL, hold_and_write, NULL) != 0)
        return 1;
    while (__atomic_load_n(&tried.held, __ATOMIC_RELAXED) == 0)
        sched_yield();
    if (weft_mutex_trylock(&tried.mutex))
        return 1;
    int seen = tried.value; /* a race: to be reported */
    __atomic_store_n(&tried.held, 2, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    if (!weft_mutex_trylock(&tried.mutex) || seen < 0)
        return 1;
    weft_mutex_unlock(&tried.mutex);
    return 0;
}

START_TEST(m04_failed_trylock_synchronises_nothing)
{
    struct test_child child = test_child(failed_trylock, NULL, 60);
    if (TEST_TSAN)
        ck_assert_msg(child.code != 0 && strstr(child.err, "data race") != NULL, "no race was reported: exit %d, %s",
                      child.code, child.err);
    else
        test_child_check(child, 0, NULL);
    test_child_free(&child);
}
END_TEST

/* ---- W-04: the last one to have the mutex frees it at once, on the heap ---- */

struct shared {
    weft_mutex mutex;
    int users; /* protected by mutex */
    bool slowly;
};

static void use_and_free(struct shared *shared)
{
    weft_mutex_lock(&shared->mutex);
    int left = --shared->users;
    if (shared->slowly)
        weft_sleep(1100 * WEFT_MICROSECOND); /* who waits starves: hand-overs */
    else if (left % 2 == 1)
        weft_yield();
    weft_mutex_unlock(&shared->mutex);
    if (left == 0) {
        memset(shared, 0xAA, sizeof *shared);
        free(shared);
    }
}

static void *use_in_thread(void *shared)
{
    use_and_free(shared);
    return NULL;
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(100000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < n; i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        shared->users = 4;
        for (int k = 0; k < 3; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared) == 0);
        use_and_free(shared);
        if (i % 100 == 99)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < 40; i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        pthread_t thread;
        shared->users = 4;
        shared->slowly = i % 4 == 0;
        test_check(pthread_create(&thread, NULL, use_in_thread, shared) == 0);
        for (int k = 0; k < 3; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared) == 0);
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

/* ---- M-02 and other misuse ---- */

static int in_child(int (*app)(int argc, char **argv))
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(1);
    return weft_run(app, 1, argv);
}

static void say(void *text)
{
    puts(text);
}

/* Not recoverable: deferred calls do not run. */
static int unlock_of_new(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_defer(say, "deferred call");
    weft_mutex_unlock(&mutex);
    return 0;
}

static int unlock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_mutex_lock(&mutex);
    weft_mutex_unlock(&mutex);
    weft_mutex_unlock(&mutex);
    return 0;
}

static int unlock_twice_after_trylock(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    if (weft_mutex_trylock(&mutex))
        weft_mutex_unlock(&mutex);
    weft_mutex_unlock(&mutex);
    return 0;
}

/* After contention the words are used, but unlocked all the same. */
static int unlock_after_contention(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct counter counter = {WEFT_MUTEX_INIT, 0};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_mutex_lock(&counter.mutex);
    for (int i = 0; i < 3; i++)
        weft_waitgroup_go(&wg, hammer, &counter, 1, 2);
    weft_yield();
    weft_mutex_unlock(&counter.mutex);
    weft_waitgroup_wait(&wg);
    weft_mutex_unlock(&counter.mutex);
    return 0;
}

static int lock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_mutex mutex;
    weft_mutex_lock(&mutex);
    weft_mutex_lock(&mutex);
    return 0;
}

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} misuses[] = {
    {unlock_of_new, "^fatal error: sync: unlock of unlocked mutex\n"},
    {unlock_twice, "^fatal error: sync: unlock of unlocked mutex\n"},
    {unlock_twice_after_trylock, "^fatal error: sync: unlock of unlocked mutex\n"},
    {unlock_after_contention, "^fatal error: sync: unlock of unlocked mutex\n"},
    {lock_twice, "all goroutines are asleep - deadlock!.*goroutine 1 .*mutex lock on mutex 0x"},
};

static int misuse_child(void *number)
{
    return in_child(misuses[*(int *)number].app);
}

START_TEST(m02_misuse)
{
    int number = _i;
    struct test_child child = test_child(misuse_child, &number, 60);
    test_child_check(child, 2, misuses[_i].message);
    ck_assert_str_eq(child.out, "");
    test_child_free(&child);
}
END_TEST

static void *unlock_new_in_thread(void *arg)
{
    weft_mutex_unlock(arg);
    return NULL;
}

static int misuse_in_thread(void *arg)
{
    (void)arg;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    pthread_t thread;
    pthread_create(&thread, NULL, unlock_new_in_thread, &mutex);
    pthread_join(thread, NULL);
    return 0;
}

START_TEST(m02_misuse_in_a_thread)
{
    struct test_child child = test_child(misuse_in_thread, NULL, 60);
    test_child_check(child, 2, "^fatal error: sync: unlock of unlocked mutex\n");
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mutex");
    TCase *tests = tcase_create("mutex");
    tcase_add_test(tests, m01_hammer);
    tcase_add_test(tests, m01_hammer_with_threads);
    tcase_add_test(tests, m01_ring);
    tcase_add_test(tests, m01_anybody_may_unlock);
    tcase_add_test(tests, m04_failed_trylock_synchronises_nothing);
    tcase_add_test(tests, w04_freed_by_the_last);
    tcase_add_loop_test(tests, m02_misuse, 0, sizeof misuses / sizeof misuses[0]);
    tcase_add_test(tests, m02_misuse_in_a_thread);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

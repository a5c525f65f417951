/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex_misuse_test.c - the catalogue's M-02 for the rwmutex, deadlocks among it, and M-04: what a program must not rely on. In child
 * processes. */
#include <pthread.h>
#include <sched.h>

#include "rwmutex_state.h"

/* ---- M-04, in plain threads, where nothing else orders anything ---- */

static struct {
    weft_rwmutex rwmutex;
    int held, value; /* held: atomic, relaxed; value: plain */
} tried;

static void *hold_and_write(void *arg)
{
    (void)arg;
    weft_rwmutex_lock(&tried.rwmutex);
    tried.value = 1;
    __atomic_store_n(&tried.held, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&tried.held, __ATOMIC_RELAXED) == 1)
        sched_yield();
    weft_rwmutex_unlock(&tried.rwmutex);
    return NULL;
}

static int failed_try(void *read)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, hold_and_write, NULL) != 0)
        return 1;
    while (__atomic_load_n(&tried.held, __ATOMIC_RELAXED) == 0)
        sched_yield();
    if (*(bool *)read ? weft_rwmutex_try_rlock(&tried.rwmutex) : weft_rwmutex_trylock(&tried.rwmutex))
        return 1;
    int seen = tried.value; /* a race: to be reported */
    __atomic_store_n(&tried.held, 2, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    return !weft_rwmutex_trylock(&tried.rwmutex) || seen < 0;
}

START_TEST(m04_failed_try_synchronises_nothing)
{
    bool read = _i == 1;
    struct test_child child = test_child(failed_try, &read, 60);
    if (TEST_TSAN)
        ck_assert_msg(child.code != 0 && strstr(child.err, "data race") != NULL, "no race was reported: exit %d, %s",
                      child.code, child.err);
    else
        test_child_check(child, 0, NULL);
    test_child_free(&child);
}
END_TEST

/* ---- M-02 and other misuse ---- */

static weft_rwmutex misused;

static void say(void *text)
{
    puts(text);
}

static int runlock_of_new(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_defer(say, "deferred call"); /* not recoverable: it does not run */
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int unlock_of_new(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_defer(say, "deferred call");
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int unlock_of_read_locked(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int runlock_of_write_locked(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int runlock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_runlock(&misused);
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int unlock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_rwmutex_unlock(&misused);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static void read_misused(void)
{
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_runlock(&misused);
}

static void write_misused(void)
{
    weft_rwmutex_lock(&misused);
    weft_rwmutex_unlock(&misused);
}

/* Readers wait, but none is inside. */
static int runlock_while_readers_wait(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_go(read_misused);
    wait_for_readers(&misused, 1);
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int unlock_while_a_writer_is_pending(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_go(write_misused);
    wait_for_bits(&misused, PENDING | PARKED);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int unlock_after_contention(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_rwmutex_lock(&misused);
    weft_waitgroup_go(&wg, read_misused);
    weft_waitgroup_go(&wg, write_misused);
    weft_waitgroup_go(&wg, read_misused);
    weft_yield();
    weft_rwmutex_unlock(&misused);
    weft_waitgroup_wait(&wg);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int lock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_rwmutex_lock(&misused);
    return 0;
}

static int lock_of_read_locked(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_lock(&misused);
    return 0;
}

/* A recursive rlock with a writer between the two. */
static int recursive_rlock(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_go(write_misused);
    wait_for_bits(&misused, PENDING | PARKED);
    weft_rwmutex_rlock(&misused);
    return 0;
}

#define NO_READER "^fatal error: sync: runlock of unlocked rwmutex\n"
#define NO_WRITER "^fatal error: sync: unlock of unlocked rwmutex\n"

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} misuses[] = {
    {runlock_of_new, NO_READER},
    {unlock_of_new, NO_WRITER},
    {unlock_of_read_locked, NO_WRITER},
    {runlock_of_write_locked, NO_READER},
    {runlock_twice, NO_READER},
    {unlock_twice, NO_WRITER},
    {runlock_while_readers_wait, NO_READER},
    {unlock_while_a_writer_is_pending, NO_WRITER},
    {unlock_after_contention, NO_WRITER},
    {lock_twice, "all goroutines are asleep - deadlock!.*goroutine 1 .*rwmutex lock on rwmutex 0x"},
    {lock_of_read_locked, "all goroutines are asleep - deadlock!.*goroutine 1 .*rwmutex lock on rwmutex 0x"},
    {recursive_rlock, "all goroutines are asleep - deadlock!.*goroutine 1 .*rwmutex read lock on rwmutex 0x"},
};

static int misuse_child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(1);
    return weft_run(misuses[*(int *)number].app, 1, argv);
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

int main(void)
{
    Suite *suite = suite_create("rwmutex_misuse");
    TCase *tests = tcase_create("rwmutex_misuse");
    tcase_add_loop_test(tests, m04_failed_try_synchronises_nothing, 0, 2);
    tcase_add_loop_test(tests, m02_misuse, 0, sizeof misuses / sizeof misuses[0]);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_thread_end_test.c - the end of a goroutine that keeps its kernel thread, and of a run that has some; a deadlock. Catalogue: G-05.
 * test-timeout: 240
 * test-wrap: weft__locked_elsewhere */
#include <stdatomic.h>

#include "locked.h"
#include "parked.h"

static bool thread_lives(pid_t tid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)tid);
    return access(path, F_OK) == 0;
}

/* ---- the end of a locked goroutine ---- */

static void end_locked(int way, pid_t *tid)
{
    weft_lock_thread();
    weft_lock_thread();
    *tid = thread();
    weft_yield();
    if (way == 1)
        weft_exit();
}

static int ends_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(100); i++) {
        pid_t tids[4] = {0};
        weft_waitgroup wg = {0};
        for (int way = 0; way < 4; way++)
            test_check(weft_waitgroup_go(&wg, end_locked, way % 2, &tids[way]) == 0);
        weft_waitgroup_wait(&wg);
        for (int way = 0; way < 4; way++)
            while (thread_lives(tids[way])) /* its thread is on its way out: the test's time is the limit */
                weft_sleep(100 * WEFT_MICROSECOND);
    }
    return 0;
}

START_TEST(g05_the_thread_ends_with_it)
{
    test_run(ends_app);
}
END_TEST

static void print_later(void)
{
    weft_sleep(WEFT_MILLISECOND);
    fprintf(stderr, "still here\n");
}

static int locked_main_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_lock_thread();
    go(print_later);
    weft_exit();
}

static int locked_main(void *arg)
{
    (void)arg;
    return weft_run(locked_main_app, 0, NULL);
}

START_TEST(g05_main_exits_locked)
{
    struct test_child child = test_child(locked_main, NULL, 60);
    test_child_check(child, 2, "still here\n.*deadlock");
    test_child_free(&child);
}
END_TEST

/* ---- deadlock ---- */

static void wait_locked(chan(int) never, weft_waitgroup *here)
{
    int value;
    weft_lock_thread();
    weft_waitgroup_done(here);
    chan_recv(never, &value);
}

static int deadlock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int value;
    chan(int) never = chan_make(int, 0);
    weft_waitgroup here = {0};
    for (int i = 0; i < 3; i++) {
        weft_waitgroup_add(&here, 1);
        go(wait_locked, never, &here);
    }
    weft_waitgroup_wait(&here);
    if (argc == 2)
        weft_lock_thread();
    chan_recv(never, &value);
    return 0;
}

static int deadlock(void *arg)
{
    const int *argc = arg;
    weft_procs(*argc == 2 ? 1 : 2);
    return weft_run(deadlock_app, *argc, NULL);
}

START_TEST(g05_deadlock_is_seen)
{
    for (int argc = 1; argc <= 2; argc++) {
        struct test_child child = test_child(deadlock, &argc, 60);
        test_child_check(child, 2,
                         "all goroutines are asleep - deadlock!.*chan receive [^\n]*, locked to its thread\\]");
        test_child_free(&child);
    }
}
END_TEST

/* ---- the end of the run ---- */

static atomic_int stop;

static void compute_locked(weft_waitgroup *here)
{
    weft_lock_thread();
    weft_waitgroup_done(here);
    while (!atomic_load(&stop))
        usleep(100);
    weft_yield();
    test_check(false); /* its run is over */
}

static void yield_locked(void)
{
    weft_lock_thread();
    for (;;)
        weft_yield();
}

static int cut_off_app(int argc, char **argv)
{
    chan(int) never = *(chan(int) *)argv;
    weft_waitgroup here = {0};
    for (int i = 0; i < 4; i++) {
        weft_waitgroup_add(&here, argc > 1 ? 2 : 1);
        go(wait_locked, never, &here);
        go(yield_locked);
        if (argc > 1)
            go(compute_locked, &here);
    }
    weft_waitgroup_wait(&here);
    chan_close(never);
    if (argc % 2 == 0)
        weft_lock_thread();
    return 0;
}

START_TEST(g05_cut_off_by_the_end)
{
    static chan(int) kept; /* of a run whose lost ones are still about, and may be on their way to it */
    for (int i = 0; i < test_iterations(100); i++) {
        bool lost = i % 10 == 9;
        chan(int) never = chan_make(int, 0);
        atomic_store(&stop, 0); /* the lost ones of the run before may miss that it was set */
        weft_procs(1 << i % 3);
        ck_assert_int_eq(weft_run(cut_off_app, lost ? 2 + i / 10 % 2 : i % 2, (char **)&never), 0);
        atomic_store(&stop, 1);
        if (i % 20 == 9) { /* they come back in a later run */
            kept = never;
            continue;
        }
        parked_await_lost();
        chan_free(never);
        chan_free(kept);
        kept = NULL;
    }
}
END_TEST

/* A machine has taken the goroutine out of a queue, and is slow to look whose thread it needs: meanwhile the run ends, and with it
 * the machine that it is locked to. It must not go on in the finder's thread. */
static atomic_int owner; /* the thread that it is locked to */
static atomic_bool found, went_on;

bool __real_weft__locked_elsewhere(struct machine *m, runnable r);
bool __wrap_weft__locked_elsewhere(struct machine *m, runnable r);
bool __wrap_weft__locked_elsewhere(struct machine *m, runnable r)
{
    pid_t tid = atomic_load(&owner);
    if (tid != 0 && m->locked == NULL && !runnable_is_spawn(r) &&
        weft__load_relaxed(&runnable_goroutine(r)->task.is_locked)) { /* m's loop has it alone */
        atomic_store(&found, true);
        while (thread_lives(tid))
            usleep(100);
    }
    return __real_weft__locked_elsewhere(m, r);
}

static void sleep_once_locked(void)
{
    weft_lock_thread();
    atomic_store(&owner, thread());
    weft_sleep(WEFT_MICROSECOND); /* its machine gives up its processor: another one has to find it */
    atomic_store(&went_on, true);
}

static int end_when_found_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(sleep_once_locked);
    while (!atomic_load(&found)) /* without a wait, so that its machine cannot be the finder */
        usleep(100);
    return 0;
}

START_TEST(g05_found_while_the_run_ends)
{
    if (TEST_LTO)
        return;
    for (int processors = 2; processors <= 4; processors *= 2) {
        atomic_store(&owner, 0);
        atomic_store(&found, false);
        test_run_at(processors, end_when_found_app);
        ck_assert_msg(!atomic_load(&went_on), "it went on without its thread");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lock_thread_end");
    TCase *tests = tcase_create("lock_thread_end");
    tcase_add_test(tests, g05_the_thread_ends_with_it);
    tcase_add_test(tests, g05_main_exits_locked);
    tcase_add_test(tests, g05_deadlock_is_seen);
    tcase_add_test(tests, g05_cut_off_by_the_end);
    tcase_add_test(tests, g05_found_while_the_run_ends);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

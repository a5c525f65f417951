/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_thread_test.c - goroutines that keep their kernel thread: whatever they wait on, in levels, after a panic; whose thread it is not.
 * Beside others: lock_thread_turns_test.c; the end: lock_thread_end_test.c. Catalogue: G-05.
 * test-timeout: 240 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include <weft/recover.h>
#include <weft/sim.h>

#include "locked.h"

#define LOCKED 8

/* ---- it keeps it, whatever it waits on ---- */

static void answer(chan(int) questions, chan(int) answers)
{
    int value;
    while (chan_recv(questions, &value))
        chan_send(answers, value + 1);
}

static void wait_in_every_way(chan(int) questions, chan(int) answers, weft_mutex *mutex)
{
    weft_lock_thread();
    pid_t tid = thread();
    for (int i = 0; i < test_iterations(200); i++) {
        int value = 0;
        chan_send(questions, i);
        test_check(thread() == tid);
        test_check(chan_recv(answers, &value)); /* another goroutine's answer, perhaps */
        test_check(thread() == tid);
        weft_yield();
        test_check(thread() == tid);
        if (i % 16 == 0)
            weft_sleep(10 * WEFT_MICROSECOND);
        test_check(thread() == tid);
        weft_mutex_lock(mutex);
        weft_yield();
        weft_mutex_unlock(mutex);
        test_check(thread() == tid);
        weft_blocking
        {
            usleep(1);
        }
        test_check(thread() == tid);
    }
    weft_unlock_thread();
}

static int keeps_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) questions = chan_make(int, 0), answers = chan_make(int, 0);
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_waitgroup asking = {0}, answering = {0};
    for (int i = 0; i < LOCKED; i++) {
        test_check(weft_waitgroup_go(&asking, wait_in_every_way, questions, answers, &mutex) == 0);
        test_check(weft_waitgroup_go(&answering, answer, questions, answers) == 0);
    }
    weft_waitgroup_wait(&asking);
    chan_close(questions);
    weft_waitgroup_wait(&answering);
    chan_free(questions);
    chan_free(answers);
    return 0;
}

START_TEST(g05_keeps_its_thread)
{
    test_run(keeps_app);
}
END_TEST

/* ---- nesting ---- */

/* With one processor and somebody else to run, each yield of an unlocked goroutine lets that one run on the same thread. */
static atomic_int on_thread, stop;

static void run_anywhere(void)
{
    while (!atomic_load(&stop)) {
        atomic_store(&on_thread, thread());
        weft_yield();
    }
}

static void locked_levels(int levels)
{
    for (int i = 0; i < levels; i++)
        weft_lock_thread();
    pid_t tid = thread();
    atomic_store(&on_thread, 0); /* it may have run here before */
    for (int i = levels; i > 0; i--) {
        for (int turn = 0; turn < 20; turn++) {
            weft_yield();
            test_check(thread() == tid && atomic_load(&on_thread) != tid);
        }
        weft_unlock_thread();
    }
    weft_unlock_thread(); /* nothing to undo */
    weft_unlock_thread();
    weft_lock_thread(); /* once is enough all the same */
    tid = thread();
    atomic_store(&on_thread, 0);         /* as above */
    while (atomic_load(&on_thread) == 0) /* the others have left the thread */
        weft_yield();
    test_check(thread() == tid && atomic_load(&on_thread) != tid);
    weft_unlock_thread();
}

static int nests_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    atomic_store(&stop, 0);
    atomic_store(&on_thread, 0);
    weft_waitgroup wg = {0}, other = {0};
    test_check(weft_waitgroup_go(&other, run_anywhere) == 0);
    for (int levels = 1; levels <= 3; levels++) {
        test_check(weft_waitgroup_go(&wg, locked_levels, levels) == 0);
        weft_waitgroup_wait(&wg);
    }
    atomic_store(&stop, 1);
    weft_waitgroup_wait(&other);
    return 0;
}

START_TEST(g05_nests)
{
    test_run(nests_app);
}
END_TEST

/* ---- children ---- */

static void child(pid_t parents, chan(int) done)
{
    test_check(thread() != parents);
    weft_yield();
    test_check(thread() != parents);
    chan_send(done, 1);
}

static void parent(void)
{
    chan(int) done = chan_make(int, 0);
    weft_lock_thread();
    for (int i = 0; i < test_iterations(200); i++) {
        int value;
        test_check(go(child, thread(), done) == 0);
        test_check(chan_recv(done, &value));
    }
    weft_unlock_thread();
    chan_free(done);
}

static int children_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    for (int i = 0; i < 4; i++)
        test_check(weft_waitgroup_go(&wg, parent) == 0);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(g05_children_are_not_locked)
{
    test_run(children_app);
}
END_TEST

/* ---- new threads come from a clean one ---- */

#define SLACK 123457u

/* Timer slack is a thread's own, and a new thread begins with its creator's. */
static void look_at_slack(weft_waitgroup *here, weft_waitgroup *all)
{
    test_check(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) != (int)SLACK);
    weft_waitgroup_done(here);
    weft_blocking
    {
        while (!atomic_load(&stop)) /* each needs a machine */
            usleep(100);
    }
    test_check(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) != (int)SLACK);
    weft_waitgroup_done(all);
}

static void changed(void)
{
    weft_lock_thread();
    weft_lock_thread();
    weft_unlock_thread();
    test_check(prctl(PR_SET_TIMERSLACK, SLACK, 0, 0, 0) == 0);
    weft_waitgroup here = {0}, all = {0};
    for (int i = 0; i < 16; i++) {
        weft_waitgroup_add(&here, 1);
        weft_waitgroup_add(&all, 1);
        test_check(go(look_at_slack, &here, &all) == 0);
        weft_blocking
        {
            usleep(1);
        }
    }
    weft_waitgroup_wait(&here);
    atomic_store(&stop, 1);
    weft_waitgroup_wait(&all);
    test_check(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) == (int)SLACK);
}

static int clean_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(20); i++) {
        atomic_store(&stop, 0);
        weft_waitgroup wg = {0};
        test_check(weft_waitgroup_go(&wg, changed) == 0);
        weft_waitgroup_wait(&wg);
    }
    return 0;
}

START_TEST(g05_new_threads_are_clean)
{
    test_run(clean_app);
}
END_TEST

/* ---- panics ---- */

static void panics(void *arg)
{
    (void)arg;
    weft_lock_thread();
    weft_panic("contained");
}

static int recover_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct weft_panic_info info = {0};
    atomic_store(&stop, 0);
    go(run_anywhere);
    test_check(weft_recover(panics, NULL, &info) != 0);
    pid_t tid = thread();
    for (int i = 0; i < 100; i++) {
        weft_yield();
        test_check(thread() == tid);
    }
    weft_unlock_thread();
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    test_check(weft__machine()->locked == NULL);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return 0;
}

START_TEST(g05_after_a_contained_panic)
{
    test_run(recover_app);
}
END_TEST

/* ---- where it means nothing ---- */

static int simulated(void *arg)
{
    pid_t tid = thread();
    (void)arg;
    weft_lock_thread();
    weft_sleep(WEFT_SECOND);
    test_check(thread() == tid);
    weft_unlock_thread();
    weft_unlock_thread();
    weft_lock_thread();
    return 0;
}

static void *plain(void *arg)
{
    weft_lock_thread();
    weft_unlock_thread();
    weft_unlock_thread();
    return arg;
}

static int plain_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t other;
    test_check(pthread_create(&other, NULL, plain, NULL) == 0);
    weft_blocking
    {
        test_check(pthread_join(other, NULL) == 0);
    }
    return 0;
}

START_TEST(g05_simulation_and_plain_threads)
{
    ck_assert_int_eq(weft_sim(1, simulated, NULL), 0);
    (void)plain(NULL);
    test_run(plain_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lock_thread");
    TCase *tests = tcase_create("lock_thread");
    tcase_add_test(tests, g05_keeps_its_thread);
    tcase_add_test(tests, g05_nests);
    tcase_add_test(tests, g05_children_are_not_locked);
    tcase_add_test(tests, g05_new_threads_are_clean);
    tcase_add_test(tests, g05_after_a_contained_panic);
    tcase_add_test(tests, g05_simulation_and_plain_threads);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

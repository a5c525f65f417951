/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_thread_test.c - goroutines that keep their kernel thread, beside all else that moves goroutines and threads. Catalogue: G-05.
 * test-timeout: 240 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/recover.h>
#include <weft/sim.h>
#include <weft/words.h>

#include "sched/runtime.h"

#include "support.h"

#define LOCKED 8

static pid_t thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static bool thread_lives(pid_t tid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)tid);
    return access(path, F_OK) == 0;
}

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

/* ---- alone ---- */

/* Nobody else is there to fire its timers and to give it a processor: another machine has to come for each. */
static int sleeper_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_lock_thread();
    pid_t tid = thread();
    for (int i = 0; i < test_iterations(200); i++) {
        weft_sleep(20 * WEFT_MICROSECOND);
        test_check(thread() == tid);
    }
    return 0; /* locked */
}

START_TEST(g05_sleeps_alone)
{
    test_run(sleeper_app);
}
END_TEST

/* ---- ping-pong ---- */

static void serve(chan(int) in, chan(int) out, int turns, bool locked)
{
    if (locked)
        weft_lock_thread();
    pid_t tid = thread();
    for (int i = 0; i < turns; i++) {
        int value = 0;
        chan_send(out, i);
        test_check(!locked || thread() == tid);
        test_check(chan_recv(in, &value) && value == i + 1);
        test_check(!locked || thread() == tid);
    }
}

static void give_back(chan(int) in, chan(int) out, int turns, bool locked)
{
    if (locked)
        weft_lock_thread();
    pid_t tid = thread();
    for (int i = 0; i < turns; i++) {
        int value = 0;
        test_check(chan_recv(in, &value));
        test_check(!locked || thread() == tid);
        chan_send(out, value + 1);
        test_check(!locked || thread() == tid);
    }
    if (locked)
        weft_unlock_thread();
}

/* The first, the second, both partners are locked. */
static int ping_pong_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int locked = 1; locked <= 3; locked++) {
        weft_waitgroup wg = {0};
        chan(int) to[LOCKED], from[LOCKED];
        for (int i = 0; i < LOCKED; i++) {
            int turns = test_iterations(2000);
            to[i] = chan_make(int, i % 2);
            from[i] = chan_make(int, 0);
            test_check(weft_waitgroup_go(&wg, serve, from[i], to[i], turns, (locked & 1) != 0) == 0);
            test_check(weft_waitgroup_go(&wg, give_back, to[i], from[i], turns, (locked & 2) != 0) == 0);
        }
        weft_waitgroup_wait(&wg);
        for (int i = 0; i < LOCKED; i++) {
            chan_free(to[i]);
            chan_free(from[i]);
        }
    }
    return 0;
}

START_TEST(g05_ping_pong)
{
    test_run(ping_pong_app);
}
END_TEST

/* They are each other's run-next, at every turn with a processor that was given out anew: it must not keep the queue waiting. */
static int partners_app(int argc, char **argv)
{
    chan(int) to = ((chan(int) *)argv)[0], from = ((chan(int) *)argv)[1];
    (void)argc;
    go(serve, from, to, INT32_MAX, true);
    go(give_back, to, from, INT32_MAX, true);
    for (int i = 0; i < test_iterations(400); i++)
        weft_yield();
    return 0; /* they are cut off */
}

START_TEST(g05_p02_partners_leave_others_their_turn)
{
    for (int processors = 1; processors <= 4; processors *= 2) {
        chan(int) channels[] = {chan_make(int, 0), chan_make(int, 0)};
        weft_procs(processors);
        ck_assert_int_eq(weft_run(partners_app, 0, (char **)channels), 0);
        chan_free(channels[0]);
        chan_free(channels[1]);
    }
}
END_TEST

/* ---- beside thousands of others ---- */

static void cruncher(chan(int) numbers, weft_waitgroup *wg, bool locked, int turns)
{
    if (locked)
        weft_lock_thread();
    pid_t tid = thread();
    for (int i = 0; i < turns; i++) {
        int value = 0;
        test_check(chan_recv(numbers, &value));
        test_check(!locked || thread() == tid);
        if (value % 64 == 0)
            weft_yield();
        test_check(!locked || thread() == tid);
        chan_send(numbers, value + 1);
        test_check(!locked || thread() == tid);
    }
    if (locked && tid % 2 == 0)
        weft_unlock_thread();
    weft_waitgroup_done(wg);
}

static void change_procs(void)
{
    for (int i = 0; !atomic_load(&stop); i++) {
        weft_procs(1 + i % 4);
        weft_sleep(200 * WEFT_MICROSECOND);
    }
}

static int crowd(bool changing)
{
    enum { TOKENS = 64, TURNS = 4 };
    int others = test_goroutines(20000) / 5;
    chan(int) numbers = chan_make(int, TOKENS);
    weft_waitgroup wg = {0}, changer = {0};
    atomic_store(&stop, 0);
    if (changing)
        test_check(weft_waitgroup_go(&changer, change_procs) == 0);
    long sum = 0;
    for (int i = 0; i < others; i++) {
        bool locked = i % (others / (2 * LOCKED)) == 0;
        int turns = locked ? test_iterations(1000) : TURNS;
        sum += turns;
        weft_waitgroup_add(&wg, 1);
        test_check(go(cruncher, numbers, &wg, locked, turns) == 0);
    }
    for (int i = 0; i < TOKENS; i++)
        chan_send(numbers, 0);
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < TOKENS; i++) {
        int value;
        test_check(chan_recv(numbers, &value));
        sum -= value;
    }
    test_check(sum == 0); /* each turn counted once */
    atomic_store(&stop, 1);
    weft_waitgroup_wait(&changer);
    chan_free(numbers);
    return 0;
}

static int crowd_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return crowd(false);
}

static int changing_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return crowd(true);
}

START_TEST(g05_beside_thousands)
{
    test_run(crowd_app);
}
END_TEST

START_TEST(g05_while_procs_change)
{
    test_run(changing_app);
}
END_TEST

/* ---- a locked goroutine that computes ---- */

static atomic_int progress;

static void make_progress(void)
{
    for (;;) {
        atomic_fetch_add(&progress, 1);
        weft_yield();
    }
}

/* With one processor the watchdog has to make room for the others, and afterwards the locked one goes on. */
static int hog_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(make_progress);
    weft_lock_thread();
    pid_t tid = thread();
    for (int i = 0; i < test_iterations(40); i++) {
        int before = atomic_load(&progress);
        while (atomic_load(&progress) == before)
            usleep(10);
        weft_yield();
        test_check(thread() == tid);
    }
    return 0;
}

START_TEST(g05_while_it_computes)
{
    test_run(hog_app);
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
    go(make_progress);
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
    for (int i = 0; i < test_iterations(100); i++) {
        bool lost = i % 10 == 9;
        chan(int) never = chan_make(int, 0);
        atomic_store(&stop, 0); /* the lost ones of the run before may miss that it was set */
        weft_procs(1 << i % 3);
        ck_assert_int_eq(weft_run(cut_off_app, lost ? 2 + i / 10 % 2 : i % 2, (char **)&never), 0);
        atomic_store(&stop, 1);
        chan_free(never);
        if (i % 20 != 9)                                            /* else they come back in a later run */
            while (weft__load_acquire(&weft__rt.lost_machines) > 0) /* pairs with its decrement */
                usleep(100);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lock_thread");
    TCase *tests = tcase_create("lock_thread");
    tcase_add_test(tests, g05_keeps_its_thread);
    tcase_add_test(tests, g05_nests);
    tcase_add_test(tests, g05_children_are_not_locked);
    tcase_add_test(tests, g05_the_thread_ends_with_it);
    tcase_add_test(tests, g05_main_exits_locked);
    tcase_add_test(tests, g05_new_threads_are_clean);
    tcase_add_test(tests, g05_sleeps_alone);
    tcase_add_test(tests, g05_ping_pong);
    tcase_add_test(tests, g05_p02_partners_leave_others_their_turn);
    tcase_add_test(tests, g05_beside_thousands);
    tcase_add_test(tests, g05_while_procs_change);
    tcase_add_test(tests, g05_while_it_computes);
    tcase_add_test(tests, g05_after_a_contained_panic);
    tcase_add_test(tests, g05_simulation_and_plain_threads);
    tcase_add_test(tests, g05_deadlock_is_seen);
    tcase_add_test(tests, g05_cut_off_by_the_end);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

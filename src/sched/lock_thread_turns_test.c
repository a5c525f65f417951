/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_thread_turns_test.c - goroutines that keep their kernel thread, and their turns: alone, with a partner, beside thousands of
 * others, while the number of processors changes, while one computes. Catalogue: G-05.
 * test-timeout: 240 */
#include <stdatomic.h>

#include "locked.h"
#include "parked.h"

#define LOCKED 8

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
        parked_await_lost(); /* they use the channels */
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

static atomic_int stop;

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

int main(void)
{
    Suite *suite = suite_create("lock_thread_turns");
    TCase *tests = tcase_create("lock_thread_turns");
    tcase_add_test(tests, g05_sleeps_alone);
    tcase_add_test(tests, g05_ping_pong);
    tcase_add_test(tests, g05_p02_partners_leave_others_their_turn);
    tcase_add_test(tests, g05_beside_thousands);
    tcase_add_test(tests, g05_while_procs_change);
    tcase_add_test(tests, g05_while_it_computes);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * quit_test.c - SIGQUIT: the dump and the end of the program, and whose signal it is. Catalogue: D-01. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include <weft/sim.h>
#include <weft/words.h>

#include "dumps.h"
#include "parked.h"
#include "support.h"

#define MS WEFT_MILLISECOND

static void sleeps(void)
{
    weft_sleep(WEFT_HOUR);
    STAY();
}

static void quits(void)
{
    kill(getpid(), SIGQUIT);
}

/* All processors at work, or nobody. */
static int quit_busy_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(sleeps);
    parked_await_goroutines(1);
    quits();
    for (;;)
        STAY();
    return 9;
}

static void *quits_when_all_sleep(void *unused)
{
    sigset_t quit; /* it is for weft_run's thread */
    sigemptyset(&quit);
    sigaddset(&quit, SIGQUIT);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &quit, NULL), 0);
    parked_await_goroutines(2);
    quits();
    return unused;
}

static int quit_idle_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("buffered");
    go(sleeps);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, quits_when_all_sleep, NULL), 0);
    weft_sleep(WEFT_HOUR);
    return 9;
}

START_TEST(d01_quit_dumps_and_ends)
{
    signal(SIGQUIT, SIG_DFL);
    for (procs = 1; procs <= 4; procs *= 2) {
        struct test_child child = test_child(run_app, (void *)quit_busy_app, 60);
        test_child_check(child, 2, "^SIGQUIT: quit\n2 goroutines\n");
        check_block(&child, "\\[running\\]", "on a thread");
        check_block(&child, "\\[sleep\\]", "created at .* in quit_busy_app");
        test_child_free(&child);
        child = test_child(run_app, (void *)quit_idle_app, 60);
        test_child_check(child, 2, "^SIGQUIT: quit\n2 goroutines\n");
        check_block(&child, "\"main\" \\[sleep\\]", "the main goroutine");
        ck_assert_str_eq(child.out, "buffered");
        test_child_free(&child);
    }
}
END_TEST

static int quit_simulated(void *unused)
{
    (void)unused;
    quits();
    for (;;)
        usleep(1000);
    return 9;
}

static int quits_in_a_simulation(void *unused)
{
    return weft_sim(1, quit_simulated, unused);
}

START_TEST(d01_quit_in_a_simulated_run)
{
    if (TEST_TSAN)
        return; /* it keeps signals back until the thread makes a call that it knows of */
    signal(SIGQUIT, SIG_DFL);
    struct test_child child = test_child(quits_in_a_simulation, NULL, 60);
    test_child_check(child, 2, "^SIGQUIT: quit\n1 goroutine\nsimulated: weft_sim with seed 1");
    test_child_free(&child);
}
END_TEST

static atomic_int handled;

static void handler(int number)
{
    (void)number;
    handled++;
}

static int survives_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    quits();
    weft_sleep(20 * MS);
    return 9;
}

static int own_later_app(int argc, char **argv)
{
    signal(SIGQUIT, handler);
    return survives_app(argc, argv);
}

static int ignores(void *unused)
{
    (void)unused;
    signal(SIGQUIT, SIG_IGN);
    return run_app((void *)survives_app);
}

static int handles(void *unused)
{
    (void)unused;
    signal(SIGQUIT, handler);
    int code = run_app((void *)survives_app);
    while (handled == 0)
        usleep(1000);
    return code;
}

static int handles_later(void *unused)
{
    (void)unused;
    signal(SIGQUIT, SIG_DFL);
    int code = run_app((void *)own_later_app);
    while (handled == 0)
        usleep(1000);
    struct sigaction action;
    sigaction(SIGQUIT, NULL, &action);
    return action.sa_handler == handler ? code : 1; /* and it stays */
}

static int short_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(sleeps);
    weft_sleep(300 * WEFT_MICROSECOND);
    return 0;
}

static int after_the_run(void *unused)
{
    (void)unused;
    signal(SIGQUIT, SIG_DFL);
    if (run_app((void *)short_app) != 0)
        return 1;
    quits();
    return 9;
}

START_TEST(quit_belongs_to_the_program)
{
    static int (*const programs[])(void *) = {ignores, handles, handles_later};
    for (int i = 0; i < 3; i++) {
        struct test_child child = test_child(programs[i], NULL, 60);
        test_child_check(child, 9, "^$");
        test_child_free(&child);
    }
    struct test_child child = test_child(after_the_run, NULL, 60);
    ck_assert_int_eq(child.signal, SIGQUIT);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quit");
    TCase *tests = tcase_create("quit");
    tcase_add_test(tests, d01_quit_dumps_and_ends);
    tcase_add_test(tests, d01_quit_in_a_simulated_run);
    tcase_add_test(tests, quit_belongs_to_the_program);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

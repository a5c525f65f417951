/* SPDX-License-Identifier: Apache-2.0
 *
 * sched_test.c - spawning, running, stopping; progress of the others while a machine is stuck. Catalogue: G-01 to G-04,
 * G-06, P-03, P-04, P-06, P-07, P-09. Progress is asserted by the test's time-out, not by a clock. */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include <weft/words.h>

#include "support.h"

static int run_at(int processors, int (*app)(int, char **))
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(processors);
    return weft_run(app, 1, argv);
}

/* ---- a run ---- */

static int returns_seven(int argc, char **argv)
{
    return argc == 1 && strcmp(argv[0], "test") == 0 && weft_goid() == 1 && weft_goroutines() == 1 ? 7 : 0;
}

static int nested_run(int argc, char **argv)
{
    return weft_run(returns_seven, argc, argv);
}

static void *run_in_thread(void *arg)
{
    *(int *)arg = run_at(2, returns_seven);
    return NULL;
}

static void sleeps_for_ever(void)
{
    weft_sleep(WEFT_FOREVER);
}

static int leaves_others(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 100; i++)
        go(sleeps_for_ever);
    weft_yield();
    return 7;
}

START_TEST(g02_runs_again_and_from_any_thread)
{
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(run_at(1 + i % 4, returns_seven), 7);
        ck_assert_int_eq(run_at(1 + i % 4, leaves_others), 7);
    }
    int result = 0;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, run_in_thread, &result), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(result, 7);
    ck_assert_int_eq(run_at(2, nested_run), -EDEADLK);
    ck_assert_int_eq(weft_goroutines(), 0);
    ck_assert_int_eq(weft_go(sleeps_for_ever), -EPERM);
}
END_TEST

/* ---- G-01: spawning ---- */

static void set(int *slot, int value)
{
    *slot = value;
}

struct large {
    int marks[1000];
};

static atomic_int large_sum;

static void take_large(void *copy)
{
    struct large *large = copy;
    test_check((uintptr_t)copy % 16 == 0);
    for (int i = 0; i < 1000; i++)
        test_check(large->marks[i] == i);
    large_sum += large->marks[10];
}

static void take_small(void *copy)
{
    large_sum += *(int *)copy;
}

static int deep(int depth)
{
    char frame[1024];
    memset(frame, depth, sizeof frame);
    __asm__ __volatile__("" ::"r"(frame) : "memory");
    return depth == 0 ? 0 : deep(depth - 1) + (frame[5] == (char)depth);
}

static void recurse(int depth, weft_waitgroup *wg)
{
    test_check(deep(depth) == depth);
    weft_waitgroup_done(wg);
}

static int spawn_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(100000);
    int *slots = calloc((size_t)n, sizeof *slots);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < n; i++)
        weft_waitgroup_go(&wg, set, &slots[i], i + 1);
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < n; i++)
        test_check(slots[i] == i + 1);
    free(slots);

    struct large large;
    for (int i = 0; i < 1000; i++)
        large.marks[i] = i;
    int small = 3;
    large_sum = 0;
    for (int i = 0; i < 20; i++) {
        test_check(weft_waitgroup_go_copy_at(NULL, &wg, take_large, &large, sizeof large) == 0);
        test_check(weft_waitgroup_go_copy_at(NULL, &wg, take_small, &small, sizeof small) == 0);
    }
    memset(&large, 0, sizeof large);
    weft_waitgroup_wait(&wg);
    test_check(large_sum == 20 * 13);
    test_check(weft_go_copy(take_small, &small, 65537) == -E2BIG);

    for (int i = 0; i < 10; i++) {
        weft_waitgroup_add(&wg, 1);
        test_check(go_with(((struct weft_go_options){.name = "deep", .stack_size = 4 << 20}), recurse, 3000, &wg) == 0);
    }
    weft_waitgroup_wait(&wg);
    test_check(go_with(((struct weft_go_options){.stack_size = (size_t)2 << 30}), recurse, 1, &wg) == -EINVAL);
    return 0;
}

START_TEST(g01_spawn_shapes_and_sizes)
{
    test_run(spawn_app);
}
END_TEST

/* ---- G-06 ---- */

static void link_up(recv_chan(int) right, send_chan(int) left)
{
    chan_send(left, 1 + chan_recv(right));
}

static void chain_link(chan(int) right, chan(int) left)
{
    int number = chan_recv(right);
    chan_free(right); /* nobody else uses it any more */
    chan_send(left, 1 + number);
}

static int chain_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_goroutines(10000);
    chan(int) first = chan_make(int, 0), left = first;
    for (int i = 0; i < n; i++) {
        chan(int) right = chan_make(int, 0);
        go(chain_link, right, left);
        left = right;
    }
    chan_send(left, 1);
    test_check(chan_recv(first) == n + 1);
    chan_free(first);
    return 0;
}

START_TEST(g06_chain)
{
    test_run_at(2, chain_app);
}
END_TEST

static int many_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_goroutines(200000);
    chan(int) gate = chan_make(int, 0), out = chan_make(int, 0);
    for (int i = 0; i < n; i++)
        go(link_up, recv_only(gate), send_only(out));
    while (weft_goroutines() < (size_t)n + 1)
        weft_yield();
    chan_close(gate);
    for (int i = 0; i < n; i++)
        test_check(chan_recv(out) == 1);
    while (weft_goroutines() > 1)
        weft_yield();
    chan_free(gate);
    chan_free(out);
    return 0;
}

START_TEST(g06_many_blocked)
{
    test_run_at(2, many_app);
}
END_TEST

/* ---- P-04, P-06, P-07: a stuck machine keeps nobody from running ---- */

static int stuck_pipe[2];

static void writes_after_turns(void)
{
    for (int i = 0; i < 20; i++)
        weft_sleep(WEFT_MILLISECOND);
    test_check(write(stuck_pipe[1], "x", 1) == 1);
}

static void stops_after_turns(atomic_bool *stop)
{
    for (int i = 0; i < 20; i++)
        weft_sleep(WEFT_MILLISECOND);
    *stop = true;
}

static int stuck_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    char byte;
    test_check(pipe(stuck_pipe) == 0);
    go(writes_after_turns);
    test_check(read(stuck_pipe[0], &byte, 1) == 1); /* unmarked: returns only if the other goroutine runs */
    go(writes_after_turns);
    weft_blocking test_check(read(stuck_pipe[0], &byte, 1) == 1);
    static atomic_bool stop;
    stop = false;
    go(stops_after_turns, &stop);
    while (!stop)
        ; /* a computation without scheduling points */
    for (int i = 0; i < 100; i++) {
        weft_blocking usleep(10);
        if (i % 3 == 0)
            weft_yield();
    }
    close(stuck_pipe[0]);
    close(stuck_pipe[1]);
    return 0;
}

START_TEST(p06_p07_stuck_machines_are_compensated_for)
{
    test_run(stuck_app);
}
END_TEST

/* GoroutineParallelism: P goroutines hand a token round by spinning; each needs a processor of its own. */
static void spin_token(atomic_uint *token, unsigned me, unsigned count, int turns, weft_waitgroup *wg)
{
    for (int i = 0; i < turns; i++) {
        while (*token % count != me)
            ;
        (*token)++;
    }
    weft_waitgroup_done(wg);
}

static int parallel_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    unsigned count = (unsigned)weft_procs(0);
    atomic_uint token = 0;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (unsigned i = 0; i < count; i++) {
        weft_waitgroup_add(&wg, 1);
        go(spin_token, &token, i, count, 20, &wg);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(p04_parallelism)
{
    test_run(parallel_app);
}
END_TEST

/* ---- P-09 ---- */

static int procs_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    int *slots = calloc(10000, sizeof *slots);
    test_check(weft_procs(0) == 2);
    for (int i = 0; i < 10000; i++) {
        if (i % 100 == 0) {
            int wanted = 1 + i / 100 % 8;
            weft_procs(wanted);
            test_check(weft_procs(0) == wanted);
        }
        weft_waitgroup_go(&wg, set, &slots[i], i + 1);
    }
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < 10000; i++)
        test_check(slots[i] == i + 1);
    free(slots);
    return 0;
}

START_TEST(p09_procs_may_change)
{
    test_run_at(2, procs_app);
    ck_assert_int_ge(weft_procs(0), 1);
}
END_TEST

START_TEST(p09_procs_tells_what_was_before)
{
    setenv("WEFT_PROCS", "7", 1);
    ck_assert_int_eq(weft_procs(0), 7);
    ck_assert_int_eq(weft_procs(3), 7);
    ck_assert_int_eq(weft_procs(5), 3);
    ck_assert_int_eq(weft_procs(0), 5);
}
END_TEST

/* ---- G-04 ---- */

static char order[64];

static void note(void *text)
{
    strcat(order, text);
}

static void exits_deep(int depth)
{
    weft_defer(note, depth == 0 ? "c" : depth == 1 ? "b" : "a");
    if (depth == 0)
        weft_exit();
    if (depth > 0)
        exits_deep(depth - 1);
    strcat(order, "never");
}

static void scopes(void)
{
    weft_defer(note, "3");
    {
        weft_defer(note, "1");
        weft_defer(note, "0");
    }
    strcat(order, "2");
}

static int exit_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    order[0] = 0;
    weft_waitgroup_go(&wg, exits_deep, 2);
    weft_waitgroup_wait(&wg);
    test_check(strcmp(order, "cba") == 0);
    order[0] = 0;
    scopes();
    test_check(strcmp(order, "0123") == 0);
    return 0;
}

START_TEST(g04_exit_runs_deferred_calls)
{
    test_run(exit_app);
}
END_TEST

/* ---- no address space ---- */

static int limited_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    test_check(setrlimit(RLIMIT_AS, &limit) == 0);
    int started = 0, error = 0;
    while (started < 100000 && (error = go(sleeps_for_ever)) == 0)
        started++;
    test_check(error == -EAGAIN || error == -ENOMEM);
    test_check(started > 100); /* what fits goes on working */
    return 0;
}

static int limited_child(void *unused)
{
    (void)unused;
    return run_at(2, limited_app);
}

START_TEST(spawn_says_when_address_space_runs_out)
{
    if (TEST_TSAN || TEST_ASAN || test_emulated())
        return; /* their own reservations are larger than any limit */
    struct test_child child = test_child(limited_child, NULL, 60);
    ck_assert_msg(child.code == 0 && strstr(child.err, "raise") != NULL, "exit %d: %s", child.code, child.err);
    test_child_free(&child);
}
END_TEST

/* ---- what a cut-off goroutine leaves ---- */

struct huge {
    char bytes[60000];
};

static void parks_for_ever(void *copy)
{
    test_check(((struct huge *)copy)->bytes[59999] == 7);
    chan(int) nil = NULL;
    (void)chan_recv(nil);
}

static int copies_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const struct huge value = {.bytes[59999] = 7};
    for (int i = 0; i < 10; i++)
        test_check(weft_go_copy(parks_for_ever, &value, sizeof value) == 0);
    weft_yield();
    weft_sleep(2 * WEFT_MILLISECOND);
    return 0;
}

static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Their arguments' memory is given back, whether they have begun or not. */
START_TEST(g02_copied_arguments_of_the_cut_off)
{
    if (TEST_TSAN || TEST_ASAN)
        return; /* they have another malloc, which counts nothing */
    test_run(copies_app);
    size_t before = in_use();
    for (int i = 0; i < 5; i++)
        test_run(copies_app);
    ck_assert_msg(in_use() < before + 1000000, "%zu bytes more than before", in_use() - before);
}
END_TEST

/* ---- guards ---- */

static int guard_child(void *setting)
{
    setenv("WEFT_GUARD", setting, 1);
    return run_at(2, chain_app);
}

START_TEST(stacks_with_either_guard)
{
    char *settings[] = {"install", "mprotect", "none"};
    struct test_child child = test_child(guard_child, settings[_i], 100);
    ck_assert_msg(child.code == 0, "exit %d: %s", child.code, child.err);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched");
    TCase *tests = tcase_create("sched");
    tcase_add_test(tests, g01_spawn_shapes_and_sizes);
    tcase_add_test(tests, g02_runs_again_and_from_any_thread);
    tcase_add_test(tests, g02_copied_arguments_of_the_cut_off);
    tcase_add_test(tests, g04_exit_runs_deferred_calls);
    tcase_add_test(tests, g06_chain);
    tcase_add_test(tests, g06_many_blocked);
    tcase_add_test(tests, p04_parallelism);
    tcase_add_test(tests, p06_p07_stuck_machines_are_compensated_for);
    tcase_add_test(tests, p09_procs_may_change);
    tcase_add_test(tests, p09_procs_tells_what_was_before);
    tcase_add_test(tests, spawn_says_when_address_space_runs_out);
    tcase_add_loop_test(tests, stacks_with_either_guard, 0, 3);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

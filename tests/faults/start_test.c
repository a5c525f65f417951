/* SPDX-License-Identifier: Apache-2.0
 *
 * start_test.c - weft_run itself, when memory, address space or threads are refused from the first call on: it returns
 * -ENOMEM or -EAGAIN and says so on standard error, holds nothing afterwards, and the next weft_run works.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#include "loop.h"

#include <weft/go.h>
#include <weft/sync.h>

/* A run that does nothing, and one that has work for a second thread. */
static int empty_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 0;
}

static void step(atomic_int *steps)
{
    weft_yield();
    atomic_fetch_add(steps, 1);
}

static int small_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static atomic_int steps;
    atomic_store(&steps, 0);
    int started = 0;
    for (int i = 0; i < 20; i++)
        started += faults_done(weft_go(step, &steps));
    while (atomic_load(&steps) < started)
        weft_yield();
    return 0;
}

static const struct faults_case cases[] = {
    {.name = "empty run, memory", .app = empty_app, .kinds = FAULTS_MEMORY, .processors = 1, .cold = true},
    {.name = "empty run, mmap", .app = empty_app, .kinds = FAULTS_MAP, .processors = 1, .cold = true},
    {.name = "empty run, threads", .app = empty_app, .kinds = FAULTS_THREAD, .processors = 1, .cold = true},
    {.name = "empty run, advice", .app = empty_app, .kinds = FAULTS_ADVICE, .processors = 1, .cold = true},
    {.name = "small run, memory", .app = small_app, .kinds = FAULTS_MEMORY, .processors = 2, .cold = true},
    {.name = "small run, mmap", .app = small_app, .kinds = FAULTS_MAP, .processors = 2, .cold = true},
    {.name = "small run, threads", .app = small_app, .kinds = FAULTS_THREAD, .processors = 4, .cold = true},
    {.name = "small run, files", .app = small_app, .kinds = FAULTS_OPEN, .processors = 0, .cold = true},
    {.name = "simulated run, memory", .app = small_app, .kinds = FAULTS_MEMORY, .simulated = true, .cold = true},
    {.name = "simulated run, anything", .app = small_app, .kinds = FAULTS_ANY, .simulated = true, .cold = true},
    {.name = "small run, anything", .app = small_app, .kinds = FAULTS_ANY, .processors = 4, .cold = true},
};

START_TEST(every_call_of_the_start_fails)
{
    faults_loop(&cases[_i]);
}
END_TEST

/* What each refusal of the start is called, and that it is said in words that fit. */
struct refusal {
    struct faults_plan plan;
    int result;
    const char *regex;
};
static const struct refusal refusals[] = {
    {{.kinds = FAULTS_MEMORY, .first = 1, .for_ever = true},
     -ENOMEM,
     "^(weft: cannot start [^\n]*memory[^\n]*\n){1,2}$"},
    {{.kinds = FAULTS_MEMORY, .first = 2, .for_ever = true},
     -ENOMEM,
     "^(weft: cannot start [^\n]*memory[^\n]*\n){1,2}$"},
    {{.kinds = FAULTS_MEMORY, .first = 3, .for_ever = true},
     -ENOMEM,
     "^(weft: cannot start [^\n]*memory[^\n]*\n){1,2}$"},
    {{.kinds = FAULTS_MEMORY, .first = 4, .for_ever = true},
     -ENOMEM,
     "^(weft: cannot start [^\n]*memory[^\n]*\n){1,2}$"},
    {{.kinds = FAULTS_MAP, .first = 1, .for_ever = true}, -ENOMEM, "^weft: cannot start [^\n]*(ulimit -v)[^\n]*\n$"},
    {{.kinds = FAULTS_THREAD, .first = 1, .for_ever = true}, -EAGAIN, "^weft: cannot start [^\n]*ulimit -u[^\n]*\n$"},
};

static int refused_child(void *arg)
{
    const struct refusal *refusal = arg;
    const struct faults_case c = {.app = empty_app};
    weft_procs(1);
    faults_arm(refusal->plan);
    for (int i = 0; i < 3; i++) /* said once, returned each time */
        require(faults_run_once(&c) == refusal->result);
    faults_disarm();
    require(faults_run_once(&c) == 0);
    return 0;
}

START_TEST(the_refusal_of_the_start_is_said_once)
{
    struct test_child child = test_child(refused_child, (void *)&refusals[_i], 100);
    test_child_check(child, 0, refusals[_i].regex);
    ck_assert_msg(faults_says_nothing_twice(child.err), "%s", child.err);
    ck_assert_msg(!strstr(child.err, "go on"), "nothing goes on: %s", child.err);
    test_child_free(&child);
}
END_TEST

/* A transient lack of threads is waited out. */
static int patient_child(void *arg)
{
    (void)arg;
    const struct faults_case c = {.app = empty_app};
    weft_procs(1);
    for (long lacking = 1; lacking < 20; lacking += 9) {
        faults_arm((struct faults_plan){.kinds = FAULTS_THREAD, .first = 1, .last = lacking});
        require(faults_run_once(&c) == 0);
        require(atomic_load(&faults.met) == lacking);
        faults_disarm();
    }
    return 0;
}

START_TEST(a_passing_lack_of_threads_is_waited_out)
{
    struct test_child child = test_child(patient_child, NULL, 100);
    test_child_check(child, 0, "^$");
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/start");
    TCase *loops = tcase_create("loops");
    tcase_set_timeout(loops, 280);
    tcase_add_loop_test(loops, every_call_of_the_start_fails, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, loops);
    TCase *words = tcase_create("words");
    tcase_add_loop_test(words, the_refusal_of_the_start_is_said_once, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_test(words, a_passing_lack_of_threads_is_waited_out);
    suite_add_tcase(s, words);
    return s;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * limits_test.c - what the kernel itself refuses, in child programs: threads (RLIMIT_NPROC, of a user that is nobody else's),
 * mappings (vm.max_map_count, by a guard of mprotect for each of 100,000 stacks), advice (no guards, no memory given back). Each is
 * answered as documented: fewer threads, a guard of another kind or none, said once; and the work is done.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto cross thread (an emulator has none of these limits; so many goroutines take minutes under TSan) */
#include "loop.h"

#include <sys/resource.h>

#include <weft/chan.h>
#include <weft/go.h>
#include <weft/sync.h>
#include <weft/time.h>

#include "port/port.h"
#include "sched/guard.h"

static weft_chan(int) gate;
static atomic_long passed;

static void pass(int number)
{
    int none = number;
    require(!weft_chan_recv(gate, &none)); /* waits until the gate is closed */
    atomic_fetch_add(&passed, 1);
}

/* So many at a time, each with a stack. */
static void crowd(int size)
{
    weft_waitgroup wg = {0};
    atomic_store(&passed, 0);
    gate = weft_chan_make(int, 0);
    require(gate != NULL);
    for (int i = 0; i < size; i++)
        require(weft_waitgroup_go(&wg, pass, i) == 0);
    for (int i = 0; i < 4; i++)
        weft_yield();
    weft_chan_close(gate);
    weft_waitgroup_wait(&wg);
    require(atomic_load(&passed) == size);
    weft_chan_free(gate);
    while (weft_goroutines() > 1)
        weft_yield();
}

/* ---- threads ---- */

static void spin(atomic_int *together, int number)
{
    atomic_fetch_add(together, number);
    for (int i = 0; i < 50; i++)
        weft_yield();
}

/* Four processors are wanted, and more after that; the user has his limit of threads already. */
static int few_threads_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct rlimit before, limit;
    atomic_int together = 0;
    weft_waitgroup wg = {0};
    require(getrlimit(RLIMIT_NPROC, &before) == 0);
    limit = before;
    limit.rlim_cur = 1;
    require(setrlimit(RLIMIT_NPROC, &limit) == 0);
    for (int i = 0; i < 1000; i++)
        require(weft_waitgroup_go(&wg, spin, &together, 1) == 0);
    weft_waitgroup_wait(&wg);
    require(weft_procs(16) == 4);
    weft_blocking
    {
        usleep(20000);
    }
    crowd(2000);
    require(atomic_load(&together) == 1000);
    require(setrlimit(RLIMIT_NPROC, &before) == 0);
    weft_sleep(200 * WEFT_MILLISECOND); /* a thread is asked for again by now */
    for (int i = 0; i < 1000; i++)
        require(weft_waitgroup_go(&wg, spin, &together, 1) == 0);
    weft_waitgroup_wait(&wg);
    require(atomic_load(&together) == 2000);
    return weft_procs(4) == 16 ? 0 : 1;
}

#define NO_USER 61234 /* nobody has this number, and so no threads either */
#define SKIPPED 77

static int few_threads_child(void *arg)
{
    const struct faults_case c = {.app = few_threads_app};
    (void)arg;
    if (setgid(NO_USER) != 0 || setuid(NO_USER) != 0)
        return SKIPPED; /* for root the limit does not hold, and others may have any number of threads */
    atomic_store(&faults.watching, true);
    weft_procs(4);
    require(faults_run_once(&c) == 0);
    faults_balance();
    return 0;
}

/* The run's first thread cannot be had: it is said, and returned. */
static int no_thread_child(void *arg)
{
    const struct faults_case c = {.app = few_threads_app};
    struct rlimit before, limit;
    (void)arg;
    if (setgid(NO_USER) != 0 || setuid(NO_USER) != 0)
        return SKIPPED;
    require(getrlimit(RLIMIT_NPROC, &before) == 0);
    limit = before;
    limit.rlim_cur = 1;
    require(setrlimit(RLIMIT_NPROC, &limit) == 0);
    require(faults_run_once(&c) == -EAGAIN);
    return setrlimit(RLIMIT_NPROC, &before); /* LeakSanitizer needs a thread */
}

START_TEST(the_user_has_a_limit_of_threads)
{
    static int (*const children[])(void *) = {few_threads_child, no_thread_child};
    static const char *const regexes[] = {
        "^weft: cannot start another thread \\(error 11\\)[^\n]*ulimit -u[^\n]*\n$",
        "^weft: cannot start the run's first thread \\(error 11\\)[^\n]*ulimit -u[^\n]*\n$"};
    struct test_child child = test_child(children[_i], NULL, 100);
    if (child.code == SKIPPED)
        fprintf(stderr, "skipped: only root can become a user without threads\n");
    else
        test_child_check(child, 0, regexes[_i]);
    test_child_free(&child);
}
END_TEST

/* ---- mappings ---- */

static int many_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    crowd(test_goroutines(100000));
    crowd(1000);
    return 0;
}

static int many_child(void *arg)
{
    const struct faults_case c = {.app = many_app};
    (void)arg;
    setenv("WEFT_GUARD", "mprotect", 1);
    setenv("WEFT_STACK", "64K", 1);
    atomic_store(&faults.watching, true);
    weft_procs(2);
    for (int i = 0; i < 2; i++)
        require(faults_run_once(&c) == 0);
    long limit = weft__port_map_limit(), count = weft__port_map_count();
    dprintf(STDOUT_FILENO, "%ld of %ld mappings, %s\n", count, limit,
            weft__guard_in_use() == WEFT__GUARD_NONE ? "not all guarded" : "all guarded");
    require(count < limit - 1000); /* there is room for the program's own */
    require((weft__guard_in_use() == WEFT__GUARD_NONE) == (2L * test_goroutines(100000) > limit));
    faults_balance();
    return 0;
}

START_TEST(guards_leave_mappings_for_the_program)
{
    struct test_child child = test_child(many_child, NULL, 200);
    bool enough = strstr(child.out, "all guarded") != NULL && strstr(child.out, "not all") == NULL;
    test_child_check(child, 0,
                     enough ? "^$" : "^weft: the mappings that vm.max_map_count [^\n]* allows are used up: [^\n]*\n$");
    test_child_free(&child);
}
END_TEST

/* ---- guards and advice ---- */

struct guards {
    const char *setting; /* of WEFT_GUARD; NULL: none */
    struct faults_plan plan;
    const char *regex;
    enum weft__guard in_use;
};

#define NO_ADVICE(n, ...)                                                                                              \
    {                                                                                                                  \
        .kinds = FAULTS_ADVICE, .first = n, .for_ever = true, __VA_ARGS__                                              \
    }
static const struct guards all_guards[] = {
    {NULL, {.first = 0}, "^$", WEFT__GUARD_INSTALL},
    {NULL, NO_ADVICE(1, .advice_error = 0), "^$", WEFT__GUARD_PROTECT},
    {NULL, NO_ADVICE(1, .advice_error = ENOSYS), "^$", WEFT__GUARD_PROTECT},
    {NULL, NO_ADVICE(1, .advice_error = EPERM), "^$", WEFT__GUARD_PROTECT},
    {NULL, NO_ADVICE(1, .advice_error = ENOMEM), "^$", WEFT__GUARD_PROTECT},
    {"install", NO_ADVICE(1, .advice_error = 0), "^weft: this kernel has no MADV_GUARD_INSTALL [^\n]*mprotect\n$",
     WEFT__GUARD_PROTECT},
    /* mprotect is refused as well: the stacks after that have none. */
    {NULL,
     {.kinds = FAULTS_ADVICE | FAULTS_PROTECT, .first = 1, .for_ever = true},
     "^weft: the mappings [^\n]* used up: [^\n]* no guard [^\n]*\n$",
     WEFT__GUARD_NONE},
    {"mprotect",
     {.kinds = FAULTS_PROTECT, .first = 40, .for_ever = true},
     "^weft: the mappings [^\n]* used up: [^\n]* no guard [^\n]*\n$",
     WEFT__GUARD_NONE},
    {"mprotect",
     {.kinds = FAULTS_PROTECT, .first = 1},
     "^weft: the mappings [^\n]* no guard [^\n]*\n$",
     WEFT__GUARD_NONE},
    {"none", {.kinds = FAULTS_ADVICE | FAULTS_PROTECT, .first = 1, .for_ever = true}, "^$", WEFT__GUARD_NONE},
    /* Guards are there, and then no memory is given back: MADV_DONTNEED fails, as one call for many or one for each. */
    {NULL, NO_ADVICE(100, .advice_error = EINVAL), NULL, WEFT__GUARD_AUTO},
    {NULL, NO_ADVICE(100, .advice_error = EAGAIN), NULL, WEFT__GUARD_AUTO},
    {"mprotect", NO_ADVICE(1, .advice_error = EPERM), "^$", WEFT__GUARD_PROTECT},
};

static const struct guards *guards;

/* Stacks are given back while it goes on, and at its end. */
static int guards_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    faults_now();
    for (int i = 0; i < 3; i++) {
        crowd(1500);
        weft_sleep(150 * WEFT_MILLISECOND); /* all is idle: what is cold goes back to the kernel */
    }
    return 0;
}

static int guards_child(void *arg)
{
    const struct faults_case c = {.app = guards_app};
    (void)arg;
    if (guards->setting != NULL)
        setenv("WEFT_GUARD", guards->setting, 1);
    atomic_store(&faults.watching, true);
    weft_procs(2);
    faults_run.plan = guards->plan;
    faults_arm(guards->plan); /* the first stacks are guarded before the main function */
    require(faults_run_once(&c) == 0);
    require(guards->in_use == WEFT__GUARD_AUTO || weft__guard_in_use() == guards->in_use);
    faults_over();
    for (int i = 0; i < 2; i++)
        require(faults_run_once(&c) == 0);
    faults_balance();
    return 0;
}

START_TEST(guards_and_advice_are_refused)
{
    guards = &all_guards[_i];
    struct test_child child = test_child(guards_child, NULL, 100);
    test_child_check(child, 0, guards->regex);
    ck_assert_msg(faults_says_nothing_twice(child.err), "%s", child.err);
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/limits");
    TCase *tests = tcase_create("limits");
    tcase_set_timeout(tests, 280);
    tcase_add_loop_test(tests, the_user_has_a_limit_of_threads, 0, 2);
    tcase_add_test(tests, guards_leave_mappings_for_the_program);
    tcase_add_loop_test(tests, guards_and_advice_are_refused, 0, sizeof all_guards / sizeof all_guards[0]);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * check_test.c - what faults print, with which code they end the process, and that two at once come out one whole.
 *
 * test-skip: thread
 * (children that are forked from a program with threads and end by _exit from several threads take TSan's runtime too long) */
#include "base/check.h"
#include "port/port.h"

#include "support.h"

#include <pthread.h>
#include <weft/base.h>

static int panics(void *arg)
{
    (void)arg;
    printf("said before");
    weft__panic("value %d of \"%s\"", 7, "x");
}

static int fails(void *arg)
{
    (void)arg;
    weft__fatal("no more %s", "room");
}

static int long_message(void *arg)
{
    (void)arg;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    weft__warn("%s", text);
    weft__panic("%s", text);
}

static int checks(void *arg)
{
    CHECK(arg != NULL);
    ASSERT(arg != NULL);
    ASSERT_SLOW(arg != NULL);
    CHECK(arg == NULL);
    return 0;
}

static int warns(void *arg)
{
    (void)arg;
    weft__warn("only %d left", 3);
    weft__warn("%s", "");
    return 0;
}

static const struct {
    int (*fn)(void *arg);
    int code;
    const char *err, *out;
} faults[] = {
    {panics, 2, "^panic: value 7 of \"x\"\n$", "said before"},
    {fails, 2, "^fatal error: no more room\n$", ""},
    {long_message, 2, "^weft: x{504}\npanic: x{511}\n$", ""},
    {checks, 2, "^fatal error: fault in the runtime at .*check_test.c:[0-9]+: arg == NULL\n$", ""},
    {warns, 0, "^weft: only 3 left\nweft: \n$", ""},
};

START_TEST(a_fault_prints_its_message_and_exits_with_2)
{
    int any = 0;
    struct test_child child = test_child(faults[_i].fn, &any, 60);
    test_child_check(child, faults[_i].code, faults[_i].err);
    ck_assert_str_eq(child.out, faults[_i].out);
    test_child_free(&child);
}
END_TEST

/* G-03: threads that fail together. */

static pthread_barrier_t barrier;

static void *panic_together(void *arg)
{
    pthread_barrier_wait(&barrier);
    weft__panic("thread %d", (int)(intptr_t)arg);
}

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        pause();
}

static int many_panic(void *arg)
{
    (void)arg;
    pthread_t threads[8];
    pthread_barrier_init(&barrier, NULL, 8);
    for (intptr_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, panic_together, (void *)i);
    wait_for_ever();
}

START_TEST(g03_two_at_once_print_once_and_whole)
{
    for (int i = 0; i < test_iterations(100); i++) {
        struct test_child child = test_child(many_panic, NULL, 60);
        test_child_check(child, 2, "^panic: thread [0-7]\n$");
        test_child_free(&child);
    }
}
END_TEST

static void reporter_that_fails(bool panic, const char *message)
{
    weft__report_begin();
    weft__port_write_error(message, strlen(message));
    weft__port_write_error(panic ? "!\n" : ".\n", 2);
    weft__fatal("again");
}

static int fails_in_its_report(void *arg)
{
    weft__set_reporter(reporter_that_fails);
    if (arg)
        weft__panic("once");
    weft__fatal("once");
}

START_TEST(a_report_that_fails_ends_the_process)
{
    struct test_child child = test_child(fails_in_its_report, NULL, 60);
    test_child_check(child, 2, "^once\\.\nagain\\.\n$|^once\\.\n$");
    test_child_free(&child);
    child = test_child(fails_in_its_report, &barrier, 60);
    test_child_check(child, 2, "^once!\n$");
    test_child_free(&child);
}
END_TEST

/* A stream that another thread holds, and a pipe that nobody empties: the end comes all the same. */

static void *hold_stdout(void *arg)
{
    flockfile(stdout);
    pthread_barrier_wait(arg);
    wait_for_ever();
}

static int panics_while_stdout_is_held(void *arg)
{
    (void)arg;
    pthread_t thread;
    printf("lost");
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, hold_stdout, &barrier);
    pthread_barrier_wait(&barrier);
    weft__panic("held");
}

static int panics_with_a_full_pipe(void *arg)
{
    (void)arg;
    int ends[2];
    char block[4096] = {0};
    if (pipe2(ends, O_NONBLOCK) != 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        return 1;
    while (write(ends[1], block, sizeof block) > 0)
        ;
    fcntl(ends[1], F_SETFL, 0);
    printf("lost");
    weft__panic("full");
}

START_TEST(a_stuck_standard_output_does_not_keep_the_end_from_coming)
{
    struct test_child child = test_child(panics_while_stdout_is_held, NULL, 60);
    test_child_check(child, 2, "^panic: held\n$");
    test_child_free(&child);
    child = test_child(panics_with_a_full_pipe, NULL, 60);
    test_child_check(child, 2, "^panic: full\n$");
    test_child_free(&child);
}
END_TEST

START_TEST(panics_are_announced)
{
    ck_assert(!weft__panic_has_begun());
    ck_assert(!weft__report_has_begun());
    weft__panic_begin();
    ck_assert(weft__panic_has_begun());
    ck_assert(!weft__report_has_begun());
    weft__report_begin();
    ck_assert(weft__report_has_begun());
}
END_TEST

START_TEST(the_version_is_the_headers)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR, WEFT_VERSION_PATCH);
    ck_assert_str_eq(weft_version(), version);
    ck_assert_str_eq(WEFT_VERSION, version);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("check");
    TCase *reports = tcase_create("faults");
    tcase_add_loop_test(reports, a_fault_prints_its_message_and_exits_with_2, 0,
                        (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(reports, g03_two_at_once_print_once_and_whole);
    tcase_add_test(reports, a_report_that_fails_ends_the_process);
    tcase_add_test(reports, a_stuck_standard_output_does_not_keep_the_end_from_coming);
    tcase_add_test(reports, panics_are_announced);
    tcase_add_test(reports, the_version_is_the_headers);
    suite_add_tcase(all, reports);
    return all;
}

int main(void)
{
    return test_main(suite());
}

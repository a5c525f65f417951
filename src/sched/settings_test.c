/* SPDX-License-Identifier: Apache-2.0
 *
 * settings_test.c - settings from the environment: what is taken, and that what cannot be is said and ignored; and misuse of the
 * calls beside a run. Each case is a process of its own. */
#include <stdlib.h>

#include <weft.h>

#include "support.h"

struct setting {
    const char *name, *value;
    const char *says; /* regular expression for standard error */
    size_t deep;      /* the main function's frame that must fit; 0: not tried */
    int procs;        /* what weft_procs tells; 0: not asked */
};

static const struct setting settings[] = {
    {"WEFT_PROCS", "3", "^$", 0, 3},
    {"WEFT_PROCS", "", "^$", 0, 0},
    {"WEFT_PROCS", "0", "^weft: WEFT_PROCS=0 is ignored: it takes a number from 1 to [0-9]+\n$", 0, 0},
    {"WEFT_PROCS", "two", "^weft: WEFT_PROCS=two is ignored", 0, 0},
    {"WEFT_PROCS", "99999999999999999999", "^weft: WEFT_PROCS=9+ is ignored", 0, 0},
    {"WEFT_STACK", "1M", "^$", 700 << 10, 0},
    {"WEFT_STACK", "1024k", "^$", 700 << 10, 0},
    {"WEFT_STACK", "1048576", "^$", 700 << 10, 0},
    {"WEFT_STACK", "1K", "^weft: WEFT_STACK=1K is ignored: it takes 16K to 1024M\n$", 0, 0},
    {"WEFT_STACK", "2048M", "^weft: WEFT_STACK=2048M is ignored", 0, 0},
    {"WEFT_STACK", "17592186044417M", "^weft: WEFT_STACK=17592186044417M is ignored", 0, 0}, /* 2^64 + 1 MiB */
    {"WEFT_STACK", "64KB", "^weft: WEFT_STACK=64KB is ignored", 0, 0},
    {"WEFT_STACK", "-1", "^weft: WEFT_STACK=-1 is ignored", 0, 0},
    {"WEFT_GUARD", "none", "^$", 0, 0},
    {"WEFT_GUARD", "mprotect", "^$", 0, 0},
    {"WEFT_GUARD", "yes", "^weft: WEFT_GUARD=yes is ignored: it takes auto, install, mprotect or none\n$", 0, 0},
    {"WEFT_DEADLOCK", "off", "^$", 0, 0},
    {"WEFT_DEADLOCK", "no", "^weft: WEFT_DEADLOCK=no is ignored: it takes auto, on or off\n$", 0, 0},
    {"WEFT_DEBUG", "all", "^weft: WEFT_DEBUG=all is ignored: it takes migrate\n$", 0, 0},
};

static __attribute__((noinline)) int touch(size_t size)
{
    volatile char *frame = __builtin_alloca(size);
    for (size_t at = 0; at < size; at += 1024)
        frame[size - 1 - at] = 1;
    return frame[size - 1];
}

static const struct setting *setting;

static void goroutine(weft_waitgroup *wg)
{
    test_check(setting->deep == 0 || touch(setting->deep) == 1);
    weft_waitgroup_done(wg);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, 1);
    test_check(weft_go(goroutine, &wg) == 0);
    weft_waitgroup_wait(&wg);
    test_check(setting->procs == 0 || weft_procs(0) == setting->procs);
    return 7;
}

static int child(void *arg)
{
    setting = arg;
    setenv(setting->name, setting->value, 1);
    return weft_run(app, 0, NULL);
}

START_TEST(settings_are_taken_or_ignored_aloud)
{
    struct test_child ended = test_child(child, (void *)&settings[_i], 60);
    test_child_check(ended, 7, settings[_i].says);
    test_child_free(&ended);
}
END_TEST

static int exits_outside(void *unused)
{
    (void)unused;
    weft_exit();
}

static int section_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_blocking_begin();
    weft_exit();
}

static int exits_in_a_section(void *unused)
{
    (void)unused;
    return weft_run(section_app, 0, NULL);
}

START_TEST(g04_exit_where_it_cannot_be)
{
    struct test_child ended = test_child(exits_outside, NULL, 60);
    test_child_check(ended, 2, "^panic: weft_exit outside a goroutine");
    test_child_free(&ended);
    ended = test_child(exits_in_a_section, NULL, 60);
    test_child_check(ended, 2, "^panic: weft_exit inside a weft_blocking section");
    test_child_free(&ended);
}
END_TEST

START_TEST(p09_no_more_processors_than_there_can_be)
{
    weft_procs(1 << 30);
    int most = weft_procs(0);
    ck_assert_int_ge(most, 64);
    ck_assert_int_lt(most, 1 << 30);
    weft_procs(1);
    ck_assert_int_eq(weft_procs(-5), 1);
    ck_assert_int_eq(weft_procs(0), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched/settings");
    TCase *tests = tcase_create("settings");
    tcase_add_loop_test(tests, settings_are_taken_or_ignored_aloud, 0, sizeof settings / sizeof *settings);
    tcase_add_test(tests, g04_exit_where_it_cannot_be);
    tcase_add_test(tests, p09_no_more_processors_than_there_can_be);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

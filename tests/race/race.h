/* SPDX-License-Identifier: Apache-2.0
 *
 * race.h - small programs for ThreadSanitizer, with a race or without, and what is expected of them. The tests of this folder
 * include it; each is its own child: `test_race_chan --case NAME` runs one program, in a process of its own.
 *
 *   RACY(name, other) { ... }     a main goroutine's function that has a race with the function other: the report must name
 *                                 these two, in the stacks of the two accesses, and the exit code be ThreadSanitizer's
 *   RACY_PAIR(name, one, other)   the same where the race is between two others
 *   ORDERED(name) { ... }         no race: nothing on standard error, exit code 0
 *
 * Each runs with 1, 2 and 4 processors. Where an order in time is wanted that orders nothing for ThreadSanitizer, there are steps:
 * relaxed atomics, which are waited for by yielding. So whether a race is reported does not depend on who comes first. */
#ifndef WEFT_TESTS_RACE_H
#define WEFT_TESTS_RACE_H

#include <pthread.h>
#include <stdatomic.h>

#include <weft/words.h>

#include "support.h"

#define RACE_EXIT 66
#define RACE_SECONDS 60 /* on a busy machine; the programs take a fraction of one */

struct race_case {
    const char *name, *one, *other; /* one is NULL: ordered */
    void (*run)(void);
    struct race_case *next;
};

static struct race_case *race_cases;

#define RACE_CASE(name, one, other)                                                                                    \
    static void name(void);                                                                                            \
    static __attribute__((constructor)) void register_##name(void)                                                     \
    {                                                                                                                  \
        static struct race_case self = {#name, one, other, name, NULL};                                                \
        self.next = race_cases;                                                                                        \
        race_cases = &self;                                                                                            \
    }                                                                                                                  \
    static __attribute__((noinline)) void name(void)

#define RACY(name, other) RACE_CASE(name, #name, #other)
#define RACY_PAIR(name, one, other) RACE_CASE(name, #one, #other)
#define ORDERED(name) RACE_CASE(name, NULL, NULL)

/* A function of a goroutine, whose name reports are to tell. */
#define ACTOR static __attribute__((noinline, unused)) void

/* ThreadSanitizer remembers four accesses to eight bytes. What is read again and again while somebody waits must not be in the same
 * eight as what is raced for. */
#define APART _Alignas(8)

/* What the programs of a file race for; each process runs one. */
static APART int shared __attribute__((unused));

/* ---- an order in time that orders nothing ---- */

static APART atomic_int race_step;

TEST_HELPER void reach(int step)
{
    atomic_store_explicit(&race_step, step, memory_order_relaxed);
}

TEST_HELPER void await(int step)
{
    while (atomic_load_explicit(&race_step, memory_order_relaxed) < step)
        weft_yield();
}

/* Until n goroutines beside the caller are there no more; orders nothing either. */
TEST_HELPER void await_ends(void)
{
    while (weft_goroutines() > 1)
        weft_yield();
}

/* Let whoever can run get so far that it parks; a moment that is too short makes a program easier, not wrong. */
TEST_HELPER void let_others_park(void)
{
    for (int i = 0; i < 20; i++)
        weft_yield();
}

/* ---- one program ---- */

static struct race_case *race_chosen;
static int race_written; /* by the main goroutine; its end is before the return of weft_run */

static int race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    race_chosen->run();
    race_written = 7;
    return 0;
}

static int race_run(const char *name)
{
    for (race_chosen = race_cases; race_chosen != NULL; race_chosen = race_chosen->next)
        if (strcmp(race_chosen->name, name) == 0)
            return weft_run(race_app, 0, NULL) == 0 && race_written == 7 ? 0 : 1;
    fprintf(stderr, "no case %s\n", name);
    return 1;
}

/* ---- the check ---- */

/* Whether the stack that begins at text names function in one of its frames. */
static bool stack_names(const char *text, const char *function)
{
    const char *end = strstr(text, "\n\n");
    size_t length = strlen(function);
    for (const char *at = text; (at = strstr(at, " ")) != NULL && (end == NULL || at < end); at++)
        if (strncmp(at + 1, function, length) == 0 && at[1 + length] == ' ')
            return true;
    return false;
}

/* Whether the first report tells of a race between the two functions. */
static bool is_race_of(const char *report, const char *one, const char *other)
{
    const char *first = strstr(report, " of size "), *second = first != NULL ? strstr(first, "\n\n") : NULL;
    if (second == NULL || strstr(report, "WARNING: ThreadSanitizer: data race") == NULL)
        return false;
    second += 2;
    return strncmp(second, "  Previous ", 11) == 0 && ((stack_names(first, one) && stack_names(second, other)) ||
                                                       (stack_names(first, other) && stack_names(second, one)));
}

static const int race_processors[] = {1, 2, 4};
#define RACE_PROCESSORS ((int)(sizeof race_processors / sizeof race_processors[0]))

START_TEST(behaves)
{
    const struct race_case *one = race_cases;
    for (int i = _i / RACE_PROCESSORS; i > 0; i--)
        one = one->next;
    char processors[8];
    snprintf(processors, sizeof processors, "%d", race_processors[_i % RACE_PROCESSORS]);
    setenv("WEFT_PROCS", processors, 1);
    setenv("TSAN_OPTIONS", "exitcode=66:halt_on_error=1:atexit_sleep_ms=0:history_size=3", 1);
    const char *argv[] = {"/proc/self/exe", "--case", one->name, NULL};
    struct test_child child = test_child_exec(argv, RACE_SECONDS);
    ck_assert_msg(!child.timed_out, "%s at %s processors hangs:\n%.2500s", one->name, processors, child.err);
    if (one->one == NULL)
        ck_assert_msg(child.code == 0 && child.err[0] == '\0', "%s at %s processors: exit code %d, signal %d:\n%.2500s",
                      one->name, processors, child.code, child.signal, child.err);
    else
        ck_assert_msg(child.code == RACE_EXIT && is_race_of(child.err, one->one, one->other),
                      "%s at %s processors: exit code %d, signal %d, no report of a race between %s and %s:\n%.2500s",
                      one->name, processors, child.code, child.signal, one->one, one->other, child.err);
    test_child_free(&child);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--case") == 0)
        return race_run(argv[2]);
    int count = 0;
    for (struct race_case *one = race_cases; one != NULL; one = one->next)
        count++;
    Suite *suite = suite_create("race");
    TCase *programs = tcase_create("programs");
    tcase_set_timeout(programs, 2 * RACE_SECONDS);
    tcase_add_loop_test(programs, behaves, 0, count * RACE_PROCESSORS);
    suite_add_tcase(suite, programs);
    return test_main(suite);
}

#endif

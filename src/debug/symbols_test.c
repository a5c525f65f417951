/* SPDX-License-Identifier: Apache-2.0
 *
 * symbols_test.c - traces name functions (static and inlined ones too) with file and line where libdw is there, begin and end
 * with the program's own frames, and are still traces without it.
 *
 * test-skip: lto (which functions are whose is not known where all is compiled as one) */
#include <dlfcn.h>
#include <string.h>

#include <weft/words.h>

#include "debug/symbols.h"
#include "support.h"

#define NOT_INLINED static __attribute__((noinline, noclone))
#if defined(__clang__)
#undef NOT_INLINED
#define NOT_INLINED static __attribute__((noinline))
#endif
/* Frames must not leave by a tail call. */
#define STAY() __asm__ __volatile__("" ::: "memory")

static bool has_libdw(void)
{
    return dlopen("libdw.so.1", RTLD_NOW) != NULL;
}

static int run_app(void *app)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(2);
    return weft_run((int (*)(int, char **))app, 1, argv);
}

static struct test_child dies(int (*app)(int, char **))
{
    struct test_child child = test_child(run_app, (void *)app, 60);
    ck_assert_msg(child.code == 2 && !child.timed_out, "exit %d (signal %d): %s", child.code, child.signal, child.err);
    return child;
}

/* A place that a trace should name: the statement two lines below the definition's first. */
struct place {
    const char *function; /* a regular expression */
    int line;
};
#define PLACE(name) static const struct place at_##name = {#name, __LINE__ + 3}

/* What follows the line with state has these places, then text. */
static void check_trace(const struct test_child *child, const char *state, const struct place *const *places, int count,
                        const char *text)
{
    const char *at = strstr(child->err, state);
    ck_assert_msg(at != NULL && (at = strstr(at, ":\n")) != NULL, "no \"%s\" in: %s", state, child->err);
    at += 2;
    for (int i = 0; i < count; i++) {
        char regex[200];
        snprintf(regex, sizeof regex, "^    %s( .inlined.)?  [^\n]*symbols_test[.]c:%d\n", places[i]->function,
                 places[i]->line);
        ck_assert_msg(test_matches(at, regex), "no %s at %d in: %s", places[i]->function, places[i]->line, child->err);
        at = strchr(at, '\n') + 1;
    }
    ck_assert_msg(strncmp(at, text, strlen(text)) == 0, "no \"%s\" at the end of: %s", text, child->err);
}
#define CHECK_TRACE(child, state, text, ...)                                                                           \
    check_trace(child, state, (const struct place *const[]){__VA_ARGS__},                                              \
                sizeof((const struct place *const[]){__VA_ARGS__}) / sizeof(void *), text)

/* ---- panic ---- */

PLACE(inner);
static inline __attribute__((always_inline)) void inner(void *channel)
{
    weft_chan_close_untyped(channel);
    STAY();
}

PLACE(outer);
NOT_INLINED void outer(void *channel)
{
    inner(channel);
    STAY();
}

PLACE(spawned);
NOT_INLINED void spawned(void *channel)
{
    outer(channel);
    STAY();
}

static int panic_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 0);
    chan_close(c);
    go(spawned, (void *)c);
    weft_sleep(WEFT_HOUR);
    return 0;
}

START_TEST(g03_panic_names_static_and_inlined_functions)
{
    struct test_child child = dies(panic_app);
    if (has_libdw())
        CHECK_TRACE(&child, "[running]", "    created at ", &at_inner, &at_outer, &at_spawned);
    if (has_libdw())
        ck_assert_ptr_nonnull(strstr(child.err, "inner (inlined)"));
    ck_assert_msg(test_matches(child.err, "close of closed channel"), "%s", child.err);
    test_child_free(&child);
}
END_TEST

/* ---- deadlock ---- */

PLACE(receives_for_ever);
NOT_INLINED void receives_for_ever(recv_chan(int) c)
{
    (void)chan_recv(c);
    STAY();
}

PLACE(waits_in_select);
NOT_INLINED void waits_in_select(recv_chan(int) c, recv_chan(int) d)
{
    (void)chan_select(on_recv(c, NULL), on_recv(d, NULL));
    STAY();
}

static int deadlock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_mutex_lock(&mutex);
    weft_waitgroup_go(&wg, receives_for_ever, recv_only(c));
    weft_waitgroup_go(&wg, waits_in_select, recv_only(c), recv_only(c));
    weft_waitgroup_go(&wg, weft_mutex_lock, &mutex); /* nothing but the library's own frames */
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(d01_deadlock_names_static_functions)
{
    struct test_child child = dies(deadlock_app);
    if (has_libdw()) {
        CHECK_TRACE(&child, "[chan receive", "    created at ", &at_receives_for_ever);
        CHECK_TRACE(&child, "[select", "    created at ", &at_waits_in_select);
        ck_assert_msg(test_matches(child.err, "\\[wait group[^\n]+\n    deadlock_app  [^\n]+\n    the main"), "%s",
                      child.err);
        ck_assert_msg(test_matches(child.err, "\\[mutex[^\n]+\n    [^\n]+\n    created at"), "%s", child.err);
    }
    ck_assert_msg(test_matches(child.err, "deadlock!\n.*\\[select on case 0.*created at"), "%s", child.err);
    test_child_free(&child);
}
END_TEST

/* ---- without libdw ---- */

static int without(void *app)
{
    setenv("WEFT_SYMBOLS", "off", 1);
    ck_assert_ptr_null(weft__symbols_open());
    return run_app(app);
}

START_TEST(without_symbols_there_are_addresses)
{
    struct test_child child = test_child(without, (void *)panic_app, 60);
    test_child_check(child, 2,
                     "close of closed channel\n\ngoroutine [0-9]+ \\[running\\]:\n(    [^\n]+\n){3,}    created at ");
    ck_assert_msg(test_matches(child.err, "\n    [^\n]*\\(\\+0x[0-9a-f]+\\)\n"), "no offset in: %s", child.err);
    test_child_free(&child);
    child = test_child(without, (void *)deadlock_app, 60);
    test_child_check(child, 2, "deadlock!\n.*\\[select on case 0[^\n]+\n(    [^\n]+\n){3,}    created at ");
    test_child_free(&child);
}
END_TEST

/* A goroutine with the smallest stack: the trace does not need it. */
static int small_stack_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 0);
    chan_close(c);
    go(spawned, (void *)c);
    weft_sleep(WEFT_HOUR);
    return 0;
}

static int run_small(void *app)
{
    ck_assert_uint_ne(weft_stack_size(16384), 0);
    return run_app(app);
}

START_TEST(a_small_stack_is_enough)
{
    if (TEST_ASAN || TEST_TSAN)
        return; /* their frames are too large for such a stack */
    struct test_child child = test_child(run_small, (void *)small_stack_app, 60);
    test_child_check(child, 2,
                     "close of closed channel\n\ngoroutine [0-9]+ \\[running\\]:\n(    [^\n]+\n)+    created at ");
    test_child_free(&child);
}
END_TEST

/* ---- one address ---- */

NOT_INLINED int known(int n)
{
    return n + 1;
}

START_TEST(an_address_is_looked_up)
{
    if (!has_libdw())
        return;
    struct weft__symbols *symbols = weft__symbols_open();
    ck_assert_ptr_nonnull(symbols);
    struct weft__symbol found[4];
    int (*function)(int) = known;
    ck_assert_int_eq(function(1), 2);
    ck_assert_int_eq(weft__symbols_at(symbols, (const void *)(uintptr_t)function, found, 4), 1);
    ck_assert_str_eq(found[0].function, "known");
    ck_assert_ptr_nonnull(strstr(found[0].file, "symbols_test.c"));
    ck_assert_int_gt(found[0].line, 180);
    ck_assert(!found[0].inlined);
    ck_assert_str_eq(weft__symbols_function(symbols, (const void *)(uintptr_t)function), "known");
    int on_stack = 0;
    ck_assert_int_eq(weft__symbols_at(symbols, &on_stack, found, 4), 0);
    ck_assert_ptr_null(weft__symbols_function(symbols, &on_stack));
    weft__symbols_close(symbols);
    weft__symbols_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("symbols");
    TCase *tests = tcase_create("symbols");
    tcase_add_test(tests, g03_panic_names_static_and_inlined_functions);
    tcase_add_test(tests, d01_deadlock_names_static_functions);
    tcase_add_test(tests, without_symbols_there_are_addresses);
    tcase_add_test(tests, a_small_stack_is_enough);
    tcase_add_test(tests, an_address_is_looked_up);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

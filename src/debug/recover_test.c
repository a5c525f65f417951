/* SPDX-License-Identifier: Apache-2.0
 *
 * recover_test.c - weft_recover: what it gives back of a panic and what it prints, deferred calls, panics on top of panics, weft_exit.
 * How far it reaches is in recover_reach_test.c, what a contained panic leaves behind in recover_misuse_test.c. Catalogue: G-03, G-04. */
#include "base/check.h"

#include "panics.h"

/* ---- the plain case ---- */

static void returns(void *arg)
{
    weft_defer(say, "d");
    tell("%s ", (const char *)arg);
}

static void tells_done(void *wg)
{
    weft_waitgroup_done(wg);
}

static void named(weft_waitgroup *wg)
{
    weft_defer(tells_done, wg); /* the last thing that it does */
    struct weft_panic_info info;
    weft_defer(say, "outside");
    ck_assert(!weft_recover(returns, "r", NULL));
    CHECK_STORY("r d ");
    ck_assert(weft_recover(panics, "request", &info));
    CHECK_STORY("b a ");
    ck_assert_str_eq(info.message, "bad request");
    ck_assert_str_eq(info.earlier, "");
    ck_assert_uint_eq(info.goroutine, weft_goid());
    ck_assert_str_eq(info.name, "the one");
    ck_assert_ptr_nonnull(strstr(info.site->file, "recover_test.c"));
    ck_assert_int_gt(info.frame_count, 3);
    memset(&info, 'x', sizeof info);
    ck_assert(!weft_recover(returns, "", &info)); /* then it is not touched */
    ck_assert_int_eq(info.message[0], 'x');
    story[0] = 0;
    ck_assert(weft_recover(panics, "again", NULL));
    CHECK_STORY("b a ");
    ck_assert(!weft__panic_has_begun()); /* nobody waits for its report */
}

static int plain_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, 1);
    weft_go_with(((struct weft_go_options){.name = "the one"}), named, &wg);
    weft_waitgroup_wait(&wg);
    CHECK_STORY("outside ");
    return 0;
}

START_TEST(g03_a_panic_ends_the_function_alone)
{
    test_run(plain_app);
}
END_TEST

/* ---- panics on top of panics ---- */

static void chain(void *unused)
{
    (void)unused;
    weft_defer(say, "last");
    weft_defer(panics_with, "third");
    weft_defer(panics_with, "second");
    weft_defer(say, "first");
    weft_panic("one");
}

static void contains_inside(void *unused)
{
    (void)unused;
    struct weft_panic_info info;
    ck_assert(weft_recover(panics_with, "inner", &info));
    ck_assert_str_eq(info.message, "inner");
    ck_assert_str_eq(info.earlier, ""); /* the one under way is not its business */
    tell("contained ");
}

static void recovers_in_deferred(void *unused)
{
    (void)unused;
    weft_defer(say, "end");
    weft_defer(contains_inside, NULL);
    weft_panic("outer");
}

static void nests(void *unused)
{
    (void)unused;
    struct weft_panic_info info;
    weft_defer(say, "outer");
    ck_assert(weft_recover(panics, "inner", &info));
    ck_assert_str_eq(info.message, "bad inner");
    tell("between ");
    weft_panic("again: %s", info.message);
}

static void long_message(void *unused)
{
    (void)unused;
    char text[2000];
    memset(text, 'm', sizeof text - 1);
    text[sizeof text - 1] = 0;
    weft_defer(panics_with, "short");
    weft_panic("%s", text);
}

static int chain_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct weft_panic_info info;
    ck_assert(weft_recover(chain, NULL, &info));
    CHECK_STORY("first last ");
    ck_assert_str_eq(info.message, "third");
    ck_assert_str_eq(info.earlier, "one\nsecond");
    ck_assert(weft_recover(recovers_in_deferred, NULL, &info));
    CHECK_STORY("contained end ");
    ck_assert_str_eq(info.message, "outer");
    ck_assert(weft_recover(nests, NULL, &info));
    CHECK_STORY("b a between outer ");
    ck_assert_str_eq(info.message, "again: bad inner");
    ck_assert_str_eq(info.earlier, "");
    ck_assert(weft_recover(long_message, NULL, &info));
    ck_assert_str_eq(info.message, "short");
    ck_assert_uint_eq(strlen(info.earlier), sizeof info.earlier - 1);
    return 0;
}

START_TEST(g03_panics_replace_each_other_and_nest)
{
    test_run(chain_app);
}
END_TEST

/* ---- weft_exit ---- */

static void exit_passes(void)
{
    weft_defer(say, "outside");
    (void)weft_recover(exits, NULL, NULL);
    tell("not reached ");
}

static void exits_with_panic(void *unused)
{
    (void)unused;
    weft_defer(say, "inside");
    weft_defer(panics_with, "while exiting");
    weft_exit();
}

static void exit_goes_on(void)
{
    weft_defer(say, "outside");
    (void)weft_recover(exits_with_panic, NULL, NULL);
    tell("not reached ");
}

static void exits_while_panicking(void)
{
    weft_defer(say, "outside");
    weft_defer(exits, NULL);
    (void)weft_recover(panics, "x", NULL);
    weft_panic("ended by the exit");
}

static void exit_in_deferred_of_contained(void *unused)
{
    (void)unused;
    weft_defer(exits, NULL);
    weft_panic("ended by the exit");
}

static void exit_ends_contained(void)
{
    weft_defer(say, "outside");
    (void)weft_recover(exit_in_deferred_of_contained, NULL, NULL);
    tell("not reached ");
}

/* A weft_recover in a deferred call of an exit is an ordinary one. */
static void recovers(void *text)
{
    ck_assert(weft_recover(panics, text, NULL));
    tell("recovered ");
}

static void recovers_while_exiting(void)
{
    weft_defer(say, "outside");
    weft_defer(recovers, "x");
    weft_exit();
}

static int exit_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const struct {
        void (*fn)(void);
        const char *story;
    } cases[] = {
        {exit_passes, "inside outside "},
        {exit_goes_on, "inside outside "},
        {exits_while_panicking, "b a inside outside "},
        {exit_ends_contained, "inside outside "},
        {recovers_while_exiting, "b a recovered outside "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, cases[i].fn);
        weft_waitgroup_wait(&wg);
        CHECK_STORY(cases[i].story);
        ck_assert(!weft__panic_has_begun());
    }
    return 0;
}

START_TEST(g04_exit_passes_through)
{
    test_run(exit_app);
}
END_TEST

/* ---- printing ---- */

static __attribute__((noinline)) void breaks_here(void *unused)
{
    (void)unused;
    weft_defer(panics_with, "then this");
    weft_panic("first this");
}

static int print_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct weft_panic_info info;
    ck_assert(weft_recover(breaks_here, NULL, &info));
    weft_panic_info_print(&info, STDERR_FILENO);
    fprintf(stderr, "and on\n");
    ck_assert(weft_recover(panics, "x", &info));
    weft_panic_info_print(&info, STDOUT_FILENO);
    return 9;
}

START_TEST(g03_a_contained_panic_is_printed_like_another)
{
    struct test_child child = test_child(run_app, (void *)print_app, 60);
    test_child_check(child, 9,
                     "^panic: first this\n\tpanic: then this\n\ngoroutine 1 \"main\" \\[running\\]:\n(    [^\n]+\n)+"
                     "    the main goroutine, started by weft_run\nand on\n$");
    ck_assert_msg(test_matches(child.out, "^panic: bad x\n\ngoroutine 1 "), "%s", child.out);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover");
    TCase *tests = tcase_create("recover");
    tcase_add_test(tests, g03_a_panic_ends_the_function_alone);
    tcase_add_test(tests, g03_panics_replace_each_other_and_nest);
    tcase_add_test(tests, g04_exit_passes_through);
    tcase_add_test(tests, g03_a_contained_panic_is_printed_like_another);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

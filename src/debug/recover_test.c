/* SPDX-License-Identifier: Apache-2.0
 *
 * recover_test.c - weft_recover: what is contained and what is not, deferred calls, weft_exit, nesting, threads, and what is left
 * behind in the objects that were misused. Catalogue: G-02, G-03, G-04, W-03, W-05, D-05, C-06. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <weft/words.h>

#include "base/check.h"
#include "support.h"

#define MS WEFT_MILLISECOND

/* What has happened, in order; each test is a process of its own. */
static char story[4000];

static void tell(const char *format, ...)
{
    size_t used = strlen(story);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story + used, sizeof story - used, format, arguments);
    va_end(arguments);
}

static void say(void *text)
{
    tell("%s ", (const char *)text);
}

#define CHECK_STORY(text)                                                                                              \
    do {                                                                                                               \
        ck_assert_str_eq(story, text);                                                                                 \
        story[0] = 0;                                                                                                  \
    } while (0)

/* ---- the plain case ---- */

static void returns(void *arg)
{
    weft_defer(say, "d");
    tell("%s ", (const char *)arg);
}

static void panics(void *arg)
{
    weft_defer(say, "a");
    {
        weft_defer(say, "b");
        weft_panic("bad %s", (const char *)arg);
    }
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

static void panics_with(void *text)
{
    weft_panic("%s", (const char *)text);
}

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

static void exits(void *unused)
{
    (void)unused;
    weft_defer(say, "inside");
    weft_exit();
}

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

/* The deferred call that panics is older than the weft_recover that the exit began in: nobody contains it. */
static void panics_too_late(void)
{
    weft_defer(panics_with, "too late");
    (void)weft_recover(exits, NULL, NULL);
}

static int too_late_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_go(panics_too_late);
    weft_sleep(WEFT_HOUR);
    return 0;
}

static void loses_mutex(void *unused)
{
    (void)unused;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_mutex_unlock(&mutex);
}

static int fatal_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(loses_mutex, NULL, NULL);
    return 0;
}

static void waits_for_ever(void *unused)
{
    (void)unused;
    chan(int) c = chan_make(int, 0);
    (void)chan_recv(c);
}

static int deadlock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(waits_for_ever, NULL, NULL);
    return 0;
}

static void panics_elsewhere(void)
{
    weft_panic("elsewhere");
}

static void starts_another(void *unused)
{
    (void)unused;
    weft_go(panics_elsewhere);
    weft_sleep(WEFT_HOUR);
}

static int another_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(starts_another, NULL, NULL);
    return 0;
}

static int after_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(panics, "x", NULL);
    weft_panic("not contained");
}

static int run_app(void *app)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(2);
    return weft_run((int (*)(int, char **))app, 1, argv);
}

START_TEST(g03_what_is_not_contained)
{
    static const struct {
        int (*app)(int, char **);
        const char *err;
    } cases[] = {
        {too_late_app, "^panic: too late\n\ngoroutine "},
        {fatal_app, "^fatal error: sync: unlock of unlocked mutex\n"},
        {deadlock_app, "^fatal error: all goroutines are asleep"},
        {another_app, "^panic: elsewhere\n"},
        {after_app, "^panic: not contained\n\ngoroutine 1 "},
    };
    struct test_child child = test_child(run_app, (void *)cases[_i].app, 60);
    test_child_check(child, 2, cases[_i].err);
    test_child_free(&child);
}
END_TEST

/* ---- misuse leaves the objects as they were ---- */

static void *channel; /* of int */

static void contain(void (*fn)(void *arg), void *arg, const char *message)
{
    struct weft_panic_info info;
    ck_assert_msg(weft_recover(fn, arg, &info), "no panic: %s", message);
    ck_assert_msg(strstr(info.message, message) != NULL, "\"%s\", not \"%s\"", info.message, message);
}

static void sends(void *c)
{
    int one = 1;
    weft_chan_send_untyped(c, &one);
}

static void try_sends(void *c)
{
    int one = 1;
    (void)weft_chan_try_send_untyped(c, &one);
}

static void selects(void *c)
{
    chan(int) typed = c;
    chan(int) other = channel;
    (void)chan_select(on_send(typed, 1), on_recv(other, NULL));
}

static void closes(void *c)
{
    weft_chan_close_untyped(c);
}

static void frees(void *c)
{
    weft_chan_release_untyped(c);
}

static void recv_one(recv_chan(int) c)
{
    (void)chan_recv(c);
}

static void panics_parked(void (*fn)(void *), chan(int) c)
{
    contain(fn, (void *)c, "send on closed channel");
}

static int channels_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 2);
    chan(int) quiet = chan_make(int, 0);
    channel = (void *)quiet;
    chan_send(c, 7);
    chan_close(c);
    contain(sends, (void *)c, "send on closed channel");
    contain(try_sends, (void *)c, "send on closed channel");
    contain(selects, (void *)c, "send on closed channel");
    contain(closes, (void *)c, "close of closed channel");
    contain(closes, NULL, "close of nil channel");
    ck_assert_int_eq(chan_recv(c), 7); /* its lock is free, its value there */
    ck_assert_uint_eq(chan_len(c), 0);
    chan_free(c);

    /* Parked when the close comes. */
    static void (*const parked[])(void *) = {sends, selects};
    for (int i = 0; i < 2; i++) {
        chan(int) full = chan_make(int, 0);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, panics_parked, parked[i], full);
        weft_sleep(5 * MS);
        chan_close(full);
        weft_waitgroup_wait(&wg);
        chan_free(full);
    }
    /* Freed under a receiver: it is the caller's still. */
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, recv_one, recv_only(quiet));
    while (chan_len(quiet) == 0 && weft_goroutines() > 2)
        weft_sleep(MS);
    weft_sleep(20 * MS);
    contain(frees, (void *)quiet, "free of a channel that goroutines wait on");
    chan_send(quiet, 1);
    weft_waitgroup_wait(&wg);
    chan_free(quiet);
    return 0;
}

START_TEST(c06_channels_after_a_contained_panic)
{
    test_run(channels_app);
}
END_TEST

static void stops(void *timer)
{
    (void)weft_timer_stop(timer);
}

static void resets(void *timer)
{
    (void)weft_timer_reset(timer, 0);
}

static void asks(void *timer)
{
    (void)weft_timer_chan_untyped(timer);
}

static void no_function(void *unused)
{
    (void)unused;
    (void)weft_after_func(MS, NULL, NULL);
}

static void count_up(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

static int timers_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_timer *ticker = weft_ticker_new(MS);
    contain(stops, NULL, "stop of a NULL timer");
    contain(resets, NULL, "reset of a NULL timer");
    contain(asks, NULL, "channel of a NULL timer");
    contain(no_function, NULL, "the function is NULL");
    contain(resets, ticker, "reset of a ticker to a period of 0 ns");
    contain(closes, weft_timer_chan_untyped(ticker), "close of a timer's channel");
    contain(frees, weft_timer_chan_untyped(ticker), "free of a timer's channel");
    (void)chan_recv(weft_timer_chan(ticker));
    weft_timer_free(ticker);
    return 0;
}

static void arms(void *timer)
{
    (void)weft_after_func(MS, count_up, timer);
}

START_TEST(t05_timers_after_a_contained_panic)
{
    test_run(timers_app);
    /* No run is going on: nothing to arm it in, and its lock must be free afterwards. */
    static atomic_int counter;
    contain(arms, &counter, "no run is going on");
}
END_TEST

static weft_timer *kept;
static atomic_int fired;

static int keep_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    kept = weft_after_func(WEFT_HOUR, count_up, &fired);
    return 0;
}

static int again_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    ck_assert(!weft_timer_reset(kept, 0));
    while (atomic_load(&fired) == 0)
        weft_sleep(MS);
    weft_timer_free(kept);
    return 0;
}

START_TEST(t05_reset_outside_a_run_leaves_the_timer_usable)
{
    test_run_at(2, keep_app);
    contain(resets, kept, "no run is going on");
    contain(resets, kept, "no run is going on"); /* the first one has let the lock go */
    test_run_at(2, again_app);
}
END_TEST

static void done(void *wg)
{
    weft_waitgroup_done(wg);
}

static void adds_too_much(void *wg)
{
    weft_waitgroup_add(wg, INT32_MAX);
}

static void waits(weft_waitgroup *wg)
{
    weft_waitgroup_wait(wg);
}

static void subtracts_two(void *wg)
{
    weft_waitgroup_add(wg, -2);
}

static int waitgroup_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT, others = WEFT_WAITGROUP_INIT;
    contain(done, &wg, "negative wait group counter");
    weft_waitgroup_wait(&wg); /* it is zero still */
    weft_waitgroup_add(&wg, 1);
    weft_waitgroup_go(&others, waits, &wg);
    weft_sleep(2 * MS);
    contain(adds_too_much, &wg, "counter above");
    contain(subtracts_two, &wg, "negative wait group counter");
    weft_waitgroup_done(&wg);
    weft_waitgroup_wait(&others);
    return 0;
}

START_TEST(w02_wait_group_after_a_contained_panic)
{
    test_run(waitgroup_app);
}
END_TEST

/* Waiters that come while the counter is below zero are let go. */
static void misuses(weft_waitgroup *wg, int turns)
{
    for (int i = 0; i < turns; i++)
        contain(done, wg, "negative wait group counter");
}

static void wait_once(void *wg)
{
    weft_waitgroup_wait(wg);
}

/* A waiter that is alone may find that the next misuse has begun already: that is a panic of its own. */
static void waits_often(weft_waitgroup *wg, int turns)
{
    for (int i = 0; i < turns; i++)
        (void)weft_recover(wait_once, wg, NULL);
}

static int waitgroup_race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_waitgroup wg;
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&all, misuses, &wg, test_iterations(5000));
    for (int i = 0; i < 3; i++)
        weft_waitgroup_go(&all, waits_often, &wg, test_iterations(20000));
    weft_waitgroup_wait(&all);
    return 0;
}

START_TEST(w02_waiters_beside_misuse_are_let_go)
{
    test_run(waitgroup_race_app);
}
END_TEST

/* ---- once, wait group, map, after_func ---- */

static weft_once once;
static atomic_int calls, let_go;

static void panics_once(void *unused)
{
    (void)unused;
    atomic_fetch_add(&calls, 1);
    weft_sleep(5 * MS);
    weft_panic("in once");
}

static void does_once(void *unused)
{
    (void)unused;
    weft_once_do(&once, panics_once, NULL);
    atomic_fetch_add(&let_go, 1);
}

static void request(void)
{
    (void)weft_recover(does_once, NULL, NULL);
}

static int once_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    once = (weft_once)WEFT_ONCE_INIT;
    atomic_store(&calls, 0);
    atomic_store(&let_go, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 10; i++)
        weft_waitgroup_go(&wg, request);
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(atomic_load(&calls), 1);
    ck_assert_int_eq(atomic_load(&let_go), 9); /* all but the one whose call panicked */
    ck_assert(!weft_recover(does_once, NULL, NULL));
    return 0;
}

START_TEST(w05_once_whose_function_panics_is_done)
{
    test_run(once_app);
}
END_TEST

static void halve(void *arg)
{
    int *number = arg;
    if (*number % 2 != 0)
        weft_panic("%d is odd", *number);
    *number /= 2;
}

static void halve_or_zero(const void *in, void *out, void *unused)
{
    (void)unused;
    int number = *(const int *)in;
    *(int *)out = weft_recover(halve, &number, NULL) ? 0 : number;
}

static void panics_later(void *flag)
{
    (void)weft_recover(panics, "later", NULL);
    atomic_store((atomic_int *)flag, 1);
}

static int map_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int in[100], out[100];
    for (int i = 0; i < 100; i++)
        in[i] = i;
    ck_assert_int_eq(weft_map(4, in, sizeof *in, out, sizeof *out, 100, halve_or_zero, NULL), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(out[i], i % 2 != 0 ? 0 : i / 2);
    atomic_int flag = 0;
    weft_timer *timer = weft_after_func(MS, panics_later, &flag);
    while (atomic_load(&flag) == 0)
        weft_sleep(MS);
    weft_timer_free(timer);
    return 0;
}

START_TEST(w03_in_workers_of_a_map_and_in_after_func)
{
    test_run(map_app);
}
END_TEST

/* ---- threads, blocking sections, main's end ---- */

static void *in_thread(void *result)
{
    struct weft_panic_info info;
    *(bool *)result = weft_recover(panics, "thread", &info) && info.goroutine == 0 && info.site == NULL &&
                      strcmp(info.message, "bad thread") == 0 && info.frame_count > 0;
    return NULL;
}

static int threads_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    bool result = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, in_thread, &result), 0);
    weft_blocking pthread_join(thread, NULL);
    ck_assert(result);
    CHECK_STORY("b a ");
    return 0;
}

START_TEST(g03_threads_contain_too)
{
    bool result = false;
    (void)in_thread(&result); /* before any run */
    ck_assert(result);
    CHECK_STORY("b a ");
    test_run(threads_app);
    (void)in_thread(&result);
    ck_assert(result);
}
END_TEST

static void sleeps(void *unused)
{
    (void)unused;
    weft_sleep(1); /* an operation of the library: not inside a section */
}

static void panics_in_section(void *unused)
{
    (void)unused;
    weft_defer(sleeps, NULL);
    weft_blocking
    {
        weft_blocking_begin();
        weft_panic("in a section");
    }
}

static int sections_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 20; i++) {
        struct weft_panic_info info;
        ck_assert(weft_recover(panics_in_section, NULL, &info));
        ck_assert_str_eq(info.message, "in a section");
        weft_sleep(1);
        weft_yield();
    }
    return 0;
}

START_TEST(p07_blocking_sections_are_left)
{
    test_run(sections_app);
}
END_TEST

static void waits_in_deferred(void *unused)
{
    (void)unused;
    weft_sleep(WEFT_HOUR);
}

static void panics_and_waits(void *unused)
{
    (void)unused;
    weft_defer(waits_in_deferred, NULL);
    weft_panic("nobody reports it");
}

static void contains_and_waits(void)
{
    (void)weft_recover(panics_and_waits, NULL, NULL);
}

static int main_ends_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_go(contains_and_waits);
    weft_sleep(5 * MS);
    ck_assert(!weft__panic_has_begun());
    return 0;
}

START_TEST(g02_main_does_not_wait_for_a_contained_panic)
{
    test_run(main_ends_app);
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

/* ---- under load ---- */

struct load {
    recv_chan(int) numbers;
    send_chan(int) answers;
    weft_mutex mutex;
    int inside;
};

static void unlock(void *mutex)
{
    weft_mutex_unlock(mutex);
}

/* Works and waits, may change threads, and fails in the one way or the other. */
static void handle(void *arg)
{
    struct load *load = arg;
    int number = chan_recv(load->numbers);
    weft_mutex_lock(&load->mutex);
    weft_defer(unlock, &load->mutex);
    load->inside++;
    weft_yield();
    if (number % 3 == 0)
        weft_panic("%d", number);
    if (number % 3 == 1)
        weft_chan_close_untyped(NULL);
    chan_send(load->answers, number);
}

static void serve(struct load *load, int turns, atomic_int *contained)
{
    for (int i = 0; i < turns; i++)
        if (weft_recover(handle, load, NULL))
            atomic_fetch_add(contained, 1);
}

static int load_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { SERVERS = 20 };
    int turns = test_iterations(600), each = turns / 3 * 3;
    chan(int) numbers = chan_make(int, 4), answers = chan_make(int, SERVERS *turns);
    static struct load load;
    static atomic_int contained;
    load = (struct load){.numbers = recv_only(numbers), .answers = send_only(answers)};
    atomic_store(&contained, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < SERVERS; i++)
        weft_waitgroup_go(&wg, serve, &load, each, &contained);
    for (int i = 0; i < SERVERS * each; i++)
        chan_send(numbers, i);
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(atomic_load(&contained), SERVERS * each / 3 * 2);
    ck_assert_int_eq(load.inside, SERVERS * each);
    ck_assert_uint_eq(chan_len(answers), (size_t)(SERVERS * each / 3));
    chan_free(numbers);
    chan_free(answers);
    return 0;
}

START_TEST(g03_a_server_survives_its_handlers)
{
    test_run(load_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover");
    TCase *tests = tcase_create("recover");
    tcase_add_test(tests, g03_a_panic_ends_the_function_alone);
    tcase_add_test(tests, g03_panics_replace_each_other_and_nest);
    tcase_add_test(tests, g04_exit_passes_through);
    tcase_add_loop_test(tests, g03_what_is_not_contained, 0, 5);
    tcase_add_test(tests, c06_channels_after_a_contained_panic);
    tcase_add_test(tests, t05_timers_after_a_contained_panic);
    tcase_add_test(tests, t05_reset_outside_a_run_leaves_the_timer_usable);
    tcase_add_test(tests, w02_wait_group_after_a_contained_panic);
    tcase_add_test(tests, w02_waiters_beside_misuse_are_let_go);
    tcase_add_test(tests, w05_once_whose_function_panics_is_done);
    tcase_add_test(tests, w03_in_workers_of_a_map_and_in_after_func);
    tcase_add_test(tests, g03_threads_contain_too);
    tcase_add_test(tests, p07_blocking_sections_are_left);
    tcase_add_test(tests, g02_main_does_not_wait_for_a_contained_panic);
    tcase_add_test(tests, g03_a_contained_panic_is_printed_like_another);
    tcase_add_test(tests, g03_a_server_survives_its_handlers);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * scope_life_test.c - how scopes are left, by every way out of a block; what is refused; scopes without memory, in plain threads
 * and at the end of the process; and their ends racing everything else.
 * test-wrap: weft__port_alloc weft__spawn_begin weft__spawn_copy weft__park
 * test-skip: lto */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft/recover.h>
#include <weft/words.h>

#include "sync/scope.h"

#include "support.h"

/* ---- faults ---- */

void *__real_weft__port_alloc(size_t size, size_t alignment);
void *__wrap_weft__port_alloc(size_t size, size_t alignment);
weft__function __real_weft__spawn_begin(weft__function fn, const struct weft_site *site,
                                        const struct weft_go_options *options, const struct weft__pending_hook *hook,
                                        unsigned shape);
weft__function __wrap_weft__spawn_begin(weft__function fn, const struct weft_site *site,
                                        const struct weft_go_options *options, const struct weft__pending_hook *hook,
                                        unsigned shape);
int __real_weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                            const struct weft__pending_hook *hook, void (*fn)(void *), const void *value, size_t size);
int __wrap_weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                            const struct weft__pending_hook *hook, void (*fn)(void *), const void *value, size_t size);

static WEFT__ATOMIC(bool) no_memory, no_spawn;

void *__wrap_weft__port_alloc(size_t size, size_t alignment)
{
    return weft__load_relaxed(&no_memory) ? NULL : __real_weft__port_alloc(size, alignment);
}

weft__function __wrap_weft__spawn_begin(weft__function fn, const struct weft_site *site,
                                        const struct weft_go_options *options, const struct weft__pending_hook *hook,
                                        unsigned shape)
{
    if (weft__load_relaxed(&no_spawn))
        return weft__spawn_refuse(-EAGAIN);
    return __real_weft__spawn_begin(fn, site, options, hook, shape);
}

int __wrap_weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                            const struct weft__pending_hook *hook, void (*fn)(void *), const void *value, size_t size)
{
    return weft__load_relaxed(&no_spawn) ? -EAGAIN : __real_weft__spawn_copy(site, options, hook, fn, value, size);
}

/* ---- an opener that is slow to park ---- */

void __real_weft__park(struct weft__task *self, const struct weft__wait_reason *reason, void *object,
                       weft__commit commit, void *arg);
void __wrap_weft__park(struct weft__task *self, const struct weft__wait_reason *reason, void *object,
                       weft__commit commit, void *arg);

static WEFT__ATOMIC(struct weft__scope *) slow; /* its opener parks when all have ended */

void __wrap_weft__park(struct weft__task *self, const struct weft__wait_reason *reason, void *object,
                       weft__commit commit, void *arg)
{
    struct weft__scope *scope = weft__load_relaxed(&slow);
    if (scope != NULL && object == scope) {
        weft__store_relaxed(&slow, NULL);
        while (weft__load_relaxed(&scope->word) >= WEFT__SCOPE_ONE)
            usleep(50);
    }
    __real_weft__park(self, reason, object, commit, arg);
}

/* --- the ways out of the block ------------------------------------------------------------------------------------------- */

/* What became of the goroutine of a scope. */
struct fate {
    int error, cause;
    bool ended;
};

static int sleeper(struct fate *fate)
{
    fate->error = weft_sleep_ctx(weft_context_current(), WEFT_HOUR);
    fate->cause = weft_context_cause(weft_context_current());
    weft_sleep(WEFT_SECOND); /* its end takes a while */
    fate->ended = true;
    return fate->error;
}

enum way { END, CONTINUE, BREAK, RETURN, GOTO, WAITED_THEN_RETURN, EXIT, PANIC, WAYS };

static int leaves(enum way way, struct fate *fate)
{
    struct weft_go_options options = {.name = "sleeper"};
    weft_with_scope(s) {
        weft_scope_go_with(&s, options, sleeper, fate);
        switch (way) {
        case END:
            break;
        case CONTINUE:
            continue;
        case RETURN:
            return 17;
        case GOTO:
            goto out;
        case WAITED_THEN_RETURN:
            test_check(weft_scope_wait(&s) == 0);
            return 18;
        case EXIT:
            weft_exit();
        case PANIC:
            weft_panic("left by a panic");
        default:
            goto by_break;
        }
        continue;
    by_break:
        break;
    }
    test_check(fate->ended);
    return 0;
out:
    test_check(fate->ended);
    return 19;
}

static void leaves_by_exit(struct fate *fate)
{
    leaves(EXIT, fate);
}

static void leaves_by_panic(void *fate)
{
    leaves(PANIC, fate);
}

static int take_way(enum way way, struct fate *fate)
{
    struct weft_panic_info info;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    switch (way) {
    case EXIT:
        weft_waitgroup_go(&wg, leaves_by_exit, fate);
        weft_waitgroup_wait(&wg);
        return 0;
    case PANIC:
        test_check(weft_recover(leaves_by_panic, fate, &info));
        test_check(strcmp(info.message, "left by a panic") == 0);
        return 0;
    default:
        return leaves(way, fate);
    }
}

/* Whatever the way, its goroutine has ended by then, and was cancelled unless its end was waited for. */
static int all_ways(void *unused)
{
    (void)unused;
    for (enum way way = END; way < WAYS; way++) {
        struct fate fate = {.error = 1};
        int64_t begin = weft_now();
        int result = take_way(way, &fate);
        bool is_waited_for = way == END || way == CONTINUE || way == WAITED_THEN_RETURN;
        test_check(fate.ended);
        test_check(fate.error == (is_waited_for ? 0 : -ECANCELED));
        test_check(fate.cause == fate.error);
        test_check(weft_now() - begin == WEFT_SECOND + (is_waited_for ? WEFT_HOUR : 0));
        test_check(result == (way == RETURN ? 17 : way == GOTO ? 19 : way == WAITED_THEN_RETURN ? 18 : 0));
        test_check(weft_context_current() == weft_context_background());
        test_check(weft__self()->deferred == NULL);
    }
    return 0;
}

START_TEST(w08_every_way_out_waits)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        ck_assert_int_eq(weft_sim(seed, all_ways, NULL), 0);
}
END_TEST

static char story[200];

static void tell(void *text)
{
    strcat(story, text);
}

static void tells_late(void)
{
    weft_sleep(WEFT_SECOND);
    strcat(story, "goroutine ");
}

static void leaves_two(void *unused)
{
    (void)unused;
    defer(tell, "last ");
    weft_with_scope(outer) {
        defer(tell, "between ");
        weft_scope_go(&outer, tells_late);
        weft_with_scope(inner) {
            defer(tell, "first ");
            weft_scope_go(&inner, tells_late);
            weft_panic("out");
        }
    }
}

/* Deferred calls and the ends of scopes come in the order in which they were nested. */
static int in_order(void *unused)
{
    test_check(weft_recover(leaves_two, unused, NULL));
    return strcmp(story, "first goroutine goroutine between last ") == 0 ||
                   strcmp(story, "first goroutine between goroutine last ") == 0
               ? 0
               : 1;
}

START_TEST(w08_scopes_and_deferred_calls_nest)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        story[0] = '\0';
        ck_assert_msg(weft_sim(seed, in_order, NULL) == 0, "%s", story);
    }
}
END_TEST

/* --- misuse ------------------------------------------------------------------------------------------------------------------ */

static int misuse;
static weft_scope closed;

static void uses_a_foreign_scope(weft_scope *scope)
{
    if (misuse == 0)
        weft_scope_wait(scope);
    else if (misuse == 1)
        weft_scope_set_limit(scope, 1);
    else
        weft_scope_close(scope);
}

static void waits_for_ever(void)
{
    weft_chan_recv_untyped(NULL, NULL);
}

static void waits_for_the_cancellation(void)
{
    (void)weft_sleep_ctx(weft_context_current(), WEFT_HOUR);
}

static void panics(void)
{
    weft_panic("from a goroutine");
}

static int misused(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_with_scope(s) {
        struct weft__scope *inside = (struct weft__scope *)&s;
        switch (misuse) {
        case 3:
            weft_scope_go(&s, waits_for_the_cancellation);
            weft_scope_set_limit(&s, 1);
            break;
        case 4:
            weft_scope_go(&closed, weft_yield);
            break;
        case 5:
            weft_scope_wait(&closed);
            break;
        case 6:
            weft_scope_cancel(NULL);
            break;
        case 7:
            weft_scope_open(&s, NULL, WEFT__SITE);
            break;
        case 8: /* as when the last one has ended, and the opener has not got to run again */
            weft__store_relaxed(&inside->word, WEFT__SCOPE_WAITING);
            weft_scope_try_go(&s, weft_yield);
            break;
        case 9:
            weft_scope_go(&s, panics);
            break;
        case 10: /* the opener's panic waits for the others, and is then reported */
            weft_scope_go(&s, weft_sleep, 20 * WEFT_MILLISECOND);
            weft_panic("from the opener");
        case 11: /* places for nobody */
            weft_scope_set_limit(&s, 0);
            weft_scope_go(&s, weft_yield);
            break;
        case 12:
            weft_scope_go(&s, waits_for_ever);
            break;
        default:
            weft_scope_go(&s, uses_a_foreign_scope, &s);
        }
        weft_scope_wait(&s);
    }
    return 0;
}

static int misused_child(void *arg)
{
    misuse = *(int *)arg;
    return weft_run(misused, 0, NULL);
}

START_TEST(w08_what_is_refused)
{
    static const char *const texts[] = {
        "panic: weft_scope_wait by another than the one who has opened the scope",
        "panic: weft_scope_set_limit by another than the one who has opened the scope",
        "panic: weft_scope_close by another than the one who has opened the scope",
        "panic: limit of a scope changed while 1 of its goroutines have not ended",
        "panic: scope is not open",
        "panic: scope is not open",
        "panic: scope is not open",
        "panic: scope is open already",
        "panic: goroutine started in a scope that has ended",
        "panic: from a goroutine",
        "panic: from the opener",
        "deadlock!.*scope go.*on scope 0x[0-9a-f]+ \\(1 not ended\\) opened at .*life_test.c:[0-9]+, limit 0",
        "deadlock!.*scope wait.*on scope 0x[0-9a-f]+ \\(1 not ended\\) opened at .*life_test.c:[0-9]+",
    };
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
        struct test_child child = test_child(misused_child, &i, 60);
        test_child_check(child, 2, texts[i]);
        test_child_free(&child);
    }
}
END_TEST

/* --- without memory ---------------------------------------------------------------------------------------------------------- */

static void never(void)
{
    ck_abort_msg("a goroutine was started");
}

static void never_with(void *copy)
{
    (void)copy;
    never();
}

static int without_memory(int argc, char **argv)
{
    (void)argc, (void)argv;
    int blocks = 0;
    weft_context *context = weft_context_with_cancel(weft_context_background());
    weft_with_scope(outer, .parent = context) {
        weft__store_relaxed(&no_memory, true);
        weft_with_scope(s, .timeout = WEFT_HOUR, .limit = 1) {
            weft__store_relaxed(&no_memory, false);
            blocks++;
            test_check(weft_context_current() == weft_scope_context(&outer));
            test_check(weft_context_err(weft_scope_context(&s)) == -ECANCELED);
            test_check(weft_context_cause(weft_scope_context(&s)) == -ENOMEM);
            test_check(weft_scope_go(&s, never) == -ENOMEM);
            test_check(weft_scope_try_go(&s, never) == -ENOMEM);
            test_check(weft_scope_go_copy(&s, never_with, &blocks, sizeof blocks) == -ENOMEM);
            /* Its context is as good as any other that is cancelled. */
            weft_context *child = weft_context_with_timeout(weft_scope_context(&s), WEFT_HOUR);
            test_check(weft_context_err(child) == -ECANCELED && weft_context_cause(child) == -ENOMEM);
            test_check(chan_select(on_done(weft_scope_context(&s)), otherwise()) == 0);
            test_check(weft_sleep_ctx(weft_scope_context(&s), WEFT_HOUR) == -ECANCELED);
            weft_context_free(child);
            weft_context_free(weft_context_retain(weft_scope_context(&s)));
            weft_scope_cancel(&s);
            test_check(weft_scope_wait(&s) == -ENOMEM);
        }
        test_check(weft_context_current() == weft_scope_context(&outer));
        test_check(weft_context_err(weft_context_current()) == 0);
    }
    weft_context_free(context);
    test_check(blocks == 1);
    return 0;
}

START_TEST(w08_a_scope_without_memory)
{
    test_run(without_memory);
}
END_TEST

/* A goroutine that could not be started is an error like any other. */
static int failing_spawns(void *unused)
{
    (void)unused;
    struct fate fate = {.error = 1};
    weft_with_scope(s, .limit = 2) {
        weft_scope_go(&s, sleeper, &fate);
        weft__store_relaxed(&no_spawn, true);
        test_check(weft_scope_try_go(&s, never) == -EAGAIN);
        test_check(weft_context_err(weft_scope_context(&s)) == 0); /* who tries looks at the result */
        test_check(weft_scope_go(&s, never) == -EAGAIN);
        test_check(weft_context_cause(weft_scope_context(&s)) == -EAGAIN);
        test_check(weft_scope_go_copy(&s, never_with, &fate, sizeof fate) == -EAGAIN);
        test_check(weft_scope_try_go_copy_at(WEFT__SITE, &s, NULL, never_with, &fate, sizeof fate,
                                             WEFT__SHAPE_NOTHING) == -EAGAIN);
        weft__store_relaxed(&no_spawn, false);
        test_check(weft_scope_try_go(&s, weft_yield) == 0); /* their places are free again */
        test_check(weft_scope_try_go(&s, weft_yield) == -EBUSY);
        test_check(weft_scope_wait(&s) == -EAGAIN);
        test_check(fate.ended && fate.error == -ECANCELED && fate.cause == -EAGAIN);
    }
    return 0;
}

START_TEST(w08_a_spawn_that_fails_is_an_error)
{
    for (uint64_t seed = 0; seed < 10; seed++)
        ck_assert_int_eq(weft_sim(seed, failing_spawns, NULL), 0);
}
END_TEST

/* --- plain threads ------------------------------------------------------------------------------------------------------- */

static int adds(WEFT__ATOMIC(int) * sum, int number)
{
    if (number % 3 == 0)
        weft_yield();
    weft__add_relaxed(sum, number);
    return number == 13 ? -13 : 0;
}

/* Opens scopes, and returns the number of the one that was wrong. */
static void *opens_scopes(void *rounds)
{
    for (intptr_t round = 1; round <= *(int *)rounds; round++) {
        WEFT__ATOMIC(int) sum = 0;
        int error = 1;
        weft_with_scope(s, .limit = round % 2 == 0 ? 3 : 0) {
            for (int i = 1; i <= 10 + round % 5; i++)
                weft_scope_go(&s, adds, &sum, i);
            error = weft_scope_wait(&s);
            if (weft_context_current() != weft_scope_context(&s))
                return (void *)round;
        }
        int n = (int)(10 + round % 5);
        if (weft__load_relaxed(&sum) != n * (n + 1) / 2 || error != (n >= 13 ? -13 : 0))
            return (void *)round;
    }
    return NULL;
}

static int beside_threads(int argc, char **argv)
{
    (void)argc, (void)argv;
    int rounds = test_iterations(1000);
    pthread_t threads[2];
    void *wrong = NULL;
    for (int i = 0; i < 2; i++)
        test_check(pthread_create(&threads[i], NULL, opens_scopes, &rounds) == 0);
    test_check(opens_scopes(&rounds) == NULL);
    for (int i = 0; i < 2; i++) {
        weft_blocking
        {
            test_check(pthread_join(threads[i], &wrong) == 0);
        }
        test_check(wrong == NULL);
    }
    return 0;
}

START_TEST(w08_threads_open_scopes)
{
    test_run(beside_threads);
}
END_TEST

/* Outside a run nothing can be started: that is the error. */
START_TEST(w08_a_thread_without_a_run)
{
    int error = 0;
    weft_with_scope(s) {
        ck_assert_int_eq(weft_scope_go(&s, never), -EPERM);
        error = weft_scope_wait(&s);
    }
    ck_assert_int_eq(error, -EPERM);
    ck_assert_ptr_eq(weft_context_current(), weft_context_background());
}
END_TEST

/* --- stress -------------------------------------------------------------------------------------------------------------- */

/* The last one ends after the opener has found that it has to wait, and before it can be woken. */
static int ends_before_the_park(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(100); i++)
        weft_with_scope(s) {
            weft_scope_go(&s, weft_yield);
            weft__store_relaxed(&slow, (struct weft__scope *)&s);
            test_check(weft_scope_wait(&s) == 0);
            weft__store_relaxed(&slow, NULL);
        }
    return 0;
}

static void *ends_before_the_thread_parks(void *unused)
{
    ends_before_the_park(0, NULL);
    return unused;
}

static int with_a_thread(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t thread;
    test_check(pthread_create(&thread, NULL, ends_before_the_thread_parks, NULL) == 0);
    weft_blocking
    {
        test_check(pthread_join(thread, NULL) == 0);
    }
    return 0;
}

START_TEST(c13_w08_the_last_one_ends_before_the_opener_parks)
{
    test_run(ends_before_the_park);
    test_run(with_a_thread);
}
END_TEST

static int ends_somehow(int number)
{
    if (number % 4 == 1)
        weft_yield();
    if (number % 4 == 2)
        return weft_sleep_ctx(weft_context_current(), WEFT_MICROSECOND * number);
    return 0;
}

static __attribute__((noinline)) void short_scope(int count)
{
    weft_with_scope(s)
        for (int i = 0; i < count; i++)
            weft_scope_go(&s, ends_somehow, count + i);
}

static __attribute__((noinline)) void broken_scope(int count)
{
    weft_with_scope(s) {
        for (int i = 0; i < count; i++)
            weft_scope_go(&s, ends_somehow, count + i);
        break;
    }
}

/* Over where the scope was; a late touch by one of its goroutines would be seen. */
static __attribute__((noinline)) void overwrite(void)
{
    unsigned char room[1024];
    memset(room, 0xa5, sizeof room);
    __asm__ __volatile__("" : : "r"(room) : "memory");
    for (size_t i = 0; i < sizeof room; i++)
        test_check(room[i] == 0xa5);
}

static int short_lives(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(10000); i++) {
        (i % 8 == 0 ? broken_scope : short_scope)(i % 5);
        overwrite();
    }
    return 0;
}

START_TEST(w04_w08_frames_are_overwritten)
{
    test_run(short_lives);
}
END_TEST

static WEFT__ATOMIC(int) alive;

static int lives(int depth)
{
    weft__add_relaxed(&alive, 1);
    int error = 0;
    if (depth > 0)
        weft_with_scope(s, .limit = depth, .timeout = (int64_t)(weft__random() % 200 + 1) * WEFT_MICROSECOND) {
            for (int i = 0; i < 3; i++)
                weft_scope_go(&s, lives, depth - 1);
            if (weft__random() % 8 == 0)
                weft_scope_cancel(&s);
            if (weft__random() % 8 == 0)
                break;
            error = weft_scope_wait(&s);
        }
    else if (weft__random() % 4 == 0)
        error = weft_sleep_ctx(weft_context_current(), WEFT_HOUR);
    else if (weft__random() % 16 == 0)
        error = -EIO;
    weft__add_relaxed(&alive, -1);
    return error;
}

static void cancels(weft_context *context, int turns)
{
    for (int i = 0; i < turns; i++)
        weft_yield();
    weft_context_cancel(context);
}

/* Opening, starting, waiting, leaving, against time-outs, errors, and the cancellation of the whole. */
static int everything_at_once(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int round = 0; round < test_iterations(600); round++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_context *context = weft_context_with_cancel(weft_context_background());
        test_check(context != NULL);
        weft_waitgroup_go(&wg, cancels, context, round % 50);
        weft_with_scope(s, .parent = context, .timeout = 20 * WEFT_MILLISECOND)
            for (int i = 0; i < 4; i++)
                weft_scope_go(&s, lives, 2);
        test_check(weft__load_relaxed(&alive) == 0);
        weft_waitgroup_wait(&wg);
        test_check(weft__link_is_alone(&context->canceller->children)); /* nothing is left in it */
        weft_context_release(context);
    }
    return 0;
}

START_TEST(x01_x04_w08_everything_at_once)
{
    test_run(everything_at_once);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("sync/scope_life");
    TCase *tests = tcase_create("scope life");
    tcase_add_test(tests, w08_every_way_out_waits);
    tcase_add_test(tests, w08_scopes_and_deferred_calls_nest);
    tcase_add_test(tests, w08_what_is_refused);
    tcase_add_test(tests, w08_a_scope_without_memory);
    tcase_add_test(tests, w08_a_spawn_that_fails_is_an_error);
    tcase_add_test(tests, w08_threads_open_scopes);
    tcase_add_test(tests, w08_a_thread_without_a_run);
    suite_add_tcase(suite, tests);
    tests = tcase_create("stress");
    tcase_add_test(tests, c13_w08_the_last_one_ends_before_the_opener_parks);
    tcase_add_test(tests, w04_w08_frames_are_overwritten);
    tcase_add_test(tests, x01_x04_w08_everything_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * scope_test.c - scopes as error groups: the first error, the limit, deadlines and cancellation, what goroutines return, and
 * which context they find. How scopes are left, and what is refused, is tested in scope_life_test.c.
 *
 * What needs time runs simulated, with many schedules. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft/words.h>

#include "sync/scope.h"

#include "support.h"

/* Every schedule of some, at no time. */
static void simulate(int (*fn)(void *), uint64_t seeds)
{
    for (uint64_t seed = 0; seed < seeds; seed++)
        ck_assert_int_eq(weft_sim(seed, fn, NULL), 0);
}

static int sleeps(int64_t duration)
{
    return weft_sleep_ctx(weft_context_current(), duration);
}

static int returns(int result)
{
    return result;
}

static void nothing(void)
{
}

/* --- W-08: the first error ----------------------------------------------------------------------------------------------- */

static int fails_after(int64_t duration, int error)
{
    weft_sleep(duration);
    return error;
}

static int notes_cause(int *cause)
{
    int error = weft_sleep_ctx(weft_context_current(), WEFT_HOUR);
    *cause = weft_context_cause(weft_context_current());
    return error;
}

static int first_error(void *unused)
{
    (void)unused;
    int64_t begin = weft_now();
    int cause = 0;
    weft_with_scope(s) {
        test_check(weft_scope_go(&s, notes_cause, &cause) == 0);
        test_check(weft_scope_go(&s, fails_after, WEFT_MINUTE, -EIO) == 0);
        test_check(weft_scope_go(&s, fails_after, 2 * WEFT_MINUTE, -EPIPE) == 0);
        test_check(weft_scope_go(&s, nothing) == 0);
        test_check(weft_scope_wait(&s) == -EIO);
        test_check(weft_now() - begin == 2 * WEFT_MINUTE); /* it has waited for all, and the sleeper was woken */
        test_check(cause == -EIO);
        test_check(weft_context_cause(weft_scope_context(&s)) == -EIO);
        test_check(weft_context_err(weft_scope_context(&s)) == -ECANCELED);
        test_check(weft_scope_wait(&s) == -EIO); /* again */
    }
    return 0;
}

START_TEST(w08_first_error_wins_and_cancels_the_rest)
{
    simulate(first_error, 50);
}
END_TEST

/* Many errors at once: one of them wins, and is the cause; the same for all who ask. */
static int errors_at_once(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int round = 0; round < test_iterations(2000); round++) {
        int error = 1, sum = 0, causes[4] = {0};
        weft_with_scope(s) {
            for (int i = 0; i < 4; i++) {
                weft_scope_go(&s, notes_cause, &causes[i]);
                weft_scope_go(&s, returns, round % 3 == 0 && i != 2 ? 0 : -100 - i);
            }
            error = weft_scope_wait(&s);
            test_check(weft_context_cause(weft_scope_context(&s)) == error);
        }
        test_check(error <= -100 && error > -104);
        for (int i = 0; i < 4; i++)
            sum += causes[i] == error;
        test_check(sum == 4);
    }
    return 0;
}

START_TEST(w08_one_error_of_many)
{
    test_run(errors_at_once);
}
END_TEST

/* --- W-08: wait cancels ---------------------------------------------------------------------------------------------------- */

static int wait_cancels(int argc, char **argv)
{
    (void)argc, (void)argv;
    int found = 0;
    weft_with_scope(s) {
        weft_context *context = weft_scope_context(&s);
        weft_scope_go(&s, nothing);
        test_check(weft_context_err(context) == 0);
        test_check(weft_scope_wait(&s) == 0);
        test_check(weft_context_err(context) == -ECANCELED);
        test_check(weft_context_cause(context) == -ECANCELED);
        /* What is started now runs, and finds that. */
        test_check(weft_scope_go(&s, notes_cause, &found) == 0);
        test_check(weft_scope_wait(&s) == -ECANCELED);
        test_check(found == -ECANCELED);
    }
    weft_with_scope(s) {
        test_check(weft_scope_wait(&s) == 0); /* nobody there */
        test_check(weft_context_err(weft_scope_context(&s)) == -ECANCELED);
    }
    return 0;
}

START_TEST(w08_wait_always_cancels)
{
    test_run(wait_cancels);
}
END_TEST

/* --- W-08: the limit ------------------------------------------------------------------------------------------------------- */

static struct {
    WEFT__ATOMIC(int) now, most, all;
} crowd;

static void is_counted(int turns)
{
    int now = weft__add_acq_rel(&crowd.now, 1) + 1, most = weft__load_relaxed(&crowd.most);
    while (now > most && !weft__cas_relaxed(&crowd.most, &most, now)) {
    }
    for (int i = 0; i < turns; i++)
        weft_yield();
    weft__add_relaxed(&crowd.all, 1);
    weft__add_acq_rel(&crowd.now, -1);
}

/* A scope of its own inside counts for itself. */
static int starts_three(int turns)
{
    weft_with_scope(own, .limit = 3)
        for (int i = 0; i < 3; i++)
            test_check(weft_scope_try_go(&own, returns, 0) == 0);
    is_counted(turns);
    return 0;
}

static int limits(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int limit = 1; limit <= 5; limit++) {
        int count = test_iterations(4000);
        memset(&crowd, 0, sizeof crowd);
        weft_with_scope(s, .limit = limit) {
            for (int i = 0; i < count; i++)
                test_check(i % 64 == 0 ? weft_scope_go(&s, starts_three, i % 7) == 0
                                       : weft_scope_go(&s, is_counted, i % 3) == 0);
            test_check(weft_scope_wait(&s) == 0);
        }
        test_check(weft__load_relaxed(&crowd.all) == count);
        test_check(weft__load_relaxed(&crowd.most) <= limit);
    }
    return 0;
}

START_TEST(w08_no_more_than_the_limit)
{
    test_run(limits);
}
END_TEST

/* Goroutines of the scope start others, all against the limit. Nobody may wait for a place while holding one: so try. */
static int spreads(weft_scope *scope, int depth, WEFT__ATOMIC(int) * leaves)
{
    for (int i = 0; i < 2; i++) {
        int error = depth > 0 ? weft_scope_try_go(scope, spreads, scope, depth - 1, leaves) : -EBUSY;
        if (error == -EBUSY && depth > 0)
            error = spreads(scope, depth - 1, leaves);
        else if (depth == 0)
            weft__add_relaxed(leaves, 1), error = 0;
        if (error != 0)
            return error;
    }
    return 0;
}

static int try_or_do_it_yourself(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int round = 0; round < test_iterations(100); round++) {
        WEFT__ATOMIC(int) leaves = 0;
        weft_with_scope(s, .limit = 1 + round % 4) {
            test_check(weft_scope_go(&s, spreads, &s, 8, &leaves) == 0);
            test_check(weft_scope_wait(&s) == 0);
        }
        test_check(weft__load_relaxed(&leaves) == 512);
    }
    return 0;
}

START_TEST(w08_try_go_takes_free_places_only)
{
    test_run(try_or_do_it_yourself);
}
END_TEST

static int order[8], ordered;

static void notes_order(int number)
{
    order[ordered++] = number;
}

static void starts(weft_scope *scope, int number)
{
    test_check(weft_scope_go(scope, notes_order, number) == 0);
}

/* A place that becomes free goes to who has waited longest. */
static int first_come(void *unused)
{
    (void)unused;
    ordered = 0;
    weft_with_scope(outer) {
        weft_with_scope(s, .limit = 1) {
            weft_scope_go(&s, sleeps, WEFT_SECOND);
            for (int i = 0; i < 8; i++) {
                weft_scope_go(&outer, starts, &s, i);
                weft_sim_wait();
                test_check(weft_scope_try_go(&s, nothing) == -EBUSY);
            }
            test_check(weft_scope_wait(&s) == 0);
        }
    }
    test_check(ordered == 8);
    for (int i = 0; i < 8; i++)
        test_check(order[i] == i);
    return 0;
}

START_TEST(w08_a_place_goes_to_who_has_waited_longest)
{
    simulate(first_come, 20);
}
END_TEST

static int settings(void *unused)
{
    (void)unused;
    weft_with_scope(s, .limit = 2) {
        weft_scope_go(&s, sleeps, WEFT_SECOND);
        test_check(weft_scope_try_go(&s, sleeps, WEFT_SECOND) == 0);
        test_check(weft_scope_try_go(&s, sleeps, WEFT_SECOND) == -EBUSY);
        test_check(weft_scope_wait(&s) == 0); /* a try that is refused is no error */
        weft_scope_set_limit(&s, 0);
        test_check(weft_scope_try_go(&s, nothing) == -EBUSY);
        weft_scope_set_limit(&s, -5);
        for (int i = 0; i < 100; i++)
            test_check(weft_scope_try_go(&s, nothing) == 0);
        test_check(weft_scope_wait(&s) == 0);
        weft_scope_set_limit(&s, 1);
        test_check(weft_scope_try_go(&s, nothing) == 0);
        test_check(weft_scope_try_go(&s, nothing) == -EBUSY);
    }
    return 0;
}

START_TEST(w08_limits_can_be_set_between)
{
    simulate(settings, 10);
}
END_TEST

/* --- what counts as an error --------------------------------------------------------------------------------------------- */

static int mixed(int a, double b, float c, int64_t d, const char *e, int f, double g, int h)
{
    return a == 1 && b == 2.5 && c == 3.5f && d == INT64_MIN && strcmp(e, "five") == 0 && f == 6 && g == 7.5 ? h : 99;
}

static void exits(void)
{
    weft_exit();
}

static int exits_late(void)
{
    weft_exit();
    return -EIO;
}

struct letter {
    char text[300];
    int result;
};

static int reads_copy(void *copy)
{
    struct letter *letter = copy;
    return strcmp(letter->text, "dear") == 0 ? letter->result : 99;
}

static void reads_copy_quietly(void *copy)
{
    test_check(reads_copy(copy) == 77);
}

static int result_of_small_copy(void *copy)
{
    return *(int *)copy;
}

/* What one goroutine alone makes of the scope. */
#define RESULT(call)                                                                                                   \
    __extension__({                                                                                                    \
        int result = 1234;                                                                                             \
        weft_with_scope(s) {                                                                                           \
            test_check((call) == 0);                                                                                   \
            result = weft_scope_wait(&s);                                                                              \
        }                                                                                                              \
        result;                                                                                                        \
    })

static int results(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct letter letter = {"dear", 77};
    int small = -9;
    test_check(RESULT(weft_scope_go(&s, returns, 0)) == 0);
    test_check(RESULT(weft_scope_go(&s, returns, -EIO)) == -EIO);
    test_check(RESULT(weft_scope_go(&s, returns, 17)) == 17); /* any int but 0 */
    test_check(RESULT(weft_scope_go(&s, returns, INT32_MIN)) == INT32_MIN);
    test_check(RESULT(weft_scope_go(&s, mixed, 1, 2.5, 3.5f, INT64_MIN, "five", 6, 7.5, 0)) == 0);
    test_check(RESULT(weft_scope_go(&s, mixed, 1, 2.5, 3.5f, INT64_MIN, "five", 6, 7.5, -8)) == -8);
    test_check(RESULT(weft_scope_go(&s, nothing)) == 0);
    test_check(RESULT(weft_scope_go(&s, exits)) == 0);
    test_check(RESULT(weft_scope_go(&s, exits_late)) == 0);
    test_check(RESULT(weft_scope_try_go(&s, returns, -5)) == -5);
    test_check(RESULT(weft_scope_go_with(&s, ((struct weft_go_options){.name = "x", .stack_size = 1 << 19}), returns,
                                         -6)) == -6);
    test_check(RESULT(weft_scope_go_copy(&s, reads_copy, &letter, sizeof letter)) == 77);
    test_check(RESULT(weft_scope_go_copy(&s, reads_copy_quietly, &letter, sizeof letter)) == 0);
    test_check(RESULT(weft_scope_go_copy(&s, result_of_small_copy, &small, sizeof small)) == -9);
    test_check(RESULT(weft_scope_go_copy(&s, &result_of_small_copy, &small, sizeof small)) == -9);
    return 0;
}

START_TEST(w08_what_a_goroutine_returns)
{
    test_run(results);
}
END_TEST

/* Everything that was written happens before the return of wait: under ThreadSanitizer this is what is checked. */
static void fills(int *from, int *to, int value)
{
    while (from < to)
        *from++ = value;
}

static int writes_are_seen(int argc, char **argv)
{
    (void)argc, (void)argv;
    static int numbers[8 * 512];
    for (int round = 1; round <= test_iterations(1000); round++)
        weft_with_scope(s) {
            for (int i = 0; i < 8; i++)
                weft_scope_go(&s, fills, numbers + i * 512, numbers + (i + 1) * 512, round);
            test_check(weft_scope_wait(&s) == 0);
            for (int i = 0; i < 8 * 512; i++)
                test_check(numbers[i] == round);
        }
    return 0;
}

START_TEST(w08_writes_happen_before_wait)
{
    test_run(writes_are_seen);
}
END_TEST

/* --- the context ----------------------------------------------------------------------------------------------------------- */

static void finds_context(weft_context **found)
{
    *found = weft_context_current();
}

static void finds_context_and_tells(weft_context **found, weft_waitgroup *wg)
{
    finds_context(found);
    weft_waitgroup_done(wg);
}

static int nests(weft_context *outer)
{
    weft_context *found = NULL;
    test_check(weft_context_current() == outer);
    weft_with_scope(inner) {
        test_check(weft_context_current() == weft_scope_context(&inner) && weft_context_current() != outer);
        weft_scope_go(&inner, finds_context, &found);
        test_check(weft_scope_wait(&inner) == 0);
        test_check(found == weft_scope_context(&inner));
    }
    test_check(weft_context_current() == outer);
    return 0;
}

static int current(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int key;
    weft_context *background = weft_context_background(), *found = NULL;
    weft_context *valued = weft_context_with_value(background, &key, &found);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_with_scope(s, .parent = valued) {
        test_check(weft_context_value(weft_context_current(), &key) == &found);
        weft_scope_go(&s, nests, weft_scope_context(&s));
        test_check(weft_scope_wait(&s) == 0);
        weft_waitgroup_add(&wg, 1);
        go(finds_context_and_tells, &found, &wg); /* is not of the scope */
        weft_waitgroup_wait(&wg);
        test_check(found == background);
    }
    test_check(weft_context_current() == background);
    weft_with_scope(s) /* whoever has a reference may keep it longer */
        found = weft_context_retain(weft_context_current());
    test_check(weft_context_err(found) == -ECANCELED);
    test_check(weft__load_relaxed(&found->references) == 1);
    weft_context_release(found);
    weft_context_free(valued);
    return 0;
}

START_TEST(x07_current_is_the_scopes_context)
{
    test_run(current);
}
END_TEST

/* Cancelling goes down, errors go up where they are handed up. */
static int inner_scope(int hand_up, int *seen)
{
    weft_with_scope(inner) {
        weft_scope_go(&inner, sleeps, WEFT_HOUR);
        weft_scope_go(&inner, fails_after, WEFT_MINUTE, -EIO);
        *seen = weft_scope_wait(&inner);
    }
    return hand_up ? *seen : 0;
}

static int nested(void *unused)
{
    (void)unused;
    int seen = 0, error = 0;
    weft_with_scope(outer) {
        weft_scope_go(&outer, inner_scope, 0, &seen);
        error = weft_scope_go(&outer, sleeps, 2 * WEFT_MINUTE);
        test_check(weft_scope_wait(&outer) == 0 && seen == -EIO);
    }
    weft_with_scope(outer) {
        weft_scope_go(&outer, inner_scope, 1, &seen);
        weft_scope_go(&outer, sleeps, 2 * WEFT_MINUTE);
        test_check(weft_scope_wait(&outer) == -EIO);
    }
    weft_with_scope(outer) {
        weft_scope_go(&outer, inner_scope, 1, &seen);
        weft_scope_go(&outer, fails_after, WEFT_SECOND, -EPIPE);
        test_check(weft_scope_wait(&outer) == -EPIPE);
        test_check(seen == -ECANCELED); /* of the sleeper, before the failing one has got there */
    }
    return error;
}

START_TEST(x01_w08_nested_scopes_are_children)
{
    simulate(nested, 30);
}
END_TEST

static int deadlines(void *unused)
{
    (void)unused;
    int64_t begin = weft_now();
    weft_with_scope(s, .timeout = WEFT_HOUR) {
        weft_scope_go(&s, sleeps, 2 * WEFT_HOUR);
        test_check(weft_scope_wait(&s) == -ETIMEDOUT);
        test_check(weft_now() == begin + WEFT_HOUR);
        test_check(weft_context_err(weft_scope_context(&s)) == -ETIMEDOUT);
    }
    begin = weft_now();
    weft_with_scope(s, .timeout = WEFT_HOUR, .deadline = begin + WEFT_MINUTE) {
        int64_t when = 0;
        test_check(weft_context_deadline(weft_scope_context(&s), &when) && when == begin + WEFT_MINUTE);
        weft_with_scope(inner, .timeout = 2 * WEFT_MINUTE) { /* a child ends no later */
            test_check(weft_context_deadline(weft_scope_context(&inner), &when) && when == begin + WEFT_MINUTE);
            weft_scope_go(&inner, sleeps, 2 * WEFT_HOUR);
            test_check(weft_scope_wait(&inner) == -ETIMEDOUT);
        }
        test_check(weft_now() == begin + WEFT_MINUTE);
    }
    weft_with_scope(s, .timeout = -1) {
        test_check(weft_context_err(weft_scope_context(&s)) == -ETIMEDOUT);
        weft_scope_go(&s, sleeps, WEFT_SECOND);
        test_check(weft_scope_wait(&s) == -ETIMEDOUT);
    }
    begin = weft_now();
    weft_with_scope(s, .timeout = WEFT_SECOND) { /* who does not look at the context is waited for */
        weft_scope_go(&s, fails_after, WEFT_HOUR, 0);
        test_check(weft_scope_wait(&s) == 0);
        test_check(weft_now() == begin + WEFT_HOUR);
    }
    return 0;
}

START_TEST(x04_w08_deadlines)
{
    simulate(deadlines, 20);
}
END_TEST

/* --- cancel ------------------------------------------------------------------------------------------------------------------ */

struct race {
    int winner, losers;
};

static int mirror(weft_scope *scope, struct race *race, weft_mutex *mutex, int number, int64_t duration)
{
    int error = weft_sleep_ctx(weft_context_current(), duration);
    weft_mutex_lock(mutex);
    if (error == 0)
        race->winner = number;
    else
        race->losers++;
    weft_mutex_unlock(mutex);
    if (error == 0)
        weft_scope_cancel(scope);
    return error;
}

static int first_answer(void *unused)
{
    (void)unused;
    struct race race = {0, 0};
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_with_scope(s) {
        for (int i = 1; i <= 3; i++)
            weft_scope_go(&s, mirror, &s, &race, &mutex, i, (4 - i) * WEFT_SECOND);
        test_check(weft_scope_wait(&s) == 0); /* those who were not needed are no error */
    }
    test_check(race.winner == 3 && race.losers == 2);

    weft_with_scope(s) { /* but another error is one, and so is a cancellation by somebody else */
        weft_scope_go(&s, fails_after, WEFT_SECOND, -EIO);
        weft_scope_cancel(&s);
        test_check(weft_scope_wait(&s) == -EIO);
    }
    weft_with_scope(s) {
        weft_scope_go(&s, sleeps, WEFT_HOUR);
        weft_context_cancel_cause(weft_scope_context(&s), 5);
        test_check(weft_scope_wait(&s) == -ECANCELED);
        test_check(weft_context_cause(weft_scope_context(&s)) == 5);
    }
    return 0;
}

START_TEST(x01_w08_the_rest_is_not_needed)
{
    simulate(first_answer, 50);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("sync/scope");
    TCase *tests = tcase_create("scope");
    tcase_add_test(tests, w08_first_error_wins_and_cancels_the_rest);
    tcase_add_test(tests, w08_one_error_of_many);
    tcase_add_test(tests, w08_wait_always_cancels);
    tcase_add_test(tests, w08_no_more_than_the_limit);
    tcase_add_test(tests, w08_try_go_takes_free_places_only);
    tcase_add_test(tests, w08_a_place_goes_to_who_has_waited_longest);
    tcase_add_test(tests, w08_limits_can_be_set_between);
    tcase_add_test(tests, w08_what_a_goroutine_returns);
    tcase_add_test(tests, w08_writes_happen_before_wait);
    tcase_add_test(tests, x07_current_is_the_scopes_context);
    tcase_add_test(tests, x01_w08_nested_scopes_are_children);
    tcase_add_test(tests, x04_w08_deadlines);
    tcase_add_test(tests, x01_w08_the_rest_is_not_needed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return test_main(suite());
}

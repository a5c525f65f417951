/* SPDX-License-Identifier: Apache-2.0
 *
 * stack_test.c - stacks where there are none at hand: held back by other processors' caches, or, for a moment, by all.
 * test-link: -Wl,--wrap=weft__stack_take
 * test-skip: lto (there it is a call no more) */
#include <weft/words.h>

#include "sched/runtime.h"

#include "support.h"

/* ---- who finds none waits in the global queue, and takes nobody along ---- */

static WEFT__ATOMIC(long) calls;
static WEFT__ATOMIC(long) in_vain;
static WEFT__ATOMIC(bool) scarce;

struct goroutine *__real_weft__stack_take(struct stack_cache *cache);
struct goroutine *__wrap_weft__stack_take(struct stack_cache *cache);
struct goroutine *__wrap_weft__stack_take(struct stack_cache *cache)
{
    if (weft__load_relaxed(&scarce) && weft__add_relaxed(&calls, 1) % 3 == 0) { /* a count */
        weft__add_relaxed(&in_vain, 1);                                         /* a count */
        return NULL;
    }
    return __real_weft__stack_take(cache);
}

#define SPAWNED (3 * (int)RUNQ_SIZE) /* most of them pass through the global queue, in chains */

static WEFT__ATOMIC(long) ran;

static void count_one(void)
{
    weft_yield();               /* else its stack would be the next one's at once */
    weft__add_relaxed(&ran, 1); /* a count, which the wait group orders */
}

static int spawns(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft__store_relaxed(&ran, 0); /* nobody else is there yet */
    weft__store_relaxed(&in_vain, 0);
    weft__store_relaxed(&scarce, true);
    for (int i = 0; i < SPAWNED; i++)
        test_check(weft_waitgroup_go(&wg, count_one) == 0);
    weft_waitgroup_wait(&wg);
    weft__store_relaxed(&scarce, false); /* a hint */
    test_check(weft__load_relaxed(&ran) == SPAWNED);
    test_check(weft__load_relaxed(&in_vain) > 0);
    return 0;
}

START_TEST(p04_who_finds_no_stack_goes_back_alone)
{
    for (int i = 0; i < test_iterations(20); i++)
        test_run_at(1 << i % 3, spawns);
}
END_TEST

/* ---- the caches of many processors ---- */

#define CACHES 64 /* they hold back more than the first chunk has */

static struct stack_cache caches[CACHES];

static int holds_back(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct goroutine *taken[CACHES];
    for (int i = 0; i < CACHES; i++) {
        weft__stack_cache_init(&caches[i]);
        test_check(weft__stack_credit_take(NULL) == 0);
        taken[i] = weft__stack_take(&caches[i]);
        test_check(taken[i] != NULL);
        test_check(weft__stack_is_at_hand(&caches[i]) || caches[i].cold_count > 0); /* which it holds back */
    }
    for (int i = 0; i < CACHES; i++) {
        weft__stack_give(&caches[i], taken[i]);
        weft__stack_cache_flush(&caches[i]);
        weft__stack_credit_give(NULL);
    }
    return 0;
}

START_TEST(there_are_stacks_beside_those_that_processors_hold_back)
{
    test_run_at(1, holds_back);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("stack");
    TCase *tests = tcase_create("stack");
    tcase_add_test(tests, p04_who_finds_no_stack_goes_back_alone);
    tcase_add_test(tests, there_are_stacks_beside_those_that_processors_hold_back);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}

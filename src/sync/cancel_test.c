/* SPDX-License-Identifier: Apache-2.0
 *
 * cancel_test.c - weft__park_cancellable by itself: a waker, a canceller and the parker race for one claim; whoever wins, the
 * task goes on once, and its frame, the object and the context may be gone at once afterwards. */
#include <errno.h>
#include <pthread.h>

#include <weft.h>

#include "base/lock.h"
#include "sync/cancel.h"

#include "support.h"

/* An object with one place for a waiter. */
struct waiter {
    struct weft__task *task;
    weft__claim *claim;
};
struct object {
    struct weft__lock lock;
    struct waiter *waiter;
};

static void object_lock(struct object *object)
{
    weft__lock_take(&object->lock, WEFT__RANK_SYNC);
}
static void object_unlock(void *object)
{
    weft__lock_leave(&((struct object *)object)->lock, WEFT__RANK_SYNC);
}

static void describe(const void *object, char *buffer, size_t size)
{
    snprintf(buffer, size, "on object %p", object);
}
static const struct weft__wait_reason reason = {.text = "object wait", .describe = describe};

/* 0: woken; else the context's error. */
static int object_wait(struct object *object, weft_context *context)
{
    weft__claim claim = WEFT__UNCLAIMED;
    struct waiter waiter = {.task = weft__self(), .claim = &claim};
    object_lock(object);
    object->waiter = &waiter;
    weft__park_cancellable(waiter.task, &reason, object, object_unlock, object, context, &claim);
    uint32_t winner = weft__load_relaxed(&claim);
    if (winner != WEFT__CLAIMED_BY_CANCEL) {
        test_check(winner == 1);
        return 0;
    }
    object_lock(object);
    if (object->waiter == &waiter)
        object->waiter = NULL;
    object_unlock(object);
    return weft__context_error(context);
}

/* Whether it has woken somebody. */
static bool object_wake(struct object *object)
{
    object_lock(object);
    struct waiter *waiter = object->waiter;
    struct weft__task *task = NULL;
    if (waiter != NULL && weft__claim_try(waiter->claim, 1)) {
        task = waiter->task;
        object->waiter = NULL;
    }
    object_unlock(object);
    if (task != NULL)
        weft__ready(task);
    return task != NULL;
}

/* Overwrite what was the frame of object_wait. */
static __attribute__((noinline)) void scribble(void)
{
    char waste[2048];
    memset(waste, 0xA5, sizeof waste);
    __asm__ __volatile__("" : : "r"(waste) : "memory");
}

/* --- one round: a parker, a waker that tries until it or the cancellation has won, a canceller ------------------------- */

struct round {
    struct object object;
    weft_context *context;
    int started, parker_done; /* atomic, by builtins: the test must not order more than the library does */
    int delay;
    bool cancel, wake;
    int result; /* the parker's */
    bool has_woken;
    weft_waitgroup others;
};

static void spin(int turns)
{
    for (int i = 0; i < turns; i++)
        __asm__ __volatile__("" ::: "memory");
}

static void waker(struct round *round)
{
    while (__atomic_load_n(&round->parker_done, __ATOMIC_RELAXED) == 0 && !round->has_woken) {
        round->has_woken = object_wake(&round->object);
        if (!round->has_woken)
            weft_yield();
    }
}

static void canceller(struct round *round)
{
    spin(round->delay);
    weft_context_cancel(round->context);
}

static void play(int delay, bool cancel, bool wake)
{
    struct round *round = calloc(1, sizeof *round);
    round->context = weft_context_with_cancel(weft_context_background());
    round->delay = delay;
    if (cancel)
        weft_waitgroup_go(&round->others, canceller, round);
    if (wake)
        weft_waitgroup_go(&round->others, waker, round);
    round->result = object_wait(&round->object, round->context);
    __atomic_store_n(&round->parker_done, 1, __ATOMIC_RELAXED);
    scribble();
    weft_waitgroup_wait(&round->others);
    test_check(round->result == (round->has_woken ? 0 : -ECANCELED));
    test_check(cancel || round->has_woken);
    weft_context_free(round->context);
    free(round);
}

static int races(int argc, char **argv)
{
    (void)argc, (void)argv;
    int turns = test_iterations(30000);
    for (int i = 0; i < turns; i++)
        play(i % 700, i % 3 != 2, i % 3 != 0);
    return 0;
}

START_TEST(x01_c13_a_claim_has_one_winner)
{
    test_run(races);
}
END_TEST

/* --- cancelled before, never cancellable ------------------------------------------------------------------------------- */

static int before(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(10000); i++) {
        struct object object = {.waiter = NULL};
        weft_context *context = weft_context_with_cancel(weft_context_background());
        weft_context_cancel(context);
        test_check(object_wait(&object, context) == -ECANCELED);
        weft_context_free(context);
        scribble();
    }
    return 0;
}

START_TEST(x02_cancelled_before_the_wait)
{
    test_run(before);
}
END_TEST

static void wait_plainly(struct object *object, weft_context *context, int *result)
{
    *result = object_wait(object, context);
}

static int never(int argc, char **argv)
{
    (void)argc, (void)argv;
    static int key;
    weft_context *valued = weft_context_with_value(weft_context_background(), &key, &key);
    weft_context *contexts[] = {NULL, weft_context_background(), valued};
    for (int i = 0; i < 3; i++) {
        struct object object = {.waiter = NULL};
        weft_waitgroup done = {0};
        int result = 1;
        weft_waitgroup_go(&done, wait_plainly, &object, contexts[i], &result);
        while (!object_wake(&object))
            weft_yield();
        weft_waitgroup_wait(&done);
        test_check(result == 0);
    }
    weft_context_free(valued);
    return 0;
}

START_TEST(x07_what_cannot_be_cancelled_parks_plainly)
{
    test_run(never);
}
END_TEST

/* --- many waiters of one context, plain threads among them ------------------------------------------------------------- */

#define MANY 300 /* several batches */

struct many {
    weft_context *context;
    struct object objects[MANY + 2];
    int cancelled; /* atomic */
    weft_waitgroup ready;
};

static void one_of_many(struct many *many, int i)
{
    weft_waitgroup_done(&many->ready);
    int result = object_wait(&many->objects[i], many->context);
    if (result == -ECANCELED)
        __atomic_add_fetch(&many->cancelled, 1, __ATOMIC_RELAXED);
}

static void *thread_of_many(void *arg)
{
    one_of_many(arg, MANY);
    return NULL;
}

static int many(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(200); turn++) {
        struct many *many = calloc(1, sizeof *many);
        weft_waitgroup all = {0};
        pthread_t thread;
        many->context = weft_context_with_cancel(weft_context_background());
        weft_waitgroup_add(&many->ready, MANY + 1);
        for (int i = 0; i < MANY; i++)
            weft_waitgroup_go(&all, one_of_many, many, i);
        ck_assert_int_eq(pthread_create(&thread, NULL, thread_of_many, many), 0);
        weft_waitgroup_wait(&many->ready);
        int woken = 0;
        for (int i = 0; i < MANY; i += 7)
            woken += object_wake(&many->objects[i]);
        weft_context_cancel(many->context);
        weft_blocking_begin();
        pthread_join(thread, NULL);
        weft_blocking_end();
        weft_waitgroup_wait(&all);
        test_check(many->cancelled + woken == MANY + 1);
        weft_context_free(many->context);
        free(many);
    }
    return 0;
}

START_TEST(x01_cancel_wakes_every_waiter_once)
{
    test_run(many);
}
END_TEST

/* --- the run ends while tasks wait on a context that lives on ------------------------------------------------------------ */

static weft_context *lasting;
static struct object forgotten_object;

static void wait_for_ever(void)
{
    object_wait(&forgotten_object, lasting);
    abort();
}

static int leave_a_waiter(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_go(wait_for_ever);
    for (bool parked = false; !parked; weft_yield()) {
        object_lock(&forgotten_object);
        parked = forgotten_object.waiter != NULL;
        object_unlock(&forgotten_object);
    }
    return 0;
}

START_TEST(x01_a_context_outlives_the_run_of_its_waiters)
{
    lasting = weft_context_with_cancel(weft_context_background());
    for (int i = 0; i < 3; i++) {
        test_run_at(2, leave_a_waiter);
        forgotten_object.waiter = NULL;
    }
    weft_context_cancel(lasting); /* finds nobody: the stacks are others' now */
    ck_assert_int_eq(weft_context_err(lasting), -ECANCELED);
    weft_context_free(lasting);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("sync/cancel");
    TCase *tests = tcase_create("cancel");
    tcase_add_test(tests, x01_c13_a_claim_has_one_winner);
    tcase_add_test(tests, x02_cancelled_before_the_wait);
    tcase_add_test(tests, x07_what_cannot_be_cancelled_parks_plainly);
    tcase_add_test(tests, x01_cancel_wakes_every_waiter_once);
    tcase_add_test(tests, x01_a_context_outlives_the_run_of_its_waiters);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * context_calls_test.c - the calls that take a context: channels, sleep, wait group, once. Each succeeds as the plain one does,
 * fails when the context is cancelled before or meanwhile, by hand or by a deadline, and then has done nothing. */
#include <errno.h>
#include <pthread.h>

#include <weft/words.h>

#include "sync/crowd.h"

#include "support.h"

static weft_context *new_context(void)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    test_check(context != NULL);
    return context;
}

/* Overwrite what were frames. */
static __attribute__((noinline)) void scribble(void)
{
    char waste[4096];
    memset(waste, 0xA5, sizeof waste);
    __asm__ __volatile__("" : : "r"(waste) : "memory");
}

/* --- one call of each -------------------------------------------------------------------------------------------------- */

static int plain(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_context *cancellable = new_context();
    weft_context *contexts[] = {weft_context_background(), cancellable};
    for (int i = 0; i < 2; i++) {
        weft_context *ctx = contexts[i];
        chan(int) c = chan_make(int, 3);
        int value = 1;
        bool ok = false;
        test_check(weft_chan_send_ctx(ctx, c, 41) == 0);
        test_check(weft_chan_send_ctx(ctx, send_only(c), 42) == 0);
        test_check(weft_chan_send_ctx(ctx, c, 43) == 0);
        test_check(weft_chan_recv_ctx(ctx, c, &value) == 0 && value == 41);
        test_check(weft_chan_recv_ctx(ctx, recv_only(c), &value, &ok) == 0 && value == 42 && ok);
        test_check(weft_chan_recv_ctx(ctx, c, NULL) == 0);
        chan_close(c);
        test_check(weft_chan_recv_ctx(ctx, c, &value, &ok) == 0 && value == 0 && !ok);
        chan_free(c);

        int64_t start = weft_now();
        test_check(weft_sleep_ctx(ctx, WEFT_MILLISECOND) == 0);
        test_check(weft_now() - start >= WEFT_MILLISECOND);
        test_check(weft_sleep_ctx(ctx, -1) == 0);

        recv_chan(int64_t) tick = weft_after(WEFT_MILLISECOND);
        int64_t due = 0;
        test_check(weft_chan_recv_ctx(ctx, tick, &due, &ok) == 0 && ok && due >= start + WEFT_MILLISECOND);

        weft_waitgroup wg = {0};
        test_check(weft_waitgroup_wait_ctx(ctx, &wg) == 0);
        weft_waitgroup_go(&wg, weft_sleep, WEFT_MILLISECOND);
        test_check(weft_waitgroup_wait_ctx(ctx, &wg) == 0);
    }
    weft_context_free(cancellable);
    return 0;
}

START_TEST(x02_calls_that_are_not_cancelled)
{
    test_run(plain);
}
END_TEST

static void count_call(void *arg)
{
    ++*(int *)arg;
}

/* Cancelled already: it wins over what is ready, and nothing is done. */
static int before(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_context *cancelled = new_context(), *late;
    weft_context_cancel(cancelled);
    late = weft_context_with_timeout(weft_context_background(), 0);
    for (int i = 0; i < 2; i++) {
        weft_context *ctx = i == 0 ? cancelled : late;
        int error = i == 0 ? -ECANCELED : -ETIMEDOUT;
        chan(int) c = chan_make(int, 2);
        int value = 7, calls = 0;
        bool ok = true;
        chan_send(c, 1);
        test_check(weft_chan_send_ctx(ctx, c, 2) == error && chan_len(c) == 1);
        test_check(weft_chan_recv_ctx(ctx, c, &value, &ok) == error && value == 7 && ok && chan_len(c) == 1);
        chan_close(c);
        test_check(weft_chan_send_ctx(ctx, c, 2) == error); /* no panic either: it is not sent */
        test_check(weft_sleep_ctx(ctx, 0) == error);
        test_check(weft_sleep_ctx(ctx, WEFT_HOUR) == error);
        weft_waitgroup wg = {0};
        test_check(weft_waitgroup_wait_ctx(ctx, &wg) == error);
        weft_once once = {0};
        test_check(weft_once_do_ctx(ctx, &once, count_call, &calls) == error && calls == 0);
        test_check(weft_once_do_ctx(weft_context_background(), &once, count_call, &calls) == 0 && calls == 1);
        weft_chan_range_ctx(ctx, int, v, c)
            test_check(v < 0);
        chan_free(c);
    }
    weft_context_free(cancelled);
    weft_context_free(late);
    return 0;
}

START_TEST(x04_calls_with_a_cancelled_context)
{
    test_run(before);
}
END_TEST

/* Each kind of wait is ended by a cancellation and by a deadline. */
enum kind { SEND, SEND_NIL, RECV, RECV_NIL, RECV_TIMER, RANGE, SLEEP, SLEEP_FOR_EVER, WAIT, ONCE, KINDS };

struct wait {
    weft_context *context;
    enum kind kind;
    int result;
    weft_recv_chan(int64_t) timer;
    weft_once *once;
    weft_waitgroup *wg;
    chan(int) c;
};

static int end_of_range(weft_context *context, chan(int) c)
{
    weft_chan_range_ctx(context, int, value, c)
        test_check(value < 0);
    return weft_context_err(context);
}

static void wait_with(struct wait *wait)
{
    weft_context *ctx = wait->context;
    chan(int) nil = NULL;
    int value = 99;
    int64_t due = 99;
    bool ok = true;
    switch (wait->kind) {
    case SEND:
        wait->result = weft_chan_send_ctx(ctx, wait->c, 5);
        break;
    case SEND_NIL:
        wait->result = weft_chan_send_ctx(ctx, nil, 5);
        break;
    case RECV:
        wait->result = weft_chan_recv_ctx(ctx, wait->c, &value, &ok);
        break;
    case RECV_NIL:
        wait->result = weft_chan_recv_ctx(ctx, nil, &value, &ok);
        break;
    case RECV_TIMER:
        wait->result = weft_chan_recv_ctx(ctx, wait->timer, &due, &ok);
        break;
    case RANGE:
        wait->result = end_of_range(ctx, wait->c);
        break;
    case SLEEP:
        wait->result = weft_sleep_ctx(ctx, WEFT_HOUR);
        break;
    case SLEEP_FOR_EVER:
        wait->result = weft_sleep_ctx(ctx, WEFT_FOREVER);
        break;
    case WAIT:
        wait->result = weft_waitgroup_wait_ctx(ctx, wait->wg);
        break;
    case ONCE:
        wait->result = weft_once_do_ctx(ctx, wait->once, count_call, &value);
        break;
    case KINDS:
        break;
    }
    test_check(value == 99 && due == 99 && ok);
}

static void wait_and_scribble(struct wait *wait)
{
    wait_with(wait);
    scribble();
}

static void *wait_in_a_thread(void *arg)
{
    wait_and_scribble(arg);
    return NULL;
}

static void stay_in_once(void *arg)
{
    weft_waitgroup *both = arg;
    weft_waitgroup_done(&both[0]);
    weft_waitgroup_wait(&both[1]);
}

static int meanwhile(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 0);
    weft_timer *timer = weft_timer_new(WEFT_HOUR);
    weft_waitgroup wg = {0}, both[2] = {{{0}}, {{0}}}, busy = {0};
    weft_once once = {0};
    weft_waitgroup_add(&wg, 1);
    weft_waitgroup_add(&both[0], 1);
    weft_waitgroup_add(&both[1], 1);
    weft_waitgroup_go(&busy, weft_once_do, &once, stay_in_once, &both[0]);
    weft_waitgroup_wait(&both[0]);
    for (int turn = 0; turn < test_iterations(200); turn++) {
        bool by_hand = turn % 2 == 0;
        weft_context *context =
            by_hand ? new_context()
                    : weft_context_with_timeout(weft_context_background(), turn % 5 * 100 * WEFT_MICROSECOND);
        struct wait waits[KINDS + 1];
        weft_waitgroup all = {0};
        for (int i = 0; i < KINDS; i++) {
            waits[i] = (struct wait){context, (enum kind)i, 1, weft_timer_chan(timer), &once, &wg, c};
            /* A sender and a receiver of one channel would meet. */
            if (i != SEND)
                weft_waitgroup_go(&all, wait_and_scribble, &waits[i]);
        }
        pthread_t thread;
        waits[KINDS] = (struct wait){context, turn / 2 % KINDS == SEND ? WAIT : (enum kind)(turn / 2 % KINDS),
                                     1,       weft_timer_chan(timer),
                                     &once,   &wg,
                                     c};
        ck_assert_int_eq(pthread_create(&thread, NULL, wait_in_a_thread, &waits[KINDS]), 0);
        for (int i = turn % 8; i > 0; i--)
            weft_yield();
        if (by_hand)
            weft_context_cancel(context);
        weft_waitgroup_wait(&all);
        weft_blocking_begin();
        pthread_join(thread, NULL);
        weft_blocking_end();
        waits[SEND].result = weft_context_err(context);
        for (int i = 0; i <= KINDS; i++)
            test_check(waits[i].result == (by_hand ? -ECANCELED : -ETIMEDOUT));
        weft_context_free(context);
    }
    weft_waitgroup_done(&wg);
    weft_waitgroup_done(&both[1]);
    weft_waitgroup_wait(&busy);
    weft_timer_free(timer);
    chan_free(c);
    return 0;
}

START_TEST(x01_x04_waits_are_ended)
{
    test_run(meanwhile);
}
END_TEST

static int blocked_send(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 1);
    chan_send(c, 1);
    weft_context *context = weft_context_with_timeout(weft_context_background(), WEFT_MILLISECOND);
    test_check(weft_chan_send_ctx(context, c, 2) == -ETIMEDOUT);
    test_check(chan_len(c) == 1 && chan_recv(c) == 1);
    test_check(!weft_chan_try_recv(c, NULL)); /* it has left no value behind, and no place in the queue */
    weft_context_free(context);
    chan_free(c);
    return 0;
}

START_TEST(x04_a_blocked_send_times_out)
{
    test_run(blocked_send);
}
END_TEST

/* --- nothing is lost: what was sent is received, what was not is not ---------------------------------------------------- */

#define SENDERS 3
#define RECEIVERS 3

struct market {
    chan(int) c;
    chan(weft_context *) contexts; /* to be cancelled by whoever gets one */
    unsigned char *received;       /* per value, atomic counts */
    unsigned char *sent;           /* owner only: the sender of the value */
    int values;                    /* of each sender */
    int errors;                    /* atomic */
};

static void sender(struct market *market, int self)
{
    for (int i = 0; i < market->values; i++) {
        int value = self * market->values + i;
        weft_context *context = new_context();
        chan_send(market->contexts, weft_context_retain(context));
        int error = weft_chan_send_ctx(context, market->c, value);
        test_check(error == 0 || error == -ECANCELED);
        market->sent[value] = error == 0;
        if (error != 0)
            __atomic_add_fetch(&market->errors, 1, __ATOMIC_RELAXED);
        weft_context_free(context);
    }
}

static void receiver(struct market *market)
{
    for (bool more = true; more;) {
        weft_context *context = new_context();
        int value = -1;
        chan_send(market->contexts, weft_context_retain(context));
        int error = weft_chan_recv_ctx(context, market->c, &value, &more);
        if (error == 0 && more)
            __atomic_add_fetch(&market->received[value], 1, __ATOMIC_RELAXED);
        else if (error != 0)
            test_check(error == -ECANCELED && value == -1 && more);
        weft_context_free(context);
    }
}

static void canceller(struct market *market)
{
    unsigned random = 1;
    chan_range(weft_context *, context, market->contexts) {
        random = random * 1103515245u + 12345u;
        for (unsigned i = random >> 16 & 3; i > 0; i--)
            weft_yield();
        weft_context_cancel(context);
        weft_context_release(context);
    }
}

static int nothing_lost(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int capacity = 0; capacity < 4; capacity += 3) {
        int values = test_iterations(20000);
        struct market market = {.c = chan_make(int, capacity),
                                .contexts = chan_make(weft_context *, 4),
                                .received = calloc(SENDERS, (size_t)values),
                                .sent = calloc(SENDERS, (size_t)values),
                                .values = values};
        weft_waitgroup senders = {0}, receivers = {0}, cancellers = {0};
        for (int i = 0; i < SENDERS; i++)
            weft_waitgroup_go(&senders, sender, &market, i);
        for (int i = 0; i < RECEIVERS; i++)
            weft_waitgroup_go(&receivers, receiver, &market);
        for (int i = 0; i < 2; i++)
            weft_waitgroup_go(&cancellers, canceller, &market);
        weft_waitgroup_wait(&senders);
        chan_close(market.c);
        weft_waitgroup_wait(&receivers);
        chan_close(market.contexts);
        weft_waitgroup_wait(&cancellers);
        for (int i = 0; i < SENDERS * values; i++)
            test_check(market.received[i] == market.sent[i]);
        test_check(market.errors < SENDERS * values);
        chan_free(market.c);
        chan_free(market.contexts);
        free(market.received);
        free(market.sent);
    }
    return 0;
}

START_TEST(x01_c03_no_value_is_lost_or_doubled)
{
    test_run(nothing_lost);
}
END_TEST

static int ranges(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_context *context = new_context();
    chan(int) c = chan_make(int, 10);
    int sum = 0, evaluated = 0;
    for (int i = 1; i <= 10; i++)
        chan_send(c, i);
    weft_chan_range_ctx((evaluated++, context), int, value, (evaluated++, c)) {
        if (value == 2)
            continue;
        if (value == 5)
            break;
        sum += value;
    }
    test_check(sum == 1 + 3 + 4 && evaluated == 2 && chan_len(c) == 5);
    weft_chan_range_ctx(context, int, value, c) {
        if (value == 7)
            weft_context_cancel(context);
        test_check(value <= 7);
    }
    test_check(chan_len(c) == 3 && weft_context_err(context) == -ECANCELED);
    chan_close(c);
    sum = 0;
    weft_chan_range_ctx(weft_context_background(), int, value, c)
        sum += value;
    test_check(sum == 8 + 9 + 10);
    weft_context_free(context);
    chan_free(c);
    return 0;
}

START_TEST(x01_range)
{
    test_run(ranges);
}
END_TEST

/* --- W-04: whoever is let go by the event frees the object at once, beside waiters that are cancelled ------------------- */

struct event {
    weft_waitgroup *wg;
    weft_once *once;
    weft_context *context;
    int cancelled, done; /* atomic */
};

static void wait_cancellably(struct event *event)
{
    int error = weft_waitgroup_wait_ctx(event->context, event->wg);
    scribble();
    __atomic_add_fetch(error != 0 ? &event->cancelled : &event->done, 1, __ATOMIC_RELAXED);
}

static void wait_and_free(weft_waitgroup *wg)
{
    weft_waitgroup_wait(wg);
    memset(wg, 0xEE, sizeof *wg);
    free(wg);
}

static void pause_for(int turns)
{
    for (int i = 0; i < turns; i++)
        __asm__ __volatile__("" ::: "memory");
}

static void cancel_after(weft_context *context, int turns)
{
    pause_for(turns);
    weft_context_cancel(context);
}

/* How many are parked in it. */
static int waiters_of(weft_waitgroup *wg)
{
    struct weft__crowd *crowd = (struct weft__crowd *)wg;
    uint64_t word = weft__load_relaxed(&crowd->word) & ~WEFT__CROWD_BUSY;
    if ((word & WEFT__CROWD_WAITED) == 0 || !weft__cas_acquire(&crowd->word, &word, word | WEFT__CROWD_BUSY))
        return 0;
    int count = 0;
    for (struct weft__crowd_waiter *waiter = crowd->newest; waiter != NULL; waiter = waiter->next)
        count++;
    weft__and_release(&crowd->word, ~WEFT__CROWD_BUSY);
    return count;
}

static int group_race(int argc, char **argv)
{
    (void)argc, (void)argv;
    int cancelled = 0, done = 0, turns = test_iterations(15000);
    for (int turn = 0; turn < turns; turn++) {
        struct event event = {.wg = malloc(sizeof(weft_waitgroup)), .context = new_context()};
        weft_waitgroup *wg = event.wg, all = {0};
        *wg = (weft_waitgroup){0};
        weft_waitgroup_add(wg, 1);
        for (int i = 0; i < 4; i++) {
            if (i == turn % 4)
                weft_waitgroup_go(&all, wait_and_free, wg);
            else
                weft_waitgroup_go(&all, wait_cancellably, &event);
        }
        while (waiters_of(wg) != 4) /* later than that it would be misuse */
            weft_yield();
        weft_waitgroup_go(&all, cancel_after, event.context, turn % 500);
        if (turn % 2 != 0)
            weft_yield();
        pause_for(turn * 7 % 500);
        weft_waitgroup_done(wg);
        weft_waitgroup_wait(&all);
        test_check(event.cancelled + event.done == 3);
        cancelled += event.cancelled;
        done += event.done;
        weft_context_free(event.context);
    }
    test_check(turns < 1000 || (cancelled > 0 && done > 0));
    return 0;
}

START_TEST(w01_w04_wait_group_against_cancel)
{
    test_run(group_race);
}
END_TEST

static void long_call(void *arg)
{
    int *calls = arg;
    ++*calls;
    weft_yield();
    weft_yield();
}

static void once_with(weft_once *once, weft_context *context, int *calls, int *failures)
{
    int error = weft_once_do_ctx(context, once, long_call, calls);
    test_check(error == 0 || error == -ECANCELED);
    if (error == 0)
        test_check(*calls == 1); /* ordered by the once */
    else
        __atomic_add_fetch(failures, 1, __ATOMIC_RELAXED);
}

static int once_race(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_iterations(10000); turn++) {
        weft_once once = {0};
        weft_context *context = new_context();
        weft_waitgroup all = {0};
        int calls = 0, failures = 0;
        for (int i = 0; i < 4; i++)
            weft_waitgroup_go(&all, once_with, &once, i == 0 ? weft_context_background() : context, &calls, &failures);
        if (turn % 3 == 0)
            weft_yield();
        cancel_after(context, turn % 500);
        weft_waitgroup_wait(&all);
        test_check(calls == 1 && failures <= 3);
        weft_context_free(context);
    }
    return 0;
}

START_TEST(w05_once_against_cancel)
{
    test_run(once_race);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("sync/context_calls");
    TCase *tests = tcase_create("calls");
    tcase_add_test(tests, x02_calls_that_are_not_cancelled);
    tcase_add_test(tests, x04_calls_with_a_cancelled_context);
    tcase_add_test(tests, x01_x04_waits_are_ended);
    tcase_add_test(tests, x04_a_blocked_send_times_out);
    tcase_add_test(tests, x01_c03_no_value_is_lost_or_doubled);
    tcase_add_test(tests, x01_range);
    tcase_add_test(tests, w01_w04_wait_group_against_cancel);
    tcase_add_test(tests, w05_once_against_cancel);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * loads_channels.c - loads of channels, selects, timers and contexts. Each adds up what was sent and what was received, and the two
 * sums must be the same. */
#include <errno.h>
#include <stdatomic.h>

#include "soak/soak.h"

/* ---- channels: producers and consumers ---- */

struct element {
    int64_t number;
    char rest[40];
};

static void produce_numbers(weft_chan(int64_t) out, int64_t from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        weft_chan_send(out, from + i);
}

static void consume_numbers(weft_chan(int64_t) in, weft_chan(struct element) out)
{
    weft_chan_range(int64_t, number, in)
        weft_chan_send(out, ((struct element){.number = number}));
}

static int64_t channels(struct die *die)
{
    int64_t senders = 1 + throw_die(die, 8), each = 50 + throw_die(die, 200), receivers = 1 + throw_die(die, 8);
    weft_chan(int64_t) numbers = weft_chan_make(int64_t, throw_die(die, 4) * 8);
    weft_chan(struct element) elements = weft_chan_make(struct element, throw_die(die, 3));
    weft_waitgroup sending = WEFT_WAITGROUP_INIT, passing = WEFT_WAITGROUP_INIT;
    for (int64_t i = 0; i < senders; i++)
        SOAK_CHECK(weft_waitgroup_go(&sending, produce_numbers, numbers, i * each, each) == 0);
    for (int64_t i = 0; i < receivers; i++)
        SOAK_CHECK(weft_waitgroup_go(&passing, consume_numbers, numbers, elements) == 0);
    int64_t total = senders * each, sum = 0;
    for (int64_t i = 0; i < total; i++) {
        struct element element;
        SOAK_CHECK(weft_chan_recv(elements, &element));
        sum += element.number;
    }
    weft_waitgroup_wait(&sending);
    weft_chan_close(numbers);
    weft_waitgroup_wait(&passing);
    SOAK_CHECK(sum == total * (total - 1) / 2);
    SOAK_CHECK(weft_chan_len(elements) == 0 && weft_chan_len(numbers) == 0);
    weft_chan_free(numbers);
    weft_chan_free(elements);
    return 4 * total + senders + receivers;
}

/* ---- selects: several sources and sinks at once ---- */

struct exchange {
    weft_chan(int64_t) left, right, quit;
    _Atomic int64_t given, taken, operations;
};

/* Gives and takes, whichever is possible; with time-outs and defaults in between. */
static void trade(struct exchange *exchange, uint64_t seed)
{
    struct die die = {seed};
    int64_t given = 0, taken = 0, operations = 0, value;
    bool ok = true;
    for (bool on = true; on; operations++) {
        int64_t gift = throw_die(&die, 1000);
        switch (throw_die(&die, 3)) {
        case 0:
            switch (weft_chan_select(weft_on_send(exchange->left, gift), weft_on_recv(exchange->right, &value, &ok),
                                     weft_on_recv(exchange->quit, NULL))) {
            case 0:
                given += gift;
                break;
            case 1:
                taken += value;
                break;
            default:
                on = false;
            }
            break;
        case 1:
            switch (weft_chan_select(weft_on_send(exchange->right, gift), weft_on_recv(exchange->left, &value),
                                     weft_on_timeout(1 + throw_die(&die, 50) * WEFT_MICROSECOND),
                                     weft_on_recv(exchange->quit, NULL))) {
            case 0:
                given += gift;
                break;
            case 1:
                taken += value;
                break;
            case 2:
                break;
            default:
                on = false;
            }
            break;
        default:
            if (weft_chan_select(weft_on_recv(exchange->left, &value), weft_otherwise()) == 0)
                taken += value;
        }
        SOAK_CHECK(ok);
    }
    exchange->given += given;
    exchange->taken += taken;
    exchange->operations += operations;
}

static int64_t selects(struct die *die)
{
    struct exchange exchange = {.left = weft_chan_make(int64_t, throw_die(die, 3)),
                                .right = weft_chan_make(int64_t, throw_die(die, 3)),
                                .quit = weft_chan_make(int64_t, 0)};
    weft_waitgroup traders = WEFT_WAITGROUP_INIT;
    int count = 2 + (int)throw_die(die, 8);
    for (int i = 0; i < count; i++)
        SOAK_CHECK(weft_waitgroup_go(&traders, trade, &exchange, die->state + (uint64_t)i) == 0);
    weft_sleep(2 * WEFT_MILLISECOND);
    weft_chan_close(exchange.quit);
    weft_waitgroup_wait(&traders);
    for (int64_t value; weft_chan_try_recv(exchange.left, &value);)
        exchange.taken += value;
    for (int64_t value; weft_chan_try_recv(exchange.right, &value);)
        exchange.taken += value;
    SOAK_CHECK(exchange.given == exchange.taken);
    weft_chan_free(exchange.left);
    weft_chan_free(exchange.right);
    weft_chan_free(exchange.quit);
    return exchange.operations;
}

/* ---- timers ---- */

struct calls {
    weft_waitgroup expected;
    _Atomic int made;
};

static void called(void *arg)
{
    struct calls *calls = arg;
    calls->made++;
    weft_waitgroup_done(&calls->expected);
}

/* Calls that are armed, put off, stopped or freed in time: each is made once or was stopped. */
static int64_t timed_calls(struct die *die)
{
    enum { COUNT = 60 };
    struct calls calls = {.expected = WEFT_WAITGROUP_INIT};
    weft_timer *timers[COUNT];
    int stopped = 0;
    for (int i = 0; i < COUNT; i++) {
        weft_waitgroup_add(&calls.expected, 1);
        timers[i] = weft_after_func(throw_die(die, 1500) * WEFT_MICROSECOND, called, &calls);
        SOAK_CHECK(timers[i] != NULL);
    }
    for (int i = 0; i < COUNT; i += 2)
        if (weft_timer_stop(timers[i])) {
            if (throw_die(die, 2) == 0) {
                stopped++;
                weft_waitgroup_done(&calls.expected);
            } else {
                SOAK_CHECK(!weft_timer_reset(timers[i], throw_die(die, 500) * WEFT_MICROSECOND));
            }
        }
    weft_waitgroup_wait(&calls.expected);
    SOAK_CHECK(calls.made + stopped == COUNT);
    for (int i = 0; i < COUNT; i++)
        weft_timer_free(timers[i]);
    return 4 * COUNT;
}

/* Tickers and timers with channels: what is received was due, in order, and after the last change. */
static int64_t ticks(struct die *die)
{
    weft_timer *ticker = weft_ticker_new((20 + throw_die(die, 200)) * WEFT_MICROSECOND);
    weft_timer *timer = weft_timer_new(throw_die(die, 300) * WEFT_MICROSECOND);
    SOAK_CHECK(ticker != NULL && timer != NULL);
    int64_t last = 0, tick;
    for (int i = 0; i < 20; i++) {
        switch (weft_chan_select(weft_on_recv(weft_timer_chan(ticker), &tick),
                                 weft_on_recv(weft_timer_chan(timer), &tick), weft_on_timeout(WEFT_HOUR))) {
        case 0:
            SOAK_CHECK(tick > last && tick <= weft_now());
            last = tick;
            break;
        case 1: {
            SOAK_CHECK(tick <= weft_now());
            int64_t before = weft_now();
            SOAK_CHECK(!weft_timer_reset(timer, throw_die(die, 300) * WEFT_MICROSECOND));
            if (throw_die(die, 3) == 0 && weft_chan_try_recv(weft_timer_chan(timer), &tick))
                SOAK_CHECK(tick >= before);
            break;
        }
        default:
            SOAK_CHECK(!"an hour has passed");
        }
        if (throw_die(die, 4) == 0)
            (void)weft_timer_reset(timer, throw_die(die, 100) * WEFT_MICROSECOND);
    }
    SOAK_CHECK(weft_timer_stop(ticker));
    SOAK_CHECK(!weft_chan_try_recv(weft_timer_chan(ticker), &tick));
    weft_timer_free(ticker);
    weft_timer_free(timer);
    return 60;
}

/* ---- contexts ---- */

enum { CAUSE = -7777 };

struct cancelled {
    weft_chan(int64_t) never;
    _Atomic int by_cancel, by_deadline, functions;
};

static void wait_for_the_end(struct cancelled *cancelled, weft_context *context, bool sleeps)
{
    int64_t value;
    int error = sleeps ? weft_sleep_ctx(context, WEFT_HOUR) : weft_chan_recv_ctx(context, cancelled->never, &value);
    SOAK_CHECK(error == -ECANCELED || error == -ETIMEDOUT);
    SOAK_CHECK(weft_context_err(context) == error);
    SOAK_CHECK(weft_context_cause(context) == (error == -ECANCELED ? CAUSE : -ETIMEDOUT));
    if (error == -ECANCELED)
        cancelled->by_cancel++;
    else
        cancelled->by_deadline++;
}

static void count_function(void *arg)
{
    struct cancelled *cancelled = arg;
    cancelled->functions++;
}

/* A tree of contexts, some with deadlines, with waiters at all of them; the root is cancelled. */
static int64_t contexts(struct die *die)
{
    enum { COUNT = 24 };
    struct cancelled cancelled = {.never = weft_chan_make(int64_t, 0)};
    static const char key;
    weft_context *tree[COUNT] = {weft_context_with_cancel(weft_context_background())};
    weft_context_function *functions[COUNT];
    weft_waitgroup waiters = WEFT_WAITGROUP_INIT;
    for (int i = 1; i < COUNT; i++) {
        weft_context *parent = tree[throw_die(die, (uint32_t)i)];
        switch (throw_die(die, 3)) {
        case 0:
            tree[i] = weft_context_with_cancel(parent);
            break;
        case 1:
            tree[i] = weft_context_with_value(parent, &key, &cancelled);
            break;
        default:
            tree[i] = weft_context_with_timeout(parent, throw_die(die, 3000) * WEFT_MICROSECOND);
        }
        SOAK_CHECK(tree[i] != NULL);
    }
    for (int i = 0; i < COUNT; i++) {
        functions[i] = weft_context_after_func(tree[i], count_function, &cancelled);
        SOAK_CHECK(functions[i] != NULL);
        SOAK_CHECK(weft_waitgroup_go(&waiters, wait_for_the_end, &cancelled, tree[i], throw_die(die, 2) != 0) == 0);
    }
    weft_sleep(throw_die(die, 2000) * WEFT_MICROSECOND);
    int stopped = 0;
    for (int i = 0; i < COUNT; i += 3)
        stopped += weft_context_function_stop(functions[i]);
    weft_context_cancel_cause(tree[0], CAUSE);
    weft_waitgroup_wait(&waiters);
    SOAK_CHECK(cancelled.by_cancel + cancelled.by_deadline == COUNT);
    while (cancelled.functions + stopped < COUNT) /* started, each in a goroutine of its own */
        weft_sleep(20 * WEFT_MICROSECOND);
    SOAK_CHECK(cancelled.functions + stopped == COUNT);
    for (int i = COUNT - 1; i >= 0; i--) {
        weft_context_function_free(functions[i]);
        weft_context_free(tree[i]);
    }
    weft_chan_free(cancelled.never);
    return 5 * COUNT;
}

const struct load soak_channel_loads[] = {
    {"channels", channels}, {"selects", selects},   {"timed calls", timed_calls},
    {"ticks", ticks},       {"contexts", contexts}, {NULL, NULL},
};

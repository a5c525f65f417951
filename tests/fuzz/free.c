/* SPDX-License-Identifier: Apache-2.0
 *
 * free.c - the free mode: workers run on their own, each its list of operations, in an order that the seed draws.
 *
 * There is no telling what comes out, but for this: a value that was sent was received once, by one, or is still in the
 * buffer, and a send that failed (a panic, a cancellation) has sent nothing; of two values of one sender on one channel a
 * receiver gets the one that was sent first first; ticks come in phase and in order; everybody comes to an end.
 *
 * The end: the program's context has a deadline. After it main empties the channels as long as that lets a worker go on, and closes
 * them when it does not: whoever still sends panics, and is contained. */
#include <errno.h>
#include <string.h>

#include <weft.h>

#include "fuzz/fuzz.h"

enum { CREW = 6, FREE_CHANNELS = 4, OPERATIONS_MAX = 32, VALUES = CREW * OPERATIONS_MAX, ALTERNATIVES = 3 };
#define LIFE (100 * WEFT_MICROSECOND)

enum free_kind {
    FREE_SEND,
    FREE_RECV,
    FREE_TRY_SEND,
    FREE_TRY_RECV,
    FREE_SEND_CTX,
    FREE_RECV_CTX,
    FREE_SELECT,
    FREE_SLEEP,
    FREE_TICK,
    FREE_YIELD,
    FREE_CLOSE,
    FREE_FLEETING,
    FREE_KINDS
};

struct free_op {
    enum free_kind kind;
    int channels[ALTERNATIVES];
    bool sends[ALTERNATIVES];
    int count;
    int64_t duration; /* of a sleep, of a select's time-out if it is above 0; 0: a default */
};

struct member {
    int number, count;
    struct free_op ops[OPERATIONS_MAX];
    int last[FREE_CHANNELS][CREW]; /* the last value that it got of a sender on a channel */
    const struct free_op *now;
};

/* What is sent: who, and which of his values. In elements of 8 bytes and of 24, which have it three times. */
struct parcel {
    uint64_t copies[3];
};

static struct {
    void *channels[FREE_CHANNELS], *never;
    int helpers; /* of meet, that have not ended */
    bool closed[FREE_CHANNELS];
    weft_context *context;
    weft_timer *ticker;
    int64_t began, period;
    struct member crew[CREW];
    int crew_count, ended;
    bool sent[VALUES], received[VALUES], failed[VALUES];
    int values_of[CREW];
} game;

static int channel_copies(int channel)
{
    return channel % 2 == 0 ? 1 : 3;
}

/* ---- values ---- */

static int new_value(const struct member *member)
{
    return member->number * OPERATIONS_MAX + game.values_of[member->number]++;
}

static struct parcel parcel_of(int value)
{
    uint64_t word = UINT64_C(0x5eed000000000000) + (uint64_t)value;
    return (struct parcel){{word, word, word}};
}

static void note_received(struct member *member, int channel, const struct parcel *parcel)
{
    uint64_t value = parcel->copies[0] - UINT64_C(0x5eed000000000000);
    for (int i = 1; i < channel_copies(channel); i++)
        FUZZ_CHECK(parcel->copies[i] == parcel->copies[0]);
    FUZZ_CHECK(value < VALUES);
    if (game.received[value] || game.failed[value])
        fuzz_failed("value %d was received %s", (int)value, game.failed[value] ? "and not sent" : "twice");
    game.received[value] = true;
    if (member == NULL)
        return;
    int sender = (int)value / OPERATIONS_MAX, *last = &member->last[channel][sender];
    if (*last > (int)value + 1)
        fuzz_failed("worker %d: value %d on channel %d after value %d", member->number, (int)value, channel, *last - 1);
    *last = (int)value + 1;
}

static void note_sent(int value, bool was_sent)
{
    if (was_sent)
        game.sent[value] = true;
    else
        game.failed[value] = true;
    FUZZ_CHECK(was_sent || !game.received[value]);
}

static void note_tick(int64_t tick)
{
    FUZZ_CHECK(tick > game.began && tick <= weft_now() && (tick - game.began) % game.period == 0);
    /* Two who wait may note their ticks in another order than they got them, so only the time of the look bounds them. */
}

/* ---- operations ---- */

struct attempt {
    struct member *member;
    const struct free_op *op;
    int values[ALTERNATIVES], chosen;
};

static void do_select(struct attempt *a)
{
    struct weft_select_case cases[ALTERNATIVES + 1];
    struct parcel parcels[ALTERNATIVES];
    bool oks[ALTERNATIVES] = {false};
    int count = a->op->count;
    for (int i = 0; i < count; i++) {
        if (a->op->sends[i])
            parcels[i] = parcel_of(a->values[i]);
        cases[i] = (struct weft_select_case){.operation = a->op->sends[i] ? WEFT_SELECT_SEND : WEFT_SELECT_RECV,
                                             .channel = game.channels[a->op->channels[i]],
                                             .value = &parcels[i],
                                             .ok = &oks[i]};
    }
    cases[count] = (struct weft_select_case){
        .operation = a->op->duration > 0 ? WEFT_SELECT_TIMEOUT : WEFT_SELECT_DEFAULT, .duration = a->op->duration};
    a->chosen = weft_select(cases, (size_t)count + 1);
    if (a->chosen < count && !a->op->sends[a->chosen] && oks[a->chosen])
        note_received(a->member, a->op->channels[a->chosen], &parcels[a->chosen]);
}

static void do_receive(struct attempt *a)
{
    struct parcel parcel;
    int index = a->op->channels[0];
    void *channel = game.channels[index];
    bool ok = false;
    if (a->op->kind == FREE_RECV) {
        ok = weft_chan_recv_untyped(channel, &parcel);
    } else if (a->op->kind == FREE_TRY_RECV) {
        (void)weft_chan_try_recv_untyped(channel, &parcel, &ok);
    } else {
        int error = weft_chan_recv_ctx_untyped(game.context, channel, &parcel, &ok);
        FUZZ_CHECK(error == 0 || error == -ETIMEDOUT);
        ok &= error == 0;
    }
    if (ok)
        note_received(a->member, index, &parcel);
    else
        FUZZ_CHECK(a->op->kind != FREE_RECV || game.closed[index]);
}

static void do_send(struct attempt *a)
{
    struct parcel parcel = parcel_of(a->values[0]);
    void *channel = game.channels[a->op->channels[0]];
    bool was_sent = true;
    if (a->op->kind == FREE_SEND)
        weft_chan_send_untyped(channel, &parcel);
    else if (a->op->kind == FREE_TRY_SEND)
        was_sent = weft_chan_try_send_untyped(channel, &parcel);
    else
        was_sent = weft_chan_send_ctx_untyped(game.context, channel, &parcel) == 0;
    a->chosen = was_sent ? 0 : -1;
}

static void close_channel(int channel)
{
    game.closed[channel] = true;
    weft_chan_close_untyped(game.channels[channel]);
}

/* A channel that is freed by the one whom a waiting select has served, at once: nobody may touch it afterwards (C-14, S-09). */
static void meet_by_select(void *fleeting, bool sends)
{
    uint64_t value = 4711;
    struct weft_select_case cases[] = {
        {.operation = WEFT_SELECT_RECV, .channel = game.never},
        {.operation = sends ? WEFT_SELECT_SEND : WEFT_SELECT_RECV, .channel = fleeting, .value = &value},
        {.operation = WEFT_SELECT_RECV, .channel = game.never},
    };
    FUZZ_CHECK(weft_select(cases, 3) == 1 && value == 4711);
    game.helpers--;
}

static void meet(const struct free_op *op)
{
    uint64_t value = 4711;
    bool sends = op->duration != 0;
    void *fleeting = weft_chan_make_untyped(sizeof value, 8, 0, WEFT__SITE);
    FUZZ_CHECK(fleeting != NULL);
    game.helpers++;
    FUZZ_CHECK(weft_go(meet_by_select, fleeting, !sends) == 0);
    for (int i = 0; i < op->channels[0]; i++) /* who comes first */
        weft_yield();
    if (sends)
        weft_chan_send_untyped(fleeting, &value);
    else
        FUZZ_CHECK(weft_chan_recv_untyped(fleeting, &value) && value == 4711);
    weft_chan_release_untyped(fleeting);
}

static void carry_out(void *arg)
{
    struct attempt *a = arg;
    int64_t tick;
    switch (a->op->kind) {
    case FREE_SELECT:
        do_select(a);
        break;
    case FREE_SEND:
    case FREE_TRY_SEND:
    case FREE_SEND_CTX:
        do_send(a);
        break;
    case FREE_SLEEP:
        weft_sleep(a->op->duration);
        break;
    case FREE_YIELD:
        weft_yield();
        break;
    case FREE_TICK:
        if (weft_chan_recv_ctx_untyped(game.context, weft_timer_chan_untyped(game.ticker), &tick, NULL) == 0)
            note_tick(tick);
        break;
    case FREE_CLOSE:
        close_channel(a->op->channels[0]);
        break;
    case FREE_FLEETING:
        meet(a->op);
        break;
    default:
        do_receive(a);
    }
}

static bool has_sends(const struct free_op *op)
{
    return op->kind == FREE_SEND || op->kind == FREE_TRY_SEND || op->kind == FREE_SEND_CTX || op->kind == FREE_SELECT;
}

static void run_member(struct member *member)
{
    for (int i = 0; i < member->count; i++) {
        struct attempt a = {.member = member, .op = &member->ops[i], .chosen = -1};
        struct weft_panic_info info;
        member->now = a.op;
        int sends = 0;
        for (int c = 0; has_sends(a.op) && c < a.op->count; c++)
            if (a.op->sends[c]) {
                a.values[c] = new_value(member);
                sends++;
            }
        bool panicked = weft_recover(carry_out, &a, &info);
        if (panicked) {
            FUZZ_CHECK(strcmp(info.message, "send on closed channel") == 0 ||
                       (a.op->kind == FREE_CLOSE && strcmp(info.message, "close of closed channel") == 0));
            FUZZ_CHECK(sends > 0 || a.op->kind == FREE_CLOSE);
        }
        for (int c = 0; sends > 0 && c < a.op->count; c++)
            if (a.op->sends[c])
                note_sent(a.values[c], !panicked && a.chosen == c);
    }
    game.ended++;
}

/* ---- the program ---- */

static void draw_op(struct input *input, struct free_op *op, int *values)
{
    memset(op, 0, sizeof *op);
    op->kind = take(input, FREE_KINDS);
    if (op->kind == FREE_CLOSE && take(input, 8) != 0) /* rarely */
        op->kind = FREE_SELECT;
    op->count = op->kind == FREE_SELECT ? 1 + (int)take(input, ALTERNATIVES) : 1;
    for (int i = 0; i < op->count; i++) {
        uint32_t byte = take(input, 2 * FREE_CHANNELS);
        op->channels[i] = (int)byte % FREE_CHANNELS;
        op->sends[i] = op->kind == FREE_SELECT ? byte >= FREE_CHANNELS : has_sends(op);
        if (op->sends[i] && ++*values > OPERATIONS_MAX) { /* no more names for values */
            op->kind = FREE_YIELD;
            op->count = 1;
        }
    }
    if (op->kind == FREE_SLEEP || op->kind == FREE_SELECT || op->kind == FREE_FLEETING)
        op->duration = take(input, 32) * WEFT_MICROSECOND;
}

static void begin(struct input *input)
{
    memset(&game, 0, sizeof game);
    for (int i = 0; i < FREE_CHANNELS; i++) {
        game.channels[i] = weft_chan_make_untyped(8 * (size_t)channel_copies(i), 8, take(input, 4), WEFT__SITE);
        FUZZ_CHECK(game.channels[i] != NULL);
    }
    game.never = weft_chan_make_untyped(8, 8, 0, WEFT__SITE);
    FUZZ_CHECK(game.never != NULL);
    game.crew_count = 2 + (int)take(input, CREW - 1);
    game.period = (1 + take(input, 16)) * WEFT_MICROSECOND;
    game.began = weft_now();
    game.ticker = weft_ticker_new(game.period);
    game.context = weft_context_with_timeout(weft_context_background(), LIFE);
    FUZZ_CHECK(game.ticker != NULL && game.context != NULL);
    int values[CREW] = {0};
    for (int turn = 0; input->at != input->end && turn < OPERATIONS_MAX * game.crew_count; turn++) {
        struct member *member = &game.crew[turn % game.crew_count];
        draw_op(input, &member->ops[member->count++], &values[turn % game.crew_count]);
        const struct free_op *op = &member->ops[member->count - 1];
        fuzz_trace("worker %d: kind %d, %d cases, channels %d %d %d, sends %d %d %d, duration %lld",
                   turn % game.crew_count, op->kind, op->count, op->channels[0], op->channels[1], op->channels[2],
                   op->sends[0], op->sends[1], op->sends[2], (long long)op->duration);
    }
    for (int i = 0; i < game.crew_count; i++) {
        game.crew[i].number = i;
        FUZZ_CHECK(weft_go(run_member, &game.crew[i]) == 0);
    }
}

/* Take a value from each channel that has one; whether there was any. */
static bool empty_channels(void)
{
    bool any = false;
    for (int i = 0; i < FREE_CHANNELS; i++) {
        struct parcel parcel;
        bool ok;
        if (weft_chan_try_recv_untyped(game.channels[i], &parcel, &ok) && ok) {
            note_received(NULL, i, &parcel);
            any = true;
        }
    }
    return any;
}

static void let_all_end(void)
{
    weft_sleep(LIFE + WEFT_MILLISECOND);
    weft_sim_wait();
    for (int turns = 0; game.ended < game.crew_count; turns++) {
        if (turns > 4 * VALUES) {
            for (int i = 0; i < game.crew_count; i++)
                fuzz_trace("worker %d: kind %d", i, game.crew[i].now ? (int)game.crew[i].now->kind : -1);
            fuzz_failed("%d of %d workers have ended, though all channels are closed and empty", game.ended,
                        game.crew_count);
        }
        bool any = empty_channels();
        for (int i = 0; !any && i < FREE_CHANNELS; i++)
            if (!game.closed[i])
                close_channel(i);
        weft_sleep(100 * WEFT_MICROSECOND);
        weft_sim_wait();
    }
    while (empty_channels())
        ;
}

int fuzz_free(void *input)
{
    begin(input);
    let_all_end();
    for (int i = 0; i < VALUES; i++)
        if (game.sent[i] != game.received[i])
            fuzz_failed("value %d was %s", i, game.sent[i] ? "sent and not received" : "received and not sent");
    FUZZ_CHECK(weft_goroutines() == 1 && game.helpers == 0);
    weft_chan_release_untyped(game.never);
    weft_timer_free(game.ticker);
    weft_context_free(game.context);
    for (int i = 0; i < FREE_CHANNELS; i++) {
        FUZZ_CHECK(weft_chan_len_untyped(game.channels[i]) == 0);
        weft_chan_release_untyped(game.channels[i]);
    }
    weft_sim_wait();
    return 0;
}

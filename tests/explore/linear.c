/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.c - histories, and the search for an order in which a sequential Go channel gives the same answers.
 *
 * An operation has the instants of its call, of its parking (0: it did not park) and of its return. The search (Wing and Gong)
 * builds the order from the front: next may be any operation that nothing else had returned before the call of, if the
 * model allows it in its present state. The model:
 *   buffered    send needs room; receive gives the oldest value; receive of a closed channel needs it empty
 *   unbuffered  a send and a receive take place together: both must be possible next
 *   refusal     (try, default) all channels that were asked are not ready: full or empty, not closed, nobody parked on the
 *               other side who has not been served
 *   time-out    always possible; close, once; the length is the number of values
 *   fairness    (C-03) nobody is served before one who had parked on the same side before the call
 * Each operation's answer was given already, so there are few orders; a history has at most HISTORY_MAX operations. */
#include "linear.h"

#include <stdio.h>
#include <string.h>

#include <weft/words.h>

#include "engine.h"

#define HISTORY_MAX 16
#define CASES_MAX 4
#define ROOM 8

enum kind { SEND, RECV, RECV_CLOSED, REFUSED, TIMED_OUT, CLOSE, LENGTH };

struct operation {
    enum kind kind;
    int channel, value, goroutine;
    bool tries;                        /* does not wait */
    uint32_t called, parked, returned; /* parked, returned: 0, not yet */
    int cases;                         /* what it asked for: refusals, selects and plain operations */
    struct linear_case asked[CASES_MAX];
};

static struct operation history[HISTORY_MAX];
static int count;
static struct operation *current[EXPLORE_GOROUTINES + 1]; /* the last one: of stuck's */

chan(int) linear_chan[LINEAR_CHANNELS];

/* ---- writing it down ---- */

void explore_history_begin(void)
{
    count = 0;
    memset(current, 0, sizeof current);
}

void explore_history_parks(int goroutine, uint32_t at)
{
    struct operation *operation = current[goroutine];
    if (operation != NULL && operation->returned == 0 && operation->parked == 0)
        operation->parked = at;
}

void linear_begin(int first_capacity, int second_capacity)
{
    int capacities[LINEAR_CHANNELS] = {first_capacity, second_capacity};
    for (int i = 0; i < LINEAR_CHANNELS; i++)
        linear_chan[i] = capacities[i] >= 0 ? chan_make(int, capacities[i]) : NULL;
}

void linear_end(void)
{
    for (int i = 0; i < LINEAR_CHANNELS; i++)
        if (linear_chan[i] != NULL)
            chan_free(linear_chan[i]);
}

static struct operation *called(bool tries, int cases, const struct linear_case *asked)
{
    CHECK(count < HISTORY_MAX && cases <= CASES_MAX);
    struct operation *operation = &history[count++];
    *operation = (struct operation){.goroutine = explore_self(), .tries = tries, .cases = cases};
    for (int i = 0; i < cases; i++)
        operation->asked[i] = asked[i];
    current[operation->goroutine >= 0 ? operation->goroutine : EXPLORE_GOROUTINES] = operation;
    operation->called = explore_time();
    return operation;
}

static void returned(struct operation *operation, enum kind kind, int channel, int value)
{
    operation->returned = explore_time();
    operation->kind = kind;
    operation->channel = channel;
    operation->value = value;
}

void linear_send(int channel, int value)
{
    struct operation *o = called(false, 1, &(struct linear_case){.channel = channel, .is_send = true});
    chan_send(linear_chan[channel], value);
    returned(o, SEND, channel, value);
}

bool linear_recv(int channel, int *value)
{
    struct operation *o = called(false, 1, &(struct linear_case){.channel = channel});
    bool ok = chan_recv(linear_chan[channel], value);
    returned(o, ok ? RECV : RECV_CLOSED, channel, *value);
    return ok;
}

bool linear_try_send(int channel, int value)
{
    struct operation *o = called(true, 1, &(struct linear_case){.channel = channel, .is_send = true});
    bool sent = chan_try_send(linear_chan[channel], value);
    returned(o, sent ? SEND : REFUSED, channel, value);
    return sent;
}

int linear_try_recv(int channel, int *value)
{
    bool ok;
    *value = -1;
    struct operation *o = called(true, 1, &(struct linear_case){.channel = channel});
    bool tried = chan_try_recv(linear_chan[channel], value, &ok);
    returned(o, !tried ? REFUSED : ok ? RECV : RECV_CLOSED, channel, *value);
    return tried ? ok : -1;
}

void linear_close(int channel)
{
    struct operation *o = called(true, 0, NULL);
    chan_close(linear_chan[channel]);
    returned(o, CLOSE, channel, 0);
}

void linear_len(int channel)
{
    struct operation *o = called(true, 0, NULL);
    returned(o, LENGTH, channel, (int)chan_len(linear_chan[channel]));
}

int linear_select(struct linear_case *cases, int cases_count, int64_t how, bool *ok)
{
    struct weft_select_case select[CASES_MAX + 1];
    bool received = true;
    memset(select, 0, sizeof select);
    for (int i = 0; i < cases_count; i++) {
        select[i].operation = cases[i].is_send ? WEFT_SELECT_SEND : WEFT_SELECT_RECV;
        select[i].channel = (void *)linear_chan[cases[i].channel];
        select[i].value = &cases[i].value;
        select[i].ok = cases[i].is_send ? NULL : &received;
    }
    int all = cases_count;
    if (how == LINEAR_OTHERWISE)
        select[all++].operation = WEFT_SELECT_DEFAULT;
    else if (how > 0) {
        select[all].operation = WEFT_SELECT_TIMEOUT;
        select[all++].duration = how;
    }
    struct operation *o = called(how == LINEAR_OTHERWISE, cases_count, cases);
    int chosen = weft_select(select, (size_t)all);
    *ok = received;
    if (chosen == cases_count) {
        returned(o, how == LINEAR_OTHERWISE ? REFUSED : TIMED_OUT, 0, 0);
        return how == LINEAR_OTHERWISE ? LINEAR_OTHERWISE : LINEAR_TIMEOUT;
    }
    enum kind kind = cases[chosen].is_send ? SEND : received ? RECV : RECV_CLOSED;
    returned(o, kind, cases[chosen].channel, cases[chosen].value);
    return chosen;
}

/* ---- the model ---- */

struct model {
    int values[ROOM], length;
    bool is_closed;
};

struct search {
    uint32_t done; /* bits of history */
    struct model model[LINEAR_CHANNELS];
};

static bool is_done(const struct search *s, int i)
{
    return (s->done & 1u << i) != 0;
}

/* Nothing that is still to be placed, but for other, had returned when i was called. */
static bool may_be_next(const struct search *s, int i, int other)
{
    for (int j = 0; j < count; j++)
        if (j != i && j != other && !is_done(s, j) && history[j].returned != 0 &&
            history[j].returned < history[i].called)
            return false;
    return true;
}

/* Somebody who is still to be placed, but for other, had parked on that side before i was called. */
static bool is_parked(const struct search *s, int i, int other, int channel, bool is_send)
{
    for (int j = 0; j < count; j++) {
        if (j == i || j == other || is_done(s, j) || history[j].parked == 0 || history[j].parked > history[i].called)
            continue;
        for (int k = 0; k < history[j].cases; k++)
            if (history[j].asked[k].channel == channel && history[j].asked[k].is_send == is_send)
                return true;
    }
    return false;
}

static uint64_t capacity_of(int channel)
{
    return chan_cap(linear_chan[channel]);
}

static bool may_refuse(const struct search *s, int i)
{
    for (int k = 0; k < history[i].cases; k++) {
        const struct linear_case *asked = &history[i].asked[k];
        const struct model *m = &s->model[asked->channel];
        if (m->is_closed || is_parked(s, i, -1, asked->channel, !asked->is_send))
            return false;
        if (asked->is_send ? (uint64_t)m->length < capacity_of(asked->channel) : m->length > 0)
            return false;
    }
    return true;
}

static bool search_on(const struct search *s);

/* i takes place alone. */
static bool place(const struct search *before, int i)
{
    struct search s = *before;
    const struct operation *o = &history[i];
    struct model *m = &s.model[o->channel];
    uint64_t capacity = capacity_of(o->channel);
    bool possible = false;
    s.done |= 1u << i;
    switch (o->kind) {
    case SEND:
        possible = !m->is_closed && (uint64_t)m->length < capacity && m->length < ROOM &&
                   !is_parked(before, i, -1, o->channel, true);
        if (possible)
            m->values[m->length++] = o->value;
        break;
    case RECV:
        possible = m->length > 0 && m->values[0] == o->value && !is_parked(before, i, -1, o->channel, false);
        if (possible)
            memmove(m->values, m->values + 1, (size_t)--m->length * sizeof m->values[0]);
        break;
    case RECV_CLOSED:
        possible = m->is_closed && m->length == 0 && o->value == 0;
        break;
    case REFUSED:
        possible = may_refuse(before, i);
        break;
    case TIMED_OUT:
        possible = true;
        break;
    case CLOSE:
        possible = !m->is_closed;
        m->is_closed = true;
        break;
    case LENGTH:
        possible = m->length == o->value;
        break;
    }
    return possible && search_on(&s);
}

/* Send i and some receive take place together. */
static bool place_together(const struct search *before, int i)
{
    const struct operation *o = &history[i];
    for (int j = 0; j < count; j++) {
        const struct operation *partner = &history[j];
        if (is_done(before, j) || partner->kind != RECV || partner->channel != o->channel ||
            partner->value != o->value || partner->goroutine == o->goroutine || (o->tries && partner->tries) ||
            !may_be_next(before, i, j) || !may_be_next(before, j, i) || before->model[o->channel].is_closed ||
            is_parked(before, i, j, o->channel, true) || is_parked(before, j, i, o->channel, false))
            continue;
        struct search s = *before;
        s.done |= 1u << i | 1u << j;
        if (search_on(&s))
            return true;
    }
    return false;
}

static bool search_on(const struct search *s)
{
    bool all = true;
    for (int i = 0; i < count; i++) {
        if (is_done(s, i))
            continue;
        if (history[i].returned == 0) /* still parked: it need not have taken place */
            continue;
        all = false;
        bool together = history[i].kind <= RECV && capacity_of(history[i].channel) == 0;
        if (together) {
            if (history[i].kind == SEND && place_together(s, i))
                return true;
        } else if (may_be_next(s, i, -1) && place(s, i)) {
            return true;
        }
    }
    return all;
}

void explore_history_check(void)
{
    static const char *const names[] = {"sends",     "receives", "receives from the closed", "is refused",
                                        "times out", "closes",   "sees the length"};
    struct search s;
    memset(&s, 0, sizeof s);
    if (count == 0 || search_on(&s))
        return;
    char text[1800];
    size_t length = 0;
    for (int i = 0; i < count && length < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "\n  [called %u parked %u returned %u] goroutine %d %s channel %d value %d",
                                   history[i].called, history[i].parked, history[i].returned, history[i].goroutine,
                                   names[history[i].kind], history[i].channel, history[i].value);
    explore_fail("no sequential channel gives this history:%s", text);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * model.c - channels and selects; timers and contexts are in model_time.c. See model.h. */
#include "fuzz/model_parts.h"

#include <string.h>

uint64_t model_value(uint64_t value, int size)
{
    return size >= 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

/* ---- rows of waiters ---- */

static void row_add(struct waiters *row, int worker, int index)
{
    row->at[row->count++] = (struct waiter){worker, index};
}

static void row_drop_worker(struct waiters *row, int worker)
{
    int kept = 0;
    for (int i = 0; i < row->count; i++)
        if (row->at[i].worker != worker)
            row->at[kept++] = row->at[i];
    row->count = kept;
}

void model_leave_rows(struct model *model, int worker)
{
    for (int i = 0; i < CHANNEL_TABLE; i++) {
        row_drop_worker(&model->channels[i].senders, worker);
        row_drop_worker(&model->channels[i].receivers, worker);
    }
}

void model_enter_rows(struct model *model, int worker)
{
    const struct model_worker *w = &model->workers[worker];
    for (int i = 0; i < w->count; i++) {
        if (w->cases[i].channel == NIL)
            continue;
        struct model_channel *channel = &model->channels[w->cases[i].channel];
        if (w->cases[i].kind == CASE_SEND)
            row_add(&channel->senders, worker, i);
        else if (w->cases[i].kind == CASE_RECV)
            row_add(&channel->receivers, worker, i);
    }
}

int model_receivers(const struct model *model, int channel, int *placed)
{
    int receivers = 0;
    *placed = 0;
    for (int w = 0; w < WORKERS; w++) {
        const struct model_worker *worker = &model->workers[w];
        bool here = false, elsewhere = false;
        for (int i = 0; worker->busy && i < worker->count; i++) {
            here |= worker->cases[i].channel == channel;
            elsewhere |= worker->cases[i].channel != NIL && worker->cases[i].channel < TIMER_CHANNEL;
        }
        receivers += here;
        *placed += here && elsewhere;
    }
    return receivers;
}

/* ---- ends of operations ---- */

void model_end(struct model *model, int worker, struct outcome outcome)
{
    model_leave_rows(model, worker);
    model->workers[worker].busy = false;
    model->workers[worker].outcome = outcome;
}

static bool has_context(const struct op *op)
{
    return op->kind == OP_SEND_CTX || op->kind == OP_RECV_CTX || op->kind == OP_SLEEP_CTX;
}

/* Case index of a worker that waits or begins is carried out: a value came (ok), or a close. */
static void end_case(struct model *model, int worker, int index, bool ok, uint64_t value)
{
    const struct model_worker *w = &model->workers[worker];
    struct outcome outcome = {.index = index, .ok = ok, .value = value};
    if (has_context(&w->op) && index == w->count - 1)
        outcome = (struct outcome){.index = NONE, .error = model_context_error(model, w->op.context)};
    else if (w->cases[index].kind == CASE_SEND && !ok)
        outcome = (struct outcome){.index = NONE, .panic = "send on closed channel"};
    model_end(model, worker, outcome);
}

/* ---- channels ---- */

void model_channel_make(struct model *model, int channel, int size, int capacity)
{
    model->channels[channel] = (struct model_channel){.exists = true, .size = size, .capacity = capacity};
}

enum attempt { WOULD_WAIT, DONE, CLOSED };

static enum attempt put(struct model *model, struct model_channel *channel, uint64_t value)
{
    value = model_value(value, channel->size);
    if (channel->closed)
        return CLOSED;
    if (channel->receivers.count > 0) {
        struct waiter first = channel->receivers.at[0];
        end_case(model, first.worker, first.index, true, value);
        return DONE;
    }
    if (channel->count == channel->capacity)
        return WOULD_WAIT;
    channel->values[channel->count++] = value;
    return DONE;
}

static uint64_t take_from_sender(struct model *model, struct model_channel *channel)
{
    struct waiter first = channel->senders.at[0];
    uint64_t value = model_value(model->workers[first.worker].cases[first.index].value, channel->size);
    end_case(model, first.worker, first.index, true, 0);
    return value;
}

static enum attempt get(struct model *model, struct model_channel *channel, uint64_t *value)
{
    *value = 0;
    if (channel->count > 0) {
        *value = channel->values[0];
        channel->count--;
        memmove(&channel->values[0], &channel->values[1], sizeof channel->values - sizeof channel->values[0]);
        if (channel->senders.count > 0) {
            uint64_t next = take_from_sender(model, channel);
            channel->values[channel->count++] = next;
        }
        return DONE;
    }
    if (channel->senders.count > 0) {
        *value = take_from_sender(model, channel);
        return DONE;
    }
    return channel->closed ? CLOSED : WOULD_WAIT;
}

void model_channel_close(struct model *model, int index)
{
    struct model_channel *channel = &model->channels[index];
    channel->closed = true;
    while (channel->receivers.count > 0)
        end_case(model, channel->receivers.at[0].worker, channel->receivers.at[0].index, false, 0);
    while (channel->senders.count > 0)
        end_case(model, channel->senders.at[0].worker, channel->senders.at[0].index, false, 0);
}

/* ---- operations ---- */

static bool is_ready(struct model *model, const struct op_case *one)
{
    if (one->channel == NIL || (one->kind != CASE_SEND && one->kind != CASE_RECV))
        return false;
    const struct model_channel *channel = &model->channels[one->channel];
    if (one->kind == CASE_SEND)
        return channel->closed || channel->receivers.count > 0 || channel->count < channel->capacity;
    return channel->closed || channel->senders.count > 0 || channel->count > 0;
}

static void carry_out(struct model *model, int worker, int index)
{
    struct op_case *one = &model->workers[worker].cases[index];
    struct model_channel *channel = &model->channels[one->channel];
    uint64_t value = 0;
    enum attempt attempt = one->kind == CASE_SEND ? put(model, channel, one->value) : get(model, channel, &value);
    end_case(model, worker, index, attempt == DONE, value);
}

/* Carry out one of the ready cases, the one that was seen if that is possible. False: none is ready. */
bool model_attempt(struct model *model, int worker, const struct outcome *seen)
{
    struct model_worker *w = &model->workers[worker];
    int chosen = NONE;
    for (int i = 0; i < w->count; i++) {
        if (w->cases[i].kind == CASE_RECV && w->cases[i].channel >= TIMER_CHANNEL && w->cases[i].channel < DONE_CHANNEL)
            model_timer_poll(model, w->cases[i].channel - TIMER_CHANNEL);
        if (!is_ready(model, &w->cases[i]))
            continue;
        bool panics = w->cases[i].kind == CASE_SEND && model->channels[w->cases[i].channel].closed;
        if (chosen == NONE || (seen != NULL && (seen->panic != NULL ? panics : seen->index == i)))
            chosen = i;
    }
    if (chosen == NONE)
        return false;
    carry_out(model, worker, chosen);
    return true;
}

static void begin_close(struct model *model, int worker, int index)
{
    struct outcome outcome = {.index = 0};
    if (index == NIL)
        outcome = (struct outcome){.index = NONE, .panic = "close of nil channel"};
    else if (model->channels[index].closed)
        outcome = (struct outcome){.index = NONE, .panic = "close of closed channel"};
    else
        model_channel_close(model, index);
    model_end(model, worker, outcome);
}

/* What an operation that cannot go on does instead of waiting: the index of the default (of several, any) or the time-out,
 * or WAITS. */
enum { WAITS = -2 };

static int otherwise(struct model *model, struct model_worker *w, const struct outcome *seen)
{
    if (w->op.kind == OP_TRY_SEND || w->op.kind == OP_TRY_RECV)
        return NONE;
    w->timeout = NONE;
    w->deadline = MODEL_NEVER;
    if (seen != NULL && seen->index >= 0 && w->cases[seen->index].kind == CASE_DEFAULT)
        return seen->index;
    for (int i = 0; i < w->count; i++)
        if (w->cases[i].kind == CASE_DEFAULT)
            return i;
    for (int i = 0; i < w->count; i++)
        if (w->cases[i].kind == CASE_TIMEOUT && w->cases[i].when < w->deadline) {
            w->timeout = i;
            w->deadline = w->cases[i].when;
        }
    return w->deadline <= model->now ? w->timeout : WAITS;
}

void model_begin(struct model *model, int worker, const struct op *op, seen_outcomes seen)
{
    struct model_worker *w = &model->workers[worker];
    w->busy = true;
    w->op = *op;
    w->count = op->count;
    memcpy(w->cases, op->cases, sizeof op->cases);
    if (op->kind == OP_CLOSE) {
        begin_close(model, worker, op->cases[0].channel);
        return;
    }
    if (has_context(op)) {
        int error = model_context_error(model, op->context);
        if (error != 0) {
            model_end(model, worker, (struct outcome){.index = NONE, .error = error});
            return;
        }
        int canceller = op->context == BACKGROUND ? NONE : model->contexts[op->context].canceller;
        w->cases[w->count++] = (struct op_case){
            .kind = CASE_RECV, .channel = canceller == NONE ? NIL : DONE_CHANNEL + canceller, .drop = true};
    }
    if (model_attempt(model, worker, seen[worker]))
        return;
    int index = otherwise(model, w, seen[worker]);
    if (index != WAITS)
        model_end(model, worker, (struct outcome){.index = index});
    else
        model_enter_rows(model, worker);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * model_time.c - what is due when: timers, deadlines, contexts. See model.h.
 *
 * A timer's channel is looked at by those who want its value, and has it if it is due by then: the due time, once; of a
 * ticker the first due time that nobody has taken, and the ones until now are dropped (T-03, T-04, T-06). Those who wait when it
 * becomes due, or is stopped or reset, look again; who gets nothing waits anew. */
#include <errno.h>
#include <string.h>

#include "fuzz/model_parts.h"

/* ---- timers ---- */

void model_timer_make(struct model *model, int timer, enum timer_kind kind, int64_t when, int64_t period)
{
    model->timers[timer] =
        (struct model_timer){.exists = true, .armed = true, .kind = kind, .when = when, .period = period};
    model_channel_make(model, TIMER_CHANNEL + timer, 8, 1);
    if (kind == TIMER_FUNC && when <= model->now)
        model_fire(model, when, (seen_outcomes){NULL});
}

void model_timer_poll(struct model *model, int timer)
{
    struct model_timer *t = &model->timers[timer];
    struct model_channel *channel = &model->channels[TIMER_CHANNEL + timer];
    if (!t->armed || t->when > model->now)
        return;
    if (channel->count == 0)
        channel->values[channel->count++] = (uint64_t)t->when;
    if (t->kind == TIMER_TICKER)
        t->when += ((model->now - t->when) / t->period + 1) * t->period;
    else
        t->armed = false;
}

/* All who wait on the timer look again; the one that was seen to get the value does. */
static void look_again(struct model *model, int timer, seen_outcomes seen)
{
    struct waiters row = model->channels[TIMER_CHANNEL + timer].receivers;
    bool looks[WORKERS] = {false};
    for (int i = 0; i < row.count; i++)
        looks[row.at[i].worker] = true;
    for (int w = 0; w < WORKERS; w++)
        if (looks[w]) /* nobody finds them, and they do not find themselves */
            model_leave_rows(model, w);
    for (int ended = 1; ended >= 0; ended--) /* first those that have ended */
        for (int w = 0; w < WORKERS; w++) {
            if (!looks[w] || (seen[w] != NULL) != (ended == 1))
                continue;
            looks[w] = false;
            if (!model_attempt(model, w, seen[w]))
                model_enter_rows(model, w);
        }
}

static bool set_timer(struct model *model, int timer, bool armed, int64_t when, int64_t period, seen_outcomes seen)
{
    struct model_timer *t = &model->timers[timer];
    struct model_channel *channel = &model->channels[TIMER_CHANNEL + timer];
    bool was_armed = t->armed, was = was_armed || channel->count > 0;
    channel->count = 0;
    t->armed = armed;
    t->when = when;
    t->period = period;
    if (t->kind == TIMER_FUNC) {
        if (armed && when <= model->now)
            model_fire(model, when, seen);
    } else if (was_armed || armed) {
        look_again(model, timer, seen);
    }
    return was;
}

bool model_timer_stop(struct model *model, int timer, seen_outcomes seen)
{
    return set_timer(model, timer, false, MODEL_NEVER, model->timers[timer].period, seen);
}

bool model_timer_reset(struct model *model, int timer, int64_t when, int64_t period, seen_outcomes seen)
{
    return set_timer(model, timer, true, when, period, seen);
}

/* ---- contexts ---- */

int model_context_error(const struct model *model, int context)
{
    int canceller = context == BACKGROUND ? NONE : model->contexts[context].canceller;
    return canceller == NONE ? 0 : model->contexts[canceller].error;
}

int model_context_cause(const struct model *model, int context)
{
    int canceller = context == BACKGROUND ? NONE : model->contexts[context].canceller;
    return canceller == NONE ? 0 : model->contexts[canceller].cause;
}

static void call_function(struct model_context *context)
{
    context->function_calls += context->has_function && context->function_waits;
    context->function_waits = false;
}

static void cancel(struct model *model, int canceller, int error, int cause)
{
    struct model_context *c = &model->contexts[canceller];
    if (c->error != 0)
        return;
    c->error = error;
    c->cause = cause;
    c->armed = false;
    model_channel_close(model, DONE_CHANNEL + canceller);
    for (int i = 0; i < CONTEXTS; i++) {
        struct model_context *other = &model->contexts[i];
        if (other->exists && other->canceller == canceller)
            call_function(other);
        if (other->exists && other->canceller == i && other->parent == canceller)
            cancel(model, i, error, cause);
    }
}

void model_context_make(struct model *model, int context, enum context_kind kind, int parent, int64_t when, int cause)
{
    const struct model_context *above = parent == BACKGROUND ? NULL : &model->contexts[parent];
    struct model_context c = {.exists = true, .kind = kind, .parent = NONE, .canceller = context};
    c.has_deadline = above != NULL && above->has_deadline && kind != CONTEXT_WITHOUT;
    c.deadline = c.has_deadline ? above->deadline : 0;
    if (kind == CONTEXT_WITHOUT)
        c.canceller = NONE;
    else if (kind == CONTEXT_VALUE)
        c.canceller = above == NULL ? NONE : above->canceller;
    else
        c.parent = above == NULL ? NONE : above->canceller;
    if (kind == CONTEXT_DEADLINE && (!c.has_deadline || when < c.deadline)) {
        c.armed = c.has_deadline = true;
        c.deadline = when;
        c.deadline_cause = cause != 0 ? cause : -ETIMEDOUT;
    }
    model->contexts[context] = c;
    model_channel_make(model, DONE_CHANNEL + context, 1, 0);
    if (c.canceller != context)
        return;
    if (c.parent != NONE && model->contexts[c.parent].error != 0)
        cancel(model, context, model->contexts[c.parent].error, model->contexts[c.parent].cause);
    else if (c.armed && when <= model->now)
        cancel(model, context, -ETIMEDOUT, c.deadline_cause);
}

void model_context_cancel(struct model *model, int context, int cause)
{
    cancel(model, context, -ECANCELED, cause != 0 ? cause : -ECANCELED);
}

void model_context_free(struct model *model, int context)
{
    struct model_context freed = model->contexts[context];
    if (freed.canceller == context) {
        cancel(model, context, -ECANCELED, -ECANCELED);
        freed = model->contexts[context];
    }
    model->contexts[context].exists = false;
    if (freed.canceller != context)
        return;
    for (int i = 0; i < CONTEXTS; i++) {
        struct model_context *other = &model->contexts[i];
        if (other->canceller == context && i != context) { /* the state outlives the name: here it is copied */
            other->canceller = i;
            other->error = freed.error;
            other->cause = freed.cause;
            model->channels[DONE_CHANNEL + i].closed = true;
        }
        if (other->parent == context)
            other->parent = NONE; /* cancelled, too */
    }
}

void model_context_function(struct model *model, int context)
{
    struct model_context *c = &model->contexts[context];
    c->has_function = c->function_waits = true;
    c->function_calls = 0;
    if (model_context_error(model, context) != 0)
        call_function(c);
}

bool model_context_function_stop(struct model *model, int context)
{
    bool stopped = model->contexts[context].function_waits;
    model->contexts[context].function_waits = false;
    return stopped;
}

/* ---- the clock ---- */

static bool is_waited_for(const struct model *model, int timer)
{
    return model->timers[timer].kind == TIMER_FUNC || model->channels[TIMER_CHANNEL + timer].receivers.count > 0;
}

int64_t model_next(const struct model *model)
{
    int64_t next = MODEL_NEVER;
    for (int i = 0; i < WORKERS; i++)
        if (model->workers[i].busy && model->workers[i].deadline < next)
            next = model->workers[i].deadline;
    for (int i = 0; i < TIMERS; i++)
        if (model->timers[i].exists && model->timers[i].armed && is_waited_for(model, i) &&
            model->timers[i].when < next)
            next = model->timers[i].when;
    for (int i = 0; i < CONTEXTS; i++)
        if (model->contexts[i].exists && model->contexts[i].armed && model->contexts[i].deadline < next)
            next = model->contexts[i].deadline;
    return next;
}

void model_fire(struct model *model, int64_t when, seen_outcomes seen)
{
    model->now = when;
    for (int i = 0; i < WORKERS; i++)
        if (model->workers[i].busy && model->workers[i].deadline <= when)
            model_end(model, i, (struct outcome){.index = model->workers[i].timeout});
    for (int i = 0; i < CONTEXTS; i++)
        if (model->contexts[i].exists && model->contexts[i].armed && model->contexts[i].deadline <= when)
            cancel(model, i, -ETIMEDOUT, model->contexts[i].deadline_cause);
    for (int i = 0; i < TIMERS; i++) {
        struct model_timer *t = &model->timers[i];
        if (!t->exists || !t->armed || t->when > when || !is_waited_for(model, i))
            continue;
        if (t->kind == TIMER_FUNC) {
            t->armed = false;
            t->calls++;
        } else {
            look_again(model, i, seen);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * settled.c - the settled mode: after each step everything that can be seen is what the model says.
 *
 * Instants: two things that are due at the same instant may come in either order, and the model would have to follow all of
 * them. So each source of instants has a remainder modulo GRAIN of its own: a timer, a context's deadline, a worker's
 * time-out, the controller's pauses. Periods are multiples of GRAIN. What is due at once (a duration of zero) is part of the
 * step that made it so.
 * Pairs: two workers may begin at once. An operation is not interrupted before it waits, so its turn tells the order.
 * Waiting on timers: those who wait on one look again when it fires, in an order that the schedule draws. When two of them also
 * have places in other channels' rows, these would change without being seen; so at most one such may wait. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/worker.h"

enum { GRAIN = 64, TIMER_REMAINDER = 1, CONTEXT_REMAINDER = 8, WORKER_REMAINDER = 16, PAUSE_REMAINDER = 40 };
enum { STEPS_MAX = 400 };

static struct {
    struct input *input;
    struct model model;
    struct worker workers[WORKERS];
    void *channels[CHANNELS];
    weft_timer *timers[TIMERS];
    weft_context *contexts[CONTEXTS];
    weft_context_function *functions[CONTEXTS];
    int timer_calls[TIMERS], function_calls[CONTEXTS]; /* by the functions themselves */
    uint64_t serial;                                   /* the last value that was sent */
    const char *step;
    bool in_pair; /* operations are drawn for a pair */
} it;

static uint32_t next(uint32_t n)
{
    return take(it.input, n);
}

/* ---- instants ---- */

static int64_t align(int64_t when, int remainder)
{
    int64_t off = ((int64_t)remainder - when) % GRAIN;
    return when + (off < 0 ? off + GRAIN : off);
}

static int64_t draw_duration(void)
{
    uint32_t byte = next(256);
    return (int64_t)GRAIN * (1 + (byte & 31)) << 2 * (byte >> 5);
}

/* One in eight is due at once. */
static int64_t draw_instant(int remainder)
{
    return next(8) == 7 ? it.model.now : align(it.model.now + draw_duration(), remainder);
}

/* ---- comparing ---- */

static void see(const struct outcome *seen[WORKERS])
{
    for (int i = 0; i < WORKERS; i++)
        seen[i] = it.workers[i].busy || !it.model.workers[i].busy ? NULL : &it.workers[i].outcome;
}

static void compare_worker(int i)
{
    const struct worker *real = &it.workers[i];
    const struct model_worker *model = &it.model.workers[i];
    const struct outcome *a = &real->outcome, *b = &model->outcome;
    if (real->busy != model->busy)
        fuzz_failed("%s: worker %d %s", it.step, i, real->busy ? "waits and should not" : "does not wait and should");
    if (real->busy)
        return;
    if (a->panic != b->panic && (a->panic == NULL || b->panic == NULL || strcmp(a->panic, b->panic) != 0))
        fuzz_failed("%s: worker %d: panic '%s', expected '%s'", it.step, i, a->panic ? a->panic : "none",
                    b->panic ? b->panic : "none");
    if (a->index != b->index || a->error != b->error)
        fuzz_failed("%s: worker %d: case %d, error %d; expected case %d, error %d", it.step, i, a->index, a->error,
                    b->index, b->error);
    bool receives = b->index != NONE && real->op.cases[b->index].kind == CASE_RECV;
    if (receives && a->ok != b->ok)
        fuzz_failed("%s: worker %d: ok is %d, expected %d", it.step, i, a->ok, b->ok);
    if (!worker_received(real, b))
        fuzz_failed("%s: worker %d: has not received %llu and nothing else", it.step, i, (unsigned long long)b->value);
}

static void compare(void)
{
    FUZZ_CHECK(weft_now() == it.model.now);
    for (int i = 0; i < WORKERS; i++)
        compare_worker(i);
    for (int i = 0; i < CHANNELS; i++)
        if (weft_chan_len_untyped(it.channels[i]) != (size_t)it.model.channels[i].count)
            fuzz_failed("%s: channel %d has %zu values, expected %d", it.step, i, weft_chan_len_untyped(it.channels[i]),
                        it.model.channels[i].count);
    for (int i = 0; i < TIMERS; i++) {
        FUZZ_CHECK(it.timers[i] == NULL || weft_chan_len_untyped(weft_timer_chan_untyped(it.timers[i])) == 0);
        if (it.timers[i] != NULL && it.timer_calls[i] != it.model.timers[i].calls)
            fuzz_failed("%s: timer %d has called %d times, expected %d", it.step, i, it.timer_calls[i],
                        it.model.timers[i].calls);
    }
    for (int i = 0; i < CONTEXTS; i++) {
        const struct model_context *context = &it.model.contexts[i];
        if (!context->exists)
            continue;
        int64_t when = 0;
        int error = weft_context_err(it.contexts[i]), cause = weft_context_cause(it.contexts[i]);
        if (error != model_context_error(&it.model, i) || cause != model_context_cause(&it.model, i))
            fuzz_failed("%s: context %d: error %d, cause %d; expected %d, %d", it.step, i, error, cause,
                        model_context_error(&it.model, i), model_context_cause(&it.model, i));
        FUZZ_CHECK(weft_context_deadline(it.contexts[i], &when) == context->has_deadline);
        FUZZ_CHECK(!context->has_deadline || when == context->deadline);
        if (it.function_calls[i] != context->function_calls)
            fuzz_failed("%s: the function of context %d was called %d times, expected %d", it.step, i,
                        it.function_calls[i], context->function_calls);
    }
}

/* ---- the clock ---- */

/* Let all come that is due until then, one instant after the other. */
static void pause_until(int64_t until)
{
    const struct outcome *seen[WORKERS];
    while (it.model.now < until) {
        int64_t when = model_next(&it.model);
        if (when > until)
            when = until;
        weft_sleep(when - it.model.now);
        weft_sim_wait();
        see(seen);
        model_fire(&it.model, when, seen);
        compare();
    }
}

/* ---- operations of workers ---- */

static void *channel_of(int index)
{
    if (index == NIL)
        return NULL;
    if (index < TIMER_CHANNEL)
        return it.channels[index];
    if (index < DONE_CHANNEL)
        return weft_timer_chan_untyped(it.timers[index - TIMER_CHANNEL]);
    return weft_context_done_untyped(it.contexts[index - DONE_CHANNEL]);
}

/* A timer's channel that a worker may wait on, beside those that do. */
static bool timer_is_free(int timer, bool placed)
{
    if (it.in_pair || it.timers[timer] == NULL || it.model.timers[timer].kind == TIMER_FUNC)
        return false;
    int others;
    int receivers = model_receivers(&it.model, TIMER_CHANNEL + timer, &others);
    return receivers < 2 && (!placed || others == 0);
}

/* One of the program's channels, now and then nil, or a timer's, which can be received from. */
static int draw_channel(bool receives, bool placed)
{
    uint32_t byte = next(64);
    if (byte == 63)
        return NIL;
    if (receives && byte >= 48 && timer_is_free((int)byte % TIMERS, placed))
        return TIMER_CHANNEL + (int)byte % TIMERS;
    return (int)byte % CHANNELS;
}

static struct op_case draw_transfer(bool receives, bool placed)
{
    struct op_case one = {.kind = receives ? CASE_RECV : CASE_SEND};
    one.channel = draw_channel(receives, placed);
    if (receives)
        one.drop = next(8) == 0;
    else
        one.value = ++it.serial * UINT64_C(0x0101010101010101); /* seen in elements of every size */
    return one;
}

static void draw_select(struct op *op, int worker)
{
    op->count = (int)next(CASES + 1);
    for (int i = 0; i < op->count; i++) {
        switch (next(8)) {
        case 0:
            op->cases[i] = (struct op_case){.kind = CASE_DEFAULT, .channel = NIL};
            break;
        case 1:
            op->cases[i] =
                (struct op_case){.kind = CASE_TIMEOUT, .channel = NIL, .when = draw_instant(WORKER_REMAINDER + worker)};
            break;
        case 2:
            op->cases[i] = (struct op_case){.kind = CASE_NONE, .channel = NIL};
            break;
        case 3:
        case 4:
            op->cases[i] = draw_transfer(false, true);
            break;
        default:
            op->cases[i] = draw_transfer(true, true);
        }
    }
}

static int draw_context(void)
{
    int context = (int)next(CONTEXTS + 1) - 1;
    return context == BACKGROUND || it.contexts[context] != NULL ? context : BACKGROUND;
}

static void draw_op(struct op *op, int worker)
{
    static const enum op_kind kinds[] = {OP_SEND,     OP_RECV,     OP_TRY_SEND, OP_TRY_RECV, OP_CLOSE, OP_SEND_CTX,
                                         OP_RECV_CTX, OP_SELECT,   OP_SELECT,   OP_SELECT,   OP_SLEEP, OP_SLEEP_CTX,
                                         OP_SEND,     OP_RECV_CTX, OP_SELECT,   OP_RECV};
    *op = (struct op){.kind = kinds[next(16)], .context = BACKGROUND, .count = 1};
    switch (op->kind) {
    case OP_CLOSE: {
        uint32_t byte = next(16);
        op->cases[0] = (struct op_case){.channel = byte == 15 ? NIL : (int)byte % CHANNELS};
        break;
    }
    case OP_SELECT:
        draw_select(op, worker);
        break;
    case OP_SLEEP_CTX:
        op->context = draw_context(); /* fall through */
    case OP_SLEEP:
        op->cases[0] =
            (struct op_case){.kind = CASE_TIMEOUT, .channel = NIL, .when = draw_instant(WORKER_REMAINDER + worker)};
        break;
    case OP_SEND_CTX:
    case OP_RECV_CTX:
        op->context = draw_context(); /* fall through */
    default: {
        bool receives = op->kind == OP_RECV || op->kind == OP_TRY_RECV || op->kind == OP_RECV_CTX;
        op->cases[0] = draw_transfer(receives, false);
    }
    }
}

static const char *const op_names[] = {"send",     "recv",     "try send", "try recv", "close",
                                       "send ctx", "recv ctx", "select",   "sleep",    "sleep ctx"};

static void trace_op(int worker, const struct op *op)
{
    static const char *const cases[] = {"none", "send", "recv", "timeout", "default"};
    fuzz_trace("%lld: worker %d: %s, context %d", (long long)it.model.now, worker, op_names[op->kind], op->context);
    for (int i = 0; i < op->count; i++)
        fuzz_trace("    %s %d value %llu when %lld%s", cases[op->cases[i].kind], op->cases[i].channel,
                   (unsigned long long)op->cases[i].value, (long long)op->cases[i].when,
                   op->cases[i].drop ? " drop" : "");
}

/* Give an operation to an idle worker. */
static void begin_op(int worker, const struct op *op)
{
    struct worker *w = &it.workers[worker];
    trace_op(worker, op);
    w->op = *op;
    w->context = op->context == BACKGROUND ? weft_context_background() : it.contexts[op->context];
    for (int i = 0; i < op->count; i++) {
        w->channels[i] = channel_of(op->cases[i].channel);
        w->sizes[i] = op->cases[i].channel == NIL ? 0 : it.model.channels[op->cases[i].channel].size;
    }
    w->busy = true;
    worker_tell(w);
}

/* One operation; settle; the model follows. */
static void step_worker(int worker)
{
    struct op op;
    if (it.workers[worker].busy)
        return;
    draw_op(&op, worker);
    it.step = op_names[op.kind];
    begin_op(worker, &op);
    weft_sim_wait();
    const struct outcome *seen[WORKERS] = {NULL};
    if (!it.workers[worker].busy)
        seen[worker] = &it.workers[worker].outcome;
    model_begin(&it.model, worker, &op, seen);
    compare();
}

/* Two operations before anything settles, in the order that the schedule draws and the workers tell. Not on timers, where two who
 * begin to wait would be beyond what the head says. */
static void step_pair(int one, int other)
{
    struct op ops[2];
    const int workers[2] = {one, other};
    if (one == other || it.workers[one].busy || it.workers[other].busy)
        return;
    it.in_pair = true;
    for (int i = 0; i < 2; i++)
        draw_op(&ops[i], workers[i]);
    it.in_pair = false;
    it.step = "pair";
    for (int i = 0; i < 2; i++)
        begin_op(workers[i], &ops[i]);
    weft_sim_wait();
    const struct outcome *seen[WORKERS] = {NULL};
    for (int i = 0; i < 2; i++)
        if (!it.workers[workers[i]].busy)
            seen[workers[i]] = &it.workers[workers[i]].outcome;
    int first = it.workers[one].turn > it.workers[other].turn;
    model_begin(&it.model, workers[first], &ops[first], seen);
    model_begin(&it.model, workers[!first], &ops[!first], seen);
    compare();
}

/* ---- timers ---- */

static void timer_called(void *arg)
{
    int *calls = arg;
    ++*calls;
}

static void make_timer(int timer)
{
    enum timer_kind kind = next(3);
    int64_t period = draw_duration();
    if (kind == TIMER_TICKER) {
        pause_until(align(it.model.now, TIMER_REMAINDER + timer));
        it.timers[timer] = weft_ticker_new(period);
        model_timer_make(&it.model, timer, kind, it.model.now + period, period);
    } else {
        int64_t when = draw_instant(TIMER_REMAINDER + timer);
        it.timer_calls[timer] = 0;
        it.timers[timer] = kind == TIMER_ONCE
                               ? weft_timer_new(when - it.model.now)
                               : weft_after_func(when - it.model.now, timer_called, &it.timer_calls[timer]);
        model_timer_make(&it.model, timer, kind, when, 0);
    }
    it.timer_calls[timer] = 0;
    FUZZ_CHECK(it.timers[timer] != NULL);
}

static void free_timer(int timer)
{
    int placed;
    if (model_receivers(&it.model, TIMER_CHANNEL + timer, &placed) > 0)
        return;
    weft_timer_free(it.timers[timer]);
    it.timers[timer] = NULL;
    it.model.timers[timer].exists = false;
}

static void set_timer(int timer, bool armed)
{
    const struct outcome *seen[WORKERS];
    int64_t when = MODEL_NEVER, period = 0;
    bool was;
    if (armed && it.model.timers[timer].kind == TIMER_TICKER) {
        period = draw_duration();
        pause_until(align(it.model.now, TIMER_REMAINDER + timer));
        when = it.model.now + period;
    } else if (armed) {
        when = draw_instant(TIMER_REMAINDER + timer);
    }
    was = armed ? weft_timer_reset(it.timers[timer], when - it.model.now) : weft_timer_stop(it.timers[timer]);
    weft_sim_wait();
    see(seen);
    bool wanted =
        armed ? model_timer_reset(&it.model, timer, when, period, seen) : model_timer_stop(&it.model, timer, seen);
    if (was != wanted)
        fuzz_failed("%s of timer %d returned %d, expected %d", armed ? "reset" : "stop", timer, was, wanted);
}

static void step_timer(void)
{
    int timer = (int)next(TIMERS);
    uint32_t what = next(4);
    it.step = "timer";
    fuzz_trace("%lld: timer %d: %s", (long long)it.model.now, timer,
               it.timers[timer] == NULL ? "make"
               : what == 0              ? "free"
               : what == 1              ? "stop"
                                        : "reset");
    if (it.timers[timer] == NULL)
        make_timer(timer);
    else if (what == 0)
        free_timer(timer);
    else
        set_timer(timer, what > 1);
    weft_sim_wait();
    compare();
}

/* ---- contexts ---- */

static void make_context(int context)
{
    static const char key;
    enum context_kind kind = next(4);
    int parent = draw_context();
    weft_context *above = parent == BACKGROUND ? weft_context_background() : it.contexts[parent];
    int64_t when = 0;
    int cause = 0;
    if (kind == CONTEXT_CANCEL) {
        it.contexts[context] = weft_context_with_cancel(above);
    } else if (kind == CONTEXT_DEADLINE) {
        when = draw_instant(CONTEXT_REMAINDER + context);
        cause = -100 * (int)next(3);
        it.contexts[context] = weft_context_with_deadline_cause(above, when, cause);
    } else if (kind == CONTEXT_VALUE) {
        it.contexts[context] = weft_context_with_value(above, &key, &it);
        FUZZ_CHECK(weft_context_value(it.contexts[context], &key) == &it);
    } else {
        it.contexts[context] = weft_context_without_cancel(above);
    }
    FUZZ_CHECK(it.contexts[context] != NULL);
    it.function_calls[context] = 0;
    model_context_make(&it.model, context, kind, parent, when, cause);
}

/* No worker waits with it. */
static bool context_is_unused(int context)
{
    for (int i = 0; i < WORKERS; i++)
        if (it.workers[i].busy && it.workers[i].op.context == context)
            return false;
    return true;
}

static void free_context(int context)
{
    weft_context_function_free(it.functions[context]);
    it.functions[context] = NULL;
    weft_context_free(it.contexts[context]);
    it.contexts[context] = NULL;
    model_context_free(&it.model, context);
}

static void cancel_context(int context, int cause)
{
    enum context_kind kind = it.model.contexts[context].kind;
    if (kind != CONTEXT_CANCEL && kind != CONTEXT_DEADLINE)
        return; /* that is misuse, and has its own test */
    weft_context_cancel_cause(it.contexts[context], cause);
    model_context_cancel(&it.model, context, cause);
}

static void use_function(int context)
{
    if (it.functions[context] == NULL) {
        it.functions[context] =
            weft_context_after_func(it.contexts[context], timer_called, &it.function_calls[context]);
        FUZZ_CHECK(it.functions[context] != NULL);
        model_context_function(&it.model, context);
    } else if (weft_context_function_stop(it.functions[context]) != model_context_function_stop(&it.model, context)) {
        fuzz_failed("stop of the function of context %d says the wrong thing", context);
    }
}

static void step_context(void)
{
    int context = (int)next(CONTEXTS);
    uint32_t what = next(4);
    it.step = "context";
    fuzz_trace("%lld: context %d: %s", (long long)it.model.now, context,
               it.contexts[context] == NULL ? "make"
               : what == 0                  ? "free"
               : what == 1                  ? "function"
                                            : "cancel");
    if (it.contexts[context] == NULL)
        make_context(context);
    else if (what == 0 && context_is_unused(context))
        free_context(context);
    else if (what == 1)
        use_function(context);
    else if (what > 1)
        cancel_context(context, -(int)next(4));
    weft_sim_wait();
    compare();
}

/* ---- the program ---- */

static void begin(struct input *input)
{
    static const int sizes[] = {8, 0, 1, 2, 4, 16, 24, 8};
    memset(&it, 0, sizeof it);
    it.input = input;
    it.model.now = weft_now();
    for (int i = 0; i < CHANNELS; i++) {
        uint32_t byte = next(32);
        int size = sizes[byte >> 2], capacity = (int)byte & CAPACITY_MAX;
        it.channels[i] = weft_chan_make_untyped((size_t)size, size >= 8 ? 8 : 1, capacity, WEFT__SITE);
        FUZZ_CHECK(it.channels[i] != NULL);
        model_channel_make(&it.model, i, size, capacity);
        fuzz_trace("channel %d: size %d, capacity %d", i, size, capacity);
    }
    for (int i = 0; i < WORKERS; i++)
        FUZZ_CHECK(weft_go(worker_main, &it.workers[i]) == 0);
    weft_sim_wait();
}

/* Release everybody who can be: cancel, close, let time pass. */
static void release_all(void)
{
    it.step = "the end";
    for (int i = 0; i < CONTEXTS; i++)
        if (it.contexts[i] != NULL) {
            cancel_context(i, 0);
            weft_sim_wait();
            compare();
        }
    for (int i = 0; i < CHANNELS; i++) {
        if (it.model.channels[i].closed)
            continue;
        weft_chan_close_untyped(it.channels[i]);
        weft_sim_wait();
        model_channel_close(&it.model, i);
        compare();
    }
    for (int i = 0; i < TIMERS; i++) { /* twice: two may wait on one */
        for (int turn = 0; turn < 2 && it.timers[i] != NULL; turn++) {
            const struct outcome *seen[WORKERS];
            int placed;
            if (model_receivers(&it.model, TIMER_CHANNEL + i, &placed) == 0)
                continue;
            if (it.model.timers[i].kind == TIMER_TICKER)
                pause_until(align(it.model.now, TIMER_REMAINDER + i));
            int64_t when = it.model.timers[i].kind == TIMER_TICKER ? it.model.now + GRAIN : it.model.now;
            (void)weft_timer_reset(it.timers[i], when - it.model.now);
            weft_sim_wait();
            see(seen);
            (void)model_timer_reset(&it.model, i, when, GRAIN, seen);
            compare();
            pause_until(align(it.model.now + GRAIN, PAUSE_REMAINDER));
        }
        if (it.timers[i] != NULL) {
            const struct outcome *seen[WORKERS];
            (void)weft_timer_stop(it.timers[i]);
            weft_sim_wait();
            see(seen);
            (void)model_timer_stop(&it.model, i, seen);
        }
    }
    for (int i = 0; i < WORKERS; i++)
        if (it.model.workers[i].busy && it.model.workers[i].deadline != MODEL_NEVER)
            pause_until(align(it.model.workers[i].deadline, PAUSE_REMAINDER));
}

/* Those that wait for nothing but nil channels are cut off with the run. */
static void free_all(void)
{
    size_t left = 1;
    for (int i = 0; i < WORKERS; i++) {
        struct worker *w = &it.workers[i];
        if (w->busy) {
            for (int c = 0; c < w->op.count; c++)
                FUZZ_CHECK(w->op.cases[c].channel == NIL);
            left++;
            continue;
        }
        w->quit = true;
        worker_tell(w);
    }
    weft_sim_wait();
    FUZZ_CHECK(weft_goroutines() == left);
    for (int i = 0; i < TIMERS; i++)
        weft_timer_free(it.timers[i]);
    for (int i = 0; i < CONTEXTS; i++) {
        weft_context_function_free(it.functions[i]);
        weft_context_free(it.contexts[i]);
    }
    for (int i = 0; i < CHANNELS; i++)
        weft_chan_release_untyped(it.channels[i]);
    weft_sim_wait();
}

int fuzz_settled(void *input)
{
    begin(input);
    for (int steps = 0; it.input->at != it.input->end && steps < STEPS_MAX; steps++) {
        uint32_t what = next(20);
        if (what >= 16) {
            step_pair((int)what % WORKERS, (int)next(WORKERS));
        } else if (what < 10) {
            step_worker((int)what % WORKERS);
        } else if (what < 12) {
            step_timer();
        } else if (what < 14) {
            step_context();
        } else {
            it.step = "pause";
            int64_t until = align(it.model.now + draw_duration(), PAUSE_REMAINDER);
            fuzz_trace("%lld: pause until %lld", (long long)it.model.now, (long long)until);
            pause_until(until);
        }
    }
    release_all();
    free_all();
    return 0;
}

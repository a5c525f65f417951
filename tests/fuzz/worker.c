/* SPDX-License-Identifier: Apache-2.0
 *
 * worker.c - see worker.h. */
#include "fuzz/worker.h"

#include <string.h>

#include "fuzz/fuzz.h"

void worker_encode(unsigned char *bytes, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> 8 * (i % 8));
}

static void send_or_receive(struct worker *w, struct outcome *outcome)
{
    const struct op_case *one = &w->op.cases[0];
    unsigned char value[ELEMENT_MAX];
    void *into = one->drop ? NULL : w->received[0];
    worker_encode(value, one->value, w->sizes[0]);
    switch (w->op.kind) {
    case OP_SEND:
        weft_chan_send_untyped(w->channels[0], value);
        break;
    case OP_RECV:
        outcome->ok = weft_chan_recv_untyped(w->channels[0], into);
        break;
    case OP_TRY_SEND:
        outcome->index = weft_chan_try_send_untyped(w->channels[0], value) ? 0 : NONE;
        break;
    case OP_TRY_RECV: {
        bool ok = true;
        outcome->index = weft_chan_try_recv_untyped(w->channels[0], into, &ok) ? 0 : NONE;
        outcome->ok = ok;
        break;
    }
    case OP_SEND_CTX:
        outcome->error = weft_chan_send_ctx_untyped(w->context, w->channels[0], value);
        break;
    default: {
        bool ok = true;
        outcome->error = weft_chan_recv_ctx_untyped(w->context, w->channels[0], into, &ok);
        FUZZ_CHECK(outcome->error == 0 || ok); /* untouched */
        outcome->ok = outcome->error == 0 && ok;
    }
    }
    if (outcome->error != 0)
        outcome->index = NONE;
}

static void do_select(struct worker *w, struct outcome *outcome)
{
    static const enum weft_select_operation operations[] = {
        [CASE_NONE] = WEFT_SELECT_NONE,       [CASE_SEND] = WEFT_SELECT_SEND,       [CASE_RECV] = WEFT_SELECT_RECV,
        [CASE_TIMEOUT] = WEFT_SELECT_TIMEOUT, [CASE_DEFAULT] = WEFT_SELECT_DEFAULT,
    };
    struct weft_select_case cases[CASES];
    unsigned char values[CASES][ELEMENT_MAX];
    for (int i = 0; i < w->op.count; i++) {
        const struct op_case *one = &w->op.cases[i];
        worker_encode(values[i], one->value, w->sizes[i]);
        w->oks[i][0] = w->oks[i][1] = i % 2 == 0;
        cases[i] = (struct weft_select_case){
            .operation = operations[one->kind],
            .channel = w->channels[i],
            .value = one->kind == CASE_SEND ? values[i]
                     : one->drop            ? NULL
                                            : w->received[i],
            .ok = one->kind == CASE_RECV ? &w->oks[i][0] : NULL,
            .duration = one->when - weft_now(),
        };
    }
    outcome->index = weft_select(cases, (size_t)w->op.count);
    for (int i = 0; i < w->op.count; i++)
        FUZZ_CHECK(w->oks[i][1] == (i % 2 == 0) && (i == outcome->index || w->oks[i][0] == (i % 2 == 0)));
    FUZZ_CHECK(outcome->index >= 0 && outcome->index < w->op.count);
    outcome->ok = w->op.cases[outcome->index].kind == CASE_RECV && w->oks[outcome->index][0];
}

static void carry_out(void *arg)
{
    struct worker *w = arg;
    struct outcome *outcome = &w->outcome;
    switch (w->op.kind) {
    case OP_CLOSE:
        weft_chan_close_untyped(w->channels[0]);
        break;
    case OP_SELECT:
        do_select(w, outcome);
        break;
    case OP_SLEEP:
        weft_sleep(w->op.cases[0].when - weft_now());
        break;
    case OP_SLEEP_CTX:
        outcome->error = weft_sleep_ctx(w->context, w->op.cases[0].when - weft_now());
        outcome->index = outcome->error == 0 ? 0 : NONE;
        break;
    default:
        send_or_receive(w, outcome);
    }
}

/* The message of a panic, as one of the model's. */
static const char *known_message(const char *message)
{
    static const char *const known[] = {"send on closed channel", "close of closed channel", "close of nil channel"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(message, known[i]) == 0)
            return known[i];
    fuzz_failed("a panic: %s", message);
}

void worker_tell(struct worker *w)
{
    weft_mutex_lock(&w->mutex);
    weft_cond_signal(&w->told);
    weft_mutex_unlock(&w->mutex);
}

static void wait_to_be_told(struct worker *w)
{
    weft_mutex_lock(&w->mutex);
    while (!w->busy && !w->quit)
        weft_cond_wait(&w->told, &w->mutex);
    weft_mutex_unlock(&w->mutex);
}

void worker_main(struct worker *w)
{
    static int turns; /* only compared; all goroutines of a simulation are in one thread */
    for (;;) {
        wait_to_be_told(w);
        if (w->quit)
            break;
        struct weft_panic_info info;
        memset(w->received, UNTOUCHED, sizeof w->received);
        w->outcome = (struct outcome){.index = 0};
        w->turn = ++turns;
        if (weft_recover(carry_out, w, &info))
            w->outcome = (struct outcome){.index = NONE, .panic = known_message(info.message)};
        w->busy = false;
    }
    w->ended = true;
}

bool worker_received(const struct worker *w, const struct outcome *outcome)
{
    for (int i = 0; i < w->op.count; i++) {
        unsigned char wanted[ELEMENT_MAX];
        memset(wanted, UNTOUCHED, sizeof wanted);
        if (i == outcome->index && w->op.cases[i].kind == CASE_RECV && !w->op.cases[i].drop)
            worker_encode(wanted, outcome->value, w->sizes[i]);
        if (memcmp(wanted, w->received[i], sizeof wanted) != 0)
            return false;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * context_calls.c - channel operations with a context.
 *
 * Each is the plain call when the context can never be cancelled; else it fails if the context is cancelled, goes the way
 * of the operation that needs no waiting, and otherwise is a select over the operation and the done channel. So a value
 * is either sent (received) or not: select has one winner (S-05), and keeps its waiters in this frame: nothing is allocated.
 * Locks:   those of select.
 * Callers: goroutines and threads; not signal handlers. */
#include "sync/context.h"

enum { OPERATION, DONE, CASES };

/* The first of one and the context's end. */
static int select_with(struct weft_context *context, struct weft_select_case one)
{
    struct weft_select_case cases[CASES] = {
        [OPERATION] = one,
        [DONE] = {.operation = WEFT_SELECT_RECV, .channel = &context->canceller->done},
    };
    return weft_select(cases, CASES) == OPERATION ? 0 : weft__context_error(context);
}

int weft_chan_send_ctx_untyped(weft_context *context, void *channel, const void *value)
{
    int error = weft__context_error(context);
    if (error != 0)
        return error;
    if (!weft__context_is_cancellable(context)) {
        weft__race_enter(WEFT__RACE_CALLER);
        weft_chan_send_untyped(channel, value);
        weft__race_leave();
        return 0;
    }
    weft__race_enter(WEFT__RACE_CALLER);
    if (!weft_chan_try_send_untyped(channel, value))
        error = select_with(context, (struct weft_select_case){
                                         .operation = WEFT_SELECT_SEND, .channel = channel, .value = (void *)value});
    weft__race_leave();
    return error;
}

int weft_chan_recv_ctx_untyped(weft_context *context, void *channel, void *value, bool *ok)
{
    bool received;
    int error = weft__context_error(context);
    if (error != 0)
        return error;
    weft__race_enter(WEFT__RACE_CALLER);
    if (!weft__context_is_cancellable(context))
        received = weft_chan_recv_untyped(channel, value);
    else if (!weft_chan_try_recv_untyped(channel, value, &received))
        error = select_with(context,
                            (struct weft_select_case){
                                .operation = WEFT_SELECT_RECV, .channel = channel, .value = value, .ok = &received});
    weft__race_leave();
    if (ok != NULL && error == 0) {
        weft__race_write(ok, sizeof *ok, WEFT__RACE_CALLER);
        *ok = received;
    }
    return error;
}

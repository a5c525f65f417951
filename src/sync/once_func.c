/* SPDX-License-Identifier: Apache-2.0
 *
 * once_func.c - a function that is called once, with its argument, its result and its panic.
 *
 * Data:       state, in the public struct: a once; then what the one call has come to. That is written by whoever makes the
 *             call, before the once is done, and read by those for whom it is.
 * Panics:     a deferred call looks at how the function ends, before the once's own deferred call lets the others go. It does
 *             not contain a panic (that is for the caller's weft_recover, if any), but keeps its message, for the
 *             others to panic with. The message is copied: it lies in a frame that is about to be left.
 * Life:       a call's last touch is reading the result: to be freed when all calls have returned.
 * Callers:    goroutines and threads; not signal handlers.
 * Source:     the rules of Go's sync.OnceFunc and OnceValue. */
#include <string.h>

#include <weft/context.h>
#include <weft/defer.h>
#include <weft/sync.h>

#include "sched/sched.h"

#define MESSAGE_SIZE 512 /* no panic's message is longer */

enum outcome { EXITED, PANICKED, RETURNED }; /* EXITED until it is known better */

/* may_alias: the public types have an array of words. */
struct __attribute__((may_alias)) state {
    weft_once once;
    enum outcome outcome; /* ordered by once, as the rest */
    void *value;
    char message[MESSAGE_SIZE];
};
_Static_assert(sizeof(struct state) <= sizeof(((weft_once_func *)NULL)->opaque), "the public words hold the state");
_Static_assert(sizeof(struct state) <= sizeof(((weft_once_value *)NULL)->opaque), "the public words hold the state");
_Static_assert(_Alignof(struct state) <= _Alignof(uint64_t), "the public words hold the state");

/* A panic that is under way is the one that has ended the function: while it runs in a deferred call of an older one it either
 * returns, or has a panic of its own, which is newer, or ends by weft_exit, which ends all panics. */
static void note_the_end(void *arg)
{
    struct state *state = arg;
    const struct weft__panic_entry *newest = weft__self()->panics;
    if (state->outcome == RETURNED || newest == NULL)
        return;
    state->outcome = PANICKED;
    size_t length = strnlen(newest->message, MESSAGE_SIZE - 1);
    memcpy(state->message, newest->message, length);
    state->message[length] = '\0';
}

static void call_func(void *arg)
{
    weft_once_func *once = arg;
    struct state *state = (struct state *)once->opaque;
    weft_defer(note_the_end, state);
    if (once->fn == NULL)
        weft__panic("sync: once_func without a function");
    once->fn(once->arg);
    state->outcome = RETURNED;
}

static void call_value(void *arg)
{
    weft_once_value *once = arg;
    struct state *state = (struct state *)once->opaque;
    weft_defer(note_the_end, state);
    if (once->fn == NULL)
        weft__panic("sync: once_value without a function");
    state->value = once->fn(once->arg);
    state->outcome = RETURNED;
}

static inline void must_have_returned(const struct state *state)
{
    if (WEFT__LIKELY(state->outcome == RETURNED))
        return;
    if (state->outcome == PANICKED)
        weft__panic("%s", state->message);
    weft__panic("sync: the function that is called once has ended by weft_exit");
}

void weft_once_func_call(weft_once_func *once)
{
    struct state *state = (struct state *)once->opaque;
    weft__race_enter(WEFT__RACE_CALLER);
    weft_once_do(&state->once, call_func, once);
    weft__race_leave();
    must_have_returned(state);
}

int weft_once_func_call_ctx(weft_context *context, weft_once_func *once)
{
    struct state *state = (struct state *)once->opaque;
    weft__race_enter(WEFT__RACE_CALLER);
    int error = weft_once_do_ctx(context, &state->once, call_func, once);
    weft__race_leave();
    if (error == 0)
        must_have_returned(state);
    return error;
}

void *weft_once_value_get(weft_once_value *once)
{
    struct state *state = (struct state *)once->opaque;
    weft__race_enter(WEFT__RACE_CALLER);
    weft_once_do(&state->once, call_value, once);
    weft__race_leave();
    must_have_returned(state);
    return state->value;
}

int weft_once_value_get_ctx(weft_context *context, weft_once_value *once, void **value)
{
    struct state *state = (struct state *)once->opaque;
    weft__race_enter(WEFT__RACE_CALLER);
    int error = weft_once_do_ctx(context, &state->once, call_value, once);
    weft__race_leave();
    if (error != 0)
        return error;
    must_have_returned(state);
    weft__race_write(value, sizeof *value, WEFT__RACE_CALLER);
    *value = state->value;
    return 0;
}

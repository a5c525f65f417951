/* SPDX-License-Identifier: Apache-2.0
 *
 * once.c - a call that is made once.
 *
 * Data:       a crowd (crowd.h) whose word has a phase above the crowd's bits: NEW, RUNNING, DONE; the event is DONE.
 * Invariants: the phase only grows; who brings it from NEW to RUNNING makes the call.
 * Cost:       one load when the call has been made, which <weft/sync.h> makes in the caller.
 * Life:       whoever has returned from weft_once_do may free the once (W-04): the caller's last touch is the exchange that
 *             brings DONE, or that of the release; who finds DONE with waiters not yet released joins them.
 * End:        a deferred call marks it, so fn that ends by weft_exit (or panics) counts as done, and lets the others go.
 * Callers:    goroutines and threads; not signal handlers. A call from inside fn for the same once waits for ever.
 * Source:     the rules of Go's sync.Once. */
#define WEFT_OUT_OF_LINE /* the functions themselves are defined here */
#include <stdio.h>

#include <weft/defer.h>
#include <weft/sync.h>

#include "sync/cancel.h"
#include "sync/crowd.h"
#include "sync/spin.h"

#define NEW UINT64_C(0)
#define RUNNING UINT64_C(4)
#define DONE UINT64_C(8)

_Static_assert(sizeof(struct weft__crowd) <= sizeof(weft_once), "the public words hold the once");
_Static_assert(_Alignof(struct weft__crowd) <= _Alignof(weft_once), "the public words hold the once");
_Static_assert(offsetof(struct weft__crowd, word) == 0 && DONE == WEFT__ONCE_DONE,
               "callers look for the end themselves");

static void describe(const void *object, char *buffer, size_t size)
{
    snprintf(buffer, size, "on once %p", object);
}

static const struct weft__wait_reason waiting = {.text = "once", .describe = describe};

static void complete(void *arg)
{
    struct weft__crowd *crowd = arg;
    weft__race_release(crowd);
    /* release: pairs with the load that finds DONE: fn happens before every return. The release of the crowd acquires what it needs. */
    uint64_t before = weft__add_release(&crowd->word, DONE - RUNNING);
    if ((before & WEFT__CROWD_WAITED) != 0)
        weft__crowd_release(crowd);
}

static void run(struct weft__crowd *crowd, void (*fn)(void *arg), void *arg)
{
    weft_defer(complete, crowd);
    fn(arg);
}

static __attribute__((noinline)) int do_slow(struct weft__crowd *crowd, void (*fn)(void *arg), void *arg,
                                             struct weft_context *context)
{
    for (unsigned turns = 0;;) {
        uint64_t word = weft__load_acquire(&crowd->word); /* pairs with complete's exchange, and with release's */
        if (word == DONE) {
            weft__race_acquire(crowd);
            return 0;
        }
        if (word == NEW) {
            if (weft__cas_relaxed(&crowd->word, &word, RUNNING)) { /* relaxed: nobody has done anything yet */
                run(crowd, fn, arg);
                return 0;
            }
        } else if ((word & WEFT__CROWD_BUSY) != 0) {
            weft__spin_turn(&turns);
        } else {
            enum weft__crowd_result result = weft__crowd_join(crowd, word, &waiting, crowd, context);
            if (result != WEFT__CROWD_CHANGED)
                return result == WEFT__CROWD_CANCELLED ? weft__context_error(context) : 0;
        }
    }
}

void weft_once_do(weft_once *once, void (*fn)(void *arg), void *arg)
{
    struct weft__crowd *crowd = (struct weft__crowd *)once;
    if (WEFT__LIKELY(weft__load_acquire(&crowd->word) == DONE)) { /* pairs with complete */
        weft__race_acquire(crowd);
        return;
    }
    weft__race_enter(WEFT__RACE_CALLER);
    do_slow(crowd, fn, arg, NULL);
    weft__race_leave();
}

int weft_once_do_ctx(weft_context *context, weft_once *once, void (*fn)(void *arg), void *arg)
{
    struct weft__crowd *crowd = (struct weft__crowd *)once;
    int error = weft__context_error(context);
    if (error != 0)
        return error;
    if (weft__load_acquire(&crowd->word) == DONE) { /* as above */
        weft__race_acquire(crowd);
        return 0;
    }
    weft__race_enter(WEFT__RACE_CALLER);
    error = do_slow(crowd, fn, arg, weft__context_is_cancellable(context) ? context : NULL);
    weft__race_leave();
    return error;
}

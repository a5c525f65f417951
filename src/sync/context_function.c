/* SPDX-License-Identifier: Apache-2.0
 *
 * context_function.c - functions that the cancellation of a context starts, each in a goroutine of its own.
 *
 * Data:       context.h. One block, with two references: the handle's, and that of whoever is to start the function (the
 *             context's list, then the goroutine or the timer that tries again).
 * Invariants: in the list <=> it can still be stopped. stop and cancel take it off under the context's lock, so that one of
 *             them wins and the other sees it.
 * Locks:      the context's (rank CONTEXT); none while a goroutine is started.
 * Life:       a function in the list keeps its context alive; without that stop would have no lock to take.
 * Callers:    goroutines and threads; the function itself too. */
#include <errno.h>

#include "port/port.h"
#include "sched/race.h"
#include "sync/context.h"

/* How long a start that found no memory or no stack is put off. The function is late then, but not lost. */
#define SPAWN_RETRY WEFT_MILLISECOND

static const struct weft_site function_site = {"src/sync/context_function.c", "weft_context_after_func", 0, 0};

static void drop(struct weft_context_function *function)
{
    /* acq_rel: as any count of references. */
    if (weft__add_acq_rel(&function->references, -1u) != 1)
        return;
    weft__timer_remove(&function->retry); /* waits until fire, which started the goroutine, has left it */
    weft_context_release(function->context);
    weft__port_free(function);
}

static void run(void *arg)
{
    struct weft_context_function *function = arg;
    void (*fn)(void *) = function->fn;
    void *fn_arg = function->arg;
    drop(function);
    fn(fn_arg);
}

static int start(struct weft_context_function *function)
{
    weft__race_origin(&function->race_made);
    weft__race_origin(&function->context->canceller->done.race_closed);
    return weft__spawn_call(run, function, &function_site);
}

/* Runs under the heap's lock. */
static bool try_again(struct weft__timer *timer, int64_t now)
{
    int error = start(WEFT__CONTAINER(timer, struct weft_context_function, retry));
    if (error != -ENOMEM && error != -EAGAIN)
        return false; /* started, or the run is over */
    timer->when = now + SPAWN_RETRY;
    return true;
}

void weft__context_function_start(struct weft_context_function *function)
{
    for (;;) {
        int error = start(function);
        if (error == 0)
            return;
        if (error == -ENOMEM || error == -EAGAIN)
            error = weft__timer_add(&function->retry, weft__deadline(SPAWN_RETRY));
        if (error == 0)
            return;
        if (error != -EBUSY)
            break;
        weft__port_thread_sleep(SPAWN_RETRY); /* a plain thread beside a simulated run, where it has no timers */
    }
    drop(function); /* no run is going on: there is nobody to call it */
}

weft_context_function *weft_context_after_func(weft_context *context, void (*fn)(void *arg), void *arg)
{
    if (WEFT__UNLIKELY(context == NULL || fn == NULL))
        weft__panic("context: %s is NULL", context == NULL ? "the context" : "the function");
    struct weft_context_function *function = weft__port_alloc(sizeof *function, _Alignof(struct weft_context_function));
    if (function == NULL)
        return NULL;
    *function = (struct weft_context_function){
        .context = weft_context_retain(context),
        .fn = fn,
        .arg = arg,
        .retry = {.fire = try_again, .keeps_alive = true},
    };
    weft__link_init(&function->link);
    weft__store_relaxed(&function->references, 1u); /* nobody else knows of it */
    struct weft__canceller *canceller = context->canceller;
    if (canceller == NULL)
        return function;
    weft__store_relaxed(&function->references, 2u); /* published by the lock, or by the spawn */
    weft__race_publish(&function->race_made);
    weft__context_lock(canceller);
    bool closed = weft__canceller_is_closed(canceller);
    if (!closed)
        weft__link_add(&canceller->functions, &function->link);
    weft__context_unlock(canceller);
    if (closed)
        weft__context_function_start(function);
    return function;
}

bool weft_context_function_stop(weft_context_function *function)
{
    struct weft__canceller *canceller = function->context->canceller;
    if (canceller == NULL) /* acq_rel: only its being one atomic step matters */
        return weft__exchange_acq_rel(&function->stopped, 1u) == 0;
    weft__context_lock(canceller);
    bool stopped = !weft__link_is_alone(&function->link);
    weft__link_remove(&function->link);
    weft__context_unlock(canceller);
    if (stopped)
        drop(function); /* the list's reference: the handle's is still there */
    return stopped;
}

void weft_context_function_free(weft_context_function *function)
{
    if (function == NULL)
        return;
    weft_context_function_stop(function);
    drop(function);
}

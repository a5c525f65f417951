/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/context.h - contexts: cancellation, deadlines and values that are handed down through calls and goroutines.
 *
 *   weft_context *ctx = weft_context_with_timeout(weft_context_background(), 2 * WEFT_SECOND);
 *   int error = weft_chan_recv_ctx(ctx, replies, &reply);       0, -ETIMEDOUT, or -ECANCELED
 *   weft_context_free(ctx);
 *
 * Contexts form a tree: what cancels one cancels all that were made from it. Cancelling never stops a goroutine: it closes a
 * channel (weft_context_done) and makes the calls that take the context return an error, those that wait already and
 * those to come. Calls that take none go on waiting, as in Go.
 *
 * Who keeps it alive: whoever made a context owns one reference, children hold one of their parent. A goroutine that uses
 * a context needs an owner that outlives it (one that waits for it, or a scope), or a reference of its own:
 * weft_context_retain before the spawn, weft_context_release at its end. */
#ifndef WEFT_CONTEXT_H
#define WEFT_CONTEXT_H

#include <weft/base.h>
#include <weft/chan.h>
#include <weft/select.h>
#include <weft/sync.h>

typedef struct weft_context weft_context;

/* What weft_context_after_func returns. */
typedef struct weft_context_function weft_context_function;

WEFT_BEGIN_DECLS

/** weft_context_background - the root: never cancelled, no deadline, no values; lives as long as the program.
 *  Blocks: never. Callable from: anywhere. Returns: the same context each time. Source: Go's context.Background. */
WEFT_API weft_context *weft_context_background(void);

/** weft_context_current - the context of the scope (weft/scope.h) that the calling goroutine was started in or has open;
 *  the background's outside of scopes.
 *  Blocks: never. Callable from: goroutines and threads. Returns: the context, which its scope keeps alive.
 *  Source: structured concurrency, as in Trio's nurseries. */
WEFT_API weft_context *weft_context_current(void);

/** weft_context_with_cancel - a child that weft_context_cancel cancels, or whatever cancels parent.
 *  Parameters: parent, not NULL (that panics). If it is cancelled already, the child is born cancelled with its cause.
 *  Blocks: never. Callable from: goroutines and threads.
 *  Returns: the context, to be given back with weft_context_free; NULL without memory. Source: Go's WithCancelCause. */
WEFT_API weft_context *weft_context_with_cancel(weft_context *parent);

/** weft_context_with_deadline - as weft_context_with_cancel, and cancelled (-ETIMEDOUT) when the clock reaches when.
 *  Parameters: when, on weft_now's clock; a parent's deadline that is earlier counts; one that has passed cancels at once.
 *  Blocks: never. Callable from: goroutines, and threads during a run.
 *  Returns: as weft_context_with_cancel. Source: Go's WithDeadline. */
WEFT_API weft_context *weft_context_with_deadline(weft_context *parent, int64_t when);

/** weft_context_with_deadline_cause - weft_context_with_deadline with a cause for the time-out.
 *  Parameters: cause, what weft_context_cause gives if this deadline was what cancelled it (0: -ETIMEDOUT).
 *  Blocks: never. Callable from: as weft_context_with_deadline. Returns: likewise. Source: Go's WithDeadlineCause. */
WEFT_API weft_context *weft_context_with_deadline_cause(weft_context *parent, int64_t when, int cause);

/** weft_context_with_timeout - weft_context_with_deadline, duration nanoseconds from now.
 *  Blocks: never. Callable from: as weft_context_with_deadline. Returns: likewise. Source: Go's WithTimeout. */
WEFT_API weft_context *weft_context_with_timeout(weft_context *parent, int64_t duration);

/** weft_context_with_timeout_cause - weft_context_with_deadline_cause, duration nanoseconds from now.
 *  Blocks: never. Callable from: as weft_context_with_deadline. Returns: likewise. Source: Go's WithTimeoutCause. */
WEFT_API weft_context *weft_context_with_timeout_cause(weft_context *parent, int64_t duration, int cause);

/** weft_context_with_value - a child that has a value for key; cancelled when parent is.
 *  Parameters: key, the address of something of the caller's (a static object), compared as an address; not NULL (that
 *  panics). value, kept alive by the caller.
 *  Blocks: never. Callable from: goroutines and threads. Returns: as weft_context_with_cancel. Source: Go's WithValue. */
WEFT_API weft_context *weft_context_with_value(weft_context *parent, const void *key, void *value);

/** weft_context_without_cancel - a child that has parent's values, and neither its cancellation nor its deadline.
 *  Blocks: never. Callable from: goroutines and threads. Returns: as weft_context_with_cancel.
 *  Source: Go's WithoutCancel. */
WEFT_API weft_context *weft_context_without_cancel(weft_context *parent);

/** weft_context_cancel - cancel the context and everything below it; again has no effect.
 *  Note: It does not wait for those that it wakes. A context that has no state of its own (the background, with_value,
 *  without_cancel) panics.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: the call happens before whatever sees it: the end of a wait
 *  on done, an error. Source: Go's CancelFunc. */
WEFT_API void weft_context_cancel(weft_context *context);

/** weft_context_cancel_cause - weft_context_cancel, with a cause that weft_context_cause gives, here and below.
 *  Parameters: cause, an int that means something to the program, such as a negative errno (0: -ECANCELED). The first
 *  cancellation's counts. Blocks: never. Callable from: goroutines and threads. Ordering: as weft_context_cancel.
 *  Source: Go's CancelCauseFunc. */
WEFT_API void weft_context_cancel_cause(weft_context *context, int cause);

/** weft_context_free - the maker's end: cancel the context, if that applies to its kind, and drop the maker's reference.
 *  NULL is ignored. Note: What uses it without a reference must have ended.
 *  Blocks: never. Callable from: goroutines and threads, once per context. Source: Go's defer cancel(). */
WEFT_API void weft_context_free(weft_context *context);

/** weft_context_retain - one more reference. Blocks: never. Callable from: who has one. Returns: context.
 *  Source: reference counting. */
WEFT_API weft_context *weft_context_retain(weft_context *context);

/** weft_context_release - one reference less, without cancelling; the last one frees the context. NULL is ignored.
 *  Blocks: never. Callable from: who has one. Ordering: what every owner did happens before the context goes.
 *  Source: reference counting. */
WEFT_API void weft_context_release(weft_context *context);

/** weft_context_err - whether and why the context is cancelled.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: the cancellation happens before a call that sees it.
 *  Returns: 0, -ECANCELED, or -ETIMEDOUT if it was a deadline; done is closed then and only then. Source: Go's Err. */
WEFT_API int weft_context_err(const weft_context *context);

/** weft_context_cause - why it was cancelled, as the first who did so said.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: as weft_context_err.
 *  Returns: 0 if it is not cancelled; the cause; weft_context_err's value if none was given. Source: Go's Cause. */
WEFT_API int weft_context_cause(const weft_context *context);

/** weft_context_deadline - when the context will be cancelled at the latest.
 *  Parameters: when, may be NULL: set to the earliest deadline of it and its ancestors, on weft_now's clock.
 *  Blocks: never. Callable from: goroutines and threads. Returns: false if there is none. Source: Go's Deadline. */
WEFT_API bool weft_context_deadline(const weft_context *context, int64_t *when);

/** weft_context_value - the value for key of the nearest ancestor (or itself) that has one.
 *  Blocks: never; it takes no lock. Callable from: goroutines and threads. Returns: the value, or NULL.
 *  Source: Go's Value. */
WEFT_API void *weft_context_value(const weft_context *context, const void *key);

/** weft_context_done_untyped - a channel that is closed when the context is cancelled; weft_context_done is the typed form.
 *  Nothing is ever sent on it. It belongs to the context, and is not to be freed.
 *  Blocks: never. Callable from: goroutines and threads.
 *  Returns: the channel, of bool; NULL (never ready) if the context can never be cancelled. Source: Go's Done. */
WEFT_API void *weft_context_done_untyped(weft_context *context);

/** weft_context_after_func - call fn(arg) in a goroutine of its own when the context is cancelled; now, if it is.
 *  Parameters: context, which the handle keeps alive; fn, not NULL (that panics).
 *  Blocks: never. Callable from: goroutines, and threads during a run.
 *  Ordering: this call, and the cancellation, happen before fn.
 *  Returns: a handle, to be given back with weft_context_function_free; NULL without memory. Source: Go's AfterFunc. */
WEFT_API weft_context_function *weft_context_after_func(weft_context *context, void (*fn)(void *arg), void *arg);

/** weft_context_function_stop - keep the function from being called.
 *  Blocks: never; it does not wait for a function that has started. Callable from: goroutines and threads.
 *  Returns: true if the call stopped it; false if it had been stopped or started. Source: AfterFunc's stop. */
WEFT_API bool weft_context_function_stop(weft_context_function *function);

/** weft_context_function_free - stop it, and give the handle back; what has started goes on. NULL is ignored.
 *  Blocks: never. Callable from: the owner; the function itself may. Source: who makes it frees it. */
WEFT_API void weft_context_function_free(weft_context_function *function);

/** weft_chan_send_ctx_untyped - weft_chan_send with a context; weft_chan_send_ctx(ctx, c, value) is the typed form.
 *  Parameters: as weft_chan_send_untyped; context, not NULL. One that is cancelled already wins over a channel that is ready.
 *  Blocks: until the value is sent or the context is cancelled. Callable from: goroutines and threads.
 *  Ordering: as weft_chan_send_untyped, or as weft_context_err.
 *  Returns: 0: sent; -ECANCELED or -ETIMEDOUT: not sent. Source: Go's select over a send and Done. */
WEFT_API int weft_chan_send_ctx_untyped(weft_context *context, void *channel, const void *value);

/** weft_chan_recv_ctx_untyped - weft_chan_recv with a context; weft_chan_recv_ctx(ctx, c, &value[, &ok]) is the typed form.
 *  Parameters: as weft_chan_recv_untyped; context, not NULL; ok, may be NULL: false if the channel is closed and drained.
 *  Blocks: until there is a value, the channel is closed or the context is cancelled. Callable from: goroutines and threads.
 *  Ordering: as weft_chan_recv_untyped, or as weft_context_err.
 *  Returns: 0: *value and *ok are what a receive gives; -ECANCELED or -ETIMEDOUT: both are untouched, nothing was
 *  received. Source: Go's select over a receive and Done. */
WEFT_API int weft_chan_recv_ctx_untyped(weft_context *context, void *channel, void *value, bool *ok);

/** weft_sleep_ctx - weft_sleep with a context. Blocks: for duration, or until the context is cancelled.
 *  Callable from: goroutines and threads. Ordering: as weft_context_err.
 *  Returns: 0 after duration; -ECANCELED or -ETIMEDOUT, also at once. Source: Go's select over After and Done. */
WEFT_API int weft_sleep_ctx(weft_context *context, int64_t duration);

/** weft_waitgroup_wait_ctx - weft_waitgroup_wait with a context.
 *  Blocks: until the counter is zero or the context is cancelled. Callable from: goroutines and threads.
 *  Ordering: as weft_waitgroup_wait, or as weft_context_err. Note: After an error the wait group is still in use by
 *  those that it counts. Returns: 0: the counter was zero; -ECANCELED or -ETIMEDOUT. Source: Go's WaitGroup.Wait. */
WEFT_API int weft_waitgroup_wait_ctx(weft_context *context, weft_waitgroup *wg);

/** weft_mutex_lock_ctx - weft_mutex_lock with a context; one that is cancelled already wins over a mutex that is free.
 *  Blocks: until the mutex is the caller's, or the context is cancelled. Callable from: goroutines and threads.
 *  Ordering: as weft_mutex_lock, or as weft_context_err.
 *  Returns: 0: locked; -ECANCELED or -ETIMEDOUT: not. Source: Go's sync.Mutex, with the context of a select. */
WEFT_API int weft_mutex_lock_ctx(weft_context *context, weft_mutex *mutex);

/** weft_once_do_ctx - weft_once_do, where waiting for another's call takes a context; a call of fn itself runs to its end.
 *  Blocks: until fn has ended, or the context is cancelled. Callable from: as weft_once_do.
 *  Ordering: as weft_once_do, or as weft_context_err.
 *  Returns: 0: fn has ended; -ECANCELED or -ETIMEDOUT: fn was not called by this call. Source: Go's sync.Once. */
WEFT_API int weft_once_do_ctx(weft_context *context, weft_once *once, void (*fn)(void *arg), void *arg);

/** weft_once_func_call_ctx - weft_once_func_call with a context; as weft_once_do_ctx.
 *  Blocks: until the function has ended, or the context is cancelled. Callable from: as weft_once_do.
 *  Ordering: as weft_once_do, or as weft_context_err.
 *  Returns: 0: the function has returned; -ECANCELED or -ETIMEDOUT: it was not called by this call.
 *  Source: Go's sync.OnceFunc. */
WEFT_API int weft_once_func_call_ctx(weft_context *context, weft_once_func *once);

/** weft_once_value_get_ctx - weft_once_value_get with a context; as weft_once_do_ctx.
 *  Parameters: value, set to what the function returned; untouched after an error.
 *  Blocks: until the function has ended, or the context is cancelled. Callable from: as weft_once_do.
 *  Ordering: as weft_once_do, or as weft_context_err. Returns: as weft_once_func_call_ctx. Source: Go's sync.OnceValue. */
WEFT_API int weft_once_value_get_ctx(weft_context *context, weft_once_value *once, void **value);

WEFT_END_DECLS

#ifndef __cplusplus

/* weft_context_done(ctx) - a weft_recv_chan(bool); see weft_context_done_untyped. */
#define weft_context_done(context) ((weft_recv_chan(bool))weft_context_done_untyped(context))

/* weft_on_done(ctx) - a case of a select: the context is cancelled. */
#define weft_on_done(context)                                                                                          \
    ((struct weft_select_case){.operation = WEFT_SELECT_RECV, .channel = weft_context_done_untyped(context)})

/* weft_chan_send_ctx(ctx, c, value) - 0 or an error; see weft_chan_send_ctx_untyped. */
#define weft_chan_send_ctx(context, c, value)                                                                          \
    __extension__({                                                                                                    \
        WEFT__MUST_SEND(c);                                                                                            \
        WEFT__MUST_STORE(c, value);                                                                                    \
        weft_context *weft__context = (context);                                                                       \
        void *weft__c = (void *)(c);                                                                                   \
        weft_chan_element(c) weft__v = (value);                                                                        \
        weft_chan_send_ctx_untyped(weft__context, weft__c, &weft__v);                                                  \
    })

/* weft_chan_recv_ctx(ctx, c, &value[, &ok]) - 0 or an error; see weft_chan_recv_ctx_untyped. */
#define weft_chan_recv_ctx(...) WEFT__RECV_CTX_PICK(__VA_ARGS__, WEFT__RECV_CTX_OK, WEFT__RECV_CTX, 0, 0)(__VA_ARGS__)
#define WEFT__RECV_CTX_PICK(context, c, pointer, ok, name, ...) name
#define WEFT__RECV_CTX(context, c, pointer) WEFT__RECV_CTX_OK(context, c, pointer, NULL)
#define WEFT__RECV_CTX_OK(context, c, pointer, ok)                                                                     \
    __extension__({                                                                                                    \
        WEFT__MUST_RECV(c);                                                                                            \
        WEFT__MUST_FILL(c, pointer);                                                                                   \
        WEFT__MUST_SET(ok);                                                                                            \
        weft_chan_recv_ctx_untyped((context), (void *)(c), (pointer), (ok));                                           \
    })

/* weft_chan_range_ctx(ctx, T, name, c) { ... } - as weft_chan_range; it ends when the context is cancelled, too:
 * weft_context_err(ctx) tells. ctx and c are evaluated once. */
#define weft_chan_range_ctx(context, T, name, c)                                                                       \
    for (weft_context * WEFT__CAT(weft__context_, name) = (context); WEFT__CAT(weft__context_, name) != NULL;          \
         WEFT__CAT(weft__context_, name) = NULL)                                                                       \
        for (__typeof__(T) name, *WEFT__CAT(weft__range_, name) = (__typeof__(T) *)WEFT__RANGE_OF(T, c);               \
             weft__chan_range_next(WEFT__CAT(weft__context_, name), WEFT__CAT(weft__range_, name), &name);)

static inline __attribute__((unused)) bool weft__chan_range_next(weft_context *context, void *channel, void *value)
{
    bool ok;
    return weft_chan_recv_ctx_untyped(context, channel, value, &ok) == 0 && ok;
}

#endif

#endif

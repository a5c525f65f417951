/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/defer.h - calls that run when their scope ends, or when weft_exit or a panic ends the goroutine. */
#ifndef WEFT_DEFER_H
#define WEFT_DEFER_H

#include <weft/base.h>

/* One pending call. It lives in the frame that deferred; the fields are the library's. */
struct weft_deferred {
    void (*fn)(void *arg);
    void *arg;
    struct weft_deferred *next;
    void *owner;
};

WEFT_BEGIN_DECLS

/** weft_defer_push - put a call on the goroutine's list of deferred calls. Prefer weft_defer(fn, arg).
 *  Parameters: deferred, filled in with fn and arg, alive until it has run. Blocks: never.
 *  Callable from: goroutines and threads (a thread's deferred calls run at scope end and on panic).
 *  Source: Go's defer statement. */
WEFT_API void weft_defer_push(struct weft_deferred *deferred);

/** weft_defer_run - take a call off the list and make it, unless weft_exit or a panic has made it already.
 *  Parameters: deferred, the most recent one that was pushed by this goroutine. Blocks: if fn does.
 *  Callable from: the goroutine that pushed it. Source: Go's deferreturn. */
WEFT_API void weft_defer_run(struct weft_deferred *deferred);

WEFT_END_DECLS

/* weft_defer(fn, arg) - call fn(arg) when the enclosing scope ends (note: the scope, not the function as in Go),
 * last deferred first; also when weft_exit or a panic ends the goroutine. fn is a void (*)(void *). */
#define weft_defer(fn, arg) WEFT__DEFER(fn, arg, WEFT__CAT(weft__deferred_, __COUNTER__))
#ifndef __cplusplus /* which refuses another function by itself */
#define WEFT__MUST_DEFER(fn)                                                                                           \
    _Static_assert(__builtin_types_compatible_p(__typeof__(&*(fn)), void (*)(void *)),                                 \
                   "weft: what is deferred is not a void (void *)")
#else
#define WEFT__MUST_DEFER(fn) static_assert(true, "")
#endif
#define WEFT__DEFER(fn, arg, name)                                                                                     \
    WEFT__MUST_DEFER(fn);                                                                                              \
    __attribute__((cleanup(weft_defer_run))) struct weft_deferred name = {(fn), (void *)(arg), NULL, NULL};            \
    weft_defer_push(&name)

#endif

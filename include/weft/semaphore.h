/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/semaphore.h - a number of tokens, of which callers take one or several at a time: at most so many downloads at once, so
 * many bytes in memory. Lives where you put it and needs no clean-up; it may not be copied or moved while it is in use.
 *
 *     static weft_semaphore downloads = WEFT_SEMAPHORE_INIT(8);
 *     weft_semaphore_acquire(&downloads, 1);
 *     ...
 *     weft_semaphore_release(&downloads, 1);
 *
 * Strictly first come, first served: one that waits for many tokens keeps those behind it waiting, though there be enough for
 * them, and so gets its own in the end. A zeroed semaphore has no tokens. */
#ifndef WEFT_SEMAPHORE_H
#define WEFT_SEMAPHORE_H

#include <weft/base.h>
#include <weft/context.h>

typedef struct weft_semaphore {
    uint64_t opaque[4];
} weft_semaphore;

/* How many tokens there are: an int64_t, at most 2^60. */
/* clang-format off */
#define WEFT_SEMAPHORE_INIT(tokens) {{(uint64_t)(tokens)}}
/* clang-format on */

WEFT_BEGIN_DECLS

/** weft_semaphore_acquire - take n tokens.
 *  Parameters: n, how many; a negative number panics.
 *  Blocks: until all who came before have got theirs and n are there; a goroutine parks. More than there are in all: for ever.
 *  Callable from: goroutines and threads. Ordering: the releases that made it possible happen before the return.
 *  Source: Go's golang.org/x/sync/semaphore, Weighted.Acquire. */
WEFT_API void weft_semaphore_acquire(weft_semaphore *semaphore, int64_t n);

/** weft_semaphore_acquire_ctx - weft_semaphore_acquire with a context; one that is cancelled wins over tokens that are there.
 *  Blocks: as weft_semaphore_acquire, or until the context is cancelled. Callable from: goroutines and threads.
 *  Ordering: as weft_semaphore_acquire, or as weft_context_err.
 *  Returns: 0: the caller has n tokens; -ECANCELED or -ETIMEDOUT: it has none. Source: Go's Weighted.Acquire. */
WEFT_API int weft_semaphore_acquire_ctx(weft_context *context, weft_semaphore *semaphore, int64_t n);

/** weft_semaphore_try_acquire - take n tokens if they are there and nobody waits.
 *  Parameters: n, how many; a negative number panics.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: as acquire if it succeeds, else none.
 *  Returns: true if taken. Source: Go's Weighted.TryAcquire. */
WEFT_API bool weft_semaphore_try_acquire(weft_semaphore *semaphore, int64_t n);

/** weft_semaphore_release - give n tokens back; any goroutine or thread may. More than are taken, or a negative number, panics.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: it happens before the return of each acquire that it makes
 *  possible. Source: Go's Weighted.Release. */
WEFT_API void weft_semaphore_release(weft_semaphore *semaphore, int64_t n);

WEFT_END_DECLS

#endif

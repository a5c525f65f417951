/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/cond.h - a condition: wait, with a lock, for what others will tell. Valid when zeroed, lives where you put it and needs
 * no clean-up; it may not be copied or moved once it has been used (a copy that is used panics).
 *
 *     weft_mutex_lock(&mutex);
 *     while (!ready)
 *         weft_cond_wait(&cond, &mutex);
 *     ...
 *     weft_mutex_unlock(&mutex);
 *
 * A wait ends only when it was told to; the loop is there because somebody else may have had the lock in between. A channel
 * is often simpler. */
#ifndef WEFT_COND_H
#define WEFT_COND_H

#include <weft/base.h>
#include <weft/context.h>
#include <weft/rwmutex.h>
#include <weft/sync.h>

typedef struct weft_cond {
    uint64_t opaque[4];
} weft_cond;

/* clang-format off */
#define WEFT_COND_INIT {{0}}
/* clang-format on */

WEFT_BEGIN_DECLS

/** weft_cond_wait - give the mutex back, wait to be told, and take it again.
 *  From the moment that the mutex is free, signal and broadcast find the caller: none is missed.
 *  Blocks: until signal or broadcast tells this waiter, then for the mutex; a goroutine parks. Callable from: goroutines and
 *  threads that have the mutex. Ordering: the signal or broadcast happens before the return; and as unlock and lock.
 *  Source: Go's Cond.Wait. */
WEFT_API void weft_cond_wait(weft_cond *cond, weft_mutex *mutex);

/** weft_cond_wait_write - weft_cond_wait with a rwmutex that the caller has for writing.
 *  Blocks: as weft_cond_wait. Callable from: goroutines and threads that have the lock. Ordering: as weft_cond_wait.
 *  Source: Go's Cond with a RWMutex. */
WEFT_API void weft_cond_wait_write(weft_cond *cond, weft_rwmutex *rwmutex);

/** weft_cond_wait_read - weft_cond_wait with a rwmutex that the caller has for reading.
 *  Blocks: as weft_cond_wait. Callable from: goroutines and threads that have the lock. Ordering: as weft_cond_wait.
 *  Source: Go's Cond with RWMutex.RLocker. */
WEFT_API void weft_cond_wait_read(weft_cond *cond, weft_rwmutex *rwmutex);

/** weft_cond_wait_ctx - weft_cond_wait with a context. The caller has the mutex afterwards in any case.
 *  Note: The context does not cut short the wait for the mutex. No signal is lost to a waiter that is cancelled: it goes to the
 *  next one. Blocks: until signal or broadcast tells this waiter or the context is cancelled, then for the mutex.
 *  Callable from: as weft_cond_wait. Ordering: as weft_cond_wait, or as weft_context_err.
 *  Returns: 0: it was told; -ECANCELED or -ETIMEDOUT: it was not. Source: Go's Cond.Wait, with the context of a select. */
WEFT_API int weft_cond_wait_ctx(weft_context *context, weft_cond *cond, weft_mutex *mutex);

/** weft_cond_wait_write_ctx - weft_cond_wait_ctx with a rwmutex that the caller has for writing.
 *  Blocks: as weft_cond_wait_ctx. Callable from: goroutines and threads that have the lock. Ordering: as weft_cond_wait_ctx.
 *  Returns: as weft_cond_wait_ctx. Source: Go's Cond with a RWMutex. */
WEFT_API int weft_cond_wait_write_ctx(weft_context *context, weft_cond *cond, weft_rwmutex *rwmutex);

/** weft_cond_wait_read_ctx - weft_cond_wait_ctx with a rwmutex that the caller has for reading.
 *  Blocks: as weft_cond_wait_ctx. Callable from: goroutines and threads that have the lock. Ordering: as weft_cond_wait_ctx.
 *  Returns: as weft_cond_wait_ctx. Source: Go's Cond with RWMutex.RLocker. */
WEFT_API int weft_cond_wait_read_ctx(weft_context *context, weft_cond *cond, weft_rwmutex *rwmutex);

/** weft_cond_signal - tell the one that has waited longest, if any; with the lock or without.
 *  Note: nothing is stored, and nobody who begins to wait later is told.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: it happens before the return of the wait that it ends.
 *  Source: Go's Cond.Signal. */
WEFT_API void weft_cond_signal(weft_cond *cond);

/** weft_cond_broadcast - tell all that wait; with the lock or without.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: it happens before the return of the waits that it ends.
 *  Source: Go's Cond.Broadcast. */
WEFT_API void weft_cond_broadcast(weft_cond *cond);

WEFT_END_DECLS

#endif

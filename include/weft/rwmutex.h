/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/rwmutex.h - a lock that many readers have at once, or one writer alone. Valid when zeroed, lives where you put it and
 * needs no clean-up; it may not be copied or moved while it is in use.
 *
 * A writer that waits for readers to leave keeps new readers out; when a writer leaves, all readers that wait enter before
 * the next writer. So neither starves the other, and a reader that locks again what it has locked may wait for ever. */
#ifndef WEFT_RWMUTEX_H
#define WEFT_RWMUTEX_H

#include <weft/base.h>
#include <weft/context.h>

typedef struct weft_rwmutex {
    uint64_t opaque[8];
} weft_rwmutex;

/* clang-format off */
#define WEFT_RWMUTEX_INIT {{0}}
/* clang-format on */

WEFT_BEGIN_DECLS

/** weft_rwmutex_rlock - take the lock for reading, beside other readers.
 *  Blocks: while a writer has it or waits for readers to leave; a goroutine parks. Callable from: goroutines and threads.
 *  Ordering: the unlock of each writer that had it before happens before the return. Note: not recursive.
 *  Source: Go's RWMutex.RLock. */
WEFT_API void weft_rwmutex_rlock(weft_rwmutex *rwmutex);

/** weft_rwmutex_rlock_ctx - weft_rwmutex_rlock with a context; one that is cancelled already wins over a lock that is free.
 *  Blocks: as weft_rwmutex_rlock, or until the context is cancelled. Callable from: goroutines and threads.
 *  Ordering: as weft_rwmutex_rlock, or as weft_context_err.
 *  Returns: 0: locked; -ECANCELED or -ETIMEDOUT: not. Source: Go's RWMutex.RLock, with the context of a select. */
WEFT_API int weft_rwmutex_rlock_ctx(weft_context *context, weft_rwmutex *rwmutex);

/** weft_rwmutex_try_rlock - take the lock for reading if no writer has it or waits for readers to leave.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: as rlock if it succeeds, else none.
 *  Returns: true if taken. Source: Go's RWMutex.TryRLock. */
WEFT_API bool weft_rwmutex_try_rlock(weft_rwmutex *rwmutex);

/** weft_rwmutex_runlock - give the lock back after reading; any goroutine or thread may. Without a reader it is fatal.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: it happens before the return of the next writer's lock.
 *  Source: Go's RWMutex.RUnlock. */
WEFT_API void weft_rwmutex_runlock(weft_rwmutex *rwmutex);

/** weft_rwmutex_lock - take the lock for writing, alone.
 *  Blocks: until the readers and the writer that have it have left; a goroutine parks. A writer that has waited for 1 ms is
 *  handed the lock before other writers. Callable from: goroutines and threads. Ordering: every unlock and runlock before it
 *  happens before the return. Note: not recursive; a reader cannot become a writer. Source: Go's RWMutex.Lock. */
WEFT_API void weft_rwmutex_lock(weft_rwmutex *rwmutex);

/** weft_rwmutex_lock_ctx - weft_rwmutex_lock with a context; one that is cancelled already wins over a lock that is free.
 *  Readers that it has kept out are let in when it gives up.
 *  Blocks: as weft_rwmutex_lock, or until the context is cancelled. Callable from: goroutines and threads.
 *  Ordering: as weft_rwmutex_lock, or as weft_context_err.
 *  Returns: 0: locked; -ECANCELED or -ETIMEDOUT: not. Source: Go's RWMutex.Lock, with the context of a select. */
WEFT_API int weft_rwmutex_lock_ctx(weft_context *context, weft_rwmutex *rwmutex);

/** weft_rwmutex_trylock - take the lock for writing if nobody has it (and nobody is owed it).
 *  Blocks: never. Callable from: goroutines and threads. Ordering: as lock if it succeeds, else none.
 *  Returns: true if taken. Source: Go's RWMutex.TryLock. */
WEFT_API bool weft_rwmutex_trylock(weft_rwmutex *rwmutex);

/** weft_rwmutex_unlock - give the lock back after writing; any goroutine or thread may. Without a writer it is fatal.
 *  Blocks: never (it may let the next owner run first). Callable from: goroutines and threads. Ordering: it happens before
 *  the return of each rlock and lock that takes the lock after it. Source: Go's RWMutex.Unlock. */
WEFT_API void weft_rwmutex_unlock(weft_rwmutex *rwmutex);

WEFT_END_DECLS

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/pool.h - objects that are dear to make and cheap to use again (a buffer, a parser, a prepared statement), which goroutines
 * take and give back without waiting for each other.
 *
 *     static void *make_buffer(void *arg)                     static void drop_buffer(void *buffer, void *arg)
 *     {                                                       {
 *         return malloc(1 << 20);                                 free(buffer);
 *     }                                                       }
 *
 *     static weft_pool buffers = WEFT_POOL_INIT(make_buffer, drop_buffer);
 *     char *buffer = weft_pool_get(&buffers);      one that was given back, or a new one; its content is what it was
 *     ...
 *     weft_pool_put(&buffers, buffer);
 *
 * Each processor keeps objects of its own, the one given back last on top. Who finds none there takes one that another processor
 * keeps, and else makes one. What a get returns is the caller's alone until it is put back; which object that is, is not said.
 *
 * How many: a processor keeps at most `keep` objects, and so do all plain threads together; what is put beyond that is destroyed.
 * An object that nobody needs any more stays until weft_pool_trim, which destroys those that were not used since the trim before:
 * called every minute, say, it lets go of what was not needed for one to two minutes.
 *
 * The pool lives where you put it, also across runs, and may not be copied or moved once it is used. weft_pool_clear destroys what
 * it keeps. Objects that are out are none of its business: they may be kept for ever, destroyed by hand, or put into another pool. */
#ifndef WEFT_POOL_H
#define WEFT_POOL_H

#include <weft/base.h>

/* Set the fields before the first use, and leave them so. All zero: a pool that keeps what it is given.
 *   make     a new object, for weft_pool_get; NULL: there is none. It may park, and use the pool; NULL: get returns NULL
 *   destroy  the end of an object that the pool lets go of; it may park, and not use the pool. NULL: objects need no end
 *   arg      handed to both
 *   keep     how many objects a processor keeps; 0: 128; negative: none; beyond 65,536: 65,536 */
typedef struct weft_pool {
    void *(*make)(void *arg);
    void (*destroy)(void *object, void *arg);
    void *arg;
    int keep;
    uint64_t opaque;
} weft_pool;

/* clang-format off */
#define WEFT_POOL_INIT(make, destroy) {(make), (destroy), NULL, 0, 0}
/* clang-format on */

WEFT_BEGIN_DECLS

/** weft_pool_get - take an object that is kept, or have one made.
 *  Blocks: never, but for what make does. Callable from: goroutines and threads, in and out of runs.
 *  Ordering: the put that gave the object happens before the return; nothing else does.
 *  Returns: the object; NULL: none is kept, and make is NULL or has returned NULL. One that is kept, wherever, is found; but
 *  for one that is put or taken at the same time. Source: Go's sync.Pool.Get. */
WEFT_API void *weft_pool_get(weft_pool *pool);

/** weft_pool_put - give an object, which need not be from a get. It may be handed out or destroyed at once.
 *  Parameters: object, any pointer, which is not followed; the caller must not use it any more, nor put it once more. NULL: nothing is
 *  done.
 *  Note: It is destroyed if the calling processor keeps as many as it may. It takes memory at a processor's first put; where
 *  there is none, too, the object is destroyed.
 *  Blocks: never, but for what destroy does. Callable from: as weft_pool_get. Ordering: it happens before the return of the
 *  get that returns the object, and before its destruction. Source: Go's sync.Pool.Put. */
WEFT_API void weft_pool_put(weft_pool *pool, void *object);

/** weft_pool_trim - destroy the objects that lie in the pool since before the trim before; the first trim destroys none.
 *  Blocks: never, but for what destroy does. Callable from: goroutines and threads, at any time beside the others.
 *  Ordering: as of weft_pool_get, for each that is destroyed.
 *  Returns: how many were destroyed. Source: what Go's collector does with a sync.Pool, whose objects last two collections. */
WEFT_API size_t weft_pool_trim(weft_pool *pool);

/** weft_pool_clear - destroy all objects that are kept, and give the pool's own memory back. It is as new, then.
 *  Blocks: never, but for what destroy does. Callable from: goroutines and threads, while nobody else uses the pool: all other
 *  calls happen before it, or after. Ordering: as of weft_pool_get, for each that is destroyed.
 *  Returns: how many were destroyed. Source: Go has a collector for this. */
WEFT_API size_t weft_pool_clear(weft_pool *pool);

WEFT_END_DECLS

#endif

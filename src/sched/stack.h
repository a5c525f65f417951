/* SPDX-License-Identifier: Apache-2.0
 *
 * stack.h - stacks: reserved in chunks, committed as touched, guarded, reused warm, given back cold. See stack.c. */
#ifndef WEFT_SCHED_STACK_H
#define WEFT_SCHED_STACK_H

#include "sched/goroutine.h"

#define STACK_SIZE_MIN ((size_t)16 << 10)
#define STACK_SIZE_MAX ((size_t)1 << 30)
#define STACK_CACHE_MAX 32

struct cold_stack {
    char *base;
    struct goroutine *g; /* on a page that has not been touched */
};

/* A processor's free stacks; owner only. */
struct stack_cache {
    struct goroutine *first; /* the warmest first, linked by task.next */
    uint32_t count;          /* at most STACK_CACHE_MAX, as cold_count */
    uint32_t credits;        /* goroutines that this processor may still spawn before it asks the pool again */
    uint32_t run;            /* immutable: the run that the credits are of */
    uint32_t cold_count;
    struct cold_stack cold[STACK_CACHE_MAX]; /* guarded */
};

/* How stacks are guarded. */
enum weft__guard { WEFT__GUARD_AUTO, WEFT__GUARD_INSTALL, WEFT__GUARD_PROTECT, WEFT__GUARD_NONE };

/* The size of the pool's stacks: set before the first stack of a run is taken. Returns 0 or -EINVAL. */
int weft__stack_set_size(size_t bytes);
size_t weft__stack_get_size(void);
void weft__stack_set_guard(enum weft__guard guard);

/* A new processor's, which is zeroed. */
void weft__stack_cache_init(struct stack_cache *cache);

/* The right to a stack, taken at the spawn and given back when the goroutine has ended, so that running out of address
 * space is an error of the spawn. 0, or -EAGAIN (said once on standard error). cache may be NULL (a plain thread). */
int weft__stack_credit_take(struct stack_cache *cache);
void weft__stack_credit_give(struct stack_cache *cache);

/* Whether weft__stack_take is a matter of some instructions. */
static inline bool weft__stack_is_at_hand(const struct stack_cache *cache)
{
    return cache->first != NULL;
}

/* A stack for a goroutine that has a credit; NULL only if other processors' caches hold the last ones, and there is no address
 * space for more. */
struct goroutine *weft__stack_take(struct stack_cache *cache);
void weft__stack_give(struct stack_cache *cache, struct goroutine *stack);
/* Hand all cached stacks and credits back to the pool (an idle processor keeps nothing). */
void weft__stack_cache_flush(struct stack_cache *cache);

/* A stack of a size of its own (rounded up to a power of two). NULL without memory or address space. */
struct goroutine *weft__stack_take_sized(size_t bytes);
void weft__stack_give_sized(struct goroutine *stack);

/* Give the memory of cold free stacks back to the kernel, some hundred at a time. Returns true if there is more to do.
 * Called by the watchdog, and with all=true at the end of a run. */
bool weft__stack_scavenge(bool all);

/* Every goroutine that has a stack, in no order; fn returns false to end the walk. Only while the world stands still, or for
 * reports that tolerate motion. */
void weft__stack_each(bool (*fn)(struct goroutine *g, void *arg), void *arg);

/* At the end of a run: make every stack free that belongs to a parked or runnable goroutine. machines_lost: some machine has
 * not come back and may be on any of them, so that none in use is ever used again. */
void weft__stack_reclaim_all(bool machines_lost);

/* The goroutine in whose guard address lies, or NULL. Async-signal-safe. */
struct goroutine *weft__stack_overflowed(const void *address);

/* Where frames begin: 16-byte aligned, below the struct goroutine. */
static inline void *weft__stack_top(struct goroutine *g)
{
    return g;
}

#endif

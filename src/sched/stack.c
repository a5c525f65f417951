/* SPDX-License-Identifier: Apache-2.0
 *
 * stack.c - the pool of goroutine stacks.
 *
 * Address space is reserved in chunks of many strides (64 MiB, doubling to 16 GiB; smaller where that is refused), and
 * never unmapped while the stride stays: a struct goroutine is type-stable. Memory is committed by the first touch.
 *
 * Where a free stack is:  a processor's cache (warm, owner only)  ->  pool.free (touched)  ->  a chunk's cold list
 *                         (given back to the kernel, only the guard is left)   |   not carved yet (no guard yet)
 * Cold ones and new ones go to a processor some at a time, and are guarded and touched (a page fault each) by it, without the lock.
 *
 * The stride is an odd number of pages, a stack and a page that nobody uses: with a power of two the pages at the tops of all stacks
 * would share a few sets of the translation look-aside buffer (Ring503 took 1.6 times, a yield among 1,000 1.4 times as long).
 *
 * Credits: a spawn takes a credit, an ended goroutine gives it back. There are never more credits than strides less
 *          what a few processors' caches may hold. So a goroutine that has a credit finds a stack, unless more
 *          processors hold back theirs (64 each) and there is no address space for another chunk: then when idle
 *          caches have been flushed. The count begins anew with each run: what a processor of an earlier one, whose
 *          machine was lost and comes back, has left of them is void.
 * Locks:   pool.lock (rank STACK, the last). The fields of a chunk that the signal handler reads are immutable once
 *          chunk_count has been stored (release).
 */
#include "sched/stack.h"

#include <errno.h>
#include <string.h>

#include "port/port.h"
#include "sched/guard.h"
#include "sched/runtime.h"

#define CHUNK_MAX 512
#define CHUNK_FIRST ((size_t)64 << 20)
#define CHUNK_LARGEST ((size_t)16 << 30)
#define CREDIT_BATCH 64u
#define CREDIT_SLACK 128u /* strides that the caches of two processors may hold back */
#define KEEP_TOUCHED 256u
#define DISCARD_BATCH 256u
#define COLD_BATCH 16u /* cold stacks that a processor takes at a time */
#define COLOURS 16u
#define LINE ((size_t)64)
#define SIZE_CLASSES 31
#define SIZED_KEEP 4u

struct chunk {
    char *base;                    /* immutable */
    uint32_t count;                /* strides; immutable */
    WEFT__ATOMIC(uint32_t) carved; /* guarded and handed out at least once: [0, carved); grows under the lock */
    uint32_t cold_count;
    uint32_t *cold; /* indices of stacks whose memory was given back */
};

/* A stack of a size of its own, in use or free. Never unmapped: whoever walks the list may look at its struct goroutine. */
struct sized {
    struct goroutine *g; /* immutable, as next */
    struct sized *next;
};

static struct {
    struct weft__lock lock;
    size_t size;       /* of a stack, guard included: a power of two */
    size_t stride;     /* from one stack to the next; immutable while chunks exist */
    size_t guard_size; /* immutable while chunks exist */
    WEFT__ATOMIC(uint32_t) chunk_count;
    struct chunk chunks[CHUNK_MAX];
    size_t next_chunk;      /* bytes */
    struct goroutine *free; /* touched ones, linked by task.next */
    WEFT__ATOMIC(uint32_t) free_count;
    uint64_t strides;     /* in all chunks */
    uint64_t credits_out; /* of this run */
    uint32_t run;         /* changes whenever credits_out begins anew */
    uint32_t cold_total;
    bool said_out_of_space;
    struct goroutine *sized_free[SIZE_CLASSES];
    uint32_t sized_free_count[SIZE_CLASSES];
    WEFT__ATOMIC(struct sized *) sized; /* all stacks of a size of their own, newest first; grows under the lock */
    uint32_t sized_count;
} pool = {.size = (size_t)256 << 10};

static void lock(void)
{
    weft__lock_take(&pool.lock, WEFT__RANK_STACK);
}
static void unlock(void)
{
    weft__lock_leave(&pool.lock, WEFT__RANK_STACK);
}

/* ---- layout ---- */

static size_t guard_size_of(size_t size)
{
    size_t page = weft__port_page_size();
    return size >= ((size_t)256 << 10) ? 4 * page : page;
}

/* Where struct goroutine lies in the stack that ends at high. Neighbours start in different cache sets. */
static struct goroutine *place(char *high, uint32_t number)
{
    size_t size = (sizeof(struct goroutine) + LINE - 1) & ~(LINE - 1);
    return (struct goroutine *)(high - (number % COLOURS) * LINE - size);
}

static struct goroutine *slot(const struct chunk *chunk, uint32_t index)
{
    return place(chunk->base + (size_t)index * pool.stride + pool.size, index);
}

static struct goroutine *dress(struct goroutine *g, char *base, size_t size, bool own)
{
    g->lost = false;
    g->task.is_thread = false;
    g->own_stack = own;
    g->stack_low = base + guard_size_of(size);
    g->stack_size = size;
    return g;
}

/* ---- chunks ---- */

/* Under the lock: reserve one more chunk. */
static int grow(void)
{
    uint32_t number = weft__load_relaxed(&pool.chunk_count); /* written under the lock */
    if (number == CHUNK_MAX)
        return -EAGAIN;
    if (number == 0)
        pool.stride = pool.size + weft__port_page_size();
    size_t least = 16 * pool.stride;
    if (pool.next_chunk < least)
        pool.next_chunk = CHUNK_FIRST > least ? CHUNK_FIRST : least;
    for (size_t size = pool.next_chunk; size >= least; size /= 2) {
        uint32_t count = (uint32_t)(size / pool.stride);
        char *base = weft__port_reserve((size_t)count * pool.stride);
        if (base == NULL)
            continue;
        uint32_t *cold = weft__port_alloc(count * sizeof *cold, sizeof *cold);
        if (cold == NULL) {
            weft__port_release(base, (size_t)count * pool.stride);
            return -ENOMEM;
        }
        struct chunk *chunk = &pool.chunks[number];
        chunk->base = base;
        chunk->count = count;
        chunk->cold = cold;
        chunk->cold_count = 0;
        weft__store_relaxed(&chunk->carved, 0); /* published by chunk_count */
        pool.strides += count;
        pool.next_chunk = size < CHUNK_LARGEST ? size * 2 : size;
        weft__store_release(&pool.chunk_count, number + 1); /* pairs with the walkers' loads */
        return 0;
    }
    return -EAGAIN;
}

/* Under the lock: the next strides of a chunk, for the caller to guard. None of their pages is touched. */
static void carve(struct stack_cache *cache, uint32_t most)
{
    uint32_t number = weft__load_relaxed(&pool.chunk_count); /* written under the lock */
    for (uint32_t c = 0; c < number; c++) {
        struct chunk *chunk = &pool.chunks[c];
        uint32_t carved = weft__load_relaxed(&chunk->carved); /* written under the lock */
        uint32_t count = chunk->count - carved;
        if (count == 0)
            continue;
        if (count > most)
            count = most;
        for (uint32_t i = count; i > 0; i--)
            cache->cold[cache->cold_count++] =
                (struct cold_stack){chunk->base + (size_t)(carved + i - 1) * pool.stride, slot(chunk, carved + i - 1)};
        weft__store_release(&chunk->carved, carved + count); /* pairs with the walkers' loads */
        return;
    }
}

/* Under the lock: from the cold lists. */
static void collect_cold(struct stack_cache *cache, uint32_t most)
{
    uint32_t number = weft__load_relaxed(&pool.chunk_count); /* written under the lock */
    for (uint32_t c = 0; c < number && pool.cold_total > 0; c++) {
        struct chunk *chunk = &pool.chunks[c];
        while (chunk->cold_count > 0 && cache->cold_count < most) {
            uint32_t index = chunk->cold[--chunk->cold_count];
            pool.cold_total--;
            cache->cold[cache->cold_count++] =
                (struct cold_stack){chunk->base + (size_t)index * pool.stride, slot(chunk, index)};
        }
    }
}

/* Under the lock: a stack of which only the guard is left. address: in it. */
static void make_cold(const char *address)
{
    uint32_t number = weft__load_relaxed(&pool.chunk_count); /* written under the lock */
    for (uint32_t c = 0; c < number; c++) {
        struct chunk *chunk = &pool.chunks[c];
        size_t offset = (size_t)(address - chunk->base);
        if (address < chunk->base || offset >= (size_t)chunk->count * pool.stride)
            continue;
        chunk->cold[chunk->cold_count++] = (uint32_t)(offset / pool.stride);
        pool.cold_total++;
        return;
    }
}

/* What the cache has carved. Without the lock: the kernel takes its time. */
static void guard_carved(struct stack_cache *cache, bool may_install)
{
    void *bases[STACK_CACHE_MAX];
    size_t size = guard_size_of(pool.size);
    for (uint32_t i = 0; i < cache->cold_count; i++) {
        bases[i] = cache->cold[i].base;
        weft__tools_stack_register(cache->cold[i].base + size, cache->cold[i].g);
    }
    if (may_install && weft__port_guard_install(bases, cache->cold_count, size) == 0)
        return;
    lock();
    weft__guard(bases, cache->cold_count, size);
    unlock();
}

/* Its first page is touched here. */
static struct goroutine *warm_up(struct stack_cache *cache)
{
    if (cache->cold_count == 0)
        return NULL;
    struct cold_stack *cold = &cache->cold[--cache->cold_count];
    return dress(cold->g, cold->base, pool.size, false);
}

/* ---- credits ---- */

void weft__stack_cache_init(struct stack_cache *cache)
{
    lock();
    cache->run = pool.run;
    unlock();
}

/* Under the lock. Whether the caller's run is the one that the credits are counted for; NULL: it has no processor. */
static bool is_counted(const struct stack_cache *cache)
{
    return cache != NULL ? cache->run == pool.run : !weft__machine_is_lost(weft__machine());
}

/* Under the lock. */
static void give_credits(const struct stack_cache *cache, uint32_t count)
{
    if (is_counted(cache))
        pool.credits_out -= count;
}

int weft__stack_credit_take(struct stack_cache *cache)
{
    if (cache != NULL && cache->credits > 0) {
        cache->credits--;
        return 0;
    }
    bool say = false;
    uint64_t in_use;
    int error = 0;
    lock();
    if (!is_counted(cache)) { /* a lost machine's spawn, which nobody will run */
        unlock();
        return 0;
    }
    uint32_t want = cache != NULL ? CREDIT_BATCH : 1;
    while (pool.strides < pool.credits_out + want + CREDIT_SLACK && (error = grow()) == 0)
        ;
    uint64_t left = pool.strides > pool.credits_out + CREDIT_SLACK ? pool.strides - pool.credits_out - CREDIT_SLACK : 0;
    if (want > left)
        want = (uint32_t)left;
    pool.credits_out += want;
    in_use = pool.credits_out;
    if (want == 0 && error != -ENOMEM && !pool.said_out_of_space) /* -ENOMEM is the spawn's to say */
        say = pool.said_out_of_space = true;
    unlock();
    if (say)
        weft__warn(
            "no address space for another goroutine stack (%llu of %zu KiB are in use): raise the limit on address "
            "space (ulimit -v, RLIMIT_AS), set vm.overcommit_memory to 0 or 1, or make stacks smaller "
            "(WEFT_STACK, weft_stack_size)",
            (unsigned long long)in_use, pool.stride >> 10);
    if (want == 0)
        return error; /* there would have been enough if grow had not failed */
    if (cache != NULL)
        cache->credits += want - 1;
    return 0;
}

void weft__stack_credit_give(struct stack_cache *cache)
{
    uint32_t give = 1;
    if (cache != NULL) {
        if (++cache->credits < 4 * CREDIT_BATCH)
            return;
        give = 2 * CREDIT_BATCH;
        cache->credits -= give;
    }
    lock();
    give_credits(cache, give);
    unlock();
}

/* ---- take and give ---- */

static struct goroutine *refill(struct stack_cache *cache)
{
    bool carved = false, may_install = false;
    if (cache->cold_count > 0 && weft__load_relaxed(&pool.free_count) == 0) /* a hint */
        return warm_up(cache);
    lock();
    while (pool.free != NULL && cache->count < STACK_CACHE_MAX / 2) {
        struct goroutine *g = pool.free;
        pool.free = task_goroutine(g->task.next);
        weft__add_relaxed(&pool.free_count, -1u); /* a hint for the scavenger */
        g->lost = false;                          /* given up with its run, it has come to its end all the same */
        g->task.next = (struct weft__task *)cache->first;
        cache->first = g;
        cache->count++;
    }
    struct goroutine *g = cache->first;
    if (g != NULL) {
        cache->first = task_goroutine(g->task.next);
        cache->count--;
    } else if (cache->cold_count == 0) {
        collect_cold(cache, COLD_BATCH);
        if (cache->cold_count == 0) {
            carve(cache, STACK_CACHE_MAX);
            if (cache->cold_count == 0 && grow() == 0) /* the last ones are in caches of processors that are at work */
                carve(cache, STACK_CACHE_MAX);
            carved = cache->cold_count > 0;
            may_install = weft__guard_may_install();
        }
    }
    unlock();
    if (carved)
        guard_carved(cache, may_install);
    return g != NULL ? g : warm_up(cache);
}

struct goroutine *weft__stack_take(struct stack_cache *cache)
{
    struct goroutine *g = cache->first;
    if (WEFT__LIKELY(g != NULL)) {
        cache->first = task_goroutine(g->task.next);
        cache->count--;
        return g;
    }
    return refill(cache);
}

/* Move the cache's stacks, all but keep, to the pool: the coldest ones are at the end of the list. */
static void spill(struct stack_cache *cache, uint32_t keep)
{
    struct goroutine **at = &cache->first;
    for (uint32_t i = 0; i < keep && *at != NULL; i++)
        at = (struct goroutine **)&(*at)->task.next;
    struct goroutine *first = *at, *last = first;
    if (first == NULL)
        return;
    *at = NULL;
    uint32_t moved = 1;
    while (last->task.next != NULL) {
        last = task_goroutine(last->task.next);
        moved++;
    }
    cache->count -= moved;
    lock();
    last->task.next = (struct weft__task *)pool.free;
    pool.free = first;
    weft__add_relaxed(&pool.free_count, moved); /* a hint for the scavenger */
    unlock();
}

void weft__stack_give(struct stack_cache *cache, struct goroutine *g)
{
    weft__store_relaxed(&g->task.state, WEFT__FREE); /* reports read it racily */
    g->task.next = (struct weft__task *)cache->first;
    cache->first = g;
    if (++cache->count > STACK_CACHE_MAX)
        spill(cache, STACK_CACHE_MAX / 2);
}

void weft__stack_cache_flush(struct stack_cache *cache)
{
    spill(cache, 0);
    if (cache->credits == 0 && cache->cold_count == 0)
        return;
    lock();
    while (cache->cold_count > 0)
        make_cold(cache->cold[--cache->cold_count].base);
    give_credits(cache, cache->credits);
    unlock();
    cache->credits = 0;
}

/* ---- stacks of a size of their own ---- */

static int size_class(size_t bytes)
{
    int class = 14;
    while (((size_t)1 << class) < bytes)
        class ++;
    return class;
}

/* Under the lock. NULL without memory or address space. */
static struct goroutine *make_sized(size_t size)
{
    struct sized *sized = weft__port_alloc(sizeof *sized, _Alignof(struct sized));
    char *base = sized != NULL ? weft__port_reserve(size) : NULL;
    if (base == NULL) {
        weft__port_free(sized);
        return NULL;
    }
    void *low = base;
    weft__guard(&low, 1, guard_size_of(size));
    sized->g = dress(place(base + size, pool.sized_count++), base, size, true);
    sized->next = weft__load_relaxed(&pool.sized); /* written under the lock */
    weft__tools_stack_register(sized->g->stack_low, sized->g);
    weft__store_release(&pool.sized, sized); /* pairs with the walkers' loads */
    return sized->g;
}

struct goroutine *weft__stack_take_sized(size_t bytes)
{
    int class = size_class(bytes);
    lock();
    struct goroutine *g = pool.sized_free[class];
    if (g != NULL) {
        pool.sized_free[class] = task_goroutine(g->task.next);
        pool.sized_free_count[class]--;
        g->lost = false; /* as in refill */
    } else {
        g = make_sized((size_t)1 << class);
    }
    unlock();
    return g;
}

/* Under the lock. */
static void free_sized(struct goroutine *g)
{
    int class = size_class(g->stack_size);
    weft__store_relaxed(&g->task.state, WEFT__FREE); /* reports read it racily */
    g->task.next = (struct weft__task *)pool.sized_free[class];
    pool.sized_free[class] = g;
    pool.sized_free_count[class]++;
}

/* More than a few of a size keep their address space and the page of their struct goroutine, and nothing else. */
void weft__stack_give_sized(struct goroutine *g)
{
    lock();
    bool cold = pool.sized_free_count[size_class(g->stack_size)] >= SIZED_KEEP; /* it is still the caller's */
    unlock();
    if (cold) {
        void *low = g->stack_low;
        uintptr_t page = weft__port_page_size();
        size_t size = (size_t)(((uintptr_t)g & ~(page - 1)) - (uintptr_t)low);
        weft__tools_stack_forget(g);
        weft__port_discard(&low, &size, 1);
    }
    lock();
    free_sized(g);
    unlock();
}

/* ---- giving memory back ---- */

bool weft__stack_scavenge(bool all)
{
    void *bases[DISCARD_BATCH];
    size_t sizes[DISCARD_BATCH];
    struct goroutine *taken[DISCARD_BATCH];
    size_t count = 0;
    uint32_t keep = all ? 0 : KEEP_TOUCHED;
    if (weft__load_relaxed(&pool.free_count) <= keep) /* a hint */
        return false;
    lock();
    while (count < DISCARD_BATCH && pool.free != NULL && weft__load_relaxed(&pool.free_count) > keep) {
        struct goroutine *g = pool.free;
        pool.free = task_goroutine(g->task.next);
        weft__add_relaxed(&pool.free_count, -1u); /* under the lock */
        bases[count] = g->stack_low;
        sizes[count] = pool.size - guard_size_of(pool.size);
        taken[count++] = g;
    }
    unlock();
    for (size_t i = 0; i < count; i++)
        weft__tools_stack_forget(taken[i]);
    weft__port_discard(bases, sizes, count);
    lock();
    for (size_t i = 0; i < count; i++)
        make_cold(bases[i]);
    unlock();
    return weft__load_relaxed(&pool.free_count) > keep; /* a hint */
}

/* ---- walking ---- */

void weft__stack_each(bool (*fn)(struct goroutine *g, void *arg), void *arg)
{
    uint32_t number = weft__load_acquire(&pool.chunk_count); /* pairs with grow */
    for (uint32_t c = 0; c < number; c++) {
        struct chunk *chunk = &pool.chunks[c];
        uint32_t carved = weft__load_acquire(&chunk->carved); /* pairs with carve */
        for (uint32_t i = 0; i < carved; i++) {
            struct goroutine *g = slot(chunk, i); /* a page that was given back reads as zero: WEFT__FREE */
            if (weft__load_acquire(&g->task.state) != WEFT__FREE && !fn(g, arg)) /* pairs with its owner's release */
                return;
        }
    }
    for (struct sized *sized = weft__load_acquire(&pool.sized); sized != NULL;
         sized = sized->next)                                                              /* pairs with make_sized */
        if (weft__load_acquire(&sized->g->task.state) != WEFT__FREE && !fn(sized->g, arg)) /* as above */
            return;
}

static bool reclaim(struct goroutine *g, void *arg)
{
    const bool *machines_lost = arg;
    g->lost |= *machines_lost;
    if (g->lost)
        return true;
    if (g->own_stack) {
        free_sized(g);
        return true;
    }
    weft__store_relaxed(&g->task.state, WEFT__FREE);
    g->task.next = (struct weft__task *)pool.free;
    pool.free = g;
    weft__add_relaxed(&pool.free_count, 1);
    return true;
}

static bool count_lost(struct goroutine *g, void *arg)
{
    if (g->lost && !g->own_stack)
        ++*(uint32_t *)arg;
    return true;
}

void weft__stack_reclaim_all(bool machines_lost)
{
    uint32_t lost = 0;
    lock();
    weft__stack_each(reclaim, &machines_lost);
    weft__stack_each(count_lost, &lost);
    pool.credits_out = lost; /* goroutines that never ran, and processors, held the others */
    pool.run++;
    pool.said_out_of_space = false;
    unlock();
    while (weft__stack_scavenge(true))
        ;
}

struct goroutine *weft__stack_overflowed(const void *address)
{
    const char *at = address;
    uint32_t number = weft__load_acquire(&pool.chunk_count); /* pairs with grow */
    for (uint32_t c = 0; c < number; c++) {
        struct chunk *chunk = &pool.chunks[c];
        if (at < chunk->base || at >= chunk->base + (size_t)chunk->count * pool.stride)
            continue;
        size_t offset = (size_t)(at - chunk->base);
        uint32_t index = (uint32_t)(offset / pool.stride);
        if (offset % pool.stride >= guard_size_of(pool.size) || index >= weft__load_acquire(&chunk->carved))
            return NULL;
        return slot(chunk, index);
    }
    for (struct sized *sized = weft__load_acquire(&pool.sized); sized != NULL; sized = sized->next) { /* as in each */
        struct goroutine *g = sized->g;
        if (at < g->stack_low && at >= g->stack_low - guard_size_of(g->stack_size))
            return g;
    }
    return NULL;
}

/* ---- settings ---- */

static bool any_lost(void)
{
    uint32_t lost = 0;
    weft__stack_each(count_lost, &lost);
    return lost > 0;
}

int weft__stack_set_size(size_t bytes)
{
    if (bytes < STACK_SIZE_MIN || bytes > STACK_SIZE_MAX)
        return -EINVAL;
    size_t size = (size_t)1 << size_class(bytes);
    int result = 0;
    lock();
    uint32_t number = weft__load_relaxed(&pool.chunk_count); /* written under the lock */
    if (size != pool.size && number > 0 && any_lost()) {
        result = -EBUSY; /* a machine of an earlier run is still on one of these stacks */
    } else if (size != pool.size) {
        weft__store_release(&pool.chunk_count, 0u); /* no run is going on: nobody looks */
        for (uint32_t c = 0; c < number; c++) {
            weft__port_release(pool.chunks[c].base, (size_t)pool.chunks[c].count * pool.stride);
            weft__port_free(pool.chunks[c].cold);
        }
        pool.free = NULL;
        weft__store_relaxed(&pool.free_count, 0u);
        pool.strides = pool.credits_out = 0;
        pool.run++;
        pool.cold_total = 0;
        pool.next_chunk = 0;
        weft__guard_count_anew();
        pool.size = size;
    }
    unlock();
    return result;
}

size_t weft__stack_get_size(void)
{
    return pool.size;
}

void weft__stack_set_guard(enum weft__guard wanted)
{
    lock();
    weft__guard_set(wanted);
    unlock();
}

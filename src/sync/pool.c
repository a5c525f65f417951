/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.c - objects that are used again: a ring of them for each processor, from which others take what its owner does not need.
 *
 * Data:       shelf, made at the first put: rings[n] is that of the processor whose number is n, common that of threads, of
 *             weft_blocking sections, and of processors with a larger number. Rings are made when they are first put into,
 *             and stay until the pool is cleared.
 *
 *                        low            top            the owner puts at top, and takes below it (the warmest one)
 *                  +---+---+---+---+---+---+---+---+   others take the oldest: from low on
 *                  |   |   | x | a | b | c |   |   |   x: was taken by others; the owner finds that out when it comes by
 *                  +---+---+---+---+---+---+---+---+
 *
 * Owner:      who has the processor, from one scheduling point to the next (weft__processor_number); for common, who has the
 *             lock. There is none of either in the functions below that the owner calls, so it is the same one all the time.
 * Proof:      a cell that is NULL gets an object by its owner alone, and so stays NULL until it does: a store is enough. One
 *             that has an object becomes NULL by an exchange, whoever makes it, and one alone gets the object. So
 *             nothing is lost or given twice, whatever anybody believes of low, top and the generations: for all but
 *             the owner these are hints.
 * Invariants: cells outside [low, top) are NULL. top - low <= keep, the number of objects is not larger. (Both the owner's view.)
 * Found:      who comes after a put (in the sense of happens before) and after no other change reads low and top as that put left
 *             them, by coherence; so it finds the object.
 * Trim:       a cell has the generation in which it was filled. A trim begins a new one, and takes what is older than the
 *             one that it ends. Two at a time are two trims.
 * Calls:      make and destroy are called with nothing held; they may park, exit and panic.
 * Cost:       put is two stores of the owner's and no read-modify-write; get is one exchange. Nothing that they write is
 *             read by other processors unless those have run out of objects.
 * Callers:    goroutines and threads; not signal handlers.
 * Source:     what Go's sync.Pool does; the rings are this file's. */
#include <weft/pool.h>

#include "base/atomic.h"
#include "port/port.h"
#include "port/race.h"
#include "sched/sched.h"

#define RINGS 256u
#define KEEP 128
#define KEEP_MOST 65536

#define LINES 128 /* two lines of the cache, as they are fetched in pairs */

struct cell {
    WEFT__ATOMIC(void *) object;       /* NULL: free */
    WEFT__ATOMIC(uint32_t) generation; /* owner writes, while it is free */
    unsigned char race;                /* what came before the put; protected by the ring's lock race */
};

struct ring {
    WEFT__ATOMIC(uint32_t) top, low; /* owner writes; hints for others. Both count on and on; see cell_at */
    uint32_t keep, mask;             /* immutable */
#ifdef WEFT_RACE_REPORTS
    struct weft__lock race; /* what is said of a cell, and what is done to it, as one step; rank CONTEXT */
#endif
    /* Where another one took the last object: a hint where to begin. On lines of its own. */
    WEFT__ATOMIC(uint32_t) taken __attribute__((aligned(LINES)));
    struct cell cells[] __attribute__((aligned(LINES)));
};

struct shelf {
    WEFT__ATOMIC(uint32_t) generation; /* goes up by trims alone */
    WEFT__ATOMIC(uint32_t) count;      /* no ring is at this number or above */
    WEFT__ATOMIC(struct ring *) common;
    WEFT__ATOMIC(struct ring *) rings[RINGS];               /* each written by its owner, once */
    struct weft__lock lock __attribute__((aligned(LINES))); /* rank SYNC: whose holder owns common */
};

typedef WEFT__ATOMIC(struct shelf *) shelf_word;
_Static_assert(sizeof(shelf_word) <= sizeof((weft_pool *)NULL)->opaque, "the public word holds the pointer");

static inline shelf_word *word_of(weft_pool *pool)
{
    return (shelf_word *)(void *)&pool->opaque;
}

static inline struct shelf *shelf_of(weft_pool *pool)
{
    return weft__load_acquire(word_of(pool)); /* pairs with make_shelf */
}

static inline struct cell *cell_at(struct ring *ring, uint32_t place)
{
    return &ring->cells[place & ring->mask];
}

/* ---- a ring ---- */

/* Around what is told to ThreadSanitizer of a cell and what is done to it, which others must not see apart: the next put
 * replaces what was told. Nothing in every other build. */
static inline void step_begin(struct ring *ring)
{
    (void)ring;
    weft__race_remember(weft__lock_take(&ring->race, WEFT__RANK_CONTEXT));
}
static inline void step_end(struct ring *ring)
{
    (void)ring;
    weft__race_remember(weft__lock_leave(&ring->race, WEFT__RANK_CONTEXT));
}

/* A cell's object is the caller's from now on; NULL: it has none. Anybody. */
static inline void *take(struct ring *ring, struct cell *cell)
{
    if (weft__load_relaxed(&cell->object) == NULL) /* the exchange checks it */
        return NULL;
    step_begin(ring);
    void *object = weft__exchange_acquire(&cell->object, NULL); /* pairs with ring_put */
    if (object != NULL)
        weft__race_acquire(&cell->race);
    step_end(ring);
    return object;
}

/* The owner has as many as it may: let it see which of the oldest were taken. True: there is room. */
static __attribute__((noinline)) bool has_room_after_all(struct ring *ring, uint32_t top)
{
    uint32_t low = weft__load_relaxed(&ring->low); /* own variable */
    /* relaxed: nothing is read through it, and once it is NULL it stays so until the caller changes it. */
    while (low != top && weft__load_relaxed(&cell_at(ring, low)->object) == NULL)
        low++;
    weft__store_relaxed(&ring->low, low); /* a hint for others */
    return top - low < ring->keep;
}

/* By the owner. False: it keeps as many as it may. */
static inline bool ring_put(struct ring *ring, void *object, uint32_t generation)
{
    uint32_t top = weft__load_relaxed(&ring->top); /* own variables */
    if (WEFT__UNLIKELY(top - weft__load_relaxed(&ring->low) >= ring->keep) && !has_room_after_all(ring, top))
        return false;
    struct cell *cell = cell_at(ring, top);
    weft__store_relaxed(&cell->generation, generation); /* a trim that reads an old one errs by one object */
    step_begin(ring);
    weft__race_publish(&cell->race);
    weft__store_release(&cell->object, object); /* pairs with take: what came before the put */
    step_end(ring);
    weft__store_relaxed(&ring->top, top + 1); /* a hint for others */
    return true;
}

/* By the owner: the one that was put last. */
static inline void *ring_get(struct ring *ring)
{
    uint32_t low = weft__load_relaxed(&ring->low), top = weft__load_relaxed(&ring->top); /* own variables */
    void *object = NULL;
    if (top == low)
        return NULL;
    do
        object = take(ring, cell_at(ring, --top));
    while (object == NULL && top != low);
    weft__store_relaxed(&ring->top, top); /* a hint for others */
    return object;
}

static inline bool seems_empty(struct ring *ring)
{
    /* relaxed, here and below: hints, as the head says. */
    return weft__load_relaxed(&ring->top) == weft__load_relaxed(&ring->low);
}

/* By anybody: the oldest. */
static void *steal(struct ring *ring)
{
    if (ring == NULL || seems_empty(ring))
        return NULL;
    uint32_t low = weft__load_relaxed(&ring->low), count = weft__load_relaxed(&ring->top) - low;
    uint32_t start = weft__load_relaxed(&ring->taken) - low;
    if (count > ring->mask + 1) /* the owner went on between the two loads */
        count = ring->mask + 1;
    if (start >= count)
        start = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = low + (start + i < count ? start + i : start + i - count);
        void *object = take(ring, cell_at(ring, place));
        if (object != NULL) {
            weft__store_relaxed(&ring->taken, place + 1); /* a hint */
            return object;
        }
    }
    return NULL;
}

/* ---- making ---- */

static struct ring *ring_new(const weft_pool *pool)
{
    uint32_t keep = pool->keep == 0 ? KEEP : pool->keep > KEEP_MOST ? KEEP_MOST : (uint32_t)pool->keep, room = 1;
    while (room < keep)
        room *= 2;
    size_t size = sizeof(struct ring) + room * sizeof(struct cell);
    struct ring *ring = weft__port_alloc(size, LINES);
    if (ring == NULL)
        return NULL;
    __builtin_memset(ring, 0, size);
    ring->keep = keep;
    ring->mask = room - 1;
    return ring;
}

static struct shelf *make_shelf(weft_pool *pool)
{
    struct shelf *shelf = weft__port_alloc(sizeof *shelf, LINES), *other = NULL;
    if (shelf == NULL)
        return NULL;
    __builtin_memset(shelf, 0, sizeof *shelf);
    /* release: pairs with shelf_of. acquire: who comes second uses what the first one has made. */
    if (weft__cas_acq_rel(word_of(pool), &other, shelf))
        return shelf;
    weft__port_free(shelf);
    return other;
}

/* By the owner of ring n, which is not there. NULL without memory. */
static struct ring *make_ring(const weft_pool *pool, struct shelf *shelf, uint32_t n)
{
    struct ring *ring = ring_new(pool);
    if (ring == NULL)
        return NULL;
    weft__store_release(&shelf->rings[n], ring); /* pairs with those who look for objects elsewhere */
    uint32_t count = weft__load_relaxed(&shelf->count);
    while (count <= n && !weft__cas_relaxed(&shelf->count, &count, n + 1)) /* relaxed: the pointer publishes the ring */
        ;
    return ring;
}

/* ---- get ---- */

static void *common_get(struct shelf *shelf)
{
    struct ring *ring = weft__load_acquire(&shelf->common); /* pairs with common_put */
    if (ring == NULL || seems_empty(ring))
        return NULL;
    weft__lock_take(&shelf->lock, WEFT__RANK_SYNC);
    void *object = ring_get(ring);
    weft__lock_leave(&shelf->lock, WEFT__RANK_SYNC);
    return object;
}

/* The caller's own ring is empty, or there is none: those of others, then a new one. */
static __attribute__((noinline)) void *get_elsewhere(weft_pool *pool, struct shelf *shelf, int n)
{
    void *object = NULL;
    if (shelf != NULL) {
        uint32_t count = weft__load_relaxed(&shelf->count); /* each pointer is looked at */
        object = common_get(shelf);
        for (uint32_t i = 1; i <= count && object == NULL; i++)
            /* From the neighbour on, so that not all begin at the same one. Pairs with make_ring. */
            object = steal(weft__load_acquire(&shelf->rings[((uint32_t)n + i) % count]));
    }
    return object == NULL && pool->make != NULL ? pool->make(pool->arg) : object;
}

/* Own: only the owner writes it, and one that comes after another has got the processor from it. */
static inline struct ring *own_ring(struct shelf *shelf, int n)
{
    return (uint32_t)n < RINGS ? weft__load_relaxed(&shelf->rings[n]) : NULL; /* own variable */
}

void *weft_pool_get(weft_pool *pool)
{
    int n = weft__processor_number();
    struct shelf *shelf = shelf_of(pool);
    if (WEFT__LIKELY(shelf != NULL)) {
        struct ring *ring = own_ring(shelf, n);
        void *object = ring != NULL ? ring_get(ring) : NULL;
        if (WEFT__LIKELY(object != NULL))
            return object;
    }
    weft__race_enter(WEFT__RACE_CALLER);
    void *object = get_elsewhere(pool, shelf, n);
    weft__race_leave();
    return object;
}

/* ---- put ---- */

static bool common_put(const weft_pool *pool, struct shelf *shelf, void *object)
{
    weft__lock_take(&shelf->lock, WEFT__RANK_SYNC);
    struct ring *ring = weft__load_relaxed(&shelf->common); /* written under the lock */
    if (ring == NULL && (ring = ring_new(pool)) != NULL)
        weft__store_release(&shelf->common, ring); /* pairs with those who look for objects without the lock */
    uint32_t generation = weft__load_relaxed(&shelf->generation); /* as in weft_pool_put */
    bool kept = ring != NULL && ring_put(ring, object, generation);
    weft__lock_leave(&shelf->lock, WEFT__RANK_SYNC);
    return kept;
}

/* There is no ring of the caller's own (yet), or it is full. */
static __attribute__((noinline)) void put_elsewhere(weft_pool *pool, struct shelf *shelf, int n, void *object)
{
    if (pool->keep >= 0 && (shelf != NULL || (shelf = make_shelf(pool)) != NULL)) {
        struct ring *ring = own_ring(shelf, n);
        bool full = ring != NULL;
        if (!full && (uint32_t)n < RINGS)
            ring = make_ring(pool, shelf, (uint32_t)n);
        if (!full && (ring != NULL ? ring_put(ring, object, weft__load_relaxed(&shelf->generation))
                                   : common_put(pool, shelf, object)))
            return;
    }
    if (pool->destroy != NULL)
        pool->destroy(object, pool->arg);
}

void weft_pool_put(weft_pool *pool, void *object)
{
    if (object == NULL)
        return;
    int n = weft__processor_number();
    struct shelf *shelf = shelf_of(pool);
    if (WEFT__LIKELY(shelf != NULL)) {
        struct ring *ring = own_ring(shelf, n);
        /* relaxed: a put beside a trim is one before it or after it, as the two like. */
        if (WEFT__LIKELY(ring != NULL && ring_put(ring, object, weft__load_relaxed(&shelf->generation))))
            return;
    }
    weft__race_enter(WEFT__RACE_CALLER);
    put_elsewhere(pool, shelf, n, object);
    weft__race_leave();
}

/* ---- trim and clear ---- */

/* Destroy a ring's objects, those of generations before a certain one, or all. */
static size_t empty(weft_pool *pool, struct ring *ring, bool all, uint32_t before)
{
    size_t destroyed = 0;
    for (uint32_t i = 0; ring != NULL && i <= ring->mask; i++) {
        struct cell *cell = &ring->cells[i];
        /* relaxed: if the object is another one by now, which is younger, that is one object too many. Counts may wrap. */
        if (!all && (int32_t)(weft__load_relaxed(&cell->generation) - before) >= 0)
            continue;
        void *object = take(ring, cell);
        if (object == NULL)
            continue;
        destroyed++;
        if (pool->destroy != NULL)
            pool->destroy(object, pool->arg);
    }
    return destroyed;
}

static size_t empty_all(weft_pool *pool, struct shelf *shelf, bool all, uint32_t before)
{
    size_t destroyed = empty(pool, weft__load_acquire(&shelf->common), all, before); /* pairs with common_put */
    uint32_t count = weft__load_relaxed(&shelf->count);                              /* as in get_elsewhere */
    for (uint32_t n = 0; n < count; n++)
        destroyed += empty(pool, weft__load_acquire(&shelf->rings[n]), all, before); /* pairs with make_ring */
    return destroyed;
}

size_t weft_pool_trim(weft_pool *pool)
{
    struct shelf *shelf = shelf_of(pool);
    if (shelf == NULL)
        return 0;
    weft__race_enter(WEFT__RACE_CALLER);
    size_t destroyed = empty_all(pool, shelf, false, weft__add_relaxed(&shelf->generation, 1u)); /* orders nothing */
    weft__race_leave();
    return destroyed;
}

size_t weft_pool_clear(weft_pool *pool)
{
    struct shelf *shelf = shelf_of(pool);
    if (shelf == NULL)
        return 0;
    weft__race_enter(WEFT__RACE_CALLER);
    size_t destroyed = empty_all(pool, shelf, true, 0);
    weft__race_leave();
    /* relaxed, here and below: nobody else is here; all that was done before happens before this call, says the header. */
    weft__port_free(weft__load_relaxed(&shelf->common));
    for (uint32_t n = 0; n < RINGS; n++)
        weft__port_free(weft__load_relaxed(&shelf->rings[n]));
    weft__port_free(shelf);
    weft__store_relaxed(word_of(pool), NULL);
    return destroyed;
}

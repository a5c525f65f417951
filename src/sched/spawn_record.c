/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn_record.c - spawn records: a free list per processor, and what is spare in the runtime.
 *
 * A processor that only spawns and one that only runs what it has stolen pass records from one to the other. What is spare is kept in
 * batches, so that under the lock one word changes hands, not each record's link, which is in the other processor's cache.
 *
 * Data:       a batch is a chain linked by next. Its first record has its size, and in few[0] the next batch: records that
 *             are free have no arguments; few[RECORD_AHEAD] is a hint. spare_spawns.count counts records.
 * Life:       slabs are never given back (a machine that is lost may hold records); all that is free is reachable from the lists.
 * Locks:      runtime.lock for what is spare; a processor's list is its owner's. */
#include "sched/spawn_record.h"

#include "port/port.h"

#define SLAB_RECORDS 64u
#define FAR 8 /* how many records before it is taken one that another processor has had is prefetched */

static size_t record_size(bool is_long)
{
    return is_long ? (sizeof(struct long_spawn) + 63) & ~(size_t)63 : sizeof(struct spawn);
}

/* A slab's records as a chain. */
static struct spawn *slab(bool is_long)
{
    size_t size = record_size(is_long);
    char *memory = weft__port_alloc(SLAB_RECORDS * size, 64);
    if (memory == NULL)
        return NULL;
    for (uint32_t i = 0; i < SLAB_RECORDS; i++) {
        struct spawn *s = (struct spawn *)(memory + i * size);
        s->is_long = is_long;
        s->next = i + 1 < SLAB_RECORDS ? memory + (i + 1) * size : NULL;
        s->few[RECORD_AHEAD] = (uint64_t)(uintptr_t)s->next;
    }
    return (struct spawn *)memory;
}

/* Under the lock. */
static void put_batch(struct spawn *first, uint32_t size)
{
    struct spawn_cache *spare = &weft__rt.spare_spawns;
    bool is_long = first->is_long;
    first->size = size;
    first->few[0] = (uint64_t)(uintptr_t)spare->first[is_long];
    spare->first[is_long] = first;
    spare->count[is_long] += size;
}

/* Under the lock; NULL: no memory. */
static struct spawn *take_batch(bool is_long)
{
    struct spawn_cache *spare = &weft__rt.spare_spawns;
    struct spawn *first = spare->first[is_long];
    if (first == NULL) {
        first = slab(is_long);
        if (first == NULL)
            return NULL;
        put_batch(first, SLAB_RECORDS);
    }
    spare->first[is_long] = (struct spawn *)(uintptr_t)first->few[0];
    spare->count[is_long] -= first->size;
    return first;
}

static void lock(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
}
static void unlock(void)
{
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

struct spawn *weft__record_take_spare(struct processor *p, bool is_long)
{
    lock();
    struct spawn *s = take_batch(is_long);
    if (s != NULL && p == NULL && s->next != NULL)
        put_batch(s->next, s->size - 1);
    unlock();
    if (s != NULL && p != NULL) { /* whose own list is empty */
        p->spawns.first[is_long] = s->next;
        p->spawns.count[is_long] = s->size - 1;
    }
    return s;
}

void weft__record_give_spare(struct spawn *s)
{
    s->next = NULL;
    s->few[RECORD_AHEAD] = 0;
    lock();
    put_batch(s, 1);
    unlock();
}

void weft__record_spill(struct processor *p, bool is_long)
{
    uint32_t count = RECORD_CACHE_MAX / 2;
    struct spawn *first = p->spawns.first[is_long], *last = first, *behind[FAR] = {NULL};
    for (uint32_t i = 1; i < count; i++) {
        last = last->next;
        if (behind[i % FAR] != NULL)
            behind[i % FAR]->few[RECORD_AHEAD] = (uint64_t)(uintptr_t)last;
        behind[i % FAR] = last;
    }
    p->spawns.first[is_long] = last->next;
    p->spawns.count[is_long] -= count;
    last->next = NULL;
    lock();
    put_batch(first, count);
    unlock();
}

void weft__spawn_cache_flush(struct processor *p)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    for (int is_long = 0; is_long <= 1; is_long++) {
        if (p->spawns.first[is_long] != NULL)
            put_batch(p->spawns.first[is_long], p->spawns.count[is_long]);
        p->spawns.first[is_long] = NULL;
        p->spawns.count[is_long] = 0;
    }
}

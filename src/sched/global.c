/* SPDX-License-Identifier: Apache-2.0
 *
 * global.c - the global queue: what no processor has in its own ring.
 *
 * Data:       a ring of batches, each a chain of runnables with its length. A chain goes in as one batch and comes out as one, for
 *             the price of its ends: whoever takes it walks it without the lock. Those that come one by one are joined to the newest
 *             batch until it is full; as everything is when there is no room for another batch.
 * Invariants: (under the lock) batches [head, tail) are in the order in which they came and not empty, the last of each has no next;
 *             global_count is the sum of their lengths.
 * Locks:      runtime.lock, taken by the caller. global_count is read without it, too: see wake.c. */
#include "sched/runtime.h"

#define BATCH_FULL                                                                                                     \
    (RUNQ_BATCH + 1) /* what a ring that is full hands over at once: runq_shed and the one that did not fit */

static struct batch *batch_at(uint32_t index)
{
    return &weft__rt.batches[index % GLOBAL_BATCHES];
}

static struct batch *oldest(void)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    return weft__global_is_empty() ? NULL : batch_at(weft__rt.batch_head);
}

bool weft__global_is_empty(void)
{
    return weft__rt.batch_head == weft__rt.batch_tail;
}

void weft__global_put(runnable first, runnable last, uint32_t count)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    if (first == last)
        runnable_set_ahead(first, RUNNABLE_NONE);
    runnable_set_next(last, RUNNABLE_NONE); /* it may be linked as it was in the chain that it came in */
    uint32_t batches = weft__rt.batch_tail - weft__rt.batch_head;
    struct batch *newest = batch_at(weft__rt.batch_tail - 1);
    if (batches == GLOBAL_BATCHES || (batches > 0 && newest->count + count <= BATCH_FULL)) {
        runnable_set_next(newest->last, first);
        newest->last = last;
        newest->count += count;
    } else {
        *batch_at(weft__rt.batch_tail++) = (struct batch){.first = first, .last = last, .count = count};
    }
    /* An injector then asks whether somebody spins, by a CAS that is only a load if it fails: the store comes before that.
     * Pairs with go_idle, which drops spinning and then loads this. */
    weft__add_seq(&weft__rt.global_count, count);
}

/* relaxed: a hint for those without the lock. */
static void count_down(uint32_t count)
{
    weft__store_relaxed(&weft__rt.global_count, weft__load_relaxed(&weft__rt.global_count) - count);
}

runnable weft__global_take_batch(uint32_t most, uint32_t *count)
{
    const struct batch *b = oldest();
    if (b == NULL || b->count > most)
        return RUNNABLE_NONE;
    weft__rt.batch_head++;
    count_down(*count = b->count);
    return b->first;
}

runnable weft__global_take_one(void)
{
    struct batch *b = oldest();
    if (b == NULL)
        return RUNNABLE_NONE;
    runnable r = b->first;
    runnable_prefetch_ahead(r);
    b->first = runnable_next(r);
    if (--b->count == 0)
        weft__rt.batch_head++;
    count_down(1);
    return r;
}

runnable weft__global_take_all(void)
{
    struct batch *b = oldest();
    if (b == NULL)
        return RUNNABLE_NONE;
    runnable first = b->first;
    for (uint32_t i = weft__rt.batch_head + 1; i != weft__rt.batch_tail; i++)
        runnable_set_next(batch_at(i - 1)->last, batch_at(i)->first);
    weft__rt.batch_head = weft__rt.batch_tail;
    return first;
}

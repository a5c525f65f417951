/* SPDX-License-Identifier: Apache-2.0
 *
 * parked.h - to wait until somebody is parked, however late the machine is that he runs on. A sleep of some milliseconds is no such
 * thing on a busy computer. */
#ifndef TESTS_PARKED_H
#define TESTS_PARKED_H

#include <weft/time.h>

#include "chan/waiters.h"
#include "sched/runtime.h"

static inline void parked_await_waiters(struct weft__chan *chan, const weft__waiters *list, int number)
{
    for (int parked = 0; parked < number;) {
        weft_sleep(100 * WEFT_MICROSECOND);
        parked = 0;
        weft__chan_lock(chan);
        const struct weft__waiter *oldest = weft__waiters_oldest(list), *waiter = oldest;
        while (waiter != NULL) {
            parked++;
            waiter = waiter->next == oldest ? NULL : waiter->next;
        }
        weft__chan_unlock(chan);
    }
}

/* Wait until so many wait at the channel. */
static inline void parked_await_senders(void *channel, int number)
{
    struct weft__chan *chan = channel;
    parked_await_waiters(chan, &chan->senders, number);
}
static inline void parked_await_receivers(void *channel, int number)
{
    struct weft__chan *chan = channel;
    parked_await_waiters(chan, &chan->receivers, number);
}

static bool parked_count(struct goroutine *g, void *number)
{
    uint32_t state = weft__load_acquire(&g->task.state); /* pairs with its machine's store */
    *(int *)number += !g->lost && (state == WEFT__WAITING || state == WEFT__BLOCKED);
    return true;
}

/* Wait until so many goroutines wait for something, main included, or are in a section. For threads, too. */
static inline void parked_await_goroutines(int number)
{
    for (int parked = 0; parked < number; weft_sleep(WEFT_MILLISECOND)) {
        parked = 0;
        weft__stack_each(parked_count, &parked);
    }
}

/* Wait until those goroutines are through that a run has ended without. One that the kernel held up goes on with what it was about to
 * do, up to its next wait: whatever it uses is to be there until then. After the run, or in a later one. */
static inline void parked_await_lost(void)
{
    while (weft__load_acquire(&weft__rt.lost_machines) > 0) /* pairs with its decrement */
        weft_sleep(100 * WEFT_MICROSECOND);
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED); /* which they have held since: what they did comes before */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h - a bounded queue for systems without channels, under their own mutex and conditions; capacity 0 serves as 1,
 * there is no rendezvous. Nobody is signalled unless somebody waits.
 *
 * The peer defines lock and, besides loops.h's functions of it, cond, cond_init(cond *), cond_wait(cond *, lock *),
 * cond_signal(cond *), cond_broadcast(cond *), and lock_destroy and cond_destroy. */
#ifndef RING_H
#define RING_H

#include "peer.h"

#include <stdlib.h>

struct queue {
    lock guard; /* of all below */
    cond filled, drained;
    int receivers, senders; /* who wait */
    bool closed;
    size_t capacity, head, count;
    int64_t slots[];
};

static struct queue *queue_make(size_t capacity)
{
    capacity = capacity ? capacity : 1;
    struct queue *q = peer_allocate(1, sizeof *q + capacity * sizeof q->slots[0]);
    q->capacity = capacity;
    lock_init(&q->guard);
    cond_init(&q->filled);
    cond_init(&q->drained);
    return q;
}

static void queue_free(struct queue *q)
{
    cond_destroy(&q->filled);
    cond_destroy(&q->drained);
    lock_destroy(&q->guard);
    free(q);
}

static void queue_send(struct queue *q, int64_t value)
{
    lock_acquire(&q->guard);
    while (q->count == q->capacity) {
        q->senders++;
        cond_wait(&q->drained, &q->guard);
        q->senders--;
    }
    size_t tail = q->head + q->count++;
    q->slots[tail < q->capacity ? tail : tail - q->capacity] = value;
    if (q->receivers > 0)
        cond_signal(&q->filled);
    lock_release(&q->guard);
}

/* False when the queue is closed and empty. */
static bool queue_receive(struct queue *q, int64_t *value)
{
    lock_acquire(&q->guard);
    while (q->count == 0 && !q->closed) {
        q->receivers++;
        cond_wait(&q->filled, &q->guard);
        q->receivers--;
    }
    bool received = q->count > 0;
    if (received) {
        *value = q->slots[q->head];
        q->head = q->head + 1 < q->capacity ? q->head + 1 : 0;
        q->count--;
        if (q->senders > 0)
            cond_signal(&q->drained);
    }
    lock_release(&q->guard);
    return received;
}

static void queue_close(struct queue *q)
{
    lock_acquire(&q->guard);
    q->closed = true;
    cond_broadcast(&q->filled);
    lock_release(&q->guard);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * loads_locks.c - loads of mutexes, rwmutexes, semaphores, conditions and once, and of maps: what they protect is counted without
 * atomics, so a lock that lets two in makes a sum wrong (and is a race for ThreadSanitizer). */
#include <errno.h>

#include "soak/soak.h"

/* ---- mutex, rwmutex, semaphore ---- */

struct shared {
    weft_mutex mutex;
    weft_rwmutex rwmutex;
    weft_semaphore semaphore;
    weft_once once;
    int64_t by_mutex, by_rwmutex, twin, refused;
    int once_calls;
};

enum { TOKENS = 3, TURNS = 200 };

static void once_called(void *arg)
{
    struct shared *shared = arg;
    shared->once_calls++;
}

static void add_by_mutex(struct shared *shared, weft_context *context, struct die *die)
{
    if (throw_die(die, 3) == 0) {
        while (!weft_mutex_trylock(&shared->mutex))
            weft_yield();
    } else if (throw_die(die, 2) == 0) {
        SOAK_CHECK(weft_mutex_lock_ctx(context, &shared->mutex) == 0);
    } else {
        weft_mutex_lock(&shared->mutex);
    }
    int64_t before = shared->by_mutex;
    if (throw_die(die, 50) == 0)
        weft_yield();
    shared->by_mutex = before + 1;
    weft_mutex_unlock(&shared->mutex);
}

static void use_shared(struct shared *shared, weft_context *context, uint64_t seed)
{
    struct die die = {seed};
    for (int i = 0; i < TURNS; i++) {
        weft_once_do(&shared->once, once_called, shared);
        add_by_mutex(shared, context, &die);
        if (throw_die(&die, 4) == 0) {
            weft_rwmutex_lock(&shared->rwmutex);
            shared->by_rwmutex++;
            shared->twin++;
            weft_rwmutex_unlock(&shared->rwmutex);
        } else {
            weft_rwmutex_rlock(&shared->rwmutex);
            SOAK_CHECK(shared->by_rwmutex == shared->twin);
            weft_rwmutex_runlock(&shared->rwmutex);
        }
        int64_t tokens = 1 + throw_die(&die, TOKENS);
        if (throw_die(&die, 8) == 0) {
            weft_context *hurry = weft_context_with_timeout(context, throw_die(&die, 20) * WEFT_MICROSECOND);
            SOAK_CHECK(hurry != NULL);
            int error = weft_semaphore_acquire_ctx(hurry, &shared->semaphore, tokens);
            SOAK_CHECK(error == 0 || error == -ETIMEDOUT);
            weft_context_free(hurry);
            if (error != 0)
                continue;
        } else {
            weft_semaphore_acquire(&shared->semaphore, tokens);
        }
        weft_semaphore_release(&shared->semaphore, tokens);
    }
}

static int64_t locks(struct die *die)
{
    struct shared shared = {.semaphore = WEFT_SEMAPHORE_INIT(TOKENS)};
    weft_context *context = weft_context_with_cancel(weft_context_background());
    weft_waitgroup users = WEFT_WAITGROUP_INIT;
    int count = 2 + (int)throw_die(die, 6);
    for (int i = 0; i < count; i++)
        SOAK_CHECK(weft_waitgroup_go(&users, use_shared, &shared, context, die->state + (uint64_t)i) == 0);
    weft_waitgroup_wait(&users);
    SOAK_CHECK(shared.by_mutex == count * TURNS);
    SOAK_CHECK(shared.by_rwmutex == shared.twin && shared.once_calls == 1);
    SOAK_CHECK(weft_semaphore_try_acquire(&shared.semaphore, TOKENS));
    weft_context_free(context);
    return 5LL * count * TURNS;
}

/* ---- a bounded queue of a mutex and two conditions ---- */

enum { ROOM = 4 };

struct queue {
    weft_mutex mutex;
    weft_cond not_full, not_empty;
    int64_t items[ROOM], sum;
    unsigned first, count;
    bool over;
};

static void put_items(struct queue *queue, int64_t from, int64_t count)
{
    for (int64_t i = from; i < from + count; i++) {
        weft_mutex_lock(&queue->mutex);
        while (queue->count == ROOM)
            weft_cond_wait(&queue->not_full, &queue->mutex);
        queue->items[(queue->first + queue->count++) % ROOM] = i;
        weft_mutex_unlock(&queue->mutex);
        weft_cond_signal(&queue->not_empty);
    }
}

static void take_items(struct queue *queue)
{
    weft_mutex_lock(&queue->mutex);
    for (;;) {
        while (queue->count == 0 && !queue->over)
            weft_cond_wait(&queue->not_empty, &queue->mutex);
        if (queue->count == 0)
            break;
        queue->sum += queue->items[queue->first++ % ROOM];
        queue->first %= ROOM;
        queue->count--;
        weft_cond_signal(&queue->not_full);
    }
    weft_mutex_unlock(&queue->mutex);
}

static int64_t conditions(struct die *die)
{
    struct queue queue = {.mutex = WEFT_MUTEX_INIT};
    weft_waitgroup putting = WEFT_WAITGROUP_INIT, taking = WEFT_WAITGROUP_INIT;
    int64_t writers = 1 + throw_die(die, 5), readers = 1 + throw_die(die, 5), each = 100, total = writers * each;
    for (int64_t i = 0; i < writers; i++)
        SOAK_CHECK(weft_waitgroup_go(&putting, put_items, &queue, i * each, each) == 0);
    for (int64_t i = 0; i < readers; i++)
        SOAK_CHECK(weft_waitgroup_go(&taking, take_items, &queue) == 0);
    weft_waitgroup_wait(&putting);
    weft_mutex_lock(&queue.mutex);
    queue.over = true;
    weft_mutex_unlock(&queue.mutex);
    weft_cond_broadcast(&queue.not_empty);
    weft_waitgroup_wait(&taking);
    SOAK_CHECK(queue.sum == total * (total - 1) / 2);
    return 2 * total + writers + readers;
}

/* ---- maps ---- */

static void square(const void *in, void *out, void *arg)
{
    (void)arg;
    const int64_t *number = in;
    *(int64_t *)out = *number * *number;
}

static void feed(weft_chan(int64_t) in, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        weft_chan_send(in, i);
    weft_chan_close(in);
}

static int64_t maps(struct die *die)
{
    enum { COUNT = 100 };
    int64_t in[COUNT], out[COUNT], sum = 0, wanted = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        in[i] = i;
        wanted += i * i;
    }
    SOAK_CHECK(weft_map(1 + (int)throw_die(die, 4), in, sizeof in[0], out, sizeof out[0], COUNT, square, NULL) == 0);
    for (int64_t i = 0; i < COUNT; i++)
        SOAK_CHECK(out[i] == i * i);
    weft_chan(int64_t) from = weft_chan_make(int64_t, throw_die(die, 4));
    weft_chan(int64_t) to = weft_chan_make(int64_t, throw_die(die, 4));
    enum weft_map_order order = throw_die(die, 2) ? WEFT_MAP_ORDERED : WEFT_MAP_AS_COMPLETED;
    SOAK_CHECK(weft_map_stream(order, 1 + (int)throw_die(die, 4), from, to, square, NULL) == 0);
    SOAK_CHECK(weft_go(feed, from, COUNT) == 0);
    weft_chan_range(int64_t, result, to)
        sum += result;
    SOAK_CHECK(sum == wanted);
    weft_chan_free(from); /* feed has closed it: out was closed after that */
    weft_chan_free(to);
    return 3 * COUNT;
}

const struct load soak_lock_loads[] = {
    {"locks", locks},
    {"conditions", conditions},
    {"maps", maps},
    {NULL, NULL},
};

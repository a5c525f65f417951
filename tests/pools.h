/* SPDX-License-Identifier: Apache-2.0
 *
 * pools.h - objects for the tests of pools: each knows whether it is out, and how often it was made and destroyed.
 *
 * Data:    a factory counts what it has made and destroyed. An object has an atomic state, checked at each step of its life, and
 *          a plain count of its uses, for ThreadSanitizer: only what the pool orders makes it right.
 * Balance: made == destroyed + kept + out, at any quiet moment. An object that is destroyed is not freed before the end, so that a
 *          second destruction is seen. */
#ifndef WEFT_TESTS_POOLS_H
#define WEFT_TESTS_POOLS_H

#include <pthread.h>
#include <stdatomic.h>

#include <weft/pool.h>

#include "support.h"

enum pools_state { POOLS_IN, POOLS_OUT, POOLS_DESTROYED };

struct pools_object {
    atomic_int state; /* relaxed: it must order nothing that the pool does not */
    long uses, id;
    struct pools_object *next;
};

struct pools_factory {
    atomic_long made, destroyed, used;
    _Atomic(struct pools_object *) all;
};

/* From one state to another, in which nobody else has a part. */
TEST_HELPER void pools_become(struct pools_object *object, enum pools_state from, enum pools_state to)
{
    test_check(atomic_exchange_explicit(&object->state, to, memory_order_relaxed) == (int)from);
}

TEST_HELPER void *pools_make(void *arg)
{
    struct pools_factory *factory = arg;
    struct pools_object *object = calloc(1, sizeof *object);
    test_check(object != NULL);
    object->id = atomic_fetch_add_explicit(&factory->made, 1, memory_order_relaxed);
    object->next = atomic_load_explicit(&factory->all, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&factory->all, &object->next, object, memory_order_release,
                                                  memory_order_relaxed))
        ;
    return object; /* IN: as if it had been kept */
}

TEST_HELPER void pools_destroy(void *destroyed, void *arg)
{
    struct pools_factory *factory = arg;
    struct pools_object *object = destroyed;
    pools_become(object, POOLS_IN, POOLS_DESTROYED);
    object->uses = -1; /* ordered after its uses */
    atomic_fetch_add_explicit(&factory->destroyed, 1, memory_order_relaxed);
}

TEST_HELPER weft_pool pools_pool(struct pools_factory *factory, int keep)
{
    return (weft_pool){.make = pools_make, .destroy = pools_destroy, .arg = factory, .keep = keep};
}

TEST_HELPER struct pools_object *pools_get(weft_pool *pool)
{
    struct pools_object *object = weft_pool_get(pool);
    if (object != NULL)
        pools_become(object, POOLS_IN, POOLS_OUT);
    return object;
}

TEST_HELPER void pools_put(weft_pool *pool, struct pools_object *object)
{
    pools_become(object, POOLS_OUT, POOLS_IN);
    weft_pool_put(pool, object);
}

TEST_HELPER void pools_use(struct pools_factory *factory, struct pools_object *object)
{
    object->uses++;
    atomic_fetch_add_explicit(&factory->used, 1, memory_order_relaxed);
}

TEST_HELPER long pools_made(struct pools_factory *factory)
{
    return atomic_load_explicit(&factory->made, memory_order_relaxed);
}

TEST_HELPER long pools_destroyed(struct pools_factory *factory)
{
    return atomic_load_explicit(&factory->destroyed, memory_order_relaxed);
}

/* Nobody uses the pool any more, and `out` objects are not put back: the rest is destroyed, each once. */
TEST_HELPER void pools_end(weft_pool *pool, struct pools_factory *factory, long out)
{
    long before = pools_destroyed(factory);
    long cleared = (long)weft_pool_clear(pool);
    test_check(pools_destroyed(factory) == before + cleared);
    test_check(pools_destroyed(factory) == pools_made(factory) - out);
    for (struct pools_object *object = atomic_load(&factory->all), *next; object != NULL; object = next) {
        next = object->next;
        if (atomic_load(&object->state) == POOLS_OUT)
            out--;
        free(object);
    }
    test_check(out == 0);
    atomic_store(&factory->all, NULL);
}

#endif

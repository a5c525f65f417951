/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_test.c - what a pool orders: a put before the get that returns the object, or its destruction, and nothing else (W-09).
 * test-library: race */
#include <weft/pool.h>

#include "race.h"

struct object {
    int uses;
};

static struct object one, other;
static weft_pool pool;
static weft_waitgroup wg;

/* ---- the put before the get ---- */

ACTOR writes_and_puts(void)
{
    shared = 1;
    weft_pool_put(&pool, &one);
    reach(1);
}

ORDERED(w09_a_put_before_the_get_that_returns_the_object)
{
    go(writes_and_puts);
    await(1);
    test_check(weft_pool_get(&pool) == &one);
    shared++;
}

static void *writes_and_puts_in_a_thread(void *arg)
{
    (void)arg;
    writes_and_puts();
    return NULL;
}

ORDERED(w09_a_put_of_a_thread)
{
    pthread_t thread;
    pthread_create(&thread, NULL, writes_and_puts_in_a_thread, NULL);
    await(1);
    test_check(weft_pool_get(&pool) == &one);
    shared++;
    weft_blocking
    {
        pthread_join(thread, NULL);
    }
}

ACTOR writes_and_puts_in_a_section(void)
{
    weft_blocking
    {
        writes_and_puts();
    }
}

ORDERED(w09_a_put_in_a_section)
{
    go(writes_and_puts_in_a_section);
    await(1);
    test_check(weft_pool_get(&pool) == &one);
    shared++;
}

static void *makes(void *arg)
{
    (void)arg;
    return calloc(1, sizeof(struct object));
}

static void destroys(void *object, void *arg)
{
    shared += ((struct object *)object)->uses;
    (void)arg;
    free(object);
}

ACTOR counts_in_objects(void)
{
    for (int i = 0; i < 30; i++) {
        struct object *a = weft_pool_get(&pool), *b = weft_pool_get(&pool);
        a->uses++;
        if (i % 10 == 0)
            weft_yield();
        b->uses++;
        weft_pool_put(&pool, a);
        weft_pool_put(&pool, b);
    }
    weft_waitgroup_done(&wg);
}

ORDERED(w09_what_is_in_the_objects)
{
    pool = (weft_pool)WEFT_POOL_INIT(makes, destroys);
    weft_waitgroup_add(&wg, 4);
    for (int i = 0; i < 4; i++)
        go(counts_in_objects);
    weft_waitgroup_wait(&wg);
    (void)weft_pool_clear(&pool);
    test_check(shared == 240);
}

/* ---- and before the destruction ---- */

static void reads(void *object, void *arg)
{
    (void)arg;
    test_check(((struct object *)object)->uses == 3);
}

ACTOR uses_and_puts(void)
{
    one.uses = 3;
    weft_pool_put(&pool, &one);
    reach(1);
}

ORDERED(w10_a_put_before_the_trim_that_destroys_the_object)
{
    pool.destroy = reads;
    go(uses_and_puts);
    await(1);
    test_check(weft_pool_trim(&pool) == 0 && weft_pool_trim(&pool) == 1);
}

ORDERED(w09_a_put_before_the_clear_that_destroys_the_object)
{
    pool.destroy = reads;
    go(uses_and_puts);
    await(1);
    test_check(weft_pool_clear(&pool) == 1);
}

/* ---- nothing else ---- */

ACTOR puts_and_writes(void)
{
    weft_pool_put(&pool, &one);
    shared = 1;
    reach(1);
}

RACY(w09_what_comes_after_the_put, puts_and_writes)
{
    go(puts_and_writes);
    await(1);
    test_check(weft_pool_get(&pool) == &one);
    shared = 2;
}

RACY(w09_two_puts_order_nothing, writes_and_puts)
{
    go(writes_and_puts);
    await(1);
    weft_pool_put(&pool, &other);
    shared = 2;
}

/* In the same ring (at one processor) or in another one. */
RACY(w09_another_object, writes_and_puts)
{
    go(writes_and_puts);
    await(1);
    weft_pool_put(&pool, &other);
    test_check(weft_pool_get(&pool) == &other);
    shared = 2;
}

ACTOR takes(void)
{
    await(1);
    test_check(weft_pool_get(&pool) == &one);
    reach(2);
}

RACY(w09_another_object_in_the_same_place, writes_and_puts)
{
    go(writes_and_puts);
    go(takes);
    await(2);
    weft_pool_put(&pool, &other);
    test_check(weft_pool_get(&pool) == &other);
    shared = 2;
}

ACTOR gets_nothing(void)
{
    shared = 1;
    test_check(weft_pool_get(&pool) == NULL);
    reach(1);
}

RACY(w09_a_get_that_finds_nothing, gets_nothing)
{
    weft_pool_put(&pool, &other);
    test_check(weft_pool_get(&pool) == &other);
    go(gets_nothing);
    await(1);
    test_check(weft_pool_get(&pool) == NULL);
    shared = 2;
}

RACY(w10_a_trim_that_destroys_nothing, writes_and_puts)
{
    pool.destroy = reads;
    go(writes_and_puts);
    await(1);
    test_check(weft_pool_trim(&pool) == 0);
    shared = 2;
}

static __attribute__((noinline)) void *counts_made(void *arg)
{
    shared++;
    return arg;
}

ACTOR gets_one(void)
{
    test_check(weft_pool_get(&pool) == &one);
    reach(1);
}

/* Who makes objects has no lock: what makers share they have to protect. */
RACY_PAIR(w09_two_make_at_a_time, counts_made, counts_made)
{
    pool = (weft_pool){.make = counts_made, .arg = &one};
    go(gets_one);
    await(1);
    test_check(weft_pool_get(&pool) == &one);
}

/* An object that is used after it was put. */
ACTOR uses_what_it_has_put(void)
{
    weft_pool_put(&pool, &one);
    one.uses++;
    reach(1);
}

RACY(w09_use_after_put, uses_what_it_has_put)
{
    go(uses_what_it_has_put);
    await(1);
    struct object *object = weft_pool_get(&pool);
    object->uses++;
}

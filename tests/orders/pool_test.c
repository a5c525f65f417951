/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_test.c - pools under the memory model of C11 (W-09, W-10): each object with one at a time, with what was written before its put;
 * none lost; what was put is found by whoever comes after. The file itself is part of the test, so that each thread can have a
 * processor of its own, or none.
 *
 * test-library: orders
 * test-timeout: 300 */
#include "points.h"

#include "sched/sched.h"

static int processor_number(void);
static void *arena_alloc(size_t size, size_t alignment);
#define weft__processor_number() processor_number()
#define weft__port_alloc arena_alloc
#define weft__port_free(memory) ((void)(memory))
#include "../../src/sync/pool.c"

#include "support.h"

#define OBJECTS 12
#define KEEP_HERE 2
#define PROCESSORS 2 /* threads beyond have none */

static weft_pool pool;
static WEFT__ATOMIC(uint32_t) flag;
static char payload[OBJECTS * 8];
static bool out[OBJECTS];
static int made, destroyed;

static char arena[1 << 16] __attribute__((aligned(LINES)));
static size_t used;
static int standing_for; /* before an iteration: whose number the caller has; -2: its own */

static int processor_number(void)
{
    int n = standing_for != -2 ? standing_for : orders_self();
    return n < PROCESSORS ? n : -1;
}

static void *arena_alloc(size_t size, size_t alignment)
{
    size_t at = (used + alignment - 1) & ~(alignment - 1);
    ck_assert(at + size <= sizeof arena);
    used = at + size;
    return arena + at;
}

/* ---- objects: the pointer is that to the payload ---- */

static int number_of(void *object)
{
    long offset = (char *)object - payload;
    ORDERS_REQUIRE(offset >= 0 && offset % 8 == 0 && offset / 8 < OBJECTS);
    return (int)(offset / 8);
}

static void *makes(void *arg)
{
    (void)arg;
    ORDERS_REQUIRE(made < OBJECTS);
    void *object = &payload[made++ * 8];
    ORDERS_WRITE(object);
    return object;
}

static void destroys(void *object, void *arg)
{
    (void)arg;
    ORDERS_REQUIRE(!out[number_of(object)]);
    ORDERS_WRITE(object);
    out[number_of(object)] = true; /* for ever */
    destroyed++;
}

static void *gets(void)
{
    void *object = weft_pool_get(&pool);
    if (object == NULL)
        return NULL;
    ORDERS_REQUIRE(!out[number_of(object)]);
    out[number_of(object)] = true;
    ORDERS_READ(object);
    return object;
}

static void puts_back(void *object)
{
    ORDERS_WRITE(object);
    out[number_of(object)] = false;
    weft_pool_put(&pool, object);
}

/* ---- before and after ---- */

/* Each has its ring, all of whose words are known to Relacy, and which is empty. */
static void set_up_empty(void)
{
    pool = (weft_pool){.keep = KEEP_HERE};
    used = 0;
    orders_touch(true);
    for (standing_for = -1; standing_for < PROCESSORS; standing_for++) {
        for (int i = 0; i < KEEP_HERE; i++)
            weft_pool_put(&pool, &payload[i * 8]);
        for (int i = 0; i < KEEP_HERE; i++)
            ck_assert_ptr_nonnull(weft_pool_get(&pool));
        struct shelf *shelf = shelf_of(&pool);
        struct ring *ring = weft__load_relaxed(standing_for < 0 ? &shelf->common : &shelf->rings[standing_for]);
        weft__store_relaxed(&ring->taken, 0u);
    }
    (void)weft_pool_trim(&pool);
    weft__store_relaxed(&flag, 0u);
    orders_touch(false);
    standing_for = -2;
    pool.make = makes;
    pool.destroy = destroys;
    memset(out, 0, sizeof out);
    made = destroyed = 0;
    for (int i = 0; i < OBJECTS; i++)
        orders_plain(&payload[i * 8]);
}

/* As weft_pool_clear, but that the memory stays: the rest of it is not under test. */
static void none_is_lost(void)
{
    int before = destroyed;
    ORDERS_REQUIRE((int)empty_all(&pool, shelf_of(&pool), true, 0) == destroyed - before);
    ORDERS_REQUIRE(destroyed == made);
}

/* ---- threads ---- */

static void users(int self)
{
    (void)self;
    for (int turn = 0; turn < 3; turn++) {
        void *one = gets(), *two = turn == 1 ? gets() : NULL;
        ORDERS_REQUIRE(one != NULL && one != two);
        if (two != NULL)
            puts_back(two);
        puts_back(one);
    }
}

static void users_and_a_trimmer(int self)
{
    if (self != 2) {
        users(self);
        return;
    }
    for (int turn = 0; turn < 3; turn++)
        (void)weft_pool_trim(&pool);
}

/* Who has a processor gives, the others take: the ring gets full, and has room again. */
static void givers_and_takers(int self)
{
    for (int turn = 0; turn < 4; turn++) {
        if (self == 0) {
            puts_back(makes(NULL));
            continue;
        }
        void *object = weft_pool_get(&pool);
        if (object == NULL)
            continue;
        destroys(object, NULL);
    }
}

static void set_up_without_make(void)
{
    set_up_empty();
    pool.make = NULL;
}

/* Whoever is told that two were put gets both, wherever they lie. */
static void one_comes_after(int self)
{
    if (self == 0) {
        void *one = makes(NULL), *two = makes(NULL);
        puts_back(one);
        puts_back(two);
        ORDERS_REQUIRE(gets() == two);
        puts_back(two);
        weft__store_release(&flag, 1u);
    } else if (self == 1) {
        orders_delay(40);
        if (weft__load_acquire(&flag) == 0)
            return;
        void *one = gets(), *two = gets();
        ORDERS_REQUIRE(one != NULL && two != NULL && weft_pool_get(&pool) == NULL);
        puts_back(one);
        puts_back(two);
    }
}

static void explore(int threads, void (*before)(void), void (*thread)(int), unsigned iterations)
{
    const struct orders_test test = {threads, before, thread, none_is_lost, NULL, NULL};
    const char *found = orders_explore(&test, iterations);
    ck_assert_msg(found == NULL, "found: %s", found);
}

START_TEST(w09_two_processors_and_a_thread)
{
    explore(3, set_up_empty, users, 20000);
}
END_TEST

START_TEST(w09_threads)
{
    explore(4, set_up_empty, users, 10000);
}
END_TEST

START_TEST(w10_trim_beside_two_processors)
{
    explore(3, set_up_empty, users_and_a_trimmer, 20000);
}
END_TEST

START_TEST(w09_a_giver_and_takers)
{
    explore(3, set_up_without_make, givers_and_takers, 20000);
}
END_TEST

START_TEST(w09_found_by_who_comes_after)
{
    explore(2, set_up_without_make, one_comes_after, 20000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orders/pool");
    TCase *tests = tcase_create("pool");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, w09_two_processors_and_a_thread);
    tcase_add_test(tests, w09_threads);
    tcase_add_test(tests, w10_trim_beside_two_processors);
    tcase_add_test(tests, w09_a_giver_and_takers);
    tcase_add_test(tests, w09_found_by_who_comes_after);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

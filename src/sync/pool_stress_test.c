/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_stress_test.c - the catalogue's W-09 where many use a pool at a time: no object is with two of them, none is lost, what was
 * done before a put can be read after the get (ThreadSanitizer looks at the plain counts), at 1, 2 and 4 processors. */
#include <unistd.h>

#include <weft.h>

#include "sched/runtime.h"

#include "pools.h"

static struct pools_factory factory;
static weft_pool pool;
static atomic_int over;

enum { ALONE = 1, YIELDS = 2, SECTIONS = 4, TRIMS = 8 };

/* Take up to three, use them, and give them back, on another processor perhaps. */
static void works(int turns, int how)
{
    struct pools_object *got[3];
    uint32_t random = (uint32_t)turns * 2654435761u + (uint32_t)how;
    for (int turn = 0; turn < turns; turn++) {
        random = random * 1664525u + 1013904223u;
        int count = how & ALONE ? 1 : 1 + (int)(random >> 16) % 3;
        for (int i = 0; i < count; i++) {
            got[i] = pools_get(&pool);
            pools_use(&factory, got[i]);
        }
        if ((how & YIELDS) != 0 && (random >> 24) % 4 == 0)
            weft_yield();
        bool in_section = (how & SECTIONS) != 0 && (random >> 20) % 64 == 0;
        if (in_section)
            weft_blocking_begin();
        if ((how & TRIMS) != 0 && (random >> 12) % 128 == 0)
            (void)weft_pool_trim(&pool);
        for (int i = 0; i < count; i++) {
            pools_use(&factory, got[i]);
            pools_put(&pool, got[i]);
        }
        if (in_section)
            weft_blocking_end();
    }
}

static void *works_in_a_thread(void *arg)
{
    works((int)(intptr_t)arg, TRIMS);
    return NULL;
}

static void check_uses(void)
{
    long uses = 0;
    for (struct pools_object *object = atomic_load(&factory.all); object != NULL; object = object->next)
        uses += object->uses > 0 ? object->uses : 0;
    test_check(uses <= atomic_load(&factory.used));
    test_check(pools_destroyed(&factory) > 0 || uses == atomic_load(&factory.used)); /* destroying forgets the uses */
}

static void begin(int keep)
{
    factory = (struct pools_factory){0};
    pool = pools_pool(&factory, keep);
}

static int many_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int hows[] = {ALONE, YIELDS, YIELDS | SECTIONS, YIELDS | TRIMS, ALONE | YIELDS | SECTIONS | TRIMS, 0};
    for (int round = 0; round < 2 * (int)(sizeof hows / sizeof hows[0]); round++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        pthread_t threads[2];
        int turns = test_iterations(40000);
        begin(round % 2 == 0 ? 0 : 2);
        for (int i = 0; i < 6; i++)
            test_check(weft_waitgroup_go(&wg, works, turns, hows[round / 2]) == 0);
        if (round / 2 >= 2)
            for (int i = 0; i < 2; i++)
                test_check(pthread_create(&threads[i], NULL, works_in_a_thread, (void *)(intptr_t)turns) == 0);
        weft_waitgroup_wait(&wg);
        if (round / 2 >= 2)
            for (int i = 0; i < 2; i++)
                weft_blocking
                {
                    pthread_join(threads[i], NULL);
                }
        check_uses();
        pools_end(&pool, &factory, 0);
    }
    return 0;
}

START_TEST(w09_one_owner_at_a_time_and_none_is_lost)
{
    test_run(many_app);
}
END_TEST

/* Processors with numbers that the pool has no ring for use that of the threads, beside those that have one. */
START_TEST(w09_more_processors_than_rings)
{
    weft__rt.numbers = 254;
    test_run(many_app);
    ck_assert_int_gt(weft__rt.numbers, 256);
}
END_TEST

START_TEST(w09_threads_without_a_run)
{
    pthread_t threads[4];
    for (int round = 0; round < 6; round++) {
        begin(round % 2 == 0 ? 0 : 1);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(
                pthread_create(&threads[i], NULL, works_in_a_thread, (void *)(intptr_t)test_iterations(50000)), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        check_uses();
        pools_end(&pool, &factory, 0);
    }
}
END_TEST

/* Some only make and put, others only get and destroy: all objects change the processor, through a ring of one or of many. */

static void gives(int count)
{
    for (int i = 0; i < count; i++) {
        struct pools_object *object = pools_make(&factory);
        pools_use(&factory, object);
        weft_pool_put(&pool, object);
        if (i % 64 == 63)
            weft_yield();
    }
}

static void takes(int givers)
{
    for (;;) {
        bool last = atomic_load(&over) == givers;
        struct pools_object *object = pools_get(&pool);
        if (object == NULL && last)
            return;
        if (object == NULL) {
            weft_yield();
            continue;
        }
        test_check(object->uses == 1);
        pools_become(object, POOLS_OUT, POOLS_IN);
        pools_destroy(object, &factory);
    }
}

static void gives_and_says(int count)
{
    gives(count);
    atomic_fetch_add(&over, 1);
}

static int one_way_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int keeps[] = {0, 1, 3, 64};
    for (int round = 0; round < 4; round++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        begin(keeps[round]);
        pool.make = NULL;
        atomic_store(&over, 0);
        for (int i = 0; i < 3; i++) {
            test_check(weft_waitgroup_go(&wg, gives_and_says, test_iterations(30000)) == 0);
            test_check(weft_waitgroup_go(&wg, takes, 3) == 0);
        }
        weft_waitgroup_wait(&wg);
        /* The takers have seen the end of the givers: nothing is left. */
        test_check(pools_made(&factory) == pools_destroyed(&factory) && weft_pool_get(&pool) == NULL);
        pools_end(&pool, &factory, 0);
    }
    return 0;
}

START_TEST(w09_given_here_and_taken_there)
{
    test_run(one_way_app);
}
END_TEST

/* The shelf and the rings are made by the first who come. */
static void puts_once(weft_waitgroup *ready, weft_pool *young)
{
    struct pools_object *object = pools_make(&factory);
    weft_waitgroup_done(ready);
    weft_waitgroup_wait(ready);
    weft_pool_put(young, object);
    object = pools_get(young);
    test_check(object != NULL);
    pools_put(young, object);
}

static int young_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_spawning_iterations(2000); turn++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT, ready = WEFT_WAITGROUP_INIT;
        begin(0);
        weft_waitgroup_add(&ready, 4);
        for (int i = 0; i < 4; i++)
            test_check(weft_waitgroup_go(&wg, puts_once, &ready, &pool) == 0);
        weft_waitgroup_wait(&wg);
        pools_end(&pool, &factory, 0);
    }
    return 0;
}

START_TEST(w09_the_first_puts_at_a_time)
{
    test_run(young_app);
}
END_TEST

/* ---- the end of a run ---- */

/* Cut off with objects in hand, at work, or in a C call, from which they come back in a later run: then they use the pool with
 * the processor of their own run, beside those that are there now. */

static atomic_int ready, released, back;

static void is_cut_off(void)
{
    (void)pools_get(&pool);
    weft_chan_recv((weft_chan(int))NULL, NULL);
}

static void comes_back_late(void)
{
    works(10, ALONE);
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&released))
        usleep(100);
    works(test_iterations(100000), ALONE);
    atomic_fetch_add(&back, 1);
}

enum { HOGS = 4, CUT_OFF = 3 };

static int leaves_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < CUT_OFF; i++)
        test_check(weft_go(is_cut_off) == 0);
    while (pools_made(&factory) < CUT_OFF)
        weft_yield();
    for (int i = 0; i < HOGS; i++)
        test_check(weft_go(comes_back_late) == 0);
    while (atomic_load(&ready) < HOGS)
        weft_sleep(WEFT_MILLISECOND);
    return 0;
}

static int goes_on_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    atomic_store(&released, 1);
    for (int i = 0; i < HOGS; i++)
        test_check(weft_waitgroup_go(&wg, works, test_iterations(100000), ALONE | YIELDS) == 0);
    weft_waitgroup_wait(&wg);
    while (weft__load_acquire(&weft__rt.lost_machines) > 0 || atomic_load(&back) < HOGS) /* pairs with its decrement */
        weft_sleep(WEFT_MILLISECOND);
    return 0;
}

START_TEST(w09_goroutines_that_their_run_has_ended_without)
{
    for (int i = 0; i < 3; i++) {
        begin(0);
        atomic_store(&ready, 0);
        atomic_store(&released, 0);
        atomic_store(&back, 0);
        test_run_at(HOGS, leaves_app);
        test_run_at(HOGS, goes_on_app);
        check_uses();
        pools_end(&pool, &factory, CUT_OFF);
    }
}
END_TEST

/* ---- on the move ---- */

/* WEFT_DEBUG=migrate has each of them go on in another thread after each wait. */
static int moving_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    begin(0);
    for (int i = 0; i < 4; i++)
        test_check(weft_waitgroup_go(&wg, works, test_iterations(10000), YIELDS | TRIMS) == 0);
    weft_waitgroup_wait(&wg);
    check_uses();
    pools_end(&pool, &factory, 0);
    return 0;
}

START_TEST(w09_between_get_and_put_goroutines_move)
{
    setenv("WEFT_DEBUG", "migrate", 1);
    test_run(moving_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_stress");
    TCase *tests = tcase_create("pool_stress");
    tcase_add_test(tests, w09_one_owner_at_a_time_and_none_is_lost);
    tcase_add_test(tests, w09_more_processors_than_rings);
    tcase_add_test(tests, w09_threads_without_a_run);
    tcase_add_test(tests, w09_given_here_and_taken_there);
    tcase_add_test(tests, w09_the_first_puts_at_a_time);
    tcase_add_test(tests, w09_goroutines_that_their_run_has_ended_without);
    tcase_add_test(tests, w09_between_get_and_put_goroutines_move);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

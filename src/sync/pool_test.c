/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_test.c - the catalogue's W-09 and W-10: what a pool gives, keeps and destroys, where the answer is known. pool_stress_test.c
 * has what many do at a time. */
#include <weft.h>

#include "pools.h"

static struct pools_factory factory;

/* ---- W-09: what is put is got ---- */

START_TEST(w09_what_is_given_back_is_given_again)
{
    weft_pool pool = pools_pool(&factory, 0);
    struct pools_object *a = pools_get(&pool), *b = pools_get(&pool);
    ck_assert(a != b && pools_made(&factory) == 2);
    pools_put(&pool, a);
    ck_assert_ptr_eq(pools_get(&pool), a);
    pools_put(&pool, b);
    pools_put(&pool, a);
    struct pools_object *c = pools_get(&pool), *d = pools_get(&pool);
    ck_assert((c == a && d == b) || (c == b && d == a));
    ck_assert_int_eq(pools_made(&factory), 2);
    pools_put(&pool, c);
    pools_end(&pool, &factory, 1);
}
END_TEST

START_TEST(w09_a_zeroed_pool)
{
    weft_pool pool = {0};
    int objects[3];
    ck_assert_ptr_null(weft_pool_get(&pool));
    ck_assert_int_eq(weft_pool_trim(&pool), 0);
    ck_assert_int_eq(weft_pool_clear(&pool), 0);
    weft_pool_put(&pool, NULL);
    ck_assert_ptr_null(weft_pool_get(&pool));
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 3; i++)
            weft_pool_put(&pool, &objects[i]);
        unsigned seen = 0;
        for (int i = 0; i < 3; i++)
            seen |= 1u << ((int *)weft_pool_get(&pool) - objects);
        ck_assert_int_eq(seen, 7);
        ck_assert_ptr_null(weft_pool_get(&pool));
    }
    /* A pool does not look at what it is given. */
    weft_pool_put(&pool, (void *)(uintptr_t)1);
    ck_assert(weft_pool_get(&pool) == (void *)(uintptr_t)1);
    weft_pool_put(&pool, &objects[0]);
    ck_assert_int_eq(weft_pool_clear(&pool), 1);
    ck_assert_ptr_null(weft_pool_get(&pool));
}
END_TEST

static void *makes_a_few(void *arg)
{
    int *left = arg;
    return *left > 0 ? &left[(*left)--] : NULL;
}

START_TEST(w09_make_may_have_none)
{
    int few[3] = {2};
    weft_pool pool = WEFT_POOL_INIT(makes_a_few, NULL);
    pool.arg = few;
    ck_assert_ptr_eq(weft_pool_get(&pool), &few[2]);
    ck_assert_ptr_eq(weft_pool_get(&pool), &few[1]);
    ck_assert_ptr_null(weft_pool_get(&pool));
    weft_pool_put(&pool, &few[2]);
    ck_assert_ptr_eq(weft_pool_get(&pool), &few[2]);
    ck_assert_ptr_null(weft_pool_get(&pool));
    ck_assert_int_eq(weft_pool_clear(&pool), 0);
}
END_TEST

/* Whoever comes after the puts finds all of them, wherever they lie: on other processors, with threads, in sections. */

static weft_pool shared_pool;
static struct pools_object objects[64];

static void puts_one(int i)
{
    weft_pool_put(&shared_pool, &objects[i]);
}

static void puts_one_in_a_section(int i)
{
    weft_blocking
    {
        weft_pool_put(&shared_pool, &objects[i]);
        struct pools_object *object = weft_pool_get(&shared_pool);
        test_check(object != NULL);
        weft_pool_put(&shared_pool, object);
    }
}

static void *puts_in_a_thread(void *arg)
{
    puts_one((int)(intptr_t)arg);
    return NULL;
}

static void takes_all(int from, int count)
{
    bool seen[64] = {0};
    for (int i = 0; i < count; i++) {
        struct pools_object *object = weft_pool_get(&shared_pool);
        test_check(object != NULL && object - objects >= from && object - objects < from + count);
        test_check(!seen[object - objects]);
        seen[object - objects] = true;
    }
    test_check(weft_pool_get(&shared_pool) == NULL);
}

static void *takes_in_a_thread(void *arg)
{
    takes_all(0, (int)(intptr_t)arg);
    return NULL;
}

static int found_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < test_spawning_iterations(400); turn++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        pthread_t threads[4];
        for (int i = 0; i < 60; i++)
            test_check(weft_waitgroup_go(&wg, i % 4 == 3 ? puts_one_in_a_section : puts_one, i) == 0);
        for (int i = 0; i < 4; i++)
            test_check(pthread_create(&threads[i], NULL, puts_in_a_thread, (void *)(intptr_t)(60 + i)) == 0);
        for (int i = 0; i < 4; i++)
            test_check(pthread_join(threads[i], NULL) == 0);
        weft_waitgroup_wait(&wg);
        switch (turn % 3) {
        case 0:
            takes_all(0, 64);
            break;
        case 1:
            test_check(weft_waitgroup_go(&wg, takes_all, 0, 64) == 0);
            weft_waitgroup_wait(&wg);
            break;
        default:
            test_check(pthread_create(&threads[0], NULL, takes_in_a_thread, (void *)64) == 0);
            weft_blocking
            {
                pthread_join(threads[0], NULL);
            }
        }
    }
    return 0;
}

START_TEST(w09_what_is_kept_is_found_wherever_it_lies)
{
    test_run(found_app);
    ck_assert_int_eq(weft_pool_clear(&shared_pool), 0);
}
END_TEST

static int leaves_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 64; i++)
        test_check(weft_waitgroup_go(&wg, i % 4 == 3 ? puts_one_in_a_section : puts_one, i) == 0);
    weft_waitgroup_wait(&wg);
    return 0;
}

static int finds_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    takes_all(0, 64);
    return 0;
}

START_TEST(w09_a_pool_outlives_runs)
{
    static const int processors[] = {1, 4, 2, 1};
    for (int i = 0; i < 8; i++) {
        test_run_at(processors[i % 4], leaves_app);
        if (i == 7)
            takes_all(0, 64); /* between runs, in a thread */
        else
            test_run_at(processors[(i + 1) % 4], finds_app);
    }
    ck_assert_int_eq(weft_pool_clear(&shared_pool), 0);
}
END_TEST

/* ---- W-10: how many are kept ---- */

static void check_bound(int keep, long wanted)
{
    weft_pool pool = pools_pool(&factory, keep);
    long surplus = 3, count = wanted + surplus, made = pools_made(&factory), destroyed = pools_destroyed(&factory);
    struct pools_object **got = calloc((size_t)count, sizeof(struct pools_object *));
    test_check(got != NULL);
    for (int turn = 0; turn < 2; turn++) {
        for (long i = 0; i < count; i++)
            got[i] = pools_get(&pool);
        test_check(pools_made(&factory) == made + count + turn * surplus); /* what was kept has come back */
        for (long i = 0; i < count; i++)
            pools_put(&pool, got[i]);
        test_check(pools_destroyed(&factory) == destroyed + (turn + 1) * surplus);
    }
    test_check((long)weft_pool_clear(&pool) == wanted);
    free(got);
}

static int bound_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    check_bound(0, 128);
    check_bound(1, 1);
    check_bound(5, 5);
    check_bound(64, 64);
    check_bound(-1, 0);
    check_bound(INT32_MIN, 0);
    check_bound(100000, 65536);
    check_bound(INT32_MAX, 65536);
    return 0;
}

START_TEST(w10_no_more_are_kept_than_asked_for)
{
    bound_app(0, NULL); /* a plain thread */
    test_run_at(1, bound_app);
    weft_pool none = WEFT_POOL_INIT(NULL, NULL);
    pools_end(&none, &factory, 0);
}
END_TEST

static void fills(weft_pool *pool, int count)
{
    for (int i = 0; i < count; i++)
        weft_pool_put(pool, &objects[i]);
}

struct taking {
    weft_pool *pool;
    int count;
};

static void *takes_the_oldest(void *arg)
{
    struct taking *taking = arg;
    for (int i = 0; i < taking->count; i++)
        test_check(weft_pool_get(taking->pool) == &objects[i]);
    return NULL;
}

/* The owner has as many as it may, the oldest are taken by others, and there is room again. In no section, after which it might have
 * another processor, with a ring of its own. */
static int room_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int taken = 0; taken <= 8; taken++) {
        weft_pool pool = {.keep = 8};
        struct taking taking = {&pool, taken};
        pthread_t thread;
        fills(&pool, 9);
        test_check(pthread_create(&thread, NULL, takes_the_oldest, &taking) == 0);
        test_check(pthread_join(thread, NULL) == 0);
        fills(&pool, 9);
        test_check(weft_pool_clear(&pool) == 8);
    }
    return 0;
}

START_TEST(w10_room_that_others_have_made)
{
    test_run_at(1, room_app);
}
END_TEST

/* ---- W-10: trim ---- */

static int trim_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_pool pool = pools_pool(&factory, 0);
    struct pools_object *got[10];
    for (int i = 0; i < 10; i++)
        got[i] = pools_get(&pool);
    for (int i = 0; i < 10; i++)
        pools_put(&pool, got[i]);
    test_check(weft_pool_trim(&pool) == 0);
    for (int turn = 0; turn < 3; turn++) { /* three of them are in use, one after the other and at once */
        for (int i = 0; i < 3; i++)
            got[i] = pools_get(&pool);
        for (int i = 0; i < 3; i++)
            pools_put(&pool, got[i]);
    }
    test_check(weft_pool_trim(&pool) == 7); /* the others */
    test_check(weft_pool_trim(&pool) == 3);
    test_check(weft_pool_trim(&pool) == 0);
    test_check(pools_made(&factory) == 10);
    got[0] = pools_get(&pool); /* what is out is not trimmed, however long it is out */
    test_check(pools_made(&factory) == 11);
    test_check(weft_pool_trim(&pool) == 0 && weft_pool_trim(&pool) == 0);
    pools_put(&pool, got[0]);
    test_check(weft_pool_trim(&pool) == 0 && weft_pool_trim(&pool) == 1);
    pools_end(&pool, &factory, 0);
    atomic_store(&factory.made, 0);
    atomic_store(&factory.destroyed, 0);
    return 0;
}

START_TEST(w10_trim_destroys_what_was_not_used_since_the_last_one)
{
    trim_app(0, NULL);
    test_run(trim_app); /* one goroutine, that is not moved */
}
END_TEST

static int trim_of_others_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    leaves_app(0, NULL);
    test_check(weft_pool_trim(&shared_pool) == 0);
    test_check(weft_pool_trim(&shared_pool) == 64);
    leaves_app(0, NULL);
    test_check(weft_pool_trim(&shared_pool) == 0);
    takes_all(0, 64);
    for (int i = 0; i < 64; i++)
        puts_one(i);
    test_check(weft_pool_trim(&shared_pool) == 0);
    return 0;
}

START_TEST(w10_trim_looks_everywhere)
{
    for (int processors = 1; processors <= 4; processors *= 2) {
        test_run_at(processors, trim_of_others_app);
        ck_assert_int_eq(weft_pool_trim(&shared_pool), 64); /* in a thread, what a run has left */
    }
}
END_TEST

/* ---- make and destroy leave in their own way ---- */

static weft_pool *nested;
static int ways_out;

static void *exits_or_makes(void *arg)
{
    if (ways_out++ == 0)
        weft_exit();
    return pools_make(arg);
}

static void exits_once_destroyed(void *object, void *arg)
{
    pools_destroy(object, arg);
    if (ways_out++ % 2 == 0)
        weft_exit();
    weft_yield();
}

static void gets_and_puts(weft_pool *pool)
{
    pools_put(pool, pools_get(pool));
}

static void trims(weft_pool *pool)
{
    (void)weft_pool_trim(pool);
}

static void clears(weft_pool *pool)
{
    (void)weft_pool_clear(pool);
}

static int ways_out_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_pool pool = pools_pool(&factory, 0);
    pool.make = exits_or_makes;
    pool.destroy = exits_once_destroyed;
    ways_out = 0;
    test_check(weft_waitgroup_go(&wg, gets_and_puts, &pool) == 0);
    weft_waitgroup_wait(&wg);
    test_check(pools_made(&factory) == 0);
    struct pools_object *got[9];
    for (int i = 0; i < 9; i++)
        got[i] = pools_get(&pool);
    for (int i = 0; i < 9; i++)
        pools_put(&pool, got[i]);
    (void)weft_pool_trim(&pool);
    /* Each destroys one or two before it is cut off; the rest stays for the next. */
    for (long destroyed = 0; destroyed < 9; destroyed = pools_destroyed(&factory)) {
        test_check(weft_waitgroup_go(&wg, destroyed < 5 ? trims : clears, &pool) == 0);
        weft_waitgroup_wait(&wg);
        test_check(pools_destroyed(&factory) > destroyed && pools_destroyed(&factory) <= destroyed + 2);
    }
    pools_end(&pool, &factory, 0);
    atomic_store(&factory.made, 0);
    atomic_store(&factory.destroyed, 0);
    return 0;
}

START_TEST(w09_make_and_destroy_may_end_the_goroutine)
{
    test_run(ways_out_app);
}
END_TEST

/* An object that is made of another one of the same pool. */
static void *makes_from_another(void *arg)
{
    weft_yield();
    if (ways_out++ % 2 == 0)
        return weft_pool_get(nested);
    return pools_make(arg);
}

static int nested_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_pool pool = pools_pool(&factory, 0);
    pool.make = makes_from_another;
    nested = &pool;
    ways_out = 0;
    struct pools_object *got[4];
    for (int i = 0; i < 4; i++)
        got[i] = pools_get(&pool);
    test_check(pools_made(&factory) == 4 && ways_out == 8);
    for (int i = 0; i < 4; i++)
        pools_put(&pool, got[i]);
    pools_end(&pool, &factory, 0);
    atomic_store(&factory.made, 0);
    atomic_store(&factory.destroyed, 0);
    return 0;
}

START_TEST(w09_make_may_park_and_use_the_pool)
{
    test_run(nested_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tests = tcase_create("pool");
    tcase_add_test(tests, w09_what_is_given_back_is_given_again);
    tcase_add_test(tests, w09_a_zeroed_pool);
    tcase_add_test(tests, w09_make_may_have_none);
    tcase_add_test(tests, w09_what_is_kept_is_found_wherever_it_lies);
    tcase_add_test(tests, w09_a_pool_outlives_runs);
    tcase_add_test(tests, w10_no_more_are_kept_than_asked_for);
    tcase_add_test(tests, w10_room_that_others_have_made);
    tcase_add_test(tests, w10_trim_destroys_what_was_not_used_since_the_last_one);
    tcase_add_test(tests, w10_trim_looks_everywhere);
    tcase_add_test(tests, w09_make_and_destroy_may_end_the_goroutine);
    tcase_add_test(tests, w09_make_may_park_and_use_the_pool);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_first_test.c - the first puts of a pool, which make what the rings hang on, and the rings: two that do so at the same time, and
 * others who look at it afterwards. Catalogue: W-09.
 *
 * The library's call for memory waits until both have made it, so that each has a shelf of its own and one of them is too late. All
 * waiting is relaxed: nothing but the pool orders what the threads do, and ThreadSanitizer sees what it does not.
 *
 * test-wrap: aligned_alloc
 * test-skip: lto */
#include <sched.h>

#include <weft.h>

#include "pools.h"

static weft_pool pool;
static int objects[2];

static atomic_int asking, step;
static __thread bool gathers; /* until its first call for memory */

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static void await(atomic_int *what, int wanted)
{
    while (atomic_load_explicit(what, memory_order_relaxed) < wanted)
        sched_yield();
}

static void reach(atomic_int *what)
{
    atomic_fetch_add_explicit(what, 1, memory_order_relaxed);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (gathers) {
        gathers = false;
        reach(&asking);
        await(&asking, 2);
    }
    return __real_aligned_alloc(alignment, size);
}

static void *gives(void *arg)
{
    gathers = true;
    weft_pool_put(&pool, arg);
    test_check(!gathers);
    reach(&step);
    return NULL;
}

static void *trims(void *arg)
{
    await(&step, 2);
    test_check(weft_pool_trim(&pool) == 0);
    reach(&step);
    return arg;
}

static void *takes(void *arg)
{
    await(&step, 2);
    int *object = weft_pool_get(&pool);
    test_check(object == &objects[0] || object == &objects[1]);
    reach(&step);
    return arg;
}

static void begin(void)
{
    pool = (weft_pool){0};
    atomic_store(&asking, 0);
    atomic_store(&step, 0);
}

START_TEST(w09_threads_that_make_a_shelf_each)
{
    for (int turn = 0; turn < 50; turn++) {
        pthread_t threads[4];
        begin();
        ck_assert_int_eq(pthread_create(&threads[0], NULL, gives, &objects[0]), 0);
        ck_assert_int_eq(pthread_create(&threads[1], NULL, gives, &objects[1]), 0);
        ck_assert_int_eq(pthread_create(&threads[2], NULL, trims, NULL), 0);
        ck_assert_int_eq(pthread_create(&threads[3], NULL, takes, NULL), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        test_check(weft_pool_clear(&pool) == 1);
    }
}
END_TEST

/* One of them has a processor and a ring of its own, which the others find. */
static int mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = 0; turn < 50; turn++) {
        pthread_t threads[3];
        begin();
        test_check(pthread_create(&threads[0], NULL, gives, &objects[0]) == 0);
        test_check(pthread_create(&threads[1], NULL, trims, NULL) == 0);
        test_check(pthread_create(&threads[2], NULL, takes, NULL) == 0);
        gives(&objects[1]);
        await(&step, 4);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        test_check(weft_pool_clear(&pool) == 1);
    }
    return 0;
}

START_TEST(w09_a_goroutine_and_a_thread_that_make_a_shelf_each)
{
    test_run(mixed_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_first");
    TCase *tests = tcase_create("pool_first");
    tcase_add_test(tests, w09_threads_that_make_a_shelf_each);
    tcase_add_test(tests, w09_a_goroutine_and_a_thread_that_make_a_shelf_each);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

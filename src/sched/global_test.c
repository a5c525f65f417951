/* SPDX-License-Identifier: Apache-2.0
 *
 * global_test.c - the global queue beside a count: whoever goes in comes out once, in order, alone or in a batch, also when there are
 * more batches than places for them. No run is going on. */
#include <stdlib.h>

#include "sched/runtime.h"

#include "support.h"

static struct spawn *records;
static uint64_t put_so_far, taken_so_far;

/* A chain of the next records, which are numbered. */
static void put(uint32_t length)
{
    runnable first = RUNNABLE_NONE, last = RUNNABLE_NONE;
    for (uint32_t i = 0; i < length; i++, put_so_far++) {
        struct spawn *s = &records[put_so_far];
        s->few[0] = put_so_far;
        runnable r = runnable_of_spawn(s);
        if (first == RUNNABLE_NONE)
            first = r;
        else
            runnable_set_next(last, r);
        last = r;
    }
    runnable_set_next(last, first); /* whatever it says: it is the last */
    weft__global_put(first, last, length);
}

static void check_next(runnable r)
{
    test_check(runnable_is_spawn(r) && runnable_spawn(r)->few[0] == taken_so_far);
    taken_so_far++;
}

/* It ends there. */
static void check_chain(runnable r, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++, r = runnable_next(r))
        check_next(r);
    ck_assert_uint_eq(r, RUNNABLE_NONE);
}

static uint32_t random_below(uint32_t bound)
{
    return weft__random() % bound;
}

static void begin(size_t count)
{
    records = calloc(count, sizeof *records);
    ck_assert_ptr_nonnull(records);
    put_so_far = taken_so_far = 0;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    ck_assert(weft__global_is_empty());
    ck_assert_uint_eq(weft__load_relaxed(&weft__rt.global_count), 0);
}

static void end(void)
{
    uint32_t left = weft__load_relaxed(&weft__rt.global_count);
    ck_assert_uint_eq(left, put_so_far - taken_so_far);
    check_chain(weft__global_take_all(), left);
    ck_assert(weft__global_is_empty());
    ck_assert_uint_eq(weft__global_take_one(), RUNNABLE_NONE);
    weft__store_relaxed(&weft__rt.global_count, 0u); /* under the lock */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    free(records);
}

START_TEST(p03_first_in_first_out_alone_and_in_batches)
{
    int turns = test_iterations(20000);
    begin((size_t)turns * 2 * RUNQ_BATCH);
    for (int turn = 0; turn < turns; turn++) {
        uint32_t waiting = weft__load_relaxed(&weft__rt.global_count), count = 0; /* under the lock */
        ck_assert_uint_eq(waiting, put_so_far - taken_so_far);
        ck_assert(weft__global_is_empty() == (waiting == 0));
        switch (random_below(4)) {
        case 0:
            put(1 + random_below(random_below(2) == 0 ? 3 : 2 * RUNQ_BATCH));
            break;
        case 1:
        case 2:
            if (waiting == 0)
                ck_assert_uint_eq(weft__global_take_one(), RUNNABLE_NONE);
            else
                check_next(weft__global_take_one());
            break;
        default: {
            uint32_t most = 1 + random_below(2 * RUNQ_BATCH);
            runnable r = weft__global_take_batch(most, &count);
            if (r != RUNNABLE_NONE) {
                ck_assert(count >= 1 && count <= most);
                check_chain(r, count);
            }
        }
        }
    }
    end();
}
END_TEST

START_TEST(what_is_more_than_there_are_places_for_is_joined)
{
    enum { HALF = RUNQ_BATCH / 2 + 2, CHAINS = 2 * GLOBAL_BATCHES };
    begin((size_t)CHAINS * HALF);
    for (int i = 0; i < CHAINS; i++) /* two of them are too many for a batch */
        put(HALF);
    ck_assert_uint_eq(weft__rt.batch_tail - weft__rt.batch_head, GLOBAL_BATCHES);
    uint32_t count;
    for (uint32_t i = 1; i < GLOBAL_BATCHES; i++) {
        check_chain(weft__global_take_batch(RUNQ_BATCH, &count), HALF);
        ck_assert_uint_eq(count, HALF);
    }
    ck_assert_uint_eq(weft__global_take_batch(RUNQ_BATCH, &count),
                      RUNNABLE_NONE); /* the one that all others were joined to */
    check_next(weft__global_take_one());
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched/global");
    TCase *tests = tcase_create("global");
    tcase_add_test(tests, p03_first_in_first_out_alone_and_in_batches);
    tcase_add_test(tests, what_is_more_than_there_are_places_for_is_joined);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

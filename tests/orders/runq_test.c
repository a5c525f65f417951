/* SPDX-License-Identifier: Apache-2.0
 *
 * runq_test.c - the run queue under the memory model of C11 (P-05): each element exactly once, and with it what its owner had
 * written; a slot is not used again before its reader is done; nobody takes from beyond the tail. A ring of four, so that slots
 * are used again all the time.
 *
 * test-library: orders
 * test-timeout: 300 */
#define RUNQ_SIZE 4u
#define RUNQ_BATCH 2u
#include "points.h"

#include "sched/runq.h"
#include "support.h"

#define QUEUES 2
#define ELEMENTS 10

static struct runq queues[QUEUES];
static struct spawn elements[ELEMENTS];
static int times_taken[ELEMENTS];
static char payload[ELEMENTS * 8];            /* what an element refers to */
static char contents[QUEUES * RUNQ_SIZE * 8]; /* what a slot's reader has to be done with before it is used again */

static void *payload_of(int element)
{
    return &payload[element * 8];
}

static void *contents_of(const struct runq *q, uint32_t index)
{
    return &contents[((uint32_t)(q - queues) * RUNQ_SIZE + index % RUNQ_SIZE) * 8];
}

static void set_up(void)
{
    memset(queues, 0, sizeof queues);
    memset(times_taken, 0, sizeof times_taken);
    for (int i = 0; i < QUEUES; i++) {
        struct runq *q = &queues[i];
        uint32_t start = i == 0 ? UINT32_MAX - 2 : 0; /* the indices wrap in the middle of the test */
        memcpy((void *)&q->head, &start, sizeof start);
        memcpy((void *)&q->tail, &start, sizeof start);
        orders_atomic((void *)&q->head, sizeof q->head);
        orders_atomic((void *)&q->tail, sizeof q->tail);
        orders_atomic((void *)&q->next, sizeof q->next);
        orders_atomics((void *)q->ring, sizeof q->ring[0], RUNQ_SIZE);
        for (uint32_t slot = 0; slot < RUNQ_SIZE; slot++)
            orders_plain(contents_of(q, slot));
    }
    for (int i = 0; i < ELEMENTS; i++)
        orders_plain(payload_of(i));
}

/* The slots that a taker has read are read for good when its exchange of head succeeds. */
static void takes(void *p, uint64_t from, uint64_t to)
{
    for (int i = 0; i < QUEUES; i++)
        if (p == (void *)&queues[i].head)
            for (uint32_t index = (uint32_t)from; index != (uint32_t)to; index++)
                ORDERS_READ(contents_of(&queues[i], index));
}

static void stores(void *p)
{
    for (int i = 0; i < QUEUES; i++)
        for (uint32_t slot = 0; slot < RUNQ_SIZE; slot++)
            if (p == (void *)&queues[i].ring[slot])
                ORDERS_WRITE(contents_of(&queues[i], slot));
}

static runnable element(int i)
{
    ORDERS_WRITE(payload_of(i));
    return runnable_of_spawn(&elements[i]);
}

static void taken(runnable r)
{
    if (r == RUNNABLE_NONE)
        return;
    ORDERS_REQUIRE(runnable_is_spawn(r));
    long i = runnable_spawn(r) - elements;
    ORDERS_REQUIRE(i >= 0 && i < ELEMENTS);
    ORDERS_READ(payload_of((int)i));
    ORDERS_REQUIRE(++times_taken[i] == 1);
}

static void all_were_taken(void)
{
    for (int i = 0; i < QUEUES; i++)
        for (runnable r; (r = runq_take(&queues[i])) != RUNNABLE_NONE;)
            taken(r);
    for (int i = 0; i < ELEMENTS; i++)
        ORDERS_REQUIRE(times_taken[i] == 1);
}

/* The owner: puts all elements, and takes one when there is no room, or when it feels like it. */
static void put_all(struct runq *q)
{
    for (int i = 0; i < ELEMENTS; i++) {
        runnable r = element(i);
        while (!runq_put(q, r))
            taken(runq_get(q));
        if (orders_random(4) == 0)
            taken(runq_get(q));
    }
}

static void owner_and_takers(int self)
{
    if (self == 0)
        put_all(&queues[0]);
    else
        for (int i = 0; i < 6; i++)
            taken(runq_take(&queues[0]));
}

/* The owner of the second queue: what it steals it takes out again. */
static void steal_all(void)
{
    for (int i = 0; i < 5; i++) {
        taken(runq_steal(&queues[0], &queues[1]));
        for (runnable r; (r = runq_get(&queues[1])) != RUNNABLE_NONE;)
            taken(r);
    }
}

/* The third one takes from the second one's queue what that has stolen from the first one's. */
static void owner_and_thieves(int self)
{
    if (self == 0)
        put_all(&queues[0]);
    else if (self == 1)
        steal_all();
    else
        for (int i = 0; i < 5; i++)
            taken(runq_take(&queues[1]));
}

static void run_next(int self)
{
    if (self == 0)
        for (int i = 0; i < ELEMENTS; i++) {
            taken(runq_put_next(&queues[0], element(i)));
            if (orders_random(4) == 0)
                taken(runq_take_next(&queues[0]));
        }
    else
        for (int i = 0; i < 5; i++)
            taken(runq_take_next(&queues[0]));
}

/* What the owner sheds is its own, chained. */
static void owner_sheds(int self)
{
    if (self != 0) {
        steal_all();
        return;
    }
    for (int i = 0; i < ELEMENTS; i++) {
        runnable r = element(i), first, last;
        while (!runq_put(&queues[0], r))
            if (runq_shed(&queues[0], &first, &last) != 0)
                for (runnable one = first, next; one != RUNNABLE_NONE; one = next) {
                    next = runnable_next(one);
                    taken(one);
                }
    }
}

static void explore(int threads, void (*thread)(int), unsigned iterations)
{
    const struct orders_test test = {threads, set_up, thread, all_were_taken, takes, stores};
    const char *found = orders_explore(&test, iterations);
    ck_assert_msg(found == NULL, "found: %s", found);
}

START_TEST(p05_an_owner_and_takers)
{
    explore(3, owner_and_takers, 30000);
}
END_TEST

START_TEST(p05_an_owner_and_thieves_of_thieves)
{
    explore(3, owner_and_thieves, 30000);
}
END_TEST

START_TEST(p05_run_next)
{
    explore(3, run_next, 20000);
}
END_TEST

START_TEST(p01_shedding)
{
    explore(2, owner_sheds, 20000);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("orders/runq");
    TCase *tests = tcase_create("runq");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, p05_an_owner_and_takers);
    tcase_add_test(tests, p05_an_owner_and_thieves_of_thieves);
    tcase_add_test(tests, p05_run_next);
    tcase_add_test(tests, p01_shedding);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}

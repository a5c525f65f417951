/* SPDX-License-Identifier: Apache-2.0
 *
 * runq_test.c - the run queue by itself: the catalogue's P-01 (ring, run-next, overflow by halves) and P-05 (thieves take half,
 * each element exactly once). No scheduler runs; owner and thieves are plain threads, the elements are spawn records
 * that nobody looks into. The indices start just below their wrap-around wherever that can matter. */
#include <pthread.h>
#include <sched.h>

#include "sched/runq.h"
#include "support.h"

#define NEAR_WRAP (UINT32_MAX - 100)

static struct spawn records[1 << 16];

static runnable number(unsigned i)
{
    return runnable_of_spawn(&records[i]);
}

static unsigned number_of(runnable r)
{
    return (unsigned)(runnable_spawn(r) - records);
}

static void start_at(struct runq *q, uint32_t index)
{
    memset(q, 0, sizeof *q);
    weft__store_relaxed(&q->head, index);
    weft__store_relaxed(&q->tail, index);
}

/* ---- P-01 ---- */

START_TEST(p01_the_ring_holds_1024_in_order)
{
    static const uint32_t starts[] = {0, 77, NEAR_WRAP, UINT32_MAX - 255, UINT32_MAX};
    static struct runq q;
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        start_at(&q, starts[s]);
        ck_assert(runq_is_empty(&q));
        for (int turn = 0; turn < 3; turn++) {
            for (unsigned i = 0; i < RUNQ_SIZE; i++) {
                test_check(runq_length(&q) == i);
                test_check(runq_put(&q, number(i)));
            }
            test_check(!runq_put(&q, number(999)));
            for (unsigned i = 0; i < RUNQ_SIZE; i++)
                test_check(runq_get(&q) == number(i));
            test_check(runq_get(&q) == RUNNABLE_NONE && runq_is_empty(&q));
            /* Half full and going round, so that the ring's end is passed at every distance. */
            for (unsigned i = 0; i < 100 + (unsigned)turn; i++)
                test_check(runq_put(&q, number(i)) && runq_get(&q) == number(i));
        }
    }
}
END_TEST

START_TEST(p01_run_next_gives_way_to_the_newest)
{
    static struct runq q;
    start_at(&q, 0);
    ck_assert(runq_take_next(&q) == RUNNABLE_NONE);
    ck_assert(runq_put_next(&q, number(1)) == RUNNABLE_NONE);
    ck_assert(!runq_is_empty(&q));
    ck_assert_uint_eq(runq_length(&q), 0);                /* the slot is not the ring */
    ck_assert(runq_put_next(&q, number(2)) == number(1)); /* the old one is the caller's to queue */
    ck_assert(runq_take_next(&q) == number(2));
    ck_assert(runq_take_next(&q) == RUNNABLE_NONE);
    ck_assert(runq_is_empty(&q));
}
END_TEST

START_TEST(p01_the_oldest_are_shed_in_batches)
{
    static struct runq q;
    runnable first = RUNNABLE_NONE, last = RUNNABLE_NONE;
    start_at(&q, NEAR_WRAP);
    ck_assert_uint_eq(runq_shed(&q, &first, &last), 0);
    for (unsigned i = 0; i < RUNQ_SIZE; i++)
        test_check(runq_put(&q, number(i)));
    ck_assert_uint_eq(runq_shed(&q, &first, &last), RUNQ_BATCH);
    ck_assert(last == number(RUNQ_BATCH - 1));
    unsigned length = 0;
    for (runnable r = first; r != RUNNABLE_NONE; r = runnable_next(r), length++)
        test_check(r == number(length));
    ck_assert_uint_eq(length, RUNQ_BATCH);
    for (unsigned i = RUNQ_BATCH; i < RUNQ_SIZE - 3; i++)
        test_check(runq_get(&q) == number(i));
    ck_assert_uint_eq(runq_shed(&q, &first, &last), 3); /* all that there are */
    ck_assert(first == number(RUNQ_SIZE - 3) && last == number(RUNQ_SIZE - 1));
    ck_assert(runq_is_empty(&q));
}
END_TEST

/* ---- P-05 ---- */

START_TEST(p05_a_thief_takes_the_older_half)
{
    static struct runq from, to;
    for (unsigned count = 0; count <= RUNQ_SIZE; count++) {
        start_at(&from, NEAR_WRAP + count);
        start_at(&to, UINT32_MAX - 3);
        for (unsigned i = 0; i < count; i++)
            test_check(runq_put(&from, number(i)));
        runnable one = runq_steal(&from, &to);
        unsigned half = count - count / 2;
        test_check(runq_length(&from) == count - half);
        if (count == 0) {
            test_check(one == RUNNABLE_NONE && runq_is_empty(&to));
            continue;
        }
        test_check(one == number(half - 1)); /* to be run at once; the rest is queued */
        test_check(runq_length(&to) == half - 1);
        for (unsigned i = 0; i < half - 1; i++)
            test_check(runq_get(&to) == number(i));
        for (unsigned i = half; i < count; i++)
            test_check(runq_get(&from) == number(i));
    }
}
END_TEST

/* An owner that puts, sheds, takes and fills run-next, and thieves that steal and empty run-next: each element that was put in
 * comes out once, and with it what its putter has written to it: plainly, so that ThreadSanitizer sees an order that is missing.
 * The last thief steals from the other thieves alone; it knows of the owner's stores only by what they have passed on. */
#define THIEVES 3
#define UNTHREATENED (2u * RUNQ_SIZE) /* elements before the thieves are there: it overflows, however fast they are */
#define ELEMENTS (sizeof records / sizeof *records)

static struct runq shared, own[THIEVES];
static WEFT__ATOMIC(uint32_t) taken[ELEMENTS];
static WEFT__ATOMIC(bool) owner_is_done;
static WEFT__ATOMIC(int) thieves_of_the_owner; /* that have not ended */
static uint64_t stamp;                         /* of this round; set before there are threads */

static runnable stamped(unsigned i)
{
    records[i].few[0] = stamp;
    return number(i);
}

static void take(runnable r)
{
    unsigned i = number_of(r);
    test_check(i < ELEMENTS);
    test_check(records[i].few[0] == stamp);
    records[i].few[0] = 0;                             /* what a machine does to a record: it is its own now */
    test_check(weft__add_relaxed(&taken[i], 1u) == 0); /* a count; the threads are joined before it is read */
}

/* Take what can be stolen, and pass it through the own queue, where others may steal it. */
static bool steal_all(struct runq *from, struct runq *mine)
{
    runnable r = runq_steal(from, mine);
    bool found = r != RUNNABLE_NONE;
    if (found)
        sched_yield(); /* the own queue is full now: its thief's turn */
    while (r != RUNNABLE_NONE) {
        take(r);
        r = runq_get(mine);
    }
    return found;
}

static void *thief(void *arg)
{
    struct runq *mine = arg;
    for (unsigned turn = 0;; turn++) {
        bool done = weft__load_acquire(&owner_is_done); /* pairs with the owner's release: what it left is seen */
        bool found = steal_all(&shared, mine);
        runnable r;
        if ((turn % 3 == 0 && (r = runq_take_next(&shared)) != RUNNABLE_NONE) ||
            (turn % 5 == 0 && (r = runq_take(&shared)) != RUNNABLE_NONE)) {
            take(r);
            found = true;
        }
        if (done && !found && runq_is_empty(&shared)) {
            weft__add_relaxed(&thieves_of_the_owner, -1); /* only ends a loop */
            return NULL;
        }
        if (!found)
            sched_yield();
    }
}

static void *thief_of_thieves(void *arg)
{
    struct runq *mine = arg;
    while (weft__load_relaxed(&thieves_of_the_owner) > 0) { /* orders nothing: nothing here may */
        bool found = false;
        for (struct runq *from = own; from < mine; from++) {
            runnable r = runq_take(from);
            if (r != RUNNABLE_NONE)
                take(r);
            found = steal_all(from, mine) || r != RUNNABLE_NONE || found;
        }
        if (!found)
            sched_yield();
    }
    return NULL;
}

static void owner_puts(runnable r, uint32_t *sheds)
{
    while (!runq_put(&shared, r)) {
        runnable first, last;
        uint32_t count = runq_shed(&shared, &first, &last), seen = 0;
        for (runnable next; count > 0 && first != RUNNABLE_NONE; first = next, seen++) {
            next = runnable_next(first);
            take(first);
        }
        test_check(seen == count);
        *sheds += count > 0;
    }
}

static void owner_round(uint32_t seed, unsigned from, unsigned to, uint32_t *sheds)
{
    for (unsigned i = from; i < to; i++) {
        seed = seed * 1664525 + 1013904223;
        runnable r = stamped(i);
        if (seed >> 30 == 0 && (r = runq_put_next(&shared, r)) == RUNNABLE_NONE)
            continue;
        owner_puts(r, sheds);
        if (seed >> 29 == 7 && (r = runq_get(&shared)) != RUNNABLE_NONE)
            take(r);
        if (seed >> 28 == 5 && (r = runq_take_next(&shared)) != RUNNABLE_NONE)
            take(r);
        if (seed >> 24 == 9)
            sched_yield(); /* on one core the thieves come to it, at places that the seed chooses */
    }
}

START_TEST(p05_each_exactly_once)
{
    int rounds = test_iterations(40);
    uint32_t sheds = 0;
    for (int round = 0; round < rounds; round++) {
        pthread_t threads[THIEVES];
        memset(taken, 0, sizeof taken);
        start_at(&shared, (uint32_t)round * 12345 - 200);
        stamp = (uint64_t)round + 1;
        weft__store_relaxed(&owner_is_done, false); /* the threads do not exist yet */
        weft__store_relaxed(&thieves_of_the_owner, THIEVES - 1);
        owner_round((uint32_t)round, 0, UNTHREATENED, &sheds);
        for (int t = 0; t < THIEVES; t++) {
            start_at(&own[t], NEAR_WRAP);
            void *(*function)(void *) = t < THIEVES - 1 ? thief : thief_of_thieves;
            ck_assert_int_eq(pthread_create(&threads[t], NULL, function, &own[t]), 0);
        }
        owner_round((uint32_t)round + 1000, UNTHREATENED, ELEMENTS, &sheds);
        weft__store_release(&owner_is_done, true); /* pairs with the thieves' load */
        for (int t = 0; t < THIEVES; t++)
            pthread_join(threads[t], NULL);
        for (unsigned i = 0; i < ELEMENTS; i++)
            test_check(weft__load_relaxed(&taken[i]) == 1); /* the threads have been joined */
    }
    ck_assert_uint_ge(sheds, (unsigned)rounds);
}
END_TEST

/* Run-next alone: the owner fills it again and again, and takes for itself what was in it; a thief empties it. Nothing but the slot
 * orders what the owner has written to an element before the thief's look at it. */
static void *thief_of_run_next(void *unused)
{
    (void)unused;
    while (!weft__load_relaxed(&owner_is_done)) { /* orders nothing, as above */
        runnable r = runq_take_next(&shared);
        if (r != RUNNABLE_NONE)
            take(r);
        else
            sched_yield();
    }
    return NULL;
}

START_TEST(p05_run_next_exactly_once)
{
    int rounds = test_iterations(40);
    for (int round = 0; round < rounds; round++) {
        pthread_t thread;
        memset(taken, 0, sizeof taken);
        start_at(&shared, 0);
        stamp = (uint64_t)round + 1;
        weft__store_relaxed(&owner_is_done, false); /* the thread does not exist yet */
        ck_assert_int_eq(pthread_create(&thread, NULL, thief_of_run_next, NULL), 0);
        for (unsigned i = 0; i < ELEMENTS; i++) {
            runnable old = runq_put_next(&shared, stamped(i));
            if (old != RUNNABLE_NONE)
                take(old);
            if (i % 64 == 0)
                sched_yield(); /* on one core the thief comes to it */
        }
        weft__store_relaxed(&owner_is_done, true);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        runnable last = runq_take_next(&shared);
        if (last != RUNNABLE_NONE)
            take(last);
        for (unsigned i = 0; i < ELEMENTS; i++)
            test_check(weft__load_relaxed(&taken[i]) == 1); /* the thread has been joined */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run queue");
    TCase *tests = tcase_create("run queue");
    tcase_add_test(tests, p01_the_ring_holds_1024_in_order);
    tcase_add_test(tests, p01_run_next_gives_way_to_the_newest);
    tcase_add_test(tests, p01_the_oldest_are_shed_in_batches);
    tcase_add_test(tests, p05_a_thief_takes_the_older_half);
    tcase_add_test(tests, p05_each_exactly_once);
    tcase_add_test(tests, p05_run_next_exactly_once);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

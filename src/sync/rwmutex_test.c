/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex_test.c - who gets in with whom, and before whom (the catalogue's M-05, and M-03 for the rwmutex), at 1, 2 and 4 processors;
 * the try forms. Under load: rwmutex_stress_test.c; misuse: rwmutex_misuse_test.c. */
#include <string.h>

#include "rwmutex_state.h"

/* ---- M-05: who gets in with whom, and before whom ---- */

struct gate {
    weft_rwmutex rwmutex;
    int inside; /* atomic */
    int turns[32], count;
    weft_mutex turns_mutex; /* protects turns and count */
    bool open;              /* atomic: those inside may leave */
};

static void take_turn(struct gate *gate, int me)
{
    weft_mutex_lock(&gate->turns_mutex);
    gate->turns[gate->count++] = me;
    weft_mutex_unlock(&gate->turns_mutex);
}

static void read_with_all(struct gate *gate, int all)
{
    weft_rwmutex_rlock(&gate->rwmutex);
    __atomic_add_fetch(&gate->inside, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&gate->inside, __ATOMIC_RELAXED) < all) /* ends only if all are inside at once */
        weft_yield();
    weft_rwmutex_runlock(&gate->rwmutex);
}

static int together_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int all = 1; all <= 64; all *= 4) {
        struct gate gate;
        memset(&gate, 0, sizeof gate);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int i = 0; i < all; i++)
            test_check(weft_waitgroup_go(&wg, read_with_all, &gate, all) == 0);
        weft_waitgroup_wait(&wg);
        test_check(is_unused(&gate.rwmutex));
    }
    return 0;
}

START_TEST(m05_readers_are_inside_together)
{
    test_run(together_app);
}
END_TEST

static void read_once(struct gate *gate, int me)
{
    weft_rwmutex_rlock(&gate->rwmutex);
    take_turn(gate, me);
    while (!__atomic_load_n(&gate->open, __ATOMIC_ACQUIRE))
        weft_yield();
    weft_rwmutex_runlock(&gate->rwmutex);
}

static void write_once(struct gate *gate, int me)
{
    weft_rwmutex_lock(&gate->rwmutex);
    take_turn(gate, me);
    weft_yield(); /* whoever could come in, would */
    weft_rwmutex_unlock(&gate->rwmutex);
}

/* A writer that waits for a reader keeps new readers out, and is next. */
static int pending_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 20; i++) {
        struct gate gate;
        memset(&gate, 0, sizeof gate);
        gate.open = true;
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_rwmutex_rlock(&gate.rwmutex);
        test_check(weft_waitgroup_go(&wg, write_once, &gate, 100) == 0);
        wait_for_bits(&gate.rwmutex, PENDING | PARKED);
        test_check(!weft_rwmutex_try_rlock(&gate.rwmutex));
        test_check(!weft_rwmutex_trylock(&gate.rwmutex));
        for (int k = 0; k < 3; k++)
            test_check(weft_waitgroup_go(&wg, read_once, &gate, k) == 0);
        wait_for_readers(&gate.rwmutex, 4);
        for (int k = 0; k < 20; k++)
            weft_yield();
        weft_mutex_lock(&gate.turns_mutex);
        test_check(gate.count == 0);
        weft_mutex_unlock(&gate.turns_mutex);
        weft_rwmutex_runlock(&gate.rwmutex);
        weft_waitgroup_wait(&wg);
        test_check(gate.count == 4 && gate.turns[0] == 100);
        test_check(is_unused(&gate.rwmutex));
    }
    return 0;
}

START_TEST(m05_pending_writer_blocks_new_readers)
{
    test_run(pending_app);
}
END_TEST

/* A writer has it; readers and writers queue, writers first. As many readers as came enter, together, before the next writer; one
 * more who comes while they are inside waits for that one, or in his place another who was counted and is slow to queue. */
static int turns_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 20; i++) {
        int writers = i % 4, readers = 1 + i % 5;
        struct gate gate;
        memset(&gate, 0, sizeof gate);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_rwmutex_lock(&gate.rwmutex);
        for (int k = 0; k < writers; k++)
            test_check(weft_waitgroup_go(&wg, write_once, &gate, 100 + k) == 0);
        if (writers > 0)
            wait_for_bits(&gate.rwmutex, QUEUED);
        for (int k = 0; k < 10; k++)
            weft_yield();
        for (int k = 0; k < readers; k++)
            test_check(weft_waitgroup_go(&wg, read_once, &gate, k) == 0);
        wait_for_waiters(&gate.rwmutex, READERS,
                         readers); /* or the late one below could have the place of one of them */
        weft_rwmutex_unlock(&gate.rwmutex);
        if (writers > 0) {
            wait_for_bits(&gate.rwmutex, PENDING);
            test_check(!weft_rwmutex_try_rlock(&gate.rwmutex));
            test_check(weft_waitgroup_go(&wg, read_once, &gate, 50) == 0);
            wait_for_readers(&gate.rwmutex, (uint64_t)readers + 1);
        }
        for (int in = 0; in < readers; weft_yield()) { /* all of them, while none has left */
            weft_mutex_lock(&gate.turns_mutex);
            in = gate.count;
            weft_mutex_unlock(&gate.turns_mutex);
            test_check(in <= readers);
        }
        __atomic_store_n(&gate.open, true, __ATOMIC_RELEASE);
        weft_waitgroup_wait(&wg);
        test_check(gate.count == readers + writers + (writers > 0));
        for (int k = 0; k < readers; k++)
            test_check(gate.turns[k] < 100);
        if (writers > 0)
            test_check(gate.turns[readers] >= 100); /* not the reader too many */
        test_check(is_unused(&gate.rwmutex));
    }
    return 0;
}

START_TEST(m05_queued_readers_enter_before_the_next_writer)
{
    test_run(turns_app);
}
END_TEST

/* Readers that always overlap do not keep a writer out. */
static void overlap(struct gate *gate)
{
    while (!__atomic_load_n(&gate->open, __ATOMIC_RELAXED)) {
        weft_rwmutex_rlock(&gate->rwmutex);
        weft_sleep(100 * WEFT_MICROSECOND);
        weft_rwmutex_runlock(&gate->rwmutex);
    }
}

static int overlap_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct gate gate;
    memset(&gate, 0, sizeof gate);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 8; i++)
        test_check(weft_waitgroup_go(&wg, overlap, &gate) == 0);
    for (int i = 0; i < 20; i++) {
        weft_rwmutex_lock(&gate.rwmutex);
        weft_rwmutex_unlock(&gate.rwmutex);
        weft_sleep(50 * WEFT_MICROSECOND);
    }
    __atomic_store_n(&gate.open, true, __ATOMIC_RELAXED);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(m05_readers_do_not_starve_a_writer)
{
    test_run(overlap_app);
}
END_TEST

/* One writer that has the lock nearly all the time keeps neither a reader nor another writer out. */
static void hold_long(struct gate *gate)
{
    while (!__atomic_load_n(&gate->open, __ATOMIC_RELAXED)) {
        weft_rwmutex_lock(&gate->rwmutex);
        weft_sleep(100 * WEFT_MICROSECOND);
        weft_rwmutex_unlock(&gate->rwmutex);
    }
}

static int fairness_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct gate gate;
    memset(&gate, 0, sizeof gate);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    test_check(weft_waitgroup_go(&wg, hold_long, &gate) == 0);
    for (int i = 0; i < 20; i++) {
        weft_sleep(100 * WEFT_MICROSECOND);
        if (i % 2 == 0) {
            weft_rwmutex_lock(&gate.rwmutex);
            weft_rwmutex_unlock(&gate.rwmutex);
        } else {
            weft_rwmutex_rlock(&gate.rwmutex);
            weft_rwmutex_runlock(&gate.rwmutex);
        }
    }
    __atomic_store_n(&gate.open, true, __ATOMIC_RELAXED);
    weft_waitgroup_wait(&wg);
    test_check(is_unused(&gate.rwmutex));
    return 0;
}

START_TEST(m03_m05_a_writer_starves_nobody)
{
    test_run(fairness_app);
}
END_TEST

/* ---- the try forms ---- */

START_TEST(m05_try_forms)
{
    weft_rwmutex rwmutex = WEFT_RWMUTEX_INIT;
    ck_assert(weft_rwmutex_trylock(&rwmutex));
    ck_assert(!weft_rwmutex_trylock(&rwmutex));
    ck_assert(!weft_rwmutex_try_rlock(&rwmutex));
    weft_rwmutex_unlock(&rwmutex);
    ck_assert(weft_rwmutex_try_rlock(&rwmutex));
    ck_assert(weft_rwmutex_try_rlock(&rwmutex));
    ck_assert(!weft_rwmutex_trylock(&rwmutex));
    weft_rwmutex_runlock(&rwmutex);
    ck_assert(!weft_rwmutex_trylock(&rwmutex));
    weft_rwmutex_runlock(&rwmutex);
    ck_assert(weft_rwmutex_trylock(&rwmutex));
    weft_rwmutex_unlock(&rwmutex);
    ck_assert(is_unused(&rwmutex));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rwmutex");
    TCase *tests = tcase_create("rwmutex");
    tcase_add_test(tests, m05_readers_are_inside_together);
    tcase_add_test(tests, m05_pending_writer_blocks_new_readers);
    tcase_add_test(tests, m05_queued_readers_enter_before_the_next_writer);
    tcase_add_test(tests, m05_readers_do_not_starve_a_writer);
    tcase_add_test(tests, m03_m05_a_writer_starves_nobody);
    tcase_add_test(tests, m05_try_forms);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

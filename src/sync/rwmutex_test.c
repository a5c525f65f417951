/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex_test.c - the catalogue's M-05, and M-01 to M-04 and W-04 for the rwmutex, at 1, 2 and 4 processors; misuse in child
 * processes.
 *
 * The constants mirror the state of rwmutex.c: the tests wait until somebody has queued, so that they need no clock. */
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "sync/row.h"

#include "support.h"

#define LISTED UINT64_C(1)
#define WRITER UINT64_C(2)
#define PENDING UINT64_C(4)
#define PARKED UINT64_C(8)
#define QUEUED UINT64_C(16)
#define STARVING UINT64_C(64)

static uint64_t state_of(weft_rwmutex *rwmutex)
{
    return __atomic_load_n(&rwmutex->opaque[0], __ATOMIC_ACQUIRE);
}

static uint64_t readers_of(weft_rwmutex *rwmutex)
{
    return (state_of(rwmutex) >> 8) & ((UINT64_C(1) << 28) - 1);
}

static void wait_for_bits(weft_rwmutex *rwmutex, uint64_t bits)
{
    while ((state_of(rwmutex) & bits) != bits)
        weft_yield();
}

static void wait_for_readers(weft_rwmutex *rwmutex, uint64_t readers)
{
    while (readers_of(rwmutex) != readers)
        weft_yield();
}

/* How many have parked in the row that begins in that word. */
enum row { READERS = 1, WRITERS = 3 };

static int waiters_in(weft_rwmutex *rwmutex, enum row row)
{
    uint64_t state = state_of(rwmutex) & ~LISTED;
    if (!__atomic_compare_exchange_n(&rwmutex->opaque[0], &state, state | LISTED, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return -1;
    int count = 0;
    struct weft__row *waiters = (struct weft__row *)&rwmutex->opaque[row];
    for (struct weft__row_waiter *waiter = waiters->oldest; waiter != NULL; waiter = waiter->next)
        count++;
    __atomic_fetch_and(&rwmutex->opaque[0], ~LISTED, __ATOMIC_RELEASE);
    return count;
}

static void wait_for_waiters(weft_rwmutex *rwmutex, enum row row, int count)
{
    while (waiters_in(rwmutex, row) != count)
        weft_yield();
}

/* Unused: nobody has it, nobody waits. What is left of the counter of those who leave means nothing then. */
static bool is_unused(weft_rwmutex *rwmutex)
{
    return (state_of(rwmutex) & ((UINT64_C(1) << 36) - 1)) == 0;
}

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

/* ---- M-01, M-05: stress; whoever writes is alone. The activity counter is Go's ---- */

struct hammered {
    weft_rwmutex rwmutex;
    int activity; /* atomic: one per reader inside, 10,000 per writer */
    long value;   /* plain: ThreadSanitizer reports what the lock fails to order */
    long writes;  /* plain */
};

static void read_hammered(struct hammered *hammered, bool hold)
{
    int activity = __atomic_add_fetch(&hammered->activity, 1, __ATOMIC_RELAXED);
    test_check(activity >= 1 && activity < 10000);
    long value = hammered->value;
    if (hold)
        weft_yield();
    test_check(hammered->value == value && hammered->writes == value);
    __atomic_sub_fetch(&hammered->activity, 1, __ATOMIC_RELAXED);
}

static void write_hammered(struct hammered *hammered, bool hold)
{
    test_check(__atomic_add_fetch(&hammered->activity, 10000, __ATOMIC_RELAXED) == 10000);
    hammered->value++;
    if (hold)
        weft_yield();
    hammered->writes++;
    test_check(__atomic_sub_fetch(&hammered->activity, 10000, __ATOMIC_RELAXED) == 0);
}

/* Returns how often it has written. */
static int hammer(struct hammered *hammered, int n, int kind)
{
    int writes = 0;
    uint32_t random = (uint32_t)kind * 2654435761u + 1;
    for (int i = 0; i < n; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t what = random >> 16;
        bool hold = what % 61 == 0, try_first = what % 7 == 0;
        if (what % (kind % 3 == 0 ? 2 : 10) == 0) {
            if (!try_first || !weft_rwmutex_trylock(&hammered->rwmutex))
                weft_rwmutex_lock(&hammered->rwmutex);
            write_hammered(hammered, hold);
            weft_rwmutex_unlock(&hammered->rwmutex);
            writes++;
        } else {
            if (!try_first || !weft_rwmutex_try_rlock(&hammered->rwmutex))
                weft_rwmutex_rlock(&hammered->rwmutex);
            read_hammered(hammered, hold);
            weft_rwmutex_runlock(&hammered->rwmutex);
        }
        if (what % 97 == 0)
            weft_yield();
    }
    return writes;
}

static long writes_done; /* atomic */

static void hammer_and_count(struct hammered *hammered, int n, int kind)
{
    __atomic_add_fetch(&writes_done, hammer(hammered, n, kind), __ATOMIC_RELAXED);
}

struct thread {
    pthread_t thread;
    struct hammered *hammered;
    int n, kind;
};

static void *hammer_in_thread(void *arg)
{
    struct thread *thread = arg;
    hammer_and_count(thread->hammered, thread->n, thread->kind);
    return NULL;
}

static int hammer_with(int goroutines, int threads, int n)
{
    struct hammered hammered;
    memset(&hammered, 0, sizeof hammered);
    writes_done = 0;
    struct thread thread[4];
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < threads; k++) {
        thread[k] = (struct thread){.hammered = &hammered, .n = n, .kind = k};
        test_check(pthread_create(&thread[k].thread, NULL, hammer_in_thread, &thread[k]) == 0);
    }
    for (int k = 0; k < goroutines; k++)
        test_check(weft_waitgroup_go(&wg, hammer_and_count, &hammered, n, k + 10) == 0);
    weft_waitgroup_wait(&wg);
    for (int k = 0; k < threads; k++)
        weft_blocking
        {
            pthread_join(thread[k].thread, NULL);
        }
    test_check(hammered.value == writes_done && hammered.writes == writes_done);
    test_check(is_unused(&hammered.rwmutex));
    return 0;
}

static int hammer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    hammer_with(1, 0, 1000);
    hammer_with(2, 0, test_iterations(100000));
    hammer_with(10, 0, test_iterations(30000));
    return hammer_with(100, 0, test_iterations(1000));
}

START_TEST(m01_m05_hammer)
{
    test_run(hammer_app);
}
END_TEST

static int hammer_mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return hammer_with(6, 3, test_iterations(8000));
}

START_TEST(m01_m05_hammer_with_threads)
{
    test_run(hammer_mixed_app);
}
END_TEST

START_TEST(m01_m05_threads_without_a_run)
{
    struct hammered hammered;
    memset(&hammered, 0, sizeof hammered);
    struct thread thread[4];
    for (int k = 0; k < 4; k++) {
        thread[k] = (struct thread){.hammered = &hammered, .n = test_iterations(8000), .kind = k};
        ck_assert_int_eq(pthread_create(&thread[k].thread, NULL, hammer_in_thread, &thread[k]), 0);
    }
    for (int k = 0; k < 4; k++)
        pthread_join(thread[k].thread, NULL);
    ck_assert_int_eq(hammered.value, writes_done);
    ck_assert(is_unused(&hammered.rwmutex));
}
END_TEST

/* Who unlocks need not be the one who locked. */
static void unlock_only(struct hammered *hammered)
{
    hammered->value++;
    weft_rwmutex_unlock(&hammered->rwmutex);
}

static void runlock_only(struct hammered *hammered, long expected)
{
    test_check(hammered->value == expected);
    weft_rwmutex_runlock(&hammered->rwmutex);
}

static int baton_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct hammered hammered;
    memset(&hammered, 0, sizeof hammered);
    for (int i = 0; i < test_iterations(4000); i++) {
        weft_rwmutex_lock(&hammered.rwmutex);
        test_check(weft_go(unlock_only, &hammered) == 0);
        for (int k = 0; k < 3; k++) {
            weft_rwmutex_rlock(&hammered.rwmutex);
            test_check(weft_go(runlock_only, &hammered, (long)i + 1) == 0);
        }
    }
    weft_rwmutex_lock(&hammered.rwmutex);
    return 0;
}

START_TEST(m01_anybody_may_unlock)
{
    test_run(baton_app);
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

/* ---- W-04: the last one to have the lock frees it at once, on the heap ---- */

struct shared {
    weft_rwmutex rwmutex;
    int users; /* atomic */
};

/* Each writes and reads; the one that finds itself the last, while it still has the lock, frees it. */
static void use_and_free(struct shared *shared, int kind)
{
    bool is_last;
    if (kind % 2 == 0) {
        weft_rwmutex_lock(&shared->rwmutex);
        is_last = __atomic_sub_fetch(&shared->users, 1, __ATOMIC_ACQ_REL) == 0;
        if (kind % 4 == 2)
            weft_yield();
        weft_rwmutex_unlock(&shared->rwmutex);
    } else {
        weft_rwmutex_rlock(&shared->rwmutex);
        if (kind % 4 == 3)
            weft_yield();
        weft_rwmutex_runlock(&shared->rwmutex);
        weft_rwmutex_lock(&shared->rwmutex); /* waits for the other readers to be through with it */
        is_last = __atomic_sub_fetch(&shared->users, 1, __ATOMIC_ACQ_REL) == 0;
        weft_rwmutex_unlock(&shared->rwmutex);
    }
    if (is_last) {
        memset(shared, 0xAA, sizeof *shared);
        free(shared);
    }
}

static void *use_in_thread(void *shared)
{
    use_and_free(shared, 3);
    return NULL;
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(50000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < n; i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        shared->users = 5;
        for (int k = 0; k < 4; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared, k + i) == 0);
        use_and_free(shared, i);
        if (i % 100 == 99)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < 40; i++) {
        struct shared *shared = calloc(1, sizeof *shared);
        pthread_t thread;
        shared->users = 4;
        test_check(pthread_create(&thread, NULL, use_in_thread, shared) == 0);
        for (int k = 0; k < 3; k++)
            test_check(weft_waitgroup_go(&wg, use_and_free, shared, k + i) == 0);
        weft_waitgroup_wait(&wg);
        weft_blocking
        {
            pthread_join(thread, NULL);
        }
    }
    return 0;
}

START_TEST(w04_freed_by_the_last)
{
    test_run(free_app);
}
END_TEST

/* A writer frees what readers have just left: runlock touches nothing after that. */
static void read_and_leave(weft_rwmutex *rwmutex, int *inside)
{
    weft_rwmutex_rlock(rwmutex);
    __atomic_add_fetch(inside, 1, __ATOMIC_RELEASE);
    weft_yield();
    weft_rwmutex_runlock(rwmutex);
}

static int free_after_readers_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    for (int i = 0; i < n; i++) {
        struct {
            weft_rwmutex rwmutex;
            int inside;
        } *shared = calloc(1, sizeof *shared);
        for (int k = 0; k < 3; k++)
            test_check(weft_go(read_and_leave, &shared->rwmutex, &shared->inside) == 0);
        while (__atomic_load_n(&shared->inside, __ATOMIC_ACQUIRE) < 3)
            weft_yield();
        weft_rwmutex_lock(&shared->rwmutex);
        memset(shared, 0xAA, sizeof *shared);
        free(shared);
    }
    return 0;
}

START_TEST(w04_freed_by_a_writer_after_readers)
{
    test_run(free_after_readers_app);
}
END_TEST

/* ---- M-04, in plain threads, where nothing else orders anything ---- */

static struct {
    weft_rwmutex rwmutex;
    int held, value; /* held: atomic, relaxed; value: plain */
} tried;

static void *hold_and_write(void *arg)
{
    (void)arg;
    weft_rwmutex_lock(&tried.rwmutex);
    tried.value = 1;
    __atomic_store_n(&tried.held, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&tried.held, __ATOMIC_RELAXED) == 1)
        sched_yield();
    weft_rwmutex_unlock(&tried.rwmutex);
    return NULL;
}

static int failed_try(void *read)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, hold_and_write, NULL) != 0)
        return 1;
    while (__atomic_load_n(&tried.held, __ATOMIC_RELAXED) == 0)
        sched_yield();
    if (*(bool *)read ? weft_rwmutex_try_rlock(&tried.rwmutex) : weft_rwmutex_trylock(&tried.rwmutex))
        return 1;
    int seen = tried.value; /* a race: to be reported */
    __atomic_store_n(&tried.held, 2, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    return !weft_rwmutex_trylock(&tried.rwmutex) || seen < 0;
}

START_TEST(m04_failed_try_synchronises_nothing)
{
    bool read = _i == 1;
    struct test_child child = test_child(failed_try, &read, 60);
    if (TEST_TSAN)
        ck_assert_msg(child.code != 0 && strstr(child.err, "data race") != NULL, "no race was reported: exit %d, %s",
                      child.code, child.err);
    else
        test_child_check(child, 0, NULL);
    test_child_free(&child);
}
END_TEST

/* ---- M-02 and other misuse ---- */

static weft_rwmutex misused;

static void say(void *text)
{
    puts(text);
}

static int runlock_of_new(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_defer(say, "deferred call"); /* not recoverable: it does not run */
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int unlock_of_new(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_defer(say, "deferred call");
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int unlock_of_read_locked(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int runlock_of_write_locked(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int runlock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_runlock(&misused);
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int unlock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_rwmutex_unlock(&misused);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static void read_misused(void)
{
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_runlock(&misused);
}

static void write_misused(void)
{
    weft_rwmutex_lock(&misused);
    weft_rwmutex_unlock(&misused);
}

/* Readers wait, but none is inside. */
static int runlock_while_readers_wait(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_go(read_misused);
    wait_for_readers(&misused, 1);
    weft_rwmutex_runlock(&misused);
    return 0;
}

static int unlock_while_a_writer_is_pending(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_go(write_misused);
    wait_for_bits(&misused, PENDING | PARKED);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int unlock_after_contention(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_rwmutex_lock(&misused);
    weft_waitgroup_go(&wg, read_misused);
    weft_waitgroup_go(&wg, write_misused);
    weft_waitgroup_go(&wg, read_misused);
    weft_yield();
    weft_rwmutex_unlock(&misused);
    weft_waitgroup_wait(&wg);
    weft_rwmutex_unlock(&misused);
    return 0;
}

static int lock_twice(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_lock(&misused);
    weft_rwmutex_lock(&misused);
    return 0;
}

static int lock_of_read_locked(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_rwmutex_lock(&misused);
    return 0;
}

/* A recursive rlock with a writer between the two. */
static int recursive_rlock(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_rwmutex_rlock(&misused);
    weft_go(write_misused);
    wait_for_bits(&misused, PENDING | PARKED);
    weft_rwmutex_rlock(&misused);
    return 0;
}

#define NO_READER "^fatal error: sync: runlock of unlocked rwmutex\n"
#define NO_WRITER "^fatal error: sync: unlock of unlocked rwmutex\n"

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} misuses[] = {
    {runlock_of_new, NO_READER},
    {unlock_of_new, NO_WRITER},
    {unlock_of_read_locked, NO_WRITER},
    {runlock_of_write_locked, NO_READER},
    {runlock_twice, NO_READER},
    {unlock_twice, NO_WRITER},
    {runlock_while_readers_wait, NO_READER},
    {unlock_while_a_writer_is_pending, NO_WRITER},
    {unlock_after_contention, NO_WRITER},
    {lock_twice, "all goroutines are asleep - deadlock!.*goroutine 1 .*rwmutex lock on rwmutex 0x"},
    {lock_of_read_locked, "all goroutines are asleep - deadlock!.*goroutine 1 .*rwmutex lock on rwmutex 0x"},
    {recursive_rlock, "all goroutines are asleep - deadlock!.*goroutine 1 .*rwmutex read lock on rwmutex 0x"},
};

static int misuse_child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(1);
    return weft_run(misuses[*(int *)number].app, 1, argv);
}

START_TEST(m02_misuse)
{
    int number = _i;
    struct test_child child = test_child(misuse_child, &number, 60);
    test_child_check(child, 2, misuses[_i].message);
    ck_assert_str_eq(child.out, "");
    test_child_free(&child);
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
    tcase_add_test(tests, m01_m05_hammer);
    tcase_add_test(tests, m01_m05_hammer_with_threads);
    tcase_add_test(tests, m01_m05_threads_without_a_run);
    tcase_add_test(tests, m01_anybody_may_unlock);
    tcase_add_test(tests, m05_try_forms);
    tcase_add_test(tests, w04_freed_by_the_last);
    tcase_add_test(tests, w04_freed_by_a_writer_after_readers);
    tcase_add_loop_test(tests, m04_failed_try_synchronises_nothing, 0, 2);
    tcase_add_loop_test(tests, m02_misuse, 0, sizeof misuses / sizeof misuses[0]);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

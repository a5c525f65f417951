/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_local_test.c - a goroutine that comes back on another thread finds that thread's variables, not those of the one it
 * left: the library's own in every operation that parks, and errno's address in its results (L-01). The goroutines look
 * through functions that no compiler can see into, as programs must. */
#include <errno.h>
#include <pthread.h>

#include <weft/words.h>

#include "sched/runtime.h"
#include "support.h"

static __attribute__((noinline)) uintptr_t thread_now(void)
{
    uintptr_t self = (uintptr_t)pthread_self();
    __asm__ __volatile__("" : "+r"(self));
    return self;
}

/* Whether the library's idea of where it runs is right: its machine has this goroutine, and is this thread's. */
static __thread struct machine *seen_machine;
static __attribute__((noinline)) void look(const struct weft__task *task)
{
    struct machine *m = weft__machine();
    test_check(m != NULL && &m->g->task == task && weft__self() == task);
    test_check(seen_machine == NULL || seen_machine == m); /* a thread of a run is one machine */
    seen_machine = m;
    __asm__ __volatile__("" ::: "memory");
}

struct shared {
    chan(int) there, back;
    weft_mutex mutex;
    int64_t value; /* protected by mutex */
    int rounds;
    WEFT__ATOMIC(int) moves; /* how often somebody woke on another thread */
};

static void note(struct shared *shared, uintptr_t *thread, const struct weft__task *task)
{
    uintptr_t now = thread_now();
    look(task);
    if (now != *thread)
        weft__add_relaxed(&shared->moves, 1); /* a count */
    *thread = now;
}

/* Every operation that may park, over and over. */
static void wander(struct shared *shared, int number)
{
    const struct weft__task *task = weft__self();
    uint64_t id = weft_goid();
    uintptr_t thread = thread_now();
    for (int i = 0; i < shared->rounds; i++) {
        if (number % 2 == 0) {
            chan_send(shared->there, i);
            note(shared, &thread, task);
            (void)chan_recv(shared->back);
        } else {
            (void)chan_recv(shared->there);
            note(shared, &thread, task);
            (void)chan_select(on_send(shared->back, i), on_timeout(WEFT_HOUR));
        }
        note(shared, &thread, task);
        weft_yield();
        note(shared, &thread, task);
        weft_mutex_lock(&shared->mutex);
        shared->value++;
        weft_yield();
        note(shared, &thread, task);
        weft_mutex_unlock(&shared->mutex);
        if (i % 16 == 0)
            weft_sleep(20 * WEFT_MICROSECOND);
        if (i % 64 == 0)
            weft_blocking usleep(10);
        note(shared, &thread, task);
        test_check(weft_goid() == id);
    }
}

enum { WANDERERS = 8 };
static int moved; /* by all runs */

static int wander_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct shared shared = {.there = chan_make(int, 0), .back = chan_make(int, 0), .rounds = test_iterations(1000)};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < WANDERERS; i++)
        test_check(weft_waitgroup_go(&wg, wander, &shared, i) == 0);
    weft_waitgroup_wait(&wg);
    test_check(shared.value == (int64_t)WANDERERS * shared.rounds);
    moved += weft__load_relaxed(&shared.moves); /* the wait group has ordered it */
    chan_free(shared.there);
    chan_free(shared.back);
    return 0;
}

START_TEST(l01_the_library_finds_its_thread_after_every_park)
{
    moved = 0;
    test_run(wander_app);
    /* Whether somebody came to another thread was the system's business; it is nothing without that. */
    for (int i = 0; i < 200 && moved == 0; i++)
        test_run_at(4, wander_app);
    ck_assert_int_gt(moved, 0);
}
END_TEST

/* Results carry -errno: a failure in the thread that a goroutine left is not seen in the one where it wakes. */
static __attribute__((noinline)) void set_errno(int value)
{
    errno = value;
}

static void spoil_errno(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        set_errno(EDOM);
        weft_yield();
    }
}

static int errno_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int rounds = test_iterations(2000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 4; i++)
        test_check(weft_waitgroup_go(&wg, spoil_errno, rounds) == 0);
    for (int i = 0; i < rounds; i++) {
        test_check(weft_go_copy(NULL, NULL, 1 << 20) == -E2BIG);
        weft_yield();
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(l01_results_do_not_come_from_errno)
{
    test_run(errno_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread-local");
    TCase *tests = tcase_create("thread-local");
    tcase_add_test(tests, l01_the_library_finds_its_thread_after_every_park);
    tcase_add_test(tests, l01_results_do_not_come_from_errno);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * close_test.c - a close that wakes a crowd (C-05): goroutines that receive, with a context or without, selects, plain
 * threads. Each goes on once, whether the crowd fits into the closer's queue or goes to the global one as it is. The channel
 * is freed as soon as the last of them has gone on. */
#include <pthread.h>
#include <stdatomic.h>

#include <weft/context.h>
#include <weft/words.h>

#include "parked.h"
#include "support.h"

enum { BATCH = (int)RUNQ_BATCH, THREADS = 3 };

static const int sizes[] = {1, 2, 9, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH};

struct gathering {
    chan(int) c;
    weft_context *context;
    long closed_at;        /* plain: written by the closer, before */
    atomic_int *times;     /* each has gone on so many times */
    atomic_int left, next; /* to go on; to arrive */
};

static void go_on(struct gathering *all, int i)
{
    test_check(all->closed_at == 42);
    test_check(atomic_fetch_add_explicit(&all->times[i], 1, memory_order_relaxed) == 0);
    if (atomic_fetch_sub(&all->left, 1) == 1)
        chan_free(all->c);
}

static void receives(struct gathering *all, int i)
{
    int value = 1;
    bool ok = true;
    switch (i % 4) {
    case 0:
        ok = chan_recv(all->c, &value);
        break;
    case 1:
        test_check(weft_chan_recv_ctx(all->context, all->c, &value, &ok) == 0);
        break;
    case 2: /* two cases about the channel, of which one is told */
        test_check(chan_select(on_recv(all->c, &value, &ok), on_recv(all->c, &value, &ok)) >= 0);
        break;
    default:
        test_check(chan_select(on_recv(all->c, &value, &ok), on_timeout(3600 * WEFT_SECOND)) == 0);
    }
    test_check(!ok && value == 0);
    go_on(all, i);
}

static void *receives_in_a_thread(void *arg)
{
    struct gathering *all = arg;
    receives(all, atomic_fetch_add(&all->next, 1));
    return NULL;
}

static void *closes(void *arg)
{
    struct gathering *all = arg;
    all->closed_at = 42;
    chan_close(all->c);
    return NULL;
}

static void close_before(int size, bool threads, bool by_thread)
{
    struct gathering all = {.c = chan_make(int, 0)};
    pthread_t thread[THREADS], closer;
    int waiters = size + (threads ? THREADS : 0);
    all.context = weft_context_with_cancel(weft_context_background());
    all.times = calloc((size_t)waiters, sizeof *all.times);
    all.left = waiters;
    all.next = size;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; threads && i < THREADS; i++)
        test_check(pthread_create(&thread[i], NULL, receives_in_a_thread, &all) == 0);
    for (int i = 0; i < size; i++)
        test_check(weft_waitgroup_go(&wg, receives, &all, i) == 0);
    int places = 0;
    for (int i = 0; i < waiters; i++)
        places += i % 4 == 2 ? 2 : 1;
    parked_await_receivers(all.c, places);
    if (by_thread) {
        test_check(pthread_create(&closer, NULL, closes, &all) == 0);
        pthread_join(closer, NULL);
    } else {
        closes(&all);
    }
    weft_waitgroup_wait(&wg);
    for (int i = 0; threads && i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < waiters; i++)
        test_check(all.times[i] == 1);
    test_check(all.left == 0);
    weft_context_free(all.context);
    free(all.times);
}

static int crowds_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int turn = test_spawning_iterations(100); turn > 0; turn--)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            close_before(sizes[i], turn % 2 == 0, turn % 4 < 2);
    return 0;
}

START_TEST(c05_each_of_a_crowd_goes_on_once)
{
    test_run(crowds_app);
}
END_TEST

/* ---- The end of a run that a crowd does not get to ---- */

static void never_goes_on(chan(int) c, atomic_int *went_on)
{
    (void)chan_recv(c);
    atomic_fetch_add(went_on, 1);
    for (;;)
        weft_yield();
}

static chan(int) left_behind;
static atomic_int went_on;

static int leaves_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    left_behind = chan_make(int, 0);
    for (int i = 0; i < 3 * BATCH; i++)
        test_check(go(never_goes_on, left_behind, &went_on) == 0);
    parked_await_receivers(left_behind, 3 * BATCH);
    chan_close(left_behind);
    return 0;
}

START_TEST(g02_the_run_ends_with_a_crowd_in_the_queues)
{
    for (int turn = test_spawning_iterations(60); turn > 0; turn--) {
        test_run_at(1 << turn % 3, leaves_app);
        parked_await_lost();
        chan_free(left_behind);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("close");
    TCase *tests = tcase_create("close");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, c05_each_of_a_crowd_goes_on_once);
    tcase_add_test(tests, g02_the_run_ends_with_a_crowd_in_the_queues);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

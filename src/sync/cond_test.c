/* SPDX-License-Identifier: Apache-2.0
 *
 * cond_test.c - the catalogue's W-06, and W-04 for the condition, at 1, 2 and 4 processors; misuse in child processes. */
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "support.h"

struct room {
    weft_mutex mutex;
    weft_cond cond;
    /* protected by mutex, plain: ThreadSanitizer reports what is not ordered */
    int waiting;    /* have begun to wait, or are about to with the mutex held */
    int told;       /* have been told */
    int order[100]; /* who, in order */
};

/* With as many waiters as are to come: their waits have begun when the mutex is free. */
static void wait_for_waiters(struct room *room, int waiting)
{
    for (;; weft_yield()) {
        weft_mutex_lock(&room->mutex);
        int now = room->waiting;
        weft_mutex_unlock(&room->mutex);
        if (now == waiting)
            return;
    }
}

static int told_so_far(struct room *room)
{
    weft_mutex_lock(&room->mutex);
    int told = room->told;
    weft_mutex_unlock(&room->mutex);
    return told;
}

/* One wait, without a loop around it: a wake-up for no reason would be seen. */
static void wait_once(struct room *room, int me)
{
    weft_mutex_lock(&room->mutex);
    room->waiting++;
    weft_cond_wait(&room->cond, &room->mutex);
    room->order[room->told++] = me;
    weft_mutex_unlock(&room->mutex);
}

static void *wait_once_in_thread(void *room)
{
    wait_once(room, -1);
    return NULL;
}

/* ---- signal ---- */

/* Each signal ends one wait, and not before it. */
static int signal_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { N = 10 };
    for (int i = 0; i < test_iterations(300); i++) {
        struct room room;
        memset(&room, 0, sizeof room);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int k = 0; k < N; k++)
            test_check(weft_waitgroup_go(&wg, wait_once, &room, k) == 0);
        wait_for_waiters(&room, N);
        for (int k = 0; k < N; k++) {
            test_check(told_so_far(&room) == k);
            if (k % 2 == 0) {
                weft_mutex_lock(&room.mutex);
                weft_cond_signal(&room.cond);
                weft_mutex_unlock(&room.mutex);
            } else {
                weft_cond_signal(&room.cond);
            }
            while (told_so_far(&room) == k)
                weft_yield();
        }
        weft_cond_signal(&room.cond); /* to nobody */
        weft_waitgroup_wait(&wg);
    }
    return 0;
}

START_TEST(w06_signal_ends_one_wait)
{
    test_run(signal_app);
}
END_TEST

/* In the order in which the waits began. At one processor the told ones run one by one, so their order is seen; at more, that
 * the signalled ones are the first is. */
static int order_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { N = 20 };
    for (int i = 0; i < test_iterations(100); i++) {
        struct room room;
        memset(&room, 0, sizeof room);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int k = 0; k < N; k++) {
            test_check(weft_waitgroup_go(&wg, wait_once, &room, k) == 0);
            wait_for_waiters(&room, k + 1);
        }
        for (int signalled = 0, batch = 1; signalled < N; signalled += batch, batch = batch % 4 + 1) {
            if (batch > N - signalled)
                batch = N - signalled;
            for (int k = 0; k < batch; k++)
                weft_cond_signal(&room.cond);
            while (told_so_far(&room) < signalled + batch)
                weft_yield();
            weft_mutex_lock(&room.mutex);
            test_check(room.told == signalled + batch);
            for (int k = signalled; k < signalled + batch; k++)
                test_check(room.order[k] >= signalled && room.order[k] < signalled + batch);
            weft_mutex_unlock(&room.mutex);
        }
        weft_waitgroup_wait(&wg);
    }
    return 0;
}

START_TEST(w06_first_come_first_told)
{
    test_run(order_app);
}
END_TEST

/* SignalStealing: a waiter of whom it is known that it waits gets a broadcast, whoever begins to wait at the same time. */
struct stealing {
    weft_mutex mutex;
    weft_cond cond;
    bool done; /* protected by mutex */
};

static void wait_and_tell(struct stealing *stealing, weft_chan(int) chan)
{
    weft_mutex_lock(&stealing->mutex);
    weft_chan_send(chan, 1);
    weft_cond_wait(&stealing->cond, &stealing->mutex);
    weft_mutex_unlock(&stealing->mutex);
    weft_chan_send(chan, 2);
}

static void broadcast(struct stealing *stealing)
{
    weft_cond_broadcast(&stealing->cond);
}

static void wait_until_done(struct stealing *stealing)
{
    weft_mutex_lock(&stealing->mutex);
    while (!stealing->done)
        weft_cond_wait(&stealing->cond, &stealing->mutex);
    weft_mutex_unlock(&stealing->mutex);
}

static void signal_once(struct stealing *stealing)
{
    weft_cond_signal(&stealing->cond);
}

static int stealing_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_chan(int) chan = weft_chan_make(int, 0);
    for (int i = 0; i < test_iterations(10000); i++) {
        struct stealing stealing;
        memset(&stealing, 0, sizeof stealing);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        test_check(weft_waitgroup_go(&wg, wait_and_tell, &stealing, chan) == 0);
        test_check(weft_chan_recv(chan) == 1);
        weft_mutex_lock(&stealing.mutex); /* after it the first wait has begun */
        weft_mutex_unlock(&stealing.mutex);
        if (i % 2 == 0)
            test_check(weft_waitgroup_go(&wg, broadcast, &stealing) == 0);
        else
            test_check(weft_waitgroup_go(&wg, signal_once, &stealing) == 0);
        test_check(weft_waitgroup_go(&wg, wait_until_done, &stealing) == 0);
        test_check(weft_chan_recv(chan) == 2); /* or waits for ever: a deadlock report */
        weft_mutex_lock(&stealing.mutex);
        stealing.done = true;
        weft_mutex_unlock(&stealing.mutex);
        weft_cond_broadcast(&stealing.cond);
        weft_waitgroup_wait(&wg);
    }
    weft_chan_free(chan);
    return 0;
}

START_TEST(w06_signal_stealing)
{
    test_run(stealing_app);
}
END_TEST

/* ---- broadcast, and that nothing is stored ---- */

static int broadcast_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(300); i++) {
        struct room room;
        memset(&room, 0, sizeof room);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        int told = 0;
        for (int n = 0; n <= 32; n = n * 2 + 1) {
            weft_cond_signal(&room.cond); /* nobody waits: neither is stored */
            weft_cond_broadcast(&room.cond);
            for (int k = 0; k < n; k++)
                test_check(weft_waitgroup_go(&wg, wait_once, &room, k) == 0);
            wait_for_waiters(&room, told + n);
            for (int k = 0; k < 3; k++)
                weft_yield();
            test_check(told_so_far(&room) == told);
            weft_cond_broadcast(&room.cond);
            weft_waitgroup_wait(&wg);
            test_check(room.told == (told += n));
        }
    }
    return 0;
}

START_TEST(w06_broadcast_ends_all_and_nothing_is_stored)
{
    test_run(broadcast_app);
}
END_TEST

/* ---- stress: a bounded buffer, with plain data ---- */

struct buffer {
    weft_mutex mutex;
    weft_cond not_empty, not_full;
    int values[4], head, count;
    long sum, left; /* left: still to be taken */
};

static void put(struct buffer *buffer, int n)
{
    for (int i = 1; i <= n; i++) {
        weft_mutex_lock(&buffer->mutex);
        while (buffer->count == 4)
            weft_cond_wait(&buffer->not_full, &buffer->mutex);
        buffer->values[(buffer->head + buffer->count++) % 4] = i;
        if (i % 2 == 0)
            weft_cond_signal(&buffer->not_empty);
        weft_mutex_unlock(&buffer->mutex);
        if (i % 2 != 0)
            weft_cond_signal(&buffer->not_empty);
    }
}

static void take(struct buffer *buffer)
{
    for (;;) {
        weft_mutex_lock(&buffer->mutex);
        while (buffer->count == 0 && buffer->left > 0)
            weft_cond_wait(&buffer->not_empty, &buffer->mutex);
        if (buffer->left == 0) {
            weft_mutex_unlock(&buffer->mutex);
            return;
        }
        buffer->sum += buffer->values[buffer->head];
        buffer->head = (buffer->head + 1) % 4;
        buffer->count--;
        bool is_last = --buffer->left == 0;
        weft_mutex_unlock(&buffer->mutex);
        if (is_last)
            weft_cond_broadcast(&buffer->not_empty);
        else
            weft_cond_signal(&buffer->not_full);
    }
}

struct job {
    struct buffer *buffer;
    int n; /* 0: take */
};

static void *work_in_thread(void *arg)
{
    struct job *job = arg;
    if (job->n > 0)
        put(job->buffer, job->n);
    else
        take(job->buffer);
    return NULL;
}

static int buffer_with(int goroutines, int threads, int n)
{
    struct buffer buffer;
    memset(&buffer, 0, sizeof buffer);
    buffer.left = (long)(goroutines + threads) * n;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    pthread_t thread[8];
    struct job jobs[8];
    for (int k = 0; k < 2 * threads; k++) {
        jobs[k] = (struct job){&buffer, k % 2 * n};
        test_check(pthread_create(&thread[k], NULL, work_in_thread, &jobs[k]) == 0);
    }
    for (int k = 0; k < goroutines; k++) {
        test_check(weft_waitgroup_go(&wg, take, &buffer) == 0);
        test_check(weft_waitgroup_go(&wg, put, &buffer, n) == 0);
    }
    weft_waitgroup_wait(&wg);
    for (int k = 0; k < 2 * threads; k++)
        weft_blocking
        {
            pthread_join(thread[k], NULL);
        }
    test_check(buffer.sum == (long)(goroutines + threads) * ((long)n * (n + 1) / 2));
    return 0;
}

static int buffer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    buffer_with(1, 0, test_iterations(50000));
    buffer_with(5, 0, test_iterations(10000));
    return buffer_with(3, 3, test_iterations(3000));
}

START_TEST(w06_bounded_buffer)
{
    test_run(buffer_app);
}
END_TEST

START_TEST(w06_threads_without_a_run)
{
    buffer_with(0, 3, test_iterations(3000));
}
END_TEST

static int thread_waits_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(100); i++) {
        struct room room;
        memset(&room, 0, sizeof room);
        pthread_t threads[2];
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int k = 0; k < 2; k++) {
            test_check(pthread_create(&threads[k], NULL, wait_once_in_thread, &room) == 0);
            test_check(weft_waitgroup_go(&wg, wait_once, &room, k) == 0);
        }
        wait_for_waiters(&room, 4);
        if (i % 2 == 0)
            weft_cond_broadcast(&room.cond);
        else
            for (int k = 0; k < 4; k++)
                weft_cond_signal(&room.cond);
        weft_waitgroup_wait(&wg);
        for (int k = 0; k < 2; k++)
            weft_blocking
            {
                pthread_join(threads[k], NULL);
            }
        test_check(room.told == 4);
    }
    return 0;
}

START_TEST(w06_threads_and_goroutines_wait)
{
    test_run(thread_waits_app);
}
END_TEST

/* ---- with a rwmutex ---- */

struct board {
    weft_rwmutex rwmutex;
    weft_cond changed;
    int version; /* protected by rwmutex */
};

static void follow(struct board *board, int last, bool write)
{
    if (write)
        weft_rwmutex_lock(&board->rwmutex);
    else
        weft_rwmutex_rlock(&board->rwmutex);
    for (int seen = 0; seen < last;) {
        if (board->version > seen)
            seen = board->version;
        else if (write)
            weft_cond_wait_write(&board->changed, &board->rwmutex);
        else
            weft_cond_wait_read(&board->changed, &board->rwmutex);
    }
    if (write)
        weft_rwmutex_unlock(&board->rwmutex);
    else
        weft_rwmutex_runlock(&board->rwmutex);
}

static int board_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int last = test_iterations(5000);
    struct board board;
    memset(&board, 0, sizeof board);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < 6; k++)
        test_check(weft_waitgroup_go(&wg, follow, &board, last, k % 3 == 0) == 0);
    for (int i = 0; i < last; i++) {
        weft_rwmutex_lock(&board.rwmutex);
        board.version++;
        weft_rwmutex_unlock(&board.rwmutex);
        weft_cond_broadcast(&board.changed);
        if (i % 8 == 0)
            weft_yield();
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w06_with_a_rwmutex)
{
    test_run(board_app);
}
END_TEST

/* ---- W-04: who is told frees the condition at once ---- */

struct owned {
    weft_mutex *mutex;
    weft_cond cond;
    bool waits; /* protected by mutex */
};

static void wait_and_free(struct owned *owned)
{
    weft_mutex *mutex = owned->mutex;
    weft_mutex_lock(mutex);
    owned->waits = true;
    weft_cond_wait(&owned->cond, mutex);
    memset(owned, 0xAA, sizeof *owned);
    free(owned);
    weft_mutex_unlock(mutex);
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < test_iterations(50000); i++) {
        struct owned *owned = calloc(1, sizeof *owned);
        owned->mutex = &mutex;
        test_check(weft_waitgroup_go(&wg, wait_and_free, owned) == 0);
        for (bool waits = false; !waits;) {
            weft_yield();
            weft_mutex_lock(&mutex);
            waits = owned->waits;
            if (waits && i % 2 == 0)
                weft_cond_signal(&owned->cond);
            weft_mutex_unlock(&mutex);
        }
        if (i % 4 == 1)
            weft_cond_signal(&owned->cond);
        else if (i % 4 == 3)
            weft_cond_broadcast(&owned->cond);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w04_freed_by_the_one_who_was_told)
{
    test_run(free_app);
}
END_TEST

/* ---- misuse ---- */

static void wait_in(weft_cond *cond, weft_mutex *mutex)
{
    weft_mutex_lock(mutex);
    weft_cond_wait(cond, mutex);
    weft_mutex_unlock(mutex);
}

static weft_cond used_cond, copied_cond;
static weft_mutex any_mutex;

static void copy_after_use(void)
{
    weft_cond_signal(&used_cond);
    copied_cond = used_cond;
}

static int signal_of_copy(int argc, char **argv)
{
    (void)argc, (void)argv;
    copy_after_use();
    weft_cond_signal(&copied_cond);
    return 0;
}

static int broadcast_of_copy(int argc, char **argv)
{
    (void)argc, (void)argv;
    copy_after_use();
    weft_cond_broadcast(&copied_cond);
    return 0;
}

static int wait_in_copy(int argc, char **argv)
{
    (void)argc, (void)argv;
    copy_after_use();
    wait_in(&copied_cond, &any_mutex);
    return 0;
}

static int wait_without_lock(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_cond_wait(&used_cond, &any_mutex);
    return 0;
}

static int wait_for_ever(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_cond_signal(&used_cond);
    wait_in(&used_cond, &any_mutex);
    return 0;
}

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} misuses[] = {
    {signal_of_copy, "^panic: sync: cond is copied\n"},
    {broadcast_of_copy, "^panic: sync: cond is copied\n"},
    {wait_in_copy, "^panic: sync: cond is copied\n"},
    {wait_without_lock, "^fatal error: sync: unlock of unlocked mutex\n"},
    {wait_for_ever, "all goroutines are asleep - deadlock!.*goroutine 1 .*cond wait on cond 0x"},
};

static int misuse_child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(1);
    return weft_run(misuses[*(int *)number].app, 1, argv);
}

START_TEST(w06_misuse)
{
    int number = _i;
    struct test_child child = test_child(misuse_child, &number, 60);
    test_child_check(child, 2, misuses[_i].message);
    test_child_free(&child);
}
END_TEST

START_TEST(w06_an_unused_one_may_be_copied)
{
    weft_cond unused = WEFT_COND_INIT, copy = unused;
    weft_cond_signal(&copy);
    weft_cond_broadcast(&copy);
    weft_cond_broadcast(&unused);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cond");
    TCase *tests = tcase_create("cond");
    tcase_add_test(tests, w06_signal_ends_one_wait);
    tcase_add_test(tests, w06_first_come_first_told);
    tcase_add_test(tests, w06_signal_stealing);
    tcase_add_test(tests, w06_broadcast_ends_all_and_nothing_is_stored);
    tcase_add_test(tests, w06_bounded_buffer);
    tcase_add_test(tests, w06_threads_without_a_run);
    tcase_add_test(tests, w06_threads_and_goroutines_wait);
    tcase_add_test(tests, w06_with_a_rwmutex);
    tcase_add_test(tests, w04_freed_by_the_one_who_was_told);
    tcase_add_loop_test(tests, w06_misuse, 0, sizeof misuses / sizeof misuses[0]);
    tcase_add_test(tests, w06_an_unused_one_may_be_copied);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * chan_test.c - channels: the catalogue's C entries, at 1, 2 and 4 processors. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weft/words.h>

#include "parked.h"
#include "support.h"

struct tagged {
    int producer, number;
};

/* ---- C-03, C-04: order and exactly-once, for several capacities ---- */

static void produce_tagged(send_chan(struct tagged) out, int producer, int count)
{
    for (int i = 0; i < count; i++)
        chan_send(out, ((struct tagged){producer, i}));
}

static int order_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int capacities[] = {0, 1, 2, 3, 10, 200};
    enum { PRODUCERS = 8 };
    int count = test_iterations(20000) / PRODUCERS;
    for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
        chan(struct tagged) channel = chan_make(struct tagged, capacities[c]);
        for (int p = 0; p < PRODUCERS; p++)
            go(produce_tagged, send_only(channel), p, count);
        int next[PRODUCERS] = {0};
        for (int i = 0; i < PRODUCERS * count; i++) {
            struct tagged t = chan_recv(channel);
            test_check(t.producer >= 0 && t.producer < PRODUCERS);
            test_check(t.number == next[t.producer]); /* each producer's values in order: none lost, none twice */
            next[t.producer]++;
        }
        test_check(chan_len(channel) == 0);
        chan_free(channel);
    }
    return 0;
}

START_TEST(c03_c04_fifo_exactly_once)
{
    test_run(order_app);
}
END_TEST

/* A blocked sender's value goes to the tail in the critical section that made room: nobody overtakes. */
static void send_number(send_chan(int) out, int number)
{
    chan_send(out, number);
}

static int barging_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) channel = chan_make(int, 2);
    chan_send(channel, 0);
    chan_send(channel, 1);
    for (int i = 2; i < 10; i++) {
        go(send_number, send_only(channel), i);
        parked_await_senders((void *)channel, i - 1); /* it blocks, behind those before it */
    }
    for (int i = 0; i < 8; i++) {
        test_check(chan_recv(channel) == i);
        test_check(chan_len(channel) == 2);
        test_check(!chan_try_send(channel, 99));
    }
    chan_free(channel);
    return 0;
}

START_TEST(c03_no_barging)
{
    test_run(barging_app);
}
END_TEST

/* ---- C-04: MultiConsumer ---- */

static void pass_on(recv_chan(int) in, send_chan(int) out, weft_waitgroup *done)
{
    chan_range(int, v, in)
        chan_send(out, v);
    weft_waitgroup_done(done);
}

static void feed_and_close(send_chan(int) q, int n)
{
    static const int primes[] = {2, 3, 7, 11, 13, 17, 19, 23, 27, 31};
    for (int i = 0; i < n; i++)
        chan_send(q, primes[i % 10]);
    chan_close(q);
}

static void close_after(weft_waitgroup *wg, send_chan(int) c)
{
    weft_waitgroup_wait(wg);
    chan_close(c);
}

static int multi_consumer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int primes[] = {2, 3, 7, 11, 13, 17, 19, 23, 27, 31};
    enum { WORKERS = 23 };
    int n = test_iterations(271828);
    chan(int) q = chan_make(int, WORKERS * 3), r = chan_make(int, WORKERS * 3);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    long expected = 0, sum = 0;
    for (int w = 0; w < WORKERS; w++) {
        weft_waitgroup_add(&wg, 1);
        go(pass_on, recv_only(q), send_only(r), &wg);
    }
    for (int i = 0; i < n; i++)
        expected += primes[i % 10];
    go(feed_and_close, send_only(q), n);
    go(close_after, &wg, send_only(r));
    int count = 0;
    chan_range(int, v, r) {
        sum += v;
        count++;
    }
    test_check(count == n && sum == expected);
    chan_free(q);
    chan_free(r);
    return 0;
}

START_TEST(c04_multi_consumer)
{
    test_run(multi_consumer_app);
}
END_TEST

/* ---- C-05, C-08: close ---- */

static void recv_closed(recv_chan(long) in, weft_waitgroup *wg)
{
    long value = (long)0xAAAAAAAAAAAAAAAA;
    test_check(!chan_recv(in, &value) && value == 0);
    weft_waitgroup_done(wg);
}

static int close_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(long) c = chan_make(long, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, 100);
    for (int i = 0; i < 100; i++)
        go(recv_closed, recv_only(c), &wg);
    weft_sleep(2 * WEFT_MILLISECOND);
    chan_close(c);
    weft_waitgroup_wait(&wg);
    chan_free(c);
    c = chan_make(long, 3);
    chan_send(c, 1);
    chan_send(c, 2);
    chan_close(c);
    long v;
    bool ok;
    test_check(chan_len(c) == 2);
    test_check(chan_recv(c, &v) && v == 1);
    test_check(chan_try_recv(c, &v, &ok) && ok && v == 2);
    test_check(chan_try_recv(c, &v, &ok) && !ok && v == 0);
    v = 7;
    test_check(!chan_recv(c, &v) && v == 0);
    test_check(!chan_recv(c, NULL));
    chan_free(c);
    return 0;
}

START_TEST(c05_c08_close_wakes_all_and_drains)
{
    test_run(close_app);
}
END_TEST

/* ---- C-06: misuse ends the process ---- */

static int misuse;

static void blocked_sender(send_chan(int) c)
{
    chan_send(c, 1);
}

static int misuse_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 0), nil = NULL;
    switch (misuse) {
    case 0:
        chan_close(c);
        chan_send(c, 1);
        break;
    case 1:
        chan_close(c);
        chan_close(c);
        break;
    case 2:
        chan_close(nil);
        break;
    case 3:
        go(blocked_sender, send_only(c));
        parked_await_senders((void *)c, 1);
        chan_close(c);
        weft_sleep(WEFT_HOUR); /* the panic is on its way */
        break;
    case 4:
        chan_close(c);
        (void)chan_select(on_send(c, 1), on_timeout(WEFT_SECOND));
        break;
    case 5:
        go(blocked_sender, send_only(c));
        parked_await_senders((void *)c, 1);
        chan_free(c);
        break;
    }
    return 0;
}

static int misuse_child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    misuse = *(int *)number;
    return weft_run(misuse_app, 1, argv);
}

START_TEST(c06_misuse_panics)
{
    static const char *const expected[] = {"panic: send on closed channel", "panic: close of closed channel",
                                           "panic: close of nil channel",   "panic: send on closed channel",
                                           "panic: send on closed channel", "panic: free of a channel"};
    int number = _i;
    struct test_child child = test_child(misuse_child, &number, 30);
    ck_assert_msg(child.code == 2 && strstr(child.err, expected[_i]) != NULL, "exit %d: %s", child.code, child.err);
    test_child_free(&child);
}
END_TEST

/* ---- C-07, C-09, C-10, C-11 ---- */

enum { SIZE_TURNS = 6 };

/* Sends back what it receives, by operations or by selects: so main is served by either, from the ring, by one who waits for it and as one
 * who waits. */
static void send_back(void *in, void *out, bool by_select)
{
    static unsigned char value[65536];
    struct weft_select_case get = {.operation = WEFT_SELECT_RECV, .channel = in, .value = value};
    struct weft_select_case put = {.operation = WEFT_SELECT_SEND, .channel = out, .value = value};
    for (int turn = 0; turn < SIZE_TURNS; turn++) {
        if (by_select) {
            test_check(weft_select(&get, 1) == 0 && weft_select(&put, 1) == 0);
        } else {
            test_check(weft_chan_recv_untyped(in, value));
            weft_chan_send_untyped(out, value);
        }
        if (turn % 3 == 0)
            weft_yield();
    }
}

static void check_size(size_t size, int64_t capacity, bool by_select)
{
    static unsigned char in[65536], out[65536 + 1];
    void *there = weft_chan_make_untyped(size, 1, capacity, NULL),
         *back = weft_chan_make_untyped(size, 1, capacity, NULL);
    test_check(there != NULL && back != NULL);
    for (size_t i = 0; i < size; i++)
        in[i] = (unsigned char)(i * 7 + size);
    test_check(weft_go(send_back, there, back, by_select) == 0);
    for (int turn = 0; turn < SIZE_TURNS; turn++) {
        memset(out, 0, size);
        out[size] = 0xa5;
        in[0] = (unsigned char)turn;
        if (turn % 2 == 0)
            weft_yield();
        weft_chan_send_untyped(there, in);
        bool dropped = turn == SIZE_TURNS - 1;
        test_check(weft_chan_recv_untyped(back, dropped ? NULL : out));
        test_check(dropped || memcmp(in, out, size) == 0);
        test_check(out[size] == 0xa5);
    }
    weft_chan_release_untyped(there);
    weft_chan_release_untyped(back);
}

static int sizes_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) nil = NULL;
    int v;
    test_check(chan_len(nil) == 0 && chan_cap(nil) == 0);
    test_check(!chan_try_send(nil, 1) && !chan_try_recv(nil, &v));
    test_check(chan_select(on_recv(nil, &v), on_send(nil, 1), otherwise()) == 2);
    struct none {
    };
    chan(struct none) zero = chan_make(struct none, INT64_C(1) << 40);
    test_check(zero != NULL && chan_cap(zero) == (size_t)1 << 40);
    for (int i = 0; i < 1000; i++)
        chan_send(zero, (struct none){});
    test_check(chan_len(zero) == 1000);
    for (int i = 0; i < 1000; i++)
        test_check(chan_recv(zero, NULL));
    test_check(chan_len(zero) == 0);
    chan_free(zero);
    static const size_t sizes[] = {1, 2, 3, 4, 5, 8, 9, 16, 17, 4096, 65535, 65536};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int64_t capacity = 0; capacity <= 2; capacity++)
            for (int by_select = 0; by_select <= 1; by_select++)
                check_size(sizes[s], capacity, by_select);
    return 0;
}

START_TEST(c07_c09_c10_c11_nil_zero_and_sizes)
{
    test_run(sizes_app);
    ck_assert_ptr_null(weft_chan_make_untyped(4, 4, -1, NULL));
    ck_assert_ptr_null(weft_chan_make_untyped(65537, 1, 1, NULL));
    ck_assert_ptr_null(weft_chan_make_untyped(8, 3, 1, NULL));
    ck_assert_ptr_null(weft_chan_make_untyped(65536, 8, INT64_MAX, NULL));
    void *aligned = weft_chan_make_untyped(256, 256, 3, NULL);
    ck_assert_ptr_nonnull(aligned);
    weft_chan_release_untyped(aligned);
}
END_TEST

/* ---- C-12: NonblockRecvRace: an item is buffered and close races: a try must never find it empty ---- */

static void close_it(send_chan(int) c)
{
    chan_close(c);
}

static int recv_race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    for (int i = 0; i < n; i++) {
        chan(int) c = chan_make(int, 1);
        chan_send(c, 1);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, close_it, send_only(c));
        int v = 0;
        test_check(chan_try_recv(c, &v));
        weft_waitgroup_wait(&wg);
        chan_free(c);
    }
    return 0;
}

START_TEST(c12_nonblocking_receive_race)
{
    test_run(recv_race_app);
}
END_TEST

/* ---- C-14: the channel may be freed as soon as the operation returns ---- */

static void answer_and_forget(send_chan(int) c)
{
    chan_send(c, 1);
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(100000);
    for (int i = 0; i < n; i++) {
        chan(int) c = chan_make(int, i % 2);
        go(answer_and_forget, send_only(c));
        test_check(chan_recv(c) == 1);
        chan_free(c); /* the sender may not have returned, but does not touch it again */
    }
    return 0;
}

START_TEST(c14_free_after_operation)
{
    test_run(free_app);
}
END_TEST

/* ---- plain threads at both ends ---- */

static void *thread_echo(void *arg)
{
    void **ends = arg;
    int v;
    while (weft_chan_recv_untyped(ends[0], &v))
        weft_chan_send_untyped(ends[1], &v);
    weft_chan_close_untyped(ends[1]);
    return NULL;
}

static int threads_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    chan(int) a = chan_make(int, 0), b = chan_make(int, 3);
    void *ends[] = {(void *)a, (void *)b};
    pthread_t thread;
    test_check(pthread_create(&thread, NULL, thread_echo, ends) == 0);
    for (int i = 0; i < n; i++) {
        chan_send(a, i);
        test_check(chan_recv(b) == i);
    }
    chan_close(a);
    test_check(!chan_recv(b, NULL));
    weft_blocking pthread_join(thread, NULL);
    chan_free(a);
    chan_free(b);
    return 0;
}

START_TEST(threads_and_goroutines)
{
    test_run(threads_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chan");
    TCase *tests = tcase_create("channels");
    tcase_add_test(tests, c03_c04_fifo_exactly_once);
    tcase_add_test(tests, c03_no_barging);
    tcase_add_test(tests, c04_multi_consumer);
    tcase_add_test(tests, c05_c08_close_wakes_all_and_drains);
    tcase_add_loop_test(tests, c06_misuse_panics, 0, 6);
    tcase_add_test(tests, c07_c09_c10_c11_nil_zero_and_sizes);
    tcase_add_test(tests, c12_nonblocking_receive_race);
    tcase_add_test(tests, c14_free_after_operation);
    tcase_add_test(tests, threads_and_goroutines);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

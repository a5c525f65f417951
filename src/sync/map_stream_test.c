/* SPDX-License-Identifier: Apache-2.0
 *
 * map_stream_test.c - weft_map_stream at 1, 2 and 4 processors: order, elements of any size, back-pressure, functions that wait and
 * functions that exit, workers that cannot be started; what ends the process.
 * test-link: -Wl,--wrap=weft__spawn_copy,--wrap=weft_go_copy_at,--wrap=weft__port_alloc */
#include <string.h>

#include "maps.h"

/* ---- no memory ---- */

void *__real_weft__port_alloc(size_t size, size_t alignment);
void *__wrap_weft__port_alloc(size_t size, size_t alignment);

static bool no_memory; /* atomic */

void *__wrap_weft__port_alloc(size_t size, size_t alignment)
{
    return __atomic_load_n(&no_memory, __ATOMIC_RELAXED) ? NULL : __real_weft__port_alloc(size, alignment);
}

/* ---- streams ---- */

typedef weft_chan(int) int_chan;

static void feed(int_chan in, int count)
{
    for (int i = 1; i <= count; i++)
        weft_chan_send(in, i);
    weft_chan_close(in);
    weft_chan_free(in); /* at once: the stream has a reference of its own */
}

/* Receive everything: in order, or each exactly once. */
static void collect(enum weft_map_order order, int_chan out, int count, int (*expected)(int value))
{
    int seen = 0, zeros = 0, expected_zeros = 0;
    long long sum = 0, expected_sum = 0;
    weft_chan_range(int, result, out) {
        seen++;
        if (order == WEFT_MAP_ORDERED)
            test_check(result == expected(seen));
        zeros += result == 0;
        sum += result;
    }
    for (int i = 1; i <= count; i++) {
        expected_sum += expected(i);
        expected_zeros += expected(i) == 0;
    }
    test_check(seen == count && sum == expected_sum && zeros == expected_zeros);
    weft_chan_free(out);
}

static int expected_square(int value)
{
    return value * value;
}

static int expected_zero(int value)
{
    (void)value;
    return 0;
}

static void stream_once(enum weft_map_order order, int workers, int count, int capacity, weft_map_function fn,
                        int (*expected)(int value))
{
    int_chan in = weft_chan_make(int, capacity), out = weft_chan_make(int, capacity);
    test_check(weft_map_stream(order, workers, in, out, fn, NULL) == 0);
    test_check(weft_go(feed, in, count) == 0);
    collect(order, out, count, expected);
}

static int stream_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const weft_map_function functions[] = {square, square_waiting};
    int n = test_iterations(200);
    for (int turn = 0; turn < n + 10; turn++)
        for (int order = WEFT_MAP_ORDERED; order <= WEFT_MAP_AS_COMPLETED; order++)
            stream_once((enum weft_map_order)order, turn % 9, turn % 4 == 3 ? turn / 4 % 5 : 200, turn % 3 * 2,
                        functions[turn % 2], expected_square);
    return 0;
}

START_TEST(stream_results)
{
    test_run(stream_app);
}
END_TEST

static int stream_exit_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20);
    for (int turn = 0; turn < n + 4; turn++)
        for (int order = WEFT_MAP_ORDERED; order <= WEFT_MAP_AS_COMPLETED; order++) {
            stream_once((enum weft_map_order)order, 1 + turn % 4, 300, turn % 3, square_exiting, expected_exiting);
            stream_once((enum weft_map_order)order, 1 + turn % 4, 50, turn % 3, always_exit, expected_zero);
        }
    return 0;
}

START_TEST(stream_exit_in_fn)
{
    test_run(stream_exit_app);
}
END_TEST

/* The first input is not done before gate says so. */
struct gated {
    int_chan gate;
    int started; /* atomic */
};

static void wait_for_gate(const void *in, void *out, void *arg)
{
    struct gated *gated = arg;
    __atomic_fetch_add(&gated->started, 1, __ATOMIC_RELAXED);
    if (*(const int *)in == 1)
        (void)weft_chan_recv(gated->gate);
    square(in, out, NULL);
}

static void feed_in_time(int_chan in, int count, int *fed)
{
    for (int i = 1; i <= count; i++) {
        weft_chan_send(in, i);
        __atomic_store_n(fed, i, __ATOMIC_RELAXED);
    }
    weft_chan_close(in);
}

/* As completed, the others overtake the first. */
static int overtake_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct gated gated = {.gate = weft_chan_make(int, 0)};
    int_chan in = weft_chan_make(int, 0), out = weft_chan_make(int, 0);
    int fed = 0;
    test_check(weft_map_stream(WEFT_MAP_AS_COMPLETED, 2, in, out, wait_for_gate, &gated) == 0);
    test_check(weft_go(feed_in_time, in, 100, &fed) == 0);
    int sum = 0;
    for (int i = 0; i < 99; i++)
        sum += weft_chan_recv(out);
    test_check(sum == 328350 - 1 + 10000);
    weft_chan_send(gated.gate, 0);
    test_check(weft_chan_recv(out) == 1);
    test_check(!weft_chan_recv(out, &sum));
    weft_chan_free(in);
    weft_chan_free(out);
    weft_chan_free(gated.gate);
    return 0;
}

START_TEST(stream_as_completed_overtakes)
{
    test_run(overtake_app);
}
END_TEST

/* In order, nothing overtakes, and at most 2 * workers inputs are taken while the oldest is unfinished, although there are idle
 * workers and a waiting consumer. */
static int window_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int workers = 1; workers <= 4; workers++) {
        struct gated gated = {.gate = weft_chan_make(int, 0)};
        int_chan in = weft_chan_make(int, 0), out = weft_chan_make(int, 0);
        int fed = 0, value,
            most = workers == 1 ? 1 : 2 * workers; /* one worker is at work on the first, and that is all */
        test_check(weft_map_stream(WEFT_MAP_ORDERED, workers, in, out, wait_for_gate, &gated) == 0);
        test_check(weft_go(feed_in_time, in, 100, &fed) == 0);
        while (__atomic_load_n(&gated.started, __ATOMIC_RELAXED) < most)
            weft_yield();
        for (int i = 0; i < 50; i++) {
            weft_yield();
            test_check(__atomic_load_n(&fed, __ATOMIC_RELAXED) <= most);
            test_check(!weft_chan_try_recv(out, &value));
        }
        test_check(__atomic_load_n(&gated.started, __ATOMIC_RELAXED) == most);
        weft_chan_send(gated.gate, 0);
        for (int i = 1; i <= 100; i++)
            test_check(weft_chan_recv(out) == i * i);
        test_check(!weft_chan_recv(out, &value));
        weft_chan_free(in);
        weft_chan_free(out);
        weft_chan_free(gated.gate);
    }
    return 0;
}

START_TEST(stream_ordered_window)
{
    test_run(window_app);
}
END_TEST

/* A consumer that does not receive holds the producer back, in both orders; when it goes on, so does everything. */
static int back_pressure_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int order = WEFT_MAP_ORDERED; order <= WEFT_MAP_AS_COMPLETED; order++)
        for (int workers = 1; workers <= 4; workers++) {
            int_chan in = weft_chan_make(int, 0), out = weft_chan_make(int, 0);
            int fed = 0, received = 0, at_once = order == WEFT_MAP_ORDERED ? 2 * workers : workers;
            test_check(weft_map_stream((enum weft_map_order)order, workers, in, out, square, NULL) == 0);
            test_check(weft_go(feed_in_time, in, 200, &fed) == 0);
            for (int pause = 0; pause < 50; pause++) {
                weft_yield();
                test_check(__atomic_load_n(&fed, __ATOMIC_RELAXED) <= received + at_once);
                if (pause % 5 == 4) {
                    (void)weft_chan_recv(out);
                    received++;
                }
            }
            weft_chan_range(int, result, out) {
                received++;
                test_check(order != WEFT_MAP_ORDERED || result == received * received);
                test_check(__atomic_load_n(&fed, __ATOMIC_RELAXED) <= received + at_once);
            }
            test_check(received == 200);
            weft_chan_free(in);
            weft_chan_free(out);
        }
    return 0;
}

START_TEST(stream_back_pressure)
{
    test_run(back_pressure_app);
}
END_TEST

/* Elements of odd sizes and strict alignment. */
struct aligned {
    _Alignas(64) int value;
};
struct large {
    unsigned char bytes[40001];
};

static void enlarge(const void *in, void *out, void *arg)
{
    (void)arg;
    test_check((uintptr_t)in % _Alignof(struct aligned) == 0);
    struct large *large = out;
    memset(large->bytes, ((const struct aligned *)in)->value, sizeof large->bytes);
}

static void feed_aligned(weft_chan(struct aligned) in)
{
    for (int i = 0; i < 60; i++)
        weft_chan_send(in, (struct aligned){i});
    weft_chan_close(in);
}

static int stream_sizes_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct large large; /* too large for a frame */
    for (int order = WEFT_MAP_ORDERED; order <= WEFT_MAP_AS_COMPLETED; order++) {
        weft_chan(struct aligned) in = weft_chan_make(struct aligned, 1);
        weft_chan(struct large) out = weft_chan_make(struct large, 1);
        test_check(weft_map_stream((enum weft_map_order)order, 3, in, out, enlarge, NULL) == 0);
        test_check(weft_go(feed_aligned, in) == 0);
        int sum = 0, seen = 0;
        while (weft_chan_recv_untyped((void *)out, &large)) {
            test_check(order != WEFT_MAP_ORDERED || large.bytes[0] == seen);
            for (size_t i = 1; i < sizeof large.bytes; i++)
                test_check(large.bytes[i] == large.bytes[0]);
            sum += large.bytes[0];
            seen++;
        }
        test_check(seen == 60 && sum == 59 * 30);
        weft_chan_free(in);
        weft_chan_free(out);
    }
    return 0;
}

START_TEST(stream_element_sizes)
{
    test_run(stream_sizes_app);
}
END_TEST

static void nothing_to_nothing(const void *in, void *out, void *arg)
{
    (void)in, (void)out;
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
}

static int stream_zero_size_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int order = WEFT_MAP_ORDERED; order <= WEFT_MAP_AS_COMPLETED; order++) {
        int calls = 0, seen = 0;
        void *in = weft_chan_make_untyped(0, 1, 100, WEFT__SITE), *out = weft_chan_make_untyped(0, 1, 0, WEFT__SITE);
        for (int i = 0; i < 100; i++)
            weft_chan_send_untyped(in, NULL);
        weft_chan_close_untyped(in);
        test_check(weft_map_stream_untyped((enum weft_map_order)order, 2, in, 0, out, 0, nothing_to_nothing, &calls) ==
                   0);
        while (weft_chan_recv_untyped(out, NULL))
            seen++;
        test_check(seen == 100 && calls == 100);
        weft_chan_release_untyped(in);
        weft_chan_release_untyped(out);
    }
    return 0;
}

START_TEST(stream_zero_size)
{
    test_run(stream_zero_size_app);
}
END_TEST

/* Several stages, one behind the other. */
static int stream_stages_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int_chan first = weft_chan_make(int, 0), stage = first;
    for (int i = 0; i < 6; i++) {
        int_chan next = weft_chan_make(int, i % 2);
        test_check(weft_map_stream(WEFT_MAP_ORDERED, 1 + i % 3, stage, next, i % 2 ? square_waiting : square, NULL) ==
                   0);
        if (i > 0)
            weft_chan_free(stage); /* the two streams at its ends own it now */
        stage = next;
    }
    test_check(weft_go(feed, first, 1) == 0);
    test_check(weft_chan_recv(stage) == 1);
    test_check(weft_chan_recv(stage) == 0); /* closed */
    weft_chan_free(stage);
    return 0;
}

START_TEST(stream_stages)
{
    test_run(stream_stages_app);
}
END_TEST

static int stream_faults_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int order_ = WEFT_MAP_ORDERED; order_ <= WEFT_MAP_AS_COMPLETED; order_++) {
        enum weft_map_order order = (enum weft_map_order)order_;
        int_chan in = weft_chan_make(int, 1), out = weft_chan_make(int, 1);
        __atomic_store_n(&spawns_left, 0, __ATOMIC_RELAXED);
        test_check(weft_map_stream(order, 3, in, out, square, NULL) == -EAGAIN);
        __atomic_store_n(&spawns_left, -1, __ATOMIC_RELAXED);
        __atomic_store_n(&no_memory, true, __ATOMIC_RELAXED);
        test_check(weft_map_stream(order, 3, in, out, square, NULL) == -ENOMEM);
        __atomic_store_n(&no_memory, false, __ATOMIC_RELAXED);
        test_check(weft_map_stream(order, -1, in, out, square, NULL) == -EINVAL);
        test_check(weft_map_stream_untyped(order, 1, NULL, 4, (void *)out, 4, square, NULL) == -EINVAL);
        test_check(weft_map_stream_untyped(order, 1, (void *)in, 4, NULL, 4, square, NULL) == -EINVAL);
        test_check(weft_map_stream_untyped(order, 1, (void *)in, 65537, (void *)out, 4, square, NULL) == -EINVAL);
        weft_chan_send(in, 5); /* untouched, and still open */
        weft_chan_send(out, 6);
        test_check(weft_chan_recv(in) == 5 && weft_chan_recv(out) == 6);
        weft_chan_free(in);
        weft_chan_free(out);
        for (int left = 1; left < 4; left++) { /* fewer workers than wished */
            in = weft_chan_make(int, 300);
            out = weft_chan_make(int, 0);
            __atomic_store_n(&spawns_left, left, __ATOMIC_RELAXED);
            test_check(weft_map_stream(order, 4, in, out, square_waiting, NULL) == 0);
            __atomic_store_n(&spawns_left, -1, __ATOMIC_RELAXED);
            feed(in, 200);
            collect(order, out, 200, expected_square);
        }
        for (int left = 1; left < 12; left++) { /* and those that exit cannot be replaced */
            in = weft_chan_make(int, 300);
            out = weft_chan_make(int, 0);
            __atomic_store_n(&spawns_left, left, __ATOMIC_RELAXED);
            test_check(weft_map_stream(order, 2, in, out, square_exiting, NULL) == 0);
            feed(in, 60);
            collect(order, out, 60, expected_exiting);
            __atomic_store_n(&spawns_left, -1, __ATOMIC_RELAXED);
        }
    }
    return 0;
}

START_TEST(stream_workers_cannot_be_started)
{
    if (!TEST_LTO)
        test_run(stream_faults_app);
}
END_TEST

/* ---- what ends the process ---- */

static void panics(const void *in, void *out, void *arg)
{
    square(in, out, arg);
    if (*(const int *)in == 3)
        weft_panic("number three");
}

static int stream_panic_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int_chan in = weft_chan_make(int, 10), out = weft_chan_make(int, 0);
    weft_map_stream(WEFT_MAP_ORDERED, 2, in, out, panics, NULL);
    feed(in, 8);
    weft_chan_range(int, result, out)
        (void)result;
    weft_sleep(WEFT_MINUTE); /* the panic is on its way */
    return 0;
}

static int closed_out_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int_chan in = weft_chan_make(int, 10), out = weft_chan_make(int, 0);
    weft_map_stream(WEFT_MAP_ORDERED, 2, in, out, square, NULL);
    weft_chan_close(out);
    feed(in, 8);
    weft_sleep(WEFT_MINUTE);
    return 0;
}

static int forgotten_close_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int_chan in = weft_chan_make(int, 10), out = weft_chan_make(int, 0);
    weft_map_stream(WEFT_MAP_ORDERED, 3, in, out, square, NULL);
    weft_chan_send(in, 1);
    weft_chan_range(int, result, out)
        (void)result;
    return 0;
}

static int forgotten_consumer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int_chan in = weft_chan_make(int, 0), out = weft_chan_make(int, 0);
    weft_map_stream(WEFT_MAP_ORDERED, 2, in, out, square, NULL);
    feed(in, 100);
    return 0;
}

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} ends[] = {
    {stream_panic_app, "^panic: number three"},
    {closed_out_app, "^panic: send on closed channel"},
    {forgotten_close_app, "all goroutines are asleep - deadlock!.*map: turn to receive from chan 0x"},
    {forgotten_consumer_app, "all goroutines are asleep - deadlock!.*map: results are not taken from chan 0x"},
};

static int end_child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(2);
    return weft_run(ends[*(int *)number].app, 1, argv);
}

START_TEST(stream_ends_of_the_process)
{
    int number = _i;
    struct test_child child = test_child(end_child, &number, 60);
    test_child_check(child, 2, ends[_i].message);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map_stream");
    TCase *tests = tcase_create("map_stream");
    tcase_add_test(tests, stream_results);
    tcase_add_test(tests, stream_exit_in_fn);
    tcase_add_test(tests, stream_as_completed_overtakes);
    tcase_add_test(tests, stream_ordered_window);
    tcase_add_test(tests, stream_back_pressure);
    tcase_add_test(tests, stream_element_sizes);
    tcase_add_test(tests, stream_zero_size);
    tcase_add_test(tests, stream_stages);
    tcase_add_test(tests, stream_workers_cannot_be_started);
    tcase_add_loop_test(tests, stream_ends_of_the_process, 0, sizeof ends / sizeof ends[0]);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

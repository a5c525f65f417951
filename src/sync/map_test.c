/* SPDX-License-Identifier: Apache-2.0
 *
 * map_test.c - weft_map at 1, 2 and 4 processors: order, elements of any size, functions that wait and functions that exit, workers that
 * cannot be started. Streams: map_stream_test.c.
 * test-link: -Wl,--wrap=weft__spawn_copy,--wrap=weft_go_copy_at */
#include "maps.h"

#define MANY 1000

static void fill(int *in, int *out)
{
    for (int i = 0; i < MANY; i++) {
        in[i] = i + 1;
        out[i] = -1;
    }
}

static int array_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const weft_map_function functions[] = {square, square_waiting};
    static int in[MANY], out[MANY];
    int n = test_iterations(40);
    for (int turn = 0; turn < n; turn++) {
        int workers = turn % 11, count = turn % 5 == 0 ? turn / 5 : MANY;
        fill(in, out);
        test_check(weft_map(workers, in, sizeof in[0], out, sizeof out[0], (size_t)count, functions[turn % 2], NULL) ==
                   0);
        for (int i = 0; i < MANY; i++)
            test_check(out[i] == (i < count ? in[i] * in[i] : -1));
    }
    test_check(weft_map(3, NULL, 4, NULL, 4, 0, square, NULL) == 0);
    test_check(weft_map(2000, in, sizeof in[0], out, sizeof out[0], 3, square, NULL) == 0);
    test_check(weft_map(-1, in, sizeof in[0], out, sizeof out[0], MANY, square, NULL) == -EINVAL);
    return 0;
}

START_TEST(array_in_order)
{
    test_run(array_app);
}
END_TEST

static int array_exit_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static int in[MANY], out[MANY];
    for (int workers = 1; workers <= 4; workers++) {
        fill(in, out);
        test_check(weft_map(workers, in, sizeof in[0], out, sizeof out[0], MANY, square_exiting, NULL) == 0);
        for (int i = 0; i < MANY; i++)
            test_check(out[i] == expected_exiting(in[i]));
        fill(in, out);
        test_check(weft_map(workers, in, sizeof in[0], out, sizeof out[0], MANY, always_exit, NULL) == 0);
        for (int i = 0; i < MANY; i++)
            test_check(out[i] == 0);
    }
    return 0;
}

START_TEST(array_exit_in_fn)
{
    test_run(array_exit_app);
}
END_TEST

/* Elements of other sizes: each result is the input, turned around or cut off. */
struct sizes {
    size_t in, out;
};

static void copy_bytes(const void *in, void *out, void *arg)
{
    const struct sizes *sizes = arg;
    for (size_t i = 0; i < sizes->out; i++)
        ((unsigned char *)out)[i] = sizes->in > 0 ? ((const unsigned char *)in)[i % sizes->in] : 0x5A;
}

static int array_sizes_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const struct sizes sizes[] = {{0, 0}, {0, 3}, {5, 0}, {1, 7}, {3, 1}, {17, 4096}, {65536, 65535}};
    enum { COUNT = 9 };
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct sizes size = sizes[k];
        unsigned char *in = size.in > 0 ? malloc(COUNT * size.in) : NULL;
        unsigned char *out = size.out > 0 ? malloc(COUNT * size.out) : NULL;
        for (size_t i = 0; i < COUNT * size.in; i++)
            in[i] = (unsigned char)(i * 7 + i / 251);
        test_check(weft_map(3, in, size.in, out, size.out, COUNT, copy_bytes, &size) == 0);
        for (size_t i = 0; i < COUNT * size.out; i++)
            test_check(out[i] == (size.in > 0 ? in[i / size.out * size.in + i % size.out % size.in] : 0x5A));
        free(in);
        free(out);
    }
    return 0;
}

START_TEST(array_element_sizes)
{
    test_run(array_sizes_app);
}
END_TEST

/* Inside a map, a map. */
static void sum_of_squares(const void *in, void *out, void *arg)
{
    int values[20] = {0}, squares[20], sum = 0, n = *(const int *)in % 20;
    (void)arg;
    for (int i = 0; i < n; i++)
        values[i] = i;
    test_check(weft_map(2, values, sizeof values[0], squares, sizeof squares[0], (size_t)n, square_waiting, NULL) == 0);
    for (int i = 0; i < n; i++)
        sum += squares[i];
    *(int *)out = sum;
}

static int array_nested_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static int in[MANY], out[MANY];
    fill(in, out);
    test_check(weft_map(3, in, sizeof in[0], out, sizeof out[0], 200, sum_of_squares, NULL) == 0);
    for (int i = 0; i < 200; i++) {
        int n = in[i] % 20;
        test_check(out[i] == (n == 0 ? 0 : (n - 1) * n * (2 * n - 1) / 6));
    }
    return 0;
}

START_TEST(array_nested)
{
    test_run(array_nested_app);
}
END_TEST

static int array_faults_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static int in[MANY], out[MANY];
    fill(in, out);
    __atomic_store_n(&spawns_left, 0, __ATOMIC_RELAXED); /* not even one: an error, and nothing is computed */
    test_check(weft_map(4, in, sizeof in[0], out, sizeof out[0], MANY, square, NULL) == -EAGAIN);
    for (int i = 0; i < MANY; i++)
        test_check(out[i] == -1);
    for (int left = 1; left < 6; left++) { /* some: it takes longer */
        fill(in, out);
        __atomic_store_n(&spawns_left, left, __ATOMIC_RELAXED);
        test_check(weft_map(5, in, sizeof in[0], out, sizeof out[0], MANY, square_waiting, NULL) == 0);
        for (int i = 0; i < MANY; i++)
            test_check(out[i] == in[i] * in[i]);
    }
    for (int left = 1; left < 30; left++) { /* those who end by weft_exit cannot be replaced: they go on themselves */
        fill(in, out);
        __atomic_store_n(&spawns_left, left, __ATOMIC_RELAXED);
        test_check(weft_map(3, in, sizeof in[0], out, sizeof out[0], 50, square_exiting, NULL) == 0);
        for (int i = 0; i < 50; i++)
            test_check(out[i] == expected_exiting(in[i]));
    }
    __atomic_store_n(&spawns_left, -1, __ATOMIC_RELAXED);
    return 0;
}

START_TEST(array_workers_cannot_be_started)
{
    if (!TEST_LTO)
        test_run(array_faults_app);
}
END_TEST

START_TEST(array_without_a_run)
{
    int in = 3, out = -1;
    ck_assert_int_lt(weft_map(1, &in, sizeof in, &out, sizeof out, 1, square, NULL), 0);
    ck_assert_int_eq(out, -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *tests = tcase_create("map");
    tcase_add_test(tests, array_in_order);
    tcase_add_test(tests, array_exit_in_fn);
    tcase_add_test(tests, array_element_sizes);
    tcase_add_test(tests, array_nested);
    tcase_add_test(tests, array_workers_cannot_be_started);
    tcase_add_test(tests, array_without_a_run);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

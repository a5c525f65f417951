/* SPDX-License-Identifier: Apache-2.0
 *
 * go_test.cc - spawning from C++: arguments arrive converted, lambdas with their captures, wait groups count. */
#include <weft.h>

#include "support.h"

struct seen {
    long number;
    double floating;
    const char *text;
    unsigned char small;
    long long sum;
};

static seen last;

static void record(long number, double floating, const char *text, unsigned char small)
{
    last = {number, floating, text, small, 0};
}

static void record_many(int a, double b, long c, float d, short e, const char *f, double g, long long h)
{
    last = {a, g, f, 0, a + static_cast<long long>(b) + c + static_cast<long long>(d) + e + h};
}

struct large {
    int numbers[1000];
};

static long total(large values, weft_mutex *mutex, long *result)
{
    weft_mutex_lock(mutex);
    for (int number : values.numbers)
        *result += number;
    long so_far = *result;
    weft_mutex_unlock(mutex);
    return so_far;
}

static int convert_app(int, char **)
{
    weft_waitgroup wg = {};
    int number = -7;

    weft_waitgroup_go(&wg, record, number, 3, nullptr, 300 - 45);
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(last.number, -7);
    ck_assert(last.floating == 3.0);
    ck_assert_ptr_null(last.text);
    ck_assert_int_eq(last.small, 255);

    weft_waitgroup_go(&wg, record_many, 1, 2, 3, 4, 5, "six", 7.5, 8);
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(last.sum, 1 + 2 + 3 + 4 + 5 + 8);
    ck_assert(last.floating == 7.5);
    ck_assert_str_eq(last.text, "six");
    return 0;
}

/* The copy is taken at the spawn: what the caller does to its variables afterwards does not reach the goroutine. */
static int copy_app(int, char **)
{
    weft_waitgroup wg = {};
    weft_mutex mutex = {};
    long result = 0;
    large values;

    for (int round = 1; round <= 10; round++) {
        for (int &number : values.numbers)
            number = round;
        ck_assert_int_eq(weft_waitgroup_go(&wg, total, values, &mutex, &result), 0);
    }
    for (int &number : values.numbers)
        number = 1000000;
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(result, 55 * 1000);
    return 0;
}

static int lambda_app(int, char **)
{
    weft_waitgroup wg = {};
    weft_mutex mutex = {};
    long sum = 0;
    const int count = 1000;

    for (int i = 0; i < count; i++) {
        int status = weft_waitgroup_go(
            &wg,
            [i, &sum, &mutex](long by) {
                weft_mutex_lock(&mutex);
                sum += i * by;
                weft_mutex_unlock(&mutex);
            },
            2);
        ck_assert_int_eq(status, 0);
    }
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(sum, 2L * count * (count - 1) / 2);
    return 0;
}

static int options_app(int, char **)
{
    weft_waitgroup wg = {};
    weft_go_options options = {"small", 1 << 15};

    weft_waitgroup_add(&wg, 2);
    ck_assert_int_eq(weft_go_with(options, weft_waitgroup_done, &wg), 0);
    ck_assert_int_eq(weft_go_with((weft_go_options{"default", 0}), [&wg] { weft_waitgroup_done(&wg); }), 0);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(g01_arguments_are_converted_to_the_parameters)
{
    test_run(convert_app);
}
END_TEST

START_TEST(g01_arguments_are_copied_at_the_spawn)
{
    test_run(copy_app);
}
END_TEST

START_TEST(lambdas_carry_their_captures)
{
    test_run(lambda_app);
}
END_TEST

START_TEST(options_are_taken)
{
    test_run(options_app);
}
END_TEST

int main()
{
    Suite *suite = suite_create("C++");
    TCase *spawn = tcase_create("spawn");
    tcase_add_test(spawn, g01_arguments_are_converted_to_the_parameters);
    tcase_add_test(spawn, g01_arguments_are_copied_at_the_spawn);
    tcase_add_test(spawn, lambdas_carry_their_captures);
    tcase_add_test(spawn, options_are_taken);
    suite_add_tcase(suite, spawn);
    return test_main(suite);
}

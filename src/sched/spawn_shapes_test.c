/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn_shapes_test.c - weft_go hands every argument to the goroutine, for every signature of tests/shapes.h, conversions
 * included; from goroutines and from plain threads, and with options. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>

#include <weft/go.h>
#include <weft/run.h>

#include "base/atomic.h"
#include "shapes.h"

static WEFT__ATOMIC(int) done;

static void shape_done(void)
{
    weft__add_release(&done, 1); /* pairs with await */
}

/* Until count goroutines have done their checks. */
static void await(int count)
{
    while (weft__load_acquire(&done) != count) /* pairs with shape_done: the seed may change after that */
        weft_yield();
    weft__store_relaxed(&done, 0); /* nobody else is under way */
}

SHAPES(SHAPE_DEFINE)

/* One function per shape. */
#define GO(n, ...)                                                                                                     \
    static int WEFT__CAT(go_, SHAPE_NAME(__VA_ARGS__))(void)                                                           \
    {                                                                                                                  \
        return GO_##n(__VA_ARGS__);                                                                                    \
    }
#define GO_0(...) weft_go(SHAPE_NAME(__VA_ARGS__))
#define GO_1(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_1(__VA_ARGS__))
#define GO_2(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_2(__VA_ARGS__))
#define GO_3(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_3(__VA_ARGS__))
#define GO_4(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_4(__VA_ARGS__))
#define GO_5(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_5(__VA_ARGS__))
#define GO_6(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_6(__VA_ARGS__))
#define GO_7(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_7(__VA_ARGS__))
#define GO_8(...) weft_go(SHAPE_NAME(__VA_ARGS__), SHAPE_ARGUMENTS_8(__VA_ARGS__))
SHAPES(GO)

#define ENTRY(n, ...) WEFT__CAT(go_, SHAPE_NAME(__VA_ARGS__)),
static int (*const go_shapes[])(void) = {SHAPES(ENTRY)};
enum { SHAPE_COUNT = sizeof go_shapes / sizeof go_shapes[0] };

static int app_shapes(int argc, char **argv)
{
    (void)argc, (void)argv;
    int rounds = test_iterations(100);
    for (int round = 0; round < rounds; round++) {
        shape_seed = (uint64_t)round;
        for (int i = 0; i < SHAPE_COUNT; i++)
            test_check(go_shapes[i]() == 0);
        await(SHAPE_COUNT);
    }
    return 0;
}

START_TEST(arguments_of_every_shape)
{
    test_run(app_shapes);
}
END_TEST

/* --- from a plain thread --------------------------------------------------------------------------------------------- */

static WEFT__ATOMIC(int) thread_done;
static void *thread_goes(void *unused)
{
    (void)unused;
    for (int i = 0; i < SHAPE_COUNT; i++)
        test_check(go_shapes[i]() == 0);
    weft__store_release(&thread_done, 1); /* pairs with app_thread */
    return NULL;
}
static int app_thread(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t thread;
    shape_seed = 4711;
    weft__store_relaxed(&thread_done, 0); /* no thread yet */
    test_check(pthread_create(&thread, NULL, thread_goes, NULL) == 0);
    await(SHAPE_COUNT);
    while (!weft__load_acquire(&thread_done)) /* pairs with thread_goes */
        weft_yield();
    pthread_join(thread, NULL);
    return 0;
}

START_TEST(arguments_from_a_plain_thread)
{
    test_run(app_thread);
}
END_TEST

/* --- with options ---------------------------------------------------------------------------------------------------- */

static void with_options(int a, double b, const char *c, int8_t d, float e, long double f, uint64_t g, bool h)
{
    test_check(a == 1 && b == 2.5 && strcmp(c, "three") == 0 && d == -4 && e == 5.0f && f == 6.25L && g == 7 && h);
    shape_done();
}
static void few_with_options(void *a, int64_t b)
{
    test_check(a == &done && b == INT64_MIN);
    shape_done();
}
static int app_options(int argc, char **argv)
{
    (void)argc, (void)argv;
    const struct weft_go_options named = {.name = "named"}, large = {.name = "large", .stack_size = (size_t)1 << 20};
    for (int i = 0; i < 10; i++) {
        /* Conversions: int to double and to int8_t and so on, as in an ordinary call. */
        test_check(weft_go_with(named, with_options, 1, 2.5, "three", -4, 5, 6.25, 7, 8) == 0);
        test_check(weft_go_with(large, with_options, 1, 2.5f, "three", -4, 5, 6.25f, 7, 8) == 0);
        test_check(weft_go_with(named, few_with_options, (void *)&done, INT64_MIN) == 0);
        test_check(weft_go_with(large, few_with_options, (void *)&done, INT64_MIN) == 0);
        await(4);
    }
    return 0;
}

START_TEST(arguments_beside_options)
{
    test_run(app_options);
}
END_TEST

/* --- behind an ellipsis ---------------------------------------------------------------------------------------------- */

static char printed[200];
__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(printed, sizeof printed, format, list);
    va_end(list);
    shape_done();
}
static int app_variadic(int argc, char **argv)
{
    (void)argc, (void)argv;
    test_check(weft_go(print, "nothing") == 0);
    await(1);
    test_check(strcmp(printed, "nothing") == 0);
    test_check(weft_go(print, "%d %s %g %c %ld %.3f %x", -1, "two", 3.25, '4', -5L, 6.125, 7u) == 0);
    await(1);
    test_check(strcmp(printed, "-1 two 3.25 4 -5 6.125 7") == 0);
    test_check(weft_go(print, "%g %g %g %g %g %g %g", 1.5, 2.5f, 3.5, 4.5f, 5.5, 6.5f, 7.5) == 0);
    await(1);
    test_check(strcmp(printed, "1.5 2.5 3.5 4.5 5.5 6.5 7.5") == 0);
    return 0;
}

START_TEST(variadic_functions)
{
    test_run(app_variadic);
}
END_TEST

/* --- what the function returns, and pointers to functions ------------------------------------------------------------- */

static double returns_double(double x)
{
    test_check(x == 0.25);
    shape_done();
    return x;
}
static void *returns_pointer(int a, float b)
{
    test_check(a == 3 && b == 4.0f);
    shape_done();
    return printed;
}
/* The arguments are evaluated once each, in the caller, and the pointer too. */
static int evaluations;
static int evaluate(int x)
{
    evaluations++;
    return x;
}
static double (*pointer(void))(double)
{
    evaluations++;
    return returns_double;
}
static int app_results(int argc, char **argv)
{
    (void)argc, (void)argv;
    evaluations = 0;
    test_check(weft_go(returns_double, 0.25) == 0);
    test_check(weft_go(&returns_double, 0.25f) == 0);
    test_check(weft_go(pointer(), 0.25) == 0);
    test_check(weft_go(returns_pointer, evaluate(3), evaluate(4)) == 0);
    await(4);
    test_check(evaluations == 3);
    return 0;
}

START_TEST(results_are_dropped_and_operands_evaluated_once)
{
    test_run(app_results);
}
END_TEST

/* --- functions that never return: the spawn does ---------------------------------------------------------------------- */

static _Noreturn void leaves(void)
{
    shape_done();
    weft_exit();
}
__attribute__((noreturn)) static void leaves_with(int a, const char *b, double c)
{
    test_check(a == 1 && strcmp(b, "two") == 0 && c == 3.5);
    leaves();
}
__attribute__((noreturn)) static void leaves_with_six(int a, int b, int c, int d, int e, int64_t f)
{
    test_check(a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6);
    leaves();
}
static int app_noreturn(int argc, char **argv)
{
    (void)argc, (void)argv;
    int returned = 0;
    returned += weft_go(leaves) == 0;
    returned += weft_go(leaves_with, 1, (const char *)"two", 3.5) == 0;
    returned += weft_go(leaves_with_six, 1, 2, 3, 4, 5, (int64_t)6) == 0;
    returned += weft_go(weft_exit) == 0;
    await(3);
    test_check(returned == 4);
    return 0;
}

START_TEST(functions_that_never_return)
{
    test_run(app_noreturn);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched");
    TCase *cases = tcase_create("shapes");
    tcase_add_test(cases, arguments_of_every_shape);
    tcase_add_test(cases, arguments_from_a_plain_thread);
    tcase_add_test(cases, arguments_beside_options);
    tcase_add_test(cases, variadic_functions);
    tcase_add_test(cases, results_are_dropped_and_operands_evaluated_once);
    tcase_add_test(cases, functions_that_never_return);
    suite_add_tcase(suite, cases);
    return test_main(suite);
}

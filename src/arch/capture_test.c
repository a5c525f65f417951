/* SPDX-License-Identifier: Apache-2.0
 *
 * capture_test.c - carrying a call's arguments: what weft__arch_capture_all and _few store is what weft__arch_call_all and _few
 * hand to the function, for every signature of tests/shapes.h, with every register spoiled in between.
 *
 * A capture ends in weft__arch_captured, which belongs to the scheduler; here that symbol is taken over.
 * test-link: -Wl,--wrap=weft__arch_captured */
#define _GNU_SOURCE
#include <stdarg.h>
#include <sys/mman.h>

#include <weft/base.h>

#include "arch/arch.h"
#include "registers.h"
#include "shapes.h"

#define STACK_SIZE ((size_t)256 << 10)

void __wrap_weft__arch_captured(void);

static int captures, shapes_done;

void __wrap_weft__arch_captured(void)
{
    /* The frame that the compiler's call came from must be aligned here as after any call. */
    _Alignas(16) unsigned char local[16];
    uintptr_t address = (uintptr_t)local;
    __asm__ __volatile__("" : "+r"(address) : : "memory");
    test_check(address % 16 == 0);
    captures++;
}

static void shape_done(void)
{
    shapes_done++;
}

SHAPES(SHAPE_DEFINE)

/* Leave nothing of the capture in registers and stack words. */
static __attribute__((noinline)) void spoil(void)
{
    unsigned char below[1024];
    memset(below, 0x55, sizeof below);
    __asm__ __volatile__("" : : "r"(below) : "memory");
    registers_spoil();
}

/* One function per shape: capture the call and make it, several times. */
static struct weft__arguments arguments;
static void rearm(void)
{
    memset(&arguments, 0xaa, sizeof arguments);
    weft__arch_pending = &arguments;
}
#define CAPTURE(n, ...)                                                                                                \
    static void WEFT__CAT(capture_, SHAPE_NAME(__VA_ARGS__))(void)                                                     \
    {                                                                                                                  \
        __typeof__(&SHAPE_NAME(__VA_ARGS__)) routine = (__typeof__(routine))(void (*)(void))weft__arch_capture_all;    \
        rearm();                                                                                                       \
        routine(SHAPE_ARGUMENTS_##n(__VA_ARGS__));                                                                     \
        spoil();                                                                                                       \
        weft__arch_call_all((void (*)(void))SHAPE_NAME(__VA_ARGS__), &arguments);                                      \
    }
SHAPES(CAPTURE)

#define ENTRY(n, ...) WEFT__CAT(capture_, SHAPE_NAME(__VA_ARGS__)),
static void (*const capture_shapes[])(void) = {SHAPES(ENTRY)};
enum { SHAPE_COUNT = sizeof capture_shapes / sizeof capture_shapes[0] };

START_TEST(arguments_of_every_shape)
{
    for (shape_seed = 0; shape_seed < 100; shape_seed++)
        for (int i = 0; i < SHAPE_COUNT; i++)
            capture_shapes[i]();
    ck_assert_int_eq(captures, 100 * SHAPE_COUNT);
    ck_assert_int_eq(shapes_done, 100 * SHAPE_COUNT);
}
END_TEST

/* --- up to four integers --------------------------------------------------------------------------------------------- */

static int few_calls;
static void few_0(void)
{
    few_calls++;
}
static void few_1(int8_t a)
{
    test_check(a == -3);
    few_calls++;
}
static void few_2(void *a, bool b)
{
    test_check(a == &few_calls && b);
    few_calls++;
}
static void few_3(uint16_t a, int64_t b, unsigned c)
{
    test_check(a == 65535 && b == INT64_MIN && c == 4000000000u);
    few_calls++;
}
static void few_4(char a, short b, const char *c, uint64_t d)
{
    test_check(a == 'x' && b == -32768 && strcmp(c, "text") == 0 && d == UINT64_MAX - 1);
    few_calls++;
}

#define FEW(fn, ...)                                                                                                   \
    do {                                                                                                               \
        __typeof__(&fn) routine = (__typeof__(routine))(void (*)(void))weft__arch_capture_few;                         \
        rearm();                                                                                                       \
        routine(__VA_ARGS__);                                                                                          \
        /* It must leave alone what lies behind the four: a short record has no more room. */                          \
        test_check(arguments.integer[4] == UINT64_C(0xaaaaaaaaaaaaaaaa));                                              \
        spoil();                                                                                                       \
        weft__arch_call_few((void (*)(void))fn, arguments.integer);                                                    \
    } while (0)

START_TEST(up_to_four_integers)
{
    for (int i = 0; i < 10; i++) {
        FEW(few_0);
        FEW(few_1, -3);
        FEW(few_2, &few_calls, true);
        FEW(few_3, 65535, INT64_MIN, 4000000000u);
        FEW(few_4, 'x', -32768, "text", UINT64_MAX - 1);
    }
    ck_assert_int_eq(few_calls, 50);
    ck_assert_int_eq(captures, 50);
}
END_TEST

/* --- results --------------------------------------------------------------------------------------------------------- */

static int minus(int a)
{
    return -a;
}
static int64_t wide(int64_t a, const char *b)
{
    return a * (b[0] - '0');
}
static int from_mixed(int a, double b, float c, int64_t d)
{
    return a + (int)(b * 2) + (int)(c * 4) + (int)d;
}
static int from_stack(int a, int b, int c, int d, int e, int f, int g, int h)
{
    return ((((((a * 10 + b) * 10 + c) * 10 + d) * 10 + e) * 10 + f) * 10 + g) * 10 + h;
}

#define RESULT_OF(routine_, call_, fn, ...)                                                                            \
    __extension__({                                                                                                    \
        __typeof__(&fn) routine = (__typeof__(routine))(void (*)(void))(routine_);                                     \
        rearm();                                                                                                       \
        (void)routine(__VA_ARGS__);                                                                                    \
        spoil();                                                                                                       \
        call_((void (*)(void))fn, (void *)&arguments);                                                                 \
    })
#define RESULT_ALL(...) RESULT_OF(weft__arch_capture_all, weft__arch_call_all, __VA_ARGS__)
#define RESULT_FEW(...) RESULT_OF(weft__arch_capture_few, weft__arch_call_few, __VA_ARGS__)

START_TEST(integer_results)
{
    ck_assert_int_eq((int)RESULT_FEW(minus, 5), -5);
    ck_assert_int_eq((int)RESULT_FEW(minus, INT32_MAX), -INT32_MAX);
    ck_assert_int_eq((int64_t)RESULT_FEW(wide, -(INT64_C(1) << 40), "3"), -(INT64_C(3) << 40));
    ck_assert_int_eq((int)RESULT_ALL(minus, -7), 7);
    ck_assert_int_eq((int)RESULT_ALL(from_mixed, 1000, 50.0, 2.5f, -1), 1109);
    ck_assert_int_eq((int)RESULT_ALL(from_stack, 1, 2, 3, 4, 5, 6, 7, 8), 12345678);
    ck_assert_int_eq((int64_t)RESULT_ALL(wide, INT64_MAX / 4, "2"), INT64_MAX / 4 * 2);
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
}

static void check_variadic(int count, ...)
{
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        switch (i % 3) {
        case 0:
            test_check(va_arg(list, double) == i + 0.5);
            break;
        case 1:
            test_check(va_arg(list, int) == -i);
            break;
        default:
            test_check(va_arg(list, const char *) == (const char *)printed + i);
        }
    va_end(list);
    shapes_done++;
}

#define VARIADIC(fn, ...)                                                                                              \
    do {                                                                                                               \
        __typeof__(&fn) routine = (__typeof__(routine))(void (*)(void))weft__arch_capture_all;                         \
        rearm();                                                                                                       \
        routine(__VA_ARGS__);                                                                                          \
        spoil();                                                                                                       \
        weft__arch_call_all((void (*)(void))fn, &arguments);                                                           \
    } while (0)

START_TEST(variadic_functions)
{
    VARIADIC(print, "nothing");
    ck_assert_str_eq(printed, "nothing");
    VARIADIC(print, "%d %s %g %c %ld %.3f %x", -1, "two", 3.25, '4', -5L, 6.125, 7u);
    ck_assert_str_eq(printed, "-1 two 3.25 4 -5 6.125 7");
    VARIADIC(print, "%g %g %g %g %g %g %g", 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5);
    ck_assert_str_eq(printed, "1.5 2.5 3.5 4.5 5.5 6.5 7.5");
    VARIADIC(check_variadic, 0);
    VARIADIC(check_variadic, 3, 0.5, -1, (const char *)printed + 2);
    VARIADIC(check_variadic, 7, 0.5, -1, (const char *)printed + 2, 3.5, -4, (const char *)printed + 5, 6.5);
    ck_assert_int_eq(shapes_done, 3);
}
END_TEST

/* --- what the function returns --------------------------------------------------------------------------------------- */

static double returns_double(double x)
{
    test_check(x == 0.25);
    shapes_done++;
    return x;
}
static _Bool returns_bool(void)
{
    shapes_done++;
    return true;
}
static void *returns_pointer(void *p)
{
    test_check(p == printed);
    shapes_done++;
    return p;
}

START_TEST(results_are_dropped)
{
    VARIADIC(returns_double, 0.25);
    VARIADIC(returns_bool);
    VARIADIC(returns_pointer, printed);
    ck_assert_int_eq(shapes_done, 3);
}
END_TEST

/* --- at the end of a stack ------------------------------------------------------------------------------------------- */

/* A capture reads stack words whether there are any or not; behind the end of this stack is a page that cannot be read. */
static void *main_sp, *edge_sp;
static void capture_at_the_edge(void *value)
{
    void (*routine)(void *) = (void (*)(void *))(void (*)(void))weft__arch_capture_all;
    rearm();
    routine(value);
    weft__arch_switch(&edge_sp, main_sp, NULL);
    abort();
}

/* The same with nothing of its own on the stack. */
static void jump_at_the_edge(void *value)
{
    rearm();
    weft__arch_call_all((void (*)(void))capture_at_the_edge, &(struct weft__arguments){.integer = {(uintptr_t)value}});
}

/* ASan unpoisons the stack before a call that does not return, and must not be led to believe that this is the thread's. */
static char *edge_restart_top;
static __attribute__((no_sanitize("address"))) void restart_at_the_edge(void *value)
{
    weft__arch_restart(edge_restart_top, capture_at_the_edge, value);
}

START_TEST(a_capture_reads_nothing_beyond_the_stack)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = mmap(NULL, STACK_SIZE + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(base != MAP_FAILED);
    char *top = base + STACK_SIZE;
    ck_assert_int_eq(mprotect(top, page, PROT_NONE), 0);
    void (*const entries[])(void *) = {capture_at_the_edge, jump_at_the_edge, restart_at_the_edge};
    edge_restart_top = top;
    for (int i = 0; i < 3; i++) {
        edge_sp = weft__arch_prepare(top, entries[i]);
        weft__arch_switch(&main_sp, edge_sp, &edge_sp);
        ck_assert_uint_eq(arguments.integer[0], (uintptr_t)&edge_sp);
    }
    ck_assert_int_eq(captures, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arch");
    TCase *cases = tcase_create("capture");
    tcase_add_test(cases, arguments_of_every_shape);
    tcase_add_test(cases, up_to_four_integers);
    tcase_add_test(cases, integer_results);
    tcase_add_test(cases, variadic_functions);
    tcase_add_test(cases, results_are_dropped);
    tcase_add_test(cases, a_capture_reads_nothing_beyond_the_stack);
    suite_add_tcase(suite, cases);
    return test_main(suite);
}

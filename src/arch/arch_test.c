/* SPDX-License-Identifier: Apache-2.0
 *
 * arch_test.c - the context switch: what it keeps (L-02), alignment, prepare and restart. Nothing of the scheduler runs. */
#define _GNU_SOURCE
#include <fenv.h>
#include <pthread.h>
#include <sys/mman.h>

#include "arch/arch.h"
#include "registers.h"
#include "support.h"

#define STACK_SIZE ((size_t)256 << 10)

static void *main_sp; /* where a context goes back to */

/* The end of a new stack with an inaccessible page at either side. */
static char *new_stack(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = mmap(NULL, STACK_SIZE + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert(base != MAP_FAILED);
    ck_assert_int_eq(mprotect(base + page, STACK_SIZE, PROT_READ | PROT_WRITE), 0);
    return base + page + STACK_SIZE;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ (x >> 29);
}

/* --- values and turns ------------------------------------------------------------------------------------------------ */

static void *echo_sp;
static void echo(void *value)
{
    for (;;)
        value = weft__arch_switch(&echo_sp, main_sp, (char *)value + 1);
}

START_TEST(values_go_both_ways_a_million_times)
{
    echo_sp = weft__arch_prepare(new_stack(), echo);
    int turns = test_iterations(1000000);
    for (int i = 0; i < turns; i++) {
        char *sent = (char *)0x10000 + i;
        test_check(weft__arch_switch(&main_sp, echo_sp, sent) == sent + 1);
    }
}
END_TEST

/* --- L-02: registers ------------------------------------------------------------------------------------------------- */

enum { RING = 5 };
static void *ring_sp[RING];
static int ring_turns;

/* Hand the turn round the ring, each time with other patterns in every callee-saved register. */
static void ring_member(int self)
{
    uint64_t random = (uint64_t)self, in[REGISTERS], out[REGISTERS];
    for (int turn = 0; turn < ring_turns; turn++) {
        for (int i = 0; i < REGISTERS; i++) {
            in[i] = next_random(&random);
            out[i] = ~in[i];
        }
        registers_through(&ring_sp[self], ring_sp[(self + 1) % RING], in, out);
        for (int i = 0; i < REGISTERS; i++)
            test_check(in[i] == out[i]);
    }
}
static void ring_entry(void *value)
{
    static int started;
    (void)value;
    int self = ++started;
    ring_member(self);
    weft__arch_switch(&ring_sp[self], ring_sp[(self + 1) % RING], NULL);
    abort();
}

START_TEST(l02_callee_saved_registers)
{
    ring_turns = test_iterations(200000);
    for (int i = 1; i < RING; i++)
        ring_sp[i] = weft__arch_prepare(new_stack(), ring_entry);
    ring_member(0);
}
END_TEST

/* More values alive across a call than there are registers, chosen by the compiler. */
static __attribute__((noinline)) uint64_t many_live_values(uint64_t seed, int rounds, void (*between)(void))
{
    uint64_t a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 11, f = seed * 13, g = seed * 17,
             h = seed * 19;
    uint64_t k = seed ^ 1, l = seed ^ 2, m = seed ^ 3;
    double p = 1, q = 2, r = 3, s = 4, t = 5, u = 6, v = 7, w = 8, x = 9, y = 10;
    for (int i = 0; i < rounds; i++) {
        a += b ^ m, b += c, c ^= d + a, d += e, e ^= f, f += g ^ e, g += h, h ^= a, k += l, l ^= m + k, m += a;
        p += q * 0.5, q -= r * 0.25, r += s / 3, s -= t, t += u * 0.125, u -= v, v += w, w -= x / 7, x += y, y -= p;
        between();
    }
    double sum = p + q + r + s + t + u + v + w + x + y;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return a + b + c + d + e + f + g + h + k + l + m + bits;
}

static void *pair_sp[2];
static int pair_self;
static void pair_switch(void)
{
    int self = pair_self;
    pair_self = 1 - self;
    weft__arch_switch(&pair_sp[self], pair_sp[1 - self], NULL);
}
static void nothing(void)
{
}
static void pair_entry(void *value)
{
    (void)value;
    for (;;)
        test_check(many_live_values(99, 1000, pair_switch) == many_live_values(99, 1000, nothing));
}

START_TEST(l02_live_values_of_compiled_code)
{
    pair_sp[1] = weft__arch_prepare(new_stack(), pair_entry);
    for (int i = 0; i < test_iterations(100); i++)
        test_check(many_live_values((uint64_t)i, 777, pair_switch) == many_live_values((uint64_t)i, 777, nothing));
}
END_TEST

/* --- L-02: floating-point control ------------------------------------------------------------------------------------ */

/* Hidden from the compiler, which takes the rounding mode for a constant. */
static __attribute__((noinline)) double quotient(double a, double b)
{
    __asm__ __volatile__("" : "+m"(a), "+m"(b));
    double c = a / b;
    __asm__ __volatile__("" : "+m"(c));
    return c;
}
static __attribute__((noinline)) long double long_quotient(long double a, long double b)
{
    __asm__ __volatile__("" : "+m"(a), "+m"(b));
    long double c = a / b;
    __asm__ __volatile__("" : "+m"(c));
    return c;
}

static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
static double quotients[4]; /* of 2 by 3: up is larger than the others */
static long double long_quotients[4];

static void check_mode(int mode)
{
    test_check(fegetround() == modes[mode]);
    test_check(quotient(2, 3) == quotients[mode]);
    test_check(long_quotient(2, 3) == long_quotients[mode]);
}

static void learn_modes(void)
{
    for (int mode = 0; mode < 4; mode++) {
        ck_assert_int_eq(fesetround(modes[mode]), 0);
        quotients[mode] = quotient(2, 3);
        long_quotients[mode] = long_quotient(2, 3);
    }
    ck_assert_int_eq(fesetround(FE_TONEAREST), 0);
    ck_assert(quotients[1] > quotients[2] && long_quotients[1] > long_quotients[2]);
}

static void *mode_sp[4];
static void mode_entry(void *value)
{
    int mode = (int)(intptr_t)value;
    check_mode(0); /* as its maker had it */
    fesetround(modes[mode]);
    for (;;) {
        weft__arch_switch(&mode_sp[mode], main_sp, NULL);
        check_mode(mode);
    }
}

START_TEST(l02_rounding_mode_belongs_to_the_context)
{
    learn_modes();
    for (intptr_t mode = 0; mode < 4; mode++) {
        mode_sp[mode] = weft__arch_prepare(new_stack(), mode_entry);
        weft__arch_switch(&main_sp, mode_sp[mode], (void *)mode);
        check_mode(0);
    }
    uint64_t random = 1;
    for (int i = 0; i < test_iterations(20000); i++) {
        int mine = (int)(next_random(&random) % 4), other = (int)(next_random(&random) % 4);
        fesetround(modes[mine]);
        weft__arch_switch(&main_sp, mode_sp[other], NULL);
        check_mode(mine);
    }
}
END_TEST

static void *inherited_sp;
static void inherited_entry(void *value)
{
    check_mode((int)(intptr_t)value);
    weft__arch_switch(&inherited_sp, main_sp, NULL);
    abort();
}

START_TEST(l02_prepare_inherits_rounding_mode)
{
    learn_modes();
    for (intptr_t mode = 0; mode < 4; mode++) {
        fesetround(modes[mode]);
        inherited_sp = weft__arch_prepare(new_stack(), inherited_entry);
        fesetround(FE_TONEAREST);
        weft__arch_switch(&main_sp, inherited_sp, (void *)mode);
        check_mode(0);
    }
}
END_TEST

#ifdef __x86_64__
/* A flag that one context raised, masked there, must not trap in another that has it unmasked. */
static void *flagged_sp;
static void raise_flags(void *value)
{
    (void)value;
    for (;;) {
        test_check(fegetexcept() == 0);
        long_quotient(1, 0);
        quotient(1, 0);
        test_check(fetestexcept(FE_DIVBYZERO) != 0);
        weft__arch_switch(&flagged_sp, main_sp, NULL);
    }
}

START_TEST(l02_flags_of_another_context_do_not_trap)
{
    flagged_sp = weft__arch_prepare(new_stack(), raise_flags);
    feclearexcept(FE_ALL_EXCEPT);
    ck_assert_int_eq(feenableexcept(FE_DIVBYZERO), 0);
    for (int i = 0; i < 100; i++) {
        weft__arch_switch(&main_sp, flagged_sp, NULL);
        test_check(fegetexcept() == FE_DIVBYZERO);
        test_check(long_quotient(6, 3) == 2 && quotient(6, 3) == 2);
    }
}
END_TEST

START_TEST(l02_exception_masks_belong_to_the_context)
{
    flagged_sp = weft__arch_prepare(new_stack(), raise_flags);
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(FE_DIVBYZERO);
    weft__arch_switch(&main_sp, flagged_sp, NULL);
    quotient(1, 0); /* SIGFPE is what this test expects */
}
END_TEST
#endif

/* --- L-02: alignment, prepare, restart ------------------------------------------------------------------------------- */

static void check_alignment(void)
{
    _Alignas(16) unsigned char local[32];
    uintptr_t address = (uintptr_t)local;
    /* The compiler must not conclude from the type what is to be seen. */
    __asm__ __volatile__("" : "+r"(address) : : "memory");
    test_check(address % 16 == 0);
#ifdef __x86_64__
    __asm__ __volatile__("xorps %%xmm0, %%xmm0\n movaps %%xmm0, %0" : "=m"(*(__int128 *)local) : : "xmm0");
#endif
}

static void *aligned_sp;
static void aligned_entry(void *value)
{
    check_alignment();
    weft__arch_switch(&aligned_sp, main_sp, value);
    abort();
}

START_TEST(l02_alignment_at_entry)
{
    for (intptr_t i = 0; i < 64; i++) {
        char *top = new_stack() - i;
        aligned_sp = weft__arch_prepare(top, aligned_entry);
        ck_assert_uint_eq((uintptr_t)aligned_sp % 16, 0);
        ck_assert((char *)aligned_sp < top);
        ck_assert_ptr_eq(weft__arch_switch(&main_sp, aligned_sp, (void *)i), (void *)i);
        ck_assert_uint_eq((uintptr_t)aligned_sp % 16, 0);
    }
}
END_TEST

static char *restart_top;
static void *restart_sp, *restart_frame;
static int restarts, restarts_wanted;
static void restarted(void *value)
{
    void *frame = __builtin_frame_address(0);
    check_alignment();
    test_check(value == (void *)(intptr_t)restarts);
    /* Nothing is left on the stack from one turn to the next. */
    test_check(restarts < 2 || frame == restart_frame);
    restart_frame = frame;
    if (restarts++ < restarts_wanted)
        weft__arch_restart(restart_top - (restarts % 16), restarted, (void *)(intptr_t)restarts);
    weft__arch_switch(&restart_sp, main_sp, value);
    abort();
}

START_TEST(restart_begins_again_on_the_same_stack)
{
    restarts_wanted = test_iterations(100000);
    restart_top = new_stack();
    restart_top -= 16; /* so that every turn's top rounds down to the same place */
    restart_sp = weft__arch_prepare(restart_top, restarted);
    restart_top += 15;
    weft__arch_switch(&main_sp, restart_sp, NULL);
    ck_assert_int_eq(restarts, restarts_wanted + 1);
}
END_TEST

/* --- another thread -------------------------------------------------------------------------------------------------- */

static void *thread_sp, *wanderer_sp;
static pthread_t wanderer_seen[3];

/* pthread_self is declared const: called directly, it would be asked once and for all (L-01). */
static __attribute__((noinline)) void see_thread(pthread_t *seen)
{
    *seen = pthread_self();
    __asm__ __volatile__("" : : : "memory");
}
static void wanderer(void *value)
{
    (void)value;
    uint64_t in[REGISTERS], out[REGISTERS], random = 7;
    fesetround(FE_UPWARD);
    for (int i = 0;; i++) {
        see_thread(&wanderer_seen[i]);
        for (int r = 0; r < REGISTERS; r++)
            in[r] = next_random(&random);
        memset(out, 0, sizeof out);
        registers_through(&wanderer_sp, thread_sp, in, out);
        test_check(memcmp(in, out, sizeof in) == 0);
        check_mode(1);
    }
}
static void *wander(void *unused)
{
    (void)unused;
    weft__arch_switch(&thread_sp, wanderer_sp, NULL);
    check_mode(0);
    return NULL;
}

START_TEST(a_context_goes_on_in_another_thread)
{
    learn_modes();
    wanderer_sp = weft__arch_prepare(new_stack(), wanderer);
    wander(NULL);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, wander, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    wander(NULL);
    ck_assert(pthread_equal(wanderer_seen[0], pthread_self()));
    ck_assert(pthread_equal(wanderer_seen[1], thread));
    ck_assert(pthread_equal(wanderer_seen[2], pthread_self()));
}
END_TEST

/* --- waiting --------------------------------------------------------------------------------------------------------- */

static void *waiter_sp[2];

static bool hop(void *first, void *second)
{
    int self = *(const int *)first;
    uint64_t *turns = second, turn = ++*turns;
    weft__arch_switch(&waiter_sp[self], waiter_sp[1 - self], NULL);
    test_check(turn == *turns);
    return turn % 2 != 0;
}

/* From two places: the other one was left sometimes at the same place, sometimes at another, and so are both ways to return. */
static void wait_here_and_there(int self, int turns, int there)
{
    uint64_t mine = 0, random = (uint64_t)self, same = (uint64_t)self;
    for (int i = 0; i < turns; i++) {
        uint64_t a = next_random(&random), b = next_random(&random), c = next_random(&random);
        bool odd = i % there != 0 ? weft__arch_wait(&self, &mine, hop) : !weft__arch_wait(&self, &mine, hop);
        test_check(odd == ((mine % 2 != 0) == (i % there != 0)));
        /* a, b and c have lived in registers meanwhile. */
        test_check(a == next_random(&same) && b == next_random(&same) && c == next_random(&same));
    }
    test_check(mine == (uint64_t)turns);
}
static void waiter(void *value)
{
    (void)value;
    for (;;)
        wait_here_and_there(1, 1000, 3);
}

START_TEST(a_wait_returns_to_where_it_was_called)
{
    waiter_sp[1] = weft__arch_prepare(new_stack(), waiter);
    wait_here_and_there(0, test_iterations(100000), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arch");
    TCase *cases = tcase_create("switch");
    tcase_add_test(cases, values_go_both_ways_a_million_times);
    tcase_add_test(cases, l02_callee_saved_registers);
    tcase_add_test(cases, l02_live_values_of_compiled_code);
    tcase_add_test(cases, l02_rounding_mode_belongs_to_the_context);
    tcase_add_test(cases, l02_prepare_inherits_rounding_mode);
#ifdef __x86_64__
    tcase_add_test(cases, l02_flags_of_another_context_do_not_trap);
    if (!TEST_ASAN && !TEST_TSAN) /* they have handlers of their own */
        tcase_add_test_raise_signal(cases, l02_exception_masks_belong_to_the_context, SIGFPE);
#endif
    tcase_add_test(cases, l02_alignment_at_entry);
    tcase_add_test(cases, restart_begins_again_on_the_same_stack);
    tcase_add_test(cases, a_context_goes_on_in_another_thread);
    tcase_add_test(cases, a_wait_returns_to_where_it_was_called);
    suite_add_tcase(suite, cases);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_test.c - the call frame information of arch.S: backtraces in a context, of a suspended context, and (x86_64, by
 * single-stepping) at every instruction of the switch and of the routines that carry arguments.
 *
 * Each function of a chain records the address that it returns to, which a backtrace must then show, in order, up to
 * weft__arch_start and no further. With the argument "walk" the program runs for tests/gdb_walk.sh. */
#define _GNU_SOURCE
#include <execinfo.h>
#include <fenv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "arch/arch.h"
#include "support.h"

#define STACK_SIZE ((size_t)256 << 10)
#define TRACE_MAX 64

/* A context and its chain of functions, the innermost last. */
struct chain {
    void *sp;
    struct chain *next;                   /* whom step() hands the turn to */
    void *entry, *outer, *middle, *inner; /* what each returns to; entry's is weft__arch_start */
};

static void *main_sp;

#define RETURN_ADDRESS() __builtin_extract_return_addr(__builtin_return_address(0))
/* Keeps a call from becoming a jump. */
#define STAY() __asm__ __volatile__("" : : : "memory")
#define DIFFER(number) __asm__ __volatile__("" : : "i"(number))

static char *new_stack(void)
{
    char *base = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) /* not an assertion: "walk" runs without libcheck */
        abort();
    return base + STACK_SIZE;
}

/* Where in a trace a chain's frames are, or -1. They must be its last ones. */
static int find_chain(const struct chain *chain, void *const *trace, int count)
{
    const void *wanted[] = {chain->inner, chain->middle, chain->outer, chain->entry};
    for (int i = 0; i + 4 <= count; i++)
        if (trace[i] == wanted[0])
            return memcmp(&trace[i], wanted, sizeof wanted) == 0 && i + 4 == count ? i : -1;
    return -1;
}

/* --- the chain ------------------------------------------------------------------------------------------------------- */

static void (*at_the_end)(struct chain *self);

/* Twice, since a trace tells two contexts apart only by the functions in it. The number keeps compilers from making one
 * function of two equal ones. */
#define CHAIN(name, number)                                                                                            \
    static __attribute__((noinline)) void name##_inner(struct chain *self)                                             \
    {                                                                                                                  \
        self->inner = RETURN_ADDRESS();                                                                                \
        DIFFER(number);                                                                                                \
        at_the_end(self);                                                                                              \
        STAY();                                                                                                        \
    }                                                                                                                  \
    static __attribute__((noinline)) void name##_middle(struct chain *self)                                            \
    {                                                                                                                  \
        self->middle = RETURN_ADDRESS();                                                                               \
        DIFFER(number);                                                                                                \
        name##_inner(self);                                                                                            \
        STAY();                                                                                                        \
    }                                                                                                                  \
    static __attribute__((noinline)) void name##_outer(struct chain *self)                                             \
    {                                                                                                                  \
        self->outer = RETURN_ADDRESS();                                                                                \
        DIFFER(number);                                                                                                \
        name##_middle(self);                                                                                           \
        STAY();                                                                                                        \
    }                                                                                                                  \
    static void name##_entry(void *value)                                                                              \
    {                                                                                                                  \
        struct chain *self = value;                                                                                    \
        self->entry = RETURN_ADDRESS();                                                                                \
        DIFFER(number);                                                                                                \
        for (;;) {                                                                                                     \
            name##_outer(self);                                                                                        \
            STAY();                                                                                                    \
        }                                                                                                              \
    }
CHAIN(first, 1)
CHAIN(second, 2)

static void start_chain(struct chain *chain, void (*entry)(void *))
{
    chain->sp = weft__arch_prepare(new_stack(), entry);
    weft__arch_switch(&main_sp, chain->sp, chain);
}

static __attribute__((noinline)) void back_to_main(struct chain *self)
{
    weft__arch_switch(&self->sp, main_sp, NULL);
    STAY();
}

/* --- backtraces ------------------------------------------------------------------------------------------------------ */

static int seen_at, seen_count;
static __attribute__((noinline)) void trace_here(struct chain *self)
{
    void *trace[TRACE_MAX];
    seen_count = backtrace(trace, TRACE_MAX);
    seen_at = find_chain(self, trace, seen_count);
    weft__arch_switch(&self->sp, main_sp, NULL);
}

START_TEST(backtrace_in_a_context_ends_at_its_start)
{
    static struct chain chain;
    at_the_end = trace_here;
    start_chain(&chain, first_entry);
    ck_assert_int_ge(seen_at, 1);
    ck_assert_int_eq(seen_count, seen_at + 4);
}
END_TEST

/* As trace_here, with weft__arch_call_all in between. */
static struct chain *called_self;
static void trace_called(void)
{
    void *trace[TRACE_MAX];
    seen_count = backtrace(trace, TRACE_MAX);
    seen_at = find_chain(called_self, trace, seen_count);
    STAY();
}
static __attribute__((noinline)) void trace_through_call_all(struct chain *self)
{
    static const struct weft__arguments none;
    called_self = self;
    weft__arch_call_all(trace_called, &none);
    weft__arch_switch(&self->sp, main_sp, NULL);
}

START_TEST(backtrace_through_call_all)
{
    static struct chain chain;
    at_the_end = trace_through_call_all;
    start_chain(&chain, first_entry);
    ck_assert_int_ge(seen_at, 2);
}
END_TEST

static char *restart_top;
static void *restarted_returns_to;
static void restarted(void *value)
{
    void *trace[TRACE_MAX];
    (void)value;
    restarted_returns_to = RETURN_ADDRESS();
    seen_count = backtrace(trace, TRACE_MAX);
    for (seen_at = 0; seen_at < seen_count && trace[seen_at] != restarted_returns_to; seen_at++)
        ;
    weft__arch_switch(&main_sp, main_sp, NULL);
}
static __attribute__((noinline)) void leave_for_good(struct chain *self)
{
    weft__arch_restart(restart_top, restarted, self);
}

START_TEST(backtrace_after_a_restart_ends_there)
{
    static struct chain chain;
    at_the_end = leave_for_good;
    restart_top = new_stack();
    /* Something that looks like a return address, should an unwinder take it for one. */
    for (int i = 1; i <= 64; i++)
        ((void **)restart_top)[-i] = (void *)((char *)back_to_main + 1);
    chain.sp = weft__arch_prepare(restart_top, first_entry);
    weft__arch_switch(&main_sp, chain.sp, &chain);
    ck_assert_int_ge(seen_at, 1);
    ck_assert_int_eq(seen_at, seen_count - 1);
}
END_TEST

/* --- inspection ------------------------------------------------------------------------------------------------------ */

static void *inspected[TRACE_MAX];
static int inspected_count;
static void take_trace(void *argument)
{
    test_check(argument == &inspected_count);
    inspected_count = backtrace(inspected, TRACE_MAX);
    STAY();
}

START_TEST(inspect_shows_the_suspended_frames)
{
    static struct chain chains[3];
    at_the_end = back_to_main;
    for (int i = 0; i < 3; i++)
        start_chain(&chains[i], i % 2 ? second_entry : first_entry);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 3; i++) {
            void *sp = chains[i].sp;
            weft__arch_inspect(sp, take_trace, &inspected_count);
            ck_assert_ptr_eq(chains[i].sp, sp);
            int at = find_chain(&chains[i], inspected, inspected_count);
            /* Before it: take_trace, weft__arch_inspect in place of the switch, back_to_main, the inner function. */
            ck_assert_int_ge(at, 4);
            ck_assert((char *)inspected[at - 3] > (char *)weft__arch_inspect &&
                      (char *)inspected[at - 3] < (char *)weft__arch_prepare);
            ck_assert((char *)inspected[at - 2] > (char *)back_to_main &&
                      (char *)inspected[at - 2] < (char *)back_to_main + 1024);
            /* It is still what it was, and goes on. */
            weft__arch_switch(&main_sp, chains[i].sp, NULL);
        }
}
END_TEST

START_TEST(inspect_of_a_context_that_never_ran)
{
    static struct chain chain;
    at_the_end = back_to_main;
    chain.sp = weft__arch_prepare(new_stack(), first_entry);
    weft__arch_inspect(chain.sp, take_trace, &inspected_count);
    ck_assert_int_ge(inspected_count, 2);
    weft__arch_switch(&main_sp, chain.sp, &chain);
    /* The start's own byte stands before the call that entry returns to. */
    char *last = inspected[inspected_count - 1];
    ck_assert(last < (char *)chain.entry && last > (char *)chain.entry - 16);
}
END_TEST

/* --- every instruction ----------------------------------------------------------------------------------------------- */

#ifdef __x86_64__
static bool single_step; /* wanted at present */
static int steps, steps_of[2];
static struct chain stepped[2];
static uintptr_t step_first,
    step_last; /* stepping goes on until the code after step_last is reached, or ever so long */

static void set_trap_flag(void)
{
    /* Below the red zone. */
    __asm__ __volatile__("lea -128(%%rsp), %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp"
                         :
                         :
                         : "memory", "cc");
}

static void on_trap(int signal, siginfo_t *info, void *machine_context)
{
    (void)signal, (void)info;
    ucontext_t *machine = machine_context;
    uintptr_t pc = (uintptr_t)machine->uc_mcontext.gregs[REG_RIP];
    if (pc < step_first || pc >= step_last) {
        if (steps > 0 && !single_step)
            machine->uc_mcontext.gregs[REG_EFL] &= ~0x100;
        return;
    }
    void *trace[TRACE_MAX];
    int count = backtrace(trace, TRACE_MAX);
    int found = 0;
    for (int i = 0; i < 2; i++)
        if (find_chain(&stepped[i], trace, count) >= 0) {
            found++;
            steps_of[i]++;
        }
    if (found != 1)
        ck_abort_msg("at weft__arch_switch + %ld a backtrace ends in %d of the two contexts",
                     (long)(pc - (uintptr_t)weft__arch_switch), found);
    steps++;
}

static void arm(uintptr_t first, uintptr_t last)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    void *trace[TRACE_MAX];
    backtrace(trace, TRACE_MAX); /* it loads a library the first time */
    step_first = first;
    step_last = last;
    sigaction(SIGTRAP, &action, NULL);
}

/* The two chains hand the turn to each other, each time in single steps. They round differently, so that the instructions
 * that load the control words are seen, too. */
static int turns;
static __attribute__((noinline)) void step_to_the_other(struct chain *self)
{
    if (!self->next) { /* both are to be suspended in here first */
        self->next = self == &stepped[0] ? &stepped[1] : &stepped[0];
        fesetround(self == &stepped[0] ? FE_UPWARD : FE_DOWNWARD);
        weft__arch_switch(&self->sp, main_sp, NULL);
    }
    while (turns-- > 0) {
        single_step = true;
        set_trap_flag();
        weft__arch_switch(&self->sp, self->next->sp, NULL);
        single_step = false;
    }
    weft__arch_switch(&self->sp, main_sp, NULL);
    STAY();
}

START_TEST(backtrace_at_every_instruction_of_the_switch)
{
    at_the_end = step_to_the_other;
    start_chain(&stepped[0], first_entry);
    start_chain(&stepped[1], second_entry);
    arm((uintptr_t)weft__arch_switch, (uintptr_t)weft__arch_inspect);
    turns = 10;
    weft__arch_switch(&main_sp, stepped[0].sp, NULL);
    signal(SIGTRAP, SIG_DFL);
    /* More than thirty instructions each time, some in one context and some in the other. */
    ck_assert_int_ge(steps, 10 * 30);
    ck_assert_int_ge(steps_of[0], 10 * 10);
    ck_assert_int_ge(steps_of[1], 10 * 10);
}
END_TEST

static void no_arguments(void)
{
}
static void inspect_nothing(void *argument)
{
    (void)argument;
}
static __attribute__((noinline)) void step_through_the_others(struct chain *self)
{
    static struct weft__arguments arguments;
    if (!self->next) {
        self->next = self == &stepped[0] ? &stepped[1] : &stepped[0];
        weft__arch_switch(&self->sp, main_sp, NULL);
    }
    char *top = new_stack();
    single_step = true;
    set_trap_flag();
    weft__arch_call_all(no_arguments, &arguments);
    weft__arch_call_few(no_arguments, arguments.integer);
    weft__arch_prepare(top, first_entry);
    weft__arch_inspect(self->next->sp, inspect_nothing, NULL);
    single_step = false;
    weft__arch_switch(&self->sp, main_sp, NULL);
    STAY();
}

START_TEST(backtrace_at_every_instruction_of_the_others)
{
    at_the_end = step_through_the_others;
    start_chain(&stepped[0], first_entry);
    start_chain(&stepped[1], second_entry);
    /* To the end of arch.S; if other code follows within these bytes, the same is true there. */
    arm((uintptr_t)weft__arch_inspect, (uintptr_t)weft__arch_call_all + 256);
    weft__arch_switch(&main_sp, stepped[0].sp, NULL);
    signal(SIGTRAP, SIG_DFL);
    ck_assert_int_ge(steps_of[0], 30);
    ck_assert_int_ge(steps_of[1], 2); /* within inspect, the other's frames are the ones */
}
END_TEST
#endif

/* --- main ------------------------------------------------------------------------------------------------------------ */

/* For the debugger: two contexts hand the turn to each other; names that the script looks for. */
static struct chain walked[2];
static __attribute__((noinline)) void walk_to_the_other(struct chain *self)
{
    struct chain *other = self == &walked[0] ? &walked[1] : &walked[0];
    weft__arch_switch(&self->sp, other->sp, other);
    STAY();
}
static int walk(void)
{
    at_the_end = walk_to_the_other;
    walked[1].sp = weft__arch_prepare(new_stack(), second_entry);
    walked[0].sp = weft__arch_prepare(new_stack(), first_entry);
    weft__arch_switch(&main_sp, walked[0].sp, &walked[0]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "walk") == 0)
        return walk();

    Suite *suite = suite_create("arch");
    TCase *cases = tcase_create("unwind");
    tcase_add_test(cases, backtrace_in_a_context_ends_at_its_start);
    tcase_add_test(cases, backtrace_through_call_all);
    tcase_add_test(cases, backtrace_after_a_restart_ends_there);
    tcase_add_test(cases, inspect_shows_the_suspended_frames);
    tcase_add_test(cases, inspect_of_a_context_that_never_ran);
#ifdef __x86_64__
    if (!TEST_ASAN && !TEST_TSAN) { /* their handlers would be stepped through */
        tcase_add_test(cases, backtrace_at_every_instruction_of_the_switch);
        tcase_add_test(cases, backtrace_at_every_instruction_of_the_others);
    }
#endif
    suite_add_tcase(suite, cases);
    return test_main(suite);
}

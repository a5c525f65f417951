/* SPDX-License-Identifier: Apache-2.0
 *
 * tools.c - see tools.h. Sources: compiler-rt's tsan_interface.h and common_interface_defs.h, Valgrind's manual 3.9.
 *
 * TSan: a fiber for each goroutine from its first run to its end. The switch synchronises (flag 0), because the commit step
 * of a park runs on the next context and lets go of locks on behalf of the one that parked. Not so in weft_race (race.h), whose
 * own synchronisation TSan does not see.
 * ASan: the two halves of a switch; a goroutine that dies frees its fake stack. A stack that is used again is
 * unpoisoned first: weft_exit and cut-off goroutines leave frames that nobody returned from.
 * Valgrind: each stack is registered when it is made. */
#include "sched/tools.h"

#include "sched/race.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#define WEAK __attribute__((weak))
/* Between the two halves of a switch nothing may be instrumented: clang marks function entries even under no_sanitize. */
#ifdef __clang__
#define UNINSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#else
#define UNINSTRUMENTED __attribute__((no_sanitize("thread", "address")))
#endif
#ifdef WEFT_RACE_REPORTS
#define SWITCH WEFT__SWITCH_WITHOUT_ORDER
#else
#define SWITCH 0
#endif
WEAK void *__tsan_get_current_fiber(void);
WEAK void *__tsan_create_fiber(unsigned flags);
WEAK void __tsan_destroy_fiber(void *fiber);
WEAK void __tsan_switch_to_fiber(void *fiber, unsigned flags);
WEAK void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
WEAK void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old, size_t *size_old);
WEAK void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

WEFT__ATOMIC(uint32_t) weft__extras;
bool weft__tools_active, weft__tools_threads;
static bool has_tsan, has_asan, tools_known;

void weft__tools_init(void)
{
    if (tools_known)
        return; /* machines that an earlier run lost may read them */
    tools_known = true;
    has_tsan = __tsan_create_fiber != NULL;
    has_asan = __sanitizer_start_switch_fiber != NULL && __asan_unpoison_memory_region != NULL;
    weft__tools_threads = has_tsan;
    weft__tools_active = has_tsan || has_asan;
    if (weft__tools_active)
        weft__or_acq_rel(&weft__extras, EXTRA_TOOLS); /* published by the start of the machines */
}

void weft__tools_machine_init(struct tools_machine *machine)
{
    if (has_tsan)
        machine->fiber = __tsan_get_current_fiber();
    weft__race_machine();
}

/* low ends where the frames of a fresh context begin. */
static size_t usable(const struct goroutine *g)
{
    return (size_t)((const char *)g - g->stack_low);
}

void weft__tools_goroutine_start(struct goroutine *g)
{
#ifdef WEFT_RACE_REPORTS
    weft__race_begin(g);
#else
    if (has_tsan)
        g->fiber = __tsan_create_fiber(0);
#endif
    if (has_asan)
        __asan_unpoison_memory_region(g->stack_low, usable(g));
    g->fake_stack = NULL;
}

void weft__tools_goroutine_end(struct goroutine *g)
{
    if (has_tsan && g->fiber != NULL)
        __tsan_destroy_fiber(g->fiber);
    g->fiber = NULL;
}

UNINSTRUMENTED void weft__tools_leave(struct tools_machine *machine, struct goroutine *from, struct goroutine *to,
                                      bool dying)
{
    if (has_asan) {
        void **save = from != NULL ? &from->fake_stack : &machine->fake_stack;
        __sanitizer_start_switch_fiber(dying ? NULL : save, to != NULL ? to->stack_low : machine->stack_low,
                                       to != NULL ? usable(to) : machine->stack_size);
    }
    if (has_tsan)
        __tsan_switch_to_fiber(to != NULL ? to->fiber : machine->fiber, SWITCH);
}

UNINSTRUMENTED void weft__tools_arrive(struct tools_machine *machine, struct goroutine *self)
{
    if (!has_asan)
        return;
    const void *low;
    size_t size;
    __sanitizer_finish_switch_fiber(self != NULL ? self->fake_stack : machine->fake_stack, &low, &size);
    /* The first switch of a machine tells where its own stack is. */
    if (machine->stack_low == NULL && self != NULL) {
        machine->stack_low = low;
        machine->stack_size = size;
    }
}

void weft__tools_stack_register(char *low, struct goroutine *g)
{
    (void)low, (void)g; /* not every processor's valgrind.h looks at them */
#ifdef VALGRIND_STACK_REGISTER
    (void)VALGRIND_STACK_REGISTER(low, g);
#endif
}

void weft__tools_stack_forget(struct goroutine *g)
{
    if (has_asan)
        __asan_unpoison_memory_region(g->stack_low, usable(g));
}

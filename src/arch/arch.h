/* SPDX-License-Identifier: Apache-2.0
 *
 * arch.h - what the processor is asked for: a context switch, and carrying a call's arguments.
 *
 * Each src/arch/<processor>/ has arch.S with the routines below and layout.h with their sizes. A suspended context is one
 * stack pointer; the callee-saved registers and the floating-point control state lie on the suspended stack.
 *
 * Nothing here knows of goroutines. The routines carry call frame information: a debugger walks through a running
 * switch, and a backtrace taken inside weft__arch_inspect walks the suspended stack. */
#ifndef WEFT_ARCH_H
#define WEFT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__LP64__)
#include "x86_64/layout.h"
#elif defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)
#include "aarch64/layout.h"
#elif defined(__riscv) && __riscv_xlen == 64 && defined(__riscv_float_abi_double)
#include "riscv64/layout.h"
#else
#error "weft: this processor or ABI is not supported (x86_64, aarch64 and riscv64 with lp64d are)"
#endif

/* The argument registers and words of one call, as layout.h lays them out:
 *   integer[WEFT__ARCH_INTEGERS]    integer argument registers, in order
 *   floating[WEFT__ARCH_FLOATINGS]  floating argument registers (WEFT__ARCH_FLOATING_WORDS words each)
 *   stack[WEFT__ARCH_STACK_WORDS]   the words that the caller put on its stack
 * weft__arch_capture_few stores only integer[0..3]. */
struct weft__arguments {
    uint64_t integer[WEFT__ARCH_INTEGERS];
    uint64_t floating[WEFT__ARCH_FLOATINGS * WEFT__ARCH_FLOATING_WORDS];
    uint64_t stack[WEFT__ARCH_STACK_WORDS];
};

/* Suspend the running context, store its stack pointer in *from, and resume the one at to (a value that an earlier switch
 * stored, or that weft__arch_prepare made). value is what the resumed switch returns (or what the entry is given).
 * Callee-saved registers and floating-point control (rounding, exception masks) belong to the context; exception flags do
 * not, as no ABI keeps them across a call. */
void *weft__arch_switch(void **from, void *to, void *value);

/* Return what fn(first, second) returns, which most likely switches to another context and is resumed later: for the outermost
 * function of the library through which somebody waits. Where it returns to it finds more often than the processor's return
 * stack, which knows the call of whoever was left: see arch.S. */
#if defined(__x86_64__)
bool weft__arch_wait(void *first, void *second, bool (*fn)(void *first, void *second));
#else
static inline bool weft__arch_wait(void *first, void *second, bool (*fn)(void *first, void *second))
{
    return fn(first, second);
}
#endif

/* Make a context that, when it is first switched to, calls entry(value) on the stack that ends (exclusively) at top; the
 * stack pointer is aligned to 16 bytes, whatever top is. entry never returns. It inherits the floating-point control state of the caller of prepare. Backtraces
 * end at entry. Returns the stack pointer to switch to. */
void *weft__arch_prepare(void *top, void (*entry)(void *value));

/* Leave the running context for good and call entry(value) on the stack that ends at top. */
_Noreturn void weft__arch_restart(void *top, void (*entry)(void *value), void *value);

/* Call fn(argument) on the suspended stack whose pointer is sp, below what lies there; the caller's own stack is put back
 * afterwards. A backtrace taken in fn shows the suspended context's frames. sp stays resumable. fn must not switch. */
void weft__arch_inspect(void *sp, void (*fn)(void *argument), void *argument);

/* Called as if it were the goroutine's function: store all argument registers and stack words in *weft__arch_pending
 * (thread-local), then tail-call weft__arch_captured(). _few stores integer[0..3] alone. */
void weft__arch_capture_all(void);
void weft__arch_capture_few(void);
extern __thread struct weft__arguments *weft__arch_pending __attribute__((tls_model("initial-exec")));
void weft__arch_captured(void); /* defined above this room: the capture is complete */

/* Call fn with the arguments that were captured. _few: with integer[0..3] alone. Returns the register in which an integer result
 * comes: what fn returned in its low bits, if that is an integer; else (void, a floating value) it means nothing. */
uint64_t weft__arch_call_all(void (*fn)(void), const struct weft__arguments *arguments);
uint64_t weft__arch_call_few(void (*fn)(void), const uint64_t integer[4]);

/* The thread's own word, of whoever is above this room. A context may be resumed on another thread: so the address of a thread-local
 * variable must not be kept across a switch, which compilers do not know. These instructions they cannot look into, and do not
 * merge or move across each other; the empty one of the setter keeps its store before them. */
struct weft__arch_word {
    void *word;
    const void *left; /* weft__arch_wait's: where the call returns to that was the last to begin on the thread */
};
extern __thread struct weft__arch_word weft__arch_word __attribute__((tls_model("initial-exec")));
static inline void weft__arch_set_word(void *word)
{
    weft__arch_word.word = word;
    __asm__ __volatile__("" ::: "memory");
}
static inline void *weft__arch_get_word(void)
{
    void *word;
#if defined(__x86_64__)
    __asm__ __volatile__("movq weft__arch_word@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(word));
#elif defined(__aarch64__)
    void *thread;
    __asm__ __volatile__("mrs %1, tpidr_el0\n\t"
                         "adrp %0, :gottprel:weft__arch_word\n\t"
                         "ldr %0, [%0, #:gottprel_lo12:weft__arch_word]\n\t"
                         "ldr %0, [%1, %0]"
                         : "=&r"(word), "=&r"(thread));
#else
    __asm__ __volatile__("la.tls.ie %0, weft__arch_word\n\tadd %0, %0, tp\n\tld %0, (%0)" : "=&r"(word));
#endif
    return word;
}

/* One turn of a spin-wait. */
static inline void weft__arch_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#else
    __asm__ __volatile__(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory"); /* pause (Zihintpause), a hint elsewhere */
#endif
}

#endif

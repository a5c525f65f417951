/* SPDX-License-Identifier: Apache-2.0
 *
 * arch.S - see arch.h. A suspended stack, from its pointer (a multiple of 16) upwards:
 *
 *   sp ->  mxcsr (4 bytes), x87 control word (4 bytes)
 *          r15 r14 r13 r12 rbx rbp
 *          return address
 *
 * Only what the System V ABI calls callee-saved is kept: of mxcsr the control bits, not the exception flags.
 * Shadow stacks (CET) do not know of these switches; the note at the end promises indirect branch tracking alone, so
 * that a program with this library in it runs without one. */

#define FRAME 56                /* from a suspended stack pointer to the return address */
#define HEADROOM 128            /* kept free at the top of a stack: a capture reads that much beyond its return address */

    .text

/* void *weft__arch_switch(void **from, void *to, void *value) : rdi rsi rdx */
    .globl  weft__arch_switch
    .hidden weft__arch_switch
    .type   weft__arch_switch, @function
    .p2align 4
weft__arch_switch:
    .cfi_startproc
    endbr64
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movl    (%rsp), %ecx
    movzwl  4(%rsp), %r8d
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    /* Loading the control words is dear, and they hardly ever differ. */
    xorl    (%rsp), %ecx
    shrl    $6, %ecx                /* bits 0 to 5 are the exception flags */
    jnz     2f
1:  cmpw    %r8w, 4(%rsp)
    jne     3f
4:  movq    %rdx, %rax
    addq    $8, %rsp
    .cfi_remember_state
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    /* A return, not a jump: contexts switch at the same few places, so the processor's return stack is right about most of
     * the frames above, while a jump would leave it one call out of step. Measured: 7 to 15 ns against 25 to 33. */
    ret
    .cfi_restore_state
2:  ldmxcsr (%rsp)
    jmp     1b
3:  fnclex                          /* flags of the context that was left must not trap under this one's masks */
    fldcw   4(%rsp)
    jmp     4b
    .cfi_endproc
    .size   weft__arch_switch, . - weft__arch_switch

/* bool weft__arch_wait(void *first, void *second, bool (*fn)(void *, void *)) : rdi rsi rdx
 *
 * Whoever is left and whoever is resumed have called the same functions of the library to get here, so the processor's return stack
 * is right about all frames but the one above: there it has the caller of the one that was left. If that is another place it is
 * certain to be wrong, while a jump is foreseen by what happened before. That predictor looks back over fewer branches than a
 * wait has, the one of conditional branches over more: so a few bits of the address are branched on first. If it is the same place
 * a return keeps the return stack in step for the frames further up.
 * Measured: a round trip of two goroutines with loops of their own 83 ns with a return, 70 so. */
    .globl  weft__arch_wait
    .hidden weft__arch_wait
    .type   weft__arch_wait, @function
    .p2align 4
weft__arch_wait:
    .cfi_startproc
    endbr64
    movq    weft__arch_word@gottpoff(%rip), %rax
    movq    (%rsp), %rcx
    movq    %rcx, %fs:8(%rax)       /* left */
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    callq   *%rdx
    movq    weft__arch_word@gottpoff(%rip), %rdx    /* anew: the thread may be another one */
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    movq    (%rsp), %rcx
    cmpq    %rcx, %fs:8(%rdx)
    jne     1f
    ret
1:  addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    testb   $0x10, %cl
    jnz     2f
2:  testb   $0x20, %cl
    jnz     3f
3:  testb   $0x8, %cl
    jnz     4f
4:  notrack jmpq *%rcx              /* to where a call ends, which no endbr64 marks */
    .cfi_endproc
    .size   weft__arch_wait, . - weft__arch_wait

/* void weft__arch_inspect(void *sp, void (*fn)(void *), void *argument) : rdi rsi rdx
 * After the stack pointer has moved, the frame is described as the suspended switch's. */
    .globl  weft__arch_inspect
    .hidden weft__arch_inspect
    .type   weft__arch_inspect, @function
    .p2align 4
weft__arch_inspect:
    .cfi_startproc
    endbr64
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    movq    %rsp, %rbx
    .cfi_remember_state
    movq    %rdi, %rsp
    .cfi_def_cfa rsp, FRAME + 8
    .cfi_offset rbp, -16
    .cfi_offset rbx, -24
    .cfi_offset r12, -32
    .cfi_offset r13, -40
    .cfi_offset r14, -48
    .cfi_offset r15, -56
    movq    %rdx, %rdi
    /* A suspended stack pointer is a multiple of 16, as the ABI asks for at a call. */
    callq   *%rsi
    movq    %rbx, %rsp
    .cfi_restore_state
    popq    %rbx
    .cfi_def_cfa_offset 8           /* not an adjustment: clang 14 forgets that the state restores the offset */
    .cfi_restore rbx
    ret
    .cfi_endproc
    .size   weft__arch_inspect, . - weft__arch_inspect

/* void *weft__arch_prepare(void *top, void (*entry)(void *)) : rdi rsi
 * r12 carries the entry; the first switch returns into weft__arch_start with value in rax. */
    .globl  weft__arch_prepare
    .hidden weft__arch_prepare
    .type   weft__arch_prepare, @function
    .p2align 4
weft__arch_prepare:
    .cfi_startproc
    endbr64
    andq    $-16, %rdi
    leaq    .Lstarted(%rip), %rax
    xorl    %ecx, %ecx
    subq    $HEADROOM + 8 + FRAME, %rdi
    movq    %rax, FRAME(%rdi)
    movq    %rcx, 48(%rdi)          /* rbp */
    movq    %rcx, 40(%rdi)          /* rbx */
    movq    %rsi, 32(%rdi)          /* r12 */
    movq    %rcx, 24(%rdi)          /* r13 */
    movq    %rcx, 16(%rdi)          /* r14 */
    movq    %rcx, 8(%rdi)           /* r15 */
    movq    %rcx, (%rdi)
    stmxcsr (%rdi)
    fnstcw  4(%rdi)
    movq    %rdi, %rax
    ret
    .cfi_endproc
    .size   weft__arch_prepare, . - weft__arch_prepare

/* The outermost frame. Unwinders look up the byte before a return address: the nop. */
    .type   weft__arch_start, @function
    .p2align 4
weft__arch_start:
    .cfi_startproc
    .cfi_undefined rip
    nop
.Lstarted:
    movq    %rax, %rdi
    callq   *%r12
    ud2
    .cfi_endproc
    .size   weft__arch_start, . - weft__arch_start

/* void weft__arch_restart(void *top, void (*entry)(void *), void *value) : rdi rsi rdx */
    .globl  weft__arch_restart
    .hidden weft__arch_restart
    .type   weft__arch_restart, @function
    .p2align 4
weft__arch_restart:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    andq    $-16, %rdi
    leaq    -HEADROOM(%rdi), %rsp
    movq    %rdx, %rdi
    xorl    %ebp, %ebp
    callq   *%rsi
    ud2
    .cfi_endproc
    .size   weft__arch_restart, . - weft__arch_restart

/* The capture: rsp points to the return address, the caller's stack words follow it. Only registers that a call may
 * change are used, and none that carries an argument is changed before it is stored; al, a variadic call's count of vector
 * registers, is not kept, since weft__arch_call_all loads them all. */
    .globl  weft__arch_capture_few
    .hidden weft__arch_capture_few
    .type   weft__arch_capture_few, @function
    .p2align 4
weft__arch_capture_few:
    .cfi_startproc
    endbr64
    movq    weft__arch_pending@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax
    movq    %rdi, (%rax)
    movq    %rsi, 8(%rax)
    movq    %rdx, 16(%rax)
    movq    %rcx, 24(%rax)
    jmp     weft__arch_captured
    .cfi_endproc
    .size   weft__arch_capture_few, . - weft__arch_capture_few

    .globl  weft__arch_capture_all
    .hidden weft__arch_capture_all
    .type   weft__arch_capture_all, @function
    .p2align 4
weft__arch_capture_all:
    .cfi_startproc
    endbr64
    movq    weft__arch_pending@gottpoff(%rip), %rax
    movq    %fs:(%rax), %rax
    movq    %rdi, (%rax)
    movq    %rsi, 8(%rax)
    movq    %rdx, 16(%rax)
    movq    %rcx, 24(%rax)
    movq    %r8, 32(%rax)
    movq    %r9, 40(%rax)
    movups  %xmm0, 48(%rax)
    movups  %xmm1, 64(%rax)
    movups  %xmm2, 80(%rax)
    movups  %xmm3, 96(%rax)
    movups  %xmm4, 112(%rax)
    movups  %xmm5, 128(%rax)
    movups  %xmm6, 144(%rax)
    movups  %xmm7, 160(%rax)
    .set    word, 0
    .rept   8
    movups  8 + word * 16(%rsp), %xmm0
    movups  %xmm0, 176 + word * 16(%rax)
    .set    word, word + 1
    .endr
    jmp     weft__arch_captured
    .cfi_endproc
    .size   weft__arch_capture_all, . - weft__arch_capture_all

/* uint64_t weft__arch_call_few(void (*fn)(void), const uint64_t integer[4]) : rdi rsi, fn's result stays in rax */
    .globl  weft__arch_call_few
    .hidden weft__arch_call_few
    .type   weft__arch_call_few, @function
    .p2align 4
weft__arch_call_few:
    .cfi_startproc
    endbr64
    movq    %rdi, %r10
    movq    %rsi, %r11
    movq    (%r11), %rdi
    movq    8(%r11), %rsi
    movq    16(%r11), %rdx
    movq    24(%r11), %rcx
    jmpq    *%r10
    .cfi_endproc
    .size   weft__arch_call_few, . - weft__arch_call_few

/* uint64_t weft__arch_call_all(void (*fn)(void), const struct weft__arguments *arguments) : rdi rsi, as call_few */
    .globl  weft__arch_call_all
    .hidden weft__arch_call_all
    .type   weft__arch_call_all, @function
    .p2align 4
weft__arch_call_all:
    .cfi_startproc
    endbr64
    movq    %rdi, %r10
    movq    %rsi, %r11
    subq    $136, %rsp
    .cfi_adjust_cfa_offset 136
    .set    word, 0
    .rept   8
    movups  176 + word * 16(%r11), %xmm0
    movups  %xmm0, word * 16(%rsp)
    .set    word, word + 1
    .endr
    movq    (%r11), %rdi
    movq    8(%r11), %rsi
    movq    16(%r11), %rdx
    movq    24(%r11), %rcx
    movq    32(%r11), %r8
    movq    40(%r11), %r9
    movups  48(%r11), %xmm0
    movups  64(%r11), %xmm1
    movups  80(%r11), %xmm2
    movups  96(%r11), %xmm3
    movups  112(%r11), %xmm4
    movups  128(%r11), %xmm5
    movups  144(%r11), %xmm6
    movups  160(%r11), %xmm7
    movl    $8, %eax                /* for a variadic fn: up to eight vector registers are in use */
    callq   *%r10
    addq    $136, %rsp
    .cfi_adjust_cfa_offset -136
    ret
    .cfi_endproc
    .size   weft__arch_call_all, . - weft__arch_call_all

    .section .note.gnu.property, "a", @note
    .p2align 3
    .long   4, 16, 5                /* name size, description size, NT_GNU_PROPERTY_TYPE_0 */
    .asciz  "GNU"
    .long   0xc0000002, 4, 1, 0     /* GNU_PROPERTY_X86_FEATURE_1_AND: IBT */

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: Apache-2.0
 *
 * arch.S - see arch.h. A suspended stack, from its pointer upwards:
 *
 *   sp ->  mxcsr (4 bytes), x87 control word (4 bytes)
 *          r15 r14 r13 r12 rbx rbp
 *          return address */

#define FRAME 56

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
    cmpl    %ecx, (%rsp)
    jne     2f
1:  cmpw    %r8w, 4(%rsp)
    jne     3f
4:  addq    $8, %rsp
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
    movq    %rdx, %rax
    /* A jump, not a return: the return stack of the branch predictor belongs to the context that was left. */
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    jmpq    *%rcx
    .cfi_restore_state
2:  ldmxcsr (%rsp)
    jmp     1b
3:  fldcw   4(%rsp)
    jmp     4b
    .cfi_endproc
    .size   weft__arch_switch, . - weft__arch_switch

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
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    ret
    .cfi_endproc
    .size   weft__arch_inspect, . - weft__arch_inspect

/* void *weft__arch_prepare(void *top, void (*entry)(void *)) : rdi rsi
 * r12 carries the entry; the first switch "returns" into start with value in rax. */
    .globl  weft__arch_prepare
    .hidden weft__arch_prepare
    .type   weft__arch_prepare, @function
    .p2align 4
weft__arch_prepare:
    .cfi_startproc
    endbr64
    leaq    start(%rip), %rax
    movq    %rax, -24(%rdi)
    movq    $0, -32(%rdi)           /* rbp */
    movq    $0, -40(%rdi)           /* rbx */
    movq    %rsi, -48(%rdi)         /* r12 */
    movq    $0, -56(%rdi)           /* r13 */
    movq    $0, -64(%rdi)           /* r14 */
    movq    $0, -72(%rdi)           /* r15 */
    stmxcsr -80(%rdi)
    movl    $0, -76(%rdi)
    fnstcw  -76(%rdi)
    leaq    -80(%rdi), %rax
    ret
    .cfi_endproc
    .size   weft__arch_prepare, . - weft__arch_prepare

    .type   start, @function
    .p2align 4
    nop
start:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq    %rax, %rdi
    xorl    %ebp, %ebp
    andq    $-16, %rsp
    callq   *%r12
    ud2
    .cfi_endproc
    .size   start, . - start

/* void weft__arch_restart(void *top, void (*entry)(void *), void *value) : rdi rsi rdx */
    .globl  weft__arch_restart
    .hidden weft__arch_restart
    .type   weft__arch_restart, @function
    .p2align 4
weft__arch_restart:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq    %rdi, %rsp
    andq    $-16, %rsp
    movq    %rdx, %rdi
    xorl    %ebp, %ebp
    callq   *%rsi
    ud2
    .cfi_endproc
    .size   weft__arch_restart, . - weft__arch_restart

/* The capture: rsp points to the return address, the caller's stack words follow it. Only registers that a call may
 * change are used, and none that carries an argument is changed before it is stored. */
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
    movsd   %xmm0, 48(%rax)
    movsd   %xmm1, 56(%rax)
    movsd   %xmm2, 64(%rax)
    movsd   %xmm3, 72(%rax)
    movsd   %xmm4, 80(%rax)
    movsd   %xmm5, 88(%rax)
    movsd   %xmm6, 96(%rax)
    movsd   %xmm7, 104(%rax)
    .set    word, 0
    .rept   8
    movups  8 + word * 16(%rsp), %xmm0
    movups  %xmm0, 112 + word * 16(%rax)
    .set    word, word + 1
    .endr
    jmp     weft__arch_captured
    .cfi_endproc
    .size   weft__arch_capture_all, . - weft__arch_capture_all

/* void weft__arch_call_few(void (*fn)(void), const uint64_t integer[4]) : rdi rsi */
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
    xorl    %eax, %eax
    jmpq    *%r10
    .cfi_endproc
    .size   weft__arch_call_few, . - weft__arch_call_few

/* void weft__arch_call_all(void (*fn)(void), const struct weft__arguments *arguments) : rdi rsi */
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
    movups  112 + word * 16(%r11), %xmm0
    movups  %xmm0, word * 16(%rsp)
    .set    word, word + 1
    .endr
    movq    (%r11), %rdi
    movq    8(%r11), %rsi
    movq    16(%r11), %rdx
    movq    24(%r11), %rcx
    movq    32(%r11), %r8
    movq    40(%r11), %r9
    movsd   48(%r11), %xmm0
    movsd   56(%r11), %xmm1
    movsd   64(%r11), %xmm2
    movsd   72(%r11), %xmm3
    movsd   80(%r11), %xmm4
    movsd   88(%r11), %xmm5
    movsd   96(%r11), %xmm6
    movsd   104(%r11), %xmm7
    movl    $8, %eax                /* for a variadic fn: up to eight vector registers are in use */
    callq   *%r10
    addq    $136, %rsp
    .cfi_adjust_cfa_offset -136
    ret
    .cfi_endproc
    .size   weft__arch_call_all, . - weft__arch_call_all

    .section .note.GNU-stack, "", @progbits

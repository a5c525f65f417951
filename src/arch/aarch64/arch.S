/* SPDX-License-Identifier: Apache-2.0
 *
 * arch.S - see arch.h. A suspended stack, from its pointer (a multiple of 16) upwards:
 *
 *   sp ->  fpcr, 0
 *          x19 x20 ... x28
 *          x29 x30 (the return address)
 *          d8 d9 ... d15
 *
 * Only what AAPCS64 calls callee-saved is kept: of the vector registers the low halves of v8 to v15, of the floating-point
 * environment fpcr and not the exception flags in fpsr. Landing pads ("bti c") are hints on older processors; calls through
 * a register that must not come back use x16, which such a pad accepts. Return addresses are not signed here; callers
 * that sign theirs find the same sp when they are resumed. */

#define FRAME 176               /* from a suspended stack pointer to its caller's */
#define HEADROOM 128            /* kept free at the top of a stack: a capture reads that much beyond its sp */

/* DWARF's numbers of v8 to v15, which assemblers do not name alike. */
#define V8 72
#define V9 73
#define V10 74
#define V11 75
#define V12 76
#define V13 77
#define V14 78
#define V15 79

    .macro  describe_suspended
    .cfi_def_cfa sp, FRAME
    .cfi_offset x19, 16 - FRAME
    .cfi_offset x20, 24 - FRAME
    .cfi_offset x21, 32 - FRAME
    .cfi_offset x22, 40 - FRAME
    .cfi_offset x23, 48 - FRAME
    .cfi_offset x24, 56 - FRAME
    .cfi_offset x25, 64 - FRAME
    .cfi_offset x26, 72 - FRAME
    .cfi_offset x27, 80 - FRAME
    .cfi_offset x28, 88 - FRAME
    .cfi_offset x29, 96 - FRAME
    .cfi_offset x30, 104 - FRAME
    .cfi_offset V8, 112 - FRAME
    .cfi_offset V9, 120 - FRAME
    .cfi_offset V10, 128 - FRAME
    .cfi_offset V11, 136 - FRAME
    .cfi_offset V12, 144 - FRAME
    .cfi_offset V13, 152 - FRAME
    .cfi_offset V14, 160 - FRAME
    .cfi_offset V15, 168 - FRAME
    .endm

    .text

/* void *weft__arch_switch(void **from, void *to, void *value) : x0 x1 x2 */
    .globl  weft__arch_switch
    .hidden weft__arch_switch
    .type   weft__arch_switch, %function
    .p2align 4
weft__arch_switch:
    .cfi_startproc
    hint    #34                     /* bti c */
    sub     sp, sp, #FRAME
    .cfi_def_cfa_offset FRAME
    mrs     x9, fpcr
    stp     x9, xzr, [sp]
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     x29, x30, [sp, #96]
    stp     d8, d9, [sp, #112]
    stp     d10, d11, [sp, #128]
    stp     d12, d13, [sp, #144]
    stp     d14, d15, [sp, #160]
    describe_suspended
    mov     x10, sp
    str     x10, [x0]
    mov     sp, x1
    ldr     x10, [sp]
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp, #96]
    ldp     d8, d9, [sp, #112]
    ldp     d10, d11, [sp, #128]
    ldp     d12, d13, [sp, #144]
    ldp     d14, d15, [sp, #160]
    mov     x0, x2
    /* Writing fpcr is dear, and it hardly ever differs. */
    cmp     x9, x10
    b.ne    2f
1:  add     sp, sp, #FRAME
    .cfi_remember_state
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    .cfi_restore V8
    .cfi_restore V9
    .cfi_restore V10
    .cfi_restore V11
    .cfi_restore V12
    .cfi_restore V13
    .cfi_restore V14
    .cfi_restore V15
    ret
    .cfi_restore_state
2:  msr     fpcr, x10
    b       1b
    .cfi_endproc
    .size   weft__arch_switch, . - weft__arch_switch

/* void weft__arch_inspect(void *sp, void (*fn)(void *), void *argument) : x0 x1 x2
 * After the stack pointer has moved, the frame is described as the suspended switch's. */
    .globl  weft__arch_inspect
    .hidden weft__arch_inspect
    .type   weft__arch_inspect, %function
    .p2align 4
weft__arch_inspect:
    .cfi_startproc
    hint    #34
    stp     x19, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x19, -16
    .cfi_offset x30, -8
    mov     x19, sp
    .cfi_remember_state
    mov     sp, x0
    describe_suspended
    mov     x0, x2
    blr     x1
    mov     sp, x19
    .cfi_restore_state
    ldp     x19, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   weft__arch_inspect, . - weft__arch_inspect

/* void *weft__arch_prepare(void *top, void (*entry)(void *)) : x0 x1
 * x19 carries the entry; the first switch returns into weft__arch_start with value in x0. */
    .globl  weft__arch_prepare
    .hidden weft__arch_prepare
    .type   weft__arch_prepare, %function
    .p2align 4
weft__arch_prepare:
    .cfi_startproc
    hint    #34
    and     x0, x0, #-16
    sub     x0, x0, #(HEADROOM + FRAME)
    adr     x9, .Lstarted
    mrs     x10, fpcr
    stp     x10, xzr, [x0]
    stp     x1, xzr, [x0, #16]      /* x19 x20 */
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    stp     xzr, xzr, [x0, #64]
    stp     xzr, xzr, [x0, #80]
    stp     xzr, x9, [x0, #96]      /* x29 x30 */
    stp     xzr, xzr, [x0, #112]
    stp     xzr, xzr, [x0, #128]
    stp     xzr, xzr, [x0, #144]
    stp     xzr, xzr, [x0, #160]
    ret
    .cfi_endproc
    .size   weft__arch_prepare, . - weft__arch_prepare

/* The outermost frame. Unwinders look up the byte before a return address: the nop. */
    .type   weft__arch_start, %function
    .p2align 4
weft__arch_start:
    .cfi_startproc
    .cfi_undefined x30
    nop
.Lstarted:
    blr     x19
    brk     #0
    .cfi_endproc
    .size   weft__arch_start, . - weft__arch_start

/* void weft__arch_restart(void *top, void (*entry)(void *), void *value) : x0 x1 x2 */
    .globl  weft__arch_restart
    .hidden weft__arch_restart
    .type   weft__arch_restart, %function
    .p2align 4
weft__arch_restart:
    .cfi_startproc
    .cfi_undefined x30
    hint    #34
    and     x0, x0, #-16
    sub     sp, x0, #HEADROOM
    mov     x0, x2
    mov     x29, xzr
    blr     x1
    brk     #0
    .cfi_endproc
    .size   weft__arch_restart, . - weft__arch_restart

/* The capture: the caller's stack words are at sp. Only x9 to x11 and, once stored, q0 and q1 are changed. */
    .globl  weft__arch_capture_few
    .hidden weft__arch_capture_few
    .type   weft__arch_capture_few, %function
    .p2align 4
weft__arch_capture_few:
    .cfi_startproc
    hint    #34
    adrp    x9, :gottprel:weft__arch_pending
    ldr     x9, [x9, #:gottprel_lo12:weft__arch_pending]
    mrs     x10, tpidr_el0
    ldr     x9, [x10, x9]
    stp     x0, x1, [x9]
    stp     x2, x3, [x9, #16]
    b       weft__arch_captured
    .cfi_endproc
    .size   weft__arch_capture_few, . - weft__arch_capture_few

    .globl  weft__arch_capture_all
    .hidden weft__arch_capture_all
    .type   weft__arch_capture_all, %function
    .p2align 4
weft__arch_capture_all:
    .cfi_startproc
    hint    #34
    adrp    x9, :gottprel:weft__arch_pending
    ldr     x9, [x9, #:gottprel_lo12:weft__arch_pending]
    mrs     x10, tpidr_el0
    ldr     x9, [x10, x9]
    stp     x0, x1, [x9]
    stp     x2, x3, [x9, #16]
    stp     x4, x5, [x9, #32]
    stp     x6, x7, [x9, #48]
    stp     q0, q1, [x9, #64]
    stp     q2, q3, [x9, #96]
    stp     q4, q5, [x9, #128]
    stp     q6, q7, [x9, #160]
    .set    offset, 0
    .rept   4
    ldp     q0, q1, [sp, #offset]
    stp     q0, q1, [x9, #(192 + offset)]
    .set    offset, offset + 32
    .endr
    b       weft__arch_captured
    .cfi_endproc
    .size   weft__arch_capture_all, . - weft__arch_capture_all

/* uint64_t weft__arch_call_few(void (*fn)(void), const uint64_t integer[4]) : x0 x1, fn's result stays in x0 */
    .globl  weft__arch_call_few
    .hidden weft__arch_call_few
    .type   weft__arch_call_few, %function
    .p2align 4
weft__arch_call_few:
    .cfi_startproc
    hint    #34
    mov     x16, x0
    ldp     x2, x3, [x1, #16]
    ldp     x0, x1, [x1]
    br      x16
    .cfi_endproc
    .size   weft__arch_call_few, . - weft__arch_call_few

/* uint64_t weft__arch_call_all(void (*fn)(void), const struct weft__arguments *arguments) : x0 x1, as call_few */
    .globl  weft__arch_call_all
    .hidden weft__arch_call_all
    .type   weft__arch_call_all, %function
    .p2align 4
weft__arch_call_all:
    .cfi_startproc
    hint    #34
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    mov     x29, sp
    sub     sp, sp, #128
    .cfi_def_cfa_offset 144
    mov     x16, x0
    mov     x9, x1
    .set    offset, 0
    .rept   4
    ldp     q0, q1, [x9, #(192 + offset)]
    stp     q0, q1, [sp, #offset]
    .set    offset, offset + 32
    .endr
    ldp     x0, x1, [x9]
    ldp     x2, x3, [x9, #16]
    ldp     x4, x5, [x9, #32]
    ldp     x6, x7, [x9, #48]
    ldp     q0, q1, [x9, #64]
    ldp     q2, q3, [x9, #96]
    ldp     q4, q5, [x9, #128]
    ldp     q6, q7, [x9, #160]
    blr     x16
    add     sp, sp, #128
    .cfi_def_cfa_offset 16
    ldp     x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   weft__arch_call_all, . - weft__arch_call_all

    .section .note.gnu.property, "a", %note
    .p2align 3
    .long   4, 16, 5                /* name size, description size, NT_GNU_PROPERTY_TYPE_0 */
    .asciz  "GNU"
    .long   0xc0000000, 4, 1, 0     /* GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI */

    .section .note.GNU-stack, "", %progbits

/* SPDX-License-Identifier: Apache-2.0
 *
 * arch.S - see arch.h. A suspended stack, from its pointer (a multiple of 16) upwards:
 *
 *   sp ->  frm (the rounding mode)
 *          ra s0 s1 ... s11
 *          fs0 fs1 ... fs11
 *
 * Only what the psABI calls callee-saved is kept: of fcsr the rounding mode and not the exception flags; vector
 * registers are all the caller's. */

#define FRAME 208               /* from a suspended stack pointer to its caller's */
#define HEADROOM 64             /* kept free at the top of a stack: a capture reads that much beyond its sp */

    .macro  describe_suspended
    .cfi_def_cfa sp, FRAME
    .cfi_offset ra, 8 - FRAME
    .cfi_offset s0, 16 - FRAME
    .cfi_offset s1, 24 - FRAME
    .cfi_offset s2, 32 - FRAME
    .cfi_offset s3, 40 - FRAME
    .cfi_offset s4, 48 - FRAME
    .cfi_offset s5, 56 - FRAME
    .cfi_offset s6, 64 - FRAME
    .cfi_offset s7, 72 - FRAME
    .cfi_offset s8, 80 - FRAME
    .cfi_offset s9, 88 - FRAME
    .cfi_offset s10, 96 - FRAME
    .cfi_offset s11, 104 - FRAME
    .cfi_offset fs0, 112 - FRAME
    .cfi_offset fs1, 120 - FRAME
    .cfi_offset fs2, 128 - FRAME
    .cfi_offset fs3, 136 - FRAME
    .cfi_offset fs4, 144 - FRAME
    .cfi_offset fs5, 152 - FRAME
    .cfi_offset fs6, 160 - FRAME
    .cfi_offset fs7, 168 - FRAME
    .cfi_offset fs8, 176 - FRAME
    .cfi_offset fs9, 184 - FRAME
    .cfi_offset fs10, 192 - FRAME
    .cfi_offset fs11, 200 - FRAME
    .endm

    .text

/* void *weft__arch_switch(void **from, void *to, void *value) : a0 a1 a2 */
    .globl  weft__arch_switch
    .hidden weft__arch_switch
    .type   weft__arch_switch, @function
    .p2align 4
weft__arch_switch:
    .cfi_startproc
    addi    sp, sp, -FRAME
    .cfi_def_cfa_offset FRAME
    frrm    t0
    sd      t0, 0(sp)
    sd      ra, 8(sp)
    sd      s0, 16(sp)
    sd      s1, 24(sp)
    sd      s2, 32(sp)
    sd      s3, 40(sp)
    sd      s4, 48(sp)
    sd      s5, 56(sp)
    sd      s6, 64(sp)
    sd      s7, 72(sp)
    sd      s8, 80(sp)
    sd      s9, 88(sp)
    sd      s10, 96(sp)
    sd      s11, 104(sp)
    fsd     fs0, 112(sp)
    fsd     fs1, 120(sp)
    fsd     fs2, 128(sp)
    fsd     fs3, 136(sp)
    fsd     fs4, 144(sp)
    fsd     fs5, 152(sp)
    fsd     fs6, 160(sp)
    fsd     fs7, 168(sp)
    fsd     fs8, 176(sp)
    fsd     fs9, 184(sp)
    fsd     fs10, 192(sp)
    fsd     fs11, 200(sp)
    describe_suspended
    sd      sp, 0(a0)
    mv      sp, a1
    ld      t1, 0(sp)
    ld      ra, 8(sp)
    ld      s0, 16(sp)
    ld      s1, 24(sp)
    ld      s2, 32(sp)
    ld      s3, 40(sp)
    ld      s4, 48(sp)
    ld      s5, 56(sp)
    ld      s6, 64(sp)
    ld      s7, 72(sp)
    ld      s8, 80(sp)
    ld      s9, 88(sp)
    ld      s10, 96(sp)
    ld      s11, 104(sp)
    fld     fs0, 112(sp)
    fld     fs1, 120(sp)
    fld     fs2, 128(sp)
    fld     fs3, 136(sp)
    fld     fs4, 144(sp)
    fld     fs5, 152(sp)
    fld     fs6, 160(sp)
    fld     fs7, 168(sp)
    fld     fs8, 176(sp)
    fld     fs9, 184(sp)
    fld     fs10, 192(sp)
    fld     fs11, 200(sp)
    mv      a0, a2
    /* Writing fcsr empties the pipeline, and the rounding mode hardly ever differs. */
    bne     t0, t1, 2f
1:  addi    sp, sp, FRAME
    .cfi_remember_state
    .cfi_def_cfa_offset 0
    .cfi_restore ra
    .cfi_restore s0
    .cfi_restore s1
    .cfi_restore s2
    .cfi_restore s3
    .cfi_restore s4
    .cfi_restore s5
    .cfi_restore s6
    .cfi_restore s7
    .cfi_restore s8
    .cfi_restore s9
    .cfi_restore s10
    .cfi_restore s11
    .cfi_restore fs0
    .cfi_restore fs1
    .cfi_restore fs2
    .cfi_restore fs3
    .cfi_restore fs4
    .cfi_restore fs5
    .cfi_restore fs6
    .cfi_restore fs7
    .cfi_restore fs8
    .cfi_restore fs9
    .cfi_restore fs10
    .cfi_restore fs11
    ret
    .cfi_restore_state
2:  fsrm    t1
    j       1b
    .cfi_endproc
    .size   weft__arch_switch, . - weft__arch_switch

/* void weft__arch_inspect(void *sp, void (*fn)(void *), void *argument) : a0 a1 a2
 * After the stack pointer has moved, the frame is described as the suspended switch's. */
    .globl  weft__arch_inspect
    .hidden weft__arch_inspect
    .type   weft__arch_inspect, @function
    .p2align 4
weft__arch_inspect:
    .cfi_startproc
    addi    sp, sp, -16
    .cfi_def_cfa_offset 16
    sd      s1, 0(sp)
    sd      ra, 8(sp)
    .cfi_offset s1, -16
    .cfi_offset ra, -8
    mv      s1, sp
    .cfi_remember_state
    mv      sp, a0
    describe_suspended
    mv      a0, a2
    jalr    a1
    mv      sp, s1
    .cfi_restore_state
    ld      s1, 0(sp)
    ld      ra, 8(sp)
    addi    sp, sp, 16
    .cfi_def_cfa_offset 0
    .cfi_restore s1
    .cfi_restore ra
    ret
    .cfi_endproc
    .size   weft__arch_inspect, . - weft__arch_inspect

/* void *weft__arch_prepare(void *top, void (*entry)(void *)) : a0 a1
 * s1 carries the entry; the first switch returns into weft__arch_start with value in a0. */
    .globl  weft__arch_prepare
    .hidden weft__arch_prepare
    .type   weft__arch_prepare, @function
    .p2align 4
weft__arch_prepare:
    .cfi_startproc
    andi    a0, a0, -16
    addi    a0, a0, -(HEADROOM + FRAME)
    lla     t0, .Lstarted
    frrm    t1
    sd      t1, 0(a0)
    sd      t0, 8(a0)               /* ra */
    sd      zero, 16(a0)            /* s0, the frame pointer */
    sd      a1, 24(a0)              /* s1 */
    .set    offset, 32
    .rept   22
    sd      zero, offset(a0)
    .set    offset, offset + 8
    .endr
    ret
    .cfi_endproc
    .size   weft__arch_prepare, . - weft__arch_prepare

/* The outermost frame. Unwinders look up the byte before a return address: the nop. */
    .type   weft__arch_start, @function
    .p2align 4
weft__arch_start:
    .cfi_startproc
    .cfi_undefined ra
    nop
.Lstarted:
    jalr    s1
    ebreak
    .cfi_endproc
    .size   weft__arch_start, . - weft__arch_start

/* void weft__arch_restart(void *top, void (*entry)(void *), void *value) : a0 a1 a2 */
    .globl  weft__arch_restart
    .hidden weft__arch_restart
    .type   weft__arch_restart, @function
    .p2align 4
weft__arch_restart:
    .cfi_startproc
    .cfi_undefined ra
    andi    a0, a0, -16
    addi    sp, a0, -HEADROOM
    mv      a0, a2
    li      s0, 0
    jalr    a1
    ebreak
    .cfi_endproc
    .size   weft__arch_restart, . - weft__arch_restart

/* The capture: the caller's stack words are at sp. Only t0 and t1 are changed. */
    .globl  weft__arch_capture_few
    .hidden weft__arch_capture_few
    .type   weft__arch_capture_few, @function
    .p2align 4
weft__arch_capture_few:
    .cfi_startproc
    la.tls.ie t0, weft__arch_pending
    add     t0, t0, tp
    ld      t0, 0(t0)
    sd      a0, 0(t0)
    sd      a1, 8(t0)
    sd      a2, 16(t0)
    sd      a3, 24(t0)
    tail    weft__arch_captured
    .cfi_endproc
    .size   weft__arch_capture_few, . - weft__arch_capture_few

    .globl  weft__arch_capture_all
    .hidden weft__arch_capture_all
    .type   weft__arch_capture_all, @function
    .p2align 4
weft__arch_capture_all:
    .cfi_startproc
    la.tls.ie t0, weft__arch_pending
    add     t0, t0, tp
    ld      t0, 0(t0)
    sd      a0, 0(t0)
    sd      a1, 8(t0)
    sd      a2, 16(t0)
    sd      a3, 24(t0)
    sd      a4, 32(t0)
    sd      a5, 40(t0)
    sd      a6, 48(t0)
    sd      a7, 56(t0)
    fsd     fa0, 64(t0)
    fsd     fa1, 72(t0)
    fsd     fa2, 80(t0)
    fsd     fa3, 88(t0)
    fsd     fa4, 96(t0)
    fsd     fa5, 104(t0)
    fsd     fa6, 112(t0)
    fsd     fa7, 120(t0)
    .set    offset, 0
    .rept   8
    ld      t1, offset(sp)
    sd      t1, 128 + offset(t0)
    .set    offset, offset + 8
    .endr
    tail    weft__arch_captured
    .cfi_endproc
    .size   weft__arch_capture_all, . - weft__arch_capture_all

/* uint64_t weft__arch_call_few(void (*fn)(void), const uint64_t integer[4]) : a0 a1, fn's result stays in a0 */
    .globl  weft__arch_call_few
    .hidden weft__arch_call_few
    .type   weft__arch_call_few, @function
    .p2align 4
weft__arch_call_few:
    .cfi_startproc
    mv      t1, a0
    mv      t0, a1
    ld      a0, 0(t0)
    ld      a1, 8(t0)
    ld      a2, 16(t0)
    ld      a3, 24(t0)
    jr      t1
    .cfi_endproc
    .size   weft__arch_call_few, . - weft__arch_call_few

/* uint64_t weft__arch_call_all(void (*fn)(void), const struct weft__arguments *arguments) : a0 a1, as call_few */
    .globl  weft__arch_call_all
    .hidden weft__arch_call_all
    .type   weft__arch_call_all, @function
    .p2align 4
weft__arch_call_all:
    .cfi_startproc
    addi    sp, sp, -80
    .cfi_def_cfa_offset 80
    sd      ra, 72(sp)
    .cfi_offset ra, -8
    mv      t1, a0
    mv      t0, a1
    .set    offset, 0
    .rept   8
    ld      t2, 128 + offset(t0)
    sd      t2, offset(sp)
    .set    offset, offset + 8
    .endr
    ld      a0, 0(t0)
    ld      a1, 8(t0)
    ld      a2, 16(t0)
    ld      a3, 24(t0)
    ld      a4, 32(t0)
    ld      a5, 40(t0)
    ld      a6, 48(t0)
    ld      a7, 56(t0)
    fld     fa0, 64(t0)
    fld     fa1, 72(t0)
    fld     fa2, 80(t0)
    fld     fa3, 88(t0)
    fld     fa4, 96(t0)
    fld     fa5, 104(t0)
    fld     fa6, 112(t0)
    fld     fa7, 120(t0)
    jalr    t1
    ld      ra, 72(sp)
    addi    sp, sp, 80
    .cfi_def_cfa_offset 0
    .cfi_restore ra
    ret
    .cfi_endproc
    .size   weft__arch_call_all, . - weft__arch_call_all

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.h - RISC-V psABI, lp64d: eight integer and eight floating argument registers. long double travels in aligned
 * pairs of integer registers, and so does every floating argument behind an ellipsis. Eight arguments of up to 16 bytes
 * take at least the eight integer registers' 64 bytes, so 8 stack words hold the rest. */
#ifndef WEFT_ARCH_LAYOUT_H
#define WEFT_ARCH_LAYOUT_H

#define WEFT__ARCH_NAME "riscv64"
#define WEFT__ARCH_INTEGERS 8
#define WEFT__ARCH_FLOATINGS 8
#define WEFT__ARCH_FLOATING_WORDS 1
#define WEFT__ARCH_STACK_WORDS 8

#endif

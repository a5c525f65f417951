/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.h - AAPCS64 on Linux: eight integer and eight vector argument registers. Vector registers are kept whole, since
 * long double fills one. Eight scalars never leave the registers; what may is __int128 and complex: 16 stack words hold the
 * last four of eight complex long doubles. */
#ifndef WEFT_ARCH_LAYOUT_H
#define WEFT_ARCH_LAYOUT_H

#define WEFT__ARCH_NAME "aarch64"
#define WEFT__ARCH_INTEGERS 8
#define WEFT__ARCH_FLOATINGS 8
#define WEFT__ARCH_FLOATING_WORDS 2
#define WEFT__ARCH_STACK_WORDS 16

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.h - System V ABI, x86-64: six integer and eight vector argument registers. Of the vector registers 16 bytes are
 * kept: no wider type converts from a scalar, and that is all that weft_go passes (__float128 is the widest). 16 stack
 * words hold eight arguments of 16 bytes (long double always travels there). */
#ifndef WEFT_ARCH_LAYOUT_H
#define WEFT_ARCH_LAYOUT_H

#define WEFT__ARCH_NAME "x86_64"
#define WEFT__ARCH_INTEGERS 6
#define WEFT__ARCH_FLOATINGS 8
#define WEFT__ARCH_FLOATING_WORDS 2
#define WEFT__ARCH_STACK_WORDS 16

#endif

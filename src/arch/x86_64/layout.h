/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.h - System V ABI, x86-64: six integer and eight vector argument registers. Of the vector registers the
 * low 8 bytes are kept (float and double; wider ones cannot be passed to weft_go); 16 stack words hold eight arguments of any class. */
#ifndef WEFT_ARCH_LAYOUT_H
#define WEFT_ARCH_LAYOUT_H

#define WEFT__ARCH_NAME "x86_64"
#define WEFT__ARCH_INTEGERS 6
#define WEFT__ARCH_FLOATINGS 8
#define WEFT__ARCH_FLOATING_WORDS 1
#define WEFT__ARCH_STACK_WORDS 16

#endif

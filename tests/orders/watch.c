/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.c - what a compiler with -fsanitize=thread calls before each access to memory that others may see. The files under test of the
 * room sync are compiled so, and the program is linked without ThreadSanitizer: here are the functions with its names, which tell
 * Relacy of the access (orders_watch). So each row, each waiter in a frame and each word is plain data that a missing order leaves open. */
#include <stddef.h>
#include <string.h>

#include "orders.h"

#define CALLER __builtin_return_address(0)

/* clang-format off */
#define ACCESS(name, size, writes)                                                                                     \
    void name(void *p);                                                                                                \
    void name(void *p) { orders_memory(p, (size), (writes), CALLER); }
#define ACCESSES(size)                                                                                                 \
    ACCESS(__tsan_read##size, size, false)                                                                             \
    ACCESS(__tsan_write##size, size, true)                                                                             \
    ACCESS(__tsan_unaligned_read##size, size, false)                                                                   \
    ACCESS(__tsan_unaligned_write##size, size, true)                                                                   \
    ACCESS(__tsan_read_write##size, size, true)                                                                        \
    ACCESS(__tsan_unaligned_read_write##size, size, true)
/* clang-format on */

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(void *p, unsigned long size);
void __tsan_write_range(void *p, unsigned long size);
void *__tsan_memset(void *p, int value, unsigned long size);
void *__tsan_memcpy(void *to, const void *from, unsigned long size);
void *__tsan_memmove(void *to, const void *from, unsigned long size);
void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);

void __tsan_read_range(void *p, unsigned long size)
{
    orders_memory(p, size, false, CALLER);
}

void __tsan_write_range(void *p, unsigned long size)
{
    orders_memory(p, size, true, CALLER);
}

void *__tsan_memset(void *p, int value, unsigned long size)
{
    orders_memory(p, size, true, CALLER);
    return memset(p, value, size);
}

void *__tsan_memcpy(void *to, const void *from, unsigned long size)
{
    orders_memory((void *)from, size, false, CALLER);
    orders_memory(to, size, true, CALLER);
    return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, unsigned long size)
{
    orders_memory((void *)from, size, false, CALLER);
    orders_memory(to, size, true, CALLER);
    return memmove(to, from, size);
}

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

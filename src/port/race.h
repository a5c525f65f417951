/* SPDX-License-Identifier: Apache-2.0
 *
 * race.h - what ThreadSanitizer is told by weft_race, the library that programs under -fsanitize=thread link.
 *
 * That library is compiled without instrumentation: its locks and atomics are invisible, so they order nothing for the program.
 * What the operations promise to order (the field "Ordering" in the public headers) is said here instead, and no more than
 * that: docs/internals/race.md has the table. In every other build all of this expands to nothing, its arguments included.
 *
 *   weft__race_release(object)   what the caller has done so far happens before whoever acquires object from now on; what others
 *                                have released to it stays. object: any address that stands for it; the memory is not touched
 *   weft__race_publish(word)     the same, but what others have published is forgotten. word: a byte of the library's own that
 *                                is used for nothing else
 *   weft__race_acquire(object)   what was released or published to it happens before what the caller does from now on
 *   weft__race_read/write(memory, size, caller)    the library reads or writes the program's memory on behalf of the call
 *                                that returns to caller
 *   weft__race_enter(caller), weft__race_leave()   around calls into the program: the frame of the one who called the library
 *   weft__race_ignore(), weft__race_heed()         around libc calls that ThreadSanitizer watches, when the memory is the library's
 *   weft__race_remember(statement)  a declaration or an assignment that only the others need
 *   WEFT__RACE_CALLER            the address that the function returns to; in functions that the program calls
 *
 * Who calls: the goroutine or thread that it is about, in its own context; never a commit step, which runs in somebody else's. */
#ifndef WEFT_PORT_RACE_H
#define WEFT_PORT_RACE_H

#ifdef WEFT_RACE_REPORTS

#include <stddef.h>

/* ThreadSanitizer's own: declared by hand, as gcc and clang have the header at different places, or not at all. */
void __tsan_acquire(void *address);
void __tsan_release(void *address);
void __tsan_atomic8_store(volatile unsigned char *address, unsigned char value, int order);
void __tsan_read_range_pc(void *address, unsigned long size, void *caller);
void __tsan_write_range_pc(void *address, unsigned long size, void *caller);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_ignore_thread_begin(void);
void __tsan_ignore_thread_end(void);

/* A task's two words. out: what it had done when it parked, for its waker. in: what its waker had done, for it. */
struct weft__race_words {
    unsigned char out, in;
};

/* There is no call for this, but a store with memory_order_release does it. The store itself is no access of the program's. */
static inline void weft__race_store(unsigned char *word)
{
    enum { RELEASE = 3 }; /* memory_order_release, as ThreadSanitizer numbers it */
    __tsan_ignore_thread_begin();
    __tsan_atomic8_store(word, 0, RELEASE);
    __tsan_ignore_thread_end();
}

#define WEFT__RACE_CALLER __builtin_return_address(0)
#define weft__race_acquire(object) __tsan_acquire((void *)(object))
#define weft__race_release(object) __tsan_release((void *)(object))
#define weft__race_publish(word) weft__race_store(word)
#define weft__race_read(memory, size, caller)                                                                          \
    ((memory) != NULL && (size) != 0 ? __tsan_read_range_pc((void *)(memory), (size), (caller)) : (void)0)
#define weft__race_write(memory, size, caller)                                                                         \
    ((memory) != NULL && (size) != 0 ? __tsan_write_range_pc((memory), (size), (caller)) : (void)0)
#define weft__race_enter(caller) __tsan_func_entry(caller)
#define weft__race_leave() __tsan_func_exit()
#define weft__race_ignore() __tsan_ignore_thread_begin()
#define weft__race_heed() __tsan_ignore_thread_end()
#define weft__race_remember(statement) statement

#else

#define weft__race_acquire(object) ((void)0)
#define weft__race_release(object) ((void)0)
#define weft__race_publish(word) ((void)0)
#define weft__race_read(memory, size, caller) ((void)0)
#define weft__race_write(memory, size, caller) ((void)0)
#define weft__race_enter(caller) ((void)0)
#define weft__race_leave() ((void)0)
#define weft__race_ignore() ((void)0)
#define weft__race_heed() ((void)0)
#define weft__race_remember(statement) ((void)0)

#endif

#endif

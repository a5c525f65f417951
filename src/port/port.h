/* SPDX-License-Identifier: Apache-2.0
 *
 * port.h - what the kernel and libc are asked for: memory, futex, clock, threads, files of /proc. The one contract; tests
 * wrap the functions behind it (malloc, mmap, pthread_create ...) at link time. Results are 0 or -errno; errno is not kept. */
#ifndef WEFT_PORT_H
#define WEFT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory. Sizes in bytes, multiples of the page size where pages are meant. */
size_t weft__port_page_size(void);
void *weft__port_reserve(size_t size);            /* private, zeroed, MAP_NORESERVE, no huge pages; NULL: refused */
void weft__port_release(void *base, size_t size); /* give address space back */
int weft__port_guard_install(void *const *bases, size_t count, size_t size); /* MADV_GUARD_INSTALL on each; batched */
int weft__port_protect(void *base, size_t size);                             /* PROT_NONE: the fallback guard */
void weft__port_discard(void *const *bases, const size_t *sizes, size_t count); /* MADV_DONTNEED on each; batched */
long weft__port_map_limit(void); /* vm.max_map_count; 65530 if it cannot be read */
long weft__port_map_count(void); /* mappings of this process now; -1 unknown */

/* Allocation: plain malloc and free, here so that every caller's failure is looked at. */
void *weft__port_alloc(size_t size, size_t alignment); /* uninitialised, NULL without memory */
void weft__port_free(void *memory);

/* Futex on a 32-bit word. wait returns when woken, when *word is not expected, on a signal, or after timeout ns (negative:
 * never); it may also return for no reason. */
void weft__port_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout);
void weft__port_futex_wake(uint32_t *word, int count);

/* Clock: CLOCK_MONOTONIC in ns. */
int64_t weft__port_now(void);

/* Threads. Created detached, with all signals but the synchronous ones blocked as in the creator. try asks once, start waits
 * out a lack of threads for 0.19 s. */
int weft__port_thread_try(void *(*fn)(void *), void *arg, size_t stack_size); /* 0, -EAGAIN, -ENOMEM ... */
int weft__port_thread_start(void *(*fn)(void *), void *arg, size_t stack_size);
void weft__port_thread_yield(void);
void weft__port_thread_sleep(int64_t duration);
/* Have fn(arg) called when the calling thread ends (the process's end does not count). All callers have the same fn. 0,
 * -EAGAIN, -ENOMEM. */
int weft__port_thread_at_exit(void (*fn)(void *arg), void *arg);
/* Every thread of the process passes a full memory barrier before this returns. False: the kernel cannot do it. */
bool weft__port_barrier(void);
int weft__port_processors(void);   /* by affinity mask and cgroup quota (rounded up), at least 1 */
int weft__port_thread_count(void); /* threads of this process; -1 unknown */
/* The number by which the kernel knows the calling thread; the processor time that the thread of that number has used, in ns, -1
 * unknown; and whether it would run: it does, or waits for a processor. False also if that is unknown. */
int weft__port_thread_number(void);
int64_t weft__port_thread_time(int number);
bool weft__port_thread_would_run(int number);

/* Files: the first line of a small file such as those in /proc; -errno. buffer is NUL-terminated. */
int weft__port_read_file(const char *path, char *buffer, size_t size);

/* Memory that others may change or take away meanwhile: a copy of size bytes, or of a string (cut off to fit, always terminated).
 * False: it cannot be read. No tool sees these reads. */
bool weft__port_peek(void *to, const void *from, size_t size);
bool weft__port_peek_text(char *to, const char *from, size_t size);

/* Random bits to seed with. */
uint64_t weft__port_random(void);

/* A descriptor, and standard error, unbuffered, from any context including signal handlers. What cannot be written is lost. */
void weft__port_write(int fd, const char *text, size_t length);
void weft__port_write_error(const char *text, size_t length);

#endif

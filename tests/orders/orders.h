/* SPDX-License-Identifier: Apache-2.0
 *
 * orders.h - the library's own functions under the memory model of C11, as Relacy plays it: each load may return any value
 * that the orders on the way allow, not only the newest, and accesses to plain data that nothing orders are found.
 *
 * A test is a few threads (Relacy's: all of them in one thread of the kernel) that call what was compiled with points.h. Each
 * iteration plays another schedule, chosen at random by the iteration's number: the same in each run. Atomic objects have to be
 * registered before an iteration begins, with the value that they have then; their values live in Relacy from there on. Plain
 * data that matters is registered, too, and is told of where it is read and written.
 *
 * What it does not play: a load that returns what is stored later, which C11 allows a relaxed one. Where that matters a test says
 * which read must be over (orders_test.takes).
 *
 * The library for these tests is weft_orders; it is there where Debian's relacy-dev is, and not under a sanitizer. */
#ifndef WEFT_TESTS_ORDERS_H
#define WEFT_TESTS_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct orders_test {
    int threads;              /* 2 to 4 */
    void (*before)(void);     /* of each iteration: set up and register; comes before all threads */
    void (*thread)(int self); /* 0 .. threads - 1 */
    void (*after)(void);      /* comes after all threads; NULL: nothing */
    /* Not NULL: called when a read-modify-write is about to change *p from one value to another, before it publishes anything. */
    void (*takes)(void *p, uint64_t from, uint64_t to);
    /* Not NULL: called when *p has just been stored to. */
    void (*stores)(void *p);
};

enum orders_memory_order { ORDERS_RELAXED, ORDERS_ACQUIRE, ORDERS_RELEASE, ORDERS_ACQ_REL, ORDERS_SEQ };

/* NULL, or what was found, with the history of that iteration on standard output. Iterations: WEFT_ORDERS_ITERATIONS, or as given. */
const char *orders_explore(const struct orders_test *test, unsigned iterations);

/* In before. */
void orders_atomic(void *p, size_t size);             /* one atomic object, of 1, 4 or 8 bytes */
void orders_atomics(void *p, size_t size, int count); /* an array of them */
void orders_plain(void *p);
void orders_touch(bool on); /* until it is off again, what is touched is registered as atomic: a file's own */

/* In before: watch all memory that the files under test access, with whatever compiled them for that (cmake/tests.cmake): each plain access
 * must be ordered with all others. Atomic objects are then registered when they are first used: those in frames. */
void orders_watch(void);

/* In threads and in after. */
int orders_self(void);
void orders_read(void *p, const char *file, int line); /* plain data */
void orders_write(void *p, const char *file, int line);
void orders_pause(void); /* in a loop that waits for another thread */
void orders_require(bool holds, const char *what, const char *file, int line);
void orders_delay(
    unsigned below); /* let others go first, for some steps: a thread of few steps would not come last by chance */
unsigned orders_random(unsigned below);
/* The memory is freed, or put to another use: whatever has been done to it must come before, and nothing may come after. */
void orders_gone(void *p, size_t size);
void orders_frames_gone(
    void); /* the same, of all frames of calls that the caller has made so far; others may come there */
void orders_memory(void *p, size_t size, bool writes, void *pc); /* what watch.c tells: an access by what it watches */

#define ORDERS_READ(p) orders_read((p), __FILE__, __LINE__)
#define ORDERS_WRITE(p) orders_write((p), __FILE__, __LINE__)
#define ORDERS_REQUIRE(x) orders_require((x), #x, __FILE__, __LINE__)

/* What points.h turns atomic operations into. Values are those of an unsigned integer of the object's size. */
uint64_t orders_load(void *p, size_t size, enum orders_memory_order order, const char *file, int line);
void orders_store(void *p, size_t size, uint64_t value, enum orders_memory_order order, const char *file, int line);
enum orders_kind { ORDERS_EXCHANGE, ORDERS_ADD, ORDERS_OR, ORDERS_AND };
uint64_t orders_change(void *p, size_t size, enum orders_kind kind, uint64_t operand, enum orders_memory_order order,
                       const char *file, int line);
bool orders_cas(void *p, size_t size, uint64_t *expected, uint64_t wanted, enum orders_memory_order order,
                enum orders_memory_order otherwise, const char *file, int line);
void orders_light_fence(void); /* a full barrier, but only for those who make a heavy one */
bool orders_heavy_fence(void);

#ifdef __cplusplus
}
#endif
#endif

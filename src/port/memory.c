/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c - address space, guards, giving memory back; malloc and free.
 *
 * Many ranges are advised in one system call where the kernel can: process_madvise(2) on oneself takes any advice since
 * Linux 6.13 (the release that brought guards), and Linux 6.14 has a constant that means "myself" in place of a pidfd.
 * What the kernel refuses is remembered, so that each refusal is paid for once. A pidfd is opened for the one call and
 * closed: one that was kept would, after a fork, still name the parent.
 *
 * A guard is believed only after it has been seen to work: an emulator may ignore advice that it does not know and
 * report success.
 *
 * Locks: none. The two remembered words only ever save work, so that relaxed order is enough for them. They use the
 * compiler's builtins, as base/atomic.h belongs to the room above this one.
 * Callers: any thread; not signal handlers. */
#include "port/port.h"
#include "port/race.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* The kernel's name for the calling thread where a pidfd is expected (its PIDFD_SELF). */
#define PIDFD_MYSELF (-10000)

/* Ranges per call: half a KiB of the caller's stack, which may be that of a goroutine about to park: taking the next one's
 * stack there, it would keep a second page for ever if this were much more. */
#define BATCH 32

enum method { METHOD_MYSELF, METHOD_PIDFD, METHOD_SINGLE };
enum trust { TRUST_UNKNOWN, TRUST_YES, TRUST_NO };

static int method;      /* atomic: the best of enum method that has not been refused */
static int guard_trust; /* atomic: enum trust */

struct ranges {
    void *const *bases;
    const size_t *sizes; /* NULL: each has size bytes */
    size_t size;
};

size_t weft__port_page_size(void)
{
    static size_t size; /* atomic: every writer stores the same value */
    size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED);
    if (known == 0) {
        known = (size_t)sysconf(_SC_PAGESIZE);
        __atomic_store_n(&size, known, __ATOMIC_RELAXED);
    }
    return known;
}

void *weft__port_reserve(size_t size)
{
    weft__race_ignore(); /* as take, below */
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    weft__race_heed();
    if (base == MAP_FAILED)
        return NULL;
    /* A kernel without huge pages refuses, which is as good. */
    (void)madvise(base, size, MADV_NOHUGEPAGE);
    return base;
}

void weft__port_release(void *base, size_t size)
{
    (void)munmap(base, size);
}

int weft__port_protect(void *base, size_t size)
{
    return mprotect(base, size, PROT_NONE) == 0 ? 0 : -errno;
}

static size_t range_size(const struct ranges *ranges, size_t index)
{
    return ranges->sizes ? ranges->sizes[index] : ranges->size;
}

static int advise_one(void *base, size_t size, int advice)
{
    for (int attempt = 0;; attempt++) {
        if (madvise(base, size, advice) == 0)
            return 0;
        if (errno != EINTR && (errno != EAGAIN || attempt >= 100))
            return -errno;
    }
}

/* Advise ranges [first, first + count) in one system call. Returns how many were, counted from the first; or -errno. */
static long advise_batch(const struct ranges *ranges, size_t first, size_t count, int advice)
{
    struct iovec vector[BATCH];
    for (size_t i = 0; i < count; i++)
        vector[i] = (struct iovec){ranges->bases[first + i], range_size(ranges, first + i)};

    long bytes = -1;
    int error = ENOSYS;
    for (;;) {
        int now = __atomic_load_n(&method, __ATOMIC_RELAXED);
        if (now == METHOD_SINGLE)
            return -ENOSYS;
        int self = PIDFD_MYSELF;
        if (now == METHOD_PIDFD) {
            self = (int)syscall(SYS_pidfd_open, getpid(), 0);
            if (self < 0) {
                error = errno;
                if (error == ENOSYS || error == EPERM)
                    __atomic_store_n(&method, METHOD_SINGLE, __ATOMIC_RELAXED);
                return -error;
            }
        }
        bytes = syscall(SYS_process_madvise, self, vector, count, advice, 0u);
        error = errno;
        if (now == METHOD_PIDFD)
            (void)close(self);
        if (bytes >= 0)
            break;
        if (error == EINTR)
            continue;
        if (now == METHOD_MYSELF && error == EBADF) {
            __atomic_store_n(&method, METHOD_PIDFD, __ATOMIC_RELAXED);
            continue;
        }
        if (error == ENOSYS)
            __atomic_store_n(&method, METHOD_SINGLE, __ATOMIC_RELAXED);
        return -error;
    }

    size_t whole = 0;
    for (size_t left = (size_t)bytes; whole < count && left >= vector[whole].iov_len; whole++)
        left -= vector[whole].iov_len;
    return (long)whole;
}

static int advise(const struct ranges *ranges, size_t count, int advice)
{
    size_t done = 0;
    while (done < count) {
        size_t left = count - done;
        long batched = left > 1 ? advise_batch(ranges, done, left < BATCH ? left : BATCH, advice) : 0;
        if (batched > 0) {
            done += (size_t)batched;
            continue;
        }
        /* The batch stopped at its first range: that range alone tells whether it or the way of asking was refused. */
        int error = advise_one(ranges->bases[done], range_size(ranges, done), advice);
        if (error)
            return error;
        if (batched == -EINVAL || batched == -EPERM)
            __atomic_store_n(&method, METHOD_SINGLE, __ATOMIC_RELAXED);
        done++;
    }
    return 0;
}

/* The kernel reads a path at the address: it cannot where a guard is, and finds an empty path where there is none. */
static bool guard_is_there(const void *base)
{
    return syscall(SYS_faccessat, AT_FDCWD, base, F_OK) < 0 && errno == EFAULT;
}

int weft__port_guard_install(void *const *bases, size_t count, size_t size)
{
    int trust = __atomic_load_n(&guard_trust, __ATOMIC_RELAXED);
    if (trust == TRUST_NO)
        return -EINVAL;
    if (count == 0)
        return 0;
    struct ranges ranges = {bases, NULL, size};
    int error = advise(&ranges, count, MADV_GUARD_INSTALL);
    if (error || trust == TRUST_YES)
        return error;
    trust = guard_is_there(bases[0]) ? TRUST_YES : TRUST_NO;
    __atomic_store_n(&guard_trust, trust, __ATOMIC_RELAXED);
    return trust == TRUST_YES ? 0 : -EINVAL;
}

void weft__port_discard(void *const *bases, const size_t *sizes, size_t count)
{
    struct ranges ranges = {bases, sizes, 0};
    /* Locked memory cannot be given back, and nothing is lost when it stays. */
    (void)advise(&ranges, count, MADV_DONTNEED);
}

long weft__port_map_limit(void)
{
    char line[32];
    if (weft__port_read_file("/proc/sys/vm/max_map_count", line, sizeof line) == 0) {
        long limit = strtol(line, NULL, 10);
        if (limit > 0)
            return limit;
    }
    return 65530;
}

long weft__port_map_count(void)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    long lines = 0;
    char buffer[2048];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            lines = -1;
        if (got <= 0)
            break;
        for (const char *at = buffer; (at = memchr(at, '\n', (size_t)(buffer + got - at))) != NULL; at++)
            lines++;
    }
    (void)close(fd);
    return lines;
}

/* For ThreadSanitizer the memory is nobody's write, neither now nor when it is freed: what orders those is not for the program. */
static void *take(size_t size, size_t alignment)
{
    weft__race_ignore();
    void *memory = alignment == 0 ? malloc(size) : aligned_alloc(alignment, size);
    weft__race_heed();
    return memory;
}

void *weft__port_alloc(size_t size, size_t alignment)
{
    if (size == 0)
        size = 1;
    if (alignment <= _Alignof(max_align_t))
        return take(size, 0);
    size_t rounded = (size + alignment - 1) & ~(alignment - 1);
    return rounded < size ? NULL : take(rounded, alignment);
}

void weft__port_free(void *memory)
{
    weft__race_ignore();
    free(memory);
    weft__race_heed();
}

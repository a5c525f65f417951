/* SPDX-License-Identifier: Apache-2.0
 *
 * peek.c - reading memory of this process that may be gone or change meanwhile: for reports about a program that goes on.
 *
 * The kernel copies, and says so where there is nothing to copy: process_vm_readv(2) on oneself, or where that is refused (seccomp)
 * or unknown (an emulator), a write(2) to a pipe, which fails in the same way. Both are called by their numbers, so that a
 * sanitizer does not take them for accesses of the program.
 *
 * Locks:   none.
 * Callers: any thread; not signal handlers. errno is not kept. */
#include "port/port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIPE_CHUNK 512 /* less than any pipe holds */

static bool by_pipe(char *to, uintptr_t from, size_t size)
{
    int ends[2];
    if (syscall(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    bool good = true;
    while (good && size > 0) {
        size_t part = size < PIPE_CHUNK ? size : PIPE_CHUNK;
        good =
            syscall(SYS_write, ends[1], from, part) == (long)part && syscall(SYS_read, ends[0], to, part) == (long)part;
        to += part;
        from += part;
        size -= part;
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return good;
}

bool weft__port_peek(void *to, const void *from, size_t size)
{
    static bool refused; /* atomic: only ever saves a call */
    if (!__atomic_load_n(&refused, __ATOMIC_RELAXED)) {
        struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from, size};
        long got = syscall(SYS_process_vm_readv, (long)getpid(), &local, 1L, &remote, 1L, 0L);
        if (got == (long)size || (got < 0 && errno == EFAULT))
            return got == (long)size;
        if (got < 0)
            __atomic_store_n(&refused, true, __ATOMIC_RELAXED); /* as above */
    }
    return by_pipe(to, (uintptr_t)from, size);
}

/* In pieces that end where a page does: the next one may not be there. */
bool weft__port_peek_text(char *to, const char *from, size_t size)
{
    size_t page = weft__port_page_size(), used = 0;
    to[0] = 0;
    while (used + 1 < size) {
        size_t part = page - ((uintptr_t)from + used) % page, room = size - 1 - used;
        part = part < room ? part : room;
        if (!weft__port_peek(to + used, from + used, part)) {
            to[used] = 0;
            return false;
        }
        to[used + part] = 0;
        if (memchr(to + used, 0, part) != NULL)
            return true;
        used += part;
    }
    return true;
}

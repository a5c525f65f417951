/* SPDX-License-Identifier: Apache-2.0
 *
 * futex.c - waiting on a 32-bit word that only this process shares.
 *
 * Callers: any thread. The wake may be called where the word is no longer the caller's: a futex that was freed and reused
 * gets a spurious wake-up, which every waiter must bear anyway. */
#include "port/port.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void weft__port_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout)
{
    struct timespec relative = {timeout / 1000000000, timeout % 1000000000};
    /* Every error (EAGAIN, EINTR, ETIMEDOUT) means the same to the caller: look again. */
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout < 0 ? NULL : &relative, NULL, 0);
}

void weft__port_futex_wake(uint32_t *word, int count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

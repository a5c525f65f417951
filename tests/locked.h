/* SPDX-License-Identifier: Apache-2.0
 *
 * locked.h - for tests of goroutines that keep their kernel thread, or that never do: which one this is. */
#ifndef WEFT_TESTS_LOCKED_H
#define WEFT_TESTS_LOCKED_H

#include <sys/syscall.h>
#include <unistd.h>

#include <weft/words.h>

#include "sched/runtime.h"

#include "support.h"

TEST_HELPER pid_t thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

#endif

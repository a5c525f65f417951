/* SPDX-License-Identifier: Apache-2.0
 *
 * end.c - in builds that count coverage alone: a process that ends by exit_group writes its counters first.
 *
 * A report (a panic, a deadlock, an overflow) ends the process by the system call itself, so that nothing can hold it up; gcc's
 * counters are written by exit(3). This function is linked in front of libc's syscall(2) and does that on the way. */
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

void __gcov_dump(void);

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    __builtin_va_list arguments;
    long a[6];
    __builtin_va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = __builtin_va_arg(arguments, long);
    __builtin_va_end(arguments);
    if (number == SYS_exit_group)
        __gcov_dump();
    long (*real)(long, ...) = __atomic_load_n(&next, __ATOMIC_RELAXED);
    if (!real) {
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
        __atomic_store_n(&next, real, __ATOMIC_RELAXED);
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

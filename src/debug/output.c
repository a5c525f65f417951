/* SPDX-License-Identifier: Apache-2.0
 *
 * output.c - how reports are written: formatted into a buffer on the stack, written with write(2). */
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "debug/debug.h"
#include "port/port.h"

void weft__out(int fd, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > 0)
        weft__port_write(fd, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void weft__out_panic(int fd, int depth, const char *message)
{
    weft__out(fd, "%.*spanic: %s\n", depth, "\t\t\t\t\t\t\t\t", message);
}

void weft__out_simulated(int fd)
{
    uint64_t seed;
    if (weft__simulated(&seed))
        weft__out(fd, "simulated: weft_sim with seed %llu, %lld ns after its start\n", (unsigned long long)seed,
                  (long long)weft__simulated_time());
}

void weft__out_header(int fd, uint64_t goroutine, const char *name, const char *what)
{
    if (goroutine == 0)
        weft__out(fd, "thread [%s]:\n", what);
    else if (name != NULL)
        weft__out(fd, "goroutine %llu \"%s\" [%s]:\n", (unsigned long long)goroutine, name, what);
    else
        weft__out(fd, "goroutine %llu [%s]:\n", (unsigned long long)goroutine, what);
}

void weft__out_site(int fd, const struct weft_site *site, bool is_main)
{
    if (is_main)
        weft__out(fd, "    the main goroutine, started by weft_run\n");
    else if (site != NULL)
        weft__out(fd, "    created at %s:%d in %s\n", site->file, site->line, site->function);
}

void weft__out_task(int fd, const struct weft__task *task, const char *what)
{
    if (task->is_thread)
        weft__out(fd, "thread %ld [%s]:\n", syscall(SYS_gettid), what);
    else
        weft__out_header(fd, weft__task_id(task), weft__task_name(task), what);
}

void weft__out_created(int fd, const struct weft__task *task, bool is_main)
{
    weft__out_site(fd, weft__task_site(task), is_main);
}

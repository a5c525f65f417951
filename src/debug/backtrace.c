/* SPDX-License-Identifier: Apache-2.0
 *
 * backtrace.c - stack traces with libc alone: backtrace(3) walks by call frame information; for a suspended goroutine it is
 * called on that goroutine's own stack (weft__arch_inspect), where the frames of the switch lead on to the goroutine's.
 *
 * Names come from the dynamic symbol table (link with -rdynamic to have a program's own functions in it); every frame has the
 * object's name and offset for addr2line. The library's internal frames at the top are left out, so that the trace begins
 * with the public function that the program called. */
#include <dlfcn.h>
#include <execinfo.h>
#include <string.h>

#include "arch/arch.h"
#include "debug/debug.h"

#define FRAMES 64
#define SHOWN 24

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void print_frame(void *address)
{
    /* A return address may belong to the next line or function: look up the call before it. */
    char *at = (char *)address - 1;
    Dl_info info;
    memset(&info, 0, sizeof info);
    if (dladdr(at, &info) == 0 || info.dli_fname == NULL)
        weft__out("    %p\n", address);
    else if (info.dli_sname != NULL)
        weft__out("    %s+0x%lx  %s(+0x%lx)\n", info.dli_sname, (unsigned long)(at - (char *)info.dli_saddr),
                  base_name(info.dli_fname), (unsigned long)(at - (char *)info.dli_fbase));
    else
        weft__out("    %s(+0x%lx)\n", base_name(info.dli_fname), (unsigned long)(at - (char *)info.dli_fbase));
}

static __attribute__((noinline)) void print(void *unused)
{
    void *frames[FRAMES];
    (void)unused;
    int count = backtrace(frames, FRAMES);
    int shown = 0;
    for (int i = 1; i < count && shown < SHOWN; i++, shown++) /* 0 is this function */
        print_frame(frames[i]);
    if (count - 1 > SHOWN)
        weft__out("    ... %d more\n", count - 1 - SHOWN);
}

void weft__out_backtrace(void)
{
    print(NULL);
}

void weft__out_backtrace_of(void *suspended)
{
    weft__arch_inspect(suspended, print, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * backtrace.c - stack traces: taken with backtrace(3), which walks by call frame information; for a suspended goroutine on that
 * goroutine's own stack (weft__arch_inspect), where the frames of the switch lead on to the goroutine's.
 *
 * Printing is another matter, for another stack: a goroutine's may be small and nearly used up, and symbols.c needs room.
 *
 * What is left out: at the top the frames of the report, of the wait or panic, and the public function that the program
 * called; at the bottom those that start a goroutine. They are known by their source files, where the library has debug
 * information (it is built with -g1), else by their names; where names are not known (a stripped program, no libdw), all
 * frames are printed.
 *
 *      weft__trace_take <- weft__report_fault <- weft__panic <- panic_unlocked <- weft_chan_close <- handler <- app <- ...
 *      |------------------------------ left out -----------------------------------------------|
 *
 * Callers: reports, in no signal handler. */
#include <dlfcn.h>
#include <execinfo.h>
#include <string.h>

#include "arch/arch.h"
#include "debug/debug.h"
#include "port/port.h"

#define SHOWN 24
#define INLINED_MAX 8
#define BIG_STACK ((size_t)1 << 20)
#define BIG_STACK_TOP 256 /* what a frame's description may refer to beyond the pointer: zeroes */
#define STATICS_MAX 3     /* static functions of the library between a weft__ one and the public one */

/* ---- taking ---- */

static __attribute__((noinline)) void take(void *arg)
{
    struct weft__trace *trace = arg;
    int count = backtrace(trace->frames, WEFT__FRAMES), own = 0;
    /* From the caller on: a sanitizer's backtrace has a frame of its own. */
    while (own < count && trace->frames[own] != __builtin_return_address(0))
        own++;
    own = own < count ? own : 0;
    trace->count = count - own;
    memmove(trace->frames, trace->frames + own, (size_t)trace->count * sizeof trace->frames[0]);
    /* A return address may belong to the next line or function: the call before it is what counts. */
    for (int i = 0; i < trace->count; i++)
        trace->frames[i] = (char *)trace->frames[i] - 1;
}

void weft__trace_take(struct weft__trace *trace)
{
    take(trace);
}

void weft__trace_take_of(struct weft__trace *trace, void *suspended)
{
    weft__arch_inspect(suspended, take, trace);
}

/* ---- what is the program's ---- */

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_public(const char *name)
{
    return name != NULL && begins(name, "weft_") && name[5] != '_';
}

/* Where the library's sources are, as debug information has it: the file of a function here, without the room and the name. */
static size_t own_folder(struct weft__symbols *symbols, const char **folder)
{
    static const char self[] = "debug/backtrace.c";
    struct weft__symbol found[1];
    if (weft__symbols_at(symbols, (const void *)(uintptr_t)take, found, 1) == 0 || found[0].file == NULL)
        return 0;
    size_t length = strlen(found[0].file), tail = sizeof self - 1;
    if (length <= tail || strcmp(found[0].file + length - tail, self) != 0)
        return 0;
    *folder = found[0].file;
    return length - tail;
}

/* The tests stand beside the sources. */
static bool is_own_file(const char *file, const char *folder, size_t length)
{
    return file != NULL && length > 0 && strncmp(file, folder, length) == 0 && strstr(file, "_test.") == NULL;
}

/* The index of the program's innermost frame, by the names alone: after the last internal function from the top and the public
 * one, if that is there (it may have left by a tail call). */
static int first_by_name(struct weft__symbols *symbols, void *const *frames, int count)
{
    int first = 0;
    for (int i = 0; i < count && i <= first + STATICS_MAX; i++) {
        const char *name = weft__symbols_function(symbols, frames[i]);
        if (name == NULL)
            continue;
        if (is_public(name)) {
            while (i < count && is_public(weft__symbols_function(symbols, frames[i])))
                i++;
            return i < count ? i : 0;
        }
        if (begins(name, "weft__"))
            first = i + 1;
    }
    return first < count ? first : 0;
}

/* The same, where the library has debug information: the first frame that is not of its files. */
static int first_by_file(struct weft__symbols *symbols, const char *folder, size_t length, void *const *frames,
                         int count)
{
    for (int i = 0; i < count; i++) {
        struct weft__symbol found[INLINED_MAX];
        int there = weft__symbols_at(symbols, frames[i], found, INLINED_MAX);
        const char *name = weft__symbols_function(symbols, frames[i]);
        if ((there == 0 || !is_own_file(found[there - 1].file, folder, length)) &&
            (name == NULL || !begins(name, "weft__"))) /* assembly has no files */
            return i;
    }
    return count - 1; /* the goroutine's function is one of the library */
}

static int first_frame(struct weft__symbols *symbols, void *const *frames, int count)
{
    const char *folder;
    size_t length = own_folder(symbols, &folder);
    return length > 0 ? first_by_file(symbols, folder, length, frames, count) : first_by_name(symbols, frames, count);
}

/* One more than the index of the program's outermost frame. */
static int end_of_frames(struct weft__symbols *symbols, void *const *frames, int count)
{
    int end = count;
    while (end > 1 && weft__frame_is_start(weft__symbols_function(symbols, frames[end - 1])))
        end--;
    return end;
}

/* ---- printing ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* function+0x1f  object(+0x1234): for addr2line, where the source is not known. */
static void print_address(int fd, const char *function, char *at)
{
    Dl_info info;
    memset(&info, 0, sizeof info);
    bool known = dladdr(at, &info) != 0 && info.dli_fname != NULL;
    weft__out(fd, "    ");
    if (function != NULL)
        weft__out(fd, "%s  ", function);
    else if (known && info.dli_sname != NULL)
        weft__out(fd, "%s+0x%lx  ", info.dli_sname, (unsigned long)(at - (char *)info.dli_saddr));
    if (known)
        weft__out(fd, "%s(+0x%lx)\n", base_name(info.dli_fname), (unsigned long)(at - (char *)info.dli_fbase));
    else
        weft__out(fd, "%p\n", (void *)at);
}

static void print_frame(int fd, struct weft__symbols *symbols, char *at)
{
    struct weft__symbol found[INLINED_MAX];
    int count = weft__symbols_at(symbols, at, found, INLINED_MAX);
    if (count == 0 || found[0].file == NULL) {
        print_address(fd, symbols != NULL ? weft__symbols_function(symbols, at) : NULL, at);
        return;
    }
    for (int i = 0; i < count; i++) {
        if (i < count - 1 && found[i].function != NULL && begins(found[i].function, "weft__"))
            continue; /* of a public header, inlined where it was called */
        weft__out(fd, "    %s%s  %s:%d\n", found[i].function != NULL ? found[i].function : "?",
                  found[i].inlined ? " (inlined)" : "", found[i].file != NULL ? found[i].file : "?", found[i].line);
    }
}

void weft__trace_print(int fd, struct weft__symbols *symbols, void *const *frames, int count)
{
    int end = end_of_frames(symbols, frames, count);
    int first = end > 0 ? first_frame(symbols, frames, end) : 0;
    for (int i = first; i < end && i < first + SHOWN; i++)
        print_frame(fd, symbols, frames[i]);
    if (end > first + SHOWN)
        weft__out(fd, "    ... %d more\n", end - first - SHOWN);
}

/* ---- room ---- */

bool weft__on_big_stack(void (*fn)(void *arg), void *arg)
{
    char *stack = weft__port_reserve(BIG_STACK);
    if (stack == NULL)
        return false;
    weft__arch_inspect(stack + BIG_STACK - BIG_STACK_TOP, fn, arg);
    weft__port_release(stack, BIG_STACK);
    return true;
}

struct alone {
    int fd, count;
    void *const *frames;
};

static void print_alone(void *arg)
{
    const struct alone *alone = arg;
    struct weft__symbols *symbols = weft__symbols_open();
    weft__trace_print(alone->fd, symbols, alone->frames, alone->count);
    weft__symbols_close(symbols);
}

void weft__trace_print_alone(int fd, void *const *frames, int count)
{
    struct alone alone = {fd, count, frames};
    if (!weft__on_big_stack(print_alone, &alone))
        weft__trace_print(fd, NULL, frames, count);
}

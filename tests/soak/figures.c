/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.c - see figures.h. Nothing here allocates while it counts: the directories are read by getdents64, the maps by read. */
#include "soak/figures.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

/* Name and bound of each figure. Memory: a leak of one byte in a hundred operations is beyond it in minutes. A sanitizer's
 * own memory (quarantine, shadow, histories) grows for long and is mapped in pieces, so only the allocator's count is bound
 * there. All of it has high-water marks, which chance may exceed late: as many machines as were once in a blocking call, or held
 * up by a busy system, at the same time (a thread, three mappings, a processor of 10 KiB), as many stacks as were once in use. */
static const struct {
    const char *name;
    int64_t bound;
    bool least;
} kinds[FIGURES] = {
    [RESIDENT] = {"resident KiB", SANITIZED ? INT64_MAX : 6144, true},
    [HEAP] = {"heap in use KiB", 768, true},
    [MAPPINGS] = {"mappings", SANITIZED ? INT64_MAX : 64, false},
    [THREADS] = {"threads", 16, false},
    [DESCRIPTORS] = {"descriptors", 4, false},
};

static void cannot(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static int open_or_exit(const char *path, int flags)
{
    int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        cannot(path);
    return fd;
}

static int64_t resident_kib(void)
{
    char text[128];
    int fd = open_or_exit("/proc/self/statm", 0);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        cannot("/proc/self/statm");
    text[got] = 0;
    long long size, resident;
    if (sscanf(text, "%lld %lld", &size, &resident) != 2)
        cannot("/proc/self/statm");
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int64_t heap_kib(void)
{
#if SANITIZED
    return (int64_t)(__sanitizer_get_current_allocated_bytes() / 1024);
#else
    struct mallinfo2 info = mallinfo2();
    return (int64_t)((info.uordblks + info.hblkhd) / 1024);
#endif
}

static int64_t count_lines(const char *path)
{
    static char text[65536];
    int64_t lines = 0;
    int fd = open_or_exit(path, 0);
    for (ssize_t got; (got = read(fd, text, sizeof text)) != 0;) {
        if (got < 0)
            cannot(path);
        for (ssize_t i = 0; i < got; i++)
            lines += text[i] == '\n';
    }
    close(fd);
    return lines;
}

static int64_t count_entries(const char *path)
{
    static char entries[65536];
    int64_t count = 0;
    int fd = open_or_exit(path, O_DIRECTORY);
    for (long got; (got = syscall(SYS_getdents64, fd, entries, sizeof entries)) != 0;) {
        if (got < 0)
            cannot(path);
        for (long at = 0; at < got;) {
            unsigned short length; /* struct linux_dirent64: inode, offset, length, type, name */
            memcpy(&length, entries + at + 16, sizeof length);
            count += entries[at + 19] != '.';
            at += length;
        }
    }
    close(fd);
    return count;
}

void figures_take(struct figures *figures)
{
    figures->now[RESIDENT] = resident_kib();
    figures->now[HEAP] = heap_kib();
    figures->now[MAPPINGS] = count_lines("/proc/self/maps");
    figures->now[THREADS] = count_entries("/proc/self/task");
    figures->now[DESCRIPTORS] = count_entries("/proc/self/fd") - 1; /* the directory's own */
}

static void fold(struct figures *into, bool *has, const struct figures *figures)
{
    for (int i = 0; i < FIGURES; i++)
        if (!*has || (kinds[i].least ? figures->now[i] < into->now[i] : figures->now[i] > into->now[i]))
            into->now[i] = figures->now[i];
    *has = true;
}

void growth_add(struct growth *growth, const struct figures *figures, double share)
{
    if (share >= 0 && (share < 0.2 || !growth->has_first)) /* a round may take longer than the fifth */
        fold(&growth->first, &growth->has_first, figures);
    if (share >= 0.8)
        fold(&growth->last, &growth->has_last, figures);
}

bool growth_is_bounded(const struct growth *growth, int64_t operations)
{
    if (!growth->has_first || !growth->has_last) {
        printf("there are no figures of the first or the last fifth: too little time\n");
        return false;
    }
    bool bounded = true;
    printf("%-16s %10s %10s %10s %10s\n", "", "first", "last", "growth", "bound");
    for (int i = 0; i < FIGURES; i++) {
        int64_t first = growth->first.now[i], last = growth->last.now[i];
        bool good = last - first <= kinds[i].bound;
        char bound[24] = "none";
        if (kinds[i].bound != INT64_MAX)
            snprintf(bound, sizeof bound, "%lld", (long long)kinds[i].bound);
        printf("%-16s %10lld %10lld %10lld %10s%s\n", kinds[i].name, (long long)first, (long long)last,
               (long long)(last - first), bound, good ? "" : "  GROWS");
        bounded &= good;
    }
    double between = (double)operations * 0.8; /* from the first fifth to the last */
    printf("bytes kept per operation: %.6f of the heap, %.6f resident\n",
           (double)(growth->last.now[HEAP] - growth->first.now[HEAP]) * 1024 / between,
           (double)(growth->last.now[RESIDENT] - growth->first.now[RESIDENT]) * 1024 / between);
    return bounded;
}

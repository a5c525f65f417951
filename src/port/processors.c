/* SPDX-License-Identifier: Apache-2.0
 *
 * processors.c - how many processors this process may use: the affinity mask, and what the control groups' quota allows.
 *
 * A quota may be set on the process's own group or on any group above it, and the tightest one counts, so every level
 * up to the mount point is read. Version 2: cpu.max holds "quota period" or "max period". Version 1, where the cpu
 * controller is mounted by itself: cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us. /proc/self/cgroup names the
 * process's group in each hierarchy, /proc/self/mountinfo tells where the hierarchy is mounted and which group is at
 * the root of the mount (a container often sees only its own part).
 *
 * Source: cgroups(7), proc_pid_mountinfo(5). Callers: any thread; not signal handlers. */
#include "port/processors.h"
#include "port/port.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 1024
#define LINE_SIZE 2048

/* A file read line by line, without stdio (which would allocate). Lines that are too long are cut. */
struct reader {
    int fd;
    size_t begin, end;
    char buffer[1024];
};

static bool reader_open(struct reader *reader, const char *root, const char *path)
{
    char whole[PATH_SIZE];
    if (snprintf(whole, sizeof whole, "%s%s", root, path) >= (int)sizeof whole)
        return false;
    reader->begin = reader->end = 0;
    reader->fd = open(whole, O_RDONLY | O_CLOEXEC);
    return reader->fd >= 0;
}

static bool reader_line(struct reader *reader, char *line, size_t size)
{
    size_t length = 0;
    bool any = false;
    for (;;) {
        if (reader->begin == reader->end) {
            ssize_t got = read(reader->fd, reader->buffer, sizeof reader->buffer);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                break;
            reader->begin = 0;
            reader->end = (size_t)got;
        }
        any = true;
        char c = reader->buffer[reader->begin++];
        if (c == '\n')
            break;
        if (length < size - 1)
            line[length++] = c;
    }
    line[length] = '\0';
    return any;
}

/* Whether the comma-separated list has the word. */
static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (*list) {
        size_t item = strcspn(list, ",");
        if (item == length && memcmp(list, word, length) == 0)
            return true;
        list += item;
        if (*list)
            list++;
    }
    return false;
}

/* The process's group in the version 2 hierarchy, or in version 1's cpu hierarchy. */
static bool find_group(const char *root, bool version2, char *group, size_t size)
{
    struct reader reader;
    if (!reader_open(&reader, root, "/proc/self/cgroup"))
        return false;
    char line[LINE_SIZE];
    bool found = false;
    while (!found && reader_line(&reader, line, sizeof line)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *controllers++ = '\0';
        *path++ = '\0';
        if (version2 ? strcmp(line, "0") == 0 && *controllers == '\0' : list_has(controllers, "cpu"))
            found = snprintf(group, size, "%s", path) < (int)size;
    }
    (void)close(reader.fd);
    return found;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
            from[3] <= '7') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* Where that hierarchy is mounted, and which of its groups is at the mount's root. */
static bool find_mount(const char *root, bool version2, char *mount, char *mount_root, size_t size)
{
    struct reader reader;
    if (!reader_open(&reader, root, "/proc/self/mountinfo"))
        return false;
    char line[LINE_SIZE];
    bool found = false;
    while (!found && reader_line(&reader, line, sizeof line)) {
        /* id parent major:minor root mount-point options [optional ...] - type source super-options */
        char *separator = strstr(line, " - ");
        if (!separator)
            continue;
        *separator = '\0';
        char *save, *save_right;
        char *type = strtok_r(separator + 3, " ", &save_right);
        (void)strtok_r(NULL, " ", &save_right);
        char *super = strtok_r(NULL, " ", &save_right);
        if (!type || strcmp(type, version2 ? "cgroup2" : "cgroup") != 0)
            continue;
        if (!version2 && (!super || !list_has(super, "cpu")))
            continue;
        char *field = strtok_r(line, " ", &save);
        for (int i = 0; field && i < 3; i++)
            field = strtok_r(NULL, " ", &save);
        char *point = field ? strtok_r(NULL, " ", &save) : NULL;
        if (!point)
            continue;
        unescape(field);
        unescape(point);
        found = snprintf(mount_root, size, "%s", field) < (int)size && snprintf(mount, size, "%s", point) < (int)size;
    }
    (void)close(reader.fd);
    return found;
}

/* The directory's own quota in whole processors, rounded up; 0: none. */
static int directory_quota(const char *root, const char *directory, bool version2)
{
    char path[2 * PATH_SIZE], line[64];
    long long quota = 0, period = 0;
    if (version2) {
        (void)snprintf(path, sizeof path, "%s%s/cpu.max", root, directory);
        if (weft__port_read_file(path, line, sizeof line) != 0 || sscanf(line, "%lld %lld", &quota, &period) != 2)
            return 0; /* no such file at the top, or "max" */
    } else {
        (void)snprintf(path, sizeof path, "%s%s/cpu.cfs_quota_us", root, directory);
        if (weft__port_read_file(path, line, sizeof line) != 0)
            return 0;
        quota = atoll(line);
        (void)snprintf(path, sizeof path, "%s%s/cpu.cfs_period_us", root, directory);
        if (weft__port_read_file(path, line, sizeof line) != 0)
            return 0;
        period = atoll(line);
    }
    if (quota <= 0 || period <= 0)
        return 0;
    long long whole = quota / period + (quota % period != 0);
    return whole > INT_MAX ? INT_MAX : (int)whole;
}

static int hierarchy_quota(const char *root, bool version2)
{
    char group[PATH_SIZE / 2], mount[PATH_SIZE / 2], mount_root[PATH_SIZE / 2];
    if (!find_group(root, version2, group, sizeof group) ||
        !find_mount(root, version2, mount, mount_root, sizeof mount))
        return 0;

    /* The group's path below the mount's root; a group outside of what is mounted leaves the mount's root itself. */
    const char *below = group;
    size_t skip = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
    if (strncmp(group, mount_root, skip) == 0 && (group[skip] == '/' || group[skip] == '\0'))
        below += skip;
    else
        below = "";

    char directory[PATH_SIZE];
    (void)snprintf(directory, sizeof directory, "%s%s", mount, below);
    size_t top = strlen(mount), length = strlen(directory);
    while (length > top && directory[length - 1] == '/')
        directory[--length] = '\0';
    int least = 0;
    for (;;) {
        int quota = directory_quota(root, directory, version2);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        char *slash = strrchr(directory, '/');
        if (strlen(directory) <= top || !slash)
            return least;
        *slash = '\0';
    }
}

int weft__port_quota(const char *root)
{
    int second = hierarchy_quota(root, true);
    int first = hierarchy_quota(root, false);
    if (first == 0 || (second > 0 && second < first))
        return second;
    return first;
}

int weft__port_affinity(void)
{
    cpu_set_t usual;
    if (sched_getaffinity(0, sizeof usual, &usual) == 0)
        return CPU_COUNT(&usual);
    /* The kernel refuses a set that is smaller than its own. */
    for (size_t processors = 4 * CPU_SETSIZE; errno == EINVAL && processors <= 64 * CPU_SETSIZE; processors *= 4) {
        cpu_set_t *set = CPU_ALLOC(processors);
        if (!set)
            break;
        size_t size = CPU_ALLOC_SIZE(processors);
        int error = sched_getaffinity(0, size, set) == 0 ? 0 : errno;
        int count = error ? 0 : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (!error)
            return count;
        errno = error;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int weft__port_processors(void)
{
    int count = weft__port_affinity();
    int quota = weft__port_quota("");
    /* A quota below two still leaves two (P-09): with one, a goroutine that computes would hold up all others for the
     * watchdog's whole patience, although the quota lets a second one run between. */
    if (quota == 1)
        quota = 2;
    return quota > 0 && quota < count ? quota : count;
}

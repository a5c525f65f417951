/* SPDX-License-Identifier: Apache-2.0
 *
 * path.c - long paths, own files. See path.h. */
#define _GNU_SOURCE
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The kernel takes PATH_MAX - 1 bytes at a time: go down in pieces, from directory to directory. */
READS_ERRNO static int open_in_pieces(const char *path, int flags)
{
    char piece[PATH_MAX];
    int base = AT_FDCWD;

    while (strlen(path) >= PATH_MAX) {
        const char *slash = memrchr(path, '/', PATH_MAX - 1);
        if (!slash || slash == path) { /* one name longer than any can be */
            if (base >= 0)
                close(base);
            return -ENAMETOOLONG;
        }
        size_t length = (size_t)(slash - path);
        memcpy(piece, path, length);
        piece[length] = '\0';
        int next = openat(base, piece, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int error = errno;
        if (base >= 0)
            close(base);
        if (next < 0)
            return -error;
        base = next;
        path = slash + strspn(slash, "/");
    }
    int fd = openat(base, *path ? path : ".", flags);
    if (fd < 0)
        fd = -errno;
    if (base >= 0)
        close(base);
    return fd;
}

READS_ERRNO int open_path(const char *path, int flags)
{
    flags |= O_RDONLY | O_CLOEXEC;
    int fd = open(path, flags);
    if (fd >= 0)
        return fd;
    return errno == ENAMETOOLONG ? open_in_pieces(path, flags) : -errno;
}

static void add(struct own_files *own, const struct stat *status)
{
    if (!S_ISREG(status->st_mode) || own->count == sizeof own->files / sizeof *own->files)
        return;
    own->files[own->count].device = status->st_dev;
    own->files[own->count].inode = status->st_ino;
    own->count++;
}

void own_files_add_descriptor(struct own_files *own, int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0)
        add(own, &status);
}

void own_files_add_path(struct own_files *own, const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0)
        add(own, &status);
}

bool own_files_have(const struct own_files *own, const struct stat *status)
{
    for (int i = 0; i < own->count; i++)
        if (own->files[i].inode == status->st_ino && own->files[i].device == status->st_dev)
            return true;
    return false;
}

bool own_files_may_have(const struct own_files *own, ino_t inode)
{
    for (int i = 0; i < own->count; i++)
        if (own->files[i].inode == inode)
            return true;
    return false;
}

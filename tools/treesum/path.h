/* SPDX-License-Identifier: Apache-2.0
 *
 * path.h - opening files by paths of any length, and knowing the files that the run itself writes. */
#ifndef TREESUM_PATH_H
#define TREESUM_PATH_H

#include <stdbool.h>
#include <sys/stat.h>

/* errno belongs to the thread, and a goroutine that has waited may go on in another one. Compilers do not know that: they
 * work out where errno is once in a function. So a function that reads errno does not wait for anything of Weft's, and
 * is not inlined into one that does. */
#define READS_ERRNO __attribute__((noinline))

/* open(2) for reading, with close-on-exec, for paths longer than PATH_MAX as well. Returns a descriptor or -errno. */
int open_path(const char *path, int flags);

/* The files that the run writes to: standard output and error, the database. To digest one would give a digest of
 * something half-written; for the database it would even be dangerous, because to close any descriptor of a file drops
 * the process's fcntl(2) locks on it, SQLite's among them. Filled in before the walk, immutable from then on. */
struct own_files {
    struct {
        dev_t device;
        ino_t inode;
    } files[8];
    int count;
};

void own_files_add_descriptor(struct own_files *own, int fd);
void own_files_add_path(struct own_files *own, const char *path);
bool own_files_have(const struct own_files *own, const struct stat *status);
/* Whether own_files_have could say yes for the inode, so that fstatat(2) is worth its time. */
bool own_files_may_have(const struct own_files *own, ino_t inode);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.c - SHA-256 of one file. See digest.h.
 *
 * Most files are small and in the page cache, where reading one takes a few microseconds: less than handing the processor
 * to another thread and back. So a read is first tried with RWF_NOWAIT, which takes what the cache has; only if that
 * is nothing, the read is repeated in a weft_blocking section. Four system calls do for a small file: open, fstat, read,
 * close. File systems that do not know RWF_NOWAIT get plain reads; if one hangs, the scheduler's watchdog notices. */
#define _GNU_SOURCE
#include "digest.h"
#include "path.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUFFER_SIZE (128 * 1024) /* half of a small second-level cache: what was read is still there to be digested */
#define LARGE_FILE (1024 * 1024)

static EVP_MD
    *sha256; /* immutable once digest_open has set it: a reader that was given up uses it to the process's end */

void digest_open(void)
{
    /* A reader that was given up may be digesting when the process ends: OpenSSL must not clean up under it. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256) {
        report("OpenSSL offers no SHA-256: %s", ERR_reason_error_string(ERR_get_error()));
        exit(1);
    }
}

bool hasher_open(struct hasher *hasher, struct progress *progress, flag_recv_chan abort, flag_recv_chan cancel)
{
    *hasher = (struct hasher){.progress = progress, .abort = abort, .cancel = cancel};
    hasher->context = EVP_MD_CTX_new();
    hasher->buffer = malloc(BUFFER_SIZE);
    if (hasher->context && hasher->buffer)
        return true;
    hasher_close(hasher);
    return false;
}

void hasher_close(struct hasher *hasher)
{
    EVP_MD_CTX_free(hasher->context);
    free(hasher->buffer);
}

static struct outcome failed(int error, const char *reason)
{
    return (struct outcome){.state = JOB_FAILED, .error = error, .reason = reason};
}

/* read(2): bytes, 0 at the end, or -errno. */
READS_ERRNO static ssize_t read_waiting(int fd, void *buffer, size_t size)
{
    ssize_t got;
    do
        got = read(fd, buffer, size);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* What the page cache has: as read_waiting; -EAGAIN if that is nothing, other errors if it cannot be told. */
READS_ERRNO static ssize_t read_cached(int fd, void *buffer, size_t size)
{
    struct iovec all = {buffer, size};
    ssize_t got = preadv2(fd, &all, 1, -1, RWF_NOWAIT);
    return got < 0 ? -errno : got;
}

/* Read up to BUFFER_SIZE bytes at the file's position: their number, 0 at the end, or -errno. *plain: the file system does
 * not know RWF_NOWAIT. */
static ssize_t read_some(struct hasher *hasher, int fd, bool *plain)
{
    ssize_t got = *plain ? 0 : read_cached(fd, hasher->buffer, BUFFER_SIZE);
    if (got > 0)
        return got;
    if (got == -EAGAIN) {
        weft_blocking
        {
            got = read_waiting(fd, hasher->buffer, BUFFER_SIZE);
        }
        return got;
    }
    /* Without RWF_NOWAIT; or at the end, of which Linux 5.9 and 5.10 may speak too early. */
    *plain = *plain || got < 0;
    return read_waiting(fd, hasher->buffer, BUFFER_SIZE);
}

static bool must_leave(const struct hasher *hasher)
{
    return is_closed(hasher->abort) || is_closed(hasher->cancel);
}

/* Digest an open file of which fstat(2) says status. */
static struct outcome digest_open_file(struct hasher *hasher, int fd, const struct stat *status)
{
    struct outcome outcome = {.state = JOB_DIGESTED,
                              .mtime = status->st_mtim.tv_sec * WEFT_SECOND + status->st_mtim.tv_nsec};
    bool plain = hasher->has_plain_device && hasher->plain_device == status->st_dev;
    ssize_t got;

    if (!EVP_DigestInit_ex2(hasher->context, sha256, NULL))
        return failed(0, "OpenSSL could not begin a digest");
    do {
        if (must_leave(hasher))
            return (struct outcome){.state = JOB_LEFT};
        got = read_some(hasher, fd, &plain);
        if (got < 0)
            return failed((int)-got, NULL);
        if (!EVP_DigestUpdate(hasher->context, hasher->buffer, (size_t)got))
            return failed(0, "OpenSSL could not go on with a digest");
        outcome.size += got;
        progress_add_bytes(hasher->progress, got);
        /* Less than was asked for, and all that there should be: that was the end. Files of /proc have no size; a file
         * that grows is digested up to the size it had, or further. */
    } while (got > 0 && !(got < BUFFER_SIZE && outcome.size == status->st_size));
    if (!EVP_DigestFinal_ex(hasher->context, outcome.digest, NULL))
        return failed(0, "OpenSSL could not end a digest");

    if (plain) {
        hasher->has_plain_device = true;
        hasher->plain_device = status->st_dev;
    }
    return outcome;
}

/* fstat(2): 0 or -errno. */
READS_ERRNO static int status_of(int fd, struct stat *status)
{
    return fstat(fd, status) < 0 ? -errno : 0;
}

struct outcome digest_file(struct hasher *hasher, const char *path, bool follow)
{
    struct outcome outcome;
    struct stat status;
    /* O_NONBLOCK: should a pipe have taken the file's place since the walk, opening it must not wait for a writer. */
    int fd = open_path(path, O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return failed(-fd, NULL);
    int error = status_of(fd, &status);
    if (error < 0)
        outcome = failed(-error, NULL);
    else if (!S_ISREG(status.st_mode))
        outcome = failed(0, "not a regular file any more");
    else {
        if (status.st_size >= LARGE_FILE)
            posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        outcome = digest_open_file(hasher, fd, &status);
    }
    close(fd);
    return outcome;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.h - SHA-256 of one file. */
#ifndef TREESUM_DIGEST_H
#define TREESUM_DIGEST_H

#include "halt.h"
#include "job.h"
#include "progress.h"

#include <openssl/evp.h>
#include <sys/types.h>

/* What digesting needs besides the file: made once, used for many files, by one goroutine at a time. */
struct hasher {
    EVP_MD_CTX *context;
    unsigned char *buffer;
    struct progress *progress;
    flag_recv_chan abort;  /* closed: leave the file */
    flag_recv_chan cancel; /* as abort; NULL: none */
    bool has_plain_device;
    dev_t plain_device; /* the last one whose file system could not say whether a read would wait */
};

/* Look SHA-256 up and keep it, for all hashers. Exits the process if OpenSSL has none. Before the first hasher. */
void digest_open(void);

/* false: no memory (nothing to close then). */
bool hasher_open(struct hasher *hasher, struct progress *progress, flag_recv_chan abort, flag_recv_chan cancel);
void hasher_close(struct hasher *hasher);

/* Read a file to its end. Blocks: the thread while the file is read; reads that have to wait for a disk or a network are
 * marked as blocking, so that other goroutines go on.
 * Returns: JOB_DIGESTED, JOB_FAILED, or JOB_LEFT if abort or cancel was closed before the end. */
struct outcome digest_file(struct hasher *hasher, const char *path, bool follow);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * output.h - lines on standard output as sha256sum writes them. */
#ifndef TREESUM_OUTPUT_H
#define TREESUM_OUTPUT_H

#include "job.h"

#include <stddef.h>

struct output {
    char *buffer;
    size_t used;
    int error; /* an errno value: writing has failed, nothing more is written */
};

/* false: no memory. */
bool output_open(struct output *output);
/* Does not flush. */
void output_close(struct output *output);

/* Put one line in the buffer, and write the buffer if it is full. Blocks: the thread, if the reader of a pipe is slow.
 * Returns: whether all is well. */
bool output_add(struct output *output, const struct job *job);

/* Write what is in the buffer. As output_add. */
bool output_flush(struct output *output);

/* The last flush, and whether the file system has taken everything: some say so only when the file is closed. */
bool output_finish(struct output *output);

/* 2 * DIGEST_SIZE hexadecimal digits, no NUL. */
void write_hex(char *text, const unsigned char *digest);

#endif

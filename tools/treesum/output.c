/* SPDX-License-Identifier: Apache-2.0
 *
 * output.c - lines on standard output as sha256sum writes them. See output.h.
 *
 * A line is 64 hexadecimal digits, two blanks and the path. If the path holds a backslash, a newline or a carriage return
 * these become \\, \n and \r, and the line begins with a backslash to say so. */
#define _GNU_SOURCE
#include "output.h"
#include "path.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (64 * 1024)

bool output_open(struct output *output)
{
    *output = (struct output){.buffer = malloc(BUFFER_SIZE)};
    return output->buffer != NULL;
}

void output_close(struct output *output)
{
    free(output->buffer);
}

READS_ERRNO bool output_flush(struct output *output)
{
    size_t written = 0;
    while (written < output->used && output->error == 0) {
        ssize_t count = write(STDOUT_FILENO, output->buffer + written, output->used - written);
        if (count >= 0)
            written += (size_t)count;
        else if (errno == EAGAIN) /* somebody has made it non-blocking */
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR)
            output->error = errno;
    }
    output->used = 0;
    return output->error == 0;
}

static void put(struct output *output, const char *text, size_t length)
{
    while (length > 0) {
        size_t part = BUFFER_SIZE - output->used;
        if (part > length)
            part = length;
        memcpy(output->buffer + output->used, text, part);
        output->used += part;
        text += part;
        length -= part;
        if (output->used == BUFFER_SIZE)
            output_flush(output);
    }
}

static void put_escaped(struct output *output, const char *path)
{
    for (;;) {
        size_t plain = strcspn(path, "\\\n\r");
        put(output, path, plain);
        path += plain;
        if (!*path)
            return;
        put(output, *path == '\n' ? "\\n" : *path == '\r' ? "\\r" : "\\\\", 2);
        path++;
    }
}

void write_hex(char *text, const unsigned char *digest)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < DIGEST_SIZE; i++) {
        *text++ = digits[digest[i] >> 4];
        *text++ = digits[digest[i] & 15];
    }
}

bool output_add(struct output *output, const struct job *job)
{
    char head[2 * DIGEST_SIZE + 2];
    size_t length = strlen(job->path);
    bool escaped = strcspn(job->path, "\\\n\r") < length;

    if (escaped)
        put(output, "\\", 1);
    write_hex(head, job->outcome.digest);
    memset(head + 2 * DIGEST_SIZE, ' ', 2);
    put(output, head, sizeof head);
    if (escaped)
        put_escaped(output, job->path);
    else
        put(output, job->path, length);
    put(output, "\n", 1);
    return output->error == 0;
}

READS_ERRNO bool output_finish(struct output *output)
{
    if (output_flush(output) && close(STDOUT_FILENO) < 0)
        output->error = errno;
    return output->error == 0;
}

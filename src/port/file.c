/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c - reading small files of the kernel, and writing reports.
 *
 * Callers: weft__port_write and weft__port_write_error anywhere, signal handlers included (errno is kept); the rest any
 *          thread. */
#include "port/port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int weft__port_read_file(const char *path, char *buffer, size_t size)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    size_t length = 0;
    int error = 0;
    while (length < size - 1) {
        ssize_t got = read(fd, buffer + length, size - 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            error = -errno;
        if (got <= 0)
            break;
        length += (size_t)got;
        if (memchr(buffer + length - got, '\n', (size_t)got))
            break;
    }
    (void)close(fd);
    buffer[length] = '\0';
    buffer[strcspn(buffer, "\n")] = '\0';
    return error;
}

void weft__port_write(int fd, const char *text, size_t length)
{
    int kept = errno;
    while (length > 0) {
        ssize_t wrote = write(fd, text, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break; /* nobody can be told */
        text += wrote;
        length -= (size_t)wrote;
    }
    errno = kept;
}

void weft__port_write_error(const char *text, size_t length)
{
    weft__port_write(STDERR_FILENO, text, length);
}

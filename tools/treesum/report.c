/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - messages on standard error. See report.h.
 * A message is put together first and written at once, so that those of several programs do not mix in a line. */
#define _GNU_SOURCE
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void put_escaped(FILE *stream, const char *path)
{
    for (const unsigned char *c = (const unsigned char *)path; *c; c++)
        if (*c == '\n')
            fputs("\\n", stream);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(stream, "\\%03o", *c);
        else
            putc(*c, stream);
}

static void write_report(const char *path, const char *format, va_list arguments)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return;
    fputs("treesum: ", stream);
    if (path) {
        put_escaped(stream, path);
        fputs(": ", stream);
    }
    vfprintf(stream, format, arguments);
    putc('\n', stream);
    if (fclose(stream) == 0)
        fwrite(text, 1, length, stderr);
    free(text);
}

void report(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_report(NULL, format, arguments);
    va_end(arguments);
}

void report_path(const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_report(path, format, arguments);
    va_end(arguments);
}

void die_out_of_memory(void)
{
    static const char message[] = "treesum: out of memory\n";
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0) {
        /* nobody is left to tell */
    }
    _exit(1);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - messages on standard error. */
#ifndef TREESUM_REPORT_H
#define TREESUM_REPORT_H

/* "treesum: <message>" and a newline. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "treesum: <path>: <message>" and a newline; control characters of the path are shown as escapes, so that a message is
 * one line and no file's name can play tricks on a terminal. */
void report_path(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* No memory for the next few bytes: say so and end the process with exit code 1. What a database had not committed is
 * not in it, as after a SIGKILL. */
_Noreturn void die_out_of_memory(void);

#endif

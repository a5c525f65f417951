/* SPDX-License-Identifier: Apache-2.0
 *
 * symbols.h - what a code address is in the source: function, file, line, and what was inlined there. See symbols.c. */
#ifndef WEFT_DEBUG_SYMBOLS_H
#define WEFT_DEBUG_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weft__symbols;

/* A function at an address. The strings live until weft__symbols_close. */
struct weft__symbol {
    const char *function; /* NULL: not known */
    const char *file;     /* NULL: not known */
    int line;
    bool inlined; /* into the one that follows */
};

/* Load libdw and the process's list of modules; NULL: not there, or not wanted (WEFT_SYMBOLS=off). Allocates, reads files and
 * needs some 100 KiB of stack: not for signal handlers, and only on a stack like that of weft__on_big_stack. */
struct weft__symbols *weft__symbols_open(void);
void weft__symbols_close(struct weft__symbols *symbols);

/* The function whose code is at address, inlined ones left aside; by libdw, or (symbols is NULL) from the dynamic symbol
 * table alone. NULL: not known. */
const char *weft__symbols_function(struct weft__symbols *symbols, const void *address);

/* What is at address, innermost first: up to room entries, the last of which is not inlined. 0: nothing is known. */
int weft__symbols_at(struct weft__symbols *symbols, const void *address, struct weft__symbol *found, int room);

#endif

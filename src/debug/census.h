/* SPDX-License-Identifier: Apache-2.0
 *
 * census.h - all goroutines, as reports list them. See census.c. */
#ifndef WEFT_DEBUG_CENSUS_H
#define WEFT_DEBUG_CENSUS_H

#include "debug/debug.h"

/* Take down all goroutines but self (NULL: all). Others who come wait until give_back. still: no goroutine can run. */
void weft__census_take(const struct weft__task *self, bool still);
void weft__census_give_back(void);

/* In between: how many there were, and how many of them receive from a channel; a block for each. symbols as for
 * weft__trace_print. */
size_t weft__census_seen(void);
size_t weft__census_receivers(void);
void weft__census_print(int fd, struct weft__symbols *symbols);

#endif

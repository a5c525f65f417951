/* SPDX-License-Identifier: Apache-2.0
 *
 * recover.h - what a panic does where weft_recover contains it. */
#ifndef WEFT_DEBUG_RECOVER_H
#define WEFT_DEBUG_RECOVER_H

#include "debug/debug.h"

/* Leave the blocking sections that were begun since the call: the deferred calls may park. */
void weft__recover_sections(const struct weft__recovery *recovery);

/* The deferred calls have been made: tell the caller of weft_recover of the newest panic, and go on there. */
_Noreturn void weft__recover_land(struct weft__recovery *recovery, const struct weft__trace *trace);

#endif

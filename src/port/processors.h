/* SPDX-License-Identifier: Apache-2.0
 *
 * processors.h - how many processors this process may use; for the port room, its test, and spinning locks. */
#ifndef WEFT_PROCESSORS_H
#define WEFT_PROCESSORS_H

/* Processors in the affinity mask; at least 1. Allocates nothing with up to 1,024 of them. */
int weft__port_affinity(void);

/* The tightest processor quota of this process's control groups, rounded up to whole processors; 0: none.
 * root is put before every path that is read ("" in earnest, a made-up tree in tests). */
int weft__port_quota(const char *root);

#endif

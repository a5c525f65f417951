/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex.h - the mutex for use inside the library: a lock with a wait reason of the caller's, for reports that a reader of
 * the program understands. */
#ifndef WEFT_SYNC_MUTEX_H
#define WEFT_SYNC_MUTEX_H

#include <weft/sync.h>

#include "sched/sched.h"

/* weft_mutex_lock, whose waits are reported as reason on object. */
void weft__mutex_lock_for(weft_mutex *mutex, const struct weft__wait_reason *reason, void *object);

/* weft_mutex_unlock of one that was locked so. Neither is an order that ThreadSanitizer is told of: it is not the program's. */
void weft__mutex_unlock_for(weft_mutex *mutex);

#endif

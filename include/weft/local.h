/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/local.h - values that belong to a goroutine, as thread-local ones belong to a thread.
 *
 *     static weft_local connection = WEFT_LOCAL_INIT(close_connection);
 *     ...
 *     if (weft_local_get(&connection) == NULL)
 *         weft_local_set(&connection, open_connection());
 *
 * Each goroutine has a value of its own for each key, NULL at first; it keeps it when it changes its thread, which a thread-local
 * variable does not. A new goroutine inherits nothing. Plain threads have values, too.
 *
 * When the goroutine ends - by return or weft_exit, main's included, or when the thread ends - each value that is not NULL is
 * handed to its key's destructor, after the deferred calls and before those are told who wait for the goroutine's end (a wait
 * group). The value is NULL by then. Destructors run in the goroutine, in no particular order, and may do what it may do;
 * values that they set are destroyed in another round, of which there are four: a fifth is a panic. No destructor is called
 * for a goroutine that is cut off when main returns, nor when the process ends by a panic or exit(3), as for deferred calls.
 *
 * A key is for the life of the process: a static variable, never moved or copied. It cannot be deleted: its values would have to be
 * taken from running goroutines. */
#ifndef WEFT_LOCAL_H
#define WEFT_LOCAL_H

#include <weft/base.h>

/* A key; all zero: one without a destructor. */
typedef struct weft_local {
    void (*destructor)(void *value); /* may be NULL */
    uint64_t opaque;
} weft_local;

/* clang-format off */
#define WEFT_LOCAL_INIT(destructor) {(destructor), 0}
/* clang-format on */

WEFT_BEGIN_DECLS

/** weft_local_get - the calling goroutine's value of a key.
 *  Blocks: never. Callable from: goroutines and threads, destructors and deferred calls included. Ordering: none: nobody
 *  else sees the value.
 *  Returns: what was set last, NULL if nothing was. Source: pthread_getspecific(3). */
WEFT_API void *weft_local_get(const weft_local *key);

/** weft_local_set - give the calling goroutine a value of a key. The one before is not destroyed.
 *  Parameters: value; NULL: none, as in the beginning.
 *  Blocks: never. Callable from: as for weft_local_get. Ordering: none.
 *  Note: The first value of a goroutine takes 80 bytes of memory, a key beyond the fourth of the program more.
 *  Returns: 0; or -ENOMEM, or -EAGAIN (a plain thread whose end cannot be watched, as the process has too many
 *  pthread_key_t), and the value is what it was. Source: pthread_setspecific(3). */
WEFT_API int weft_local_set(weft_local *key, void *value);

WEFT_END_DECLS

#endif

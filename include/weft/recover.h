/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/recover.h - containing a panic: a function that panics ends, and its caller goes on.
 *
 * What is contained: weft_panic, and misuse of this library that panics (send on a closed channel, a negative wait group
 * counter ...). A call that panics leaves no lock of the library taken, and the object that it was made on as it was (but a
 * wait group that is increased while its waiters leave, which stays increased).
 *
 * What is not:
 *   - fatal errors (unlock of an unlocked mutex, a fault in the runtime), deadlock, stack overflow, and signals such as
 *     SIGSEGV and SIGABRT: they end the process as ever;
 *   - a panic in another goroutine, also in one that the function has started (each one contains its own);
 *   - what the function held: a mutex that it has locked, memory, open files. Release them by weft_defer, whose calls are made;
 *   - C++: destructors of the frames that are left do not run. */
#ifndef WEFT_RECOVER_H
#define WEFT_RECOVER_H

#include <weft/base.h>

#define WEFT_PANIC_FRAMES 40

/* A contained panic. name and site are NULL for a plain thread. */
struct weft_panic_info {
    char message[512];            /* of the panic that ended the function, cut off if it is longer */
    char earlier[256];            /* of those that it replaced, oldest first, a line each; empty: there were none */
    uint64_t goroutine;           /* its number; 0: a plain thread */
    const char *name;             /* the goroutine's */
    const struct weft_site *site; /* where it was spawned */
    int frame_count;
    void *frames[WEFT_PANIC_FRAMES]; /* code addresses, innermost first: where the panic was */
};

WEFT_BEGIN_DECLS

/** weft_recover - call fn(arg) so that a panic in it ends fn alone.
 *  Parameters: info, filled in when there was a panic; may be NULL. The deferred calls that were pushed in fn are made
 *  first, newest first; a panic in one of them replaces the one that came before, and the rest are made.
 *  Blocks: if fn or its deferred calls do. Callable from: goroutines and threads, in fn and in deferred calls again: the
 *  innermost call contains. Ordering: fn runs in the caller.
 *  Note: weft_exit in fn passes through: the goroutine ends. fn must not leave by longjmp. A contained panic is no panic for
 *  those who called: a once counts fn as done, a wait group counts down when the goroutine ends, main may return meanwhile.
 *  Blocking sections that fn is in are left before the deferred calls.
 *  Returns: true if a panic was contained, false if fn has returned. Source: Go's recover, in a deferred call around fn. */
WEFT_API bool weft_recover(void (*fn)(void *arg), void *arg, struct weft_panic_info *info);

/** weft_panic_info_print - write a contained panic as the report of an uncontained one would have it: messages, goroutine,
 *  trace, spawn site.
 *  Parameters: fd, a file descriptor such as STDERR_FILENO.
 *  Blocks: the thread, while it looks for symbols (the first time that takes some 10 ms) and writes.
 *  Callable from: goroutines and threads. Source: the form of Go's traces. */
WEFT_API void weft_panic_info_print(const struct weft_panic_info *info, int fd);

WEFT_END_DECLS

#endif

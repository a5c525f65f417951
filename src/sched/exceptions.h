/* SPDX-License-Identifier: Apache-2.0
 *
 * exceptions.h - C++ exceptions in flight belong to a goroutine, though the C++ runtime keeps them per thread.
 *
 * The C++ ABI has two words for each thread: the exceptions whose catch blocks it is in, and how many are thrown and not caught yet. A
 * goroutine that parks in a catch block, or in a destructor during unwinding, takes them along: whoever switches away
 * keeps the two words in its own frame and leaves zeros, and puts them back on the thread where it goes on. So nothing is
 * added to struct goroutine, and who has nothing in flight finds two zeros and keeps nothing.
 *
 * The library does not need libstdc++: __cxa_get_globals is a weak reference. Without it EXTRA_EXCEPTIONS is not set, and
 * a switch pays nothing for any of this. A C program that loads C++ code later, by dlopen, is such a program: the reference was
 * resolved when it started. It has to be linked with the C++ runtime (-lstdc++, not dropped by --as-needed) if
 * that code parks with exceptions in flight.
 *
 * Source: Itanium C++ ABI, Exception Handling, 2.2.2 (__cxa_eh_globals); libstdc++ and libc++abi have it alike. */
#ifndef WEFT_SCHED_EXCEPTIONS_H
#define WEFT_SCHED_EXCEPTIONS_H

#include <stddef.h>

/* The beginning of __cxa_eh_globals; on the processors that there are, all of it. */
struct weft__exceptions {
    void *caught;
    unsigned uncaught;
};

/* At the start of a run. */
void weft__exceptions_init(void);

/* The calling thread's, NULL without a C++ runtime. The address is the thread's own for its whole life. */
struct weft__exceptions *weft__exceptions_here(void);

/* Before a switch: *kept is what the one that leaves has in flight. here: the machine's, may be NULL, as below. */
static inline void weft__exceptions_leave(struct weft__exceptions *here, struct weft__exceptions *kept)
{
    *kept = (struct weft__exceptions){NULL, 0};
    if (here == NULL || (here->caught == NULL && here->uncaught == 0))
        return;
    *kept = *here;
    *here = (struct weft__exceptions){NULL, 0};
}

/* After it, perhaps on another thread, whose last goroutine has left zeros. */
static inline void weft__exceptions_arrive(struct weft__exceptions *here, const struct weft__exceptions *kept)
{
    if (kept->caught != NULL || kept->uncaught != 0)
        *here = *kept;
}

#endif

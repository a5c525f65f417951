/* SPDX-License-Identifier: Apache-2.0
 *
 * once.c - a call that is made once.
 *
 * Data:  done, 1 when the call has ended; the mutex that the caller holds during it, so that others wait for its end.
 * The end is marked by a deferred call, so that weft_exit inside fn counts as done and lets the others go. */
#include <weft/defer.h>
#include <weft/sync.h>

#include "base/atomic.h"
#include "base/check.h"

struct once {
    WEFT__ATOMIC(uint32_t) done;
    uint32_t unused;
    weft_mutex mutex;
};
_Static_assert(sizeof(struct once) == sizeof(weft_once), "the public words hold the once");

static void finish(void *arg)
{
    struct once *once = arg;
    weft__store_release(&once->done, 1u); /* pairs with weft_once_do's load: fn happens before every return */
    weft_mutex_unlock(&once->mutex);
}

static __attribute__((noinline)) void do_slow(struct once *once, void (*fn)(void *arg), void *arg)
{
    weft_mutex_lock(&once->mutex);
    if (weft__load_acquire(&once->done) != 0) { /* pairs with finish */
        weft_mutex_unlock(&once->mutex);
        return;
    }
    weft_defer(finish, once);
    fn(arg);
}

void weft_once_do(weft_once *public, void (*fn)(void *arg), void *arg)
{
    struct once *once = (struct once *)public;
    if (WEFT__UNLIKELY(weft__load_acquire(&once->done) == 0)) /* pairs with finish */
        do_slow(once, fn, arg);
}

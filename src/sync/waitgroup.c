/* SPDX-License-Identifier: Apache-2.0
 *
 * waitgroup.c - wait until a number of things are done.
 *
 * Data:       a crowd (crowd.h) whose word has the counter in its high 32 bits, signed; the event is that it is zero.
 * Invariants: counter = 0 and WAITED => the add that brought it to zero is about to release the crowd, and nobody else.
 * Cost:       one exchange per add and done; wait is one load when the counter is zero.
 * Life:       a waiter may free the wait group as soon as its wait has returned, even beside other waiters (W-04):
 *             add's last touch is its exchange, or that of the release; see crowd.h.
 * Misuse:     looked for where it can be seen without touching the object later than that (W-02): a counter below zero; an
 *             increase from zero while the waiters are not released yet; and, by a waiter that was alone (else another one
 *             may have freed the object), an increase before its wait has returned. So a wait that begins when others have been
 *             let go already, and finds zero, gives no right to free it beside one that was alone, which may still look.
 * Callers:    goroutines and threads; not signal handlers.
 * Source:     the rules of Go's sync.WaitGroup. */
#include <stdio.h>

#include <weft/sync.h>

#include "sync/cancel.h"
#include "sync/crowd.h"
#include "sync/spin.h"

#define ONE (UINT64_C(1) << 32)

_Static_assert(sizeof(struct weft__crowd) <= sizeof(weft_waitgroup), "the public words hold the wait group");
_Static_assert(_Alignof(struct weft__crowd) <= _Alignof(weft_waitgroup), "the public words hold the wait group");

static int32_t counter_of(uint64_t word)
{
    return (int32_t)(word >> 32);
}

/* The object may be gone with the frame that it was in, so reports get its address alone; and nothing is unlinked at the end
 * of a run. */
static void describe(const void *object, char *buffer, size_t size)
{
    snprintf(buffer, size, "on wait group %p", object);
}

static const struct weft__wait_reason waiting = {.text = "wait group wait", .describe = describe};

/* A counter out of range is put back before the panic, which may be contained. If a waiter came meanwhile, and takes the zero
 * that comes back for the event, it is let go as any other. (An increase from zero beside waiters stays: whether the waiters
 * that are there now are those who are being released cannot be told.) */
static __attribute__((cold, noinline)) void misused(struct weft__crowd *crowd, int delta, uint64_t before)
{
    int64_t counter = (int64_t)counter_of(before) + delta;
    if (counter >= 0 && counter <= INT32_MAX)
        weft__panic("wait group misuse: add called concurrently with wait");
    /* relaxed: add has released what came before, and this continues its release sequence. */
    uint64_t now = weft__add_relaxed(&crowd->word, (uint64_t) - (int64_t)delta * ONE);
    bool came = (now & WEFT__CROWD_WAITED) != 0 && (before & WEFT__CROWD_WAITED) == 0;
    if (came && (int64_t)counter_of(now) - delta == 0)
        weft__crowd_release(crowd);
    if (counter < 0)
        weft__panic("negative wait group counter");
    weft__panic("wait group counter above %d", INT32_MAX);
}

static inline void add(weft_waitgroup *wg, int delta)
{
    struct weft__crowd *crowd = (struct weft__crowd *)wg;
    if (delta < 0)
        weft__race_release(wg);
    /* release: what came before each done happens before the return of the wait that the last of them ends (W-01): the word is only
     * ever exchanged, so they are one release sequence, which the release of the crowd and wait acquire. */
    uint64_t before = weft__add_release(&crowd->word, (uint64_t)(int64_t)delta * ONE);
    int64_t counter = (int64_t)counter_of(before) + delta;
    bool waited = (before & WEFT__CROWD_WAITED) != 0;
    bool from_zero_while_waited = waited && counter_of(before) == 0 && delta > 0;
    if (WEFT__UNLIKELY(counter < 0 || counter > INT32_MAX || from_zero_while_waited))
        misused(crowd, delta, before);
    if (counter == 0 && waited && counter_of(before) != 0)
        weft__crowd_release(crowd);
}

void weft_waitgroup_add(weft_waitgroup *wg, int delta)
{
    add(wg, delta);
}

void weft_waitgroup_done(weft_waitgroup *wg)
{
    add(wg, -1);
}

static inline int wait(weft_waitgroup *wg, struct weft_context *context)
{
    struct weft__crowd *crowd = (struct weft__crowd *)wg;
    for (unsigned turns = 0;;) {
        uint64_t word = weft__load_acquire(&crowd->word); /* pairs with add's exchange, and with release's */
        if (counter_of(word) == 0 && (word & WEFT__CROWD_WAITED) == 0) {
            weft__race_acquire(wg);
            return 0;
        }
        if ((word & WEFT__CROWD_BUSY) != 0) {
            weft__spin_turn(&turns);
            continue;
        }
        switch (weft__crowd_join(crowd, word, &waiting, wg, context)) {
        case WEFT__CROWD_CHANGED:
            break;
        case WEFT__CROWD_LET_GO:
            return 0;
        case WEFT__CROWD_CANCELLED:
            return weft__context_error(context);
        case WEFT__CROWD_ALONE:
            /* relaxed: it only tells misuse; park's return has ordered what the done calls did. */
            if (WEFT__UNLIKELY(weft__load_relaxed(&crowd->word) != 0))
                weft__panic("wait group is reused before the previous wait has returned");
            return 0;
        }
    }
}

void weft_waitgroup_wait(weft_waitgroup *wg)
{
    wait(wg, NULL);
}

int weft_waitgroup_wait_ctx(weft_context *context, weft_waitgroup *wg)
{
    int error = weft__context_error(context);
    return error != 0 ? error : wait(wg, weft__context_is_cancellable(context) ? context : NULL);
}

/* Exit hook of a goroutine that was counted: runs when it returns or calls weft_exit, not when it panics (W-03). */
static void count_off(void *wg, int result)
{
    (void)result;
    add(wg, -1);
}

weft__function weft_waitgroup_go_begin(weft__function fn, const struct weft_site *site, weft_waitgroup *wg,
                                       unsigned shape)
{
    const struct weft__pending_hook hook = {.on_exit = count_off, .arg = wg};
    add(wg, 1); /* before the goroutine can end */
    weft__race_enter(WEFT__RACE_CALLER);
    weft__function capture = weft__spawn_begin(fn, site, NULL, &hook, shape);
    weft__race_leave();
    if (WEFT__UNLIKELY(capture == NULL))
        add(wg, -1);
    return capture;
}

int weft_waitgroup_go_copy_at(const struct weft_site *site, weft_waitgroup *wg, void (*fn)(void *copy),
                              const void *value, size_t size)
{
    const struct weft__pending_hook hook = {.on_exit = count_off, .arg = wg};
    add(wg, 1); /* as above */
    weft__race_enter(WEFT__RACE_CALLER);
    int error = weft__spawn_copy(site, NULL, &hook, fn, value, size);
    weft__race_leave();
    if (WEFT__UNLIKELY(error != 0))
        add(wg, -1);
    return error;
}

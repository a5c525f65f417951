/* SPDX-License-Identifier: Apache-2.0
 *
 * select.c - wait for the first of several operations.
 *
 *   0. look at all channels without a lock, choose one of those that seem to be ready, and try that one alone, as a send or
 *      receive of its own would. If it goes through it was ready at that instant, as any of the outcomes of step 2 must be;
 *      what is not ready is never decided here
 *   1. lock all channels, in address order, each once: the state of all is seen at one instant (S-03)
 *   2. count who is ready, choosing one of them uniformly on the way (reservoir sampling), and carry it out
 *   3. nobody: default, or a time-out of zero or less; else put a waiter into every channel and park; the locks go once
 *      the context is saved
 *   4. the one waker that wins the claim (a channel's partner, a close, the deadline) serves one case; the others drop
 *      the waiters that they find claimed
 *   5. awake: take the remaining waiters out, each under its channel's lock; those in the channel that has served, if it stands in
 *      several cases, the waker has taken out at once
 *
 * The waiters and the lock order live in the cases, which are the caller's: nothing is allocated. After the winner's unlock no
 * waker touches the select (S-09); the channel of the case that was served is not touched in step 5 either, so its
 * partner may free it (C-14).
 * Timers' channels are asked in step 1 and bound the sleep by their next instant; then the select starts over. */
#include <stddef.h>

#include "chan/operation.h"
#include "chan/reports.h"
#include "port/port.h"

#define INSERTION_MAX 12

/* What step 1 found out about the cases. */
struct plan {
    struct weft__select select;
    int otherwise;    /* index of the default case, -1 */
    int timeout;      /* index of the shortest time-out, -1 */
    int64_t deadline; /* of that; INT64_MAX without one */
    bool timed;       /* a timer's channel is among them */
};

static struct weft__chan *chan_of(const struct weft__select *select, size_t index)
{
    return select->cases[index].channel;
}

/* ---- lock order ---- */

static uint16_t order_get(const struct weft__select *select, size_t rank)
{
    return weft__case_waiter(&select->cases[rank])->order;
}

static void order_set(const struct weft__select *select, size_t rank, uint16_t index)
{
    weft__case_waiter(&select->cases[rank])->order = index;
}

static void order_insert(const struct weft__select *select, size_t rank, uint16_t index)
{
    uintptr_t key = (uintptr_t)chan_of(select, index);
    for (; rank > 0 && (uintptr_t)chan_of(select, order_get(select, rank - 1)) > key; rank--)
        order_set(select, rank, order_get(select, rank - 1));
    order_set(select, rank, index);
}

static void sift(const struct weft__select *select, size_t root, size_t count)
{
    uint16_t index = order_get(select, root);
    uintptr_t key = (uintptr_t)chan_of(select, index);
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && (uintptr_t)chan_of(select, order_get(select, child + 1)) >
                                     (uintptr_t)chan_of(select, order_get(select, child)))
            child++;
        if ((uintptr_t)chan_of(select, order_get(select, child)) <= key)
            break;
        order_set(select, root, order_get(select, child));
    }
    order_set(select, root, index);
}

/* Ranks 0 to active-1 name the cases that have a channel, by its address. */
static void sort(const struct weft__select *select)
{
    size_t rank = 0, active = select->active;
    for (size_t i = 0; i < select->count; i++)
        if (weft__case_is_active(&select->cases[i])) {
            if (active <= INSERTION_MAX)
                order_insert(select, rank, (uint16_t)i);
            else
                order_set(select, rank, (uint16_t)i);
            rank++;
        }
    if (active <= INSERTION_MAX)
        return;
    for (size_t i = active / 2; i-- > 0;)
        sift(select, i, active);
    for (size_t end = active - 1; end > 0; end--) {
        uint16_t last = order_get(select, end);
        order_set(select, end, order_get(select, 0));
        order_set(select, 0, last);
        sift(select, 0, end);
    }
}

static void lock_all(const struct weft__select *select)
{
    struct weft__chan *held = NULL;
    for (size_t rank = 0; rank < select->active; rank++) {
        struct weft__chan *chan = chan_of(select, order_get(select, rank));
        if (chan != held)
            weft__chan_lock(chan);
        held = chan;
    }
}

/* The last unlock may let the caller's frame go: the next channel is looked up before. */
static void unlock_all(void *arg)
{
    const struct weft__select *select = arg;
    size_t active = select->active;
    struct weft__chan *chan = active > 0 ? chan_of(select, order_get(select, 0)) : NULL;
    for (size_t rank = 1; rank < active; rank++) {
        struct weft__chan *next = chan_of(select, order_get(select, rank));
        if (next != chan)
            weft__chan_unlock(chan);
        chan = next;
    }
    if (chan != NULL)
        weft__chan_unlock(chan);
}

/* ---- readiness ---- */

/* Under the lock: somebody waits on the other side who is still to be had. A yes may turn out to be a no, when the partner's
 * select is won elsewhere; then the attempt has taken it off the list. */
static bool has_partner(weft__waiters *list)
{
    struct weft__waiter *first = weft__waiters_oldest(list), *waiter = first;
    if (first == NULL)
        return false;
    do {
        if (waiter->claim == NULL || weft__load_relaxed(waiter->claim) == WEFT__UNCLAIMED) /* the attempt checks it */
            return true;
        waiter = waiter->next;
    } while (waiter != first);
    return false;
}

static bool is_ready(const struct weft_select_case *one)
{
    struct weft__chan *chan = one->channel;
    if (weft__chan_is_closed(chan))
        return true;
    if (one->operation == WEFT_SELECT_SEND)
        return weft__chan_count(chan) < chan->capacity || has_partner(&chan->receivers);
    return weft__chan_count(chan) > 0 || has_partner(&chan->senders);
}

/* Of those that have been counted up to now the k-th one replaces the choice with probability 1/k. */
static bool draw(uint32_t *ready)
{
    ++*ready;
    return *ready == 1 || ((uint64_t)weft__random() * *ready) >> 32 == 0;
}

/* Under all locks: one of the ready cases, each with the same probability; -1: none. */
static int choose(const struct weft__select *select)
{
    int chosen = -1;
    uint32_t ready = 0;
    for (size_t i = 0; i < select->count; i++) {
        const struct weft_select_case *one = &select->cases[i];
        if (weft__case_is_active(one) && is_ready(one) && draw(&ready))
            chosen = (int)i;
    }
    return chosen;
}

/* Without a lock: one of the cases that seem to be ready; -1: none, or there are timers' channels, which have to be asked. */
static int look(const struct weft_select_case *cases, size_t count)
{
    int chosen = -1;
    uint32_t ready = 0;
    for (size_t i = 0; i < count; i++) {
        const struct weft_select_case *one = &cases[i];
        if (!weft__case_is_active(one))
            continue;
        struct weft__chan *chan = one->channel;
        if (chan->timed)
            return -1;
        /* relaxed: hints. The attempt takes the lock. */
        uint64_t elements = weft__load_relaxed(&chan->count);
        bool seems = one->operation == WEFT_SELECT_SEND
                         ? elements < chan->capacity || weft__load_relaxed(&chan->receivers) != NULL
                         : elements > 0 || weft__load_relaxed(&chan->senders) != NULL;
        if ((seems || weft__load_relaxed(&chan->closed)) && draw(&ready))
            chosen = (int)i;
    }
    return chosen;
}

static void set_ok(const struct weft_select_case *one, bool ok)
{
    if (one->operation == WEFT_SELECT_RECV && one->ok != NULL)
        *one->ok = ok;
}

/* Under the lock of its channel. */
static inline __attribute__((always_inline)) enum weft__outcome attempt(const struct weft_select_case *one,
                                                                        struct weft__task **wake)
{
    struct weft__chan *chan = one->channel;
    return one->operation == WEFT_SELECT_SEND ? weft__chan_put(chan, one->value, wake, !WEFT__QUICK)
                                              : weft__chan_get(chan, one->value, wake, !WEFT__QUICK);
}

/* Without locks; the channel may be gone. What the case's operation leaves. */
static void conclude(const struct weft_select_case *one, enum weft__outcome outcome, struct weft__task *wake,
                     uint32_t element_size)
{
    if (WEFT__LIKELY(outcome == WEFT__DONE)) {
        if (wake != NULL)
            weft__ready(wake);
        set_ok(one, true);
        return;
    }
    if (one->operation == WEFT_SELECT_SEND)
        weft__panic("send on closed channel");
    weft__element_clear(one->value, element_size);
    set_ok(one, false);
}

/* Under all locks: carry out case index and let the locks go. False: it was not ready after all; the locks are still held. */
static bool carry_out(struct weft__select *select, int index)
{
    struct weft_select_case *one = &select->cases[index];
    struct weft__task *wake;
    uint32_t size = ((struct weft__chan *)one->channel)->element_size;
    enum weft__outcome outcome = attempt(one, &wake);
    if (outcome == WEFT__WOULD_WAIT)
        return false;
    unlock_all(select);
    conclude(one, outcome, wake, size);
    return true;
}

/* Under no lock: carry out a case that seems to be ready. False: it was not. */
static bool carry_out_alone(const struct weft_select_case *one)
{
    struct weft__chan *chan = one->channel;
    struct weft__task *wake;
    uint32_t size = chan->element_size;
    weft__chan_lock(chan);
    enum weft__outcome outcome = attempt(one, &wake);
    weft__chan_unlock(chan);
    if (WEFT__UNLIKELY(outcome == WEFT__WOULD_WAIT))
        return false;
    conclude(one, outcome, wake, size);
    return true;
}

/* ---- waiting ---- */

/* Under all locks. In lock order, so that the cases of one channel follow each other. */
static void put_waiters(struct weft__select *select, struct weft__task *self)
{
    struct weft__waiter *last = NULL;
    struct weft__chan *last_chan = NULL;
    for (size_t rank = 0; rank < select->active; rank++) {
        uint16_t index = order_get(select, rank);
        struct weft_select_case *one = &select->cases[index];
        struct weft__chan *chan = one->channel;
        struct weft__waiter *waiter = weft__case_waiter(one);
        waiter->task = self;
        waiter->value = one->value;
        waiter->claim = &select->claim;
        waiter->index = index;
        waiter->element_size = chan->element_size;
        waiter->repeated = chan == last_chan;
        if (WEFT__UNLIKELY(waiter->repeated))
            last->repeated = true;
        weft__waiters_add(weft__case_list(one), waiter);
        last = waiter;
        last_chan = chan;
    }
}

/* The winner's side, under its channel's lock and before the select is readied: its frame is there, and its other cases leave
 * here, as it may not come back to this channel. */
__attribute__((noinline, cold)) void weft__waiters_drop_repeated(const struct weft__waiter *winner)
{
    const struct weft__select *select =
        (const void *)((const char *)winner->claim - offsetof(struct weft__select, claim));
    const struct weft__chan *chan = chan_of(select, winner->index);
    ASSERT(weft__lock_is_taken(&chan->lock));
    for (size_t i = 0; i < select->count; i++) {
        struct weft_select_case *one = &select->cases[i];
        if (!weft__case_is_active(one) || one->channel != chan)
            continue;
        struct weft__waiter *waiter = weft__case_waiter(one);
        if (waiter->listed)
            weft__waiters_remove(weft__case_list(one), waiter);
    }
}

/* Take out the waiters that nobody has taken. The winner's channel has none of them left (weft__waiters_take), and may be gone. */
static void take_waiters(struct weft__select *select, int winner)
{
    const struct weft__chan *served = winner >= 0 ? chan_of(select, (size_t)winner) : NULL;
    for (size_t i = 0; i < select->count; i++) {
        struct weft_select_case *one = &select->cases[i];
        struct weft__chan *chan = one->channel;
        if (!weft__case_is_active(one) || chan == served)
            continue;
        struct weft__waiter *waiter = weft__case_waiter(one);
        weft__chan_lock(chan);
        if (waiter->listed)
            weft__waiters_remove(weft__case_list(one), waiter);
        weft__chan_unlock(chan);
    }
}

/* Under all locks, nothing is ready: sleep. Returns the case that was served, or -1: look again. */
static int wait(struct plan *plan, int64_t until)
{
    struct weft__select *select = &plan->select;
    struct weft__task *self = weft__self();
    weft__store_relaxed(&select->claim, WEFT__UNCLAIMED); /* published with the waiters, under the locks */
    weft__race_publish(&self->race.out);
    put_waiters(select, self);
    const struct weft__wait_reason *reason =
        select->active > 0 || until != INT64_MAX ? &weft__reason_select : &weft__reason_select_never;
    weft__park_until(self, reason, select, unlock_all, select, until, &select->claim);
    uint32_t claim = weft__load_relaxed(&select->claim); /* whoever has won it readied this task afterwards */
    if (claim == WEFT__CLAIMED_BY_TIME) {
        take_waiters(select, -1);
        return until == plan->deadline ? plan->timeout : -1;
    }
    int winner = (int)claim - 1;
    struct weft_select_case *one = &select->cases[winner];
    struct weft__waiter *waiter = weft__case_waiter(one);
    take_waiters(select, winner);
    if (waiter->result == WEFT__WAITER_RETRY)
        return -1;
    weft__race_acquire(&self->race.in);
    if (waiter->result == WEFT__WAITER_CLOSED) {
        if (one->operation == WEFT_SELECT_SEND)
            weft__panic("send on closed channel");
        weft__element_clear(one->value, waiter->element_size);
    }
    set_ok(one, waiter->result == WEFT__WAITER_SERVED);
    return winner;
}

/* Under all locks: bring the timers' channels up to date. The next instant at which one of them may have a value. */
static int64_t ask_timers(const struct weft__select *select)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < select->count; i++) {
        struct weft__chan *chan = select->cases[i].channel;
        if (select->cases[i].operation != WEFT_SELECT_RECV || chan == NULL || !chan->timed)
            continue;
        int64_t at = chan->source->poll(chan->source, chan);
        if (at < next)
            next = at;
    }
    return next;
}

/* ---- select ---- */

static struct plan survey(struct weft_select_case *cases, size_t count)
{
    struct plan plan = {.otherwise = -1, .timeout = -1, .deadline = INT64_MAX};
    int64_t shortest = INT64_MAX;
    plan.select.cases = cases;
    plan.select.count = count;
    for (size_t i = 0; i < count; i++) {
        const struct weft_select_case *one = &cases[i];
        if (one->operation == WEFT_SELECT_DEFAULT)
            plan.otherwise = (int)i;
        else if (one->operation == WEFT_SELECT_TIMEOUT && (plan.timeout < 0 || one->duration < shortest))
            plan.timeout = (int)i, shortest = one->duration;
        else if (weft__case_is_active(one)) {
            plan.select.active++;
            plan.timed |= ((const struct weft__chan *)one->channel)->timed;
        }
    }
    if (plan.timeout >= 0 && plan.otherwise < 0) {
        if (shortest <= 0)
            plan.otherwise = plan.timeout; /* it does what a default does */
        else
            plan.deadline = weft__deadline(shortest);
    }
    return plan;
}

/* A default and one channel: the try operations, which do not take the lock to say no. */
static int try_one(struct weft_select_case *cases, int channel, int otherwise)
{
    struct weft_select_case *one = &cases[channel];
    if (one->operation == WEFT_SELECT_SEND)
        return weft_chan_try_send_untyped(one->channel, one->value) ? channel : otherwise;
    bool ok;
    if (!weft_chan_try_recv_untyped(one->channel, one->value, &ok))
        return otherwise;
    set_ok(one, ok);
    return channel;
}

static int select_among(struct weft_select_case *cases, size_t count)
{
    if (count == 2 && cases[0].operation == WEFT_SELECT_DEFAULT && weft__case_is_active(&cases[1]))
        return try_one(cases, 1, 0);
    if (count == 2 && cases[1].operation == WEFT_SELECT_DEFAULT && weft__case_is_active(&cases[0]))
        return try_one(cases, 0, 1);
    int index = look(cases, count);
    if (index >= 0 && carry_out_alone(&cases[index]))
        return index;
    struct plan plan = survey(cases, count);
    sort(&plan.select);
    for (;;) {
        lock_all(&plan.select);
        int64_t until = plan.timed ? ask_timers(&plan.select) : INT64_MAX;
        while ((index = choose(&plan.select)) >= 0)
            if (carry_out(&plan.select, index))
                return index;
        if (plan.otherwise >= 0) {
            unlock_all(&plan.select);
            return plan.otherwise;
        }
        if ((index = wait(&plan, plan.deadline < until ? plan.deadline : until)) >= 0)
            return index;
    }
}

#ifdef WEFT_RACE_REPORTS
/* All that may be sent is read when the select begins. */
static void race_begin(struct weft_select_case *cases, size_t count, void *caller)
{
    for (struct weft_select_case *one = cases; one < cases + count; one++) {
        if (!weft__case_is_active(one))
            continue;
        struct weft__chan *chan = one->channel;
        weft__case_waiter(one)->element_size = chan->element_size;
        if (one->operation != WEFT_SELECT_SEND)
            continue;
        weft__race_read(&chan->race_used, 1, caller);
        weft__race_read(one->value, chan->element_size, caller);
    }
}

/* The channel may be gone. */
static void race_end(struct weft_select_case *chosen, void *caller)
{
    if (chosen->operation != WEFT_SELECT_RECV)
        return;
    weft__race_write(chosen->value, weft__case_waiter(chosen)->element_size, caller);
    weft__race_write(chosen->ok, sizeof *chosen->ok, caller);
}
#endif

int weft_select(struct weft_select_case *cases, size_t count)
{
    if (WEFT__UNLIKELY(count > UINT16_MAX))
        weft__panic("select with %zu cases: at most 65535 are possible", count);
#ifdef WEFT_RACE_REPORTS
    void *caller = WEFT__RACE_CALLER;
    race_begin(cases, count, caller);
    weft__race_enter(caller);
    int chosen = select_among(cases, count);
    weft__race_leave();
    race_end(&cases[chosen], caller);
    return chosen;
#else
    return select_among(cases, count);
#endif
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.c - holding the world for a moment: goroutines that run go on, but none that is suspended is resumed. So a report can walk
 * the stacks of those while the program is alive.
 *
 * The gate. Who resumes a goroutine first announces it (m->commit is not NULL) and then looks whether the gate is closed;
 *   who closes it first says so and then waits until nobody has announced anything:
 *        machine: commit = ...; load attention (gate)         closer: attention |= GATE, closed = 1; load every commit
 *   One of the two sees the other, if there is a full barrier between the store and the load on both sides. The machine's would
 *   cost at every switch, so the closer has the kernel make one in every thread (weft__port_barrier), and the machine only
 *   keeps the compiler from exchanging the two.
 *   m->commit is there anyway: it is the step that the context that follows has to make. A switch from goroutine to goroutine looks at
 *   attention alone, which sends it to the scheduler's loop; the loop's way out is the gate itself (weft__gate_pass).
 *   A machine that gets a processor while the gate is closed gets the bit with it (weft__processor_acquire).
 *
 * Who is suspended. A goroutine's state says so only when its machine has announced the switch: m->commit is set first, then the
 *   state, then the context is saved, then commit is cleared (release). So: (1) close the gate and see every commit NULL: nobody
 *   resumes any more; (2) mark those whose state is WAITING or RUNNABLE; (3) see every commit NULL again: the contexts of
 *   all that are marked are saved, and stay so until the gate opens.
 *
 * Data:       owner, who may hold the world, or end a run; closed, a futex word that machines wait on; g->held, the marks.
 * Locks:      owner (taken for as long as the world is held), then runtime.lock. The holder waits for nobody but the machines in
 *             the middle of a switch, and for those SETTLE at most: they may be held up by the kernel or a debugger.
 * Callers:    goroutines and threads; the watchdog. */
#include "port/port.h"
#include "sched/runtime.h"

#define SETTLE (200 * WEFT_MILLISECOND)
#define SETTLE_POLL (20 * WEFT_MICROSECOND)
#define OWNER_POLL (1 * WEFT_MILLISECOND)

static struct {
    WEFT__ATOMIC(uint32_t) owner;
    WEFT__ATOMIC(uint32_t) closed; /* written under runtime.lock */
} gate;

void weft__commit_nothing(void *arg)
{
    (void)arg;
}

bool weft__gate_is_closed(void)
{
    return weft__load_acquire(&gate.closed) != 0; /* pairs with weft__world_hold and weft__world_release */
}

/* relaxed: the closer wants to see the contexts that the machine has saved. Those were published by the NULL of finish_switch, whose
 * release sequence a later store of the same thread goes on with. */
void weft__gate_turn_back(struct machine *m)
{
    weft__store_relaxed(&m->commit, NULL);
}

void weft__gate_pass(struct machine *m)
{
    for (;;) {
        weft__store_relaxed(&m->commit, weft__commit_nothing); /* see the head: the barrier is the closer's */
        weft__fence_compiler();
        if (WEFT__LIKELY(!weft__gate_is_closed()))
            return;
        weft__gate_turn_back(m);
        weft__port_futex_wait((uint32_t *)&gate.closed, 1, -1);
    }
}

void weft__gate_own(void)
{
    while (weft__exchange_acquire(&gate.owner, 1u) != 0) /* pairs with weft__gate_disown */
        weft__port_thread_sleep(OWNER_POLL);
}

void weft__gate_disown(void)
{
    weft__store_release(&gate.owner, 0u); /* pairs with weft__gate_own */
}

/* ---- settling ---- */

static bool are_settled(void)
{
    bool settled = true;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    for (struct machine *m = weft__rt.machines; m != NULL && settled; m = m->next)
        settled = weft__load_acquire(&m->commit) == NULL; /* pairs with finish_switch: the context is saved */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return settled;
}

static bool settle(void)
{
    for (int64_t until = weft__port_now() + SETTLE; !are_settled();) {
        if (weft__port_now() > until)
            return false;
        weft__port_thread_sleep(SETTLE_POLL);
    }
    return true;
}

static bool mark(struct goroutine *g, void *arg)
{
    const bool *held = arg;
    uint32_t state = weft__load_acquire(&g->task.state); /* pairs with weft__suspend: m->commit was set before */
    g->held = *held && !g->lost && (state == WEFT__WAITING || state == WEFT__RUNNABLE);
    return true;
}

/* ---- the world ---- */

void weft__gate_mark(struct processor *p)
{
    if (WEFT__UNLIKELY(weft__load_relaxed(&gate.closed) != 0)) /* under runtime.lock, as its writers are */
        weft__or_release(&p->attention, ATTENTION_GATE);       /* pairs with weft__attention_take: closed is seen */
}

static void set_closed(bool closed)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__store_release(&gate.closed, closed ? 1u : 0u); /* pairs with weft__gate_is_closed */
    uint32_t count = weft__load_relaxed(&weft__rt.running) != 0 ? weft__load_relaxed(&weft__rt.processor_count)
                                                                : 0; /* both written under the lock */
    for (uint32_t i = 0; i < count; i++)
        weft__gate_mark(weft__rt.processors[i]);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

bool weft__world_hold(bool still)
{
    weft__gate_own();
    set_closed(true);
    bool held = (still || weft__port_barrier()) && settle();
    weft__stack_each(mark, &held);
    if (held && !settle()) {
        held = false;
        weft__stack_each(mark, &held);
    }
    return held;
}

void weft__world_release(void)
{
    bool held = false;
    weft__stack_each(mark, &held);
    set_closed(false);
    weft__port_futex_wake((uint32_t *)&gate.closed, INT32_MAX);
    weft__gate_disown();
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_thread.c - goroutines that keep their kernel thread (weft_lock_thread).
 *
 * A machine whose thread belongs to a goroutine runs that one alone. When the goroutine is suspended, the machine gives its
 * processor up, wakes another for what is left there, and sleeps (weft__locked_next). The goroutine goes through the queues like any
 * other. Whoever takes it out is not its machine: it hands over the processor that it has and goes idle (weft__locked_elsewhere).
 *
 *      owner:  g parks, commit: g may be readied        finder: takes g out of a queue
 *              lock; release p;                                 lock; owner.handed = own p; itself into the idle list;
 *                handed? go on : waits = true; unlock             waits? waits = false, wake after : nothing; unlock
 *              sleep on wake; p = handed; resume g              sleep as an idle machine does
 *
 * No wake-up is lost: both sides take runtime.lock, so either the finder sees waits, and wakes, or the owner sees handed, and does not
 * sleep. Exactly one finder comes for each time that g is made runnable, as g is in one queue once. The finder has a processor, so
 * the owner need not look for one: with all of them at work it would wait behind goroutines that came later.
 *
 * Data:       machine.locked and task.is_locked, from the first weft_lock_thread to the last weft_unlock_thread; the machine is in
 *             the goroutine's list of what it owns (locked_end): that is how it is found, and told of the goroutine's end.
 * Invariants: (a run is going on) g->task.is_locked => exactly one machine m has m->locked == g, and it is alive. So a finder may
 *             use it, under runtime.lock, as long as stopping is not set: machines end after that, or by the end of g. A machine that
 *             ends with the run leaves is_locked as it is, since others may still be about to look: it goes when all have ended.
 * Locks:      runtime.lock.
 * Callers:    goroutines; the scheduler's loop. In a plain thread and in a simulated run nothing happens.
 * Source:     Go's stoplockedm and startlockedm. */
#include <weft/run.h>

#include "port/port.h"
#include "sched/sim.h"

static void lock(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
}
static void unlock(void)
{
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

static struct machine *machine_of(struct weft__owned *owned)
{
    return (struct machine *)((char *)owned - offsetof(struct machine, locked_end));
}

/* The goroutine has ended and is locked. It is off the list already. */
static void end_locked(struct weft__owned *owned)
{
    struct machine *m = machine_of(owned);
    weft__store_relaxed(&m->locked->task.is_locked, false); /* nobody looks for it any more */
    m->ends = true;
}

static struct machine *machine_for(const struct goroutine *g)
{
    struct weft__owned *owned = g->task.owned;
    while (owned->release != end_locked)
        owned = owned->next;
    return machine_of(owned);
}

void weft__locked_forget(struct goroutine *g)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    struct weft__owned **link = &g->task.owned;
    while (*link != NULL && (*link)->release != end_locked)
        link = &(*link)->next;
    if (*link != NULL)
        *link = (*link)->next;
}

/* ---- locking ---- */

void weft_lock_thread(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL || weft__sim_is_on())
        return;
    CHECK(m->locks < UINT32_MAX);
    if (m->locks++ > 0)
        return;
    struct goroutine *g = m->g;
    weft__or_acq_rel(&weft__extras, EXTRA_LOCKED); /* before g is in a queue: see has_extras */
    m->locked_end.release = end_locked;
    m->locked_end.next = g->task.owned;
    g->task.owned = &m->locked_end;
    lock();
    m->locked = g;
    weft__store_relaxed(&g->task.is_locked, true);
    unlock();
}

void weft_unlock_thread(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL || m->locks == 0 || --m->locks > 0)
        return;
    lock();
    weft__locked_forget(m->g);
    weft__store_relaxed(&m->g->task.is_locked, false);
    m->locked = NULL;
    unlock();
}

/* ---- the machine whose thread it is ---- */

/* Under runtime.lock. */
static bool is_over(struct machine *m)
{
    return weft__load_seq(&weft__rt.stopping) != 0 || weft__load_relaxed(&m->lost); /* both written under the lock */
}

/* Give up the processor. *sleeps: until somebody hands one over. False: the run is over. */
static bool give_up_processor(struct machine *m, bool *sleeps)
{
    bool work = false;
    runnable next = m->p != NULL ? runq_take_next(&m->p->queue) : RUNNABLE_NONE;
    if (next != RUNNABLE_NONE) /* whoever gets p begins a slice, which run-next is not to inherit */
        weft__put_tail(m->p, next);
    lock();
    if (is_over(m)) {
        unlock();
        return false;
    }
    if (m->p != NULL) {
        work = weft__leaves_work(m->p);
        weft__processor_release(m);
    }
    *sleeps = !m->ends && m->handed == NULL;
    if (*sleeps) {
        weft__store_relaxed(&m->wake, 0u); /* who wakes it has seen waits, under the lock */
        m->waits = true;
        weft__rt.locked_count++;
    }
    unlock();
    if (work)
        weft__wake_processor();
    return true;
}

runnable weft__locked_next(struct machine *m)
{
    bool sleeps;
    if (!give_up_processor(m, &sleeps) || m->ends)
        return RUNNABLE_NONE;
    if (sleeps) {
        weft__check_deadlock();                   /* it may be the last one that was at work */
        while (weft__load_acquire(&m->wake) == 0) /* pairs with machine_wake */
            weft__port_futex_wait((uint32_t *)&m->wake, 0, -1);
    }
    lock();
    m->p = m->handed; /* NULL: the end of the run woke it */
    m->handed = NULL;
    bool over = is_over(m);
    unlock();
    return over ? RUNNABLE_NONE : runnable_of_goroutine(m->locked);
}

/* ---- the machine that finds the goroutine ---- */

bool weft__locked_elsewhere(struct machine *m, runnable r)
{
    if (runnable_is_spawn(r))
        return false;
    struct goroutine *g = runnable_goroutine(r);
    /* relaxed: its owner wrote it before it came into the queue; what is read here is looked at under the lock. */
    if (!weft__load_relaxed(&g->task.is_locked) || m->locked == g)
        return false;
    struct processor *p = m->p;
    lock();
    if (is_over(m)) {
        unlock();
        return true; /* the loop sees it, too */
    }
    struct machine *owner = machine_for(g);
    ASSERT(owner->locked == g && owner->handed == NULL);
    /* A scheduling point: the watchdog's patience with the owner begins now. The slice goes on: partners that are locked may be each
     * other's run-next. Own variable as long as it is m's. */
    weft__store_relaxed(&p->tick, weft__load_relaxed(&p->tick) + 1);
    owner->handed = p;
    p->machine = owner;
    m->p = NULL;
    bool wakes = owner->waits;
    if (wakes) {
        owner->waits = false; /* now it waits for this caller alone, and cannot end before it is woken */
        weft__rt.locked_count--;
    }
    weft__idle_push(m);
    unlock();
    if (wakes)
        weft__machine_wake(owner);
    (void)weft__idle_wait(m, false); /* the loop sees whether the run is over */
    return true;
}

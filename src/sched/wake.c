/* SPDX-License-Identifier: Apache-2.0
 *
 * wake.c - waking: a processor for work that was published, and a machine for it, an idle one or a new thread.
 *
 * Two ways to publish work:
 *  - inject (global queue): under runtime.lock, then weft__wake_processor. A machine goes idle under the same lock
 *    after it has seen the global queue empty there, so one of the two sees the other.
 *  - the own processor's queue: published by the ring's release store, then room and spinning are read without a fence:
 *        owner: store tail; load spinning (!= 0: wake nobody)     machine: spinning -= 1; load tail (== 0: sleep)
 *    Both may read the old value on x86. Nothing is lost but a little parallelism: the owner is at work and runs its
 *    queue itself, and the watchdog, awake while any processor is busy, wakes a machine at its next tick.
 * A machine that was woken looks for work (it is counted in spinning) and wakes the next one when it has found some.
 *
 * A thread for a machine is asked for once, by whoever wants one: that may be a goroutine, or a timer under its heap's lock. If
 * it is refused, nobody asks again for a pause that doubles (start_after); then whoever publishes work does, and the watchdog,
 * which does not sleep while work is owed.
 *
 * Locks: runtime.lock. Callers: goroutines, plain threads, timers, the scheduler's loop, the watchdog. */
#include <errno.h>

#include "port/port.h"
#include "sched/runtime.h"

#define START_PAUSE WEFT_MILLISECOND /* after a thread was refused; then twice as long, up to */
#define START_DOUBLINGS 6u

static void lock(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
}
static void unlock(void)
{
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

bool weft__work_somewhere(void)
{
    if (weft__load_seq(&weft__rt.global_count) > 0)
        return true;
    uint32_t count = weft__load_acquire(&weft__rt.processor_count); /* pairs with processor_new */
    for (uint32_t i = 0; i < count; i++) {
        struct processor *p = weft__rt.processors[i];
        if (runq_length(&p->queue) > 0)
            return true;
        if (weft__load_relaxed(&p->queue.next) != RUNNABLE_NONE &&
            (weft__load_relaxed(&p->status) != PROCESSOR_RUNNING ||
             (weft__load_relaxed(&p->attention) & ATTENTION_OPEN) != 0)) /* hints: steal checks by CAS */
            return true;
    }
    return false;
}

/* Under the lock, which both are written under: there is a run, and its processors stay while the lock is held. */
static bool is_open(void)
{
    return weft__load_relaxed(&weft__rt.running) != 0 && weft__load_relaxed(&weft__rt.stopping) == 0;
}

void weft__inject(runnable first, runnable last, uint32_t count)
{
    const struct machine *m = weft__machine();
    lock();
    bool lost = weft__machine_is_lost(m), open = !lost && is_open();
    if (open)
        weft__global_put(first, last, count);
    /* If there is no room now, whoever makes some will do so under the lock, and look at the global queue afterwards. */
    bool wake = open && weft__load_relaxed(&weft__rt.room) > 0; /* under the lock, as its writers are */
    unlock();
    if (wake)
        weft__wake_processor();
    if (open)
        return;
    runnable_set_next(last, RUNNABLE_NONE); /* as in weft__global_put */
    if (lost)
        weft__lost_hand_over(first);
    else
        weft__spawn_drop_chain(first); /* the run is over: nobody will run them */
}

/* Under the lock: a machine is wanted and cannot be had. Somebody has to try again, and that may be the watchdog alone. */
static void refuse_start(bool failed)
{
    if (failed) {
        int64_t pause =
            START_PAUSE << (weft__rt.start_failures < START_DOUBLINGS ? weft__rt.start_failures++ : START_DOUBLINGS);
        weft__rt.start_after = weft__port_now() + pause;
    }
    if (weft__load_relaxed(&weft__rt.watchdog_asleep) != 0) /* both under the lock */
        weft__watchdog_wake();
}

void weft__say_no_thread(int error)
{
    static bool said; /* protected by the lock */
    if (error == 0)
        return;
    lock();
    bool say = !said;
    said = true;
    unlock();
    if (say)
        weft__warn("cannot start another thread (error %d): goroutines go on with fewer; raise the limit on processes "
                   "(ulimit -u, the cgroup's pids.max) or the memory limit",
                   -error);
}

/* Under the lock: a machine with a processor, to look for work. NULL: there is no room, or it cannot be had (*error).
 * *idle: it is an idle one, to be woken; else its thread has to be started. */
static struct machine *machine_for_work(bool *idle, int *error)
{
    *error = 0;
    *idle = weft__rt.idle_machines != NULL;
    if (!is_open() || weft__rt.busy - weft__rt.stuck >= weft__load_relaxed(&weft__rt.target)) /* under the lock */
        return NULL;
    bool at_hand = *idle && weft__rt.idle_processors != NULL;
    if (!at_hand && weft__rt.start_after != 0 && weft__port_now() < weft__rt.start_after) {
        refuse_start(false);
        return NULL;
    }
    struct processor *p = weft__processor_acquire(NULL);
    struct machine *m = p == NULL ? NULL : *idle ? weft__idle_pop() : weft__machine_new(p, true);
    if (m == NULL) {
        struct machine nobody = {.p = p};
        if (p != NULL)
            weft__processor_release(&nobody);
        refuse_start(true);
        *error = -ENOMEM;
        return NULL;
    }
    m->p = p;
    m->spinning = true;
    p->machine = m;
    return m;
}

/* A new thread inherits what its creator has changed of itself (its processors, its name spaces, its scheduling class). A goroutine
 * that has locked its thread most likely did that because it changes such things: the watchdog's thread, in which nothing of the
 * program runs, starts the new one instead. */
static bool is_changed_thread(void)
{
    struct machine *self = weft__machine();
    return self != NULL && self->locked != NULL;
}

static void leave_to_watchdog(struct machine *m)
{
    lock();
    bool open = is_open(); /* afterwards nobody looks at the list any more */
    if (open) {
        m->idle_next = weft__load_relaxed(&weft__rt.to_start); /* under the lock */
        weft__store_relaxed(&weft__rt.to_start, m);            /* as above */
    }
    unlock();
    if (open)
        weft__watchdog_wake();
    else
        (void)weft__machine_discard(m);
}

/* A thread for it, asked for once: the caller may be a goroutine, or a timer under its heap's lock, and has no time.
 * Otherwise later, and then by whoever wants one: the watchdog, if nobody else does. */
int weft__start_for_work(struct machine *m)
{
    if (is_changed_thread()) {
        leave_to_watchdog(m);
        return 0;
    }
    int error = weft__machine_start(m, false);
    lock();
    if (error != 0) {
        refuse_start(true);
    } else {
        weft__rt.start_after = 0;
        weft__rt.start_failures = 0;
    }
    unlock();
    return error;
}

/* A machine did not come, on which others may have relied. There is none to be started for a while, so that this ends; but one
 * that has gone idle meanwhile can look for what there is. */
static void do_without(int error)
{
    weft__say_no_thread(error);
    weft__wake_processor();
}

void weft__wake_processor(void)
{
    int32_t none = 0;
    int error;
    bool idle;
    /* One machine that looks for work is enough: it wakes the next when it has found some. */
    if (!weft__cas_seq(&weft__rt.spinning, &none, 1)) /* pairs with the drop in go_idle */
        return;
    lock();
    struct machine *m = machine_for_work(&idle, &error);
    /* No room: taken back before the lock is let go. Somebody who injects and trusts this count has put its goroutine where the
     * last machine saw it, under the lock, before that one made room; who puts it there later finds the count lowered. */
    if (m == NULL)
        weft__add_seq(&weft__rt.spinning, -1);
    unlock();
    if (m != NULL && idle)
        weft__machine_wake(m);
    else if (m != NULL && (error = weft__start_for_work(m)) != 0)
        weft__add_seq(&weft__rt.spinning, -1);
    if (error != 0) /* else spinning is the machine's now, if there is one */
        do_without(error);
}

/* Under no lock. NULL: nobody waits for its thread. */
static struct machine *take_to_start(void)
{
    if (weft__load_relaxed(&weft__rt.to_start) == NULL) /* who puts one there wakes the watchdog afterwards */
        return NULL;
    lock();
    struct machine *m = weft__load_relaxed(&weft__rt.to_start); /* under the lock, as its writers */
    if (m != NULL)
        weft__store_relaxed(&weft__rt.to_start, m->idle_next);
    unlock();
    return m;
}

void weft__start_machines(void)
{
    int error;
    for (struct machine *m; (m = take_to_start()) != NULL;)
        if ((error = weft__start_for_work(m)) != 0) {
            weft__add_seq(&weft__rt.spinning, -1); /* as in wake_processor */
            do_without(error);
        }
}

void weft__drop_machines(void)
{
    for (struct machine *m; (m = take_to_start()) != NULL;)
        (void)weft__machine_discard(m);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate.c - WEFT_DEBUG=migrate: a goroutine that was suspended goes on in another thread than before, always.
 *
 * The address of a thread-local variable, or errno, kept across an operation that parks is a mistake that shows only when the goroutine
 * has come back on another thread, which on an idle machine it seldom does. With this setting it does each time.
 *
 * How. Every processor has ATTENTION_MIGRATE set for good, so that each switch goes by way of the scheduler's loop, and nobody stays
 *   in weft_yield. The loop notes which machine ran a goroutine (task.ran_on). When it is the same one that is about to run it again,
 *   it gives its processor, with the goroutine, to an idle machine, or to a new one, and goes idle itself: in one step under
 *   runtime.lock, so that two machines are enough for one processor. Whatever the number of processors, then, each return from a
 *   wait or a yield is in another thread.
 * Not so:  goroutines that have locked their thread; simulated runs, which have one; the end of a weft_blocking section that finds a
 *   processor at once, which is no wait; when there is no memory, or no thread can be had: the goroutine goes on where it was.
 * Numbers: ran_on and machine.number are 16 bits. Machines that are 65,536 apart look the same, which costs one hand-over more.
 * Locks:   runtime.lock.
 * Callers: the scheduler's loop. */
#include <errno.h>

#include "port/port.h"
#include "sched/runtime.h"

/* Under runtime.lock: a machine without work, to be given m's processor and the goroutine. *idle: it is to be woken, else to be
 * started. NULL: there is none, because of *error if that is not 0. */
static struct machine *other_machine(struct processor *p, bool *idle, int *error)
{
    struct machine *other = weft__idle_pop();
    *idle = other != NULL;
    if (other != NULL)
        return other;
    if (weft__rt.start_after != 0 && weft__port_now() < weft__rt.start_after)
        return NULL; /* a thread was refused a moment ago */
    other = weft__machine_new(p, false);
    *error = other != NULL ? 0 : -ENOMEM;
    return other;
}

bool weft__migrated(struct machine *m, runnable r)
{
    if (!weft__rt.migrate || runnable_is_spawn(r) || m->locked != NULL ||
        runnable_goroutine(r)->task.ran_on != m->number)
        return false;
    struct processor *p = m->p;
    bool idle;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    int error = 0;
    struct machine *other = weft__load_seq(&weft__rt.stopping) == 0 ? other_machine(p, &idle, &error) : NULL;
    if (other == NULL) {
        weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
        weft__say_no_thread(error);
        return false;
    }
    /* A scheduling point; its own variable as long as it is m's. The slice goes on. */
    weft__store_relaxed(&p->tick, weft__load_relaxed(&p->tick) + 1);
    other->p = p;
    other->given = runnable_goroutine(r);
    p->machine = other;
    m->p = NULL;
    weft__idle_push(m);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (idle)
        weft__machine_wake(other);
    else if ((error = weft__start_for_work(other)) != 0) { /* it has gone, and has given the processor up */
        weft__say_no_thread(error);
        weft__inject(r, r, 1);
    }
    (void)weft__idle_wait(m, false); /* the loop sees whether the run is over */
    return true;
}

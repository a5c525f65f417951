/* SPDX-License-Identifier: Apache-2.0
 *
 * blocking.c - weft_blocking sections: the processor is handed on before the thread blocks.
 *
 * In a section the machine keeps its goroutine and has no processor. On the way out it takes any processor that there is room
 * for; otherwise the goroutine goes to the global queue and the machine to the idle list. */
#include <weft/run.h>

#include "port/port.h"
#include "sched/sim.h"

static const struct weft__wait_reason in_section = {.text = "blocking call"};

bool weft__leaves_work(struct processor *p)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    return !runq_is_empty(&p->queue) || weft__load_relaxed(&weft__rt.global_count) > 0 || /* hints; under the lock */
           weft__timers_earliest() < weft__rt.timekeeper_until;
}

void weft_blocking_begin(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL || m->sections++ > 0 || m->p == NULL || weft__sim_is_on())
        return; /* a simulation stands still meanwhile */
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    if (WEFT__UNLIKELY(weft__machine_is_lost(m))) { /* its processor is nothing to hand on */
        weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
        return;
    }
    m->g->task.reason = &in_section;
    m->g->task.object = NULL;
    weft__store_release(&m->g->task.state, WEFT__BLOCKED); /* for reports */
    struct processor *p = m->p;
    weft__processor_release(m);
    weft__rt.blocked_count++;
    bool work = weft__leaves_work(p);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (work)
        weft__wake_processor();
}

static void commit_to_global(void *arg)
{
    runnable r = runnable_of_goroutine(arg);
    weft__inject(r, r, 1);
}

void weft_blocking_end(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL || m->sections == 0 || --m->sections > 0 || m->p != NULL)
        return;
    struct goroutine *g = m->g;
    bool in_time = false;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool lost = weft__machine_is_lost(m);
    if (!lost)
        weft__rt.blocked_count--;                               /* else the count is a later run's */
    if (!lost && weft__load_relaxed(&weft__rt.stopping) == 0 && /* written under the lock */
        (m->p = weft__processor_acquire(m)) != NULL)
        in_time = true;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    g->task.reason = NULL;
    if (in_time) {
        weft__store_release(&g->task.state, WEFT__RUNNING); /* for reports */
        return;
    }
    weft__suspend(m, g, WEFT__RUNNABLE, lost ? weft__commit_nothing : commit_to_global, g);
}

uint32_t weft__sections(void)
{
    struct machine *m = weft__machine();
    return m != NULL && m->g != NULL ? m->sections : 0;
}

void weft__sections_leave(uint32_t keep)
{
    while (weft__sections() > keep)
        weft_blocking_end();
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lost.c - machines that their run has ended without: their goroutine was away in a C call, and comes back later, maybe while
 * another run is going on. Until its next scheduling point, where it is suspended for good and the thread ends, it runs the
 * program's code, and may call all of the library. What it does is for nobody, and does a later run no harm:
 *
 *   it spawns           the record is dropped, at the latest when the machine ends; it takes no credit for a stack
 *   it readies one of   nothing: all goroutines of a run that has lost a machine are lost (g->lost), and never resumed
 *     its own run
 *   it readies one of   (they share a channel or a mutex) that one goes on, as if a plain thread had done it: the record of it is
 *     the run now         taken off the lost machine's queue by the watchdog, or when the machine ends
 *   it arms a timer     nothing: the heap was closed with its run (timer.c)
 *   it enters or leaves no processor is given up or taken, and nothing is counted (blocking.c)
 *     a section
 *   it parks            its waiter is where others may find it, for the moment until it is taken off again (abandon, as at the
 *                       end of a run). Who finds it resumes a context that suspends itself at once: rest
 *   it ends             its stack goes back to the pool, as no one is left who knows it
 *
 * The price is paid here and where a machine is on a slow path anyway: a lost machine that has a processor finds
 * ATTENTION_STOP in it at its next suspension, one that has none is in a section; neither ready nor spawn looks at m->lost.
 *
 * Data:    runtime.lost, the machines; p->queue of each, which any thread may take from. m->last, the commit step that is put off.
 * Stale:   what is in such a queue must not outlive its run: the end of each run empties the queues (tear_down).
 * Locks:   runtime.lock. m->lost is written under it, once, and so are running and stopping: is_open says the same for as long as
 *          the lock is held, and while it does no goroutine of the run now is reclaimed (g->lost and g->task.state can be read).
 * Callers: the machine itself, the watchdog, the end of a run. */
#include "sched/runtime.h"

#define REST_BELOW 512           /* left free under the suspended frames */
#define REST_ROOM ((size_t)2048) /* what the resting context needs */

bool weft__machine_is_lost(const struct machine *m)
{
    return m != NULL && weft__load_acquire(&((struct machine *)m)->lost); /* pairs with lose_machines */
}

/* ---- what it has made runnable ---- */

struct sorted {
    bool open; /* a run is going on */
    bool any;  /* something was for it */
    runnable dropped;
};

/* Under the lock. */
static struct sorted begin_sorting(void)
{
    bool open = weft__load_relaxed(&weft__rt.running) != 0 && weft__load_relaxed(&weft__rt.stopping) == 0;
    return (struct sorted){.open = open, .dropped = RUNNABLE_NONE};
}

/* Under the lock. r was taken by the caller. */
static void sort(struct sorted *sorted, runnable r)
{
    if (runnable_is_spawn(r)) {
        runnable_set_next(r, sorted->dropped);
        sorted->dropped = r;
        return;
    }
    struct goroutine *g = runnable_goroutine(r);
    if (!sorted->open || g->lost ||
        weft__load_relaxed(&g->task.state) != WEFT__RUNNABLE) /* its readier's store: r was handed on */
        return;
    weft__global_put(r, r, 1);
    sorted->any = true;
}

/* Without the lock. */
static void finish_sorting(const struct sorted *sorted)
{
    weft__spawn_drop_chain(sorted->dropped);
    if (sorted->any)
        weft__wake_processor();
}

static void lock(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
}
static void unlock(void)
{
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

void weft__lost_hand_over(runnable first)
{
    lock();
    struct sorted sorted = begin_sorting();
    for (runnable r = first, next; r != RUNNABLE_NONE; r = next) {
        next = runnable_next(r);
        sort(&sorted, r);
    }
    unlock();
    finish_sorting(&sorted);
}

/* Under the lock. */
static void empty(struct sorted *sorted, struct processor *p)
{
    runnable r;
    for (uint32_t i = 0; i <= RUNQ_SIZE && (r = runq_take(&p->queue)) != RUNNABLE_NONE; i++)
        sort(sorted, r);
}

void weft__lost_empty(struct processor *p)
{
    lock();
    struct sorted sorted = begin_sorting();
    empty(&sorted, p);
    unlock();
    finish_sorting(&sorted);
}

void weft__lost_sweep(void)
{
    lock();
    struct sorted sorted = begin_sorting();
    for (struct machine *m = weft__rt.lost; m != NULL; m = m->next)
        if (m->p != NULL) /* it keeps it until it is off the list */
            empty(&sorted, m->p);
    unlock();
    finish_sorting(&sorted);
}

/* ---- its goroutine's last suspension ---- */

static void rest(void *value)
{
    struct machine *m = value; /* of whatever run is going on */
    struct goroutine *g = m->g;
    if (WEFT__UNLIKELY(weft__tools_active))
        weft__tools_arrive(&m->tools, g);
    weft__finish_switch(m);
    for (;;)
        weft__suspend(weft__machine(), g, WEFT__RUNNING, weft__commit_nothing, NULL);
}

/* Whoever resumes g resumes rest. It lies below g's frames, which others may still look at. False: there is no room for it. */
static bool lay_to_rest(struct goroutine *g)
{
    char *top = (char *)g->task.sp - REST_BELOW;
    if (top < g->stack_low + REST_ROOM)
        return false;
    g->task.sp = weft__arch_prepare(top, rest);
    return true;
}

/* In the loop's context: the goroutine's own is saved, and nobody else can resume it before its commit step. */
static void commit_last(void *arg)
{
    struct machine *m = arg;
    struct goroutine *g = m->last;
    uint32_t state = weft__load_relaxed(&g->task.state); /* own store */
    bool rests = (state == WEFT__WAITING || state == WEFT__RUNNABLE) && lay_to_rest(g);
    m->last_commit(m->last_arg);
    if (state == WEFT__WAITING &&
        weft__load_acquire(&g->task.state) == WEFT__WAITING) { /* pairs with ready, which has found it */
        if (g->task.reason != NULL && g->task.reason->abandon != NULL)
            g->task.reason->abandon(g->task.object);
        if (g->task.attached != NULL)
            g->task.attached->abandon(g->task.attached);
    }
    if (rests)
        weft__goroutine_forget(g);
}

void weft__lost_leaves(struct machine *m)
{
    if (!weft__machine_is_lost(m))
        return;
    m->last = m->g;
    m->last_commit = weft__load_relaxed(&m->commit); /* own variable */
    m->last_arg = m->commit_arg;
    m->commit_arg = m;
    weft__store_relaxed(&m->commit, commit_last); /* own variable; as in weft__suspend */
}

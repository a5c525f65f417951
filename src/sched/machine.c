/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.c - machines: kernel threads that run goroutines. Born when a processor has work and no idle machine, kept in the idle
 * list between uses, ended at the end of the run. */
#include <errno.h>
#include <string.h>

#include "port/port.h"
#include "sched/sim.h"

#define MACHINE_STACK ((size_t)256 << 10)
#define MACHINE_STACK_TOOLS ((size_t)1 << 20)

/* The calling machine: see weft__machine. used: it is named in instructions, where link-time optimisation does not look. */
__thread struct weft__arch_word weft__arch_word __attribute__((used, tls_model("initial-exec")));

void weft__machine_set(struct machine *m)
{
    weft__arch_set_word(m);
}

static void unlink_from(struct machine **list, struct machine *m)
{
    while (*list != m)
        list = &(*list)->next;
    *list = m->next;
}

/* Its run has ended without it: what is left with it goes where a run's end would have put it. */
static void discard_lost(struct machine *m)
{
    struct processor *p = m->p;
    if (p != NULL) {
        weft__lost_empty(p);
        weft__stack_cache_flush(&p->stacks);
    }
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    unlink_from(&weft__rt.lost, m);
    if (p != NULL)
        weft__spawn_cache_flush(p);
    weft__processor_retire(p);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__port_free(m);
    weft__add_relaxed(&weft__rt.lost_machines, -1u); /* a count for the number of threads */
}

/* The machine's last step. One that its run has gone on without takes its processor with it: true. */
bool weft__machine_discard(struct machine *m)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool lost = weft__machine_is_lost(m);
    if (m->locked != NULL && !m->ends)
        weft__locked_forget(m->locked);
    if (!lost) {
        if (m->p != NULL)
            weft__processor_release(m);
        weft__rt.machine_count--;
        unlink_from(&weft__rt.machines, m);
        weft__port_free(m);
        /* Before the lock is let go: once this machine is on no list, the run may be over and the next one count anew. relaxed: the
         * end of the run, which waits for 0, takes the lock before it touches what machines had. */
        weft__add_relaxed(&weft__rt.machines_alive, -1u);
    }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (lost)
        discard_lost(m);
    else
        weft__port_futex_wake((uint32_t *)&weft__rt.machines_alive, 1);
    return lost;
}

static void *machine_main(void *arg)
{
    struct machine *m = arg;
    weft__machine_set(m);
    weft__store_relaxed(&m->thread,
                        weft__port_thread_number()); /* the watchdog asks the kernel with it, nothing else */
    weft__tools_machine_init(&m->tools);
    m->exceptions = weft__exceptions_here();
    const struct weft__sched_hooks *hooks = weft__load_relaxed(&weft__rt.hooks); /* set before the first thread */
    if (hooks != NULL)
        hooks->machine_start();
    for (;;) {
        runnable r = m->first;
        m->first = RUNNABLE_NONE;
        if (r == RUNNABLE_NONE)
            r = WEFT__UNLIKELY(m->locked != NULL) ? weft__locked_next(m) : weft__find_runnable(m);
        if (r == RUNNABLE_NONE)
            break;
        weft__resume_from_loop(m, r);
    }
    if (hooks != NULL)
        hooks->machine_stop();
    weft__machine_set(NULL);
    bool amid_a_run = m->ends;
    (void)weft__machine_discard(m);
    if (amid_a_run)
        weft__check_deadlock(); /* all the others may be idle */
    return NULL;
}

/* From here on the end of the run waits for the machine. */
struct machine *weft__machine_new(struct processor *p, bool spinning)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    struct machine *m = weft__port_alloc(sizeof *m, 64);
    if (m == NULL)
        return NULL;
    memset(m, 0, sizeof *m);
    m->p = p;
    m->spinning = spinning;
    m->random = (weft__sim_is_on() ? weft__sim_draw() : (uint32_t)weft__port_random()) | 1;
    m->number = ++weft__rt.last_number;
    p->machine = m;
    m->next = weft__rt.machines;
    weft__rt.machines = m;
    weft__rt.machine_count++;
    weft__add_relaxed(&weft__rt.machines_alive, 1u); /* under the lock, as in discard */
    return m;
}

int weft__machine_start(struct machine *m, bool patient)
{
    size_t stack = weft__tools_active ? MACHINE_STACK_TOOLS : MACHINE_STACK;
    int error =
        patient ? weft__port_thread_start(machine_main, m, stack) : weft__port_thread_try(machine_main, m, stack);
    if (error != 0)
        (void)weft__machine_discard(m); /* it was not away, so the end of a run has not given it up */
    return error;
}

void weft__machine_wake(struct machine *m)
{
    weft__store_release(&m->wake, 1u); /* pairs with sleep_idle's load */
    weft__port_futex_wake((uint32_t *)&m->wake, 1);
}

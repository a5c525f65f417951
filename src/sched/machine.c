/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.c - machines: kernel threads that run goroutines. Born when a processor has work and no idle machine, kept in the idle
 * list between uses, ended at the end of the run. */
#include <string.h>

#include "port/port.h"
#include "sched/sim.h"

#define MACHINE_STACK ((size_t)256 << 10)
#define MACHINE_STACK_TOOLS ((size_t)1 << 20)

/* Read only through weft__machine, which no compiler can look into: no address of it survives a switch. */
static __thread struct machine *current __attribute__((tls_model("initial-exec")));

__attribute__((noinline)) struct machine *weft__machine(void)
{
    __asm__ __volatile__("" ::: "memory");
    return current;
}

void weft__machine_set(struct machine *m)
{
    current = m;
}

static void unlink_from(struct machine **list, struct machine *m)
{
    while (*list != m)
        list = &(*list)->next;
    *list = m->next;
}

/* The thread ends. A machine that its run has gone on without takes its processor with it. */
static void bury(struct machine *m)
{
    struct processor *p = m->p;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool lost = weft__load_relaxed(&m->lost); /* under the lock */
    if (!lost) {
        if (p != NULL)
            weft__processor_release(m);
        weft__rt.machine_count--;
        unlink_from(&weft__rt.machines, m);
    } else {
        unlink_from(&weft__rt.lost, m);
        if (p != NULL)
            weft__spawn_cache_flush(p);
    }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    current = NULL;
    weft__port_free(m);
    if (lost) {
        if (p != NULL)
            weft__stack_cache_flush(&p->stacks);
        weft__port_free(p);
        weft__add_relaxed(&weft__rt.lost_machines, -1u); /* a count for the number of threads */
        return;
    }
    weft__add_acq_rel(&weft__rt.machines_alive, -1u); /* pairs with weft__sched_run's load */
    weft__port_futex_wake((uint32_t *)&weft__rt.machines_alive, 1);
}

static void *machine_main(void *arg)
{
    struct machine *m = arg;
    current = m;
    weft__tools_machine_init(&m->tools);
    const struct weft__sched_hooks *hooks = weft__load_acquire(&weft__rt.hooks); /* pairs with set_hooks */
    if (hooks != NULL)
        hooks->machine_start();
    for (;;) {
        runnable r = weft__find_runnable(m);
        if (r == RUNNABLE_NONE)
            break;
        weft__resume_from_loop(m, r);
    }
    if (hooks != NULL)
        hooks->machine_stop();
    bury(m);
    return NULL;
}

int weft__machine_start(struct processor *p, bool spinning)
{
    struct machine *m = weft__port_alloc(sizeof *m, 64);
    int error = m == NULL ? -12 /* ENOMEM */ : 0;
    if (m != NULL) {
        memset(m, 0, sizeof *m);
        m->p = p;
        m->spinning = spinning;
        m->random = (weft__sim_is_on() ? weft__sim_draw() : (uint32_t)weft__port_random()) | 1;
        weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
        p->machine = m;
        m->next = weft__rt.machines;
        weft__rt.machines = m;
        weft__rt.machine_count++;
        weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
        weft__add_acq_rel(&weft__rt.machines_alive, 1u);
        error = weft__port_thread_start(machine_main, m, weft__tools_active ? MACHINE_STACK_TOOLS : MACHINE_STACK);
    }
    if (error == 0)
        return 0;
    static bool said;
    struct machine give_up = {.p = p};
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__processor_release(&give_up);
    if (m != NULL) {
        unlink_from(&weft__rt.machines, m);
        weft__rt.machine_count--;
    }
    bool say = !said;
    said = true;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (m != NULL) {
        weft__port_free(m);
        weft__add_acq_rel(&weft__rt.machines_alive, -1u);
    }
    if (say)
        weft__warn("cannot start another thread (error %d): goroutines go on with fewer; raise the limit on processes "
                   "(ulimit -u, the cgroup's pids.max) or the memory limit",
                   -error);
    return error;
}

void weft__machine_wake(struct machine *m)
{
    weft__store_release(&m->wake, 1u); /* pairs with sleep_idle's load */
    weft__port_futex_wake((uint32_t *)&m->wake, 1);
}

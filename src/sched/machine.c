/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.c - machines: kernel threads that run goroutines. Born when a processor has work and no idle machine, kept in the idle
 * list between uses, ended at the end of the run. */
#include <string.h>

#include "port/port.h"
#include "sched/runtime.h"

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

static void *machine_main(void *arg)
{
    struct machine *m = arg;
    current = m;
    weft__tools_machine_init(&m->tools);
    if (weft__rt.hooks != NULL && weft__rt.hooks->machine_start != NULL)
        weft__rt.hooks->machine_start();
    for (;;) {
        runnable r = weft__find_runnable(m);
        if (r == RUNNABLE_NONE)
            break;
        weft__resume_from_loop(m, r);
    }
    if (weft__rt.hooks != NULL && weft__rt.hooks->machine_stop != NULL)
        weft__rt.hooks->machine_stop();
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool lost = weft__load_relaxed(&m->lost); /* then weft_run has gone on without it, and nothing of it may be freed */
    if (!lost) {
        if (m->p != NULL)
            weft__processor_release(m);
        weft__rt.machine_count--;
        struct machine **at = &weft__rt.machines;
        while (*at != m)
            at = &(*at)->next;
        *at = m->next;
    }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    current = NULL;
    if (lost) {
        weft__add_relaxed(&weft__rt.lost_machines, -1u); /* a count for the number of threads */
        return NULL;
    }
    weft__port_free(m);
    weft__add_acq_rel(&weft__rt.machines_alive, -1u); /* pairs with weft__sched_run's load */
    weft__port_futex_wake((uint32_t *)&weft__rt.machines_alive, 1);
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
        m->random = (uint32_t)weft__port_random() | 1;
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
        for (struct machine **at = &weft__rt.machines; *at != NULL; at = &(*at)->next)
            if (*at == m) {
                *at = m->next;
                break;
            }
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

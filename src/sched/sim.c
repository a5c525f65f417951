/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.c - simulated runs: one machine, the next goroutine drawn by a seeded generator (or a chooser), a virtual clock.
 *
 * How it takes over. The one processor of a simulated run has ATTENTION_SIM set for good, so that weft__next_local says
 *   "nothing here" at every switch, and each goes by way of the scheduler's loop. There weft__find_runnable calls
 *   weft__sim_next, which collects whatever has become runnable - run-next, ring, global queue - and has one drawn. The fast
 *   paths of park, ready and spawn know nothing of it and pay nothing. No machine is ever started beside the first:
 *   procs is 1, that one is never counted as stuck (the watchdog only waits for the end), and blocking sections keep it.
 *
 * Data:       candidates, the goroutines that can run, in an order that depends on the run alone; settling, those in
 *             weft_sim_wait, oldest first; the clock; the generator.
 * Invariants: a runnable goroutine of the run is running, a candidate, chosen, or still in the queues. The clock is never
 *             beyond the first pending timer but for the instant before it fires.
 * Clock:      weft__now is the one place where sched, chan, sync and time read it. It moves only here: when there is no
 *             candidate (or the chooser says so), to the first pending timer. Timers fire in the order of the heap.
 * Repeatable: the order of candidates, the generator, the numbers of goroutines and the machine's generator (selects) come from
 *             the seed alone; the heap's order from the deadlines and the order of arming.
 * Threads:    on is read by any thread. Everything else belongs to the simulation's machine; begin and end, under runtime.lock,
 *             come before it is started and after it has ended.
 * Deadlock:   no candidate, nobody settling, no timer that keeps the run alive: reported from the scheduler's loop at once. Plain
 *             threads do not count; WEFT_DEADLOCK=off waits for them.
 * Source:     Go's testing/synctest (clock, wait). The generator is Steele, Lea, Flood: splitmix64, 2014. */
#include <weft/sim.h>

#include <string.h>

#include "port/port.h"
#include "sched/sim.h"

#define CLOCK_START (INT64_C(1000000) * WEFT_SECOND)
#define CANDIDATES_FIRST 256u
#define POLL WEFT_MILLISECOND

static struct {
    WEFT__ATOMIC(bool) on;
    uint64_t seed, random;
    struct weft__sim_chooser *chooser;
    int64_t clock;
    runnable *candidates;
    uint32_t count, room;
    runnable chosen; /* by weft__sim_preempt, for the loop */
    struct goroutine *settling, *settling_last;
    runnable first[CANDIDATES_FIRST];
} sim;

/* ---- asking ---- */

bool weft__sim_is_on(void)
{
    /* relaxed: the machine and its goroutines were started after it was set; for others it is a hint. */
    return weft__load_relaxed(&sim.on);
}

/* Whether the simulation is that of the caller: not a plain thread, and no machine that an earlier run has lost. */
static bool is_mine(const struct machine *m)
{
    return m != NULL && !weft__machine_is_lost(m);
}

bool weft__simulated(uint64_t *seed)
{
    if (!weft__sim_is_on())
        return false;
    *seed = sim.seed;
    return true;
}

int64_t weft__simulated_time(void)
{
    return sim.clock - CLOCK_START;
}

int64_t weft__now(void)
{
    return WEFT__UNLIKELY(weft__sim_is_on()) && is_mine(weft__machine()) ? sim.clock : weft__port_now();
}

/* ---- the generator ---- */

static uint64_t draw(void)
{
    uint64_t x = sim.random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint32_t weft__sim_draw(void)
{
    return (uint32_t)(draw() >> 32);
}

/* ---- start and end ---- */

void weft__sim_begin(const struct weft__sim_settings *settings)
{
    if (settings == NULL)
        return;
    sim.seed = sim.random = settings->seed;
    sim.chooser = settings->chooser;
    sim.clock = CLOCK_START;
    sim.candidates = sim.first;
    sim.room = CANDIDATES_FIRST;
    sim.count = 0;
    sim.chosen = RUNNABLE_NONE;
    sim.settling = NULL;
    weft__store_relaxed(&sim.on, true); /* published by the start of the machine */
}

void weft__sim_end(void)
{
    if (!weft__sim_is_on())
        return;
    for (uint32_t i = 0; i < sim.count; i++)
        weft__spawn_drop(sim.candidates[i]);
    if (sim.candidates != sim.first)
        weft__port_free(sim.candidates);
    weft__store_relaxed(&sim.on, false); /* the machine has ended */
}

/* ---- candidates ---- */

/* False: there is no memory for more of them; they stay in the queues for a while. */
static bool make_room(void)
{
    if (sim.count < sim.room)
        return true;
    runnable *more = weft__port_alloc(2 * sim.room * sizeof *more, 16);
    if (more == NULL)
        return false;
    memcpy(more, sim.candidates, sim.count * sizeof *more);
    if (sim.candidates != sim.first)
        weft__port_free(sim.candidates);
    sim.candidates = more;
    sim.room *= 2;
    return true;
}

static runnable take_global(void)
{
    if (weft__load_relaxed(&weft__rt.global_count) == 0) /* a hint; what threads add now is found next time */
        return RUNNABLE_NONE;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    runnable r = weft__global_take_one();
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return r;
}

/* One place stays free for the goroutine that weft__sim_preempt adds. */
static void gather(struct processor *p)
{
    while (make_room()) {
        runnable r = runq_get(&p->queue);
        if (r == RUNNABLE_NONE)
            r = runq_take_next(&p->queue);
        if (r == RUNNABLE_NONE)
            r = take_global();
        if (r == RUNNABLE_NONE)
            return;
        sim.candidates[sim.count++] = r;
    }
}

static runnable take(uint32_t index)
{
    runnable r = sim.candidates[index];
    sim.candidates[index] = sim.candidates[--sim.count];
    return r;
}

uint64_t weft__sim_candidate(uint32_t index)
{
    runnable r = sim.candidates[index];
    return runnable_is_spawn(r) ? 0 : runnable_goroutine(r)->id;
}

/* ---- the clock ---- */

static bool timer_is_pending(struct processor *p)
{
    return weft__load_relaxed(&p->timers.next) != NEVER && weft__timers_alive() > 0; /* the machine's own heap */
}

static bool advance(struct machine *m)
{
    struct timer_heap *timers = &m->p->timers;
    if (!timer_is_pending(m->p))
        return false;
    int64_t next = weft__load_relaxed(&timers->next); /* as above */
    if (next > sim.clock)
        sim.clock = next;
    struct goroutine *g = m->g;
    m->g = NULL; /* as in the loop: what fires cannot be suspended */
    weft__timers_run(timers, sim.clock);
    m->g = g;
    return true;
}

/* Timers that were armed for an instant that has come already. */
static void fire_due(struct processor *p)
{
    if (weft__load_relaxed(&p->timers.next) <= sim.clock) /* as above */
        weft__timers_run(&p->timers, sim.clock);
}

bool weft__sim_advance(void)
{
    return advance(weft__machine());
}

/* ---- who goes on ---- */

static uint32_t ask(bool goes_on, bool can_advance)
{
    if (sim.count + (can_advance ? 1 : 0) == 1)
        return 0;
    struct weft__sim_view view = {.count = sim.count, .goes_on = goes_on, .can_advance = can_advance};
    uint32_t answer = sim.chooser->choose(sim.chooser, &view);
    CHECK(answer < sim.count + (can_advance ? 1 : 0));
    return answer;
}

static runnable take_settling(void)
{
    struct goroutine *g = sim.settling;
    sim.settling = (struct goroutine *)g->task.next;
    weft__store_release(&g->task.state, WEFT__RUNNABLE); /* for reports */
    return runnable_of_goroutine(g);
}

static void nothing_can_happen(void)
{
    if (weft__deadlock_setting() < 0) {
        weft__port_thread_sleep(POLL); /* for a plain thread to do something */
        return;
    }
    const struct weft__sched_hooks *hooks = weft__load_acquire(&weft__rt.hooks); /* pairs with set_hooks */
    if (hooks != NULL)
        hooks->deadlock(weft__load_seq(&weft__rt.main_exited) != 0);
    weft__fatal("all goroutines are asleep - deadlock!");
}

runnable weft__sim_next(struct machine *m)
{
    struct processor *p = m->p;
    runnable r = sim.chosen;
    sim.chosen = RUNNABLE_NONE;
    while (r == RUNNABLE_NONE) {
        fire_due(p);
        gather(p);
        if (sim.count == 0) {
            if (sim.settling != NULL)
                r = take_settling();
            else if (!advance(m))
                nothing_can_happen();
        } else if (sim.chooser == NULL) {
            r = take((uint32_t)((draw() >> 32) * sim.count >> 32));
        } else {
            uint32_t answer = ask(false, timer_is_pending(p));
            if (answer < sim.count)
                r = take(answer);
            else
                (void)advance(m);
        }
    }
    return r;
}

static const struct weft__wait_reason preempted = {.text = "runnable"};

void weft__sim_preempt(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL || !weft__sim_is_on() || !is_mine(m) || sim.chooser == NULL)
        return;
    for (;;) {
        gather(m->p);
        bool can_advance = timer_is_pending(m->p);
        if (sim.count == 0 && !can_advance)
            return;
        /* The caller comes first; who was there goes last. */
        if (!make_room())
            return;
        sim.candidates[sim.count++] = sim.candidates[0];
        sim.candidates[0] = runnable_of_goroutine(m->g);
        uint32_t answer = ask(true, can_advance);
        if (answer > 0 && answer < sim.count) {
            sim.chosen = take(answer);
            break;
        }
        sim.candidates[0] = sim.candidates[--sim.count];
        if (answer == 0)
            return;
        (void)advance(m);
    }
    m->g->task.reason = &preempted;
    weft__suspend(m, m->g, WEFT__RUNNABLE, weft__commit_nothing, NULL);
}

/* ---- weft_sim_wait ---- */

static const struct weft__wait_reason waiting = {.text = "weft_sim_wait"};

static void commit_settling(void *arg)
{
    struct goroutine *g = arg;
    g->task.next = NULL;
    if (sim.settling == NULL)
        sim.settling = g;
    else
        sim.settling_last->task.next = &g->task;
    sim.settling_last = g;
}

void weft_sim_wait(void)
{
    struct weft__task *self = weft__self();
    if (self->is_thread || !weft__sim_is_on())
        weft__panic("weft_sim_wait outside a simulated run: only goroutines of weft_sim may call it");
    weft__park(self, &waiting, NULL, is_mine(weft__machine()) ? commit_settling : weft__commit_nothing, self);
}

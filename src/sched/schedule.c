/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule.c - the scheduler loop's half: finding work, stealing, going idle. Its other half, waking, is wake.c.
 *
 * A machine that stops spinning drops the count first and then looks at every queue once more (both seq_cst).
 * Spinning machines are at most half of the busy processors, and at least one may.
 * Deadlock: the last machine that goes idle, under runtime.lock, sees every other idle (or waiting for the goroutine that has
 * its thread) and none in a blocking section, nothing queued and no timer that somebody waits for. Tasks on their way from a waker's hands to a queue are never lost to
 * it: the waker is a busy machine, or a plain thread, which counts as alive. */
#include "port/port.h"
#include "sched/sim.h"

#define STEAL_ROUNDS 4
#define GLOBAL_EVERY 61u
#define IDLE_SPINS 64
#define NEVER_WAIT (-1)

struct runtime weft__rt;

static void lock(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
}
static void unlock(void)
{
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

uint32_t weft__random(void)
{
    static _Thread_local uint32_t seed;
    struct machine *m = weft__machine();
    uint32_t *state = m != NULL ? &m->random : &seed;
    if (*state == 0)
        *state = (uint32_t)weft__port_random() | 1;
    uint32_t x = *state; /* xorshift32 */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* ---- under the lock: counts, processors, idle machines ---- */

void weft__room_changed(void)
{
    int room = weft__load_relaxed(&weft__rt.target) - (weft__rt.busy - weft__rt.stuck);
    weft__store_relaxed(&weft__rt.room, room > 0 ? room : 0); /* a hint for those without the lock */
}

static struct processor *processor_new(void)
{
    uint32_t index = weft__load_relaxed(&weft__rt.processor_count); /* written under the lock */
    if (index == PROCESSORS_MAX)
        return NULL;
    struct processor *p = weft__rt.spare_processors;
    uint32_t number = p != NULL ? p->number : weft__rt.numbers;
    if (p != NULL) {
        /* All but its timers, which are none: somebody may just have the heap's lock, to find that. */
        weft__rt.spare_processors = p->idle_next;
        __builtin_memset(p, 0, offsetof(struct processor, timers));
        size_t behind = offsetof(struct processor, timers) + sizeof p->timers;
        __builtin_memset((char *)p + behind, 0, sizeof *p - behind);
        weft__store_relaxed(&p->timers.closed, false); /* published by processor_count */
    } else {
        p = weft__port_alloc(sizeof *p, 128);
        if (p == NULL)
            return NULL;
        __builtin_memset(p, 0, sizeof *p);
        weft__rt.numbers++;
    }
    p->index = index;
    p->number = number;
    weft__stack_cache_init(&p->stacks);
    weft__store_relaxed(&p->timers.next, NEVER); /* published by processor_count */
    if (WEFT__UNLIKELY(weft__sim_is_on()))
        weft__store_relaxed(&p->attention, ATTENTION_SIM); /* as above */
    if (WEFT__UNLIKELY(weft__rt.migrate))
        weft__store_relaxed(&p->attention, ATTENTION_MIGRATE); /* as above */
    weft__rt.processors[index] = p;
    weft__store_release(&weft__rt.processor_count, index + 1); /* pairs with the thieves' loads */
    return p;
}

struct processor *weft__processor_acquire(struct machine *m)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    if (weft__rt.busy - weft__rt.stuck >= weft__load_relaxed(&weft__rt.target)) /* under the lock */
        return NULL;
    struct processor *p = weft__rt.idle_processors;
    if (p != NULL)
        weft__rt.idle_processors = p->idle_next;
    else if ((p = processor_new()) == NULL)
        return NULL;
    weft__store_relaxed(&p->status, PROCESSOR_RUNNING); /* under the lock */
    p->machine = m;
    weft__gate_mark(p);
    /* To be given out is a scheduling point: the watchdog's patience begins now, not when it last saw the processor at work.
     * Own variables: nobody else has it. */
    weft__store_relaxed(&p->tick, weft__load_relaxed(&p->tick) + 1);
    weft__store_relaxed(&p->slice, weft__load_relaxed(&p->slice) + 1);
    weft__rt.busy++;
    weft__rt.acquisitions++;
    weft__room_changed();
    if (weft__load_relaxed(&weft__rt.watchdog_asleep) != 0) /* both under the lock */
        weft__watchdog_wake();
    return p;
}

void weft__processor_release(struct machine *m)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    struct processor *p = m->p;
    if (weft__load_relaxed(&p->status) == PROCESSOR_STUCK) /* under the lock */
        weft__rt.stuck--;
    weft__store_relaxed(&p->status, PROCESSOR_IDLE); /* under the lock */
    p->machine = NULL;
    p->idle_next = weft__rt.idle_processors;
    weft__rt.idle_processors = p;
    weft__rt.busy--;
    weft__room_changed();
    m->p = NULL;
}

void weft__processor_retire(struct processor *p)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    if (p == NULL)
        return;
    p->idle_next = weft__rt.spare_processors;
    weft__rt.spare_processors = p;
}

void weft__idle_push(struct machine *m)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    m->assigned = false;
    weft__store_relaxed(&m->wake, 0u); /* under the lock; wakers store it after they took the machine off the list */
    m->idle_previous = NULL;
    m->idle_next = weft__rt.idle_machines;
    if (m->idle_next != NULL)
        m->idle_next->idle_previous = m;
    weft__rt.idle_machines = m;
    weft__rt.idle_count++;
}

bool weft__idle_remove(struct machine *m)
{
    if (m->assigned)
        return false;
    m->assigned = true;
    if (m->idle_previous != NULL)
        m->idle_previous->idle_next = m->idle_next;
    else
        weft__rt.idle_machines = m->idle_next;
    if (m->idle_next != NULL)
        m->idle_next->idle_previous = m->idle_previous;
    weft__rt.idle_count--;
    return true;
}

struct machine *weft__idle_pop(void)
{
    struct machine *m = weft__rt.idle_machines;
    if (m != NULL)
        weft__idle_remove(m);
    return m;
}

bool weft__can_nothing_happen(void)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    if (weft__rt.idle_count + weft__rt.locked_count != weft__rt.machine_count || weft__rt.blocked_count > 0 ||
        weft__rt.busy > 0 || !weft__global_is_empty() || weft__timers_alive() > 0 ||
        weft__load_relaxed(&weft__rt.stopping) != 0) /* both counts and stopping: written under the lock */
        return false;
    uint32_t count = weft__load_relaxed(&weft__rt.processor_count);
    for (uint32_t i = 0; i < count; i++)
        if (!runq_is_empty(&weft__rt.processors[i]->queue))
            return false;
    return true;
}

/* ---- looking for work ---- */

static void run_own_timers(struct processor *p)
{
    int64_t next = weft__load_relaxed(&p->timers.next); /* a hint; exact under the heap's lock */
    if (next == NEVER)
        return;
    int64_t now = weft__port_now();
    if (now >= next)
        weft__timers_run(&p->timers, now);
}

/* A share of the global queue, but no more than limit: one to run, the rest to the own queue. If it comes near a batch that is one. */
static runnable global_get(struct processor *p, uint32_t limit)
{
    if (weft__load_relaxed(&weft__rt.global_count) == 0) /* a hint */
        return RUNNABLE_NONE;
    uint32_t most = RUNQ_SIZE - runq_length(&p->queue) + 1, count; /* thieves only make more room */
    lock();
    uint32_t share = weft__load_relaxed(&weft__rt.global_count) / (uint32_t)weft__load_relaxed(&weft__rt.target) + 1;
    if (share > limit / 4)
        share = limit;
    if (share > most)
        share = most;
    runnable first = weft__global_take_batch(share, &count);
    if (first == RUNNABLE_NONE) { /* a part of one */
        runnable more = first = weft__global_take_one();
        while (--share > 0 && (more = weft__global_take_one()) != RUNNABLE_NONE) {
            runnable_prefetch(more);
            CHECK(runq_put(&p->queue, more));
        }
        unlock();
        return first;
    }
    unlock();
    for (runnable r = runnable_next(first), next; count > 1; count--, r = next) {
        runnable_prefetch_ahead(r);
        runnable_prefetch(r);
        next = runnable_next(r); /* before a thief may have it */
        CHECK(runq_put(&p->queue, r));
    }
    return first;
}

/* Those who have yielded to others go behind them. */
static void give_way(struct processor *p)
{
    if (!p->has_yielded)
        return;
    bool now = weft__has_yielded(p);
    if (!now && runq_length(&p->queue) > 0)
        return;
    p->has_yielded = false;
    runnable first, last;
    uint32_t count;
    while (now && (count = runq_shed(&p->queue, &first, &last)) > 0)
        weft__inject(first, last, count);
}

/* The global queue has its turn before the own one every GLOBAL_EVERY scheduling points (P-03). They are counted from turn to
 * turn: most of them pass without coming here, so that waiting for a multiple would be waiting for many multiples. */
static runnable global_turn(struct processor *p, uint32_t tick)
{
    if (tick - p->global_tick < GLOBAL_EVERY)
        return RUNNABLE_NONE;
    p->global_tick = tick;
    return global_get(
        p, p->has_yielded ? 1 : RUNQ_BATCH + 1); /* the others would come behind those who have yielded to them */
}

static runnable steal(struct machine *m)
{
    struct processor *p = m->p;
    uint32_t count = weft__load_acquire(&weft__rt.processor_count); /* pairs with processor_new */
    for (int round = 0; round < STEAL_ROUNDS; round++) {
        bool last = round == STEAL_ROUNDS - 1;
        uint32_t start = weft__random();
        for (uint32_t i = 0; i < count; i++) {
            struct processor *victim = weft__rt.processors[(start + i) % count];
            if (victim == p)
                continue;
            runnable r = runq_steal(&victim->queue, &p->queue);
            if (r != RUNNABLE_NONE)
                return r;
            if (!last)
                continue;
            /* Due timers of others, and a run-next whose owner does not get to it. */
            run_own_timers(victim);
            if ((r = runq_take_next(&p->queue)) != RUNNABLE_NONE || (r = runq_get(&p->queue)) != RUNNABLE_NONE)
                return r;
            if (weft__load_relaxed(&victim->status) != PROCESSOR_RUNNING ||
                (weft__load_relaxed(&victim->attention) & ATTENTION_OPEN) != 0) /* hints */
                if ((r = runq_take_next(&victim->queue)) != RUNNABLE_NONE)
                    return r;
        }
    }
    return RUNNABLE_NONE;
}

/* The machine has found work: if it was the one that was looking, another one looks on. */
static void stop_spinning(struct machine *m)
{
    if (!m->spinning)
        return;
    m->spinning = false;
    if (weft__add_seq(&weft__rt.spinning, -1) == 1 && weft__load_relaxed(&weft__rt.room) > 0 && weft__work_somewhere())
        weft__wake_processor();
}

/* ---- attention ---- */

/* Give up the processor because there are more at work than wanted; its queue goes to everybody. */
static bool retire_if_surplus(struct machine *m)
{
    struct processor *p = m->p;
    lock();
    if (weft__load_relaxed(&p->status) == PROCESSOR_STUCK) { /* under the lock */
        weft__store_relaxed(&p->status, PROCESSOR_RUNNING);
        weft__rt.stuck--;
        weft__room_changed();
    }
    bool surplus = weft__rt.busy - weft__rt.stuck > weft__load_relaxed(&weft__rt.target); /* under the lock */
    if (surplus) {
        runnable r;
        while ((r = runq_take_next(&p->queue)) != RUNNABLE_NONE || (r = runq_get(&p->queue)) != RUNNABLE_NONE)
            weft__global_put(r, r, 1);
    }
    unlock();
    return surplus;
}

/* Some bit is set. Returns true if the processor has to be given up. */
static bool attend(struct machine *m)
{
    struct processor *p = m->p;
    uint32_t bits = weft__attention_take(p);
    if ((bits & ATTENTION_PREEMPT) != 0) {
        runnable r = runq_take_next(&p->queue);
        if (r != RUNNABLE_NONE)
            weft__put_tail(p, r);
        weft__store_relaxed(&p->slice, weft__load_relaxed(&p->slice) + 1); /* own variable */
    }
    return (bits & (ATTENTION_STUCK | ATTENTION_RETIRE)) != 0 && retire_if_surplus(m);
}

/* ---- idle ---- */

static void forget_caches(struct processor *p)
{
    weft__stack_cache_flush(&p->stacks);
    lock();
    weft__spawn_cache_flush(p);
    unlock();
}

/* Take the machine off the idle list together with a processor, if both can be had. */
static bool come_back(struct machine *m, bool spinning)
{
    bool got = false;
    lock();
    struct processor *p = m->assigned ? NULL : weft__processor_acquire(m);
    if (p != NULL) {
        weft__idle_remove(m);
        m->p = p;
        m->spinning = spinning;
        if (spinning)
            weft__add_seq(&weft__rt.spinning, 1);
        got = true;
    }
    unlock();
    return got;
}

void weft__check_deadlock(void)
{
    lock();
    bool dead = weft__can_nothing_happen();
    unlock();
    if (dead)
        weft__watchdog_wake(); /* it alone reports, in weft_run's own thread */
}

/* The caller does not look after the timers any more. */
static void stop_keeping_time(int64_t until)
{
    lock();
    if (weft__rt.timekeeper_until == until)
        weft__rt.timekeeper_until = NEVER;
    unlock();
}

/* Sleep until a waker has assigned a processor, or a timer is due and there is one to be had. */
static void sleep_idle(struct machine *m, int64_t until)
{
    while (weft__load_acquire(&m->wake) == 0) { /* pairs with machine_wake: p and spinning are set */
        int64_t wait = NEVER_WAIT;
        if (until != NEVER) {
            wait = until - weft__port_now();
            if (wait <= 0) {
                if (come_back(m, true))
                    return;
                /* All processors are at work: they and the watchdog see to the timers. Who blocks later and finds timers
                 * pending has to wake somebody, so it must not find a keeper that has given up. */
                stop_keeping_time(until);
                until = NEVER;
                continue;
            }
        }
        weft__port_futex_wait((uint32_t *)&m->wake, 0, wait);
    }
}

/* Nothing to do: give up the processor, sleep, come back with one. False: the run is over. */
static bool go_idle(struct machine *m)
{
    bool was_spinning = m->spinning;
    if (m->p != NULL)
        forget_caches(m->p);
    lock();
    if (weft__load_relaxed(&weft__rt.stopping) != 0 || weft__load_relaxed(&m->lost)) { /* both set under the lock */
        unlock();
        return false;
    }
    if (m->p != NULL && !weft__global_is_empty() &&
        weft__rt.busy - weft__rt.stuck <= weft__load_relaxed(&weft__rt.target)) { /* under the lock */
        unlock();
        return true;
    }
    if (m->p != NULL)
        weft__processor_release(m);
    /* Before it is in the list: from then on it is for the one who takes m off to say that it spins (a waker that had won its CAS
     * before m began to spin), and that one's count must not be forgotten. */
    m->spinning = false;
    weft__idle_push(m);
    unlock();
    return weft__idle_wait(m, was_spinning);
}

/* m is in the idle list, without a processor: until it has one again. */
bool weft__idle_wait(struct machine *m, bool was_spinning)
{
    if (was_spinning)
        weft__add_seq(&weft__rt.spinning, -1); /* then look again: pairs with wake_processor's CAS */
    if (weft__work_somewhere() && come_back(m, true))
        return true;
    int64_t until = weft__timers_earliest();
    lock();
    if (until != NEVER && until < weft__rt.timekeeper_until)
        weft__rt.timekeeper_until = until;
    else if (until != NEVER && weft__port_now() < weft__rt.timekeeper_until)
        until = NEVER; /* somebody else looks after it */
    unlock();
    if (until == NEVER)
        weft__check_deadlock();
    sleep_idle(m, until);
    if (until != NEVER)
        stop_keeping_time(until);
    return weft__load_relaxed(&weft__rt.stopping) == 0; /* a hint, as in find_runnable */
}

/* At most half of the busy processors look for work at a time. */
static bool may_look_around(void)
{
    int busy = weft__load_relaxed(&weft__rt.target) - weft__load_relaxed(&weft__rt.room); /* hints */
    return 2 * weft__load_relaxed(&weft__rt.spinning) <= busy;
}

runnable weft__find_runnable(struct machine *m)
{
    for (;;) {
        struct processor *p = m->p;
        /* relaxed, both: what a machine does at its end, it does under the lock, where both are set; and one that sees them late
         * looks again there before it sleeps (go_idle). */
        if (weft__load_relaxed(&weft__rt.stopping) != 0 || weft__load_relaxed(&m->lost))
            return RUNNABLE_NONE;
        if (WEFT__UNLIKELY(weft__sim_is_on()))
            return weft__sim_next(m);
        uint32_t bits = p != NULL ? weft__load_relaxed(&p->attention) : 0; /* looked at under the lock */
        if (bits != 0 && m->given != NULL) { /* only where the processors have ATTENTION_MIGRATE */
            runnable given = runnable_of_goroutine(m->given);
            m->given = NULL;
            return given;
        }
        if (p == NULL || (bits != 0 && attend(m))) {
            if (!go_idle(m))
                return RUNNABLE_NONE;
            continue;
        }
        uint32_t tick = weft__load_relaxed(&p->tick) + 1; /* own variable */
        weft__store_relaxed(&p->tick, tick);
        run_own_timers(p);
        give_way(p);
        runnable r = global_turn(p, tick);
        if (r == RUNNABLE_NONE)
            r = runq_take_next(&p->queue);
        if (r == RUNNABLE_NONE)
            r = runq_get(&p->queue);
        if (r == RUNNABLE_NONE)
            r = global_get(p, RUNQ_BATCH + 1);
        if (r == RUNNABLE_NONE && (m->spinning || may_look_around())) {
            if (!m->spinning) {
                m->spinning = true;
                weft__add_seq(&weft__rt.spinning, 1);
            }
            r = steal(m);
        }
        if (r != RUNNABLE_NONE) {
            stop_spinning(m);
            return r;
        }
        if (!go_idle(m))
            return RUNNABLE_NONE;
    }
}

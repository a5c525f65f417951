/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule.c - the scheduler loop's half: finding work, stealing, going idle, waking.
 *
 * Worker parking and unparking. Two ways to publish work:
 *  - inject (global queue): under runtime.lock, then weft__wake_processor. A machine goes idle under the same lock
 *    after it has seen the global queue empty there, so one of the two sees the other.
 *  - the own processor's queue: published by the ring's release store, then room and spinning are read without a fence:
 *        owner: store tail; load spinning (!= 0: wake nobody)     machine: spinning -= 1; load tail (== 0: sleep)
 *    Both may read the old value on x86. Nothing is lost but a little parallelism: the owner is at work and runs its
 *    queue itself, and the watchdog, awake while any processor is busy, wakes a machine at its next tick.
 * A machine that stops spinning drops the count first and then looks at every queue once more (both seq_cst).
 *
 * Spinning machines are at most half of the busy processors, and at least one may.
 * A thread for a machine is asked for once, by whoever wants one: that may be a goroutine, or a timer under its heap's lock. If
 * it is refused, nobody asks again for a pause that doubles (start_after); then whoever publishes work does, and the watchdog,
 * which does not sleep while work is owed.
 * Deadlock: the last machine that goes idle, under runtime.lock, sees every other idle and none in a blocking section,
 * nothing queued and no timer that somebody waits for. Tasks on their way from a waker's hands to a queue are never lost to
 * it: the waker is a busy machine, or a plain thread, which counts as alive. */
#include <errno.h>

#include "port/port.h"
#include "sched/sim.h"

#define STEAL_ROUNDS 4
#define GLOBAL_EVERY 61u
#define IDLE_SPINS 64
#define NEVER_WAIT (-1)
#define START_PAUSE WEFT_MILLISECOND /* after a thread was refused; then twice as long, up to */
#define START_DOUBLINGS 6u

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

/* ---- under the lock: counts, global queue, processors, idle machines ---- */

void weft__room_changed(void)
{
    int room = weft__load_relaxed(&weft__rt.target) - (weft__rt.busy - weft__rt.stuck);
    weft__store_relaxed(&weft__rt.room, room > 0 ? room : 0); /* a hint for those without the lock */
}

void weft__global_put(runnable first, runnable last, uint32_t count)
{
    ASSERT(weft__lock_is_taken(&weft__rt.lock));
    if (weft__rt.global_first == RUNNABLE_NONE)
        weft__rt.global_first = first;
    else
        runnable_set_next(weft__rt.global_last, first);
    weft__rt.global_last = last;
    weft__store_relaxed(&weft__rt.global_count, weft__load_relaxed(&weft__rt.global_count) + count); /* a hint */
}

runnable weft__global_take_one(void)
{
    runnable r = weft__rt.global_first;
    if (r == RUNNABLE_NONE)
        return RUNNABLE_NONE;
    weft__rt.global_first = runnable_next(r);
    weft__store_relaxed(&weft__rt.global_count, weft__load_relaxed(&weft__rt.global_count) - 1); /* a hint */
    return r;
}

static struct processor *processor_new(void)
{
    uint32_t index = weft__load_relaxed(&weft__rt.processor_count); /* written under the lock */
    if (index == PROCESSORS_MAX)
        return NULL;
    struct processor *p = weft__port_alloc(sizeof *p, 128);
    if (p == NULL)
        return NULL;
    __builtin_memset(p, 0, sizeof *p);
    p->index = index;
    weft__stack_cache_init(&p->stacks);
    weft__store_relaxed(&p->timers.next, NEVER); /* published by processor_count */
    if (WEFT__UNLIKELY(weft__sim_is_on()))
        weft__store_relaxed(&p->attention, ATTENTION_SIM); /* as above */
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

static void idle_push(struct machine *m)
{
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
    if (weft__rt.idle_count != weft__rt.machine_count || weft__rt.blocked_count > 0 || weft__rt.busy > 0 ||
        weft__rt.global_first != RUNNABLE_NONE || weft__timers_alive() > 0 ||
        weft__load_seq(&weft__rt.stopping) != 0) /* pairs with the main function's end */
        return false;
    uint32_t count = weft__load_acquire(&weft__rt.processor_count);
    for (uint32_t i = 0; i < count; i++)
        if (!runq_is_empty(&weft__rt.processors[i]->queue))
            return false;
    return true;
}

/* ---- waking ---- */

static bool work_somewhere(void)
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
    lock();
    bool open = is_open();
    if (open)
        weft__global_put(first, last, count);
    unlock();
    if (open)
        weft__wake_processor();
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

static void say_no_thread(int error)
{
    static bool said; /* protected by the lock */
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

/* A thread for it, asked for once: the caller may be a goroutine, or a timer under its heap's lock, and has no time.
 * Otherwise later, and then by whoever wants one: the watchdog, if nobody else does. */
static int start_for_work(struct machine *m)
{
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
    unlock();
    if (m != NULL && idle)
        weft__machine_wake(m);
    else if (m != NULL)
        error = start_for_work(m);
    if (m != NULL && error == 0) /* spinning is the machine's now */
        return;
    weft__add_seq(&weft__rt.spinning, -1);
    if (error == 0)
        return;
    say_no_thread(error);
    /* Others may have relied on the machine that did not come. There is none to be started for a while, so that this ends;
     * but one that has gone idle meanwhile can do it. */
    lock();
    bool again = is_open() && work_somewhere();
    unlock();
    if (again)
        weft__wake_processor();
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

/* A share of the global queue: one to run, the rest to the own queue. */
static runnable global_get(struct processor *p)
{
    if (weft__load_relaxed(&weft__rt.global_count) == 0) /* a hint */
        return RUNNABLE_NONE;
    lock();
    uint32_t count = weft__load_relaxed(&weft__rt.global_count);
    uint32_t share = count / (uint32_t)weft__load_relaxed(&weft__rt.target) + 1; /* under the lock */
    if (share > count)
        share = count;
    if (share > RUNQ_SIZE / 2)
        share = RUNQ_SIZE / 2;
    runnable r = weft__global_take_one();
    while (r != RUNNABLE_NONE && share-- > 1) {
        runnable more = weft__global_take_one();
        if (!runq_put(&p->queue, more)) {
            runnable_set_next(more, RUNNABLE_NONE);
            weft__global_put(more, more, 1);
            break;
        }
    }
    unlock();
    return r;
}

/* The global queue has its turn before the own one every GLOBAL_EVERY scheduling points (P-03). They are counted from turn to
 * turn: most of them pass without coming here, so that waiting for a multiple would be waiting for many multiples. */
static runnable global_turn(struct processor *p, uint32_t tick)
{
    if (tick - p->global_tick < GLOBAL_EVERY)
        return RUNNABLE_NONE;
    p->global_tick = tick;
    return global_get(p);
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
    if (weft__add_seq(&weft__rt.spinning, -1) == 1 && weft__load_relaxed(&weft__rt.room) > 0 && work_somewhere())
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
        while ((r = runq_take_next(&p->queue)) != RUNNABLE_NONE || (r = runq_get(&p->queue)) != RUNNABLE_NONE) {
            runnable_set_next(r, RUNNABLE_NONE);
            weft__global_put(r, r, 1);
        }
    }
    unlock();
    return surplus;
}

/* Returns true if the processor has to be given up. */
static bool attend(struct machine *m)
{
    struct processor *p = m->p;
    uint32_t bits = weft__load_relaxed(&p->attention); /* what they ask for is looked at under the lock */
    if (bits == 0)
        return false;
    weft__and_release(&p->attention, (uint32_t)ATTENTION_STOP);
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

static void check_deadlock(void)
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
    if (weft__load_seq(&weft__rt.stopping) != 0 || weft__load_relaxed(&m->lost)) { /* both set under the lock */
        unlock();
        return false;
    }
    if (m->p != NULL && weft__rt.global_first != RUNNABLE_NONE &&
        weft__rt.busy - weft__rt.stuck <= weft__load_relaxed(&weft__rt.target)) { /* under the lock */
        unlock();
        return true;
    }
    if (m->p != NULL)
        weft__processor_release(m);
    /* Before it is in the list: from then on it is for the one who takes m off to say that it spins (a waker that had won its CAS
     * before m began to spin), and that one's count must not be forgotten. */
    m->spinning = false;
    idle_push(m);
    unlock();
    if (was_spinning)
        weft__add_seq(&weft__rt.spinning, -1); /* then look again: pairs with wake_processor's CAS */
    if (work_somewhere() && come_back(m, true))
        return true;
    int64_t until = weft__timers_earliest();
    lock();
    if (until != NEVER && until < weft__rt.timekeeper_until)
        weft__rt.timekeeper_until = until;
    else if (until != NEVER && weft__port_now() < weft__rt.timekeeper_until)
        until = NEVER; /* somebody else looks after it */
    unlock();
    if (until == NEVER)
        check_deadlock();
    sleep_idle(m, until);
    if (until != NEVER)
        stop_keeping_time(until);
    return weft__load_seq(&weft__rt.stopping) == 0;
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
        if (weft__load_seq(&weft__rt.stopping) != 0 || weft__load_acquire(&m->lost)) /* pairs with lose_machines */
            return RUNNABLE_NONE;
        if (WEFT__UNLIKELY(weft__sim_is_on()))
            return weft__sim_next(m);
        if (p == NULL || attend(m)) {
            if (!go_idle(m))
                return RUNNABLE_NONE;
            continue;
        }
        uint32_t tick = weft__load_relaxed(&p->tick) + 1; /* own variable */
        weft__store_relaxed(&p->tick, tick);
        run_own_timers(p);
        runnable r = global_turn(p, tick);
        if (r == RUNNABLE_NONE)
            r = runq_take_next(&p->queue);
        if (r == RUNNABLE_NONE)
            r = runq_get(&p->queue);
        if (r == RUNNABLE_NONE)
            r = global_get(p);
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

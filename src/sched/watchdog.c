/* SPDX-License-Identifier: Apache-2.0
 *
 * watchdog.c - the watchdog (sysmon): runs in the thread that called weft_run, holds no processor, sleeps when all is idle.
 *
 * At each tick it looks at every processor that is at work and has not passed a scheduling point since the last look:
 *   - its run-next and queue wait while there is room for another machine: opens run-next to thieves and wakes one;
 *   - for STUCK_AFTER with work waiting anywhere: counts it as stuck, which makes room for one more processor, and
 *     wakes a machine for it. The stuck machine loses nothing but what thieves take; when it is back, the surplus retires.
 *     One whose thread waits for a core is not stuck: the kernel says which (waits_for_core).
 * It also: ends a time slice that run-next hand-offs have kept for SLICE (P-02); sees to overdue timers nobody looks at;
 * gives back cold stacks; starts the threads that a changed thread should not; finds what machines that an earlier run has lost
 * made runnable for this one (lost.c); reports the deadlock that the last idle machine has found; and sees to SIGQUIT.
 *
 * The pause between ticks grows from TICK_MIN while nothing has to be done: to TICK_ROOM while there is room for
 * more machines (a waiting run-next should be seen), to TICK_MAX otherwise; all idle for SETTLE, it sleeps until it is
 * woken by the first processor that is given out. */
#include "port/port.h"
#include "sched/sim.h"

#define TICK_MIN (50 * WEFT_MICROSECOND)
#define TICK_ROOM (1 * WEFT_MILLISECOND)
#define TICK_MAX (5 * WEFT_MILLISECOND)
#define SLICE (10 * WEFT_MILLISECOND)
#define STUCK_AFTER (10 * WEFT_MILLISECOND)
#define RUNS_AFTER (1 * WEFT_MILLISECOND)
#define CORE_WITHIN (100 * WEFT_MILLISECOND)
#define SETTLE (100 * WEFT_MILLISECOND)
#define FOREIGN_RECHECK_MIN (10 * WEFT_MILLISECOND)
#define FOREIGN_RECHECK_MAX (1 * WEFT_SECOND)
#define SCAVENGE_EVERY (100 * WEFT_MILLISECOND)

void weft__watchdog_wake(void)
{
    weft__add_seq(&weft__rt.watchdog_word, 1u);
    weft__port_futex_wake((uint32_t *)&weft__rt.watchdog_word, 1);
}

static bool has_own_work(struct processor *p, int64_t now)
{
    return !runq_is_empty(&p->queue) || weft__load_relaxed(&p->timers.next) <= now; /* hints */
}

static bool work_anywhere(int64_t now)
{
    if (weft__load_relaxed(&weft__rt.global_count) > 0) /* a hint */
        return true;
    uint32_t count = weft__load_acquire(&weft__rt.processor_count); /* pairs with processor_new */
    for (uint32_t i = 0; i < count; i++)
        if (has_own_work(weft__rt.processors[i], now))
            return true;
    return false;
}

/* Under no lock. Count p as stuck if it still is where it was. */
static bool mark_stuck(struct processor *p, uint32_t tick)
{
    bool marked = false;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    if (weft__load_relaxed(&p->status) == PROCESSOR_RUNNING &&
        weft__load_relaxed(&p->tick) == tick) { /* under the lock */
        weft__store_relaxed(&p->status, PROCESSOR_STUCK);
        weft__rt.stuck++;
        weft__room_changed();
        marked = true;
    }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (marked)
        weft__or_acq_rel(&p->attention, ATTENTION_STUCK);
    return marked;
}

/* Under no lock. The number of the thread that p's machine is; 0: it has none. */
static int thread_of(struct processor *p)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    int thread =
        p->machine != NULL ? weft__load_relaxed(&p->machine->thread) : 0; /* a number, which may be old by then */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return thread;
}

/* p is where it was for so long. Whether it only waits for a core: its thread would run, and has hardly done so since it was asked
 * for the first time. A stand-in would wait beside it, and make all of them wait longer; a thief takes what is in its queue. If
 * that cannot be known it is taken for stuck; and if the core does not come for CORE_WITHIN, as others are preferred to the thread:
 * nobody else comes for its run-next and its timers. */
static bool waits_for_core(struct processor *p, int64_t still)
{
    int thread = thread_of(p);
    int64_t time = thread != 0 ? weft__port_thread_time(thread) : -1;
    if (p->seen_time < 0)
        p->seen_time = time;
    if (still < STUCK_AFTER)
        return true; /* for now */
    return still < CORE_WITHIN && time >= 0 && time - p->seen_time < RUNS_AFTER && weft__port_thread_would_run(thread);
}

/* One processor at work. Returns true if something had to be done. */
static bool look_at(struct processor *p, int64_t now)
{
    uint32_t tick = weft__load_relaxed(&p->tick), slice = weft__load_relaxed(&p->slice); /* only compared */
    if (slice != p->seen_slice) {
        p->seen_slice = slice;
        p->slice_at = now;
    } else if (tick != p->seen_tick && now - p->slice_at > SLICE && runq_length(&p->queue) > 0) {
        weft__or_acq_rel(&p->attention, ATTENTION_PREEMPT);
        p->slice_at = now;
    }
    if (tick != p->seen_tick) {
        p->seen_tick = tick;
        p->seen_at = now;
        p->seen_time = -1;
        if (weft__load_relaxed(&p->timers.next) < now - TICK_MIN) /* a hint */
            weft__or_acq_rel(&p->attention, ATTENTION_TIMERS);
        return false;
    }
    if (weft__load_relaxed(&weft__rt.room) > 0) { /* a hint */
        if (!has_own_work(p, now))
            return false;
        weft__or_acq_rel(&p->attention, ATTENTION_OPEN);
        weft__wake_processor();
        return true;
    }
    if (now - p->seen_at < STUCK_AFTER / 2 || !work_anywhere(now) || waits_for_core(p, now - p->seen_at) ||
        !mark_stuck(p, tick))
        return false;
    weft__wake_processor();
    return true;
}

/* p is not at work and holds what nobody comes for: those who would have no processor, and the others have enough to do of their own,
 * or yield for ever (weft_yield looks at the own and the global queue alone). Its queue goes where everybody looks, which
 * a thief may do at any time; its timers fire here. */
static void empty_out(struct processor *p, int64_t now)
{
    runnable r; /* no more than were there: the owner may be back */
    for (uint32_t i = 0; i <= RUNQ_SIZE && (r = runq_take(&p->queue)) != RUNNABLE_NONE; i++)
        weft__inject(r, r, 1);
    if (weft__load_relaxed(&p->timers.next) <= now) /* a hint; exact under the heap's lock */
        weft__timers_run(&p->timers, now);
}

/* Returns true if something had to be done; *busy: some processor is at work. */
static bool look_at_all(int64_t now, bool *busy)
{
    bool done = false;
    *busy = false;
    uint32_t count = weft__load_acquire(&weft__rt.processor_count); /* pairs with processor_new */
    for (uint32_t i = 0; i < count; i++) {
        struct processor *p = weft__rt.processors[i];
        uint32_t status = weft__load_relaxed(&p->status); /* a hint */
        if (status != PROCESSOR_IDLE)
            *busy = true;
        if (status == PROCESSOR_RUNNING)
            done |= look_at(p, now);
        /* Left behind by a blocking section, or by a machine that is stuck and whose stand-in could not be had at once; or
         * timers that an idle processor's machine had. */
        else if (!has_own_work(p, now))
            continue;
        else if (weft__load_relaxed(&weft__rt.room) > 0) /* a hint */
            weft__wake_processor();
        else
            empty_out(p, now);
    }
    if (weft__load_relaxed(&weft__rt.global_count) > 0 && weft__load_relaxed(&weft__rt.room) > 0) /* hints */
        weft__wake_processor();
    return done;
}

/* Whether the process has threads that are not ours and not waiting in this library: they may still wake somebody. The count of
 * threads means something only beside a count of waiting ones that stood still meanwhile. */
static bool foreign_threads_at_work(void)
{
    int setting = weft__deadlock_setting();
    if (setting != 0)
        return setting < 0;
    uint64_t waiting = weft__load_seq(&weft__rt.foreign_waiting);
    int threads = weft__port_thread_count();
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    int ours = (int)weft__rt.machine_count + 1 + (weft__tools_threads ? 1 : 0);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    ours += (int)weft__load_seq(&weft__rt.lost_machines) + (int)(uint32_t)waiting;
    return threads < 0 || threads > ours || weft__load_seq(&weft__rt.foreign_waiting) != waiting;
}

/* Whether nothing can happen, and how many processors had been given out until then. */
static bool is_still(uint64_t *acquisitions)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool still = weft__can_nothing_happen();
    *acquisitions = weft__rt.acquisitions;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return still;
}

/* Everything is idle. Report if that is for ever; otherwise how long to sleep.
 *
 * The proof that it is for ever (D-05): it was still before and after the threads were counted, and no processor was given out in
 * between, so no goroutine ran meanwhile. At the instant of the count, then, no goroutine could run, no timer was
 * pending, and every thread that is not ours waited here without a deadline (their number did not change around that
 * instant). Without the number of acquisitions the two looks could be at two different stillnesses, with a run in between in
 * which the threads waited and were let go. */
static int64_t idle_pause(int64_t *recheck)
{
    uint64_t before, after;
    if (!is_still(&before)) {
        *recheck = FOREIGN_RECHECK_MIN;
        return -1;
    }
    if (!foreign_threads_at_work() && is_still(&after) && before == after) {
        const struct weft__sched_hooks *hooks = weft__load_acquire(&weft__rt.hooks); /* pairs with set_hooks */
        if (hooks != NULL)
            hooks->deadlock(weft__load_seq(&weft__rt.main_exited) != 0);
        weft__fatal("all goroutines are asleep - deadlock!");
    }
    int64_t pause = *recheck;
    *recheck = pause * 2 > FOREIGN_RECHECK_MAX ? FOREIGN_RECHECK_MAX : pause * 2;
    return weft__deadlock_setting() < 0 ? -1 : pause;
}

/* Under runtime.lock. All machines are in blocking sections, and something waits for one that could not be had so far. */
static bool is_work_owed(void)
{
    if (weft__rt.idle_machines != NULL) /* they see to it */
        return false;
    if (!weft__global_is_empty() || weft__timers_earliest() != NEVER)
        return true;
    uint32_t count = weft__load_acquire(&weft__rt.processor_count); /* pairs with processor_new */
    for (uint32_t i = 0; i < count; i++)
        if (!runq_is_empty(&weft__rt.processors[i]->queue))
            return true;
    return false;
}

/* Sleep for good, unless a processor was given out or refused meanwhile: who does that looks at watchdog_asleep under
 * runtime.lock. */
static bool may_sleep(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool idle = weft__rt.busy == 0 && !is_work_owed();
    weft__store_relaxed(&weft__rt.watchdog_asleep, idle ? 1u : 0u); /* under the lock */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return idle;
}

/* From a signal handler. */
void weft__ask_for_quit(void)
{
    weft__store_release(&weft__rt.quit_asked, 1u); /* pairs with see_to_quit */
    weft__watchdog_wake();
}

bool weft__quit_is_asked(void)
{
    return weft__load_acquire(&weft__rt.quit_asked) != 0; /* pairs with weft__ask_for_quit */
}

static void see_to_quit(void)
{
    const struct weft__sched_hooks *hooks = weft__load_acquire(&weft__rt.hooks); /* pairs with set_hooks */
    if (weft__quit_is_asked() && hooks != NULL && hooks->quit != NULL)
        hooks->quit();
}

void weft__watchdog_loop(void)
{
    int64_t pause = TICK_MIN, recheck = FOREIGN_RECHECK_MIN;
    int64_t idle_since = 0, scavenged = 0;
    for (;;) {
        uint32_t word = weft__load_seq(&weft__rt.watchdog_word);
        if (weft__load_seq(&weft__rt.stopping) != 0) /* pairs with the main function's end: it wakes us after */
            return;
        see_to_quit();
        weft__start_machines();
        if (weft__gate_is_closed()) { /* who waits at it is not stuck */
            weft__port_futex_wait((uint32_t *)&weft__rt.watchdog_word, word, TICK_ROOM);
            continue;
        }
        if (weft__sim_is_on()) { /* it watches over itself: nothing but the end is to be waited for */
            weft__port_futex_wait((uint32_t *)&weft__rt.watchdog_word, word, -1);
            continue;
        }
        if (weft__load_relaxed(&weft__rt.lost_machines) > 0) /* a hint */
            weft__lost_sweep();
        int64_t now = weft__port_now();
        bool busy, done = look_at_all(now, &busy);
        if (now - scavenged > SCAVENGE_EVERY) {
            scavenged = now;
            (void)weft__stack_scavenge(false);
        }
        if (busy) {
            idle_since = 0;
            recheck = FOREIGN_RECHECK_MIN;
            int64_t most = weft__load_relaxed(&weft__rt.room) > 0 ? TICK_ROOM : TICK_MAX; /* a hint */
            pause = done ? TICK_MIN : pause * 2 > most ? most : pause * 2;
            int64_t next = weft__timers_earliest();
            int64_t until = next != NEVER && next > now && next - now < pause ? next - now + TICK_MIN : pause;
            weft__port_futex_wait((uint32_t *)&weft__rt.watchdog_word, word, until);
            continue;
        }
        if (idle_since == 0)
            idle_since = now;
        int64_t sleep = idle_pause(&recheck);
        pause = TICK_MIN;
        if (now - idle_since < SETTLE) {
            weft__port_futex_wait((uint32_t *)&weft__rt.watchdog_word, word, sleep > 0 ? sleep : TICK_MAX);
            continue;
        }
        while (weft__stack_scavenge(true))
            ;
        bool asleep = may_sleep();
        weft__port_futex_wait((uint32_t *)&weft__rt.watchdog_word, word, asleep ? sleep : TICK_MAX);
        weft__store_relaxed(&weft__rt.watchdog_asleep, 0u); /* a spurious wake-up by a giver is harmless */
    }
}

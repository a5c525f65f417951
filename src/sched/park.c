/* SPDX-License-Identifier: Apache-2.0
 *
 * park.c - park and ready: how a goroutine leaves its machine and comes back.
 *
 * A goroutine that parks goes straight to the next one where that is known (run-next or the own queue), and to the
 * machine's scheduler loop otherwise. Either way its commit step runs on the context that follows, when its own is saved:
 *
 *      g: park(commit)  --switch-->  next: finish_switch() = commit(): unlock; from here on g may be resumed anywhere
 *
 * The machine is not looked up again after a switch: whoever resumes a context hands it its own machine. */
#include <weft/run.h>

#include "port/port.h"
#include "sched/runtime.h"

/* Scheduling points between looks at the clock and at the global queue. A power of two; the queue's is a multiple. */
#define CLOCK_EVERY 16u
#define GLOBAL_EVERY 64u
#define YIELD_BEHIND CLOCK_EVERY /* so many are before it: there is a look until then */

static inline void set_state(struct goroutine *g, enum weft__state state)
{
    /* release: whoever reads WAITING (a report, the end of a run) finds reason and object. */
    weft__store_release(&g->task.state, state);
}

void weft__finish_switch(struct machine *m)
{
    weft__commit commit = weft__load_relaxed(&m->commit); /* own variable */
    void *arg = m->commit_arg;
    weft__store_release(&m->commit, NULL); /* pairs with the gate's closer: the context that was left is saved */
    commit(arg);
}

bool weft__has_yielded(struct processor *p)
{
    /* relaxed: a head that is older, or a count that is wrong, costs a moment. */
    return p->has_yielded && (int32_t)(weft__load_relaxed(&p->queue.head) - p->yielded_at) >= 0 &&
           weft__load_relaxed(&weft__rt.global_count) > 0;
}

static bool is_time_for_slow_path(struct processor *p, uint32_t tick)
{
    if (WEFT__UNLIKELY(weft__has_yielded(p)))
        return true;
    if (tick % GLOBAL_EVERY == 0 && weft__load_relaxed(&weft__rt.global_count) > 0) /* a hint */
        return true;
    int64_t next = weft__load_relaxed(&p->timers.next); /* a hint: the watchdog sees what is missed here */
    return next != NEVER && weft__port_now() >= next;
}

/* A scheduling point has been reached. True: there may be more to do than to take the next one of the queue: look_around. */
static inline bool count_point(struct processor *p)
{
    uint32_t tick = weft__load_relaxed(&p->tick) + 1;                         /* own variable */
    weft__store_relaxed(&p->tick, tick);                                      /* the watchdog only compares it */
    return weft__load_relaxed(&p->attention) != 0 || tick % CLOCK_EVERY == 0; /* acted on under lock, later */
}

/* True: the scheduler's loop has to have a look. */
static __attribute__((noinline)) bool look_around(struct processor *p)
{
    uint32_t attention = weft__load_relaxed(&p->attention); /* as in count_point */
    if (attention == 0)
        return is_time_for_slow_path(p, weft__load_relaxed(&p->tick)); /* own variable */
    if ((attention & ATTENTION_STOP) != 0)
        weft__lost_leaves(weft__machine());
    return true;
}

static inline runnable first_of(struct processor *p)
{
    runnable r = runq_take_next(&p->queue);
    if (r == RUNNABLE_NONE && (r = runq_get(&p->queue)) != RUNNABLE_NONE)
        weft__store_relaxed(&p->slice, weft__load_relaxed(&p->slice) + 1); /* as tick */
    return r;
}

runnable weft__next_local(struct processor *p)
{
    if (WEFT__UNLIKELY(count_point(p)) && look_around(p))
        return RUNNABLE_NONE;
    return first_of(p);
}

/* What a runnable is resumed as; NULL if there is no stack for it now (it went back to the global queue). */
static struct goroutine *take(struct machine *m, runnable r)
{
    if (!runnable_is_spawn(r))
        return runnable_goroutine(r);
    struct goroutine *g = weft__spawn_bind(m, runnable_spawn(r));
    if (WEFT__UNLIKELY(g == NULL)) {
        weft__inject(r, r, 1);
        weft__port_thread_yield(); /* the last stacks are in the caches of machines that are about to go idle */
    }
    return g;
}

/* r is next, but its stack would have to be guarded or touched first, which takes the kernel some time: too long for the lock that
 * the commit step may let go. So that step comes first, in the loop, and r after it. */
static inline runnable not_yet(struct machine *m, runnable r)
{
    if (r == RUNNABLE_NONE || !runnable_is_spawn(r) || weft__stack_is_at_hand(&m->p->stacks))
        return r;
    m->first = r;
    return RUNNABLE_NONE;
}

/* Who is on the machine when the switch is made; NULL: its loop. */
static inline void set_running(struct machine *m, struct goroutine *to)
{
    m->g = to;
    if (to != NULL)
        set_state(to, WEFT__RUNNING);
    else
        weft__store_relaxed(&m->away, false); /* published by finish_switch's NULL, for weft__any_at_home */
}

/* Leave the running context, whose pointer goes to *from, for to (NULL: the scheduler loop). Returns on its next turn. Without
 * extras, or if there were none when it was called. */
static inline void switch_to(struct machine *m, void **from, struct goroutine *to)
{
    set_running(m, to);
    m = weft__arch_switch(from, to != NULL ? to->task.sp : m->sp, m);
    weft__finish_switch(m);
}

/* The same with extras: from is NULL for the scheduler loop. */
static __attribute__((noinline)) void switch_with_extras(struct machine *m, struct goroutine *from,
                                                         struct goroutine *to)
{
    set_running(m, to);
    struct weft__exceptions kept;
    weft__exceptions_leave(m->exceptions, &kept);
    if (weft__tools_active)
        weft__tools_leave(&m->tools, from, to, false);
    m = weft__arch_switch(from != NULL ? &from->task.sp : &m->sp, to != NULL ? to->task.sp : m->sp, m);
    if (weft__tools_active)
        weft__tools_arrive(&m->tools, from);
    weft__exceptions_arrive(m->exceptions, &kept);
    weft__finish_switch(m);
}

/* relaxed: a goroutine that makes a bit necessary sets it before it can be found in a queue. */
static inline bool has_extras(void)
{
    return WEFT__UNLIKELY(weft__load_relaxed(&weft__extras) != 0);
}

/* Where the thread belongs to g, nobody else runs on it; and a goroutine that has a thread of its own is not resumed here: it
 * goes back, for the loop to find and to hand over. */
static __attribute__((noinline)) void suspend_with_extras(struct machine *m, struct goroutine *g)
{
    runnable r = RUNNABLE_NONE;
    if (m->p != NULL && m->locked == NULL)
        r = weft__next_local(m->p);
    else
        weft__lost_leaves(m);
    if (r != RUNNABLE_NONE && !runnable_is_spawn(r) &&
        weft__load_relaxed(&runnable_goroutine(r)->task.is_locked)) { /* it came through a queue */
        weft__make_runnable(r);
        r = RUNNABLE_NONE;
    }
    r = not_yet(m, r);
    switch_with_extras(m, g, r != RUNNABLE_NONE ? take(m, r) : NULL);
}

/* The rest of weft__suspend where it has more to do than to switch to a goroutine. Where that has brought r along it is out of
 * its queue. Functions of their own, so that the common way has nothing to keep across a call. */
static __attribute__((noinline)) void suspend_for(struct machine *m, struct goroutine *g, runnable r)
{
    r = not_yet(m, r);
    switch_to(m, &g->task.sp, r != RUNNABLE_NONE ? take(m, r) : NULL);
}

static __attribute__((noinline)) void suspend_with_a_look(struct machine *m, struct goroutine *g)
{
    suspend_for(m, g, look_around(m->p) ? RUNNABLE_NONE : first_of(m->p));
}

static inline void announce(struct machine *m, struct goroutine *g, enum weft__state state, weft__commit commit,
                            void *arg)
{
    m->commit_arg = arg;
    weft__store_relaxed(&m->commit,
                        commit); /* published by the state, and for attention by the gate's closer (gate.c) */
    set_state(g, state);
    weft__fence_compiler();
}

/* Inline in weft__park, which is most of its calls. */
static inline void suspend(struct machine *m, struct goroutine *g, enum weft__state state, weft__commit commit,
                           void *arg)
{
    announce(m, g, state, commit, arg);
    struct processor *p = m->p;
    if (WEFT__UNLIKELY(has_extras() || p == NULL)) {
        suspend_with_extras(m, g);
        return;
    }
    if (WEFT__UNLIKELY(count_point(p))) {
        suspend_with_a_look(m, g);
        return;
    }
    runnable r = first_of(p);
    if (r == RUNNABLE_NONE || runnable_is_spawn(r)) {
        suspend_for(m, g, r);
        return;
    }
    switch_to(m, &g->task.sp, runnable_goroutine(r));
}

void weft__suspend(struct machine *m, struct goroutine *g, enum weft__state state, weft__commit commit, void *arg)
{
    suspend(m, g, state, commit, arg);
}

void weft__suspend_for(struct machine *m, struct goroutine *g, enum weft__state state, weft__commit commit, void *arg,
                       runnable r)
{
    if (has_extras()) { /* r may need another thread; what was next goes to run-next: it is next anyway */
        weft__make_runnable(r);
        weft__suspend(m, g, state, commit, arg);
        return;
    }
    announce(m, g, state, commit, arg);
    suspend_for(m, g, r);
}

void weft__resume_from_loop(struct machine *m, runnable r)
{
    bool extras = has_extras();
    if (extras && (weft__locked_elsewhere(m, r) || weft__migrated(m, r)))
        return;
    weft__gate_pass(m);
    struct goroutine *g = take(m, r); /* behind the gate: a report may still look at who had the stack before */
    if (g == NULL) {
        weft__gate_turn_back(m);
        return;
    }
    weft__store_release(&m->away, true); /* pairs with the end of a run, which need not wait for it from here on */
    if (extras) {
        g->task.ran_on = m->number;
        switch_with_extras(m, NULL, g);
    } else {
        switch_to(m, &m->sp, g);
    }
}

/* Only in this order: a machine that goes home is not away any more when its switch is over. */
static bool is_at_home(struct machine *m)
{
    if (weft__load_acquire(&m->commit) != NULL) /* pairs with finish_switch: what came before its NULL */
        return true;
    return !weft__load_acquire(&m->away); /* pairs with resume_from_loop: what the loop did before is over */
}

bool weft__any_at_home(bool lost)
{
    bool any = false;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    for (struct machine *m = lost ? weft__rt.lost : weft__rt.machines; m != NULL; m = m->next)
        any |= is_at_home(m);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return any;
}

int weft__processor_number(void)
{
    struct machine *m = weft__machine();
    return WEFT__LIKELY(m != NULL && m->p != NULL) ? (int)m->p->number : -1;
}

/* With the arguments where weft__park has them. */
static __attribute__((noinline)) void park_thread(struct weft__task *self, const struct weft__wait_reason *reason,
                                                  void *object, weft__commit commit, void *arg)
{
    (void)reason, (void)object;
    weft__thread_park(self, commit, arg, NEVER, NULL);
}

void weft__park(struct weft__task *self, const struct weft__wait_reason *reason, void *object, weft__commit commit,
                void *arg)
{
    self->reason = reason;
    self->object = object;
    if (WEFT__UNLIKELY(self->is_thread)) {
        park_thread(self, reason, object, commit, arg);
        return;
    }
    suspend(weft__machine(), task_goroutine(self), WEFT__WAITING, commit, arg);
}

/* ---- ready ---- */

void weft__put_tail(struct processor *p, runnable r)
{
    while (WEFT__UNLIKELY(!runq_put(&p->queue, r))) {
        runnable first, last;
        uint32_t count = runq_shed(&p->queue, &first, &last);
        if (count > 0) {
            runnable_set_next(last, r);
            runnable_set_ahead(r, RUNNABLE_NONE);
            weft__inject(first, r, count + 1);
            return;
        }
    }
}

/* The rest of weft__make_runnable where there is one; in functions of their own, as for weft__suspend. */
static __attribute__((noinline)) bool displaced(struct processor *p, runnable old)
{
    weft__put_tail(p, old);
    weft__wake_for(p);
    return true;
}

static __attribute__((noinline)) bool inject_one(runnable r)
{
    weft__inject(r, r, 1);
    return true;
}

bool weft__make_runnable(runnable r)
{
    struct machine *m = weft__machine();
    struct processor *p = m != NULL ? m->p : NULL;
    if (WEFT__UNLIKELY(p == NULL))
        return inject_one(r);
    /* A lone run-next wakes nobody: the caller most likely parks soon and runs it itself, while waking another core costs
     * far more. If it does not, the watchdog opens the slot to thieves. */
    runnable old = runq_put_next(&p->queue, r);
    return WEFT__LIKELY(old == RUNNABLE_NONE) || displaced(p, old);
}

bool weft__ready(struct weft__task *task)
{
    if (WEFT__UNLIKELY(task->is_thread))
        return weft__thread_ready(task);
    set_state(task_goroutine(task), WEFT__RUNNABLE);
    return weft__make_runnable(runnable_of_goroutine(task_goroutine(task)));
}

/* ---- ready: many at once ---- */

void weft__woken_add(struct weft__woken *woken, struct weft__task *task)
{
    if (WEFT__UNLIKELY(task->is_thread)) {
        task->next = woken->threads;
        woken->threads = task;
        return;
    }
    set_state(task_goroutine(task), WEFT__RUNNABLE);
    task->ahead = RUNNABLE_NONE;
    if (woken->last != NULL)
        woken->last->next = task;
    else
        woken->first = task;
    woken->last = task;
    struct weft__task **latest = &woken->latest[woken->count++ % WEFT__WOKEN_AHEAD];
    if (*latest != NULL)
        (*latest)->ahead = runnable_of_goroutine(task_goroutine(task));
    *latest = task;
}

void weft__woken_ready(struct weft__woken *woken)
{
    struct weft__task *task, *next;
    for (task = woken->threads; task != NULL; task = next) {
        next = task->next;
        weft__thread_ready(task);
    }
    if (woken->count == 0)
        return;
    runnable first = runnable_of_goroutine(task_goroutine(woken->first));
    if (woken->count > RUNQ_BATCH) { /* the ring would pass them on, in such batches */
        weft__inject(first, runnable_of_goroutine(task_goroutine(woken->last)), woken->count);
        return;
    }
    task = woken->first;
    next = task->next;
    for (uint32_t i = 1; i < woken->count; i++) {
        task = next;
        next = task->next;
        weft__make_runnable(runnable_of_goroutine(task_goroutine(task)));
    }
    weft__make_runnable(first); /* the last one to come is the first to run */
}

/* ---- yield ---- */

static void commit_to_tail(void *arg)
{
    struct processor *p = weft__machine()->p;
    runnable r = runnable_of_goroutine(arg);
    /* Behind everything that is runnable: the own queue's tail is that as long as the global queue is empty (P-03). */
    if (p != NULL && weft__load_relaxed(&weft__rt.global_count) == 0) { /* a hint */
        p->has_yielded = false;
        weft__put_tail(p, r);
        return;
    }
    /* And where it is not, if there are others to run before. When it comes to those who have yielded, they go to the global queue
     * together (give_way), which costs its lock once. */
    if (p != NULL && runq_length(&p->queue) >= YIELD_BEHIND) {
        if (!p->has_yielded) {
            p->has_yielded = true;
            p->yielded_at = weft__load_relaxed(&p->queue.tail); /* own variable */
        }
        weft__put_tail(p, r);
        return;
    }
    weft__inject(r, r, 1);
}

static const struct weft__wait_reason yielded = {.text = "runnable"};

void weft_yield(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL || m->sections > 0) {
        weft__port_thread_yield();
        return;
    }
    struct goroutine *g = m->g;
    /* Nothing else to run here: stay. */
    if (m->p != NULL && runq_is_empty(&m->p->queue) && weft__load_relaxed(&weft__rt.global_count) == 0 &&
        weft__load_relaxed(&m->p->attention) == 0 && weft__load_relaxed(&m->p->timers.next) == NEVER) {
        weft__store_relaxed(&m->p->tick, weft__load_relaxed(&m->p->tick) + 1); /* a scheduling point all the same */
        return;
    }
    g->task.reason = &yielded;
    weft__suspend(m, g, WEFT__RUNNABLE, commit_to_tail, g);
}

void weft__yield_to_ready(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL || m->p == NULL || weft__load_relaxed(&m->p->queue.next) == RUNNABLE_NONE)
        return; /* own slot: only a thief empties it */
    m->g->task.reason = &yielded;
    weft__suspend(m, m->g, WEFT__RUNNABLE, commit_to_tail, m->g);
}

bool weft__may_spin(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->p == NULL)
        return false;
    /* Hints all: another processor is at work and nothing waits here. */
    return weft__load_relaxed(&weft__rt.processor_count) > 1 &&
           weft__load_relaxed(&weft__rt.room) + 1 < weft__load_relaxed(&weft__rt.target) && runq_is_empty(&m->p->queue);
}

/* ---- deadlines ---- */

struct deadline {
    struct weft__timer timer;
    struct weft__task *task;
    weft__claim *claim;
    weft__commit commit;
    void *commit_arg;
    int64_t when;
};

static bool deadline_passed(struct weft__timer *timer, int64_t now)
{
    struct deadline *deadline = (struct deadline *)timer;
    (void)now;
    if (weft__claim_try(deadline->claim, WEFT__CLAIMED_BY_TIME))
        weft__ready(deadline->task);
    return false;
}

/* The timer is armed before the caller's own commit step, which lets wakers at the task; the frame lives until the task has
 * passed weft__timer_remove, which waits for the heap's lock. */
static void commit_deadline(void *arg)
{
    struct deadline *deadline = arg;
    int error = weft__timer_arm_and(&deadline->timer, deadline->when, deadline->commit, deadline->commit_arg);
    CHECK(error == 0); /* a machine is in a run */
}

void weft__park_until(struct weft__task *self, const struct weft__wait_reason *reason, void *object,
                      weft__commit commit, void *arg, int64_t when, weft__claim *claim)
{
    if (when == NEVER) {
        weft__park(self, reason, object, commit, arg);
        return;
    }
    self->reason = reason;
    self->object = object;
    if (WEFT__UNLIKELY(self->is_thread)) {
        weft__thread_park(self, commit, arg, when, claim);
        return;
    }
    struct deadline deadline = {
        .timer = {.fire = deadline_passed, .keeps_alive = true},
        .task = self,
        .claim = claim,
        .commit = commit,
        .commit_arg = arg,
        .when = when,
    };
    weft__suspend(weft__machine(), task_goroutine(self), WEFT__WAITING, commit_deadline, &deadline);
    weft__timer_remove(&deadline.timer);
}

int64_t weft__deadline(int64_t duration)
{
    int64_t now = weft__now(), when;
    if (duration <= 0)
        return now;
    return __builtin_add_overflow(now, duration, &when) ? NEVER : when;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime.h - machines, processors and the one runtime that they belong to.
 *
 * Goroutine (goroutine.h), machine (a kernel thread), processor (the right to run goroutines, and what goes with it:
 * run queue, timers, caches). A machine needs a processor to run goroutines; one in a weft_blocking section has none.
 *
 *   procs wanted = target.  busy = processors that a machine has.  stuck = those of them whose machine has not passed a
 *   scheduling point for a while (a blocking call, a long computation).  Invariant, under lock: a processor is given
 *   out only while busy - stuck < target. So for each stuck machine one more may run, and when it comes back
 *   the surplus is retired at the next scheduling point. Nothing is ever taken from a running thread except what thieves may
 *   take from anybody: queue, run-next, due timers.
 *
 * Lock: runtime.lock (rank SCHED) protects the global queue, the idle lists and the counts. */
#ifndef WEFT_SCHED_RUNTIME_H
#define WEFT_SCHED_RUNTIME_H

#include "sched/exceptions.h"
#include "sched/runq.h"
#include "sched/stack.h"
#include "sched/timer_queue.h"
#include "sched/tools.h"

#define PROCS_MAX 256
#define PROCESSORS_MAX 4096 /* procs and those that stand in for stuck ones */
#define NEVER INT64_MAX

enum processor_status { PROCESSOR_IDLE, PROCESSOR_RUNNING, PROCESSOR_STUCK };

/* Why a processor's owner should take the slow path at its next scheduling point. */
#define ATTENTION_STUCK 1u     /* the watchdog has counted it as stuck */
#define ATTENTION_PREEMPT 2u   /* run-next has kept the queue waiting for a whole time slice */
#define ATTENTION_RETIRE 4u    /* there may be more processors at work than wanted */
#define ATTENTION_TIMERS 8u    /* a timer of it is overdue */
#define ATTENTION_OPEN 16u     /* run-next has waited: thieves may take it */
#define ATTENTION_STOP 32u     /* the run has ended; stays set for ever */
#define ATTENTION_SIM 64u      /* a simulated run: every switch goes by way of weft__sim_next; stays set */
#define ATTENTION_MIGRATE 128u /* WEFT_DEBUG=migrate: every switch goes by way of the loop; stays set */
#define ATTENTION_GATE 256u    /* the gate is closed: nobody is to be resumed but by way of it */

struct timer_heap {
    struct weft__lock lock;       /* rank TIMER */
    WEFT__ATOMIC(int64_t) next;   /* none is before, or NEVER; written under lock, read by anyone */
    WEFT__ATOMIC(uint32_t) alive; /* timers with keeps_alive; written under lock */
    WEFT__ATOMIC(bool) closed;    /* its run has ended: nothing gets in; read under lock */
    struct timer_queue queue;     /* protected by lock */
};

/* Free lists of spawn records: owner only. */
struct spawn_cache {
    struct spawn *first[2]; /* short, long */
    uint32_t count[2];
};

struct machine;

/* Type-stable, as a timer may still name a heap whose run has ended: it goes to runtime.spare_processors, never to the heap. */
struct processor {
    struct runq queue;
    WEFT__ATOMIC(uint32_t) attention; /* ATTENTION_ bits; set by anyone, cleared by the owner */
    WEFT__ATOMIC(uint32_t) tick;      /* scheduling points passed; owner writes, watchdog reads */
    WEFT__ATOMIC(uint32_t) slice;     /* time slices begun (run-next inherits its slice); as tick */
    uint32_t number;                  /* immutable, also from run to run: no two ever have the same one */
    struct stack_cache stacks;        /* owner only, as the next three */
    struct spawn_cache spawns;
    uint64_t id_next, id_end;
    uint32_t global_tick; /* owner only: tick when the global queue was last looked at for fairness' sake */
    uint32_t
        yielded_at;   /* owner only: where in the ring those begin who have yielded while the global queue had others */
    bool has_yielded; /* owner only: there are such */
    WEFT__ATOMIC(int64_t) born_minus_dead; /* goroutines; owner writes */
    struct timer_heap timers;
    WEFT__ATOMIC(uint32_t) status;  /* enum processor_status; written under runtime.lock */
    bool is_lost;                   /* protected by runtime.lock: its machine is, and has it */
    struct processor *idle_next;    /* of idle ones, and of spare ones; protected by runtime.lock */
    struct machine *machine;        /* who has it; protected by runtime.lock */
    uint32_t seen_tick, seen_slice; /* watchdog only, as the next three */
    int64_t seen_at, slice_at;
    int64_t seen_time; /* processor time of its thread, some time after seen_at; -1 not asked for yet */
    uint32_t index;    /* immutable */
};

struct machine {
    struct goroutine *g; /* running goroutine, NULL in the scheduler loop; first, for weft__self */
    void *sp;            /* the scheduler loop's context, on the thread's own stack */
    struct processor *p; /* owner only while running; assigned by the waker while idle */
    /* What the next context has to do for the one that was left. Not NULL: a switch, or the choice of whom to switch to, is
     * under way (gate.c). The owner writes. */
    WEFT__ATOMIC(weft__commit) commit;
    void *commit_arg;
    runnable first; /* owner only: a spawn record that the loop is to resume before it looks for anything; or NONE */
    uint32_t random;
    uint16_t number;             /* immutable; tells the machines of a moment apart */
    WEFT__ATOMIC(int) thread;    /* its number; the owner writes it once, 0 before */
    struct goroutine *given;     /* migrate.c: to run first; as p */
    uint32_t sections;           /* nesting of weft_blocking */
    bool spinning;               /* looks for work; counted in runtime.spinning */
    bool assigned;               /* protected by runtime.lock: taken off the idle list by a waker */
    WEFT__ATOMIC(bool) away;     /* owner writes: it runs goroutines; else its loop is at work on the runtime */
    WEFT__ATOMIC(bool) lost;     /* written under runtime.lock: the run ended without it */
    WEFT__ATOMIC(uint32_t) wake; /* futex: 1 when there is something to do */
    struct machine *idle_next, *idle_previous; /* protected by runtime.lock */
    struct machine *next;                      /* all machines; protected by runtime.lock */
    /* lock_thread.c. locked: the goroutine that has this thread to itself; the owner writes, under runtime.lock. */
    struct goroutine *locked;
    uint32_t locks;                      /* owner only: how often it was locked and not unlocked */
    bool ends;                           /* owner only: the goroutine ended so; the thread will, too */
    bool waits;                          /* protected by runtime.lock: asleep until the goroutine is to run */
    struct processor *handed;            /* protected by runtime.lock: to run it with */
    struct weft__owned locked_end;       /* in the goroutine's list */
    struct weft__exceptions *exceptions; /* its thread's; immutable once the thread runs */
    /* Of a lost one: what it last suspended, and the commit step of that (lost.c). Owner only. */
    struct goroutine *last;
    weft__commit last_commit;
    void *last_arg;
    struct tools_machine tools;
};

_Static_assert(offsetof(struct machine, g) == 0 && offsetof(struct goroutine, task) == 0, "weft__self finds the task");

/* A chain in the global queue: global.c. */
struct batch {
    runnable first, last;
    uint32_t count;
};
#define GLOBAL_BATCHES 1024u

struct runtime {
    struct weft__lock lock;
    WEFT__ATOMIC(uint32_t) running;      /* a run is going on: 1; 0 outside */
    WEFT__ATOMIC(uint32_t) stopping;     /* the main function has returned */
    WEFT__ATOMIC(uint32_t) global_count; /* written under lock */
    int busy, stuck;                     /* protected by lock */
    WEFT__ATOMIC(int) target;            /* procs wanted; written under lock */
    WEFT__ATOMIC(int32_t) room;          /* target - (busy - stuck), or 0 if negative; written under lock */
    WEFT__ATOMIC(int32_t) spinning;      /* machines that look for work */
    WEFT__ATOMIC(uint32_t) processor_count;
    struct batch batches[GLOBAL_BATCHES];              /* protected by lock, as the next two */
    uint32_t batch_head, batch_tail;                   /* [head, tail), modulo GLOBAL_BATCHES */
    struct processor *processors[PROCESSORS_MAX];      /* [0, processor_count) immutable during a run */
    struct processor *idle_processors;                 /* protected by lock, as the next */
    struct processor *spare_processors;                /* of runs that have ended */
    uint32_t numbers;                                  /* of processors, given out so far; protected by lock */
    struct machine *idle_machines;                     /* protected by lock, newest first */
    struct machine *machines;                          /* protected by lock */
    uint32_t machine_count, idle_count, blocked_count; /* protected by lock; lost ones are not counted */
    uint32_t locked_count;                             /* as these: those that wait for their locked goroutine */
    WEFT__ATOMIC(struct machine *) to_start;           /* written under lock: whose threads the watchdog starts */
    WEFT__ATOMIC(uint32_t) machines_alive;             /* futex: weft_run waits for zero */
    int64_t start_after;      /* protected by lock: no thread is asked for before; 0: none was refused */
    uint32_t start_failures;  /* in a row; protected by lock */
    int64_t timekeeper_until; /* protected by lock: when an idle machine will look at the timers; NEVER: none */
    WEFT__ATOMIC(uint64_t) next_id;
    WEFT__ATOMIC(int64_t) born_outside;   /* goroutines spawned by plain threads */
    WEFT__ATOMIC(uint32_t) main_exited;   /* main went through weft_exit */
    struct spawn_cache spare_spawns;      /* protected by lock */
    WEFT__ATOMIC(uint32_t) watchdog_word; /* futex of the watchdog; counts calls to wake it */
    WEFT__ATOMIC(uint32_t) watchdog_asleep;
    WEFT__ATOMIC(uint32_t) quit_asked;                    /* by a signal: the watchdog reports and ends the process */
    WEFT__ATOMIC(uint64_t) foreign_waiting;               /* see FOREIGN_WAITS */
    bool migrate;                                         /* immutable during a run: see migrate.c */
    uint16_t last_number;                                 /* of a machine; protected by lock */
    uint64_t acquisitions;                                /* processors given out so far; protected by lock */
    WEFT__ATOMIC(uint32_t) lost_machines;                 /* threads of earlier runs that have not come back */
    struct machine *lost;                                 /* those; protected by lock */
    WEFT__ATOMIC(const struct weft__sched_hooks *) hooks; /* immutable once set */
    int result;                                           /* the main function's; published by stopping */
};

/* foreign_waiting: the low half counts the plain threads that are parked in this library without a deadline, the high half how
 * often that has changed. */
#define FOREIGN_WAITS ((UINT64_C(1) << 32) + 1)
#define FOREIGN_GOES_ON ((UINT64_C(1) << 32) - 1)

extern struct runtime weft__rt;

/* The calling machine, NULL in a plain thread. Asked for anew after each switch: a goroutine may come back on another thread. */
static inline struct machine *weft__machine(void)
{
    return weft__arch_get_word();
}
void weft__machine_set(struct machine *m);

/* Owner: the bits that are set, and which are cleared by that: all of them, so that none is lost that was set since the caller has
 * looked; those that stay set apart.
 * acquire: pairs with weft__gate_mark. Who has cleared ATTENTION_GATE comes to the gate and must find it closed. What the other bits
 * are about is read under the lock under which they were set; or they are hints. */
static inline uint32_t weft__attention_take(struct processor *p)
{
    return weft__and_acquire(&p->attention, (uint32_t)(ATTENTION_STOP | ATTENTION_MIGRATE));
}

/* park.c */
/* To whatever is next. state: what g is from now on; commit is not NULL. */
void weft__suspend(struct machine *m, struct goroutine *g, enum weft__state state, weft__commit commit, void *arg);
/* The same to r, which weft__next_local has given: m->commit was not NULL then, nor was it since. */
void weft__suspend_for(struct machine *m, struct goroutine *g, enum weft__state state, weft__commit commit, void *arg,
                       runnable r);
void weft__resume_from_loop(struct machine *m,
                            runnable r); /* scheduler loop: run r, come back when the machine has nothing */
/* Whether some machine is in its loop or in the middle of a switch, where it uses what the end of the run takes apart, and will
 * notice soon. lost: of those that are lost. */
bool weft__any_at_home(bool lost);
void weft__finish_switch(struct machine *m);
/* Whether the oldest of the own ring have yielded to those in the global queue, which come first (P-03). */
bool weft__has_yielded(struct processor *p);
runnable weft__next_local(struct processor *p); /* run-next or queue; NONE: nothing, or the slow path is wanted */
bool weft__make_runnable(runnable r);
void weft__put_tail(struct processor *p, runnable r);

/* schedule.c */
runnable weft__find_runnable(struct machine *m);            /* NONE: the machine's thread has to end */
void weft__idle_push(struct machine *m);                    /* under runtime.lock; then, without it: */
bool weft__idle_wait(struct machine *m, bool was_spinning); /* false: the run is over */
void weft__check_deadlock(void);

/* wake.c */
bool weft__work_somewhere(void);                                  /* that a machine which goes looking would find */
void weft__inject(runnable first, runnable last, uint32_t count); /* chain to the global queue, and wake */
void weft__wake_processor(void);                                  /* if there is room: one more machine goes looking */
int weft__start_for_work(struct machine *m);                      /* as machine_start; counts refusals */
void weft__say_no_thread(int error);                              /* once; 0: nothing */
void weft__start_machines(void);                                  /* the watchdog: those of to_start */
void weft__drop_machines(void);                                   /* the end of the run: as they were not started */
static inline void weft__wake_for(struct processor *p)
{
    /* relaxed: a wake that is missed here is made up for by the watchdog; the owner itself will run what it queued. */
    if (weft__load_relaxed(&weft__rt.room) > 0 && weft__load_relaxed(&weft__rt.spinning) == 0 &&
        runq_length(&p->queue) > 0)
        weft__wake_processor();
}

/* schedule.c, under runtime.lock. */
void weft__room_changed(void);
struct processor *weft__processor_acquire(struct machine *m); /* NULL: no room (or no memory for one more) */
void weft__processor_release(struct machine *m);
void weft__processor_retire(struct processor *p); /* at the end of its run; NULL: nothing */
bool weft__idle_remove(struct machine *m);
struct machine *weft__idle_pop(void);
bool weft__can_nothing_happen(void);

/* global.c; all under runtime.lock */
bool weft__global_is_empty(void);
void weft__global_put(runnable first, runnable last, uint32_t count); /* a chain */
runnable weft__global_take_batch(uint32_t most, uint32_t *count); /* the oldest chain; NONE if there is none so short */
runnable weft__global_take_one(void);
runnable weft__global_take_all(void); /* as a chain; global_count stays */

/* lock_thread.c */
/* The loop of a machine whose thread belongs to a goroutine: that one, when it is its turn; NONE: the thread has to end. */
runnable weft__locked_next(struct machine *m);
/* The loop has found r: true if it was handed to the machine whose thread it needs; m is without a processor then. */
bool weft__locked_elsewhere(struct machine *m, runnable r);
void weft__locked_forget(struct goroutine *g); /* under runtime.lock: its machine is not in its list any more */
/* migrate.c: true if r goes on in another thread; m is without a processor then. */
bool weft__migrated(struct machine *m, runnable r);

/* blocking.c */
bool weft__leaves_work(
    struct processor *p); /* under runtime.lock: there is something to do for it when it is given up */

/* lost.c */
bool weft__machine_is_lost(const struct machine *m); /* exact under runtime.lock; NULL: no */
void weft__lost_leaves(struct machine *m);           /* it is about to suspend its goroutine: if it is lost, for good */
void weft__lost_hand_over(runnable first);           /* what a lost machine has made runnable, as a chain */
void weft__lost_empty(struct processor *p);          /* the same for its queue; any thread, p cannot go meanwhile */
void weft__lost_sweep(void);                         /* the same for the queues of all lost machines */

/* machine.c */
struct machine *weft__machine_new(struct processor *p, bool spinning); /* under runtime.lock; NULL without memory */
/* Its thread. On an error m is gone; -ECANCELED: the run is, too. patient: wait out a lack of threads for a moment. */
int weft__machine_start(struct machine *m, bool patient);
bool weft__machine_discard(struct machine *m); /* true: its run had gone on without it */
void weft__machine_wake(struct machine *m);

/* spawn.c */
struct goroutine *weft__spawn_bind(struct machine *m, struct spawn *spawn); /* NULL: no stack just now */
void weft__spawn_cache_flush(struct processor *p);                          /* under runtime.lock */
struct spawn *weft__spawn_main(int (*app)(int, char **), int argc, char **argv, size_t stack_size);
void weft__spawn_drop(runnable r); /* a run has ended before it ran; goroutines are the stack pool's business */
void weft__spawn_drop_chain(runnable first);
void weft__goroutine_forget(struct goroutine *g); /* it never runs again: let go of what is released at its end */
_Noreturn void weft__goroutine_exit(void);

/* timer.c */
void weft__timers_run(struct timer_heap *heap, int64_t now);
void weft__timers_clear(struct timer_heap *heap);
int64_t weft__timers_earliest(void);
/* Add the timer and, before it can fire, run then(arg). An error as of weft__timer_add. */
int weft__timer_arm_and(struct weft__timer *timer, int64_t when, weft__commit then, void *arg);
uint32_t weft__timers_alive(void);

/* watchdog.c */
void weft__watchdog_loop(void);
void weft__watchdog_wake(void);

/* gate.c */
void weft__commit_nothing(void *arg);
bool weft__gate_is_closed(void);
void weft__gate_pass(struct machine *m);      /* the loop is about to resume a goroutine: announces that, may wait */
void weft__gate_turn_back(struct machine *m); /* nobody is resumed after all */
void weft__gate_mark(struct processor *p);    /* under runtime.lock */
void weft__gate_own(void);                    /* the world is not held until disown */
void weft__gate_disown(void);

/* thread.c */
void weft__thread_park(struct weft__task *task, weft__commit commit, void *arg, int64_t deadline, weft__claim *claim);
bool weft__thread_ready(struct weft__task *task);

/* run.c */
int weft__sched_run(int (*app)(int, char **), int argc, char **argv);
/* For reports: the lowest-numbered goroutines first is the caller's business. */
int weft__deadlock_setting(void); /* 1: foreign threads do not count, 0: they do, -1: no detection */

#endif

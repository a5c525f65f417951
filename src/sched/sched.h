/* SPDX-License-Identifier: Apache-2.0
 *
 * sched.h - the scheduler as the rooms above it see it: park, ready, deadlines, timers, the calling task.
 *
 * A task is whatever may wait: a goroutine, or a plain thread that uses the library. struct weft__task is the part
 * of both that the rooms above use.
 *
 * Parking, in order:
 *   1. the caller puts a waiter (on its own stack) where a waker will find it, under the object's lock;
 *   2. it calls weft__park(self, reason, object, commit, arg) with the lock still held;
 *   3. once the caller's context is saved, commit(arg) runs - on another stack - and lets the lock go;
 *   4. a waker takes the waiter off under the lock, fills it in, lets the lock go, and calls weft__ready(task) once;
 *   5. weft__park returns, perhaps in another thread. No thread-local address or errno may be kept across it.
 * So a waker can never see a task whose context is not saved (C-13), and after weft__ready it must not touch the
 * waiter again (its frame may be gone). Parking allocates nothing.
 *
 * Several wakers that do not share a lock (the cases of a select, a deadline) agree by a claim: a word that is 0 until the
 * one who changes it (compare-and-swap) has won; only the winner readies the task.
 *
 * Ordering: what a waker does before weft__ready happens before the return of the weft__park that it ends. */
#ifndef WEFT_SCHED_H
#define WEFT_SCHED_H

#include <weft/base.h>
#include <weft/defer.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "port/race.h"

struct weft__task;

/* Why a task waits. One static constant per park site. */
struct weft__wait_reason {
    const char *text; /* as reports print it: "chan receive" */
    /* Write more about what object is ("on chan 0x... of int, made at file:line"), for reports; may be NULL. The waiting
     * goroutine is not resumed meanwhile, but others may run: what is not in its frames may change or be gone. Take no
     * locks; read it by weft__port_peek. */
    void (*describe)(const void *object, char *buffer, size_t size);
    /* The run has ended and the parked task is forgotten: unlink its waiters from the object; may be NULL (then nothing
     * outside the task's own stack refers to it). */
    void (*abandon)(void *object);
};

/* The face of a goroutine or waiting thread. What a switch, a park and a wake touch comes first, in one cache line: many
 * goroutines that take turns fetch no more than that of each. */
struct weft__task {
    struct weft__task *next; /* queue link; owned by whoever has the task off every list */
    void *sp;                /* the scheduler's: a goroutine's suspended context; owner only while running */
    /* The scheduler's: enum weft__state; written by whoever owns the goroutine, read by reports. */
    WEFT__ATOMIC(uint32_t) state;
    bool is_thread;               /* immutable: a plain thread, not a goroutine */
    WEFT__ATOMIC(bool) is_locked; /* it has its thread to itself (lock_thread.c); owner writes, reports read */
    uint16_t ran_on;              /* as next: the machine that ran it last (migrate.c) */
    const struct weft__wait_reason *reason; /* owner writes before parking; reports read */
    void *object;                           /* what it waits on; as reason */
    struct weft__attachment *attached;      /* as reason; what else refers to the parked task; NULL: nothing */
    uintptr_t ahead;                   /* as next: a runnable that comes some places behind it in a chain; 0: unknown */
    struct weft_deferred *deferred;    /* owner only: newest deferred call first */
    struct weft__owned *owned;         /* owner only: what goes when the goroutine ends */
    struct weft__panic_entry *panics;  /* owner only: panics under way, newest first; the debug room's */
    void *context;                     /* owner only: the sync room's; NULL unless its spawn gave it one */
    struct weft__recovery *recoveries; /* owner only: weft_recover calls it is in, newest first; the debug room's */
    struct weft__locals *locals;       /* owner only: goroutine-local values (local.c), or NULL */
    uint32_t exits;                    /* owner only: weft_exit calls under way (a deferred call may make another) */
#ifdef WEFT_RACE_REPORTS
    struct weft__race_words race;
#endif
};

/* A panic whose deferred calls are running. */
struct weft__panic_entry {
    struct weft__panic_entry *next;
    const char *message;
    bool counted; /* it was announced by weft__panic_begin: nobody contains it */
};

/* A call of weft_recover, in its frame. It contains the panics of what comes before deferred in the list of deferred calls. */
struct weft__recovery {
    struct weft__recovery *next;
    struct weft_deferred *deferred; /* the newest one at the call */
};

/* Part of a parked task's frame that something beside the wait's object refers to (a context that may end the wait). When the
 * run has ended and the task is forgotten, abandon takes it out there, after the reason's abandon. */
struct weft__attachment {
    void (*abandon)(struct weft__attachment *self);
};

/* Something that is released when its goroutine ends. */
struct weft__owned {
    struct weft__owned *next;
    void (*release)(struct weft__owned *self);
};

/* local.c. end: destroy the caller's goroutine-local values. forget: let go of those of a task that never runs again. */
void weft__locals_end(struct weft__task *task);
void weft__locals_forget(struct weft__task *task);

/* The calling goroutine, or the calling thread's own task. Never NULL. The word of a thread that runs goroutines (arch.h) points to its
 * machine, which begins with the one that runs. */
struct weft__task *weft__thread_self(void);
typedef struct weft__task *__attribute__((may_alias)) weft__running;
static inline struct weft__task *weft__self(void)
{
    const weft__running *running = weft__arch_get_word();
    return WEFT__LIKELY(running != NULL && *running != NULL) ? *running : weft__thread_self();
}

/* Wait; see the head of this file. commit runs with arg after the context is saved. */
typedef void (*weft__commit)(void *arg);
void weft__park(struct weft__task *self, const struct weft__wait_reason *reason, void *object, weft__commit commit,
                void *arg);

/* Make a parked task runnable: exactly once per park. The caller may hold locks of rank below SCHED. Always true: an operation
 * that is done when it has woken somebody can end with it, as a jump. */
bool weft__ready(struct weft__task *task);

/* Those that one call makes runnable: added in order under the lock of what they waited on, readied when it is let go. Zero: none.
 * So each is touched once, and a crowd goes to the global queue as it is. */
#define WEFT__WOKEN_AHEAD 8u
struct weft__woken {
    struct weft__task *first, *last;              /* goroutines */
    struct weft__task *threads;                   /* the others, newest first */
    struct weft__task *latest[WEFT__WOKEN_AHEAD]; /* goroutines, to be told who comes so many places behind them */
    uint32_t count;                               /* of goroutines */
};
void weft__woken_add(struct weft__woken *woken, struct weft__task *task);
void weft__woken_ready(struct weft__woken *woken); /* as weft__ready for each, once */

/* Claims. */
typedef WEFT__ATOMIC(uint32_t) weft__claim;
#define WEFT__UNCLAIMED 0u
#define WEFT__CLAIMED_BY_TIME UINT32_MAX
#define WEFT__CLAIMED_BY_CANCEL (UINT32_MAX - 1) /* see sync/cancel.h */
static inline bool weft__claim_try(weft__claim *claim, uint32_t winner)
{
    uint32_t expected = WEFT__UNCLAIMED;
    /* relaxed: one wins in any order. What the parker wrote before, the claim's reset with it, is ordered by the lock under which the
     * winner has found its waiter; what the winner does for it, by ready. */
    return weft__load_relaxed(claim) == WEFT__UNCLAIMED && weft__cas_relaxed(claim, &expected, winner);
}

/* As weft__park, but when the clock reaches deadline (weft__now's scale; INT64_MAX: never) and the claim is still
 * open, it is claimed with WEFT__CLAIMED_BY_TIME and the task goes on. Other wakers must win the claim before weft__ready. */
void weft__park_until(struct weft__task *self, const struct weft__wait_reason *reason, void *object,
                      weft__commit commit, void *arg, int64_t deadline, weft__claim *claim);

/* The clock of the run: CLOCK_MONOTONIC in ns, or the virtual clock in a goroutine of a simulated run (sim.c). What the rooms
 * above do with time goes by it; the real clock (weft__port_now) is for plain threads that wait. */
int64_t weft__now(void);

/* Whether a simulated run is going on, and its seed; the time since its start on its own clock. For reports. */
bool weft__simulated(uint64_t *seed);
int64_t weft__simulated_time(void);

/* deadline = now + duration, saturating; duration <= 0 gives now. */
int64_t weft__deadline(int64_t duration);

/* A timer: fire(timer) is called once, at or after when, in a thread of the runtime.
 * It runs under the lock of a timer heap (rank TIMER): it may claim, ready, spawn (weft__spawn_call) and take locks of
 * rank SCHED and above, and must not add or remove timers. To go on periodically it sets timer->when anew and returns true.
 * The scheduler stores heap = NULL (release) last, after fire has returned false; from then on it does not touch the timer,
 * whose owner may free it. weft__timer_remove that finds heap set takes the lock and looks again. At the end of a run the
 * heaps are emptied: heap = NULL, nothing fires.
 * Zero-initialise before first use. keeps_alive: whether a pending one counts against deadlock (a goroutine's sleep does,
 * a ticker nobody waits on does not). */
struct weft__timer {
    int64_t when;                                         /* protected by the heap's lock while it is in a heap */
    bool (*fire)(struct weft__timer *timer, int64_t now); /* owner writes while it is in no heap */
    WEFT__ATOMIC(void *) heap;                            /* NULL when it is in none */
    struct weft__timer *child, *sibling, *previous; /* protected by the heap's lock, as place; see timer_queue.c */
    bool keeps_alive;                               /* owner writes while it is in no heap */
    uint16_t place;
};
/* 0; or an error, and nothing was done: the caller lets go of what it holds and calls weft__timer_refused, which panics. */
int weft__timer_add(struct weft__timer *timer, int64_t when);
_Noreturn void weft__timer_refused(int error);
/* Take it out of its heap. true: it was pending and will not fire. false: it was in none. When it returns, fire is not
 * running for this timer (the heap's lock was passed) unless the caller is fire itself. */
bool weft__timer_remove(struct weft__timer *timer);

/* Start fn(arg) as a goroutine on the library's behalf; from timers, threads and goroutines. 0 or -errno. */
int weft__spawn_call(void (*fn)(void *arg), void *arg, const struct weft_site *site);

/* Have on_exit(arg, result) called when the goroutine ends by return or weft_exit (not by panic); it may not park. result is what
 * the goroutine's function returned, if that was an int; 0 after weft_exit; else it means nothing. context is what
 * weft__task.context is when the goroutine starts. */
struct weft__pending_hook {
    void (*on_exit)(void *arg, int result);
    void *arg;
    void *context;
};
#include <weft/go.h>
weft__function weft__spawn_begin(weft__function fn, const struct weft_site *site, const struct weft_go_options *options,
                                 const struct weft__pending_hook *hook, unsigned shape);
/* fn returns nothing or an int. */
int weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                     const struct weft__pending_hook *hook, void (*fn)(void *), const void *value, size_t size);

/* Have weft_go_error return error to the calling thread, and NULL: for what makes a begin fail beside the spawn itself. */
weft__function weft__spawn_refuse(int error);

/* How many weft_blocking sections the caller is in, and leave all but that many of them. */
uint32_t weft__sections(void);
void weft__sections_leave(uint32_t keep);

/* What the scheduler knows of load, for spinning locks: true if the caller may spin for a moment (several processors,
 * another one busy, own queue empty; M-06). */
bool weft__may_spin(void);

/* The number of the processor that the caller has: nobody else who is told that number does anything before the caller's next
 * scheduling point, blocking section or end, upon which the one who is told it next comes after the caller. Numbers are small and stay
 * with the processors from run to run; a goroutine that its run has ended without keeps its processor. -1: none (a plain
 * thread, a goroutine in a blocking section). */
int weft__processor_number(void);

/* Put the caller behind the goroutine that was readied last: it runs now, the caller goes to the queue's tail. For hand-off
 * of a contended lock. */
void weft__yield_to_ready(void);

/* A random number from the calling machine's generator; any thread. */
uint32_t weft__random(void);

/* What reports need: the task's number (0: a thread), name (or NULL) and spawn site (or NULL). */
uint64_t weft__task_id(const struct weft__task *task);
const char *weft__task_name(const struct weft__task *task);
const struct weft_site *weft__task_site(const struct weft__task *task);

/* Whether a function of that name (NULL: not known) is one of those through which a goroutine starts: the outermost frames of
 * its traces. */
bool weft__frame_is_start(const char *function);

/* Hold the world: no goroutine is resumed until release; those that run now go on. still: nothing runs, as before a deadlock
 * report. Others who hold, and the end of the run, wait. What the holder does meanwhile must not wait for a goroutine.
 * False: it is not certain who is suspended, as the kernel cannot tell the machines or one of them is held up. See gate.c. */
bool weft__world_hold(bool still);
void weft__world_release(void);

/* What reports need of all goroutines that have begun; while the world is held. */
struct weft__goroutine_report {
    const struct weft__task *task;
    const char *state; /* "running", "runnable", "waiting" ... */
    bool waiting;      /* suspended in a wait: task->reason says on what */
    void *suspended;   /* stack pointer to walk from (weft__arch_inspect); NULL while it runs */
    size_t room;       /* bytes of the stack below that */
    bool is_main;
    bool is_locked; /* it keeps its thread */
};
void weft__goroutines_each(bool (*fn)(const struct weft__goroutine_report *report, void *arg), void *arg);

/* The goroutine in whose stack guard address lies, or NULL; *size: its stack's. Async-signal-safe. */
const struct weft__task *weft__overflowed(const void *address, size_t *size);

/* What boot installs on behalf of the rooms above. */
struct weft__sched_hooks {
    void (*machine_start)(void); /* a machine's thread begins */
    void (*machine_stop)(void);
    void (*deadlock)(bool main_has_ended); /* nothing can ever run again: report, does not return */
    void (*watch_start)(void); /* a run has begun; in the thread that called weft_run. May be NULL, as the rest */
    void (*watch_stop)(void);  /* it ends */
    void (*quit)(void);        /* weft__ask_for_quit was called: report, does not return */
};
/* Have the watchdog call the hook quit; async-signal-safe. And whether that was done. */
void weft__ask_for_quit(void);
bool weft__quit_is_asked(void);
void weft__sched_set_hooks(const struct weft__sched_hooks *hooks);

#endif

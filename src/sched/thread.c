/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.c - plain threads as tasks: they wait on a futex of their own instead of parking.
 *
 * A thread's task lives in its thread-local storage. The waker's last touch is the wake call on the futex address; if the thread
 * has gone on and even ended by then, the call finds nobody, or wakes a stranger's futex once for no reason, which
 * every futex user allows for.
 * Deadlock: foreign_waiting counts threads that wait without a deadline; it is lowered by the waker, before the thread
 * can run, and raised by the thread when its commit step, which may find that it need not wait, is behind it. So a thread is
 * never counted as waiting when it is not; between commit and raise a waker may leave one too few, which hides a deadlock
 * until the thread is there. */
#include "port/port.h"
#include "sched/runtime.h"

struct thread_task {
    struct weft__task task;
    WEFT__ATOMIC(uint32_t) ready; /* futex: 1 once a waker is done with the task */
    bool counted;                 /* goes into foreign_waiting; owner writes before it publishes its waiter */
};

static __thread struct thread_task self __attribute__((tls_model("initial-exec")));

struct weft__task *weft__thread_self(void)
{
    self.task.is_thread = true;
    return &self.task;
}

bool weft__thread_ready(struct weft__task *task)
{
    struct thread_task *thread = (struct thread_task *)task;
    if (thread->counted)
        weft__add_seq(&weft__rt.foreign_waiting, FOREIGN_GOES_ON); /* before ready: see the head */
    weft__store_release(&thread->ready, 1u);                       /* pairs with thread_park's load */
    weft__port_futex_wake((uint32_t *)&thread->ready, 1);
    return true;
}

void weft__thread_park(struct weft__task *task, weft__commit commit, void *arg, int64_t deadline, weft__claim *claim)
{
    struct thread_task *thread = (struct thread_task *)task;
    weft__store_relaxed(&thread->ready, 0u); /* no waker knows of it yet */
    thread->counted = deadline == NEVER;
    commit(arg);
    if (thread->counted) {
        weft__add_seq(&weft__rt.foreign_waiting, FOREIGN_WAITS);
        if (weft__load_relaxed(&weft__rt.running) != 0) /* a hint: this may be what the watchdog waits for */
            weft__watchdog_wake();
    }
    while (weft__load_acquire(&thread->ready) == 0) { /* pairs with thread_ready */
        int64_t wait = -1;
        if (deadline != NEVER && (wait = deadline - weft__port_now()) <= 0) {
            if (weft__claim_try(claim, WEFT__CLAIMED_BY_TIME))
                return;
            wait = -1; /* a waker has won and is on its way */
            deadline = NEVER;
        }
        weft__port_futex_wait((uint32_t *)&thread->ready, 0, wait);
    }
}

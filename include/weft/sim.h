/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/sim.h - simulated runs, for tests: a schedule that a seed repeats, and a clock that jumps over waiting. */
#ifndef WEFT_SIM_H
#define WEFT_SIM_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** weft_sim - run fn(arg) as the main goroutine of a simulated run: as weft_run, but repeatable, and without waiting.
 *  One machine runs all goroutines, one at a time. Whenever the running one parks, yields or ends, a generator seeded with
 *  seed draws the next one among all that can run; selects draw from it, too. The clock (weft_now, sleeps, time-outs, timers,
 *  tickers) is virtual: it starts at the same instant in every simulation, stands still while any goroutine can run,
 *  and jumps to the next timer when none can. So the same seed gives the same run, another seed another order of
 *  events, and a time-out of an hour takes no time.
 *  Parameters: seed, any number; fn and its arg.
 *  Blocks: the calling thread, until fn returns. Other goroutines are cut off then, as in weft_run.
 *  Callable from: as weft_run; one run at a time, of either kind.
 *  Ordering: as weft_run.
 *  Note: When all goroutines wait and no timer is pending, that is a deadlock, reported as such at once (exit 2); that
 *  report and those of panics tell the seed. weft_procs says 1; what it sets holds for later runs.
 *  Note: A call that blocks the thread (read, usleep, a weft_blocking section) blocks the whole simulation, and takes no
 *  time on its clock. A loop that yields until another goroutine's sleep is over never ends: sleep, too.
 *  Note: Plain threads are no part of a simulation. They keep the real clock; what they do to a channel or a lock that
 *  goroutines use works, but the run is no longer repeatable, neither the clock nor the deadlock report waits for
 *  them, and a timer that one of them arms with the scheduler (weft_after_func) is a panic.
 *  Note: The run repeats as far as fn does: what depends on addresses, rand(3) or the real clock is not drawn by the seed.
 *  Returns: fn's result; or as weft_run -EBUSY, -EDEADLK, -EAGAIN, -ENOMEM.
 *  Source: Go's testing/synctest; the seeded schedule is that of FoundationDB's simulator. */
WEFT_API int weft_sim(uint64_t seed, int (*fn)(void *arg), void *arg);

/** weft_sim_wait - wait until no other goroutine of the simulation can run before the clock moves on.
 *  What the others could do at this instant, they have done: a test can look at the result without guessing a pause.
 *  Blocks: the goroutine, until all others wait or sleep. Of several that wait so, one goes on each time.
 *  Callable from: goroutines of a simulated run; elsewhere it panics.
 *  Ordering: what the others did until then happens before the return.
 *  Source: Go's synctest.Wait. */
WEFT_API void weft_sim_wait(void);

WEFT_END_DECLS

#endif

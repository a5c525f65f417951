/* SPDX-License-Identifier: Apache-2.0
 *
 * idle.pml - machines that go idle against those who wake them (src/sched/wake.c, schedule.c, watchdog.c, timer.c's hurry).
 *
 * Two machines, two processors, a goroutine in the global queue. By configuration a plain thread injects two more, and there is no
 * watchdog; or one of the two arms a timer, which makes another goroutine; or the thread injects one, and the first goroutine to run
 * spawns one into its own queue. Any one of them may never give its machine back.
 * config: inject
 * config: timer -DTIMER
 * config: ring -DRING
 *
 * Stands for: critical sections of runtime.lock are one step each. own[m], the ring of machine m's processor. keeper, timekeeper_until
 * is the timer's instant (else NEVER); due, the clock has reached it. The owner's store to its ring and its load of spinning happen in
 * either order (no fence is between them). The watchdog is awake while a processor is at work.
 *
 * Asserted: no more processors at work than wanted, no machine is given two, no deadlock is seen while there is something to come.
 * safety:   the same
 * liveness: every goroutine runs
 *
 * mutant: NO_RECHECK        [liveness inject] a machine that has dropped spinning does not look again
 * mutant: RECHECK_EARLY     [liveness inject] it looks before it drops spinning
 * mutant: NO_HANDOVER       [liveness inject] the last spinning machine that finds work wakes nobody
 * mutant: NO_WATCHDOG       [liveness timer] nobody sees to the ring of a machine that does not come back
 * mutant: DEAF              [safety inject] a machine that was taken off the idle list comes back with a second processor
 * mutant: NO_KEEPER         [liveness timer] a machine goes to sleep without regard to timers
 * mutant: NO_HURRY          [liveness timer] a timer that a thread arms wakes nobody
 * mutant: DEAD_EARLY        [safety timer] a pending timer does not count against deadlock
 * mutant: SPINS_LATE        [liveness inject] a machine forgets that it spins when it is in the idle list already: it may be what a waker has just told it
 * mutant: NO_UNDO           [liveness ring] a waker that finds no room does not take its count back
 * mutant: UNDO_LATE         [liveness ring] it takes it back when it has let go of the lock
 * mutant: NO_WAKE           [liveness inject] the injector wakes nobody */

#ifdef TIMER
#define INJECTED 0
#define TOTAL 2
#elif defined(RING)
#define INJECTED 1
#define TOTAL 3
#else
#define INJECTED 2
#define TOTAL 3
#define NO_WATCHDOG
#endif
#define TARGET 2
#define MACHINES 2
#define NOBODY 255

bool born[MACHINES], has_p[MACHINES], spins[MACHINES], listed[MACHINES], assigned[MACHINES], wake[MACHINES];
byte own[MACHINES];
byte global, busy, machine_count, idle_count, spinning;
byte created, ran;
bool keeper, armed, due, fired, hogged;
mtype = { NO_TIMER, BY_MACHINE, BY_THREAD }
mtype arms = NO_TIMER;

#define room (TARGET - busy)
#define work_somewhere (global > 0 || own[0] > 0 || own[1] > 0)

/* Under the lock. */
inline acquire(m)
{
    busy++;
    assert(busy <= TARGET && !has_p[m]);
    has_p[m] = true;
    spins[m] = true
}

inline off_the_list(m)
{
    listed[m] = false;
    assigned[m] = true;
    idle_count--
}

/* weft__wake_processor */
inline wake_processor()
{
    atomic {
        who = NOBODY;
        if
        :: spinning == 0 -> spinning = 1; who = MACHINES
        :: else
        fi
    };
    if
    :: who == NOBODY
    :: else ->
        atomic { /* the lock */
            if
#if defined(NO_UNDO) || defined(UNDO_LATE)
            :: busy >= TARGET -> who = NOBODY
#else
            :: busy >= TARGET -> who = NOBODY; spinning--
#endif
            :: else ->
                if
                :: listed[0] -> who = 0; off_the_list(0)
                :: listed[1] -> who = 1; off_the_list(1)
                :: idle_count == 0 -> /* a new thread */
                    who = 1;
                    assert(machine_count < MACHINES);
                    machine_count++
                fi;
                acquire(who)
            fi
        };
        atomic {
            if
#ifdef UNDO_LATE
            :: who == NOBODY -> spinning--
#else
            :: who == NOBODY
#endif
            :: who != NOBODY && born[who] -> wake[who] = true
            :: who != NOBODY && !born[who] -> born[who] = true /* a thread begins with its processor; nobody wakes it */
            fi;
            who = NOBODY
        }
    fi
}

/* back: a processor was to be had, and nobody else has given the machine one. */
inline come_back(back)
{
    atomic { /* the lock */
        back = false;
        if
#ifdef DEAF
        :: busy < TARGET ->
#else
        :: busy < TARGET && !assigned[me] ->
#endif
            if
            :: listed[me] -> off_the_list(me)
            :: else
            fi;
            acquire(me);
            spinning++;
            back = true
        :: else
        fi
    }
}

inline drop_spinning()
{
#ifdef SPINS_LATE
    was = spins[me];
#endif
    if
    :: was ->
        atomic {
            was = false;
#ifdef SPINS_LATE
            spins[me] = false;
#endif
            spinning--
        }
    :: else
    fi
}

inline check_deadlock()
{
    atomic { /* the lock */
        if
#ifdef DEAD_EARLY
        :: idle_count == machine_count && busy == 0 && !work_somewhere -> assert(created == ran && armed == fired)
#else
        :: idle_count == machine_count && busy == 0 && !work_somewhere && armed == fired -> assert(created == ran)
#endif
        :: else
        fi
    }
}

/* Awake: by a waker, or with a processor of its own. */
inline rise()
{
    atomic {
        asleep = false;
        back = false;
        if
        :: until -> keeper = false; until = false
        :: else
        fi
    }
}

inline go_idle()
{
    atomic { /* the lock */
        back = false;
        if
        :: has_p[me] && global > 0 -> back = true
        :: else ->
            if
            :: has_p[me] -> busy--; has_p[me] = false
            :: else
            fi;
            assigned[me] = false;
            wake[me] = false;
#ifndef SPINS_LATE
            was = spins[me];
            spins[me] = false;
#endif
            listed[me] = true;
            idle_count++
        fi
    };
    if
    :: back -> back = false
    :: else ->
#ifdef RECHECK_EARLY
        seen = work_somewhere;
        drop_spinning();
#else
        drop_spinning();
        seen = work_somewhere;
#endif
#ifdef NO_RECHECK
        seen = false;
#endif
        if
        :: seen -> come_back(back)
        :: else
        fi;
        seen = false;
        if
        :: back -> back = false
        :: else ->
            until = armed && !fired;
#ifdef NO_KEEPER
            until = false;
#endif
            atomic { /* the lock */
                if
                :: until && !keeper -> keeper = true
                :: until && keeper && !due -> until = false /* somebody else looks after it */
                :: else
                fi
            };
            if
            :: !until -> check_deadlock()
            :: else
            fi;
            asleep = true
        fi
    fi
}

inline fire_timer()
{
    fired = true;
    created++;
    own[me]++
}

inline steal()
{
    d_step { /* as above */
        if
        :: own[1 - me] > 0 -> own[1 - me]--; found = true
        :: own[1 - me] == 0 && due && !fired -> fire_timer(); own[me]--; found = true
        :: else
        fi
    }
}

/* The machine has found something: if it was the last one that looks, another one looks on. */
inline stop_spinning()
{
    if
    :: spins[me] ->
        d_step { spins[me] = false; seen = (spinning == 1); spinning-- };
#ifdef NO_HANDOVER
        seen = false;
#endif
        if
        :: seen && room > 0 && work_somewhere -> seen = false; wake_processor()
        :: else -> seen = false
        fi
    :: else
    fi
}

inline execute()
{
    atomic {
        assert(has_p[me]);
        found = false;
        ran++;
        first = (ran == 1)
    };
    if
    :: first ->
        first = false;
#ifdef RING
        if
        :: d_step { created++; own[me]++ }; seen = (spinning == 0)
        :: seen = (spinning == 0); d_step { created++; own[me]++ }
        fi;
        if
        :: seen && room > 0 -> seen = false; wake_processor()
        :: else -> seen = false
        fi;
#endif
        if
        :: arms == BY_MACHINE -> d_step { armed = true; home = true }
        :: else
        fi
    :: else
    fi;
    if
    :: atomic { !hogged -> hogged = true; goto for_ever }
    :: skip
    fi
}

proctype machine(byte me)
{
    byte who = NOBODY;
    bool asleep, back, until, seen, found, first, home, was;
end_unborn:
    born[me];
end:
    do
    :: asleep && wake[me] -> rise()
    :: asleep && !wake[me] && until && due ->
        come_back(back);
        if
        :: back -> rise()
        :: else -> d_step { until = false; keeper = false }
        fi
    :: !asleep && !has_p[me] -> go_idle()
    :: !asleep && has_p[me] ->
        d_step { /* only the last of these looks can be overtaken by somebody else */
            if
            :: home && due && !fired -> fire_timer()
            :: else
            fi;
            if
            :: own[me] > 0 -> own[me]--; found = true
            :: own[me] == 0 && global > 0 -> global--; found = true
            :: else
            fi
        };
        if
        :: !found && spins[me] -> steal()
        :: !found && !spins[me] && 2 * spinning <= busy ->
            d_step { spins[me] = true; spinning++ };
            steal()
        :: else
        fi;
        if
        :: found -> stop_spinning(); execute()
        :: else -> home = false; go_idle()
        fi
    od;
for_ever:
end_hog:
    false
}

proctype thread()
{
    byte who = NOBODY, i;
    do
    :: i < INJECTED ->
        atomic { global++; created++; i++ }; /* the lock */
#ifndef NO_WAKE
        wake_processor()
#endif
    :: else -> break
    od;
    if
    :: arms == BY_THREAD ->
        armed = true;
#ifndef NO_HURRY
        if
        :: !keeper -> wake_processor()
        :: else
        fi
#endif
    :: else
    fi
}

proctype clock()
{
end:
    armed;
    due = true
}

#ifndef NO_WATCHDOG
proctype watchdog()
{
    byte who = NOBODY;
end:
    do
    :: busy > 0 && room > 0 && (global > 0 || own[0] > 0 || own[1] > 0 || (due && !fired)) -> wake_processor()
    od
}
#endif

init
{
    atomic {
#ifdef TIMER
        if
        :: arms = BY_THREAD
        :: arms = BY_MACHINE
        fi;
#endif
        born[0] = true;
        has_p[0] = true;
        machine_count = 1;
        busy = 1;
        global = 1;
        created = 1;
        run machine(0);
        run machine(1);
        run thread();
        run clock();
#ifndef NO_WATCHDOG
        run watchdog()
#endif
    }
}

#ifdef LIVENESS
ltl all_run { <> (ran == TOTAL) }
#endif

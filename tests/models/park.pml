/* SPDX-License-Identifier: Apache-2.0
 *
 * park.pml - a goroutine that parks with a deadline, against a waker and the timer (src/sched/park.c, timer.c).
 *
 * The goroutine receives VALUES times from an object that a sender fills; each time a deadline may end the wait. Two machines run it,
 * so that it may be resumed on the other one while the first is still in the commit step.
 *
 * Stands for: object_lock, a channel's lock; listed, claim and result, the waiter in the parker's frame; frame, whether that
 * frame exists; saved, whether the goroutine's context is in memory; in_heap and heap, the timer's place and its word (both in
 * the frame, too).
 *
 * Asserted: nobody resumes a context that is not saved (C-13), readies twice, or touches a frame that is gone.
 * safety:   the values that were sent have been received or are in the object, each once
 * liveness: the goroutine comes to its end, even if the timer never fires
 *
 * mutant: COMMIT_EARLY      the object is unlocked before the context is saved
 * mutant: CHECK_UNLOCKED    [liveness all] the parker looks for a value before it takes the lock: the wake-up falls in between
 * mutant: NO_CLAIM          the timer readies without winning the claim
 * mutant: ARM_LATE          the object is unlocked before the timer is armed
 * mutant: NO_REMOVE         the goroutine leaves without passing timer_remove
 * mutant: HEAP_FIRST        the timer's heap word is cleared before fire has returned
 * mutant: RESULT_LATE       the waker writes the result after ready
 * mutant: NO_UNLINK         after a time-out the waiter stays listed
 * mutant: NO_READY          [liveness all] a waker that has won the claim forgets to ready */

#ifndef VALUES
#define VALUES 3
#endif

#define OPEN 0
#define BY_SENDER 1
#define BY_TIME 2

bool object_lock, heap_lock;
bool listed, frame, saved, in_heap, heap, served;
bool started, parked, ready, finished;
byte claim, buffered, received, rounds, sent;
chan queue = [2] of { bool };

inline take(lock)
{
    atomic { !lock -> lock = true }
}

inline make_ready()
{
    atomic {
        assert(!ready); /* once per park */
        ready = true;
        queue!true
    }
}

/* won: the caller has claimed the wait. */
inline claim_for(who)
{
    atomic {
        assert(frame);
        won = (claim == OPEN);
        if
        :: won -> claim = who
        :: else
        fi
    }
}

/* weft__timer_remove */
inline remove_timer()
{
    do
    :: !heap -> break
    :: else ->
        take(heap_lock);
        if
        :: heap -> in_heap = false; heap = false; heap_lock = false; break
        :: else -> heap_lock = false
        fi
    od
}

/* At the end of both. */
inline count_up()
{
    assert(!(finished && sent == VALUES) || received + buffered == VALUES)
}

/* What follows the switch, on another stack. */
inline commit()
{
#ifdef ARM_LATE
    object_lock = false;
#endif
    take(heap_lock);
    assert(frame);
    in_heap = true;
    heap = true;
#ifndef ARM_LATE
#ifndef COMMIT_EARLY
    object_lock = false; /* the commit step of the caller */
#endif
#endif
    heap_lock = false
}

active [2] proctype machine()
{
    bool lacks;
end:
    do
    :: queue?_ ->
        atomic {
            assert(saved || !started);
            started = true;
            saved = false;
            ready = false
        }
        if
        :: parked ->
            parked = false;
#ifndef NO_REMOVE
            remove_timer();
#endif
            if
            :: claim == BY_TIME ->
#ifndef NO_UNLINK
                take(object_lock);
                listed = false;
                object_lock = false
#endif
            :: else -> assert(served); received++
            fi;
            frame = false;
            rounds++
        :: else
        fi;
        do
        :: rounds == VALUES -> atomic { finished = true; count_up() }; break
        :: else ->
#ifdef CHECK_UNLOCKED
            lacks = (buffered == 0);
            take(object_lock);
#else
            take(object_lock);
            lacks = (buffered == 0);
#endif
            if
            :: !lacks -> buffered--; received++; rounds++; object_lock = false
            :: else ->
                atomic { frame = true; claim = OPEN; served = false; parked = true; listed = true };
#ifdef COMMIT_EARLY
                object_lock = false;
#endif
                saved = true; /* the switch */
                commit();
                break
            fi
        od
    od
}

active proctype sender()
{
    bool won, to_wake;
    do
    :: sent == VALUES -> break
    :: else ->
        take(object_lock);
        to_wake = false;
        if
        :: listed ->
            listed = false;
            claim_for(BY_SENDER);
            to_wake = won
        :: else
        fi;
        if
        :: to_wake ->
#ifndef RESULT_LATE
            assert(frame);
            served = true;
#endif
            object_lock = false;
#ifndef NO_READY
            make_ready();
#endif
#ifdef RESULT_LATE
            assert(frame);
            served = true;
#endif
        :: else -> buffered++; object_lock = false
        fi;
        atomic { sent++; count_up() }
    od
}

active proctype timer()
{
    bool won;
    if
    :: skip
    :: goto over /* no deadline ever comes */
    fi;
end:
    do
    :: in_heap -> /* it may be due */
        take(heap_lock);
        if
        :: in_heap ->
            in_heap = false;
#ifdef HEAP_FIRST
            heap = false;
#endif
#ifdef NO_CLAIM
            claim = BY_TIME;
            won = true;
#else
            claim_for(BY_TIME);
#endif
            if
            :: won -> make_ready()
            :: else
            fi;
#ifndef HEAP_FIRST
            assert(frame);
            heap = false
#endif
        :: else
        fi;
        heap_lock = false
    od;
over:
    skip
}

init
{
    queue!true
}

#ifdef LIVENESS
ltl ends { <> finished }
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * select.pml - a select over two channels with a time-out, against partners, a close, the timer and a free (src/chan/select.c,
 * operation.h, waiters.h, chan.c; src/sched/park.c, timer.c).
 *
 * Goroutine A selects over two channels and a time-out. By configuration it meets
 *   twice: a plain sender to channel 0, that both A's cases are about, a receive and a send; it frees the channel when its value has been taken
 *   meet:  B, which selects over the same two from the other side, its cases in the other order, without a time-out; a plain sender to channel
 *          0; somebody may close channel 1, so that a send may panic and a receive end
 *   crowd: B, which receives as A does; two plain senders to channel 1, which has room for one, or one of them and a close of channel 0
 *   free:  two plain senders, one for each channel, each of which frees it when its value has been taken (C-14)
 * config: twice -DTWICE
 * config: meet -DMEET
 * config: crowd -DCROWD
 * config: free -DFREE
 * compile: -O0
 *
 * Stands for: lock[c], list, closed, count and slot, the channel; a waiter's number is twice its goroutine's and its case's. claim, frame and
 * value are in the frame of a goroutine: value, what it has received. deadline, whether the frame of weft__park_until exists;
 * in_heap and heap, the timer's place and its word. machine(g) is the context on which g's commit step runs, while g may go on
 * elsewhere. What only a lock's holder can see is one step with what comes before it; claims are steps of their own. Left out: timers' channels
 * (RETRY), the default case, which does not park, and looks without the lock.
 *
 * Asserted: nobody readies twice or before the context is saved, touches a frame or a channel that is gone, leaves an entry behind.
 * safety:   when nothing moves any more, no lock is held, nobody waits who could go on, each value that was sent is received or in the ring
 *           once
 * liveness: A comes to its end
 *
 * mutant: TWO_STEPS         a waker looks at the claim, then takes it
 * mutant: TRUST_LOOK        [safety meet] the attempt is not checked: a partner that was won elsewhere since the look counts as served
 * mutant: NO_UNLINK         the cases that have lost stay listed
 * mutant: LISTED_EARLY      listed is looked at before the lock is taken
 * mutant: TOUCH_WINNER      the channel of the served case is locked as well
 * mutant: KEEP_REPEATED     the winner leaves its select's other cases in its channel
 * mutant: CASE_ORDER        [safety meet] locks are taken in the order of the cases
 * mutant: LIST_LATE         [safety meet] the locks are let go between the look and the listing
 * mutant: COMMIT_EARLY      they are let go before the context is saved
 * mutant: FRAME_LATE        [safety meet] unlock_all looks at the select after the last unlock
 * mutant: ARM_EARLY         the timer is armed before the context is saved
 * mutant: ARM_LATE          the timer is armed after the locks are let go
 * mutant: NO_REMOVE         the timer is not removed
 * mutant: RESULT_LATE       the waker hands the value over after ready
 * mutant: MARK_LATE         [safety meet] close marks the channel after it has let the lock go
 * mutant: CLOSE_FORGETS     [safety meet] close leaves the waiters of selects (nobody else waits on this channel)
 * mutant: CHAIN_LATE        [safety meet] close follows its chain through a waiter that it has readied */

#define A 0
#define B 1
#define P 2
#define Q 3
#define GOROUTINES 4

#define NOBODY 255
#define OPEN 0
#define BY_TIME 3 /* else the case plus one */
#define CHANNELS 2

#define OWNER(waiter) ((waiter) / 2)
#define CASE(waiter) ((waiter) % 2)
#define IS_SELECT(g) ((g) == A || (g) == B)
#define RECEIVERS(c) (2 * (c))
#define SENDERS(c) (2 * (c) + 1)

/* By waiter. A's case k is about channel k, B's about the other one: address order is that of the numbers. */
#ifdef TWICE
byte channel[2 * GOROUTINES]; /* 0 all */
#elif defined(CROWD)
byte channel[2 * GOROUTINES] = { 0, 1, 1, 0, 1, 1, 1, 1 };
#else
byte channel[2 * GOROUTINES] = { 0, 1, 1, 0, 0, 0, 1, 1 };
#endif
#if defined(MEET) || defined(TWICE)
bool sends[2 * GOROUTINES] = { false, true, false, true, true, true, true, true };
#define CLOSES 1
#else
bool sends[2 * GOROUTINES] = { false, false, false, false, true, true, true, true };
#define CLOSES 0
#endif
#define CHANNEL(waiter) channel[waiter]
#define SENDS(waiter) sends[waiter]
#ifdef CROWD
#define CAPACITY(c) (c)
#else
#define CAPACITY(c) 0
#endif
#define LIST_OF(waiter) (2 * channel[waiter] + sends[waiter])
#define OTHER(waiter) ((waiter) ^ 1)
#define IS_REPEATED(waiter) (channel[waiter] == channel[OTHER(waiter)])

mtype = { NOTHING, CLOSED, SERVED, WOULD_WAIT }

chan list[4] = [4] of { byte };
bool lock[CHANNELS], closed[CHANNELS], freed[CHANNELS];
byte count[CHANNELS], slot[CHANNELS];

byte claim[GOROUTINES], value[GOROUTINES];
bool frame[GOROUTINES], saved[GOROUTINES], ready[GOROUTINES], committing[GOROUTINES];
mtype result[2 * GOROUTINES] = NOTHING;
bool heap_lock, deadline, in_heap, heap;

byte sent[GOROUTINES], received[GOROUTINES]; /* by whose value it is */
bool finished; /* A */

/* ---- locks ---- */

inline take(c)
{
    atomic { !lock[c] -> assert(!freed[c]); lock[c] = true }
}

inline leave(c)
{
    assert(lock[c] && !freed[c]);
    lock[c] = false
}

inline take_heap()
{
    atomic { !heap_lock -> heap_lock = true }
}

/* lock_all */
inline lock_all(g)
{
#if defined(CASE_ORDER) && !defined(TWICE)
    take(CHANNEL(2 * g));
    take(1 - CHANNEL(2 * g))
#else
    take(0);
#ifndef TWICE
    take(1)
#endif
#endif
}

/* unlock_all: the second channel is looked up before the first is let go. */
inline unlock_all(g)
{
    atomic { assert(frame[g]); leave(0) };
#ifndef TWICE
    atomic { leave(1) };
#endif
#ifdef FRAME_LATE
    assert(frame[g])
#endif
}

/* ---- waking ---- */

/* weft__ready: the task may be resumed at once. */
inline make_ready(g)
{
    atomic {
        assert(!ready[g]); /* once per park, and nobody parks twice */
        assert(saved[g]);
        ready[g] = true
    }
}

/* weft__waiters_drop_repeated */
inline drop_repeated()
{
#ifdef KEEP_REPEATED
    skip
#else
    if
    :: IS_REPEATED(taken) && list[LIST_OF(OTHER(taken))]??[eval(OTHER(taken))] -> list[LIST_OF(OTHER(taken))]??eval(OTHER(taken))
    :: else
    fi
#endif
}

/* weft__waiters_take, under the lock. */
inline take_waiter(from)
{
    taken = NOBODY;
    do
    :: atomic { empty(list[from]) -> break }
    :: atomic {
            nempty(list[from]) ->
            list[from]?taken;
            assert(frame[OWNER(taken)]);
            if
            :: !IS_SELECT(OWNER(taken)) -> break
            :: else
            fi;
            won = (claim[OWNER(taken)] == OPEN); /* weft__claim_try */
#ifndef TWO_STEPS
            if
            :: won -> claim[OWNER(taken)] = CASE(taken) + 1; won = false; drop_repeated(); break
            :: else -> taken = NOBODY
            fi
#endif
        }
#ifdef TWO_STEPS
        ;
        atomic {
            if
            :: won -> claim[OWNER(taken)] = CASE(taken) + 1; won = false; drop_repeated(); break
            :: else -> taken = NOBODY
            fi
        }
#endif
    od
}

/* weft__waiter_fill */
inline fill(waiter, what)
{
    assert(frame[OWNER(waiter)]);
    value[OWNER(waiter)] = what;
    result[waiter] = SERVED
}

/* weft__chan_put, under the lock: g's value to channel c. A value is its sender's number. */
inline put(g, c)
{
    if
    :: atomic { closed[c] -> outcome = CLOSED }
    :: atomic { else };
        take_waiter(RECEIVERS(c));
        atomic {
            if
            :: taken != NOBODY ->
                outcome = SERVED;
#ifndef RESULT_LATE
                fill(taken, g)
#endif
            :: taken == NOBODY && count[c] < CAPACITY(c) -> slot[c] = g; count[c]++; outcome = SERVED
            :: else -> outcome = WOULD_WAIT
            fi
        }
    fi
}

/* weft__chan_get, under the lock: from channel c to value[g]. */
inline get(g, c)
{
    take_waiter(SENDERS(c)); /* whether the ring gives the value or the sender does: it is had by its claim */
    atomic {
        if
        :: count[c] > 0 ->
            value[g] = slot[c];
            if
            :: taken != NOBODY -> slot[c] = OWNER(taken); result[taken] = SERVED
            :: else -> count[c]--; slot[c] = 0
            fi;
            outcome = SERVED
        :: count[c] == 0 && taken != NOBODY ->
            assert(frame[OWNER(taken)]);
            value[g] = OWNER(taken);
            result[taken] = SERVED;
            outcome = SERVED
        :: else -> outcome = (closed[c] -> CLOSED : WOULD_WAIT)
        fi
    }
}

inline operate(waiter)
{
    if
    :: SENDS(waiter) -> put(OWNER(waiter), CHANNEL(waiter))
    :: else -> get(OWNER(waiter), CHANNEL(waiter))
    fi
}

/* After the unlock: the one who was served. */
inline wake_taken(waiter)
{
    if
    :: taken != NOBODY ->
        make_ready(OWNER(taken));
#ifdef RESULT_LATE
        atomic {
            if
            :: SENDS(waiter) -> fill(taken, OWNER(waiter))
            :: else
            fi
        };
#endif
        taken = NOBODY
    :: else
    fi
}

/* What an operation has come to. */
inline account(waiter)
{
    if
    :: outcome == SERVED && SENDS(waiter) -> sent[OWNER(waiter)]++
    :: outcome == SERVED && !SENDS(waiter) -> assert(value[OWNER(waiter)] != NOBODY); received[value[OWNER(waiter)]]++
    :: else /* closed: a send panics */
    fi
}

/* ---- select ---- */

#define IS_OPEN(l, waiter) (list[l]??[waiter] && claim[OWNER(waiter)] == OPEN)

/* has_partner; the claim of a plain waiter is always open */
#define HAS_PARTNER(l) \
    (IS_OPEN(l, 0) || IS_OPEN(l, 1) || IS_OPEN(l, 2) || IS_OPEN(l, 3) || IS_OPEN(l, 4) || IS_OPEN(l, 6))

/* is_ready: a no is the truth, a yes is what the attempt checks. */
inline look(waiter, yes)
{
    atomic {
        if
        :: closed[CHANNEL(waiter)] -> yes = true
        :: !closed[CHANNEL(waiter)] && SENDS(waiter) ->
            yes = (count[CHANNEL(waiter)] < CAPACITY(CHANNEL(waiter)) || HAS_PARTNER(RECEIVERS(CHANNEL(waiter))) -> true : false)
        :: else -> yes = (count[CHANNEL(waiter)] > 0 || HAS_PARTNER(SENDERS(CHANNEL(waiter))) -> true : false)
        fi
    }
}

/* weft__timer_remove */
inline remove_timer()
{
    do
    :: atomic { !heap -> break }
    :: atomic { else };
        take_heap();
        if
        :: atomic { heap -> in_heap = false; heap = false; heap_lock = false; break }
        :: atomic { else -> heap_lock = false }
        fi
    od
}

/* One case of take_waiters. */
inline take_out(waiter)
{
#ifdef LISTED_EARLY
    was = (list[LIST_OF(waiter)]??[eval(waiter)] -> true : false);
    take(CHANNEL(waiter));
#else
    take(CHANNEL(waiter));
    was = (list[LIST_OF(waiter)]??[eval(waiter)] -> true : false);
#endif
    atomic {
        if
        :: was -> list[LIST_OF(waiter)]??eval(waiter); was = false
        :: else
        fi;
        leave(CHANNEL(waiter))
    }
}

/* weft_select: select_among, wait. */
proctype chooser(byte g)
{
    byte chosen, taken = NOBODY;
    bool won, was, first, second;
    mtype outcome;

    atomic { frame[g] = true; value[g] = NOBODY };
    lock_all(g);
    do
    :: look(2 * g, first); /* choose */
        look(2 * g + 1, second);
        atomic {
            if
            :: first -> chosen = 2 * g
            :: second -> chosen = 2 * g + 1
            :: !first && !second -> break
            fi;
            first = false;
            second = false
        };
        operate(chosen);
#ifdef TRUST_LOOK
        outcome = (outcome == WOULD_WAIT -> SERVED : outcome);
#endif
        if
        :: outcome == WOULD_WAIT /* it was not ready after all */
        :: else -> goto served
        fi
    od;
    /* wait */
#ifdef LIST_LATE
    unlock_all(g);
    lock_all(g);
#endif
    atomic { /* put_waiters, under both locks */
        claim[g] = OPEN;
        list[LIST_OF(2 * g)]!(2 * g);
        list[LIST_OF(2 * g + 1)]!(2 * g + 1);
        deadline = deadline || g == A
    };
#ifdef ARM_EARLY
    if
    :: g == A -> take_heap(); atomic { in_heap = true; heap = true; heap_lock = false }
    :: else
    fi;
#endif
#ifdef COMMIT_EARLY
    unlock_all(g);
#endif
    atomic { saved[g] = true; committing[g] = true }; /* weft__suspend: the switch */
end:
    ready[g];
    if
    :: g == A ->
#ifndef NO_REMOVE
        remove_timer();
#endif
        deadline = false
    :: else
    fi;
    assert(claim[g] != OPEN);
    /* take_waiters */
#ifndef NO_UNLINK
    if
#ifndef TOUCH_WINNER
    :: claim[g] == 1 || IS_REPEATED(2 * g) && claim[g] == 2
#endif
    :: else -> take_out(2 * g)
    fi;
    if
#ifndef TOUCH_WINNER
    :: claim[g] == 2 || IS_REPEATED(2 * g) && claim[g] == 1
#endif
    :: else -> take_out(2 * g + 1)
    fi;
#endif
    atomic {
        if
        :: claim[g] != BY_TIME ->
            chosen = 2 * g + claim[g] - 1;
            outcome = result[chosen];
            assert(outcome != NOTHING);
            account(chosen)
        :: else -> assert(g == A && result[2 * g] == NOTHING && result[2 * g + 1] == NOTHING)
        fi;
        goto over
    };
served: /* carry_out */
    unlock_all(g);
    wake_taken(chosen);
    atomic { account(chosen) };
over:
    atomic {
        frame[g] = false;
        finished = finished || g == A
    }
}

/* weft__finish_switch with commit_deadline (A), with unlock_all (B). */
proctype machine(byte g)
{
end:
    committing[g];
    if
    :: g == A ->
#ifdef ARM_LATE
        unlock_all(g);
#endif
        take_heap(); /* weft__timer_arm_and */
#ifndef ARM_EARLY
        atomic { assert(deadline); in_heap = true; heap = true };
#endif
#if !defined(ARM_LATE) && !defined(COMMIT_EARLY)
        unlock_all(g);
#endif
        heap_lock = false
    :: else ->
#ifndef COMMIT_EARLY
        unlock_all(g)
#endif
    fi
}

/* weft__timers_run with deadline_passed. */
proctype timer()
{
    bool won;
end:
    do
    :: in_heap -> /* it may be due */
        take_heap();
        if
        :: atomic { in_heap -> in_heap = false };
            atomic {
                assert(frame[A] && deadline);
                won = (claim[A] == OPEN);
                if
                :: won -> claim[A] = BY_TIME
                :: else
                fi
            };
            if
            :: won -> won = false; make_ready(A)
            :: else
            fi;
            atomic { assert(frame[A] && deadline); heap = false }
        :: else
        fi;
        heap_lock = false
    od
}

/* ---- plain operations ---- */

inline finish_free(c)
{
#if defined(FREE) || defined(TWICE)
    take(c); /* take_for_good */
    atomic {
        waited_on = nempty(list[RECEIVERS(c)]) || nempty(list[SENDERS(c)]);
        assert(!waited_on);
        leave(c);
        freed[c] = true
    }
#else
    skip
#endif
}

/* weft_chan_send_untyped, send_parked; that the unlock comes after the switch is what park.pml is about. */
proctype sender(byte g)
{
    byte taken = NOBODY;
    bool won, waited_on;
    mtype outcome;

    frame[g] = true;
    take(CHANNEL(2 * g));
    put(g, CHANNEL(2 * g));
    if
    :: atomic { outcome == WOULD_WAIT -> list[LIST_OF(2 * g)]!(2 * g); saved[g] = true; leave(CHANNEL(2 * g)) };
end:
        ready[g];
        outcome = result[2 * g]
    :: atomic { else -> leave(CHANNEL(2 * g)) };
        wake_taken(2 * g)
    fi;
    atomic { account(2 * g); frame[g] = false };
    if
    :: outcome == SERVED -> finish_free(CHANNEL(2 * g))
    :: else
    fi
}

/* dismiss */
inline dismiss(from)
{
#ifdef CLOSE_FORGETS
    skip
#else
    do
    :: true ->
        take_waiter(from);
        atomic {
            if
            :: taken == NOBODY -> break
            :: else
            fi;
            assert(frame[OWNER(taken)]);
            result[taken] = CLOSED;
            chain = chain | (1 << OWNER(taken));
            taken = NOBODY
        }
    od
#endif
}

inline wake_one(g)
{
    if
    :: chain & (1 << g) ->
        atomic { assert(frame[g]); chain = chain & ~(1 << g) }; /* task and next */
        make_ready(g);
#ifdef CHAIN_LATE
        assert(frame[g])
#endif
    :: else
    fi
}

/* weft__chan_close_unlock */
proctype closer()
{
    byte taken = NOBODY, chain;
    bool won;
    take(CLOSES);
#ifndef MARK_LATE
    closed[CLOSES] = true;
#endif
    dismiss(RECEIVERS(CLOSES));
    dismiss(SENDERS(CLOSES));
    atomic { leave(CLOSES) };
#ifdef MARK_LATE
    closed[CLOSES] = true;
#endif
    wake_one(A); /* weft__woken_ready */
    wake_one(B)
}

/* ---- the end ---- */

/* By channel: a partner for each other, a value, room, an end. */
#define IN_VAIN(c) \
    (nempty(list[RECEIVERS(c)]) && (nempty(list[SENDERS(c)]) || closed[c] || count[c] > 0) || \
     nempty(list[SENDERS(c)]) && (closed[c] || count[c] < CAPACITY(c)))
#define IS_LISTED(waiter) (list[LIST_OF(waiter)]??[waiter])
#define IN_RING(g) (count[1] > 0 && slot[1] == g -> 1 : 0)

#ifndef LIVENESS
active proctype judge()
{
    byte i;
    bool locked, in_vain, left_behind, lost_or_doubled;
    atomic {
        timeout ->
        locked = lock[0] || lock[1] || heap_lock;
        assert(!locked);
        in_vain = IN_VAIN(0) || IN_VAIN(1);
        assert(!in_vain);
        left_behind = IS_LISTED(0) || IS_LISTED(1) || in_heap || heap || /* A has gone; B waits with both or with none */
                      ((IS_LISTED(2) || IS_LISTED(3)) && !(IS_LISTED(2) && IS_LISTED(3) && frame[B] && claim[B] == OPEN));
        assert(!left_behind);
        do
        :: i == GOROUTINES -> break
        :: else -> lost_or_doubled = lost_or_doubled || sent[i] > 1 || sent[i] != received[i] + IN_RING(i); i++
        od;
        assert(!lost_or_doubled)
    }
}
#endif

init
{
    atomic {
        run chooser(A);
        run machine(A);
        run timer();
#if defined(MEET) || defined(CROWD)
        run chooser(B);
        run machine(B);
#endif
#ifdef MEET
        if
        :: run closer()
        :: skip
        fi;
        run sender(P)
#endif
#ifdef CROWD
        if
        :: run closer()
        :: run sender(P)
        fi;
        run sender(Q)
#endif
#ifdef FREE
        run sender(P);
        run sender(Q)
#endif
#ifdef TWICE
        run sender(P)
#endif
    }
}

#ifdef LIVENESS
ltl ends { <> finished }
#endif

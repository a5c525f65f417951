/* SPDX-License-Identifier: Apache-2.0
 *
 * runnext.pml - a processor's ring and run-next slot, its owner, two thieves and the watchdog (src/sched/runq.h, park.c).
 *
 * The owner readies PUTS goroutines (the slot's old one goes to the ring's tail, half of a full ring to the global queue), passes
 * scheduling points, or hangs for ever, as it likes. A goroutine that has run may be readied again, so that slot and ring may hold
 * the same pointer twice.
 *
 * Stands for: open, ATTENTION_OPEN or a status other than RUNNING: what lets thieves at the slot. The ring has two places. What gets into
 * the global queue counts as run: the lock gives it to one machine. Looking in vain has no effect, so the guards of the loops wait
 * until there is something to be seen.
 *
 * Asserted: a goroutine runs only if it was readied, and once for each time.
 * safety:   the same
 * liveness: everything that is readied runs, even if the owner hangs with it in its slot
 *
 * mutant: NO_OPEN           [liveness all] nobody opens the slot of an owner that hangs
 * mutant: SLOT_PUT_STORE    the owner replaces the slot's content by a store
 * mutant: SLOT_TAKE_STORE   the slot is emptied by a store
 * mutant: GET_STORE         the owner moves head by a store
 * mutant: STEAL_STORE       a thief moves head by a store
 * mutant: STEAL_LATE        a thief copies the slots after it has moved head
 * mutant: SHED_STORE        the owner sheds half of the ring by a store
 * mutant: TAIL_FIRST        the owner publishes the tail before the slot is filled */

#ifndef PUTS
#define PUTS 4
#endif
#define SIZE 2

byte ring[SIZE];
byte head, tail, next;
bool open;
bool queued[PUTS];
byte put, ran;

inline execute(r)
{
    d_step {
        assert(r != 0 && queued[r - 1]);
        queued[r - 1] = false;
        ran++;
        r = 0;
        h = 0; /* what is remembered without need makes states */
        t = 0;
        done = false
    }
}

/* done: whether it was as expected, and is now new. */
inline cas(where, expected, new)
{
    d_step {
        done = (where == expected);
        if
        :: done -> where = new
        :: else
        fi
    }
}

/* runq_take_next by owner or thief: r, 0 if there is none. What was looked at may not be what is there any more. */
inline take_next(r)
{
    r = next;
    if
    :: r != 0 ->
#ifdef SLOT_TAKE_STORE
        next = 0
#else
        d_step {
            r = next;
            next = 0
        }
#endif
    :: else
    fi
}

/* runq_get by the owner. */
inline get(r)
{
    h = head;
    do
    :: h == tail -> r = 0; break
    :: else ->
        r = ring[h % SIZE];
#ifdef GET_STORE
        head = h + 1;
        break
#else
        cas(head, h, h + 1);
        if
        :: done -> break
        :: else -> h = head
        fi
#endif
    od
}

/* runq_put and runq_shed: r to the own ring's tail. */
inline put_tail(r)
{
    do
    :: true ->
        h = head;
        if
        :: tail - h < SIZE ->
#ifdef TAIL_FIRST
            tail = tail + 1;
            ring[(tail - 1) % SIZE] = r;
#else
            ring[tail % SIZE] = r;
            tail = tail + 1;
#endif
            break
        :: else ->
            h = head;
            if
            :: tail - h == SIZE ->
                moved = ring[h % SIZE];
#ifdef SHED_STORE
                head = h + SIZE / 2;
                done = true;
#else
                cas(head, h, h + SIZE / 2);
#endif
                if
                :: done ->
                    execute(moved);
                    execute(r);
                    break
                :: else -> moved = 0
                fi
            :: else
            fi
        fi
    od
}

/* runq_steal: one, as the ring has two places. */
inline steal(r)
{
    do
    :: true ->
        h = head;
        t = tail;
        if
        :: t == h -> atomic { r = 0; h = 0; t = 0; break }
        :: t - h > 1 && t - h - (t - h) / 2 > SIZE / 2 -> skip /* read at different times */
        :: else ->
#ifdef STEAL_LATE
            cas(head, h, h + 1);
            if
            :: done -> r = ring[h % SIZE]; break
            :: else
            fi
#else
            r = ring[h % SIZE];
#ifdef STEAL_STORE
            head = h + 1;
            break
#else
            cas(head, h, h + 1);
            if
            :: done -> break
            :: else
            fi
#endif
#endif
        fi
    od
}

/* weft__make_runnable */
inline make_runnable(r)
{
    old = next;
    if
    :: old == 0 -> next = r
    :: else ->
#ifdef SLOT_PUT_STORE
        next = r;
        done = true;
#else
        cas(next, old, r);
#endif
        if
        :: done -> put_tail(old)
        :: else -> next = r
        fi
    fi;
    old = 0
}

active proctype owner()
{
    byte r, old, h, t, moved;
    bool done;
    do
    :: put < PUTS -> /* some goroutine that is nowhere */
        atomic {
            r = 1;
            do
            :: queued[r - 1] -> r++
            :: else -> break
            od;
            queued[r - 1] = true;
            put++
        };
        make_runnable(r);
    :: next != 0 || head != tail -> /* a scheduling point */
        open = false;
        take_next(r);
        if
        :: r == 0 -> get(r)
        :: else
        fi;
        if
        :: r != 0 -> execute(r)
        :: else
        fi
    :: put == PUTS -> break /* it hangs for ever */
    od
}

active [2] proctype thief()
{
    byte r, h, t;
    bool done;
end:
    do
    :: head != tail ->
        steal(r);
        if
        :: r != 0 -> execute(r)
        :: else
        fi
    :: open && next != 0 ->
        take_next(r);
        if
        :: r != 0 -> execute(r)
        :: else
        fi
    od
}

active proctype watchdog()
{
end:
    do
#ifdef NO_OPEN
    :: false
#else
    :: next != 0 && !open -> open = true
#endif
    od
}

#ifdef LIVENESS
ltl all_run { <> (ran == PUTS) }
#endif

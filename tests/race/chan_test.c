/* SPDX-License-Identifier: Apache-2.0
 *
 * chan_test.c - what channels order for the program, and what they do not (C-01, C-02, C-05, C-09, C-10, C-14).
 * test-library: race */
#include "race.h"

static chan(int) c, d;
static int many[200];

ACTOR writes_and_sends(void)
{
    shared = 1;
    chan_send(c, 1);
}

ACTOR sends_and_writes(void)
{
    chan_send(c, 1);
    shared = 2;
}

ACTOR receives_and_writes(void)
{
    (void)chan_recv(c);
    shared = 3;
}

ACTOR writes_and_receives(void)
{
    shared = 4;
    (void)chan_recv(c);
}

/* ---- unbuffered ---- */

ORDERED(c01_a_send_before_its_receive_completes)
{
    c = chan_make(int, 0);
    go(writes_and_sends);
    (void)chan_recv(c);
    shared++;
}

ORDERED(c01_a_send_to_a_parked_receiver)
{
    c = chan_make(int, 0);
    go(receives_and_writes);
    let_others_park();
    shared = 1;
    chan_send(c, 1);
    await_ends();
}

ORDERED(c01_a_receive_before_its_send_completes)
{
    c = chan_make(int, 0);
    go(sends_and_writes);
    let_others_park();
    shared = 1;
    (void)chan_recv(c);
    await_ends();
}

ORDERED(c01_a_parked_receive_before_its_send_completes)
{
    c = chan_make(int, 0);
    go(writes_and_receives);
    let_others_park();
    chan_send(c, 1);
    shared++;
}

RACY(c01_both_after_a_meeting, sends_and_writes)
{
    c = chan_make(int, 0);
    go(sends_and_writes);
    (void)chan_recv(c);
    shared = 1;
    await_ends();
}

RACY(c01_both_after_a_meeting_with_a_parked_one, receives_and_writes)
{
    c = chan_make(int, 0);
    go(receives_and_writes);
    let_others_park();
    chan_send(c, 1);
    shared = 1;
    await_ends();
}

RACY(c01_both_before_a_meeting, writes_and_sends)
{
    c = chan_make(int, 0);
    go(writes_and_sends);
    shared = 1;
    (void)chan_recv(c);
}

/* The values are pointers, and what they point to belongs to who has it. */
ACTOR passes_on(chan(int *) in, chan(int *) out)
{
    chan_range(int *, value, in) {
        ++*value;
        chan_send(out, value);
    }
    chan_close(out);
}

ORDERED(c01_ownership_goes_with_the_value)
{
    enum { STAGES = 5, VALUES = 20 };
    chan(int *) stage[STAGES + 1];
    for (int i = 0; i <= STAGES; i++)
        stage[i] = chan_make(int *, i % 3);
    for (int i = 0; i < STAGES; i++)
        go(passes_on, stage[i], stage[i + 1]);
    int sum = 0;
    for (int i = 0; i < VALUES; i++) {
        int *value = malloc(sizeof *value);
        *value = i;
        chan_send(stage[0], value);
        value = chan_recv(stage[STAGES]);
        sum += *value;
        free(value);
    }
    chan_close(stage[0]);
    test_check(sum == VALUES * (VALUES - 1) / 2 + VALUES * STAGES);
}

/* ---- buffered ---- */

ORDERED(c02_a_send_before_its_receive_completes)
{
    c = chan_make(int, 1);
    go(writes_and_sends);
    (void)chan_recv(c);
    shared++;
}

ORDERED(c02_a_send_to_a_parked_receiver)
{
    c = chan_make(int, 3);
    go(receives_and_writes);
    let_others_park();
    shared = 1;
    chan_send(c, 1);
    await_ends();
}

ACTOR fills_many(void)
{
    for (int i = 0; i < 200; i++) {
        many[i] = i;
        chan_send(c, i);
    }
}

ORDERED(c02_many_values_through_a_ring)
{
    c = chan_make(int, 7);
    go(fills_many);
    for (int i = 0; i < 200; i++)
        test_check(many[chan_recv(c)]++ == i);
}

ACTOR locks_by_sending(chan(int) done)
{
    for (int i = 0; i < 20; i++) {
        chan_send(c, 1);
        shared++;
        (void)chan_recv(c);
        weft_yield();
    }
    chan_send(done, 1);
}

ORDERED(c02_a_mutex_that_is_locked_by_sending)
{
    c = chan_make(int, 1);
    chan(int) done = chan_make(int, 0);
    for (int i = 0; i < 4; i++)
        go(locks_by_sending, done);
    for (int i = 0; i < 4; i++)
        (void)chan_recv(done);
    test_check(shared == 80);
}

ACTOR locks_by_receiving(chan(int) done)
{
    for (int i = 0; i < 20; i++) {
        int token = chan_recv(c);
        shared++;
        chan_send(c, token);
        weft_yield();
    }
    chan_send(done, 1);
}

ORDERED(c02_a_mutex_that_is_locked_by_receiving)
{
    c = chan_make(int, 1);
    chan(int) done = chan_make(int, 0);
    for (int i = 0; i < 4; i++)
        go(locks_by_receiving, done);
    chan_send(c, 1);
    for (int i = 0; i < 4; i++)
        (void)chan_recv(done);
    test_check(shared == 80);
}

/* The k-th receive before send k + C: here the first before the third. */
ACTOR sends_three_and_writes(void)
{
    chan_send(c, 1);
    chan_send(c, 2);
    chan_send(c, 3);
    shared = 2;
}

ORDERED(c02_a_receive_before_the_send_that_reuses_its_slot)
{
    c = chan_make(int, 2);
    shared = 1;
    go(sends_three_and_writes);
    let_others_park();
    shared = 3;
    (void)chan_recv(c);
    await_ends();
}

ACTOR writes_and_receives_once(void)
{
    shared = 1;
    (void)chan_recv(c);
    reach(1);
}

ORDERED(c02_a_parked_receive_before_the_send_that_reuses_its_slot)
{
    c = chan_make(int, 2);
    go(writes_and_receives_once);
    let_others_park();
    chan_send(c, 1);
    await(1);
    chan_send(c, 2);
    chan_send(c, 3);
    shared = 2;
}

RACY(c02_a_receive_and_a_send_of_another_slot, writes_and_receives_once)
{
    c = chan_make(int, 2);
    go(writes_and_receives_once);
    let_others_park();
    chan_send(c, 1);
    await(1);
    chan_send(c, 2);
    shared = 2;
}

RACY(c02_a_receive_and_a_send_with_room, sends_and_writes)
{
    c = chan_make(int, 1);
    go(sends_and_writes);
    shared = 1;
    (void)chan_recv(c);
    await_ends();
}

ACTOR writes_with_one_of_two_tokens(void)
{
    chan_send(c, 1);
    shared++;
    reach(1);
    (void)chan_recv(c);
}

RACY(c02_a_semaphore_of_two, writes_with_one_of_two_tokens)
{
    c = chan_make(int, 2);
    go(writes_with_one_of_two_tokens);
    await(1);
    chan_send(c, 1);
    shared++;
    await_ends();
}

ACTOR writes_and_sends_second(void)
{
    await(1);
    shared = 2;
    chan_send(c, 2);
}

RACY_PAIR(c02_two_sends_order_nothing, writes_and_sends, writes_and_sends_second)
{
    c = chan_make(int, 2);
    go(writes_and_sends);
    go(writes_and_sends_second);
    while (chan_len(c) == 0)
        weft_yield();
    reach(1);
    await_ends();
}

ACTOR receives_and_writes_second(void)
{
    await(1);
    (void)chan_recv(c);
    shared = 5;
}

RACY_PAIR(c02_two_receives_order_nothing, receives_and_writes, receives_and_writes_second)
{
    c = chan_make(int, 2);
    chan_send(c, 1);
    chan_send(c, 2);
    go(receives_and_writes);
    go(receives_and_writes_second);
    while (chan_len(c) == 2)
        weft_yield();
    reach(1);
    await_ends();
}

/* The first send is before the second receive in time, but nothing says so: between them are a receive and a send that only
 * the slot connects, and a receive is before the completion of the next send, not after the completion of its own. */
ACTOR receives_first(void)
{
    (void)chan_recv(c);
    reach(2);
}

ACTOR sends_second(void)
{
    await(2);
    chan_send(c, 2);
}

RACY(c02_a_slot_forgets_who_used_it_before, writes_and_sends)
{
    c = chan_make(int, 1);
    go(writes_and_sends);
    while (chan_len(c) == 0)
        weft_yield();
    go(receives_first);
    go(sends_second);
    await(2);
    (void)chan_recv(c);
    shared = 2;
}

ACTOR sends_twice_and_writes(void)
{
    chan_send(c, 1);
    chan_send(c, 2);
    shared = 2;
}

ORDERED(c02_a_sender_that_is_parked_at_a_full_channel)
{
    c = chan_make(int, 1);
    go(sends_twice_and_writes);
    let_others_park();
    shared = 1;
    (void)chan_recv(c);
    await_ends();
}

ACTOR sends_and_writes_and_sends(void)
{
    chan_send(c, 1);
    shared = 1;
    chan_send(c, 2);
    shared = 2;
}

ORDERED(c02_the_value_of_a_parked_sender)
{
    c = chan_make(int, 1);
    go(sends_and_writes_and_sends);
    let_others_park();
    (void)chan_recv(c);
    d = chan_make(int, 0);
    (void)chan_recv(c);
    await_ends();
}

RACY(c02_after_the_value_of_a_parked_sender, sends_and_writes_and_sends)
{
    c = chan_make(int, 1);
    go(sends_and_writes_and_sends);
    let_others_park();
    (void)chan_recv(c);
    (void)chan_recv(c);
    shared = 3;
    await_ends();
}

ORDERED(c02_tries_that_succeed)
{
    c = chan_make(int, 1);
    go(writes_and_sends);
    int value;
    while (!chan_try_recv(c, &value))
        weft_yield();
    shared++;
}

ACTOR tries_and_writes(void)
{
    test_check(!chan_try_send(c, 2));
    shared = 1;
    reach(1);
}

RACY(c02_a_try_that_fails_orders_nothing, tries_and_writes)
{
    c = chan_make(int, 1);
    chan_send(c, 1); /* first: the other one may begin at once */
    go(tries_and_writes);
    shared = 2;
    await(1);
}

RACY(c09_a_length_orders_nothing, writes_and_sends)
{
    c = chan_make(int, 1);
    go(writes_and_sends);
    while (chan_len(c) == 0)
        weft_yield();
    shared = 2;
}

/* A channel's memory is big enough for words of its own only up to some thousand slots; beyond, they are shared. */
ORDERED(c02_a_ring_of_many_slots)
{
    c = chan_make(int, 10000);
    go(fills_many);
    let_others_park();
    for (int i = 0; i < 200; i++)
        test_check(many[chan_recv(c)]++ == i);
}

/* ---- elements of no size ---- */

struct nothing {
};
static chan(struct nothing) signals;

ACTOR locks_by_nothing(chan(struct nothing) done)
{
    struct nothing none = {};
    for (int i = 0; i < 20; i++) {
        chan_send(signals, none);
        shared++;
        (void)chan_recv(signals);
    }
    chan_send(done, none);
}

ORDERED(c10_a_mutex_of_elements_of_no_size)
{
    signals = chan_make(struct nothing, 1);
    chan(struct nothing) done = chan_make(struct nothing, 0);
    for (int i = 0; i < 4; i++)
        go(locks_by_nothing, done);
    for (int i = 0; i < 4; i++)
        (void)chan_recv(done);
    test_check(shared == 80);
}

ACTOR writes_and_signals(void)
{
    struct nothing none = {};
    shared = 1;
    chan_send(signals, none);
}

ORDERED(c10_a_capacity_without_end)
{
    signals = chan_make(struct nothing, INT64_C(1) << 40);
    go(writes_and_signals);
    (void)chan_recv(signals);
    shared++;
}

ACTOR signals_and_writes(void)
{
    struct nothing none = {};
    chan_send(signals, none);
    shared = 1;
}

RACY(c10_elements_of_no_size_with_room, signals_and_writes)
{
    signals = chan_make(struct nothing, 2);
    go(signals_and_writes);
    shared = 2;
    (void)chan_recv(signals);
    await_ends();
}

/* ---- close ---- */

ACTOR writes_and_closes(void)
{
    shared = 1;
    chan_close(c);
}

ORDERED(c05_a_close_before_the_receive_that_it_ends)
{
    c = chan_make(int, 2);
    go(writes_and_closes);
    (void)chan_recv(c);
    shared++;
}

ACTOR ranges_and_writes(weft_waitgroup *parked)
{
    weft_waitgroup_done(parked);
    chan_range(int, value, c)
        test_check(value == 7);
    many[0] += shared;
}

ORDERED(c05_a_close_that_wakes)
{
    weft_waitgroup parked = {0};
    c = chan_make(int, 0);
    weft_waitgroup_add(&parked, 1);
    go(ranges_and_writes, &parked);
    chan_send(c, 7);
    let_others_park();
    shared = 1;
    chan_close(c);
    await_ends();
}

ACTOR closes_and_writes(void)
{
    chan_close(c);
    shared = 1;
}

RACY(c05_what_comes_after_a_close, closes_and_writes)
{
    c = chan_make(int, 0);
    go(closes_and_writes);
    (void)chan_recv(c);
    shared = 2;
    await_ends();
}

/* The value before the close is a send's; the close orders only the receives that it ends. */
ACTOR sends_writes_closes(void)
{
    chan_send(c, 1);
    shared = 1;
    chan_close(c);
}

RACY(c05_a_value_that_was_sent_before_the_close, sends_writes_closes)
{
    c = chan_make(int, 1);
    go(sends_writes_closes);
    await_ends();
    (void)chan_recv(c);
    shared = 2;
}

ACTOR closes(void)
{
    await(1);
    chan_close(c);
}

ACTOR sends(void)
{
    chan_send(c, 1);
    reach(1);
}

RACY_PAIR(c06_a_send_beside_a_close, sends, closes)
{
    c = chan_make(int, 1);
    go(closes);
    go(sends);
    await_ends();
}

/* ---- the values themselves ---- */

static int cell;

ACTOR writes_the_cell(void)
{
    cell = 5;
    reach(1);
}

RACY(c08_the_memory_that_is_sent, writes_the_cell)
{
    c = chan_make(int, 1);
    go(writes_the_cell);
    await(1);
    weft_chan_send_untyped((void *)c, &cell);
}

RACY(c08_the_memory_that_is_received_to, writes_the_cell)
{
    c = chan_make(int, 1);
    chan_send(c, 1);
    go(writes_the_cell);
    await(1);
    weft_chan_recv_untyped((void *)c, &cell);
}

ACTOR receives_to_the_cell(void)
{
    weft_chan_recv_untyped((void *)c, &cell);
}

RACY(c08_the_memory_that_a_sender_writes_to, receives_to_the_cell)
{
    c = chan_make(int, 0);
    go(receives_to_the_cell);
    let_others_park();
    chan_send(c, 1);
    cell = 2;
    await_ends();
}

struct large {
    int values[100];
};
static struct large large;
static chan(struct large) larges;

ACTOR sends_the_large(void)
{
    for (int i = 0; i < 5; i++)
        weft_chan_send_untyped((void *)larges, &large);
}

ORDERED(c08_large_elements_through_a_ring)
{
    larges = chan_make(struct large, 2);
    go(sends_the_large);
    go(sends_the_large);
    struct large copy;
    for (int i = 0; i < 10; i++)
        weft_chan_recv_untyped((void *)larges, &copy);
    memset(&copy, 0, sizeof copy);
}

/* ---- life ---- */

ORDERED(c14_who_received_frees)
{
    for (int i = 0; i < 20; i++) {
        c = chan_make(int, i % 2);
        go(writes_and_sends);
        (void)chan_recv(c);
        chan_free(c);
        shared = 0;
    }
}

/* A channel at the address of one that was freed has none of its order. */
ACTOR writes_and_fills(chan(int) mine)
{
    shared = 1;
    for (int i = 0; i < 4; i++)
        chan_send(mine, i);
    for (int i = 0; i < 4; i++)
        (void)chan_recv(mine);
    chan_free(mine);
    reach(1);
}

RACY(c02_a_new_channel_at_an_old_address, writes_and_fills)
{
    go(writes_and_fills, chan_make(int, 4));
    await(1);
    for (int i = 0; i < 50; i++) {
        chan(int) mine = chan_make(int, 4);
        chan_send(mine, 1);
        (void)chan_recv(mine);
        chan_free(mine);
    }
    shared = 2;
}

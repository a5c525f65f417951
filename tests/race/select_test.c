/* SPDX-License-Identifier: Apache-2.0
 *
 * select_test.c - a select orders what the operation orders that it carried out, and nothing else (S-01, S-04, S-07).
 * test-library: race */
#include "race.h"

static chan(int) c, d;

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

ACTOR writes_and_selects(void)
{
    shared = 1;
    (void)chan_select(on_send(c, 1), on_send(d, 1));
}

ACTOR selects_and_writes(void)
{
    int value;
    (void)chan_select(on_recv(c, &value), on_recv(d, &value));
    shared = 1;
}

ORDERED(c01_a_select_that_receives)
{
    int value;
    bool ok;
    c = chan_make(int, 0), d = chan_make(int, 0);
    go(writes_and_sends);
    test_check(chan_select(on_recv(d, &value), on_recv(c, &value, &ok)) == 1 && ok);
    shared++;
}

ORDERED(c01_a_select_that_receives_from_a_parked_sender)
{
    int value;
    c = chan_make(int, 0), d = chan_make(int, 0);
    go(writes_and_sends);
    let_others_park();
    test_check(chan_select(on_recv(c, &value), on_recv(d, &value)) == 0);
    shared++;
}

ORDERED(c01_a_select_that_sends)
{
    c = chan_make(int, 0), d = chan_make(int, 0);
    go(selects_and_writes);
    shared = 2;
    test_check(chan_select(on_send(d, 1), on_timeout(INT64_MAX)) == 0);
    await_ends();
}

ORDERED(c01_two_selects_that_meet)
{
    int value;
    c = chan_make(int, 0), d = chan_make(int, 0);
    go(writes_and_selects);
    let_others_park();
    (void)chan_select(on_recv(d, &value), on_recv(c, &value));
    shared++;
}

ORDERED(c02_a_parked_select_at_a_buffered_channel)
{
    c = chan_make(int, 2), d = chan_make(int, 2);
    go(selects_and_writes);
    let_others_park();
    shared = 2;
    chan_send(d, 1);
    await_ends();
}

ORDERED(c05_a_select_that_a_close_ends)
{
    c = chan_make(int, 0), d = chan_make(int, 1);
    go(selects_and_writes);
    let_others_park();
    shared = 2;
    chan_close(d);
    await_ends();
}

ORDERED(c02_a_select_with_a_default_that_receives)
{
    int value;
    c = chan_make(int, 1);
    go(writes_and_sends);
    while (chan_select(on_recv(c, &value), otherwise()) != 0)
        weft_yield();
    shared++;
}

ORDERED(c02_a_select_as_a_semaphore_of_one)
{
    int value;
    c = chan_make(int, 1), d = chan_make(int, 0);
    go(writes_and_selects);
    (void)chan_select(on_recv(c, &value), on_recv(d, &value));
    shared++;
}

ACTOR writes_and_says(void)
{
    shared = 1;
    reach(1);
}

RACY(s04_a_default_orders_nothing, writes_and_says)
{
    int value;
    c = chan_make(int, 0), d = chan_make(int, 0);
    go(writes_and_says);
    await(1);
    test_check(chan_select(on_recv(c, &value), on_recv(d, &value), otherwise()) == 2);
    shared = 2;
}

RACY(s04_a_timeout_orders_nothing, writes_and_says)
{
    int value;
    c = chan_make(int, 0);
    go(writes_and_says);
    test_check(chan_select(on_recv(c, &value), on_timeout(WEFT_MILLISECOND)) == 1);
    await(1);
    shared = 2;
}

ACTOR writes_and_sends_to_one(void)
{
    shared = 1;
    chan_send(d, 1);
    reach(1);
}

/* d's value is there, too, but c is chosen as often as not; as soon as it is, nothing of d counts. */
RACY(s01_a_case_that_was_ready_but_not_chosen, writes_and_sends_to_one)
{
    int value;
    c = chan_make(int, 1), d = chan_make(int, 1);
    go(writes_and_sends_to_one);
    await(1);
    chan_send(c, 1);
    test_check(chan_select(on_recv(c, &value), on_send(d, 2)) == 0);
    shared = 2;
}

RACY(s01_both_after_a_select, sends_and_writes)
{
    int value;
    c = chan_make(int, 0), d = chan_make(int, 0);
    go(sends_and_writes);
    (void)chan_select(on_recv(c, &value), on_recv(d, &value));
    shared = 1;
    await_ends();
}

RACY(c02_a_select_that_sends_with_room, writes_and_selects)
{
    c = chan_make(int, 1), d = NULL;
    go(writes_and_selects);
    while (chan_len(c) == 0)
        weft_yield();
    shared = 2;
}

RACY(s07_a_nil_case_orders_nothing, writes_and_says)
{
    int value;
    chan(int) none = NULL;
    go(writes_and_says);
    await(1);
    test_check(chan_select(on_recv(none, &value), on_send(none, 1), otherwise()) == 2);
    shared = 2;
}

static int cell;

ACTOR selects_to_the_cell(void)
{
    (void)chan_select(on_recv(c, &cell), on_recv(d, &cell));
}

RACY(s01_the_memory_that_is_received_to, selects_to_the_cell)
{
    c = chan_make(int, 0), d = chan_make(int, 0);
    go(selects_to_the_cell);
    let_others_park();
    chan_send(d, 1);
    cell = 2;
    await_ends();
}

ACTOR producer(chan(int) out, int *last)
{
    for (int i = 1; i <= 30; i++) {
        *last = i;
        chan_send(out, i);
    }
    chan_close(out);
}

ORDERED(s11_many_selects_on_the_same_channels)
{
    static int last[3];
    chan(int) in[3];
    for (int i = 0; i < 3; i++) {
        in[i] = chan_make(int, 0);
        go(producer, in[i], &last[i]);
    }
    for (int open = 3, sum = 0; open > 0;) {
        int value;
        bool ok;
        int index = chan_select(on_recv(in[0], &value, &ok), on_recv(in[1], &value, &ok), on_recv(in[2], &value, &ok));
        if (ok) {
            sum += value;
        } else {
            test_check(last[index] == 30);
            in[index] = NULL;
            if (--open == 0)
                test_check(sum == 3 * 30 * 31 / 2);
        }
    }
}

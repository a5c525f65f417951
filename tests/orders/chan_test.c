/* SPDX-License-Identifier: Apache-2.0
 *
 * chan_test.c - channels under the memory model of C11: what looks without the lock may say "it would wait" only if there was an
 * instant at which it would (C-12), and what was sent, closed or waited for is seen (C-02).
 *
 * test-library: orders
 * test-timeout: 300 */
#include "points.h"

#include "chan/chan.h"
#include "support.h"

#define STEPS 40 /* of a close and a receive, and some */

static struct weft__chan *channel;
static char written_before[8]; /* plain: by the sender, or by the one who closes */

static void make(int64_t capacity)
{
    orders_tasks_begin();
    channel = weft_chan_make_untyped(sizeof(int), sizeof(int), capacity, NULL);
    ck_assert_ptr_nonnull(channel);
}

static void register_all(void)
{
    orders_atomic((void *)&channel->lock.word, sizeof channel->lock.word);
    orders_atomic((void *)&channel->closed, sizeof channel->closed);
    orders_atomic((void *)&channel->count, sizeof channel->count);
    orders_atomic((void *)&channel->receivers, sizeof channel->receivers);
    orders_atomic((void *)&channel->senders, sizeof channel->senders);
    orders_atomic((void *)&channel->references, sizeof channel->references);
    orders_plain(written_before);
}

static void give_back(void)
{
    weft_chan_release_untyped(channel);
}

static void one_that_is_full(void)
{
    int value = 7;
    make(1);
    ck_assert(weft_chan_try_send_untyped(channel, &value));
    register_all();
}

static void one_that_is_empty(void)
{
    make(1);
    register_all();
}

static void unbuffered(void)
{
    make(0);
    register_all();
}

/* ---- looking without the lock ---- */

/* It is open with an element, then closed with an element, then closed and drained: never open and empty. */
static void drained_after_the_close(int self)
{
    int value;
    bool ok;
    if (self == 0) {
        weft_chan_close_untyped(channel);
        (void)weft_chan_recv_untyped(channel, &value);
    } else {
        orders_delay(STEPS);
        ORDERS_REQUIRE(weft_chan_try_recv_untyped(channel, &value, &ok));
    }
}

/* As above; the one who drains it has only seen that it is closed. */
static void drained_by_another(int self)
{
    int value;
    bool ok;
    if (self == 0) {
        weft_chan_close_untyped(channel);
    } else if (self == 1) {
        orders_delay(STEPS);
        weft__chan_lock(channel);
        bool closed = weft__load_relaxed(&channel->closed);
        weft__chan_unlock(channel);
        if (closed)
            (void)weft_chan_recv_untyped(channel, &value);
    } else {
        orders_delay(STEPS);
        ORDERS_REQUIRE(weft_chan_try_recv_untyped(channel, &value, &ok));
    }
}

static void send_one(void *arg)
{
    int value = 7;
    (void)arg;
    weft_chan_send_untyped(channel, &value);
}

static void try_to_send_one(void *arg)
{
    int value = 7;
    *(bool *)arg = weft_chan_try_send_untyped(channel, &value);
}

/* Whether somebody has been seen to wait, who waits for good. */
static bool is_waited_in(WEFT__ATOMIC(struct weft__waiter *) * list)
{
    for (int i = 0; i < 20; i++) {
        if (weft__load_relaxed(list) != NULL)
            return true;
        orders_pause();
    }
    return false;
}

/* A sender waits, until the channel is closed or it is served: never open without a sender. */
static void sender_is_dismissed(int self)
{
    int value;
    bool ok;
    if (self == 0)
        (void)orders_panics(send_one, NULL);
    else if (is_waited_in(&channel->senders) && self == 2)
        ORDERS_REQUIRE(weft_chan_try_recv_untyped(channel, &value, &ok));
    else if (self == 1)
        weft_chan_close_untyped(channel);
}

/* The same for a receiver: a send succeeds or panics. */
static void receiver_is_dismissed(int self)
{
    int value;
    bool sent = true;
    if (self == 0)
        (void)weft_chan_recv_untyped(channel, &value);
    else if (is_waited_in(&channel->receivers) && self == 2)
        ORDERS_REQUIRE(orders_panics(try_to_send_one, &sent) || sent);
    else if (self == 1)
        weft_chan_close_untyped(channel);
}

/* ---- what is seen afterwards ---- */

static void send_and_receive(int self)
{
    int value = 0;
    if (self == 0) {
        ORDERS_WRITE(written_before);
        send_one(NULL);
    } else {
        ORDERS_REQUIRE(weft_chan_recv_untyped(channel, &value) && value == 7);
        ORDERS_READ(written_before);
    }
}

static void close_and_receive(int self)
{
    int value = 0;
    if (self == 0) {
        ORDERS_WRITE(written_before);
        weft_chan_close_untyped(channel);
    } else {
        ORDERS_REQUIRE(!weft_chan_recv_untyped(channel, &value));
        ORDERS_READ(written_before);
    }
}

static const struct orders_test tests[] = {
    {2, one_that_is_full, drained_after_the_close, give_back, NULL, NULL},
    {3, one_that_is_full, drained_by_another, give_back, NULL, NULL},
    {3, unbuffered, sender_is_dismissed, give_back, NULL, NULL},
    {3, unbuffered, receiver_is_dismissed, give_back, NULL, NULL},
    {2, one_that_is_empty, send_and_receive, give_back, NULL, NULL},
    {2, unbuffered, send_and_receive, give_back, NULL, NULL},
    {2, one_that_is_empty, close_and_receive, give_back, NULL, NULL},
    {2, unbuffered, close_and_receive, give_back, NULL, NULL},
};

START_TEST(c12_c02_explored)
{
    const char *found = orders_explore(&tests[_i], 20000);
    ck_assert_msg(found == NULL, "case %d found: %s", _i, found);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("orders/chan");
    TCase *cases = tcase_create("chan");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, c12_c02_explored, 0, sizeof tests / sizeof *tests);
    suite_add_tcase(s, cases);
    return s;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * waitgroup_test.c - wait group and once, which are a crowd each, under the memory model of C11: what was done before done is seen after
 * the wait (W-01), what a once's function has done by everybody who returns (W-05), and who has returned may free the object
 * at once (W-04).
 *
 * test-library: orders
 * test-timeout: 300 */
#include "sync.h"

#include <weft/sync.h>

static weft_waitgroup wg, gate;
static weft_once once;

static void count(weft_waitgroup *group, uint32_t counter)
{
    *group = (weft_waitgroup){{(uint64_t)counter << 32}};
    register_word(&group->opaque[0]);
}

static void none(void)
{
    begin();
    count(&wg, 0);
}

static void one(void)
{
    begin();
    count(&wg, 1);
}

static void two(void)
{
    begin();
    count(&wg, 2);
}

static void three(void)
{
    begin();
    count(&wg, 3);
}

static void one_and_a_gate(void)
{
    one();
    count(&gate, 1);
}

static void two_and_a_context(void)
{
    begin_with_context();
    count(&wg, 2);
}

static void one_and_a_context(void)
{
    begin_with_context();
    count(&wg, 1);
}

static void wait_for_all(void)
{
    weft_waitgroup_wait(&wg);
    orders_frames_gone();
}

static void done(int self)
{
    orders_delay(STEPS);
    ORDERS_WRITE(data[self]);
    weft_waitgroup_done(&wg);
    orders_frames_gone();
}

static void read_those_above(int self)
{
    for (int i = self + 1; i < ORDERS_THREADS; i++)
        ORDERS_READ(data[i]);
}

/* The first one waits, the others are waited for. */
static void the_only_one_waits_and_frees(int self)
{
    if (self > 0) {
        done(self);
        return;
    }
    orders_delay(STEPS);
    wait_for_all();
    read_those_above(self);
    orders_gone(&wg, sizeof wg);
}

/* The first two wait. Who returns first frees it, if both have had to wait for the same. */
static void one_of_two_frees(int self)
{
    if (self > 1) {
        done(self);
        return;
    }
    orders_delay(STEPS);
    wait_for_all();
    read_those_above(1);
    if (passed++ == 0 && orders_has_parked(self) && orders_is_parked(1 - self))
        orders_gone(&wg, sizeof wg);
}

/* The last thread comes to wait while two others wait. If it finds that they have been let go, it frees it, and they go on without
 * it. (If it were one: that looks for misuse when it goes on, waitgroup.c.) */
static void a_latecomer_frees(int self)
{
    if (self == 1) {
        done(self);
        return;
    }
    orders_delay(self == 3 ? 2 * STEPS : 1);
    wait_for_all();
    ORDERS_READ(data[1]);
    if (self == 3 && passed == 0 && !orders_has_parked(3) && orders_is_parked(0) && orders_is_parked(2))
        orders_gone(&wg, sizeof wg);
    passed++;
}

/* Done, while another one counts one more for itself. */
static void counted_by_the_counted(int self)
{
    if (self == 0) {
        orders_delay(STEPS);
        wait_for_all();
        read_those_above(self);
        orders_gone(&wg, sizeof wg);
    } else if (self == 1) {
        orders_delay(STEPS);
        weft_waitgroup_add(&wg, 1);
        ORDERS_WRITE(data[3]);
        weft_waitgroup_done(&wg);
        done(self);
    } else {
        done(self);
    }
}

/* The waiter uses it again, as soon as its wait has returned. */
static void used_again(int self)
{
    if (self == 0) {
        orders_delay(STEPS);
        wait_for_all();
        ORDERS_WRITE(data[1]);
        weft_waitgroup_add(&wg, 1);
        weft_waitgroup_done(&gate);
        wait_for_all();
        ORDERS_READ(data[1]);
        orders_gone(&wg, sizeof wg);
    } else {
        done(1);
        weft_waitgroup_wait(&gate);
        orders_frames_gone();
        done(1);
    }
}

static void done_too_often(void *arg)
{
    (void)arg;
    weft_waitgroup_add(&wg, -2);
}

/* Two too many are put back; whoever has begun to wait meanwhile returns. */
static void two_too_many(int self)
{
    orders_delay(STEPS);
    if (self == 0)
        ORDERS_REQUIRE(orders_panics(done_too_often, NULL));
    else
        wait_for_all();
}

/* ---- cancelled ---- */

static void a_wait_is_cancelled(int self)
{
    if (self == 0) {
        orders_delay(STEPS);
        weft_context_cancel(context);
    } else if (self == 1) {
        orders_delay(STEPS);
        int error = weft_waitgroup_wait_ctx(context, &wg);
        orders_frames_gone();
        if (error == 0)
            read_those_above(1);
    } else {
        done(self);
    }
}

/* Beside one that is not, and frees it if both have had to wait for the same. */
static void a_wait_is_cancelled_beside_another(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        weft_context_cancel(context);
    } else if (self == 1) {
        (void)weft_waitgroup_wait_ctx(context, &wg);
        orders_frames_gone();
    } else if (self == 2) {
        wait_for_all();
        ORDERS_READ(data[3]);
        if (orders_has_parked(2) && orders_is_parked(1))
            orders_gone(&wg, sizeof wg);
    } else {
        done(3);
    }
}

/* ---- once ---- */

static void set_up_once(void)
{
    once = (weft_once)WEFT_ONCE_INIT;
    register_word(&once.opaque[0]);
}

static void a_once(void)
{
    begin();
    set_up_once();
}

static void a_once_and_a_context(void)
{
    begin_with_context();
    set_up_once();
}

static int maker; /* who makes the call, of the simulation alone */

static void make(void *arg)
{
    (void)arg;
    maker = orders_self();
    ORDERS_WRITE(data[0]);
    orders_delay(STEPS / 2);
}

static void do_once(void)
{
    weft_once_do(&once, make, NULL);
    orders_frames_gone();
    ORDERS_READ(data[0]);
}

static void each_does(int self)
{
    (void)self;
    orders_delay(STEPS);
    do_once();
    do_once();
}

/* Who returns first frees it, if of the others each has begun to wait, or is the one who makes the call. */
static void the_first_frees(int self)
{
    orders_delay(STEPS);
    weft_once_do(&once, make, NULL);
    orders_frames_gone();
    ORDERS_READ(data[0]);
    bool frees = passed++ == 0;
    for (int i = 0; i < 3; i++)
        frees = frees && (i == self || i == maker || orders_is_parked(i));
    if (frees)
        orders_gone(&once, sizeof once);
}

static void some_give_up(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        weft_context_cancel(context);
    } else if (self == 1) {
        do_once();
    } else {
        int error = weft_once_do_ctx(context, &once, make, NULL);
        orders_frames_gone();
        if (error == 0)
            ORDERS_READ(data[0]);
    }
}

static const struct orders_test tests[] = {
    {2, one, the_only_one_waits_and_frees, NULL, NULL, NULL},
    {3, two, the_only_one_waits_and_frees, NULL, NULL, NULL},
    {4, three, the_only_one_waits_and_frees, NULL, NULL, NULL},
    {3, one, one_of_two_frees, NULL, NULL, NULL},
    {4, two, one_of_two_frees, NULL, NULL, NULL},
    {4, one, a_latecomer_frees, NULL, NULL, NULL},
    {2, one, counted_by_the_counted, NULL, NULL, NULL},
    {3, two, counted_by_the_counted, NULL, NULL, NULL},
    {2, one_and_a_gate, used_again, NULL, NULL, NULL},
    {2, none, two_too_many, NULL, NULL, NULL},
    {3, none, two_too_many, NULL, NULL, NULL},
    {3, one_and_a_context, a_wait_is_cancelled, end_with_context, NULL, NULL},
    {4, two_and_a_context, a_wait_is_cancelled, end_with_context, NULL, NULL},
    {4, one_and_a_context, a_wait_is_cancelled_beside_another, end_with_context, NULL, NULL},
    {2, a_once, each_does, NULL, NULL, NULL},
    {3, a_once, each_does, NULL, NULL, NULL},
    {3, a_once, the_first_frees, NULL, NULL, NULL},
    {3, a_once_and_a_context, some_give_up, end_with_context, NULL, NULL},
    {4, a_once_and_a_context, some_give_up, end_with_context, NULL, NULL},
};

SUITE(w01_w04_w05, tests, 20000)

int main(void)
{
    RUN("orders/waitgroup", w01_w04_w05, tests);
}

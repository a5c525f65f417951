/* SPDX-License-Identifier: Apache-2.0
 *
 * semaphore_test.c - semaphore under the memory model of C11: what was done before tokens were given back is seen by who gets them, and
 * the last one to get some may free it (W-04, W-07).
 *
 * test-library: orders
 * test-timeout: 300 */
#include "sync.h"

#include <weft/semaphore.h>

static weft_semaphore semaphore;

static void set_up(int64_t tokens)
{
    semaphore = (weft_semaphore)WEFT_SEMAPHORE_INIT(tokens);
    register_word(&semaphore.opaque[1]);
}

static void one_token(void)
{
    begin();
    set_up(1);
}

static void two_tokens(void)
{
    begin();
    set_up(2);
}

static void one_token_and_a_context(void)
{
    begin_with_context();
    set_up(1);
}

static void two_tokens_and_a_context(void)
{
    begin_with_context();
    set_up(2);
}

static void acquire(int64_t n)
{
    weft_semaphore_acquire(&semaphore, n);
    orders_frames_gone();
}

static void release(int64_t n)
{
    weft_semaphore_release(&semaphore, n);
    orders_frames_gone();
}

static void each_twice(int self)
{
    (void)self;
    for (int i = 0; i < 2; i++) {
        orders_delay(STEPS);
        acquire(1);
        alone();
        release(1);
    }
}

/* Those who take one each write to their own place, those who take both to all. */
static void one_or_both(int self)
{
    for (int i = 0; i < 2; i++) {
        orders_delay(STEPS);
        if (self < 2) {
            acquire(1);
            ORDERS_WRITE(data[self]);
            release(1);
        } else {
            acquire(2);
            ORDERS_WRITE(data[0]);
            ORDERS_WRITE(data[1]);
            release(2);
        }
    }
}

static void one_tries(int self)
{
    if (self > 0) {
        each_twice(self);
        return;
    }
    for (int i = 0; i < 3; i++) {
        orders_delay(STEPS);
        if (weft_semaphore_try_acquire(&semaphore, 1)) {
            alone();
            release(1);
        }
    }
}

static void the_last_frees(int owners)
{
    orders_delay(STEPS);
    acquire(1);
    alone();
    if (passed == owners)
        orders_gone(&semaphore, sizeof semaphore);
    else
        release(1);
}

static void the_second_frees(int self)
{
    (void)self;
    the_last_frees(2);
}

static void the_third_frees(int self)
{
    (void)self;
    the_last_frees(3);
}

static void some_are_cancelled(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        weft_context_cancel(context);
    } else if (self == 1) {
        each_twice(self);
    } else {
        int error = weft_semaphore_acquire_ctx(context, &semaphore, 1);
        orders_frames_gone();
        if (error == 0) {
            alone();
            release(1);
        }
    }
}

/* A large one at the front is cancelled, and lets in the one behind it. */
static void the_front_is_cancelled(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        weft_context_cancel(context);
    } else if (self == 1) {
        int error = weft_semaphore_acquire_ctx(context, &semaphore, 2);
        orders_frames_gone();
        if (error == 0) {
            ORDERS_WRITE(data[2]);
            ORDERS_WRITE(data[3]);
            release(2);
        }
    } else {
        acquire(1);
        ORDERS_WRITE(data[self]);
        release(1);
    }
}

static void nothing_is_taken(void)
{
    uint64_t state = orders_load(&semaphore.opaque[1], sizeof(uint64_t), ORDERS_RELAXED, __FILE__, __LINE__);
    ORDERS_REQUIRE(state == 0);
}

static void nothing_is_taken_and_context(void)
{
    nothing_is_taken();
    end_with_context();
}

static const struct orders_test tests[] = {
    {2, one_token, each_twice, nothing_is_taken, NULL, NULL},
    {3, one_token, each_twice, nothing_is_taken, NULL, NULL},
    {3, two_tokens, one_or_both, nothing_is_taken, NULL, NULL},
    {4, two_tokens, one_or_both, nothing_is_taken, NULL, NULL},
    {3, one_token, one_tries, nothing_is_taken, NULL, NULL},
    {2, one_token, the_second_frees, NULL, NULL, NULL},
    {3, one_token, the_third_frees, NULL, NULL, NULL},
    {3, one_token_and_a_context, some_are_cancelled, nothing_is_taken_and_context, NULL, NULL},
    {4, one_token_and_a_context, some_are_cancelled, nothing_is_taken_and_context, NULL, NULL},
    {4, two_tokens_and_a_context, the_front_is_cancelled, nothing_is_taken_and_context, NULL, NULL},
};

SUITE(w07_w04, tests, 20000)

int main(void)
{
    RUN("orders/semaphore", w07_w04, tests);
}

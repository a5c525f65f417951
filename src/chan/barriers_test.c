/* SPDX-License-Identifier: Apache-2.0
 *
 * barriers_test.c - what is ordered without the channel's lock: a receive that finds the channel closed (C-05), and the end of a
 * channel's life (C-14). And what a run does to channels at its end (G-02), under their locks, while others are there.
 *
 * Plain threads, which know of each other only by a flag that orders nothing. So the library's acquire and release are all that
 * orders the plain data, and ThreadSanitizer reports a missing one in every round. */
#include <pthread.h>

#include <weft/time.h>
#include <weft/words.h>

#include "base/atomic.h"
#include "parked.h"
#include "port/port.h"
#include "support.h"

#define ROUNDS 200

static chan(int) shared;
static int data[4];
static WEFT__ATOMIC(int) step; /* relaxed throughout: to go first or second must not order anything else */

static void go_second(void)
{
    while (weft__load_relaxed(&step) == 0)
        weft__port_thread_yield();
}

static void went_first(void)
{
    weft__store_relaxed(&step, 1);
}

/* Both functions in threads of their own, round after round; the next round begins when both have ended. */
static void two_threads(void *(*first)(void *), void *(*second)(void *), void (*begin)(void), void (*end)(void))
{
    int rounds = test_iterations(ROUNDS);
    for (int round = 0; round < rounds; round++) {
        pthread_t threads[2];
        begin();
        weft__store_relaxed(&step, 0);
        ck_assert_int_eq(pthread_create(&threads[0], NULL, first, NULL), 0);
        ck_assert_int_eq(pthread_create(&threads[1], NULL, second, NULL), 0);
        ck_assert_int_eq(pthread_join(threads[0], NULL), 0);
        ck_assert_int_eq(pthread_join(threads[1], NULL), 0);
        end();
    }
}

static void make_one(void)
{
    shared = chan_make(int, 1);
    ck_assert(shared != NULL);
    memset(data, 0, sizeof data);
}

static void make_with_two_owners(void)
{
    make_one();
    (void)chan_retain(shared);
}

static void free_it(void)
{
    chan_free(shared);
}

static void nothing(void)
{
}

static void *write_and_close(void *unused)
{
    (void)unused;
    data[0] = 42;
    chan_close(shared);
    went_first();
    return NULL;
}

static void *receive_and_read(void *unused)
{
    (void)unused;
    int value = 1;
    go_second();
    test_check(!chan_recv(shared, &value) && value == 0);
    test_check(data[0] == 42);
    return NULL;
}

START_TEST(c05_a_receive_from_a_closed_channel_comes_after_the_close)
{
    two_threads(write_and_close, receive_and_read, make_one, free_it);
}
END_TEST

/* Elements of a size that is copied go another way through send and receive. */
struct wide {
    int words[6];
};
static chan(struct wide) wide;

static void make_a_wide_one(void)
{
    wide = chan_make(struct wide, 1);
    ck_assert(wide != NULL);
    memset(data, 0, sizeof data);
}

static void free_the_wide_one(void)
{
    chan_free(wide);
}

static void *write_and_send(void *unused)
{
    (void)unused;
    struct wide value = {.words = {1, 2, 3, 4, 5, 6}};
    data[0] = 42;
    chan_send(wide, value);
    went_first();
    return NULL;
}

static void *receive_a_wide_one_and_read(void *unused)
{
    (void)unused;
    struct wide value;
    go_second();
    test_check(chan_recv(wide, &value) && value.words[0] == 1 && value.words[5] == 6);
    test_check(data[0] == 42);
    return NULL;
}

START_TEST(c02_a_receive_of_a_wide_value_comes_after_its_send)
{
    two_threads(write_and_send, receive_a_wide_one_and_read, make_a_wide_one, free_the_wide_one);
}
END_TEST

static void *try_to_receive_and_read(void *unused)
{
    (void)unused;
    int value = 1;
    bool ok = true;
    while (!chan_try_recv(shared, &value, &ok))
        weft__port_thread_yield();
    test_check(!ok && value == 0 && data[0] == 42);
    return NULL;
}

START_TEST(c05_a_try_that_finds_it_closed_comes_after_the_close)
{
    two_threads(write_and_close, try_to_receive_and_read, make_one, free_it);
}
END_TEST

/* A try that says no has read the channel without its lock. */
static void *look_and_leave(void *unused)
{
    (void)unused;
    int value;
    bool ok;
    test_check(!chan_try_recv(shared, &value, &ok));
    chan_free(shared);
    went_first();
    return NULL;
}

static void *leave_last(void *unused)
{
    (void)unused;
    go_second();
    chan_free(shared);
    return NULL;
}

START_TEST(c14_the_last_owner_frees_what_the_others_have_left)
{
    two_threads(look_and_leave, leave_last, make_with_two_owners, nothing);
}
END_TEST

/* ---- the end of a run takes those who are parked off their channels, and others may be there at that time ---- */

#define PARKED 16

static void receive_for_ever(void)
{
    int value;
    (void)chan_recv(shared, &value);
}

/* Of two cases, or of one. */
static void select_for_ever(void)
{
    int value;
    (void)chan_select(on_recv(shared, &value), on_recv(shared, &value));
}

static WEFT__ATOMIC(bool) has_parked;

static int run_that_leaves_them(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (int i = 0; i < PARKED / 2; i++)
        test_check(go(receive_for_ever) == 0 && go(select_for_ever) == 0);
    weft_sleep(WEFT_MILLISECOND); /* time for most to park; one that has not is as good */
    return 0;
}

/* Puts itself into the list and takes itself out again, beside the run. */
static void *wait_again_and_again(void *unused)
{
    (void)unused;
    int value;
    while (weft__load_relaxed(&step) == 0) {
        test_check(chan_select(on_recv(shared, &value), on_timeout(10 * WEFT_MICROSECOND)) == 1);
        weft__store_relaxed(&has_parked, true);
    }
    return NULL;
}

START_TEST(g02_what_a_run_leaves_parked_is_taken_off_under_the_lock)
{
    for (int round = 0; round < test_iterations(100); round++) {
        pthread_t thread;
        int value = 0;
        make_one();
        weft__store_relaxed(&step, 0);
        weft__store_relaxed(&has_parked, false);
        ck_assert_int_eq(pthread_create(&thread, NULL, wait_again_and_again, NULL), 0);
        while (!weft__load_relaxed(&has_parked))
            weft__port_thread_yield();
        test_run_at(1 + round % 4, run_that_leaves_them);
        parked_await_lost(); /* they wait at the channel for a moment, and need it */
        went_first();
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        /* Nobody waits any more, and nobody has kept the lock. */
        test_check(chan_try_send(shared, 7) && chan_recv(shared, &value) && value == 7);
        free_it();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("channel barriers");
    TCase *tests = tcase_create("channel barriers");
    tcase_add_test(tests, c02_a_receive_of_a_wide_value_comes_after_its_send);
    tcase_add_test(tests, c05_a_receive_from_a_closed_channel_comes_after_the_close);
    tcase_add_test(tests, c05_a_try_that_finds_it_closed_comes_after_the_close);
    tcase_add_test(tests, c14_the_last_owner_frees_what_the_others_have_left);
    tcase_add_test(tests, g02_what_a_run_leaves_parked_is_taken_off_under_the_lock);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_test.c - what the kernel tells of a thread: how much it has run, and whether it would. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "port/port.h"

#include "support.h"

static struct {
    sem_t begun, end;
    int number;
    atomic_bool stop;
} asked;

static void *sleep_when_asked(void *unused)
{
    (void)unused;
    asked.number = weft__port_thread_number();
    sem_post(&asked.begun);
    sem_wait(&asked.end);
    return NULL;
}
static void *work_when_asked(void *unused)
{
    (void)unused;
    asked.number = weft__port_thread_number();
    sem_post(&asked.begun);
    while (!atomic_load(&asked.stop))
        ;
    return NULL;
}

START_TEST(what_a_thread_does_is_known)
{
    pthread_t thread;
    sem_init(&asked.begun, 0, 0);
    sem_init(&asked.end, 0, 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, sleep_when_asked, NULL), 0);
    sem_wait(&asked.begun);
    while (weft__port_thread_would_run(asked.number)) /* until it sleeps */
        weft__port_thread_sleep(1000000);
    int64_t before = weft__port_thread_time(asked.number);
    ck_assert_int_ge(before, 0);
    weft__port_thread_sleep(20000000);
    ck_assert_int_lt(weft__port_thread_time(asked.number) - before, 10000000);
    sem_post(&asked.end);
    pthread_join(thread, NULL);

    ck_assert_int_eq(pthread_create(&thread, NULL, work_when_asked, NULL), 0);
    sem_wait(&asked.begun);
    before = weft__port_thread_time(asked.number);
    while (weft__port_thread_time(asked.number) - before < 1000000) /* for ever if it did not count */
        ck_assert(weft__port_thread_would_run(asked.number));
    atomic_store(&asked.stop, true);
    pthread_join(thread, NULL);

    ck_assert_int_eq(weft__port_thread_number(), gettid());
    ck_assert(weft__port_thread_would_run(gettid()));
    ck_assert_int_eq(weft__port_thread_time(INT_MAX / 16), -1); /* there is none */
    ck_assert(!weft__port_thread_would_run(INT_MAX / 16));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("port/thread");
    TCase *tests = tcase_create("thread");
    tcase_add_test(tests, what_a_thread_does_is_known);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

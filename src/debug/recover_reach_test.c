/* SPDX-License-Identifier: Apache-2.0
 *
 * recover_reach_test.c - where weft_recover reaches: threads, blocking sections, the workers of a map, the end of the main function, a
 * server under load; and what it does not contain. Catalogue: G-02, G-03, W-03, D-05. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"

#include "panics.h"

#define MS WEFT_MILLISECOND

/* ---- what is not contained ---- */

/* The deferred call that panics is older than the weft_recover that the exit began in: nobody contains it. */
static void panics_too_late(void)
{
    weft_defer(panics_with, "too late");
    (void)weft_recover(exits, NULL, NULL);
}

static int too_late_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_go(panics_too_late);
    weft_sleep(WEFT_HOUR);
    return 0;
}

static void loses_mutex(void *unused)
{
    (void)unused;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_mutex_unlock(&mutex);
}

static int fatal_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(loses_mutex, NULL, NULL);
    return 0;
}

static void waits_for_ever(void *unused)
{
    (void)unused;
    chan(int) c = chan_make(int, 0);
    (void)chan_recv(c);
}

static int deadlock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(waits_for_ever, NULL, NULL);
    return 0;
}

static void panics_elsewhere(void)
{
    weft_panic("elsewhere");
}

static void starts_another(void *unused)
{
    (void)unused;
    weft_go(panics_elsewhere);
    weft_sleep(WEFT_HOUR);
}

static int another_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(starts_another, NULL, NULL);
    return 0;
}

static int after_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)weft_recover(panics, "x", NULL);
    weft_panic("not contained");
}

START_TEST(g03_what_is_not_contained)
{
    static const struct {
        int (*app)(int, char **);
        const char *err;
    } cases[] = {
        {too_late_app, "^panic: too late\n\ngoroutine "},
        {fatal_app, "^fatal error: sync: unlock of unlocked mutex\n"},
        {deadlock_app, "^fatal error: all goroutines are asleep"},
        {another_app, "^panic: elsewhere\n"},
        {after_app, "^panic: not contained\n\ngoroutine 1 "},
    };
    struct test_child child = test_child(run_app, (void *)cases[_i].app, 60);
    test_child_check(child, 2, cases[_i].err);
    test_child_free(&child);
}
END_TEST

/* ---- threads, blocking sections, main's end ---- */

static void *in_thread(void *result)
{
    struct weft_panic_info info;
    *(bool *)result = weft_recover(panics, "thread", &info) && info.goroutine == 0 && info.site == NULL &&
                      strcmp(info.message, "bad thread") == 0 && info.frame_count > 0;
    return NULL;
}

static int threads_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    bool result = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, in_thread, &result), 0);
    weft_blocking pthread_join(thread, NULL);
    ck_assert(result);
    CHECK_STORY("b a ");
    return 0;
}

START_TEST(g03_threads_contain_too)
{
    bool result = false;
    (void)in_thread(&result); /* before any run */
    ck_assert(result);
    CHECK_STORY("b a ");
    test_run(threads_app);
    (void)in_thread(&result);
    ck_assert(result);
}
END_TEST

static void sleeps(void *unused)
{
    (void)unused;
    weft_sleep(1); /* an operation of the library: not inside a section */
}

static void panics_in_section(void *unused)
{
    (void)unused;
    weft_defer(sleeps, NULL);
    weft_blocking
    {
        weft_blocking_begin();
        weft_panic("in a section");
    }
}

static int sections_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 20; i++) {
        struct weft_panic_info info;
        ck_assert(weft_recover(panics_in_section, NULL, &info));
        ck_assert_str_eq(info.message, "in a section");
        weft_sleep(1);
        weft_yield();
    }
    return 0;
}

START_TEST(p07_blocking_sections_are_left)
{
    test_run(sections_app);
}
END_TEST

static void waits_in_deferred(void *unused)
{
    (void)unused;
    weft_sleep(WEFT_HOUR);
}

static void panics_and_waits(void *unused)
{
    (void)unused;
    weft_defer(waits_in_deferred, NULL);
    weft_panic("nobody reports it");
}

static void contains_and_waits(void)
{
    (void)weft_recover(panics_and_waits, NULL, NULL);
}

static int main_ends_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_go(contains_and_waits);
    weft_sleep(5 * MS);
    ck_assert(!weft__panic_has_begun());
    return 0;
}

START_TEST(g02_main_does_not_wait_for_a_contained_panic)
{
    test_run(main_ends_app);
}
END_TEST

/* ---- workers of a map, functions of timers ---- */

static void halve(void *arg)
{
    int *number = arg;
    if (*number % 2 != 0)
        weft_panic("%d is odd", *number);
    *number /= 2;
}

static void halve_or_zero(const void *in, void *out, void *unused)
{
    (void)unused;
    int number = *(const int *)in;
    *(int *)out = weft_recover(halve, &number, NULL) ? 0 : number;
}

static void panics_later(void *flag)
{
    (void)weft_recover(panics, "later", NULL);
    atomic_store((atomic_int *)flag, 1);
}

static int map_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int in[100], out[100];
    for (int i = 0; i < 100; i++)
        in[i] = i;
    ck_assert_int_eq(weft_map(4, in, sizeof *in, out, sizeof *out, 100, halve_or_zero, NULL), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(out[i], i % 2 != 0 ? 0 : i / 2);
    atomic_int flag = 0;
    weft_timer *timer = weft_after_func(MS, panics_later, &flag);
    while (atomic_load(&flag) == 0)
        weft_sleep(MS);
    weft_timer_free(timer);
    return 0;
}

START_TEST(w03_in_workers_of_a_map_and_in_after_func)
{
    test_run(map_app);
}
END_TEST

/* ---- under load ---- */

struct load {
    recv_chan(int) numbers;
    send_chan(int) answers;
    weft_mutex mutex;
    int inside;
};

static void unlock(void *mutex)
{
    weft_mutex_unlock(mutex);
}

/* Works and waits, may change threads, and fails in the one way or the other. */
static void handle(void *arg)
{
    struct load *load = arg;
    int number = chan_recv(load->numbers);
    weft_mutex_lock(&load->mutex);
    weft_defer(unlock, &load->mutex);
    load->inside++;
    weft_yield();
    if (number % 3 == 0)
        weft_panic("%d", number);
    if (number % 3 == 1)
        weft_chan_close_untyped(NULL);
    chan_send(load->answers, number);
}

static void serve(struct load *load, int turns, atomic_int *contained)
{
    for (int i = 0; i < turns; i++)
        if (weft_recover(handle, load, NULL))
            atomic_fetch_add(contained, 1);
}

static int load_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { SERVERS = 20 };
    int turns = test_iterations(600), each = turns / 3 * 3;
    chan(int) numbers = chan_make(int, 4), answers = chan_make(int, SERVERS *turns);
    static struct load load;
    static atomic_int contained;
    load = (struct load){.numbers = recv_only(numbers), .answers = send_only(answers)};
    atomic_store(&contained, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < SERVERS; i++)
        weft_waitgroup_go(&wg, serve, &load, each, &contained);
    for (int i = 0; i < SERVERS * each; i++)
        chan_send(numbers, i);
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(atomic_load(&contained), SERVERS * each / 3 * 2);
    ck_assert_int_eq(load.inside, SERVERS * each);
    ck_assert_uint_eq(chan_len(answers), (size_t)(SERVERS * each / 3));
    chan_free(numbers);
    chan_free(answers);
    return 0;
}

START_TEST(g03_a_server_survives_its_handlers)
{
    test_run(load_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover_reach");
    TCase *tests = tcase_create("recover_reach");
    tcase_add_loop_test(tests, g03_what_is_not_contained, 0, 5);
    tcase_add_test(tests, g03_threads_contain_too);
    tcase_add_test(tests, p07_blocking_sections_are_left);
    tcase_add_test(tests, g02_main_does_not_wait_for_a_contained_panic);
    tcase_add_test(tests, w03_in_workers_of_a_map_and_in_after_func);
    tcase_add_test(tests, g03_a_server_survives_its_handlers);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

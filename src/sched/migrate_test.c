/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate_test.c - WEFT_DEBUG=migrate: each wait and each yield ends in another thread, and all else is as ever.
 * test-timeout: 240 */
#include <pthread.h>
#include <stdatomic.h>

#include <weft/sim.h>

#include "locked.h"
#include "parked.h"

/* The compiler may take it for granted that this never changes (errno's own function is declared so). */
static __attribute__((noinline)) int *errno_here(void)
{
    __asm__ __volatile__("" ::: "memory");
    return &errno;
}

static pid_t before;
static int *errno_before;
static void note(void)
{
    before = thread();
    errno_before = errno_here();
}

#define check_moved()                                                                                                  \
    do {                                                                                                               \
        test_check(thread() != before && errno_here() != errno_before);                                                \
        note();                                                                                                        \
    } while (0)

/* ---- each wait, each yield ---- */

static void pong(chan(int) in, chan(int) out)
{
    int value;
    while (chan_recv(in, &value))
        chan_send(out, value);
}

static void take_and_give(weft_mutex *mutex, chan(int) taken)
{
    weft_mutex_lock(mutex);
    parked_await_receivers((void *)taken, 1);
    chan_send(taken, 1);
    weft_sleep(WEFT_MICROSECOND);
    weft_mutex_unlock(mutex);
}

static int moves_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) to = chan_make(int, 0), from = chan_make(int, 0);
    weft_waitgroup wg = {0};
    weft_mutex mutex = WEFT_MUTEX_INIT;
    test_check(weft_waitgroup_go(&wg, pong, to, from) == 0);
    note();
    for (int i = 0; i < test_iterations(300); i++) {
        int value = 0;
        weft_yield();
        check_moved();
        weft_sleep(WEFT_MICROSECOND);
        check_moved();
        chan_send(to, i); /* this and the receive may or may not have to wait */
        test_check(chan_recv(from, &value) && value == i);
        weft_yield();
        note();
        test_check(go(take_and_give, &mutex, from) == 0);
        test_check(chan_recv(from, &value)); /* it has to wait: who sends does so when it does */
        check_moved();
        weft_mutex_lock(&mutex); /* who has it sleeps, or has slept by now */
        weft_mutex_unlock(&mutex);
        note();
    }
    chan_close(to);
    weft_waitgroup_wait(&wg);
    chan_free(to);
    chan_free(from);
    return 0;
}

START_TEST(migrate_at_each_wait)
{
    test_run_at(1, moves_app);
}
END_TEST

static void yields(int times)
{
    for (int i = 0; i < times; i++) {
        pid_t tid = thread();
        int *address = errno_here();
        if (i % 8 == 0)
            weft_sleep(WEFT_MICROSECOND);
        else
            weft_yield();
        test_check(thread() != tid && errno_here() != address);
    }
}

static int crowd_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    for (int i = 0; i < test_goroutines(1000); i++)
        test_check(weft_waitgroup_go(&wg, yields, 20) == 0);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(migrate_many)
{
    test_run(crowd_app);
}
END_TEST

static int alone_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    yields(test_iterations(500));
    return 0;
}

START_TEST(migrate_alone)
{
    test_run(alone_app);
}
END_TEST

/* ---- the mistake that it is for ---- */

/* What a compiler makes of errno before and after a wait, or a program of its own thread-local variables. */
static int mistake_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { TURNS = 20 };
    int wrong = 0;
    for (int i = 0; i < TURNS; i++) {
        int *kept = errno_here();
        weft_yield();
        *errno_here() = 0;
        *kept = ENOENT; /* meant for errno */
        wrong += *errno_here() != ENOENT;
    }
    if (wrong == TURNS) {
        fprintf(stderr, "errno was another thread's\n");
        return 3;
    }
    return 0;
}

static int mistake(void *migrate)
{
    setenv("WEFT_DEBUG", migrate ? "migrate" : "", 1);
    weft_procs(1);
    return weft_run(mistake_app, 0, NULL);
}

START_TEST(migrate_shows_the_mistake)
{
    bool on = true;
    struct test_child child = test_child(mistake, NULL, 60);
    test_child_check(child, 0, NULL); /* one goroutine, one processor: nearly always it happens to work */
    test_child_free(&child);
    child = test_child(mistake, &on, 60);
    test_child_check(child, 3, "errno was another thread's");
    test_child_free(&child);
}
END_TEST

/* ---- exempt ---- */

static int locked_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_lock_thread();
    pid_t tid = thread();
    for (int i = 0; i < test_iterations(200); i++) {
        weft_yield();
        test_check(thread() == tid);
        weft_sleep(WEFT_MICROSECOND);
        test_check(thread() == tid);
    }
    weft_unlock_thread();
    yields(20);
    return 0;
}

START_TEST(migrate_leaves_the_locked_alone)
{
    test_run(locked_app);
}
END_TEST

static int simulated(void *arg)
{
    (void)arg;
    pid_t tid = thread();
    for (int i = 0; i < 100; i++) {
        weft_sleep(WEFT_SECOND);
        weft_yield();
        test_check(thread() == tid);
    }
    return 0;
}

START_TEST(migrate_leaves_simulations_alone)
{
    ck_assert_int_eq(weft_sim(7, simulated, NULL), 0);
}
END_TEST

/* ---- beside the rest ---- */

static atomic_int stop;

static void change_procs(void)
{
    for (int i = 0; !atomic_load(&stop); i++) {
        weft_procs(1 + i % 4);
        weft_sleep(200 * WEFT_MICROSECOND);
    }
}

static void block(int times)
{
    for (int i = 0; i < times; i++) {
        weft_blocking
        {
            usleep(1);
        }
        weft_yield();
    }
}

static void *feed(void *arg)
{
    chan(int) out = *(chan(int) *)arg;
    for (int i = 1; i <= 1000; i++)
        chan_send(out, i);
    return NULL;
}

static void sum(chan(int) in, atomic_long *total)
{
    int value;
    for (int i = 0; i < 100; i++) {
        test_check(chan_recv(in, &value));
        atomic_fetch_add(total, value);
    }
}

static int mixture_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0}, changing = {0};
    chan(int) numbers = chan_make(int, 4);
    atomic_long total = 0;
    pthread_t feeder;
    atomic_store(&stop, 0);
    test_check(weft_waitgroup_go(&changing, change_procs) == 0);
    for (int i = 0; i < 10; i++) {
        test_check(weft_waitgroup_go(&wg, yields, test_iterations(400)) == 0);
        test_check(weft_waitgroup_go(&wg, block, test_iterations(200)) == 0);
        test_check(weft_waitgroup_go(&wg, sum, numbers, &total) == 0);
    }
    test_check(pthread_create(&feeder, NULL, feed, &numbers) == 0);
    weft_waitgroup_wait(&wg);
    weft_blocking
    {
        test_check(pthread_join(feeder, NULL) == 0);
    }
    test_check(atomic_load(&total) == 500500);
    atomic_store(&stop, 1);
    weft_waitgroup_wait(&changing);
    chan_free(numbers);
    return 0;
}

START_TEST(migrate_beside_the_rest)
{
    test_run(mixture_app);
}
END_TEST

static void yield_for_ever(void)
{
    for (;;)
        weft_yield();
}

static int cut_off_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 8; i++)
        test_check(go(yield_for_ever) == 0);
    yields(10);
    return 0;
}

START_TEST(migrate_cut_off_by_the_end)
{
    for (int i = 0; i < test_iterations(60); i++)
        test_run_at(1 << i % 3, cut_off_app);
}
END_TEST

static int deadlock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int value;
    chan(int) never = chan_make(int, 0);
    yields(3);
    chan_recv(never, &value);
    return 0;
}

static int deadlock(void *arg)
{
    (void)arg;
    return weft_run(deadlock_app, 0, NULL);
}

START_TEST(migrate_deadlock_is_seen)
{
    struct test_child child = test_child(deadlock, NULL, 60);
    test_child_check(child, 2, "all goroutines are asleep - deadlock!.*chan receive");
    test_child_free(&child);
}
END_TEST

/* ---- the setting ---- */

static int nothing_app(int argc, char **argv)
{
    (void)argv;
    if (argc == 1)
        yields(3); /* the right word is heard among wrong ones */
    return 0;
}

static int with_setting(void *text)
{
    setenv("WEFT_DEBUG", text, 1);
    return weft_run(nothing_app, strstr(text, ",migrate") != NULL, NULL);
}

START_TEST(migrate_settings)
{
    static const struct {
        const char *text, *regex;
    } cases[] = {
        {"", "^$"},
        {"migrate", "^$"},
        {"Migrate", "^weft: WEFT_DEBUG=Migrate is ignored: it takes migrate\n$"},
        {"1", "^weft: WEFT_DEBUG=1 is ignored: it takes migrate\n$"},
        {"migrates,migrate", "^weft: WEFT_DEBUG=migrates is ignored: it takes migrate\n$"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test_child child = test_child(with_setting, (void *)cases[i].text, 60);
        test_child_check(child, 0, cases[i].regex);
        test_child_free(&child);
    }
}
END_TEST

int main(void)
{
    setenv("WEFT_DEBUG", "migrate", 1);
    Suite *suite = suite_create("migrate");
    TCase *tests = tcase_create("migrate");
    tcase_add_test(tests, migrate_at_each_wait);
    tcase_add_test(tests, migrate_many);
    tcase_add_test(tests, migrate_alone);
    tcase_add_test(tests, migrate_shows_the_mistake);
    tcase_add_test(tests, migrate_leaves_the_locked_alone);
    tcase_add_test(tests, migrate_leaves_simulations_alone);
    tcase_add_test(tests, migrate_beside_the_rest);
    tcase_add_test(tests, migrate_cut_off_by_the_end);
    tcase_add_test(tests, migrate_deadlock_is_seen);
    tcase_add_test(tests, migrate_settings);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * end_test.c - what a goroutine still does after its run was given up. Main returns while a machine is away in a C call, and the call
 * returns during a later run. Whatever the goroutine does then is for nobody: the later run's counts, timers, processors and
 * goroutines are as if it had not been, nothing that was freed is touched, and in the end all memory is where it belongs.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#define FAULTS_SIZED_AT_ONCE 21 /* seven from each that comes back, of AWAY */
#include "loop.h"

#include <weft/chan.h>
#include <weft/context.h>
#include <weft/go.h>
#include <weft/local.h>
#include <weft/scope.h>
#include <weft/select.h>
#include <weft/sync.h>
#include <weft/time.h>

#define AWAY 3 /* goroutines that are given up together, each with its machine */

struct deed {
    const char *name;
    void (*before)(void); /* in the goroutine, in its own run */
    void (*act)(void);    /* in the goroutine, in the later run */
    void (*meet)(void);   /* what main of the later run does meanwhile */
    bool section;         /* the C call is in a weft_blocking section, and so is what follows */
    bool simulated;       /* the later run is a weft_sim */
};
static const struct deed *deed;

static atomic_int away, released, came_back, strangers;

/* ---- what is there in both runs ---- */

static weft_chan(int) rendezvous, buffered;
static weft_mutex mutex;
static weft_timer *timers[AWAY];
static weft_context *context;
static atomic_int turn; /* number of the goroutine that comes back, for what each has its own of */

/* Nothing that is started by a goroutine that was given up may ever run. */
static void stranger(void)
{
    atomic_fetch_add(&strangers, 1);
}
static void stranger_of(void *arg)
{
    (void)arg;
    atomic_fetch_add(&strangers, 1);
}
static void stranger_with(int a, double b, const char *c)
{
    (void)a, (void)b, (void)c;
    atomic_fetch_add(&strangers, 1);
}

static void nothing(void)
{
}

/* ---- the deeds ---- */

static void spawn_all_sorts(void)
{
    static const char large[3000];
    for (int i = 0; i < 700; i++) { /* more than a queue holds */
        (void)weft_go(stranger);
        (void)weft_go(stranger_with, i, 0.5, "text");
        (void)weft_go_copy(stranger_of, large, i % 2 == 0 ? 40 : sizeof large);
        if (i % 100 == 0)
            (void)weft_go_with(((struct weft_go_options){.stack_size = SIZED_STACK_SIZE}), stranger);
    }
}

/* The goroutine has the mutex; main of the later run waits for it, and goes on while the one that let it go is still away. */
static atomic_int has_mutex;

static void take_mutex(void)
{
    if (!atomic_exchange(&has_mutex, 1))
        weft_mutex_lock(&mutex);
}
static void hand_mutex_over(void)
{
    int first = 1;
    if (atomic_compare_exchange_strong(&has_mutex, &first, 0)) {
        weft_mutex_unlock(&mutex);
        while (atomic_load(&has_mutex) != 2) /* nothing of the library is called */
            usleep(100);
    }
}
static void wait_for_mutex(void)
{
    weft_mutex_lock(&mutex);
    atomic_store(&has_mutex, 2);
    weft_mutex_unlock(&mutex);
}

static void send_to_it(void)
{
    weft_chan_send(buffered, 1); /* main waits for it, or there is room */
    require(weft_chan_try_send(buffered, 2));
}
static void receive_six(void)
{
    int sum = 0;
    for (int i = 0; i < 2 * AWAY; i++) {
        int value;
        require(weft_chan_recv(buffered, &value));
        sum += value;
    }
    require(sum == 3 * AWAY);
}

/* It waits for what the later run would do; its waiter must not be found there. */
static void receive_and_wait(void)
{
    int value;
    (void)weft_chan_recv(rendezvous, &value);
    require(!"a goroutine that was given up has been resumed");
}
static void send_and_wait(void)
{
    weft_chan_send(rendezvous, 1);
    require(!"a goroutine that was given up has been resumed");
}
static void select_and_wait(void)
{
    int value;
    bool ok;
    /* Of one channel one direction alone: those who are lost together would meet each other. */
    (void)weft_chan_select(weft_on_recv(buffered, &value, &ok), weft_on_send(rendezvous, 1),
                           weft_on_timeout(WEFT_HOUR));
    require(!"a goroutine that was given up has been resumed");
}
static void wait_for_context(void)
{
    int value;
    (void)weft_chan_recv_ctx(context, rendezvous, &value);
    require(!"a goroutine that was given up has been resumed");
}

static void sleep_long(void)
{
    weft_sleep(WEFT_MILLISECOND);
    require(!"a goroutine that was given up has been resumed");
}
static void yield_away(void)
{
    weft_yield();
    require(!"a goroutine that was given up has been resumed");
}

/* Timers that were armed in the run before, and those that are armed when it is over. */
static void arm_before(void)
{
    int mine = atomic_fetch_add(&turn, 1);
    timers[mine] = weft_after_func(WEFT_HOUR, stranger_of, NULL);
    require(timers[mine] != NULL);
}
static void arm_again(void)
{
    int mine = atomic_fetch_sub(&turn, 1) - 1;
    (void)weft_timer_reset(timers[mine], mine % 2 == 0 ? 0 : WEFT_MICROSECOND);
    require(weft_after(0) != NULL);
    (void)weft_after_func(0, stranger_of, NULL); /* in the books; see kept */
}
static void free_timers(void)
{
    for (int i = 0; i < AWAY; i++)
        (void)weft_timer_stop(timers[i]); /* its heap is that of a processor that is about to go, or has gone */
}
static void free_timers_at_last(void)
{
    for (int i = 0; i < AWAY; i++) {
        require(!weft_timer_stop(timers[i]));
        weft_timer_free(timers[i]);
    }
    atomic_fetch_add(&faults_run.kept,
                     2L * AWAY); /* of arm_again: the weft_after_func and, if it ends by usleep, none more */
}

static void cancel_it(void)
{
    weft_context_cancel(context);
}
static void wait_for_cancel(void)
{
    bool none;
    (void)weft_chan_recv(weft_context_done(context), &none);
    require(weft_context_err(context) == -ECANCELED);
}

static void change_the_number(void)
{
    (void)weft_procs(7);
    (void)weft_procs(1);
    (void)weft_procs(9);
    require(weft_goroutines() < 1000); /* asks */
}

static void enter_a_section(void)
{
    weft_blocking
    {
        usleep(1000);
    }
    weft_blocking
    {
        (void)weft_go(stranger);
    }
}

static void leave_a_dump(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    require(fd >= 0);
    weft_dump(fd);
    close(fd);
}

/* In a section it has no processor: everything goes by way of what all have in common. */
static void in_a_section(void)
{
    spawn_all_sorts();
    (void)weft_after_func(0, stranger_of, NULL);
    require(weft_chan_try_send(buffered, 1) || weft_chan_len(buffered) > 0);
}
static void drain(void)
{
    int value;
    weft_sleep(WEFT_MILLISECOND);
    while (weft_chan_try_recv(buffered, &value, NULL))
        ;
}
static void drain_at_last(void)
{
    drain();
    atomic_fetch_add(&faults_run.kept, AWAY); /* the weft_after_func, which nobody frees */
}

/* What it ends by has goroutines of its own run go on, which waited for that. */
static weft_waitgroup old_group;

static void wait_in_vain(void)
{
    weft_waitgroup_wait(&old_group);
    atomic_fetch_add(&strangers, 1);
}
static void be_waited_for(void)
{
    weft_waitgroup_add(&old_group, 1); /* first: somebody else may run the one that waits for it at once */
    if (atomic_fetch_add(&turn, 1) == 0)
        require(weft_go(wait_in_vain) == 0);
    weft_yield();
}
static void be_done(void)
{
    weft_waitgroup_done(&old_group);
}

static void exit_now(void)
{
    weft_exit();
}

static void destroy(void *value)
{
    atomic_fetch_add((atomic_int *)value, 1);
}
static weft_local local = WEFT_LOCAL_INIT(destroy);
static atomic_int destroyed;

static void set_local(void)
{
    require(weft_local_set(&local, &destroyed) == 0);
}
static void destroyed_is_seen(void)
{
    while (atomic_load(&came_back) < AWAY)
        usleep(1000);
}

static const struct deed deeds[] = {
    {.name = "spawn", .act = spawn_all_sorts},
    {.name = "mutex", .before = take_mutex, .act = hand_mutex_over, .meet = wait_for_mutex},
    {.name = "send", .act = send_to_it, .meet = receive_six},
    {.name = "receive", .act = receive_and_wait},
    {.name = "wait to send", .act = send_and_wait},
    {.name = "select", .act = select_and_wait},
    {.name = "receive with a context", .act = wait_for_context},
    {.name = "sleep", .act = sleep_long},
    {.name = "yield", .act = yield_away},
    {.name = "timers", .before = arm_before, .act = arm_again, .meet = free_timers},
    {.name = "cancel", .act = cancel_it, .meet = wait_for_cancel},
    {.name = "weft_procs", .act = change_the_number},
    {.name = "section", .act = enter_a_section},
    {.name = "dump", .act = leave_a_dump},
    {.name = "end", .act = nothing},
    {.name = "exit", .act = exit_now},
    {.name = "ready", .before = be_waited_for, .act = be_done},
    {.name = "local value", .before = set_local, .act = nothing, .meet = destroyed_is_seen},
    {.name = "spawn in a section", .act = in_a_section, .meet = drain, .section = true},
    {.name = "mutex in a section",
     .before = take_mutex,
     .act = hand_mutex_over,
     .meet = wait_for_mutex,
     .section = true},
    {.name = "ready in a section", .before = be_waited_for, .act = be_done, .section = true},
    {.name = "procs in a section", .act = change_the_number, .section = true},
    {.name = "receive in a section", .act = receive_and_wait, .section = true},
    {.name = "leave a section", .act = nothing, .section = true},
    {.name = "sleep in a simulation", .act = sleep_long, .simulated = true},
    {.name = "spawn in a simulation", .act = spawn_all_sorts, .simulated = true},
    {.name = "section in a simulation", .act = enter_a_section, .simulated = true},
    {.name = "yield in a simulation", .act = yield_away, .simulated = true},
};

/* ---- the runs ---- */

static void call(void)
{
    atomic_fetch_add(&away, 1);
    while (!atomic_load(&released))
        usleep(100);
    deed->act();
}

static void goes_away(void)
{
    if (deed->before != NULL)
        deed->before();
    if (!deed->section) {
        call();
    } else {
        weft_blocking
        {
            call();
        }
        require(!"a goroutine that was given up has left its section");
    }
    atomic_fetch_add(&came_back, 1);
}

static int leaves_them(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < AWAY; i++)
        require(weft_go(goes_away) == 0);
    while (atomic_load(&away) < AWAY)
        weft_sleep(WEFT_MILLISECOND);
    return 0;
}

static void count(weft_chan(int) c, weft_waitgroup *wg)
{
    weft_chan_send(c, 1);
    weft_waitgroup_done(wg);
}

static atomic_bool over;

/* While it sleeps the run is not deadlocked: what was given up does not count for that. */
static void keep_alive(void)
{
    while (!atomic_load(&over))
        weft_sleep(WEFT_MILLISECOND);
}

static void work(int goroutines)
{
    weft_chan(int) c = weft_chan_make(int, 2);
    weft_waitgroup wg = {0};
    int value, sum = 0;
    require(c != NULL);
    weft_waitgroup_add(&wg, goroutines);
    for (int i = 0; i < goroutines; i++)
        require(weft_go(count, c, &wg) == 0);
    for (int i = 0; i < goroutines; i++) {
        require(weft_chan_recv(c, &value));
        sum += value;
    }
    weft_waitgroup_wait(&wg);
    require(sum == goroutines && !weft_chan_try_recv(c, &value, NULL));
    weft_chan_free(c);
}

static int meets_them(int argc, char **argv)
{
    (void)argc, (void)argv;
    int procs = weft_procs(0);
    atomic_store(&over, false);
    require(weft_go(keep_alive) == 0);
    atomic_store(&released, 1);
    if (deed->meet != NULL)
        deed->meet();
    while (atomic_load(&weft__rt.lost_machines) > 0) {
        work(50);
        weft_sleep(WEFT_MILLISECOND);
        if (deed->simulated)
            usleep(100); /* its time costs none */
    }
    work(test_iterations(2000));
    atomic_store(&over, true);
    while (weft_goroutines() > 1)
        weft_sleep(WEFT_MILLISECOND);
    require(weft_procs(0) == procs);
    /* Nobody waits there. */
    int value = 5;
    require(!weft_chan_try_send(rendezvous, value));
    require(!weft_chan_try_recv(rendezvous, &value, NULL));
    require(weft_chan_try_send(buffered, value) && weft_chan_try_recv(buffered, &value, NULL));
    return 0;
}

static int meets_them_simulated(void *arg)
{
    (void)arg;
    return meets_them(0, NULL);
}

static int is_quiet(int argc, char **argv)
{
    (void)argc, (void)argv;
    work(100);
    while (weft_goroutines() > 1) /* those that have said that they are done are on their way out */
        weft_yield();
    require(weft_goroutines() == 1);
    return 0;
}

/* In the end all goroutines of the later runs are gone; those of the first stay where they were, or have ended. */
static int end_child(void *arg)
{
    const struct faults_case first = {.app = leaves_them}, later = {.app = meets_them}, quiet = {.app = is_quiet};
    int processors = *(int *)arg;
    atomic_store(&faults.watching, true);
    rendezvous = weft_chan_make(int, 0);
    buffered = weft_chan_make(int, 2 * AWAY);
    context = weft_context_with_cancel(weft_context_background());
    require(rendezvous != NULL && buffered != NULL && context != NULL);
    atomic_fetch_add(&faults_run.kept, 3);
    weft_procs(AWAY + 1);
    require(faults_run_once(&first) == 0);
    require(atomic_load(&weft__rt.lost_machines) >= AWAY); /* a busy system may have held up another one */
    weft_procs(processors);
    require((deed->simulated ? weft_sim(3, meets_them_simulated, NULL) : faults_run_once(&later)) == 0);
    require(faults_run_once(&quiet) == 0);
    require(atomic_load(&strangers) == 0);
    if (deed->before == set_local)
        require(atomic_load(&destroyed) == AWAY);
    if (deed->before == arm_before)
        free_timers_at_last();
    if (deed->act == in_a_section)
        drain_at_last();
    faults_balance();
    return 0;
}

START_TEST(g02_p07_what_they_do_is_for_nobody)
{
    deed = &deeds[_i];
    for (int processors = 1; processors <= 4; processors *= 2) {
        struct test_child child = test_child(end_child, &processors, 100);
        ck_assert_msg(!child.timed_out && child.code == 0, "%s, %d processors: exit code %d, signal %d%s:\n%s%s",
                      deed->name, processors, child.code, child.signal, child.timed_out ? ", hangs" : "", child.out,
                      child.err);
        test_child_check(child, 0, "^$");
        test_child_free(&child);
    }
}
END_TEST

/* ---- a later run that waits for ever is told so, whatever has come back meanwhile ---- */

static int waits_for_ever(int argc, char **argv)
{
    (void)argc, (void)argv;
    int value;
    atomic_store(&released, 1);
    while (atomic_load(&weft__rt.lost_machines) > 0)
        weft_sleep(WEFT_MILLISECOND);
    (void)weft_chan_recv(rendezvous, &value);
    return 0;
}

static int deadlock_child(void *arg)
{
    const struct faults_case first = {.app = leaves_them}, later = {.app = waits_for_ever};
    (void)arg;
    setenv("WEFT_DEADLOCK", "on", 1);
    rendezvous = weft_chan_make(int, 0);
    weft_procs(AWAY + 1);
    require(faults_run_once(&first) == 0);
    weft_procs(2);
    return faults_run_once(&later);
}

START_TEST(d05_a_deadlock_of_the_later_run_is_reported)
{
    static const struct deed ways[] = {{.name = "section", .act = nothing, .section = true},
                                       {.name = "no section", .act = enter_a_section}};
    deed = &ways[_i];
    struct test_child child = test_child(deadlock_child, NULL, 60);
    test_child_check(child, 2, "^fatal error: all goroutines are asleep - deadlock!\n");
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/end");
    TCase *tests = tcase_create("end");
    tcase_set_timeout(tests, 280);
    tcase_add_loop_test(tests, g02_p07_what_they_do_is_for_nobody, 0, sizeof deeds / sizeof deeds[0]);
    tcase_add_loop_test(tests, d05_a_deadlock_of_the_later_run_is_reported, 0, 2);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * futex_test.c - waits in the kernel that end for no reason: spuriously, by EINTR or EAGAIN, always or every other time, and by
 * real signals that come every 100 us, to the program's threads and to the machines, without SA_RESTART. A mixed load goes through with
 * exact totals. And a signal handler that holds one machine up: the others do the work.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#include "mixed.h"

#include <dirent.h>
#include <sys/time.h>

/* ---- waits that end for no reason ---- */

struct waits {
    int mode, processors;
    bool storm;
};

static atomic_bool storm_is_over;
static atomic_long signals; /* that arrived */

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler; /* without SA_RESTART */
    sigemptyset(&action.sa_mask);
    require(sigaction(number, &action, NULL) == 0);
}

/* SIGPROF is the one asynchronous signal that machines do not block: each thread of the process gets one in turn. */
static void *send_signals(void *arg)
{
    pid_t process = getpid();
    (void)arg;
    while (!atomic_load(&storm_is_over)) {
        DIR *tasks = opendir("/proc/self/task");
        require(tasks != NULL);
        for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
            long id = strtol(entry->d_name, NULL, 10);
            if (id <= 0)
                continue;
            (void)__real_syscall(SYS_tgkill, (long)process, id, (long)SIGPROF, 0L, 0L, 0L); /* it may have ended */
            const struct timespec pause = {0, 100000};
            (void)nanosleep(&pause, NULL);
        }
        closedir(tasks);
    }
    return NULL;
}

static int waits_child(void *arg)
{
    const struct waits *waits = arg;
    const struct faults_case c = {.app = mixed_app};
    pthread_t thread;
    atomic_store(&faults.watching, true);
    mixed_has_threads();
    weft_procs(waits->processors);
    atomic_store(&faults.futex, waits->mode);
    if (waits->storm) {
        const struct itimerval every = {{0, 100}, {0, 100}};
        handle(SIGPROF, on_signal);
        handle(SIGALRM, on_signal);
        require(__real_pthread_create(&thread, NULL, send_signals, NULL) == 0);
        require(setitimer(ITIMER_REAL, &every, NULL) == 0);
    }
    for (int i = 0; i < 3; i++)
        require(faults_run_once(&c) == 0);
    if (waits->storm) {
        const struct itimerval never = {{0, 0}, {0, 0}};
        require(setitimer(ITIMER_REAL, &never, NULL) == 0);
        atomic_store(&storm_is_over, true);
        require(pthread_join(thread, NULL) == 0);
        require(atomic_load(&signals) > 10);
    }
    atomic_store(&faults.futex, FAULTS_FUTEX_REAL);
    require(atomic_load(&faults.wall) == 0); /* the time of day is of no interest to the library */
    faults_balance();
    return 0;
}

static void expect_totals(struct waits waits)
{
    for (waits.processors = 1; waits.processors <= 4; waits.processors *= 2) {
        struct test_child child = test_child(waits_child, &waits, 100);
        ck_assert_msg(!child.timed_out && child.code == 0, "mode %d, %d processors%s: exit code %d, signal %d%s:\n%s%s",
                      waits.mode, waits.processors, waits.storm ? ", signals" : "", child.code, child.signal,
                      child.timed_out ? ", hangs" : "", child.out, child.err);
        test_child_free(&child);
    }
}

START_TEST(waits_end_for_no_reason)
{
    static const int modes[] = {FAULTS_FUTEX_REAL, FAULTS_FUTEX_SPURIOUS, FAULTS_FUTEX_AGAIN, FAULTS_FUTEX_SOMETIMES};
    expect_totals((struct waits){.mode = modes[_i]});
}
END_TEST

START_TEST(signals_come_all_the_time)
{
    expect_totals((struct waits){.mode = FAULTS_FUTEX_REAL, .storm = true});
}
END_TEST

/* ---- a machine that is held up ---- */

static atomic_int held; /* 1: its machine is told below, 2: the handler has begun, 3: it has come to its end */
static atomic_long held_thread, progress;

/* In the goroutine's own machine; it goes on when the others have done enough. */
static void hold_up(int number)
{
    (void)number;
    const struct timespec pause = {0, 1000000};
    atomic_store(&held, 2);
    while (atomic_load(&progress) < 2000)
        (void)nanosleep(&pause, NULL);
    atomic_store(&held, 3);
}

static void be_held_up(void)
{
    atomic_store(&held_thread, __real_syscall(SYS_gettid, 0L, 0L, 0L, 0L, 0L, 0L));
    atomic_store(&held, 1);
    while (atomic_load(&held) < 3) /* no scheduling point, so it stays where it is */
        usleep(1000);
}

static void make_progress(weft_chan(int) in, weft_chan(int) out)
{
    int value;
    while (weft_chan_recv(in, &value)) {
        weft_chan_send(out, value + 1);
        atomic_fetch_add(&progress, 1);
        if (value % 100 == 0)
            weft_sleep(10 * WEFT_MICROSECOND);
    }
}

static int held_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_chan(int) in = weft_chan_make(int, 0), out = weft_chan_make(int, 0);
    require(in != NULL && out != NULL);
    atomic_store(&held, 0);
    atomic_store(&progress, 0);
    require(weft_go(be_held_up) == 0);
    require(weft_go(make_progress, in, out) == 0);
    while (atomic_load(&held) < 1)
        weft_yield();
    require(__real_syscall(SYS_tgkill, (long)getpid(), atomic_load(&held_thread), (long)SIGPROF, 0L, 0L, 0L) == 0);
    for (int i = 0, value; i < 2500; i++) {
        weft_chan_send(in, i);
        require(weft_chan_recv(out, &value) && value == i + 1);
    }
    weft_chan_close(in);
    while (atomic_load(&held) < 3)
        weft_sleep(WEFT_MILLISECOND);
    while (weft_goroutines() > 1)
        weft_sleep(WEFT_MILLISECOND);
    weft_chan_free(in);
    weft_chan_free(out);
    return 0;
}

static int held_child(void *arg)
{
    const struct faults_case c = {.app = held_app};
    atomic_store(&faults.watching, true);
    weft_procs(*(int *)arg);
    handle(SIGPROF, hold_up);
    require(faults_run_once(&c) == 0);
    faults_balance();
    return 0;
}

START_TEST(one_machine_is_held_up_and_the_others_go_on)
{
    int processors = 1 << _i;
    struct test_child child = test_child(held_child, &processors, 100);
    test_child_check(child, 0, "^$");
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/futex");
    TCase *tests = tcase_create("futex");
    tcase_set_timeout(tests, 280);
    tcase_add_loop_test(tests, waits_end_for_no_reason, 0, 4);
    if (!test_emulated()) /* signals to threads by number are the emulator's own, too */
        tcase_add_test(tests, signals_come_all_the_time);
    if (!test_emulated() && !TEST_TSAN) /* which holds handlers back until the thread calls something it knows */
        tcase_add_loop_test(tests, one_machine_is_held_up_and_the_others_go_on, 0, 3);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}

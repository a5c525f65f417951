/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn_test.c - every way to start a goroutine, with every allocation and mapping that it makes refused in turn: the spawn
 * returns -ENOMEM or -EAGAIN and nothing was started, or it works and the goroutine has its arguments unharmed.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto cross thread (an emulator has no guard advice that could fail; a child for each refusal takes minutes under TSan) */
#include "loop.h"

#include <sys/resource.h>

#include <weft/chan.h>
#include <weft/go.h>
#include <weft/sim.h>
#include <weft/sync.h>
#include <weft/time.h>

#define SPAWNS 3

static atomic_long ended;

static void wait_for(long count)
{
    while (atomic_load(&ended) < count)
        weft_yield();
    require(atomic_load(&ended) == count);
    atomic_store(&ended, 0);
}

/* ---- a few of each shape ---- */

static void few(int a, const char *b, uint64_t c)
{
    require(a == -7 && strcmp(b, "text") == 0 && c == UINT64_MAX - 1);
    atomic_fetch_add(&ended, 1);
}

static int few_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    long started = 0;
    faults_now();
    for (int i = 0; i < SPAWNS; i++)
        started += faults_done(weft_go(few, -7, "text", UINT64_MAX - 1));
    wait_for(started);
    return 0;
}

static void all(int a, double b, const char *c, float d, uint8_t e, long f, double g, void *h)
{
    require(a == 1 && b == 2.5 && strcmp(c, "three") == 0 && d == 4.25f && e == 5 && f == -6 && g == 7.125 &&
            h == &ended);
    atomic_fetch_add(&ended, 1);
}

static int all_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    long started = 0;
    faults_now();
    for (int i = 0; i < SPAWNS; i++)
        started += faults_done(weft_go(all, 1, 2.5, "three", 4.25f, (uint8_t)5, -6L, 7.125, (void *)&ended));
    wait_for(started);
    return 0;
}

/* By copy: in the record, and on the heap. */
static void fill(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 7 + 3);
}

static void check(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        require(bytes[i] == (unsigned char)(i * 7 + 3));
    atomic_fetch_add(&ended, 1);
}

#define SMALL 48
#define LARGE 5000

static void small_copy(void *copy)
{
    check(copy, SMALL);
}

static void large_copy(void *copy)
{
    weft_yield(); /* the copy lives as long as the goroutine */
    check(copy, LARGE);
}

static int copy_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    unsigned char value[LARGE];
    long started = 0;
    fill(value, sizeof value);
    faults_now();
    for (int i = 0; i < SPAWNS; i++) {
        started += faults_done(weft_go_copy(small_copy, value, SMALL));
        started += faults_done(weft_go_copy(large_copy, value, LARGE));
    }
    memset(value, 0, sizeof value);
    wait_for(started);
    return 0;
}

/* With a stack of its own size, most of which is used. */
static void deep(int number)
{
    unsigned char frame[SIZED_STACK_SIZE / 2];
    memset(frame, number, sizeof frame);
    weft_yield();
    for (size_t i = 0; i < sizeof frame; i += 4096)
        require(frame[i] == number);
    atomic_fetch_add(&ended, 1);
}

static int sized_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    long started = 0;
    faults_now();
    for (int i = 0; i < SPAWNS; i++)
        started += faults_done(
            weft_go_with(((struct weft_go_options){.name = "deep", .stack_size = SIZED_STACK_SIZE}), deep, i + 1));
    wait_for(started);
    return 0;
}

/* ---- many at a time ---- */

static weft_chan(int) gate;

static void pass(int number)
{
    int none = number;
    require(!weft_chan_recv(gate, &none) && none == 0); /* waits until the gate is closed */
    atomic_fetch_add(&ended, 1);
}

/* All wait at the same time, so that slabs, chunks and queues fill; and again, on what the first ones gave back. */
static int crowd(int size)
{
    for (int round = 0; round < 2; round++) {
        weft_waitgroup wg = {0};
        gate = weft_chan_make(int, 0);
        require(gate != NULL);
        long started = 0;
        if (round == 0)
            faults_now();
        for (int i = 0; i < size; i++)
            started += faults_done(weft_waitgroup_go(&wg, pass, i));
        weft_yield();
        weft_chan_close(gate);
        weft_waitgroup_wait(&wg); /* what was not started was not counted */
        wait_for(started);
        faults_over();
        weft_chan_free(gate);
    }
    return 0;
}

static int crowd_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return crowd(test_quick() ? 400 : 1500);
}

static int large_crowd_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return crowd(faults_run.must_succeed ? 2000 : test_goroutines(10000));
}

/* ---- in a simulated run, whose list of candidates grows ---- */

static int simulated_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    long started = 0;
    gate = weft_chan_make(int, 0);
    require(gate != NULL);
    faults_now();
    for (int i = 0; i < 2000; i++)
        started += faults_done(weft_waitgroup_go(&wg, pass, i));
    weft_yield();
    weft_chan_close(gate);
    weft_waitgroup_wait(&wg);
    wait_for(started);
    weft_chan_free(gate);
    return 0;
}

#define LARGE_CASES 1 /* the last one, which takes too long under sanitizers */

static const struct faults_case cases[] = {
    {.name = "few", .app = few_app, .kinds = FAULTS_MEMORY, .processors = 1},
    {.name = "few", .app = few_app, .kinds = FAULTS_ANY, .processors = 2},
    {.name = "all registers", .app = all_app, .kinds = FAULTS_MEMORY, .processors = 1},
    {.name = "copies", .app = copy_app, .kinds = FAULTS_MEMORY, .processors = 1},
    {.name = "copies", .app = copy_app, .kinds = FAULTS_ANY, .processors = 2},
    {.name = "stack size", .app = sized_app, .kinds = FAULTS_MEMORY, .processors = 1},
    {.name = "stack size", .app = sized_app, .kinds = FAULTS_MAP, .processors = 1},
    {.name = "stack size", .app = sized_app, .kinds = FAULTS_ANY, .processors = 2},
    {.name = "crowd, memory", .app = crowd_app, .kinds = FAULTS_MEMORY, .processors = 2, .dense = 4},
    {.name = "crowd, mmap", .app = crowd_app, .kinds = FAULTS_MAP, .processors = 2, .dense = 4},
    {.name = "crowd, advice", .app = crowd_app, .kinds = FAULTS_ADVICE, .processors = 2, .dense = 4},
    {.name = "crowd, advice and mprotect",
     .app = crowd_app,
     .kinds = FAULTS_ADVICE | FAULTS_PROTECT,
     .processors = 2,
     .dense = 4},
    {.name = "crowd, anything", .app = crowd_app, .kinds = FAULTS_ANY, .processors = 4, .dense = 4},
    {.name = "simulated, memory", .app = simulated_app, .kinds = FAULTS_MEMORY, .simulated = true, .dense = 4},
    {.name = "large crowd", .app = large_crowd_app, .kinds = FAULTS_MEMORY | FAULTS_MAP, .processors = 2, .dense = 1},
};

START_TEST(every_call_of_a_spawn_fails)
{
    faults_loop(&cases[_i]);
}
END_TEST

/* ---- limits of the kernel's own ---- */

static long address_space(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    require(file != NULL && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static int limited_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    struct rlimit before, limit;
    long started = 0;
    int error;
    gate = weft_chan_make(int, 0);
    require(gate != NULL);
    require(getrlimit(RLIMIT_AS, &before) == 0);
    limit = before;
    limit.rlim_cur = (rlim_t)address_space() + ((rlim_t)256 << 20);
    require(setrlimit(RLIMIT_AS, &limit) == 0);
    while ((error = weft_waitgroup_go(&wg, pass, 1)) == 0)
        require(++started < 100000);
    require(error == -EAGAIN || error == -ENOMEM);
    require(started >= 256); /* the first chunk at the least */
    require(setrlimit(RLIMIT_AS, &before) == 0);
    for (int i = 0; i < 10000; i++, started++) /* more than what there was room for */
        require(weft_waitgroup_go(&wg, pass, 1) == 0);
    weft_chan_close(gate);
    weft_waitgroup_wait(&wg);
    wait_for(started);
    weft_chan_free(gate);
    return 0;
}

static int limited_child(void *arg)
{
    const struct faults_case c = {.app = limited_app};
    (void)arg;
    weft_procs(2);
    require(faults_run_once(&c) == 0);
    return 0;
}

START_TEST(the_address_space_has_a_limit)
{
    struct test_child child = test_child(limited_child, NULL, 100);
    /* A thread that is wanted meanwhile has no room for its stack either. */
#define NO_THREAD "(weft: cannot start another thread [^\n]*\n)?"
    test_child_check(child, 0,
                     "^" NO_THREAD
                     "weft: no address space for another goroutine stack [^\n]*ulimit -v[^\n]*\n" NO_THREAD "$");
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/spawn");
    const int number = (int)(sizeof cases / sizeof cases[0]) - (test_quick() ? LARGE_CASES : 0);
    TCase *loops = tcase_create("loops");
    tcase_set_timeout(loops, 280);
    tcase_add_loop_test(loops, every_call_of_a_spawn_fails, 0, number);
    suite_add_tcase(s, loops);
    TCase *limits = tcase_create("limits");
    tcase_set_timeout(limits, 280);
    if (!TEST_ASAN && !TEST_TSAN && !test_emulated()) /* they need terabytes of address space for themselves */
        tcase_add_test(limits, the_address_space_has_a_limit);
    suite_add_tcase(s, limits);
    return s;
}

int main(void)
{
    return test_main(suite());
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * chan_test.c - the making of channels, with each allocation refused in turn: the maker gets NULL and a line that names its place,
 * or a channel that works. Everything else that channels do allocates nothing, and that is shown too: a run of sends, receives,
 * selects and closes, in which every call fails, goes through.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#include "loop.h"

#include <weft/chan.h>
#include <weft/go.h>
#include <weft/select.h>
#include <weft/sync.h>
#include <weft/time.h>

/* ---- one channel of each shape ---- */

struct large {
    unsigned char bytes[WEFT_CHAN_ELEMENT_MAX];
};
struct none {
    char nothing[0];
};

static const struct shape {
    size_t size, alignment;
    int64_t capacity;
} shapes[] = {
    {0, 1, 0},     {0, 1, INT64_C(1) << 40}, {1, 1, 0},      {1, 1, 1},      {4, 4, 0},
    {4, 4, 100},   {8, 8, 1000000},          {24, 8, 7},     {64, 64, 2},    {128, 128, 0},
    {128, 128, 3}, {4096, 4096, 5},          {65536, 16, 0}, {65536, 16, 3},
};
#define SHAPES ((int)(sizeof shapes / sizeof shapes[0]))

static void fill(unsigned char *bytes, size_t size, int number)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 5 + (size_t)number);
}

static bool is_filled(const unsigned char *bytes, size_t size, int number)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)(i * 5 + (size_t)number))
            return false;
    return true;
}

static void send_three(void *channel, const struct shape *shape)
{
    unsigned char value[WEFT_CHAN_ELEMENT_MAX];
    for (int i = 0; i < 3; i++) {
        fill(value, shape->size, i);
        weft_chan_send_untyped(channel, value);
    }
    weft_chan_close_untyped(channel);
}

/* It takes, keeps and gives what it should, in its order. */
static void use(void *channel, const struct shape *shape)
{
    unsigned char value[WEFT_CHAN_ELEMENT_MAX];
    require((uintptr_t)channel % 64 == 0);
    require(weft_chan_cap_untyped(channel) == (size_t)shape->capacity);
    require(weft_chan_len_untyped(channel) == 0);
    require(weft_go(send_three, channel, shape) == 0);
    for (int i = 0; i < 3; i++) {
        require(weft_chan_recv_untyped(channel, value));
        require(is_filled(value, shape->size, i));
    }
    require(!weft_chan_recv_untyped(channel, NULL));
}

/* The one that makes the channel is the one call that may fail: the rest has no part in it. */
static int shapes_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const struct weft_site site = {"shapes", "shapes_app", 1, 0};
    void *made[SHAPES];
    faults_now();
    for (int i = 0; i < SHAPES; i++) {
        made[i] = weft_chan_make_untyped(shapes[i].size, shapes[i].alignment, shapes[i].capacity, &site);
        (void)faults_made(made[i]);
    }
    long refused = 0;
    for (int i = 0; i < SHAPES; i++)
        refused += made[i] == NULL;
    require(faults_run.must_succeed ? refused == 0 : refused <= atomic_load(&faults.met));
    faults_over();
    for (int i = 0; i < SHAPES; i++) {
        if (made[i] == NULL)
            continue;
        use(made[i], &shapes[i]);
        weft_chan_release_untyped(made[i]);
    }
    return 0;
}

/* ---- a program that goes on without the channels that it did not get ---- */

static void produce(weft_chan(int) c, int count)
{
    for (int i = 1; i <= count; i++)
        weft_chan_send(c, i);
    weft_chan_close(c);
}

/* A NULL channel is a nil one: in a select it is never ready. Spawns fail in this one as well. */
static int fan_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_chan(int) c[4];
    int open = 0, expected = 0, sum = 0;
    faults_now();
    for (int i = 0; i < 4; i++) {
        c[i] = weft_chan_make(int, i * 3);
        if (!faults_made(c[i]))
            continue;
        if (!faults_done(weft_go(produce, c[i], 10 * (i + 1)))) {
            weft_chan_free(c[i]);
            c[i] = NULL;
            continue;
        }
        open++;
        expected += 5 * (i + 1) * (10 * (i + 1) + 1);
    }
    weft_chan(int) all[4] = {c[0], c[1], c[2], c[3]};
    while (open > 0) {
        int value = 0;
        bool ok[4] = {true, true, true, true};
        int chosen = weft_chan_select(weft_on_recv(c[0], &value, &ok[0]), weft_on_recv(c[1], &value, &ok[1]),
                                      weft_on_recv(c[2], &value, &ok[2]), weft_on_recv(c[3], &value, &ok[3]));
        require(chosen >= 0 && chosen < 4);
        sum += value;
        if (!ok[chosen]) {
            c[chosen] = NULL;
            open--;
        }
    }
    require(sum == expected);
    for (int i = 0; i < 4; i++)
        weft_chan_free(all[i]);
    return 0;
}

static const struct faults_case cases[] = {
    {.name = "shapes, memory", .app = shapes_app, .kinds = FAULTS_MEMORY, .processors = 1},
    {.name = "shapes, anything", .app = shapes_app, .kinds = FAULTS_ANY, .processors = 2},
    {.name = "fan, memory", .app = fan_app, .kinds = FAULTS_MEMORY, .processors = 1},
    {.name = "fan, anything", .app = fan_app, .kinds = FAULTS_ANY, .processors = 2},
    {.name = "fan, simulated", .app = fan_app, .kinds = FAULTS_MEMORY, .simulated = true},
};

START_TEST(every_call_of_a_make_fails)
{
    faults_loop(&cases[_i]);
}
END_TEST

/* ---- operations take no memory ---- */

#define TURNS 2000
#define PARTNERS 8

static atomic_long received, late;

/* The goroutines are there, and wait for the mutex, when every call begins to fail. */
static weft_mutex start;

static void wait_for_start(void)
{
    weft_mutex_lock(&start);
    weft_mutex_unlock(&start);
}

static void send_some(weft_chan(long) c, weft_chan(long) other, weft_waitgroup *wg)
{
    wait_for_start();
    for (long i = 1; i <= TURNS; i++)
        weft_chan_select(weft_on_send(c, i), weft_on_send(other, i));
    weft_waitgroup_done(wg);
}

static void receive_all(weft_chan(long) c, weft_chan(long) other, weft_waitgroup *wg)
{
    bool ok[2] = {true, true};
    wait_for_start();
    while (ok[0] || ok[1]) {
        long value = 0;
        int chosen = weft_chan_select(weft_on_recv(c, &value, &ok[0]), weft_on_recv(other, &value, &ok[1]),
                                      weft_on_timeout(WEFT_MICROSECOND));
        atomic_fetch_add(chosen == 2 ? &late : &received, chosen == 2 ? 1 : value);
        c = ok[0] ? c : NULL;
        other = ok[1] ? other : NULL;
    }
    weft_waitgroup_done(wg);
}

static int operations_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_chan(long) c = weft_chan_make(long, 0), other = weft_chan_make(long, 3);
    weft_waitgroup senders = {0}, receivers = {0};
    require(c != NULL && other != NULL);
    weft_mutex_lock(&start);
    for (int i = 0; i < PARTNERS; i++) {
        weft_waitgroup_add(&senders, 1);
        weft_waitgroup_add(&receivers, 1);
        require(weft_go(send_some, c, other, &senders) == 0);
        require(weft_go(receive_all, c, other, &receivers) == 0);
    }
    weft_yield();
    atomic_store(&received, 0);
    faults_arm((struct faults_plan){.kinds = FAULTS_MEMORY | FAULTS_MAP, .first = 1, .for_ever = true});
    weft_mutex_unlock(&start);
    weft_waitgroup_wait(&senders);
    weft_chan_close(c);
    weft_chan_close(other);
    weft_waitgroup_wait(&receivers);
    faults_disarm();
    require(atomic_load(&received) == (long)PARTNERS * TURNS * (TURNS + 1) / 2);
    weft_chan_free(c);
    weft_chan_free(other);
    return 0;
}

static int operations_child(void *arg)
{
    const struct faults_case c = {.app = operations_app};
    atomic_store(&faults.watching, true);
    weft_procs(*(int *)arg);
    for (int i = 0; i < 3; i++)
        require(faults_run_once(&c) == 0);
    faults_balance();
    return 0;
}

START_TEST(channels_in_use_need_no_memory)
{
    int processors = 1 << _i;
    struct test_child child = test_child(operations_child, &processors, 100);
    test_child_check(child, 0, "^(weft: cannot start another thread [^\n]*\n)?$"); /* a machine is an allocation */
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/chan");
    TCase *loops = tcase_create("loops");
    tcase_set_timeout(loops, 280);
    tcase_add_loop_test(loops, every_call_of_a_make_fails, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, loops);
    TCase *use_ = tcase_create("use");
    tcase_set_timeout(use_, 280);
    tcase_add_loop_test(use_, channels_in_use_need_no_memory, 0, 3);
    suite_add_tcase(s, use_);
    return s;
}

int main(void)
{
    return test_main(suite());
}

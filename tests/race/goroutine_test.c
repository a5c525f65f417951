/* SPDX-License-Identifier: Apache-2.0
 *
 * goroutine_test.c - spawning orders, ending does not (G-01); goroutines on one thread and on several, on stacks that were others'
 * (P-04, G-06), beside plain threads (D-06); atomics; what is a goroutine's own (L-01); weft_map.
 * test-library: race */
#include <weft/local.h>
#include <weft/map.h>
#include <weft/recover.h>

#include "race.h"

ACTOR writes(void)
{
    shared = 1;
}

ACTOR writes_and_says(void)
{
    shared = 1;
    reach(1);
}

ACTOR yields_and_writes(void)
{
    for (int i = 0; i < 5; i++)
        weft_yield();
    shared = 1;
}

/* ---- beginning and end ---- */

ORDERED(g01_a_spawn_before_the_goroutine)
{
    shared = 2;
    go(writes);
    await_ends();
}

static struct {
    int values[100];
} large;

static void takes_the_copy(void *copy)
{
    test_check(((int *)copy)[99] == 7);
    ((int *)copy)[99] = 8;
    memset(&large, 0, sizeof large);
}

ORDERED(g01_a_spawn_with_a_copy)
{
    for (int i = 0; i < 20; i++) {
        large.values[99] = 7;
        weft_waitgroup wg = {0};
        weft_waitgroup_go_copy_at(WEFT__SITE, &wg, takes_the_copy, &large, sizeof large);
        weft_waitgroup_wait(&wg);
    }
}

static int next_argument(void)
{
    return ++shared;
}

ACTOR takes_an_argument(int value)
{
    test_check(value == 1);
    shared++;
}

/* The arguments are evaluated when the spawn has begun. */
ORDERED(g01_the_arguments_of_a_spawn)
{
    go(takes_an_argument, next_argument());
    await_ends();
}

RACY(g01_after_the_spawn, yields_and_writes)
{
    go(yields_and_writes);
    shared = 2;
    await_ends();
}

RACY(g01_an_end_orders_nothing, writes)
{
    go(writes);
    await_ends();
    shared = 2;
}

ACTOR exits(void)
{
    shared = 1;
    weft_exit();
}

RACY(g04_weft_exit_orders_nothing, exits)
{
    go(exits);
    await_ends();
    shared = 2;
}

static void writes_late(void *arg)
{
    (void)arg;
    shared = 2;
}

ACTOR defers_and_exits(void)
{
    defer(writes_late, NULL);
    shared = 1;
    weft_exit();
}

ORDERED(g04_deferred_calls_are_the_goroutines)
{
    go(defers_and_exits);
    await_ends();
}

ACTOR spawns_the_next(int left)
{
    shared++;
    if (left > 0)
        go(spawns_the_next, left - 1);
}

ORDERED(g06_a_chain)
{
    shared = 0;
    go(spawns_the_next, 300);
    await_ends();
}

static int in_main;

static int writes_in_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    in_main = 1;
    return 0;
}

static void *runs_again(void *arg)
{
    (void)arg;
    in_main = 5;
    test_check(weft_run(writes_in_main, 0, NULL) == -EBUSY); /* the first run is going on */
    return NULL;
}

ORDERED(g02_a_thread_beside_a_run)
{
    pthread_t thread;
    test_check(pthread_create(&thread, NULL, runs_again, NULL) == 0);
    pthread_join(thread, NULL);
    test_check(in_main == 5);
}

/* ---- on one thread or on several ---- */

/* With one processor both run on one thread, one after the other: that is no order. */
ACTOR first_of_two(void)
{
    shared++;
}

ACTOR second_of_two(void)
{
    shared++;
}

RACY_PAIR(p04_two_goroutines, first_of_two, second_of_two)
{
    go(first_of_two);
    go(second_of_two);
    await_ends();
}

static int wandered[16];

ACTOR wanders(int *mine)
{
    for (int i = 0; i < 100; i++) {
        int before = *mine;
        weft_yield();
        *mine = before + 1;
        if (i % 10 == 0)
            weft_sleep(10 * WEFT_MICROSECOND);
    }
}

ORDERED(p04_goroutines_that_wander)
{
    for (int i = 0; i < 16; i++)
        go(wanders, &wandered[i]);
    await_ends();
}

RACY(p03_a_yield_orders_nothing, writes_and_says)
{
    go(writes_and_says);
    while (atomic_load_explicit(&race_step, memory_order_relaxed) == 0)
        weft_yield();
    weft_yield();
    shared = 2;
}

ACTOR blocks_and_writes(void)
{
    weft_blocking
    {
        shared = 1;
        usleep(1000);
    }
    reach(1);
}

RACY(p07_a_blocking_section_orders_nothing, blocks_and_writes)
{
    go(blocks_and_writes);
    await(1);
    weft_blocking
    {
        usleep(10);
    }
    shared = 2;
}

/* ---- stacks ---- */

/* Writes all over its stack, as the next one on it does. */
ACTOR fills_its_stack(int seed)
{
    volatile int local[2000];
    for (int i = 0; i < 2000; i++)
        local[i] = seed + i;
    weft_yield();
    for (int i = 0; i < 2000; i++)
        test_check(local[i] == seed + i);
}

ORDERED(g06_a_stack_that_was_anothers)
{
    for (int i = 0; i < 300; i++) {
        go(fills_its_stack, i);
        if (i % 7 == 0)
            await_ends();
    }
    await_ends();
}

ACTOR fills_a_small_stack(int seed)
{
    volatile char local[3000];
    for (int i = 0; i < 3000; i++)
        local[i] = (char)seed;
    test_check(local[2999] == (char)seed);
}

ORDERED(g06_a_stack_of_its_own_size_that_was_anothers)
{
    struct weft_go_options options = {.stack_size = (size_t)1 << 20};
    for (int i = 0; i < 50; i++) {
        test_check(weft_go_with(options, fills_a_small_stack, i) == 0);
        await_ends();
    }
}

/* A mutex in a frame is at the address of another goroutine's that has ended, but it is not that one. */
static atomic_uintptr_t place;

ACTOR locks_its_own(int turn)
{
    weft_mutex mine = {0};
    atomic_store_explicit(&place, (uintptr_t)&mine, memory_order_relaxed);
    weft_mutex_lock(&mine);
    if (turn == 0)
        shared = 1;
    weft_mutex_unlock(&mine);
}

ACTOR locks_its_own_and_writes(void)
{
    uintptr_t before = atomic_load_explicit(&place, memory_order_relaxed);
    locks_its_own(1);
    if (atomic_load_explicit(&place, memory_order_relaxed) == before)
        reach(1);
    shared = 2;
}

ACTOR locks_its_own_from_here(void)
{
    locks_its_own(0);
}

RACY_PAIR(g06_a_mutex_in_the_frame_of_an_ended_one, locks_its_own_from_here, locks_its_own_and_writes)
{
    go(locks_its_own_from_here);
    await_ends();
    go(locks_its_own_and_writes);
    await_ends();
}

/* ---- threads ---- */

static chan(int) c;

static void *thread_sends(void *arg)
{
    (void)arg;
    shared = 1;
    chan_send(c, 1);
    return NULL;
}

ORDERED(d06_a_thread_that_sends)
{
    pthread_t thread;
    c = chan_make(int, 0);
    pthread_create(&thread, NULL, thread_sends, NULL);
    (void)chan_recv(c);
    shared++;
    pthread_join(thread, NULL);
}

static void *thread_receives(void *arg)
{
    (void)arg;
    reach(1);
    (void)chan_recv(c);
    shared++;
    return NULL;
}

ORDERED(d06_a_thread_that_is_parked_at_a_buffered_channel)
{
    pthread_t thread;
    c = chan_make(int, 1);
    pthread_create(&thread, NULL, thread_receives, NULL);
    await(1);
    weft_blocking
    {
        usleep(20000);
    }
    shared = 1;
    chan_send(c, 1);
    weft_blocking
    {
        pthread_join(thread, NULL);
    }
}

static void *thread_writes_and_receives(void *arg)
{
    (void)arg;
    shared = 1;
    reach(1);
    (void)chan_recv(c);
    return NULL;
}

/* Its receive is before the send that takes its slot again; it is parked, and a thread, when that is said. */
ORDERED(c02_a_parked_thread_before_the_send_that_reuses_its_slot)
{
    pthread_t thread;
    c = chan_make(int, 1);
    pthread_create(&thread, NULL, thread_writes_and_receives, NULL);
    await(1);
    weft_blocking
    {
        usleep(20000);
    }
    chan_send(c, 1);
    chan_send(c, 2);
    shared = 2;
    weft_blocking
    {
        pthread_join(thread, NULL);
    }
}

static void *thread_waits(void *arg)
{
    weft_waitgroup_wait(arg);
    test_check(shared == 1);
    return NULL;
}

ACTOR writes_and_is_done(weft_waitgroup *wg)
{
    weft_sleep(5 * WEFT_MILLISECOND);
    shared = 1;
    weft_waitgroup_done(wg);
}

ORDERED(w01_a_thread_that_waits)
{
    static weft_waitgroup wg;
    pthread_t thread;
    weft_waitgroup_add(&wg, 1);
    pthread_create(&thread, NULL, thread_waits, &wg);
    go(writes_and_is_done, &wg);
    weft_blocking
    {
        pthread_join(thread, NULL);
    }
}

static void *thread_writes(void *arg)
{
    (void)arg;
    shared = 1;
    reach(1);
    return NULL;
}

RACY(d06_a_thread_that_nothing_orders, thread_writes)
{
    pthread_t thread;
    pthread_create(&thread, NULL, thread_writes, NULL);
    await(1);
    shared = 2;
    pthread_join(thread, NULL);
}

static void *thread_spawns(void *arg)
{
    (void)arg;
    shared = 1;
    go(writes);
    return NULL;
}

ORDERED(g01_a_spawn_by_a_thread)
{
    pthread_t thread;
    pthread_create(&thread, NULL, thread_spawns, NULL);
    weft_blocking
    {
        pthread_join(thread, NULL);
    }
    await_ends();
}

/* ---- the program's atomics ---- */

static APART atomic_int flag;

ACTOR writes_and_releases(void)
{
    shared = 1;
    atomic_store_explicit(&flag, 1, memory_order_release);
}

ORDERED(p04_release_and_acquire)
{
    go(writes_and_releases);
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0)
        weft_yield();
    shared = 2;
}

RACY(p04_a_relaxed_load, writes_and_releases)
{
    go(writes_and_releases);
    while (atomic_load_explicit(&flag, memory_order_relaxed) == 0)
        weft_yield();
    shared = 2;
}

ACTOR counts_atomically(void)
{
    for (int i = 0; i < 50; i++) {
        atomic_fetch_add_explicit(&flag, 1, memory_order_relaxed);
        weft_yield();
    }
}

ORDERED(p04_atomics_are_no_races)
{
    for (int i = 0; i < 4; i++)
        go(counts_atomically);
    await_ends();
    test_check(atomic_load(&flag) == 200);
}

/* ---- what is a goroutine's or a thread's own ---- */

static void forgets(void *value)
{
    free(value);
}

static weft_local key = WEFT_LOCAL_INIT(forgets);

ACTOR keeps_its_own(int number)
{
    int *mine = malloc(sizeof *mine);
    *mine = number;
    test_check(weft_local_set(&key, mine) == 0);
    for (int i = 0; i < 10; i++) {
        weft_yield();
        ++*(int *)weft_local_get(&key);
    }
    test_check(*(int *)weft_local_get(&key) == number + 10);
}

ORDERED(l01_goroutine_local_values)
{
    for (int i = 0; i < 30; i++)
        go(keeps_its_own, i);
    await_ends();
}

static __thread int of_the_thread;

ACTOR uses_thread_locals(void)
{
    for (int i = 0; i < 20; i++) {
        errno = i;
        of_the_thread = i;
        test_check(errno == i && of_the_thread == i);
        weft_yield();
    }
}

ORDERED(l01_errno_and_thread_locals)
{
    for (int i = 0; i < 10; i++)
        go(uses_thread_locals);
    await_ends();
}

static void panics(void *arg)
{
    shared++;
    weft_panic("%s", (const char *)arg);
}

ACTOR contains(weft_waitgroup *wg)
{
    struct weft_panic_info info;
    for (int i = 0; i < 5; i++) {
        test_check(weft_recover(panics, "once more", &info));
        test_check(strcmp(info.message, "once more") == 0);
    }
    weft_waitgroup_done(wg);
}

ORDERED(g03_a_contained_panic)
{
    weft_waitgroup wg = {0};
    weft_waitgroup_add(&wg, 1);
    go(contains, &wg);
    weft_waitgroup_wait(&wg);
    test_check(shared == 5);
}

ACTOR contains_and_goes_on(void)
{
    (void)weft_recover(panics, "to be contained", NULL);
    shared = 1;
}

RACY(g03_after_a_contained_panic, contains_and_goes_on)
{
    go(contains_and_goes_on);
    await_ends();
    shared = 2;
}

/* ---- map ---- */

static void doubles(const void *in, void *out, void *arg)
{
    (void)arg;
    *(int *)out = 2 * *(const int *)in;
    weft_yield();
}

ORDERED(w03_the_results_of_a_map)
{
    static int in[100], out[100];
    for (int i = 0; i < 100; i++)
        in[i] = i;
    test_check(weft_map(4, in, sizeof in[0], out, sizeof out[0], 100, doubles, NULL) == 0);
    for (int i = 0; i < 100; i++)
        test_check(out[i]++ == 2 * i);
}

static void counts_calls(const void *in, void *out, void *arg)
{
    (void)in, (void)out, (void)arg;
    shared++;
    /* until the other worker has come, too */
    atomic_fetch_add_explicit(&flag, 1, memory_order_relaxed);
    while (atomic_load_explicit(&flag, memory_order_relaxed) < 2)
        weft_yield();
}

RACY_PAIR(w03_what_the_calls_of_a_map_share, counts_calls, counts_calls)
{
    static int in[20];
    (void)weft_map(2, in, sizeof in[0], in, 0, 20, counts_calls, NULL);
}

static chan(int) inputs, outputs;

static void looks_up(const void *in, void *out, void *arg)
{
    int *table = arg;
    int i = *(const int *)in;
    table[i]++;
    if (i % 3 == 0)
        weft_yield();
    *(int *)out = i;
}

ACTOR feeds(int *table)
{
    for (int i = 0; i < 100; i++) {
        table[i] = i;
        chan_send(inputs, i);
    }
    chan_close(inputs);
}

static void stream(enum weft_map_order order)
{
    static int table[100];
    inputs = chan_make(int, 2);
    outputs = chan_make(int, 2);
    go(feeds, table);
    test_check(weft_map_stream(order, 3, inputs, outputs, looks_up, table) == 0);
    int count = 0;
    chan_range(int, i, outputs) {
        test_check(table[i] == i + 1);
        table[i] = 0;
        count++;
    }
    test_check(count == 100);
}

ORDERED(c02_a_stream_in_order)
{
    stream(WEFT_MAP_ORDERED);
}

ORDERED(c02_a_stream_as_completed)
{
    stream(WEFT_MAP_AS_COMPLETED);
}

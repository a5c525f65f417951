/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_test.c - parking, the gate and the end of a run under the memory model of C11, with the code of park.c and gate.c: who
 * holds the world reads the contexts of those that it has marked, and what they wait for, while machines suspend and resume
 * others; who has seen a machine leave its loop reads what the loop has written.
 *
 * A context is plain data here, written by whoever leaves it and whoever resumes it (orders_switch). A machine does by turns what
 * the goroutines on it would do, and what its loop would.
 *
 * test-library: orders
 * test-timeout: 300 */
#define ORDERS_SCHED
#include "points.h"

#include "support.h"

#define MACHINES 2
#define GOROUTINES 4
#define SLOTS 16 /* of a queue that are used: at most as many puts */

static struct machine machines[MACHINES];
static struct processor processors[MACHINES];
static struct goroutine goroutines[GOROUTINES];
static char contexts[GOROUTINES][8], reasons[GOROUTINES][8], loop_work[8]; /* plain */
static struct weft__lock parked_lock;
static struct goroutine *parked; /* protected by parked_lock: one at most */

struct machine *orders_machine(void)
{
    int self = orders_self();
    return self < MACHINES ? &machines[self] : NULL;
}

void orders_each(bool (*fn)(struct goroutine *g, void *arg), void *arg)
{
    for (int i = 0; i < GOROUTINES; i++)
        (void)fn(&goroutines[i], arg);
}

struct machine *orders_switch(void **from, void *to, struct machine *m)
{
    for (int i = 0; i < GOROUTINES; i++)
        if (from == &goroutines[i].task.sp)
            ORDERS_WRITE(contexts[i]);
    for (int i = 0; i < GOROUTINES; i++)
        if (to == contexts[i])
            ORDERS_WRITE(contexts[i]);
    return m;
}

static void register_machine(int i)
{
    struct machine *m = &machines[i];
    struct processor *p = &processors[i];
    *m = (struct machine){.p = p, .next = weft__rt.machines};
    weft__rt.machines = m;
    weft__rt.processors[i] = p;
    p->machine = m;
    weft__store_relaxed(&p->timers.next, NEVER);
    weft__store_relaxed(&p->status, PROCESSOR_RUNNING);
    orders_touch(true);
    weft__store_relaxed(&m->commit, NULL);
    weft__store_relaxed(&m->away, false);
    weft__store_relaxed(&m->lost, false);
    weft__store_relaxed(&p->attention, 0u);
    weft__store_relaxed(&p->tick, 0u);
    weft__store_relaxed(&p->slice, 0u);
    (void)weft__load_relaxed(&p->timers.next);
    (void)weft__load_relaxed(&p->status);
    (void)runq_is_empty(&p->queue);
    for (int slot = 0; slot < SLOTS; slot++)
        weft__store_relaxed(&p->queue.ring[slot], RUNNABLE_NONE);
    orders_touch(false);
}

static void register_runtime(void)
{
    memset(&weft__rt, 0, sizeof weft__rt);
    weft__store_relaxed(&weft__rt.running, 1u);
    weft__store_relaxed(&weft__rt.processor_count, (uint32_t)MACHINES);
    weft__store_relaxed(&weft__rt.spinning, 1); /* nobody is to be woken */
    orders_touch(true);
    (void)weft__load_relaxed(&weft__rt.lock.word);
    (void)weft__load_relaxed(&weft__rt.running);
    (void)weft__load_relaxed(&weft__rt.processor_count);
    (void)weft__load_relaxed(&weft__rt.global_count);
    (void)weft__load_relaxed(&weft__rt.room);
    (void)weft__load_relaxed(&weft__rt.spinning);
    (void)weft__load_relaxed(&weft__extras);
    weft__gate_own(); /* the gate's own words */
    weft__gate_disown();
    (void)weft__gate_is_closed();
    orders_touch(false);
}

static void set_up(void)
{
    memset(machines, 0, sizeof machines);
    memset(processors, 0, sizeof processors);
    memset(goroutines, 0, sizeof goroutines);
    memset(&parked_lock, 0, sizeof parked_lock);
    parked = NULL;
    orders_plain(loop_work);
    orders_atomic((void *)&parked_lock.word, sizeof parked_lock.word);
    register_runtime();
    for (int i = 0; i < MACHINES; i++)
        register_machine(i);
    for (int i = 0; i < GOROUTINES; i++) {
        orders_plain(contexts[i]);
        orders_plain(reasons[i]);
        goroutines[i].task.sp = contexts[i];
        orders_touch(true);
        weft__store_relaxed(&goroutines[i].task.state, WEFT__RUNNABLE);
        orders_touch(false);
        ck_assert(runq_put(&processors[i % MACHINES].queue, runnable_of_goroutine(&goroutines[i])));
    }
}

/* ---- machines ---- */

static void let_go(void *arg)
{
    (void)arg;
    weft__lock_leave(&parked_lock, WEFT__RANK_SYNC);
}

/* Park, as on an object that has room for one. */
static void park(struct machine *m)
{
    struct goroutine *g = m->g;
    weft__lock_take(&parked_lock, WEFT__RANK_SYNC);
    if (parked != NULL) {
        weft__lock_leave(&parked_lock, WEFT__RANK_SYNC);
        return;
    }
    parked = g;
    ORDERS_WRITE(reasons[g - goroutines]);
    weft__suspend(m, g, WEFT__WAITING, let_go, NULL);
}

static void ready(void)
{
    weft__lock_take(&parked_lock, WEFT__RANK_SYNC);
    struct goroutine *g = parked;
    parked = NULL;
    weft__lock_leave(&parked_lock, WEFT__RANK_SYNC);
    if (g != NULL)
        weft__ready(&g->task);
}

static void loop(struct machine *m)
{
    (void)weft__attention_take(m->p);
    runnable r = runq_take_next(&m->p->queue);
    if (r == RUNNABLE_NONE)
        r = runq_get(&m->p->queue);
    if (r == RUNNABLE_NONE)
        r = runq_steal(&processors[(m - machines + 1) % MACHINES].queue, &m->p->queue);
    if (r != RUNNABLE_NONE)
        weft__resume_from_loop(m, r);
    else
        orders_pause();
}

static void work(struct machine *m)
{
    for (int i = 0; i < 6; i++)
        if (m->g == NULL)
            loop(m);
        else if (orders_random(2) == 0)
            park(m);
        else if (orders_random(2) == 0)
            ready();
        else
            weft_yield();
}

/* ---- the world is held ---- */

static void report(void)
{
    orders_delay(60);
    ORDERS_REQUIRE(weft__world_hold(false));
    for (int i = 0; i < GOROUTINES; i++)
        if (goroutines[i].held) {
            ORDERS_READ(contexts[i]);
            if (weft__load_acquire(&goroutines[i].task.state) == WEFT__WAITING)
                ORDERS_READ(reasons[i]);
        }
    weft__world_release();
}

static void machines_and_a_report(int self)
{
    if (self < MACHINES)
        work(&machines[self]);
    else
        report();
}

/* ---- the end of a run ---- */

static void leave_the_loop(int self)
{
    if (self == 0) {
        ORDERS_WRITE(loop_work);
        loop(&machines[0]);
    } else if (self == 1) {
        weft__store_relaxed(&machines[1].away, true); /* it has never had anything to write */
    } else {
        orders_delay(40);
        if (!weft__any_at_home(false))
            ORDERS_READ(loop_work);
    }
}

/* Machine 0 is in the middle of a switch to its loop, machine 1 is away. */
static void set_up_a_switch(void)
{
    set_up();
    orders_touch(true);
    while (runq_get(&processors[0].queue) != RUNNABLE_NONE)
        ;
    weft__store_relaxed(&machines[0].commit, weft__commit_nothing);
    for (int i = 0; i < MACHINES; i++)
        weft__store_relaxed(&machines[i].away, true);
    orders_touch(false);
    machines[0].g = &goroutines[0];
}

static void go_home(int self)
{
    if (self == 0)
        weft__suspend(&machines[0], machines[0].g, WEFT__WAITING, weft__commit_nothing, NULL);
    else if (self == MACHINES)
        ORDERS_REQUIRE(weft__any_at_home(false));
}

static void explore_from(void (*set_up)(void), void (*thread)(int), unsigned iterations)
{
    const struct orders_test test = {MACHINES + 1, set_up, thread, NULL, NULL, NULL};
    const char *found = orders_explore(&test, iterations);
    ck_assert_msg(found == NULL, "found: %s", found);
}

static void explore(void (*thread)(int), unsigned iterations)
{
    explore_from(set_up, thread, iterations);
}

START_TEST(what_is_held_can_be_read)
{
    explore(machines_and_a_report, 40000);
}
END_TEST

START_TEST(what_a_loop_did_is_over_when_it_is_left)
{
    explore(leave_the_loop, 20000);
}
END_TEST

START_TEST(who_goes_home_is_at_home)
{
    explore_from(set_up_a_switch, go_home, 20000);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("orders/gate");
    TCase *tests = tcase_create("gate");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_is_held_can_be_read);
    tcase_add_test(tests, what_a_loop_did_is_over_when_it_is_left);
    tcase_add_test(tests, who_goes_home_is_at_home);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}

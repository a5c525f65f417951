/* SPDX-License-Identifier: Apache-2.0
 *
 * idle_test.c - going idle and waking under the memory model of C11, with the code of schedule.c, global.c, wake.c and machine.c: what a
 * plain thread injects is found, whatever the machines are doing, also when it is the last thing that happens. A wake-up that is
 * lost shows as a machine that sleeps for ever.
 *
 * The machines are those that a run would have started; the work is spawn records that nobody runs.
 *
 * test-library: orders
 * test-timeout: 300 */
#define ORDERS_SCHED
#include "points.h"

#include "sched/sim.h"
#include "support.h"

#define MACHINES 2
#define WORK 3
#define SLOTS 4 /* of a ring that are used */

static struct machine machines[MACHINES];
static struct processor processors[MACHINES];
static struct spawn work[WORK];
static int found_times[WORK], found; /* outside the model: they tell the test alone */
static char written[WORK][8];        /* plain: by the injector, before */
static int machines_at_work;         /* how many begin with a processor; the others are idle */

struct machine *orders_machine(void)
{
    int self = orders_self();
    return self < MACHINES ? &machines[self] : NULL;
}

static void register_processor(struct processor *p, uint32_t index)
{
    p->index = index;
    weft__stack_cache_init(&p->stacks);
    weft__rt.processors[index] = p;
    weft__store_relaxed(&p->timers.next, NEVER);
    orders_touch(true);
    (void)weft__load_relaxed(&p->timers.next);
    (void)weft__load_relaxed(&p->status);
    (void)weft__load_relaxed(&p->attention);
    (void)weft__load_relaxed(&p->tick);
    (void)weft__load_relaxed(&p->slice);
    (void)runq_is_empty(&p->queue);
    for (int slot = 0; slot < SLOTS; slot++)
        (void)weft__load_relaxed(&p->queue.ring[slot]);
    orders_touch(false);
}

static void register_machine(struct machine *m)
{
    m->random = orders_random(1u << 20) + 1;
    m->next = weft__rt.machines;
    weft__rt.machines = m;
    weft__rt.machine_count++;
    orders_touch(true);
    (void)weft__load_relaxed(&m->lost);
    (void)weft__load_relaxed(&m->wake);
    orders_touch(false);
}

static void register_runtime(void)
{
    memset(&weft__rt, 0, sizeof weft__rt);
    weft__store_relaxed(&weft__rt.running, 1u);
    weft__store_relaxed(&weft__rt.processor_count, (uint32_t)MACHINES);
    weft__store_relaxed(&weft__rt.target, MACHINES);
    weft__store_relaxed(&weft__rt.room, MACHINES - machines_at_work);
    weft__rt.timekeeper_until = NEVER;
    orders_touch(true);
    (void)weft__load_relaxed(&weft__rt.lock.word);
    (void)weft__load_relaxed(&weft__rt.running);
    (void)weft__load_relaxed(&weft__rt.stopping);
    (void)weft__load_relaxed(&weft__rt.processor_count);
    (void)weft__load_relaxed(&weft__rt.global_count);
    (void)weft__load_relaxed(&weft__rt.target);
    (void)weft__load_relaxed(&weft__rt.room);
    (void)weft__load_relaxed(&weft__rt.spinning);
    (void)weft__load_relaxed(&weft__rt.watchdog_asleep);
    (void)weft__gate_is_closed();
    (void)weft__sim_is_on();
    orders_touch(false);
}

static void set_up(void)
{
    memset(machines, 0, sizeof machines);
    memset(processors, 0, sizeof processors);
    memset(work, 0, sizeof work);
    memset(found_times, 0, sizeof found_times);
    found = 0;
    register_runtime();
    for (int i = 0; i < WORK; i++)
        orders_plain(written[i]);
    for (int i = 0; i < MACHINES; i++) {
        struct machine *m = &machines[i];
        struct processor *p = &processors[i];
        register_processor(p, (uint32_t)i);
        register_machine(m);
        if (i < machines_at_work) {
            m->p = p;
            p->machine = m;
            weft__rt.busy++;
            weft__store_relaxed(&p->status, PROCESSOR_RUNNING);
        } else {
            p->idle_next = weft__rt.idle_processors;
            weft__rt.idle_processors = p;
        }
    }
    weft__store_relaxed(&weft__rt.lock.word, 1u); /* for the assertions */
    for (int i = machines_at_work; i < MACHINES; i++)
        weft__idle_push(&machines[i]);
    weft__store_relaxed(&weft__rt.lock.word, 0u);
}

/* The end of the run, as far as machines wait for it. */
static void stop(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__store_relaxed(&weft__rt.stopping, 1u);
    for (struct machine *m; (m = weft__idle_pop()) != NULL;)
        weft__machine_wake(m);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

static void run_machine(struct machine *m)
{
    if (m >= &machines[machines_at_work] && !weft__idle_wait(m, false)) /* it is in the idle list */
        return;
    for (runnable r; (r = weft__find_runnable(m)) != RUNNABLE_NONE;) {
        long i = runnable_spawn(r) - work;
        ORDERS_REQUIRE(runnable_is_spawn(r) && i >= 0 && i < WORK);
        ORDERS_READ(written[i]);
        ORDERS_REQUIRE(++found_times[i] == 1);
        if (++found == WORK)
            stop();
    }
}

static void inject(int i)
{
    runnable r = runnable_of_spawn(&work[i]);
    ORDERS_WRITE(written[i]);
    runnable_set_next(r, RUNNABLE_NONE);
    weft__inject(r, r, 1);
}

static void machines_and_an_injector(int self)
{
    if (self < MACHINES) {
        run_machine(&machines[self]);
        return;
    }
    for (int i = 0; i < WORK; i++) {
        orders_delay(60);
        inject(i);
    }
}

static void machines_and_two_injectors(int self)
{
    if (self < MACHINES) {
        run_machine(&machines[self]);
        return;
    }
    orders_delay(120);
    for (int i = self - MACHINES; i < WORK; i += 2)
        inject(i);
}

START_TEST(nothing_that_is_injected_is_left)
{
    const struct orders_test one = {MACHINES + 1, set_up, machines_and_an_injector, NULL, NULL, NULL};
    const struct orders_test two = {MACHINES + 2, set_up, machines_and_two_injectors, NULL, NULL, NULL};
    machines_at_work = _i % (MACHINES + 1);
    const char *seen = orders_explore(_i > MACHINES ? &two : &one, 10000);
    ck_assert_msg(seen == NULL, "%d machines at work, found: %s", machines_at_work, seen);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("orders/idle");
    TCase *tests = tcase_create("idle");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, nothing_that_is_injected_is_left, 0, 2 * (MACHINES + 1));
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}

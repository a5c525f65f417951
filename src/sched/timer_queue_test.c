/* SPDX-License-Identifier: Apache-2.0
 *
 * timer_queue_test.c - the timer queue by itself, against an array that is searched from end to end: T-01 (never early, none
 * forgotten), whatever the instants, the order of arming and removing, and the jumps of the clock. One thread, no run. */
#include "sched/timer_queue.h"
#include "support.h"

#define TIMERS 600u
#define TICK (INT64_C(1) << TIMER_TICK_BITS)

static struct timer_queue queue;
static struct weft__timer timers[TIMERS];
static bool armed[TIMERS];
static uint32_t armed_count;
static int64_t now;
static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

/* start: after the clock's own time, which the queue looks at when the wheel begins to turn. */
static void begin(uint64_t seed, int64_t start)
{
    memset(&queue, 0, sizeof queue);
    memset(armed, 0, sizeof armed);
    armed_count = 0;
    random_state = seed;
    now = weft__now() + start;
}

static void arm(uint32_t i, int64_t when)
{
    timers[i].when = when;
    armed[i] = true;
    armed_count++;
    weft__timer_queue_put(&queue, &timers[i]);
}

static void forget(uint32_t i)
{
    armed[i] = false;
    armed_count--;
}

static int64_t earliest(void)
{
    int64_t when = INT64_MAX;
    for (uint32_t i = 0; i < TIMERS; i++)
        if (armed[i] && timers[i].when < when)
            when = timers[i].when;
    return when;
}

/* All that are due come out, the earliest first, and nothing else. */
static uint32_t fire(void)
{
    uint32_t fired = 0;
    int64_t last = INT64_MIN;
    for (struct weft__timer *timer; (timer = weft__timer_queue_due(&queue, now)) != NULL; fired++) {
        uint32_t i = (uint32_t)(timer - timers);
        test_check(armed[i] && timer->when <= now && timer->when >= last && timer->when == earliest());
        last = timer->when;
        forget(i);
    }
    test_check(earliest() > now || armed_count == 0);
    return fired;
}

/* The instant that a machine would sleep to: none is before it; the empty queue's is never. */
static void check_next(void)
{
    int64_t next = weft__timer_queue_next(&queue);
    test_check(next <= earliest());
    test_check((next == INT64_MAX) == (armed_count == 0) || earliest() == INT64_MAX);
    if (armed_count <= TIMER_HEAP_FEW && queue.in_wheel == 0)
        test_check(next == earliest());
}

/* From nanoseconds to years. */
static int64_t some_duration(void)
{
    int64_t duration = (int64_t)draw(UINT64_C(1) << (1 + draw(30)));
    return draw(4) == 0 ? duration << draw(28) : duration;
}

START_TEST(t01_random_operations)
{
    static const int64_t starts[] = {0, 1, TICK - 1, 63 * TICK, 64 * TICK - 1, INT64_C(1) << 52, INT64_C(7) << 58};
    begin((uint64_t)_i + 1, starts[(size_t)_i % (sizeof starts / sizeof *starts)]);
    uint32_t most = 1 + (uint32_t)draw(TIMERS), fired = 0;
    for (uint64_t turn = 0, turns = test_iterations(20000); turn < turns; turn++) {
        uint32_t i = (uint32_t)draw(most);
        if (draw(3) != 0) {
            if (armed[i]) {
                weft__timer_queue_remove(&queue, &timers[i]);
                forget(i);
            } else {
                arm(i, draw(50) == 0 ? INT64_MAX : draw(20) == 0 ? now - 1 : now + some_duration());
            }
        } else {
            int64_t next = weft__timer_queue_next(&queue);
            if (draw(8) == 0 && next != INT64_MAX && next > now)
                now = next; /* as a machine that has slept */
            else
                now += some_duration() >> draw(20);
            fired += fire();
        }
        check_next();
    }
    test_check(fired > 0);
    uint32_t left = armed_count;
    for (struct weft__timer *timer; (timer = weft__timer_queue_any(&queue)) != NULL; left--)
        forget((uint32_t)(timer - timers));
    test_check(left == 0 && armed_count == 0 && weft__timer_queue_next(&queue) == INT64_MAX);
    test_check(queue.in_heap == 0 && queue.in_wheel == 0 && queue.root == NULL);
    for (size_t level = 0; level < TIMER_LEVELS; level++)
        test_check(queue.filled[level] == 0);
}
END_TEST

/* Sleeping from one next instant to the following one, everybody is woken at its own instant, with few turns in vain. */
START_TEST(t01_sleeping_from_next_to_next)
{
    begin(7, 12345 * TICK + 678);
    for (uint32_t i = 0; i < TIMERS; i++)
        arm(i, now + (int64_t)(1 + i * 7919 % TIMERS) * 5 * TICK + (int64_t)i);
    test_check(queue.in_wheel == TIMERS - TIMER_HEAP_FEW);
    uint32_t fired = 0, in_vain = 0;
    while (armed_count > 0) {
        int64_t next = weft__timer_queue_next(&queue);
        test_check(next > now);
        now = next;
        uint32_t more = fire();
        fired += more;
        in_vain += more == 0;
    }
    test_check(fired == TIMERS);
    test_check(in_vain == 0); /* none was removed: what a slot knows as its earliest is that */
}
END_TEST

/* A far timer neither wakes anybody on the way nor is late. */
START_TEST(t01_far_among_near)
{
    begin(11, 1000 * TICK);
    int64_t far = now + (INT64_C(40) << 40); /* half a day */
    for (uint32_t i = 0; i < 100; i++)
        arm(i, far + (int64_t)i);
    test_check(weft__timer_queue_next(&queue) == far && queue.in_wheel == 100 - TIMER_HEAP_FEW);
    for (int64_t until = now + 5000 * TICK; now < until;) {
        arm(100, now + 3 * TICK / 2);
        now = weft__timer_queue_next(&queue);
        test_check(fire() == 1 && armed_count == 100);
    }
    now = far - 1;
    test_check(fire() == 0);
    now = far;
    test_check(fire() == 1);
    now = far + 99;
    test_check(fire() == 99);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer queue");
    TCase *tests = tcase_create("timer queue");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, t01_random_operations, 0, 28);
    tcase_add_test(tests, t01_sleeping_from_next_to_next);
    tcase_add_test(tests, t01_far_among_near);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

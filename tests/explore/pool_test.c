/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_test.c - pools in many schedules: each goroutine has a processor of its own, or none has one.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include <weft/pool.h>

#include "explore.h"
#include "support.h"

#define OBJECTS 8

static weft_pool *pool;
static enum { UNMADE, IN, OUT, DESTROYED } objects[OBJECTS];
static int made, destroyed, out, trimmed;

static void *makes(void *arg)
{
    (void)arg;
    explore_check(made < OBJECTS);
    objects[made] = IN;
    return &objects[made++];
}
static void destroys(void *object, void *arg)
{
    (void)arg;
    int i = (int)((__typeof__(&objects[0]))object - objects);
    explore_check(objects[i] == IN);
    objects[i] = DESTROYED;
    destroyed++;
}
static int gets(void)
{
    void *object = weft_pool_get(pool);
    if (object == NULL)
        return -1;
    int i = (int)((__typeof__(&objects[0]))object - objects);
    explore_check(objects[i] == IN); /* nobody else has it */
    objects[i] = OUT;
    out++;
    return i;
}
static void puts_back(int i)
{
    explore_check(objects[i] == OUT);
    objects[i] = IN;
    out--;
    weft_pool_put(pool, &objects[i]);
}

static void begin_empty(void)
{
    pool = calloc(1, sizeof *pool);
    explore_check(pool != NULL);
    *pool = (weft_pool){.make = makes, .destroy = destroys, .keep = 2};
    memset(objects, 0, sizeof objects);
    made = destroyed = out = trimmed = 0;
}
/* Two lie with the others' ring, which everybody looks at. */
static void begin(void)
{
    begin_empty();
    int a = gets(), b = gets();
    puts_back(a);
    puts_back(b);
}
static void end(void)
{
    explore_check(out == 0);
    (void)weft_pool_clear(pool);
    explore_check(destroyed == made);
    free(pool);
}
static void end_with_two(void)
{
    explore_check(made == 2);
    end();
}

static void uses_one(void)
{
    puts_back(gets());
}
static void uses_two(void)
{
    int a = gets(), b = gets();
    explore_check(a != b);
    puts_back(a);
    puts_back(b);
}
static void uses_three(void)
{
    int a = gets(), b = gets(), c = gets();
    puts_back(c);
    puts_back(b);
    puts_back(a); /* one too many */
}
static void uses_one_twice(void)
{
    uses_one();
    uses_one();
}
static void trims(void)
{
    trimmed += (int)weft_pool_trim(pool);
}
static void trims_twice(void)
{
    trims();
    trims();
}

START_TEST(w09_one_owner_at_a_time)
{
    explore(&(struct explore_scenario){
        .name = "pool_ones", .goroutines = {uses_one_twice, uses_one_twice, uses_one}, .begin = begin, .end = end});
    explore(&(struct explore_scenario){
        .name = "pool_twos", .goroutines = {uses_two, uses_two, uses_one}, .begin = begin_empty, .end = end});
    explore(&(struct explore_scenario){
        .name = "pool_full", .goroutines = {uses_three, uses_two}, .begin = begin_empty, .end = end});
}
END_TEST

START_TEST(w09_without_processors)
{
    explore(&(struct explore_scenario){.name = "pool_threads",
                                       .goroutines = {uses_one_twice, uses_two, uses_one},
                                       .begin = begin_empty,
                                       .end = end,
                                       .no_processors = true});
    explore(&(struct explore_scenario){.name = "pool_threads_full",
                                       .goroutines = {uses_three, uses_two},
                                       .begin = begin,
                                       .end = end,
                                       .no_processors = true});
}
END_TEST

/* What one has put is found by another who comes after it, whatever else is kept elsewhere and was taken before. */
static int stage;

static void begin_stages(void)
{
    begin();
    pool->make = NULL;
    stage = 0;
}
static void puts_on_its_own(void)
{
    int a = gets(), b = gets();
    puts_back(a);
    puts_back(b);
    stage = 1;
    explore_point();
}
static void comes_after(void)
{
    while (stage == 0)
        weft_sleep(1);
    int a = gets(), b = gets();
    explore_check(a >= 0 && b >= 0 && gets() == -1);
    puts_back(a);
    puts_back(b);
}

START_TEST(w09_found_by_who_comes_after)
{
    explore(&(struct explore_scenario){.name = "pool_found",
                                       .goroutines = {puts_on_its_own, comes_after},
                                       .begin = begin_stages,
                                       .end = end_with_two});
}
END_TEST

static void end_trimmed(void)
{
    explore_check(trimmed <= destroyed);
    end();
}

START_TEST(w10_trim_beside_others)
{
    explore(&(struct explore_scenario){.name = "pool_trim",
                                       .goroutines = {uses_one_twice, trims_twice, uses_one},
                                       .begin = begin,
                                       .end = end_trimmed});
    explore(&(struct explore_scenario){
        .name = "pool_trims", .goroutines = {trims_twice, trims, uses_two}, .begin = begin, .end = end_trimmed});
    explore(&(struct explore_scenario){
        .name = "pool_trim_full", .goroutines = {uses_three, trims_twice}, .begin = begin_empty, .end = end_trimmed});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore pool");
    TCase *tests = tcase_create("pool");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, w09_one_owner_at_a_time);
    tcase_add_test(tests, w09_without_processors);
    tcase_add_test(tests, w09_found_by_who_comes_after);
    tcase_add_test(tests, w10_trim_beside_others);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}

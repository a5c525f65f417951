/* SPDX-License-Identifier: Apache-2.0
 *
 * explore.c - executions, one after the other, and what is said about the one that went wrong.
 *
 * A child process explores: all of its executions are in one simulated run, whose main goroutine starts the scenario's
 * goroutines, has them all stand at a gate, opens it, and waits (weft_sim_wait) until nobody can go on at this instant;
 * then spinners get another look, then the clock jumps; if there is neither, whoever has not ended waits for ever.
 * What the child records is in memory that it shares with its parent, so that also an execution that ends in a panic, a
 * signal or a sanitizer's report can be replayed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft.h>

#include "debug/debug.h"
#include "engine.h"
#include "support.h"

#define BUDGET 5 /* seconds, for the executions of a scenario */

static const struct explore_scenario *scenario;
static struct weft__task *gate[EXPLORE_GOROUTINES];
static bool ended[EXPLORE_GOROUTINES];
static int goroutines;
static uint32_t time_now, length;
static int64_t until;

uint32_t explore_time(void)
{
    return ++time_now;
}

_Noreturn void explore_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(explore_record->message, sizeof explore_record->message, format, arguments);
    va_end(arguments);
    explore_record->failed = true;
    _exit(1);
}

/* Each bit is set one time and clear another, so that whatever is done to it shows. */
void explore_free_watched(void *memory, size_t size)
{
    unsigned char *bytes = memory, fill = explore_choose(2) == 0 ? 0xdb : 0x24;
    memset(bytes, fill, size);
    weft_sleep(1); /* whoever can go on does, without a preemption */
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != fill)
            explore_fail("touched when its last user had left: byte %zu of %zu is %#x, was %#x", i, size, bytes[i],
                         fill);
    free(memory);
}

/* ---- one execution ---- */

static void commit_nothing(void *unused)
{
    (void)unused;
}

static const struct weft__wait_reason at_gate = {.text = "not started"};

static void stand_and_run(int index)
{
    explore_register(index);
    gate[index] = weft__self();
    weft__park(gate[index], &at_gate, NULL, commit_nothing, NULL);
    scenario->goroutines[index]();
    ended[index] = true;
}

static bool all_ended(void)
{
    for (int i = 0; i < goroutines; i++)
        if (!ended[i])
            return false;
    return true;
}

struct still {
    char text[1500];
    size_t length;
};

static bool tell_waiting(const struct weft__goroutine_report *report, void *arg)
{
    struct still *still = arg;
    /* One thread runs them all: what waits now is suspended, without the world being held. */
    bool waits = strcmp(report->state, "waiting") == 0;
    int index = explore_index(weft__task_id(report->task));
    if (index < EXPLORE_GOROUTINES && !ended[index] && still->length < sizeof still->text)
        still->length +=
            (size_t)snprintf(still->text + still->length, sizeof still->text - still->length, "; goroutine %d: %s",
                             index, waits ? report->task->reason->text : report->state);
    return true;
}

static void run_to_the_end(void)
{
    for (bool relieved = false;;) {
        weft_sim_wait();
        if (explore_relieve())
            continue;
        if (!all_ended() && weft__sim_advance()) {
            explore_clock_jumps();
            continue;
        }
        if (all_ended())
            return;
        if (scenario->stuck != NULL && !relieved) {
            relieved = true;
            scenario->stuck();
            continue;
        }
        struct still still = {.length = 0};
        weft__goroutines_each(tell_waiting, &still);
        explore_fail("somebody waits for ever%s", still.text);
    }
}

static void execute(void)
{
    explore_record->started++;
    time_now = 0;
    memset(ended, 0, sizeof ended);
    explore_memory_begin();
    explore_history_begin();
    explore_steps_begin(scenario);
    if (scenario->begin != NULL)
        scenario->begin();
    for (int i = 0; i < goroutines; i++) {
        CHECK(weft_go(stand_and_run, i) == 0);
        weft_sim_wait();
    }
    explore_on = true;
    for (int i = 0; i < goroutines; i++)
        weft__ready(gate[i]);
    run_to_the_end();
    explore_on = false;
    explore_history_check();
    if (scenario->end != NULL)
        scenario->end();
    explore_memory_check();
    explore_record->executions++;
    if (explore_record->steps > length)
        length = explore_record->steps;
}

/* ---- all executions ---- */

static bool time_is_up(void)
{
    return test_clock() > until;
}

static void depth_first(uint64_t most)
{
    const char *text = getenv("WEFT_EXPLORE_BOUND");
    int highest = text != NULL ? atoi(text) : scenario->bound != 0 ? scenario->bound : EXPLORE_BOUND;
    uint64_t count = 0;
    explore_record->method = EXPLORE_DEPTH_FIRST;
    for (int bound = 0; bound <= highest; bound++) {
        explore_record->bound = bound;
        explore_depth_first(bound);
        do {
            if (count++ == most || time_is_up())
                return;
            execute();
        } while (explore_depth_first_next());
    }
    explore_record->exhausted = true;
}

/* The length that PCT places its drops by: of the execution without a preemption, so that it is the same in a replay. */
static void measure(void)
{
    explore_depth_first(0);
    length = 0;
    execute();
}

static void at_random(uint64_t first, uint64_t count)
{
    measure();
    uint32_t measured = length;
    explore_record->method = EXPLORE_RANDOM;
    for (uint64_t i = 0; i < count && !time_is_up(); i++) {
        explore_record->seed = first + i;
        explore_random_begin(first + i, measured + 1);
        execute();
    }
}

static int seconds(void)
{
    const char *text = getenv("WEFT_EXPLORE_SECONDS");
    return text != NULL ? atoi(text) : BUDGET;
}

static int explorer(int argc, char **argv)
{
    (void)argc, (void)argv;
    const char *seed = getenv("WEFT_EXPLORE_SEED"), *choices = getenv("WEFT_EXPLORE_CHOICES");
    if (choices != NULL) {
        explore_record->method = EXPLORE_REPLAY;
        explore_replay_begin(choices);
        execute();
    } else if (seed != NULL) {
        until = INT64_MAX;
        at_random(strtoull(seed, NULL, 10), 1);
    } else {
        uint64_t most = (uint64_t)test_iterations((int)(scenario->most != 0 ? scenario->most : EXPLORE_MOST));
        if (getenv("WEFT_EXPLORE_SECONDS") != NULL)
            most = UINT64_MAX;
        int64_t start = test_clock(), half = (int64_t)seconds() * 1000000000 / 2;
        until = start + half;
        const char *only = getenv("WEFT_EXPLORE_ONLY");
        if (scenario->bound >= 0 && (only == NULL || strcmp(only, "depth") == 0))
            depth_first(most);
        until = start + 2 * half;
        if (only == NULL || strcmp(only, "random") == 0)
            at_random(1, most / 2);
    }
    explore_record->finished = true;
    return 0;
}

static int explore_in_child(void *unused)
{
    static const struct weft__sim_settings settings = {.chooser = &explore_chooser};
    (void)unused;
    weft__debug_install();
    return weft__sched_sim(&settings, explorer, 0, NULL);
}

/* ---- what is said ---- */

static void say_steps(void)
{
    uint32_t count = explore_record->steps, from = count > 400 ? count - 400 : 0;
    int last = -2;
    fprintf(stderr, "The last %u of %u steps:", count - from, count);
    for (uint32_t i = from; i < count; i++) {
        const struct explore_place *place = &explore_record->step[i];
        const char *name = strrchr(place->file, '/');
        if (place->line == 0) {
            fprintf(stderr, " %s", place->file);
            continue;
        }
        if (place->goroutine != last)
            fprintf(stderr, "\n  goroutine %d:", place->goroutine);
        fprintf(stderr, " %s:%d", name != NULL ? name + 1 : place->file, place->line);
        last = place->goroutine;
    }
    fprintf(stderr, "\n");
}

/* "17:1,23:2": the choices that were not 0. */
static void list_choices(char *text, size_t size)
{
    size_t length = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < explore_record->choices && length < size; i++)
        if (explore_record->choice[i].answer != 0)
            length += (size_t)snprintf(text + length, size - length, "%s%u:%u", length > 0 ? "," : "", i,
                                       explore_record->choice[i].answer);
}

static void say(const struct explore_finding *finding)
{
    const struct explore_record *r = explore_record;
    fprintf(stderr, "\n%s: execution %llu ", scenario->name, (unsigned long long)finding->execution);
    if (r->method == EXPLORE_DEPTH_FIRST)
        fprintf(stderr, "(depth first, at most %d preemptions)", r->bound);
    else if (r->method == EXPLORE_RANDOM)
        fprintf(stderr, "(at random, seed %llu)", (unsigned long long)r->seed);
    else
        fprintf(stderr, "(replay)");
    fprintf(stderr, " found: %s\n", finding->message);
    say_steps();
    fprintf(stderr, "Replay with WEFT_EXPLORE_SCENARIO=%s ", scenario->name);
    if (r->method == EXPLORE_RANDOM)
        fprintf(stderr, "WEFT_EXPLORE_SEED=%llu, or ", (unsigned long long)r->seed);
    fprintf(stderr, "WEFT_EXPLORE_CHOICES=%s\n", finding->choices);
}

static void say_none(void)
{
    fprintf(stderr, "%s: %llu executions, at most %d preemptions%s\n", scenario->name,
            (unsigned long long)explore_record->executions, explore_record->bound,
            explore_record->exhausted ? " (all of them)" : "");
}

static void conclude(const struct test_child *child, struct explore_finding *finding)
{
    const struct explore_record *r = explore_record;
    finding->found = !r->finished || child->code != 0;
    finding->exhausted = r->exhausted;
    finding->execution = finding->found ? r->started : r->executions;
    finding->seed = r->seed;
    finding->steps = r->steps;
    if (r->failed)
        snprintf(finding->message, sizeof finding->message, "%s", r->message);
    else if (child->timed_out)
        snprintf(finding->message, sizeof finding->message, "it hangs between two steps");
    else
        snprintf(finding->message, sizeof finding->message, "the process ended, exit code %d, signal %d\n%s",
                 child->code, child->signal, child->err);
    list_choices(finding->choices, sizeof finding->choices);
}

void explore_search(const struct explore_scenario *given, bool quiet, struct explore_finding *finding)
{
    scenario = given;
    goroutines = 0;
    while (goroutines < EXPLORE_GOROUTINES && scenario->goroutines[goroutines] != NULL)
        goroutines++;
    explore_record = mmap(NULL, sizeof *explore_record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(explore_record, MAP_FAILED);
    struct test_child child = test_child(explore_in_child, NULL, 60 + 3 * seconds());
    conclude(&child, finding);
    if (!quiet && finding->found)
        say(finding);
    else if (!quiet && getenv("WEFT_EXPLORE_VERBOSE") != NULL)
        say_none();
    test_child_free(&child);
    munmap(explore_record, sizeof *explore_record);
}

void explore(const struct explore_scenario *given)
{
    static struct explore_finding finding;
    const char *only = getenv("WEFT_EXPLORE_SCENARIO");
    if (only != NULL && strcmp(only, given->name) != 0)
        return;
    explore_search(given, false, &finding);
    ck_assert_msg(!finding.found, "%s: execution %llu has found a bug", given->name,
                  (unsigned long long)finding.execution);
}

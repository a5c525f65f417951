/* SPDX-License-Identifier: Apache-2.0
 *
 * choose.c - the three ways to choose: depth first, at random, as recorded.
 *
 * A choice has a number of options. Where a goroutine could go on, 0 is that it does, and all others are preemptions, as is
 * letting the clock jump while anybody can run. Otherwise 0 is whoever comes first, and every option is free. Each answer is
 * recorded with the number of options, so that an execution is told by the list of its choices that are not 0.
 *
 * Depth first: re-execution. The record of the last execution is the stack of the search: the last choice that has an option left
 *   takes it, those before it are repeated, those behind it start with 0. When the budget of preemptions is used up, a
 *   choice that would need one is none. A repeated choice must have as many options as before, else the scenario depends
 *   on something that is not chosen.
 * At random: PCT. Among those that can run the one with the highest priority goes on. Priorities are random; at d - 1 random
 *   steps the running goroutine's drops below all others, each time lower; a bug that needs d orderings is found with
 *   probability 1 / (n * k^(d-1)) at least, n goroutines, k steps. The clock jumps at up to two random steps. All is told by the seed.
 * Source: Musuvathi, Qadeer: Iterative context bounding, 2007; Burckhardt et al.: A randomized scheduler with probabilistic
 *   guarantees of finding bugs, 2010. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "engine.h"

#define DROPS_MAX 3 /* d - 1 at most */
#define JUMPS 2

static struct {
    enum explore_method method;
    /* depth first, and replay of a list */
    uint32_t repeated; /* so many choices are given */
    int budget, left;
    struct explore_choice given[CHOICES_MAX];
    /* at random */
    uint64_t random, seed;
    uint64_t priority[EXPLORE_GOROUTINES];
    uint32_t drop_at[DROPS_MAX], jump_at[JUMPS];
    int drops, dropped, jumped;
} state;

static uint32_t record(uint32_t answer, uint32_t options)
{
    if (explore_record->choices == CHOICES_MAX)
        explore_fail("more than %d choices: it does not come to an end", CHOICES_MAX);
    explore_record->choice[explore_record->choices++] =
        (struct explore_choice){.answer = (uint16_t)answer, .options = (uint16_t)options};
    return answer;
}

static bool is_preemption(const struct weft__sim_view *view, uint32_t answer)
{
    return view->goes_on ? answer != 0 : answer == view->count && view->count > 0;
}

/* ---- depth first ---- */

void explore_depth_first(int bound)
{
    state.method = EXPLORE_DEPTH_FIRST;
    state.budget = state.left = bound;
    state.repeated = 0;
}

bool explore_depth_first_next(void)
{
    uint32_t i = explore_record->choices;
    while (i > 0 && explore_record->choice[i - 1].answer + 1u >= explore_record->choice[i - 1].options)
        i--;
    if (i == 0)
        return false;
    memcpy(state.given, explore_record->choice, i * sizeof state.given[0]);
    state.given[i - 1].answer++;
    state.repeated = i;
    state.left = state.budget;
    return true;
}

static uint32_t choose_depth_first(const struct weft__sim_view *view)
{
    uint32_t options = view->goes_on && state.left == 0 ? 1 : view->count + (view->can_advance && state.left > 0);
    uint32_t at = explore_record->choices, answer = 0;
    if (at < state.repeated) {
        if (state.given[at].options != options)
            explore_fail(
                "choice %u had %u options and now has %u: the scenario depends on something that is not chosen", at,
                state.given[at].options, options);
        answer = state.given[at].answer;
    }
    if (is_preemption(view, answer))
        state.left--;
    return record(answer, options);
}

/* ---- as recorded ---- */

/* "17:1,23:2": choice 17 is 1, choice 23 is 2, all others are 0. */
void explore_replay_begin(const char *list)
{
    state.method = EXPLORE_REPLAY;
    memset(state.given, 0, sizeof state.given);
    for (const char *at = list; *at != 0;) {
        char *end;
        unsigned long index = strtoul(at, &end, 10);
        CHECK(*end == ':' && index < CHOICES_MAX);
        state.given[index].answer = (uint16_t)strtoul(end + 1, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
}

static uint32_t choose_as_recorded(const struct weft__sim_view *view)
{
    uint32_t options = view->count + view->can_advance;
    uint32_t answer = state.given[explore_record->choices].answer;
    if (answer >= options)
        explore_fail("choice %u has %u options only: the record is of another version", explore_record->choices,
                     options);
    return record(answer, options);
}

/* ---- at random ---- */

static uint64_t draw(void)
{
    uint64_t x = state.random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)((draw() >> 32) * limit >> 32);
}

/* length: of an execution, about. */
void explore_random_begin(uint64_t seed, uint32_t length)
{
    state.method = EXPLORE_RANDOM;
    state.random = state.seed = seed;
    for (int i = 0; i < EXPLORE_GOROUTINES; i++)
        state.priority[i] = draw() | UINT64_C(1) << 63;
    state.drops = 1 + (int)below(DROPS_MAX);
    for (int i = 0; i < state.drops; i++)
        state.drop_at[i] = below(length);
    for (int i = 0; i < JUMPS; i++)
        state.jump_at[i] = below(2 * length);
    state.dropped = state.jumped = 0;
}

/* Those that the execution itself started (weft_after_func) have no place in the table. */
static uint64_t *priority_of(uint32_t candidate, uint64_t *other)
{
    uint64_t id = weft__sim_candidate(candidate);
    int index = explore_index(id);
    if (index < EXPLORE_GOROUTINES)
        return &state.priority[index];
    *other = (state.seed ^ (id + 1) * UINT64_C(0x9e3779b97f4a7c15)) | UINT64_C(1) << 62;
    return other;
}

static uint32_t choose_at_random(const struct weft__sim_view *view)
{
    uint32_t options = view->count + view->can_advance, step = explore_record->steps;
    uint64_t other, best = 0;
    if (view->count == 0)
        return 0;
    if (view->can_advance)
        for (int i = 0; i < JUMPS; i++)
            if ((state.jumped & 1 << i) == 0 && state.jump_at[i] <= step) {
                state.jumped |= 1 << i;
                return record(view->count, options);
            }
    for (int i = 0; i < state.drops && view->goes_on; i++)
        if ((state.dropped & 1 << i) == 0 && state.drop_at[i] <= step) {
            state.dropped |= 1 << i;
            *priority_of(0, &other) = (uint64_t)(state.drops - i);
        }
    uint32_t answer = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        uint64_t priority = *priority_of(i, &other);
        if (priority > best) {
            best = priority;
            answer = i;
        }
    }
    return record(answer, options);
}

/* ---- the chooser ---- */

static uint32_t choose(struct weft__sim_chooser *self, const struct weft__sim_view *view)
{
    (void)self;
    if (!explore_on)
        return 0;
    uint32_t answer = state.method == EXPLORE_DEPTH_FIRST ? choose_depth_first(view)
                      : state.method == EXPLORE_RANDOM    ? choose_at_random(view)
                                                          : choose_as_recorded(view);
    if (answer == view->count)
        explore_clock_jumps();
    return answer;
}

struct weft__sim_chooser explore_chooser = {.choose = choose};

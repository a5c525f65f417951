/* SPDX-License-Identifier: Apache-2.0
 *
 * maps.h - for tests of weft_map and weft_map_stream: functions to map, and spawns that fail. A test that includes it is linked with
 * --wrap=weft__spawn_copy,--wrap=weft_go_copy_at. */
#ifndef WEFT_TESTS_MAPS_H
#define WEFT_TESTS_MAPS_H

#include <weft.h>

#include "sched/sched.h"

#include "support.h"

/* ---- faults: the spawns whose turn it is fail ---- */

int __real_weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                            const struct weft__pending_hook *hook, void (*fn)(void *), const void *value, size_t size);
int __wrap_weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                            const struct weft__pending_hook *hook, void (*fn)(void *), const void *value, size_t size);
int __real_weft_go_copy_at(const struct weft_site *site, const struct weft_go_options *options, void (*fn)(void *copy),
                           const void *value, size_t size);
int __wrap_weft_go_copy_at(const struct weft_site *site, const struct weft_go_options *options, void (*fn)(void *copy),
                           const void *value, size_t size);

static int spawns_left = -1; /* atomic: how many succeed before they fail; negative: all do */

TEST_HELPER bool may_spawn(void)
{
    int left = __atomic_load_n(&spawns_left, __ATOMIC_RELAXED);
    if (left < 0)
        return true;
    do
        if (left == 0)
            return false;
    while (!__atomic_compare_exchange_n(&spawns_left, &left, left - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

int __wrap_weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                            const struct weft__pending_hook *hook, void (*fn)(void *), const void *value, size_t size)
{
    return may_spawn() ? __real_weft__spawn_copy(site, options, hook, fn, value, size) : -EAGAIN;
}

int __wrap_weft_go_copy_at(const struct weft_site *site, const struct weft_go_options *options, void (*fn)(void *copy),
                           const void *value, size_t size)
{
    return may_spawn() ? __real_weft_go_copy_at(site, options, fn, value, size) : -EAGAIN;
}

/* ---- functions to map ---- */

TEST_HELPER void square(const void *in, void *out, void *arg)
{
    (void)arg;
    int value = *(const int *)in;
    *(int *)out = value * value;
}

TEST_HELPER void square_waiting(const void *in, void *out, void *arg)
{
    if (*(const int *)in % 3 == 0)
        weft_yield();
    if (*(const int *)in % 50 == 0)
        weft_sleep(20 * WEFT_MICROSECOND);
    square(in, out, arg);
}

/* Every seventh has no result; *out is touched before. */
TEST_HELPER void square_exiting(const void *in, void *out, void *arg)
{
    square_waiting(in, out, arg);
    if (*(const int *)in % 7 == 0)
        weft_exit();
}

TEST_HELPER int expected_exiting(int value)
{
    return value % 7 == 0 ? 0 : value * value;
}

TEST_HELPER void always_exit(const void *in, void *out, void *arg)
{
    (void)in, (void)arg;
    *(int *)out = -1;
    weft_exit();
}

#endif

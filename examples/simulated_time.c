/* SPDX-License-Identifier: Apache-2.0
 *
 * simulated_time.c - a cache whose entry lives for an hour, and its test, which takes milliseconds. */
#include <stdio.h>
#include <stdlib.h>

#include <weft/words.h>

/* ---- the cache: nothing in it knows of the test ---- */

struct cache {
    weft_mutex mutex;
    int (*load)(void);
    int value;
    int64_t expires;
};

static int cache_get(struct cache *cache)
{
    weft_mutex_lock(&cache->mutex);
    if (weft_now() >= cache->expires) {
        cache->value = cache->load();
        cache->expires = weft_now() + WEFT_HOUR;
    }
    int value = cache->value;
    weft_mutex_unlock(&cache->mutex);
    return value;
}

/* ---- the test ---- */

static int loads;
static int64_t simulated;

static int load_slowly(void)
{
    weft_sleep(2 * WEFT_SECOND);
    return ++loads;
}

static void expect(int value, struct cache *cache)
{
    int got = cache_get(cache);
    if (got == value)
        return;
    fprintf(stderr, "expected %d, got %d\n", value, got);
    exit(1);
}

static int test_expiry(void *unused)
{
    (void)unused;
    struct cache cache = {.load = load_slowly};
    int64_t start = weft_now();
    loads = 0;
    for (int i = 0; i < 10; i++)
        go(expect, 1, &cache); /* all at once: one of them loads, the others wait for it */
    weft_sleep(2 * WEFT_SECOND);
    weft_sim_wait();
    weft_sleep(59 * WEFT_MINUTE);
    expect(1, &cache);
    weft_sleep(2 * WEFT_MINUTE);
    expect(2, &cache);
    simulated += weft_now() - start;
    return 0;
}

int main(void)
{
    int failed = 0;
    for (uint64_t seed = 0; seed < 100; seed++)
        if (weft_sim(seed, test_expiry, NULL) != 0)
            failed++;
    printf("%lld simulated hours, %d failures\n", (long long)(simulated / WEFT_HOUR), failed);
    return failed != 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * map.c - a function over an array, in parallel (weft_map). Streams are in map_stream.c.
 *
 * Data:       one struct map in the caller's frame: what to do, the index to be given out next, and a wait group. Each
 *             worker takes indices until there are none left, and writes the results in their places.
 * Life:       the caller waits for all workers, so the frame outlives them; the last worker's done does not touch it after
 *             the wait has returned (waitgroup.c).
 * weft_exit:  fn that ends its goroutine leaves a result of zero bytes. A deferred call of the worker, which is made then
 *             and only then with work in hand, has another goroutine go on; if none can be started, it goes on itself.
 * Callers:    goroutines. */
#include <errno.h>
#include <string.h>

#include <weft/defer.h>
#include <weft/map.h>
#include <weft/run.h>
#include <weft/sync.h>

#include "base/atomic.h"
#include "base/check.h"
#include "port/race.h"

/* Immutable after init, but for next and running. */
struct map {
    const char *in;
    char *out;
    size_t in_size, out_size, count;
    weft_map_function fn;
    void *arg;
    WEFT__ATOMIC(size_t) next; /* atomic */
    weft_waitgroup running;
};

/* A worker's own, in its frame. */
struct worker {
    struct map *map;
    size_t index;
    bool busy; /* fn is at work on index */
};

static void work(struct map *map);

static void start(void *copy)
{
    work(*(struct map **)copy);
}

static int start_worker(struct map *map)
{
    return weft_waitgroup_go_copy_at(WEFT__SITE, &map->running, start, &map, sizeof map);
}

/* Elements of size 0 may come with NULL, on which there is no arithmetic. */
static const void *input_of(const struct map *map, size_t index)
{
    return map->in_size > 0 ? map->in + index * map->in_size : map->in;
}

static void *result_of(const struct map *map, size_t index)
{
    return map->out_size > 0 ? map->out + index * map->out_size : map->out;
}

/* Deferred by work. */
static void cut_short(void *arg)
{
    struct worker *worker = arg;
    struct map *map = worker->map;
    if (!worker->busy)
        return;
    weft__race_write(result_of(map, worker->index), map->out_size, WEFT__RACE_CALLER);
    if (map->out_size > 0)
        memset(result_of(map, worker->index), 0, map->out_size);
    if (start_worker(map) != 0)
        work(map);
}

static void work(struct map *map)
{
    struct worker worker = {.map = map};
    weft_defer(cut_short, &worker);
    for (;;) {
        /* relaxed: that no index is given out twice is all; the spawn has published the rest, and the wait group brings the
         * results back. Each worker counts once beyond the end, which cannot wrap: an array is smaller than that. */
        worker.index = weft__add_relaxed(&map->next, (size_t)1);
        if (worker.index >= map->count)
            return;
        worker.busy = true;
        map->fn(input_of(map, worker.index), result_of(map, worker.index), map->arg);
        worker.busy = false;
    }
}

int weft_map(int workers, const void *in, size_t in_size, void *out, size_t out_size, size_t count,
             weft_map_function fn, void *arg)
{
    if (workers < 0)
        return -EINVAL;
    struct map map = {
        .in = in, .out = out, .in_size = in_size, .out_size = out_size, .count = count, .fn = fn, .arg = arg};
    size_t wanted = (size_t)(workers > 0 ? workers : weft_procs(0));
    if (wanted > count)
        wanted = count;
    for (size_t started = 0; started < wanted; started++) {
        int error = start_worker(&map);
        if (error == 0)
            continue;
        if (started == 0)
            return error;
        break;
    }
    weft_waitgroup_wait(&map.running);
    ASSERT(weft__load_relaxed(&map.next) >= count); /* the wait has ordered it */
    return 0;
}

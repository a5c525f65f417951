/* SPDX-License-Identifier: Apache-2.0
 *
 * map.c - a function over many values in parallel: arrays (weft_map) and channels (weft_map_stream).
 *
 * Arrays: the workers take indices from one counter and write each result in its place; a wait group joins them.
 *
 * Streams, as completed: each worker receives, computes, sends; the last one that ends closes out.
 * Streams, ordered: one feeder receives the inputs and gives each the next of 2 * workers slots, in a ring; workers compute
 *   into the slots; one emitter sends the results in slot order and frees the slots:
 *
 *      in -> feeder -> todo channel (slot numbers) -> workers -> slot.done -> emitter -> out
 *                 ^------------- free channel (slot numbers, in ring order) ------'
 *
 *   A slow consumer keeps the emitter from freeing slots, which stops the feeder, which stops the producer.
 *
 * A call of fn that ends by weft_exit ends its worker; the others go on. With weft_map its result and the worker's share are
 * left to the others (the result stays as it was); in an ordered stream its slot counts as done, with a zero result. */
#include <errno.h>
#include <string.h>

#include <weft/defer.h>
#include <weft/go.h>
#include <weft/map.h>
#include <weft/run.h>
#include <weft/sync.h>

#include "base/atomic.h"
#include "port/port.h"
#include "sched/sched.h"

static int worker_count(int workers)
{
    return workers > 0 ? workers : weft_procs(0);
}

/* ---- arrays ---- */

struct map {
    const char *in;
    char *out;
    size_t in_size, out_size, count;
    weft_map_function fn;
    void *arg;
    WEFT__ATOMIC(size_t) next;
    weft_waitgroup workers;
};

static void map_worker(struct map *map)
{
    for (;;) {
        size_t i = weft__add_relaxed(&map->next, 1u); /* only uniqueness matters; the wait group orders the results */
        if (i >= map->count)
            return;
        map->fn(map->in + i * map->in_size, map->out + i * map->out_size, map->arg);
    }
}

int weft_map(int workers, const void *in, size_t in_size, void *out, size_t out_size, size_t count,
             weft_map_function fn, void *arg)
{
    if (workers < 0)
        return -EINVAL;
    struct map map = {
        .in = in, .out = out, .in_size = in_size, .out_size = out_size, .count = count, .fn = fn, .arg = arg};
    size_t wanted = (size_t)worker_count(workers);
    int started = 0, error = 0;
    for (size_t i = 0; i < wanted && i < count && error == 0; i++) {
        error = weft_waitgroup_go(&map.workers, map_worker, &map);
        started += error == 0;
    }
    weft_waitgroup_wait(&map.workers);
    return started == 0 ? error : 0;
}

/* ---- streams ---- */

struct stream {
    void *in, *out;
    size_t in_size, out_size;
    weft_map_function fn;
    void *arg;
    WEFT__ATOMIC(uint32_t) users; /* goroutines that still use this */
    /* ordered only */
    uint32_t slots;
    char *inputs, *results;
    weft_chan(uint32_t) free;   /* slots for the feeder, in ring order */
    weft_chan(uint32_t) todo;   /* slots for the workers */
    weft_chan(uint32_t) * done; /* per slot: capacity 1; the worker's word to the emitter */
};

static void stream_free(struct stream *stream)
{
    for (uint32_t i = 0; stream->done != NULL && i < stream->slots; i++)
        weft_chan_free(stream->done[i]);
    weft_chan_free(stream->free);
    weft_chan_free(stream->todo);
    weft__port_free(stream->done);
    weft__port_free(stream->inputs);
    weft__port_free(stream->results);
    weft__port_free(stream);
}

/* True for the last user. acq_rel: what the others did happens before what the last one does. */
static bool leave(struct stream *stream)
{
    return weft__add_acq_rel(&stream->users, -1u) == 1;
}

static void leave_and_close(void *arg)
{
    struct stream *stream = arg;
    if (!leave(stream))
        return;
    weft_chan_close_untyped(stream->out);
    stream_free(stream);
}

/* As completed. in_size and out_size bytes in one block of its own: elements may be too large for the stack. */
static void completed_worker(struct stream *stream, char *element)
{
    weft_defer(leave_and_close, stream);
    weft_defer(weft__port_free, element);
    char *result = element + ((stream->in_size + 15) & ~(size_t)15);
    while (weft_chan_recv_untyped(stream->in, element)) {
        stream->fn(element, result, stream->arg);
        weft_chan_send_untyped(stream->out, result);
    }
}

static int start_completed(struct stream *stream, int workers)
{
    int started = 0, error = 0;
    for (int i = 0; i < workers && error == 0; i++) {
        char *element = weft__port_alloc(((stream->in_size + 15) & ~(size_t)15) + stream->out_size + 16, 16);
        if (element == NULL) {
            error = -ENOMEM;
            break;
        }
        weft__add_relaxed(&stream->users, 1u); /* this function is a user itself */
        error = weft_go(completed_worker, stream, element);
        if (error == 0) {
            started++;
            continue;
        }
        weft__port_free(element);
        weft__add_relaxed(&stream->users, -1u);
    }
    if (started == 0) {
        stream_free(stream);
        return error;
    }
    leave_and_close(stream);
    return 0;
}

static void leave_and_free(void *arg)
{
    struct stream *stream = arg;
    if (leave(stream))
        stream_free(stream);
}

static void ordered_feeder(struct stream *stream)
{
    weft_defer(leave_and_free, stream);
    uint32_t slot;
    while (weft_chan_recv(stream->free, &slot)) {
        if (!weft_chan_recv_untyped(stream->in, stream->inputs + slot * stream->in_size)) {
            weft_chan_close(stream->done[slot]); /* the emitter comes to it after all results */
            break;
        }
        weft_chan_send(stream->todo, slot);
    }
    weft_chan_close(stream->todo);
}

struct slot_use {
    struct stream *stream;
    uint32_t slot;
};

static void slot_done(void *arg)
{
    const struct slot_use *use = arg;
    weft_chan_send(use->stream->done[use->slot], use->slot);
}

static void compute(struct stream *stream, uint32_t slot)
{
    struct slot_use use = {stream, slot};
    char *result = stream->results + slot * stream->out_size;
    memset(result, 0, stream->out_size);
    weft_defer(slot_done, &use);
    stream->fn(stream->inputs + slot * stream->in_size, result, stream->arg);
}

/* weft_exit inside fn ends the goroutine: another one takes its place, so that a stream never runs dry. */
static void ordered_worker(struct stream *stream);
static void replace_worker(void *arg)
{
    struct stream *stream = *(struct stream **)arg;
    if (stream == NULL)
        return;
    if (weft_go(ordered_worker, stream) != 0)
        weft__fatal("a worker of weft_map_stream ended by weft_exit and could not be replaced");
}

static void ordered_worker(struct stream *stream)
{
    struct stream *unfinished = stream;
    weft_defer(replace_worker, &unfinished);
    weft_chan_range(uint32_t, slot, stream->todo)
        compute(stream, slot);
    unfinished = NULL;
    leave_and_free(stream);
}

static void ordered_emitter(struct stream *stream)
{
    weft_defer(leave_and_free, stream);
    /* The feeder uses the slots in ring order, so the results come in that order. It closes todo at the end; the slot that
     * it had taken for an input that never came is known by its closed done channel. */
    for (uint32_t slot = 0;; slot = slot + 1 == stream->slots ? 0 : slot + 1) {
        uint32_t number;
        if (!weft_chan_recv(stream->done[slot], &number))
            break;
        weft_chan_send_untyped(stream->out, stream->results + slot * stream->out_size);
        weft_chan_send(stream->free, slot);
    }
    if (stream->out != NULL)
        weft_chan_close_untyped(stream->out);
}

/* Everything that an ordered stream needs. */
static bool prepare_ordered(struct stream *stream, uint32_t slots)
{
    stream->slots = slots;
    stream->inputs = weft__port_alloc(slots * stream->in_size + 16, 16);
    stream->results = weft__port_alloc(slots * stream->out_size + 16, 16);
    stream->done = weft__port_alloc(slots * sizeof *stream->done, 16);
    if (stream->inputs == NULL || stream->results == NULL || stream->done == NULL)
        return false;
    memset(stream->done, 0, slots * sizeof *stream->done);
    stream->free = weft_chan_make(uint32_t, slots);
    stream->todo = weft_chan_make(uint32_t, slots);
    if (stream->free == NULL || stream->todo == NULL)
        return false;
    for (uint32_t i = 0; i < slots; i++) {
        if ((stream->done[i] = weft_chan_make(uint32_t, 1)) == NULL)
            return false;
        weft_chan_send(stream->free, i);
    }
    return true;
}

static int start_ordered(struct stream *stream, int workers)
{
    if (!prepare_ordered(stream, 2 * (uint32_t)workers)) {
        stream_free(stream);
        return -ENOMEM;
    }
    /* The workers first: they wait on todo and can be sent home; feeder and emitter touch in and out. */
    int started = 0, error = 0;
    for (int i = 0; i < workers && error == 0; i++) {
        weft__add_relaxed(&stream->users, 1u); /* this function is a user itself */
        error = weft_go(ordered_worker, stream);
        if (error == 0)
            started++;
        else
            weft__add_relaxed(&stream->users, -1u);
    }
    weft__add_relaxed(&stream->users, 2u);
    if (started > 0 && (error = weft_go(ordered_emitter, stream)) == 0) {
        if ((error = weft_go(ordered_feeder, stream)) == 0) {
            leave_and_free(stream);
            return 0;
        }
        stream->out = NULL; /* the emitter, which has not begun or waits on done[0], is not to close it */
        weft_chan_close(stream->done[0]);
        weft__add_relaxed(&stream->users, 1u);
    }
    weft__add_relaxed(&stream->users, -2u);
    weft_chan_close(stream->todo);
    leave_and_free(stream);
    return error;
}

int weft_map_stream_untyped(enum weft_map_order order, int workers, void *in, size_t in_size, void *out,
                            size_t out_size, weft_map_function fn, void *arg)
{
    if (workers < 0 || in == NULL || out == NULL || in_size > WEFT_CHAN_ELEMENT_MAX || out_size > WEFT_CHAN_ELEMENT_MAX)
        return -EINVAL;
    struct stream *stream = weft__port_alloc(sizeof *stream, 16);
    if (stream == NULL)
        return -ENOMEM;
    memset(stream, 0, sizeof *stream);
    stream->in = in;
    stream->out = out;
    stream->in_size = in_size;
    stream->out_size = out_size;
    stream->fn = fn;
    stream->arg = arg;
    weft__store_relaxed(&stream->users, 1u); /* nobody else knows of it */
    workers = worker_count(workers);
    return order == WEFT_MAP_ORDERED ? start_ordered(stream, workers) : start_completed(stream, workers);
}

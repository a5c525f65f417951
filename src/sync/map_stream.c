/* SPDX-License-Identifier: Apache-2.0
 *
 * map_stream.c - a function over what comes out of a channel, in parallel (weft_map_stream).
 *
 * As completed: each worker receives, computes, sends. It has one slot, for one input and one result.
 *
 * Ordered: a ring of 2 * workers slots. The inputs have numbers in order of arrival; number n uses slot n % slots.
 *
 *        sent                       taken
 *         |                           |
 *     ----[ done ][ at work ][ done ]-[ free ][ free ]----    taken - sent <= slots
 *
 *   One worker at a time has the turn to receive: it waits until there is a free slot, receives, and takes the next number.
 *   All compute at the same time. Who finishes number sent becomes the sender: it sends that result and the finished ones
 *   behind it, while nobody else sends; who finishes out of order leaves the result to the sender. So a consumer that does
 *   not keep up holds the sender, then the free slots run out, then nobody receives, then the producer waits.
 *
 * Invariants: (under lock) sending, or the slot of number sent is not done. So when the last worker leaves, all is sent.
 * Locks:      turn, a mutex that is held across the receive; then lock (rank SYNC), never across an operation that parks.
 * Life:       one block of memory, and a reference to each channel. The workers are counted; the last one that leaves closes
 *             out and gives all that back. Nobody refers to the stream after it has left.
 * weft_exit:  fn that ends its goroutine has a result of zero bytes. A deferred call of the worker, which is made then
 *             and only then with work in hand, starts another goroutine in its place, which delivers that result first; if none
 *             can be started, it goes on itself. (In a panic the deferred call is made too; it does not park, and the
 *             process ends soon.)
 * Callers:    goroutines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weft/chan.h>
#include <weft/defer.h>
#include <weft/go.h>
#include <weft/map.h>
#include <weft/run.h>

#include "base/atomic.h"
#include "port/port.h"
#include "sched/sched.h"
#include "sync/mutex.h"

#define ALIGNMENT_MAX 4096u

struct stream {
    /* immutable after init */
    enum weft_map_order order;
    void *in, *out;
    size_t in_size, out_size;
    weft_map_function fn;
    void *arg;
    uint64_t slots;
    char *inputs, *results; /* slots elements each; an element is its user's who has its number */
    bool *done;             /* per slot; protected by lock; ordered only */

    WEFT__ATOMIC(uint32_t) workers; /* atomic; one more while the stream is being started */

    /* ordered only */
    weft_mutex turn;
    uint64_t taken; /* protected by turn */
    bool ended;     /* protected by turn: in is closed and drained */
    struct weft__lock lock;
    uint64_t sent;                /* protected by lock; changed by the sender alone */
    bool sending;                 /* protected by lock */
    struct weft__task *held_back; /* protected by lock: has the turn, and waits for a free slot */
};

/* What a worker is started with. */
struct task {
    struct stream *stream;
    uint64_t number; /* of the input; as completed: of the worker's slot */
    bool owes;       /* the result for number is there and is still to be delivered */
};

/* A worker's own, in its frame. */
struct worker {
    struct task task;
    bool busy; /* fn is at work on task.number */
};

static char *input_of(const struct stream *stream, uint64_t number)
{
    return stream->inputs + number % stream->slots * stream->in_size;
}

static char *result_of(const struct stream *stream, uint64_t number)
{
    return stream->results + number % stream->slots * stream->out_size;
}

/* ---- ordered: take and deliver ---- */

static void describe_turn(const void *object, char *buffer, size_t size)
{
    const struct stream *stream = object;
    snprintf(buffer, size, "from chan %p", stream->in);
}

static void describe_slot(const void *object, char *buffer, size_t size)
{
    const struct stream *stream = object;
    snprintf(buffer, size, "from chan %p", stream->out);
}

static const struct weft__wait_reason waiting_for_turn = {.text = "map: turn to receive", .describe = describe_turn};
static const struct weft__wait_reason waiting_for_slot = {.text = "map: results are not taken",
                                                          .describe = describe_slot};

static void leave_lock(void *arg)
{
    struct stream *stream = arg;
    weft__lock_leave(&stream->lock, WEFT__RANK_SYNC);
}

/* With the turn. */
static void wait_for_slot(struct stream *stream)
{
    weft__lock_take(&stream->lock, WEFT__RANK_SYNC);
    if (stream->taken - stream->sent < stream->slots) {
        weft__lock_leave(&stream->lock, WEFT__RANK_SYNC);
        return;
    }
    stream->held_back = weft__self();
    weft__park(stream->held_back, &waiting_for_slot, stream, leave_lock, stream);
}

static bool take_in_order(struct stream *stream, uint64_t *number)
{
    weft__mutex_lock_for(&stream->turn, &waiting_for_turn, stream);
    bool taken = false;
    if (!stream->ended) {
        wait_for_slot(stream);
        *number = stream->taken;
        weft__race_acquire(&stream->done[*number % stream->slots]); /* the slot's last use is over */
        taken = weft_chan_recv_untyped(stream->in, input_of(stream, *number));
        if (taken)
            stream->taken++;
        else
            stream->ended = true;
    }
    weft__mutex_unlock_for(&stream->turn);
    return taken;
}

static void deliver_in_order(struct stream *stream, uint64_t number)
{
    weft__race_release(&stream->done[number % stream->slots]); /* for the sender, if it is another one */
    weft__lock_take(&stream->lock, WEFT__RANK_SYNC);
    ASSERT(number - stream->sent < stream->slots);
    stream->done[number % stream->slots] = true;
    if (stream->sending || number != stream->sent) {
        weft__lock_leave(&stream->lock, WEFT__RANK_SYNC);
        return;
    }
    stream->sending = true;
    for (; stream->done[number % stream->slots]; number++) {
        weft__lock_leave(&stream->lock, WEFT__RANK_SYNC);
        weft__race_acquire(&stream->done[number % stream->slots]);
        weft_chan_send_untyped(stream->out, result_of(stream, number));
        weft__race_release(&stream->done[number % stream->slots]);
        weft__lock_take(&stream->lock, WEFT__RANK_SYNC);
        stream->done[number % stream->slots] = false;
        stream->sent = number + 1;
        struct weft__task *held_back = stream->held_back;
        stream->held_back = NULL;
        if (held_back != NULL)
            weft__ready(held_back);
    }
    stream->sending = false;
    weft__lock_leave(&stream->lock, WEFT__RANK_SYNC);
}

/* ---- workers ---- */

static bool take(struct stream *stream, uint64_t *number)
{
    if (stream->order == WEFT_MAP_ORDERED)
        return take_in_order(stream, number);
    return weft_chan_recv_untyped(stream->in, input_of(stream, *number));
}

static void deliver(struct stream *stream, uint64_t number)
{
    if (stream->order == WEFT_MAP_ORDERED)
        deliver_in_order(stream, number);
    else
        weft_chan_send_untyped(stream->out, result_of(stream, number));
}

static void give_back(struct stream *stream)
{
    weft_chan_release_untyped(stream->in);
    weft_chan_release_untyped(stream->out);
    weft__port_free(stream);
}

static void leave(struct stream *stream)
{
    weft__race_release(&stream->workers);
    /* acq_rel: what every worker did happens before the last one gives the memory back. */
    if (weft__add_acq_rel(&stream->workers, UINT32_MAX) != 1)
        return;
    weft__race_acquire(&stream->workers); /* their sends come before the close */
    weft_chan_close_untyped(stream->out);
    give_back(stream);
}

static void work(struct task task);

static void start(void *copy)
{
    work(*(struct task *)copy);
}

static int start_worker(const struct task *task)
{
    return weft_go_copy_at(WEFT__SITE, NULL, start, task, sizeof *task);
}

/* Deferred by compute. */
static void cut_short(void *arg)
{
    struct worker *worker = arg;
    struct task *task = &worker->task;
    if (!worker->busy)
        return;
    weft__race_write(result_of(task->stream, task->number), task->stream->out_size, WEFT__RACE_CALLER);
    memset(result_of(task->stream, task->number), 0, task->stream->out_size);
    task->owes = true;
    if (start_worker(task) != 0)
        work(*task);
}

/* Take, compute, deliver, to the end of the stream. */
static void compute_all(struct task task)
{
    struct worker worker = {.task = task};
    struct stream *stream = task.stream;
    uint64_t *number = &worker.task.number;
    weft_defer(cut_short, &worker);
    if (task.owes)
        deliver(stream, *number);
    while (take(stream, number)) {
        worker.busy = true;
        stream->fn(input_of(stream, *number), result_of(stream, *number), stream->arg);
        worker.busy = false;
        deliver(stream, *number);
    }
}

static void work(struct task task)
{
    compute_all(task);
    leave(task.stream); /* not reached when weft_exit cut it short: the one that went on leaves */
}

/* ---- start ---- */

/* The largest alignment that a type of that size can have. */
static size_t alignment_of(size_t size)
{
    size_t lowest = size & -size;
    return lowest == 0 ? 1 : lowest < ALIGNMENT_MAX ? lowest : ALIGNMENT_MAX;
}

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) & ~(alignment - 1);
}

/* struct stream | inputs | results | done, in one block. NULL without memory. No size can overflow: 2^32 slots of 2^17 bytes. */
static struct stream *make_stream(enum weft_map_order order, uint64_t slots, size_t in_size, size_t out_size)
{
    size_t inputs = round_up(sizeof(struct stream), alignment_of(in_size));
    size_t results = round_up(inputs + slots * in_size, alignment_of(out_size));
    size_t done = results + slots * out_size;
    size_t alignment = alignment_of(in_size) > alignment_of(out_size) ? alignment_of(in_size) : alignment_of(out_size);
    char *block = weft__port_alloc(done + slots * sizeof(bool), alignment > 64 ? alignment : 64);
    if (block == NULL)
        return NULL;
    struct stream *stream = (struct stream *)block;
    *stream = (struct stream){
        .order = order,
        .in_size = in_size,
        .out_size = out_size,
        .slots = slots,
        .inputs = block + inputs,
        .results = block + results,
        .done = (bool *)(block + done),
    };
    memset(stream->done, 0, slots * sizeof(bool));
    return stream;
}

static int start_stream(struct stream *stream, uint64_t workers)
{
    weft__store_relaxed(&stream->workers, 1u); /* the caller; nobody else knows of it yet */
    for (uint64_t i = 0; i < workers; i++) {
        struct task task = {.stream = stream, .number = i};
        weft__add_relaxed(&stream->workers, 1u); /* before it can leave; the caller keeps the count above zero */
        int error = start_worker(&task);
        if (error == 0)
            continue;
        weft__add_relaxed(&stream->workers, UINT32_MAX); /* as above */
        if (i > 0)
            break;
        give_back(stream);
        return error;
    }
    leave(stream);
    return 0;
}

int weft_map_stream_untyped(enum weft_map_order order, int workers, void *in, size_t in_size, void *out,
                            size_t out_size, weft_map_function fn, void *arg)
{
    if (workers < 0 || in == NULL || out == NULL || in_size > WEFT_CHAN_ELEMENT_MAX ||
        out_size > WEFT_CHAN_ELEMENT_MAX || (order != WEFT_MAP_ORDERED && order != WEFT_MAP_AS_COMPLETED))
        return -EINVAL;
    uint64_t count = (uint64_t)(workers > 0 ? workers : weft_procs(0));
    struct stream *stream = make_stream(order, order == WEFT_MAP_ORDERED ? 2 * count : count, in_size, out_size);
    if (stream == NULL)
        return -ENOMEM;
    stream->in = weft_chan_retain_untyped(in);
    stream->out = weft_chan_retain_untyped(out);
    stream->fn = fn;
    stream->arg = arg;
    return start_stream(stream, count);
}

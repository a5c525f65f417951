/* SPDX-License-Identifier: Apache-2.0
 *
 * boost-fiber.cc - the workloads with Boost.Fiber: its round robin at one processor, its work stealing (a thread per
 * processor, as its documentation's examples have it) above. Stacks of 16 KiB without guard pages: with them a system
 * runs out of mappings at 32,000 fibers. Channels are its own; a buffered one holds a power of two less one. */
#include "../peer.h"

#include <boost/fiber/all.hpp>
#include <climits>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

namespace fibers = boost::fibers;

typedef fibers::fiber *task;
typedef fibers::mutex lock;

static task task_start(void *(*fn)(void *), void *arg)
{
    return new fibers::fiber(std::allocator_arg, fibers::fixedsize_stack(16384), [fn, arg] { fn(arg); });
}

static void task_join(task t)
{
    t->join();
    delete t;
}

static void task_yield(void)
{
    boost::this_fiber::yield();
}

static void task_sleep(int64_t ns)
{
    boost::this_fiber::sleep_for(std::chrono::nanoseconds(ns));
}

#define lock_init(l) ((void)(l))
#define lock_acquire(l) (l)->lock()
#define lock_release(l) (l)->unlock()

struct queue {
    std::unique_ptr<fibers::unbuffered_channel<int64_t>> unbuffered;
    std::unique_ptr<fibers::buffered_channel<int64_t>> buffered; /* one of the two */
};

static struct queue *queue_make(size_t capacity)
{
    auto *q = new queue;
    size_t power = 2;
    while (power < capacity)
        power *= 2;
    if (capacity == 0)
        q->unbuffered.reset(new fibers::unbuffered_channel<int64_t>);
    else
        q->buffered.reset(new fibers::buffered_channel<int64_t>(power));
    return q;
}

static void queue_send(struct queue *q, int64_t value)
{
    if (q->unbuffered)
        q->unbuffered->push(value);
    else
        q->buffered->push(value);
}

static bool queue_receive(struct queue *q, int64_t *value)
{
    auto status = q->unbuffered ? q->unbuffered->pop(*value) : q->buffered->pop(*value);
    return status == fibers::channel_op_status::success;
}

static void queue_close(struct queue *q)
{
    if (q->unbuffered)
        q->unbuffered->close();
    else
        q->buffered->close();
}

static void queue_free(struct queue *q)
{
    delete q;
}

#include "../loops.h"

static void enter(int procs, void (*body)(void *), void *arg)
{
    if (procs == 1) {
        body(arg);
        return;
    }
    std::mutex guard; /* of ended */
    fibers::condition_variable_any changed;
    bool ended = false;
    std::vector<std::thread> threads;
    for (int i = 1; i < procs; i++)
        threads.emplace_back([&] {
            fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(procs);
            std::unique_lock<std::mutex> locked(guard);
            changed.wait(locked, [&] { return ended; });
        });
    fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(procs);
    body(arg);
    {
        std::unique_lock<std::mutex> locked(guard);
        ended = true;
    }
    changed.notify_all();
    for (auto &thread : threads)
        thread.join();
}

static const struct peer_case cases[] = {{"WorkSpawnJoin", spawn_join},
                                         {"WorkBatch10000", batch},
                                         {"WorkYield2", yield_2},
                                         {"WorkYield1000", yield_1000},
                                         {"WorkPingPong", ping_pong},
                                         {"WorkBuffered1to1", buffered_1},
                                         {"WorkBuffered4to4", buffered_4},
                                         {"WorkRing503", ring},
                                         {"WorkSkynet1000000", skynet},
                                         {"WorkSieve2000", sieve},
                                         {"WorkMutex8", mutex_8},
                                         {"WorkSleepers100000", sleepers},
                                         {"WorkCompute", compute},
                                         {"WorkFanOut1000000", fan_out_empty},
                                         {"WorkFanOut10Sleep", fan_out_sleep},
                                         {nullptr, nullptr}};

int main(int argc, char **argv)
{
    static const struct peer peer = {"Boost.Fiber", 8, cases, enter, parked};
    return peer_main(argc, argv, &peer);
}

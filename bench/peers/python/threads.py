# SPDX-License-Identifier: Apache-2.0
"""threads.py - the workloads with Python's threads and queue.Queue, one processor (the interpreter has one lock). Queues
hold at least one; their end is a None for each receiver. Trees and crowds of 100,000 are more threads than there can be,
and the sieve's 2,000 take minutes."""

import os
import queue
import threading
import time

from peer import main

END = None


def start(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def join(threads):
    for thread in threads:
        thread.join()


def nothing():
    pass


def spawn_join(n):
    for _ in range(n):
        start(nothing).join()


def batch(n):
    for begin in range(0, n, 10_000):
        join([start(nothing) for _ in range(min(10_000, n - begin))])


def yield_among(n, tasks):
    each = n // tasks + 1

    def yielder():
        for _ in range(each):
            os.sched_yield()

    join([start(yielder) for _ in range(tasks)])
    return {"operations": each * tasks}


def ping_pong(n):
    ping, pong = queue.Queue(1), queue.Queue(1)

    def echo():
        for _ in range(n):
            pong.put(ping.get())

    other = start(echo)
    for i in range(n):
        ping.put(i)
        pong.get()
    other.join()


def buffered(n, pairs):
    q = queue.Queue(128)
    each = n // pairs + 1

    def send():
        for i in range(each):
            q.put(i)

    def receive():
        while q.get() is not END:
            pass

    senders = [start(send) for _ in range(pairs)]
    receivers = [start(receive) for _ in range(pairs)]
    join(senders)
    for _ in receivers:
        q.put(END)
    join(receivers)


def ring(n):
    size = 503
    queues = [queue.Queue(1) for _ in range(size)]

    def member(inward, outward):
        while True:
            token = inward.get()
            if token > 1 - size:
                outward.put(token - 1)
            if token <= 0:
                return

    threads = [start(member, queues[i], queues[(i + 1) % size]) for i in range(size)]
    queues[0].put(n)
    join(threads)
    return {"operations": n + size}


def mutex_8(n):
    mutex, count, each = threading.Lock(), 0, n // 8 + 1

    def count_up():
        nonlocal count
        for _ in range(each):
            with mutex:
                count += 1

    join([start(count_up) for _ in range(8)])
    assert count == 8 * each


def compute(n):
    def work():
        x, mask = 88172645463325252, (1 << 64) - 1
        for _ in range(4_000_000):
            x ^= x << 13 & mask
            x ^= x >> 7
            x ^= x << 17 & mask

    for _ in range(n):
        start(work).join()


def fan_out(count, duration):
    jobs, results = queue.Queue(10), queue.Queue(10)

    def worker():
        while (job := jobs.get()) is not END:
            if duration:
                time.sleep(duration)
            results.put(job)

    def feed():
        for job in range(1, count + 1):
            jobs.put(job)
        for _ in workers:
            jobs.put(END)

    def close_when_done():
        join(workers)
        results.put(END)

    workers = [start(worker) for _ in range(3)]
    others = [start(feed), start(close_when_done)]
    total = 0
    while (job := results.get()) is not END:
        total += job
    join(others)
    assert total == count * (count + 1) // 2


def fan_out_empty(n):
    for begin in range(0, n, 1_000_000):
        fan_out(min(1_000_000, n - begin), 0)


def fan_out_sleep(n):
    for _ in range(n):
        fan_out(10, 0.5)


CASES = {
    "WorkSpawnJoin": spawn_join,
    "WorkBatch10000": batch,
    "WorkYield2": lambda n: yield_among(n, 2),
    "WorkYield1000": lambda n: yield_among(n, 1000),
    "WorkPingPong": ping_pong,
    "WorkBuffered1to1": lambda n: buffered(n, 1),
    "WorkBuffered4to4": lambda n: buffered(n, 4),
    "WorkRing503": ring,
    "WorkMutex8": mutex_8,
    "WorkCompute": compute,
    "WorkFanOut1000000": fan_out_empty,
    "WorkFanOut10Sleep": fan_out_sleep,
}

if __name__ == "__main__":
    main(CASES, lambda case, n: case(n))

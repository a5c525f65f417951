# SPDX-License-Identifier: Apache-2.0
"""tasks.py - the workloads with asyncio's tasks and queues, one processor. Queues hold at least one; their end is a None
for each receiver. asyncio has no select."""

import asyncio
import time

from peer import main

END = None


def start(coroutine):
    return asyncio.create_task(coroutine)


async def nothing():
    pass


async def spawn_join(n):
    for _ in range(n):
        await start(nothing())


async def batch(n):
    for begin in range(0, n, 10_000):
        await asyncio.gather(*[start(nothing()) for _ in range(min(10_000, n - begin))])


async def yield_among(n, tasks):
    each = n // tasks + 1

    async def yielder():
        for _ in range(each):
            await asyncio.sleep(0)

    await asyncio.gather(*[start(yielder()) for _ in range(tasks)])
    return {"operations": each * tasks}


async def ping_pong(n):
    ping, pong = asyncio.Queue(1), asyncio.Queue(1)

    async def echo():
        for _ in range(n):
            await pong.put(await ping.get())

    other = start(echo())
    for i in range(n):
        await ping.put(i)
        await pong.get()
    await other


async def buffered(n, pairs):
    q = asyncio.Queue(128)
    each = n // pairs + 1

    async def send():
        for i in range(each):
            await q.put(i)

    async def receive():
        while await q.get() is not END:
            pass

    senders = [start(send()) for _ in range(pairs)]
    receivers = [start(receive()) for _ in range(pairs)]
    await asyncio.gather(*senders)
    for _ in receivers:
        await q.put(END)
    await asyncio.gather(*receivers)


async def ring(n):
    size = 503
    queues = [asyncio.Queue(1) for _ in range(size)]

    async def member(inward, outward):
        while True:
            token = await inward.get()
            if token > 1 - size:
                await outward.put(token - 1)
            if token <= 0:
                return

    tasks = [start(member(queues[i], queues[(i + 1) % size])) for i in range(size)]
    await queues[0].put(n)
    await asyncio.gather(*tasks)
    return {"operations": n + size}


async def mutex_8(n):
    mutex, count, each = asyncio.Lock(), 0, n // 8 + 1

    async def count_up():
        nonlocal count
        for _ in range(each):
            async with mutex:
                count += 1

    await asyncio.gather(*[start(count_up()) for _ in range(8)])
    assert count == 8 * each


async def sleepers(n):
    worst, cpu = 0, time.process_time_ns()

    async def sleeper(duration):
        nonlocal worst
        begin = time.perf_counter_ns()
        await asyncio.sleep(duration / 1e9)
        worst = max(worst, begin + duration - time.perf_counter_ns())

    for _ in range(n):
        await asyncio.gather(*[start(sleeper((1 + i * 7919 % 1000) * 1_000_000)) for i in range(100_000)])
    return {"cpu": (time.process_time_ns() - cpu) / n, "early": worst}


async def fan_out(count, duration):
    jobs, results = asyncio.Queue(10), asyncio.Queue(10)

    async def worker():
        while (job := await jobs.get()) is not END:
            if duration:
                await asyncio.sleep(duration)
            await results.put(job)

    async def feed():
        for job in range(1, count + 1):
            await jobs.put(job)
        for _ in workers:
            await jobs.put(END)

    async def close_when_done():
        await asyncio.gather(*workers)
        await results.put(END)

    workers = [start(worker()) for _ in range(3)]
    others = [start(feed()), start(close_when_done())]
    total = 0
    while (job := await results.get()) is not END:
        total += job
    await asyncio.gather(*others)
    assert total == count * (count + 1) // 2


async def fan_out_empty(n):
    for begin in range(0, n, 1_000_000):
        await fan_out(min(1_000_000, n - begin), 0)


async def fan_out_sleep(n):
    for _ in range(n):
        await fan_out(10, 0.5)


async def park(parked):
    gate, ready, missing = asyncio.Event(), asyncio.Event(), parked.count

    async def waiter():
        nonlocal missing
        missing -= 1
        if missing == 0:
            ready.set()
        await gate.wait()

    tasks = [start(waiter()) for _ in range(parked.count)]
    await ready.wait()
    parked.created()
    gate.set()
    await asyncio.gather(*tasks)
    parked.ended()


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
    "WorkSleepers100000": sleepers,
    "WorkFanOut1000000": fan_out_empty,
    "WorkFanOut10Sleep": fan_out_sleep,
}

if __name__ == "__main__":
    main(CASES, lambda case, n: asyncio.run(case(n)), lambda parked: asyncio.run(park(parked)))

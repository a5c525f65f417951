# SPDX-License-Identifier: Apache-2.0
"""peer.py - the harness of the peers in Python: weft-bench's options and form of results; n grows as in ../../bench.c.

A case is a function of n (and, for asyncio, a coroutine function) that does its operation n times and returns None, or a
dict: "operations" if it were not n, "cpu" and "early" (ns) for further figures."""

import argparse
import os
import time


def memory():
    """Resident pages and page tables of the process, KiB."""
    with open("/proc/self/status", encoding="ascii") as lines:
        fields = dict(line.split(":", 1) for line in lines)
    return [int(fields[name].split()[0]) for name in ("VmRSS", "VmPTE")]


class Parked:
    """The figures of a run of waiting tasks."""

    def __init__(self, count):
        self.count, self.before, self.start = count, memory(), time.perf_counter_ns()

    def created(self):
        self.create = time.perf_counter_ns() - self.start
        self.after = memory()
        self.start = time.perf_counter_ns()

    def ended(self):
        end = time.perf_counter_ns() - self.start
        rss, tables = (1024 * (after - before) / self.count for after, before in zip(self.after, self.before))
        print(f"parked {self.count} rss {rss:.1f} pte {tables:.1f} create {self.create / self.count:.1f} "
              f"end {end / self.count:.1f}")


def main(cases, call, parked=None):
    """call(case, n) calls a function of cases; parked(Parked) parks tasks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--procs", type=int, default=1)
    parser.add_argument("--benchtime", type=int, default=100)
    parser.add_argument("--iterations", type=int, default=0)
    parser.add_argument("--parked", type=int, default=0)
    parser.add_argument("case", nargs="?", choices=list(cases))
    options = parser.parse_args()
    if options.list:
        print("\n".join(["procs 1", *cases]))
        return
    if options.procs != 1:
        parser.error("so many processors it cannot use")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if options.parked:
        if not parked:
            parser.error("it cannot hold so many tasks")
        parked(Parked(options.parked))
        return
    if not options.case:
        parser.error("no case; --list shows them")

    goal = options.benchtime * 1_000_000
    n = options.iterations or 1
    while True:
        start = time.perf_counter_ns()
        figures = call(cases[options.case], n) or {}
        elapsed = time.perf_counter_ns() - start
        if options.iterations or elapsed >= goal or n >= 1_000_000_000:
            break
        # a fifth more than the last call's speed asks for, but not over a hundred times as many
        n = min(max(int(1.2 * goal * n / max(elapsed, 1)), n + 1), 100 * n, 1_000_000_000)
    operations = figures.get("operations", n)
    line = f"Benchmark{options.case}\t{operations}\t{elapsed / operations:.1f} ns/op"
    if "cpu" in figures:
        line += f"\t{figures['cpu']:.0f} cpu-ns/op\t{figures['early']:.0f} early-ns"
    print(line)

# SPDX-License-Identifier: Apache-2.0
"""growth.py - how costs grow, and what theory says of it.

A series is one operation beside growing numbers of something. Its theory is the power of the size that one operation may
cost: 0 for what does not depend on it (or with its logarithm), 1 for what is linear. Measured is the slope of a straight
line through the medians, both scales logarithmic. It holds when it is less than MARGIN above the theory: a list that is
walked shows as 1, a tree as 0.1; and a million stacks leave one cache after the other, which shows as up to a third."""

import math

MARGIN = 0.4
GOROUTINES = (100, 1_000, 10_000, 100_000, 1_000_000)
PROCESSORS = (1, 2, 4, 8)
IDLE_NS = 10_000_000  # processor time in a second of waiting that is nothing: one per cent of one processor


class Series:
    """One operation: sizes at procs, or, without sizes, a case of weft-bench at growing numbers of processors."""

    def __init__(self, case, what, theory, power=0, sizes=(), procs=(1,), key="ns", least=0):
        self.case, self.what, self.theory, self.power = case, what, theory, power
        self.sizes, self.procs, self.key, self.least = sizes, procs, key, least

    def points(self):
        """(size, case, procs) of every measurement."""
        if not self.sizes:
            return [(procs, self.case, procs) for procs in PROCESSORS]
        return [(size, f"{self.case}/{size}", procs) for procs in self.procs for size in self.sizes
                if procs == 1 or size <= 100_000]  # a million goroutines take seconds to set up: at one processor only


SERIES = [
    Series("GrowSpawn", "spawn and join, goroutines in a batch", "flat", sizes=GOROUTINES, procs=(1, 2)),
    Series("GrowYield", "switch, goroutines that yield", "flat", sizes=GOROUTINES, procs=(1, 2)),
    Series("GrowRing", "hop, goroutines in a ring", "flat", sizes=GOROUTINES, procs=(1, 2)),
    Series("GrowSenders", "message, senders that wait", "flat", sizes=GOROUTINES, procs=(1, 2)),
    Series("GrowClose", "close, per goroutine woken", "flat (close: linear)", sizes=GOROUTINES, procs=(1, 2)),
    Series("GrowCapacity", "message, slots of the channel", "flat", sizes=(1, 10, *GOROUTINES), procs=(1, 2)),
    Series("GrowSelect", "select, cases", "linear", 1, sizes=(2, 8, 32, 128, 512), procs=(1, 2)),
    Series("GrowTimers", "start and stop, timers pending", "logarithmic", sizes=GOROUTINES, procs=(1, 2)),
    Series("GrowIdle", "a second's wait, goroutines and timers", "no processor time", sizes=GOROUTINES, key="cpu"),
    Series("WorkBatch10000", "spawn and join, processors", "flat"),
    Series("WorkPingPong", "round trip, processors", "flat"),
    Series("WorkRing503", "hop, processors", "flat"),
    # what all share costs a step from one processor to two, since then its memory travels between them
    Series("WorkYield1000", "switch, processors", "flat from 2", least=2),
    Series("WorkBuffered4to4", "message, processors", "flat from 2", least=2),
    Series("WorkMutex8", "lock and unlock, processors", "flat from 2", least=2),
]


def slope(points):
    """Of a straight line through (size, cost), both as logarithms; least squares. None with fewer than two sizes."""
    xs, ys = [math.log(size) for size, _ in points], [math.log(cost) for _, cost in points]
    mean_x, mean_y = sum(xs) / max(len(xs), 1), sum(ys) / max(len(ys), 1)
    square = sum((x - mean_x) ** 2 for x in xs)
    if not square:
        return None
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / square


def verdicts(rows, columns=("Weft", "Go")):
    """A dict per series, number of processors and column: what was measured and whether theory held."""
    at = {(row.case, row.procs): row for row in rows}
    found = []
    for series in SERIES:
        for procs in series.procs if series.sizes else (None,):
            for column in columns:
                points = []
                for size, case, point_procs in series.points():
                    row = at.get((case, point_procs))
                    cost = row.median(column, series.key) if row and procs in (None, point_procs) else None
                    if cost is not None:
                        points.append((size, cost))
                fitted = [(size, max(cost, 1e-3)) for size, cost in points if size >= series.least]
                power = slope(fitted)
                if power is None:
                    continue
                if series.key == "cpu":
                    held = max(cost for _, cost in points) <= IDLE_NS
                else:
                    held = power < series.power + MARGIN
                found.append({"series": series.case, "what": series.what, "procs": procs, "column": column,
                              "theory": series.theory, "points": points, "power": power, "held": held})
    return found

# SPDX-License-Identifier: Apache-2.0
"""samples.py - one sample: run a program, read its figures, and know how much others disturbed it; and what many of them
are together: median and spread.

A sample is a dict of figures: "ns" per operation, or of a parked run "bytes" and others, and what else a case reports
("cpu", "early"). The form of a result is that of Go's testing: BenchmarkName, operations, then figures with units."""

import os
import re
import resource
import statistics
import subprocess
import sys
import time

RESULT = re.compile(r"^Benchmark\S+\s+\d+\s+([0-9.e+]+) ns/op(.*)$", re.MULTILINE)
METRIC = re.compile(r"([0-9.e+-]+) (cpu-ns/op|early-ns)")
SKIP = re.compile(r"^--- SKIP: Benchmark\S+: (.*)$", re.MULTILINE)
PARKED = re.compile(r"^parked \d+ rss (\S+) pte (\S+) create (\S+) end (\S+)$", re.MULTILINE)


class Failed(Exception):
    """A sample that did not come; the text says why."""


class Skipped(Exception):
    """A sample that the benchmark itself refuses; the text says why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, timeout, **options):
    """Standard output of a command that must succeed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"no result after {timeout} s") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise Failed(f"exit {done.returncode}: {lines[0]}")
    return done.stdout


class Disturbance:
    """How much of a core others took while the block ran: what was busy, less what our children used."""

    limit = 0.15

    def __enter__(self):
        self.start = self.now()
        return self

    def __exit__(self, *_):
        wall, busy, own = (after - before for after, before in zip(self.now(), self.start))
        self.share = max(0.0, busy - own - 0.02) / wall if wall > 0 else 0.0  # two ticks of the clock are no finding

    @staticmethod
    def now():
        with open("/proc/stat", encoding="ascii") as lines:
            user, nice, system, _, _, irq, softirq, steal = map(int, next(lines).split()[1:9])
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, children.ru_utime + children.ru_stime


def undisturbed(sample, retries):
    """What sample() gives when others leave the machine alone, or the least disturbed of several; and how much."""
    best = None
    for attempt in range(retries + 1):
        if attempt:
            time.sleep(min(0.1 * attempt, 1.0))
        with Disturbance() as disturbance:
            result = sample()
        if best is None or disturbance.share < best[1]:
            best = (result, disturbance.share)
        if best[1] <= Disturbance.limit:
            break
    return best


def clean_environment(**more):
    """The environment without what would change a measurement."""
    drop = ("GOMAXPROCS", "GODEBUG", "GOGC", "GOMEMLIMIT", "GOFLAGS", "GOEXPERIMENT")
    env = {k: v for k, v in os.environ.items() if k not in drop and not k.startswith("WEFT_")}
    return env | more


def parse_parked(output):
    found = PARKED.search(output)
    if not found:
        raise Failed("no figures in: " + output.strip()[:80])
    rss, pte, create, end = map(float, found.groups())
    return {"bytes": rss + pte, "rss": rss, "page tables": pte, "create ns": create, "end ns": end}


def parse_result(output):
    found = RESULT.search(output)
    if not found:
        skip = SKIP.search(output)
        if skip or output.strip() == "PASS":  # Go's testing names no skipped benchmark
            raise Skipped(skip.group(1) if skip else "skipped by Go's own benchmark")
        raise Failed("no result in: " + (output.strip()[:80] or "nothing"))
    figures = {"ns": float(found.group(1))}
    for value, unit in METRIC.findall(found.group(2)):
        figures[unit.split("-")[0]] = float(value)
    return figures


def summary(samples):
    """Median and spread (quartile distance, per cent of the median) of a list of figures."""
    median = statistics.median(samples)
    spread = 0.0
    if len(samples) >= 4:
        low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
        spread = 100 * (high - low) / median if median else 0.0
    elif len(samples) > 1:
        spread = 100 * (max(samples) - min(samples)) / median if median else 0.0
    return {"median": median, "spread": spread, "min": min(samples), "max": max(samples), "samples": samples}


class Row:
    """One case at one number of processors: samples of each column that has it.

    A cell takes at most so many samples as there are rounds, and none any more when it has cost its budget of seconds
    and has the least number that it needs: three, of a peer that is slow one."""

    def __init__(self, group, case, package, procs, columns, parked=0):
        self.group, self.case, self.package, self.procs, self.parked = group, case, package, procs, parked
        self.columns = columns
        self.samples, self.errors, self.skips, self.disturbed, self.seconds = {}, {}, {}, {}, {}

    def wants(self, column, budget):
        name = column.name
        if name in self.errors or name in self.skips:
            return False
        count = len(self.samples.get(name, []))
        least = 3 if column.own or self.seconds.get(name, 0) < budget else 1
        return count < least or self.seconds[name] < budget

    def measure(self, column, benchtime, retries, budget):
        if not self.wants(column, budget):
            return
        name, start = column.name, time.monotonic()
        try:
            if self.parked:
                figures, share = undisturbed(lambda: column.parked(self.parked, self.procs), retries)
            else:
                figures, share = undisturbed(
                    lambda: column.sample(self.case, self.package, self.procs, benchtime), retries)
            self.samples.setdefault(name, []).append(figures)
            self.disturbed.setdefault(name, []).append(share)
        except Skipped as why:
            self.skips[name] = str(why)
        except Failed as why:
            self.errors[name] = str(why)
        self.seconds[name] = self.seconds.get(name, 0) + time.monotonic() - start

    def cell(self, name, key="ns"):
        """Summary of a figure in a column, or None."""
        samples = [sample[key] for sample in self.samples.get(name, []) if key in sample]
        if not samples or name in self.errors:
            return None
        return {**summary(samples), "disturbed": [round(share, 2) for share in self.disturbed[name]]}

    def median(self, name, key="ns"):
        cell = self.cell(name, key)
        return cell["median"] if cell else None

    def ratio(self, to="Go"):
        weft, other = self.median("Weft"), self.median(to)
        return weft / other if weft and other else None

    def best_peer(self):
        """The fastest of the columns that are neither Weft nor Go: its name, or None."""
        peers = [c.name for c in self.columns if not c.own and self.median(c.name)]
        return min(peers, key=self.median, default=None)

    def as_json(self):
        keys = sorted({key for samples in self.samples.values() for sample in samples for key in sample})
        columns = {name: {key: self.cell(name, key) for key in keys if self.cell(name, key)}
                   for name in self.samples if name not in self.errors}
        columns |= {name: {"error": why} for name, why in self.errors.items()}
        columns |= {name: {"skipped": why} for name, why in self.skips.items()}
        return {"group": self.group, "name": self.case, "procs": self.procs, "columns": columns,
                "ratio": self.ratio(), "best peer": self.best_peer()}

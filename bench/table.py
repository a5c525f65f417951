# SPDX-License-Identifier: Apache-2.0
"""table.py - the bench table: Weft beside Go's own benchmarks, in one run.

Each case runs in each column (Weft, Go) in turn, round after round (A B A B), one process per sample, so that both
see the same minutes of the machine. A sample is the last, longest call of the benchmark function, as in Go's testing;
the calls before it are the warm-up. The table shows medians; the spread is the distance between the quartiles in per
cent of the median. Absolute figures depend on machine and hour: the ratios are what counts.

When other processes took more than a seventh of a core while a sample ran, it is taken again, up to --retries times;
the least disturbed one counts, and the disturbance is reported.

A column is an object with name, version, cases() and sample(). A peer is one more column here.
"""

import argparse
import datetime
import json
import math
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "bench")
RESULT = re.compile(r"^Benchmark\S+\s+\d+\s+([0-9.e+]+) ns/op", re.MULTILINE)
SKIP = re.compile(r"^--- SKIP: Benchmark\S+: (.*)$", re.MULTILINE)
PARKED = re.compile(r"^parked \d+ rss (\S+) pte (\S+) create (\S+) end (\S+)$", re.MULTILINE)
PARKED_COUNTS = (100_000, 1_000_000)


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
    return float(found.group(1))


class Weft:
    """The library of this tree, built for release, and weft-bench."""

    name = "Weft"

    def __init__(self, binary):
        self.binary = binary or self.build()
        self.env = clean_environment()
        described = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--tags"],
                                   capture_output=True, text=True)
        self.version = described.stdout.strip() or "unknown"

    @staticmethod
    def build():
        folder = os.path.join(BUILD, "release")
        say("building Weft (release)")
        off = [f"-DWEFT_{part}=OFF" for part in ("TESTS", "EXAMPLES", "TOOLS", "SHARED")]
        run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DWEFT_BENCH=ON", *off],
            300)
        run(["cmake", "--build", folder, "--target", "weft-bench"], 900)
        return os.path.join(folder, "bench", "weft-bench")

    def cases(self):
        """Name and Go package of each case, in the table's order."""
        return [line.split() for line in run([self.binary, "--list"], 60, env=self.env).splitlines()]

    def sample(self, case, package, procs, benchtime):
        command = [self.binary, "--procs", str(procs), "--benchtime", str(benchtime), case]
        return parse_result(run(command, 60 + benchtime / 20, env=self.env))

    def parked(self, count, procs):
        return parse_parked(run([self.binary, "--procs", str(procs), "--parked", str(count)], 300, env=self.env))


class Go:
    """Go's own benchmarks: the test binaries of its packages, compiled once, run where their sources are."""

    name = "Go"

    def __init__(self):
        self.goroot = run([os.path.join(ROOT, "bench", "get-go")], 900).strip()
        self.home = os.path.join(BUILD, "go")
        self.env = clean_environment(
            GOROOT=self.goroot, GOTOOLCHAIN="local", GOPROXY="off", GOENV="off", GOFLAGS="", CGO_ENABLED="0",
            GOCACHE=os.path.join(self.home, "cache"), GOPATH=os.path.join(self.home, "path"),
            XDG_CONFIG_HOME=os.path.join(self.home, "config"))
        self.go = os.path.join(self.goroot, "bin", "go")
        self.version = run([self.go, "version"], 60, env=self.env).strip()

    def folder(self, package):
        if package == "workload":  # ours
            return os.path.join(ROOT, "bench", "go")
        return os.path.join(self.goroot, "src", package)

    def build(self, packages):
        for package in packages:
            binary = os.path.join(self.home, package + ".test")
            if package == "workload" or not os.path.exists(binary):
                say(f"building Go's benchmarks of package {package}")
                run([self.go, "test", "-c", "-o", binary, "."], 900, env=self.env, cwd=self.folder(package))
        run([self.go, "build", "-o", os.path.join(self.home, "parked"), "."], 900, env=self.env,
            cwd=os.path.join(ROOT, "bench", "go"))

    def sample(self, case, package, procs, benchtime):
        pattern = "/".join(f"^{re.escape(part)}$" for part in ("Benchmark" + case).split("/"))
        command = [os.path.join(self.home, package + ".test"), "-test.run", "NONE", "-test.bench", pattern,
                   "-test.cpu", str(procs), "-test.benchtime", f"{benchtime}ms", "-test.count", "1"]
        return parse_result(run(command, 60 + benchtime / 20, env=self.env, cwd=self.folder(package)))

    def parked(self, count, procs):
        return parse_parked(run([os.path.join(self.home, "parked"), str(count), str(procs)], 300, env=self.env))


def summary(samples):
    """Median and spread (quartile distance, per cent of the median) of a list of figures."""
    median = statistics.median(samples)
    spread = 0.0
    if len(samples) >= 4:
        low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
        spread = 100 * (high - low) / median
    elif len(samples) > 1:
        spread = 100 * (max(samples) - min(samples)) / median
    return {"median": median, "spread": spread, "min": min(samples), "max": max(samples), "samples": samples}


class Row:
    """One case at one number of processors: a cell per column."""

    def __init__(self, case, package, procs):
        self.case, self.package, self.procs = case, package, procs
        self.samples, self.errors, self.skips, self.disturbed = {}, {}, {}, {}

    def measure(self, column, benchtime, retries):
        if column.name in self.errors or column.name in self.skips or (column.name == "Go" and self.package == "-"):
            return
        try:
            ns, share = undisturbed(lambda: column.sample(self.case, self.package, self.procs, benchtime), retries)
            self.samples.setdefault(column.name, []).append(ns)
            self.disturbed.setdefault(column.name, []).append(share)
        except Skipped as why:
            self.skips[column.name] = str(why)
        except Failed as why:
            self.errors[column.name] = str(why)

    def cell(self, column):
        samples = self.samples.get(column)
        if not samples or column in self.errors:
            return None
        return {**summary(samples), "disturbed": [round(share, 2) for share in self.disturbed[column]]}

    def ratio(self):
        weft, go = self.cell("Weft"), self.cell("Go")
        return weft["median"] / go["median"] if weft and go else None

    def as_json(self):
        columns = {name: self.cell(name) for name in self.samples if name not in self.errors}
        columns |= {name: {"error": why} for name, why in self.errors.items()}
        columns |= {name: {"skipped": why} for name, why in self.skips.items()}
        return {"name": self.case, "procs": self.procs, "columns": columns, "ratio": self.ratio()}


def short(case):
    return case.replace("impl=", "")


def figure(x):
    """Three significant digits or the whole number."""
    if x is None:
        return "-"
    if x >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def ratio_text(x):
    return "-" if x is None else f"{x:.2f}"


def geometric_means(rows):
    """Over Go's own benchmarks, per number of processors: geometric mean, how many cases, how many above 1."""
    means = {}
    for procs in sorted({row.procs for row in rows}):
        ratios = [row.ratio() for row in rows if row.procs == procs and row.package != "workload" and row.ratio()]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            means[procs] = {"mean": mean, "cases": len(ratios), "above 1": sum(r > 1 for r in ratios)}
    return means


def print_table(rows, parked, columns):
    print(f"{'case':26} {'procs':>5} {'Weft ns/op':>12} {'spread':>7} {'Go ns/op':>12} {'spread':>7} {'ratio':>7}")
    for row in rows:
        cells = []
        for name in ("Weft", "Go"):
            cell = row.cell(name)
            if cell:
                cells.append(f"{figure(cell['median']):>12} {cell['spread']:6.0f}%")
            else:
                cells.append(f"{'failed' if name in row.errors else '-':>12} {'':7}")
        print(f"{short(row.case):26} {row.procs:5} {cells[0]} {cells[1]} {ratio_text(row.ratio()):>7}")
    for procs, mean in geometric_means(rows).items():
        print(f"geometric mean of {mean['cases']} ratios at {procs}: {mean['mean']:.3f}, {mean['above 1']} above 1")
    if parked:
        print(f"\n{'parked':>10} {'procs':>5} {'column':>6} {'bytes each':>11} {'(RSS':>7} {'tables)':>8} "
              f"{'create ns':>10} {'wake+end ns':>12}")
        for (count, procs), cells in parked.items():
            for column in columns:
                cell = cells.get(column.name)
                if isinstance(cell, dict):
                    print(f"{count:10,} {procs:5} {column.name:>6} {cell['bytes']:11,.0f} {cell['rss']:7,.0f} "
                          f"{cell['page tables']:8,.0f} {cell['create ns']:10,.0f} {cell['end ns']:12,.0f}")
                else:
                    print(f"{count:10,} {procs:5} {column.name:>6} {'failed: ' + cell if cell else '-'}")
    for row in rows:
        for name, why in {**row.skips, **row.errors}.items():
            print(f"{name} {short(row.case)} at {row.procs}: {why}")


def print_markdown(rows, parked, procs_list):
    """The table as the README and docs/internals/performance.md have it: a line per case."""
    heads = [f"Weft, {p} | Go, {p} | ratio" for p in procs_list]
    print("| ns per operation, at processors | " + " | ".join(heads) + " |")
    print("|---" + "|--:|--:|--:" * len(procs_list) + "|")
    by_case = {}
    for row in rows:
        by_case.setdefault(row.case, {})[row.procs] = row
    for case, at in by_case.items():
        cells = []
        for procs in procs_list:
            row = at[procs]
            medians = [figure(row.cell(n)["median"]) if row.cell(n) else "failed" if n in row.errors else "-"
                       for n in ("Weft", "Go")]
            cells += medians + [ratio_text(row.ratio())]
        print(f"| {short(case)} | " + " | ".join(cells) + " |")
    means = geometric_means(rows)
    if means:
        print("| **geometric mean** | " + " | ".join(f" | | **{means[p]['mean']:.2f}**" if p in means else " | | -"
                                                     for p in procs_list) + " |")
    if parked:
        print("\n| parked goroutines, at processors | bytes each (RSS + page tables) | create, ns | wake and end, ns |")
        print("|---|--:|--:|--:|")
        for (count, procs), cells in parked.items():
            for name, cell in cells.items():
                if isinstance(cell, dict):
                    print(f"| {count:,} in {name}, {procs} | {cell['bytes']:,.0f} | {cell['create ns']:,.0f} | "
                          f"{cell['end ns']:,.0f} |")


def machine():
    model = "unknown"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True).stdout.splitlines()[:1]
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "memory GiB": round(memory, 1),
            "kernel": platform.release(), "architecture": platform.machine(),
            "compiler": compiler[0] if compiler else "unknown"}


def measure_parked(columns, counts, procs_list, rounds, retries):
    parked = {}
    for count in counts:
        for procs in procs_list:
            cells = parked.setdefault((count, procs), {})
            for _ in range(rounds):
                for column in columns:
                    say(f"parked {count:,} at {procs}: {column.name}")
                    if isinstance(cells.get(column.name), str):
                        continue
                    try:
                        figures, _ = undisturbed(lambda c=column: c.parked(count, procs), retries)
                        cells.setdefault(column.name, []).append(figures)
                    except Failed as why:
                        cells[column.name] = str(why)
            for name, cell in cells.items():
                if isinstance(cell, list):
                    cells[name] = {key: statistics.median(sample[key] for sample in cell) for key in cell[0]}
    return parked


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description="Weft beside Go's own benchmarks, one table.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter samples: under three minutes")
    parser.add_argument("--only", metavar="REGEX", default="", help="cases whose name matches (Parked is one)")
    parser.add_argument("--procs", default="1,2", help="numbers of processors (1,2)")
    parser.add_argument("--rounds", type=int, help="samples per cell (10; --quick: 3)")
    parser.add_argument("--benchtime", type=int, metavar="MS", help="least time of one sample (200; --quick: 40)")
    parser.add_argument("--retries", type=int, help="how often to take a disturbed sample again (10; --quick: 1)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", default=os.path.join(BUILD, "results.json"), help="where to write the figures")
    parser.add_argument("--no-go", action="store_true", help="Weft alone")
    parser.add_argument("--weft-bench", metavar="FILE", help="use this weft-bench and build none")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 10)
    options.benchtime = options.benchtime or (40 if options.quick else 200)
    options.retries = (1 if options.quick else 10) if options.retries is None else options.retries
    options.procs = [int(p) for p in options.procs.split(",")]
    return options


def main():
    options = arguments()
    start, load = time.time(), os.getloadavg()
    os.makedirs(BUILD, exist_ok=True)
    wanted = re.compile(options.only)
    weft = Weft(options.weft_bench)
    columns = [weft]
    cases = [(case, package) for case, package in weft.cases() if wanted.search(case)]
    if not options.no_go:
        try:
            go = Go()
            go.build(sorted({package for _, package in cases if package != "-"}))
            columns.append(go)
        except Failed as why:
            say(f"no Go column: {why}")
    host = machine()
    say(f"{host['processor']}, {host['cores']} cores, Linux {host['kernel']}, {host['compiler']}; Weft {weft.version}; "
        + "; ".join(c.version for c in columns[1:]) + f"; load {load[0]:.2f}")
    if load[0] > 0.5:
        say("the machine is busy: samples that others disturb are taken again")

    rows = [Row(case, package, procs) for case, package in cases for procs in options.procs]
    for turn in range(options.rounds):
        say(f"round {turn + 1} of {options.rounds}, {time.time() - start:.0f} s")
        for row in rows:
            for column in columns if turn % 2 == 0 else reversed(columns):
                row.measure(column, options.benchtime, options.retries)
    parked = {}
    if wanted.search("Parked"):
        counts = PARKED_COUNTS[:1] if options.quick else PARKED_COUNTS
        parked = measure_parked(columns, counts, options.procs, 1 if options.quick else 3, options.retries)

    if options.markdown:
        print_markdown(rows, parked, options.procs)
    else:
        print_table(rows, parked, columns)
    after = os.getloadavg()
    shares = [share for row in rows for column in row.disturbed.values() for share in column]
    noisy = sum(share > Disturbance.limit for share in shares)
    if noisy:
        say(f"{noisy} of {len(shares)} samples were disturbed by other processes")
    say(f"load {load[0]:.2f} before, {after[0]:.2f} after; {time.time() - start:.0f} s; figures in {options.json}")
    result = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "machine": host,
              "load": {"before": load, "after": after}, "rounds": options.rounds, "benchtime ms": options.benchtime, "disturbed samples": noisy,
              "versions": {c.name: c.version for c in columns}, "rows": [row.as_json() for row in rows],
              "geometric means": geometric_means(rows),
              "parked": [{"count": k[0], "procs": k[1], "columns": cells} for k, cells in parked.items()]}
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    failed = [row for row in rows if "Weft" in row.errors]
    failed += [1 for cells in parked.values() if isinstance(cells.get("Weft"), str)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

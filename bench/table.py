# SPDX-License-Identifier: Apache-2.0
"""table.py - the bench: Weft beside Go and its peers in one run; tables, JSON, charts. bench/run calls it.

Four groups of rows: "names" are Go's own benchmarks, "workloads" what other systems can do, too, "parked" tasks that
wait, "growth" one operation beside growing numbers. Each case runs in each column in turn, round after round (A B A B),
one process per sample, so that all see the same minutes of the machine. A sample is the last, longest call of the case;
the calls before it are the warm-up. The tables show medians; the spread is the distance between the quartiles in per cent
of the median. Absolute figures depend on machine and hour: the ratios are what counts.

When other processes took more than a seventh of a core while a sample ran, it is taken again, up to --retries times;
the least disturbed one counts, and the disturbance is reported. No round begins that would end after --minutes, and past
them nothing is taken again, so the run is never much longer.
"""

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import time

import charts
import growth
import report
from columns import BUILD, Go, Weft, peers
from samples import Disturbance, Failed, Row, say

# Seconds of one sample on a quiet machine with two cores, where that is more than benchtime asks for.
SECONDS = {"WorkSkynet1000000": 1.5, "WorkSieve2000": 0.4, "WorkSleepers100000": 1.4, "WorkFanOut10Sleep": 2.1,
           "WorkCompute": 0.2, "Parked100000": 1.0, "Parked1000000": 8.0, "GrowIdle": 0.4, "size 1000000": 7.0,
           "size 100000": 1.0, "Grow": 0.3}
LONG = ("WorkSkynet1000000", "WorkSieve2000", "WorkSleepers100000", "WorkFanOut10Sleep", "WorkCompute")
GROUPS = ("names", "workloads", "parked", "growth")


def make_rows(cases, columns, options):
    """Every row that the options ask for, in the tables' order."""
    wanted, rows = re.compile(options.only), []
    package_of = dict(cases)

    def add(group, case, package, procs, parked=0):
        able = [c for c in columns if c.has(case, package, procs)]
        if group in ("names", "growth") or (options.quick and case in LONG):
            able = [c for c in able if c.own]
        if group in options.groups and wanted.search(case) and able:
            rows.append(Row(group, case, package, procs, able, parked))

    for case, package in cases:
        if not case.startswith("Grow"):
            for procs in options.procs:
                add("workloads" if package == "workload" else "names", case, package, procs)
    for procs in options.procs:
        add("parked", "Parked100000", "parked", procs, 100_000)
    if not options.quick:
        add("parked", "Parked1000000", "parked", options.procs[0], 1_000_000)
    for series in growth.SERIES:
        for _, case, procs in series.points():
            add("growth", case, package_of[case], procs)
    have = set()  # a workload at one and two processors is a point of a series as well
    unique = []
    for row in rows:
        if (row.case, row.procs) not in have:
            have.add((row.case, row.procs))
            unique.append(row)
    return unique


def seconds_of(row, benchtime):
    """What one sample of the row takes on a quiet machine, about."""
    size = "size " + row.case.split("/")[-1]
    if row.case in SECONDS:
        return SECONDS[row.case]
    if row.case.startswith("GrowIdle") and size not in SECONDS:
        return SECONDS["GrowIdle"]
    if row.group == "growth" and "/" in row.case:
        if row.case.startswith(("GrowCapacity", "GrowTimers")):
            return SECONDS["Grow"] / 3
        return SECONDS["Grow"] if row.case.startswith("GrowSpawn") else SECONDS.get(size, SECONDS["Grow"])
    return 1.7 * benchtime / 1000 + 0.02


def budget_of(row, options):
    """Seconds after which a cell has enough with three samples: of growth there are many, and a line is laid through."""
    return options.budget / 2 if row.group == "growth" else options.budget


def estimate(rows, options):
    """Seconds of the whole, per group."""
    groups = {}
    for row in rows:
        seconds = seconds_of(row, options.benchtime)
        budget = budget_of(row, options)
        for column in row.columns:
            least = 3 if column.own or seconds < budget else 1
            rounds = min(options.rounds, max(least, int(budget / seconds) + 1))
            groups[row.group] = groups.get(row.group, 0) + seconds * rounds
    return groups


def measure(rows, options, start):
    """Round after round, until all are taken or the time is over. Returns seconds per group and how many rounds."""
    seconds, end, rounds, longest = {}, start + 60 * options.minutes, 0, 0
    for turn in range(options.rounds):
        begin = time.time()
        left = [row for row in rows if any(row.wants(c, budget_of(row, options)) for c in row.columns)]
        if not left:
            break
        # What a round takes shrinks as slow cells come to their end: two thirds of the last is a careful guess.
        if turn > 0 and begin + 0.67 * longest > end:
            say(f"only {turn} rounds fit into {options.minutes} minutes")
            break
        say(f"round {turn + 1} of {options.rounds}, {begin - start:.0f} s")
        for row in left:
            if turn > 0 and time.time() > end + 30:
                say(f"round {turn + 1} is left off half done")
                break
            before = time.time()
            for column in row.columns if turn % 2 == 0 else reversed(row.columns):
                row.measure(column, options.benchtime, options.retries if time.time() < end else 0,
                            budget_of(row, options))
            seconds[row.group] = seconds.get(row.group, 0) + time.time() - before
        rounds, longest = turn + 1, time.time() - begin
    return seconds, rounds


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


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description="Weft beside Go and other systems, in one run.")
    parser.add_argument("--quick", action="store_true",
                        help="under three minutes: fewer and shorter samples, of the long workloads Weft and Go alone, "
                             "no million parked, no growth")
    parser.add_argument("--only", metavar="REGEX", default="", help="cases whose name matches (Parked100000 is one)")
    parser.add_argument("--groups", default="", help=f"of {','.join(GROUPS)} (all; --quick: without growth)")
    parser.add_argument("--procs", default="1,2", help="numbers of processors (1,2)")
    parser.add_argument("--rounds", type=int, help="samples per cell (10; --quick: 3)")
    parser.add_argument("--benchtime", type=int, metavar="MS", help="least time of one sample (50; --quick: 20)")
    parser.add_argument("--budget", type=float, metavar="S",
                        help="a cell that has cost so much takes no more than three samples (6, growth half; --quick: 1)")
    parser.add_argument("--minutes", type=float, help="no round begins that would end later (24; --quick: 2.7)")
    parser.add_argument("--retries", type=int, help="how often to take a disturbed sample again (5; --quick: 1)")
    parser.add_argument("--estimate", action="store_true", help="say what the run would take, and end")
    parser.add_argument("--markdown", metavar="FILE", nargs="?", const="-",
                        help="print the tables as Markdown, or put them between the marks of a file")
    parser.add_argument("--charts", metavar="FOLDER", default=os.path.join(BUILD, "charts"), help="where to draw")
    parser.add_argument("--json", default=os.path.join(BUILD, "results.json"), help="where to write the figures")
    parser.add_argument("--no-go", action="store_true", help="without Go")
    parser.add_argument("--no-peers", action="store_true", help="without the other systems")
    parser.add_argument("--weft-bench", metavar="FILE", help="use this weft-bench and build none")
    options = parser.parse_args()
    full_quick = {"rounds": (10, 3), "benchtime": (50, 20), "budget": (6.0, 1.0), "minutes": (24.0, 2.7),
                  "retries": (5, 1)}
    for name, values in full_quick.items():
        if getattr(options, name) is None:
            setattr(options, name, values[options.quick])
    options.procs = [int(p) for p in options.procs.split(",")]
    options.groups = options.groups.split(",") if options.groups else GROUPS[:3] if options.quick else GROUPS
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    return options


def make_columns(options):
    """Weft, Go and the peers that can be had; a line for each that cannot."""
    weft = Weft(options.weft_bench)
    columns, cases = [weft], weft.cases()
    if not options.no_go:
        try:
            go = Go()
            go.build(sorted({package for _, package in cases if package != "-"}))
            columns.append(go)
        except Failed as why:
            say(f"no Go column: {why}")
    for peer in peers() if not options.no_peers and {"workloads", "parked"} & set(options.groups) else []:
        try:
            peer.build()
            columns.append(peer)
        except Failed as why:
            say(f"skipped: {peer.name}: {why}")
    return columns, cases


def write_markdown(path, tables, files, heading):
    """Print the tables, or put them between the marks of a file, with the charts that lie beside it."""
    if path == "-":
        print("\n\n".join([heading, *[report.markdown_table(head, lines) for _, head, lines in tables]]))
        return
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = report.replace_part(text, "run", heading)
    for name, head, lines in tables:
        pictures = [f"![{name}]({os.path.relpath(f, os.path.dirname(os.path.abspath(path)))})" for f in files
                    if os.path.basename(f).startswith({"names": "ratio"}.get(name, name))]
        text = report.replace_part(text, name, "\n\n".join([report.markdown_table(head, lines), *pictures]))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    options = arguments()
    load = os.getloadavg()
    os.makedirs(BUILD, exist_ok=True)
    columns, cases = make_columns(options)
    rows = make_rows(cases, columns, options)
    columns = [c for c in columns if any(c in row.columns for row in rows)]
    host = machine()
    say(f"{host['processor']}, {host['cores']} cores, Linux {host['kernel']}, {host['compiler']}; Weft "
        + "; ".join(c.version for c in columns) + f"; load {load[0]:.2f}")
    if load[0] > 0.5:
        say("the machine is busy: samples that others disturb are taken again")
    expected = estimate(rows, options)
    say("estimate for a quiet machine: " + ", ".join(f"{group} {s:.0f} s" for group, s in expected.items())
        + f"; {sum(expected.values()) / 60:.1f} minutes")
    if options.estimate:
        return 0

    start = time.time()
    seconds, rounds = measure(rows, options, start)
    verdicts = growth.verdicts(rows) if "growth" in options.groups else []
    files = charts.draw(rows, verdicts, options.procs, options.charts)
    tables = report.tables(rows, columns, options.procs, verdicts)
    after = os.getloadavg()
    shares = [share for row in rows for column in row.disturbed.values() for share in column]
    noisy = sum(share > Disturbance.limit for share in shares)
    today = datetime.datetime.now(datetime.timezone.utc)
    if options.markdown:
        heading = (f"{today:%Y-%m-%d}: {host['cores']} cores of {host['processor']}, {host['memory GiB']} GiB, "
                   f"Linux {host['kernel']}, {host['compiler']}; {rounds} rounds, {noisy} of {len(shares)} samples "
                   f"disturbed, load {load[0]:.1f} before and {after[0]:.1f} after. Weft "
                   + "; ".join(c.version for c in columns) + ".")
        write_markdown(options.markdown, tables, files, heading)
    else:
        for _, head, lines in tables:
            print(report.text_table(head, lines) + "\n")
        print("\n".join(report.notes(rows)))
    for procs, mean in report.geometric_means(rows).items():
        say(f"geometric mean of {mean['cases']} ratios to Go at {procs}: {mean['mean']:.3f}, {mean['above 1']} above 1")
    if noisy:
        say(f"{noisy} of {len(shares)} samples were disturbed by other processes")
    say("took " + ", ".join(f"{group} {s:.0f} s" for group, s in seconds.items()) + f"; load {load[0]:.2f} before, "
        f"{after[0]:.2f} after; {time.time() - start:.0f} s; figures in {options.json}, charts: {len(files)}")
    result = {"date": today.isoformat(timespec="seconds"), "machine": host, "load": {"before": load, "after": after},
              "rounds": rounds, "benchtime ms": options.benchtime, "disturbed samples": noisy, "seconds": seconds,
              "versions": {c.name: c.version for c in columns}, "rows": [row.as_json() for row in rows],
              "geometric means": report.geometric_means(rows), "growth": verdicts}
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    return 1 if any("Weft" in row.errors for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

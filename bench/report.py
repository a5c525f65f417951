# SPDX-License-Identifier: Apache-2.0
"""report.py - the tables, as text for a terminal and as Markdown for docs/performance.md."""

import math
import re

MARK = "<!-- bench: {} -->"  # docs/performance.md has a pair of these around each generated part: "name", "end of name"
SINGLE = ("WorkSkynet1000000", "WorkSieve2000", "WorkSleepers100000", "WorkFanOut10Sleep", "WorkCompute")  # ms, not ns


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


def scaled(case, x):
    """A time per operation in the unit of the case's row: ms where an operation is a whole workload."""
    return x / 1e6 if case in SINGLE and x is not None else x


def geometric_means(rows):
    """Over Go's own benchmarks, per number of processors: geometric mean, how many cases, how many above 1."""
    means = {}
    names = [row for row in rows if row.group == "names"]
    for procs in sorted({row.procs for row in names}):
        ratios = [row.ratio() for row in names if row.procs == procs and row.ratio()]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            means[procs] = {"mean": mean, "cases": len(ratios), "above 1": sum(r > 1 for r in ratios)}
    return means


def text_table(head, lines):
    """Columns as wide as they need to be; the first to the left, the others to the right."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))) for line in [head, *lines])


def markdown_table(head, lines):
    return "\n".join("| " + " | ".join(line) + " |"
                     for line in [head, ["---", *["--:"] * (len(head) - 1)], *lines]).replace("| --- |", "|---|")


def names_table(rows, procs_list):
    """A line per benchmark of Go."""
    head = ["ns per operation, at processors"]
    for procs in procs_list:
        head += [f"Weft, {procs}", "spread", f"Go, {procs}", "spread", "ratio"]
    by_case = {}
    for row in rows:
        if row.group == "names":
            by_case.setdefault(row.case, {})[row.procs] = row
    lines = []
    for case, at in by_case.items():
        line = [short(case)]
        for procs in procs_list:
            for name in ("Weft", "Go"):
                cell = at[procs].cell(name)
                line += [figure(cell["median"]), f"{cell['spread']:.0f} %"] if cell else \
                    ["failed" if name in at[procs].errors else "-", ""]
            line.append(ratio_text(at[procs].ratio()))
        lines.append(line)
    means = geometric_means(rows)
    if means:
        lines.append(["geometric mean"] + [text for procs in procs_list for text in
                                           ["", "", "", "", ratio_text(means.get(procs, {}).get("mean"))]])
    return head, lines


def workload_table(rows, columns):
    """A line per workload and number of processors, a column per system; Weft's spread, and its two ratios."""
    head = ["workload, at processors", "unit", "Weft", "spread", *[c.name for c in columns if c.name != "Weft"],
            "Weft / Go", "Weft / best peer"]
    lines = []
    for row in rows:
        if row.group != "workloads":
            continue
        weft, best = row.cell("Weft"), row.best_peer()
        line = [f"{row.case.removeprefix('Work')}, {row.procs}", "ms" if row.case in SINGLE else "ns",
                figure(scaled(row.case, weft and weft["median"])), f"{weft['spread']:.0f} %" if weft else ""]
        for column in columns:
            if column.name != "Weft":
                text = figure(scaled(row.case, row.median(column.name)))
                line.append("failed" if column.name in row.errors else text)
        line += [ratio_text(row.ratio()), f"{ratio_text(row.ratio(best))} ({best})" if best else "-"]
        lines.append(line)
    return head, lines


def speed_up_table(rows, columns):
    """How much faster the same work is on two processors than on one; and what 100,000 sleepers cost."""
    at = {(row.case, row.procs): row for row in rows}
    head = ["system", "speed-up of work on 2 processors", "100,000 sleepers: wall, s", "processor time, s",
            "woke early by at most, ms"]
    lines = []
    for column in columns:
        one, two, sleepers = (at.get(key) for key in (("WorkCompute", 1), ("WorkCompute", 2), ("WorkSleepers100000", 1)))
        one, two = (row.median(column.name) if row else None for row in (one, two))
        wall, cpu, early = (sleepers.median(column.name, key) if sleepers else None for key in ("ns", "cpu", "early"))
        if wall or (one and two):
            lines.append([column.name, f"{one / two:.2f}" if one and two else "-",
                          f"{wall / 1e9:.3f}" if wall else "-", f"{cpu / 1e9:.2f}" if cpu else "-",
                          f"{max(early, 0) / 1e6:.1f}" if early is not None else "-"])
    return head, lines


def parked_table(rows):
    head = ["parked tasks, at processors", "bytes each", "of them page tables", "create, ns", "wake and end, ns"]
    lines = []
    for row in rows:
        if row.group == "parked":
            for column in row.columns:
                name = column.name
                if name in row.errors:
                    lines.append([f"{row.parked:,} in {name}, {row.procs}", "failed", "", "", ""])
                elif row.cell(name, "bytes"):
                    lines.append([f"{row.parked:,} in {name}, {row.procs}"] + [
                        figure(row.median(name, key)) for key in ("bytes", "page tables", "create ns", "end ns")])
    return head, lines


def growth_table(verdicts):
    head = ["what grows", "processors", "in", "theory", "from", "to", "power measured", "held"]
    lines = []
    for v in verdicts:
        ends = [f"{figure(cost)} ns at {size:,}" for size, cost in (v["points"][0], v["points"][-1])]
        lines.append([v["what"], str(v["procs"] or "1 to 8"), v["column"], v["theory"], *ends, f"{v['power']:.2f}",
                      "yes" if v["held"] else "no"])
    return head, lines


def tables(rows, columns, procs_list, verdicts):
    """Every table that has lines: name, head, lines."""
    every = [("names", *names_table(rows, procs_list)), ("workloads", *workload_table(rows, columns)),
             ("speed-up", *speed_up_table(rows, columns)), ("parked", *parked_table(rows)),
             ("growth", *growth_table(verdicts))]
    return [table for table in every if table[2]]


def notes(rows):
    """Why a cell is empty, a line each."""
    return [f"{name}, {short(row.case)} at {row.procs}: {why}"
            for row in rows for name, why in {**row.skips, **row.errors}.items()]


def replace_part(text, name, part):
    """The text with what stands between a pair of marks replaced. ValueError: there is no such pair."""
    begin, end = re.escape(MARK.format(name)), re.escape(MARK.format("end of " + name))
    replaced, count = re.subn(f"({begin}\n).*?({end})", lambda m: m.group(1) + part + "\n" + m.group(2), text,
                              flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{count} pairs of marks named {name}")
    return replaced

# SPDX-License-Identifier: Apache-2.0
"""charts.py - draws the charts: hands gnuplot the data and a script of bench/charts for each."""

import os
import shutil
import subprocess
import tempfile

from report import short

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "charts")


def ratio_data(rows, procs_list):
    """name, then the ratio to Go at each number of processors (or NaN)."""
    by_case = {}
    for row in rows:
        if row.group == "names" and row.ratio():
            by_case.setdefault(short(row.case), {})[row.procs] = row.ratio()
    return [[name, *[at.get(procs, "NaN") for procs in procs_list[:2]]] for name, at in reversed(by_case.items())]


def parked_data(rows):
    """system, bytes of a parked task: 100,000 of them at one processor, the largest first."""
    for row in rows:
        if row.group == "parked" and row.parked == 100_000 and row.procs == 1:
            data = [[c.name, row.median(c.name, "bytes")] for c in row.columns if row.median(c.name, "bytes")]
            return sorted(data, key=lambda line: line[1])
    return []


def growth_data(verdicts, wanted):
    """Blocks of size and cost, each under its title; Weft alone."""
    blocks = []
    for v in verdicts:
        if v["column"] == "Weft" and v["series"].startswith(wanted) and v["procs"] in (None, 1):
            blocks.append([[v["series"].removeprefix("Grow").removeprefix("Work")], *map(list, v["points"])])
    return blocks


def write(path, blocks):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n\n\n".join("\n".join("\t".join(f'"{x}"' if isinstance(x, str) and x != "NaN" else str(x)
                                                     for x in line) for line in block) for block in blocks) + "\n")


def draw(rows, verdicts, procs_list, folder):
    """Draw into the folder what there are figures for. Returns the files; [] without gnuplot."""
    if not shutil.which("gnuplot"):
        return []
    goroutines = ("GrowSpawn", "GrowYield", "GrowRing", "GrowSenders", "GrowClose", "GrowTimers")
    charts = [("ratio", "ratio", [ratio_data(rows, procs_list)], ""),
              ("parked", "parked", [parked_data(rows)], ""),
              ("growth-goroutines", "growth", growth_data(verdicts, goroutines), "goroutines or timers"),
              ("growth-width", "growth", growth_data(verdicts, ("GrowCapacity", "GrowSelect")),
               "slots of the channel, cases of the select"),
              ("growth-processors", "growth", growth_data(verdicts, "Work"), "processors")]
    os.makedirs(folder, exist_ok=True)
    files = []
    for name, script, blocks, label in charts:
        if not any(blocks):
            continue
        picture = os.path.join(folder, name + ".png")
        with tempfile.TemporaryDirectory() as private:
            data = os.path.join(private, "data")
            write(data, blocks)
            done = subprocess.run(["gnuplot", "-e", f"data='{data}'; output_file='{picture}'; label='{label}'; "
                                   f"blocks={len(blocks)}; lines={len(blocks[0])}",
                                   os.path.join(SCRIPTS, script + ".gp")], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"gnuplot, {script}.gp: {done.stderr.strip()}")
        files.append(picture)
    return files

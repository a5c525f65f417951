# SPDX-License-Identifier: Apache-2.0
"""columns.py - the systems that the table compares: Weft, Go, and the peers of bench/peers.

A column has name, version, own (Weft and Go, which have every case), sample(case, package, procs, benchtime) and
parked(count, procs); has(case, package, procs) says whether it can. Building one may raise Failed."""

import os
import platform
import re
import shutil
import subprocess
import sys

from samples import Failed, clean_environment, parse_parked, parse_result, run, say

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "bench")
PEER_TIMEOUT = 20  # seconds: what a peer needs longer for than that is not measured


class Weft:
    """The library of this tree, built for release, and weft-bench."""

    name, own = "Weft", True

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

    def has(self, case, package, procs):
        return True

    def cases(self):
        """Name and Go package of each case, in the table's order."""
        return [line.split() for line in run([self.binary, "--list"], 60, env=self.env).splitlines()]

    def sample(self, case, package, procs, benchtime):
        command = [self.binary, "--procs", str(procs), "--benchtime", str(benchtime), case]
        return parse_result(run(command, 60 + benchtime / 20, env=self.env))

    def parked(self, count, procs):
        return parse_parked(run([self.binary, "--procs", str(procs), "--parked", str(count)], 300, env=self.env))


def operations(case):
    """How many operations weft-bench does in one sample of a growing case (growth.c)."""
    series, size = case.split("/")
    least = {"GrowYield": 4_000_000, "GrowClose": 100_000, "GrowTimers": 100_000, "GrowIdle": 1}
    return max(least.get(series, 1_000_000), int(size))


class Go:
    """Go's own benchmarks: the test binaries of its packages, compiled once, run where their sources are."""

    name, own = "Go", True

    def __init__(self):
        self.goroot = run([os.path.join(ROOT, "bench", "get-go")], 900).strip()
        self.home = os.path.join(BUILD, "go")
        self.env = clean_environment(
            GOROOT=self.goroot, GOTOOLCHAIN="local", GOPROXY="off", GOENV="off", GOFLAGS="", CGO_ENABLED="0",
            GOCACHE=os.path.join(self.home, "cache"), GOPATH=os.path.join(self.home, "path"),
            XDG_CONFIG_HOME=os.path.join(self.home, "config"))
        self.go = os.path.join(self.goroot, "bin", "go")
        self.version = run([self.go, "version"], 60, env=self.env).strip()

    def has(self, case, package, procs):
        return package != "-" and not case.endswith("/1000000")  # growth to 100,000 shows how Go's costs grow

    def binary(self, package):
        """The test binary: the growing cases are in that of the workloads."""
        return os.path.join(self.home, ("workload" if package == "growth" else package) + ".test")

    def folder(self, package):
        if package in ("workload", "growth"):  # ours
            return os.path.join(ROOT, "bench", "go")
        return os.path.join(self.goroot, "src", package)

    def build(self, packages):
        for package in packages:
            binary = self.binary(package)
            if package == "workload" or not os.path.exists(binary):
                say(f"building Go's benchmarks of package {package}")
                run([self.go, "test", "-c", "-o", binary, "."], 900, env=self.env, cwd=self.folder(package))
        run([self.go, "build", "-o", os.path.join(self.home, "parked"), "."], 900, env=self.env,
            cwd=os.path.join(ROOT, "bench", "go"))

    def sample(self, case, package, procs, benchtime):
        count = f"{operations(case)}x" if package == "growth" else f"{benchtime}ms"
        pattern = "/".join(f"^{re.escape(part)}$" for part in ("Benchmark" + case).split("/"))
        command = [self.binary(package), "-test.run", "NONE", "-test.bench", pattern,
                   "-test.cpu", str(procs), "-test.benchtime", count, "-test.count", "1"]
        return parse_result(run(command, 60 + benchtime / 20, env=self.env, cwd=self.folder(package)))

    def parked(self, count, procs):
        return parse_parked(run([os.path.join(self.home, "parked"), str(count), str(procs)], 300, env=self.env))


def installed(package):
    """The version of a Debian package, or its name."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return f"{package} {done.stdout}" if done.returncode == 0 and done.stdout else package


class Peer:
    """A program of bench/peers."""

    own = False
    folder = os.path.join(ROOT, "bench", "peers")

    def __init__(self, name, build, packages=(), probe=None):
        self.name, self.packages, self.build_with, self.probe = name, packages, build, probe
        self.env = clean_environment()
        self.version = ""

    def build(self):
        """Build it, and ask what it has. Raises Failed: it cannot be had here."""
        if self.probe and subprocess.run(self.probe, capture_output=True).returncode != 0:
            raise Failed(f"not here (Debian: {' '.join(self.packages)}; bench/run --install)")
        os.makedirs(os.path.join(BUILD, "peers"), exist_ok=True)
        say(f"building the peer {self.name}")
        self.command = self.build_with()
        listed = run([*self.command, "--list"], 60, env=self.env).split()
        self.procs_max, self.cases = int(listed[1]), set(listed[2:])
        self.version = f"{self.name}: " + (installed(self.packages[0]) if self.packages else self.system())

    def system(self):
        return platform.python_version() if sys.executable in self.command else "-".join(platform.libc_ver())

    def has(self, case, package, procs):
        return procs <= self.procs_max and (case in self.cases or package == "parked")

    def sample(self, case, package, procs, benchtime):
        command = [*self.command, "--procs", str(procs), "--benchtime", str(benchtime), case]
        return parse_result(run(command, PEER_TIMEOUT, env=self.env))

    def parked(self, count, procs):
        return parse_parked(run([*self.command, "--procs", str(procs), "--parked", str(count)], 3 * PEER_TIMEOUT,
                                env=self.env))


def compiled(folder, source, *libraries, compiler="gcc", standard="gnu11"):
    """A build of a peer in C or C++, with Weft's optimisation."""
    def build():
        home, here = os.path.join(BUILD, "peers"), Peer.folder
        harness, binary = os.path.join(home, "peer.o"), os.path.join(home, folder)
        run(["gcc", "-std=gnu11", "-O3", "-Wall", "-Wextra", "-c", "-o", harness, os.path.join(here, "peer.c")], 120)
        run([compiler, f"-std={standard}", "-O3", "-Wall", "-Wextra", "-o", binary,
             os.path.join(here, folder, source), harness, *libraries], 300)
        return [binary]
    return build


def cargo():
    """tokio: built in a copy, since cargo writes beside the sources."""
    home = os.path.join(BUILD, "peers", "tokio")
    shutil.copytree(os.path.join(Peer.folder, "tokio"), home, dirs_exist_ok=True)
    run(["cargo", "build", "--release", "--offline", "--quiet"], 900, cwd=home, env=clean_environment())
    return [os.path.join(home, "target", "release", "weft-peer-tokio")]


def script(name):
    return lambda: [sys.executable, "-B", os.path.join(Peer.folder, "python", name)]


def header(name, compiler="gcc"):
    language = "c++" if compiler == "g++" else "c"
    return ["sh", "-c", f"echo '#include <{name}>' | {compiler} -x {language} -fsyntax-only -"]


def peers():
    return [
        Peer("Boost.Fiber", compiled("boost-fiber", "boost-fiber.cc", "-lboost_fiber", "-lboost_context", "-pthread",
                                     compiler="g++", standard="gnu++17"),
             ("libboost-fiber-dev", "g++"), header("boost/fiber/all.hpp", "g++")),
        Peer("State Threads", compiled("state-threads", "state-threads.c", "-lst"), ("libst-dev",), header("st.h")),
        Peer("GNU Pth", compiled("pth", "pth.c", "-lpth"), ("libpth-dev",), header("pth.h")),
        Peer("tokio", cargo, ("librust-tokio-dev", "cargo"),
             ["sh", "-c", "command -v cargo && ls -d /usr/share/cargo/registry/tokio-1.*"]),
        Peer("pthreads", compiled("pthreads", "pthreads.c", "-pthread")),
        Peer("Python threads", script("threads.py")),
        Peer("asyncio", script("tasks.py")),
    ]

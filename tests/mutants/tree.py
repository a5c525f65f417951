# SPDX-License-Identifier: Apache-2.0
"""A copy of the source in which one thing at a time is broken, its builds, and the runs of its test programs.

Orders and locks have a copy each. That for locks can leave out a pair: the mutated call says that the next lock taken is not to be
taken, and whoever would leave it later does not leave it. To leave out the taking alone would be no fair test: the leaving would
open the lock of somebody else. And the assertion that a lock is taken always holds there: what counts is what comes of it.
"""

import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import sites

ROOT = pathlib.Path(__file__).resolve().parents[2]

SOURCE = ('src/**', 'tests/**', 'include/**', 'cmake/**', 'scripts/*', 'docs/**', 'CMakeLists.txt', 'CMakePresets.json')

# preset, options. Without assertions: what kills there is a test or ThreadSanitizer itself.
BUILDS = {
    'tsan': ('clang-tsan', ['-DWEFT_ASSERTIONS=OFF']),
    'debug': ('gcc-debug', ['-DWEFT_SHARED=OFF']),
    'release': ('gcc-release', ['-DWEFT_SHARED=OFF']),
}
COMMON = ['-DWEFT_EXAMPLES=OFF', '-DWEFT_TOOLS=OFF']

SKIP_DECLARATIONS = '''
void weft__mutant_skip_next(void);
bool weft__mutant_skips_take(const void *lock, const void *owner);
bool weft__mutant_skips_leave(const void *lock, const void *owner);
'''

# The owner is the thread, as lock.c explains; in the exploring library, where all is one thread, the goroutine;
# but a commit step leaves what the goroutine has taken that was there before, so what nobody has may be left by any (NULL).
SKIP_DEFINITIONS = '''
static __thread bool skip_next;
static __thread struct { const void *lock, *owner; } skipped[64];
__attribute__((noinline)) void weft__mutant_skip_next(void)
{
    skip_next = true;
}
__attribute__((noinline)) bool weft__mutant_skips_take(const void *lock, const void *owner)
{
    if (!skip_next)
        return false;
    skip_next = false;
    for (int i = 0; i < 64; i++)
        if (skipped[i].lock == NULL) {
            skipped[i].lock = lock;
            skipped[i].owner = owner;
            return true;
        }
    return false;
}
__attribute__((noinline)) bool weft__mutant_skips_leave(const void *lock, const void *owner)
{
    for (int i = 0; i < 64; i++)
        if (skipped[i].lock == lock && (owner == NULL || skipped[i].owner == owner)) {
            skipped[i].lock = NULL;
            return true;
        }
    return false;
}
'''


def insert(path, after, text):
    """Behind the first occurrence of a line in a file of the copy."""
    whole = path.read_text()
    if after not in whole:
        raise SystemExit(f'{path}: there is no "{after}" any more')
    path.write_text(whole.replace(after, after + text, 1))


def prepare_for_orders(copy):
    insert(copy / 'src/base/atomic.h', '#define WEFT__ATOMIC(T) _Atomic(T)\n', sites.MORE_ORDERS)


def prepare_for_locks(copy):
    header = copy / 'src/base/lock.h'
    insert(header, 'void weft__lock_wait(struct weft__lock *lock);', SKIP_DECLARATIONS)
    insert(header, 'weft__lock_take(struct weft__lock *lock, enum weft__lock_rank rank)\n{\n',
           '    if (weft__mutant_skips_take(lock, NULL))\n        return;\n')
    insert(header, 'weft__lock_at_once(struct weft__lock *lock, enum weft__lock_rank rank)\n{\n',
           '    if (weft__mutant_skips_take(lock, NULL))\n        return true;\n')
    insert(header, 'weft__lock_after_all(struct weft__lock *lock, enum weft__lock_rank rank)\n{\n',
           '    if (weft__mutant_skips_take(lock, NULL))\n        return;\n')
    insert(header, 'weft__lock_try(struct weft__lock *lock, enum weft__lock_rank rank)\n{\n',
           '    if (weft__mutant_skips_take(lock, NULL))\n        return true;\n')
    insert(header, 'weft__lock_leave(struct weft__lock *lock, enum weft__lock_rank rank)\n{\n',
           '    if (weft__mutant_skips_leave(lock, NULL))\n        return;\n')
    insert(header, 'weft__lock_is_taken(const struct weft__lock *lock)\n{\n', '    if (lock)\n        return true;\n')
    insert(copy / 'src/base/lock.c', '#include <stdio.h>\n', SKIP_DEFINITIONS)
    steps = copy / 'tests/explore/steps.c'
    insert(steps, 'bool explore_lock_take(struct weft__lock *lock, bool wait, const char *file, int line)\n{\n',
           '    if (weft__mutant_skips_take(lock, weft__self()))\n        return true;\n')
    insert(steps, 'void explore_lock_leave(struct weft__lock *lock, const char *file, int line)\n{\n',
           '    if (weft__mutant_skips_leave(lock, weft__self()) ||\n'
           '        (atomic_load(&lock->word) == 0 && weft__mutant_skips_leave(lock, NULL)))\n        return;\n')


class Tree:
    def __init__(self, kind, jobs):
        self.copy = ROOT / 'build' / 'mutants' / kind
        self.kind = kind
        self.jobs = jobs
        self.originals = {}
        self.configured = set()

    def make(self):
        """Bring the copy up to date; files that have not changed keep their times, and need no new compilation."""
        names = [name for pattern in SOURCE for name in glob.glob(pattern, root_dir=ROOT, recursive=True)]
        fresh = self.copy.with_suffix('.new')
        shutil.rmtree(fresh, ignore_errors=True)
        for name in names:
            if (ROOT / name).is_file():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, fresh / name)
        {'order': prepare_for_orders, 'lock': prepare_for_locks}[self.kind](fresh)
        self.copy.mkdir(parents=True, exist_ok=True)
        for path in fresh.rglob('*'):
            target = self.copy / path.relative_to(fresh)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            elif not target.exists() or target.read_bytes() != path.read_bytes():
                shutil.copy(path, target)
        for path in list(self.copy.rglob('*')):
            if path.is_file() and not path.is_relative_to(self.copy / 'build') \
                    and not (fresh / path.relative_to(self.copy)).exists():
                path.unlink()
        shutil.rmtree(fresh)

    def text(self, file):
        if file not in self.originals:
            self.originals[file] = (self.copy / file).read_text()
        return self.originals[file]

    def write(self, file, text):
        (self.copy / file).write_text(text)

    def restore(self, file):
        self.write(file, self.text(file))

    def build(self, build, targets):
        """None, or what went wrong."""
        preset, options = BUILDS[build]
        where = self.copy / 'build' / preset
        log = self.copy / f'build-{build}.log'
        with open(log, 'wb') as out:
            if build not in self.configured:
                done = subprocess.run(['cmake', '--preset', preset, *options, *COMMON], cwd=self.copy, stdout=out,
                                      stderr=subprocess.STDOUT)
                if done.returncode != 0:
                    return f'cmake failed: {log}'
                self.configured.add(build)
            done = subprocess.run(['cmake', '--build', where, '-j', str(self.jobs), '--target', *targets], stdout=out,
                                  stderr=subprocess.STDOUT)
        return None if done.returncode == 0 else f'does not compile: {log}'

    def build_alone(self, build, program, source):
        """A test that has the mutated header's code in itself: the library, which it does not call, stays as it is."""
        where = self.copy / 'build' / BUILDS[build][0]
        log = self.copy / f'build-{build}.log'
        commands = subprocess.run(['ninja', '-C', where, '-t', 'commands', f'test_{program}'], check=True, capture_output=True,
                                  text=True).stdout.splitlines()
        compiled = [line for line in commands if f' -c {self.copy}/{source}' in line]
        with open(log, 'wb') as out:
            for command in [*compiled, commands[-1]]:
                if subprocess.run(command, shell=True, cwd=where, stdout=out, stderr=subprocess.STDOUT).returncode != 0:
                    return f'does not compile: {log}'
        return None if len(compiled) == 1 else f'{source} is not compiled for {program}'

    def assembly(self, source):
        """What gcc makes of a source file in the release build, or None: whether an order makes a difference here at all."""
        done = subprocess.run(['gcc', '-std=gnu11', '-O3', '-DNDEBUG', '-D_GNU_SOURCE=', '-fstack-clash-protection',
                               '-fvisibility=hidden', '-I', 'include', '-I', 'src', '-S', '-o', '-', source], cwd=self.copy,
                              capture_output=True)
        return done.stdout if done.returncode == 0 else None


def is_over(pid):
    """A zombie is."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z'
    except OSError:
        return True


def end_session(session):
    """Kill what a program has left: libcheck gives its children process groups of their own, but not sessions. Until none is there:
    a parent whose child was killed starts the next test, unless it was killed before."""
    for _ in range(100):
        found = False
        for entry in os.listdir('/proc'):
            if entry.isdigit():
                try:
                    if os.getsid(int(entry)) == session and not is_over(entry):
                        os.kill(int(entry), signal.SIGKILL)
                        found = True
                except (ProcessLookupError, PermissionError):
                    pass
        if not found:
            break
        time.sleep(0.01)


def address_prefix():
    """ThreadSanitizer refuses more than 28 random bits in addresses."""
    try:
        bits = int(pathlib.Path('/proc/sys/vm/mmap_rnd_bits').read_text())
    except (OSError, ValueError):
        bits = 28
    return ['setarch', '-R'] if bits > 28 else []


EARLY = re.compile(r'SUMMARY: ThreadSanitizer: |^\w+: execution \d+ \(.* found: ')


def what_was_seen(output):
    """The one line that says best why a program failed."""
    for pattern in (r'SUMMARY: ThreadSanitizer: (.*)', r'found: (.*)', r'(?:^|\n)\s*(weft: .*(?:bug|BUG|assert|ASSERT|deadlock).*)',
                    r':[FE]:[^:]*:[^:]*:\d+: (.*)'):
        match = re.search(pattern, output)
        if match:
            return re.sub(r'/\S*/build/mutants/\w+/', '', match.group(1)).strip()[:160]
    return 'no message'


def run(tree, build, program, environment, limit):
    """(passed, seconds, what was seen)."""
    preset = BUILDS[build][0]
    variables = dict(os.environ, WEFT_TEST_QUICK='1', CK_DEFAULT_TIMEOUT=str(int(limit)),
                     TSAN_OPTIONS='halt_on_error=1:exitcode=66:atexit_sleep_ms=0', **environment)
    prefix = address_prefix() if build == 'tsan' else []
    started = time.monotonic()
    process = subprocess.Popen([*prefix, str(tree.copy / 'build' / preset / 'tests' / program)], env=variables,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tree.copy,
                               start_new_session=True, text=True, errors='replace')
    out_of_time = threading.Event()
    timer = threading.Timer(limit, lambda: (out_of_time.set(), end_session(process.pid)))
    timer.start()
    lines, seen = [], None
    try:
        for line in process.stdout:  # the first finding is enough
            lines.append(line)
            if EARLY.search(line):
                seen = what_was_seen(line)
                break
        else:
            process.wait()
    finally:
        timer.cancel()
        end_session(process.pid)
        process.wait()
        process.stdout.close()
    seconds = time.monotonic() - started
    if seen is None and out_of_time.is_set():
        return False, seconds, f'hangs ({limit:.0f} s)'
    if seen is None and process.returncode != 0:
        seen = f'{what_was_seen("".join(lines))} (exit code {process.returncode})'
    return seen is None, seconds, seen or ''

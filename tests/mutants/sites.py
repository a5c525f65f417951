# SPDX-License-Identifier: Apache-2.0
"""What may be mutated: every atomic operation with an order stronger than relaxed, every fence, every take and leave of a lock.

A mutant has a name that outlives edits elsewhere in the file: FILE FUNCTION CALL#N CHANGE, where N counts equal calls in the
function. The change is one of
    relaxed, acquire, release, acq_rel   the order that the operation has instead
    dropped                              the fence, or the leave of the lock, is not there
    skipped                              the lock is not taken, nor left by the one who would have taken it
"""

import dataclasses
import re

ORDERED = re.compile(r'\bweft__(load|store|exchange|add|or|and|cas)_(acquire|release|acq_rel|seq)\(')
FENCE = re.compile(r'\bweft__(fence_compiler|port_barrier)\(')
TAKE = re.compile(r'(?<![\w.>])(weft__lock_take|weft__lock_try|weft__lock_at_once|weft__lock_after_all|'
                  r'weft__chan_lock|weft__chan_lock_at_once|weft__chan_lock_after_all|lock)\(')
LEAVE = re.compile(r'(?<![\w.>])(weft__lock_leave|weft__chan_unlock|unlock)\(')
LOCK = 'src/base/lock.h'  # where a take is made of its halves; whoever takes one is asked, not this
ATTRIBUTE = re.compile(r'__attribute__\(\((?:[^()]|\([^()]*\))*\)\) ?')
DEFINITION = re.compile(r'^(?![#/ }\t*])[^;={]*?\b(\w+)\s*\([^;]*$')

# What is weaker than an order, weakest first: if that is not seen, the others cannot be.
WEAKER = {
    ('load', 'acquire'): ['relaxed'],
    ('load', 'seq'): ['relaxed', 'acquire'],
    ('store', 'release'): ['relaxed'],
    ('store', 'seq'): ['relaxed', 'release'],
    ('cas', 'acq_rel'): ['relaxed', 'acquire', 'release'],
    ('cas', 'seq'): ['relaxed', 'acq_rel'],
}
WEAKER_CHANGE = {'acquire': ['relaxed'], 'release': ['relaxed'], 'acq_rel': ['relaxed', 'acquire', 'release'],
                 'seq': ['relaxed', 'acq_rel']}

# The orders that the library itself has no use for, behind its own in the copy's atomic.h.
MORE_ORDERS = '\n'.join(
    f'#define weft__{name}_{order}(p, v) atomic_{function}_explicit((p), (v), memory_order_{order})'
    for name, function, orders in (
        ('exchange', 'exchange', ['relaxed']), ('or', 'fetch_or', ['relaxed', 'acquire']))
    for order in orders) + '\n'


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    start: int  # the text that is replaced
    end: int
    replacement: str
    function: str
    call: str
    change: str

    @property
    def name(self):
        return f'{self.file} {self.function} {self.call} {self.change}'

    @property
    def is_lock(self):
        return self.change == 'skipped' or (self.change == 'dropped' and LEAVE.match(self.call) is not None)

    @property
    def kind(self):
        return 'lock' if self.is_lock else 'order'

    def apply(self, text):
        return text[:self.start] + self.replacement + text[self.end:]


def without_comments(text):
    """The same text with blanks for comments and strings, so that positions stay."""
    blank = lambda match: re.sub(r'[^\n]', ' ', match.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def end_of_call(code, opening):
    depth = 0
    for at in range(opening, len(code)):
        depth += {'(': 1, ')': -1}.get(code[at], 0)
        if depth == 0:
            return at + 1
    raise ValueError('a call without an end')


def changes(match, call):
    """(change, replacement) for one call."""
    if match.re is ORDERED:
        operation, order = match.groups()
        weaker = WEAKER.get((operation, order)) or WEAKER_CHANGE[order]
        if operation == 'cas':
            weaker = [w for w in weaker if w != order]
        return [(w, call.replace(f'_{order}(', f'_{w}(', 1)) for w in weaker]
    if match.re is FENCE:
        return [('dropped', '(true)' if 'barrier' in call else '((void)0)')]
    if match.re is TAKE:
        return [('skipped', f'(weft__mutant_skip_next(), {call})')]
    return [('dropped', '((void)0)')]


def mutants_of(file, text):
    """All mutants of a source file, in order."""
    code = without_comments(text)
    lines = code.split('\n')
    functions, function = [], '-'
    for line in lines:
        defined = DEFINITION.match(ATTRIBUTE.sub('', line))
        if defined and not line.startswith('typedef'):
            function = defined.group(1)
        functions.append(function)
    matches = sorted((m for pattern in (ORDERED, FENCE, TAKE, LEAVE) for m in pattern.finditer(code)),
                     key=lambda m: m.start())
    seen, found = {}, []
    for match in matches:
        number = code.count('\n', 0, match.start())
        if lines[number][:1] not in (' ', '\t'):  # a definition, a declaration, a macro
            continue
        if match.re is TAKE and file == LOCK:
            continue
        end = end_of_call(code, match.end() - 1)
        call = re.sub(r'\s+', ' ', text[match.start():end])
        where = (functions[number], call)
        seen[where] = seen.get(where, 0) + 1
        label = call if seen[where] == 1 else f'{call}#{seen[where]}'
        for change, replacement in changes(match, text[match.start():end]):
            found.append(Mutant(file, number + 1, match.start(), end, replacement, functions[number], label, change))
    return found

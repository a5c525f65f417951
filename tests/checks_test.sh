#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# checks_test.sh - the checks themselves: each passes what is right and fails on what is wrong.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
status=0

passes() # what, command...
{
    local what=$1 output
    shift
    output=$("$@" 2>&1) || {
        printf 'must pass: %s (exit code %s)\n%s\n' "$what" "$?" "$output"
        status=1
    }
}
refuses() # what, regex of the message, command...
{
    local what=$1 regex=$2 output
    shift 2
    if output=$("$@" 2>&1); then
        printf 'must fail: %s\n' "$what"
        status=1
    elif ! grep -Eq "$regex" <<<"$output"; then
        printf 'fails without saying "%s": %s\n%s\n' "$regex" "$what" "$output"
        status=1
    fi
}

# --- expect
expect()
{
    printf '%s\n' "$1" >case.expect
    shift
    bash "$root/scripts/expect" case.expect "$@"
}
program=(bash -c 'echo one; echo two >&2; echo three; exit 2')
passes "lines in order" expect $'2\n^one$\n^t\n^three$' "${program[@]}"
passes "comments and what must not be there" expect $'2\n# a comment\n\ntwo\n! four' "${program[@]}"
refuses "another exit code" 'exit code 2, expected 0' expect $'0\none' "${program[@]}"
refuses "lines in another order" 'no line' expect $'2\nthree\none' "${program[@]}"
refuses "one line for two expressions" 'no line' expect $'2\none\none' "${program[@]}"
refuses "what must not be there" 'must not' expect $'2\n! two' "${program[@]}"
refuses "no exit code" 'not an exit code' expect 'one' "${program[@]}"

# --- compile-fail
compile_fail()
{
    printf '%s\n' "$1" >case.c
    bash "$root/scripts/compile-fail" "$PWD/case.c"
}
head='/* expect: (too few|incompatible) */
int f(int a, int b);
int f(int a, int b)
{
'
if command -v gcc >/dev/null || command -v clang >/dev/null; then
    passes "a refusal" compile_fail "$head"$'#ifdef MUST_FAIL\nf(1);\n#endif\nreturn a + b; }'
    refuses "nothing to refuse" 'compiles with MUST_FAIL' compile_fail "$head"$'#ifdef MUST_FAIL\nf(1, 2);\n#endif\nreturn a + b; }'
    refuses "another error" 'no error is like' compile_fail "$head"$'#ifdef MUST_FAIL\nnonsense;\n#endif\nreturn a + b; }'
    refuses "wrong without MUST_FAIL" 'does not compile without' compile_fail "$head"$'f(1);\nreturn a + b; }'
    refuses "no expression" "no 'expect" compile_fail $'int a;'
fi

# --- check-rooms
mkdir -p tree/scripts tree/src/base tree/src/chan objects/src/base objects/src/chan
cp "$root/scripts/check-rooms" tree/scripts
echo '#include "base/atomic.h"' >tree/src/chan/chan.c
echo '#include <stdio.h>' >tree/src/base/lock.c
echo '#include "chan/chan.h"' >tree/src/base/lock_test.c
passes "rooms below" bash tree/scripts/check-rooms
echo '#include "chan/chan.h"' >tree/src/base/lock.c
refuses "an include upwards" 'base includes chan' bash tree/scripts/check-rooms
echo '#include <stdio.h>' >tree/src/base/lock.c
mkdir tree/src/attic
refuses "a room that is none" 'no such room' bash tree/scripts/check-rooms
rmdir tree/src/attic
if command -v gcc >/dev/null; then
    gcc -c -x c -o objects/src/base/a.o - <<<'void weft__up(void); void weft__low(void); void weft__low(void) { weft__up(); }'
    gcc -c -x c -o objects/src/chan/b.o - <<<'void weft__up(void); void weft__up(void) {}'
    refuses "a call upwards" 'base calls weft__up of chan' bash tree/scripts/check-rooms objects/src/{base/a,chan/b}.o
    gcc -c -x c -o objects/src/base/a.o - <<<'void weft__low(void); void weft__low(void) {}'
    gcc -c -x c -o objects/src/chan/b.o - <<<'void weft__up(void); void weft__low(void); void weft__up(void) { weft__low(); }'
    passes "a call downwards" bash tree/scripts/check-rooms objects/src/{base/a,chan/b}.o
fi

# --- check-spdx
cp "$root/scripts/check-spdx" tree/scripts
printf '/* SPDX-License-Identifier: Apache-2.0 */\n' | tee tree/src/base/lock.c tree/src/base/lock_test.c >tree/src/chan/chan.c
passes "licence lines" bash tree/scripts/check-spdx
printf '#!/bin/sh\necho\n' >tree/scripts/new
refuses "a script without one" 'scripts/new' bash tree/scripts/check-spdx

# --- the reference and check-docs
mkdir -p tree/include/weft
cp "$root"/scripts/{make-reference,reference.awk,check-docs} tree/scripts
cp "$root"/include/weft/*.h tree/include/weft
bash tree/scripts/make-reference
passes "the reference as it was made" bash tree/scripts/make-reference --check
sed -i 's/the version of the library/the number of the library/' tree/include/weft/base.h
refuses "a comment that has changed" 'run scripts/make-reference' bash tree/scripts/make-reference --check
if command -v gcc >/dev/null; then
    bash tree/scripts/make-reference --list | cut -f 1 | sed 's/.*/void &(void) {}/' >all.c
    gcc -w -shared -fPIC -o liball.so all.c
    passes "all exported, all documented" bash tree/scripts/check-docs liball.so
    (cat all.c && echo 'void weft_secret(void) {}') >more.c
    gcc -w -shared -fPIC -o libmore.so more.c
    refuses "one that is not documented" 'weft_secret is exported' bash tree/scripts/check-docs libmore.so
    grep -v weft_yield all.c >less.c
    gcc -w -shared -fPIC -o libless.so less.c
    refuses "one that is not exported" 'weft_yield is documented, but' bash tree/scripts/check-docs libless.so
    sed -i 's/ Source: Go.s runtime.Gosched//' tree/include/weft/run.h
    refuses "a field that is missing" "weft_yield: .*Source" bash tree/scripts/check-docs liball.so
fi

# --- the bench's reading of its samples
if command -v python3 >/dev/null; then
    passes "the bench's tables" python3 -B "$root/bench/bench_test.py"
fi

exit $status

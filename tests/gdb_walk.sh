#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# gdb_walk.sh PROGRAM - gdb's backtrace at every instruction of weft__arch_switch. PROGRAM is the test of src/arch/unwind_test.c:
# with the argument "walk" it switches into a new context, from there into another, and back into the first. At each
# single step the backtrace must name exactly the functions of the context whose stack is in use, and end at its start; and
# the caller's callee-saved registers, as gdb finds them from the call frame information, must be the same at each.
#
# Skipped (77) without gdb, or where a process may not be traced. In cross builds (WEFT_TEST_EMULATOR names the emulator) it
# takes gdb-multiarch and the emulator's own gdb server.
set -u
export LC_ALL=C
program=${1:?usage: gdb_walk.sh PROGRAM}
emulator=${WEFT_TEST_EMULATOR:-}
gdb=$(command -v "$([[ -n $emulator ]] && echo gdb-multiarch || echo gdb)") || {
    echo "gdb_walk: skipped: gdb is not here"
    exit 77
}
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null; rm -rf "$work"' EXIT

begin="run walk"
if [[ -n $emulator ]]; then
    # shellcheck disable=SC2086
    ${emulator%% *} -g "$work/socket" ${emulator#* } "$program" walk 2>/dev/null &
    server=$!
    for ((i = 0; i < 600; i++)); do
        [[ -S $work/socket ]] && break
        sleep 0.1
    done
    begin="target remote $work/socket"$'\n'"continue"
fi

case $(LC_ALL=C readelf -h "$program" | sed -n 's/^ *Machine: *//p') in
*X86-64*) saved="rbx rbp r12 r13 r14 r15 rsp" ;;
AArch64) saved="x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 sp" ;;
RISC-V) saved="s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 sp" ;;
*)
    echo "gdb_walk: which processor is $program for?"
    exit 1
    ;;
esac

cat >"$work/commands" <<END
set pagination off
set confirm off
set width 0
set print address on
set debuginfod enabled off
break *&weft__arch_switch
$begin
set \$first = (unsigned long)&weft__arch_switch
set \$last = (unsigned long)&weft__arch_inspect
set \$switch = 0
while \$switch < 3
  while (unsigned long)\$pc >= \$first && (unsigned long)\$pc < \$last
    printf "STEP %d + %lu\\n", \$switch, (unsigned long)\$pc - \$first
    backtrace
    select-frame 1
    printf "SAVED\\n"
    info registers $saved
    printf "END\\n"
    select-frame 0
    stepi
  end
  set \$switch = \$switch + 1
  if \$switch < 3
    continue
  end
end
kill
END
timeout 100 "$gdb" -batch -nx -x "$work/commands" "$program" >"$work/out" 2>&1 </dev/null

if ! grep -q '^STEP' "$work/out" && grep -Eqi 'ptrace|could not trace|not permitted|trace process' "$work/out"; then
    echo "gdb_walk: skipped: tracing is not allowed here"
    exit 77
fi

awk '
function in_chain(name) {
    return " " name "_inner " name "_middle " name "_outer " name "_entry weft__arch_start"
}
function judge(   known) {
    if (step == "")
        return
    known = ""
    if (chain ~ /^ weft__arch_switch( walk)? main$/)
        known = "main"
    else if (chain == " weft__arch_switch weft__arch_start")
        known = "start"
    else if (chain == " weft__arch_switch walk_to_the_other" in_chain("first"))
        known = "first"
    else if (chain == " weft__arch_switch walk_to_the_other" in_chain("second"))
        known = "second"
    if (known == "" || trouble != "") {
        if (failed++ < 10)
            printf "gdb_walk: at %s (switch + offset):%s %s\n", step, chain, trouble
    }
    # Of the caller of each context, once and for all: its turn does not come twice in one switch.
    if (!((step + 0, known) in saved))
        saved[step + 0, known] = registers
    if (registers == "" || registers != saved[step + 0, known])
        if (failed++ < 10)
            printf "gdb_walk: at %s (switch + offset): the caller has %s, and had %s\n", step, registers, saved[step + 0, known]
    seen[step + 0, known]++
    steps++
}
/^STEP/ { judge(); step = $2 " " $3 " " $4; chain = trouble = registers = ""; listing = 0; next }
/^SAVED/ { listing = 1; next }
/^END/ { listing = 0; next }
listing { registers = registers " " $1 "=" $2; next }
/^#[0-9]/ {
    # "#1  0x... in name (...) at ..." or "#0  name () at ..."
    name = $2 ~ /^0x/ && $3 == "in" ? $4 : $2
    sub(/^weft\./, "weft__", name) # in what clang assembles, gdb takes __ for a dot of Ada
    sub(/\..*/, "", name) # a compiler makes name.isra.0 of it
    chain = chain " " name
}
/corrupt|Backtrace stopped/ { trouble = $0 }
END {
    judge()
    # Each switch begins in one context and ends in the other, for more than a few instructions.
    split("main start first start second first", want, " ")
    for (i = 0; i < 6; i++)
        if (seen[int(i / 2), want[i + 1]] < 8) {
            printf "gdb_walk: switch %d: only %d steps in %s\n", i / 2, seen[int(i / 2), want[i + 1]], want[i + 1]
            failed++
        }
    printf "gdb_walk: %d steps\n", steps
    exit failed ? 1 : 0
}' "$work/out" || {
    [[ -n ${WEFT_TEST_VERBOSE:-} ]] && cat "$work/out"
    exit 1
}

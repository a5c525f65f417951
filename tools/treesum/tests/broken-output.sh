# SPDX-License-Identifier: Apache-2.0
# Standard output or the database fails: a clear message, exit code 1, no hang.
. "$(dirname "$0")/support.bash"

mkdir tree
for ((i = 0; i < 3000; i++)); do echo "$i" >"tree/$i"; done

fails() # regular expression; then the exit code of treesum
{
    [[ $2 -eq 1 ]] || fail "it ended with $2, not 1"
    says "$1"
}
for mode in "" "--ordered" "--timeout 1h" "--db $work/run/x.db"; do
    # A full disk.
    status=0
    # shellcheck disable=SC2086 # several words
    timeout 100 "$TREESUM" $mode tree >/dev/full 2>"$work/err" </dev/null || status=$?
    fails '^treesum: standard output: No space left on device$' "$status"

    # A reader that goes away.
    # shellcheck disable=SC2086 # several words
    { status=0; timeout 100 "$TREESUM" $mode tree tree tree tree 2>"$work/err" </dev/null || status=$?
      echo "$status" >"$work/status"; } | head -n 1 >"$work/out"
    [[ $(wc -l <"$work/out") -eq 1 ]] || fail "head got no line"
    fails '^treesum: standard output: Broken pipe$' "$(<"$work/status")"

    # No standard output at all.
    status=0
    # shellcheck disable=SC2086 # several words
    timeout 100 "$TREESUM" $mode tree >&- 2>"$work/err" </dev/null || status=$?
    fails '^treesum: standard output: Bad file descriptor$' "$status"
done
for option in --help --version; do
    status=0
    "$TREESUM" "$option" >/dev/full 2>"$work/err" || status=$?
    fails '^treesum: standard output: No space left on device$' "$status"
done

# A file that hardly ends does not hold up a run whose output has failed.
sparse 1T big
status=0
timeout 100 "$TREESUM" tree big >/dev/full 2>"$work/err" </dev/null || status=$?
fails '^treesum: standard output: No space left on device$' "$status"

# Standard input and error may be closed: no file gets their numbers.
status=0
timeout 100 "$TREESUM" tree >"$work/out" 2>&- <&- || status=$?
[[ $status -eq 0 ]] || fail "it ended with $status without standard error"
same_as_sha256sum tree

# SPDX-License-Identifier: Apache-2.0
# Progress: on a terminal by default, nowhere else; it does not disturb the lines.
. "$(dirname "$0")/support.bash"
need script

mkdir tree
for ((i = 0; i < 100; i++)); do sparse 16M "tree/$i"; done
digest=$(sha256sum <tree/0)
for ((i = 0; i < 100; i++)); do echo "${digest%% *}  tree/$i"; done | sort >"$work/reference"
same_as_wanted()
{
    sort "$work/out" >"$work/sorted"
    same "$work/sorted" "$work/reference"
}

# Standard error is a terminal (script gives it one), standard output a file.
script -qec "'$TREESUM' tree 2>&1 >'$work/out'" "$work/typescript" >/dev/null </dev/null || fail "it failed on a terminal"
same_as_wanted
tr '\r' '\n' <"$work/typescript" >"$work/err"
says '^[0-9]+ files  [0-9.]+ [kMG]?B  [0-9.]+ [kMG]?B/s *$'
says '^treesum: 100 files, 1.7 GB in [0-9.]+ s \(.*/s\)'

script -qec "'$TREESUM' --no-progress tree 2>&1 >'$work/out'" "$work/typescript" >/dev/null </dev/null || fail "it failed on a terminal"
same_as_wanted
tr '\r' '\n' <"$work/typescript" | grep -v '^Script ' >"$work/err" || true
if grep -q 'files' "$work/err"; then fail "there is progress with --no-progress"; fi

# Both are the terminal: the lines are whole.
script -qec "'$TREESUM' tree" "$work/typescript" >/dev/null </dev/null || fail "it failed on a terminal"
tr '\r' '\n' <"$work/typescript" | grep -E '^[0-9a-f]{64}  ' >"$work/out"
same_as_wanted

# On a pipe only if it is asked for, in lines.
run 0 tree
quiet
run 0 --progress tree
says '^treesum: 100 files, '
if grep -q $'\r' "$work/err"; then fail "a carriage return on a pipe"; fi

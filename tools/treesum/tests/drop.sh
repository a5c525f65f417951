# SPDX-License-Identifier: Apache-2.0
# --when-full drop: every file that was found is printed, dropped, given up or an error, and counted as that.
. "$(dirname "$0")/support.bash"

count=$(scaled 10000)
mkdir tree
for ((i = 0; i < count; i++)); do echo "$i" >"tree/$i"; done
sparse 1T big

# The only worker has its hands full, for much longer than the walk takes.
run 1 --workers 1 --queue 3 --when-full drop --timeout 6 big tree missing
printed=$(wc -l <"$work/out")
dropped=$(summary dropped)
[[ $(summary 'given up') -eq 1 && $(summary error) -eq 1 ]] || fail "the big file and the missing one are not counted"
[[ $((printed + dropped)) -eq $count ]] || fail "$printed printed and $dropped dropped are not $count"
[[ $dropped -ge $((count - 3)) ]] || fail "only $dropped were dropped with room for 3"
sha256sum --quiet -c "$work/out" || fail "the rest is not right"

for mode in "--queue 0" "--queue 1" "--queue 64 --ordered" "--queue 100000"; do
    status=0
    # shellcheck disable=SC2086 # several words
    timeout 100 "$TREESUM" $mode --when-full drop --summary tree >"$work/out" 2>"$work/err" </dev/null || status=$?
    printed=$(wc -l <"$work/out")
    dropped=$(summary dropped)
    [[ $((printed + dropped)) -eq $count ]] || fail "$mode: $printed printed and $dropped dropped are not $count"
    [[ $(summary file) -eq $printed ]] || fail "$mode: the summary counts other files than were printed"
    [[ $status -eq $((dropped > 0)) ]] || fail "$mode: it ended with $status, $dropped dropped"
    [[ $printed -eq 0 ]] || sha256sum --quiet -c "$work/out" || fail "$mode: the rest is not right"
done
[[ $dropped -eq 0 ]] || fail "files were dropped though the queue has room for all"

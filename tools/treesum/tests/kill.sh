# SPDX-License-Identifier: Apache-2.0
# SIGKILL: every batch that was committed is there; of what was printed at most one batch is missing.
. "$(dirname "$0")/support.bash"
need sqlite3

count=$(scaled 20000)
mkdir tree
seq -f 'tree/%.0f' "$count" | while read -r name; do echo "$name" >"$name"; done
reference tree >"$work/reference"

printed_enough()
{
    [[ $(wc -l <"$work/out") -ge $enough ]] || ! kill -0 "$pid" 2>/dev/null
}
cut_short=0
for ((round = 0; round < 8; round++)); do
    rm -f x.db x.db-*
    enough=$((count * round / 8))
    start --db x.db tree
    wait_until printed_enough
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    children=()

    grep -E '^[0-9a-f]{64}  tree/[0-9]+$' "$work/out" | sort >"$work/printed" || true
    if [[ ! -f x.db ]]; then # it was killed before it had begun
        [[ ! -s $work/printed ]] || fail "lines, but no database"
        continue
    fi
    [[ $(sqlite3 x.db 'PRAGMA integrity_check') == ok ]] || fail "the database is damaged"
    if [[ $(sqlite3 x.db "SELECT count(*) FROM sqlite_master WHERE name = 'file'") == 0 ]]; then
        [[ ! -s $work/printed ]] || fail "lines, but no table"
        continue
    fi
    sqlite3 x.db "SELECT sha256 || '  ' || path FROM file" | sort >"$work/rows"
    rows=$(wc -l <"$work/rows")
    wrong=$(comm -23 "$work/rows" "$work/reference" | wc -l)
    lost=$(comm -13 "$work/rows" "$work/printed" | wc -l)
    [[ $wrong -eq 0 ]] || fail "$wrong rows are wrong"
    [[ $lost -le 1000 ]] || fail "$lost files were printed and have no row: more than a batch"
    [[ $rows -eq $count ]] || cut_short=$((cut_short + 1))

    # The next run takes the file as it is.
    if ((round % 4 == 3)); then
        run 0 --db x.db tree
        sqlite3 x.db "SELECT sha256 || '  ' || path FROM file" | sort >"$work/rows"
        same "$work/rows" "$work/reference"
        [[ $(sqlite3 x.db 'SELECT count(*), sum(finished IS NULL) FROM run') == "2|"[01] ]] || fail "the runs' rows are wrong"
    fi
done
[[ $cut_short -gt 0 ]] || echo "note: no run was cut short"

# SPDX-License-Identifier: Apache-2.0
# SIGINT, SIGTERM: what is in hand is finished, everything printed and committed, exit code 128 + signal.
. "$(dirname "$0")/support.bash"

mkdir tree
sparse 16M tree/0
for ((i = 1; i < 2000; i++)); do sparse 16M "tree/$i"; done
digest=$(sha256sum <tree/0)
digest=${digest%% *}

has_output()
{
    [[ -s $work/out ]]
}

for signal in INT TERM; do
    for mode in "" "--ordered" "--timeout 1h" "--queue 5000"; do
        rm -f x.db x.db-*
        # shellcheck disable=SC2086 # several words
        start $mode --db x.db tree
        wait_until has_output
        kill "-$signal" "$pid"
        expect_end $((128 + $(kill -l "$signal")))
        says '^treesum: [0-9]+ files?, .*; interrupted$'
        printed=$(wc -l <"$work/out")
        [[ $printed -gt 0 && $printed -lt 2000 ]] || fail "$printed files were digested"
        [[ $(grep -Ec "^$digest  tree/[0-9]+\$" "$work/out") -eq $printed ]] || fail "a line is not complete"
        [[ $(tail -c 1 "$work/out" | od -An -tx1) == " 0a" ]] || fail "the last line is not complete"
        [[ $(summary file) -eq $printed ]] || fail "the summary counts other files than were printed"
        if command -v sqlite3 >/dev/null; then
            [[ $(sqlite3 x.db 'PRAGMA integrity_check') == ok ]] || fail "the database is damaged"
            sqlite3 x.db "SELECT sha256 || '  ' || path FROM file ORDER BY 1" >"$work/rows"
            sort "$work/out" >"$work/sorted"
            same "$work/rows" "$work/sorted"
            row=$(sqlite3 x.db "SELECT exit_code, files, finished IS NOT NULL FROM run")
            [[ $row == "$((128 + $(kill -l "$signal")))|$printed|1" ]] || fail "the run's row is $row"
        fi
    done
done

# The first one waits for the file in hand, the second does not.
sparse 1T big
start big
big_is_open()
{
    [[ -n $(find /proc/"$pid"/fd -lname "*/big" 2>/dev/null) ]]
}
wait_until big_is_open
kill -INT "$pid"
wait_until signal_was_taken
sleep 0.2
kill -0 "$pid" || fail "the first SIGINT did not wait"
kill -INT "$pid"
expect_end 130
[[ ! -s $work/out ]] || fail "there is output"

# With a time limit the first is enough.
start --timeout 2 big tree
wait_until big_is_open
kill -TERM "$pid"
expect_end 143
says 'big: given up after 2 s'

# SIGHUP is one of them, unless nohup says that it should not be.
start tree
wait_until has_output
kill -HUP "$pid"
expect_end 129
(
    trap '' HUP
    start big
    wait_until big_is_open
    kill -HUP "$pid"
    sleep 0.2
    kill -0 "$pid" || fail "SIGHUP was to be ignored"
    kill -INT "$pid"
    wait_until signal_was_taken
    kill -INT "$pid"
    expect_end 130
)

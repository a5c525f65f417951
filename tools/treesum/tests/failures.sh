# SPDX-License-Identifier: Apache-2.0
# Files that cannot be read: a message, the rest goes on, exit code 1.
. "$(dirname "$0")/support.bash"

mkdir -p tree/sub
for ((i = 0; i < 50; i++)); do
    echo "$i" >"tree/$i"
    echo "$i" >"tree/sub/$i"
done

# A place that is not there, between two that are.
run 1 tree/sub missing tree/1
says '^treesum: missing: No such file or directory$'
says '^treesum: 51 files, .*, 1 error$'
[[ $(wc -l <"$work/out") -eq 51 ]] || fail "51 lines were expected"
run 1 $'new\nline\tand \033[1m'
says '^treesum: new\\nline\\011and \\033\[1m: No such file'

# A file and a folder without permission. Root may read everything, so another user must try.
chmod 000 tree/7 tree/sub
user=()
if [[ $(id -u) -eq 0 ]]; then
    if setpriv --reuid=65534 --regid=65534 --clear-groups -- test -x "$TREESUM" 2>/dev/null; then
        user=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
        chmod 755 "$work" "$work/run" tree
    else
        echo "not tested: permissions (root may read everything, and nobody cannot run $TREESUM)"
    fi
fi
if [[ $(id -u) -ne 0 || ${#user[@]} -gt 0 ]]; then
    for mode in "" "--ordered" "--timeout 1h"; do
        status=0
        # shellcheck disable=SC2086 # several words
        timeout 100 "${user[@]}" "$TREESUM" $mode tree >"$work/out" 2>"$work/err" </dev/null || status=$?
        [[ $status -eq 1 ]] || fail "it ended with $status, not 1"
        says '^treesum: tree/7: Permission denied$'
        says '^treesum: tree/sub: Permission denied$'
        says '^treesum: 49 files, .*, 2 errors$'
        [[ $(wc -l <"$work/out") -eq 49 ]] || fail "49 lines were expected"
        sha256sum --quiet -c "$work/out" || fail "the 49 are not right"
    done
fi
chmod 644 tree/7
chmod 755 tree/sub

# Files that vanish between the walk and the worker: the only worker is busy with a file that never ends while the
# walk goes on behind it. What the walk has found by then can be seen in its queue growing no more: it waits for room.
# So take away everything but the folder as soon as the big file is open and the folder has been read, long before the
# worker gives up.
sparse 1T big
rounds=$(scaled 40)
for ((round = 0; round < 20 + rounds; round++)); do
    rm -rf vanishing
    mkdir vanishing
    for ((i = 0; i < 20; i++)); do echo "$i" >"vanishing/$i"; done
    start --workers 1 --timeout 5 big vanishing
    big_is_open()
    {
        [[ -n $(find /proc/"$pid"/fd -lname "*/big" 2>/dev/null) ]]
    }
    wait_until big_is_open
    sleep 0.1 # the walk needs microseconds; if they were not enough, there is another round
    rm vanishing/*
    expect_end 1
    says '^treesum: big: given up after 5 s$'
    printed=$(wc -l <"$work/out")
    errors=$(summary error)
    [[ $printed -eq 0 ]] || fail "a file that was gone was digested"
    [[ $(grep -c 'treesum: vanishing/.*: No such file or directory' "$work/err") -eq $errors ]] || fail "the messages and the count differ"
    [[ $errors -lt 20 ]] || break
done
[[ $errors -eq 20 ]] || fail "in no round the walk was done before the files were gone"

# A storm: files come and go while they are being digested. Whatever is printed is right.
mkdir storm
echo content >content
digest=$(sha256sum <content)
(
    for ((i = 0; ; i++)); do
        rm -f "storm/$((i % 97))"
        ln content "storm/$((i % 89))" 2>/dev/null || true
    done
) &
children+=($!)
for ((round = 0; round < $(scaled 200); round++)); do
    status=0
    timeout 100 "$TREESUM" storm >"$work/out" 2>"$work/err" </dev/null || status=$?
    [[ $status -le 1 ]] || fail "it ended with $status"
    if grep -v "^${digest%% *}  storm/" "$work/out"; then fail "an odd line"; fi
    if grep -Ev 'No such file or directory|^treesum: [0-9]+ files?, ' "$work/err"; then fail "an odd message"; fi
done

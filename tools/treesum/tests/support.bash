# SPDX-License-Identifier: Apache-2.0
#
# What the tests of treesum share. Each test begins with
#   . "$(dirname "$0")/support.bash"
# and then has $TREESUM, an empty folder $work as its working directory, and the functions below. It must not rely on how
# fast anything is.
set -eu -o pipefail
export LC_ALL=C
: "${TREESUM:?the path of the program to be tested}"
TREESUM=$(realpath "$TREESUM")

work=$(mktemp -d "${TMPDIR:-/tmp}/treesum-test.XXXXXX")
children=()
finish()
{
    local status=$?
    if [[ ${#children[@]} -gt 0 ]]; then
        kill -KILL "${children[@]}" 2>/dev/null || true
    fi
    cd /
    chmod -R u+rwX "$work" 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
mkdir "$work/run"
cd "$work/run"

fail()
{
    echo "FAILED: $*" >&2
    for file in "$work"/out "$work"/err; do
        if [[ -s $file ]]; then
            echo "--- ${file##*/}:" >&2
            head -n 20 "$file" >&2
        fi
    done
    exit 1
}
skip()
{
    echo "skipped: $*"
    exit 77
}
need()
{
    command -v "$1" >/dev/null || skip "$1 is not installed"
}

# A number of things to do: a twentieth when the program is slow (sanitizers) or the run is to be short.
quick=${WEFT_TEST_QUICK:-0}
scaled()
{
    if [[ $quick == 0 ]]; then echo "$1"; else echo $(($1 / 20)); fi
}

# Run treesum with standard output and error in $work/out and $work/err; it must end with the exit code.
run() # exit code, arguments
{
    local wanted=$1 status=0
    shift
    timeout 100 "$TREESUM" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [[ $status -eq $wanted ]] || fail "treesum $* ended with $status, not $wanted"
}
# The same in the background; its number is in $pid.
start() # arguments
{
    : >"$work/out" # at once: what the last one wrote must not be taken for the news
    : >"$work/err"
    "$TREESUM" "$@" >"$work/out" 2>"$work/err" </dev/null &
    pid=$!
    children+=("$pid")
}
# Wait for a program that start has started; its exit code must be the one given.
expect_end() # exit code
{
    local status=0
    wait "$pid" || status=$?
    children=()
    [[ $status -eq $1 ]] || fail "treesum ended with $status, not $1"
}
# Poll until a command succeeds.
wait_until() # command
{
    local i
    for ((i = 0; i < 6000; i++)); do
        if "$@"; then return; fi
        sleep 0.01
    done
    fail "waited in vain for: $*"
}

# Whether the program that start has started has no signal waiting.
signal_was_taken()
{
    ! grep -Eq '^(SigPnd|ShdPnd):.*[1-9a-f]' "/proc/$pid/status"
}

same() # file, file
{
    cmp -- "$1" "$2" >&2 || fail "$1 and $2 differ"
}
quiet()
{
    [[ ! -s $work/err ]] || fail "there is something on standard error"
}
says() # extended regular expression for standard error
{
    grep -Eq -- "$1" "$work/err" || fail "standard error does not say: $1"
}
# What sha256sum says of the files below some places, sorted.
reference() # place...
{
    find "$@" -type f -print0 | xargs -0 -r sha256sum -- | sort
}
# Compare standard output with that.
same_as_sha256sum() # place...
{
    reference "$@" >"$work/reference"
    sort "$work/out" >"$work/sorted"
    same "$work/sorted" "$work/reference"
}
# The number before a word of the summary on standard error; 0 if it is not there.
summary() # word
{
    local number
    number=$(sed -n "s/^treesum: \(.*, \)\{0,1\}\([0-9]*\) $1.*/\2/p" "$work/err" | tail -n 1)
    echo "${number:-0}"
}
# A sparse file; not every file system has them.
sparse() # size, name
{
    truncate -s "$1" "$2" 2>/dev/null || skip "this file system has no sparse file of $1"
}

# SPDX-License-Identifier: Apache-2.0
# The command line: what it takes, and what it refuses with exit code 2 and a message.
. "$(dirname "$0")/support.bash"

run 0 --help
quiet
grep -q '^Usage: treesum' "$work/out" || fail "--help says nothing of its usage"
for option in workers ordered db timeout queue when-full progress no-progress summary stats help version; do
    grep -q -- "--$option" "$work/out" || fail "--help does not tell of --$option"
done
[[ $(awk '{ if (length > n) n = length } END { print n }' "$work/out") -le 90 ]] || fail "--help is too wide"
run 0 --version
quiet
grep -Eq '^treesum .* [0-9]+\.[0-9]+\.[0-9]+$' "$work/out" || fail "--version is odd"

refuses() # regular expression, arguments
{
    local message=$1
    shift
    run 2 "$@"
    [[ ! -s $work/out ]] || fail "there is output"
    says "$message"
    says "try 'treesum --help'"
}
mkdir place
refuses "no directory"
refuses "no directory" --workers 2
for number in 0 -1 x 1x 0x10 ' 1' +1 '' 4097 99999999999999999999 1.5; do
    refuses "--workers: '.*' is not a number from 1 to 4096" "--workers=$number" place
done
for number in -1 x '' 10000001; do
    refuses "--queue: '.*' is not a number from 0 to 10000000" "--queue=$number" place
done
for time in -1 x 1x '' . 1.2.3 nan inf 0x10 1e3 ' 1' 1d 99999999999h; do
    refuses "--timeout: '.*' is not a time" "--timeout=$time" place
done
refuses "neither block nor drop" --when-full=maybe place
refuses "the file's name is empty" --db= place
refuses "unrecognized option|unknown option" --nonsense place
refuses "requires an argument" place --db
refuses "invalid option" -j4 place

for time in 0 10 2.5 .5 500ms 1s 10m 1h 1000000h; do
    run 0 "--timeout=$time" place
    quiet
done
for number in 1 2 4096; do
    run 0 "--workers=$number" place
    quiet
done
for number in 0 1 10000000; do
    run 0 "--queue=$number" place
    quiet
done
run 0 place --work 3 --when-full block # options may come last, and be short as long as they are clear
quiet

# Nothing to do is no error.
run 0 --stats place
says '^files=0 bytes=0 '

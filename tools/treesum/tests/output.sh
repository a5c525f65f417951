# SPDX-License-Identifier: Apache-2.0
# The output is that of sha256sum, in every mode, over a real tree.
. "$(dirname "$0")/support.bash"

tree=/usr/include
[[ $quick == 0 ]] || tree=/usr/include/linux
[[ -d $tree ]] || tree=$(realpath "$(dirname "$0")/../../..")

for mode in "" "--workers 1" "--workers 64 --queue 0" "--queue 1" "--timeout 1h" "--ordered" "--ordered --timeout 1h"; do
    # shellcheck disable=SC2086 # several words
    run 0 $mode "$tree"
    quiet
    same_as_sha256sum "$tree"
done

# A second run in order prints the same bytes; sha256sum -c accepts them.
run 0 --ordered "$tree"
cp "$work/out" "$work/first"
run 0 --ordered --workers 7 "$tree"
same "$work/first" "$work/out"
sha256sum --quiet -c "$work/out" || fail "sha256sum -c does not accept the output"

# The figures.
run 0 --stats --summary "$tree"
files=$(find "$tree" -type f | wc -l)
bytes=$(find "$tree" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%d", n }')
says "^files=$files bytes=$bytes seconds=[0-9]+\.[0-9]{6} workers=[0-9]+\$"
says "^treesum: $files files, .* in [0-9.]+ s \(.*/s\)\$"
[[ $(wc -l <"$work/err") -eq 2 ]] || fail "too many words"

# Several places, files among them, one of them twice.
mkdir a b
echo 1 >a/1
echo 2 >b/2
: >empty
run 0 a empty b a
{ reference a && reference a && reference b && sha256sum empty; } | sort >"$work/reference"
sort "$work/out" >"$work/sorted"
same "$work/sorted" "$work/reference"

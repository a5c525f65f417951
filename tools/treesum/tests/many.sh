# SPDX-License-Identifier: Apache-2.0
# 30,000 small files in one folder and in many; one of 5 GB.
. "$(dirname "$0")/support.bash"

count=$(scaled 30000)
mkdir flat nested
seq -f 'flat/%.0f' "$count" | while read -r name; do echo "$name" >"$name"; done
seq -f 'nested/%.0f' $((count / 100)) | xargs mkdir
for ((i = 1; i <= count / 100; i++)); do echo "$i" >"nested/$i/only"; done
reference flat nested >"$work/reference"

for mode in "" "--ordered" "--queue 0 --workers 16" "--timeout 1h"; do
    # shellcheck disable=SC2086 # several words
    run 0 $mode flat nested
    quiet
    [[ $(wc -l <"$work/out") -eq $((count + count / 100)) ]] || fail "the number of lines is wrong"
    sort "$work/out" >"$work/sorted"
    same "$work/sorted" "$work/reference"
done
if command -v sqlite3 >/dev/null; then
    run 0 --db many.db flat nested
    sqlite3 many.db "SELECT sha256 || '  ' || path FROM file" | sort >"$work/rows"
    sort "$work/out" >"$work/sorted"
    same "$work/rows" "$work/sorted"
fi
rm -rf flat nested

[[ $quick == 0 ]] || exit 0
sparse 5G big
echo x >small
run 0 --ordered --stats big small
says '^files=2 bytes=5368709122 '
# SHA-256 of 5 GiB of zeros, from sha256sum.
[[ $(<"$work/out") == "7f06c62352aebd8125b2a1841e2b9e1ffcbed602f381c3dcb3200200e383d1d5  big"* ]] || {
    sha256sum big small >"$work/reference"
    same "$work/out" "$work/reference"
}

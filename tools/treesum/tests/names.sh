# SPDX-License-Identifier: Apache-2.0
# Names of all kinds, links, deep trees, long paths.
. "$(dirname "$0")/support.bash"

# Every byte that a name can have, in the middle of one, alone, and behind a dash.
mkdir tree
for ((byte = 1; byte < 256; byte++)); do
    [[ $byte -ne 47 ]] || continue # a slash
    printf -v name "\\x$(printf %x "$byte")"
    [[ $name == . ]] || echo "$byte" >"tree/$name"
    echo "$byte" >"tree/a${name}z"
    echo "$byte" >"tree/-$name"
done
mkdir tree/$'new\nline' tree/'back\slash' tree/$'carriage\rreturn' tree/-dash tree/' blank '
for folder in tree/*/; do
    echo "$folder" >"$folder/"$'file\n'
    echo "$folder" >"$folder/file"
done
: >tree/empty
printf -v name '%0255d' 0
echo long >"tree/$name"

for mode in "" "--ordered" "--timeout 1h"; do
    # shellcheck disable=SC2086 # several words
    run 0 $mode tree
    quiet
    same_as_sha256sum tree
done
sha256sum --quiet -c "$work/out" || fail "sha256sum -c does not accept the output"

# In order: the files of a folder by name, then its folders.
mkdir -p order/b/c order/a/d
touch order/2 order/10 order/b/1 order/b/c/0 order/a/9 order/a/d/8 order/z
run 0 --ordered order
sed 's/^[^ ]*  //' "$work/out" >"$work/names"
printf '%s\n' order/10 order/2 order/z order/a/9 order/a/d/8 order/b/1 order/b/c/0 >"$work/wanted"
same "$work/names" "$work/wanted"

# How the place is written is how the paths begin.
for place in tree tree/ ./tree "$PWD/tree" tree/-dash tree/../tree .; do
    run 0 "$place"
    quiet
    same_as_sha256sum "$place"
done

# Names that begin with a dash need "--" or "./"; the name "-" is standard input for sha256sum.
mkdir -- --workers
echo x >--workers/-
echo x >-file
run 0 -- --workers -file
printf '%s\n' "$(sha256sum -- -file)" "$(sha256sum -- --workers/-)" | sort >"$work/reference"
sort "$work/out" >"$work/sorted"
same "$work/sorted" "$work/reference"
echo x >-
run 2 -- -
says "standard input is not read"
run 0 ./-
rm -rf -- - -file --workers

# Symbolic links below a place are not followed, so a loop is none; a place itself may be one.
mkdir links links/folder
echo x >links/folder/file
ln -s . links/loop
ln -s .. links/folder/parent
ln -s nowhere links/dangling
ln -s file links/folder/to-file
run 0 links
quiet
same_as_sha256sum links
ln -s links to-links
ln -s links/folder/file to-file
run 0 to-links to-file
quiet
sed 's/^[^ ]*  //' "$work/out" | sort >"$work/names"
printf '%s\n' to-file to-links/folder/file >"$work/wanted"
same "$work/names" "$work/wanted"

# What is neither file nor directory is passed over below a place, and refused as one.
mkfifo links/pipe
run 0 links
quiet
run 1 links/pipe
says "links/pipe: neither a directory nor a regular file"
run 1 /dev/null
says "/dev/null: neither"

# 1,000 folders deep; and paths too long for any system call (PATH_MAX is 4096): the same with names of 100 bytes.
printf -v long '%0100d' 0
for name in d "$long"; do
    printf -v folders "$name/%.0s" {1..20}
    (
        mkdir deep
        cd deep
        for ((i = 0; i < 50; i++)); do
            mkdir -p "$folders"
            cd "$folders"
        done
        echo deepest >file
    )
    run 0 deep
    quiet
    [[ $(wc -l <"$work/out") -eq 1 ]] || fail "one line was expected"
    wanted=$(echo deepest | sha256sum)
    read -r digest path <"$work/out"
    [[ $digest == "${wanted%% *}" ]] || fail "the deepest file has digest $digest"
    [[ ${#path} -eq $((4 + 1000 * (${#name} + 1) + 5)) ]] || fail "its path has ${#path} bytes"
    run 0 --timeout 1h deep
    [[ $(<"$work/out") == "$digest  $path" ]] || fail "it is another one with a time limit"
    rm -rf deep
done

# Descriptors: the walk needs one at a time.
mkdir deep && (
    cd deep
    folders=$(printf 'd/%.0s' {1..200})
    mkdir -p "$folders"
    echo x >"$folders/file"
)
(ulimit -n 24 && run 0 --workers 2 deep && [[ $(wc -l <"$work/out") -eq 1 ]]) || fail "24 descriptors are not enough"

# SPDX-License-Identifier: Apache-2.0
# --db: the rows are the lines; what happens to databases that are there already.
. "$(dirname "$0")/support.bash"
need sqlite3

lines_of() # database
{
    sqlite3 "$1" "SELECT sha256 || '  ' || CAST(path AS TEXT) FROM file" | sort
}
same_rows() # database
{
    [[ $(sqlite3 "$1" 'PRAGMA integrity_check') == ok ]] || fail "$1 is damaged"
    lines_of "$1" >"$work/rows"
    sort "$work/out" >"$work/sorted"
    same "$work/rows" "$work/sorted"
}

mkdir tree
for ((i = 0; i < 2500; i++)); do echo "$i" >"tree/$i"; done
touch -d '2001-02-03 04:05:06.789012345 UTC' tree/17
for mode in "" "--ordered"; do
    rm -f x.db
    # shellcheck disable=SC2086 # several words
    run 0 $mode --db x.db tree
    quiet
    same_as_sha256sum tree
    same_rows x.db
done
[[ $(sqlite3 x.db "SELECT size, mtime_ns, run FROM file WHERE path = 'tree/17'") == "3|981173106789012345|1" ]] || fail "the row of tree/17 is wrong"
[[ $(sqlite3 x.db 'SELECT id, files, bytes, failed, given_up, dropped, unfinished, exit_code FROM run') == "1|2500|11390|0|0|0|0|0" ]] || fail "the run's row is wrong"
[[ $(sqlite3 x.db 'SELECT finished >= started AND started > 1600000000 FROM run') == 1 ]] || fail "the run's times are wrong"
[[ $(sqlite3 x.db 'PRAGMA journal_mode') == delete && $(echo x.db*) == x.db ]] || fail "it is not one file"

# Again: rows are brought up to date; what is gone keeps the number of the run that saw it last.
echo changed >tree/1
rm tree/2
echo new >tree/new
run 0 --db x.db tree
quiet
[[ $(sqlite3 x.db 'SELECT count(*), sum(run = 2), max(run) FROM file') == "2501|2500|2" ]] || fail "the second run left other rows"
[[ $(sqlite3 x.db "SELECT run FROM file WHERE path = 'tree/2'") == 1 ]] || fail "the row of the file that is gone has changed"
sqlite3 x.db "DELETE FROM file WHERE run < 2"
same_rows x.db

# Files that could not be read are counted, and have no row.
run 1 --db y.db tree missing
[[ $(sqlite3 y.db 'SELECT files, failed, exit_code FROM run') == "2500|1|1" ]] || fail "the failure is not counted"

# Names that are not UTF-8 are blobs, the others text; newlines stay what they are.
mkdir names
echo 1 >names/$'\xff\xfe'
echo 2 >names/$'\xc3\xa4'
echo 3 >names/$'\xc0\x80'
echo 4 >names/$'\xed\xa0\x80'
echo 5 >names/$'\xf0\x9f\x8c\xb2'
echo 6 >names/$'new\nline'
echo 7 >names/$'\xf4\x90\x80\x80'
echo 8 >names/$'cut\xe2\x82'
run 0 --db names.db names
[[ $(sqlite3 names.db "SELECT count(*), sum(typeof(path) = 'text') FROM file") == "8|3" ]] || fail "text and blobs are mixed up"
find names -type f -printf '%p' | od -An -tx1 -v | tr -d ' \n' | fold -w 10000 >/dev/null
sqlite3 names.db "SELECT lower(hex(CAST(path AS BLOB))) FROM file" | sort >"$work/names"
for file in names/*; do printf %s "$file" | od -An -tx1 -v | tr -d ' \n'; echo; done | sort >"$work/wanted"
same "$work/names" "$work/wanted"

# What is not ours is left as it is.
echo "this is not a database, but some notes that somebody made" >notes.txt
cp notes.txt "$work/notes"
run 1 --db notes.txt tree
says '^treesum: notes.txt: .*not a database'
same notes.txt "$work/notes"
sqlite3 other.db 'CREATE TABLE customer (name)'
cp other.db "$work/other"
run 1 --db other.db tree
says 'other.db: this is a database of another program; it was left as it is'
same other.db "$work/other"
sqlite3 y.db 'PRAGMA user_version = 99'
cp y.db "$work/y"
run 1 --db y.db tree
says 'y.db: its layout is version 99, this treesum knows version 1'
same y.db "$work/y"
run 1 --db missing/x.db tree
says '^treesum: missing/x.db: cannot open: .*No such file or directory'
run 1 --db tree tree
says '^treesum: tree: cannot open'
[[ ! -s $work/out ]] || fail "it began without its database"

# Names that mean something to SQLite, and relative and absolute ones.
for name in :memory: "file:x?mode=memory" -dash.db "$work/absolute.db"; do
    run 0 "--db=$name" tree/1
    [[ -f $name ]] || fail "there is no file $name"
done

# The run's own files are in the tree: they are not digested (and SQLite's locks survive).
mkdir own
echo x >own/file
"$TREESUM" --db own/x.db own >own/sums.txt 2>own/messages.txt </dev/null || fail "it failed in its own folder"
[[ $(wc -l <own/sums.txt) -eq 1 ]] || fail "one line was expected"
for name in sums.txt messages.txt x.db x.db-wal x.db-shm; do
    grep -q "^treesum: own/$name: not digested: this run writes to it\$" own/messages.txt || fail "$name was not left out"
done
sha256sum --quiet -c own/sums.txt || fail "the line is wrong"
run 0 --db own/x.db own/x.db own/file
says '^treesum: own/x.db: not digested'

# Somebody else reads meanwhile, and writes for a moment.
sqlite3 x.db 'BEGIN IMMEDIATE; SELECT 1;' '.shell sleep 1' 'COMMIT' >/dev/null &
run 0 --db x.db tree
wait

# Two at once into one file: all rows are there.
rm -f two.db
mkdir tree2
for ((i = 0; i < 2500; i++)); do echo "$i" >"tree2/$i"; done
"$TREESUM" --db two.db tree >"$work/out1" 2>"$work/err" </dev/null &
first=$!
status=0
"$TREESUM" --db two.db tree2 >"$work/out2" 2>>"$work/err" </dev/null || status=$?
wait "$first" || status=$?
[[ $status -eq 0 ]] || fail "one of the two failed"
cat "$work/out1" "$work/out2" >"$work/out"
same_rows two.db
[[ $(sqlite3 two.db 'SELECT count(*), count(DISTINCT id) FROM run') == "2|2" ]] || fail "two runs have not two rows"

# A full disk.
if [[ $(id -u) -eq 0 ]] && mkdir small && mount -t tmpfs -o size=256k none small 2>/dev/null; then
    status=0
    timeout 100 "$TREESUM" --db small/x.db tree >"$work/out" 2>"$work/err" </dev/null || status=$?
    umount small
    [[ $status -eq 1 ]] || fail "it ended with $status on a full disk"
    says '^treesum: small/x.db: cannot .*: database or disk is full'
fi

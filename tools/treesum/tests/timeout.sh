# SPDX-License-Identifier: Apache-2.0
# --timeout: a file that takes too long is given up, its worker goes on.
. "$(dirname "$0")/support.bash"

mkdir tree
for ((i = 0; i < 200; i++)); do echo "$i" >"tree/$i"; done
sparse 1T big1
sparse 1T big2
sparse 1T big3

# More of them than there are workers.
for mode in "" "--ordered"; do
    # shellcheck disable=SC2086 # several words
    run 1 $mode --workers 2 --timeout 2500ms big1 big2 big3 tree
    for file in big1 big2 big3; do
        says "^treesum: $file: given up after 2.5 s\$"
    done
    same_as_sha256sum tree
    says "^treesum: 200 files, .*, 3 given up\$"
done

# A read that hangs for good, as on a network mount whose server is gone, keeps neither worker nor program.
cat >hang.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
static ino_t hanging;
static void look(int fd)
{
    struct stat status;
    if (!hanging && stat("hanging", &status) == 0)
        hanging = status.st_ino;
    if (fstat(fd, &status) == 0 && status.st_ino == hanging)
        for (;;)
            pause();
}
ssize_t read(int fd, void *buffer, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    if (!real)
        real = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    look(fd);
    return real(fd, buffer, size);
}
ssize_t preadv2(int fd, const struct iovec *vector, int count, off_t offset, int flags)
{
    static ssize_t (*real)(int, const struct iovec *, int, off_t, int);
    if (!real)
        real = (ssize_t (*)(int, const struct iovec *, int, off_t, int))dlsym(RTLD_NEXT, "preadv2");
    look(fd);
    return real(fd, vector, count, offset, flags);
}
C
${CC:-cc} -O1 -shared -fPIC -o hang.so hang.c 2>/dev/null || skip "no compiler for the read that hangs (the rest passed)"
LD_PRELOAD=$PWD/hang.so "$TREESUM" --version >/dev/null 2>&1 || skip "a sanitizer does not allow the read that hangs (the rest passed)"
echo x >hanging
export LD_PRELOAD=$PWD/hang.so
for mode in "" "--ordered"; do
    # shellcheck disable=SC2086 # several words
    run 1 $mode --workers 1 --timeout 2500ms hanging tree
    says '^treesum: hanging: given up after 2.5 s$'
    LD_PRELOAD='' same_as_sha256sum tree
done

# Without a time limit it does; the first SIGINT waits for it, the second does not.
start --workers 2 hanging tree
all_is_printed()
{
    [[ $(wc -l <"$work/out") -eq 200 ]]
}
wait_until all_is_printed
kill -INT "$pid"
wait_until signal_was_taken
sleep 0.2
kill -0 "$pid" || fail "the first SIGINT did not wait"
kill -INT "$pid"
expect_end 130

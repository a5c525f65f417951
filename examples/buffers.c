/* SPDX-License-Identifier: Apache-2.0
 *
 * buffers.c - a pool: a file is hashed piece by piece, by many goroutines, which pass on a few large buffers instead of having
 * one each. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <weft/words.h>

#define PIECES 64
#define PIECE 65536
#define AT_ONCE 8

static atomic_int made;

static void *make_buffer(void *arg)
{
    (void)arg;
    atomic_fetch_add(&made, 1);
    return malloc(PIECE);
}

static void drop_buffer(void *buffer, void *arg)
{
    (void)arg;
    free(buffer);
}

static weft_pool buffers = WEFT_POOL_INIT(make_buffer, drop_buffer);

static uint64_t hash(const unsigned char *bytes, ssize_t count)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (ssize_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static int hash_piece(int file, int piece, uint64_t *result)
{
    unsigned char *buffer = weft_pool_get(&buffers); /* its content is what its last user has left */
    if (buffer == NULL)
        return -ENOMEM;
    ssize_t got = 0;
    weft_blocking
    {
        got = pread(file, buffer, PIECE, (off_t)piece * PIECE);
    }
    *result = hash(buffer, got);
    weft_pool_put(&buffers, buffer);
    return got == PIECE ? 0 : -EIO;
}

static int hash_all(int file, int at_once, uint64_t *hashes)
{
    int error = 0;
    weft_with_scope(hashing, .limit = at_once) {
        for (int piece = 0; piece < PIECES; piece++)
            weft_scope_go(&hashing, hash_piece, file, piece, &hashes[piece]);
        error = weft_scope_wait(&hashing);
    }
    return error;
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    FILE *file = tmpfile();
    if (file == NULL)
        return 1;
    for (int i = 0; i < PIECES * PIECE; i++)
        putc((int)(i * 2654435761u >> 24), file);
    fflush(file);

    uint64_t together[PIECES], one_by_one[PIECES];
    int error = hash_all(fileno(file), AT_ONCE, together), same = 0;
    if (error == 0)
        error = hash_all(fileno(file), 1, one_by_one);
    for (int piece = 0; piece < PIECES && error == 0; piece++)
        same += together[piece] == one_by_one[piece];
    printf("%d of %d pieces have the same hash twice\n", same, PIECES);
    printf("fewer buffers than pieces: %s\n", made < PIECES ? "yes" : "no");
    printf("all of them are back: %s\n", (int)weft_pool_clear(&buffers) == made ? "yes" : "no");
    fclose(file);
    return error != 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}

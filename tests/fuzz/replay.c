/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - run the programs in files, or in all files of folders: the corpus as a test, for every compiler.
 *
 *   replay FILE|FOLDER... */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum { SIZE_MAX_BYTES = 4096 };

static int files;

static void replay_file(const char *path)
{
    static uint8_t data[SIZE_MAX_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    uint8_t *copy = malloc(size + 1); /* of its size, so that AddressSanitizer sees its end */
    if (copy == NULL)
        exit(EXIT_FAILURE);
    memcpy(copy, data, size);
    fprintf(stderr, "%s\n", path);
    fuzz_one(copy, size);
    free(copy);
    files++;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int count = scandir(argv[i], &entries, NULL, alphasort);
        if (count < 0) {
            replay_file(argv[i]);
            continue;
        }
        for (int e = 0; e < count; e++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[e]->d_name);
            if (entries[e]->d_name[0] != '.')
                replay_file(path);
            free(entries[e]);
        }
        free(entries);
    }
    printf("%d programs\n", files);
    return files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

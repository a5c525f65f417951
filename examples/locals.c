/* SPDX-License-Identifier: Apache-2.0
 *
 * locals.c - what belongs to a goroutine: each has a connection of its own, made when it first asks for one, closed at its end. */
#include <stdio.h>
#include <stdlib.h>

#include <weft/words.h>

struct connection {
    int queries;
};

static void close_connection(void *connection)
{
    printf("closed after %d queries\n", ((struct connection *)connection)->queries);
    free(connection);
}

static weft_local own = WEFT_LOCAL_INIT(close_connection);

static struct connection *connection(void)
{
    struct connection *connection = weft_local_get(&own);
    if (connection != NULL)
        return connection;
    connection = calloc(1, sizeof *connection);
    if (connection == NULL || weft_local_set(&own, connection) != 0)
        weft_panic("no memory for a connection");
    return connection;
}

static void query(void)
{
    connection()->queries++;
    weft_yield(); /* and perhaps on in another thread */
}

static void worker(int queries)
{
    for (int i = 0; i < queries; i++)
        query();
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int queries = 1; queries <= 3; queries++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, worker, queries);
        weft_waitgroup_wait(&wg); /* its connection is closed by then */
    }
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}

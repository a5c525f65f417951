/* SPDX-License-Identifier: Apache-2.0
 *
 * lock_thread.c - a library that is bound to one thread: one goroutine keeps that thread and does the others' work on it. */
#include <stdio.h>

#include <weft/words.h>

/* It stands for a library whose state is the thread's that initialised it, such as a graphics context. */
static _Thread_local int drawn;
static int begin_drawing(void)
{
    return drawn = 0;
}
static int draw(int shape)
{
    return shape > 0 ? ++drawn : drawn;
}

static void screen(chan(int) shapes, chan(int) drawings)
{
    weft_lock_thread();
    begin_drawing();
    int shape;
    while (chan_recv(shapes, &shape)) /* parks, and goes on in the same thread */
        chan_send(drawings, draw(shape));
} /* ends locked: the thread ends, too, and its state with it */

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) shapes = chan_make(int, 0), drawings = chan_make(int, 0);
    weft_waitgroup done = {0};
    int count = 0;
    weft_waitgroup_go(&done, screen, shapes, drawings);
    for (int shape = 1; shape <= 1000; shape++) {
        chan_send(shapes, shape);
        chan_recv(drawings, &count);
    }
    chan_close(shapes);
    weft_waitgroup_wait(&done);
    printf("%d shapes drawn in one thread\n", count);
    chan_free(shapes);
    chan_free(drawings);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}

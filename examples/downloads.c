/* SPDX-License-Identifier: Apache-2.0
 *
 * downloads.c - a semaphore that bounds how many work at once, a table that many may read at a time, and a condition that tells
 * of its changes. */
#include <stdio.h>

#include <weft/words.h>

#define PAGES 10
#define AT_ONCE 3

static weft_semaphore slots = WEFT_SEMAPHORE_INIT(AT_ONCE);

static struct {
    weft_rwmutex rwmutex;
    weft_cond changed;
    int sizes[PAGES], count; /* protected by rwmutex, as the rest */
    int busy, busiest;
} table;

static void begin(void)
{
    weft_rwmutex_lock(&table.rwmutex);
    if (++table.busy > table.busiest)
        table.busiest = table.busy;
    weft_rwmutex_unlock(&table.rwmutex);
}

static void finish(int page, int size)
{
    weft_rwmutex_lock(&table.rwmutex);
    table.sizes[page] = size;
    table.count++;
    table.busy--;
    weft_rwmutex_unlock(&table.rwmutex);
    weft_cond_broadcast(&table.changed);
}

static void download(int page)
{
    weft_semaphore_acquire(&slots, 1);
    begin();
    weft_sleep(20 * WEFT_MILLISECOND);
    finish(page, 100 * (page + 1));
    weft_semaphore_release(&slots, 1);
}

/* Any number of readers wait, and look, at the same time. */
static int sum_of(int pages)
{
    int sum = 0;
    weft_rwmutex_rlock(&table.rwmutex);
    while (table.count < pages)
        weft_cond_wait_read(&table.changed, &table.rwmutex);
    for (int page = 0; page < PAGES; page++)
        sum += table.sizes[page];
    weft_rwmutex_runlock(&table.rwmutex);
    return sum;
}

static void reader(int pages)
{
    if (sum_of(pages) > 0)
        printf("%d pages were there\n", pages);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int pages = 1; pages <= PAGES; pages += 3)
        weft_waitgroup_go(&wg, reader, pages);
    for (int page = 0; page < PAGES; page++)
        weft_waitgroup_go(&wg, download, page);
    printf("together %d bytes\n", sum_of(PAGES));
    weft_semaphore_acquire(&slots, AT_ONCE); /* all of them: nobody is at work any more */
    weft_waitgroup_wait(&wg);
    printf("never more than %d at once\n", table.busiest);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}

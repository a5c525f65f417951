/* SPDX-License-Identifier: Apache-2.0
 *
 * exceptions.c - see exceptions.h. */
#include "sched/exceptions.h"
#include "sched/tools.h"

__attribute__((weak)) struct weft__exceptions *__cxa_get_globals(void);

void weft__exceptions_init(void)
{
    if (__cxa_get_globals != NULL)
        weft__or_acq_rel(&weft__extras, EXTRA_EXCEPTIONS); /* published by the start of the machines */
}

struct weft__exceptions *weft__exceptions_here(void)
{
    return __cxa_get_globals != NULL ? __cxa_get_globals() : NULL;
}

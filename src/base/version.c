/* SPDX-License-Identifier: Apache-2.0
 *
 * version.c - which library this is. */
#include <weft/base.h>

const char *weft_version(void)
{
    return WEFT_VERSION;
}

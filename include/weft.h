/* SPDX-License-Identifier: Apache-2.0
 *
 * weft.h - all of Weft's public face. <weft/words.h> adds the bare words. */
#ifndef WEFT_H
#define WEFT_H

#include <weft/base.h>
#include <weft/chan.h>
#include <weft/cond.h>
#include <weft/context.h>
#include <weft/defer.h>
#include <weft/go.h>
#include <weft/local.h>
#include <weft/map.h>
#include <weft/pool.h>
#include <weft/recover.h>
#include <weft/run.h>
#include <weft/rwmutex.h>
#include <weft/scope.h>
#include <weft/select.h>
#include <weft/semaphore.h>
#include <weft/sim.h>
#include <weft/sync.h>
#include <weft/time.h>

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/words.h - the bare words, for programs that want to read like Go. Opt-in: no other header defines one. */
#ifndef WEFT_WORDS_H
#define WEFT_WORDS_H

#include <weft.h>

#define go weft_go
#define go_with weft_go_with
#define defer weft_defer

#ifndef __cplusplus

#define chan weft_chan
#define send_chan weft_send_chan
#define recv_chan weft_recv_chan
#define send_only weft_send_only
#define recv_only weft_recv_only

#define chan_make weft_chan_make
#define chan_send weft_chan_send
#define chan_recv weft_chan_recv
#define chan_try_send weft_chan_try_send
#define chan_try_recv weft_chan_try_recv
#define chan_range weft_chan_range
#define chan_send_ctx weft_chan_send_ctx
#define chan_recv_ctx weft_chan_recv_ctx
#define chan_range_ctx weft_chan_range_ctx
#define chan_close weft_chan_close
#define chan_len weft_chan_len
#define chan_cap weft_chan_cap
#define chan_free weft_chan_free
#define chan_retain weft_chan_retain
#define chan_release weft_chan_release

#define chan_select weft_chan_select
#define on_recv weft_on_recv
#define on_send weft_on_send
#define on_timeout weft_on_timeout
#define on_done weft_on_done
#define otherwise weft_otherwise

#endif

#endif

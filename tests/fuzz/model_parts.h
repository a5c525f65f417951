/* SPDX-License-Identifier: Apache-2.0
 *
 * model_parts.h - what the two files of the model share. */
#ifndef WEFT_TESTS_FUZZ_MODEL_PARTS_H
#define WEFT_TESTS_FUZZ_MODEL_PARTS_H

#include "fuzz/model.h"

#include <stddef.h>

void model_end(struct model *model, int worker, struct outcome outcome);
bool model_attempt(struct model *model, int worker, const struct outcome *seen);

/* The worker's places in all rows; entering, they are the last ones. */
void model_leave_rows(struct model *model, int worker);
void model_enter_rows(struct model *model, int worker);

/* Put the value of a timer that is due into its channel. */
void model_timer_poll(struct model *model, int timer);

#endif

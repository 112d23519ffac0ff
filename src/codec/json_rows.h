/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_ROWS_H
#define CODEC_JSON_ROWS_H

#include "codec/json_plan.h"

/*
 * json_rows - taking back a value that a later one replaces
 */

/* The last row of `col` is as if never written: for the second value of a duplicate field. */
void codec_json_rows_unwrite(struct column *col, size_t row);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_CSV_VALUE_H
#define CODEC_CSV_VALUE_H

#include "codec/json_plan.h"

/*
 * csv_value - a field's text into a column
 */

/*
 * NULL when it was written, else the reason, "format" or "range" (nothing is written then).  `j`
 * and `node` are as JSON's decoder has them: numbers, dates and times of both formats are one
 * code.
 */
const char *codec_csv_value_put(struct codec_json *j, const struct codec_json_node *node,
                                struct str text, struct column *col, size_t row);

#endif

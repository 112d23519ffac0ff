/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_SCALAR_H
#define CODEC_JSON_SCALAR_H

#include "codec/json_plan.h"

/*
 * json_scalar - one value into one row of a column that is not nested
 *
 * All functions return the position behind the value, NULL = the message is bad.  A value
 * that does not fit is a bad field: NULL in the column, the value checked and skipped.
 */

/* Any value, any column: null, values of the wrong kind, and all that has no fast path. */
const char *codec_json_scalar_decode(struct codec_json *j, const struct codec_json_node *node,
                                     const char *p, struct column *col, size_t row);

/* A string with escapes or not only ASCII, or near the message's end. */
const char *codec_json_scalar_string(struct codec_json *j, const struct codec_json_node *node,
                                     const char *p, struct column *col, size_t row);

/* A value of the wrong kind for the column (nested ones, too). */
const char *codec_json_scalar_mismatch(struct codec_json *j, const struct codec_json_node *node,
                                       const char *p, struct column *col, size_t row);

/* Text for a column that is neither STRING nor nested; a reason ("format", "range", "type") when
 * it does not fit, and then nothing is written. */
const char *codec_json_scalar_text(struct codec_json *j, const struct codec_json_node *node,
                                   struct str text, struct column *col, size_t row);

/* The value into a column of one of the four integer kinds; false when it is out of range. */
bool codec_json_scalar_integer(enum type_kind kind, int64_t value, struct column *col, size_t row);

/* "2026-11-22T17:40:08[.123456…][Z]", the usual layout, to µs; false for anything else. */
bool codec_json_scalar_usual_time(struct str text, int64_t *ret_us, bool *ret_has_zone);

#endif

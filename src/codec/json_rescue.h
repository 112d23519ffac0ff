/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_RESCUE_H
#define CODEC_JSON_RESCUE_H

#include "codec/json_plan.h"

/*
 * json_rescue - what did not fit, kept as JSON text
 *
 * Works behind the decoder: it notes the bad values as it meets them, and a message that had
 * some, or unknown fields, is read once more.  Messages that fit are not looked at again.
 */
struct codec_json_rescue;

/* `field` is the row type's field that takes the text. */
struct codec_json_rescue *codec_json_rescue_new(const struct codec_json *j, uint32_t field);
void codec_json_rescue_free(struct codec_json_rescue *r); /* NULL is fine */

void codec_json_rescue_begin(struct codec_json_rescue *r); /* before each message */
/* The value at `at` does not fit; in the order in which they stand in the message. */
void codec_json_rescue_note(struct codec_json_rescue *r, const char *at, const char *reason);

/*
 * After a message that is not bad, of which the rescued column says NULL so far: reads it once
 * more if there is something to rescue, and writes the text.  `p` is the message's first brace.
 */
void codec_json_rescue_write(struct codec_json *j, const char *p, struct column *const *columns,
                             size_t row);

#endif

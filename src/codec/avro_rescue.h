/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_RESCUE_H
#define CODEC_AVRO_RESCUE_H

#include "codec/avro_plan.h"

/*
 * avro_rescue - what did not fit, as JSON text
 *
 * Works behind the decoder: it notes bad values as they are met, and a message that had some, or
 * whose schema has fields that no column takes, is read once more along the plan.
 */
struct codec_avro_rescue;

/* `field` is the row type's field that takes the text. */
struct codec_avro_rescue *codec_avro_rescue_new(uint32_t field);
void codec_avro_rescue_free(struct codec_avro_rescue *r); /* NULL is fine */

void codec_avro_rescue_begin(struct codec_avro_rescue *r); /* before each message */
/* The value of `op` at `at` does not fit; in the order of the message. */
void codec_avro_rescue_note(struct codec_avro_rescue *r, const struct avro_op *op, const char *at,
                            const char *reason);

/*
 * After a message that is not bad and whose datum begins at p: reads it once more if there is
 * something to rescue, and writes the text over the NULL of the rescued column.
 */
void codec_avro_rescue_write(struct codec_avro *a, const char *p, struct column *const *columns,
                             size_t row);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_SCALAR_H
#define CODEC_AVRO_SCALAR_H

#include "codec/avro_plan.h"

/*
 * avro_scalar - one value that is not nested into one row of a column
 */

/*
 * How values of `writer`, which the reader takes for `reader`, get into a column of op->type:
 * sets the op's code and what belongs to it.  False when they do not.
 */
bool codec_avro_scalar_choose(struct avro_op *op, const struct avro_schema *writer,
                              const struct avro_schema *reader);

/* AVRO_OP_SCALAR at p: behind the value, NULL = the message is bad. */
const char *codec_avro_scalar_decode(struct codec_avro *a, const struct avro_op *op, const char *p,
                                     struct column *col, size_t row);

#endif

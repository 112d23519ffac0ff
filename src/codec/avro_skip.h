/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_SKIP_H
#define CODEC_AVRO_SKIP_H

#include "codec/avro_plan.h"

/*
 * avro_skip - over a value that no column takes
 */
enum avro_care {
    AVRO_LENGTHS, /* lengths are enough: constant sizes and sized blocks are jumped over */
    AVRO_VALUES,  /* every value as strictly as if a column took it */
};

/* Behind the value of `schema` at p, NULL = the message is bad.  `op` is the record it is in. */
const char *codec_avro_skip(struct codec_avro *a, const struct avro_op *op,
                            const struct avro_schema *schema, const char *p, enum avro_care care);

/*
 * Over a value that a column could take but nobody wants: bad for the same messages as if somebody
 * did.
 */
const char *codec_avro_skip_unwanted(struct codec_avro *a, const struct avro_op *op, const char *p);

/*
 * The head of an array's or map's block at p: *ret_count elements follow (0 = the list ends), in
 * *ret_bytes bytes (-1 = not told).  Checks that the message has room for them, so that whoever
 * makes room for elements cannot be made to ask for more than the message is worth.
 */
const char *codec_avro_skip_head(struct codec_avro *a, const struct avro_op *op,
                                 const struct avro_schema *list, const char *p, uint64_t *ret_count,
                                 int64_t *ret_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_VALUE_H
#define CODEC_AVRO_VALUE_H

#include "codec/avro_plan.h"

/*
 * avro_value - one value that is not nested, read from a message, and its text
 */
struct avro_value {
    int64_t integer;  /* int, long, boolean, the index of an enum's symbol */
    double real;      /* float, double */
    struct str bytes; /* string, bytes, fixed */
};

/* Behind the value of `schema`, which is no union, at p; NULL = the message is bad. */
const char *codec_avro_value_read(struct codec_avro *a, const struct avro_op *op,
                                  const struct avro_schema *schema, const char *p,
                                  struct avro_value *ret_value);

/* The number that a decimal's bytes are; false when they are none or it has over 16 bytes. */
bool codec_avro_value_decimal(struct str bytes, __int128 *ret_value);

/*
 * Appends the text of a value of that kind and meaning: "2026-11-22", "-1.50", "true", a string
 * as it is, other bytes in base64.  False when it has none, a decimal of too many digits.
 */
bool codec_avro_value_print(const struct avro_value *value, enum avro_kind kind,
                            enum avro_logical logical, uint32_t scale, struct buf *out);

#endif

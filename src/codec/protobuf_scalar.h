/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_SCALAR_H
#define CODEC_PROTOBUF_SCALAR_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_scalar - a scalar into a column that need not be its own
 */

/*
 * Writes the value of node->field's kind into the row.  What does not fit becomes NULL and a bad
 * field; `at` is where it stands in the message.
 */
void codec_protobuf_scalar_put(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                               struct codec_protobuf_value value, const char *at,
                               struct column *col, size_t row);

/* Text that may lie in the program's own memory, into a STRING column. */
void codec_protobuf_scalar_put_text(struct codec_protobuf *d, struct column *col, size_t row,
                                    struct str text);

/* Seconds and nanoseconds as a TIMESTAMP(_NTZ), or µs in a BIGINT. */
void codec_protobuf_scalar_put_time(struct codec_protobuf *d,
                                    const struct codec_protobuf_node *node, const char *at,
                                    struct column *col, size_t row);

/* The value as protobuf's JSON has it; numbers of 64 bits, NaN and infinities in quotes. */
void codec_protobuf_scalar_print(const struct codec_protobuf_field *field,
                                 struct codec_protobuf_value value, struct buf *out);

/* "2026-11-22T17:40:08.123Z", "-1.500s"; false when it is out of the format's range. */
bool codec_protobuf_scalar_print_timestamp(int64_t seconds, int32_t nanos, struct buf *out);
bool codec_protobuf_scalar_print_duration(int64_t seconds, int32_t nanos, struct buf *out);

#endif

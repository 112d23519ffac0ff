/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_TEXT_H
#define CODEC_PROTOBUF_TEXT_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_text - a message as JSON text, by protobuf's JSON mapping
 */

/*
 * Writes the checked message, all its pieces joined, into a STRING column: JSON text; of
 * Timestamp, Duration and FieldMask what stands between its quotes.  What the mapping has no text
 * for (a time out of range, infinity in a Value) becomes NULL and a bad field.
 */
void codec_protobuf_text_put(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                             struct str bytes, struct column *col, size_t row);

#endif

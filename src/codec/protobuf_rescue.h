/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_RESCUE_H
#define CODEC_PROTOBUF_RESCUE_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_rescue - what has no place in the columns, as JSON text (README.md, "Rescued data")
 *
 * Only called when d->rescues.
 */

/* An unknown field of the message that `node` is: its bytes behind the tag. */
void codec_protobuf_rescue_unknown(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                   uint32_t tag, struct str value, const char *reason);
/* A scalar of node->field. */
void codec_protobuf_rescue_value(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                 struct codec_protobuf_value value, const char *reason);
/* A Timestamp or Duration: node->seconds and nanos. */
void codec_protobuf_rescue_time(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                const char *reason);
/* A message that cannot be JSON text: its bytes. */
void codec_protobuf_rescue_message(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                   struct str bytes, const char *reason);

/* The object of everything since the message began into the column; NULL when there is nothing. */
void codec_protobuf_rescue_write(struct codec_protobuf *d, struct column *col, size_t row);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_FAULT_H
#define CODEC_PROTOBUF_FAULT_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_fault - what is wrong with a message
 *
 * Reasons: "wire", "truncated", "utf8", "depth", "required", "size" of messages; "type", "range",
 * "utf8" of fields.
 */

/*
 * The message is bad: writes the fault and returns NULL, which every decoding function passes on.
 * `node` is the value (or message) being decoded, `field` one in it or NULL; both for the name.
 */
const char *codec_protobuf_fault_bad(struct codec_protobuf *d,
                                     const struct codec_protobuf_node *node,
                                     const struct codec_protobuf_field *field, const char *at,
                                     const char *reason, const char *what) COLD;
/* The same for a value that is not there as it should be: "wire" or "truncated". */
const char *codec_protobuf_fault_cut(struct codec_protobuf *d,
                                     const struct codec_protobuf_node *node,
                                     const struct codec_protobuf_field *field, const char *at,
                                     const char *end) COLD;
/* A field is bad: writes the fault if it is the message's first. */
void codec_protobuf_fault_field(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                const struct codec_protobuf_field *field, const char *at,
                                const char *reason, const char *what) COLD;

#endif

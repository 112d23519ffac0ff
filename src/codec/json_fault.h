/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_FAULT_H
#define CODEC_JSON_FAULT_H

#include "codec/json_plan.h"

/*
 * json_fault - what is wrong with a message
 *
 * Reasons: "syntax", "utf8", "depth", "size" of messages; "type", "format", "range" of fields.
 */

/*
 * The message is bad: writes the fault and returns NULL, which every decoding function
 * passes on.  `node` is the value (or object) being decoded, for the name.
 */
const char *codec_json_fault_bad(struct codec_json *j, const struct codec_json_node *node,
                                 const char *at, const char *reason, const char *fmt, ...)
    PRINTF(5, 6) COLD;
/* A field is bad: writes the fault if it is the message's first. */
void codec_json_fault_field(struct codec_json *j, const struct codec_json_node *node,
                            const char *at, const char *reason, const char *fmt, ...)
    PRINTF(5, 6) COLD;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_FAULT_H
#define CODEC_AVRO_FAULT_H

#include "codec/avro_plan.h"

/*
 * avro_fault - what is wrong with a message
 *
 * Reasons of messages: "truncated", "varint", "length", "boolean", "enum", "union", "utf8",
 * "depth", "size", "trailing", "fingerprint"; of fields: "range", "format", "utf8", "unresolved".
 */

/*
 * The message is bad: writes the fault and returns NULL, which every decoding function passes on.
 * `op` is the value being decoded, for the name; NULL = the message.
 */
const char *codec_avro_fault_bad(struct codec_avro *a, const struct avro_op *op, const char *at,
                                 const char *reason, const char *fmt, ...) PRINTF(5, 6) COLD;
/* No number could be read at `at`: says why. */
const char *codec_avro_fault_number(struct codec_avro *a, const struct avro_op *op,
                                    const char *at) COLD;
/* The `length` read behind `at` is negative or goes beyond the message. */
const char *codec_avro_fault_length(struct codec_avro *a, const struct avro_op *op, const char *at,
                                    int64_t length) COLD;

/* A field is bad: writes the fault if it is the message's first, and has the value at `at`
 * rescued. */
void codec_avro_fault_field(struct codec_avro *a, const struct avro_op *op, const char *at,
                            const char *reason, const char *fmt, ...) PRINTF(5, 6) COLD;

#endif

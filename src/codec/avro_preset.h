/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_PRESET_H
#define CODEC_AVRO_PRESET_H

#include "codec/avro_schema.h"

/*
 * avro_preset - a field's default as the bytes that a writer would have sent
 */

/* Appends them.  ERR_CONFIG says what of `preset`, which is JSON, does not fit the schema. */
int codec_avro_preset_encode(const struct avro_schema *schema, const struct json *preset,
                             struct buf *out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_CANON_H
#define CODEC_AVRO_CANON_H

#include "codec/avro_schema.h"

/*
 * avro_canon - the parsing canonical form of a schema, and its fingerprint
 */

/* Appends the canonical form: equal for schemas that read the same bytes the same way. */
void codec_avro_canon_print(const struct avro_schema *schema, struct buf *out);

/* CRC-64-AVRO (Rabin) of some bytes, of the canonical form in single-object encoding. */
uint64_t codec_avro_canon_crc(struct str bytes);

/* The schema's fingerprint. */
uint64_t codec_avro_canon_fingerprint(const struct avro_schema *schema);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_REGISTRY_AVRO_H
#define CODEC_REGISTRY_AVRO_H

#include "codec/registry.h"

/*
 * registry_avro - an Avro schema with what it refers to in it
 *
 * The first mention of a type that a reference defines becomes that definition, so that the text
 * stands alone.  Names are written in full.  Into `arena`.  ERR_DATA: not JSON, a reference is
 * not, or it comes out too deep or too large.  A name that nobody defines stays as it is.
 */
int codec_registry_avro_inline(struct str text, const struct codec_schema_file *references,
                               size_t reference_count, struct arena *arena, struct str *ret_text,
                               struct err *err);

#endif

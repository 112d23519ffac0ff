/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_RESOLVE_H
#define CODEC_AVRO_RESOLVE_H

#include "codec/avro_schema.h"

/*
 * avro_resolve - which of the reader's schemas reads what of the writer's (specification,
 * "Schema Resolution")
 */

/*
 * The schema, no union, that a reader of `reader` makes of values of `writer`, which is no union
 * either; NULL = it cannot read them.  Fields of records are not looked at.
 */
const struct avro_schema *codec_avro_resolve_reader(const struct avro_schema *writer,
                                                    const struct avro_schema *reader);

/* Index of the writer's field that becomes the reader's field `index`; -1 = it has none. */
ptrdiff_t codec_avro_resolve_field(const struct avro_schema *writer,
                                   const struct avro_schema *reader, size_t index);

/* The reader's symbol for the writer's symbol `index`; ptr NULL = it has none and no default. */
struct str codec_avro_resolve_symbol(const struct avro_schema *writer,
                                     const struct avro_schema *reader, size_t index);

/* What the number or bytes mean: the writer knows the unit, the reader whether it is local. */
enum avro_logical codec_avro_resolve_logical(const struct avro_schema *writer,
                                             const struct avro_schema *reader);

#endif

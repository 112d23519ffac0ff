/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_MAP_H
#define CODEC_PROTOBUF_MAP_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_map - the entries of a map, as many as follow each other
 *
 * The column's entry at `row` has its offset; `is_more` when entries came before.
 */
const char *codec_protobuf_map_decode(struct codec_protobuf *d,
                                      const struct codec_protobuf_entry *e, uint32_t tag,
                                      const char *p, const char *end, struct column *col,
                                      size_t row, bool is_more);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_H
#define CODEC_AVRO_H

#include "codec/codec.h"

/*
 * avro - Avro messages straight into columns (rules: README.md)
 *
 * A message is one datum of options->avro_schema, bare or in single-object encoding.
 */
int codec_avro_open(const struct type *row_type, const struct codec_options *options,
                    struct codec **ret_codec, struct err *err);

/* The row type of the reader's schema, or of the writer's when there is none. */
int codec_avro_describe(const struct codec_options *options, struct arena *arena,
                        const struct type **ret_row_type, struct err *err);

#endif

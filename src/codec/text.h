/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_TEXT_H
#define CODEC_TEXT_H

#include "codec/codec.h"

/*
 * text - the message as it is: one STRING column (format text), one BINARY column (binary, raw)
 */
int codec_text_open(const struct type *row_type, const struct codec_options *options,
                    struct codec **ret_codec, struct err *err);
int codec_text_open_binary(const struct type *row_type, const struct codec_options *options,
                           struct codec **ret_codec, struct err *err);

/* STRUCT<value: STRING> and STRUCT<value: BINARY>. */
int codec_text_describe(const struct codec_options *options, struct arena *arena,
                        const struct type **ret_row_type, struct err *err);
int codec_text_describe_binary(const struct codec_options *options, struct arena *arena,
                               const struct type **ret_row_type, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include "codec/codec.h"

/*
 * csv - a message is one record, its fields go to the columns by position (rules: README.md)
 */
int codec_csv_open(const struct type *row_type, const struct codec_options *options,
                   struct codec **ret_codec, struct err *err);

#endif

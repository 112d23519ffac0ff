/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "codec/codec.h"

/*
 * json - JSON messages straight into columns (rules: README.md)
 */
int codec_json_open(const struct type *row_type, const struct codec_options *options,
                    struct codec **ret_codec, struct err *err);

/*
 * Whether `document` is one well-formed JSON value, by the rules by which unwanted fields are
 * skipped: any value at the top, white space around it, one BOM, depth at most 512.
 */
bool codec_json_validate(struct str document);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec - the table of formats
 *
 * A format is a file with an open function and a line here.
 */
#include "codec/codec.h"

#include "base/base.h"
#include "codec/avro.h"
#include "codec/csv.h"
#include "codec/framed.h"
#include "codec/json.h"
#include "codec/protobuf.h"
#include "codec/text.h"

struct format {
    const char *name;
    int (*open)(const struct type *row_type, const struct codec_options *options,
                struct codec **ret_codec, struct err *err);
    /* NULL = the format has no schema of its own. */
    int (*describe)(const struct codec_options *options, struct arena *arena,
                    const struct type **ret_row_type, struct err *err);
};

static const struct format formats[] = {
    {"json", codec_json_open, NULL},
    {"protobuf", codec_protobuf_open, codec_protobuf_describe},
    {"avro", codec_avro_open, codec_avro_describe},
    {"csv", codec_csv_open, NULL},
    {"text", codec_text_open, codec_text_describe},
    {"binary", codec_text_open_binary, codec_text_describe_binary},
    {"raw", codec_text_open_binary, codec_text_describe_binary},
};

static int unknown_format(struct str format, struct err *err)
{
    AUTO_BUF struct buf known = {0};
    const char *nearest = NULL;
    size_t nearest_distance = 3; /* further away is not a slip of the hand */
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
        buf_printf(&known, "%s\"%s\"", i > 0 ? ", " : "", formats[i].name);
        size_t distance = str_distance(format, str_of(formats[i].name));
        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = formats[i].name;
        }
    }
    struct str shown = str_head(format, 64);
    if (nearest != NULL) {
        return err_set(err, ERR_CONFIG, "unknown format \"%.*s\"; did you mean \"%s\"? known: %.*s",
                       STR_FMT(shown), nearest, STR_FMT(buf_str(&known)));
    }
    return err_set(err, ERR_CONFIG, "unknown format \"%.*s\"; known: %.*s", STR_FMT(shown),
                   STR_FMT(buf_str(&known)));
}

static const struct format *find_format(struct str format)
{
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
        if (str_eq_nocase_c(format, formats[i].name)) {
            return &formats[i];
        }
    }
    return NULL;
}

int codec_open(struct str format, const struct type *row_type, const struct codec_options *options,
               struct codec **ret_codec, struct err *err)
{
    const struct format *found = find_format(format);
    if (found == NULL) {
        return unknown_format(format, err);
    }
    if (options->registry != NULL) {
        return codec_framed_open(format, row_type, options, codec_open, ret_codec, err);
    }
    return found->open(row_type, options, ret_codec, err);
}

int codec_describe(struct str format, const struct codec_options *options, struct arena *arena,
                   const struct type **ret_row_type, struct err *err)
{
    const struct format *found = find_format(format);
    if (found == NULL) {
        return unknown_format(format, err);
    }
    if (options->registry != NULL) {
        return codec_framed_describe(format, options, codec_describe, arena, ret_row_type, err);
    }
    if (found->describe == NULL) {
        return err_set(err, ERR_CONFIG, "format \"%s\" has no schema of its own", found->name);
    }
    return found->describe(options, arena, ret_row_type, err);
}

void codec_close(struct codec *codec)
{
    if (codec != NULL) {
        codec->ops->close(codec);
    }
}

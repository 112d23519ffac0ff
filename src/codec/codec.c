/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec - the table of formats
 *
 * A format is a file with an open function and a line here.
 */
#include "codec/codec.h"

#include "base/base.h"
#include "codec/json.h"

struct format {
    const char *name;
    int (*open)(const struct type *row_type, const struct codec_options *options,
                struct codec **ret_codec, struct err *err);
};

static const struct format formats[] = {
    {"json", codec_json_open},
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

int codec_open(struct str format, const struct type *row_type, const struct codec_options *options,
               struct codec **ret_codec, struct err *err)
{
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
        if (str_eq_nocase_c(format, formats[i].name)) {
            return formats[i].open(row_type, options, ret_codec, err);
        }
    }
    return unknown_format(format, err);
}

void codec_close(struct codec *codec)
{
    if (codec != NULL) {
        codec->ops->close(codec);
    }
}

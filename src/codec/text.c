/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - the message as it is: one STRING column (format text), one BINARY column (binary, raw)
 *
 * Nothing is copied: the column points into the message.  The one thing that can be wrong is
 * text that is not UTF-8 ("utf8"), and a size that a column cannot hold ("size").
 */
#include "codec/text.h"

#include <stdio.h>

#include "base/base.h"

static enum codec_row set_bad(struct codec *codec, struct column *col, size_t row,
                              const char *reason, size_t position, const char *message)
{
    codec->fault.reason = reason;
    codec->fault.position = position;
    snprintf(codec->fault.message, sizeof(codec->fault.message), "%s", message);
    if (col != NULL) {
        column_set_null(col, row);
    }
    return CODEC_ROW_BAD;
}

static enum codec_row binary_decode(struct codec *codec, struct str value,
                                    struct column *const *columns, size_t row, struct arena *arena)
{
    (void)arena;
    struct column *col = columns[0];
    if (value.len >= UINT32_MAX) {
        return set_bad(codec, col, row, "size", 0, "the message has 4 GiB or more");
    }
    if (col != NULL && value.ptr == NULL) {
        column_set_null(col, row);
    } else if (col != NULL) {
        column_set_string(col, row, value);
    }
    return CODEC_ROW_OK;
}

static enum codec_row text_decode(struct codec *codec, struct str value,
                                  struct column *const *columns, size_t row, struct arena *arena)
{
    size_t good = value.ptr == NULL ? 0 : str_utf8_prefix(value);
    if (good < value.len) {
        return set_bad(codec, columns[0], row, "utf8", good, "not UTF-8");
    }
    return binary_decode(codec, value, columns, row, arena);
}

static void text_close(struct codec *codec)
{
    mem_free(codec);
}

static const struct codec_ops text_ops = {
    .name = "text",
    .decode = text_decode,
    .close = text_close,
};

static const struct codec_ops binary_ops = {
    .name = "binary",
    .decode = binary_decode,
    .close = text_close,
};

static int open_as(const struct codec_ops *ops, enum type_kind kind, const struct type *row_type,
                   const struct codec_options *options, struct codec **ret_codec, struct err *err)
{
    if (options->rescued_column.len > 0) {
        return err_set(err, ERR_CONFIG,
                       "format \"%s\" takes every message as it is; there is "
                       "nothing to rescue",
                       ops->name);
    }
    if (row_type->kind != TYPE_STRUCT || row_type->field_count != 1 ||
        row_type->fields[0].type->kind != kind) {
        AUTO_BUF struct buf type = {0};
        type_print(type_simple(kind), &type);
        return err_set(err, ERR_CONFIG, "format \"%s\" needs exactly one column, a %s", ops->name,
                       type.ptr);
    }
    struct codec *codec = mem_new(struct codec);
    codec->ops = ops;
    codec->row_type = row_type;
    *ret_codec = codec;
    return 0;
}

int codec_text_open(const struct type *row_type, const struct codec_options *options,
                    struct codec **ret_codec, struct err *err)
{
    return open_as(&text_ops, TYPE_STRING, row_type, options, ret_codec, err);
}

int codec_text_open_binary(const struct type *row_type, const struct codec_options *options,
                           struct codec **ret_codec, struct err *err)
{
    return open_as(&binary_ops, TYPE_BINARY, row_type, options, ret_codec, err);
}

static const struct type *value_of(struct arena *arena, enum type_kind kind)
{
    struct type_field field = {.name = STR("value"), .type = type_simple(kind), .nullable = true};
    return type_struct(arena, &field, 1);
}

int codec_text_describe(const struct codec_options *options, struct arena *arena,
                        const struct type **ret_row_type, struct err *err)
{
    (void)options;
    (void)err;
    *ret_row_type = value_of(arena, TYPE_STRING);
    return 0;
}

int codec_text_describe_binary(const struct codec_options *options, struct arena *arena,
                               const struct type **ret_row_type, struct err *err)
{
    (void)options;
    (void)err;
    *ret_row_type = value_of(arena, TYPE_BINARY);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_FRAMED_PROBE_FAKE_H
#define CODEC_FRAMED_PROBE_FAKE_H

#include "codec/codec.h"

/*
 * framed_probe_fake - a codec that writes what it was opened with, and the message (for tests)
 *
 * Its row is one STRING: format, schema or message name, reader's schema, the bytes. A message
 * "!…" has a bad field, one "?…" an unknown field; a schema "refused" cannot be opened.
 */
struct framed_probe {
    struct codec base;
    char *label;
};

static unsigned framed_probe_count[2]; /* opened ever, open now */

static inline unsigned framed_probe_opened(void)
{
    return framed_probe_count[0];
}

static inline unsigned framed_probe_open_now(void)
{
    return framed_probe_count[1];
}

static inline enum codec_row framed_probe_decode(struct codec *codec, struct str value,
                                                 struct column *const *columns, size_t row,
                                                 struct arena *arena)
{
    struct framed_probe *p = CONTAINER_OF(codec, struct framed_probe, base);
    char first = value.len > 0 ? value.ptr[0] : '\0';
    if (first == '!') {
        column_set_null(columns[0], row);
        p->base.fault = (struct codec_fault){.reason = "probe", .position = 3};
        return CODEC_ROW_BAD_FIELD;
    }
    p->base.unknown_field = p->base.unknown_field || first == '?';
    char *text = arena_printf(arena, "%s%.*s", p->label, STR_FMT(value));
    column_set_string(columns[0], row, str_of(text));
    return CODEC_ROW_OK;
}

static inline void framed_probe_close(struct codec *codec)
{
    struct framed_probe *p = CONTAINER_OF(codec, struct framed_probe, base);
    framed_probe_count[1]--;
    mem_free(p->label);
    mem_free(p);
}

static inline char *framed_probe_label(struct str format, const struct codec_options *options)
{
    assert(options->registry == NULL);
    if (str_eq_c(format, "protobuf")) {
        assert(options->protobuf_descriptors.len > 0);
        return mem_printf("protobuf %.*s ", STR_FMT(options->protobuf_message));
    }
    return mem_printf("%.*s %.*s %.*s ", STR_FMT(format), STR_FMT(options->avro_schema),
                      STR_FMT(options->avro_reader_schema));
}

static inline int framed_probe_open(struct str format, const struct type *row_type,
                                    const struct codec_options *options, struct codec **ret_codec,
                                    struct err *err)
{
    static const struct codec_ops ops = {
        .name = "probe", .decode = framed_probe_decode, .close = framed_probe_close};
    framed_probe_count[0]++;
    if (str_eq_c(options->avro_schema, "\"refused\"")) {
        return err_set(err, ERR_CONFIG, "the probe refuses");
    }
    struct framed_probe *p = mem_new(struct framed_probe);
    framed_probe_count[1]++;
    p->base.ops = &ops;
    p->base.row_type = row_type;
    p->label = framed_probe_label(format, options);
    *ret_codec = &p->base;
    return 0;
}

/* A row type whose one field is named by what would be opened. */
static inline int framed_probe_describe(struct str format, const struct codec_options *options,
                                        struct arena *arena, const struct type **ret_row_type,
                                        struct err *err)
{
    (void)err;
    AUTO_FREE char *label = framed_probe_label(format, options);
    struct type_field field = {.name = arena_str(arena, str_of(label)),
                               .type = type_simple(TYPE_STRING),
                               .nullable = true};
    *ret_row_type = type_struct(arena, &field, 1);
    return 0;
}

#endif

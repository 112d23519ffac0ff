/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_TEST_UTIL_H
#define CODEC_AVRO_TEST_UTIL_H

#include "codec/json_test_util.h"

/*
 * avro_test_util - an Avro decoder with columns in memory, for the tests of this folder
 *
 * Messages are written in hexadecimal, spaces as one likes.  They are decoded from a heap copy of
 * exactly their size, so that the address sanitizer sees a read past the end.
 */
#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

static inline struct str unhex(const char *text, char *out)
{
    size_t digits = 0;
    unsigned byte = 0;
    size_t len = 0;
    for (; *text != '\0'; text++) {
        char c = *text;
        if (c == ' ') {
            continue;
        }
        byte = byte << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        if (++digits % 2 == 0) {
            out[len++] = (char)byte;
            byte = 0;
        }
    }
    assert_int_equal(digits % 2, 0);
    return str_n(out, len);
}

/* A decoder of `options`; the row type is what the schema amounts to when it is NULL. */
static inline void avro_open_with(struct json_fixture *f, const struct type *row_type,
                                  struct codec_options options)
{
    struct err err;
    if (row_type == NULL && codec_describe(STR("avro"), &options, &f->types, &row_type, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    if (codec_open(STR("avro"), row_type, &options, &f->codec, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->row_type = row_type;
    f->memory = column_memory_new(row_type, 16);
    f->columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        f->columns[i] = &column_memory_columns(f->memory)[i];
    }
}

static inline void avro_open(struct json_fixture *f, const char *schema)
{
    avro_open_with(f, NULL, (struct codec_options){.avro_schema = str_of(schema)});
}

/* The row type of as many columns as there are names; `types` end with NULL. */
static inline const struct type *avro_row(struct json_fixture *f, const struct type_field *fields,
                                          size_t count)
{
    return type_struct(&f->types, fields, count);
}

static inline enum codec_row avro_decode(struct json_fixture *f, const char *hex, size_t row)
{
    AUTO_FREE char *bytes = mem_alloc(strlen(hex) + 1);
    return fixture_decode(f, unhex(hex, bytes), row);
}

static inline void avro_assert_row(struct json_fixture *f, size_t row, const char *want)
{
    AUTO_BUF struct buf got = {0};
    fixture_print(f, row, &got);
    assert_string_equal(got.ptr, want);
}

/* The message becomes that row, without a fault. */
static inline void avro_assert(struct json_fixture *f, const char *hex, const char *want)
{
    column_memory_reset(f->memory);
    if (avro_decode(f, hex, 0) != CODEC_ROW_OK) {
        fail_msg("%s: %s", f->codec->fault.reason, f->codec->fault.message);
    }
    avro_assert_row(f, 0, want);
}

/* The message has a bad field, and becomes that row. */
static inline void avro_assert_field(struct json_fixture *f, const char *hex, const char *reason,
                                     const char *want)
{
    column_memory_reset(f->memory);
    assert_int_equal(avro_decode(f, hex, 0), CODEC_ROW_BAD_FIELD);
    assert_string_equal(f->codec->fault.reason, reason);
    avro_assert_row(f, 0, want);
}

/* The message is bad for that reason, and leaves a row of NULLs and no elements. */
static inline void avro_assert_bad(struct json_fixture *f, const char *hex, const char *reason)
{
    column_memory_reset(f->memory);
    if (avro_decode(f, hex, 0) != CODEC_ROW_BAD) {
        fail_msg("%s is not bad", hex);
    }
    assert_string_equal(f->codec->fault.reason, reason);
    for (size_t i = 0; i < f->row_type->field_count; i++) {
        assert_false(column_is_valid(f->columns[i], 0));
        assert_int_equal(f->columns[i]->child_rows, 0);
    }
}

/* Opening is refused with a message that has `part` in it. */
static inline void avro_assert_refused(struct codec_options options, const struct type *row_type,
                                       const char *part)
{
    AUTO_ARENA struct arena arena = {0};
    struct codec *codec = NULL;
    struct err err = {0};
    int rc = 0;
    if (row_type == NULL) {
        rc = codec_describe(STR("avro"), &options, &arena, &row_type, &err);
    }
    if (rc == 0) {
        rc = codec_open(STR("avro"), row_type, &options, &codec, &err);
    }
    if (rc == 0) {
        codec_close(codec);
        fail_msg("not refused: %s", part);
    }
    assert_int_equal(rc, ERR_CONFIG);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" is not in: %s", part, err.msg);
    }
}

#endif

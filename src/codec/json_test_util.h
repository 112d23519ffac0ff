/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_TEST_UTIL_H
#define CODEC_JSON_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "codec/codec.h"
#include "column/column.h"
#include "column/memory.h"

/*
 * json_test_util - a decoder with columns in memory, for the tests of this folder
 *
 * Messages are decoded from a heap copy of exactly their size, so that the address
 * sanitizer sees a read past the end.
 */
struct json_fixture {
    struct arena types;
    struct arena arena;
    const struct type *row_type;
    struct codec *codec;
    struct column_memory *memory;
    struct column **columns;
    char *message;
};

static inline struct type_field test_field(const char *name, const struct type *type)
{
    return (struct type_field){.name = str_of(name), .type = type, .nullable = true};
}

static inline void fixture_open_as(struct json_fixture *f, const char *format,
                                   const struct type *row_type, size_t capacity,
                                   struct codec_options options)
{
    struct err err;
    f->row_type = row_type;
    assert_int_equal(codec_open(str_of(format), row_type, &options, &f->codec, &err), 0);
    f->memory = column_memory_new(row_type, capacity);
    f->columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        f->columns[i] = &column_memory_columns(f->memory)[i];
    }
}

static inline void fixture_open(struct json_fixture *f, const struct type *row_type,
                                size_t capacity, struct codec_options options)
{
    fixture_open_as(f, "json", row_type, capacity, options);
}

static inline void fixture_done(struct json_fixture *f)
{
    codec_close(f->codec);
    column_memory_free(f->memory);
    mem_free(f->columns);
    mem_free(f->message);
    arena_done(&f->arena);
    arena_done(&f->types);
}
#define AUTO_FIXTURE AUTO(fixture_done)

static inline enum codec_row fixture_decode(struct json_fixture *f, struct str message, size_t row)
{
    mem_free(f->message);
    f->message = mem_alloc(message.len == 0 ? 1 : message.len);
    if (message.len > 0) {
        memcpy(f->message, message.ptr, message.len);
    }
    return codec_decode(f->codec, str_n(f->message, message.len), f->columns, row, &f->arena);
}

/* The row as {"name":value,…}. */
static inline void fixture_print(struct json_fixture *f, size_t row, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < f->row_type->field_count; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        json_quote(out, f->row_type->fields[i].name);
        buf_add_char(out, ':');
        if (f->columns[i] != NULL) {
            column_print(f->columns[i], row, out);
        }
    }
    buf_add_char(out, '}');
}

#endif

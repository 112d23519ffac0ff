/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv - fuzz target of the CSV decoder
 *
 * Input: a byte of options, then the message.  It is decoded into strings, into typed columns,
 * and with no column wanted.
 *
 * What must hold, besides the sanitizers' peace:
 *  (1) The verdict "bad" is the same whatever the types and whichever columns are wanted; a bad
 *      message gives NULLs.
 *  (2) Every string is UTF-8, and what was rescued is one JSON object.
 *  (3) The fields that were read, each quoted and escaped, read as the same fields.
 *  (4) The same message reads the same again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/json.h"
#include "column/column.h"
#include "column/memory.h"

#define VARIANTS 8
#define STRINGS  4 /* and the rescued column */

struct target {
    struct arena types;
    const struct type *row_type;
    struct codec *codec;
    struct column_memory *memory;
    struct column **columns;
    struct column **none;
};

struct variant {
    struct codec_options options;
    struct target strings;
    struct target typed;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct type_field field(const char *name, const struct type *type)
{
    return (struct type_field){.name = str_of(name), .type = type, .nullable = true};
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static void target_open(struct target *t, const struct type *row_type,
                        const struct codec_options *options)
{
    struct err err;
    t->row_type = row_type;
    if (codec_open(STR("csv"), row_type, options, &t->codec, &err) < 0) {
        abort();
    }
    t->memory = column_memory_new(row_type, 2);
    t->columns = mem_new_array(struct column *, row_type->field_count);
    t->none = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        t->columns[i] = &column_memory_columns(t->memory)[i];
    }
}

static struct variant *variant_of(unsigned which)
{
    static struct variant variants[VARIANTS];
    struct variant *v = &variants[which % VARIANTS];
    if (v->strings.codec != NULL) {
        return v;
    }
    v->options = (struct codec_options){
        .csv_separator = (which & 1) != 0 ? STR("||") : STR_NULL,
        .csv_escape = (which & 2) != 0 ? STR("\"") : STR_NULL,
        .csv_null = (which & 4) != 0 ? STR("NULL") : STR_NULL,
        .rescued_column = STR("rest"),
    };
    const struct type *string = type_simple(TYPE_STRING);
    struct type_field strings[] = {field("a", string), field("b", string), field("c", string),
                                   field("d", string), field("rest", string)};
    target_open(&v->strings, type_struct(&v->strings.types, strings, ARRAY_COUNT(strings)),
                &v->options);
    struct type_field typed[] = {
        field("a", type_simple(TYPE_BOOLEAN)),
        field("b", type_simple(TYPE_TINYINT)),
        field("c", type_simple(TYPE_BIGINT)),
        field("d", type_simple(TYPE_DOUBLE)),
        field("e", type_simple(TYPE_FLOAT)),
        field("f", type_decimal(&v->typed.types, 9, 3)),
        field("g", type_decimal(&v->typed.types, 38, 10)),
        field("h", type_simple(TYPE_DATE)),
        field("i", type_simple(TYPE_TIMESTAMP)),
        field("j", type_simple(TYPE_TIMESTAMP_NTZ)),
        field("k", type_simple(TYPE_BINARY)),
        field("rest", string),
    };
    target_open(&v->typed, type_struct(&v->typed.types, typed, ARRAY_COUNT(typed)), &v->options);
    return v;
}

static void print_row(const struct target *t, size_t row, struct buf *out)
{
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        column_print(t->columns[i], row, out);
        buf_add_char(out, '\n');
    }
}

static void check_texts(const struct target *t, bool is_bad)
{
    size_t count = t->row_type->field_count;
    for (size_t i = 0; i < count; i++) {
        bool is_valid = column_is_valid(t->columns[i], 0);
        require(!is_bad || !is_valid, "a bad message is all NULL");
        if (is_valid && t->row_type->fields[i].type->kind == TYPE_STRING) {
            struct str text = column_get_string(t->columns[i], 0);
            require(str_is_utf8(text), "strings are UTF-8");
            require(i + 1 < count || codec_json_validate(text), "what is rescued is JSON");
        }
    }
}

/* Invariants (1), (2), (4). */
static enum codec_row decode_twice(struct target *t, struct str message, struct arena *arena)
{
    column_memory_reset(t->memory);
    enum codec_row rc = codec_decode(t->codec, message, t->columns, 0, arena);
    check_texts(t, rc == CODEC_ROW_BAD);
    require(codec_decode(t->codec, message, t->columns, 1, arena) == rc, "the same again");
    AUTO_BUF struct buf first = {0};
    AUTO_BUF struct buf second = {0};
    print_row(t, 0, &first);
    print_row(t, 1, &second);
    require(str_eq(buf_str(&first), buf_str(&second)), "both rows read the same");
    enum codec_row unwanted = codec_decode(t->codec, message, t->none, 0, arena);
    require((unwanted == CODEC_ROW_BAD) == (rc == CODEC_ROW_BAD), "wanted or not, bad is bad");
    return rc;
}

/* Invariant (3), of a record with as many fields as columns. */
static void check_round_trip(struct variant *v, struct arena *arena)
{
    struct target *t = &v->strings;
    char escape = v->options.csv_escape.len > 0 ? '"' : '\\';
    AUTO_BUF struct buf record = {0};
    AUTO_BUF struct buf want = {0};
    AUTO_BUF struct buf got = {0};
    for (size_t i = 0; i < STRINGS; i++) {
        if (i > 0) {
            buf_add_str(&record, v->options.csv_separator.len > 0 ? STR("||") : STR(","));
        }
        if (!column_is_valid(t->columns[i], 0)) {
            continue;
        }
        struct str text = column_get_string(t->columns[i], 0);
        buf_add_char(&record, '"');
        for (size_t c = 0; c < text.len; c++) {
            if (text.ptr[c] == '"' || text.ptr[c] == escape) {
                buf_add_char(&record, escape);
            }
            buf_add_char(&record, text.ptr[c]);
        }
        buf_add_char(&record, '"');
    }
    print_row(t, 0, &want);
    column_memory_reset(t->memory);
    require(codec_decode(t->codec, buf_str(&record), t->columns, 0, arena) == CODEC_ROW_OK,
            "what was written is a record");
    print_row(t, 0, &got);
    require(str_eq(buf_str(&want), buf_str(&got)), "what was written reads the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 1) {
        return 0;
    }
    struct variant *v = variant_of(bytes[0]);
    struct str message = str_n((const char *)bytes + 1, len - 1);
    AUTO_FREE char *copy = mem_alloc(message.len + (message.len == 0));
    memcpy(copy, message.ptr, message.len);
    message.ptr = copy;
    AUTO_ARENA struct arena arena = {0};
    enum codec_row typed = decode_twice(&v->typed, message, &arena);
    enum codec_row strings = decode_twice(&v->strings, message, &arena);
    require((typed == CODEC_ROW_BAD) == (strings == CODEC_ROW_BAD), "types do not make it bad");
    if (strings == CODEC_ROW_OK) {
        column_memory_reset(v->strings.memory);
        codec_decode(v->strings.codec, message, v->strings.columns, 0, &arena);
        check_round_trip(v, &arena);
    }
    return 0;
}

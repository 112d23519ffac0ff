/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf - fuzz target of the Protobuf decoder
 *
 * Input: a byte that chooses syntax, row type and options, then a message of p.M, which has
 * every kind of field (codec/protobuf_test_util.h).  Each message is decoded with no column
 * wanted, then twice into columns in memory.
 *
 * What must hold, besides the sanitizers' peace:
 *  (1) The verdict does not depend on what is wanted, nor on what came before.
 *  (2) Both rows read the same.
 *  (3) A bad message gives NULLs and leaves every list as long as it was; a good one leaves
 *      lists that end where they say.
 *  (4) Text that is JSON is JSON.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/json.h"
#include "codec/protobuf_test_util.h"
#include "column/column.h"
#include "column/memory.h"

struct target {
    struct arena types;
    struct buf set;
    const struct type *row_type;
    struct codec *codec;
    struct column_memory *memory;
    struct column **columns;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* Messages as JSON text, and a column for what does not fit. */
static const struct type *text_type(const struct type *type, struct arena *arena)
{
    struct type_field *fields = arena_new_array(arena, struct type_field, type->field_count + 1);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct type *t = type->fields[i].type;
        const struct type *string = type_simple(TYPE_STRING);
        fields[i] = type->fields[i];
        if (t->kind == TYPE_STRUCT) {
            fields[i].type = string;
        } else if (t->kind == TYPE_BIGINT && str_starts(fields[i].name, STR("f_"))) {
            fields[i].type = type_simple(TYPE_TINYINT);
        } else if (t->kind == TYPE_ARRAY && t->fields[0].type->kind == TYPE_STRUCT) {
            fields[i].type = type_array(arena, string, true);
        } else if (t->kind == TYPE_MAP && t->fields[1].type->kind == TYPE_STRUCT) {
            fields[i].type = type_map(arena, t->fields[0].type, string, true);
        }
    }
    fields[type->field_count] =
        (struct type_field){.name = STR("_rescued"), .type = type_simple(TYPE_STRING)};
    return type_struct(arena, fields, type->field_count + 1);
}

static struct target *target_of(unsigned which)
{
    static struct target targets[16];
    struct target *t = &targets[which % 16];
    if (t->codec != NULL) {
        return t;
    }
    put_rich_set(&t->set, (which & 1) != 0 ? "proto2" : "proto3");
    struct codec_options options = {.protobuf_descriptors = buf_str(&t->set),
                                    .protobuf_message = STR("p.M"),
                                    .recursive_depth = (which & 2) != 0 ? 2 : 1,
                                    .emit_default_values = (which & 4) != 0,
                                    .notice_unknown = true,
                                    .depth_max = 20};
    struct err err;
    require(codec_describe(STR("protobuf"), &options, &t->types, &t->row_type, &err) >= 0,
            "the message is described");
    if ((which & 8) != 0) {
        t->row_type = text_type(t->row_type, &t->types);
        options.rescued_column = STR("_rescued");
    }
    require(codec_open(STR("protobuf"), t->row_type, &options, &t->codec, &err) >= 0, "it opens");
    t->memory = column_memory_new(t->row_type, 3);
    t->columns = mem_new_array(struct column *, t->row_type->field_count);
    return t;
}

/* Invariant (3) for a list's entry and what hangs on it. */
static void check_lists(const struct column *col, size_t row)
{
    if (col->type->kind == TYPE_STRUCT) {
        for (size_t i = 0; i < col->child_count; i++) {
            check_lists(&col->children[i], row);
        }
    } else if (col->child_count > 0) {
        struct column_list list = ((const struct column_list *)col->data)[row];
        require(list.offset + list.len <= col->child_rows, "lists end within their elements");
        for (uint64_t e = list.offset; e < list.offset + list.len; e++) {
            check_lists(&col->children[col->child_count - 1], e);
        }
    }
}

static void check_bad(const struct column *col)
{
    require(col->child_rows == 0, "a bad message leaves no elements");
    for (size_t i = 0; i < col->child_count; i++) {
        check_bad(&col->children[i]);
    }
}

/* Invariant (4), and the row's text. */
static void print_row(const struct target *t, size_t row, bool has_text, struct buf *out)
{
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        const struct column *col = t->columns[i];
        bool is_json = has_text && (i + 1 == t->row_type->field_count ||
                                    str_eq_c(t->row_type->fields[i].name, "sub"));
        if (is_json && column_is_valid(col, row)) {
            require(codec_json_validate(column_get_string(col, row)), "JSON text is JSON");
        }
        column_print(col, row, out);
        buf_add_char(out, '\n');
        check_lists(col, row);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 1) {
        return 0;
    }
    struct target *t = target_of(bytes[0]);
    AUTO_FREE char *copy = mem_alloc(len);
    memcpy(copy, bytes + 1, len - 1);
    struct str message = str_n(copy, len - 1);
    AUTO_ARENA struct arena arena = {0};
    column_memory_reset(t->memory);
    memset(t->columns, 0, t->row_type->field_count * sizeof(*t->columns));
    enum codec_row unwanted = codec_decode(t->codec, message, t->columns, 0, &arena);
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        t->columns[i] = &column_memory_columns(t->memory)[i];
    }
    AUTO_BUF struct buf first = {0};
    AUTO_BUF struct buf second = {0};
    enum codec_row rc = codec_decode(t->codec, message, t->columns, 0, &arena);
    for (size_t i = 0; i < t->row_type->field_count && rc == CODEC_ROW_BAD; i++) {
        require(!column_is_valid(t->columns[i], 0), "a bad message is all NULL");
        check_bad(t->columns[i]);
    }
    bool has_text = (bytes[0] & 8) != 0;
    print_row(t, 0, has_text, &first);
    require(codec_decode(t->codec, message, t->columns, 1, &arena) == rc, "the same again");
    print_row(t, 1, has_text, &second);
    require(str_eq(buf_str(&first), buf_str(&second)), "both rows read the same");
    require((unwanted == CODEC_ROW_BAD) == (rc == CODEC_ROW_BAD), "wanted or not, bad is bad");
    return 0;
}

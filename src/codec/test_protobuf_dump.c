/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_protobuf_dump - messages in, rows as JSON text out, for tests in other languages
 *
 *     protobuf_dump DESCRIPTORS MESSAGE [option…]
 *
 * Reads messages from stdin, each behind its length (four bytes, little-endian), and prints a
 * line for each: {"row": "ok" | "bad_field" | "bad", "reason": …, "unknown": …, "columns": {…}}.
 * The row type is the described one, and the first line says what that is.
 * Options: enums_as_ints, emit_default_values, notice_unknown, recursive_depth=N, text (every
 * field that is a message becomes JSON text), rescued (a column "_rescued" for what does not fit).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "codec/codec.h"
#include "column/column.h"
#include "column/memory.h"

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* With messages as text, and the column for rescued data. */
static const struct type *row_type_of(const struct type *type, bool text, bool rescued,
                                      struct arena *arena)
{
    struct type_field *fields = arena_new_array(arena, struct type_field, type->field_count + 1);
    memcpy(fields, type->fields, type->field_count * sizeof(*fields));
    for (size_t i = 0; text && i < type->field_count; i++) {
        const struct type *t = fields[i].type;
        const struct type *string = type_simple(TYPE_STRING);
        if (t->kind == TYPE_STRUCT || t->kind == TYPE_TIMESTAMP) {
            fields[i].type = string;
        } else if (t->kind == TYPE_ARRAY && t->fields[0].type->kind == TYPE_STRUCT) {
            fields[i].type = type_array(arena, string, true);
        } else if (t->kind == TYPE_MAP && t->fields[1].type->kind == TYPE_STRUCT) {
            fields[i].type = type_map(arena, t->fields[0].type, string, true);
        }
    }
    size_t count = type->field_count;
    if (rescued) {
        fields[count++] = (struct type_field){
            .name = STR("_rescued"), .type = type_simple(TYPE_STRING), .nullable = true};
    }
    return type_struct(arena, fields, count);
}

static bool read_all(void *out, size_t len)
{
    size_t got = fread(out, 1, len, stdin);
    if (got != 0 && got != len) {
        fail("the input ends within a message");
    }
    return got == len;
}

static void print_row(const struct codec *codec, enum codec_row rc, struct column *const *columns,
                      struct buf *out)
{
    static const char *const names[] = {"ok", "bad_field", "bad"};
    buf_printf(out, "{\"row\":\"%s\",\"reason\":\"%s\",\"message\":", names[rc],
               rc == CODEC_ROW_OK ? "" : codec->fault.reason);
    json_quote(out, str_of(rc == CODEC_ROW_OK ? "" : codec->fault.message));
    buf_printf(out, ",\"unknown\":%s,\"columns\":{", codec->unknown_field ? "true" : "false");
    for (size_t i = 0; i < codec->row_type->field_count; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        json_quote(out, codec->row_type->fields[i].name);
        buf_add_char(out, ':');
        column_print(columns[i], 0, out);
    }
    buf_add_c(out, "}}\n");
}

static void dump(struct codec *codec)
{
    const struct type *row_type = codec->row_type;
    struct column_memory *memory = column_memory_new(row_type, 1);
    struct column **columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    uint32_t len;
    while (read_all(&len, sizeof(len))) {
        AUTO_FREE char *message = mem_alloc(len); /* exactly as long, for the address sanitizer */
        if (len > 0 && !read_all(message, len)) {
            fail("the input ends within a message");
        }
        column_memory_reset(memory);
        arena_reset(&arena);
        buf_reset(&out);
        enum codec_row rc = codec_decode(codec, str_n(message, len), columns, 0, &arena);
        print_row(codec, rc, columns, &out);
        fwrite(out.ptr, 1, out.len, stdout);
    }
    mem_free(columns);
    column_memory_free(memory);
}

int main(int argc, char **argv)
{
    struct err err;
    if (argc < 3) {
        fail("usage: protobuf_dump DESCRIPTORS MESSAGE [option…]");
    }
    AUTO_BUF struct buf descriptors = {0};
    if (fs_read_file(argv[1], &descriptors, &err) < 0) {
        fail(err.msg);
    }
    struct codec_options options = {.protobuf_descriptors = buf_str(&descriptors),
                                    .protobuf_message = str_of(argv[2])};
    bool text = false;
    bool rescued = false;
    for (int i = 3; i < argc; i++) {
        struct str option = str_of(argv[i]);
        uint64_t number;
        if (str_eq_c(option, "enums_as_ints")) {
            options.enums_as_ints = true;
        } else if (str_eq_c(option, "emit_default_values")) {
            options.emit_default_values = true;
        } else if (str_eq_c(option, "notice_unknown")) {
            options.notice_unknown = true;
        } else if (str_eq_c(option, "text")) {
            text = true;
        } else if (str_eq_c(option, "rescued")) {
            rescued = true;
            options.rescued_column = STR("_rescued");
        } else if (str_starts(option, STR("recursive_depth=")) &&
                   str_to_u64(str_skip(option, 16), &number)) {
            options.recursive_depth = (uint32_t)number;
        } else {
            fail("unknown option");
        }
    }
    AUTO_ARENA struct arena arena = {0};
    const struct type *row_type;
    if (codec_describe(STR("protobuf"), &options, &arena, &row_type, &err) < 0) {
        fail(err.msg);
    }
    row_type = row_type_of(row_type, text, rescued, &arena);
    struct codec *codec;
    if (codec_open(STR("protobuf"), row_type, &options, &codec, &err) < 0) {
        fail(err.msg);
    }
    AUTO_BUF struct buf line = {0};
    type_print(row_type, &line);
    puts(line.ptr);
    dump(codec);
    codec_close(codec);
    return 0;
}

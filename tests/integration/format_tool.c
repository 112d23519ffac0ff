/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format_tool - codecs and inference as a program, for test_formats_plain.py
 *
 *     format_tool decode FORMAT 'STRUCT<…>' [option=value…]   a line of JSON for each message
 *     format_tool infer [option=value…]                       the columns, one a line
 *
 * Messages come on stdin, a NUL byte behind each.
 */
#include <stdio.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/infer.h"
#include "column/column.h"
#include "column/memory.h"
#include "plan/plan.h"

static int fail(const char *what)
{
    fprintf(stderr, "format_tool: %s\n", what);
    return 1;
}

static void read_all(struct buf *out)
{
    size_t got;
    do {
        char *to = buf_reserve(out, 65536);
        got = fread(to, 1, 65536, stdin);
        out->len += got;
    } while (got > 0);
}

static bool next_message(struct str *rest, struct str *ret_message)
{
    ptrdiff_t end = str_find(*rest, '\0');
    if (end < 0) {
        return false;
    }
    *ret_message = str_head(*rest, (size_t)end);
    *rest = str_skip(*rest, (size_t)end + 1);
    return true;
}

static void print_row(enum codec_row rc, const struct codec *codec, const struct column *columns)
{
    static const char *const names[] = {"ok", "bad_field", "bad"};
    AUTO_BUF struct buf line = {0};
    buf_printf(&line, "{\"rc\":\"%s\",\"reason\":\"%s\",\"row\":[", names[rc],
               rc != CODEC_ROW_OK ? codec->fault.reason : "");
    for (size_t i = 0; i < codec->row_type->field_count; i++) {
        buf_add_c(&line, i > 0 ? "," : "");
        column_print(&columns[i], 0, &line);
    }
    buf_add_c(&line, "]}\n");
    fwrite(line.ptr, 1, line.len, stdout);
}

static int decode(const char *format, const char *ddl, char **options, struct str messages)
{
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec_options o = {0};
    for (; *options != NULL; options++) {
        struct str value = str_of(*options);
        struct str name;
        str_split(&value, '=', &name);
        if (str_eq_c(name, "sep")) {
            o.csv_separator = value;
        } else if (str_eq_c(name, "quote")) {
            o.csv_quote = value;
        } else if (str_eq_c(name, "escape")) {
            o.csv_escape = value;
        } else if (str_eq_c(name, "nullValue")) {
            o.csv_null = value;
        } else {
            return fail("no such option");
        }
    }
    const struct type *row_type;
    struct codec *codec;
    if (plan_parse_type(&arena, str_of(ddl), &row_type, &err) < 0 ||
        codec_open(str_of(format), row_type, &o, &codec, &err) < 0) {
        return fail(err.msg);
    }
    struct column_memory *memory = column_memory_new(row_type, 1);
    struct column *columns = column_memory_columns(memory);
    struct column **wanted = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        wanted[i] = &columns[i];
    }
    struct str message;
    while (next_message(&messages, &message)) {
        column_memory_reset(memory);
        print_row(codec_decode(codec, message, wanted, 0, &arena), codec, columns);
    }
    mem_free(wanted);
    column_memory_free(memory);
    codec_close(codec);
    return 0;
}

static int infer(char **options, struct str messages)
{
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec_infer_options o = {0};
    for (; *options != NULL; options++) {
        if (strcmp(*options, "inferTimestamp=true") == 0) {
            o.timestamps = true;
        } else if (strcmp(*options, "allowNonNumericNumbers=true") == 0) {
            o.allow_nan = true;
        } else {
            return fail("no such option");
        }
    }
    struct codec_infer *inference;
    if (codec_infer_new(STR("json"), &o, &inference, &err) < 0) {
        return fail(err.msg);
    }
    struct str message;
    while (next_message(&messages, &message)) {
        codec_infer_add(inference, message);
    }
    const struct type *row_type = codec_infer_type(inference, &arena);
    AUTO_BUF struct buf columns = {0};
    codec_infer_print_columns(row_type, &columns);
    fwrite(columns.ptr, 1, columns.len, stdout);
    codec_infer_free(inference);
    if (row_type->field_count == 0) {
        return 0;
    }

    /* What was printed reads as the type it came from. */
    const struct type *again;
    const char *ddl = arena_printf(&arena, "STRUCT<%s>", columns.ptr);
    if (plan_parse_type(&arena, str_of(ddl), &again, &err) < 0) {
        return fail(err.msg);
    }
    return type_eq(row_type, again) ? 0 : fail("the columns read as another type");
}

int main(int argc, char **argv)
{
    AUTO_BUF struct buf messages = {0};
    read_all(&messages);
    if (argc >= 4 && strcmp(argv[1], "decode") == 0) {
        return decode(argv[2], argv[3], argv + 4, buf_str(&messages));
    }
    if (argc >= 2 && strcmp(argv[1], "infer") == 0) {
        return infer(argv + 2, buf_str(&messages));
    }
    return fail("usage: format_tool decode FORMAT TYPE [option=value…] | infer [option=value…]");
}

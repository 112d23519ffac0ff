/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_rows - Avro messages as JSON text, for comparison with other readers
 *
 *     avro_rows WRITER.avsc [READER.avsc] <messages
 *
 * A message a line, in hexadecimal.  The first line of the output is the row type, then there is
 * a line for each message: "ok", "field" or "bad", the reason, and the row, between tabs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "column/column.h"
#include "column/memory.h"

static int fail(const struct err *err)
{
    fprintf(stderr, "avro_rows: %s\n", err->msg);
    return 1;
}

static unsigned digit_of(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static void print_row(const struct type *row_type, struct column *const *columns, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < row_type->field_count; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        json_quote(out, row_type->fields[i].name);
        buf_add_char(out, ':');
        column_print(columns[i], 0, out);
    }
    buf_add_char(out, '}');
}

static void decode_lines(struct codec *codec)
{
    static const char *const verdicts[] = {"ok", "field", "bad"};
    const struct type *row_type = codec->row_type;
    struct column_memory *memory = column_memory_new(row_type, 1);
    struct column **columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    AUTO_ARENA struct arena arena = {0};
    char *line = NULL;
    size_t room = 0;
    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;) {
        size_t count = (size_t)(len - (line[len - 1] == '\n')) / 2;
        AUTO_FREE char *message = mem_alloc(count + 1);
        for (size_t i = 0; i < count; i++) {
            message[i] = (char)(digit_of(line[2 * i]) << 4 | digit_of(line[2 * i + 1]));
        }
        column_memory_reset(memory);
        arena_reset(&arena);
        enum codec_row rc = codec_decode(codec, str_n(message, count), columns, 0, &arena);
        AUTO_BUF struct buf row = {0};
        print_row(row_type, columns, &row);
        printf("%s\t%s\t%s\n", verdicts[rc], rc == CODEC_ROW_OK ? "" : codec->fault.reason,
               row.ptr);
    }
    free(line); /* getline's */
    mem_free(columns);
    column_memory_free(memory);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: avro_rows WRITER.avsc [READER.avsc] <messages\n");
        return 2;
    }
    struct err err;
    AUTO_BUF struct buf writer = {0};
    AUTO_BUF struct buf reader = {0};
    if (fs_read_file(argv[1], &writer, &err) < 0 ||
        (argc > 2 && fs_read_file(argv[2], &reader, &err) < 0)) {
        return fail(&err);
    }
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf ddl = {0};
    const struct type *row_type;
    struct codec *codec;
    struct codec_options options = {.avro_schema = buf_str(&writer),
                                    .avro_reader_schema = buf_str(&reader)};
    if (codec_describe(STR("avro"), &options, &arena, &row_type, &err) < 0 ||
        codec_open(STR("avro"), row_type, &options, &codec, &err) < 0) {
        return fail(&err);
    }
    type_print(row_type, &ddl);
    printf("%s\n", ddl.ptr);
    decode_lines(codec);
    codec_close(codec);
    return 0;
}

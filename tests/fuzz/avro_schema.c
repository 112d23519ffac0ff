/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_schema - fuzz target of Avro schemas: read, described, compiled, with and without a reader's
 *
 * Input: the writer's schema, and maybe a line feed and the reader's.
 *
 * What must hold, besides the sanitizers' peace:
 *  (1) What is refused is refused as a mistake of the user, with a message.
 *  (2) The canonical form of a schema is a schema, of the same canonical form.
 *  (3) A codec of the row type that a schema alone amounts to can be opened, has no unknown
 *      field, and decodes whatever bytes, here those of the schema.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/avro_canon.h"
#include "codec/codec.h"
#include "column/column.h"
#include "column/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static bool is_taken(int rc, const struct err *err)
{
    require(rc >= 0 || (rc == ERR_CONFIG && err->msg[0] != '\0'), "it is told what is wrong");
    return rc >= 0;
}

static void check_canon(struct str text)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf once = {0};
    AUTO_BUF struct buf twice = {0};
    const struct avro_schema *schema;
    struct err err;
    if (!is_taken(codec_avro_schema_parse(&arena, text, &schema, &err), &err)) {
        return;
    }
    codec_avro_canon_print(schema, &once);
    require(codec_avro_schema_parse(&arena, buf_str(&once), &schema, &err) >= 0,
            "the canonical form is a schema");
    codec_avro_canon_print(schema, &twice);
    require(str_eq(buf_str(&once), buf_str(&twice)), "the canonical form is its own");
}

static void decode(struct codec *codec, const struct type *row_type, struct str message)
{
    AUTO_ARENA struct arena arena = {0};
    struct column_memory *memory = column_memory_new(row_type, 1);
    AUTO_FREE struct column **columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    codec_decode(codec, message, columns, 0, &arena);
    require(!codec->unknown_field, "the schema's own type has all fields");
    column_memory_free(memory);
}

static void check_codec(struct codec_options options, struct str message, bool must_open)
{
    AUTO_ARENA struct arena arena = {0};
    const struct type *row_type;
    struct codec *codec;
    struct err err;
    if (!is_taken(codec_describe(STR("avro"), &options, &arena, &row_type, &err), &err)) {
        return;
    }
    if (is_taken(codec_open(STR("avro"), row_type, &options, &codec, &err), &err)) {
        decode(codec, row_type, message);
        codec_close(codec);
    } else {
        require(!must_open, "a schema's own type can be decoded");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str rest = str_n((const char *)bytes, len);
    struct str writer = STR_NULL;
    if (len == 0 || !str_split(&rest, '\n', &writer)) {
        return 0;
    }
    check_canon(writer);
    struct codec_options options = {
        .avro_schema = writer, .notice_unknown = true, .recursive_depth = (uint32_t)(len % 4)};
    check_codec(options, writer, true);
    if (rest.len > 0) {
        options.avro_reader_schema = rest;
        check_codec(options, writer, false);
    }
    return 0;
}

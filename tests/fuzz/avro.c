/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro - fuzz target of the Avro decoder
 *
 * Input: a byte that chooses schemas and options, then the message.  Each message is decoded
 * twice into columns in memory, and once more with no column wanted.
 *
 * What must hold, besides the sanitizers' peace:
 *  (1) Both rows read the same, and the verdicts are equal.
 *  (2) A bad message is bad whichever columns are wanted.
 *  (3) A bad message gives NULLs and leaves every list as long as it was; a good one leaves
 *      lists that end where they say.
 *  (4) Of a message that is good every proper prefix is bad, or it is a datum of another length
 *      that was cut off behind nothing but elements without bytes: no schema here has such.
 *  (5) Rescued data is JSON.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "column/column.h"
#include "column/memory.h"

struct target {
    struct arena types;
    const struct type *row_type;
    struct codec *codec;
    struct column_memory *memory;
    struct column **columns;
};

#define LOGICAL(kind, name) "{\"type\":\"" kind "\",\"logicalType\":\"" name "\"}"

static const char flat[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"a\",\"type\":\"boolean\"},{\"name\":\"b\",\"type\":\"int\"},"
    "{\"name\":\"c\",\"type\":\"long\"},{\"name\":\"d\",\"type\":\"float\"},"
    "{\"name\":\"e\",\"type\":\"double\"},{\"name\":\"f\",\"type\":\"bytes\"},"
    "{\"name\":\"g\",\"type\":\"string\"},{\"name\":\"h\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"i\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
    "{\"name\":\"j\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
    "{\"name\":\"k\",\"type\":" LOGICAL(
        "long",
        "timestamp-millis") "},"
                            "{\"name\":\"l\",\"type\":" LOGICAL(
                                "long",
                                "timestamp-nanos") "},"
                                                   "{\"name\":\"m\",\"type\":{\"type\":\"bytes\","
                                                   "\"logicalType\":\"decimal\",\"precision\":4,"
                                                   "\"scale\":1}},{\"name\":\"n\",\"type\":["
                                                   "\"int\",\"string\",\"null\"]},"
                                                   "{\"name\":\"o\",\"type\":[\"long\",\"int\"]}]}";

static const char lists[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":"
    "[\"null\",\"int\"]}}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"map\",\"values\":\"string\"}"
    "}},"
    "{\"name\":\"r\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"S\","
    "\"fields\":[{\"name\":\"x\",\"type\":\"double\"},{\"name\":\"y\",\"type\":[\"null\","
    "{\"type\":\"map\",\"values\":\"int\"}]},{\"name\":\"z\",\"type\":{\"type\":\"array\","
    "\"items\":\"double\"}}]}}},{\"name\":\"u\",\"type\":[{\"type\":\"array\",\"items\":\"int\"},"
    "{\"type\":\"map\",\"values\":\"S\"},\"null\"]}]}";

/* Read by a schema that leaves out, adds, widens and cannot resolve something. */
static const char list_reader[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"r\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"S\","
    "\"fields\":[{\"name\":\"new\",\"type\":{\"type\":\"array\",\"items\":\"string\"},"
    "\"default\":[\"a\",\"a text of more than twelve\"]},{\"name\":\"y\",\"type\":[\"null\","
    "{\"type\":\"map\",\"values\":\"long\"}]}]}}},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":"
    "[\"double\",\"null\"]}}},"
    "{\"name\":\"u\",\"type\":[{\"type\":\"map\",\"values\":\"S\"},\"null\"]}]}";

static const char tree[] =
    "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"v\",\"type\":\"int\"},"
    "{\"name\":\"kids\",\"type\":{\"type\":\"array\",\"items\":\"T\"}},"
    "{\"name\":\"next\",\"type\":[\"null\",\"T\"]}]}";

static const struct case_of {
    const char *writer;
    const char *reader;
    uint32_t recursive_depth;
} cases[] = {{flat, "", 0}, {lists, "", 0}, {lists, list_reader, 0}, {tree, "", 2}};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* The type with every integer a TINYINT, so that values are out of range. */
static const struct type *narrow(struct arena *arena, const struct type *type)
{
    if (type->kind == TYPE_INTEGER) {
        return type_simple(TYPE_TINYINT);
    }
    if (type->kind == TYPE_ARRAY) {
        return type_array(arena, narrow(arena, type->fields[0].type), true);
    }
    if (type->kind != TYPE_STRUCT) {
        return type;
    }
    struct type_field *fields = arena_new_array(arena, struct type_field, type->field_count);
    for (size_t i = 0; i < type->field_count; i++) {
        fields[i] = type->fields[i];
        fields[i].type = narrow(arena, type->fields[i].type);
    }
    return type_struct(arena, fields, type->field_count);
}

/* Without the first field, and with a column for what does not fit. */
static const struct type *rescue(struct arena *arena, const struct type *type)
{
    type = narrow(arena, type);
    struct type_field *fields = arena_new_array(arena, struct type_field, type->field_count);
    memcpy(fields, type->fields + 1, (type->field_count - 1) * sizeof(*fields));
    fields[type->field_count - 1] = (struct type_field){
        .name = STR("_rest"), .type = type_simple(TYPE_STRING), .nullable = true};
    return type_struct(arena, fields, type->field_count);
}

static struct target *target_of(unsigned which)
{
    static struct target targets[2 * ARRAY_COUNT(cases)];
    struct target *t = &targets[which % ARRAY_COUNT(targets)];
    if (t->codec != NULL) {
        return t;
    }
    const struct case_of *c = &cases[which % ARRAY_COUNT(cases)];
    bool is_rescued = which % ARRAY_COUNT(targets) >= ARRAY_COUNT(cases);
    struct codec_options options = {.avro_schema = str_of(c->writer),
                                    .avro_reader_schema = str_of(c->reader),
                                    .recursive_depth = c->recursive_depth,
                                    .notice_unknown = true,
                                    .rescued_column = str_of(is_rescued ? "_rest" : "")};
    struct err err;
    if (codec_describe(STR("avro"), &options, &t->types, &t->row_type, &err) < 0) {
        abort();
    }
    if (is_rescued) {
        t->row_type = rescue(&t->types, t->row_type);
    }
    if (codec_open(STR("avro"), t->row_type, &options, &t->codec, &err) < 0) {
        abort();
    }
    t->memory = column_memory_new(t->row_type, 3);
    t->columns = mem_new_array(struct column *, t->row_type->field_count);
    return t;
}

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

static void check_empty(const struct column *col)
{
    require(col->child_rows == 0, "a bad message leaves no elements");
    for (size_t i = 0; i < col->child_count; i++) {
        check_empty(&col->children[i]);
    }
}

static void check_rescued(const struct column *col)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root;
    struct err err;
    if (column_is_valid(col, 0)) {
        require(json_parse(&arena, column_get_string(col, 0), &root, &err) == 0,
                "rescued data is JSON");
    }
}

static void print_row(const struct target *t, size_t row, struct buf *out)
{
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        column_print(t->columns[i], row, out);
        buf_add_char(out, '\n');
        check_lists(t->columns[i], row);
    }
}

static void want_columns(struct target *t, bool are_wanted)
{
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        t->columns[i] = are_wanted ? &column_memory_columns(t->memory)[i] : NULL;
    }
}

static void check_prefixes(struct target *t, struct str message, struct arena *arena)
{
    want_columns(t, false);
    for (size_t len = 0; len < message.len && len < 64; len++) {
        AUTO_FREE char *copy = mem_alloc(len + 1);
        memcpy(copy, message.ptr, len);
        char *start = copy + (len == 0);
        require(codec_decode(t->codec, str_n(start, len), t->columns, 0, arena) == CODEC_ROW_BAD,
                "a prefix is bad");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 1) {
        return 0;
    }
    struct target *t = target_of(bytes[0]);
    struct str message = str_n((const char *)bytes + 1, len - 1);
    AUTO_FREE char *copy = mem_alloc(message.len + (message.len == 0));
    memcpy(copy, message.ptr, message.len);
    message.ptr = copy;
    AUTO_ARENA struct arena arena = {0};
    column_memory_reset(t->memory);

    want_columns(t, false);
    enum codec_row unwanted = codec_decode(t->codec, message, t->columns, 0, &arena);
    want_columns(t, true);
    AUTO_BUF struct buf first = {0};
    AUTO_BUF struct buf second = {0};
    enum codec_row rc = codec_decode(t->codec, message, t->columns, 0, &arena);
    bool is_bad = rc == CODEC_ROW_BAD;
    for (size_t i = 0; is_bad && i < t->row_type->field_count; i++) {
        require(!column_is_valid(t->columns[i], 0), "a bad message is all NULL");
        check_empty(t->columns[i]);
    }
    print_row(t, 0, &first);
    if (str_eq_c(t->row_type->fields[t->row_type->field_count - 1].name, "_rest")) {
        check_rescued(t->columns[t->row_type->field_count - 1]);
    }
    require(codec_decode(t->codec, message, t->columns, 1, &arena) == rc, "the same again");
    print_row(t, 1, &second);
    require(str_eq(buf_str(&first), buf_str(&second)), "both rows read the same");
    require((unwanted == CODEC_ROW_BAD) == is_bad, "wanted or not, bad is bad");
    if (!is_bad) {
        check_prefixes(t, message, &arena);
    }
    return 0;
}

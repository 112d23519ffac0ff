/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - fuzz target of the JSON decoder
 *
 * Input: a byte that chooses the row type, a byte of options, then the message.  Each
 * message is decoded twice into columns in memory, behind what earlier inputs left in the
 * decoder's guesses, once more with no column wanted, and given to jansson.
 *
 * What must hold, besides the sanitizers' peace:
 *  (1) Verdicts agree: the message is bad exactly when codec_json_validate says so or it is
 *      not an object, whatever the row type and whichever columns are wanted.
 *  (2) Both rows read the same.
 *  (3) A bad message gives NULLs and leaves every list as long as it was; a good one
 *      leaves lists that end where they say.
 *  (4) What was rescued is one JSON object.
 *  (5) jansson agrees, but for what it cannot hold (NUL in names, numbers beyond int64 or
 *      double), depth (it allows 2,048), and a raw NUL behind a number, which it overlooks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/json.h"
#include "codec/json_oracle.h"
#include "column/column.h"
#include "column/memory.h"

#define TYPES 4

struct target {
    struct arena types;
    const struct type *row_type;
    struct codec *codec;
    struct column_memory *memory;
    struct column **columns;
    size_t rescued; /* the field that takes what does not fit; SIZE_MAX = none */
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct type_field field(const char *name, const struct type *type)
{
    return (struct type_field){.name = str_of(name), .type = type, .nullable = true};
}

static const struct type *flat_type(struct arena *a)
{
    struct type_field fields[] = {
        field("a", type_simple(TYPE_BOOLEAN)),   field("b", type_simple(TYPE_TINYINT)),
        field("c", type_simple(TYPE_SMALLINT)),  field("d", type_simple(TYPE_INTEGER)),
        field("e", type_simple(TYPE_BIGINT)),    field("f", type_simple(TYPE_FLOAT)),
        field("g", type_simple(TYPE_DOUBLE)),    field("h", type_decimal(a, 4, 2)),
        field("i", type_decimal(a, 38, 10)),     field("j", type_simple(TYPE_STRING)),
        field("k", type_simple(TYPE_BINARY)),    field("l", type_simple(TYPE_DATE)),
        field("m", type_simple(TYPE_TIMESTAMP)), field("n", type_simple(TYPE_TIMESTAMP_NTZ)),
        field("\"", type_simple(TYPE_STRING)),   field("", type_simple(TYPE_BIGINT)),
    };
    return type_struct(a, fields, ARRAY_COUNT(fields));
}

static const struct type *list_type(struct arena *a)
{
    const struct type *string = type_simple(TYPE_STRING);
    const struct type *number = type_simple(TYPE_DOUBLE);
    struct type_field inner[] = {field("x", number), field("y", type_array(a, string, true)),
                                 field("z", type_map(a, string, number, true))};
    const struct type *element = type_struct(a, inner, ARRAY_COUNT(inner));
    struct type_field fields[] = {
        field("a", type_array(a, element, true)),
        field("b", type_array(a, type_array(a, number, true), true)),
        field("s", element),
        field("rest", string),
    };
    return type_struct(a, fields, ARRAY_COUNT(fields));
}

static const struct type *map_type(struct arena *a)
{
    const struct type *string = type_simple(TYPE_STRING);
    const struct type *numbers = type_array(a, type_simple(TYPE_BIGINT), true);
    struct type_field inner[] = {field("k", type_map(a, string, numbers, true))};
    struct type_field fields[] = {
        field("a", type_map(a, string, type_map(a, string, numbers, true), true)),
        field("m", type_map(a, string, type_struct(a, inner, 1), true)),
        field("rest", string),
    };
    return type_struct(a, fields, ARRAY_COUNT(fields));
}

static const struct type *text_type(struct arena *a)
{
    struct type_field fields[] = {field("a", type_simple(TYPE_STRING)),
                                  field("a name of more than sixteen", type_simple(TYPE_STRING))};
    return type_struct(a, fields, ARRAY_COUNT(fields));
}

static struct target *target_of(unsigned which, unsigned options)
{
    static struct target targets[TYPES][16];
    struct target *t = &targets[which % TYPES][options % 16];
    if (t->codec != NULL) {
        return t;
    }
    static const struct type *(*const types[TYPES])(struct arena *) = {flat_type, list_type,
                                                                       map_type, text_type};
    t->row_type = types[which % TYPES](&t->types);
    struct codec_options o = {.timestamp_unit = (enum codec_epoch)(options % 4),
                              .allow_nan = (options & 4) != 0};
    /* The last STRING takes what does not fit. */
    t->rescued = SIZE_MAX;
    for (size_t i = 0; (options & 8) != 0 && i < t->row_type->field_count; i++) {
        if (t->row_type->fields[i].type->kind == TYPE_STRING) {
            t->rescued = i;
            o.rescued_column = t->row_type->fields[i].name;
        }
    }
    struct err err;
    if (codec_open(STR("json"), t->row_type, &o, &t->codec, &err) < 0) {
        abort();
    }
    t->memory = column_memory_new(t->row_type, 3);
    t->columns = mem_new_array(struct column *, t->row_type->field_count);
    return t;
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
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

static void check_bad(const struct target *t, size_t row, uint64_t child_rows)
{
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        require(!column_is_valid(t->columns[i], row), "a bad message is all NULL");
        require(t->columns[i]->child_rows == child_rows, "a bad message leaves no elements");
    }
}

static bool is_object(struct str s)
{
    if (str_starts(s, STR("\xef\xbb\xbf"))) {
        s = str_skip(s, 3);
    }
    s = str_trim(s);
    return s.len > 0 && s.ptr[0] == '{';
}

/* Invariant (4). */
static void check_rescued(const struct target *t, size_t row, enum codec_row rc)
{
    if (t->rescued == SIZE_MAX || !column_is_valid(t->columns[t->rescued], row)) {
        return;
    }
    struct str text = column_get_string(t->columns[t->rescued], row);
    require(rc != CODEC_ROW_BAD, "of a bad message nothing is rescued");
    require(codec_json_validate(text) && is_object(text), "what is rescued is JSON");
}

static void check_jansson(struct str message, bool is_bad, const struct codec_fault *fault)
{
    if (str_starts(message, STR("\xef\xbb\xbf"))) {
        message = str_skip(message, 3);
    }
    char error[ORACLE_ERROR];
    struct codec_json_oracle *root = codec_json_oracle_parse(message.ptr, message.len, error);
    if (root != NULL) {
        bool is_taken = codec_json_oracle_kind(root) == ORACLE_OBJECT;
        codec_json_oracle_free(root);
        bool is_known =
            !is_bad || strcmp(fault->reason, "depth") == 0 || str_find(message, '\0') >= 0;
        require(!is_taken || is_known, "what jansson takes we take");
        return;
    }
    bool is_beyond_jansson = strstr(error, "NUL byte") != NULL ||
                             strstr(error, "too big") != NULL || strstr(error, "overflow") != NULL;
    if (!is_bad && !is_beyond_jansson) {
        fprintf(stderr, "jansson: %s\n", error);
        abort();
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2) {
        return 0;
    }
    struct target *t = target_of(bytes[0], bytes[1]);
    bool allow_nan = (bytes[1] & 4) != 0;
    struct str message = str_n((const char *)bytes + 2, len - 2);
    AUTO_FREE char *copy = mem_alloc(message.len + (message.len == 0));
    memcpy(copy, message.ptr, message.len);
    message.ptr = copy;
    AUTO_ARENA struct arena arena = {0};
    column_memory_reset(t->memory);

    enum codec_row unwanted = codec_decode(t->codec, message, t->columns, 0, &arena);
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        t->columns[i] = &column_memory_columns(t->memory)[i];
    }
    AUTO_BUF struct buf first = {0};
    AUTO_BUF struct buf second = {0};
    enum codec_row rc = codec_decode(t->codec, message, t->columns, 0, &arena);
    bool is_bad = rc == CODEC_ROW_BAD;
    if (is_bad) {
        check_bad(t, 0, 0);
    }
    check_rescued(t, 0, rc);
    print_row(t, 0, &first);
    require(codec_decode(t->codec, message, t->columns, 1, &arena) == rc, "the same again");
    print_row(t, 1, &second);
    require(str_eq(buf_str(&first), buf_str(&second)), "both rows read the same");
    require((unwanted == CODEC_ROW_BAD) == is_bad, "wanted or not, bad is bad");
    if (!allow_nan) {
        require((codec_json_validate(message) && is_object(message)) == !is_bad,
                "the verdict is the skipper's");
        check_jansson(message, is_bad, &t->codec->fault);
    }
    for (size_t i = 0; i < t->row_type->field_count; i++) {
        t->columns[i] = NULL;
    }
    return 0;
}

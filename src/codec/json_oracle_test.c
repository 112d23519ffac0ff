/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_oracle_test - the decoder against jansson on random documents
 *
 * A seeded generator makes a random row type and messages for it: fields in any order,
 * missing, unknown and doubled, with values of the right and of the wrong kind, escapes,
 * white space and nesting.  What the columns hold must be what jansson read, turned into
 * columns by the plainest code there is (check_* below).
 */
#include <math.h>
#include <stdlib.h>

#include "codec/json_oracle.h"
#include "codec/json_test_util.h"

#define DOCUMENTS 10000
#define TYPES     50

/* Names of all kinds: short, long, escaped, not ASCII, empty. */
static const char *const names[] = {
    "a",
    "id",
    "",
    "user_id",
    "a_name_of_15_by",
    "a_name_of_16_byt",
    "a_name_of_17_byte",
    ("gr\xc3\xb6\xc3\x9f"
     "e"),
    "quo\"te",
    "back\\slash",
    "t\tab",
    "x.y",
};

static const struct type *random_type(struct rng *rng, struct arena *arena, int depth)
{
    static const enum type_kind kinds[] = {TYPE_BOOLEAN, TYPE_TINYINT, TYPE_SMALLINT, TYPE_INTEGER,
                                           TYPE_BIGINT,  TYPE_DOUBLE,  TYPE_FLOAT,    TYPE_STRING,
                                           TYPE_STRING,  TYPE_BIGINT};
    uint64_t choice = rng_below(rng, depth > 0 ? 14 : 10);
    if (choice < ARRAY_COUNT(kinds)) {
        return type_simple(kinds[choice]);
    }
    const struct type *inner = random_type(rng, arena, depth - 1);
    if (choice == 10) {
        return type_array(arena, inner, true);
    }
    if (choice == 11) {
        return type_map(arena, type_simple(TYPE_STRING), inner, true);
    }
    struct type_field fields[ARRAY_COUNT(names)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (rng_below(rng, 2) == 0) {
            fields[count++] = test_field(names[i], random_type(rng, arena, depth - 1));
        }
    }
    return type_struct(arena, fields, count);
}

static void print_space(struct rng *rng, struct buf *out)
{
    static const char *const spaces[] = {" ", "\n", "\t", "\r\n", "  \n\t "};
    if (rng_below(rng, 8) == 0) {
        buf_add_c(out, spaces[rng_below(rng, ARRAY_COUNT(spaces))]);
    }
}

/* One character, as itself or escaped. */
static void print_character(struct rng *rng, struct buf *out)
{
    static const char *const pieces[] = {
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\f",
        "\\n",
        "\\r",
        "\\t",
        "\\u0041",
        "\\u00e9",
        "\\u20ac",
        "\\ud83d\\ude00",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "\xed\x9f\xbf",
        "/",
        "\\u0000",
        "{",
        "}",
        "[",
        ",",
        ":",
        "\x7f",
        "\\uFFFF",
        "\\uDBFF\\uDFFF",
    };
    if (rng_below(rng, 12) == 0) {
        buf_add_c(out, pieces[rng_below(rng, ARRAY_COUNT(pieces))]);
    } else {
        buf_add_char(out, (char)('a' + (int)rng_below(rng, 26)));
    }
}

static void print_string(struct rng *rng, struct buf *out)
{
    static const uint64_t lengths[] = {3, 13, 17, 40, 200};
    uint64_t len = rng_below(rng, lengths[rng_below(rng, ARRAY_COUNT(lengths))]);
    buf_add_char(out, '"');
    for (uint64_t i = 0; i < len; i++) {
        print_character(rng, out);
    }
    buf_add_char(out, '"');
}

/* A name, now and then with a character escaped that need not be. */
static void print_name(struct rng *rng, struct str name, struct buf *out)
{
    if (name.len > 0 && rng_below(rng, 10) == 0 && (unsigned char)name.ptr[0] < 0x80) {
        buf_printf(out, "\"\\u%04x", (unsigned)name.ptr[0]);
        AUTO_BUF struct buf rest = {0};
        json_quote(&rest, str_skip(name, 1));
        buf_add_str(out, str_skip(buf_str(&rest), 1));
    } else {
        json_quote(out, name);
    }
    print_space(rng, out);
    buf_add_char(out, ':');
    print_space(rng, out);
}

static void print_digits(struct rng *rng, uint64_t count, struct buf *out)
{
    for (uint64_t i = 0; i < count; i++) {
        buf_add_char(out, (char)('0' + (int)rng_below(rng, 10)));
    }
}

static void print_number(struct rng *rng, struct buf *out)
{
    static const uint64_t lengths[] = {2, 4, 9, 18};
    buf_add_c(out, rng_below(rng, 3) == 0 ? "-" : "");
    if (rng_below(rng, 5) == 0) {
        buf_add_char(out, '0');
    } else {
        buf_add_char(out, (char)('1' + (int)rng_below(rng, 9)));
        print_digits(rng, rng_below(rng, lengths[rng_below(rng, ARRAY_COUNT(lengths))]), out);
    }
    if (rng_below(rng, 3) == 0) {
        buf_add_char(out, '.');
        print_digits(rng, 1 + rng_below(rng, rng_below(rng, 20) == 0 ? 40 : 12), out);
    }
    if (rng_below(rng, 8) == 0) {
        static const char *const exponents[] = {"e5", "E+10", "e-20", "E-3", "e0", "e30", "e-300"};
        buf_add_c(out, exponents[rng_below(rng, ARRAY_COUNT(exponents))]);
    }
}

static void print_any(struct rng *rng, int depth, struct buf *out);

static void print_members(struct rng *rng, int depth, struct buf *out)
{
    uint64_t count = rng_below(rng, 5);
    for (uint64_t i = 0; i < count; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        print_space(rng, out);
        print_name(rng, str_of(names[rng_below(rng, ARRAY_COUNT(names))]), out);
        print_any(rng, depth - 1, out);
        print_space(rng, out);
    }
}

static void print_any(struct rng *rng, int depth, struct buf *out)
{
    switch (rng_below(rng, depth > 0 ? 7 : 5)) {
    case 0:
        buf_add_c(out, "null");
        break;
    case 1:
        buf_add_c(out, rng_below(rng, 2) == 0 ? "true" : "false");
        break;
    case 2:
        print_number(rng, out);
        break;
    case 3:
    case 4:
        print_string(rng, out);
        break;
    case 5:
        buf_add_char(out, '{');
        print_members(rng, depth, out);
        buf_add_char(out, '}');
        break;
    default: {
        buf_add_char(out, '[');
        uint64_t count = rng_below(rng, 4);
        for (uint64_t i = 0; i < count; i++) {
            buf_add_c(out, i > 0 ? "," : "");
            print_any(rng, depth - 1, out);
            print_space(rng, out);
        }
        buf_add_char(out, ']');
    }
    }
}

static void print_typed(struct rng *rng, const struct type *t, struct buf *out);

static void print_object(struct rng *rng, const struct type *t, struct buf *out)
{
    buf_add_char(out, '{');
    bool first = true;
    uint64_t rounds = t->field_count + rng_below(rng, 3);
    size_t start =
        t->field_count > 0 && rng_below(rng, 4) == 0 ? rng_below(rng, t->field_count) : 0;
    for (uint64_t i = 0; i < rounds; i++) {
        if (rng_below(rng, 8) == 0) {
            continue;
        }
        buf_add_c(out, first ? "" : ",");
        first = false;
        print_space(rng, out);
        if (rng_below(rng, 10) == 0 || t->field_count == 0) {
            print_name(rng, str_of(names[rng_below(rng, ARRAY_COUNT(names))]), out);
            print_any(rng, 2, out);
        } else {
            const struct type_field *f = &t->fields[(start + i) % t->field_count];
            print_name(rng, f->name, out);
            print_typed(rng, f->type, out);
        }
        print_space(rng, out);
    }
    buf_add_char(out, '}');
}

/* A value that fits the type nine times of ten. */
static void print_typed(struct rng *rng, const struct type *t, struct buf *out)
{
    if (rng_below(rng, 10) == 0) {
        print_any(rng, 2, out);
        return;
    }
    uint64_t count = rng_below(rng, rng_below(rng, 10) == 0 ? 60 : 4);
    switch (t->kind) {
    case TYPE_STRUCT:
        print_object(rng, t, out);
        break;
    case TYPE_ARRAY:
        buf_add_char(out, '[');
        for (uint64_t i = 0; i < count; i++) {
            buf_add_c(out, i > 0 ? "," : "");
            print_space(rng, out);
            print_typed(rng, t->fields[0].type, out);
        }
        buf_add_char(out, ']');
        break;
    case TYPE_MAP:
        buf_add_char(out, '{');
        for (uint64_t i = 0; i < count; i++) {
            buf_printf(out, "%s\"key%" PRIu64 "\":", i > 0 ? "," : "", rng_below(rng, count));
            print_typed(rng, t->fields[1].type, out);
        }
        buf_add_char(out, '}');
        break;
    case TYPE_STRING:
        print_string(rng, out);
        break;
    case TYPE_BOOLEAN:
        buf_add_c(out, rng_below(rng, 2) == 0 ? "true" : "false");
        break;
    default:
        print_number(rng, out);
    }
}

static void check(const struct column *col, size_t row, const struct codec_json_oracle *v);

static bool integer_fits(enum type_kind kind, long long i)
{
    switch (kind) {
    case TYPE_TINYINT:
        return i >= INT8_MIN && i <= INT8_MAX;
    case TYPE_SMALLINT:
        return i >= INT16_MIN && i <= INT16_MAX;
    case TYPE_INTEGER:
        return i >= INT32_MIN && i <= INT32_MAX;
    default:
        return kind == TYPE_BIGINT;
    }
}

static int64_t integer_at(const struct column *col, size_t row)
{
    switch (col->type->kind) {
    case TYPE_TINYINT:
        return ((const int8_t *)col->data)[row];
    case TYPE_SMALLINT:
        return ((const int16_t *)col->data)[row];
    case TYPE_INTEGER:
        return ((const int32_t *)col->data)[row];
    default:
        return ((const int64_t *)col->data)[row];
    }
}

static void check_number(const struct column *col, size_t row, const struct codec_json_oracle *v)
{
    bool is_integer = codec_json_oracle_kind(v) == ORACLE_INTEGER;
    bool is_number = is_integer || codec_json_oracle_kind(v) == ORACLE_REAL;
    if (col->type->kind != TYPE_DOUBLE && col->type->kind != TYPE_FLOAT) {
        bool fits = is_integer && integer_fits(col->type->kind, codec_json_oracle_integer(v));
        assert_int_equal(column_is_valid(col, row), fits);
        if (fits) {
            assert_true(integer_at(col, row) == codec_json_oracle_integer(v));
        }
        return;
    }
    double want = !is_number   ? 0
                  : is_integer ? (double)codec_json_oracle_integer(v)
                               : codec_json_oracle_real(v);
    if (col->type->kind == TYPE_DOUBLE) {
        assert_int_equal(column_is_valid(col, row), is_number);
        assert_true(!is_number || ((const double *)col->data)[row] == want);
        return;
    }
    /* Through a double the oracle may be off by one in the last place of a float. */
    assert_int_equal(column_is_valid(col, row), is_number && !isinf((float)want));
    if (column_is_valid(col, row)) {
        float got = ((const float *)col->data)[row];
        assert_true(got == (float)want || nextafterf(got, (float)want) == (float)want);
    }
}

static void check_string(const struct column *col, size_t row, const struct codec_json_oracle *v)
{
    assert_true(column_is_valid(col, row));
    struct str got = column_get_string(col, row);
    assert_true(str_is_utf8(got));
    if (codec_json_oracle_kind(v) == ORACLE_STRING) {
        struct str want = {0};
        want.ptr = codec_json_oracle_string(v, &want.len);
        assert_true(str_eq(got, want));
    }
}

static void check_map(const struct column *col, const struct codec_json_oracle *v,
                      struct column_list list)
{
    const struct column *keys = &col->children[0];
    assert_int_equal(list.len, codec_json_oracle_count(v));
    for (uint64_t i = list.offset; i < list.offset + list.len; i++) {
        AUTO_FREE char *key = str_dup(column_get_string(keys, i));
        struct codec_json_oracle *value = codec_json_oracle_member(v, key);
        assert_non_null(value);
        check(&col->children[1], i, value);
    }
}

static void check_nested(const struct column *col, size_t row, const struct codec_json_oracle *v)
{
    bool is_array = col->type->kind == TYPE_ARRAY;
    bool fits = codec_json_oracle_kind(v) == (is_array ? ORACLE_ARRAY : ORACLE_OBJECT);
    assert_int_equal(column_is_valid(col, row), fits);
    if (col->type->kind == TYPE_STRUCT) {
        for (size_t i = 0; i < col->child_count; i++) {
            const char *name = col->type->fields[i].name.ptr;
            check(&col->children[i], row, fits ? codec_json_oracle_member(v, name) : NULL);
        }
        return;
    }
    struct column_list list = ((const struct column_list *)col->data)[row];
    assert_true(list.offset + list.len <= col->child_rows);
    if (!fits) {
        assert_int_equal(list.len, 0);
    } else if (is_array) {
        assert_int_equal(list.len, codec_json_oracle_count(v));
        for (uint64_t i = 0; i < list.len; i++) {
            check(&col->children[0], list.offset + i, codec_json_oracle_element(v, i));
        }
    } else {
        check_map(col, v, list);
    }
}

/* That the column's row is what the oracle read; NULL = there was no such member. */
static void check(const struct column *col, size_t row, const struct codec_json_oracle *v)
{
    if (v == NULL || codec_json_oracle_kind(v) == ORACLE_NULL) {
        assert_false(column_is_valid(col, row));
        for (size_t i = 0; col->type->kind == TYPE_STRUCT && i < col->child_count; i++) {
            check(&col->children[i], row, NULL);
        }
        return;
    }
    enum codec_json_oracle_kind kind = codec_json_oracle_kind(v);
    switch (col->type->kind) {
    case TYPE_BOOLEAN: {
        bool is_boolean = kind == ORACLE_TRUE || kind == ORACLE_FALSE;
        assert_int_equal(column_is_valid(col, row), is_boolean);
        assert_true(!is_boolean || ((const uint8_t *)col->data)[row] == (kind == ORACLE_TRUE));
        break;
    }
    case TYPE_STRING:
        check_string(col, row, v);
        break;
    case TYPE_STRUCT:
    case TYPE_ARRAY:
    case TYPE_MAP:
        check_nested(col, row, v);
        break;
    default:
        check_number(col, row, v);
    }
}

static const struct type *random_row_type(struct rng *rng, struct arena *arena)
{
    for (;;) {
        const struct type *t = random_type(rng, arena, 4);
        if (t->kind == TYPE_STRUCT && t->field_count > 0) {
            return t;
        }
    }
}

static size_t check_type(struct rng *rng, size_t documents)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    fixture_open(&f, random_row_type(rng, &f.types), 16, (struct codec_options){0});
    size_t checked = 0;
    for (size_t i = 0; i < documents; i++) {
        AUTO_BUF struct buf message = {0};
        size_t row = i % 16;
        if (row == 0) {
            column_memory_reset(f.memory);
            arena_reset(&f.arena);
        }
        print_space(rng, &message);
        print_object(rng, f.row_type, &message);
        print_space(rng, &message);
        char error[ORACLE_ERROR];
        struct codec_json_oracle *root = codec_json_oracle_parse(message.ptr, message.len, error);
        enum codec_row rc = fixture_decode(&f, buf_str(&message), row);
        if (root == NULL) {
            /* Numbers jansson cannot hold; nothing else may be wrong with what we generate. */
            assert_true(strstr(error, "overflow") != NULL || strstr(error, "too big") != NULL);
            assert_int_not_equal(rc, CODEC_ROW_BAD);
            continue;
        }
        if (rc == CODEC_ROW_BAD) {
            fail_msg("%s: %.*s", f.codec->fault.message, STR_FMT(buf_str(&message)));
        }
        for (size_t c = 0; c < f.row_type->field_count; c++) {
            check(f.columns[c], row,
                  codec_json_oracle_member(root, f.row_type->fields[c].name.ptr));
        }
        codec_json_oracle_free(root);
        checked++;
    }
    return checked;
}

static void random_documents_read_as_jansson_reads_them(void **state)
{
    (void)state;
    const char *text = getenv("SLUICE_TEST_SEED");
    uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 10);
    print_message("# seed %" PRIu64 "\n", seed);
    struct rng rng;
    rng_init(&rng, seed);
    size_t checked = 0;
    for (int i = 0; i < TYPES; i++) {
        checked += check_type(&rng, DOCUMENTS / TYPES);
    }
    assert_true(checked > DOCUMENTS * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_documents_read_as_jansson_reads_them),
    };
    return cmocka_run_group_tests_name("json_oracle", tests, NULL, NULL);
}

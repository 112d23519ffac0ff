/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_test - messages to rows: kinds and columns, pieces, oneofs, maps, what is bad
 *
 * What other readers say of the same bytes: tests/integration/test_protobuf.py.
 */
#include "codec/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/protobuf_test_util.h"

struct fixture {
    struct arena types;
    struct arena arena;
    struct buf set;
    struct buf m; /* the message being written */
    const struct type *row_type;
    struct codec *codec;
    struct column_memory *memory;
    struct column **columns;
    char *copy;
};

static void fixture_done(struct fixture *f)
{
    codec_close(f->codec);
    column_memory_free(f->memory);
    mem_free(f->columns);
    mem_free(f->copy);
    buf_done(&f->set);
    buf_done(&f->m);
    arena_done(&f->arena);
    arena_done(&f->types);
}
#define AUTO_FIXTURE AUTO(fixture_done)

static struct type_field column(const char *name, const struct type *type)
{
    return (struct type_field){.name = str_of(name), .type = type, .nullable = true};
}

/* Opens p.M of the rich set for a row type, the described one when it is NULL. */
static void open_row(struct fixture *f, const char *syntax, const struct type *row_type,
                     struct codec_options options)
{
    struct err err = {0};
    put_rich_set(&f->set, syntax);
    options.protobuf_descriptors = buf_str(&f->set);
    options.protobuf_message = STR("p.M");
    options.recursive_depth = 1;
    if (row_type == NULL &&
        codec_describe(STR("protobuf"), &options, &f->types, &row_type, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->row_type = row_type;
    if (codec_open(STR("protobuf"), row_type, &options, &f->codec, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->memory = column_memory_new(row_type, 4);
    f->columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        f->columns[i] = &column_memory_columns(f->memory)[i];
    }
}

static void open_columns(struct fixture *f, const char *syntax, const struct type_field *fields,
                         size_t count, struct codec_options options)
{
    open_row(f, syntax, type_struct(&f->types, fields, count), options);
}

static enum codec_row decode(struct fixture *f, size_t row)
{
    mem_free(f->copy);
    f->copy = mem_alloc(f->m.len + (f->m.len == 0));
    memcpy(f->copy, f->m.ptr == NULL ? "" : f->m.ptr, f->m.len);
    return codec_decode(f->codec, str_n(f->copy, f->m.len), f->columns, row, &f->arena);
}

static const struct column *find(const struct fixture *f, const char *name)
{
    ptrdiff_t i = type_find_field(f->row_type, str_of(name));
    assert_true(i >= 0);
    return f->columns[i];
}

static void expect(struct fixture *f, size_t row, const char *name, const char *want)
{
    AUTO_BUF struct buf text = {0};
    column_print(find(f, name), row, &text);
    assert_string_equal(text.ptr, want);
}

/* Decodes f->m into row 0 and compares one column. */
static void check(struct fixture *f, enum codec_row rc, const char *name, const char *want)
{
    column_memory_reset(f->memory);
    enum codec_row got = decode(f, 0);
    if (got != rc) {
        fail_msg("row is %d: %s", got, f->codec->fault.message);
    }
    expect(f, 0, name, want);
    buf_reset(&f->m);
}

static void check_bad(struct fixture *f, const char *reason)
{
    column_memory_reset(f->memory);
    assert_int_equal(decode(f, 0), CODEC_ROW_BAD);
    assert_string_equal(f->codec->fault.reason, reason);
    for (size_t i = 0; i < f->row_type->field_count; i++) {
        assert_false(column_is_valid(f->columns[i], 0));
        assert_int_equal(f->columns[i]->child_rows, 0);
    }
    buf_reset(&f->m);
}

static void every_kind_becomes_its_own_column(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    put_double(&f.m, 1, -0.5);
    check(&f, CODEC_ROW_OK, "f_double", "-0.5");
    put_float(&f.m, 2, 1.25F);
    check(&f, CODEC_ROW_OK, "f_float", "1.25");
    put_int(&f.m, 3, INT64_MIN);
    check(&f, CODEC_ROW_OK, "f_int64", "-9223372036854775808");
    put_int(&f.m, 4, -1);
    check(&f, CODEC_ROW_OK, "f_uint64", "18446744073709551615");
    put_int(&f.m, 5, -2);
    check(&f, CODEC_ROW_OK, "f_int32", "-2");
    put_tag(&f.m, 6, WIRE_FIXED64);
    buf_add(&f.m, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    check(&f, CODEC_ROW_OK, "f_fixed64", "18446744073709551615");
    put_tag(&f.m, 7, WIRE_FIXED32);
    buf_add(&f.m, "\xff\xff\xff\xff", 4);
    check(&f, CODEC_ROW_OK, "f_fixed32", "4294967295");
    put_int(&f.m, 8, 300);
    check(&f, CODEC_ROW_OK, "f_bool", "true");
    put_c(&f.m, 9, "twelve bytes");
    check(&f, CODEC_ROW_OK, "f_string", "\"twelve bytes\"");
    put_c(&f.m, 9, "thirteen byte");
    check(&f, CODEC_ROW_OK, "f_string", "\"thirteen byte\"");
    put_bytes(&f.m, 10, str_n("\0\xff", 2));
    check(&f, CODEC_ROW_OK, "f_bytes", "\"AP8=\"");
    put_int(&f.m, 11, UINT32_MAX);
    check(&f, CODEC_ROW_OK, "f_uint32", "4294967295");
    put_int(&f.m, 12, 7);
    check(&f, CODEC_ROW_OK, "f_enum", "\"A_NAME_THAT_IS_LONG\"");
    put_tag(&f.m, 13, WIRE_FIXED32);
    buf_add(&f.m, "\xfe\xff\xff\xff", 4);
    check(&f, CODEC_ROW_OK, "f_sfixed32", "-2");
    put_tag(&f.m, 14, WIRE_FIXED64);
    buf_add(&f.m, "\xfe\xff\xff\xff\xff\xff\xff\xff", 8);
    check(&f, CODEC_ROW_OK, "f_sfixed64", "-2");
    put_int(&f.m, 15, 3);
    check(&f, CODEC_ROW_OK, "f_sint32", "-2");
    put_int(&f.m, 16, -1);
    check(&f, CODEC_ROW_OK, "f_sint64", "-9223372036854775808");
    put_int(&f.m, 536870911, 9);
    check(&f, CODEC_ROW_OK, "far", "9");
}

/* One field, one column, one number on the wire: what becomes of it. */
struct conversion {
    const char *field;
    enum type_kind kind;
    uint8_t precision;
    uint8_t scale;
    uint32_t number;
    int64_t value;
    const char *want; /* NULL = out of range */
};

static void a_column_may_be_wider_than_its_field(void **state)
{
    (void)state;
    static const struct conversion conversions[] = {
        {"f_int32", TYPE_BIGINT, 0, 0, 5, -2, "-2"},
        {"f_int32", TYPE_TINYINT, 0, 0, 5, -128, "-128"},
        {"f_int32", TYPE_TINYINT, 0, 0, 5, 128, NULL},
        {"f_int32", TYPE_SMALLINT, 0, 0, 5, 32767, "32767"},
        {"f_int32", TYPE_SMALLINT, 0, 0, 5, -32769, NULL},
        {"f_int32", TYPE_DOUBLE, 0, 0, 5, -2, "-2"},
        {"f_int32", TYPE_STRING, 0, 0, 5, -2, "\"-2\""},
        {"f_int32", TYPE_DECIMAL, 4, 2, 5, -99, "-99.00"},
        {"f_int32", TYPE_DECIMAL, 4, 2, 5, 100, NULL},
        {"f_int32", TYPE_DECIMAL, 9, 0, 5, 999999999, "999999999"},
        {"f_int64", TYPE_INTEGER, 0, 0, 3, INT64_C(2147483648), NULL},
        {"f_int64", TYPE_INTEGER, 0, 0, 3, 2147483647, "2147483647"},
        {"f_int64", TYPE_DECIMAL, 18, 3, 3, INT64_C(-999999999999999), "-999999999999999.000"},
        {"f_int64", TYPE_DECIMAL, 18, 3, 3, INT64_C(1000000000000000), NULL},
        {"f_int64", TYPE_DECIMAL, 38, 18, 3, INT64_MIN, "-9223372036854775808.000000000000000000"},
        {"f_int64", TYPE_TIMESTAMP, 0, 0, 3, 1500, "\"1970-01-01T00:00:01.500000Z\""},
        {"f_int64", TYPE_TIMESTAMP_NTZ, 0, 0, 3, -1, "\"1969-12-31T23:59:59.999000\""},
        {"f_int64", TYPE_TIMESTAMP, 0, 0, 3, INT64_MAX, NULL},
        {"f_uint64", TYPE_BIGINT, 0, 0, 4, INT64_MAX, "9223372036854775807"},
        {"f_uint64", TYPE_BIGINT, 0, 0, 4, -1, NULL},
        {"f_uint64", TYPE_STRING, 0, 0, 4, -1, "\"18446744073709551615\""},
        {"f_uint32", TYPE_INTEGER, 0, 0, 11, UINT32_MAX, NULL},
        {"f_sint64", TYPE_INTEGER, 0, 0, 16, 3, "-2"},
        {"f_bool", TYPE_STRING, 0, 0, 8, 1, "\"true\""},
        {"f_enum", TYPE_INTEGER, 0, 0, 12, -1, "-1"},
        {"f_enum", TYPE_TINYINT, 0, 0, 12, 1000, NULL},
        {"f_enum", TYPE_STRING, 0, 0, 12, 1000, "\"1000\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(conversions); i++) {
        const struct conversion *c = &conversions[i];
        AUTO_FIXTURE struct fixture f = {0};
        const struct type *type = c->kind == TYPE_DECIMAL
                                      ? type_decimal(&f.types, c->precision, c->scale)
                                      : type_simple(c->kind);
        const struct type_field field = column(c->field, type);
        open_columns(&f, "proto3", &field, 1,
                     (struct codec_options){.timestamp_unit = CODEC_EPOCH_MILLIS});
        put_int(&f.m, c->number, c->value);
        if (c->want == NULL) {
            check(&f, CODEC_ROW_BAD_FIELD, c->field, "null");
            assert_string_equal(f.codec->fault.reason, "range");
        } else {
            check(&f, CODEC_ROW_OK, c->field, c->want);
        }
    }
}

static void text_and_bytes_change_places(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    const struct type_field fields[] = {
        column("f_string", type_simple(TYPE_BINARY)), column("f_bytes", type_simple(TYPE_STRING)),
        column("f_double", type_simple(TYPE_STRING)), column("f_float", type_simple(TYPE_DOUBLE)),
        column("ts", type_simple(TYPE_STRING)),       column("took", type_simple(TYPE_STRING)),
        column("sub", type_simple(TYPE_STRING))};
    open_columns(&f, "proto3", fields, ARRAY_COUNT(fields), (struct codec_options){0});
    put_c(&f.m, 9, "h\xc3\xa9");
    check(&f, CODEC_ROW_OK, "f_string", "\"aMOp\"");
    put_c(&f.m, 9, "\xc3");
    check_bad(&f, "utf8");
    put_c(&f.m, 10, "a longer row of bytes");
    check(&f, CODEC_ROW_OK, "f_bytes", "\"YSBsb25nZXIgcm93IG9mIGJ5dGVz\"");
    put_double(&f.m, 1, 0.1);
    check(&f, CODEC_ROW_OK, "f_double", "\"0.1\"");
    put_double(&f.m, 1, -__builtin_inf());
    check(&f, CODEC_ROW_OK, "f_double", "\"-Infinity\"");
    put_float(&f.m, 2, 0.5F);
    check(&f, CODEC_ROW_OK, "f_float", "0.5");
    put_bytes(&f.m, 33,
              STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x80\xca\xb5\xee\x01"));
    check(&f, CODEC_ROW_OK, "ts", "\"1969-12-31T23:59:59.500Z\"");
    put_bytes(&f.m, 34, STR("\x08\x03\x10\x01"));
    check(&f, CODEC_ROW_OK, "took", "\"3.000000001s\"");
    put_bytes(&f.m, 33, STR("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    check(&f, CODEC_ROW_BAD_FIELD, "ts", "null");
    put_bytes(&f.m, 20, STR("\x1a\x00\x12\x01x"));
    check(&f, CODEC_ROW_OK, "sub", "\"{\\\"b\\\":\\\"x\\\"}\"");
    put_bytes(&f.m, 20, STR("\x08\x05"));
    put_bytes(&f.m, 20, STR("\x12\x01x"));
    put_bytes(&f.m, 20, STR("\x1a\x02\x01\x02\x18\x03"));
    check(&f, CODEC_ROW_OK, "sub",
          "\"{\\\"a\\\":5,\\\"b\\\":\\\"x\\\",\\\"c\\\":[\\\"1\\\",\\\"2\\\","
          "\\\"3\\\"]}\"");
}

static void columns_that_a_field_cannot_become_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *field;
        const struct type *type;
        const char *text;
    } refused[] = {
        {"f_string", type_simple(TYPE_BIGINT), "column \"f_string\" BIGINT: the field is string"},
        {"f_double", type_simple(TYPE_FLOAT), "the field is double"},
        {"f_int32", type_simple(TYPE_DATE), "cannot become that"},
        {"f_bool", type_simple(TYPE_INTEGER), "the field is bool"},
        {"sub", type_simple(TYPE_BIGINT), "the field is message p.Sub"},
        {"ints", type_simple(TYPE_INTEGER), "repeated int32, which can only become an ARRAY"},
        {"by_int", type_simple(TYPE_STRING), "can only become a MAP"},
        {"f_int33", type_simple(TYPE_INTEGER), "no such field; did you mean f_int32"},
        {"nothing", type_simple(TYPE_INTEGER), "message \"p.M\" has no such field"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        AUTO_FIXTURE struct fixture f = {0};
        put_rich_set(&f.set, "proto3");
        const struct type_field field = column(refused[i].field, refused[i].type);
        struct codec_options options = {.protobuf_descriptors = buf_str(&f.set),
                                        .protobuf_message = STR("M")};
        struct err err;
        assert_int_equal(
            codec_open(STR("protobuf"), type_struct(&f.types, &field, 1), &options, &f.codec, &err),
            ERR_CONFIG);
        if (strstr(err.msg, refused[i].text) == NULL) {
            fail_msg("%s", err.msg);
        }
    }
}

static void keys_of_a_map_must_always_fit(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    const struct type *map =
        type_map(&f.types, type_simple(TYPE_SMALLINT), type_simple(TYPE_STRING), true);
    put_rich_set(&f.set, "proto3");
    const struct type_field field = column("by_int", map);
    struct codec_options options = {.protobuf_descriptors = buf_str(&f.set),
                                    .protobuf_message = STR("M")};
    struct err err;
    assert_int_equal(
        codec_open(STR("protobuf"), type_struct(&f.types, &field, 1), &options, &f.codec, &err),
        ERR_CONFIG);
    assert_non_null(strstr(err.msg, "keys that do not always fit"));
}

static void what_is_not_there_is_null_or_empty(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    expect(&f, 0, "f_int32", "null");
    expect(&f, 0, "sub", "null");
    expect(&f, 0, "ints", "[]");
    expect(&f, 0, "by_int", "{}");
    assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 1, &f.arena), CODEC_ROW_OK);
    expect(&f, 1, "ints", "null");
}

static void zero_values_are_written_when_asked_for(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){.emit_default_values = true});
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    expect(&f, 0, "f_int32", "0");
    expect(&f, 0, "f_string", "\"\"");
    expect(&f, 0, "f_enum", "\"ZERO\"");
    expect(&f, 0, "f_uint64", "0");
    expect(&f, 0, "sub", "null");
    expect(&f, 0, "pick_int", "null");
    AUTO_FIXTURE struct fixture g = {0};
    open_row(&g, "proto2", NULL, (struct codec_options){.emit_default_values = true});
    assert_int_equal(decode(&g, 0), CODEC_ROW_OK);
    expect(&g, 0, "f_int32", "null");
}

static void pieces_of_a_message_are_merged(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    put_bytes(&f.m, 20, STR("\x08\x05\x18\x07"));
    put_int(&f.m, 5, 1);
    put_bytes(&f.m, 20, STR("\x12\x01x\x08\x06\x1a\x02\x08\x09"));
    put_int(&f.m, 5, 2);
    column_memory_reset(f.memory);
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    expect(&f, 0, "sub", "{\"a\":6,\"b\":\"x\",\"c\":[7,8,9]}");
    expect(&f, 0, "f_int32", "2");
    buf_reset(&f.m);
    put_bytes(&f.m, 33, STR("\x08\x05"));
    put_bytes(&f.m, 33, STR("\x10\xe8\x07"));
    check(&f, CODEC_ROW_OK, "ts", "\"1970-01-01T00:00:05.000001Z\"");
}

static void lists_come_packed_and_not_and_in_pieces(void **state)
{
    (void)state;
    for (int syntax = 2; syntax <= 3; syntax++) {
        AUTO_FIXTURE struct fixture f = {0};
        open_row(&f, syntax == 2 ? "proto2" : "proto3", NULL, (struct codec_options){0});
        put_bytes(&f.m, 22, STR("\x01\x80\x01"));
        put_int(&f.m, 22, -1);
        put_bytes(&f.m, 21, STR("\x08\x01\x18\x05"));
        put_bytes(&f.m, 22, STR(""));
        put_int(&f.m, 22, 3);
        put_bytes(&f.m, 21, STR(""));
        put_bytes(&f.m, 21, STR("\x18\x06\x18\x07"));
        column_memory_reset(f.memory);
        assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
        expect(&f, 0, "ints", "[1,128,-1,3]");
        expect(&f, 0, "subs",
               "[{\"a\":1,\"b\":null,\"c\":[5]},{\"a\":null,\"b\":null,\"c\":[]},"
               "{\"a\":null,\"b\":null,\"c\":[6,7]}]");
        buf_reset(&f.m);
        double values[3] = {1, 2.5, -3};
        put_bytes(&f.m, 23, str_n((const char *)values, sizeof(values)));
        put_double(&f.m, 23, 4);
        check(&f, CODEC_ROW_OK, "doubles", "[1,2.5,-3,4]");
        put_bytes(&f.m, 23, str_n((const char *)values, 15));
        check_bad(&f, "truncated");
        put_bytes(&f.m, 22, STR("\x01\x80"));
        check_bad(&f, "truncated");
    }
}

static void a_packed_list_that_is_cut_off_writes_no_more_than_it_has(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 8; count++) {
        AUTO_FIXTURE struct fixture f = {0};
        open_row(&f, "proto3", NULL, (struct codec_options){0});
        AUTO_BUF struct buf numbers = {0};
        for (size_t i = 0; i < count; i++) {
            buf_add_char(&numbers, 1);
        }
        buf_add_c(&numbers, "\x80");
        AUTO_BUF struct buf sub = {0};
        put_bytes(&sub, 3, buf_str(&numbers));
        put_bytes(&f.m, 20, buf_str(&sub));
        check_bad(&f, "truncated");
        put_bytes(&f.m, 22, buf_str(&numbers));
        check_bad(&f, "truncated");
    }
}

static void the_last_member_of_a_oneof_is_the_one(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    put_bytes(&f.m, 32, STR("\x08\x01\x18\x05\x18\x06"));
    put_int(&f.m, 30, 4);
    put_bytes(&f.m, 32, STR("\x18\x07"));
    put_bytes(&f.m, 32, STR("\x18\x08"));
    column_memory_reset(f.memory);
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    expect(&f, 0, "pick_sub", "{\"a\":null,\"b\":null,\"c\":[7,8]}");
    expect(&f, 0, "pick_int", "null");
    assert_int_equal(find(&f, "pick_sub")->children[2].child_rows, 2);
    put_c(&f.m, 31, "x");
    column_memory_reset(f.memory);
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    expect(&f, 0, "pick_sub", "null");
    expect(&f, 0, "pick_text", "\"x\"");
    assert_int_equal(find(&f, "pick_sub")->children[2].child_rows, 0);
}

static void put_entry(struct buf *out, uint32_t number, int64_t key, int64_t value)
{
    AUTO_BUF struct buf entry = {0};
    put_int(&entry, 1, key);
    put_int(&entry, 2, value);
    put_bytes(out, number, buf_str(&entry));
}

static void the_last_value_of_a_key_is_the_one(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    put_entry(&f.m, 26, 5, 1);
    put_entry(&f.m, 26, -1, 0);
    put_entry(&f.m, 26, 5, -1);
    put_bytes(&f.m, 26, STR("\x10\x01\x08\x09"));
    put_bytes(&f.m, 26, STR("\x08\x0a"));
    put_bytes(&f.m, 26, STR(""));
    check(&f, CODEC_ROW_OK, "by_int",
          "{\"5\":\"MINUS\",\"-1\":\"ZERO\",\"9\":\"ONE\",\"10\":\"ZERO\",\"0\":\"ZERO\"}");
    put_bytes(&f.m, 27, STR("\x0a\x01k\x12\x04\x08\x01\x18\x05"));
    put_bytes(&f.m, 27, STR("\x0a\x01j\x12\x02\x18\x06"));
    put_bytes(&f.m, 27, STR("\x12\x02\x18\x07\x0a\x01k\x12\x02\x18\x08"));
    check(&f, CODEC_ROW_OK, "by_name",
          "{\"k\":{\"a\":null,\"b\":null,\"c\":[7,8]},\"j\":{\"a\":null,\"b\":null,\"c\":[6]}}");
}

static void a_map_of_many_keys_keeps_each_once(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20000; i++) {
            put_entry(&f.m, 26, i, round);
        }
    }
    column_memory_reset(f.memory);
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    const struct column *map = find(&f, "by_int");
    assert_int_equal(map->child_rows, 20000);
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(((const int32_t *)map->children[0].data)[i], i);
        assert_true(str_eq_c(column_get_string(&map->children[1], (size_t)i), "ONE"));
    }
}

static void groups_are_messages(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto2", NULL, (struct codec_options){0});
    put_tag(&f.m, 41, WIRE_GROUP);
    put_int(&f.m, 1, 5);
    put_tag(&f.m, 900, WIRE_GROUP); /* unknown, with one in it */
    put_tag(&f.m, 901, WIRE_GROUP);
    put_tag(&f.m, 901, WIRE_END_GROUP);
    put_c(&f.m, 1, "x");
    put_tag(&f.m, 900, WIRE_END_GROUP);
    put_c(&f.m, 2, "y");
    put_tag(&f.m, 41, WIRE_END_GROUP);
    put_int(&f.m, 5, 6);
    struct str whole = buf_str(&f.m);
    AUTO_FREE char *copy = mem_dup(whole.ptr, whole.len);
    size_t len = whole.len;
    check(&f, CODEC_ROW_OK, "group", "{\"a\":5,\"b\":\"y\",\"c\":[]}");
    buf_add(&f.m, copy, len - 4);
    check_bad(&f, "truncated");
    put_tag(&f.m, 41, WIRE_GROUP);
    put_tag(&f.m, 40, WIRE_END_GROUP);
    check_bad(&f, "wire");
    put_tag(&f.m, 41, WIRE_END_GROUP);
    check_bad(&f, "wire");
    put_tag(&f.m, 900, WIRE_GROUP);
    put_tag(&f.m, 901, WIRE_GROUP);
    put_tag(&f.m, 900, WIRE_END_GROUP);
    put_tag(&f.m, 901, WIRE_END_GROUP);
    check_bad(&f, "wire");
}

static void bytes_that_are_no_message_are_bad(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *reason;
    } bad[] = {
        {{"\x08", 1}, "truncated"},
        {{"\x80", 1}, "truncated"},
        {{"\x00\x00", 2}, "wire"},
        {{"\x07\x00", 2}, "wire"},
        {{"\x2e\x00", 2}, "wire"},
        {{"\x2f\x00", 2}, "wire"},
        {{"\x4a\x05xx", 4}, "truncated"},
        {{"\x09\x01\x02", 3}, "truncated"},
        {{"\x15\x01\x02", 3}, "truncated"},
        {{"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, "wire"},
        {{"\xff\xff\xff\xff\xff\x01\x01", 7}, "wire"},
        {{"\x4a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, "truncated"},
        {{"\x4a\x02\xc3(", 4}, "utf8"},
        {{"\xa2\x01\x02\x08\x80", 5}, "truncated"},
        {{"\xa2\x01\x03\x12\x01\xff", 6}, "utf8"},
    };
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        put_int(&f.m, 22, 1);
        buf_add_str(&f.m, bad[i].bytes);
        check_bad(&f, bad[i].reason);
    }
    /* And with nobody wanting any column. */
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct column *none[64] = {0};
        AUTO_FREE char *copy = mem_dup(bad[i].bytes.ptr, bad[i].bytes.len);
        assert_int_equal(codec_decode(f.codec, str_n(copy, bad[i].bytes.len), none, 0, &f.arena),
                         CODEC_ROW_BAD);
        assert_string_equal(f.codec->fault.reason, bad[i].reason);
    }
}

static void a_tag_of_all_ones_is_no_field_behind_the_last(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    put_int(&f.m, 536870911, 9); /* the last field: what would be guessed next is none */
    buf_add_c(&f.m, "\xff\xff\xff\xff\x0f\x01");
    check_bad(&f, "wire");
}

static void text_that_proto2_does_not_check_is_a_bad_field(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto2", NULL, (struct codec_options){0});
    put_c(&f.m, 9, "\xff");
    check(&f, CODEC_ROW_BAD_FIELD, "f_string", "null");
    assert_string_equal(f.codec->fault.reason, "utf8");
    put_bytes(&f.m, 27, STR("\x0a\x01\xff\x12\x02\x18\x05"));
    put_bytes(&f.m, 27, STR("\x0a\x01k"));
    check(&f, CODEC_ROW_BAD_FIELD, "by_name", "{\"k\":{\"a\":null,\"b\":null,\"c\":[]}}");
    put_bytes(&f.m, 27, STR("\x0a\x01\xff\x12\x02\x18\x80"));
    check_bad(&f, "truncated");
    put_c(&f.m, 9, "\xff");
    put_c(&f.m, 9, "good");
    check(&f, CODEC_ROW_BAD_FIELD, "f_string", "\"good\"");
}

static void nesting_ends_at_the_limit(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){.depth_max = 50});
    /* M.self within itself is in no column, but checked. */
    for (int levels = 49; levels <= 50; levels++) {
        AUTO_BUF struct buf inner = {0};
        for (int i = 0; i < levels; i++) {
            AUTO_BUF struct buf outer = {0};
            put_bytes(&outer, 40, buf_str(&inner));
            buf_reset(&inner);
            buf_add_str(&inner, buf_str(&outer));
        }
        buf_add_str(&f.m, buf_str(&inner));
        if (levels == 50) {
            check_bad(&f, "depth");
        } else {
            check(&f, CODEC_ROW_OK, "f_int32", "null");
        }
        for (int i = 0; i < levels; i++) {
            put_tag(&f.m, 1000, WIRE_GROUP);
        }
        for (int i = 0; i < levels; i++) {
            put_tag(&f.m, 1000, WIRE_END_GROUP);
        }
        if (levels == 50) {
            check_bad(&f, "depth");
        } else {
            check(&f, CODEC_ROW_OK, "f_int32", "null");
        }
    }
}

static void numbers_of_a_closed_enum_are_known_or_not_there(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto2", NULL, (struct codec_options){.notice_unknown = true});
    put_int(&f.m, 12, 1);
    put_int(&f.m, 12, 99);
    check(&f, CODEC_ROW_OK, "f_enum", "\"ONE\"");
    assert_true(f.codec->unknown_field);
    put_int(&f.m, 24, 1);
    put_int(&f.m, 24, 99);
    put_bytes(&f.m, 24, STR("\x00\x63\x07"));
    check(&f, CODEC_ROW_OK, "enums", "[\"ONE\",\"ZERO\",\"A_NAME_THAT_IS_LONG\"]");
    put_entry(&f.m, 26, 1, 99);
    put_entry(&f.m, 26, 2, 1);
    check(&f, CODEC_ROW_OK, "by_int", "{\"2\":\"ONE\"}");
    put_int(&f.m, 12, 1);
    check(&f, CODEC_ROW_OK, "f_enum", "\"ONE\"");
    assert_false(f.codec->unknown_field);
}

static void a_field_of_another_wire_type_is_a_bad_field(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){.notice_unknown = true});
    put_int(&f.m, 5, 4);
    put_c(&f.m, 5, "text");
    check(&f, CODEC_ROW_BAD_FIELD, "f_int32", "4");
    assert_string_equal(f.codec->fault.reason, "type");
    assert_string_equal(f.codec->fault.message, "field \"f_int32\": it is written as another type");
    assert_false(f.codec->unknown_field);
}

static void described_fields_without_a_column_are_noticed(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    struct type_field field = {
        .name = STR("f_int32"), .type = type_simple(TYPE_INTEGER), .nullable = true};
    const struct type *row_type = type_struct(&f.types, &field, 1);
    open_row(&f, "proto3", row_type, (struct codec_options){.notice_unknown = true});
    put_int(&f.m, 5, 4);
    check(&f, CODEC_ROW_OK, "f_int32", "4");
    assert_true(f.codec->unknown_field);
}

static void what_does_not_fit_is_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    const struct type_field inner[] = {column("a", type_simple(TYPE_TINYINT))};
    const struct type *sub = type_struct(&f.types, inner, 1);
    const struct type_field fields[] = {
        column("rest", type_simple(TYPE_STRING)), column("f_int64", type_simple(TYPE_INTEGER)),
        column("subs", type_array(&f.types, sub, true)), column("ts", type_simple(TYPE_TIMESTAMP))};
    open_columns(&f, "proto3", fields, ARRAY_COUNT(fields),
                 (struct codec_options){.rescued_column = STR("rest"), .notice_unknown = true});
    put_int(&f.m, 3, 5);
    check(&f, CODEC_ROW_OK, "rest", "null");
    put_int(&f.m, 3, INT64_MIN);
    put_bytes(&f.m, 21, STR("\x08\x80\x01\x48\x07"));
    put_bytes(&f.m, 21, STR("\x08\x81\x01"));
    put_c(&f.m, 99, "hi");
    put_c(&f.m, 5, "x");
    column_memory_reset(f.memory);
    assert_int_equal(decode(&f, 0), CODEC_ROW_BAD_FIELD);
    assert_true(f.codec->unknown_field);
    assert_true(str_eq_c(column_get_string(f.columns[0], 0),
                         "{\"5\":\"eA==\",\"99\":\"aGk=\",\"f_int64\":\"-9223372036854775808\","
                         "\"subs[].9\":7,\"subs[].a\":[128,129],"
                         "\"_reason\":{\"5\":\"type\",\"99\":\"unknown\",\"f_int64\":\"range\","
                         "\"subs[].9\":\"unknown\",\"subs[].a\":\"range\"}}"));
    expect(&f, 0, "subs", "[{\"a\":null},{\"a\":null}]");
}

static void a_bad_message_leaves_lists_as_they_were(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    open_row(&f, "proto3", NULL, (struct codec_options){0});
    put_int(&f.m, 22, 1);
    put_bytes(&f.m, 21, STR("\x18\x01\x18\x02"));
    put_bytes(&f.m, 27, STR("\x0a\x01k\x12\x02\x18\x08"));
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    struct str good = buf_str(&f.m);
    AUTO_FREE char *first = mem_dup(good.ptr, good.len);
    buf_add_c(&f.m, "\x4a\x05xx");
    assert_int_equal(decode(&f, 1), CODEC_ROW_BAD);
    assert_int_equal(find(&f, "ints")->child_rows, 1);
    assert_int_equal(find(&f, "subs")->child_rows, 1);
    assert_int_equal(find(&f, "subs")->children[0].children[2].child_rows, 2);
    assert_int_equal(find(&f, "by_name")->child_rows, 1);
    buf_reset(&f.m);
    buf_add(&f.m, first, good.len);
    assert_int_equal(decode(&f, 2), CODEC_ROW_OK);
    for (size_t row = 0; row <= 2; row += 2) {
        expect(&f, row, "ints", "[1]");
        expect(&f, row, "subs", "[{\"a\":null,\"b\":null,\"c\":[1,2]}]");
        expect(&f, row, "by_name", "{\"k\":{\"a\":null,\"b\":null,\"c\":[8]}}");
    }
    expect(&f, 1, "subs", "null");
}

/* Everything in one message. */
static void put_everything(struct buf *out)
{
    put_double(out, 1, 1);
    put_float(out, 2, 2);
    for (uint32_t number = 3; number <= 5; number++) {
        put_int(out, number, -1);
    }
    put_c(out, 9, "a text of more than twelve bytes");
    put_c(out, 10, "bytes");
    put_int(out, 12, 7);
    put_bytes(out, 20, STR("\x08\x05\x12\x02xy\x1a\x02\x01\x02"));
    put_bytes(out, 21, STR("\x08\x05\x12\x02xy\x1a\x02\x01\x02"));
    put_bytes(out, 22, STR("\x01\x02\x80\x01"));
    put_c(out, 25, "one");
    put_c(out, 25, "two");
    put_entry(out, 26, 4, 1);
    put_bytes(out, 27, STR("\x0a\x01k\x12\x02\x18\x08"));
    put_bytes(out, 33, STR("\x08\x05\x10\x06"));
    put_bytes(out, 32, STR("\x18\x06"));
    put_tag(out, 41, WIRE_GROUP);
    put_int(out, 1, 5);
    put_tag(out, 41, WIRE_END_GROUP);
    put_bytes(out, 40, STR("\x28\x05\x4a\x01x"));
    put_int(out, 536870911, 9);
}

static void no_prefix_of_a_message_does_harm(void **state)
{
    (void)state;
    static const char *const syntaxes[] = {"proto2", "proto3"};
    for (size_t s = 0; s < ARRAY_COUNT(syntaxes); s++) {
        AUTO_FIXTURE struct fixture f = {0};
        open_row(&f, syntaxes[s], NULL, (struct codec_options){0});
        AUTO_BUF struct buf whole = {0};
        put_everything(&whole);
        size_t good = 0;
        for (size_t len = 0; len <= whole.len; len++) {
            column_memory_reset(f.memory);
            buf_reset(&f.m);
            buf_add(&f.m, whole.ptr, len);
            enum codec_row rc = decode(&f, 0);
            good += rc == CODEC_ROW_OK;
            if (rc == CODEC_ROW_BAD) {
                assert_string_equal(f.codec->fault.reason, "truncated");
                for (size_t i = 0; i < f.row_type->field_count; i++) {
                    assert_int_equal(f.columns[i]->child_rows, 0);
                }
            }
        }
        assert_int_equal(good, 21); /* none, and up to the end of each of 20 fields */
    }
}

static void required_fields_must_be_there_at_any_depth(void **state)
{
    (void)state;
    static const struct test_field inner[] = {{"need", 1, PROTOBUF_INT32, 2, NULL, 0, NULL},
                                              {"may", 2, PROTOBUF_INT32, 0, NULL, 0, NULL}};
    static const struct test_field outer[] = {{"one", 1, PROTOBUF_MESSAGE, 0, ".p.In", 0, NULL},
                                              {"many", 2, PROTOBUF_MESSAGE, 3, ".p.In", 0, NULL},
                                              {"x", 3, PROTOBUF_INT32, 0, NULL, 0, NULL}};
    const struct test_message messages[] = {{.name = "Out", FIELDS(outer)},
                                            {.name = "In", FIELDS(inner)}};
    static const struct {
        struct str bytes;
        bool is_good;
    } cases[] = {
        {{"", 0}, true},
        {{"\x0a\x02\x08\x01", 4}, true},
        {{"\x0a\x00", 2}, false},
        {{"\x0a\x02\x10\x01", 4}, false},
        {{"\x0a\x02\x10\x01\x0a\x02\x08\x01", 8}, true},  /* in pieces */
        {{"\x12\x02\x10\x01\x12\x02\x08\x01", 8}, false}, /* two elements */
        {{"\x12\x02\x08\x01\x12\x02\x08\x01", 8}, true},
    };
    for (int text = 0; text < 3; text++) {
        AUTO_FIXTURE struct fixture f = {0};
        put_set(&f.set, "proto2", messages, ARRAY_COUNT(messages));
        struct codec_options options = {.protobuf_descriptors = buf_str(&f.set),
                                        .protobuf_message = STR("Out")};
        struct err err;
        /* As STRUCTs, as text, and not at all. */
        const struct type_field as_text[] = {
            column("one", type_simple(TYPE_STRING)),
            column("many", type_array(&f.types, type_simple(TYPE_STRING), true))};
        const struct type_field not_at_all = column("x", type_simple(TYPE_INTEGER));
        if (text == 0) {
            assert_int_equal(codec_describe(STR("protobuf"), &options, &f.types, &f.row_type, &err),
                             0);
        } else {
            f.row_type = text == 1 ? type_struct(&f.types, as_text, 2)
                                   : type_struct(&f.types, &not_at_all, 1);
        }
        assert_int_equal(codec_open(STR("protobuf"), f.row_type, &options, &f.codec, &err), 0);
        f.memory = column_memory_new(f.row_type, 1);
        f.columns = mem_new_array(struct column *, f.row_type->field_count);
        for (int wanted = 0; wanted < 2; wanted++) {
            for (size_t i = 0; wanted == 1 && i < f.row_type->field_count; i++) {
                f.columns[i] = &column_memory_columns(f.memory)[i];
            }
            for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
                column_memory_reset(f.memory);
                buf_reset(&f.m);
                buf_add_str(&f.m, cases[i].bytes);
                enum codec_row rc = decode(&f, 0);
                assert_int_equal(rc, cases[i].is_good ? CODEC_ROW_OK : CODEC_ROW_BAD);
                if (!cases[i].is_good) {
                    assert_string_equal(f.codec->fault.reason, "required");
                }
            }
        }
    }
}

static void defaults_of_proto2_are_there_without_being_asked_for(void **state)
{
    (void)state;
    static const struct test_field fields[] = {
        {"i", 1, PROTOBUF_INT32, 0, NULL, 0, "-5"},
        {"s", 2, PROTOBUF_STRING, 0, NULL, 0, "a text of more than twelve bytes"},
        {"b", 3, PROTOBUF_BYTES, 0, NULL, 0, "\\000\\377a\\n\\\""},
        {"d", 4, PROTOBUF_DOUBLE, 0, NULL, 0, "inf"},
        {"e", 5, PROTOBUF_ENUM, 0, ".p.E", 0, "MINUS"},
        {"t", 6, PROTOBUF_BOOL, 0, NULL, 0, "true"},
        {"u", 7, PROTOBUF_UINT64, 0, NULL, 0, "18446744073709551615"},
        {"n", 8, PROTOBUF_INT32, 0, NULL, 0, NULL},
        {"o", 9, PROTOBUF_INT32, 0, NULL, 1, "3"}};
    const struct test_message message = {.name = "D", FIELDS(fields), .oneof_count = 1};
    AUTO_FIXTURE struct fixture f = {0};
    put_set(&f.set, "proto2", &message, 1);
    struct codec_options options = {.protobuf_descriptors = buf_str(&f.set),
                                    .protobuf_message = STR("D")};
    struct err err;
    assert_int_equal(codec_describe(STR("protobuf"), &options, &f.types, &f.row_type, &err), 0);
    assert_int_equal(codec_open(STR("protobuf"), f.row_type, &options, &f.codec, &err), 0);
    f.memory = column_memory_new(f.row_type, 1);
    f.columns = mem_new_array(struct column *, f.row_type->field_count);
    for (size_t i = 0; i < f.row_type->field_count; i++) {
        f.columns[i] = &column_memory_columns(f.memory)[i];
    }
    static const char *const want[] = {"-5",
                                       "\"a text of more than twelve bytes\"",
                                       "\"AP9hCiI=\"",
                                       "\"Infinity\"",
                                       "\"MINUS\"",
                                       "true",
                                       "18446744073709551615",
                                       "null",
                                       "null"};
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    /* The chunk may outlive the codec. */
    codec_close(f.codec);
    f.codec = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        AUTO_BUF struct buf text = {0};
        column_print(f.columns[i], 0, &text);
        assert_string_equal(text.ptr, want[i]);
    }
}

static void a_message_in_very_many_pieces_takes_no_time(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    const struct type_field fields[] = {column("sub", type_simple(TYPE_STRING)),
                                        column("pick_sub", type_simple(TYPE_STRING))};
    open_columns(&f, "proto3", fields, ARRAY_COUNT(fields), (struct codec_options){0});
    for (int i = 0; i < 300000; i++) {
        put_bytes(&f.m, 20, STR("\x18\x05"));
        put_bytes(&f.m, i % 2 == 0 ? 32 : 31, STR(""));
    }
    column_memory_reset(f.memory);
    assert_int_equal(decode(&f, 0), CODEC_ROW_OK);
    assert_int_equal(column_get_string(f.columns[0], 0).len, 7 + 4 * 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_becomes_its_own_column),
        cmocka_unit_test(a_column_may_be_wider_than_its_field),
        cmocka_unit_test(text_and_bytes_change_places),
        cmocka_unit_test(columns_that_a_field_cannot_become_are_refused),
        cmocka_unit_test(keys_of_a_map_must_always_fit),
        cmocka_unit_test(what_is_not_there_is_null_or_empty),
        cmocka_unit_test(zero_values_are_written_when_asked_for),
        cmocka_unit_test(pieces_of_a_message_are_merged),
        cmocka_unit_test(lists_come_packed_and_not_and_in_pieces),
        cmocka_unit_test(a_packed_list_that_is_cut_off_writes_no_more_than_it_has),
        cmocka_unit_test(the_last_member_of_a_oneof_is_the_one),
        cmocka_unit_test(the_last_value_of_a_key_is_the_one),
        cmocka_unit_test(a_map_of_many_keys_keeps_each_once),
        cmocka_unit_test(groups_are_messages),
        cmocka_unit_test(bytes_that_are_no_message_are_bad),
        cmocka_unit_test(a_tag_of_all_ones_is_no_field_behind_the_last),
        cmocka_unit_test(text_that_proto2_does_not_check_is_a_bad_field),
        cmocka_unit_test(nesting_ends_at_the_limit),
        cmocka_unit_test(numbers_of_a_closed_enum_are_known_or_not_there),
        cmocka_unit_test(a_field_of_another_wire_type_is_a_bad_field),
        cmocka_unit_test(described_fields_without_a_column_are_noticed),
        cmocka_unit_test(what_does_not_fit_is_rescued),
        cmocka_unit_test(a_bad_message_leaves_lists_as_they_were),
        cmocka_unit_test(no_prefix_of_a_message_does_harm),
        cmocka_unit_test(required_fields_must_be_there_at_any_depth),
        cmocka_unit_test(defaults_of_proto2_are_there_without_being_asked_for),
        cmocka_unit_test(a_message_in_very_many_pieces_takes_no_time),
    };
    return cmocka_run_group_tests_name("protobuf", tests, NULL, NULL);
}

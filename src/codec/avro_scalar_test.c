/* SPDX-License-Identifier: Apache-2.0 */
/* avro_scalar_test - which value goes into which column, and what becomes of it there */
#include "codec/avro_test_util.h"

#define LOGICAL(kind, name) "{\"type\":\"" kind "\",\"logicalType\":\"" name "\"}"
#define DECIMAL(p, s)                                                                              \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" p ",\"scale\":" s "}"

/* One column of one schema. */
static void open_column(struct json_fixture *f, const char *schema, const struct type *type)
{
    AUTO_BUF struct buf record = {0};
    buf_printf(&record, RECORD(FIELD("a", "%s")), schema);
    struct type_field field = test_field("a", type);
    struct str text = arena_str(&f->types, buf_str(&record));
    avro_open_with(f, avro_row(f, &field, 1), (struct codec_options){.avro_schema = text});
}

static void assert_value(const char *schema, const struct type *type, const char *hex,
                         const char *want)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    AUTO_BUF struct buf row = {0};
    open_column(&f, schema, type);
    buf_printf(&row, "{\"a\":%s}", want);
    avro_assert(&f, hex, row.ptr);
}

static void assert_no_value(const char *schema, const struct type *type, const char *hex,
                            const char *reason)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    open_column(&f, schema, type);
    avro_assert_field(&f, hex, reason, "{\"a\":null}");
}

static void assert_kind(const char *schema, enum type_kind kind, const char *hex, const char *want)
{
    assert_value(schema, type_simple(kind), hex, want);
}

static void integers_go_into_wider_columns(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    assert_kind("\"int\"", TYPE_BIGINT, "05", "-3");
    assert_kind("\"int\"", TYPE_DOUBLE, "05", "-3");
    assert_kind("\"long\"", TYPE_DOUBLE, "05", "-3");
    assert_kind("\"int\"", TYPE_STRING, "05", "\"-3\"");
    assert_kind("\"long\"", TYPE_STRING, "feffffffffffffffff01", "\"9223372036854775807\"");
    assert_value("\"int\"", type_decimal(&arena, 4, 2), "05", "-3.00");
    assert_value("\"long\"", type_decimal(&arena, 38, 10), "feffffffffffffffff01",
                 "9223372036854775807.0000000000");
    assert_no_value("\"int\"", type_decimal(&arena, 4, 2), "c801", "range"); /* 100.00 */
    assert_kind("\"boolean\"", TYPE_STRING, "01", "\"true\"");
}

static void integers_go_into_narrower_columns_where_they_fit(void **state)
{
    (void)state;
    assert_kind("\"int\"", TYPE_TINYINT, "ff01", "-128");
    assert_no_value("\"int\"", type_simple(TYPE_TINYINT), "8002", "range");
    assert_kind("\"int\"", TYPE_SMALLINT, "feff03", "32767");
    assert_no_value("\"int\"", type_simple(TYPE_SMALLINT), "808004", "range");
    assert_kind("\"long\"", TYPE_INTEGER, "feffffff0f", "2147483647");
    assert_no_value("\"long\"", type_simple(TYPE_INTEGER), "8080808010", "range");
}

static void reals_go_into_double_and_text(void **state)
{
    (void)state;
    assert_kind("\"float\"", TYPE_DOUBLE, "0000c03f", "1.5");
    assert_kind("\"float\"", TYPE_STRING, "cdcccc3d", "\"0.1\"");
    assert_kind("\"double\"", TYPE_STRING, "9a9999999999b93f", "\"0.1\"");
    assert_kind("\"double\"", TYPE_STRING, "000000000000f03f", "\"1.0\"");
    assert_kind("\"double\"", TYPE_STRING, "000000000000f87f", "\"NaN\"");
    assert_kind("\"double\"", TYPE_STRING, "000000000000f0ff", "\"-Infinity\"");
    assert_kind("\"double\"", TYPE_DOUBLE, "000000000000f0ff", "\"-Infinity\"");
}

static void bytes_and_strings_are_each_other(void **state)
{
    (void)state;
    assert_kind("\"string\"", TYPE_BINARY, "06 616263", "\"YWJj\"");
    assert_kind("\"bytes\"", TYPE_STRING, "06 e282ac", "\"\xe2\x82\xac\"");
    assert_no_value("\"bytes\"", type_simple(TYPE_STRING), "02 ff", "utf8");
    assert_kind("{\"type\":\"fixed\",\"name\":\"F\",\"size\":20}", TYPE_BINARY,
                "000102030405060708090a0b0c0d0e0f10111213", "\"AAECAwQFBgcICQoLDA0ODxAREhM=\"");
}

static void decimals_are_exact(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    assert_value(DECIMAL("4", "2"), type_decimal(&arena, 4, 2), "04 04d2", "12.34");
    assert_no_value(DECIMAL("4", "2"), type_decimal(&arena, 4, 2), "06 00ffff", "range");
    assert_value(DECIMAL("4", "2"), type_decimal(&arena, 4, 2), "02 ff", "-0.01");
    assert_value(DECIMAL("4", "2"), type_decimal(&arena, 9, 4), "04 04d2", "12.3400");
    assert_value(DECIMAL("4", "2"), type_decimal(&arena, 18, 2), "04 04d2", "12.34");
    assert_value(DECIMAL("38", "0"), type_decimal(&arena, 38, 0),
                 "20 4b3b4ca85a86c47a098a223fffffffff", "99999999999999999999999999999999999999");
    assert_no_value(DECIMAL("38", "0"), type_decimal(&arena, 38, 0),
                    "20 4b3b4ca85a86c47a098a224000000000", "range");
    /* The sign may be repeated as often as one likes. */
    assert_value(DECIMAL("4", "2"), type_decimal(&arena, 4, 2),
                 "28 fffffffffffffffffffffffffffffffffffffb2e", "-12.34");
    assert_no_value(DECIMAL("4", "2"), type_decimal(&arena, 4, 2), "00", "format");
    assert_kind(DECIMAL("4", "2"), TYPE_STRING, "04 fb2e", "\"-12.34\"");
    assert_kind(DECIMAL("9", "5"), TYPE_STRING, "04 04d2", "\"0.01234\"");
    assert_kind(DECIMAL("9", "0"), TYPE_STRING, "04 04d2", "\"1234\"");
    assert_kind(DECIMAL("60", "0"), TYPE_STRING, "02 07", "\"7\"");
    assert_no_value(DECIMAL("60", "0"), type_simple(TYPE_STRING),
                    "22 0100000000000000000000000000000000", "range");
    assert_kind(DECIMAL("4", "2"), TYPE_BINARY, "04 04d2", "\"BNI=\"");
    assert_value("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3,\"logicalType\":\"decimal\","
                 "\"precision\":5,\"scale\":1}",
                 type_decimal(&arena, 5, 1), "fffffe", "-0.2");
}

static void times_have_their_units(void **state)
{
    (void)state;
    assert_kind(LOGICAL("int", "date"), TYPE_DATE, "01", "\"1969-12-31\"");
    assert_kind("\"int\"", TYPE_DATE, "02", "\"1970-01-02\"");
    assert_kind(LOGICAL("int", "date"), TYPE_INTEGER, "01", "-1");
    assert_kind(LOGICAL("int", "date"), TYPE_STRING, "01", "\"1969-12-31\"");
    assert_kind(LOGICAL("long", "timestamp-millis"), TYPE_TIMESTAMP, "01",
                "\"1969-12-31T23:59:59.999000Z\"");
    assert_kind(LOGICAL("long", "timestamp-micros"), TYPE_TIMESTAMP, "01",
                "\"1969-12-31T23:59:59.999999Z\"");
    /* What is finer than a µs goes towards the past. */
    assert_kind(LOGICAL("long", "timestamp-nanos"), TYPE_TIMESTAMP, "01",
                "\"1969-12-31T23:59:59.999999Z\"");
    assert_kind(LOGICAL("long", "timestamp-nanos"), TYPE_TIMESTAMP, "9e1f",
                "\"1970-01-01T00:00:00.000001Z\"");
    assert_kind("\"long\"", TYPE_TIMESTAMP, "d00f", "\"1970-01-01T00:00:01Z\"");
    assert_kind("\"long\"", TYPE_TIMESTAMP_NTZ, "d00f", "\"1970-01-01T00:00:01\"");
    assert_kind(LOGICAL("long", "local-timestamp-millis"), TYPE_TIMESTAMP_NTZ, "02",
                "\"1970-01-01T00:00:00.001000\"");
    assert_kind(LOGICAL("long", "local-timestamp-nanos"), TYPE_TIMESTAMP_NTZ, "01",
                "\"1969-12-31T23:59:59.999999\"");
    assert_kind(LOGICAL("long", "timestamp-micros"), TYPE_BIGINT, "01", "-1");
    assert_no_value(LOGICAL("long", "timestamp-millis"), type_simple(TYPE_TIMESTAMP),
                    "feffffffffffffffff01", "range");
}

static void times_are_text_in_string_columns(void **state)
{
    (void)state;
    assert_kind(LOGICAL("long", "timestamp-millis"), TYPE_STRING, "01",
                "\"1969-12-31T23:59:59.999Z\"");
    assert_kind(LOGICAL("long", "local-timestamp-millis"), TYPE_STRING, "01",
                "\"1969-12-31T23:59:59.999\"");
    assert_kind(LOGICAL("long", "timestamp-nanos"), TYPE_STRING, "01",
                "\"1969-12-31T23:59:59.999999999Z\"");
    assert_kind(LOGICAL("long", "timestamp-millis"), TYPE_STRING, "feffffffffffffffff01",
                "\"9223372036854775807\"");
    assert_kind(LOGICAL("int", "time-millis"), TYPE_STRING, "02", "\"00:00:00.001\"");
    assert_kind(LOGICAL("long", "time-micros"), TYPE_STRING, "feffffa78305", "\"23:59:03.942143\"");
    assert_kind(LOGICAL("int", "time-millis"), TYPE_STRING, "01", "\"-1\"");
    assert_kind(LOGICAL("int", "time-millis"), TYPE_INTEGER, "02", "1");
    assert_kind(LOGICAL("long", "time-micros"), TYPE_BIGINT, "02", "1");
    assert_kind("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}",
                TYPE_STRING, "000102030405060708090a0b0c0d0e0f",
                "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"");
    assert_kind("{\"type\":\"fixed\",\"name\":\"F\",\"size\":12,\"logicalType\":\"duration\"}",
                TYPE_STRING, "01000000 02000000 c40b0000", "\"P1M2DT3.012S\"");
}

static void what_loses_something_is_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    static const struct {
        const char *schema;
        enum type_kind kind;
    } cases[] = {
        {"\"boolean\"", TYPE_INTEGER},
        {"\"int\"", TYPE_BOOLEAN},
        {"\"int\"", TYPE_FLOAT},
        {"\"int\"", TYPE_TIMESTAMP},
        {"\"long\"", TYPE_DATE},
        {"\"long\"", TYPE_BINARY},
        {"\"double\"", TYPE_FLOAT},
        {"\"double\"", TYPE_BIGINT},
        {"\"string\"", TYPE_BIGINT},
        {"\"string\"", TYPE_DATE},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", TYPE_STRING},
        {LOGICAL("int", "date"), TYPE_TIMESTAMP},
        {LOGICAL("int", "time-millis"), TYPE_DATE},
        {LOGICAL("int", "date"), TYPE_SMALLINT},
        {LOGICAL("long", "timestamp-millis"), TYPE_TIMESTAMP_NTZ},
        {LOGICAL("long", "timestamp-millis"), TYPE_DATE},
        {LOGICAL("long", "timestamp-millis"), TYPE_INTEGER},
        {LOGICAL("long", "local-timestamp-micros"), TYPE_TIMESTAMP},
        {DECIMAL("4", "2"), TYPE_DOUBLE},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf record = {0};
        buf_printf(&record, RECORD(FIELD("a", "%s")), cases[i].schema);
        struct type_field field = test_field("a", type_simple(cases[i].kind));
        avro_assert_refused((struct codec_options){.avro_schema = buf_str(&record)},
                            type_struct(&arena, &field, 1), "field \"a\" is ");
    }
    struct type_field narrow[] = {test_field("a", type_decimal(&arena, 5, 1))};
    struct type_field short_of[] = {test_field("a", type_decimal(&arena, 4, 3))};
    struct codec_options options = {.avro_schema = STR(RECORD(FIELD("a", DECIMAL("4", "2"))))};
    avro_assert_refused(options, type_struct(&arena, narrow, 1),
                        "bytes (decimal(4,2)) in the avro schema, which does not go into");
    avro_assert_refused(options, type_struct(&arena, short_of, 1), "DECIMAL(4,3)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_go_into_wider_columns),
        cmocka_unit_test(integers_go_into_narrower_columns_where_they_fit),
        cmocka_unit_test(reals_go_into_double_and_text),
        cmocka_unit_test(bytes_and_strings_are_each_other),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(times_have_their_units),
        cmocka_unit_test(times_are_text_in_string_columns),
        cmocka_unit_test(what_loses_something_is_refused),
    };
    return cmocka_run_group_tests_name("avro_scalar", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* avro_type_test - the row type that a schema amounts to, by Spark's SchemaConverters */
#include "codec/avro_test_util.h"

static void assert_describes(const char *schema, uint32_t recursive_depth, const char *want)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf got = {0};
    struct err err;
    const struct type *type;
    struct codec_options options = {.avro_schema = str_of(schema),
                                    .recursive_depth = recursive_depth};
    if (codec_describe(STR("avro"), &options, &arena, &type, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    type_print(type, &got);
    assert_string_equal(got.ptr, want);
}

static void assert_field(const char *schema, const char *want)
{
    AUTO_BUF struct buf record = {0};
    AUTO_BUF struct buf row = {0};
    buf_printf(&record, RECORD(FIELD("a", "%s")), schema);
    buf_printf(&row, "STRUCT<a: %s>", want);
    assert_describes(record.ptr, 0, row.ptr);
    buf_reset(&record);
    buf_printf(&record, RECORD(FIELD("a", "[\"null\",%s]")), schema);
    assert_describes(record.ptr, 0, row.ptr);
}

static void every_schema_has_sparks_type(void **state)
{
    (void)state;
    assert_field("\"boolean\"", "BOOLEAN");
    assert_field("\"int\"", "INT");
    assert_field("\"long\"", "BIGINT");
    assert_field("\"float\"", "FLOAT");
    assert_field("\"double\"", "DOUBLE");
    assert_field("\"bytes\"", "BINARY");
    assert_field("\"string\"", "STRING");
    assert_field("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", "BINARY");
    assert_field("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "STRING");
    assert_field("{\"type\":\"array\",\"items\":[\"null\",\"int\"]}", "ARRAY<INT>");
    assert_field("{\"type\":\"map\",\"values\":\"long\"}", "MAP<STRING, BIGINT>");
    assert_field("{\"type\":\"string\",\"logicalType\":\"uuid\"}", "STRING");
    assert_field("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}",
                 "BINARY");
    assert_field("{\"type\":\"fixed\",\"name\":\"F\",\"size\":12,\"logicalType\":\"duration\"}",
                 "BINARY");
    assert_field("{\"type\":\"int\",\"logicalType\":\"date\"}", "DATE");
    assert_field("{\"type\":\"int\",\"logicalType\":\"time-millis\"}", "INT");
    assert_field("{\"type\":\"long\",\"logicalType\":\"time-micros\"}", "BIGINT");
    assert_field("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "TIMESTAMP");
    assert_field("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", "TIMESTAMP");
    assert_field("{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", "BIGINT");
    assert_field("{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", "TIMESTAMP_NTZ");
    assert_field("{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}", "TIMESTAMP_NTZ");
    assert_field("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":38,\"scale\":9}",
                 "DECIMAL(38,9)");
}

static void unions_are_one_type_or_a_struct_of_members(void **state)
{
    (void)state;
    assert_describes(RECORD(FIELD("a", "[\"int\",\"null\",\"long\"]")), 0, "STRUCT<a: BIGINT>");
    assert_describes(RECORD(FIELD("a", "[\"double\",\"float\"]")), 0, "STRUCT<a: DOUBLE>");
    assert_describes(RECORD(FIELD("a", "[\"string\"]")), 0, "STRUCT<a: STRING>");
    assert_describes(RECORD(FIELD("a", "[\"string\",\"null\",\"int\",\"boolean\"]")), 0,
                     "STRUCT<a: STRUCT<member0: STRING, member1: INT, member2: BOOLEAN>>");
    assert_describes(RECORD(FIELD("a", "[\"int\",\"long\",\"double\"]")), 0,
                     "STRUCT<a: STRUCT<member0: INT, member1: BIGINT, member2: DOUBLE>>");
}

static void what_is_no_record_is_a_column_value(void **state)
{
    (void)state;
    assert_describes("long", 0, "STRUCT<value: BIGINT>");
    assert_describes("[\"null\",\"string\"]", 0, "STRUCT<value: STRING>");
    assert_describes("{\"type\":\"array\",\"items\":" RECORD(FIELD("a", "\"int\"")) "}", 0,
                     "STRUCT<value: ARRAY<STRUCT<a: INT>>>");
    assert_describes("[\"null\"," RECORD(FIELD("a", "\"int\"")) "]", 0, "STRUCT<a: INT>");
    assert_describes("[\"string\"," RECORD(FIELD("a", "\"int\"")) "]", 0,
                     "STRUCT<value: STRUCT<member0: STRING, member1: STRUCT<a: INT>>>");
}

static void what_holds_no_value_has_no_column(void **state)
{
    (void)state;
    assert_describes(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
        "\"type\":\"null\"},{\"name\":\"b\",\"type\":\"int\"},"
        "{\"name\":\"c\",\"type\":[\"null\"]},"
        "{\"name\":\"d\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
        "{\"name\":\"e\",\"type\":{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}}]}",
        0, "STRUCT<b: INT>");
    avro_assert_refused((struct codec_options){.avro_schema = STR("null")}, NULL,
                        "holds nothing that could be a column");
}

static void recursion_is_refused_or_followed_so_far(void **state)
{
    (void)state;
    static const char list[] = RECORD(FIELD("v", "\"int\"") "," FIELD("next", "[\"null\",\"R\"]"));
    static const char tree[] =
        RECORD(FIELD("v", "\"int\"") "," FIELD("kids", "{\"type\":\"array\",\"items\":\"R\"}"));
    avro_assert_refused((struct codec_options){.avro_schema = str_of(list)}, NULL,
                        "field \"next\": record R contains itself; option recursiveFieldMaxDepth");
    assert_describes(list, 1, "STRUCT<v: INT>");
    assert_describes(list, 2, "STRUCT<v: INT, next: STRUCT<v: INT>>");
    assert_describes(list, 3, "STRUCT<v: INT, next: STRUCT<v: INT, next: STRUCT<v: INT>>>");
    assert_describes(tree, 2, "STRUCT<v: INT, kids: ARRAY<STRUCT<v: INT>>>");
}

static void a_schema_that_doubles_with_every_record_is_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text,
              "[{\"type\":\"record\",\"name\":\"A0\",\"fields\":[" FIELD("x", "\"int\"") "]}");
    for (int i = 1; i < 60; i++) {
        buf_printf(
            &text,
            ",{\"type\":\"record\",\"name\":\"A%d\",\"fields\":[{\"name\":\"x\",\"type\":\"A%d\"}"
            ",{\"name\":\"y\",\"type\":\"A%d\"}]}",
            i, i - 1, i - 1);
    }
    buf_add_c(&text, "]");
    avro_assert_refused((struct codec_options){.avro_schema = buf_str(&text)}, NULL,
                        "more than 100000 columns");
}

static void a_decimal_beyond_38_digits_is_refused(void **state)
{
    (void)state;
    avro_assert_refused(
        (struct codec_options){
            .avro_schema = STR(RECORD(
                FIELD("a", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":39}")))},
        NULL, "field \"a\": a decimal of 39 digits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_has_sparks_type),
        cmocka_unit_test(unions_are_one_type_or_a_struct_of_members),
        cmocka_unit_test(what_is_no_record_is_a_column_value),
        cmocka_unit_test(what_holds_no_value_has_no_column),
        cmocka_unit_test(recursion_is_refused_or_followed_so_far),
        cmocka_unit_test(a_schema_that_doubles_with_every_record_is_refused),
        cmocka_unit_test(a_decimal_beyond_38_digits_is_refused),
    };
    return cmocka_run_group_tests_name("avro_type", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/test_table.h"

#include "column/memory.h"
#include "delta/stats.h"

#include <math.h>

/*
 * stats_test - text made from values: partition values and statistics
 */

/* ---- partition values --------------------------------------------------------------------- */

static char *value_of(struct arena *arena, const struct type *type, const void *data, size_t bytes,
                      int *ret_rc, struct err *err)
{
    struct type_field field = {STR("p"), type, true, STR("")};
    struct column_memory *memory = column_memory_new(type_struct(arena, &field, 1), 4);
    struct column *column = column_memory_columns(memory);
    AUTO_BUF struct buf out = {0};
    if (data == NULL) {
        column_set_null(column, 0);
    } else if (type->kind == TYPE_STRING || type->kind == TYPE_BINARY) {
        column_set_string(column, 0, str_n(data, bytes));
    } else {
        memcpy(column->data, data, bytes);
    }
    *ret_rc = delta_partition_value(column, 0, &out, err);
    column_memory_free(memory);
    return arena_strdup(arena, buf_str(&out));
}

#define VALUE(expected, type, c_type, ...)                                                         \
    do {                                                                                           \
        c_type value_data = __VA_ARGS__;                                                           \
        int value_rc;                                                                              \
        struct err err;                                                                            \
        char *value_text =                                                                         \
            value_of(&arena, (type), &value_data, sizeof(value_data), &value_rc, &err);            \
        assert_int_equal(value_rc, 1);                                                             \
        assert_string_equal(value_text, (expected));                                               \
    } while (0)

static void partition_values_are_what_spark_writes(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    VALUE("true", type_simple(TYPE_BOOLEAN), uint8_t, 1);
    VALUE("false", type_simple(TYPE_BOOLEAN), uint8_t, 0);
    VALUE("-128", type_simple(TYPE_TINYINT), int8_t, -128);
    VALUE("-32768", type_simple(TYPE_SMALLINT), int16_t, -32768);
    VALUE("-2147483648", type_simple(TYPE_INTEGER), int32_t, INT32_MIN);
    VALUE("-9223372036854775808", type_simple(TYPE_BIGINT), int64_t, INT64_MIN);
    VALUE("1969-12-31", type_simple(TYPE_DATE), int32_t, -1);
    VALUE("1969-12-31T23:59:59.999999Z", type_simple(TYPE_TIMESTAMP), int64_t, -1);
    VALUE("2021-09-08T11:11:11.000000Z", type_simple(TYPE_TIMESTAMP), int64_t, 1631099471000000);
    VALUE("2021-09-08 11:11:11", type_simple(TYPE_TIMESTAMP_NTZ), int64_t, 1631099471000000);
    VALUE("2021-09-08 11:11:11.000012", type_simple(TYPE_TIMESTAMP_NTZ), int64_t, 1631099471000012);
    VALUE("1.23", type_decimal(&arena, 4, 2), int16_t, 123);
    VALUE("-0.05", type_decimal(&arena, 9, 2), int32_t, -5);
    VALUE("0.00", type_decimal(&arena, 9, 2), int32_t, 0);
    VALUE("1.230000000000000000", type_decimal(&arena, 38, 18), __int128, 1230000000000000000);
    VALUE("-7", type_decimal(&arena, 18, 0), int64_t, -7);
}

static void doubles_are_printed_as_java_does(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *type = type_simple(TYPE_DOUBLE);
    VALUE("0.0", type, double, 0.0);
    VALUE("-0.0", type, double, -0.0);
    VALUE("1.0", type, double, 1.0);
    VALUE("-1.5", type, double, -1.5);
    VALUE("100.0", type, double, 100.0);
    VALUE("0.001", type, double, 0.001);
    VALUE("0.00123", type, double, 0.00123);
    VALUE("9.999E-4", type, double, 0.0009999);
    VALUE("1.0E-5", type, double, 1e-5);
    VALUE("9999999.0", type, double, 9999999.0);
    VALUE("1.0E7", type, double, 1e7);
    VALUE("1.0E10", type, double, 1e10);
    VALUE("1.2345678901234E10", type, double, 12345678901.234);
    VALUE("123456.789", type, double, 123456.789);
    VALUE("0.1", type, double, 0.1);
    VALUE("3.141592653589793", type, double, 3.141592653589793);
    VALUE("1.7976931348623157E308", type, double, 1.7976931348623157e308);
    VALUE("2.2250738585072014E-308", type, double, 2.2250738585072014e-308);
    VALUE("NaN", type, double, NAN);
    VALUE("Infinity", type, double, INFINITY);
    VALUE("-Infinity", type, double, -INFINITY);
    VALUE("0.1", type_simple(TYPE_FLOAT), float, 0.1F);
    VALUE("3.4028235E38", type_simple(TYPE_FLOAT), float, 3.4028235e38F);
    VALUE("1.6777216E7", type_simple(TYPE_FLOAT), float, 16777216.0F);
}

static void null_and_the_empty_string_are_null(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    int rc = -1;
    (void)value_of(&arena, type_simple(TYPE_BIGINT), NULL, 0, &rc, &err);
    assert_int_equal(rc, 0);
    (void)value_of(&arena, type_simple(TYPE_STRING), "", 0, &rc, &err);
    assert_int_equal(rc, 0);
    assert_string_equal(value_of(&arena, type_simple(TYPE_STRING), "a/\xc3\xa9", 4, &rc, &err),
                        "a/\xc3\xa9");
    assert_int_equal(rc, 1);
    (void)value_of(&arena, type_simple(TYPE_BINARY), "\xff", 1, &rc, &err);
    assert_int_equal(rc, ERR_DATA);
}

/* ---- strings in statistics ------------------------------------------------------------------- */

static void long_strings_are_cut_by_utf16_units(void **state)
{
    (void)state;
    struct str text = STR("ab\xf0\x9f\x98\x80z");
    assert_int_equal(delta_stats_cut(text, 5).len, 7);
    assert_int_equal(delta_stats_cut(text, 4).len, 6);
    assert_int_equal(delta_stats_cut(text, 3).len, 2); /* not half of a pair */
    assert_int_equal(delta_stats_cut(text, 2).len, 2);
}

static void a_cut_maximum_is_still_an_upper_bound(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bound;
    } cases[] = {
        {"abc", "abc"},
        {"abcd", "abcd"},
        {"abcde", "abcd\x7f"},
        {"abcd\x7f", "abcd\xf4\x8f\xbf\xbf"},
        {"abcd\xc3\xa9", "abcd\xf4\x8f\xbf\xbf"},
        {"abcd\xf4\x8f\xbf\xbfx", "abcd\xf4\x8f\xbf\xbf\x7f"},
        {"abcd\xf4\x8f\xbf\xbf", "abcd\xf4\x8f\xbf\xbf"},
        {"abc\xf0\x9f\x98\x80", "abc\xf4\x8f\xbf\xbf"},
        {"abcd\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbfx", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf out = {0};
        bool has = delta_stats_cut_max(str_of(cases[i].text), 4, &out);
        assert_int_equal(has, cases[i].bound != NULL);
        if (has) {
            assert_string_equal(out.ptr, cases[i].bound);
            assert_true(str_cmp(buf_str(&out), str_of(cases[i].text)) >= 0);
        }
    }
}

/* ---- statistics ------------------------------------------------------------------------------ */

#define FIELD(field_name, field_type)                                                              \
    (struct type_field)                                                                            \
    {                                                                                              \
        STR(field_name), (field_type), true, STR("")                                               \
    }
#define STATS(column_path, lowest, highest, nulls, nan)                                            \
    (struct sql_column_stats)                                                                      \
    {                                                                                              \
        .path = STR(column_path), .has_min = true, .has_max = true, .has_null_count = true,        \
        .min = STR(lowest), .max = STR(highest), .null_count = (nulls), .has_nan = (nan)           \
    }

static void print(const struct type *schema, const struct sql_column_stats *stats, size_t count,
                  const char *property, const char *value, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    struct delta_property configuration = {str_of(property), str_of(value)};
    struct delta_snapshot table = {.version = 0};
    table.metadata.configuration.items = &configuration;
    table.metadata.configuration.count = property == NULL ? 0 : 1;
    struct sql_file file = {.row_count = 5, .stats_count = count, .stats = stats};
    delta_stats_print(&table, schema, &file, &out);
    assert_string_equal(out.ptr, expected);
}

static void statistics_nest_and_correct_what_duckdb_says(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field inner[] = {FIELD("x y", type_simple(TYPE_BIGINT))};
    struct type_field fields[] = {
        FIELD("st", type_struct(&arena, inner, 1)),
        FIELD("nan", type_simple(TYPE_DOUBLE)),
        FIELD("inf", type_simple(TYPE_FLOAT)),
        FIELD("flag", type_simple(TYPE_BOOLEAN)),
        FIELD("raw", type_simple(TYPE_BINARY)),
        FIELD("list", type_array(&arena, type_simple(TYPE_BIGINT), true)),
        FIELD("ts", type_simple(TYPE_TIMESTAMP)),
        FIELD("ntz", type_simple(TYPE_TIMESTAMP_NTZ)),
        FIELD("day", type_simple(TYPE_DATE)),
        FIELD("amount", type_decimal(&arena, 38, 10)),
        FIELD("text", type_simple(TYPE_STRING)),
        FIELD("none", type_simple(TYPE_STRING)),
    };
    struct sql_column_stats stats[] = {
        STATS("\"st\".\"x y\"", "1", "2", 3, false),
        STATS("\"nan\"", "1.0", "2.0", 0, true),
        STATS("\"inf\"", "-1.5e-07", "inf", 0, false),
        STATS("\"flag\"", "0", "1", 0, false),
        STATS("\"raw\"", "00", "FF", 1, false),
        STATS("\"list\".\"list\".\"element\"", "1", "9", 0, false),
        STATS("\"ts\"", "1969-12-31 23:59:59.9985+00", "2026-07-02 15:55:55.298999+00", 0, false),
        STATS("\"ntz\"", "2026-07-02 15:55:55", "infinity", 0, false),
        STATS("\"day\"", "2026-07-02", "infinity", 0, false),
        STATS("\"amount\"", "-12345678901234567890.1234567890", "0.0000000001", 0, false),
        STATS("\"text\"", "a\"0123456789012345678901234567890123456789",
              "b0123456789012345678901234567890123456789", 0, false),
        {.path = STR("\"none\""), .has_null_count = true, .null_count = 5},
    };
    print(type_struct(&arena, fields, ARRAY_COUNT(fields)), stats, ARRAY_COUNT(stats), NULL, NULL,
          "{\"numRecords\":5,\"minValues\":{\"st\":{\"x y\":1},\"inf\":-1.5e-07,"
          "\"ts\":\"1969-12-31T23:59:59.998Z\",\"ntz\":\"2026-07-02T15:55:55.000\","
          "\"day\":\"2026-07-02\",\"amount\":-12345678901234567890.1234567890,"
          "\"text\":\"a\\\"012345678901234567890123456789\"},"
          "\"maxValues\":{\"st\":{\"x y\":2},\"ts\":\"2026-07-02T15:55:55.298Z\","
          "\"amount\":0.0000000001,\"text\":\"b0123456789012345678901234567890\x7f\"},"
          "\"nullCount\":{\"st\":{\"x y\":3},\"nan\":0,\"inf\":0,\"flag\":0,\"raw\":1,\"ts\":0,"
          "\"ntz\":0,\"day\":0,\"amount\":0,\"text\":0,\"none\":5}}");
}

static void the_table_says_which_columns_have_statistics(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field inner[] = {FIELD("x", type_simple(TYPE_BIGINT)),
                                 FIELD("y", type_simple(TYPE_BIGINT))};
    struct type_field fields[] = {FIELD("st", type_struct(&arena, inner, 2)),
                                  FIELD("b", type_simple(TYPE_BIGINT))};
    struct sql_column_stats stats[] = {STATS("\"st\".\"x\"", "1", "2", 0, false),
                                       STATS("\"st\".\"y\"", "3", "4", 0, false),
                                       STATS("\"b\"", "5", "6", 0, false)};
    const struct type *schema = type_struct(&arena, fields, 2);
    print(schema, stats, 3, "delta.dataSkippingNumIndexedCols", "1",
          "{\"numRecords\":5,\"minValues\":{\"st\":{\"x\":1}},\"maxValues\":{\"st\":{\"x\":2}},"
          "\"nullCount\":{\"st\":{\"x\":0}}}");
    print(schema, stats, 3, "delta.dataSkippingNumIndexedCols", "0",
          "{\"numRecords\":5,\"minValues\":{\"st\":{}},\"maxValues\":{\"st\":{}},\"nullCount\":{"
          "\"st\":{}}}");
    print(schema, stats, 3, "delta.dataSkippingStatsColumns", "`b`, st.y",
          "{\"numRecords\":5,\"minValues\":{\"st\":{\"y\":3},\"b\":5},\"maxValues\":{\"st\":{\"y\":"
          "4},"
          "\"b\":6},\"nullCount\":{\"st\":{\"y\":0},\"b\":0}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partition_values_are_what_spark_writes),
        cmocka_unit_test(doubles_are_printed_as_java_does),
        cmocka_unit_test(null_and_the_empty_string_are_null),
        cmocka_unit_test(long_strings_are_cut_by_utf16_units),
        cmocka_unit_test(a_cut_maximum_is_still_an_upper_bound),
        cmocka_unit_test(statistics_nest_and_correct_what_duckdb_says),
        cmocka_unit_test(the_table_says_which_columns_have_statistics),
    };
    return cmocka_run_group_tests_name("delta/stats", tests, NULL, NULL);
}

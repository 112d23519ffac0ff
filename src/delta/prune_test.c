/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "delta/delta.h"

static struct arena arena;

static int clean(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

#define NUMBER(x) ((struct sql_value){.kind = SQL_VALUE_NUMBER, .number = (x)})
#define REAL(x)   ((struct sql_value){.kind = SQL_VALUE_REAL, .real = (x)})
#define TEXT(x)   ((struct sql_value){.kind = SQL_VALUE_TEXT, .text = STR(x)})

/* Column "c" of this type in a file with these statistics (partition: with this value). */
static bool prunes(const struct type *type, bool partition, const char *text,
                   enum sql_filter_kind kind, struct sql_value value)
{
    struct delta_column column = {
        .name = STR("c"), .field_id = -1, .partition = partition ? 0 : -1, .type = type};
    struct delta_file file = {
        .partition_values = partition ? str_of(text) : STR("{}"),
        .stats = partition ? STR("") : str_of(text),
    };
    struct sql_filter filter = {.kind = kind, .value = value};
    return delta_prune(&arena, &column, &file, &filter);
}

#define STATS(min, max)                                                                            \
    "{\"numRecords\":4,\"minValues\":{\"c\":" min "},\"maxValues\":{\"c\":" max "}}"

static bool in_stats(enum type_kind kind, const char *stats, enum sql_filter_kind op,
                     struct sql_value value)
{
    return prunes(type_simple(kind), false, stats, op, value);
}

static void numbers_are_compared_as_numbers(void **state)
{
    (void)state;
    const char *stats = STATS("-7", "9223372036854775807");
    assert_true(in_stats(TYPE_BIGINT, stats, SQL_FILTER_LESS, NUMBER(-7)));
    assert_false(in_stats(TYPE_BIGINT, stats, SQL_FILTER_LESS, NUMBER(-6)));
    assert_false(in_stats(TYPE_BIGINT, stats, SQL_FILTER_EQUAL, NUMBER(INT64_MAX)));
    assert_true(in_stats(TYPE_INTEGER, STATS("1", "3"), SQL_FILTER_GREATER, NUMBER(3)));
    assert_false(in_stats(TYPE_INTEGER, STATS("1", "3"), SQL_FILTER_GREATER_EQUAL, NUMBER(3)));
}

static void what_is_malformed_or_missing_keeps_the_file(void **state)
{
    (void)state;
    static const char *const stats[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        "{\"numRecords\":4}",
        "{\"numRecords\":4,\"minValues\":{\"d\":1},\"maxValues\":{\"d\":2}}",
        STATS("\"1\"", "\"3\""),
        STATS("1.5", "3.5"),
        STATS("1e3", "1e4"),
        STATS("null", "null"),
        STATS("{\"x\":1}", "[3]"),
        STATS("99999999999999999999", "99999999999999999999"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(stats); i++) {
        if (in_stats(TYPE_BIGINT, stats[i], SQL_FILTER_EQUAL, NUMBER(100)) ||
            in_stats(TYPE_BIGINT, stats[i], SQL_FILTER_IS_NULL, NUMBER(0))) {
            fail_msg("pruned by %s", stats[i]);
        }
    }
}

static void the_maximum_of_a_time_is_a_millisecond_higher(void **state)
{
    (void)state;
    const char *stats = STATS("\"2026-01-01T00:00:04.000Z\"", "\"2026-01-01T00:00:04.000Z\"");
    const int64_t four = 1767225604000000;
    assert_false(in_stats(TYPE_TIMESTAMP, stats, SQL_FILTER_EQUAL, NUMBER(four + 500)));
    assert_false(in_stats(TYPE_TIMESTAMP, stats, SQL_FILTER_GREATER, NUMBER(four + 998)));
    assert_true(in_stats(TYPE_TIMESTAMP, stats, SQL_FILTER_GREATER, NUMBER(four + 1000)));
    assert_true(in_stats(TYPE_TIMESTAMP, stats, SQL_FILTER_LESS, NUMBER(four)));
    const char *ntz = STATS("\"2026-01-01T00:00:04.000\"", "\"2026-01-01T00:00:04.000\"");
    assert_false(in_stats(TYPE_TIMESTAMP_NTZ, ntz, SQL_FILTER_EQUAL, NUMBER(four + 999)));
    assert_true(in_stats(TYPE_TIMESTAMP_NTZ, ntz, SQL_FILTER_EQUAL, NUMBER(four + 1001)));
}

static void times_that_are_in_doubt_keep_the_file(void **state)
{
    (void)state;
    const char *zone =
        STATS("\"2026-01-01T00:00:04.000+01:00\"", "\"2026-01-01T00:00:04.000-07:00\"");
    assert_false(in_stats(TYPE_TIMESTAMP, zone, SQL_FILTER_EQUAL, NUMBER(0)));
    const char *old = STATS("\"1582-10-04T00:00:00.000Z\"", "\"1899-12-31T00:00:00.000Z\"");
    assert_false(in_stats(TYPE_TIMESTAMP, old, SQL_FILTER_GREATER, NUMBER(0)));
    assert_false(in_stats(TYPE_TIMESTAMP, old, SQL_FILTER_LESS, NUMBER(-99999999999999999)));
    assert_false(in_stats(TYPE_DATE, STATS("\"0001-01-01\"", "\"1899-12-31\""), SQL_FILTER_GREATER,
                          NUMBER(0)));
    assert_true(in_stats(TYPE_DATE, STATS("\"0001-01-01\"", "\"1900-01-01\""), SQL_FILTER_GREATER,
                         NUMBER(0)));
    assert_false(in_stats(TYPE_DATE, STATS("\"2026-01-01\"", "\"2026-01-03\""), SQL_FILTER_EQUAL,
                          NUMBER(20455)));
    assert_true(in_stats(TYPE_DATE, STATS("\"2026-01-01\"", "\"2026-01-03\""), SQL_FILTER_EQUAL,
                         NUMBER(20457)));
}

static void cut_text_bounds_what_it_was_cut_from(void **state)
{
    (void)state;
    const char *stats = STATS("\"bb\"", "\"mm\\u007f\"");
    assert_false(in_stats(TYPE_STRING, stats, SQL_FILTER_EQUAL, TEXT("mmabc")));
    assert_true(in_stats(TYPE_STRING, stats, SQL_FILTER_EQUAL, TEXT("mn")));
    assert_true(in_stats(TYPE_STRING, stats, SQL_FILTER_LESS, TEXT("bb")));
    assert_false(in_stats(TYPE_STRING, stats, SQL_FILTER_LESS, TEXT("bba")));
    /* An old writer's end: U+10000 is above it. */
    const char *old = STATS("\"bb\"", "\"mm\\uFFFD\"");
    assert_false(in_stats(TYPE_STRING, old, SQL_FILTER_EQUAL, TEXT("mm\xF0\x90\x80\x80")));
    assert_false(in_stats(TYPE_STRING, old, SQL_FILTER_GREATER, TEXT("z")));
    const char *top = STATS("\"bb\"", "\"mm\\uDBFF\\uDFFF\"");
    assert_false(in_stats(TYPE_STRING, top, SQL_FILTER_EQUAL, TEXT("mm\xF0\x90\x80\x80")));
    assert_true(in_stats(TYPE_STRING, top, SQL_FILTER_GREATER, TEXT("z")));
}

static void real_numbers_never_exclude_a_nan(void **state)
{
    (void)state;
    const char *stats = STATS("1.5", "3.25");
    assert_false(in_stats(TYPE_DOUBLE, stats, SQL_FILTER_GREATER, REAL(100)));
    assert_true(in_stats(TYPE_DOUBLE, stats, SQL_FILTER_EQUAL, REAL(100)));
    assert_true(in_stats(TYPE_DOUBLE, stats, SQL_FILTER_LESS, REAL(1.5)));
    /* 3.14 as FLOAT is not 3.14 as DOUBLE */
    assert_false(
        in_stats(TYPE_FLOAT, STATS("3.14", "3.14"), SQL_FILTER_EQUAL, REAL((double)3.14f)));
    assert_false(in_stats(TYPE_DOUBLE, STATS("\"NaN\"", "\"NaN\""), SQL_FILTER_EQUAL, REAL(1)));
}

static bool in_decimal(const char *min, const char *max, enum sql_filter_kind op, int64_t unscaled)
{
    AUTO_FREE char *stats = mem_printf(
        "{\"numRecords\":4,\"minValues\":{\"c\":%s},\"maxValues\":{\"c\":%s}}", min, max);
    return prunes(type_decimal(&arena, 18, 3), false, stats, op, NUMBER(unscaled));
}

static void decimals_are_exact_or_unknown(void **state)
{
    (void)state;
    assert_true(in_decimal("-1.5", "2.250", SQL_FILTER_LESS, -1500));
    assert_false(in_decimal("-1.5", "2.250", SQL_FILTER_LESS, -1499));
    assert_true(in_decimal("-1", "2.25", SQL_FILTER_GREATER, 2250));
    assert_false(in_decimal("-1", "2.25", SQL_FILTER_GREATER, 2249));
    assert_true(in_decimal("0.001", "0", SQL_FILTER_EQUAL, 0));
    assert_true(in_decimal("999999999999.999", "999999999999.999", SQL_FILTER_LESS, 5));
    /* more digits than a double is sure of; more than the scale; no plain decimal */
    assert_false(in_decimal("9999999999999.999", "9999999999999.999", SQL_FILTER_LESS, 5));
    assert_false(in_decimal("5.0001", "5.0001", SQL_FILTER_EQUAL, 0));
    assert_false(in_decimal("1e3", "1e3", SQL_FILTER_EQUAL, 0));
}

static void nulls_are_counted(void **state)
{
    (void)state;
    const char *all = "{\"numRecords\":4,\"nullCount\":{\"c\":4}}";
    const char *some = "{\"numRecords\":4,\"nullCount\":{\"c\":3},\"tightBounds\":false}";
    const char *no = "{\"numRecords\":4,\"nullCount\":{\"c\":0}}";
    assert_true(in_stats(TYPE_BIGINT, all, SQL_FILTER_EQUAL, NUMBER(1)));
    assert_true(in_stats(TYPE_BIGINT, all, SQL_FILTER_IS_NOT_NULL, NUMBER(0)));
    assert_false(in_stats(TYPE_BIGINT, all, SQL_FILTER_IS_NULL, NUMBER(0)));
    assert_false(in_stats(TYPE_BIGINT, some, SQL_FILTER_EQUAL, NUMBER(1)));
    assert_false(in_stats(TYPE_BIGINT, some, SQL_FILTER_IS_NULL, NUMBER(0)));
    assert_false(in_stats(TYPE_BIGINT, some, SQL_FILTER_IS_NOT_NULL, NUMBER(0)));
    assert_true(in_stats(TYPE_BIGINT, no, SQL_FILTER_IS_NULL, NUMBER(0)));
    assert_true(in_stats(TYPE_BIGINT, "{\"numRecords\":0,\"nullCount\":{\"c\":0}}",
                         SQL_FILTER_EQUAL, NUMBER(1)));
}

static void partition_values_are_exact(void **state)
{
    (void)state;
    const struct {
        const struct type *type;
        const char *value;
        struct sql_value same, other;
    } cases[] = {
        {type_simple(TYPE_STRING), "\"a\"", TEXT("a"), TEXT("b")},
        {type_simple(TYPE_INTEGER), "\"-5\"", NUMBER(-5), NUMBER(5)},
        {type_simple(TYPE_BOOLEAN), "\"true\"", NUMBER(1), NUMBER(0)},
        {type_simple(TYPE_DATE), "\"2026-01-01\"", NUMBER(20454), NUMBER(20455)},
        {type_simple(TYPE_TIMESTAMP), "\"2026-01-01T00:00:00.000500Z\"", NUMBER(1767225600000500),
         NUMBER(1767225600000501)},
        {type_simple(TYPE_TIMESTAMP), "\"2026-01-01 00:00:00\"", NUMBER(1767225600000000),
         NUMBER(1767225600000001)},
        {type_decimal(&arena, 9, 2), "\"-0.05\"", NUMBER(-5), NUMBER(5)},
        {type_simple(TYPE_DOUBLE), "\"1.5\"", REAL(1.5), REAL(2.5)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_FREE char *values = mem_printf("{\"c\":%s}", cases[i].value);
        if (prunes(cases[i].type, true, values, SQL_FILTER_EQUAL, cases[i].same) ||
            !prunes(cases[i].type, true, values, SQL_FILTER_EQUAL, cases[i].other) ||
            !prunes(cases[i].type, true, values, SQL_FILTER_IS_NULL, cases[i].other)) {
            fail_msg("partition value %s", cases[i].value);
        }
    }
}

static void null_and_empty_partition_values_are_null(void **state)
{
    (void)state;
    static const char *const values[] = {"{\"c\":null}", "{\"c\":\"\"}"};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        const struct type *type = type_simple(TYPE_STRING);
        assert_true(prunes(type, true, values[i], SQL_FILTER_EQUAL, TEXT("a")));
        assert_true(prunes(type, true, values[i], SQL_FILTER_IS_NOT_NULL, TEXT("")));
        assert_false(prunes(type, true, values[i], SQL_FILTER_IS_NULL, TEXT("")));
    }
    assert_false(prunes(type_simple(TYPE_STRING), true, "{}", SQL_FILTER_EQUAL, TEXT("a")));
    assert_false(
        prunes(type_simple(TYPE_INTEGER), true, "{\"c\":\"x\"}", SQL_FILTER_EQUAL, NUMBER(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_compared_as_numbers),
        cmocka_unit_test(what_is_malformed_or_missing_keeps_the_file),
        cmocka_unit_test(the_maximum_of_a_time_is_a_millisecond_higher),
        cmocka_unit_test(times_that_are_in_doubt_keep_the_file),
        cmocka_unit_test(cut_text_bounds_what_it_was_cut_from),
        cmocka_unit_test(real_numbers_never_exclude_a_nan),
        cmocka_unit_test(decimals_are_exact_or_unknown),
        cmocka_unit_test(nulls_are_counted),
        cmocka_unit_test(partition_values_are_exact),
        cmocka_unit_test(null_and_empty_partition_values_are_null),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}

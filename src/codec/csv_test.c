/* SPDX-License-Identifier: Apache-2.0 */
/* csv_test - records into fields, fields into columns (Spark's answers: test_formats_plain.py) */
#include "codec/json.h"
#include "codec/json_test_util.h"

static void open_strings(struct json_fixture *f, struct codec_options options)
{
    const struct type *string = type_simple(TYPE_STRING);
    struct type_field fields[] = {test_field("a", string), test_field("b", string),
                                  test_field("c", string)};
    fixture_open_as(f, "csv", type_struct(&f->types, fields, 3), 16, options);
}

struct csv_case {
    struct str message;
    enum codec_row rc;
    const char *want; /* the row */
};

static void assert_all_read(struct json_fixture *f, const struct csv_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        column_memory_reset(f->memory);
        enum codec_row rc = fixture_decode(f, cases[i].message, 0);
        AUTO_BUF struct buf got = {0};
        fixture_print(f, 0, &got);
        if (rc != cases[i].rc || strcmp(got.ptr, cases[i].want) != 0) {
            fail_msg("%.*s: got %u %s, wanted %u %s", STR_FMT(cases[i].message), rc, got.ptr,
                     cases[i].rc, cases[i].want);
        }
    }
}

#define ABC(b) "{\"a\":\"a\",\"b\":" b ",\"c\":\"c\"}"
#define NONE   "{\"a\":null,\"b\":null,\"c\":null}"

static void a_record_is_split_as_spark_splits_it(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_strings(&f, (struct codec_options){0});
    static const struct csv_case cases[] = {
        {STR("a,b,c"), CODEC_ROW_OK, ABC("\"b\"")},
        {STR("\"a\",\"b\",\"c\""), CODEC_ROW_OK, ABC("\"b\"")},
        {STR("a,,c"), CODEC_ROW_OK, ABC("null")},
        {STR("a,\"\",c"), CODEC_ROW_OK, ABC("null")},
        {STR(",,"), CODEC_ROW_OK, NONE},
        {STR("a, b ,c"), CODEC_ROW_OK, ABC("\" b \"")},
        {STR("a,\"b,x\",c"), CODEC_ROW_OK, ABC("\"b,x\"")},
        {STR("a,\"b\nx\",c"), CODEC_ROW_OK, ABC("\"b\\nx\"")},
        {STR("a,b\r\nx,c"), CODEC_ROW_OK, ABC("\"b\\r\\nx\"")},
        {STR("a,\"b\\\"x\",c"), CODEC_ROW_OK, ABC("\"b\\\"x\"")},
        {STR("a,\"b\\\\\",c"), CODEC_ROW_OK, ABC("\"b\\\\\"")},
        {STR("a,\"b\\nx\",c"), CODEC_ROW_OK, ABC("\"b\\\\nx\"")},
        {STR("a,\"\\\"\",c"), CODEC_ROW_OK, ABC("\"\\\"\"")},
        {STR("a,b\\\"x\\\\,c"), CODEC_ROW_OK, ABC("\"b\\\\\\\"x\\\\\\\\\"")},
        {STR("a,b\"x\"y,c"), CODEC_ROW_OK, ABC("\"b\\\"x\\\"y\"")},
        {STR("a, \"b\",c"), CODEC_ROW_OK, ABC("\" \\\"b\\\"\"")},
        {STR("a,\"b\" \n,c"), CODEC_ROW_OK, ABC("\"b\"")},
        {STR("a,\"b\"x,c"), CODEC_ROW_OK, ABC("\"\\\"b\\\"x\"")},
        {STR("a,\"b\" x,c"), CODEC_ROW_OK, ABC("\"\\\"b\\\" x\"")},
        {STR("a,\"b\"\"x\",c"), CODEC_ROW_OK, ABC("\"\\\"b\\\"\\\"x\\\"\"")},
        {STR("a,\"b\"\"\",c"), CODEC_ROW_OK, ABC("\"b\\\"\\\"\"")},
        {STR("a,\"b\\\"y\"x,c"), CODEC_ROW_OK, ABC("\"\\\"b\\\"y\\\"x\"")},
        {STR("a,b\0x,c"), CODEC_ROW_OK, ABC("\"b\\u0000x\"")},
        {STR("a,\xc3\xbc,c"), CODEC_ROW_OK, ABC("\"\xc3\xbc\"")},
        {STR("a,a text of more than twelve bytes,c"), CODEC_ROW_OK,
         ABC("\"a text of more than twelve bytes\"")},
        {STR("a,\"an \\\"escaped\\\" text of more\",c"), CODEC_ROW_OK,
         ABC("\"an \\\"escaped\\\" text of more\"")},
    };
    assert_all_read(&f, cases, ARRAY_COUNT(cases));
}

static void strings_without_escapes_point_into_the_message(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_strings(&f, (struct codec_options){0});
    fixture_decode(&f, STR("more than twelve bytes,\"more than twelve bytes\",x"), 0);
    assert_ptr_equal(column_get_string(f.columns[0], 0).ptr, f.message);
    assert_ptr_equal(column_get_string(f.columns[1], 0).ptr, f.message + 24);
}

static void too_few_fields_are_null_and_too_many_are_told(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_strings(&f, (struct codec_options){.notice_unknown = true});
    static const struct csv_case cases[] = {
        {STR("a"), CODEC_ROW_BAD_FIELD, "{\"a\":\"a\",\"b\":null,\"c\":null}"},
        {STR("a,b"), CODEC_ROW_BAD_FIELD, "{\"a\":\"a\",\"b\":\"b\",\"c\":null}"},
        {STR(" "), CODEC_ROW_BAD_FIELD, "{\"a\":\" \",\"b\":null,\"c\":null}"},
        {STR("a,b,c,d"), CODEC_ROW_BAD_FIELD, ABC("\"b\"")},
        {STR("a,b,c,"), CODEC_ROW_BAD_FIELD, ABC("\"b\"")},
    };
    assert_all_read(&f, cases, ARRAY_COUNT(cases));
    assert_true(f.codec->unknown_field);
    fixture_decode(&f, STR("a,b,c,d,e"), 1);
    assert_string_equal(f.codec->fault.reason, "fields");
    assert_string_equal(f.codec->fault.message, "5 fields, wanted 3");
    fixture_decode(&f, STR("a"), 2);
    assert_false(f.codec->unknown_field);
    assert_string_equal(f.codec->fault.message, "1 field, wanted 3");
}

static void a_message_that_is_no_record_is_bad(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_strings(&f, (struct codec_options){0});
    static const struct {
        struct str message;
        const char *reason;
        size_t position;
    } cases[] = {
        {STR(""), "syntax", 0},          {STR("a,\"b"), "syntax", 2},
        {STR("\""), "syntax", 0},        {STR("a,\"b\\\""), "syntax", 2},
        {STR("a,\"b\\"), "syntax", 2},   {STR("a,b,\"c\\\\\\\""), "syntax", 4},
        {STR("a,\xff,c"), "utf8", 2},    {STR("a,b,c,\"\xed\xa0\x80\""), "utf8", 7},
        {STR("a,b,c,\"d"), "syntax", 6},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        column_memory_reset(f.memory);
        AUTO_BUF struct buf got = {0};
        assert_int_equal(fixture_decode(&f, cases[i].message, 0), CODEC_ROW_BAD);
        fixture_print(&f, 0, &got);
        assert_string_equal(got.ptr, NONE);
        assert_string_equal(f.codec->fault.reason, cases[i].reason);
        assert_int_equal(f.codec->fault.position, cases[i].position);
    }
    assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 1, &f.arena), CODEC_ROW_OK);
    assert_false(column_is_valid(f.columns[0], 1));
}

static void what_is_null_can_be_told(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_strings(&f, (struct codec_options){.csv_null = STR("NULL")});
    static const struct csv_case cases[] = {
        {STR("a,\"\",c"), CODEC_ROW_OK, ABC("\"\"")},
        {STR("a,,c"), CODEC_ROW_OK, ABC("null")},
        {STR("a,NULL,c"), CODEC_ROW_OK, ABC("null")},
        {STR("a,\"NULL\",c"), CODEC_ROW_OK, ABC("null")},
        {STR("a,null,c"), CODEC_ROW_OK, ABC("\"null\"")},
    };
    assert_all_read(&f, cases, ARRAY_COUNT(cases));
}

static void separator_quote_and_escape_can_be_others(void **state)
{
    (void)state;
    static const struct {
        struct codec_options options;
        struct csv_case c;
    } cases[] = {
        {{.csv_separator = STR(";")}, {STR("a;\"b;x\";c"), CODEC_ROW_OK, ABC("\"b;x\"")}},
        {{.csv_separator = STR("||")}, {STR("a||b|x||c"), CODEC_ROW_OK, ABC("\"b|x\"")}},
        {{.csv_separator = STR("||")}, {STR("a||\"b||x\"||c"), CODEC_ROW_OK, ABC("\"b||x\"")}},
        {{.csv_separator = STR("\\t")}, {STR("a\tb\tc"), CODEC_ROW_OK, ABC("\"b\"")}},
        {{.csv_separator = STR("\t")}, {STR("a\t\"b\" \tc"), CODEC_ROW_OK, ABC("\"b\"")}},
        {{.csv_separator = STR("\xc2\xa7")},
         {STR("a\xc2\xa7\xc3\xbc\xc2\xa7"
              "c"),
          CODEC_ROW_OK, ABC("\"\xc3\xbc\"")}},
        {{.csv_quote = STR("'")}, {STR("a,'b,\"x',c"), CODEC_ROW_OK, ABC("\"b,\\\"x\"")}},
        {{.csv_quote = STR("\0")}, {STR("a,\"b,c"), CODEC_ROW_OK, ABC("\"\\\"b\"")}},
        {{.csv_escape = STR("\"")}, {STR("a,\"b\"\"x\",c"), CODEC_ROW_OK, ABC("\"b\\\"x\"")}},
        {{.csv_escape = STR("\"")}, {STR("a,\"\"\"b\"\"\",c"), CODEC_ROW_OK, ABC("\"\\\"b\\\"\"")}},
        {{.csv_escape = STR("\"")}, {STR("a,\"b\\\",c"), CODEC_ROW_OK, ABC("\"b\\\\\"")}},
        {{.csv_escape = STR("\"")}, {STR("a,\"b\"x,c"), CODEC_ROW_OK, ABC("\"\\\"b\\\"x\"")}},
        {{.csv_escape = STR("\"")}, {STR("a,\"b\"\""), CODEC_ROW_BAD, NONE}},
        {{.csv_escape = STR("^")}, {STR("a,\"b^\"^^^x\",c"), CODEC_ROW_OK, ABC("\"b\\\"^^x\"")}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_FIXTURE struct json_fixture f = {0};
        open_strings(&f, cases[i].options);
        assert_all_read(&f, &cases[i].c, 1);
    }
}

struct value_case {
    struct str text;
    const char *want;   /* NULL = it does not fit */
    const char *reason; /* then */
};

static void assert_values(const struct type *type, const struct value_case *cases, size_t count)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field field = test_field("a", type);
    fixture_open_as(&f, "csv", type_struct(&f.types, &field, 1), 16,
                    (struct codec_options){.csv_separator = STR(";"), .csv_null = STR("-")});
    for (size_t i = 0; i < count; i++) {
        column_memory_reset(f.memory);
        enum codec_row rc = fixture_decode(&f, cases[i].text, 0);
        AUTO_BUF struct buf got = {0};
        column_print(f.columns[0], 0, &got);
        const char *want = cases[i].want != NULL ? cases[i].want : "null";
        bool is_bad = cases[i].want == NULL;
        if (strcmp(got.ptr, want) != 0 || rc != (is_bad ? CODEC_ROW_BAD_FIELD : CODEC_ROW_OK) ||
            (is_bad && strcmp(f.codec->fault.reason, cases[i].reason) != 0)) {
            fail_msg("%.*s: got %u %s, wanted %s %s", STR_FMT(cases[i].text), rc, got.ptr, want,
                     is_bad ? cases[i].reason : "");
        }
    }
}
#define ASSERT_VALUES(type, ...)                                                                   \
    do {                                                                                           \
        static const struct value_case cases[] = {__VA_ARGS__};                                    \
        assert_values((type), cases, ARRAY_COUNT(cases));                                          \
    } while (0)

static void integers_are_read_as_java_reads_them(void **state)
{
    (void)state;
    ASSERT_VALUES(type_simple(TYPE_INTEGER), {STR("1"), "1", ""}, {STR("+1"), "1", ""},
                  {STR("-0"), "0", ""}, {STR("007"), "7", ""}, {STR("\"12\""), "12", ""},
                  {STR("2147483647"), "2147483647", ""}, {STR("-2147483648"), "-2147483648", ""},
                  {STR("2147483648"), NULL, "range"}, {STR(" 1"), NULL, "format"},
                  {STR("1 "), NULL, "format"}, {STR("1.0"), NULL, "format"},
                  {STR("1e2"), NULL, "format"}, {STR("+"), NULL, "format"},
                  {STR("--1"), NULL, "format"}, {STR("1_0"), NULL, "format"},
                  {STR("0x1"), NULL, "format"}, {STR("99999999999999999999999"), NULL, "range"},
                  {STR("999999999999999999999999999999999999999999"), NULL, "range"},
                  {STR("00000000000000000000000000000000000000000000012"), "12", ""});
    ASSERT_VALUES(type_simple(TYPE_TINYINT), {STR("127"), "127", ""}, {STR("-128"), "-128", ""},
                  {STR("128"), NULL, "range"});
    ASSERT_VALUES(type_simple(TYPE_SMALLINT), {STR("32767"), "32767", ""},
                  {STR("-32769"), NULL, "range"});
    ASSERT_VALUES(type_simple(TYPE_BIGINT), {STR("9223372036854775807"), "9223372036854775807", ""},
                  {STR("-9223372036854775808"), "-9223372036854775808", ""},
                  {STR("9223372036854775808"), NULL, "range"},
                  {STR("18446744073709551617"), NULL, "range"});
    ASSERT_VALUES(type_simple(TYPE_BOOLEAN), {STR("true"), "true", ""}, {STR("False"), "false", ""},
                  {STR("1"), NULL, "format"}, {STR(" true"), NULL, "format"});
}

static void fractions_are_read_as_java_reads_them(void **state)
{
    (void)state;
    ASSERT_VALUES(
        type_simple(TYPE_DOUBLE), {STR("1.5"), "1.5", ""}, {STR(" 1.5\t"), "1.5", ""},
        {STR("+.5"), "0.5", ""}, {STR("5."), "5", ""}, {STR("1d"), "1", ""},
        {STR("2.5F"), "2.5", ""}, {STR("-0"), "-0", ""}, {STR("1e-400"), "0", ""},
        {STR("0.1"), "0.1", ""},
        {STR("123456789012345678901234567890"), "1.2345678901234568e+29", ""},
        {STR("00000000000000000000000000000001e2"), "100", ""}, {STR("1E+2"), "100", ""},
        {STR("1e400"), NULL, "range"}, {STR("INF"), NULL, "format"}, {STR("nan"), NULL, "format"},
        {STR("1,5"), NULL, "format"}, {STR("12abc"), NULL, "format"},
        {STR("0x1p3"), NULL, "format"}, {STR("1e"), NULL, "format"}, {STR("1e+"), NULL, "format"},
        {STR("e5"), NULL, "format"}, {STR("."), NULL, "format"}, {STR("d"), NULL, "format"},
        {STR(" "), NULL, "format"}, {STR("1 2"), NULL, "format"});
    ASSERT_VALUES(type_simple(TYPE_FLOAT), {STR("1.5"), "1.5", ""}, {STR("1e39"), NULL, "range"});
    AUTO_ARENA struct arena arena = {0};
    ASSERT_VALUES(type_decimal(&arena, 5, 2), {STR("1.005"), "1.01", ""},
                  {STR("-1.005"), "-1.01", ""}, {STR("1e2"), "100.00", ""},
                  {STR("+.5"), "0.50", ""}, {STR("999.995"), NULL, "range"},
                  {STR("1000"), NULL, "range"}, {STR(" 1"), NULL, "format"},
                  {STR("1,2"), NULL, "format"}, {STR("1.5d"), NULL, "format"});
}

static void numbers_that_are_none_are_doubles(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_DOUBLE)),
                                  test_field("b", type_simple(TYPE_FLOAT))};
    fixture_open_as(&f, "csv", type_struct(&f.types, fields, 2), 16, (struct codec_options){0});
    assert_int_equal(fixture_decode(&f, STR("NaN,-NaN"), 0), CODEC_ROW_OK);
    assert_int_equal(fixture_decode(&f, STR("Inf,-Infinity"), 1), CODEC_ROW_OK);
    const double *doubles = f.columns[0]->data;
    const float *floats = f.columns[1]->data;
    assert_true(__builtin_isnan(doubles[0]) && __builtin_isnan(floats[0]));
    assert_true(__builtin_isinf_sign(doubles[1]) > 0 && __builtin_isinf_sign(floats[1]) < 0);
}

static void dates_and_times_are_iso(void **state)
{
    (void)state;
    ASSERT_VALUES(type_simple(TYPE_DATE), {STR("2026-01-02"), "\"2026-01-02\"", ""},
                  {STR(" 2026-01-02 "), "\"2026-01-02\"", ""}, {STR("2026-02-30"), NULL, "format"},
                  {STR("20260102"), NULL, "format"});
    ASSERT_VALUES(type_simple(TYPE_TIMESTAMP),
                  {STR("2026-01-02T03:04:05Z"), "\"2026-01-02T03:04:05Z\"", ""},
                  {STR("2026-01-02 03:04:05.123456789"), "\"2026-01-02T03:04:05.123456Z\"", ""},
                  {STR("2026-01-02T03:04:05+02:00"), "\"2026-01-02T01:04:05Z\"", ""},
                  {STR("2026-01-02"), "\"2026-01-02T00:00:00Z\"", ""},
                  {STR("1767000000"), NULL, "format"}, {STR("x"), NULL, "format"});
    ASSERT_VALUES(type_simple(TYPE_TIMESTAMP_NTZ),
                  {STR("2026-01-02T03:04:05"), "\"2026-01-02T03:04:05\"", ""},
                  {STR("2026-01-02T03:04:05Z"), NULL, "format"});
    ASSERT_VALUES(type_simple(TYPE_BINARY), {STR("abc"), "\"YWJj\"", ""});
}

static void what_does_not_fit_is_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_BIGINT)),
                                  test_field("_rest", type_simple(TYPE_STRING)),
                                  test_field("x.y", type_simple(TYPE_TINYINT))};
    fixture_open_as(&f, "csv", type_struct(&f.types, fields, 3), 16,
                    (struct codec_options){.rescued_column = STR("_rest")});
    static const struct {
        struct str message;
        const char *want; /* NULL = nothing */
    } cases[] = {
        {STR("1,2"), NULL},
        {STR("x,300"),
         "{\"a\":\"x\",\"`x.y`\":\"300\",\"_reason\":{\"a\":\"format\",\"`x.y`\":\"range\"}}"},
        {STR("1,2,\"t\\\"h\",4"), "{\"[2]\":\"t\\\"h\",\"[3]\":\"4\",\"_reason\":{\"[2]\":"
                                  "\"unknown\",\"[3]\":\"unknown\"}}"},
        {STR("1"), NULL},
        {STR("1,\"2"), NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fixture_decode(&f, cases[i].message, i);
        assert_int_equal(column_is_valid(f.columns[1], i), cases[i].want != NULL);
        if (cases[i].want != NULL) {
            struct str got = column_get_string(f.columns[1], i);
            assert_true(str_eq_c(got, cases[i].want) && codec_json_validate(got));
        }
    }
    f.columns[1] = NULL;
    f.columns[0] = NULL;
    assert_int_equal(fixture_decode(&f, STR("x,1"), 9), CODEC_ROW_OK);
}

static void options_and_types_that_cannot_be_are_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *string = type_simple(TYPE_STRING);
    struct type_field fields[] = {test_field("a", string),
                                  test_field("l", type_array(&arena, string, true))};
    const struct type *flat = type_struct(&arena, fields, 1);
    struct err err;
    struct codec *codec;
    static const struct codec_options wrong[] = {
        {.csv_quote = STR("''")},       {.csv_quote = STR("\xc2\xa7")},
        {.csv_escape = STR("ab")},      {.csv_separator = STR("\"")},
        {.csv_separator = STR("a\\b")}, {.csv_separator = STR("12345678901234567")},
        {.csv_separator = STR("\xff")}, {.rescued_column = STR("b")},
        {.rescued_column = STR("a")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(codec_open(STR("csv"), flat, &wrong[i], &codec, &err), ERR_CONFIG);
    }
    struct codec_options options = {0};
    assert_int_equal(codec_open(STR("csv"), type_struct(&arena, fields, 2), &options, &codec, &err),
                     ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"l\" is nested"));
    assert_int_equal(codec_open(STR("csv"), string, &options, &codec, &err), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_split_as_spark_splits_it),
        cmocka_unit_test(strings_without_escapes_point_into_the_message),
        cmocka_unit_test(too_few_fields_are_null_and_too_many_are_told),
        cmocka_unit_test(a_message_that_is_no_record_is_bad),
        cmocka_unit_test(what_is_null_can_be_told),
        cmocka_unit_test(separator_quote_and_escape_can_be_others),
        cmocka_unit_test(integers_are_read_as_java_reads_them),
        cmocka_unit_test(fractions_are_read_as_java_reads_them),
        cmocka_unit_test(numbers_that_are_none_are_doubles),
        cmocka_unit_test(dates_and_times_are_iso),
        cmocka_unit_test(what_does_not_fit_is_rescued),
        cmocka_unit_test(options_and_types_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}

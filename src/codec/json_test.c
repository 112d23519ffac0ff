/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_test - what a JSON value becomes in a column of each type
 *
 * Each case is one value in one column "v"; tables follow README.md, section by section.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json_test_util.h"

struct value_case {
    const char *json;
    const char *want;   /* the column's text; NULL = the whole message is bad */
    const char *reason; /* of the fault, NULL = none */
};

static void check_value(struct json_fixture *f, const struct value_case *c)
{
    AUTO_BUF struct buf message = {0};
    buf_printf(&message, "{\"v\":%s}", c->json);
    column_memory_reset(f->memory);
    enum codec_row rc = fixture_decode(f, buf_str(&message), 0);
    AUTO_BUF struct buf got = {0};
    column_print(f->columns[0], 0, &got);
    const char *want = c->want == NULL ? "null" : c->want;
    enum codec_row want_rc = c->want == NULL     ? CODEC_ROW_BAD
                             : c->reason != NULL ? CODEC_ROW_BAD_FIELD
                                                 : CODEC_ROW_OK;
    if (rc != want_rc || strcmp(got.ptr, want) != 0) {
        fail_msg("%s: got %s (%u, %s), wanted %s (%u)", c->json, got.ptr, rc,
                 rc == CODEC_ROW_OK ? "" : f->codec->fault.message, want, want_rc);
    }
    if (rc != CODEC_ROW_OK && strcmp(f->codec->fault.reason, c->reason) != 0) {
        fail_msg("%s: reason %s, wanted %s", c->json, f->codec->fault.reason, c->reason);
    }
    if (rc == CODEC_ROW_BAD_FIELD) {
        assert_int_equal(f->codec->fault.position, 5);
        assert_non_null(strstr(f->codec->fault.message, "field \"v\": "));
    }
}

static void check_values_with(const struct type *type, struct codec_options options,
                              const struct value_case *cases, size_t count)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field field = test_field("v", type);
    fixture_open(&f, type_struct(&f.types, &field, 1), 2, options);
    for (size_t i = 0; i < count; i++) {
        check_value(&f, &cases[i]);
    }
}

#define CHECK(type, ...)                                                                           \
    do {                                                                                           \
        const struct value_case cases[] = {__VA_ARGS__};                                           \
        check_values_with(type, (struct codec_options){0}, cases, ARRAY_COUNT(cases));             \
    } while (0)

static void null_is_null_in_every_column(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *string = type_simple(TYPE_STRING);
    struct type_field field = test_field("x", string);
    const struct type *nested[] = {
        type_array(&arena, string, true),
        type_map(&arena, string, string, true),
        type_struct(&arena, &field, 1),
    };
    for (unsigned kind = TYPE_BOOLEAN; kind < TYPE_STRUCT; kind++) {
        if (kind != TYPE_DECIMAL) {
            CHECK(type_simple((enum type_kind)kind), {"null", "null", NULL},
                  {"nul", NULL, "syntax"}, {"nulll", NULL, "syntax"}, {"NULL", NULL, "syntax"});
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(nested); i++) {
        CHECK(nested[i], {"null", "null", NULL}, {"7", "null", "type"}, {"true", "null", "type"},
              {"\"\"", "null", "type"});
    }
}

static void booleans_are_true_and_false_only(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_BOOLEAN), {"true", "true", NULL}, {"false", "false", NULL},
          {" true ", "true", NULL}, {"\"true\"", "null", "type"}, {"1", "null", "type"},
          {"[true]", "null", "type"}, {"{}", "null", "type"}, {"tru", NULL, "syntax"},
          {"truee", NULL, "syntax"}, {"falsy", NULL, "syntax"}, {"True", NULL, "syntax"});
}

static void integers_hold_integer_tokens_in_range(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_TINYINT), {"127", "127", NULL}, {"-128", "-128", NULL},
          {"128", "null", "range"}, {"-129", "null", "range"}, {"-0", "0", NULL});
    CHECK(type_simple(TYPE_SMALLINT), {"32767", "32767", NULL}, {"-32768", "-32768", NULL},
          {"32768", "null", "range"});
    CHECK(type_simple(TYPE_INTEGER), {"2147483647", "2147483647", NULL},
          {"-2147483648", "-2147483648", NULL}, {"2147483648", "null", "range"},
          {"-2147483649", "null", "range"}, {"99999999999999999999", "null", "range"});
    CHECK(type_simple(TYPE_BIGINT), {"0", "0", NULL}, {"-0", "0", NULL}, {"7", "7", NULL},
          {"12345678", "12345678", NULL}, {"123456789", "123456789", NULL},
          {"999999999999999999", "999999999999999999", NULL},
          {"1000000000000000000", "1000000000000000000", NULL},
          {"9223372036854775807", "9223372036854775807", NULL},
          {"-9223372036854775808", "-9223372036854775808", NULL},
          {"9223372036854775808", "null", "range"}, {"-9223372036854775809", "null", "range"},
          {"18446744073709551616", "null", "range"},
          {"18446744073709551617000000000000000000000", "null", "range"},
          {"100000000000000000000000000000000000000000", "null", "range"});
}

static void integers_refuse_floats_strings_and_booleans(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_BIGINT), {"1.0", "null", "type"}, {"1e2", "null", "type"},
          {"1E2", "null", "type"}, {"-0.0", "null", "type"}, {"\"5\"", "null", "type"},
          {"\"\"", "null", "type"}, {"true", "null", "type"}, {"[1]", "null", "type"},
          {"{\"a\":1}", "null", "type"});
}

static void malformed_numbers_make_the_message_bad(void **state)
{
    (void)state;
    const struct value_case cases[] = {
        {"01", NULL, "syntax"},        {"-01", NULL, "syntax"}, {"+1", NULL, "syntax"},
        {"-", NULL, "syntax"},         {"1.", NULL, "syntax"},  {".5", NULL, "syntax"},
        {"1.e3", NULL, "syntax"},      {"1e", NULL, "syntax"},  {"1e+", NULL, "syntax"},
        {"0x10", NULL, "syntax"},      {"1 2", NULL, "syntax"}, {"1_000", NULL, "syntax"},
        {"--1", NULL, "syntax"},       {"NaN", NULL, "syntax"}, {"Infinity", NULL, "syntax"},
        {"-Infinity", NULL, "syntax"}, {"00", NULL, "syntax"},  {"1e1.5", NULL, "syntax"},
        {"", NULL, "syntax"},
    };
    AUTO_ARENA struct arena arena = {0};
    for (unsigned kind = TYPE_BOOLEAN; kind < TYPE_STRUCT; kind++) {
        const struct type *type =
            kind == TYPE_DECIMAL ? type_decimal(&arena, 10, 2) : type_simple((enum type_kind)kind);
        check_values_with(type, (struct codec_options){0}, cases, ARRAY_COUNT(cases));
    }
}

static void doubles_are_rounded_correctly(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_DOUBLE), {"0", "0", NULL}, {"-0", "-0", NULL}, {"-0.0", "-0", NULL},
          {"1", "1", NULL}, {"0.1", "0.1", NULL}, {"-12.5e-1", "-1.25", NULL},
          {"52.520008", "52.520008", NULL}, {"0.30000000000000004", "0.30000000000000004", NULL},
          {"9007199254740993", "9007199254740992", NULL},
          {"9007199254740993.0", "9007199254740992", NULL},
          {"9007199254740995", "9007199254740996", NULL},
          {"9007199254740993.00000000000000000001", "9007199254740994", NULL},
          {"0.500000000000000166533453693773481063544750213623046875", "0.5000000000000002", NULL},
          {"1.7976931348623157e308", "1.7976931348623157e+308", NULL},
          {"1.7976931348623158e308", "1.7976931348623157e+308", NULL},
          {"5e-324", "4.94065645841247e-324", NULL}, {"2.4703282292062327e-324", "0", NULL},
          {"2.4703282292062328e-324", "4.94065645841247e-324", NULL},
          {"2.2250738585072011e-308", "2.225073858507201e-308", NULL}, {"1e400", "null", "range"},
          {"-1e400", "null", "range"}, {"1e-400", "0", NULL},
          {"0e999999999999999999999", "0", NULL}, {"1e999999999999999999999", "null", "range"},
          {"1e-999999999999999999999", "0", NULL},
          {"123456789012345678901234567890", "1.2345678901234568e+29", NULL},
          {"1e23", "1e+23", NULL}, {"8.5e22", "8.5e+22", NULL});
}

static void doubles_take_nan_and_infinity_from_strings(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_DOUBLE), {"\"NaN\"", "\"NaN\"", NULL},
          {"\"Infinity\"", "\"Infinity\"", NULL}, {"\"-Infinity\"", "\"-Infinity\"", NULL},
          {"\"+Infinity\"", "\"Infinity\"", NULL}, {"\"-INF\"", "\"-Infinity\"", NULL},
          {"\"1.5\"", "null", "type"}, {"\"nan\"", "null", "type"}, {"\"\"", "null", "type"});
    CHECK(type_simple(TYPE_FLOAT), {"\"NaN\"", "\"NaN\"", NULL},
          {"\"-Infinity\"", "\"-Infinity\"", NULL}, {"\"1.5\"", "null", "type"});
}

static void bare_nan_needs_the_option(void **state)
{
    (void)state;
    const struct value_case numbers[] = {{"NaN", "\"NaN\"", NULL},
                                         {"Infinity", "\"Infinity\"", NULL},
                                         {"-Infinity", "\"-Infinity\"", NULL},
                                         {"-1", "-1", NULL},
                                         {"Nan", NULL, "syntax"},
                                         {"-Inf", NULL, "syntax"}};
    const struct value_case others[] = {{"NaN", "null", "type"}, {"-Infinity", "null", "type"}};
    const struct value_case strings[] = {{"NaN", "\"NaN\"", NULL}, {"[NaN]", "\"[NaN]\"", NULL}};
    struct codec_options options = {.allow_nan = true};
    check_values_with(type_simple(TYPE_DOUBLE), options, numbers, ARRAY_COUNT(numbers));
    check_values_with(type_simple(TYPE_FLOAT), options, numbers, ARRAY_COUNT(numbers));
    check_values_with(type_simple(TYPE_BIGINT), options, others, ARRAY_COUNT(others));
    check_values_with(type_simple(TYPE_DATE), options, others, ARRAY_COUNT(others));
    check_values_with(type_simple(TYPE_STRING), options, strings, ARRAY_COUNT(strings));
}

static void floats_are_rounded_once(void **state)
{
    (void)state;
    /* 1 + 2^-24 is a tie, a little more is not; through a double it would be one. */
    CHECK(type_simple(TYPE_FLOAT), {"0.1", "0.1", NULL}, {"16777217", "16777216", NULL},
          {"1.00000005960464477539062500000000", "1", NULL},
          {"1.00000005960464477539062500000001", "1.0000001", NULL},
          {"1.000000059604644775390625000001", "1.0000001", NULL},
          {"3.4028234663852886e38", "3.4028235e+38", NULL}, {"3.5e38", "null", "range"},
          {"1e39", "null", "range"}, {"1e-46", "0", NULL}, {"1.4e-45", "1.4013e-45", NULL},
          {"-0.0", "-0", NULL});
}

static void decimals_are_exact_and_round_half_up(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    CHECK(type_decimal(&arena, 4, 2), {"12.34", "12.34", NULL}, {"12.345", "12.35", NULL},
          {"-12.345", "-12.35", NULL}, {"12.344999", "12.34", NULL}, {"99.994", "99.99", NULL},
          {"99.995", "null", "range"}, {"100", "null", "range"}, {"0.005", "0.01", NULL},
          {"0.0049", "0.00", NULL}, {"-0", "0.00", NULL}, {"1e1", "10.00", NULL},
          {"1234e-2", "12.34", NULL}, {"0e99999999999", "0.00", NULL},
          {"1e-99999999999", "0.00", NULL}, {"1e99999999999", "null", "range"},
          {"true", "null", "type"}, {"[]", "null", "type"});
    CHECK(
        type_decimal(&arena, 38, 0),
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999", NULL},
        {"-99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
         NULL},
        {"100000000000000000000000000000000000000", "null", "range"},
        {"99999999999999999999999999999999999999.5", "null", "range"}, {"0.5", "1", NULL},
        {"1e37", "10000000000000000000000000000000000000", NULL});
    CHECK(type_decimal(&arena, 38, 38),
          {"0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001",
           NULL},
          {"1", "null", "range"});
    CHECK(type_decimal(&arena, 18, 9), {"123456789.123456789", "123456789.123456789", NULL});
    CHECK(type_decimal(&arena, 9, 0), {"999999999", "999999999", NULL});
}

static void decimals_are_read_from_strings_too(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    CHECK(type_decimal(&arena, 10, 2), {"\"12.345\"", "12.35", NULL}, {"\"+1\"", "1.00", NULL},
          {"\".5\"", "0.50", NULL}, {"\"5.\"", "5.00", NULL}, {"\"007\"", "7.00", NULL},
          {"\"1e3\"", "1000.00", NULL}, {"\"\\u0031\"", "1.00", NULL}, {"\"\"", "null", "format"},
          {"\"1,5\"", "null", "format"}, {"\" 1\"", "null", "format"}, {"\"1e\"", "null", "format"},
          {"\"1e+\"", "null", "format"}, {"\".\"", "null", "format"}, {"\"NaN\"", "null", "format"},
          {"\"99999999999\"", "null", "range"});
}

static void strings_decode_escapes_and_keep_utf8(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_STRING), {"\"\"", "\"\"", NULL},
          {"\"twelve chars\"", "\"twelve chars\"", NULL},
          {"\"thirteen char\"", "\"thirteen char\"", NULL},
          {"\"a string that is longer than sixteen bytes\"",
           "\"a string that is longer than sixteen bytes\"", NULL},
          {"\"gr\xc3\xbc\xc3\x9f\"", "\"gr\xc3\xbc\xc3\x9f\"", NULL},
          {"\"\xe4\xbd\xa0\xe5\xa5\xbd, \xf0\x9f\x98\x80 and more ascii text behind it\"",
           "\"\xe4\xbd\xa0\xe5\xa5\xbd, \xf0\x9f\x98\x80 and more ascii text behind it\"", NULL},
          {"\"\\\"\\\\\\/\"", "\"\\\"\\\\/\"", NULL},
          {"\"\\u0041\\u00e9\\u20AC\"", "\"A\xc3\xa9\xe2\x82\xac\"", NULL},
          {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", NULL},
          {"\"sixteen bytes..\\u0041 and then some more text\\n\"",
           "\"sixteen bytes..A and then some more text\\n\"", NULL});
}

static void escapes_give_exactly_their_bytes(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field field = test_field("v", type_simple(TYPE_STRING));
    fixture_open(&f, type_struct(&f.types, &field, 1), 1, (struct codec_options){0});
    assert_int_equal(fixture_decode(&f, STR("{\"v\":\"\\b\\f\\n\\r\\t\\u0000x\\u007f\"}"), 0),
                     CODEC_ROW_OK);
    assert_true(str_eq(column_get_string(f.columns[0], 0), STR("\b\f\n\r\t\0x\x7f")));
}

static void strings_take_other_values_as_their_text(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_STRING), {"12.50", "\"12.50\"", NULL}, {"-0", "\"-0\"", NULL},
          {"1e400", "\"1e400\"", NULL}, {"true", "\"true\"", NULL}, {"false ", "\"false\"", NULL},
          {"{\"b\" : [1, 2 ]}", "\"{\\\"b\\\" : [1, 2 ]}\"", NULL}, {"[]", "\"[]\"", NULL},
          {"[1,]", NULL, "syntax"}, {"{\"a\"}", NULL, "syntax"}, {"{,}", NULL, "syntax"},
          {"[\"\\x\"]", NULL, "syntax"});
}

static void strings_that_are_not_unicode_make_the_message_bad(void **state)
{
    (void)state;
    const struct value_case cases[] = {
        {"\"\x80\"", NULL, "utf8"},
        {"\"\xc0\xaf\"", NULL, "utf8"},
        {"\"\xc1\xbf\"", NULL, "utf8"},
        {"\"\xe0\x80\xaf\"", NULL, "utf8"},
        {"\"\xed\xa0\x80\"", NULL, "utf8"},
        {"\"\xf0\x80\x80\xaf\"", NULL, "utf8"},
        {"\"\xf4\x90\x80\x80\"", NULL, "utf8"},
        {"\"\xf8\x88\x80\x80\x80\"", NULL, "utf8"},
        {"\"\xff\"", NULL, "utf8"},
        {"\"\xe2\x82\"", NULL, "utf8"},
        {"\"\xc3\"", NULL, "utf8"},
        {"\"a long piece of plain text before it \xc3(\"", NULL, "utf8"},
        {"\"\\ud800\"", NULL, "utf8"},
        {"\"\\udc00\"", NULL, "utf8"},
        {"\"\\ud800\\u0041\"", NULL, "utf8"},
        {"\"\\ud800\\ud800\"", NULL, "utf8"},
        {"\"\\ud800x\"", NULL, "utf8"},
        {"\"\\u12\"", NULL, "syntax"},
        {"\"\\u12g4\"", NULL, "syntax"},
        {"\"\\x41\"", NULL, "syntax"},
        {"\"\n\"", NULL, "syntax"},
        {"\"\t\"", NULL, "syntax"},
        {"\"\x01\"", NULL, "syntax"},
        {"\"open", NULL, "syntax"},
        {"\"open\\", NULL, "syntax"},
        {"\"open\\\"", NULL, "syntax"},
        {"'x'", NULL, "syntax"},
    };
    /* Wanted, unwanted kinds and the text of a nested value are all checked. */
    check_values_with(type_simple(TYPE_STRING), (struct codec_options){0}, cases,
                      ARRAY_COUNT(cases));
    check_values_with(type_simple(TYPE_BIGINT), (struct codec_options){0}, cases,
                      ARRAY_COUNT(cases));
    check_values_with(type_simple(TYPE_BINARY), (struct codec_options){0}, cases,
                      ARRAY_COUNT(cases));
}

static void binary_is_base64(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_BINARY), {"\"\"", "\"\"", NULL}, {"\"YQ==\"", "\"YQ==\"", NULL},
          {"\"YWI=\"", "\"YWI=\"", NULL}, {"\"YWJj\"", "\"YWJj\"", NULL},
          {"\"+/+/\"", "\"+/+/\"", NULL}, {"\"YW\\nJj\"", "\"YWJj\"", NULL},
          {"\"AAECAwQFBgcICQoLDA0ODw==\"", "\"AAECAwQFBgcICQoLDA0ODw==\"", NULL},
          {"\"YQ\"", "null", "format"}, {"\"YQ=\"", "null", "format"},
          {"\"YQ==YQ==\"", "null", "format"}, {"\"=\"", "null", "format"},
          {"\"Y===\"", "null", "format"}, {"\"-_-_\"", "null", "format"},
          {"\"Y\"", "null", "format"}, {"5", "null", "type"});
}

static void dates_are_iso_text_or_days(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_DATE), {"\"2023-11-14\"", "\"2023-11-14\"", NULL},
          {"19675", "\"2023-11-14\"", NULL}, {"0", "\"1970-01-01\"", NULL},
          {"-1", "\"1969-12-31\"", NULL}, {"\"2024-02-29\"", "\"2024-02-29\"", NULL},
          {"\"2023-02-29\"", "null", "format"}, {"\"2023-13-01\"", "null", "format"},
          {"\"\"", "null", "format"}, {"\"today\"", "null", "format"}, {"1.5", "null", "type"},
          {"3000000000", "null", "range"}, {"2147483647", "null", "range"}, {"[]", "null", "type"});
}

static void timestamps_are_iso_text(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_TIMESTAMP),
          {"\"2023-11-14T22:13:20Z\"", "\"2023-11-14T22:13:20Z\"", NULL},
          {"\"2023-11-14T22:13:20\"", "\"2023-11-14T22:13:20Z\"", NULL},
          {"\"2023-11-14 22:13:20.5\"", "\"2023-11-14T22:13:20.500000Z\"", NULL},
          {"\"2023-11-14T22:13:20.123456789Z\"", "\"2023-11-14T22:13:20.123456Z\"", NULL},
          {"\"2023-11-15T00:13:20+02:00\"", "\"2023-11-14T22:13:20Z\"", NULL},
          {"\"2023-11-14T20:43:20.25-01:30\"", "\"2023-11-14T22:13:20.250000Z\"", NULL},
          {"\"2023-11-14T22:13\"", "\"2023-11-14T22:13:00Z\"", NULL},
          {"\"2023-11-14\"", "\"2023-11-14T00:00:00Z\"", NULL},
          {"\"1969-12-31T23:59:59.999999Z\"", "\"1969-12-31T23:59:59.999999Z\"", NULL},
          {"\"2024-02-29T00:00:00Z\"", "\"2024-02-29T00:00:00Z\"", NULL},
          {"\"2000-02-29T00:00:00Z\"", "\"2000-02-29T00:00:00Z\"", NULL},
          {"\"1900-02-29T00:00:00Z\"", "null", "format"},
          {"\"2023-11-14T22:13:20.\"", "null", "format"},
          {"\"2023-11-14T24:00:00Z\"", "null", "format"},
          {"\"2023-11-14T22:60:00Z\"", "null", "format"},
          {"\"2023-00-14T22:13:20Z\"", "null", "format"},
          {"\"2023-11-31T22:13:20Z\"", "null", "format"},
          {"\"2023-11-14T22:13:20Zjunk\"", "null", "format"}, {"\"\"", "null", "format"},
          {"\"yesterday\"", "null", "format"}, {"true", "null", "type"},
          {"\"2023-11-14T22:13:2\\u0030Z\"", "\"2023-11-14T22:13:20Z\"", NULL});
}

static void numbers_are_timestamps_by_the_unit(void **state)
{
    (void)state;
    const struct type *type = type_simple(TYPE_TIMESTAMP);
    CHECK(type, {"1700000000", "\"2023-11-14T22:13:20Z\"", NULL},
          {"1700000000.123456", "\"2023-11-14T22:13:20.123456Z\"", NULL},
          {"1700000000.1234569", "\"2023-11-14T22:13:20.123456Z\"", NULL},
          {"1.7e9", "\"2023-11-14T22:13:20Z\"", NULL}, {"-1", "\"1969-12-31T23:59:59Z\"", NULL},
          {"-0.0000001", "\"1969-12-31T23:59:59.999999Z\"", NULL},
          {"0", "\"1970-01-01T00:00:00Z\"", NULL}, {"9223372036855", "null", "range"},
          {"1e300", "null", "range"}, {"-9223372036854", "null", "range"});
    const struct value_case millis[] = {
        {"1700000000123", "\"2023-11-14T22:13:20.123000Z\"", NULL},
        {"1700000000123.5", "\"2023-11-14T22:13:20.123500Z\"", NULL}};
    const struct value_case micros[] = {
        {"1700000000123456", "\"2023-11-14T22:13:20.123456Z\"", NULL},
        {"9223372036854775807", "null", "range"}};
    const struct value_case nanos[] = {
        {"1700000000123456789", "\"2023-11-14T22:13:20.123456Z\"", NULL},
        {"-1", "\"1969-12-31T23:59:59.999999Z\"", NULL}};
    check_values_with(type, (struct codec_options){.timestamp_unit = CODEC_EPOCH_MILLIS}, millis,
                      ARRAY_COUNT(millis));
    check_values_with(type, (struct codec_options){.timestamp_unit = CODEC_EPOCH_MICROS}, micros,
                      ARRAY_COUNT(micros));
    check_values_with(type, (struct codec_options){.timestamp_unit = CODEC_EPOCH_NANOS}, nanos,
                      ARRAY_COUNT(nanos));
}

static void timestamps_without_zone_refuse_zones_and_numbers(void **state)
{
    (void)state;
    CHECK(type_simple(TYPE_TIMESTAMP_NTZ),
          {"\"2023-11-14T22:13:20\"", "\"2023-11-14T22:13:20\"", NULL},
          {"\"2023-11-14 22:13:20.000001\"", "\"2023-11-14T22:13:20.000001\"", NULL},
          {"\"2023-11-14T22:13:20Z\"", "null", "format"},
          {"\"2023-11-14T22:13:20+01:00\"", "null", "format"}, {"1700000000", "null", "type"});
}

static void bad_elements_and_fields_are_null_where_they_stand(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *number = type_simple(TYPE_BIGINT);
    CHECK(type_array(&arena, type_array(&arena, number, true), true),
          {"[[1,2],[],null,[3]]", "[[1,2],[],null,[3]]", NULL}, {"[]", "[]", NULL},
          {"[ [ 1 , 2 ] ]", "[[1,2]]", NULL}, {"[[1],]", NULL, "syntax"}, {"[[1]", NULL, "syntax"},
          {"[1 2]", NULL, "syntax"}, {"]", NULL, "syntax"}, {"[[1]]]", NULL, "syntax"});
    struct type_field fields[] = {test_field("a", number),
                                  test_field("b", type_simple(TYPE_STRING))};
    CHECK(type_struct(&arena, fields, 2), {"{\"b\":\"x\",\"a\":1}", "{\"a\":1,\"b\":\"x\"}", NULL},
          {"{}", "{\"a\":null,\"b\":null}", NULL}, {"{ }", "{\"a\":null,\"b\":null}", NULL},
          {"{\"a\":1,\"z\":[{}]}", "{\"a\":1,\"b\":null}", NULL}, {"[]", "null", "type"},
          {"{\"a\":1}}", NULL, "syntax"}, {"{\"a\" 1}", NULL, "syntax"},
          {"{\"a\":1,}", NULL, "syntax"}, {"{a:1}", NULL, "syntax"});
}

static void random_doubles_read_as_strtod_reads_them(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("d", type_simple(TYPE_DOUBLE)),
                                  test_field("f", type_simple(TYPE_FLOAT))};
    fixture_open(&f, type_struct(&f.types, fields, 2), 1, (struct codec_options){0});
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 200000; i++) {
        char number[64];
        uint64_t bits = rng_next(&rng);
        int point = (int)rng_below(&rng, 60) - 30;
        if (i % 4 == 0) {
            snprintf(number, sizeof(number), "%.17g", rng_double(&rng) * 1000 - 500);
        } else if (i % 4 == 1) {
            snprintf(number, sizeof(number), "%" PRIu64 "e%d", bits >> rng_below(&rng, 64), point);
        } else {
            /* Half-way between two doubles, or next to it. */
            uint64_t tie = (bits >> (10 + i % 3)) | 1;
            snprintf(number, sizeof(number), "%" PRIu64 ".%de%d", tie, i % 2, i % 40 - 20);
        }
        AUTO_FREE char *message = mem_printf("{\"d\":%s,\"f\":%s}", number, number);
        column_memory_reset(f.memory);
        fixture_decode(&f, str_of(message), 0);
        double want = strtod(number, NULL);
        if (((double *)f.columns[0]->data)[0] != want) {
            fail_msg("%s: %.17g, wanted %.17g", number, ((double *)f.columns[0]->data)[0], want);
        }
        float want_float = strtof(number, NULL);
        if (column_is_valid(f.columns[1], 0) && ((float *)f.columns[1]->data)[0] != want_float) {
            fail_msg("%s as a float", number);
        }
    }
}

/* The locale must not matter; "de_DE" may be missing, then nothing is shown. */
static void numbers_do_not_follow_the_locale(void **state)
{
    (void)state;
    setlocale(LC_ALL, "de_DE.UTF-8");
    CHECK(type_simple(TYPE_DOUBLE),
          {"0.500000000000000166533453693773481063544750213623046875", "0.5000000000000002", NULL});
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_null_in_every_column),
        cmocka_unit_test(booleans_are_true_and_false_only),
        cmocka_unit_test(integers_hold_integer_tokens_in_range),
        cmocka_unit_test(integers_refuse_floats_strings_and_booleans),
        cmocka_unit_test(malformed_numbers_make_the_message_bad),
        cmocka_unit_test(doubles_are_rounded_correctly),
        cmocka_unit_test(doubles_take_nan_and_infinity_from_strings),
        cmocka_unit_test(bare_nan_needs_the_option),
        cmocka_unit_test(floats_are_rounded_once),
        cmocka_unit_test(decimals_are_exact_and_round_half_up),
        cmocka_unit_test(decimals_are_read_from_strings_too),
        cmocka_unit_test(strings_decode_escapes_and_keep_utf8),
        cmocka_unit_test(escapes_give_exactly_their_bytes),
        cmocka_unit_test(strings_take_other_values_as_their_text),
        cmocka_unit_test(strings_that_are_not_unicode_make_the_message_bad),
        cmocka_unit_test(binary_is_base64),
        cmocka_unit_test(dates_are_iso_text_or_days),
        cmocka_unit_test(timestamps_are_iso_text),
        cmocka_unit_test(numbers_are_timestamps_by_the_unit),
        cmocka_unit_test(timestamps_without_zone_refuse_zones_and_numbers),
        cmocka_unit_test(bad_elements_and_fields_are_null_where_they_stand),
        cmocka_unit_test(random_doubles_read_as_strtod_reads_them),
        cmocka_unit_test(numbers_do_not_follow_the_locale),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}

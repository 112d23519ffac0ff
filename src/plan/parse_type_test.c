/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "plan/plan.h"

static const struct {
    const char *text;
    const char *type; /* as type_print writes it, or the error */
} cases[] = {
    {"STRING", "STRING"},
    {"varchar", "STRING"},
    {"VARCHAR(20)", "STRING"},
    {"TEXT", "STRING"},
    {"CHAR(3)", "STRING"},
    {"LONG", "BIGINT"},
    {"BigInt", "BIGINT"},
    {"INT8", "BIGINT"},
    {"INT", "INT"},
    {"INTEGER", "INT"},
    {"INT4", "INT"},
    {"SHORT", "SMALLINT"},
    {"SMALLINT", "SMALLINT"},
    {"BYTE", "TINYINT"},
    {"TINYINT", "TINYINT"},
    {"REAL", "FLOAT"},
    {"FLOAT", "FLOAT"},
    {"FLOAT4", "FLOAT"},
    {"DOUBLE", "DOUBLE"},
    {"DOUBLE PRECISION", "DOUBLE"},
    {"FLOAT8", "DOUBLE"},
    {"DECIMAL", "DECIMAL(10,0)"},
    {"DECIMAL(5)", "DECIMAL(5,0)"},
    {"NUMERIC ( 38 , 38 )", "DECIMAL(38,38)"},
    {"BINARY", "BINARY"},
    {"BLOB", "BINARY"},
    {"BYTEA", "BINARY"},
    {"BOOLEAN", "BOOLEAN"},
    {"BOOL", "BOOLEAN"},
    {"DATE", "DATE"},
    {"TIMESTAMP", "TIMESTAMP"},
    {"TIMESTAMPTZ", "TIMESTAMP"},
    {"TIMESTAMP WITH TIME ZONE", "TIMESTAMP"},
    {"TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP_NTZ"},
    {"TIMESTAMP_NTZ", "TIMESTAMP_NTZ"},
    {"TIMESTAMP_LTZ", "TIMESTAMP"},
    {"ARRAY<INT>", "ARRAY<INT>"},
    {"INT[]", "ARRAY<INT>"},
    {"INT[][]", "ARRAY<ARRAY<INT>>"},
    {"DECIMAL(3,1)[]", "ARRAY<DECIMAL(3,1)>"},
    {"MAP<STRING, INT>", "MAP<STRING, INT>"},
    {"MAP(VARCHAR, INT[])", "MAP<STRING, ARRAY<INT>>"},
    {"STRUCT<a: INT, b STRING>", "STRUCT<a: INT, b: STRING>"},
    {"STRUCT(a INT, \"b c\" VARCHAR)", "STRUCT<a: INT, `b c`: STRING>"},
    {"STRUCT<a: INT NOT NULL COMMENT 'x'>", "STRUCT<a: INT NOT NULL COMMENT 'x'>"},
    {"STRUCT<`timestamp`: STRING, timestamp2 TIMESTAMP>",
     "STRUCT<timestamp: STRING, timestamp2: TIMESTAMP>"},
    {"ARRAY<STRUCT<a: MAP<STRING, ARRAY<STRUCT<b: INT>>>>>",
     "ARRAY<STRUCT<a: MAP<STRING, ARRAY<STRUCT<b: INT>>>>>"},
    {"STRUCT<a: INT>[]", "ARRAY<STRUCT<a: INT>>"},
    {"STRUCT<date: DATE, map: INT, struct: INT>", "STRUCT<date: DATE, map: INT, struct: INT>"},

    {"", "type:1:1: expected a type, met the end of the file"},
    {"INT INT", "type:1:5: expected \"[\" or the end of the type, met \"INT\""},
    {"STRIN", "type:1:1: unknown type \"STRIN\"; did you mean \"STRING\"?"},
    {"ARRAY<INT", "type:1:10: expected \"[\" or \">\", met the end of the file"},
    {"ARRAY<INT>>", "type:1:11: expected \"[\" or the end of the type, met \">\""},
    {"MAP<INT, INT, INT>", "type:1:13: expected \"[\" or \">\", met \",\""},
    {"STRUCT(a: INT>",
     "type:1:14: expected \"[\", \"NOT\", \"COMMENT\", \",\" or \")\", met \">\""},
    {"DECIMAL(0)", "type:1:9: a precision is 1 to 38, met \"0\""},
    {"DECIMAL(-1)", "type:1:9: expected a precision, met \"-\""},
    {"UBIGINT", "type:1:1: type \"UBIGINT\" has no counterpart in Delta; use DECIMAL(20,0)"},
    {"TIME", "type:1:1: type \"TIME\" has no counterpart in Delta; use STRING"},
    {"INTERVAL", "type:1:1: type \"INTERVAL\" has no counterpart in Delta; use STRING"},
    {"UUID", "type:1:1: type \"UUID\" has no counterpart in Delta; use STRING"},
    {"LIST<INT>", "type:1:1: type \"LIST\" has no counterpart in Delta; use ARRAY<…>"},
    {"DATETIME", "type:1:1: type \"DATETIME\" has no counterpart in Delta; use TIMESTAMP or "
                 "TIMESTAMP_NTZ"},
    {"\"INT\"", "type:1:1: expected a type, met \"\"INT\"\""},
};

static void types_are_read_in_both_spellings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_ARENA struct arena arena = {0};
        AUTO_BUF struct buf out = {0};
        const struct type *type = NULL;
        struct err err;
        if (plan_parse_type(&arena, str_of(cases[i].text), &type, &err) < 0) {
            buf_add_c(&out, err.msg);
        } else {
            type_print(type, &out);
        }
        if (strcmp(out.ptr, cases[i].type) != 0) {
            fail_msg("%s\n  gave     %s\n  expected %s", cases[i].text, out.ptr, cases[i].type);
        }
    }
}

static void what_is_printed_is_read_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases) && strncmp(cases[i].type, "type:", 5) != 0; i++) {
        AUTO_ARENA struct arena arena = {0};
        const struct type *a = NULL;
        const struct type *b = NULL;
        struct err err;
        assert_int_equal(plan_parse_type(&arena, str_of(cases[i].text), &a, &err), 0);
        if (plan_parse_type(&arena, str_of(cases[i].type), &b, &err) < 0) {
            fail_msg("%s: %s", cases[i].type, err.msg);
        }
        assert_true(type_eq(a, b));
    }
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf text = {0};
    const struct type *type = NULL;
    struct err err;
    for (int i = 0; i < 100000; i++) {
        buf_add_c(&text, "ARRAY<");
    }
    assert_int_equal(plan_parse_type(&arena, buf_str(&text), &type, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "the type is nested deeper than 64 levels"));
    buf_reset(&text);
    buf_add_c(&text, "INT");
    for (int i = 0; i < 100000; i++) {
        buf_add_c(&text, "[]");
    }
    assert_int_equal(plan_parse_type(&arena, buf_str(&text), &type, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "the type is nested deeper than 64 levels"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_read_in_both_spellings),
        cmocka_unit_test(what_is_printed_is_read_again),
        cmocka_unit_test(nesting_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

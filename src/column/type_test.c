/* SPDX-License-Identifier: Apache-2.0 */
/* type_test - spellings and equality of types */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "column/column.h"

static struct type_field field(const char *name, const struct type *type)
{
    return (struct type_field){.name = str_of(name), .type = type, .nullable = true};
}

static void assert_prints(const struct type *t, const char *spark, const char *duckdb)
{
    AUTO_BUF struct buf out = {0};
    type_print(t, &out);
    assert_string_equal(out.ptr, spark);
    buf_reset(&out);
    type_print_duckdb(t, &out);
    assert_string_equal(out.ptr, duckdb);
}

static void simple_types_have_spark_and_duckdb_names(void **state)
{
    (void)state;
    assert_prints(type_simple(TYPE_BOOLEAN), "BOOLEAN", "BOOLEAN");
    assert_prints(type_simple(TYPE_TINYINT), "TINYINT", "TINYINT");
    assert_prints(type_simple(TYPE_SMALLINT), "SMALLINT", "SMALLINT");
    assert_prints(type_simple(TYPE_INTEGER), "INT", "INTEGER");
    assert_prints(type_simple(TYPE_BIGINT), "BIGINT", "BIGINT");
    assert_prints(type_simple(TYPE_FLOAT), "FLOAT", "FLOAT");
    assert_prints(type_simple(TYPE_DOUBLE), "DOUBLE", "DOUBLE");
    assert_prints(type_simple(TYPE_STRING), "STRING", "VARCHAR");
    assert_prints(type_simple(TYPE_BINARY), "BINARY", "BLOB");
    assert_prints(type_simple(TYPE_DATE), "DATE", "DATE");
    assert_prints(type_simple(TYPE_TIMESTAMP), "TIMESTAMP", "TIMESTAMP WITH TIME ZONE");
    assert_prints(type_simple(TYPE_TIMESTAMP_NTZ), "TIMESTAMP_NTZ", "TIMESTAMP");
}

static void nested_types_print_with_quoted_names(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *decimal = type_decimal(&arena, 10, 2);
    assert_prints(decimal, "DECIMAL(10,2)", "DECIMAL(10,2)");
    const struct type *strings = type_array(&arena, type_simple(TYPE_STRING), true);
    assert_prints(strings, "ARRAY<STRING>", "VARCHAR[]");
    const struct type *map = type_map(&arena, type_simple(TYPE_STRING), strings, true);
    assert_prints(map, "MAP<STRING, ARRAY<STRING>>", "MAP(VARCHAR, VARCHAR[])");
    struct type_field fields[] = {
        field("a", type_simple(TYPE_BIGINT)),
        field("b `\"c", strings),
        field("7", decimal),
    };
    fields[2].nullable = false;
    fields[2].comment = STR("it's");
    assert_prints(type_struct(&arena, fields, 3),
                  "STRUCT<a: BIGINT, `b ``\"c`: ARRAY<STRING>, "
                  "`7`: DECIMAL(10,2) NOT NULL COMMENT 'it\\'s'>",
                  "STRUCT(\"a\" BIGINT, \"b `\"\"c\" VARCHAR[], \"7\" DECIMAL(10,2))");
}

static void equality_sees_names_parameters_and_nullability(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field fields[] = {
        field("a", type_decimal(&arena, 10, 2)),
        field("b", type_array(&arena, type_simple(TYPE_STRING), true)),
    };
    const struct type *t = type_struct(&arena, fields, 2);
    fields[0].comment = STR("said");
    assert_true(type_eq(t, type_struct(&arena, fields, 2)));
    fields[0].nullable = false;
    assert_false(type_eq(t, type_struct(&arena, fields, 2)));
    assert_true(type_eq_shape(t, type_struct(&arena, fields, 2)));
    fields[0].name = STR("A");
    assert_false(type_eq_shape(t, type_struct(&arena, fields, 2)));
    fields[0].name = STR("a");
    fields[0].type = type_decimal(&arena, 10, 3);
    assert_false(type_eq_shape(t, type_struct(&arena, fields, 2)));
    assert_false(type_eq_shape(t, type_struct(&arena, fields, 1)));
    assert_false(type_eq_shape(t, fields[1].type));
}

static void fields_are_found_exactly_or_without_case(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field fields[] = {
        field("Abc", type_simple(TYPE_BIGINT)),
        field("abC", type_simple(TYPE_DOUBLE)),
    };
    const struct type *t = type_struct(&arena, fields, 2);
    assert_int_equal(type_find_field(t, STR("abC")), 1);
    assert_int_equal(type_find_field(t, STR("abc")), -1);
    assert_int_equal(type_find_field_nocase(t, STR("ABC")), 0);
    assert_int_equal(type_find_field_nocase(t, STR("abcd")), -1);
    assert_true(type_is_nested(t));
    assert_false(type_is_nested(fields[0].type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_types_have_spark_and_duckdb_names),
        cmocka_unit_test(nested_types_print_with_quoted_names),
        cmocka_unit_test(equality_sees_names_parameters_and_nullability),
        cmocka_unit_test(fields_are_found_exactly_or_without_case),
    };
    return cmocka_run_group_tests_name("type", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* memory_test - the text of a row */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "column/column.h"
#include "column/memory.h"

static void column_memory_freep(struct column_memory **m)
{
    column_memory_free(*m);
}
#define AUTO_COLUMNS AUTO(column_memory_freep)

static struct column_memory *one_column(struct arena *arena, const struct type *t, size_t capacity)
{
    struct type_field field = {.name = STR("c"), .type = t, .nullable = true};
    return column_memory_new(type_struct(arena, &field, 1), capacity);
}

static void assert_row(const struct column *col, size_t row, const char *want)
{
    AUTO_BUF struct buf out = {0};
    column_print(col, row, &out);
    assert_string_equal(out.ptr, want);
}

static void numbers_print_exactly(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_COLUMNS struct column_memory *d = one_column(&arena, type_simple(TYPE_DOUBLE), 4);
    double *doubles = column_memory_columns(d)->data;
    doubles[0] = 0.1;
    doubles[1] = (double)NAN;
    doubles[2] = -(double)INFINITY;
    doubles[3] = 0.30000000000000004;
    assert_row(column_memory_columns(d), 0, "0.1");
    assert_row(column_memory_columns(d), 1, "\"NaN\"");
    assert_row(column_memory_columns(d), 2, "\"-Infinity\"");
    assert_row(column_memory_columns(d), 3, "0.30000000000000004");
    AUTO_COLUMNS struct column_memory *small = one_column(&arena, type_decimal(&arena, 4, 2), 2);
    ((int16_t *)column_memory_columns(small)->data)[0] = -5;
    ((int16_t *)column_memory_columns(small)->data)[1] = 1234;
    assert_row(column_memory_columns(small), 0, "-0.05");
    assert_row(column_memory_columns(small), 1, "12.34");
    AUTO_COLUMNS struct column_memory *big = one_column(&arena, type_decimal(&arena, 38, 0), 1);
    __int128 value = -1;
    for (int i = 0; i < 37; i++) {
        value *= 10;
    }
    memcpy(column_memory_columns(big)->data, &value, sizeof(value));
    assert_row(column_memory_columns(big), 0, "-10000000000000000000000000000000000000");
}

static void times_print_as_iso(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_COLUMNS struct column_memory *t = one_column(&arena, type_simple(TYPE_TIMESTAMP), 2);
    int64_t *us = column_memory_columns(t)->data;
    us[0] = INT64_C(1700000000123456);
    us[1] = -1000000;
    assert_row(column_memory_columns(t), 0, "\"2023-11-14T22:13:20.123456Z\"");
    assert_row(column_memory_columns(t), 1, "\"1969-12-31T23:59:59Z\"");
    AUTO_COLUMNS struct column_memory *d = one_column(&arena, type_simple(TYPE_DATE), 1);
    ((int32_t *)column_memory_columns(d)->data)[0] = 19675;
    assert_row(column_memory_columns(d), 0, "\"2023-11-14\"");
}

static void maps_print_as_objects(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *map =
        type_map(&arena, type_simple(TYPE_INTEGER), type_simple(TYPE_BINARY), true);
    AUTO_COLUMNS struct column_memory *m = one_column(&arena, map, 1);
    struct column *col = column_memory_columns(m);
    uint64_t at = column_open_list(col, 0, 2);
    ((int32_t *)col->children[0].data)[at] = 5;
    ((int32_t *)col->children[0].data)[at + 1] = 6;
    column_set_string(&col->children[1], at, STR("abc"));
    column_set_null(&col->children[1], at + 1);
    assert_row(col, 0, "{\"5\":\"YWJj\",\"6\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_print_exactly),
        cmocka_unit_test(times_print_as_iso),
        cmocka_unit_test(maps_print_as_objects),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}

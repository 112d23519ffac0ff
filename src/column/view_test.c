/* SPDX-License-Identifier: Apache-2.0 */
/* view_test - writing through views: strings, NULLs, lists */
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

static void short_strings_are_inline_and_long_ones_borrowed(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_COLUMNS struct column_memory *m = one_column(&arena, type_simple(TYPE_STRING), 3);
    struct column *col = column_memory_columns(m);
    const char *text = "thirteen char";
    column_set_string(col, 0, STR("twelve chars"));
    column_set_string(col, 1, str_of(text));
    column_set_string(col, 2, STR(""));
    assert_row(col, 0, "\"twelve chars\"");
    assert_row(col, 1, "\"thirteen char\"");
    assert_row(col, 2, "\"\"");
    assert_ptr_equal(column_get_string(col, 1).ptr, text);
    column_set_null(col, 1);
    assert_row(col, 1, "null");
    column_memory_reset(m);
    assert_true(column_is_valid(col, 1));
}

static void a_null_struct_has_null_fields(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field fields[] = {
        {.name = STR("x"), .type = type_simple(TYPE_INTEGER), .nullable = true},
        {.name = STR("y"),
         .type = type_array(&arena, type_simple(TYPE_BOOLEAN), true),
         .nullable = true},
    };
    AUTO_COLUMNS struct column_memory *m = one_column(&arena, type_struct(&arena, fields, 2), 2);
    struct column *col = column_memory_columns(m);
    ((int32_t *)col->children[0].data)[0] = -7;
    uint64_t at = column_open_list(&col->children[1], 0, 2);
    ((uint8_t *)col->children[1].children[0].data)[at] = 1;
    ((uint8_t *)col->children[1].children[0].data)[at + 1] = 0;
    column_set_null(col, 1);
    assert_row(col, 0, "{\"x\":-7,\"y\":[true,false]}");
    assert_row(col, 1, "null");
    assert_false(column_is_valid(&col->children[0], 1));
    assert_row(&col->children[1], 1, "null");
    const struct column_list *lists = col->children[1].data;
    assert_int_equal(lists[1].offset, 2);
    assert_int_equal(lists[1].len, 0);
}

static void list_children_grow_and_keep_values_and_nulls(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *inner = type_array(&arena, type_simple(TYPE_BIGINT), true);
    AUTO_COLUMNS struct column_memory *m = one_column(&arena, type_array(&arena, inner, true), 1);
    struct column *outer = column_memory_columns(m);
    struct column *lists = outer->children;
    for (size_t i = 0; i < 1000; i++) {
        column_reserve_children(outer, i + 1);
        uint64_t at = column_open_list(lists, i, 1);
        if (i % 3 == 0) {
            column_set_null(lists->children, at);
        } else {
            ((int64_t *)lists->children[0].data)[at] = (int64_t)i;
        }
    }
    ((struct column_list *)outer->data)[0] = (struct column_list){.offset = 0, .len = 1000};
    assert_true(lists->capacity < 2048);
    for (size_t i = 0; i < 1000; i++) {
        AUTO_FREE char *want = i % 3 == 0 ? mem_printf("[null]") : mem_printf("[%zu]", i);
        assert_row(lists, i, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_strings_are_inline_and_long_ones_borrowed),
        cmocka_unit_test(a_null_struct_has_null_fields),
        cmocka_unit_test(list_children_grow_and_keep_values_and_nulls),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows_test - taking back the lists of a bad message, and the keys of maps
 */
#include "codec/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/memory.h"

#define KEYS 300

/* One column of this type with room for four rows. */
static struct column_memory *one_column(struct arena *arena, const struct type *type)
{
    struct type_field field = {.name = STR("c"), .type = type, .nullable = true};
    return column_memory_new(type_struct(arena, &field, 1), 4);
}

/* Key number n; strings of both kinds, and numbers that differ in their last byte only. */
static void set_key(struct column *keys, uint64_t row, uint64_t n, struct arena *arena)
{
    switch (keys->type->kind) {
    case TYPE_STRING: {
        const char *text = arena_printf(arena, n % 2 == 0 ? "%d" : "key number %d", (int)n);
        column_set_string(keys, row, str_of(text));
        break;
    }
    case TYPE_BOOLEAN:
        ((bool *)keys->data)[row] = n != 0;
        break;
    case TYPE_INTEGER:
        ((int32_t *)keys->data)[row] = (int32_t)(n << 16);
        break;
    case TYPE_BIGINT:
        ((int64_t *)keys->data)[row] = (int64_t)(n << 48);
        break;
    default:
        assert_int_equal(keys->type->kind, TYPE_DECIMAL);
        memset((char *)keys->data + row * 16, 0, 16);
        memcpy((char *)keys->data + row * 16 + 14, &n, 2);
        break;
    }
}

/* Key n of a map that lies behind three rows of others comes for the first time at row 3 + n. */
static void find_again(struct column *map, struct codec_rows_keys *index, uint64_t count,
                       uint64_t seed, struct arena *arena)
{
    struct column *keys = &map->children[0];
    const uint64_t offset = 3;
    index->slot_count = 0;
    column_reserve_children(map, offset + count + 1);
    for (uint64_t i = 0; i < offset; i++) {
        set_key(keys, i, i % 2, arena); /* of another map: they do not count */
    }
    for (uint64_t n = 0; n < count; n++) {
        uint64_t at = offset + n;
        if (n > 0) {
            uint64_t known = n * n / 2 % n;
            set_key(keys, at, known, arena);
            assert_int_equal(codec_rows_find_key(index, seed, keys, offset, at), offset + known);
        }
        set_key(keys, at, n, arena);
        assert_int_equal(codec_rows_find_key(index, seed, keys, offset, at), at);
    }
    for (uint64_t n = 0; n < count; n++) {
        set_key(keys, offset + count, n, arena);
        assert_int_equal(codec_rows_find_key(index, seed, keys, offset, offset + count),
                         offset + n);
    }
}

static void keys_of_every_type_are_found_again(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *types[] = {type_simple(TYPE_STRING), type_simple(TYPE_BOOLEAN),
                                  type_simple(TYPE_INTEGER), type_simple(TYPE_BIGINT),
                                  type_decimal(&arena, 20, 0)};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        const struct type *type = type_map(&arena, types[i], type_simple(TYPE_INTEGER), true);
        struct column_memory *m = one_column(&arena, type);
        struct codec_rows_keys index = {0};
        bool is_boolean = types[i]->kind == TYPE_BOOLEAN;
        for (uint64_t seed = 0; seed < 3; seed++) { /* the index is used for map after map */
            struct column *map = column_memory_columns(m);
            find_again(map, &index, is_boolean ? 2 : KEYS, seed, &arena);
            find_again(map, &index, is_boolean ? 1 : 40, seed, &arena);
        }
        mem_free(index.slots);
        column_memory_free(m);
    }
}

/* Appends elements {NULL} to the list in `row`. */
static void append_nulls(struct column *list, size_t row, size_t count)
{
    uint64_t first = column_open_list(list, row, count);
    for (size_t i = 0; i < count; i++) {
        column_set_null(&list->children[0], first + i);
    }
}

static void a_bad_message_leaves_no_list_longer(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field field = {
        .name = STR("n"), .type = type_simple(TYPE_INTEGER), .nullable = true};
    const struct type *element = type_struct(&arena, &field, 1);
    struct column_memory *m = one_column(&arena, type_array(&arena, element, true));
    struct column *list = column_memory_columns(m);
    struct column *child = &list->children[0];
    struct codec_rows_mark marks[2];
    struct codec_rows rows = {.message_number = 1, .marks = marks};
    uint64_t touched[2] = {0}; /* two places that write one list, as branches of a union do */

    codec_rows_touch(&rows, &touched[0], list);
    append_nulls(list, 0, 3); /* a good message */
    rows.message_number = 2;
    rows.mark_count = 0;
    codec_rows_touch(&rows, &touched[0], list);
    append_nulls(list, 1, 2);
    codec_rows_touch(&rows, &touched[1], list);
    append_nulls(list, 1, 70);
    codec_rows_touch(&rows, &touched[0], list); /* once a message */
    assert_int_equal(rows.mark_count, 2);
    column_reserve_children(list, list->child_rows + 1);
    size_t half_written = list->child_rows;
    column_set_null(child, half_written);
    codec_rows_roll_back(&rows);

    assert_int_equal(list->child_rows, 3);
    for (size_t row = 0; row <= half_written; row++) {
        assert_int_equal(column_is_valid(child, row), row >= 3);
        assert_int_equal(column_is_valid(&child->children[0], row), row >= 3);
    }
    column_memory_free(m);
}

static void a_range_of_rows_becomes_valid(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct column_memory *m = one_column(&arena, type_simple(TYPE_INTEGER));
    struct column *col = column_memory_columns(m);
    codec_rows_set_valid(col, 0, 4); /* before anything is NULL there is no bitmap */
    for (size_t row = 0; row < 4; row++) {
        column_set_null(col, row);
    }
    codec_rows_set_valid(col, 1, 3);
    for (size_t row = 0; row < 4; row++) {
        assert_int_equal(column_is_valid(col, row), row == 1 || row == 2);
    }
    column_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_type_are_found_again),
        cmocka_unit_test(a_bad_message_leaves_no_list_longer),
        cmocka_unit_test(a_range_of_rows_becomes_valid),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena_test - memory with one common end
 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void allocations_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    unsigned char *at[300];
    for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
        at[i] = arena_alloc(&arena, i);
        assert_non_null(at[i]);
        assert_int_equal((uintptr_t)at[i] % 8, 0);
        memset(at[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(at[i][j], i & 0xFF);
        }
    }
}

static void zalloc_is_zeroed_even_after_a_reset(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    memset(arena_alloc(&arena, 4000), 0xAA, 4000);
    arena_reset(&arena);
    const unsigned char *at = arena_zalloc(&arena, 4000);
    for (size_t i = 0; i < 4000; i++) {
        assert_int_equal(at[i], 0);
    }
}

static void reset_keeps_only_the_largest_block(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    arena_reset(&arena); /* of an empty one is nothing */
    assert_int_equal(arena.total_bytes, 0);
    arena_alloc(&arena, 100);
    size_t small = arena.total_bytes;
    memset(arena_alloc(&arena, 3 << 20), 1, 3 << 20);
    assert_true(arena.total_bytes >= small + (3 << 20));
    arena_reset(&arena);
    assert_true(arena.total_bytes >= 3 << 20);
    assert_true(arena.total_bytes < small + (3 << 20));
    size_t kept = arena.total_bytes;
    memset(arena_alloc(&arena, 3 << 20), 2, 3 << 20);
    assert_int_equal(arena.total_bytes, kept);
}

static void large_allocation_leaves_the_current_block_in_use(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const char *before = arena_alloc(&arena, 8);
    arena_alloc(&arena, 1 << 20);
    const char *after = arena_alloc(&arena, 8);
    assert_ptr_equal(after, before + 8);
}

static void stricter_alignment_is_kept(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    for (size_t align = 8; align <= 4096; align *= 2) {
        arena_alloc(&arena, 8);
        char *at = arena_alloc_slow(&arena, 100, align);
        assert_int_equal((uintptr_t)at % align, 0);
        memset(at, 1, 100);
    }
}

static void copies_are_terminated_and_may_hold_nul(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    assert_string_equal(arena_strdup(&arena, STR("abc")), "abc");
    assert_string_equal(arena_strdup(&arena, STR_NULL), "");
    struct str copy = arena_str(&arena, STR("a\0b"));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0b", 4);
}

static void printf_takes_text_of_any_length(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
    const char *wide = arena_printf(&arena, "%0*d", 10000, 1);
    assert_int_equal(strlen(wide), 10000);
    assert_int_equal(wide[9999], '1');
}

static void arrays_are_typed_and_zeroed(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const uint64_t *numbers = arena_new_array(&arena, uint64_t, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(numbers[i] == 0);
    }
    assert_non_null(arena_new(&arena, struct arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_do_not_overlap),
        cmocka_unit_test(zalloc_is_zeroed_even_after_a_reset),
        cmocka_unit_test(reset_keeps_only_the_largest_block),
        cmocka_unit_test(large_allocation_leaves_the_current_block_in_use),
        cmocka_unit_test(stricter_alignment_is_kept),
        cmocka_unit_test(copies_are_terminated_and_may_hold_nul),
        cmocka_unit_test(printf_takes_text_of_any_length),
        cmocka_unit_test(arrays_are_typed_and_zeroed),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vec_test - a typed growing array
 */
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct point {
    int x;
    char name[13];
};

static void pushed_elements_are_zeroed_and_kept(void **state)
{
    (void)state;
    VEC(struct point) points = {0};
    for (int i = 0; i < 1000; i++) {
        struct point *p = vec_push(&points);
        assert_int_equal(p->x, 0);
        assert_int_equal(p->name[12], 0);
        memset(p, 0xEE, sizeof(*p));
        p->x = i;
    }
    assert_int_equal(points.count, 1000);
    assert_int_equal(vec_last(&points)->x, 999);
    int expected = 0;
    vec_foreach (struct point, p, &points) {
        assert_int_equal(p->x, expected++);
    }
    assert_int_equal(expected, 1000);
    vec_done(&points);
    assert_null(points.items);
    assert_int_equal(points.count + points.cap, 0);
}

static void empty_vector_has_nothing_to_visit(void **state)
{
    (void)state;
    VEC(int) numbers = {0};
    vec_foreach (int, n, &numbers) {
        fail();
    }
    vec_done(&numbers);
}

static void reserved_room_does_not_move(void **state)
{
    (void)state;
    VEC(int) numbers = {0};
    vec_reserve(&numbers, 100);
    assert_int_equal(numbers.count, 0);
    const int *first = vec_push(&numbers);
    for (int i = 1; i < 100; i++) {
        *vec_push(&numbers) = i;
    }
    assert_ptr_equal(first, numbers.items);
    vec_reserve(&numbers, 5); /* never less */
    assert_int_equal(numbers.cap, 100);
    vec_done(&numbers);
}

static void elements_may_be_pointers_to_const(void **state)
{
    (void)state;
    VEC(const char *) names = {0};
    *vec_push(&names) = "a";
    *vec_push(&names) = "b";
    assert_string_equal(names.items[1], "b");
    vec_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushed_elements_are_zeroed_and_kept),
        cmocka_unit_test(empty_vector_has_nothing_to_visit),
        cmocka_unit_test(reserved_room_does_not_move),
        cmocka_unit_test(elements_may_be_pointers_to_const),
    };
    return cmocka_run_group_tests_name("vec", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason_test - the list of reasons is closed, and each is its own
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/reason.h"

static void every_reason_is_found_where_it_stands(void **state)
{
    (void)state;
    for (size_t i = 0; i < REASON_COUNT; i++) {
        assert_int_equal(reason_index(str_of(reason_names[i])), i);
    }
}

static void what_is_not_in_the_list_is_other(void **state)
{
    (void)state;
    static const char *const codes[] = {"", "synta", "syntaxx", "a\nb", "OTHER"};
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        assert_string_equal(reason_names[reason_index(str_of(codes[i]))], "other");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_is_found_where_it_stands),
        cmocka_unit_test(what_is_not_in_the_list_is_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

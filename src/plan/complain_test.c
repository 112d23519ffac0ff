/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "plan/complain.h"

static void errors_begin_with_their_place(void **state)
{
    (void)state;
    struct err err;
    struct plan_place place = {3, 14};
    assert_int_equal(plan_complain(&err, STR("a.sql"), place, "met %d", 5), ERR_CONFIG);
    assert_string_equal(err.msg, "a.sql:3:14: met 5");
}

static void bytes_of_a_body_have_places_in_the_file(void **state)
{
    (void)state;
    /* "SELECT é, b" whose b stood on another line. */
    static const struct plan_mark items[] = {{0, {2, 4}}, {7, {2, 11}}, {9, {2, 12}}, {11, {5, 1}}};
    struct plan_marks marks = {.items = items, .count = ARRAY_COUNT(items)};
    struct str body = STR("SELECT é, b");
    static const struct {
        size_t offset;
        uint32_t line, column;
    } cases[] = {{0, 2, 4}, {3, 2, 7}, {7, 2, 11}, {9, 2, 12}, {10, 2, 13}, {11, 5, 1}, {12, 5, 2}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct plan_place place = plan_complain_in(&marks, body, cases[i].offset);
        assert_int_equal(place.line, cases[i].line);
        assert_int_equal(place.column, cases[i].column);
    }
    assert_int_equal(plan_complain_in(&marks, body, 999).line, 5);
    marks.count = 0;
    assert_int_equal(plan_complain_in(&marks, body, 0).line, 0);
}

static void the_nearest_name_is_suggested_only_when_near(void **state)
{
    (void)state;
    char hint[PLAN_HINT_BYTES];
    struct plan_near near = plan_complain_near(STR("vehicel"));
    plan_complain_offer(&near, STR("feed"));
    plan_complain_offer(&near, STR("Vehicle"));
    plan_complain_offer(&near, STR("vehicles"));
    assert_string_equal(plan_complain_hint(&near, hint), "; did you mean \"Vehicle\"?");
    near = plan_complain_near(STR("abc"));
    plan_complain_offer(&near, STR("xyz"));
    assert_string_equal(plan_complain_hint(&near, hint), "");
    near = plan_complain_near(STR("a"));
    plan_complain_offer(&near, STR("b"));
    assert_string_equal(plan_complain_hint(&near, hint), "");
}

static void long_texts_are_cut_at_a_character(void **state)
{
    (void)state;
    char quoted[PLAN_QUOTE_BYTES];
    assert_string_equal(plan_complain_quote(STR("a\nb"), quoted), "\"a b\"");
    assert_string_equal(
        plan_complain_quote(STR("0123456789012345678901234567890123456789x"), quoted),
        "\"0123456789012345678901234567890123456789…\"");
    assert_string_equal(
        plan_complain_quote(STR("012345678901234567890123456789012345678é and more"), quoted),
        "\"012345678901234567890123456789012345678…\"");
}

static void secrets_are_hidden_before_a_text_is_cut(void **state)
{
    (void)state;
    char quoted[PLAN_QUOTE_BYTES];
    log_mask(STR("horseradish-horseradish-horseradish-horseradish"));
    assert_string_equal(
        plan_complain_quote(STR("x horseradish-horseradish-horseradish-horseradish y"), quoted),
        "\"x *** y\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_begin_with_their_place),
        cmocka_unit_test(bytes_of_a_body_have_places_in_the_file),
        cmocka_unit_test(the_nearest_name_is_suggested_only_when_near),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(secrets_are_hidden_before_a_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "plan/parser.h"

static void start(struct arena *arena, const char *text, struct plan_tokens *tokens,
                  struct err *err, struct plan_parser *p)
{
    struct plan_subst subst;
    plan_subst_none(arena, str_of(text), &subst);
    assert_int_equal(plan_token_scan(arena, STR("f"), &subst, tokens, err), 0);
    *p = (struct plan_parser){.arena = arena, .file = STR("f"), .tokens = tokens, .err = err};
}

static void what_was_looked_for_is_what_is_expected(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct plan_tokens tokens;
    struct plan_parser p;
    struct err err;
    start(&arena, "ONE THREEE", &tokens, &err, &p);
    assert_false(plan_parser_accept(&p, "ZERO"));
    assert_true(plan_parser_accept(&p, "one"));
    assert_false(plan_parser_accept(&p, "THREE"));
    assert_false(plan_parser_accept_symbol(&p, "("));
    assert_false(plan_parser_accept(&p, "THREE"));
    plan_parser_want(&p, "a name");
    assert_int_equal(plan_parser_fail(&p), ERR_CONFIG);
    assert_string_equal(err.msg,
                        "f:1:5: expected \"THREE\", \"(\" or a name, met \"THREEE\"; did you mean "
                        "\"THREE\"?");
}

static void the_end_is_never_stepped_over(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct plan_tokens tokens;
    struct plan_parser p;
    struct err err;
    start(&arena, "a", &tokens, &err, &p);
    plan_parser_step(&p);
    plan_parser_step(&p);
    assert_int_equal(plan_parser_peek(&p)->kind, PLAN_TOKEN_END);
    assert_int_equal(plan_parser_ahead(&p, 5)->kind, PLAN_TOKEN_END);
    assert_int_equal(plan_parser_expect(&p, "B"), ERR_CONFIG);
    assert_string_equal(err.msg, "f:1:2: expected \"B\", met the end of the file");
}

static void strings_are_not_shown_where_secrets_are(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct plan_tokens tokens;
    struct plan_parser p;
    struct err err;
    start(&arena, "'geheim'", &tokens, &err, &p);
    assert_int_equal(plan_parser_expect_symbol(&p, ","), ERR_CONFIG);
    assert_string_equal(err.msg, "f:1:1: expected \",\", met \"'geheim'\"");
    p.hide_strings = true;
    assert_int_equal(plan_parser_expect_symbol(&p, ","), ERR_CONFIG);
    assert_string_equal(err.msg, "f:1:1: expected \",\", met a string");
}

static void names_and_strings_have_several_spellings(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct plan_tokens tokens;
    struct plan_parser p;
    struct err err;
    struct str value;
    start(&arena, "a `b c` \"d\" 'e' \"f\" $$g$$ E'h'", &tokens, &err, &p);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(plan_parser_expect_name(&p, "a name", &value, NULL), 0);
    }
    assert_true(str_eq_c(value, "d"));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(plan_parser_expect_string(&p, "a string", &value), 0);
    }
    assert_true(str_eq_c(value, "g"));
    assert_int_equal(plan_parser_expect_string(&p, "a string", &value), ERR_CONFIG);
    assert_string_equal(err.msg, "f:1:27: expected a string, met \"E'h'\"");
    assert_int_equal(plan_parser_expect_name(&p, "a name", &value, NULL), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_looked_for_is_what_is_expected),
        cmocka_unit_test(the_end_is_never_stepped_over),
        cmocka_unit_test(strings_are_not_shown_where_secrets_are),
        cmocka_unit_test(names_and_strings_have_several_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

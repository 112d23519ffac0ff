/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan/subst.h"
#include "plan/token.h"

static struct arena arena;

static int set_variables(void **state)
{
    (void)state;
    arena_reset(&arena);
    setenv("SLUICE_T_A", "va", 1);
    setenv("SLUICE_T_EMPTY", "", 1);
    setenv("SLUICE_T_QUOTES", "it's \"x\" `y` \\", 1);
    setenv("SLUICE_T_LOOP", "${SLUICE_T_A}", 1);
    setenv("SLUICE_T_LINES", "a,\n b", 1);
    setenv("SLUICE_T_BYTES", "\xff", 1);
    unsetenv("SLUICE_T_NO");
    return 0;
}

static void assert_subst(const char *in, const char *expected)
{
    struct plan_subst subst;
    struct err err;
    if (plan_subst_run(&arena, STR("f"), str_of(in), &subst, &err) < 0) {
        fail_msg("%s: %s", in, err.msg);
    }
    if (!str_eq_c(subst.out, expected)) {
        fail_msg("%s became %.*s", in, STR_FMT(subst.out));
    }
}

static void assert_error(const char *in, const char *expected)
{
    struct plan_subst subst;
    struct err err;
    assert_int_equal(plan_subst_run(&arena, STR("f"), str_of(in), &subst, &err), ERR_CONFIG);
    assert_string_equal(err.msg, expected);
}

static void variables_and_defaults_are_replaced(void **state)
{
    (void)state;
    assert_subst("a ${SLUICE_T_A} b", "a va b");
    assert_subst("${SLUICE_T_A}${SLUICE_T_A}", "vava");
    assert_subst("${SLUICE_T_A:-x}", "va");
    assert_subst("${SLUICE_T_NO:-x y}", "x y");
    assert_subst("${SLUICE_T_NO:-}", "");
    assert_subst("${SLUICE_T_EMPTY}", "");
    assert_subst("${SLUICE_T_EMPTY:-x}", "x");
    assert_subst("${SLUICE_T_NO:-${SLUICE_T_A}/${SLUICE_T_NO:-z}}", "va/z");
    assert_subst("${SLUICE_T_A:-${SLUICE_T_NO}}", "va");
    assert_subst("", "");
}

static void a_value_is_not_looked_at_again(void **state)
{
    (void)state;
    assert_subst("'${SLUICE_T_LOOP}'", "'${SLUICE_T_A}'");
}

static void a_value_cannot_end_the_quotes_it_stands_in(void **state)
{
    (void)state;
    assert_subst("'${SLUICE_T_QUOTES}'", "'it''s \"x\" `y` \\'");
    assert_subst("\"${SLUICE_T_QUOTES}\"", "\"it's \"\"x\"\" `y` \\\"");
    assert_subst("`${SLUICE_T_QUOTES}`", "`it's \"x\" ``y`` \\`");
    assert_subst("E'${SLUICE_T_QUOTES}'", "E'it''s \"x\" `y` \\\\'");
    assert_subst("${SLUICE_T_QUOTES}", "it's \"x\" `y` \\");
}

static void comments_and_dollar_quotes_are_left_alone(void **state)
{
    (void)state;
    assert_subst("-- ${SLUICE_T_NO} '\n${SLUICE_T_A}", "-- ${SLUICE_T_NO} '\nva");
    assert_subst("/* ${ /* */ ' */ ${SLUICE_T_A}", "/* ${ /* */ ' */ va");
    assert_subst("$$ ${SLUICE_T_NO} $$ ${SLUICE_T_A}", "$$ ${SLUICE_T_NO} $$ va");
    assert_subst("$t$ ${SLUICE_T_NO} $$ $t$", "$t$ ${SLUICE_T_NO} $$ $t$");
    assert_subst("'--' '${SLUICE_T_A}'", "'--' 'va'");
    assert_subst("$1 $x", "$1 $x");
}

static void a_doubled_dollar_in_quotes_is_one(void **state)
{
    (void)state;
    assert_subst("'$${SLUICE_T_NO}'", "'${SLUICE_T_NO}'");
    assert_subst("'$$$$'", "'$$'");
    assert_subst("'5$'", "'5$'");
    assert_subst("'it''s' '${SLUICE_T_A}'", "'it''s' 'va'");
    assert_subst("E'\\' ${SLUICE_T_A}' x", "E'\\' va' x");
}

static void what_cannot_be_replaced_is_an_error_at_its_place(void **state)
{
    (void)state;
    assert_error("a\n ${SLUICE_T_NO}", "f:2:2: environment variable \"SLUICE_T_NO\" is not set; "
                                       "${NAME:-text} gives a default");
    assert_error("${SLUICE_T_NO:-${SLUICE_T_NO}}",
                 "f:1:16: environment variable \"SLUICE_T_NO\" is not set; ${NAME:-text} gives a "
                 "default");
    assert_error("é ${A", "f:1:3: \"${\" has no closing \"}\"");
    assert_error("${A:-x", "f:1:1: \"${\" has no closing \"}\"");
    assert_error("${é}", "f:1:1: environment variable \"é\" is not set; ${NAME:-text} gives a "
                         "default");
    assert_error("${.}", "f:1:3: expected the name of an environment variable, met \".\"");
    assert_error("${A-b}", "f:1:4: expected \"}\" or \":-\" after the variable, met \"-\"");
    assert_error("'${SLUICE_T_BYTES}'", "f:1:2: environment variable \"SLUICE_T_BYTES\" is not "
                                        "UTF-8");
}

static void defaults_do_not_nest_without_end(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < 1000; i++) {
        buf_add_c(&text, "${SLUICE_T_NO:-");
    }
    struct plan_subst subst;
    struct err err;
    assert_int_equal(plan_subst_run(&arena, STR("f"), buf_str(&text), &subst, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "stands in too many others"));
}

/* Line and column of the last word after substitution. */
static void assert_place(const char *in, uint32_t line, uint32_t column)
{
    struct plan_subst subst;
    struct plan_tokens tokens;
    struct err err;
    assert_int_equal(plan_subst_run(&arena, STR("f"), str_of(in), &subst, &err), 0);
    assert_int_equal(plan_token_scan(&arena, STR("f"), &subst, &tokens, &err), 0);
    const struct plan_token *token = &tokens.items[tokens.count - 2];
    assert_int_equal(token->place.line, line);
    assert_int_equal(token->place.column, column);
}

static void places_are_those_of_the_file(void **state)
{
    (void)state;
    assert_place("'${SLUICE_T_A}' x", 1, 17);
    assert_place("${SLUICE_T_LINES} x", 1, 19);
    assert_place("z ${SLUICE_T_LINES}", 1, 3);
    assert_place("'$$' x", 1, 6);
    assert_place("${SLUICE_T_NO:-long default} x", 1, 30);
    assert_place("${SLUICE_T_NO:-a}\n${SLUICE_T_NO:-b} x", 2, 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(variables_and_defaults_are_replaced, set_variables),
        cmocka_unit_test_setup(a_value_is_not_looked_at_again, set_variables),
        cmocka_unit_test_setup(a_value_cannot_end_the_quotes_it_stands_in, set_variables),
        cmocka_unit_test_setup(comments_and_dollar_quotes_are_left_alone, set_variables),
        cmocka_unit_test_setup(a_doubled_dollar_in_quotes_is_one, set_variables),
        cmocka_unit_test_setup(what_cannot_be_replaced_is_an_error_at_its_place, set_variables),
        cmocka_unit_test_setup(defaults_do_not_nest_without_end, set_variables),
        cmocka_unit_test_setup(places_are_those_of_the_file, set_variables),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "plan/token.h"

static struct arena arena;

static int reset(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static int scan(const char *text, struct plan_tokens *ret_tokens, struct err *err)
{
    struct plan_subst subst;
    plan_subst_none(&arena, str_of(text), &subst);
    return plan_token_scan(&arena, STR("f"), &subst, ret_tokens, err);
}

/* Kinds and texts: "W:SELECT Y:* S:'x'". */
static void assert_tokens(const char *text, const char *expected)
{
    static const char kinds[] = {'$', 'W', 'Q', 'S', 'N', 'Y'};
    AUTO_BUF struct buf out = {0};
    struct plan_tokens tokens;
    struct err err;
    assert_int_equal(scan(text, &tokens, &err), 0);
    for (size_t i = 0; i + 1 < tokens.count; i++) {
        buf_printf(&out, "%s%c:%.*s", i == 0 ? "" : " ", kinds[tokens.items[i].kind],
                   STR_FMT(tokens.items[i].text));
    }
    assert_string_equal(out.ptr == NULL ? "" : out.ptr, expected);
    assert_int_equal(tokens.items[tokens.count - 1].kind, PLAN_TOKEN_END);
}

static void assert_value(const char *text, char mark, const char *value)
{
    struct plan_tokens tokens;
    struct err err;
    assert_int_equal(scan(text, &tokens, &err), 0);
    assert_int_equal(tokens.items[0].mark, mark);
    if (!str_eq_c(tokens.items[0].value, value)) {
        fail_msg("%s has the value %.*s", text, STR_FMT(tokens.items[0].value));
    }
}

static void words_numbers_and_symbols_are_told_apart(void **state)
{
    (void)state;
    assert_tokens("SELECT a.b, 1.5e-3*x_1$ FROM t", "W:SELECT W:a Y:. W:b Y:, N:1.5e-3 Y:* W:x_1$ "
                                                    "W:FROM W:t");
    assert_tokens("a::INT[]", "W:a Y:: Y:: W:INT Y:[ Y:]");
    assert_tokens("größe 表", "W:größe W:表");
    assert_tokens(">>", "Y:> Y:>");
    assert_tokens("", "");
}

static void numbers_have_many_forms(void **state)
{
    (void)state;
    assert_tokens("1 12.5 .5 1e5 1E+5 0xFF 1_000 1.", "N:1 N:12.5 N:.5 N:1e5 N:1E+5 N:0xFF "
                                                      "N:1_000 N:1.");
    assert_tokens("1m 1.5.6 1e 3..4", "N:1 W:m N:1.5 N:.6 N:1 W:e N:3. N:.4");
}

static void comments_are_no_tokens(void **state)
{
    (void)state;
    assert_tokens("a -- b 'c\nd", "W:a W:d");
    assert_tokens("a /* b /* c */ ' */ d", "W:a W:d");
    assert_tokens("a - - b", "W:a Y:- Y:- W:b");
    assert_tokens("'--' \"/*\" x", "S:'--' Q:\"/*\" W:x");
    assert_tokens("-- only", "");
}

static void quotes_have_values(void **state)
{
    (void)state;
    assert_value("'it''s'", '\'', "it's");
    assert_value("''", '\'', "");
    assert_value("\"a\"\"b\"", '"', "a\"b");
    assert_value("`a``b`", '`', "a`b");
    assert_value("'a\nb'", '\'', "a\nb");
    assert_value("$$it's$$", '$', "it's");
    assert_value("$x$a$$b$y$c$x$", '$', "a$$b$y$c");
    assert_value("E'it\\'s'", 'E', "it\\'s");
    assert_value("e'\\\\'", 'E', "\\\\");
    assert_value("'back\\'", '\'', "back\\");
}

static void an_e_is_a_word_unless_a_string_follows(void **state)
{
    (void)state;
    assert_tokens("e 'x' E'y' fe'z'", "W:e S:'x' S:E'y' W:fe S:'z'");
}

static void a_dollar_may_be_a_symbol(void **state)
{
    (void)state;
    assert_tokens("$1 $x", "Y:$ N:1 Y:$ W:x");
    assert_tokens("a$b$", "W:a$b$");
}

static void positions_count_characters_from_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line, column; /* of the last word */
    } cases[] = {
        {"x", 1, 1},
        {"a x", 1, 3},
        {"a\nx", 2, 1},
        {"a\r\n\r\n  x", 3, 3},
        {"\t\tx", 1, 3},
        {"'ä€𝄞' x", 1, 7},
        {"'a\nb' x", 2, 4},
        {"/* \n\n */ x", 3, 5},
        {"-- ü\nx", 2, 1},
        {"\xEF\xBB\xBFx", 1, 1},
        {"\xEF\xBB\xBF\n x", 2, 2},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct plan_tokens tokens;
        struct err err;
        assert_int_equal(scan(cases[i].text, &tokens, &err), 0);
        const struct plan_token *token = &tokens.items[tokens.count - 2];
        assert_int_equal(token->place.line, cases[i].line);
        assert_int_equal(token->place.column, cases[i].column);
    }
}

static void open_quotes_are_errors_where_they_begin(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"a\n 'b", "f:2:2: string has no closing quote"},
        {"E'b\\'", "f:1:1: string has no closing quote"},
        {"'b''", "f:1:1: string has no closing quote"},
        {" \"b", "f:1:2: quoted name has no closing quote"},
        {"a /* /* */", "f:1:3: comment \"/*\" has no closing \"*/\""},
        {"$a$ $b$", "f:1:1: string has no closing \"$a$\""},
        {"a \001", "f:1:3: a control character (0x01) stands in the text"},
        {"a \177", "f:1:3: a control character (0x7f) stands in the text"},
        {"a.``", "f:1:3: a quoted name is empty"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct plan_tokens tokens;
        struct err err;
        assert_int_equal(scan(cases[i].text, &tokens, &err), ERR_CONFIG);
        assert_string_equal(err.msg, cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(words_numbers_and_symbols_are_told_apart, reset),
        cmocka_unit_test_setup(numbers_have_many_forms, reset),
        cmocka_unit_test_setup(comments_are_no_tokens, reset),
        cmocka_unit_test_setup(quotes_have_values, reset),
        cmocka_unit_test_setup(an_e_is_a_word_unless_a_string_follows, reset),
        cmocka_unit_test_setup(a_dollar_may_be_a_symbol, reset),
        cmocka_unit_test_setup(positions_count_characters_from_one, reset),
        cmocka_unit_test_setup(open_quotes_are_errors_where_they_begin, reset),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}

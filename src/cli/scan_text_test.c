/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/scan_text.h"

static void rewritten(const char *sql, const char *expected)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_SCAN_CALLS struct cli_scan_calls calls = {0};
    AUTO_BUF struct buf out = {0};
    struct err err = {0};
    assert_int_equal(cli_scan_text_find(str_of(sql), &arena, &calls, &err), 0);
    cli_scan_text_replace(str_of(sql), &calls, &out);
    assert_string_equal(out.ptr == NULL ? "" : out.ptr, expected);
}

static void call_is(const char *sql, const char *path, int64_t version)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_SCAN_CALLS struct cli_scan_calls calls = {0};
    struct err err = {0};
    assert_int_equal(cli_scan_text_find(str_of(sql), &arena, &calls, &err), 0);
    assert_int_equal(calls.items.count, 1);
    assert_true(str_eq_c(calls.items.items[0].path, path));
    assert_int_equal(calls.items.items[0].version, version);
}

static void refused(const char *sql, const char *message)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_SCAN_CALLS struct cli_scan_calls calls = {0};
    struct err err = {0};
    assert_int_equal(cli_scan_text_find(str_of(sql), &arena, &calls, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, message));
}

static void each_call_becomes_a_name(void **state)
{
    (void)state;
    rewritten("SELECT * FROM delta_scan('a') x JOIN DELTA_SCAN ( 'b' , 3 ) USING (id)",
              "SELECT * FROM delta_scan_1 x JOIN delta_scan_2 USING (id)");
    rewritten("FROM \"delta_scan\"('a')", "FROM delta_scan_1");
    rewritten("SELECT 1", "SELECT 1");
    rewritten("FROM delta_scan(/* here */ 'a' -- the path\n)", "FROM delta_scan_1");
}

static void strings_names_and_comments_are_left_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT 'delta_scan(''a'')'",
        "SELECT \"delta_scan('a')\" FROM t",
        "SELECT 1 -- delta_scan('a')",
        "SELECT /* delta_scan('a') /* nested */ delta_scan('b') */ 1",
        "SELECT $$delta_scan('a')$$",
        "SELECT $q$ $$ delta_scan('a') $q$",
        "SELECT E'it\\'s delta_scan(\\'a\\')'",
        "SELECT s.delta_scan('a')",
        "SELECT my_delta_scan('a'), delta_scan2('a'), delta_scan",
        "SELECT '\xC3\xA9' AS delta_scan_\xC3\xA9",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO_ARENA struct arena arena = {0};
        AUTO_SCAN_CALLS struct cli_scan_calls calls = {0};
        struct err err = {0};
        assert_int_equal(cli_scan_text_find(str_of(texts[i]), &arena, &calls, &err), 0);
        assert_int_equal(calls.items.count, 0);
    }
}

static void paths_are_decoded_and_versions_read(void **state)
{
    (void)state;
    call_is("FROM delta_scan('a b')", "a b", -1);
    call_is("FROM delta_scan('it''s')", "it's", -1);
    call_is("FROM delta_scan($$it's$$, 0)", "it's", 0);
    call_is("FROM delta_scan('a', 12)", "a", 12);
    call_is("FROM delta_scan('a', version => 12)", "a", 12);
    call_is("FROM delta_scan('a', version := 12)", "a", 12);
}

static void what_is_no_constant_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("SELECT *\nFROM delta_scan(x)", "2:6: delta_scan takes a path in quotes");
    refused("FROM delta_scan('a' || 'b')", "1:6: ");
    refused("FROM delta_scan('a', 'b')", "1:6: ");
    refused("FROM delta_scan('a', 1, 2)", "1:6: ");
    refused("FROM delta_scan('a'", "1:6: ");
    refused("FROM delta_scan(", "1:6: ");
    refused("FROM delta_scan('a", "1:6: ");
    refused("SELECT '\xC3\xA9' FROM delta_scan()", "1:17: ");
}

static void a_semicolon_may_end_the_statement(void **state)
{
    (void)state;
    rewritten("SELECT 1 ; -- done\n ;", "SELECT 1");
    rewritten("SELECT 1 -- ;", "SELECT 1");
    rewritten("  ", "");
    refused("SELECT 1; SELECT 2", "only one statement");
}

static void names_are_found_but_for_strings_and_comments(void **state)
{
    (void)state;
    assert_true(cli_scan_text_names(STR("FROM Trips t"), STR("trips")));
    assert_true(cli_scan_text_names(STR("FROM \"Trips\""), STR("trips")));
    assert_true(cli_scan_text_names(STR("FROM \"a\"\"b\""), STR("a\"b")));
    assert_false(cli_scan_text_names(STR("SELECT 'trips' -- trips"), STR("trips")));
    assert_false(cli_scan_text_names(STR("FROM trips2"), STR("trips")));
}

/* Whatever the bytes are, the scanner stays inside and comes to an end. */
static void any_text_ends(void **state)
{
    (void)state;
    static const char alphabet[] = "'\"$-/*\\;(,.)eE d\n3\xC3";
    struct rng rng;
    rng_init(&rng, 42);
    for (int i = 0; i < 200000; i++) {
        char text[24];
        size_t len = (size_t)rng_below(&rng, sizeof(text));
        for (size_t k = 0; k < len; k++) {
            text[k] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
        }
        char *exact = mem_dup(text, len); /* so that a sanitizer sees its end */
        AUTO_ARENA struct arena arena = {0};
        AUTO_SCAN_CALLS struct cli_scan_calls calls = {0};
        AUTO_BUF struct buf out = {0};
        struct err err;
        struct str sql = str_n(exact, len);
        if (cli_scan_text_find(sql, &arena, &calls, &err) >= 0) {
            assert_true(calls.text_bytes <= len);
            cli_scan_text_replace(sql, &calls, &out);
        }
        (void)cli_scan_text_names(sql, STR("e"));
        mem_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_becomes_a_name),
        cmocka_unit_test(strings_names_and_comments_are_left_alone),
        cmocka_unit_test(paths_are_decoded_and_versions_read),
        cmocka_unit_test(what_is_no_constant_is_refused_with_its_place),
        cmocka_unit_test(a_semicolon_may_end_the_statement),
        cmocka_unit_test(names_are_found_but_for_strings_and_comments),
        cmocka_unit_test(any_text_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

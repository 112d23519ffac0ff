/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys are refused by every operation is in store_test.c. */
#include "store/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_refusal_names_action_key_and_reason(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(store_key_check("put", STR("a/../b"), &err), ERR_CONFIG);
    assert_string_equal(err.msg, "put \"a/../b\": the key has a part \".\" or \"..\"");
    assert_int_equal(store_key_check("get", STR("a\0b\n"), &err), ERR_CONFIG);
    assert_string_equal(err.msg, "get \"a?b?\": the key contains a NUL");
    assert_int_equal(store_key_check("get", STR("part-1.parquet"), &err), 0);
}

static void a_prefix_may_end_anywhere(void **state)
{
    (void)state;
    struct err err;
    static const char *const good[] = {"", "a", "a/", "a/b", "..", "a/..", "a/."};
    static const char *const bad[] = {"/", "../", "a//", "a/./", "a/../b", ".sluice-tmp-1/"};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        assert_int_equal(store_key_check_prefix(str_of(good[i]), &err), 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(store_key_check_prefix(str_of(bad[i]), &err), ERR_CONFIG);
    }
}

static void a_long_key_is_shown_cut_between_characters(void **state)
{
    (void)state;
    char shown[STORE_KEY_SHOWN];
    for (size_t len = 1; len < 600; len++) {
        AUTO_BUF struct buf key = {0};
        for (size_t i = 0; i < len; i++) {
            buf_add_c(&key, i % 2 ? "\u1234" : "x");
        }
        store_key_show(buf_str(&key), shown);
        size_t shown_len = strlen(shown);
        assert_true(str_is_utf8(str_of(shown)));
        assert_true(shown_len < STORE_KEY_SHOWN);
        if (key.len < STORE_KEY_SHOWN) {
            assert_string_equal(shown, key.ptr);
        } else {
            assert_true(str_ends(str_of(shown), STR("...")));
            assert_true(shown_len > STORE_KEY_SHOWN - 5);
        }
    }
}

static void what_does_not_fit_is_said_with_the_limit(void **state)
{
    (void)state;
    struct err err;
    AUTO_BUF struct buf out = {0};
    assert_int_equal(store_key_too_large(STR("k"), &out, &err), ERR_DATA);
    assert_string_equal(err.msg, "get \"k\": the object is larger than 2147483648 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_names_action_key_and_reason),
        cmocka_unit_test(a_prefix_may_end_anywhere),
        cmocka_unit_test(a_long_key_is_shown_cut_between_characters),
        cmocka_unit_test(what_does_not_fit_is_said_with_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

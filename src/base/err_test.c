/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err_test - a failure, for the program and for a person
 */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/str.h"

static void set_writes_code_message_and_place(void **state)
{
    (void)state;
    struct err err = {.retry = true};
    int line = __LINE__ + 1;
    assert_int_equal(err_set(&err, ERR_DATA, "row %d of \"%s\"", 7, "t"), ERR_DATA);
    assert_int_equal(err.code, ERR_DATA);
    assert_false(err.retry);
    assert_string_equal(err.msg, "row 7 of \"t\"");
    assert_string_equal(err.file, __FILE__);
    assert_int_equal(err.line, line);
}

static void retry_is_an_io_error_worth_another_try(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set_retry(&err, "busy"), ERR_IO);
    assert_true(err.retry);
    assert_int_equal(err.code, ERR_IO);
}

static void errno_is_explained_behind_the_message(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set_errno(&err, ENOENT, "open \"%s\"", "x"), ERR_IO);
    assert_string_equal(err.msg, "open \"x\": No such file or directory");
    assert_false(err.retry);
    err_set_errno(&err, 99999, "x");
    assert_string_equal(err.msg, "x: error 99999");
}

static void wrap_puts_context_in_front_and_keeps_the_rest(void **state)
{
    (void)state;
    struct err err;
    err_set_retry(&err, "503");
    int line = err.line;
    assert_int_equal(err_wrap(&err, "put \"%s\"", "x"), ERR_IO);
    assert_int_equal(err_wrap(&err, "commit t"), ERR_IO);
    assert_string_equal(err.msg, "commit t: put \"x\": 503");
    assert_true(err.retry);
    assert_int_equal(err.line, line);
}

static void arguments_may_point_into_the_message(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_IO, "inner");
    err_set(&err, ERR_CORRUPT, "outer of %s", err.msg);
    assert_string_equal(err.msg, "outer of inner");
    assert_int_equal(err.code, ERR_CORRUPT);
    err_wrap(&err, "again %s", err.msg + 6);
    assert_string_equal(err.msg, "again of inner: outer of inner");
    err_set_errno(&err, EIO, "%s", err.msg + 6);
    assert_string_equal(err.msg, "of inner: outer of inner: Input/output error");
}

static void long_message_fills_the_room_and_is_terminated(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_DATA, "%0*d", 5000, 0);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    err_wrap(&err, "what");
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_memory_equal(err.msg, "what: 000", 9);
    err_wrap(&err, "%0*d", 5000, 0);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

/* Characters of every length, at every distance from the end. */
static void truncation_ends_at_the_border_of_a_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "ä", "€", "😀"};
    for (size_t c = 0; c < ARRAY_COUNT(characters); c++) {
        for (int pad = 0; pad < 8; pad++) {
            char many[3000] = "";
            for (size_t len = 0; len < 2000; len += strlen(characters[c])) {
                memcpy(many + len, characters[c], strlen(characters[c]) + 1);
            }
            struct err err;
            err_set(&err, ERR_DATA, "%.*s%s", pad, "12345678", many);
            struct str msg = str_of(err.msg);
            assert_true(str_is_utf8(msg));
            assert_true(msg.len > sizeof(err.msg) - 1 - strlen(characters[c]));
            err_wrap(&err, "%.*s", pad, "12345678");
            assert_true(str_is_utf8(str_of(err.msg)));
        }
    }
}

static int fails(struct err *err)
{
    return err_set(err, ERR_IO, "x");
}

static int tries(int rc, struct err *err)
{
    int value = TRY(rc < 0 ? fails(err) : rc);
    return value + 1;
}

static void try_forwards_errors_and_yields_outcomes(void **state)
{
    (void)state;
    struct err err = {.msg = "untouched"};
    assert_int_equal(tries(3, &err), 4);
    assert_string_equal(err.msg, "untouched");
    assert_int_equal(tries(-1, &err), ERR_IO);
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = ERR_CONFIG; a >= ERR_IDENTITY; a--) {
        assert_string_not_equal(err_code_name((enum err_code)a), "unknown");
        for (int b = ERR_CONFIG; b > a; b--) {
            assert_string_not_equal(err_code_name((enum err_code)a),
                                    err_code_name((enum err_code)b));
        }
    }
    assert_string_equal(err_code_name((enum err_code)0), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_writes_code_message_and_place),
        cmocka_unit_test(retry_is_an_io_error_worth_another_try),
        cmocka_unit_test(errno_is_explained_behind_the_message),
        cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_rest),
        cmocka_unit_test(arguments_may_point_into_the_message),
        cmocka_unit_test(long_message_fills_the_room_and_is_terminated),
        cmocka_unit_test(truncation_ends_at_the_border_of_a_character),
        cmocka_unit_test(try_forwards_errors_and_yields_outcomes),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf_test - a growing byte string with a maximum
 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static void empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    assert_non_null(buf_str(&b).ptr);
    assert_int_equal(buf_str(&b).len, 0);
    AUTO_FREE char *taken = buf_take(&b);
    assert_string_equal(taken, "");
}

static void appended_bytes_are_terminated(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    buf_add(&b, "ab\0c", 4);
    buf_add_c(&b, "-");
    buf_add_str(&b, STR("xyz"));
    buf_add_str(&b, STR_NULL);
    buf_add_char(&b, '!');
    assert_int_equal(b.len, 9);
    assert_memory_equal(b.ptr, "ab\0c-xyz!", 10);
}

static void numbers_at_their_limits_are_decimal(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    buf_add_u64(&b, 0);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    buf_add_char(&b, ' ');
    buf_add_i64(&b, INT64_MIN);
    buf_add_char(&b, ' ');
    buf_add_i64(&b, INT64_MAX);
    buf_add_char(&b, ' ');
    buf_add_i64(&b, -1);
    assert_string_equal(b.ptr,
                        "0 18446744073709551615 -9223372036854775808 9223372036854775807 -1");
}

static void printf_grows_the_buffer(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    for (int i = 0; i < 1000; i++) {
        buf_printf(&b, "%03d", i);
    }
    assert_int_equal(b.len, 3000);
    assert_memory_equal(b.ptr + 2997, "999", 4);
    buf_printf(&b, "%s", "");
    assert_int_equal(b.len, 3000);
    buf_printf(&b, "%*d", 100000, 5);
    assert_int_equal(b.len, 103000);
}

static void buffer_takes_exactly_its_maximum(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    struct err err;
    buf_init(&b, 10);
    buf_add(&b, "0123456789", 10);
    assert_int_equal(buf_check(&b, "the name", &err), 0);
    assert_string_equal(b.ptr, "0123456789");
    buf_add_char(&b, 'x');
    assert_true(b.overflow);
    assert_string_equal(b.ptr, "0123456789");
    assert_int_equal(buf_check(&b, "the name", &err), ERR_DATA);
    assert_string_equal(err.msg, "the name is larger than 10 bytes");
}

static void nothing_is_appended_after_an_overflow(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    buf_init(&b, 4);
    buf_add_c(&b, "ab");
    buf_add_c(&b, "cde");
    buf_add_c(&b, "c"); /* would fit */
    buf_printf(&b, "%d", 1);
    buf_add_u64(&b, 1);
    assert_null(buf_reserve(&b, 0));
    assert_string_equal(b.ptr, "ab");
    buf_reset(&b);
    assert_false(b.overflow);
    buf_add_c(&b, "wxyz");
    assert_string_equal(b.ptr, "wxyz");
}

static void each_kind_of_append_overflows_cleanly(void **state)
{
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        AUTO_BUF struct buf b = {0};
        buf_init(&b, 3);
        buf_add_c(&b, "ab");
        if (kind == 0) {
            buf_printf(&b, "%s", "cd");
        } else if (kind == 1) {
            buf_add_i64(&b, -1);
        } else if (kind == 2) {
            buf_add_hex(&b, "c", 1);
        } else if (kind == 3) {
            buf_add_base64(&b, "c", 1);
        } else {
            assert_null(buf_reserve(&b, SIZE_MAX));
        }
        assert_true(b.overflow);
        assert_int_equal(b.len, 2);
        assert_string_equal(b.ptr, "ab");
    }
}

static void reserved_room_is_the_callers_to_fill(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    char *at = buf_reserve(&b, 1000);
    memset(at, 'z', 1000);
    b.len += 1000;
    AUTO_FREE char *text = buf_take(&b);
    assert_int_equal(strlen(text), 1000);
    assert_null(b.ptr);
    assert_int_equal(b.len, 0);
}

static void hex_is_lower_case(void **state)
{
    (void)state;
    AUTO_BUF struct buf b = {0};
    buf_add_hex(&b, "\x00\x0f\xa5\xff", 4);
    assert_string_equal(b.ptr, "000fa5ff");
}

/* RFC 4648, section 10. */
static void base64_is_padded(void **state)
{
    (void)state;
    static const char *const expected[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                           "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t len = 0; len < ARRAY_COUNT(expected); len++) {
        AUTO_BUF struct buf b = {0};
        buf_add_base64(&b, "foobar", len);
        assert_string_equal(buf_str(&b).ptr, expected[len]);
    }
    AUTO_BUF struct buf b = {0};
    buf_add_base64(&b, "\xff\xfe\xfb", 3);
    assert_string_equal(b.ptr, "//77");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_is_an_empty_string),
        cmocka_unit_test(appended_bytes_are_terminated),
        cmocka_unit_test(numbers_at_their_limits_are_decimal),
        cmocka_unit_test(printf_grows_the_buffer),
        cmocka_unit_test(buffer_takes_exactly_its_maximum),
        cmocka_unit_test(nothing_is_appended_after_an_overflow),
        cmocka_unit_test(each_kind_of_append_overflows_cleanly),
        cmocka_unit_test(reserved_room_is_the_callers_to_fill),
        cmocka_unit_test(hex_is_lower_case),
        cmocka_unit_test(base64_is_padded),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}

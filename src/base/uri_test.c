/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri_test - percent-encoding and URI parts
 */
#include "base/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void encoding_keeps_only_what_is_unreserved(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    uri_encode(&out, STR("AZaz09-._~ /+%=\xC3\xA4\x7F"), NULL);
    assert_string_equal(out.ptr, "AZaz09-._~%20%2F%2B%25%3D%C3%A4%7F");
    buf_reset(&out);
    uri_encode(&out, STR("a/b=c\0"), "/=");
    assert_string_equal(out.ptr, "a/b=c%00");
}

static void decoding_is_done_once(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct err err;
    assert_int_equal(uri_decode(&out, STR("a%2Fb%2fc+%2541%00"), &err), 0);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.ptr, "a/b/c+%41\0", 11);
}

static void malformed_escapes_are_errors(void **state)
{
    (void)state;
    static const char *const bad[] = {"%", "a%2", "%G0", "%0G", "%%20", "%2 ", "ok%", "%-1"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_BUF struct buf out = {0};
        struct err err;
        assert_int_equal(uri_decode(&out, str_of(bad[i]), &err), ERR_DATA);
        assert_int_equal(out.len, 0);
    }
    AUTO_BUF struct buf out = {0};
    struct err err;
    uri_decode(&out, STR("ab%"), &err);
    assert_string_equal(err.msg, "malformed %-escape at byte 3 of \"ab%\"");
}

static void every_byte_survives_encoding(void **state)
{
    (void)state;
    char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    AUTO_BUF struct buf encoded = {0};
    AUTO_BUF struct buf decoded = {0};
    struct err err;
    uri_encode(&encoded, str_n(bytes, sizeof(bytes)), NULL);
    assert_int_equal(uri_decode(&decoded, buf_str(&encoded), &err), 0);
    assert_int_equal(decoded.len, sizeof(bytes));
    assert_memory_equal(decoded.ptr, bytes, sizeof(bytes));
}

static void parts_are_split_off(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        const char *scheme;
        const char *authority;
        const char *path;
    } known[] = {
        {"s3://bucket/a/b?c#d", "s3", "bucket", "/a/b?c#d"},
        {"s3://bucket", "s3", "bucket", ""},
        {"s3a+x.y-1://h:1/", "s3a+x.y-1", "h:1", "/"},
        {"file:///tmp/x", "file", "", "/tmp/x"},
        {"file:/tmp/x", "file", "", "/tmp/x"},
        {"/tmp/a:b", "", "", "/tmp/a:b"},
        {"dir/a:b", "", "", "dir/a:b"},
        {"12:30/x", "", "", "12:30/x"},
        {"memory:", "memory", "", ""},
        {":x", "", "", ":x"},
        {"", "", "", ""},
        {"//host/x", "", "", "//host/x"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        struct uri_parts parts;
        uri_split(str_of(known[i].uri), &parts);
        assert_true(str_eq_c(parts.scheme, known[i].scheme));
        assert_true(str_eq_c(parts.authority, known[i].authority));
        assert_true(str_eq_c(parts.path, known[i].path));
    }
    struct uri_parts parts;
    uri_split(STR("a\0b:c"), &parts);
    assert_int_equal(parts.scheme.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding_keeps_only_what_is_unreserved),
        cmocka_unit_test(decoding_is_done_once),
        cmocka_unit_test(malformed_escapes_are_errors),
        cmocka_unit_test(every_byte_survives_encoding),
        cmocka_unit_test(parts_are_split_off),
    };
    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_test - who may ask, and who may change something
 */
#include "http/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TOKEN "0123456789abcdef"
#define GUARD AUTO(http_guard_done) struct http_guard

static void make(struct http_guard *g, bool loopback, const char *token, const char *hosts)
{
    struct err err;
    assert_int_equal(
        http_guard_init(g, loopback, loopback ? "127.0.0.1" : "0.0.0.0", token, hosts, &err), 0);
}

static int read_as(const struct http_guard *g, const char *host)
{
    struct http_guard_request r = {.host = str_of(host)};
    const char *message = NULL;
    int status = http_guard_read(g, &r, &message);
    assert_true(status == 0 || message != NULL);
    return status;
}

static int write_as(const struct http_guard *g, struct http_guard_request r)
{
    const char *message = NULL;
    if (r.host.ptr == NULL) {
        r.host = STR("127.0.0.1:4040");
    }
    int status = http_guard_write(g, &r, &message);
    assert_true(status == 0 || message != NULL);
    return status;
}

static void names_of_this_machine_are_let_in(void **state)
{
    (void)state;
    static const char *const good[] = {"localhost", "LocalHost:1", "127.0.0.1:4040", "127.0.0.1",
                                       "[::1]",     "[::1]:99",    "127.9.9.9",      "localhost:"};
    GUARD g = {0};
    make(&g, true, NULL, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        assert_int_equal(read_as(&g, good[i]), 0);
    }
}

static void other_names_are_not(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:4040",
        "10.0.0.1",
        "0.0.0.0:4040",
        "[::2]",
        "[::1",
        "[]",
        "[::1]4040",
        "localhost:99999",
        "localhost:x",
        "localhost:1:2",
        "user@localhost",
        "localhost/",
        " localhost",
        "2130706433", /* 127.0.0.1 as one number: some resolvers take it */
        "0x7f.1",
        "127.1",
        "localhost.",
    };
    GUARD g = {0};
    make(&g, true, NULL, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(read_as(&g, bad[i]), 421);
    }
    assert_int_equal(read_as(&g, NULL), 421);
    struct http_guard_request r = {.host = str_n("localhost\0.evil", 15)};
    const char *message = NULL;
    assert_int_equal(http_guard_read(&g, &r, &message), 421);
    char longest[400];
    memset(longest, 'a', sizeof(longest));
    r.host = str_n(longest, sizeof(longest));
    assert_int_equal(http_guard_read(&g, &r, &message), 421);
}

static void further_names_and_addresses_of_other_interfaces(void **state)
{
    (void)state;
    GUARD near = {0};
    make(&near, true, NULL, "Sluice.example, other");
    assert_int_equal(read_as(&near, "sluice.example"), 0);
    assert_int_equal(read_as(&near, "OTHER:443"), 0);
    assert_int_equal(read_as(&near, "sluice.example.evil"), 421);
    assert_int_equal(read_as(&near, "10.1.2.3"), 421);
    GUARD far = {0};
    make(&far, false, NULL, NULL);
    assert_int_equal(read_as(&far, "10.1.2.3:4040"), 0);
    assert_int_equal(read_as(&far, "[2001:db8::1]"), 0);
    assert_int_equal(read_as(&far, "evil.example"), 421);
}

static void names_and_tokens_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct http_guard g;
    struct err err;
    static const char *const hosts[] = {"http://a", "a:1", "a b", "a,b/c", "*"};
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
        assert_int_equal(http_guard_init(&g, true, "a", NULL, hosts[i], &err), ERR_CONFIG);
    }
    static const char *const tokens[] = {"", "pw1", "has a blank", "line\nbreak12",
                                         "t\xc3\xb6kenxxxx"};
    for (size_t i = 0; i < ARRAY_COUNT(tokens); i++) {
        assert_int_equal(http_guard_init(&g, true, "a", tokens[i], NULL, &err), ERR_CONFIG);
        assert_true(tokens[i][0] == '\0' || strstr(err.msg, tokens[i]) == NULL);
    }
}

static void without_a_token_this_machine_may_write_but_no_page_of_another_site(void **state)
{
    (void)state;
    GUARD g = {0};
    make(&g, true, NULL, NULL);
    struct str marker = STR("1");
    assert_int_equal(write_as(&g, (struct http_guard_request){.marker = marker}), 0);
    assert_int_equal(write_as(&g, (struct http_guard_request){.authorization = STR("Bearer x")}),
                     0);
    assert_int_equal(write_as(&g, (struct http_guard_request){0}), 403);
    static const char *const bad[] = {"http://evil.example",
                                      "null",
                                      "",
                                      "http://127.0.0.1",
                                      "http://127.0.0.1:4040.evil.example",
                                      "127.0.0.1:4040",
                                      "http://evil@127.0.0.1:4040"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct http_guard_request r = {.marker = marker, .origin = str_of(bad[i])};
        assert_int_equal(write_as(&g, r), 403);
    }
    struct http_guard_request same = {
        .marker = marker, .origin = STR("http://127.0.0.1:4040"), .fetch_site = STR("same-origin")};
    assert_int_equal(write_as(&g, same), 0);
    same.fetch_site = STR("cross-site");
    assert_int_equal(write_as(&g, same), 403);
}

static void without_a_token_nobody_else_may(void **state)
{
    (void)state;
    struct http_guard_request r = {.marker = STR("1"), .authorization = STR("Bearer " TOKEN)};
    GUARD far = {0};
    make(&far, false, NULL, NULL);
    assert_int_equal(write_as(&far, r), 403);
    GUARD near = {0};
    make(&near, true, NULL, "sluice.example");
    r.host = STR("sluice.example");
    assert_int_equal(write_as(&near, r), 403);
    r.host = STR_NULL;
    r.forwarded = true;
    assert_int_equal(write_as(&near, r), 403);
}

static void with_a_token_it_decides_everywhere(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "Bearer",
                                      "Bearer ",
                                      TOKEN,
                                      "Basic " TOKEN,
                                      "Bearer 0123456789abcde",
                                      "Bearer " TOKEN "f",
                                      "Bearer " TOKEN TOKEN,
                                      "Bearer 0123456789abcdeF",
                                      "Bearer 1123456789abcdef"};
    for (int loopback = 0; loopback < 2; loopback++) {
        GUARD g = {0};
        make(&g, loopback == 1, TOKEN, NULL);
        struct http_guard_request r = {.marker = STR("1"), .authorization = STR("Bearer " TOKEN)};
        r.forwarded = true;
        assert_int_equal(write_as(&g, r), 0);
        r.authorization = STR("bearer  " TOKEN " ");
        assert_int_equal(write_as(&g, r), 0);
        r.origin = STR("http://evil.example");
        assert_int_equal(write_as(&g, r), 403);
        r.origin = STR_NULL;
        for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
            r.authorization = str_of(bad[i]);
            assert_int_equal(write_as(&g, r), 401);
        }
        r.authorization = STR_NULL;
        assert_int_equal(write_as(&g, r), 401);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_this_machine_are_let_in),
        cmocka_unit_test(other_names_are_not),
        cmocka_unit_test(further_names_and_addresses_of_other_interfaces),
        cmocka_unit_test(names_and_tokens_that_cannot_be_are_refused),
        cmocka_unit_test(without_a_token_this_machine_may_write_but_no_page_of_another_site),
        cmocka_unit_test(without_a_token_nobody_else_may),
        cmocka_unit_test(with_a_token_it_decides_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

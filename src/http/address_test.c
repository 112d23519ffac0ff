/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address_test - HOST:PORT to a socket that listens
 */
#include "http/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int open_at(const char *text, struct http_listener *ret_listener, struct err *err)
{
    AUTO_HTTP_ADDRESS struct http_address a = {0};
    TRY(http_address_parse(str_of(text), &a, err));
    return http_address_listen(&a, ret_listener, err);
}

static void host_and_port_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        unsigned port;
    } cases[] = {
        {"127.0.0.1:4040", "127.0.0.1", 4040},
        {"localhost:0", "localhost", 0},
        {"[::1]:65535", "::1", 65535},
        {"0.0.0.0:1", "0.0.0.0", 1},
        {"[::]:4040", "::", 4040},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_HTTP_ADDRESS struct http_address a = {0};
        struct err err;
        assert_int_equal(http_address_parse(str_of(cases[i].text), &a, &err), 0);
        assert_string_equal(a.host.ptr, cases[i].host);
        assert_int_equal(a.port, cases[i].port);
    }
}

static void what_is_no_address_is_refused_with_an_example(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "4040",        ":4040",     "localhost",    "localhost:", "localhost:65536",
        "a:-1",   "a:+1",        "a: 1",      "a:1x",         "::1:4040",   "[::1]",
        "[]:1",   "[a]:1",       "[::1:4040", "http://a:1/x", "a:4040/",    "a:1 ",
        "[::1]x", "a:4294967297"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_HTTP_ADDRESS struct http_address a = {0};
        struct err err;
        assert_int_equal(http_address_parse(str_of(bad[i]), &a, &err), ERR_CONFIG);
        assert_non_null(strstr(err.msg, "127.0.0.1:4040"));
    }
}

static void port_0_is_a_free_one_and_the_url_names_it(void **state)
{
    (void)state;
    struct http_listener l = {.fd = -1};
    struct err err;
    assert_int_equal(open_at("127.0.0.1:0", &l, &err), 1);
    assert_true(l.loopback);
    int64_t port = 0;
    struct str url = str_of(l.url);
    assert_true(str_starts(url, STR("http://127.0.0.1:")));
    assert_true(str_ends(url, STR("/")));
    assert_true(str_to_i64(str_n(url.ptr + 17, url.len - 18), &port));
    assert_in_range(port, 1, 65535);

    /* In use: an outcome, so that the next port can be tried. */
    char again[32];
    (void)snprintf(again, sizeof(again), "127.0.0.1:%d", (int)port);
    struct http_listener second = {.fd = -1};
    assert_int_equal(open_at(again, &second, &err), 0);
    assert_int_equal(second.fd, -1);
    assert_non_null(strstr(err.msg, again));
    fd_close(&l.fd);
}

static void every_machine_of_the_network_is_not_loopback(void **state)
{
    (void)state;
    struct http_listener l = {.fd = -1};
    struct err err;
    assert_int_equal(open_at("0.0.0.0:0", &l, &err), 1);
    assert_false(l.loopback);
    fd_close(&l.fd);
    assert_int_equal(open_at("localhost:0", &l, &err), 1);
    assert_true(l.loopback);
    fd_close(&l.fd);
}

static void an_address_of_another_machine_is_an_error_of_configuration(void **state)
{
    (void)state;
    struct http_listener l = {.fd = -1};
    struct err err;
    assert_int_equal(open_at("192.0.2.1:0", &l, &err), ERR_CONFIG);
    assert_int_equal(open_at("no-such-host.invalid:0", &l, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "no-such-host.invalid"));
    assert_int_equal(l.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port_are_told_apart),
        cmocka_unit_test(what_is_no_address_is_refused_with_an_example),
        cmocka_unit_test(port_0_is_a_free_one_and_the_url_names_it),
        cmocka_unit_test(every_machine_of_the_network_is_not_loopback),
        cmocka_unit_test(an_address_of_another_machine_is_an_error_of_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_test - the server on a monitor that a test leads
 */
#include "http/asset.h"
#include "http/server_test_util.h"

/* ---- answers -------------------------------------------------------------------------------- */

static void each_route_is_answered(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    assert_int_equal(ask(&f, GET("/healthz")), 200);
    assert_true(has(&f, "text/plain") && has(&f, "\r\n\r\nok"));
    assert_int_equal(ask(&f, GET("/metrics")), 200);
    assert_true(has(&f, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert_true(has(&f, "# EOF\n"));
    assert_int_equal(ask(&f, GET("/api/v1/queries")), 200);
    assert_true(has(&f, "application/json") && has(&f, "\"queries\":[{\"name\":\"q\"}]"));
    static const char *const parts[] = {"progress", "history", "offsets",
                                        "errors",   "plan",    "schema"};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        char request[200];
        (void)snprintf(request, sizeof(request),
                       "GET /api/v1/queries/q/%s HTTP/1.0\r\nHost: localhost\r\n\r\n", parts[i]);
        assert_int_equal(ask(&f, request), 200);
        assert_true(has(&f, parts[i]));
    }
    assert_int_equal(ask(&f, GET("/api/v1/queries/q/progress?limit=12")), 200);
    assert_true(has(&f, "\"number\":12}"));
    assert_int_equal(f.monitor.counted[200], 10);
}

static void readiness_is_the_status(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    assert_int_equal(ask(&f, GET("/readyz")), 200);
    {
        MUTEX_GUARD(&f.monitor.lock);
        f.monitor.ready = false;
    }
    assert_int_equal(ask(&f, GET("/readyz")), 503);
}

static void an_unknown_query_is_404_and_the_known_ones_are_named(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    assert_int_equal(ask(&f, GET("/api/v1/queries/x%22y")), 404);
    assert_true(has(&f, "{\"error\":{\"status\":404,\"message\":"
                        "\"there is no query \\\"x\\\"y\\\"; queries: q\"}}"));
    assert_int_equal(ask(&f, POST("/api/v1/queries/x/stop", "X-Sluice: 1\r\n", "")), 404);
    assert_int_equal(ask(&f, GET("/nowhere")), 404);
    assert_true(has(&f, "{\"error\":{\"status\":404,"));
    assert_int_equal(f.monitor.counted[404], 3);
}

static void commands_are_given_and_refusals_are_409(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    assert_int_equal(ask(&f, POST("/api/v1/queries/q/stop", "X-Sluice: 1\r\n", "")), 202);
    assert_true(has(&f, "{\"name\":\"q\",\"state\":\"running\"}"));
    assert_int_equal(
        ask(&f, POST("/api/v1/queries/q/pause", "X-Sluice: 1\r\nContent-Length: 2\r\n", "{}")),
        202);
    assert_int_equal(ask(&f, POST("/api/v1/queries/q/resume", "X-Sluice: 1\r\n", "")), 202);
    MUTEX_GUARD(&f.monitor.lock);
    for (size_t i = 0; i < ARRAY_COUNT(f.monitor.commands); i++) {
        assert_int_equal(f.monitor.commands[i], 1);
    }
    f.monitor.refuse = true;
    mutex_unlock(&f.monitor.lock);
    assert_int_equal(ask(&f, POST("/api/v1/queries/q/stop", "X-Sluice: 1\r\n", "")), 409);
    assert_true(has(&f, "the query has ended"));
    mutex_lock(&f.monitor.lock);
}

static void the_page_has_a_tag_and_a_policy(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    assert_int_equal(ask(&f, GET("/")), 200);
    assert_true(has(&f, "Content-Security-Policy: default-src 'self'"));
    assert_true(has(&f, "X-Content-Type-Options: nosniff"));
    assert_false(has(&f, "Access-Control-"));
    const struct http_asset *page = http_asset_find(http_asset_table, STR("/"));
    char request[300];
    (void)snprintf(request, sizeof(request),
                   "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIf-None-Match: "
                   "%s\r\n\r\n",
                   page->etag);
    assert_int_equal(ask(&f, request), 304);
    (void)snprintf(request, sizeof(request),
                   "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(ask(&f, request), 200);
    assert_true(str_ends(buf_str(&f.answer), STR("\r\n\r\n")));
    (void)snprintf(request, sizeof(request), "Content-Length: %zu", page->bytes_count);
    assert_true(has(&f, request));
}

/* ---- those who may not ---------------------------------------------------------------------- */

static void a_strange_host_is_421_also_for_the_page(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    assert_int_equal(ask(&f, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
                     421);
    assert_int_equal(ask(&f, "GET /metrics HTTP/1.0\r\n\r\n"), 421);
    assert_int_equal(ask(&f, "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
                             "Connection: close\r\n\r\n"),
                     400);
}

static void a_write_needs_what_the_guard_says(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){.token = TOKEN});
    assert_int_equal(ask(&f, POST("/api/v1/queries/q/stop", "X-Sluice: 1\r\n", "")), 401);
    assert_true(has(&f, "WWW-Authenticate: Bearer"));
    assert_int_equal(
        ask(&f, POST("/api/v1/queries/q/stop", "Authorization: Bearer wrong-token-123\r\n", "")),
        401);
    assert_false(has(&f, TOKEN));
    assert_int_equal(
        ask(&f, POST("/api/v1/queries/q/stop", "Authorization: Bearer " TOKEN "\r\n", "")), 202);
    assert_int_equal(ask(&f, POST("/api/v1/queries/q/stop",
                                  "Origin: http://evil.example\r\nContent-Length: 3\r\n", "a=b")),
                     403);
    MUTEX_GUARD(&f.monitor.lock);
    assert_int_equal(f.monitor.commands[JOB_COMMAND_STOP], 1);
}

static void a_body_is_bounded(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    assert_int_equal(
        ask(&f, POST("/api/v1/queries/q/stop", "X-Sluice: 1\r\nContent-Length: 4097\r\n", "")),
        413);
    assert_int_equal(ask(&f, POST("/api/v1/queries/q/stop",
                                  "X-Sluice: 1\r\nContent-Length: 99999999999999999999\r\n", "")),
                     413);
    AUTO_BUF struct buf request = {0};
    buf_add_c(&request, POST("/api/v1/queries/q/stop",
                             "X-Sluice: 1\r\nTransfer-Encoding: chunked\r\n", "1388\r\n"));
    for (int i = 0; i < 0x1388; i++) {
        buf_add_char(&request, 'x');
    }
    buf_add_c(&request, "\r\n0\r\n\r\n");
    assert_int_equal(ask(&f, request.ptr), 413);
    MUTEX_GUARD(&f.monitor.lock);
    assert_int_equal(f.monitor.commands[JOB_COMMAND_STOP], 0);
}

static void what_is_no_http_does_no_harm(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){.idle_us = 1000000});
    struct rng rng;
    rng_init(&rng, 11);
    static const char *const bad[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "POST /api/v1/queries/q/stop HTTP/1.1\r\nHost: localhost\r\nX-Sluice: 1\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n\x16\x03\x01\x02garbage\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_FD int fd = dial(&f);
        say(fd, bad[i]);
        (void)shutdown(fd, SHUT_WR);
        buf_reset(&f.answer);
        (void)hear(&f, fd, NULL);
        assert_int_equal(ask(&f, GET("/healthz")), 200);
    }
    for (int round = 0; round < 200; round++) {
        AUTO_FD int fd = dial(&f);
        char noise[257] = {0};
        for (size_t i = 0; i < sizeof(noise) - 1; i++) {
            noise[i] = (char)(1 + rng_below(&rng, 255));
        }
        say(fd, noise);
        say(fd, "\r\n\r\n");
    }
    assert_int_equal(ask(&f, GET("/healthz")), 200);
    AUTO_BUF struct buf large = {0};
    buf_add_c(&large, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Large: ");
    for (int i = 0; i < 40000; i++) {
        buf_add_char(&large, 'x');
    }
    buf_add_c(&large, "\r\n\r\n");
    int status = ask(&f, large.ptr);
    assert_true(status == 431 || status == 0);
    assert_int_equal(ask(&f, GET("/healthz")), 200);
}

/* ---- many connections ----------------------------------------------------------------------- */

static void those_who_hold_connections_open_lock_nobody_out(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){.connections_max = 8});
    int held[40];
    for (size_t i = 0; i < ARRAY_COUNT(held); i++) {
        held[i] = dial(&f);
        if (i % 2 == 1) { /* in the middle of a request */
            say(held[i], "GET /healthz HTTP/1.1\r\nHost: local");
        }
        assert_int_equal(ask(&f, GET("/healthz")), 200);
    }
    /* The first are gone: the end of the connection, or its reset. */
    char byte;
    struct pollfd p = {.fd = held[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_true(recv(held[0], &byte, 1, 0) <= 0);
    for (size_t i = 0; i < ARRAY_COUNT(held); i++) {
        fd_close(&held[i]);
    }
}

static void an_idle_connection_ends(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){.idle_us = 1000000});
    AUTO_FD int fd = dial(&f);
    say(fd, "GET /heal");
    assert_true(hear(&f, fd, NULL));
}

/* ---- opening -------------------------------------------------------------------------------- */

static void opening_fails_with_a_reason(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    char address[64];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", f.port);
    struct http *http = NULL;
    struct err err;
    struct http_options taken = {.address = address};
    assert_int_equal(http_open(&taken, &f.monitor, &http, &err), ERR_IO);
    assert_non_null(strstr(err.msg, address));
    struct http_options nonsense = {.address = "4040"};
    assert_int_equal(http_open(&nonsense, &f.monitor, &http, &err), ERR_CONFIG);
    struct http_options secret = {.address = "127.0.0.1:0", .token = "x"};
    assert_int_equal(http_open(&secret, &f.monitor, &http, &err), ERR_CONFIG);
    assert_null(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_is_answered),
        cmocka_unit_test(readiness_is_the_status),
        cmocka_unit_test(an_unknown_query_is_404_and_the_known_ones_are_named),
        cmocka_unit_test(commands_are_given_and_refusals_are_409),
        cmocka_unit_test(the_page_has_a_tag_and_a_policy),
        cmocka_unit_test(a_strange_host_is_421_also_for_the_page),
        cmocka_unit_test(a_write_needs_what_the_guard_says),
        cmocka_unit_test(a_body_is_bounded),
        cmocka_unit_test(what_is_no_http_does_no_harm),
        cmocka_unit_test(those_who_hold_connections_open_lock_nobody_out),
        cmocka_unit_test(an_idle_connection_ends),
        cmocka_unit_test(opening_fails_with_a_reason),
    };
    log_open(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_test - method and target of a request to what is asked
 */
#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int parse(const char *method, const char *target, struct http_route *ret_route)
{
    return http_route_parse(str_of(method), str_of(target), ret_route);
}

static void every_path_leads_to_its_route(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target;
        enum http_route_kind kind;
    } cases[] = {
        {"GET", "/", HTTP_ROUTE_ASSET},
        {"HEAD", "/static/app.js?v=1", HTTP_ROUTE_ASSET},
        {"GET", "/healthz", HTTP_ROUTE_HEALTH},
        {"GET", "/readyz?verbose", HTTP_ROUTE_READY},
        {"GET", "/metrics", HTTP_ROUTE_METRICS},
        {"GET", "/api/v1/events", HTTP_ROUTE_EVENTS},
        {"GET", "/api/v1/queries", HTTP_ROUTE_QUERIES},
        {"GET", "/api/v1/queries/t", HTTP_ROUTE_QUERY},
        {"GET", "/api/v1/queries/t/progress", HTTP_ROUTE_PROGRESS},
        {"GET", "/api/v1/queries/t/history", HTTP_ROUTE_HISTORY},
        {"GET", "/api/v1/queries/t/offsets", HTTP_ROUTE_OFFSETS},
        {"GET", "/api/v1/queries/t/errors", HTTP_ROUTE_ERRORS},
        {"GET", "/api/v1/queries/t/plan", HTTP_ROUTE_PLAN},
        {"HEAD", "/api/v1/queries/t/schema", HTTP_ROUTE_SCHEMA},
        {"POST", "/api/v1/queries/t/stop", HTTP_ROUTE_STOP},
        {"POST", "/api/v1/queries/t/pause", HTTP_ROUTE_PAUSE},
        {"POST", "/api/v1/queries/t/resume", HTTP_ROUTE_RESUME},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_HTTP_ROUTE struct http_route r = {0};
        assert_int_equal(parse(cases[i].method, cases[i].target, &r), 0);
        assert_int_equal(r.kind, cases[i].kind);
    }
}

static void names_are_decoded_once(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        struct str name;
    } cases[] = {
        {"/api/v1/queries/a%2Fb/plan", {"a/b", 3}}, {"/api/v1/queries/a%252Fb", {"a%2Fb", 5}},
        {"/api/v1/queries/%00", {"\0", 1}},         {"/api/v1/queries/%c3%a4", {"\xc3\xa4", 2}},
        {"/api/v1/queries/%ff", {"\xff", 1}},       {"/api/v1/queries/a+b", {"a+b", 3}},
        {"/api/v1/queries/..", {"..", 2}},          {"/api/v1/queries/%2e%2e%2f", {"../", 3}},
        {"/api/v1/queries/a?b=/c", {"a", 1}},       {"/api/v1/queries/stop", {"stop", 4}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_HTTP_ROUTE struct http_route r = {0};
        assert_int_equal(parse("GET", cases[i].target, &r), 0);
        assert_true(str_eq(buf_str(&r.name), cases[i].name));
    }
}

static void what_is_nowhere_is_404(void **state)
{
    (void)state;
    static const char *const nowhere[] = {
        "//",
        "/static",
        "/Healthz",
        "/healthz/",
        "/metrics/..",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/queries",
        "/api/v1/queries/",
        "/api/v1/queries//plan",
        "/api/v1/queries/a/",
        "/api/v1/queries/a/b",
        "/api/v1/queries/a/plan/",
        "/api/v1/queriesx",
        "/api/v1/events/",
        "/%2e%2e/etc/passwd",
        "/etc/passwd",
        "/..",
        "/index.html",
    };
    for (size_t i = 0; i < ARRAY_COUNT(nowhere); i++) {
        AUTO_HTTP_ROUTE struct http_route r = {0};
        assert_int_equal(parse("GET", nowhere[i], &r), 404);
        assert_true(r.message[0] != '\0');
    }
}

static void other_targets_are_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "*",
                                      "healthz",
                                      "http://localhost/",
                                      "localhost:80",
                                      "/api/v1/queries/%",
                                      "/api/v1/queries/%0",
                                      "/api/v1/queries/%zz/plan",
                                      "/api/v1/queries/a/progress?limit=%",
                                      "/api/v1/queries/a/progress?limit=0",
                                      "/api/v1/queries/a/progress?limit=-1",
                                      "/api/v1/queries/a/progress?limit=1e3",
                                      "/api/v1/queries/a/progress?limit=",
                                      "/api/v1/queries/a/progress?limit",
                                      "/api/v1/queries/a/progress?limit=99999999999999999999",
                                      "/api/v1/queries/a/history?since=-1",
                                      "/api/v1/queries/a/history?x=1&since=1.5"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_HTTP_ROUTE struct http_route r = {0};
        assert_int_equal(parse("GET", bad[i], &r), 400);
        assert_true(r.message[0] != '\0');
    }
}

static void parameters_are_taken_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        size_t limit;
        int64_t since_s;
    } cases[] = {
        {"/api/v1/queries/a/progress", 100, 0},
        {"/api/v1/queries/a/progress?", 100, 0},
        {"/api/v1/queries/a/progress?&&=&=1&x", 100, 0},
        {"/api/v1/queries/a/progress?limit=7", 7, 0},
        {"/api/v1/queries/a/progress?limit=%37&since=x", 7, 0},
        {"/api/v1/queries/a/progress?limit=9223372036854775807", 1000, 0},
        {"/api/v1/queries/a/history?since=1764000000&limit=x", 100, 1764000000},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_HTTP_ROUTE struct http_route r = {0};
        assert_int_equal(parse("GET", cases[i].target, &r), 0);
        assert_int_equal(r.limit, cases[i].limit);
        assert_int_equal(r.since_s, cases[i].since_s);
    }
}

static void methods_that_do_not_fit_are_405_with_those_that_do(void **state)
{
    (void)state;
    static const char *const others[] = {"POST",  "PUT", "DELETE", "OPTIONS",
                                         "TRACE", "get", "X",      ""};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        AUTO_HTTP_ROUTE struct http_route r = {0};
        assert_int_equal(parse(others[i], "/api/v1/queries", &r), 405);
        assert_string_equal(r.allow, "GET, HEAD");
    }
    static const char *const reading[] = {"GET", "HEAD", "PUT", "OPTIONS"};
    for (size_t i = 0; i < ARRAY_COUNT(reading); i++) {
        AUTO_HTTP_ROUTE struct http_route r = {0};
        assert_int_equal(parse(reading[i], "/api/v1/queries/a/stop", &r), 405);
        assert_string_equal(r.allow, "POST");
    }
}

static void any_bytes_are_parsed_without_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "/",  "api/v1/queries", "%",    "%2f",  "?", "&", "=",       "limit",
        "..", "since",          "stop", "\xff", "a", "+", "progress"};
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        AUTO_BUF struct buf target = {0};
        for (uint64_t n = rng_below(&rng, 12); n > 0; n--) {
            if (rng_below(&rng, 8) == 0) {
                buf_add_char(&target, (char)rng_below(&rng, 256));
            } else {
                buf_add_c(&target, pieces[rng_below(&rng, ARRAY_COUNT(pieces))]);
            }
        }
        AUTO_HTTP_ROUTE struct http_route r = {0};
        /* A copy of exactly its length, so that a read past the end is seen. */
        char *exact = mem_dup(buf_str(&target).ptr == NULL ? "" : target.ptr, target.len);
        int status = http_route_parse(rng_below(&rng, 2) == 0 ? STR("GET") : STR("POST"),
                                      str_n(exact, target.len), &r);
        assert_true(status == 0 || status == 400 || status == 404 || status == 405);
        assert_true((status == 405) == (r.allow != NULL));
        mem_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_leads_to_its_route),
        cmocka_unit_test(names_are_decoded_once),
        cmocka_unit_test(what_is_nowhere_is_404),
        cmocka_unit_test(other_targets_are_malformed),
        cmocka_unit_test(parameters_are_taken_and_bounded),
        cmocka_unit_test(methods_that_do_not_fit_are_405_with_those_that_do),
        cmocka_unit_test(any_bytes_are_parsed_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

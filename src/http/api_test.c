/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_test - a route to the answer's status, type and body
 */
#include "http/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/monitor_fake.h"

#define MONITOR AUTO(monitor_fake_done) struct job_monitor

static void answer(struct job_monitor *m, const char *method, const char *target, size_t body_max,
                   struct http_reply *ret_reply)
{
    AUTO_HTTP_ROUTE struct http_route route = {0};
    assert_int_equal(http_route_parse(str_of(method), str_of(target), &route), 0);
    http_api_answer(m, &route, body_max, ret_reply);
}

static void an_answer_that_is_too_large_is_an_error_of_ours(void **state)
{
    (void)state;
    MONITOR m;
    monitor_fake_init(&m);
    m.padding = 1000;
    AUTO_HTTP_REPLY struct http_reply reply = {0};
    answer(&m, "GET", "/api/v1/queries", 500, &reply);
    assert_int_equal(reply.status, 500);
    assert_true(str_starts(buf_str(&reply.body), STR("{\"error\":{\"status\":500,")));
}

static void a_name_is_shown_as_text_whatever_it_is(void **state)
{
    (void)state;
    static const char *const names[] = {"%00",    "%ff%fe", "%22%7d",  "%3Cscript%3E",
                                        "%0a%0d", "..",     "%25s%25n"};
    MONITOR m;
    monitor_fake_init(&m);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        AUTO_HTTP_REPLY struct http_reply reply = {0};
        AUTO_ARENA struct arena arena = {0};
        AUTO_BUF struct buf target = {0};
        struct json *root = NULL;
        struct err err;
        buf_printf(&target, "/api/v1/queries/%s/plan", names[i]);
        answer(&m, "GET", target.ptr, 0, &reply);
        assert_int_equal(reply.status, 404);
        assert_string_equal(reply.type, HTTP_TYPE_JSON);
        assert_int_equal(json_parse(&arena, buf_str(&reply.body), &root, &err), 0);
        int64_t status = 0;
        assert_true(json_get_i64(json_find(json_find(root, "error"), "status"), &status));
        assert_int_equal(status, 404);
    }
}

static void secrets_in_a_refusal_are_masked(void **state)
{
    (void)state;
    MONITOR m;
    monitor_fake_init(&m);
    m.refuse = true;
    log_mask(STR("has ended"));
    AUTO_HTTP_REPLY struct http_reply reply = {0};
    answer(&m, "POST", "/api/v1/queries/q/pause", 0, &reply);
    assert_int_equal(reply.status, 409);
    assert_non_null(strstr(reply.body.ptr, "the query ***"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_is_too_large_is_an_error_of_ours),
        cmocka_unit_test(a_name_is_shown_as_text_whatever_it_is),
        cmocka_unit_test(secrets_in_a_refusal_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

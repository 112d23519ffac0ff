/* SPDX-License-Identifier: Apache-2.0 */
/* http_test - the general HTTP client against a server that misbehaves on order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/http.h"
#include "store/http_fake.h"

#define SECOND_US INT64_C(1000000)

struct fixture {
    struct http_fake *fake;
    struct store_http *http;
    struct buf body;
    struct err err;
    char *dir;
};

static int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    struct err err;
    assert_int_equal(fs_make_temp_dir("/tmp", "http-test", &f->dir, &err), 0);
    buf_init(&f->body, 1000);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err;
    store_http_close(f->http);
    if (f->fake != NULL) {
        http_fake_close(f->fake);
    }
    buf_done(&f->body);
    assert_int_equal(fs_remove_tree(f->dir, &err), 0);
    mem_free(f->dir);
    mem_free(f);
    return 0;
}

static void open_client(struct fixture *f, struct store_http_options options)
{
    store_http_close(f->http);
    f->http = NULL;
    if (store_http_open(&options, &f->http, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static void open_both(struct fixture *f, struct http_fake_options fake,
                      struct store_http_options options)
{
    if (f->fake != NULL) {
        http_fake_close(f->fake);
    }
    f->fake = http_fake_open(&fake);
    open_client(f, options);
}

static void open_plain(struct fixture *f)
{
    open_both(f, (struct http_fake_options){0}, (struct store_http_options){0});
}

#define rule(f, ...) http_fake_add((f)->fake, (struct http_fake_rule){__VA_ARGS__})

static int send_at(struct fixture *f, const char *base, const char *path, int64_t deadline_us)
{
    AUTO_BUF struct buf url = {0};
    buf_printf(&url, "%s%s", base, path);
    struct store_http_request request = {.url = buf_str(&url), .deadline_us = deadline_us};
    buf_reset(&f->body);
    return store_http_send(f->http, &request, &f->body, &f->err);
}

static int get(struct fixture *f, const char *path)
{
    return send_at(f, http_fake_url(f->fake), path, 20 * SECOND_US);
}

static void assert_says(const struct fixture *f, const char *text)
{
    if (strstr(f->err.msg, text) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", f->err.msg, text);
    }
}

static void assert_retry(struct fixture *f, int rc)
{
    assert_int_equal(rc, ERR_IO);
    assert_int_equal(f->err.code, ERR_IO);
    assert_true(f->err.retry);
    assert_int_equal(f->body.len, 0);
}

/* ---- answers ---- */

static void every_status_is_an_outcome_with_its_body(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "GET /a", .body = "one");
    rule(f, .match = "GET /b", .status = 503, .body = "two");
    assert_int_equal(get(f, "/a"), 200);
    assert_string_equal(f->body.ptr, "one");
    assert_int_equal(get(f, "/b"), 503);
    assert_string_equal(f->body.ptr, "two");
    assert_int_equal(get(f, "/c"), 404);
    assert_int_equal(f->body.len, 0);
}

static void a_post_carries_its_body_and_headers(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "POST /a?x=1", .status = 201, .body = "made");
    AUTO_FREE char *url = mem_printf("%s/a?x=1", http_fake_url(f->fake));
    const char *const headers[] = {"Content-Type: application/x", "X-One: 1"};
    struct store_http_request request = {.method = "POST",
                                         .url = str_of(url),
                                         .headers = headers,
                                         .header_count = 2,
                                         .body = STR("payload")};
    assert_int_equal(store_http_send(f->http, &request, &f->body, &f->err), 201);
    assert_string_equal(f->body.ptr, "made");
    AUTO_BUF struct buf sent = {0};
    http_fake_last_body(f->fake, &sent);
    assert_string_equal(sent.ptr, "payload");
    assert_true(http_fake_saw_header(f->fake, "content-type: application/x\n"));
    assert_true(http_fake_saw_header(f->fake, "x-one: 1\n"));
}

static void a_body_is_appended_and_has_a_maximum(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    AUTO_FREE char *large = mem_alloc(1001);
    memset(large, 'x', 1000);
    large[1000] = '\0';
    rule(f, .match = "GET /fits", .body = large);
    AUTO_FREE char *larger = mem_printf("%sy", large);
    rule(f, .match = "GET /not", .body = larger);
    assert_int_equal(get(f, "/fits"), 200);
    assert_int_equal(f->body.len, 1000);
    assert_int_equal(get(f, "/not"), ERR_DATA);
    assert_says(f, "larger than 1000 bytes");
    assert_int_equal(f->body.len, 0);
    assert_false(f->body.overflow);
}

/* ---- failures ---- */

static void a_server_that_is_not_there_may_be_asked_again(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    AUTO_FREE char *url = mem_strdup(http_fake_url(f->fake));
    http_fake_close(TAKE(f->fake));
    assert_retry(f, send_at(f, url, "/a?secret=1", 20 * SECOND_US));
    assert_says(f, "127.0.0.1");
    assert_null(strstr(f->err.msg, "secret"));
}

static void a_cut_answer_is_no_answer(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "GET /cut", .kind = HTTP_FAKE_TRUNCATE, .body = "0123456789");
    rule(f, .match = "GET /rst", .kind = HTTP_FAKE_DROP);
    assert_retry(f, get(f, "/cut"));
    assert_retry(f, get(f, "/rst"));
}

static void silence_and_trickling_meet_the_deadline(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "GET /silent", .kind = HTTP_FAKE_STALL);
    rule(f, .match = "GET /slow", .kind = HTTP_FAKE_TRICKLE, .body = "0123456789");
    assert_retry(f, send_at(f, http_fake_url(f->fake), "/silent", SECOND_US / 10));
    assert_retry(f, send_at(f, http_fake_url(f->fake), "/slow", SECOND_US / 10));
    assert_says(f, "in time");
}

struct stopper {
    struct http_fake *fake;
    struct stop *stop;
};

static void stop_when_asked(void *user)
{
    struct stopper *s = user;
    while (http_fake_count(s->fake, "GET /silent") == 0) {
        clock_sleep_us(1000);
    }
    stop_set(s->stop);
}

static void a_stop_ends_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    struct stop stop;
    stop_init(&stop);
    open_both(f, (struct http_fake_options){0}, (struct store_http_options){.stop = &stop});
    rule(f, .match = "GET /silent", .kind = HTTP_FAKE_STALL);
    struct stopper stopper = {f->fake, &stop};
    struct thread thread = {0};
    thread_start(&thread, "stopper", stop_when_asked, &stopper);
    assert_int_equal(send_at(f, http_fake_url(f->fake), "/silent", 600 * SECOND_US), ERR_CANCELED);
    thread_join(&thread);
    assert_int_equal(get(f, "/a"), ERR_CANCELED);
    stop_done(&stop);
}

/* ---- redirects ---- */

static void a_redirect_is_followed_on_the_same_host_only(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct http_fake_options){0},
              (struct store_http_options){.token = STR("a-token-of-ours")});
    struct http_fake *other = http_fake_open(NULL);
    AUTO_FREE char *away = mem_printf("Location: %s/there\r\n", http_fake_url(other));
    rule(f, .match = "GET /a", .status = 302, .headers = "Location: /b\r\n", .body = "moved");
    rule(f, .match = "GET /b", .body = "here");
    rule(f, .match = "GET /away", .status = 307, .headers = away);
    rule(f, .match = "GET /round", .status = 301, .headers = "Location: /round\r\n");
    rule(f, .match = "GET /file", .status = 302, .headers = "Location: file:///etc/passwd\r\n");
    rule(f, .match = "POST /a", .status = 307, .headers = "Location: /b\r\n");
    assert_int_equal(get(f, "/a"), 200);
    assert_string_equal(f->body.ptr, "here");
    assert_int_equal(get(f, "/away"), 307);
    assert_int_equal(http_fake_count(other, "*"), 0);
    assert_int_equal(get(f, "/round"), 301);
    assert_int_equal(http_fake_count(f->fake, "GET /round"), 4);
    assert_int_equal(get(f, "/file"), 302);
    AUTO_FREE char *url = mem_printf("%s/a", http_fake_url(f->fake));
    struct store_http_request post = {.method = "POST", .url = str_of(url), .body = STR("x")};
    assert_int_equal(store_http_send(f->http, &post, &f->body, &f->err), 307);
    http_fake_close(other);
}

/* ---- credentials ---- */

static void credentials_are_sent_and_never_shown(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct http_fake_options){.authorization = "Basic dXNlcjpwQHNzOndvcmQ="},
              (struct store_http_options){.user = STR("user"), .password = STR("p@ss:word")});
    rule(f, .match = "GET /a", .body = "in");
    assert_int_equal(get(f, "/a"), 200);
    open_client(f, (struct store_http_options){.user = STR("user"), .password = STR("wrong")});
    assert_int_equal(get(f, "/a"), 401);
    open_both(f, (struct http_fake_options){.authorization = "Bearer abc.def"},
              (struct store_http_options){.token = STR("abc.def")});
    rule(f, .match = "GET /a", .body = "in");
    assert_int_equal(get(f, "/a"), 200);
    rule(f, .match = "GET /abc.def", .kind = HTTP_FAKE_DROP);
    assert_retry(f, get(f, "/abc.def"));
    assert_null(strstr(f->err.msg, "abc.def"));
}

static void a_url_that_is_none_of_ours_is_refused(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    static const char *const urls[] = {"",
                                       "127.0.0.1:80/a",
                                       "file:///etc/passwd",
                                       "http://",
                                       "http://a b/",
                                       "http://a/\x01",
                                       "http:a",
                                       "http://127.0.0.1/\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        assert_int_equal(send_at(f, urls[i], "", SECOND_US), ERR_CONFIG);
    }
    assert_int_equal(send_at(f, "http://me:geheim@127.0.0.1/a", "", SECOND_US), ERR_CONFIG);
    assert_null(strstr(f->err.msg, "geheim"));
    assert_says(f, "http://127.0.0.1/a");
}

static void options_that_contradict_are_refused(void **state)
{
    struct fixture *f = *state;
    struct store_http_options options = {.user = STR("u"), .token = STR("t")};
    assert_int_equal(store_http_open(&options, &f->http, &f->err), ERR_CONFIG);
    options = (struct store_http_options){.client_key = STR("/tmp/k")};
    assert_int_equal(store_http_open(&options, &f->http, &f->err), ERR_CONFIG);
    options = (struct store_http_options){.ca_file = STR("/nowhere/ca.pem")};
    assert_int_equal(store_http_open(&options, &f->http, &f->err), ERR_CONFIG);
    assert_says(f, "/nowhere/ca.pem");
}

/* ---- TLS ---- */

static void only_a_trusted_server_is_spoken_to_unless_asked(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *pem = mem_printf("%s/ca.pem", f->dir);
    open_both(f, (struct http_fake_options){.tls = true, .pem_path = pem},
              (struct store_http_options){0});
    rule(f, .match = "GET /a", .body = "in");
    assert_int_equal(get(f, "/a"), ERR_CONFIG);
    assert_says(f, "is not trusted");
    open_client(f, (struct store_http_options){.ca_file = str_of(pem)});
    assert_int_equal(get(f, "/a"), 200);
    AUTO_FREE char *host = mem_printf("https://localhost:%d", http_fake_port(f->fake));
    assert_int_equal(send_at(f, host, "/a", 20 * SECOND_US), ERR_CONFIG);
    open_client(f, (struct store_http_options){.insecure = true});
    assert_int_equal(get(f, "/a"), 200);
    assert_int_equal(send_at(f, host, "/a", 20 * SECOND_US), 200);
    open_both(f,
              (struct http_fake_options){.tls = true, .pem_path = pem, .expired_certificate = true},
              (struct store_http_options){.ca_file = str_of(pem)});
    assert_int_equal(get(f, "/a"), ERR_CONFIG);
}

static void a_client_certificate_is_shown_when_there_is_one(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *pem = mem_printf("%s/ca.pem", f->dir);
    AUTO_FREE char *client = mem_printf("%s/client.pem", f->dir);
    http_fake_write_client(client);
    open_both(f, (struct http_fake_options){.tls = true, .pem_path = pem, .client_ca = client},
              (struct store_http_options){.ca_file = str_of(pem)});
    rule(f, .match = "GET /a", .body = "in");
    assert_true(get(f, "/a") < 0);
    open_client(f,
                (struct store_http_options){.ca_file = str_of(pem), .client_cert = str_of(client)});
    assert_int_equal(get(f, "/a"), 200);
    open_client(f, (struct store_http_options){.ca_file = str_of(pem),
                                               .client_cert = str_of(client),
                                               .client_key = str_of(client)});
    assert_int_equal(get(f, "/a"), 200);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_status_is_an_outcome_with_its_body),
        CASE(a_post_carries_its_body_and_headers),
        CASE(a_body_is_appended_and_has_a_maximum),
        CASE(a_server_that_is_not_there_may_be_asked_again),
        CASE(a_cut_answer_is_no_answer),
        CASE(silence_and_trickling_meet_the_deadline),
        CASE(a_stop_ends_what_is_under_way),
        CASE(a_redirect_is_followed_on_the_same_host_only),
        CASE(credentials_are_sent_and_never_shown),
        CASE(a_url_that_is_none_of_ours_is_refused),
        CASE(options_that_contradict_are_refused),
        CASE(only_a_trusted_server_is_spoken_to_unless_asked),
        CASE(a_client_certificate_is_shown_when_there_is_one),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}

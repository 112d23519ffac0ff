/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/health_get.h"

#define LONG_US  ((int64_t)600 * 1000000)
#define SHORT_US ((int64_t)50000)

/* ---- a server that says one thing ---------------------------------------------------------- */

struct canned {
    int listen_fd;
    uint16_t port;
    struct str answer;
    size_t part_bytes; /* of each send */
    bool hold;         /* the connection stays open until the other side closes it */
    struct buf request;
    struct thread thread;
};

static void serve(void *user)
{
    struct canned *c = user;
    AUTO_FD int fd = accept(c->listen_fd, NULL, NULL);
    char part[512];
    while (fd >= 0 && str_find_str(buf_str(&c->request), STR("\r\n\r\n")) < 0) {
        ssize_t n = recv(fd, part, sizeof(part), 0);
        if (n <= 0) {
            return;
        }
        buf_add(&c->request, part, (size_t)n);
    }
    struct str rest = c->answer;
    while (rest.len > 0) {
        size_t bytes = rest.len < c->part_bytes ? rest.len : c->part_bytes;
        ssize_t n = send(fd, rest.ptr, bytes, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        rest = str_skip(rest, (size_t)n);
    }
    if (c->hold) {
        (void)recv(fd, part, sizeof(part), 0);
    }
}

static void canned_open(struct canned *c, struct str answer, size_t part_bytes, bool hold)
{
    *c = (struct canned){.answer = answer, .part_bytes = part_bytes, .hold = hold};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    c->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->listen_fd >= 0);
    assert_int_equal(bind(c->listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(c->listen_fd, 8), 0);
    assert_int_equal(getsockname(c->listen_fd, (struct sockaddr *)&at, &len), 0);
    c->port = ntohs(at.sin_port);
    thread_start(&c->thread, "canned", serve, c);
}

static void canned_close(struct canned *c)
{
    thread_join(&c->thread);
    fd_close(&c->listen_fd);
    buf_done(&c->request);
}

static int get_from(uint16_t port, const char *path, int64_t timeout_us, struct buf *body,
                    struct err *err)
{
    struct cli_health_target target = {.host = "127.0.0.1", .port = port};
    assert_true(strlen(path) < sizeof(target.path));
    memcpy(target.path, path, strlen(path) + 1);
    return cli_health_get(&target, timeout_us, body, err);
}

/* What one GET of that answer gives. */
static int get_answer(struct str answer, size_t part_bytes, struct buf *body, struct err *err)
{
    struct canned c;
    canned_open(&c, answer, part_bytes, false);
    int rc = get_from(c.port, "/healthz", LONG_US, body, err);
    canned_close(&c);
    return rc;
}

/* ---- targets ------------------------------------------------------------------------------- */

static void expect_url(const char *url, const char *host, uint16_t port, const char *path)
{
    struct err err = {0};
    struct cli_health_target target;
    assert_int_equal(cli_health_get_parse_url(str_of(url), &target, &err), 0);
    assert_string_equal(target.host, host);
    assert_int_equal(target.port, port);
    assert_string_equal(target.path, path);
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    expect_url("http://127.0.0.1:4040/healthz", "127.0.0.1", 4040, "/healthz");
    expect_url("http://sluice", "sluice", 4040, "");
    expect_url("HTTP://sluice:80/", "sluice", 80, "/");
    expect_url("http://[::1]:4041/readyz?x=1", "::1", 4041, "/readyz?x=1");
    expect_url("http://[::1]", "::1", 4040, "");
}

static void other_urls_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {
        "",
        "sluice:4040",
        "https://sluice:4040/",
        "http://",
        "http://:4040",
        "http://sluice:0/",
        "http://sluice:65536/",
        "http://sluice:http/",
        "http://[::1/",
        "http://[::1]4040/",
        "http://sluice/a b",
        "http://sluice/\r\nX: y",
        "http://slu ice/",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct err err = {0};
        struct cli_health_target target;
        assert_int_equal(cli_health_get_parse_url(str_of(bad[i]), &target, &err), ERR_CONFIG);
    }
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct cli_health_target target;
    AUTO_BUF struct buf url = {0};
    buf_printf(&url, "http://h/%0*d", (int)sizeof(target.path), 0);
    assert_int_equal(cli_health_get_parse_url(buf_str(&url), &target, &err), ERR_CONFIG);
    buf_reset(&url);
    buf_printf(&url, "http://%0*d", (int)sizeof(target.host), 0);
    assert_int_equal(cli_health_get_parse_url(buf_str(&url), &target, &err), ERR_CONFIG);
}

static void any_address_is_asked_on_loopback(void **state)
{
    (void)state;
    const char *const given[][2] = {
        {"0.0.0.0:4040", "127.0.0.1"},   {"[::]:4040", "::1"},
        {"192.0.2.7:4040", "192.0.2.7"}, {"localhost", "localhost"},
        {"127.0.0.1:4040", "127.0.0.1"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(given); i++) {
        struct err err = {0};
        struct cli_health_target target;
        assert_int_equal(cli_health_get_parse_address(str_of(given[i][0]), &target, &err), 0);
        assert_string_equal(target.host, given[i][1]);
        assert_int_equal(target.port, 4040);
        assert_string_equal(target.path, "");
    }
}

static void an_address_without_a_port_of_its_own_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct cli_health_target target;
    assert_int_equal(cli_health_get_parse_address(STR("127.0.0.1:0"), &target, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "127.0.0.1:0"));
}

/* ---- answers ------------------------------------------------------------------------------- */

static void the_answer_is_read_however_it_is_cut(void **state)
{
    (void)state;
    struct str answer = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    for (size_t bytes = 1; bytes <= answer.len; bytes += 7) {
        struct err err = {0};
        AUTO_BUF struct buf body = {0};
        assert_int_equal(get_answer(answer, bytes, &body, &err), 200);
        assert_true(str_eq(buf_str(&body), STR("ok")));
    }
}

static void any_status_is_an_answer(void **state)
{
    (void)state;
    struct err err = {0};
    AUTO_BUF struct buf body = {0};
    struct str answer = STR("HTTP/1.0 503 Service Unavailable\r\n\r\n{\"ready\":false}");
    assert_int_equal(get_answer(answer, answer.len, &body, &err), 503);
    assert_true(str_eq(buf_str(&body), STR("{\"ready\":false}")));
}

static void the_request_names_host_and_path(void **state)
{
    (void)state;
    struct err err = {0};
    struct canned c;
    AUTO_BUF struct buf body = {0};
    AUTO_BUF struct buf host = {0};
    canned_open(&c, STR("HTTP/1.1 200 OK\r\n\r\n"), 64, false);
    assert_int_equal(get_from(c.port, "/readyz", LONG_US, &body, &err), 200);
    thread_join(&c.thread);
    buf_printf(&host, "\r\nHost: 127.0.0.1:%u\r\n", (unsigned)c.port);
    assert_true(str_starts(buf_str(&c.request), STR("GET /readyz HTTP/1.0\r\n")));
    assert_true(str_find_str(buf_str(&c.request), buf_str(&host)) > 0);
    canned_close(&c);
}

static void an_endless_answer_is_cut_off(void **state)
{
    (void)state;
    struct err err = {0};
    struct canned c;
    AUTO_BUF struct buf body = {0};
    AUTO_BUF struct buf answer = {0};
    buf_add_c(&answer, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 100000; i++) {
        buf_add_c(&answer, "0123456789");
    }
    canned_open(&c, buf_str(&answer), 65536, true);
    assert_int_equal(get_from(c.port, "/", LONG_US, &body, &err), 200);
    assert_true(body.len >= 1 && body.len <= 70000);
    canned_close(&c);
}

static void what_is_no_http_is_told(void **state)
{
    (void)state;
    const char *const bad[] = {
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 xyz\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 099 x\r\n\r\n",
        "",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct err err = {0};
        AUTO_BUF struct buf body = {0};
        assert_int_equal(get_answer(str_of(bad[i]), 64, &body, &err), ERR_IO);
        assert_true(err.retry);
        assert_non_null(strstr(err.msg, bad[i][0] == '\0' ? "without an answer" : "speak HTTP"));
    }
}

static void a_silent_server_ends_at_the_deadline(void **state)
{
    (void)state;
    struct err err = {0};
    struct canned c;
    AUTO_BUF struct buf body = {0};
    canned_open(&c, STR("HTTP/1.1 200"), 64, true);
    assert_int_equal(get_from(c.port, "/healthz", SHORT_US, &body, &err), ERR_IO);
    assert_non_null(strstr(err.msg, "no answer in time"));
    assert_non_null(strstr(err.msg, "/healthz: "));
    canned_close(&c);
}

static void a_port_where_nobody_listens_is_told(void **state)
{
    (void)state;
    struct err err = {0};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    AUTO_BUF struct buf body = {0};
    /* Bound and not listening: nobody else can have it meanwhile. */
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(get_from(ntohs(at.sin_port), "/", LONG_US, &body, &err), ERR_IO);
    assert_true(err.retry);
    assert_non_null(strstr(err.msg, "cannot connect: Connection refused"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(other_urls_are_refused),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(any_address_is_asked_on_loopback),
        cmocka_unit_test(an_address_without_a_port_of_its_own_is_refused),
        cmocka_unit_test(the_answer_is_read_however_it_is_cut),
        cmocka_unit_test(any_status_is_an_answer),
        cmocka_unit_test(the_request_names_host_and_path),
        cmocka_unit_test(an_endless_answer_is_cut_off),
        cmocka_unit_test(what_is_no_http_is_told),
        cmocka_unit_test(a_silent_server_ends_at_the_deadline),
        cmocka_unit_test(a_port_where_nobody_listens_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

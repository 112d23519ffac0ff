/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_TEST_UTIL_H
#define HTTP_SERVER_TEST_UTIL_H

/*
 * server_test_util - a server on a fake monitor, and a client of it that can misbehave
 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/http.h"
#include "http/monitor_fake.h"

#define TOKEN       "0123456789abcdef"
#define PATIENCE_MS 60000
#define GET(path)   "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define POST(path, headers, body)                                                                  \
    "POST " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" headers "\r\n" body

struct fixture {
    struct job_monitor monitor;
    struct http *http;
    uint16_t port;
    struct buf answer;
};

UNUSED static void fixture_open(struct fixture *f, struct http_options options)
{
    struct err err;
    monitor_fake_init(&f->monitor);
    if (options.address == NULL) {
        options.address = "127.0.0.1:0";
    }
    assert_int_equal(http_open(&options, &f->monitor, &f->http, &err), 1);
    struct str url = str_of(http_url(f->http));
    struct str port = str_skip(url, (size_t)str_rfind(url, ':') + 1);
    int64_t number = 0;
    assert_true(str_to_i64(str_head(port, port.len - 1), &number));
    f->port = (uint16_t)number;
}

UNUSED static void fixture_close(struct fixture *f)
{
    http_close(f->http);
    monitor_fake_done(&f->monitor);
    buf_done(&f->answer);
}
#define FIXTURE AUTO(fixture_close) struct fixture

UNUSED static int dial(struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(f->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

UNUSED static void say(int fd, const char *text)
{
    /* A server that has hung up is no failure of the test's. */
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Reads on until `text` has come (NULL = the end); false at the end of the connection. */
UNUSED static bool hear(struct fixture *f, int fd, const char *text)
{
    for (;;) {
        if (text != NULL && f->answer.len > 0 && strstr(f->answer.ptr, text) != NULL) {
            return true;
        }
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        char *room = buf_reserve(&f->answer, 65536);
        ssize_t n = recv(fd, room, 65536, 0);
        if (n <= 0) {
            return text == NULL;
        }
        f->answer.len += (size_t)n;
        f->answer.ptr[f->answer.len] = '\0';
    }
}

/* The status of the answer; all of it is in f->answer. 0 = hung up without one. */
UNUSED static int ask(struct fixture *f, const char *request)
{
    AUTO_FD int fd = dial(f);
    buf_reset(&f->answer);
    say(fd, request);
    assert_true(hear(f, fd, NULL));
    int64_t status = 0;
    if (f->answer.len > 12) {
        assert_true(str_to_i64(str_n(f->answer.ptr + 9, 3), &status));
    }
    return (int)status;
}

UNUSED static bool has(const struct fixture *f, const char *text)
{
    return strstr(f->answer.ptr, text) != NULL;
}

#endif

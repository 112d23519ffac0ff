/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_get - one plain HTTP GET, with a deadline
 *
 * A probe runs every few seconds beside the process that it asks, often with
 * little memory: a socket and two buffers, no curl, no TLS.
 *
 *  (1) Connecting, sending and receiving share one deadline.  Only looking up a
 *      name has its own (resolv.conf); addresses need none.
 *  (2) HTTP/1.0 with "Connection: close": no chunks, the end of the answer is the
 *      end of the stream.  An answer that is longer than a health answer can be is
 *      cut off, not an error: the status is what counts.
 */
#include "cli/health_get.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_PRESET  4040
#define ANSWER_BYTES ((size_t)64 * 1024)

static void addrinfo_freep(struct addrinfo **found)
{
    if (*found != NULL) {
        freeaddrinfo(*found);
    }
}
#define AUTO_ADDRINFO AUTO(addrinfo_freep)

/* ---- targets ------------------------------------------------------------------------------- */

static bool copy_text(char *out, size_t out_bytes, struct str text)
{
    if (text.len >= out_bytes) {
        return false;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

/* What may stand in a request line and a header as it is. */
static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* HOST, HOST:PORT, [V6], [V6]:PORT. */
static bool parse_authority(struct str text, struct cli_health_target *target)
{
    struct str host = text;
    struct str port = STR_NULL;
    bool has_port = false;
    if (str_starts(text, STR("["))) {
        ptrdiff_t close = str_find(text, ']');
        if (close < 0) {
            return false;
        }
        host = str_n(text.ptr + 1, (size_t)close - 1);
        port = str_skip(text, (size_t)close + 1);
        has_port = port.len > 0;
        if (has_port && port.ptr[0] != ':') {
            return false;
        }
        port = str_skip(port, 1);
    } else if (str_find(text, ':') >= 0) {
        has_port = true;
        host = str_head(text, (size_t)str_find(text, ':'));
        port = str_skip(text, host.len + 1);
    }
    uint64_t number = PORT_PRESET;
    if (has_port && !str_to_u64(port, &number)) {
        return false;
    }
    if (number == 0 || number > UINT16_MAX || host.len == 0 || !is_plain(host)) {
        return false;
    }
    target->port = (uint16_t)number;
    return copy_text(target->host, sizeof(target->host), host);
}

int cli_health_get_parse_url(struct str url, struct cli_health_target *ret_target, struct err *err)
{
    struct cli_health_target target = {0};
    struct uri_parts parts;
    uri_split(url, &parts);
    if (!str_eq_nocase_c(parts.scheme, "http") || !is_plain(parts.path) ||
        !copy_text(target.path, sizeof(target.path), parts.path) ||
        !parse_authority(parts.authority, &target)) {
        return err_set(err, ERR_CONFIG, "\"%.*s\" cannot be asked; http://HOST[:PORT][/PATH] is",
                       STR_FMT(url));
    }
    *ret_target = target;
    return 0;
}

int cli_health_get_parse_address(struct str address, struct cli_health_target *ret_target,
                                 struct err *err)
{
    struct cli_health_target target = {0};
    if (!parse_authority(address, &target)) {
        return err_set(err, ERR_CONFIG,
                       "\"%.*s\" is no address that can be asked; HOST:PORT is, with the port that "
                       "the server has",
                       STR_FMT(address));
    }
    if (strcmp(target.host, "0.0.0.0") == 0) {
        snprintf(target.host, sizeof(target.host), "127.0.0.1");
    } else if (strcmp(target.host, "::") == 0) {
        snprintf(target.host, sizeof(target.host), "::1");
    }
    *ret_target = target;
    return 0;
}

/* ---- the wire ------------------------------------------------------------------------------ */

/* 1 = ready, 0 = the time is up; errors of the socket show at the next call on it. */
static int wait_for(int fd, short events, int64_t until_mono_us)
{
    for (;;) {
        int64_t left_us = until_mono_us - clock_mono_us();
        if (left_us <= 0) {
            return 0;
        }
        struct pollfd p = {.fd = fd, .events = events};
        int rc = poll(&p, 1, (int)((left_us + 999) / 1000));
        if (rc > 0) {
            return 1;
        }
        assert(rc == 0 || errno == EINTR);
    }
}

static int late(struct err *err)
{
    return err_set_retry(err, "no answer in time");
}

static int failed(const char *what, int errnum, struct err *err)
{
    int rc = err_set_errno(err, errnum, "%s", what);
    err->retry = true;
    return rc;
}

/* Connects to one address. */
static int connect_to(const struct addrinfo *address, int64_t until_mono_us, int *ret_fd,
                      struct err *err)
{
    AUTO_FD int fd =
        socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0) {
        return failed("no socket", errno, err);
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        int problem = errno;
        socklen_t len = sizeof(problem);
        if (problem == EINPROGRESS) {
            if (wait_for(fd, POLLOUT, until_mono_us) == 0) {
                return late(err);
            }
            if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len) < 0) {
                problem = errno;
            }
        }
        if (problem != 0) {
            return failed("cannot connect", problem, err);
        }
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int connect_any(const struct cli_health_target *target, int64_t until_mono_us, int *ret_fd,
                       struct err *err)
{
    AUTO_ADDRINFO struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)target->port);
    int problem = getaddrinfo(target->host, port, &hints, &found);
    if (problem != 0) {
        return err_set_retry(err, "\"%s\" is not found: %s", target->host, gai_strerror(problem));
    }
    int rc = 0;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        rc = connect_to(a, until_mono_us, ret_fd, err);
        if (rc == 0) {
            return 0;
        }
    }
    assert(rc < 0);
    return rc;
}

static int send_all(int fd, struct str text, int64_t until_mono_us, struct err *err)
{
    while (text.len > 0) {
        ssize_t n = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
        if (n >= 0) {
            text = str_skip(text, (size_t)n);
        } else if (errno != EAGAIN && errno != EINTR) {
            return failed("cannot send", errno, err);
        } else if (wait_for(fd, POLLOUT, until_mono_us) == 0) {
            return late(err);
        }
    }
    return 0;
}

/* Until the end of the stream, or as much as counts. */
static int receive_all(int fd, struct buf *answer, int64_t until_mono_us, struct err *err)
{
    char part[4096];
    while (answer->len < ANSWER_BYTES) {
        ssize_t n = recv(fd, part, sizeof(part), 0);
        if (n == 0) {
            return 0;
        }
        if (n > 0) {
            buf_add(answer, part, (size_t)n);
        } else if (errno != EAGAIN && errno != EINTR) {
            return failed("cannot receive", errno, err);
        } else if (wait_for(fd, POLLIN, until_mono_us) == 0) {
            return late(err);
        }
    }
    return 0;
}

/* "HTTP/1.1 200 OK…" and whatever stands behind the empty line. */
static int parse_answer(struct str answer, struct buf *body, struct err *err)
{
    uint64_t status = 0;
    struct str digits = answer.len < 12 ? STR_NULL : str_n(answer.ptr + 9, 3);
    ptrdiff_t head = str_find_str(answer, STR("\r\n\r\n"));
    if (!str_starts(answer, STR("HTTP/1.")) || !str_to_u64(digits, &status) || status < 100 ||
        head < 0) {
        return err_set_retry(err, answer.len == 0 ? "the connection was closed without an answer"
                                                  : "what answers does not speak HTTP");
    }
    buf_add_str(body, str_skip(answer, (size_t)head + 4));
    return (int)status;
}

static int ask(const struct cli_health_target *target, int64_t timeout_us, struct buf *body,
               struct err *err)
{
    int64_t until_mono_us = clock_mono_us() + timeout_us;
    AUTO_FD int fd = -1;
    AUTO_BUF struct buf request = {0};
    AUTO_BUF struct buf answer = {0};
    bool v6 = strchr(target->host, ':') != NULL;
    TRY(connect_any(target, until_mono_us, &fd, err));
    buf_printf(&request,
               "GET %s HTTP/1.0\r\nHost: %s%s%s:%u\r\nUser-Agent: sluice-health\r\n"
               "Connection: close\r\n\r\n",
               target->path[0] == '\0' ? "/" : target->path, v6 ? "[" : "", target->host,
               v6 ? "]" : "", (unsigned)target->port);
    TRY(send_all(fd, buf_str(&request), until_mono_us, err));
    TRY(receive_all(fd, &answer, until_mono_us, err));
    return parse_answer(buf_str(&answer), body, err);
}

int cli_health_get(const struct cli_health_target *target, int64_t timeout_us, struct buf *body,
                   struct err *err)
{
    int rc = ask(target, timeout_us, body, err);
    if (rc < 0) {
        bool v6 = strchr(target->host, ':') != NULL;
        return err_wrap(err, "http://%s%s%s:%u%s", v6 ? "[" : "", target->host, v6 ? "]" : "",
                        (unsigned)target->port, target->path);
    }
    return rc;
}

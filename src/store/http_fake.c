/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_fake - an HTTP server in the test's own process that answers by rules
 *
 * One thread a connection; rules and the record are under one lock.  HTTP itself
 * is s3_fake_http.c.
 */
#include "store/http_fake.h"

#include "store/s3_fake_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct session {
    struct http_fake *fake;
    struct thread thread;
    struct s3_fake_conn conn;
};

struct http_fake {
    struct http_fake_options options;
    SSL_CTX *tls;
    int fd;
    int port;
    char url[64];
    struct thread acceptor;
    struct stop stop;
    struct mutex lock;
    /* guarded by .lock */
    VEC(struct session *) sessions;
    VEC(struct http_fake_rule) rules;
    VEC(char *) targets;
    struct buf heads;
    struct buf last_body;
};

static bool matches(const char *match, const char *target)
{
    size_t len = strlen(match);
    bool is_prefix = len > 0 && match[len - 1] == '*';
    return is_prefix ? strncmp(match, target, len - 1) == 0 : strcmp(match, target) == 0;
}

static char *dup_or_null(const char *s)
{
    return s == NULL ? NULL : mem_strdup(s);
}

/* Copies the texts of `from`. */
static struct http_fake_rule rule_copy(const struct http_fake_rule *from)
{
    struct http_fake_rule rule = *from;
    rule.match = mem_strdup(from->match);
    rule.headers = dup_or_null(from->headers);
    rule.body = dup_or_null(from->body);
    return rule;
}

static void free_const(const char *s)
{
    mem_free((void *)(uintptr_t)s);
}

static void rule_done(struct http_fake_rule *rule)
{
    free_const(rule->match);
    free_const(rule->headers);
    free_const(rule->body);
}

/* Notes the request and gives what it will be answered; texts are the caller's. */
static struct http_fake_rule take_rule(struct http_fake *f, const struct s3_fake_request *r)
{
    static const struct http_fake_rule none = {.match = "", .status = 404};
    static const struct http_fake_rule refused = {.match = "", .status = 401, .body = "{}"};
    MUTEX_GUARD(&f->lock);
    *vec_push(&f->targets) = mem_strdup(r->target.ptr);
    for (size_t i = 0; i < r->headers.count; i++) {
        buf_printf(&f->heads, "%.*s: %.*s\n", STR_FMT(r->headers.items[i].name),
                   STR_FMT(r->headers.items[i].value));
    }
    if (r->body.len > 0) {
        buf_reset(&f->last_body);
        buf_add_str(&f->last_body, buf_str(&r->body));
    }
    if (f->options.authorization != NULL &&
        !str_eq_c(s3_fake_request_header(r, "authorization"), f->options.authorization)) {
        return rule_copy(&refused);
    }
    for (size_t i = 0; i < f->rules.count; i++) {
        struct http_fake_rule *rule = &f->rules.items[i];
        if (!matches(rule->match, r->target.ptr)) {
            continue;
        }
        struct http_fake_rule found = rule_copy(rule);
        if (rule->times > 0 && --rule->times == 0) {
            rule_done(rule);
            memmove(rule, rule + 1, (f->rules.count - 1 - i) * sizeof(*rule));
            f->rules.count--;
        }
        return found;
    }
    return rule_copy(&none);
}

static bool answer(struct session *s, const struct http_fake_rule *rule)
{
    AUTO_BUF struct buf out = {0};
    const char *body = rule->body == NULL ? "" : rule->body;
    size_t len = strlen(body);
    switch (rule->kind) {
    case HTTP_FAKE_DROP:
        s3_fake_conn_reset(&s->conn);
        return false;
    case HTTP_FAKE_STALL:
        while (!stop_wait_us(&s->fake->stop, 10000000)) {
        }
        return false;
    default:
        break;
    }
    buf_printf(&out, "HTTP/1.1 %d Fake\r\nContent-Length: %zu\r\n%s\r\n",
               rule->status == 0 ? 200 : rule->status, len,
               rule->headers == NULL ? "" : rule->headers);
    buf_add(&out, body, rule->kind == HTTP_FAKE_TRUNCATE ? len / 2 : len);
    if (rule->kind == HTTP_FAKE_TRICKLE) {
        for (size_t i = 0; i < out.len; i++) {
            if (stop_wait_us(&s->fake->stop, 20000) ||
                !s3_fake_conn_write(&s->conn, str_n(out.ptr + i, 1))) {
                return false;
            }
        }
        return true;
    }
    return s3_fake_conn_write(&s->conn, buf_str(&out)) && rule->kind != HTTP_FAKE_TRUNCATE;
}

static bool serve_request(struct session *s)
{
    struct s3_fake_request r = {0};
    bool go_on = false;
    if (s3_fake_request_read(&s->conn, &r) > 0) {
        struct http_fake_rule rule = take_rule(s->fake, &r);
        go_on = answer(s, &rule);
        rule_done(&rule);
    }
    s3_fake_request_done(&r);
    return go_on;
}

static void serve(void *user)
{
    struct session *s = user;
    bool ok = true;
    if (s->fake->tls != NULL) {
        s->conn.ssl = SSL_new(s->fake->tls);
        SSL_set_fd(s->conn.ssl, s->conn.fd);
        ok = SSL_accept(s->conn.ssl) == 1;
    }
    while (ok && !stop_is_set(&s->fake->stop)) {
        ok = serve_request(s);
    }
    MUTEX_GUARD(&s->fake->lock);
    s3_fake_conn_done(&s->conn);
}

static void accept_all(void *user)
{
    struct http_fake *f = user;
    while (!stop_is_set(&f->stop)) {
        struct pollfd p = {.fd = f->fd, .events = POLLIN};
        if (poll(&p, 1, 20) <= 0) {
            continue;
        }
        int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        MUTEX_GUARD(&f->lock);
        struct session *s = mem_new(struct session);
        s->fake = f;
        s->conn.fd = fd;
        *vec_push(&f->sessions) = s;
        thread_start(&s->thread, "fake-http", serve, s);
    }
}

struct http_fake *http_fake_open(const struct http_fake_options *options)
{
    struct http_fake *f = mem_new(struct http_fake);
    if (options != NULL) {
        f->options = *options;
    }
    stop_init(&f->stop);
    mutex_init(&f->lock);
    if (f->options.tls) {
        f->tls = s3_fake_tls_new(f->options.pem_path, f->options.expired_certificate);
        if (f->options.client_ca != NULL) {
            int loaded = SSL_CTX_load_verify_locations(f->tls, f->options.client_ca, NULL);
            assert(loaded == 1);
            SSL_CTX_set_verify(f->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        }
    }
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    (void)setsockopt(f->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    bool ok = bind(f->fd, (struct sockaddr *)&at, len) == 0 && listen(f->fd, 64) == 0 &&
              getsockname(f->fd, (struct sockaddr *)&at, &len) == 0;
    assert(ok);
    f->port = ntohs(at.sin_port);
    snprintf(f->url, sizeof(f->url), "%s://127.0.0.1:%d", f->options.tls ? "https" : "http",
             f->port);
    thread_start(&f->acceptor, "fake-http", accept_all, f);
    return f;
}

void http_fake_close(struct http_fake *f)
{
    stop_set(&f->stop);
    thread_join(&f->acceptor);
    mutex_lock(&f->lock);
    for (size_t i = 0; i < f->sessions.count; i++) {
        if (f->sessions.items[i]->conn.fd >= 0) {
            (void)shutdown(f->sessions.items[i]->conn.fd, SHUT_RDWR);
        }
    }
    mutex_unlock(&f->lock);
    for (size_t i = 0; i < f->sessions.count; i++) {
        thread_join(&f->sessions.items[i]->thread);
        mem_free(f->sessions.items[i]);
    }
    http_fake_clear(f);
    for (size_t i = 0; i < f->targets.count; i++) {
        mem_free(f->targets.items[i]);
    }
    vec_done(&f->sessions);
    vec_done(&f->rules);
    vec_done(&f->targets);
    buf_done(&f->heads);
    buf_done(&f->last_body);
    fd_close(&f->fd);
    SSL_CTX_free(f->tls);
    mutex_done(&f->lock);
    stop_done(&f->stop);
    mem_free(f);
}

const char *http_fake_url(const struct http_fake *f)
{
    return f->url;
}

int http_fake_port(const struct http_fake *f)
{
    return f->port;
}

void http_fake_add(struct http_fake *f, struct http_fake_rule rule)
{
    MUTEX_GUARD(&f->lock);
    *vec_push(&f->rules) = rule_copy(&rule);
}

void http_fake_clear(struct http_fake *f)
{
    MUTEX_GUARD(&f->lock);
    vec_foreach (struct http_fake_rule, rule, &f->rules) {
        rule_done(rule);
    }
    f->rules.count = 0;
}

unsigned http_fake_count(struct http_fake *f, const char *match)
{
    unsigned count = 0;
    MUTEX_GUARD(&f->lock);
    for (size_t i = 0; i < f->targets.count; i++) {
        count += matches(match, f->targets.items[i]);
    }
    return count;
}

bool http_fake_saw_header(struct http_fake *f, const char *part)
{
    MUTEX_GUARD(&f->lock);
    return f->heads.ptr != NULL && strstr(f->heads.ptr, part) != NULL;
}

void http_fake_last_body(struct http_fake *f, struct buf *out)
{
    MUTEX_GUARD(&f->lock);
    buf_add_str(out, buf_str(&f->last_body));
}

void http_fake_write_client(const char *path)
{
    SSL_CTX *tls = s3_fake_tls_new(path, false);
    FILE *pem = fopen(path, "a");
    assert(pem != NULL);
    int written =
        PEM_write_PrivateKey(pem, SSL_CTX_get0_privatekey(tls), NULL, NULL, 0, NULL, NULL);
    assert(written == 1);
    fclose(pem);
    SSL_CTX_free(tls);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_fake - an HTTP server in the test's own process that answers by rules
 *
 * Rules and the record are under one lock.  Sockets and threads are http_fake_server.c, HTTP
 * itself is s3_fake_http.c.
 */
#include "store/http_fake.h"

#include "store/http_fake_server.h"

#include <openssl/pem.h>
#include <stdio.h>

/* A connection that is served. */
struct session {
    struct http_fake *fake;
    struct s3_fake_conn *conn;
};

struct http_fake {
    struct http_fake_options options;
    struct http_fake_server server;
    struct mutex lock;
    /* guarded by .lock */
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
        s3_fake_conn_reset(s->conn);
        return false;
    case HTTP_FAKE_STALL:
        while (!stop_wait_us(&s->fake->server.stop, 10000000)) {
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
            if (stop_wait_us(&s->fake->server.stop, 20000) ||
                !s3_fake_conn_write(s->conn, str_n(out.ptr + i, 1))) {
                return false;
            }
        }
        return true;
    }
    return s3_fake_conn_write(s->conn, buf_str(&out)) && rule->kind != HTTP_FAKE_TRUNCATE;
}

static bool serve_request(void *user, struct s3_fake_conn *conn)
{
    struct session session = {user, conn};
    struct session *s = &session;
    struct s3_fake_request r = {0};
    bool go_on = false;
    if (s3_fake_request_read(s->conn, &r) > 0) {
        struct http_fake_rule rule = take_rule(s->fake, &r);
        go_on = answer(s, &rule);
        rule_done(&rule);
    }
    s3_fake_request_done(&r);
    return go_on;
}

struct http_fake *http_fake_open(const struct http_fake_options *options)
{
    struct http_fake *f = mem_new(struct http_fake);
    if (options != NULL) {
        f->options = *options;
    }
    mutex_init(&f->lock);
    SSL_CTX *tls = NULL;
    if (f->options.tls) {
        tls = s3_fake_tls_new(f->options.pem_path, f->options.expired_certificate);
        if (f->options.client_ca != NULL) {
            int loaded = SSL_CTX_load_verify_locations(tls, f->options.client_ca, NULL);
            assert(loaded == 1);
            SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        }
    }
    http_fake_server_open(&f->server, f->options.port, tls, serve_request, f);
    return f;
}

void http_fake_close(struct http_fake *f)
{
    http_fake_server_close(&f->server);
    http_fake_clear(f);
    for (size_t i = 0; i < f->targets.count; i++) {
        mem_free(f->targets.items[i]);
    }
    vec_done(&f->rules);
    vec_done(&f->targets);
    buf_done(&f->heads);
    buf_done(&f->last_body);
    mutex_done(&f->lock);
    mem_free(f);
}

const char *http_fake_url(const struct http_fake *f)
{
    return f->server.url;
}

int http_fake_port(const struct http_fake *f)
{
    return f->server.port;
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

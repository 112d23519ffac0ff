/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_fake - an S3 server in the test's own process that misbehaves on order
 *
 *  (1) One thread a connection; objects, uploads, rules and the record are under
 *      one lock, so a conditional put is atomic unless a test wants it otherwise.
 *  (2) A rule is looked for before anything else, so that a fault can be of any
 *      request; then comes s3_fake_auth.c, then s3_fake_bucket.c.
 *
 * Sockets and threads are http_fake_server.c, HTTP itself is s3_fake_http.c.
 */
#include "store/s3_fake.h"

#include "store/http_fake_server.h"
#include "store/s3_fake_auth.h"
#include "store/s3_fake_bucket.h"

/* A connection that is served. */
struct session {
    struct s3_fake *fake;
    struct s3_fake_conn *conn;
};

struct s3_fake {
    struct s3_fake_options options;
    struct http_fake_server server;
    struct mutex lock;
    /* guarded by .lock */
    struct s3_fake_bucket bucket;
    VEC(struct s3_fake_rule) rules;
    VEC(char *) targets;
    struct buf heads;
};

/* The key of the request, decoded; false when the bucket is not ours. */
static bool find_key(const struct s3_fake *f, const struct s3_fake_request *r, struct buf *key)
{
    AUTO_BUF struct buf path = {0};
    struct err err;
    int rc = uri_decode(&path, r->path, &err);
    assert(rc >= 0);
    struct str rest = buf_str(&path);
    struct str host = s3_fake_request_header(r, "host");
    if (f->options.domain != NULL && str_starts(host, STR("bucket.")) &&
        str_starts(str_skip(host, 7), str_of(f->options.domain))) {
        buf_add_str(key, str_skip(rest, 1));
        return true;
    }
    if (!str_starts(rest, STR("/bucket"))) {
        return false;
    }
    rest = str_skip(rest, strlen("/bucket"));
    if (rest.len > 0 && rest.ptr[0] != '/') {
        return false;
    }
    buf_add_str(key, str_skip(rest, rest.len > 0));
    return true;
}

static void apply(struct s3_fake *f, const struct s3_fake_request *r, struct s3_fake_answer *a)
{
    AUTO_BUF struct buf key = {0};
    MUTEX_GUARD(&f->lock);
    if (r->body_cut || !s3_fake_auth_admit(&f->options, r, a)) {
        return;
    }
    if (!find_key(f, r, &key)) {
        s3_fake_answer_error(a, 404, "NoSuchBucket");
    } else {
        s3_fake_bucket_apply(&f->bucket, r, key.len == 0 ? "" : key.ptr, a);
    }
}

/* ---- one connection ---- */

static bool take_rule(struct s3_fake *f, const struct s3_fake_request *r,
                      struct s3_fake_rule *ret_rule)
{
    MUTEX_GUARD(&f->lock);
    *vec_push(&f->targets) = str_dup(buf_str(&r->target));
    buf_add_str(&f->heads, buf_str(&r->head));
    for (size_t i = 0; i < f->rules.count; i++) {
        struct s3_fake_rule *rule = &f->rules.items[i];
        if (strstr(r->target.ptr, rule->match) == NULL) {
            continue;
        }
        if (rule->skip > 0) {
            rule->skip--;
            continue;
        }
        *ret_rule = *rule;
        if (rule->times > 0 && --rule->times == 0) {
            memmove(rule, rule + 1, (f->rules.count - 1 - i) * sizeof(*rule));
            f->rules.count--;
        }
        return true;
    }
    return false;
}

static void trickle(struct session *s, struct str bytes)
{
    for (size_t i = 0; i < bytes.len && !stop_wait_us(&s->fake->server.stop, 20000); i++) {
        if (!s3_fake_conn_write(s->conn, str_n(bytes.ptr + i, 1))) {
            return;
        }
    }
}

/* False when the connection is over. */
static bool respond(struct session *s, const struct s3_fake_request *r, struct s3_fake_answer *a,
                    enum s3_fake_kind kind)
{
    AUTO_BUF struct buf out = {0};
    if (kind == S3_FAKE_SHORTEN) {
        a->body.len /= 2;
    }
    if (kind == S3_FAKE_FLIP && a->body.len > 0) {
        a->body.ptr[a->body.len / 2] ^= 1;
    }
    buf_printf(&out, "HTTP/1.1 %d Fake\r\nContent-Length: %zu\r\nDate: ", a->status, a->body.len);
    s3_fake_http_date(&out, clock_wall_us() + s->fake->options.clock_offset_us);
    buf_printf(&out, "\r\n%s\r\n", a->headers.len == 0 ? "" : a->headers.ptr);
    if (!str_eq_c(r->method, "HEAD")) {
        size_t len = kind == S3_FAKE_TRUNCATE ? a->body.len / 2 : a->body.len;
        buf_add(&out, a->body.ptr, len);
    }
    if (kind == S3_FAKE_TRICKLE) {
        trickle(s, buf_str(&out));
        return true;
    }
    return s3_fake_conn_write(s->conn, buf_str(&out)) && kind != S3_FAKE_TRUNCATE;
}

static bool serve_fault(struct session *s, const struct s3_fake_request *r,
                        const struct s3_fake_rule *rule)
{
    AUTO_FAKE_ANSWER struct s3_fake_answer a = {0};
    bool applies = rule->kind == S3_FAKE_APPLY_STATUS || rule->kind == S3_FAKE_APPLY_DROP ||
                   rule->kind == S3_FAKE_TRUNCATE || rule->kind == S3_FAKE_SHORTEN ||
                   rule->kind == S3_FAKE_FLIP || rule->kind == S3_FAKE_TRICKLE;
    if (applies) {
        apply(s->fake, r, &a);
    }
    switch (rule->kind) {
    case S3_FAKE_STATUS:
    case S3_FAKE_APPLY_STATUS:
        s3_fake_answer_error(&a, rule->status, rule->code);
        break;
    case S3_FAKE_ERROR_BODY:
        s3_fake_answer_error(&a, 200, rule->code);
        break;
    case S3_FAKE_DROP:
    case S3_FAKE_APPLY_DROP:
        s3_fake_conn_reset(s->conn);
        return false;
    case S3_FAKE_STALL:
        while (!stop_wait_us(&s->fake->server.stop, 10000000)) {
        }
        return false;
    case S3_FAKE_REDIRECT:
        s3_fake_answer_error(&a, rule->status, rule->code);
        buf_printf(&a.headers, "Location: %s%.*s\r\n", rule->location, STR_FMT(r->path));
        break;
    case S3_FAKE_BODY:
        a.status = 200;
        buf_add_c(&a.body, rule->code);
        break;
    case S3_FAKE_TRUNCATE:
    case S3_FAKE_SHORTEN:
    case S3_FAKE_FLIP:
    case S3_FAKE_TRICKLE:
        break;
    }
    return respond(s, r, &a, rule->kind);
}

static bool serve_request(void *user, struct s3_fake_conn *conn)
{
    struct session session = {user, conn};
    struct session *s = &session;
    struct s3_fake_request r = {0};
    struct s3_fake_rule rule;
    bool go_on = false;
    if (s3_fake_request_read(s->conn, &r) > 0) {
        if (take_rule(s->fake, &r, &rule)) {
            go_on = serve_fault(s, &r, &rule);
        } else {
            AUTO_FAKE_ANSWER struct s3_fake_answer a = {0};
            apply(s->fake, &r, &a);
            go_on = a.status > 0 && respond(s, &r, &a, S3_FAKE_STATUS);
        }
    }
    s3_fake_request_done(&r);
    return go_on;
}

/* ---- for the tests ---- */

struct s3_fake *s3_fake_open(const struct s3_fake_options *options)
{
    struct s3_fake *f = mem_new(struct s3_fake);
    if (options != NULL) {
        f->options = *options;
    }
    mutex_init(&f->lock);
    f->bucket.options = &f->options;
    f->bucket.lock = &f->lock;
    SSL_CTX *tls = NULL;
    if (f->options.tls) {
        tls = s3_fake_tls_new(f->options.pem_path, f->options.expired_certificate);
    }
    http_fake_server_open(&f->server, 0, tls, serve_request, f);
    return f;
}

void s3_fake_close(struct s3_fake *f)
{
    http_fake_server_close(&f->server);
    s3_fake_bucket_done(&f->bucket);
    vec_done(&f->rules);
    for (size_t i = 0; i < f->targets.count; i++) {
        mem_free(f->targets.items[i]);
    }
    vec_done(&f->targets);
    buf_done(&f->heads);
    mutex_done(&f->lock);
    mem_free(f);
}

const char *s3_fake_endpoint(const struct s3_fake *f)
{
    return f->server.url;
}

int s3_fake_port(const struct s3_fake *f)
{
    return f->server.port;
}

void s3_fake_rule(struct s3_fake *f, struct s3_fake_rule rule)
{
    MUTEX_GUARD(&f->lock);
    *vec_push(&f->rules) = rule;
}

void s3_fake_clear_rules(struct s3_fake *f)
{
    MUTEX_GUARD(&f->lock);
    f->rules.count = 0;
}

unsigned s3_fake_count(struct s3_fake *f, const char *match)
{
    MUTEX_GUARD(&f->lock);
    unsigned count = 0;
    for (size_t i = 0; i < f->targets.count; i++) {
        count += strstr(f->targets.items[i], match) != NULL;
    }
    return count;
}

bool s3_fake_saw_header(struct s3_fake *f, const char *match)
{
    MUTEX_GUARD(&f->lock);
    return str_find_str(buf_str(&f->heads), str_of(match)) >= 0;
}

unsigned s3_fake_connections(struct s3_fake *f)
{
    return (unsigned)http_fake_server_connections(&f->server);
}

bool s3_fake_object(struct s3_fake *f, const char *key, struct buf *out)
{
    MUTEX_GUARD(&f->lock);
    const struct buf *body = s3_fake_bucket_find(&f->bucket, key);
    if (body != NULL) {
        buf_add_str(out, buf_str(body));
    }
    return body != NULL;
}

void s3_fake_set_object(struct s3_fake *f, struct str key, struct str body)
{
    AUTO_FREE char *name = str_dup(key);
    MUTEX_GUARD(&f->lock);
    s3_fake_bucket_set(&f->bucket, name, body);
}

size_t s3_fake_uploads(struct s3_fake *f)
{
    MUTEX_GUARD(&f->lock);
    return f->bucket.uploads.count;
}

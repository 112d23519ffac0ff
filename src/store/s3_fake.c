/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_fake - an S3 server in the test's own process that misbehaves on order
 *
 *  (1) One thread a connection; objects, uploads, rules and the record are under
 *      one lock, so a conditional put is atomic unless a test wants it otherwise.
 *  (2) A signature is computed anew from what came over the wire; the payload's
 *      hash is compared with the body.  What is not signed is refused.
 *
 * HTTP itself is s3_fake_http.c.
 */
#include "store/s3_fake.h"

#include "store/s3_fake_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SKEW_MAX_US ((int64_t)15 * 60 * 1000000)

struct object {
    char *key;
    struct buf body;
    char *checksum; /* x-amz-checksum-sha256 of the put, or NULL */
    int64_t modified_us;
};

struct part {
    uint64_t number;
    struct buf body;
};

struct upload {
    char *id;
    char *key;
    VEC(struct part) parts;
};

struct session {
    struct s3_fake *fake;
    struct thread thread;
    struct s3_fake_conn conn;
};

struct s3_fake {
    struct s3_fake_options options;
    SSL_CTX *tls;
    int fd;
    int port;
    char endpoint[64];
    struct thread acceptor;
    struct stop stop;
    struct mutex lock;
    /* guarded by .lock */
    VEC(struct session *) sessions;
    VEC(struct object) objects; /* in the order of keys */
    VEC(struct upload) uploads;
    VEC(struct s3_fake_rule) rules;
    VEC(char *) targets;
    struct buf heads;
    unsigned upload_count;
};

/* What is answered. */
struct answer {
    int status;
    struct buf headers; /* whole lines */
    struct buf body;
};

static void answer_done(struct answer *a)
{
    buf_done(&a->headers);
    buf_done(&a->body);
}

#define AUTO_FAKE_ANSWER AUTO(answer_done)

static void answer_error(struct answer *a, int status, const char *code)
{
    a->status = status;
    buf_reset(&a->headers);
    buf_reset(&a->body);
    if (code != NULL) {
        buf_printf(&a->body,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                   "<Message>The fake says &quot;%s&quot;</Message></Error>",
                   code, code);
    }
}

/* ---- objects ---- */

static size_t object_at(const struct s3_fake *f, const char *key)
{
    size_t at = 0;
    while (at < f->objects.count && strcmp(f->objects.items[at].key, key) < 0) {
        at++;
    }
    return at;
}

static struct object *object_find(struct s3_fake *f, const char *key)
{
    size_t at = object_at(f, key);
    bool found = at < f->objects.count && strcmp(f->objects.items[at].key, key) == 0;
    return found ? &f->objects.items[at] : NULL;
}

static void object_done(struct object *o)
{
    mem_free(o->key);
    mem_free(o->checksum);
    buf_done(&o->body);
}

static void object_set(struct s3_fake *f, const char *key, struct str body, struct str checksum)
{
    struct object *o = object_find(f, key);
    if (o == NULL) {
        size_t at = object_at(f, key);
        vec_push(&f->objects);
        o = &f->objects.items[at];
        memmove(o + 1, o, (f->objects.count - 1 - at) * sizeof(*o));
        *o = (struct object){.key = mem_strdup(key)};
    }
    buf_reset(&o->body);
    buf_add_str(&o->body, body);
    mem_free(o->checksum);
    o->checksum = checksum.len == 0 ? NULL : str_dup(checksum);
    o->modified_us = clock_wall_us();
}

static void add_etag(struct buf *headers, struct str body)
{
    char hex[STORE_SIGV4_SHA256];
    store_sigv4_sha256(body, hex);
    buf_printf(headers, "ETag: \"%.32s\"\r\n", hex);
}

static void put_object(struct s3_fake *f, const struct s3_fake_request *r, const char *key,
                       struct answer *a)
{
    bool conditional =
        str_eq_c(s3_fake_request_header(r, "if-none-match"), "*") && !f->options.ignores_condition;
    if (conditional && object_find(f, key) != NULL) {
        if (f->options.losers_get_409) {
            answer_error(a, 409, "ConditionalRequestConflict");
        } else {
            answer_error(a, 412, "PreconditionFailed");
        }
        return;
    }
    if (conditional && f->options.racy) {
        mutex_unlock(&f->lock);
        clock_sleep_us(30000);
        mutex_lock(&f->lock);
    }
    object_set(f, key, buf_str(&r->body), s3_fake_request_header(r, "x-amz-checksum-sha256"));
    a->status = 200;
    add_etag(&a->headers, buf_str(&r->body));
}

/* "bytes=0-9"; false when it is not satisfiable. */
static bool range_of(struct str header, uint64_t total, uint64_t *ret_first, uint64_t *ret_last)
{
    struct str span = str_skip(header, strlen("bytes="));
    ptrdiff_t dash = str_find(span, '-');
    bool ok = dash > 0 && str_to_u64(str_head(span, (size_t)dash), ret_first) &&
              str_to_u64(str_skip(span, (size_t)dash + 1), ret_last);
    assert(ok);
    *ret_last = *ret_last < total ? *ret_last : total - 1;
    return *ret_first < total;
}

static void get_object(struct s3_fake *f, const struct s3_fake_request *r, const char *key,
                       struct answer *a)
{
    const struct object *o = object_find(f, key);
    if (o == NULL) {
        answer_error(a, 404, "NoSuchKey");
        return;
    }
    struct str body = buf_str(&o->body);
    struct str range = s3_fake_request_header(r, "range");
    a->status = 200;
    buf_add_c(&a->headers, "Last-Modified: ");
    s3_fake_http_date(&a->headers, o->modified_us);
    buf_add_c(&a->headers, "\r\n");
    add_etag(&a->headers, body);
    if (range.len > 0 && !f->options.ignores_range) {
        uint64_t first;
        uint64_t last;
        if (!range_of(range, body.len, &first, &last)) {
            answer_error(a, 416, "InvalidRange");
            return;
        }
        a->status = 206;
        buf_printf(&a->headers, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%zu\r\n", first, last,
                   body.len);
        body = str_n(body.ptr + first, (size_t)(last - first + 1));
    } else if (o->checksum != NULL &&
               str_eq_c(s3_fake_request_header(r, "x-amz-checksum-mode"), "ENABLED")) {
        buf_printf(&a->headers, "x-amz-checksum-sha256: %s\r\n", o->checksum);
    }
    buf_add_str(&a->body, body);
}

static void delete_object(struct s3_fake *f, const char *key, struct answer *a)
{
    struct object *o = object_find(f, key);
    a->status = 204;
    if (o != NULL) {
        size_t at = (size_t)(o - f->objects.items);
        object_done(o);
        memmove(o, o + 1, (f->objects.count - 1 - at) * sizeof(*o));
        f->objects.count--;
    }
}

/* ---- list ---- */

static void add_xml(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '&' || *text == '<' || *text == '>') {
            buf_printf(out, "&#x%X;", (unsigned)*text);
        } else {
            buf_add_char(out, *text);
        }
    }
}

/* As AWS and MinIO do: a space is '+'. */
static void add_url(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == ' ') {
            buf_add_char(out, '+');
        } else {
            uri_encode(out, str_n(text, 1), "/");
        }
    }
}

static void add_contents(struct buf *out, const struct object *o, bool encoded)
{
    buf_add_c(out, "<Contents><Key>");
    (encoded ? add_url : add_xml)(out, o->key);
    buf_add_c(out, "</Key><LastModified>");
    clock_add_iso_ms(out, o->modified_us);
    buf_printf(out, "</LastModified><ETag>&quot;x&quot;</ETag><Size>%zu</Size></Contents>",
               o->body.len);
}

static void list_objects(struct s3_fake *f, const struct s3_fake_request *r, struct answer *a)
{
    AUTO_BUF struct buf prefix = {0};
    AUTO_BUF struct buf after = {0};
    AUTO_BUF struct buf encoding = {0};
    (void)s3_fake_request_query(r, "prefix", &prefix);
    if (!s3_fake_request_query(r, "continuation-token", &after)) {
        (void)s3_fake_request_query(r, "start-after", &after);
    }
    bool encoded =
        s3_fake_request_query(r, "encoding-type", &encoding) && !f->options.ignores_encoding;
    size_t page_keys = f->options.page_keys > 0 ? f->options.page_keys : 1000;
    AUTO_BUF struct buf items = {0};
    const char *last = NULL;
    size_t count = 0;
    bool truncated = false;
    for (size_t i = 0; i < f->objects.count && !truncated; i++) {
        size_t at = f->options.unordered ? f->objects.count - 1 - i : i;
        const struct object *o = &f->objects.items[at];
        if (!str_starts(str_of(o->key), buf_str(&prefix)) ||
            str_cmp(str_of(o->key), buf_str(&after)) <= 0) {
            continue;
        }
        truncated = count == page_keys;
        if (!truncated) {
            add_contents(&items, o, encoded);
            last = o->key;
            count++;
        }
    }
    a->status = 200;
    buf_printf(&a->body,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
               "<Name>bucket</Name><IsTruncated>%s</IsTruncated>",
               truncated ? "true" : "false");
    buf_add_c(&a->body, encoded ? "<EncodingType>url</EncodingType>" : "");
    if (truncated) {
        buf_add_c(&a->body, "<NextContinuationToken>");
        add_xml(&a->body, last);
        buf_add_c(&a->body, "</NextContinuationToken>");
    }
    buf_add_str(&a->body, buf_str(&items));
    buf_add_c(&a->body, "</ListBucketResult>");
}

/* ---- multipart uploads ---- */

static void upload_remove(struct s3_fake *f, struct upload *u)
{
    size_t at = (size_t)(u - f->uploads.items);
    vec_foreach (struct part, p, &u->parts) {
        buf_done(&p->body);
    }
    vec_done(&u->parts);
    mem_free(u->id);
    mem_free(u->key);
    memmove(u, u + 1, (f->uploads.count - 1 - at) * sizeof(*u));
    f->uploads.count--;
}

static void upload_create(struct s3_fake *f, const char *key, struct answer *a)
{
    struct upload *u = vec_push(&f->uploads);
    *u =
        (struct upload){.id = mem_printf("upload/%u+=", ++f->upload_count), .key = mem_strdup(key)};
    a->status = 200;
    buf_printf(&a->body,
               "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><UploadId>%s</UploadId>"
               "</InitiateMultipartUploadResult>",
               u->id);
}

static void upload_part(struct upload *u, const struct s3_fake_request *r, uint64_t number,
                        struct answer *a)
{
    struct part *part = NULL;
    vec_foreach (struct part, p, &u->parts) {
        part = p->number == number ? p : part;
    }
    if (part == NULL) {
        part = vec_push(&u->parts);
        part->number = number;
    }
    buf_reset(&part->body);
    buf_add_str(&part->body, buf_str(&r->body));
    a->status = 200;
    add_etag(&a->headers, buf_str(&part->body));
}

static int part_cmp(const void *a, const void *b)
{
    const struct part *x = a;
    const struct part *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void upload_complete(struct s3_fake *f, struct upload *u, const struct s3_fake_request *r,
                            struct answer *a)
{
    AUTO_BUF struct buf whole = {0};
    AUTO_BUF struct buf expected = {0};
    qsort(u->parts.items, u->parts.count, sizeof(struct part), part_cmp);
    buf_add_c(&expected, "<CompleteMultipartUpload>");
    vec_foreach (struct part, p, &u->parts) {
        char hex[STORE_SIGV4_SHA256];
        store_sigv4_sha256(buf_str(&p->body), hex);
        buf_printf(&expected,
                   "<Part><PartNumber>%" PRIu64 "</PartNumber><ETag>&#34;%.32s&#34;</ETag></Part>",
                   p->number, hex);
        buf_add_str(&whole, buf_str(&p->body));
    }
    buf_add_c(&expected, "</CompleteMultipartUpload>");
    if (!str_eq(buf_str(&expected), buf_str(&r->body))) {
        answer_error(a, 400, "InvalidPart");
        return;
    }
    object_set(f, u->key, buf_str(&whole), STR("composite-3"));
    upload_remove(f, u);
    a->status = 200;
    buf_add_c(&a->body, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
}

/* True when the request is about an upload. */
static bool apply_upload(struct s3_fake *f, const struct s3_fake_request *r, const char *key,
                         struct answer *a)
{
    AUTO_BUF struct buf id = {0};
    AUTO_BUF struct buf number = {0};
    AUTO_BUF struct buf ignored = {0};
    if (str_eq_c(r->method, "POST") && s3_fake_request_query(r, "uploads", &ignored)) {
        upload_create(f, key, a);
        return true;
    }
    if (!s3_fake_request_query(r, "uploadId", &id)) {
        return false;
    }
    struct upload *upload = NULL;
    vec_foreach (struct upload, u, &f->uploads) {
        bool same = str_eq_c(buf_str(&id), u->id) && strcmp(u->key, key) == 0;
        upload = same ? u : upload;
    }
    uint64_t part_number = 0;
    if (upload == NULL) {
        answer_error(a, 404, "NoSuchUpload");
    } else if (str_eq_c(r->method, "PUT") && s3_fake_request_query(r, "partNumber", &number) &&
               str_to_u64(buf_str(&number), &part_number)) {
        upload_part(upload, r, part_number, a);
    } else if (str_eq_c(r->method, "POST")) {
        upload_complete(f, upload, r, a);
    } else {
        upload_remove(f, upload);
        a->status = 204;
    }
    return true;
}

/* ---- who may ---- */

static bool parse_amz_date(struct str date, int64_t *ret_us)
{
    char iso[32];
    bool has_zone;
    if (date.len != 16) {
        return false;
    }
    snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", date.ptr, date.ptr + 4,
             date.ptr + 6, date.ptr + 9, date.ptr + 11, date.ptr + 13);
    return clock_parse_timestamp(str_of(iso), ret_us, &has_zone);
}

/* The code of what is wrong, or NULL. */
static const char *check_signature(const struct s3_fake *f, const struct s3_fake_request *r)
{
    struct str given = s3_fake_request_header(r, "authorization");
    struct str hash = s3_fake_request_header(r, "x-amz-content-sha256");
    struct str date = s3_fake_request_header(r, "x-amz-date");
    char actual[STORE_SIGV4_SHA256];
    store_sigv4_sha256(buf_str(&r->body), actual);
    if (!str_eq_c(hash, actual)) {
        return "XAmzContentSHA256Mismatch";
    }
    struct store_sigv4_pair headers[16];
    size_t count = 0;
    for (size_t i = 0; i < r->headers.count; i++) {
        struct str name = r->headers.items[i].name;
        bool is_signed = str_starts(name, STR("x-amz-")) || str_eq_c(name, "host") ||
                         str_eq_c(name, "range") || str_eq_c(name, "if-none-match") ||
                         str_eq_c(name, "content-type");
        if (is_signed) {
            assert(count < ARRAY_COUNT(headers));
            headers[count++] = r->headers.items[i];
        }
    }
    ptrdiff_t scope = str_find(given, '/');
    struct str region = str_skip(given, (size_t)(scope < 0 ? 0 : scope) + 1);
    (void)str_split(&region, '/', &(struct str){NULL, 0});
    struct str own_region = region;
    (void)str_split(&region, '/', &own_region);
    struct store_sigv4_key key = {STR(S3_FAKE_ACCESS_KEY), STR(S3_FAKE_SECRET_KEY), own_region,
                                  STR("s3")};
    struct store_sigv4_request request = {r->method, r->path, r->query, headers, count, hash};
    char date_text[STORE_SIGV4_DATE];
    snprintf(date_text, sizeof(date_text), "%.*s", STR_FMT(date));
    AUTO_BUF struct buf expected = {0};
    store_sigv4_sign(&key, &request, date_text, &expected);
    if (!str_eq(given, buf_str(&expected))) {
        return "SignatureDoesNotMatch";
    }
    bool wrong_region = f->options.region != NULL && !str_eq_c(own_region, f->options.region);
    return wrong_region ? "AuthorizationHeaderMalformed" : NULL;
}

/* False when the request is refused. */
static bool admit(const struct s3_fake *f, const struct s3_fake_request *r, struct answer *a)
{
    int64_t stamp_us;
    int64_t now_us = clock_wall_us() + f->options.clock_offset_us;
    if (!parse_amz_date(s3_fake_request_header(r, "x-amz-date"), &stamp_us)) {
        answer_error(a, 403, "AccessDenied");
        return false;
    }
    if (stamp_us - now_us > SKEW_MAX_US || now_us - stamp_us > SKEW_MAX_US) {
        answer_error(a, 403, "RequestTimeTooSkewed");
        return false;
    }
    if (f->options.token != NULL &&
        !str_eq_c(s3_fake_request_header(r, "x-amz-security-token"), f->options.token)) {
        answer_error(a, 400, "ExpiredToken");
        return false;
    }
    const char *fault = check_signature(f, r);
    if (fault == NULL) {
        return true;
    }
    bool moved = strcmp(fault, "AuthorizationHeaderMalformed") == 0;
    answer_error(a, moved ? 400 : 403, fault);
    if (moved) {
        buf_reset(&a->body);
        buf_printf(&a->body, "<Error><Code>%s</Code><Region>%s</Region></Error>", fault,
                   f->options.region);
    }
    return false;
}

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

static void apply(struct s3_fake *f, const struct s3_fake_request *r, struct answer *a)
{
    AUTO_BUF struct buf key = {0};
    MUTEX_GUARD(&f->lock);
    if (r->body_cut || !admit(f, r, a)) {
        return;
    }
    if (!find_key(f, r, &key)) {
        answer_error(a, 404, "NoSuchBucket");
    } else if (key.len == 0) {
        list_objects(f, r, a);
    } else if (apply_upload(f, r, key.ptr, a)) {
        return;
    } else if (str_eq_c(r->method, "PUT")) {
        put_object(f, r, key.ptr, a);
    } else if (str_eq_c(r->method, "DELETE")) {
        delete_object(f, key.ptr, a);
    } else {
        get_object(f, r, key.ptr, a);
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
    for (size_t i = 0; i < bytes.len && !stop_wait_us(&s->fake->stop, 20000); i++) {
        if (!s3_fake_conn_write(&s->conn, str_n(bytes.ptr + i, 1))) {
            return;
        }
    }
}

/* False when the connection is over. */
static bool respond(struct session *s, const struct s3_fake_request *r, struct answer *a,
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
    return s3_fake_conn_write(&s->conn, buf_str(&out)) && kind != S3_FAKE_TRUNCATE;
}

static bool serve_fault(struct session *s, const struct s3_fake_request *r,
                        const struct s3_fake_rule *rule)
{
    AUTO_FAKE_ANSWER struct answer a = {0};
    bool applies = rule->kind == S3_FAKE_APPLY_STATUS || rule->kind == S3_FAKE_APPLY_DROP ||
                   rule->kind == S3_FAKE_TRUNCATE || rule->kind == S3_FAKE_SHORTEN ||
                   rule->kind == S3_FAKE_FLIP || rule->kind == S3_FAKE_TRICKLE;
    if (applies) {
        apply(s->fake, r, &a);
    }
    switch (rule->kind) {
    case S3_FAKE_STATUS:
    case S3_FAKE_APPLY_STATUS:
        answer_error(&a, rule->status, rule->code);
        break;
    case S3_FAKE_ERROR_BODY:
        answer_error(&a, 200, rule->code);
        break;
    case S3_FAKE_DROP:
    case S3_FAKE_APPLY_DROP:
        s3_fake_conn_reset(&s->conn);
        return false;
    case S3_FAKE_STALL:
        while (!stop_wait_us(&s->fake->stop, 10000000)) {
        }
        return false;
    case S3_FAKE_REDIRECT:
        answer_error(&a, rule->status, rule->code);
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

static bool serve_request(struct session *s)
{
    struct s3_fake_request r = {0};
    struct s3_fake_rule rule;
    bool go_on = false;
    if (s3_fake_request_read(&s->conn, &r) > 0) {
        if (take_rule(s->fake, &r, &rule)) {
            go_on = serve_fault(s, &r, &rule);
        } else {
            AUTO_FAKE_ANSWER struct answer a = {0};
            apply(s->fake, &r, &a);
            go_on = a.status > 0 && respond(s, &r, &a, S3_FAKE_STATUS);
        }
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
    struct s3_fake *f = user;
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
        thread_start(&s->thread, "fake-s3", serve, s);
    }
}

/* ---- for the tests ---- */

struct s3_fake *s3_fake_open(const struct s3_fake_options *options)
{
    struct s3_fake *f = mem_new(struct s3_fake);
    if (options != NULL) {
        f->options = *options;
    }
    stop_init(&f->stop);
    mutex_init(&f->lock);
    if (f->options.tls) {
        f->tls = s3_fake_tls_new(f->options.pem_path, f->options.expired_certificate);
    }
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(f->fd >= 0);
    bool ok = bind(f->fd, (struct sockaddr *)&at, len) == 0 && listen(f->fd, 64) == 0 &&
              getsockname(f->fd, (struct sockaddr *)&at, &len) == 0;
    assert(ok);
    f->port = ntohs(at.sin_port);
    snprintf(f->endpoint, sizeof(f->endpoint), "%s://127.0.0.1:%d",
             f->options.tls ? "https" : "http", f->port);
    thread_start(&f->acceptor, "fake-s3", accept_all, f);
    return f;
}

void s3_fake_close(struct s3_fake *f)
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
    vec_done(&f->sessions);
    vec_foreach (struct object, o, &f->objects) {
        object_done(o);
    }
    vec_done(&f->objects);
    while (f->uploads.count > 0) {
        upload_remove(f, &f->uploads.items[0]);
    }
    vec_done(&f->uploads);
    vec_done(&f->rules);
    for (size_t i = 0; i < f->targets.count; i++) {
        mem_free(f->targets.items[i]);
    }
    vec_done(&f->targets);
    buf_done(&f->heads);
    SSL_CTX_free(f->tls);
    fd_close(&f->fd);
    mutex_done(&f->lock);
    stop_done(&f->stop);
    mem_free(f);
}

const char *s3_fake_endpoint(const struct s3_fake *f)
{
    return f->endpoint;
}

int s3_fake_port(const struct s3_fake *f)
{
    return f->port;
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
    MUTEX_GUARD(&f->lock);
    return (unsigned)f->sessions.count;
}

bool s3_fake_object(struct s3_fake *f, const char *key, struct buf *out)
{
    MUTEX_GUARD(&f->lock);
    const struct object *o = object_find(f, key);
    if (o != NULL) {
        buf_add_str(out, buf_str(&o->body));
    }
    return o != NULL;
}

void s3_fake_set_object(struct s3_fake *f, struct str key, struct str body)
{
    AUTO_FREE char *name = str_dup(key);
    MUTEX_GUARD(&f->lock);
    object_set(f, name, body, STR(""));
}

size_t s3_fake_uploads(struct s3_fake *f)
{
    MUTEX_GUARD(&f->lock);
    return f->uploads.count;
}

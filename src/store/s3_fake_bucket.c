/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_fake_bucket - what the fake keeps: objects in order, and uploads in parts
 *
 * All under the server's lock, so that a conditional put is atomic, unless a
 * test wants it otherwise (racy).
 */
#include "store/s3_fake_bucket.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- objects ---- */

static size_t object_at(const struct s3_fake_bucket *b, const char *key)
{
    size_t at = 0;
    while (at < b->objects.count && strcmp(b->objects.items[at].key, key) < 0) {
        at++;
    }
    return at;
}

static struct s3_fake_object *object_find(struct s3_fake_bucket *b, const char *key)
{
    size_t at = object_at(b, key);
    bool found = at < b->objects.count && strcmp(b->objects.items[at].key, key) == 0;
    return found ? &b->objects.items[at] : NULL;
}

static void object_done(struct s3_fake_object *o)
{
    mem_free(o->key);
    mem_free(o->checksum);
    buf_done(&o->body);
}

static void object_set(struct s3_fake_bucket *b, const char *key, struct str body,
                       struct str checksum)
{
    struct s3_fake_object *o = object_find(b, key);
    if (o == NULL) {
        size_t at = object_at(b, key);
        vec_push(&b->objects);
        o = &b->objects.items[at];
        memmove(o + 1, o, (b->objects.count - 1 - at) * sizeof(*o));
        *o = (struct s3_fake_object){.key = mem_strdup(key)};
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

static void put_object(struct s3_fake_bucket *b, const struct s3_fake_request *r, const char *key,
                       struct s3_fake_answer *a)
{
    bool conditional =
        str_eq_c(s3_fake_request_header(r, "if-none-match"), "*") && !b->options->ignores_condition;
    if (conditional && object_find(b, key) != NULL) {
        if (b->options->losers_get_409) {
            s3_fake_answer_error(a, 409, "ConditionalRequestConflict");
        } else {
            s3_fake_answer_error(a, 412, "PreconditionFailed");
        }
        return;
    }
    if (conditional && b->options->racy) {
        mutex_unlock(b->lock);
        clock_sleep_us(30000);
        mutex_lock(b->lock);
    }
    object_set(b, key, buf_str(&r->body), s3_fake_request_header(r, "x-amz-checksum-sha256"));
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

static void get_object(struct s3_fake_bucket *b, const struct s3_fake_request *r, const char *key,
                       struct s3_fake_answer *a)
{
    const struct s3_fake_object *o = object_find(b, key);
    if (o == NULL) {
        s3_fake_answer_error(a, 404, "NoSuchKey");
        return;
    }
    struct str body = buf_str(&o->body);
    struct str range = s3_fake_request_header(r, "range");
    a->status = 200;
    buf_add_c(&a->headers, "Last-Modified: ");
    s3_fake_http_date(&a->headers, o->modified_us);
    buf_add_c(&a->headers, "\r\n");
    add_etag(&a->headers, body);
    if (range.len > 0 && !b->options->ignores_range) {
        uint64_t first;
        uint64_t last;
        if (!range_of(range, body.len, &first, &last)) {
            s3_fake_answer_error(a, 416, "InvalidRange");
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

static void delete_object(struct s3_fake_bucket *b, const char *key, struct s3_fake_answer *a)
{
    struct s3_fake_object *o = object_find(b, key);
    a->status = 204;
    if (o != NULL) {
        size_t at = (size_t)(o - b->objects.items);
        object_done(o);
        memmove(o, o + 1, (b->objects.count - 1 - at) * sizeof(*o));
        b->objects.count--;
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

static void add_contents(struct buf *out, const struct s3_fake_object *o, bool encoded)
{
    buf_add_c(out, "<Contents><Key>");
    (encoded ? add_url : add_xml)(out, o->key);
    buf_add_c(out, "</Key><LastModified>");
    clock_add_iso_ms(out, o->modified_us);
    buf_printf(out, "</LastModified><ETag>&quot;x&quot;</ETag><Size>%zu</Size></Contents>",
               o->body.len);
}

static void list_objects(struct s3_fake_bucket *b, const struct s3_fake_request *r,
                         struct s3_fake_answer *a)
{
    AUTO_BUF struct buf prefix = {0};
    AUTO_BUF struct buf after = {0};
    AUTO_BUF struct buf encoding = {0};
    (void)s3_fake_request_query(r, "prefix", &prefix);
    if (!s3_fake_request_query(r, "continuation-token", &after)) {
        (void)s3_fake_request_query(r, "start-after", &after);
    }
    bool encoded =
        s3_fake_request_query(r, "encoding-type", &encoding) && !b->options->ignores_encoding;
    size_t page_keys = b->options->page_keys > 0 ? b->options->page_keys : 1000;
    AUTO_BUF struct buf items = {0};
    const char *last = NULL;
    size_t count = 0;
    bool truncated = false;
    for (size_t i = 0; i < b->objects.count && !truncated; i++) {
        size_t at = b->options->unordered ? b->objects.count - 1 - i : i;
        const struct s3_fake_object *o = &b->objects.items[at];
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

static void upload_remove(struct s3_fake_bucket *b, struct s3_fake_upload *u)
{
    size_t at = (size_t)(u - b->uploads.items);
    vec_foreach (struct s3_fake_part, p, &u->parts) {
        buf_done(&p->body);
    }
    vec_done(&u->parts);
    mem_free(u->id);
    mem_free(u->key);
    memmove(u, u + 1, (b->uploads.count - 1 - at) * sizeof(*u));
    b->uploads.count--;
}

static void upload_create(struct s3_fake_bucket *b, const char *key, struct s3_fake_answer *a)
{
    struct s3_fake_upload *u = vec_push(&b->uploads);
    *u = (struct s3_fake_upload){.id = mem_printf("upload/%u+=", ++b->upload_count),
                                 .key = mem_strdup(key)};
    a->status = 200;
    buf_printf(&a->body,
               "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><UploadId>%s</UploadId>"
               "</InitiateMultipartUploadResult>",
               u->id);
}

static void upload_part(struct s3_fake_upload *u, const struct s3_fake_request *r, uint64_t number,
                        struct s3_fake_answer *a)
{
    struct s3_fake_part *part = NULL;
    vec_foreach (struct s3_fake_part, p, &u->parts) {
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
    const struct s3_fake_part *x = a;
    const struct s3_fake_part *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void upload_complete(struct s3_fake_bucket *b, struct s3_fake_upload *u,
                            const struct s3_fake_request *r, struct s3_fake_answer *a)
{
    AUTO_BUF struct buf whole = {0};
    AUTO_BUF struct buf expected = {0};
    qsort(u->parts.items, u->parts.count, sizeof(struct s3_fake_part), part_cmp);
    buf_add_c(&expected, "<CompleteMultipartUpload>");
    vec_foreach (struct s3_fake_part, p, &u->parts) {
        char hex[STORE_SIGV4_SHA256];
        store_sigv4_sha256(buf_str(&p->body), hex);
        buf_printf(&expected,
                   "<Part><PartNumber>%" PRIu64 "</PartNumber><ETag>&#34;%.32s&#34;</ETag></Part>",
                   p->number, hex);
        buf_add_str(&whole, buf_str(&p->body));
    }
    buf_add_c(&expected, "</CompleteMultipartUpload>");
    if (!str_eq(buf_str(&expected), buf_str(&r->body))) {
        s3_fake_answer_error(a, 400, "InvalidPart");
        return;
    }
    object_set(b, u->key, buf_str(&whole), STR("composite-3"));
    upload_remove(b, u);
    a->status = 200;
    buf_add_c(&a->body, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
}

/* True when the request is about an upload. */
static bool apply_upload(struct s3_fake_bucket *b, const struct s3_fake_request *r, const char *key,
                         struct s3_fake_answer *a)
{
    AUTO_BUF struct buf id = {0};
    AUTO_BUF struct buf number = {0};
    AUTO_BUF struct buf ignored = {0};
    if (str_eq_c(r->method, "POST") && s3_fake_request_query(r, "uploads", &ignored)) {
        upload_create(b, key, a);
        return true;
    }
    if (!s3_fake_request_query(r, "uploadId", &id)) {
        return false;
    }
    struct s3_fake_upload *upload = NULL;
    vec_foreach (struct s3_fake_upload, u, &b->uploads) {
        bool same = str_eq_c(buf_str(&id), u->id) && strcmp(u->key, key) == 0;
        upload = same ? u : upload;
    }
    uint64_t part_number = 0;
    if (upload == NULL) {
        s3_fake_answer_error(a, 404, "NoSuchUpload");
    } else if (str_eq_c(r->method, "PUT") && s3_fake_request_query(r, "partNumber", &number) &&
               str_to_u64(buf_str(&number), &part_number)) {
        upload_part(upload, r, part_number, a);
    } else if (str_eq_c(r->method, "POST")) {
        upload_complete(b, upload, r, a);
    } else {
        upload_remove(b, upload);
        a->status = 204;
    }
    return true;
}

/* ---- the face ---- */

void s3_fake_bucket_done(struct s3_fake_bucket *b)
{
    vec_foreach (struct s3_fake_object, o, &b->objects) {
        object_done(o);
    }
    vec_done(&b->objects);
    while (b->uploads.count > 0) {
        upload_remove(b, &b->uploads.items[0]);
    }
    vec_done(&b->uploads);
}

void s3_fake_bucket_apply(struct s3_fake_bucket *b, const struct s3_fake_request *r,
                          const char *key, struct s3_fake_answer *a)
{
    if (key[0] == '\0') {
        list_objects(b, r, a);
    } else if (apply_upload(b, r, key, a)) {
        return;
    } else if (str_eq_c(r->method, "PUT")) {
        put_object(b, r, key, a);
    } else if (str_eq_c(r->method, "DELETE")) {
        delete_object(b, key, a);
    } else {
        get_object(b, r, key, a);
    }
}

const struct buf *s3_fake_bucket_find(struct s3_fake_bucket *b, const char *key)
{
    const struct s3_fake_object *o = object_find(b, key);
    return o == NULL ? NULL : &o->body;
}

void s3_fake_bucket_set(struct s3_fake_bucket *b, const char *key, struct str body)
{
    object_set(b, key, body, STR(""));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_attempt - one signed HTTP exchange over a pooled connection
 *
 *  (1) Every attempt is signed anew, over the payload's hash: nothing is sent
 *      unsigned, so that no server can take half a body for the whole.
 *  (2) A request marked `once` leaves at most once.  libcurl by itself sends a
 *      request again when a kept connection turns out to be dead, which for a
 *      conditional put is the classic lost commit: the first copy may have been
 *      carried out, and the second is told 412.  on_request() is called before
 *      each sending, resends too, and refuses the second; so connections can be
 *      kept without that risk.  It also tells exactly whether a request left.
 *  (3) A cancel or the deadline ends an exchange wherever it is.
 *
 * Connections are http_pool.c, trying again is s3_http.c.
 */
#include "store/s3_attempt.h"

#include <curl/curl.h>
#include <stdio.h>
#include <unistd.h>

#define SECOND_US       ((int64_t)1000000)
#define IDLE_MAX_S      20L /* a connection idle for longer is not used again */
#define IDLE_MAX_ONCE_S 10L

/* ---- libcurl's callbacks ---- */

/* Rule (2). */
static int on_request(void *user, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct store_s3_attempt *t = user;
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    if (t->request->once && t->times_sent > 0) {
        return CURL_PREREQFUNC_ABORT;
    }
    t->times_sent++;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct store_s3_attempt *t = user;
    struct str line = str_n(bytes, size * count);
    if (str_starts_nocase(line, STR("HTTP/"))) {
        /* The final one, or a 100 Continue before it. */
        long status = 0;
        store_s3_answer_reset(t->answer);
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        t->answer->status = (int)status;
    } else {
        store_s3_answer_header(t->answer, line);
    }
    return line.len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct store_s3_attempt *t = user;
    size_t len = size * count;
    bool is_2xx = t->answer->status >= 200 && t->answer->status < 300;
    t->answer->body_bytes += len;
    if (is_2xx && t->request->out != NULL) {
        buf_add(t->request->out, bytes, len);
        t->overflow = t->request->out->overflow;
        return t->overflow ? 0 : len;
    }
    buf_add(&t->answer->text, bytes, len); /* what is too much is dropped */
    return len;
}

static size_t on_read(char *bytes, size_t size, size_t count, void *user)
{
    struct store_s3_attempt *t = user;
    const struct store_s3_request *r = t->request;
    uint64_t left = r->file_bytes - t->file_at;
    size_t want = size * count < left ? size * count : (size_t)left;
    if (want == 0) {
        return 0;
    }
    ssize_t got = pread(r->fd, bytes, want, (off_t)(r->file_offset + t->file_at));
    if (got <= 0) {
        t->file_failed = true;
        return CURL_READFUNC_ABORT;
    }
    t->file_at += (uint64_t)got;
    return (size_t)got;
}

static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct store_s3_attempt *t = user;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->request->file_bytes) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    t->file_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- one attempt ---- */

/* What libcurl is told about one attempt; both lists must outlive it. */
struct headers {
    struct store_sigv4_pair pairs[STORE_S3_HEADERS_MAX + 8];
    size_t count;
};

static void add_header(struct headers *h, const char *name, struct str value)
{
    assert(h->count < ARRAY_COUNT(h->pairs));
    h->pairs[h->count++] = (struct store_sigv4_pair){str_of(name), value};
}

/* All but the signature: what is signed is exactly what is sent. */
static void gather_headers(const struct store_s3_request *r, const struct store_s3_target *w,
                           const char *date, struct str host, struct str token, struct str range,
                           struct headers *out)
{
    add_header(out, "host", host);
    add_header(out, "x-amz-content-sha256", str_of(w->payload_hex));
    add_header(out, "x-amz-date", str_n(date, STORE_SIGV4_DATE - 1));
    if (token.len > 0) {
        add_header(out, "x-amz-security-token", token);
    }
    if (r->has_body) {
        add_header(out, "content-type", STR("application/octet-stream"));
    }
    if (r->sends_checksum) {
        add_header(out, "x-amz-checksum-sha256", str_of(w->payload_base64));
    }
    if (r->has_range) {
        add_header(out, "range", range);
    }
    assert(r->header_count <= STORE_S3_HEADERS_MAX);
    for (size_t i = 0; i < r->header_count; i++) {
        out->pairs[out->count++] = r->headers[i];
    }
}

/* Makes the URL and the signed headers, with the store's present clock, region and keys. */
static void sign(struct store_s3 *s, struct store_s3_attempt *t, const struct store_s3_target *w,
                 struct buf *url, struct curl_slist **list)
{
    AUTO_BUF struct buf host = {0};
    AUTO_BUF struct buf authorization = {0};
    AUTO_BUF struct buf range = {0};
    char date[STORE_SIGV4_DATE];
    struct headers headers = {.count = 0};
    const struct store_s3_request *r = t->request;
    if (r->has_range) {
        uint64_t last = r->range_offset + (r->range_len - 1);
        buf_printf(&range, "bytes=%" PRIu64 "-%" PRIu64, r->range_offset,
                   last < r->range_offset ? INT64_MAX : last);
    }
    MUTEX_GUARD(&s->lock);
    const struct store_s3_config *c = &s->config;
    t->keys_generation = s->keys_generation;
    if (w->host != NULL) {
        buf_add_c(&host, w->host);
    } else {
        buf_printf(&host, "%s%s%s", c->path_style ? "" : c->bucket, c->path_style ? "" : ".",
                   c->host);
    }
    buf_printf(url, "%s://%s%s%s%s", w->scheme != NULL ? w->scheme : c->scheme, host.ptr,
               w->path.ptr, w->query.len > 0 ? "?" : "", w->query.len > 0 ? w->query.ptr : "");
    store_sigv4_date(clock_wall_us() + s->clock_offset_us, date);
    gather_headers(r, w, date, buf_str(&host), str_of(c->credentials.session_token),
                   buf_str(&range), &headers);
    struct store_sigv4_key key = {
        .access_key = str_of(c->credentials.access_key),
        .secret_key = str_of(c->credentials.secret_key),
        .region = str_of(c->region),
        .service = STR("s3"),
    };
    struct store_sigv4_request request = {
        .method = str_of(r->method),
        .path = buf_str(&w->path),
        .query = buf_str(&w->query),
        .headers = headers.pairs,
        .header_count = headers.count,
        .payload_sha256 = str_of(w->payload_hex),
    };
    buf_add_c(&authorization, "Authorization: ");
    store_sigv4_sign(&key, &request, date, &authorization);
    store_http_pool_slist_add(list, authorization.ptr);
    for (size_t i = 0; i < headers.count; i++) {
        AUTO_BUF struct buf line = {0};
        buf_printf(&line, "%.*s: %.*s", STR_FMT(headers.pairs[i].name),
                   STR_FMT(headers.pairs[i].value));
        store_http_pool_slist_add(list, line.ptr);
    }
    store_http_pool_slist_add(
        list, "Expect:"); /* a 100 Continue would hold a server's lock for a round trip */
}

static void set_body(CURL *easy, struct store_s3_attempt *t)
{
    const struct store_s3_request *r = t->request;
    if (r->has_body && r->fd >= 0) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->file_bytes);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, t);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
    } else if (r->has_body) {
        /* Up to 64 KiB go out with the headers in one write: MinIO locks the key meanwhile. */
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.len == 0 ? "" : r->body.ptr);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    }
    if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    }
}

static void set_options(CURL *easy, struct store_s3_attempt *t, const struct store_s3_config *c,
                        const char *url, struct curl_slist *headers, int64_t deadline_len_us)
{
    const struct store_s3_request *r = t->request;
    store_http_pool_begin(easy, url, headers, t->error, r->once ? IDLE_MAX_ONCE_S : IDLE_MAX_S);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     store_http_pool_clamp_ms(deadline_len_us / 4, SECOND_US / 4, 10 * SECOND_US));
    if (!r->once && !r->no_stall_limit) {
        /* A stalled connection leaves time for another attempt; see rule (3) for slow ones. */
        long stall_s =
            store_http_pool_clamp_ms(deadline_len_us / 4, SECOND_US, 30 * SECOND_US) / 1000;
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 64L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stall_s);
    }
    if (c->ca_file[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file);
    }
    set_body(easy, t);
}

bool store_s3_attempt_is_canceled(struct store_s3 *s, const struct store_s3_request *r)
{
    return !r->despite_cancel && stop_is_set(&s->stop);
}

void store_s3_attempt_run(struct store_s3 *s, struct store_s3_attempt *t,
                          const struct store_s3_target *w, int64_t span_us, int64_t deadline_us)
{
    struct store_http_handle *h = store_http_pool_take(&s->pool);
    AUTO_BUF struct buf url = {0};
    AUTO_SLIST struct curl_slist *headers = NULL;
    sign(s, t, w, &url, &headers);
    t->easy = h->easy;
    store_s3_answer_reset(t->answer);
    set_options(h->easy, t, &s->config, url.ptr, headers, span_us);
    struct stop *stop = t->request->despite_cancel ? NULL : &s->stop;
    t->result = store_http_pool_perform(h, deadline_us, SECOND_US, stop);
    store_http_pool_give(&s->pool, h);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_http - a request to an S3 server, with its retries
 *
 *  (1) The deadline is for everything together: waiting, connecting, sending,
 *      receiving, all attempts.  A server that sends a byte a second does not
 *      extend it.
 *  (2) A body counts when it has the length that the server announced, lies in
 *      the range that was asked for, and has the checksum it comes with.
 *  (3) A `once` request is one attempt.  When it left and the answer is not
 *      clear, the result is "unknown"; a cancel while it is under way is that too.
 *  (4) What an answer teaches - the server's clock, the region, newer keys - is
 *      tried once, and counts for all later requests of the store.
 *
 * One attempt is s3_attempt.c, what an answer means s3_answer.c.
 */
#include "store/s3_http.h"

#include "store/key.h"
#include "store/s3_attempt.h"
#include "store/s3_keys.h"

#include <openssl/evp.h>
#include <stdio.h>

#define SECOND_US       ((int64_t)1000000)
#define SHORT_MAX       4 /* attempts that may end with a short or wrong body */
#define TLS_MAX         3 /* attempts that may end in the middle of a TLS handshake */
#define SKEW_NOTICED_US (60 * SECOND_US)

#define PLACE_TEXT 320
#define WHY_TEXT   (PLACE_TEXT + CURL_ERROR_SIZE + 128)

/* A request and its attempts so far. */
struct sending {
    struct store_s3_target target;
    bool resigned; /* each kind of second chance is given once */
    bool moved;
    bool renewed;
    unsigned attempts;
    unsigned short_bodies;
    unsigned tls_failures;
    int64_t begin_us;
    int64_t deadline_us; /* monotonic */
    char why[WHY_TEXT];  /* what the last attempt came to */
};

static void sending_done(struct sending *w)
{
    buf_done(&w->target.path);
    buf_done(&w->target.query);
    mem_free(w->target.scheme);
    mem_free(w->target.host);
}

#define AUTO_SENDING AUTO(sending_done)

static void hash_done(EVP_MD_CTX **hash)
{
    EVP_MD_CTX_free(*hash);
}

#define AUTO_HASH AUTO(hash_done)

/* ---- what an attempt means ---- */

enum next {
    NEXT_DONE,
    NEXT_REFUSED,
    NEXT_AGAIN,   /* after a pause */
    NEXT_SLOWER,  /* after a longer one, the others too */
    NEXT_AT_ONCE, /* something was learned; nothing was carried out */
    NEXT_SHORT,   /* the body is not what it should be */
};

static bool body_is_whole(const struct store_s3_attempt *t)
{
    const struct store_s3_request *r = t->request;
    const struct store_s3_answer *a = t->answer;
    if (r->out == NULL) {
        return true;
    }
    if (!a->has_length && !a->chunked) {
        return false;
    }
    if (!r->has_range) {
        return a->status != 206;
    }
    if (a->status != 206) { /* the whole object, which is right when it was all asked for */
        return r->range_offset == 0 && a->body_bytes <= r->range_len;
    }
    uint64_t want = r->range_len;
    if (a->range_total_known && a->range_total > r->range_offset &&
        a->range_total - r->range_offset < want) {
        want = a->range_total - r->range_offset;
    }
    return a->has_range && a->range_first == r->range_offset &&
           a->range_last - a->range_first == a->body_bytes - 1 &&
           (a->range_total_known ? a->body_bytes == want : a->body_bytes <= want);
}

static void base64_sha256(struct str bytes, char out[64])
{
    uint8_t hash[32];
    AUTO_BUF struct buf text = {0};
    EVP_Digest(bytes.len == 0 ? "" : bytes.ptr, bytes.len, hash, NULL, EVP_sha256(), NULL);
    buf_add_base64(&text, hash, sizeof(hash));
    snprintf(out, 64, "%s", text.ptr);
}

static bool checksum_holds(const struct store_s3_attempt *t)
{
    const struct store_s3_request *r = t->request;
    const char *claimed = t->answer->checksum_sha256;
    /* "…-3" is a checksum of the parts' checksums. */
    if (r->out == NULL || !r->checks_sha256 || claimed[0] == '\0' || strchr(claimed, '-') != NULL) {
        return true;
    }
    char actual[64];
    base64_sha256(str_skip(buf_str(r->out), t->out_start), actual);
    return strcmp(actual, claimed) == 0;
}

/* The server's clock counts from now on. False when it differs too little to explain a refusal. */
static bool learn_clock(struct store_s3 *s, const struct store_s3_answer *a)
{
    if (a->date_us == 0) {
        return false;
    }
    MUTEX_GUARD(&s->lock);
    int64_t offset_us = a->date_us - clock_wall_us();
    int64_t change_us = offset_us - s->clock_offset_us;
    if (change_us > -SKEW_NOTICED_US && change_us < SKEW_NOTICED_US) {
        return false;
    }
    s->clock_offset_us = offset_us;
    return true;
}

static void learn_region(struct store_s3 *s, const char *region)
{
    MUTEX_GUARD(&s->lock);
    struct store_s3_config *c = &s->config;
    mem_free(c->region);
    c->region = mem_strdup(region);
    if (c->is_aws) {
        mem_free(c->host);
        c->host = store_s3_config_aws_host(region);
    }
}

/* Host and path of "https://host/path?query" for the rest of this request. */
static bool follow(struct store_s3 *s, struct sending *w, const char *location)
{
    struct str rest = str_of(location);
    bool https = str_starts_nocase(rest, STR("https://"));
    if (!https && !str_starts_nocase(rest, STR("http://"))) {
        return false;
    }
    if (!https && strcmp(s->config.scheme, "https") == 0) {
        return false; /* never from TLS to plain text */
    }
    size_t scheme_len = https ? 8 : 7;
    rest = str_skip(rest, scheme_len);
    size_t host_len = strcspn(rest.ptr, "/?#");
    size_t path_len = strcspn(rest.ptr + host_len, "?#");
    struct err ignored;
    char *base_path;
    char *scheme;
    char *host;
    if (store_s3_config_endpoint(str_n(location, scheme_len + host_len), &scheme, &host, &base_path,
                                 &ignored) < 0) {
        return false;
    }
    mem_free(base_path);
    mem_free(w->target.scheme);
    mem_free(w->target.host);
    w->target.scheme = scheme;
    w->target.host = host;
    if (path_len > 1 && strcspn(rest.ptr + host_len, " ") >= path_len) {
        buf_reset(&w->target.path);
        buf_add(&w->target.path, rest.ptr + host_len, path_len);
    }
    return true;
}

static bool learn_place(struct store_s3 *s, struct sending *w, const struct store_s3_answer *a)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (a->region[0] != '\0' && a->region[strspn(a->region, plain)] == '\0') {
        learn_region(s, a->region);
    } else if (a->location[0] == '\0') {
        return false;
    }
    return a->location[0] == '\0' || follow(s, w, a->location);
}

/* HEAD has no body to be clear with: s3.c asks with a GET what its refusal means. */
static enum store_s3_verdict judge(struct store_s3_attempt *t)
{
    struct store_s3_answer *a = t->answer;
    enum store_s3_verdict v = store_s3_answer_judge(a, t->request->out == NULL);
    bool is_head = strcmp(t->request->method, "HEAD") == 0;
    return is_head && v == STORE_S3_AGAIN && a->status < 500 ? STORE_S3_REFUSED : v;
}

static enum next next_of_answer(struct store_s3 *s, struct store_s3_attempt *t, struct sending *w)
{
    bool again;
    switch (judge(t)) {
    case STORE_S3_DONE:
        return body_is_whole(t) && checksum_holds(t) ? NEXT_DONE : NEXT_SHORT;
    case STORE_S3_REFUSED:
        return NEXT_REFUSED;
    case STORE_S3_SLOW:
        return NEXT_SLOWER;
    case STORE_S3_AGAIN:
        return NEXT_AGAIN;
    case STORE_S3_SKEWED:
        again = !w->resigned && learn_clock(s, t->answer);
        w->resigned = true;
        return again ? NEXT_AT_ONCE : NEXT_REFUSED;
    case STORE_S3_MOVED:
        again = !w->moved && learn_place(s, w, t->answer);
        w->moved = true;
        return again ? NEXT_AT_ONCE : NEXT_REFUSED;
    case STORE_S3_EXPIRED:
        again = !w->renewed && store_s3_keys_replace(s, t->keys_generation);
        w->renewed = true;
        return again ? NEXT_AT_ONCE : NEXT_REFUSED;
    }
    assert(false);
    return NEXT_REFUSED;
}

/* "http://127.0.0.1:9000", for errors. */
static const char *place(struct store_s3 *s, char out[PLACE_TEXT])
{
    MUTEX_GUARD(&s->lock);
    snprintf(out, PLACE_TEXT, "%s://%s", s->config.scheme, s->config.host);
    return out;
}

static int set_error(struct err *err, const struct store_s3_request *r, enum err_code code,
                     bool retry, const char *text)
{
    char key[STORE_KEY_SHOWN];
    int rc = err_set(err, code, "%s \"%s\": %s", r->action, store_key_show(r->key, key), text);
    err->retry = retry;
    log_mask_text(err->msg);
    return rc;
}

/* Failures that no further attempt can mend. */
static int check_fatal(struct store_s3 *s, struct store_s3_attempt *t, struct err *err)
{
    const struct store_s3_request *r = t->request;
    char where[PLACE_TEXT];
    char text[PLACE_TEXT + CURL_ERROR_SIZE + 32];
    if (store_http_pool_is_fatal(t->result)) {
        snprintf(text, sizeof(text), "%s is not trusted: %s", place(s, where),
                 t->error[0] != '\0' ? t->error : curl_easy_strerror(t->result));
        return set_error(err, r, ERR_CONFIG, false, text);
    }
    switch (t->result) {
    case CURLE_WRITE_ERROR:
        if (t->overflow) {
            return store_key_too_large(r->key, r->out, err);
        }
        return 0;
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_READ_ERROR:
        return t->file_failed ? set_error(err, r, ERR_IO, false,
                                          "the local file cannot be read, or became shorter")
                              : 0;
    default:
        return 0;
    }
}

static enum next next_of(struct store_s3 *s, struct store_s3_attempt *t, struct sending *w)
{
    struct store_s3_answer *a = t->answer;
    if (t->result == CURLE_OK && a->status > 0) {
        return next_of_answer(s, t, w);
    }
    /* The answer may stand although the connection broke behind it. */
    if (a->status == 412 || (a->status >= 400 && store_s3_answer_error(a))) {
        return next_of_answer(s, t, w);
    }
    return t->result == CURLE_PARTIAL_FILE ? NEXT_SHORT : NEXT_AGAIN;
}

/* ---- all attempts ---- */

static void describe(struct store_s3 *s, const struct store_s3_attempt *t, char out[WHY_TEXT])
{
    char name[96];
    char where[PLACE_TEXT];
    store_s3_answer_name(t->answer, name);
    if (t->result == CURLE_OK) {
        snprintf(out, WHY_TEXT, "%s", name);
        return;
    }
    const char *why = t->error[0] != '\0' ? t->error : curl_easy_strerror(t->result);
    if (t->result == CURLE_OPERATION_TIMEDOUT && t->error[0] == '\0') {
        why = "the deadline passed";
    }
    snprintf(out, WHY_TEXT, "%s from %s: %s", name, place(s, where), why);
}

static int fail_canceled(const struct store_s3_request *r, struct err *err)
{
    return set_error(err, r, ERR_CANCELED, false, "canceled");
}

/* Full jitter: a random part of a time that doubles, so that many clients do not meet again. */
static int64_t backoff_us(struct store_s3 *s, const struct sending *w, enum next next,
                          int64_t retry_after_us)
{
    int64_t span_us = w->deadline_us - w->begin_us;
    int64_t base_us = span_us / 200 < SECOND_US / 10 ? span_us / 200 : SECOND_US / 10;
    int64_t max_us = span_us / 8 < 5 * SECOND_US ? span_us / 8 : 5 * SECOND_US;
    unsigned doublings = w->attempts < 10 ? w->attempts : 10;
    int64_t limit_us = (base_us << doublings) * (next == NEXT_SLOWER ? 4 : 1);
    limit_us = limit_us < max_us ? limit_us : max_us;
    MUTEX_GUARD(&s->lock);
    int64_t wait_us = (int64_t)rng_below(&s->rng, (uint64_t)limit_us + 1);
    if (next != NEXT_SLOWER) {
        return wait_us;
    }
    /* At least half, so that a store under load does get its rest, and for all threads. */
    wait_us = wait_us < limit_us / 2 ? limit_us / 2 : wait_us;
    wait_us = wait_us < retry_after_us ? retry_after_us : wait_us;
    wait_us = wait_us < max_us ? wait_us : max_us;
    int64_t until_us = clock_mono_us() + wait_us;
    s->pause_until_us = s->pause_until_us > until_us ? s->pause_until_us : until_us;
    return wait_us;
}

/* True when the store was canceled meanwhile. */
static bool wait_us(struct store_s3 *s, const struct store_s3_request *r, int64_t us)
{
    if (!r->despite_cancel) {
        return stop_wait_us(&s->stop, us > 0 ? us : 0) || stop_is_set(&s->stop);
    }
    clock_sleep_us(us > 0 ? us : 0);
    return false;
}

/* Until the server may be asked again. ERR_CANCELED. */
static int wait_for_turn(struct store_s3 *s, const struct store_s3_request *r, struct err *err)
{
    mutex_lock(&s->lock);
    int64_t until_us = s->pause_until_us;
    mutex_unlock(&s->lock);
    int64_t now_us = clock_mono_us();
    bool canceled =
        until_us > now_us ? wait_us(s, r, until_us - now_us) : store_s3_attempt_is_canceled(s, r);
    return canceled ? fail_canceled(r, err) : 0;
}

/* The only attempt of a `once` request has been made. */
static int once_outcome(struct store_s3 *s, struct store_s3_attempt *t, enum next next,
                        struct err *err)
{
    const struct store_s3_request *r = t->request;
    if (next == NEXT_DONE) {
        return STORE_S3_SENT_DONE;
    }
    if (next == NEXT_REFUSED) {
        return STORE_S3_SENT_REFUSED;
    }
    if (t->times_sent > 0 && next != NEXT_AT_ONCE) {
        return STORE_S3_SENT_UNKNOWN;
    }
    if (store_s3_attempt_is_canceled(s, r)) {
        return fail_canceled(r, err);
    }
    char why[WHY_TEXT];
    char text[WHY_TEXT + 32];
    describe(s, t, why);
    snprintf(text, sizeof(text), "%s; nothing was written", why);
    return set_error(err, r, ERR_IO, true, text);
}

static void tell(struct store_s3 *s, const struct store_s3_attempt *t, const struct sending *w,
                 bool learned, int64_t pause_us)
{
    char why[WHY_TEXT];
    snprintf(why, sizeof(why), "%s", w->why);
    log_mask_text(why);
    store_tell(&s->base, &(struct store_event){
                             .kind = learned ? STORE_EVENT_LEARNED : STORE_EVENT_RETRY,
                             .operation = t->request->action,
                             .key = t->request->key,
                             .status = t->answer->status,
                             .reason = why,
                             .attempts = w->attempts,
                             .pause_us = pause_us,
                         });
}

/* Whether to make another attempt, after the pause that takes: 0, or the final error. */
static int before_next(struct store_s3 *s, struct store_s3_attempt *t, struct sending *w,
                       enum next next, struct err *err)
{
    const struct store_s3_request *r = t->request;
    bool is_short = next == NEXT_SHORT;
    w->short_bodies += is_short;
    w->tls_failures += t->result == CURLE_SSL_CONNECT_ERROR;
    /* An attempt that our own deadline cut short says less than the one before. */
    if (w->why[0] == '\0' || t->result != CURLE_OPERATION_TIMEDOUT || t->error[0] != '\0') {
        describe(s, t, w->why);
    }
    if (store_s3_attempt_is_canceled(s, r)) {
        return fail_canceled(r, err);
    }
    int64_t pause_us = next == NEXT_AT_ONCE ? 0 : backoff_us(s, w, next, t->answer->retry_after_us);
    int64_t now_us = clock_mono_us();
    if (now_us + pause_us < w->deadline_us && w->short_bodies < SHORT_MAX &&
        w->tls_failures < TLS_MAX) {
        tell(s, t, w, next == NEXT_AT_ONCE, pause_us);
        if (wait_us(s, r, pause_us)) {
            return fail_canceled(r, err);
        }
        store_count_retry(&s->base, r->action);
        return 0;
    }
    char text[WHY_TEXT + 128];
    snprintf(text, sizeof(text), "%s%s (%u attempts in %.1f s)",
             is_short ? "the body is not what the server announced: " : "", w->why, w->attempts,
             (double)(now_us - w->begin_us) / 1e6);
    return set_error(err, r, is_short ? ERR_CORRUPT : ERR_IO, true, text);
}

static void drop_body(const struct store_s3_attempt *t)
{
    struct buf *out = t->request->out;
    if (out != NULL && out->ptr != NULL) {
        assert(out->len >= t->out_start);
        out->len = t->out_start;
        out->ptr[out->len] = '\0';
        out->overflow = false;
    }
}

static int send_all(struct store_s3 *s, const struct store_s3_request *r, struct sending *w,
                    struct store_s3_answer *answer, struct err *err)
{
    for (;;) {
        TRY(wait_for_turn(s, r, err));
        struct store_s3_attempt t = {.request = r, .answer = answer};
        t.out_start = r->out == NULL ? 0 : r->out->len;
        w->attempts++;
        store_s3_keys_prepare(s);
        store_s3_attempt_run(s, &t, &w->target, w->deadline_us - w->begin_us, w->deadline_us);
        int rc = check_fatal(s, &t, err);
        enum next next = rc < 0 ? NEXT_REFUSED : next_of(s, &t, w);
        if (next != NEXT_DONE) {
            drop_body(&t);
        }
        TRY(rc);
        if (next == NEXT_DONE || strcmp(answer->code, "NoSuchKey") == 0) {
            MUTEX_GUARD(&s->lock);
            s->bucket_seen = true;
        }
        if (r->once) {
            return once_outcome(s, &t, next, err);
        }
        if (next == NEXT_DONE) {
            return STORE_S3_SENT_DONE;
        }
        if (next == NEXT_REFUSED) {
            return STORE_S3_SENT_REFUSED;
        }
        TRY(before_next(s, &t, w, next, err));
    }
}

/* The hash of what will be sent; a file is read once for it and once more for the sending. */
static int hash_payload(const struct store_s3_request *r, struct sending *w, struct err *err)
{
    uint8_t digest[32];
    AUTO_HASH EVP_MD_CTX *hash = EVP_MD_CTX_new();
    assert(hash != NULL);
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    if (r->has_body && r->fd >= 0) {
        const size_t block_bytes = (size_t)256 << 10;
        AUTO_FREE void *block = mem_alloc(block_bytes);
        for (uint64_t at = 0; at < r->file_bytes;) {
            uint64_t left = r->file_bytes - at;
            size_t len = left < block_bytes ? (size_t)left : block_bytes;
            int rc = fs_pread_all(r->fd, block, len, r->file_offset + at, "the file to put", err);
            if (rc < 0) {
                char key[STORE_KEY_SHOWN];
                return err_wrap(err, "%s \"%s\"", r->action, store_key_show(r->key, key));
            }
            EVP_DigestUpdate(hash, block, len);
            at += len;
        }
    } else if (r->has_body && r->body.len > 0) {
        EVP_DigestUpdate(hash, r->body.ptr, r->body.len);
    }
    EVP_DigestFinal_ex(hash, digest, NULL);
    store_sigv4_hex(digest, w->target.payload_hex);
    AUTO_BUF struct buf base64 = {0};
    buf_add_base64(&base64, digest, sizeof(digest));
    snprintf(w->target.payload_base64, sizeof(w->target.payload_base64), "%s", base64.ptr);
    return 0;
}

static void make_path(const struct store_s3_config *c, const struct store_s3_request *r,
                      struct buf *path)
{
    buf_add_c(path, c->base_path);
    if (c->path_style) {
        buf_printf(path, "/%s", c->bucket);
    }
    if (!r->on_bucket) {
        buf_add_char(path, '/');
        uri_encode(path, str_of(c->prefix), "/");
        uri_encode(path, r->key, "/");
    } else if (!c->path_style) {
        buf_add_char(path, '/');
    }
}

int store_s3_http_send(struct store_s3 *s, const struct store_s3_request *request,
                       struct store_s3_answer *answer, struct err *err)
{
    assert(s->magic == STORE_S3_MAGIC);
    AUTO_SENDING struct sending w = {0};
    make_path(&s->config, request, &w.target.path);
    store_sigv4_query(&w.target.query, request->query, request->query_count);
    TRY(hash_payload(request, &w, err));
    w.begin_us = clock_mono_us();
    w.deadline_us =
        w.begin_us + (request->deadline_us > 0 ? request->deadline_us : s->config.deadline_us);
    return send_all(s, request, &w, answer, err);
}

int store_s3_http_refusal(struct store_s3 *s, const struct store_s3_request *request,
                          const struct store_s3_answer *answer, struct err *err)
{
    char name[96];
    char hint[512];
    char text[768];
    AUTO_BUF struct buf resource = {0};
    buf_printf(&resource, "%s/%s%.*s", s->config.bucket, s->config.prefix,
               (int)(request->key.len < 200 ? request->key.len : 200), request->key.ptr);
    store_s3_answer_name(answer, name);
    store_s3_answer_hint(answer, request->permission, buf_str(&resource), hint, sizeof(hint));
    snprintf(text, sizeof(text), "%s%s", name, hint);
    return set_error(err, request, ERR_CONFIG, false, text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3 - the store that speaks S3's HTTP
 *
 * Here each operation becomes a request, and its answer an outcome.
 *
 *  (1) put_if_absent is one PUT with If-None-Match: *, its body in memory and
 *      signed before a connection is touched; 2xx is DONE, 412 EXISTS, a clear
 *      refusal an error, anything else UNKNOWN.
 *  (2) "Absent" needs NoSuchKey from the server.  HEAD's refusals have no code: a
 *      GET asks what is meant, but for a 404 when the bucket has been seen.
 *
 * Sending, retrying and signing: s3_http.c, s3_attempt.c; listing: s3_list.c;
 * large files: s3_multipart.c.
 */
#include "store/s3.h"

#include "store/key.h"
#include "store/s3_http.h"
#include "store/s3_list.h"
#include "store/s3_multipart.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct store_s3 *store_s3_of(struct store *store)
{
    struct store_s3 *s = CONTAINER_OF(store, struct store_s3, base);
    assert(s->magic == STORE_S3_MAGIC);
    return s;
}

static struct store_s3_request request_of(const char *action, const char *permission,
                                          const char *method, struct str key)
{
    return (struct store_s3_request){
        .action = action, .permission = permission, .method = method, .key = key, .fd = -1};
}

/* A 404 is "absent" only when it is about the key. */
static int absent_or_error(struct store_s3 *s, const struct store_s3_request *request,
                           const struct store_s3_answer *answer, struct err *err)
{
    if (answer->status == 404 && strcmp(answer->code, "NoSuchKey") == 0) {
        return STORE_ABSENT;
    }
    return store_s3_http_refusal(s, request, answer, err);
}

static int s3_get(struct store *store, struct str key, uint64_t offset, uint64_t len,
                  struct buf *out, struct err *err)
{
    struct store_s3 *s = store_s3_of(store);
    const struct store_sigv4_pair checksum[] = {{STR("x-amz-checksum-mode"), STR("ENABLED")}};
    bool is_whole = offset == 0 && len == UINT64_MAX;
    struct store_s3_request request = request_of("get", "s3:GetObject", "GET", key);
    request.out = out;
    if (is_whole) {
        request.headers = checksum;
        request.header_count = ARRAY_COUNT(checksum);
        request.checks_sha256 = true;
    } else {
        request.has_range = true;
        request.range_offset = offset;
        request.range_len = len;
    }
    AUTO_ANSWER struct store_s3_answer answer = {0};
    if (TRY(store_s3_http_send(s, &request, &answer, err)) == STORE_S3_SENT_DONE) {
        return STORE_GOT;
    }
    if (answer.status == 416 && !is_whole) {
        return STORE_GOT; /* it ends before `offset` */
    }
    return absent_or_error(s, &request, &answer, err);
}

/*
 * Rule (2): HEAD was refused without a word; GET says why, and mends what it can (clock, region,
 * keys).  STORE_GOT = ask again.
 */
static int head_explain(struct store_s3 *s, struct str key, int status, struct err *err)
{
    mutex_lock(&s->lock);
    bool bucket_seen = s->bucket_seen;
    mutex_unlock(&s->lock);
    if (status == 404 && bucket_seen) {
        return STORE_ABSENT;
    }
    AUTO_BUF struct buf byte = {0};
    return s3_get(&s->base, key, 0, 1, &byte, err);
}

static int s3_head(struct store *store, struct str key, struct store_entry *ret_entry,
                   struct err *err)
{
    struct store_s3 *s = store_s3_of(store);
    struct store_s3_request request = request_of("head", "s3:GetObject", "HEAD", key);
    AUTO_ANSWER struct store_s3_answer answer = {0};
    int sent = TRY(store_s3_http_send(s, &request, &answer, err));
    if (sent == STORE_S3_SENT_REFUSED) {
        if (TRY(head_explain(s, key, answer.status, err)) == STORE_ABSENT) {
            return STORE_ABSENT;
        }
        sent = TRY(store_s3_http_send(s, &request, &answer, err));
    }
    if (sent == STORE_S3_SENT_REFUSED) {
        return answer.status == 404 ? (int)STORE_ABSENT
                                    : store_s3_http_refusal(s, &request, &answer, err);
    }
    if (!answer.has_length) {
        char shown[STORE_KEY_SHOWN];
        return err_set(err, ERR_CORRUPT, "head \"%s\": the server gave no size",
                       store_key_show(key, shown));
    }
    *ret_entry = (struct store_entry){
        .key = key, .size_bytes = answer.length, .modified_us = answer.modified_us};
    return STORE_GOT;
}

static int s3_put(struct store *store, struct str key, struct str body, struct err *err)
{
    struct store_s3 *s = store_s3_of(store);
    struct store_s3_request request = request_of("put", "s3:PutObject", "PUT", key);
    request.has_body = true;
    request.body = body;
    request.sends_checksum = true;
    AUTO_ANSWER struct store_s3_answer answer = {0};
    if (TRY(store_s3_http_send(s, &request, &answer, err)) == STORE_S3_SENT_DONE) {
        return 0;
    }
    return store_s3_http_refusal(s, &request, &answer, err);
}

static int s3_put_file(struct store *store, struct str key, const char *path, struct err *err)
{
    struct store_s3 *s = store_s3_of(store);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_set_errno(err, errno, "cannot open \"%s\"", path);
    }
    uint64_t file_bytes = (uint64_t)st.st_size;
    if (file_bytes > s->config.part_bytes) {
        return store_s3_multipart_put(s, key, fd, file_bytes, err);
    }
    struct store_s3_request request = request_of("put", "s3:PutObject", "PUT", key);
    request.has_body = true;
    request.fd = fd;
    request.file_bytes = file_bytes;
    request.sends_checksum = true;
    AUTO_ANSWER struct store_s3_answer answer = {0};
    if (TRY(store_s3_http_send(s, &request, &answer, err)) == STORE_S3_SENT_DONE) {
        return 0;
    }
    return store_s3_http_refusal(s, &request, &answer, err);
}

static int s3_put_if_absent(struct store *store, struct str key, struct str body, struct err *err)
{
    struct store_s3 *s = store_s3_of(store);
    const struct store_sigv4_pair condition[] = {{STR("if-none-match"), STR("*")}};
    struct store_s3_request request = request_of("put", "s3:PutObject", "PUT", key);
    request.once = true;
    request.has_body = true;
    request.body = body;
    request.sends_checksum = true;
    request.headers = condition;
    request.header_count = ARRAY_COUNT(condition);
    AUTO_ANSWER struct store_s3_answer answer = {0};
    switch ((enum store_s3_sent)TRY(store_s3_http_send(s, &request, &answer, err))) {
    case STORE_S3_SENT_DONE:
        return STORE_PUT_DONE;
    case STORE_S3_SENT_UNKNOWN:
        return STORE_PUT_UNKNOWN;
    case STORE_S3_SENT_REFUSED:
        break;
    }
    if (answer.status == 412) {
        return STORE_PUT_EXISTS;
    }
    int rc = store_s3_http_refusal(s, &request, &answer, err);
    if (strcmp(answer.code, "NoSuchKey") == 0) {
        char shown[STORE_KEY_SHOWN];
        return err_set(err, ERR_CONFIG,
                       "put \"%s\": 404 NoSuchKey to If-None-Match: *; this store's conditional "
                       "put is broken (MinIO of 2025-09-06 does this), update it",
                       store_key_show(key, shown));
    }
    return rc;
}

static int s3_del(struct store *store, struct str key, struct err *err)
{
    struct store_s3 *s = store_s3_of(store);
    struct store_s3_request request = request_of("delete", "s3:DeleteObject", "DELETE", key);
    AUTO_ANSWER struct store_s3_answer answer = {0};
    if (TRY(store_s3_http_send(s, &request, &answer, err)) == STORE_S3_SENT_DONE) {
        return 0;
    }
    int rc = absent_or_error(s, &request, &answer, err);
    return rc < 0 ? rc : 0;
}

static void s3_cancel(struct store *store)
{
    struct store_s3 *s = store_s3_of(store);
    stop_set(&s->stop);
    store_http_pool_wake(&s->pool);
}

static void s3_close(struct store *store)
{
    struct store_s3 *s = store_s3_of(store);
    store_http_pool_done(&s->pool);
    store_s3_config_done(&s->config);
    mutex_done(&s->lock);
    mutex_done(&s->keys_lock);
    stop_done(&s->stop);
    s->magic = 0;
    mem_free(s);
}

static const struct store_ops s3_ops = {
    .name = "s3",
    .get = s3_get,
    .head = s3_head,
    .put = s3_put,
    .put_file = s3_put_file,
    .put_if_absent = s3_put_if_absent,
    .list = store_s3_list,
    .del = s3_del,
    .cancel = s3_cancel,
    .close = s3_close,
};

int store_s3_open(struct str location, const struct store_options *options,
                  struct store **ret_store, struct err *err)
{
    TRY(store_http_pool_check(err));
    struct store_s3_config config;
    TRY(store_s3_config_init(location, options, &config, err));
    struct store_s3 *s = mem_new(struct store_s3);
    s->base.ops = &s3_ops;
    s->magic = STORE_S3_MAGIC;
    s->config = config;
    stop_init(&s->stop);
    store_http_pool_init(&s->pool);
    mutex_init(&s->lock);
    mutex_init(&s->keys_lock);
    uint64_t seed;
    rand_bytes(&seed, sizeof(seed));
    rng_init(&s->rng, seed);
    *ret_store = &s->base;
    return 0;
}

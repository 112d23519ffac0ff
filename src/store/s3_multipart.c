/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_multipart - a large file as one object, in parts
 *
 *     create -> id;  part 1 … n -> an ETag each, a few at a time;  complete(id, ETags)
 *
 *  (1) The object appears at `complete` or not at all.  Its answer may be 200
 *      with an error in the body (s3_answer.c reads it), and after a lost 200 a
 *      repetition is told NoSuchUpload: then the object's size decides.
 *  (2) An upload that is not completed is aborted, because a store keeps, and
 *      bills, its parts for ever otherwise; in vain when it cannot be reached, which
 *      a life-cycle rule of the bucket mends.
 *  (3) Memory: a connection's buffers for each part under way.  The file is read
 *      twice, for the hash and for the sending.
 *
 * Each part is retried by itself (s3_http.c), with a deadline of its own.
 */
#include "store/s3_multipart.h"

#include "store/key.h"
#include "store/s3_http.h"
#include "store/s3_xml.h"

#include <stdio.h>

#define PARTS_MAX         10000 /* S3's limit */
#define PARALLEL_MAX      3
#define ABORT_DEADLINE_US ((int64_t)5000000)

struct upload {
    struct store_s3 *s;
    struct str key;
    int fd;
    uint64_t file_bytes;
    uint64_t part_bytes;
    size_t part_count;
    char *id;
    struct mutex lock;
    /* guarded by .lock */
    size_t next_part;
    char **etags;
    bool failed;
    struct err err; /* of the part that failed first */
};

static void upload_done(struct upload *u)
{
    for (size_t i = 0; u->etags != NULL && i < u->part_count; i++) {
        mem_free(u->etags[i]);
    }
    mem_free(u->etags);
    mem_free(u->id);
    mutex_done(&u->lock);
}

#define AUTO_UPLOAD AUTO(upload_done)

static struct store_s3_request request_of(const struct upload *u, const char *method,
                                          const struct store_sigv4_pair *query, size_t query_count)
{
    return (struct store_s3_request){
        .action = "put",
        .permission = "s3:PutObject",
        .method = method,
        .key = u->key,
        .query = query,
        .query_count = query_count,
        .fd = -1,
    };
}

/* Sends, and makes anything but success an error. */
static int send_step(const struct upload *u, const struct store_s3_request *request,
                     struct store_s3_answer *answer, struct err *err)
{
    int sent = TRY(store_s3_http_send(u->s, request, answer, err));
    assert(sent != STORE_S3_SENT_UNKNOWN);
    return sent == STORE_S3_SENT_REFUSED ? store_s3_http_refusal(u->s, request, answer, err) : 0;
}

static int create(struct upload *u, struct err *err)
{
    const struct store_sigv4_pair query[] = {{STR("uploads"), STR("")}};
    struct store_s3_request request = request_of(u, "POST", query, ARRAY_COUNT(query));
    request.has_body = true;
    AUTO_ANSWER struct store_s3_answer answer = {0};
    TRY(send_step(u, &request, &answer, err));
    AUTO_S3_XML struct store_s3_xml x = {.in = buf_str(&answer.text)};
    enum store_s3_xml_event event;
    while ((event = store_s3_xml_next(&x)) == STORE_S3_XML_OPEN || event == STORE_S3_XML_CLOSE) {
        if (event == STORE_S3_XML_CLOSE &&
            store_s3_xml_is(&x, 2, "InitiateMultipartUploadResult", "UploadId")) {
            mem_free(u->id);
            u->id = str_dup(str_trim(buf_str(&x.text)));
        }
    }
    if (event == STORE_S3_XML_BAD || u->id == NULL || u->id[0] == '\0') {
        char shown[STORE_KEY_SHOWN];
        mem_free(TAKE(u->id));
        return err_set(err, ERR_CORRUPT, "put \"%s\": the server gave no upload id",
                       store_key_show(u->key, shown));
    }
    return 0;
}

static int put_part(struct upload *u, size_t index, char **ret_etag, struct err *err)
{
    char number[24];
    snprintf(number, sizeof(number), "%zu", index + 1);
    const struct store_sigv4_pair query[] = {{STR("partNumber"), str_of(number)},
                                             {STR("uploadId"), str_of(u->id)}};
    struct store_s3_request request = request_of(u, "PUT", query, ARRAY_COUNT(query));
    uint64_t left = u->file_bytes - index * u->part_bytes;
    request.has_body = true;
    request.fd = u->fd;
    request.file_offset = index * u->part_bytes;
    request.file_bytes = left < u->part_bytes ? left : u->part_bytes;
    AUTO_ANSWER struct store_s3_answer answer = {0};
    TRY(send_step(u, &request, &answer, err));
    if (answer.etag[0] == '\0') {
        char shown[STORE_KEY_SHOWN];
        return err_set(err, ERR_CORRUPT, "put \"%s\": the server gave no ETag for part %s",
                       store_key_show(u->key, shown), number);
    }
    *ret_etag = mem_strdup(answer.etag);
    return 0;
}

/* Takes parts until there are none, or one has failed. */
static void part_worker(void *user)
{
    struct upload *u = user;
    for (;;) {
        mutex_lock(&u->lock);
        size_t index = u->next_part;
        bool more = !u->failed && index < u->part_count;
        u->next_part += more;
        mutex_unlock(&u->lock);
        if (!more) {
            return;
        }
        struct err err;
        char *etag = NULL;
        int rc = put_part(u, index, &etag, &err);
        MUTEX_GUARD(&u->lock);
        u->etags[index] = etag;
        if (rc < 0 && !u->failed) {
            u->failed = true;
            u->err = err;
        }
    }
}

static int put_parts(struct upload *u, struct err *err)
{
    struct thread threads[PARALLEL_MAX - 1] = {0};
    size_t extra = u->part_count < PARALLEL_MAX ? u->part_count - 1 : PARALLEL_MAX - 1;
    for (size_t i = 0; i < extra; i++) {
        thread_start(&threads[i], "s3-part", part_worker, u);
    }
    part_worker(u);
    for (size_t i = 0; i < extra; i++) {
        thread_join(&threads[i]);
    }
    if (u->failed) {
        *err = u->err;
        return (int)u->err.code;
    }
    return 0;
}

/* Rule (1): is it there, although the upload is gone? */
static bool was_completed(struct upload *u)
{
    struct store_entry entry;
    struct err ignored;
    return store_head(&u->s->base, u->key, &entry, &ignored) == STORE_GOT &&
           entry.size_bytes == u->file_bytes;
}

static int complete(struct upload *u, struct err *err)
{
    AUTO_BUF struct buf body = {0};
    buf_add_c(&body, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < u->part_count; i++) {
        assert(u->etags[i] != NULL);
        buf_printf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        for (const char *c = u->etags[i]; *c != '\0'; c++) {
            if (*c == '&' || *c == '<' || *c == '>' || *c == '"') {
                buf_printf(&body, "&#%d;", *c);
            } else {
                buf_add_char(&body, *c);
            }
        }
        buf_add_c(&body, "</ETag></Part>");
    }
    buf_add_c(&body, "</CompleteMultipartUpload>");
    const struct store_sigv4_pair query[] = {{STR("uploadId"), str_of(u->id)}};
    struct store_s3_request request = request_of(u, "POST", query, ARRAY_COUNT(query));
    request.has_body = true;
    request.body = buf_str(&body);
    request.no_stall_limit = true; /* AWS may take minutes, and sends a space now and then */
    AUTO_ANSWER struct store_s3_answer answer = {0};
    int sent = TRY(store_s3_http_send(u->s, &request, &answer, err));
    if (sent == STORE_S3_SENT_DONE ||
        (strcmp(answer.code, "NoSuchUpload") == 0 && was_completed(u))) {
        return 0;
    }
    return store_s3_http_refusal(u->s, &request, &answer, err);
}

static void abort_upload(struct upload *u)
{
    const struct store_sigv4_pair query[] = {{STR("uploadId"), str_of(u->id)}};
    struct store_s3_request request = request_of(u, "DELETE", query, ARRAY_COUNT(query));
    int64_t own_us = u->s->config.deadline_us;
    request.despite_cancel = true;
    request.deadline_us = own_us < ABORT_DEADLINE_US ? own_us : ABORT_DEADLINE_US;
    AUTO_ANSWER struct store_s3_answer answer = {0};
    struct err ignored;
    (void)store_s3_http_send(u->s, &request, &answer, &ignored);
}

int store_s3_multipart_put(struct store_s3 *s, struct str key, int fd, uint64_t file_bytes,
                           struct err *err)
{
    assert(file_bytes > 0);
    AUTO_UPLOAD struct upload u = {.s = s, .key = key, .fd = fd, .file_bytes = file_bytes};
    mutex_init(&u.lock);
    u.part_bytes = s->config.part_bytes;
    if ((file_bytes - 1) / u.part_bytes >= PARTS_MAX) {
        u.part_bytes = (file_bytes - 1) / PARTS_MAX + 1;
    }
    u.part_count = (size_t)((file_bytes - 1) / u.part_bytes + 1);
    u.etags = mem_new_array(char *, u.part_count);
    TRY(create(&u, err));
    int rc = put_parts(&u, err);
    if (rc >= 0) {
        rc = complete(&u, err);
    }
    if (rc < 0) {
        abort_upload(&u);
    }
    return rc;
}

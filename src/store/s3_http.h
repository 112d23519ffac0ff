/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_HTTP_H
#define STORE_S3_HTTP_H

#include "store/s3.h"
#include "store/s3_answer.h"
#include "store/sigv4.h"

/*
 * s3_http - one request to an S3 server, signed, with its retries
 */
#define STORE_S3_HEADERS_MAX 8

struct store_s3_request {
    const char *action;     /* "put": for errors */
    const char *permission; /* "s3:PutObject": for errors */
    const char *method;
    struct str key;      /* relative to the root; for errors only when `on_bucket` */
    bool on_bucket;      /* the path is the bucket's own */
    bool once;           /* sent at most once, whatever comes back */
    bool no_stall_limit; /* silence for a while is normal */
    bool despite_cancel; /* cleaning up after one */
    int64_t deadline_us; /* 0 = the store's */
    const struct store_sigv4_pair *query;
    size_t query_count;
    const struct store_sigv4_pair *headers; /* besides the usual; names in lower case */
    size_t header_count;
    /* What is sent: bytes, or when fd >= 0 that part of a file. */
    bool has_body;
    bool sends_checksum; /* the store keeps it, and gives it back with the object */
    struct str body;
    int fd;
    uint64_t file_offset;
    uint64_t file_bytes;
    /* Only these bytes are wanted; an object that ends earlier gives fewer. */
    bool has_range;
    uint64_t range_offset;
    uint64_t range_len; /* > 0 */
    /* A 2xx body is appended here, up to its max; NULL = it goes to the answer's text. */
    struct buf *out;
    bool checks_sha256; /* compare `out` with the answer's checksum, if it has one */
};

/* What store_s3_http_send answers. */
enum store_s3_sent {
    STORE_S3_SENT_DONE,    /* 2xx, the body whole */
    STORE_S3_SENT_REFUSED, /* a clear no; make it an error with store_s3_http_refusal */
    STORE_S3_SENT_UNKNOWN, /* only with `once` */
};

/*
 * ERR_IO when the deadline has passed without a clear answer (for `once`: when the request
 * certainly never left or was certainly not carried out), ERR_CORRUPT when a body came short
 * each time, ERR_DATA when it did not fit into `out`, ERR_CANCELED.
 */
int store_s3_http_send(struct store_s3 *s, const struct store_s3_request *request,
                       struct store_s3_answer *answer, struct err *err);

/* ERR_CONFIG from a refusal. */
int store_s3_http_refusal(struct store_s3 *s, const struct store_s3_request *request,
                          const struct store_s3_answer *answer, struct err *err);

#endif

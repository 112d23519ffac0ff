/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_ATTEMPT_H
#define STORE_S3_ATTEMPT_H

#include "store/s3_http.h"

#include <curl/curl.h>

/*
 * s3_attempt - one signed HTTP exchange over a pooled connection
 */

/* What all attempts of a request have in common. Owned by s3_http.c. */
struct store_s3_target {
    char *scheme; /* NULL = the store's; else where a redirect led */
    char *host;
    struct buf path;  /* encoded */
    struct buf query; /* encoded and sorted */
    char payload_hex[STORE_SIGV4_SHA256];
    char payload_base64[64];
};

struct store_s3_attempt {
    /* in */
    const struct store_s3_request *request;
    struct store_s3_answer *answer;
    size_t out_start; /* where in request->out its body begins */
    /* out */
    CURLcode result;
    char error[CURL_ERROR_SIZE]; /* libcurl's text, or "" */
    unsigned times_sent;         /* 0 = nothing of the request has left */
    bool overflow;               /* the body does not fit into request->out */
    bool file_failed;            /* reading the file to send */
    uint64_t keys_generation;    /* which keys it was signed with */
    /* while it runs */
    CURL *easy;
    uint64_t file_at;
};

/* `span_us` is the time for all attempts; this one ends at `deadline_us` at the latest. */
void store_s3_attempt_run(struct store_s3 *s, struct store_s3_attempt *t,
                          const struct store_s3_target *w, int64_t span_us, int64_t deadline_us);
bool store_s3_attempt_is_canceled(struct store_s3 *s, const struct store_s3_request *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_ANSWER_H
#define STORE_S3_ANSWER_H

#include "base/base.h"

/*
 * s3_answer - what a server said to one request, and what that means
 */

/* The most that is kept of a body that is not an object's: errors, upload ids. */
#define STORE_S3_TEXT_MAX ((size_t)64 << 10)

struct store_s3_answer {
    int status; /* 0 = no answer came */
    /* headers */
    bool has_length;
    bool chunked;
    uint64_t length;
    bool has_range;
    uint64_t range_first;
    uint64_t range_last;
    uint64_t range_total;
    bool range_total_known;
    int64_t date_us; /* 0 = not given */
    int64_t modified_us;
    int64_t retry_after_us;
    char etag[192];
    char checksum_sha256[64]; /* base64, of the whole object; "" = not given */
    char location[1024];
    /* body */
    uint64_t body_bytes;
    struct buf text; /* of anything but an object */
    /* from an error body */
    char code[64];
    char message[256];
    char region[64]; /* from a header too */
};

void store_s3_answer_reset(struct store_s3_answer *a); /* memory kept */
void store_s3_answer_done(struct store_s3_answer *a);
#define AUTO_ANSWER AUTO(store_s3_answer_done)

/* One header line as it came, with its line end. */
void store_s3_answer_header(struct store_s3_answer *a, struct str line);
/* Reads .code and .message out of .text; true when it is an <Error> document. */
bool store_s3_answer_error(struct store_s3_answer *a);

enum store_s3_verdict {
    STORE_S3_DONE,    /* 2xx */
    STORE_S3_REFUSED, /* a clear no: .status and .code say which */
    STORE_S3_AGAIN,   /* the server failed, or said nothing clear */
    STORE_S3_SLOW,    /* it asks for fewer requests */
    STORE_S3_SKEWED,  /* our clock is wrong: sign with its .date_us */
    STORE_S3_MOVED,   /* elsewhere: .location or .region */
    STORE_S3_EXPIRED, /* the keys have expired */
};

/* Needs a status. `checks_error` = a 2xx body may be an <Error> and then is a failure. */
enum store_s3_verdict store_s3_answer_judge(struct store_s3_answer *a, bool checks_error);

/* "404 NoSuchKey", "503", "no answer". */
void store_s3_answer_name(const struct store_s3_answer *a, char out[96]);
/* What a person can do about a refusal, "; …", or "". `permission` is "s3:GetObject". */
void store_s3_answer_hint(const struct store_s3_answer *a, const char *permission,
                          struct str resource, char *out, size_t out_bytes);

#endif

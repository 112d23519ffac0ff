/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_FAKE_H
#define STORE_S3_FAKE_H

#include "base/base.h"
#include "store/store.h"

/*
 * s3_fake - an S3 server in the test's own process that misbehaves on order
 *
 * One bucket, "bucket".  It checks signatures, keeps objects and multipart
 * uploads, and records every request.  For tests only.
 */
struct s3_fake;

#define S3_FAKE_ACCESS_KEY "AKIDFAKE"
#define S3_FAKE_SECRET_KEY "fake-secret-key-0123456789"

enum s3_fake_kind {
    S3_FAKE_STATUS,       /* nothing is done; .status with .code */
    S3_FAKE_APPLY_STATUS, /* it is done, and .status with .code is the answer */
    S3_FAKE_DROP,         /* nothing is done; RST */
    S3_FAKE_APPLY_DROP,   /* it is done; RST instead of the answer */
    S3_FAKE_TRUNCATE,     /* half of the answer's body, then the end */
    S3_FAKE_SHORTEN,      /* half of the answer's body, and its length says so */
    S3_FAKE_FLIP,         /* one bit of the answer's body is wrong */
    S3_FAKE_ERROR_BODY,   /* nothing is done; 200 with an <Error> of .code */
    S3_FAKE_TRICKLE,      /* the answer comes a byte at a time, 20 ms each */
    S3_FAKE_STALL,        /* nothing is done, nothing is said */
    S3_FAKE_REDIRECT,     /* .status with Location: .location and the request's path */
    S3_FAKE_BODY,         /* 200 with .code as its body */
};

/* A fault for the requests that match; the first rule that matches counts. */
struct s3_fake_rule {
    const char *match; /* occurs in "METHOD /path?query" */
    enum s3_fake_kind kind;
    int status;
    const char *code;
    const char *location;
    unsigned skip;  /* so many matching requests pass first */
    unsigned times; /* 0 = for ever */
};

/* How the server is in general. */
struct s3_fake_options {
    bool tls;
    bool expired_certificate;
    const char *pem_path;   /* with tls: where to write the certificate */
    bool ignores_condition; /* If-None-Match has no effect */
    bool racy;              /* checks the condition, waits, then writes */
    bool losers_get_409;    /* rather than 412 */
    bool ignores_encoding;  /* of LIST */
    bool ignores_range;
    bool unordered;          /* LIST */
    size_t page_keys;        /* of LIST; 0 = 1,000 */
    int64_t clock_offset_us; /* against ours; requests off by 15 minutes are refused */
    const char *region;      /* others are refused; NULL = any */
    const char *domain;      /* "bucket.<domain>" is accepted as host too */
    const char *token;       /* the session token that is right; NULL = none wanted */
};

struct s3_fake *s3_fake_open(const struct s3_fake_options *options);
void s3_fake_close(struct s3_fake *fake);
const char *s3_fake_endpoint(const struct s3_fake *fake); /* "http://127.0.0.1:PORT" */
int s3_fake_port(const struct s3_fake *fake);

void s3_fake_rule(struct s3_fake *fake, struct s3_fake_rule rule);
void s3_fake_clear_rules(struct s3_fake *fake);
/* Requests so far in whose "METHOD /path?query" `match` occurs. */
unsigned s3_fake_count(struct s3_fake *fake, const char *match);
/* The same for any header "name: value" of any request, e.g. the Authorization. */
bool s3_fake_saw_header(struct s3_fake *fake, const char *match);
unsigned s3_fake_connections(struct s3_fake *fake);
/* The object's bytes; false when there is none. */
bool s3_fake_object(struct s3_fake *fake, const char *key, struct buf *out);
void s3_fake_set_object(struct s3_fake *fake, struct str key, struct str body);
size_t s3_fake_uploads(struct s3_fake *fake); /* begun, neither completed nor aborted */

#endif

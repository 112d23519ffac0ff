/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_FAKE_HTTP_H
#define STORE_S3_FAKE_HTTP_H

#include "base/base.h"
#include "store/sigv4.h"

#include <openssl/ssl.h>

/*
 * s3_fake_http - the server's half of HTTP/1.1, for the fake S3 in tests
 */
struct s3_fake_conn {
    int fd;
    SSL *ssl;         /* NULL = plain */
    struct buf input; /* read and not yet used */
};

void s3_fake_conn_done(struct s3_fake_conn *c);
/* Like a crash of the server: the client gets RST. */
void s3_fake_conn_reset(struct s3_fake_conn *c);
bool s3_fake_conn_write(struct s3_fake_conn *c, struct str bytes);

/* All borrowed from .head and .body. */
struct s3_fake_request {
    struct buf head;
    struct buf body;
    struct str method;
    struct str path;                      /* as sent */
    struct str query;                     /* as sent */
    struct buf target;                    /* "GET /bucket/key?query": for the record */
    VEC(struct store_sigv4_pair) headers; /* names in lower case */
    bool body_cut;                        /* the connection ended within the body */
};

/* Outcome 1 = a request, 0 = the connection has ended. */
int s3_fake_request_read(struct s3_fake_conn *c, struct s3_fake_request *r);
void s3_fake_request_done(struct s3_fake_request *r);
/* Empty when there is none. */
struct str s3_fake_request_header(const struct s3_fake_request *r, const char *name);
/* A decoded parameter into `out`; false when there is none. */
bool s3_fake_request_query(const struct s3_fake_request *r, const char *name, struct buf *out);

/* What is answered. */
struct s3_fake_answer {
    int status;
    struct buf headers; /* whole lines */
    struct buf body;
};

void s3_fake_answer_done(struct s3_fake_answer *a);
#define AUTO_FAKE_ANSWER AUTO(s3_fake_answer_done)
/* An <Error> with `code`; no body when it is NULL. */
void s3_fake_answer_error(struct s3_fake_answer *a, int status, const char *code);

/* "Sun, 22 Nov 2026 17:40:08 GMT" */
void s3_fake_http_date(struct buf *out, int64_t wall_us);

/* A TLS context with a fresh self-signed certificate for 127.0.0.1, also written to `pem_path`. */
SSL_CTX *s3_fake_tls_new(const char *pem_path, bool expired);

#endif

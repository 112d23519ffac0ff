/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_HTTP_FAKE_H
#define STORE_HTTP_FAKE_H

#include "base/base.h"

/*
 * http_fake - an HTTP server in the test's own process that answers by rules
 *
 * A request without a rule gets 404 and an empty body.  For tests only.
 */
struct http_fake;

enum http_fake_kind {
    HTTP_FAKE_ANSWER,   /* .status, .headers, .body */
    HTTP_FAKE_DROP,     /* RST */
    HTTP_FAKE_TRUNCATE, /* half of the body, then the end */
    HTTP_FAKE_TRICKLE,  /* the answer comes a byte at a time, 20 ms each */
    HTTP_FAKE_STALL,    /* nothing is said */
};

/* The first rule that matches counts. All text is copied. */
struct http_fake_rule {
    const char *match; /* "GET /path?query"; a '*' at the end stands for anything */
    enum http_fake_kind kind;
    int status;          /* 0 = 200 */
    const char *headers; /* whole lines, each with its CR LF; NULL = none */
    const char *body;    /* NULL = "" */
    unsigned times;      /* 0 = for ever */
};

struct http_fake_options {
    int port; /* 0 = any */
    bool tls;
    bool expired_certificate;
    const char *pem_path;      /* with tls: where to write the certificate */
    const char *client_ca;     /* with tls: clients must have a certificate that this one signed */
    const char *authorization; /* this header or 401; NULL = none wanted */
};

struct http_fake *http_fake_open(const struct http_fake_options *options);
void http_fake_close(struct http_fake *fake);
const char *http_fake_url(const struct http_fake *fake); /* "http://127.0.0.1:PORT" */
int http_fake_port(const struct http_fake *fake);
void http_fake_add(struct http_fake *fake, struct http_fake_rule rule);
void http_fake_clear(struct http_fake *fake); /* all rules */
/* Requests so far; `match` as in rules. */
unsigned http_fake_count(struct http_fake *fake, const char *match);
/* Whether a header "name: value" (name in lower case), or part of one, came with any request. */
bool http_fake_saw_header(struct http_fake *fake, const char *part);
/* The body of the last request that had one, in `out`. */
void http_fake_last_body(struct http_fake *fake, struct buf *out);

/* A self-signed client certificate and its key, in one file. */
void http_fake_write_client(const char *path);

#endif

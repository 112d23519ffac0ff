/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_HTTP_H
#define STORE_HTTP_H

#include "base/base.h"

/*
 * http - a small HTTP client for other services than object stores
 *
 * One struct for all threads; connections are kept.  One call is one exchange (but for
 * redirects): whoever calls tries again.  TLS is 1.2 or newer.
 *
 * Secrets are registered with log_mask, are sent to the host of the request's URL only, and
 * are not in errors.
 */
struct store_http;

/* All is copied. */
struct store_http_options {
    struct str user; /* basic auth; "" = none */
    struct str password;
    struct str token;       /* bearer; "" = none; not together with user */
    struct str ca_file;     /* PEM bundle; "" = the system's */
    struct str client_cert; /* PEM; "" = none */
    struct str client_key;  /* PEM; "" = in the file of the certificate */
    bool insecure;          /* neither certificate nor host name is checked */
    int64_t connect_us;     /* 0 = 10 s, and never more than the request's deadline */
    struct stop *stop;      /* borrowed; when set, requests end with ERR_CANCELED. NULL = none */
};

/* ERR_CONFIG: contradictory options, a file that cannot be read. */
int store_http_open(const struct store_http_options *options, struct store_http **ret_http,
                    struct err *err);
void store_http_close(struct store_http *http); /* NULL is fine; no request is under way */

struct store_http_request {
    const char *method;         /* NULL = "GET" */
    struct str url;             /* http or https, without user and password */
    const char *const *headers; /* "Accept: application/json" */
    size_t header_count;
    struct str body;     /* sent when ptr != NULL */
    int64_t deadline_us; /* for everything together, from now; 0 = 30 s */
};

/*
 * Outcome: the status, 200 … 599, whatever it is; the body is appended to `body`, whose maximum
 * counts.  A GET follows up to 3 redirects on the same host and port, or from http to https on
 * the same host; others are answers.
 *
 * ERR_IO with .retry: no whole answer, for whatever reason, before the deadline.  ERR_CONFIG:
 * the URL is none, the server is not trusted.  ERR_DATA: the body does not fit.  ERR_CANCELED.
 */
int store_http_send(struct store_http *http, const struct store_http_request *request,
                    struct buf *body, struct err *err);

/* "https://host:port/path", what may be shown of a URL; at most STORE_HTTP_SHOWN - 1 bytes. */
#define STORE_HTTP_SHOWN 256
const char *store_http_show(struct str url, char out[STORE_HTTP_SHOWN]);

#endif

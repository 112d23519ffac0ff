/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "base/base.h"

/*
 * guard - who may ask, and who may change something
 */
struct http_guard {
    bool loopback;     /* the socket is reached from this machine only */
    char *token;       /* NULL = none; owned */
    VEC(char *) hosts; /* further names, lower case; owned */
};

/* ERR_CONFIG for a token or a name that cannot be one. `listen_host` is the host of the address
 * listened on. */
int http_guard_init(struct http_guard *g, bool loopback, const char *listen_host, const char *token,
                    const char *hosts, struct err *err);
void http_guard_done(struct http_guard *g);

/* The headers that matter; ptr NULL = not sent. */
struct http_guard_request {
    struct str host;
    struct str origin;
    struct str fetch_site; /* Sec-Fetch-Site */
    struct str authorization;
    struct str marker; /* X-Sluice */
    bool forwarded;    /* came through a proxy that says so */
};

/* 0, or the status of the refusal with its sentence. */
int http_guard_read(const struct http_guard *g, const struct http_guard_request *r,
                    const char **ret_message);
/* The same for a request that changes something, and passed http_guard_read. */
int http_guard_write(const struct http_guard *g, const struct http_guard_request *r,
                     const char **ret_message);

#endif

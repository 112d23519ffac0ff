/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "base/base.h"

/*
 * route - method and target of a request to what is asked
 *
 * The target is taken as it stands on the wire: a query's name is one segment, percent-encoded, so
 * that it may hold any character, "/" too.
 */
enum http_route_kind {
    HTTP_ROUTE_ASSET, /* .path */
    HTTP_ROUTE_HEALTH,
    HTTP_ROUTE_READY,
    HTTP_ROUTE_METRICS,
    HTTP_ROUTE_EVENTS,
    HTTP_ROUTE_QUERIES,
    HTTP_ROUTE_QUERY, /* these have .name */
    HTTP_ROUTE_PROGRESS,
    HTTP_ROUTE_HISTORY,
    HTTP_ROUTE_OFFSETS,
    HTTP_ROUTE_ERRORS,
    HTTP_ROUTE_PLAN,
    HTTP_ROUTE_SCHEMA,
    HTTP_ROUTE_STOP, /* these change something */
    HTTP_ROUTE_PAUSE,
    HTTP_ROUTE_RESUME,
};

struct http_route {
    enum http_route_kind kind;
    struct str path;   /* of the target, without the query; borrowed from it */
    struct buf name;   /* decoded */
    size_t limit;      /* progress: 1 to 1000 */
    int64_t since_s;   /* history */
    const char *allow; /* of a 405: the methods there are */
    char message[128]; /* of a refusal */
};
void http_route_done(struct http_route *r);
#define AUTO_HTTP_ROUTE AUTO(http_route_done)

/* 0, or the status of the refusal (400, 404, 405) with .message. *ret_route is to be freed in any
 * case. */
int http_route_parse(struct str method, struct str target, struct http_route *ret_route);

static inline bool http_route_is_write(const struct http_route *r)
{
    return r->kind >= HTTP_ROUTE_STOP;
}

#endif

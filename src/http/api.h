/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_API_H
#define HTTP_API_H

#include "http/route.h"
#include "job/monitor.h"

/*
 * api - a route to the answer's status, type and body
 */
struct http_reply {
    int status;
    const char *type;
    struct buf body;
};
void http_reply_done(struct http_reply *reply);
#define AUTO_HTTP_REPLY AUTO(http_reply_done)

#define HTTP_TYPE_JSON    "application/json"
#define HTTP_TYPE_TEXT    "text/plain; charset=utf-8"
#define HTTP_TYPE_METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* {"error":{"status":…,"message":"…"}}, in place of what was there. */
void http_reply_error(struct http_reply *reply, int status, const char *message);

/* Everything but the page and the events. A body is at most `body_max` bytes. */
void http_api_answer(struct job_monitor *monitor, const struct http_route *route, size_t body_max,
                     struct http_reply *ret_reply);

#endif

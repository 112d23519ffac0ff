/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_EVENTS_H
#define HTTP_EVENTS_H

#include "base/base.h"
#include "job/monitor.h"

struct MHD_Connection;
struct MHD_Response;

/*
 * events - server-sent events to any number of listeners, from one thread
 */
struct http_events;

struct http_events *http_events_new(struct job_monitor *monitor, size_t streams_max);
/* Every listener is sent to its end, so that the server can be stopped; no new ones after it. */
void http_events_end(struct http_events *events);
void http_events_free(struct http_events *events); /* after the server has been stopped */

/* The answer to a listener, for the caller to queue and release; NULL = there are too many. On the
 * server's thread. */
struct MHD_Response *http_events_listen(struct http_events *events,
                                        struct MHD_Connection *connection);

#endif

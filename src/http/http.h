/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H
#define HTTP_H

#include "base/base.h"

struct job_monitor;

/*
 * http - the status page, the JSON API and the metrics, over one monitor
 *
 * The face of the folder.  One thread answers requests and one tells those who listen to
 * /api/v1/events; neither is ever waited for by a thread that moves messages.  What the answers
 * say is written by job/monitor.h; docs/openapi.yaml describes all of it.
 */
struct http;

struct http_options {
    const char *address;    /* HOST:PORT, port 0 = any; NULL = 127.0.0.1, 4040 to 4056 */
    const char *token;      /* what changes something must bring; NULL = none */
    const char *hosts;      /* further Host names that are let in, "a,b"; NULL = none */
    size_t connections_max; /* of all clients; 0 = 256, less where few files may be open */
    size_t streams_max;     /* listening to events; 0 = 32 */
    int64_t idle_us;        /* a connection that moves nothing for so long ends; 0 = 30 s */
};

/*
 * Listens and answers until http_close.  The monitor is borrowed.  1 = *ret_http is open; 0 = no
 * port of the preset range was free: a warning was logged, *ret_http is NULL.  ERR_CONFIG: an
 * address, host or token that cannot be; ERR_IO: the address asked for cannot be had.
 */
int http_open(const struct http_options *options, struct job_monitor *monitor,
              struct http **ret_http, struct err *err);
/* Requests under way are cut. NULL is fine. */
void http_close(struct http *http);

/* "http://127.0.0.1:4040/"; borrowed. */
const char *http_url(const struct http *http);

#endif

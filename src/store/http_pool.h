/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_HTTP_POOL_H
#define STORE_HTTP_POOL_H

#include "base/base.h"

#include <curl/curl.h>

/*
 * http_pool - libcurl handles with their connections, and how a transfer is run
 *
 * A handle is a libcurl multi handle, which owns connections, and one easy
 * handle; whoever took it is its only user.  A pool may be used by any thread.
 */
struct store_http_handle {
    CURL *easy;
    CURLM *multi;
    bool busy; /* guarded by the pool's lock */
};

struct store_http_pool {
    struct mutex lock;
    VEC(struct store_http_handle *) handles; /* guarded by .lock */
};

int store_http_pool_check(struct err *err); /* libcurl, once in a process; ERR_CONFIG: too old */
void store_http_pool_init(struct store_http_pool *pool);
void store_http_pool_done(struct store_http_pool *pool); /* no handle is taken */
struct store_http_handle *store_http_pool_take(struct store_http_pool *pool);
void store_http_pool_give(struct store_http_pool *pool, struct store_http_handle *h);
void store_http_pool_wake(struct store_http_pool *pool); /* those in perform look at their stop */

/*
 * Starts the options of a transfer: HTTP/1.1 over TLS 1.2 or newer, verified, no redirects, no
 * signals, a longest idle time for kept connections.  All is borrowed until the end of the
 * transfer; `error` has CURL_ERROR_SIZE bytes.
 */
void store_http_pool_begin(CURL *easy, const char *url, struct curl_slist *headers, char *error,
                           long idle_max_s);

/*
 * Runs the transfer until it ends, the deadline passes (CURLE_OPERATION_TIMEDOUT) or `stop`
 * (NULL = none) is set (CURLE_ABORTED_BY_CALLBACK).  The stop is looked at every `look_us` and
 * when the pool is woken.
 */
CURLcode store_http_pool_perform(struct store_http_handle *h, int64_t deadline_us, int64_t look_us,
                                 struct stop *stop);

/* Our own kind of trust or configuration is wrong: trying again does not help. */
bool store_http_pool_is_fatal(CURLcode result);

void store_http_pool_slist_done(struct curl_slist **list);
#define AUTO_SLIST AUTO(store_http_pool_slist_done)
void store_http_pool_slist_add(struct curl_slist **list, const char *line);

/* In milliseconds. */
long store_http_pool_clamp_ms(int64_t us, int64_t min_us, int64_t max_us);

#endif

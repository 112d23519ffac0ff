/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_pool - libcurl handles with their connections, and how a transfer is run
 *
 * What the S3 store (s3_attempt.c) and the general client (http.c) share.  The
 * handle used last is taken first, since its connection is the warmest.
 */
#include "store/http_pool.h"

#include <pthread.h>

/* ---- the pool ---- */

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int store_http_pool_check(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    if (version == NULL || version->version_num < 0x075500) {
        return err_set(err, ERR_CONFIG, "libcurl 7.85 or newer is needed");
    }
    return 0;
}

void store_http_pool_init(struct store_http_pool *pool)
{
    *pool = (struct store_http_pool){.handles = {0}};
    mutex_init(&pool->lock);
}

void store_http_pool_done(struct store_http_pool *pool)
{
    for (size_t i = 0; i < pool->handles.count; i++) {
        struct store_http_handle *h = pool->handles.items[i];
        assert(!h->busy);
        curl_easy_cleanup(h->easy);
        curl_multi_cleanup(h->multi);
        mem_free(h);
    }
    vec_done(&pool->handles);
    mutex_done(&pool->lock);
}

struct store_http_handle *store_http_pool_take(struct store_http_pool *pool)
{
    MUTEX_GUARD(&pool->lock);
    for (size_t i = pool->handles.count; i > 0; i--) {
        struct store_http_handle *h = pool->handles.items[i - 1];
        if (!h->busy) {
            h->busy = true;
            return h;
        }
    }
    struct store_http_handle *h = mem_new(struct store_http_handle);
    h->easy = curl_easy_init();
    h->multi = curl_multi_init();
    assert(h->easy != NULL);
    assert(h->multi != NULL);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 2L);
    h->busy = true;
    *vec_push(&pool->handles) = h;
    return h;
}

void store_http_pool_give(struct store_http_pool *pool, struct store_http_handle *h)
{
    curl_easy_reset(h->easy); /* it points to the frame of whoever took it */
    MUTEX_GUARD(&pool->lock);
    assert(h->busy);
    h->busy = false;
}

void store_http_pool_wake(struct store_http_pool *pool)
{
    MUTEX_GUARD(&pool->lock);
    for (size_t i = 0; i < pool->handles.count; i++) {
        curl_multi_wakeup(pool->handles.items[i]->multi);
    }
}

/* ---- a transfer ---- */

long store_http_pool_clamp_ms(int64_t us, int64_t min_us, int64_t max_us)
{
    int64_t clamped = us < min_us ? min_us : us > max_us ? max_us : us;
    return (long)(clamped / 1000);
}

void store_http_pool_begin(CURL *easy, const char *url, struct curl_slist *headers, char *error,
                           long idle_max_s)
{
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, idle_max_s);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
}

CURLcode store_http_pool_perform(struct store_http_handle *h, int64_t deadline_us, int64_t look_us,
                                 struct stop *stop)
{
    CURLcode result = CURLE_OPERATION_TIMEDOUT;
    CURLMcode mc = curl_multi_add_handle(h->multi, h->easy);
    assert(mc == CURLM_OK);
    for (;;) {
        int running = 0;
        pulse_step();
        mc = curl_multi_perform(h->multi, &running);
        assert(mc == CURLM_OK);
        if (running == 0) {
            int left;
            CURLMsg *message;
            while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
                if (message->msg == CURLMSG_DONE) {
                    result = message->data.result;
                }
            }
            break;
        }
        int64_t left_us = deadline_us - clock_mono_us();
        if (stop != NULL && stop_is_set(stop)) {
            result = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
        if (left_us <= 0) {
            break;
        }
        curl_multi_poll(h->multi, NULL, 0, (int)store_http_pool_clamp_ms(left_us, 1000, look_us),
                        NULL);
    }
    curl_multi_remove_handle(h->multi, h->easy);
    return result;
}

bool store_http_pool_is_fatal(CURLcode result)
{
    switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
        return true;
    default:
        return false;
    }
}

void store_http_pool_slist_done(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

void store_http_pool_slist_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    assert(longer != NULL);
    *list = longer;
}

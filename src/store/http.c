/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - a small HTTP client for other services than object stores
 *
 *  (1) The deadline is for everything together: connecting, sending, a server
 *      that trickles, redirects.
 *  (2) A body counts when it is whole: cut off is an error, never a short answer.
 *  (3) Credentials go where the caller's URL points, and to no other host: we
 *      follow redirects ourselves, on that host only and never out of TLS.
 *  (4) No error has a query, a user or a password of a URL in it.
 */
#include "store/http.h"

#include "store/http_pool.h"

#include <stdio.h>
#include <unistd.h>

#define SECOND_US          ((int64_t)1000000)
#define CONNECT_DEFAULT_US (10 * SECOND_US)
#define TOTAL_DEFAULT_US   (30 * SECOND_US)
#define LOOK_US            (SECOND_US / 20) /* how late a stop may be noticed */
#define IDLE_MAX_S         20L
#define REDIRECTS_MAX      3
#define URL_BYTES_MAX      8192

#define STORE_HTTP_MAGIC 0x48545450u

struct store_http {
    uint32_t magic;
    struct store_http_pool pool;
    char *user;
    char *password;
    char *token;
    char *ca_file;
    char *client_cert;
    char *client_key;
    bool insecure;
    int64_t connect_us;
    struct stop *stop;
};

/* One exchange. */
struct exchange {
    struct buf *body;
    size_t body_start; /* where in `body` that of this exchange begins */
    long status;
    CURL *easy;
    CURLcode result;
    char error[CURL_ERROR_SIZE];
};

/* ---- opening ---- */

static int check_file(struct str path, const char *what, struct err *err)
{
    if (path.len == 0) {
        return 0;
    }
    AUTO_FREE char *name = str_dup(path);
    if (access(name, R_OK) != 0) {
        return err_set(err, ERR_CONFIG, "the %s \"%s\" cannot be read", what, name);
    }
    return 0;
}

int store_http_open(const struct store_http_options *options, struct store_http **ret_http,
                    struct err *err)
{
    TRY(store_http_pool_check(err));
    if (options->token.len > 0 && options->user.len > 0) {
        return err_set(err, ERR_CONFIG, "a token and a user name exclude each other");
    }
    if (options->client_key.len > 0 && options->client_cert.len == 0) {
        return err_set(err, ERR_CONFIG, "a client key needs a client certificate");
    }
    TRY(check_file(options->ca_file, "CA file", err));
    TRY(check_file(options->client_cert, "client certificate", err));
    TRY(check_file(options->client_key, "client key", err));
    struct store_http *http = mem_new(struct store_http);
    http->magic = STORE_HTTP_MAGIC;
    store_http_pool_init(&http->pool);
    http->user = str_dup(options->user);
    http->password = str_dup(options->password);
    http->token = str_dup(options->token);
    http->ca_file = str_dup(options->ca_file);
    http->client_cert = str_dup(options->client_cert);
    http->client_key = str_dup(options->client_key);
    http->insecure = options->insecure;
    http->connect_us = options->connect_us > 0 ? options->connect_us : CONNECT_DEFAULT_US;
    http->stop = options->stop;
    log_mask(options->password);
    log_mask(options->token);
    *ret_http = http;
    return 0;
}

void store_http_close(struct store_http *http)
{
    if (http == NULL) {
        return;
    }
    assert(http->magic == STORE_HTTP_MAGIC);
    store_http_pool_done(&http->pool);
    mem_free(http->user);
    mem_free(http->password);
    mem_free(http->token);
    mem_free(http->ca_file);
    mem_free(http->client_cert);
    mem_free(http->client_key);
    http->magic = 0;
    mem_free(http);
}

/* ---- URLs ---- */

const char *store_http_show(struct str url, char out[STORE_HTTP_SHOWN])
{
    size_t len = 0;
    while (len < url.len && url.ptr[len] != '?' && url.ptr[len] != '#') {
        len++;
    }
    struct uri_parts parts;
    uri_split(str_head(url, len), &parts);
    ptrdiff_t at = str_rfind(parts.authority, '@');
    struct str host = at < 0 ? parts.authority : str_skip(parts.authority, (size_t)at + 1);
    snprintf(out, STORE_HTTP_SHOWN, "%.*s://%.*s%.*s", STR_FMT(str_head(parts.scheme, 8)),
             STR_FMT(str_head(host, 100)), STR_FMT(str_head(parts.path, 140)));
    return out;
}

static int check_url(struct str url, struct err *err)
{
    struct uri_parts parts;
    char shown[STORE_HTTP_SHOWN];
    uri_split(url, &parts);
    bool is_http = str_eq_nocase_c(parts.scheme, "http") || str_eq_nocase_c(parts.scheme, "https");
    if (!is_http || parts.authority.len == 0) {
        return err_set(err, ERR_CONFIG, "\"%s\" is no http or https URL",
                       store_http_show(url, shown));
    }
    if (str_find(parts.authority, '@') >= 0) {
        return err_set(err, ERR_CONFIG,
                       "%s: user and password do not belong into the URL; give them as options",
                       store_http_show(url, shown));
    }
    bool is_plain = url.len <= URL_BYTES_MAX;
    for (size_t i = 0; i < url.len && is_plain; i++) {
        is_plain = url.ptr[i] > ' ' && url.ptr[i] < 0x7f;
    }
    if (!is_plain) {
        return err_set(err, ERR_CONFIG,
                       "%s: a URL has no spaces, no characters but ASCII, and at most %d bytes",
                       store_http_show(url, shown), URL_BYTES_MAX);
    }
    return 0;
}

static char *url_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *left = url_part(a, part);
    char *right = url_part(b, part);
    bool same = left != NULL && right != NULL && str_eq_nocase_c(str_of(left), right);
    curl_free(left);
    curl_free(right);
    return same;
}

/* Rule (3): from the caller's URL to where the last answer points. */
static bool may_follow(const char *from, const char *to)
{
    CURLU *a = curl_url();
    CURLU *b = curl_url();
    bool may = curl_url_set(a, CURLUPART_URL, from, 0) == CURLUE_OK &&
               curl_url_set(b, CURLUPART_URL, to, CURLU_DISALLOW_USER) == CURLUE_OK &&
               same_part(a, b, CURLUPART_HOST);
    if (may) {
        bool same_scheme = same_part(a, b, CURLUPART_SCHEME);
        bool is_tls = str_starts_nocase(str_of(to), STR("https:"));
        may = same_scheme ? same_part(a, b, CURLUPART_PORT) : is_tls;
    }
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return may;
}

/* ---- an exchange ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    buf_add(x->body, bytes, size * count);
    return x->body->overflow ? 0 : size * count;
}

static void set_options(const struct store_http *http, const struct store_http_request *r,
                        struct exchange *x, int64_t left_us)
{
    CURL *easy = x->easy;
    int64_t connect_us = http->connect_us < left_us ? http->connect_us : left_us;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     store_http_pool_clamp_ms(connect_us, 1000, INT32_MAX * (int64_t)1000));
    if (http->user[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, http->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, http->password);
    } else if (http->token[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, http->token);
    }
    if (http->ca_file[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    }
    if (http->client_cert[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, http->client_cert);
        curl_easy_setopt(easy, CURLOPT_SSLKEY,
                         http->client_key[0] != '\0' ? http->client_key : http->client_cert);
    }
    if (http->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (r->body.ptr != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.ptr);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method == NULL ? "GET" : r->method);
}

/* Sets *ret_location (owned by the caller) when the answer is a redirect that names a place. */
static void exchange_run(struct store_http *http, const struct store_http_request *r,
                         const char *url, struct curl_slist *headers, struct exchange *x,
                         int64_t deadline_us, char **ret_location)
{
    struct store_http_handle *h = store_http_pool_take(&http->pool);
    x->easy = h->easy;
    x->error[0] = '\0';
    x->status = 0;
    store_http_pool_begin(h->easy, url, headers, x->error, IDLE_MAX_S);
    set_options(http, r, x, deadline_us - clock_mono_us());
    x->result = store_http_pool_perform(h, deadline_us, LOOK_US, http->stop);
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &x->status);
    const char *location = NULL;
    curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &location);
    *ret_location = location == NULL ? NULL : mem_strdup(location);
    store_http_pool_give(&http->pool, h);
}

/* The exchange came to no answer. */
static int fail(const struct store_http *http, const struct exchange *x, const char *url,
                struct err *err)
{
    char shown[STORE_HTTP_SHOWN];
    store_http_show(str_of(url), shown);
    const char *why = x->error[0] != '\0' ? x->error : curl_easy_strerror(x->result);
    int rc;
    if (x->body->overflow) {
        rc = err_set(err, ERR_DATA, "the answer of %s is larger than %zu bytes", shown,
                     (x->body->max > 0 ? x->body->max : BUF_DEFAULT_MAX) - x->body_start);
    } else if (http->stop != NULL && stop_is_set(http->stop)) {
        rc = err_set(err, ERR_CANCELED, "%s: canceled", shown);
    } else if (store_http_pool_is_fatal(x->result)) {
        rc = err_set(err, ERR_CONFIG, "%s is not trusted: %s", shown, why);
    } else if (x->result == CURLE_OPERATION_TIMEDOUT && x->error[0] == '\0') {
        rc = err_set_retry(err, "no answer of %s in time", shown);
    } else {
        rc = err_set_retry(err, "no answer of %s: %s", shown, why);
    }
    log_mask_text(err->msg);
    return rc;
}

static bool is_redirect(const struct store_http_request *r, long status)
{
    return (r->method == NULL || strcmp(r->method, "GET") == 0) &&
           (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

int store_http_send(struct store_http *http, const struct store_http_request *request,
                    struct buf *body, struct err *err)
{
    assert(http->magic == STORE_HTTP_MAGIC);
    TRY(check_url(request->url, err));
    int64_t deadline_us =
        clock_mono_us() + (request->deadline_us > 0 ? request->deadline_us : TOTAL_DEFAULT_US);
    AUTO_SLIST struct curl_slist *headers = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        store_http_pool_slist_add(&headers, request->headers[i]);
    }
    store_http_pool_slist_add(&headers, "Expect:");
    AUTO_FREE char *first = str_dup(request->url);
    AUTO_FREE char *url = mem_strdup(first);
    for (unsigned redirects = 0;; redirects++) {
        struct exchange x = {.body = body, .body_start = body->len};
        AUTO_FREE char *location = NULL;
        exchange_run(http, request, url, headers, &x, deadline_us, &location);
        if (x.result != CURLE_OK || x.status < 200) {
            int rc = fail(http, &x, url, err);
            body->len = x.body_start;
            body->overflow = false;
            if (body->ptr != NULL) {
                body->ptr[body->len] = '\0';
            }
            return rc;
        }
        if (!is_redirect(request, x.status) || location == NULL || redirects == REDIRECTS_MAX ||
            !may_follow(first, location)) {
            return (int)x.status;
        }
        body->len = x.body_start;
        mem_free(url);
        url = TAKE(location);
    }
}

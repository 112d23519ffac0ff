/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_metadata - temporary keys of the container or the machine that we run on
 *
 *     container   GET <url>, Authorization from AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE)
 *     instance    PUT /latest/api/token             -> session token
 *                 GET …/iam/security-credentials/   -> name of the role
 *                 GET …/iam/security-credentials/<role>
 *
 * Each ends in {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}.
 *
 *  (1) Plain http goes to this machine and to AWS's link-local addresses only, never through a
 *      proxy, and no redirect is followed: who answers is who we give rights to.
 *  (2) Instance metadata is version 2 only: without a session token it is not asked.
 *  (3) An address that nobody answers at is no error of the instance service: most machines have
 *      none.  It is one of the container's, which somebody configured.
 *  (4) Bodies are bounded, wiped, and never quoted.
 */
#include "store/s3_metadata.h"

#include "store/http_pool.h"
#include "store/s3_attempt.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS     1000L
#define EXCHANGE_MS    3000L
#define TRIES          3
#define PAUSE_US       100000
#define BODY_MAX       ((size_t)64 << 10)
#define TOKEN_MAX      ((size_t)16 << 10)
#define TOKEN_SECONDS  "21600"
#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_IPV4  "http://169.254.169.254"
#define INSTANCE_IPV6  "http://[fd00:ec2::254]"
#define ROLES_PATH     "/latest/meta-data/iam/security-credentials/"

/* An environment variable; empty counts as not set. */
static struct str env(const char *name)
{
    return str_of(getenv(name)); // NOLINT(concurrency-mt-unsafe): nothing here sets any
}

/* ---- one exchange ---- */

struct exchange {
    const char *method;
    const char *url;
    const char *header; /* "name: value"; NULL = none */
    struct stop *stop;
    long status; /* 0 = there was no answer */
    struct buf body;
    char error[CURL_ERROR_SIZE];
};

static void exchange_done(struct exchange *x)
{
    if (x->body.ptr != NULL) {
        explicit_bzero(x->body.ptr, x->body.len);
    }
    buf_done(&x->body);
}
#define AUTO_EXCHANGE AUTO(exchange_done)

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    buf_add(&x->body, bytes, size * count);
    return x->body.overflow ? 0 : size * count;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *x = user;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return x->stop != NULL && stop_is_set(x->stop);
}

static void exchange_once(struct exchange *x)
{
    CURL *easy = curl_easy_init();
    assert(easy != NULL);
    struct curl_slist *headers = x->header == NULL ? NULL : curl_slist_append(NULL, x->header);
    exchange_done(x);
    buf_init(&x->body, BODY_MAX);
    x->status = 0;
    x->error[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_URL, x->url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, x->method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, EXCHANGE_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, x);
    CURLcode code = curl_easy_perform(easy);
    if (code == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &x->status);
    } else if (x->error[0] == '\0') {
        snprintf(x->error, sizeof(x->error), "%s", curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
}

/* Until there is an answer that says something. `tries` 1 = an address that may be nobody's. */
static void exchange_run(struct exchange *x, int tries)
{
    for (int i = 0; i < tries; i++) {
        exchange_once(x);
        bool is_unclear = x->status == 0 || x->status == 429 || x->status >= 500;
        if (!is_unclear || i + 1 == tries || (x->stop != NULL && stop_is_set(x->stop))) {
            return;
        }
        clock_sleep_us(PAUSE_US);
    }
}

static int fail(const struct exchange *x, const char *who, struct err *err)
{
    if (x->stop != NULL && stop_is_set(x->stop)) {
        return err_set(err, ERR_CANCELED, "%s: canceled", who);
    }
    if (x->status == 0) {
        return err_set_retry(err, "%s does not answer: %s", who, x->error);
    }
    int rc = err_set(err, ERR_CONFIG, "%s gives no keys: it answers %ld", who, x->status);
    if (x->status == 429 || x->status >= 500) {
        rc = err_set_retry(err, "%s gives no keys: it answers %ld", who, x->status);
    }
    return rc;
}

/* ---- the answer ---- */

static int parse_keys(const struct exchange *x, const char *who, struct store_s3_credentials *ret,
                      struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err unused;
    struct str access_key = {0};
    struct str secret_key = {0};
    struct str token = {0};
    struct str expiration = {0};
    int64_t expires_us = 0;
    bool has_zone = false;
    bool ok = json_parse(&arena, buf_str(&x->body), &root, &unused) >= 0 &&
              json_get_str(json_find(root, "AccessKeyId"), &access_key) &&
              json_get_str(json_find(root, "SecretAccessKey"), &secret_key) && access_key.len > 0 &&
              secret_key.len > 0;
    bool expires = json_get_str(json_find(root, "Expiration"), &expiration);
    if (!ok || (expires && !clock_parse_timestamp(expiration, &expires_us, &has_zone))) {
        return err_set_retry(err, "%s gives no keys: its answer is not what it should be", who);
    }
    (void)json_get_str(json_find(root, "Token"), &token);
    log_mask(secret_key);
    log_mask(token);
    *ret = (struct store_s3_credentials){
        .access_key = str_dup(access_key),
        .secret_key = str_dup(secret_key),
        .session_token = str_dup(token.len == 0 ? STR("") : token),
        .expires_us = expires_us,
    };
    return 1;
}

/* ---- the container ---- */

static bool is_near(struct str host)
{
    static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                        "[fd00:ec2::23]"};
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
        if (str_eq_nocase_c(host, hosts[i])) {
            return true;
        }
    }
    struct str rest = host;
    struct str part;
    int numbers = 0;
    while (str_split(&rest, '.', &part)) {
        uint64_t number = 0;
        if (!str_to_u64(part, &number) || number > 255 || (numbers == 0 && number != 127)) {
            return false;
        }
        numbers++;
    }
    return numbers == 4;
}

/* "host" of "host:port" and "[v6]:port". */
static struct str host_of(struct str authority)
{
    ptrdiff_t colon = str_rfind(authority, ':');
    ptrdiff_t bracket = str_rfind(authority, ']');
    return colon < 0 || colon < bracket ? authority : str_head(authority, (size_t)colon);
}

int store_s3_metadata_container_url(struct buf *out, struct err *err)
{
    struct str relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    struct str full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct str given = relative.len > 0 ? relative : full;
    for (size_t i = 0; i < given.len; i++) {
        if (given.ptr[i] <= ' ' || given.ptr[i] == 0x7F) {
            return err_set(err, ERR_CONFIG,
                           "AWS_CONTAINER_CREDENTIALS_%s_URI has a character that "
                           "no URI has",
                           relative.len > 0 ? "RELATIVE" : "FULL");
        }
    }
    if (relative.len > 0) {
        if (relative.ptr[0] != '/') {
            return err_set(err, ERR_CONFIG,
                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI has to begin with \"/\"");
        }
        buf_printf(out, "%s%.*s", CONTAINER_HOST, STR_FMT(relative));
        return 1;
    }
    if (full.len == 0) {
        return 0;
    }
    struct uri_parts parts;
    uri_split(full, &parts);
    bool is_https = str_eq_nocase_c(parts.scheme, "https");
    bool is_allowed =
        is_https || (str_eq_nocase_c(parts.scheme, "http") && is_near(host_of(parts.authority)));
    if (!is_allowed || parts.authority.len == 0 || str_find(parts.authority, '@') >= 0) {
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI has to be https, or http to this "
                       "machine or to the addresses of ECS and EKS");
    }
    buf_add_str(out, full);
    return 1;
}

/* "Authorization: …", or nothing when no token is set. */
static int container_header(struct buf *out, struct err *err)
{
    AUTO_BUF struct buf token = {0};
    struct str path = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    buf_init(&token, TOKEN_MAX);
    if (path.len > 0) {
        /* Read each time: it is replaced before it expires. */
        TRY(fs_read_file(path.ptr, &token, err));
    } else {
        buf_add_str(&token, env("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    }
    struct str value = str_trim(buf_str(&token));
    log_mask(value);
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)value.ptr[i] < ' ') {
            return err_set(err, ERR_CONFIG, "the container's authorization token has a line break");
        }
    }
    if (value.len > 0) {
        buf_printf(out, "Authorization: %.*s", STR_FMT(value));
    }
    if (token.ptr != NULL) {
        explicit_bzero(token.ptr, token.len);
    }
    return 0;
}

int store_s3_metadata_container(struct stop *stop, struct store_s3_credentials *ret_keys,
                                struct buf *why, struct err *err)
{
    AUTO_BUF struct buf url = {0};
    AUTO_BUF struct buf header = {0};
    TRY(store_http_pool_check(err));
    if (TRY(store_s3_metadata_container_url(&url, err)) == 0) {
        buf_add_c(why, "no container credentials are configured");
        return 0;
    }
    TRY(container_header(&header, err));
    AUTO_EXCHANGE struct exchange x = {.method = "GET", .url = url.ptr, .stop = stop};
    x.header = header.len > 0 ? header.ptr : NULL;
    exchange_run(&x, TRIES);
    if (header.len > 0) {
        explicit_bzero(header.ptr, header.len);
    }
    if (x.status != 200) {
        return fail(&x, "the container's credentials service", err);
    }
    return parse_keys(&x, "the container's credentials service", ret_keys, err);
}

/* ---- the instance ---- */

static int instance_base(struct buf *out, struct err *err)
{
    struct str given = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct str mode = env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    if (given.len == 0) {
        buf_add_c(out, str_eq_nocase_c(mode, "IPv6") ? INSTANCE_IPV6 : INSTANCE_IPV4);
        return 0;
    }
    char *scheme = NULL;
    char *host = NULL;
    char *path = NULL;
    if (store_s3_config_endpoint(given, &scheme, &host, &path, err) < 0) {
        return err_wrap(err, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    }
    buf_printf(out, "%s://%s%s", scheme, host, path);
    mem_free(scheme);
    mem_free(host);
    mem_free(path);
    return 0;
}

/* GET of `base` + `path` with the session's token. */
static int instance_get(struct exchange *x, const char *base, const char *path, struct str name,
                        struct str token, struct err *err)
{
    AUTO_BUF struct buf url = {0};
    AUTO_BUF struct buf header = {0};
    buf_printf(&url, "%s%s", base, path);
    uri_encode(&url, name, "");
    buf_printf(&header, "X-aws-ec2-metadata-token: %.*s", STR_FMT(token));
    x->method = "GET";
    x->url = url.ptr;
    x->header = header.ptr;
    exchange_run(x, TRIES);
    x->url = NULL;
    x->header = NULL;
    explicit_bzero(header.ptr, header.len);
    if (x->status == 200 || x->status == 404) {
        return x->status == 200;
    }
    return fail(x, "the instance metadata service", err);
}

/* The session's token. 0 = there is no such service here. */
static int instance_token(struct exchange *x, const char *base, struct buf *why, struct buf *token,
                          struct err *err)
{
    AUTO_BUF struct buf url = {0};
    buf_printf(&url, "%s/latest/api/token", base);
    x->method = "PUT";
    x->url = url.ptr;
    x->header = "X-aws-ec2-metadata-token-ttl-seconds: " TOKEN_SECONDS;
    exchange_run(x, 1);
    x->url = NULL;
    x->header = NULL;
    if (x->status == 0 && (x->stop == NULL || !stop_is_set(x->stop))) {
        buf_printf(why, "the instance metadata service does not answer: %s", x->error);
        return 0;
    }
    if (x->status != 200) {
        return fail(x, "the instance metadata service", err);
    }
    struct str text = str_trim(buf_str(&x->body));
    bool ok = text.len > 0;
    for (size_t i = 0; i < text.len; i++) {
        ok = ok && text.ptr[i] > ' ' && text.ptr[i] < 0x7F;
    }
    if (!ok) {
        return err_set_retry(err, "the instance metadata service gives no session token");
    }
    log_mask(text);
    buf_add_str(token, text);
    return 1;
}

int store_s3_metadata_instance(struct stop *stop, struct store_s3_credentials *ret_keys,
                               struct buf *why, struct err *err)
{
    AUTO_BUF struct buf base = {0};
    AUTO_BUF struct buf token = {0};
    AUTO_BUF struct buf role = {0};
    AUTO_EXCHANGE struct exchange x = {.stop = stop};
    TRY(store_http_pool_check(err));
    if (str_eq_nocase_c(env("AWS_EC2_METADATA_DISABLED"), "true")) {
        buf_add_c(why, "AWS_EC2_METADATA_DISABLED is set");
        return 0;
    }
    TRY(instance_base(&base, err));
    if (TRY(instance_token(&x, base.ptr, why, &token, err)) == 0) {
        return 0;
    }
    int found = TRY(instance_get(&x, base.ptr, ROLES_PATH, STR(""), buf_str(&token), err));
    struct str rest = str_trim(buf_str(&x.body));
    struct str name = {0};
    if (found == 0 || !str_split(&rest, '\n', &name) || str_trim(name).len == 0) {
        buf_add_c(why, "the instance has no role");
        return 0;
    }
    buf_add_str(&role, str_trim(name));
    found = TRY(instance_get(&x, base.ptr, ROLES_PATH, buf_str(&role), buf_str(&token), err));
    assert(token.ptr != NULL);
    explicit_bzero(token.ptr, token.len);
    if (found == 0) {
        return err_set_retry(err, "the instance metadata service has no keys for its role");
    }
    return parse_keys(&x, "the instance metadata service", ret_keys, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_fake_auth - whether the fake lets a request in
 *
 * A signature is computed anew from what came over the wire; the payload's hash
 * is compared with the body.  What is not signed is refused.
 */
#include "store/s3_fake_auth.h"

#include <stdio.h>

#define SKEW_MAX_US ((int64_t)15 * 60 * 1000000)

static bool parse_amz_date(struct str date, int64_t *ret_us)
{
    char iso[32];
    bool has_zone;
    if (date.len != 16) {
        return false;
    }
    snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", date.ptr, date.ptr + 4,
             date.ptr + 6, date.ptr + 9, date.ptr + 11, date.ptr + 13);
    return clock_parse_timestamp(str_of(iso), ret_us, &has_zone);
}

/* The code of what is wrong, or NULL. */
static const char *check_signature(const struct s3_fake_options *o, const struct s3_fake_request *r)
{
    struct str given = s3_fake_request_header(r, "authorization");
    struct str hash = s3_fake_request_header(r, "x-amz-content-sha256");
    struct str date = s3_fake_request_header(r, "x-amz-date");
    char actual[STORE_SIGV4_SHA256];
    store_sigv4_sha256(buf_str(&r->body), actual);
    if (!str_eq_c(hash, actual)) {
        return "XAmzContentSHA256Mismatch";
    }
    struct store_sigv4_pair headers[16];
    size_t count = 0;
    for (size_t i = 0; i < r->headers.count; i++) {
        struct str name = r->headers.items[i].name;
        bool is_signed = str_starts(name, STR("x-amz-")) || str_eq_c(name, "host") ||
                         str_eq_c(name, "range") || str_eq_c(name, "if-none-match") ||
                         str_eq_c(name, "content-type");
        if (is_signed) {
            assert(count < ARRAY_COUNT(headers));
            headers[count++] = r->headers.items[i];
        }
    }
    ptrdiff_t scope = str_find(given, '/');
    struct str region = str_skip(given, (size_t)(scope < 0 ? 0 : scope) + 1);
    (void)str_split(&region, '/', &(struct str){NULL, 0});
    struct str own_region = region;
    (void)str_split(&region, '/', &own_region);
    struct store_sigv4_key key = {STR(S3_FAKE_ACCESS_KEY), STR(S3_FAKE_SECRET_KEY), own_region,
                                  STR("s3")};
    struct store_sigv4_request request = {r->method, r->path, r->query, headers, count, hash};
    char date_text[STORE_SIGV4_DATE];
    snprintf(date_text, sizeof(date_text), "%.*s", STR_FMT(date));
    AUTO_BUF struct buf expected = {0};
    store_sigv4_sign(&key, &request, date_text, &expected);
    if (!str_eq(given, buf_str(&expected))) {
        return "SignatureDoesNotMatch";
    }
    bool wrong_region = o->region != NULL && !str_eq_c(own_region, o->region);
    return wrong_region ? "AuthorizationHeaderMalformed" : NULL;
}

bool s3_fake_auth_admit(const struct s3_fake_options *o, const struct s3_fake_request *r,
                        struct s3_fake_answer *a)
{
    int64_t stamp_us;
    int64_t now_us = clock_wall_us() + o->clock_offset_us;
    if (!parse_amz_date(s3_fake_request_header(r, "x-amz-date"), &stamp_us)) {
        s3_fake_answer_error(a, 403, "AccessDenied");
        return false;
    }
    if (stamp_us - now_us > SKEW_MAX_US || now_us - stamp_us > SKEW_MAX_US) {
        s3_fake_answer_error(a, 403, "RequestTimeTooSkewed");
        return false;
    }
    if (o->token != NULL &&
        !str_eq_c(s3_fake_request_header(r, "x-amz-security-token"), o->token)) {
        s3_fake_answer_error(a, 400, "ExpiredToken");
        return false;
    }
    const char *fault = check_signature(o, r);
    if (fault == NULL) {
        return true;
    }
    bool moved = strcmp(fault, "AuthorizationHeaderMalformed") == 0;
    s3_fake_answer_error(a, moved ? 400 : 403, fault);
    if (moved) {
        buf_reset(&a->body);
        buf_printf(&a->body, "<Error><Code>%s</Code><Region>%s</Region></Error>", fault, o->region);
    }
    return false;
}

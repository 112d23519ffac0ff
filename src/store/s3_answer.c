/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_answer - what a server said to one request, and what that means
 *
 *  (1) A refusal is clear only when it has an S3 error code (HEAD has
 *      no body; see s3.c): a bare 403 may come from a proxy, a bare 404 from a wrong
 *      endpoint.  What is not clear is AGAIN, so that a conditional put reports
 *      it as unknown and nobody takes "some 404" for "there is no such object".
 *  (2) Nothing from the server is longer than its field, and control characters
 *      do not get into messages.
 */
#include "store/s3_answer.h"

#include "store/s3_xml.h"

#include <curl/curl.h>
#include <stdio.h>

void store_s3_answer_reset(struct store_s3_answer *a)
{
    struct buf text = a->text;
    *a = (struct store_s3_answer){.text = text};
    buf_reset(&a->text);
    a->text.max = STORE_S3_TEXT_MAX;
}

void store_s3_answer_done(struct store_s3_answer *a)
{
    buf_done(&a->text);
}

/* A copy that fits, or for `whole` "" when it does not. */
static void copy(char *out, size_t out_bytes, struct str value, bool whole)
{
    size_t len = value.len < out_bytes ? value.len : out_bytes - 1;
    if (whole && len < value.len) {
        len = 0;
    }
    while (len > 0 && len < value.len && ((unsigned char)value.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        out[i] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    out[len] = '\0';
}

#define COPY(field, value, whole) copy((field), sizeof(field), (value), (whole))

/* "bytes 0-9/100", "bytes 0-9/ *", "bytes * /100" (of a 416: total only). */
static void content_range(struct store_s3_answer *a, struct str value)
{
    if (!str_starts_nocase(value, STR("bytes "))) {
        return;
    }
    struct str span = str_trim(str_skip(value, 6));
    ptrdiff_t slash = str_find(span, '/');
    ptrdiff_t dash = str_find(span, '-');
    if (slash < 0) {
        return;
    }
    struct str total = str_skip(span, (size_t)slash + 1);
    a->range_total_known = str_to_u64(total, &a->range_total);
    a->has_range =
        dash > 0 && dash < slash && str_to_u64(str_head(span, (size_t)dash), &a->range_first) &&
        str_to_u64(str_n(span.ptr + dash + 1, (size_t)(slash - dash - 1)), &a->range_last) &&
        a->range_last >= a->range_first;
}

static int64_t http_date_us(struct str value)
{
    char text[64];
    COPY(text, value, true);
    time_t seconds = curl_getdate(text, NULL);
    return seconds > 0 && seconds < INT64_MAX / 1000000 ? (int64_t)seconds * 1000000 : 0;
}

void store_s3_answer_header(struct store_s3_answer *a, struct str line)
{
    ptrdiff_t colon = str_find(line, ':');
    if (colon < 0) {
        return;
    }
    struct str name = str_head(line, (size_t)colon);
    struct str value = str_trim(str_skip(line, (size_t)colon + 1));
    uint64_t number;
    if (str_eq_nocase_c(name, "content-length")) {
        a->has_length = str_to_u64(value, &a->length);
    } else if (str_eq_nocase_c(name, "transfer-encoding")) {
        a->chunked = str_eq_nocase_c(value, "chunked");
    } else if (str_eq_nocase_c(name, "content-range")) {
        content_range(a, value);
    } else if (str_eq_nocase_c(name, "date")) {
        a->date_us = http_date_us(value);
    } else if (str_eq_nocase_c(name, "last-modified")) {
        a->modified_us = http_date_us(value);
    } else if (str_eq_nocase_c(name, "retry-after") && str_to_u64(value, &number)) {
        a->retry_after_us = (int64_t)(number < 3600 ? number : 3600) * 1000000;
    } else if (str_eq_nocase_c(name, "etag")) {
        COPY(a->etag, value, true);
    } else if (str_eq_nocase_c(name, "x-amz-checksum-sha256")) {
        COPY(a->checksum_sha256, value, true);
    } else if (str_eq_nocase_c(name, "x-amz-bucket-region")) {
        COPY(a->region, value, true);
    } else if (str_eq_nocase_c(name, "location")) {
        COPY(a->location, value, true);
    }
}

bool store_s3_answer_error(struct store_s3_answer *a)
{
    AUTO_S3_XML struct store_s3_xml x = {.in = buf_str(&a->text)};
    enum store_s3_xml_event event;
    bool is_error = false;
    while ((event = store_s3_xml_next(&x)) == STORE_S3_XML_OPEN || event == STORE_S3_XML_CLOSE) {
        is_error = is_error || (x.depth == 1 && str_eq_c(x.path[0], "Error"));
        if (!is_error || event == STORE_S3_XML_OPEN) {
            continue;
        }
        struct str text = str_trim(buf_str(&x.text));
        if (store_s3_xml_is(&x, 2, "Error", "Code")) {
            COPY(a->code, text, false);
        } else if (store_s3_xml_is(&x, 2, "Error", "Message")) {
            COPY(a->message, text, false);
        } else if (store_s3_xml_is(&x, 2, "Error", "Region")) {
            COPY(a->region, text, true);
        }
    }
    return is_error;
}

static bool code_is_one_of(const char *code, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(code, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

#define CODE_IS(code, ...)                                                                         \
    code_is_one_of((code), (const char *const[]){__VA_ARGS__},                                     \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* By its code alone; the same code comes with different statuses from different servers. */
static bool judge_code(const struct store_s3_answer *a, enum store_s3_verdict *ret_verdict)
{
    const char *code = a->code;
    if (CODE_IS(code, "SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests",
                "RequestLimitExceeded", "Throttling", "ThrottlingException")) {
        *ret_verdict = STORE_S3_SLOW;
    } else if (CODE_IS(code, "RequestTimeTooSkewed") && a->date_us != 0) {
        *ret_verdict = STORE_S3_SKEWED;
    } else if (CODE_IS(code, "ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException")) {
        *ret_verdict = STORE_S3_EXPIRED;
    } else if (CODE_IS(code, "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
                       "PermanentRedirect", "TemporaryRedirect") &&
               (a->region[0] != '\0' || a->location[0] != '\0')) {
        *ret_verdict = STORE_S3_MOVED;
    } else if (CODE_IS(code, "RequestTimeout", "InternalError", "ServiceUnavailable",
                       "OperationAborted", "ConditionalRequestConflict", "BadDigest",
                       "IncompleteBody", "XMinioStorageFull", "XMinioServerNotInitialized",
                       "XAmzContentSHA256Mismatch")) {
        *ret_verdict = STORE_S3_AGAIN;
    } else {
        return false;
    }
    return true;
}

enum store_s3_verdict store_s3_answer_judge(struct store_s3_answer *a, bool checks_error)
{
    assert(a->status > 0);
    bool is_2xx = a->status >= 200 && a->status < 300;
    bool is_error = (!is_2xx || checks_error) && store_s3_answer_error(a);
    if (is_2xx && !is_error) {
        return STORE_S3_DONE;
    }
    enum store_s3_verdict verdict;
    if (judge_code(a, &verdict)) {
        return verdict;
    }
    switch (a->status) {
    case 301:
    case 302:
    case 307:
    case 308:
        return a->location[0] != '\0' || a->region[0] != '\0' ? STORE_S3_MOVED : STORE_S3_REFUSED;
    case 429:
        return STORE_S3_SLOW;
    case 503: /* S3 says so when it is asked too much, with or without a code */
        return STORE_S3_SLOW;
    case 412: /* the condition is the answer; HEAD-like servers leave out the body */
    case 416:
        return STORE_S3_REFUSED;
    case 408:
    case 409:
    case 425:
        return STORE_S3_AGAIN;
    case 501:
        return a->code[0] != '\0' ? STORE_S3_REFUSED : STORE_S3_AGAIN;
    default:
        break;
    }
    return a->status >= 400 && a->status < 500 && a->code[0] != '\0' ? STORE_S3_REFUSED
                                                                     : STORE_S3_AGAIN;
}

void store_s3_answer_name(const struct store_s3_answer *a, char out[96])
{
    if (a->status == 0) {
        snprintf(out, 96, "no answer");
    } else {
        snprintf(out, 96, "%d%s%s", a->status, a->code[0] == '\0' ? "" : " ", a->code);
    }
}

void store_s3_answer_hint(const struct store_s3_answer *a, const char *permission,
                          struct str resource, char *out, size_t out_bytes)
{
    const char *code = a->code;
    const char *text = NULL;
    if (CODE_IS(code, "NoSuchBucket")) {
        ptrdiff_t slash = str_find(resource, '/');
        struct str bucket = slash < 0 ? resource : str_head(resource, (size_t)slash);
        snprintf(out, out_bytes, "; create the bucket \"%.*s\", or correct its name",
                 STR_FMT(bucket));
        return;
    }
    if (CODE_IS(code, "InvalidAccessKeyId", "SignatureDoesNotMatch")) {
        text = "check the access key and the secret key";
    } else if (CODE_IS(code, "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired",
                       "InvalidToken")) {
        text = "get new temporary credentials";
    } else if (CODE_IS(code, "NotImplemented")) {
        text = "this store lacks what Delta tables need";
    } else if (CODE_IS(code, "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded",
                       "EntityTooLarge")) {
        text = "the store has no room for it";
    } else if (a->status == 301 || CODE_IS(code, "AuthorizationHeaderMalformed")) {
        text = "check the region and the endpoint";
    } else if (a->status == 404 && code[0] == '\0') {
        text = "is this an S3 endpoint?";
    }
    if (text != NULL) {
        snprintf(out, out_bytes, "; %s", text);
    } else if (a->status == 403) {
        snprintf(out, out_bytes, "; allow %s on %.*s", permission, STR_FMT(resource));
    } else if (a->message[0] != '\0') {
        snprintf(out, out_bytes, "; %s", a->message);
    } else {
        out[0] = '\0';
    }
}

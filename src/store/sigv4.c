/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigv4 - AWS Signature Version 4 of one request
 *
 *     canonical = method \n path \n query \n header: value \n… \n names \n sha256(payload)
 *     to sign   = AWS4-HMAC-SHA256 \n date \n day/region/service/aws4_request \n sha256(canonical)
 *     signature = HMAC(HMAC(HMAC(HMAC(HMAC("AWS4" secret, day), region), service),
 *                 "aws4_request"), to sign)
 *
 *  (1) Path and query come encoded, in the very bytes that are sent: S3 encodes
 *      a path once and does not normalise it, so there is nothing to do here.
 *  (2) Everything derived from the secret is wiped before returning.
 *
 * libcurl could sign too; the version in Debian 12 gets queries wrong.
 */
#include "store/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(SHA256_DIGEST_LENGTH == 32, "the hex form has 64 digits");

void store_sigv4_date(int64_t wall_us, char out[STORE_SIGV4_DATE])
{
    const int64_t day_s = 86400;
    assert(wall_us >= 0);
    int64_t seconds = wall_us / 1000000;
    int64_t year;
    unsigned month;
    unsigned day;
    clock_civil_of(seconds / day_s, &year, &month, &day);
    int second = (int)(seconds % day_s);
    char text[64];
    snprintf(text, sizeof(text), "%04d%02u%02uT%02d%02d%02dZ", (int)year, month, day, second / 3600,
             second / 60 % 60, second % 60);
    assert(strlen(text) == STORE_SIGV4_DATE - 1);
    memcpy(out, text, STORE_SIGV4_DATE);
}

void store_sigv4_hex(const uint8_t hash[32], char out[STORE_SIGV4_SHA256])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[64] = '\0';
}

void store_sigv4_sha256(struct str bytes, char out[STORE_SIGV4_SHA256])
{
    uint8_t hash[32];
    SHA256((const unsigned char *)(bytes.len == 0 ? "" : bytes.ptr), bytes.len, hash);
    store_sigv4_hex(hash, out);
}

/* A pair of the query, as positions in the buffer of encoded names and values. */
struct encoded {
    size_t name_at;
    size_t value_at;
    size_t end;
};

static int encoded_cmp(const struct buf *text, const struct encoded *a, const struct encoded *b)
{
    int order = str_cmp(str_n(text->ptr + a->name_at, a->value_at - a->name_at),
                        str_n(text->ptr + b->name_at, b->value_at - b->name_at));
    if (order != 0) {
        return order;
    }
    return str_cmp(str_n(text->ptr + a->value_at, a->end - a->value_at),
                   str_n(text->ptr + b->value_at, b->end - b->value_at));
}

void store_sigv4_query(struct buf *out, const struct store_sigv4_pair *pairs, size_t count)
{
    struct encoded order[16];
    assert(count <= ARRAY_COUNT(order));
    AUTO_BUF struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        struct encoded e = {.name_at = text.len};
        uri_encode(&text, pairs[i].name, "");
        e.value_at = text.len;
        uri_encode(&text, pairs[i].value, "");
        e.end = text.len;
        size_t at = i;
        while (at > 0 && encoded_cmp(&text, &e, &order[at - 1]) < 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = e;
    }
    for (size_t i = 0; i < count; i++) {
        const struct encoded *e = &order[i];
        if (i > 0) {
            buf_add_char(out, '&');
        }
        buf_add(out, text.ptr + e->name_at, e->value_at - e->name_at);
        buf_add_char(out, '=');
        buf_add(out, text.ptr + e->value_at, e->end - e->value_at);
    }
}

/* Appends a header's value: no white space at its ends, single spaces within. */
static void add_value(struct buf *out, struct str value)
{
    value = str_trim(value);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ') {
            buf_add_char(out, value.ptr[i]);
        }
    }
}

void store_sigv4_canonical(const struct store_sigv4_request *request, struct buf *out,
                           struct buf *signed_names)
{
    const struct store_sigv4_pair *order[32];
    assert(request->header_count > 0);
    assert(request->header_count <= ARRAY_COUNT(order));
    for (size_t i = 0; i < request->header_count; i++) {
        size_t at = i;
        while (at > 0 && str_cmp(request->headers[i].name, order[at - 1]->name) < 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = &request->headers[i];
    }
    buf_printf(out, "%.*s\n%.*s\n%.*s\n", STR_FMT(request->method), STR_FMT(request->path),
               (int)request->query.len, request->query.len == 0 ? "" : request->query.ptr);
    for (size_t i = 0; i < request->header_count; i++) {
        if (i > 0 && str_eq(order[i]->name, order[i - 1]->name)) {
            buf_add_char(out, ',');
        } else {
            if (i > 0) {
                buf_add_char(out, '\n');
                buf_add_char(signed_names, ';');
            }
            buf_add_str(out, order[i]->name);
            buf_add_char(out, ':');
            buf_add_str(signed_names, order[i]->name);
        }
        add_value(out, order[i]->value);
    }
    buf_add_c(out, "\n\n");
    buf_add_str(out, buf_str(signed_names));
    buf_add_char(out, '\n');
    buf_add_str(out, request->payload_sha256);
}

/* out = HMAC-SHA256(key, text); `out` may be `key`. */
static void hmac(const uint8_t *key, size_t key_len, struct str text, uint8_t out[32])
{
    uint8_t result[32];
    unsigned len = 0;
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    const uint8_t *ok = HMAC(EVP_sha256(), key, (int)key_len, bytes, text.len, result, &len);
    assert(ok != NULL);
    assert(len == 32);
    memcpy(out, result, 32);
    OPENSSL_cleanse(result, sizeof(result));
}

void store_sigv4_sign(const struct store_sigv4_key *key, const struct store_sigv4_request *request,
                      const char date[STORE_SIGV4_DATE], struct buf *out)
{
    struct str day = str_n(date, 8);
    AUTO_BUF struct buf scope = {0};
    buf_printf(&scope, "%.*s/%.*s/%.*s/aws4_request", STR_FMT(day), STR_FMT(key->region),
               STR_FMT(key->service));

    AUTO_BUF struct buf canonical = {0};
    AUTO_BUF struct buf names = {0};
    store_sigv4_canonical(request, &canonical, &names);
    char canonical_hash[STORE_SIGV4_SHA256];
    store_sigv4_sha256(buf_str(&canonical), canonical_hash);
    AUTO_BUF struct buf to_sign = {0};
    buf_printf(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope.ptr, canonical_hash);

    AUTO_BUF struct buf secret = {0};
    /* Reserved beforehand: growing would leave a copy of the secret in freed memory. */
    buf_reserve(&secret, key->secret_key.len + 8);
    buf_add_c(&secret, "AWS4");
    buf_add_str(&secret, key->secret_key);
    uint8_t derived[32];
    hmac((const uint8_t *)secret.ptr, secret.len, day, derived);
    hmac(derived, sizeof(derived), key->region, derived);
    hmac(derived, sizeof(derived), key->service, derived);
    hmac(derived, sizeof(derived), STR("aws4_request"), derived);
    hmac(derived, sizeof(derived), buf_str(&to_sign), derived);
    char signature[STORE_SIGV4_SHA256];
    store_sigv4_hex(derived, signature);
    OPENSSL_cleanse(secret.ptr, secret.len);
    OPENSSL_cleanse(derived, sizeof(derived));

    buf_printf(out, "AWS4-HMAC-SHA256 Credential=%.*s/%s,SignedHeaders=%s,Signature=%s",
               STR_FMT(key->access_key), scope.ptr, names.ptr, signature);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SIGV4_H
#define STORE_SIGV4_H

#include "base/base.h"

/*
 * sigv4 - AWS Signature Version 4 of one request
 *
 * Nothing here allocates anything that outlives the call, and no secret is in any output.
 */
struct store_sigv4_pair {
    struct str name;
    struct str value;
};

struct store_sigv4_key {
    struct str access_key;
    struct str secret_key;
    struct str region;
    struct str service; /* "s3" */
};

struct store_sigv4_request {
    struct str method;
    struct str path;                        /* encoded, as it is sent */
    struct str query;                       /* as store_sigv4_query made it, and as it is sent */
    const struct store_sigv4_pair *headers; /* names in lower case, any order; all are signed */
    size_t header_count;
    struct str payload_sha256; /* hex */
};

#define STORE_SIGV4_DATE 17 /* "20130524T000000Z" */
void store_sigv4_date(int64_t wall_us, char out[STORE_SIGV4_DATE]);

#define STORE_SIGV4_SHA256 65 /* hex and NUL */
void store_sigv4_sha256(struct str bytes, char out[STORE_SIGV4_SHA256]);
void store_sigv4_hex(const uint8_t hash[32], char out[STORE_SIGV4_SHA256]);

/* Encodes raw names and values, and sorts them. */
void store_sigv4_query(struct buf *out, const struct store_sigv4_pair *pairs, size_t count);

/* The canonical request, and the names of its headers ("host;x-amz-date"). */
void store_sigv4_canonical(const struct store_sigv4_request *request, struct buf *out,
                           struct buf *signed_names);

/* Appends the value of the Authorization header. */
void store_sigv4_sign(const struct store_sigv4_key *key, const struct store_sigv4_request *request,
                      const char date[STORE_SIGV4_DATE], struct buf *out);

#endif

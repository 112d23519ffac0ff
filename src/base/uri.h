/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_URI_H
#define BASE_URI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * uri - percent-encoding and URI parts (RFC 3986)
 */

/* Encodes everything but A-Z a-z 0-9 - . _ ~ and the bytes in `also_safe`; upper-case hex. */
void uri_encode(struct buf *out, struct str s, const char *also_safe);
/* Decodes %XX once ('+' stays). ERR_DATA on a malformed escape. */
int uri_decode(struct buf *out, struct str s, struct err *err);

/* scheme://authority/path; all borrowed. Without "scheme:" scheme and authority are empty. */
struct uri_parts {
    struct str scheme;
    struct str authority;
    struct str path; /* with its leading slash */
};
void uri_split(struct str uri, struct uri_parts *ret_parts);

#endif

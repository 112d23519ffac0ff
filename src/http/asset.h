/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_ASSET_H
#define HTTP_ASSET_H

#include "base/base.h"

/*
 * asset - the files of the page, inside of the program
 *
 * The table is made from ui/ by embed.py: index.html is "/", every other file "/static/NAME".
 */
struct http_asset {
    const char *path;
    const char *type; /* Content-Type */
    const char *etag; /* of the plain bytes, with quotes */
    const unsigned char *bytes;
    size_t bytes_count;
    const char *gzip_etag;
    const unsigned char *gzip; /* NULL = not smaller */
    size_t gzip_count;
};
extern const struct http_asset http_asset_table[]; /* made by embed.py; ends with a NULL path */

/* NULL = there is none. */
const struct http_asset *http_asset_find(const struct http_asset *table, struct str path);

/* Whether an Accept-Encoding header (ptr NULL = not sent) takes gzip. */
bool http_asset_takes_gzip(struct str accept_encoding);
/* Whether an If-None-Match header names the tag. */
bool http_asset_is_known(struct str if_none_match, const char *etag);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_XML_H
#define STORE_S3_XML_H

#include "base/base.h"

/*
 * s3_xml - a pull parser for what S3 servers answer
 *
 * Elements and their text; attributes, comments and processing instructions
 * are passed over, name-space prefixes dropped.  DOCTYPE is refused.  Start with
 * {.in = document} and end with store_s3_xml_done.
 */
#define STORE_S3_XML_DEPTH 16

enum store_s3_xml_event {
    STORE_S3_XML_OPEN,  /* an element begins; .path[.depth - 1] is its name */
    STORE_S3_XML_CLOSE, /* it ends; .text is what stood directly before, .depth still counts it */
    STORE_S3_XML_END,   /* the document was whole */
    STORE_S3_XML_BAD,   /* malformed, cut off, or deeper than STORE_S3_XML_DEPTH */
};

struct store_s3_xml {
    struct str in; /* borrowed; what is left of it */
    struct str path[STORE_S3_XML_DEPTH];
    size_t depth;
    struct buf text; /* decoded, since the last tag */
    bool self_closed;
    bool closed; /* the element at .depth was reported as closed */
    bool seen_root;
};

enum store_s3_xml_event store_s3_xml_next(struct store_s3_xml *x);
void store_s3_xml_done(struct store_s3_xml *x);
#define AUTO_S3_XML AUTO(store_s3_xml_done)

/* True when the open element is exactly this path, e.g. is(x, 2, "Error", "Code"). */
bool store_s3_xml_is(const struct store_s3_xml *x, size_t depth, const char *first,
                     const char *last);

#endif

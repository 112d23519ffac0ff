/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "base/base.h"

/*
 * key - what a key may look like, the same in every store
 *
 * '/'-separated parts, none of them empty, "." or "..", well-formed UTF-8, no
 * NUL, at most STORE_KEY_MAX bytes.
 */
#define STORE_KEY_MAX 1024

/* Names that begin like this are the local store's unfinished files: hidden, and no key. */
#define STORE_KEY_TEMP ".sluice-tmp-"

/* ERR_CONFIG naming `action` and the key. */
int store_key_check(const char *action, struct str key, struct err *err);
/* The same for the beginning of keys: may be empty, may end within a part. */
int store_key_check_prefix(struct str prefix, struct err *err);

/* A key as an error text shows it: control characters as '?', cut when very long. */
#define STORE_KEY_SHOWN 256
const char *store_key_show(struct str key, char out[STORE_KEY_SHOWN]);

/* ERR_DATA: the object does not fit into `out`. */
int store_key_too_large(struct str key, const struct buf *out, struct err *err);

#endif

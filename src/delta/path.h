/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_PATH_H
#define DELTA_PATH_H

#include "delta/delta.h"

/*
 * path - from partition values to object keys to add.path (delta.md 1.4)
 */

/* Hive's escaping of a partition column's name or value, for a folder name. */
void delta_path_escape(struct str value, struct buf *out);
/* The URI that stands in add.path for an object key. */
void delta_path_encode(struct str key, struct buf *out);
/* The object key of an add.path: decoded once. An absolute URI stays as it is (outcome 1). ERR_DATA
 * for a malformed escape or a path that leaves the table. */
int delta_path_decode(struct str path, struct buf *out, struct err *err);

#endif

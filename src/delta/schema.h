/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_SCHEMA_H
#define DELTA_SCHEMA_H

#include "delta/delta.h"

/* schema - Spark's schema JSON as types; what other files of delta/ need beyond delta.h */

/* A field's type as JSON: "long" or an object. */
void delta_schema_write(struct json_writer *w, const struct type *type);
/* {"name":…,"type":…,"nullable":…,"metadata":{…}} */
void delta_schema_write_field(struct json_writer *w, const struct type_field *field);
/* The type of a JSON type node. ERR_CONFIG for one that we have not. */
int delta_schema_read(struct arena *arena, const struct json *node, const struct type **ret_type,
                      struct err *err);

/* True when any field's metadata object has a member with that name or, `prefix`, beginning so. */
bool delta_schema_has_key(struct str schema_string, const char *key, bool prefix);

/* The first field on the way down for which `is` answers true; its dotted name goes to `path`. */
typedef bool (*delta_schema_is_fn)(const struct type_field *field, size_t depth);
bool delta_schema_any(const struct type *row_type, delta_schema_is_fn is, struct buf *path);

#endif

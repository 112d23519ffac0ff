/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_SCHEMA_H
#define CODEC_JSON_SCHEMA_H

#include "codec/registry.h"
#include "column/column.h"

/*
 * json_schema - a row type from a JSON Schema
 *
 * The rules are in README.md, "Schema Registry". Every field is nullable, as Spark reads JSON: a
 * schema in a registry does not keep a field from being absent or wrong in a message.
 *
 * `files` are what "$ref" may name. The type is in `arena` with all its names. ERR_CONFIG: not
 * JSON, the root is no object, a "$ref" leads nowhere (named by its path), too deep, too large.
 */
int codec_json_schema_describe(struct str text, const struct codec_schema_file *files,
                               size_t file_count, struct arena *arena,
                               const struct type **ret_row_type, struct err *err);

#endif

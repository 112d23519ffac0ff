/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_TYPE_H
#define CODEC_AVRO_TYPE_H

#include "codec/avro_schema.h"
#include "column/column.h"

/*
 * avro_type - the column types that a schema amounts to, by Spark's SchemaConverters
 */

/* The records around a schema, innermost first. */
struct avro_scope {
    const struct avro_scope *parent;
    const struct avro_schema *record;
};

/*
 * The type of values of `schema` inside the records of `scope`; NULL = there is nothing to have a
 * column for: null, what holds nothing else, and a record that contains itself beyond
 * `recursive_depth` (0 = that is an error).  ERR_CONFIG names the field.
 */
int codec_avro_type_of(const struct avro_schema *schema, const struct avro_scope *scope,
                       uint32_t recursive_depth, struct arena *arena, const struct type **ret_type,
                       struct err *err);

/* The row type: the record's fields, or a column "value" of what is no record. */
int codec_avro_type_describe(const struct avro_schema *schema, uint32_t recursive_depth,
                             struct arena *arena, const struct type **ret_row_type,
                             struct err *err);

/* The record, also when it is in a union with null alone; else NULL. */
const struct avro_schema *codec_avro_type_record(const struct avro_schema *schema);

#endif

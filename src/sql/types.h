/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_TYPES_H
#define SQL_TYPES_H

#include <duckdb.h>

#include "sql/sql.h"

/*
 * types - DuckDB's logical types as ours and back, private to sql/
 */

/* The caller destroys it. */
duckdb_logical_type sql_logical_of(const struct type *t);

/* ERR_CONFIG for one that Delta has not; `name` is the column's, for the message. */
int sql_type_of(duckdb_logical_type logical, struct str name, struct arena *arena,
                const struct type **ret_type, struct err *err);

#endif

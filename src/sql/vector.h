/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_VECTOR_H
#define SQL_VECTOR_H

#include <duckdb.h>

#include "column/column.h"

/*
 * vector - column views over DuckDB's vectors, private to sql/
 *
 * A view tree is made once for a type and pointed at a vector for each chunk.
 */

/* Children for the type, all the way down, in `arena`. */
void vector_view_make(struct column *col, const struct type *type, struct arena *arena);
/* Points the tree at an output vector: everything valid, lists empty. */
void vector_view_attach(struct column *col, duckdb_vector vector, size_t capacity);
/* Points it at an input vector (flat) to read. */
void vector_view_read(struct column *col, duckdb_vector vector, size_t rows);
/* Tells DuckDB how long the lists have become. */
void vector_view_seal(struct column *col);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_GETS_H
#define SQL_GETS_H

#include "sql/filter.h"

/*
 * gets - what a statement will read: the table functions in its bound, optimised plan
 *
 * Part of the face, included by sql.h.
 */
struct sql_conn;

/* One use of a table function. */
struct sql_get {
    struct str function; /* its name */
    struct str file;     /* the first file, of read_parquet and the like; "" = none */
    size_t column_count;
    const size_t *columns; /* those that it reads, by their place in the function's columns */
    /* Rows that do not pass it do not matter to the result; NULL = all may. Its columns are
     * those of the function. */
    const struct sql_filter *filter;
};
struct sql_gets {
    size_t count;
    struct sql_get *items;
};

/*
 * Plans `select` and lists its reads, in the arena.  Outcome 1 = done, 0 = DuckDB cannot show the
 * plan of this statement (it may still run).
 */
int sql_gets_of(struct sql_conn *conn, const char *select, struct arena *arena,
                struct sql_gets *ret_gets, struct err *err);

#endif

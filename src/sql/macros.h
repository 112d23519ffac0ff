/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_MACROS_H
#define SQL_MACROS_H

#include "base/base.h"

/*
 * macros - Spark's functions that DuckDB lacks or means differently
 */
struct sql_conn;

/* Adds them all to the database; again is fine. They are listed in macros.c. */
int sql_add_macros(struct sql_conn *conn, struct err *err);

/* Adds the one of that name (any case) and what it needs: 1 = done, 0 = there is none. */
int sql_add_macro(struct sql_conn *conn, struct str name, struct err *err);

#endif

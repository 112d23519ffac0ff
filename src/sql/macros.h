/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_MACROS_H
#define SQL_MACROS_H

#include "base/base.h"

/*
 * macros - Spark's functions that DuckDB lacks or means differently
 */
struct sql_conn;

/* Adds them to the database; again is fine. They are listed in macros.c. */
int sql_add_macros(struct sql_conn *conn, struct err *err);

#endif

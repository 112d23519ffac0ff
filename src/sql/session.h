/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_SESSION_H
#define SQL_SESSION_H

#include <duckdb.h>
#include <stdatomic.h>

#include "sql/sql.h"

/*
 * session - inside of databases and connections, private to sql/
 */
struct sql_db {
    duckdb_database db;
    int threads;
};

struct sql_source;

struct sql_conn {
    struct sql_db *db;
    duckdb_connection conn;
    atomic_bool interrupted; /* set by any thread, cleared by the owner */
};

/* DuckDB's error type and text as ours; `what` stands in front unless NULL. */
int sql_error(struct err *err, duckdb_error_type type, const char *text, const char *what);
int sql_result_error(struct err *err, duckdb_result *result, const char *what);

/* Runs `text`, which the caller destroys on success only. ERR_CANCELED when interrupted. */
int sql_execute(struct sql_conn *conn, const char *text, duckdb_result *ret_result,
                struct err *err);

#define AUTO_RESULT   AUTO(duckdb_destroy_result)
#define AUTO_CHUNK    AUTO(duckdb_destroy_data_chunk)
#define AUTO_PREPARED AUTO(duckdb_destroy_prepare)
#define AUTO_LOGICAL  AUTO(duckdb_destroy_logical_type)

#endif

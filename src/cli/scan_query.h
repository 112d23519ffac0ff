/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCAN_QUERY_H
#define CLI_SCAN_QUERY_H

#include "cli/print.h"
#include "cli/scan_files.h"
#include "plan/plan.h"

/*
 * scan_query - a SELECT over Delta tables, from its text to its rows
 *
 *     open   ( print | copy )   close
 *     open_tables   ( prepare ( print | copy ) )*   close
 *
 * `open` leaves files out, and fetches from other stores what the statement reads.  Nothing of it
 * may be called after a failure but close.
 */
struct cli_scan_query {
    struct cli_spool spool;
    struct arena arena;
    VEC(struct cli_scan_files) tables;
    VEC(const char *) locations;      /* of each table */
    VEC(struct sql_source *) sources; /* that stand for the tables in the first plan */
    enum cli_print_format format;
    struct sql_db *db; /* sandboxed: the tables' folders and the spool */
    struct sql_conn *conn;
    char *select;    /* the statement over views */
    char *statement; /* what runs: the same with its cells as text, unless for Parquet */
    VEC(struct cli_print_column) columns;
    VEC(struct str) types; /* DuckDB's names of the columns' types */
    struct stop stop;
    struct mutex lock;
    struct sql_conn *live_conn; /* guarded by .lock; for cancel */
    struct store *live_store;   /* guarded by .lock; for cancel */
};

struct cli_scan_query_options {
    const struct plan *plan;  /* its streaming tables may be named; NULL = none */
    uint64_t fetch_bytes_max; /* of what has to be fetched */
    enum cli_print_format format;
};

void cli_scan_query_init(struct cli_scan_query *q);
/* Reads the logs, describes the result, fetches what is needed and makes the views. */
int cli_scan_query_open(struct cli_scan_query *q, struct str sql,
                        const struct cli_scan_query_options *options, struct err *err);

/* Tables that SQL of our own reads, each a view of this name. */
struct cli_scan_query_table {
    const char *name;
    struct str location;
    const struct store_options *store;
    int64_t version;   /* -1 = newest */
    const char *empty; /* a SELECT that stands in for a table that is not there */
    /* set by open_tables; strings live as long as the query */
    struct delta_snapshot snapshot; /* version -1 = it is not there */
};
/* Opens the tables without a statement. */
int cli_scan_query_open_tables(struct cli_scan_query *q, struct cli_scan_query_table *tables,
                               size_t count, uint64_t fetch_bytes_max, struct err *err);
/* Takes a SELECT of ours over them and describes its result. */
int cli_scan_query_prepare(struct cli_scan_query *q, struct str select,
                           enum cli_print_format format, struct err *err);

void cli_scan_query_close(struct cli_scan_query *q); /* after init */
#define AUTO_SCAN_QUERY AUTO(cli_scan_query_close)
/* Ends whatever is under way with ERR_CANCELED; any thread. */
void cli_scan_query_cancel(struct cli_scan_query *q);

/* A line for each table: what was read of it. */
void cli_scan_query_note(const struct cli_scan_query *q);

/* Rows to `fd` in the text format that open was told. */
int cli_scan_query_print(struct cli_scan_query *q, int fd, const char *target, size_t cell_max,
                         struct err *err);
/* Rows as one Parquet file (open was told) at `path`, which must be in the spool. */
int cli_scan_query_copy(struct cli_scan_query *q, const char *path, struct err *err);

#endif

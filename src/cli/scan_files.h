/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCAN_FILES_H
#define CLI_SCAN_FILES_H

#include "cli/spool.h"

/*
 * scan_files - the files of a version that a query needs, where DuckDB can read them
 *
 *     open   list   [ footers   want*   fetch ]   close
 *
 * Files of a local table are read in place; of others, what the query needs is
 * fetched into files with holes in the spool (sql/sparse.h).
 */
struct cli_scan_file {
    const char *path;           /* local */
    struct str key;             /* in the store */
    struct str values;          /* partition values, JSON object text */
    struct str deletion_vector; /* descriptor, JSON text; empty = none */
    uint64_t size_bytes;
    bool fetch;                /* is not at `path` by itself */
    bool empty;                /* no row group can have a row that passes */
    struct sql_sparse *sparse; /* of a file that comes in parts; owned */
};

/* What a query looks for in a table: rows that pass any of the filters. */
struct cli_scan_want {
    bool all;
    size_t filter_count;
    const struct sql_filter *const *filters; /* borrowed */
};

struct cli_scan_files {
    struct arena arena;
    struct store *store;
    const char *local_dir; /* folder of a local table; NULL = everything is in the spool */
    const char *spool;     /* begin of the paths of fetched files */
    struct delta_snapshot snapshot;
    struct delta_column *columns; /* of each field of the schema */
    struct delta_listing *listing;
    struct cli_scan_want want;
    VEC(struct cli_scan_file) items; /* that may have rows that pass */
    size_t file_count;               /* all of the version */
    uint64_t file_bytes;
    struct sql_sparse_count *count; /* what went over the wire */
    const char *deleted;            /* table of deleted rows (scan_deleted.h); NULL = none */
};

/*
 * The table at `location` (options may be NULL), version -1 = newest: its snapshot and columns.
 * `index` tells several apart in one spool.  Refuses by name what cannot be read right.
 */
int cli_scan_files_open(struct cli_scan_files *files, const struct cli_spool *spool, size_t index,
                        struct str location, const struct store_options *options, int64_t version,
                        struct err *err);
/* The same, but 0 = there is no table, 1 = it is open. */
int cli_scan_files_find(struct cli_scan_files *files, const struct cli_spool *spool, size_t index,
                        struct str location, const struct store_options *options, int64_t version,
                        struct err *err);
void cli_scan_files_close(struct cli_scan_files *files); /* {0} is fine */

/* Lists the files that may have rows that pass. `want` is borrowed until close. */
int cli_scan_files_list(struct cli_scan_files *files, const struct cli_scan_want *want,
                        struct err *err);
/* Bytes of small files, which cli_scan_files_footers fetches whole. */
uint64_t cli_scan_files_small(const struct cli_scan_files *files);
/* Fetches footers and small files, and leaves out files and row groups by the footers. */
int cli_scan_files_footers(struct cli_scan_files *files, struct err *err);
/* The query needs this column, a place in the schema, of all files. */
void cli_scan_files_want(struct cli_scan_files *files, size_t column);
/* Bytes that cli_scan_files_fetch will bring. */
uint64_t cli_scan_files_missing(const struct cli_scan_files *files);
int cli_scan_files_fetch(struct cli_scan_files *files, struct err *err);

#endif

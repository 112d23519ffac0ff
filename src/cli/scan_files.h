/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCAN_FILES_H
#define CLI_SCAN_FILES_H

#include "cli/spool.h"

/*
 * scan_files - the live files of a version, where DuckDB can read them
 *
 * Files of a local table are read in place; others are fetched, whole, into the
 * spool.
 */
struct cli_scan_file {
    const char *path;  /* local */
    struct str key;    /* in the store */
    struct str values; /* partition values, JSON object text */
    uint64_t size_bytes;
    bool fetch; /* not yet at `path` */
};

struct cli_scan_files {
    struct arena arena;
    struct store *store;
    const char *local_dir; /* folder of a local table; NULL = everything is in the spool */
    struct delta_snapshot snapshot;
    VEC(struct cli_scan_file) items;
};

/*
 * The table at `location` (options may be NULL), version -1 = newest; fetches nothing yet.
 * `index` tells several apart in one spool.  Refuses by name what cannot be read right:
 * features, deletion vectors, files outside of the table.
 */
int cli_scan_files_open(struct cli_scan_files *files, const struct cli_spool *spool, size_t index,
                        struct str location, const struct store_options *options, int64_t version,
                        struct err *err);
/* The same, but 0 = there is no table, 1 = it is open. */
int cli_scan_files_find(struct cli_scan_files *files, const struct cli_spool *spool, size_t index,
                        struct str location, const struct store_options *options, int64_t version,
                        struct err *err);
void cli_scan_files_close(struct cli_scan_files *files); /* {0} is fine */

/* Bytes that cli_scan_files_fetch will bring here. */
uint64_t cli_scan_files_missing(const struct cli_scan_files *files);
/* Fetches, several at once; ends early with ERR_CANCELED when `stop` is set. */
int cli_scan_files_fetch(struct cli_scan_files *files, struct stop *stop, struct err *err);

#endif

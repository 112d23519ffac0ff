/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCAN_VIEW_H
#define CLI_SCAN_VIEW_H

#include "cli/scan_files.h"

/*
 * scan_view - a version of a Delta table as a view
 */

/*
 * Makes `name` a view in `conn` with the table's columns, in its order and types, or replaces it.
 * The files must be readable there (sql_db_options.allowed_dirs).  In it, read_parquet has the
 * columns of the table that are no partition columns, in the order of its schema.
 */
int cli_scan_view_create(struct sql_conn *conn, const char *name,
                         const struct cli_scan_files *files, struct err *err);

#endif

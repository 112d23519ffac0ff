/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version - what this binary is made of
 *
 * DuckDB is asked; of the others the version that was built against is shown,
 * because their headers belong to other folders.
 */
#include "cli/version.h"

#include "sql/sql.h"

struct version_values {
    struct cli_common common;
    bool verbose;
};

static int duckdb_version(struct buf *out, struct err *err)
{
    AUTO_SQL_DB struct sql_db *db = NULL;
    AUTO_SQL_CONN struct sql_conn *conn = NULL;
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct sql_db_options options = {.threads = 1, .sandbox = true};
    struct str cell = STR_NULL;
    TRY(sql_open(&options, &db, err));
    TRY(sql_connect(db, &conn, err));
    TRY(sql_query(conn, "SELECT library_version::VARCHAR FROM pragma_version()", &rows, err));
    if (TRY(sql_rows_next(rows, &cell, err)) == 1) {
        buf_printf(out, "duckdb      %.*s\n", STR_FMT(cell));
    }
    return 0;
}

static int show_version(const struct cli_args *args, const void *values, struct err *err)
{
    (void)args;
    const struct version_values *v = values;
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "sluice " SLUICE_VERSION "\n");
    if (v->verbose) {
        buf_reset(&text);
        buf_add_c(&text, "sluice      " SLUICE_VERSION "\n"
                         "librdkafka  " CLI_RDKAFKA_VERSION "\n");
        TRY(duckdb_version(&text, err));
        buf_add_c(&text, "libcurl     " CLI_CURL_VERSION "\n"
                         "openssl     " CLI_OPENSSL_VERSION "\n"
                         "compiler    " __VERSION__ "\n");
    }
    return cli_out_write(buf_str(&text), err);
}

static const struct cli_option version_options[] = {
    {.name = "verbose",
     .letter = 'v',
     .type = CLI_FLAG,
     .offset = offsetof(struct version_values, verbose),
     .help = "also the libraries"},
    {0},
};

const struct cli_command cli_version_command = {
    .name = "version",
    .arguments = "",
    .summary = "show the version of this program and of its libraries",
    .examples = "  sluice version --verbose\n",
    .options = version_options,
    .values_bytes = sizeof(struct version_values),
    .run = show_version,
};

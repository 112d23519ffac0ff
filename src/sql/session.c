/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - databases and connections
 *
 * A database is opened with everything off that reaches outside the process on
 * its own (extensions, network).  With `sandbox`, user SQL may touch one folder
 * and nothing else, and no setting can be changed any more: the order of the
 * statements in lock_down matters (reliability.md 4.2).
 *
 *  (1) The optimizer `window_self_join` is off: it reads a source twice and
 *      loses rows without an error (design.md 1).
 *  (2) preserve_insertion_order is off: only then does COPY run on all threads.
 *  (3) The time zone is UTC.
 */
#include "sql/session.h"

#include <stdio.h>
#include <unistd.h>

/* A partitioned COPY holds this many rows a thread, and files open: docs/decisions/0001. */
#define PARTITION_ROWS  "65536"
#define PARTITION_FILES "1000"

struct config_item {
    const char *name;
    const char *value;
};

static const struct config_item config_fixed[] = {
    {"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"},
    {"allow_community_extensions", "false"},   {"allow_unsigned_extensions", "false"},
    {"enable_external_file_cache", "false"},   {"preserve_insertion_order", "false"},
    {"allocator_background_threads", "false"},
};

int sql_error(struct err *err, duckdb_error_type type, const char *text, const char *what)
{
    const char *message = text == NULL ? "unknown error" : text;
    const char *sep = what == NULL ? "" : ": ";
    const char *front = what == NULL ? "" : what;
    switch (type) {
    case DUCKDB_ERROR_INTERRUPT:
        return err_set(err, ERR_CANCELED, "%s%sinterrupted", front, sep);
    case DUCKDB_ERROR_OUT_OF_MEMORY:
    case DUCKDB_ERROR_IO:
        return err_set_retry(err, "%s%s%s", front, sep, message);
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX:
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_PERMISSION:
    case DUCKDB_ERROR_SETTINGS:
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
    case DUCKDB_ERROR_MISSING_EXTENSION:
    case DUCKDB_ERROR_AUTOLOAD:
    case DUCKDB_INVALID_CONFIGURATION:
        return err_set(err, ERR_CONFIG, "%s%s%s", front, sep, message);
    default:
        return err_set(err, ERR_DATA, "%s%s%s", front, sep, message);
    }
}

int sql_result_error(struct err *err, duckdb_result *result, const char *what)
{
    return sql_error(err, duckdb_result_error_type(result), duckdb_result_error(result), what);
}

static int config_make(const struct sql_db_options *options, duckdb_config *ret_config,
                       struct err *err)
{
    duckdb_config config = NULL;
    if (duckdb_create_config(&config) != DuckDBSuccess) {
        return err_set(err, ERR_IO, "cannot make a database configuration");
    }
    bool ok = true;
    for (size_t i = 0; i < ARRAY_COUNT(config_fixed); i++) {
        ok = duckdb_set_config(config, config_fixed[i].name, config_fixed[i].value) ==
                 DuckDBSuccess &&
             ok;
    }
    char text[64];
    uint64_t memory = options->memory_bytes == 0 ? (uint64_t)1 << 30 : options->memory_bytes;
    snprintf(text, sizeof(text), "%" PRIu64 "B", memory);
    ok = duckdb_set_config(config, "memory_limit", text) == DuckDBSuccess && ok;
    if (options->threads > 0) {
        snprintf(text, sizeof(text), "%d", options->threads);
        ok = duckdb_set_config(config, "threads", text) == DuckDBSuccess && ok;
    }
    if (options->temp_dir != NULL) {
        ok = duckdb_set_config(config, "temp_directory", options->temp_dir) == DuckDBSuccess && ok;
    }
    if (!ok) {
        duckdb_destroy_config(&config);
        return err_set(err, ERR_CONFIG,
                       "this libduckdb does not know a setting we need; see the "
                       "supported versions in README");
    }
    *ret_config = config;
    return 0;
}

static void add_allowed(struct buf *text, const char *dir)
{
    AUTO_BUF struct buf with_slash = {0};
    buf_printf(&with_slash, "%s/", dir);
    sql_quote_text(text, buf_str(&with_slash));
}

static int lock_down(struct sql_db *db, const struct sql_db_options *options, struct err *err)
{
    AUTO_SQL_CONN struct sql_conn *conn = NULL;
    TRY(sql_connect(db, &conn, err));
    TRY(sql_run(conn, "SET GLOBAL TimeZone = 'UTC'", err));
    TRY(sql_run(conn, "SET GLOBAL disabled_optimizers = 'window_self_join'", err));
    TRY(sql_run(conn, "SET GLOBAL partitioned_write_flush_threshold = " PARTITION_ROWS, err));
    TRY(sql_run(conn, "SET GLOBAL partitioned_write_max_open_files = " PARTITION_FILES, err));
    if (!options->sandbox) {
        return 0;
    }
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "SET GLOBAL allowed_directories = [");
    if (options->temp_dir != NULL) {
        add_allowed(&text, options->temp_dir);
    }
    for (size_t i = 0; options->allowed_dirs != NULL && options->allowed_dirs[i] != NULL; i++) {
        buf_add_c(&text, text.ptr[text.len - 1] == '[' ? "" : ", ");
        add_allowed(&text, options->allowed_dirs[i]);
    }
    buf_add_c(&text, "]");
    TRY(sql_run(conn, text.ptr, err));
    TRY(sql_run(conn, "SET GLOBAL enable_external_access = false", err));
    return sql_run(conn, "SET GLOBAL lock_configuration = true", err);
}

int sql_open(const struct sql_db_options *options, struct sql_db **ret_db, struct err *err)
{
    duckdb_config config = NULL;
    TRY(config_make(options, &config, err));
    AUTO_SQL_DB struct sql_db *db = mem_new(struct sql_db);
    db->threads = options->threads > 0 ? options->threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    char *message = NULL;
    duckdb_state state = duckdb_open_ext(NULL, &db->db, config, &message);
    duckdb_destroy_config(&config);
    if (state != DuckDBSuccess) {
        int rc = err_set(err, ERR_IO, "open database: %s", message == NULL ? "?" : message);
        duckdb_free(message);
        return rc;
    }
    TRY(lock_down(db, options, err));
    *ret_db = TAKE(db);
    return 0;
}

void sql_close(struct sql_db *db)
{
    if (db != NULL) {
        duckdb_close(&db->db);
        mem_free(db);
    }
}

void sql_closep(struct sql_db **db)
{
    sql_close(*db);
}

int sql_connect(struct sql_db *db, struct sql_conn **ret_conn, struct err *err)
{
    struct sql_conn *conn = mem_new(struct sql_conn);
    conn->db = db;
    if (duckdb_connect(db->db, &conn->conn) != DuckDBSuccess) {
        mem_free(conn);
        return err_set(err, ERR_IO, "cannot connect to the in-process database");
    }
    *ret_conn = conn;
    return 0;
}

void sql_disconnect(struct sql_conn *conn)
{
    if (conn != NULL) {
        duckdb_disconnect(&conn->conn);
        mem_free(conn);
    }
}

void sql_disconnectp(struct sql_conn **conn)
{
    sql_disconnect(*conn);
}

void sql_interrupt(struct sql_conn *conn)
{
    /* The flag first: an interrupt that comes before the statement has started is lost. */
    atomic_store(&conn->interrupted, true);
    duckdb_interrupt(conn->conn);
}

void sql_uninterrupt(struct sql_conn *conn)
{
    atomic_store(&conn->interrupted, false);
}

int sql_execute(struct sql_conn *conn, const char *text, duckdb_result *ret_result, struct err *err)
{
    if (atomic_load(&conn->interrupted)) {
        return err_set(err, ERR_CANCELED, "interrupted");
    }
    duckdb_result result;
    if (duckdb_query(conn->conn, text, &result) != DuckDBSuccess) {
        int rc = sql_result_error(err, &result, NULL);
        duckdb_destroy_result(&result);
        return rc;
    }
    if (atomic_load(&conn->interrupted)) {
        duckdb_destroy_result(&result);
        return err_set(err, ERR_CANCELED, "interrupted");
    }
    *ret_result = result;
    return 0;
}

int sql_run(struct sql_conn *conn, const char *text, struct err *err)
{
    duckdb_result result;
    TRY(sql_execute(conn, text, &result, err));
    duckdb_destroy_result(&result);
    return 0;
}

static void quote(struct buf *out, struct str s, char mark)
{
    buf_add_char(out, mark);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == mark) {
            buf_add_char(out, mark);
        }
        buf_add_char(out, s.ptr[i]);
    }
    buf_add_char(out, mark);
}

void sql_quote_text(struct buf *out, struct str text)
{
    quote(out, text, '\'');
}

void sql_quote_name(struct buf *out, struct str name)
{
    quote(out, name, '"');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_query - a SELECT over Delta tables, from its text to its rows
 *
 *     snapshots → a plan over table functions without rows → which files have rows for it
 *               → their footers → the plan over files with holes → its columns → rows
 *
 *  (1) The user's SQL runs in a sandboxed database that may read the folders of
 *      the tables it names and the spool, nothing else; logs and checkpoints are
 *      read by another one.
 *  (2) It runs inside of a SELECT of ours, so it cannot be anything but a query.
 *  (3) All values come out as text, cast by DuckDB.
 *  (4) Files are left out only by filters that stand right above a table in the
 *      optimised plan; where DuckDB cannot show a plan, nothing is left out and
 *      everything is fetched.
 *  (5) The columns that are fetched are those of the very statement that runs.
 *      Should it read others, it fails (sql/sparse.c).
 *  (6) It is planned and run in one transaction: now() is the same.
 *  (7) Where DuckDB must read rows to know the columns (PIVOT), everything is
 *      fetched before it is asked.
 */
#include "cli/scan_query.h"

#include <stdio.h>

#include "cli/cli.h"
#include "cli/scan_deleted.h"
#include "cli/scan_text.h"
#include "cli/scan_view.h"

#define QUERY_MEMORY_BYTES ((uint64_t)2 << 30)

void cli_scan_query_init(struct cli_scan_query *q)
{
    *q = (struct cli_scan_query){0};
    stop_init(&q->stop);
    mutex_init(&q->lock);
}

void cli_scan_query_close(struct cli_scan_query *q)
{
    {
        MUTEX_GUARD(&q->lock);
        q->live_conn = NULL;
        q->live_store = NULL;
    }
    sql_disconnect(q->conn);
    sql_close(q->db);
    vec_foreach (struct cli_scan_files, files, &q->tables) {
        cli_scan_files_close(files);
    }
    vec_done(&q->tables);
    vec_done(&q->locations);
    vec_done(&q->sources);
    vec_done(&q->columns);
    vec_done(&q->types);
    mem_free(q->select);
    mem_free(q->statement);
    cli_spool_close(&q->spool);
    arena_done(&q->arena);
    mutex_done(&q->lock);
    stop_done(&q->stop);
}

void cli_scan_query_cancel(struct cli_scan_query *q)
{
    stop_set(&q->stop);
    MUTEX_GUARD(&q->lock);
    if (q->live_conn != NULL) {
        sql_interrupt(q->live_conn);
    }
    if (q->live_store != NULL) {
        store_cancel(q->live_store);
    }
}

static void set_live_store(struct cli_scan_query *q, struct store *store)
{
    MUTEX_GUARD(&q->lock);
    q->live_store = store;
    if (store != NULL && stop_is_set(&q->stop)) {
        store_cancel(store);
    }
}

/* ---- tables -------------------------------------------------------------------------------- */

/* A view to be made: its name and the table it shows (index in q->tables). */
struct wanted_view {
    const char *name;
    size_t table;
};

struct wanted {
    VEC(struct wanted_view) views;
    VEC(struct str) locations; /* of q->tables */
    VEC(int64_t) versions;
};

static void wanted_done(struct wanted *w)
{
    vec_done(&w->views);
    vec_done(&w->locations);
    vec_done(&w->versions);
}
#define AUTO_WANTED AUTO(wanted_done)

static int want_table(struct cli_scan_query *q, struct wanted *w, const char *name,
                      struct str location, int64_t version, const struct store_options *options,
                      struct err *err)
{
    struct wanted_view view = {name, 0};
    while (view.table < w->locations.count && (!str_eq(w->locations.items[view.table], location) ||
                                               w->versions.items[view.table] != version)) {
        view.table++;
    }
    if (view.table == w->locations.count) {
        *vec_push(&w->locations) = location;
        *vec_push(&w->versions) = version;
        struct cli_scan_files *files = vec_push(&q->tables);
        *vec_push(&q->locations) = arena_strdup(&q->arena, location);
        TRY(cli_scan_files_open(files, &q->spool, view.table, location, options, version, err));
    }
    *vec_push(&w->views) = view;
    return 0;
}

static int want_tables(struct cli_scan_query *q, struct wanted *w, struct str sql,
                       const struct cli_scan_calls *calls, const struct plan *plan, struct err *err)
{
    const struct store_options *options =
        plan != NULL && plan->tables.count > 0 ? &plan->tables.items[0].store : NULL;
    for (size_t i = 0; i < calls->items.count; i++) {
        const struct cli_scan_call *call = &calls->items.items[i];
        TRY(want_table(q, w, arena_printf(&q->arena, "delta_scan_%zu", i + 1), call->path,
                       call->version, options, err));
    }
    for (size_t i = 0; plan != NULL && i < plan->tables.count; i++) {
        const struct plan_table *t = &plan->tables.items[i];
        if (cli_scan_text_names(sql, t->name)) {
            TRY(want_table(q, w, arena_strdup(&q->arena, t->name), t->location, -1, &t->store,
                           err));
        }
    }
    return 0;
}

static int open_database(struct cli_scan_query *q, struct err *err)
{
    const char **dirs = arena_new_array(&q->arena, const char *, q->tables.count + 1);
    size_t count = 0;
    vec_foreach (const struct cli_scan_files, files, &q->tables) {
        if (files->local_dir != NULL) {
            dirs[count++] = files->local_dir;
        }
    }
    struct sql_db_options options = {
        .memory_bytes = QUERY_MEMORY_BYTES,
        .temp_dir = q->spool.path,
        .sandbox = true,
        .allowed_dirs = dirs,
    };
    TRY(sql_open(&options, &q->db, err));
    TRY(sql_connect(q->db, &q->conn, err));
    TRY(sql_add_macros(q->conn, err));
    MUTEX_GUARD(&q->lock);
    q->live_conn = q->conn;
    return stop_is_set(&q->stop) ? err_set(err, ERR_CANCELED, "interrupted") : 0;
}

/* ---- the statement ------------------------------------------------------------------------- */

static bool is_number(struct str type)
{
    static const char *const names[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                        "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                        "UBIGINT", "UHUGEINT", "FLOAT",     "DOUBLE"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_eq_c(type, names[i])) {
            return true;
        }
    }
    return str_starts(type, STR("DECIMAL")) && !str_ends(type, STR("]"));
}

/*
 * DuckDB's message on one line: "… Candidate bindings: …\n\nLINE 3: text\n   ^" ends in
 * "; line 2: text", because the query begins on the second line of ours.
 */
static int explain(struct err *err)
{
    char *mark = strstr(err->msg, "\n\nLINE ");
    if (mark != NULL) {
        struct str rest = str_of(mark + strlen("\n\nLINE "));
        struct str number;
        struct str line;
        int64_t value = 0;
        *mark = '\0';
        if (str_split(&rest, ':', &number) && str_to_i64(number, &value) && value > 1 &&
            str_split(&rest, '\n', &line)) {
            AUTO_FREE char *text = str_dup(str_trim(line));
            AUTO_FREE char *head = mem_strdup(err->msg);
            snprintf(err->msg, sizeof(err->msg), "%s; line %" PRId64 ": %s", head, value - 1, text);
        }
    }
    for (char *c = err->msg; *c != '\0'; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    return err->code;
}

static int describe(struct cli_scan_query *q, struct err *err)
{
    AUTO_BUF struct buf sql = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[2];
    buf_printf(&sql, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM (\n%s\n))",
               q->select);
    if (sql_query(q->conn, sql.ptr, &rows, err) < 0) {
        return explain(err);
    }
    while (TRY(sql_rows_next(rows, cells, err)) == 1) {
        *vec_push(&q->columns) =
            (struct cli_print_column){arena_str(&q->arena, cells[0]), is_number(cells[1])};
        *vec_push(&q->types) = arena_str(&q->arena, cells[1]);
    }
    return 0;
}

/*
 * What runs: SELECT c1::VARCHAR, … FROM (the query) AS q(c1, …), because names of columns may
 * occur twice; for Parquet the query itself.
 */
static void make_statement(struct cli_scan_query *q)
{
    AUTO_BUF struct buf sql = {0};
    if (q->format == CLI_PRINT_PARQUET) {
        q->statement = mem_strdup(q->select);
        return;
    }
    bool json = q->format == CLI_PRINT_JSON;
    buf_add_c(&sql, "SELECT ");
    for (size_t i = 0; i < q->columns.count; i++) {
        buf_printf(&sql, json ? "%sto_json(c%zu)::VARCHAR" : "%sc%zu::VARCHAR", i == 0 ? "" : ", ",
                   i);
    }
    buf_printf(&sql, " FROM (\n%s\n) AS q(", q->select);
    for (size_t i = 0; i < q->columns.count; i++) {
        buf_printf(&sql, "%sc%zu", i == 0 ? "" : ", ", i);
    }
    buf_add_char(&sql, ')');
    q->statement = buf_take(&sql);
}

/* ---- files that the statement needs -------------------------------------------------------- */

/* Views over table functions that have the tables' columns and no rows. */
static int make_stubs(struct cli_scan_query *q, const struct wanted *w, struct err *err)
{
    for (size_t i = 0; i < q->tables.count; i++) {
        struct sql_source *source = NULL;
        char *name = arena_printf(&q->arena, SQL_SOURCE_PREFIX "%zu", i);
        TRY(sql_register_source(q->conn, name, q->tables.items[i].snapshot.metadata.schema, &source,
                                err));
        *vec_push(&q->sources) = source;
    }
    vec_foreach (const struct wanted_view, view, &w->views) {
        AUTO_BUF struct buf sql = {0};
        buf_add_c(&sql, "CREATE VIEW ");
        sql_quote_name(&sql, str_of(view->name));
        buf_printf(&sql, " AS SELECT * FROM " SQL_SOURCE_PREFIX "%zu()", view->table);
        TRY(sql_run(q->conn, sql.ptr, err));
    }
    return 0;
}

/* `all`: whatever the plan says. */
static int list_files(struct cli_scan_query *q, bool all, struct err *err)
{
    struct sql_gets gets = {0};
    bool shown = !all && TRY(sql_gets_of(q->conn, q->statement, &q->arena, &gets, err)) == 1;
    for (size_t i = 0; i < q->tables.count; i++) {
        const struct sql_filter **filters =
            arena_new_array(&q->arena, const struct sql_filter *, gets.count + 1);
        struct cli_scan_want want = {.all = !shown, .filters = filters};
        char *name = arena_printf(&q->arena, SQL_SOURCE_PREFIX "%zu", i);
        for (size_t k = 0; k < gets.count; k++) {
            if (str_eq_c(gets.items[k].function, name)) {
                filters[want.filter_count++] = gets.items[k].filter;
            }
        }
        set_live_store(q, q->tables.items[i].store);
        TRY(cli_scan_files_list(&q->tables.items[i], &want, err));
        set_live_store(q, NULL);
    }
    return 0;
}

static int make_views(struct cli_scan_query *q, const struct wanted *w, struct err *err)
{
    for (size_t i = 0; i < q->tables.count; i++) {
        char *name = arena_printf(&q->arena, "__deleted_%zu", i);
        set_live_store(q, q->tables.items[i].store);
        if (cli_scan_deleted_create(q->conn, name, &q->tables.items[i], err) < 0) {
            return err_wrap(err, "table \"%s\"", q->locations.items[i]);
        }
        set_live_store(q, NULL);
    }
    vec_foreach (const struct wanted_view, view, &w->views) {
        if (cli_scan_view_create(q->conn, view->name, &q->tables.items[view->table], err) < 0) {
            (void)explain(err);
            return err_wrap(err, "table \"%s\"", q->locations.items[view->table]);
        }
    }
    return 0;
}

/* ---- fetching ------------------------------------------------------------------------------ */

static int check_fetch(uint64_t bytes, uint64_t bytes_max, struct err *err)
{
    return bytes <= bytes_max
               ? 0
               : err_set(err, ERR_CONFIG,
                         "the query needs %" PRIu64 " MiB of files from the store, more than the "
                         "%" PRIu64 " MiB that --fetch-max allows",
                         bytes >> 20, bytes_max >> 20);
}

static int fetch_footers(struct cli_scan_query *q, uint64_t bytes_max, struct err *err)
{
    uint64_t bytes = 0;
    vec_foreach (struct cli_scan_files, files, &q->tables) {
        bytes += cli_scan_files_small(files);
    }
    TRY(check_fetch(bytes, bytes_max, err));
    vec_foreach (struct cli_scan_files, files, &q->tables) {
        set_live_store(q, files->store);
        TRY(cli_scan_files_footers(files, err));
        set_live_store(q, NULL);
    }
    return 0;
}

static struct cli_scan_files *table_of(struct cli_scan_query *q, struct str path)
{
    vec_foreach (struct cli_scan_files, files, &q->tables) {
        vec_foreach (const struct cli_scan_file, file, &files->items) {
            if (str_eq_c(path, file->path)) {
                return files;
            }
        }
    }
    return NULL;
}

/* Column `place` of read_parquet in the table's view. */
static void want_place(struct cli_scan_files *files, size_t place)
{
    for (size_t i = 0; i < files->snapshot.metadata.schema->field_count; i++) {
        if (files->columns[i].partition < 0 && place-- == 0) {
            cli_scan_files_want(files, i);
            return;
        }
    }
}

static void want_everything(struct cli_scan_query *q)
{
    vec_foreach (struct cli_scan_files, files, &q->tables) {
        for (size_t i = 0; i < files->snapshot.metadata.schema->field_count; i++) {
            cli_scan_files_want(files, i);
        }
    }
}

static bool has_parts(const struct cli_scan_query *q)
{
    vec_foreach (const struct cli_scan_files, files, &q->tables) {
        vec_foreach (const struct cli_scan_file, file, &files->items) {
            if (file->sparse != NULL) {
                return true;
            }
        }
    }
    return false;
}

static int want_columns(struct cli_scan_query *q, struct err *err)
{
    struct sql_gets gets = {0};
    if (TRY(sql_gets_of(q->conn, q->statement, &q->arena, &gets, err)) == 0) {
        want_everything(q);
    }
    for (size_t i = 0; i < gets.count; i++) {
        struct cli_scan_files *files = table_of(q, gets.items[i].file);
        for (size_t k = 0; files != NULL && k < gets.items[i].column_count; k++) {
            want_place(files, gets.items[i].columns[k]);
        }
    }
    return 0;
}

static int fetch_columns(struct cli_scan_query *q, uint64_t bytes_max, struct err *err)
{
    uint64_t bytes = 0;
    vec_foreach (const struct cli_scan_files, files, &q->tables) {
        bytes += cli_scan_files_missing(files) + atomic_load(&files->count->bytes);
    }
    TRY(check_fetch(bytes, bytes_max, err));
    vec_foreach (struct cli_scan_files, files, &q->tables) {
        set_live_store(q, files->store);
        TRY(cli_scan_files_fetch(files, err));
        set_live_store(q, NULL);
    }
    return 0;
}

void cli_scan_query_note(const struct cli_scan_query *q)
{
    for (size_t i = 0; i < q->tables.count; i++) {
        const struct cli_scan_files *files = &q->tables.items[i];
        uint64_t bytes = 0;
        vec_foreach (const struct cli_scan_file, file, &files->items) {
            bytes += file->size_bytes;
        }
        cli_out_note("table \"%s\" version %" PRId64 ": %zu of %zu files (%" PRIu64 " of %" PRIu64
                     " bytes); fetched %" PRIu64 " bytes in %" PRIu64 " requests",
                     q->locations.items[i], files->snapshot.version, files->items.count,
                     files->file_count, bytes, files->file_bytes, atomic_load(&files->count->bytes),
                     atomic_load(&files->count->requests));
    }
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int open_planned(struct cli_scan_query *q, const struct wanted *w, uint64_t bytes_max,
                        struct err *err)
{
    make_statement(q);
    TRY(list_files(q, false, err));
    TRY(fetch_footers(q, bytes_max, err));
    TRY(make_views(q, w, err));
    if (has_parts(q)) {
        TRY(want_columns(q, err));
    }
    return fetch_columns(q, bytes_max, err);
}

static bool reads_to_bind(const struct cli_scan_query *q)
{
    for (size_t i = 0; i < q->sources.count; i++) {
        if (sql_source_was_refused(q->sources.items[i])) {
            return true;
        }
    }
    return false;
}

/* A PIVOT without a list of values: its columns are in the rows. */
static int open_whole(struct cli_scan_query *q, const struct wanted *w, uint64_t bytes_max,
                      struct err *err)
{
    TRY(sql_run(q->conn, "ROLLBACK; BEGIN TRANSACTION", err));
    TRY(list_files(q, true, err));
    TRY(fetch_footers(q, bytes_max, err));
    want_everything(q);
    TRY(fetch_columns(q, bytes_max, err));
    TRY(make_views(q, w, err));
    TRY(describe(q, err));
    make_statement(q);
    return 0;
}

int cli_scan_query_open(struct cli_scan_query *q, struct str sql,
                        const struct cli_scan_query_options *options, struct err *err)
{
    AUTO_SCAN_CALLS struct cli_scan_calls calls = {0};
    AUTO_WANTED struct wanted wanted = {0};
    TRY(cli_scan_text_find(sql, &q->arena, &calls, err));
    if (calls.text_bytes == 0 || memchr(sql.ptr, '\0', sql.len) != NULL) {
        return err_set(err, ERR_CONFIG, "the query is empty or has a NUL");
    }
    TRY(cli_spool_open(&q->spool, err));
    TRY(want_tables(q, &wanted, sql, &calls, options->plan, err));
    TRY(open_database(q, err));
    TRY(make_stubs(q, &wanted, err));
    TRY(sql_run(q->conn, "BEGIN TRANSACTION", err));
    AUTO_BUF struct buf text = {0};
    cli_scan_text_replace(sql, &calls, &text);
    q->select = buf_take(&text);
    q->format = options->format;
    return describe(q, err) >= 0 ? open_planned(q, &wanted, options->fetch_bytes_max, err)
           : reads_to_bind(q)    ? open_whole(q, &wanted, options->fetch_bytes_max, err)
                                 : err->code;
}

/* 1 = the table is there and in q->tables; 0 = a view of its empty SELECT is to stand for it. */
static int find_table(struct cli_scan_query *q, struct cli_scan_query_table *t, size_t index,
                      struct err *err)
{
    struct cli_scan_files *files = vec_push(&q->tables);
    int there =
        TRY(cli_scan_files_find(files, &q->spool, index, t->location, t->store, t->version, err));
    if (there == 0) {
        cli_scan_files_close(files);
        q->tables.count--;
        t->snapshot = (struct delta_snapshot){.version = -1};
        return 0;
    }
    *vec_push(&q->locations) = arena_strdup(&q->arena, t->location);
    t->snapshot = files->snapshot;
    return 1;
}

static int make_empty(struct cli_scan_query *q, const struct cli_scan_query_table *t,
                      struct err *err)
{
    AUTO_BUF struct buf sql = {0};
    buf_add_c(&sql, "CREATE VIEW ");
    sql_quote_name(&sql, str_of(t->name));
    buf_printf(&sql, " AS %s", t->empty);
    return sql_run(q->conn, sql.ptr, err);
}

int cli_scan_query_open_tables(struct cli_scan_query *q, struct cli_scan_query_table *tables,
                               size_t count, uint64_t fetch_bytes_max, struct err *err)
{
    AUTO_WANTED struct wanted wanted = {0};
    TRY(cli_spool_open(&q->spool, err));
    for (size_t i = 0; i < count; i++) {
        if (TRY(find_table(q, &tables[i], i, err)) == 1) {
            *vec_push(&wanted.views) = (struct wanted_view){tables[i].name, q->tables.count - 1};
        }
    }
    TRY(open_database(q, err));
    TRY(list_files(q, true, err));
    TRY(fetch_footers(q, fetch_bytes_max, err));
    want_everything(q);
    TRY(fetch_columns(q, fetch_bytes_max, err));
    TRY(make_views(q, &wanted, err));
    for (size_t i = 0; i < count; i++) {
        if (tables[i].snapshot.version < 0) {
            TRY(make_empty(q, &tables[i], err));
        }
    }
    return 0;
}

int cli_scan_query_prepare(struct cli_scan_query *q, struct str select,
                           enum cli_print_format format, struct err *err)
{
    mem_free(TAKE(q->select));
    mem_free(TAKE(q->statement));
    vec_done(&q->columns);
    vec_done(&q->types);
    q->select = str_dup(select);
    q->format = format;
    TRY(describe(q, err));
    make_statement(q);
    return 0;
}

/* ---- rows ---------------------------------------------------------------------------------- */

int cli_scan_query_print(struct cli_scan_query *q, int fd, const char *target, size_t cell_max,
                         struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    assert(q->format != CLI_PRINT_PARQUET);
    if (sql_query(q->conn, q->statement, &rows, err) < 0) {
        return explain(err);
    }
    AUTO_PRINT struct cli_print print = {
        .format = q->format,
        .fd = fd,
        .target = target,
        .cell_max = cell_max,
        .columns = q->columns.items,
        .column_count = q->columns.count,
        .count_line = true,
    };
    return cli_print_rows(&print, rows, err);
}

int cli_scan_query_copy(struct cli_scan_query *q, const char *path, struct err *err)
{
    AUTO_BUF struct buf sql = {0};
    assert(q->format == CLI_PRINT_PARQUET);
    buf_printf(&sql, "COPY (\n%s\n) TO ", q->statement);
    sql_quote_text(&sql, str_of(path));
    buf_add_c(&sql, " (FORMAT parquet, COMPRESSION snappy)");
    return sql_run(q->conn, sql.ptr, err) < 0 ? explain(err) : 0;
}

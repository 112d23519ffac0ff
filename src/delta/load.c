/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/load.h"

#include <stdio.h>

/*
 * load - the files of one checkpoint on the local disk, for SQL to read
 *
 * DuckDB cannot read through our store, so of a checkpoint in S3 the columns that
 * are needed are fetched into files with holes in the spool (sql/sparse.h).  Its
 * rows then become JSON lines again, and the same code parses them as parses a
 * commit.
 *
 *  (1) Every engine writes another set of columns: the file's own schema is
 *      looked at first, and what it has not is NULL in our SELECT.
 *  (2) Files with holes lie in a folder of their own with a random name, because
 *      DuckDB caches by name; the folder goes with the struct.
 *  (3) An object that is gone or that is no Parquet file is ERR_CORRUPT: the
 *      caller then tries an older checkpoint.  Canceled and failing stores are
 *      not.
 *
 * The SELECT over file actions is load_select.c; what is made of it replay.c.
 */
/* ---- files ----------------------------------------------------------------------------------- */

/* Actions that are not on files: the columns that every user of a checkpoint reads. */
static const struct {
    const char *name;
    const char *must; /* member that every such action has */
} load_actions[] = {
    {"protocol", "minReaderVersion"},
    {"metaData", "id"},
    {"domainMetadata", "domain"},
    {"txn", "appId"},
    {"sidecar", "path"},
};

/* The local path of an object: where it is, or where a file with holes is to be. */
static int place(struct delta_load *load, const char *spool, struct str key, size_t index,
                 struct delta_load_file *file, struct err *err)
{
    const char *root = store_local_root(load->store);
    if (root != NULL) {
        file->path = str_of(arena_printf(&load->arena, "%s/%.*s", root, STR_FMT(key)));
        return fs_exists(file->path.ptr)
                   ? 0
                   : err_set(err, ERR_CORRUPT, "\"%.*s\" is gone", STR_FMT(key));
    }
    if (load->dir == NULL) {
        TRY(fs_make_dirs(spool, err));
        TRY(fs_make_temp_dir(spool, "checkpoint", &load->dir, err));
    }
    file->path = str_of(arena_printf(&load->arena, "%s/%zu.parquet", load->dir, index));
    file->sparse = mem_new(struct sql_sparse);
    return 0;
}

static void close_sparse(struct delta_load_file *file)
{
    if (file->sparse != NULL) {
        sql_sparse_close(file->sparse);
        mem_free(file->sparse);
        file->sparse = NULL;
    }
}

static void file_done(struct delta_load_file *file)
{
    vec_done(&file->columns);
    close_sparse(file);
}

static int fetch(struct delta_load_file *files, size_t count, struct err *err)
{
    VEC(struct sql_sparse *) sparse = {0};
    for (size_t i = 0; i < count; i++) {
        if (files[i].sparse != NULL) {
            *vec_push(&sparse) = files[i].sparse;
        }
    }
    int rc = sql_sparse_fetch(sparse.items, sparse.count, err);
    vec_done(&sparse);
    return rc;
}

int delta_load_files(struct delta_load *load, struct err *err)
{
    vec_foreach (struct delta_load_file, file, &load->files) {
        if (file->sparse != NULL) {
            sql_sparse_want_name(file->sparse, STR("add"));
            sql_sparse_want_name(file->sparse, STR("remove"));
        }
    }
    TRY(fetch(load->files.items, load->files.count, err));
    vec_foreach (struct delta_load_file, file, &load->files) {
        close_sparse(file);
    }
    return 0;
}

/* ---- looking at the schema
 * ----------------------------------------------------------------------- */

/* DuckDB's complaints about a broken file come with several codes. */
static int not_parquet(struct str key, struct err *err)
{
    if (err->code != ERR_CANCELED && !err->retry) {
        err->code = ERR_CORRUPT;
    }
    return err_wrap(err, "checkpoint \"%.*s\"", STR_FMT(key));
}

/* parquet_schema lists the tree in pre-order; each level keeps how many children are to come. */
static int read_columns(struct delta_load *load, struct delta_load_file *file, struct err *err)
{
    enum { DEPTH_MAX = 64 };
    AUTO_BUF struct buf sql = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    int64_t left[DEPTH_MAX] = {0};
    struct str prefix[DEPTH_MAX] = {{0}};
    size_t depth = 0; /* of the next element */
    struct str cells[2];
    buf_add_c(&sql, "SELECT name, coalesce(num_children, 0)::VARCHAR FROM parquet_schema(");
    sql_quote_text(&sql, file->path);
    buf_add_c(&sql, ")");
    TRY(sql_query(load->conn, sql.ptr, &rows, err));
    bool root = true;
    while (TRY(sql_rows_next(rows, cells, err)) == 1) {
        int64_t children = 0;
        (void)str_to_i64(cells[1], &children);
        if (root) {
            root = false;
            prefix[0] = STR("");
            left[0] = children;
            continue;
        }
        while (depth > 0 && left[depth] == 0) {
            depth--;
        }
        left[depth]--;
        bool top = prefix[depth].len == 0;
        struct str path = str_of(arena_printf(&load->arena, "%.*s%s%.*s", STR_FMT(prefix[depth]),
                                              top ? "" : DELTA_LOAD_SEP, STR_FMT(cells[0])));
        *vec_push(&file->columns) = path;
        if (children > 0) {
            if (depth + 1 >= DEPTH_MAX) {
                return err_set(err, ERR_CORRUPT, "the schema is too deep");
            }
            depth++;
            left[depth] = children;
            prefix[depth] = path;
        }
    }
    return 0;
}

static int count_rows(struct delta_load *load, struct delta_load_file *file, struct err *err)
{
    AUTO_BUF struct buf sql = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell;
    buf_add_c(&sql, "SELECT num_rows::VARCHAR FROM parquet_file_metadata(");
    sql_quote_text(&sql, file->path);
    buf_add_c(&sql, ")");
    TRY(sql_query(load->conn, sql.ptr, &rows, err));
    if (TRY(sql_rows_next(rows, &cell, err)) == 1) {
        (void)str_to_i64(cell, &file->row_count);
    }
    return 0;
}

/* What is fetched at once: the footers of all, then the columns of all. */
struct opening {
    struct delta_load *load;
    const struct store_entry *entries;
    struct delta_load_file *files;
};

static int open_one(void *user, size_t index, struct err *err)
{
    struct opening *opening = user;
    struct delta_load *load = opening->load;
    const struct store_entry *entry = &opening->entries[index];
    struct delta_load_file *file = &opening->files[index];
    if (file->sparse == NULL) {
        return 0;
    }
    TRY(sql_sparse_open(file->sparse, load->store, entry->key, entry->size_bytes, file->path.ptr,
                        &load->count, err));
    for (size_t i = 0; i < ARRAY_COUNT(load_actions); i++) {
        sql_sparse_want_name(file->sparse, str_of(load_actions[i].name));
    }
    return 0;
}

static int look_at(struct delta_load *load, struct delta_load_file *file, struct err *err)
{
    TRY(read_columns(load, file, err));
    return count_rows(load, file, err);
}

static int open_files(struct delta_load *load, const char *spool, struct opening *opening,
                      size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct str key = opening->entries[i].key;
        if (place(load, spool, key, load->files.count + i, &opening->files[i], err) < 0) {
            return not_parquet(key, err);
        }
    }
    int rc = sql_sparse_each(count, open_one, opening, err);
    if (rc < 0 || (rc = fetch(opening->files, count, err)) < 0) {
        return not_parquet(opening->entries[0].key, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (look_at(load, &opening->files[i], err) < 0) {
            return not_parquet(opening->entries[i].key, err);
        }
    }
    return 0;
}

static int add_files(struct delta_load *load, const char *spool, const struct store_entry *entries,
                     size_t count, struct err *err)
{
    AUTO_FREE struct delta_load_file *files = mem_new_array(struct delta_load_file, count);
    struct opening opening = {load, entries, files};
    int rc = open_files(load, spool, &opening, count, err);
    for (size_t i = 0; i < count; i++) {
        if (rc < 0) {
            file_done(&files[i]);
        } else {
            *vec_push(&load->files) = files[i];
        }
    }
    return rc;
}

int delta_load_open(struct delta_load *load, struct store *store, struct sql_conn *conn,
                    const char *spool, const struct delta_log_checkpoint *checkpoint,
                    struct err *err)
{
    *load = (struct delta_load){.store = store, .conn = conn};
    if (checkpoint->kind == DELTA_LOG_V2_JSON) {
        struct str key = arena_str(&load->arena, checkpoint->files[0].key);
        buf_init(&load->json, DELTA_LOG_BODY_MAX);
        load->json_key = key;
        int rc = store_get(store, key, &load->json, err);
        if (rc == STORE_ABSENT) {
            return err_set(err, ERR_CORRUPT, "checkpoint \"%.*s\" is gone", STR_FMT(key));
        }
        return rc < 0 ? err_wrap(err, "read \"%.*s\"", STR_FMT(key)) : 0;
    }
    return add_files(load, spool, checkpoint->files, checkpoint->file_count, err);
}

void delta_load_done(struct delta_load *load)
{
    vec_foreach (struct delta_load_file, file, &load->files) {
        file_done(file);
    }
    vec_done(&load->files);
    buf_done(&load->json);
    arena_done(&load->arena);
    if (load->dir != NULL) {
        struct err ignored;
        (void)fs_remove_tree(load->dir, &ignored);
        mem_free(load->dir);
        load->dir = NULL;
    }
}

int delta_load_sidecar(struct delta_load *load, const char *spool, struct str path, struct err *err)
{
    struct uri_parts parts;
    uri_split(path, &parts);
    if (parts.scheme.len > 0) {
        /* Some writers give the whole URI: the file is in _sidecars/ all the same. */
        ptrdiff_t slash = str_rfind(path, '/');
        path = str_skip(path, (size_t)(slash + 1));
    }
    AUTO_BUF struct buf key = {0};
    buf_add_c(&key, DELTA_LOG_SIDECARS);
    int rc = uri_decode(&key, path, err);
    if (rc < 0) {
        err->code = ERR_CORRUPT;
        return err_wrap(err, "sidecar \"%.*s\"", STR_FMT(path));
    }
    struct store_entry entry = {.key = buf_str(&key), .size_bytes = SQL_SPARSE_SIZE_UNKNOWN};
    return add_files(load, spool, &entry, 1, err);
}

/* ---- actions that are not on files
 * ------------------------------------------------------------------ */

static bool has_column(const struct delta_load_file *file, const char *top, const char *below)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s" DELTA_LOAD_SEP "%s", top, below);
    for (size_t i = 0; i < file->columns.count; i++) {
        if (str_eq_c(file->columns.items[i], path)) {
            return true;
        }
    }
    return false;
}

static int actions_of_query(struct delta_load *load, const char *sql,
                            delta_load_action_fn on_action, void *user, struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    AUTO_ARENA struct arena arena = {0};
    struct str line;
    TRY(sql_query(load->conn, sql, &rows, err));
    while (TRY(sql_rows_next(rows, &line, err)) == 1) {
        struct delta_action action;
        arena_reset(&arena);
        TRY(delta_action_parse(&arena, line, &action, err));
        TRY(on_action(user, &action, err));
    }
    return 0;
}

static int actions_of_file(struct delta_load *load, const struct delta_load_file *file,
                           delta_load_action_fn on_action, void *user, struct err *err)
{
    for (size_t i = 0; i < ARRAY_COUNT(load_actions); i++) {
        const char *name = load_actions[i].name;
        if (!has_column(file, name, load_actions[i].must)) {
            continue;
        }
        AUTO_BUF struct buf sql = {0};
        buf_printf(&sql, "SELECT '{\"%s\":' || to_json(\"%s\")::VARCHAR || '}' FROM read_parquet(",
                   name, name);
        sql_quote_text(&sql, file->path);
        buf_printf(&sql, ") WHERE \"%s\".%s IS NOT NULL", name, load_actions[i].must);
        if (strcmp(name, "txn") == 0) {
            buf_add_c(&sql, " ORDER BY txn.appId");
        }
        TRY(actions_of_query(load, sql.ptr, on_action, user, err));
    }
    return 0;
}

int delta_load_actions(struct delta_load *load, delta_load_action_fn on_action, void *user,
                       struct err *err)
{
    if (load->json.len > 0 || load->files.count == 0) {
        AUTO_COMMIT struct delta_log_commit commit = {0};
        TRY(delta_log_parse(load->json_key, buf_str(&load->json), &commit, NULL, NULL, err));
        vec_foreach (struct delta_action, action, &commit.actions) {
            TRY(on_action(user, action, err));
        }
        return 0;
    }
    for (size_t i = 0; i < load->files.count; i++) {
        int rc = actions_of_file(load, &load->files.items[i], on_action, user, err);
        if (rc < 0) {
            return not_parquet(load->files.items[i].path, err);
        }
    }
    return 0;
}

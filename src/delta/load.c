/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/*
 * load - the files of one checkpoint on the local disk, for SQL to read
 *
 * DuckDB cannot read through our store, so a checkpoint in S3 is copied to the
 * spool piece by piece.  Its rows then become JSON lines again, and the same
 * code parses them as parses a commit.
 *
 *  (1) Every engine writes another set of columns: the file's own schema is
 *      looked at first, and what it has not is NULL in our SELECT.
 *  (2) Copies lie in a folder of their own with random names, because DuckDB
 *      caches by name; the folder goes with the struct.
 *  (3) An object that is gone or that is no Parquet file is ERR_CORRUPT: the
 *      caller then tries an older checkpoint.  Canceled and failing stores are
 *      not.
 *
 * The SELECT over file actions is load_select.c; what is made of it replay.c.
 */
enum { LOAD_PIECE_BYTES = 8 << 20 };

/* ---- copying --------------------------------------------------------------------------------- */

static int copy_pieces(struct store *store, struct str key, const char *path, struct err *err)
{
    AUTO_BUF struct buf piece = {0};
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create \"%s\"", path);
    }
    for (uint64_t offset = 0;; offset += LOAD_PIECE_BYTES) {
        buf_reset(&piece);
        int rc = store_get_range(store, key, offset, LOAD_PIECE_BYTES, &piece, err);
        if (rc < 0) {
            return rc;
        }
        if (rc == STORE_ABSENT) {
            return err_set(err, ERR_CORRUPT, "\"%.*s\" is gone", STR_FMT(key));
        }
        TRY(fs_write_all(fd, piece.ptr, piece.len, path, err));
        if (piece.len < LOAD_PIECE_BYTES) {
            return 0;
        }
    }
}

/* The local path of an object: where it is, or a copy. */
static int bring(struct delta_load *load, const char *spool, struct str key, struct str *ret_path,
                 struct err *err)
{
    const char *root = store_local_root(load->store);
    if (root != NULL) {
        *ret_path = str_of(arena_printf(&load->arena, "%s/%.*s", root, STR_FMT(key)));
        if (!fs_exists(ret_path->ptr)) {
            return err_set(err, ERR_CORRUPT, "\"%.*s\" is gone", STR_FMT(key));
        }
        return 0;
    }
    if (load->dir == NULL) {
        TRY(fs_make_dirs(spool, err));
        TRY(fs_make_temp_dir(spool, "checkpoint", &load->dir, err));
    }
    *ret_path = str_of(arena_printf(&load->arena, "%s/%zu.parquet", load->dir, load->files.count));
    return copy_pieces(load->store, key, ret_path->ptr, err);
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

static int add_file(struct delta_load *load, const char *spool, struct str key, struct err *err)
{
    struct delta_load_file file = {0};
    int rc = bring(load, spool, key, &file.path, err);
    if (rc >= 0) {
        rc = read_columns(load, &file, err);
    }
    if (rc >= 0) {
        rc = count_rows(load, &file, err);
    }
    if (rc < 0) {
        vec_done(&file.columns);
        return not_parquet(key, err);
    }
    *vec_push(&load->files) = file;
    return 0;
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
    for (size_t i = 0; i < checkpoint->file_count; i++) {
        TRY(add_file(load, spool, checkpoint->files[i].key, err));
    }
    return 0;
}

void delta_load_done(struct delta_load *load)
{
    vec_foreach (struct delta_load_file, file, &load->files) {
        vec_done(&file->columns);
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
    return add_file(load, spool, buf_str(&key), err);
}

/* ---- actions that are not on files
 * ------------------------------------------------------------------ */

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

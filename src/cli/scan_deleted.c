/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_deleted - the deleted rows of a table's files as a table
 *
 * DuckDB's threads come for rows; each takes a file, reads its vector and hands its
 * rows out, so several vectors are on their way at once and none is held as rows.
 *
 *  (1) A vector that cannot be read ends the statement, and with it the query: rows
 *      that were deleted never come back.
 */
#include "cli/scan_deleted.h"

#include <stdatomic.h>

struct deleted {
    struct sql_scan scan;
    struct cli_scan_files *files;
    atomic_size_t next; /* file */
    struct mutex lock;
    struct err err; /* guarded by .lock: the first one, in the words of delta/ */
    bool failed;
};

struct deleted_local {
    const struct cli_scan_file *file;
    struct delta_dv dv;
};

static int deleted_open(struct sql_scan *scan, const bool *wanted, void **ret_local,
                        struct err *err)
{
    (void)scan;
    (void)wanted;
    (void)err;
    *ret_local = mem_new(struct deleted_local);
    return 0;
}

static void deleted_close(struct sql_scan *scan, void *ptr)
{
    (void)scan;
    struct deleted_local *local = ptr;
    delta_dv_close(&local->dv);
    mem_free(local);
}

/* 1 = local has the next file's vector, 0 = no more. */
static int next_file(struct deleted *d, struct deleted_local *local, struct err *err)
{
    delta_dv_close(&local->dv);
    for (;;) {
        size_t i = atomic_fetch_add(&d->next, 1);
        if (i >= d->files->items.count) {
            local->file = NULL;
            return 0;
        }
        local->file = &d->files->items.items[i];
        if (local->file->deletion_vector.len > 0) {
            break;
        }
    }
    if (delta_dv_open(&local->dv, d->files->store, local->file->deletion_vector, err) < 0) {
        return err_wrap(err, "file \"%.*s\"", STR_FMT(local->file->key));
    }
    return 1;
}

static int deleted_fill(struct sql_scan *scan, void *ptr, struct column *const *columns,
                        size_t capacity, struct err *err)
{
    struct deleted *d = CONTAINER_OF(scan, struct deleted, scan);
    struct deleted_local *local = ptr;
    size_t count = 0;
    while (count < capacity) {
        uint64_t row = 0;
        if (local->file == NULL || !delta_dv_next(&local->dv, &row)) {
            int rc = next_file(d, local, err);
            if (rc < 0) {
                MUTEX_GUARD(&d->lock);
                d->err = d->failed ? d->err : *err;
                d->failed = true;
                return rc;
            }
            if (rc == 0) {
                return (int)count;
            }
            continue;
        }
        if (columns[0] != NULL) {
            column_set_string(columns[0], count, str_of(local->file->path));
        }
        if (columns[1] != NULL) {
            ((int64_t *)columns[1]->data)[count] = (int64_t)row;
        }
        count++;
    }
    return (int)count;
}

static const struct sql_scan_ops deleted_ops = {deleted_open, deleted_fill, deleted_close};

static bool has_vectors(const struct cli_scan_files *files)
{
    vec_foreach (const struct cli_scan_file, file, &files->items) {
        if (file->deletion_vector.len > 0) {
            return true;
        }
    }
    return false;
}

int cli_scan_deleted_create(struct sql_conn *conn, const char *name, struct cli_scan_files *files,
                            struct err *err)
{
    if (!has_vectors(files)) {
        return 0;
    }
    const struct type_field fields[] = {
        {.name = STR("file"), .type = type_simple(TYPE_STRING)},
        {.name = STR("row"), .type = type_simple(TYPE_BIGINT)},
    };
    struct deleted d = {.scan.ops = &deleted_ops, .files = files};
    struct sql_source *source = NULL;
    const struct type *row_type = type_struct(&files->arena, fields, ARRAY_COUNT(fields));
    AUTO_FREE char *function = mem_printf("%s_rows", name);
    AUTO_FREE char *sql = mem_printf("CREATE TABLE %s AS FROM %s()", name, function);
    TRY(sql_register_source(conn, function, row_type, &source, err));
    mutex_init(&d.lock);
    sql_source_attach(source, &d.scan);
    int rc = sql_run(conn, sql, err);
    sql_source_attach(source, NULL);
    mutex_done(&d.lock);
    if (rc < 0 && d.failed) {
        *err = d.err;
        return err->code;
    }
    files->deleted = arena_strdup(&files->arena, str_of(name));
    return rc;
}

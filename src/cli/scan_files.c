/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_files - the files of a version that a query needs, where DuckDB can read them
 *
 *  (1) What the log says is data, also the paths: one that leads out of the
 *      table's folder, or is absolute, is refused.
 *  (2) DuckDB takes * ? [ in a file name as a pattern: such files are fetched to
 *      the spool, where names are ours.
 *  (3) Files are left out while they are listed (delta/prune.c): what is held
 *      does not grow with those that the query has no use for.
 *  (4) Row groups of files without deletion vectors are left out by the minima and maxima of the
 * footer, which is then written without them: DuckDB cannot come to read their holes.
 */
#include "cli/scan_files.h"

#include <errno.h>
#include <stdlib.h>

static bool is_outside(struct str key)
{
    if (key.len == 0 || key.ptr[0] == '/' || str_find_str(key, STR("://")) >= 0 ||
        str_starts_nocase(key, STR("file:"))) {
        return true;
    }
    struct str rest = key;
    struct str part;
    while (str_split(&rest, '/', &part)) {
        if (str_eq(part, STR(".."))) {
            return true;
        }
    }
    return false;
}

static bool is_pattern(struct str path)
{
    return str_find(path, '*') >= 0 || str_find(path, '?') >= 0 || str_find(path, '[') >= 0;
}

/* True when no filter lets a row pass, by what `excludes` knows. */
static bool is_unwanted(const struct cli_scan_want *want,
                        bool (*excludes)(void *user, const struct sql_filter *filter), void *user)
{
    for (size_t i = 0; !want->all && i < want->filter_count; i++) {
        if (!excludes(user, want->filters[i])) {
            return false;
        }
    }
    return !want->all;
}

struct listed {
    struct cli_scan_files *files;
    const struct delta_file *file;
    struct arena scratch;
};

static bool log_excludes(void *user, const struct sql_filter *filter)
{
    struct listed *listed = user;
    return delta_prune(&listed->scratch, listed->files->columns, listed->file, filter);
}

static int on_file(void *user, const struct delta_file *file, struct err *err)
{
    struct listed *listed = user;
    struct cli_scan_files *files = listed->files;
    files->file_count++;
    files->file_bytes += file->size_bytes;
    listed->file = file;
    arena_reset(&listed->scratch);
    if (is_unwanted(&files->want, log_excludes, listed)) {
        return 0;
    }
    if (is_outside(file->key) || memchr(file->key.ptr, '\0', file->key.len) != NULL) {
        return err_set(err, ERR_CONFIG,
                       "file \"%.*s\" is outside of the table's folder (a shallow clone?), which "
                       "cannot be read",
                       STR_FMT(file->path));
    }
    struct cli_scan_file *f = vec_push(&files->items);
    f->key = arena_str(&files->arena, file->key);
    f->values = arena_str(&files->arena, file->partition_values);
    f->deletion_vector = arena_str(&files->arena, file->deletion_vector);
    f->size_bytes = file->size_bytes;
    f->fetch =
        files->local_dir == NULL || is_pattern(f->key) || is_pattern(str_of(files->local_dir));
    f->path = f->fetch
                  ? arena_printf(&files->arena, "%s-%zu.parquet", files->spool, files->items.count)
                  : arena_printf(&files->arena, "%s/%.*s", files->local_dir, STR_FMT(f->key));
    return 0;
}

/* DuckDB compares paths as text with the folders that are allowed. */
static int find_local_dir(struct cli_scan_files *files, struct err *err)
{
    const char *root = store_local_root(files->store);
    if (root == NULL) {
        return 0;
    }
    char *real = realpath(root, NULL);
    if (real == NULL) {
        return errno == ENOENT ? 0 : err_set_errno(err, errno, "open \"%s\"", root);
    }
    files->local_dir = arena_strdup(&files->arena, str_of(real));
    mem_free(real);
    return 0;
}

int cli_scan_files_find(struct cli_scan_files *files, const struct cli_spool *spool, size_t index,
                        struct str location, const struct store_options *options, int64_t version,
                        struct err *err)
{
    static const struct store_options preset;
    TRY(store_open(location, options == NULL ? &preset : options, &files->store, err));
    TRY(find_local_dir(files, err));
    files->spool = arena_printf(&files->arena, "%s/scan-%zu", spool->path, index);
    files->count = arena_new(&files->arena, struct sql_sparse_count);
    int rc = delta_listing_open(files->store, spool->db, spool->path, version, &files->arena,
                                &files->snapshot, &files->listing, err);
    if (rc >= 0 && files->snapshot.version < 0) {
        return 0;
    }
    if (rc >= 0) {
        rc = delta_columns(&files->arena, &files->snapshot, &files->columns, err);
    }
    if (rc >= 0 && files->snapshot.metadata.schema->field_count == 0) {
        rc = err_set(err, ERR_CONFIG, "the table has no columns");
    }
    return rc < 0 ? err_wrap(err, "table \"%.*s\"", STR_FMT(location)) : 1;
}

int cli_scan_files_open(struct cli_scan_files *files, const struct cli_spool *spool, size_t index,
                        struct str location, const struct store_options *options, int64_t version,
                        struct err *err)
{
    int there = TRY(cli_scan_files_find(files, spool, index, location, options, version, err));
    return there == 1
               ? 0
               : err_set(err, ERR_CONFIG, "there is no Delta table at \"%.*s\"", STR_FMT(location));
}

static void close_sparse(struct cli_scan_file *file)
{
    if (file->sparse != NULL) {
        sql_sparse_close(file->sparse);
        mem_free(file->sparse);
        file->sparse = NULL;
    }
}

void cli_scan_files_close(struct cli_scan_files *files)
{
    vec_foreach (struct cli_scan_file, file, &files->items) {
        close_sparse(file);
    }
    vec_done(&files->items);
    delta_listing_close(files->listing);
    store_close(files->store);
    arena_done(&files->arena);
    *files = (struct cli_scan_files){0};
}

int cli_scan_files_list(struct cli_scan_files *files, const struct cli_scan_want *want,
                        struct err *err)
{
    struct listed listed = {.files = files};
    files->want = *want;
    int rc = delta_listing_each(files->listing, on_file, &listed, err);
    arena_done(&listed.scratch);
    return rc;
}

/* ---- footers ------------------------------------------------------------------------------- */

static bool has_ids(const struct cli_scan_files *files)
{
    for (size_t i = 0; i < files->snapshot.metadata.schema->field_count; i++) {
        if (files->columns[i].field_id >= 0) {
            return true;
        }
    }
    return false;
}

/* One row group. */
struct group {
    const struct cli_scan_files *files;
    const struct sql_sparse *sparse;
    const struct parquet_group *group;
    struct sql_range range;
};

static const struct sql_range *group_range(void *user, size_t index)
{
    struct group *g = user;
    const struct delta_column *column = &g->files->columns[index];
    const struct type *type = g->files->snapshot.metadata.schema->fields[index].type;
    ptrdiff_t place =
        column->partition >= 0 ? -1 : sql_sparse_find(g->sparse, column->name, column->field_id);
    if (place < 0 || !sql_parquet_fits(&g->sparse->footer.columns[place], type)) {
        return NULL;
    }
    for (size_t i = 0; i < g->sparse->footer.chunk_count; i++) {
        if (g->group->chunks[i].column == (size_t)place) {
            g->range = g->group->chunks[i].range;
            g->range.row_count = g->group->row_count;
            return &g->range;
        }
    }
    return NULL;
}

static bool group_excludes(void *user, const struct sql_filter *filter)
{
    return sql_filter_excludes(filter, group_range, user);
}

/* By ids, all columns of a file that has none would read as NULL. */
static int check_ids(const struct cli_scan_files *files, const struct sql_sparse *sparse,
                     struct err *err)
{
    for (size_t i = 0; i < sparse->footer.column_count; i++) {
        if (sparse->footer.elements[sparse->footer.columns[i].first].field_id >= 0) {
            return 0;
        }
    }
    return has_ids(files) ? err_set(err, ERR_CONFIG,
                                    "file \"%.*s\" has no field ids, by which the table's column "
                                    "mapping finds columns",
                                    STR_FMT(sparse->key))
                          : 0;
}

static int leave_out_groups(const struct cli_scan_files *files, struct cli_scan_file *file,
                            struct sql_sparse *sparse, struct err *err)
{
    size_t count = sparse->footer.group_count;
    if (file->deletion_vector.len > 0) {
        return 0; /* it counts rows from the beginning of the file */
    }
    AUTO_FREE bool *keep = mem_new_array(bool, count + 1);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct group group = {.files = files, .sparse = sparse, .group = &sparse->footer.groups[i]};
        keep[i] = !is_unwanted(&files->want, group_excludes, &group);
        kept += keep[i] ? 1 : 0;
    }
    file->empty = kept == 0;
    return kept == count || kept == 0 ? 0 : sql_sparse_keep(sparse, keep, err);
}

struct opening {
    struct cli_scan_files *files;
    VEC(struct cli_scan_file *) items;
};

static int open_one(void *user, size_t index, struct err *err)
{
    struct opening *opening = user;
    struct cli_scan_files *files = opening->files;
    struct cli_scan_file *file = opening->items.items[index];
    file->sparse = mem_new(struct sql_sparse);
    TRY(sql_sparse_open(file->sparse, files->store, file->key, file->size_bytes,
                        file->fetch ? file->path : NULL, files->count, err));
    TRY(check_ids(files, file->sparse, err));
    if (!file->fetch) {
        close_sparse(file);
        return 0;
    }
    TRY(leave_out_groups(files, file, file->sparse, err));
    if (file->empty || file->size_bytes <= SQL_SPARSE_WHOLE_BYTES) {
        close_sparse(file);
    }
    return 0;
}

uint64_t cli_scan_files_small(const struct cli_scan_files *files)
{
    uint64_t bytes = 0;
    vec_foreach (const struct cli_scan_file, file, &files->items) {
        bytes += file->fetch && file->size_bytes <= SQL_SPARSE_WHOLE_BYTES ? file->size_bytes : 0;
    }
    return bytes;
}

int cli_scan_files_footers(struct cli_scan_files *files, struct err *err)
{
    struct opening opening = {.files = files};
    bool by_id = has_ids(files);
    vec_foreach (struct cli_scan_file, file, &files->items) {
        if (file->fetch || by_id) {
            *vec_push(&opening.items) = file;
        }
    }
    int rc = sql_sparse_each(opening.items.count, open_one, &opening, err);
    vec_done(&opening.items);
    size_t kept = 0;
    for (size_t i = 0; rc >= 0 && i < files->items.count; i++) {
        if (!files->items.items[i].empty) {
            files->items.items[kept++] = files->items.items[i];
        }
    }
    files->items.count = rc < 0 ? files->items.count : kept;
    return rc;
}

/* ---- columns ------------------------------------------------------------------------------- */

void cli_scan_files_want(struct cli_scan_files *files, size_t column)
{
    const struct delta_column *c = &files->columns[column];
    vec_foreach (struct cli_scan_file, file, &files->items) {
        if (file->sparse != NULL) {
            sql_sparse_want_field(file->sparse, c->name, c->field_id);
        }
    }
}

uint64_t cli_scan_files_missing(const struct cli_scan_files *files)
{
    uint64_t bytes = 0;
    vec_foreach (const struct cli_scan_file, file, &files->items) {
        bytes += file->sparse != NULL ? sql_sparse_missing(file->sparse) : 0;
    }
    return bytes;
}

int cli_scan_files_fetch(struct cli_scan_files *files, struct err *err)
{
    VEC(struct sql_sparse *) sparse = {0};
    vec_foreach (const struct cli_scan_file, file, &files->items) {
        if (file->sparse != NULL) {
            *vec_push(&sparse) = file->sparse;
        }
    }
    int rc = sql_sparse_fetch(sparse.items, sparse.count, err);
    vec_done(&sparse);
    vec_foreach (struct cli_scan_file, file, &files->items) {
        close_sparse(file);
    }
    return rc;
}

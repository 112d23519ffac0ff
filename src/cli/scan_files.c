/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_files - the live files of a version, where DuckDB can read them
 *
 *  (1) What the log says is data, also the paths: one that leads out of the
 *      table's folder, or is absolute, is refused.
 *  (2) DuckDB takes * ? [ in a file name as a pattern: such files are copied to
 *      the spool, where names are ours.
 *  (3) Memory is a few pieces of a few MiB, whatever the size of the files.
 */
#include "cli/scan_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#define FETCH_THREADS     8
#define FETCH_PIECE_BYTES ((uint64_t)8 << 20)

struct collect {
    struct cli_scan_files *files;
    const struct cli_spool *spool;
    size_t index;
};

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

static int on_file(void *user, const struct delta_file *file, struct err *err)
{
    struct collect *c = user;
    struct cli_scan_files *files = c->files;
    if (file->deletion_vector.len > 0) {
        return err_set(err, ERR_CONFIG,
                       "file \"%.*s\" has a deletion vector, which cannot be read yet; rewriting "
                       "the table (REORG TABLE … APPLY (PURGE) in Spark) removes them",
                       STR_FMT(file->path));
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
    f->size_bytes = file->size_bytes;
    f->fetch =
        files->local_dir == NULL || is_pattern(f->key) || is_pattern(str_of(files->local_dir));
    f->path = f->fetch ? arena_printf(&files->arena, "%s/scan-%zu-%zu.parquet", c->spool->path,
                                      c->index, files->items.count)
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
    struct collect collect = {files, spool, index};
    int rc = delta_files(files->store, spool->db, spool->path, version, &files->arena,
                         &files->snapshot, on_file, &collect, err);
    if (rc < 0) {
        return err_wrap(err, "table \"%.*s\"", STR_FMT(location));
    }
    return files->snapshot.version >= 0;
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

void cli_scan_files_close(struct cli_scan_files *files)
{
    vec_done(&files->items);
    store_close(files->store);
    arena_done(&files->arena);
    *files = (struct cli_scan_files){0};
}

uint64_t cli_scan_files_missing(const struct cli_scan_files *files)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < files->items.count; i++) {
        bytes += files->items.items[i].fetch ? files->items.items[i].size_bytes : 0;
    }
    return bytes;
}

/* ---- fetching ------------------------------------------------------------------------------ */

struct fetch {
    struct cli_scan_files *files;
    struct stop *stop;
    atomic_size_t next;
    atomic_bool failed;
    struct mutex lock;
    struct err err; /* guarded by .lock; the first one */
};

static int fetch_one(struct fetch *fetch, const struct cli_scan_file *f, struct err *err)
{
    AUTO_FD int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create \"%s\"", f->path);
    }
    AUTO_BUF struct buf piece = {0};
    uint64_t offset = 0;
    while (offset < f->size_bytes) {
        if (stop_is_set(fetch->stop) || atomic_load(&fetch->failed)) {
            return err_set(err, ERR_CANCELED, "interrupted");
        }
        buf_reset(&piece);
        uint64_t left = f->size_bytes - offset;
        uint64_t want = left < FETCH_PIECE_BYTES ? left : FETCH_PIECE_BYTES;
        TRY(store_get_range(fetch->files->store, f->key, offset, want, &piece, err));
        if (piece.len != want) {
            return err_set(err, ERR_CORRUPT,
                           "file \"%.*s\" is shorter than the %" PRIu64 " bytes that the log says",
                           STR_FMT(f->key), f->size_bytes);
        }
        TRY(fs_write_all(fd, piece.ptr, piece.len, f->path, err));
        offset += piece.len;
    }
    return 0;
}

static void fetch_some(void *user)
{
    struct fetch *fetch = user;
    for (;;) {
        size_t i = atomic_fetch_add(&fetch->next, 1);
        if (i >= fetch->files->items.count || atomic_load(&fetch->failed)) {
            return;
        }
        struct cli_scan_file *f = &fetch->files->items.items[i];
        struct err err;
        if (!f->fetch) {
            continue;
        }
        if (fetch_one(fetch, f, &err) < 0) {
            MUTEX_GUARD(&fetch->lock);
            if (!atomic_exchange(&fetch->failed, true)) {
                fetch->err = err;
            }
            return;
        }
        f->fetch = false;
    }
}

int cli_scan_files_fetch(struct cli_scan_files *files, struct stop *stop, struct err *err)
{
    struct fetch fetch = {.files = files, .stop = stop};
    struct thread threads[FETCH_THREADS] = {0};
    if (cli_scan_files_missing(files) == 0) {
        return 0;
    }
    mutex_init(&fetch.lock);
    for (size_t i = 0; i < FETCH_THREADS; i++) {
        thread_start(&threads[i], "fetch", fetch_some, &fetch);
    }
    for (size_t i = 0; i < FETCH_THREADS; i++) {
        thread_join(&threads[i]);
    }
    mutex_done(&fetch.lock);
    if (atomic_load(&fetch.failed)) {
        *err = fetch.err;
        return fetch.err.code;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sparse - Parquet objects as files with holes
 *
 *     object   |PAR1 a b c |a b c |a b c |index| footer|
 *     file     |     ..b...|..b...|..b...|.....| footer|      b was wanted
 *
 *  (1) A hole reads as zeros, and no page begins with a zero: the header of a
 *      page is a Thrift struct whose first byte would be its end, without the
 *      fields that it must have.  DuckDB answers with an error.
 *  (2) What is fetched of a chunk is all of it, up to where the next thing in
 *      the file begins (parquet.c), and comes with its Bloom filter: no page is
 *      there in part.
 *  (3) An answer of another length than was asked for is an error.
 *  (4) Ranges that lie close to each other are one request; long ones are cut,
 *      to go in parallel.
 *  (5) Memory is a few pieces, whatever the size of the files.
 */
#include "sql/sparse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TAIL_BYTES    ((uint64_t)64 << 10) /* asked for at first: most footers are in it */
#define GAP_BYTES     ((uint64_t)64 << 10)
#define PIECE_BYTES   ((uint64_t)8 << 20)
#define FETCH_THREADS 8

/* ---- many at a time ------------------------------------------------------------------------ */

struct each {
    size_t count;
    sql_sparse_job job;
    void *user;
    atomic_size_t next;
    atomic_bool failed;
    struct mutex lock;
    struct err err; /* guarded by .lock; the first one */
};

static void each_run(void *user)
{
    struct each *each = user;
    struct err err;
    while (!atomic_load(&each->failed)) {
        size_t i = atomic_fetch_add(&each->next, 1);
        if (i >= each->count) {
            return;
        }
        if (each->job(each->user, i, &err) < 0) {
            MUTEX_GUARD(&each->lock);
            if (!atomic_exchange(&each->failed, true)) {
                each->err = err;
            }
        }
    }
}

int sql_sparse_each(size_t count, sql_sparse_job job, void *user, struct err *err)
{
    struct each each = {.count = count, .job = job, .user = user};
    struct thread threads[FETCH_THREADS] = {0};
    size_t thread_count = count < FETCH_THREADS ? count : FETCH_THREADS;
    mutex_init(&each.lock);
    if (count == 1) {
        thread_count = 0;
        each_run(&each);
    }
    for (size_t i = 0; i < thread_count; i++) {
        thread_start(&threads[i], "fetch", each_run, &each);
    }
    for (size_t i = 0; i < thread_count; i++) {
        thread_join(&threads[i]);
    }
    mutex_done(&each.lock);
    if (atomic_load(&each.failed)) {
        *err = each.err;
        return each.err.code;
    }
    return 0;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static int get(const struct sql_sparse *sparse, uint64_t offset, uint64_t bytes, struct buf *out,
               struct err *err)
{
    size_t before = out->len;
    int rc = store_get_range(sparse->store, sparse->key, offset, bytes, out, err);
    if (rc < 0) {
        return rc;
    }
    if (rc == STORE_ABSENT) {
        return err_set(err, ERR_CORRUPT, "\"%.*s\" is gone", STR_FMT(sparse->key));
    }
    if (out->len - before != bytes) {
        return err_set(err, ERR_CORRUPT,
                       "\"%.*s\" is shorter than the %" PRIu64 " bytes that it should have",
                       STR_FMT(sparse->key), sparse->size_bytes);
    }
    atomic_fetch_add(&sparse->count->bytes, bytes);
    atomic_fetch_add(&sparse->count->requests, 1);
    return 0;
}

static int put(const struct sql_sparse *sparse, uint64_t offset, struct str bytes, struct err *err)
{
    if (sparse->path == NULL) {
        return 0;
    }
    AUTO_FD int fd = open(sparse->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0) {
        return err_set_errno(err, errno, "write \"%s\"", sparse->path);
    }
    return fs_write_all(fd, bytes.ptr, bytes.len, sparse->path, err);
}

static int resize(const struct sql_sparse *sparse, uint64_t bytes, struct err *err)
{
    return truncate(sparse->path, (off_t)bytes) < 0
               ? err_set_errno(err, errno, "write \"%s\"", sparse->path)
               : 0;
}

/* ---- the footer ---------------------------------------------------------------------------- */

/* The last bytes of the object, the footer among them. */
static int get_tail(struct sql_sparse *sparse, struct buf *tail, struct err *err)
{
    uint64_t size = sparse->size_bytes;
    uint64_t bytes = size <= SQL_SPARSE_WHOLE_BYTES ? size : TAIL_BYTES;
    uint64_t footer_bytes = 0;
    if (size < PARQUET_TAIL_BYTES + 4) {
        return err_set(err, ERR_CORRUPT, "it is too short for a Parquet file");
    }
    TRY(get(sparse, size - bytes, bytes, tail, err));
    struct str end = str_skip(buf_str(tail), tail->len - PARQUET_TAIL_BYTES);
    TRY(sql_parquet_tail(end, size, &footer_bytes, err));
    uint64_t needed = footer_bytes + PARQUET_TAIL_BYTES;
    if (needed > bytes) {
        TRY(get(sparse, size - needed, needed - bytes, &sparse->text, err));
    }
    size_t skip = needed > bytes ? 0 : (size_t)(bytes - needed);
    buf_add(&sparse->text, tail->ptr + skip, tail->len - skip - PARQUET_TAIL_BYTES);
    sparse->have_from = size - (needed > bytes ? needed : bytes);
    return buf_check(&sparse->text, "the footer", err);
}

static int open_tail(struct sql_sparse *sparse, struct err *err)
{
    AUTO_BUF struct buf tail = {0};
    TRY(get_tail(sparse, &tail, err));
    TRY(sql_parquet_parse(&sparse->arena, buf_str(&sparse->text), sparse->size_bytes,
                          &sparse->footer, err));
    sparse->want = arena_new_array(&sparse->arena, bool, sparse->footer.column_count + 1);
    sparse->have = arena_new_array(&sparse->arena, bool, sparse->footer.column_count + 1);
    sparse->keep = arena_new_array(&sparse->arena, bool, sparse->footer.group_count + 1);
    memset(sparse->keep, true, sparse->footer.group_count);
    if (tail.len < sparse->text.len + PARQUET_TAIL_BYTES) {
        TRY(put(sparse, sparse->have_from, buf_str(&sparse->text), err));
    }
    return put(sparse, sparse->size_bytes - tail.len, buf_str(&tail), err);
}

int sql_sparse_open(struct sql_sparse *sparse, struct store *store, struct str key,
                    uint64_t size_bytes, const char *path, struct sql_sparse_count *count,
                    struct err *err)
{
    *sparse = (struct sql_sparse){.store = store, .size_bytes = size_bytes, .count = count};
    sparse->key = arena_str(&sparse->arena, key);
    if (path != NULL) {
        sparse->path = arena_strdup(&sparse->arena, str_of(path));
        (void)unlink(path); /* what lay there would show through the holes */
    }
    if (size_bytes == SQL_SPARSE_SIZE_UNKNOWN) {
        struct store_entry entry;
        int rc = store_head(store, key, &entry, err);
        if (rc < 0) {
            return rc;
        }
        if (rc == STORE_ABSENT) {
            return err_set(err, ERR_CORRUPT, "\"%.*s\" is gone", STR_FMT(key));
        }
        sparse->size_bytes = entry.size_bytes;
    }
    return open_tail(sparse, err) < 0 ? err_wrap(err, "\"%.*s\"", STR_FMT(key)) : 0;
}

void sql_sparse_close(struct sql_sparse *sparse)
{
    buf_done(&sparse->text);
    arena_done(&sparse->arena);
    *sparse = (struct sql_sparse){0};
}

int sql_sparse_keep(struct sql_sparse *sparse, const bool *keep, struct err *err)
{
    AUTO_BUF struct buf footer = {0};
    sql_parquet_print(&sparse->footer, keep, &footer);
    TRY(buf_check(&footer, "the footer", err));
    TRY(put(sparse, sparse->footer.end, buf_str(&footer), err));
    memcpy(sparse->keep, keep, sparse->footer.group_count);
    return resize(sparse, sparse->footer.end + footer.len, err);
}

/* ---- columns ------------------------------------------------------------------------------- */

static bool is_field(const struct sql_sparse *sparse, size_t column, struct str name, int64_t id)
{
    const struct parquet_element *element =
        &sparse->footer.elements[sparse->footer.columns[column].first];
    return id >= 0 ? element->field_id == id : str_eq_nocase(element->name, name);
}

void sql_sparse_want_field(struct sql_sparse *sparse, struct str name, int64_t field_id)
{
    for (size_t i = 0; i < sparse->footer.column_count; i++) {
        sparse->want[i] = sparse->want[i] || is_field(sparse, i, name, field_id);
    }
}

void sql_sparse_want_name(struct sql_sparse *sparse, struct str name)
{
    sql_sparse_want_field(sparse, name, -1);
}

ptrdiff_t sql_sparse_find(const struct sql_sparse *sparse, struct str name, int64_t field_id)
{
    for (size_t i = 0; i < sparse->footer.column_count; i++) {
        if (is_field(sparse, i, name, field_id)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

struct piece {
    const struct sql_sparse *file;
    uint64_t begin, end;
};
struct pieces {
    VEC(struct piece) items;
};

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a;
    const struct piece *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static void add_range(const struct sql_sparse *sparse, uint64_t begin, struct pieces *out)
{
    uint64_t end = sql_parquet_end(&sparse->footer, begin);
    end = end < sparse->have_from ? end : sparse->have_from;
    if (begin < end) {
        *vec_push(&out->items) = (struct piece){sparse, begin, end};
    }
}

/* Sorted, without overlaps, gaps that do not pay closed. */
static void list_ranges(const struct sql_sparse *sparse, struct pieces *out)
{
    struct pieces all = {0};
    for (size_t g = 0; g < sparse->footer.group_count; g++) {
        for (size_t i = 0; sparse->keep[g] && i < sparse->footer.chunk_count; i++) {
            const struct parquet_chunk *chunk = &sparse->footer.groups[g].chunks[i];
            if (!sparse->want[chunk->column] || sparse->have[chunk->column]) {
                continue;
            }
            add_range(sparse, chunk->begin, &all);
            if (chunk->bloom > 0) {
                add_range(sparse, chunk->bloom, &all);
            }
        }
    }
    if (all.items.count > 1) {
        qsort(all.items.items, all.items.count, sizeof(struct piece), compare_pieces);
    }
    size_t first = out->items.count;
    vec_foreach (const struct piece, piece, &all.items) {
        struct piece *last =
            out->items.count > first ? &out->items.items[out->items.count - 1] : NULL;
        if (last != NULL && piece->begin <= last->end + GAP_BYTES) {
            last->end = piece->end > last->end ? piece->end : last->end;
        } else {
            *vec_push(&out->items) = *piece;
        }
    }
    vec_done(&all.items);
}

static int fetch_piece(void *user, size_t index, struct err *err)
{
    const struct pieces *pieces = user;
    const struct piece *piece = &pieces->items.items[index];
    AUTO_BUF struct buf bytes = {0};
    TRY(get(piece->file, piece->begin, piece->end - piece->begin, &bytes, err));
    return put(piece->file, piece->begin, buf_str(&bytes), err);
}

int sql_sparse_fetch(struct sql_sparse *const *files, size_t file_count, struct err *err)
{
    struct pieces ranges = {0};
    struct pieces pieces = {0};
    for (size_t i = 0; i < file_count; i++) {
        list_ranges(files[i], &ranges);
    }
    vec_foreach (const struct piece, range, &ranges.items) {
        for (uint64_t at = range->begin; at < range->end; at += PIECE_BYTES) {
            uint64_t end = range->end - at > PIECE_BYTES ? at + PIECE_BYTES : range->end;
            *vec_push(&pieces.items) = (struct piece){range->file, at, end};
        }
    }
    int rc = sql_sparse_each(pieces.items.count, fetch_piece, &pieces, err);
    for (size_t i = 0; rc >= 0 && i < file_count; i++) {
        for (size_t c = 0; c < files[i]->footer.column_count; c++) {
            files[i]->have[c] = files[i]->have[c] || files[i]->want[c];
        }
    }
    vec_done(&ranges.items);
    vec_done(&pieces.items);
    return rc;
}

uint64_t sql_sparse_missing(const struct sql_sparse *sparse)
{
    struct pieces ranges = {0};
    uint64_t bytes = 0;
    list_ranges(sparse, &ranges);
    vec_foreach (const struct piece, range, &ranges.items) {
        bytes += range->end - range->begin;
    }
    vec_done(&ranges.items);
    return bytes;
}

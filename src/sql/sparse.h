/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_SPARSE_H
#define SQL_SPARSE_H

#include <stdatomic.h>

#include "sql/parquet.h"
#include "store/store.h"

/*
 * sparse - a Parquet object of a store as a local file with holes
 *
 * Part of the face, included by sql.h.
 *
 *     open   [ keep ]   ( want*  fetch )*   close
 *
 * After `open` the footer is there, after `fetch` the columns that were wanted; DuckDB may
 * read the file for them, and gets an error, never rows, for others.  An object below
 * SQL_SPARSE_WHOLE_BYTES is there as a whole from the beginning.
 */
#define SQL_SPARSE_WHOLE_BYTES ((uint64_t)1 << 20)

/* What went over the wire; shared by threads. */
struct sql_sparse_count {
    _Atomic uint64_t bytes, requests;
};

struct sql_sparse {
    struct store *store; /* borrows */
    struct str key;      /* the strings in the arena */
    const char *path;
    uint64_t size_bytes; /* of the object */
    struct sql_sparse_count *count;
    struct arena arena;
    struct buf text;    /* the footer as it was */
    uint64_t have_from; /* from here on, the bytes are there */
    struct parquet_footer footer;
    bool *want, *have; /* top-level columns */
    bool *keep;        /* row groups */
};

/*
 * Makes the file `path`; NULL only reads the footer.  `size_bytes` as the log says it;
 * SQL_SPARSE_SIZE_UNKNOWN asks the store. ERR_CORRUPT when the object is gone, of another size or
 * no Parquet file.  `count` outlives it.
 */
#define SQL_SPARSE_SIZE_UNKNOWN UINT64_MAX
int sql_sparse_open(struct sql_sparse *sparse, struct store *store, struct str key,
                    uint64_t size_bytes, const char *path, struct sql_sparse_count *count,
                    struct err *err);
/* Frees; the file stays. {0} is fine. */
void sql_sparse_close(struct sql_sparse *sparse);

/* Leaves out row groups: the file then has a footer without them. Before DuckDB sees it. */
int sql_sparse_keep(struct sql_sparse *sparse, const bool *keep, struct err *err);
/* By name, case ignored, as DuckDB looks for them; or by the id, when that is not negative. */
void sql_sparse_want_name(struct sql_sparse *sparse, struct str name);
void sql_sparse_want_field(struct sql_sparse *sparse, struct str name, int64_t field_id);
/* The top-level column that DuckDB would find by this name, or by the id when not negative; -1. */
ptrdiff_t sql_sparse_find(const struct sql_sparse *sparse, struct str name, int64_t field_id);
/* Brings what is wanted and not there yet, of all these files at once, several at a time. */
int sql_sparse_fetch(struct sql_sparse *const *files, size_t file_count, struct err *err);
/* Bytes that sql_sparse_fetch will bring. */
uint64_t sql_sparse_missing(const struct sql_sparse *sparse);

/*
 * Runs job(user, i) for i = 0 … count - 1 on several threads; answers the first error, after
 * which no more are begun.
 */
typedef int (*sql_sparse_job)(void *user, size_t index, struct err *err);
int sql_sparse_each(size_t count, sql_sparse_job job, void *user, struct err *err);

#endif

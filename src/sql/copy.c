/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - one SELECT into Parquet files, with the statistics DuckDB gathered
 *
 * Without partitions all threads write one file, and go on to the next when it
 * has its size; with a few of them DuckDB splits by the text keys into folders
 * whose names mean nothing to us.
 *
 * A Parquet writer of each partition and thread is open until the COPY ends, so
 * many partitions take two passes:
 *
 *     select ─► hash(keys) % B ─► B files below dir/buckets   (while the batch arrives)
 *     a few buckets at a time  ─► PARTITION_BY keys ─► one file a partition
 *
 *  (1) Only files named by RETURN_STATS of a statement that succeeded count; an
 *      aborted COPY leaves partial and even valid files behind (design.md 1).
 *  (2) Files without rows are left out.
 *  (3) Statistics are read from the vectors: their text form is NULL.
 *  (4) The select runs once, in the first pass; a bucket's rows are counted when
 *      it is written and again when it is split.
 *  (5) A partition lies in one bucket, so it gets one file as in a single pass.
 *  (6) Parquet gives back the types it got: others than those are refused by
 *      types.c before.
 */
#include "sql/session.h"

#include <stdlib.h>
#include <unistd.h>

/* Strings of more distinct values than this in a row group are written plainly. */
#define DICTIONARY_VALUES_MAX 10000
#define FILE_BYTES_PRESET     ((uint64_t)128 << 20)

/* docs/decisions/0001-partitioned-output.md has the measurements. */
#define PARTITIONS_AT_ONCE  16 /* of which row groups are in memory */
#define BUCKETS_UNKNOWN     16 /* for the first batch */
#define BUCKETS_MAX         64
#define BUCKET_ROWS         ((size_t)262144) /* in memory, of all buckets */
#define BUCKET_COLUMN       "__sluice_bucket"
#define ROW_GROUP_MIN       4096
#define PARTITIONS_KEPT_MAX 4096
#define PARTITIONS_BATCHES  128 /* after so many, older ones are forgotten, in two steps */

enum stats_column { COL_FILENAME, COL_COUNT, COL_SIZE, COL_FOOTER, COL_STATISTICS, COL_KEYS };

static struct str text_at(duckdb_vector vector, size_t row, struct arena *arena)
{
    uint64_t *validity = duckdb_vector_get_validity(vector);
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
        return STR_NULL;
    }
    duckdb_string_t *strings = duckdb_vector_get_data(vector);
    struct str s = str_n(duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row]));
    return arena_str(arena, s);
}

static uint64_t number_at(duckdb_data_chunk chunk, enum stats_column column, size_t row)
{
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
    return ((uint64_t *)duckdb_vector_get_data(vector))[row];
}

/* The entries of a MAP at `row`: *ret_entries is the vector of {key, value} structs. */
static duckdb_list_entry map_at(duckdb_vector map, size_t row, duckdb_vector *ret_entries)
{
    duckdb_list_entry entry = ((duckdb_list_entry *)duckdb_vector_get_data(map))[row];
    uint64_t *validity = duckdb_vector_get_validity(map);
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
        entry = (duckdb_list_entry){0};
    }
    *ret_entries = duckdb_list_vector_get_child(map);
    return entry;
}

static void take_stat(struct sql_column_stats *stats, struct str name, struct str value)
{
    if (value.ptr == NULL) {
        return;
    }
    if (str_eq(name, STR("min"))) {
        stats->min = value;
        stats->has_min = true;
    } else if (str_eq(name, STR("max"))) {
        stats->max = value;
        stats->has_max = true;
    } else if (str_eq(name, STR("null_count"))) {
        stats->has_null_count = str_to_i64(value, &stats->null_count);
    } else if (str_eq(name, STR("has_nan"))) {
        (void)str_to_bool(value, &stats->has_nan);
    }
}

static void take_stats(struct sql_file *file, duckdb_vector map, size_t row, struct arena *arena)
{
    duckdb_vector entries = NULL;
    duckdb_list_entry outer = map_at(map, row, &entries);
    duckdb_vector paths = duckdb_struct_vector_get_child(entries, 0);
    duckdb_vector inner = duckdb_struct_vector_get_child(entries, 1);
    struct sql_column_stats *stats = arena_new_array(arena, struct sql_column_stats, outer.length);
    for (size_t i = 0; i < outer.length; i++) {
        size_t at = outer.offset + i;
        stats[i].path = text_at(paths, at, arena);
        duckdb_vector pairs = NULL;
        duckdb_list_entry list = map_at(inner, at, &pairs);
        duckdb_vector names = duckdb_struct_vector_get_child(pairs, 0);
        duckdb_vector values = duckdb_struct_vector_get_child(pairs, 1);
        for (size_t j = list.offset; j < list.offset + list.length; j++) {
            take_stat(&stats[i], text_at(names, j, arena), text_at(values, j, arena));
        }
    }
    file->stats = stats;
    file->stats_count = outer.length;
}

/* What a COPY splits by. */
struct split {
    size_t count;
    const char *const *names;
};

static int take_keys(struct sql_file *file, const struct split *split, duckdb_vector map,
                     size_t row, struct arena *arena, struct err *err)
{
    if (split->count == 0) {
        return 0;
    }
    struct str *values = arena_new_array(arena, struct str, split->count);
    duckdb_vector entries = NULL;
    duckdb_list_entry list = map_at(map, row, &entries);
    duckdb_vector names = duckdb_struct_vector_get_child(entries, 0);
    duckdb_vector texts = duckdb_struct_vector_get_child(entries, 1);
    size_t found = 0;
    for (size_t j = list.offset; j < list.offset + list.length; j++) {
        struct str name = text_at(names, j, arena);
        for (size_t k = 0; k < split->count; k++) {
            if (str_eq_c(name, split->names[k])) {
                values[k] = text_at(texts, j, arena);
                found++;
            }
        }
    }
    file->partition_values = values;
    file->partition_count = split->count;
    if (found != split->count) {
        return err_set(err, ERR_CORRUPT, "a file of the batch came without its partition key");
    }
    return 0;
}

struct copied {
    VEC(struct sql_file) files; /* what they point to is in the arena */
    int64_t row_count;
};

static void copied_done(struct copied *copied)
{
    vec_done(&copied->files);
}

#define AUTO_COPIED AUTO(copied_done)

static int take_files(duckdb_data_chunk chunk, const struct split *split, struct arena *arena,
                      struct copied *out, struct err *err)
{
    size_t rows = duckdb_data_chunk_get_size(chunk);
    duckdb_vector names = duckdb_data_chunk_get_vector(chunk, COL_FILENAME);
    duckdb_vector stats = duckdb_data_chunk_get_vector(chunk, COL_STATISTICS);
    duckdb_vector keys = duckdb_data_chunk_get_vector(chunk, COL_KEYS);
    for (size_t row = 0; row < rows; row++) {
        if (number_at(chunk, COL_COUNT, row) == 0) {
            continue;
        }
        struct sql_file *file = vec_push(&out->files);
        file->path = text_at(names, row, arena);
        file->row_count = (int64_t)number_at(chunk, COL_COUNT, row);
        file->size_bytes = number_at(chunk, COL_SIZE, row);
        out->row_count += file->row_count;
        take_stats(file, stats, row, arena);
        TRY(take_keys(file, split, keys, row, arena, err));
    }
    return 0;
}

/* How a batch goes in two passes. */
struct layout {
    size_t bucket_count;      /* 0 = in one pass */
    size_t partitions_each;   /* in a bucket, about; SIZE_MAX = unknown */
    size_t partitions_joined; /* that are written at a time, about */
    int64_t row_group_rows;
};

/* One sql_copy. */
struct copy {
    struct sql_conn *conn;
    const struct sql_copy_options *options;
    struct arena *arena;
    struct layout layout;
    struct copied made; /* what counts */
};

/* Runs a COPY and adds its files to *out. */
static int run_copy(const struct copy *c, const char *text, const struct split *split,
                    struct copied *out, struct err *err)
{
    AUTO_RESULT duckdb_result result = {0};
    TRY(sql_execute(c->conn, text, &result, err));
    for (;;) {
        AUTO_CHUNK duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
        if (chunk == NULL) {
            return 0;
        }
        TRY(take_files(chunk, split, c->arena, out, err));
    }
}

static void add_split(struct buf *out, const struct split *split)
{
    buf_add_c(out, ", OVERWRITE_OR_IGNORE, PARTITION_BY (");
    for (size_t i = 0; i < split->count; i++) {
        buf_add_c(out, i == 0 ? "" : ", ");
        sql_quote_name(out, str_of(split->names[i]));
    }
    buf_add_c(out, ")");
}

/* The select into files of the table below `dir`. */
static int copy_to(struct copy *c, const char *select, const char *dir, struct err *err)
{
    const struct sql_copy_options *options = c->options;
    struct split split = {options->partition_count, options->partition_names};
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "COPY (%s) TO ", select);
    sql_quote_text(&text, str_of(dir));
    buf_printf(&text, " (FORMAT parquet, COMPRESSION %s, ROW_GROUP_SIZE %" PRId64,
               options->compression, c->layout.row_group_rows);
    buf_printf(&text, ", DICTIONARY_SIZE_LIMIT %d, RETURN_STATS, FILENAME_PATTERN '{uuid}'",
               DICTIONARY_VALUES_MAX);
    if (split.count == 0) {
        uint64_t bytes = options->file_bytes > 0 ? options->file_bytes : FILE_BYTES_PRESET;
        buf_printf(&text, ", FILE_SIZE_BYTES '%" PRIu64 "B'", bytes);
    } else {
        add_split(&text, &split);
    }
    buf_add_c(&text, ")");
    return run_copy(c, text.ptr, &split, &c->made, err);
}

/* ---- how many partitions come ---------------------------------------------------------------- */

void sql_partitions_done(struct sql_partitions *partitions)
{
    vec_done(&partitions->now);
    vec_done(&partitions->before);
}

/* Where `hash` is or belongs. */
static size_t place_of(const uint64_t *hashes, size_t count, uint64_t hash)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (hashes[middle] < hash) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

static bool is_in(const uint64_t *hashes, size_t count, uint64_t hash)
{
    size_t at = place_of(hashes, count, hash);
    return at < count && hashes[at] == hash;
}

/* Distinct keys of the last batches; a batch may have more. */
static size_t expected(const struct sql_partitions *p)
{
    size_t count = p->now.count;
    for (size_t i = 0; i < p->before.count; i++) {
        count += !is_in(p->now.items, p->now.count, p->before.items[i]);
    }
    return count;
}

static void learn_key(struct sql_partitions *p, const struct sql_file *file)
{
    uint64_t hash = file->partition_count;
    for (size_t i = 0; i < file->partition_count; i++) {
        hash = hash * UINT64_C(0x9e3779b97f4a7c15) + str_hash(file->partition_values[i]);
    }
    size_t at = place_of(p->now.items, p->now.count, hash);
    bool known = at < p->now.count && p->now.items[at] == hash;
    if (known || p->now.count >= PARTITIONS_KEPT_MAX) {
        return;
    }
    (void)vec_push(&p->now);
    uint64_t *slot = &p->now.items[at];
    memmove(slot + 1, slot, (p->now.count - 1 - at) * sizeof(*slot));
    *slot = hash;
}

static void learn(struct sql_partitions *p, const struct copied *copied)
{
    if (copied->files.count == 0) {
        return;
    }
    if (p->batch_count == PARTITIONS_BATCHES) {
        p->batch_count = 0;
        p->before.count = 0;
        for (size_t i = 0; i < p->now.count; i++) {
            *vec_push(&p->before) = p->now.items[i];
        }
        p->now.count = 0;
    }
    p->batch_count++;
    p->known = true;
    vec_foreach (struct sql_file, file, &copied->files) {
        learn_key(p, file);
    }
}

/* ---- two passes ------------------------------------------------------------------------------ */

static struct layout layout_for(const struct sql_copy_options *options)
{
    const struct sql_partitions *known = options->partitions;
    struct layout layout = {.row_group_rows = options->row_group_rows};
    if (options->partition_count == 0 || known == NULL) {
        return layout;
    }
    layout.partitions_joined = PARTITIONS_AT_ONCE;
    if (!known->known) {
        layout.bucket_count = BUCKETS_UNKNOWN;
        layout.partitions_each = SIZE_MAX;
        return layout;
    }
    size_t partitions = expected(known);
    if (partitions <= PARTITIONS_AT_ONCE) {
        return layout;
    }
    layout.bucket_count = 2;
    while (layout.bucket_count < BUCKETS_MAX &&
           layout.bucket_count * PARTITIONS_AT_ONCE < partitions) {
        layout.bucket_count *= 2;
    }
    size_t each = partitions / layout.bucket_count + 1;
    layout.partitions_each = each;
    if (each > PARTITIONS_AT_ONCE) {
        int64_t rows = options->row_group_rows * PARTITIONS_AT_ONCE / (int64_t)each;
        layout.row_group_rows = rows > ROW_GROUP_MIN ? rows : ROW_GROUP_MIN;
    }
    return layout;
}

/* The first pass. */
static int write_buckets(const struct copy *c, const char *select, const char *dir,
                         struct copied *out, struct err *err)
{
    static const char *const names[] = {BUCKET_COLUMN};
    static const struct split split = {1, names};
    size_t count = c->layout.bucket_count;
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "COPY (SELECT *, hash(");
    for (size_t i = 0; i < c->options->partition_count; i++) {
        buf_add_c(&text, i == 0 ? "" : ", ");
        sql_quote_name(&text, str_of(c->options->partition_names[i]));
    }
    buf_printf(&text, ") %% %zu AS \"" BUCKET_COLUMN "\" FROM (%s)) TO ", count, select);
    sql_quote_text(&text, str_of(dir));
    /* No dictionaries: they are work, and these files are read once. */
    buf_printf(&text,
               " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE %zu, DICTIONARY_SIZE_LIMIT 1, "
               "RETURN_STATS, FILENAME_PATTERN '{uuid}'",
               BUCKET_ROWS / count);
    add_split(&text, &split);
    buf_add_c(&text, ")");
    return run_copy(c, text.ptr, &split, out, err);
}

/* The second pass over some buckets' files, which go. */
static int split_buckets(struct copy *c, const struct sql_file *files, size_t count,
                         const char *dir, struct err *err)
{
    AUTO_BUF struct buf select = {0};
    int64_t rows = c->made.row_count;
    buf_add_c(&select, "SELECT * FROM read_parquet([");
    for (size_t i = 0; i < count; i++) {
        buf_add_c(&select, i == 0 ? "" : ", ");
        sql_quote_text(&select, files[i].path);
        rows += files[i].row_count;
    }
    buf_add_c(&select, "], hive_partitioning = false)");
    TRY(copy_to(c, select.ptr, dir, err));
    if (c->made.row_count != rows) {
        return err_set(err, ERR_CORRUPT,
                       "%" PRId64
                       " rows of the batch's first pass came out of the second as %" PRId64,
                       rows, c->made.row_count);
    }
    for (size_t i = 0; i < count; i++) {
        (void)unlink(files[i].path.ptr); /* the disk is held no longer than need be */
    }
    return 0;
}

static int by_bucket(const void *a, const void *b)
{
    const struct sql_file *x = a;
    const struct sql_file *y = b;
    return str_cmp(x->partition_values[0], y->partition_values[0]);
}

/* Where the whole buckets end that are split together, from file `first` on: at least one. */
static size_t group_end(const struct copy *c, const struct copied *buckets, size_t first)
{
    const struct sql_file *files = buckets->files.items;
    size_t partitions = 0;
    size_t end = first;
    while (end < buckets->files.count) {
        size_t next = end;
        size_t rows = 0;
        while (next < buckets->files.count &&
               str_eq(files[next].partition_values[0], files[end].partition_values[0])) {
            rows += (size_t)files[next++].row_count;
        }
        partitions += rows < c->layout.partitions_each ? rows : c->layout.partitions_each;
        if (end > first && partitions > c->layout.partitions_joined) {
            break;
        }
        end = next;
    }
    return end;
}

static int copy_in_two_passes(struct copy *c, const char *select, struct err *err)
{
    AUTO_COPIED struct copied buckets = {0};
    const char *dir = arena_printf(c->arena, "%s/buckets", c->options->dir);
    TRY(fs_make_dirs(dir, err));
    TRY(write_buckets(c, select, dir, &buckets, err));
    if (buckets.files.count > 1) {
        qsort(buckets.files.items, buckets.files.count, sizeof(struct sql_file), by_bucket);
    }
    for (size_t first = 0; first < buckets.files.count;) {
        size_t end = group_end(c, &buckets, first);
        const char *place = arena_printf(c->arena, "%s/%zu", c->options->dir, first);
        TRY(split_buckets(c, &buckets.files.items[first], end - first, place, err));
        first = end;
    }
    assert(c->made.row_count == buckets.row_count);
    return fs_remove_tree(dir, err);
}

int sql_copy(struct sql_conn *conn, const char *select, const struct sql_copy_options *options,
             struct arena *arena, struct sql_copy_result *ret_result, struct err *err)
{
    struct copy c = {
        .conn = conn, .options = options, .arena = arena, .layout = layout_for(options)};
    int rc = c.layout.bucket_count > 0 ? copy_in_two_passes(&c, select, err)
                                       : copy_to(&c, select, options->dir, err);
    if (rc >= 0) {
        if (options->partitions != NULL && options->partition_count > 0) {
            learn(options->partitions, &c.made);
        }
        struct sql_file *files = arena_new_array(arena, struct sql_file, c.made.files.count + 1);
        for (size_t i = 0; i < c.made.files.count; i++) {
            files[i] = c.made.files.items[i];
        }
        *ret_result = (struct sql_copy_result){
            .row_count = c.made.row_count,
            .file_count = c.made.files.count,
            .files = files,
            .bucket_count = c.layout.bucket_count,
        };
    }
    copied_done(&c.made);
    return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_letters - DuckDB's part in dead letters
 *
 * A file of letters has a line "partition offset topic-id query reason value" for each, with
 * partitions numbered as in topic.h; "-" is no value.
 *
 *  (1) COPY writes the lines, with the same weather as that of a batch.
 *  (2) The one query, for letters that are known, is answered from the files that it names.
 *  (3) The files of the table come from its log, read through the store from version 0 on, unless
 *      the schedule has a real database: then delta_files is the engine's own.
 */
#include "fake_sql.h"

#include "column/memory.h"
#include "trace.h"
#include "wrap.h"

#include <stdio.h>

#define FILES_MAX   2
#define CHUNK_MAX   5 /* rows */
#define COLUMNS_MAX 32

int __wrap_sql_register_source(struct sql_conn *conn, const char *name, const struct type *row_type,
                               struct sql_source **ret_source, struct err *err)
{
    struct fake_conn *fake = fake_sql_conn(conn);
    if (fake == NULL) {
        return __real_sql_register_source(conn, name, row_type, ret_source, err);
    }
    fake->letters_type = row_type;
    fake->letters = (struct fake_sql_source){.is_letters = true};
    *ret_source = (struct sql_source *)(void *)&fake->letters;
    return 0;
}

/* ---- COPY ------------------------------------------------------------------------------------ */

enum {
    LETTER_STREAM,
    LETTER_TOPIC_ID,
    LETTER_PARTITION,
    LETTER_OFFSET,
    LETTER_QUERY,
    LETTER_REASON,
    LETTER_VALUE,
    LETTER_FIELDS
};

struct letters_copy {
    struct instance *in;
    const struct fake_conn *conn;
    size_t fields[LETTER_FIELDS]; /* places in the row type */
    int64_t fail_at, cut_at, rows;
    struct buf texts[FILES_MAX];
    int64_t row_counts[FILES_MAX];
};

static void find_fields(struct letters_copy *copy)
{
    static const char *const names[] = {"stream", "topic_id", "partition", "offset",
                                        "query",  "reason",   "value"};
    for (size_t i = 0; i < LETTER_FIELDS; i++) {
        ptrdiff_t at = type_find_field_nocase(copy->conn->letters_type, str_of(names[i]));
        assert(at >= 0);
        copy->fields[i] = (size_t)at;
    }
}

static void write_letter(struct letters_copy *copy, const struct column *columns, size_t row)
{
    const size_t *f = copy->fields;
    size_t file = rng_below(&copy->in->world->rng, FILES_MAX);
    struct sink_position place = {
        .stream = column_get_string(&columns[f[LETTER_STREAM]], row),
        .partition = ((const int32_t *)columns[f[LETTER_PARTITION]].data)[row],
    };
    struct str topic_id = column_get_string(&columns[f[LETTER_TOPIC_ID]], row);
    struct str query = column_get_string(&columns[f[LETTER_QUERY]], row);
    struct str reason = column_get_string(&columns[f[LETTER_REASON]], row);
    const struct column *value = &columns[f[LETTER_VALUE]];
    struct str text = column_is_valid(value, row) ? column_get_string(value, row) : STR("-");
    buf_printf(&copy->texts[file], "%d %" PRId64 " %.*s %.*s %.*s %.*s\n", world_partition(&place),
               ((const int64_t *)columns[f[LETTER_OFFSET]].data)[row], STR_FMT(topic_id),
               STR_FMT(query), STR_FMT(reason), STR_FMT(text));
    copy->row_counts[file]++;
    copy->rows++;
}

static int pull(struct letters_copy *copy, struct sql_scan *scan, void *local,
                struct column_memory *chunk, struct err *err)
{
    struct column *columns = column_memory_columns(chunk);
    struct column *wanted[COLUMNS_MAX] = {0};
    for (size_t i = 0; i < LETTER_FIELDS; i++) {
        wanted[copy->fields[i]] = &columns[copy->fields[i]];
    }
    while (copy->rows < copy->cut_at) {
        if (copy->in->client.dead || copy->conn->interrupted) {
            return err_set(err, ERR_CANCELED, "interrupted");
        }
        if (copy->rows >= copy->fail_at) {
            return err_set_retry(err, "Out of Memory Error: failed to allocate");
        }
        column_memory_reset(chunk);
        size_t capacity = 1 + rng_below(&copy->in->world->rng, CHUNK_MAX);
        int rows = TRY(scan->ops->fill(scan, local, wanted, capacity, err));
        if (rows == 0) {
            return 0;
        }
        fiber_yield();
        for (size_t row = 0; row < (size_t)rows; row++) {
            write_letter(copy, columns, row);
        }
    }
    copy->in->cut_short = true;
    return 0;
}

static int write_files(const struct letters_copy *copy, const char *dir, struct arena *arena,
                       struct sql_copy_result *ret_result, struct err *err)
{
    struct sql_file *files = arena_new_array(arena, struct sql_file, FILES_MAX);
    struct sql_copy_result made = {.row_count = copy->rows, .files = files};
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (copy->row_counts[i] == 0) {
            continue;
        }
        const char *path = arena_printf(arena, "%s/%zu", dir, i);
        TRY(fs_write_file(path, buf_str(&copy->texts[i]), err));
        files[made.file_count++] = (struct sql_file){.path = str_of(path),
                                                     .row_count = copy->row_counts[i],
                                                     .size_bytes = copy->texts[i].len};
    }
    *ret_result = made;
    return 0;
}

int fake_letters_copy(struct instance *in, struct fake_conn *conn, const char *dir,
                      struct arena *arena, struct sql_copy_result *ret_result, struct err *err)
{
    struct world *world = in->world;
    struct letters_copy copy = {
        .in = in,
        .conn = conn,
        .fail_at = fake_sql_draw_point(world, world->weather.out_of_memory),
        .cut_at = fake_sql_draw_point(world, world->weather.cut_short),
    };
    find_fields(&copy);
    struct sql_scan *scan = conn->letters.scan;
    bool wanted[COLUMNS_MAX] = {0};
    void *local = NULL;
    TRY(scan->ops->open_local(scan, wanted, &local, err));
    struct column_memory *chunk = column_memory_new(conn->letters_type, CHUNK_MAX);
    int rc = pull(&copy, scan, local, chunk, err);
    scan->ops->close_local(scan, local);
    column_memory_free(chunk);
    rc = rc < 0 ? rc : write_files(&copy, dir, arena, ret_result, err);
    for (size_t i = 0; i < FILES_MAX; i++) {
        buf_done(&copy.texts[i]);
    }
    return rc;
}

/* ---- the letters that are known -------------------------------------------------------------- */

struct fake_rows {
    VEC(int64_t) offsets;
    size_t next;
    char cell[24];
};

static VEC(struct fake_rows *) all_rows;

static struct fake_rows *find_rows(struct sql_rows *rows)
{
    for (size_t i = 0; i < all_rows.count; i++) {
        if (all_rows.items[i] == (void *)rows) {
            return all_rows.items[i];
        }
    }
    return NULL;
}

/* What the WHERE clause asks for. */
struct wish {
    int64_t from, until;
    int partition; /* as in topic.h */
    struct str topic_id, query;
};

static struct str behind(struct str text, const char *mark)
{
    ptrdiff_t at = str_find_str(text, str_of(mark));
    assert(at >= 0);
    return str_skip(text, (size_t)at + strlen(mark));
}

static struct str quoted_behind(struct str text, const char *mark)
{
    struct str rest = behind(text, mark);
    struct str quoted;
    bool found = str_split(&rest, '\'', &quoted);
    assert(found);
    return quoted;
}

static struct wish read_wish(struct str text)
{
    struct wish wish = {
        .topic_id = quoted_behind(text, "topic_id = '"),
        .query = quoted_behind(text, "query = '"),
    };
    struct sink_position place = {.stream = quoted_behind(text, "stream = '")};
    int got = sscanf(behind(text, "\"offset\" >= ").ptr, "%" SCNd64, &wish.from) +
              sscanf(behind(text, "\"offset\" < ").ptr, "%" SCNd64, &wish.until) +
              sscanf(behind(text, "\"partition\" = ").ptr, "%d", &place.partition);
    assert(got == 3);
    wish.partition = world_partition(&place);
    return wish;
}

static void take_line(const struct wish *wish, struct str line, struct fake_rows *rows)
{
    struct str parts[4]; /* partition, offset, topic id, query */
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        bool found = str_split(&line, ' ', &parts[i]);
        assert(found);
    }
    int64_t partition = -1;
    int64_t offset = -1;
    bool fine = str_to_i64(parts[0], &partition) && str_to_i64(parts[1], &offset);
    assert(fine);
    bool wanted = partition == wish->partition && offset >= wish->from && offset < wish->until &&
                  str_eq(parts[2], wish->topic_id) && str_eq(parts[3], wish->query);
    for (size_t i = 0; i < rows->offsets.count; i++) {
        wanted = wanted && rows->offsets.items[i] != offset;
    }
    if (wanted) {
        *vec_push(&rows->offsets) = offset;
    }
}

static int read_letters(const struct wish *wish, struct str files, struct fake_rows *rows,
                        struct err *err)
{
    struct str path;
    struct str between;
    while (str_split(&files, '\'', &between) && str_split(&files, '\'', &path)) {
        AUTO_BUF struct buf body = {0};
        AUTO_FREE char *name = str_dup(path);
        TRY(fs_read_file(name, &body, err));
        struct str rest = buf_str(&body);
        struct str line;
        while (str_split(&rest, '\n', &line) && line.len > 0) {
            take_line(wish, line, rows);
        }
    }
    return 0;
}

int __wrap_sql_query(struct sql_conn *conn, const char *text, struct sql_rows **ret_rows,
                     struct err *err)
{
    struct fake_conn *fake = fake_sql_conn(conn);
    if (fake == NULL) {
        return __real_sql_query(conn, text, ret_rows, err);
    }
    struct instance *in = instance_self();
    struct world *world = in->world;
    fiber_yield();
    if (world_chance(world, world->weather.out_of_memory)) {
        return err_set_retry(err, "Out of Memory Error: failed to allocate");
    }
    struct wish wish = read_wish(str_of(text));
    struct str files = behind(str_of(text), "read_parquet([");
    files = str_head(files, (size_t)str_find_str(files, STR("]")));
    struct fake_rows *rows = mem_new(struct fake_rows);
    *vec_push(&all_rows) = rows;
    *ret_rows = (struct sql_rows *)(void *)rows;
    if (world->broken == JOB_BREAK_KNOWN) {
        return 0;
    }
    TRY(read_letters(&wish, files, rows, err));
    TRACE("process %d: knows %zu letters of partition %d from %" PRId64 " to %" PRId64,
          in->client.id, rows->offsets.count, wish.partition, wish.from, wish.until);
    return 0;
}

int __wrap_sql_rows_next(struct sql_rows *rows, struct str *cells, struct err *err)
{
    struct fake_rows *fake = find_rows(rows);
    if (fake == NULL) {
        return __real_sql_rows_next(rows, cells, err);
    }
    if (fake->next == fake->offsets.count) {
        return 0;
    }
    snprintf(fake->cell, sizeof(fake->cell), "%" PRId64, fake->offsets.items[fake->next++]);
    cells[0] = str_of(fake->cell);
    return 1;
}

void __wrap_sql_rows_freep(struct sql_rows **rows)
{
    struct fake_rows *fake = *rows == NULL ? NULL : find_rows(*rows);
    if (fake == NULL) {
        __real_sql_rows_freep(rows);
        return;
    }
    for (size_t i = 0; i < all_rows.count; i++) {
        if (all_rows.items[i] == fake) {
            all_rows.items[i] = *vec_last(&all_rows);
        }
    }
    all_rows.count--;
    if (all_rows.count == 0) {
        vec_done(&all_rows);
    }
    vec_done(&fake->offsets);
    mem_free(fake);
}

/* ---- the files of the table ------------------------------------------------------------------ */

static int give_adds(struct str commit, delta_file_fn on_file, void *user, struct err *err)
{
    struct str line;
    while (str_split(&commit, '\n', &line)) {
        AUTO_ARENA struct arena arena = {0};
        struct json *root = NULL;
        if (line.len == 0) {
            continue;
        }
        TRY(json_parse(&arena, line, &root, err));
        struct str path;
        if (json_get_str(json_find(json_find(root, "add"), "path"), &path)) {
            struct delta_file file = {.path = path, .key = path};
            TRY(on_file(user, &file, err));
        }
    }
    return 0;
}

int __wrap_delta_files(struct store *store, struct sql_db *db, const char *spool, int64_t version,
                       struct arena *arena, struct delta_snapshot *ret_snapshot,
                       delta_file_fn on_file, void *user, struct err *err)
{
    if (!fake_sql_is_db(db)) {
        return __real_delta_files(store, db, spool, version, arena, ret_snapshot, on_file, user,
                                  err);
    }
    assert(version == -1);
    *ret_snapshot = (struct delta_snapshot){.version = -1};
    for (int64_t v = 0;; v++) {
        AUTO_BUF struct buf key = {0};
        AUTO_BUF struct buf body = {0};
        buf_printf(&key, "_delta_log/%020" PRId64 ".json", v);
        if (TRY(store_get(store, buf_str(&key), &body, err)) == STORE_ABSENT) {
            return 0;
        }
        ret_snapshot->version = v;
        TRY(give_adds(buf_str(&body), on_file, user, err));
    }
}

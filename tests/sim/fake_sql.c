/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_sql - DuckDB's part in a batch: pulls the rows of the scan, writes them to files
 *
 * COPY runs on up to two threads and writes lines (topic_print_line) to some
 * files.  Each thread opens a local on every stream, one after the other as the
 * parts of a UNION ALL: it comes to the second when it has seen the end of the
 * first.
 *
 *  (1) What a chunk points to is read late, just before the local's next one.
 *  (2) It fails for a row with a negative v, and for a stubborn one whatever v
 *      says; by the weather for want of memory, or because the statement is
 *      refused; and it may end well without having read all, as below a LIMIT.
 *  (3) What it fails for is another message when the SQL was changed: MESSAGE_FICKLE.
 *  (4) An interrupt is looked at between chunks, as by DuckDB.
 */
#include "fake_sql.h"

#include "column/memory.h"
#include "trace.h"
#include "wrap.h"

#include <stdio.h>

#define THREADS   2
#define FILES_MAX 3
#define CHUNK_MAX 5 /* rows */

/* The columns of the SELECT, by index in the scan's row type: v and s are the declared ones. */
enum { COLUMN_V, COLUMN_S, COLUMN_META };

/* Handles of ours among the real ones. */
static VEC(struct fake_conn *) conns;
static char fake_db_mark;

static struct sql_db *fake_db(void)
{
    return (struct sql_db *)(void *)&fake_db_mark;
}

bool fake_sql_is_db(const struct sql_db *db)
{
    return db == fake_db();
}

struct fake_conn *fake_sql_conn(struct sql_conn *conn)
{
    for (size_t i = 0; i < conns.count; i++) {
        if (conns.items[i] == (void *)conn) {
            return conns.items[i];
        }
    }
    return NULL;
}

int __wrap_sql_open(const struct sql_db_options *options, struct sql_db **ret_db, struct err *err)
{
    struct instance *in = instance_now();
    if (in == NULL) {
        return __real_sql_open(options, ret_db, err);
    }
    bool is_service = !options->sandbox && in->world->db != NULL;
    *ret_db = is_service ? in->world->db : fake_db();
    return 0;
}

void __wrap_sql_close(struct sql_db *db)
{
    if (instance_now() == NULL) {
        __real_sql_close(db);
    }
}

int __wrap_sql_connect(struct sql_db *db, struct sql_conn **ret_conn, struct err *err)
{
    struct instance *in = instance_now();
    bool for_letters = in != NULL && in->opens_dead;
    if (db != fake_db() && !for_letters) {
        return __real_sql_connect(db, ret_conn, err);
    }
    struct fake_conn *conn = mem_new(struct fake_conn);
    if (for_letters) {
        in->opens_dead = false;
    }
    *vec_push(&conns) = conn;
    *ret_conn = (struct sql_conn *)(void *)conn;
    return 0;
}

void __wrap_sql_disconnect(struct sql_conn *conn)
{
    struct fake_conn *fake = fake_sql_conn(conn);
    if (fake == NULL) {
        __real_sql_disconnect(conn);
        return;
    }
    for (size_t i = 0; i < conns.count; i++) {
        if (conns.items[i] == fake) {
            conns.items[i] = *vec_last(&conns);
        }
    }
    conns.count--;
    if (conns.count == 0) {
        vec_done(&conns);
    }
    mem_free(fake);
}

void __wrap_sql_interrupt(struct sql_conn *conn)
{
    struct fake_conn *fake = fake_sql_conn(conn);
    assert(fake != NULL);
    fake->interrupted = true;
}

int __wrap_sql_register_text_function(struct sql_conn *conn, const char *name, sql_scalar_fn fn,
                                      struct err *err)
{
    return fake_sql_conn(conn) != NULL ? 0 : __real_sql_register_text_function(conn, name, fn, err);
}

/* ---- the source of rows ---------------------------------------------------------------------- */

struct sql_source *fake_sql_source(struct arena *arena, size_t stream)
{
    struct fake_sql_source *source = arena_new(arena, struct fake_sql_source);
    source->stream = stream;
    return (struct sql_source *)(void *)source;
}

void __wrap_sql_source_attach(struct sql_source *source, struct sql_scan *scan)
{
    struct fake_sql_source *fake = (struct fake_sql_source *)(void *)source;
    fake->scan = scan;
    if (!fake->is_letters) {
        instance_self()->attached[fake->stream] = scan;
    }
}

/* ---- COPY ------------------------------------------------------------------------------------ */

struct copy {
    struct instance *in;
    struct fake_conn *conn;
    const struct type *row_type; /* of a scan */
    /* What is to happen after so many rows; INT64_MAX = nothing. */
    int64_t fail_at, cut_at;
    int64_t rows;
    bool failed;
    bool cut; /* all rows that are wanted have been seen */
    struct err err;
    struct buf texts[FILES_MAX];
    int64_t row_counts[FILES_MAX];
};

/* A thread's part of one scan. */
struct copy_local {
    struct sql_scan *scan;
    void *local;
    int64_t first; /* what `_partition +` adds for its stream */
    struct column *columns;
    struct column_memory *chunk;
};

static void fail(struct copy *copy, const struct err *err)
{
    if (!copy->failed && !copy->cut) {
        copy->failed = true;
        copy->err = *err;
    }
}

static int check_row(const struct copy *copy, int64_t partition, int64_t offset, const int64_t *v,
                     struct err *err)
{
    const struct topic *topic = &copy->in->world->topics[0];
    enum message_kind kind = topic_kind(topic, (int)partition, offset);
    if (v != NULL && *v < 0) {
        return err_set(err, ERR_DATA, "Out of Range Error: cannot take the root of %" PRId64, *v);
    }
    if (kind == MESSAGE_STUBBORN || (kind == MESSAGE_FICKLE && copy->in->generation % 2 == 0)) {
        return err_set(err, ERR_DATA, "Conversion Error: \"\" is not a number");
    }
    return 0;
}

static int write_row(struct copy *copy, const struct copy_local *local, size_t row, struct err *err)
{
    const struct column *columns = local->columns;
    const struct column *meta = columns + COLUMN_META;
    int64_t partition = ((const int32_t *)meta[PLAN_META_PARTITION].data)[row] + local->first;
    int64_t offset = ((const int64_t *)meta[PLAN_META_OFFSET].data)[row];
    const int64_t *v = column_is_valid(&columns[COLUMN_V], row)
                           ? (const int64_t *)columns[COLUMN_V].data + row
                           : NULL;
    bool has_s = column_is_valid(&columns[COLUMN_S], row);
    struct str s = has_s ? column_get_string(&columns[COLUMN_S], row) : STR_NULL;
    TRY(check_row(copy, partition, offset, v, err));
    size_t file = rng_below(&copy->in->world->rng, FILES_MAX);
    topic_print_line(partition, offset, v, s, &copy->texts[file]);
    copy->row_counts[file]++;
    copy->rows++;
    return 0;
}

static int check_weather(struct copy *copy, struct err *err)
{
    if (copy->in->client.dead || copy->conn->interrupted) {
        return err_set(err, ERR_CANCELED, "interrupted");
    }
    if (copy->rows >= copy->fail_at) {
        return err_set_retry(err, "Out of Memory Error: failed to allocate");
    }
    if (copy->rows >= copy->cut_at && !copy->cut) {
        copy->cut = true;
        copy->in->cut_short = true;
        TRACE("process %d: the statement reads no further", copy->in->client.id);
    }
    return 0;
}

static bool is_over(const struct copy *copy)
{
    return copy->failed || copy->cut;
}

/* Until the local has nothing more. */
static int pull(struct copy *copy, struct copy_local *l, struct err *err)
{
    struct column *wanted[COLUMN_META + PLAN_META_COUNT] = {
        [COLUMN_V] = &l->columns[COLUMN_V],
        [COLUMN_S] = &l->columns[COLUMN_S],
        [COLUMN_META + PLAN_META_PARTITION] = &l->columns[COLUMN_META + PLAN_META_PARTITION],
        [COLUMN_META + PLAN_META_OFFSET] = &l->columns[COLUMN_META + PLAN_META_OFFSET],
    };
    struct rng *rng = &copy->in->world->rng;
    for (;;) {
        TRY(check_weather(copy, err));
        if (is_over(copy)) {
            return 0;
        }
        column_memory_reset(l->chunk);
        size_t capacity = 1 + rng_below(rng, CHUNK_MAX);
        int rows = TRY(l->scan->ops->fill(l->scan, l->local, wanted, capacity, err));
        if (rows == 0) {
            return 0;
        }
        if (rng_below(rng, 2) == 0) {
            fiber_yield(); /* (1) */
        }
        for (size_t row = 0; row < (size_t)rows; row++) {
            TRY(write_row(copy, l, row, err));
        }
    }
}

static int read_stream(struct copy *copy, size_t stream, struct err *err)
{
    static const bool wanted[COLUMN_META + PLAN_META_COUNT] = {
        [COLUMN_V] = true,
        [COLUMN_S] = true,
        [COLUMN_META + PLAN_META_PARTITION] = true,
        [COLUMN_META + PLAN_META_OFFSET] = true,
    };
    struct copy_local l = {.scan = copy->in->attached[stream],
                           .first = (int64_t)stream * TOPIC_STREAM_PARTITIONS};
    TRY(l.scan->ops->open_local(l.scan, wanted, &l.local, err));
    l.chunk = column_memory_new(copy->row_type, CHUNK_MAX);
    l.columns = column_memory_columns(l.chunk);
    int rc = pull(copy, &l, err);
    if (rc < 0) {
        fail(copy, err);
    }
    l.scan->ops->close_local(l.scan, l.local);
    column_memory_free(l.chunk);
    return rc;
}

static void copy_work(void *user)
{
    struct copy *copy = user;
    struct err err;
    int streams = copy->in->world->stream_count;
    for (int i = 0; i < streams && !is_over(copy); i++) {
        if (read_stream(copy, (size_t)i, &err) < 0) {
            fail(copy, &err);
            return;
        }
    }
}

static int write_files(struct copy *copy, const char *dir, struct arena *arena,
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

int64_t fake_sql_draw_point(struct world *world, unsigned per_mille)
{
    return world_chance(world, per_mille) ? (int64_t)rng_below(&world->rng, 8) : INT64_MAX;
}

static int run(struct copy *copy, const char *dir, struct arena *arena,
               struct sql_copy_result *ret_result, struct err *err)
{
    struct thread threads[THREADS] = {0};
    size_t count = 1 + rng_below(&copy->in->world->rng, THREADS);
    for (size_t i = 0; i < count; i++) {
        thread_start(&threads[i], "worker", copy_work, copy);
    }
    for (size_t i = 0; i < count; i++) {
        thread_join(&threads[i]);
    }
    if (copy->failed) {
        *err = copy->err;
        return err->code;
    }
    return write_files(copy, dir, arena, ret_result, err);
}

int __wrap_sql_copy(struct sql_conn *conn, const char *select,
                    const struct sql_copy_options *options, struct arena *arena,
                    struct sql_copy_result *ret_result, struct err *err)
{
    (void)select;
    struct instance *in = instance_self();
    struct world *world = in->world;
    struct fake_conn *fake = fake_sql_conn(conn);
    assert(fake != NULL);
    if (world_chance(world, world->weather.refused)) {
        in->refused = true;
        return err_set(err, ERR_CONFIG, "Permission Error: refused by the weather");
    }
    if (fake->letters_type != NULL) {
        return fake_letters_copy(in, fake, options->dir, arena, ret_result, err);
    }
    struct copy copy = {
        .in = in,
        .conn = fake,
        .row_type = world->plans[0]->streams.items[0].scan_type,
        .fail_at = fake_sql_draw_point(world, world->weather.out_of_memory),
        .cut_at = fake_sql_draw_point(world, world->weather.cut_short),
    };
    int rc = run(&copy, options->dir, arena, ret_result, err);
    for (size_t i = 0; i < FILES_MAX; i++) {
        buf_done(&copy.texts[i]);
    }
    return rc;
}

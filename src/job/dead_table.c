/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead_table - where the dead letters of a query go
 *
 * A batch's letters are committed before its rows are (design.md 2a), each commit with the
 * positions that the batch moves, under the same app ids as in the main table:
 *
 *     dead letters N · rows N · dead letters N+1 · rows N+1 …
 *
 *  (1) A crash between the two leaves the dead letter table ahead: its positions are beyond the
 *      main table's.  What it holds between the two positions is known at the next start, and
 *      those messages stay dead: they are not decoded again, whatever schema and SQL say by then,
 *      and not written again.  So each message is a row or a dead letter, never both, never none.
 *  (2) The start commit raises the fence in this table too, after that in the main table and
 *      before the known ones are read: a predecessor can add nothing behind our back.  A commit
 *      in the main table follows: who began after us there, but before us here, would go on with
 *      rows only, and could make a row of what we call a letter.
 *  (3) Until the main table has moved past them, this table's positions stay where they are: a
 *      batch that ends before them (smaller ones after a crash) does not move them back.
 *  (4) Only batches with letters are committed here, so this table's positions may be behind the
 *      main table's; that means nothing.
 *
 * With a topic instead of a table, letters are delivered before the rows' commit: a crash in
 * between sends them again (at least once).
 */
#include "job/dead_table.h"

#include <stdio.h>
#include <stdlib.h>

#define BEGIN_TRIES    100
#define FILE_BYTES_MAX ((size_t)1 << 30)

struct dead_table {
    const struct plan_table *plan;
    struct arena arena;
    const char *spool;
    /* a table */
    struct store *store; /* the sink's, once there is one */
    struct delta_sink *sink;
    struct sql_conn *conn;
    struct sql_source *source;
    const struct type *row_type;
    VEC(struct dead_known) known;
    /* a topic */
    struct producer *producer;
};

void dead_table_close(struct dead_table *t)
{
    if (t == NULL) {
        return;
    }
    if (t->sink != NULL) {
        delta_sink_close(t->sink);
    } else {
        store_close(t->store);
    }
    sql_disconnect(t->conn);
    producer_close(t->producer);
    vec_done(&t->known);
    arena_done(&t->arena);
    mem_free(t);
}

/* ---- what is known --------------------------------------------------------------------------- */

static bool same_position(const struct sink_position *a, const struct sink_position *b)
{
    return a->partition == b->partition && str_eq(a->stream, b->stream) &&
           str_eq(a->topic, b->topic) && str_eq(a->topic_id, b->topic_id);
}

/* The files of the table that may hold letters, where DuckDB can read them. */
struct files {
    struct dead_table *t;
    struct buf list; /* 'path', 'path' */
    size_t count;
};

static int fetch_file(struct files *files, struct str key, struct err *err)
{
    struct dead_table *t = files->t;
    AUTO_BUF struct buf path = {0};
    const char *root = store_local_root(t->store);
    if (root != NULL) {
        buf_printf(&path, "%s/%.*s", root, STR_FMT(key));
    } else {
        AUTO_BUF struct buf body = {0};
        buf_init(&body, FILE_BYTES_MAX);
        if (TRY(store_get(t->store, key, &body, err)) == STORE_ABSENT) {
            return err_set(err, ERR_CORRUPT, "dead letter file \"%.*s\" is gone", STR_FMT(key));
        }
        buf_printf(&path, "%s/known-%zu.parquet", t->spool, files->count);
        TRY(fs_write_file(path.ptr, buf_str(&body), err));
    }
    buf_add_c(&files->list, files->count++ > 0 ? ", " : "");
    sql_quote_text(&files->list, buf_str(&path));
    return 0;
}

static int on_file(void *user, const struct delta_file *file, struct err *err)
{
    if (file->deletion_vector.len > 0) {
        return err_set(err, ERR_CONFIG,
                       "the dead letter table has deletion vectors, which cannot be read; REORG "
                       "TABLE … APPLY (PURGE) removes them");
    }
    return fetch_file(user, file->key, err);
}

/* Letters of one partition between the two tables' positions. */
static int read_known(struct dead_table *t, const struct files *files,
                      const struct sink_position *main, int64_t until, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    /* A replay's letters are known by their place in the replay. */
    const char *offset = t->plan->replay_id > 0 ? "replay_offset" : "\"offset\"";
    buf_printf(&text,
               "SELECT DISTINCT CAST(%s AS VARCHAR) FROM read_parquet([%s], "
               "union_by_name = true, hive_partitioning = false) WHERE %s >= %" PRId64
               " AND %s < %" PRId64,
               offset, files->list.ptr, offset, main->next_offset, offset, until);
    if (t->plan->replay_id > 0) {
        buf_printf(&text, " AND replay_id = %" PRId64, t->plan->replay_id);
    } else {
        buf_printf(&text,
                   " AND replay_id IS NULL AND \"partition\" = %d AND topic = ", main->partition);
        sql_quote_text(&text, main->topic);
        buf_add_c(&text, " AND topic_id = ");
        sql_quote_text(&text, main->topic_id);
    }
    buf_add_c(&text, " AND stream = ");
    sql_quote_text(&text, main->stream);
    buf_add_c(&text, " AND query = ");
    sql_quote_text(&text, t->plan->query_name);
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    TRY(sql_query(t->conn, text.ptr, &rows, err));
    VEC(int64_t) offsets = {0};
    struct str cell;
    int rc = 0;
    while ((rc = sql_rows_next(rows, &cell, err)) == 1) {
        int64_t value = 0;
        if (!str_to_i64(cell, &value)) {
            rc = err_set(err, ERR_CORRUPT, "a dead letter has no offset");
            break;
        }
        *vec_push(&offsets) = value;
    }
    if (rc == 0 && offsets.count > 0) {
        int64_t *kept = arena_new_array(&t->arena, int64_t, offsets.count);
        memcpy(kept, offsets.items, offsets.count * sizeof(*kept));
        *vec_push(&t->known) = (struct dead_known){
            main->stream, main->topic, main->topic_id, main->partition, until, offsets.count, kept};
    }
    vec_done(&offsets);
    return rc;
}

static int compare_offsets(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int list_files(struct dead_table *t, struct sql_db *db, struct files *files, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct delta_snapshot snapshot;
    return delta_files(t->store, db, t->spool, -1, &arena, &snapshot, on_file, files, err);
}

/* Partitions of which this table is ahead: (1). */
static int find_known(struct dead_table *t, struct sql_db *db, const struct sink_position *main,
                      size_t main_count, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct sink_position *ours = NULL;
    size_t count = 0;
    TRY(delta_sink_recorded(delta_sink_snapshot(t->sink), t->plan->query_name, &arena, &ours,
                            &count, err));
    struct files files = {.t = t};
    int rc = 0;
    for (size_t i = 0; i < main_count && rc >= 0; i++) {
        for (size_t k = 0; k < count && rc >= 0; k++) {
            if (!same_position(&main[i], &ours[k]) || ours[k].next_offset <= main[i].next_offset) {
                continue;
            }
            rc = files.count == 0 ? list_files(t, db, &files, err) : 0;
            if (rc >= 0 && files.count > 0) {
                rc = read_known(t, &files, &main[i], ours[k].next_offset, err);
            }
        }
    }
    buf_done(&files.list);
    TRY(rc);
    vec_foreach (struct dead_known, known, &t->known) {
        qsort((int64_t *)(uintptr_t)known->offsets, known->count, sizeof(int64_t), compare_offsets);
        log_line(LOG_INFO, "dead letters known", LOG_STR("topic", known->topic),
                 LOG_I("partition", known->partition), LOG_I("letters", known->count), LOG_END);
    }
    return 0;
}

const struct dead_known *dead_table_known(const struct dead_table *t,
                                          const struct sink_position *position)
{
    vec_foreach (const struct dead_known, known, &t->known) {
        struct sink_position of = {.stream = known->stream,
                                   .topic = known->topic,
                                   .topic_id = known->topic_id,
                                   .partition = known->partition};
        if (same_position(&of, position)) {
            return known;
        }
    }
    return NULL;
}

bool dead_known_has(const struct dead_known *known, int64_t offset)
{
    return bsearch(&offset, known->offsets, known->count, sizeof(int64_t), compare_offsets) != NULL;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_sink(struct dead_table *t, struct sql_db *db, const char *run_id, struct err *err)
{
    const struct plan_table *plan = t->plan;
    struct delta_sink_options options = {
        .query = plan->query_name,
        .run_id = run_id,
        .row_type = t->row_type,
        .comment = STR("messages that a query of Sluice could not take"),
        .codec = plan->compression.ptr,
        .merge_schema = true, /* a later release may know more of a letter */
        .second_query = true, /* several queries may share the table */
    };
    TRY(delta_sink_open(t->store, db, t->spool, &options, &t->sink, err));
    for (int i = 0; i < BEGIN_TRIES; i++) {
        bool moved = false;
        TRY(delta_sink_begin(t->sink, NULL, 0, &moved, err));
        if (!moved) {
            return 0;
        }
    }
    return err_set_retry(err, "other instances of this query keep starting; giving up");
}

static int prepare(struct dead_table *t, struct sql_db *db, struct arena *arena, struct err *err)
{
    TRY(fs_make_dirs(t->spool, err));
    TRY(plan_parse_type(arena, str_of(dead_letters_columns), &t->row_type, err));
    return sql_connect(db, &t->conn, err);
}

int dead_table_open(struct store *store, const struct plan_table *table,
                    const struct settings *kafka, const char *run_id, struct sql_db *db,
                    struct arena *arena, const char *spool, struct stop *stop,
                    const struct sink_position *main_positions, size_t position_count,
                    struct dead_table **ret_table, struct err *err)
{
    struct dead_table *t = mem_new(struct dead_table);
    *ret_table = t;
    t->plan = table;
    t->store = store;
    t->spool = arena_strdup(&t->arena, str_of(spool));
    if (table->dead_letter_topic.len > 0) {
        AUTO_FREE char *topic = str_dup(table->dead_letter_topic);
        int rc = producer_open(kafka, topic, stop, &t->producer, err);
        if (rc < 0) {
            return err_wrap(err, "dead letter topic");
        }
        return 0;
    }
    int rc = prepare(t, db, arena, err);
    rc = rc < 0 ? rc : open_sink(t, db, run_id, err);
    rc = rc < 0 ? rc : dead_letters_register(t->conn, t->row_type, arena, &t->source, err);
    rc = rc < 0 ? rc : find_known(t, db, main_positions, position_count, err);
    if (rc < 0) {
        return err_wrap(err, "dead letter table \"%.*s\"", STR_FMT(table->dead_letter_location));
    }
    return 0;
}

/* ---- a batch --------------------------------------------------------------------------------- */

int dead_table_encode(struct dead_table *t, struct dead_letters *letters, const char *dir,
                      struct arena *arena, struct sql_copy_result *ret_copied, struct err *err)
{
    *ret_copied = (struct sql_copy_result){0};
    if (t->producer != NULL || dead_letters_count(letters) == 0) {
        return 0;
    }
    struct dead_letters_copy copy = {
        .conn = t->conn,
        .source = t->source,
        .query = t->plan->query_name,
        .value_bytes_max = t->plan->dead_letter_value_bytes,
        .dir = dir,
        .compression = t->plan->compression.ptr,
    };
    return dead_letters_write(letters, &copy, arena, ret_copied, err);
}

struct sending {
    struct dead_table *t;
};

/* The names are Kafka Connect's, so that its tools and users read them. */
static int send_letter(void *user, const struct dead_letter *letter, struct err *err)
{
    struct dead_table *t = ((struct sending *)user)->t;
    char partition[16];
    char offset[32];
    snprintf(partition, sizeof(partition), "%d", letter->partition);
    snprintf(offset, sizeof(offset), "%" PRId64, letter->offset);
    const struct message_header ours[] = {
        {STR("__connect.errors.topic"), letter->topic},
        {STR("__connect.errors.partition"), str_of(partition)},
        {STR("__connect.errors.offset"), str_of(offset)},
        {STR("__connect.errors.connector.name"), t->plan->query_name},
        {STR("__connect.errors.exception.class.name"), letter->reason},
        {STR("__connect.errors.exception.message"), letter->message},
    };
    size_t count = letter->header_count + ARRAY_COUNT(ours);
    struct message_header *headers = mem_new_array(struct message_header, count);
    if (letter->header_count > 0) {
        memcpy(headers, letter->headers, letter->header_count * sizeof(*headers));
    }
    memcpy(headers + letter->header_count, ours, sizeof(ours));
    int rc = producer_send_headers(t->producer, letter->key, letter->value, headers, count, err);
    mem_free(headers);
    return rc;
}

/* (3) */
static const struct sink_position *keep_ahead(const struct dead_table *t,
                                              const struct sink_position *positions, size_t count,
                                              struct arena *arena)
{
    struct sink_position *kept = arena_new_array(arena, struct sink_position, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct dead_known *known = dead_table_known(t, &positions[i]);
        kept[i] = positions[i];
        if (known != NULL && known->until > positions[i].next_offset) {
            kept[i].next_offset = known->until;
            kept[i].leader_epoch = -1;
        }
    }
    return kept;
}

int dead_table_commit(struct dead_table *t, struct dead_letters *letters,
                      const struct sql_copy_result *copied, const struct sink_position *positions,
                      size_t position_count, struct err *err)
{
    if (dead_letters_count(letters) == 0) {
        return 0;
    }
    if (t->producer != NULL) {
        struct sending sending = {t};
        int rc = dead_letters_each(letters, send_letter, &sending, err);
        rc = rc < 0 ? rc : producer_flush(t->producer, err);
        return rc < 0 ? err_wrap(err, "dead letter topic") : 0;
    }
    AUTO_ARENA struct arena arena = {0};
    struct delta_add *adds = NULL;
    int rc = delta_sink_upload(t->sink, copied->files, copied->file_count, &arena, &adds, err);
    struct sink_batch out = {
        .files = copied->files,
        .file_count = copied->file_count,
        .positions = keep_ahead(t, positions, position_count, &arena),
        .position_count = position_count,
        .input_rows = copied->row_count,
        .output_rows = copied->row_count,
    };
    int64_t version = -1;
    FAILPOINT("before_dead_commit");
    rc = rc < 0 ? rc : delta_sink_commit(t->sink, &out, adds, &version, err);
    FAILPOINT("after_dead_commit");
    if (rc < 0) {
        return err_wrap(err, "dead letter table \"%.*s\"", STR_FMT(t->plan->dead_letter_location));
    }
    delta_sink_maintain(t->sink);
    return 0;
}

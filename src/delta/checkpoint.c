/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/feature.h"
#include "delta/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/*
 * checkpoint - the state of a version in one Parquet file
 *
 *     previous checkpoint ─┐
 *     commits since ───────┴─► replay.c ─► COPY ─► N.checkpoint.parquet ─► _last_checkpoint
 *
 * One action a row, one column a kind of action, all fields optional
 * (delta.md 1.7).  Classic V1; a table with delta.checkpointPolicy = v2 gets a
 * file of the same name that follows the V2 rules (a checkpointMetadata row).
 *
 *  (1) N.checkpoint.parquet is never written before N.json exists.
 *  (2) The newest action of each (path, deletion vector) wins; removes stay
 *      until they are older than delta.deletedFileRetentionDuration, txns until
 *      delta.setTransactionRetentionDuration; domains stay.
 *  (3) Feature lists of the protocol are written exactly when the numbers ask
 *      for them: a checkpoint that loses them breaks the table.
 *  (4) The hint goes forward only, and after the checkpoint.
 *  (5) Row groups are small: one a thread is in memory, and that is what a
 *      checkpoint of a million files takes (docs/decisions/0005).
 *  (6) Two writers of one checkpoint write the same content: the last one wins
 *      and nothing is lost.  Failing leaves the table as it was.
 *
 * When to write one is delta_checkpoint_due; who does, job/.
 */
#define CHECKPOINT_WEEK_US  ((int64_t)7 * 24 * 3600 * 1000000)
#define CHECKPOINT_TAIL_MIN 10
/* Between two checkpoints, unless the tail gets longer than CHECKPOINT_TAIL_REST meanwhile. */
#define CHECKPOINT_REST_US   ((int64_t)10 * 1000000)
#define CHECKPOINT_TAIL_REST 1000
#define CHECKPOINT_GROUP     20480 /* rows */

static int64_t property_us(const struct delta_snapshot *snapshot, const char *name,
                           int64_t otherwise_us)
{
    int64_t us = otherwise_us;
    struct str text = delta_property(snapshot, name);
    return text.ptr != NULL && str_to_duration_us(text, &us) ? us : otherwise_us;
}

/* ---- when ------------------------------------------------------------------------------------ */

/* Work in proportion to what is new: a checkpoint of n rows is worth it after n / 50 commits. */
static bool is_tail_long(const struct delta_table *table, int64_t now_us)
{
    const struct delta_snapshot *snapshot = &table->state.snapshot;
    int64_t tail = snapshot->version - snapshot->checkpoint_version;
    int64_t interval = 0;
    struct str text = delta_property(snapshot, "delta.checkpointInterval");
    if (text.ptr != NULL && str_to_i64(text, &interval) && interval > 0) {
        return tail >= interval;
    }
    int64_t share = table->state.row_count / 50;
    if (tail <= (share > CHECKPOINT_TAIL_MIN ? share : CHECKPOINT_TAIL_MIN)) {
        return false;
    }
    bool rested =
        !table->checkpoint_asked || now_us - table->checkpoint_asked_us >= CHECKPOINT_REST_US;
    return rested || tail > CHECKPOINT_TAIL_REST;
}

bool delta_checkpoint_due(struct delta_table *table)
{
    int64_t now_us = clock_boot_us();
    if (table->state.snapshot.version < 0 || !is_tail_long(table, now_us)) {
        return false;
    }
    table->checkpoint_asked = true;
    table->checkpoint_asked_us = now_us;
    return true;
}

void delta_checkpoint_done(struct delta_table *table, int64_t version, int64_t row_count)
{
    struct delta_snapshot *snapshot = &table->state.snapshot;
    assert(version <= snapshot->version);
    if (version > snapshot->checkpoint_version) {
        snapshot->checkpoint_version = version;
        snapshot->checkpoint_us = clock_wall_us();
        /* Expired tombstones went; what came since is about a file a commit. */
        table->state.row_count = row_count + snapshot->version - version;
    }
}

/* ---- the rows that are not files
 * ------------------------------------------------------------------ */

static bool is_v2(const struct delta_snapshot *snapshot)
{
    return delta_feature_is_on(&snapshot->protocol, "v2Checkpoint") &&
           delta_feature_property_is(&snapshot->metadata, "delta.checkpointPolicy", "v2");
}

/* Action lines into `out`; answers how many. */
static int64_t print_head(const struct delta_snapshot *snapshot, int64_t now_ms, struct buf *out)
{
    int64_t count = 2;
    int64_t keep_us = property_us(snapshot, "delta.setTransactionRetentionDuration", 0);
    delta_action_print_protocol(&snapshot->protocol, out);
    delta_action_print_metadata(&snapshot->metadata, out);
    if (is_v2(snapshot)) {
        buf_printf(out, "{\"checkpointMetadata\":{\"version\":%" PRId64 "}}\n", snapshot->version);
        count++;
    }
    for (size_t i = 0; i < snapshot->txns.count; i++) {
        const struct delta_txn *txn = &snapshot->txns.items[i];
        if (keep_us > 0 && txn->last_updated_ms < now_ms - keep_us / 1000) {
            continue;
        }
        delta_action_print_txn(txn, out);
        count++;
    }
    for (size_t i = 0; i < snapshot->domains.count; i++) {
        struct delta_action_domain domain = {snapshot->domains.items[i].name,
                                             snapshot->domains.items[i].value, false};
        delta_action_print_domain(&domain, out);
        count++;
    }
    return count;
}

/* Columns of the checkpoint that are not files, and their types. */
static const struct {
    const char *name;
    const char *type;
    bool v2_only;
} head_columns[] = {
    {"txn", "STRUCT(appId VARCHAR, \"version\" BIGINT, lastUpdated BIGINT)", false},
    {"metaData",
     "STRUCT(id VARCHAR, \"name\" VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, "
     "\"options\" " DELTA_LOAD_MAP "), schemaString VARCHAR, partitionColumns VARCHAR[], "
     "\"configuration\" " DELTA_LOAD_MAP ", createdTime BIGINT)",
     false},
    {"protocol",
     "STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], "
     "writerFeatures VARCHAR[])",
     false},
    {"domainMetadata", "STRUCT(\"domain\" VARCHAR, \"configuration\" VARCHAR, removed BOOLEAN)",
     false},
    {"checkpointMetadata", "STRUCT(\"version\" BIGINT, tags " DELTA_LOAD_MAP ")", true},
};

/* Each column as SELECT items: itself, or NULL of its type. */
static void add_head_items(bool v2, bool null, struct buf *sql)
{
    for (size_t i = 0; i < ARRAY_COUNT(head_columns); i++) {
        if (head_columns[i].v2_only && !v2) {
            continue;
        }
        if (null) {
            buf_printf(sql, ", NULL::%s AS \"%s\"", head_columns[i].type, head_columns[i].name);
        } else {
            buf_printf(sql, ", \"%s\"", head_columns[i].name);
        }
    }
}

static void add_head_from(struct str path, bool v2, size_t bytes, struct buf *sql)
{
    buf_add_c(sql, " FROM read_json(");
    sql_quote_text(sql, path);
    buf_printf(sql, ", format = 'newline_delimited', maximum_object_size = %zu, columns = {",
               bytes > (16U << 20) ? bytes : (16U << 20));
    for (size_t i = 0; i < ARRAY_COUNT(head_columns); i++) {
        if (!head_columns[i].v2_only || v2) {
            buf_printf(sql, "%s\"%s\": ", i == 0 ? "" : ", ", head_columns[i].name);
            sql_quote_text(sql, str_of(head_columns[i].type));
        }
    }
    buf_add_c(sql, "})");
}

/* ---- writing
 * ---------------------------------------------------------------------------------------- */

struct checkpoint_counts {
    int64_t actions;
    int64_t adds;
    int64_t bytes; /* of the files that are added */
};

/* The COPY statement; files are "live" and "gone". Spark too gives them dataChange = false. */
static void print_copy(const struct delta_snapshot *snapshot, struct str head, size_t head_bytes,
                       struct str out_path, struct buf *sql)
{
    bool v2 = is_v2(snapshot);
    buf_add_c(sql, "COPY (SELECT NULL::" DELTA_LOAD_ADD " AS \"add\", NULL::" DELTA_LOAD_REMOVE
                   " AS \"remove\"");
    add_head_items(v2, false, sql);
    add_head_from(head, v2, head_bytes, sql);
    buf_add_c(sql, " UNION ALL SELECT struct_update(\"add\", dataChange := false), "
                   "NULL::" DELTA_LOAD_REMOVE);
    add_head_items(v2, true, sql);
    buf_add_c(sql, " FROM live UNION ALL SELECT NULL::" DELTA_LOAD_ADD
                   ", struct_update(\"remove\", dataChange := false)");
    add_head_items(v2, true, sql);
    buf_add_c(sql, " FROM gone) TO ");
    sql_quote_text(sql, out_path);
    buf_printf(sql, " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE %d)", CHECKPOINT_GROUP);
}

/* What is in the file that was written: rows, and rows with an add. */
static int count_actions(struct sql_conn *conn, struct str path, struct checkpoint_counts *counts,
                         struct err *err)
{
    AUTO_BUF struct buf sql = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[4];
    buf_add_c(&sql, "SELECT count(*)::VARCHAR, count(\"add\".path)::VARCHAR, "
                    "(count(protocol.minReaderVersion) + count(metaData.id))::VARCHAR, "
                    "coalesce(sum(\"add\".size), 0)::VARCHAR FROM "
                    "read_parquet(");
    sql_quote_text(&sql, path);
    buf_add_c(&sql, ")");
    TRY(sql_query(conn, sql.ptr, &rows, err));
    bool ok = TRY(sql_rows_next(rows, cells, err)) == 1 && str_to_i64(cells[0], &counts->actions) &&
              str_to_i64(cells[1], &counts->adds) && str_eq_c(cells[2], "2") &&
              str_to_i64(cells[3], &counts->bytes);
    if (!ok) {
        return err_set(err, ERR_CORRUPT,
                       "the checkpoint that was written has not one protocol and one metaData");
    }
    return 0;
}

/* Only forward (4). */
static int write_hint(struct store *store, int64_t version, uint64_t bytes,
                      const struct checkpoint_counts *counts, struct err *err)
{
    struct delta_log_hint there;
    int has_hint = TRY(delta_log_read_hint(store, &there, err));
    if (has_hint && there.version > version) {
        return 0;
    }
    AUTO_BUF struct buf body = {0};
    struct json_writer w;
    json_begin(&w, &body);
    json_open_object(&w);
    json_name(&w, "version");
    json_i64(&w, version);
    json_name(&w, "size");
    json_i64(&w, counts->actions);
    json_name(&w, "sizeInBytes");
    json_i64(&w, (int64_t)bytes);
    json_name(&w, "numOfAddFiles");
    json_i64(&w, counts->adds);
    /* What a start cannot know without reading every add; others skip tags they do not know. */
    AUTO_BUF struct buf table_bytes = {0};
    buf_add_i64(&table_bytes, counts->bytes);
    json_name(&w, "tags");
    json_open_object(&w);
    json_name(&w, DELTA_LOG_HINT_BYTES);
    json_str(&w, buf_str(&table_bytes));
    json_close_object(&w);
    json_close_object(&w);
    return store_put(store, STR(DELTA_LOG_HINT), buf_str(&body), err);
}

static int build(struct delta_replay *replay, struct str path, struct checkpoint_counts *counts,
                 struct err *err)
{
    const struct delta_snapshot *snapshot = &replay->state.snapshot;
    int64_t now_ms = clock_wall_us() / 1000;
    int64_t keep_us =
        property_us(snapshot, "delta.deletedFileRetentionDuration", CHECKPOINT_WEEK_US);
    AUTO_BUF struct buf head = {0};
    AUTO_BUF struct buf sql = {0};
    struct str head_path = str_of(arena_printf(&replay->arena, "%s/head.json", replay->dir));
    int64_t head_count = print_head(snapshot, now_ms, &head);
    TRY(buf_check(&head, "the checkpoint", err));
    TRY(fs_write_file(head_path.ptr, buf_str(&head), err));
    TRY(delta_replay_views(replay, now_ms - keep_us / 1000, err));
    print_copy(snapshot, head_path, head.len, path, &sql);
    TRY(sql_run(replay->conn, sql.ptr, err));
    TRY(count_actions(replay->conn, path, counts, err));
    assert(counts->actions >= head_count + counts->adds);
    return 0;
}

static int write_checkpoint(struct delta_replay *replay, struct store *store,
                            int64_t *ret_row_count, struct err *err)
{
    struct checkpoint_counts counts = {0};
    uint64_t bytes = 0;
    char key[64];
    int64_t version = replay->state.snapshot.version;
    struct str path = str_of(arena_printf(&replay->arena, "%s/checkpoint.parquet", replay->dir));
    TRY(build(replay, path, &counts, err));
    TRY(fs_file_size(path.ptr, &bytes, err));
    (void)snprintf(key, sizeof(key), DELTA_LOG_DIR "%020" PRId64 ".checkpoint.parquet", version);
    TRY(store_put_file(store, str_of(key), path.ptr, err));
    TRY(write_hint(store, version, bytes, &counts, err));
    *ret_row_count = counts.actions;
    return 0;
}

int delta_checkpoint_write(struct store *store, struct sql_db *db, const char *spool,
                           int64_t version, int64_t *ret_row_count, struct err *err)
{
    assert(version >= 0);
    AUTO_REPLAY struct delta_replay replay = {0};
    char room[DELTA_LOG_KEY_BYTES];
    struct str key = delta_log_commit_key(room, version);
    struct store_entry entry;
    int rc = store_head(store, key, &entry, err);
    if (rc == STORE_ABSENT) {
        rc = err_set(err, ERR_CONFIG, "\"%.*s\" is not there", STR_FMT(key));
    }
    if (rc >= 0) {
        rc = delta_replay_open(&replay, store, db, spool, version, err);
    }
    if (rc >= 0) {
        rc = write_checkpoint(&replay, store, ret_row_count, err);
    }
    return rc < 0 ? err_wrap(err, "checkpoint of version %" PRId64, version) : 0;
}

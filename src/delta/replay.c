/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/*
 * replay - the file actions of one version, ready for SQL
 *
 * A table may have more files than fit into memory, so which of them live is
 * worked out by DuckDB, which can spill:
 *
 *     keys   = newest sequence number of each (path, deletion vector) in the tail
 *     result = actions of the tail whose number is in keys
 *            + actions of the checkpoint whose (path, dv) is not in keys
 *
 *  (1) The tail goes through our own parser and is written to the spool in one
 *      normal form (delta_action_write_file): SQL never sees what other writers
 *      put into a commit.
 *  (2) Keys are raw strings: the path as in the log, the deletion vector's
 *      unique id.
 *  (3) Only the keys of the tail are held; the checkpoint streams past them.
 *  (4) A V2 JSON checkpoint's file actions are the first lines of the tail.
 *  (5) A tombstone without a time counts as expired.
 */
enum { REPLAY_FLUSH_BYTES = 1 << 20, REPLAY_OBJECT_BYTES = 16 << 20 };

struct replay_writer {
    struct delta_replay *replay;
    struct buf out;
    int fd;
    int64_t sequence;
};

static int flush(struct replay_writer *writer, struct err *err)
{
    const char *path = writer->replay->tail_path.ptr;
    TRY(buf_check(&writer->out, "the tail of the log", err));
    TRY(fs_write_all(writer->fd, writer->out.ptr, writer->out.len, path, err));
    buf_reset(&writer->out);
    return 0;
}

static int write_action(void *user, const struct delta_action *action, struct err *err)
{
    struct replay_writer *writer = user;
    if (action->kind != DELTA_ACTION_ADD && action->kind != DELTA_ACTION_REMOVE) {
        return 0;
    }
    struct json_writer w;
    size_t start = writer->out.len;
    json_begin(&w, &writer->out);
    json_open_object(&w);
    json_name(&w, "seq");
    json_i64(&w, writer->sequence++);
    json_name(&w, "path");
    json_str(&w, action->file.path);
    json_name(&w, "dv");
    json_str(&w, action->file.dv_id);
    json_name(&w, action->kind == DELTA_ACTION_ADD ? "add" : "remove");
    delta_action_write_file(&w, action);
    json_close_object(&w);
    buf_add_char(&writer->out, '\n');
    size_t bytes = writer->out.len - start;
    writer->replay->line_max = bytes > writer->replay->line_max ? bytes : writer->replay->line_max;
    writer->replay->tail_count++;
    return writer->out.len >= REPLAY_FLUSH_BYTES ? flush(writer, err) : 0;
}

static int skip_commit(void *user, const struct delta_log_commit *commit, struct err *err)
{
    (void)user;
    (void)commit;
    (void)err;
    return 0;
}

/* Sidecars are remembered and fetched after: the callback runs inside a query. */
struct sidecar_list {
    struct delta_replay *replay;
    VEC(struct str) paths;
};

static int on_sidecar(void *user, const struct delta_action *action, struct err *err)
{
    (void)err;
    struct sidecar_list *list = user;
    if (action->kind == DELTA_ACTION_SIDECAR) {
        *vec_push(&list->paths) = arena_str(&list->replay->arena, action->sidecar.path);
    }
    return 0;
}

static int load_base(struct delta_replay *replay, struct store *store, const char *spool,
                     struct err *err)
{
    const struct delta_log_checkpoint *checkpoint = replay->segment.checkpoint;
    if (checkpoint == NULL) {
        return 0;
    }
    struct sidecar_list sidecars = {.replay = replay};
    TRY(delta_load_open(&replay->load, store, replay->conn, spool, checkpoint, err));
    int rc = delta_load_actions(&replay->load, on_sidecar, &sidecars, err);
    for (size_t i = 0; rc >= 0 && i < sidecars.paths.count; i++) {
        rc = delta_load_sidecar(&replay->load, spool, sidecars.paths.items[i], err);
    }
    vec_done(&sidecars.paths);
    return rc;
}

static int write_tail(struct delta_replay *replay, struct store *store, struct err *err)
{
    replay->tail_path = str_of(arena_printf(&replay->arena, "%s/tail.json", replay->dir));
    struct replay_writer writer = {.replay = replay};
    AUTO_FD int fd = open(replay->tail_path.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create \"%s\"", replay->tail_path.ptr);
    }
    writer.fd = fd;
    int rc = 0;
    int64_t first =
        replay->segment.checkpoint == NULL ? 0 : replay->segment.checkpoint->version + 1;
    if (replay->load.json.len > 0) {
        AUTO_COMMIT struct delta_log_commit base = {0};
        rc = delta_log_parse(replay->load.json_key, buf_str(&replay->load.json), &base,
                             write_action, &writer, err);
    }
    if (rc >= 0) {
        rc = delta_log_read(store, first, replay->segment.version, write_action, skip_commit,
                            &writer, err);
    }
    if (rc >= 0) {
        rc = flush(&writer, err);
    }
    buf_done(&writer.out);
    return rc;
}

int delta_replay_open(struct delta_replay *replay, struct store *store, struct sql_db *db,
                      const char *spool, int64_t version, struct err *err)
{
    struct delta_options options = {.db = db, .spool = spool};
    *replay = (struct delta_replay){.line_max = 0};
    delta_state_init(&replay->state);
    TRY(delta_snapshot_load(store, &options, version, &replay->state, &replay->segment, err));
    if (replay->state.snapshot.version < 0) {
        return 0;
    }
    TRY(fs_make_dirs(spool, err));
    TRY(fs_make_temp_dir(spool, "replay", &replay->dir, err));
    TRY(sql_connect(db, &replay->conn, err));
    TRY(load_base(replay, store, spool, err));
    return write_tail(replay, store, err);
}

void delta_replay_done(struct delta_replay *replay)
{
    sql_disconnect(replay->conn);
    replay->conn = NULL;
    delta_load_done(&replay->load);
    delta_segment_done(&replay->segment);
    delta_state_done(&replay->state);
    arena_done(&replay->arena);
    if (replay->dir != NULL) {
        struct err ignored;
        (void)fs_remove_tree(replay->dir, &ignored);
        mem_free(replay->dir);
        replay->dir = NULL;
    }
}

/* read_json over the tail; `files` = with the actions, else only their keys. */
static void add_tail(const struct delta_replay *replay, bool files, struct buf *sql)
{
    size_t most = replay->line_max + 1024;
    most = most > REPLAY_OBJECT_BYTES ? most : REPLAY_OBJECT_BYTES;
    buf_add_c(sql, "read_json(");
    sql_quote_text(sql, replay->tail_path);
    buf_printf(sql,
               ", format = 'newline_delimited', maximum_object_size = %zu, columns = {seq: "
               "'BIGINT', path: 'VARCHAR', dv: 'VARCHAR'",
               most);
    if (files) {
        buf_add_c(sql, ", \"add\": ");
        sql_quote_text(sql, STR(DELTA_LOAD_ADD));
        buf_add_c(sql, ", \"remove\": ");
        sql_quote_text(sql, STR(DELTA_LOAD_REMOVE));
    }
    buf_add_c(sql, "})");
}

/* SELECT "add", "remove" of the newest action of every key. */
static void add_newest(const struct delta_replay *replay, struct buf *sql)
{
    bool has_tail = replay->tail_count > 0;
    size_t start = sql->len;
    if (has_tail) {
        buf_add_c(sql, "SELECT t.\"add\", t.\"remove\" FROM ");
        add_tail(replay, true, sql);
        buf_add_c(sql, " t SEMI JOIN newest k ON k.seq = t.seq");
    }
    AUTO_BUF struct buf base = {0};
    if (delta_load_select(&replay->load, replay->state.snapshot.metadata.schema, &base)) {
        buf_printf(sql, "%sSELECT b.\"add\", b.\"remove\" FROM (%.*s) b",
                   has_tail ? " UNION ALL " : "", STR_FMT(buf_str(&base)));
        buf_add_c(sql, has_tail ? " ANTI JOIN newest k ON k.path = b.path AND k.dv = b.dv" : "");
    }
    if (sql->len == start) {
        buf_add_c(sql, "SELECT NULL::" DELTA_LOAD_ADD " AS \"add\", NULL::" DELTA_LOAD_REMOVE
                       " AS \"remove\" WHERE false");
    }
}

int delta_replay_views(struct delta_replay *replay, int64_t cutoff_ms, struct err *err)
{
    AUTO_BUF struct buf sql = {0};
    TRY(delta_load_files(&replay->load, err));
    if (replay->tail_count > 0) {
        buf_add_c(&sql, "CREATE TEMP TABLE newest AS SELECT max(seq) AS seq, path, dv FROM ");
        add_tail(replay, false, &sql);
        buf_add_c(&sql, " GROUP BY path, dv; ");
    }
    buf_add_c(&sql, "CREATE TEMP VIEW newest_actions AS ");
    add_newest(replay, &sql);
    buf_printf(
        &sql,
        "; CREATE TEMP VIEW live AS SELECT \"add\" FROM newest_actions WHERE \"add\".path IS "
        "NOT NULL; CREATE TEMP VIEW gone AS SELECT \"remove\" FROM newest_actions WHERE "
        "\"remove\".path IS NOT NULL AND \"remove\".deletionTimestamp > %" PRId64,
        cutoff_ms);
    TRY(buf_check(&sql, "the replay statement", err));
    return sql_run(replay->conn, sql.ptr, err);
}

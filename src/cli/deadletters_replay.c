/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadletters_replay - dead letters once more through the pipeline, each once
 *
 * Replay k is a run of the pipeline over letters instead of topics.  Its log is made of claims, in
 * a table beside the dead letter table: a row for each letter that was chosen, with k and its place
 * in the replay.  The rest is the job's own protocol, under the name "<query>/replay":
 *
 *     claim                    rows (key, k, replay_offset), one commit of the table of claims
 *     run                      topic "deadletters-k", offsets = replay_offset, positions in the
 *                              main table: sluice/<query>%2Freplay/<stream>/deadletters-k/-/0
 *     mark                     the same positions in the table of claims: k is finished
 *
 *  (1) A letter is claimed by one commit, which the fence of "<query>/replay" in the table of
 * claims keeps apart from those of other instances, and what is claimed is not open any more. (2)
 * The newest replay is finished before another one is begun, so a claim that was made is carried
 * out, by whoever comes next. (3) A mark outlasts the main table's positions, which may expire, or
 * go with the table. (4) The query itself has another name: it is not fenced and does not fence us.
 *  (5) A letter that is gone from its table (somebody deleted it) is a gap in the replay.
 */
#include "cli/deadletters_replay.h"

#include <unistd.h>

#include "cli/bound.h"
#include "cli/offsets_table.h"
#include "cli/pipeline.h"
#include "cli/signals.h"
#include "connect/replay.h"
#include "job/job.h"

#define BEGIN_TRIES   100
#define ROW_GROUP     100000
#define NAMED_MAX     20 /* letters that cannot be replayed, by name */
#define GRACE_US      (10 * (int64_t)1000000)
#define MESSAGE_CELLS 9

/* What a replay has of one stream. */
struct part {
    struct str stream;
    int64_t length; /* the offset behind the last one */
};

struct replay {
    const struct cli_deadletters_values *values;
    struct cli_deadletters_filter filter;
    uint64_t fetch_max;
    struct arena arena;
    struct plan *plan;
    const struct plan_table *table;
    struct str name;         /* "<query>/replay" */
    VEC(struct str) streams; /* that the query reads */
    int64_t letters_version; /* what was shown is what is replayed; -1 = not looked yet */
    int64_t unable;          /* letters that cannot be replayed */
    struct cli_spool spool;
    struct delta_sink *claims;
    /* signals */
    struct stop stop, now;
    struct mutex lock;
    struct cli_scan_query *live; /* guarded by .lock */
    struct cli_signals signals;
};

/* The tables as they are at one moment. */
struct look {
    struct replay *replay;
    struct cli_scan_query q;
    struct cli_scan_query_table tables[2]; /* letters, claims */
    struct cli_deadletters_of of;
    int64_t newest; /* replay; 0 = none */
    bool is_marked, is_finished;
};

static void set_live(struct replay *r, struct cli_scan_query *q)
{
    MUTEX_GUARD(&r->lock);
    r->live = q;
    if (q != NULL && stop_is_set(&r->stop)) {
        cli_scan_query_cancel(q);
    }
}

static void on_signal(void *user, int count)
{
    struct replay *r = user;
    stop_set(count == 1 ? &r->stop : &r->now);
    MUTEX_GUARD(&r->lock);
    if (r->live != NULL) {
        cli_scan_query_cancel(r->live);
    }
}

/* ---- looking --------------------------------------------------------------------------------- */

/* One number; `absent` when it is NULL. */
static int read_number(struct sql_conn *conn, const char *text, int64_t absent, int64_t *ret_number,
                       struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell = STR_NULL;
    TRY(sql_query(conn, text, &rows, err));
    *ret_number = absent;
    if (TRY(sql_rows_next(rows, &cell, err)) == 1 && cell.ptr != NULL &&
        !str_to_i64(cell, ret_number)) {
        return err_set(err, ERR_CORRUPT, "\"%.*s\" is no number", STR_FMT(cell));
    }
    return 0;
}

static int make_table(struct look *look, const char *name, const char *select, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "CREATE TEMP TABLE %s AS %s", name, select);
    return sql_run(look->q.conn, text.ptr, err);
}

/* The streams of a table of claims, in order; in `arena`. */
static int read_parts(struct look *look, const char *name, struct arena *arena,
                      struct part **ret_parts, size_t *ret_count, struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    AUTO_FREE char *text = mem_printf("SELECT stream, (max(replay_offset) + 1)::VARCHAR FROM %s "
                                      "GROUP BY stream ORDER BY stream",
                                      name);
    VEC(struct part) parts = {0};
    struct str cells[2];
    TRY(sql_query(look->q.conn, text, &rows, err));
    int rc = 0;
    while ((rc = sql_rows_next(rows, cells, err)) == 1) {
        struct part *part = vec_push(&parts);
        part->stream = arena_str(arena, cells[0]);
        if (!str_to_i64(cells[1], &part->length)) {
            rc = err_set(err, ERR_CORRUPT, "a claim has no place in its replay");
            break;
        }
    }
    *ret_parts = arena_new_array(arena, struct part, parts.count + 1);
    *ret_count = parts.count;
    for (size_t i = 0; i < parts.count; i++) {
        (*ret_parts)[i] = parts.items[i];
    }
    vec_done(&parts);
    return rc;
}

static struct sink_position position_of(const struct part *part, int64_t replay_id,
                                        struct arena *arena)
{
    return (struct sink_position){
        .stream = part->stream,
        .topic = str_of(arena_printf(arena, "deadletters-%" PRId64, replay_id)),
        .topic_id = STR(""),
        .next_offset = part->length,
        .leader_epoch = -1,
    };
}

static bool has_position(const struct delta_snapshot *snapshot, struct str query,
                         const struct sink_position *position)
{
    AUTO_BUF struct buf app_id = {0};
    delta_sink_app_id(query, position, &app_id);
    const struct delta_txn *txn = delta_find_txn(snapshot, buf_str(&app_id));
    return txn != NULL && txn->version >= position->next_offset;
}

/* By the mark, else by the main table's positions. */
static int is_finished(struct replay *r, const struct delta_snapshot *claims,
                       const struct part *parts, size_t count, int64_t replay_id, bool *ret_marked,
                       bool *ret_finished, struct err *err)
{
    struct store *store = NULL;
    AUTO_ARENA struct arena arena = {0};
    AUTO_DELTA struct delta_table *main = NULL;
    struct delta_options options = {.db = r->spool.db, .spool = r->spool.path};
    TRY(store_open(r->table->location, &r->table->store, &store, err));
    TRY(delta_open(store, &options, &main, err));
    *ret_marked = true;
    *ret_finished = true;
    for (size_t i = 0; i < count; i++) {
        struct sink_position position = position_of(&parts[i], replay_id, &arena);
        bool marked = has_position(claims, r->name, &position);
        *ret_marked = *ret_marked && marked;
        *ret_finished =
            *ret_finished && (marked || has_position(delta_snapshot(main), r->name, &position));
    }
    return 0;
}

static int find_newest(struct look *look, struct err *err)
{
    struct replay *r = look->replay;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf newest = {0};
    struct part *parts = NULL;
    size_t count = 0;
    look->is_marked = true;
    look->is_finished = true;
    cli_deadletters_sql_newest(&newest, &look->of);
    TRY(make_table(look, "newest", newest.ptr, err));
    TRY(read_number(look->q.conn, "SELECT max(replay_id)::VARCHAR FROM newest", 0, &look->newest,
                    err));
    if (look->newest == 0) {
        return 0;
    }
    TRY(read_parts(look, "newest", &arena, &parts, &count, err));
    return is_finished(r, &look->tables[1].snapshot, parts, count, look->newest, &look->is_marked,
                       &look->is_finished, err);
}

static void look_close(struct look *look)
{
    set_live(look->replay, NULL);
    cli_scan_query_close(&look->q);
}
#define AUTO_LOOK AUTO(look_close)

/* After it look_close is to be called, on an error too. */
static int look_open(struct replay *r, int64_t letters_version, struct look *look, struct err *err)
{
    *look = (struct look){.replay = r};
    cli_scan_query_init(&look->q);
    set_live(r, &look->q);
    look->of = cli_deadletters_tables(r->table, 0, &r->arena, look->tables);
    look->tables[0].version = letters_version;
    TRY(cli_scan_query_open_tables(&look->q, look->tables, ARRAY_COUNT(look->tables), r->fetch_max,
                                   err));
    return find_newest(look, err);
}

/* Chooses what is open into the table `chosen`. */
static int choose_open(struct look *look, int64_t replay_id, int64_t *ret_count, struct err *err)
{
    const struct replay *r = look->replay;
    AUTO_BUF struct buf text = {0};
    cli_deadletters_sql_choose(&text, &look->of, &r->filter, r->streams.items, r->streams.count,
                               replay_id);
    TRY(make_table(look, "chosen", text.ptr, err));
    return read_number(look->q.conn, "SELECT count(*)::VARCHAR FROM chosen", 0, ret_count, err);
}

/* ---- what is shown and asked ----------------------------------------------------------------- */

struct unable {
    const char *why;
    const char *text;
    int64_t count;
    struct buf names;
};

static void add_unable(const struct unable *u, struct buf *out)
{
    if (u->count > 0) {
        buf_printf(out, "  %" PRId64 " not replayable, %s: %s%s\n", u->count, u->text, u->names.ptr,
                   u->count > NAMED_MAX ? ", …" : "");
    }
}

static int describe_unable(struct look *look, struct buf *out, struct err *err)
{
    struct replay *r = look->replay;
    struct unable kinds[] = {
        {"cut", "the value was cut (deadLetterMaxValueBytes)", 0, {0}},
        {"stream", "the query reads no such stream any more", 0, {0}},
    };
    AUTO_BUF struct buf text = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[2];
    cli_deadletters_sql_unable(&text, &look->of, &r->filter, r->streams.items, r->streams.count);
    TRY(sql_query(look->q.conn, text.ptr, &rows, err));
    int rc = 0;
    while ((rc = sql_rows_next(rows, cells, err)) == 1) {
        struct unable *u = &kinds[str_eq_c(cells[1], kinds[0].why) ? 0 : 1];
        if (u->count++ < NAMED_MAX) {
            buf_add_c(&u->names, u->names.len > 0 ? ", " : "");
            buf_add_str(&u->names, cells[0]);
        }
    }
    r->unable = 0;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        add_unable(&kinds[i], out);
        r->unable += kinds[i].count;
        buf_done(&kinds[i].names);
    }
    return rc;
}

/* 1 = go on, 0 = there is nothing to do. */
static int confirm(struct replay *r, struct err *err)
{
    AUTO_LOOK struct look look;
    AUTO_BUF struct buf text = {0};
    int64_t count = 0;
    TRY(look_open(r, -1, &look, err));
    r->letters_version = look.tables[0].snapshot.version;
    TRY(choose_open(&look, look.newest + 1, &count, err));
    buf_printf(&text, "query %.*s, dead letters %.*s\n", STR_FMT(r->table->query_name),
               STR_FMT(r->table->dead_letter_location));
    if (!look.is_finished) {
        buf_printf(&text, "  replay %" PRId64 " was not finished: it goes on first\n", look.newest);
    }
    buf_printf(&text, "  %" PRId64 " letters to be replayed\n", count);
    TRY(describe_unable(&look, &text, err));
    TRY(cli_out_write(buf_str(&text), err));
    if (look.is_finished && count == 0) {
        return 0;
    }
    if (!r->values->yes && TRY(cli_out_ask("Replay them into the table?", &r->stop, err)) == 0) {
        return err_set(err, ERR_CANCELED, "nothing was replayed");
    }
    return 1;
}

/* ---- the table of claims --------------------------------------------------------------------- */

static int open_claims(struct replay *r, struct err *err)
{
    const struct type *row_type = NULL;
    struct store *store = NULL;
    char run_id[UUID_TEXT];
    rand_uuid(run_id);
    TRY(plan_parse_type(&r->arena, str_of(cli_deadletters_claim_columns), &row_type, err));
    struct delta_sink_options options = {
        .query = r->name,
        .run_id = arena_strdup(&r->arena, str_of(run_id)),
        .row_type = row_type,
        .comment = STR("dead letters that a replay of Sluice has taken"),
        .codec = r->table->compression.ptr,
        .merge_schema = true, /* a later release may know more of a claim */
        .second_query = true,
    };
    TRY(store_open(cli_deadletters_claims_of(r->table, &r->arena), &r->table->store, &store, err));
    int rc = delta_sink_open(store, r->spool.db, r->spool.path, &options, &r->claims, err);
    if (rc < 0) {
        store_close(store);
        return rc;
    }
    for (int i = 0; i < BEGIN_TRIES; i++) {
        bool moved = false;
        TRY(delta_sink_begin(r->claims, NULL, 0, &moved, err));
        if (!moved) {
            return 0;
        }
    }
    return err_set_retry(err, "other instances of this replay keep starting; giving up");
}

static int commit_claims(struct look *look, struct err *err)
{
    struct replay *r = look->replay;
    AUTO_ARENA struct arena arena = {0};
    AUTO_FREE char *dir = mem_printf("%s/claims", look->q.spool.path);
    struct sql_copy_options options = {
        .dir = dir, .compression = r->table->compression.ptr, .row_group_rows = ROW_GROUP};
    struct sql_copy_result copied;
    struct delta_add *adds = NULL;
    int64_t version = -1;
    TRY(fs_make_dirs(dir, err));
    TRY(sql_copy(look->q.conn, "SELECT * FROM chosen ORDER BY stream, replay_offset", &options,
                 &arena, &copied, err));
    TRY(delta_sink_upload(r->claims, copied.files, copied.file_count, &arena, &adds, err));
    struct sink_batch batch = {
        .files = copied.files,
        .file_count = copied.file_count,
        .input_rows = copied.row_count,
        .output_rows = copied.row_count,
    };
    TRY(delta_sink_commit(r->claims, &batch, adds, &version, err));
    FAILPOINT("after_claim");
    return 0;
}

static int mark_finished(struct replay *r, const struct part *parts, size_t count,
                         int64_t replay_id, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct sink_position *positions = arena_new_array(&arena, struct sink_position, count + 1);
    for (size_t i = 0; i < count; i++) {
        positions[i] = position_of(&parts[i], replay_id, &arena);
    }
    FAILPOINT("before_mark");
    TRY(delta_sink_record(r->claims, positions, count, err));
    delta_sink_maintain(r->claims);
    return 0;
}

/* ---- letters into a file --------------------------------------------------------------------- */

/* Pairs of hex digits, as DuckDB writes them. */
static struct str decode_hex(struct str hex, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    if (hex.ptr == NULL) {
        return STR_NULL;
    }
    char *bytes = arena_alloc(arena, hex.len / 2 + 1);
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        const char *high = strchr(digits, hex.ptr[i]);
        const char *low = strchr(digits, hex.ptr[i + 1]);
        assert(high != NULL && low != NULL);
        bytes[i / 2] = (char)(((high - digits) << 4) | (low - digits));
    }
    return str_n(bytes, hex.len / 2);
}

static int decode_headers(struct str text, struct arena *arena, struct message_extra *extra,
                          struct err *err)
{
    struct json *root = NULL;
    if (text.ptr == NULL) {
        return 0;
    }
    TRY(json_parse(arena, text, &root, err));
    size_t count = 0;
    json_foreach (counted, root) {
        (void)counted;
        count++;
    }
    struct message_header *headers = arena_new_array(arena, struct message_header, count + 1);
    extra->headers = headers;
    json_foreach (header, root) {
        struct str name = STR("");
        struct str value = STR_NULL;
        (void)json_get_str(json_find(header, "k"), &name);
        (void)json_get_str(json_find(header, "v"), &value);
        headers[extra->header_count++] = (struct message_header){name, decode_hex(value, arena)};
    }
    return 0;
}

static int add_message(struct replay_file *file, const struct str *cells, struct arena *arena,
                       struct err *err)
{
    struct message_origin origin = {.topic = cells[1], .topic_id = cells[2]};
    struct message_extra extra = {.origin = &origin};
    struct message m = {.timestamp_us = -1, .extra = &extra};
    int64_t partition = 0;
    bool good = str_to_i64(cells[0], &m.offset) && str_to_i64(cells[3], &partition) &&
                str_to_i64(cells[4], &origin.offset) &&
                (cells[5].ptr == NULL || str_to_i64(cells[5], &m.timestamp_us));
    if (!good) {
        return err_set(err, ERR_CORRUPT, "a dead letter does not say where it came from");
    }
    origin.partition = (int32_t)partition;
    m.key = decode_hex(cells[6], arena);
    m.value = decode_hex(cells[7], arena);
    TRY(decode_headers(cells[8], arena, &extra, err));
    return replay_file_add(file, &m, err);
}

/* What `chosen` has of a stream. */
static int write_file(struct look *look, const struct part *part, const char *path, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    AUTO_ARENA struct arena arena = {0};
    AUTO_REPLAY_FILE struct replay_file *file = NULL;
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[MESSAGE_CELLS];
    cli_deadletters_sql_messages(&text, &look->of, "chosen", part->stream);
    TRY(replay_file_open(path, &file, err));
    TRY(sql_query(look->q.conn, text.ptr, &rows, err));
    while (TRY(sql_rows_next(rows, cells, err)) == 1) {
        arena_reset(&arena);
        TRY(add_message(file, cells, &arena, err));
    }
    return replay_file_flush(file, err);
}

/* ---- running --------------------------------------------------------------------------------- */

static void set_source(struct plan_stream *stream, const char *path, struct str topic,
                       int64_t length, struct arena *arena)
{
    struct setting *items = arena_new_array(arena, struct setting, 3);
    items[0] = (struct setting){.name = STR("path"), .value = str_of(path)};
    items[1] = (struct setting){.name = STR("topic"), .value = topic};
    items[2] = (struct setting){.name = STR("length"),
                                .value = str_of(arena_printf(arena, "%" PRId64, length))};
    stream->settings.items.items = items;
    stream->settings.items.count = 3;
    stream->settings.items.cap = 3;
    stream->source = &replay_source_ops;
}

static int run_plan(struct replay *r, const struct plan_stream *streams, int64_t replay_id,
                    struct err *err)
{
    struct plan_table table = *r->table;
    struct plan plan = *r->plan; /* borrows everything */
    bool live = log_format_now() == LOG_LOGFMT && isatty(STDERR_FILENO) == 1;
    struct job_options options = {.available_now = true, .live = live, .grace_us = GRACE_US};
    table.query_name = r->name;
    table.replay_id = replay_id;
    table.second_query = true;
    table.streams = (struct plan_stream *)(uintptr_t)streams;
    plan.tables.items = &table;
    plan.tables.count = 1;
    if (live && !cli_logging_is_chosen(&r->values->common)) {
        log_open(LOG_WARN, LOG_LOGFMT); /* lines would tear the live one */
    }
    return job_run_plan(&plan, &options, &r->stop, &r->now, err);
}

/* The plan's streams reading `chosen`; look is closed by then. */
static int make_streams(struct look *look, const struct part *parts, size_t count,
                        int64_t replay_id, struct arena *arena, struct plan_stream **ret_streams,
                        struct err *err)
{
    struct replay *r = look->replay;
    size_t stream_count = r->plan->streams.count;
    struct plan_stream *streams = arena_new_array(arena, struct plan_stream, stream_count);
    struct str topic = str_of(arena_printf(arena, "deadletters-%" PRId64, replay_id));
    for (size_t i = 0; i < stream_count; i++) {
        streams[i] = *plan_stream_of(r->plan, r->table, i);
        streams[i].max_bad_ratio = 1; /* they were bad before */
        set_source(&streams[i], "", topic, 0, arena);
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < stream_count && !str_eq(streams[at].name, parts[i].stream)) {
            at++;
        }
        if (at == stream_count) {
            return err_set(err, ERR_CONFIG,
                           "replay %" PRId64 " has letters of the stream \"%.*s\", which is not in "
                           "%.*s any more",
                           replay_id, STR_FMT(parts[i].stream), STR_FMT(r->plan->file));
        }
        char *path = arena_printf(arena, "%s/replay-%" PRId64 "-%zu", r->spool.path, replay_id, i);
        TRY(write_file(look, &parts[i], path, err));
        set_source(&streams[at], path, topic, parts[i].length, arena);
    }
    *ret_streams = streams;
    return 0;
}

/* Rows of the claims, and letters that came of them. */
static int report(struct replay *r, int64_t replay_id, bool last, struct err *err)
{
    AUTO_LOOK struct look look;
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf line = {0};
    int64_t count = 0;
    int64_t again = 0;
    TRY(look_open(r, -1, &look, err));
    TRY(read_number(look.q.conn, "SELECT count(*)::VARCHAR FROM newest", 0, &count, err));
    cli_deadletters_sql_again(&text, &look.of, replay_id);
    TRY(read_number(look.q.conn, text.ptr, 0, &again, err));
    buf_printf(&line, "replay %" PRId64 ": %" PRId64 " replayed, %" PRId64 " dead again", replay_id,
               count - again, again);
    if (last) {
        buf_printf(&line, ", %" PRId64 " not replayable", r->unable);
    }
    buf_add_char(&line, '\n');
    return cli_out_write(buf_str(&line), err);
}

/* The newest replay from where it is, or a new one: 1 = *ret_id was done, 0 = there is none. */
static int do_replay(struct replay *r, bool claim, int64_t *ret_id, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct part *parts = NULL;
    struct plan_stream *streams = NULL;
    size_t count = 0;
    int64_t replay_id = 0;
    {
        AUTO_LOOK struct look look;
        TRY(look_open(r, r->letters_version, &look, err));
        if (claim) {
            int64_t letters = 0;
            replay_id = look.newest + 1;
            TRY(choose_open(&look, replay_id, &letters, err));
            if (letters == 0) {
                return 0;
            }
            TRY(commit_claims(&look, err));
        } else {
            replay_id = look.newest;
            if (look.is_marked) {
                return 0;
            }
            TRY(make_table(&look, "chosen", "SELECT * FROM newest", err));
        }
        TRY(read_parts(&look, "chosen", &arena, &parts, &count, err));
        if (!claim && look.is_finished) {
            return mark_finished(r, parts, count, replay_id, err);
        }
        TRY(make_streams(&look, parts, count, replay_id, &arena, &streams, err));
    }
    TRY(run_plan(r, streams, replay_id, err));
    if (stop_is_set(&r->stop) || stop_is_set(&r->now)) {
        return err_set(err, ERR_CANCELED,
                       "replay %" PRId64 " was stopped; the next `sluice deadletters replay` "
                       "finishes it",
                       replay_id);
    }
    TRY(mark_finished(r, parts, count, replay_id, err));
    *ret_id = replay_id;
    return 1;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int list_streams(struct replay *r, struct err *err)
{
    AUTO_BOUND struct cli_bound bound = {0};
    TRY(cli_bound_open(&bound, r->plan, r->table, err));
    vec_foreach (const struct plan_input, input, &bound.query->inputs) {
        *vec_push(&r->streams) = arena_str(&r->arena, input->stream->name);
    }
    return 0;
}

static int prepare(struct replay *r, const char *path, struct err *err)
{
    AUTO_BUF struct buf name = {0};
    TRY(cli_deadletters_fetch_max(r->values, &r->fetch_max, err));
    TRY(plan_load_file(path, &r->plan, err));
    TRY(cli_offsets_choose(r->plan, r->values->table, &r->table, err));
    if (r->table->dead_letter_topic.len > 0) {
        return err_set(err, ERR_CONFIG,
                       "dead letters of query \"%.*s\" go to the topic \"%.*s\", not to a table: "
                       "they cannot be replayed",
                       STR_FMT(r->table->query_name), STR_FMT(r->table->dead_letter_topic));
    }
    cli_deadletters_sql_replay_query(&name, r->table->query_name);
    r->name = arena_str(&r->arena, buf_str(&name));
    TRY(cli_pipeline_resolve(r->plan, &r->stop, r->values->timeout_us, err));
    TRY(list_streams(r, err));
    return cli_spool_open(&r->spool, err);
}

static int replay_all(struct replay *r, const char *path, struct err *err)
{
    int64_t replay_id = 0;
    TRY(prepare(r, path, err));
    if (TRY(confirm(r, err)) == 0) {
        return 0;
    }
    if (open_claims(r, err) < 0) {
        return err_wrap(err, "table of replays");
    }
    if (TRY(do_replay(r, false, &replay_id, err)) == 1) {
        TRY(report(r, replay_id, false, err));
    }
    if (TRY(do_replay(r, true, &replay_id, err)) == 1) {
        TRY(report(r, replay_id, true, err));
    }
    return 0;
}

static void replay_done(struct replay *r)
{
    delta_sink_close(r->claims);
    cli_spool_close(&r->spool);
    plan_free(r->plan);
    vec_done(&r->streams);
    arena_done(&r->arena);
    mutex_done(&r->lock);
    stop_done(&r->stop);
    stop_done(&r->now);
}

int cli_deadletters_replay(const struct cli_args *args, const void *values, struct err *err)
{
    struct replay r = {.values = values, .letters_version = -1};
    r.filter = cli_deadletters_filter_of(values);
    stop_init(&r.stop);
    stop_init(&r.now);
    mutex_init(&r.lock);
    int rc = cli_signals_open(&r.signals, on_signal, &r, err);
    if (rc >= 0) {
        rc = replay_all(&r, args->items[0], err);
        cli_signals_close(&r.signals);
    }
    if (rc < 0 && rc != ERR_CANCELED && stop_is_set(&r.stop)) {
        rc = err_set(err, ERR_CANCELED, "interrupted");
    }
    replay_done(&r);
    return rc;
}

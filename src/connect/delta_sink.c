/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_sink - batches into a Delta table, exactly once
 *
 * Identity and offsets are txn actions of the target table (design.md 2a):
 *
 *     sluice/<query>                                              commits so far: the fence
 *     sluice/<query>/<stream>/<topic>/<topic-id>/<partition>      next offset to read
 *
 *  (1) Every commit raises the fence by one.  A foreign commit that carries it is
 *      another instance of this query: delta_commit answers ERR_FENCED.
 *  (2) The start commit comes before the first read.  After it no late request
 *      of a dead predecessor can land: it would meet our raise of the fence.
 *  (3) If the start commit itself meets another instance, we look again and
 *      start anew: the newest instance wins.
 *  (4) A position's txn is in the same commit as the rows below it.
 *  (5) `latest` is resolved once: the start commit records it.
 *  (6) Delta cannot delete a txn: `sluice offsets` writes version -1 for a position
 *      that is to be forgotten, and such a one counts as not there.
 *  (7) Every version from our last commit (of this run or an earlier one) to the
 *      next is looked at for a RESTORE or REPLACE, also those that get in between
 *      the look and the commit: delta_commit tells us of them.
 *  (8) Leader epochs are in commitInfo, not in a txn: they help to notice a log
 *      that was truncated below our position, and nothing depends on them.
 */
#include "connect/delta_sink.h"

#include "connect/delta_epochs.h"

#include <stdio.h>

#define NO_TOPIC_ID        "-"
#define UPLOAD_THREADS_MAX 4

struct delta_sink {
    struct store *store; /* NULL = the caller's still */
    struct delta_table *table;
    struct sql_db *db;
    const char *spool;
    struct delta_sink_options options;
    struct arena arena; /* lives as long as the sink */
    int64_t sequence;   /* version of sluice/<query> in the newest commit of ours */
    /* Up to this version nobody has replaced what we wrote; -1 = we have written nothing. */
    int64_t checked_version;
    struct str table_id;
    struct delta_epochs epochs; /* of all positions, as of the newest commit of ours */
    /* What looking back to our newest commit found, from version .looked_version on; -1 = none. */
    int64_t looked_version;
    int64_t replaced_version; /* a RESTORE or REPLACE since; -1 = none */
    struct str replaced_operation;
    /* What the start commit has to change, from open. */
    bool create;
    const struct delta_metadata *pending_metadata;
    const struct delta_protocol *pending_protocol;
    const struct type *table_schema; /* of the table as it is, or will be after the start commit */
    /* the checkpoint task */
    struct thread checkpointer;
    struct mutex lock;
    bool checkpoint_running;    /* guarded by .lock */
    int64_t checkpoint_wanted;  /* owned by the task while it runs */
    int64_t checkpoint_written; /* guarded by .lock; -1 = none new */
    int64_t checkpoint_rows;    /* guarded by .lock; of checkpoint_written */
    int64_t checkpoint_news;    /* guarded by .lock; written and not yet told; -1 = none */
    bool checkpoint_failed;     /* guarded by .lock; and not yet told */
    struct err checkpoint_err;  /* guarded by .lock; of it */
};

/* "<stream>/<topic>/<topic-id>" */
static void add_place(const struct sink_position *position, struct buf *out)
{
    uri_encode(out, position->stream, "");
    buf_add_char(out, '/');
    uri_encode(out, position->topic, "");
    buf_add_char(out, '/');
    if (position->topic_id.len == 0) {
        buf_add_c(out, NO_TOPIC_ID);
    } else {
        uri_encode(out, position->topic_id, "");
    }
}

void delta_sink_app_id(struct str query, const struct sink_position *position, struct buf *out)
{
    buf_add_c(out, "sluice/");
    uri_encode(out, query, "");
    if (position == NULL) {
        return;
    }
    buf_add_char(out, '/');
    add_place(position, out);
    buf_printf(out, "/%d", position->partition);
}

/* ---- reading txn actions ------------------------------------------------------------------ */

/* The parts of an app id of ours; false for others and for the fence itself. */
struct app_parts {
    struct str query;
    struct sink_position position;
};

static bool decode_part(struct str *rest, struct arena *arena, struct str *ret_part)
{
    struct str raw;
    if (!str_split(rest, '/', &raw)) {
        return false;
    }
    AUTO_BUF struct buf text = {0};
    struct err err;
    if (uri_decode(&text, raw, &err) < 0) {
        return false;
    }
    *ret_part = arena_str(arena, buf_str(&text));
    return true;
}

static bool app_id_parse(struct str app_id, struct arena *arena, struct app_parts *ret_parts)
{
    if (!str_starts(app_id, STR("sluice/"))) {
        return false;
    }
    struct str rest = str_skip(app_id, strlen("sluice/"));
    struct app_parts parts = {0};
    struct str number;
    int64_t partition = 0;
    if (!decode_part(&rest, arena, &parts.query) ||
        !decode_part(&rest, arena, &parts.position.stream) ||
        !decode_part(&rest, arena, &parts.position.topic) ||
        !decode_part(&rest, arena, &parts.position.topic_id) || !str_split(&rest, '/', &number) ||
        rest.ptr != NULL || !str_to_i64(number, &partition)) {
        return false;
    }
    if (str_eq(parts.position.topic_id, STR(NO_TOPIC_ID))) {
        parts.position.topic_id = STR("");
    }
    parts.position.partition = (int32_t)partition;
    *ret_parts = parts;
    return true;
}

/* The txn of a position; NULL when there is none or it was forgotten. */
static const struct delta_txn *find_position(const struct delta_snapshot *snapshot,
                                             struct str query, const struct sink_position *position)
{
    AUTO_BUF struct buf app_id = {0};
    delta_sink_app_id(query, position, &app_id);
    const struct delta_txn *txn = delta_find_txn(snapshot, buf_str(&app_id));
    return txn == NULL || txn->version < 0 ? NULL : txn;
}

int delta_sink_recorded(const struct delta_snapshot *snapshot, struct str query,
                        struct arena *arena, struct sink_position **ret_positions,
                        size_t *ret_count, struct err *err)
{
    (void)err;
    struct sink_position *found =
        arena_new_array(arena, struct sink_position, snapshot->txns.count);
    size_t count = 0;
    for (size_t i = 0; i < snapshot->txns.count; i++) {
        struct app_parts parts;
        const struct delta_txn *txn = &snapshot->txns.items[i];
        if (txn->version >= 0 && app_id_parse(txn->app_id, arena, &parts) &&
            str_eq(parts.query, query)) {
            found[count] = parts.position;
            found[count].leader_epoch = -1;
            found[count++].next_offset = txn->version;
        }
    }
    *ret_positions = found;
    *ret_count = count;
    return 0;
}

/* What the txn actions say about the topic of one position. */
struct topic_facts {
    bool ours_same_id;  /* another partition of ours, same topic id */
    bool ours_other_id; /* ours, but of a topic of that name that is gone */
    struct str other_id;
    bool other_query;
    struct str other_query_name;
};

static struct topic_facts topic_facts_of(const struct delta_snapshot *snapshot, struct str query,
                                         const struct sink_position *position, struct arena *arena)
{
    struct topic_facts facts = {0};
    for (size_t i = 0; i < snapshot->txns.count; i++) {
        struct app_parts parts;
        if (snapshot->txns.items[i].version < 0 ||
            !app_id_parse(snapshot->txns.items[i].app_id, arena, &parts) ||
            !str_eq(parts.position.topic, position->topic)) {
            continue;
        }
        bool same_id = str_eq(parts.position.topic_id, position->topic_id);
        if (!str_eq(parts.query, query)) {
            if (same_id) {
                facts.other_query = true;
                facts.other_query_name = parts.query;
            }
        } else if (str_eq(parts.position.stream, position->stream)) {
            if (same_id) {
                facts.ours_same_id = true;
            } else {
                facts.ours_other_id = true;
                facts.other_id = parts.position.topic_id;
            }
        }
    }
    return facts;
}

static int check_topic(struct delta_sink *sink, const struct sink_position *position,
                       const struct topic_facts *facts, struct err *err)
{
    if (facts->ours_other_id && !facts->ours_same_id) {
        return err_set(err, ERR_IDENTITY,
                       "topic \"%.*s\" was recreated: the table knows it as %.*s, now it is "
                       "%.*s; see `sluice offsets reset`",
                       STR_FMT(position->topic), STR_FMT(facts->other_id),
                       STR_FMT(position->topic_id));
    }
    if (facts->other_query && !facts->ours_same_id && !sink->options.second_query) {
        return err_set(err, ERR_IDENTITY,
                       "topic \"%.*s\" is written to this table by the query \"%.*s\", not by "
                       "\"%.*s\"; if the query was renamed, see `sluice offsets adopt`; if a "
                       "second query is meant, set the option allowSecondQuery",
                       STR_FMT(position->topic), STR_FMT(facts->other_query_name),
                       STR_FMT(sink->options.query));
    }
    return 0;
}

/* ---- looking back --------------------------------------------------------------------------- */

/*
 * From the newest commit to our own last one.  A RESTORE or REPLACE on the way took rows away but
 * left our positions (delta#1813); our own says which leader epochs the positions belong to.
 */
struct look_back {
    struct delta_sink *sink;
    struct arena arena;
};

static int on_history(void *user, int64_t version, struct str commit_info, struct err *err)
{
    (void)err;
    struct look_back *look = user;
    struct delta_sink *sink = look->sink;
    struct json *root = NULL;
    struct err ignored;
    if (commit_info.len == 0 || json_parse(&look->arena, commit_info, &root, &ignored) < 0) {
        return 0;
    }
    struct str query;
    if (json_get_str(json_find(json_find(root, "operationParameters"), "queryName"), &query) &&
        str_eq(query, sink->options.query)) {
        delta_epochs_read(&sink->epochs, root);
        return 1; /* everything before it we have seen */
    }
    struct str operation;
    if (json_get_str(json_find(root, "operation"), &operation) &&
        (str_eq(operation, STR("RESTORE")) || str_starts(operation, STR("CREATE OR REPLACE")) ||
         str_starts(operation, STR("REPLACE TABLE")))) {
        sink->replaced_operation = arena_str(&sink->arena, operation);
        sink->replaced_version = version;
        return 1;
    }
    return 0;
}

/* Once for each version that a start looks at: what comes later delta_commit tells us of. */
static int look_back(struct delta_sink *sink, struct err *err)
{
    int64_t version = delta_snapshot(sink->table)->version;
    if (sink->looked_version == version) {
        return 0;
    }
    struct look_back look = {.sink = sink};
    delta_epochs_done(&sink->epochs);
    sink->replaced_version = -1;
    int rc = delta_history(delta_store(sink->table), INT64_MAX, on_history, &look, err);
    arena_done(&look.arena);
    TRY(rc);
    sink->looked_version = version;
    return 0;
}

/* Before the start commit, when the table already knows this query. */
static int check_not_replaced(struct delta_sink *sink, struct err *err)
{
    TRY(look_back(sink, err));
    if (sink->replaced_version < 0) {
        return 0;
    }
    return err_set(err, ERR_IDENTITY,
                   "version %" PRId64 " (%.*s) replaced the table's rows after this query's last "
                   "commit, but not its positions; see `sluice offsets`",
                   sink->replaced_version, STR_FMT(sink->replaced_operation));
}

/* As recorded by the commit that look_back found. */
static int32_t find_epoch(const struct delta_sink *sink, const struct sink_position *position)
{
    AUTO_BUF struct buf place = {0};
    add_place(position, &place);
    return delta_epochs_find(&sink->epochs, buf_str(&place), position->partition);
}

static void set_epochs(struct delta_sink *sink, const struct sink_position *positions, size_t count)
{
    AUTO_BUF struct buf place = {0};
    for (size_t i = 0; i < count; i++) {
        buf_reset(&place);
        add_place(&positions[i], &place);
        delta_epochs_set(&sink->epochs, buf_str(&place), positions[i].partition,
                         positions[i].leader_epoch);
    }
}

int delta_sink_positions(struct delta_sink *sink, struct sink_position *positions, size_t count,
                         struct err *err)
{
    const struct delta_snapshot *snapshot = delta_snapshot(sink->table);
    AUTO_ARENA struct arena arena = {0};
    for (size_t i = 0; i < count; i++) {
        const struct delta_txn *txn = find_position(snapshot, sink->options.query, &positions[i]);
        positions[i].leader_epoch = -1;
        if (txn != NULL) {
            TRY(look_back(sink, err));
            positions[i].next_offset = txn->version;
            positions[i].leader_epoch = find_epoch(sink, &positions[i]);
            continue;
        }
        struct topic_facts facts =
            topic_facts_of(snapshot, sink->options.query, &positions[i], &arena);
        TRY(check_topic(sink, &positions[i], &facts, err));
        positions[i].next_offset = facts.ours_same_id ? -2 : -1;
    }
    return 0;
}

/* ---- opening ------------------------------------------------------------------------------- */

static int plan_creation(struct delta_sink *sink, struct err *err)
{
    const struct delta_sink_options *o = &sink->options;
    struct delta_metadata *metadata = arena_new(&sink->arena, struct delta_metadata);
    struct delta_protocol *protocol = arena_new(&sink->arena, struct delta_protocol);
    TRY(delta_table_make(&sink->arena, o->row_type, o->partition_columns, o->partition_count,
                         o->properties, o->property_count, metadata, protocol, err));
    metadata->description = o->comment;
    sink->create = true;
    sink->pending_metadata = metadata;
    sink->pending_protocol = protocol;
    sink->table_schema = metadata->schema;
    return 0;
}

static int check_partitions(struct delta_sink *sink, const struct delta_snapshot *snapshot,
                            struct err *err)
{
    const struct delta_sink_options *o = &sink->options;
    bool same = snapshot->metadata.partition_columns.count == o->partition_count;
    for (size_t i = 0; same && i < o->partition_count; i++) {
        same =
            str_eq_nocase(snapshot->metadata.partition_columns.items[i], o->partition_columns[i]);
    }
    if (same) {
        return 0;
    }
    AUTO_BUF struct buf names = {0};
    for (size_t i = 0; i < snapshot->metadata.partition_columns.count; i++) {
        buf_add_c(&names, i == 0 ? "" : ", ");
        buf_add_str(&names, snapshot->metadata.partition_columns.items[i]);
    }
    return err_set(err, ERR_CONFIG, "the table is partitioned by (%s); PARTITIONED BY differs",
                   names.len == 0 ? "" : names.ptr);
}

/* Compares the query's columns with the table's and plans the merge, if there is one. */
static int plan_schema(struct delta_sink *sink, struct err *err)
{
    const struct delta_snapshot *snapshot = delta_snapshot(sink->table);
    TRY(delta_check_append(snapshot, err));
    TRY(check_partitions(sink, snapshot, err));
    struct str schema_string = STR_NULL;
    const struct type *schema = NULL;
    int fit = TRY(delta_schema_fit(&sink->arena, snapshot, sink->options.row_type,
                                   sink->options.merge_schema, &schema_string, &schema, err));
    sink->pending_metadata = NULL;
    sink->pending_protocol = NULL;
    sink->table_schema = snapshot->metadata.schema;
    if (fit == DELTA_SCHEMA_SAME) {
        return 0;
    }
    struct delta_metadata *metadata = arena_new(&sink->arena, struct delta_metadata);
    *metadata = snapshot->metadata;
    metadata->schema_string = schema_string;
    metadata->schema = schema;
    struct delta_protocol *protocol = arena_new(&sink->arena, struct delta_protocol);
    if (TRY(delta_protocol_for(&sink->arena, &snapshot->protocol, metadata, protocol, err)) == 1) {
        sink->pending_protocol = protocol;
    }
    sink->pending_metadata = metadata;
    sink->table_schema = schema;
    return 0;
}

static int plan_table(struct delta_sink *sink, struct err *err)
{
    const struct delta_snapshot *snapshot = delta_snapshot(sink->table);
    if (snapshot->version < 0) {
        return plan_creation(sink, err);
    }
    sink->create = false;
    sink->table_id = arena_str(&sink->arena, snapshot->metadata.id);
    return plan_schema(sink, err);
}

int delta_sink_open(struct store *store, struct sql_db *db, const char *spool,
                    const struct delta_sink_options *options, struct delta_sink **ret_sink,
                    struct err *err)
{
    struct delta_sink *sink = mem_new(struct delta_sink);
    sink->options = *options;
    sink->db = db;
    sink->spool = spool;
    sink->checked_version = -1;
    sink->looked_version = -1;
    sink->checkpoint_written = -1;
    sink->checkpoint_news = -1;
    mutex_init(&sink->lock);
    struct delta_options delta = {.db = db, .spool = spool, .keep_store = true};
    int rc = store_probe(store, err);
    rc = rc < 0 ? rc : delta_open(store, &delta, &sink->table, err);
    rc = rc < 0 ? rc : plan_table(sink, err);
    if (rc < 0) {
        delta_sink_close(sink);
        return rc;
    }
    sink->store = store;
    *ret_sink = sink;
    return 0;
}

void delta_sink_close(struct delta_sink *sink)
{
    if (sink == NULL) {
        return;
    }
    thread_join(&sink->checkpointer);
    delta_close(sink->table);
    delta_epochs_done(&sink->epochs);
    store_close(sink->store);
    mutex_done(&sink->lock);
    arena_done(&sink->arena);
    mem_free(sink);
}

/* ---- commits ------------------------------------------------------------------------------- */

/* The same while running, from what refreshes have seen. */
static int check_same_table(struct delta_sink *sink, struct err *err)
{
    const struct delta_snapshot *snapshot = delta_snapshot(sink->table);
    if (!str_eq(snapshot->metadata.id, sink->table_id)) {
        return err_set(err, ERR_IDENTITY, "the table was dropped and created again (id %.*s)",
                       STR_FMT(snapshot->metadata.id));
    }
    if (sink->checked_version >= 0 && snapshot->replaced_version > sink->checked_version &&
        (str_eq(snapshot->replaced_operation, STR("RESTORE")) ||
         str_find_str(snapshot->replaced_operation, STR("REPLACE")) >= 0)) {
        return err_set(err, ERR_IDENTITY,
                       "version %" PRId64 " (%.*s) replaced the table's rows while this query was "
                       "running; see `sluice offsets`",
                       snapshot->replaced_version, STR_FMT(snapshot->replaced_operation));
    }
    return 0;
}

static struct delta_txn *make_txns(struct delta_sink *sink, const struct sink_position *positions,
                                   size_t count, struct arena *arena)
{
    struct delta_txn *txns = arena_new_array(arena, struct delta_txn, count + 1);
    AUTO_BUF struct buf app_id = {0};
    delta_sink_app_id(sink->options.query, NULL, &app_id);
    txns[0] = (struct delta_txn){arena_str(arena, buf_str(&app_id)), sink->sequence + 1, 0};
    for (size_t i = 0; i < count; i++) {
        assert(positions[i].next_offset >= 0);
        buf_reset(&app_id);
        delta_sink_app_id(sink->options.query, &positions[i], &app_id);
        txns[i + 1] =
            (struct delta_txn){arena_str(arena, buf_str(&app_id)), positions[i].next_offset, 0};
    }
    return txns;
}

static struct str make_parameters(struct delta_sink *sink, const char *output_mode,
                                  struct arena *arena)
{
    AUTO_BUF struct buf text = {0};
    struct json_writer w;
    json_begin(&w, &text);
    json_open_object(&w);
    json_name(&w, "outputMode");
    json_c(&w, output_mode);
    json_name(&w, "queryName");
    json_str(&w, sink->options.query);
    json_name(&w, "runId");
    json_c(&w, sink->options.run_id);
    json_name(&w, "epochId");
    json_c(&w, arena_printf(arena, "%" PRId64, sink->sequence + 1));
    json_close_object(&w);
    return arena_str(arena, buf_str(&text));
}

/* More members of commitInfo. */
static struct str make_info(struct delta_sink *sink, struct arena *arena)
{
    AUTO_BUF struct buf text = {0};
    delta_epochs_print(&sink->epochs, &text);
    return arena_str(arena, buf_str(&text));
}

/* One commit; after a foreign change of the schema the query is fitted to it once more. */
static int commit_change(struct delta_sink *sink, struct delta_change *change, int64_t *ret_version,
                         struct err *err)
{
    for (;;) {
        int rc = TRY(delta_commit(sink->table, change, ret_version, err));
        if (rc == DELTA_COMMITTED) {
            break;
        }
        assert(rc == DELTA_SCHEMA_CHANGED);
        if (change->add_count > 0) {
            TRY(check_same_table(sink, err));
            /* The files were made for the schema that was: begin anew, nothing is lost. */
            return err_set_retry(err, "the table's schema or properties were changed by another "
                                      "writer");
        }
        if (sink->create) {
            /* Somebody made the table before us; the simulation's seed 73. */
            change->operation = "STREAMING UPDATE";
            TRY(plan_table(sink, err));
        } else {
            TRY(check_same_table(sink, err));
            TRY(plan_schema(sink, err));
        }
        change->metadata = sink->pending_metadata;
        change->protocol = sink->pending_protocol;
    }
    sink->sequence++;
    sink->checked_version = *ret_version;
    sink->create = false;
    sink->pending_metadata = NULL;
    sink->pending_protocol = NULL;
    return 0;
}

/* True when the table now says something else than what `positions` were made from. */
static int positions_moved(struct delta_sink *sink, const struct sink_position *positions,
                           size_t count, bool *ret_moved, struct err *err)
{
    *ret_moved = false;
    const struct delta_snapshot *snapshot = delta_snapshot(sink->table);
    (void)err;
    for (size_t i = 0; i < count; i++) {
        const struct delta_txn *txn = find_position(snapshot, sink->options.query, &positions[i]);
        if (txn != NULL && txn->version != positions[i].next_offset) {
            *ret_moved = true;
        }
    }
    return 0;
}

static int read_sequence(struct delta_sink *sink, bool *ret_known)
{
    AUTO_BUF struct buf app_id = {0};
    delta_sink_app_id(sink->options.query, NULL, &app_id);
    const struct delta_txn *txn = delta_find_txn(delta_snapshot(sink->table), buf_str(&app_id));
    sink->sequence = txn == NULL ? 0 : txn->version;
    *ret_known = txn != NULL;
    return 0;
}

int delta_sink_begin(struct delta_sink *sink, const struct sink_position *positions, size_t count,
                     bool *ret_moved, struct err *err)
{
    bool known = false;
    TRY(read_sequence(sink, &known));
    if (known) {
        int64_t version = delta_snapshot(sink->table)->version;
        TRY(check_not_replaced(sink, err));
        sink->checked_version = version;
    }
    AUTO_ARENA struct arena arena = {0};
    delta_epochs_done(&sink->epochs); /* without those of partitions that are gone */
    set_epochs(sink, positions, count);
    struct sink_position *fresh = arena_new_array(&arena, struct sink_position, count);
    size_t fresh_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (find_position(delta_snapshot(sink->table), sink->options.query, &positions[i]) ==
            NULL) {
            fresh[fresh_count++] = positions[i];
        }
    }
    struct delta_change change = {
        .operation = sink->create ? "CREATE TABLE" : "STREAMING UPDATE",
        .parameters = make_parameters(sink, "Append", &arena),
        .info = make_info(sink, &arena),
        .txn_count = fresh_count + 1,
        .txns = make_txns(sink, fresh, fresh_count, &arena),
        .metadata = sink->pending_metadata,
        .protocol = sink->pending_protocol,
    };
    int64_t version = -1;
    bool created = sink->create;
    FAILPOINT("before_start_commit");
    int rc = commit_change(sink, &change, &version, err);
    if (rc == ERR_FENCED) {
        /* Another instance committed while we started: look again, the newest wins. */
        *ret_moved = true;
        TRY(delta_refresh(sink->table, err));
        return plan_table(sink, err);
    }
    TRY(rc);
    FAILPOINT("after_start_commit");
    if (created) {
        sink->table_id = arena_str(&sink->arena, delta_snapshot(sink->table)->metadata.id);
    }
    return positions_moved(sink, positions, count, ret_moved, err);
}

int delta_sink_widen(struct delta_sink *sink, const struct type *row_type, struct err *err)
{
    sink->options.row_type = row_type;
    sink->options.merge_schema = true;
    return plan_schema(sink, err);
}

int delta_sink_record(struct delta_sink *sink, const struct sink_position *positions, size_t count,
                      struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    set_epochs(sink, positions, count);
    struct delta_change change = {
        .operation = "STREAMING UPDATE",
        .parameters = make_parameters(sink, "Append", &arena),
        .info = make_info(sink, &arena),
        .txn_count = count + 1,
        .txns = make_txns(sink, positions, count, &arena),
        .metadata = sink->pending_metadata,
        .protocol = sink->pending_protocol,
    };
    int64_t version = -1;
    TRY(check_same_table(sink, err));
    return commit_change(sink, &change, &version, err);
}

/* "n" = NULL, "v…" = the value: a key is never empty, so DuckDB cannot confuse the two. */
static int decode_keys(const struct sql_file *file, struct arena *arena, struct str **ret_values,
                       struct err *err)
{
    struct str *values = arena_new_array(arena, struct str, file->partition_count);
    for (size_t i = 0; i < file->partition_count; i++) {
        struct str key = file->partition_values[i];
        if (key.len == 0 || (key.ptr[0] != 'n' && key.ptr[0] != 'v')) {
            return err_set(err, ERR_CORRUPT, "partition key \"%.*s\" is not one of ours",
                           STR_FMT(key));
        }
        values[i] = key.ptr[0] == 'n' ? STR_NULL : str_skip(key, 1);
    }
    *ret_values = values;
    return 0;
}

/* Files under way to the store, by several threads: each takes the next one. */
struct upload {
    struct store *store;
    const struct sql_file *files;
    const struct delta_add *adds;
    size_t file_count;
    struct mutex lock;
    size_t next; /* guarded by .lock, as are the two below */
    int rc;
    struct err err; /* of the first that failed */
};

static bool upload_next(struct upload *up, size_t *ret_index)
{
    MUTEX_GUARD(&up->lock);
    if (up->rc < 0 || up->next == up->file_count) {
        return false;
    }
    *ret_index = up->next++;
    return true;
}

static void upload_run(void *user)
{
    struct upload *up = user;
    size_t i = 0;
    while (upload_next(up, &i)) {
        struct err err;
        int rc = store_put_file(up->store, up->adds[i].key, up->files[i].path.ptr, &err);
        FAILPOINT("during_upload");
        if (rc < 0) {
            MUTEX_GUARD(&up->lock);
            if (up->rc >= 0) {
                up->rc = rc;
                up->err = err;
            }
        }
    }
}

static int upload_all(struct upload *up, struct err *err)
{
    struct thread helpers[UPLOAD_THREADS_MAX - 1] = {0};
    mutex_init(&up->lock);
    for (size_t i = 0; i + 1 < up->file_count && i < ARRAY_COUNT(helpers); i++) {
        thread_start(&helpers[i], "upload", upload_run, up);
    }
    upload_run(up);
    for (size_t i = 0; i < ARRAY_COUNT(helpers); i++) {
        thread_join(&helpers[i]);
    }
    mutex_done(&up->lock);
    if (up->rc < 0) {
        *err = up->err;
    }
    return up->rc;
}

int delta_sink_upload(struct delta_sink *sink, const struct sql_file *files, size_t file_count,
                      struct arena *arena, struct delta_add **ret_adds, struct err *err)
{
    const struct delta_snapshot *snapshot = delta_snapshot(sink->table);
    struct delta_add *adds = arena_new_array(arena, struct delta_add, file_count);
    FAILPOINT("before_upload");
    for (size_t i = 0; i < file_count; i++) {
        struct str *values = NULL;
        TRY(decode_keys(&files[i], arena, &values, err));
        AUTO_BUF struct buf key = {0};
        delta_file_key(snapshot->metadata.partition_columns.items, values, files[i].partition_count,
                       sink->options.codec, &key);
        AUTO_BUF struct buf stats = {0};
        delta_stats_print(snapshot, sink->table_schema, &files[i], &stats);
        adds[i] = (struct delta_add){
            .key = arena_str(arena, buf_str(&key)),
            .partition_count = files[i].partition_count,
            .partition_values = values,
            .size_bytes = files[i].size_bytes,
            .modified_ms = clock_wall_us() / 1000,
            .row_count = files[i].row_count,
            .stats = arena_str(arena, buf_str(&stats)),
        };
    }
    struct upload up = {
        .store = delta_store(sink->table), .files = files, .adds = adds, .file_count = file_count};
    TRY(upload_all(&up, err));
    FAILPOINT("after_upload");
    *ret_adds = adds;
    return 0;
}

int delta_sink_commit(struct delta_sink *sink, const struct sink_batch *batch,
                      const struct delta_add *adds, int64_t *ret_version, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    set_epochs(sink, batch->positions, batch->position_count);
    struct delta_change change = {
        .operation = "STREAMING UPDATE",
        .parameters = make_parameters(sink, "Append", &arena),
        .info = make_info(sink, &arena),
        .add_count = batch->file_count,
        .adds = adds,
        .txn_count = batch->position_count + 1,
        .txns = make_txns(sink, batch->positions, batch->position_count, &arena),
        .metadata = sink->pending_metadata,
        .protocol = sink->pending_protocol,
    };
    TRY(check_same_table(sink, err));
    FAILPOINT("before_commit");
    TRY(commit_change(sink, &change, ret_version, err));
    FAILPOINT("after_commit");
    return 0;
}

const struct delta_snapshot *delta_sink_snapshot(struct delta_sink *sink)
{
    return delta_snapshot(sink->table);
}

int64_t delta_sink_sequence(const struct delta_sink *sink)
{
    return sink->sequence;
}

int delta_sink_partition_key(const struct column *in, size_t rows, struct column *out,
                             struct arena *arena, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    for (size_t row = 0; row < rows; row++) {
        buf_reset(&text);
        buf_add_char(&text, 'v');
        int written = 0;
        if (column_is_valid(in, row)) {
            written = TRY(delta_partition_value(in, row, &text, err));
        }
        column_set_string(out, row, written == 1 ? arena_str(arena, buf_str(&text)) : STR("n"));
    }
    return 0;
}

/* ---- the checkpoint task -------------------------------------------------------------------- */

static void checkpoint_run(void *user)
{
    struct delta_sink *sink = user;
    struct err err;
    int64_t rows = 0;
    FAILPOINT("before_checkpoint");
    int rc = delta_checkpoint_write(delta_store(sink->table), sink->db, sink->spool,
                                    sink->checkpoint_wanted, &rows, &err);
    FAILPOINT("after_checkpoint");
    MUTEX_GUARD(&sink->lock);
    if (rc >= 0) {
        sink->checkpoint_written = sink->checkpoint_wanted;
        sink->checkpoint_rows = rows;
        sink->checkpoint_news = sink->checkpoint_wanted;
    } else {
        sink->checkpoint_failed = true;
        sink->checkpoint_err = err;
    }
    sink->checkpoint_running = false;
}

int delta_sink_checkpoint_news(struct delta_sink *sink, int64_t *ret_version, struct err *err)
{
    MUTEX_GUARD(&sink->lock);
    if (sink->checkpoint_failed) {
        sink->checkpoint_failed = false;
        *err = sink->checkpoint_err;
        return err->code;
    }
    *ret_version = sink->checkpoint_news;
    sink->checkpoint_news = -1;
    return *ret_version >= 0 ? 1 : 0;
}

const struct delta_counters *delta_sink_counters(const struct delta_sink *sink)
{
    return delta_counters(sink->table);
}

void delta_sink_maintain(struct delta_sink *sink)
{
    int64_t written = -1;
    int64_t rows = 0;
    {
        MUTEX_GUARD(&sink->lock);
        if (sink->checkpoint_running) {
            return;
        }
        written = sink->checkpoint_written;
        rows = sink->checkpoint_rows;
        sink->checkpoint_written = -1;
    }
    if (written >= 0) {
        delta_checkpoint_done(sink->table, written, rows);
    }
    if (!delta_checkpoint_due(sink->table)) {
        return;
    }
    thread_join(&sink->checkpointer);
    sink->checkpoint_wanted = delta_snapshot(sink->table)->version;
    sink->checkpoint_running = true;
    thread_start(&sink->checkpointer, "checkpoint", checkpoint_run, sink);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - the parts of one attempt to run a streaming table
 *
 * Opening goes: databases, plan, sources, table, positions, start commit,
 * assignment.  Nothing is read before the start commit is durable, and what
 * "latest" meant is in it (design.md 2a).
 */
#include "job/monitor_query.h"

#include "job/announce.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Tries of the start commit against rivals that start at the same time. */
#define BEGIN_TRIES 100

void query_set_state(struct query *q, enum job_state state, const char *reason)
{
    bool changed = false;
    AUTO_FREE char *masked = reason == NULL ? NULL : mem_strdup(reason);
    if (masked != NULL) {
        log_mask_text(masked); /* before it is cut: a part of a secret is not found any more */
    }
    const char *why = masked == NULL ? "" : masked;
    {
        MUTEX_GUARD(&q->lock);
        struct query_figures *f = &q->figures;
        changed = f->state != state;
        f->state = state;
        f->state_since_us = changed ? clock_wall_us() : f->state_since_us;
        snprintf(f->reason, sizeof(f->reason), "%s", why);
    }
    if (changed) {
        log_line(LOG_DEBUG, "state", LOG_S("state", job_state_name(state)), LOG_S("reason", why),
                 LOG_END);
        monitor_changed(q);
    }
}

void query_note_table(struct query *q)
{
    struct delta_sink *sink = q->parts.sink;
    if (sink == NULL || q->shown == NULL) {
        return;
    }
    const struct delta_counters *now = delta_sink_counters(sink);
    const struct delta_snapshot *snapshot = delta_sink_snapshot(sink);
    monitor_show_schema(q);
    MUTEX_GUARD(&q->lock);
    struct delta_counters *all = &q->figures.delta;
    struct delta_counters *seen = &q->delta_seen;
    all->commits += now->commits - seen->commits;
    all->rebases += now->rebases - seen->rebases;
    all->unknown_answers += now->unknown_answers - seen->unknown_answers;
    all->foreign_commits += now->foreign_commits - seen->foreign_commits;
    all->conflicts += now->conflicts - seen->conflicts;
    *seen = *now;
    q->figures.at = (struct query_table){
        .version = snapshot->version,
        .files = snapshot->file_count,
        .bytes = snapshot->file_bytes,
        .checkpoint_version = snapshot->checkpoint_version,
        .checkpoint_us = snapshot->checkpoint_us,
    };
}

void query_settle(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    q->figures.is_settled = true;
}

void query_fail(struct query *q, const struct err *err)
{
    MUTEX_GUARD(&q->lock);
    if (q->trouble != TROUBLE_FATAL) {
        q->trouble = TROUBLE_FATAL;
        q->err = *err;
    }
    cond_broadcast(&q->changed);
}

void query_cancel(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    stop_set(&q->cancel); /* under the lock: the next attempt's is made anew */
    if (q->live_conn != NULL) {
        sql_interrupt(q->live_conn);
    }
    if (q->live_store != NULL) {
        store_cancel(q->live_store);
    }
    if (q->live_dead_store != NULL) {
        store_cancel(q->live_dead_store);
    }
    cond_broadcast(&q->changed);
}

void query_stop(struct query *q)
{
    {
        MUTEX_GUARD(&q->lock);
        q->figures.stop_us = q->figures.stop_us == 0 ? clock_wall_us() : q->figures.stop_us;
    }
    stop_set(q->stop);
    monitor_changed(q);
}

bool query_is_canceled(struct query *q)
{
    return stop_is_set(&q->cancel);
}

bool query_wait_idle(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    while (q->finished < q->handed) {
        if (q->trouble != TROUBLE_NONE || query_is_canceled(q)) {
            return false;
        }
        (void)cond_wait_until(&q->changed, &q->lock, clock_mono_us() + 100000);
        if (q->shown != NULL) {
            mutex_unlock(&q->lock);
            monitor_publish(q);
            mutex_lock(&q->lock);
        }
    }
    return q->trouble == TROUBLE_NONE;
}

/* ---- spool ----------------------------------------------------------------------------------- */

/*
 * SLUICE_SPOOL, else beside a local table (same file system: files are moved into place), else
 * the temporary folder.
 */
static char *spool_path(const struct query *q, const char *local_root)
{
    AUTO_BUF struct buf name = {0};
    uri_encode(&name, q->table->query_name, "");
    const char *set = getenv("SLUICE_SPOOL");
    if (set != NULL && set[0] != '\0') {
        return mem_printf("%s/sluice-%s", set, name.ptr);
    }
    if (local_root != NULL) {
        return mem_printf("%s/_sluice/spool-%s", local_root, name.ptr);
    }
    const char *temp = getenv("TMPDIR");
    AUTO_BUF struct buf location = {0};
    buf_printf(&location, "%.*s", STR_FMT(q->table->location));
    return mem_printf("%s/sluice-%s-%016" PRIx64, temp == NULL ? "/tmp" : temp, name.ptr,
                      str_hash(buf_str(&location)));
}

/* Another instance on this machine may still be ending: it gets a folder of its own then. */
static int spool_open(struct query *q, const char *local_root, struct err *err)
{
    struct query_parts *p = &q->parts;
    AUTO_FREE char *base = spool_path(q, local_root);
    for (int i = 0; i < 64; i++) {
        AUTO_FREE char *dir = i == 0 ? mem_strdup(base) : mem_printf("%s-%d", base, i);
        AUTO_FREE char *lock = mem_printf("%s.lock", dir);
        TRY(fs_make_dirs(dir, err));
        if (TRY(fs_lock(lock, &p->spool_lock, err)) == 1) {
            TRY(fs_remove_tree(dir, err));
            TRY(fs_make_dirs(dir, err));
            p->spool = TAKE(dir);
            return 0;
        }
    }
    return err_set(err, ERR_IO, "all spool folders like \"%s\" are in use", base);
}

static void spool_close(struct query_parts *p)
{
    struct err ignored;
    if (p->spool != NULL) {
        (void)fs_remove_tree(p->spool, &ignored);
        AUTO_FREE char *lock = mem_printf("%s.lock", p->spool);
        (void)unlink(lock);
    }
    fd_close(&p->spool_lock);
    mem_free(TAKE(p->spool));
}

/* ---- opening --------------------------------------------------------------------------------- */

/* A database for the user's SQL, and the query bound in it. */
static int open_query(struct query *q, struct err *err)
{
    struct query_parts *p = &q->parts;
    uint64_t memory =
        q->plan->memory_bytes == 0 ? QUERY_MEMORY_BYTES_PRESET : q->plan->memory_bytes;
    struct sql_db_options user = {
        .memory_bytes = memory, .threads = q->plan->threads, .temp_dir = p->spool, .sandbox = true};
    TRY(sql_open(&user, &p->db, err));
    TRY(sql_connect(p->db, &p->conn, err));
    TRY(sql_register_text_function(p->conn, DELTA_SINK_KEY_FUNCTION, delta_sink_partition_key,
                                   err));
    if (q->shown != NULL) {
        TRY(sql_connect(p->db, &p->watch, err));
    }
    {
        MUTEX_GUARD(&q->lock);
        q->live_conn = p->conn;
    }
    return plan_bind(q->plan, q->table, p->conn, &p->query, err);
}

static void close_query(struct query *q)
{
    struct query_parts *p = &q->parts;
    {
        MUTEX_GUARD(&q->lock);
        q->live_conn = NULL;
    }
    plan_query_free(TAKE(p->query));
    sql_disconnect(TAKE(p->watch));
    sql_disconnect(TAKE(p->conn));
    sql_close(TAKE(p->db));
    mem_free(TAKE(p->copy_select));
}

static int open_databases(struct query *q, struct err *err)
{
    struct query_parts *p = &q->parts;
    struct sql_db_options service = {
        .memory_bytes = QUERY_SERVICE_MEMORY_BYTES, .threads = 1, .temp_dir = p->spool};
    return sql_open(&service, &p->service_db, err);
}

/* What was inferred stays with the query, before anything is read by it. */
static int keep_schemas(struct query *q, struct err *err)
{
    vec_foreach (struct plan_input, input, &q->parts.query->inputs) {
        if (input->stream->must_keep) {
            TRY(plan_keep_schema(q->table, input->stream, err));
            q->own_table.streams[input->stream - q->own_table.streams].must_keep = false;
        }
    }
    return 0;
}

/* A start may wait for its broker for hours, in the middle of a call. */
struct watched {
    struct query *q;
    char *stream;
};

static void on_source_status(void *user, const struct source_status *status)
{
    const struct watched *w = user;
    job_on_source_status(w->stream, status);
    if (status->state == SOURCE_DOWN) {
        query_set_state(w->q, JOB_WAITING, status->reason);
        query_settle(w->q);
    }
}

static int open_sources(struct query *q, struct err *err)
{
    struct query_parts *p = &q->parts;
    size_t count = p->query->inputs.count;
    p->sources = arena_new_array(&p->arena, struct source *, count);
    q->seen = arena_new_array(&p->arena, struct query_seen, count);
    const char *name = arena_strdup(&p->arena, q->table->query_name);
    for (size_t i = 0; i < count; i++) {
        const struct plan_stream *stream = p->query->inputs.items[i].stream;
        TRY(source_open(stream->source, &stream->settings, name, &q->cancel, &p->sources[i], err));
        p->sources[i]->wants_headers = p->query->inputs.items[i].wants_headers ||
                                       stream->on_bad_record == PLAN_BAD_DEAD_LETTER;
        query_set_state(q, JOB_WAITING, "connecting to the source");
        struct watched *w = arena_new(&p->arena, struct watched);
        *w = (struct watched){q, arena_strdup(&p->arena, stream->name)};
        source_watch(p->sources[i], on_source_status, w);
        TRY(source_discover(p->sources[i], err));
        announce_source(stream, p->sources[i]);
    }
    return 0;
}

static bool adds_columns(const struct query *q)
{
    vec_foreach (struct plan_input, input, &q->parts.query->inputs) {
        if (input->stream->evolution == PLAN_EVOLVE_ADD) {
            return true;
        }
    }
    return false;
}

static int open_sink(struct query *q, struct store *store, struct err *err)
{
    struct query_parts *p = &q->parts;
    const struct plan_table *t = q->table;
    struct delta_property *properties =
        arena_new_array(&p->arena, struct delta_property, t->properties.count);
    for (size_t i = 0; i < t->properties.count; i++) {
        properties[i] =
            (struct delta_property){t->properties.items[i].name, t->properties.items[i].value};
    }
    struct delta_sink_options options = {
        .query = t->query_name,
        .run_id = q->run_id,
        .row_type = p->query->row_type,
        .partition_columns = t->partition_columns.items,
        .partition_count = t->partition_columns.count,
        .properties = properties,
        .property_count = t->properties.count,
        .comment = t->comment,
        .codec = t->compression.ptr,
        .merge_schema = t->merge_schema || adds_columns(q),
        .second_query = t->second_query,
    };
    query_set_state(q, JOB_WAITING, "opening the table");
    return delta_sink_open(store, p->service_db, p->spool, &options, &p->sink, err);
}

struct sink_position *query_positions(struct query *q, struct arena *arena, size_t *ret_count)
{
    struct query_parts *p = &q->parts;
    size_t total = 0;
    for (size_t i = 0; i < p->query->inputs.count; i++) {
        total += p->sources[i]->partitions.count;
    }
    struct sink_position *positions = arena_new_array(arena, struct sink_position, total);
    size_t at = 0;
    for (size_t i = 0; i < p->query->inputs.count; i++) {
        vec_foreach (struct source_partition, part, &p->sources[i]->partitions) {
            positions[at++] = (struct sink_position){
                .stream = p->query->inputs.items[i].stream->name,
                .topic = part->topic,
                .topic_id = part->topic_id,
                .partition = part->number,
                .next_offset = part->next_offset,
                .leader_epoch = part->leader_epoch,
            };
        }
    }
    *ret_count = total;
    return positions;
}

/* Hands the table's positions to the sources and lets them resolve those it does not have. */
static int resolve_positions(struct query *q, struct sink_position *positions, struct err *err)
{
    struct query_parts *p = &q->parts;
    size_t at = 0;
    p->fresh = arena_new_array(&p->arena, bool *, p->query->inputs.count);
    for (size_t i = 0; i < p->query->inputs.count; i++) {
        struct source *source = p->sources[i];
        bool *which = arena_new_array(&p->arena, bool, source->partitions.count);
        p->fresh[i] = which;
        size_t first = at;
        for (size_t k = 0; k < source->partitions.count; k++, at++) {
            source->partitions.items[k].next_offset = positions[at].next_offset;
            source->partitions.items[k].leader_epoch = positions[at].leader_epoch;
            which[k] = positions[at].next_offset < 0;
        }
        TRY(source_resolve(source, which, err));
        for (size_t k = 0; k < source->partitions.count; k++) {
            positions[first + k].next_offset = source->partitions.items[k].next_offset;
        }
    }
    return 0;
}

static int begin(struct query *q, struct err *err)
{
    for (int i = 0; i < BEGIN_TRIES; i++) {
        AUTO_ARENA struct arena arena = {0};
        size_t count = 0;
        struct sink_position *positions = query_positions(q, &arena, &count);
        bool moved = false;
        TRY(delta_sink_positions(q->parts.sink, positions, count, err));
        TRY(resolve_positions(q, positions, err));
        TRY(delta_sink_begin(q->parts.sink, positions, count, &moved, err));
        if (!moved) {
            q->txns_written_us = clock_mono_us();
            return 0;
        }
    }
    return err_set_retry(err, "other instances of this query keep starting; giving up");
}

/* ---- what depends on the table --------------------------------------------------------------- */

/* Parquet columns carry the table's spelling of a name; the query's may differ by case. */
static void make_copy_select(struct query *q, const struct delta_snapshot *snapshot)
{
    struct query_parts *p = &q->parts;
    const struct type *mine = p->query->row_type;
    const struct type *table = snapshot->metadata.schema;
    AUTO_BUF struct buf text = {0};
    bool differs = false;
    buf_add_c(&text, "SELECT ");
    size_t written = 0;
    for (size_t i = 0; i < mine->field_count; i++) {
        struct str name = mine->fields[i].name;
        bool partition = false;
        for (size_t k = 0; k < q->table->partition_columns.count; k++) {
            partition = partition || str_eq_nocase(q->table->partition_columns.items[k], name);
        }
        if (partition) {
            continue;
        }
        ptrdiff_t at = type_find_field_nocase(table, name);
        struct str spelled = at < 0 ? name : table->fields[at].name;
        differs = differs || !str_eq(spelled, name);
        buf_add_c(&text, written++ == 0 ? "" : ", ");
        sql_quote_name(&text, name);
        buf_add_c(&text, " AS ");
        sql_quote_name(&text, spelled);
    }
    for (size_t k = 0; k < q->table->partition_columns.count; k++) {
        buf_add_c(&text, ", ");
        sql_quote_name(&text, str_of(p->query->partition_keys[k]));
    }
    buf_printf(&text, " FROM (%s)", p->query->copy_select);
    p->copy_select = differs ? buf_take(&text) : mem_strdup(p->query->copy_select);
}

/* Paths, as statistics spell them, of columns that must not be NULL. */
static void list_not_null(struct query *q, const struct delta_snapshot *snapshot)
{
    struct query_parts *p = &q->parts;
    const struct type *table = snapshot->metadata.schema;
    const char **paths = arena_new_array(&p->arena, const char *, table->field_count + 1);
    bool *keys = arena_new_array(&p->arena, bool, q->table->partition_columns.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < table->field_count; i++) {
        if (table->fields[i].nullable) {
            continue;
        }
        bool partition = false;
        for (size_t k = 0; k < q->table->partition_columns.count; k++) {
            if (str_eq_nocase(q->table->partition_columns.items[k], table->fields[i].name)) {
                keys[k] = true;
                partition = true;
            }
        }
        if (!partition) {
            AUTO_BUF struct buf path = {0};
            sql_quote_name(&path, table->fields[i].name);
            paths[count++] = arena_strdup(&p->arena, buf_str(&path));
        }
    }
    p->not_null = paths;
    p->partition_not_null = keys;
}

static void watch_store(const struct query *q, struct store *store)
{
    if (q->shown != NULL) {
        store_watch(store, &q->shown->store);
    }
}

/* The first stream that sends dead letters says how to reach Kafka, should they go there. */
static const struct plan_stream *dead_letter_stream(const struct query *q)
{
    vec_foreach (struct plan_input, input, &q->parts.query->inputs) {
        if (input->stream->on_bad_record == PLAN_BAD_DEAD_LETTER) {
            return input->stream;
        }
    }
    return NULL;
}

static int open_dead_table(struct query *q, struct err *err)
{
    struct query_parts *p = &q->parts;
    const struct plan_stream *stream = dead_letter_stream(q);
    if (stream == NULL) {
        return 0;
    }
    size_t count = 0;
    struct sink_position *positions = query_positions(q, &p->arena, &count);
    AUTO_FREE char *spool = mem_printf("%s/deadletters", p->spool);
    query_set_state(q, JOB_WAITING, "opening the dead letter table");
    struct store *store = NULL;
    if (q->table->dead_letter_topic.len == 0) {
        TRY(store_open(q->table->dead_letter_location, &q->table->store, &store, err));
        watch_store(q, store);
        store_observe(store, job_on_store_event, NULL);
    }
    {
        MUTEX_GUARD(&q->lock);
        q->live_dead_store = store;
    }
    TRY(dead_table_open(store, q->table, &stream->settings, q->run_id, p->service_db, &p->arena,
                        spool, &q->cancel, positions, count, &p->dead, err));
    /* Nobody may have followed us in the table before we fenced off its dead letters
     * (dead_table.c (2)). */
    return store == NULL ? 0 : delta_sink_record(p->sink, NULL, 0, err);
}

static int open_table(struct query *q, struct store *store, struct err *err)
{
    struct query_parts *p = &q->parts;
    {
        MUTEX_GUARD(&q->lock);
        q->live_store = store;
    }
    int rc = open_sink(q, store, err);
    if (rc < 0) {
        {
            MUTEX_GUARD(&q->lock);
            q->live_store = NULL;
        }
        store_close(store);
        return rc;
    }
    p->created = delta_sink_snapshot(p->sink)->version < 0;
    TRY(begin(q, err));
    for (size_t i = 0; i < p->query->inputs.count; i++) {
        announce_positions(p->query->inputs.items[i].stream, p->sources[i], p->fresh[i]);
    }
    TRY(open_dead_table(q, err));
    const struct delta_snapshot *snapshot = delta_sink_snapshot(p->sink);
    char ns[UUID_TEXT];
    snprintf(ns, sizeof(ns), "%.*s", STR_FMT(snapshot->metadata.id));
    AUTO_FREE char *name = str_dup(q->table->query_name);
    rand_uuid5(ns, name, q->id);
    {
        MUTEX_GUARD(&q->lock);
        memcpy(q->figures.id, q->id, sizeof(q->id));
    }
    struct str retention = delta_property(snapshot, "delta.setTransactionRetentionDuration");
    if (retention.ptr == NULL || !str_to_duration_us(retention, &q->txn_retention_us)) {
        q->txn_retention_us = 0;
    }
    make_copy_select(q, snapshot);
    list_not_null(q, snapshot);
    query_note_table(q);
    monitor_show_plan(q);
    return 0;
}

/* ---- new columns ----------------------------------------------------------------------------- */

static int fail_on_new(const struct plan_stream *stream, struct str added, struct err *err)
{
    return err_set(err, ERR_DATA,
                   "messages of stream \"%.*s\" have fields that are no columns: %.*s; add them to "
                   "the column list, or set schemaEvolutionMode",
                   STR_FMT(stream->name), STR_FMT(added));
}

/* The stream with what its messages have; 1 = it has new columns. */
static int widen_stream(struct query *q, const struct batch_input *in, struct err *err)
{
    struct plan_stream *own = &q->own_table.streams[in->input->stream - q->own_table.streams];
    const struct type *row_type = NULL;
    AUTO_BUF struct buf added = {0};
    if (TRY(evolve_finish(in->evolve, &q->arena, &row_type, &added, err)) == 0) {
        return 0;
    }
    if (own->evolution == PLAN_EVOLVE_FAIL) {
        return fail_on_new(own, buf_str(&added), err);
    }
    const struct plan_stream *wider = plan_widen_stream(&q->arena, own, row_type);
    TRY(plan_keep_schema(q->table, wider, err));
    *own = *wider;
    log_line(LOG_INFO, "new columns", LOG_STR("stream", own->name),
             LOG_STR("columns", buf_str(&added)), LOG_END);
    return 1;
}

int query_evolve(struct query *q, const struct batch *batch, struct err *err)
{
    struct query_parts *p = &q->parts;
    int any = 0;
    for (size_t i = 0; i < batch->input_count; i++) {
        const struct evolve *evolve = batch->inputs[i].evolve;
        if (evolve != NULL && evolve_count(evolve) > 0) {
            any |= TRY(widen_stream(q, &batch->inputs[i], err));
        }
    }
    if (any == 0) {
        return 0;
    }
    close_query(q);
    TRY(open_query(q, err));
    TRY(delta_sink_widen(p->sink, p->query->row_type, err));
    make_copy_select(q, delta_sink_snapshot(p->sink));
    monitor_show_plan(q);
    return 1;
}

bool query_is_bounded(const struct query *q)
{
    return q->options->available_now || q->table->trigger != PLAN_TRIGGER_INTERVAL;
}

int query_open_parts(struct query *q, struct err *err)
{
    struct query_parts *p = &q->parts;
    *p = (struct query_parts){.spool_lock = -1};
    query_set_state(q, JOB_STARTING, NULL);
    struct store *store = NULL;
    TRY(store_open(q->table->location, &q->table->store, &store, err));
    watch_store(q, store);
    store_observe(store, job_on_store_event, NULL);
    int rc = spool_open(q, store_local_root(store), err);
    rc = rc < 0 ? rc : open_databases(q, err);
    rc = rc < 0 ? rc : open_query(q, err);
    rc = rc < 0 ? rc : keep_schemas(q, err);
    rc = rc < 0 ? rc : open_sources(q, err);
    if (rc < 0) {
        store_close(store);
        return rc;
    }
    TRY(open_table(q, store, err));
    for (size_t i = 0; i < p->query->inputs.count; i++) {
        if (query_is_bounded(q)) {
            TRY(source_bound(p->sources[i], err));
        }
        TRY(source_start(p->sources[i], err));
    }
    return 0;
}

void query_close_parts(struct query *q)
{
    struct query_parts *p = &q->parts;
    {
        MUTEX_GUARD(&q->lock);
        q->live_store = NULL;
        q->live_dead_store = NULL;
    }
    query_note_table(q);
    q->delta_seen = (struct delta_counters){0};
    dead_table_close(p->dead);
    delta_sink_close(p->sink);
    for (size_t i = 0; p->sources != NULL && i < p->query->inputs.count; i++) {
        source_close(p->sources[i]);
    }
    close_query(q);
    sql_close(p->service_db);
    spool_close(p);
    sql_partitions_done(&p->partitions);
    arena_done(&p->arena);
    *p = (struct query_parts){.spool_lock = -1};
    monitor_forget(q);
}

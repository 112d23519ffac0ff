/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/feature.h"
#include "delta/snapshot.h"

/*
 * commit - append one version to a table's log
 *
 * A commit is one put-if-absent of _delta_log/<N>.json, N = the version we know
 * plus one.  Whoever creates that object owns the version.
 *
 *             ┌────────────── put N.json ◄─────────────┐
 *             │ DONE          │ EXISTS, UNKNOWN        │ absent: the same
 *             ▼               ▼                        │ bytes at the same N
 *           ours ◄─equal── read N.json back, whole ────┘
 *                             │ a prefix of ours ──► ERR_CORRUPT: broken store
 *                             ▼ another's
 *           judge every version N … newest (conflict.c) ──► fenced, plan again
 *                             │ nothing that hurts
 *                             └──► body for newest + 1, put that
 *
 *  (1) Every file named by an add is durable before delta_commit is called; the
 *      body is complete in memory before the first put of it.
 *  (2) A body is unique by its txnId, so bytes that are equal were written by
 *      us, and by this call.
 *  (3) While N is unknown, nothing but the same bytes at N is ever put.  A late
 *      request of ours can then only create what we would have created.
 *  (4) N is settled only by: an answer DONE, our bytes read back, or another's
 *      bytes read back.  Absence settles nothing: a request may be in flight.
 *  (5) A refusal ("certainly not and never") counts only when no earlier put at
 *      this N is unknown; else the error says that the outcome is unknown.
 *  (6) We never commit on a log that we have not looked at for longer than half
 *      its retention: N.json might have been there and been cleaned away.
 *      The same holds between two puts of one commit: absence means nothing then,
 *      and the outcome stays unknown.
 *  (7) version, readVersion and inCommitTimestamp are made anew for each N; the
 *      txnId stays: it names the logical transaction.
 *  (8) After the commit nothing can make it fail.
 *  (9) The newest version we know is looked for first: a table that was dropped
 *      or replaced under us must not get our N.
 *
 * Where our own actions go afterwards is the same code that reads those of
 * others (log.c, state.c).  Uploading the files is job/.
 */
enum {
    COMMIT_PAUSE_US = 20 * 1000,
    COMMIT_PAUSE_MAX_US = 2 * 1000 * 1000,
    COMMIT_REBASE_PAUSE_MAX_US = 1000 * 1000,
    COMMIT_GHOSTS_MAX = 20, /* answers "exists" for what then is not there */
};
#define COMMIT_LOOK_MAX_US     ((int64_t)10 * 60 * 1000000)
#define COMMIT_RETENTION_US    ((int64_t)30 * 24 * 3600 * 1000000)
#define COMMIT_OUTCOME_UNKNOWN "the outcome of the commit is unknown"

/* ---- the body
 * ------------------------------------------------------------------------------------ */

/* Member `name` with JSON object text, compact: a line break in it would end our line. */
static int write_object(struct json_writer *w, const char *name, struct str text, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf compact = {0};
    struct json *root = NULL;
    if (text.len == 0) {
        text = STR("{}");
    }
    TRY(json_parse(&arena, text, &root, err));
    assert(root->kind == JSON_OBJECT);
    if (name != NULL) {
        json_print(root, &compact);
        json_name(w, name);
        json_raw(w, buf_str(&compact));
        return 0;
    }
    json_foreach (it, root) {
        buf_reset(&compact);
        json_print(it, &compact);
        json_name_str(w, it->name);
        json_raw(w, buf_str(&compact));
    }
    return 0;
}

static void write_metric(struct json_writer *w, const char *name, uint64_t value)
{
    AUTO_BUF struct buf text = {0};
    buf_add_u64(&text, value);
    json_name(w, name);
    json_str(w, buf_str(&text));
}

static void write_metrics(struct json_writer *w, const struct delta_change *change)
{
    uint64_t bytes = 0;
    uint64_t rows = 0;
    for (size_t i = 0; i < change->add_count; i++) {
        bytes += change->adds[i].size_bytes;
        rows += change->adds[i].row_count > 0 ? (uint64_t)change->adds[i].row_count : 0;
    }
    json_name(w, "operationMetrics");
    json_open_object(w);
    write_metric(w, "numAddedFiles", change->add_count);
    write_metric(w, "numRemovedFiles", 0);
    write_metric(w, "numOutputRows", rows);
    write_metric(w, "numOutputBytes", bytes);
    json_close_object(w);
}

static int print_info(const struct delta_table *table, const struct delta_change *change,
                      const char *txn_id, struct buf *out, struct err *err)
{
    const struct delta_snapshot *snapshot = &table->state.snapshot;
    const struct delta_protocol *protocol =
        change->protocol != NULL ? change->protocol : &snapshot->protocol;
    const struct delta_metadata *metadata =
        change->metadata != NULL ? change->metadata : &snapshot->metadata;
    int64_t now_ms = clock_wall_us() / 1000;
    bool stamped = delta_feature_has_timestamps(protocol, metadata);
    if (stamped && now_ms <= snapshot->in_commit_timestamp_ms) {
        now_ms = snapshot->in_commit_timestamp_ms + 1;
    }
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "commitInfo");
    json_open_object(&w);
    if (stamped) {
        json_name(&w, "inCommitTimestamp");
        json_i64(&w, now_ms);
    }
    json_name(&w, "timestamp");
    json_i64(&w, now_ms);
    json_name(&w, "operation");
    json_c(&w, change->operation);
    TRY(write_object(&w, "operationParameters", change->parameters, err));
    if (snapshot->version >= 0) {
        json_name(&w, "readVersion");
        json_i64(&w, snapshot->version);
    }
    json_name(&w, "isolationLevel");
    json_c(&w, "WriteSerializable");
    json_name(&w, "isBlindAppend");
    json_bool(&w, true);
    write_metrics(&w, change);
    json_name(&w, "engineInfo");
    json_c(&w, "sluice/" SLUICE_VERSION);
    json_name(&w, "txnId");
    json_c(&w, txn_id);
    json_name(&w, DELTA_LOG_ACTIONS);
    json_i64(&w,
             (int64_t)(1 + (size_t)(change->protocol != NULL) + (size_t)(change->metadata != NULL) +
                       change->txn_count + change->add_count));
    TRY(write_object(&w, NULL, change->info, err));
    json_close_object(&w);
    json_close_object(&w);
    buf_add_char(out, '\n');
    return 0;
}

static int print_body(const struct delta_table *table, const struct delta_change *change,
                      const char *txn_id, struct buf *out, struct err *err)
{
    const struct delta_metadata *metadata =
        change->metadata != NULL ? change->metadata : &table->state.snapshot.metadata;
    buf_reset(out);
    TRY(print_info(table, change, txn_id, out, err));
    if (change->protocol != NULL) {
        delta_action_print_protocol(change->protocol, out);
    }
    if (change->metadata != NULL) {
        delta_action_print_metadata(change->metadata, out);
    }
    for (size_t i = 0; i < change->txn_count; i++) {
        struct delta_txn txn = change->txns[i];
        if (txn.last_updated_ms == 0) {
            txn.last_updated_ms = clock_wall_us() / 1000;
        }
        delta_action_print_txn(&txn, out);
    }
    for (size_t i = 0; i < change->add_count; i++) {
        assert(change->adds[i].partition_count == metadata->partition_columns.count);
        delta_action_print_add(&change->adds[i], metadata->partition_columns.items, out);
    }
    return buf_check(out, "the commit", err);
}

/* ---- settling one version
 * ------------------------------------------------------------------------- */

/* Half to all of a pause that doubles with each attempt. */
static void pause_before(struct delta_table *table, int attempt, int64_t most_us)
{
    int64_t us = COMMIT_PAUSE_US;
    for (int i = 0; i < attempt && us < most_us; i++) {
        us *= 2;
    }
    us = us < most_us ? us : most_us;
    clock_sleep_us(us / 2 + (int64_t)rng_below(&table->rng, (uint64_t)(us / 2)));
}

static int unknown(struct err *err, struct str key)
{
    return err_wrap(err, COMMIT_OUTCOME_UNKNOWN ": \"%.*s\"", STR_FMT(key));
}

enum commit_seen { COMMIT_OURS, COMMIT_FOREIGN, COMMIT_ABSENT };

/* Reads the object back, whole, for as long as that takes. */
static int look_at(struct delta_table *table, struct str key, struct str body, struct err *err)
{
    AUTO_BUF struct buf there = {0};
    int rc;
    for (int attempt = 0;; attempt++) {
        buf_reset(&there);
        there.max = DELTA_LOG_BODY_MAX;
        rc = store_get(table->store, key, &there, err);
        if (rc >= 0) {
            break;
        }
        if (!err->retry || err->code == ERR_CANCELED) {
            return unknown(err, key);
        }
        pause_before(table, attempt, COMMIT_PAUSE_MAX_US);
    }
    if (rc == STORE_ABSENT) {
        return COMMIT_ABSENT;
    }
    struct str seen = buf_str(&there);
    if (str_eq(seen, body)) {
        return COMMIT_OURS;
    }
    if (seen.len < body.len && str_starts(body, seen)) {
        return err_set(err, ERR_CORRUPT,
                       "the store kept %zu of the %zu bytes of \"%.*s\": it does not write whole "
                       "objects; remove that file before anything else",
                       seen.len, body.len, STR_FMT(key));
    }
    return COMMIT_FOREIGN;
}

static bool look_is_old(const struct delta_table *table)
{
    const struct delta_snapshot *snapshot = &table->state.snapshot;
    int64_t retention_us = COMMIT_RETENTION_US;
    struct str text = delta_property(snapshot, "delta.logRetentionDuration");
    if (text.ptr == NULL || !str_to_duration_us(text, &retention_us)) {
        retention_us = COMMIT_RETENTION_US;
    }
    int64_t limit_us =
        retention_us / 2 < COMMIT_LOOK_MAX_US ? retention_us / 2 : COMMIT_LOOK_MAX_US;
    return clock_boot_us() - snapshot->refreshed_boot_us > limit_us;
}

/* COMMIT_OURS or COMMIT_FOREIGN: version N is settled. */
static int settle(struct delta_table *table, struct str key, struct str body, struct err *err)
{
    bool in_doubt = false; /* an earlier put at N may still land */
    int ghosts = 0;
    for (int attempt = 0;; attempt++) {
        struct err refusal;
        int rc = store_put_if_absent(table->store, key, body, &refusal);
        FAILPOINT("commit_sent");
        if (rc == STORE_PUT_DONE) {
            return COMMIT_OURS;
        }
        if (rc < 0 && !in_doubt) {
            *err = refusal;
            return err_wrap(err, "commit \"%.*s\"", STR_FMT(key));
        }
        if (rc < 0 && refusal.code == ERR_CANCELED) {
            *err = refusal;
            return unknown(err, key);
        }
        in_doubt = in_doubt || rc == STORE_PUT_UNKNOWN;
        table->counters.unknown_answers += rc == STORE_PUT_UNKNOWN;
        int seen = TRY(look_at(table, key, body, err));
        if (seen != COMMIT_ABSENT) {
            return seen;
        }
        if (rc < 0) {
            *err = refusal;
            return unknown(err, key);
        }
        if (rc == STORE_PUT_EXISTS && ++ghosts > COMMIT_GHOSTS_MAX) {
            return err_set(err, ERR_CORRUPT,
                           "the store says that \"%.*s\" exists, but there is nothing to read",
                           STR_FMT(key));
        }
        pause_before(table, attempt, COMMIT_PAUSE_MAX_US);
        if (look_is_old(table)) {
            return err_set_retry(err,
                                 COMMIT_OUTCOME_UNKNOWN ": \"%.*s\" may have been there and been "
                                                        "cleaned away",
                                 STR_FMT(key));
        }
    }
}

/* ---- the commit
 * -------------------------------------------------------------------------------------- */

/* What we wrote goes into the snapshot by the way of everybody's commits. */
static void take_ours(struct delta_table *table, const struct delta_change *change, struct str key,
                      struct str body, int64_t sent_us)
{
    struct err err;
    struct delta_snapshot *snapshot = &table->state.snapshot;
    AUTO_COMMIT struct delta_log_commit commit = {.version = snapshot->version + 1};
    int rc = delta_log_parse(key, body, &commit, NULL, NULL, &err);
    assert(rc >= 0); /* we printed it */
    rc = delta_state_apply_commit(&table->state, &commit, &err);
    assert(rc >= 0);
    (void)rc;
    snapshot->refreshed_boot_us = sent_us; /* not now: the answer may be a month old */
    delta_conflict_own(&table->conflict, change);
    table->counters.commits++;
    table->own_version = snapshot->version;
    table->own_bytes = body.len;
}

/*
 * The commit that the table stood at is still there, and still ours if it was: else the folder
 * was emptied or replaced under us, and our next version would leave a gap or mix two tables.
 */
static int check_tip(struct delta_table *table, struct err *err)
{
    int64_t version = table->state.snapshot.version;
    if (version < 0) {
        return 0;
    }
    char room[DELTA_LOG_KEY_BYTES];
    struct str key = delta_log_commit_key(room, version);
    struct store_entry entry;
    if (TRY(store_head(table->store, key, &entry, err)) == STORE_ABSENT) {
        if (look_is_old(table)) {
            return 0; /* perhaps cleaned away: the look that is due now will tell */
        }
        return err_set(err, ERR_IDENTITY,
                       "\"%.*s\", where the table stood, is gone: it was dropped or replaced",
                       STR_FMT(key));
    }
    if (table->own_bytes > 0 && version == table->own_version &&
        entry.size_bytes != table->own_bytes) {
        return err_set(err, ERR_IDENTITY,
                       "\"%.*s\" is not the commit that we wrote: the table was replaced",
                       STR_FMT(key));
    }
    return 0;
}

/* The table as it will be must be one that we may append to. */
static int check_change(struct delta_table *table, const struct delta_change *change,
                        struct err *err)
{
    const struct delta_snapshot *snapshot = &table->state.snapshot;
    assert(change->operation != NULL);
    if (change->metadata == NULL && change->protocol == NULL) {
        assert(snapshot->version >= 0);
        if (table->checked_changes != table->state.changes) {
            TRY(delta_check_append(snapshot, err));
            table->checked_changes = table->state.changes;
        }
        return 0;
    }
    assert(snapshot->version >= 0 || (change->metadata != NULL && change->protocol != NULL));
    const struct delta_protocol *protocol =
        change->protocol != NULL ? change->protocol : &snapshot->protocol;
    struct delta_metadata metadata =
        change->metadata != NULL ? *change->metadata : snapshot->metadata;
    AUTO_ARENA struct arena arena = {0};
    if (metadata.schema == NULL) {
        TRY(delta_schema_parse(&arena, metadata.schema_string, &metadata.schema, err));
    }
    return delta_feature_check_append(protocol, &metadata, err);
}

/* Foreign commits into the snapshot; 1 = plan again. */
static int catch_up(struct delta_table *table, struct err *err)
{
    TRY(delta_snapshot_advance(table, err));
    int replan = TRY(delta_conflict_judge(&table->conflict, err));
    if (replan) {
        TRY(delta_check_append(&table->state.snapshot, err));
    }
    return replan;
}

static int commit_change(struct delta_table *table, const struct delta_change *change,
                         int64_t *ret_version, struct err *err)
{
    const struct delta_snapshot *snapshot = &table->state.snapshot;
    AUTO_BUF struct buf body = {0};
    char txn_id[UUID_TEXT];
    rand_uuid(txn_id);
    if (TRY(delta_conflict_judge(&table->conflict, err))) {
        return DELTA_SCHEMA_CHANGED; /* found by a call that then failed */
    }
    TRY(check_tip(table, err));
    for (int rebases = 0;; rebases++) {
        if (rebases > 1) {
            pause_before(table, rebases - 2, COMMIT_REBASE_PAUSE_MAX_US);
        }
        if (look_is_old(table) && TRY(catch_up(table, err))) {
            return DELTA_SCHEMA_CHANGED;
        }
        TRY(check_change(table, change, err));
        char room[DELTA_LOG_KEY_BYTES];
        struct str key = delta_log_commit_key(room, snapshot->version + 1);
        TRY(print_body(table, change, txn_id, &body, err));
        int64_t sent_us = clock_boot_us();
        if (TRY(settle(table, key, buf_str(&body), err)) == COMMIT_OURS) {
            take_ours(table, change, key, buf_str(&body), sent_us);
            *ret_version = snapshot->version;
            return DELTA_COMMITTED;
        }
        table->counters.rebases++;
        if (TRY(catch_up(table, err))) {
            return DELTA_SCHEMA_CHANGED;
        }
    }
}

int delta_commit(struct delta_table *table, const struct delta_change *change, int64_t *ret_version,
                 struct err *err)
{
    assert(table->conflict.change == NULL);
    table->conflict.change = change;
    int rc = commit_change(table, change, ret_version, err);
    table->conflict.change = NULL;
    table->counters.conflicts += rc == DELTA_SCHEMA_CHANGED || rc == ERR_FENCED;
    return rc;
}

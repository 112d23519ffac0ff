/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/snapshot.h"

#include <stdio.h>

/*
 * snapshot - the table handle, and how it comes to know the newest version
 *
 * Open: the hint (_last_checkpoint) says where to begin the LIST; the newest
 * complete checkpoint that can be read is the base; commits after it are
 * applied in order.
 *
 *     hint ok ──► LIST from it ──► newest checkpoint ──► base + tail
 *        │            │ none there      │ broken
 *        ▼            ▼                 ▼
 *       LIST everything ──► older checkpoint … ──► version 0
 *
 * Refresh: one LIST that starts at the version we know, and the commits that it
 * shows; where a LIST reads a whole folder, the next versions are asked for by name.
 * A given version (a checkpoint's, a query's): the hint's checkpoint and the commits
 * from there on have known names, nothing is listed.  So nothing grows with the age
 * of the table but the first LIST of a local log that nobody cleans up.
 *
 *  (1) The hint is only that: missing, garbage, stale or dangling, it costs a
 *      longer LIST and nothing else.
 *  (2) A segment is a complete, readable checkpoint or version 0, followed by
 *      commits without a gap up to the newest one listed.  Anything else is
 *      ERR_CORRUPT with the name of the missing file.
 *  (3) A refresh expects to see the version it knows.  If that has gone, the log
 *      was cleaned, or the table made anew: it is loaded again, and another
 *      table id is an error.
 *  (4) A commit is applied whole or not at all.
 *  (5) The newest version at open comes from a LIST: only that shows a gap, beyond
 *      which we would commit into the middle of another history.
 *
 * Appending is commit.c; the meaning of actions state.c.
 */

void delta_segment_done(struct delta_segment *segment)
{
    delta_log_list_done(&segment->list);
}

/* So many commits behind a hint are read without a look for a newer checkpoint. */
#define SNAPSHOT_BY_NAME_MAX 20000

/* ---- loading from scratch -------------------------------------------------------------------- */

struct snapshot_loader {
    struct store *store;
    const struct delta_options *options;
    int64_t target; /* INT64_MAX = newest */
    struct delta_log_hint hint;
    struct delta_state *state;
    struct delta_segment *segment;
    bool by_name;  /* the segment was made up without a LIST */
    bool no_names; /* it must not be */
};

static int on_checkpoint_action(void *user, const struct delta_action *action, struct err *err)
{
    (void)err;
    struct snapshot_loader *loader = user;
    delta_state_apply(loader->state, loader->state->snapshot.version, action);
    return 0;
}

static int load_checkpoint(struct snapshot_loader *loader,
                           const struct delta_log_checkpoint *checkpoint, struct err *err)
{
    AUTO_SQL_CONN struct sql_conn *conn = NULL;
    AUTO_LOAD struct delta_load load = {0};
    struct delta_state *state = loader->state;
    delta_state_done(state);
    delta_state_init(state);
    state->snapshot.version = checkpoint->version;
    state->snapshot.checkpoint_version = checkpoint->version;
    TRY(sql_connect(loader->options->db, &conn, err));
    TRY(delta_load_open(&load, loader->store, conn, loader->options->spool, checkpoint, err));
    TRY(delta_load_actions(&load, on_checkpoint_action, loader, err));
    vec_foreach (struct delta_load_file, file, &load.files) {
        state->row_count += file->row_count;
    }
    const struct delta_log_hint *hint = &loader->hint;
    bool is_hinted = hint->version == checkpoint->version;
    /* Sidecars and JSON are not looked into here. */
    if (is_hinted && hint->add_count > state->row_count) {
        state->row_count = hint->add_count;
    }
    state->snapshot.file_count = is_hinted ? hint->add_count : -1;
    state->snapshot.file_bytes = is_hinted ? hint->file_bytes : -1;
    int64_t modified_us = checkpoint->files[0].modified_us;
    state->snapshot.checkpoint_us = modified_us > 0 ? modified_us : -1;
    return delta_state_check(state, err);
}

/* True for what an older checkpoint may cure. */
static bool is_broken(const struct err *err)
{
    return err->code == ERR_CORRUPT || err->code == ERR_DATA || err->code == ERR_CONFIG;
}

/*
 * The newest readable checkpoint not beyond the target, into state. Outcome 1, or 0 when none is
 * listed; with *ret_broken the first that could not be read.
 */
static int try_checkpoints(struct snapshot_loader *loader, bool *ret_broken,
                           struct err *first_broken, struct err *err)
{
    struct delta_segment *segment = loader->segment;
    *ret_broken = false;
    for (size_t i = segment->list.checkpoints.count; i > 0; i--) {
        const struct delta_log_checkpoint *checkpoint = &segment->list.checkpoints.items[i - 1];
        if (checkpoint->version > loader->target) {
            continue;
        }
        int rc = load_checkpoint(loader, checkpoint, err);
        if (rc >= 0) {
            segment->checkpoint = checkpoint;
            return 1;
        }
        if (!is_broken(err)) {
            return rc;
        }
        if (!*ret_broken) {
            *first_broken = *err;
        }
        *ret_broken = true;
    }
    delta_state_done(loader->state);
    delta_state_init(loader->state);
    return 0;
}

static int list_again(struct snapshot_loader *loader, int64_t from, struct err *err)
{
    delta_log_list_done(&loader->segment->list);
    loader->segment->list = (struct delta_log_list){0};
    return delta_log_list(loader->store, from, &loader->segment->list, err);
}

/*
 * The hint's checkpoint as the base of a given version, without a LIST. Outcome 1, or 0 when a
 * LIST must tell: no such names, a broken checkpoint, a hint too old to be worth its long tail.
 */
static int try_by_name(struct snapshot_loader *loader, struct err *err)
{
    struct delta_log_list *list = &loader->segment->list;
    struct store_entry entry;
    char room[DELTA_LOG_KEY_BYTES];
    char key[64];
    int64_t base = loader->hint.version;
    if (loader->no_names || loader->target == INT64_MAX ||
        loader->target - base > SNAPSHOT_BY_NAME_MAX) {
        return 0;
    }
    struct str newest = delta_log_commit_key(room, loader->target);
    if (TRY(store_head(loader->store, newest, &entry, err)) == STORE_ABSENT) {
        return 0;
    }
    (void)snprintf(key, sizeof(key), DELTA_LOG_DIR "%020" PRId64 ".checkpoint.parquet", base);
    if (TRY(store_head(loader->store, str_of(key), &entry, err)) == STORE_ABSENT) {
        return 0;
    }
    struct delta_log_checkpoint *checkpoint = vec_push(&list->checkpoints);
    *checkpoint =
        (struct delta_log_checkpoint){.kind = DELTA_LOG_CLASSIC, .version = base, .file_count = 1};
    checkpoint->files = arena_new(&list->arena, struct store_entry);
    checkpoint->files[0] = entry;
    checkpoint->files[0].key = arena_str(&list->arena, str_of(key));
    for (int64_t version = base + 1; version <= loader->target; version++) {
        *vec_push(&list->commits) = version;
    }
    bool broken = false;
    struct err why;
    loader->by_name = TRY(try_checkpoints(loader, &broken, &why, err)) == 1;
    return loader->by_name;
}

/* Chooses and loads the base. */
static int load_base(struct snapshot_loader *loader, struct err *err)
{
    bool broken = false;
    struct err why;
    int has_hint = TRY(delta_log_read_hint(loader->store, &loader->hint, err));
    if (has_hint && loader->hint.version > 0 && loader->hint.version <= loader->target) {
        if (TRY(try_by_name(loader, err)) == 1) {
            return 0;
        }
        TRY(list_again(loader, loader->hint.version, err));
        if (TRY(try_checkpoints(loader, &broken, &why, err)) == 1) {
            return 0;
        }
    }
    TRY(list_again(loader, 0, err));
    if (TRY(try_checkpoints(loader, &broken, &why, err)) == 1) {
        return 0;
    }
    const struct delta_log_list *list = &loader->segment->list;
    if (list->commits.count > 0 && list->commits.items[0] != 0) {
        if (broken) {
            *err = why;
            return err_wrap(err, "the log begins at version %" PRId64, list->commits.items[0]);
        }
        return err_set(err, ERR_CORRUPT,
                       "the log begins at version %" PRId64 " and has no complete checkpoint",
                       list->commits.items[0]);
    }
    if (list->commits.count == 0 && broken) {
        *err = why;
        return err->code;
    }
    return 0;
}

/* The last version of the commits after the base: all that are listed, without a gap. */
static int find_end(struct snapshot_loader *loader, struct err *err)
{
    const struct delta_log_list *list = &loader->segment->list;
    int64_t last = loader->state->snapshot.version;
    for (size_t i = 0; i < list->commits.count; i++) {
        int64_t version = list->commits.items[i];
        if (version <= last) {
            continue;
        }
        if (version > loader->target) {
            break;
        }
        if (version != last + 1) {
            char room[DELTA_LOG_KEY_BYTES];
            struct str key = delta_log_commit_key(room, last + 1);
            return err_set(err, ERR_CORRUPT,
                           "\"%.*s\" is missing, but version %" PRId64 " is there", STR_FMT(key),
                           version);
        }
        last = version;
    }
    loader->segment->version = last;
    return 0;
}

static int on_tail_commit(void *user, const struct delta_log_commit *commit, struct err *err)
{
    struct snapshot_loader *loader = user;
    return delta_state_apply_commit(loader->state, commit, err);
}

static int keep_info(void *user, const struct delta_log_commit *commit, struct err *err)
{
    (void)err;
    struct delta_state *state = user;
    vec_foreach (struct delta_action, action, &commit->actions) {
        if (action->kind == DELTA_ACTION_COMMIT_INFO) {
            delta_state_apply(state, commit->version, action);
        }
    }
    return 0;
}

static int load(struct snapshot_loader *loader, struct err *err)
{
    struct delta_state *state = loader->state;
    struct delta_segment *segment = loader->segment;
    TRY(load_base(loader, err));
    TRY(find_end(loader, err));
    if (loader->target != INT64_MAX && segment->version != loader->target) {
        return err_set(err, ERR_CONFIG, "the log has no version %" PRId64, loader->target);
    }
    int64_t first = state->snapshot.version + 1;
    TRY(delta_log_read(loader->store, first, segment->version, NULL, on_tail_commit, loader, err));
    /* A checkpoint holds no commitInfo: its own commit may still be there. */
    if (segment->checkpoint != NULL && segment->checkpoint->version == segment->version) {
        struct err gone;
        (void)delta_log_read(loader->store, segment->version, segment->version, NULL, keep_info,
                             state, &gone);
    }
    return 0;
}

int delta_snapshot_load(struct store *store, const struct delta_options *options, int64_t version,
                        struct delta_state *state, struct delta_segment *segment, struct err *err)
{
    struct snapshot_loader loader = {
        .store = store,
        .options = options,
        .target = version < 0 ? INT64_MAX : version,
        .hint = {.version = -1, .add_count = -1, .file_bytes = -1},
        .state = state,
        .segment = segment,
    };
    int64_t looked_us = clock_boot_us();
    int rc = load(&loader, err);
    if (rc < 0 && loader.by_name && err->retry) {
        /* A commit was not where its name said: a LIST tells a gap from a log being cleaned. */
        loader.by_name = false;
        loader.no_names = true;
        segment->checkpoint = NULL;
        rc = load(&loader, err);
    }
    state->snapshot.refreshed_boot_us = looked_us;
    return rc < 0 ? rc : 0;
}

/* ---- the handle
 * ---------------------------------------------------------------------------------- */

int delta_open(struct store *store, const struct delta_options *options,
               struct delta_table **ret_table, struct err *err)
{
    AUTO_SEGMENT struct delta_segment segment = {0};
    AUTO_DELTA struct delta_table *table = mem_new(struct delta_table);
    table->store = store;
    table->options = *options;
    table->checked_changes = -1;
    uint64_t seed;
    rand_bytes(&seed, sizeof(seed));
    rng_init(&table->rng, seed);
    delta_state_init(&table->state);
    TRY(delta_snapshot_load(store, options, -1, &table->state, &segment, err));
    *ret_table = TAKE(table);
    return 0;
}

void delta_close(struct delta_table *table)
{
    if (table != NULL) {
        delta_conflict_done(&table->conflict);
        delta_state_done(&table->state);
        if (!table->options.keep_store) {
            store_close(table->store);
        }
        mem_free(table);
    }
}

void delta_closep(struct delta_table **table)
{
    delta_close(*table);
    *table = NULL;
}

struct store *delta_store(struct delta_table *table)
{
    return table->store;
}

const struct delta_snapshot *delta_snapshot(struct delta_table *table)
{
    return &table->state.snapshot;
}

const struct delta_counters *delta_counters(const struct delta_table *table)
{
    return &table->counters;
}

/* ---- going forward
 * --------------------------------------------------------------------------------- */

/* Loads the newest version again into a fresh state; the old one stays on failure. */
static int reload(struct delta_table *table, struct err *err)
{
    AUTO_SEGMENT struct delta_segment segment = {0};
    AUTO_STATE struct delta_state state = {0};
    delta_state_init(&state);
    TRY(delta_snapshot_load(table->store, &table->options, -1, &state, &segment, err));
    const struct delta_snapshot *old = &table->state.snapshot;
    if (old->version >= 0 &&
        (state.snapshot.version < 0 || !str_eq(old->metadata.id, state.snapshot.metadata.id))) {
        return err_set(err, ERR_IDENTITY,
                       "the table was deleted%s: its id was %.*s; restart to take the new one",
                       state.snapshot.version < 0 ? "" : " and made again",
                       STR_FMT(old->metadata.id));
    }
    if (state.snapshot.version < old->version) {
        return err_set(err, ERR_CORRUPT, "the log went back from version %" PRId64 " to %" PRId64,
                       old->version, state.snapshot.version);
    }
    delta_conflict_see_jump(&table->conflict, old, &state.snapshot);
    state.changes += table->state.changes + 1;
    delta_state_done(&table->state);
    table->state = state;
    state = (struct delta_state){0};
    return DELTA_ADVANCE_RELOADED;
}

/* Somebody else may have written a checkpoint meanwhile: for the plan of ours. */
static int see_checkpoints(struct delta_table *table, const struct delta_log_list *list,
                           struct err *err)
{
    struct delta_snapshot *snapshot = &table->state.snapshot;
    int64_t newest = *vec_last(&list->commits);
    int64_t hinted = -1;
    int64_t written_us = -1;
    for (size_t i = 0; i < list->checkpoints.count; i++) {
        const struct delta_log_checkpoint *checkpoint = &list->checkpoints.items[i];
        if (checkpoint->version <= newest) {
            hinted = checkpoint->version;
            written_us =
                checkpoint->files[0].modified_us > 0 ? checkpoint->files[0].modified_us : -1;
        }
    }
    if (table->store->lists_whole_folders && newest > snapshot->version) {
        struct delta_log_hint hint = {.version = hinted};
        (void)TRY(delta_log_read_hint(table->store, &hint, err));
        written_us = hint.version == hinted ? written_us : -1;
        hinted = hint.version;
    }
    if (hinted > snapshot->checkpoint_version && hinted <= newest) {
        snapshot->checkpoint_version = hinted;
        snapshot->checkpoint_us = written_us;
    }
    return 0;
}

static int follow_commit(void *user, const struct delta_log_commit *commit, struct err *err)
{
    struct delta_table *table = user;
    delta_conflict_see(&table->conflict, commit);
    table->counters.foreign_commits++;
    return delta_state_apply_commit(&table->state, commit, err);
}

int delta_snapshot_advance(struct delta_table *table, struct err *err)
{
    struct delta_snapshot *snapshot = &table->state.snapshot;
    int64_t looked_us = clock_boot_us();
    AUTO_LOG_LIST struct delta_log_list list = {0};
    if (snapshot->version >= 0 && table->store->lists_whole_folders) {
        TRY(delta_log_probe(table->store, snapshot->version, &list, err));
    } else {
        TRY(delta_log_list(table->store, snapshot->version < 0 ? 0 : snapshot->version, &list,
                           err));
    }
    if (snapshot->version < 0) {
        bool empty = list.commits.count == 0 && list.checkpoints.count == 0;
        snapshot->refreshed_boot_us = looked_us;
        return empty ? DELTA_ADVANCE_NOTHING : reload(table, err);
    }
    int64_t known = snapshot->version;
    for (size_t i = 0; i < list.commits.count; i++) {
        if (list.commits.items[i] != known + (int64_t)i) {
            return reload(table, err); /* a gap, or what we know has gone */
        }
    }
    if (list.commits.count == 0) {
        return reload(table, err);
    }
    TRY(see_checkpoints(table, &list, err));
    int64_t newest = *vec_last(&list.commits);
    TRY(delta_log_read(table->store, known + 1, newest, NULL, follow_commit, table, err));
    snapshot->refreshed_boot_us = looked_us;
    return newest > known ? DELTA_ADVANCE_COMMITS : DELTA_ADVANCE_NOTHING;
}

int delta_refresh(struct delta_table *table, struct err *err)
{
    int rc = TRY(delta_snapshot_advance(table, err));
    return rc == DELTA_ADVANCE_NOTHING ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/state.h"

/*
 * state - what a sequence of commits amounts to, but for files
 *
 *  (1) The newest protocol, metaData, txn of an app id and domainMetadata of a
 *      domain win.
 *  (2) txns and domains are sorted by name, so that finding one costs
 *      log(number of app ids) and a commit costs nothing that grows with the
 *      age of the table.
 *  (3) Memory grows with new app ids and new metadata only: a txn of a known
 *      app id is changed in place.
 *  (4) A schema that this version cannot parse leaves metadata.schema NULL;
 *      delta_check_read and delta_check_append then say why.
 *
 * Whether the protocol can be honoured is feature.c.
 */

void delta_state_init(struct delta_state *state)
{
    *state = (struct delta_state){
        .snapshot = {
            .version = -1, .checkpoint_version = -1, .checkpoint_us = -1, .replaced_version = -1}};
}

void delta_state_done(struct delta_state *state)
{
    vec_done(&state->snapshot.txns);
    vec_done(&state->snapshot.domains);
    arena_done(&state->arena);
}

/* First txn that does not sort before `app_id`. */
static size_t txn_place(const struct delta_snapshot *snapshot, struct str app_id)
{
    size_t low = 0;
    size_t high = snapshot->txns.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(snapshot->txns.items[middle].app_id, app_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct delta_txn *delta_find_txn(const struct delta_snapshot *snapshot, struct str app_id)
{
    size_t at = txn_place(snapshot, app_id);
    if (at < snapshot->txns.count && str_eq(snapshot->txns.items[at].app_id, app_id)) {
        return &snapshot->txns.items[at];
    }
    return NULL;
}

struct str delta_property(const struct delta_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->metadata.configuration.count; i++) {
        const struct delta_property *property = &snapshot->metadata.configuration.items[i];
        if (str_eq_c(property->name, name)) {
            return property->value;
        }
    }
    return STR_NULL;
}

static void apply_txn(struct delta_state *state, const struct delta_txn *txn)
{
    struct delta_snapshot *snapshot = &state->snapshot;
    size_t at = txn_place(snapshot, txn->app_id);
    if (at < snapshot->txns.count && str_eq(snapshot->txns.items[at].app_id, txn->app_id)) {
        snapshot->txns.items[at].version = txn->version;
        snapshot->txns.items[at].last_updated_ms = txn->last_updated_ms;
        return;
    }
    (void)vec_push(&snapshot->txns);
    struct delta_txn *slot = &snapshot->txns.items[at];
    memmove(slot + 1, slot, (snapshot->txns.count - 1 - at) * sizeof(*slot));
    *slot = *txn;
    slot->app_id = arena_str(&state->arena, txn->app_id);
}

static void apply_domain(struct delta_state *state, const struct delta_action_domain *domain)
{
    struct delta_snapshot *snapshot = &state->snapshot;
    size_t at = 0;
    while (at < snapshot->domains.count &&
           str_cmp(snapshot->domains.items[at].name, domain->domain) < 0) {
        at++;
    }
    bool known =
        at < snapshot->domains.count && str_eq(snapshot->domains.items[at].name, domain->domain);
    if (domain->removed) {
        if (known) {
            struct delta_property *slot = &snapshot->domains.items[at];
            memmove(slot, slot + 1, (snapshot->domains.count - 1 - at) * sizeof(*slot));
            snapshot->domains.count--;
        }
        return;
    }
    if (!known) {
        (void)vec_push(&snapshot->domains);
        struct delta_property *slot = &snapshot->domains.items[at];
        memmove(slot + 1, slot, (snapshot->domains.count - 1 - at) * sizeof(*slot));
        slot->name = arena_str(&state->arena, domain->domain);
        slot->value = STR("");
    }
    struct delta_property *slot = &snapshot->domains.items[at];
    if (!str_eq(slot->value, domain->configuration)) {
        slot->value = arena_str(&state->arena, domain->configuration);
    }
}

static void apply_metadata(struct delta_state *state, const struct delta_metadata *metadata)
{
    struct err unknown;
    struct delta_metadata *mine = &state->snapshot.metadata;
    delta_action_copy_metadata(&state->arena, metadata, mine);
    if (delta_schema_parse(&state->arena, mine->schema_string, &mine->schema, &unknown) < 0) {
        mine->schema = NULL;
    }
    state->has_metadata = true;
    state->changes++;
}

static void apply_info(struct delta_state *state, int64_t version,
                       const struct delta_action_info *info)
{
    state->snapshot.in_commit_timestamp_ms = info->in_commit_timestamp_ms;
    if (version > 0 && delta_action_replaces(info)) {
        state->snapshot.replaced_version = version;
        state->snapshot.replaced_operation = arena_str(&state->arena, info->operation);
    }
}

void delta_state_apply(struct delta_state *state, int64_t version,
                       const struct delta_action *action)
{
    switch (action->kind) {
    case DELTA_ACTION_PROTOCOL:
        delta_action_copy_protocol(&state->arena, &action->protocol, &state->snapshot.protocol);
        state->has_protocol = true;
        state->changes++;
        break;
    case DELTA_ACTION_METADATA:
        apply_metadata(state, &action->metadata);
        break;
    case DELTA_ACTION_TXN:
        apply_txn(state, &action->txn);
        break;
    case DELTA_ACTION_DOMAIN:
        apply_domain(state, &action->domain);
        break;
    case DELTA_ACTION_COMMIT_INFO:
        apply_info(state, version, &action->info);
        break;
    case DELTA_ACTION_UNKNOWN:
    case DELTA_ACTION_ADD:
    case DELTA_ACTION_REMOVE:
    case DELTA_ACTION_CDC:
    case DELTA_ACTION_SIDECAR:
    case DELTA_ACTION_CHECKPOINT:
        break;
    }
}

static void count_files(struct delta_snapshot *snapshot, const struct delta_log_commit *commit)
{
    if (snapshot->file_count >= 0) {
        snapshot->file_count += commit->add_count - commit->remove_count;
    }
    if (snapshot->file_bytes >= 0 && commit->has_file_bytes) {
        snapshot->file_bytes += commit->file_bytes;
    } else {
        snapshot->file_bytes = -1;
    }
    /* A log that removes what it never added counts for nothing. */
    snapshot->file_count = snapshot->file_count < 0 ? -1 : snapshot->file_count;
    snapshot->file_bytes = snapshot->file_bytes < 0 ? -1 : snapshot->file_bytes;
}

int delta_state_apply_commit(struct delta_state *state, const struct delta_log_commit *commit,
                             struct err *err)
{
    assert(commit->version == state->snapshot.version + 1);
    for (size_t i = 0; i < commit->actions.count; i++) {
        delta_state_apply(state, commit->version, &commit->actions.items[i]);
    }
    state->snapshot.version = commit->version;
    state->row_count += commit->add_count; /* a remove takes the place of its add */
    count_files(&state->snapshot, commit);
    return delta_state_check(state, err);
}

int delta_state_check(const struct delta_state *state, struct err *err)
{
    const char *lacks = !state->has_protocol   ? "protocol"
                        : !state->has_metadata ? "metaData"
                                               : NULL;
    if (lacks != NULL) {
        return err_set(err, ERR_CORRUPT, "the log up to version %" PRId64 " holds no %s action",
                       state->snapshot.version, lacks);
    }
    return 0;
}

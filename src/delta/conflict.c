/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/conflict.h"

/*
 * conflict - what foreign commits mean for us
 *
 * We append and read nothing of the table (a blind append), so most commits of
 * others are passed (delta.md 1.10):
 *
 *     the foreign commit has        then
 *     a txn with one of our ids     fenced: another instance has taken over
 *     metaData, protocol            plan again with the new schema
 *     replaced the table            plan again: the caller must look at it
 *     add, remove, cdc, other txn   nothing
 *     domainMetadata                nothing: we write none
 *
 *  (1) Every foreign commit that the handle reads comes by here, whoever asked
 *      for the reading: a fence that a refresh passed is found all the same.
 *  (2) "Ours" is an app id that was committed through this handle or that the
 *      change at hand carries.
 *  (3) A finding stays until it was reported: an error between reading the
 *      foreign commit and reporting it must not lose it.
 *  (4) A fence beats everything else, over all versions that were read.
 */

static size_t own_place(const struct delta_conflict *conflict, struct str app_id)
{
    size_t low = 0;
    size_t high = conflict->own.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(conflict->own.items[middle], app_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_own(const struct delta_conflict *conflict, struct str app_id)
{
    size_t at = own_place(conflict, app_id);
    return at < conflict->own.count && str_eq(conflict->own.items[at], app_id);
}

static bool is_in_change(const struct delta_change *change, struct str app_id)
{
    for (size_t i = 0; change != NULL && i < change->txn_count; i++) {
        if (str_eq(change->txns[i].app_id, app_id)) {
            return true;
        }
    }
    return false;
}

static void see_txn(struct delta_conflict *conflict, int64_t version, struct str app_id)
{
    bool own = is_own(conflict, app_id);
    if (!own && !is_in_change(conflict->change, app_id)) {
        return;
    }
    conflict->fenced_for_good = conflict->fenced_for_good || own;
    if (!conflict->fenced) {
        conflict->fenced = true;
        conflict->fenced_version = version;
        conflict->fenced_app_id = arena_str(&conflict->arena, app_id);
    }
}

void delta_conflict_see(struct delta_conflict *conflict, const struct delta_log_commit *commit)
{
    for (size_t i = 0; i < commit->actions.count; i++) {
        const struct delta_action *action = &commit->actions.items[i];
        switch (action->kind) {
        case DELTA_ACTION_TXN:
            see_txn(conflict, commit->version, action->txn.app_id);
            break;
        case DELTA_ACTION_PROTOCOL:
        case DELTA_ACTION_METADATA:
            conflict->replan = conflict->replan || conflict->change != NULL;
            break;
        case DELTA_ACTION_COMMIT_INFO:
            if (delta_action_replaces(&action->info)) {
                conflict->replan = conflict->replan || conflict->change != NULL;
            }
            break;
        case DELTA_ACTION_UNKNOWN:
        case DELTA_ACTION_ADD:
        case DELTA_ACTION_REMOVE:
        case DELTA_ACTION_CDC:
        case DELTA_ACTION_DOMAIN:
        case DELTA_ACTION_SIDECAR:
        case DELTA_ACTION_CHECKPOINT:
            break;
        }
    }
}

static void compare_txn(struct delta_conflict *conflict, struct str app_id,
                        const struct delta_snapshot *before, const struct delta_snapshot *after)
{
    const struct delta_txn *was = delta_find_txn(before, app_id);
    const struct delta_txn *is = delta_find_txn(after, app_id);
    bool same = was == NULL || is == NULL
                    ? was == is
                    : was->version == is->version && was->last_updated_ms == is->last_updated_ms;
    if (!same) {
        see_txn(conflict, after->version, app_id);
    }
}

void delta_conflict_see_jump(struct delta_conflict *conflict, const struct delta_snapshot *before,
                             const struct delta_snapshot *after)
{
    vec_foreach (struct str, app_id, &conflict->own) {
        compare_txn(conflict, *app_id, before, after);
    }
    if (conflict->change != NULL) {
        for (size_t i = 0; i < conflict->change->txn_count; i++) {
            compare_txn(conflict, conflict->change->txns[i].app_id, before, after);
        }
        conflict->replan = true;
    }
}

void delta_conflict_own(struct delta_conflict *conflict, const struct delta_change *change)
{
    for (size_t i = 0; i < change->txn_count; i++) {
        struct str app_id = change->txns[i].app_id;
        size_t at = own_place(conflict, app_id);
        if (at < conflict->own.count && str_eq(conflict->own.items[at], app_id)) {
            continue;
        }
        (void)vec_push(&conflict->own);
        struct str *slot = &conflict->own.items[at];
        memmove(slot + 1, slot, (conflict->own.count - 1 - at) * sizeof(*slot));
        *slot = arena_str(&conflict->arena, app_id);
    }
}

int delta_conflict_judge(struct delta_conflict *conflict, struct err *err)
{
    if (conflict->fenced) {
        conflict->fenced = conflict->fenced_for_good;
        conflict->replan = false;
        return err_set(err, ERR_FENCED,
                       "version %" PRId64 " of the table was written by another instance: it "
                       "carries txn \"%.*s\"",
                       conflict->fenced_version, STR_FMT(conflict->fenced_app_id));
    }
    bool replan = conflict->replan;
    conflict->replan = false;
    return replan;
}

void delta_conflict_done(struct delta_conflict *conflict)
{
    vec_done(&conflict->own);
    arena_done(&conflict->arena);
}

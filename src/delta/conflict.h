/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_CONFLICT_H
#define DELTA_CONFLICT_H

#include "delta/log.h"

/*
 * conflict - what foreign commits mean for us
 *
 * One for a table handle, from open to close; it sees every foreign commit that
 * the handle reads.
 */
struct delta_conflict {
    struct arena arena;
    VEC(struct str) own;               /* app ids committed through this handle, sorted */
    const struct delta_change *change; /* being committed, or NULL; borrowed */
    bool fenced;                       /* a foreign commit carries an app id of ours */
    bool fenced_for_good;              /* one of .own */
    int64_t fenced_version;
    struct str fenced_app_id;
    bool replan; /* metadata, protocol or the whole table changed while .change was set */
};

void delta_conflict_done(struct delta_conflict *conflict);

/* A foreign commit, in the order of the log. */
void delta_conflict_see(struct delta_conflict *conflict, const struct delta_log_commit *commit);
/* The commits between were not seen: only what they left behind. */
void delta_conflict_see_jump(struct delta_conflict *conflict, const struct delta_snapshot *before,
                             const struct delta_snapshot *after);
/* Our change was committed: its app ids are ours from now on. */
void delta_conflict_own(struct delta_conflict *conflict, const struct delta_change *change);

/* What was found since the last call: ERR_FENCED, 1 = plan again, 0 = nothing that hurts. */
int delta_conflict_judge(struct delta_conflict *conflict, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_STATE_H
#define DELTA_STATE_H

#include "delta/log.h"

/*
 * state - what a sequence of commits amounts to, but for files
 *
 * Owns what the snapshot borrows.  Actions are applied in the order of the log.
 */
struct delta_state {
    struct delta_snapshot snapshot;
    struct arena arena; /* strings of the snapshot */
    bool has_protocol, has_metadata;
    int64_t changes;   /* of protocol and metadata so far */
    int64_t row_count; /* about what a checkpoint now has to hold, tombstones included */
};

void delta_state_init(struct delta_state *state); /* version -1 */
void delta_state_done(struct delta_state *state);
#define AUTO_STATE AUTO(delta_state_done)

/* The action of a checkpoint or of commit `version`. */
void delta_state_apply(struct delta_state *state, int64_t version,
                       const struct delta_action *action);
/* All of a commit. It must be the next version. ERR_CORRUPT as delta_state_check. */
int delta_state_apply_commit(struct delta_state *state, const struct delta_log_commit *commit,
                             struct err *err);
/* ERR_CORRUPT when protocol or metaData never came. */
int delta_state_check(const struct delta_state *state, struct err *err);

#endif

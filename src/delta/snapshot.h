/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_SNAPSHOT_H
#define DELTA_SNAPSHOT_H

#include "delta/conflict.h"
#include "delta/load.h"
#include "delta/state.h"

/*
 * snapshot - the table handle, and how it comes to know the newest version
 */
struct delta_table {
    struct store *store;          /* owns */
    struct delta_options options; /* borrows what it points to */
    struct delta_state state;
    struct delta_conflict conflict;
    struct delta_counters counters;
    struct rng rng;              /* jitter */
    int64_t checked_changes;     /* state.changes for which delta_check_append was fine */
    bool checkpoint_asked;       /* delta_checkpoint_due was true, and when it was last */
    int64_t checkpoint_asked_us; /* clock_boot_us */
    int64_t own_version;         /* of our newest commit; 0 with own_bytes 0 = none yet */
    uint64_t own_bytes;          /* of its body */
};

/* What a snapshot was made of: base checkpoint, then commits base + 1 … version. */
struct delta_segment {
    struct delta_log_list list;
    const struct delta_log_checkpoint *checkpoint; /* into .list; NULL = from version 0 */
    int64_t version;                               /* -1 = there is no table */
};
void delta_segment_done(struct delta_segment *segment);
#define AUTO_SEGMENT AUTO(delta_segment_done)

/*
 * Reads the state as of `version` (-1 = newest) into an initialised `state`, from the newest
 * checkpoint that can be read.  *segment must be {0}.  ERR_CONFIG: no such version.
 */
int delta_snapshot_load(struct store *store, const struct delta_options *options, int64_t version,
                        struct delta_state *state, struct delta_segment *segment, struct err *err);

enum delta_advance {
    DELTA_ADVANCE_NOTHING,
    DELTA_ADVANCE_COMMITS,  /* table->conflict saw each of them */
    DELTA_ADVANCE_RELOADED, /* the log was cleaned under us: loaded anew */
};
/* Looks at the log and applies what is new. An enum delta_advance. */
int delta_snapshot_advance(struct delta_table *table, struct err *err);

#endif

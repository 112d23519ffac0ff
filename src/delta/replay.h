/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_REPLAY_H
#define DELTA_REPLAY_H

#include "delta/snapshot.h"

/*
 * replay - the file actions of one version, ready for SQL
 *
 * Owns a connection, local copies of a checkpoint and a spool file with the
 * actions of the commits since.
 */
struct delta_replay {
    struct delta_state state; /* without files: protocol, metaData, txns, domains */
    struct delta_segment segment;
    struct sql_conn *conn;
    struct delta_load load;
    char *dir;            /* below the spool */
    struct str tail_path; /* NDJSON of file actions; borrows from .arena */
    int64_t tail_count;
    size_t line_max; /* bytes of the longest line in it */
    struct arena arena;
};

/* `version` -1 = newest; state.snapshot.version stays -1 when there is no table. */
int delta_replay_open(struct delta_replay *replay, struct store *store, struct sql_db *db,
                      const char *spool, int64_t version, struct err *err);
void delta_replay_done(struct delta_replay *replay);
#define AUTO_REPLAY AUTO(delta_replay_done)

/*
 * Makes the temporary views "live" and "gone" on the connection: adds that hold, in column "add"
 * (DELTA_LOAD_ADD), and removes newer than `cutoff_ms`, in column "remove" (DELTA_LOAD_REMOVE).
 */
int delta_replay_views(struct delta_replay *replay, int64_t cutoff_ms, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_LOAD_H
#define DELTA_LOAD_H

#include "delta/log.h"

/*
 * load - the files of one checkpoint on the local disk, for SQL to read
 *
 *     open   ( actions | sidecar* )   [ files   select ]   done
 *
 * Owns the files with holes below the spool; a local store's files are read where
 * they are.  The columns of file actions, which are nearly all of a checkpoint,
 * come with delta_load_files: who opens a table to append to it does without.
 */
struct delta_load_file {
    struct str path;         /* local */
    VEC(struct str) columns; /* names from the root on, joined by DELTA_LOAD_SEP */
    int64_t row_count;
    struct sql_sparse *sparse; /* owns; NULL = the file is whole */
};
#define DELTA_LOAD_SEP "\x1f"

struct delta_load {
    struct store *store;   /* borrows */
    struct sql_conn *conn; /* borrows */
    struct arena arena;
    char *dir;                         /* of files with holes; NULL = none made */
    struct sql_sparse_count count;     /* bytes of Parquet that went over the wire */
    VEC(struct delta_load_file) files; /* Parquet */
    struct buf json;                   /* body of a V2 JSON checkpoint */
    struct str json_key;
};

/*
 * Brings the checkpoint's own files (not its sidecars) to the disk, without their file actions.
 * ERR_CORRUPT: a file is gone or no Parquet.
 */
int delta_load_open(struct delta_load *load, struct store *store, struct sql_conn *conn,
                    const char *spool, const struct delta_log_checkpoint *checkpoint,
                    struct err *err);
void delta_load_done(struct delta_load *load);
#define AUTO_LOAD AUTO(delta_load_done)

/* The actions that are not on files, sidecars among them. */
typedef int (*delta_load_action_fn)(void *user, const struct delta_action *action, struct err *err);
int delta_load_actions(struct delta_load *load, delta_load_action_fn on_action, void *user,
                       struct err *err);
/* One more file of the checkpoint: the path of a sidecar action. */
int delta_load_sidecar(struct delta_load *load, const char *spool, struct str path,
                       struct err *err);

/* Brings the columns of the file actions, of all files and sidecars. */
int delta_load_files(struct delta_load *load, struct err *err);
/*
 * Appends a SELECT of the file actions, after delta_load_files: path, dv, add, remove; the last two
 * with the types DELTA_LOAD_ADD and DELTA_LOAD_REMOVE.  Nothing and 0 when no file has any.
 * `schema` tells how to read struct statistics; NULL = leave them.
 */
bool delta_load_select(const struct delta_load *load, const struct type *schema, struct buf *sql);

#define DELTA_LOAD_MAP "MAP(VARCHAR, VARCHAR)"
#define DELTA_LOAD_DV                                                                              \
    "STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, \"offset\" INTEGER, "                     \
    "sizeInBytes INTEGER, cardinality BIGINT, maxRowIndex BIGINT)"
#define DELTA_LOAD_ADD                                                                             \
    "STRUCT(path VARCHAR, partitionValues " DELTA_LOAD_MAP ", size BIGINT, "                       \
    "modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, tags " DELTA_LOAD_MAP ", "        \
    "deletionVector " DELTA_LOAD_DV ", baseRowId BIGINT, defaultRowCommitVersion BIGINT, "         \
    "clusteringProvider VARCHAR)"
#define DELTA_LOAD_REMOVE                                                                          \
    "STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, "                          \
    "extendedFileMetadata BOOLEAN, partitionValues " DELTA_LOAD_MAP ", size BIGINT, "              \
    "deletionVector " DELTA_LOAD_DV ", baseRowId BIGINT, defaultRowCommitVersion BIGINT)"

#endif

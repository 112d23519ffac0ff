/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_LOG_H
#define DELTA_LOG_H

#include "delta/action.h"

/*
 * log - the files of _delta_log: names, listing, whole commits
 */
#define DELTA_LOG_DIR      "_delta_log/"
#define DELTA_LOG_HINT     "_delta_log/_last_checkpoint"
#define DELTA_LOG_SIDECARS "_delta_log/_sidecars/"
#define DELTA_LOG_BODY_MAX ((size_t)1 << 30)
#define DELTA_LOG_ACTIONS                                                                          \
    "sluiceActions"            /* member of commitInfo: actions of the commit, all in              \
                                */
#define DELTA_LOG_KEY_BYTES 48 /* "_delta_log/<20 digits>.json" and its NUL fit */

enum delta_log_kind {
    DELTA_LOG_OTHER,
    DELTA_LOG_COMMIT,
    DELTA_LOG_CLASSIC,    /* N.checkpoint.parquet */
    DELTA_LOG_MULTIPART,  /* N.checkpoint.P.PARTS.parquet */
    DELTA_LOG_V2_PARQUET, /* N.checkpoint.<uuid>.parquet */
    DELTA_LOG_V2_JSON,
};

struct delta_log_name {
    enum delta_log_kind kind;
    int64_t version;
    uint64_t part, parts; /* multi-part only, from 1 */
};

/* What a file name below _delta_log/ says. */
struct delta_log_name delta_log_parse_name(struct str name);
/* "_delta_log/<version>.json" */
struct str delta_log_commit_key(char out[DELTA_LOG_KEY_BYTES], int64_t version);

/* A complete checkpoint. */
struct delta_log_checkpoint {
    enum delta_log_kind kind;
    int64_t version;
    size_t file_count; /* multi-part: parts, in order; else 1 */
    struct store_entry *files;
};

struct delta_log_list {
    struct arena arena;
    VEC(int64_t) commits;                         /* ascending */
    VEC(struct delta_log_checkpoint) checkpoints; /* complete ones, ascending */
};

void delta_log_list_done(struct delta_log_list *list);
#define AUTO_LOG_LIST AUTO(delta_log_list_done)
/* Adds what there is from version `from` on (0 = everything). */
int delta_log_list(struct store *store, int64_t from, struct delta_log_list *list, struct err *err);

/*
 * The same from `version` on, found by asking for one commit after the other, without the
 * checkpoints: for a store whose lists read whole folders, from a version that should be there.
 */
int delta_log_probe(struct store *store, int64_t version, struct delta_log_list *list,
                    struct err *err);

/* What _last_checkpoint says; -1 = unknown. */
struct delta_log_hint {
    int64_t version;
    int64_t add_count;  /* files of the table at that version */
    int64_t file_bytes; /* and their sizes together: in a tag of ours */
};
#define DELTA_LOG_HINT_BYTES "sluice.tableSizeInBytes"
/* Outcome 1, or 0 when there is none or it is garbage. */
int delta_log_read_hint(struct store *store, struct delta_log_hint *ret_hint, struct err *err);

/* A commit, whole. Actions on files are only counted. */
struct delta_log_commit {
    int64_t version;
    struct arena arena;
    VEC(struct delta_action) actions;
    int64_t add_count;
    int64_t remove_count;
    int64_t file_bytes;  /* of the adds less those of the removes */
    bool has_file_bytes; /* false = some action does not tell its size */
};
void delta_log_commit_done(struct delta_log_commit *commit);
#define AUTO_COMMIT AUTO(delta_log_commit_done)

/* Gets every action on a file, valid during the call. */
typedef int (*delta_log_file_fn)(void *user, const struct delta_action *action, struct err *err);

/*
 * Parses the body of a file of action lines (a commit, a V2 JSON checkpoint) named `key`.
 * `body` must outlive *commit.  on_file may be NULL.  ERR_CORRUPT names file and line.
 */
int delta_log_parse(struct str key, struct str body, struct delta_log_commit *commit,
                    delta_log_file_fn on_file, void *user, struct err *err);

/*
 * Reads the commits first…last in order, several at a time, and calls on_commit for each.
 * ERR_IO with retry when one is not there: they are to be listed ones.
 */
typedef int (*delta_log_commit_fn)(void *user, const struct delta_log_commit *commit,
                                   struct err *err);
int delta_log_read(struct store *store, int64_t first, int64_t last, delta_log_file_fn on_file,
                   delta_log_commit_fn on_commit, void *user, struct err *err);

#endif

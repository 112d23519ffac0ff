/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_ACTION_H
#define DELTA_ACTION_H

#include "delta/delta.h"

/*
 * action - one line of the log
 *
 * A parsed action borrows from the arena and from the line; arrays in it (VEC)
 * lie in the arena too and are never pushed to or freed.
 */
enum delta_action_kind {
    DELTA_ACTION_UNKNOWN, /* to be ignored */
    DELTA_ACTION_PROTOCOL,
    DELTA_ACTION_METADATA,
    DELTA_ACTION_TXN,
    DELTA_ACTION_ADD,
    DELTA_ACTION_REMOVE,
    DELTA_ACTION_CDC,
    DELTA_ACTION_COMMIT_INFO,
    DELTA_ACTION_DOMAIN,
    DELTA_ACTION_SIDECAR,
    DELTA_ACTION_CHECKPOINT, /* checkpointMetadata */
};

/* add, remove and cdc. Numbers that are not there are -1, strings have ptr NULL. */
struct delta_action_file {
    struct str path;  /* as in the log */
    struct str dv_id; /* unique id of the deletion vector, empty = none */
    struct str stats;
    struct str clustering_provider;
    const struct json *partition_values; /* object; NULL = not there */
    const struct json *tags;
    const struct json *deletion_vector;
    int64_t size_bytes;
    int64_t modified_ms; /* remove: deletionTimestamp */
    int64_t base_row_id;
    int64_t default_row_commit_version;
    bool data_change;
    bool extended_metadata;
};

struct delta_action_info {
    struct str operation;
    struct str mode; /* operationParameters.mode or .outputMode */
    struct str txn_id;
    int64_t in_commit_timestamp_ms; /* 0 = not there */
    const struct json *tree;
};

struct delta_action_domain {
    struct str domain;
    struct str configuration;
    bool removed;
};

struct delta_action_sidecar {
    struct str path;
    int64_t size_bytes;
};

struct delta_action {
    enum delta_action_kind kind;
    union {
        struct delta_protocol protocol;
        struct delta_metadata metadata; /* .schema is not set */
        struct delta_txn txn;
        struct delta_action_file file;
        struct delta_action_info info;
        struct delta_action_domain domain;
        struct delta_action_sidecar sidecar;
        int64_t checkpoint_version;
    };
};

/*
 * Parses one line. ERR_DATA when it is not a JSON object or an action that we know lacks what
 * it must have. `line` and `arena` must outlive *ret_action.
 */
int delta_action_parse(struct arena *arena, struct str line, struct delta_action *ret_action,
                       struct err *err);

bool delta_action_is_file(const struct delta_action *action);
/* True for a commit that replaces what the table holds (overwrite, RESTORE, CREATE OR REPLACE). */
bool delta_action_replaces(const struct delta_action_info *info);

/* One line each, with its newline. */
void delta_action_print_protocol(const struct delta_protocol *protocol, struct buf *out);
void delta_action_print_metadata(const struct delta_metadata *metadata, struct buf *out);
void delta_action_print_txn(const struct delta_txn *txn, struct buf *out);
void delta_action_print_domain(const struct delta_action_domain *domain, struct buf *out);
void delta_action_print_add(const struct delta_add *add, const struct str *partition_columns,
                            struct buf *out);

/* The value of an add or remove action as checkpoint.c reads it back: known members only, map
 * values as strings. `w` stands where a value is due. */
void delta_action_write_file(struct json_writer *w, const struct delta_action *action);

/* Copies of strings, all the way down, into `arena`. */
void delta_action_copy_protocol(struct arena *arena, const struct delta_protocol *from,
                                struct delta_protocol *ret_copy);
void delta_action_copy_metadata(struct arena *arena, const struct delta_metadata *from,
                                struct delta_metadata *ret_copy);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DEADLETTERS_SQL_H
#define CLI_DEADLETTERS_SQL_H

#include "base/base.h"

/*
 * deadletters_sql - which dead letters are open, as SQL over the two tables
 */

/* Columns of the table of claims, beside the dead letter table: what was chosen to be replayed. */
extern const char cli_deadletters_claim_columns[];
/* SELECTs without rows that stand in for tables which are not there yet. */
extern const char cli_deadletters_no_letters[];
extern const char cli_deadletters_no_claims[];

/* The letters of one query, in the tables or views of these names. */
struct cli_deadletters_of {
    struct str query;
    const char *letters, *claims;
};

/* What is asked for; NULL and CLI_NUMBER_NONE = any. */
struct cli_deadletters_filter {
    const char *reason, *topic;
    int64_t partition;
    int64_t from, to; /* offsets, both included */
};

/* A replay writes under a name of its own, so that the query itself may run. */
void cli_deadletters_sql_replay_query(struct buf *out, struct str query);

/* The newest `limit` letters, the newest last: for people. */
void cli_deadletters_sql_show(struct buf *out, const struct cli_deadletters_of *items, size_t count,
                              const struct cli_deadletters_filter *filter, int64_t limit);
/* How many that is without the limit. */
void cli_deadletters_sql_count(struct buf *out, const struct cli_deadletters_of *items,
                               size_t count, const struct cli_deadletters_filter *filter);
/* Counts by reason. */
void cli_deadletters_sql_summary(struct buf *out, const struct cli_deadletters_of *items,
                                 size_t count, const struct cli_deadletters_filter *filter);

/*
 * The rows that claim every open letter of the filter for replay `replay_id`: columns of
 * cli_deadletters_claim_columns.  A message that is a letter several times is one row.
 */
void cli_deadletters_sql_choose(struct buf *out, const struct cli_deadletters_of *of,
                                const struct cli_deadletters_filter *filter,
                                const struct str *streams, size_t stream_count, int64_t replay_id);
/* Open letters of the filter that cannot be replayed: "topic:partition:offset" and why, 'cut' or
 * 'stream'. */
void cli_deadletters_sql_unable(struct buf *out, const struct cli_deadletters_of *of,
                                const struct cli_deadletters_filter *filter,
                                const struct str *streams, size_t stream_count);
/* The newest replay's rows of the claims. */
void cli_deadletters_sql_newest(struct buf *out, const struct cli_deadletters_of *of);
/* What the rows in `chosen` claim of one stream, in their order: replay_offset, topic, topic_id,
 * partition, offset, timestamp in µs, key and value in hex, headers as [{"k": …, "v": hex}]. */
void cli_deadletters_sql_messages(struct buf *out, const struct cli_deadletters_of *of,
                                  const char *chosen, struct str stream);
/* How many letters came of a replay. */
void cli_deadletters_sql_again(struct buf *out, const struct cli_deadletters_of *of,
                               int64_t replay_id);

#endif

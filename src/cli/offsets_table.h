/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OFFSETS_TABLE_H
#define CLI_OFFSETS_TABLE_H

#include "cli/bound.h"
#include "cli/cli.h"
#include "cli/spool.h"

/*
 * offsets_table - what a table and its topics say of a query's positions
 */
struct cli_offsets_values {
    struct cli_common common;
    const char *table;
    const char *stream;
    const char *partition;
    int64_t offset;
    const char *from;
    bool yes;
    bool json;
    int64_t timeout_us;
};

struct cli_offsets_row {
    struct sink_position position; /* next_offset: the table's; -1 = none */
    bool recorded;                 /* the table has it */
    bool current;                  /* the source has this partition now */
    bool asked;                    /* the source has been asked */
    int64_t log_start, log_end;    /* -1 = not known */
    int64_t group_offset;          /* what lag tools have been told; -1 = nothing or not known */
};

/* A txn to be written. */
struct cli_offsets_change_of {
    struct str query; /* whose it is */
    struct sink_position position;
    int64_t from, to; /* -1 = none */
};

struct cli_offsets {
    struct arena arena;
    struct cli_bound bound;
    struct cli_spool spool;
    struct delta_table *delta; /* NULL = not there yet */
    int64_t sequence;          /* commits of this query; -1 = none */
    VEC(struct cli_offsets_row) rows;
    char trouble[512];       /* why the source did not answer; "" = it did */
    char group_trouble[512]; /* the same of the consumer group, which only informs */
    VEC(struct cli_offsets_change_of) changes;
    struct str adopt_from; /* another query, whose fence is raised too */
    bool accept;           /* the positions stay as they are and are written anew */
};

/* The only streaming table, or the one called `name`. */
int cli_offsets_choose(const struct plan *plan, const char *name,
                       const struct plan_table **ret_table, struct err *err);
/* Reads the table and asks the broker; one that does not answer is a .trouble, not an error. */
int cli_offsets_open(struct cli_offsets *o, const struct plan *plan, const struct plan_table *table,
                     struct stop *stop, int64_t timeout_us, struct err *err);
void cli_offsets_close(struct cli_offsets *o);
#define AUTO_OFFSETS AUTO(cli_offsets_close)

int64_t cli_offsets_lag(const struct cli_offsets_row *row); /* -1 = not known */
/* "ok", "new", "lost", "recreated", "gone", "unknown", "beyond the end" */
const char *cli_offsets_state(const struct cli_offsets_row *row);

void cli_offsets_change(struct cli_offsets *o, const struct sink_position *position, int64_t to);
/* Also forgets this partition under other topic ids: the topic was recreated. */
void cli_offsets_forget_former(struct cli_offsets *o, const struct sink_position *position);
/* Plans the take-over from another query, or of what the query has itself. */
int cli_offsets_adopt(struct cli_offsets *o, struct str from, struct err *err);

void cli_offsets_describe(const struct cli_offsets *o, struct buf *out);
int cli_offsets_commit(struct cli_offsets *o, int64_t *ret_version, struct err *err);

#endif

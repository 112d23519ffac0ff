/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DEADLETTERS_REPLAY_H
#define CLI_DEADLETTERS_REPLAY_H

#include "cli/cli.h"
#include "cli/deadletters_sql.h"
#include "cli/scan_query.h"

/*
 * deadletters_replay - dead letters once more through the pipeline, each once
 */
struct cli_deadletters_values {
    struct cli_common common;
    const char *table;
    const char *reason;
    const char *topic;
    int64_t partition, from, to;
    int64_t limit;
    int format;
    bool summary;
    bool yes;
    int64_t timeout_us;
    const char *fetch_max;
};

/* What follows from the options. */
struct cli_deadletters_filter cli_deadletters_filter_of(const struct cli_deadletters_values *v);
/* Where the claims of a dead letter table are. */
struct str cli_deadletters_claims_of(const struct plan_table *table, struct arena *arena);
/* The two tables of a query, for cli_scan_query_open_tables; `number` tells several apart. */
struct cli_deadletters_of cli_deadletters_tables(const struct plan_table *table, size_t number,
                                                 struct arena *arena,
                                                 struct cli_scan_query_table ret_tables[2]);
int cli_deadletters_fetch_max(const struct cli_deadletters_values *v, uint64_t *ret_bytes,
                              struct err *err);

int cli_deadletters_replay(const struct cli_args *args, const void *values, struct err *err);

#endif

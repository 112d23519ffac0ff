/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BOUND_H
#define CLI_BOUND_H

#include "connect/delta_sink.h"
#include "plan/plan.h"

/*
 * bound - one streaming table of a plan, bound as the job does it
 */
struct cli_bound {
    const struct plan *plan;
    const struct plan_table *table;
    struct sql_db *db;
    struct sql_conn *conn;
    struct plan_query *query;
};

int cli_bound_open(struct cli_bound *b, const struct plan *plan, const struct plan_table *table,
                   struct err *err);
void cli_bound_close(struct cli_bound *b); /* {0} is fine */
#define AUTO_BOUND AUTO(cli_bound_close)

/*
 * A source of the table that has found its partitions; `stop` must outlive it.  `settings` NULL =
 * the stream's.  ERR_CANCELED says what was waited for.
 */
int cli_bound_source(const struct cli_bound *b, const struct plan_input *input,
                     const struct settings *settings, struct stop *stop, struct source **ret_source,
                     struct err *err);

#endif

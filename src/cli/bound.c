/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bound - one streaming table of a plan, bound as the job does it
 *
 * A source waits for its broker for ever, as a job wants it; a person at a
 * terminal does not: callers pass the stop of a struct cli_deadline.
 */
#include "cli/bound.h"

int cli_bound_open(struct cli_bound *b, const struct plan *plan, const struct plan_table *table,
                   struct err *err)
{
    struct sql_db_options options = {.threads = 1, .sandbox = true};
    b->plan = plan;
    b->table = table;
    TRY(sql_open(&options, &b->db, err));
    TRY(sql_connect(b->db, &b->conn, err));
    TRY(sql_register_text_function(b->conn, DELTA_SINK_KEY_FUNCTION, delta_sink_partition_key,
                                   err));
    return plan_bind(plan, table, b->conn, &b->query, err);
}

void cli_bound_close(struct cli_bound *b)
{
    plan_query_free(b->query);
    sql_disconnect(b->conn);
    sql_close(b->db);
}

int cli_bound_source(const struct cli_bound *b, const struct plan_input *input,
                     const struct settings *settings, struct stop *stop, struct source **ret_source,
                     struct err *err)
{
    const struct plan_stream *stream = input->stream;
    AUTO_FREE char *query = str_dup(b->table->query_name);
    struct source *source = NULL;
    TRY(source_open(stream->source, settings == NULL ? &stream->settings : settings, query, stop,
                    &source, err));
    int rc = source_discover(source, err);
    if (rc == ERR_CANCELED && source->status.reason[0] != '\0') {
        rc = err_set(err, ERR_CANCELED, "%s", source->status.reason);
    }
    if (rc < 0) {
        source_close(source);
        return err_wrap(err, "stream \"%.*s\"", STR_FMT(stream->name));
    }
    *ret_source = source;
    return 0;
}

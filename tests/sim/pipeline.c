/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline - the plan that the instances run
 *
 * Its text goes through plan_load, so options and presets are the real ones.
 * plan_bind needs DuckDB, which no schedule can afford: it runs once at the
 * beginning, and its result serves all, over another source of rows.
 */
#include "pipeline.h"

#include "fake_source.h"
#include "fake_sql.h"
#include "wrap.h"

static struct {
    struct plan *plan;
    struct plan_query *query;
    struct sql_db *db;
    struct sql_conn *conn;
} bound;

/* Text of a plan; the words with %s are drawn. */
static int load(const char *on_bad_record, const char *batch, const char *trigger,
                const char *properties, struct plan **ret_plan, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text,
               "CREATE STREAM " SIM_STREAM " (v BIGINT, s STRING) USING sim OPTIONS "
               "('onBadRecord' = '%s'%s);\n"
               "CREATE STREAMING TABLE " SIM_QUERY " USING delta LOCATION '" SIM_LOCATION "' "
               "%s OPTIONS ('trigger' = '%s', 'mergeSchema' = 'true') AS\n"
               "SELECT _partition AS p, _offset AS o, v, s FROM " SIM_STREAM ";\n",
               on_bad_record, batch, properties, trigger);
    return plan_load(STR("sim.sql"), buf_str(&text), ret_plan, err);
}

int pipeline_open(struct err *err)
{
    struct sql_db_options options = {.threads = 1, .memory_bytes = (uint64_t)64 << 20};
    TRY(load("null", "", "0 seconds", "", &bound.plan, err));
    TRY(sql_open(&options, &bound.db, err));
    TRY(sql_connect(bound.db, &bound.conn, err));
    return plan_bind(bound.plan, &bound.plan->tables.items[0], bound.conn, &bound.query, err);
}

void pipeline_close(void)
{
    plan_query_free(bound.query);
    sql_disconnect(bound.conn);
    sql_close(bound.db);
    plan_free(bound.plan);
}

struct plan *pipeline_load(struct world *world)
{
    static const char *const modes[] = {
        [PLAN_BAD_NULL] = "null", [PLAN_BAD_DROP] = "drop", [PLAN_BAD_FAIL] = "fail"};
    static const char *const triggers[] = {"0 seconds", "0 seconds", "200 milliseconds",
                                           "1 second"};
    static const char *const batches[] = {"", "", ", 'maxOffsetsPerTrigger' = '2'",
                                          ", 'maxOffsetsPerTrigger' = '7'"};
    /* A month is more than an eighth of it, so that a query that runs writes its positions anew;
     * all months of a schedule are less. */
    static const char retention[] =
        "TBLPROPERTIES ('delta.setTransactionRetentionDuration' = 'interval 240 days')";
    struct plan *plan = NULL;
    struct err err;
    int rc =
        load(modes[world->on_bad_record], batches[rng_below(&world->rng, ARRAY_COUNT(batches))],
             triggers[rng_below(&world->rng, ARRAY_COUNT(triggers))],
             world->with_months ? retention : "", &plan, &err);
    assert(rc >= 0);
    return plan;
}

/* ---- instead of plan/ ------------------------------------------------------------------------ */

const struct source_ops *__wrap_source_find(struct str name, struct err *err)
{
    return str_eq_c(name, "sim") ? &fake_source_ops : __real_source_find(name, err);
}

int __wrap_plan_bind(const struct plan *plan, const struct plan_table *table, struct sql_conn *conn,
                     struct plan_query **ret_query, struct err *err)
{
    if (instance_now() == NULL) {
        return __real_plan_bind(plan, table, conn, ret_query, err);
    }
    assert(bound.query->inputs.count == 1);
    struct plan_query *query = mem_new(struct plan_query);
    *query = *bound.query; /* its texts and types live as long as the program */
    query->table = table;
    query->arena = (struct arena){0};
    memset(&query->inputs, 0, sizeof(query->inputs));
    struct plan_input *input = vec_push(&query->inputs);
    *input = bound.query->inputs.items[0];
    input->stream = &plan->streams.items[0];
    input->row_type = input->stream->scan_type;
    input->source = fake_sql_source(&query->arena, input);
    *ret_query = query;
    return 0;
}

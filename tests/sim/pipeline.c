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

/* By the number of streams, from 1. */
struct binding {
    struct plan *plan;
    struct plan_query *query;
    struct sql_db *db;
    struct sql_conn *conn;
};
static struct binding bindings[TOPIC_STREAMS];

static void add_stream(int number, const char *options, struct buf *out)
{
    buf_printf(out,
               "CREATE STREAM " SIM_STREAM "%d (v BIGINT, s STRING) USING sim OPTIONS "
               "('stream' = '%d'%s);\n",
               number, number, options);
}

static int load(int stream_count, const char *stream_options, const char *trigger,
                const char *properties, struct plan **ret_plan, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < stream_count; i++) {
        add_stream(i, stream_options, &text);
    }
    buf_printf(&text,
               "CREATE STREAMING TABLE " SIM_QUERY " USING delta LOCATION '" SIM_LOCATION "' "
               "%s OPTIONS ('trigger' = '%s', 'mergeSchema' = 'true') AS\n",
               properties, trigger);
    for (int i = 0; i < stream_count; i++) {
        buf_printf(&text, "%sSELECT _partition + %d AS p, _offset AS o, v, s FROM " SIM_STREAM "%d",
                   i == 0 ? "" : " UNION ALL ", i * TOPIC_STREAM_PARTITIONS, i);
    }
    return plan_load(STR("sim.sql"), buf_str(&text), ret_plan, err);
}

static int bind(int stream_count, struct binding *b, struct err *err)
{
    struct sql_db_options options = {.threads = 1, .memory_bytes = (uint64_t)64 << 20};
    TRY(load(stream_count, "", "0 seconds", "", &b->plan, err));
    TRY(sql_open(&options, &b->db, err));
    TRY(sql_connect(b->db, &b->conn, err));
    return plan_bind(b->plan, &b->plan->tables.items[0], b->conn, &b->query, err);
}

int pipeline_open(struct err *err)
{
    for (int i = 0; i < TOPIC_STREAMS; i++) {
        TRY(bind(i + 1, &bindings[i], err));
    }
    return 0;
}

void pipeline_close(void)
{
    for (size_t i = 0; i < TOPIC_STREAMS; i++) {
        plan_query_free(bindings[i].query);
        sql_disconnect(bindings[i].conn);
        sql_close(bindings[i].db);
        plan_free(bindings[i].plan);
    }
}

struct plan *pipeline_load(struct world *world, int generation)
{
    static const char *const modes[] = {[PLAN_BAD_NULL] = "null",
                                        [PLAN_BAD_DROP] = "drop",
                                        [PLAN_BAD_FAIL] = "fail",
                                        [PLAN_BAD_DEAD_LETTER] = "deadletter"};
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
    AUTO_BUF struct buf options = {0};
    buf_printf(&options, ", 'onBadRecord' = '%s'%s", modes[world->on_bad_record],
               batches[rng_below(&world->rng, ARRAY_COUNT(batches))]);
    if (generation % 2 == 1) {
        buf_printf(&options, ", 'maxMessageBytes' = '%d'", TOPIC_MESSAGE_BYTES);
    }
    int rc = load(world->stream_count, options.ptr,
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
    const struct plan_query *bound = bindings[plan->streams.count - 1].query;
    assert(bound->inputs.count == plan->streams.count);
    struct plan_query *query = mem_new(struct plan_query);
    *query = *bound; /* its texts and types live as long as the program */
    query->table = table;
    query->arena = (struct arena){0};
    memset(&query->inputs, 0, sizeof(query->inputs));
    for (size_t i = 0; i < bound->inputs.count; i++) {
        struct plan_input *input = vec_push(&query->inputs);
        *input = bound->inputs.items[i];
        input->stream = &plan->streams.items[i];
        input->row_type = input->stream->scan_type;
        input->source = fake_sql_source(&query->arena, i);
    }
    *ret_query = query;
    return 0;
}

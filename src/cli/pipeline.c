/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline - the plan that a command is about
 *
 * Without a file the environment says it all, with the names that users of the Spark job know.
 * The text is a pipeline like any other: it has an inferred stream whose columns grow, what does
 * not fit is rescued, and what is no JSON becomes a dead letter, so that nothing is lost.
 */
#include "cli/pipeline.h"

#include <stdlib.h>

#include "cli/deadline.h"
#include "job/job.h"

#define BACKOFF_FIRST_US ((int64_t)500000)
#define BACKOFF_MAX_US   ((int64_t)30 * 1000000)

static const char environment_pipeline[] =
    "CREATE STREAM messages USING kafka OPTIONS (\n"
    "    'kafka.bootstrap.servers' = '${KAFKA_BROKER:-localhost:9092}',\n"
    "    subscribe                 = '${KAFKA_TOPIC}',\n"
    "    startingOffsets           = 'earliest',\n"
    "    schemaEvolutionMode       = 'addNewColumns',\n"
    "    rescuedDataColumn         = '_rescued_data',\n"
    "    onBadRecord               = 'deadletter'\n"
    ");\n"
    "CREATE STREAMING TABLE messages_table USING delta LOCATION '${DELTA_LAKE_PATH}'\n"
    "OPTIONS (queryName = '${KAFKA_TOPIC}', checkpointLocation = '${CHECKPOINT_DIR:-}')\n"
    "AS SELECT * FROM messages;\n";

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

int cli_pipeline_load(const struct cli_args *args, struct plan **ret_plan, struct err *err)
{
    if (args->count > 0) {
        return plan_load_file(args->items[0], ret_plan, err);
    }
    if (!is_set("KAFKA_TOPIC") || !is_set("DELTA_LAKE_PATH")) {
        return err_set(err, ERR_CONFIG,
                       "FILE.sql is missing; without one, KAFKA_TOPIC and DELTA_LAKE_PATH must be "
                       "set (and KAFKA_BROKER, CHECKPOINT_DIR, MINIO_ENDPOINT, MINIO_ROOT_USER, "
                       "MINIO_ROOT_PASSWORD as needed)");
    }
    return plan_load(STR("environment"), str_of(environment_pipeline), ret_plan, err);
}

int cli_pipeline_resolve(struct plan *plan, struct stop *stop, int64_t timeout_us, struct err *err)
{
    struct cli_deadline deadline;
    cli_deadline_begin(&deadline, stop, timeout_us);
    struct plan_resolve_options options = {
        .connect = true, .stop = &deadline.stop, .wait_us = timeout_us};
    int rc = plan_resolve(plan, &options, err);
    rc = cli_deadline_judge(&deadline, rc, timeout_us, err);
    cli_deadline_end(&deadline);
    return rc;
}

static void announce(const struct plan *plan)
{
    vec_foreach (const struct plan_stream, stream, &plan->streams) {
        if (stream->row_type == NULL) {
            log_line(LOG_INFO, "looking for the columns", LOG_STR("stream", stream->name), LOG_END);
        }
    }
}

int cli_pipeline_await(struct plan *plan, struct stop *stop, struct err *err)
{
    announce(plan);
    int64_t backoff_us = BACKOFF_FIRST_US;
    for (;;) {
        struct plan_resolve_options options = {.connect = true,
                                               .stop = stop,
                                               .wait_us = INT64_MAX,
                                               .on_source_status = job_on_source_status};
        int rc = plan_resolve(plan, &options, err);
        if (rc >= 0 || err->code != ERR_IO || !err->retry) {
            return rc;
        }
        log_err(LOG_WARN, "trying again", err);
        if (stop_wait_us(stop, backoff_us)) {
            return err_set(err, ERR_CANCELED, "stopped");
        }
        backoff_us = backoff_us * 2 > BACKOFF_MAX_US ? BACKOFF_MAX_US : backoff_us * 2;
    }
}

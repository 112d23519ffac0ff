/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - runs every streaming table of a pipeline file
 */
#include "cli/run.h"

#include <unistd.h>

#include "cli/pipeline.h"
#include "cli/stops.h"
#include "cli/ui.h"
#include "job/job.h"

struct run_values {
    struct cli_common common;
    bool available_now;
    bool no_live;
    int64_t grace_us;
    struct cli_ui_values ui;
};

static bool is_live(const struct run_values *v)
{
    return !v->no_live && log_format_now() == LOG_LOGFMT && isatty(STDERR_FILENO) == 1;
}

static int run_file(const struct cli_args *args, const void *values, struct err *err)
{
    const struct run_values *v = values;
    AUTO_PLAN struct plan *plan = NULL;
    TRY(cli_pipeline_load(args, &plan, err));
    struct job_options options = {
        .available_now = v->available_now,
        .live = is_live(v),
        .grace_us = v->grace_us > 0 ? v->grace_us : 1, /* 0 would mean its preset */
    };
    if (options.live && !cli_logging_is_chosen(&v->common)) {
        log_open(LOG_WARN, LOG_LOGFMT); /* lines would tear the live one */
    }
    AUTO_STOPS struct cli_stops stops = {0};
    TRY(cli_stops_open(&stops, err));
    AUTO_UI struct cli_ui ui = {0};
    TRY(cli_ui_open(&v->ui, &ui, err));
    options.monitor = ui.monitor;
    if (options.live && ui.http != NULL) {
        cli_out_note("status page: %s\n", http_url(ui.http));
    }
    int rc = cli_pipeline_await(plan, &stops.stop, err);
    if (rc == ERR_CANCELED && !stop_is_set(&stops.now)) {
        return 0; /* stopped before there was anything to run */
    }
    TRY(rc);
    TRY(job_run_plan(plan, &options, &stops.stop, &stops.now, err));
    if (stop_is_set(&stops.now)) {
        return err_set(err, ERR_CANCELED,
                       "stopped at once; the next run continues after the last "
                       "commit");
    }
    return 0;
}

static const struct cli_option run_options[] = {
    {.name = "available-now",
     .type = CLI_FLAG,
     .offset = offsetof(struct run_values, available_now),
     .help = "read what is there now, commit it and end"},
    {.name = "grace",
     .type = CLI_SECONDS,
     .offset = offsetof(struct run_values, grace_us),
     .preset = "10",
     .value = "SECONDS",
     .help = "what a stop may take before work that is under way is given up"},
    {.name = "no-live",
     .type = CLI_FLAG,
     .offset = offsetof(struct run_values, no_live),
     .help = "log lines instead of the status line, also on a terminal"},
    CLI_UI_OPTIONS(struct run_values, ui),
    {0},
};

const struct cli_command cli_run_command = {
    .name = "run",
    .arguments = "[FILE.sql]",
    .summary = "run a pipeline until it is stopped",
    .about =
        "Runs every CREATE STREAMING TABLE of the file. The first SIGTERM or SIGINT (Ctrl-C)\n"
        "finishes and commits what is under way, the second gives it up; both lose nothing, and\n"
        "neither does a kill: the next run continues where the table stands.\n"
        "Without a file: KAFKA_TOPIC of KAFKA_BROKER into DELTA_LAKE_PATH, with columns inferred "
        "from\n"
        "the JSON messages and new ones added as they come (also CHECKPOINT_DIR, MINIO_ENDPOINT,\n"
        "MINIO_ROOT_USER, MINIO_ROOT_PASSWORD).\n"
        "On a terminal there is a status line; else each commit is a log line with its progress.\n"
        "The status page shows what runs, and is an API and Prometheus metrics too.\n",
    .examples =
        "  sluice run vehicle_positions.sql\n"
        "  sluice run --available-now --log-format=json vehicle_positions.sql\n"
        "  KAFKA_BROKER=kafka:9092 sluice run vehicle_positions.sql\n"
        "  KAFKA_BROKER=kafka:9092 KAFKA_TOPIC=dev_topic DELTA_LAKE_PATH=./lake sluice run\n",
    .options = run_options,
    .values_bytes = sizeof(struct run_values),
    .args_min = 0,
    .args_max = 1,
    .run = run_file,
};

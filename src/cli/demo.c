/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo - everything in one process
 *
 *     generator ─► producer ─► mock broker on a loopback port ─► the pipeline ─► ./lake
 *
 * The parts are the real ones but for the broker, which is librdkafka's own.  It
 * keeps 5 MiB a partition, so the rate is moderate.  Each run has a topic of its
 * own name, so a second demo adds to the same table.
 */
#include "cli/demo.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/deadline.h"
#include "cli/scan_query.h"
#include "cli/stops.h"
#include "cli/ui.h"
#include "connect/generator_payload.h"
#include "connect/mock_broker.h"
#include "connect/producer.h"
#include "job/job.h"

#define DEMO_PARTITIONS 4
#define DEMO_RATE       200.0
#define DEMO_VEHICLES   20
#define DEMO_TRIGGER_US 500000

struct demo_values {
    struct cli_common common;
    int64_t seconds_us;
    const char *lake;
    struct cli_ui_values ui;
};

struct demo {
    struct mock_broker *broker;
    struct plan *plan;
    struct cli_ui ui;
    char *topic;
    char *location;
    struct stop *stop; /* publish no more */
    struct stop *now;  /* and do not even wait for what is under way */
    struct thread feeder;
    int feeder_rc; /* owned by the feeder until it is joined, as the next two */
    struct err feeder_err;
    uint64_t feeds;
};

static void demo_done(struct demo *d)
{
    cli_ui_close(&d->ui);
    plan_free(d->plan);
    mock_broker_close(d->broker);
    mem_free(d->topic);
    mem_free(d->location);
}
#define AUTO_DEMO AUTO(demo_done)

/* ---- the feeder ---------------------------------------------------------------------------- */

static int feed_until_stop(struct demo *d, struct producer *producer, struct err *err)
{
    struct generator_payload payload = {
        .kind = GENERATOR_VEHICLE_POSITIONS, .seed = 1, .entities = DEMO_VEHICLES};
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf value = {0};
    for (int64_t i = 0; !stop_is_set(d->stop); i++) {
        int32_t partition = (int32_t)(i % DEMO_PARTITIONS);
        buf_reset(&key);
        buf_reset(&value);
        generator_payload_make(&payload, (uint32_t)partition, i / DEMO_PARTITIONS, clock_wall_us(),
                               &key, &value);
        TRY(producer_send(producer, buf_str(&key), buf_str(&value), partition, err));
        d->feeds++;
    }
    return 0;
}

static void feed(void *user)
{
    struct demo *d = user;
    struct settings settings = {0};
    *vec_push(&settings.items) = (struct setting){
        .name = STR("kafka.bootstrap.servers"), .value = str_of(mock_broker_bootstrap(d->broker))};
    struct producer *producer = NULL;
    d->feeder_rc = producer_open(&settings, d->topic, d->now, &producer, &d->feeder_err);
    if (d->feeder_rc >= 0) {
        producer_set_rate(producer, DEMO_RATE);
        d->feeder_rc = feed_until_stop(d, producer, &d->feeder_err);
        if (d->feeder_rc >= 0) {
            d->feeder_rc = producer_flush(producer, &d->feeder_err);
        }
        producer_close(producer);
    }
    vec_done(&settings.items);
    if (d->feeder_rc == ERR_CANCELED) {
        d->feeder_rc = 0; /* a second signal: the end says so */
    }
    if (d->feeder_rc < 0) {
        stop_set(d->stop);
    }
}

/* ---- setting up ---------------------------------------------------------------------------- */

static int demo_open(struct demo *d, const struct demo_values *v, struct err *err)
{
    char id[UUID_TEXT];
    rand_uuid(id);
    d->topic = mem_printf("vehicle-positions-%.8s", id);
    d->location = mem_printf("%s/vehicle_positions", v->lake);
    TRY(mock_broker_open(1, &d->broker, err));
    TRY(mock_broker_create_topic(d->broker, d->topic, DEMO_PARTITIONS, err));
    /* No other thread of ours looks at the environment. */
    (void)setenv("KAFKA_BROKER", mock_broker_bootstrap(d->broker), 1);
    (void)setenv("KAFKA_TOPIC", d->topic, 1);
    (void)setenv("DELTA_LAKE_PATH", d->location, 1);
    struct str sql = str_n((const char *)cli_demo_sql, cli_demo_sql_bytes);
    TRY(plan_load(STR("vehicle_positions.sql"), sql, &d->plan, err));
    assert(d->plan->tables.count == 1);
    struct plan_resolve_options options = {.stop = d->stop};
    TRY(plan_resolve(d->plan, &options, err));
    d->plan->tables.items[0].trigger = PLAN_TRIGGER_INTERVAL;
    d->plan->tables.items[0].trigger_us = DEMO_TRIGGER_US;
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------- */

static int show_rows(const char *location, const char *what, const char *more, struct err *err)
{
    AUTO_SCAN_QUERY struct cli_scan_query q;
    AUTO_BUF struct buf sql = {0};
    cli_scan_query_init(&q);
    buf_printf(&sql, "%s FROM delta_scan(", what);
    sql_quote_text(&sql, str_of(location));
    buf_printf(&sql, ")%s", more);
    struct cli_scan_query_options options = {.format = CLI_PRINT_TABLE};
    TRY(cli_scan_query_open(&q, buf_str(&sql), &options, err));
    return cli_scan_query_print(&q, STDOUT_FILENO, "standard output", 40, err);
}

static int show_result(const struct demo *d, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "\n%" PRIu64 " feeds of %d vehicles were published; %s holds:\n\n", d->feeds,
               DEMO_VEHICLES, d->location);
    TRY(cli_out_write(buf_str(&text), err));
    TRY(show_rows(d->location,
                  "SELECT count(*) AS \"rows\", count(DISTINCT vehicle_id) AS vehicles, "
                  "count(DISTINCT route_id) AS routes, max(processing_timestamp) AS newest",
                  "", err));
    TRY(cli_out_write(STR("\n"), err));
    TRY(show_rows(d->location,
                  "SELECT vehicle_id, route_id, round(latitude, 4) AS latitude, "
                  "round(longitude, 4) AS longitude, round(speed, 1) AS speed, occupancy_status, "
                  "vehicle_timestamp",
                  " QUALIFY row_number() OVER (PARTITION BY vehicle_id ORDER BY vehicle_timestamp "
                  "DESC) = 1 ORDER BY 1 LIMIT 8",
                  err));
    buf_reset(&text);
    buf_printf(&text,
               "\nWhat next:\n"
               "  sluice table history %s\n"
               "  sluice query \"SELECT route_id, count(*) FROM delta_scan('%s') GROUP BY ALL\"\n"
               "  sluice help run     to run a pipeline of your own against Kafka and S3\n",
               d->location, d->location);
    return cli_out_write(buf_str(&text), err);
}

/* ---- running ------------------------------------------------------------------------------- */

/* What was published after the last batch: the query starts once more and drains the topic. */
static int take_the_rest(struct demo *d, struct cli_stops *stops, struct err *err)
{
    struct job_options options = {.available_now = true};
    struct stop never;
    stop_init(&never);
    int rc = job_run_plan(d->plan, &options, &never, &stops->now, err);
    stop_done(&never);
    return rc;
}

static int demo_run(struct demo *d, const struct demo_values *v, struct cli_stops *stops,
                    struct err *err)
{
    struct job_options options = {.live =
                                      isatty(STDERR_FILENO) == 1 && log_format_now() == LOG_LOGFMT,
                                  .monitor = d->ui.monitor};
    struct cli_deadline deadline;
    cli_deadline_begin(&deadline, &stops->stop, v->seconds_us > 0 ? v->seconds_us : INT64_MAX / 2);
    d->stop = &deadline.stop;
    d->now = &stops->now;
    thread_start(&d->feeder, "feeder", feed, d);
    int rc = job_run_plan(d->plan, &options, &deadline.stop, &stops->now, err);
    stop_set(&deadline.stop);
    thread_join(&d->feeder);
    cli_deadline_end(&deadline);
    TRY(rc);
    if (d->feeder_rc < 0) {
        *err = d->feeder_err;
        return d->feeder_rc;
    }
    return take_the_rest(d, stops, err);
}

static int demo_main(const struct cli_args *args, const void *values, struct err *err)
{
    (void)args;
    struct demo_values v = *(const struct demo_values *)values;
    const char *set = getenv("DEMO_SECONDS");
    int64_t seconds = 0;
    if (v.seconds_us == CLI_NUMBER_NONE) {
        v.seconds_us = 30000000;
        if (set != NULL && str_to_i64(str_of(set), &seconds) && seconds > 0 && seconds < 1000000) {
            v.seconds_us = seconds * 1000000;
        }
    }
    if (!cli_logging_is_chosen(&v.common)) {
        log_open(LOG_WARN, log_format_now());
    }
    AUTO_STOPS struct cli_stops stops = {0};
    AUTO_DEMO struct demo d = {0};
    TRY(cli_stops_open(&stops, err));
    TRY(cli_ui_open(&v.ui, &d.ui, err));
    TRY(demo_open(&d, &v, err));
    cli_out_note("Kafka (in this process) at %s, topic %s; Delta table %s\n"
                 "%s for %" PRId64 " seconds; Ctrl-C ends it earlier\n",
                 mock_broker_bootstrap(d.broker), d.topic, d.location,
                 "publishing 200 feeds of 20 vehicles a second", v.seconds_us / 1000000);
    if (d.ui.http != NULL) {
        cli_out_note("status page: %s\n", http_url(d.ui.http));
    }
    TRY(demo_run(&d, &v, &stops, err));
    return show_result(&d, err);
}

static const struct cli_option demo_options[] = {
    {.name = "seconds",
     .type = CLI_SECONDS,
     .offset = offsetof(struct demo_values, seconds_us),
     .value = "N",
     .help = "how long it runs; 0 = until Ctrl-C (default $DEMO_SECONDS or 30)"},
    {.name = "lake",
     .type = CLI_TEXT,
     .offset = offsetof(struct demo_values, lake),
     .preset = "lake",
     .value = "DIR",
     .help = "where the table is written, as DIR/vehicle_positions"},
    CLI_UI_OPTIONS(struct demo_values, ui),
    {0},
};

const struct cli_command cli_demo_command = {
    .name = "demo",
    .arguments = "",
    .summary = "see it work: Kafka, a generator and the pipeline in this process",
    .about =
        "Starts a small Kafka broker inside of this process, publishes made-up positions of\n"
        "vehicles, runs examples/vehicle_positions.sql on them into a Delta table on disk, and\n"
        "shows what the table holds; meanwhile there is the status page. Needs nothing; leaves "
        "the\n"
        "table behind.\n",
    .examples = "  sluice demo\n"
                "  sluice demo --seconds 5 --lake /tmp/lake\n",
    .options = demo_options,
    .values_bytes = sizeof(struct demo_values),
    .run = demo_main,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * produce - lines of a file, or made-up messages, into a Kafka topic
 *
 * The first signal ends the sending; what was sent is delivered before the command
 * ends.  The second gives that up.
 */
#include "cli/produce.h"

#include <stdlib.h>

#include "cli/lines.h"
#include "cli/stops.h"
#include "connect/generator_payload.h"
#include "connect/producer.h"
#include "plan/plan.h"

struct produce_values {
    struct cli_common common;
    const char *topic;
    const char *brokers;
    const char *pipeline;
    int64_t rate;
    const char *key_field;
    int64_t partition;
    int generator; /* enum generator_kind; -1 = lines */
    int64_t rows;
    int64_t seed;
};

#define PRODUCE_VEHICLES 20
#define BROKER_NAME      "kafka.bootstrap.servers"

struct produce {
    const struct produce_values *values;
    struct plan *plan;
    struct settings settings;
    struct producer *producer;
    struct arena arena; /* of one message */
    struct stop *stop;  /* no further message */
    struct stop *now;   /* nor waiting for those that were sent */
};

static void produce_done(struct produce *p)
{
    producer_close(p->producer);
    vec_done(&p->settings.items);
    arena_done(&p->arena);
    plan_free(p->plan);
}
#define AUTO_PRODUCE AUTO(produce_done)

/* How to connect: the pipeline's first Kafka stream, --brokers, the environment. */
static int collect_settings(struct produce *p, struct err *err)
{
    const char *brokers = p->values->brokers;
    if (p->values->pipeline != NULL) {
        TRY(plan_load_file(p->values->pipeline, &p->plan, err));
        const struct plan_stream *found = NULL;
        vec_foreach (const struct plan_stream, stream, &p->plan->streams) {
            bool kafka = strcmp(stream->source->name, "kafka") == 0;
            found = kafka && found == NULL ? stream : found;
        }
        if (found == NULL) {
            return err_set(err, ERR_CONFIG, "%s has no stream that uses kafka",
                           p->values->pipeline);
        }
        for (size_t i = 0; i < found->settings.items.count; i++) {
            if (str_starts_nocase(found->settings.items.items[i].name, STR("kafka."))) {
                *vec_push(&p->settings.items) = found->settings.items.items[i];
            }
        }
    } else if (brokers == NULL) {
        brokers = getenv("KAFKA_BROKER");
        brokers = brokers == NULL || brokers[0] == '\0' ? "localhost:9092" : brokers;
    }
    if (brokers != NULL) {
        *vec_push(&p->settings.items) =
            (struct setting){.name = STR(BROKER_NAME), .value = str_of(brokers)};
    }
    return 0;
}

/* The field's text; numbers and the like as they are written; none = no key. */
static int find_key(struct produce *p, const struct cli_lines *lines, struct str line,
                    struct str *ret_key, struct err *err)
{
    *ret_key = STR_NULL;
    if (p->values->key_field == NULL) {
        return 0;
    }
    arena_reset(&p->arena);
    struct json *root = NULL;
    if (json_parse(&p->arena, line, &root, err) < 0 || root->kind != JSON_OBJECT) {
        return err_set(err, ERR_DATA,
                       "line %" PRIu64 " of %s is no JSON object, which --key-field "
                       "needs",
                       lines->number, lines->path);
    }
    const struct json *field = json_find(root, p->values->key_field);
    if (field == NULL || field->kind == JSON_NULL) {
        return 0;
    }
    if (field->kind == JSON_STRING || field->kind == JSON_NUMBER) {
        *ret_key = field->text;
        return 0;
    }
    AUTO_BUF struct buf text = {0};
    json_print(field, &text);
    *ret_key = arena_str(&p->arena, buf_str(&text));
    return 0;
}

/* 1 = stopped before the end. */
static int produce_lines(struct produce *p, const char *path, struct err *err)
{
    AUTO_LINES struct cli_lines lines = {0};
    struct str line;
    struct str key;
    TRY(cli_lines_open(&lines, path, err));
    for (int64_t i = 0; i < p->values->rows; i++) {
        if (stop_is_set(p->stop)) {
            return 1;
        }
        if (TRY(cli_lines_next(&lines, &line, err)) == 0) {
            break;
        }
        TRY(find_key(p, &lines, line, &key, err));
        TRY(producer_send(p->producer, key, line, (int32_t)p->values->partition, err));
    }
    return 0;
}

/* 1 = stopped before the end; without --rows the stop is the end. */
static int produce_generated(struct produce *p, struct err *err)
{
    struct generator_payload payload = {
        .kind = (enum generator_kind)p->values->generator,
        .seed = (uint64_t)p->values->seed,
        .entities = PRODUCE_VEHICLES,
    };
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf value = {0};
    for (int64_t i = 0; i < p->values->rows; i++) {
        if (stop_is_set(p->stop)) {
            return p->values->rows == INT64_MAX ? 0 : 1;
        }
        buf_reset(&key);
        buf_reset(&value);
        generator_payload_make(&payload, 0, i, clock_wall_us(), &key, &value);
        TRY(producer_send(p->producer, buf_str(&key), buf_str(&value),
                          (int32_t)p->values->partition, err));
    }
    return 0;
}

static int produce_all(struct produce *p, const char *path, struct err *err)
{
    const struct produce_values *v = p->values;
    TRY(collect_settings(p, err));
    TRY(producer_open(&p->settings, v->topic, p->now, &p->producer, err));
    producer_set_rate(p->producer, (double)v->rate);
    int64_t started = clock_mono_us();
    int rc = v->generator >= 0 ? produce_generated(p, err) : produce_lines(p, path, err);
    if (rc >= 0) {
        bool early = rc == 1;
        rc = producer_flush(p->producer, err);
        rc = rc >= 0 && early ? err_set(err, ERR_CANCELED, "stopped before the end") : rc;
    }
    double seconds = (double)(clock_mono_us() - started) / 1e6;
    uint64_t delivered = producer_counts(p->producer).delivered;
    cli_out_note("%" PRIu64 " messages delivered to %s in %.1f s (%.0f/s)\n", delivered, v->topic,
                 seconds, seconds > 0 ? (double)delivered / seconds : 0);
    return rc;
}

static int produce_main(const struct cli_args *args, const void *values, struct err *err)
{
    const struct produce_values *v = values;
    if (v->topic == NULL) {
        return err_set(err, ERR_CONFIG, "--topic is missing");
    }
    if ((v->generator >= 0) == (args->count > 0)) {
        return err_set(err, ERR_CONFIG,
                       "name a file of lines, or - for standard input, or "
                       "--generator");
    }
    if (v->partition < -1 || v->partition > INT32_MAX || v->rate < 0 || v->rows < 0) {
        return err_set(err, ERR_CONFIG, "--partition, --rate and --rows are not negative");
    }
    AUTO_STOPS struct cli_stops stops = {0};
    TRY(cli_stops_open(&stops, err));
    AUTO_PRODUCE struct produce p = {.values = v, .stop = &stops.stop, .now = &stops.now};
    return produce_all(&p, args->count > 0 ? args->items[0] : NULL, err);
}

static const struct cli_option produce_options[] = {
    {.name = "topic",
     .letter = 't',
     .type = CLI_TEXT,
     .offset = offsetof(struct produce_values, topic),
     .value = "TOPIC",
     .help = "where to; required"},
    {.name = "brokers",
     .letter = 'b',
     .type = CLI_TEXT,
     .offset = offsetof(struct produce_values, brokers),
     .value = "HOST:PORT,…",
     .help = "bootstrap servers (default $KAFKA_BROKER or localhost:9092)"},
    {.name = "pipeline",
     .letter = 'p',
     .type = CLI_TEXT,
     .offset = offsetof(struct produce_values, pipeline),
     .value = "FILE.sql",
     .help = "connect as its first Kafka stream does: servers, TLS, SASL"},
    {.name = "rate",
     .type = CLI_NUMBER,
     .offset = offsetof(struct produce_values, rate),
     .preset = "0",
     .value = "N",
     .help = "messages a second; 0 = as fast as possible"},
    {.name = "key-field",
     .type = CLI_TEXT,
     .offset = offsetof(struct produce_values, key_field),
     .value = "NAME",
     .help = "lines are JSON objects, and this member is the key"},
    {.name = "partition",
     .type = CLI_NUMBER,
     .offset = offsetof(struct produce_values, partition),
     .preset = "-1",
     .value = "N",
     .help = "to this partition; -1 = by the key, or round about"},
    {.name = "generator",
     .letter = 'g',
     .type = CLI_CHOICE,
     .offset = offsetof(struct produce_values, generator),
     .choices = GENERATOR_KINDS,
     .help = "made-up messages instead of a file"},
    {.name = "rows",
     .letter = 'n',
     .type = CLI_NUMBER,
     .offset = offsetof(struct produce_values, rows),
     .preset = "9223372036854775807",
     .value = "N",
     .help = "stop after so many messages"},
    {.name = "seed",
     .type = CLI_NUMBER,
     .offset = offsetof(struct produce_values, seed),
     .preset = "1",
     .value = "N",
     .help = "of the generator"},
    {0},
};

const struct cli_command cli_produce_command = {
    .name = "produce",
    .arguments = "[FILE | -]",
    .summary = "publish lines, or made-up messages, to a Kafka topic",
    .about =
        "Each line of the file is one message. Delivery is idempotent and in order; when the\n"
        "command ends with 0, the broker has all of them. The first SIGTERM or SIGINT ends it "
        "when\n"
        "what was sent is delivered: with 130 before the end of the file or of --rows, else with "
        "0.\n",
    .examples = "  sluice produce --topic events events.jsonl\n"
                "  sluice produce -t events --key-field user_id --rate 1000 - < events.jsonl\n"
                "  sluice produce -t dev_topic --generator vehicle_positions --rows 10000\n",
    .options = produce_options,
    .values_bytes = sizeof(struct produce_values),
    .args_max = 1,
    .run = produce_main,
};

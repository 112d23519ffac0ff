/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_stats - what librdkafka tells of itself
 *
 * Every five seconds (kafka.statistics.interval.ms, 0 = never) it prints all that it knows as JSON,
 * about a kilobyte a partition.  Of that only the brokers are parsed; for the sizes of queues the
 * text is searched.  With 1,000 partitions printing and reading it cost 2 ms of CPU (measured).
 *
 *  (1) The text comes to whoever serves the client: the job's thread, also while it does not poll
 *      (kafka_stats_look), so that texts do not pile up.
 *  (2) All partitions are forwarded to the consumer's one queue, and each tells that queue's size
 *      for its own: the largest number is meant, not the sum.
 */
#include "connect/kafka_source.h"

#define FETCH_BYTES   "\"fetchq_size\":"
#define BROKERS       "\"brokers\":"
#define BROKERS_DEPTH 16

/* The object that begins at `text`; empty when it does not end. */
static struct str object_at(struct str text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' && ++depth > BROKERS_DEPTH) {
            break;
        } else if (c == '}' && depth > 0 && --depth == 0) {
            return str_head(text, i + 1);
        }
    }
    return STR_NULL;
}

static void add_broker(const struct json *broker, struct source_client *out, double *rtt_sum,
                       int64_t *rtt_count)
{
    static const char *const errors[] = {"txerrs", "rxerrs", "req_timeouts"};
    int64_t id = -1;
    int64_t count = 0;
    struct str state = STR("");
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        if (json_get_i64(json_find(broker, errors[i]), &count)) {
            out->request_errors += count;
        }
    }
    /* One that is only known by its bootstrap address is there a second time by its id. */
    bool has_id = json_get_i64(json_find(broker, "nodeid"), &id) && id >= 0;
    (void)json_get_str(json_find(broker, "state"), &state);
    out->brokers_up += has_id && str_eq_c(state, "UP");
    const struct json *rtt = json_find(broker, "rtt");
    int64_t average_us = 0;
    if (json_get_i64(json_find(rtt, "cnt"), &count) && count > 0 &&
        json_get_i64(json_find(rtt, "avg"), &average_us)) {
        *rtt_sum += (double)average_us / 1e6 * (double)count;
        *rtt_count += count;
    }
}

static void read_brokers(struct str text, struct source_client *out)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *brokers = NULL;
    struct err ignored;
    ptrdiff_t at = str_find_str(text, STR(BROKERS));
    struct str object = at < 0 ? STR_NULL : object_at(str_skip(text, (size_t)at + strlen(BROKERS)));
    if (object.len == 0 || json_parse(&arena, object, &brokers, &ignored) < 0) {
        return;
    }
    double rtt_sum = 0;
    int64_t rtt_count = 0;
    out->brokers_up = 0;
    out->request_errors = 0;
    json_foreach (broker, brokers) {
        add_broker(broker, out, &rtt_sum, &rtt_count);
    }
    out->round_trip_s = rtt_count > 0 ? rtt_sum / (double)rtt_count : -1;
}

/* The largest number behind the name; -1 = it is not there. */
static int64_t largest(struct str text, struct str name)
{
    int64_t most = -1;
    for (ptrdiff_t at = str_find_str(text, name); at >= 0; at = str_find_str(text, name)) {
        text = str_skip(text, (size_t)at + name.len);
        size_t digits = 0;
        while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
            digits++;
        }
        int64_t value = 0;
        if (str_to_i64(str_head(text, digits), &value) && value > most) {
            most = value;
        }
    }
    return most;
}

void kafka_stats_read(struct str text, struct source_client *ret_client)
{
    *ret_client = (struct source_client){-1, -1, -1, -1, -1};
    read_brokers(text, ret_client);
    ret_client->queue_bytes = largest(text, STR(FETCH_BYTES));
}

int kafka_stats_callback(rd_kafka_t *rk, char *json, size_t json_len, void *opaque)
{
    struct kafka_source *s = opaque;
    (void)rk;
    kafka_stats_read(str_n(json, json_len), &s->client);
    return 0; /* librdkafka frees the text */
}

void kafka_stats_look(struct source *base, struct source_client *ret_client)
{
    struct kafka_source *s = kafka_source_of(base);
    rd_kafka_poll(s->rk, 0);
    rd_kafka_poll(s->admin, 0);
    *ret_client = s->client;
    ret_client->queue_messages = (int64_t)rd_kafka_queue_length(s->queue);
}

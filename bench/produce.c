/* SPDX-License-Identifier: Apache-2.0 */
/*
 * produce - fills a topic for a measurement
 *
 *     bench_produce BROKER TOPIC PARTITIONS events|feeds MESSAGES [RATE]
 *
 * The messages are those of the `generator` source (seed 1), message i in
 * partition i % PARTITIONS.  Without RATE as fast as possible, lz4 and large
 * batches; with it that many a second, evenly, sent at once as an application
 * does that wants low latency.  CreateTime is when the message was handed to the
 * client.  Prints a line of JSON.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "connect/generator_payload.h"

struct load {
    rd_kafka_t *kafka;
    rd_kafka_topic_t *topic;
    struct generator_payload payload;
    uint64_t partitions;
    uint64_t messages;
    uint64_t rate; /* a second; 0 = as fast as possible */
    uint64_t bytes;
    uint64_t failed;
};

static NORETURN void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_produce: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        die(name, why);
    }
}

static void on_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
    (void)kafka;
    struct load *load = opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        load->failed++;
        fprintf(stderr, "bench_produce: %s\n", rd_kafka_err2str(message->err));
    }
}

static void open_topic(struct load *load, const char *broker, const char *topic)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", broker);
    set(conf, "compression.codec", "lz4");
    set(conf, "enable.idempotence", "true");
    set(conf, "queue.buffering.max.messages", "1000000");
    set(conf, "queue.buffering.max.kbytes", "262144");
    set(conf, "batch.size", "1000000");
    set(conf, "linger.ms", load->rate > 0 ? "0" : "20");
    rd_kafka_conf_set_opaque(conf, load);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    char why[512];
    load->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (load->kafka == NULL) {
        die("producer", why);
    }
    load->topic = rd_kafka_topic_new(load->kafka, topic, NULL);
}

static void send_one(struct load *load, uint64_t number, struct buf *value)
{
    uint32_t partition = (uint32_t)(number % load->partitions);
    buf_reset(value);
    generator_payload_make(&load->payload, partition, (int64_t)(number / load->partitions), -1,
                           NULL, value);
    while (rd_kafka_produce(load->topic, (int32_t)partition, RD_KAFKA_MSG_F_COPY, value->ptr,
                            value->len, NULL, 0, NULL) < 0) {
        rd_kafka_resp_err_t rc = rd_kafka_last_error();
        if (rc != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            die("produce", rd_kafka_err2str(rc));
        }
        rd_kafka_poll(load->kafka, 50);
    }
    load->bytes += value->len;
}

/* A message for each partition, so that connections and the producer's id are there: their time is
 * not the consumer's latency. */
static uint64_t warm_up(struct load *load, struct buf *value)
{
    uint64_t count = load->partitions < load->messages ? load->partitions : load->messages;
    for (uint64_t i = 0; i < count; i++) {
        send_one(load, i, value);
    }
    rd_kafka_flush(load->kafka, 60000);
    return count;
}

/* With a rate, message i is due at i / rate: a tick that comes late sends all that is due. */
static void send_all(struct load *load)
{
    AUTO_BUF struct buf value = {0};
    uint64_t first = load->rate > 0 ? warm_up(load, &value) : 0;
    int64_t began = clock_mono_us();
    for (uint64_t i = first; i < load->messages; i++) {
        if (load->rate > 0) {
            int64_t due = began + (int64_t)((i - first) * 1000000 / load->rate);
            int64_t now = clock_mono_us();
            if (due > now) {
                clock_sleep_us(due - now < 1000 ? 1000 : due - now);
            }
        }
        send_one(load, i, &value);
        if (load->rate > 0 || i % 1024 == 0) {
            rd_kafka_poll(load->kafka, 0);
        }
    }
    rd_kafka_flush(load->kafka, 120000);
}

static uint64_t number(const char *what, const char *text)
{
    uint64_t value;
    if (!str_to_u64(str_of(text), &value)) {
        die(what, "not a number");
    }
    return value;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        die("usage", "BROKER TOPIC PARTITIONS events|feeds MESSAGES [RATE]");
    }
    struct load load = {
        .payload = {.kind = strcmp(argv[4], "feeds") == 0 ? GENERATOR_VEHICLE_POSITIONS
                                                          : GENERATOR_EVENTS,
                    .seed = 1,
                    .entities = 20},
        .partitions = number("PARTITIONS", argv[3]),
        .messages = number("MESSAGES", argv[5]),
        .rate = argc > 6 ? number("RATE", argv[6]) : 0,
    };
    open_topic(&load, argv[1], argv[2]);
    int64_t began = clock_mono_us();
    send_all(&load);
    int left = rd_kafka_outq_len(load.kafka);
    printf("{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f}\n", load.messages,
           load.bytes, (double)(clock_mono_us() - began) / 1e6);
    rd_kafka_topic_destroy(load.topic);
    rd_kafka_destroy(load.kafka);
    return load.failed > 0 || left > 0;
}

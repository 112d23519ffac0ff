/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consume - how fast librdkafka alone delivers a topic
 *
 *     bench_consume BROKER TOPIC PARTITIONS [PROPERTY=VALUE …]
 *
 * Reads every partition from its beginning to its end and counts messages and
 * bytes, nothing else: the bound that no engine on this client can pass.  The
 * settings are the fastest known.  Prints a line of JSON.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

#define BATCH_MESSAGES 2048

static const char *const settings[][2] = {
    {"group.id", "bench_consume"},         {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"}, {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},      {"fetch.queue.backoff.ms", "5"},
    {"queued.min.messages", "1000000"},    {"queued.max.messages.kbytes", "131072"},
};

struct tally {
    uint64_t messages;
    uint64_t bytes;
    uint64_t touched; /* a byte of each message, so that it has been there */
    int32_t partitions_left;
};

static NORETURN void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_consume: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        die(name, why);
    }
}

static rd_kafka_t *open_consumer(const char *broker, int property_count, char **properties)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", broker);
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        set(conf, settings[i][0], settings[i][1]);
    }
    for (int i = 0; i < property_count; i++) {
        char *value = strchr(properties[i], '=');
        if (value == NULL) {
            die(properties[i], "not PROPERTY=VALUE");
        }
        *value = '\0';
        set(conf, properties[i], value + 1);
    }
    char why[512];
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (kafka == NULL) {
        die("consumer", why);
    }
    rd_kafka_poll_set_consumer(kafka);
    return kafka;
}

static void assign(rd_kafka_t *kafka, const char *topic, int32_t partitions)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t p = 0; p < partitions; p++) {
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_resp_err_t rc = rd_kafka_assign(kafka, list);
    if (rc != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("assign", rd_kafka_err2str(rc));
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void count(struct tally *tally, rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        tally->messages++;
        tally->bytes += message->len;
        tally->touched += message->len > 0 ? *(const unsigned char *)message->payload : 0;
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        tally->partitions_left--;
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
               message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        die("consume", rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
}

int main(int argc, char **argv)
{
    uint64_t partitions = 0;
    if (argc < 4 || !str_to_u64(str_of(argv[3]), &partitions) || partitions > 10000) {
        die("usage", "BROKER TOPIC PARTITIONS [PROPERTY=VALUE …]");
    }
    int64_t began = clock_mono_us();
    rd_kafka_t *kafka = open_consumer(argv[1], argc - 4, argv + 4);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(kafka);
    assign(kafka, argv[2], (int32_t)partitions);
    struct tally tally = {.partitions_left = (int32_t)partitions};
    static rd_kafka_message_t *messages[BATCH_MESSAGES];
    while (tally.partitions_left > 0) {
        /* Returns when full or after the time: short, or the end would cost as much. */
        ssize_t n = rd_kafka_consume_batch_queue(queue, 10, messages, BATCH_MESSAGES);
        for (ssize_t i = 0; i < n; i++) {
            count(&tally, messages[i]);
        }
    }
    printf("{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f,\"touched\":%" PRIu64
           "}\n",
           tally.messages, tally.bytes, (double)(clock_mono_us() - began) / 1e6, tally.touched);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
    return 0;
}

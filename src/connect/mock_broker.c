/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock_broker - librdkafka's in-process Kafka on a real loopback port
 *
 * The cluster hangs off a client of its own that talks to nobody; it serves
 * from a thread of librdkafka's until it is closed.
 */
#include "connect/mock_broker.h"

#include "connect/kafka_log.h"
#include "connect/librdkafka.h"

struct mock_broker {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
};

/* The broker of a demo or a test: nothing that it says is news to an operator. */
static void mock_broker_on_log(const rd_kafka_t *rk, int level, const char *facility,
                               const char *text)
{
    (void)rk;
    (void)level;
    kafka_log("mock broker", 7, facility, text);
}

int mock_broker_open(int broker_count, struct mock_broker **ret_mock, struct err *err)
{
    assert(broker_count > 0);
    char text[512] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, mock_broker_on_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, ERR_IO, "mock broker: %s", text);
    }
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, broker_count);
    if (cluster == NULL) {
        rd_kafka_destroy(rk);
        return err_set(err, ERR_IO, "mock broker: it cannot listen on 127.0.0.1");
    }
    /* Without a controller nobody answers DescribeTopics. */
    rd_kafka_mock_set_controller_id(cluster, 1);
    struct mock_broker *mock = mem_new(struct mock_broker);
    mock->rk = rk;
    mock->cluster = cluster;
    *ret_mock = mock;
    return 0;
}

void mock_broker_close(struct mock_broker *mock)
{
    if (mock != NULL) {
        rd_kafka_mock_cluster_destroy(mock->cluster);
        rd_kafka_destroy(mock->rk);
        mem_free(mock);
    }
}

const char *mock_broker_bootstrap(const struct mock_broker *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

int mock_broker_create_topic(struct mock_broker *mock, const char *topic, int partition_count,
                             struct err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(mock->cluster, topic, partition_count, 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err_set(err, ERR_CONFIG, "mock broker: topic \"%s\": %s", topic,
                       rd_kafka_err2str(code));
    }
    return 0;
}

void *mock_broker_cluster(const struct mock_broker *mock)
{
    return mock->cluster;
}

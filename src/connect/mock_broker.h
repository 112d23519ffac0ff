/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_MOCK_BROKER_H
#define CONNECT_MOCK_BROKER_H

#include "base/base.h"

/*
 * mock_broker - librdkafka's in-process Kafka on a real loopback port
 *
 * For `sluice demo` and unit tests: other processes can connect to it, but it
 * keeps only the last 5 MiB or 100,000 batches of a partition, and nothing
 * after it is closed.
 */
struct mock_broker;

int mock_broker_open(int broker_count, struct mock_broker **ret_mock, struct err *err);
void mock_broker_close(struct mock_broker *mock); /* NULL is fine */
/* "127.0.0.1:port"; borrowed. */
const char *mock_broker_bootstrap(const struct mock_broker *mock);
int mock_broker_create_topic(struct mock_broker *mock, const char *topic, int partition_count,
                             struct err *err);
/* The rd_kafka_mock_cluster_t, for tests in this folder that break things. */
void *mock_broker_cluster(const struct mock_broker *mock);

#endif

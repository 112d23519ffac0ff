/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_KAFKA_H
#define CONNECT_KAFKA_H

#include "connect/connector.h"

/* USING kafka. Everything else about Kafka is in kafka_source.h, private to this folder. */
extern const struct source_ops kafka_source_ops;

#endif

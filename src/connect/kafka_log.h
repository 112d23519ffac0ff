/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_KAFKA_LOG_H
#define CONNECT_KAFKA_LOG_H

#include "base/base.h"
#include "connect/librdkafka.h"

/*
 * kafka_log - librdkafka's own lines, in our log; private to this folder
 */

/* One line; `level` is syslog's. Any thread. */
void kafka_log(const char *client, int level, const char *facility, const char *text);
/* For rd_kafka_conf_set_log_cb. */
void kafka_log_callback(const rd_kafka_t *rk, int level, const char *facility, const char *text);

#endif

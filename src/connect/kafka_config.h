/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_KAFKA_CONFIG_H
#define CONNECT_KAFKA_CONFIG_H

#include "connect/kafka_source.h"

/*
 * kafka_config - pipeline options -> a librdkafka configuration; private to this folder
 */

/*
 * kafka_java.c: a property under its Java name. Outcome 1 = it has been dealt with (translated, or
 * it has no meaning here), 0 = it is librdkafka's own. `name` is lower case and without "kafka.".
 * Reads other settings where one property depends on another (ssl.truststore.type).
 */
int kafka_java_set(rd_kafka_conf_t *conf, const struct settings *settings, const char *name,
                   struct str value, struct err *err);

/* User and password out of "…PlainLoginModule required username="u" password="p";". Caller frees.
 */
int kafka_java_parse_jaas(struct str text, char **ret_user, char **ret_password, struct err *err);

/* Sets one property; the error names the pipeline's option and never shows a secret. */
int kafka_config_set(rd_kafka_conf_t *conf, const char *option, const char *name, const char *value,
                     struct err *err);

bool kafka_config_is_secret(const char *name);

#endif

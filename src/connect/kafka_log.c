/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_log - librdkafka's own lines, in our log
 *
 * The one place outside of main, job/ and http/ that logs: the library calls it on threads of its
 * own.  What matters to a query comes through its status besides.
 *
 *  (1) librdkafka calls what it will try again an error; whether it is one is ours to say.  So its
 *      errors are warnings here, and only what it calls critical or worse is an error.
 *  (2) A broker that is away makes the same line at each attempt: one of a kind is written in ten
 *      seconds.
 */
#include "connect/kafka_log.h"

#include <stdio.h>

static enum log_level kafka_log_level(int syslog_level)
{
    if (syslog_level <= 2) {
        return LOG_ERROR;
    }
    if (syslog_level <= 4) {
        return LOG_WARN;
    }
    return syslog_level <= 6 ? LOG_INFO : LOG_DEBUG;
}

void kafka_log(const char *client, int level, const char *facility, const char *text)
{
    char key[256];
    snprintf(key, sizeof(key), "%s %s", facility, client);
    log_often_in(LOG_MODULE_KAFKA, kafka_log_level(level), key, "librdkafka",
                 LOG_S("client", client), LOG_S("facility", facility), LOG_S("message", text),
                 LOG_END);
}

void kafka_log_callback(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    kafka_log(rk != NULL ? rd_kafka_name(rk) : "", level, facility, text);
}

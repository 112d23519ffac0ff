/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_PRODUCER_H
#define CONNECT_PRODUCER_H

#include "connect/option.h"

/*
 * producer - messages into one Kafka topic, for `sluice produce` and `sluice demo`
 *
 * One thread drives it: open (send | flush)* close.  Delivery is idempotent
 * and in order; a message that cannot be delivered is an error of a later call,
 * never silence.
 */
struct message_header;
struct producer;

/* `settings` are a pipeline's: kafka.* options say how to connect. ERR_CONFIG for what is refused.
 */
int producer_open(const struct settings *settings, const char *topic, struct stop *stop,
                  struct producer **ret_producer, struct err *err);
void producer_close(struct producer *p); /* drops what has not been flushed; NULL is fine */

/* Messages a second from now on; 0 = as fast as possible. */
void producer_set_rate(struct producer *p, double per_second);

/*
 * Copies key and value (ptr NULL = null) and queues the message; waits when the queue is full, or
 * for its turn at the rate.  partition < 0: by the key's hash as Java does it, or round about
 * without a key.  ERR_CANCELED after the stop.
 */
int producer_send(struct producer *p, struct str key, struct str value, int32_t partition,
                  struct err *err);

/* The same for a record with headers, by the key's hash. */
int producer_send_headers(struct producer *p, struct str key, struct str value,
                          const struct message_header *headers, size_t header_count,
                          struct err *err);

/* Waits until everything is delivered, or until the stop (ERR_CANCELED). */
int producer_flush(struct producer *p, struct err *err);

struct producer_counts {
    uint64_t sent;
    uint64_t delivered;
    uint64_t failed;
};
struct producer_counts producer_counts(const struct producer *p);

#endif

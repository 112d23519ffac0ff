/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_HOLDS_H
#define JOB_HOLDS_H

#include "connect/connector.h"
#include "plan/plan.h"

/*
 * holds - partitions that wait for a schema, private to job/
 *
 * A message in Confluent's wire format is decoded by a schema of the registry.  The reader sees to
 * it that the schema is there before the message gets into a batch; while the registry does not
 * know it, or is away, the message's partition is held: its position stays before the message,
 * and all others go on.  Nothing is lost, and nothing is decoded by a guess.
 */
struct hold {
    size_t input;
    uint32_t partition;
    uint32_t schema_id;
    struct codec_registry *registry;
};

struct holds {
    VEC(struct hold) items;
    int64_t next_try_us;   /* mono */
    int64_t down_until_us; /* the registry did not answer: not asked again before */
    char reason[256];      /* of the last one, for people */
};

void holds_done(struct holds *h);

/*
 * Loads the schemas of the packet's messages. Messages whose schema cannot be had, and those of
 * their partition behind them, leave the packet (which may become empty), and the source's
 * position goes back to the first of them.  ERR_CONFIG when the registry refuses us.
 */
int holds_filter(struct holds *h, size_t input, const struct plan_stream *stream,
                 struct source *source, struct packet *packet, struct err *err);

bool holds_are_due(const struct holds *h);
/* Asks again, between two batches: 1 = some partitions are free; start the sources anew. */
int holds_retry(struct holds *h, struct source *const *sources, struct err *err);

#endif

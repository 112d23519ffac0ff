/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_GENERATOR_PAYLOAD_H
#define CONNECT_GENERATOR_PAYLOAD_H

#include "base/base.h"

/*
 * generator_payload - made-up messages that can be made again
 *
 * A message is a pure function of seed, partition and offset, the same on every
 * machine, so that a test can recompute what a table must hold.  Only with
 * `now_us` do the time fields show the clock instead of logical time.
 */
enum generator_kind {
    GENERATOR_VEHICLE_POSITIONS, /* a GTFS-Realtime feed in JSON, about 9 KB with 20 vehicles */
    GENERATOR_EVENTS,            /* ten fields, about 220 bytes */
};
#define GENERATOR_KINDS "vehicle_positions|events" /* in the order of the enum */

#define GENERATOR_ENTITIES_MAX 1000

/* Logical time: 2026-01-01T00:00:00Z plus this much for each offset. */
#define GENERATOR_EPOCH_US 1767225600000000
#define GENERATOR_STEP_US  1000000

struct generator_payload {
    enum generator_kind kind;
    uint64_t seed;
    uint32_t entities; /* vehicles in a feed, 1 … GENERATOR_ENTITIES_MAX */
};

/* Appends value (and key, unless NULL) of the message; now_us < 0 = logical time. */
void generator_payload_make(const struct generator_payload *g, uint32_t partition, int64_t offset,
                            int64_t now_us, struct buf *key, struct buf *value);

/* The logical time of an offset. */
int64_t generator_payload_time_us(int64_t offset);

#endif

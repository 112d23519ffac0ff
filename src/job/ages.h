/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_AGES_H
#define JOB_AGES_H

#include "base/base.h"

/*
 * ages - when the messages of a batch were written, in fixed memory, private to job/
 *
 * One entry a packet: how many messages, and their mean timestamp.  Packets of about the same time
 * share one; when there are too many, neighbours are joined.  Kafka's timestamps grow with the
 * offsets, so what is joined is close together.
 */
#define AGES_MAX 128

struct ages {
    size_t count;
    int64_t near_us; /* entries that are closer than this share one */
    struct {
        int64_t mean_us; /* wall clock */
        uint64_t messages;
    } items[AGES_MAX];
};

void ages_add(struct ages *a, int64_t mean_us, uint64_t messages);
/* Adds to `out` how old each message was at `now_us`. */
void ages_observe(const struct ages *a, int64_t now_us, struct histogram *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ages - when the messages of a batch were written, in fixed memory
 *
 *  (1) Messages are never lost, only their times get coarser.
 *  (2) Joining keeps the weighted mean, so the histogram's sum stays right.
 */
#include "job/ages.h"

#define NEAR_US 1000

static void join(struct ages *a, size_t into, int64_t mean_us, uint64_t messages)
{
    uint64_t sum = a->items[into].messages + messages;
    int64_t step_us = mean_us - a->items[into].mean_us;
    a->items[into].mean_us += (int64_t)((double)step_us * (double)messages / (double)sum);
    a->items[into].messages = sum;
}

/* Every two neighbours become one. */
static void fold(struct ages *a)
{
    for (size_t i = 0; i < AGES_MAX / 2; i++) {
        a->items[i] = a->items[2 * i];
        join(a, i, a->items[2 * i + 1].mean_us, a->items[2 * i + 1].messages);
    }
    a->count = AGES_MAX / 2;
    a->near_us *= 2;
}

void ages_add(struct ages *a, int64_t mean_us, uint64_t messages)
{
    if (messages == 0) {
        return;
    }
    a->near_us = a->near_us == 0 ? NEAR_US : a->near_us;
    if (a->count > 0) {
        int64_t distance_us = mean_us - a->items[a->count - 1].mean_us;
        if (distance_us < a->near_us && distance_us > -a->near_us) {
            join(a, a->count - 1, mean_us, messages);
            return;
        }
    }
    if (a->count == AGES_MAX) {
        fold(a);
    }
    a->items[a->count].mean_us = mean_us;
    a->items[a->count].messages = messages;
    a->count++;
}

void ages_observe(const struct ages *a, int64_t now_us, struct histogram *out)
{
    for (size_t i = 0; i < a->count; i++) {
        histogram_add(out, now_us - a->items[i].mean_us, a->items[i].messages);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * histogram - how long things took, counted by any number of threads
 *
 * The bounds are powers of two of a second, HISTOGRAM_LOWEST_POWER first, so that they fall
 * together with those of Prometheus' native histograms: 2^-10 s (about 1 ms) to 2^12 s (about
 * 68 minutes).  {0} is an empty histogram.
 */
#define HISTOGRAM_BOUNDS       23
#define HISTOGRAM_LOWEST_POWER (-10)

struct histogram {
    atomic_ullong buckets[HISTOGRAM_BOUNDS + 1]; /* the last one: beyond all bounds */
    _Atomic double sum_us; /* records of years ago by the billion: no integer holds that */
};

/* `count` times; below 0 counts as 0 (two clocks may differ). */
void histogram_add(struct histogram *h, int64_t us, uint64_t count);

/* What has been counted: of adds under way each counter may or may not hold its part. */
struct histogram_copy {
    uint64_t at_most[HISTOGRAM_BOUNDS]; /* cumulative, by bound */
    uint64_t count;                     /* of all */
    double sum;                         /* seconds */
};
void histogram_read(const struct histogram *h, struct histogram_copy *ret_copy);

/* In seconds; an exact number. */
double histogram_bound(size_t index);

#endif

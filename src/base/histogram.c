/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram - how long things took, counted by any number of threads
 *
 * Every counter is an atomic of its own and none is read with another: a reader
 * may see a sum that is an addition ahead of the counts, or behind.
 */
#include "base/histogram.h"

#include <assert.h>
#include <math.h>

double histogram_bound(size_t index)
{
    assert(index < HISTOGRAM_BOUNDS);
    return ldexp(1.0, HISTOGRAM_LOWEST_POWER + (int)index);
}

void histogram_add(struct histogram *h, int64_t us, uint64_t count)
{
    us = us < 0 ? 0 : us;
    double seconds = (double)us / 1e6;
    size_t bucket = 0;
    while (bucket < HISTOGRAM_BOUNDS && seconds > histogram_bound(bucket)) {
        bucket++;
    }
    atomic_fetch_add_explicit(&h->buckets[bucket], count, memory_order_relaxed);
    double sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&h->sum_us, &sum_us,
                                                  sum_us + (double)us * (double)count,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void histogram_read(const struct histogram *h, struct histogram_copy *ret_copy)
{
    double sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed);
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        ret_copy->at_most[i] = count;
    }
    count += atomic_load_explicit(&h->buckets[HISTOGRAM_BOUNDS], memory_order_relaxed);
    ret_copy->count = count;
    ret_copy->sum = sum_us / 1e6;
}

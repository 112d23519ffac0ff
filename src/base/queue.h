/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"

/*
 * queue - a bounded hand-over of pointers between threads
 *
 * Ownership of an item goes with it.  A push waits while the queue holds
 * `cost_max` or more (so a single item above the bound still passes).
 */
struct queue;

struct queue *queue_new(uint64_t cost_max);
void queue_free(struct queue *q); /* must be empty */

/* What queue_push and queue_pop answer. */
enum queue_rc { QUEUE_OK, QUEUE_TIMEOUT, QUEUE_CLOSED };

/* until_mono_us: INT64_MAX = for ever, 0 = do not wait. On other than QUEUE_OK the item stays
 * with the caller. */
enum queue_rc queue_push(struct queue *q, void *item, uint64_t cost, int64_t until_mono_us);
/* Does not wait, and takes no notice of the bound: for one item that must not stay behind. */
enum queue_rc queue_push_over(struct queue *q, void *item, uint64_t cost);
/* QUEUE_CLOSED only when closed and empty. */
enum queue_rc queue_pop(struct queue *q, void **ret_item, int64_t until_mono_us);
/* No more pushes; poppers drain what is there. */
void queue_close(struct queue *q);
uint64_t queue_cost(struct queue *q);
size_t queue_count(struct queue *q);

#endif

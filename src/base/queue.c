/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue - a bounded hand-over of pointers between threads
 *
 * A ring that grows by doubling; the cost bound keeps it small.
 *
 *  (1) cost is the sum of the costs in the ring.
 *  (2) An item is accepted exactly when cost < cost_max and not closed: the sum
 *      may pass the bound by one item, and an item larger than it still goes through.
 *      queue_push_over asks for the second only.
 *  (3) Who waits looks at the state again after a time-out, so that no wake-up
 *      is lost with it.
 */
#include "base/queue.h"

#include <assert.h>

#include "base/attr.h"
#include "base/mem.h"

struct queue_item {
    void *item;
    uint64_t cost;
};

struct queue {
    struct mutex lock;
    struct cond not_empty;
    struct cond not_full;
    uint64_t cost_max;
    /* guarded by .lock */
    struct queue_item *ring;
    size_t cap;   /* a power of two */
    size_t first; /* index of the oldest */
    size_t count;
    uint64_t cost;
    bool closed;
};

#define QUEUE_FIRST_CAP 16

struct queue *queue_new(uint64_t cost_max)
{
    assert(cost_max > 0);
    struct queue *q = mem_new(struct queue);
    mutex_init(&q->lock);
    cond_init(&q->not_empty);
    cond_init(&q->not_full);
    q->cost_max = cost_max;
    q->cap = QUEUE_FIRST_CAP;
    q->ring = mem_new_array(struct queue_item, q->cap);
    return q;
}

void queue_free(struct queue *q)
{
    if (q == NULL) {
        return;
    }
    assert(q->count == 0);
    cond_done(&q->not_full);
    cond_done(&q->not_empty);
    mutex_done(&q->lock);
    mem_free(q->ring);
    mem_free(q);
}

static void queue_grow(struct queue *q)
{
    struct queue_item *ring = mem_new_array(struct queue_item, mem_product(q->cap, 2));
    for (size_t i = 0; i < q->count; i++) {
        ring[i] = q->ring[(q->first + i) & (q->cap - 1)];
    }
    mem_free(q->ring);
    q->ring = ring;
    q->cap *= 2;
    q->first = 0;
}

/* Waits on `c` until the time; false when there is no more time to wait. */
static bool queue_wait(struct queue *q, struct cond *c, int64_t until_mono_us)
{
    return until_mono_us > 0 && cond_wait_until(c, &q->lock, until_mono_us);
}

static enum queue_rc queue_put(struct queue *q, void *item, uint64_t cost)
{
    if (q->closed) {
        return QUEUE_CLOSED;
    }
    if (q->count == q->cap) {
        queue_grow(q);
    }
    assert(cost <= UINT64_MAX - q->cost);
    q->ring[(q->first + q->count) & (q->cap - 1)] = (struct queue_item){item, cost};
    q->count++;
    q->cost += cost;
    cond_signal(&q->not_empty);
    return QUEUE_OK;
}

enum queue_rc queue_push(struct queue *q, void *item, uint64_t cost, int64_t until_mono_us)
{
    MUTEX_GUARD(&q->lock);
    bool in_time = true;
    while (!q->closed && q->cost >= q->cost_max) {
        if (!in_time) {
            return QUEUE_TIMEOUT;
        }
        in_time = queue_wait(q, &q->not_full, until_mono_us);
    }
    return queue_put(q, item, cost);
}

enum queue_rc queue_push_over(struct queue *q, void *item, uint64_t cost)
{
    MUTEX_GUARD(&q->lock);
    return queue_put(q, item, cost);
}

enum queue_rc queue_pop(struct queue *q, void **ret_item, int64_t until_mono_us)
{
    MUTEX_GUARD(&q->lock);
    bool in_time = true;
    while (q->count == 0) {
        if (q->closed) {
            return QUEUE_CLOSED;
        }
        if (!in_time) {
            return QUEUE_TIMEOUT;
        }
        in_time = queue_wait(q, &q->not_empty, until_mono_us);
    }
    struct queue_item *oldest = &q->ring[q->first];
    bool was_full = q->cost >= q->cost_max;
    *ret_item = oldest->item;
    q->cost -= oldest->cost;
    q->first = (q->first + 1) & (q->cap - 1);
    q->count--;
    assert(q->count > 0 || q->cost == 0);
    if (was_full && q->cost < q->cost_max) {
        cond_broadcast(&q->not_full); /* there may be room for several */
    }
    return QUEUE_OK;
}

void queue_close(struct queue *q)
{
    MUTEX_GUARD(&q->lock);
    q->closed = true;
    cond_broadcast(&q->not_empty);
    cond_broadcast(&q->not_full);
}

uint64_t queue_cost(struct queue *q)
{
    MUTEX_GUARD(&q->lock);
    return q->cost;
}

size_t queue_count(struct queue *q)
{
    MUTEX_GUARD(&q->lock);
    return q->count;
}

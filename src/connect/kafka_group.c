/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_group - tells lag tools what is durable
 *
 * Group offsets are advisory: the table holds the real ones.  Nothing here
 * waits and nothing here fails; what cannot be committed is counted.
 *
 *  (1) One commit is on its way at a time; what is acknowledged meanwhile is
 *      merged and sent when the answer has come, so that a slow coordinator
 *      never builds up a queue.
 */
#include "connect/kafka_source.h"

/* Sends what is due, unless a commit is on its way. The lock is held. */
static void kafka_group_send(struct kafka_source *s)
{
    if (s->is_acknowledging) {
        return;
    }
    AUTO_TPLIST rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)s->toppars.count);
    vec_foreach (struct kafka_toppar, t, &s->toppars) {
        if (t->acknowledge_offset >= 0) {
            rd_kafka_topic_partition_list_add(list, t->topic->name, t->number)->offset =
                t->acknowledge_offset;
            t->acknowledge_offset = -1;
        }
    }
    if (list->cnt == 0) {
        return;
    }
    /* The answer comes through kafka_group_on_commit, served by the job's thread in poll. */
    s->is_acknowledging = rd_kafka_commit(s->rk, list, 1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void kafka_group_acknowledge(struct source *base, const int64_t *next_offsets, size_t count)
{
    struct kafka_source *s = kafka_source_of(base);
    MUTEX_GUARD(&s->lock);
    assert(count <= s->toppars.count);
    for (size_t i = 0; i < count; i++) {
        if (next_offsets[i] >= 0) {
            s->toppars.items[i].acknowledge_offset = next_offsets[i];
        }
    }
    kafka_group_send(s);
}

void kafka_group_on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk;
    (void)offsets;
    struct kafka_source *s = opaque;
    assert(s->magic == KAFKA_SOURCE_MAGIC);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->base.counts.acknowledge_failed++;
    }
    MUTEX_GUARD(&s->lock);
    s->is_acknowledging = false;
    kafka_group_send(s);
}

bool kafka_group_is_busy(struct kafka_source *s)
{
    MUTEX_GUARD(&s->lock);
    return s->is_acknowledging;
}

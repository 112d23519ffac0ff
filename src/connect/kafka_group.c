/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_group - tells lag tools what is durable
 *
 * Group offsets are advisory: the table holds the real ones.  Telling them never
 * waits and never fails; what cannot be committed is counted.  Reading them back
 * is for people only (`sluice offsets show`), so it gives up after a while.
 *
 *  (1) One commit is on its way at a time; what is acknowledged meanwhile is
 *      merged and sent when the answer has come, so that a slow coordinator
 *      never builds up a queue.
 */
#include "connect/kafka_source.h"

/* The first coordinator of a cluster takes a while: its topic is made when it is asked for. */
#define GROUP_PATIENCE_US 5000000

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

int kafka_group_acknowledged(struct source *base, int64_t *ret_offsets, struct err *err)
{
    struct kafka_source *s = kafka_source_of(base);
    AUTO_FREE char *group = kafka_config_get(rd_kafka_conf(s->rk), "group.id");
    AUTO_TPLIST rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)s->toppars.count);
    vec_foreach (struct kafka_toppar, t, &s->toppars) {
        rd_kafka_topic_partition_list_add(list, t->topic->name, t->number);
    }
    assert(group != NULL);
    struct kafka_wait wait = {.is_job = true, .until_mono_us = clock_mono_us() + GROUP_PATIENCE_US};
    if (TRY(kafka_admin_group(s, group, list, wait, err)) == 0) {
        return err_set_retry(err, "kafka: the coordinator of the group \"%s\" does not answer",
                             group);
    }
    /* The list keeps its order. */
    for (size_t i = 0; i < s->toppars.count; i++) {
        ret_offsets[i] = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
    }
    return 0;
}

bool kafka_group_is_busy(struct kafka_source *s)
{
    MUTEX_GUARD(&s->lock);
    return s->is_acknowledging;
}

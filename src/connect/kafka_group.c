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
 *  (2) What a coordinator that is not ready has refused is due again: it goes
 *      with the next commit, and the last one is seen through when the source
 *      closes, so that a run that ends leaves lag tools the truth.
 */
#include "connect/kafka_source.h"

/* The first coordinator of a cluster takes a while: its topic is made when it is asked for. */
#define GROUP_PATIENCE_US 5000000
/* For a last word to lag tools; the same when the run is abandoned, or nobody is there. */
#define CLOSE_PATIENCE_US 5000000
#define CLOSE_HURRY_US    500000
#define RESEND_US         10000

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

/* The same commit may be taken later. */
static bool kafka_group_may_pass(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
        return true;
    default:
        return false;
    }
}

/* Makes what was refused due again, unless there is something newer. The lock is held. */
static void kafka_group_put_back(struct kafka_source *s,
                                 const rd_kafka_topic_partition_list_t *offsets)
{
    vec_foreach (struct kafka_toppar, t, &s->toppars) {
        const rd_kafka_topic_partition_t *sent =
            rd_kafka_topic_partition_list_find(offsets, t->topic->name, t->number);
        if (sent != NULL && t->acknowledge_offset < 0) {
            t->acknowledge_offset = sent->offset;
        }
    }
}

void kafka_group_on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk;
    struct kafka_source *s = opaque;
    assert(s->magic == KAFKA_SOURCE_MAGIC);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->base.counts.acknowledge_failed++;
    }
    MUTEX_GUARD(&s->lock);
    s->is_acknowledging = false;
    if (kafka_group_may_pass(code) && offsets != NULL) {
        kafka_group_put_back(s, offsets);
    } else {
        kafka_group_send(s);
    }
}

/* Sends what is due. Whether a commit is on its way now. */
static bool kafka_group_resend(struct kafka_source *s)
{
    MUTEX_GUARD(&s->lock);
    kafka_group_send(s);
    return s->is_acknowledging;
}

static bool kafka_group_is_busy(struct kafka_source *s)
{
    MUTEX_GUARD(&s->lock);
    return s->is_acknowledging;
}

static bool kafka_group_is_due(struct kafka_source *s)
{
    MUTEX_GUARD(&s->lock);
    bool is_due = false;
    vec_foreach (const struct kafka_toppar, t, &s->toppars) {
        is_due = is_due || t->acknowledge_offset >= 0;
    }
    return is_due;
}

/* Somebody may begin to be in a hurry meanwhile. */
static bool kafka_group_is_late(struct kafka_source *s, int64_t begun_us)
{
    bool hurry = stop_is_set(s->stop) || s->base.status.state == SOURCE_DOWN;
    return clock_mono_us() - begun_us >= (hurry ? CLOSE_HURRY_US : CLOSE_PATIENCE_US);
}

void kafka_group_finish(struct kafka_source *s)
{
    int64_t begun_us = clock_mono_us();
    while (kafka_group_resend(s)) {
        while (kafka_group_is_busy(s)) {
            if (kafka_group_is_late(s, begun_us)) {
                return;
            }
            pulse_step();
            rd_kafka_poll(s->rk, RESEND_US / 1000);
        }
        if (kafka_group_is_due(s)) {
            clock_sleep_us(RESEND_US); /* it was refused, perhaps at once */
        }
    }
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

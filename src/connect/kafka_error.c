/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_error - what librdkafka's errors mean for a source
 *
 * Errors come two ways: as messages in the queue, in order with the records of
 * their partition, and through the error callback, about connections.
 *
 *  (1) An error about a partition never moves its position, except
 *      PARTITION_EOF, which carries the position itself, past control records.
 *  (2) "Out of range" is not believed but looked into, with the log's start and
 *      end at hand: below the start is loss to retention, beyond the end is
 *      truncation, in between was a false alarm (a new leader that lagged, an
 *      error left over from before a restart of delivery), unless the leader
 *      epochs said that the log was truncated and has grown again.
 *  (3) A record that cannot be read (checksum, codec, size) stops the source at
 *      its offset.  librdkafka itself would go on behind it.
 *  (4) What only lacks rights or a broker is waited for: SOURCE_DOWN.
 */
#include "connect/kafka_source.h"

/* A false alarm is not looked into again at once. */
#define SUSPECT_RETRY_US 500000

static int kafka_fail(struct kafka_source *s)
{
    s->has_failed = true;
    return s->failure.code;
}

static void kafka_down(struct kafka_source *s, const char *what, const char *text)
{
    source_set_status(&s->base, SOURCE_DOWN, "%s%s%s", what, what[0] != '\0' ? ": " : "", text);
    s->down_since_us = clock_mono_us();
}

static void kafka_error_eof(struct kafka_source *s, const rd_kafka_message_t *m, uint32_t index)
{
    struct source_partition *p = &s->base.partitions.items[index];
    if (m->offset > p->next_offset) {
        kafka_reach(s, p, m->offset);
    }
    if (m->offset > p->end_offset) {
        p->end_offset = m->offset;
    }
    if (s->base.status.state != SOURCE_RUNNING) {
        source_set_status(&s->base, SOURCE_RUNNING, "%s", "");
    }
}

static void kafka_error_suspect(struct kafka_source *s, const rd_kafka_message_t *m, uint32_t index)
{
    struct kafka_toppar *t = &s->toppars.items[index];
    const char *text = rd_kafka_message_errstr(m);
    if (!t->is_suspect) {
        t->is_suspect = true;
        s->suspect_count++;
    }
    t->was_truncated = t->was_truncated || (text != NULL && strstr(text, "truncation") != NULL) ||
                       m->err == RD_KAFKA_RESP_ERR__LOG_TRUNCATION;
}

/* Invariant (3). */
static void kafka_error_unreadable(struct kafka_source *s, const rd_kafka_message_t *m,
                                   uint32_t index)
{
    const struct source_partition *p = &s->base.partitions.items[index];
    char at[40] = "";
    if (m->offset >= 0) {
        snprintf(at, sizeof(at), " offset %" PRId64, m->offset);
    }
    err_set(&s->failure, ERR_DATA,
            "topic \"%.*s\" partition %" PRId32 "%s cannot be read (next was %" PRId64 "): %s",
            STR_FMT(p->topic), p->number, at, p->next_offset, rd_kafka_message_errstr(m));
    kafka_fail(s);
}

/* An error of no partition of ours. */
static void kafka_error_general(struct kafka_source *s, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__FATAL) {
        char text[512];
        rd_kafka_fatal_error(s->rk, text, sizeof(text));
        err_set_retry(&s->failure, "kafka: %s", text);
        kafka_fail(s);
    } else if (m->rkt == NULL) {
        /* The group's: rights or coordinator are missing, which only lag tools notice. */
        s->base.counts.acknowledge_failed++;
    }
}

static void kafka_error_gone(struct kafka_source *s, const rd_kafka_message_t *m, uint32_t index)
{
    struct err err = {0};
    /* The cluster itself says whether the topic is gone, was made again, or neither. */
    if (kafka_topics_verify(&s->base, &err) < 0) {
        s->failure = err;
        kafka_fail(s);
        return;
    }
    kafka_down(s, "", rd_kafka_message_errstr(m));
    kafka_error_suspect(s, m, index);
}

void kafka_error_message(struct kafka_source *s, const rd_kafka_message_t *m, uint32_t index)
{
    if (index == KAFKA_NO_INDEX) {
        kafka_error_general(s, m);
        return;
    }
    const struct source_partition *p = &s->base.partitions.items[index];
    char what[300];
    snprintf(what, sizeof(what), "topic \"%.*s\" partition %" PRId32, STR_FMT(p->topic), p->number);
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        kafka_error_eof(s, m, index);
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__LOG_TRUNCATION:
        kafka_error_suspect(s, m, index);
        break;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR__UNDERFLOW:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
        kafka_error_unreadable(s, m, index);
        break;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_TOPIC_ID:
        kafka_error_gone(s, m, index);
        break;
    default:
        kafka_down(s, what, rd_kafka_message_errstr(m));
        break;
    }
}

void kafka_error_callback(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct kafka_source *s = opaque;
    assert(s->magic == KAFKA_SOURCE_MAGIC);
    {
        MUTEX_GUARD(&s->lock);
        s->is_reachable = false; /* perhaps; whoever asks next finds out */
    }
    switch ((rd_kafka_resp_err_t)code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: {
        kafka_down(s, "the broker refused the login", reason);
        MUTEX_GUARD(&s->lock);
        s->is_auth_failed = true;
        snprintf(s->auth_reason, sizeof(s->auth_reason), "%s", reason);
        log_mask_text(s->auth_reason);
        break;
    }
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        /* "0/1 brokers are down" is old news; "1/1" says less than the last connection did. */
        if (strncmp(reason, "0/", 2) != 0) {
            kafka_down(s, "waiting for the broker",
                       s->connection_reason[0] != '\0' ? s->connection_reason : reason);
        }
        break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__SSL:
        /* One broker of several is no reason to call a running source down. */
        snprintf(s->connection_reason, sizeof(s->connection_reason), "%s", reason);
        if (s->base.status.state != SOURCE_RUNNING) {
            kafka_down(s, "waiting for the broker", reason);
        }
        break;
    case RD_KAFKA_RESP_ERR__FATAL: {
        char text[512];
        rd_kafka_fatal_error(s->rk, text, sizeof(text));
        err_set_retry(&s->failure, "kafka: %s", text);
        kafka_fail(s);
        break;
    }
    default:
        break;
    }
}

int kafka_error_hopeless(struct kafka_source *s, rd_kafka_resp_err_t code, const char *what,
                         const char *text, struct err *err)
{
    if (atomic_load(&s->has_started)) {
        return 0;
    }
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return err_set(err, ERR_CONFIG, "%s: %s", what, text);
    default:
        return 0;
    }
}

/* What the log's start and end say of a suspect position. Outcome 1 = begin anew there. */
static int kafka_examine_one(struct kafka_source *s, size_t index, int64_t log_start,
                             int64_t log_end, struct err *err)
{
    struct source_partition *p = &s->base.partitions.items[index];
    struct kafka_toppar *t = &s->toppars.items[index];
    int64_t wanted = p->next_offset;
    if (p->at_limit) {
        return 0;
    }
    if (wanted > log_end) {
        return err_set(err, ERR_DATA,
                       "topic \"%.*s\" partition %" PRId32 ": offset %" PRId64 " is next, but the "
                       "log runs from %" PRId64 " to %" PRId64 ": it was truncated; see sluice "
                       "offsets",
                       STR_FMT(p->topic), p->number, wanted, log_start, log_end);
    }
    if (wanted >= log_start && t->was_truncated) {
        return err_set(err, ERR_DATA,
                       "topic \"%.*s\" partition %" PRId32 ": the log was truncated below offset "
                       "%" PRId64 ", which is next, and has grown again (leader epoch %" PRId32
                       ", the log runs from %" PRId64 " to %" PRId64 "): some of what was read is "
                       "not in it any more, some of what is was not read; see sluice offsets",
                       STR_FMT(p->topic), p->number, wanted, p->leader_epoch, log_start, log_end);
    }
    if (wanted >= log_start) {
        return 1;
    }
    if (s->fails_on_data_loss) {
        return err_set(err, ERR_DATA,
                       "topic \"%.*s\" partition %" PRId32 ": offset %" PRId64 " is next, but the "
                       "log runs from %" PRId64 " to %" PRId64 ": %" PRId64 " offsets are gone; "
                       "failOnDataLoss = false goes on behind them, see also sluice offsets",
                       STR_FMT(p->topic), p->number, wanted, log_start, log_end,
                       log_start - wanted);
    }
    p->lost_count += log_start - wanted;
    kafka_reach(s, p, log_start);
    return 1;
}

int kafka_error_examine(struct kafka_source *s, int64_t until_mono_us, struct err *err)
{
    int64_t now = clock_mono_us();
    if (now < s->suspect_retry_us) {
        return 0;
    }
    /* A topic made anew is out of range too, but the remedy is another. */
    TRY(kafka_topics_verify(&s->base, err));
    AUTO_TPLIST rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_new(4);
    for (size_t i = 0; i < s->toppars.count; i++) {
        const struct kafka_toppar *t = &s->toppars.items[i];
        if (t->is_suspect) {
            rd_kafka_topic_partition_list_add(starts, t->topic->name, t->number)->offset =
                RD_KAFKA_OFFSET_SPEC_EARLIEST;
        }
    }
    AUTO_TPLIST rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(starts);
    for (int i = 0; i < ends->cnt; i++) {
        ends->elems[i].offset = RD_KAFKA_OFFSET_SPEC_LATEST;
    }
    /* At least a moment, or a short trigger would never get its answer. */
    int64_t patience_us = now + 500000;
    struct kafka_wait wait = {
        .is_job = true, .until_mono_us = until_mono_us > patience_us ? until_mono_us : patience_us};
    if (TRY(kafka_admin_offsets(s, starts, true, wait, err)) == 0 ||
        TRY(kafka_admin_offsets(s, ends, true, wait, err)) == 0) {
        return 0;
    }
    int restart = 0;
    for (size_t i = 0; i < s->toppars.count; i++) {
        struct kafka_toppar *t = &s->toppars.items[i];
        if (!t->is_suspect) {
            continue;
        }
        const rd_kafka_topic_partition_t *start =
            rd_kafka_topic_partition_list_find(starts, t->topic->name, t->number);
        const rd_kafka_topic_partition_t *end =
            rd_kafka_topic_partition_list_find(ends, t->topic->name, t->number);
        restart |= TRY(kafka_examine_one(s, i, start->offset, end->offset, err));
        t->is_suspect = false;
        t->was_truncated = false;
        s->suspect_count--;
    }
    assert(s->suspect_count == 0);
    s->suspect_retry_us = clock_mono_us() + SUSPECT_RETRY_US;
    return restart;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_admin - questions to the cluster, and waiting for the answers
 *
 * Each question has a queue of its own, so that any thread may ask while
 * another polls.  A broker that is away is waited for: the question is asked
 * again until it is answered, the caller's time is over or the stop is set.
 *
 *  (1) Only the job's thread serves rd_kafka_poll, and so the error callback
 *      that writes `status`; other threads see a refused login as no answer.
 *  (2) An admin question is asked only when a broker can be reached: one that
 *      waits for its broker makes librdkafka reconnect without any pause, at
 *      the full cost of two threads (seen in 2.15.1).  Plain metadata requests
 *      wait in peace, so they are the gate.
 *  (3) After the stop a question still has STOP_GRACE_US: the last batch of a
 *      graceful stop is verified before its commit.
 */
#include "connect/kafka_source.h"

#define REQUEST_MS    2000
#define SLICE_MS      50
#define GATE_MS       500
#define RETRY_US      200000
#define STOP_GRACE_US 2000000
#define UNKNOWN_TRIES 2

void kafka_descriptions_done(struct kafka_descriptions *d)
{
    vec_foreach (struct kafka_description, it, &d->items) {
        mem_free(it->name);
    }
    vec_done(&d->items);
}

void kafka_tplist_destroy(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
    }
}

static void kafka_queue_destroyp(rd_kafka_queue_t **queue)
{
    if (*queue != NULL) {
        rd_kafka_queue_destroy(*queue);
    }
}
#define AUTO_QUEUE AUTO(kafka_queue_destroyp)

static void kafka_event_destroyp(rd_kafka_event_t **event)
{
    if (*event != NULL) {
        rd_kafka_event_destroy(*event);
    }
}
#define AUTO_EVENT AUTO(kafka_event_destroyp)

static void kafka_admin_options_destroyp(rd_kafka_AdminOptions_t **options)
{
    if (*options != NULL) {
        rd_kafka_AdminOptions_destroy(*options);
    }
}
#define AUTO_ADMIN_OPTIONS AUTO(kafka_admin_options_destroyp)

/* The two stops of one who waits. */
struct kafka_patience {
    struct kafka_source *s;
    struct kafka_wait wait;
    int64_t begun_us;
};

static struct kafka_patience kafka_patience_begin(struct kafka_source *s, struct kafka_wait wait)
{
    return (struct kafka_patience){s, wait, clock_mono_us()};
}

/* 1 = go on waiting, 0 = the caller's time is over. */
static int kafka_patience_check(struct kafka_patience *p, struct err *err)
{
    struct kafka_source *s = p->s;
    pulse_step();
    if (p->wait.is_job) {
        rd_kafka_poll(s->admin, 0);
        rd_kafka_poll(s->rk, 0);
    }
    bool is_closing = false;
    {
        MUTEX_GUARD(&s->lock);
        is_closing = s->is_closing;
        if (p->wait.is_job && s->is_auth_failed && !atomic_load(&s->has_started)) {
            return err_set(err, ERR_CONFIG, "kafka: the broker refused the login: %s",
                           s->auth_reason);
        }
    }
    int64_t now = clock_mono_us();
    if (is_closing || (stop_is_set(s->stop) && now - p->begun_us >= STOP_GRACE_US)) {
        return err_set(err, ERR_CANCELED, "kafka: stopped while waiting for the broker");
    }
    return now < p->wait.until_mono_us ? 1 : 0;
}

static void kafka_admin_set_reachable(struct kafka_source *s, bool is_reachable)
{
    MUTEX_GUARD(&s->lock);
    s->is_reachable = is_reachable;
    s->is_auth_failed = s->is_auth_failed && !is_reachable;
}

static bool kafka_admin_is_reachable(struct kafka_source *s)
{
    MUTEX_GUARD(&s->lock);
    return s->is_reachable;
}

static void kafka_admin_show(struct kafka_patience *p, const char *text)
{
    if (p->wait.is_job && p->s->base.status.state != SOURCE_DOWN) {
        source_set_status(&p->s->base, SOURCE_DOWN, "waiting for the broker: %s", text);
    }
}

/* Invariant (2). 1 = go on, 0 = time is over. */
static int kafka_admin_gate(struct kafka_patience *p, struct err *err)
{
    struct kafka_source *s = p->s;
    while (!kafka_admin_is_reachable(s)) {
        const rd_kafka_metadata_t *md = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(s->admin, 0, NULL, &md, GATE_MS);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(md);
            kafka_admin_set_reachable(s, true);
            break;
        }
        TRY(kafka_error_hopeless(s, code, "kafka", rd_kafka_err2str(code), err));
        if (TRY(kafka_patience_check(p, err)) == 0) {
            return 0;
        }
        if (p->wait.is_job) {
            kafka_admin_show(p, s->connection_reason[0] != '\0' ? s->connection_reason
                                                                : rd_kafka_err2str(code));
        }
    }
    return 1;
}

/* Waits for the one event of `queue`: 1 = *ret_event, 0 = time is over. */
static int kafka_admin_await(struct kafka_patience *p, rd_kafka_queue_t *queue,
                             rd_kafka_event_t **ret_event, struct err *err)
{
    for (;;) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SLICE_MS);
        if (event != NULL) {
            *ret_event = event;
            return 1;
        }
        if (TRY(kafka_patience_check(p, err)) == 0) {
            return 0;
        }
    }
}

/* Between two tries of a question: 1 = try again, 0 = time is over. */
static int kafka_admin_pause(struct kafka_patience *p, const char *text, struct err *err)
{
    if (text[0] != '\0') {
        kafka_admin_show(p, text);
    }
    int64_t until_us = clock_mono_us() + RETRY_US;
    while (clock_mono_us() < until_us) {
        if (TRY(kafka_patience_check(p, err)) == 0) {
            return 0;
        }
        clock_sleep_us(SLICE_MS * 1000);
    }
    return 1;
}

static rd_kafka_AdminOptions_t *kafka_admin_options(rd_kafka_t *rk, rd_kafka_admin_op_t op)
{
    char text[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, op);
    rd_kafka_resp_err_t code =
        rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, text, sizeof(text));
    assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    return options;
}

/* Kafka prints ids in the alphabet for URLs, librdkafka in the other one. */
static void kafka_topic_id_print(const rd_kafka_Uuid_t *id, char out[KAFKA_TOPIC_ID_MAX])
{
    out[0] = '\0';
    if (id == NULL || (rd_kafka_Uuid_most_significant_bits(id) == 0 &&
                       rd_kafka_Uuid_least_significant_bits(id) == 0)) {
        return;
    }
    snprintf(out, KAFKA_TOPIC_ID_MAX, "%s", rd_kafka_Uuid_base64str(id));
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '+' ? '-' : (*c == '/' ? '_' : *c);
    }
}

static bool kafka_describe_is_unclear(struct kafka_source *s, const struct kafka_description *d,
                                      int tries)
{
    switch (d->error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return d->partition_count == 0;
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
        return true;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        /* A broker that has just started may not know yet; one that says it again knows. */
        return tries < UNKNOWN_TRIES;
    default:
        /* Rights that were there may come back; an identity that was not seen is not verified. */
        return atomic_load(&s->has_started);
    }
}

/* True when all topics have a clear answer; a leaderless topic and the like are asked for again. */
static bool kafka_describe_take(struct kafka_source *s, rd_kafka_event_t *event, int tries,
                                struct kafka_descriptions *out, char *ret_text, size_t text_bytes)
{
    size_t count = 0;
    const rd_kafka_TopicDescription_t **topics =
        rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &count);
    bool is_clear = true;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(topics[i]);
        size_t partitions = 0;
        struct kafka_description *d = vec_push(&out->items);
        d->name = mem_strdup(rd_kafka_TopicDescription_name(topics[i]));
        d->error = rd_kafka_error_code(error);
        kafka_topic_id_print(rd_kafka_TopicDescription_topic_id(topics[i]), d->id);
        rd_kafka_TopicDescription_partitions(topics[i], &partitions);
        d->partition_count = (int32_t)partitions;
        if (kafka_describe_is_unclear(s, d, tries)) {
            rd_kafka_resp_err_t code = d->error != RD_KAFKA_RESP_ERR_NO_ERROR
                                           ? d->error
                                           : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
            is_clear = false;
            ret_text[0] = '\0'; /* asking twice about an unknown topic is not worth a status */
            if (code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
                snprintf(ret_text, text_bytes, "topic \"%s\": %s", d->name, rd_kafka_err2str(code));
            }
        }
    }
    return is_clear;
}

static void kafka_describe_ask(struct kafka_source *s, const char **names, size_t count,
                               rd_kafka_queue_t *queue)
{
    AUTO_ADMIN_OPTIONS rd_kafka_AdminOptions_t *options =
        kafka_admin_options(s->admin, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    rd_kafka_TopicCollection_t *topics = rd_kafka_TopicCollection_of_topic_names(names, count);
    rd_kafka_DescribeTopics(s->admin, topics, options, queue);
    rd_kafka_TopicCollection_destroy(topics);
}

int kafka_admin_describe(struct kafka_source *s, const char **names, size_t count,
                         struct kafka_wait wait, struct kafka_descriptions *out, struct err *err)
{
    assert(count > 0);
    struct kafka_patience patience = kafka_patience_begin(s, wait);
    for (int tries = 0;; tries++) {
        AUTO_QUEUE rd_kafka_queue_t *queue = rd_kafka_queue_new(s->admin);
        AUTO_EVENT rd_kafka_event_t *event = NULL;
        char text[256];
        if (TRY(kafka_admin_gate(&patience, err)) == 0) {
            return 0;
        }
        kafka_describe_ask(s, names, count, queue);
        if (TRY(kafka_admin_await(&patience, queue, &event, err)) == 0) {
            return 0;
        }
        if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (kafka_describe_take(s, event, tries, out, text, sizeof(text))) {
                return 1;
            }
            kafka_descriptions_done(out);
        } else {
            kafka_admin_set_reachable(s, false);
            snprintf(text, sizeof(text), "%s", rd_kafka_event_error_string(event));
            TRY(kafka_error_hopeless(s, rd_kafka_event_error(event), "kafka: topics", text, err));
        }
        if (TRY(kafka_admin_pause(&patience, text, err)) == 0) {
            return 0;
        }
    }
}

static void kafka_list_take(const rd_kafka_metadata_t *md, struct kafka_descriptions *out)
{
    for (int i = 0; i < md->topic_cnt; i++) {
        struct kafka_description *d = vec_push(&out->items);
        d->name = mem_strdup(md->topics[i].topic);
        d->error = md->topics[i].err;
        d->partition_count = md->topics[i].partition_cnt;
    }
}

int kafka_admin_list(struct kafka_source *s, struct kafka_wait wait, struct kafka_descriptions *out,
                     struct err *err)
{
    struct kafka_patience patience = kafka_patience_begin(s, wait);
    for (;;) {
        const rd_kafka_metadata_t *md = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(s->admin, 1, NULL, &md, 1000);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            kafka_list_take(md, out);
            rd_kafka_metadata_destroy(md);
            return 1;
        }
        TRY(kafka_error_hopeless(s, code, "kafka: topics", rd_kafka_err2str(code), err));
        if (TRY(kafka_admin_pause(&patience, rd_kafka_err2str(code), err)) == 0) {
            return 0;
        }
    }
}

static void kafka_offsets_ask(struct kafka_source *s, rd_kafka_topic_partition_list_t *list,
                              bool uncommitted, rd_kafka_queue_t *queue)
{
    AUTO_ADMIN_OPTIONS rd_kafka_AdminOptions_t *options =
        kafka_admin_options(s->admin, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_isolation_level(
        options, uncommitted ? RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
                             : RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED);
    assert(error == NULL);
    rd_kafka_ListOffsets(s->admin, list, options, queue);
}

/* 1 = every partition of `list` answered, 0 = ask again (why in ret_text). */
static int kafka_offsets_take(struct kafka_source *s, rd_kafka_event_t *event,
                              rd_kafka_topic_partition_list_t *list, char *ret_text,
                              size_t text_bytes, struct err *err)
{
    size_t count = 0;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
    size_t answered = 0;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *found =
            rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
        if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            char what[300];
            snprintf(what, sizeof(what), "kafka: topic \"%s\" partition %" PRId32, found->topic,
                     found->partition);
            TRY(kafka_error_hopeless(s, found->err, what, rd_kafka_err2str(found->err), err));
            snprintf(ret_text, text_bytes, "offsets of topic \"%s\" partition %" PRId32 ": %s",
                     found->topic, found->partition, rd_kafka_err2str(found->err));
            return 0;
        }
        rd_kafka_topic_partition_t *wanted =
            rd_kafka_topic_partition_list_find(list, found->topic, found->partition);
        if (wanted != NULL) {
            wanted->err = RD_KAFKA_RESP_ERR_NO_ERROR;
            wanted->offset = found->offset;
            answered++;
        }
    }
    snprintf(ret_text, text_bytes, "offsets of %d partitions", list->cnt);
    return answered == (size_t)list->cnt ? 1 : 0;
}

int kafka_admin_offsets(struct kafka_source *s, rd_kafka_topic_partition_list_t *list,
                        bool uncommitted, struct kafka_wait wait, struct err *err)
{
    if (list->cnt == 0) {
        return 1;
    }
    struct kafka_patience patience = kafka_patience_begin(s, wait);
    AUTO_TPLIST rd_kafka_topic_partition_list_t *question =
        rd_kafka_topic_partition_list_copy(list);
    for (;;) {
        AUTO_QUEUE rd_kafka_queue_t *queue = rd_kafka_queue_new(s->admin);
        AUTO_EVENT rd_kafka_event_t *event = NULL;
        char text[512];
        if (TRY(kafka_admin_gate(&patience, err)) == 0) {
            return 0;
        }
        kafka_offsets_ask(s, question, uncommitted, queue);
        if (TRY(kafka_admin_await(&patience, queue, &event, err)) == 0) {
            return 0;
        }
        rd_kafka_resp_err_t code = rd_kafka_event_error(event);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (TRY(kafka_offsets_take(s, event, list, text, sizeof(text), err)) > 0) {
                return 1;
            }
        } else {
            kafka_admin_set_reachable(s, false);
            snprintf(text, sizeof(text), "%s", rd_kafka_event_error_string(event));
            TRY(kafka_error_hopeless(s, code, "kafka: offsets", text, err));
        }
        if (TRY(kafka_admin_pause(&patience, text, err)) == 0) {
            return 0;
        }
    }
}

/* Through the consumer: a client without a group crashes when the coordinator has moved (2.15.1).
 */
static void kafka_group_ask(struct kafka_source *s, const char *group,
                            const rd_kafka_topic_partition_list_t *list, rd_kafka_queue_t *queue)
{
    AUTO_ADMIN_OPTIONS rd_kafka_AdminOptions_t *options =
        kafka_admin_options(s->rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *question =
        rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_ListConsumerGroupOffsets(s->rk, &question, 1, options, queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
}

/* 1 = every partition of `list` answered, 0 = ask again (why in ret_text). */
static int kafka_group_take(struct kafka_source *s, rd_kafka_event_t *event,
                            rd_kafka_topic_partition_list_t *list, char *ret_text,
                            size_t text_bytes, struct err *err)
{
    size_t count = 0;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    const rd_kafka_error_t *error = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    if (error != NULL) {
        snprintf(ret_text, text_bytes, "%s", rd_kafka_error_string(error));
        return kafka_error_hopeless(s, rd_kafka_error_code(error), "kafka: group", ret_text, err);
    }
    const rd_kafka_topic_partition_list_t *found =
        count == 1 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    int answered = 0;
    snprintf(ret_text, text_bytes, "offsets of the group");
    for (int i = 0; found != NULL && i < found->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &found->elems[i];
        rd_kafka_topic_partition_t *wanted =
            rd_kafka_topic_partition_list_find(list, p->topic, p->partition);
        if (p->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            snprintf(ret_text, text_bytes, "offsets of the group: %s", rd_kafka_err2str(p->err));
            return kafka_error_hopeless(s, p->err, "kafka: group", ret_text, err);
        }
        if (wanted != NULL) {
            wanted->offset = p->offset;
            answered++;
        }
    }
    return answered == list->cnt ? 1 : 0;
}

int kafka_admin_group(struct kafka_source *s, const char *group,
                      rd_kafka_topic_partition_list_t *list, struct kafka_wait wait,
                      struct err *err)
{
    struct kafka_patience patience = kafka_patience_begin(s, wait);
    while (list->cnt > 0) {
        AUTO_QUEUE rd_kafka_queue_t *queue = rd_kafka_queue_new(s->rk);
        AUTO_EVENT rd_kafka_event_t *event = NULL;
        char text[512];
        if (TRY(kafka_admin_gate(&patience, err)) == 0) {
            return 0;
        }
        kafka_group_ask(s, group, list, queue);
        if (TRY(kafka_admin_await(&patience, queue, &event, err)) == 0) {
            return 0;
        }
        rd_kafka_resp_err_t code = rd_kafka_event_error(event);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (TRY(kafka_group_take(s, event, list, text, sizeof(text), err)) > 0) {
                return 1;
            }
        } else {
            snprintf(text, sizeof(text), "%s", rd_kafka_event_error_string(event));
            TRY(kafka_error_hopeless(s, code, "kafka: group", text, err));
        }
        /* A coordinator that is not there says nothing of the source: no status. */
        if (TRY(kafka_admin_pause(&patience, "", err)) == 0) {
            return 0;
        }
    }
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka - messages from Kafka, from exact offsets on
 *
 *  (1) Partitions are assign()ed at next_offset, never subscribed to; delivery
 *      begins anew by giving up the whole assignment first, which makes
 *      librdkafka's version barrier drop all that was fetched before.
 *  (2) next_offset of a partition only grows between two starts: a record below
 *      it is dropped and counted, a gap is normal (compaction, control and
 *      aborted records).
 *  (3) Nothing at or above limit_offset is handed over; a partition that has
 *      reached it is paused.
 *  (4) Errors are taken in order with the records: what came before an error is
 *      handed over first, then the error is answered until the next start.
 *  (5) leader_epoch is that of the record right below next_offset; where something
 *      else moved the position (control records, a limit, loss) it is unknown: an
 *      epoch that is too old would make a sound log look truncated.
 *  (6) The queue of prefetched messages has a budget (kafka_config.c); when
 *      nobody polls, fetching pauses by itself.
 *
 * A poll waits for one message and then takes what is there without waiting:
 * librdkafka's batch call returns only when it is full or its time is over.
 * Its messages are handed on as they are, one allocation a packet; the packet
 * frees them, and keeps the client alive if it outlives the source.
 *
 * What errors mean is kafka_error.c, topics kafka_topics.c, starting offsets
 * kafka_offsets.c, questions to the cluster kafka_admin.c, group offsets
 * kafka_group.c, configuration kafka_config.c.
 */
#include "connect/kafka.h"

#include "connect/kafka_log.h"
#include "connect/kafka_source.h"

#define POLL_SLICE_US  100000
#define SERVE_ROUND_US 500000
/* Of the seek that follows an assignment. */
#define VALIDATE_PATIENCE_US 2000000
#define VALIDATE_SEEK_MS     1000
#define VALIDATE_PAUSE_US    2000

struct kafka_packet {
    struct packet base;
    struct kafka_handle *handle;
    size_t raw_count;
    rd_kafka_message_t **raw;       /* behind the messages */
    struct message_extra *extras;   /* one a message with headers; NULL = none has */
    struct message_header *headers; /* of all of them */
};

void kafka_handle_unref(struct kafka_handle *handle)
{
    if (atomic_fetch_sub(&handle->references, 1) == 1) {
        /* Without leaving a group: it was never joined, and nothing is to be committed. */
        rd_kafka_destroy_flags(handle->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        mem_free(handle);
    }
}

static void kafka_packet_free(struct packet *base)
{
    struct kafka_packet *packet = CONTAINER_OF(base, struct kafka_packet, base);
    for (size_t i = 0; i < packet->raw_count; i++) {
        rd_kafka_message_destroy(packet->raw[i]);
    }
    mem_free(packet->extras);
    mem_free(packet->headers);
    kafka_handle_unref(packet->handle);
    mem_free(packet);
}

/* librdkafka's own threads know no query. */
static void kafka_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct kafka_source *s = rk != NULL ? rd_kafka_opaque(rk) : NULL;
    bool is_strange = s != NULL && log_query()[0] == '\0';
    if (is_strange) {
        log_set_query(s->query);
    }
    kafka_log_callback(rk, level, facility, text);
    if (is_strange) {
        log_set_query(NULL);
    }
}

static void kafka_settings_copy(struct kafka_source *s, const struct settings *settings)
{
    vec_foreach (struct setting, setting, &settings->items) {
        struct setting *copy = vec_push(&s->settings.items);
        *copy = *setting;
        copy->name = str_of(str_dup(setting->name));
        copy->value = str_n(str_dup(setting->value), setting->value.len);
    }
}

static void kafka_source_free(struct kafka_source *s)
{
    kafka_topics_done(s);
    if (s->queue != NULL) {
        rd_kafka_queue_destroy(s->queue);
    }
    if (s->admin != NULL) {
        rd_kafka_destroy(s->admin);
    }
    if (s->handle != NULL) {
        kafka_handle_unref(s->handle);
    }
    vec_foreach (struct setting, setting, &s->settings.items) {
        mem_free((void *)(uintptr_t)setting->name.ptr);
        mem_free((void *)(uintptr_t)setting->value.ptr);
    }
    vec_done(&s->settings.items);
    vec_done(&s->base.partitions);
    cond_done(&s->changed);
    mutex_done(&s->lock);
    mem_free(s->query);
    mem_free(s);
}

static void kafka_source_freep(struct kafka_source **s)
{
    if (*s != NULL) {
        kafka_source_free(*s);
    }
}
#define AUTO_KAFKA_SOURCE AUTO(kafka_source_freep)

static rd_kafka_t *kafka_client_new(struct kafka_source *s, rd_kafka_conf_t *conf, struct err *err)
{
    char text[512] = "";
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_error_cb(conf, kafka_error_callback);
    rd_kafka_conf_set_log_cb(conf, kafka_on_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        err_set(err, ERR_CONFIG, "kafka: %s", text);
        return NULL;
    }
    AUTO_FREE char *mechanism = kafka_config_get(rd_kafka_conf(rk), "sasl.mechanisms");
    if (mechanism != NULL && strcmp(mechanism, "OAUTHBEARER") == 0) {
        rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(rk));
    }
    return rk;
}

static int kafka_clients_open(struct kafka_source *s, const struct settings *settings,
                              struct err *err)
{
    rd_kafka_conf_t *conf = NULL;
    TRY(kafka_config_make(settings, s->query, &conf, err));
    AUTO_FREE char *isolation = kafka_config_get(conf, "isolation.level");
    s->reads_committed = strcmp(isolation, "read_committed") == 0;
    rd_kafka_conf_t *admin_conf = rd_kafka_conf_dup(conf);
    /* Without a group: it never reads. */
    rd_kafka_conf_set(admin_conf, "group.id", "", NULL, 0);
    rd_kafka_conf_set(admin_conf, "statistics.interval.ms", "0", NULL, 0);
    rd_kafka_conf_set_offset_commit_cb(conf, kafka_group_on_commit);
    rd_kafka_conf_set_stats_cb(conf, kafka_stats_callback);
    rd_kafka_t *rk = kafka_client_new(s, conf, err);
    if (rk == NULL) {
        rd_kafka_conf_destroy(admin_conf);
        return err->code;
    }
    s->rk = rk;
    s->handle = mem_new(struct kafka_handle);
    s->handle->rk = rk;
    atomic_init(&s->handle->references, 1);
    s->queue = rd_kafka_queue_get_consumer(rk);
    assert(s->queue != NULL);
    s->admin = kafka_client_new(s, admin_conf, err);
    return s->admin == NULL ? (int)err->code : 0;
}

static int kafka_open(const struct settings *settings, const char *query, struct stop *stop,
                      struct source **ret_source, struct err *err)
{
    AUTO_KAFKA_SOURCE struct kafka_source *s = mem_new(struct kafka_source);
    s->base.ops = &kafka_source_ops;
    s->magic = KAFKA_SOURCE_MAGIC;
    s->query = mem_strdup(query);
    s->stop = stop;
    s->client = (struct source_client){-1, -1, -1, -1, -1};
    mutex_init(&s->lock);
    cond_init(&s->changed);
    kafka_settings_copy(s, settings);
    s->fails_on_data_loss = settings_bool(settings, kafka_options, "failOnDataLoss");
    s->refresh_us = settings_duration_us(settings, kafka_options, "metadataRefresh", 0);
    source_set_status(&s->base, SOURCE_CONNECTING, "%s", "");
    TRY(kafka_topics_parse(s, err));
    TRY(kafka_offsets_check(s, err));
    TRY(kafka_clients_open(s, settings, err));
    *ret_source = &s->base;
    s = NULL;
    return 0;
}

static void kafka_close(struct source *base)
{
    struct kafka_source *s = kafka_source_of(base);
    {
        MUTEX_GUARD(&s->lock);
        s->is_closing = true;
        cond_broadcast(&s->changed);
    }
    thread_join(&s->watcher);
    kafka_group_finish(s);
    kafka_source_free(s);
}

static void kafka_resume(struct kafka_source *s)
{
    AUTO_TPLIST rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    vec_foreach (struct kafka_toppar, t, &s->toppars) {
        if (t->paused) {
            rd_kafka_topic_partition_list_add(list, t->topic->name, t->number);
            t->paused = false;
        }
    }
    if (list->cnt > 0) {
        rd_kafka_resume_partitions(s->rk, list);
    }
}

/*
 * Lets librdkafka compare positions with their leader epochs (KIP-320): it asks the broker where
 * the epoch ends, and answers an error when that is below the position.  An assignment's epochs
 * are not compared, those of a seek are; what was fetched in between is dropped.  Best effort.
 */
static void kafka_validate(struct kafka_source *s, const rd_kafka_topic_partition_list_t *assigned)
{
    AUTO_TPLIST rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(assigned->cnt);
    for (int i = 0; i < assigned->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &assigned->elems[i];
        int32_t epoch = rd_kafka_topic_partition_get_leader_epoch(p);
        if (epoch >= 0 && p->offset > 0) {
            rd_kafka_topic_partition_t *copy =
                rd_kafka_topic_partition_list_add(list, p->topic, p->partition);
            copy->offset = p->offset;
            rd_kafka_topic_partition_set_leader_epoch(copy, epoch);
        }
    }
    int64_t until_us = clock_mono_us() + VALIDATE_PATIENCE_US;
    while (list->cnt > 0 && clock_mono_us() < until_us) {
        rd_kafka_error_t *error = rd_kafka_seek_partitions(s->rk, list, VALIDATE_SEEK_MS);
        bool was_sought = error == NULL;
        if (error != NULL) {
            rd_kafka_error_destroy(error);
        }
        for (int i = list->cnt - 1; i >= 0; i--) {
            /* Still being stopped or started by the assignment: once more. */
            if (!was_sought || list->elems[i].err != RD_KAFKA_RESP_ERR__STATE) {
                rd_kafka_topic_partition_list_del_by_idx(list, i);
            }
        }
        if (list->cnt > 0) {
            clock_sleep_us(VALIDATE_PAUSE_US);
        }
    }
}

static int kafka_assign(struct kafka_source *s, struct err *err)
{
    AUTO_TPLIST rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)s->toppars.count);
    for (size_t i = 0; i < s->toppars.count; i++) {
        struct source_partition *p = &s->base.partitions.items[i];
        p->started = p->next_offset >= 0;
        p->at_limit = p->next_offset >= p->limit_offset;
        if (p->started && !p->at_limit) {
            rd_kafka_topic_partition_t *to =
                rd_kafka_topic_partition_list_add(list, s->toppars.items[i].topic->name, p->number);
            to->offset = p->next_offset;
            rd_kafka_topic_partition_set_leader_epoch(to, p->leader_epoch);
        }
    }
    /* Two steps: when the first returns, everything fetched so far is outdated (1). */
    rd_kafka_resp_err_t code = rd_kafka_assign(s->rk, NULL);
    kafka_resume(s);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_assign(s->rk, list);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err_set_retry(err, "kafka: assignment: %s", rd_kafka_err2str(code));
    }
    kafka_validate(s, list);
    return 0;
}

static int kafka_start(struct source *base, struct err *err)
{
    struct kafka_source *s = kafka_source_of(base);
    vec_foreach (struct kafka_toppar, t, &s->toppars) {
        t->is_suspect = false;
        t->was_truncated = false;
    }
    s->suspect_count = 0;
    s->suspect_retry_us = 0;
    s->has_failed = false;
    atomic_store(&s->has_started, true);
    s->base.has_new_partitions = false;
    return kafka_assign(s, err);
}

void kafka_reach(struct kafka_source *s, struct source_partition *p, int64_t next_offset)
{
    (void)s;
    if (p->held) {
        return;
    }
    assert(next_offset >= p->next_offset);
    if (next_offset > p->next_offset) {
        p->leader_epoch = -1;
    }
    p->next_offset = next_offset;
    if (next_offset >= p->limit_offset) {
        p->at_limit = true;
    }
}

/* A record at or above the limit: all below it has been delivered (3). */
static COLD void kafka_pause(struct kafka_source *s, uint32_t index)
{
    struct source_partition *p = &s->base.partitions.items[index];
    struct kafka_toppar *t = &s->toppars.items[index];
    if (p->next_offset < p->limit_offset) {
        p->next_offset = p->limit_offset;
        p->leader_epoch = -1;
    }
    p->at_limit = true;
    if (!t->paused) {
        AUTO_TPLIST rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, t->topic->name, t->number);
        rd_kafka_pause_partitions(s->rk, list);
        t->paused = true;
    }
}

static COLD uint32_t kafka_index_search(struct kafka_source *s, const rd_kafka_message_t *m)
{
    for (size_t i = 0; i < s->topics.count; i++) {
        struct kafka_topic *topic = s->topics.items[i];
        if (topic->rkt == m->rkt) {
            s->last_topic = topic;
            return (size_t)m->partition < topic->index_count ? topic->index_of[m->partition]
                                                             : KAFKA_NO_INDEX;
        }
    }
    return KAFKA_NO_INDEX;
}

/* A message's partition by pointer and number: no string is looked at. */
static inline uint32_t kafka_index(struct kafka_source *s, const rd_kafka_message_t *m)
{
    const struct kafka_topic *topic = s->last_topic;
    if (LIKELY(topic != NULL && topic->rkt == m->rkt &&
               (size_t)m->partition < topic->index_count)) {
        return topic->index_of[m->partition];
    }
    return kafka_index_search(s, m);
}

/* Whether the record is the next of its partition; if so the position moves behind it. */
static inline bool kafka_admit(struct kafka_source *s, const rd_kafka_message_t *m, uint32_t index)
{
    if (UNLIKELY(index == KAFKA_NO_INDEX)) {
        s->base.counts.dropped_below++;
        return false;
    }
    struct source_partition *p = &s->base.partitions.items[index];
    if (UNLIKELY(p->held)) {
        return false; /* fetched anew by the start that frees it */
    }
    if (UNLIKELY(m->offset >= p->limit_offset)) {
        kafka_pause(s, index);
        return false;
    }
    if (UNLIKELY(m->offset < p->next_offset || !p->started)) {
        s->base.counts.dropped_below++;
        return false;
    }
    p->next_offset = m->offset + 1;
    if (UNLIKELY(p->next_offset >= p->limit_offset)) {
        p->at_limit = true;
    }
    return true;
}

static inline void kafka_message_fill(struct message *out, const rd_kafka_message_t *m,
                                      uint32_t index)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t timestamp_ms = rd_kafka_message_timestamp(m, &type);
    out->value = str_n(m->payload, m->len);
    out->key = str_n(m->key, m->key_len);
    out->offset = m->offset;
    out->timestamp_us =
        type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp_ms < 0 ? -1 : timestamp_ms * 1000;
    out->partition = index;
    out->extra = NULL;
}

/* Number of headers of a message, and the list itself. */
static size_t kafka_headers_of(const rd_kafka_message_t *m, rd_kafka_headers_t **ret_list)
{
    return rd_kafka_message_headers(m, ret_list) == RD_KAFKA_RESP_ERR_NO_ERROR
               ? rd_kafka_header_cnt(*ret_list)
               : 0;
}

/* Gives the messages their headers; names and values stay in librdkafka's messages. */
static void kafka_pack_headers(struct kafka_packet *packet)
{
    rd_kafka_headers_t *list = NULL;
    size_t total = 0;
    for (size_t i = 0; i < packet->raw_count; i++) {
        total += kafka_headers_of(packet->raw[i], &list);
    }
    if (total == 0) {
        return;
    }
    packet->extras = mem_new_array(struct message_extra, packet->raw_count);
    packet->headers = mem_new_array(struct message_header, total);
    struct message_header *next = packet->headers;
    for (size_t i = 0; i < packet->raw_count; i++) {
        size_t count = kafka_headers_of(packet->raw[i], &list);
        if (count == 0) {
            continue;
        }
        packet->extras[i] = (struct message_extra){.header_count = count, .headers = next};
        packet->base.messages[i].extra = &packet->extras[i];
        for (size_t k = 0; k < count; k++, next++) {
            const char *name = NULL;
            const void *value = NULL;
            size_t size = 0;
            if (rd_kafka_header_get_all(list, k, &name, &value, &size) ==
                RD_KAFKA_RESP_ERR_NO_ERROR) {
                next->name = str_of(name);
                next->value = str_n(value, size);
            }
            packet->base.bytes += sizeof(*next) + next->name.len + size;
        }
    }
}

/* Invariant (5), once for each run of messages of one partition. */
static void kafka_note_epochs(struct kafka_source *s, const struct kafka_packet *packet,
                              size_t count)
{
    const struct message *messages = packet->base.messages;
    for (size_t i = 0; i < count; i++) {
        uint32_t index = messages[i].partition;
        if (i + 1 < count && messages[i + 1].partition == index) {
            continue;
        }
        struct source_partition *p = &s->base.partitions.items[index];
        if (p->next_offset == messages[i].offset + 1) {
            p->leader_epoch = rd_kafka_message_leader_epoch(packet->raw[i]);
        }
    }
}

/*
 * Makes a packet of the `count` messages in s->raw, all of which are taken: handed over, dropped,
 * or understood as errors.  NULL when nothing is left to hand over.
 */
static struct packet *kafka_pack(struct kafka_source *s, size_t count)
{
    size_t messages_bytes = count * sizeof(struct message);
    struct kafka_packet *packet =
        mem_alloc(sizeof(*packet) + messages_bytes + count * sizeof(rd_kafka_message_t *));
    char *behind = (char *)(packet + 1);
    packet->base.messages = (struct message *)(void *)behind;
    packet->raw = (rd_kafka_message_t **)(void *)(behind + messages_bytes);
    size_t kept = 0;
    uint64_t bytes = sizeof(*packet);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_message_t *m = s->raw[i];
        uint32_t index = kafka_index(s, m);
        if (UNLIKELY(m->err != RD_KAFKA_RESP_ERR_NO_ERROR) && !s->has_failed) {
            kafka_error_message(s, m, index);
        }
        /* Behind a failure nothing is handed over (4). */
        if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR || s->has_failed || !kafka_admit(s, m, index)) {
            rd_kafka_message_destroy(m);
            continue;
        }
        kafka_message_fill(&packet->base.messages[kept], m, index);
        packet->raw[kept] = m;
        kept++;
        bytes += m->len + m->key_len + KAFKA_MESSAGE_OVERHEAD;
    }
    if (kept == 0) {
        mem_free(packet);
        return NULL;
    }
    kafka_note_epochs(s, packet, kept);
    packet->base.count = kept;
    packet->base.bytes = bytes + messages_bytes + count * sizeof(rd_kafka_message_t *);
    packet->base.free = kafka_packet_free;
    packet->raw_count = kept;
    packet->extras = NULL;
    packet->headers = NULL;
    if (s->base.wants_headers) {
        kafka_pack_headers(packet);
    }
    packet->handle = s->handle;
    atomic_fetch_add(&s->handle->references, 1);
    return &packet->base;
}

/*
 * Takes messages from the queue into s->raw: waits for the first, then drains without waiting.
 * The size of each further bite is guessed from the largest message so far, so that a packet of
 * 10 MB messages stays near bytes_max too.
 */
static size_t kafka_drain(struct kafka_source *s, int wait_ms, size_t messages_max,
                          uint64_t bytes_max)
{
    size_t count = 0;
    size_t bite = 1;
    uint64_t bytes = 0;
    uint64_t largest = KAFKA_MESSAGE_OVERHEAD;
    while (count < messages_max && bytes < bytes_max) {
        ssize_t got = rd_kafka_consume_batch_queue(s->queue, wait_ms, s->raw + count, bite);
        for (ssize_t i = 0; i < got; i++) {
            const rd_kafka_message_t *m = s->raw[count + (size_t)i];
            uint64_t size = m->len + m->key_len + KAFKA_MESSAGE_OVERHEAD;
            bytes += size;
            largest = size > largest ? size : largest;
        }
        if (got < (ssize_t)bite) {
            return count + (got > 0 ? (size_t)got : 0);
        }
        count += (size_t)got;
        wait_ms = 0;
        uint64_t room = bytes < bytes_max ? (bytes_max - bytes) / largest + 1 : 0;
        bite = messages_max - count < 256 ? messages_max - count : 256;
        bite = room < bite ? (size_t)room : bite;
    }
    return count;
}

/* What librdkafka has heard of the ends of the logs: for lag, and costs no request. */
static void kafka_serve_watermarks(struct kafka_source *s)
{
    for (size_t i = 0; i < s->toppars.count; i++) {
        int64_t low = -1;
        int64_t high = -1;
        struct source_partition *p = &s->base.partitions.items[i];
        if (p->started &&
            rd_kafka_get_watermark_offsets(s->rk, s->toppars.items[i].topic->name, p->number, &low,
                                           &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
            high > p->end_offset) {
            p->end_offset = high;
        }
    }
}

static void kafka_look(struct source *base, struct source_client *ret_client)
{
    kafka_stats_look(base, ret_client);
    kafka_serve_watermarks(kafka_source_of(base));
}

/* Everything beside messages: callbacks, what the watcher found, now and then watermarks. */
static int kafka_serve(struct kafka_source *s, int64_t now_us, struct err *err)
{
    rd_kafka_poll(s->rk, 0);
    rd_kafka_poll(s->admin, 0);
    if (now_us < s->serve_next_us) {
        return 0;
    }
    s->serve_next_us = now_us + SERVE_ROUND_US;
    kafka_serve_watermarks(s);
    int64_t contact_us = 0;
    {
        MUTEX_GUARD(&s->lock);
        contact_us = s->contact_us;
    }
    if (s->base.status.state == SOURCE_DOWN && contact_us > s->down_since_us) {
        source_set_status(&s->base, SOURCE_RUNNING, "%s", "");
    }
    return kafka_topics_adopt(s, err);
}

static bool kafka_is_at_end(const struct kafka_source *s)
{
    if (s->base.partitions.count == 0) {
        return false;
    }
    for (size_t i = 0; i < s->base.partitions.count; i++) {
        const struct source_partition *p = &s->base.partitions.items[i];
        if (p->started && !p->at_limit) {
            return false;
        }
    }
    return true;
}

/* One look at the queue. SOURCE_PACKET, or SOURCE_IDLE when there was nothing to hand over. */
static int kafka_poll_once(struct kafka_source *s, int64_t wait_us, size_t messages_max,
                           uint64_t bytes_max, struct packet **ret_packet)
{
    int wait_ms = (int)((wait_us + 999) / 1000);
    size_t count = kafka_drain(s, wait_ms, messages_max, bytes_max);
    if (count == 0) {
        return SOURCE_IDLE;
    }
    struct packet *packet = kafka_pack(s, count);
    if (packet == NULL) {
        return SOURCE_IDLE;
    }
    if (s->base.status.state != SOURCE_RUNNING) {
        source_set_status(&s->base, SOURCE_RUNNING, "%s", "");
    }
    *ret_packet = packet;
    return SOURCE_PACKET;
}

static int kafka_poll(struct source *base, int64_t until_mono_us, size_t messages_max,
                      uint64_t bytes_max, struct packet **ret_packet, struct err *err)
{
    struct kafka_source *s = kafka_source_of(base);
    for (;;) {
        int64_t now = clock_mono_us();
        if (!s->has_failed && kafka_serve(s, now, &s->failure) < 0) {
            s->has_failed = true;
        }
        if (!s->has_failed && s->suspect_count > 0) {
            int rc = kafka_error_examine(s, until_mono_us, &s->failure);
            if (rc > 0) {
                rc = kafka_assign(s, &s->failure);
            }
            s->has_failed = rc < 0;
        }
        if (s->has_failed) {
            *err = s->failure;
            return err->code;
        }
        if (kafka_is_at_end(s)) {
            return SOURCE_END;
        }
        int64_t left = until_mono_us > now ? until_mono_us - now : 0;
        int64_t slice = left < POLL_SLICE_US ? left : POLL_SLICE_US;
        if (kafka_poll_once(s, slice, messages_max, bytes_max, ret_packet) == SOURCE_PACKET) {
            return SOURCE_PACKET;
        }
        if (!s->has_failed && !kafka_is_at_end(s) &&
            (stop_is_set(s->stop) || clock_mono_us() >= until_mono_us)) {
            return SOURCE_IDLE;
        }
    }
}

const struct option kafka_options[] = {
    {"kafka.bootstrap.servers", OPTION_STRING, NULL, NULL, "brokers to ask first: host:port, …"},
    {"subscribe", OPTION_STRING, NULL, NULL, "topics to read, separated by commas"},
    {"subscribePattern", OPTION_STRING, NULL, NULL,
     "regular expression that names of topics to read must match whole"},
    {"assign", OPTION_STRING, NULL, NULL, "partitions to read, as JSON: {\"topic\":[0,1]}"},
    {"startingOffsets", OPTION_STRING, "latest", NULL,
     "where a new query begins: earliest, latest or JSON {\"topic\":{\"0\":23,\"1\":-2}} (-1 = "
     "latest, -2 = earliest)"},
    {"startingTimestamp", OPTION_INT, NULL, NULL,
     "where a new query begins: the first record not older than this time in ms"},
    {"startingOffsetsByTimestamp", OPTION_STRING, NULL, NULL,
     "the same for each partition, as JSON: {\"topic\":{\"0\":1000}}"},
    {"startingOffsetsByTimestampStrategy", OPTION_ENUM, "error", "error|latest",
     "what to do when a partition has no record that late"},
    {"maxOffsetsPerTrigger", OPTION_INT, NULL, NULL, "most messages in a batch"},
    {"failOnDataLoss", OPTION_BOOL, "true", NULL,
     "stop when offsets are gone that were still to be read; false counts them and goes on"},
    {"groupIdPrefix", OPTION_STRING, "sluice", NULL,
     "group.id is this, a dash and the query's name, unless kafka.group.id says otherwise"},
    {"queueBytes", OPTION_BYTES, "16 MiB", NULL, "memory for messages fetched ahead"},
    {"metadataRefresh", OPTION_DURATION, "10 seconds", NULL,
     "how often to look for new topics and partitions; 0 = never"},
    {"includeHeaders", OPTION_BOOL, "false", NULL,
     "accepted for Spark: the headers are read when the query names the column _headers"},
    {"minPartitions", OPTION_INT, NULL, NULL, "accepted for Spark, without effect"},
    {"maxRecordsPerPartition", OPTION_INT, NULL, NULL, "accepted for Spark, without effect"},
    {"fetchOffset.numRetries", OPTION_INT, NULL, NULL, "accepted for Spark, without effect"},
    {"fetchOffset.retryIntervalMs", OPTION_INT, NULL, NULL, "accepted for Spark, without effect"},
    {"kafkaConsumer.pollTimeoutMs", OPTION_INT, NULL, NULL, "accepted for Spark, without effect"},
    {"kafka.", OPTION_PREFIX, NULL, NULL,
     "any property of librdkafka, or of the Java client where it has a meaning here"},
    {0},
};

const struct source_ops kafka_source_ops = {
    .name = "kafka",
    .options = kafka_options,
    .open = kafka_open,
    .discover = kafka_topics_discover,
    .resolve = kafka_offsets_resolve,
    .start = kafka_start,
    .poll = kafka_poll,
    .bound = kafka_offsets_bound,
    .verify = kafka_topics_verify,
    .acknowledge = kafka_group_acknowledge,
    .acknowledged = kafka_group_acknowledged,
    .client = kafka_look,
    .close = kafka_close,
};

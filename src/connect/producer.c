/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer - messages into one Kafka topic
 *
 *  (1) Every message gets a delivery report, served by the calling thread.  The
 *      first failure is kept and answered by the next call.
 *  (2) The queue is bounded; when it is full, send serves reports and waits.
 *  (3) Keys go to the partition the Java client would choose (murmur2), so that
 *      data made here joins with data made elsewhere.
 */
#include "connect/producer.h"

#include "connect/kafka_log.h"
#include "connect/kafka_source.h"

#define PRODUCER_MAGIC    0x70726f64U
#define PRODUCER_SLICE_MS 50

struct producer {
    uint32_t magic;
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    char *topic;
    struct stop *stop;
    struct producer_counts counts;
    bool has_failed;
    struct err failure;
    char reason[256]; /* the last connection error */
    double per_second;
    int64_t rate_from_us;
    uint64_t rate_sent;
};

static void producer_on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    struct producer *p = opaque;
    assert(p->magic == PRODUCER_MAGIC);
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->counts.delivered++;
        return;
    }
    p->counts.failed++;
    if (!p->has_failed && m->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
        m->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        p->has_failed = true;
        err_set(&p->failure, ERR_IO, "topic \"%s\": a message was not delivered: %s%s%s", p->topic,
                rd_kafka_err2str(m->err), p->reason[0] != '\0' ? ": " : "", p->reason);
    }
}

static void producer_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct producer *p = opaque;
    assert(p->magic == PRODUCER_MAGIC);
    snprintf(p->reason, sizeof(p->reason), "%s", reason);
    log_mask_text(p->reason);
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && !p->has_failed) {
        p->has_failed = true;
        err_set(&p->failure, ERR_CONFIG, "kafka: the broker refused the login: %s", p->reason);
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL && !p->has_failed) {
        char text[512];
        rd_kafka_fatal_error(rk, text, sizeof(text));
        p->has_failed = true;
        err_set(&p->failure, ERR_IO, "kafka: %s", text);
    }
}

/* Set before the user's own, where the user may say otherwise. */
static int producer_preset(rd_kafka_conf_t *conf, const struct settings *settings, const char *name,
                           const char *value, struct err *err)
{
    char option[64];
    snprintf(option, sizeof(option), "kafka.%s", name);
    if (settings_find(settings, option) != NULL) {
        return 0;
    }
    char text[256] = "";
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK) {
        return err_set(err, ERR_CONFIG, "kafka: %s", text);
    }
    return 0;
}

static int producer_configure(rd_kafka_conf_t *conf, const struct settings *settings,
                              struct err *err)
{
    TRY(producer_preset(conf, settings, "enable.idempotence", "true", err));
    TRY(producer_preset(conf, settings, "linger.ms", "5", err));
    TRY(producer_preset(conf, settings, "partitioner", "murmur2_random", err));
    TRY(producer_preset(conf, settings, "queue.buffering.max.messages", "200000", err));
    TRY(producer_preset(conf, settings, "queue.buffering.max.kbytes", "65536", err));
    return producer_preset(conf, settings, "compression.type", "lz4", err);
}

int producer_open(const struct settings *settings, const char *topic, struct stop *stop,
                  struct producer **ret_producer, struct err *err)
{
    rd_kafka_conf_t *conf = NULL;
    char text[512] = "";
    TRY(kafka_config_make_producer(settings, "produce", &conf, err));
    int rc = producer_configure(conf, settings, err);
    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    struct producer *p = mem_new(struct producer);
    p->magic = PRODUCER_MAGIC;
    p->stop = stop;
    p->topic = mem_strdup(topic);
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_dr_msg_cb(conf, producer_on_delivery);
    rd_kafka_conf_set_error_cb(conf, producer_on_error);
    rd_kafka_conf_set_log_cb(conf, kafka_log_callback);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (p->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        producer_close(p);
        return err_set(err, ERR_CONFIG, "kafka: %s", text);
    }
    p->rkt = rd_kafka_topic_new(p->rk, topic, NULL);
    if (p->rkt == NULL) {
        producer_close(p);
        return err_set(err, ERR_CONFIG, "topic \"%s\": %s", topic,
                       rd_kafka_err2str(rd_kafka_last_error()));
    }
    *ret_producer = p;
    return 0;
}

void producer_close(struct producer *p)
{
    if (p == NULL) {
        return;
    }
    if (p->rkt != NULL) {
        rd_kafka_topic_destroy(p->rkt);
    }
    if (p->rk != NULL) {
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(p->rk, 100);
        rd_kafka_destroy(p->rk);
    }
    mem_free(p->topic);
    mem_free(p);
}

void producer_set_rate(struct producer *p, double per_second)
{
    assert(per_second >= 0);
    p->per_second = per_second;
    p->rate_from_us = clock_mono_us();
    p->rate_sent = 0;
}

static int producer_check(struct producer *p, struct err *err)
{
    if (p->has_failed) {
        *err = p->failure;
        return err->code;
    }
    if (stop_is_set(p->stop)) {
        return err_set(err, ERR_CANCELED, "stopped while producing");
    }
    return 0;
}

/* Waits for the message's turn, serving reports meanwhile. */
static int producer_pace(struct producer *p, struct err *err)
{
    if (p->per_second <= 0) {
        return 0;
    }
    int64_t due_us = p->rate_from_us + (int64_t)((double)p->rate_sent * 1e6 / p->per_second);
    p->rate_sent++;
    for (;;) {
        int64_t left_us = due_us - clock_mono_us();
        if (left_us <= 0) {
            return 0;
        }
        TRY(producer_check(p, err));
        if (left_us < 1000) {
            clock_sleep_us(left_us);
            rd_kafka_poll(p->rk, 0);
        } else {
            rd_kafka_poll(p->rk, left_us / 1000 < PRODUCER_SLICE_MS ? (int)(left_us / 1000)
                                                                    : PRODUCER_SLICE_MS);
        }
    }
}

int producer_send(struct producer *p, struct str key, struct str value, int32_t partition,
                  struct err *err)
{
    assert(p->magic == PRODUCER_MAGIC);
    TRY(producer_pace(p, err));
    for (;;) {
        TRY(producer_check(p, err));
        int rc = rd_kafka_produce(p->rkt, partition < 0 ? RD_KAFKA_PARTITION_UA : partition,
                                  RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value.ptr, value.len,
                                  key.ptr, key.len, NULL);
        if (rc == 0) {
            p->counts.sent++;
            if (p->counts.sent % 256 == 0) {
                rd_kafka_poll(p->rk, 0);
            }
            return 0;
        }
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return err_set(err, ERR_CONFIG, "topic \"%s\": %s", p->topic, rd_kafka_err2str(code));
        }
        rd_kafka_poll(p->rk, PRODUCER_SLICE_MS);
    }
}

static rd_kafka_headers_t *producer_headers(const struct message_header *headers, size_t count)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_header_add(list, headers[i].name.ptr, (ssize_t)headers[i].name.len,
                                headers[i].value.ptr, (ssize_t)headers[i].value.len);
        assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    return list;
}

int producer_send_headers(struct producer *p, struct str key, struct str value,
                          const struct message_header *headers, size_t header_count,
                          struct err *err)
{
    assert(p->magic == PRODUCER_MAGIC);
    for (;;) {
        TRY(producer_check(p, err));
        rd_kafka_headers_t *list = producer_headers(headers, header_count);
        rd_kafka_resp_err_t code = rd_kafka_producev(
            p->rk, RD_KAFKA_V_RKT(p->rkt), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY((void *)(uintptr_t)key.ptr, key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.ptr, value.len), RD_KAFKA_V_HEADERS(list),
            RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) { /* the list is librdkafka's now */
            p->counts.sent++;
            return 0;
        }
        rd_kafka_headers_destroy(list);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return err_set(err, ERR_CONFIG, "topic \"%s\": %s", p->topic, rd_kafka_err2str(code));
        }
        rd_kafka_poll(p->rk, PRODUCER_SLICE_MS);
    }
}

int producer_flush(struct producer *p, struct err *err)
{
    assert(p->magic == PRODUCER_MAGIC);
    while (rd_kafka_outq_len(p->rk) > 0) {
        TRY(producer_check(p, err));
        rd_kafka_flush(p->rk, PRODUCER_SLICE_MS);
    }
    return p->has_failed ? producer_check(p, err) : 0;
}

struct producer_counts producer_counts(const struct producer *p)
{
    return p->counts;
}

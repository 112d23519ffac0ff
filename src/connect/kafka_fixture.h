/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_KAFKA_FIXTURE_H
#define CONNECT_KAFKA_FIXTURE_H

/*
 * kafka_fixture - a mock broker, a topic with known messages, a source; for tests of this folder
 *
 * Message i of partition p is "p<p>-<i>", so its offset can be read off it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "connect/connector.h"
#include "connect/kafka.h"
#include "connect/librdkafka.h"
#include "connect/mock_broker.h"
#include "connect/producer.h"

/* Kafka's numbers of requests, as the mock counts and fails them. */
#define API_FETCH            1
#define API_OFFSET_COMMIT    8
#define API_OFFSET_FETCH     9
#define API_OFFSET_FOR_EPOCH 23

struct fixture {
    struct mock_broker *mock;
    rd_kafka_mock_cluster_t *cluster;
    struct stop stop;
    struct settings settings;
    struct source *source;
    struct err err;
};

static inline void fixture_set(struct fixture *f, const char *name, const char *value)
{
    *vec_push(&f->settings.items) = (struct setting){.name = str_of(name), .value = str_of(value)};
}

static inline void fixture_fail(const struct err *err)
{
    fail_msg("%s", err->msg);
}
#define OK(expr)                                                                                   \
    do {                                                                                           \
        if ((expr) < 0) {                                                                          \
            fixture_fail(&f->err);                                                                 \
        }                                                                                          \
    } while (0)

static inline struct fixture *fixture_new_on(int brokers)
{
    struct fixture *f = mem_new(struct fixture);
    stop_init(&f->stop);
    OK(mock_broker_open(brokers, &f->mock, &f->err));
    f->cluster = mock_broker_cluster(f->mock);
    fixture_set(f, "kafka.bootstrap.servers", mock_broker_bootstrap(f->mock));
    return f;
}

static inline struct fixture *fixture_new(void)
{
    return fixture_new_on(1);
}

static inline void fixture_free(struct fixture *f)
{
    source_close(f->source);
    vec_done(&f->settings.items);
    mock_broker_close(f->mock);
    stop_done(&f->stop);
    mem_free(f);
}

/* Appends messages first … first+count-1 to one partition. */
static inline void fixture_produce(struct fixture *f, const char *topic, int partition, int first,
                                   int count)
{
    struct settings settings = {0};
    *vec_push(&settings.items) = (struct setting){.name = STR("kafka.bootstrap.servers"),
                                                  .value = str_of(mock_broker_bootstrap(f->mock))};
    /* Without it there is no wait for a producer id. */
    *vec_push(&settings.items) =
        (struct setting){.name = STR("kafka.enable.idempotence"), .value = STR("false")};
    struct producer *producer = NULL;
    OK(producer_open(&settings, topic, &f->stop, &producer, &f->err));
    for (int i = first; i < first + count; i++) {
        char text[32];
        snprintf(text, sizeof(text), "p%d-%d", partition, i);
        OK(producer_send(producer, STR("key"), str_of(text), partition, &f->err));
    }
    OK(producer_flush(producer, &f->err));
    producer_close(producer);
    vec_done(&settings.items);
}

/* The topic "t", every partition with `messages` messages, subscribed to. */
static inline struct fixture *fixture_topic_on(int brokers, int partitions, int messages)
{
    struct fixture *f = fixture_new_on(brokers);
    OK(mock_broker_create_topic(f->mock, "t", partitions, &f->err));
    for (int p = 0; p < partitions; p++) {
        fixture_produce(f, "t", p, 0, messages);
    }
    fixture_set(f, "subscribe", "t");
    return f;
}

static inline struct fixture *fixture_topic(int partitions, int messages)
{
    return fixture_topic_on(1, partitions, messages);
}

/* open, but nothing is asked yet */
static inline void fixture_open_only(struct fixture *f)
{
    OK(source_open(&kafka_source_ops, &f->settings, "q", &f->stop, &f->source, &f->err));
}

static inline void fixture_open(struct fixture *f)
{
    fixture_open_only(f);
    OK(source_discover(f->source, &f->err));
}

static inline void fixture_resolve_all(struct fixture *f)
{
    bool which[64];
    memset(which, 1, sizeof(which));
    OK(source_resolve(f->source, which, &f->err));
}

/* open, discover, resolve, start */
static inline void fixture_begin(struct fixture *f)
{
    fixture_open(f);
    fixture_resolve_all(f);
    OK(source_start(f->source, &f->err));
}

/* Starts partition 0 at `offset`, whatever the options say. */
static inline void fixture_begin_at(struct fixture *f, int64_t offset)
{
    fixture_open(f);
    f->source->partitions.items[0].next_offset = offset;
    OK(source_start(f->source, &f->err));
}

/* What was delivered, checked on the way: values fit offsets, offsets only grow. */
struct taken {
    size_t count;
    size_t counts[16];
    int64_t first[16];
    int64_t last[16];
};

static inline void taken_add(struct taken *t, const struct source *s, const struct packet *packet)
{
    for (size_t i = 0; i < packet->count; i++) {
        const struct message *m = &packet->messages[i];
        char text[32];
        int number = s->partitions.items[m->partition].number;
        snprintf(text, sizeof(text), "p%d-%" PRId64, number, m->offset);
        assert_true(str_eq_c(m->value, text));
        assert_true(str_eq_c(m->key, "key"));
        assert_true(m->timestamp_us > 0);
        assert_true(m->offset < s->partitions.items[m->partition].next_offset);
        if (t->counts[number]++ > 0) {
            assert_true(m->offset > t->last[number]);
        } else {
            t->first[number] = m->offset;
        }
        t->last[number] = m->offset;
        t->count++;
    }
}

/* Polls until `count` messages came, an outcome other than packet and idle, or 10 seconds. */
static inline int fixture_take(struct fixture *f, size_t count, struct taken *t)
{
    int64_t until = clock_mono_us() + 10000000;
    while (t->count < count && clock_mono_us() < until) {
        struct packet *packet = NULL;
        int rc = source_poll(f->source, clock_mono_us() + 200000, 1000, 1 << 20, &packet, &f->err);
        if (rc == SOURCE_PACKET) {
            taken_add(t, f->source, packet);
            packet_free(packet);
        } else if (rc != SOURCE_IDLE) {
            return rc;
        }
    }
    return t->count >= count ? SOURCE_PACKET : SOURCE_IDLE;
}

/* Polls for a while; nothing may come. */
static inline int fixture_quiet(struct fixture *f, int64_t us)
{
    struct packet *packet = NULL;
    return source_poll(f->source, clock_mono_us() + us, 1000, 1 << 20, &packet, &f->err);
}

/* Polls for at most 10 seconds until something other than idle. */
static inline int fixture_take_news(struct fixture *f)
{
    for (int i = 0; i < 100; i++) {
        int rc = fixture_quiet(f, 100000);
        if (rc != SOURCE_IDLE) {
            return rc;
        }
    }
    return SOURCE_IDLE;
}

static inline bool fixture_await_state(struct fixture *f, enum source_state state)
{
    for (int i = 0; i < 100 && f->source->status.state != state; i++) {
        if (fixture_quiet(f, 100000) < 0) {
            fixture_fail(&f->err);
        }
    }
    return f->source->status.state == state;
}

/* Requests of one kind since rd_kafka_mock_start_request_tracking. */
static inline size_t fixture_requests(struct fixture *f, int16_t api_key)
{
    size_t count = 0;
    size_t found = 0;
    rd_kafka_mock_request_t **requests = rd_kafka_mock_get_requests(f->cluster, &count);
    for (size_t i = 0; i < count; i++) {
        found += rd_kafka_mock_request_api_key(requests[i]) == api_key ? 1 : 0;
    }
    rd_kafka_mock_request_destroy_array(requests, count);
    return found;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_source - a consumer of the world's topic
 *
 * What connect/kafka.c promises, without Kafka.
 *
 *  (1) Only start moves the consumer; in between it goes on where it is, whatever
 *      next_offset says.
 *  (2) A topic that was deleted and made again gives no error: the consumer reads the
 *      new one at its old offsets.  Only verify tells, and a look for partitions.
 *  (3) A packet says that it costs more than it does, so that queues are full.
 *  (4) What a packet's strings point to is overwritten when the packet is freed.
 */
#include "fake_source.h"

#include "world.h"

#include "trace.h"

#include <stdio.h>

#define RUN_MAX     6 /* messages of one partition in a packet's part */
#define DOWN_US_MAX 3000000

static const char *const topic_ids[] = {"id-1", "id-2"};

static const struct option fake_options[] = {
    {"stream", OPTION_INT, "0", NULL, "its number"},
    {NULL, OPTION_STRING, NULL, NULL, NULL},
};

struct fake_source {
    struct source base;
    struct instance *in;
    int epoch; /* of the topic that it found; -1 = none yet */
    bool has_started;
    int stream;
    char topic_name[8];
    int64_t consumer[TOPIC_STREAM_PARTITIONS]; /* where it stands */
    bool is_late[TOPIC_STREAM_PARTITIONS];     /* found while running */
    int64_t down_until_us;
};

struct fake_packet {
    struct packet base;
    char *bytes;
    size_t byte_count;
};

static struct fake_source *fake_of(struct source *base)
{
    return CONTAINER_OF(base, struct fake_source, base);
}

static int partition_of(const struct fake_source *s, size_t index)
{
    return s->stream * TOPIC_STREAM_PARTITIONS + (int)index;
}

static int64_t end_of(const struct fake_source *s, size_t index)
{
    return topic_end(world_topic(s->in->world), partition_of(s, index));
}

/* The broker is asked something: others run, and the answer may not come. */
static int ask(struct fake_source *s, struct err *err)
{
    struct instance *in = s->in;
    fiber_yield();
    if (in->client.dead) {
        return err_set(err, ERR_CANCELED, "process %d is dead", in->client.id);
    }
    if (world_chance(in->world, in->world->weather.source_fail)) {
        return err_set_retry(err, "the broker does not answer");
    }
    return 0;
}

static int check_epoch(struct fake_source *s, struct err *err)
{
    if (s->epoch >= 0 && s->epoch != s->in->world->epoch) {
        return err_set(err, ERR_IDENTITY, "topic \"%s\" was deleted and created again",
                       s->topic_name);
    }
    return 0;
}

static int fake_open(const struct settings *settings, const char *query, struct stop *stop,
                     struct source **ret_source, struct err *err)
{
    (void)query;
    (void)stop;
    (void)err;
    struct fake_source *s = mem_new(struct fake_source);
    s->base.ops = &fake_source_ops;
    s->in = instance_self();
    s->epoch = -1;
    s->stream = (int)settings_int(settings, fake_options, "stream", 0);
    snprintf(s->topic_name, sizeof(s->topic_name), SIM_TOPIC "%d", s->stream);
    for (size_t i = 0; i < TOPIC_STREAM_PARTITIONS; i++) {
        s->in->bounds[partition_of(s, i)] = -1;
    }
    *ret_source = &s->base;
    return 0;
}

static int adopt(struct fake_source *s)
{
    int added = 0;
    int count = world_topic(s->in->world)->counts[s->stream];
    for (int p = (int)s->base.partitions.count; p < count; p++, added++) {
        *vec_push(&s->base.partitions) = (struct source_partition){
            .topic = str_of(s->topic_name),
            .topic_id = str_of(topic_ids[s->epoch]),
            .number = p,
            .next_offset = -1,
            .end_offset = -1,
            .limit_offset = INT64_MAX,
        };
        s->is_late[p] = s->has_started;
    }
    return added;
}

static int fake_discover(struct source *base, struct err *err)
{
    struct fake_source *s = fake_of(base);
    TRY(ask(s, err));
    TRY(check_epoch(s, err));
    s->epoch = s->in->world->epoch;
    return adopt(s);
}

/* A partition of a topic that is known began when nobody looked. */
static bool begins_at_earliest(const struct fake_source *s, size_t index, const bool *which)
{
    bool earliest = s->is_late[index] || !s->in->start_latest;
    for (size_t i = 0; i < s->base.partitions.count; i++) {
        earliest = earliest || (!which[i] && s->base.partitions.items[i].next_offset >= 0);
    }
    return earliest;
}

static int fake_resolve(struct source *base, const bool *which, struct err *err)
{
    struct fake_source *s = fake_of(base);
    TRY(ask(s, err));
    int64_t starts[TOPIC_STREAM_PARTITIONS];
    for (size_t i = 0; i < base->partitions.count; i++) {
        bool earliest = begins_at_earliest(s, i, which);
        starts[i] = earliest ? 0 : end_of(s, i);
    }
    for (size_t i = 0; i < base->partitions.count; i++) {
        if (which[i]) {
            base->partitions.items[i].next_offset = starts[i];
        }
    }
    return 0;
}

static int fake_start(struct source *base, struct err *err)
{
    struct fake_source *s = fake_of(base);
    TRY(ask(s, err));
    base->has_new_partitions = false;
    s->has_started = true;
    for (size_t i = 0; i < base->partitions.count; i++) {
        struct source_partition *p = &base->partitions.items[i];
        p->started = true;
        p->at_limit = p->next_offset >= p->limit_offset;
        s->consumer[i] = p->next_offset;
    }
    return 0;
}

static int fake_bound(struct source *base, struct err *err)
{
    struct fake_source *s = fake_of(base);
    TRY(ask(s, err));
    for (size_t i = 0; i < base->partitions.count; i++) {
        struct source_partition *p = &base->partitions.items[i];
        p->limit_offset = end_of(s, i);
        p->end_offset = p->limit_offset;
        p->at_limit = p->next_offset >= p->limit_offset;
        s->in->bounds[partition_of(s, i)] = p->limit_offset;
    }
    return 0;
}

static int fake_verify(struct source *base, struct err *err)
{
    struct fake_source *s = fake_of(base);
    TRY(ask(s, err));
    return check_epoch(s, err);
}

/* Lag tools must not be told of what is not durable. */
static void fake_acknowledge(struct source *base, const int64_t *next_offsets, size_t count)
{
    const struct fake_source *s = fake_of(base);
    struct instance *in = s->in;
    if (world_is_broken(in->world)) {
        return;
    }
    struct oracle_log log;
    oracle_replay(in->world, in->world->net.version_count - 1, &log);
    for (size_t i = 0; i < count; i++) {
        int p = partition_of(s, i);
        bool moved = base->partitions.items[i].started && next_offsets[i] > log.positions[p];
        if (moved && oracle_is_behind(in->world, &log, p, next_offsets[i])) {
            world_fault(in->world,
                        "process %d acknowledges offset %" PRId64 " of partition %d, the table "
                        "is at %" PRId64,
                        in->client.id, next_offsets[i], p, log.positions[p]);
        }
    }
}

static void fake_close(struct source *base)
{
    struct fake_source *s = fake_of(base);
    vec_done(&base->partitions);
    mem_free(s);
}

/* ---- poll ------------------------------------------------------------------------------------ */

static void packet_overwrite(struct packet *base)
{
    struct fake_packet *packet = CONTAINER_OF(base, struct fake_packet, base);
    memset(packet->bytes, 'X', packet->byte_count);
    mem_free(packet->bytes);
    mem_free(base->messages);
    mem_free(packet);
}

/* Messages on their way into a packet; values are offsets into `bytes` until it has stopped
 * growing. */
struct gathering {
    VEC(struct message) messages;
    VEC(size_t) offsets;
    struct buf bytes;
};

static void gather_one(struct fake_source *s, struct gathering *g, uint32_t index)
{
    const struct topic *topic = world_topic(s->in->world);
    struct source_partition *p = &s->base.partitions.items[index];
    int64_t offset = s->consumer[index]++;
    if (offset < p->next_offset) {
        return; /* (1): somebody moved the position without a start */
    }
    p->next_offset = offset + 1;
    p->at_limit = p->next_offset >= p->limit_offset;
    if (topic_kind(topic, partition_of(s, index), offset) == MESSAGE_GAP) {
        return;
    }
    *vec_push(&g->offsets) = g->bytes.len;
    bool has_value = topic_print_value(topic, partition_of(s, index), offset, &g->bytes);
    *vec_push(&g->messages) = (struct message){
        .value = has_value ? str_n("", g->bytes.len - *vec_last(&g->offsets)) : STR_NULL,
        .offset = offset,
        .timestamp_us = offset % 2 == 0 ? clock_wall_us() : -1,
        .partition = index,
    };
}

static bool has_more(const struct fake_source *s, uint32_t index)
{
    const struct source_partition *p = &s->base.partitions.items[index];
    int64_t end = end_of(s, index);
    return p->started && s->consumer[index] < end && s->consumer[index] < p->limit_offset;
}

/* What it is said to cost: sometimes so much that queues are full, or a batch. */
static uint64_t claim_bytes(struct rng *rng)
{
    static const uint64_t costs[] = {1000, 1000, 1000, 3 << 20, 100 << 20};
    return costs[rng_below(rng, ARRAY_COUNT(costs))];
}

static struct packet *make_packet(struct gathering *g, struct rng *rng)
{
    if (g->messages.count == 0) {
        buf_done(&g->bytes);
        vec_done(&g->offsets);
        return NULL;
    }
    struct fake_packet *packet = mem_new(struct fake_packet);
    packet->byte_count = g->bytes.len;
    packet->bytes = buf_take(&g->bytes);
    packet->base.count = g->messages.count;
    packet->base.messages = g->messages.items;
    packet->base.bytes = claim_bytes(rng);
    packet->base.free = packet_overwrite;
    for (size_t i = 0; i < g->messages.count; i++) {
        struct message *m = &packet->base.messages[i];
        m->value.ptr = m->value.ptr == NULL ? NULL : packet->bytes + g->offsets.items[i];
    }
    vec_done(&g->offsets);
    return &packet->base;
}

static struct packet *gather(struct fake_source *s, size_t messages_max)
{
    struct rng *rng = &s->in->world->rng;
    struct gathering g = {0};
    size_t count = s->base.partitions.count;
    size_t parts = 1 + rng_below(rng, 3);
    for (size_t i = 0; i < parts && count > 0; i++) {
        uint32_t index = (uint32_t)rng_below(rng, count);
        uint64_t run = 1 + rng_below(rng, RUN_MAX);
        for (; run > 0 && g.messages.count < messages_max && has_more(s, index); run--) {
            gather_one(s, &g, index);
        }
    }
    return make_packet(&g, rng);
}

static bool is_at_end(const struct fake_source *s)
{
    vec_foreach (struct source_partition, p, &s->base.partitions) {
        if (p->started && !p->at_limit) {
            return false;
        }
    }
    return s->base.partitions.count > 0;
}

/* The broker goes away and comes back; true = it is away. */
static bool is_down(struct fake_source *s)
{
    struct world *world = s->in->world;
    int64_t now_us = fiber_clock_us();
    if (now_us < s->down_until_us) {
        return true;
    }
    if (world_chance(world, world->weather.source_down)) {
        s->down_until_us = now_us + (int64_t)rng_below(&world->rng, DOWN_US_MAX);
        source_set_status(&s->base, SOURCE_DOWN, "broker away");
        return true;
    }
    if (s->base.status.state != SOURCE_RUNNING) {
        source_set_status(&s->base, SOURCE_RUNNING, "%s", "");
    }
    return false;
}

static int look_for_partitions(struct fake_source *s, struct err *err)
{
    if (!world_chance(s->in->world, 200)) {
        return 0;
    }
    TRY(check_epoch(s, err));
    if (adopt(s) > 0) {
        TRACE("process %d: finds new partitions, %zu in all", s->in->client.id,
              s->base.partitions.count);
        s->base.has_new_partitions = true;
    }
    return 0;
}

static void wait_until(int64_t until_mono_us)
{
    int64_t us = until_mono_us - fiber_clock_us();
    if (us > 0) {
        fiber_sleep_us(us);
    }
}

static int fake_poll(struct source *base, int64_t until_mono_us, size_t messages_max,
                     uint64_t bytes_max, struct packet **ret_packet, struct err *err)
{
    (void)bytes_max;
    struct fake_source *s = fake_of(base);
    fiber_yield();
    if (s->in->client.dead) {
        return err_set(err, ERR_CANCELED, "process %d is dead", s->in->client.id);
    }
    TRY(look_for_partitions(s, err));
    if (world_chance(s->in->world, s->in->world->weather.source_lost)) {
        s->in->lost = true;
        return err_set(err, ERR_DATA, "topic \"%s\": offsets are gone", s->topic_name);
    }
    if (is_down(s)) {
        wait_until(until_mono_us);
        return SOURCE_IDLE;
    }
    struct packet *packet = gather(s, messages_max);
    if (packet != NULL) {
        *ret_packet = packet;
        return SOURCE_PACKET;
    }
    if (is_at_end(s)) {
        return SOURCE_END;
    }
    wait_until(until_mono_us);
    return SOURCE_IDLE;
}

const struct source_ops fake_source_ops = {
    .name = "sim",
    .options = fake_options,
    .open = fake_open,
    .discover = fake_discover,
    .resolve = fake_resolve,
    .start = fake_start,
    .poll = fake_poll,
    .bound = fake_bound,
    .verify = fake_verify,
    .acknowledge = fake_acknowledge,
    .close = fake_close,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generator - messages out of nothing, for demos, tests and benchmarks
 *
 * The model of a source: no connection, no waiting, and a log that always has
 * the same content.
 *
 *  (1) The message at an offset is generator_payload's pure function of seed,
 *      partition and offset, so a restart at any offset delivers the same.
 *  (2) Partitions take turns; `numRows` is the length of all logs together.
 *  (3) rowsPerSecond paces delivery from the last start on.
 */
#include "connect/generator.h"

#include "connect/generator_payload.h"

#define GENERATOR_MAGIC          0x67656e65U
#define GENERATOR_PARTITIONS_MAX 1024
#define GENERATOR_SLICE_US       50000

struct generator {
    struct source base;
    uint32_t magic;
    struct stop *stop;
    struct generator_payload payload;
    uint32_t partition_count;
    int64_t rows_per_second; /* 0 = as fast as they are taken */
    int64_t row_count;       /* of all partitions; 0 = without end */
    bool shows_clock;
    size_t turn; /* the partition whose turn it is */
    int64_t started_mono_us;
    int64_t delivered; /* since the start */
};

struct generator_packet {
    struct packet base;
    struct buf bytes;
};

extern const struct option generator_options[];

static struct generator *generator_of(struct source *base)
{
    struct generator *g = CONTAINER_OF(base, struct generator, base);
    assert(g->magic == GENERATOR_MAGIC);
    return g;
}

static int generator_range(const struct settings *settings, const char *name, int64_t low,
                           int64_t high, int64_t *ret_value, struct err *err)
{
    int64_t value = settings_int(settings, generator_options, name, 0);
    if (value < low || value > high) {
        err_set(err, ERR_CONFIG, "option \"%s\" must be from %" PRId64 " to %" PRId64, name, low,
                high);
        return settings_error(settings_find(settings, name), err);
    }
    *ret_value = value;
    return 0;
}

static int generator_open(const struct settings *settings, const char *query, struct stop *stop,
                          struct source **ret_source, struct err *err)
{
    (void)query;
    int64_t partitions = 0;
    int64_t rate = 0;
    int64_t rows = 0;
    int64_t entities = 0;
    TRY(generator_range(settings, "partitions", 1, GENERATOR_PARTITIONS_MAX, &partitions, err));
    TRY(generator_range(settings, "rowsPerSecond", 0, 1000000000, &rate, err));
    TRY(generator_range(settings, "numRows", 0, INT64_MAX, &rows, err));
    TRY(generator_range(settings, "entities", 1, GENERATOR_ENTITIES_MAX, &entities, err));
    struct generator *g = mem_new(struct generator);
    g->base.ops = &generator_source_ops;
    g->magic = GENERATOR_MAGIC;
    g->stop = stop;
    g->payload = (struct generator_payload){
        .kind = (enum generator_kind)settings_enum(settings, generator_options, "kind"),
        .seed = (uint64_t)settings_int(settings, generator_options, "seed", 0),
        .entities = (uint32_t)entities,
    };
    g->partition_count = (uint32_t)partitions;
    g->rows_per_second = rate;
    g->row_count = rows;
    g->shows_clock = settings_enum(settings, generator_options, "clock") == 1;
    source_set_status(&g->base, SOURCE_RUNNING, "%s", "");
    *ret_source = &g->base;
    return 0;
}

/* The length of a partition's log; INT64_MAX = without end. */
static int64_t generator_length(const struct generator *g, uint32_t partition)
{
    if (g->row_count == 0) {
        return INT64_MAX;
    }
    int64_t each = g->row_count / g->partition_count;
    return each + (partition < g->row_count % g->partition_count ? 1 : 0);
}

static int generator_discover(struct source *base, struct err *err)
{
    (void)err;
    struct generator *g = generator_of(base);
    int added = 0;
    for (size_t i = base->partitions.count; i < g->partition_count; i++) {
        int64_t length = generator_length(g, (uint32_t)i);
        *vec_push(&base->partitions) = (struct source_partition){
            .topic = STR("generator"),
            .topic_id = STR(""),
            .number = (int32_t)i,
            .next_offset = -1,
            .end_offset = length == INT64_MAX ? -1 : length,
            .limit_offset = length,
            .leader_epoch = -1,
        };
        added++;
    }
    return added;
}

static int generator_resolve(struct source *base, const bool *which, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < base->partitions.count; i++) {
        if (which[i]) {
            base->partitions.items[i].next_offset = 0;
        }
    }
    return 0;
}

static int generator_start(struct source *base, struct err *err)
{
    (void)err;
    struct generator *g = generator_of(base);
    vec_foreach (struct source_partition, p, &base->partitions) {
        p->started = true;
        p->at_limit = p->next_offset >= p->limit_offset;
    }
    g->started_mono_us = clock_mono_us();
    g->delivered = 0;
    return 0;
}

static void generator_packet_free(struct packet *base)
{
    struct generator_packet *packet = CONTAINER_OF(base, struct generator_packet, base);
    buf_done(&packet->bytes);
    mem_free(base->messages);
    mem_free(packet);
}

/* The partition whose turn it is, or NULL when all are at their limit. */
static struct source_partition *generator_next(struct generator *g)
{
    for (size_t i = 0; i < g->partition_count; i++) {
        struct source_partition *p = &g->base.partitions.items[g->turn];
        g->turn = (g->turn + 1) % g->partition_count;
        if (!p->at_limit) {
            return p;
        }
    }
    return NULL;
}

/* Pointers are set at the end: the bytes move while they grow. */
struct generator_span {
    size_t value_at;
    size_t value_end; /* where the key begins */
};

static struct packet *generator_pack(struct generator *g, size_t count_max, uint64_t bytes_max)
{
    struct generator_packet *packet = mem_new(struct generator_packet);
    AUTO_FREE struct generator_span *spans = mem_new_array(struct generator_span, count_max);
    struct message *messages = mem_new_array(struct message, count_max);
    AUTO_BUF struct buf key = {0};
    int64_t now_us = clock_wall_us();
    size_t count = 0;
    struct source_partition *p = NULL;
    while (count < count_max && (count == 0 || packet->bytes.len < bytes_max) &&
           (p = generator_next(g)) != NULL) {
        buf_reset(&key);
        uint32_t number = (uint32_t)p->number;
        spans[count].value_at = packet->bytes.len;
        generator_payload_make(&g->payload, number, p->next_offset, g->shows_clock ? now_us : -1,
                               &key, &packet->bytes);
        spans[count].value_end = packet->bytes.len;
        buf_add_str(&packet->bytes, buf_str(&key));
        messages[count].key.len = key.len;
        messages[count].offset = p->next_offset;
        messages[count].timestamp_us =
            g->shows_clock ? now_us : generator_payload_time_us(p->next_offset);
        messages[count].partition = number;
        p->next_offset++;
        p->at_limit = p->next_offset >= p->limit_offset;
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        const char *bytes = packet->bytes.ptr;
        messages[i].value =
            str_n(bytes + spans[i].value_at, spans[i].value_end - spans[i].value_at);
        messages[i].key.ptr = bytes + spans[i].value_end;
    }
    packet->base = (struct packet){
        .count = count,
        .messages = messages,
        .bytes = sizeof(*packet) + packet->bytes.cap + count_max * sizeof(struct message),
        .free = generator_packet_free,
    };
    g->delivered += (int64_t)count;
    return &packet->base;
}

static bool generator_is_at_end(const struct generator *g)
{
    for (size_t i = 0; i < g->partition_count; i++) {
        if (!g->base.partitions.items[i].at_limit) {
            return false;
        }
    }
    return true;
}

/* How many messages are due, and if none, when the next one is. */
static size_t generator_due(const struct generator *g, size_t messages_max, int64_t now,
                            int64_t *ret_next_us)
{
    if (g->rows_per_second == 0) {
        return messages_max;
    }
    double elapsed_us = (double)(now - g->started_mono_us);
    int64_t due = (int64_t)(elapsed_us * (double)g->rows_per_second / 1e6) - g->delivered;
    *ret_next_us = g->started_mono_us +
                   (int64_t)((double)(g->delivered + 1) * 1e6 / (double)g->rows_per_second) + 1;
    if (due <= 0) {
        return 0;
    }
    return (uint64_t)due < messages_max ? (size_t)due : messages_max;
}

static int generator_poll(struct source *base, int64_t until_mono_us, size_t messages_max,
                          uint64_t bytes_max, struct packet **ret_packet, struct err *err)
{
    (void)err;
    struct generator *g = generator_of(base);
    for (;;) {
        if (generator_is_at_end(g)) {
            return SOURCE_END;
        }
        int64_t now = clock_mono_us();
        int64_t next_us = now;
        size_t due = generator_due(g, messages_max, now, &next_us);
        if (due > 0) {
            *ret_packet = generator_pack(g, due, bytes_max);
            return SOURCE_PACKET;
        }
        if (now >= until_mono_us || stop_is_set(g->stop)) {
            return SOURCE_IDLE;
        }
        int64_t wake_us = next_us < until_mono_us ? next_us : until_mono_us;
        int64_t sleep_us = wake_us - now < GENERATOR_SLICE_US ? wake_us - now : GENERATOR_SLICE_US;
        if (stop_wait_us(g->stop, sleep_us > 0 ? sleep_us : 1)) {
            return SOURCE_IDLE;
        }
    }
}

static int generator_bound(struct source *base, struct err *err)
{
    struct generator *g = generator_of(base);
    if (g->row_count == 0) {
        return err_set(err, ERR_CONFIG,
                       "a generator without \"numRows\" has no end that could be run up to");
    }
    return 0;
}

static int generator_verify(struct source *base, struct err *err)
{
    (void)base;
    (void)err;
    return 0;
}

static void generator_acknowledge(struct source *base, const int64_t *next_offsets, size_t count)
{
    (void)base;
    (void)next_offsets;
    (void)count;
}

static void generator_close(struct source *base)
{
    struct generator *g = generator_of(base);
    vec_done(&base->partitions);
    mem_free(g);
}

const struct option generator_options[] = {
    {"kind", OPTION_ENUM, "vehicle_positions", GENERATOR_KINDS, "what the messages are"},
    {"rowsPerSecond", OPTION_INT, "10", NULL,
     "messages a second, all partitions together; 0 = "
     "as fast as they are taken"},
    {"numRows", OPTION_INT, "0", NULL, "messages in all; 0 = without end"},
    {"partitions", OPTION_INT, "1", NULL, "how many logs"},
    {"seed", OPTION_INT, "1", NULL, "another seed, other messages"},
    {"entities", OPTION_INT, "20", NULL, "vehicles in one feed"},
    {"clock", OPTION_ENUM, "logical", "logical|wall",
     "times in messages: a function of the offset, or the clock's"},
    {0},
};

const struct source_ops generator_source_ops = {
    .name = "generator",
    .options = generator_options,
    .open = generator_open,
    .discover = generator_discover,
    .resolve = generator_resolve,
    .start = generator_start,
    .poll = generator_poll,
    .bound = generator_bound,
    .verify = generator_verify,
    .acknowledge = generator_acknowledge,
    .close = generator_close,
};

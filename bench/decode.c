/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - how fast messages become columns
 *
 *     decode_bench [events|feeds|protobuf|all] [megabytes] [repeats]
 *
 * Three kinds of messages, made by a seeded generator: JSON events of ten fields and about
 * 220 bytes, JSON feeds of twenty vehicle positions and about 5.7 KB (the shape of GTFS
 * Realtime), and the same events as Protobuf, where they have half the bytes; a longer
 * session gives those 200 bytes too.  They lie one behind the other, more of them than caches hold;
 * they are decoded in chunks of 2,048 rows, as a scan does it.  For each the medians of the
 * repeats, in CPU time of the thread, and beside it memcpy of the same bytes: what it costs to
 * touch them at all.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "column/column.h"
#include "column/memory.h"

#define CHUNK_ROWS 2048

struct corpus {
    const char *name;
    const char *format;
    struct codec_options options;
    const struct type *row_type;
    struct buf bytes;
    VEC(struct str) messages;
};

static struct type_field field(const char *name, const struct type *type)
{
    return (struct type_field){.name = str_of(name), .type = type, .nullable = true};
}

static const struct type *event_type(struct arena *arena)
{
    struct type_field fields[] = {
        field("event_id", type_simple(TYPE_BIGINT)),
        field("user_id", type_simple(TYPE_BIGINT)),
        field("event_type", type_simple(TYPE_STRING)),
        field("session", type_simple(TYPE_STRING)),
        field("price", type_simple(TYPE_DOUBLE)),
        field("quantity", type_simple(TYPE_BIGINT)),
        field("latitude", type_simple(TYPE_DOUBLE)),
        field("is_mobile", type_simple(TYPE_BOOLEAN)),
        field("country", type_simple(TYPE_STRING)),
        field("ts", type_simple(TYPE_TIMESTAMP)),
    };
    return type_struct(arena, fields, ARRAY_COUNT(fields));
}

static void print_event(struct rng *rng, struct buf *out)
{
    static const char *const types[] = {"click", "view", "purchase", "add_to_cart", "sign_in"};
    static const char *const countries[] = {"DE", "FR", "US", "JP", "BR", "IN"};
    buf_printf(out, "{\"event_id\":%" PRIu64 ",\"user_id\":%" PRIu64,
               UINT64_C(100000000) + rng_below(rng, 900000000), rng_below(rng, 10000000));
    buf_printf(out, ",\"event_type\":\"%s\",\"session\":\"%016" PRIx64 "%08" PRIx64 "\"",
               types[rng_below(rng, ARRAY_COUNT(types))], rng_next(rng), rng_next(rng) >> 32);
    buf_printf(out, ",\"price\":%.2f,\"quantity\":%" PRIu64 ",\"latitude\":%.6f",
               rng_double(rng) * 1000, rng_below(rng, 20), rng_double(rng) * 180 - 90);
    buf_printf(out, ",\"is_mobile\":%s,\"country\":\"%s\"",
               rng_below(rng, 2) == 0 ? "true" : "false",
               countries[rng_below(rng, ARRAY_COUNT(countries))]);
    buf_printf(out, ",\"ts\":\"2026-11-22T%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64,
               rng_below(rng, 24), rng_below(rng, 60), rng_below(rng, 60), rng_below(rng, 1000));
    buf_add_c(out, "Z\"}");
}

static const struct type *feed_type(struct arena *arena)
{
    const struct type *string = type_simple(TYPE_STRING);
    const struct type *real = type_simple(TYPE_DOUBLE);
    struct type_field trip[] = {field("trip_id", string), field("route_id", string),
                                field("direction_id", type_simple(TYPE_INTEGER)),
                                field("start_date", string)};
    struct type_field position[] = {field("latitude", real), field("longitude", real),
                                    field("bearing", real), field("speed", real)};
    struct type_field identity[] = {field("id", string), field("label", string)};
    struct type_field vehicle[] = {
        field("trip", type_struct(arena, trip, ARRAY_COUNT(trip))),
        field("position", type_struct(arena, position, ARRAY_COUNT(position))),
        field("timestamp", type_simple(TYPE_BIGINT)),
        field("vehicle", type_struct(arena, identity, ARRAY_COUNT(identity))),
    };
    struct type_field entity[] = {
        field("id", string),
        field("vehicle", type_struct(arena, vehicle, ARRAY_COUNT(vehicle))),
    };
    struct type_field header[] = {field("gtfs_realtime_version", string),
                                  field("incrementality", string),
                                  field("timestamp", type_simple(TYPE_BIGINT))};
    const struct type *element = type_struct(arena, entity, ARRAY_COUNT(entity));
    struct type_field feed[] = {
        field("header", type_struct(arena, header, ARRAY_COUNT(header))),
        field("entity", type_array(arena, element, true)),
        field("producer_timestamp", real),
        field("source_id", string),
    };
    return type_struct(arena, feed, ARRAY_COUNT(feed));
}

static void print_entity(struct rng *rng, struct buf *out)
{
    uint64_t vehicle = rng_below(rng, 100000);
    buf_printf(out, "{\"id\":\"vehicle_%05" PRIu64 "\",\"vehicle\":{\"trip\":{", vehicle);
    buf_printf(out, "\"trip_id\":\"trip_%08" PRIu64 "\",\"route_id\":\"route_%03" PRIu64 "\",",
               rng_below(rng, 100000000), rng_below(rng, 500));
    buf_printf(out, "\"direction_id\":%" PRIu64 ",\"start_date\":\"20261122\"},",
               rng_below(rng, 2));
    buf_printf(out, "\"position\":{\"latitude\":%.6f,\"longitude\":%.6f,", 52 + rng_double(rng),
               13 + rng_double(rng));
    buf_printf(out, "\"bearing\":%.1f,\"speed\":%.2f},", rng_double(rng) * 360,
               rng_double(rng) * 25);
    buf_printf(out, "\"timestamp\":%" PRIu64 ",\"vehicle\":{\"id\":\"%05" PRIu64 "\",",
               UINT64_C(1795000000) + rng_below(rng, 100000), vehicle);
    buf_printf(out, "\"label\":\"Bus %05" PRIu64 "\"}}}", vehicle);
}

static void print_feed(struct rng *rng, struct buf *out)
{
    buf_add_c(out, "{\"header\":{\"gtfs_realtime_version\":\"2.0\","
                   "\"incrementality\":\"FULL_DATASET\",\"timestamp\":1795000000},\"entity\":[");
    for (int i = 0; i < 20; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        print_entity(rng, out);
    }
    buf_printf(out, "],\"producer_timestamp\":%.6f,\"source_id\":\"agency-7\"}",
               1795000000 + rng_double(rng));
}

static void add_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        buf_add_char(out, (char)(value | 0x80));
    }
    buf_add_char(out, (char)value);
}

static void add_number(struct buf *out, uint32_t number, uint64_t value)
{
    add_varint(out, number << 3);
    add_varint(out, value);
}

static void add_bytes(struct buf *out, uint32_t number, struct str bytes)
{
    add_varint(out, number << 3 | 2);
    add_varint(out, bytes.len);
    buf_add_str(out, bytes);
}

static void add_double(struct buf *out, uint32_t number, double value)
{
    add_varint(out, number << 3 | 1);
    buf_add(out, &value, sizeof(value));
}

/* The event of print_event, its fields in the same order; `session` hexadecimal digits long. */
static void encode_event(struct rng *rng, size_t session, struct buf *out)
{
    static const char *const types[] = {"click", "view", "purchase", "add_to_cart", "sign_in"};
    static const char *const countries[] = {"DE", "FR", "US", "JP", "BR", "IN"};
    char text[160];
    for (size_t i = 0; i < session; i++) {
        text[i] = "0123456789abcdef"[rng_below(rng, 16)];
    }
    add_number(out, 1, UINT64_C(100000000) + rng_below(rng, 900000000));
    add_number(out, 2, rng_below(rng, 10000000));
    add_bytes(out, 3, str_of(types[rng_below(rng, ARRAY_COUNT(types))]));
    add_bytes(out, 4, str_n(text, session));
    add_double(out, 5, rng_double(rng) * 1000);
    add_number(out, 6, 1 + rng_below(rng, 20));
    add_double(out, 7, rng_double(rng) * 180 - 90);
    add_number(out, 8, rng_below(rng, 2));
    add_bytes(out, 9, str_of(countries[rng_below(rng, ARRAY_COUNT(countries))]));
    AUTO_BUF struct buf ts = {0};
    add_number(&ts, 1, UINT64_C(1795000000) + rng_below(rng, 86400));
    add_number(&ts, 2, (1 + rng_below(rng, 999)) * 1000000);
    add_bytes(out, 10, buf_str(&ts));
}

static void encode_short_event(struct rng *rng, struct buf *out)
{
    encode_event(rng, 24, out);
}

static void encode_long_event(struct rng *rng, struct buf *out)
{
    encode_event(rng, 140, out);
}

static void add_field(struct buf *message, const char *name, uint32_t number, uint32_t type,
                      const char *type_name)
{
    AUTO_BUF struct buf field = {0};
    add_bytes(&field, 1, str_of(name));
    add_number(&field, 3, number);
    add_number(&field, 4, 1);
    add_number(&field, 5, type);
    if (type_name != NULL) {
        add_bytes(&field, 6, str_of(type_name));
    }
    add_bytes(message, 2, buf_str(&field));
}

/* The FileDescriptorSet of the event. */
static void describe_event(struct buf *out)
{
    static const struct {
        const char *name;
        uint32_t type;
    } fields[] = {{"event_id", 3}, {"user_id", 3},  {"event_type", 9}, {"session", 9}, {"price", 1},
                  {"quantity", 3}, {"latitude", 1}, {"is_mobile", 8},  {"country", 9}, {"ts", 11}};
    AUTO_BUF struct buf file = {0};
    AUTO_BUF struct buf event = {0};
    AUTO_BUF struct buf ts = {0};
    add_bytes(&event, 1, STR("Event"));
    for (uint32_t i = 0; i < ARRAY_COUNT(fields); i++) {
        add_field(&event, fields[i].name, i + 1, fields[i].type,
                  fields[i].type == 11 ? ".Timestamp" : NULL);
    }
    add_bytes(&ts, 1, STR("Timestamp"));
    add_field(&ts, "seconds", 1, 3, NULL);
    add_field(&ts, "nanos", 2, 5, NULL);
    add_bytes(&file, 1, STR("event.proto"));
    add_bytes(&file, 4, buf_str(&event));
    add_bytes(&file, 4, buf_str(&ts));
    add_bytes(&file, 12, STR("proto3"));
    add_bytes(out, 1, buf_str(&file));
}

static void fill(struct corpus *c, size_t bytes, void (*print)(struct rng *rng, struct buf *out))
{
    struct rng rng;
    rng_init(&rng, 1);
    VEC(size_t) ends = {0};
    while (c->bytes.len < bytes) {
        print(&rng, &c->bytes);
        *vec_push(&ends) = c->bytes.len;
    }
    size_t start = 0;
    vec_foreach (size_t, end, &ends) {
        *vec_push(&c->messages) = str_n(c->bytes.ptr + start, *end - start);
        start = *end;
    }
    vec_done(&ends);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(int64_t *times, size_t count)
{
    qsort(times, count, sizeof(*times), compare_times);
    return times[count / 2];
}

/* Decodes everything once; the µs of CPU time it took. */
static int64_t decode_all(const struct corpus *c, struct codec *codec, struct column_memory *memory,
                          struct column *const *columns, struct arena *arena)
{
    size_t bad = 0;
    int64_t began = clock_thread_cpu_us();
    for (size_t i = 0; i < c->messages.count; i++) {
        size_t row = i % CHUNK_ROWS;
        if (row == 0) {
            column_memory_reset(memory);
            arena_reset(arena);
        }
        bad += codec_decode(codec, c->messages.items[i], columns, row, arena) != CODEC_ROW_OK;
    }
    int64_t us = clock_thread_cpu_us() - began;
    if (bad > 0) {
        fprintf(stderr, "%zu bad messages: %s\n", bad, codec->fault.message);
        exit(1);
    }
    return us;
}

static void report(const char *name, const struct corpus *c, int64_t us)
{
    double seconds = (double)us / 1e6;
    double rows = (double)c->messages.count;
    printf("%-14s %8.0f B/row %9.1f ns/row %12.0f rows/s %9.1f MB/s\n", name,
           (double)c->bytes.len / rows, seconds * 1e9 / rows, rows / seconds,
           (double)c->bytes.len / 1e6 / seconds);
}

static int run(struct corpus *c, size_t repeats)
{
    struct err err;
    struct codec *codec;
    if (codec_open(str_of(c->format), c->row_type, &c->options, &codec, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    AUTO_ARENA struct arena arena = {0};
    struct column_memory *memory = column_memory_new(c->row_type, CHUNK_ROWS);
    struct column **columns = mem_new_array(struct column *, c->row_type->field_count);
    for (size_t i = 0; i < c->row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    AUTO_FREE int64_t *times = mem_new_array(int64_t, repeats);
    decode_all(c, codec, memory, columns, &arena);
    for (size_t i = 0; i < repeats; i++) {
        times[i] = decode_all(c, codec, memory, columns, &arena);
    }
    report(c->name, c, median(times, repeats));
    AUTO_FREE char *copy = mem_alloc(c->bytes.len);
    for (size_t i = 0; i < repeats; i++) {
        int64_t began = clock_thread_cpu_us();
        memcpy(copy, c->bytes.ptr, c->bytes.len);
        __asm__ volatile("" : : "r"(copy) : "memory");
        times[i] = clock_thread_cpu_us() - began;
    }
    report("(memcpy)", c, median(times, repeats));
    mem_free(columns);
    column_memory_free(memory);
    codec_close(codec);
    return 0;
}

int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "all";
    uint64_t megabytes = 64;
    uint64_t repeats = 15;
    if ((argc > 2 && (!str_to_u64(str_of(argv[2]), &megabytes) || megabytes == 0)) ||
        (argc > 3 && (!str_to_u64(str_of(argv[3]), &repeats) || repeats == 0))) {
        fprintf(stderr, "usage: decode_bench [events|feeds|protobuf|all] [megabytes] [repeats]\n");
        return 2;
    }
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf descriptors = {0};
    describe_event(&descriptors);
    struct codec_options protobuf = {.protobuf_descriptors = buf_str(&descriptors),
                                     .protobuf_message = STR("Event")};
    struct corpus corpora[] = {
        {.name = "events", .format = "json", .row_type = event_type(&arena)},
        {.name = "feeds", .format = "json", .row_type = feed_type(&arena)},
        {.name = "protobuf", .format = "protobuf", .options = protobuf},
        {.name = "protobuf_long", .format = "protobuf", .options = protobuf},
    };
    static void (*const makers[])(struct rng * rng, struct buf * out) = {
        print_event, print_feed, encode_short_event, encode_long_event};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_COUNT(corpora); i++) {
        struct corpus *c = &corpora[i];
        if (strcmp(which, "all") == 0 || str_starts(str_of(c->name), str_of(which))) {
            c->row_type = c->row_type != NULL ? c->row_type : corpora[0].row_type;
            fill(c, megabytes << 20, makers[i]);
            rc |= run(c, repeats);
            vec_done(&c->messages);
            buf_done(&c->bytes);
        }
    }
    return rc;
}

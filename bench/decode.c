/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - how fast messages become columns
 *
 *     decode_bench [CASE|all] [megabytes] [repeats] [FOLDER]
 *
 * Made by a seeded generator: the events of event.h, ten fields, as JSON, Protobuf (also with a
 * longer text) and Avro (also with every field in a union with null, and with a row type of two of
 * the ten); and feeds of twenty vehicle positions and about 5.7 KB of JSON (the shape of GTFS
 * Realtime).  They lie one behind the other, more of them than caches hold (`megabytes` of JSON;
 * the same events in all formats); they are decoded in chunks of 2,048 rows, as a scan does it.
 * For each the medians of the repeats, in CPU time of the thread, and beside it memcpy of the same
 * bytes: what it costs to touch them at all.
 *
 * The digest is of the values that were decoded: equal for all formats, or the run fails.  With a
 * FOLDER the events are also written there, for peers.cc and Spark: CASE.messages (each behind its
 * length, 4 bytes little-endian), event.proto, event.avsc.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/protobuf.h"
#include "column/column.h"
#include "column/memory.h"

#include "event.h"

#define CHUNK_ROWS 2048

struct corpus {
    const char *name;
    const char *format;
    void (*put)(const struct event *e, struct buf *out); /* NULL = feeds */
    size_t first_field;                                  /* of the row type, up to the end */
    bool is_nullable;
    bool is_written;   /* peers read it */
    struct buf schema; /* Avro's, or Protobuf's descriptors */
    struct buf bytes;
    VEC(struct str) messages;
    const struct type *row_type;
    uint64_t digest; /* 0 = of feeds, or of fewer fields */
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

static void put_message(struct corpus *c, struct rng *rng)
{
    struct event e;
    if (c->put == NULL) {
        print_feed(rng, &c->bytes);
        return;
    }
    event_make(rng, &e);
    c->put(&e, &c->bytes);
}

/* `count` messages; 0 = as many as make so many bytes. */
static void fill(struct corpus *c, size_t bytes, size_t count)
{
    struct rng rng;
    rng_init(&rng, 1);
    VEC(size_t) ends = {0};
    while (count > 0 ? ends.count < count : c->bytes.len < bytes) {
        put_message(c, &rng);
        *vec_push(&ends) = c->bytes.len;
    }
    size_t start = 0;
    vec_foreach (size_t, end, &ends) {
        *vec_push(&c->messages) = str_n(c->bytes.ptr + start, *end - start);
        start = *end;
    }
    vec_done(&ends);
}

/* ---- schemas --------------------------------------------------------------------------------- */

static void fail(const struct err *err)
{
    fprintf(stderr, "%s\n", err->msg);
    exit(1);
}

static void compile_proto(struct buf *out)
{
    struct err err;
    char folder[] = "/tmp/sluice-decode-XXXXXX";
    char path[64];
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        exit(1);
    }
    snprintf(path, sizeof(path), "%s/event.proto", folder);
    int rc = fs_write_file(path, str_of(event_proto), &err);
    const char *const files[] = {path, NULL};
    const char *const none[] = {NULL};
    rc = rc < 0 ? rc : codec_protobuf_compile(files, none, out, &err);
    remove(path);
    remove(folder);
    if (rc < 0) {
        fail(&err);
    }
}

/* The row type and what the codec is to know. */
static void prepare(struct corpus *c, struct codec_options *options, struct arena *arena)
{
    struct err err;
    const struct type *described;
    if (strcmp(c->format, "json") == 0) {
        c->row_type = c->put == NULL ? feed_type(arena) : event_type(arena);
        return;
    }
    if (strcmp(c->format, "avro") == 0) {
        event_avro_schema(c->is_nullable, &c->schema);
        options->avro_schema = buf_str(&c->schema);
    } else {
        compile_proto(&c->schema);
        options->protobuf_descriptors = buf_str(&c->schema);
        options->protobuf_message = STR("bench.Event");
    }
    if (codec_describe(str_of(c->format), options, arena, &described, &err) < 0) {
        fail(&err);
    }
    c->row_type = type_struct(arena, described->fields + c->first_field,
                              described->field_count - c->first_field);
}

/* ---- what was decoded ------------------------------------------------------------------------ */

static uint64_t mix(uint64_t digest, uint64_t value)
{
    return (digest ^ value) * UINT64_C(1099511628211);
}

static int64_t integer_at(struct column *const *columns, enum event_field f, size_t row)
{
    bool valid = column_is_valid(columns[f], row); /* what Protobuf leaves out */
    return valid ? ((const int64_t *)columns[f]->data)[row] : 0;
}

static int64_t scaled_at(struct column *const *columns, enum event_field f, size_t row,
                         double scale)
{
    bool valid = column_is_valid(columns[f], row);
    return valid ? (int64_t)llround(((const double *)columns[f]->data)[row] * scale) : 0;
}

/* peers.cc does the same. */
static uint64_t mix_row(uint64_t digest, struct column *const *columns, size_t row)
{
    bool mobile = column_is_valid(columns[EVENT_IS_MOBILE], row) &&
                  ((const uint8_t *)columns[EVENT_IS_MOBILE]->data)[row] != 0;
    digest = mix(digest, (uint64_t)integer_at(columns, EVENT_EVENT_ID, row));
    digest = mix(digest, (uint64_t)integer_at(columns, EVENT_USER_ID, row));
    digest = mix(digest, column_get_string(columns[EVENT_EVENT_TYPE], row).len);
    digest = mix(digest, (uint8_t)column_get_string(columns[EVENT_SESSION], row).ptr[23]);
    digest = mix(digest, (uint64_t)scaled_at(columns, EVENT_PRICE, row, 100));
    digest = mix(digest, (uint64_t)integer_at(columns, EVENT_QUANTITY, row));
    digest = mix(digest, (uint64_t)scaled_at(columns, EVENT_LATITUDE, row, 1e6));
    digest = mix(digest, mobile);
    digest = mix(digest, (uint8_t)column_get_string(columns[EVENT_COUNTRY], row).ptr[0]);
    return mix(digest, (uint64_t)(integer_at(columns, EVENT_TS, row) / 1000)); /* ms */
}

/* ---- measuring ------------------------------------------------------------------------------- */

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

/* Decodes everything once; the µs of CPU time it took.  With `digest` also what came out. */
static int64_t decode_all(const struct corpus *c, struct codec *codec, struct column_memory *memory,
                          struct column *const *columns, struct arena *arena, uint64_t *digest)
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
        if (digest != NULL) {
            *digest = mix_row(*digest, columns, row);
        }
    }
    int64_t us = clock_thread_cpu_us() - began;
    if (bad > 0) {
        fprintf(stderr, "%zu bad messages: %s\n", bad, codec->fault.message);
        exit(1);
    }
    return us;
}

static int64_t copy_time(const struct corpus *c, int64_t *times, size_t repeats)
{
    AUTO_FREE char *copy = mem_alloc(c->bytes.len);
    memcpy(copy, c->bytes.ptr, c->bytes.len); /* its pages are there when it counts */
    for (size_t i = 0; i < repeats; i++) {
        int64_t began = clock_thread_cpu_us();
        memcpy(copy, c->bytes.ptr, c->bytes.len);
        __asm__ volatile("" : : "r"(copy) : "memory");
        times[i] = clock_thread_cpu_us() - began;
    }
    return median(times, repeats);
}

static void report(const struct corpus *c, int64_t us, int64_t copy_us)
{
    double rows = (double)c->messages.count;
    double copy = (double)(copy_us > 0 ? copy_us : 1);
    printf("%-14s %8zu rows %6.0f B/row %7.1f ns/row %10.0f rows/s %7.1f MB/s %6.1f memcpy "
           "digest %016" PRIx64 "\n",
           c->name, c->messages.count, (double)c->bytes.len / rows, (double)us * 1e3 / rows,
           rows / (double)us * 1e6, (double)c->bytes.len / (double)us, (double)us / copy,
           c->digest);
    fflush(stdout);
}

static void run(struct corpus *c, size_t repeats)
{
    AUTO_ARENA struct arena types = {0};
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec *codec;
    struct codec_options options = {0};
    prepare(c, &options, &types);
    if (codec_open(str_of(c->format), c->row_type, &options, &codec, &err) < 0) {
        fail(&err);
    }
    struct column_memory *memory = column_memory_new(c->row_type, CHUNK_ROWS);
    struct column **columns = mem_new_array(struct column *, c->row_type->field_count);
    for (size_t i = 0; i < c->row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    AUTO_FREE int64_t *times = mem_new_array(int64_t, repeats);
    bool digested = c->put != NULL && c->first_field == 0;
    decode_all(c, codec, memory, columns, &arena, digested ? &c->digest : NULL);
    for (size_t i = 0; i < repeats; i++) {
        times[i] = decode_all(c, codec, memory, columns, &arena, NULL);
    }
    int64_t us = median(times, repeats);
    report(c, us, copy_time(c, times, repeats));
    mem_free(columns);
    column_memory_free(memory);
    codec_close(codec);
}

/* ---- files for others ------------------------------------------------------------------------ */

static void write_text(const char *folder, const char *name, struct str text)
{
    struct err err;
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/%s", folder, name);
    AUTO_FREE char *file = str_dup(buf_str(&path));
    if (fs_write_file(file, text, &err) < 0) {
        fail(&err);
    }
}

static void write_messages(const char *folder, const struct corpus *c)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf name = {0};
    vec_foreach (struct str, message, &c->messages) {
        buf_add(&out, &(uint32_t){(uint32_t)message->len}, sizeof(uint32_t));
        buf_add(&out, message->ptr, message->len);
    }
    buf_printf(&name, "%s.messages", c->name);
    AUTO_FREE char *file = str_dup(buf_str(&name));
    write_text(folder, file, buf_str(&out));
}

static void write_schemas(const char *folder)
{
    AUTO_BUF struct buf avro = {0};
    event_avro_schema(false, &avro);
    write_text(folder, "event.proto", str_of(event_proto));
    write_text(folder, "event.avsc", buf_str(&avro));
}

/* ---- main ------------------------------------------------------------------------------------ */

static struct corpus corpora[] = {
    {.name = "json", .format = "json", .put = event_put_json, .is_written = true},
    {.name = "protobuf", .format = "protobuf", .put = event_put_protobuf, .is_written = true},
    {.name = "protobuf-long", .format = "protobuf", .put = event_put_protobuf_long},
    {.name = "avro", .format = "avro", .put = event_put_avro, .is_written = true},
    {.name = "avro-nullable",
     .format = "avro",
     .put = event_put_avro_nullable,
     .is_nullable = true},
    {.name = "avro-two", .format = "avro", .put = event_put_avro, .first_field = EVENT_COUNTRY},
    {.name = "feeds", .format = "json"},
};

static int usage(void)
{
    fprintf(stderr, "usage: decode_bench [all");
    for (size_t i = 0; i < ARRAY_COUNT(corpora); i++) {
        fprintf(stderr, "|%s", corpora[i].name);
    }
    fprintf(stderr, "] [megabytes] [repeats] [FOLDER]\n");
    return 2;
}

static size_t count_events(size_t json_bytes)
{
    struct corpus json = {.put = event_put_json};
    fill(&json, json_bytes, 0);
    size_t count = json.messages.count;
    vec_done(&json.messages);
    buf_done(&json.bytes);
    return count;
}

/* Makes the messages of one case, measures, and forgets them; the digest stays. */
static void run_case(struct corpus *c, size_t bytes, size_t events, size_t repeats,
                     const char *folder)
{
    fill(c, bytes, c->put == NULL ? 0 : events);
    if (folder != NULL && c->is_written) {
        write_messages(folder, c);
    }
    run(c, repeats);
    vec_done(&c->messages);
    buf_done(&c->bytes);
    buf_done(&c->schema);
}

int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "all";
    const char *folder = argc > 4 ? argv[4] : NULL;
    uint64_t megabytes = 64;
    uint64_t repeats = 15;
    if ((argc > 2 && (!str_to_u64(str_of(argv[2]), &megabytes) || megabytes == 0)) ||
        (argc > 3 && (!str_to_u64(str_of(argv[3]), &repeats) || repeats == 0)) || argc > 5) {
        return usage();
    }
    size_t events = count_events(megabytes << 20);
    bool any = false;
    uint64_t digest = 0;
    for (size_t i = 0; i < ARRAY_COUNT(corpora); i++) {
        struct corpus *c = &corpora[i];
        if (strcmp(which, "all") != 0 && strcmp(which, c->name) != 0) {
            continue;
        }
        any = true;
        run_case(c, megabytes << 20, events, repeats, folder);
        if (c->digest != 0 && digest != 0 && c->digest != digest) {
            fprintf(stderr, "%s has other values than the formats before it\n", c->name);
            return 1;
        }
        digest = c->digest != 0 ? c->digest : digest;
    }
    if (folder != NULL) {
        write_schemas(folder);
    }
    return any ? 0 : usage();
}

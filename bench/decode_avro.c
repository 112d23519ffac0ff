/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_avro - how fast Avro messages become columns
 *
 *     decode_avro_bench [events|nullable|subset|all] [megabytes] [repeats]
 *
 * The events of decode.c, ten fields made by the same generator, in about 75 bytes: as they are,
 * with every field in a union with null, and with a row type of two of the ten.  They lie one
 * behind the other, more of them than caches hold; they are decoded in chunks of 2,048 rows, as a
 * scan does it.  For each the medians of the repeats, in CPU time of the thread, and beside it
 * memcpy of the same bytes: what it costs to touch them at all.
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
    bool is_nullable;
    size_t first_field; /* of the row type, up to the end */
    size_t field_count;
    struct buf schema;
    struct buf bytes;
    VEC(struct str) messages;
};

static const struct event_field {
    const char *name;
    const char *type;
} event_fields[] = {
    {"event_id", "\"long\""},
    {"user_id", "\"long\""},
    {"event_type", "\"string\""},
    {"session", "\"string\""},
    {"price", "\"double\""},
    {"quantity", "\"long\""},
    {"latitude", "\"double\""},
    {"is_mobile", "\"boolean\""},
    {"country", "\"string\""},
    {"ts", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"},
};

static void print_schema(struct corpus *c)
{
    struct buf *out = &c->schema;
    buf_add_c(out, "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[");
    for (size_t i = 0; i < ARRAY_COUNT(event_fields); i++) {
        buf_printf(out, "%s{\"name\":\"%s\",\"type\":%s%s%s}", i > 0 ? "," : "",
                   event_fields[i].name, c->is_nullable ? "[\"null\"," : "", event_fields[i].type,
                   c->is_nullable ? "]" : "");
    }
    buf_add_c(out, "]}");
}

static void put_long(struct buf *out, int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; rest >= 0x80; rest >>= 7) {
        buf_add_char(out, (char)(rest | 0x80));
    }
    buf_add_char(out, (char)rest);
}

static void put_string(struct buf *out, const char *text)
{
    put_long(out, (int64_t)strlen(text));
    buf_add_c(out, text);
}

static void put_double(struct buf *out, double value)
{
    buf_add(out, &value, sizeof(value));
}

static void put_event(struct rng *rng, const char *branch, struct buf *out)
{
    static const char *const types[] = {"click", "view", "purchase", "add_to_cart", "sign_in"};
    static const char *const countries[] = {"DE", "FR", "US", "JP", "BR", "IN"};
    char session[40];
    buf_add_c(out, branch);
    put_long(out, (int64_t)(UINT64_C(100000000) + rng_below(rng, 900000000)));
    buf_add_c(out, branch);
    put_long(out, (int64_t)rng_below(rng, 10000000));
    buf_add_c(out, branch);
    put_string(out, types[rng_below(rng, ARRAY_COUNT(types))]);
    snprintf(session, sizeof(session), "%016" PRIx64 "%08" PRIx64, rng_next(rng),
             rng_next(rng) >> 32);
    buf_add_c(out, branch);
    put_string(out, session);
    buf_add_c(out, branch);
    put_double(out, rng_double(rng) * 1000);
    buf_add_c(out, branch);
    put_long(out, (int64_t)rng_below(rng, 20));
    buf_add_c(out, branch);
    put_double(out, rng_double(rng) * 180 - 90);
    buf_add_c(out, branch);
    buf_add_char(out, (char)rng_below(rng, 2));
    buf_add_c(out, branch);
    put_string(out, countries[rng_below(rng, ARRAY_COUNT(countries))]);
    buf_add_c(out, branch);
    put_long(out, INT64_C(1795000000000) + (int64_t)rng_below(rng, 86400000));
}

static void fill(struct corpus *c, size_t bytes)
{
    struct rng rng;
    rng_init(&rng, 1);
    VEC(size_t) ends = {0};
    while (c->bytes.len < bytes) {
        put_event(&rng, c->is_nullable ? "\2" : "", &c->bytes);
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

static double report(const char *name, const struct corpus *c, int64_t us)
{
    double seconds = (double)us / 1e6;
    double rows = (double)c->messages.count;
    printf("%-8s %8.0f B/row %9.1f ns/row %12.0f rows/s %9.1f MB/s", name,
           (double)c->bytes.len / rows, seconds * 1e9 / rows, rows / seconds,
           (double)c->bytes.len / 1e6 / seconds);
    return seconds;
}

/* The row type of the schema, from field `first_field` on. */
static const struct type *row_type_of(const struct corpus *c, const struct codec_options *options,
                                      struct arena *arena)
{
    struct err err;
    const struct type *row_type;
    if (codec_describe(STR("avro"), options, arena, &row_type, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return type_struct(arena, row_type->fields + c->first_field, c->field_count);
}

static int run(struct corpus *c, size_t repeats)
{
    AUTO_ARENA struct arena types = {0};
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec *codec;
    struct codec_options options = {.avro_schema = buf_str(&c->schema)};
    const struct type *row_type = row_type_of(c, &options, &types);
    if (codec_open(STR("avro"), row_type, &options, &codec, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    struct column_memory *memory = column_memory_new(row_type, CHUNK_ROWS);
    struct column **columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    AUTO_FREE int64_t *times = mem_new_array(int64_t, repeats);
    decode_all(c, codec, memory, columns, &arena);
    for (size_t i = 0; i < repeats; i++) {
        times[i] = decode_all(c, codec, memory, columns, &arena);
    }
    double seconds = report(c->name, c, median(times, repeats));
    AUTO_FREE char *copy = mem_alloc(c->bytes.len);
    for (size_t i = 0; i < repeats; i++) {
        int64_t began = clock_thread_cpu_us();
        memcpy(copy, c->bytes.ptr, c->bytes.len);
        __asm__ volatile("" : : "r"(copy) : "memory");
        times[i] = clock_thread_cpu_us() - began;
    }
    int64_t us = median(times, repeats);
    printf(" = %.1f memcpy\n", seconds * 1e6 / (double)(us > 0 ? us : 1));
    report("(memcpy)", c, us);
    printf("\n");
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
        fprintf(stderr, "usage: decode_avro_bench [events|nullable|subset|all] [megabytes] "
                        "[repeats]\n");
        return 2;
    }
    struct corpus corpora[] = {
        {.name = "events", .field_count = 10},
        {.name = "nullable", .field_count = 10, .is_nullable = true},
        {.name = "subset", .first_field = 8, .field_count = 2},
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_COUNT(corpora); i++) {
        struct corpus *c = &corpora[i];
        if (strcmp(which, "all") == 0 || strcmp(which, c->name) == 0) {
            print_schema(c);
            fill(c, megabytes << 20);
            rc |= run(c, repeats);
            vec_done(&c->messages);
            buf_done(&c->bytes);
            buf_done(&c->schema);
        }
    }
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event - one event of ten fields, as JSON, Protobuf and Avro
 */
#include "event.h"

#include <stdio.h>

#define DAY_MS INT64_C(1795305600000) /* 2026-11-22 */

const char event_proto[] = "syntax = \"proto3\";\n"
                           "package bench;\n"
                           "import \"google/protobuf/timestamp.proto\";\n"
                           "message Event {\n"
                           "  int64 event_id = 1;\n"
                           "  int64 user_id = 2;\n"
                           "  string event_type = 3;\n"
                           "  string session = 4;\n"
                           "  double price = 5;\n"
                           "  int64 quantity = 6;\n"
                           "  double latitude = 7;\n"
                           "  bool is_mobile = 8;\n"
                           "  string country = 9;\n"
                           "  google.protobuf.Timestamp ts = 10;\n"
                           "}\n";

static const struct avro_field {
    const char *name;
    const char *type;
} avro_fields[EVENT_FIELD_COUNT] = {
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

void event_avro_schema(bool is_nullable, struct buf *out)
{
    buf_add_c(out, "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[");
    for (size_t i = 0; i < ARRAY_COUNT(avro_fields); i++) {
        buf_printf(out, "%s{\"name\":\"%s\",\"type\":%s%s%s}", i > 0 ? "," : "",
                   avro_fields[i].name, is_nullable ? "[\"null\"," : "", avro_fields[i].type,
                   is_nullable ? "]" : "");
    }
    buf_add_c(out, "]}");
}

void event_make(struct rng *rng, struct event *e)
{
    static const char *const types[] = {"click", "view", "purchase", "add_to_cart", "sign_in"};
    static const char *const countries[] = {"DE", "FR", "US", "JP", "BR", "IN"};
    e->event_id = (int64_t)(UINT64_C(100000000) + rng_below(rng, 900000000));
    e->user_id = (int64_t)rng_below(rng, 10000000);
    e->event_type = types[rng_below(rng, ARRAY_COUNT(types))];
    uint64_t first = rng_next(rng);
    snprintf(e->session, sizeof(e->session), "%016" PRIx64 "%08" PRIx64, first,
             rng_next(rng) >> 32);
    e->price_cents = (int64_t)rng_below(rng, 100000);
    e->quantity = (int64_t)rng_below(rng, 20);
    e->latitude_millionths = (int64_t)rng_below(rng, 180000000) - 90000000;
    e->is_mobile = rng_below(rng, 2) == 0;
    e->country = countries[rng_below(rng, ARRAY_COUNT(countries))];
    e->ts_ms = DAY_MS + (int64_t)rng_below(rng, 86400000);
}

static double price(const struct event *e)
{
    return (double)e->price_cents / 100;
}

static double latitude(const struct event *e)
{
    return (double)e->latitude_millionths / 1e6;
}

void event_put_json(const struct event *e, struct buf *out)
{
    int64_t ms = e->ts_ms - DAY_MS;
    buf_printf(out, "{\"event_id\":%" PRId64 ",\"user_id\":%" PRId64, e->event_id, e->user_id);
    buf_printf(out, ",\"event_type\":\"%s\",\"session\":\"%s\"", e->event_type, e->session);
    buf_printf(out, ",\"price\":%.2f,\"quantity\":%" PRId64 ",\"latitude\":%.6f", price(e),
               e->quantity, latitude(e));
    buf_printf(out, ",\"is_mobile\":%s,\"country\":\"%s\"", e->is_mobile ? "true" : "false",
               e->country);
    buf_printf(out,
               ",\"ts\":\"2026-11-22T%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64 "Z\"}",
               ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static void put_varint(struct buf *out, uint64_t rest)
{
    for (; rest >= 0x80; rest >>= 7) {
        buf_add_char(out, (char)(rest | 0x80));
    }
    buf_add_char(out, (char)rest);
}

/* ---- Avro ------------------------------------------------------------------------------------ */

static void put_zigzag(struct buf *out, int64_t value)
{
    put_varint(out, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static void put_string(struct buf *out, const char *text)
{
    put_zigzag(out, (int64_t)strlen(text));
    buf_add_c(out, text);
}

/* Before each value stands which branch of its union it is, if there is one. */
static void put_avro(const struct event *e, const char *branch, struct buf *out)
{
    buf_add_c(out, branch);
    put_zigzag(out, e->event_id);
    buf_add_c(out, branch);
    put_zigzag(out, e->user_id);
    buf_add_c(out, branch);
    put_string(out, e->event_type);
    buf_add_c(out, branch);
    put_string(out, e->session);
    buf_add_c(out, branch);
    buf_add(out, &(double){price(e)}, sizeof(double));
    buf_add_c(out, branch);
    put_zigzag(out, e->quantity);
    buf_add_c(out, branch);
    buf_add(out, &(double){latitude(e)}, sizeof(double));
    buf_add_c(out, branch);
    buf_add_char(out, (char)e->is_mobile);
    buf_add_c(out, branch);
    put_string(out, e->country);
    buf_add_c(out, branch);
    put_zigzag(out, e->ts_ms);
}

void event_put_avro(const struct event *e, struct buf *out)
{
    put_avro(e, "", out);
}

void event_put_avro_nullable(const struct event *e, struct buf *out)
{
    put_avro(e, "\2", out);
}

/* ---- Protobuf -------------------------------------------------------------------------------- */

/* As proto3's writers do, what is 0 or empty is left out. */
static void put_integer(struct buf *out, unsigned number, int64_t value)
{
    if (value != 0) {
        put_varint(out, number << 3);
        put_varint(out, (uint64_t)value);
    }
}

static void put_double(struct buf *out, unsigned number, double value)
{
    if (value != 0) {
        put_varint(out, number << 3 | 1);
        buf_add(out, &value, sizeof(value));
    }
}

static void put_bytes(struct buf *out, unsigned number, struct str bytes)
{
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len);
    buf_add(out, bytes.ptr, bytes.len);
}

static void put_protobuf(const struct event *e, struct str session, struct buf *out)
{
    AUTO_BUF struct buf ts = {0};
    put_integer(&ts, 1, e->ts_ms / 1000);
    put_integer(&ts, 2, e->ts_ms % 1000 * 1000000);
    put_integer(out, 1, e->event_id);
    put_integer(out, 2, e->user_id);
    put_bytes(out, 3, str_of(e->event_type));
    put_bytes(out, 4, session);
    put_double(out, 5, price(e));
    put_integer(out, 6, e->quantity);
    put_double(out, 7, latitude(e));
    put_integer(out, 8, e->is_mobile);
    put_bytes(out, 9, str_of(e->country));
    put_bytes(out, 10, buf_str(&ts));
}

void event_put_protobuf(const struct event *e, struct buf *out)
{
    put_protobuf(e, str_of(e->session), out);
}

void event_put_protobuf_long(const struct event *e, struct buf *out)
{
    AUTO_BUF struct buf session = {0};
    for (int i = 0; i < 6; i++) {
        buf_add_c(&session, e->session);
    }
    put_protobuf(e, buf_str(&session), out);
}

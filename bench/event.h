/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_EVENT_H
#define BENCH_EVENT_H

#include "base/base.h"

/*
 * event - one event of ten fields, as JSON, Protobuf and Avro
 *
 * All three hold the same values: what is decoded from them must be equal.  Fractions are whole
 * hundredths and millionths, times whole ms.
 */
struct event {
    int64_t event_id;
    int64_t user_id;
    const char *event_type;
    char session[40]; /* 24 hexadecimal digits */
    int64_t price_cents;
    int64_t quantity;
    int64_t latitude_millionths;
    bool is_mobile;
    const char *country;
    int64_t ts_ms;
};

enum event_field {
    EVENT_EVENT_ID,
    EVENT_USER_ID,
    EVENT_EVENT_TYPE,
    EVENT_SESSION,
    EVENT_PRICE,
    EVENT_QUANTITY,
    EVENT_LATITUDE,
    EVENT_IS_MOBILE,
    EVENT_COUNTRY,
    EVENT_TS,
    EVENT_FIELD_COUNT,
};

void event_make(struct rng *rng, struct event *e);

/* Each appends one message. */
void event_put_json(const struct event *e, struct buf *out);
void event_put_protobuf(const struct event *e, struct buf *out);
/* The session six times over: about as long as the JSON. */
void event_put_protobuf_long(const struct event *e, struct buf *out);
void event_put_avro(const struct event *e, struct buf *out);
void event_put_avro_nullable(const struct event *e, struct buf *out);

/* A file's text; the message is bench.Event. */
extern const char event_proto[];
void event_avro_schema(bool is_nullable, struct buf *out);

#endif

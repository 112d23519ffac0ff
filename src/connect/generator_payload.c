/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generator_payload - made-up messages that can be made again
 *
 * Everything comes from one hash of (seed, partition, offset, item, purpose)
 * and from whole numbers: no libm, whose last digit differs between machines,
 * and no state, so any offset can be made without those before it.
 *
 * Vehicles: each partition has FEED_GROUPS feeds that take turns, each with its
 * own vehicles.  A vehicle serves one of eleven lines, a closed polyline of
 * STOPS stops around a city centre; it drives from stop to stop for LEG_S
 * seconds and stands DWELL_S seconds at each.  Where it is at a time is plain
 * interpolation, so consecutive feeds show it moving.
 */
#include "connect/generator_payload.h"

#define FEED_GROUPS 10
#define LINES       11
#define STOPS       24
#define LEG_S       75
#define DWELL_S     15
#define LAP_S       ((int64_t)STOPS * (LEG_S + DWELL_S))
#define CENTRE_LAT  60169900 /* micro-degrees */
#define CENTRE_LON  24938400

enum generator_purpose {
    PURPOSE_STOP_LAT,
    PURPOSE_STOP_LON,
    PURPOSE_PHASE,
    PURPOSE_OCCUPANCY,
    PURPOSE_EVENT,
    PURPOSE_EVENT_TEXT,
};

/* splitmix64's finaliser: every bit of the input moves every bit of the result. */
static uint64_t generator_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9U;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static uint64_t generator_hash(uint64_t seed, enum generator_purpose purpose, uint64_t a,
                               uint64_t b)
{
    uint64_t x = generator_mix(seed + 0x9e3779b97f4a7c15U * ((uint64_t)purpose + 1));
    x = generator_mix(x + a + 0x9e3779b97f4a7c15U);
    return generator_mix(x + b + 0x3c6ef372fe94f82aU);
}

int64_t generator_payload_time_us(int64_t offset)
{
    return GENERATOR_EPOCH_US + offset * GENERATOR_STEP_US;
}

/* `value` / 10^digits with all its digits. */
static void generator_add_decimal(struct buf *out, int64_t value, int digits)
{
    static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    char text[8];
    assert(digits > 0 && digits <= 6);
    if (value < 0) {
        buf_add_char(out, '-');
        value = -value;
    }
    int64_t fraction = value % powers[digits];
    buf_add_i64(out, value / powers[digits]);
    text[0] = '.';
    for (int i = digits; i > 0; i--) {
        text[i] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    buf_add(out, text, (size_t)digits + 1);
}

static void generator_add_padded(struct buf *out, uint64_t value, int width)
{
    char text[20];
    assert(width <= (int)sizeof(text));
    for (int i = width; i > 0; i--) {
        text[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    buf_add(out, text, (size_t)width);
}

struct generator_vehicle {
    uint64_t number; /* within the seed */
    unsigned line;
    unsigned direction;
    unsigned stop; /* the next, or the one it stands at */
    bool stands;
    int64_t lap;
    int64_t trip_start_s; /* since the generator's epoch; may be just before it */
    int64_t lat;          /* micro-degrees */
    int64_t lon;
    int bearing; /* degrees, clockwise from north */
    int64_t speed_cm;
    unsigned occupancy;
};

/* A stop of a line: on a ring around the centre, wider for higher lines, and off it by chance. */
static void generator_stop(uint64_t seed, unsigned line, unsigned stop, int64_t *ret_lat,
                           int64_t *ret_lon)
{
    /* sin at 24 steps of a circle, in thousandths. */
    static const int16_t ring[STOPS] = {0,    259,  500,   707,  866,  966,  1000, 966,
                                        866,  707,  500,   259,  0,    -259, -500, -707,
                                        -866, -966, -1000, -966, -866, -707, -500, -259};
    int64_t radius = 12000 + (int64_t)line * 5000; /* micro-degrees of latitude */
    int64_t off_lat = (int64_t)(generator_hash(seed, PURPOSE_STOP_LAT, line, stop) % 4000) - 2000;
    int64_t off_lon = (int64_t)(generator_hash(seed, PURPOSE_STOP_LON, line, stop) % 8000) - 4000;
    *ret_lat = CENTRE_LAT + radius * ring[(stop + STOPS / 4) % STOPS] / 1000 + off_lat;
    *ret_lon = CENTRE_LON + 2 * radius * ring[stop] / 1000 + off_lon;
}

/* atan2 to a degree: exact arithmetic rounding everywhere, unlike libm's. */
static int generator_bearing(double north, double east)
{
    double n = north < 0 ? -north : north;
    double e = east < 0 ? -east : east;
    if (n == 0 && e == 0) {
        return 0;
    }
    double z = n > e ? e / n : n / e;
    double degrees = z * (45.0 + 15.64 * (1.0 - z));
    degrees = n > e ? degrees : 90.0 - degrees;
    if (north < 0) {
        degrees = 180.0 - degrees;
    }
    if (east < 0) {
        degrees = 360.0 - degrees;
    }
    return (int)(degrees + 0.5) % 360;
}

/* Square root of a small whole number. */
static int64_t generator_root(int64_t x)
{
    int64_t root = 0;
    for (int64_t bit = (int64_t)1 << 30; bit > 0; bit >>= 1) {
        if ((root + bit) * (root + bit) <= x) {
            root += bit;
        }
    }
    return root;
}

static void generator_drive(uint64_t seed, uint64_t number, int64_t seconds,
                            struct generator_vehicle *v)
{
    uint64_t h = generator_hash(seed, PURPOSE_PHASE, number, 0);
    v->number = number;
    v->line = (unsigned)(h % LINES);
    v->direction = (unsigned)(h >> 8) & 1;
    int64_t at = seconds + (int64_t)((h >> 16) % (uint64_t)LAP_S);
    v->lap = at / LAP_S;
    int64_t within = at % LAP_S;
    v->trip_start_s = seconds - within;
    unsigned leg = (unsigned)(within / (LEG_S + DWELL_S));
    int64_t moved = within % (LEG_S + DWELL_S);
    v->stands = moved >= LEG_S;
    moved = v->stands ? LEG_S : moved;
    unsigned from = v->direction == 0 ? leg : (STOPS - leg) % STOPS;
    v->stop = v->direction == 0 ? (from + 1) % STOPS : (from + STOPS - 1) % STOPS;
    int64_t lat_a = 0;
    int64_t lon_a = 0;
    int64_t lat_b = 0;
    int64_t lon_b = 0;
    generator_stop(seed, v->line, from, &lat_a, &lon_a);
    generator_stop(seed, v->line, v->stop, &lat_b, &lon_b);
    v->lat = lat_a + (lat_b - lat_a) * moved / LEG_S;
    v->lon = lon_a + (lon_b - lon_a) * moved / LEG_S;
    /* A micro-degree is 11.132 cm, of longitude half as much at 60 degrees north. */
    int64_t north_cm = (lat_b - lat_a) * 11132 / 1000;
    int64_t east_cm = (lon_b - lon_a) * 11132 / 2000;
    v->bearing = generator_bearing((double)north_cm, (double)east_cm);
    v->speed_cm = v->stands ? 0 : generator_root(north_cm * north_cm + east_cm * east_cm) / LEG_S;
    v->occupancy = (unsigned)(generator_hash(seed, PURPOSE_OCCUPANCY, number,
                                             (uint64_t)(at / (LEG_S + DWELL_S))) %
                              5);
}

/* The trip a vehicle is on: its start, and an id made of it. */
static void generator_add_trip(struct buf *out, const struct generator_vehicle *v)
{
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int64_t start_s = GENERATOR_EPOCH_US / 1000000 + v->trip_start_s;
    uint64_t time_s = (uint64_t)(start_s % 86400);
    clock_civil_of(start_s / 86400, &year, &month, &day);
    buf_add_c(out, "\"trip\":{\"trip_id\":\"");
    generator_add_padded(out, 1000 + v->line, 4);
    buf_add_char(out, '_');
    buf_add_u64(out, v->number);
    buf_add_char(out, '_');
    buf_add_i64(out, v->lap);
    buf_add_c(out, "\",\"start_time\":\"");
    generator_add_padded(out, time_s / 3600, 2);
    buf_add_char(out, ':');
    generator_add_padded(out, time_s / 60 % 60, 2);
    buf_add_char(out, ':');
    generator_add_padded(out, time_s % 60, 2);
    buf_add_c(out, "\",\"start_date\":\"");
    generator_add_padded(out, (uint64_t)year, 4);
    generator_add_padded(out, month, 2);
    generator_add_padded(out, day, 2);
    buf_add_c(out, "\",\"route_id\":\"");
    generator_add_padded(out, 1000 + v->line, 4);
    buf_add_c(out, "\",\"schedule_relationship\":\"SCHEDULED\",\"direction_id\":");
    buf_add_u64(out, v->direction);
    buf_add_c(out, "},");
}

static void generator_add_entity(struct buf *out, const struct generator_vehicle *v,
                                 int64_t shown_s)
{
    static const char *const occupancy[] = {"EMPTY", "MANY_SEATS_AVAILABLE", "FEW_SEATS_AVAILABLE",
                                            "STANDING_ROOM_ONLY", "FULL"};
    buf_add_c(out, "{\"id\":\"vehicle_");
    generator_add_padded(out, v->number, 6);
    buf_add_c(out, "\",\"vehicle\":{");
    generator_add_trip(out, v);
    buf_add_c(out, "\"position\":{\"latitude\":");
    generator_add_decimal(out, v->lat, 6);
    buf_add_c(out, ",\"longitude\":");
    generator_add_decimal(out, v->lon, 6);
    buf_add_c(out, ",\"bearing\":");
    buf_add_i64(out, v->bearing);
    buf_add_c(out, ",\"speed\":");
    generator_add_decimal(out, v->speed_cm, 2);
    buf_add_c(out, "},\"current_stop_sequence\":");
    buf_add_u64(out, v->stop + 1);
    buf_add_c(out, v->stands ? ",\"current_status\":\"STOPPED_AT\",\"timestamp\":\""
                             : ",\"current_status\":\"IN_TRANSIT_TO\",\"timestamp\":\"");
    buf_add_i64(out, shown_s);
    buf_add_c(out, "\",\"stop_id\":\"");
    generator_add_padded(out, (uint64_t)v->line * 100 + v->stop, 7);
    buf_add_c(out, "\",\"vehicle\":{\"id\":\"");
    generator_add_padded(out, v->number, 6);
    buf_add_c(out, "\",\"label\":\"Bus ");
    buf_add_u64(out, v->number);
    buf_add_c(out, "\"},\"occupancy_status\":\"");
    buf_add_c(out, occupancy[v->occupancy]);
    buf_add_c(out, "\"}}");
}

static void generator_feed(const struct generator_payload *g, uint32_t partition, int64_t offset,
                           int64_t now_us, struct buf *key, struct buf *value)
{
    uint64_t group = (uint64_t)partition * FEED_GROUPS + (uint64_t)(offset % FEED_GROUPS);
    int64_t logical_us = generator_payload_time_us(offset);
    int64_t logical_s = (logical_us - GENERATOR_EPOCH_US) / 1000000;
    int64_t shown_us = now_us >= 0 ? now_us : logical_us;
    buf_add_c(value, "{\"header\":{\"gtfs_realtime_version\":\"2.0\",\"incrementality\":"
                     "\"FULL_DATASET\",\"timestamp\":\"");
    buf_add_i64(value, shown_us / 1000000);
    buf_add_c(value, "\"},\"entity\":[");
    for (uint32_t i = 0; i < g->entities; i++) {
        struct generator_vehicle v = {0};
        generator_drive(g->seed, group * g->entities + i, logical_s, &v);
        if (i > 0) {
            buf_add_char(value, ',');
        }
        generator_add_entity(value, &v, shown_us / 1000000);
    }
    buf_add_c(value, "],\"producer_timestamp\":");
    generator_add_decimal(value, shown_us, 6);
    buf_add_c(value, ",\"source_id\":\"feed_");
    buf_add_u64(value, group);
    buf_add_c(value, "\",\"event_type\":\"vehicle_positions\"}");
    if (key != NULL) {
        buf_add_c(key, "feed_");
        buf_add_u64(key, group);
    }
}

static void generator_event(const struct generator_payload *g, uint32_t partition, int64_t offset,
                            int64_t now_us, struct buf *key, struct buf *value)
{
    static const char *const kinds[] = {"page_view", "add_to_cart", "purchase", "search",
                                        "page_view", "page_view",   "login",    "logout"};
    static const char *const countries[] = {"FI", "SE", "DE", "FR", "ES", "US", "BR", "JP"};
    static const char *const devices[] = {"mobile", "desktop", "tablet", "mobile"};
    uint64_t h = generator_hash(g->seed + partition, PURPOSE_EVENT, partition, (uint64_t)offset);
    uint64_t t =
        generator_hash(g->seed + partition, PURPOSE_EVENT_TEXT, partition, (uint64_t)offset);
    uint64_t user = h % 100000;
    int64_t time_us = now_us >= 0 ? now_us : generator_payload_time_us(offset);
    buf_add_c(value, "{\"event_id\":\"");
    buf_add_hex(value, &(uint64_t[]){h, t}, 16);
    buf_add_c(value, "\",\"user_id\":");
    buf_add_u64(value, user);
    buf_add_c(value, ",\"event_type\":\"");
    buf_add_c(value, kinds[(h >> 20) & 7]);
    buf_add_c(value, "\",\"ts\":");
    buf_add_i64(value, time_us / 1000);
    buf_add_c(value, ",\"country\":\"");
    buf_add_c(value, countries[(h >> 24) & 7]);
    buf_add_c(value, "\",\"device\":\"");
    buf_add_c(value, devices[(h >> 28) & 3]);
    buf_add_c(value, "\",\"amount\":");
    generator_add_decimal(value, (int64_t)((h >> 32) % 100000), 2);
    buf_add_c(value, ",\"quantity\":");
    buf_add_u64(value, 1 + ((h >> 50) % 9));
    buf_add_c(value, ",\"url\":\"/products/");
    generator_add_padded(value, t % 1000000, 6);
    buf_add_c(value, "/reviews/latest\",\"ok\":");
    buf_add_c(value, (t >> 60) != 0 ? "true}" : "false}");
    if (key != NULL) {
        buf_add_u64(key, user);
    }
}

void generator_payload_make(const struct generator_payload *g, uint32_t partition, int64_t offset,
                            int64_t now_us, struct buf *key, struct buf *value)
{
    assert(offset >= 0);
    assert(g->entities > 0);
    assert(g->entities <= GENERATOR_ENTITIES_MAX);
    switch (g->kind) {
    case GENERATOR_VEHICLE_POSITIONS:
        generator_feed(g, partition, offset, now_us, key, value);
        break;
    case GENERATOR_EVENTS:
        generator_event(g, partition, offset, now_us, key, value);
        break;
    }
}

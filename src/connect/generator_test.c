/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "connect/generator.h"
#include "connect/generator_payload.h"

#define EVENT_0                                                                                    \
    "{\"event_id\":\"5b24c165464b0d6c308ed0beb9e50da6\",\"user_id\":6107,\"event_type\":"          \
    "\"page_view\",\"ts\":1767225600000,\"country\":\"US\",\"device\":\"tablet\",\"amount\":105."  \
    "66,"                                                                                          \
    "\"quantity\":4,\"url\":\"/products/325296/reviews/latest\",\"ok\":true}"
#define EVENT_0_KEY "6107"

static struct source *begin(const char *const *pairs, struct stop *stop)
{
    struct err err = {0};
    struct settings settings = {0};
    struct source *s = NULL;
    bool which[64];
    memset(which, 1, sizeof(which));
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        *vec_push(&settings.items) =
            (struct setting){.name = str_of(pairs[i]), .value = str_of(pairs[i + 1])};
    }
    stop_init(stop);
    if (source_open(&generator_source_ops, &settings, "q", stop, &s, &err) < 0 ||
        source_discover(s, &err) < 0 || source_resolve(s, which, &err) < 0 ||
        source_start(s, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    vec_done(&settings.items);
    return s;
}
#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})

static void end(struct source *s, struct stop *stop)
{
    source_close(s);
    stop_done(stop);
}

static void a_message_is_a_function_of_seed_partition_and_offset(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct generator_payload g = {.kind = (enum generator_kind)kind, .seed = 7, .entities = 3};
        struct generator_payload other = g;
        other.seed = 8;
        AUTO_BUF struct buf a = {0};
        AUTO_BUF struct buf b = {0};
        AUTO_BUF struct buf c = {0};
        AUTO_BUF struct buf d = {0};
        AUTO_BUF struct buf e = {0};
        generator_payload_make(&g, 1, 1000, -1, NULL, &a);
        generator_payload_make(&g, 1, 1000, -1, NULL, &b);
        generator_payload_make(&g, 1, 1001, -1, NULL, &c);
        generator_payload_make(&g, 2, 1000, -1, NULL, &d);
        generator_payload_make(&other, 1, 1000, -1, NULL, &e);
        assert_true(str_eq(buf_str(&a), buf_str(&b)));
        assert_false(str_eq(buf_str(&a), buf_str(&c)));
        assert_false(str_eq(buf_str(&a), buf_str(&d)));
        assert_false(str_eq(buf_str(&a), buf_str(&e)));
    }
}

/* A change of these bytes breaks everyone who recomputes them. */
static void events_are_what_they_were(void **state)
{
    (void)state;
    struct generator_payload g = {.kind = GENERATOR_EVENTS, .seed = 1, .entities = 1};
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf value = {0};
    generator_payload_make(&g, 0, 0, -1, &key, &value);
    assert_string_equal(value.ptr, EVENT_0);
    assert_string_equal(key.ptr, EVENT_0_KEY);
}

static void events_are_json_of_ten_fields_and_about_220_bytes(void **state)
{
    (void)state;
    struct generator_payload g = {.kind = GENERATOR_EVENTS, .seed = 1, .entities = 1};
    size_t bytes = 0;
    for (int64_t offset = 0; offset < 1000; offset++) {
        AUTO_BUF struct buf value = {0};
        AUTO_ARENA struct arena arena = {0};
        struct json *root = NULL;
        struct err err = {0};
        int64_t ts = 0;
        generator_payload_make(&g, 0, offset, -1, NULL, &value);
        assert_int_equal(json_parse(&arena, buf_str(&value), &root, &err), 0);
        assert_int_equal(root->count, 10);
        assert_true(json_get_i64(json_find(root, "ts"), &ts));
        assert_int_equal(ts, generator_payload_time_us(offset) / 1000);
        bytes += value.len;
    }
    assert_in_range(bytes / 1000, 210, 230);
}

static double number(const struct json *object, const char *name)
{
    double value = 0;
    assert_true(json_get_double(json_find(object, name), &value));
    return value;
}

/* The vehicles of one feed: latitude and longitude of each, and everything in bounds. */
static void read_feed(int64_t offset, double lat[20], double lon[20])
{
    struct generator_payload g = {.kind = GENERATOR_VEHICLE_POSITIONS, .seed = 1, .entities = 20};
    AUTO_BUF struct buf value = {0};
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err err = {0};
    generator_payload_make(&g, 0, offset, -1, NULL, &value);
    assert_in_range(value.len, 5000, 12000);
    if (json_parse(&arena, buf_str(&value), &root, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_non_null(json_find(json_find(root, "header"), "gtfs_realtime_version"));
    assert_int_equal(json_find(root, "entity")->count, 20);
    size_t i = 0;
    json_foreach (entity, json_find(root, "entity")) {
        const struct json *vehicle = json_find(entity, "vehicle");
        const struct json *position = json_find(vehicle, "position");
        assert_non_null(json_find(json_find(vehicle, "trip"), "start_date"));
        assert_non_null(json_find(json_find(vehicle, "vehicle"), "label"));
        lat[i] = number(position, "latitude");
        lon[i] = number(position, "longitude");
        assert_true(lat[i] > 60.0 && lat[i] < 60.4);
        assert_true(lon[i] > 24.5 && lon[i] < 25.4);
        assert_true(number(position, "bearing") >= 0 && number(position, "bearing") < 360);
        assert_true(number(position, "speed") >= 0 && number(position, "speed") < 40);
        i++;
    }
}

static void vehicles_move_a_plausible_way_between_feeds(void **state)
{
    (void)state;
    double lat[20];
    double lon[20];
    double moved = 0;
    read_feed(5, lat, lon);
    for (int64_t offset = 15; offset < 500; offset += 10) {
        double next_lat[20];
        double next_lon[20];
        read_feed(offset, next_lat, next_lon);
        for (size_t i = 0; i < 20; i++) {
            double north_m = (next_lat[i] - lat[i]) * 111320;
            double east_m = (next_lon[i] - lon[i]) * 111320 / 2;
            double square = north_m * north_m + east_m * east_m;
            assert_true(square < 400.0 * 400.0); /* ten seconds at 40 m/s */
            moved += square;
            lat[i] = next_lat[i];
            lon[i] = next_lon[i];
        }
    }
    assert_true(moved > 1000);
}

static void the_clock_shows_only_when_asked_for(void **state)
{
    (void)state;
    struct generator_payload g = {.kind = GENERATOR_EVENTS, .seed = 1, .entities = 1};
    AUTO_BUF struct buf value = {0};
    generator_payload_make(&g, 0, 0, 1234567000, NULL, &value);
    assert_non_null(strstr(value.ptr, "\"ts\":1234567,"));
}

static void numRows_ends_the_logs_and_partitions_take_turns(void **state)
{
    (void)state;
    struct stop stop;
    struct err err = {0};
    struct source *s = begin(
        WITH("kind", "events", "numRows", "1000", "partitions", "3", "rowsPerSecond", "0"), &stop);
    int64_t next[3] = {0};
    size_t count = 0;
    for (;;) {
        struct packet *packet = NULL;
        int rc = source_poll(s, 0, 100, 1 << 20, &packet, &err);
        if (rc == SOURCE_END) {
            break;
        }
        assert_int_equal(rc, SOURCE_PACKET);
        for (size_t i = 0; i < packet->count; i++) {
            const struct message *m = &packet->messages[i];
            struct generator_payload g = {.kind = GENERATOR_EVENTS, .seed = 1, .entities = 20};
            AUTO_BUF struct buf key = {0};
            AUTO_BUF struct buf value = {0};
            generator_payload_make(&g, m->partition, m->offset, -1, &key, &value);
            assert_true(str_eq(m->value, buf_str(&value)));
            assert_true(str_eq(m->key, buf_str(&key)));
            assert_int_equal(m->offset, next[m->partition]++);
        }
        count += packet->count;
        packet_free(packet);
    }
    assert_int_equal(count, 1000);
    assert_int_equal(next[0], 334);
    assert_int_equal(next[2], 333);
    assert_int_equal(s->partitions.items[2].next_offset, 333);
    end(s, &stop);
}

static void start_delivers_the_same_again(void **state)
{
    (void)state;
    struct stop stop;
    struct err err = {0};
    struct source *s = begin(WITH("kind", "events", "rowsPerSecond", "0"), &stop);
    s->partitions.items[0].next_offset = 12345;
    assert_int_equal(source_start(s, &err), 0);
    struct packet *packet = NULL;
    assert_int_equal(source_poll(s, 0, 10, 1 << 20, &packet, &err), SOURCE_PACKET);
    assert_int_equal(packet->messages[0].offset, 12345);
    assert_int_equal(packet->messages[0].timestamp_us, generator_payload_time_us(12345));
    packet_free(packet);
    end(s, &stop);
}

static void the_rate_is_kept(void **state)
{
    (void)state;
    struct stop stop;
    struct err err = {0};
    struct source *s = begin(WITH("kind", "events", "rowsPerSecond", "1000"), &stop);
    int64_t begun = clock_mono_us();
    int64_t until = begun + 300000;
    size_t count = 0;
    while (clock_mono_us() < until) {
        struct packet *packet = NULL;
        if (source_poll(s, until, 100, 1 << 20, &packet, &err) == SOURCE_PACKET) {
            count += packet->count;
            packet_free(packet);
        }
    }
    /* A busy machine makes it late, never early. */
    assert_in_range(count, 100, (clock_mono_us() - begun) / 1000 + 10);
    end(s, &stop);
}

static void packets_keep_to_their_bytes(void **state)
{
    (void)state;
    struct stop stop;
    struct err err = {0};
    struct source *s = begin(WITH("rowsPerSecond", "0"), &stop);
    struct packet *packet = NULL;
    assert_int_equal(source_poll(s, 0, 2000, 50000, &packet, &err), SOURCE_PACKET);
    assert_in_range(packet->count, 4, 12);
    packet_free(packet);
    end(s, &stop);
}

static void available_now_needs_an_end(void **state)
{
    (void)state;
    struct stop stop;
    struct err err = {0};
    struct source *s = begin(WITH("kind", "events"), &stop);
    assert_int_equal(source_bound(s, &err), ERR_CONFIG);
    end(s, &stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_a_function_of_seed_partition_and_offset),
        cmocka_unit_test(events_are_what_they_were),
        cmocka_unit_test(events_are_json_of_ten_fields_and_about_220_bytes),
        cmocka_unit_test(vehicles_move_a_plausible_way_between_feeds),
        cmocka_unit_test(the_clock_shows_only_when_asked_for),
        cmocka_unit_test(numRows_ends_the_logs_and_partitions_take_turns),
        cmocka_unit_test(start_delivers_the_same_again),
        cmocka_unit_test(the_rate_is_kept),
        cmocka_unit_test(packets_keep_to_their_bytes),
        cmocka_unit_test(available_now_needs_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

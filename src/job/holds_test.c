/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/registry.h"
#include "job/holds.h"
#include "store/http_fake.h"

/* Framed messages of two partitions; schema 1 is known to the registry, 2 is not yet. */
#define KNOWN   STR("\0\0\0\0\1x")
#define UNKNOWN STR("\0\0\0\0\2x")

struct fixture {
    struct http_fake *fake;
    struct codec_registry *registry;
    struct plan_stream stream;
    struct source source;
    struct holds holds;
    struct message messages[8];
    struct packet packet;
    struct err err;
};

static int set_up(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    struct http_fake_options fake = {0};
    log_open(LOG_ERROR, LOG_LOGFMT);
    f->fake = http_fake_open(&fake);
    http_fake_add(f->fake, (struct http_fake_rule){.match = "GET /schemas/ids/1*",
                                                   .body = "{\"schema\":\"\\\"int\\\"\"}"});
    http_fake_add(f->fake, (struct http_fake_rule){.match = "GET /schemas/ids/2*",
                                                   .status = 404,
                                                   .body = "{\"error_code\":40403}"});
    struct codec_registry_options options = {
        .urls = str_of(http_fake_url(f->fake)), .timeout_us = 2000000, .unknown_us = 1};
    if (codec_registry_open(&options, &f->registry, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    f->stream =
        (struct plan_stream){.name = STR("s"), .format = STR("avro"), .key_format = STR("binary")};
    f->stream.codec.registry = f->registry;
    for (int p = 0; p < 2; p++) {
        *vec_push(&f->source.partitions) = (struct source_partition){
            .topic = STR("t"), .number = p, .started = true, .leader_epoch = -1};
    }
    f->packet.messages = f->messages;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    holds_done(&f->holds);
    vec_done(&f->source.partitions);
    codec_registry_close(f->registry);
    http_fake_close(f->fake);
    mem_free(f);
    return 0;
}

static void add(struct fixture *f, uint32_t partition, int64_t offset, struct str value)
{
    f->messages[f->packet.count++] =
        (struct message){.value = value, .offset = offset, .partition = partition};
    f->source.partitions.items[partition].next_offset = offset + 1;
}

static int filter(struct fixture *f)
{
    return holds_filter(&f->holds, 0, &f->stream, &f->source, &f->packet, &f->err);
}

static void known_schemas_tombstones_and_bare_bytes_pass(void **state)
{
    struct fixture *f = *state;
    add(f, 0, 5, KNOWN);
    add(f, 0, 6, STR_NULL);
    add(f, 1, 0, STR("not framed"));
    assert_int_equal(filter(f), 0);
    assert_int_equal(f->packet.count, 3);
    assert_int_equal(f->holds.items.count, 0);
    assert_int_equal(f->source.partitions.items[0].next_offset, 7);
}

static void an_unknown_schema_holds_its_partition_and_no_other(void **state)
{
    struct fixture *f = *state;
    add(f, 0, 5, KNOWN);
    add(f, 0, 6, UNKNOWN);
    add(f, 1, 3, KNOWN);
    add(f, 0, 7, KNOWN);
    assert_int_equal(filter(f), 0);
    assert_int_equal(f->packet.count, 2);
    assert_int_equal(f->messages[0].offset, 5);
    assert_int_equal(f->messages[1].partition, 1);
    assert_true(f->source.partitions.items[0].held);
    assert_int_equal(f->source.partitions.items[0].next_offset, 6);
    assert_false(f->source.partitions.items[1].held);
    assert_non_null(strstr(f->holds.reason, "schema 2"));

    /* Asked again: still unknown, then known. */
    struct source *sources[] = {&f->source};
    assert_int_equal(holds_retry(&f->holds, sources, &f->err), 0);
    assert_true(f->source.partitions.items[0].held);
    http_fake_clear(f->fake);
    http_fake_add(f->fake, (struct http_fake_rule){.match = "GET /schemas/ids/2*",
                                                   .body = "{\"schema\":\"\\\"int\\\"\"}"});
    clock_sleep_us(10);
    assert_int_equal(holds_retry(&f->holds, sources, &f->err), 1);
    assert_false(f->source.partitions.items[0].held);
    assert_int_equal(f->source.partitions.items[0].next_offset, 6);
    assert_int_equal(f->holds.items.count, 0);
}

static void a_registry_that_is_away_holds_and_is_not_asked_for_each_message(void **state)
{
    struct fixture *f = *state;
    http_fake_clear(f->fake);
    http_fake_add(f->fake, (struct http_fake_rule){.match = "GET *", .status = 503});
    add(f, 0, 0, KNOWN);
    add(f, 1, 0, KNOWN);
    assert_int_equal(filter(f), 0);
    unsigned asked = http_fake_count(f->fake, "GET *");
    assert_int_equal(f->packet.count, 0);
    assert_int_equal(f->holds.items.count, 2);
    f->packet.count = 0;
    add(f, 1, 0, KNOWN);
    assert_int_equal(filter(f), 0);
    assert_int_equal(f->packet.count, 0); /* the partition is held already */
    assert_int_equal(http_fake_count(f->fake, "GET *"), asked);
}

static void a_registry_that_refuses_us_is_an_error(void **state)
{
    struct fixture *f = *state;
    http_fake_clear(f->fake);
    http_fake_add(f->fake, (struct http_fake_rule){.match = "GET *", .status = 401});
    add(f, 0, 0, KNOWN);
    assert_int_equal(filter(f), ERR_CONFIG);
}

static void keys_are_looked_at_where_they_have_schemas(void **state)
{
    struct fixture *f = *state;
    f->stream.key_format = STR("avro");
    f->stream.key_codec.registry = f->registry;
    add(f, 0, 0, KNOWN);
    f->messages[0].key = UNKNOWN;
    assert_int_equal(filter(f), 0);
    assert_int_equal(f->packet.count, 0);
    assert_int_equal(f->holds.items.count, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(known_schemas_tombstones_and_bare_bytes_pass),
        TEST(an_unknown_schema_holds_its_partition_and_no_other),
        TEST(a_registry_that_is_away_holds_and_is_not_asked_for_each_message),
        TEST(a_registry_that_refuses_us_is_an_error),
        TEST(keys_are_looked_at_where_they_have_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

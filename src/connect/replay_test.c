/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "connect/replay.h"

struct fixture {
    char *dir;
    char *path;
    struct stop stop;
    struct settings settings;
    struct source *source;
    struct err err;
};

#define OK(expr)                                                                                   \
    do {                                                                                           \
        if ((expr) < 0) {                                                                          \
            fail_msg("%s", f->err.msg);                                                            \
        }                                                                                          \
    } while (0)

static struct fixture *fixture_new(void)
{
    struct fixture *f = mem_new(struct fixture);
    stop_init(&f->stop);
    OK(fs_make_temp_dir("/tmp", "replay_test", &f->dir, &f->err));
    f->path = mem_printf("%s/messages", f->dir);
    return f;
}

static void fixture_free(struct fixture *f)
{
    source_close(f->source);
    OK(fs_remove_tree(f->dir, &f->err));
    vec_done(&f->settings.items);
    stop_done(&f->stop);
    mem_free(f->dir);
    mem_free(f->path);
    mem_free(f);
}

/* Messages of these offsets that first stood at 10 times as much in "events". */
static void write_file(struct fixture *f, const int64_t *offsets, size_t count)
{
    AUTO_REPLAY_FILE struct replay_file *file = NULL;
    OK(replay_file_open(f->path, &file, &f->err));
    for (size_t i = 0; i < count; i++) {
        char value[32];
        snprintf(value, sizeof(value), "value %" PRId64, offsets[i]);
        struct message_origin origin = {STR("events"), STR("id"), 3, offsets[i] * 10};
        struct message_extra extra = {.origin = &origin};
        struct message m = {
            .value = str_of(value), .offset = offsets[i], .timestamp_us = -1, .extra = &extra};
        OK(replay_file_add(file, &m, &f->err));
    }
    OK(replay_file_flush(file, &f->err));
}

static void begin(struct fixture *f, const char *length)
{
    const struct setting all[] = {
        {.name = STR("path"), .value = str_of(f->path)},
        {.name = STR("topic"), .value = STR("deadletters-7")},
        {.name = STR("length"), .value = str_of(length)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        *vec_push(&f->settings.items) = all[i];
    }
    bool which[] = {true};
    OK(source_open(&replay_source_ops, &f->settings, "q", &f->stop, &f->source, &f->err));
    OK(source_discover(f->source, &f->err));
    assert_int_equal(source_discover(f->source, &f->err), 0);
    OK(source_resolve(f->source, which, &f->err));
    OK(source_bound(f->source, &f->err));
    OK(source_start(f->source, &f->err));
}

static struct packet *poll_packet(struct fixture *f, size_t messages_max, uint64_t bytes_max)
{
    struct packet *packet = NULL;
    int rc = source_poll(f->source, 0, messages_max, bytes_max, &packet, &f->err);
    OK(rc);
    assert_int_equal(rc, packet == NULL ? SOURCE_END : SOURCE_PACKET);
    return packet;
}

static struct source_partition *partition(struct fixture *f)
{
    assert_int_equal(f->source->partitions.count, 1);
    return &f->source->partitions.items[0];
}

#define assert_str(s, text) assert_true(str_eq_c((s), (text)))

static void everything_of_a_message_comes_back(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    {
        AUTO_REPLAY_FILE struct replay_file *file = NULL;
        struct message_header headers[] = {{STR("h"), STR_NULL}, {STR(""), STR("1")}};
        struct message_origin origin = {STR("events"), STR(""), 2, 41};
        struct message_extra extra = {2, headers, &origin};
        struct message first = {STR_NULL, STR("k"), 0, 1234, 9, &extra};
        struct message_extra bare = {.origin = &origin};
        struct message second = {STR(""), STR_NULL, 1, -1, 9, &bare};
        OK(replay_file_open(f->path, &file, &f->err));
        OK(replay_file_add(file, &first, &f->err));
        OK(replay_file_add(file, &second, &f->err));
        OK(replay_file_flush(file, &f->err));
    }
    begin(f, "2");
    assert_str(partition(f)->topic, "deadletters-7");
    struct packet *packet = poll_packet(f, 10, 1 << 20);
    source_close(TAKE(f->source)); /* packets may outlive it */
    assert_int_equal(packet->count, 2);
    const struct message *m = &packet->messages[0];
    assert_null(m->value.ptr);
    assert_str(m->key, "k");
    assert_int_equal(m->timestamp_us, 1234);
    assert_int_equal(m->partition, 0);
    assert_int_equal(m->extra->header_count, 2);
    assert_str(m->extra->headers[0].name, "h");
    assert_null(m->extra->headers[0].value.ptr);
    assert_str(m->extra->headers[1].value, "1");
    assert_str(m->extra->origin->topic, "events");
    assert_str(m->extra->origin->topic_id, "");
    assert_int_equal(m->extra->origin->partition, 2);
    assert_int_equal(m->extra->origin->offset, 41);
    assert_non_null(packet->messages[1].value.ptr);
    assert_int_equal(packet->messages[1].value.len, 0);
    assert_null(packet->messages[1].key.ptr);
    packet_free(packet);
    fixture_free(f);
}

static void positions_move_past_gaps_and_to_the_end(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    write_file(f, (int64_t[]){0, 2, 5}, 3);
    begin(f, "8");
    struct packet *packet = poll_packet(f, 1, 1 << 20);
    assert_int_equal(packet->count, 1);
    assert_int_equal(partition(f)->next_offset, 2);
    packet_free(packet);
    packet = poll_packet(f, 10, 1);
    assert_int_equal(packet->count, 1);
    assert_int_equal(partition(f)->next_offset, 5);
    packet_free(packet);
    packet = poll_packet(f, 10, 1 << 20);
    assert_int_equal(packet->messages[0].offset, 5);
    assert_int_equal(partition(f)->next_offset, 8);
    assert_true(partition(f)->at_limit);
    packet_free(packet);
    assert_null(poll_packet(f, 10, 1 << 20));
    fixture_free(f);
}

static void a_start_goes_on_where_the_position_is(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    write_file(f, (int64_t[]){0, 1, 2, 3}, 4);
    begin(f, "4");
    packet_free(poll_packet(f, 10, 1 << 20));
    partition(f)->next_offset = 2;
    OK(source_start(f->source, &f->err));
    struct packet *packet = poll_packet(f, 10, 1 << 20);
    assert_int_equal(packet->count, 2);
    assert_int_equal(packet->messages[0].offset, 2);
    assert_str(packet->messages[1].value, "value 3");
    packet_free(packet);
    fixture_free(f);
}

static void a_held_partition_delivers_nothing(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    write_file(f, (int64_t[]){0, 1}, 2);
    begin(f, "2");
    partition(f)->held = true;
    struct packet *packet = NULL;
    assert_int_equal(source_poll(f->source, 0, 10, 1 << 20, &packet, &f->err), SOURCE_IDLE);
    assert_int_equal(partition(f)->next_offset, 0);
    partition(f)->held = false;
    OK(source_start(f->source, &f->err));
    packet = poll_packet(f, 10, 1 << 20);
    assert_int_equal(packet->count, 2);
    packet_free(packet);
    fixture_free(f);
}

static void messages_that_are_all_gone_are_an_end(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    write_file(f, NULL, 0);
    begin(f, "3");
    assert_null(poll_packet(f, 10, 1 << 20));
    assert_int_equal(partition(f)->next_offset, 3);
    fixture_free(f);
}

static void without_a_file_there_is_no_partition(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    OK(source_open(&replay_source_ops, &f->settings, "q", &f->stop, &f->source, &f->err));
    assert_int_equal(source_discover(f->source, &f->err), 0);
    OK(source_start(f->source, &f->err));
    assert_null(poll_packet(f, 10, 1 << 20));
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_of_a_message_comes_back),
        cmocka_unit_test(positions_move_past_gaps_and_to_the_end),
        cmocka_unit_test(a_start_goes_on_where_the_position_is),
        cmocka_unit_test(a_held_partition_delivers_nothing),
        cmocka_unit_test(messages_that_are_all_gone_are_an_end),
        cmocka_unit_test(without_a_file_there_is_no_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "connect/file.h"

struct fixture {
    char *dir;
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
    OK(fs_make_temp_dir("/tmp", "file_test", &f->dir, &f->err));
    return f;
}

static void fixture_free(struct fixture *f)
{
    source_close(f->source);
    OK(fs_remove_tree(f->dir, &f->err));
    vec_foreach (struct setting, setting, &f->settings.items) {
        mem_free((void *)(uintptr_t)setting->value.ptr);
    }
    vec_done(&f->settings.items);
    stop_done(&f->stop);
    mem_free(f->dir);
    mem_free(f);
}

static void fixture_set(struct fixture *f, const char *name, const char *value)
{
    *vec_push(&f->settings.items) =
        (struct setting){.name = str_of(name), .value = str_of(mem_strdup(value))};
}

/* Sets `path` to <dir>/<name>. */
static void fixture_path(struct fixture *f, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s%s%s", f->dir, name[0] != '\0' ? "/" : "", name);
    fixture_set(f, "path", path);
}

static void append(struct fixture *f, const char *name, const char *text)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->dir, name);
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void begin(struct fixture *f, bool bounded)
{
    bool which[16];
    memset(which, 1, sizeof(which));
    OK(source_open(&file_source_ops, &f->settings, "q", &f->stop, &f->source, &f->err));
    OK(source_discover(f->source, &f->err));
    OK(source_resolve(f->source, which, &f->err));
    if (bounded) {
        OK(source_bound(f->source, &f->err));
    }
    OK(source_start(f->source, &f->err));
}

/* Everything that comes until END, or IDLE after `us`, as "file:offset=value;". */
static char *take(struct fixture *f, int64_t us, size_t messages_max)
{
    struct buf out = {0};
    int64_t until = clock_mono_us() + us;
    for (;;) {
        struct packet *packet = NULL;
        int rc = source_poll(f->source, until, messages_max, 1 << 20, &packet, &f->err);
        OK(rc);
        if (rc != SOURCE_PACKET) {
            if (rc == SOURCE_END) {
                buf_add_c(&out, "END");
            }
            buf_add_c(&out, "");
            return buf_take(&out);
        }
        for (size_t i = 0; i < packet->count; i++) {
            const struct message *m = &packet->messages[i];
            struct str topic = f->source->partitions.items[m->partition].topic;
            buf_printf(&out, "%.*s:%" PRId64 "=%.*s;",
                       STR_FMT(str_skip(topic, (size_t)(str_rfind(topic, '/') + 1))), m->offset,
                       STR_FMT(m->value));
        }
        packet_free(packet);
    }
}

static void expect(struct fixture *f, int64_t us, const char *text)
{
    AUTO_FREE char *got = take(f, us, 1000);
    assert_string_equal(got != NULL ? got : "", text);
}

static void lines_of_a_file_are_messages_with_line_numbers(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "a.json", "one\r\n\n  \ntwo\nthree");
    fixture_path(f, "a.json");
    begin(f, true);
    expect(f, 0, "a.json:0=one;a.json:3=two;a.json:4=three;END");
    assert_int_equal(f->source->partitions.items[0].next_offset, 5);
    fixture_free(f);
}

static void a_folder_is_read_in_name_order_without_hidden_files(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "b.json", "b\n");
    append(f, "a.json", "a\n");
    append(f, "_tmp", "no\n");
    append(f, ".hidden", "no\n");
    fixture_path(f, "");
    begin(f, true);
    expect(f, 0, "a.json:0=a;b.json:0=b;END");
    fixture_free(f);
}

static void a_pattern_takes_what_matches(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "b.json", "b\n");
    append(f, "a.txt", "a\n");
    fixture_path(f, "*.json");
    begin(f, true);
    expect(f, 0, "b.json:0=b;END");
    fixture_free(f);
}

static void a_growing_file_is_followed_by_whole_lines(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "a", "one\ntw");
    fixture_path(f, "a");
    begin(f, false);
    expect(f, 100000, "a:0=one;");
    append(f, "a", "o\nthr");
    expect(f, 100000, "a:1=two;");
    append(f, "a", "ee\n");
    expect(f, 100000, "a:2=three;");
    assert_int_equal(f->source->partitions.items[0].next_offset, 3);
    fixture_free(f);
}

static void start_goes_back_to_any_line(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "a", "0\n1\n2\n3\n");
    fixture_path(f, "a");
    begin(f, false);
    expect(f, 50000, "a:0=0;a:1=1;a:2=2;a:3=3;");
    f->source->partitions.items[0].next_offset = 2;
    OK(source_start(f->source, &f->err));
    expect(f, 50000, "a:2=2;a:3=3;");
    f->source->partitions.items[0].next_offset = 5;
    assert_int_equal(source_start(f->source, &f->err), ERR_DATA);
    fixture_free(f);
}

static void bound_ends_at_the_end_of_that_moment(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "a", "0\n1\n");
    fixture_path(f, "a");
    begin(f, true);
    append(f, "a", "2\n");
    expect(f, 0, "a:0=0;a:1=1;END");
    fixture_free(f);
}

static void latest_begins_behind_what_is_there(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "a", "0\n1\n");
    fixture_path(f, "a");
    fixture_set(f, "startingOffsets", "latest");
    begin(f, false);
    append(f, "a", "2\n");
    expect(f, 50000, "a:2=2;");
    fixture_free(f);
}

static void a_file_that_comes_later_is_a_new_partition(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    bool which[] = {false, true};
    append(f, "b", "b\n");
    fixture_path(f, "");
    fixture_set(f, "startingOffsets", "latest");
    begin(f, false);
    expect(f, 20000, "");
    append(f, "a", "a\n");
    expect(f, 1300000, "");
    assert_true(f->source->has_new_partitions);
    assert_int_equal(f->source->partitions.count, 2);
    OK(source_resolve(f->source, which, &f->err));
    OK(source_start(f->source, &f->err));
    expect(f, 50000, "a:0=a;");
    fixture_free(f);
}

static void packets_of_one_message_lose_nothing(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "a", "0\n1\n2\n3");
    fixture_path(f, "a");
    begin(f, true);
    AUTO_FREE char *got = take(f, 0, 1);
    assert_string_equal(got, "a:0=0;a:1=1;a:2=2;a:3=3;END");
    fixture_free(f);
}

static void lines_longer_than_a_block_come_whole(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < 1000000; i++) {
        buf_add_char(&text, (char)('a' + i % 26));
    }
    append(f, "a", text.ptr);
    append(f, "a", "\nend\n");
    fixture_path(f, "a");
    begin(f, true);
    struct packet *packet = NULL;
    assert_int_equal(
        source_poll(f->source, clock_mono_us() + 1000000, 10, 1 << 20, &packet, &f->err),
        SOURCE_PACKET);
    assert_true(str_eq(packet->messages[0].value, buf_str(&text)));
    packet_free(packet);
    fixture_free(f);
}

static void a_line_over_the_limit_stops(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < 2000000; i++) {
        buf_add_char(&text, 'x');
    }
    append(f, "a", text.ptr);
    fixture_path(f, "a");
    fixture_set(f, "maxLineBytes", "1 MiB");
    begin(f, false);
    struct packet *packet = NULL;
    assert_int_equal(
        source_poll(f->source, clock_mono_us() + 1000000, 10, 1 << 20, &packet, &f->err), ERR_DATA);
    fixture_free(f);
}

static void a_truncated_or_replaced_file_stops(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    append(f, "a", "0\n1\n2\n");
    fixture_path(f, "a");
    begin(f, false);
    expect(f, 50000, "a:0=0;a:1=1;a:2=2;");
    OK(source_verify(f->source, &f->err));
    AUTO_FREE char *path = mem_printf("%s/a", f->dir);
    assert_int_equal(truncate(path, 2), 0);
    assert_int_equal(source_verify(f->source, &f->err), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "truncated"));
    assert_int_equal(unlink(path), 0);
    append(f, "a", "0\n1\n2\n");
    assert_int_equal(source_verify(f->source, &f->err), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "replaced"));
    fixture_free(f);
}

static void a_file_that_is_not_there_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    fixture_path(f, "none");
    OK(source_open(&file_source_ops, &f->settings, "q", &f->stop, &f->source, &f->err));
    assert_int_equal(source_discover(f->source, &f->err), ERR_CONFIG);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_a_file_are_messages_with_line_numbers),
        cmocka_unit_test(a_folder_is_read_in_name_order_without_hidden_files),
        cmocka_unit_test(a_pattern_takes_what_matches),
        cmocka_unit_test(a_growing_file_is_followed_by_whole_lines),
        cmocka_unit_test(start_goes_back_to_any_line),
        cmocka_unit_test(bound_ends_at_the_end_of_that_moment),
        cmocka_unit_test(latest_begins_behind_what_is_there),
        cmocka_unit_test(a_file_that_comes_later_is_a_new_partition),
        cmocka_unit_test(packets_of_one_message_lose_nothing),
        cmocka_unit_test(lines_longer_than_a_block_come_whole),
        cmocka_unit_test(a_line_over_the_limit_stops),
        cmocka_unit_test(a_truncated_or_replaced_file_stops),
        cmocka_unit_test(a_file_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

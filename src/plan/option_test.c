/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "plan/plan.h"

static struct plan *load(const char *text)
{
    struct plan *plan = NULL;
    struct err err;
    if (plan_load(STR("p.sql"), str_of(text), &plan, &err) < 0) {
        fail_msg("%s\n%s", text, err.msg);
    }
    return plan;
}

static void assert_str(struct str s, const char *expected)
{
    if (!str_eq_c(s, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), expected);
    }
}

static void stream_options_become_fields(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan =
        load("CREATE STREAM feed (a INT) USING generator OPTIONS (MODE = 'dropMalformed', "
             "timestampunit = 'millis', allowNonNumericNumbers = TRUE, maxOffsetsPerTrigger = "
             "500)");
    const struct plan_stream *s = &plan->streams.items[0];
    assert_int_equal(s->on_bad_record, PLAN_BAD_DROP);
    assert_int_equal(s->codec.timestamp_unit, CODEC_EPOCH_MILLIS);
    assert_true(s->codec.allow_nan);
    assert_int_equal(s->max_offsets_per_trigger, 500);
    assert_str(s->format, "json");
}

static void stream_options_have_presets(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("CREATE STREAM feed (a INT) USING generator");
    const struct plan_stream *s = &plan->streams.items[0];
    assert_int_equal(s->on_bad_record, PLAN_BAD_NULL);
    assert_int_equal(s->codec.timestamp_unit, CODEC_EPOCH_SECONDS);
    assert_false(s->codec.allow_nan);
    assert_int_equal(s->max_offsets_per_trigger, 0);
}

static void the_two_words_for_bad_records_may_agree(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("CREATE STREAM feed (a INT) USING generator OPTIONS "
                                       "(mode = 'FAILFAST', onBadRecord = 'fail')");
    assert_int_equal(plan->streams.items[0].on_bad_record, PLAN_BAD_FAIL);
}

static void table_options_have_presets(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("CREATE STREAMING TABLE t LOCATION 's3://b/p' AS SELECT 1");
    const struct plan_table *t = &plan->tables.items[0];
    assert_int_equal(t->trigger, PLAN_TRIGGER_INTERVAL);
    assert_int_equal(t->trigger_us, 1000000);
    assert_false(t->merge_schema);
    assert_false(t->second_query);
    assert_str(t->query_name, "t");
    assert_str(t->compression, "snappy");
    assert_str(t->checkpoint_location, "");
    assert_str(t->comment, "");
    assert_int_equal(t->file_bytes, 128 << 20);
    assert_int_equal(t->row_group_rows, 61440);
    assert_str(t->store.endpoint, "");
    assert_str(t->store.path_style, "");
    assert_int_equal(t->declared_count, 0);
}

static void triggers_are_durations_or_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum plan_trigger trigger;
        int64_t us;
    } cases[] = {
        {"10 seconds", PLAN_TRIGGER_INTERVAL, 10000000},
        {"500ms", PLAN_TRIGGER_INTERVAL, 500000},
        {"available-now", PLAN_TRIGGER_AVAILABLE_NOW, 0},
        {"availableNow", PLAN_TRIGGER_AVAILABLE_NOW, 0},
        {"Once", PLAN_TRIGGER_ONCE, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf text = {0};
        buf_printf(&text,
                   "CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (trigger = '%s') AS SELECT 1",
                   cases[i].text);
        AUTO_PLAN struct plan *plan = load(text.ptr);
        assert_int_equal(plan->tables.items[0].trigger, cases[i].trigger);
        assert_int_equal(plan->tables.items[0].trigger_us, cases[i].us);
    }
}

static void store_options_have_two_spellings(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan =
        load("CREATE STREAMING TABLE t LOCATION 's3a://b/p' OPTIONS (s3.endpoint = 'http://e', "
             "fs.s3a.access.key = 'a', 's3.secret.key' = 'b', fs.s3a.session.token = 'c', "
             "fs.s3a.endpoint.region = 'r', fs.s3a.path.style.access = FALSE, s3.caFile = '/c', "
             "compression = 'ZSTD', targetFileSize = '8 MiB', rowGroupRows = 4096, "
             "allowSecondQuery = true, checkpointLocation = '/cp', outputMode = 'append') "
             "AS SELECT 1");
    const struct plan_table *t = &plan->tables.items[0];
    assert_str(t->store.endpoint, "http://e");
    assert_str(t->store.access_key, "a");
    assert_str(t->store.secret_key, "b");
    assert_str(t->store.session_token, "c");
    assert_str(t->store.region, "r");
    assert_str(t->store.path_style, "false");
    assert_str(t->store.ca_file, "/c");
    assert_str(t->checkpoint_location, "/cp");
    assert_str(t->compression, "zstd");
    assert_int_equal(t->file_bytes, 8 << 20);
    assert_int_equal(t->row_group_rows, 4096);
    assert_true(t->second_query);
}

static void settings_of_the_file_are_read(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("SET memory_limit = '512 MiB'; set THREADS to 3;");
    assert_int_equal(plan->memory_bytes, (uint64_t)512 << 20);
    assert_int_equal(plan->threads, 3);
}

static void presets_of_our_options_are_valid(void **state)
{
    (void)state;
    const struct option *const tables[] = {plan_stream_options, plan_table_options, NULL};
    for (size_t t = 0; tables[t] != NULL; t++) {
        struct settings settings = {0};
        const struct option *const one[] = {tables[t], NULL};
        struct err err;
        for (const struct option *o = tables[t]; o->name != NULL; o++) {
            assert_non_null(o->help);
            if (o->preset != NULL) {
                *vec_push(&settings.items) =
                    (struct setting){.name = str_of(o->name), .value = str_of(o->preset)};
            }
        }
        assert_int_equal(settings_check(&settings, one, "x", &err), 0);
        vec_done(&settings.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_options_become_fields),
        cmocka_unit_test(stream_options_have_presets),
        cmocka_unit_test(the_two_words_for_bad_records_may_agree),
        cmocka_unit_test(table_options_have_presets),
        cmocka_unit_test(triggers_are_durations_or_words),
        cmocka_unit_test(store_options_have_two_spellings),
        cmocka_unit_test(settings_of_the_file_are_read),
        cmocka_unit_test(presets_of_our_options_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

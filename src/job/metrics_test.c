/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_test - the text is OpenMetrics, whatever the names are
 *
 * A parser that takes nothing but what the specification has: families whole and in one piece,
 * units that end the name, suffixes that fit the type, escaped labels, no sample twice, histograms
 * that are cumulative.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "job/metrics.h"
#include "job/monitor_fixture.h"

/* ---- the parser ---------------------------------------------------------------------------- */

struct parsed {
    struct arena arena;
    VEC(struct str) families;
    VEC(struct str) series; /* name and labels as written */
    struct str family, type, unit;
    bool has_help;
    /* of the histogram that is being read */
    struct str bucket_labels;
    double last_bound;
    uint64_t last_bucket;
    size_t samples;
    bool ended;
};

static void parsed_done(struct parsed *p)
{
    vec_done(&p->families);
    vec_done(&p->series);
    arena_done(&p->arena);
}

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static struct str take_name(struct str *rest)
{
    size_t len = 0;
    while (len < rest->len && is_name_char(rest->ptr[len], len == 0)) {
        len++;
    }
    struct str name = str_head(*rest, len);
    *rest = str_skip(*rest, len);
    assert_true(name.len > 0);
    return name;
}

static void take_char(struct str *rest, char c)
{
    assert_true(rest->len > 0);
    assert_int_equal(rest->ptr[0], c);
    *rest = str_skip(*rest, 1);
}

static void take_value(struct str *rest, struct buf *value)
{
    take_char(rest, '"');
    while (rest->len > 0 && rest->ptr[0] != '"') {
        char c = rest->ptr[0];
        if (c == '\\') {
            *rest = str_skip(*rest, 1);
            assert_true(rest->len > 0);
            assert_non_null(strchr("\\\"n", rest->ptr[0]));
            c = rest->ptr[0] == 'n' ? '\n' : rest->ptr[0];
        }
        buf_add_char(value, c);
        *rest = str_skip(*rest, 1);
    }
    take_char(rest, '"');
    assert_true(str_is_utf8(buf_str(value)));
}

/* Labels, and the value of `le`, which must be the last one; -1 = there is none. */
static double take_labels(struct str *rest, struct str *ret_others)
{
    double bound = -1;
    struct str start = *rest;
    size_t seen_count = 0;
    struct str seen[8];
    *ret_others = STR("");
    if (rest->len == 0 || rest->ptr[0] != '{') {
        return bound;
    }
    do {
        assert_true(bound < 0);
        *ret_others = str_head(start, (size_t)(rest->ptr - start.ptr));
        *rest = str_skip(*rest, 1);
        struct str name = take_name(rest);
        AUTO_BUF struct buf value = {0};
        for (size_t i = 0; i < seen_count; i++) {
            assert_false(str_eq(seen[i], name));
        }
        assert_true(seen_count < ARRAY_COUNT(seen));
        seen[seen_count++] = name;
        take_char(rest, '=');
        take_value(rest, &value);
        if (str_eq_c(name, "le")) {
            bound = str_eq_c(buf_str(&value), "+Inf") ? 1e300 : atof(value.ptr);
            assert_non_null(strpbrk(value.ptr, ".I"));
        }
    } while (rest->len > 0 && rest->ptr[0] == ',');
    if (bound < 0) {
        *ret_others = str_head(start, (size_t)(rest->ptr - start.ptr));
    }
    take_char(rest, '}');
    return bound;
}

static void check_suffix(const struct parsed *p, struct str suffix, bool has_bound)
{
    bool bucket = str_eq_c(suffix, "_bucket");
    assert_int_equal(bucket, has_bound);
    if (str_eq_c(p->type, "counter")) {
        assert_true(str_eq_c(suffix, "_total"));
    } else if (str_eq_c(p->type, "histogram")) {
        assert_true(bucket || str_eq_c(suffix, "_count") || str_eq_c(suffix, "_sum"));
    } else {
        assert_true(str_eq_c(p->type, "gauge"));
        assert_int_equal(suffix.len, 0);
    }
}

static void check_bucket(struct parsed *p, struct str labels, double bound, double value)
{
    if (p->last_bound <= 0 || !str_eq(labels, p->bucket_labels)) {
        p->bucket_labels = labels;
        p->last_bucket = 0;
        p->last_bound = 0;
    }
    assert_true(bound > p->last_bound);
    assert_true((uint64_t)value >= p->last_bucket);
    p->last_bound = bound >= 1e300 ? 0 : bound;
    p->last_bucket = (uint64_t)value;
}

static void parse_sample(struct parsed *p, struct str line)
{
    struct str rest = line;
    struct str labels;
    struct str name = take_name(&rest);
    assert_true(str_starts(name, p->family));
    double bound = take_labels(&rest, &labels);
    struct str series = str_head(line, (size_t)(rest.ptr - line.ptr));
    check_suffix(p, str_skip(name, p->family.len), bound >= 0);
    vec_foreach (struct str, other, &p->series) {
        assert_false(str_eq(*other, series));
    }
    *vec_push(&p->series) = series;
    take_char(&rest, ' ');
    char *end = NULL;
    AUTO_FREE char *text = str_dup(rest);
    double value = strtod(text, &end);
    assert_true(rest.len > 0 && *end == '\0');
    if (!str_eq_c(p->type, "gauge")) {
        assert_true(value >= 0);
    }
    if (bound >= 0) {
        check_bucket(p, labels, bound, value);
    } else if (str_ends(name, STR("_count"))) {
        assert_true(str_eq(labels, p->bucket_labels));
        assert_int_equal((uint64_t)value, p->last_bucket);
    }
    p->samples++;
}

static void begin_family(struct parsed *p, struct str name, struct str type)
{
    vec_foreach (struct str, other, &p->families) {
        assert_false(str_eq(*other, name));
    }
    *vec_push(&p->families) = name;
    assert_true(p->family.ptr == NULL || p->has_help);
    p->family = name;
    p->type = type;
    p->unit = STR("");
    p->has_help = false;
}

static void parse_line(struct parsed *p, struct str line)
{
    assert_false(p->ended);
    if (str_eq_c(line, "# EOF")) {
        p->ended = true;
        return;
    }
    if (!str_starts(line, STR("# "))) {
        assert_true(p->has_help);
        parse_sample(p, line);
        return;
    }
    struct str rest = str_skip(line, 2);
    struct str word;
    struct str name;
    assert_true(str_split(&rest, ' ', &word) && str_split(&rest, ' ', &name));
    if (str_eq_c(word, "TYPE")) {
        begin_family(p, name, rest);
        return;
    }
    assert_true(str_eq(name, p->family));
    if (str_eq_c(word, "UNIT")) {
        assert_true(str_ends(name, rest) && p->unit.len == 0 && !p->has_help);
        assert_int_equal(name.ptr[name.len - rest.len - 1], '_');
        p->unit = rest;
        return;
    }
    assert_true(str_eq_c(word, "HELP"));
    assert_true(rest.len > 10 && str_find(rest, '\\') < 0 && !p->has_help);
    p->has_help = true;
}

static void parse(struct parsed *p, struct str text)
{
    struct str rest = text;
    struct str line;
    *p = (struct parsed){0};
    assert_true(str_ends(text, STR("\n")));
    while (str_split(&rest, '\n', &line)) {
        if (rest.ptr == NULL) {
            assert_int_equal(line.len, 0);
            break;
        }
        parse_line(p, line);
    }
    assert_true(p->ended);
    assert_int_equal(p->families.count, metrics_table_count);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void print(struct monitor_fixture *f, struct buf *out)
{
    buf_reset(out);
    job_monitor_print_metrics(f->monitor, out);
    struct parsed p;
    parse(&p, buf_str(out));
    parsed_done(&p);
}

static bool has(const struct buf *text, const char *line)
{
    AUTO_FREE char *whole = mem_printf("\n%s\n", line);
    return str_find_str(buf_str(text), str_of(whole)) >= 0;
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    struct monitor_fixture f;
    AUTO_BUF struct buf text = {0};
    monitor_fixture_open(&f, "q", "t");
    print(&f, &text);
    static const char *const unknown[] = {
        "sluice_table_files{",        "sluice_table_size_bytes{",
        "sluice_checkpoint_version{", "sluice_checkpoint_age_seconds{",
        "sluice_kafka_brokers_up{",   "sluice_last_commit_timestamp_seconds{",
        "sluice_duckdb_temp_bytes{",  "sluice_kafka_round_trip_seconds{",
        "sluice_table_version{",      "sluice_lag_records{",
    };
    for (size_t i = 0; i < ARRAY_COUNT(unknown); i++) {
        assert_true(str_find_str(buf_str(&text), str_of(unknown[i])) < 0);
    }
    assert_true(has(&text, "sluice_query_state{query=\"q\",state=\"starting\"} 1"));
    assert_true(has(&text, "sluice_query_state{query=\"q\",state=\"running\"} 0"));
    monitor_fixture_end(&f);
    monitor_fixture_close(&f);
}

static void figures_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct monitor_fixture f;
    AUTO_BUF struct buf text = {0};
    monitor_fixture_open(&f, "q", "t");
    struct query_figures *figures = &f.query.figures;
    figures->output_rows = 9007199254740993; /* more than a double holds */
    figures->at = (struct query_table){
        .version = 12, .files = 5, .bytes = 777, .checkpoint_version = 10, .checkpoint_us = -1};
    figures->bad_reasons[reason_index(STR("syntax"))] = 4;
    figures->dead_reasons[reason_index(STR("earlier"))] = 2;
    figures->batches = 3;
    figures->retried = 1;
    figures->last_commit = (struct query_committed){.version = 12, .wall_us = 1700000000123456};
    monitor_fixture_commit(&f, 7, 3000000);
    monitor_publish(&f.query);
    atomic_store(&f.query.shown->store.requests[STORE_OPERATION_GET][STORE_OUTCOME_ABSENT], 6);
    histogram_add(&f.query.shown->store.seconds[STORE_OPERATION_LIST], 1500000, 1);
    job_monitor_count_request(f.monitor, 404);
    log_open(LOG_ERROR, LOG_LOGFMT);
    uint64_t lines_before[LOG_LEVEL_COUNT];
    log_counts(lines_before);
    log_line(LOG_ERROR, "a line of a test", LOG_END);
    AUTO_FREE char *log_lines =
        mem_printf("sluice_log_lines_total{level=\"error\"} %" PRIu64, lines_before[LOG_ERROR] + 1);
    job_monitor_count_request(f.monitor, 12345);
    print(&f, &text);
    static const char *const lines[] = {
        "sluice_output_rows_total{query=\"q\"} 9007199254740993",
        "sluice_table_version{query=\"q\"} 12",
        "sluice_table_files{query=\"q\"} 5",
        "sluice_table_size_bytes{query=\"q\"} 777",
        "sluice_commits_since_checkpoint{query=\"q\"} 2",
        "sluice_bad_records_total{query=\"q\",reason=\"syntax\"} 4",
        "sluice_dead_letters_total{query=\"q\",reason=\"earlier\"} 2",
        "sluice_batches_total{query=\"q\",outcome=\"retried\"} 1",
        "sluice_last_commit_timestamp_seconds{query=\"q\"} 1700000000.12346",
        "sluice_input_records_total{query=\"q\",topic=\"t\"} 21",
        "sluice_input_bytes_total{query=\"q\",topic=\"t\"} 2100",
        "sluice_next_offset{query=\"q\",topic=\"t\",partition=\"2\"} 20",
        "sluice_lag_records{query=\"q\",topic=\"t\",partition=\"1\"} 90",
        "sluice_log_end_offset{query=\"q\",topic=\"t\",partition=\"0\"} 100",
        "sluice_store_requests_total{query=\"q\",operation=\"get\",outcome=\"absent\"} 6",
        "sluice_store_request_seconds_bucket{query=\"q\",operation=\"list\",le=\"1.0\"} 0",
        "sluice_store_request_seconds_bucket{query=\"q\",operation=\"list\",le=\"2.0\"} 1",
        "sluice_store_request_seconds_sum{query=\"q\",operation=\"list\"} 1.5",
        "sluice_batch_phase_seconds_count{query=\"q\",phase=\"commit\"} 1",
        "sluice_record_latency_seconds_bucket{query=\"q\",le=\"2.0\"} 0",
        "sluice_record_latency_seconds_bucket{query=\"q\",le=\"4.0\"} 21",
        "sluice_http_requests_total{code=\"404\"} 1",
    };
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        if (!has(&text, lines[i])) {
            fail_msg("not there: %s", lines[i]);
        }
    }
    assert_true(has(&text, log_lines));
    assert_true(str_find_str(buf_str(&text), STR("12345")) < 0);
    monitor_fixture_end(&f);
    monitor_fixture_close(&f);
}

/* A name is no way to write lines of one's own. */
static void hostile_names_stay_in_their_quotes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a\"} 1\nsluice_fake 1\n# EOF\n", "\\", "\\\"", "{}=,", "\xff\xfe", "é\xc3", "\n", "\\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct monitor_fixture f;
        AUTO_BUF struct buf text = {0};
        monitor_fixture_open(&f, names[i], names[ARRAY_COUNT(names) - 1 - i]);
        monitor_fixture_commit(&f, 1, 0);
        monitor_publish(&f.query);
        print(&f, &text);
        monitor_fixture_end(&f);
        monitor_fixture_close(&f);
    }
}

static void a_label_is_escaped_and_nothing_more(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    metrics_add_label_value(&out, STR("a\\b\"c\nd\te\xff"
                                      "f"));
    assert_string_equal(out.ptr, "a\\\\b\\\"c\\nd\te\xef\xbf\xbd"
                                 "f");
}

/* A pattern may meet topics without end over the years. */
static void topics_beyond_a_limit_are_counted_together(void **state)
{
    (void)state;
    struct monitor_fixture f;
    AUTO_BUF struct buf text = {0};
    char name[32];
    monitor_fixture_open(&f, "q", "t");
    for (int i = 0; i < MONITOR_TOPICS_MAX + 50; i++) {
        snprintf(name, sizeof(name), "topic-%d", i);
        for (size_t p = 0; p < FIXTURE_PARTITIONS; p++) {
            f.source.partitions.items[p].topic = str_of(name);
        }
        monitor_fixture_commit(&f, 1, 0);
    }
    struct monitor_view view;
    AUTO_ARENA struct arena arena = {0};
    monitor_look(f.query.shown, &arena, &view);
    assert_int_equal(view.topic_count, MONITOR_TOPICS_MAX + 1);
    assert_string_equal(view.topics[MONITOR_TOPICS_MAX].name, MONITOR_TOPICS_OTHER);
    assert_int_equal(view.topics[MONITOR_TOPICS_MAX].records, 50 * FIXTURE_PARTITIONS);
    monitor_fixture_end(&f);
    monitor_fixture_close(&f);
}

/* One topic in two streams: two series of the same labels would be refused. */
static void a_partition_of_two_streams_is_shown_once(void **state)
{
    (void)state;
    struct monitor_fixture f;
    AUTO_BUF struct buf text = {0};
    monitor_fixture_open(&f, "q", "t");
    struct plan_stream second = {.name = STR("again")};
    struct source other = {.ops = &fixture_ops};
    *vec_push(&other.partitions) = (struct source_partition){
        .topic = STR("t"), .number = 1, .next_offset = 4, .end_offset = 100};
    struct source *both[] = {&f.source, &other};
    vec_push(&f.bound.inputs)->stream = &second;
    f.query.parts.sources = both;
    monitor_publish(&f.query);
    print(&f, &text);
    assert_true(has(&text, "sluice_next_offset{query=\"q\",topic=\"t\",partition=\"1\"} 4"));
    vec_done(&other.partitions);
    monitor_fixture_end(&f);
    monitor_fixture_close(&f);
}

static void the_page_lists_every_metric(void **state)
{
    (void)state;
    AUTO_BUF struct buf page = {0};
    job_monitor_metrics_markdown(&page);
    for (size_t i = 0; i < metrics_table_count; i++) {
        AUTO_FREE char *cell = mem_printf("| `%s", metrics_table[i].name);
        assert_true(str_find_str(buf_str(&page), str_of(cell)) >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(figures_come_out_as_they_went_in),
        cmocka_unit_test(hostile_names_stay_in_their_quotes),
        cmocka_unit_test(a_label_is_escaped_and_nothing_more),
        cmocka_unit_test(topics_beyond_a_limit_are_counted_together),
        cmocka_unit_test(a_partition_of_two_streams_is_shown_once),
        cmocka_unit_test(the_page_lists_every_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

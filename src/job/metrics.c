/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - every figure for Prometheus, defined in one table
 *
 *  (1) A family's lines stand together: # TYPE, # UNIT, # HELP, then its samples, those of
 *      all queries.
 *  (2) What is not known is left out, not made up.
 *  (3) Labels are bounded: reasons, states, outcomes and operations are closed lists, topics
 *      and partitions are those that the query reads.
 *  (4) Every label value goes through one function that escapes it.
 *  (5) Counters count from the start of the run, over all its attempts; those of Kafka's client
 *      begin anew with each attempt, as counters may.
 */
#include "job/metrics.h"

#include <math.h>
#include <stdio.h>

struct metrics_writer {
    struct buf *out;
    struct job_monitor *monitor;
    const struct metrics_entry *entry;
    struct self_figures self;
    const struct monitor_view *views;
    size_t view_count;
    int64_t now_us;
    bool has_label;
};

/* ---- lines --------------------------------------------------------------------------------- */

void metrics_add_label_value(struct buf *out, struct str value)
{
    while (value.len > 0) {
        size_t good = str_utf8_prefix(value);
        for (size_t i = 0; i < good; i++) {
            char c = value.ptr[i];
            if (c == '\n') {
                buf_add_c(out, "\\n");
            } else if (c == '\\' || c == '"') {
                buf_add_char(out, '\\');
                buf_add_char(out, c);
            } else {
                buf_add_char(out, c);
            }
        }
        value = str_skip(value, good);
        if (value.len > 0) {
            buf_add_c(out, "\xef\xbf\xbd");
            value = str_skip(value, 1);
        }
    }
}

static void label(struct metrics_writer *w, const char *name, const char *value)
{
    buf_add_char(w->out, w->has_label ? ',' : '{');
    buf_printf(w->out, "%s=\"", name);
    metrics_add_label_value(w->out, str_of(value));
    buf_add_char(w->out, '"');
    w->has_label = true;
}

static void label_number(struct metrics_writer *w, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    label(w, name, text);
}

/* `v` NULL = not of a query. */
static void begin(struct metrics_writer *w, const char *suffix, const struct monitor_view *v)
{
    buf_printf(w->out, "%s%s", w->entry->name, suffix);
    w->has_label = false;
    if (v != NULL) {
        label(w, "query", v->of->name);
    }
}

static void end_labels(struct metrics_writer *w)
{
    buf_add_c(w->out, w->has_label ? "} " : " ");
}

static void end_double(struct metrics_writer *w, double value)
{
    end_labels(w);
    buf_printf(w->out, "%.15g\n", value);
}

static void end_count(struct metrics_writer *w, uint64_t value)
{
    end_labels(w);
    buf_add_u64(w->out, value);
    buf_add_char(w->out, '\n');
}

static void end_i64(struct metrics_writer *w, int64_t value)
{
    end_labels(w);
    buf_add_i64(w->out, value);
    buf_add_char(w->out, '\n');
}

static const char *suffix_of(const struct metrics_writer *w)
{
    return w->entry->type == METRICS_COUNTER ? "_total" : "";
}

/* Without further labels; below 0 is unknown. */
static void whole(struct metrics_writer *w, const struct monitor_view *v, int64_t value)
{
    if (value >= 0) {
        begin(w, suffix_of(w), v);
        end_i64(w, value);
    }
}

/* The same; NAN is unknown. */
static void real(struct metrics_writer *w, const struct monitor_view *v, double value)
{
    if (!isnan(value)) {
        begin(w, suffix_of(w), v);
        end_double(w, value);
    }
}

/* With one more label. */
static void labeled(struct metrics_writer *w, const struct monitor_view *v, const char *name,
                    const char *value, uint64_t count)
{
    begin(w, suffix_of(w), v);
    label(w, name, value);
    end_count(w, count);
}

static void histogram_line(struct metrics_writer *w, const struct monitor_view *v,
                           const char *suffix, const char *name, const char *value)
{
    begin(w, suffix, v);
    if (name != NULL) {
        label(w, name, value);
    }
}

static void histogram(struct metrics_writer *w, const struct monitor_view *v,
                      const struct histogram *h, const char *name, const char *value)
{
    struct histogram_copy copy;
    histogram_read(h, &copy);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        char bound[40];
        int len = snprintf(bound, sizeof(bound), "%.12g", histogram_bound(i));
        if (strchr(bound, '.') == NULL) { /* a canonical number: 1.0 */
            snprintf(bound + len, sizeof(bound) - (size_t)len, ".0");
        }
        histogram_line(w, v, "_bucket", name, value);
        label(w, "le", bound);
        end_count(w, copy.at_most[i]);
    }
    histogram_line(w, v, "_bucket", name, value);
    label(w, "le", "+Inf");
    end_count(w, copy.count);
    histogram_line(w, v, "_count", name, value);
    end_count(w, copy.count);
    histogram_line(w, v, "_sum", name, value);
    end_double(w, copy.sum);
}

/* ---- the process --------------------------------------------------------------------------- */

static void print_cpu(struct metrics_writer *w, const struct monitor_view *v)
{
    real(w, v, w->self.cpu_seconds);
}

static void print_resident(struct metrics_writer *w, const struct monitor_view *v)
{
    if (w->self.resident_bytes > 0) {
        whole(w, v, (int64_t)w->self.resident_bytes);
    }
}

static void print_start(struct metrics_writer *w, const struct monitor_view *v)
{
    if (w->self.start_seconds > 0) {
        real(w, v, w->self.start_seconds);
    }
}

static void print_open_fds(struct metrics_writer *w, const struct monitor_view *v)
{
    whole(w, v, w->self.open_fds);
}

static void print_max_fds(struct metrics_writer *w, const struct monitor_view *v)
{
    whole(w, v, w->self.max_fds);
}

static void print_build(struct metrics_writer *w, const struct monitor_view *v)
{
    begin(w, "", v);
    label(w, "version", SLUICE_VERSION);
    label(w, "duckdb", JOB_DUCKDB_VERSION);
    label(w, "librdkafka", JOB_RDKAFKA_VERSION);
    end_count(w, 1);
}

static void print_budget(struct metrics_writer *w, const struct monitor_view *v)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->view_count; i++) {
        sum += w->views[i].of->budget_bytes;
    }
    whole(w, v, (int64_t)sum);
}

static void print_log_lines(struct metrics_writer *w, const struct monitor_view *v)
{
    uint64_t counts[LOG_LEVEL_COUNT];
    log_counts(counts);
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        labeled(w, v, "level", log_level_name((enum log_level)i), counts[i]);
    }
}

static void print_http(struct metrics_writer *w, const struct monitor_view *v)
{
    for (int status = 0; status < MONITOR_STATUS_END; status++) {
        uint64_t count = monitor_requests(w->monitor, status);
        if (count > 0) {
            begin(w, "_total", v);
            label_number(w, "code", status);
            end_count(w, count);
        }
    }
}

/* ---- a query ------------------------------------------------------------------------------- */

static void print_field(struct metrics_writer *w, const struct monitor_view *v)
{
    const void *at = (const char *)v + w->entry->offset;
    whole(w, v, *(const int64_t *)at);
}

static void print_state(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < MONITOR_STATES; i++) {
        labeled(w, v, "state", monitor_states[i], strcmp(v->state, monitor_states[i]) == 0);
    }
}

static void print_query_start(struct metrics_writer *w, const struct monitor_view *v)
{
    real(w, v, (double)v->of->started_us / 1e6);
}

static void print_topic_records(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < v->topic_count; i++) {
        labeled(w, v, "topic", v->topics[i].name, (uint64_t)v->topics[i].records);
    }
}

static void print_topic_bytes(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < v->topic_count; i++) {
        labeled(w, v, "topic", v->topics[i].name, (uint64_t)v->topics[i].bytes);
    }
}

static void print_bad(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (strcmp(reason_names[i], "earlier") != 0) {
            labeled(w, v, "reason", reason_names[i], (uint64_t)v->figures.bad_reasons[i]);
        }
    }
}

static void print_dead(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        labeled(w, v, "reason", reason_names[i], (uint64_t)v->figures.dead_reasons[i]);
    }
}

static void print_batches(struct metrics_writer *w, const struct monitor_view *v)
{
    labeled(w, v, "outcome", "committed", (uint64_t)v->figures.batches);
    labeled(w, v, "outcome", "failed", (uint64_t)v->figures.failed);
    labeled(w, v, "outcome", "retried", (uint64_t)v->figures.retried);
}

static void print_store_requests(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < STORE_OPERATIONS; i++) {
        for (size_t k = 0; k < STORE_OUTCOMES; k++) {
            uint64_t count =
                atomic_load_explicit(&v->of->store.requests[i][k], memory_order_relaxed);
            if (count == 0 && k != STORE_OUTCOME_OK && k != STORE_OUTCOME_ERROR) {
                continue;
            }
            begin(w, "_total", v);
            label(w, "operation", store_operation_names[i]);
            label(w, "outcome", store_outcome_names[k]);
            end_count(w, count);
        }
    }
}

static void print_store_retries(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < STORE_OPERATIONS; i++) {
        if (i != STORE_OPERATION_PUT_IF_ABSENT) { /* sent once, whatever comes */
            labeled(w, v, "operation", store_operation_names[i],
                    atomic_load_explicit(&v->of->store.retries[i], memory_order_relaxed));
        }
    }
}

static void print_store_seconds(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < STORE_OPERATIONS; i++) {
        histogram(w, v, &v->of->store.seconds[i], "operation", store_operation_names[i]);
    }
}

static void print_store_sent(struct metrics_writer *w, const struct monitor_view *v)
{
    whole(w, v, (int64_t)atomic_load_explicit(&v->of->store.sent_bytes, memory_order_relaxed));
}

static void print_store_received(struct metrics_writer *w, const struct monitor_view *v)
{
    whole(w, v, (int64_t)atomic_load_explicit(&v->of->store.received_bytes, memory_order_relaxed));
}

static void begin_partition(struct metrics_writer *w, const struct monitor_view *v,
                            const struct monitor_partition *p)
{
    begin(w, "", v);
    label(w, "topic", p->topic);
    label_number(w, "partition", p->number);
}

/* One topic may be read by two streams of a query: the one that is further behind is shown. */
static bool is_shown(const struct monitor_view *v, size_t at)
{
    const struct monitor_partition *p = &v->partitions[at];
    for (size_t i = 0; i < v->partition_count && v->stream_count > 1; i++) {
        const struct monitor_partition *other = &v->partitions[i];
        if (other->topic == p->topic && other->number == p->number &&
            (other->next_offset < p->next_offset ||
             (other->next_offset == p->next_offset && i < at))) {
            return false;
        }
    }
    return true;
}

static void print_lag(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < v->partition_count; i++) {
        const struct monitor_partition *p = &v->partitions[i];
        if (p->log_end >= 0 && p->next_offset >= 0 && is_shown(v, i)) {
            begin_partition(w, v, p);
            end_i64(w, p->log_end > p->next_offset ? p->log_end - p->next_offset : 0);
        }
    }
}

static void print_lag_seconds(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < v->partition_count; i++) {
        double seconds = monitor_lag_seconds(&v->partitions[i], w->now_us);
        if (!isnan(seconds) && is_shown(v, i)) {
            begin_partition(w, v, &v->partitions[i]);
            end_double(w, seconds);
        }
    }
}

static void print_next_offset(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < v->partition_count; i++) {
        if (v->partitions[i].next_offset >= 0 && is_shown(v, i)) {
            begin_partition(w, v, &v->partitions[i]);
            end_i64(w, v->partitions[i].next_offset);
        }
    }
}

static void print_log_end(struct metrics_writer *w, const struct monitor_view *v)
{
    for (size_t i = 0; i < v->partition_count; i++) {
        if (v->partitions[i].log_end >= 0 && is_shown(v, i)) {
            begin_partition(w, v, &v->partitions[i]);
            end_i64(w, v->partitions[i].log_end);
        }
    }
}

static void print_latency(struct metrics_writer *w, const struct monitor_view *v)
{
    histogram(w, v, &v->of->latency, NULL, NULL);
}

static void print_phases(struct metrics_writer *w, const struct monitor_view *v)
{
    static const char *const names[MONITOR_PHASES] = {
        [MONITOR_PHASE_READ] = "read",
        [MONITOR_PHASE_ENCODE] = "encode",
        [MONITOR_PHASE_UPLOAD] = "upload",
        [MONITOR_PHASE_COMMIT] = "commit",
    };
    for (size_t i = 0; i < MONITOR_PHASES; i++) {
        histogram(w, v, &v->of->phases[i], "phase", names[i]);
    }
}

static void print_last_commit(struct metrics_writer *w, const struct monitor_view *v)
{
    if (v->figures.last_commit.version >= 0) {
        real(w, v, (double)v->figures.last_commit.wall_us / 1e6);
    }
}

static void print_checkpoint_age(struct metrics_writer *w, const struct monitor_view *v)
{
    const struct query_table *at = &v->figures.at;
    if (at->checkpoint_version >= 0 && at->checkpoint_us > 0) {
        double age = (double)(w->now_us - at->checkpoint_us) / 1e6;
        real(w, v, age < 0 ? 0 : age);
    }
}

static void print_since_checkpoint(struct metrics_writer *w, const struct monitor_view *v)
{
    const struct query_table *at = &v->figures.at;
    if (at->version >= 0) {
        whole(w, v, at->version - (at->checkpoint_version < 0 ? -1 : at->checkpoint_version));
    }
}

static void print_duckdb_limit(struct metrics_writer *w, const struct monitor_view *v)
{
    whole(w, v, (int64_t)v->of->memory_limit_bytes);
}

static void print_round_trip(struct metrics_writer *w, const struct monitor_view *v)
{
    if (v->client.round_trip_s >= 0) {
        real(w, v, v->client.round_trip_s);
    }
}

/* ---- the table ----------------------------------------------------------------------------- */

#define PROCESS(n, t, u, l, p, h)                                                                  \
    {                                                                                              \
        .name = (n), .type = (t), .unit = (u), .labels = (l), .help = (h), .print = (p),           \
        .of_process = true                                                                         \
    }
#define QUERY(n, t, u, l, p, h)                                                                    \
    {                                                                                              \
        .name = (n), .type = (t), .unit = (u), .labels = (l), .help = (h), .print = (p)            \
    }
#define FIELD(n, t, u, f, h)                                                                       \
    {                                                                                              \
        .name = (n), .type = (t), .unit = (u), .labels = "", .help = (h), .print = print_field,    \
        .offset = offsetof(struct monitor_view, f)                                                 \
    }

const struct metrics_entry metrics_table[] = {
    PROCESS("process_cpu_seconds", METRICS_COUNTER, "seconds", "", print_cpu,
            "User and system CPU time of the process"),
    PROCESS("process_resident_memory_bytes", METRICS_GAUGE, "bytes", "", print_resident,
            "Resident memory of the process"),
    PROCESS("process_start_time_seconds", METRICS_GAUGE, "seconds", "", print_start,
            "When the process started, seconds since 1970"),
    PROCESS("process_open_fds", METRICS_GAUGE, "", "", print_open_fds, "Open file descriptors"),
    PROCESS("process_max_fds", METRICS_GAUGE, "", "", print_max_fds,
            "File descriptors that may be open"),
    PROCESS("sluice_build_info", METRICS_GAUGE, "", "version, duckdb, librdkafka", print_build,
            "What this program is made of, always 1"),
    PROCESS("sluice_memory_budget_bytes", METRICS_GAUGE, "bytes", "", print_budget,
            "Limits of the databases and message queues of all queries together; the program "
            "itself and Kafka's client come on top"),
    PROCESS("sluice_log_lines", METRICS_COUNTER, "", "level", print_log_lines,
            "Lines that were written to the log"),
    PROCESS("sluice_http_requests", METRICS_COUNTER, "", "code", print_http,
            "Answers of the HTTP server by status"),

    QUERY("sluice_query_state", METRICS_GAUGE, "", "state", print_state,
          "1 for the state that the query is in, 0 for the others"),
    FIELD("sluice_query_starts", METRICS_COUNTER, "", figures.attempts,
          "Starts of the query in this run: more than one after errors that may pass"),
    QUERY("sluice_query_start_timestamp_seconds", METRICS_GAUGE, "seconds", "", print_query_start,
          "When the run of the query began, seconds since 1970"),
    QUERY("sluice_input_records", METRICS_COUNTER, "", "topic", print_topic_records,
          "Records of committed batches; topics beyond the first 1000 count as _other"),
    QUERY("sluice_input_bytes", METRICS_COUNTER, "bytes", "topic", print_topic_bytes,
          "Keys and values of the records of committed batches"),
    FIELD("sluice_output_rows", METRICS_COUNTER, "", figures.output_rows,
          "Rows committed to the table"),
    FIELD("sluice_output_bytes", METRICS_COUNTER, "bytes", figures.bytes,
          "Parquet files committed to the table, their bytes"),
    FIELD("sluice_output_files", METRICS_COUNTER, "", figures.files,
          "Parquet files committed to the table"),
    QUERY("sluice_bad_records", METRICS_COUNTER, "", "reason", print_bad,
          "Records that could not be decoded, or that the SQL failed on"),
    FIELD("sluice_bad_fields", METRICS_COUNTER, "", figures.bad_fields,
          "Records with a field that did not fit its column"),
    FIELD("sluice_dropped_records", METRICS_COUNTER, "", figures.dropped,
          "Bad records that were left out (onBadRecord = drop)"),
    QUERY("sluice_dead_letters", METRICS_COUNTER, "", "reason", print_dead,
          "Records that became dead letters; reason earlier: they were so before this run"),
    QUERY("sluice_batches", METRICS_COUNTER, "", "outcome", print_batches,
          "Batches that were committed, that failed and ended the attempt, and that are read again "
          "(in smaller pieces, or with new columns)"),
    FIELD("sluice_commit_conflicts", METRICS_COUNTER, "", figures.delta.conflicts,
          "Commits of other writers that could not be passed: the schema changed, or another "
          "instance has taken over"),
    FIELD("sluice_commit_rebases", METRICS_COUNTER, "", figures.delta.rebases,
          "Versions that another writer took first, so that the next one was tried"),
    FIELD("sluice_commit_unknown", METRICS_COUNTER, "", figures.delta.unknown_answers,
          "Commits without a clear answer of the store, which were looked up"),
    FIELD("sluice_commit_failures", METRICS_COUNTER, "", figures.commit_failures,
          "Batches whose upload or commit failed; they are read again"),
    QUERY("sluice_store_requests", METRICS_COUNTER, "", "operation, outcome", print_store_requests,
          "Requests to the object stores of table and dead letters"),
    QUERY("sluice_store_retries", METRICS_COUNTER, "", "operation", print_store_retries,
          "Further attempts of requests to the object store"),
    QUERY("sluice_store_request_seconds", METRICS_HISTOGRAM, "seconds", "operation",
          print_store_seconds, "Duration of requests to the object store, attempts together"),
    QUERY("sluice_store_sent_bytes", METRICS_COUNTER, "bytes", "", print_store_sent,
          "Objects that were written, their bytes"),
    QUERY("sluice_store_received_bytes", METRICS_COUNTER, "bytes", "", print_store_received,
          "Objects that were read, their bytes"),
    QUERY("sluice_lag_records", METRICS_GAUGE, "", "topic, partition", print_lag,
          "Offsets between the position and the end of the log"),
    QUERY("sluice_lag_seconds", METRICS_GAUGE, "seconds", "topic, partition", print_lag_seconds,
          "Age of the record that was read last, 0 at the end of the log"),
    QUERY("sluice_next_offset", METRICS_GAUGE, "", "topic, partition", print_next_offset,
          "Offset that is read next"),
    QUERY("sluice_log_end_offset", METRICS_GAUGE, "", "topic, partition", print_log_end,
          "End of the log"),
    QUERY("sluice_record_latency_seconds", METRICS_HISTOGRAM, "seconds", "", print_latency,
          "From a record's timestamp to its commit; records of a packet share their mean"),
    QUERY("sluice_batch_phase_seconds", METRICS_HISTOGRAM, "seconds", "phase", print_phases,
          "Duration of the phases of a batch: read (from the first look to the cut) and encode "
          "overlap"),
    QUERY("sluice_last_commit_timestamp_seconds", METRICS_GAUGE, "seconds", "", print_last_commit,
          "When the last batch was committed, seconds since 1970"),
    FIELD("sluice_table_version", METRICS_GAUGE, "", figures.at.version, "Version of the table"),
    FIELD("sluice_table_files", METRICS_GAUGE, "", figures.at.files,
          "Live files of the table as its log counts them; left out while its checkpoint does not "
          "say"),
    FIELD("sluice_table_size_bytes", METRICS_GAUGE, "bytes", figures.at.bytes,
          "Their bytes; known from the first checkpoint on that this program writes"),
    FIELD("sluice_checkpoint_version", METRICS_GAUGE, "", figures.at.checkpoint_version,
          "Version of the newest checkpoint"),
    QUERY("sluice_checkpoint_age_seconds", METRICS_GAUGE, "seconds", "", print_checkpoint_age,
          "Since the newest checkpoint was written"),
    QUERY("sluice_commits_since_checkpoint", METRICS_GAUGE, "", "", print_since_checkpoint,
          "Commits since the newest checkpoint"),
    FIELD("sluice_duckdb_memory_bytes", METRICS_GAUGE, "bytes", duckdb.bytes,
          "Memory that the query's database holds"),
    QUERY("sluice_duckdb_memory_limit_bytes", METRICS_GAUGE, "bytes", "", print_duckdb_limit,
          "Memory that the query's database may hold"),
    FIELD("sluice_duckdb_temp_bytes", METRICS_GAUGE, "bytes", duckdb.temp_bytes,
          "Temporary files of the query's database"),
    FIELD("sluice_kafka_queue_messages", METRICS_GAUGE, "", client.queue_messages,
          "Messages and events that Kafka's client has fetched and the query has not yet taken"),
    FIELD("sluice_kafka_queue_bytes", METRICS_GAUGE, "bytes", client.queue_bytes,
          "Their bytes, as of the client's last statistics (kafka.statistics.interval.ms)"),
    FIELD("sluice_kafka_brokers_up", METRICS_GAUGE, "", client.brokers_up,
          "Brokers with a connection, as of the last statistics"),
    FIELD("sluice_kafka_request_errors", METRICS_COUNTER, "", client.request_errors,
          "Failed and timed out requests to brokers in this attempt, as of the last statistics"),
    QUERY("sluice_kafka_round_trip_seconds", METRICS_GAUGE, "seconds", "", print_round_trip,
          "Mean round trip to the brokers over the client's last statistics, fetches that wait for "
          "records included"),
};
const size_t metrics_table_count = ARRAY_COUNT(metrics_table);

/* ---- text ---------------------------------------------------------------------------------- */

static const char *type_name(enum metrics_type type)
{
    static const char *const names[] = {[METRICS_GAUGE] = "gauge",
                                        [METRICS_COUNTER] = "counter",
                                        [METRICS_HISTOGRAM] = "histogram"};
    return names[type];
}

static void print_family(struct metrics_writer *w, const struct metrics_entry *entry)
{
    w->entry = entry;
    buf_printf(w->out, "# TYPE %s %s\n", entry->name, type_name(entry->type));
    if (entry->unit[0] != '\0') {
        buf_printf(w->out, "# UNIT %s %s\n", entry->name, entry->unit);
    }
    buf_printf(w->out, "# HELP %s %s.\n", entry->name, entry->help);
    if (entry->of_process) {
        entry->print(w, NULL);
        return;
    }
    for (size_t i = 0; i < w->view_count; i++) {
        entry->print(w, &w->views[i]);
    }
}

void job_monitor_print_metrics(struct job_monitor *m, struct buf *out)
{
    AUTO_ARENA struct arena arena = {0};
    size_t count = 0;
    struct monitor_query *queries = monitor_queries(m, &count);
    struct monitor_view *views = arena_new_array(&arena, struct monitor_view, count);
    for (size_t i = 0; i < count; i++) {
        monitor_look(&queries[i], &arena, &views[i]);
    }
    struct metrics_writer w = {
        .out = out, .monitor = m, .views = views, .view_count = count, .now_us = clock_wall_us()};
    self_read(&w.self);
    for (size_t i = 0; i < metrics_table_count; i++) {
        print_family(&w, &metrics_table[i]);
    }
    buf_add_c(out, "# EOF\n");
}

static void add_row(struct buf *out, const struct metrics_entry *entry)
{
    const char *suffix = entry->type == METRICS_COUNTER ? "_total" : "";
    buf_printf(out, "| `%s%s` | %s | %s | %s |\n", entry->name, suffix, type_name(entry->type),
               entry->labels, entry->help);
}

void job_monitor_metrics_markdown(struct buf *out)
{
    buf_add_c(out,
              "# Metrics\n\n"
              "Made from the table in `src/job/metrics.c` by `tools/gendocs`.\n\n"
              "`GET /metrics` answers in the text format of OpenMetrics 1.0. What is not known is "
              "left out. Histograms have\n"
              "fixed buckets at powers of two, from 2^-10 s (about 1 ms) to 2^12 s (about 68 "
              "minutes), those of Prometheus'\n"
              "native histograms.\n\n"
              "## The process\n\n| name | type | labels | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < metrics_table_count; i++) {
        if (metrics_table[i].of_process) {
            add_row(out, &metrics_table[i]);
        }
    }
    buf_add_c(out, "\n## Each query\n\nAll have the label `query` beside those named.\n\n"
                   "| name | type | labels | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < metrics_table_count; i++) {
        if (!metrics_table[i].of_process) {
            add_row(out, &metrics_table[i]);
        }
    }
    buf_add_c(out, "\n`state` is one of ");
    for (size_t i = 0; i < MONITOR_STATES; i++) {
        buf_printf(out, "%s`%s`", i == 0 ? "" : ", ", monitor_states[i]);
    }
    buf_add_c(out, ".\n\n`reason` is one of ");
    for (size_t i = 0; i < REASON_COUNT; i++) {
        buf_printf(out, "%s`%s`", i == 0 ? "" : ", ", reason_names[i]);
    }
    buf_add_c(out, ".\n");
}

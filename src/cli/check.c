/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - what a pipeline file means, without running it
 *
 * Parses, binds and explains; with --connect it also asks the broker for the
 * topics and the store for the table, and compares the schemas.  Nothing is
 * committed; an S3 store gets a probe object that is removed again.
 */
#include "cli/check.h"

#include "cli/bound.h"
#include "cli/deadline.h"
#include "cli/pipeline.h"
#include "cli/spool.h"
#include "cli/stops.h"

struct check_values {
    struct cli_common common;
    bool connect;
    int64_t timeout_us;
};

/* One table, and what is needed to ask the outside about it. */
struct check {
    struct cli_bound bound;
    struct stop *stop;
    int64_t timeout_us;
};

static void describe_source(const struct plan_input *input, const struct source *source,
                            struct buf *out)
{
    struct str topic = STR_NULL;
    size_t topics = 0;
    vec_foreach (const struct source_partition, p, &source->partitions) {
        topics += topics == 0 || !str_eq(topic, p->topic) ? 1 : 0;
        topic = p->topic;
    }
    buf_printf(out, "source   %.*s: connected, %zu topic%s, %zu partition%s\n",
               STR_FMT(input->stream->name), topics, topics == 1 ? "" : "s",
               source->partitions.count, source->partitions.count == 1 ? "" : "s");
}

static int check_source(const struct check *c, const struct plan_input *input, struct buf *out,
                        struct err *err)
{
    struct source *source = NULL;
    struct cli_deadline deadline;
    cli_deadline_begin(&deadline, c->stop, c->timeout_us);
    int rc = cli_bound_source(&c->bound, input, NULL, &deadline.stop, &source, err);
    rc = cli_deadline_judge(&deadline, rc, c->timeout_us, err);
    if (rc >= 0) {
        describe_source(input, source, out);
    }
    source_close(source);
    cli_deadline_end(&deadline);
    return rc;
}

static int check_partitions(const struct check *c, const struct delta_snapshot *snapshot,
                            struct err *err)
{
    bool same =
        snapshot->metadata.partition_columns.count == c->bound.table->partition_columns.count;
    for (size_t i = 0; same && i < c->bound.table->partition_columns.count; i++) {
        same = str_eq_nocase(snapshot->metadata.partition_columns.items[i],
                             c->bound.table->partition_columns.items[i]);
    }
    return same ? 0
                : err_set(err, ERR_CONFIG,
                          "the table is partitioned otherwise: PARTITIONED BY "
                          "differs");
}

static int check_snapshot(const struct check *c, const struct delta_snapshot *snapshot,
                          struct buf *out, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct str schema_string = STR_NULL;
    const struct type *schema = NULL;
    TRY(delta_check_append(snapshot, err));
    TRY(check_partitions(c, snapshot, err));
    int fit = TRY(delta_schema_fit(&arena, snapshot, c->bound.query->row_type,
                                   c->bound.table->merge_schema, &schema_string, &schema, err));
    buf_printf(out, "table    version %" PRId64 ", %s\n", snapshot->version,
               fit == DELTA_SCHEMA_SAME ? "its schema fits"
                                        : "columns will be added (mergeSchema):");
    if (fit == DELTA_SCHEMA_WIDER) {
        for (size_t i = 0; i < schema->field_count; i++) {
            if (type_find_field_nocase(snapshot->metadata.schema, schema->fields[i].name) < 0) {
                buf_printf(out, "           + %.*s ", STR_FMT(schema->fields[i].name));
                type_print(schema->fields[i].type, out);
                buf_add_char(out, '\n');
            }
        }
    }
    return 0;
}

static int check_table(const struct check *c, struct buf *out, struct err *err)
{
    AUTO_SPOOL struct cli_spool spool = {0};
    TRY(cli_spool_open(&spool, err));
    AUTO_STORE struct store *store = NULL;
    TRY(store_open(c->bound.table->location, &c->bound.table->store, &store, err));
    const char *local = store_local_root(store);
    if (local == NULL) {
        TRY(store_probe(store, err));
        buf_add_c(out, "store    reachable, and its conditional put holds\n");
    } else if (!fs_exists(local)) {
        buf_printf(out, "table    not there yet; the first run creates %s\n", local);
        return 0;
    }
    struct delta_options options = {.db = spool.db, .spool = spool.path};
    AUTO_DELTA struct delta_table *table = NULL;
    TRY(delta_open(TAKE(store), &options, &table, err));
    const struct delta_snapshot *snapshot = delta_snapshot(table);
    if (snapshot->version < 0) {
        buf_add_c(out, "table    not there yet; the first run creates it\n");
        return 0;
    }
    return check_snapshot(c, snapshot, out, err);
}

static int check_connections(const struct check *c, struct buf *out, struct err *err)
{
    vec_foreach (const struct plan_input, input, &c->bound.query->inputs) {
        TRY(check_source(c, input, out, err));
    }
    if (check_table(c, out, err) < 0) {
        return err_wrap(err, "table \"%.*s\"", STR_FMT(c->bound.table->name));
    }
    return 0;
}

static int check_one(const struct check *c, bool connect, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    plan_explain(c->bound.plan, c->bound.query, &text);
    int rc = connect ? check_connections(c, &text, err) : 0;
    if (text.len > 0 && text.ptr[text.len - 1] != '\n') {
        buf_add_char(&text, '\n');
    }
    buf_add_char(&text, '\n');
    log_mask_text(text.ptr);
    struct err ignored;
    int written = cli_out_write(str_of(text.ptr), rc < 0 ? &ignored : err);
    return rc < 0 ? rc : written;
}

static int resolve(struct plan *plan, const struct check_values *v, struct stop *stop,
                   struct err *err)
{
    if (v->connect) {
        return cli_pipeline_resolve(plan, stop, v->timeout_us, err);
    }
    struct plan_resolve_options options = {.stop = stop};
    return plan_resolve(plan, &options, err);
}

static int check_file(const struct cli_args *args, const void *values, struct err *err)
{
    const struct check_values *v = values;
    AUTO_PLAN struct plan *plan = NULL;
    TRY(cli_pipeline_load(args, &plan, err));
    if (plan->tables.count == 0) {
        return err_set(err, ERR_CONFIG, "%.*s has no CREATE STREAMING TABLE", STR_FMT(plan->file));
    }
    AUTO_STOPS struct cli_stops stops = {0};
    TRY(cli_stops_open(&stops, err));
    TRY(resolve(plan, v, &stops.stop, err));
    vec_foreach (const struct plan_table, table, &plan->tables) {
        struct check c = {.stop = &stops.stop, .timeout_us = v->timeout_us};
        int rc = cli_bound_open(&c.bound, plan, table, err);
        rc = rc < 0 ? rc : check_one(&c, v->connect, err);
        cli_bound_close(&c.bound);
        TRY(rc);
    }
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%.*s is fine\n", STR_FMT(plan->file));
    return cli_out_write(buf_str(&text), err);
}

static const struct cli_option check_options[] = {
    {.name = "connect",
     .type = CLI_FLAG,
     .offset = offsetof(struct check_values, connect),
     .help = "also ask the broker for the topics and the store for the table"},
    {.name = "timeout",
     .type = CLI_SECONDS,
     .offset = offsetof(struct check_values, timeout_us),
     .preset = "15",
     .value = "SECONDS",
     .help = "how long --connect waits for a broker"},
    {0},
};

const struct cli_command cli_check_command = {
    .name = "check",
    .arguments = "[FILE.sql]",
    .summary = "show what a pipeline file means, without running it",
    .about = "Parses the file, binds its SQL and prints streams, tables, schemas and options.\n"
             "Errors name file, line and column. Nothing is read or committed.\n",
    .examples = "  sluice check vehicle_positions.sql\n"
                "  sluice check --connect vehicle_positions.sql\n",
    .options = check_options,
    .values_bytes = sizeof(struct check_values),
    .args_min = 0,
    .args_max = 1,
    .run = check_file,
};

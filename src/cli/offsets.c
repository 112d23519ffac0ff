/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets - where each partition stands, and the way on after a stop
 *
 *  (1) Positions are changed by commits without files, which also raise the
 *      fence: an instance that still runs stops as fenced.
 *  (2) Nothing is written before what will be is shown and confirmed, and
 *      nothing while it is unclear: a broker that does not answer, several
 *      tables or streams that could be meant, another topic than the table knows.
 *  (3) Delta cannot delete a txn: a position of -1 is none.
 */
#include "cli/offsets.h"

#include <unistd.h>

#include "cli/offsets_table.h"
#include "cli/pipeline.h"
#include "cli/print.h"
#include "cli/stops.h"

/* ---- show ---------------------------------------------------------------------------------- */

static const struct cli_print_column show_columns[] = {
    {{"stream", 6}, false}, {{"topic", 5}, false}, {{"partition", 9}, true},
    {{"table", 5}, true},   {{"group", 5}, true},  {{"log start", 9}, true},
    {{"log end", 7}, true}, {{"lag", 3}, true},    {{"state", 5}, false},
};

static struct str number_cell(struct arena *arena, int64_t value)
{
    return value < 0 ? STR_NULL : str_of(arena_printf(arena, "%" PRId64, value));
}

static int print_rows(const struct cli_offsets *o, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_PRINT struct cli_print print = {
        .format = CLI_PRINT_TABLE,
        .fd = STDOUT_FILENO,
        .target = "standard output",
        .columns = show_columns,
        .column_count = ARRAY_COUNT(show_columns),
    };
    TRY(cli_print_begin(&print, err));
    vec_foreach (const struct cli_offsets_row, row, &o->rows) {
        int64_t lag = cli_offsets_lag(row);
        struct str cells[] = {
            row->position.stream,
            row->position.topic,
            number_cell(&arena, row->position.partition),
            number_cell(&arena, row->position.next_offset),
            number_cell(&arena, row->group_offset),
            number_cell(&arena, row->log_start),
            number_cell(&arena, row->log_end),
            number_cell(&arena, lag),
            str_of(cli_offsets_state(row)),
        };
        TRY(cli_print_row(&print, cells, err));
    }
    return cli_print_end(&print, err);
}

static void json_number(struct json_writer *w, const char *name, int64_t value)
{
    json_name(w, name);
    if (value < 0) {
        json_null(w);
    } else {
        json_i64(w, value);
    }
}

static int print_json(const struct cli_offsets *o, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    vec_foreach (const struct cli_offsets_row, row, &o->rows) {
        struct json_writer w;
        json_begin(&w, &text);
        json_open_object(&w);
        json_name(&w, "query");
        json_str(&w, o->bound.table->query_name);
        json_name(&w, "stream");
        json_str(&w, row->position.stream);
        json_name(&w, "topic");
        json_str(&w, row->position.topic);
        json_name(&w, "topicId");
        json_str(&w, row->position.topic_id);
        json_name(&w, "partition");
        json_i64(&w, row->position.partition);
        json_number(&w, "offset", row->position.next_offset);
        json_number(&w, "groupOffset", row->group_offset);
        json_number(&w, "logStart", row->log_start);
        json_number(&w, "logEnd", row->log_end);
        json_number(&w, "lag", cli_offsets_lag(row));
        json_name(&w, "state");
        json_c(&w, cli_offsets_state(row));
        json_close_object(&w);
        buf_add_char(&text, '\n');
    }
    return cli_out_write(buf_str(&text), err);
}

static int print_head(const struct cli_offsets *o, struct err *err)
{
    const struct plan_table *t = o->bound.table;
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "query %.*s, table %.*s", STR_FMT(t->query_name), STR_FMT(t->location));
    if (o->delta == NULL) {
        buf_add_c(&text, ": not there yet\n");
    } else {
        const struct delta_snapshot *s = delta_snapshot(o->delta);
        buf_printf(&text, ", version %" PRId64, s->version);
        buf_printf(&text,
                   o->sequence < 0 ? ": this query has not written it\n"
                                   : ": %" PRId64 " commits of this query\n",
                   o->sequence);
    }
    return cli_out_write(buf_str(&text), err);
}

static int show_one(struct cli_offsets *o, const struct cli_offsets_values *v, struct err *err)
{
    if (v->json) {
        TRY(print_json(o, err));
    } else {
        TRY(print_head(o, err));
        TRY(print_rows(o, err));
    }
    if (o->trouble[0] != '\0') {
        cli_out_note("the ends of the logs are not known: %s\n", o->trouble);
    }
    if (o->group_trouble[0] != '\0') {
        cli_out_note("what lag tools have been told is not known: %s\n", o->group_trouble);
    }
    return 0;
}

static int show_offsets(const struct cli_args *args, const void *values, struct err *err)
{
    const struct cli_offsets_values *v = values;
    AUTO_PLAN struct plan *plan = NULL;
    AUTO_STOPS struct cli_stops stops = {0};
    TRY(plan_load_file(args->items[0], &plan, err));
    TRY(cli_stops_open(&stops, err));
    TRY(cli_pipeline_resolve(plan, &stops.stop, v->timeout_us, err));
    vec_foreach (const struct plan_table, table, &plan->tables) {
        if (v->table != NULL && !str_eq_nocase_c(table->name, v->table)) {
            continue;
        }
        AUTO_OFFSETS struct cli_offsets o = {0};
        TRY(cli_offsets_open(&o, plan, table, &stops.stop, v->timeout_us, err));
        TRY(show_one(&o, v, err));
    }
    return 0;
}

/* ---- what the writing actions share
 * -------------------------------------------------------------- */

/* Shows the changes, asks, commits. */
static int confirm_and_commit(struct cli_offsets *o, const struct cli_offsets_values *v,
                              struct stop *stop, struct err *err)
{
    if (o->changes.count == 0) {
        cli_out_note("there is nothing to change\n");
        return 0;
    }
    AUTO_BUF struct buf text = {0};
    cli_offsets_describe(o, &text);
    TRY(cli_out_write(buf_str(&text), err));
    if (!v->yes) {
        int answer =
            TRY(cli_out_ask("Commit this? A running instance of the query will stop.", stop, err));
        if (answer == 0) {
            cli_out_note("nothing was changed\n");
            return err_set(err, ERR_CANCELED, "nothing was changed");
        }
    }
    int64_t version = -1;
    TRY(cli_offsets_commit(o, &version, err));
    AUTO_BUF struct buf done = {0};
    buf_printf(&done, "committed as version %" PRId64 "\n", version);
    return cli_out_write(buf_str(&done), err);
}

typedef int (*change_fn)(struct cli_offsets *o, const struct cli_offsets_values *v,
                         struct err *err);

/* Opens the one table that is meant, lets `change` say what is to change, and commits. */
static int change_offsets(const struct cli_args *args, const struct cli_offsets_values *v,
                          bool needs_log, change_fn change, struct err *err)
{
    AUTO_PLAN struct plan *plan = NULL;
    AUTO_STOPS struct cli_stops stops = {0};
    const struct plan_table *table = NULL;
    TRY(plan_load_file(args->items[0], &plan, err));
    TRY(cli_offsets_choose(plan, v->table, &table, err));
    TRY(cli_stops_open(&stops, err));
    TRY(cli_pipeline_resolve(plan, &stops.stop, v->timeout_us, err));
    AUTO_OFFSETS struct cli_offsets o = {0};
    TRY(cli_offsets_open(&o, plan, table, &stops.stop, v->timeout_us, err));
    if (o.delta == NULL) {
        return err_set(err, ERR_CONFIG, "there is no Delta table at \"%.*s\" yet",
                       STR_FMT(table->location));
    }
    if (needs_log && o.trouble[0] != '\0') {
        return err_set_retry(err, "nothing is changed while the topics are not known: %s",
                             o.trouble);
    }
    TRY(change(&o, v, err));
    return confirm_and_commit(&o, v, &stops.stop, err);
}

/* "topic:3" -> the row it means; several streams may read one topic. */
static int find_row(struct cli_offsets *o, const struct cli_offsets_values *v,
                    struct cli_offsets_row **ret_row, struct err *err)
{
    struct str text = v->partition == NULL ? STR_NULL : str_of(v->partition);
    ptrdiff_t colon = str_rfind(text, ':');
    int64_t number = -1;
    if (colon <= 0 || !str_to_i64(str_skip(text, (size_t)colon + 1), &number) || number < 0) {
        return err_set(err, ERR_CONFIG, "--partition TOPIC:NUMBER is needed, such as events:0");
    }
    struct str topic = str_head(text, (size_t)colon);
    struct cli_offsets_row *found = NULL;
    vec_foreach (struct cli_offsets_row, row, &o->rows) {
        if (!row->current || !str_eq(row->position.topic, topic) ||
            row->position.partition != number ||
            (v->stream != NULL && !str_eq_nocase_c(row->position.stream, v->stream))) {
            continue;
        }
        if (found != NULL) {
            return err_set(err, ERR_CONFIG,
                           "several streams read \"%.*s\"; --stream says which is "
                           "meant",
                           STR_FMT(topic));
        }
        found = row;
    }
    if (found == NULL) {
        return err_set(err, ERR_CONFIG, "this query reads no partition %.*s:%" PRId64,
                       STR_FMT(topic), number);
    }
    *ret_row = found;
    return 0;
}

/* ---- set, reset, skip, adopt
 * --------------------------------------------------------------------- */

static int change_set(struct cli_offsets *o, const struct cli_offsets_values *v, struct err *err)
{
    struct cli_offsets_row *row = NULL;
    TRY(find_row(o, v, &row, err));
    assert(row != NULL);
    if (v->offset == CLI_NUMBER_NONE || v->offset < 0) {
        return err_set(err, ERR_CONFIG, "--offset N is needed: the next offset to be read");
    }
    if (row->log_end >= 0 && v->offset > row->log_end) {
        return err_set(err, ERR_CONFIG, "offset %" PRId64 " is beyond the end of the log, %" PRId64,
                       v->offset, row->log_end);
    }
    if (row->log_start >= 0 && v->offset < row->log_start) {
        return err_set(err, ERR_CONFIG,
                       "offset %" PRId64 " is not there any more, the log begins at %" PRId64,
                       v->offset, row->log_start);
    }
    cli_offsets_change(o, &row->position, v->offset);
    cli_offsets_forget_former(o, &row->position);
    return 0;
}

static int set_offset(const struct cli_args *args, const void *values, struct err *err)
{
    return change_offsets(args, values, true, change_set, err);
}

static int change_reset(struct cli_offsets *o, const struct cli_offsets_values *v, struct err *err)
{
    (void)v;
    (void)err;
    vec_foreach (const struct cli_offsets_row, row, &o->rows) {
        if (row->recorded) {
            cli_offsets_change(o, &row->position, -1);
        }
    }
    return 0;
}

static int reset_offsets(const struct cli_args *args, const void *values, struct err *err)
{
    return change_offsets(args, values, false, change_reset, err);
}

/* One message, or to the start of the log when that has moved past the position. */
static int change_skip(struct cli_offsets *o, const struct cli_offsets_values *v, struct err *err)
{
    struct cli_offsets_row *row = NULL;
    TRY(find_row(o, v, &row, err));
    assert(row != NULL);
    int64_t at = row->position.next_offset;
    if (!row->recorded || at < 0) {
        return err_set(err, ERR_CONFIG, "the table has no position for this partition yet");
    }
    if (row->log_start < 0 || row->log_end < 0) {
        return err_set(err, ERR_CONFIG, "where the log begins and ends is not known");
    }
    if (at < row->log_start) {
        cli_offsets_change(o, &row->position, row->log_start);
    } else if (at >= row->log_end) {
        return err_set(err, ERR_CONFIG,
                       "the position is the end of the log: there is no message "
                       "to skip");
    } else {
        cli_offsets_change(o, &row->position, at + 1);
    }
    return 0;
}

static int skip_offset(const struct cli_args *args, const void *values, struct err *err)
{
    return change_offsets(args, values, true, change_skip, err);
}

static int change_adopt(struct cli_offsets *o, const struct cli_offsets_values *v, struct err *err)
{
    if (v->from == NULL) {
        return err_set(err, ERR_CONFIG, "--from QUERY is needed: the name it had before");
    }
    return cli_offsets_adopt(o, str_of(v->from), err);
}

static int adopt_offsets(const struct cli_args *args, const void *values, struct err *err)
{
    return change_offsets(args, values, false, change_adopt, err);
}

static const struct cli_action offsets_actions[] = {
    {"show", "FILE.sql", "positions in table and consumer group, ends of the logs, lag",
     show_offsets},
    {"set", "FILE.sql", "read one partition from another offset on", set_offset},
    {"reset", "FILE.sql",
     "forget all positions: the next run begins by startingOffsets (a recreated topic)",
     reset_offsets},
    {"skip", "FILE.sql", "step over one message, or over what retention has taken", skip_offset},
    {"adopt", "FILE.sql",
     "take over the positions of another name (a renamed query); its own name: go on after "
     "a restored table",
     adopt_offsets},
    {0},
};

static const struct cli_option offsets_options[] = {
    {.name = "table",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_offsets_values, table),
     .value = "NAME",
     .help = "which streaming table, when the file has several"},
    {.name = "stream",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_offsets_values, stream),
     .value = "NAME",
     .actions = "set|skip",
     .help = "which stream, when several read the topic"},
    {.name = "partition",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_offsets_values, partition),
     .value = "TOPIC:N",
     .actions = "set|skip",
     .help = "which partition"},
    {.name = "offset",
     .type = CLI_NUMBER,
     .offset = offsetof(struct cli_offsets_values, offset),
     .value = "N",
     .actions = "set",
     .help = "the next offset to be read"},
    {.name = "from",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_offsets_values, from),
     .value = "QUERY",
     .actions = "adopt",
     .help = "the former name"},
    {.name = "yes",
     .letter = 'y',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_offsets_values, yes),
     .actions = "set|reset|skip|adopt",
     .help = "commit without asking"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_offsets_values, json),
     .actions = "show",
     .help = "a JSON object for each partition"},
    {.name = "timeout",
     .type = CLI_SECONDS,
     .offset = offsetof(struct cli_offsets_values, timeout_us),
     .preset = "15",
     .value = "SECONDS",
     .help = "how long to wait for the broker"},
    {0},
};

const struct cli_command cli_offsets_command = {
    .name = "offsets",
    .arguments = "ACTION FILE.sql",
    .summary = "show and change where a query stands in its topics",
    .about =
        "A query's positions are in its Delta table. Stop the query before changing them: the\n"
        "change is a commit, and an instance that still runs ends with exit code 6. What will be\n"
        "written is shown first and has to be confirmed, or --yes given. What goes back in the\n"
        "table goes back in its dead letter table too.\n"
        "\n"
        "After exit code 7:\n"
        "  the topic was recreated      reset   begins by startingOffsets in the new topic\n"
        "  the query was renamed        adopt --from OLDNAME\n"
        "  the table was restored       adopt --from THE-SAME-NAME keeps the positions;\n"
        "                               set or reset reads messages again\n"
        "After exit code 3:\n"
        "  offsets lost to retention    skip    goes on where the log begins now\n"
        "  a bad record                 skip    leaves out this one message\n"
        "A full refresh is reset and an empty table (DELETE FROM in Spark).\n",
    .examples = "  sluice offsets show pipeline.sql\n"
                "  sluice offsets set pipeline.sql --partition events:0 --offset 1200\n"
                "  sluice offsets skip pipeline.sql --partition events:0 --yes\n"
                "  sluice offsets adopt pipeline.sql --from old_name\n",
    .options = offsets_options,
    .values_bytes = sizeof(struct cli_offsets_values),
    .actions = offsets_actions,
};

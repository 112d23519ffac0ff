/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadletters - the messages that became no rows: to be looked at, and to be replayed
 *
 * Nothing is asked of the outside but the two tables: the text of the pipeline says where they
 * are.  A table that is not there yet has no letters.
 */
#include "cli/deadletters.h"

#include <unistd.h>

#include "cli/deadletters_replay.h"
#include "cli/signals.h"

/* Longest cell on a terminal; files and pipes get all. */
#define TERMINAL_CELL 80

struct cli_deadletters_filter cli_deadletters_filter_of(const struct cli_deadletters_values *v)
{
    return (struct cli_deadletters_filter){v->reason, v->topic, v->partition, v->from, v->to};
}

struct str cli_deadletters_claims_of(const struct plan_table *table, struct arena *arena)
{
    struct str base = str_trim(table->dead_letter_location);
    while (base.len > 1 && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    return str_of(arena_printf(arena, "%.*s_replays", STR_FMT(base)));
}

struct cli_deadletters_of cli_deadletters_tables(const struct plan_table *table, size_t number,
                                                 struct arena *arena,
                                                 struct cli_scan_query_table ret_tables[2])
{
    struct cli_deadletters_of of = {
        .query = table->query_name,
        .letters = arena_printf(arena, "letters_%zu", number),
        .claims = arena_printf(arena, "claims_%zu", number),
    };
    ret_tables[0] = (struct cli_scan_query_table){
        .name = of.letters,
        .location = table->dead_letter_location,
        .store = &table->store,
        .version = -1,
        .empty = cli_deadletters_no_letters,
    };
    ret_tables[1] = (struct cli_scan_query_table){
        .name = of.claims,
        .location = cli_deadletters_claims_of(table, arena),
        .store = &table->store,
        .version = -1,
        .empty = cli_deadletters_no_claims,
    };
    return of;
}

int cli_deadletters_fetch_max(const struct cli_deadletters_values *v, uint64_t *ret_bytes,
                              struct err *err)
{
    return str_to_bytes(str_of(v->fetch_max), ret_bytes)
               ? 0
               : err_set(err, ERR_CONFIG, "--fetch-max is \"%s\"; a size such as 20GB is expected",
                         v->fetch_max);
}

/* ---- show ------------------------------------------------------------------------------------ */

/* The tables of the plan that are meant. */
struct shown {
    struct arena arena;
    struct cli_deadletters_of *items;
    struct cli_scan_query_table *tables; /* two an item */
    size_t count;
};

static void shown_done(struct shown *s)
{
    arena_done(&s->arena);
}
#define AUTO_SHOWN AUTO(shown_done)

static int choose_tables(struct shown *s, const struct plan *plan, const char *name,
                         struct err *err)
{
    s->items = arena_new_array(&s->arena, struct cli_deadletters_of, plan->tables.count + 1);
    s->tables = arena_new_array(&s->arena, struct cli_scan_query_table, 2 * plan->tables.count + 2);
    bool found = false;
    vec_foreach (const struct plan_table, t, &plan->tables) {
        if (name != NULL && !str_eq_nocase_c(t->name, name)) {
            continue;
        }
        found = true;
        if (t->dead_letter_topic.len > 0) {
            cli_out_note("dead letters of query %.*s go to the topic %.*s, not to a table\n",
                         STR_FMT(t->query_name), STR_FMT(t->dead_letter_topic));
            continue;
        }
        s->items[s->count] =
            cli_deadletters_tables(t, s->count, &s->arena, &s->tables[2 * s->count]);
        s->count++;
    }
    return found ? 0
                 : err_set(err, ERR_CONFIG, "%.*s has no streaming table \"%s\"",
                           STR_FMT(plan->file), name == NULL ? "" : name);
}

static int read_count(struct sql_conn *conn, const char *text, int64_t *ret_count, struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell = STR_NULL;
    TRY(sql_query(conn, text, &rows, err));
    bool good = TRY(sql_rows_next(rows, &cell, err)) == 1 && str_to_i64(cell, ret_count);
    return good ? 0 : err_set(err, ERR_CORRUPT, "a count is no number");
}

static int show_letters(struct cli_scan_query *q, const struct shown *s,
                        const struct cli_deadletters_values *v, struct err *err)
{
    struct cli_deadletters_filter filter = cli_deadletters_filter_of(v);
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf count_text = {0};
    int64_t count = 0;
    if (v->limit < 0) {
        return err_set(err, ERR_CONFIG, "--limit is negative");
    }
    if (v->summary) {
        cli_deadletters_sql_summary(&text, s->items, s->count, &filter);
    } else {
        cli_deadletters_sql_count(&count_text, s->items, s->count, &filter);
        TRY(read_count(q->conn, count_text.ptr, &count, err));
        cli_deadletters_sql_show(&text, s->items, s->count, &filter, v->limit);
    }
    size_t cell_max = cli_out_is_terminal() ? TERMINAL_CELL : 0;
    TRY(cli_scan_query_prepare(q, buf_str(&text), (enum cli_print_format)v->format, err));
    TRY(cli_scan_query_print(q, STDOUT_FILENO, "standard output", cell_max, err));
    if (!v->summary && count > v->limit) {
        cli_out_note("the newest %" PRId64 " of %" PRId64
                     " letters are shown; --limit shows more\n",
                     v->limit, count);
    }
    return 0;
}

static void on_signal(void *user, int count)
{
    (void)count;
    cli_scan_query_cancel(user);
}

static int show(const struct cli_args *args, const void *values, struct err *err)
{
    const struct cli_deadletters_values *v = values;
    AUTO_PLAN struct plan *plan = NULL;
    AUTO_SHOWN struct shown s = {0};
    uint64_t fetch_max = 0;
    TRY(cli_deadletters_fetch_max(v, &fetch_max, err));
    TRY(plan_load_file(args->items[0], &plan, err));
    TRY(choose_tables(&s, plan, v->table, err));
    if (s.count == 0) {
        return 0;
    }
    AUTO_SCAN_QUERY struct cli_scan_query q;
    cli_scan_query_init(&q);
    struct cli_signals signals = {0};
    TRY(cli_signals_open(&signals, on_signal, &q, err));
    int rc = cli_scan_query_open_tables(&q, s.tables, 2 * s.count, fetch_max, err);
    rc = rc < 0 ? rc : show_letters(&q, &s, v, err);
    cli_signals_close(&signals);
    if (rc < 0 && stop_is_set(&q.stop)) {
        return err_set(err, ERR_CANCELED, "interrupted");
    }
    return rc;
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct cli_action deadletters_actions[] = {
    {"show", "FILE.sql", "the letters, the newest last; --summary counts them by reason", show},
    {"replay", "FILE.sql",
     "push letters through the pipeline as it is now, into its table, each of them once",
     cli_deadletters_replay},
    {0},
};

static const struct cli_option deadletters_options[] = {
    {.name = "table",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_deadletters_values, table),
     .value = "NAME",
     .help = "which streaming table, when the file has several"},
    {.name = "reason",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_deadletters_values, reason),
     .value = "REASON",
     .help = "only letters of this reason"},
    {.name = "topic",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_deadletters_values, topic),
     .value = "TOPIC",
     .help = "only messages of this topic"},
    {.name = "partition",
     .type = CLI_NUMBER,
     .offset = offsetof(struct cli_deadletters_values, partition),
     .value = "N",
     .help = "only messages of this partition"},
    {.name = "from",
     .type = CLI_NUMBER,
     .offset = offsetof(struct cli_deadletters_values, from),
     .value = "OFFSET",
     .help = "only messages from this offset on"},
    {.name = "to",
     .type = CLI_NUMBER,
     .offset = offsetof(struct cli_deadletters_values, to),
     .value = "OFFSET",
     .help = "only messages up to this offset, itself included"},
    {.name = "limit",
     .type = CLI_NUMBER,
     .offset = offsetof(struct cli_deadletters_values, limit),
     .preset = "100",
     .value = "N",
     .actions = "show",
     .help = "show so many letters at most, the newest"},
    {.name = "format",
     .letter = 'f',
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_deadletters_values, format),
     .preset = "table",
     .choices = "table|csv|json",
     .actions = "show",
     .help = "json is an object a line"},
    {.name = "summary",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_deadletters_values, summary),
     .actions = "show",
     .help = "counts by reason instead of letters"},
    {.name = "yes",
     .letter = 'y',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_deadletters_values, yes),
     .actions = "replay",
     .help = "replay without asking"},
    {.name = "timeout",
     .type = CLI_SECONDS,
     .offset = offsetof(struct cli_deadletters_values, timeout_us),
     .preset = "15",
     .value = "SECONDS",
     .actions = "replay",
     .help = "how long to wait for a broker or registry that says what the columns are"},
    {.name = "fetch-max",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_deadletters_values, fetch_max),
     .preset = "16GB",
     .value = "BYTES",
     .help = "how much may be copied here, for the time of the command, from a store that is not "
             "local"},
    {0},
};

const struct cli_command cli_deadletters_command = {
    .name = "deadletters",
    .arguments = "ACTION FILE.sql",
    .summary = "show and replay messages that became no rows (onBadRecord = 'deadletter')",
    .about =
        "replay reads nothing from Kafka: it takes letters out of the dead letter table, with "
        "key,\n"
        "headers and timestamp, and pushes them through the pipeline as the file has it now. What\n"
        "becomes a row is added to the table; what fails again is a new letter. A letter that was\n"
        "replayed is never replayed again, whatever crashes and however replays overlap; one that\n"
        "was not finished goes on first. The query itself may run meanwhile. Letters whose value\n"
        "was cut (deadLetterMaxValueBytes) cannot be replayed.\n",
    .examples = "  sluice deadletters show pipeline.sql --summary\n"
                "  sluice deadletters show pipeline.sql --reason syntax --limit 10 --format json\n"
                "  sluice deadletters replay pipeline.sql --topic events --partition 0 --from 100 "
                "--to 200\n"
                "  sluice deadletters replay pipeline.sql --yes\n",
    .options = deadletters_options,
    .values_bytes = sizeof(struct cli_deadletters_values),
    .actions = deadletters_actions,
};

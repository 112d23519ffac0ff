/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets_table - what a table and its topics say of a query's positions
 *
 * The start of a log is what `startingOffsets = earliest` means now, its end what
 * an available-now run would read up to: both are asked of the source itself, so
 * that every connector answers.
 */
#include "cli/offsets_table.h"

#include <stdio.h>

#include "cli/deadline.h"

int cli_offsets_choose(const struct plan *plan, const char *name,
                       const struct plan_table **ret_table, struct err *err)
{
    AUTO_BUF struct buf names = {0};
    const struct plan_table *found = NULL;
    vec_foreach (const struct plan_table, t, &plan->tables) {
        buf_printf(&names, "%s%.*s", names.len == 0 ? "" : ", ", STR_FMT(t->name));
        if (name == NULL ? plan->tables.count == 1 : str_eq_nocase_c(t->name, name)) {
            found = t;
        }
    }
    if (found == NULL) {
        return err_set(err, ERR_CONFIG,
                       "%.*s has the streaming tables %s; --table NAME chooses one",
                       STR_FMT(plan->file), names.len == 0 ? "(none)" : names.ptr);
    }
    *ret_table = found;
    return 0;
}

/* ---- the table
 * ------------------------------------------------------------------------------------ */

static int64_t read_sequence(const struct delta_snapshot *snapshot, struct str query)
{
    AUTO_BUF struct buf app_id = {0};
    delta_sink_app_id(query, NULL, &app_id);
    const struct delta_txn *txn = delta_find_txn(snapshot, buf_str(&app_id));
    return txn == NULL ? -1 : txn->version;
}

static int open_table(struct cli_offsets *o, struct err *err)
{
    const struct plan_table *t = o->bound.table;
    struct store *store = NULL;
    TRY(store_open(t->location, &t->store, &store, err));
    struct delta_options options = {.db = o->spool.db, .spool = o->spool.path};
    AUTO_DELTA struct delta_table *table = NULL;
    TRY(delta_open(store, &options, &table, err));
    o->sequence = -1;
    if (delta_snapshot(table)->version < 0) {
        return 0;
    }
    o->delta = TAKE(table);
    o->sequence = read_sequence(delta_snapshot(o->delta), t->query_name);
    struct sink_position *positions = NULL;
    size_t count = 0;
    TRY(delta_sink_recorded(delta_snapshot(o->delta), t->query_name, &o->arena, &positions, &count,
                            err));
    for (size_t i = 0; i < count; i++) {
        *vec_push(&o->rows) = (struct cli_offsets_row){
            .position = positions[i],
            .recorded = true,
            .log_start = -1,
            .log_end = -1,
            .group_offset = -1,
        };
    }
    return 0;
}

/* ---- the source
 * ----------------------------------------------------------------------------------- */

static bool same_place(const struct sink_position *a, const struct sink_position *b)
{
    return str_eq(a->stream, b->stream) && str_eq(a->topic, b->topic) &&
           a->partition == b->partition;
}

static struct cli_offsets_row *row_of(struct cli_offsets *o, const struct sink_position *position)
{
    vec_foreach (struct cli_offsets_row, row, &o->rows) {
        if (same_place(&row->position, position) &&
            str_eq(row->position.topic_id, position->topic_id)) {
            return row;
        }
    }
    struct cli_offsets_row *row = vec_push(&o->rows);
    *row = (struct cli_offsets_row){
        .position = *position, .log_start = -1, .log_end = -1, .group_offset = -1};
    return row;
}

/* The stream's settings, but from the earliest message on. */
static void earliest_settings(const struct plan_stream *stream, struct settings *out)
{
    static const char *const starts[] = {"startingOffsets", "startingTimestamp",
                                         "startingOffsetsByTimestamp",
                                         "startingOffsetsByTimestampStrategy"};
    for (size_t i = 0; i < stream->settings.items.count; i++) {
        const struct setting *s = &stream->settings.items.items[i];
        bool start = false;
        for (size_t k = 0; k < ARRAY_COUNT(starts); k++) {
            start = start || str_eq_nocase_c(s->name, starts[k]);
        }
        if (!start) {
            *vec_push(&out->items) = *s;
        }
    }
    for (const struct option *option = stream->source->options; option->name != NULL; option++) {
        if (str_eq_nocase_c(str_of(option->name), starts[0])) {
            *vec_push(&out->items) =
                (struct setting){.name = STR("startingOffsets"), .value = STR("earliest")};
        }
    }
}

static int ask_limits(struct cli_offsets *o, struct str stream, struct source *source,
                      struct err *err)
{
    size_t count = source->partitions.count;
    bool *which = arena_new_array(&o->arena, bool, count + 1);
    for (size_t i = 0; i < count; i++) {
        which[i] = true;
    }
    int64_t *group = arena_new_array(&o->arena, int64_t, count + 1);
    struct err trouble;
    TRY(source_resolve(source, which, err));
    TRY(source_bound(source, err));
    if (source_acknowledged(source, group, &trouble) < 0) {
        snprintf(o->group_trouble, sizeof(o->group_trouble), "%.500s", trouble.msg);
    }
    for (size_t i = 0; i < count; i++) {
        const struct source_partition *p = &source->partitions.items[i];
        struct sink_position position = {
            .stream = arena_str(&o->arena, stream),
            .topic = arena_str(&o->arena, p->topic),
            .topic_id = arena_str(&o->arena, p->topic_id),
            .partition = p->number,
            .next_offset = -1,
            .leader_epoch = -1,
        };
        struct cli_offsets_row *row = row_of(o, &position);
        row->current = true;
        row->log_start = p->next_offset;
        row->group_offset = group[i];
        row->log_end = p->limit_offset == INT64_MAX ? -1 : p->limit_offset;
    }
    return 0;
}

static int ask_source(struct cli_offsets *o, const struct plan_input *input, struct stop *stop,
                      int64_t timeout_us, struct err *err)
{
    struct settings settings = {0};
    struct source *source = NULL;
    struct cli_deadline deadline;
    earliest_settings(input->stream, &settings);
    cli_deadline_begin(&deadline, stop, timeout_us);
    int rc = cli_bound_source(&o->bound, input, &settings, &deadline.stop, &source, err);
    rc = rc < 0 ? rc : ask_limits(o, input->stream->name, source, err);
    rc = cli_deadline_judge(&deadline, rc, timeout_us, err);
    source_close(source);
    cli_deadline_end(&deadline);
    vec_done(&settings.items);
    return rc;
}

static int compare_rows(const struct cli_offsets_row *a, const struct cli_offsets_row *b)
{
    int order = str_cmp(a->position.stream, b->position.stream);
    order = order != 0 ? order : str_cmp(a->position.topic, b->position.topic);
    if (order != 0 || a->position.partition == b->position.partition) {
        return order;
    }
    return a->position.partition < b->position.partition ? -1 : 1;
}

/* Few rows, nearly in order. */
static void sort_rows(struct cli_offsets *o)
{
    for (size_t i = 1; i < o->rows.count; i++) {
        struct cli_offsets_row row = o->rows.items[i];
        size_t at = i;
        for (; at > 0 && compare_rows(&o->rows.items[at - 1], &row) > 0; at--) {
            o->rows.items[at] = o->rows.items[at - 1];
        }
        o->rows.items[at] = row;
    }
}

int cli_offsets_open(struct cli_offsets *o, const struct plan *plan, const struct plan_table *table,
                     struct stop *stop, int64_t timeout_us, struct err *err)
{
    TRY(cli_bound_open(&o->bound, plan, table, err));
    TRY(cli_spool_open(&o->spool, err));
    TRY(open_table(o, err));
    struct err trouble;
    vec_foreach (const struct plan_input, input, &o->bound.query->inputs) {
        if (ask_source(o, input, stop, timeout_us, &trouble) < 0) {
            snprintf(o->trouble, sizeof(o->trouble), "%.500s", trouble.msg);
            break;
        }
    }
    vec_foreach (struct cli_offsets_row, row, &o->rows) {
        row->asked = o->trouble[0] == '\0';
    }
    sort_rows(o);
    return 0;
}

void cli_offsets_close(struct cli_offsets *o)
{
    delta_close(o->delta);
    cli_bound_close(&o->bound);
    cli_spool_close(&o->spool);
    vec_done(&o->rows);
    vec_done(&o->changes);
    arena_done(&o->arena);
}

/* ---- what a row means
 * ----------------------------------------------------------------------------- */

int64_t cli_offsets_lag(const struct cli_offsets_row *row)
{
    int64_t at = row->recorded ? row->position.next_offset : row->log_start;
    return row->log_end < 0 || at < 0 || at > row->log_end ? -1 : row->log_end - at;
}

const char *cli_offsets_state(const struct cli_offsets_row *row)
{
    if (!row->asked) {
        return "unknown";
    }
    if (!row->current) {
        return "gone: the topic was deleted, recreated or is not read any more";
    }
    if (!row->recorded) {
        return "new";
    }
    if (row->log_start >= 0 && row->position.next_offset < row->log_start) {
        return "lost: the log begins later";
    }
    if (row->log_end >= 0 && row->position.next_offset > row->log_end) {
        return "beyond the end of the log";
    }
    return "ok";
}

/* ---- changes
 * --------------------------------------------------------------------------------------- */

static void push_change(struct cli_offsets *o, struct str query,
                        const struct sink_position *position, int64_t from, int64_t to)
{
    *vec_push(&o->changes) = (struct cli_offsets_change_of){query, *position, from, to};
}

void cli_offsets_change(struct cli_offsets *o, const struct sink_position *position, int64_t to)
{
    push_change(o, o->bound.table->query_name, position, position->next_offset, to);
}

void cli_offsets_forget_former(struct cli_offsets *o, const struct sink_position *position)
{
    vec_foreach (const struct cli_offsets_row, row, &o->rows) {
        if (row->recorded && same_place(&row->position, position) &&
            !str_eq(row->position.topic_id, position->topic_id)) {
            cli_offsets_change(o, &row->position, -1);
        }
    }
}

/* The stream of ours that takes over what `position` had: the same name, else the same topic. */
static int adopting_stream(const struct cli_offsets *o, const struct sink_position *position,
                           struct str *ret_stream, struct err *err)
{
    struct str by_topic = STR_NULL;
    size_t count = 0;
    vec_foreach (const struct plan_input, input, &o->bound.query->inputs) {
        if (str_eq(input->stream->name, position->stream)) {
            *ret_stream = position->stream;
            return 0;
        }
    }
    vec_foreach (const struct cli_offsets_row, row, &o->rows) {
        if (row->current && str_eq(row->position.topic, position->topic) &&
            row->position.partition == position->partition) {
            by_topic = row->position.stream;
            count++;
        }
    }
    if (count != 1) {
        return err_set(err, ERR_CONFIG,
                       "it is not clear which stream takes over \"%.*s\" of the stream \"%.*s\"",
                       STR_FMT(position->topic), STR_FMT(position->stream));
    }
    *ret_stream = by_topic;
    return 0;
}

static int adopt_others(struct cli_offsets *o, struct str from, struct err *err)
{
    struct sink_position *positions = NULL;
    size_t count = 0;
    TRY(delta_sink_recorded(delta_snapshot(o->delta), from, &o->arena, &positions, &count, err));
    if (count == 0) {
        return err_set(err, ERR_CONFIG, "the table has no positions of a query \"%.*s\"",
                       STR_FMT(from));
    }
    vec_foreach (const struct cli_offsets_row, row, &o->rows) {
        if (row->recorded) {
            return err_set(err, ERR_CONFIG,
                           "query \"%.*s\" has positions of its own in this table; `sluice "
                           "offsets reset` forgets them",
                           STR_FMT(o->bound.table->query_name));
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct sink_position mine = positions[i];
        TRY(adopting_stream(o, &positions[i], &mine.stream, err));
        push_change(o, o->bound.table->query_name, &mine, -1, positions[i].next_offset);
        push_change(o, from, &positions[i], positions[i].next_offset, -1);
    }
    o->adopt_from = from;
    return 0;
}

int cli_offsets_adopt(struct cli_offsets *o, struct str from, struct err *err)
{
    if (!str_eq(from, o->bound.table->query_name)) {
        return adopt_others(o, from, err);
    }
    vec_foreach (const struct cli_offsets_row, row, &o->rows) {
        if (row->recorded) {
            cli_offsets_change(o, &row->position, row->position.next_offset);
        }
    }
    o->accept = true;
    return 0;
}

static void add_offset(struct buf *out, int64_t offset)
{
    if (offset < 0) {
        buf_add_c(out, "none");
    } else {
        buf_add_i64(out, offset);
    }
}

void cli_offsets_describe(const struct cli_offsets *o, struct buf *out)
{
    buf_printf(out, "table %.*s\n", STR_FMT(o->bound.table->location));
    vec_foreach (const struct cli_offsets_change_of, c, &o->changes) {
        buf_printf(out, "  %.*s/%.*s %.*s:%d  ", STR_FMT(c->query), STR_FMT(c->position.stream),
                   STR_FMT(c->position.topic), c->position.partition);
        add_offset(out, c->from);
        buf_add_c(out, " -> ");
        add_offset(out, c->to);
        buf_add_char(out, '\n');
    }
}

static struct str make_parameters(struct str query, struct arena *arena)
{
    AUTO_BUF struct buf text = {0};
    struct json_writer w;
    json_begin(&w, &text);
    json_open_object(&w);
    json_name(&w, "queryName");
    json_str(&w, query);
    json_close_object(&w);
    return arena_str(arena, buf_str(&text));
}

static void put_txn(struct delta_txn *txn, struct str query, const struct sink_position *position,
                    int64_t version, struct arena *arena)
{
    AUTO_BUF struct buf app_id = {0};
    delta_sink_app_id(query, position, &app_id);
    *txn = (struct delta_txn){arena_str(arena, buf_str(&app_id)), version, 0};
}

static int commit_txns(struct delta_table *table, struct str query, const struct delta_txn *txns,
                       size_t count, int64_t *ret_version, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct delta_change change = {
        .operation = "SET OFFSETS",
        .parameters = make_parameters(query, &arena),
        .txn_count = count,
        .txns = txns,
    };
    int rc = delta_commit(table, &change, ret_version, err);
    if (rc == DELTA_SCHEMA_CHANGED) {
        rc = delta_commit(table, &change, ret_version, err);
    }
    if (rc == ERR_FENCED) {
        return err_set(err, ERR_CONFIG,
                       "the query is running: it committed meanwhile; stop it "
                       "first");
    }
    TRY(rc);
    return rc == DELTA_COMMITTED ? 0
                                 : err_set_retry(err, "the table's schema keeps changing; nothing "
                                                      "was written");
}

/* ---- the dead letter table
 * ------------------------------------------------------------------------ */

/* The version of a position's txn; -1 = none. */
static int64_t position_in(const struct delta_snapshot *snapshot,
                           const struct cli_offsets_change_of *c)
{
    AUTO_BUF struct buf app_id = {0};
    delta_sink_app_id(c->query, &c->position, &app_id);
    const struct delta_txn *txn = delta_find_txn(snapshot, buf_str(&app_id));
    return txn == NULL ? -1 : txn->version;
}

/* Letters between the two tables' positions would be forgotten: job/dead_table.c. */
static int check_adopted(const struct cli_offsets *o, const struct delta_snapshot *snapshot,
                         struct err *err)
{
    vec_foreach (const struct cli_offsets_change_of, c, &o->changes) {
        if (o->adopt_from.ptr != NULL && str_eq(c->query, o->adopt_from) &&
            position_in(snapshot, c) > c->from) {
            return err_set(err, ERR_CONFIG,
                           "the last run of \"%.*s\" ended between dead letters and their rows; "
                           "run it once more under that name, then adopt",
                           STR_FMT(o->adopt_from));
        }
    }
    return 0;
}

/*
 * A position that goes back in the main table goes back there too, or old letters would count as
 * known and their messages not be read again.  One that goes forward stays: what is known remains
 * so.  The fence is raised in any case: an instance that still runs adds nothing in between.
 */
static int commit_letters(struct cli_offsets *o, struct delta_table *table, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    const struct delta_snapshot *snapshot = delta_snapshot(table);
    struct str query = o->bound.table->query_name;
    int64_t sequence = read_sequence(snapshot, query);
    struct delta_txn *txns = arena_new_array(&arena, struct delta_txn, o->changes.count + 1);
    size_t count = 0;
    int64_t version = -1;
    TRY(check_adopted(o, snapshot, err));
    if (sequence < 0) {
        return 0; /* not there, or no table of this query */
    }
    TRY(delta_check_append(snapshot, err));
    put_txn(&txns[count++], query, NULL, sequence + 1, &arena);
    vec_foreach (const struct cli_offsets_change_of, c, &o->changes) {
        if (c->to < c->from && position_in(snapshot, c) > c->to) {
            put_txn(&txns[count++], c->query, &c->position, c->to, &arena);
        }
    }
    return commit_txns(table, query, txns, count, &version, err);
}

static int commit_dead_table(struct cli_offsets *o, struct err *err)
{
    const struct plan_table *t = o->bound.table;
    struct store *store = NULL;
    AUTO_DELTA struct delta_table *table = NULL;
    struct delta_options options = {.db = o->spool.db, .spool = o->spool.path};
    if (t->dead_letter_topic.len > 0) {
        return 0;
    }
    TRY(store_open(t->dead_letter_location, &t->store, &store, err));
    int rc = delta_open(store, &options, &table, err);
    rc = rc < 0 ? rc : commit_letters(o, table, err);
    return rc < 0 ? err_wrap(err, "dead letter table \"%.*s\"", STR_FMT(t->dead_letter_location))
                  : 0;
}

/* Who accepts a restored table accepts it for the replays of dead letters too. */
static int accept_replays(struct cli_offsets *o, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct str query =
        str_of(arena_printf(&arena, "%.*s/replay", STR_FMT(o->bound.table->query_name)));
    int64_t sequence = read_sequence(delta_snapshot(o->delta), query);
    struct delta_txn txn;
    int64_t version = -1;
    if (!o->accept || sequence < 0) {
        return 0;
    }
    put_txn(&txn, query, NULL, sequence + 1, &arena);
    return commit_txns(o->delta, query, &txn, 1, &version, err);
}

int cli_offsets_commit(struct cli_offsets *o, int64_t *ret_version, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    const struct delta_snapshot *snapshot = delta_snapshot(o->delta);
    struct str query = o->bound.table->query_name;
    TRY(delta_check_append(snapshot, err));
    TRY(commit_dead_table(o, err));
    FAILPOINT("between_offsets");
    struct delta_txn *txns = arena_new_array(&arena, struct delta_txn, o->changes.count + 2);
    size_t count = 0;
    int64_t sequence = o->sequence < 0 ? 0 : o->sequence;
    put_txn(&txns[count++], query, NULL, sequence + 1, &arena);
    if (o->adopt_from.ptr != NULL) {
        int64_t other = read_sequence(snapshot, o->adopt_from);
        put_txn(&txns[count++], o->adopt_from, NULL, (other < 0 ? 0 : other) + 1, &arena);
    }
    vec_foreach (const struct cli_offsets_change_of, c, &o->changes) {
        put_txn(&txns[count++], c->query, &c->position, c->to, &arena);
    }
    TRY(commit_txns(o->delta, query, txns, count, ret_version, err));
    return accept_replays(o, err);
}

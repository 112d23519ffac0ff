/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle - what the log says, read without the engine's code
 *
 *  (1) A commit that moves a partition from one position to another holds the row of
 *      every message in between, once and as it must be, and no other: none for what
 *      onBadRecord drops, one of NULLs for what it keeps.  The first position is the one
 *      that the first reader was told.
 *  (2) No position lies behind a record that ends the query.
 *  (3) The fence goes up by one with each commit of the query, and whoever has
 *      been followed by another instance never commits again.
 *  (4) After a RESTORE no commit of the query.
 *  (5) A file that a commit adds is there, whole.
 *  (6) With dead letters: a message behind the table's position is a row or a letter, never both,
 *      never none, and a letter once.  Each is what the generation of its writer makes of it.
 *
 * A commit is read once, and the log's state carried on, as long as versions are
 * asked for in order; at the end of a schedule everything is read anew.
 */
#include "world.h"

#include "trace.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
    int64_t partition, offset;
    struct str line;
};

struct commit {
    struct arena arena;
    const char *of; /* which log, for a fault's text */
    int64_t version;
    bool whole;
    bool ours;
    int64_t sequence; /* -1 = none */
    char run_id[UUID_TEXT];
    int64_t positions[TOPIC_PARTITIONS_MAX]; /* -1 = none */
    VEC(struct row) rows;                    /* by partition and offset */
};

/* One of the two tables. */
struct oracle_table {
    struct net *net;
    const char *of;
    VEC(struct commit) commits; /* by version */
    int64_t last;               /* what `log` is about */
    struct oracle_log log;
};

struct oracle {
    struct oracle_table rows, dead;
    /* By offset: 0 = no dead letter. */
    VEC(uint8_t) letters[TOPIC_PARTITIONS_MAX];
};

/* ---- reading --------------------------------------------------------------------------------- */

static void read_file(struct world *world, const struct net *net, struct commit *commit,
                      struct str path)
{
    const struct net_object *object = net_find(net, path);
    if (object == NULL) {
        world_fault(world, "%sversion %" PRId64 " adds \"%.*s\", which is not there", commit->of,
                    commit->version, STR_FMT(path));
        return;
    }
    struct str rest = arena_str(&commit->arena, buf_str(&object->body));
    struct str line;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        struct row row = {.line = line};
        int got = sscanf(line.ptr, "%" SCNd64 " %" SCNd64, &row.partition, &row.offset);
        assert(got == 2);
        assert(row.partition >= 0 && row.partition < TOPIC_PARTITIONS_MAX);
        *vec_push(&commit->rows) = row;
    }
}

static void read_txn(struct world *world, struct commit *commit, const struct json *txn)
{
    static const char fence[] = "sluice/" SIM_QUERY;
    static const char prefix[] = "sluice/" SIM_QUERY "/" SIM_STREAM;
    struct str app_id = STR("");
    int64_t version = 0;
    int64_t partition = 0;
    struct str id;
    bool complete = json_get_str(json_find(txn, "appId"), &app_id) &&
                    json_get_i64(json_find(txn, "version"), &version);
    assert(complete);
    if (str_eq_c(app_id, fence)) {
        commit->sequence = version;
        commit->ours = true;
        return;
    }
    if (!str_starts(app_id, str_of(prefix))) {
        return;
    }
    /* sluice/q/s<stream>/t<stream>/id-1/<number> */
    struct str rest = str_skip(app_id, sizeof(prefix) - 1);
    struct str stream;
    struct str topic;
    int64_t number = 0;
    complete = str_split(&rest, '/', &stream) && str_split(&rest, '/', &topic) &&
               str_eq(stream, str_skip(topic, strlen(SIM_TOPIC))) && str_split(&rest, '/', &id) &&
               str_to_i64(stream, &partition) && str_to_i64(rest, &number);
    partition = partition * TOPIC_STREAM_PARTITIONS + number;
    assert(complete && partition >= 0 && partition < TOPIC_PARTITIONS_MAX);
    if (!str_eq(id, STR("id-1"))) {
        world_fault(world, "%sversion %" PRId64 " has a position of topic %.*s", commit->of,
                    commit->version, STR_FMT(id));
        return;
    }
    commit->positions[partition] = version;
}

static void read_info(struct commit *commit, const struct json *info)
{
    struct str run_id;
    if (json_get_str(json_find(json_find(info, "operationParameters"), "runId"), &run_id)) {
        snprintf(commit->run_id, sizeof(commit->run_id), "%.*s", STR_FMT(run_id));
    }
}

/* False for a line that is cut off. */
static bool read_line(struct world *world, const struct net *net, struct commit *commit,
                      struct str line)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err err;
    if (json_parse(&arena, line, &root, &err) < 0) {
        return false;
    }
    if (json_find(root, "txn") != NULL) {
        read_txn(world, commit, json_find(root, "txn"));
    } else if (json_find(root, "commitInfo") != NULL) {
        read_info(commit, json_find(root, "commitInfo"));
    } else if (json_find(root, "add") != NULL) {
        struct str path;
        bool has_path = json_get_str(json_find(json_find(root, "add"), "path"), &path);
        assert(has_path);
        if (!str_starts(path, STR("foreign-"))) {
            read_file(world, net, commit, path);
        }
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    if (x->partition != y->partition) {
        return x->partition < y->partition ? -1 : 1;
    }
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void read_commit(struct world *world, const struct oracle_table *table, int64_t version,
                        struct commit *commit)
{
    *commit = (struct commit){.of = table->of, .version = version, .sequence = -1};
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        commit->positions[p] = -1;
    }
    struct str rest = net_commit(table->net, version);
    struct str line;
    commit->whole = rest.ptr != NULL;
    while (commit->whole && str_split(&rest, '\n', &line)) {
        commit->whole = line.len == 0 || read_line(world, table->net, commit, line);
    }
    if (commit->rows.count > 1) {
        qsort(commit->rows.items, commit->rows.count, sizeof(struct row), by_place);
    }
}

static void commit_done(struct commit *commit)
{
    vec_done(&commit->rows);
    arena_done(&commit->arena);
}

static void log_init(struct oracle_log *log)
{
    *log = (struct oracle_log){.newest_own = -1};
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        log->positions[p] = -1;
        log->starts[p] = -1;
    }
}

static void table_init(struct oracle_table *table, struct net *net, const char *of)
{
    table->net = net;
    table->of = of;
    table->last = -1;
    log_init(&table->log);
}

static struct oracle *oracle_of(struct world *world)
{
    if (world->oracle == NULL) {
        world->oracle = mem_new(struct oracle);
        table_init(&world->oracle->rows, &world->net, "");
        table_init(&world->oracle->dead, &world->dead_net, "dead letters: ");
    }
    return world->oracle;
}

static void table_done(struct oracle_table *table)
{
    vec_foreach (struct commit, commit, &table->commits) {
        commit_done(commit);
    }
    vec_done(&table->commits);
}

void oracle_free(struct oracle *oracle)
{
    if (oracle != NULL) {
        table_done(&oracle->rows);
        table_done(&oracle->dead);
        for (size_t p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
            vec_done(&oracle->letters[p]);
        }
        mem_free(oracle);
    }
}

static const struct commit *commit_at(struct world *world, struct oracle_table *table,
                                      int64_t version)
{
    while ((int64_t)table->commits.count <= version) {
        int64_t next = (int64_t)table->commits.count;
        read_commit(world, table, next, vec_push(&table->commits));
    }
    return &table->commits.items[version];
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool is_letter(const struct oracle *oracle, int partition, int64_t offset)
{
    return offset < (int64_t)oracle->letters[partition].count &&
           oracle->letters[partition].items[offset] != 0;
}

/* One message that the commit has moved past; `row` NULL = the commit has none of it. */
static void check_message(struct world *world, const struct commit *commit, int partition,
                          int64_t offset, const struct row *row, struct oracle_log *log)
{
    AUTO_BUF struct buf want = {0};
    bool dead = is_letter(oracle_of(world), partition, offset);
    int generation =
        world->with_generations ? world_generation(world, commit->run_id) : world->generation;
    enum topic_row kind = topic_print_row(&world->topics[0], partition, offset,
                                          world->on_bad_record, generation, &want);
    if (dead && row != NULL) {
        world_fault(world, "version %" PRId64 ": row \"%.*s\" is a dead letter too",
                    commit->version, STR_FMT(row->line));
    }
    if (dead && row == NULL) {
        return; /* oracle_replay_dead has looked at it */
    }
    struct str wanted = str_trim(buf_str(&want));
    if (kind == TOPIC_THE_END) {
        world_fault(world,
                    "version %" PRId64 ": partition %d goes past offset %" PRId64
                    ", which ends the query",
                    commit->version, partition, offset);
    } else if (row == NULL && kind != TOPIC_NO_ROW) {
        world_fault(world, "version %" PRId64 ": partition %d offset %" PRId64 " is lost",
                    commit->version, partition, offset);
    } else if (row != NULL && kind != TOPIC_ROW) {
        world_fault(world, "version %" PRId64 ": row \"%.*s\" should not be there", commit->version,
                    STR_FMT(row->line));
    } else if (kind == TOPIC_ROW && !str_eq(row->line, wanted)) {
        world_fault(world, "version %" PRId64 ": row \"%.*s\" should be \"%.*s\"", commit->version,
                    STR_FMT(row->line), STR_FMT(wanted));
    }
    log->rows += row != NULL;
    log->nulls += row != NULL && str_find_str(row->line, STR(" - ")) >= 0;
}

static void check_partition(struct world *world, const struct commit *commit, int partition,
                            const struct row *rows, size_t count, struct oracle_log *log)
{
    int64_t *at = &log->positions[partition];
    int64_t to = commit->positions[partition];
    if (*at < 0) {
        *at = count > 0 ? rows[0].offset : to; /* rows first: only without start commits */
        log->starts[partition] = *at;
    }
    to = to < 0 ? *at : to;
    if (to < *at) {
        world_fault(world,
                    "version %" PRId64 ": the position of partition %d goes back from %" PRId64
                    " to %" PRId64,
                    commit->version, partition, *at, to);
    }
    size_t next = 0;
    if (count > 0 && rows[0].offset < *at) {
        world_fault(world,
                    "version %" PRId64 ": partition %d offset %" PRId64
                    " is doubled: the table had come to %" PRId64,
                    commit->version, partition, rows[0].offset, *at);
        return;
    }
    for (int64_t offset = *at; offset < to; offset++) {
        bool there = next < count && rows[next].offset == offset;
        check_message(world, commit, partition, offset, there ? &rows[next] : NULL, log);
        next += there;
    }
    if (next < count) {
        world_fault(world,
                    "version %" PRId64 ": partition %d offset %" PRId64
                    " is too much: the position is %" PRId64,
                    commit->version, partition, rows[next].offset, to);
    }
    *at = to;
}

static void check_rows(struct world *world, const struct commit *commit, struct oracle_log *log)
{
    size_t first = 0;
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        size_t end = first;
        while (end < commit->rows.count && commit->rows.items[end].partition == p) {
            end++;
        }
        const struct row *rows = commit->rows.count == 0 ? NULL : commit->rows.items + first;
        if (end > first || commit->positions[p] >= 0) {
            check_partition(world, commit, p, rows, end - first, log);
        }
        first = end;
    }
}

static void check_fence(struct world *world, struct oracle_table *table,
                        const struct commit *commit)
{
    struct oracle_log *log = &table->log;
    if (commit->sequence != log->sequence + 1) {
        world_fault(world, "%sversion %" PRId64 ": the fence goes from %" PRId64 " to %" PRId64,
                    commit->of, commit->version, log->sequence, commit->sequence);
    }
    log->sequence = commit->sequence;
    bool another = strcmp(log->run_id, commit->run_id) != 0;
    for (int64_t v = 0; another && v < log->newest_own; v++) {
        const struct commit *older = commit_at(world, table, v);
        if (older->ours && strcmp(older->run_id, commit->run_id) == 0) {
            world_fault(world, "%sversion %" PRId64 ": run %s commits after %s had taken over",
                        commit->of, commit->version, commit->run_id, log->run_id);
        }
    }
    memcpy(log->run_id, commit->run_id, sizeof(log->run_id));
    log->newest_own = commit->version;
    log->commits++;
}

static void check_own(struct world *world, struct oracle_table *table, const struct commit *commit)
{
    check_fence(world, table, commit);
    if (world->restored_version >= 0 && commit->version > world->restored_version) {
        world_fault(world, "version %" PRId64 " is the query's, after the RESTORE in %" PRId64,
                    commit->version, world->restored_version);
    }
}

static void check_whole(struct world *world, const struct oracle_table *table,
                        const struct commit *commit)
{
    if (!commit->whole && !table->net->truncated) {
        world_fault(world, "%sversion %" PRId64 " cannot be read", commit->of, commit->version);
    }
    if (!commit->whole && commit->version + 1 < table->net->version_count) {
        world_fault(world, "%ssomebody went on after version %" PRId64 ", which is cut off",
                    commit->of, commit->version);
    }
}

/* ---- dead letters ---------------------------------------------------------------------------- */

/* The line's value is the message's, and its run was of a generation that cannot take it. */
static void check_letter(struct world *world, const struct commit *commit, const struct row *row)
{
    AUTO_BUF struct buf value = {0};
    AUTO_BUF struct buf ignored = {0};
    int partition = (int)row->partition;
    const struct topic *topic = &world->topics[0];
    int generation = world_generation(world, commit->run_id);
    if (topic_print_row(topic, partition, row->offset, world->on_bad_record, generation,
                        &ignored) != TOPIC_LETTER) {
        world_fault(world, "%sversion %" PRId64 ": letter \"%.*s\" should not be there", commit->of,
                    commit->version, STR_FMT(row->line));
        return;
    }
    struct str rest = row->line;
    struct str word;
    for (int i = 0; i < 5; i++) { /* partition, offset, topic id, query, reason */
        (void)str_split(&rest, ' ', &word);
        if (i == 2 && !str_eq(word, STR("id-1"))) {
            world_fault(world, "%sversion %" PRId64 ": a letter of topic %.*s", commit->of,
                        commit->version, STR_FMT(word));
        }
    }
    (void)topic_print_value(topic, partition, row->offset, &value);
    if (!str_eq(rest, buf_str(&value))) {
        world_fault(world, "%sversion %" PRId64 ": value \"%.*s\" should be \"%.*s\"", commit->of,
                    commit->version, STR_FMT(rest), STR_FMT(buf_str(&value)));
    }
}

static void note_letter(struct world *world, struct oracle *oracle, const struct commit *commit,
                        const struct row *row)
{
    int partition = (int)row->partition;
    if (is_letter(oracle, partition, row->offset)) {
        world_fault(world,
                    "%sversion %" PRId64 ": partition %d offset %" PRId64 " is a letter twice",
                    commit->of, commit->version, partition, row->offset);
    }
    if (row->offset >= commit->positions[partition]) {
        world_fault(world,
                    "%sversion %" PRId64 ": partition %d offset %" PRId64
                    " is too much: the position is %" PRId64,
                    commit->of, commit->version, partition, row->offset,
                    commit->positions[partition]);
    }
    check_letter(world, commit, row);
    while ((int64_t)oracle->letters[partition].count <= row->offset) {
        *vec_push(&oracle->letters[partition]) = 0;
    }
    oracle->letters[partition].items[row->offset] = 1;
    oracle->dead.log.letters++;
}

/* A position does not go back behind letters. */
static void check_dead_positions(struct world *world, struct oracle *oracle,
                                 const struct commit *commit)
{
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        int64_t *at = &oracle->dead.log.positions[p];
        int64_t to = commit->positions[p];
        for (int64_t offset = to; to >= 0 && offset < *at; offset++) {
            if (is_letter(oracle, p, offset)) {
                world_fault(world,
                            "%sversion %" PRId64 ": the position of partition %d goes back from "
                            "%" PRId64 " to %" PRId64 ", behind a letter",
                            commit->of, commit->version, p, *at, to);
            }
        }
        *at = to >= 0 ? to : *at;
    }
}

void oracle_replay_dead(struct world *world, struct oracle_log *ret_log)
{
    struct oracle *oracle = oracle_of(world);
    struct oracle_table *table = &oracle->dead;
    while (table->last + 1 < table->net->version_count) {
        struct commit commit = *commit_at(world, table, ++table->last);
        check_whole(world, table, &commit);
        if (!commit.whole || !commit.ours) {
            continue;
        }
        vec_foreach (struct row, row, &commit.rows) {
            note_letter(world, oracle, &commit, row);
        }
        check_dead_positions(world, oracle, &commit);
        check_fence(world, table, &commit);
    }
    *ret_log = table->log;
}

/* ---- both ------------------------------------------------------------------------------------ */

static void replay_one(struct world *world, struct oracle_table *table, int64_t version)
{
    /* By value: reading on moves the others. */
    struct commit commit = *commit_at(world, table, version);
    check_whole(world, table, &commit);
    if (commit.whole) {
        check_rows(world, &commit, &table->log);
    }
    if (commit.whole && commit.ours) {
        check_own(world, table, &commit);
    }
}

void oracle_replay(struct world *world, int64_t last, struct oracle_log *ret_log)
{
    struct oracle_table *table = &oracle_of(world)->rows;
    struct oracle_log dead;
    oracle_replay_dead(world, &dead);
    if (table->last < 0 || last < table->last) {
        table->last = -1;
        log_init(&table->log);
    }
    while (table->last < last) {
        replay_one(world, table, ++table->last);
    }
    *ret_log = table->log;
}

void oracle_run_id(struct world *world, bool dead, int64_t version, char ret_run_id[UUID_TEXT])
{
    struct oracle *oracle = oracle_of(world);
    const struct commit *commit = commit_at(world, dead ? &oracle->dead : &oracle->rows, version);
    memcpy(ret_run_id, commit->ours ? commit->run_id : "", commit->ours ? UUID_TEXT : 1);
}

bool oracle_is_behind(struct world *world, const struct oracle_log *log, int partition, int64_t end)
{
    int64_t at = log->positions[partition];
    bool behind = at < 0 && end > 0;
    for (int64_t offset = at < 0 ? 0 : at; !behind && offset < end; offset++) {
        behind = topic_kind(&world->topics[0], partition, offset) != MESSAGE_GAP;
    }
    return behind;
}

static bool is_the_end(struct world *world, int partition, int64_t offset)
{
    AUTO_BUF struct buf ignored = {0};
    return offset >= 0 && topic_print_row(&world->topics[0], partition, offset,
                                          world->on_bad_record, 0, &ignored) == TOPIC_THE_END;
}

bool oracle_is_at_the_end(struct world *world, const struct oracle_log *log)
{
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        if (is_the_end(world, p, log->positions[p])) {
            return true;
        }
    }
    return false;
}

void oracle_check_end(struct world *world, struct sim_counts *counts)
{
    oracle_free(TAKE(world->oracle));
    struct oracle_log log;
    struct oracle_log dead;
    oracle_replay(world, world->net.version_count - 1, &log);
    oracle_replay_dead(world, &dead);
    bool ended_by_data = oracle_is_at_the_end(world, &log);
    bool stopped = world->restored_version >= 0 || world_is_truncated(world) || world->epoch > 0 ||
                   ended_by_data;
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        int64_t end = topic_end(&world->topics[0], p);
        if (log.starts[p] >= 0 && world->intents[p] >= 0 && log.starts[p] != world->intents[p]) {
            world_fault(world,
                        "partition %d begins at %" PRId64 ", the first reader was told %" PRId64, p,
                        log.starts[p], world->intents[p]);
        }
        if (!stopped && oracle_is_behind(world, &log, p, end)) {
            world_fault(world, "partition %d is drained to %" PRId64 " of %" PRId64, p,
                        log.positions[p], end);
        }
    }
    counts->commits += log.commits;
    counts->rows += log.rows;
    counts->nulls += log.nulls;
    counts->letters += dead.letters;
    counts->ended_by_data += ended_by_data;
}

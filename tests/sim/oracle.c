/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle - what the log says, read without the engine's code
 *
 *  (1) Rows of a partition: each offset once, in the order of commits without a
 *      gap, from the start that was recorded first, which is the one that the
 *      first reader was told.
 *  (2) A commit's position is where its rows end.
 *  (3) The fence goes up by one with each commit of the query, and whoever has
 *      been followed by another instance never commits again.
 *  (4) After a RESTORE no commit of the query.
 *  (5) A file that a commit adds is there, whole.
 */
#include "world.h"

#include "trace.h"

#include <stdio.h>
#include <stdlib.h>

struct range {
    int64_t partition, from, to;
};

struct commit {
    struct world *world;
    int64_t version;
    bool ours;
    int64_t sequence; /* -1 = none */
    char run_id[UUID_TEXT];
    int64_t positions[SIM_PARTITIONS_MAX]; /* -1 = none */
    VEC(struct range) ranges;
};

static void read_ranges(struct commit *commit, struct str path)
{
    const struct net_object *object = net_find(&commit->world->net, path);
    if (object == NULL) {
        world_fault(commit->world, "version %" PRId64 " adds \"%.*s\", which is not there",
                    commit->version, STR_FMT(path));
        return;
    }
    struct str rest = buf_str(&object->body);
    struct str line;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        struct range range;
        int got = sscanf(line.ptr, "%" SCNd64 " %" SCNd64 " %" SCNd64, &range.partition,
                         &range.from, &range.to);
        assert(got == 3);
        *vec_push(&commit->ranges) = range;
    }
}

static void read_txn(struct commit *commit, const struct json *txn)
{
    static const char fence[] = "sluice/" SIM_QUERY;
    static const char position[] =
        "sluice/" SIM_QUERY "/" SIM_STREAM "/" SIM_TOPIC "/" SIM_TOPIC_ID "/";
    struct str app_id = STR("");
    int64_t version = 0;
    int64_t partition = 0;
    bool complete = json_get_str(json_find(txn, "appId"), &app_id) &&
                    json_get_i64(json_find(txn, "version"), &version);
    assert(complete);
    if (str_eq_c(app_id, fence)) {
        commit->sequence = version;
        commit->ours = true;
    } else if (str_starts(app_id, str_of(position)) &&
               str_to_i64(str_skip(app_id, sizeof(position) - 1), &partition)) {
        commit->positions[partition] = version;
    }
}

static void read_info(struct commit *commit, const struct json *info)
{
    struct str run_id;
    if (json_get_str(json_find(json_find(info, "operationParameters"), "runId"), &run_id)) {
        snprintf(commit->run_id, sizeof(commit->run_id), "%.*s", STR_FMT(run_id));
    }
}

/* False for a body that is cut off. */
static bool read_commit(struct world *world, int64_t version, struct commit *commit)
{
    *commit = (struct commit){.world = world, .version = version, .sequence = -1};
    for (int p = 0; p < SIM_PARTITIONS_MAX; p++) {
        commit->positions[p] = -1;
    }
    AUTO_ARENA struct arena arena = {0};
    struct str rest = net_commit(&world->net, version);
    if (rest.ptr == NULL) {
        return false;
    }
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        struct json *root = NULL;
        struct err err;
        if (line.len == 0) {
            continue;
        }
        if (json_parse(&arena, line, &root, &err) < 0) {
            return false;
        }
        if (json_find(root, "txn") != NULL) {
            read_txn(commit, json_find(root, "txn"));
        } else if (json_find(root, "commitInfo") != NULL) {
            read_info(commit, json_find(root, "commitInfo"));
        } else if (json_find(root, "add") != NULL) {
            struct str path;
            bool has_path = json_get_str(json_find(json_find(root, "add"), "path"), &path);
            assert(has_path);
            if (!str_starts(path, STR("foreign-"))) {
                read_ranges(commit, path);
            }
        }
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct range *x = a;
    const struct range *y = b;
    if (x->partition != y->partition) {
        return x->partition < y->partition ? -1 : 1;
    }
    return x->from < y->from ? -1 : x->from > y->from;
}

static void check_rows(struct world *world, struct commit *commit, struct oracle_log *log)
{
    if (commit->ranges.count > 1) {
        qsort(commit->ranges.items, commit->ranges.count, sizeof(struct range), by_place);
    }
    vec_foreach (struct range, range, &commit->ranges) {
        int64_t *at = &log->positions[range->partition];
        if (*at < 0) {
            *at = range->from; /* only without start commits */
            log->starts[range->partition] = range->from;
        }
        if (range->from != *at) {
            world_fault(world,
                        "version %" PRId64 ": partition %" PRId64 " offsets %" PRId64 "-%" PRId64
                        " are %s: the table had come to %" PRId64,
                        commit->version, range->partition, range->from, range->to - 1,
                        range->from < *at ? "doubled" : "after a loss", *at);
        }
        log->rows += range->to - range->from;
        *at = range->to;
    }
}

static void check_positions(struct world *world, const struct commit *commit,
                            struct oracle_log *log)
{
    for (int p = 0; p < SIM_PARTITIONS_MAX; p++) {
        int64_t position = commit->positions[p];
        if (position < 0) {
            continue;
        }
        if (log->positions[p] < 0) {
            log->starts[p] = position;
            log->positions[p] = position;
        }
        if (position != log->positions[p]) {
            world_fault(world,
                        "version %" PRId64 ": the position of partition %d is %" PRId64
                        ", the rows end at %" PRId64,
                        commit->version, p, position, log->positions[p]);
        }
    }
}

static void check_fence(struct world *world, const struct commit *commit, struct oracle_log *log)
{
    if (commit->sequence != log->sequence + 1) {
        world_fault(world, "version %" PRId64 ": the fence goes from %" PRId64 " to %" PRId64,
                    commit->version, log->sequence, commit->sequence);
    }
    log->sequence = commit->sequence;
    bool another = strcmp(log->run_id, commit->run_id) != 0;
    for (int64_t v = 0; another && v < log->newest_own; v++) {
        char run_id[UUID_TEXT];
        oracle_run_id(world, v, run_id);
        if (strcmp(run_id, commit->run_id) == 0) {
            world_fault(world, "version %" PRId64 ": run %s commits after %s had taken over",
                        commit->version, commit->run_id, log->run_id);
        }
    }
    memcpy(log->run_id, commit->run_id, sizeof(log->run_id));
}

void oracle_replay(struct world *world, int64_t last, struct oracle_log *ret_log)
{
    *ret_log = (struct oracle_log){.newest_own = -1};
    for (int p = 0; p < SIM_PARTITIONS_MAX; p++) {
        ret_log->positions[p] = -1;
        ret_log->starts[p] = -1;
    }
    for (int64_t version = 0; version <= last; version++) {
        struct commit commit;
        bool whole = read_commit(world, version, &commit);
        if (!whole && !world->net.truncated) {
            world_fault(world, "version %" PRId64 " cannot be read", version);
        }
        if (!whole && version + 1 < world->net.version_count) {
            world_fault(world, "somebody went on after version %" PRId64 ", which is cut off",
                        version);
        }
        if (whole) {
            check_rows(world, &commit, ret_log);
            check_positions(world, &commit, ret_log);
        }
        if (whole && commit.ours) {
            check_fence(world, &commit, ret_log);
            ret_log->newest_own = version;
            ret_log->commits++;
            if (world->restored_version >= 0 && version > world->restored_version) {
                world_fault(world,
                            "version %" PRId64 " is the query's, after the RESTORE in %" PRId64,
                            version, world->restored_version);
            }
        }
        vec_done(&commit.ranges);
    }
}

void oracle_run_id(struct world *world, int64_t version, char ret_run_id[UUID_TEXT])
{
    struct commit commit;
    (void)read_commit(world, version, &commit);
    vec_done(&commit.ranges);
    memcpy(ret_run_id, commit.ours ? commit.run_id : "", commit.ours ? UUID_TEXT : 1);
}

void oracle_check_end(struct world *world, struct sim_counts *counts)
{
    struct oracle_log log;
    oracle_replay(world, world->net.version_count - 1, &log);
    bool stopped = world->restored_version >= 0 || world->net.truncated;
    for (int p = 0; p < world->partition_count; p++) {
        if (log.starts[p] >= 0 && world->intents[p] >= 0 && log.starts[p] != world->intents[p]) {
            world_fault(world,
                        "partition %d begins at %" PRId64 ", the first reader was told %" PRId64, p,
                        log.starts[p], world->intents[p]);
        }
        if (!stopped && log.positions[p] != world->ends[p]) {
            world_fault(world, "partition %d is drained to %" PRId64 " of %" PRId64, p,
                        log.positions[p], world->ends[p]);
        }
    }
    counts->commits += log.commits;
    counts->rows += log.rows;
}

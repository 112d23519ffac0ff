/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance - one `sluice run` of the query, on the engine's own sink and commit code
 *
 * What job/ does around the sink, without Kafka and DuckDB: begin (query.c),
 * batches cut from positions in memory (reader.c), upload and commit
 * (committer.c), partitions found while running, and another attempt after an
 * error that allows it (run.c).  A batch's file names the offsets it holds:
 * lines of "partition from to".
 *
 *  (1) A crash lets every later store operation of the process answer
 *      ERR_CANCELED and sends nothing: it ends at once, and its memory is freed.
 *  (2) What a commit or a start reports is compared with the log at that moment.
 */
#include "world.h"

#include "trace.h"

#include <stdio.h>

#define BEGIN_TRIES 100
#define FILES_MAX   3

static const struct type *row_type(void)
{
    static struct type_field fields[2];
    static struct type type = {.kind = TYPE_STRUCT, .field_count = 2, .fields = fields};
    fields[0] = (struct type_field){STR("p"), type_simple(TYPE_INTEGER), true, STR("")};
    fields[1] = (struct type_field){STR("o"), type_simple(TYPE_BIGINT), true, STR("")};
    return &type;
}

static bool chance(struct instance *in, unsigned per_mille)
{
    return rng_below(&in->world->rng, 1000) < per_mille;
}

static size_t make_positions(const struct instance *in, const int64_t *offsets,
                             struct sink_position *out)
{
    for (int p = 0; p < in->world->partition_count; p++) {
        out[p] = (struct sink_position){STR(SIM_STREAM),
                                        STR(SIM_TOPIC),
                                        STR(SIM_TOPIC_ID),
                                        p,
                                        offsets == NULL ? -1 : offsets[p],
                                        -1};
    }
    return (size_t)in->world->partition_count;
}

/* ---- the start ------------------------------------------------------------------------------ */

/* The first reader of a partition was promised this: nobody may begin elsewhere later. */
static void note_intents(struct instance *in, const struct sink_position *positions, size_t count)
{
    struct world *world = in->world;
    for (size_t i = 0; i < count; i++) {
        if (world->intents[i] < 0) {
            world->intents[i] = positions[i].next_offset;
        }
    }
}

/* A start reads from where the table says, as of its own start commit. */
static void check_begun(struct instance *in, struct delta_sink *sink,
                        const struct sink_position *positions, size_t count)
{
    if (in->world->net.broken != NET_BREAK_NONE) {
        return;
    }
    struct oracle_log log;
    int64_t version = delta_sink_snapshot(sink)->version;
    oracle_replay(in->world, version, &log);
    for (size_t i = 0; i < count; i++) {
        if (log.positions[i] != positions[i].next_offset) {
            world_fault(in->world,
                        "process %d begins partition %zu at %" PRId64 ", version %" PRId64
                        " says %" PRId64,
                        in->client.id, i, positions[i].next_offset, version, log.positions[i]);
        }
    }
    if (log.newest_own != version || strcmp(log.run_id, in->run_id) != 0) {
        world_fault(in->world, "process %d: version %" PRId64 " is not its start commit",
                    in->client.id, version);
    }
}

/* As begin() of query.c. */
static int begin(struct instance *in, struct delta_sink *sink, struct sink_position *positions,
                 size_t *ret_count, struct err *err)
{
    for (int i = 0; i < BEGIN_TRIES; i++) {
        size_t count = make_positions(in, NULL, positions);
        TRY(delta_sink_positions(sink, positions, count, err));
        for (size_t p = 0; p < count; p++) {
            if (positions[p].next_offset < 0) {
                bool latest = in->start_latest && positions[p].next_offset == -1;
                positions[p].next_offset = latest ? in->world->ends[p] : 0;
            }
        }
        bool moved = false;
        TRY(delta_sink_begin(sink, positions, count, &moved, err));
        if (!moved) {
            check_begun(in, sink, positions, count);
            note_intents(in, positions, count);
            *ret_count = count;
            return 0;
        }
        TRACE("process %d: positions moved, begins anew", in->client.id);
    }
    return err_set_retry(err, "other instances of this query keep starting; giving up");
}

/* ---- batches -------------------------------------------------------------------------------- */

struct sim_batch {
    struct sql_file files[FILES_MAX];
    size_t file_count;
    struct sink_position positions[SIM_PARTITIONS_MAX];
    size_t position_count;
    int64_t rows;
};

static int write_files(struct instance *in, struct buf *texts, struct arena *arena,
                       struct sim_batch *batch, struct err *err)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (texts[i].len == 0) {
            continue;
        }
        const char *path = arena_printf(arena, "%s/p%d-%zu", in->world->spool, in->client.id, i);
        TRY(fs_write_file(path, buf_str(&texts[i]), err));
        batch->files[batch->file_count++] =
            (struct sql_file){.path = str_of(path), .row_count = 1, .size_bytes = texts[i].len};
    }
    return 0;
}

/* Takes some of what lies between `next` and the ends, and moves `next`. */
static int cut_batch(struct instance *in, int64_t *next, size_t partitions, struct arena *arena,
                     struct sim_batch *batch, struct err *err)
{
    struct world *world = in->world;
    struct buf texts[FILES_MAX] = {0};
    for (size_t p = 0; p < partitions; p++) {
        int64_t there = world->ends[p] - next[p];
        int64_t take = there <= 0 ? 0 : (int64_t)rng_below(&world->rng, (uint64_t)there + 1);
        if (world->draining && there > 0 && take == 0) {
            take = there;
        }
        if (take == 0) {
            continue;
        }
        /* Perhaps in two files, as two threads would write them. */
        int64_t first =
            chance(in, 300) ? (int64_t)rng_below(&world->rng, (uint64_t)take + 1) : take;
        if (first > 0) {
            buf_printf(&texts[rng_below(&world->rng, FILES_MAX)], "%zu %" PRId64 " %" PRId64 "\n",
                       p, next[p], next[p] + first);
        }
        if (first < take) {
            buf_printf(&texts[rng_below(&world->rng, FILES_MAX)], "%zu %" PRId64 " %" PRId64 "\n",
                       p, next[p] + first, next[p] + take);
        }
        next[p] += take;
        batch->rows += take;
        batch->positions[batch->position_count++] = (struct sink_position){
            STR(SIM_STREAM), STR(SIM_TOPIC), STR(SIM_TOPIC_ID), (int32_t)p, next[p], -1};
    }
    int rc = write_files(in, texts, arena, batch, err);
    for (size_t i = 0; i < FILES_MAX; i++) {
        buf_done(&texts[i]);
    }
    return rc;
}

/* What the sink calls committed must be there, and ours. */
static void check_committed(struct instance *in, int64_t version)
{
    char run_id[UUID_TEXT];
    oracle_run_id(in->world, version, run_id);
    if (strcmp(run_id, in->run_id) != 0) {
        world_fault(in->world, "process %d was told that version %" PRId64 " is its own; it is %s",
                    in->client.id, version, run_id[0] == '\0' ? "a stranger's" : run_id);
    }
    in->own_version = version;
}

/* As commit_batch() of committer.c. */
static int commit(struct instance *in, struct delta_sink *sink, struct sim_batch *batch,
                  struct arena *arena, struct err *err)
{
    struct delta_add *adds = NULL;
    TRY(delta_sink_upload(sink, batch->files, batch->file_count, arena, &adds, err));
    struct sink_batch out = {
        .files = batch->files,
        .file_count = batch->file_count,
        .positions = batch->positions,
        .position_count = batch->position_count,
        .input_rows = batch->rows,
        .output_rows = batch->rows,
    };
    int64_t version = -1;
    TRY(delta_sink_commit(sink, &out, adds, &version, err));
    TRACE("process %d: committed version %" PRId64, in->client.id, version);
    check_committed(in, version);
    if (in->world->db != NULL) {
        delta_sink_maintain(sink);
    }
    return 0;
}

/* As take_new_partitions() and refresh_txns() of reader.c. */
static int record(struct instance *in, struct delta_sink *sink, int64_t *next, size_t *partitions,
                  struct err *err)
{
    struct sink_position positions[SIM_PARTITIONS_MAX];
    for (size_t p = *partitions; p < (size_t)in->world->partition_count; p++) {
        next[p] = 0; /* found while running: from the earliest */
    }
    size_t count = make_positions(in, next, positions);
    TRACE("process %d: records %zu positions", in->client.id, count);
    TRY(delta_sink_record(sink, positions, count, err));
    note_intents(in, positions, count);
    *partitions = count;
    return 0;
}

static bool is_drained(const struct instance *in, const int64_t *next, size_t partitions)
{
    if (!in->world->draining || partitions < (size_t)in->world->partition_count) {
        return false;
    }
    for (size_t p = 0; p < partitions; p++) {
        if (next[p] < in->world->ends[p]) {
            return false;
        }
    }
    return true;
}

static int read_on(struct instance *in, struct delta_sink *sink, struct sink_position *positions,
                   size_t partitions, struct err *err)
{
    int64_t next[SIM_PARTITIONS_MAX] = {0};
    for (size_t p = 0; p < partitions; p++) {
        next[p] = positions[p].next_offset;
    }
    while (!is_drained(in, next, partitions)) {
        fiber_yield();
        if (in->client.dead) {
            return err_set(err, ERR_CANCELED, "dead");
        }
        bool found = partitions < (size_t)in->world->partition_count;
        if ((found && (in->world->draining || chance(in, 300))) || chance(in, 20)) {
            TRY(record(in, sink, next, &partitions, err));
            continue;
        }
        AUTO_ARENA struct arena arena = {0};
        struct sim_batch batch = {0};
        TRY(cut_batch(in, next, partitions, &arena, &batch, err));
        if (batch.position_count > 0) {
            TRY(commit(in, sink, &batch, &arena, err));
        }
    }
    in->drained = true;
    return 0;
}

/* ---- its life ------------------------------------------------------------------------------- */

static int attempt(struct instance *in, struct err *err)
{
    struct world *world = in->world;
    struct delta_sink_options options = {
        .query = STR(SIM_QUERY),
        .run_id = in->run_id,
        .row_type = row_type(),
        .codec = "snappy",
        .merge_schema = true,
    };
    rand_uuid(in->run_id);
    in->client.begun = false;
    in->own_version = -1;
    in->attempts++;
    struct delta_sink *sink = NULL;
    TRY(delta_sink_open(net_open(&world->net, &in->client), world->db, world->spool, &options,
                        &sink, err));
    struct sink_position positions[SIM_PARTITIONS_MAX];
    size_t count = 0;
    int rc = begin(in, sink, positions, &count, err);
    if (rc >= 0) {
        in->client.begun = true;
        in->own_version = delta_sink_snapshot(sink)->version;
        TRACE("process %d: begun with version %" PRId64, in->client.id, in->own_version);
        rc = read_on(in, sink, positions, count, err);
    }
    delta_sink_close(sink);
    return rc;
}

/* FENCED is right only when there was somebody else. */
static void check_fenced(struct instance *in)
{
    struct oracle_log log;
    oracle_replay(in->world, in->world->net.version_count - 1, &log);
    if (log.newest_own <= in->own_version || strcmp(log.run_id, in->run_id) == 0) {
        world_fault(in->world, "process %d is fenced, but nobody else has committed: %s",
                    in->client.id, in->end_err.msg);
    }
}

static void check_end(struct instance *in)
{
    struct world *world = in->world;
    switch (in->end_err.code) {
    case ERR_CANCELED:
        return;
    case ERR_FENCED:
        check_fenced(in);
        return;
    case ERR_IDENTITY:
        if (world->restored_version >= 0) {
            return;
        }
        break;
    case ERR_CORRUPT:
        if (world->net.truncated) {
            return;
        }
        break;
    case ERR_CONFIG:
    case ERR_DATA:
    case ERR_IO:
        break;
    }
    world_fault(world, "process %d failed for no good reason: %s: %s", in->client.id,
                err_code_name(in->end_err.code), in->end_err.msg);
}

static void live(void *user)
{
    struct instance *in = user;
    for (;;) {
        in->end_rc = attempt(in, &in->end_err);
        bool again = in->end_rc == ERR_IO && in->end_err.retry && !in->client.dead;
        if (!again) {
            break;
        }
        TRACE("process %d: tries again: %s", in->client.id, in->end_err.msg);
        clock_sleep_us(500000);
    }
    in->ended = true;
    TRACE("process %d: ends: %s", in->client.id, in->end_rc < 0 ? in->end_err.msg : "drained");
    if (in->end_rc < 0 && !in->client.dead && in->world->net.broken == NET_BREAK_NONE) {
        check_end(in);
    }
}

void instance_start(struct world *world, bool latest)
{
    struct instance *in = mem_new(struct instance);
    in->world = world;
    in->client.id = (int)world->instances.count + 1;
    in->start_latest = latest;
    in->own_version = -1;
    in->main = fiber_start(live, in, in);
    *vec_push(&world->instances) = in;
    TRACE("process %d starts, from %s", in->client.id, latest ? "latest" : "earliest");
}

void instance_crash(struct instance *in)
{
    TRACE("process %d is killed", in->client.id);
    in->client.dead = true;
}

void instance_free(struct instance *in)
{
    fiber_free(in->main);
    mem_free(in);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance - one `sluice run` of the query: the real job, from job_run_plan down
 *
 *  (1) A crash lets every later operation of the process answer ERR_CANCELED and
 *      sends nothing: it ends at once, and its memory is freed.
 *  (2) What a commit or a start reports to the job is compared with the log at that
 *      moment.
 *  (3) How it ends needs a reason: a rival for FENCED, a RESTORE or another topic
 *      for IDENTITY, a bad record for DATA, and so on.
 */
#include "trace.h"
#include "wrap.h"

#include <stdio.h>

struct instance *instance_now(void)
{
    const struct fiber *fiber = fiber_now();
    return fiber == NULL ? NULL : fiber->owner;
}

struct instance *instance_self(void)
{
    struct instance *in = instance_now();
    assert(in != NULL);
    return in;
}

/* ---- between the job and the sink ------------------------------------------------------------ */

int __wrap_store_open(struct str location, const struct store_options *options,
                      struct store **ret_store, struct err *err)
{
    struct instance *in = instance_now();
    if (in == NULL) {
        return __real_store_open(location, options, ret_store, err);
    }
    bool dead = str_eq_c(location, SIM_LETTERS);
    assert(dead || str_eq_c(location, SIM_LOCATION));
    *ret_store = net_open(dead ? &in->world->dead_net : &in->world->net, &in->client);
    return 0;
}

int __wrap_delta_sink_open(struct store *store, struct sql_db *db, const char *spool,
                           const struct delta_sink_options *options, struct delta_sink **ret_sink,
                           struct err *err)
{
    struct instance *in = instance_self();
    if (net_of_store(store) == &in->world->dead_net) {
        TRY(__real_delta_sink_open(store, db, spool, options, ret_sink, err));
        in->dead_sink = *ret_sink;
        return 0;
    }
    world_note_run(in->world, options->run_id, in->generation);
    in->dead_sink = NULL;
    snprintf(in->run_id, sizeof(in->run_id), "%s", options->run_id);
    in->client.begun = false;
    in->own_version = -1;
    return __real_delta_sink_open(store, db, spool, options, ret_sink, err);
}

/* The first reader of a partition was promised this: nobody may begin elsewhere later. */
static void note_intents(struct instance *in, const struct sink_position *positions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t *intent = &in->world->intents[world_partition(&positions[i])];
        *intent = *intent < 0 ? positions[i].next_offset : *intent;
    }
}

/* A start reads from where the table says, as of its own start commit. */
static void check_begun(struct instance *in, struct delta_sink *sink,
                        const struct sink_position *positions, size_t count)
{
    struct oracle_log log;
    int64_t version = delta_sink_snapshot(sink)->version;
    oracle_replay(in->world, version, &log);
    for (size_t i = 0; i < count; i++) {
        int partition = world_partition(&positions[i]);
        int64_t there = log.positions[partition];
        if (there != positions[i].next_offset) {
            world_fault(in->world,
                        "process %d begins partition %d at %" PRId64 ", version %" PRId64
                        " says %" PRId64,
                        in->client.id, partition, positions[i].next_offset, version, there);
        }
    }
    if (log.newest_own != version || strcmp(log.run_id, in->run_id) != 0) {
        world_fault(in->world, "process %d: version %" PRId64 " is not its start commit",
                    in->client.id, version);
    }
}

int __wrap_delta_sink_begin(struct delta_sink *sink, const struct sink_position *positions,
                            size_t count, bool *ret_moved, struct err *err)
{
    struct instance *in = instance_self();
    if (sink == in->dead_sink) {
        TRY(__real_delta_sink_begin(sink, positions, count, ret_moved, err));
        TRACE("process %d: dead letters begun with version %" PRId64, in->client.id,
              delta_sink_snapshot(sink)->version);
        return 0;
    }
    size_t recorded = in->world->broken == JOB_BREAK_START ? 0 : count;
    TRY(__real_delta_sink_begin(sink, positions, recorded, ret_moved, err));
    if (*ret_moved) {
        TRACE("process %d: positions moved, begins anew", in->client.id);
        return 0;
    }
    if (!world_is_broken(in->world)) {
        check_begun(in, sink, positions, count);
    }
    note_intents(in, positions, count);
    in->client.begun = true;
    in->own_version = delta_sink_snapshot(sink)->version;
    TRACE("process %d: begun with version %" PRId64, in->client.id, in->own_version);
    return 0;
}

/* What the sink calls committed must be there, and ours. */
static void check_committed(struct instance *in, bool dead, int64_t version)
{
    char run_id[UUID_TEXT];
    oracle_run_id(in->world, dead, version, run_id);
    if (strcmp(run_id, in->run_id) != 0) {
        world_fault(in->world, "process %d was told that version %" PRId64 " is its own; it is %s",
                    in->client.id, version, run_id[0] == '\0' ? "a stranger's" : run_id);
    }
    in->own_version = dead ? in->own_version : version;
}

int __wrap_delta_sink_commit(struct delta_sink *sink, const struct sink_batch *batch,
                             const struct delta_add *adds, int64_t *ret_version, struct err *err)
{
    struct instance *in = instance_self();
    TRY(__real_delta_sink_commit(sink, batch, adds, ret_version, err));
    bool dead = sink == in->dead_sink;
    TRACE("process %d: committed version %" PRId64 "%s", in->client.id, *ret_version,
          dead ? " of dead letters" : "");
    check_committed(in, dead, *ret_version);
    return 0;
}

int __wrap_delta_sink_record(struct delta_sink *sink, const struct sink_position *positions,
                             size_t count, struct err *err)
{
    struct instance *in = instance_self();
    if (in->world->broken == JOB_BREAK_AGAIN && count == 0) {
        return 0;
    }
    TRACE("process %d: records %zu positions", in->client.id, count);
    TRY(__real_delta_sink_record(sink, positions, count, err));
    note_intents(in, positions, count);
    check_committed(in, false, delta_sink_snapshot(sink)->version);
    return 0;
}

/* Its first connection is the one that dead letters are written and read with. */
int __wrap_dead_table_open(struct store *store, const struct plan_table *table,
                           const struct settings *kafka, const char *run_id, struct sql_db *db,
                           struct arena *arena, const char *spool, struct stop *stop,
                           const struct sink_position *main_positions, size_t position_count,
                           struct dead_table **ret_table, struct err *err)
{
    struct instance *in = instance_self();
    in->opens_dead = true;
    int rc = __real_dead_table_open(store, table, kafka, run_id, db, arena, spool, stop,
                                    main_positions, position_count, ret_table, err);
    in->opens_dead = false;
    return rc;
}

void __wrap_delta_sink_maintain(struct delta_sink *sink)
{
    if (instance_self()->world->db != NULL) {
        __real_delta_sink_maintain(sink);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void replay(struct instance *in, struct oracle_log *ret_log)
{
    oracle_replay(in->world, in->world->net.version_count - 1, ret_log);
}

/* FENCED is right only when there was somebody else. */
static bool is_fenced(struct instance *in)
{
    struct oracle_log log;
    struct oracle_log dead;
    replay(in, &log);
    oracle_replay_dead(in->world, &dead);
    bool rows = log.newest_own > in->own_version && strcmp(log.run_id, in->run_id) != 0;
    /* One that began before us in the table may begin after us here: both end then. */
    bool letters = dead.newest_own >= 0 && strcmp(dead.run_id, in->run_id) != 0;
    return rows || letters;
}

/* What stands before the record that ends the query is in the table. */
static bool is_ended_by_data(struct instance *in)
{
    struct oracle_log log;
    replay(in, &log);
    return oracle_is_at_the_end(in->world, &log);
}

static bool is_excused(struct instance *in)
{
    const struct world *world = in->world;
    switch (in->end_err.code) {
    case ERR_FENCED:
        return is_fenced(in);
    case ERR_IDENTITY:
        return world->restored_version >= 0 || world->epoch > 0;
    case ERR_CORRUPT:
        return world_is_truncated(world) || in->cut_short;
    case ERR_DATA:
        return in->lost || is_ended_by_data(in);
    case ERR_CONFIG:
        return in->refused;
    case ERR_CANCELED:
    case ERR_IO:
        break;
    }
    return false;
}

/* It said that it has come to the end of what was there. */
static void check_drained(struct instance *in)
{
    struct oracle_log log;
    replay(in, &log);
    for (int p = 0; in->world->epoch == 0 && p < TOPIC_PARTITIONS_MAX; p++) {
        if (oracle_is_behind(in->world, &log, p, in->bounds[p])) {
            world_fault(in->world,
                        "process %d ends, but partition %d is at %" PRId64 " of %" PRId64,
                        in->client.id, p, log.positions[p], in->bounds[p]);
        }
    }
}

static void check_end(struct instance *in)
{
    if (in->end_rc < 0 && !is_excused(in)) {
        world_fault(in->world, "process %d failed for no good reason: %s: %s", in->client.id,
                    err_code_name(in->end_err.code), in->end_err.msg);
    }
    if (in->end_rc >= 0 && !stop_is_set(&in->stop)) {
        if (!in->available_now) {
            world_fault(in->world, "process %d ends although nobody stopped it", in->client.id);
        }
        check_drained(in);
    }
}

/* ---- its life -------------------------------------------------------------------------------- */

static void live(void *user)
{
    struct instance *in = user;
    struct job_options options = {.available_now = in->available_now};
    in->end_rc = job_run_plan(in->world->plans[in->generation % 2], &options, &in->stop, &in->now,
                              &in->end_err);
    in->ended = true;
    TRACE("process %d: ends: %s", in->client.id, in->end_rc < 0 ? in->end_err.msg : "well");
    if (!in->client.dead && !world_is_broken(in->world)) {
        check_end(in);
    }
}

void instance_start(struct world *world, bool available_now)
{
    struct instance *in = mem_new(struct instance);
    in->world = world;
    in->client.id = (int)world->instances.count + 1;
    in->start_latest = !world->draining && world_chance(world, 500);
    in->available_now = available_now;
    in->of_the_drain = world->draining;
    in->own_version = -1;
    world->generation += world->with_generations && world_chance(world, 300);
    in->generation = world->generation;
    stop_init(&in->stop);
    stop_init(&in->now);
    in->main = fiber_start(live, in, in);
    *vec_push(&world->instances) = in;
    TRACE("process %d starts, from %s%s, generation %d", in->client.id,
          in->start_latest ? "latest" : "earliest", available_now ? ", for what is there now" : "",
          in->generation);
}

void instance_stop(struct instance *in)
{
    bool again = stop_is_set(&in->stop);
    TRACE("process %d is asked to end%s", in->client.id, again ? " at once" : "");
    stop_set(again ? &in->now : &in->stop);
}

void instance_crash(struct instance *in)
{
    TRACE("process %d is killed", in->client.id);
    in->client.dead = true;
    stop_set(&in->stop);
    stop_set(&in->now);
}

void instance_free(struct instance *in)
{
    fiber_free(in->main);
    stop_done(&in->stop);
    stop_done(&in->now);
    mem_free(in);
}

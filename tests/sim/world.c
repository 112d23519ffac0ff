/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - one schedule: topics, a table behind a bad network, instances of a query, strangers
 *
 * Each step is one of: messages are produced, a request arrives or is lost, a
 * stranger commits, an instance is killed or started, or some fiber goes on to
 * its next store operation.  Which one is drawn from the seed, and so is
 * everything else: one seed is one schedule.
 *
 *  (1) The drain: nobody is killed any more, strangers and producers are quiet,
 *      and instances are started until one has committed all there is.
 *  (2) A schedule that does not end is a fault too.
 */
#include "world.h"

#include "trace.h"

#include <stdio.h>

#define DRAIN_STEPS_MAX 60000
#define REAP_STEPS_MAX  100000
#define LIVE_MAX        3

bool trace_on;

void trace_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)putchar('\n');
}

void world_fault(struct world *world, const char *fmt, ...)
{
    if (world->fault[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(world->fault, sizeof(world->fault), fmt, args);
    va_end(args);
    TRACE("FAULT: %s", world->fault);
}

static bool chance(struct world *world, unsigned per_mille)
{
    return rng_below(&world->rng, 1000) < per_mille;
}

/* ---- strangers ------------------------------------------------------------------------------ */

static void foreign_create(struct world *world)
{
    static const char body[] =
        "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"CREATE TABLE\","
        "\"operationParameters\":{}}}\n"
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
        "{\"metaData\":{\"id\":\"6c1b2f0e-8a44-4c62-9f0e-0d2f8a1b7c11\",\"format\":{\"provider\":"
        "\"parquet\",\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\","
        "\\\"fields\\\":[{\\\"name\\\":\\\"p\\\",\\\"type\\\":\\\"integer\\\",\\\"nullable\\\":"
        "true,\\\"metadata\\\":{}},{\\\"name\\\":\\\"o\\\",\\\"type\\\":\\\"long\\\","
        "\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],"
        "\"configuration\":{},\"createdTime\":1}}\n";
    (void)net_append_commit(&world->net, str_of(body));
    TRACE("stranger: makes the table");
}

static void foreign_append(struct world *world)
{
    AUTO_BUF struct buf body = {0};
    int n = ++world->foreign_count;
    buf_printf(&body,
               "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"WRITE\",\"operationParameters\":"
               "{\"mode\":\"Append\"},\"isBlindAppend\":true}}\n");
    if (chance(world, 300)) {
        buf_printf(&body, "{\"txn\":{\"appId\":\"other\",\"version\":%d}}\n", n);
    }
    buf_printf(&body,
               "{\"add\":{\"path\":\"foreign-%d.parquet\",\"partitionValues\":{},\"size\":7,"
               "\"modificationTime\":1,\"dataChange\":true}}\n",
               n);
    int64_t version = net_append_commit(&world->net, buf_str(&body));
    TRACE("stranger: appends version %" PRId64, version);
}

/* The newest metaData line of the log; false when there is none to be read. */
static bool find_metadata(struct world *world, struct arena *arena, struct json **ret_root)
{
    for (int64_t version = world->net.version_count - 1; version >= 0; version--) {
        struct str rest = net_commit(&world->net, version);
        struct str line;
        while (str_split(&rest, '\n', &line)) {
            struct err err;
            if (str_starts(line, STR("{\"metaData\":")) &&
                json_parse(arena, arena_str(arena, line), ret_root, &err) >= 0) {
                return true;
            }
        }
    }
    return false;
}

/* Adds a column, or sets a property. */
static void foreign_metadata(struct world *world)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    if (!find_metadata(world, &arena, &root)) {
        return;
    }
    int n = ++world->foreign_count;
    struct json *metadata = json_find(root, "metaData");
    struct json *schema = json_find(metadata, "schemaString");
    struct json *configuration = json_find(metadata, "configuration");
    if (chance(world, 500)) {
        struct str text = schema->text;
        assert(str_ends(text, STR("]}")));
        schema->text = str_of(arena_printf(
            &arena,
            "%.*s,{\"name\":\"f%d\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}",
            STR_FMT(str_head(text, text.len - 2)), n));
    } else {
        json_append(configuration, str_of(arena_printf(&arena, "user.n%d", n)),
                    json_make_str(&arena, STR("x")));
    }
    AUTO_BUF struct buf body = {0};
    buf_add_c(&body, "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"SET TBLPROPERTIES\","
                     "\"operationParameters\":{}}}\n");
    json_print(root, &body);
    buf_add_char(&body, '\n');
    int64_t version = net_append_commit(&world->net, buf_str(&body));
    TRACE("stranger: changes the metadata in version %" PRId64, version);
}

static void foreign_restore(struct world *world)
{
    static const char body[] =
        "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"RESTORE\",\"operationParameters\":"
        "{\"version\":\"0\"}}}\n"
        "{\"remove\":{\"path\":\"foreign-0.parquet\",\"deletionTimestamp\":1,\"dataChange\":true}}"
        "\n";
    struct oracle_log log;
    oracle_replay(world, world->net.version_count - 1, &log);
    if (world->restored_version >= 0 || log.newest_own < 0) {
        return; /* what nobody has written yet can be restored freely */
    }
    world->restored_version = net_append_commit(&world->net, str_of(body));
    TRACE("stranger: RESTORE in version %" PRId64, world->restored_version);
}

static void foreign_commit(struct world *world)
{
    if (world->net.truncated) {
        return; /* who reads the log before writing stops there */
    }
    if (world->net.version_count == 0) {
        if (chance(world, 100)) {
            foreign_create(world);
        }
    } else if (world->with_restore && chance(world, 60)) {
        foreign_restore(world);
    } else if (chance(world, 150)) {
        foreign_metadata(world);
    } else {
        foreign_append(world);
    }
}

/* ---- instances ------------------------------------------------------------------------------ */

static size_t live_instances(struct world *world, struct instance **out)
{
    size_t count = 0;
    for (size_t i = 0; i < world->instances.count; i++) {
        struct instance *in = world->instances.items[i];
        if (!in->ended) {
            out[count++] = in;
        }
    }
    return count;
}

/* Lets a dead process run out; it has no effect any more. */
static void reap(struct world *world, struct instance *in)
{
    instance_crash(in);
    world->asleep = world->asleep == in ? NULL : world->asleep;
    for (int i = 0; in->main->state != FIBER_DONE; i++) {
        struct fiber *fiber = fiber_pick(&world->rng, in, NULL);
        if (fiber == NULL || i > REAP_STEPS_MAX) {
            world_fault(world, "process %d does not end when the store is canceled", in->client.id);
            return;
        }
        fiber_resume(fiber);
    }
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void produce(struct world *world)
{
    if (world->partition_count < SIM_PARTITIONS_MAX && chance(world, 30)) {
        world->ends[world->partition_count++] = 0;
        TRACE("topic: a partition more");
    }
    uint64_t p = rng_below(&world->rng, (uint64_t)world->partition_count);
    world->ends[p] += 1 + (int64_t)rng_below(&world->rng, 4);
    TRACE("topic: partition %" PRIu64 " ends at %" PRId64, p, world->ends[p]);
}

static void move_request(struct world *world, unsigned drop_per_mille)
{
    if (world->net.requests.count == 0) {
        return;
    }
    size_t index = rng_below(&world->rng, world->net.requests.count);
    if (chance(world, drop_per_mille)) {
        net_drop(&world->net, index);
    } else {
        net_deliver(&world->net, index);
    }
}

static void run_fiber(struct world *world)
{
    if (world->asleep != NULL && (world->steps >= world->wakes_at || world->draining)) {
        TRACE("process %d wakes up", world->asleep->client.id);
        world->asleep = NULL;
    }
    struct fiber *fiber = fiber_pick(&world->rng, NULL, world->asleep);
    if (fiber != NULL) {
        fiber_resume(fiber);
    }
}

static void nap(struct world *world, struct instance *in, struct sim_counts *counts)
{
    world->asleep = in;
    world->wakes_at = world->steps + 20 + (int64_t)rng_below(&world->rng, 500);
    counts->naps++;
    TRACE("process %d is stopped", in->client.id);
}

/* Time that is long for every time-out, and for the retention of the log. */
static void month(struct world *world, struct sim_counts *counts)
{
    if (net_month(&world->net)) {
        fiber_clock_advance((int64_t)31 * 24 * 3600 * 1000000);
        counts->months++;
    }
}

static void step(struct world *world, struct sim_counts *counts)
{
    struct instance *live[LIVE_MAX];
    size_t live_count = live_instances(world, live);
    uint64_t dice = rng_below(&world->rng, 1000);
    if (dice < 3 && live_count > 0 && world->asleep == NULL) {
        nap(world, live[rng_below(&world->rng, live_count)], counts);
    } else if (dice < 6 && world->with_months && world->asleep != NULL) {
        month(world, counts);
    } else if (dice < 40) {
        produce(world);
    } else if (dice < 140) {
        move_request(world, 80);
    } else if (dice < 160) {
        foreign_commit(world);
        counts->foreign++;
    } else if (dice < 168 && live_count > 0) {
        reap(world, live[rng_below(&world->rng, live_count)]);
        counts->crashes++;
    } else if ((dice < 178 && live_count < LIVE_MAX) || live_count == 0) {
        instance_start(world, chance(world, 500));
        counts->starts++;
    } else {
        run_fiber(world);
    }
}

static bool has_drained(struct world *world)
{
    for (size_t i = 0; i < world->instances.count; i++) {
        struct instance *in = world->instances.items[i];
        if (in->ended && in->drained) {
            return true;
        }
    }
    return false;
}

/* True when no instance can go on for a good reason. */
static bool is_stopped(const struct world *world)
{
    return world->restored_version >= 0 || world->net.truncated;
}

static void drain(struct world *world, struct sim_counts *counts)
{
    world->draining = true;
    world->net.weather.fail = 0;
    instance_start(world, false);
    counts->starts++;
    int stopped_starts = 0;
    for (int i = 0; i < DRAIN_STEPS_MAX && world->fault[0] == '\0'; i++) {
        struct instance *live[LIVE_MAX + 1];
        if (has_drained(world)) {
            return;
        }
        if (live_instances(world, live) == 0) {
            if (is_stopped(world) && ++stopped_starts > 2) {
                return; /* as it should */
            }
            instance_start(world, false);
            counts->starts++;
        }
        world->steps++;
        if (world->net.requests.count > 0 && chance(world, 300)) {
            move_request(world, 0);
        } else {
            run_fiber(world);
        }
    }
    world_fault(world, "no end: the drain is not done after %d steps", DRAIN_STEPS_MAX);
}

/* ---- one schedule --------------------------------------------------------------------------- */

static struct rng *bytes_rng;

static void seeded_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)rng_next(bytes_rng);
    }
}

static void init(struct world *world, uint64_t seed, const struct sim_options *options)
{
    static const unsigned yields[] = {150, 400, 1000};
    static const unsigned fails[] = {0, 0, 3, 20};
    *world = (struct world){.seed = seed, .restored_version = -1, .spool = options->spool};
    fibers_init();
    rng_init(&world->rng, seed);
    struct rng *rng = &world->rng;
    world->net.rng = rng;
    world->net.broken = options->broken;
    world->net.weather = (struct net_weather){
        .yield = yields[rng_below(rng, ARRAY_COUNT(yields))],
        .fail = fails[rng_below(rng, ARRAY_COUNT(fails))],
        .lost = 250,
        .give_up = chance(world, 500) ? 100 : 300,
        .twice = 50,
        .exists_instead = 500,
        .truncate = chance(world, 50) ? 20 : 0,
    };
    world->with_restore = chance(world, 150);
    world->db = chance(world, 60) || options->months ? options->db : NULL;
    world->with_months = world->db != NULL && (chance(world, 500) || options->months);
    world->partition_count = 2;
    for (int p = 0; p < SIM_PARTITIONS_MAX; p++) {
        world->ends[p] = p < 2 ? (int64_t)rng_below(rng, 5) : 0;
        world->intents[p] = -1;
    }
    bytes_rng = rng;
    rand_replace(seeded_bytes);
}

static void finish(struct world *world)
{
    for (size_t i = 0; i < world->instances.count; i++) {
        struct instance *in = world->instances.items[i];
        if (!in->ended) {
            reap(world, in);
        }
    }
}

static void count_up(struct world *world, struct sim_counts *counts)
{
    counts->schedules++;
    counts->steps += world->steps;
    counts->restores += world->restored_version >= 0;
    counts->truncated += world->net.truncated;
    for (size_t i = 0; i < world->instances.count; i++) {
        struct instance *in = world->instances.items[i];
        counts->fenced += in->end_rc == ERR_FENCED;
    }
    for (size_t i = 0; i < world->net.objects.count; i++) {
        struct str key = str_of(world->net.objects.items[i].key);
        counts->checkpoints += str_ends(key, STR(".checkpoint.parquet"));
    }
}

bool world_run(uint64_t seed, const struct sim_options *options, struct sim_counts *counts,
               char fault[1024])
{
    struct world world;
    init(&world, seed, options);
    uint64_t steps = 100 + rng_below(&world.rng, world.with_months ? 3000 : 700);
    instance_start(&world, chance(&world, 500));
    counts->starts++;
    while (world.steps < (int64_t)steps && world.fault[0] == '\0') {
        world.steps++;
        fiber_clock_advance((int64_t)rng_below(&world.rng, 3000));
        step(&world, counts);
        if (world.net.fault[0] != '\0') {
            world_fault(&world, "%s", world.net.fault);
        }
    }
    if (world.fault[0] == '\0') {
        drain(&world, counts);
    }
    if (world.fault[0] == '\0') {
        oracle_check_end(&world, counts);
    }
    finish(&world);
    count_up(&world, counts);
    memcpy(fault, world.fault, sizeof(world.fault));
    for (size_t i = 0; i < world.instances.count; i++) {
        struct instance *in = world.instances.items[i];
        instance_free(in);
    }
    vec_done(&world.instances);
    net_done(&world.net);
    rand_replace(NULL);
    return fault[0] == '\0';
}

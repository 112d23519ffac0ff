/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - one schedule: topics, a table behind a bad network, instances of a query, strangers
 *
 * Each step is one of: messages are produced, a request arrives or is lost, a
 * stranger commits, an instance is started, stopped or killed, or some fiber goes
 * on to its next store operation, wait or lock.  Which one is drawn from the seed,
 * and so is everything else: one seed is one schedule.
 *
 *  (1) The drain: nobody is killed any more, strangers and producers are quiet, and
 *      instances with --available-now are started until one has committed all there
 *      is, or as often as it takes to see that none can.
 *  (2) A schedule that does not end is a fault too.
 */
#include "world.h"

#include "pipeline.h"
#include "trace.h"

#include <stdio.h>

#define DRAIN_STEPS_MAX 400000
#define REAP_STEPS_MAX  400000
#define LIVE_MAX        3
#define MONTHS_MAX      6

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

bool world_chance(struct world *world, unsigned per_mille)
{
    return rng_below(&world->rng, 1000) < per_mille;
}

struct topic *world_topic(struct world *world)
{
    return &world->topics[world->epoch];
}

int world_partition(const struct sink_position *position)
{
    int64_t stream = 0;
    bool known = str_to_i64(str_skip(position->stream, strlen(SIM_STREAM)), &stream);
    assert(known && stream < TOPIC_STREAMS);
    return (int)stream * TOPIC_STREAM_PARTITIONS + position->partition;
}

bool world_is_broken(const struct world *world)
{
    return world->broken != JOB_BREAK_NONE || world->net.broken != NET_BREAK_NONE;
}

bool world_is_truncated(const struct world *world)
{
    return world->net.truncated || world->dead_net.truncated;
}

void world_note_run(struct world *world, const char *run_id, int generation)
{
    struct sim_run *run = vec_push(&world->runs);
    snprintf(run->run_id, sizeof(run->run_id), "%s", run_id);
    run->generation = generation;
}

int world_generation(const struct world *world, const char *run_id)
{
    for (size_t i = world->runs.count; i > 0; i--) {
        if (strcmp(world->runs.items[i - 1].run_id, run_id) == 0) {
            return world->runs.items[i - 1].generation;
        }
    }
    assert(false);
    return 0;
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

static void foreign_append(struct world *world, struct net *net)
{
    AUTO_BUF struct buf body = {0};
    int n = ++world->foreign_count;
    buf_printf(&body,
               "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"WRITE\",\"operationParameters\":"
               "{\"mode\":\"Append\"},\"isBlindAppend\":true}}\n");
    if (world_chance(world, 300)) {
        buf_printf(&body, "{\"txn\":{\"appId\":\"other\",\"version\":%d}}\n", n);
    }
    buf_printf(&body,
               "{\"add\":{\"path\":\"foreign-%d.parquet\",\"partitionValues\":{},\"size\":7,"
               "\"modificationTime\":1,\"dataChange\":true}}\n",
               n);
    AUTO_BUF struct buf key = {0};
    buf_printf(&key, "foreign-%d.parquet", n);
    net_set(net, buf_str(&key), STR(""));
    int64_t version = net_append_commit(net, buf_str(&body));
    TRACE("stranger: appends version %" PRId64 "%s", version,
          net == &world->dead_net ? " of dead letters" : "");
}

/* The newest metaData line of the log; false when there is none to be read. */
static bool find_metadata(const struct net *net, struct arena *arena, struct json **ret_root)
{
    for (int64_t version = net->version_count - 1; version >= 0; version--) {
        struct str rest = net_commit(net, version);
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
static void foreign_metadata(struct world *world, struct net *net)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    if (!find_metadata(net, &arena, &root)) {
        return;
    }
    int n = ++world->foreign_count;
    struct json *metadata = json_find(root, "metaData");
    struct json *schema = json_find(metadata, "schemaString");
    struct json *configuration = json_find(metadata, "configuration");
    if (world_chance(world, 500)) {
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
    int64_t version = net_append_commit(net, buf_str(&body));
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
    bool dead = world->dead_net.version_count > 0 && world_chance(world, 300);
    struct net *net = dead ? &world->dead_net : &world->net;
    if (net->truncated) {
        return; /* who reads the log before writing stops there */
    }
    if (net->version_count == 0) {
        if (world_chance(world, 100)) {
            foreign_create(world);
        }
    } else if (!dead && world->with_restore && world_chance(world, 60)) {
        foreign_restore(world);
    } else if (world_chance(world, 150)) {
        foreign_metadata(world, net);
    } else {
        foreign_append(world, net);
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
        struct fiber *fiber = fiber_pick(in, NULL);
        if (fiber == NULL || i > REAP_STEPS_MAX) {
            world_fault(world, "process %d does not end when everything is canceled",
                        in->client.id);
            return;
        }
        fiber_resume(fiber);
    }
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void produce(struct world *world)
{
    struct topic *topic = world_topic(world);
    uint64_t stream = rng_below(&world->rng, (uint64_t)world->stream_count);
    int partitions = topic->counts[stream];
    int number = (int)rng_below(&world->rng, (uint64_t)partitions);
    if (partitions < TOPIC_STREAM_PARTITIONS && world_chance(world, 80)) {
        number = partitions;
        TRACE("topic: a partition more");
    }
    int p = (int)stream * TOPIC_STREAM_PARTITIONS + number;
    uint64_t count = 1 + rng_below(&world->rng, 4);
    for (uint64_t i = 0; i < count; i++) {
        topic_produce(topic, p, &world->mix, &world->rng);
    }
    TRACE("topic: partition %d ends at %" PRId64, p, topic_end(topic, p));
}

/* Deletes the topic and makes it again, with other messages. */
static void recreate_topic(struct world *world)
{
    struct oracle_log log;
    oracle_replay(world, world->net.version_count - 1, &log);
    if (!world->with_recreation || world->epoch > 0 || log.newest_own < 0) {
        return; /* what nobody has read yet may be any topic */
    }
    TRACE("topic: deleted and created again");
    world->epoch = 1;
    world->topics[1].epoch = 1;
    static const struct topic_mix plain;
    memcpy(world->topics[1].counts, world->topics[0].counts, sizeof(world->topics[1].counts));
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        if (topic_end(&world->topics[0], p) == 0) {
            continue;
        }
        int64_t count = topic_end(&world->topics[0], p) + (int64_t)rng_below(&world->rng, 5);
        for (int64_t i = 0; i <= count; i++) {
            topic_produce(&world->topics[1], p, &plain, &world->rng);
        }
    }
}

static void move_request(struct world *world, unsigned drop_per_mille)
{
    size_t count = world->net.requests.count;
    size_t all = count + world->dead_net.requests.count;
    if (all == 0) {
        return;
    }
    size_t index = rng_below(&world->rng, all);
    struct net *net = index < count ? &world->net : &world->dead_net;
    index -= index < count ? 0 : count;
    if (world_chance(world, drop_per_mille)) {
        net_drop(net, index);
    } else {
        net_deliver(net, index);
    }
}

static void run_fiber(struct world *world)
{
    if (world->asleep != NULL && (world->steps >= world->wakes_at || world->draining)) {
        TRACE("process %d wakes up", world->asleep->client.id);
        world->asleep = NULL;
    }
    struct fiber *fiber = fiber_pick(NULL, world->asleep);
    if (fiber != NULL) {
        fiber_resume(fiber);
    }
}

static void nap(struct world *world, struct instance *in, struct sim_counts *counts)
{
    world->asleep = in;
    world->wakes_at = world->steps + 50 + (int64_t)rng_below(&world->rng, 2000);
    counts->naps++;
    TRACE("process %d is stopped", in->client.id);
}

/* Time that is long for every time-out, and for the retention of the log. */
static void month(struct world *world, struct sim_counts *counts)
{
    if (world->month_count < MONTHS_MAX) {
        net_month(&world->net);
        net_month(&world->dead_net);
        fiber_clock_advance((int64_t)31 * 24 * 3600 * 1000000);
        world->month_count++;
        counts->months++;
    }
}

/* What happens to processes, now and then. */
static void disturb(struct world *world, struct sim_counts *counts)
{
    struct instance *live[LIVE_MAX];
    size_t live_count = live_instances(world, live);
    struct instance *in =
        live_count == 0 ? NULL : live[rng_below(&world->rng, (uint64_t)live_count)];
    uint64_t dice = rng_below(&world->rng, 100);
    if (dice < 10 && in != NULL && world->asleep == NULL) {
        nap(world, in, counts);
    } else if (dice < 20 && world->with_months) {
        month(world, counts);
    } else if (dice < 50 && in != NULL) {
        reap(world, in);
        counts->crashes++;
    } else if (dice < 60 && in != NULL) {
        instance_stop(in);
        counts->stops++;
    } else if (dice < 62) {
        recreate_topic(world);
    } else if (live_count < LIVE_MAX) {
        instance_start(world, world_chance(world, 250));
        counts->starts++;
    }
}

static void step(struct world *world, struct sim_counts *counts)
{
    uint64_t dice = rng_below(&world->rng, 10000);
    if (dice < 70) {
        produce(world);
    } else if (dice < 600) {
        move_request(world, 80);
    } else if (dice < 640) {
        foreign_commit(world);
        counts->foreign++;
    } else if (dice < (world->with_generations ? 740 : 690)) {
        disturb(world, counts);
    } else {
        run_fiber(world);
    }
}

/* ---- the drain ------------------------------------------------------------------------------- */

/* The instance of the drain that runs; NULL = none. Counts those that have ended. */
static struct instance *find_drainer(struct world *world, int *ret_failed, bool *ret_done)
{
    struct instance *running = NULL;
    *ret_failed = 0;
    *ret_done = false;
    for (size_t i = 0; i < world->instances.count; i++) {
        struct instance *in = world->instances.items[i];
        if (in->of_the_drain && !in->ended) {
            running = in;
        } else if (in->of_the_drain) {
            *ret_done = *ret_done || in->end_rc >= 0;
            *ret_failed += in->end_rc < 0;
        }
    }
    return running;
}

/* True when no instance can go on for a good reason. */
static bool is_stopped(struct world *world)
{
    struct oracle_log log;
    oracle_replay(world, world->net.version_count - 1, &log);
    return world->restored_version >= 0 || world_is_truncated(world) || world->epoch > 0 ||
           oracle_is_at_the_end(world, &log);
}

/* An instance that was to end, by itself or because it was asked to, and has not yet. */
static bool is_ending(struct world *world)
{
    struct instance *live[LIVE_MAX + 1];
    size_t count = live_instances(world, live);
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || live[i]->available_now || stop_is_set(&live[i]->stop);
    }
    return found;
}

static void drain(struct world *world, struct sim_counts *counts)
{
    TRACE("the drain");
    world->draining = true;
    world->net.weather.fail = 0;
    world->dead_net.weather.fail = 0;
    world->weather = (struct world_weather){0};
    for (int i = 0; i < DRAIN_STEPS_MAX && world->fault[0] == '\0'; i++) {
        int failed = 0;
        bool done = false;
        if (find_drainer(world, &failed, &done) == NULL) {
            bool enough = done || (failed > 2 && is_stopped(world));
            if (enough && !is_ending(world)) {
                return;
            }
            if (!enough) {
                instance_start(world, true);
                counts->starts++;
            }
        }
        world->steps++;
        size_t requests = world->net.requests.count + world->dead_net.requests.count;
        if (requests > 0 && world_chance(world, 100)) {
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

static void init_net(struct world *world, const struct sim_options *options)
{
    static const unsigned yields[] = {150, 400, 1000};
    static const unsigned fails[] = {0, 0, 3, 20};
    struct rng *rng = &world->rng;
    world->net.rng = rng;
    world->net.broken = options->broken;
    world->net.weather = (struct net_weather){
        .yield = yields[rng_below(rng, ARRAY_COUNT(yields))],
        .fail = fails[rng_below(rng, ARRAY_COUNT(fails))],
        .lost = 250,
        .give_up = world_chance(world, 500) ? 100 : 300,
        .twice = 50,
        .exists_instead = 500,
        .truncate = world_chance(world, 50) ? 20 : 0,
    };
    world->dead_net.rng = rng;
    world->dead_net.weather = world->net.weather;
}

/* Messages, and what happens to those who read them. */
static void init_job(struct world *world, const struct sim_options *options)
{
    static const enum plan_bad_record modes[] = {
        PLAN_BAD_NULL, PLAN_BAD_NULL,        PLAN_BAD_DROP,        PLAN_BAD_DROP,
        PLAN_BAD_FAIL, PLAN_BAD_DEAD_LETTER, PLAN_BAD_DEAD_LETTER, PLAN_BAD_DEAD_LETTER};
    static const unsigned bads[] = {0, 20, 100};
    static const unsigned fickle[] = {0, 100, 200};
    struct rng *rng = &world->rng;
    world->broken = options->job_broken;
    world->on_bad_record = modes[rng_below(rng, ARRAY_COUNT(modes))];
    if (world->broken == JOB_BREAK_AGAIN || world->broken == JOB_BREAK_KNOWN) {
        world->on_bad_record = PLAN_BAD_DEAD_LETTER;
    }
    /* Whatever ends the query must be rare, or nothing else happens. */
    unsigned scale = world->on_bad_record == PLAN_BAD_FAIL ? 10 : 1;
    world->mix = (struct topic_mix){
        .tombstone = 30,
        .bad = bads[rng_below(rng, ARRAY_COUNT(bads))] / scale,
        .bad_field = bads[rng_below(rng, ARRAY_COUNT(bads))] / scale,
        .poison = bads[rng_below(rng, ARRAY_COUNT(bads))] / scale,
        .stubborn = world_chance(world, 100) ? 5 : 0,
        .gap = world_chance(world, 300) ? 150 : 0,
    };
    if (world->on_bad_record == PLAN_BAD_DEAD_LETTER) {
        world->mix.large = fickle[rng_below(rng, ARRAY_COUNT(fickle))];
        world->mix.fickle = fickle[rng_below(rng, ARRAY_COUNT(fickle))];
        world->with_generations = world_chance(world, 700);
        if (world->broken ==
            JOB_BREAK_AGAIN) { /* it takes a race and a message of the right kind */
            world->with_generations = true;
            world->mix = (struct topic_mix){.large = 200, .fickle = 200};
        }
    }
    world->weather = (struct world_weather){
        .source_down = world_chance(world, 300) ? 10 : 0,
        .source_fail = world_chance(world, 300) ? 20 : 0,
        .source_lost = world_chance(world, 50) ? 2 : 0,
        .out_of_memory = world_chance(world, 300) ? 50 : 0,
        .cut_short = world_chance(world, 100) ? 50 : 0,
        .refused = world_chance(world, 30) ? 10 : 0,
    };
    if (world->broken == JOB_BREAK_TAKEN) {
        world->weather.cut_short = 200;
    }
    world->stream_count = world_chance(world, 250) ? 2 : 1;
    for (int i = 0; i < world->stream_count; i++) {
        world->topics[0].counts[i] = 1 + (int)rng_below(rng, 2);
    }
    for (int p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        world->intents[p] = -1;
    }
    for (uint64_t i = rng_below(rng, 10); i > 0; i--) {
        int stream = (int)rng_below(rng, (uint64_t)world->stream_count);
        int p = stream * TOPIC_STREAM_PARTITIONS;
        p += (int)rng_below(rng, (uint64_t)world->topics[0].counts[stream]);
        topic_produce(&world->topics[0], p, &world->mix, rng);
    }
}

static void init(struct world *world, uint64_t seed, const struct sim_options *options)
{
    static const unsigned switches[] = {0, 10, 200};
    *world = (struct world){.seed = seed, .restored_version = -1};
    rng_init(&world->rng, seed);
    bytes_rng = &world->rng;
    rand_replace(seeded_bytes);
    fibers_init(&world->rng, switches[rng_below(&world->rng, ARRAY_COUNT(switches))]);
    init_net(world, options);
    init_job(world, options);
    world->with_restore = world_chance(world, 150);
    world->with_recreation = world_chance(world, 150) || options->job_broken == JOB_BREAK_VERIFY;
    world->db = world_chance(world, 60) || options->months ? options->db : NULL;
    world->with_months = world_chance(world, world->db != NULL ? 500 : 100) || options->months;
    world->plans[0] = pipeline_load(world, 0);
    world->plans[1] = pipeline_load(world, 1);
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
    counts->recreations += world->epoch > 0;
    counts->truncated += world_is_truncated(world);
    counts->generations += world->generation;
    for (size_t i = 0; i < world->instances.count; i++) {
        struct instance *in = world->instances.items[i];
        counts->fenced += in->end_rc == ERR_FENCED;
    }
    for (size_t i = 0; i < world->net.objects.count; i++) {
        struct str key = str_of(world->net.objects.items[i].key);
        counts->checkpoints += str_ends(key, STR(".checkpoint.parquet"));
    }
}

static void done(struct world *world)
{
    for (size_t i = 0; i < world->instances.count; i++) {
        struct instance *in = world->instances.items[i];
        instance_free(in);
    }
    vec_done(&world->instances);
    vec_done(&world->runs);
    net_done(&world->net);
    net_done(&world->dead_net);
    oracle_free(world->oracle);
    topic_done(&world->topics[0]);
    topic_done(&world->topics[1]);
    plan_free(world->plans[0]);
    plan_free(world->plans[1]);
    rand_replace(NULL);
}

bool world_run(uint64_t seed, const struct sim_options *options, struct sim_counts *counts,
               char fault[1024])
{
    struct world world;
    init(&world, seed, options);
    int64_t steps = 500 + (int64_t)rng_below(&world.rng, world.with_months ? 12000 : 6000);
    instance_start(&world, false);
    counts->starts++;
    while (world.steps < steps && world.fault[0] == '\0') {
        world.steps++;
        fiber_clock_advance((int64_t)rng_below(&world.rng, 500));
        step(&world, counts);
        if (world.net.fault[0] != '\0') {
            world_fault(&world, "%s", world.net.fault);
        }
        if (world.dead_net.fault[0] != '\0') {
            world_fault(&world, "dead letters: %s", world.dead_net.fault);
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
    done(&world);
    return fault[0] == '\0';
}

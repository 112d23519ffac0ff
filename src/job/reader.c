/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader - polls the sources and cuts the batches
 *
 * The thread that owns a query.  It polls, so the sources' positions at the
 * moment it seals a batch are exactly what the batch holds.
 *
 *  (1) A batch is handed to the encoder with its first packet; one that gets no
 *      message is never handed over, and costs no statement and no commit.
 *  (2) A batch ends at the first of: the trigger's tick, maxOffsetsPerTrigger,
 *      the byte budget, the end of a bounded source, a stop, a stream whose queue
 *      is full and stays full beside other streams: DuckDB reads the parts of a UNION
 *      ALL one after the other, and waits for the end of an earlier one.
 *  (3) When a batch failed for its data's sake, everything from it on is dropped
 *      and read again in pieces of half the size, down to the one message that
 *      the SQL cannot take; onBadRecord says what becomes of that one.
 *  (4) Partitions found while running are recorded in the table before they are
 *      read; a query that is to read what was there at its start leaves them be.
 *  (5) Data that a source cannot deliver (a broken batch, offsets that are gone) ends the query
 *      when everything before it is committed: the table's position is where it stands.
 */
#include "job/monitor_query.h"

/* A batch is cut when its messages have come to this, whatever the trigger says. */
#define BATCH_BYTES_MAX ((uint64_t)512 << 20)

#define FIRST_PARTITIONED_MESSAGES 20000
/* With trigger '0 seconds': time to gather after the first message, so that a trickle does not
 * become a commit a message. */
#define LINGER_US 20000
/* Longest wait without looking at stop and trouble. */
#define NAP_US           50000
#define PACKET_BYTES_MAX ((uint64_t)4 << 20)

/* The batch being filled. */
struct filling {
    struct batch *batch;
    bool handed;      /* belongs to the encoder; still ours to push to and to seal */
    size_t ended;     /* inputs that answered SOURCE_END */
    bool starved;     /* DuckDB does not take what one of the inputs has */
    int64_t first_us; /* of the first packet; 0 = none yet */
    uint64_t bytes;
};

static bool has_trouble(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    return q->trouble != TROUBLE_NONE;
}

static bool pipeline_is_idle(struct query *q, const struct filling *f)
{
    MUTEX_GUARD(&q->lock);
    return q->finished >= q->handed - (f->handed ? 1 : 0);
}

static uint64_t messages_max(const struct query *q, const struct filling *f)
{
    uint64_t max = UINT64_MAX;
    for (size_t i = 0; i < f->batch->input_count; i++) {
        uint64_t limit = f->batch->inputs[i].input->stream->max_offsets_per_trigger;
        if (limit > 0 && limit < max) {
            max = limit;
        }
    }
    if (q->message_limit > 0 && q->message_limit < max) {
        max = q->message_limit;
    }
    /* The first batch tells how many partitions there are: a small one, for it takes longer. */
    bool is_first = q->batch_number == 0 && q->table->partition_columns.count > 0;
    if (is_first && max > FIRST_PARTITIONED_MESSAGES) {
        max = FIRST_PARTITIONED_MESSAGES;
    }
    return max;
}

static bool is_cut(struct query *q, const struct filling *f)
{
    if (stop_is_set(q->stop) || atomic_load(&q->pause_wanted) ||
        f->ended == f->batch->input_count) {
        return true;
    }
    if (!f->handed) {
        return false;
    }
    if (f->starved || (uint64_t)batch_messages(f->batch) >= messages_max(q, f) ||
        f->bytes >= BATCH_BYTES_MAX) {
        return true;
    }
    if (q->table->trigger != PLAN_TRIGGER_INTERVAL || q->options->available_now) {
        return false;
    }
    int64_t now = clock_mono_us();
    if (q->table->trigger_us == 0) {
        return now - f->first_us >= LINGER_US && pipeline_is_idle(q, f);
    }
    return now >= q->next_tick_us;
}

/* When to look again at the latest. */
static int64_t wake_time(struct query *q, const struct filling *f)
{
    int64_t now = clock_mono_us();
    int64_t until = now + NAP_US;
    if (f->handed && q->table->trigger == PLAN_TRIGGER_INTERVAL && !q->options->available_now) {
        int64_t due = q->table->trigger_us > 0 ? q->next_tick_us : f->first_us + LINGER_US;
        /* Past due, but the pipeline is busy: a short nap until it is not. */
        due = due <= now ? now + 1000 : due;
        until = due < until ? due : until;
    }
    return until;
}

static void advance_tick(struct query *q)
{
    int64_t interval = q->table->trigger_us;
    int64_t now = clock_mono_us();
    if (interval > 0 && now >= q->next_tick_us) {
        q->next_tick_us += ((now - q->next_tick_us) / interval + 1) * interval;
    }
}

static void apply_poisons(struct query *q, size_t input, struct packet *packet)
{
    vec_foreach (struct batch_outcast, poison, &q->poisons) {
        for (size_t i = 0; poison->input == input && i < packet->count; i++) {
            struct message *m = &packet->messages[i];
            if (m->partition == poison->partition && m->offset == poison->offset &&
                poison->reason.len == 0) {
                m->value = STR_NULL;
            }
        }
    }
}

/* Gives the open batch to the encoder; false = trouble or cancel came first. */
static bool hand_over(struct query *q, struct filling *f)
{
    {
        MUTEX_GUARD(&q->lock);
        q->handed++;
        q->reader_has = f->batch;
    }
    for (;;) {
        enum queue_rc rc = queue_push(q->to_encode, f->batch, 1, clock_mono_us() + NAP_US);
        if (rc == QUEUE_OK) {
            f->handed = true;
            return true;
        }
        monitor_publish(q);
        if (rc == QUEUE_CLOSED || has_trouble(q) || query_is_canceled(q)) {
            MUTEX_GUARD(&q->lock);
            q->handed--;
            q->reader_has = NULL;
            return false;
        }
    }
}

/* Takes the packet. False = it could not be placed any more: trouble or cancel. */
static bool place(struct query *q, struct filling *f, size_t input, struct packet *packet)
{
    if (!f->handed) {
        f->first_us = clock_mono_us();
        if (!hand_over(q, f)) {
            packet_free(packet);
            return false;
        }
    }
    if (q->poisons.count > 0) {
        apply_poisons(q, input, packet);
    }
    uint64_t bytes = packet->bytes;
    batch_count(f->batch, input, packet);
    monitor_count_read(q, packet->count);
    for (;;) {
        enum queue_rc rc = batch_push(f->batch, input, packet, clock_mono_us() + NAP_US);
        if (rc == QUEUE_TIMEOUT && f->batch->input_count > 1) {
            /* The packet is in the positions already: it goes in, and the batch ends. */
            f->starved = true;
            rc = batch_push_over(f->batch, input, packet);
        }
        if (rc == QUEUE_OK) {
            f->bytes += bytes;
            return true;
        }
        monitor_publish(q);
        if (rc == QUEUE_CLOSED || has_trouble(q) || query_is_canceled(q)) {
            packet_free(packet);
            return false;
        }
    }
}

static void show_source_state(struct query *q)
{
    if (q->holds.items.count > 0) {
        query_set_state(q, JOB_WAITING, q->holds.reason);
        return;
    }
    for (size_t i = 0; i < q->parts.query->inputs.count; i++) {
        const struct source_status *status = &q->parts.sources[i]->status;
        if (status->state == SOURCE_DOWN) {
            query_set_state(q, JOB_WAITING, status->reason);
            return;
        }
    }
    query_set_state(q, JOB_RUNNING, NULL);
}

/* One look at every source; the waiting is shared among them. */
static int poll_sources(struct query *q, struct filling *f, bool *ret_placed, struct err *err)
{
    size_t count = f->batch->input_count;
    f->ended = 0;
    *ret_placed = true;
    for (size_t i = 0; i < count && *ret_placed; i++) {
        uint64_t room = messages_max(q, f) - (uint64_t)batch_messages(f->batch);
        if (room == 0) {
            return 0;
        }
        size_t max = room < PACKET_MESSAGES_MAX ? (size_t)room : PACKET_MESSAGES_MAX;
        int64_t until = count == 1 ? wake_time(q, f) : clock_mono_us() + 2000;
        struct packet *packet = NULL;
        int rc = TRY(source_poll(q->parts.sources[i], until, max, PACKET_BYTES_MAX, &packet, err));
        if (rc == SOURCE_END) {
            f->ended++;
        } else if (rc == SOURCE_PACKET) {
            rc = holds_filter(&q->holds, i, q->parts.query->inputs.items[i].stream,
                              q->parts.sources[i], packet, err);
            if (rc < 0 || packet->count == 0) {
                packet_free(packet);
                TRY(rc);
                continue;
            }
            *ret_placed = place(q, f, i, packet);
        }
    }
    return 0;
}

static bool is_broken(struct query *q, const struct filling *f)
{
    return atomic_load(&f->batch->aborted) || has_trouble(q) || query_is_canceled(q);
}

/* After it the batch is the encoder's alone. */
static void finish_reading(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    q->reader_has = NULL;
    if (q->figures.under_way_us == 0 && q->finished < q->handed) {
        q->figures.under_way_us = clock_mono_us();
    }
    cond_broadcast(&q->changed);
}

static void finish_batch(struct query *q, const struct filling *f, bool whole)
{
    if (whole) {
        batch_seal(f->batch);
    } else {
        batch_give_up(f->batch);
    }
    finish_reading(q);
}

/* Our txn actions must not expire while the query lives (design.md 2a). */
static bool txns_are_old(const struct query *q)
{
    return q->txn_retention_us > 0 &&
           clock_mono_us() - q->txns_written_us >= q->txn_retention_us / 8;
}

/* Fills one batch and seals it. Outcome 1 = go on, 0 = the sources are at their end. */
static int fill_batch(struct query *q, struct err *err)
{
    struct filling f = {
        .batch = batch_new(q->parts.query, q->parts.sources, q->batch_number, QUERY_QUEUE_BYTES)};
    f.batch->message_limit = q->message_limit;
    if (q->parts.dead != NULL) {
        AUTO_FREE char *path = mem_printf("%s/letters-%" PRId64, q->parts.spool, q->batch_number);
        batch_take_dead_letters(f.batch, path, q->parts.dead, q->poisons.items, q->poisons.count);
    }
    int rc = 0;
    bool placed = true;
    q->filling = f.batch;
    while (rc == 0 && placed && !is_broken(q, &f) && !is_cut(q, &f)) {
        if (pipeline_is_idle(q, &f)) {
            pulse_step(); /* else it is for encoder and committer to make steps */
        }
        rc = poll_sources(q, &f, &placed, err);
        monitor_publish(q);
        if (!f.handed) {
            advance_tick(q);
            bool found = false;
            for (size_t i = 0; i < f.batch->input_count; i++) {
                found = found || q->parts.sources[i]->has_new_partitions;
            }
            if (found || txns_are_old(q) || holds_are_due(&q->holds)) {
                break; /* nothing read yet: a good moment */
            }
        }
        show_source_state(q);
    }
    q->filling = NULL;
    advance_tick(q);
    bool more = f.ended < f.batch->input_count;
    if (f.handed) {
        if (rc == ERR_DATA) {
            rc = 0; /* what came before is committed; the source will say it again (5) */
        }
        q->batch_number++;
        bool failed_itself = atomic_load(&f.batch->aborted);
        if (failed_itself) {
            batch_seal(f.batch); /* its end is noted, for the retry; nobody reads it any more */
            finish_reading(q);
        } else {
            finish_batch(q, &f, rc == 0 && placed && !is_broken(q, &f));
        }
    } else {
        batch_free(f.batch);
    }
    return rc < 0 ? rc : more;
}

/* Commits where all partitions stand, without rows. The pipeline is idle: the sink is ours for the
 * moment. */
static int record_positions(struct query *q, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    size_t count = 0;
    struct sink_position *positions = query_positions(q, &arena, &count);
    TRY(delta_sink_record(q->parts.sink, positions, count, err));
    query_note_table(q);
    return 0;
}

/* ---- new partitions -------------------------------------------------------------------------- */

/* Where partitions without a position begin: where the table says, for a rival may have read them
 * before we started without knowing them; else at the earliest. */
static int resolve_new_partitions(struct query *q, struct arena *arena, struct err *err)
{
    size_t count = 0;
    struct sink_position *known = query_positions(q, arena, &count);
    TRY(delta_sink_positions(q->parts.sink, known, count, err));
    size_t at = 0;
    for (size_t i = 0; i < q->parts.query->inputs.count; i++) {
        struct source *source = q->parts.sources[i];
        size_t partitions = source->partitions.count;
        bool *fresh = arena_new_array(arena, bool, partitions);
        bool *which = arena_new_array(arena, bool, partitions);
        for (size_t k = 0; k < partitions; k++, at++) {
            struct source_partition *part = &source->partitions.items[k];
            fresh[k] = part->next_offset < 0;
            which[k] = fresh[k] && known[at].next_offset < 0;
            part->next_offset = fresh[k] ? known[at].next_offset : part->next_offset;
        }
        TRY(source_resolve(source, which, err));
        for (size_t k = 0; query_is_bounded(q) && k < partitions; k++) {
            struct source_partition *part = &source->partitions.items[k];
            /* It was not there at the start. */
            part->limit_offset = fresh[k] ? part->next_offset : part->limit_offset;
        }
    }
    return 0;
}

static int take_new_partitions(struct query *q, struct err *err)
{
    bool found = false;
    for (size_t i = 0; i < q->parts.query->inputs.count; i++) {
        found = found || q->parts.sources[i]->has_new_partitions;
    }
    if (!found || !query_wait_idle(q)) {
        return 0;
    }
    AUTO_ARENA struct arena arena = {0};
    TRY(resolve_new_partitions(q, &arena, err));
    TRY(record_positions(q, err));
    for (size_t i = 0; i < q->parts.query->inputs.count; i++) {
        struct source *source = q->parts.sources[i];
        if (source->has_new_partitions) {
            log_line(LOG_INFO, "new partitions", LOG_I("partitions", source->partitions.count),
                     LOG_END);
            source->has_new_partitions = false;
            TRY(source_start(source, err));
        }
    }
    return 0;
}

/* ---- a batch that failed ------------------------------------------------------------------- */

/* The only message of a batch that failed alone. */
static bool find_single(const struct batch *batch, struct batch_outcast *ret_poison)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        const struct batch_input *in = &batch->inputs[i];
        if (in->pushed_messages != 1) {
            continue;
        }
        *ret_poison = (struct batch_outcast){
            .input = i, .partition = in->single_partition, .offset = in->single_offset};
        return true;
    }
    return false;
}

/* The table's position becomes this one; the pipeline is drained. */
static int move_position(struct query *q, const struct batch_outcast *poison, int64_t next_offset,
                         struct err *err)
{
    struct source *source = q->parts.sources[poison->input];
    source->partitions.items[poison->partition].next_offset = next_offset;
    return record_positions(q, err);
}

static int judge_poison(struct query *q, const struct batch *batch, const struct err *cause,
                        struct err *err)
{
    static const char *const actions[] = {[PLAN_BAD_NULL] = "null",
                                          [PLAN_BAD_DROP] = "drop",
                                          [PLAN_BAD_FAIL] = "fail",
                                          [PLAN_BAD_DEAD_LETTER] = "deadletter"};
    struct batch_outcast poison;
    bool found = find_single(batch, &poison);
    assert(found);
    const struct batch_input *in = &batch->inputs[poison.input];
    const struct source_partition *part = &in->partitions[poison.partition];
    bool again = false;
    vec_foreach (struct batch_outcast, p, &q->poisons) {
        again = again || (p->input == poison.input && p->partition == poison.partition &&
                          p->offset == poison.offset);
    }
    enum plan_bad_record mode = in->input->stream->on_bad_record;
    bool fails = batch->scan_failed || mode == PLAN_BAD_FAIL || again;
    if (fails) {
        /* `sluice offsets skip` takes the message at the position: this one, not a gap before it.
         */
        TRY(move_position(q, &poison, poison.offset, err));
    }
    if (batch->scan_failed) {
        *err = *cause; /* refused by onBadRecord = fail; it says which and why */
        return err->code;
    }
    if (fails) {
        return err_set(err, ERR_DATA, "topic \"%.*s\" partition %d offset %" PRId64 ": %s%s",
                       STR_FMT(part->topic), part->number, poison.offset, cause->msg,
                       again ? " (also as a row of NULLs)" : "");
    }
    log_line(LOG_WARN, "bad record", LOG_STR("topic", part->topic),
             LOG_I("partition", part->number), LOG_I("offset", poison.offset),
             LOG_S("reason", batch->failure_reason), LOG_S("error", cause->msg),
             LOG_S("action", actions[mode]), LOG_END);
    if (mode == PLAN_BAD_DEAD_LETTER) {
        poison.reason = str_of(batch->failure_reason);
        poison.message = arena_str(&q->poison_arena, str_of(cause->msg));
        *vec_push(&q->poisons) = poison;
        return 0; /* counted when it becomes a letter */
    }
    if (mode == PLAN_BAD_DROP) {
        TRY(move_position(q, &poison, poison.offset + 1, err));
    } else {
        *vec_push(&q->poisons) = poison;
    }
    MUTEX_GUARD(&q->lock);
    q->figures.bad_records++;
    q->figures.bad_reasons[reason_index(str_of(batch->failure_reason))]++;
    q->figures.dropped += mode == PLAN_BAD_DROP;
    return 0;
}

/* Waits until encoder and committer have let go of every batch before the failed one. False = one
 * of those failed too, for good: going on with a later one would lose it. */
static bool wait_drained(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    while (q->finished < q->handed && q->trouble != TROUBLE_FATAL) {
        if (query_is_canceled(q)) {
            return false;
        }
        (void)cond_wait_until(&q->changed, &q->lock, clock_mono_us() + NAP_US);
        if (q->shown != NULL) {
            mutex_unlock(&q->lock);
            monitor_publish(q);
            mutex_lock(&q->lock);
        }
    }
    return q->trouble != TROUBLE_FATAL;
}

static void rewind_sources(struct query *q, const struct batch *batch)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        for (size_t k = 0; k < batch->inputs[i].partition_count; k++) {
            q->parts.sources[i]->partitions.items[k].next_offset =
                batch->inputs[i].start_offsets[k];
        }
    }
}

/* Reads a failed batch again, in smaller pieces or with more columns. */
static int retry_batch(struct query *q, struct err *err)
{
    if (!wait_drained(q)) {
        return 0;
    }
    struct batch *batch = NULL;
    struct err cause;
    {
        MUTEX_GUARD(&q->lock);
        batch = TAKE(q->failed);
        cause = q->err;
        q->trouble = TROUBLE_NONE;
    }
    assert(batch != NULL);
    int64_t messages = batch_messages(batch);
    if (messages <= 1 && cause.code == ERR_IO) {
        batch_free(batch);
        *err = cause; /* not the message's fault */
        return err->code;
    }
    rewind_sources(q, batch);
    /* Found while the batch was read: without a position they can neither be started nor recorded.
     */
    int rc = take_new_partitions(q, err);
    if (rc >= 0 && batch->wants_columns) {
        rc = query_evolve(q, batch, err);
    } else if (rc >= 0 && messages <= 1) {
        rc = judge_poison(q, batch, &cause, err);
        q->message_limit = 2;
    } else if (rc >= 0) {
        monitor_keep_error(q, "batch", err_code_name(cause.code), cause.msg, true);
        log_often(LOG_WARN, NULL, "batch failed", LOG_I("messages", messages),
                  LOG_S("error", cause.msg), LOG_I("retry_with", messages / 2), LOG_END);
        q->message_limit = (size_t)(messages / 2);
        if (q->message_limit_goal < (size_t)messages) {
            q->message_limit_goal = (size_t)messages;
        }
    }
    batch_free(batch);
    TRY(rc);
    for (size_t i = 0; i < q->parts.query->inputs.count; i++) {
        TRY(source_start(q->parts.sources[i], err));
    }
    return 0;
}

/* After a piece went through: larger ones, until the size that failed is behind us. */
static void relax_limit(struct query *q)
{
    if (q->message_limit == 0) {
        return;
    }
    q->message_limit *= 2;
    if (q->message_limit > q->message_limit_goal) {
        q->message_limit = 0;
        q->message_limit_goal = 0;
        vec_done(&q->poisons);
        arena_reset(&q->poison_arena);
    }
}

/* ---- between batches ------------------------------------------------------------------------- */

/* All positions anew, those of partitions that no batch touched too. */
static int refresh_txns(struct query *q, struct err *err)
{
    TRY(record_positions(q, err));
    q->txns_written_us = clock_mono_us();
    return 0;
}

/* Outcome 1 = sources were rewound: there is more to read, whatever they said before. */
static int between_batches(struct query *q, struct err *err)
{
    enum query_trouble trouble = TROUBLE_NONE;
    {
        MUTEX_GUARD(&q->lock);
        if (q->trouble == TROUBLE_FATAL) {
            *err = q->err;
            return err->code;
        }
        trouble = q->trouble;
    }
    if (trouble != TROUBLE_NONE) {
        TRY(retry_batch(q, err));
        return 1;
    }
    /* New partitions first: after it every one has a position that can be written. */
    TRY(take_new_partitions(q, err));
    /* Once the pipeline is idle the sink is ours for the moment. */
    if (txns_are_old(q) && !stop_is_set(q->stop) && query_wait_idle(q)) {
        TRY(refresh_txns(q, err));
    }
    if (holds_are_due(&q->holds) && !stop_is_set(q->stop) && query_wait_idle(q) &&
        TRY(holds_retry(&q->holds, q->parts.sources, err)) == 1) {
        for (size_t i = 0; i < q->parts.query->inputs.count; i++) {
            TRY(source_start(q->parts.sources[i], err));
        }
        return 1;
    }
    return 0;
}

/* Once everything read is committed; a nap, after which there may be other things to do: positions
 * that expire, a batch that has failed. */
static void stay_paused(struct query *q)
{
    if (!query_wait_idle(q)) {
        return;
    }
    query_set_state(q, JOB_PAUSED, NULL);
    monitor_publish(q);
    pulse_step(); /* to wait for a command is no hang */
    (void)stop_wait_us(q->stop, NAP_US);
    advance_tick(q);
}

int query_read(struct query *q, struct err *err)
{
    q->next_tick_us = clock_mono_us() + q->table->trigger_us;
    bool more = true;
    for (;;) {
        if (TRY(between_batches(q, err)) == 1) {
            more = true;
        }
        if (query_is_canceled(q)) {
            return err_set(err, ERR_CANCELED, "the query was canceled");
        }
        if (!more || stop_is_set(q->stop)) {
            /* The last batches may still fail and send us back. */
            if (query_wait_idle(q)) {
                return 0;
            }
            more = true;
            if (!stop_is_set(q->stop)) {
                continue;
            }
            MUTEX_GUARD(&q->lock);
            if (q->trouble == TROUBLE_RETRY || q->trouble == TROUBLE_EVOLVE) {
                return 0; /* stopping: what failed will be read again by the next run */
            }
            continue;
        }
        if (atomic_load(&q->pause_wanted)) {
            stay_paused(q);
            continue;
        }
        int64_t before = q->batch_number;
        int rc = fill_batch(q, err);
        if (rc == ERR_DATA && !query_wait_idle(q)) {
            more = true; /* what came before has failed itself, and is to be read again */
            continue;
        }
        more = TRY(rc) == 1;
        if (q->batch_number > before && q->message_limit > 0) {
            /* Small pieces go one at a time: the next limit depends on how this one ends. */
            if (query_wait_idle(q)) {
                relax_limit(q);
            }
            more = true;
        }
    }
}

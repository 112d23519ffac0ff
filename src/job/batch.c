/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch - messages on their way into one commit
 *
 * The scan side runs on DuckDB's workers: each local owns a codec and the packet
 * that its last chunk's strings point into.
 *
 *  (1) A packet is freed when the same local comes for its next chunk: DuckDB is
 *      done with the strings then (design.md 1).
 *  (2) A local that goes without having seen the end of the batch marks the
 *      batch aborted and wakes the others; the statement has failed then.
 *  (3) Every message pushed is counted when it is pushed and when it is decoded;
 *      the two must agree before the commit.
 *  (4) A packet that fits into no chunk any more is carried over to the next
 *      call of the same local.
 */
#include "job/batch.h"

#include <stdio.h>

struct batch_local {
    struct arena arena; /* decoded escapes of the present chunk */
    struct codec *codec;
    struct codec *key_codec; /* NULL = the key's bytes as they are, or _key is not read */
    struct packet *packet;   /* the present chunk points into it */
    size_t next;             /* first message of it that is not decoded */
    bool rescues;            /* the query reads the column of what does not fit */
    bool saw_end;
};

/* ---- scan: called by DuckDB's workers ------------------------------------------------------- */

static int open_codecs(const struct plan_input *input, const bool *wanted,
                       struct batch_local *local, struct err *err)
{
    const struct plan_stream *stream = input->stream;
    TRY(codec_open(stream->format, stream->row_type, &stream->codec, &local->codec, err));
    struct str rescued = stream->codec.rescued_column;
    ptrdiff_t at = rescued.len == 0 ? -1 : type_find_field(stream->row_type, rescued);
    local->rescues = at >= 0 && wanted[at];
    bool wants_key = false;
    for (size_t i = 0; i < input->meta_count; i++) {
        wants_key =
            wants_key || (input->meta[i] == PLAN_META_KEY && wanted[input->declared_count + i]);
    }
    return stream->key_row_type == NULL || !wants_key
               ? 0
               : codec_open(stream->key_format, stream->key_row_type, &stream->key_codec,
                            &local->key_codec, err);
}

static int scan_open(struct sql_scan *scan, const bool *wanted, void **ret_local, struct err *err)
{
    struct batch_input *in = CONTAINER_OF(scan, struct batch_input, scan);
    struct batch_local *local = mem_new(struct batch_local);
    int rc = open_codecs(in->input, wanted, local, err);
    if (rc < 0) {
        codec_close(local->codec);
        mem_free(local);
        return rc;
    }
    atomic_fetch_add(&in->locals_open, 1);
    *ret_local = local;
    return 0;
}

static void scan_close(struct sql_scan *scan, void *ptr)
{
    struct batch_input *in = CONTAINER_OF(scan, struct batch_input, scan);
    struct batch_local *local = ptr;
    if (!local->saw_end) {
        atomic_store(&in->ended_early, true);
        batch_abort(in->batch);
    }
    packet_free(local->packet);
    codec_close(local->codec);
    codec_close(local->key_codec);
    arena_done(&local->arena);
    mem_free(local);
    atomic_fetch_sub(&in->locals_open, 1);
}

static void write_bytes(struct str bytes, struct column *col, size_t row)
{
    if (bytes.ptr == NULL) {
        column_set_null(col, row);
    } else {
        column_set_string(col, row, bytes);
    }
}

/* A name that is not UTF-8 is NULL: STRING holds nothing else. */
static void write_headers(const struct message *m, struct column *col, size_t row)
{
    size_t count = m->extra == NULL ? 0 : m->extra->header_count;
    if (count == 0) {
        column_set_null(col, row);
        return;
    }
    uint64_t at = column_open_list(col, row, count);
    struct column *names = &col->children[0].children[0];
    struct column *values = &col->children[0].children[1];
    for (size_t i = 0; i < count; i++) {
        const struct message_header *header = &m->extra->headers[i];
        if (str_is_utf8(header->name)) {
            column_set_string(names, at + i, header->name);
        } else {
            column_set_null(names, at + i);
        }
        write_bytes(header->value, values, at + i);
    }
}

static void write_meta(const struct batch_input *in, enum plan_meta meta, const struct message *m,
                       struct column *col, size_t row)
{
    const struct message_origin *origin = m->extra == NULL ? NULL : m->extra->origin;
    const struct source_partition *p = &in->partitions[m->partition];
    switch (meta) {
    case PLAN_META_KEY:
        write_bytes(m->key, col, row);
        return;
    case PLAN_META_VALUE:
        write_bytes(m->value, col, row);
        return;
    case PLAN_META_TOPIC:
        column_set_string(col, row, origin == NULL ? p->topic : origin->topic);
        return;
    case PLAN_META_PARTITION:
        ((int32_t *)col->data)[row] = origin == NULL ? p->number : origin->partition;
        return;
    case PLAN_META_OFFSET:
        ((int64_t *)col->data)[row] = origin == NULL ? m->offset : origin->offset;
        return;
    case PLAN_META_HEADERS:
        write_headers(m, col, row);
        return;
    case PLAN_META_TIMESTAMP:
        if (m->timestamp_us < 0) {
            column_set_null(col, row);
        } else {
            ((int64_t *)col->data)[row] = m->timestamp_us;
        }
        return;
    }
}

static void note_fault(struct batch_input *in, const struct codec *codec, const struct message *m)
{
    struct batch *batch = in->batch;
    MUTEX_GUARD(&batch->lock);
    if (!batch->fault.set) {
        batch->fault =
            (struct batch_fault){true, codec->fault, &in->partitions[m->partition], m->offset};
    }
}

static int fail_record(struct batch_input *in, const struct codec *codec, const struct message *m,
                       struct err *err)
{
    const struct source_partition *p = &in->partitions[m->partition];
    return err_set(err, ERR_DATA,
                   "topic \"%.*s\" partition %d offset %" PRId64 ": %s (%s at byte %zu); set "
                   "onBadRecord to null or drop to go on",
                   STR_FMT(p->topic), p->number, m->offset, codec->fault.message,
                   codec->fault.reason, codec->fault.position);
}

static void count_bad(struct batch_input *in, struct str reason)
{
    atomic_fetch_add(&in->counts.bad_records, 1);
    atomic_fetch_add(&in->counts.bad_reasons[reason_index(reason)], 1);
}

static void count_dead(struct batch_input *in, struct str reason)
{
    atomic_fetch_add(&in->counts.dead, 1);
    atomic_fetch_add(&in->counts.dead_reasons[reason_index(reason)], 1);
}

static int add_letter(struct batch_input *in, const struct message *m, struct str reason,
                      struct str message, int64_t position, struct err *err)
{
    const struct source_partition *p = &in->partitions[m->partition];
    const struct message_extra *extra = m->extra;
    const struct message_origin *origin = extra == NULL ? NULL : extra->origin;
    struct dead_letter letter = {
        .stream = in->input->stream->name,
        .topic = origin == NULL ? p->topic : origin->topic,
        .topic_id = origin == NULL ? p->topic_id : origin->topic_id,
        .partition = origin == NULL ? p->number : origin->partition,
        .offset = origin == NULL ? m->offset : origin->offset,
        .timestamp_us = m->timestamp_us,
        .key = m->key,
        .value = m->value,
        .header_count = extra == NULL ? 0 : extra->header_count,
        .headers = extra == NULL ? NULL : extra->headers,
        .reason = reason,
        .message = message,
        .position = position,
        .replay_id = in->batch->replay_id,
        .replay_offset = m->offset,
    };
    count_dead(in, reason);
    return dead_letters_add(in->batch->letters, &letter, err);
}

/* What to do with a message that did not decode cleanly: 1 = keep the row, 0 = leave it out. */
static int judge(struct batch_input *in, const struct batch_local *local, const struct codec *codec,
                 enum codec_row decoded, const struct message *m, struct err *err)
{
    note_fault(in, codec, m);
    if (decoded == CODEC_ROW_BAD) {
        count_bad(in, str_of(codec->fault.reason));
    } else {
        atomic_fetch_add(&in->counts.bad_fields, 1);
    }
    /* A field that was rescued is not lost; a key has no such column. */
    if (decoded == CODEC_ROW_BAD_FIELD && local->rescues && codec == local->codec) {
        return 1;
    }
    switch (in->input->stream->on_bad_record) {
    case PLAN_BAD_NULL:
        return 1;
    case PLAN_BAD_DROP:
        atomic_fetch_add(&in->counts.dropped, 1);
        return 0;
    case PLAN_BAD_DEAD_LETTER:
        return add_letter(in, m, str_of(codec->fault.reason), str_of(codec->fault.message),
                          (int64_t)codec->fault.position, err);
    case PLAN_BAD_FAIL:
        return fail_record(in, codec, m, err);
    }
    assert(false);
    return 0;
}

/* 1 = the message is dead already: it became a letter before a crash, or the SQL failed on it. */
static int cast_out(struct batch_input *in, const struct message *m, struct err *err)
{
    const struct batch *batch = in->batch;
    const struct dead_known *known = in->known == NULL ? NULL : in->known[m->partition];
    if (known != NULL && dead_known_has(known, m->offset)) {
        count_dead(in, STR("earlier"));
        return 1;
    }
    for (size_t i = 0; i < batch->outcast_count; i++) {
        const struct batch_outcast *outcast = &batch->outcasts[i];
        if (&batch->inputs[outcast->input] == in && outcast->partition == m->partition &&
            outcast->offset == m->offset) {
            TRY(add_letter(in, m, outcast->reason, outcast->message, -1, err));
            count_bad(in, outcast->reason);
            return 1;
        }
    }
    return 0;
}

/* A row that is left out is written again by the next message. */
static void take_back_row(const struct plan_input *input, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < input->declared_count + input->meta_count; i++) {
        if (columns[i] != NULL) {
            column_clear_null(columns[i], row);
        }
    }
}

/* A key with a format of its own. 1 = keep the row, 0 = leave it out. */
static int decode_key(struct batch_input *in, struct batch_local *local, const struct message *m,
                      struct column *col, size_t row, struct err *err)
{
    struct column *fields[PLAN_KEY_FIELDS_MAX];
    if (m->key.ptr == NULL) {
        column_set_null(col, row);
        return 1;
    }
    fields[0] = col;
    for (size_t i = 0; col->type->kind == TYPE_STRUCT && i < col->child_count; i++) {
        fields[i] = &col->children[i];
    }
    enum codec_row decoded = codec_decode(local->key_codec, m->key, fields, row, &local->arena);
    if (LIKELY(decoded == CODEC_ROW_OK)) {
        return 1;
    }
    if (decoded == CODEC_ROW_BAD) {
        column_set_null(col, row);
    }
    return judge(in, local, local->key_codec, decoded, m, err);
}

/* The columns beside the declared ones. 1 = keep the row, 0 = leave it out. */
static int write_metas(struct batch_input *in, struct batch_local *local, const struct message *m,
                       struct column *const *columns, size_t row, struct err *err)
{
    const struct plan_input *input = in->input;
    int keep = 1;
    for (size_t i = 0; i < input->meta_count; i++) {
        struct column *col = columns[input->declared_count + i];
        if (col == NULL) {
            continue;
        }
        if (input->meta[i] == PLAN_META_KEY && local->key_codec != NULL) {
            keep = TRY(decode_key(in, local, m, col, row, err));
        } else {
            write_meta(in, input->meta[i], m, col, row);
        }
    }
    return keep;
}

/* A bomb, or somebody's mistake: not even looked at. */
static COLD enum codec_row refuse_size(const struct batch_input *in, struct codec *codec,
                                       size_t bytes, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < in->input->declared_count; i++) {
        if (columns[i] != NULL) {
            column_set_null(columns[i], row);
        }
    }
    codec->fault = (struct codec_fault){.reason = "size"};
    snprintf(codec->fault.message, sizeof(codec->fault.message),
             "a message of %zu bytes; maxMessageBytes is %" PRIu64, bytes, in->message_bytes_max);
    return CODEC_ROW_BAD;
}

/* One message into row `row`: 1 = it is there, 0 = it was left out. */
static int decode_message(struct batch_input *in, struct batch_local *local,
                          const struct message *m, struct column *const *columns, size_t row,
                          struct err *err)
{
    struct codec *codec = local->codec;
    enum codec_row decoded = LIKELY(m->value.len <= in->message_bytes_max)
                                 ? codec_decode(codec, m->value, columns, row, &local->arena)
                                 : refuse_size(in, codec, m->value.len, columns, row);
    int keep = 1;
    if (UNLIKELY(in->evolve != NULL && codec->unknown_field)) {
        codec->unknown_field = false;
        evolve_note(in->evolve, m->value);
    }
    if (UNLIKELY(decoded != CODEC_ROW_OK)) {
        keep = TRY(judge(in, local, codec, decoded, m, err));
    }
    if (LIKELY(keep == 1)) {
        keep = TRY(write_metas(in, local, m, columns, row, err));
    }
    if (UNLIKELY(keep == 0)) {
        take_back_row(in->input, columns, row);
    }
    return keep;
}

/* Decodes messages of the local's packet into rows from `row` on; the number of rows filled. */
static int decode_packet(struct batch_input *in, struct batch_local *local,
                         struct column *const *columns, size_t row, size_t capacity,
                         struct err *err)
{
    size_t first = local->next;
    bool may_be_dead = in->known != NULL || in->batch->outcast_count > 0;
    while (local->next < local->packet->count && row < capacity) {
        const struct message *m = &local->packet->messages[local->next++];
        if (UNLIKELY(may_be_dead) && TRY(cast_out(in, m, err)) == 1) {
            continue;
        }
        row += (size_t)TRY(decode_message(in, local, m, columns, row, err));
    }
    atomic_fetch_add(&in->counts.messages, (long long)(local->next - first));
    return (int)row;
}

/* Waits for the next packet: 1 = got one, 0 = end of the batch. */
static int next_packet(struct batch_input *in, struct batch_local *local, struct err *err)
{
    void *item = NULL;
    enum queue_rc rc = queue_pop(in->packets, &item, INT64_MAX);
    if (atomic_load(&in->batch->aborted)) {
        if (rc == QUEUE_OK) {
            packet_free(item);
        }
        return err_set(err, ERR_CANCELED, "the batch was given up");
    }
    if (rc != QUEUE_OK) {
        assert(rc == QUEUE_CLOSED);
        return 0;
    }
    local->packet = item;
    local->next = 0;
    return 1;
}

static int fill(struct batch_input *in, struct batch_local *local, struct column *const *columns,
                size_t capacity, struct err *err)
{
    arena_reset(&local->arena);
    int rows = 0;
    while (rows == 0) {
        if (local->packet == NULL || local->next == local->packet->count) {
            packet_free(TAKE(local->packet));
            if (TRY(next_packet(in, local, err)) == 0) {
                local->saw_end = true;
                return 0;
            }
        }
        /* A packet whose messages were all dropped gives no row: go on to the next. */
        rows = TRY(decode_packet(in, local, columns, 0, capacity, err));
    }
    atomic_fetch_add(&in->counts.rows, rows);
    return rows;
}

static int scan_fill(struct sql_scan *scan, void *ptr, struct column *const *columns,
                     size_t capacity, struct err *err)
{
    struct batch_input *in = CONTAINER_OF(scan, struct batch_input, scan);
    int rc = fill(in, ptr, columns, capacity, err);
    pulse_step_of(in->batch->pulse);
    /* ERR_CANCELED only says that somebody else has failed. */
    if (rc < 0 && rc != ERR_CANCELED) {
        struct batch *batch = in->batch;
        MUTEX_GUARD(&batch->lock);
        if (!batch->scan_failed) {
            batch->scan_failed = true;
            batch->scan_err = *err;
        }
    }
    return rc;
}

static const struct sql_scan_ops scan_ops = {
    .open_local = scan_open,
    .fill = scan_fill,
    .close_local = scan_close,
};

static struct sink_position position_of(const struct batch_input *in, size_t partition)
{
    const struct source_partition *part = &in->partitions[partition];
    return (struct sink_position){
        .stream = in->input->stream->name,
        .topic = part->topic,
        .topic_id = part->topic_id,
        .partition = part->number,
        .next_offset = in->end_offsets[partition],
        .leader_epoch = in->end_epochs[partition],
    };
}

/* ---- the job's side ---------------------------------------------------------------------- */

struct batch *batch_new(const struct plan_query *query, struct source *const *sources,
                        int64_t number, uint64_t queue_bytes)
{
    struct batch *batch = mem_new(struct batch);
    mutex_init(&batch->lock);
    batch->number = number;
    batch->pulse = pulse_attached();
    batch->version = -1;
    batch->failure_reason = "sql";
    batch->oldest_record_us = INT64_MAX;
    batch->opened_us = clock_mono_us();
    batch->wall_us = clock_wall_us();
    batch->replay_id = query->table->replay_id;
    batch->input_count = query->inputs.count;
    batch->inputs = arena_new_array(&batch->arena, struct batch_input, batch->input_count);
    for (size_t i = 0; i < batch->input_count; i++) {
        struct batch_input *in = &batch->inputs[i];
        in->scan.ops = &scan_ops;
        in->batch = batch;
        in->input = &query->inputs.items[i];
        in->source = sources[i];
        in->packets = queue_new(queue_bytes);
        uint64_t bytes_max = in->input->stream->message_bytes_max;
        in->message_bytes_max = bytes_max == 0 ? UINT64_MAX : bytes_max;
        if (in->input->stream->codec.notice_unknown) {
            in->evolve = evolve_new(in->input->stream);
        }
        in->partition_count = sources[i]->partitions.count;
        in->start_offsets = arena_new_array(&batch->arena, int64_t, in->partition_count);
        in->end_offsets = arena_new_array(&batch->arena, int64_t, in->partition_count);
        in->end_epochs = arena_new_array(&batch->arena, int32_t, in->partition_count);
        in->log_ends = arena_new_array(&batch->arena, int64_t, in->partition_count);
        in->intake = arena_new_array(&batch->arena, struct batch_intake, in->partition_count);
        struct source_partition *partitions =
            arena_new_array(&batch->arena, struct source_partition, in->partition_count);
        for (size_t p = 0; p < in->partition_count; p++) {
            partitions[p] = sources[i]->partitions.items[p];
            in->start_offsets[p] = partitions[p].next_offset;
        }
        in->partitions = partitions;
    }
    return batch;
}

void batch_take_dead_letters(struct batch *batch, const char *path, const struct dead_table *table,
                             const struct batch_outcast *outcasts, size_t outcast_count)
{
    batch->letters = dead_letters_new(path);
    for (size_t i = 0; i < batch->input_count; i++) {
        struct batch_input *in = &batch->inputs[i];
        for (size_t p = 0; p < in->partition_count; p++) {
            struct sink_position position = position_of(in, p);
            const struct dead_known *known = dead_table_known(table, &position);
            if (known == NULL) {
                continue;
            }
            if (in->known == NULL) {
                in->known = (const struct dead_known **)arena_alloc(
                    &batch->arena, in->partition_count * sizeof(*in->known));
                memset(in->known, 0, in->partition_count * sizeof(*in->known));
            }
            in->known[p] = known;
        }
    }
    struct batch_outcast *kept =
        arena_new_array(&batch->arena, struct batch_outcast, outcast_count);
    for (size_t i = 0; i < outcast_count; i++) {
        kept[i] = outcasts[i];
        kept[i].reason = arena_str(&batch->arena, outcasts[i].reason);
        kept[i].message = arena_str(&batch->arena, outcasts[i].message);
    }
    batch->outcasts = kept;
    batch->outcast_count = outcast_count;
}

void batch_free(struct batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (size_t i = 0; i < batch->input_count; i++) {
        struct batch_input *in = &batch->inputs[i];
        assert(atomic_load(&in->locals_open) == 0);
        queue_close(in->packets);
        void *item = NULL;
        while (queue_pop(in->packets, &item, 0) == QUEUE_OK) {
            packet_free(item);
        }
        queue_free(in->packets);
        evolve_free(in->evolve);
    }
    dead_letters_free(batch->letters);
    mem_free(batch->dir);
    mutex_done(&batch->lock);
    arena_done(&batch->arena);
    mem_free(batch);
}

void batch_abort(struct batch *batch)
{
    atomic_store(&batch->aborted, true);
    for (size_t i = 0; i < batch->input_count; i++) {
        queue_close(batch->inputs[i].packets);
    }
}

void batch_give_up(struct batch *batch)
{
    atomic_store(&batch->given_up, true);
    batch_abort(batch);
}

int64_t batch_messages(const struct batch *batch)
{
    int64_t sum = 0;
    for (size_t i = 0; i < batch->input_count; i++) {
        sum += batch->inputs[i].pushed_messages;
    }
    return sum;
}

void batch_count(struct batch *batch, size_t input, const struct packet *packet)
{
    struct batch_input *in = &batch->inputs[input];
    struct source_partition *partitions = in->source->partitions.items;
    int64_t base_us = packet->messages[0].timestamp_us;
    double sum_us = 0; /* producers say what they like: beyond what integers hold */
    uint64_t timed = 0;
    for (size_t i = 0; i < packet->count; i++) {
        const struct message *m = &packet->messages[i];
        struct batch_intake *intake = &in->intake[m->partition];
        intake->records++;
        intake->bytes += (int64_t)(m->value.len + m->key.len);
        if (m->timestamp_us >= 0) {
            partitions[m->partition].newest_us = m->timestamp_us;
            batch->oldest_record_us = m->timestamp_us < batch->oldest_record_us
                                          ? m->timestamp_us
                                          : batch->oldest_record_us;
            sum_us += (double)(m->timestamp_us - base_us);
            timed++;
        }
    }
    if (timed > 0) {
        ages_add(&batch->ages, base_us + (int64_t)(sum_us / (double)timed), timed);
    }
}

static enum queue_rc push(struct batch *batch, size_t input, struct packet *packet, bool over,
                          int64_t until_mono_us)
{
    struct batch_input *in = &batch->inputs[input];
    int64_t count = (int64_t)packet->count;
    uint64_t bytes = packet->bytes;
    assert(count > 0);
    if (in->pushed_messages == 0) {
        in->single_partition = packet->messages[0].partition;
        in->single_offset = packet->messages[0].offset;
    }
    enum queue_rc rc = over ? queue_push_over(in->packets, packet, bytes)
                            : queue_push(in->packets, packet, bytes, until_mono_us);
    if (rc == QUEUE_OK) {
        in->pushed_messages += count;
        in->pushed_bytes += bytes;
    }
    return rc;
}

enum queue_rc batch_push(struct batch *batch, size_t input, struct packet *packet,
                         int64_t until_mono_us)
{
    return push(batch, input, packet, false, until_mono_us);
}

enum queue_rc batch_push_over(struct batch *batch, size_t input, struct packet *packet)
{
    return push(batch, input, packet, true, 0);
}

void batch_seal(struct batch *batch)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        struct batch_input *in = &batch->inputs[i];
        for (size_t p = 0; p < in->partition_count; p++) {
            in->end_offsets[p] = in->source->partitions.items[p].next_offset;
            in->end_epochs[p] = in->source->partitions.items[p].leader_epoch;
            in->log_ends[p] = in->source->partitions.items[p].end_offset;
        }
    }
    batch->sealed_us = clock_mono_us();
    atomic_store(&batch->sealed, true);
    for (size_t i = 0; i < batch->input_count; i++) {
        queue_close(batch->inputs[i].packets);
    }
}

int batch_check_taken(struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        struct batch_input *in = &batch->inputs[i];
        int64_t taken = atomic_load(&in->counts.messages);
        if (taken != in->pushed_messages || atomic_load(&in->ended_early)) {
            return err_set(err, ERR_CORRUPT,
                           "the query took %" PRId64 " of %" PRId64 " messages of \"%.*s\"; "
                           "nothing was written",
                           taken, in->pushed_messages, STR_FMT(in->input->stream->name));
        }
    }
    return 0;
}

int batch_find_new_columns(const struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        struct evolve *evolve = batch->inputs[i].evolve;
        if (evolve == NULL || evolve_count(evolve) == 0) {
            continue;
        }
        AUTO_ARENA struct arena arena = {0};
        AUTO_BUF struct buf added = {0};
        const struct type *row_type = NULL;
        if (TRY(evolve_finish(evolve, &arena, &row_type, &added, err)) == 1) {
            return 1;
        }
    }
    return 0;
}

size_t batch_positions(const struct batch *batch, struct sink_position *out, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->input_count; i++) {
        const struct batch_input *in = &batch->inputs[i];
        for (size_t p = 0; p < in->partition_count; p++) {
            const struct source_partition *part = &in->partitions[p];
            if (in->end_offsets[p] == in->start_offsets[p] || !part->started) {
                continue;
            }
            assert(in->end_offsets[p] > in->start_offsets[p]);
            assert(count < cap);
            out[count++] = position_of(in, p);
        }
    }
    return count;
}

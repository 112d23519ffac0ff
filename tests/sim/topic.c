/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic - what was produced, and which row of the table each message is to become
 *
 *     {"v":1020017,"s":"value 1020017 of the topic"}   1 02 0017: epoch, partition, offset
 *
 * Every third one spells a letter of `s` as an escape, so that the codec writes the text anew.
 * The SQL fails on a negative `v`, that of a poison.
 */
#include "topic.h"

#define EPOCH_VALUES     1000000
#define PARTITION_VALUES 10000

void topic_done(struct topic *topic)
{
    for (size_t p = 0; p < TOPIC_PARTITIONS_MAX; p++) {
        vec_done(&topic->kinds[p]);
    }
    *topic = (struct topic){0};
}

static enum message_kind draw(const struct topic_mix *mix, struct rng *rng)
{
    const unsigned parts[] = {
        [MESSAGE_PLAIN] = 0,
        [MESSAGE_TOMBSTONE] = mix->tombstone,
        [MESSAGE_BAD] = mix->bad,
        [MESSAGE_BAD_FIELD] = mix->bad_field,
        [MESSAGE_POISON] = mix->poison,
        [MESSAGE_STUBBORN] = mix->stubborn,
        [MESSAGE_LARGE] = mix->large,
        [MESSAGE_FICKLE] = mix->fickle,
        [MESSAGE_GAP] = mix->gap,
    };
    uint64_t dice = rng_below(rng, 1000);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        if (dice < parts[i]) {
            return (enum message_kind)i;
        }
        dice -= parts[i];
    }
    return MESSAGE_PLAIN;
}

void topic_produce(struct topic *topic, int partition, const struct topic_mix *mix, struct rng *rng)
{
    assert(partition < TOPIC_PARTITIONS_MAX);
    int *count = &topic->counts[partition / TOPIC_STREAM_PARTITIONS];
    int number = partition % TOPIC_STREAM_PARTITIONS;
    *count = number >= *count ? number + 1 : *count;
    *vec_push(&topic->kinds[partition]) = (uint8_t)draw(mix, rng);
}

int64_t topic_end(const struct topic *topic, int partition)
{
    return (int64_t)topic->kinds[partition].count;
}

enum message_kind topic_kind(const struct topic *topic, int partition, int64_t offset)
{
    bool there = offset < topic_end(topic, partition);
    return there ? (enum message_kind)topic->kinds[partition].items[offset] : MESSAGE_GAP;
}

static int64_t value_of(const struct topic *topic, int partition, int64_t offset)
{
    return (int64_t)(topic->epoch + 1) * EPOCH_VALUES + (int64_t)partition * PARTITION_VALUES +
           offset;
}

bool topic_print_value(const struct topic *topic, int partition, int64_t offset, struct buf *out)
{
    int64_t v = value_of(topic, partition, offset);
    const char *first = v % 3 == 0 ? "\\u0076" : "v";
    switch (topic_kind(topic, partition, offset)) {
    case MESSAGE_TOMBSTONE:
        return false;
    case MESSAGE_BAD:
        buf_printf(out, "{\"v\":%" PRId64 ",\"s\"", v);
        return true;
    case MESSAGE_BAD_FIELD:
        buf_printf(out, "{\"v\":[],\"s\":\"%salue %" PRId64 " of the topic\"}", first, v);
        return true;
    case MESSAGE_POISON:
        v = -v;
        break;
    case MESSAGE_LARGE:
        buf_printf(out, "%*s", TOPIC_MESSAGE_BYTES, "");
        break;
    case MESSAGE_PLAIN:
    case MESSAGE_STUBBORN:
    case MESSAGE_FICKLE:
        break;
    case MESSAGE_GAP:
        assert(false);
    }
    buf_printf(out, "{\"v\":%" PRId64 ",\"s\":\"%salue %" PRId64 " of the topic\"}", v, first, v);
    return true;
}

void topic_print_line(int64_t partition, int64_t offset, const int64_t *v, struct str s,
                      struct buf *out)
{
    buf_printf(out, "%" PRId64 " %" PRId64 " ", partition, offset);
    if (v == NULL) {
        buf_add_c(out, "-");
    } else {
        buf_add_i64(out, *v);
    }
    buf_printf(out, " %.*s\n", STR_FMT(s.ptr == NULL ? STR("-") : s));
}

/* A message that does not decode, or that the SQL cannot take. */
static enum topic_row bad_row(enum plan_bad_record on_bad_record)
{
    switch (on_bad_record) {
    case PLAN_BAD_NULL:
        return TOPIC_ROW;
    case PLAN_BAD_DROP:
        return TOPIC_NO_ROW;
    case PLAN_BAD_DEAD_LETTER:
        return TOPIC_LETTER;
    case PLAN_BAD_FAIL:
        break;
    }
    return TOPIC_THE_END;
}

enum topic_row topic_print_row(const struct topic *topic, int partition, int64_t offset,
                               enum plan_bad_record on_bad_record, int generation, struct buf *out)
{
    int64_t v = value_of(topic, partition, offset);
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "value %" PRId64 " of the topic", v);
    bool has_v = false;
    bool has_s = false;
    enum topic_row row = TOPIC_ROW;
    bool bad = false;
    enum message_kind kind = topic_kind(topic, partition, offset);
    switch (kind) {
    case MESSAGE_PLAIN:
        has_v = true;
        has_s = true;
        break;
    case MESSAGE_TOMBSTONE:
        break;
    case MESSAGE_BAD_FIELD:
        has_s = true;
        row = bad_row(on_bad_record);
        break;
    case MESSAGE_BAD:
    case MESSAGE_POISON:
        row = bad_row(on_bad_record);
        break;
    case MESSAGE_STUBBORN:
        row = on_bad_record == PLAN_BAD_NULL ? TOPIC_THE_END : bad_row(on_bad_record);
        break;
    case MESSAGE_LARGE:
    case MESSAGE_FICKLE:
        has_v = true;
        has_s = true;
        bad = (kind == MESSAGE_LARGE) == (generation % 2 == 1);
        row = bad ? bad_row(on_bad_record) : TOPIC_ROW;
        break;
    case MESSAGE_GAP:
        row = TOPIC_NO_ROW;
        break;
    }
    if (row == TOPIC_ROW) {
        topic_print_line(partition, offset, has_v ? &v : NULL, has_s ? buf_str(&text) : STR_NULL,
                         out);
    }
    return row;
}

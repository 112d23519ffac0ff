/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_offsets - where to begin, and where the log ends now
 *
 * The starting options are Spark's: startingTimestamp wins over
 * startingOffsetsByTimestamp, which wins over startingOffsets (default latest).
 * In JSON -1 is latest and -2 earliest.
 *
 *  (1) They say where a query begins, not where a partition does: one that was
 *      found after the first start, or whose topic already has positions,
 *      begins at earliest; else records written while nobody looked would be
 *      skipped by `latest`.
 *  (2) Every partition has to be named in the JSON, and nothing else may be: as
 *      in Spark, nothing is guessed.
 *  (3) "The end" is the last stable offset under read_committed and the high
 *      watermark otherwise: what a reader can reach now.
 */
#include "connect/kafka_source.h"

/* What an option says of one partition. */
enum kafka_start_kind {
    KAFKA_START_EARLIEST,
    KAFKA_START_LATEST,
    KAFKA_START_AT,
    KAFKA_START_TIME
};

struct kafka_start {
    enum kafka_start_kind kind;
    int64_t value; /* offset or time in ms */
};

static int kafka_start_json(struct str text, const char *option, struct arena *arena,
                            struct json **ret_root, struct err *err)
{
    if (json_parse(arena, text, ret_root, err) < 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "option \"%s\"", option);
    }
    bool ok = (*ret_root)->kind == JSON_OBJECT;
    json_foreach (topic, *ret_root) {
        ok = ok && topic->kind == JSON_OBJECT;
        json_foreach (partition, topic) {
            int64_t number = 0;
            int64_t value = 0;
            ok = ok && str_to_i64(partition->name, &number) && number >= 0 && number <= INT32_MAX &&
                 json_get_i64(partition, &value) && value >= -2;
        }
    }
    if (!ok) {
        return err_set(err, ERR_CONFIG,
                       "option \"%s\" needs %sJSON like {\"topic\":{\"0\":23,\"1\":-1}}, not "
                       "\"%.*s\"",
                       option, strcmp(option, "startingOffsets") == 0 ? "earliest, latest or " : "",
                       STR_FMT(str_head(text, 100)));
    }
    return 0;
}

int kafka_offsets_check(struct kafka_source *s, struct err *err)
{
    static const char *const names[] = {"startingOffsets", "startingOffsetsByTimestamp"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        AUTO_ARENA struct arena arena = {0};
        const struct setting *setting = settings_find(&s->settings, names[i]);
        struct json *root = NULL;
        if (setting == NULL || (i == 0 && (str_eq_nocase_c(setting->value, "earliest") ||
                                           str_eq_nocase_c(setting->value, "latest")))) {
            continue;
        }
        if (kafka_start_json(setting->value, names[i], &arena, &root, err) < 0) {
            return settings_error(setting, err);
        }
    }
    return 0;
}

/* The value of one partition in {"topic":{"0":23}}. */
static int kafka_start_lookup(const struct json *root, const char *option, const char *topic,
                              int32_t number, int64_t *ret_value, struct err *err)
{
    char name[16];
    snprintf(name, sizeof(name), "%" PRId32, number);
    if (!json_get_i64(json_find(json_find(root, topic), name), ret_value)) {
        return err_set(err, ERR_CONFIG,
                       "option \"%s\" does not say where partition %" PRId32 " of topic \"%s\" "
                       "begins",
                       option, number, topic);
    }
    return 0;
}

/* Invariant (2), the other half: what is named has to be there. */
static int kafka_start_check_named(struct kafka_source *s, const struct json *root,
                                   const char *option, struct err *err)
{
    json_foreach (topic, root) {
        json_foreach (partition, topic) {
            int64_t number = -1;
            (void)str_to_i64(partition->name, &number);
            bool is_there = false;
            vec_foreach (struct source_partition, p, &s->base.partitions) {
                is_there = is_there || (p->number == number && str_eq(p->topic, topic->name));
            }
            if (!is_there) {
                return err_set(err, ERR_CONFIG,
                               "option \"%s\" names partition %" PRId64 " of topic \"%.*s\", which "
                               "is not read",
                               option, number, STR_FMT(topic->name));
            }
        }
    }
    return 0;
}

/* The option that says where to begin, parsed once for all partitions. */
struct kafka_beginning {
    const char *option;
    struct json *root; /* NULL: `all` is for every partition */
    struct kafka_start all;
    bool by_time;
};

static int kafka_beginning_read(struct kafka_source *s, struct arena *arena,
                                struct kafka_beginning *out, struct err *err)
{
    const struct setting *time = settings_find(&s->settings, "startingTimestamp");
    const struct setting *times = settings_find(&s->settings, "startingOffsetsByTimestamp");
    struct str offsets = settings_str(&s->settings, kafka_options, "startingOffsets");
    *out = (struct kafka_beginning){0};
    if (time != NULL) {
        out->option = "startingTimestamp";
        out->all.kind = KAFKA_START_TIME;
        bool ok = str_to_i64(time->value, &out->all.value);
        assert(ok);
    } else if (times != NULL) {
        out->option = "startingOffsetsByTimestamp";
        out->by_time = true;
        TRY(kafka_start_json(times->value, out->option, arena, &out->root, err));
    } else if (str_eq_nocase_c(offsets, "earliest") || str_eq_nocase_c(offsets, "latest")) {
        out->option = "startingOffsets";
        out->all.kind =
            str_eq_nocase_c(offsets, "earliest") ? KAFKA_START_EARLIEST : KAFKA_START_LATEST;
    } else {
        out->option = "startingOffsets";
        TRY(kafka_start_json(offsets, out->option, arena, &out->root, err));
    }
    return out->root == NULL ? 0 : kafka_start_check_named(s, out->root, out->option, err);
}

static int kafka_beginning_of(const struct kafka_beginning *b, const char *topic, int32_t number,
                              struct kafka_start *ret_start, struct err *err)
{
    if (b->root == NULL) {
        *ret_start = b->all;
        return 0;
    }
    int64_t value = 0;
    TRY(kafka_start_lookup(b->root, b->option, topic, number, &value, err));
    if (b->by_time) {
        *ret_start = (struct kafka_start){KAFKA_START_TIME, value};
    } else if (value < 0) {
        *ret_start =
            (struct kafka_start){value == -2 ? KAFKA_START_EARLIEST : KAFKA_START_LATEST, 0};
    } else {
        *ret_start = (struct kafka_start){KAFKA_START_AT, value};
    }
    return 0;
}

/* Invariant (1). */
static bool kafka_begins_at_earliest(struct kafka_source *s, size_t index, const bool *which)
{
    if (s->toppars.items[index].is_late) {
        return true;
    }
    for (size_t i = 0; i < s->toppars.count; i++) {
        if (!which[i] && s->toppars.items[i].topic == s->toppars.items[index].topic &&
            s->base.partitions.items[i].next_offset >= 0) {
            return true;
        }
    }
    return false;
}

/* Fills in exact offsets; the others go into `list` as questions. */
static int kafka_resolve_collect(struct kafka_source *s, const bool *which,
                                 rd_kafka_topic_partition_list_t *list, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct kafka_beginning beginning;
    TRY(kafka_beginning_read(s, &arena, &beginning, err));
    for (size_t i = 0; i < s->toppars.count; i++) {
        const struct kafka_toppar *t = &s->toppars.items[i];
        struct kafka_start start = {KAFKA_START_EARLIEST, 0};
        if (!which[i]) {
            continue;
        }
        if (!kafka_begins_at_earliest(s, i, which)) {
            TRY(kafka_beginning_of(&beginning, t->topic->name, t->number, &start, err));
        }
        if (start.kind == KAFKA_START_AT) {
            s->base.partitions.items[i].next_offset = start.value;
            continue;
        }
        rd_kafka_topic_partition_t *question =
            rd_kafka_topic_partition_list_add(list, t->topic->name, t->number);
        question->offset = start.kind == KAFKA_START_EARLIEST ? RD_KAFKA_OFFSET_SPEC_EARLIEST
                           : start.kind == KAFKA_START_LATEST ? RD_KAFKA_OFFSET_SPEC_LATEST
                           : start.value < 0                  ? 0
                                                              : start.value;
    }
    return 0;
}

/* The partitions that have no record as late as was asked for. */
static int kafka_resolve_too_late(struct kafka_source *s, rd_kafka_topic_partition_list_t *list,
                                  struct err *err)
{
    AUTO_TPLIST rd_kafka_topic_partition_list_t *late = rd_kafka_topic_partition_list_new(4);
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0) {
            rd_kafka_topic_partition_list_add(late, list->elems[i].topic, list->elems[i].partition)
                ->offset = RD_KAFKA_OFFSET_SPEC_LATEST;
        }
    }
    if (late->cnt == 0) {
        return 0;
    }
    if (settings_enum(&s->settings, kafka_options, "startingOffsetsByTimestampStrategy") == 0) {
        return err_set(err, ERR_CONFIG,
                       "topic \"%s\" partition %" PRId32 " has no record as late as the starting "
                       "timestamp; startingOffsetsByTimestampStrategy = 'latest' begins at its end",
                       late->elems[0].topic, late->elems[0].partition);
    }
    struct kafka_wait wait = {.is_job = true, .until_mono_us = INT64_MAX};
    TRY(kafka_admin_offsets(s, late, !s->reads_committed, wait, err));
    for (int i = 0; i < late->cnt; i++) {
        rd_kafka_topic_partition_list_set_offset(list, late->elems[i].topic,
                                                 late->elems[i].partition, late->elems[i].offset);
    }
    return 0;
}

static struct source_partition *kafka_partition_find(struct kafka_source *s, const char *topic,
                                                     int32_t number)
{
    for (size_t i = 0; i < s->toppars.count; i++) {
        if (s->toppars.items[i].number == number &&
            strcmp(s->toppars.items[i].topic->name, topic) == 0) {
            return &s->base.partitions.items[i];
        }
    }
    assert(false);
    return NULL;
}

int kafka_offsets_resolve(struct source *base, const bool *which, struct err *err)
{
    struct kafka_source *s = kafka_source_of(base);
    AUTO_TPLIST rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)s->toppars.count);
    struct kafka_wait wait = {.is_job = true, .until_mono_us = INT64_MAX};
    TRY(kafka_resolve_collect(s, which, list, err));
    TRY(kafka_admin_offsets(s, list, !s->reads_committed, wait, err));
    TRY(kafka_resolve_too_late(s, list, err));
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *found = &list->elems[i];
        kafka_partition_find(s, found->topic, found->partition)->next_offset = found->offset;
    }
    source_set_status(base, SOURCE_RUNNING, "%s", "");
    return 0;
}

int kafka_offsets_bound(struct source *base, struct err *err)
{
    struct kafka_source *s = kafka_source_of(base);
    AUTO_TPLIST rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)s->toppars.count);
    for (size_t i = 0; i < s->toppars.count; i++) {
        const struct kafka_toppar *t = &s->toppars.items[i];
        rd_kafka_topic_partition_list_add(list, t->topic->name, t->number)->offset =
            RD_KAFKA_OFFSET_SPEC_LATEST;
    }
    struct kafka_wait wait = {.is_job = true, .until_mono_us = INT64_MAX};
    TRY(kafka_admin_offsets(s, list, !s->reads_committed, wait, err));
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *found = &list->elems[i];
        struct source_partition *p = kafka_partition_find(s, found->topic, found->partition);
        p->limit_offset = found->offset;
        p->end_offset = found->offset;
        p->at_limit = p->next_offset >= p->limit_offset;
    }
    source_set_status(base, SOURCE_RUNNING, "%s", "");
    return 0;
}

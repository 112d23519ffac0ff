/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_topics - which topics and partitions are read, and whether they are
 * still the same
 *
 *  (1) A topic is its id, not its name: a topic deleted and made again under
 *      an assigned consumer gives no error and loses messages (seen), so every
 *      look at the cluster compares ids.
 *  (2) Partitions only come, in order of number; they are never removed.
 *  (3) The watcher thread looks at the cluster now and then; it changes
 *      nothing but `found`, which the job's thread takes over in poll.
 *
 * A pattern is an extended regular expression that matches the whole name; \d
 * is understood as in Java.  Kafka's own topics never match.
 */
#include <regex.h>

#include "connect/kafka_source.h"

/* While the broker is away, and after a look that failed. */
#define WATCH_SOON_US 1000000

static const char *const kafka_internal_topics[] = {"__consumer_offsets", "__transaction_state",
                                                    "__share_group_state"};

static struct kafka_wanted *kafka_wanted_add(struct kafka_source *s, struct str name)
{
    vec_foreach (struct kafka_wanted, it, &s->wanted) {
        if (str_eq_c(name, it->name)) {
            return it;
        }
    }
    struct kafka_wanted *wanted = vec_push(&s->wanted);
    wanted->name = str_dup(name);
    return wanted;
}

/* 'subscribe' = 'a, b' */
static int kafka_topics_parse_subscribe(struct kafka_source *s, struct str text, struct err *err)
{
    struct str rest = text;
    struct str part;
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.len > 249) {
            return err_set(err, ERR_CONFIG, "option \"subscribe\": a topic's name is too long");
        }
        if (part.len > 0) {
            kafka_wanted_add(s, part);
        }
    }
    if (s->wanted.count == 0) {
        return err_set(err, ERR_CONFIG, "option \"subscribe\" names no topic");
    }
    return 0;
}

static int kafka_topics_parse_numbers(struct kafka_wanted *wanted, const struct json *list,
                                      struct err *err)
{
    json_foreach (item, list) {
        int64_t number = 0;
        if (!json_get_i64(item, &number) || number < 0 || number > INT32_MAX) {
            return err_set(err, ERR_CONFIG,
                           "option \"assign\": topic \"%s\" needs a list of partition numbers",
                           wanted->name);
        }
        *vec_push(&wanted->numbers) = (int32_t)number;
    }
    return 0;
}

/* 'assign' = '{"a":[0,1],"b":[2]}' */
static int kafka_topics_parse_assign(struct kafka_source *s, struct str text, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    if (json_parse(&arena, text, &root, err) < 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "option \"assign\"");
    }
    if (root->kind != JSON_OBJECT || root->count == 0) {
        return err_set(err, ERR_CONFIG,
                       "option \"assign\" needs JSON like {\"topic\":[0,1]}, not \"%.*s\"",
                       STR_FMT(str_head(text, 100)));
    }
    json_foreach (member, root) {
        struct kafka_wanted *wanted = kafka_wanted_add(s, member->name);
        if (member->kind != JSON_ARRAY || member->count == 0) {
            return err_set(err, ERR_CONFIG,
                           "option \"assign\": topic \"%s\" needs a list of partition numbers",
                           wanted->name);
        }
        TRY(kafka_topics_parse_numbers(wanted, member, err));
    }
    return 0;
}

/* Java's \d outside of POSIX's words; the whole name has to match. */
static char *kafka_pattern_translate(struct str pattern)
{
    struct buf out = {0};
    buf_add_c(&out, "^(");
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.ptr[i] == '\\' && i + 1 < pattern.len && pattern.ptr[i + 1] == 'd') {
            buf_add_c(&out, "[0-9]");
            i++;
        } else {
            buf_add_char(&out, pattern.ptr[i]);
        }
    }
    buf_add_c(&out, ")$");
    return buf_take(&out);
}

static int kafka_topics_parse_pattern(struct kafka_source *s, struct str text, struct err *err)
{
    regex_t regex;
    s->pattern = kafka_pattern_translate(text);
    int rc = regcomp(&regex, s->pattern, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        char reason[128];
        regerror(rc, &regex, reason, sizeof(reason));
        return err_set(err, ERR_CONFIG, "option \"subscribePattern\": %s", reason);
    }
    regfree(&regex);
    return 0;
}

int kafka_topics_parse(struct kafka_source *s, struct err *err)
{
    static const char *const names[] = {[KAFKA_SUBSCRIBE] = "subscribe",
                                        [KAFKA_ASSIGN] = "assign",
                                        [KAFKA_PATTERN] = "subscribePattern"};
    const struct setting *chosen = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct setting *setting = settings_find(&s->settings, names[i]);
        if (setting == NULL) {
            continue;
        }
        if (chosen != NULL) {
            err_set(err, ERR_CONFIG, "options \"%s\" and \"%s\" exclude each other",
                    names[s->selection], names[i]);
            return settings_error(setting, err);
        }
        chosen = setting;
        s->selection = (enum kafka_selection)i;
    }
    if (chosen == NULL) {
        return err_set(err, ERR_CONFIG,
                       "one of the options \"subscribe\", \"subscribePattern\" and \"assign\" is "
                       "needed");
    }
    int rc = 0;
    switch (s->selection) {
    case KAFKA_SUBSCRIBE:
        rc = kafka_topics_parse_subscribe(s, chosen->value, err);
        break;
    case KAFKA_ASSIGN:
        rc = kafka_topics_parse_assign(s, chosen->value, err);
        break;
    case KAFKA_PATTERN:
        rc = kafka_topics_parse_pattern(s, chosen->value, err);
        break;
    }
    return rc < 0 ? settings_error(chosen, err) : 0;
}

void kafka_topics_done(struct kafka_source *s)
{
    vec_foreach (struct kafka_wanted, wanted, &s->wanted) {
        mem_free(wanted->name);
        vec_done(&wanted->numbers);
    }
    vec_done(&s->wanted);
    for (size_t i = 0; i < s->topics.count; i++) {
        struct kafka_topic *topic = s->topics.items[i];
        if (topic->rkt != NULL) {
            rd_kafka_topic_destroy(topic->rkt);
        }
        mem_free(topic->name);
        mem_free(topic->index_of);
        mem_free(topic);
    }
    vec_done(&s->topics);
    vec_done(&s->toppars);
    kafka_descriptions_done(&s->found);
    mem_free(s->pattern);
}

static bool kafka_topic_is_internal(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(kafka_internal_topics); i++) {
        if (strcmp(name, kafka_internal_topics[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The names that a look at the cluster asks for; borrowed from `s` and `all`. */
struct kafka_names {
    VEC(const char *) items;
};

static int kafka_topics_names(struct kafka_source *s, struct kafka_wait wait,
                              struct kafka_descriptions *all, struct kafka_names *out,
                              struct err *err)
{
    if (s->selection != KAFKA_PATTERN) {
        vec_foreach (struct kafka_wanted, wanted, &s->wanted) {
            *vec_push(&out->items) = wanted->name;
        }
        return 1;
    }
    if (TRY(kafka_admin_list(s, wait, all, err)) == 0) {
        return 0;
    }
    regex_t regex;
    int rc = regcomp(&regex, s->pattern, REG_EXTENDED | REG_NOSUB);
    assert(rc == 0);
    vec_foreach (struct kafka_description, d, &all->items) {
        if (!kafka_topic_is_internal(d->name) && regexec(&regex, d->name, 0, NULL, 0) == 0) {
            *vec_push(&out->items) = d->name;
        }
    }
    regfree(&regex);
    return 1;
}

/* One look at all topics of the options. 1 = looked, 0 = time is over. */
static int kafka_topics_look(struct kafka_source *s, struct kafka_wait wait,
                             struct kafka_descriptions *out, struct err *err)
{
    AUTO_DESCRIPTIONS struct kafka_descriptions all = {0};
    struct kafka_names names = {0};
    int rc = kafka_topics_names(s, wait, &all, &names, err);
    if (rc > 0 && names.items.count > 0) {
        rc = kafka_admin_describe(s, names.items.items, names.items.count, wait, out, err);
    }
    vec_done(&names.items);
    return rc;
}

static struct kafka_topic *kafka_topic_find(struct kafka_source *s, const char *name)
{
    for (size_t i = 0; i < s->topics.count; i++) {
        if (strcmp(s->topics.items[i]->name, name) == 0) {
            return s->topics.items[i];
        }
    }
    return NULL;
}

static int kafka_topic_recreated(const char *name, const char *was, const char *is, struct err *err)
{
    return err_set(err, ERR_IDENTITY,
                   "topic \"%s\" was deleted and created again (id %s, now %s); see sluice offsets",
                   name, was, is);
}

static int kafka_topic_gone(const char *name, struct err *err)
{
    return err_set(err, ERR_IDENTITY, "topic \"%s\" was deleted; see sluice offsets", name);
}

/* Compares one answer with what is known of the topic. `known_id` may be "": a broker without. */
static int kafka_topic_compare(const struct kafka_description *d, const char *known_id,
                               struct err *err)
{
    if (d->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        d->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID) {
        return kafka_topic_gone(d->name, err);
    }
    if (d->error == RD_KAFKA_RESP_ERR_NO_ERROR && known_id[0] != '\0' && d->id[0] != '\0' &&
        strcmp(known_id, d->id) != 0) {
        return kafka_topic_recreated(d->name, known_id, d->id, err);
    }
    return 0;
}

static void kafka_toppar_add(struct kafka_source *s, struct kafka_topic *topic, int32_t number)
{
    size_t slot = (size_t)number;
    if (slot >= topic->index_count) {
        topic->index_of = mem_realloc(topic->index_of, mem_product(slot + 1, sizeof(uint32_t)));
        for (size_t i = topic->index_count; i <= slot; i++) {
            topic->index_of[i] = KAFKA_NO_INDEX;
        }
        topic->index_count = slot + 1;
    }
    assert(topic->index_of[slot] == KAFKA_NO_INDEX);
    topic->index_of[slot] = (uint32_t)s->base.partitions.count;
    *vec_push(&s->base.partitions) = (struct source_partition){
        .topic = str_of(topic->name),
        .topic_id = str_of(topic->id),
        .number = number,
        .next_offset = -1,
        .end_offset = -1,
        .limit_offset = INT64_MAX,
        .leader_epoch = -1,
    };
    MUTEX_GUARD(&s->lock);
    *vec_push(&s->toppars) = (struct kafka_toppar){
        .topic = topic,
        .number = number,
        .is_late = atomic_load(&s->has_started),
        .acknowledge_offset = -1,
    };
    assert(s->toppars.count == s->base.partitions.count);
}

static struct kafka_topic *kafka_topic_add(struct kafka_source *s,
                                           const struct kafka_description *d)
{
    struct kafka_topic *topic = mem_new(struct kafka_topic);
    topic->name = mem_strdup(d->name);
    memcpy(topic->id, d->id, sizeof(topic->id));
    topic->rkt = rd_kafka_topic_new(s->rk, topic->name, NULL);
    assert(topic->rkt != NULL);
    *vec_push(&s->topics) = topic;
    return topic;
}

static bool kafka_topic_has(const struct kafka_topic *topic, int32_t number)
{
    return (size_t)number < topic->index_count && topic->index_of[number] != KAFKA_NO_INDEX;
}

static struct kafka_wanted *kafka_wanted_find(struct kafka_source *s, const char *name)
{
    vec_foreach (struct kafka_wanted, wanted, &s->wanted) {
        if (strcmp(wanted->name, name) == 0) {
            return wanted;
        }
    }
    return NULL;
}

/* The partitions of `assign` that are not there yet. Answers how many were added. */
static int kafka_topic_merge_assigned(struct kafka_source *s, struct kafka_topic *topic,
                                      const struct kafka_description *d, struct err *err)
{
    int added = 0;
    struct kafka_wanted *wanted = kafka_wanted_find(s, d->name);
    assert(wanted != NULL);
    for (size_t i = 0; i < wanted->numbers.count; i++) {
        int32_t number = wanted->numbers.items[i];
        if (number >= d->partition_count) {
            return err_set(err, ERR_CONFIG,
                           "topic \"%s\" has no partition %" PRId32 ": it has %" PRId32 " of them",
                           d->name, number, d->partition_count);
        }
        if (!kafka_topic_has(topic, number)) {
            kafka_toppar_add(s, topic, number);
            added++;
        }
    }
    return added;
}

/* Answers how many partitions were added. */
static int kafka_topic_merge(struct kafka_source *s, const struct kafka_description *d,
                             struct err *err)
{
    struct kafka_topic *topic = kafka_topic_find(s, d->name);
    if (topic != NULL) {
        TRY(kafka_topic_compare(d, topic->id, err));
    } else if (d->error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        topic = kafka_topic_add(s, d);
    }
    if (topic == NULL || d->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    if (s->selection == KAFKA_ASSIGN) {
        return kafka_topic_merge_assigned(s, topic, d, err);
    }
    int added = 0;
    for (int32_t number = 0; number < d->partition_count; number++) {
        if (!kafka_topic_has(topic, number)) {
            kafka_toppar_add(s, topic, number);
            added++;
        }
    }
    return added;
}

/* ERR_CONFIG with the nearest name that there is. */
static int kafka_topic_missing(struct kafka_source *s, const char *name, struct err *err)
{
    AUTO_DESCRIPTIONS struct kafka_descriptions all = {0};
    struct kafka_wait wait = {.is_job = true, .until_mono_us = clock_mono_us() + 2000000};
    const char *nearest = NULL;
    size_t best = strlen(name) / 2 > 2 ? strlen(name) / 2 : 2;
    if (TRY(kafka_admin_list(s, wait, &all, err)) > 0) {
        vec_foreach (struct kafka_description, d, &all.items) {
            size_t distance = str_distance(str_of(name), str_of(d->name));
            if (distance <= best && !kafka_topic_is_internal(d->name)) {
                best = distance;
                nearest = d->name;
            }
        }
    }
    if (nearest != NULL) {
        return err_set(err, ERR_CONFIG, "topic \"%s\" does not exist; did you mean \"%s\"?", name,
                       nearest);
    }
    return err_set(err, ERR_CONFIG, "topic \"%s\" does not exist", name);
}

/* At the first look every topic that was named has to be there. */
static int kafka_topics_check(struct kafka_source *s, const struct kafka_descriptions *found,
                              struct err *err)
{
    vec_foreach (struct kafka_description, d, &found->items) {
        if (d->error == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_topic_find(s, d->name) != NULL) {
            continue;
        }
        if (d->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            return kafka_topic_missing(s, d->name, err);
        }
        return err_set(err, ERR_CONFIG, "topic \"%s\": %s", d->name, rd_kafka_err2str(d->error));
    }
    if (s->selection == KAFKA_PATTERN && found->items.count == 0) {
        return err_set(err, ERR_CONFIG, "no topic matches the option \"subscribePattern\"");
    }
    return 0;
}

/* Those that the cluster says it has: where they differ from the bootstrap servers, an advertised
 * address may be the one that cannot be reached. */
static void kafka_topics_name_brokers(struct kafka_source *s, const rd_kafka_metadata_t *md)
{
    AUTO_BUF struct buf names = {0};
    for (int i = 0; i < md->broker_cnt; i++) {
        buf_printf(&names, "%s%s:%d", i > 0 ? "," : "", md->brokers[i].host, md->brokers[i].port);
    }
    snprintf(s->base.connected_to, sizeof(s->base.connected_to), "%.*s", STR_FMT(buf_str(&names)));
}

/* Lets librdkafka learn the leaders of new topics now; by itself it takes a second. */
static void kafka_topics_warm(struct kafka_source *s)
{
    const rd_kafka_metadata_t *md = NULL;
    if (rd_kafka_metadata(s->rk, 0, NULL, &md, 500) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_topics_name_brokers(s, md);
        rd_kafka_metadata_destroy(md);
    }
}

int kafka_topics_discover(struct source *base, struct err *err)
{
    struct kafka_source *s = kafka_source_of(base);
    AUTO_DESCRIPTIONS struct kafka_descriptions found = {0};
    struct kafka_wait wait = {.is_job = true, .until_mono_us = INT64_MAX};
    int rc = TRY(kafka_topics_look(s, wait, &found, err));
    assert(rc == 1);
    TRY(kafka_topics_check(s, &found, err));
    int added = 0;
    vec_foreach (struct kafka_description, d, &found.items) {
        added += TRY(kafka_topic_merge(s, d, err));
    }
    if (added > 0) {
        kafka_topics_warm(s);
    }
    source_set_status(base, SOURCE_RUNNING, "%s", "");
    if (!s->watcher.running && s->refresh_us > 0) {
        thread_start(&s->watcher, "kafka-watch", kafka_topics_watch, s);
    }
    return added;
}

int kafka_topics_verify(struct source *base, struct err *err)
{
    struct kafka_source *s = kafka_source_of(base);
    AUTO_DESCRIPTIONS struct kafka_descriptions found = {0};
    struct kafka_names names = {0};
    struct kafka_names ids = {0};
    {
        /* Topics of the first partition of each: the list of topics is the job's. */
        MUTEX_GUARD(&s->lock);
        const struct kafka_topic *last = NULL;
        for (size_t i = 0; i < s->toppars.count; i++) {
            const struct kafka_topic *topic = s->toppars.items[i].topic;
            if (topic != last) {
                *vec_push(&names.items) = topic->name;
                *vec_push(&ids.items) = topic->id;
                last = topic;
            }
        }
    }
    /* Partitions found later repeat a topic; a question may name it only once. */
    size_t count = 0;
    for (size_t i = 0; i < names.items.count; i++) {
        size_t j = 0;
        while (j < count && names.items.items[j] != names.items.items[i]) {
            j++;
        }
        if (j == count) {
            names.items.items[count] = names.items.items[i];
            ids.items.items[count] = ids.items.items[i];
            count++;
        }
    }
    struct kafka_wait wait = {.is_job = false, .until_mono_us = INT64_MAX};
    int rc = count == 0 ? 0 : kafka_admin_describe(s, names.items.items, count, wait, &found, err);
    for (size_t i = 0; rc >= 0 && i < found.items.count; i++) {
        const struct kafka_description *d = &found.items.items[i];
        for (size_t j = 0; j < count; j++) {
            if (strcmp(names.items.items[j], d->name) == 0) {
                rc = kafka_topic_compare(d, ids.items.items[j], err);
                break;
            }
        }
    }
    vec_done(&names.items);
    vec_done(&ids.items);
    return rc < 0 ? rc : 0;
}

int kafka_topics_adopt(struct kafka_source *s, struct err *err)
{
    AUTO_DESCRIPTIONS struct kafka_descriptions found = {0};
    {
        MUTEX_GUARD(&s->lock);
        found = s->found;
        s->found = (struct kafka_descriptions){0};
    }
    vec_foreach (struct kafka_description, d, &found.items) {
        if (TRY(kafka_topic_merge(s, d, err)) > 0) {
            s->base.has_new_partitions = true;
            kafka_topics_warm(s);
        }
    }
    return 0;
}

/* Sleeps `us` or until the source closes; false = it closes. */
static bool kafka_watch_sleep(struct kafka_source *s, int64_t us)
{
    int64_t until_us = clock_mono_us() + us;
    MUTEX_GUARD(&s->lock);
    while (!s->is_closing && cond_wait_until(&s->changed, &s->lock, until_us)) {
    }
    return !s->is_closing;
}

void kafka_topics_watch(void *source)
{
    struct kafka_source *s = source;
    assert(s->magic == KAFKA_SOURCE_MAGIC);
    pulse_attach(NULL); /* that this thread is well says nothing of the query */
    int64_t pause_us = s->refresh_us;
    while (kafka_watch_sleep(s, pause_us)) {
        AUTO_DESCRIPTIONS struct kafka_descriptions found = {0};
        struct err err;
        struct kafka_wait wait = {.is_job = false, .until_mono_us = clock_mono_us() + 6000000};
        int rc = kafka_topics_look(s, wait, &found, &err);
        pause_us = s->refresh_us;
        MUTEX_GUARD(&s->lock);
        if (rc > 0) {
            kafka_descriptions_done(&s->found);
            s->found = found;
            found = (struct kafka_descriptions){0};
            s->contact_us = clock_mono_us();
        } else if (pause_us > WATCH_SOON_US) {
            /* A failure is not the job's affair: rights may come back, verify tells the rest. */
            pause_us = WATCH_SOON_US;
        }
    }
}

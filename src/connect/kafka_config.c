/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_config - pipeline options -> a librdkafka configuration
 *
 * Order: presets, then what `queueBytes` means, then the user's kafka.*, then
 * what must not be overridden.
 *
 *  (1) auto.offset.reset is `error`: librdkafka's own default jumps to the end
 *      of the log with a log line only.
 *  (2) Nothing commits or stores offsets but kafka_group.c.
 *  (3) Prefetched messages stay within queueBytes, overhead included: half of
 *      it bounds their bytes, the other half their number.  What is on its way
 *      comes on top: at most one fetch a broker.
 *  (4) A property that would break exactly-once, load code into the process or
 *      have no effect is refused with the reason.
 *
 * isolation.level may be read_uncommitted, as in Spark: offsets stay exact, but
 * records of transactions that were aborted are delivered too.  The preset is
 * read_committed, which is not Spark's.
 */
#include "connect/kafka_config.h"

#define KAFKA_QUEUE_BYTES_MIN ((uint64_t)1 << 20)

struct kafka_property {
    const char *name;
    const char *value;
};

/* What a source wants unless the user says otherwise. */
static const struct kafka_property kafka_presets[] = {
    {"check.crcs", "true"},
    {"isolation.level", "read_committed"},
    {"allow.auto.create.topics", "false"},
    {"enable.metrics.push", "false"},
    /* A fetcher that met a full queue looks again after 5 ms instead of a second. */
    {"fetch.queue.backoff.ms", "5"},
    {"fetch.error.backoff.ms", "100"},
    /* A fetch that waits for records holds up a restart of delivery, and the news of the end. */
    {"fetch.wait.max.ms", "100"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
    {"socket.keepalive.enable", "true"},
    /* The group is never joined; librdkafka holds a commit for so long while there is no
     * coordinator, and does not close meanwhile. */
    {"session.timeout.ms", "5000"},
    {"log.connection.close", "false"},
    /* kafka_stats.c */
    {"statistics.interval.ms", "5000"},
};

/* What a source needs, whatever the user says. */
static const struct kafka_property kafka_musts[] = {
    {"auto.offset.reset", "error"},
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
};

static const struct kafka_property kafka_refused[] = {
    {"auto.offset.reset", "offsets come from the table; use startingOffsets"},
    {"enable.auto.commit", "offsets are committed with the table's data"},
    {"enable.auto.offset.store", "offsets are committed with the table's data"},
    {"enable.partition.eof", "it is needed to know where the log ends"},
    {"group.instance.id", "partitions are assigned by position, the group is never joined"},
    {"group.protocol", "partitions are assigned by position, the group is never joined"},
    {"group.remote.assignor", "partitions are assigned by position, the group is never joined"},
    {"partition.assignment.strategy",
     "partitions are assigned by position, the group is never joined"},
    {"key.deserializer", "keys are read as they are"},
    {"value.deserializer", "use 'value.format'"},
    {"interceptor.classes", "interceptors are not supported"},
    {"plugin.library.paths", "a pipeline may not load code"},
    {"offset.store.method", "offsets are committed with the table's data"},
    {"transactional.id", "it is a producer's"},
    {"test.mock.num.brokers", "each client would get brokers of its own; see sluice demo"},
};

/* Parts of names whose values are never shown. */
static const char *const kafka_secrets[] = {
    "password", "passphrase", "secret", "jaas", ".pem", "ssl.keystore.key", "oauthbearer.config",
};

bool kafka_config_is_secret(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(kafka_secrets); i++) {
        if (strstr(name, kafka_secrets[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The known property nearest to `name` in *ret_near, or "". */
static void kafka_config_nearest(rd_kafka_conf_t *conf, const char *name, char ret_near[64])
{
    ret_near[0] = '\0';
    size_t count = 0;
    const char **pairs = rd_kafka_conf_dump(conf, &count);
    size_t best = strlen(name) / 4 > 2 ? strlen(name) / 4 : 2;
    for (size_t i = 0; i + 1 < count; i += 2) {
        size_t distance = str_distance(str_of(name), str_of(pairs[i]));
        if (distance <= best && strlen(pairs[i]) < 64) {
            best = distance;
            memcpy(ret_near, pairs[i], strlen(pairs[i]) + 1);
        }
    }
    rd_kafka_conf_dump_free(pairs, count);
}

int kafka_config_set(rd_kafka_conf_t *conf, const char *option, const char *name, const char *value,
                     struct err *err)
{
    char text[512] = "";
    rd_kafka_conf_res_t rc = rd_kafka_conf_set(conf, name, value, text, sizeof(text));
    if (rc == RD_KAFKA_CONF_OK) {
        return 0;
    }
    if (rc == RD_KAFKA_CONF_UNKNOWN) {
        char nearest[64];
        kafka_config_nearest(conf, name, nearest);
        if (nearest[0] != '\0') {
            return err_set(err, ERR_CONFIG,
                           "option \"%s\": no such Kafka property; did you mean \"kafka.%s\"?",
                           option, nearest);
        }
        return err_set(err, ERR_CONFIG, "option \"%s\": no such Kafka property", option);
    }
    if (kafka_config_is_secret(name)) {
        return err_set(err, ERR_CONFIG, "option \"%s\": the value is not accepted", option);
    }
    return err_set(err, ERR_CONFIG, "option \"%s\": %s", option, text);
}

char *kafka_config_get(const rd_kafka_conf_t *conf, const char *name)
{
    size_t size = 0;
    if (rd_kafka_conf_get(conf, name, NULL, &size) != RD_KAFKA_CONF_OK) {
        return NULL;
    }
    char *value = mem_zalloc(size + 1);
    if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK) {
        mem_free(value);
        return NULL;
    }
    return value;
}

static int kafka_config_set_u64(rd_kafka_conf_t *conf, const char *name, uint64_t value,
                                struct err *err)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return kafka_config_set(conf, name, name, text, err);
}

static int kafka_config_apply(rd_kafka_conf_t *conf, const struct kafka_property *list,
                              size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        TRY(kafka_config_set(conf, list[i].name, list[i].name, list[i].value, err));
    }
    return 0;
}

/* Invariant (3). */
static int kafka_config_queue(rd_kafka_conf_t *conf, const struct settings *settings,
                              struct err *err)
{
    uint64_t budget = settings_bytes(settings, kafka_options, "queueBytes", 0);
    if (budget < KAFKA_QUEUE_BYTES_MIN) {
        err_set(err, ERR_CONFIG, "option \"queueBytes\" must be at least 1 MiB");
        return settings_error(settings_find(settings, "queueBytes"), err);
    }
    uint64_t half = budget / 2;
    uint64_t kilobytes = half / 1024 < 2097151 ? half / 1024 : 2097151;
    uint64_t messages = half / KAFKA_MESSAGE_OVERHEAD;
    TRY(kafka_config_set_u64(conf, "queued.max.messages.kbytes", kilobytes, err));
    return kafka_config_set_u64(conf, "queued.min.messages",
                                messages < 10000000 ? messages : 10000000, err);
}

/* One kafka.* setting of the user. */
static int kafka_config_user(rd_kafka_conf_t *conf, const struct settings *settings,
                             const struct setting *setting, bool is_consumer, struct err *err)
{
    AUTO_FREE char *option = str_dup(setting->name);
    AUTO_FREE char *name = str_dup(str_skip(setting->name, strlen("kafka.")));
    AUTO_FREE char *value = str_dup(setting->value);
    for (char *c = name; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    if (kafka_config_is_secret(name)) {
        log_mask(setting->value);
    }
    if (memchr(setting->value.ptr, '\0', setting->value.len) != NULL) {
        return err_set(err, ERR_CONFIG, "option \"%s\" has a NUL byte in it", option);
    }
    for (size_t i = 0; is_consumer && i < ARRAY_COUNT(kafka_refused); i++) {
        if (strcmp(name, kafka_refused[i].name) == 0) {
            return err_set(err, ERR_CONFIG, "option \"%s\" is not supported: %s", option,
                           kafka_refused[i].value);
        }
    }
    if (TRY(kafka_java_set(conf, settings, name, setting->value, err)) > 0) {
        return 0;
    }
    return kafka_config_set(conf, option, name, value, err);
}

static int kafka_config_users(rd_kafka_conf_t *conf, const struct settings *settings,
                              bool is_consumer, struct err *err)
{
    vec_foreach (struct setting, setting, &settings->items) {
        if (!str_starts_nocase(setting->name, STR("kafka."))) {
            continue;
        }
        if (kafka_config_user(conf, settings, setting, is_consumer, err) < 0) {
            return settings_error(setting, err);
        }
    }
    return 0;
}

/* client.id and group.id, which operators see on the broker. */
static int kafka_config_names(rd_kafka_conf_t *conf, const struct settings *settings,
                              const char *query, struct err *err)
{
    AUTO_FREE char *client = mem_printf("sluice-%s", query);
    TRY(kafka_config_set(conf, "client.id", "client.id", client, err));
    TRY(kafka_config_set(conf, "client.software.name", "client.software.name", "sluice", err));
    TRY(kafka_config_set(conf, "client.software.version", "client.software.version", SLUICE_VERSION,
                         err));
    struct str prefix = settings_str(settings, kafka_options, "groupIdPrefix");
    AUTO_FREE char *group = mem_printf("%.*s-%s", STR_FMT(prefix), query);
    return kafka_config_set(conf, "group.id", "group.id", group, err);
}

static void kafka_config_destroyp(rd_kafka_conf_t **conf)
{
    if (*conf != NULL) {
        rd_kafka_conf_destroy(*conf);
    }
}
#define AUTO_CONF AUTO(kafka_config_destroyp)

static int kafka_config_check_bootstrap(const struct settings *settings, rd_kafka_conf_t *conf,
                                        struct err *err)
{
    AUTO_FREE char *servers = kafka_config_get(conf, "bootstrap.servers");
    if (servers == NULL || servers[0] == '\0') {
        err_set(err, ERR_CONFIG, "option \"kafka.bootstrap.servers\" is missing");
        return settings_error(settings_find(settings, "kafka.bootstrap.servers"), err);
    }
    return 0;
}

int kafka_config_make(const struct settings *settings, const char *query,
                      rd_kafka_conf_t **ret_conf, struct err *err)
{
    AUTO_CONF rd_kafka_conf_t *conf = rd_kafka_conf_new();
    TRY(kafka_config_apply(conf, kafka_presets, ARRAY_COUNT(kafka_presets), err));
    TRY(kafka_config_queue(conf, settings, err));
    TRY(kafka_config_names(conf, settings, query, err));
    TRY(kafka_config_users(conf, settings, true, err));
    TRY(kafka_config_apply(conf, kafka_musts, ARRAY_COUNT(kafka_musts), err));
    TRY(kafka_config_check_bootstrap(settings, conf, err));
    *ret_conf = TAKE(conf);
    return 0;
}

int kafka_config_make_producer(const struct settings *settings, const char *query,
                               rd_kafka_conf_t **ret_conf, struct err *err)
{
    AUTO_CONF rd_kafka_conf_t *conf = rd_kafka_conf_new();
    AUTO_FREE char *client = mem_printf("sluice-%s", query);
    TRY(kafka_config_set(conf, "client.id", "client.id", client, err));
    TRY(kafka_config_set(conf, "enable.metrics.push", "enable.metrics.push", "false", err));
    TRY(kafka_config_set(conf, "log.connection.close", "log.connection.close", "false", err));
    TRY(kafka_config_users(conf, settings, false, err));
    TRY(kafka_config_check_bootstrap(settings, conf, err));
    *ret_conf = TAKE(conf);
    return 0;
}

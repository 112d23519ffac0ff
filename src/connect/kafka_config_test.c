/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "connect/kafka_config.h"

/* Settings out of name, value, …, NULL; brokers come on top. */
static struct settings settings_of(const char *const *pairs)
{
    struct settings settings = {0};
    *vec_push(&settings.items) =
        (struct setting){.name = STR("kafka.bootstrap.servers"), .value = STR("127.0.0.1:1")};
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        *vec_push(&settings.items) = (struct setting){
            .name = str_of(pairs[i]), .value = str_of(pairs[i + 1]), .line = 3, .column = 9};
    }
    return settings;
}

static void expect(const char *const *pairs, const char *property, const char *value)
{
    struct err err = {0};
    struct settings settings = settings_of(pairs);
    rd_kafka_conf_t *conf = NULL;
    if (kafka_config_make(&settings, "q", &conf, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    AUTO_FREE char *got = kafka_config_get(conf, property);
    assert_non_null(got);
    assert_string_equal(got, value);
    rd_kafka_conf_destroy(conf);
    vec_done(&settings.items);
}
#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PLAIN     ((const char *const[]){NULL})

static void refuse(const char *const *pairs, const char *part)
{
    struct err err = {0};
    struct settings settings = settings_of(pairs);
    rd_kafka_conf_t *conf = NULL;
    assert_int_equal(kafka_config_make(&settings, "q", &conf, &err), ERR_CONFIG);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.msg);
    }
    vec_done(&settings.items);
}

static void presets_keep_offsets_exact(void **state)
{
    (void)state;
    expect(PLAIN, "auto.offset.reset", "error");
    expect(PLAIN, "enable.auto.commit", "false");
    expect(PLAIN, "enable.auto.offset.store", "false");
    expect(PLAIN, "enable.partition.eof", "true");
    expect(PLAIN, "check.crcs", "true");
    expect(PLAIN, "isolation.level", "read_committed");
    expect(PLAIN, "allow.auto.create.topics", "false");
    expect(PLAIN, "enable.metrics.push", "false");
    expect(PLAIN, "fetch.queue.backoff.ms", "5");
    expect(PLAIN, "group.id", "sluice-q");
    expect(PLAIN, "client.id", "sluice-q");
}

static void the_queue_budget_counts_overhead(void **state)
{
    (void)state;
    expect(PLAIN, "queued.max.messages.kbytes", "8192");
    expect(PLAIN, "queued.min.messages", "27962");
    expect(WITH("queueBytes", "8 MiB"), "queued.max.messages.kbytes", "4096");
    expect(WITH("queueBytes", "8 MiB", "kafka.queued.min.messages", "7"), "queued.min.messages",
           "7");
    refuse(WITH("queueBytes", "10k"), "3:9: option \"queueBytes\" must be at least 1 MiB");
}

static void properties_are_passed_through(void **state)
{
    (void)state;
    expect(WITH("kafka.fetch.min.bytes", "1000"), "fetch.min.bytes", "1000");
    expect(WITH("KAFKA.Fetch.Min.Bytes", "1000"), "fetch.min.bytes", "1000");
    expect(WITH("kafka.group.id", "mine"), "group.id", "mine");
    expect(WITH("groupIdPrefix", "team"), "group.id", "team-q");
    expect(WITH("kafka.isolation.level", "read_uncommitted"), "isolation.level",
           "read_uncommitted");
    expect(WITH("kafka.security.protocol", "SASL_SSL"), "security.protocol", "sasl_ssl");
}

static void properties_that_break_the_promise_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const names[] = {"kafka.auto.offset.reset",
                                        "kafka.enable.auto.commit",
                                        "kafka.Enable.Auto.Commit",
                                        "kafka.enable.auto.offset.store",
                                        "kafka.enable.partition.eof",
                                        "kafka.group.instance.id",
                                        "kafka.key.deserializer",
                                        "kafka.value.deserializer",
                                        "kafka.interceptor.classes",
                                        "kafka.plugin.library.paths",
                                        "kafka.partition.assignment.strategy"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        refuse(WITH(names[i], "x"), "is not supported: ");
    }
    refuse(WITH("kafka.auto.offset.reset", "latest"),
           "3:9: option \"kafka.auto.offset.reset\" is not supported: offsets come from the table; "
           "use startingOffsets");
}

static void a_misspelt_property_brings_the_nearest(void **state)
{
    (void)state;
    refuse(WITH("kafka.fetch.min.byte", "1"),
           "3:9: option \"kafka.fetch.min.byte\": no such Kafka property; did you mean "
           "\"kafka.fetch.min.bytes\"?");
    refuse(WITH("kafka.security.protocol", "tls"), "3:9: option \"kafka.security.protocol\": ");
    refuse(WITH("kafka.no.such.thing.at.all", "1"), "no such Kafka property");
}

static void brokers_have_to_be_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct settings settings = {0};
    rd_kafka_conf_t *conf = NULL;
    assert_int_equal(kafka_config_make(&settings, "q", &conf, &err), ERR_CONFIG);
    assert_string_equal(err.msg, "option \"kafka.bootstrap.servers\" is missing");
}

static void java_names_are_translated(void **state)
{
    (void)state;
    expect(WITH("kafka.fetch.max.wait.ms", "77"), "fetch.wait.max.ms", "77");
    expect(WITH("kafka.receive.buffer.bytes", "65536"), "socket.receive.buffer.bytes", "65536");
    expect(WITH("kafka.sasl.mechanism", "SCRAM-SHA-512"), "sasl.mechanisms", "SCRAM-SHA-512");
    expect(WITH("kafka.ssl.truststore.location", "/etc/ca.pem"), "ssl.ca.location", "/etc/ca.pem");
    expect(WITH("kafka.ssl.truststore.type", "PEM", "kafka.ssl.truststore.location", "/etc/ca"),
           "ssl.ca.location", "/etc/ca");
    expect(WITH("kafka.ssl.keystore.location", "/etc/me.p12"), "ssl.keystore.location",
           "/etc/me.p12");
    expect(WITH("kafka.ssl.keystore.location", "/etc/me.pem"), "ssl.key.location", "/etc/me.pem");
    expect(WITH("kafka.ssl.endpoint.identification.algorithm", ""),
           "ssl.endpoint.identification.algorithm", "none");
    expect(WITH("kafka.max.poll.records", "500"), "group.id", "sluice-q");
}

static void java_stores_are_refused_with_the_way_on(void **state)
{
    (void)state;
    refuse(WITH("kafka.ssl.truststore.location", "/etc/kafka.jks"), "keytool -exportcert -rfc");
    refuse(WITH("kafka.ssl.truststore.location", "/etc/kafka"), "kafka.ssl.ca.location");
    refuse(WITH("kafka.ssl.keystore.location", "/etc/kafka.jks"), "-deststoretype PKCS12");
    refuse(WITH("kafka.sasl.mechanism", "GSSAPI"), "Kerberos");
}

static void jaas_gives_user_and_password(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"bob\" "
        "password=\"p w;\\\"d\";",
        "kafkashaded.org.apache.kafka.common.security.scram.ScramLoginModule required\n"
        "  username='bob'\n  password='p w;\"d' ;",
        "ScramLoginModule required serviceName=\"x\" password=\"p w;\\\"d\" username=bob;"};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        expect(WITH("kafka.sasl.jaas.config", texts[i]), "sasl.username", "bob");
        expect(WITH("kafka.sasl.jaas.config", texts[i]), "sasl.password", "p w;\"d");
    }
}

static void jaas_that_cannot_work_says_why(void **state)
{
    (void)state;
    refuse(WITH("kafka.sasl.jaas.config", ""), "is empty");
    refuse(WITH("kafka.sasl.jaas.config", "a.b.PlainLoginModule required username=\"bob\";"),
           "has no password");
    refuse(WITH("kafka.sasl.jaas.config", "a.b.PlainLoginModule required"), "has no username");
    refuse(WITH("kafka.sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;"),
           "met \"Krb5LoginModule\"");
    refuse(WITH("kafka.sasl.jaas.config", "x.OAuthBearerLoginModule required;"), "oidc");
}

static void secrets_are_masked_and_never_in_errors(void **state)
{
    (void)state;
    struct err err = {0};
    const char *const *pairs =
        WITH("kafka.sasl.jaas.config",
             "x.PlainLoginModule required username=\"bob\" password=\"hunter2hunter2\";");
    struct settings settings = settings_of(pairs);
    rd_kafka_conf_t *conf = NULL;
    assert_int_equal(kafka_config_make(&settings, "q", &conf, &err), 0);
    char text[] = "login bob hunter2hunter2 failed";
    log_mask_text(text);
    assert_null(strstr(text, "hunter2"));
    rd_kafka_conf_destroy(conf);
    vec_done(&settings.items);

    assert_true(kafka_config_is_secret("sasl.password"));
    assert_true(kafka_config_is_secret("ssl.key.pem"));
    assert_true(kafka_config_is_secret("sasl.oauthbearer.client.secret"));
    assert_false(kafka_config_is_secret("ssl.keystore.type"));
    assert_false(kafka_config_is_secret("ssl.key.location"));
}

static void all_codecs_and_logins_are_built_in(void **state)
{
    (void)state;
    static const char *const features[] = {"gzip", "snappy",     "lz4",        "zstd",
                                           "ssl",  "sasl_plain", "sasl_scram", "sasl_oauthbearer"};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    AUTO_FREE char *built = kafka_config_get(conf, "builtin.features");
    for (size_t i = 0; i < ARRAY_COUNT(features); i++) {
        if (strstr(built, features[i]) == NULL) {
            fail_msg("librdkafka lacks %s: it has %s", features[i], built);
        }
    }
    rd_kafka_conf_destroy(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_keep_offsets_exact),
        cmocka_unit_test(the_queue_budget_counts_overhead),
        cmocka_unit_test(properties_are_passed_through),
        cmocka_unit_test(properties_that_break_the_promise_are_refused_with_the_reason),
        cmocka_unit_test(a_misspelt_property_brings_the_nearest),
        cmocka_unit_test(brokers_have_to_be_named),
        cmocka_unit_test(java_names_are_translated),
        cmocka_unit_test(java_stores_are_refused_with_the_way_on),
        cmocka_unit_test(jaas_gives_user_and_password),
        cmocka_unit_test(jaas_that_cannot_work_says_why),
        cmocka_unit_test(secrets_are_masked_and_never_in_errors),
        cmocka_unit_test(all_codecs_and_logins_are_built_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

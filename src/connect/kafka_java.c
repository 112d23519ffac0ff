/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_java - properties under the names that the Java client gives them
 *
 * People move a Spark job here by pasting its options, so the Java names work
 * where they can mean something: some are librdkafka's under another name, some
 * say in one property what librdkafka wants in two, some have no meaning in a
 * process without a JVM, and some (JKS stores, Kerberos) cannot work and say
 * what to do instead.
 */
#include "connect/kafka_config.h"

struct kafka_rename {
    const char *java;
    const char *name; /* NULL = accepted, has no meaning here */
};

static const struct kafka_rename kafka_renames[] = {
    {"fetch.max.wait.ms", "fetch.wait.max.ms"},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
    {"request.timeout.ms", "socket.timeout.ms"},
    {"sasl.mechanism", "sasl.mechanisms"},
    {"ssl.truststore.certificates", "ssl.ca.pem"},
    {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
    {"ssl.keystore.key", "ssl.key.pem"},
    {"max.poll.records", NULL},
    {"default.api.timeout.ms", NULL},
    {"exclude.internal.topics", NULL},
    {"ssl.protocol", NULL},
    {"ssl.enabled.protocols", NULL},
    {"ssl.provider", NULL},
    {"ssl.truststore.type", NULL},
    {"ssl.truststore.password", NULL},
    {"ssl.keystore.type", NULL},
};

static bool kafka_java_ends(struct str path, const char *suffix)
{
    struct str end = str_of(suffix);
    return path.len >= end.len && str_eq_nocase(str_skip(path, path.len - end.len), end);
}

/* "PEM", "JKS", "PKCS12" as said by `type_option`, else guessed from the file's name; "" = no idea.
 */
static struct str kafka_java_store_type(const struct settings *settings, const char *type_option,
                                        struct str path)
{
    const struct setting *type = settings_find(settings, type_option);
    if (type != NULL) {
        return type->value;
    }
    if (kafka_java_ends(path, ".pem") || kafka_java_ends(path, ".crt") ||
        kafka_java_ends(path, ".cer")) {
        return STR("PEM");
    }
    if (kafka_java_ends(path, ".p12") || kafka_java_ends(path, ".pfx")) {
        return STR("PKCS12");
    }
    return kafka_java_ends(path, ".jks") ? STR("JKS") : STR("");
}

static int kafka_java_truststore(rd_kafka_conf_t *conf, const struct settings *settings,
                                 struct str path, struct err *err)
{
    struct str type = kafka_java_store_type(settings, "kafka.ssl.truststore.type", path);
    if (!str_eq_nocase_c(type, "PEM")) {
        return err_set(err, ERR_CONFIG,
                       "option \"kafka.ssl.truststore.location\": a %.*s store is Java's; export "
                       "its certificates with \"keytool -exportcert -rfc\" and name the PEM file "
                       "in \"kafka.ssl.ca.location\"",
                       STR_FMT(type.len > 0 ? type : STR("JKS")));
    }
    AUTO_FREE char *value = str_dup(path);
    return kafka_config_set(conf, "kafka.ssl.truststore.location", "ssl.ca.location", value, err);
}

/* PKCS#12 is librdkafka's own format; a PEM store holds certificate and key in one file. */
static int kafka_java_keystore(rd_kafka_conf_t *conf, const struct settings *settings,
                               struct str path, struct err *err)
{
    const char *option = "kafka.ssl.keystore.location";
    struct str type = kafka_java_store_type(settings, "kafka.ssl.keystore.type", path);
    AUTO_FREE char *value = str_dup(path);
    if (str_eq_nocase_c(type, "PEM")) {
        TRY(kafka_config_set(conf, option, "ssl.certificate.location", value, err));
        return kafka_config_set(conf, option, "ssl.key.location", value, err);
    }
    if (str_eq_nocase_c(type, "PKCS12")) {
        return kafka_config_set(conf, option, "ssl.keystore.location", value, err);
    }
    return err_set(err, ERR_CONFIG,
                   "option \"%s\": a JKS store is Java's; convert it with \"keytool "
                   "-importkeystore -deststoretype PKCS12\" and name the .p12 file, or say "
                   "'kafka.ssl.keystore.type' = 'PEM'",
                   option);
}

/* Cuts one word, or a "quoted" or 'quoted' one, off *rest into `out`; false at the end or at ';'.
 */
static bool kafka_jaas_word(struct str *rest, struct buf *out)
{
    *rest = str_trim(*rest);
    buf_reset(out);
    if (rest->len == 0 || rest->ptr[0] == ';') {
        return false;
    }
    char quote = '\0';
    size_t i = 0;
    for (; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote != '\0' && c == quote) {
            quote = '\0';
        } else if (quote != '\0' && c == '\\' && i + 1 < rest->len) {
            buf_add_char(out, rest->ptr[++i]);
        } else if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';')) {
            break;
        } else {
            buf_add_char(out, c);
        }
    }
    *rest = str_skip(*rest, i);
    return true;
}

/* The word's value when it is `name`=value. */
static bool kafka_jaas_value(const struct buf *word, const char *name, char **ret_value)
{
    struct str text = buf_str(word);
    ptrdiff_t at = str_find(text, '=');
    if (at < 0 || !str_eq_nocase_c(str_head(text, (size_t)at), name)) {
        return false;
    }
    mem_free(*ret_value);
    *ret_value = str_dup(str_skip(text, (size_t)at + 1));
    return true;
}

int kafka_java_parse_jaas(struct str text, char **ret_user, char **ret_password, struct err *err)
{
    const char *option = "kafka.sasl.jaas.config";
    AUTO_BUF struct buf word = {0};
    struct str rest = text;
    if (!kafka_jaas_word(&rest, &word)) {
        return err_set(err, ERR_CONFIG, "option \"%s\" is empty", option);
    }
    struct str module = buf_str(&word);
    /* Only the last part counts: Databricks shades the package's name. */
    module = str_skip(module, (size_t)(str_rfind(module, '.') + 1));
    if (str_eq_c(module, "OAuthBearerLoginModule")) {
        return err_set(err, ERR_CONFIG,
                       "option \"%s\": for OAUTHBEARER set kafka.sasl.oauthbearer.method = 'oidc' "
                       "and kafka.sasl.oauthbearer.client.id, .client.secret, "
                       ".token.endpoint.url",
                       option);
    }
    if (!str_eq_c(module, "PlainLoginModule") && !str_eq_c(module, "ScramLoginModule")) {
        return err_set(err, ERR_CONFIG,
                       "option \"%s\": expected PlainLoginModule or ScramLoginModule, met \"%.*s\"",
                       option, STR_FMT(str_head(module, 60)));
    }
    AUTO_FREE char *user = NULL;
    AUTO_FREE char *password = NULL;
    while (kafka_jaas_word(&rest, &word)) {
        if (!kafka_jaas_value(&word, "username", &user)) {
            (void)kafka_jaas_value(&word, "password", &password);
        }
    }
    if (user == NULL || password == NULL) {
        return err_set(err, ERR_CONFIG, "option \"%s\" has no %s", option,
                       user == NULL ? "username" : "password");
    }
    *ret_user = TAKE(user);
    *ret_password = TAKE(password);
    return 0;
}

static int kafka_java_jaas(rd_kafka_conf_t *conf, struct str text, struct err *err)
{
    AUTO_FREE char *user = NULL;
    AUTO_FREE char *password = NULL;
    TRY(kafka_java_parse_jaas(text, &user, &password, err));
    log_mask(str_of(password));
    TRY(kafka_config_set(conf, "kafka.sasl.jaas.config", "sasl.username", user, err));
    return kafka_config_set(conf, "kafka.sasl.jaas.config", "sasl.password", password, err);
}

int kafka_java_set(rd_kafka_conf_t *conf, const struct settings *settings, const char *name,
                   struct str value, struct err *err)
{
    if (strcmp(name, "sasl.jaas.config") == 0) {
        TRY(kafka_java_jaas(conf, value, err));
        return 1;
    }
    if (strcmp(name, "ssl.truststore.location") == 0) {
        TRY(kafka_java_truststore(conf, settings, value, err));
        return 1;
    }
    if (strcmp(name, "ssl.keystore.location") == 0) {
        TRY(kafka_java_keystore(conf, settings, value, err));
        return 1;
    }
    if (strcmp(name, "ssl.endpoint.identification.algorithm") == 0 && value.len == 0) {
        TRY(kafka_config_set(conf, name, name, "none", err));
        return 1;
    }
    if (strcmp(name, "sasl.mechanism") == 0 && str_eq_nocase_c(value, "GSSAPI")) {
        return err_set(err, ERR_CONFIG,
                       "option \"kafka.sasl.mechanism\": Kerberos (GSSAPI) is not built in");
    }
    for (size_t i = 0; i < ARRAY_COUNT(kafka_renames); i++) {
        const struct kafka_rename *r = &kafka_renames[i];
        if (strcmp(name, r->java) != 0) {
            continue;
        }
        if (r->name != NULL) {
            AUTO_FREE char *option = mem_printf("kafka.%s", name);
            AUTO_FREE char *text = str_dup(value);
            TRY(kafka_config_set(conf, option, r->name, text, err));
        }
        return 1;
    }
    return 0;
}

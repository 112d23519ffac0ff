/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_test - what of a pipeline must never be printed
 */
#include "plan/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_masked(const char *text, const char *expected)
{
    AUTO_FREE char *copy = mem_strdup(text);
    log_mask_text(copy);
    assert_string_equal(copy, expected);
}

static void names_tell_secrets(void **state)
{
    (void)state;
    static const char *const secrets[] = {
        "s3.secret.key",          "kafka.sasl.password",  "MINIO_ROOT_PASSWORD",
        "kafka.sasl.jaas.config", "fs.s3a.session.token", "schema.registry.basic.auth.user.info",
        "AWS_SECRET_ACCESS_KEY",  "kafka.ssl.key.pem",    "kafka.sasl.oauthbearer.config",
        "kafka.ssl.keystore.key"};
    static const char *const others[] = {
        "subscribe", "s3.access.key",          "kafka.sasl.username",        "KAFKA_BROKER",
        "",          "kafka.ssl.key.location", "kafka.ssl.keystore.location"};
    for (size_t i = 0; i < ARRAY_COUNT(secrets); i++) {
        assert_true(plan_secret_is_name(str_of(secrets[i])));
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        assert_false(plan_secret_is_name(str_of(others[i])));
    }
}

static void values_of_secrets_are_masked(void **state)
{
    (void)state;
    plan_secret_mask(STR("subscribe"), STR("wheelbarrow"));
    plan_secret_mask(STR("kafka.sasl.password"), STR("parsnip/1"));
    plan_secret_mask(STR("schema.registry.basic.auth.user.info"), STR("bob:turnip"));
    assert_masked("wheelbarrow parsnip/1 parsnip%2F1 bob:turnip turnip",
                  "wheelbarrow *** *** *** ***");
}

static void passwords_in_urls_are_masked(void **state)
{
    (void)state;
    plan_secret_mask_urls(STR("a 'http://u:rad%40ish@h:1/x' b s3a://key:celery@bucket/t "
                              "http://h:8080/spinach@2 http://user@leek://x:y"));
    assert_masked("rad%40ish rad@ish celery spinach key", "*** *** *** spinach key");
    plan_secret_mask_urls(STR("http://u:chicory@h")); /* at the end of the text */
    assert_masked("chicory", "***");
    plan_secret_mask(STR("schema.registry.url"), STR("bob:endive@h:1/x")); /* no scheme */
    plan_secret_mask(STR("subscribe"), STR("bob:shallot@h"));
    assert_masked("endive shallot", "*** shallot");
    plan_secret_mask_urls(STR("x://"));
    plan_secret_mask_urls(STR(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tell_secrets),
        cmocka_unit_test(values_of_secrets_are_masked),
        cmocka_unit_test(passwords_in_urls_are_masked),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/s3_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    char *dir;
    struct store_s3_config config;
    struct err err;
};

static const char *const variables[] = {
    "MINIO_ENDPOINT",
    "MINIO_ROOT_USER",
    "MINIO_ROOT_PASSWORD",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
};

/* An environment without anything of AWS or MinIO, and an empty home. */
static int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    assert_int_equal(fs_make_temp_dir("/tmp", "s3-config", &f->dir, &f->err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        unsetenv(variables[i]);
    }
    setenv("HOME", f->dir, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_s3_config_done(&f->config);
    assert_int_equal(fs_remove_tree(f->dir, &f->err), 0);
    mem_free(f->dir);
    mem_free(f);
    return 0;
}

static const struct store_options *with_keys(void)
{
    static const struct store_options options = {.access_key = {"AK", 2},
                                                 .secret_key = {"secret", 6}};
    return &options;
}

static void resolve(struct fixture *f, const char *location, const struct store_options *options)
{
    static const struct store_options none;
    store_s3_config_done(&f->config);
    if (store_s3_config_init(str_of(location), options == NULL ? &none : options, &f->config,
                             &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static void assert_refused(struct fixture *f, const char *location,
                           const struct store_options *options, const char *why)
{
    static const struct store_options none;
    struct store_s3_config config;
    assert_int_equal(
        store_s3_config_init(str_of(location), options == NULL ? &none : options, &config, &f->err),
        ERR_CONFIG);
    if (strstr(f->err.msg, why) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", f->err.msg, why);
    }
}

static void a_location_is_a_bucket_and_a_prefix(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *location;
        const char *bucket;
        const char *prefix;
    } good[] = {
        {"s3://b-1.x", "b-1.x", ""},
        {"s3a://b/", "b", ""},
        {"s3n://b//a/b c%20//", "b", "a/b c%20/"},
        {"S3A://b/t", "b", "t/"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        resolve(f, good[i].location, with_keys());
        assert_string_equal(f->config.bucket, good[i].bucket);
        assert_string_equal(f->config.prefix, good[i].prefix);
    }
    assert_refused(f, "s3://", with_keys(), "no bucket name");
    assert_refused(f, "s3:///x", with_keys(), "no bucket name");
    assert_refused(f, "s3://b@c/x", with_keys(), "no bucket name");
    assert_refused(f, "s3://b/a/../x", with_keys(), "\"..\"");
    assert_refused(f, "s3://b/a//x", with_keys(), "empty part");
}

static void an_endpoint_may_lack_its_scheme(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *endpoint;
        const char *scheme;
        const char *host;
        const char *path;
    } good[] = {
        {"127.0.0.1:9000", "http", "127.0.0.1:9000", ""},
        {"http://minio:9000/", "http", "minio:9000", ""},
        {"HTTPS://s3.example.org", "https", "s3.example.org", ""},
        {"https://x:443/storage/v1/s3/", "https", "x", "/storage/v1/s3"},
        {"http://[::1]:80", "http", "[::1]", ""},
    };
    static const char *const bad[] = {"http://",    "http://a b",   "http://a?x", "ftp://x",
                                      "http://a#b", "http://a/%2e", "x\r\ny"};
    struct store_options options = *with_keys();
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        options.endpoint = str_of(good[i].endpoint);
        resolve(f, "s3://b/t", &options);
        assert_string_equal(f->config.scheme, good[i].scheme);
        assert_string_equal(f->config.host, good[i].host);
        assert_string_equal(f->config.base_path, good[i].path);
        assert_true(f->config.path_style);
        assert_false(f->config.is_aws);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        options.endpoint = str_of(bad[i]);
        assert_refused(f, "s3://b/t", &options, "endpoint");
    }
    options.endpoint = STR("http://me:hush@host");
    assert_refused(f, "s3://b/t", &options, "user name or password");
    assert_null(strstr(f->err.msg, "hush"));
}

static void without_an_endpoint_it_is_aws(void **state)
{
    struct fixture *f = *state;
    struct store_options options = *with_keys();
    resolve(f, "s3://b/t", &options);
    assert_string_equal(f->config.host, "s3.us-east-1.amazonaws.com");
    assert_string_equal(f->config.scheme, "https");
    assert_false(f->config.path_style);
    resolve(f, "s3://b.with.dots/t", &options);
    assert_true(f->config.path_style);
    setenv("AWS_DEFAULT_REGION", "eu-west-1", 1);
    resolve(f, "s3://b/t", &options);
    assert_string_equal(f->config.host, "s3.eu-west-1.amazonaws.com");
    setenv("AWS_REGION", "cn-north-1", 1);
    resolve(f, "s3://b/t", &options);
    assert_string_equal(f->config.host, "s3.cn-north-1.amazonaws.com.cn");
    options.region = STR("ap-south-1");
    options.path_style = STR("true");
    resolve(f, "s3://b/t", &options);
    assert_string_equal(f->config.region, "ap-south-1");
    assert_true(f->config.path_style);
    options.path_style = STR("perhaps");
    assert_refused(f, "s3://b/t", &options, "path style");
    options.path_style = STR("");
    options.region = STR("a/b");
    assert_refused(f, "s3://b/t", &options, "region");
}

static void the_first_source_that_has_it_wins(void **state)
{
    struct fixture *f = *state;
    setenv("AWS_ENDPOINT_URL", "http://general:1", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKAWS", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "aws-secret", 1);
    setenv("AWS_SESSION_TOKEN", "aws-token", 1);
    resolve(f, "s3://b", NULL);
    assert_string_equal(f->config.host, "general:1");
    assert_string_equal(f->config.credentials.access_key, "AKAWS");
    assert_string_equal(f->config.credentials.session_token, "aws-token");

    setenv("AWS_ENDPOINT_URL_S3", "http://special:2", 1);
    setenv("MINIO_ROOT_USER", "not without an endpoint", 1);
    setenv("MINIO_ROOT_PASSWORD", "minio-secret", 1);
    resolve(f, "s3://b", NULL);
    assert_string_equal(f->config.host, "special:2");
    assert_string_equal(f->config.credentials.access_key, "AKAWS");

    setenv("MINIO_ENDPOINT", "minio:9000", 1);
    setenv("MINIO_ROOT_USER", "root", 1);
    resolve(f, "s3://b", NULL);
    assert_string_equal(f->config.host, "minio:9000");
    assert_string_equal(f->config.credentials.access_key, "root");
    assert_string_equal(f->config.credentials.secret_key, "minio-secret");
    assert_string_equal(f->config.credentials.session_token, "");

    struct store_options options = *with_keys();
    options.endpoint = STR("http://option:3");
    resolve(f, "s3://b", &options);
    assert_string_equal(f->config.host, "option:3");
    assert_string_equal(f->config.credentials.access_key, "AK");
}

static void a_pair_comes_from_one_source(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "s3://b", NULL, "no credentials");
    setenv("AWS_SECRET_ACCESS_KEY", "aws-secret", 1);
    assert_refused(f, "s3://b", NULL, "the secret key is set, the access key is not");
    assert_null(strstr(f->err.msg, "aws-secret"));
    struct store_options options = {.access_key = STR("AK")};
    assert_refused(f, "s3://b", &options, "options: the access key is set");
    setenv("MINIO_ENDPOINT", "minio:9000", 1);
    setenv("MINIO_ROOT_USER", "root", 1);
    assert_refused(f, "s3://b", NULL, "MINIO_ROOT_USER");
}

static void write_home(struct fixture *f, const char *name, const char *text)
{
    AUTO_FREE char *dir = mem_printf("%s/.aws", f->dir);
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    assert_int_equal(fs_make_dirs(dir, &f->err), 0);
    assert_int_equal(fs_write_file(path, str_of(text), &f->err), 0);
}

static void profiles_are_read_from_both_files(void **state)
{
    struct fixture *f = *state;
    write_home(f, "credentials",
               "# comment\r\n[default]\r\naws_access_key_id = AKDEFAULT\r\n"
               "aws_secret_access_key=  default/secret+= \r\n\r\n"
               "[ work ]\naws_access_key_id=AKWORK\n; more\naws_secret_access_key=work-secret\n"
               "aws_session_token = work-token\n");
    write_home(f, "config",
               "[default]\nregion = eu-north-1\noutput = json\ns3 =\n  region = nested\n"
               "[profile work]\nregion=us-west-2\nendpoint_url = http://work:9\n"
               "aws_access_key_id = other\n");
    resolve(f, "s3://b", NULL);
    assert_string_equal(f->config.credentials.access_key, "AKDEFAULT");
    assert_string_equal(f->config.credentials.secret_key, "default/secret+=");
    assert_string_equal(f->config.host, "s3.eu-north-1.amazonaws.com");
    assert_int_equal(f->config.credentials.from, STORE_S3_KEYS_FILE);

    setenv("AWS_PROFILE", "work", 1);
    resolve(f, "s3://b", NULL);
    assert_string_equal(f->config.credentials.access_key, "AKWORK");
    assert_string_equal(f->config.credentials.session_token, "work-token");
    assert_string_equal(f->config.region, "us-west-2");
    assert_string_equal(f->config.host, "work:9");

    struct store_s3_credentials fresh = {0};
    assert_int_equal(store_s3_config_reload(&f->config.credentials, NULL, &fresh, &f->err), 0);
    write_home(f, "credentials",
               "[work]\naws_access_key_id=AKNEW\naws_secret_access_key=new-secret\n");
    assert_int_equal(store_s3_config_reload(&f->config.credentials, NULL, &fresh, &f->err), 1);
    assert_string_equal(fresh.access_key, "AKNEW");
    store_s3_config_wipe(&fresh);
    assert_null(fresh.secret_key);

    setenv("AWS_PROFILE", "nobody", 1);
    assert_refused(f, "s3://b", NULL, "no credentials");
}

static void secrets_are_masked_from_the_moment_they_are_read(void **state)
{
    struct fixture *f = *state;
    struct store_options options = {.access_key = STR("AK"),
                                    .secret_key = STR("very-secret-thing"),
                                    .session_token = STR("very-long-token")};
    resolve(f, "s3://b", &options);
    char text[] = "it said very-secret-thing and very-long-token!";
    log_mask_text(text);
    assert_string_equal(text, "it said *** and ***!");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_location_is_a_bucket_and_a_prefix),
        CASE(an_endpoint_may_lack_its_scheme),
        CASE(without_an_endpoint_it_is_aws),
        CASE(the_first_source_that_has_it_wins),
        CASE(a_pair_comes_from_one_source),
        CASE(profiles_are_read_from_both_files),
        CASE(secrets_are_masked_from_the_moment_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

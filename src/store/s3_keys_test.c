/* SPDX-License-Identifier: Apache-2.0 */
/* s3_keys_test - a store whose keys are temporary, and the container service that gives them */
#include <stdio.h>

#include "store/s3_fixture.h"

#define KEYS_MAX 512

static int keys_setup(void **state)
{
    setup(state);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("MINIO_ENDPOINT");
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere", 1);
    setenv("AWS_CONFIG_FILE", "/nowhere", 1);
    return 0;
}

/* The service's answer with the fake's keys, expiring so many seconds from now. */
static const char *keys(char text[KEYS_MAX], const char *token, int64_t expires_s)
{
    AUTO_BUF struct buf at = {0};
    clock_add_iso_ms(&at, clock_wall_us() + expires_s * SECOND_US);
    snprintf(text, KEYS_MAX,
             "{\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"%s\",\"Token\":\"%s\","
             "\"Expiration\":\"%s\"}",
             S3_FAKE_ACCESS_KEY, S3_FAKE_SECRET_KEY, token, at.ptr);
    return text;
}

/* The fake wants `token` in requests, and is also where the keys come from. */
static void open_fake(struct fixture *f, const char *token)
{
    f->fake = s3_fake_open(&(struct s3_fake_options){.token = token});
    AUTO_FREE char *url = mem_printf("%s/keys", s3_fake_endpoint(f->fake));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
}

/* Once (`times` 1) or from then on (0) the service answers this. */
static void give(struct fixture *f, const char *text, unsigned times)
{
    rule(f, .match = "GET /keys", .kind = S3_FAKE_BODY, .code = text, .times = times);
}

static void open_keyless(struct fixture *f)
{
    struct store_options options = {.endpoint = str_of(s3_fake_endpoint(f->fake)),
                                    .deadline_us = 4 * SECOND_US};
    if (store_open(STR("s3://bucket/t"), &options, &f->s, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static void keys_of_the_container_sign_requests(void **state)
{
    struct fixture *f = *state;
    char text[KEYS_MAX];
    open_fake(f, "token-1");
    give(f, keys(text, "token-1", 3600), 0);
    open_keyless(f);
    assert_ok(f, put(f, "a", "1"));
    assert_ok(f, put(f, "b", "2"));
    assert_int_equal(s3_fake_count(f->fake, "GET /keys"), 1);
}

static void keys_are_renewed_before_they_expire(void **state)
{
    struct fixture *f = *state;
    char old[KEYS_MAX];
    char new[KEYS_MAX];
    open_fake(f, "token-2");
    give(f, keys(old, "token-1", 240), 1);
    give(f, keys(new, "token-2", 3600), 0);
    open_keyless(f);
    /* A conditional put has one attempt only: the keys must be the new ones before it. */
    assert_int_equal(create(f, "body"), STORE_PUT_DONE);
    assert_ok(f, put(f, "a", "1"));
    assert_int_equal(s3_fake_count(f->fake, "GET /keys"), 2);
    assert_false(s3_fake_saw_header(f->fake, "x-amz-security-token: token-1"));
}

static void keys_that_the_server_calls_expired_are_asked_for_again(void **state)
{
    struct fixture *f = *state;
    char old[KEYS_MAX];
    char new[KEYS_MAX];
    open_fake(f, "token-2");
    give(f, keys(old, "token-1", 3600), 1);
    give(f, keys(new, "token-2", 3600), 0);
    open_keyless(f);
    assert_ok(f, put(f, "a", "1"));
    assert_true(s3_fake_saw_header(f->fake, "x-amz-security-token: token-1"));
    assert_int_equal(s3_fake_count(f->fake, "GET /keys"), 2);
}

static void a_service_that_died_takes_no_keys_away(void **state)
{
    struct fixture *f = *state;
    char text[KEYS_MAX];
    open_fake(f, "token-1");
    give(f, keys(text, "token-1", 240), 1);
    rule(f, .match = "GET /keys", .kind = S3_FAKE_DROP);
    open_keyless(f);
    for (int i = 0; i < 5; i++) {
        assert_ok(f, put(f, "a", "1"));
    }
    /* Asked once more, three times in a row, and then left in peace for a while. */
    assert_int_equal(s3_fake_count(f->fake, "GET /keys"), 4);
    assert_object(f, "a", "1");
}

static void keys_past_their_time_are_used_while_there_are_no_others(void **state)
{
    struct fixture *f = *state;
    char text[KEYS_MAX];
    open_fake(f, "token-1");
    give(f, keys(text, "token-1", -60), 0);
    open_keyless(f);
    assert_ok(f, put(f, "a", "1"));
    assert_ok(f, put(f, "a", "2"));
    assert_int_equal(s3_fake_count(f->fake, "GET /keys"), 2);
}

struct writer {
    struct fixture *f;
    char key[16];
    struct err err;
    int rc;
};

static void write_one(void *user)
{
    struct writer *w = user;
    w->rc = store_put(w->f->s, str_of(w->key), STR("v"), &w->err);
}

static void many_threads_renew_once(void **state)
{
    struct fixture *f = *state;
    char old[KEYS_MAX];
    char new[KEYS_MAX];
    struct writer writers[8];
    struct thread threads[8] = {0};
    open_fake(f, "token-2");
    give(f, keys(old, "token-1", -60), 1);
    give(f, keys(new, "token-2", 3600), 0);
    open_keyless(f);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
        writers[i] = (struct writer){.f = f};
        snprintf(writers[i].key, sizeof(writers[i].key), "k%zu", i);
        thread_start(&threads[i], "writer", write_one, &writers[i]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
        thread_join(&threads[i]);
        if (writers[i].rc < 0) {
            fail_msg("%s", writers[i].err.msg);
        }
    }
    assert_int_equal(s3_fake_count(f->fake, "GET /keys"), 2);
    assert_false(s3_fake_saw_header(f->fake, "x-amz-security-token: token-1"));
}

static void without_any_keys_the_reason_is_told(void **state)
{
    struct fixture *f = *state;
    f->fake = s3_fake_open(NULL);
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct store_options options = {.endpoint = str_of(s3_fake_endpoint(f->fake))};
    assert_fails(f, ERR_CONFIG, store_open(STR("s3://bucket/t"), &options, &f->s, &f->err));
    assert_says(f, "no credentials for S3; set AWS_ACCESS_KEY_ID");
    assert_says(f, "(AWS_EC2_METADATA_DISABLED is set)");
}

#define KEYS_CASE(fn) cmocka_unit_test_setup_teardown(fn, keys_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEYS_CASE(keys_of_the_container_sign_requests),
        KEYS_CASE(keys_are_renewed_before_they_expire),
        KEYS_CASE(keys_that_the_server_calls_expired_are_asked_for_again),
        KEYS_CASE(a_service_that_died_takes_no_keys_away),
        KEYS_CASE(keys_past_their_time_are_used_while_there_are_no_others),
        KEYS_CASE(many_threads_renew_once),
        KEYS_CASE(without_any_keys_the_reason_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

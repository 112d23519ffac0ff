/* SPDX-License-Identifier: Apache-2.0 */
/* s3_metadata_test - the services that give keys, played by the fake's HTTP server */
#include "store/s3_fixture.h"
#include "store/s3_metadata.h"

#define ROLES "/latest/meta-data/iam/security-credentials/"
#define KEYS                                                                                       \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"AKTEMP\",\"SecretAccessKey\":\"temp-secret-1\","      \
    "\"Token\":\"temp-token-1\",\"Expiration\":\"2026-11-22T17:40:08Z\"}"

static const char *const variables[] = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
};

static int metadata_setup(void **state)
{
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        unsetenv(variables[i]);
    }
    setup(state);
    struct fixture *f = *state;
    f->fake = s3_fake_open(NULL);
    return 0;
}

static void set_url(struct fixture *f, const char *variable, const char *path)
{
    AUTO_FREE char *url = mem_printf("%s%s", s3_fake_endpoint(f->fake), path);
    setenv(variable, url, 1);
}

/* A port at which nobody answers. */
static void set_dead_url(const char *variable)
{
    struct s3_fake *gone = s3_fake_open(NULL);
    AUTO_FREE char *url = mem_strdup(s3_fake_endpoint(gone));
    s3_fake_close(gone);
    setenv(variable, url, 1);
}

static void answer(struct fixture *f, const char *match, const char *body)
{
    rule(f, .match = match, .kind = S3_FAKE_BODY, .code = body);
}

typedef int (*ask_fn)(struct stop *stop, struct store_s3_credentials *ret_keys, struct buf *why,
                      struct err *err);

static void assert_gives(struct fixture *f, ask_fn ask)
{
    struct store_s3_credentials keys = {0};
    AUTO_BUF struct buf why = {0};
    assert_ok(f, ask(NULL, &keys, &why, &f->err));
    assert_string_equal(keys.access_key, "AKTEMP");
    assert_string_equal(keys.secret_key, "temp-secret-1");
    assert_string_equal(keys.session_token, "temp-token-1");
    assert_int_equal(keys.expires_us, INT64_C(1795369208) * 1000000);
    store_s3_config_wipe(&keys);
    char text[] = "it is temp-secret-1";
    log_mask_text(text);
    assert_string_equal(text, "it is ***");
}

static void assert_gives_none(struct fixture *f, ask_fn ask, const char *text)
{
    struct store_s3_credentials keys = {0};
    AUTO_BUF struct buf why = {0};
    assert_int_equal(ask(NULL, &keys, &why, &f->err), 0);
    if (strstr(why.ptr, text) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", why.ptr, text);
    }
}

static void assert_refuses(struct fixture *f, ask_fn ask, enum err_code code, const char *text)
{
    struct store_s3_credentials keys = {0};
    AUTO_BUF struct buf why = {0};
    assert_fails(f, code, ask(NULL, &keys, &why, &f->err));
    assert_says(f, text);
}

/* ---- the instance ---- */

static void play_instance(struct fixture *f)
{
    set_url(f, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "");
    answer(f, "PUT /latest/api/token", "session-1\n");
    answer(f, "GET " ROLES "my%20role", KEYS);
    answer(f, "GET " ROLES, "my role\nanother\n");
}

static void the_instance_gives_the_keys_of_its_role(void **state)
{
    struct fixture *f = *state;
    play_instance(f);
    assert_gives(f, store_s3_metadata_instance);
    assert_true(s3_fake_saw_header(f->fake, "x-aws-ec2-metadata-token-ttl-seconds: 21600"));
    assert_true(s3_fake_saw_header(f->fake, "x-aws-ec2-metadata-token: session-1"));
    assert_int_equal(s3_fake_count(f->fake, ""), 3);
}

static void without_a_session_token_the_instance_is_not_asked(void **state)
{
    struct fixture *f = *state;
    set_url(f, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "");
    rule(f, .match = "PUT /latest/api/token", .kind = S3_FAKE_STATUS, .status = 403);
    answer(f, "GET " ROLES, "role");
    assert_refuses(f, store_s3_metadata_instance, ERR_CONFIG, "it answers 403");
    assert_int_equal(s3_fake_count(f->fake, "GET"), 0);
    s3_fake_clear_rules(f->fake);
    answer(f, "PUT /latest/api/token", "two words");
    assert_refuses(f, store_s3_metadata_instance, ERR_IO, "no session token");
    assert_int_equal(s3_fake_count(f->fake, "GET"), 0);
}

static void a_machine_without_the_service_has_no_keys(void **state)
{
    struct fixture *f = *state;
    set_dead_url("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    assert_gives_none(f, store_s3_metadata_instance, "does not answer");
    setenv("AWS_EC2_METADATA_DISABLED", "TRUE", 1);
    assert_gives_none(f, store_s3_metadata_instance, "AWS_EC2_METADATA_DISABLED");
}

static void an_instance_without_a_role_has_no_keys(void **state)
{
    struct fixture *f = *state;
    set_url(f, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "");
    answer(f, "PUT /latest/api/token", "session-1");
    rule(f, .match = "GET " ROLES, .kind = S3_FAKE_STATUS, .status = 404);
    assert_gives_none(f, store_s3_metadata_instance, "no role");
    s3_fake_clear_rules(f->fake);
    answer(f, "PUT /latest/api/token", "session-1");
    answer(f, "GET " ROLES, "\n");
    assert_gives_none(f, store_s3_metadata_instance, "no role");
}

static void a_service_in_trouble_is_asked_again(void **state)
{
    struct fixture *f = *state;
    rule(f, .match = "GET " ROLES, .kind = S3_FAKE_STATUS, .status = 503, .times = 1);
    rule(f, .match = "GET " ROLES, .kind = S3_FAKE_DROP, .times = 1);
    play_instance(f);
    assert_gives(f, store_s3_metadata_instance);
    s3_fake_clear_rules(f->fake);
    rule(f, .match = "GET " ROLES, .kind = S3_FAKE_STATUS, .status = 500);
    play_instance(f);
    assert_refuses(f, store_s3_metadata_instance, ERR_IO, "it answers 500");
    assert_true(f->err.retry);
}

static void an_answer_that_is_not_keys_is_refused_and_not_quoted(void **state)
{
    struct fixture *f = *state;
    static const char *const bodies[] = {
        "",
        "hush-hush",
        "[]",
        "{\"Code\":\"Failed\",\"Message\":\"hush-hush\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush-hush\",\"Expiration\":\"tomorrow\"}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        s3_fake_clear_rules(f->fake);
        set_url(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/keys");
        answer(f, "GET /keys", bodies[i]);
        assert_refuses(f, store_s3_metadata_container, ERR_IO, "not what it should be");
        assert_null(strstr(f->err.msg, "hush"));
    }
}

/* ---- the container ---- */

static void the_container_gives_keys_for_its_token(void **state)
{
    struct fixture *f = *state;
    char *dir = NULL;
    set_url(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/v1/keys?id=7");
    answer(f, "GET /v1/keys?id=7", KEYS);
    assert_gives(f, store_s3_metadata_container);
    assert_false(s3_fake_saw_header(f->fake, "authorization"));
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "from-variable", 1);
    assert_gives(f, store_s3_metadata_container);
    assert_true(s3_fake_saw_header(f->fake, "authorization: from-variable"));
    /* The file wins, and is read each time. */
    assert_int_equal(fs_make_temp_dir("/tmp", "s3-metadata", &dir, &f->err), 0);
    AUTO_FREE char *path = mem_printf("%s/token", dir);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    assert_refuses(f, store_s3_metadata_container, ERR_CONFIG, "token");
    static const char *const tokens[] = {"first", "second"};
    for (size_t i = 0; i < ARRAY_COUNT(tokens); i++) {
        AUTO_FREE char *header = mem_printf("authorization: %s", tokens[i]);
        assert_int_equal(fs_write_file(path, str_of(tokens[i]), &f->err), 0);
        assert_gives(f, store_s3_metadata_container);
        assert_true(s3_fake_saw_header(f->fake, header));
    }
    assert_int_equal(fs_write_file(path, STR("a\r\nHost: b"), &f->err), 0);
    assert_refuses(f, store_s3_metadata_container, ERR_CONFIG, "line break");
    assert_int_equal(fs_remove_tree(dir, &f->err), 0);
    mem_free(dir);
}

static void a_container_service_that_is_dead_is_an_error(void **state)
{
    struct fixture *f = *state;
    assert_gives_none(f, store_s3_metadata_container, "no container credentials");
    set_dead_url("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    assert_refuses(f, store_s3_metadata_container, ERR_IO, "does not answer");
    assert_true(f->err.retry);
    set_url(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/keys");
    rule(f, .match = "GET /keys", .kind = S3_FAKE_STATUS, .status = 400);
    assert_refuses(f, store_s3_metadata_container, ERR_CONFIG, "it answers 400");
}

static void a_redirect_is_not_followed(void **state)
{
    struct fixture *f = *state;
    set_url(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/keys");
    rule(f, .match = "GET /keys", .kind = S3_FAKE_REDIRECT, .status = 302,
         .location = s3_fake_endpoint(f->fake));
    assert_refuses(f, store_s3_metadata_container, ERR_CONFIG, "it answers 302");
    assert_int_equal(s3_fake_count(f->fake, ""), 1);
}

static void container_urls_lead_to_this_machine_or_over_tls(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *relative;
        const char *full;
        const char *url; /* NULL = refused */
    } cases[] = {
        {"/v2/credentials/1", "", "http://169.254.170.2/v2/credentials/1"},
        {"/first", "https://second", "http://169.254.170.2/first"},
        {"", "http://127.9.0.1:80/x", "http://127.9.0.1:80/x"},
        {"", "http://localhost/x", "http://localhost/x"},
        {"", "http://[::1]:8080/x", "http://[::1]:8080/x"},
        {"", "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials"},
        {"", "http://[fd00:ec2::23]/v1", "http://[fd00:ec2::23]/v1"},
        {"", "https://keys.example.org/x", "https://keys.example.org/x"},
        {"relative", "", NULL},
        {"", "http://keys.example.org/x", NULL},
        {"", "http://127.0.0.1.example.org/x", NULL},
        {"", "http://127.0.0.300/x", NULL},
        {"", "http://127.0.0.1@example.org/x", NULL},
        {"", "http://example.org:80@127.0.0.1/x", NULL},
        {"", "http://169.254.169.254/x", NULL},
        {"", "file:///etc/passwd", NULL},
        {"", "https:///x", NULL},
        {"", "http://127.0.0.1/a b", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf url = {0};
        setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", cases[i].relative, 1);
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", cases[i].full, 1);
        int rc = store_s3_metadata_container_url(&url, &f->err);
        if (cases[i].url == NULL) {
            assert_int_equal(rc, ERR_CONFIG);
        } else {
            assert_int_equal(rc, 1);
            assert_string_equal(url.ptr, cases[i].url);
        }
    }
}

static void a_stop_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    struct store_s3_credentials keys = {0};
    AUTO_BUF struct buf why = {0};
    struct stop stop;
    stop_init(&stop);
    stop_set(&stop);
    set_url(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/keys");
    rule(f, .match = "GET /keys", .kind = S3_FAKE_STALL);
    assert_fails(f, ERR_CANCELED, store_s3_metadata_container(&stop, &keys, &why, &f->err));
    stop_done(&stop);
}

#define METADATA_CASE(fn) cmocka_unit_test_setup_teardown(fn, metadata_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METADATA_CASE(the_instance_gives_the_keys_of_its_role),
        METADATA_CASE(without_a_session_token_the_instance_is_not_asked),
        METADATA_CASE(a_machine_without_the_service_has_no_keys),
        METADATA_CASE(an_instance_without_a_role_has_no_keys),
        METADATA_CASE(a_service_in_trouble_is_asked_again),
        METADATA_CASE(an_answer_that_is_not_keys_is_refused_and_not_quoted),
        METADATA_CASE(the_container_gives_keys_for_its_token),
        METADATA_CASE(a_container_service_that_is_dead_is_an_error),
        METADATA_CASE(a_redirect_is_not_followed),
        METADATA_CASE(container_urls_lead_to_this_machine_or_over_tls),
        METADATA_CASE(a_stop_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an S3 server may do to us, and what must come of it: a test for each row
 * of the fault matrix, against the fake of s3_fake.c.
 */
#include "store/s3_fixture.h"

#include <stdio.h>

static int append_key(void *user, const struct store_entry *entry, struct err *err)
{
    (void)err;
    buf_printf(user, "%.*s,", STR_FMT(entry->key));
    return 0;
}

static int list(struct fixture *f, const char *start_after, struct buf *out)
{
    return store_list(f->s, STR(""), str_of(start_after), append_key, out, &f->err);
}

/* Every idempotent operation once; what each found is checked. The object "k" must be "v". */
static void every_operation_works(struct fixture *f)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf listed = {0};
    struct store_entry entry;
    assert_ok(f, store_get(f->s, STR("k"), &out, &f->err));
    assert_ok(f, store_get_range(f->s, STR("k"), 0, 1, &out, &f->err));
    assert_string_equal(out.ptr, "vv");
    assert_ok(f, store_head(f->s, STR("k"), &entry, &f->err));
    assert_int_equal(entry.size_bytes, 1);
    assert_ok(f, put(f, "k", "v"));
    assert_ok(f, list(f, "", &listed));
    assert_string_equal(listed.ptr, "k,");
    assert_ok(f, store_delete(f->s, STR("none"), &f->err));
}

/* ---- failing servers ---- */

static void server_errors_are_retried(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int status;
        const char *code;
    } faults[] = {{500, "InternalError"},
                  {500, NULL},
                  {502, NULL},
                  {503, "SlowDown"},
                  {503, NULL},
                  {504, NULL},
                  {429, NULL},
                  {408, NULL},
                  {400, "RequestTimeout"},
                  {409, "OperationAborted"},
                  {403, NULL},
                  {507, "XMinioStorageFull"}};
    open_both(f, (struct s3_fake_options){0}, (struct store_options){.deadline_us = 2 * SECOND_US});
    assert_ok(f, put(f, "k", "v"));
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        for (unsigned skip = 0; skip < 6; skip++) {
            rule(f, .match = "/bucket", .kind = S3_FAKE_STATUS, .status = faults[i].status,
                 .code = faults[i].code, .skip = skip, .times = 1);
            every_operation_works(f);
            s3_fake_clear_rules(f->fake);
        }
    }
}

struct seen {
    struct mutex lock;
    unsigned retries;
    unsigned others;
    char operation[16];
    char key[64];
    char reason[128];
    int status;
    unsigned attempts;
};

static void see(void *user, const struct store_event *event)
{
    struct seen *seen = user;
    MUTEX_GUARD(&seen->lock);
    seen->retries += event->kind == STORE_EVENT_RETRY;
    seen->others += event->kind != STORE_EVENT_RETRY;
    snprintf(seen->operation, sizeof(seen->operation), "%s", event->operation);
    snprintf(seen->key, sizeof(seen->key), "%.*s", STR_FMT(event->key));
    snprintf(seen->reason, sizeof(seen->reason), "%s", event->reason);
    seen->status = event->status;
    seen->attempts = event->attempts;
}

static void retries_are_told(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    struct seen seen = {0};
    mutex_init(&seen.lock);
    assert_ok(f, put(f, "a", "not watched"));
    store_observe(f->s, see, &seen);
    rule(f, .match = "PUT /bucket/t/a", .kind = S3_FAKE_STATUS, .status = 503, .code = "SlowDown",
         .times = 2);
    assert_ok(f, put(f, "a", "x"));
    assert_int_equal(seen.retries, 2);
    assert_int_equal(seen.others, 0);
    assert_string_equal(seen.operation, "put");
    assert_string_equal(seen.key, "a");
    assert_int_equal(seen.status, 503);
    assert_int_equal(seen.attempts, 2);
    assert_non_null(strstr(seen.reason, "SlowDown"));
    assert_ok(f, put(f, "b", "x")); /* at once: nothing to tell */
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 500, .code = "Internal", .times = 1);
    assert_ok(f, create(f, "once")); /* sent once, never again by the store */
    assert_int_equal(seen.retries, 2);
    mutex_done(&seen.lock);
}

static void many_requests_may_fail(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){0}, (struct store_options){0});
    struct rng rng;
    rng_init(&rng, 7);
    assert_ok(f, put(f, "k", "v"));
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned skip = 0; skip < 6; skip += 2) {
            rule(f, .match = "/bucket",
                 .kind = (i + skip / 2) % 2 ? S3_FAKE_APPLY_STATUS : S3_FAKE_APPLY_DROP,
                 .status = 500, .code = "InternalError",
                 .skip = skip + (unsigned)rng_below(&rng, 2), .times = 1);
        }
        every_operation_works(f);
        s3_fake_clear_rules(f->fake);
    }
}

static void what_does_not_end_is_an_error_with_the_reason(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){0}, (struct store_options){.deadline_us = 300000});
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 500, .code = "InternalError");
    int64_t begin_us = clock_mono_us();
    assert_fails(f, ERR_IO, put(f, "a/k", "v"));
    assert_true(clock_mono_us() - begin_us < SECOND_US);
    assert_true(f->err.retry);
    assert_says(f, "put \"a/k\": 500 InternalError");
    assert_says(f, "attempts");
    assert_true(s3_fake_count(f->fake, "PUT") > 3);
}

static void a_put_that_was_done_although_it_failed_is_done_again(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "PUT", .kind = S3_FAKE_APPLY_STATUS, .status = 500, .times = 1);
    rule(f, .match = "PUT", .kind = S3_FAKE_APPLY_DROP, .times = 1);
    assert_ok(f, put(f, "k", "v"));
    assert_int_equal(s3_fake_count(f->fake, "PUT"), 3);
    assert_object(f, "k", "v");
}

static void a_store_that_wants_less_gets_less(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){0}, (struct store_options){.deadline_us = SECOND_US});
    rule(f, .match = "GET", .kind = S3_FAKE_STATUS, .status = 503, .code = "SlowDown", .times = 5);
    s3_fake_set_object(f->fake, STR("t/k"), STR("v"));
    AUTO_BUF struct buf out = {0};
    struct store_stats stats = {0};
    int64_t begin_us = clock_mono_us();
    store_watch(f->s, &stats);
    assert_ok(f, store_get(f->s, STR("k"), &out, &f->err));
    store_watch(f->s, NULL);
    assert_int_equal(s3_fake_count(f->fake, "GET"), 6);
    assert_true(clock_mono_us() - begin_us > 100000);
    assert_int_equal(atomic_load(&stats.retries[STORE_OPERATION_GET]), 5);
    assert_int_equal(atomic_load(&stats.requests[STORE_OPERATION_GET][STORE_OUTCOME_OK]), 1);

    rule(f, .match = "GET", .kind = S3_FAKE_STATUS, .status = 503, .code = "SlowDownRead");
    assert_fails(f, ERR_IO, store_get(f->s, STR("k"), &out, &f->err));
    assert_says(f, "503 SlowDownRead");
    assert_true(s3_fake_count(f->fake, "GET") < 6 + 30);
    assert_string_equal(out.ptr, "v");
}

/* ---- the conditional put ---- */

static void a_conditional_put_without_a_clear_answer_is_unknown_and_sent_once(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct s3_fake_rule rule;
        bool done;
    } cases[] = {
        {{.kind = S3_FAKE_APPLY_DROP}, true},
        {{.kind = S3_FAKE_DROP}, false},
        {{.kind = S3_FAKE_STALL}, false},
        {{.kind = S3_FAKE_STATUS, .status = 500, .code = "InternalError"}, false},
        {{.kind = S3_FAKE_APPLY_STATUS, .status = 500, .code = "InternalError"}, true},
        {{.kind = S3_FAKE_APPLY_STATUS, .status = 502}, true},
        {{.kind = S3_FAKE_STATUS, .status = 503, .code = "SlowDown"}, false},
        {{.kind = S3_FAKE_STATUS, .status = 504}, false},
        {{.kind = S3_FAKE_STATUS, .status = 409, .code = "ConditionalRequestConflict"}, false},
        {{.kind = S3_FAKE_STATUS, .status = 408}, false},
        {{.kind = S3_FAKE_STATUS, .status = 400, .code = "RequestTimeout"}, false},
        {{.kind = S3_FAKE_STATUS, .status = 403}, false}, /* bare: from whom? */
        {{.kind = S3_FAKE_STATUS, .status = 404}, false},
        {{.kind = S3_FAKE_ERROR_BODY, .code = "InternalError"}, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (int kept = 0; kept < 2; kept++) {
            open_both(f, (struct s3_fake_options){0},
                      (struct store_options){.deadline_us = 400000});
            if (kept) {
                /* libcurl would send again by itself when a connection that it kept is dead. */
                assert_ok(f, put(f, "warm", "up"));
            }
            struct s3_fake_rule once = cases[i].rule;
            once.match = "_delta_log";
            once.times = 1;
            s3_fake_rule(f->fake, once);
            assert_int_equal(create(f, "body"), STORE_PUT_UNKNOWN);
            assert_int_equal(s3_fake_count(f->fake, "_delta_log"), 1);
            assert_int_equal(has_object(f, LOG_KEY), cases[i].done);
            store_closep(&f->s);
            s3_fake_close(TAKE(f->fake));
        }
    }
}

static void a_conditional_put_on_a_kept_connection_uses_it(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    for (int i = 0; i < 20; i++) {
        AUTO_FREE char *key = mem_printf("_delta_log/%020d.json", i);
        assert_int_equal(store_put_if_absent(f->s, str_of(key), STR("x"), &f->err), STORE_PUT_DONE);
    }
    assert_int_equal(s3_fake_connections(f->fake), 1);
    assert_true(s3_fake_saw_header(f->fake, "if-none-match: *"));
    assert_false(s3_fake_saw_header(f->fake, "expect:"));
    assert_false(s3_fake_saw_header(f->fake, "UNSIGNED"));
}

static void a_taken_key_is_told_from_everything_else(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    assert_int_equal(create(f, "first"), STORE_PUT_DONE);
    assert_int_equal(create(f, "second"), STORE_PUT_EXISTS);
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 412, .times = 1); /* no body */
    assert_int_equal(create(f, "third"), STORE_PUT_EXISTS);
    assert_object(f, LOG_KEY, "first");
    AUTO_FREE char *large = mem_alloc((size_t)8 << 20);
    memset(large, 'x', (size_t)8 << 20);
    int outcome = store_put_if_absent(f->s, STR(LOG_KEY), str_n(large, (size_t)8 << 20), &f->err);
    assert_int_equal(outcome, STORE_PUT_EXISTS);
}

static void a_conditional_put_that_never_left_is_an_error(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    AUTO_FREE char *endpoint = mem_strdup(s3_fake_endpoint(f->fake));
    s3_fake_close(TAKE(f->fake));
    open_store(f, (struct store_options){.endpoint = str_of(endpoint)});
    assert_fails(f, ERR_IO, create(f, "body"));
    assert_true(f->err.retry);
    assert_says(f, "nothing was written");
    assert_says(f, endpoint);
    open_store(f, (struct store_options){.endpoint = STR("http://nowhere.invalid:9000"),
                                         .deadline_us = 500000});
    assert_fails(f, ERR_IO, create(f, "body"));
    assert_true(f->err.retry);
}

static void a_refused_conditional_put_is_a_configuration_error(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 403, .code = "AccessDenied",
         .times = 1);
    assert_fails(f, ERR_CONFIG, create(f, "body"));
    assert_says(f, "put \"" LOG_KEY "\": 403 AccessDenied; allow s3:PutObject on "
                   "bucket/t/" LOG_KEY);
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 501, .code = "NotImplemented",
         .times = 1);
    assert_fails(f, ERR_CONFIG, create(f, "body"));
    assert_says(f, "501 NotImplemented");
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 404, .code = "NoSuchKey", .times = 1);
    assert_fails(f, ERR_CONFIG, create(f, "body"));
    assert_says(f, "MinIO");
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 404, .code = "NoSuchBucket",
         .times = 1);
    assert_fails(f, ERR_CONFIG, create(f, "body"));
    assert_says(f, "NoSuchBucket");
    assert_int_equal(s3_fake_count(f->fake, "PUT"), 4);
}

/* ---- damaged answers ---- */

static void a_damaged_body_is_got_again_and_never_believed(void **state)
{
    struct fixture *f = *state;
    static const enum s3_fake_kind kinds[] = {S3_FAKE_TRUNCATE, S3_FAKE_SHORTEN, S3_FAKE_FLIP};
    open_plain(f);
    assert_ok(f, put(f, "k", "0123456789"));
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        AUTO_BUF struct buf out = {0};
        buf_add_c(&out, "before:");
        rule(f, .match = "GET", .kind = kinds[i], .times = 2);
        assert_ok(f, store_get(f->s, STR("k"), &out, &f->err));
        assert_string_equal(out.ptr, "before:0123456789");
        rule(f, .match = "GET", .kind = kinds[i]);
        assert_fails(f, ERR_CORRUPT, store_get(f->s, STR("k"), &out, &f->err));
        assert_says(f, "get \"k\": the body is not what the server announced");
        assert_string_equal(out.ptr, "before:0123456789");
        if (kinds[i] != S3_FAKE_FLIP) { /* there is no checksum of a part */
            assert_fails(f, ERR_CORRUPT, store_get_range(f->s, STR("k"), 2, 6, &out, &f->err));
            assert_string_equal(out.ptr, "before:0123456789");
        }
        s3_fake_clear_rules(f->fake);
    }
}

static void a_range_that_is_ignored_is_not_believed(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    open_both(f, (struct s3_fake_options){.ignores_range = true}, (struct store_options){0});
    assert_ok(f, put(f, "k", "0123456789"));
    assert_ok(f, store_get_range(f->s, STR("k"), 0, 10, &out, &f->err));
    assert_ok(f, store_get_range(f->s, STR("k"), 0, 20, &out, &f->err));
    assert_string_equal(out.ptr, "01234567890123456789");
    assert_fails(f, ERR_CORRUPT, store_get_range(f->s, STR("k"), 3, 4, &out, &f->err));
    assert_fails(f, ERR_CORRUPT, store_get_range(f->s, STR("k"), 0, 4, &out, &f->err));
    assert_int_equal(out.len, 20);
}

static void an_upload_that_breaks_is_sent_again_whole(void **state)
{
    struct fixture *f = *state;
    const size_t bytes = (size_t)4 << 20;
    AUTO_FREE char *body = mem_alloc(bytes);
    AUTO_BUF struct buf out = {0};
    memset(body, 'b', bytes);
    open_plain(f);
    rule(f, .match = "PUT", .kind = S3_FAKE_DROP, .times = 2);
    assert_ok(f, store_put(f->s, STR("k"), str_n(body, bytes), &f->err));
    assert_true(s3_fake_object(f->fake, "t/k", &out));
    assert_true(str_eq(buf_str(&out), str_n(body, bytes)));
}

static void a_200_with_an_error_in_it_is_a_failure(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "PUT", .kind = S3_FAKE_ERROR_BODY, .code = "InternalError", .times = 2);
    assert_ok(f, put(f, "k", "v"));
    assert_int_equal(s3_fake_count(f->fake, "PUT"), 3);
    open_store(f, (struct store_options){.deadline_us = 200000});
    rule(f, .match = "PUT", .kind = S3_FAKE_ERROR_BODY, .code = "AccessDenied");
    assert_fails(f, ERR_IO, put(f, "k", "v"));
    assert_says(f, "200 AccessDenied");
}

/* ---- lists ---- */

static void a_list_comes_in_pages_of_any_size(void **state)
{
    struct fixture *f = *state;
    static const struct s3_fake_options servers[] = {
        {.page_keys = 1}, {.page_keys = 2, .ignores_encoding = true}, {.page_keys = 100}};
    for (size_t i = 0; i < ARRAY_COUNT(servers); i++) {
        AUTO_BUF struct buf out = {0};
        open_both(f, servers[i], (struct store_options){.deadline_us = 2 * SECOND_US});
        assert_ok(f, put(f, "a b", "1"));
        assert_ok(f, put(f, "a+b", "1"));
        assert_ok(f, put(f, "a%20b", "1"));
        assert_ok(f, put(f, "a<&>\"b", "1"));
        assert_ok(f, put(f, "\u00e4", "1"));
        s3_fake_set_object(f->fake, STR("t/dir/"), STR("")); /* a marker for a folder */
        s3_fake_set_object(f->fake, STR("tt/other"), STR(""));
        assert_ok(f, list(f, "", &out));
        assert_string_equal(out.ptr, "a b,a%20b,a+b,a<&>\"b,\u00e4,");
        buf_reset(&out);
        assert_ok(f, list(f, "a%20b", &out));
        assert_string_equal(out.ptr, "a+b,a<&>\"b,\u00e4,");
        rule(f, .match = "list-type", .kind = S3_FAKE_STATUS, .status = 503, .skip = 1, .times = 2);
        rule(f, .match = "list-type", .kind = S3_FAKE_TRUNCATE, .times = 2);
        buf_reset(&out);
        assert_ok(f, list(f, "", &out));
        assert_string_equal(out.ptr, "a b,a%20b,a+b,a<&>\"b,\u00e4,");
        store_closep(&f->s);
        s3_fake_close(TAKE(f->fake));
    }
}

static void a_broken_list_is_never_an_empty_one(void **state)
{
    struct fixture *f = *state;
    static const char *const bodies[] = {
        "",
        "<html><body>It works!</body></html>",
        "<ListBucketResult>",
        "<ListBucketResult></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken/>"
        "</ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x"
        "</NextContinuationToken></ListBucketResult>", /* over and over */
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>t/a</Key><Size>-1</Size>"
        "</Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>other/a</Key>"
        "</Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key></Key></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        "<Contents><Key>t/%zz</Key></Contents></ListBucketResult>",
        "<!DOCTYPE x [<!ENTITY y \"z\">]><ListBucketResult><IsTruncated>false</IsTruncated>"
        "</ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>t/b</Key></Contents>"
        "<Contents><Key>t/a</Key></Contents></ListBucketResult>",
    };
    open_plain(f);
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        AUTO_BUF struct buf out = {0};
        rule(f, .match = "list-type", .kind = S3_FAKE_BODY, .code = bodies[i]);
        assert_fails(f, ERR_CORRUPT, list(f, "", &out));
        s3_fake_clear_rules(f->fake);
    }
}

static void a_store_that_lists_out_of_order_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    open_both(f, (struct s3_fake_options){.unordered = true}, (struct store_options){0});
    assert_ok(f, put(f, "a", "1"));
    assert_ok(f, put(f, "b", "1"));
    assert_fails(f, ERR_CORRUPT, list(f, "", &out));
    assert_says(f, "not in order");
}

static void a_huge_key_in_a_list_is_only_a_key(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf key = {0};
    open_plain(f);
    buf_add_c(&key, "t/");
    for (int i = 0; i < 200000; i++) {
        buf_add_c(&key, "\u00e4");
    }
    s3_fake_set_object(f->fake, buf_str(&key), STR("1"));
    assert_ok(f, list(f, "", &out));
    assert_int_equal(out.len, key.len - 2 + 1);
}

/* ---- clocks, places, keys ---- */

static void a_wrong_clock_is_corrected_once(void **state)
{
    struct fixture *f = *state;
    for (int sign = -1; sign <= 1; sign += 2) {
        int64_t offset_us = sign * (1200 * SECOND_US);
        for (int first = 0; first < 2; first++) {
            AUTO_BUF struct buf out = {0};
            struct store_entry entry;
            open_both(f, (struct s3_fake_options){.clock_offset_us = offset_us},
                      (struct store_options){0});
            s3_fake_set_object(f->fake, STR("t/k"), STR("v"));
            if (first == 0) {
                assert_ok(f, store_get(f->s, STR("k"), &out, &f->err));
                assert_string_equal(out.ptr, "v");
            } else {
                assert_ok(f, store_head(f->s, STR("k"), &entry, &f->err));
            }
            unsigned so_far = s3_fake_count(f->fake, "/bucket");
            assert_int_equal(so_far, first == 0 ? 2 : 4); /* HEAD, GET twice, HEAD */
            assert_ok(f, put(f, "k", "v"));
            assert_int_equal(create(f, "body"), STORE_PUT_DONE);
            assert_int_equal(s3_fake_count(f->fake, "/bucket"), so_far + 2);
            store_closep(&f->s);
            s3_fake_close(TAKE(f->fake));
        }
    }
}

static void a_conditional_put_with_a_wrong_clock_can_be_tried_again(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){.clock_offset_us = 20 * (60 * SECOND_US)},
              (struct store_options){0});
    assert_fails(f, ERR_IO, create(f, "body"));
    assert_true(f->err.retry);
    assert_says(f, "RequestTimeTooSkewed; nothing was written");
    assert_int_equal(create(f, "body"), STORE_PUT_DONE);
    assert_int_equal(s3_fake_count(f->fake, "PUT"), 2);
}

static void a_clock_that_cannot_be_corrected_is_an_error(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "GET", .kind = S3_FAKE_STATUS, .status = 403, .code = "RequestTimeTooSkewed");
    AUTO_BUF struct buf out = {0};
    assert_fails(f, ERR_CONFIG, store_get(f->s, STR("k"), &out, &f->err));
    assert_int_equal(s3_fake_count(f->fake, "GET"), 1);
}

static void a_redirect_is_followed_once_and_signed_anew(void **state)
{
    struct fixture *f = *state;
    static const int statuses[] = {301, 302, 307, 308};
    open_plain(f);
    struct s3_fake *other = s3_fake_open(NULL);
    s3_fake_set_object(other, STR("t/a b"), STR("there"));
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        AUTO_BUF struct buf out = {0};
        rule(f, .match = "GET", .kind = S3_FAKE_REDIRECT, .status = statuses[i],
             .code = "TemporaryRedirect", .location = s3_fake_endpoint(other));
        assert_ok(f, store_get(f->s, STR("a b"), &out, &f->err));
        assert_string_equal(out.ptr, "there");
        s3_fake_clear_rules(f->fake);
    }
    assert_int_equal(s3_fake_count(other, "GET /bucket/t/a%20b"), 4);
    s3_fake_rule(other, (struct s3_fake_rule){.match = "GET",
                                              .kind = S3_FAKE_REDIRECT,
                                              .status = 307,
                                              .code = "TemporaryRedirect",
                                              .location = s3_fake_endpoint(f->fake)});
    rule(f, .match = "GET", .kind = S3_FAKE_REDIRECT, .status = 307, .code = "TemporaryRedirect",
         .location = s3_fake_endpoint(other));
    AUTO_BUF struct buf out = {0};
    assert_fails(f, ERR_CONFIG, store_get(f->s, STR("k"), &out, &f->err)); /* a circle */
    s3_fake_clear_rules(f->fake);
    rule(f, .match = "GET", .kind = S3_FAKE_REDIRECT, .status = 307, .code = "TemporaryRedirect",
         .location = "file:///etc");
    assert_fails(f, ERR_CONFIG, store_get(f->s, STR("k"), &out, &f->err));
    rule(f, .match = "PUT", .kind = S3_FAKE_REDIRECT, .status = 307, .code = "TemporaryRedirect",
         .location = s3_fake_endpoint(other));
    assert_fails(f, ERR_IO, create(f, "body")); /* one request, never two */
    assert_says(f, "nothing was written");
    assert_int_equal(s3_fake_count(other, "PUT"), 0);
    s3_fake_close(other);
}

static void the_right_region_is_learned(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){.region = "eu-central-1"}, (struct store_options){0});
    assert_ok(f, put(f, "k", "v"));
    assert_int_equal(s3_fake_count(f->fake, "PUT"), 2);
    assert_int_equal(create(f, "body"), STORE_PUT_DONE);
    assert_int_equal(s3_fake_count(f->fake, "PUT"), 3);
}

static void virtual_host_style_works(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){.domain = "localhost"}, (struct store_options){0});
    AUTO_FREE char *endpoint = mem_printf("http://localhost:%d", s3_fake_port(f->fake));
    open_store(f, (struct store_options){.endpoint = str_of(endpoint), .path_style = STR("false")});
    AUTO_BUF struct buf out = {0};
    assert_ok(f, put(f, "a b/k", "v"));
    assert_object(f, "a b/k", "v");
    assert_ok(f, list(f, "", &out));
    assert_string_equal(out.ptr, "a b/k,");
    assert_int_equal(s3_fake_count(f->fake, "PUT /t/a%20b/k"), 1);
    assert_int_equal(s3_fake_count(f->fake, "GET /?"), 1);
}

static void a_refusal_names_action_key_status_and_code(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    struct store_entry entry;
    open_plain(f);
    rule(f, .match = "/bucket", .kind = S3_FAKE_STATUS, .status = 403, .code = "AccessDenied");
    assert_fails(f, ERR_CONFIG, put(f, "a/k", "v"));
    assert_string_equal(f->err.msg,
                        "put \"a/k\": 403 AccessDenied; allow s3:PutObject on bucket/t/a/k");
    assert_false(f->err.retry);
    assert_fails(f, ERR_CONFIG, store_get(f->s, STR("a/k"), &out, &f->err));
    assert_says(f, "get \"a/k\": 403 AccessDenied; allow s3:GetObject on bucket/t/a/k");
    assert_fails(f, ERR_CONFIG, store_head(f->s, STR("a/k"), &entry, &f->err));
    assert_says(f, "get \"a/k\": 403 AccessDenied; allow s3:GetObject on bucket/t/a/k");
    assert_fails(f, ERR_CONFIG, list(f, "", &out));
    assert_says(f, "s3:ListBucket");
    assert_fails(f, ERR_CONFIG, store_delete(f->s, STR("a/k"), &f->err));
    assert_says(f, "s3:DeleteObject");
}

static void a_missing_bucket_is_no_empty_table(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    struct store_entry entry;
    open_plain(f);
    rule(f, .match = "/bucket", .kind = S3_FAKE_STATUS, .status = 404, .code = "NoSuchBucket");
    assert_fails(f, ERR_CONFIG, store_get(f->s, STR("k"), &out, &f->err));
    assert_says(f, "create the bucket");
    assert_fails(f, ERR_CONFIG, store_head(f->s, STR("k"), &entry, &f->err));
    assert_fails(f, ERR_CONFIG, list(f, "", &out));
    assert_fails(f, ERR_CONFIG, put(f, "k", "v"));
    assert_fails(f, ERR_CONFIG, store_delete(f->s, STR("k"), &f->err));
    s3_fake_clear_rules(f->fake);
    assert_int_equal(store_head(f->s, STR("k"), &entry, &f->err), STORE_ABSENT);
    assert_int_equal(store_head(f->s, STR("l"), &entry, &f->err), STORE_ABSENT);
    assert_int_equal(s3_fake_count(f->fake, "HEAD /bucket/t/l"), 1);
    assert_int_equal(s3_fake_count(f->fake, "GET /bucket/t/l"), 0);
}

static void no_secret_gets_into_a_message(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    open_store(f, (struct store_options){.access_key = STR(S3_FAKE_ACCESS_KEY),
                                         .secret_key = STR("a-wrong-secret-1234"),
                                         .session_token = STR("a-session-token-5678")});
    assert_fails(f, ERR_CONFIG, put(f, "k", "v"));
    assert_says(f, "403 SignatureDoesNotMatch; check the access key and the secret key");
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 400,
         .code = "You sent a-wrong-secret-1234 and a-session-token-5678");
    assert_fails(f, ERR_CONFIG, put(f, "k", "v"));
    assert_says(f, "You sent *** and ***");
    assert_null(strstr(f->err.msg, "1234"));
    assert_null(strstr(f->err.msg, "5678"));
}

static void expired_keys_are_read_again_from_their_file(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char *dir = NULL;
    assert_int_equal(fs_make_temp_dir("/tmp", "s3-test", &dir, &err), 0);
    AUTO_FREE char *path = mem_printf("%s/credentials", dir);
    static const char form[] =
        "[default]\naws_access_key_id = " S3_FAKE_ACCESS_KEY
        "\naws_secret_access_key=" S3_FAKE_SECRET_KEY "\naws_session_token = %s\n";
    AUTO_FREE char *old = mem_printf(form, "token-old");
    AUTO_FREE char *new = mem_printf(form, "token-new");
    assert_int_equal(fs_write_file(path, str_of(old), &err), 0);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    f->fake = s3_fake_open(&(struct s3_fake_options){.token = "token-new"});
    struct store_options options = {.endpoint = str_of(s3_fake_endpoint(f->fake)),
                                    .deadline_us = SECOND_US};
    assert_int_equal(store_open(STR("s3://bucket/t"), &options, &f->s, &f->err), 0);
    assert_fails(f, ERR_CONFIG, put(f, "k", "v"));
    assert_says(f, "ExpiredToken; get new temporary credentials");
    assert_int_equal(fs_write_file(path, str_of(new), &err), 0);
    assert_ok(f, put(f, "k", "v"));
    assert_int_equal(create(f, "body"), STORE_PUT_DONE);
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    mem_free(dir);
}

/* ---- time ---- */

static void a_server_that_trickles_meets_the_deadline(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    open_both(f, (struct s3_fake_options){0}, (struct store_options){.deadline_us = 600000});
    s3_fake_set_object(f->fake, STR("t/k"), STR("v"));
    rule(f, .match = "GET", .kind = S3_FAKE_TRICKLE);
    int64_t begin_us = clock_mono_us();
    assert_fails(f, ERR_IO, store_get(f->s, STR("k"), &out, &f->err));
    assert_true(f->err.retry);
    int64_t took_us = clock_mono_us() - begin_us;
    assert_true(took_us > 500000 && took_us < 1500000);
    rule(f, .match = "PUT", .kind = S3_FAKE_TRICKLE);
    begin_us = clock_mono_us();
    assert_int_equal(create(f, "body"), STORE_PUT_UNKNOWN);
    assert_true(clock_mono_us() - begin_us < 1500000);
}

static void a_stalled_connection_leaves_time_for_another(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    open_plain(f);
    s3_fake_set_object(f->fake, STR("t/k"), STR("v"));
    rule(f, .match = "GET", .kind = S3_FAKE_STALL, .times = 1);
    assert_ok(f, store_get(f->s, STR("k"), &out, &f->err));
    assert_string_equal(out.ptr, "v");
}

static void a_cancel_ends_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    for (int conditional = 0; conditional < 3; conditional++) {
        AUTO_BUF struct buf out = {0};
        struct thread thread = {0};
        open_both(f, (struct s3_fake_options){0},
                  (struct store_options){.deadline_us = 60 * SECOND_US});
        if (conditional < 2) {
            rule(f, .match = "/bucket", .kind = S3_FAKE_STALL);
        } else {
            rule(f, .match = "/bucket", .kind = S3_FAKE_STATUS, .status = 503);
        }
        struct canceler canceler = {f->s, f->fake};
        thread_start(&thread, "cancel", cancel_when_asked, &canceler);
        int64_t begin_us = clock_mono_us();
        if (conditional == 1) {
            assert_int_equal(create(f, "body"), STORE_PUT_UNKNOWN);
        } else {
            assert_fails(f, ERR_CANCELED, store_get(f->s, STR("k"), &out, &f->err));
        }
        assert_true(clock_mono_us() - begin_us < 500000);
        thread_join(&thread);
        store_closep(&f->s);
        s3_fake_close(TAKE(f->fake));
    }
}

/* ---- TLS ---- */

static void only_a_trusted_server_is_spoken_to(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char *dir = NULL;
    assert_int_equal(fs_make_temp_dir("/tmp", "s3-test", &dir, &err), 0);
    AUTO_FREE char *pem = mem_printf("%s/ca.pem", dir);
    struct s3_fake_options tls = {.tls = true, .pem_path = pem};
    open_both(f, tls, (struct store_options){.deadline_us = 40 * SECOND_US});
    assert_fails(f, ERR_CONFIG, put(f, "k", "v")); /* self-signed */
    assert_says(f, "is not trusted");
    assert_fails(f, ERR_CONFIG, create(f, "body"));
    open_store(f, (struct store_options){.ca_file = str_of(pem), .deadline_us = 40 * SECOND_US});
    assert_ok(f, put(f, "k", "v"));
    assert_int_equal(create(f, "body"), STORE_PUT_DONE);
    AUTO_FREE char *host = mem_printf("https://localhost:%d", s3_fake_port(f->fake));
    open_store(f, (struct store_options){.ca_file = str_of(pem),
                                         .endpoint = str_of(host),
                                         .deadline_us = 40 * SECOND_US});
    assert_fails(f, ERR_CONFIG, put(f, "k", "v")); /* another host's certificate */
    s3_fake_close(TAKE(f->fake));
    tls.expired_certificate = true;
    open_both(f, tls,
              (struct store_options){.ca_file = str_of(pem), .deadline_us = 40 * SECOND_US});
    assert_fails(f, ERR_CONFIG, put(f, "k", "v"));
    assert_says(f, "expired");
    s3_fake_close(TAKE(f->fake));
    open_plain(f);
    AUTO_FREE char *plain = mem_printf("https://127.0.0.1:%d", s3_fake_port(f->fake));
    open_store(f, (struct store_options){.endpoint = str_of(plain), .deadline_us = 1000000});
    assert_fails(f, ERR_IO, put(f, "k", "v")); /* never falls back */
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    mem_free(dir);
}

int main(void)
{
    /* Keys of a real server in the environment would come before the files of a test. */
    unsetenv("MINIO_ENDPOINT");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_PROFILE");
    const struct CMUnitTest tests[] = {
        CASE(server_errors_are_retried),
        CASE(retries_are_told),
        CASE(many_requests_may_fail),
        CASE(what_does_not_end_is_an_error_with_the_reason),
        CASE(a_put_that_was_done_although_it_failed_is_done_again),
        CASE(a_store_that_wants_less_gets_less),
        CASE(a_conditional_put_without_a_clear_answer_is_unknown_and_sent_once),
        CASE(a_conditional_put_on_a_kept_connection_uses_it),
        CASE(a_taken_key_is_told_from_everything_else),
        CASE(a_conditional_put_that_never_left_is_an_error),
        CASE(a_refused_conditional_put_is_a_configuration_error),
        CASE(a_damaged_body_is_got_again_and_never_believed),
        CASE(a_range_that_is_ignored_is_not_believed),
        CASE(an_upload_that_breaks_is_sent_again_whole),
        CASE(a_200_with_an_error_in_it_is_a_failure),
        CASE(a_list_comes_in_pages_of_any_size),
        CASE(a_broken_list_is_never_an_empty_one),
        CASE(a_store_that_lists_out_of_order_is_refused),
        CASE(a_huge_key_in_a_list_is_only_a_key),
        CASE(a_wrong_clock_is_corrected_once),
        CASE(a_conditional_put_with_a_wrong_clock_can_be_tried_again),
        CASE(a_clock_that_cannot_be_corrected_is_an_error),
        CASE(a_redirect_is_followed_once_and_signed_anew),
        CASE(the_right_region_is_learned),
        CASE(virtual_host_style_works),
        CASE(a_refusal_names_action_key_status_and_code),
        CASE(a_missing_bucket_is_no_empty_table),
        CASE(no_secret_gets_into_a_message),
        CASE(expired_keys_are_read_again_from_their_file),
        CASE(a_server_that_trickles_meets_the_deadline),
        CASE(a_stalled_connection_leaves_time_for_another),
        CASE(a_cancel_ends_what_is_under_way),
        CASE(only_a_trusted_server_is_spoken_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

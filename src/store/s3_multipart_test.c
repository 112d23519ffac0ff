/* SPDX-License-Identifier: Apache-2.0 */
#include "store/s3_multipart.h"

#include "store/s3_fixture.h"

struct spool {
    char *dir;
    char *path;
    struct buf content;
};

static void spool_init(struct spool *spool, size_t bytes)
{
    struct err err;
    assert_int_equal(fs_make_temp_dir("/tmp", "s3-test", &spool->dir, &err), 0);
    spool->path = mem_printf("%s/file", spool->dir);
    for (size_t i = 0; i < bytes; i++) {
        buf_add_char(&spool->content, (char)(i % 251));
    }
    assert_int_equal(fs_write_file(spool->path, buf_str(&spool->content), &err), 0);
}

static void spool_done(struct spool *spool)
{
    struct err err;
    if (spool->dir != NULL) {
        assert_int_equal(fs_remove_tree(spool->dir, &err), 0);
    }
    mem_free(spool->dir);
    mem_free(spool->path);
    buf_done(&spool->content);
}

#define AUTO_SPOOL AUTO(spool_done)

static void assert_spooled(struct fixture *f, const struct spool *spool)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf got = {0};
    assert_true(s3_fake_object(f->fake, "t/k", &out));
    assert_true(str_eq(buf_str(&out), buf_str(&spool->content)));
    assert_ok(f, store_get(f->s, STR("k"), &got, &f->err));
    assert_true(str_eq(buf_str(&got), buf_str(&spool->content)));
    assert_int_equal(s3_fake_uploads(f->fake), 0);
}

static void a_large_file_goes_in_parts(void **state)
{
    struct fixture *f = *state;
    AUTO_SPOOL struct spool spool = {0};
    spool_init(&spool, 450000);
    open_plain(f);
    assert_ok(f, store_put_file(f->s, STR("k"), spool.path, &f->err));
    assert_int_equal(s3_fake_count(f->fake, "partNumber="), 5);
    assert_spooled(f, &spool);
    assert_true(fs_exists(spool.path));
}

static void a_part_that_fails_is_sent_again(void **state)
{
    struct fixture *f = *state;
    AUTO_SPOOL struct spool spool = {0};
    spool_init(&spool, 450000);
    open_plain(f);
    rule(f, .match = "partNumber=3", .kind = S3_FAKE_STATUS, .status = 500, .times = 1);
    rule(f, .match = "partNumber=2", .kind = S3_FAKE_DROP, .times = 2);
    rule(f, .match = "partNumber=5", .kind = S3_FAKE_APPLY_DROP, .times = 1);
    rule(f, .match = "POST /bucket/t/k?uploads", .kind = S3_FAKE_STATUS, .status = 503, .times = 1);
    assert_ok(f, store_put_file(f->s, STR("k"), spool.path, &f->err));
    assert_int_equal(s3_fake_count(f->fake, "partNumber="), 9);
    assert_spooled(f, &spool);
}

static void a_part_that_is_refused_aborts_the_upload(void **state)
{
    struct fixture *f = *state;
    AUTO_SPOOL struct spool spool = {0};
    spool_init(&spool, 450000);
    open_plain(f);
    rule(f, .match = "partNumber=3", .kind = S3_FAKE_STATUS, .status = 403, .code = "AccessDenied");
    assert_fails(f, ERR_CONFIG, store_put_file(f->s, STR("k"), spool.path, &f->err));
    assert_says(f, "put \"k\": 403 AccessDenied");
    assert_int_equal(s3_fake_count(f->fake, "DELETE"), 1);
    assert_int_equal(s3_fake_uploads(f->fake), 0);
    assert_false(has_object(f, "k"));
}

static void a_completion_with_an_error_in_it_is_not_one(void **state)
{
    struct fixture *f = *state;
    AUTO_SPOOL struct spool spool = {0};
    spool_init(&spool, 250000);
    open_plain(f);
    rule(f, .match = "POST /bucket/t/k?uploadId", .kind = S3_FAKE_ERROR_BODY,
         .code = "InternalError", .times = 2);
    assert_ok(f, store_put_file(f->s, STR("k"), spool.path, &f->err));
    assert_spooled(f, &spool);
    assert_ok(f, store_delete(f->s, STR("k"), &f->err));
    open_store(f, (struct store_options){.deadline_us = 300000});
    rule(f, .match = "POST /bucket/t/k?uploadId", .kind = S3_FAKE_ERROR_BODY,
         .code = "InternalError");
    assert_fails(f, ERR_IO, store_put_file(f->s, STR("k"), spool.path, &f->err));
    assert_says(f, "InternalError");
    assert_int_equal(s3_fake_uploads(f->fake), 0);
    assert_false(has_object(f, "k"));
}

static void a_completion_whose_answer_was_lost_is_recognised(void **state)
{
    struct fixture *f = *state;
    AUTO_SPOOL struct spool spool = {0};
    spool_init(&spool, 250000);
    open_plain(f);
    rule(f, .match = "POST /bucket/t/k?uploadId", .kind = S3_FAKE_APPLY_DROP, .times = 1);
    assert_ok(f, store_put_file(f->s, STR("k"), spool.path, &f->err));
    assert_int_equal(s3_fake_count(f->fake, "POST /bucket/t/k?uploadId"), 2); /* NoSuchUpload */
    assert_spooled(f, &spool);
}

static void a_canceled_upload_is_aborted(void **state)
{
    struct fixture *f = *state;
    AUTO_SPOOL struct spool spool = {0};
    spool_init(&spool, 450000);
    open_plain(f);
    rule(f, .match = "partNumber=2", .kind = S3_FAKE_STALL);
    struct thread thread = {0};
    struct canceler canceler = {f->s, f->fake};
    thread_start(&thread, "cancel", cancel_when_asked, &canceler);
    assert_fails(f, ERR_CANCELED, store_put_file(f->s, STR("k"), spool.path, &f->err));
    thread_join(&thread);
    assert_int_equal(s3_fake_uploads(f->fake), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_large_file_goes_in_parts),
        CASE(a_part_that_fails_is_sent_again),
        CASE(a_part_that_is_refused_aborts_the_upload),
        CASE(a_completion_with_an_error_in_it_is_not_one),
        CASE(a_completion_whose_answer_was_lost_is_recognised),
        CASE(a_canceled_upload_is_aborted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stores that the probe must refuse, and those that it must not. */
#include "store/s3_fixture.h"

static void the_probe_refuses_a_store_that_overwrites(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){.ignores_condition = true}, (struct store_options){0});
    assert_fails(f, ERR_CONFIG, store_probe(f->s, &f->err));
    assert_says(f, "two writers");
    assert_int_equal(s3_fake_count(f->fake, "DELETE /bucket/t/_delta_log/.sluice-probe-"), 1);
}

static void the_probe_refuses_a_store_that_checks_and_writes_in_two_steps(void **state)
{
    struct fixture *f = *state;
    open_both(f, (struct s3_fake_options){.racy = true}, (struct store_options){0});
    assert_fails(f, ERR_CONFIG, store_probe(f->s, &f->err));
    assert_says(f, "two writers");
}

static void the_probe_refuses_a_store_that_forgets_the_winner(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "GET", .kind = S3_FAKE_BODY, .code = "somebody else's");
    assert_fails(f, ERR_CONFIG, store_probe(f->s, &f->err));
    assert_says(f, "overwrite");
}

static void the_probe_lives_with_409_and_lost_answers(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    rule(f, .match = "PUT", .kind = S3_FAKE_APPLY_DROP, .skip = 1, .times = 1);
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 503, .code = "SlowDown", .skip = 3,
         .times = 2);
    assert_ok(f, store_probe(f->s, &f->err));
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 409,
         .code = "ConditionalRequestConflict");
    assert_fails(f, ERR_IO, store_probe(f->s, &f->err));
    assert_true(f->err.retry);
    s3_fake_clear_rules(f->fake);
    rule(f, .match = "DELETE", .kind = S3_FAKE_STATUS, .status = 403, .code = "AccessDenied");
    assert_ok(f, store_probe(f->s, &f->err));
    rule(f, .match = "PUT", .kind = S3_FAKE_STATUS, .status = 403, .code = "AccessDenied");
    assert_fails(f, ERR_CONFIG, store_probe(f->s, &f->err));
    assert_says(f, "s3:PutObject");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_probe_refuses_a_store_that_overwrites),
        CASE(the_probe_refuses_a_store_that_checks_and_writes_in_two_steps),
        CASE(the_probe_refuses_a_store_that_forgets_the_winner),
        CASE(the_probe_lives_with_409_and_lost_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

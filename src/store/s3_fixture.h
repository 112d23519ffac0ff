/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_FIXTURE_H
#define STORE_S3_FIXTURE_H

#include "store/s3_fake.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * s3_fixture - a fake server, a store on it, and short forms (for tests only)
 */
#define SECOND_US INT64_C(1000000)
#define LOG_KEY   "_delta_log/00000000000000000007.json"

struct fixture {
    struct s3_fake *fake;
    struct store *s;
    struct err err;
};

static inline void open_store(struct fixture *f, struct store_options options)
{
    if (options.endpoint.len == 0) {
        options.endpoint = str_of(s3_fake_endpoint(f->fake));
    }
    if (options.access_key.len == 0) {
        options.access_key = STR(S3_FAKE_ACCESS_KEY);
        options.secret_key = STR(S3_FAKE_SECRET_KEY);
    }
    if (options.deadline_us == 0) {
        options.deadline_us = 10 * SECOND_US;
    }
    options.part_bytes = 100000;
    store_close(f->s);
    f->s = NULL;
    if (store_open(STR("s3://bucket/t"), &options, &f->s, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static inline void open_both(struct fixture *f, struct s3_fake_options fake,
                             struct store_options options)
{
    f->fake = s3_fake_open(&fake);
    open_store(f, options);
}

static inline int setup(void **state)
{
    *state = mem_new(struct fixture);
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->s);
    if (f->fake != NULL) {
        s3_fake_close(f->fake);
    }
    mem_free(f);
    return 0;
}

/* ---- short forms ---- */

static inline void open_plain(struct fixture *f)
{
    open_both(f, (struct s3_fake_options){0}, (struct store_options){0});
}

#define rule(f, ...) s3_fake_rule((f)->fake, (struct s3_fake_rule){__VA_ARGS__})

#define assert_ok(f, expr)                                                                         \
    do {                                                                                           \
        int ok_rc = (expr);                                                                        \
        if (ok_rc < 0) {                                                                           \
            fail_msg("%s: %s", #expr, (f)->err.msg);                                               \
        }                                                                                          \
    } while (0)

#define assert_fails(f, code_wanted, expr)                                                         \
    do {                                                                                           \
        int fails_rc = (expr);                                                                     \
        if (fails_rc != (int)(code_wanted)) {                                                      \
            fail_msg("%s: %d %s", #expr, fails_rc, fails_rc < 0 ? (f)->err.msg : "");              \
        }                                                                                          \
        assert_int_equal((f)->err.code, (code_wanted));                                            \
    } while (0)

#define assert_says(f, text)                                                                       \
    do {                                                                                           \
        if (strstr((f)->err.msg, (text)) == NULL) {                                                \
            fail_msg("\"%s\" lacks \"%s\"", (f)->err.msg, (text));                                 \
        }                                                                                          \
    } while (0)

static inline int put(struct fixture *f, const char *key, const char *body)
{
    return store_put(f->s, str_of(key), str_of(body), &f->err);
}

static inline int create(struct fixture *f, const char *body)
{
    return store_put_if_absent(f->s, STR(LOG_KEY), str_of(body), &f->err);
}

static inline void assert_object(struct fixture *f, const char *key, const char *body)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf full = {0};
    buf_printf(&full, "t/%s", key);
    assert_true(s3_fake_object(f->fake, full.ptr, &out));
    assert_string_equal(out.ptr, body);
}

static inline bool has_object(struct fixture *f, const char *key)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf full = {0};
    buf_printf(&full, "t/%s", key);
    return s3_fake_object(f->fake, full.ptr, &out);
}

struct canceler {
    struct store *s;
    struct s3_fake *fake;
};

static inline void cancel_when_asked(void *user)
{
    struct canceler *c = user;
    while (s3_fake_count(c->fake, "/bucket") == 0) {
        clock_sleep_us(1000);
    }
    clock_sleep_us(20000);
    store_cancel(c->s);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif

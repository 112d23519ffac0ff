/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "store/s3_fake.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * store_fixture - an empty store of each kind, and short forms (for tests only)
 */
struct fixture {
    enum kind { KIND_LOCAL, KIND_MEMORY, KIND_S3 } kind;
    struct store *s;
    struct err err;
    char *dir; /* a folder for the test's own files */
    struct s3_fake *fake;
};

static inline const char *kind_name(enum kind kind)
{
    switch (kind) {
    case KIND_LOCAL:
        return "local";
    case KIND_MEMORY:
        return "memory";
    case KIND_S3:
        return getenv("SLUICE_TEST_S3") != NULL ? "s3 (real)" : "s3 (fake)";
    }
    return "";
}

static inline bool is_real(const struct fixture *f)
{
    return f->kind == KIND_S3 && f->fake == NULL;
}

static inline void fixture_open_s3(struct fixture *f)
{
    struct store_options options = {.part_bytes = (uint64_t)5 << 20};
    const char *url = getenv("SLUICE_TEST_S3");
    char uuid[UUID_TEXT];
    AUTO_BUF struct buf location = {0};
    rand_uuid(uuid);
    if (url == NULL) {
        f->fake = s3_fake_open(&(struct s3_fake_options){.page_keys = 3});
        options.endpoint = str_of(s3_fake_endpoint(f->fake));
        options.access_key = STR(S3_FAKE_ACCESS_KEY);
        options.secret_key = STR(S3_FAKE_SECRET_KEY);
        options.deadline_us = 5000000;
        url = "s3a://bucket/some prefix";
    }
    buf_printf(&location, "%s/%s", url, uuid);
    assert_int_equal(store_open(buf_str(&location), &options, &f->s, &f->err), 0);
}

static inline int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    f->kind = *(const enum kind *)*state;
    assert_int_equal(fs_make_temp_dir("/tmp", "store-test", &f->dir, &f->err), 0);
    AUTO_BUF struct buf location = {0};
    switch (f->kind) {
    case KIND_LOCAL:
        buf_printf(&location, "%s/lake/table", f->dir);
        assert_int_equal(store_open(buf_str(&location), NULL, &f->s, &f->err), 0);
        break;
    case KIND_MEMORY:
        assert_int_equal(store_open(STR("memory://t"), NULL, &f->s, &f->err), 0);
        break;
    case KIND_S3:
        fixture_open_s3(f);
        break;
    }
    *state = f;
    return 0;
}

static inline int on_key_delete(void *user, const struct store_entry *entry, struct err *err)
{
    return store_delete(user, entry->key, err);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    if (is_real(f)) {
        (void)store_list(f->s, STR(""), STR(""), on_key_delete, f->s, &f->err);
    }
    store_close(f->s);
    if (f->fake != NULL) {
        s3_fake_close(f->fake);
    }
    assert_int_equal(fs_remove_tree(f->dir, &f->err), 0);
    mem_free(f->dir);
    mem_free(f);
    return 0;
}

#define assert_ok(f, expr)                                                                         \
    do {                                                                                           \
        int ok_rc = (expr);                                                                        \
        if (ok_rc < 0) {                                                                           \
            fail_msg("%s: %s", #expr, (f)->err.msg);                                               \
        }                                                                                          \
    } while (0)

#define assert_fails(f, code_wanted, expr)                                                         \
    do {                                                                                           \
        assert_int_equal((expr), (code_wanted));                                                   \
        assert_int_equal((f)->err.code, (code_wanted));                                            \
    } while (0)

static inline void put(struct fixture *f, const char *key, const char *body)
{
    assert_ok(f, store_put(f->s, str_of(key), str_of(body), &f->err));
}

static inline void assert_object(struct fixture *f, const char *key, const char *body)
{
    AUTO_BUF struct buf out = {0};
    assert_int_equal(store_get(f->s, str_of(key), &out, &f->err), STORE_GOT);
    assert_int_equal(out.len, strlen(body));
    assert_string_equal(out.ptr == NULL ? "" : out.ptr, body);
}

static inline void assert_absent(struct fixture *f, const char *key)
{
    AUTO_BUF struct buf out = {0};
    assert_int_equal(store_get(f->s, str_of(key), &out, &f->err), STORE_ABSENT);
    assert_int_equal(out.len, 0);
}

static inline char *make_file(struct fixture *f, const char *name, size_t bytes,
                              struct buf *content)
{
    char *path = mem_printf("%s/%s", f->dir, name);
    struct rng rng;
    rng_init(&rng, bytes);
    buf_reserve(content, bytes);
    while (content->len < bytes) {
        uint64_t word = rng_next(&rng);
        buf_add(content, &word, bytes - content->len < 8 ? bytes - content->len : 8);
    }
    assert_ok(f, fs_write_file(path, buf_str(content), &f->err));
    return path;
}

struct listed {
    struct buf text; /* "key=size," each */
    size_t stop_after;
    size_t count;
    int result; /* of the last call */
    struct store *s;
};

static inline int on_listed(void *user, const struct store_entry *entry, struct err *err)
{
    struct listed *l = user;
    buf_printf(&l->text, "%.*s=%d,", STR_FMT(entry->key), (int)entry->size_bytes);
    if (entry->modified_us < INT64_C(1600000000000000)) {
        return err_set(err, ERR_CORRUPT, "no time");
    }
    l->count++;
    if (l->count == l->stop_after) {
        return l->result < 0 ? err_set(err, (enum err_code)l->result, "as asked") : l->result;
    }
    return 0;
}

static inline void assert_list(struct fixture *f, const char *prefix, const char *start_after,
                               const char *want)
{
    struct listed l = {0};
    assert_ok(f, store_list(f->s, str_of(prefix), str_of(start_after), on_listed, &l, &f->err));
    assert_string_equal(l.text.ptr == NULL ? "" : l.text.ptr, want);
    buf_done(&l.text);
}

#endif

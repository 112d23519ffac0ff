/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_REGISTRY_TEST_UTIL_H
#define CODEC_REGISTRY_TEST_UTIL_H

#include "codec/registry.h"
#include "store/http_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * registry_test_util - a fake registry and a client of it (for tests only)
 */
#define SECOND_US INT64_C(1000000)

struct fixture {
    struct http_fake *fake;
    struct codec_registry *registry;
    const struct codec_schema *schema;
    struct arena arena;
    struct err err;
};

static inline void open_client(struct fixture *f, struct codec_registry_options options)
{
    codec_registry_close(f->registry);
    f->registry = NULL;
    if (options.urls.len == 0) {
        options.urls = str_of(http_fake_url(f->fake));
    }
    if (codec_registry_open(&options, &f->registry, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static inline int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    f->fake = http_fake_open(NULL);
    open_client(f, (struct codec_registry_options){.timeout_us = 20 * SECOND_US});
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    codec_registry_close(f->registry);
    if (f->fake != NULL) {
        http_fake_close(f->fake);
    }
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

#define rule(f, ...) http_fake_add((f)->fake, (struct http_fake_rule){__VA_ARGS__})

/* What the registry answers for `path`: a schema of the type ("" = none said), with references
 * as JSON text ("" = none). */
static inline void add_schema(struct fixture *f, const char *path, uint32_t id, const char *type,
                              const char *text, const char *references)
{
    AUTO_BUF struct buf body = {0};
    AUTO_BUF struct buf match = {0};
    buf_printf(&match, "GET %s", path);
    buf_printf(&body, "{\"id\":%" PRIu32 ",\"schema\":", id);
    json_quote(&body, str_of(text));
    if (type[0] != '\0') {
        buf_printf(&body, ",\"schemaType\":\"%s\"", type);
    }
    if (references[0] != '\0') {
        buf_printf(&body, ",\"references\":%s", references);
    }
    buf_add_char(&body, '}');
    rule(f, .match = match.ptr, .body = body.ptr);
}

#define UNKNOWN_ID "{\"error_code\":40403,\"message\":\"Schema not found\"}"

static inline int fetch(struct fixture *f, uint32_t id)
{
    int rc = codec_registry_fetch(f->registry, id, &f->schema, &f->err);
    if (rc >= 0) {
        return rc;
    }
    assert_int_equal(rc, f->err.code);
    return rc;
}

static inline void assert_found(struct fixture *f, int rc)
{
    if (rc != CODEC_REGISTRY_FOUND) {
        fail_msg("%d %s", rc, rc < 0 ? f->err.msg : "unknown");
    }
}

static inline void assert_text(struct str text, const char *wanted)
{
    AUTO_FREE char *copy = str_dup(text);
    assert_string_equal(copy, wanted);
}

static inline void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", text, part);
    }
}

static inline void assert_unusable(struct fixture *f, const char *why)
{
    AUTO_FREE char *text = str_dup(f->schema->unusable);
    assert_has(text, why);
    assert_int_equal(f->schema->writer.len, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* registry_test - the client against a registry that misbehaves on order */
#include "codec/registry_test_util.h"

#include "codec/registry_answer.h"
#include "codec/registry_avro.h"
#include "codec/registry_cache.h"
#include "codec/registry_proto.h"

/* ---- ids ---- */

static void an_id_is_fetched_once_and_then_cached(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/7", 7, "", "\"string\"", "");
    assert_null(codec_registry_cached(f->registry, 7));
    assert_found(f, fetch(f, 7));
    assert_int_equal(f->schema->id, 7);
    assert_int_equal(f->schema->kind, CODEC_SCHEMA_AVRO);
    assert_text(f->schema->text, "\"string\"");
    assert_text(f->schema->writer, "\"string\"");
    assert_int_equal(f->schema->unusable.len, 0);
    assert_ptr_equal(codec_registry_cached(f->registry, 7), f->schema);
    assert_found(f, fetch(f, 7));
    assert_int_equal(http_fake_count(f->fake, "*"), 1);
    assert_true(http_fake_saw_header(f->fake, "application/vnd.schemaregistry.v1+json"));
}

static void known_ids_go_on_when_the_registry_is_gone(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/7", 7, "JSON", "{}", "");
    open_client(f, (struct codec_registry_options){.timeout_us = SECOND_US / 5});
    assert_found(f, fetch(f, 7));
    http_fake_close(TAKE(f->fake));
    assert_found(f, fetch(f, 7));
    assert_int_equal(fetch(f, 8), ERR_IO);
    assert_true(f->err.retry);
    assert_has(f->err.msg, "/schemas/ids/8");
    assert_null(codec_registry_cached(f->registry, 8));
}

static void an_unknown_id_is_not_asked_for_again_for_a_while(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct codec_registry_options){.unknown_us = 3600 * SECOND_US});
    rule(f, .match = "GET /schemas/ids/*", .status = 404, .body = UNKNOWN_ID);
    assert_int_equal(fetch(f, 7), CODEC_REGISTRY_UNKNOWN);
    assert_int_equal(fetch(f, 7), CODEC_REGISTRY_UNKNOWN);
    assert_int_equal(http_fake_count(f->fake, "*"), 1);
    assert_int_equal(fetch(f, 8), CODEC_REGISTRY_UNKNOWN);
    assert_int_equal(http_fake_count(f->fake, "*"), 2);
}

static void an_unknown_id_may_become_known(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct codec_registry_options){.unknown_us = 1});
    rule(f, .match = "GET /schemas/ids/7", .status = 404, .body = UNKNOWN_ID, .times = 1);
    add_schema(f, "/schemas/ids/7", 7, "", "\"int\"", "");
    assert_int_equal(fetch(f, 7), CODEC_REGISTRY_UNKNOWN);
    while (fetch(f, 7) == CODEC_REGISTRY_UNKNOWN) {
        clock_sleep_us(100);
    }
    assert_int_equal(f->schema->id, 7);
}

static void a_bare_404_is_a_failure_not_an_unknown_id(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct codec_registry_options){.timeout_us = SECOND_US / 5});
    assert_int_equal(fetch(f, 7), ERR_IO);
    assert_true(f->err.retry);
    assert_has(f->err.msg, "is the path of the URL right?");
}

/* ---- failures ---- */

static void what_may_pass_is_tried_again(void **state)
{
    struct fixture *f = *state;
    rule(f, .match = "GET /schemas/ids/7", .status = 500, .times = 2);
    rule(f, .match = "GET /schemas/ids/7", .status = 429, .times = 1);
    rule(f, .match = "GET /schemas/ids/7", .kind = HTTP_FAKE_DROP, .times = 1);
    rule(f, .match = "GET /schemas/ids/7", .body = "<html>maintenance</html>", .times = 1);
    rule(f, .match = "GET /schemas/ids/7", .body = "{\"schema\":", .times = 1);
    add_schema(f, "/schemas/ids/7", 7, "", "\"int\"", "");
    assert_found(f, fetch(f, 7));
    assert_int_equal(http_fake_count(f->fake, "*"), 7);
}

struct reopener {
    struct http_fake_options options;
    struct http_fake *fake;
};

static void open_after_a_while(void *user)
{
    struct reopener *r = user;
    clock_sleep_us(SECOND_US / 5);
    r->fake = http_fake_open(&r->options);
    http_fake_add(r->fake, (struct http_fake_rule){.match = "GET /schemas/ids/7",
                                                   .body = "{\"schema\":\"\\\"int\\\"\"}"});
}

static void a_call_outlasts_a_restart_of_the_registry(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *url = mem_strdup(http_fake_url(f->fake));
    open_client(
        f, (struct codec_registry_options){.urls = str_of(url), .timeout_us = 3600 * SECOND_US});
    struct reopener reopener = {.options = {.port = http_fake_port(f->fake)}};
    http_fake_close(TAKE(f->fake));
    struct thread thread = {0};
    thread_start(&thread, "reopener", open_after_a_while, &reopener);
    assert_found(f, fetch(f, 7));
    thread_join(&thread);
    f->fake = reopener.fake;
}

static void a_registry_that_stays_down_is_an_error_that_may_pass(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct codec_registry_options){.timeout_us = SECOND_US / 4});
    rule(f, .match = "GET /schemas/ids/1", .status = 503, .body = "{\"message\":\"be patient\"}");
    rule(f, .match = "GET /schemas/ids/2", .kind = HTTP_FAKE_STALL);
    rule(f, .match = "GET /schemas/ids/3", .body = "[]");
    rule(f, .match = "GET /schemas/ids/4", .body = "{\"schema\":7}");
    rule(f, .match = "GET /schemas/ids/5", .body = "{\"schema\":\"\",\"schemaType\":\"XML\"}");
    rule(f, .match = "GET /schemas/ids/6", .body = "{\"schema\":\"\",\"references\":[{}]}");
    static const char *const why[] = {"503: be patient", "in time", "no object",
                                      "no \"schema\"",   "\"XML\"", "\"references\""};
    for (uint32_t id = 1; id <= 6; id++) {
        assert_int_equal(fetch(f, id), ERR_IO);
        assert_true(f->err.retry);
        assert_has(f->err.msg, why[id - 1]);
    }
}

static void a_refusal_ends_the_call_and_tells_no_secret(void **state)
{
    struct fixture *f = *state;
    http_fake_close(f->fake);
    struct http_fake_options fake = {.authorization = "Basic bWU6b3Blbi1zZXNhbWU="};
    f->fake = http_fake_open(&fake);
    add_schema(f, "/schemas/ids/7", 7, "", "\"int\"", "");
    open_client(f, (struct codec_registry_options){.user = STR("me:wrong-password")});
    assert_int_equal(fetch(f, 7), ERR_CONFIG);
    assert_has(f->err.msg, "401");
    assert_null(strstr(f->err.msg, "wrong-password"));
    open_client(f, (struct codec_registry_options){.user = STR("me:open-sesame")});
    assert_found(f, fetch(f, 7));
}

static void the_next_url_is_asked_when_one_fails(void **state)
{
    struct fixture *f = *state;
    struct http_fake *down = http_fake_open(NULL);
    http_fake_add(down, (struct http_fake_rule){.match = "GET *", .status = 500});
    AUTO_FREE char *urls =
        mem_printf(" %s/ , %s/sub/", http_fake_url(down), http_fake_url(f->fake));
    open_client(f, (struct codec_registry_options){.urls = str_of(urls)});
    add_schema(f, "/sub/schemas/ids/1", 1, "", "\"int\"", "");
    add_schema(f, "/sub/schemas/ids/2", 2, "", "\"int\"", "");
    assert_found(f, fetch(f, 1));
    assert_found(f, fetch(f, 2));
    assert_int_equal(http_fake_count(down, "*"), 1); /* the one that answered is asked first now */
    http_fake_close(down);
}

struct stopper {
    struct http_fake *fake;
    struct stop *stop;
};

static void stop_when_asked(void *user)
{
    struct stopper *s = user;
    while (http_fake_count(s->fake, "*") == 0) {
        clock_sleep_us(1000);
    }
    stop_set(s->stop);
}

static void a_stop_ends_a_call(void **state)
{
    struct fixture *f = *state;
    static const enum http_fake_kind kinds[] = {HTTP_FAKE_STALL, HTTP_FAKE_ANSWER};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct stop stop;
        stop_init(&stop);
        http_fake_close(f->fake);
        f->fake = http_fake_open(NULL);
        open_client(f,
                    (struct codec_registry_options){.stop = &stop, .timeout_us = 3600 * SECOND_US});
        rule(f, .match = "GET *", .kind = kinds[i], .status = 500);
        struct stopper stopper = {f->fake, &stop};
        struct thread thread = {0};
        thread_start(&thread, "stopper", stop_when_asked, &stopper);
        assert_int_equal(fetch(f, 1), ERR_CANCELED);
        thread_join(&thread);
        codec_registry_close(TAKE(f->registry));
        stop_done(&stop);
    }
}

static void an_answer_that_is_too_large_is_an_unusable_schema(void **state)
{
    struct fixture *f = *state;
    size_t len = ((size_t)8 << 20) + 100;
    AUTO_FREE char *huge = mem_alloc(len + 1);
    memset(huge, ' ', len);
    huge[len] = '\0';
    rule(f, .match = "GET /schemas/ids/7", .body = huge);
    assert_found(f, fetch(f, 7));
    assert_unusable(f, "larger than 8388608 bytes");
}

static void an_answer_that_is_too_deep_is_none(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf body = {0};
    for (int i = 0; i < 600; i++) {
        buf_add_c(&body, "{\"a\":");
    }
    open_client(f, (struct codec_registry_options){.timeout_us = SECOND_US / 5});
    rule(f, .match = "GET /schemas/ids/7", .body = body.ptr);
    assert_int_equal(fetch(f, 7), ERR_IO);
    assert_has(f->err.msg, "deeper");
}

static void options_that_make_no_sense_are_refused(void **state)
{
    struct fixture *f = *state;
    struct codec_registry *r;
    static const struct codec_registry_options bad[] = {
        {.urls = {"", 0}},
        {.urls = {"localhost:8081", 14}},
        {.urls = {"http://a,ftp://b", 16}},
        {.urls = {"http://a?x=1", 12}},
        {.urls = {"http://a", 8}, .user = {"nobody", 6}},
        {.urls = {"http://a", 8}, .user = {"a:b", 3}, .token = {"t", 1}},
        {.urls = {"http://me:geheim@a", 18}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(codec_registry_open(&bad[i], &r, &f->err), ERR_CONFIG);
        assert_null(strstr(f->err.msg, "geheim"));
    }
}

/* ---- subjects ---- */

static void the_latest_version_is_asked_for_anew_and_cached_by_its_id(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf subject = {0};
    codec_registry_subject(STR("a/b c"), false, &subject);
    assert_string_equal(subject.ptr, "a/b c-value");
    rule(f, .match = "GET /subjects/a%2Fb%20c-value/versions/latest", .times = 1,
         .body = "{\"subject\":\"x\",\"version\":1,\"id\":3,\"schema\":\"\\\"int\\\"\"}");
    add_schema(f, "/subjects/a%2Fb%20c-value/versions/latest", 4, "", "\"long\"", "");
    add_schema(f, "/subjects/a%2Fb%20c-value/versions/1", 3, "", "\"int\"", "");
    struct str s = buf_str(&subject);
    assert_found(f, codec_registry_latest(f->registry, s, 0, &f->schema, &f->err));
    assert_int_equal(f->schema->id, 3);
    const struct codec_schema *first = f->schema;
    assert_found(f, codec_registry_latest(f->registry, s, 0, &f->schema, &f->err));
    assert_int_equal(f->schema->id, 4);
    assert_found(f, codec_registry_latest(f->registry, s, 1, &f->schema, &f->err));
    assert_ptr_equal(f->schema, first);
    assert_ptr_equal(codec_registry_cached(f->registry, 4)->writer.ptr,
                     codec_registry_cached(f->registry, 4)->text.ptr);
    buf_reset(&subject);
    codec_registry_subject(STR("t"), true, &subject);
    assert_string_equal(subject.ptr, "t-key");
}

static void a_subject_that_is_not_there_is_unknown(void **state)
{
    struct fixture *f = *state;
    rule(f, .match = "GET /subjects/none/versions/latest", .status = 404,
         .body = "{\"error_code\":40401}");
    rule(f, .match = "GET /subjects/none/versions/9", .status = 404,
         .body = "{\"error_code\":40402}");
    assert_int_equal(codec_registry_latest(f->registry, STR("none"), 0, &f->schema, &f->err),
                     CODEC_REGISTRY_UNKNOWN);
    assert_int_equal(codec_registry_latest(f->registry, STR("none"), 9, &f->schema, &f->err),
                     CODEC_REGISTRY_UNKNOWN);
}

/* ---- references ---- */

#define INNER "{\"type\":\"record\",\"name\":\"Inner\",\"namespace\":\"n\",\"fields\":[]}"
#define REF(name, subject, version)                                                                \
    "{\"name\":\"" name "\",\"subject\":\"" subject "\",\"version\":" #version "}"

static void references_come_before_what_needs_them(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "JSON", "main",
               "[" REF("a", "sa", 2) "," REF("c", "sc", 1) "]");
    add_schema(f, "/subjects/sa/versions/2?deleted=true", 2, "JSON", "text a",
               "[" REF("b", "sb", 5) "," REF("c", "sc", 1) "]");
    add_schema(f, "/subjects/sb/versions/5?deleted=true", 3, "JSON", "text b", "");
    add_schema(f, "/subjects/sc/versions/1?deleted=true", 4, "JSON", "text c", "null");
    assert_found(f, fetch(f, 1));
    assert_int_equal(f->schema->reference_count, 3);
    assert_text(f->schema->references[0].name, "b");
    assert_text(f->schema->references[1].name, "c");
    assert_text(f->schema->references[2].name, "a");
    assert_text(f->schema->references[2].text, "text a");
    assert_int_equal(http_fake_count(f->fake, "GET /subjects/sc*"), 1);
}

static void references_in_a_circle_make_a_schema_unusable(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "", "\"a\"", "[" REF("a", "sa", 1) "]");
    add_schema(f, "/subjects/sa/versions/1?deleted=true", 2, "", "\"b\"",
               "[" REF("b", "sb", 1) "]");
    add_schema(f, "/subjects/sb/versions/1?deleted=true", 3, "", "\"a\"",
               "[" REF("a", "sa", 1) "]");
    assert_found(f, fetch(f, 1));
    assert_unusable(f, "\"a\" leads back to itself");
    assert_found(f, fetch(f, 1));
    assert_int_equal(http_fake_count(f->fake, "*"), 3); /* its id will never mean anything else */
}

static void references_may_not_go_on_for_ever(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40; i++) {
        AUTO_FREE char *path = i == 0 ? mem_strdup("/schemas/ids/1")
                                      : mem_printf("/subjects/s%d/versions/1?deleted=true", i);
        AUTO_FREE char *next =
            mem_printf("[{\"name\":\"n%d\",\"subject\":\"s%d\",\"version\":1}]", i + 1, i + 1);
        add_schema(f, path, 1, "", "\"int\"", next);
    }
    assert_found(f, fetch(f, 1));
    assert_unusable(f, "references");
}

static void a_reference_that_is_not_there_leaves_the_id_unknown(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "", "\"a\"", "[" REF("a", "sa", 1) "]");
    rule(f, .match = "GET /subjects/sa/versions/1?deleted=true", .status = 404,
         .body = "{\"error_code\":40402}");
    assert_int_equal(fetch(f, 1), CODEC_REGISTRY_UNKNOWN);
    assert_null(codec_registry_cached(f->registry, 1));
}

/* ---- Avro ---- */

static void an_avro_schema_has_its_references_in_it(void **state)
{
    struct fixture *f = *state;
    add_schema(
        f, "/schemas/ids/1", 1, "AVRO",
        "{\"type\":\"record\",\"name\":\"Outer\",\"namespace\":\"n\",\"fields\":["
        "{\"name\":\"x\",\"type\":\"Inner\"},{\"name\":\"y\",\"type\":[\"null\",\"n.Inner\"]}]}",
        "[" REF("n.Inner", "inner", 1) "]");
    add_schema(f, "/subjects/inner/versions/1?deleted=true", 2, "", INNER, "");
    assert_found(f, fetch(f, 1));
    assert_text(
        f->schema->writer,
        "{\"type\":\"record\",\"name\":\"n.Outer\",\"fields\":["
        "{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":\"n.Inner\",\"fields\":[]}},"
        "{\"name\":\"y\",\"type\":[\"null\",\"n.Inner\"]}]}");
}

static void inline_is(const char *text, const char *first, const char *second, const char *wanted)
{
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct str out;
    struct codec_schema_file files[] = {{STR("f0"), str_of(first)}, {STR("f1"), str_of(second)}};
    if (codec_registry_avro_inline(str_of(text), files, second == NULL ? 1 : 2, &arena, &out,
                                   &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_text(out, wanted);
}

static void avro_names_keep_their_meaning_where_they_are_put(void **state)
{
    (void)state;
    /* A type without a name space, put into one. */
    inline_is("{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"a\",\"type\":\"E\"}]}",
              "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\"]}", NULL,
              "{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"a\",\"type\":"
              "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\"],\"namespace\":\"\"}}]}");
    /* A type within a reference is written where it is first named; then the reference names it. */
    inline_is("[\"m.B\",\"m.A\"]",
              "{\"type\":\"record\",\"name\":\"A\",\"namespace\":\"m\",\"fields\":[{\"name\":\"b\","
              "\"type\":{\"type\":\"fixed\",\"name\":\"B\",\"size\":3}}]}",
              NULL,
              "[{\"type\":\"fixed\",\"name\":\"m.B\",\"size\":3},{\"type\":\"record\",\"name\":"
              "\"m.A\",\"fields\":[{\"name\":\"b\",\"type\":\"m.B\"}]}]");
    /* References that need each other's types, in arrays and maps; other members stay. */
    inline_is(
        "{\"type\":\"array\",\"items\":\"k.P\"}",
        "{\"type\":\"record\",\"name\":\"k.Q\",\"doc\":\"a \\\"type\\\"\",\"fields\":[]}",
        "{\"type\":\"record\",\"name\":\"k.P\",\"fields\":[{\"name\":\"q\",\"type\":"
        "{\"type\":\"map\",\"values\":\"Q\"},\"default\":{\"type\":\"Q\"}}]}",
        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"k.P\",\"fields\":["
        "{\"name\":\"q\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"record\",\"name\":"
        "\"k.Q\",\"doc\":\"a \\\"type\\\"\",\"fields\":[]}},\"default\":{\"type\":\"Q\"}}]}}");
    /* A record within itself ends; a name that nobody defines stays. */
    inline_is("\"L\"",
              "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"l\",\"type\":[\"null\","
              "\"L\",\"x.None\"]}]}",
              NULL,
              "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"l\",\"type\":[\"null\","
              "\"L\",\"x.None\"]}]}");
}

static void many_avro_types_are_found(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf types = {0};
    AUTO_BUF struct buf uses = {0};
    struct err err;
    struct str out;
    for (int i = 0; i < 3000; i++) {
        buf_printf(&types, "%s{\"type\":\"fixed\",\"name\":\"a.T%d\",\"size\":%d}",
                   i > 0 ? "," : "[", i, i);
        buf_printf(&uses, "%s\"a.T%d\"", i > 0 ? "," : "[", i);
    }
    buf_add_char(&types, ']');
    buf_add_char(&uses, ']');
    struct codec_schema_file file = {STR("f"), buf_str(&types)};
    assert_int_equal(codec_registry_avro_inline(buf_str(&uses), &file, 1, &arena, &out, &err), 0);
    assert_text(out, types.ptr);
}

static void avro_references_may_not_nest_too_deep(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct str out;
    VEC(struct codec_schema_file) files = {0};
    for (int i = 0; i < 200; i++) {
        char *text = arena_printf(&arena,
                                  "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":"
                                  "\"a\",\"type\":\"R%d\"}]}",
                                  i, i + 1);
        *vec_push(&files) = (struct codec_schema_file){STR("f"), str_of(text)};
    }
    assert_int_equal(
        codec_registry_avro_inline(STR("\"R0\""), files.items, files.count, &arena, &out, &err),
        ERR_DATA);
    assert_has(err.msg, "deeper than 512");
    struct codec_schema_file broken = {STR("f0"), STR("{")};
    assert_int_equal(codec_registry_avro_inline(STR("\"R0\""), &broken, 1, &arena, &out, &err),
                     ERR_DATA);
    assert_has(err.msg, "reference \"f0\"");
    vec_done(&files);
}

/* ---- Protobuf ---- */

static void message_is(struct str descriptors, const uint32_t *indexes, size_t count,
                       const char *wanted)
{
    AUTO_BUF struct buf name = {0};
    struct err err;
    if (codec_registry_proto_message(descriptors, indexes, count, &name, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(name.ptr, wanted);
}

static void a_protobuf_schema_is_compiled_with_its_imports(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "PROTOBUF",
               "syntax = \"proto3\"; package p.q; import \"common/c.proto\";"
               "import \"google/protobuf/timestamp.proto\";"
               "message A { message B { message C {} } message D { c.X x = 1; } }"
               "message E { google.protobuf.Timestamp t = 1; }",
               "[" REF("common/c.proto", "common/c.proto", 1) "]");
    add_schema(f, "/subjects/common%2Fc.proto/versions/1?deleted=true", 2, "PROTOBUF",
               "syntax = \"proto3\"; package c; message X { int32 a = 1; }", "");
    assert_found(f, fetch(f, 1));
    assert_int_equal(f->schema->unusable.len, 0);
    struct str set = f->schema->writer;
    message_is(set, (const uint32_t[]){0}, 1, "p.q.A");
    message_is(set, (const uint32_t[]){0, 0, 0}, 3, "p.q.A.B.C");
    message_is(set, (const uint32_t[]){0, 1}, 2, "p.q.A.D");
    message_is(set, (const uint32_t[]){1}, 1, "p.q.E");
    assert_true(str_find_str(set, STR("google/protobuf/timestamp.proto")) >= 0);
    AUTO_BUF struct buf name = {0};
    assert_int_equal(codec_registry_proto_message(set, (const uint32_t[]){0, 2}, 2, &name, &f->err),
                     ERR_DATA);
    assert_has(f->err.msg, "no message number 2 within p.q.A");
    for (size_t len = 0; len < set.len; len++) {
        buf_reset(&name); /* every prefix ends in an error or a name */
        (void)codec_registry_proto_message(str_head(set, len), (const uint32_t[]){0, 1}, 2, &name,
                                           &f->err);
    }
}

static void what_protoc_says_is_why_a_schema_is_unusable(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "PROTOBUF",
               "syntax = \"proto3\"; message A { int32 a = x; }", "");
    add_schema(f, "/schemas/ids/2", 2, "PROTOBUF", "syntax = \"proto3\"; import \"none.proto\";",
               "");
    assert_found(f, fetch(f, 1));
    assert_unusable(f, "protoc: 1:");
    assert_found(f, fetch(f, 2));
    assert_unusable(f, "none.proto");
}

static void a_reference_cannot_leave_its_folder(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"../a.proto", "/etc/a.proto", "a/../../b.proto",
                                        "",           "a//b.proto",   "./a.proto",
                                        "a\\\\b",     "a\\u0000b",    "sluice.registry.proto"};
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        AUTO_FREE char *path = mem_printf("/schemas/ids/%" PRIu32, i);
        AUTO_FREE char *list =
            mem_printf("[{\"name\":\"%s\",\"subject\":\"s\",\"version\":1}]", names[i]);
        add_schema(f, path, i, "PROTOBUF", "syntax = \"proto3\";", list);
    }
    add_schema(f, "/subjects/s/versions/1?deleted=true", 99, "PROTOBUF", "syntax = \"proto3\";",
               "");
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_found(f, fetch(f, i));
        assert_unusable(f, "is no path for an import");
    }
}

static void without_protoc_protobuf_is_a_configuration_error(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "PROTOBUF", "syntax = \"proto3\"; message A {}", "");
    AUTO_FREE char *path = mem_strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    int rc = fetch(f, 1);
    setenv("PATH", path, 1);
    assert_int_equal(rc, ERR_CONFIG);
    assert_has(f->err.msg, "protoc");
    assert_found(f, fetch(f, 1));
}

/* ---- the cache ---- */

static const struct codec_schema *cache_add(struct codec_registry_cache *cache, uint32_t id)
{
    struct codec_registry_entry *entry = mem_new(struct codec_registry_entry);
    const struct codec_schema *schema = NULL;
    struct err err;
    entry->schema.id = id;
    assert_int_equal(codec_registry_cache_add(cache, entry, &schema, &err), 0);
    return schema;
}

static void the_cache_finds_every_id_and_no_other(void **state)
{
    (void)state;
    struct codec_registry_cache cache;
    codec_registry_cache_init(&cache);
    assert_null(codec_registry_cache_find(&cache, 0));
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t id = i * 2654435761u;
        const struct codec_schema *schema = cache_add(&cache, id);
        assert_ptr_equal(codec_registry_cache_find(&cache, id), schema);
        assert_ptr_equal(cache_add(&cache, id), schema);
    }
    for (uint32_t i = 0; i < 3000; i++) {
        assert_int_equal(codec_registry_cache_find(&cache, i * 2654435761u)->id, i * 2654435761u);
        assert_null(codec_registry_cache_find(&cache, i * 2654435761u + 1));
    }
    codec_registry_cache_done(&cache);
}

#define RACE_IDS 2000

static void read_while_written(void *user)
{
    struct codec_registry_cache *cache = user;
    for (uint32_t id = 0; id < RACE_IDS;) {
        const struct codec_schema *schema = codec_registry_cache_find(cache, id);
        if (schema != NULL) {
            assert(schema->id == id);
            id++;
        }
    }
}

static void the_cache_is_read_while_it_grows(void **state)
{
    (void)state;
    struct codec_registry_cache cache;
    codec_registry_cache_init(&cache);
    struct thread readers[3] = {0};
    for (size_t i = 0; i < ARRAY_COUNT(readers); i++) {
        thread_start(&readers[i], "reader", read_while_written, &cache);
    }
    for (uint32_t id = 0; id < RACE_IDS; id++) {
        cache_add(&cache, id);
    }
    for (size_t i = 0; i < ARRAY_COUNT(readers); i++) {
        thread_join(&readers[i]);
    }
    codec_registry_cache_done(&cache);
}

static void unknown_ids_are_remembered_for_their_time_and_in_a_bounded_number(void **state)
{
    (void)state;
    struct codec_registry_cache cache;
    codec_registry_cache_init(&cache);
    assert_false(codec_registry_cache_is_unknown(&cache, 0));
    codec_registry_cache_set_unknown(&cache, 1, clock_mono_us() + 3600 * SECOND_US);
    codec_registry_cache_set_unknown(&cache, 2, clock_mono_us());
    assert_true(codec_registry_cache_is_unknown(&cache, 1));
    assert_false(codec_registry_cache_is_unknown(&cache, 2));
    for (uint32_t i = 0; i < CODEC_REGISTRY_CACHE_UNKNOWN_MAX; i++) {
        codec_registry_cache_set_unknown(&cache, 100 + i, clock_mono_us() + 3600 * SECOND_US);
    }
    assert_false(codec_registry_cache_is_unknown(&cache, 1));
    assert_true(codec_registry_cache_is_unknown(&cache, 100));
    codec_registry_cache_done(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_id_is_fetched_once_and_then_cached),
        CASE(known_ids_go_on_when_the_registry_is_gone),
        CASE(an_unknown_id_is_not_asked_for_again_for_a_while),
        CASE(an_unknown_id_may_become_known),
        CASE(a_bare_404_is_a_failure_not_an_unknown_id),
        CASE(what_may_pass_is_tried_again),
        CASE(a_call_outlasts_a_restart_of_the_registry),
        CASE(a_registry_that_stays_down_is_an_error_that_may_pass),
        CASE(a_refusal_ends_the_call_and_tells_no_secret),
        CASE(the_next_url_is_asked_when_one_fails),
        CASE(a_stop_ends_a_call),
        CASE(an_answer_that_is_too_large_is_an_unusable_schema),
        CASE(an_answer_that_is_too_deep_is_none),
        CASE(options_that_make_no_sense_are_refused),
        CASE(the_latest_version_is_asked_for_anew_and_cached_by_its_id),
        CASE(a_subject_that_is_not_there_is_unknown),
        CASE(references_come_before_what_needs_them),
        CASE(references_in_a_circle_make_a_schema_unusable),
        CASE(references_may_not_go_on_for_ever),
        CASE(a_reference_that_is_not_there_leaves_the_id_unknown),
        CASE(an_avro_schema_has_its_references_in_it),
        cmocka_unit_test(avro_names_keep_their_meaning_where_they_are_put),
        cmocka_unit_test(many_avro_types_are_found),
        cmocka_unit_test(avro_references_may_not_nest_too_deep),
        CASE(a_protobuf_schema_is_compiled_with_its_imports),
        CASE(what_protoc_says_is_why_a_schema_is_unusable),
        CASE(a_reference_cannot_leave_its_folder),
        CASE(without_protoc_protobuf_is_a_configuration_error),
        cmocka_unit_test(the_cache_finds_every_id_and_no_other),
        cmocka_unit_test(the_cache_is_read_while_it_grows),
        cmocka_unit_test(unknown_ids_are_remembered_for_their_time_and_in_a_bounded_number),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}

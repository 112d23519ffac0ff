/* SPDX-License-Identifier: Apache-2.0 */
/* infer_test - row types from samples (Spark's answers: test_formats_plain.py) */
#include "codec/infer.h"
#include "codec/json_test_util.h"

#define SAMPLES_MAX 6

struct infer_case {
    const char *samples[SAMPLES_MAX];
    const char *want; /* the fields, as DDL */
};

static void infer_free(struct codec_infer **infer)
{
    codec_infer_free(*infer);
}
#define AUTO_INFER AUTO(infer_free)

static struct codec_infer *infer_new(struct codec_infer_options options)
{
    struct codec_infer *infer;
    struct err err;
    assert_int_equal(codec_infer_new(STR("json"), &options, &infer, &err), 0);
    return infer;
}

/* From a heap copy of exactly its size, which is gone afterwards. */
static bool infer_add(struct codec_infer *infer, struct str sample)
{
    AUTO_FREE char *copy = mem_alloc(sample.len == 0 ? 1 : sample.len);
    if (sample.len > 0) {
        memcpy(copy, sample.ptr, sample.len);
    }
    return codec_infer_add(infer, str_n(copy, sample.len));
}

static void assert_type(const struct codec_infer *infer, const char *want)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf got = {0};
    type_print(codec_infer_type(infer, &arena), &got);
    struct str inner = str_n(got.ptr + strlen("STRUCT<"), got.len - strlen("STRUCT<>"));
    if (!str_eq_c(inner, want)) {
        fail_msg("got %.*s, wanted %s", STR_FMT(inner), want);
    }
}

static void assert_infers(const struct infer_case *cases, size_t count,
                          struct codec_infer_options options)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_INFER struct codec_infer *infer = infer_new(options);
        AUTO_INFER struct codec_infer *backwards = infer_new(options);
        for (size_t s = 0; s < SAMPLES_MAX && cases[i].samples[s] != NULL; s++) {
            infer_add(infer, str_of(cases[i].samples[s]));
        }
        assert_type(infer, cases[i].want);
        codec_infer_merge(backwards, infer);
        assert_type(backwards, cases[i].want);
    }
}
#define ASSERT_INFERS(options, ...)                                                                \
    do {                                                                                           \
        static const struct infer_case cases[] = {__VA_ARGS__};                                    \
        assert_infers(cases, ARRAY_COUNT(cases), (struct codec_infer_options)options);             \
    } while (0)
#define PRESETS                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

static void scalars_are_what_they_look_like(void **state)
{
    (void)state;
    ASSERT_INFERS(
        PRESETS,
        {{"{\"a\":1,\"b\":true,\"c\":1.5,\"d\":\"x\"}"},
         "a: BIGINT, b: BOOLEAN, c: DOUBLE, d: STRING"},
        {{"{\"a\":-0,\"b\":1e2,\"c\":1e400,\"d\":0.0}"},
         "a: BIGINT, b: DOUBLE, c: DOUBLE, d: DOUBLE"},
        {{"{\"a\":9223372036854775807,\"b\":9223372036854775808,\"c\":-9223372036854775808,"
          "\"d\":-9223372036854775809}"},
         "a: BIGINT, b: DECIMAL(20,0), c: BIGINT, d: DECIMAL(20,0)"},
        {{"{\"a\":99999999999999999999,\"b\":100000000000000000000}"},
         "a: DECIMAL(20,0), b: DECIMAL(38,0)"},
        {{"{\"a\":99999999999999999999999999999999999999,"
          "\"b\":100000000000000000000000000000000000000}"},
         "a: DECIMAL(38,0), b: DOUBLE"},
        {{"{\"a\":\"2026-01-01T00:00:00Z\"}"}, "a: STRING"},
        {{"{\"t\":true,\"f\":false}"}, "t: BOOLEAN, f: BOOLEAN"});
}

static void null_and_empty_strings_say_nothing(void **state)
{
    (void)state;
    ASSERT_INFERS(PRESETS, {{"{\"a\":null,\"b\":\"\"}"}, "a: STRING, b: STRING"},
                  {{"{\"a\":null}", "{\"a\":1}", "{\"a\":\"\"}"}, "a: BIGINT"},
                  {{"{\"a\":[]}"}, "a: ARRAY<STRING>"}, {{"{\"a\":[null]}"}, "a: ARRAY<STRING>"},
                  {{"{\"a\":[]}", "{\"a\":[1]}"}, "a: ARRAY<BIGINT>"},
                  {{"{\"a\":[[],[1.5]]}"}, "a: ARRAY<ARRAY<DOUBLE>>"}, {{"{}"}, ""}, {{NULL}, ""});
}

static void kinds_that_differ_become_the_wider_one(void **state)
{
    (void)state;
    ASSERT_INFERS(PRESETS, {{"{\"a\":1}", "{\"a\":1.5}"}, "a: DOUBLE"},
                  {{"{\"a\":1}", "{\"a\":18446744073709551615}"}, "a: DECIMAL(20,0)"},
                  {{"{\"a\":18446744073709551615}", "{\"a\":0.5}"}, "a: DOUBLE"},
                  {{"{\"a\":true}", "{\"a\":1}"}, "a: STRING"},
                  {{"{\"a\":true}", "{\"a\":\"x\"}"}, "a: STRING"},
                  {{"{\"a\":{\"x\":1}}", "{\"a\":1}"}, "a: STRING"},
                  {{"{\"a\":\"x\"}", "{\"a\":{\"x\":1}}", "{\"a\":{\"y\":1}}"}, "a: STRING"},
                  {{"{\"a\":{\"x\":1}}", "{\"a\":[1]}"}, "a: STRING"},
                  {{"{\"a\":[1,\"x\",{}]}"}, "a: ARRAY<STRING>"},
                  {{"{\"a\":[1,2.5,null]}"}, "a: ARRAY<DOUBLE>"},
                  {{"{\"a\":1,\"a\":\"x\"}"}, "a: STRING"});
}

static void objects_are_structs_of_all_their_members(void **state)
{
    (void)state;
    ASSERT_INFERS(
        PRESETS,
        {{"{\"a\":{\"x\":1}}", "{\"b\":1,\"a\":{\"y\":\"z\",\"x\":2.5}}"},
         "a: STRUCT<x: DOUBLE, y: STRING>, b: BIGINT"},
        {{"{\"a\":[{\"x\":1},{\"y\":[{\"z\":true}]}]}"},
         "a: ARRAY<STRUCT<x: BIGINT, y: ARRAY<STRUCT<z: BOOLEAN>>>>"},
        {{"{\"z\":1}", "{\"a\":1,\"z\":2}", "{\"m\":1}"}, "z: BIGINT, a: BIGINT, m: BIGINT"},
        {{"{\"\\u0061\":1,\"a\":2,\"n\\n\":3}"}, "a: BIGINT, `n\n`: BIGINT"});
}

static void objects_without_members_are_left_out(void **state)
{
    (void)state;
    ASSERT_INFERS(PRESETS,
                  {{"{\"a\":{},\"b\":[{}],\"c\":[[{}]],\"d\":{\"e\":{}},\"f\":1}"}, "f: BIGINT"},
                  {{"{\"a\":{}}", "{\"a\":{\"x\":1}}"}, "a: STRUCT<x: BIGINT>"},
                  {{"{\"a\":{\"x\":{}}}", "{\"a\":{\"y\":1}}"}, "a: STRUCT<y: BIGINT>"});
}

static void times_are_inferred_when_asked_for(void **state)
{
    (void)state;
    ASSERT_INFERS(
        {.timestamps = true},
        {{"{\"a\":\"2026-01-01T00:00:00Z\",\"b\":\"2026-01-01 10:00:00.5\","
          "\"c\":\"2026-01-01\"}"},
         "a: TIMESTAMP, b: TIMESTAMP, c: DATE"},
        {{"{\"a\":\"2026-01-01\"}", "{\"a\":\"2026-01-01T00:00:00+02:00\"}"}, "a: TIMESTAMP"},
        {{"{\"a\":\"2026-01-01\"}", "{\"a\":\"soon\"}", "{\"a\":\"2026-01-01\"}"}, "a: STRING"},
        {{"{\"a\":\"2026-01-01\"}", "{\"a\":1}"}, "a: STRING"},
        {{"{\"a\":\"\"}", "{\"a\":\"2026-01-01\"}"}, "a: DATE"},
        {{"{\"a\":\"2026\",\"b\":\"12:30\",\"c\":\"2026-13-01\"}"},
         "a: STRING, b: STRING, c: STRING"});
}

static void bare_nan_is_a_double_where_it_is_allowed(void **state)
{
    (void)state;
    ASSERT_INFERS({.allow_nan = true}, {{"{\"a\":NaN,\"b\":[-Infinity,1],\"c\":Infinity}"},
                                        "a: DOUBLE, b: ARRAY<DOUBLE>, c: DOUBLE"});
    ASSERT_INFERS(PRESETS, {{"{\"a\":NaN}"}, ""});
}

static void bad_samples_are_counted_and_leave_no_trace(void **state)
{
    (void)state;
    AUTO_INFER struct codec_infer *infer = infer_new((struct codec_infer_options){0});
    static const struct str bad[] = {
        STR(""),
        STR(" "),
        STR("x"),
        STR("[{\"b\":1}]"),
        STR("{\"b\":1"),
        STR("{\"b\":1,}"),
        STR("{\"b\":01}"),
        STR("{\"b\":1}}"),
        STR("{\"b\" 1}"),
        STR("{b:1}"),
        STR("{\"b\":\"\xff\"}"),
        STR("}"),
        STR("{\"b\":}"),
        STR("{\"b\":[}"),
        STR("{,}"),
        STR("{\"b\":{}"),
        STR("{\"b\":1 \"c\":2}"),
        STR("{\"\\ud800\":1}"),
        STR("{\"b\":1}\0"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        if (infer_add(infer, bad[i])) {
            fail_msg("taken: %.*s", STR_FMT(bad[i]));
        }
    }
    assert_true(infer_add(infer, STR("\xef\xbb\xbf {\"a\" : 1 , \"c\" : [ 1 , 2 ] } \r\n")));
    assert_true(codec_infer_add(infer, STR_NULL));
    assert_int_equal(codec_infer_bad_count(infer), ARRAY_COUNT(bad));
    assert_int_equal(codec_infer_sample_count(infer), ARRAY_COUNT(bad) + 1);
    assert_type(infer, "a: BIGINT, c: ARRAY<BIGINT>");
}

static const char *note_of(const struct codec_infer *infer, const char *path)
{
    size_t count;
    const struct codec_infer_note *notes = codec_infer_notes(infer, &count);
    for (size_t i = 0; i < count; i++) {
        if (str_eq_c(notes[i].path, path)) {
            return notes[i].what;
        }
    }
    return "none";
}

static void of_names_that_differ_in_case_the_first_stays(void **state)
{
    (void)state;
    AUTO_INFER struct codec_infer *infer = infer_new((struct codec_infer_options){0});
    infer_add(infer, STR("{\"userId\":1,\"l\":[{\"x.y\":1,\"X.Y\":2}],\"userid\":\"x\"}"));
    infer_add(infer, STR("{\"USERID\":\"x\",\"\":1,\"m\":2}"));
    infer_add(infer, STR("{\"USERID\":\"x\"}"));
    assert_type(infer, "userId: BIGINT, l: ARRAY<STRUCT<`x.y`: BIGINT>>, m: BIGINT");
    size_t count;
    codec_infer_notes(infer, &count);
    assert_int_equal(count, 4);
    assert_string_equal(note_of(infer, "userid"), "differs from another only in case");
    assert_string_equal(note_of(infer, "USERID"), "differs from another only in case");
    assert_string_equal(note_of(infer, "l.element.`X.Y`"), "differs from another only in case");
    assert_string_equal(note_of(infer, "``"), "has no name");
    AUTO_INFER struct codec_infer *other = infer_new((struct codec_infer_options){0});
    infer_add(other, STR("{\"M\":true}"));
    codec_infer_merge(other, infer);
    assert_string_equal(note_of(other, "m"), "differs from another only in case");
    assert_string_equal(note_of(other, "userid"), "differs from another only in case");
}

static void keys_that_are_data_make_a_map(void **state)
{
    (void)state;
    struct codec_infer_options options = {.keys_max = 8};
    AUTO_INFER struct codec_infer *infer = infer_new(options);
    AUTO_BUF struct buf sample = {0};
    for (int i = 0; i < 5; i++) {
        buf_reset(&sample);
        buf_printf(&sample, "{\"m\":{\"k%d\":%d,\"j%d\":null},\"n\":{\"k%d\":{\"x\":1,\"y%d\":2}},",
                   i, i, i, i, i % 2);
        /* As many keys, but all of them in each object. */
        buf_add_c(&sample, "\"s\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
                           "\"i\":1}}");
        infer_add(infer, buf_str(&sample));
    }
    AUTO_ARENA struct arena arena = {0};
    const struct type *row = codec_infer_type(infer, &arena);
    AUTO_BUF struct buf m = {0};
    AUTO_BUF struct buf n = {0};
    type_print(row->fields[0].type, &m);
    type_print(row->fields[1].type, &n);
    assert_string_equal(m.ptr, "MAP<STRING, BIGINT>");
    assert_int_equal(row->fields[1].type->kind, TYPE_STRUCT); /* five keys are no data yet */
    assert_int_equal(row->fields[2].type->kind, TYPE_STRUCT);
    for (int i = 5; i < 9; i++) {
        buf_reset(&sample);
        buf_printf(&sample, "{\"n\":{\"k%d\":{\"x\":1.5}}}", i);
        infer_add(infer, buf_str(&sample));
    }
    buf_reset(&n);
    type_print(codec_infer_type(infer, &arena)->fields[1].type, &n);
    assert_string_equal(n.ptr, "MAP<STRING, STRUCT<x: DOUBLE, y0: BIGINT, y1: BIGINT>>");
    /* A row is never a map. */
    AUTO_INFER struct codec_infer *wide = infer_new(options);
    for (int i = 0; i < 20; i++) {
        buf_reset(&sample);
        buf_printf(&sample, "{\"k%d\":1}", i);
        infer_add(wide, buf_str(&sample));
    }
    assert_int_equal(codec_infer_type(wide, &arena)->field_count, 20);
}

static void one_full_object_says_that_keys_are_no_data_wherever_it_was_seen(void **state)
{
    (void)state;
    struct codec_infer_options options = {.keys_max = 4};
    AUTO_INFER struct codec_infer *infer = infer_new(options);
    AUTO_INFER struct codec_infer *other = infer_new(options);
    static const char *const single[] = {"{\"o\":{\"a\":1}}", "{\"o\":{\"b\":1}}",
                                         "{\"o\":{\"c\":1}}", "{\"o\":{\"d\":1}}",
                                         "{\"o\":{\"e\":1}}", "{\"o\":{\"f\":1}}"};
    for (size_t i = 0; i < ARRAY_COUNT(single); i++) {
        infer_add(infer, str_of(single[i]));
    }
    assert_type(infer, "o: MAP<STRING, BIGINT>");
    infer_add(other, STR("{\"o\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1}}"));
    codec_infer_merge(infer, other);
    assert_type(infer, "o: STRUCT<a: BIGINT, b: BIGINT, c: BIGINT, d: BIGINT, e: BIGINT, "
                       "f: BIGINT>");
}

static void what_is_too_deep_is_text(void **state)
{
    (void)state;
    ASSERT_INFERS({.depth_max = 2}, {{"{\"a\":{\"b\":{\"c\":1},\"d\":[1],\"e\":1},\"f\":[[1]]}"},
                                     "a: STRUCT<b: STRING, d: STRING, e: BIGINT>, "
                                     "f: ARRAY<STRING>"});
    AUTO_BUF struct buf deep = {0};
    buf_add_c(&deep, "{\"a\":");
    for (int i = 0; i < 511; i++) {
        buf_add_char(&deep, '[');
    }
    for (int i = 0; i < 511; i++) {
        buf_add_char(&deep, ']');
    }
    buf_add_char(&deep, '}');
    AUTO_INFER struct codec_infer *infer =
        infer_new((struct codec_infer_options){.depth_max = UINT32_MAX});
    assert_true(infer_add(infer, buf_str(&deep)));
    AUTO_ARENA struct arena arena = {0};
    assert_int_equal(codec_infer_type(infer, &arena)->fields[0].type->kind, TYPE_ARRAY);
}

static void limits_of_width_hold(void **state)
{
    (void)state;
    struct codec_infer_options options = {.fields_max = 4};
    AUTO_INFER struct codec_infer *infer = infer_new(options);
    infer_add(infer, STR("{\"a\":{\"p\":1.5,\"q\":2,\"r\":3,\"s\":4,\"t\":5,\"u\":null},\"b\":1,"
                         "\"c\":1,\"d\":1,\"e\":1,\"f\":1}"));
    infer_add(infer, STR("{\"a\":{\"v\":6}}"));
    assert_type(infer, "a: MAP<STRING, DOUBLE>, b: BIGINT, c: BIGINT, d: BIGINT");
    assert_string_equal(note_of(infer, "e"), "is one field too many");
    AUTO_INFER struct codec_infer *small = infer_new((struct codec_infer_options){.total_max = 3});
    infer_add(small, STR("{\"a\":{\"b\":1,\"c\":2,\"d\":3},\"e\":[1]}"));
    assert_type(small, "a: STRUCT<b: BIGINT, c: BIGINT>");
    assert_string_equal(note_of(small, "a.d"), "is one field too many");
    assert_string_equal(note_of(small, "e"), "is one field too many");
    AUTO_BUF struct buf many = {0};
    for (int i = 0; i < 100; i++) {
        buf_printf(&many, "%s\"x%d\":1", i > 0 ? "," : "{", i);
    }
    buf_add_char(&many, '}');
    infer_add(small, buf_str(&many));
    size_t count;
    codec_infer_notes(small, &count);
    assert_int_equal(count, 32);
}

static void other_formats_cannot_be_inferred(void **state)
{
    (void)state;
    struct codec_infer *infer;
    struct err err;
    struct codec_infer_options options = {0};
    assert_int_equal(codec_infer_new(STR("csv"), &options, &infer, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"csv\" cannot be inferred"));
    codec_infer_free(NULL);
}

/* A random value, at most `depth` levels deep. */
static void print_random(struct rng *rng, int depth, struct buf *out)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "1",
                                          "-7",
                                          "1.5",
                                          "18446744073709551615",
                                          "\"\"",
                                          "1e3",
                                          "\"x\"",
                                          "\"2026-01-01\"",
                                          "\"2026-01-01T00:00:00Z\"",
                                          "{}",
                                          "[]",
                                          "123456789012345678901234567890"};
    uint64_t which = rng_below(rng, depth > 0 ? 10 : 6);
    if (which < 6) {
        /* Few kinds at a place, or all would be STRING. */
        buf_add_c(out, scalars[rng_below(rng, rng_below(rng, 8) == 0 ? ARRAY_COUNT(scalars) : 4)]);
        return;
    }
    bool is_object = which < 8;
    uint64_t count = rng_below(rng, 4);
    buf_add_char(out, is_object ? '{' : '[');
    for (uint64_t i = 0; i < count; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        if (is_object) {
            buf_printf(out, "\"%c\":", (char)('a' + rng_below(rng, 5)));
        }
        print_random(rng, depth - 1, out);
    }
    buf_add_char(out, is_object ? '}' : ']');
}

/* The type with the fields of every STRUCT in order of their names. */
static void print_sorted(const struct type *t, struct buf *out)
{
    buf_printf(out, "%u(%u", t->kind, t->precision);
    for (char name = 'a'; t->kind == TYPE_STRUCT && name <= 'e'; name++) {
        ptrdiff_t at = type_find_field(t, str_n(&name, 1));
        if (at >= 0) {
            buf_add_char(out, name);
            print_sorted(t->fields[at].type, out);
        }
    }
    for (size_t i = 0; t->kind != TYPE_STRUCT && i < t->field_count; i++) {
        print_sorted(t->fields[i].type, out);
    }
    buf_add_char(out, ')');
}

static void the_order_of_samples_matters_to_the_order_of_fields_alone(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    enum { COUNT = 12 };
    for (int round = 0; round < 300; round++) {
        struct codec_infer_options options = {.timestamps = true, .keys_max = 3, .depth_max = 4};
        AUTO_INFER struct codec_infer *forwards = infer_new(options);
        AUTO_INFER struct codec_infer *backwards = infer_new(options);
        AUTO_INFER struct codec_infer *part = infer_new(options);
        AUTO_INFER struct codec_infer *merged = infer_new(options);
        struct buf samples[COUNT] = {{0}};
        for (int i = 0; i < COUNT; i++) {
            buf_add_c(&samples[i], "{\"a\":");
            print_random(&rng, 4, &samples[i]);
            buf_add_c(&samples[i], ",\"b\":");
            print_random(&rng, 2, &samples[i]);
            buf_add_char(&samples[i], '}');
            assert_true(infer_add(forwards, buf_str(&samples[i])));
            infer_add(i % 3 == 0 ? part : merged, buf_str(&samples[i]));
        }
        for (int i = COUNT - 1; i >= 0; i--) {
            infer_add(backwards, buf_str(&samples[i]));
            buf_done(&samples[i]);
        }
        codec_infer_merge(merged, part);
        AUTO_ARENA struct arena arena = {0};
        struct buf texts[3] = {{0}};
        print_sorted(codec_infer_type(forwards, &arena), &texts[0]);
        print_sorted(codec_infer_type(backwards, &arena), &texts[1]);
        print_sorted(codec_infer_type(merged, &arena), &texts[2]);
        assert_string_equal(texts[0].ptr, texts[1].ptr);
        assert_string_equal(texts[0].ptr, texts[2].ptr);
        buf_done(&texts[0]);
        buf_done(&texts[1]);
        buf_done(&texts[2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_what_they_look_like),
        cmocka_unit_test(null_and_empty_strings_say_nothing),
        cmocka_unit_test(kinds_that_differ_become_the_wider_one),
        cmocka_unit_test(objects_are_structs_of_all_their_members),
        cmocka_unit_test(objects_without_members_are_left_out),
        cmocka_unit_test(times_are_inferred_when_asked_for),
        cmocka_unit_test(bare_nan_is_a_double_where_it_is_allowed),
        cmocka_unit_test(bad_samples_are_counted_and_leave_no_trace),
        cmocka_unit_test(of_names_that_differ_in_case_the_first_stays),
        cmocka_unit_test(keys_that_are_data_make_a_map),
        cmocka_unit_test(one_full_object_says_that_keys_are_no_data_wherever_it_was_seen),
        cmocka_unit_test(what_is_too_deep_is_text),
        cmocka_unit_test(limits_of_width_hold),
        cmocka_unit_test(other_formats_cannot_be_inferred),
        cmocka_unit_test(the_order_of_samples_matters_to_the_order_of_fields_alone),
    };
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}

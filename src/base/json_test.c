/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_test - small documents (RFC 8259)
 */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/rand.h"

static struct json *parse(struct arena *arena, struct str text)
{
    struct json *root = NULL;
    struct err err;
    if (json_parse(arena, text, &root, &err) < 0) {
        fail_msg("%.*s: %s", STR_FMT(text), err.msg);
    }
    return root;
}

static void assert_refused(const char *text, const char *message)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err err;
    AUTO_FREE char *exact = mem_dup(text, strlen(text)); /* so that ASan sees a step too far */
    assert_int_equal(json_parse(&arena, str_n(exact, strlen(text)), &root, &err), ERR_DATA);
    assert_null(root);
    assert_string_equal(err.msg, message);
}

static void assert_reprints(const char *text, const char *expected)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    json_print(parse(&arena, str_of(text)), &out);
    assert_string_equal(out.ptr, expected);
}

static void tree_has_members_in_order(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct json *root =
        parse(&arena, STR(" { \"a\" : [ 1 , {} , [] ] , \"b\" : null , \"\" : \"x\" } \r\n\t"));
    assert_int_equal(root->kind, JSON_OBJECT);
    assert_int_equal(root->count, 3);
    struct json *a = json_find(root, "a");
    assert_int_equal(a->kind, JSON_ARRAY);
    assert_int_equal(a->count, 3);
    static const enum json_kind kinds[] = {JSON_NUMBER, JSON_OBJECT, JSON_ARRAY};
    size_t at = 0;
    json_foreach (element, a) {
        assert_int_equal(element->kind, kinds[at++]);
        assert_int_equal(element->name.len, 0);
    }
    assert_int_equal(at, 3);
    assert_int_equal(json_find(root, "b")->kind, JSON_NULL);
    assert_true(str_eq_c(json_find(root, "")->text, "x"));
    assert_null(json_find(root, "c"));
    assert_null(json_find(a, "a"));
    assert_null(json_find(NULL, "a"));
}

static void last_member_of_a_name_wins(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct json *root = parse(&arena, STR("{\"a\":1,\"b\":2,\"a\":3}"));
    int64_t value = 0;
    assert_true(json_get_i64(json_find(root, "a"), &value) && value == 3);
    assert_int_equal(root->count, 3);
}

static void scalars_are_documents(void **state)
{
    (void)state;
    assert_reprints("1", "1");
    assert_reprints(" true ", "true");
    assert_reprints("\"\"", "\"\"");
    assert_reprints("null", "null");
}

static void strings_without_escapes_are_borrowed(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct str text = STR("{\"name\":\"käse\",\"n\":-12.5e3}");
    struct json *root = parse(&arena, text);
    json_foreach (member, root) {
        assert_true(member->name.ptr > text.ptr && member->name.ptr < text.ptr + text.len);
        assert_true(member->text.ptr > text.ptr && member->text.ptr < text.ptr + text.len);
    }
    assert_true(str_eq_c(json_find(root, "name")->text, "käse"));
    assert_true(str_eq_c(json_find(root, "n")->text, "-12.5e3"));
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        struct str decoded;
    } known[] = {
        {{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", 18}, {"\"\\/\b\f\n\r\t", 8}},
        {{"\"a\\u0041z\"", 10}, {"aAz", 3}},
        {{"\"\\u0000\"", 8}, {"\0", 1}},
        {{"\"\\u00e4\\u20AC\"", 14}, {"ä€", 5}},
        {{"\"\\uD83D\\uDE00\"", 14}, {"😀", 4}},
        {{"\"\\uD83D\"", 8}, {"\xEF\xBF\xBD", 3}},
        {{"\"\\uDE00x\"", 9}, {"\xEF\xBF\xBDx", 4}},
        {{"\"\\uD83D\\u0041\"", 14},
         {"\xEF\xBF\xBD"
          "A",
          4}},
        {{"\"\\uD83D\\uD83D\\uDE00\"", 20}, {"\xEF\xBF\xBD😀", 7}},
        {{"\"\\uDE00\\uDE00\"", 14}, {"\xEF\xBF\xBD\xEF\xBF\xBD", 6}},
        {{"\"\\uD83D\\n\"", 10}, {"\xEF\xBF\xBD\n", 4}},
        {{"\"\\\\u0041\"", 9}, {"\\u0041", 6}},
        {{"\"\\uFFFF\"", 8}, {"\xEF\xBF\xBF", 3}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        AUTO_ARENA struct arena arena = {0};
        struct json *root = parse(&arena, known[i].text);
        assert_int_equal(root->kind, JSON_STRING);
        assert_int_equal(root->text.len, known[i].decoded.len);
        assert_memory_equal(root->text.ptr, known[i].decoded.ptr, known[i].decoded.len);
    }
    AUTO_ARENA struct arena arena = {0};
    assert_non_null(json_find(parse(&arena, STR("{\"\\u0061\":1}")), "a"));
}

static void errors_name_line_and_column(void **state)
{
    (void)state;
    assert_refused("", "invalid JSON at line 1, column 1: a value is missing");
    assert_refused(" \n ", "invalid JSON at line 2, column 2: a value is missing");
    assert_refused("{\n \"ä\": x}", "invalid JSON at line 2, column 7: this begins no value");
    assert_refused("[1 2]", "invalid JSON at line 1, column 4: a comma or ] is missing");
    assert_refused("{\"a\":1 2}", "invalid JSON at line 1, column 8: a comma or } is missing");
    assert_refused("{\"a\" 1}", "invalid JSON at line 1, column 6: a colon is missing");
    assert_refused("{a:1}",
                   "invalid JSON at line 1, column 2: a member's name in quotes is missing");
    assert_refused("1 1", "invalid JSON at line 1, column 3: more text after the document");
    assert_refused("[\"a\nb\"]", "invalid JSON at line 1, column 4: control character in a string");
    assert_refused("[\"\\x\"]", "invalid JSON at line 1, column 3: malformed escape in a string");
    assert_refused("[\"\xff\"]", "invalid JSON at line 1, column 3: bytes that are not UTF-8");
    assert_refused("[01]", "invalid JSON at line 1, column 2: malformed number");
}

static void every_start_of_a_document_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2.5e+3,\"x\\u00e4\\n\",true,false,null,{\"b\":{}},[]],\"c\":\"€\"}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        AUTO_ARENA struct arena arena = {0};
        AUTO_FREE char *exact = mem_dup(text, len);
        struct json *root;
        struct err err;
        assert_int_equal(json_parse(&arena, str_n(exact, len), &root, &err), ERR_DATA);
    }
    AUTO_ARENA struct arena arena = {0};
    parse(&arena, str_of(text));
}

static void malformed_documents_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\":1,}",
        "[1,,2]",
        "{\"a\"}",
        "{\"a\":}",
        "]",
        "}",
        "[}",
        "{]",
        "[1}",
        "{1:2}",
        "+1",
        "-",
        "-a",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "-01",
        "00",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "-Infinity",
        "True",
        "nul",
        "nulll",
        "truefalse",
        "'a'",
        "\"a",
        "\"a\\\"",
        "\"\\",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u 123\"",
        "\"\\U0041\"",
        "\"\\uD83D\\u12\"",
        "\"\\a\"",
        "\"\t\"",
        "\"\x1f\"",
        "\xef\xbb\xbf{}",
        "[1]//",
        "/**/1",
        "\f1",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xe2\x82\"",
        "\2401",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_ARENA struct arena arena = {0};
        struct json *root;
        struct err err;
        if (json_parse(&arena, str_of(bad[i]), &root, &err) >= 0) {
            fail_msg("%s was accepted", bad[i]);
        }
    }
    AUTO_ARENA struct arena arena = {0};
    struct json *root;
    struct err err;
    assert_int_equal(json_parse(&arena, STR("1\0"), &root, &err), ERR_DATA);
    assert_int_equal(json_parse(&arena, STR("\"\0\""), &root, &err), ERR_DATA);
    assert_int_equal(json_parse(&arena, STR_NULL, &root, &err), ERR_DATA);
}

static int parse_nested(size_t depth, char open, char close, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf text = {0};
    for (size_t i = 0; i < depth; i++) {
        buf_add_char(&text, open);
        if (open == '{' && i + 1 < depth) {
            buf_add_c(&text, "\"a\":");
        }
    }
    for (size_t i = 0; i < depth; i++) {
        buf_add_char(&text, close);
    }
    struct json *root;
    return json_parse(&arena, buf_str(&text), &root, err);
}

static void depth_is_at_most_512(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(parse_nested(512, '[', ']', &err), 0);
    assert_int_equal(parse_nested(512, '{', '}', &err), 0);
    assert_int_equal(parse_nested(513, '[', ']', &err), ERR_DATA);
    assert_int_equal(parse_nested(513, '{', '}', &err), ERR_DATA);
    assert_non_null(strstr(err.msg, "nested deeper than 512"));
    assert_int_equal(parse_nested(1000000, '[', ']', &err), ERR_DATA);
}

static void getters_check_kind_and_range(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct json *root = parse(&arena, STR("{\"s\":\"1\",\"i\":-9223372036854775808,"
                                          "\"big\":9223372036854775808,\"huge\":1e400,"
                                          "\"d\":1.5,\"t\":true,\"f\":false,\"n\":null,"
                                          "\"long\":123456789012345678901234567890}"));
    struct str s = STR("before");
    int64_t i = 7;
    double d = 7;
    bool b = true;
    assert_true(json_get_str(json_find(root, "s"), &s) && str_eq_c(s, "1"));
    assert_false(json_get_i64(json_find(root, "s"), &i));
    assert_false(json_get_i64(json_find(root, "big"), &i));
    assert_false(json_get_i64(json_find(root, "d"), &i));
    assert_false(json_get_i64(json_find(root, "n"), &i));
    assert_false(json_get_i64(json_find(root, "none"), &i));
    assert_int_equal(i, 7);
    assert_true(json_get_i64(json_find(root, "i"), &i) && i == INT64_MIN);
    assert_false(json_get_double(json_find(root, "huge"), &d));
    assert_false(json_get_double(json_find(root, "s"), &d));
    assert_false(json_get_double(NULL, &d));
    assert_true(d == 7);
    assert_true(json_get_double(json_find(root, "d"), &d) && d == 1.5);
    assert_true(json_get_double(json_find(root, "long"), &d) &&
                d == 123456789012345678901234567890.0);
    assert_false(json_get_bool(json_find(root, "n"), &b));
    assert_false(json_get_bool(NULL, &b));
    assert_true(json_get_bool(json_find(root, "f"), &b) && !b);
    assert_true(json_get_bool(json_find(root, "t"), &b) && b);
    assert_false(json_get_str(json_find(root, "n"), &s));
    assert_false(json_get_str(NULL, &s));
}

static void printing_keeps_numbers_as_written(void **state)
{
    (void)state;
    assert_reprints(" [ 1.0 , 1E+2 , -0 , 123456789012345678901234567890 , 1e400 ] ",
                    "[1.0,1E+2,-0,123456789012345678901234567890,1e400]");
    assert_reprints(
        "{ \"b\" : { \"x\" : [ ] } , \"a\" : { } , \"\\u0062\" : \"\\/\\u00e4\\u0001\" }",
        "{\"b\":{\"x\":[]},\"a\":{},\"b\":\"/ä\\u0001\"}");
}

static void built_tree_prints(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    struct json *root = json_make(&arena, JSON_OBJECT);
    struct json *list = json_make(&arena, JSON_ARRAY);
    struct json *number = json_make(&arena, JSON_NUMBER);
    number->text = STR("12");
    json_append(root, STR("list"), list);
    json_append(list, STR_NULL, json_make_str(&arena, STR("a\"b")));
    json_append(list, STR_NULL, number);
    json_append(list, STR_NULL, json_make(&arena, JSON_TRUE));
    json_append(root, STR("none"), json_make(&arena, JSON_NULL));
    assert_int_equal(list->count, 3);
    json_print(root, &out);
    assert_string_equal(out.ptr, "{\"list\":[\"a\\\"b\",12,true],\"none\":null}");
}

static void writer_keeps_commas_right(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct json_writer w;
    json_begin(&w, &out);
    json_open_array(&w);
    json_open_object(&w);
    json_close_object(&w);
    json_open_object(&w);
    json_name(&w, "a");
    json_open_array(&w);
    json_i64(&w, INT64_MIN);
    json_bool(&w, true);
    json_null(&w);
    json_close_array(&w);
    json_name_str(&w, STR("b\n"));
    json_c(&w, NULL);
    json_name(&w, "c");
    json_c(&w, "x");
    json_close_object(&w);
    json_raw(&w, STR("{\"r\":1}"));
    json_double(&w, 1.25, 1);
    json_double(&w, -1.0 / 3, 3);
    json_double(&w, NAN, 1);
    json_double(&w, -INFINITY, 1);
    json_double(&w, 3, 0);
    json_close_array(&w);
    assert_string_equal(out.ptr, "[{},{\"a\":[-9223372036854775808,true,null],\"b\\n\":null,"
                                 "\"c\":\"x\"},{\"r\":1},1.2,-0.333,null,null,3]");
}

static void quoted_strings_are_always_valid(void **state)
{
    (void)state;
    static const struct {
        struct str s;
        const char *quoted;
    } known[] = {
        {{"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\x7f\""},
        {{"ä€😀", 9}, "\"ä€😀\""},
        {{"\xff", 1}, "\"\xEF\xBF\xBD\""},
        {{"a\x80\xC3", 3}, "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{"\xED\xA0\x80\"", 4}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\\"\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        AUTO_BUF struct buf out = {0};
        json_quote(&out, known[i].s);
        assert_string_equal(out.ptr, known[i].quoted);
    }
}

static void random_bytes_survive_quoting_and_parsing(void **state)
{
    (void)state;
    static const unsigned char alphabet[] = {0,    1,    0x1f, ' ',  '"',  '\\', 'n',  'u',  0x7f,
                                             0x80, 0xC3, 0xA4, 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0xFF};
    struct rng rng;
    rng_init(&rng, 3);
    for (int round = 0; round < 20000; round++) {
        AUTO_ARENA struct arena arena = {0};
        AUTO_BUF struct buf quoted = {0};
        char bytes[24];
        size_t len = rng_below(&rng, sizeof(bytes) + 1);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (char)alphabet[rng_below(&rng, sizeof(alphabet))];
        }
        json_quote(&quoted, str_n(bytes, len));
        struct json *root = parse(&arena, buf_str(&quoted));
        assert_true(str_is_utf8(root->text));
        if (str_is_utf8(str_n(bytes, len))) {
            assert_true(str_eq(root->text, str_n(bytes, len)));
        }
    }
}

/* Whatever is parsed prints to a text that parses to the same print. */
static void printing_is_a_fixed_point_for_mutated_documents(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2.5e+3,\"x\\u00e4\\uD83D\\uDE00\",true,{\"b\":{}},[]],\"c\":\"\xE2\x82\xAC\"}";
    struct rng rng;
    rng_init(&rng, 4);
    int accepted = 0;
    for (int round = 0; round < 50000; round++) {
        AUTO_ARENA struct arena arena = {0};
        AUTO_FREE char *mutated = mem_dup(text, sizeof(text) - 1);
        for (uint64_t i = rng_below(&rng, 4); i > 0; i--) {
            mutated[rng_below(&rng, sizeof(text) - 1)] = text[rng_below(&rng, sizeof(text) - 1)];
        }
        struct json *root;
        struct err err;
        if (json_parse(&arena, str_n(mutated, sizeof(text) - 1), &root, &err) < 0) {
            continue;
        }
        accepted++;
        AUTO_BUF struct buf once = {0};
        AUTO_BUF struct buf twice = {0};
        json_print(root, &once);
        json_print(parse(&arena, buf_str(&once)), &twice);
        assert_string_equal(once.ptr, twice.ptr);
    }
    assert_true(accepted > 1000);
}

struct suite {
    const char *root;
    int accepted;
    int refused;
    int either;
    int wrong;
};

static int on_suite_file(void *user, const char *relative, uint64_t bytes, struct err *err)
{
    struct suite *suite = user;
    struct str name = str_of(relative);
    ptrdiff_t slash = str_rfind(name, '/');
    char kind = relative[slash + 1];
    if (!str_ends(name, STR(".json")) || str_find_str(name, STR("test_parsing/")) < 0) {
        return 0;
    }
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf text = {0};
    AUTO_FREE char *path = mem_printf("%s/%s", suite->root, relative);
    TRY(fs_read_file(path, &text, err));
    if (text.len != bytes) {
        return err_set(err, ERR_CORRUPT, "%s has changed", relative);
    }
    struct json *root;
    struct err why;
    bool is_accepted = json_parse(&arena, buf_str(&text), &root, &why) >= 0;
    suite->accepted += kind == 'y' && is_accepted;
    suite->refused += kind == 'n' && !is_accepted;
    suite->either += kind == 'i';
    if ((kind == 'y' && !is_accepted) || (kind == 'n' && is_accepted)) {
        suite->wrong++;
        print_message("# wrong: %s\n", relative);
    }
    return 0;
}

static void public_suite_is_judged_as_expected(void **state)
{
    (void)state;
    const char *source = getenv("SLUICE_SOURCE_ROOT");
    AUTO_FREE char *archive =
        mem_printf("%s/../shared/data/jsontestsuite.tar.zst", source == NULL ? "." : source);
    if (!fs_exists(archive)) {
        print_message("# no %s: the public JSON suite was not run\n", archive);
        skip();
    }
    struct err err;
    struct suite suite = {0};
    const char *tmp = getenv("TMPDIR");
    char *dir = NULL;
    assert_int_equal(fs_make_temp_dir(tmp == NULL ? "/tmp" : tmp, "json-test", &dir, &err), 0);
    AUTO_FREE char *unpack = mem_printf("tar --zstd -xf '%s' -C '%s'", archive, dir);
    int unpacked = system(unpack);
    suite.root = dir;
    int walked = fs_walk(dir, on_suite_file, &suite, &err);
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    mem_free(dir);
    assert_int_equal(unpacked, 0);
    assert_int_equal(walked, 0);
    assert_int_equal(suite.wrong, 0);
    assert_int_equal(suite.accepted, 95);
    assert_int_equal(suite.refused, 188);
    assert_true(suite.either > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_has_members_in_order),
        cmocka_unit_test(last_member_of_a_name_wins),
        cmocka_unit_test(scalars_are_documents),
        cmocka_unit_test(strings_without_escapes_are_borrowed),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(every_start_of_a_document_is_refused),
        cmocka_unit_test(malformed_documents_are_refused),
        cmocka_unit_test(depth_is_at_most_512),
        cmocka_unit_test(getters_check_kind_and_range),
        cmocka_unit_test(printing_keeps_numbers_as_written),
        cmocka_unit_test(built_tree_prints),
        cmocka_unit_test(writer_keeps_commas_right),
        cmocka_unit_test(quoted_strings_are_always_valid),
        cmocka_unit_test(random_bytes_survive_quoting_and_parsing),
        cmocka_unit_test(printing_is_a_fixed_point_for_mutated_documents),
        cmocka_unit_test(public_suite_is_judged_as_expected),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}

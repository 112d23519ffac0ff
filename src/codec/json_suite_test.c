/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_suite_test - nst/JSONTestSuite: what is JSON and what is not
 *
 * The suite's files are whole documents, many of them arrays and scalars.  Each goes three
 * ways:
 *   (1) as it is, to codec_json_validate;
 *   (2) as the value of an unknown field, {"x":<file>};
 *   (3) as the value of a wanted STRING column, whose text must be the file's, and of a
 *       wanted BIGINT, which makes it a bad field or a bad message but never good JSON of
 *       bad, nor the reverse.
 * y_ files are accepted by all ways, n_ files refused by all, and what an i_ file gets is
 * the same by all ways and on record below.  Embedding changes the meaning of one kind of
 * file: those that begin with a byte order mark, which is allowed at a message's start only;
 * they go only the first way.  No other file becomes valid by what stands around it: an
 * empty one gives {"x":}, a closing brace too many closes the message early and leaves text
 * behind it, an open one takes the last brace, a trailing comma stands before it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/json_test_util.h"

/* The i_ files that are accepted; all others are refused. */
static const char *const accepted[] = {
    "i_number_double_huge_neg_exp.json",  "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",     "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",       "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",      "i_number_very_big_negative_int.json",
    "i_structure_500_nested_arrays.json", "i_structure_UTF-8_BOM_empty_object.json",
};

struct suite {
    struct json_fixture unknown;
    struct json_fixture string;
    struct json_fixture number;
    char *folder;
    size_t counts[3]; /* y_, n_, i_ */
    size_t accepted_count;
};

static enum codec_row decode_embedded(struct json_fixture *f, struct str document)
{
    AUTO_BUF struct buf message = {0};
    buf_add_c(&message, "{\"x\":");
    buf_add_str(&message, document);
    buf_add_c(&message, "}");
    column_memory_reset(f->memory);
    arena_reset(&f->arena);
    return fixture_decode(f, buf_str(&message), 0);
}

static bool is_listed(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(accepted); i++) {
        if (strcmp(accepted[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_embedded(struct suite *s, const char *name, struct str document, bool is_valid)
{
    enum codec_row unknown = decode_embedded(&s->unknown, document);
    enum codec_row string = decode_embedded(&s->string, document);
    enum codec_row number = decode_embedded(&s->number, document);
    if (is_valid ? unknown != CODEC_ROW_OK || string != CODEC_ROW_OK || number == CODEC_ROW_BAD
                 : unknown != CODEC_ROW_BAD || string != CODEC_ROW_BAD || number != CODEC_ROW_BAD) {
        fail_msg("%s: unknown %u, string %u, number %u", name, unknown, string, number);
    }
    struct str trimmed = str_trim(document);
    if (is_valid && trimmed.ptr[0] != '"' && !str_eq(trimmed, STR("null"))) {
        assert_true(str_eq(column_get_string(s->string.columns[0], 0), trimmed));
    }
}

static int check_file(void *user, const char *name, uint64_t bytes, struct err *err)
{
    struct suite *s = user;
    (void)bytes;
    AUTO_FREE char *path = mem_printf("%s/%s", s->folder, name);
    AUTO_BUF struct buf content = {0};
    TRY(fs_read_file(path, &content, err));
    struct str document = buf_str(&content);
    bool is_valid = codec_json_validate(document);
    bool is_wanted = name[0] == 'y' || (name[0] == 'i' && is_listed(name));
    if (is_valid != is_wanted) {
        fail_msg("%s is %s", name, is_valid ? "accepted" : "refused");
    }
    s->counts[name[0] == 'y' ? 0 : name[0] == 'n' ? 1 : 2]++;
    s->accepted_count += name[0] == 'i' && is_valid;
    if (!str_starts(document, STR("\xef\xbb\xbf"))) {
        check_embedded(s, name, document, is_valid);
    }
    return 0;
}

static void open_columns(struct json_fixture *f, const char *name, enum type_kind kind)
{
    struct type_field field = test_field(name, type_simple(kind));
    fixture_open(f, type_struct(&f->types, &field, 1), 1, (struct codec_options){0});
}

static void the_suite_is_decided_as_it_says(void **state)
{
    (void)state;
    const char *root = getenv("SLUICE_SOURCE_ROOT");
    AUTO_FREE char *archive =
        mem_printf("%s/../shared/data/jsontestsuite.tar.zst", root == NULL ? "." : root);
    if (!fs_exists(archive)) {
        print_message("SKIP: %s is not there\n", archive);
        skip();
    }
    struct err err;
    AUTO_FREE char *folder = NULL;
    const char *temp = getenv("TMPDIR");
    assert_int_equal(fs_make_temp_dir(temp == NULL ? "/tmp" : temp, "jsontestsuite", &folder, &err),
                     0);
    AUTO_FREE char *command = mem_printf("tar -xf '%s' -C '%s'", archive, folder);
    assert_int_equal(system(command), 0);

    struct suite s = {.folder = mem_printf("%s/jsontestsuite/test_parsing", folder)};
    open_columns(&s.unknown, "other", TYPE_STRING);
    open_columns(&s.string, "x", TYPE_STRING);
    open_columns(&s.number, "x", TYPE_BIGINT);
    if (fs_walk(s.folder, check_file, &s, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(s.counts[0], 95);
    assert_int_equal(s.counts[1], 188);
    assert_int_equal(s.counts[2], 35);
    print_message("# y_ 95/95 accepted, n_ 188/188 refused, i_ %zu/35 accepted\n",
                  s.accepted_count);
    fixture_done(&s.unknown);
    fixture_done(&s.string);
    fixture_done(&s.number);
    mem_free(s.folder);
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suite_is_decided_as_it_says),
    };
    return cmocka_run_group_tests_name("json_suite", tests, NULL, NULL);
}

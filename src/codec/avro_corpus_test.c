/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_corpus_test - Avro's own test data: canonical forms, fingerprints, messages
 *
 *   (1) share/test/data/schema-tests.txt: each INPUT gives the canonical form and, where there is
 *       one, the fingerprint;
 *   (2) messageV1/test_message.bin: a message in single-object encoding, written by Java;
 *   (3) files without compression: a block of n datums is the body of an array of n of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/avro_canon.h"
#include "codec/avro_read.h"
#include "codec/avro_test_util.h"

struct corpus {
    char *folder;
    struct buf content;
};

static bool corpus_open(struct corpus *c)
{
    const char *root = getenv("SLUICE_SOURCE_ROOT");
    AUTO_FREE char *archive =
        mem_printf("%s/../shared/data/format-corpora.tar.zst", root == NULL ? "." : root);
    if (!fs_exists(archive)) {
        print_message("SKIP: %s is not there\n", archive);
        return false;
    }
    struct err err;
    const char *temp = getenv("TMPDIR");
    assert_int_equal(fs_make_temp_dir(temp == NULL ? "/tmp" : temp, "avro", &c->folder, &err), 0);
    AUTO_FREE char *command = mem_printf("tar -xf '%s' -C '%s' formats/avro", archive, c->folder);
    assert_int_equal(system(command), 0);
    return true;
}

static void corpus_close(struct corpus *c)
{
    struct err err;
    if (c->folder != NULL) {
        assert_int_equal(fs_remove_tree(c->folder, &err), 0);
    }
    mem_free(c->folder);
    buf_done(&c->content);
}
#define AUTO_CORPUS AUTO(corpus_close)

static struct str corpus_read(struct corpus *c, const char *name)
{
    struct err err;
    AUTO_FREE char *path = mem_printf("%s/formats/avro/share/test/data/%s", c->folder, name);
    buf_reset(&c->content);
    if (fs_read_file(path, &c->content, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return buf_str(&c->content);
}

/* The next "<<NAME text": on its line, or down to a line that says NAME. */
static bool next_entry(struct str *rest, struct str *ret_name, struct str *ret_text)
{
    struct str line;
    while (str_split(rest, '\n', &line)) {
        if (!str_starts(line, STR("<<"))) {
            continue;
        }
        line = str_skip(line, 2);
        ptrdiff_t space = str_find(line, ' ');
        if (space >= 0) {
            *ret_name = str_head(line, (size_t)space);
            *ret_text = str_trim(str_skip(line, (size_t)space));
            return true;
        }
        *ret_name = str_trim(line);
        const char *start = rest->ptr;
        while (str_split(rest, '\n', &line) && !str_eq(str_trim(line), *ret_name)) {
        }
        *ret_text = str_n(start, (size_t)(line.ptr - start));
        return true;
    }
    return false;
}

static void canonical_forms_and_fingerprints_are_javas(void **state)
{
    (void)state;
    AUTO_CORPUS struct corpus c = {0};
    if (!corpus_open(&c)) {
        skip();
    }
    struct str rest = corpus_read(&c, "schema-tests.txt");
    AUTO_ARENA struct arena arena = {0};
    const struct avro_schema *schema = NULL;
    struct str name;
    struct str text;
    size_t counts[3] = {0};
    while (next_entry(&rest, &name, &text)) {
        struct err err;
        if (str_eq_c(name, "INPUT")) {
            if (codec_avro_schema_parse(&arena, text, &schema, &err) < 0) {
                fail_msg("%.*s: %s", STR_FMT(text), err.msg);
            }
            counts[0]++;
        } else if (str_eq_c(name, "canonical")) {
            AUTO_BUF struct buf form = {0};
            AUTO_FREE char *want = str_dup(text);
            codec_avro_canon_print(schema, &form);
            assert_string_equal(form.ptr, want);
            counts[1]++;
        } else {
            int64_t want;
            assert_true(str_to_i64(text, &want));
            assert_int_equal((int64_t)codec_avro_canon_fingerprint(schema), want);
            counts[2]++;
        }
    }
    assert_int_equal(counts[0], 34);
    assert_int_equal(counts[1], 34);
    assert_int_equal(counts[2], 26);
}

static void a_message_of_javas_single_object_encoding_is_decoded(void **state)
{
    (void)state;
    AUTO_CORPUS struct corpus c = {0};
    if (!corpus_open(&c)) {
        skip();
    }
    AUTO_FIXTURE struct json_fixture f = {0};
    AUTO_FREE char *schema = str_dup(corpus_read(&c, "messageV1/test_schema.avsc"));
    avro_open(&f, schema);
    struct str message = corpus_read(&c, "messageV1/test_message.bin");
    assert_int_equal(fixture_decode(&f, message, 0), CODEC_ROW_OK);
    static const char want[] =
        "{\"id\":42,\"name\":\"Bill\",\"tags\":[\"dog_lover\",\"cat_hater\"]}";
    avro_assert_row(&f, 0, want);
    assert_int_equal(fixture_decode(&f, str_skip(message, 10), 1), CODEC_ROW_OK);
    avro_assert_row(&f, 1, want);
}

static const char *read_bytes(const char *p, const char *end, struct str *ret_bytes)
{
    int64_t len;
    p = avro_read_small(p, end, &len);
    assert_non_null(p);
    *ret_bytes = str_n(p, (size_t)len);
    return p + len;
}

static void put_long(struct buf *out, int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; rest >= 0x80; rest >>= 7) {
        buf_add_char(out, (char)(rest | 0x80));
    }
    buf_add_char(out, (char)rest);
}

/* The schema of the file's header; *p stands behind the header. */
static struct str read_header(const char **p, const char *end)
{
    struct str schema = STR_NULL;
    assert_memory_equal(*p, "Obj\1", 4);
    *p += 4;
    for (;;) {
        int64_t count;
        *p = avro_read_small(*p, end, &count);
        if (count == 0) {
            break;
        }
        if (count < 0) {
            int64_t bytes;
            *p = avro_read_small(*p, end, &bytes);
            count = -count;
        }
        for (int64_t i = 0; i < count; i++) {
            struct str key;
            struct str value;
            *p = read_bytes(read_bytes(*p, end, &key), end, &value);
            if (str_eq_c(key, "avro.schema")) {
                schema = value;
            } else if (str_eq_c(key, "avro.codec")) {
                assert_true(str_eq_c(value, "null"));
            }
        }
    }
    *p += 16;
    return schema;
}

/* The first block of a file, as an array. */
static void assert_file(struct corpus *c, const char *name, const char *want)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    AUTO_BUF struct buf schema = {0};
    AUTO_BUF struct buf message = {0};
    struct str file = corpus_read(c, name);
    const char *p = file.ptr;
    const char *end = file.ptr + file.len;
    struct str inner = read_header(&p, end);
    buf_printf(&schema, "{\"type\":\"array\",\"items\":%.*s}", STR_FMT(inner));
    int64_t count;
    struct str block;
    p = avro_read_small(p, end, &count);
    read_bytes(p, end, &block);
    put_long(&message, count);
    buf_add_str(&message, block);
    put_long(&message, 0);
    avro_open(&f, schema.ptr);
    if (fixture_decode(&f, buf_str(&message), 0) != CODEC_ROW_OK) {
        fail_msg("%s: %s", name, f.codec->fault.message);
    }
    avro_assert_row(&f, 0, want);
}

static void files_written_by_others_are_read(void **state)
{
    (void)state;
    AUTO_CORPUS struct corpus c = {0};
    if (!corpus_open(&c)) {
        skip();
    }
    assert_file(&c, "weather.avro",
                "{\"value\":["
                "{\"station\":\"011990-99999\",\"time\":-619524000000,\"temp\":0},"
                "{\"station\":\"011990-99999\",\"time\":-619506000000,\"temp\":22},"
                "{\"station\":\"011990-99999\",\"time\":-619484400000,\"temp\":-11},"
                "{\"station\":\"012650-99999\",\"time\":-655531200000,\"temp\":111},"
                "{\"station\":\"012650-99999\",\"time\":-655509600000,\"temp\":78}]}");
    assert_file(&c, "schemas/withUnion/data.avro",
                "{\"value\":[{\"data1\":{\"member0\":\"textValue\",\"member1\":null},"
                "\"data2\":null},"
                "{\"data1\":{\"member0\":null,\"member1\":123},"
                "\"data2\":{\"d1\":{\"member0\":null,\"member1\":null,\"member2\":false}}},"
                "{\"data1\":{\"member0\":null,\"member1\":3},"
                "\"data2\":{\"d1\":{\"member0\":\"text value\",\"member1\":null,"
                "\"member2\":null}}}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_forms_and_fingerprints_are_javas),
        cmocka_unit_test(a_message_of_javas_single_object_encoding_is_decoded),
        cmocka_unit_test(files_written_by_others_are_read),
    };
    return cmocka_run_group_tests_name("avro_corpus", tests, NULL, NULL);
}

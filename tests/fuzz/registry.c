/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - fuzz target of what a Schema Registry answers, and of the framing header
 *
 * Input: a byte that chooses what is read, then the bytes; texts are divided by NULs, the first
 * is the schema and the others are its references "f1", "f2"…
 *
 * What must hold, besides the sanitizers' peace:
 *  (1) A header lies within the value, its id is what codec_framed_id says, and it reads the same
 *      from a value that ends right behind it.
 *  (2) An answer that is taken has a text that is UTF-8.
 *  (3) An Avro schema with its references in it is JSON, and stays as it is when done again.
 *  (4) What a JSON Schema describes can be opened by the JSON codec.
 *  (5) A message's name is found or it is an error, whatever the descriptors are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/framed.h"
#include "codec/json_schema.h"
#include "codec/registry_answer.h"
#include "codec/registry_avro.h"
#include "codec/registry_proto.h"

#define FILES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static void fuzz_header(struct str value, bool has_indexes)
{
    struct codec_framed_header h;
    struct codec_framed_header again;
    uint32_t id = 0;
    bool is_framed = codec_framed_id(value, &id);
    const char *reason = codec_framed_read(value, has_indexes, &h);
    if (reason != NULL) {
        require(is_framed == (strcmp(reason, "magic") != 0), "magic is what has no id");
        return;
    }
    require(is_framed && h.id == id, "the id is the id");
    require(h.bytes >= 5 && h.bytes <= value.len, "the header is within the value");
    require(h.index_count <= CODEC_FRAMED_INDEXES_MAX, "the indexes fit");
    require((h.index_count > 0) == has_indexes, "there is a place when there should be");
    require(codec_framed_read(str_head(value, h.bytes), has_indexes, &again) == NULL &&
                again.bytes == h.bytes && again.index_count == h.index_count,
            "the header stands alone");
}

static void fuzz_answer(struct str body)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf message = {0};
    struct codec_registry_answer answer;
    struct err err;
    if (codec_registry_answer_parse(body, &arena, &answer, &err) >= 0) {
        require(str_is_utf8(answer.text), "a schema is UTF-8");
    }
    codec_registry_answer_error(body, &message);
    require(str_is_utf8(buf_str(&message)) && message.len <= 200, "a message is short text");
}

/* The texts; their count. */
static size_t divide(struct str bytes, struct codec_schema_file files[FILES_MAX])
{
    static const char *const names[FILES_MAX] = {"", "f1", "f2", "f3", "f4", "f5", "f6", "f7"};
    size_t count = 0;
    while (count < FILES_MAX && str_split(&bytes, '\0', &files[count].text)) {
        files[count].name = str_of(names[count]);
        count++;
    }
    return count;
}

static void fuzz_avro(struct str bytes)
{
    AUTO_ARENA struct arena arena = {0};
    struct codec_schema_file files[FILES_MAX] = {0};
    size_t count = divide(bytes, files);
    struct err err;
    struct str once;
    struct str twice;
    struct json *root;
    if (count == 0 ||
        codec_registry_avro_inline(files[0].text, files + 1, count - 1, &arena, &once, &err) < 0) {
        return;
    }
    require(json_parse(&arena, once, &root, &err) >= 0, "it is JSON");
    require(codec_registry_avro_inline(once, files + 1, count - 1, &arena, &twice, &err) >= 0 &&
                str_eq(once, twice),
            "done again it stays as it is");
}

static void fuzz_json_schema(struct str bytes)
{
    AUTO_ARENA struct arena arena = {0};
    struct codec_schema_file files[FILES_MAX] = {0};
    size_t count = divide(bytes, files);
    struct err err;
    const struct type *type;
    if (count == 0 ||
        codec_json_schema_describe(files[0].text, files + 1, count - 1, &arena, &type, &err) < 0) {
        return;
    }
    struct codec_options options = {0};
    struct codec *codec = NULL;
    if (codec_open(STR("json"), type, &options, &codec, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    codec_close(codec);
}

static void fuzz_descriptors(struct str bytes)
{
    AUTO_BUF struct buf name = {0};
    struct err err;
    if (bytes.len < 2) {
        return;
    }
    uint32_t indexes[] = {(uint32_t)(uint8_t)bytes.ptr[0] & 3, (uint32_t)(uint8_t)bytes.ptr[1] & 3};
    size_t count = (bytes.ptr[0] & 4) != 0 ? 2 : 1;
    int rc = codec_registry_proto_message(str_skip(bytes, 2), indexes, count, &name, &err);
    require(rc == 0 || rc == ERR_DATA, "a name or an error");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return 0;
    }
    /* A copy of exactly the size, so that a read past the end is seen. */
    AUTO_FREE char *copy = mem_alloc(len - 1 + (len == 1));
    memcpy(copy, bytes + 1, len - 1);
    struct str rest = str_n(copy, len - 1);
    switch (bytes[0] % 6) {
    case 0:
        fuzz_answer(rest);
        break;
    case 1:
        fuzz_header(rest, false);
        break;
    case 2:
        fuzz_header(rest, true);
        break;
    case 3:
        fuzz_avro(rest);
        break;
    case 4:
        fuzz_json_schema(rest);
        break;
    default:
        fuzz_descriptors(rest);
        break;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_probe - the Schema Registry client, led by lines on standard input
 *
 *     registry_probe URLS TIMEOUT_MS [user:password]
 *
 * Commands, one a line; the answer to each is one line of JSON:
 *     fetch ID             the schema, asked for when it is not cached
 *     cached ID            only from the cache
 *     latest SUBJECT       its latest version
 *     describe SUBJECT     the row type of its JSON Schema
 *     message ID INDEX…    the name of a Protobuf message
 *     decode HEX           a framed JSON message into the row type described last
 * For tests/integration/test_registry.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/framed.h"
#include "codec/registry.h"
#include "codec/registry_proto.h"
#include "column/column.h"
#include "column/memory.h"

#define WORDS_MAX 16

struct probe {
    struct codec_registry *registry;
    struct arena arena;
    const struct type *row_type;
};

static void print_str(struct json_writer *w, const char *name, struct str value)
{
    json_name(w, name);
    json_str(w, value);
}

static void print_error(struct json_writer *w, const struct err *err)
{
    json_name(w, "error");
    json_c(w, err_code_name(err->code));
    json_name(w, "retry");
    json_bool(w, err->retry);
    json_name(w, "message");
    json_c(w, err->msg);
}

static void print_schema(struct json_writer *w, const struct codec_schema *schema)
{
    json_name(w, "id");
    json_i64(w, schema->id);
    json_name(w, "kind");
    json_c(w, codec_schema_kind_name(schema->kind));
    print_str(w, "text", schema->text);
    print_str(w, "unusable", schema->unusable);
    if (schema->kind == CODEC_SCHEMA_AVRO) {
        print_str(w, "writer", schema->writer);
    }
    json_name(w, "references");
    json_open_array(w);
    for (size_t i = 0; i < schema->reference_count; i++) {
        json_str(w, schema->references[i].name);
    }
    json_close_array(w);
}

static void print_outcome(struct json_writer *w, int rc, const struct codec_schema *schema,
                          const struct err *err)
{
    if (rc < 0) {
        print_error(w, err);
        return;
    }
    json_name(w, "outcome");
    json_c(w, rc == CODEC_REGISTRY_FOUND ? "found" : "unknown");
    if (rc == CODEC_REGISTRY_FOUND) {
        print_schema(w, schema);
    }
}

static void run_describe(struct probe *p, struct str subject, struct json_writer *w)
{
    struct err err;
    AUTO_BUF struct buf text = {0};
    struct codec_options options = {.registry = p->registry, .subject = subject};
    if (codec_describe(STR("json"), &options, &p->arena, &p->row_type, &err) < 0) {
        print_error(w, &err);
        return;
    }
    type_print(p->row_type, &text);
    print_str(w, "type", buf_str(&text));
}

static void run_message(struct probe *p, uint32_t id, const struct str *words, size_t count,
                        struct json_writer *w)
{
    struct err err;
    AUTO_BUF struct buf name = {0};
    uint32_t indexes[WORDS_MAX];
    for (size_t i = 0; i < count; i++) {
        uint64_t index = 0;
        (void)str_to_u64(words[i], &index);
        indexes[i] = (uint32_t)index;
    }
    const struct codec_schema *schema = codec_registry_cached(p->registry, id);
    if (schema == NULL) {
        print_str(w, "error", STR("not cached"));
    } else if (codec_registry_proto_message(schema->writer, indexes, count, &name, &err) < 0) {
        print_error(w, &err);
    } else {
        print_str(w, "message", buf_str(&name));
    }
}

static void run_decode(struct probe *p, struct str hex, struct json_writer *w)
{
    struct err err;
    struct codec *codec;
    struct codec_options options = {.registry = p->registry};
    AUTO_BUF struct buf value = {0};
    AUTO_BUF struct buf row = {0};
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        char pair[3] = {hex.ptr[i], hex.ptr[i + 1], '\0'};
        buf_add_char(&value, (char)strtoul(pair, NULL, 16));
    }
    if (codec_open(STR("json"), p->row_type, &options, &codec, &err) < 0) {
        print_error(w, &err);
        return;
    }
    struct column_memory *memory = column_memory_new(p->row_type, 1);
    AUTO_FREE struct column **columns = mem_new_array(struct column *, p->row_type->field_count);
    for (size_t i = 0; i < p->row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    enum codec_row rc = codec_decode(codec, buf_str(&value), columns, 0, &p->arena);
    json_name(w, "row");
    json_open_object(w);
    for (size_t i = 0; i < p->row_type->field_count; i++) {
        buf_reset(&row);
        column_print(columns[i], 0, &row);
        json_name_str(w, p->row_type->fields[i].name);
        json_raw(w, buf_str(&row));
    }
    json_close_object(w);
    if (rc != CODEC_ROW_OK) {
        json_name(w, "fault");
        json_c(w, codec->fault.reason);
    }
    column_memory_free(memory);
    codec_close(codec);
}

static void run(struct probe *p, const struct str *words, size_t count, struct json_writer *w)
{
    struct err err;
    const struct codec_schema *schema = NULL;
    uint64_t id = 0;
    (void)str_to_u64(words[1], &id);
    if (count >= 2 && str_eq_c(words[0], "fetch")) {
        int rc = codec_registry_fetch(p->registry, (uint32_t)id, &schema, &err);
        print_outcome(w, rc, schema, &err);
    } else if (count >= 2 && str_eq_c(words[0], "cached")) {
        schema = codec_registry_cached(p->registry, (uint32_t)id);
        print_outcome(w, schema == NULL ? CODEC_REGISTRY_UNKNOWN : CODEC_REGISTRY_FOUND, schema,
                      &err);
    } else if (count >= 2 && str_eq_c(words[0], "latest")) {
        int rc = codec_registry_latest(p->registry, words[1], 0, &schema, &err);
        print_outcome(w, rc, schema, &err);
    } else if (count >= 2 && str_eq_c(words[0], "describe")) {
        run_describe(p, words[1], w);
    } else if (count >= 3 && str_eq_c(words[0], "message")) {
        run_message(p, (uint32_t)id, words + 2, count - 2, w);
    } else if (count >= 2 && str_eq_c(words[0], "decode") && p->row_type != NULL) {
        run_decode(p, words[1], w);
    } else {
        print_str(w, "error", STR("usage"));
    }
}

int main(int argc, char **argv)
{
    struct probe p = {0};
    struct err err;
    uint64_t timeout_ms;
    if (argc < 3 || !str_to_u64(str_of(argv[2]), &timeout_ms)) {
        fprintf(stderr, "usage: registry_probe URLS TIMEOUT_MS [user:password]\n");
        return 2;
    }
    struct codec_registry_options options = {
        .urls = str_of(argv[1]),
        .user = argc > 3 ? str_of(argv[3]) : STR(""),
        .timeout_us = (int64_t)timeout_ms * 1000,
        .unknown_us = 1,
    };
    if (codec_registry_open(&options, &p.registry, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct str words[WORDS_MAX] = {0};
        struct str rest = str_trim(str_n(line, (size_t)len));
        size_t count = 0;
        while (count < WORDS_MAX && str_split(&rest, ' ', &words[count])) {
            count++;
        }
        AUTO_BUF struct buf out = {0};
        struct json_writer w;
        json_begin(&w, &out);
        json_open_object(&w);
        run(&p, words, count, &w);
        json_close_object(&w);
        printf("%s\n", out.ptr);
        fflush(stdout);
    }
    free(line); /* getline's */
    codec_registry_close(p.registry);
    arena_done(&p.arena);
    return 0;
}

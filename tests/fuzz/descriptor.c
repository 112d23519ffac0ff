/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptor - fuzz target of descriptor sets
 *
 * Input: a serialized FileDescriptorSet.  Its first messages are described and decoded by, from
 * messages that are the set's own bytes and the empty one.
 *
 * What must hold, besides the sanitizers' peace: a message that can be described can be opened
 * by its description, and whether the set is taken does not depend on which message is asked
 * for, but for the types it lacks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/protobuf_schema.h"
#include "column/column.h"
#include "column/memory.h"

#define MESSAGES_MAX 4
#define COLUMNS_MAX  2000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void decode(struct codec *codec, const struct type *row_type, struct str message)
{
    AUTO_ARENA struct arena arena = {0};
    struct column_memory *memory = column_memory_new(row_type, 1);
    AUTO_FREE struct column **columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    codec_decode(codec, message, columns, 0, &arena);
    AUTO_BUF struct buf text = {0};
    for (size_t i = 0; i < row_type->field_count; i++) {
        column_print(columns[i], 0, &text);
    }
    column_memory_free(memory);
}

static void use(struct str set, struct str name, uint32_t depth)
{
    AUTO_ARENA struct arena arena = {0};
    struct codec_options options = {.protobuf_descriptors = set,
                                    .protobuf_message = name,
                                    .recursive_depth = depth,
                                    .emit_default_values = depth % 2 == 0};
    const struct type *row_type;
    struct err err = {0};
    if (codec_describe(STR("protobuf"), &options, &arena, &row_type, &err) < 0) {
        if (err.code != ERR_CONFIG) {
            abort();
        }
        return;
    }
    if (row_type->field_count > COLUMNS_MAX) {
        return;
    }
    struct codec *codec;
    if (codec_open(STR("protobuf"), row_type, &options, &codec, &err) < 0) {
        fprintf(stderr, "described, but not opened: %s\n", err.msg);
        abort();
    }
    decode(codec, row_type, STR(""));
    decode(codec, row_type, set);
    codec_close(codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    AUTO_FREE char *copy = mem_alloc(len + (len == 0));
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    struct str set = str_n(copy, len);
    AUTO_ARENA struct arena arena = {0};
    struct codec_protobuf_schema schema;
    struct err err = {0};
    if (codec_protobuf_schema_read(&schema, set, &arena, &err) < 0) {
        if (err.code != ERR_CONFIG || err.msg[0] == '\0') {
            abort();
        }
        return 0;
    }
    for (size_t m = 0; m < schema.message_count && m < MESSAGES_MAX; m++) {
        use(set, schema.messages[m]->full_name, (uint32_t)(m + len) % 3);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer - fuzz target of schema inference
 *
 * Input: a byte of options, then messages, one a line.
 *
 * What must hold, besides the sanitizers' peace:
 *  (1) A sample is bad exactly when it is no well-formed object.
 *  (2) Messages in one go give the type that their halves give when merged, unless something was
 *      left out.
 *  (3) A decoder can be opened with the type, and every field of every sample fits into it; but
 *      for "", which tells nothing, and numbers and times out of range.
 *  (4) Widening a type by another makes one that need not be widened by it again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/infer.h"
#include "codec/json.h"
#include "column/column.h"
#include "column/memory.h"

#define MESSAGES_MAX 64

struct input {
    struct codec_infer_options options;
    struct str messages[MESSAGES_MAX];
    size_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static bool is_object(struct str s)
{
    if (str_starts(s, STR("\xef\xbb\xbf"))) {
        s = str_skip(s, 3);
    }
    while (s.len > 0 && strchr(" \n\r\t", s.ptr[0]) != NULL && s.ptr[0] != '\0') {
        s = str_skip(s, 1);
    }
    return s.len > 0 && s.ptr[0] == '{';
}

static struct codec_infer *infer_of(const struct input *in, size_t from, size_t to)
{
    struct codec_infer *infer;
    struct err err;
    if (codec_infer_new(STR("json"), &in->options, &infer, &err) < 0) {
        abort();
    }
    for (size_t i = from; i < to; i++) {
        bool is_good = codec_infer_add(infer, in->messages[i]);
        bool want = in->options.allow_nan
                        ? is_good
                        : codec_json_validate(in->messages[i]) && is_object(in->messages[i]);
        require(is_good == want, "a sample is good when the decoder takes it");
    }
    return infer;
}

static bool has_notes(const struct codec_infer *infer)
{
    size_t count;
    codec_infer_notes(infer, &count);
    return count > 0;
}

/* Invariant (3). */
static void check_decodes(const struct input *in, const struct type *row_type)
{
    struct codec_options options = {.allow_nan = in->options.allow_nan};
    struct codec *codec;
    struct err err;
    if (codec_open(STR("json"), row_type, &options, &codec, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    struct column_memory *memory = column_memory_new(row_type, 1);
    struct column **columns = mem_new_array(struct column *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        columns[i] = &column_memory_columns(memory)[i];
    }
    for (size_t i = 0; i < in->count; i++) {
        AUTO_ARENA struct arena arena = {0};
        column_memory_reset(memory);
        if (codec_decode(codec, in->messages[i], columns, 0, &arena) == CODEC_ROW_BAD_FIELD &&
            strcmp(codec->fault.reason, "range") != 0 &&
            str_find_str(in->messages[i], STR("\"\"")) < 0) {
            fprintf(stderr, "%s\n", codec->fault.message);
            abort();
        }
    }
    mem_free(columns);
    column_memory_free(memory);
    codec_close(codec);
}

static void check(const struct input *in)
{
    AUTO_ARENA struct arena arena = {0};
    size_t half = in->count / 2;
    struct codec_infer *all = infer_of(in, 0, in->count);
    struct codec_infer *first = infer_of(in, 0, half);
    struct codec_infer *second = infer_of(in, half, in->count);
    const struct type *type = codec_infer_type(all, &arena);
    const struct type *have = codec_infer_type(first, &arena);
    const struct type *found = codec_infer_type(second, &arena);
    bool is_whole = !has_notes(all) && !has_notes(first) && !has_notes(second);
    codec_infer_merge(first, second);
    if (is_whole && in->options.fields_max == 0) {
        require(type_eq(codec_infer_type(first, &arena), type), "merged is as in one go");
    }
    check_decodes(in, type);

    struct codec_infer_paths added;
    const struct type *wide = codec_infer_widen(have, found, &arena, &added);
    require((wide == have) == (added.count == 0), "what is wider has paths");
    require(codec_infer_widen(wide, found, &arena, &added) == wide, "widened once is enough");
    require(codec_infer_widen(wide, have, &arena, &added) == wide, "widening loses nothing");
    AUTO_BUF struct buf text = {0};
    codec_infer_print_columns(wide, &text);
    codec_infer_free(all);
    codec_infer_free(first);
    codec_infer_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 1) {
        return 0;
    }
    struct input in = {.options = {.timestamps = (bytes[0] & 1) != 0,
                                   .allow_nan = (bytes[0] & 2) != 0,
                                   .keys_max = (bytes[0] & 4) != 0 ? 2 : 0,
                                   .fields_max = (bytes[0] & 8) != 0 ? 3 : 0,
                                   .depth_max = (bytes[0] & 16) != 0 ? 3 : 0}};
    char *copies[MESSAGES_MAX] = {NULL};
    struct str rest = str_n((const char *)bytes + 1, len - 1);
    struct str line;
    while (in.count < MESSAGES_MAX && str_split(&rest, '\n', &line)) {
        char *copy = mem_alloc(line.len + (line.len == 0));
        if (line.len > 0) {
            memcpy(copy, line.ptr, line.len);
        }
        copies[in.count] = copy;
        in.messages[in.count++] = str_n(copy, line.len);
    }
    check(&in);
    for (size_t i = 0; i < in.count; i++) {
        mem_free(copies[i]);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer - a row type from samples of messages
 *
 * Samples go into a tree of what is known (infer_tree.c), which is turned into types at the end
 * by the rules of Spark's JsonInferSchema: what was only null is STRING, objects that never had
 * a member are left out.  Whether an object is a STRUCT or a MAP is decided here, when all
 * samples are known.
 */
#include "codec/infer.h"

#include "base/base.h"
#include "codec/infer_tree.h"

/* As the decoder's preset: what it refuses is a bad sample. */
#define JSON_DEPTH_MAX 512

static uint32_t preset(uint32_t value, uint32_t if_zero)
{
    return value > 0 ? value : if_zero;
}

int codec_infer_new(struct str format, const struct codec_infer_options *options,
                    struct codec_infer **ret_infer, struct err *err)
{
    if (!str_eq_nocase_c(format, "json")) {
        return err_set(err, ERR_CONFIG,
                       "format \"%.*s\" cannot be inferred from messages; only json can",
                       STR_FMT(str_head(format, 64)));
    }
    struct codec_infer *infer = mem_new(struct codec_infer);
    struct codec_infer_options *o = &infer->tree.options;
    *o = *options;
    o->depth_max = preset(o->depth_max, 32);
    o->depth_max = o->depth_max < JSON_DEPTH_MAX ? o->depth_max : JSON_DEPTH_MAX;
    o->keys_max = preset(o->keys_max, 200);
    o->fields_max = preset(o->fields_max, 10000);
    o->total_max = preset(o->total_max, 100000);
    rand_bytes(&infer->tree.seed, sizeof(infer->tree.seed));
    infer->tree.root.kind = INFER_STRUCT;
    infer->open_objects = mem_new_array(uint64_t, JSON_DEPTH_MAX / 64 + 1);
    infer->json.depth_max = JSON_DEPTH_MAX;
    infer->json.open_objects = infer->open_objects;
    infer->json.allow_nan = options->allow_nan;
    *ret_infer = infer;
    return 0;
}

void codec_infer_free(struct codec_infer *infer)
{
    if (infer != NULL) {
        arena_done(&infer->tree.arena);
        mem_free(infer->open_objects);
        mem_free(infer);
    }
}

bool codec_infer_add(struct codec_infer *infer, struct str value)
{
    if (value.ptr == NULL) {
        return true;
    }
    infer->sample_count++;
    bool is_good = codec_infer_json_add(infer, value);
    infer->bad_count += !is_good;
    return is_good;
}

void codec_infer_merge(struct codec_infer *infer, const struct codec_infer *other)
{
    infer->sample_count += other->sample_count;
    infer->bad_count += other->bad_count;
    codec_infer_tree_merge(&infer->tree, &infer->tree.root, &other->tree.root);
    for (size_t i = 0; i < other->tree.note_count; i++) {
        const struct codec_infer_note *note = &other->tree.notes[i];
        struct codec_infer_tree *t = &infer->tree;
        bool is_known = t->note_count == CODEC_INFER_NOTES_MAX;
        for (size_t n = 0; n < t->note_count; n++) {
            is_known |= str_eq(t->notes[n].path, note->path);
        }
        if (!is_known) {
            t->notes[t->note_count++] =
                (struct codec_infer_note){arena_str(&t->arena, note->path), note->what};
        }
    }
}

uint64_t codec_infer_sample_count(const struct codec_infer *infer)
{
    return infer->sample_count;
}

uint64_t codec_infer_bad_count(const struct codec_infer *infer)
{
    return infer->bad_count;
}

const struct codec_infer_note *codec_infer_notes(const struct codec_infer *infer, size_t *ret_count)
{
    *ret_count = infer->tree.note_count;
    return infer->tree.notes;
}

/* ---- types --------------------------------------------------------------------------------- */

static const struct type *type_of(const struct codec_infer_options *o,
                                  const struct codec_infer_node *node, struct arena *arena);

static const struct type *struct_type(const struct codec_infer_options *o,
                                      const struct codec_infer_node *node, struct arena *arena)
{
    struct type_field *fields = arena_new_array(arena, struct type_field, node->field_count);
    size_t count = 0;
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct type *type = type_of(o, node->fields[i], arena);
        if (type != NULL) {
            fields[count++] = (struct type_field){
                .name = arena_str(arena, node->fields[i]->name), .type = type, .nullable = true};
        }
    }
    return type_struct(arena, fields, count);
}

/* The MAP of an object with so many keys that they must be data. */
static const struct type *map_of_fields(const struct codec_infer_options *o,
                                        const struct codec_infer_node *node, struct arena *arena)
{
    struct codec_infer_tree scratch = {.options = *o};
    scratch.options.total_max = UINT32_MAX;
    struct codec_infer_node value = {.parent = node->parent};
    for (uint32_t i = 0; i < node->field_count; i++) {
        codec_infer_tree_merge(&scratch, &value, node->fields[i]);
    }
    const struct type *type = type_of(o, &value, arena);
    arena_done(&scratch.arena);
    const struct type *string = type_simple(TYPE_STRING);
    return type_map(arena, string, type != NULL ? type : string, true);
}

/* More different keys than keys_max, of which no object had more than half. */
static bool keys_are_data(const struct codec_infer_options *o, const struct codec_infer_node *node)
{
    return node->parent != NULL && node->field_count > o->keys_max &&
           node->largest <= node->field_count / 2;
}

/* The type of an ARRAY's elements or a MAP's values; NULL when Spark would leave it out. */
static const struct type *element_type(const struct codec_infer_options *o,
                                       const struct codec_infer_node *node, struct arena *arena)
{
    return node->element != NULL ? type_of(o, node->element, arena) : type_simple(TYPE_STRING);
}

/* NULL for objects without members and arrays of them: no column can hold them. */
static const struct type *type_of(const struct codec_infer_options *o,
                                  const struct codec_infer_node *node, struct arena *arena)
{
    const struct type *inner;
    switch (node->kind) {
    case INFER_BOOLEAN:
        return type_simple(TYPE_BOOLEAN);
    case INFER_BIGINT:
        return type_simple(TYPE_BIGINT);
    case INFER_DECIMAL:
        return type_decimal(arena, node->digits <= 20 ? 20 : 38, 0);
    case INFER_DOUBLE:
        return type_simple(TYPE_DOUBLE);
    case INFER_DATE:
        return type_simple(TYPE_DATE);
    case INFER_TIMESTAMP:
        return type_simple(TYPE_TIMESTAMP);
    case INFER_ARRAY:
        inner = element_type(o, node, arena);
        return inner != NULL ? type_array(arena, inner, true) : NULL;
    case INFER_MAP:
        inner = element_type(o, node, arena);
        return type_map(arena, type_simple(TYPE_STRING),
                        inner != NULL ? inner : type_simple(TYPE_STRING), true);
    case INFER_STRUCT:
        if (keys_are_data(o, node)) {
            return map_of_fields(o, node, arena);
        }
        inner = struct_type(o, node, arena);
        return inner->field_count > 0 ? inner : NULL;
    default:
        return type_simple(TYPE_STRING);
    }
}

const struct type *codec_infer_type(const struct codec_infer *infer, struct arena *arena)
{
    return struct_type(&infer->tree.options, &infer->tree.root, arena);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_plan - a row type compiled for decoding
 *
 * One node a type, in the shape of the type tree.  A STRUCT has three ways to find a
 * field: the guess (`next`, the order of the last message, compared with the name's first
 * 16 bytes at once), then a hash of its names.
 *
 * Invariants:
 *  (1) A name that could not stand between quotes as it is (quotes, backslashes, control
 *      characters) is never guessed, only found by its decoded bytes.
 *  (2) Names are the schema's own, so their hash needs no secret; map keys are the
 *      sender's, so theirs is seeded by the kernel's random numbers.
 *  (3) The tree is as deep as the type; types deeper than depth_max are refused, since no
 *      message could fill them.
 */
#include "codec/json_plan.h"

#include "base/base.h"

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t codec_json_plan_hash(struct str s, uint64_t seed)
{
    uint64_t hash = seed ^ UINT64_C(0x9e3779b97f4a7c15);
    const char *p = s.ptr;
    size_t left = s.len;
    for (; left > 16; left -= 16, p += 16) {
        uint64_t words[2];
        memcpy(words, p, sizeof(words));
        hash = mix(words[0] ^ UINT64_C(0xa0761d6478bd642f) ^ seed, words[1] ^ hash);
    }
    uint64_t tail[2] = {0, 0};
    if (left > 0) {
        memcpy(tail, p, left);
    }
    hash = mix(tail[0] ^ UINT64_C(0xe7037ed1a0b428db) ^ seed, tail[1] ^ hash);
    return mix(hash ^ s.len, UINT64_C(0x8ebc6af09c88c6e3) ^ seed);
}

uint32_t codec_json_plan_find(const struct codec_json_node *node, struct str name)
{
    for (uint64_t at = codec_json_plan_hash(name, 0);; at++) {
        uint32_t slot = node->slots[at & node->slot_mask];
        if (slot == 0) {
            return CODEC_JSON_NO_FIELD;
        }
        if (str_eq(node->children[slot - 1].name, name)) {
            return slot - 1;
        }
    }
}

void codec_json_plan_path(const struct codec_json_node *node, struct buf *out)
{
    if (node->parent == NULL) {
        return;
    }
    codec_json_plan_path(node->parent, out);
    switch (node->parent->kind) {
    case TYPE_ARRAY:
    case TYPE_MAP:
        buf_add_c(out, "[]");
        break;
    default:
        if (out->len > 0) {
            buf_add_char(out, '.');
        }
        buf_add_str(out, node->name);
    }
}

/* True when the name can be compared with a message's bytes as it is: invariant (1). */
static bool is_guessable(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            return false;
        }
    }
    return name.len < UINT32_MAX && str_is_utf8(name);
}

static void name_init(struct codec_json *j, struct codec_json_name *name, struct str text)
{
    *name = (struct codec_json_name){.len = (uint32_t)text.len};
    if (!is_guessable(text)) {
        return;
    }
    char *quoted = arena_alloc(&j->memory, text.len + 1);
    if (text.len > 0) {
        memcpy(quoted, text.ptr, text.len);
    }
    quoted[text.len] = '"';
    size_t head = text.len + 1 < sizeof(name->head) ? text.len + 1 : sizeof(name->head);
    memcpy(name->head, quoted, head);
    name->mask = (uint32_t)((UINT64_C(1) << head) - 1);
    name->quoted = quoted;
}

static int bad_type(const struct codec_json_node *node, const char *why, struct err *err)
{
    AUTO_BUF struct buf path = {0};
    codec_json_plan_path(node, &path);
    return err_set(err, ERR_CONFIG, "field \"%.*s\" %s", STR_FMT(buf_str(&path)), why);
}

static int node_init(struct codec_json *j, struct codec_json_node *node, const struct type *type,
                     uint32_t depth, struct err *err);

static int struct_init(struct codec_json *j, struct codec_json_node *node, struct err *err)
{
    size_t count = node->child_count;
    size_t slot_count = 4;
    while (slot_count < 2 * count) {
        slot_count *= 2;
    }
    node->slots = arena_new_array(&j->memory, uint32_t, slot_count);
    node->slot_mask = (uint32_t)(slot_count - 1);
    node->names = arena_new_array(&j->memory, struct codec_json_name, count);
    node->next = arena_new_array(&j->memory, uint32_t, count + 1);
    node->seen_words = (count + 63) / 64;
    node->seen = arena_new_array(&j->memory, uint64_t, node->seen_words);
    for (size_t i = 0; i < count; i++) {
        struct str name = node->type->fields[i].name;
        bool is_rescued = node->parent == NULL && i == j->rescued_field;
        if (codec_json_plan_find(node, name) != CODEC_JSON_NO_FIELD ||
            (node->parent == NULL && !is_rescued && j->rescued_field != CODEC_JSON_NO_FIELD &&
             str_eq(name, node->type->fields[j->rescued_field].name))) {
            return bad_type(&node->children[i], "is there twice", err);
        }
        node->next[i] = (uint32_t)i;
        if (is_rescued) {
            continue; /* not guessed (its mask is 0) and not found */
        }
        uint64_t at = codec_json_plan_hash(name, 0);
        while (node->slots[at & node->slot_mask] != 0) {
            at++;
        }
        node->slots[at & node->slot_mask] = (uint32_t)i + 1;
        name_init(j, &node->names[i], name);
    }
    node->next[count] = CODEC_JSON_NO_FIELD;
    return 0;
}

static int node_init(struct codec_json *j, struct codec_json_node *node, const struct type *type,
                     uint32_t depth, struct err *err)
{
    node->kind = type->kind;
    node->type = type;
    node->child_count = type->field_count;
    j->node_count++;
    if (!type_is_nested(type)) {
        return 0;
    }
    if (depth > j->depth_max) {
        return bad_type(node, "is nested deeper than a message may be", err);
    }
    if (type->field_count >= UINT32_MAX / 4) {
        return bad_type(node, "has too many fields", err);
    }
    node->children = arena_new_array(&j->memory, struct codec_json_node, node->child_count);
    for (size_t i = 0; i < node->child_count; i++) {
        node->children[i].parent = node;
        node->children[i].name = type->fields[i].name;
    }
    if (type->kind == TYPE_STRUCT) {
        TRY(struct_init(j, node, err));
    } else {
        j->list_count++;
    }
    if (type->kind == TYPE_MAP && type->fields[0].type->kind != TYPE_STRING) {
        return bad_type(node, "is a MAP whose key is not STRING; JSON has no other keys", err);
    }
    for (size_t i = 0; i < node->child_count; i++) {
        TRY(node_init(j, &node->children[i], type->fields[i].type, depth + 1, err));
    }
    return 0;
}

int codec_json_plan_init(struct codec_json *j, const struct type *row_type, struct err *err)
{
    if (row_type->kind != TYPE_STRUCT) {
        return err_set(err, ERR_CONFIG, "a row type must be a STRUCT");
    }
    TRY(node_init(j, &j->root, row_type, 1, err));
    j->rows.marks = arena_new_array(&j->memory, struct codec_rows_mark, j->list_count);
    j->open_objects = arena_new_array(&j->memory, uint64_t, (size_t)j->depth_max / 64 + 1);
    return 0;
}

static void node_done(struct codec_json_node *node)
{
    mem_free(node->keys.slots);
    for (size_t i = 0; node->children != NULL && i < node->child_count; i++) {
        node_done(&node->children[i]);
    }
}

void codec_json_plan_done(struct codec_json *j)
{
    node_done(&j->root);
    arena_done(&j->memory);
}

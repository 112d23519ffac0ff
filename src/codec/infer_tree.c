/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer_tree - what is known of values so far, a node for each place in a message
 *
 * Kinds join as in Spark's JsonInferSchema: nothing with anything is the other; BIGINT, DECIMAL
 * and DOUBLE the widest; DATE and TIMESTAMP the latter; STRUCT and MAP a MAP; all else STRING.
 *
 * Invariants:
 *  (1) The join is commutative and associative, so as long as nothing is left out neither the
 *      order of the samples nor how they are spread over several trees matters to the types.
 *  (2) Of names in one STRUCT no two are equal when the case of ASCII letters is ignored.
 *  (3) Nodes are never freed singly and hardly more than total_max, so a tree's memory is
 *      bounded; what a node had before it became STRING or MAP is forgotten, but counts.
 *  (4) Names are the senders', so their hash has a seed.
 */
#include "codec/infer_tree.h"

#include "base/base.h"

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static uint64_t hash_name(const struct codec_infer_tree *t, struct str name)
{
    char folded[64];
    uint64_t hash = t->seed;
    for (size_t at = 0; at == 0 || at < name.len; at += sizeof(folded)) {
        size_t len = name.len - at < sizeof(folded) ? name.len - at : sizeof(folded);
        for (size_t i = 0; i < len; i++) {
            folded[i] = fold(name.ptr[at + i]);
        }
        hash = codec_json_plan_hash(str_n(folded, len), hash);
    }
    return hash;
}

void codec_infer_tree_add_name(struct str name, struct buf *out)
{
    bool is_plain = name.len > 0 && str_find(name, '.') < 0 && str_find(name, '`') < 0;
    if (is_plain) {
        buf_add_str(out, name);
        return;
    }
    buf_add_char(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        buf_add_c(out, name.ptr[i] == '`' ? "`" : "");
        buf_add_char(out, name.ptr[i]);
    }
    buf_add_char(out, '`');
}

static void add_path(const struct codec_infer_node *node, struct buf *out)
{
    if (node->parent == NULL) {
        return;
    }
    add_path(node->parent, out);
    buf_add_c(out, out->len > 0 ? "." : "");
    if (node->parent->element == node) {
        buf_add_c(out, node->parent->kind == INFER_ARRAY ? "element" : "value");
    } else {
        codec_infer_tree_add_name(node->name, out);
    }
}

void codec_infer_tree_note(struct codec_infer_tree *t, const struct codec_infer_node *parent,
                           struct str name, const char *what)
{
    if (t->note_count == CODEC_INFER_NOTES_MAX) {
        return;
    }
    AUTO_BUF struct buf path = {0};
    add_path(parent, &path);
    buf_add_c(&path, path.len > 0 ? "." : "");
    codec_infer_tree_add_name(str_head(name, str_utf8_prefix(str_head(name, 256))), &path);
    for (size_t i = 0; i < t->note_count; i++) {
        if (str_eq(t->notes[i].path, buf_str(&path))) {
            return;
        }
    }
    t->notes[t->note_count++] =
        (struct codec_infer_note){arena_str(&t->arena, buf_str(&path)), what};
}

static struct codec_infer_node *node_new(struct codec_infer_tree *t,
                                         const struct codec_infer_node *parent, struct str name)
{
    t->node_count++;
    struct codec_infer_node *node = arena_new(&t->arena, struct codec_infer_node);
    node->parent = parent;
    node->name = arena_str(&t->arena, name);
    return node;
}

static bool is_full(const struct codec_infer_tree *t)
{
    return t->node_count >= t->options.total_max;
}

struct codec_infer_node *codec_infer_tree_element(struct codec_infer_tree *t,
                                                  struct codec_infer_node *node)
{
    if (node->element == NULL && !is_full(t)) {
        node->element = node_new(t, node, STR(""));
    }
    return node->element;
}

/* ---- kinds --------------------------------------------------------------------------------- */

static enum codec_infer_kind join(enum codec_infer_kind a, enum codec_infer_kind b)
{
    enum codec_infer_kind low = a < b ? a : b;
    enum codec_infer_kind high = a < b ? b : a;
    if (low == high || low == INFER_NOTHING) {
        return high;
    }
    bool is_number = low >= INFER_BIGINT && high <= INFER_DOUBLE;
    bool is_time = low >= INFER_DATE && high <= INFER_TIMESTAMP;
    bool is_object = low >= INFER_STRUCT && high <= INFER_MAP;
    return is_number || is_time || is_object ? high : INFER_STRING;
}

/* A STRUCT becomes a MAP of what its fields have in common. */
static void become_map(struct codec_infer_tree *t, struct codec_infer_node *node)
{
    uint32_t count = node->field_count;
    struct codec_infer_node **fields = node->fields;
    node->kind = INFER_MAP;
    node->fields = NULL;
    node->slots = NULL;
    node->field_count = node->field_cap = node->slot_count = 0;
    node->element = node_new(t, node, STR("")); /* even a full tree has room: once a node */
    for (uint32_t i = 0; i < count; i++) {
        codec_infer_tree_merge(t, node->element, fields[i]);
    }
}

enum codec_infer_kind codec_infer_tree_join(struct codec_infer_tree *t,
                                            struct codec_infer_node *node,
                                            enum codec_infer_kind kind, size_t digits)
{
    enum codec_infer_kind joined = join(node->kind, kind);
    if (digits > node->digits) {
        assert(digits <= 38);
        node->digits = (uint8_t)digits;
    }
    if (joined == INFER_MAP && node->kind == INFER_STRUCT) {
        become_map(t, node);
    }
    if (joined == INFER_STRING && node->kind != INFER_STRING) {
        node->fields = NULL;
        node->slots = NULL;
        node->element = NULL;
        node->field_count = node->field_cap = node->slot_count = 0;
    }
    node->kind = joined;
    return joined;
}

/* ---- fields -------------------------------------------------------------------------------- */

/* The slot of the name: free, or of a field whose name is equal but for case. */
static uint32_t *find_slot(const struct codec_infer_tree *t, const struct codec_infer_node *node,
                           struct str name)
{
    for (uint64_t at = hash_name(t, name);; at++) {
        uint32_t *slot = &node->slots[at & (node->slot_count - 1)];
        if (*slot == 0 || str_eq_nocase(node->fields[*slot - 1]->name, name)) {
            return slot;
        }
    }
}

static void grow_slots(struct codec_infer_tree *t, struct codec_infer_node *node)
{
    node->slot_count = node->slot_count > 0 ? node->slot_count * 4 : 8;
    node->slots = arena_new_array(&t->arena, uint32_t, node->slot_count);
    for (uint32_t i = 0; i < node->field_count; i++) {
        *find_slot(t, node, node->fields[i]->name) = i + 1;
    }
}

static struct codec_infer_node *add_field(struct codec_infer_tree *t, struct codec_infer_node *node,
                                          struct str name, uint32_t *slot)
{
    if (is_full(t)) {
        codec_infer_tree_note(t, node, name, "is one field too many");
        return NULL;
    }
    struct codec_infer_node *field = node_new(t, node, name);
    if (node->field_count == node->field_cap) {
        node->field_cap = node->field_cap > 0 ? node->field_cap * 2 : 4;
        struct codec_infer_node **more =
            arena_new_array(&t->arena, struct codec_infer_node *, node->field_cap);
        if (node->field_count > 0) {
            memcpy(more, node->fields, node->field_count * sizeof(*more));
        }
        node->fields = more;
    }
    node->fields[node->field_count++] = field;
    *slot = node->field_count;
    return field;
}

struct codec_infer_node *codec_infer_tree_member(struct codec_infer_tree *t,
                                                 struct codec_infer_node *node, struct str name)
{
    if (node->kind == INFER_MAP) {
        return codec_infer_tree_element(t, node);
    }
    assert(node->kind == INFER_STRUCT);
    if (name.len == 0) {
        codec_infer_tree_note(t, node, name, "has no name");
        return NULL;
    }
    if (node->slot_count < 2 * (node->field_count + 1)) {
        grow_slots(t, node);
    }
    uint32_t *slot = find_slot(t, node, name);
    if (*slot != 0) {
        struct codec_infer_node *field = node->fields[*slot - 1];
        if (!str_eq(field->name, name)) {
            codec_infer_tree_note(t, node, name, "differs from another only in case");
            return NULL;
        }
        return field;
    }
    if (node->field_count < t->options.fields_max) {
        return add_field(t, node, name, slot);
    }
    if (node->parent == NULL) {
        codec_infer_tree_note(t, node, name, "is one field too many");
        return NULL;
    }
    become_map(t, node);
    return codec_infer_tree_element(t, node);
}

void codec_infer_tree_merge(struct codec_infer_tree *t, struct codec_infer_node *node,
                            const struct codec_infer_node *other)
{
    if (node == NULL) {
        return;
    }
    enum codec_infer_kind kind = codec_infer_tree_join(t, node, other->kind, other->digits);
    if (node->largest < other->largest) {
        node->largest = other->largest;
    }
    if (kind == INFER_STRING) {
        return;
    }
    for (uint32_t i = 0; i < other->field_count; i++) {
        codec_infer_tree_merge(t, codec_infer_tree_member(t, node, other->fields[i]->name),
                               other->fields[i]);
    }
    if (other->element != NULL) {
        codec_infer_tree_merge(t, codec_infer_tree_element(t, node), other->element);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_rescue - what did not fit, kept as JSON text
 *
 * The second reading follows the row type through a message that is known to be well-formed.
 * A value that the decoder noted as bad is told by where it stands; a member that the type does
 * not know is rescued whole.  Of columns that nobody wants nothing is read and nothing rescued.
 *
 * Invariants:
 *  (1) Notes come in the order of the message, as the decoder reads it once from left to right,
 *      and the second reading meets them in that order.
 *  (2) Of duplicate members the last counts: when a name comes again, what was rescued of the
 *      earlier value is forgotten.  Only members of which something was rescued are remembered,
 *      by the number of their object and their name, in a hash table with the codec's seed.
 *  (3) Memory is bounded: notes beyond NOTES_MAX cannot fit into the text and are only counted,
 *      members are no more than entries of the text.
 */
#include "codec/json_rescue.h"

#include "base/base.h"
#include "codec/json_scan.h"
#include "codec/json_skip.h"
#include "codec/json_string.h"
#include "codec/rescue.h"

/* An entry of the text takes more than eight bytes. */
#define NOTES_MAX (CODEC_RESCUE_MAX / 8)

/* More are not kept, as they are cleared before each use. */
#define SLOTS_KEPT 4096

struct note {
    const char *at;
    const char *reason;
};

/* A member of which something was rescued: entries [from, to). */
struct member {
    uint64_t object;
    struct str name;
    size_t from;
    size_t to;
};

struct codec_json_rescue {
    uint32_t field;
    struct codec_rescue text;
    VEC(struct note) notes;
    size_t next_note;
    uint64_t object_count;
    VEC(struct member) members;
    uint32_t *slots; /* hash of members: index + 1, 0 = free */
    size_t slot_count;
};

struct codec_json_rescue *codec_json_rescue_new(const struct codec_json *j, uint32_t field)
{
    struct codec_json_rescue *r = mem_new(struct codec_json_rescue);
    r->field = field;
    r->text.has_bare_nan = j->allow_nan;
    return r;
}

void codec_json_rescue_free(struct codec_json_rescue *r)
{
    if (r != NULL) {
        codec_rescue_done(&r->text);
        vec_done(&r->notes);
        vec_done(&r->members);
        mem_free(r->slots);
        mem_free(r);
    }
}

void codec_json_rescue_begin(struct codec_json_rescue *r)
{
    r->notes.count = 0;
    codec_rescue_reset(&r->text);
}

void codec_json_rescue_note(struct codec_json_rescue *r, const char *at, const char *reason)
{
    if (r->notes.count < NOTES_MAX) {
        *vec_push(&r->notes) = (struct note){at, reason};
    } else {
        r->text.left_out++;
    }
}

/* The slot of the member: free, or its own. */
static uint32_t *find_slot(const struct codec_json *j, const struct codec_json_rescue *r,
                           uint64_t object, struct str name)
{
    uint64_t at = codec_json_plan_hash(name, j->hash_seed ^ object * UINT64_C(0x9e3779b97f4a7c15));
    for (;; at++) {
        uint32_t *slot = &r->slots[at & (r->slot_count - 1)];
        if (*slot == 0) {
            return slot;
        }
        const struct member *m = &r->members.items[*slot - 1];
        if (m->object == object && str_eq(m->name, name)) {
            return slot;
        }
    }
}

static void grow_slots(const struct codec_json *j, struct codec_json_rescue *r)
{
    mem_free(r->slots);
    r->slot_count = r->slot_count > 0 ? r->slot_count * 2 : 64;
    r->slots = mem_new_array(uint32_t, r->slot_count);
    for (size_t i = 0; i < r->members.count; i++) {
        const struct member *m = &r->members.items[i];
        *find_slot(j, r, m->object, m->name) = (uint32_t)i + 1;
    }
}

/* Forgets what was rescued of an earlier member of that name. */
static void forget_member(const struct codec_json *j, struct codec_json_rescue *r, uint64_t object,
                          struct str name)
{
    uint32_t slot = r->members.count > 0 ? *find_slot(j, r, object, name) : 0;
    if (slot != 0) {
        struct member *m = &r->members.items[slot - 1];
        codec_rescue_forget(&r->text, m->from, m->to);
        m->to = m->from;
    }
}

/* Remembers the entries from `from` on as those of the member. */
static void remember_member(const struct codec_json *j, struct codec_json_rescue *r,
                            uint64_t object, struct str name, size_t from)
{
    if (r->slot_count < 2 * (r->members.count + 1)) {
        grow_slots(j, r);
    }
    uint32_t *slot = find_slot(j, r, object, name);
    if (*slot == 0) {
        *vec_push(&r->members) = (struct member){.object = object, .name = name};
        *slot = (uint32_t)r->members.count;
    }
    struct member *m = &r->members.items[*slot - 1];
    m->from = from;
    m->to = r->text.entries.count;
}

static const char *rescue_value(struct codec_json *j, const struct codec_json_node *node,
                                const char *p, const struct codec_rescue_path *path,
                                const char *reason)
{
    const char *behind = codec_json_skip(j, node, p);
    assert(behind != NULL);
    codec_rescue_add(&j->rescue->text, path, str_n(p, (size_t)(behind - p)), reason);
    return behind;
}

static const char *walk_value(struct codec_json *j, const struct codec_json_node *node,
                              const char *p, const struct codec_rescue_path *path);

/* The value at p of a member of `node`, a STRUCT or MAP. */
static const char *walk_member(struct codec_json *j, const struct codec_json_node *node,
                               const char *p, const struct codec_rescue_path *path,
                               struct column *const *wanted)
{
    if (node->kind == TYPE_MAP) {
        return walk_value(j, &node->children[1], p, path);
    }
    uint32_t field = codec_json_plan_find(node, path->name);
    if (field == CODEC_JSON_NO_FIELD) {
        return rescue_value(j, node, p, path, "unknown");
    }
    if (wanted != NULL && wanted[field] == NULL) {
        return codec_json_skip(j, node, p);
    }
    return walk_value(j, &node->children[field], p, path);
}

/* The object at p for a STRUCT or MAP; `wanted` are the columns of the row, else NULL. */
static const char *walk_object(struct codec_json *j, const struct codec_json_node *node,
                               const char *p, const struct codec_rescue_path *parent,
                               struct column *const *wanted)
{
    struct codec_json_rescue *r = j->rescue;
    uint64_t object = r->object_count++;
    size_t first = r->text.entries.count;
    p = scan_space(p + 1);
    while (*p != '}') {
        struct str name;
        p = codec_json_string_read(j, node, p, &name);
        p = scan_space(scan_space(p) + 1); /* over the colon */
        if (r->text.entries.count > first) {
            forget_member(j, r, object, name);
        }
        size_t from = r->text.entries.count;
        struct codec_rescue_path path = rescue_path_name(parent, name);
        p = scan_space(walk_member(j, node, p, &path, wanted));
        if (r->text.entries.count > from) {
            remember_member(j, r, object, name, from);
        }
        if (*p == ',') {
            p = scan_space(p + 1);
        }
    }
    return p + 1;
}

static const char *walk_array(struct codec_json *j, const struct codec_json_node *node,
                              const char *p, const struct codec_rescue_path *parent)
{
    p = scan_space(p + 1);
    for (uint64_t index = 0; *p != ']'; index++) {
        struct codec_rescue_path path = rescue_path_index(parent, index);
        p = scan_space(walk_value(j, node->children, p, &path));
        if (*p == ',') {
            p = scan_space(p + 1);
        }
    }
    return p + 1;
}

static const char *walk_value(struct codec_json *j, const struct codec_json_node *node,
                              const char *p, const struct codec_rescue_path *path)
{
    struct codec_json_rescue *r = j->rescue;
    if (r->next_note < r->notes.count && r->notes.items[r->next_note].at == p) {
        return rescue_value(j, node, p, path, r->notes.items[r->next_note++].reason);
    }
    switch (node->kind) {
    case TYPE_STRUCT:
    case TYPE_MAP:
        return *p == '{' ? walk_object(j, node, p, path, NULL) : codec_json_skip(j, node, p);
    case TYPE_ARRAY:
        return *p == '[' ? walk_array(j, node, p, path) : codec_json_skip(j, node, p);
    default:
        return codec_json_skip(j, node, p);
    }
}

void codec_json_rescue_write(struct codec_json *j, const char *p, struct column *const *columns,
                             size_t row)
{
    struct codec_json_rescue *r = j->rescue;
    struct column *col = columns[r->field];
    if (col == NULL || (r->notes.count == 0 && !j->has_unknown)) {
        return;
    }
    r->next_note = 0;
    r->object_count = 0;
    r->members.count = 0;
    if (r->slot_count > SLOTS_KEPT) {
        mem_free(TAKE(r->slots));
        r->slot_count = 0;
    } else if (r->slot_count > 0) {
        memset(r->slots, 0, r->slot_count * sizeof(*r->slots));
    }
    j->depth = 1;
    walk_object(j, &j->root, p, NULL, columns);
    struct str text;
    if (codec_rescue_print(&r->text, j->arena, &text)) {
        column_clear_null(col, row);
        column_set_string(col, row, text);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_avro - an Avro schema with what it refers to in it
 *
 *  (1) All named types of the references are noted first, under their full names and with the
 *      name space they stand in; of several of the same name the first counts.
 *  (2) Then the schema is copied in the order in which a parser reads it.  A name that has been
 *      written is only named from then on; one that a reference defines is written there.  So a
 *      definition comes out at most once, and a circle of types ends.
 *  (3) A type that is written elsewhere than where it stood gets its full name, and a name space
 *      of its own when it has none: the one around it is another.
 *
 * Whether it is an Avro schema is for the codec to say: what is unknown here is copied.
 */
#include "codec/registry_avro.h"

#include <stdio.h>

#define DEPTH_MAX      512
#define NAME_BYTES_MAX 512
#define TEXT_BYTES_MAX ((size_t)64 << 20)

struct named {
    struct str full;
    const struct json *node; /* NULL = defined in the schema itself */
    struct str space;        /* around it */
    bool written;
};

struct inliner {
    struct arena *scratch;
    struct named *slots; /* a hash table */
    size_t mask;
    size_t count;
    size_t depth;
};

/* ---- names ---- */

static struct named *slot_of(const struct inliner *in, struct str full)
{
    size_t at = (size_t)str_hash(full) & in->mask;
    while (in->slots[at].full.ptr != NULL && !str_eq(in->slots[at].full, full)) {
        at = (at + 1) & in->mask;
    }
    return &in->slots[at];
}

static void slots_grow(struct inliner *in)
{
    struct named *old = in->slots;
    size_t old_count = old == NULL ? 0 : in->mask + 1;
    size_t count = old_count == 0 ? 64 : old_count * 2;
    in->slots = mem_new_array(struct named, count);
    in->mask = count - 1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].full.ptr != NULL) {
            *slot_of(in, old[i].full) = old[i];
        }
    }
    mem_free(old);
}

/* NULL when the name is taken. */
static struct named *named_add(struct inliner *in, struct str full)
{
    if (in->slots == NULL || in->count >= in->mask / 2) {
        slots_grow(in);
    }
    struct named *slot = slot_of(in, full);
    if (slot->full.ptr != NULL) {
        return NULL;
    }
    slot->full = full;
    in->count++;
    return slot;
}

static void inliner_done(struct inliner *in)
{
    mem_free(in->slots);
}

#define AUTO_INLINER AUTO(inliner_done)

static bool is_primitive(struct str name)
{
    static const char *const names[] = {"null",   "boolean", "int",    "long",  "float",
                                        "double", "bytes",   "string", "array", "map",
                                        "record", "error",   "fixed",  "enum"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_eq_c(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_named_kind(const struct json *node)
{
    struct str type;
    return json_get_str(json_find(node, "type"), &type) &&
           (str_eq_c(type, "record") || str_eq_c(type, "error") || str_eq_c(type, "enum") ||
            str_eq_c(type, "fixed"));
}

static struct str in_space(struct inliner *in, struct str name, struct str space)
{
    if (space.len == 0 || str_find(name, '.') >= 0) {
        return name;
    }
    return str_of(arena_printf(in->scratch, "%.*s.%.*s", STR_FMT(space), STR_FMT(name)));
}

static struct str space_of(struct str full)
{
    ptrdiff_t dot = str_rfind(full, '.');
    return dot < 0 ? STR("") : str_head(full, (size_t)dot);
}

/* Outcome 1 = a full name, 0 = the node has no proper name. ERR_DATA. */
static int full_name(struct inliner *in, const struct json *node, struct str space,
                     struct str *ret_full, struct err *err)
{
    struct str name;
    if (!json_get_str(json_find(node, "name"), &name) || name.len == 0) {
        return 0;
    }
    (void)json_get_str(json_find(node, "namespace"), &space);
    if (name.len + space.len > NAME_BYTES_MAX) {
        return err_set(err, ERR_DATA, "a name is longer than %d bytes", NAME_BYTES_MAX);
    }
    *ret_full = in_space(in, name, space);
    return 1;
}

static int deeper(struct inliner *in, struct err *err)
{
    if (++in->depth > DEPTH_MAX) {
        return err_set(err, ERR_DATA, "with its references it is nested deeper than %d levels",
                       DEPTH_MAX);
    }
    return 0;
}

/* ---- rule (1) ---- */

static int note_types(struct inliner *in, const struct json *node, struct str space,
                      struct err *err)
{
    TRY(deeper(in, err));
    if (node->kind == JSON_ARRAY) {
        json_foreach (item, node) {
            TRY(note_types(in, item, space, err));
        }
    } else if (node->kind == JSON_OBJECT) {
        struct str inner = space;
        struct str full = STR_NULL;
        if (is_named_kind(node) && TRY(full_name(in, node, space, &full, err)) == 1) {
            struct named *named = named_add(in, full);
            if (named != NULL) {
                named->node = node;
                named->space = space;
            }
            inner = space_of(full);
        }
        static const char *const parts[] = {"type", "items", "values", "fields"};
        for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
            const struct json *part = json_find(node, parts[i]);
            if (part != NULL) {
                TRY(note_types(in, part, inner, err));
            }
        }
    }
    in->depth--;
    return 0;
}

/* ---- rule (2) ---- */

static int copy_type(struct inliner *in, const struct json *node, struct str space,
                     struct json **ret_copy, struct err *err);

/* Shares what is below. */
static struct json *copy_shallow(struct inliner *in, const struct json *node)
{
    struct json *copy = json_make(in->scratch, node->kind);
    copy->text = node->text;
    copy->child = node->child;
    copy->count = node->count;
    return copy;
}

static int copy_list(struct inliner *in, const struct json *node, struct str space,
                     struct json **ret_copy, struct err *err)
{
    struct json *copy = json_make(in->scratch, JSON_ARRAY);
    struct json **link = &copy->child; /* json_append would look for the end each time */
    json_foreach (item, node) {
        TRY(copy_type(in, item, space, link, err));
        link = &(*link)->next;
        copy->count++;
    }
    *ret_copy = copy;
    return 0;
}

/* An object whose `type`, `items`, `values` and `fields` are types again. */
static int copy_object(struct inliner *in, const struct json *node, struct str space,
                       struct json **ret_copy, struct err *err)
{
    struct json *copy = json_make(in->scratch, JSON_OBJECT);
    struct json **link = &copy->child;
    json_foreach (member, node) {
        bool is_type = str_eq_c(member->name, "type") || str_eq_c(member->name, "items") ||
                       str_eq_c(member->name, "values") || str_eq_c(member->name, "fields");
        if (is_type) {
            TRY(copy_type(in, member, space, link, err));
        } else {
            *link = copy_shallow(in, member);
        }
        (*link)->name = member->name;
        link = &(*link)->next;
        copy->count++;
    }
    *ret_copy = copy;
    return 0;
}

/* Rule (3): a record, enum or fixed with its full name. */
static int copy_named(struct inliner *in, const struct json *node, struct str full,
                      struct str space, struct json **ret_copy, struct err *err)
{
    struct json *copy;
    struct str own = space_of(full);
    TRY(copy_object(in, node, own, &copy, err));
    struct json **link = &copy->child;
    while (*link != NULL) {
        struct json *member = *link;
        if (str_eq_c(member->name, "namespace")) {
            *link = member->next;
            copy->count--;
            continue;
        }
        if (str_eq_c(member->name, "name") && member->kind == JSON_STRING) {
            member->text = full;
        }
        link = &member->next;
    }
    if (own.len == 0 && space.len > 0) {
        json_append(copy, STR("namespace"), json_make_str(in->scratch, STR("")));
    }
    *ret_copy = copy;
    return 0;
}

/* A type by its name. `space` is where it is mentioned. */
static int copy_name(struct inliner *in, const struct json *node, struct str space,
                     struct json **ret_copy, struct err *err)
{
    struct str name = node->text;
    *ret_copy = copy_shallow(in, node);
    if (is_primitive(name) || in->slots == NULL || name.len + space.len > NAME_BYTES_MAX) {
        return 0;
    }
    char full[NAME_BYTES_MAX + 2];
    bool is_full = space.len == 0 || str_find(name, '.') >= 0;
    int len = snprintf(full, sizeof(full), "%.*s%s%.*s", is_full ? 0 : (int)space.len, space.ptr,
                       is_full ? "" : ".", STR_FMT(name));
    struct named *found = slot_of(in, str_n(full, (size_t)len));
    if (found->full.ptr == NULL) {
        found = slot_of(in, name); /* one without a name space */
    }
    if (found->full.ptr == NULL) {
        return 0;
    }
    if (found->written || found->node == NULL) {
        (*ret_copy)->text = found->full;
        return 0;
    }
    found->written = true;
    struct named type = *found; /* the table may move */
    return copy_named(in, type.node, type.full, space, ret_copy, err);
}

static int copy_type(struct inliner *in, const struct json *node, struct str space,
                     struct json **ret_copy, struct err *err)
{
    TRY(deeper(in, err));
    struct str full = STR_NULL;
    if (node->kind == JSON_STRING) {
        TRY(copy_name(in, node, space, ret_copy, err));
    } else if (node->kind == JSON_ARRAY) {
        TRY(copy_list(in, node, space, ret_copy, err));
    } else if (node->kind != JSON_OBJECT) {
        *ret_copy = copy_shallow(in, node);
    } else if (is_named_kind(node) && TRY(full_name(in, node, space, &full, err)) == 1) {
        struct named *known = named_add(in, full);
        known = known == NULL ? slot_of(in, full) : known;
        if (known->written && known->node != NULL) { /* a reference's, and it stands already */
            *ret_copy = json_make_str(in->scratch, known->full);
        } else {
            known->written = true;
            TRY(copy_named(in, node, full, space, ret_copy, err));
        }
    } else {
        TRY(copy_object(in, node, space, ret_copy, err));
    }
    in->depth--;
    return 0;
}

int codec_registry_avro_inline(struct str text, const struct codec_schema_file *references,
                               size_t reference_count, struct arena *arena, struct str *ret_text,
                               struct err *err)
{
    AUTO_ARENA struct arena scratch = {0};
    AUTO_INLINER struct inliner in = {.scratch = &scratch};
    struct json *root;
    TRY(json_parse(&scratch, text, &root, err));
    for (size_t i = 0; i < reference_count; i++) {
        struct json *tree;
        int rc = json_parse(&scratch, references[i].text, &tree, err);
        if (rc >= 0) {
            in.depth = 0;
            rc = note_types(&in, tree, STR(""), err);
        }
        if (rc < 0) {
            return err_wrap(err, "reference \"%.*s\"", STR_FMT(str_head(references[i].name, 100)));
        }
    }
    struct json *copy;
    in.depth = 0;
    TRY(copy_type(&in, root, STR(""), &copy, err));
    AUTO_BUF struct buf out = {0};
    buf_init(&out, TEXT_BYTES_MAX);
    json_print(copy, &out);
    TRY(buf_check(&out, "the schema with its references", err));
    *ret_text = arena_str(arena, buf_str(&out));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_plan - a row type and a message made ready for decoding
 *
 * One node a column type, in the shape of the type tree.  A node that is a message has an entry
 * for each of the message's fields, wanted or not, parallel to message->fields: the lookup by
 * number that finds a field finds its entry.
 *
 * Invariants:
 *  (1) Names of columns match names of fields, byte for byte; each column has a field, save the
 *      one for rescued data.
 *  (2) A pair of field and column that codec_protobuf_plan_takes has an op here, and a case in
 *      protobuf_scalar.c.
 *  (3) The tree is as deep as the row type, which is no deeper than a message may be.
 *  (4) The last entry of a node has tag 0, which wire_tag never gives: whoever guesses the next
 * field may always look one further.
 */
#include "codec/protobuf_plan.h"

#include "base/base.h"

#define NODES_MAX 1000000

void codec_protobuf_plan_path(const struct codec_protobuf_node *node, struct buf *out)
{
    if (node->parent == NULL) {
        return;
    }
    codec_protobuf_plan_path(node->parent, out);
    if (node->parent->op == OP_LIST || node->parent->op == OP_MAP) {
        buf_add_c(out, "[]");
        return;
    }
    if (out->len > 0 && node->parent->parent != NULL) {
        buf_add_char(out, '.');
    }
    buf_add_str(out, node->name);
}

/* "field "a.b" (int32 of message "x.Y") …" */
static int bad_type(const struct codec_protobuf_node *node, const char *why, struct err *err)
{
    AUTO_BUF struct buf path = {0};
    codec_protobuf_plan_path(node, &path);
    AUTO_BUF struct buf type = {.max = 256};
    type_print(node->type, &type);
    const struct codec_protobuf_field *field = node->field;
    if (field == NULL) {
        return err_set(err, ERR_CONFIG, "column \"%.*s\" %s", STR_FMT(buf_str(&path)), why);
    }
    struct str of = field->message != NULL       ? field->message->full_name
                    : field->enumeration != NULL ? field->enumeration->full_name
                                                 : STR_NULL;
    return err_set(err, ERR_CONFIG, "column \"%.*s\" %.*s: the field is %s%s%s%.*s, which %s",
                   STR_FMT(str_head(buf_str(&path), 200)), STR_FMT(buf_str(&type)),
                   field->is_repeated && !field->is_map ? "repeated " : "",
                   field->is_map ? "map" : codec_protobuf_kind_name(field->kind),
                   of.len > 0 ? " " : "", STR_FMT(str_head(of, 128)), why);
}

/* What a scalar of the kind may become. */
static bool takes_scalar(unsigned kind, enum type_kind column)
{
    switch (kind) {
    case PROTOBUF_DOUBLE:
        return column == TYPE_DOUBLE || column == TYPE_STRING;
    case PROTOBUF_FLOAT:
        return column == TYPE_FLOAT || column == TYPE_DOUBLE || column == TYPE_STRING;
    case PROTOBUF_BOOL:
        return column == TYPE_BOOLEAN || column == TYPE_STRING;
    case PROTOBUF_STRING:
    case PROTOBUF_BYTES:
        return column == TYPE_STRING || column == TYPE_BINARY;
    case PROTOBUF_ENUM:
        return column == TYPE_STRING || (column >= TYPE_TINYINT && column <= TYPE_BIGINT);
    default:
        return column == TYPE_STRING || column == TYPE_DOUBLE || column == TYPE_DECIMAL ||
               column == TYPE_TIMESTAMP || column == TYPE_TIMESTAMP_NTZ ||
               (column >= TYPE_TINYINT && column <= TYPE_BIGINT);
    }
}

/* A map's key must not turn out not to fit. */
static bool takes_key(unsigned kind, const struct type *type)
{
    if (type->kind == TYPE_STRING) {
        return true;
    }
    unsigned digits = type->kind == TYPE_BIGINT    ? 18
                      : type->kind == TYPE_INTEGER ? 9
                      : type->kind == TYPE_DECIMAL ? (unsigned)(type->precision - type->scale)
                                                   : 0;
    switch (kind) {
    case PROTOBUF_BOOL:
        return type->kind == TYPE_BOOLEAN;
    case PROTOBUF_STRING:
        return type->kind == TYPE_BINARY;
    case PROTOBUF_UINT64:
    case PROTOBUF_FIXED64:
        return type->kind == TYPE_DECIMAL && digits >= 20;
    case PROTOBUF_INT64:
    case PROTOBUF_SINT64:
    case PROTOBUF_SFIXED64:
        return type->kind == TYPE_BIGINT || digits >= 19;
    case PROTOBUF_UINT32:
    case PROTOBUF_FIXED32:
        return digits >= 10;
    default:
        return type->kind == TYPE_INTEGER || digits >= 10;
    }
}

static const struct codec_protobuf_field *wrapped(const struct codec_protobuf_message *message)
{
    return message->known == PROTOBUF_WRAPPER ? &message->fields[0] : NULL;
}

bool codec_protobuf_plan_takes(const struct codec_protobuf_field *field, const struct type *type)
{
    if (!protobuf_is_message(field)) {
        return takes_scalar(field->kind, type->kind);
    }
    if (type->kind == TYPE_STRUCT || type->kind == TYPE_STRING) {
        return true;
    }
    const struct codec_protobuf_message *message = field->message;
    if (message->known == PROTOBUF_TIMESTAMP) {
        return type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMP_NTZ;
    }
    if (message->known == PROTOBUF_DURATION) {
        return type->kind == TYPE_BIGINT;
    }
    const struct codec_protobuf_field *inner = wrapped(message);
    return inner != NULL && takes_scalar(inner->kind, type->kind);
}

/* The store that is all there is to do for the usual pairs. */
static enum codec_protobuf_op scalar_op(const struct codec_protobuf_field *field,
                                        enum type_kind column)
{
    switch (field->kind) {
    case PROTOBUF_DOUBLE:
        return column == TYPE_DOUBLE ? OP_COPY8 : OP_SCALAR;
    case PROTOBUF_SFIXED64:
        return column == TYPE_BIGINT ? OP_COPY8 : OP_SCALAR;
    case PROTOBUF_FLOAT:
        return column == TYPE_FLOAT ? OP_COPY4 : OP_SCALAR;
    case PROTOBUF_SFIXED32:
        return column == TYPE_INTEGER ? OP_COPY4 : OP_SCALAR;
    case PROTOBUF_INT32:
    case PROTOBUF_ENUM:
        return column == TYPE_INTEGER ? OP_VARINT4 : OP_SCALAR;
    case PROTOBUF_INT64:
        return column == TYPE_BIGINT ? OP_VARINT8 : OP_SCALAR;
    case PROTOBUF_UINT32:
        return column == TYPE_BIGINT ? OP_UVARINT4 : OP_SCALAR;
    case PROTOBUF_BOOL:
        return column == TYPE_BOOLEAN ? OP_BOOL : OP_SCALAR;
    case PROTOBUF_STRING:
        return column == TYPE_BINARY ? OP_BYTES : field->checks_utf8 ? OP_STRING : OP_SCALAR;
    case PROTOBUF_BYTES:
        return column == TYPE_BINARY ? OP_BYTES : OP_SCALAR;
    default:
        return OP_SCALAR;
    }
}

static int node_init(struct codec_protobuf *d, struct codec_protobuf_node *node, uint32_t depth,
                     struct str rescued, struct err *err);

static void child_init(struct codec_protobuf_node *parent, size_t index,
                       const struct codec_protobuf_field *field)
{
    struct codec_protobuf_node *child = &parent->children[index];
    child->parent = parent;
    child->field = field;
    child->type = parent->type->fields[index].type;
    child->name = parent->type->fields[index].name;
}

static int unknown_column(const struct codec_protobuf_node *node, struct str name, struct err *err)
{
    const struct codec_protobuf_message *message = node->message;
    const char *hint = "";
    struct str nearest = STR_NULL;
    size_t nearest_distance = 3;
    for (size_t f = 0; f < message->field_count; f++) {
        const struct codec_protobuf_field *field = &message->fields[f];
        size_t distance = str_distance(field->name, name);
        if (str_eq(field->json_name, name)) {
            distance = 0;
        }
        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = str_head(field->name, 128);
            hint = "; did you mean ";
        }
    }
    AUTO_BUF struct buf path = {0};
    codec_protobuf_plan_path(node, &path);
    buf_add_c(&path, path.len > 0 ? "." : "");
    buf_add_str(&path, name);
    return err_set(err, ERR_CONFIG, "column \"%.*s\": message \"%.*s\" has no such field%s%.*s",
                   STR_FMT(str_head(buf_str(&path), 200)),
                   STR_FMT(str_head(message->full_name, 200)), hint, STR_FMT(nearest));
}

/* Which column is which field's. */
static int match_columns(struct codec_protobuf *d, struct codec_protobuf_node *node,
                         struct str rescued, struct err *err)
{
    for (size_t c = 0; c < node->child_count; c++) {
        struct str name = node->type->fields[c].name;
        const struct type *type = node->type->fields[c].type;
        if (node->parent == NULL && rescued.len > 0 && str_eq(name, rescued)) {
            if (type->kind != TYPE_STRING) {
                return err_set(err, ERR_CONFIG, "column \"%.*s\" is for rescued data: a STRING",
                               STR_FMT(str_head(name, 200)));
            }
            d->rescued_column = c;
            child_init(node, c, NULL);
            continue;
        }
        size_t f = 0;
        while (f < node->message->field_count && !str_eq(node->message->fields[f].name, name)) {
            f++;
        }
        if (f == node->message->field_count) {
            return unknown_column(node, name, err);
        }
        child_init(node, c, &node->message->fields[f]);
        if (node->entries[f].node != NULL) {
            return bad_type(&node->children[c], "is there twice", err);
        }
        node->entries[f].node = &node->children[c];
        node->entries[f].column = (uint32_t)c;
        node->wanted[f / 64] |= UINT64_C(1) << (f % 64);
    }
    return 0;
}

/* What an entry knows once its column is. */
static void entry_init(struct codec_protobuf *d, struct codec_protobuf_node *node, size_t f)
{
    struct codec_protobuf_entry *entry = &node->entries[f];
    const struct codec_protobuf_field *field = entry->field;
    entry->op = entry->node != NULL ? entry->node->op : OP_CHECK;
    entry->is_closed_enum = field->kind == PROTOBUF_ENUM && field->enumeration->is_closed;
    uint64_t bit = UINT64_C(1) << (f % 64);
    if (field->is_required) {
        node->required[f / 64] |= bit;
        node->has_required = true;
    }
    bool may_lack = protobuf_is_message(field) && field->message->has_required;
    if (entry->op == OP_TEXT || (may_lack && !field->is_repeated)) {
        /* Also of wanted ones: the row's columns may be wanted in one chunk and not in another. */
        entry->late = arena_new(&d->memory, struct codec_protobuf_late);
    }
    if (entry->op == OP_MESSAGE || entry->late != NULL) {
        node->finished[f / 64] |= bit;
    }
    node->has_required |= may_lack;
}

static int message_init(struct codec_protobuf *d, struct codec_protobuf_node *node, uint32_t depth,
                        struct str rescued, struct err *err)
{
    const struct codec_protobuf_message *message = node->message;
    size_t count = message->field_count;
    d->node_count += count + 1;
    if (depth > d->depth_max) {
        return bad_type(node, "is nested deeper than a message may be", err);
    }
    if (d->node_count > NODES_MAX) {
        return err_set(err, ERR_CONFIG, "the row type has more than %d fields", NODES_MAX);
    }
    node->entries = arena_new_array(&d->memory, struct codec_protobuf_entry, count + 1);
    node->words = count / 64 + 1;
    node->seen = arena_new_array(&d->memory, uint64_t, node->words);
    node->required = arena_new_array(&d->memory, uint64_t, node->words);
    node->wanted = arena_new_array(&d->memory, uint64_t, node->words);
    node->finished = arena_new_array(&d->memory, uint64_t, node->words);
    node->oneofs = arena_new_array(&d->memory, const struct codec_protobuf_entry *,
                                   (size_t)message->oneof_count + 1);
    for (size_t f = 0; f <= count; f++) {
        struct codec_protobuf_entry *entry = &node->entries[f];
        entry->column = UINT32_MAX;
        entry->tag = 0; /* invariant (4): field number 0 is no tag (wire_tag) */
        if (f < count) {
            entry->field = &message->fields[f];
            entry->tag = entry->field->tag;
            entry->oneof = entry->field->oneof;
        }
    }
    TRY(match_columns(d, node, rescued, err));
    for (size_t c = 0; c < node->child_count; c++) {
        if (node->children[c].field != NULL) {
            TRY(node_init(d, &node->children[c], depth + 1, rescued, err));
        }
    }
    for (size_t f = 0; f < count; f++) {
        entry_init(d, node, f);
    }
    return 0;
}

/* A value that is one, not a list: of the field itself, or an element of it. */
static int value_init(struct codec_protobuf *d, struct codec_protobuf_node *node, uint32_t depth,
                      struct err *err)
{
    const struct codec_protobuf_field *field = node->field;
    if (!codec_protobuf_plan_takes(field, node->type)) {
        return bad_type(node, "cannot become that", err);
    }
    if (!protobuf_is_message(field)) {
        node->op = (uint8_t)scalar_op(field, node->kind);
        return 0;
    }
    node->message = field->message;
    if (node->kind == TYPE_STRUCT) {
        node->op = OP_MESSAGE;
        return message_init(d, node, depth, STR_NULL, err);
    }
    const struct codec_protobuf_field *inner = wrapped(field->message);
    if (inner != NULL) {
        node->op = OP_WRAPPER;
        node->field = inner;
    } else {
        node->op = node->kind == TYPE_STRING ? OP_TEXT : OP_TIME;
    }
    return 0;
}

static int list_init(struct codec_protobuf *d, struct codec_protobuf_node *node, uint32_t depth,
                     struct err *err)
{
    const struct codec_protobuf_field *field = node->field;
    d->list_count++;
    if (field->is_map) {
        node->op = OP_MAP;
        if (node->kind != TYPE_MAP) {
            return bad_type(node, "can only become a MAP", err);
        }
        node->message = field->message;
        child_init(node, 0, protobuf_map_key(field->message));
        child_init(node, 1, protobuf_map_value(field->message));
        if (!takes_key(node->children[0].field->kind, node->children[0].type)) {
            return bad_type(node, "has keys that do not always fit the MAP's", err);
        }
    } else {
        node->op = OP_LIST;
        if (node->kind != TYPE_ARRAY) {
            return bad_type(node, "can only become an ARRAY", err);
        }
        child_init(node, 0, field);
    }
    for (size_t c = 0; c < node->child_count; c++) {
        struct codec_protobuf_node *child = &node->children[c];
        child->kind = child->type->kind;
        child->child_count = child->type->field_count;
        child->children =
            arena_new_array(&d->memory, struct codec_protobuf_node, child->child_count);
        TRY(value_init(d, child, depth + field->is_map, err));
    }
    return 0;
}

static int node_init(struct codec_protobuf *d, struct codec_protobuf_node *node, uint32_t depth,
                     struct str rescued, struct err *err)
{
    node->kind = node->type->kind;
    node->child_count = node->type->field_count;
    node->children = arena_new_array(&d->memory, struct codec_protobuf_node, node->child_count);
    if (node->parent == NULL) {
        node->op = OP_MESSAGE;
        return message_init(d, node, depth, rescued, err);
    }
    if (node->field->is_repeated) {
        return list_init(d, node, depth, err);
    }
    return value_init(d, node, depth, err);
}

int codec_protobuf_plan_init(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                             const struct type *row_type, struct str rescued_column,
                             struct err *err)
{
    if (row_type->kind != TYPE_STRUCT) {
        return err_set(err, ERR_CONFIG, "a row type must be a STRUCT");
    }
    d->root.type = row_type;
    d->root.message = message;
    d->rescued_column = SIZE_MAX;
    TRY(node_init(d, &d->root, 1, rescued_column, err));
    if (rescued_column.len > 0 && d->rescued_column == SIZE_MAX) {
        return err_set(err, ERR_CONFIG, "the column for rescued data, \"%.*s\", is not there",
                       STR_FMT(str_head(rescued_column, 200)));
    }
    d->rows.marks = arena_new_array(&d->memory, struct codec_rows_mark, d->list_count);
    d->groups = arena_new_array(&d->memory, uint32_t, d->depth_max);
    return 0;
}

static void node_done(struct codec_protobuf_node *node)
{
    mem_free(node->keys.slots);
    for (size_t f = 0; node->entries != NULL && f < node->message->field_count; f++) {
        if (node->entries[f].late != NULL) {
            buf_done(&node->entries[f].late->joined);
        }
    }
    for (size_t i = 0; node->children != NULL && i < node->child_count; i++) {
        node_done(&node->children[i]);
    }
}

void codec_protobuf_plan_done(struct codec_protobuf *d)
{
    node_done(&d->root);
    arena_done(&d->memory);
    buf_done(&d->rescue_text);
    buf_done(&d->text);
    vec_done(&d->rescued);
    vec_done(&d->pieces);
}

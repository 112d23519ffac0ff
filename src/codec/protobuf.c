/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf - Protobuf messages straight into columns
 *
 * One pass over the bytes, led by the message's fields: each value is written where it belongs
 * as it is read.  Functions take a position and return the one behind what they read, or NULL
 * when the message is bad (the fault is written then).
 *
 * The wire allows more than writers do: fields in any order, scalars twice (the last counts),
 * submessages in pieces (they are merged), lists in pieces, packed or not.  So a value is
 * written when it comes, and a message is finished when nothing can follow: the row, an element
 * of a list, a value of a map with all submessages below it.  Finishing writes what did not
 * come (NULL, defaults, empty lists), texts, and looks for required fields.
 *
 * Invariants:
 *  (1) A node's scratch (seen, oneofs, late pieces, seconds) is of the one message at its place
 *      that is not finished yet; it is reset when a new one begins.
 *  (2) A message that turns out bad leaves nothing but a row of NULLs: rows.h.
 *  (3) A column's data is looked up anew for each value, since growing a list moves it.
 *  (4) Recursion is as deep as the row type; the depth of the message is counted.
 *  (5) Bytes before d->end may be read even when they lie behind a submessage.
 *
 * Not here: maps (protobuf_map.c), times and wrappers (protobuf_decode.c), scalars into other
 * columns (protobuf_scalar.c), what nobody wants (protobuf_check.c), JSON text (protobuf_text.c),
 * the compiled type (protobuf_plan.c), descriptors (protobuf_schema.c, protobuf_link.c), faults.
 */
#include "codec/protobuf.h"

#include "base/base.h"
#include "codec/infer.h"
#include "codec/protobuf_check.h"
#include "codec/protobuf_decode.h"
#include "codec/protobuf_map.h"
#include "codec/protobuf_rescue.h"
#include "codec/protobuf_rows.h"

#define DEPTH_DEFAULT 100

/* A field that nobody wants, or whose message is looked at when it is there as a whole. */
static const char *decode_late(struct codec_protobuf *d, struct codec_protobuf_node *node,
                               const struct codec_protobuf_entry *e, uint32_t tag, const char *p,
                               const char *end, bool is_more)
{
    const char *behind = codec_protobuf_check_value(d, node, e->field, tag, p, end);
    if (behind == NULL || !protobuf_is_message(e->field)) {
        return behind;
    }
    if (e->late != NULL) {
        codec_protobuf_decode_piece(e->late, codec_protobuf_decode_bytes(d, tag, p, behind),
                                    is_more);
    } else if (e->field->message->has_required &&
               !codec_protobuf_check_required(d, node, e->field->message,
                                              codec_protobuf_decode_bytes(d, tag, p, behind))) {
        return NULL;
    }
    return behind;
}

/* An element of a list, which is all there is of it. */
static const char *decode_element(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                  const struct codec_protobuf_field *field, uint32_t tag,
                                  const char *p, const char *end, struct column *col, size_t row)
{
    const char *behind;
    switch (node->op) {
    case OP_MESSAGE: {
        uint32_t group;
        if (!protobuf_open_message(d, node, tag, &p, &end, &group)) {
            return NULL;
        }
        protobuf_reset_node(node);
        p = codec_protobuf_decode_message(d, node, p, end, group, col, row);
        return p != NULL && codec_protobuf_decode_finish(d, node, NULL, col->children, row) ? p
                                                                                            : NULL;
    }
    case OP_TIME:
        return codec_protobuf_decode_time(d, node, tag, p, end, col, row, false);
    case OP_WRAPPER:
        return codec_protobuf_decode_wrapper(d, node, tag, p, end, col, row, false);
    case OP_TEXT:
        behind = codec_protobuf_check_value(d, node, field, tag, p, end);
        return behind != NULL &&
                       codec_protobuf_decode_text(
                           d, node, codec_protobuf_decode_bytes(d, tag, p, behind), col, row)
                   ? behind
                   : NULL;
    default:
        return protobuf_decode_scalar(d, node, p, end, col, row);
    }
}

/* True when the enum is closed and the number at p none of its values. */
static bool is_foreign_number(const struct codec_protobuf_field *field, const char *p,
                              const char *end)
{
    struct codec_protobuf_value value;
    return protobuf_scalar(PROTOBUF_ENUM, p, end, &value) != NULL &&
           codec_protobuf_enum_find(field->enumeration, (int32_t)value.bits) == NULL;
}

/* The elements of a packed list, from p to its end. */
static const char *decode_packed(struct codec_protobuf *d, struct codec_protobuf_node *list,
                                 bool is_closed_enum, const char *p, const char *end,
                                 struct column *col)
{
    struct codec_protobuf_node *node = list->children;
    struct column *child = col->children;
    size_t bytes = (size_t)(end - p);
    size_t width = node->op == OP_COPY8 ? 8 : node->op == OP_COPY4 ? 4 : 0;
    if (width > 0) {
        uint64_t at = protobuf_reserve(col, bytes / width);
        memcpy((char *)child->data + at * width, p, bytes - bytes % width);
        col->child_rows += bytes / width;
        p += bytes - bytes % width;
        return p == end ? p : codec_protobuf_fault_cut(d, list, NULL, p, end);
    }
    size_t count = 0;
    for (const char *c = p; c < end; c++) {
        count += (unsigned char)*c < 0x80;
    }
    enum wire_type type = protobuf_wire_type(node->field->kind);
    count = type == WIRE_FIXED64 ? bytes / 8 : type == WIRE_FIXED32 ? bytes / 4 : count;
    protobuf_reserve(col, count);
    while (p < end) {
        if (UNLIKELY(is_closed_enum && is_foreign_number(node->field, p, end))) {
            uint32_t tag = node->field->number << 3 | WIRE_VARINT;
            p = codec_protobuf_decode_unknown(d, list->parent, tag, p, p, end);
            continue;
        }
        p = protobuf_decode_scalar(d, node, p, end, child, col->child_rows);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        col->child_rows++;
    }
    return p;
}

/* Elements of a list, as many as follow each other. */
static const char *decode_list(struct codec_protobuf *d, struct codec_protobuf_node *node,
                               const struct codec_protobuf_entry *e, uint32_t tag, const char *p,
                               const char *end, struct column *col, size_t row)
{
    struct codec_protobuf_node *element = e->node->children;
    bool is_packed;
    protobuf_is_wire(e->field, tag, &is_packed);
    for (;;) {
        if (is_packed) {
            struct str packed;
            const char *behind = wire_bytes(p, end, &packed);
            if (UNLIKELY(behind == NULL)) {
                return codec_protobuf_fault_cut(d, e->node, NULL, p, end);
            }
            p = decode_packed(d, e->node, e->is_closed_enum, packed.ptr, behind, col);
        } else if (UNLIKELY(e->is_closed_enum && is_foreign_number(e->field, p, end))) {
            p = codec_protobuf_decode_unknown(d, node, tag, p, p, end);
        } else {
            uint64_t at = protobuf_reserve(col, 1);
            p = decode_element(d, element, e->field, tag, p, end, col->children, at);
            col->child_rows = at + (p != NULL);
        }
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        uint32_t next;
        const char *behind = wire_tag(p, end, &next);
        if (behind == NULL || next != tag) {
            break;
        }
        p = behind;
    }
    struct column_list *list = (struct column_list *)col->data + row;
    list->len = col->child_rows - list->offset;
    return p;
}

/* The value of a field, of a wire type that it may have. */
PROTOBUF_HOT const char *decode_value(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                      const struct codec_protobuf_entry *e, uint32_t tag,
                                      const char *p, const char *end, struct column *col,
                                      size_t row, bool is_more)
{
    switch (e->op) {
    case OP_TIME:
        return codec_protobuf_decode_time(d, e->node, tag, p, end, col, row, is_more);
    case OP_WRAPPER:
        return codec_protobuf_decode_wrapper(d, e->node, tag, p, end, col, row, is_more);
    case OP_TEXT:
    case OP_CHECK:
        return decode_late(d, node, e, tag, p, end, is_more);
    case OP_MESSAGE: {
        uint32_t group;
        if (UNLIKELY(!protobuf_open_message(d, e->node, tag, &p, &end, &group))) {
            return NULL;
        }
        if (LIKELY(!is_more)) {
            protobuf_reset_node(e->node);
        }
        return codec_protobuf_decode_message(d, e->node, p, end, group, col, row);
    }
    case OP_LIST:
    case OP_MAP:
        codec_rows_touch(&d->rows, &e->node->touched, col);
        if (!is_more) {
            ((struct column_list *)col->data)[row] =
                (struct column_list){.offset = col->child_rows};
        }
        return e->op == OP_LIST ? decode_list(d, node, e, tag, p, end, col, row)
                                : codec_protobuf_map_decode(d, e, tag, p, end, col, row, is_more);
    default:
        return protobuf_decode_scalar(d, e->node, p, end, col, row);
    }
}

/* The entry of a tag that was not guessed; NULL = the message has no such field. */
static const struct codec_protobuf_entry *find_entry(const struct codec_protobuf_node *node,
                                                     uint32_t tag)
{
    const struct codec_protobuf_field *field = protobuf_field(node->message, tag >> 3);
    bool is_packed;
    if (field == NULL || !protobuf_is_wire(field, tag, &is_packed)) {
        return NULL;
    }
    return &node->entries[field - node->message->fields];
}

/* Another member of the oneof came: the one before it is as if it had not. */
static void switch_oneof(struct codec_protobuf_node *node, const struct codec_protobuf_entry *e,
                         struct column *const *wanted, struct column *children, size_t row)
{
    const struct codec_protobuf_entry *last = node->oneofs[e->oneof];
    node->oneofs[e->oneof] = e;
    if (last == NULL || last == e) {
        return;
    }
    struct column *col = last->column == UINT32_MAX ? NULL
                         : wanted != NULL           ? wanted[last->column]
                                                    : &children[last->column];
    if (col != NULL) {
        codec_protobuf_rows_unwrite(last, col, row);
    }
    size_t f = (size_t)(last - node->entries);
    node->seen[f / 64] &= ~(UINT64_C(1) << (f % 64));
}

/*
 * The fields of a message until its end or, in a group, the tag that closes it.  The columns are
 * wanted[i] (the row: NULL = nobody wants it) or, when `wanted` is NULL, children[i].
 */
PROTOBUF_HOT const char *decode_fields(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                       const char *p, const char *end, uint32_t group,
                                       struct column *const *wanted, struct column *children,
                                       size_t row)
{
    const struct codec_protobuf_entry *guess = node->entries;
    while (LIKELY(p < end)) {
        uint32_t tag;
        const char *at = p;
        p = wire_tag(at, end, &tag);
        if (UNLIKELY(p == NULL)) {
            return codec_protobuf_check_bad_tag(d, node, at, end);
        }
        const struct codec_protobuf_entry *e = guess;
        if (UNLIKELY(tag != e->tag)) {
            if (group != 0 && tag == (group << 3 | WIRE_END_GROUP)) {
                return p;
            }
            e = find_entry(node, tag);
        }
        if (UNLIKELY(e == NULL ||
                     (e->is_closed_enum && (tag & 7) == WIRE_VARINT && !e->field->is_repeated &&
                      is_foreign_number(e->field, p, end)))) {
            p = codec_protobuf_decode_unknown(d, node, tag, at, p, end);
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
            continue;
        }
        guess = e + 1;
        size_t f = (size_t)(e - node->entries);
        uint64_t bit = UINT64_C(1) << (f % 64);
        if (UNLIKELY(e->oneof != 0)) {
            switch_oneof(node, e, wanted, children, row);
        }
        bool is_more = (node->seen[f / 64] & bit) != 0;
        node->seen[f / 64] |= bit;
        struct column *col = NULL;
        if (LIKELY(e->column != UINT32_MAX)) {
            col = wanted != NULL ? wanted[e->column] : &children[e->column];
        }
        if (LIKELY(col != NULL)) {
            if (UNLIKELY(is_more && e->op <= OP_TIME)) {
                column_clear_null(col, row); /* the value before may have been a bad field */
            }
            p = decode_value(d, node, e, tag, p, end, col, row, is_more);
        } else {
            p = decode_late(d, node, e, tag, p, end, is_more);
        }
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
    }
    if (UNLIKELY(group != 0)) {
        return codec_protobuf_fault_bad(d, node, NULL, p, "truncated", "it ends within a group");
    }
    return p;
}

const char *codec_protobuf_decode_message(struct codec_protobuf *d,
                                          struct codec_protobuf_node *node, const char *p,
                                          const char *end, uint32_t group, struct column *col,
                                          size_t row)
{
    d->depth++;
    p = decode_fields(d, node, p, end, group, NULL, col->children, row);
    d->depth--;
    return p;
}

/* A field that did not come: its default, nothing, or an empty list. */
static void set_missing(struct codec_protobuf *d, const struct codec_protobuf_entry *e,
                        struct column *col, size_t row)
{
    const struct codec_protobuf_field *field = e->field;
    if (field->is_repeated) {
        ((struct column_list *)col->data)[row] = (struct column_list){.offset = col->child_rows};
    } else if (!protobuf_is_message(field) && field->oneof == 0 &&
               (field->has_default || (d->emit_default_values && !field->has_presence))) {
        struct codec_protobuf_value value = field->default_value;
        if (value.bytes.len > COLUMN_STRING_INLINE) {
            value.bytes = arena_str(d->arena, value.bytes);
        }
        codec_protobuf_scalar_put(d, e->node, value, d->end, col, row);
    } else {
        column_set_null(col, row);
    }
}

/* A message that came and can get no more pieces. */
static bool finish_value(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                         const struct codec_protobuf_entry *e, struct column *col, size_t row)
{
    if (e->op == OP_MESSAGE && col != NULL) {
        return codec_protobuf_decode_finish(d, e->node, NULL, col->children, row);
    }
    const struct codec_protobuf_late *late = e->late;
    if (late == NULL) {
        return true;
    }
    struct str bytes = late->piece_count > 1 ? buf_str(&late->joined) : late->piece;
    return e->op == OP_TEXT && col != NULL
               ? codec_protobuf_decode_text(d, e->node, bytes, col, row)
               : codec_protobuf_check_required(d, node, e->field->message, bytes);
}

static COLD bool lacks_required(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                size_t f)
{
    codec_protobuf_fault_bad(d, node, &node->message->fields[f], d->end, "required",
                             "a required field is missing");
    return false;
}

/* What remains to be done once a message is there as a whole; false when it is bad. */
bool codec_protobuf_decode_finish(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                  struct column *const *wanted, struct column *children, size_t row)
{
    for (size_t w = 0; w < node->words; w++) {
        uint64_t seen = node->seen[w];
        uint64_t lacking = node->required[w] & ~seen;
        if (UNLIKELY(lacking != 0)) {
            return lacks_required(d, node, w * 64 + (size_t)__builtin_ctzll(lacking));
        }
        for (uint64_t left = node->wanted[w] & ~seen; left != 0; left &= left - 1) {
            const struct codec_protobuf_entry *e =
                &node->entries[w * 64 + (size_t)__builtin_ctzll(left)];
            struct column *col = wanted != NULL ? wanted[e->column] : &children[e->column];
            if (col != NULL) {
                set_missing(d, e, col, row);
            }
        }
        for (uint64_t left = node->finished[w] & seen; left != 0; left &= left - 1) {
            const struct codec_protobuf_entry *e =
                &node->entries[w * 64 + (size_t)__builtin_ctzll(left)];
            struct column *col = e->column == UINT32_MAX ? NULL
                                 : wanted != NULL        ? wanted[e->column]
                                                         : &children[e->column];
            if (!finish_value(d, node, e, col, row)) {
                return false;
            }
        }
    }
    return true;
}

static bool decode_row(struct codec_protobuf *d, struct str value, struct column *const *columns,
                       size_t row)
{
    if (UNLIKELY(value.len >= UINT32_MAX)) {
        codec_protobuf_fault_bad(d, &d->root, NULL, value.ptr, "size",
                                 "the message has 4 GiB or more");
        return false;
    }
    protobuf_reset_node(&d->root);
    return decode_fields(d, &d->root, d->start, d->end, 0, columns, NULL, row) != NULL &&
           codec_protobuf_decode_finish(d, &d->root, columns, NULL, row);
}

static void set_all_null(const struct codec_protobuf *d, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < d->root.child_count; i++) {
        if (columns[i] != NULL) {
            column_set_null(columns[i], row);
        }
    }
}

static enum codec_row protobuf_decode(struct codec *codec, struct str value,
                                      struct column *const *columns, size_t row,
                                      struct arena *arena)
{
    struct codec_protobuf *d = (struct codec_protobuf *)codec;
    if (value.ptr == NULL) {
        set_all_null(d, columns, row);
        return CODEC_ROW_OK;
    }
    d->start = value.ptr;
    d->end = value.ptr + value.len;
    d->arena = arena;
    d->depth = 1;
    d->has_bad_field = false;
    d->rows.mark_count = 0;
    d->rows.message_number++;
    d->joined_bytes = 0;
    d->pieces.count = 0;
    if (d->notice_unknown) {
        codec->unknown_field = d->lacks_columns;
    }
    d->rescues = d->rescued_column != SIZE_MAX && columns[d->rescued_column] != NULL;
    if (d->rescues) {
        d->rescued.count = 0;
        buf_reset(&d->rescue_text);
    }
    if (UNLIKELY(!decode_row(d, value, columns, row))) {
        codec_rows_roll_back(&d->rows);
        set_all_null(d, columns, row);
        return CODEC_ROW_BAD;
    }
    if (d->rescues) {
        codec_protobuf_rescue_write(d, columns[d->rescued_column], row);
    }
    return LIKELY(!d->has_bad_field) ? CODEC_ROW_OK : CODEC_ROW_BAD_FIELD;
}

static void protobuf_close(struct codec *codec)
{
    struct codec_protobuf *d = (struct codec_protobuf *)codec;
    codec_protobuf_plan_done(d);
    mem_free(d);
}

static const struct codec_ops protobuf_ops = {
    .name = "protobuf",
    .decode = protobuf_decode,
    .close = protobuf_close,
};

/* Fields that are described, but have no column; a recursive message that nothing describes has
 * none. */
static bool lacks_columns(const struct type *row_type, const struct codec_options *options)
{
    AUTO_ARENA struct arena arena = {0};
    const struct type *described = NULL;
    struct codec_infer_paths added = {0};
    struct err ignored;
    if (codec_protobuf_describe(options, &arena, &described, &ignored) < 0) {
        return false;
    }
    (void)codec_infer_widen(row_type, described, &arena, &added);
    return added.count > 0;
}

int codec_protobuf_open(const struct type *row_type, const struct codec_options *options,
                        struct codec **ret_codec, struct err *err)
{
    struct codec_protobuf *d = mem_new(struct codec_protobuf);
    d->codec.ops = &protobuf_ops;
    d->codec.row_type = row_type;
    d->emit_default_values = options->emit_default_values;
    d->notice_unknown = options->notice_unknown;
    d->timestamp_unit = options->timestamp_unit;
    d->depth_max = options->depth_max > 0 ? options->depth_max : DEPTH_DEFAULT;
    rand_bytes(&d->hash_seed, sizeof(d->hash_seed));
    const struct codec_protobuf_message *message;
    int rc = codec_protobuf_schema_read(&d->schema, options->protobuf_descriptors, &d->memory, err);
    if (rc >= 0) {
        rc = codec_protobuf_schema_find(&d->schema, options->protobuf_message, &message, err);
    }
    if (rc >= 0) {
        rc = codec_protobuf_plan_init(d, message, row_type, options->rescued_column, err);
    }
    if (rc < 0) {
        protobuf_close(&d->codec);
        return rc;
    }
    d->lacks_columns = options->notice_unknown && lacks_columns(row_type, options);
    *ret_codec = &d->codec;
    return 0;
}

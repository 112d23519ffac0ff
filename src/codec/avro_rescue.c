/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_rescue - what did not fit, as JSON text
 *
 * The second reading follows the plan through a message that the first has found to be well
 * formed (with a rescued column the first reading skips nothing unread).  A value that
 * was noted as bad is told by its op and where it stands; a field that no column takes is rescued
 * whole unless it is null.  Of columns that nobody wants nothing is rescued.
 *
 * Invariants:
 *  (1) Notes come in the order of the message, and the second reading meets them in that order.
 *  (2) Of duplicate keys the last counts: what was rescued of an earlier value is forgotten.
 *  (3) Memory is bounded: notes beyond NOTES_MAX cannot fit into the text and are only counted.
 */
#include "codec/avro_rescue.h"

#include <stdlib.h>

#include "base/base.h"
#include "codec/avro_read.h"
#include "codec/avro_skip.h"
#include "codec/avro_value.h"
#include "codec/rescue.h"

/* An entry of the text takes more than eight bytes. */
#define NOTES_MAX (CODEC_RESCUE_MAX / 8)

struct note {
    const struct avro_op *op;
    const char *at;
    const char *reason;
};

struct codec_avro_rescue {
    uint32_t field;
    struct codec_rescue text;
    VEC(struct note) notes;
    size_t next_note;
    struct buf value; /* of the entry being made */
};

/* An entry of a map, of which entries [from, to) of the text were rescued. */
struct member {
    struct str key;
    size_t from;
    size_t to;
};

struct codec_avro_rescue *codec_avro_rescue_new(uint32_t field)
{
    struct codec_avro_rescue *r = mem_new(struct codec_avro_rescue);
    r->field = field;
    return r;
}

void codec_avro_rescue_free(struct codec_avro_rescue *r)
{
    if (r != NULL) {
        codec_rescue_done(&r->text);
        vec_done(&r->notes);
        buf_done(&r->value);
        mem_free(r);
    }
}

void codec_avro_rescue_begin(struct codec_avro_rescue *r)
{
    r->notes.count = 0;
    codec_rescue_reset(&r->text);
}

void codec_avro_rescue_note(struct codec_avro_rescue *r, const struct avro_op *op, const char *at,
                            const char *reason)
{
    if (r->notes.count < NOTES_MAX) {
        *vec_push(&r->notes) = (struct note){op, at, reason};
    } else {
        r->text.left_out++;
    }
}

/* --- values as JSON ----------------------------------------------------------- */

static const char *print_value(struct codec_avro *a, const struct avro_schema *s, const char *p,
                               struct buf *out);

static const char *must_read(struct codec_avro *a, const char *p, int64_t *ret_number)
{
    p = avro_read_small(p, a->end, ret_number);
    assert(p != NULL);
    return p;
}

static const char *read_key(struct codec_avro *a, const char *p, struct str *ret_key)
{
    int64_t len;
    p = must_read(a, p, &len);
    *ret_key = str_n(p, (size_t)len);
    return p + len;
}

/* The head of a block: how many elements follow. */
static const char *read_head(struct codec_avro *a, const char *p, uint64_t *ret_count)
{
    int64_t count;
    int64_t bytes;
    p = must_read(a, p, &count);
    if (count < 0) {
        p = must_read(a, p, &bytes);
    }
    *ret_count = count < 0 ? -(uint64_t)count : (uint64_t)count;
    return p;
}

static const char *print_list(struct codec_avro *a, const struct avro_schema *s, const char *p,
                              struct buf *out)
{
    bool is_map = s->kind == AVRO_MAP;
    buf_add_char(out, is_map ? '{' : '[');
    const char *comma = "";
    for (;;) {
        uint64_t count;
        p = read_head(a, p, &count);
        if (count == 0) {
            break;
        }
        for (uint64_t i = 0; i < count; i++) {
            buf_add_c(out, comma);
            comma = ",";
            if (is_map) {
                struct str key;
                p = read_key(a, p, &key);
                json_quote(out, key);
                buf_add_char(out, ':');
            }
            p = print_value(a, s->branches[0], p, out);
        }
    }
    buf_add_char(out, is_map ? '}' : ']');
    return p;
}

static const char *print_record(struct codec_avro *a, const struct avro_schema *s, const char *p,
                                struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < s->names.count; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        json_quote(out, s->names.items[i]);
        buf_add_char(out, ':');
        p = print_value(a, s->fields[i].schema, p, out);
    }
    buf_add_char(out, '}');
    return p;
}

/* Numbers and truth values stand bare, everything else in quotes. */
static void print_plain(const struct avro_schema *s, const struct avro_value *v, struct buf *out)
{
    AUTO_BUF struct buf text = {0};
    enum avro_logical logical = s->logical;
    if (s->kind == AVRO_ENUM) {
        json_quote(out, s->names.items[v->integer]);
        return;
    }
    bool has_text = codec_avro_value_print(v, s->kind, logical, s->scale, &text);
    if (!has_text) {
        logical = AVRO_PLAIN;
        codec_avro_value_print(v, s->kind, logical, 0, &text);
    }
    bool is_number = s->kind >= AVRO_INT && s->kind <= AVRO_DOUBLE && logical == AVRO_PLAIN &&
                     (text.ptr[text.len - 1] >= '0' && text.ptr[text.len - 1] <= '9');
    if (s->kind == AVRO_BOOLEAN || is_number || logical == AVRO_DECIMAL) {
        buf_add_str(out, buf_str(&text));
    } else {
        json_quote(out, buf_str(&text));
    }
}

/* Appends the value at p, which is known to be well-formed; behind it. */
static const char *print_value(struct codec_avro *a, const struct avro_schema *s, const char *p,
                               struct buf *out)
{
    struct avro_value v = {0};
    int64_t branch;
    switch (s->kind) {
    case AVRO_NULL:
        buf_add_c(out, "null");
        return p;
    case AVRO_UNION:
        p = must_read(a, p, &branch);
        return print_value(a, s->branches[branch], p, out);
    case AVRO_RECORD:
        return print_record(a, s, p, out);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return print_list(a, s, p, out);
    default:
        p = codec_avro_value_read(a, a->root, s, p, &v);
        assert(p != NULL);
        print_plain(s, &v, out);
        return p;
    }
}

/* --- the second reading ------------------------------------------------------- */

static const char *rescue_value(struct codec_avro *a, const struct avro_schema *s, const char *p,
                                const struct codec_rescue_path *path, const char *reason)
{
    struct codec_avro_rescue *r = a->rescue;
    buf_reset(&r->value);
    p = print_value(a, s, p, &r->value);
    if (r->value.overflow || r->value.len > CODEC_RESCUE_MAX) {
        r->text.left_out++;
    } else if (strcmp(reason, "unknown") != 0 || !str_eq_c(buf_str(&r->value), "null")) {
        codec_rescue_add(&r->text, path, arena_str(a->arena, buf_str(&r->value)), reason);
    }
    return p;
}

static const char *walk(struct codec_avro *a, const struct avro_op *op, const char *p,
                        const struct codec_rescue_path *path, struct column *const *wanted);

static const char *skip(struct codec_avro *a, const struct avro_op *op, const char *p)
{
    p = codec_avro_skip_unwanted(a, op, p);
    assert(p != NULL);
    return p;
}

static const char *walk_record(struct codec_avro *a, const struct avro_op *op, const char *p,
                               const struct codec_rescue_path *parent, struct column *const *wanted)
{
    for (size_t i = 0; i < op->step_count; i++) {
        const struct avro_step *step = &op->steps[i];
        if (step->op == NULL) {
            struct codec_rescue_path path = rescue_path_name(parent, step->name);
            p = rescue_value(a, step->writer, p, &path, "unknown");
        } else if (wanted != NULL && wanted[step->column] == NULL) {
            p = skip(a, step->op, p);
        } else {
            struct codec_rescue_path path = rescue_path_name(parent, step->op->name);
            p = walk(a, step->op, p, &path, NULL);
        }
    }
    return p;
}

static const char *walk_array(struct codec_avro *a, const struct avro_op *op, const char *p,
                              const struct codec_rescue_path *parent)
{
    uint64_t index = 0;
    for (;;) {
        uint64_t count;
        p = read_head(a, p, &count);
        if (count == 0) {
            return p;
        }
        for (uint64_t i = 0; i < count; i++) {
            struct codec_rescue_path path = rescue_path_index(parent, index++);
            p = walk(a, op->branches[0], p, &path, NULL);
        }
    }
}

static int compare_members(const void *x, const void *y)
{
    const struct member *a = x;
    const struct member *b = y;
    int order = str_cmp(a->key, b->key);
    if (order != 0) {
        return order;
    }
    return a->from != b->from ? (a->from > b->from) - (a->from < b->from)
                              : (a->to > b->to) - (a->to < b->to);
}

/* Forgets of each key all values but the last. */
static void forget_duplicates(struct codec_avro_rescue *r, struct member *members, size_t count)
{
    qsort(members, count, sizeof(*members), compare_members);
    for (size_t i = 0; i + 1 < count; i++) {
        if (str_eq(members[i].key, members[i + 1].key)) {
            codec_rescue_forget(&r->text, members[i].from, members[i].to);
        }
    }
}

static const char *walk_map(struct codec_avro *a, const struct avro_op *op, const char *p,
                            const struct codec_rescue_path *parent)
{
    struct codec_avro_rescue *r = a->rescue;
    VEC(struct member) members = {0};
    for (;;) {
        uint64_t count;
        p = read_head(a, p, &count);
        if (count == 0) {
            break;
        }
        for (uint64_t i = 0; i < count; i++) {
            struct member m;
            p = read_key(a, p, &m.key);
            m.from = r->text.entries.count;
            struct codec_rescue_path path = rescue_path_name(parent, m.key);
            p = walk(a, op->branches[0], p, &path, NULL);
            m.to = r->text.entries.count;
            if (a->has_duplicate_key) {
                *vec_push(&members) = m;
            }
        }
    }
    if (members.count > 1) {
        forget_duplicates(r, members.items, members.count);
    }
    vec_done(&members);
    return p;
}

static const char *walk_union(struct codec_avro *a, const struct avro_op *op, const char *p,
                              const struct codec_rescue_path *path, struct column *const *wanted)
{
    int64_t index = 0;
    if (op->code != AVRO_OP_MEMBERS || op->has_index) {
        p = must_read(a, p, &index);
    }
    const struct avro_op *branch = op->branches[index];
    if (branch == NULL) {
        const struct avro_schema *writer = op->has_index ? op->writer->branches[index] : op->writer;
        return rescue_value(a, writer, p, path, "unknown");
    }
    if (op->code == AVRO_OP_MEMBERS && op->columns[index] != AVRO_NO_COLUMN) {
        struct codec_rescue_path member = rescue_path_name(path, branch->name);
        return walk(a, branch, p, &member, NULL);
    }
    return walk(a, branch, p, path, wanted);
}

/* `wanted` are the columns of the row, else NULL; `path` is NULL for the row. */
static const char *walk(struct codec_avro *a, const struct avro_op *op, const char *p,
                        const struct codec_rescue_path *path, struct column *const *wanted)
{
    struct codec_avro_rescue *r = a->rescue;
    if (r->next_note < r->notes.count && path != NULL) {
        const struct note *note = &r->notes.items[r->next_note];
        if (note->op == op && note->at == p) {
            r->next_note++;
            return rescue_value(a, op->writer, p, path, note->reason);
        }
    }
    switch (op->code) {
    case AVRO_OP_RECORD:
        return walk_record(a, op, p, path, wanted);
    case AVRO_OP_ARRAY:
        return walk_array(a, op, p, path);
    case AVRO_OP_MAP:
        return walk_map(a, op, p, path);
    case AVRO_OP_NULLABLE:
    case AVRO_OP_UNION:
    case AVRO_OP_MEMBERS:
        return walk_union(a, op, p, path, wanted);
    default:
        return skip(a, op, p);
    }
}

void codec_avro_rescue_write(struct codec_avro *a, const char *p, struct column *const *columns,
                             size_t row)
{
    struct codec_avro_rescue *r = a->rescue;
    struct column *col = columns[r->field];
    if (col == NULL || (r->notes.count == 0 && !a->has_rescued)) {
        return;
    }
    r->next_note = 0;
    a->empty_elements = 0;
    walk(a, a->root, p, NULL, columns);
    struct str text;
    if (codec_rescue_print(&r->text, a->arena, &text)) {
        column_clear_null(col, row);
        column_set_string(col, row, text);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_text - a message as JSON text, by protobuf's JSON mapping
 *
 * Names are lowerCamelCase (json_name), numbers of 64 bits are strings, bytes base64, enums
 * names; Timestamp, Duration, FieldMask, wrappers, Struct, Value, ListValue and Any have their
 * own forms.  Fields without presence are left out when they are zero.
 *
 * An Any is looked up in the descriptor set by its type_url; one that is not there, or whose
 * bytes are no such message, is {"@type": …, "value": base64}.
 *
 * Functions return false when there is no text; the caller gives up then.  The bytes were
 * checked, so reading them does not fail.
 */
#include "codec/protobuf_text.h"

#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/protobuf_check.h"
#include "codec/protobuf_fault.h"
#include "codec/protobuf_piece.h"
#include "codec/protobuf_rescue.h"
#include "codec/protobuf_scalar.h"

static bool print_message(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                          struct str bytes, struct buf *out);

/* The value of a piece that is one scalar. */
static struct codec_protobuf_value value_of(const struct codec_protobuf_field *field, uint32_t tag,
                                            const char *p, const char *end)
{
    struct codec_protobuf_value value = {0};
    if ((tag & 7) == WIRE_BYTES && protobuf_wire_type(field->kind) == WIRE_BYTES) {
        value.bytes = str_n(p, (size_t)(end - p));
        return value;
    }
    p = protobuf_scalar(field->kind, p, end, &value);
    assert(p != NULL);
    return value;
}

static struct codec_protobuf_value piece_value(const struct codec_protobuf_piece *piece)
{
    return value_of(piece->field, piece->tag, piece->p, piece->end);
}

/* The last value of field `number` among the pieces [first, behind), or its default. */
static struct codec_protobuf_value last_value(const struct codec_protobuf *d,
                                              const struct codec_protobuf_message *message,
                                              uint32_t number, size_t first, size_t behind)
{
    for (size_t i = behind; i > first; i--) {
        if (d->pieces.items[i - 1].field->number == number) {
            return piece_value(&d->pieces.items[i - 1]);
        }
    }
    assert(number >= 1 && number <= message->field_count);
    return message->fields[number - 1].default_value; /* they are numbered from 1 on */
}

static bool is_unknown_enum(const struct codec_protobuf_field *field, uint64_t bits)
{
    return field->kind == PROTOBUF_ENUM && field->enumeration->is_closed &&
           codec_protobuf_enum_find(field->enumeration, (int32_t)bits) == NULL;
}

static bool is_null_value(const struct codec_protobuf_field *field)
{
    return field->kind == PROTOBUF_ENUM &&
           str_eq_c(field->enumeration->full_name, "google.protobuf.NullValue");
}

/* A proto2 string need not be text; then nor is what it is in. */
static void check_text(struct codec_protobuf *d, const struct codec_protobuf_field *field,
                       struct codec_protobuf_value value)
{
    if (field->kind == PROTOBUF_STRING && !field->checks_utf8 && !str_is_utf8(value.bytes)) {
        d->text_is_bad = true;
    }
}

static void print_scalar(struct codec_protobuf *d, const struct codec_protobuf_field *field,
                         struct codec_protobuf_value value, struct buf *out)
{
    check_text(d, field, value);
    if (is_null_value(field)) {
        buf_add_c(out, "null");
    } else {
        codec_protobuf_scalar_print(field, value, out);
    }
}

/* All elements of a repeated field's pieces. */
static bool print_list(struct codec_protobuf *d, size_t first, size_t count, struct buf *out)
{
    const struct codec_protobuf_field *field = d->pieces.items[first].field;
    enum wire_type type = protobuf_wire_type(field->kind);
    const char *comma = "";
    buf_add_char(out, '[');
    for (size_t i = first; i < first + count; i++) {
        const struct codec_protobuf_piece piece = d->pieces.items[i];
        if (protobuf_is_message(field)) {
            buf_add_c(out, comma);
            comma = ",";
            if (!print_message(d, field->message, str_n(piece.p, (size_t)(piece.end - piece.p)),
                               out)) {
                return false;
            }
            continue;
        }
        bool is_packed = (piece.tag & 7) == WIRE_BYTES && type != WIRE_BYTES;
        const char *p = piece.p;
        do {
            struct codec_protobuf_value value = {0};
            if (is_packed && p < piece.end) {
                p = protobuf_scalar(field->kind, p, piece.end, &value);
            } else if (!is_packed) {
                value = piece_value(&piece);
            } else {
                break;
            }
            if (!is_unknown_enum(field, value.bits)) {
                buf_add_c(out, comma);
                comma = ",";
                print_scalar(d, field, value, out);
            }
        } while (is_packed && p < piece.end);
    }
    buf_add_char(out, ']');
    return true;
}

/* An entry of a map: its key as it stands in JSON, and the entry's bytes. */
struct entry {
    struct str key;
    struct str bytes;
    size_t order;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int order = str_cmp(x->key, y->key);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static struct str entry_key(struct codec_protobuf *d, const struct codec_protobuf_message *entry,
                            size_t first, size_t behind)
{
    const struct codec_protobuf_field *key = protobuf_map_key(entry);
    AUTO_BUF struct buf text = {0};
    struct codec_protobuf_value value = last_value(d, entry, 1, first, behind);
    check_text(d, key, value);
    codec_protobuf_scalar_print(key, value, &text);
    if (text.ptr[0] != '"') {
        AUTO_BUF struct buf quoted = {0};
        json_quote(&quoted, buf_str(&text));
        return arena_str(d->arena, buf_str(&quoted));
    }
    return arena_str(d->arena, buf_str(&text));
}

static bool print_entry(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                        const struct entry *entry, struct buf *out)
{
    const struct codec_protobuf_field *field = protobuf_map_value(message);
    size_t base = d->pieces.count;
    size_t behind = base + codec_protobuf_piece_gather(d, message, entry->bytes);
    size_t first = base;
    while (first < behind && d->pieces.items[first].field != field) {
        first++;
    }
    buf_add_str(out, entry->key);
    buf_add_char(out, ':');
    bool good = true;
    if (protobuf_is_message(field)) {
        struct str bytes = STR("");
        good = (first == behind || codec_protobuf_piece_join(d, first, behind - first, &bytes)) &&
               print_message(d, field->message, bytes, out);
    } else {
        print_scalar(d, field, last_value(d, message, 2, first, behind), out);
    }
    d->pieces.count = base;
    return good;
}

/* Of entries with the same key the last is printed. */
static bool print_map(struct codec_protobuf *d, size_t first, size_t count, struct buf *out)
{
    const struct codec_protobuf_message *message = d->pieces.items[first].field->message;
    AUTO_FREE struct entry *entries = mem_new_array(struct entry, count);
    size_t entry_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct codec_protobuf_piece piece = d->pieces.items[first + i];
        struct entry *entry = &entries[entry_count];
        entry->bytes = str_n(piece.p, (size_t)(piece.end - piece.p));
        entry->order = i;
        size_t base = d->pieces.count;
        size_t behind = base + codec_protobuf_piece_gather(d, message, entry->bytes);
        entry->key = entry_key(d, message, base, behind);
        struct codec_protobuf_value value = {0};
        if (!protobuf_is_message(protobuf_map_value(message))) {
            value = last_value(d, message, 2, base, behind);
        }
        entry_count += !is_unknown_enum(protobuf_map_value(message), value.bits);
        d->pieces.count = base;
    }
    qsort(entries, entry_count, sizeof(*entries), compare_entries);
    const char *comma = "";
    buf_add_char(out, '{');
    for (size_t i = 0; i < entry_count; i++) {
        if (i + 1 < entry_count && str_eq(entries[i].key, entries[i + 1].key)) {
            continue;
        }
        buf_add_c(out, comma);
        comma = ",";
        if (!print_entry(d, message, &entries[i], out)) {
            return false;
        }
    }
    buf_add_char(out, '}');
    return true;
}

/* A field whose pieces are [first, first + count), "name": in front. Nothing when it is zero. */
static bool print_field(struct codec_protobuf *d, size_t first, size_t count, const char **comma,
                        struct buf *out)
{
    const struct codec_protobuf_field *field = d->pieces.items[first].field;
    struct codec_protobuf_value value = {0};
    if (!field->is_repeated && !protobuf_is_message(field)) {
        for (size_t i = first + count; i > first; i--) {
            value = piece_value(&d->pieces.items[i - 1]);
            if (!is_unknown_enum(field, value.bits)) {
                break;
            }
            if (i == first + 1) {
                return true;
            }
        }
        if (!field->has_presence && value.bits == 0 && value.bytes.len == 0) {
            return true;
        }
    }
    size_t before = out->len;
    buf_add_c(out, *comma);
    json_quote(out, field->json_name.len > 0 ? field->json_name : field->name);
    buf_add_char(out, ':');
    if (field->is_repeated) {
        size_t start = out->len;
        bool good =
            field->is_map ? print_map(d, first, count, out) : print_list(d, first, count, out);
        if (out->len == start + 2) { /* [] or {}: a packed list of nothing, unknown enums */
            out->len = before;
            out->ptr[before] = '\0';
        } else {
            *comma = ",";
        }
        return good;
    }
    *comma = ",";
    if (!protobuf_is_message(field)) {
        print_scalar(d, field, value, out);
        return true;
    }
    struct str bytes;
    return codec_protobuf_piece_join(d, first, count, &bytes) &&
           print_message(d, field->message, bytes, out);
}

/* Members without the braces. */
static bool print_members(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                          struct str bytes, const char *comma, struct buf *out)
{
    size_t base = d->pieces.count;
    size_t behind = base + codec_protobuf_piece_gather(d, message, bytes);
    bool good = true;
    for (size_t at = base; at < behind && good;) {
        size_t run = protobuf_piece_run(d, at, behind);
        good = print_field(d, at, run, &comma, out);
        at += run;
    }
    d->pieces.count = base;
    return good;
}

/* The type after the last slash of a type_url, in the set; NULL when it or the bytes are not. */
static const struct codec_protobuf_message *any_type(struct codec_protobuf *d, struct str url,
                                                     struct str bytes)
{
    ptrdiff_t slash = str_rfind(url, '/');
    bytes = bytes.ptr == NULL ? STR("") : bytes; /* a position is never NULL */
    const struct codec_protobuf_message *message =
        slash < 0 ? NULL
                  : codec_protobuf_schema_message(&d->schema, str_skip(url, (size_t)slash + 1));
    if (message == NULL || message->lacks_type) {
        return NULL;
    }
    bool was_quiet = d->is_quiet;
    bool unknown_field = d->codec.unknown_field;
    d->is_quiet = true;
    bool good = codec_protobuf_check_message(d, &d->root, message, bytes.ptr, bytes.ptr + bytes.len,
                                             0) != NULL &&
                codec_protobuf_check_required(d, &d->root, message, bytes);
    d->is_quiet = was_quiet;
    d->codec.unknown_field = unknown_field;
    return good ? message : NULL;
}

static bool print_any(struct codec_protobuf *d, struct str url, struct str bytes, struct buf *out)
{
    if (url.len == 0 && bytes.len == 0) {
        buf_add_c(out, "{}");
        return true;
    }
    buf_add_c(out, "{\"@type\":");
    json_quote(out, url);
    const struct codec_protobuf_message *message = any_type(d, url, bytes);
    bool good = true;
    if (message == NULL) {
        buf_add_c(out, ",\"value\":\"");
        buf_add_base64(out, bytes.ptr, bytes.len);
        buf_add_char(out, '"');
    } else if (message->known != PROTOBUF_PLAIN) {
        buf_add_c(out, ",\"value\":");
        good = print_message(d, message, bytes, out);
    } else {
        good = print_members(d, message, bytes, ",", out);
    }
    buf_add_char(out, '}');
    return good;
}

static bool print_value(struct codec_protobuf *d, size_t first, size_t count, struct buf *out)
{
    if (count == 0) {
        buf_add_c(out, "null");
        return true;
    }
    /* A oneof: all pieces are of one field. */
    const struct codec_protobuf_piece last = d->pieces.items[first + count - 1];
    if (protobuf_is_message(last.field)) {
        struct str bytes;
        return codec_protobuf_piece_join(d, first, count, &bytes) &&
               print_message(d, last.field->message, bytes, out);
    }
    struct codec_protobuf_value value = piece_value(&last);
    if (last.field->kind == PROTOBUF_DOUBLE) {
        double real;
        memcpy(&real, &value.bits, sizeof(real));
        if (!isfinite(real)) {
            return false;
        }
    }
    print_scalar(d, last.field, value, out);
    return true;
}

/* "a.bC,d" out of snake_case paths; false when a path would not come back the same. */
static bool print_mask(struct codec_protobuf *d, size_t first, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        struct str path = piece_value(&d->pieces.items[first + i]).bytes;
        buf_add_c(out, i > 0 ? "," : "");
        for (size_t c = 0; c < path.len; c++) {
            char letter = path.ptr[c];
            if (letter >= 'A' && letter <= 'Z') {
                return false;
            }
            if (letter == '_') {
                c++;
                if (c == path.len || path.ptr[c] < 'a' || path.ptr[c] > 'z') {
                    return false;
                }
                letter = (char)(path.ptr[c] - 'a' + 'A');
            }
            buf_add_char(out, letter);
        }
    }
    return str_is_utf8(buf_str(out));
}

/* What stands between the quotes of a time or mask. */
static bool print_quoted(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                         struct str bytes, struct buf *out)
{
    size_t base = d->pieces.count;
    size_t count = codec_protobuf_piece_gather(d, message, bytes);
    bool good;
    if (message->known == PROTOBUF_FIELD_MASK) {
        good = print_mask(d, base, count, out);
    } else {
        int64_t seconds = (int64_t)last_value(d, message, 1, base, base + count).bits;
        int32_t nanos = (int32_t)last_value(d, message, 2, base, base + count).bits;
        good = message->known == PROTOBUF_TIMESTAMP
                   ? codec_protobuf_scalar_print_timestamp(seconds, nanos, out)
                   : codec_protobuf_scalar_print_duration(seconds, nanos, out);
    }
    d->pieces.count = base;
    return good;
}

/* Messages with a form of their own. */
static bool print_known(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                        struct str bytes, struct buf *out)
{
    if (message->known == PROTOBUF_TIMESTAMP || message->known == PROTOBUF_DURATION ||
        message->known == PROTOBUF_FIELD_MASK) {
        AUTO_BUF struct buf text = {0};
        if (!print_quoted(d, message, bytes, &text)) {
            return false;
        }
        json_quote(out, buf_str(&text));
        return true;
    }
    size_t base = d->pieces.count;
    size_t count = codec_protobuf_piece_gather(d, message, bytes);
    bool good = true;
    switch (message->known) {
    case PROTOBUF_WRAPPER:
        print_scalar(d, &message->fields[0], last_value(d, message, 1, base, base + count), out);
        break;
    case PROTOBUF_ANY:
        good = print_any(d, last_value(d, message, 1, base, base + count).bytes,
                         last_value(d, message, 2, base, base + count).bytes, out);
        break;
    case PROTOBUF_VALUE:
        good = print_value(d, base, count, out);
        break;
    case PROTOBUF_STRUCT:
        if (count == 0) {
            buf_add_c(out, "{}");
        } else {
            good = print_map(d, base, count, out);
        }
        break;
    default:
        if (count == 0) {
            buf_add_c(out, "[]");
        } else {
            good = print_list(d, base, count, out);
        }
    }
    d->pieces.count = base;
    return good;
}

static bool print_message(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                          struct str bytes, struct buf *out)
{
    if (d->depth == d->depth_max) {
        return false; /* Any in Any: only the outermost was checked */
    }
    d->depth++;
    bool good;
    if (message->known != PROTOBUF_PLAIN) {
        good = print_known(d, message, bytes, out);
    } else {
        buf_add_char(out, '{');
        good = print_members(d, message, bytes, "", out);
        buf_add_char(out, '}');
    }
    d->depth--;
    return good;
}

void codec_protobuf_text_put(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                             struct str bytes, struct column *col, size_t row)
{
    buf_reset(&d->text);
    d->text_is_bad = false;
    enum codec_protobuf_known known = node->message->known;
    bool is_quoted =
        known == PROTOBUF_TIMESTAMP || known == PROTOBUF_DURATION || known == PROTOBUF_FIELD_MASK;
    bool good = is_quoted ? print_quoted(d, node->message, bytes, &d->text)
                          : print_message(d, node->message, bytes, &d->text);
    if (good && !d->text_is_bad && !d->text.overflow) {
        codec_protobuf_scalar_put_text(d, col, row, buf_str(&d->text));
        return;
    }
    const char *reason = d->text_is_bad ? "utf8" : "range";
    codec_protobuf_fault_field(d, node, NULL, bytes.ptr, reason,
                               d->text_is_bad ? "a string in it is not UTF-8"
                                              : "it has no JSON form");
    column_set_null(col, row);
    if (d->rescues) {
        codec_protobuf_rescue_message(d, node, bytes, reason);
    }
}

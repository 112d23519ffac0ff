/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_schema - messages and enums out of a serialized FileDescriptorSet
 *
 * Reads google/protobuf/descriptor.proto's messages by hand, since they are what every other
 * message is read by.  Each is gone through twice: once to count and to see the options, which
 * may stand behind what they apply to, once to fill in arrays of the right size.
 *
 * Invariants:
 *  (1) Every loop is over bytes that are there; the number of definitions and the depth of
 *      nesting are bounded, so a small set cannot ask for much memory.
 *  (2) A message's fields are sorted by number and have different numbers and names.
 *  (3) Names are not resolved here (protobuf_link.c): a type may stand before its import.
 *
 * Editions: a set of features is handed down from file to message to field, each changing what
 * it names; proto2 and proto3 are the two sets of old.  Extensions are not read: in messages
 * they are unknown fields.
 */
#include "codec/protobuf_schema.h"

#include <stdlib.h>

#include "base/base.h"

#define SET_BYTES_MAX   ((size_t)256 << 20)
#define DEFINITIONS_MAX 1000000
#define NESTING_MAX     32
#define NAME_BYTES_MAX  65535

#define EDITION_PROTO2 998
#define EDITION_PROTO3 999
#define EDITION_2023   1000
#define EDITION_2024   1001

struct features {
    enum { PRESENCE_EXPLICIT = 1, PRESENCE_IMPLICIT, PRESENCE_REQUIRED } presence;
    enum { ENUM_OPEN = 1, ENUM_CLOSED } enum_type;
    enum { LIST_PACKED = 1, LIST_EXPANDED } lists;
    enum { UTF8_VERIFY = 2, UTF8_NONE = 3 } utf8;
    enum { MESSAGE_PREFIXED = 1, MESSAGE_DELIMITED } messages;
};

static const struct features proto2_features = {PRESENCE_EXPLICIT, ENUM_CLOSED, LIST_EXPANDED,
                                                UTF8_NONE, MESSAGE_PREFIXED};
static const struct features proto3_features = {PRESENCE_IMPLICIT, ENUM_OPEN, LIST_PACKED,
                                                UTF8_VERIFY, MESSAGE_PREFIXED};
static const struct features edition_features = {PRESENCE_EXPLICIT, ENUM_OPEN, LIST_PACKED,
                                                 UTF8_VERIFY, MESSAGE_PREFIXED};

struct reader {
    struct codec_protobuf_schema *schema;
    struct codec_protobuf_file *file; /* the one being read; NULL = the set */
    VEC(struct codec_protobuf_message *) messages;
    size_t definition_count;
    const char *start;
    struct err *err;
};

/* One field of a descriptor. */
struct item {
    uint32_t number;
    uint64_t integer;
    struct str bytes;
};

static int broken(struct reader *r, const char *at, const char *why)
{
    if (r->file != NULL && r->file->name.len > 0) {
        return err_set(r->err, ERR_CONFIG, "descriptor set, file \"%.*s\": %s at byte %zu",
                       STR_FMT(str_head(r->file->name, 128)), why, (size_t)(at - r->start));
    }
    return err_set(r->err, ERR_CONFIG,
                   "not a serialized FileDescriptorSet: %s at byte %zu; it is made by protoc "
                   "--include_imports --descriptor_set_out=FILE",
                   why, (size_t)(at - r->start));
}

/* Cuts the next field off *rest; 1 = got one, 0 = end. Groups are not in descriptors. */
static int next_item(struct reader *r, struct str *rest, struct item *ret_item)
{
    if (rest->len == 0) {
        return 0;
    }
    const char *p = rest->ptr;
    const char *end = p + rest->len;
    uint32_t tag;
    const char *behind = wire_tag(p, end, &tag);
    if (behind == NULL) {
        return broken(r, p, "no valid tag");
    }
    *ret_item = (struct item){.number = tag >> 3};
    const char *value = behind;
    switch (tag & 7) {
    case WIRE_VARINT:
        behind = wire_varint(value, end, &ret_item->integer);
        break;
    case WIRE_BYTES:
        behind = wire_bytes(value, end, &ret_item->bytes);
        break;
    case WIRE_FIXED64:
        behind = end - value < 8 ? NULL : value + 8;
        break;
    case WIRE_FIXED32:
        behind = end - value < 4 ? NULL : value + 4;
        break;
    default:
        return broken(r, p, "no valid wire type");
    }
    if (behind == NULL) {
        return broken(r, value, "a value is cut off");
    }
    *rest = str_n(behind, (size_t)(end - behind));
    return 1;
}

static int count_definition(struct reader *r)
{
    if (++r->definition_count > DEFINITIONS_MAX) {
        return err_set(r->err, ERR_CONFIG,
                       "the descriptor set has more than %d messages, fields and enum values",
                       DEFINITIONS_MAX);
    }
    return 0;
}

static int check_name(struct reader *r, struct str name, const char *what)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX || !str_is_utf8(name) ||
        str_find(name, '\0') >= 0) {
        return err_set(r->err, ERR_CONFIG,
                       "descriptor set, file \"%.*s\": a %s without a valid name",
                       STR_FMT(str_head(r->file->name, 128)), what);
    }
    return 0;
}

static struct str join_name(struct reader *r, struct str scope, struct str name)
{
    if (scope.len == 0) {
        return name;
    }
    assert(name.ptr != NULL); /* check_name */
    char *text = arena_alloc(r->schema->arena, scope.len + name.len + 2);
    memcpy(text, scope.ptr, scope.len);
    text[scope.len] = '.';
    memcpy(text + scope.len + 1, name.ptr, name.len);
    text[scope.len + 1 + name.len] = '\0';
    return str_n(text, scope.len + 1 + name.len);
}

/* Changes what a FeatureSet names. */
static int read_features(struct reader *r, struct str bytes, struct features *features)
{
    struct item item;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        unsigned value = (unsigned)item.integer;
        if (value == 0 || value > 3) {
            continue;
        }
        switch (item.number) {
        case 1:
            features->presence = value;
            break;
        case 2:
            features->enum_type = value;
            break;
        case 3:
            features->lists = value;
            break;
        case 4:
            features->utf8 = value;
            break;
        case 5:
            features->messages = value;
            break;
        default:
            break;
        }
    }
    return rc;
}

/* The FeatureSet and one flag out of an options message. */
static int read_options(struct reader *r, struct str bytes, uint32_t features_number,
                        uint32_t flag_number, struct features *features, int *ret_flag)
{
    struct item item;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        if (item.number == features_number) {
            TRY(read_features(r, item.bytes, features));
        } else if (flag_number != 0 && item.number == flag_number) {
            *ret_flag = item.integer != 0;
        }
    }
    return rc;
}

static int compare_values(const void *a, const void *b)
{
    const struct codec_protobuf_enum_value *x = a;
    const struct codec_protobuf_enum_value *y = b;
    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return (x->name.ptr > y->name.ptr) - (x->name.ptr < y->name.ptr); /* as declared */
}

static int read_enum_value(struct reader *r, struct str bytes,
                           struct codec_protobuf_enum_value *value)
{
    struct item item;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        if (item.number == 1) {
            value->name = item.bytes;
        } else if (item.number == 2) {
            value->number = (int32_t)item.integer;
        }
    }
    TRY(rc);
    TRY(count_definition(r));
    return check_name(r, value->name, "value of an enum");
}

static int add_symbol(struct reader *r, struct str full_name,
                      struct codec_protobuf_message *message, struct codec_protobuf_enum *e);

static int read_enum(struct reader *r, struct str bytes, struct str scope, struct features features)
{
    struct str name = STR_NULL;
    size_t count = 0;
    struct item item;
    int rc;
    for (struct str rest = bytes; (rc = next_item(r, &rest, &item)) > 0;) {
        if (item.number == 1) {
            name = item.bytes;
        } else if (item.number == 2) {
            count++;
        } else if (item.number == 3) {
            int unused;
            TRY(read_options(r, item.bytes, 7, 0, &features, &unused));
        }
    }
    TRY(rc);
    TRY(check_name(r, name, "enum"));
    TRY(count_definition(r));
    struct codec_protobuf_enum *e = arena_new(r->schema->arena, struct codec_protobuf_enum);
    e->full_name = join_name(r, scope, name);
    e->is_closed = features.enum_type == ENUM_CLOSED;
    if (count == 0) {
        return err_set(r->err, ERR_CONFIG, "enum \"%.*s\" has no values", STR_FMT(e->full_name));
    }
    e->values = arena_new_array(r->schema->arena, struct codec_protobuf_enum_value, count);
    for (struct str rest = bytes; (rc = next_item(r, &rest, &item)) > 0;) {
        if (item.number == 2) {
            TRY(read_enum_value(r, item.bytes, &e->values[e->value_count++]));
        }
    }
    TRY(rc);
    e->first = e->values[0].number;
    qsort(e->values, e->value_count, sizeof(*e->values), compare_values);
    return add_symbol(r, e->full_name, NULL, e);
}

/* What a FieldDescriptorProto says, before it is understood. */
struct raw_field {
    struct codec_protobuf_field *field;
    uint64_t number;
    uint64_t label;
    uint64_t type;
    uint64_t oneof; /* index + 1 */
    bool is_proto3_optional;
    bool has_default;
    struct str default_text;
    struct str options;
};

static int read_raw_field(struct reader *r, struct str bytes, struct raw_field *raw)
{
    struct item item;
    int rc;
    raw->label = 1;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        switch (item.number) {
        case 1:
            raw->field->name = item.bytes;
            break;
        case 3:
            raw->number = item.integer;
            break;
        case 4:
            raw->label = item.integer;
            break;
        case 5:
            raw->type = item.integer;
            break;
        case 6:
            raw->field->type_name = item.bytes;
            break;
        case 7:
            raw->has_default = true;
            raw->default_text = item.bytes;
            break;
        case 8:
            raw->options = item.bytes;
            break;
        case 9:
            raw->oneof = (uint32_t)item.integer + UINT64_C(1);
            break;
        case 10:
            raw->field->json_name = item.bytes;
            break;
        case 17:
            raw->is_proto3_optional = item.integer != 0;
            break;
        default:
            break;
        }
    }
    return rc;
}

static int bad_field(struct reader *r, const struct codec_protobuf_message *message,
                     struct str name, const char *why)
{
    return err_set(r->err, ERR_CONFIG, "message \"%.*s\", field \"%.*s\": %s",
                   STR_FMT(str_head(message->full_name, 200)), STR_FMT(str_head(name, 128)), why);
}

/* A C-escaped text, as protoc writes the default of a bytes field. */
static bool unescape(struct arena *arena, struct str text, struct str *ret_bytes)
{
    static const char letters[] = "abfnrtv\\'\"?";
    static const char meanings[] = "\a\b\f\n\r\t\v\\'\"?";
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c != '\\') {
            out[len++] = c;
            continue;
        }
        if (++i == text.len) {
            return false;
        }
        c = text.ptr[i];
        const char *letter = memchr(letters, c, sizeof(letters) - 1);
        if (letter != NULL) {
            out[len++] = meanings[letter - letters];
        } else if (c >= '0' && c <= '7') {
            unsigned value = 0;
            size_t digits = 0;
            while (digits < 3 && i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '7') {
                value = value * 8 + (unsigned)(text.ptr[i] - '0');
                digits++;
                i++;
            }
            i--;
            out[len++] = (char)value;
        } else {
            return false;
        }
    }
    *ret_bytes = str_n(out, len);
    return true;
}

static bool parse_float(struct str text, double *ret_value)
{
    if (str_eq_c(text, "inf") || str_eq_c(text, "-inf")) {
        *ret_value = text.ptr[0] == '-' ? -__builtin_inf() : __builtin_inf();
        return true;
    }
    if (str_eq_c(text, "nan") || str_eq_c(text, "-nan")) {
        *ret_value = __builtin_nan("");
        return true;
    }
    return str_to_double(text, ret_value);
}

/* Defaults of enums need the enum: protobuf_link.c. */
static bool parse_default(struct arena *arena, struct codec_protobuf_field *field, struct str text)
{
    struct codec_protobuf_value *value = &field->default_value;
    int64_t number;
    double real;
    bool flag;
    switch (field->kind) {
    case PROTOBUF_DOUBLE:
        if (!parse_float(text, &real)) {
            return false;
        }
        memcpy(&value->bits, &real, sizeof(real));
        return true;
    case PROTOBUF_FLOAT: {
        if (!parse_float(text, &real)) {
            return false;
        }
        float narrow = (float)real;
        memcpy(&value->bits, &narrow, sizeof(narrow));
        return true;
    }
    case PROTOBUF_BOOL:
        if (!str_to_bool(text, &flag)) {
            return false;
        }
        value->bits = flag;
        return true;
    case PROTOBUF_STRING:
    case PROTOBUF_ENUM:
        value->bytes = text;
        return true;
    case PROTOBUF_BYTES:
        return unescape(arena, text, &value->bytes);
    case PROTOBUF_UINT64:
    case PROTOBUF_FIXED64:
        return str_to_u64(text, &value->bits);
    default:
        if (!str_to_i64(text, &number)) {
            return false;
        }
        value->bits = (uint64_t)number;
        return true;
    }
}

/* The features' part of a field: presence, UTF-8, groups, packing. */
static void apply_features(struct codec_protobuf_field *field, const struct raw_field *raw,
                           struct features features, int packed)
{
    bool is_message = field->kind == PROTOBUF_MESSAGE || field->kind == PROTOBUF_GROUP;
    if (field->kind == PROTOBUF_MESSAGE && features.messages == MESSAGE_DELIMITED) {
        field->kind = PROTOBUF_GROUP; /* maps are taken back when the entry is known */
    }
    field->is_required =
        !field->is_repeated && (raw->label == 2 || features.presence == PRESENCE_REQUIRED);
    field->has_presence =
        !field->is_repeated && (is_message || field->oneof != 0 || raw->is_proto3_optional ||
                                features.presence != PRESENCE_IMPLICIT);
    field->checks_utf8 = field->kind == PROTOBUF_STRING && features.utf8 == UTF8_VERIFY;
    enum wire_type type = protobuf_wire_type(field->kind);
    bool is_packable = field->is_repeated && type != WIRE_BYTES && type != WIRE_GROUP;
    if (is_packable && (packed >= 0 ? packed != 0 : features.lists == LIST_PACKED)) {
        type = WIRE_BYTES;
    }
    field->tag = field->number << 3 | (uint32_t)type;
}

/* What is wrong with the field as it says itself; NULL = nothing. */
static const char *field_fault(const struct raw_field *raw, size_t oneof_count)
{
    bool has_name = raw->field->type_name.len > 0;
    if (raw->number == 0 || raw->number > WIRE_NUMBER_MAX) {
        return "its number is not between 1 and 536870911";
    }
    if (raw->label < 1 || raw->label > 3) {
        return "it has a label that is not known";
    }
    if (raw->oneof > oneof_count) {
        return "its oneof is not there";
    }
    switch (raw->type) {
    case 0:
        return has_name ? "it names its type, but not whether that is a message or an enum; protoc "
                          "writes that"
                        : "it has no type";
    case PROTOBUF_GROUP:
    case PROTOBUF_MESSAGE:
    case PROTOBUF_ENUM:
        return has_name ? NULL : "its type has no name";
    default:
        return raw->type > PROTOBUF_SINT64 ? "it has a type that is not known" : NULL;
    }
}

static int read_field(struct reader *r, struct str bytes, struct codec_protobuf_message *message,
                      struct features features, const struct features *oneofs)
{
    struct codec_protobuf_field *field = &message->fields[message->field_count];
    struct raw_field raw = {.field = field};
    TRY(read_raw_field(r, bytes, &raw));
    TRY(check_name(r, field->name, "field"));
    TRY(count_definition(r));
    const char *fault = field_fault(&raw, message->oneof_count);
    if (fault != NULL) {
        return bad_field(r, message, field->name, fault);
    }
    field->number = (uint32_t)raw.number;
    field->kind = (uint8_t)raw.type;
    field->is_repeated = raw.label == 3;
    field->declared = (uint32_t)message->field_count;
    if (raw.oneof > 0) {
        features = oneofs[raw.oneof - 1];
        field->oneof = raw.is_proto3_optional ? 0 : (uint32_t)raw.oneof;
    }
    int packed = -1;
    TRY(read_options(r, raw.options, 21, 2, &features, &packed));
    apply_features(field, &raw, features, packed);
    field->has_default = raw.has_default && !field->is_repeated && !protobuf_is_message(field);
    if (field->has_default && !parse_default(r->schema->arena, field, raw.default_text)) {
        return bad_field(r, message, field->name, "its default is not of its type");
    }
    message->field_count++;
    return 0;
}

static int compare_fields(const void *a, const void *b)
{
    uint32_t x = ((const struct codec_protobuf_field *)a)->number;
    uint32_t y = ((const struct codec_protobuf_field *)b)->number;
    return (x > y) - (x < y);
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Invariant (2), and the table of numbers. */
static int sort_fields(struct reader *r, struct codec_protobuf_message *message)
{
    size_t count = message->field_count;
    AUTO_FREE struct str *names = mem_new_array(struct str, count + 1);
    qsort(message->fields, count, sizeof(*message->fields), compare_fields);
    for (size_t i = 0; i < count; i++) {
        names[i] = message->fields[i].name;
        if (i > 0 && message->fields[i].number == message->fields[i - 1].number) {
            return bad_field(r, message, names[i], "its number is used twice");
        }
    }
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count; i++) {
        if (str_eq(names[i], names[i - 1])) {
            return bad_field(r, message, names[i], "its name is used twice");
        }
    }
    /* Dense as far as at least a quarter of the table is used. */
    for (size_t i = 0; i < count; i++) {
        uint32_t number = message->fields[i].number;
        if (number < 64 + 4 * (i + 1)) {
            message->dense_count = number + 1;
        }
    }
    message->dense = arena_new_array(r->schema->arena, uint32_t, message->dense_count + 1);
    for (size_t i = 0; i < count && message->fields[i].number < message->dense_count; i++) {
        message->dense[message->fields[i].number] = (uint32_t)i + 1;
    }
    return 0;
}

static int read_message(struct reader *r, struct str bytes, struct str scope,
                        struct features features, unsigned depth);

/* The first pass over a DescriptorProto. */
struct counts {
    struct str name;
    size_t fields;
    uint32_t oneofs;
    int is_map_entry;
};

static int count_message(struct reader *r, struct str bytes, struct features *features,
                         struct counts *counts)
{
    struct item item;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        switch (item.number) {
        case 1:
            counts->name = item.bytes;
            break;
        case 2:
            counts->fields++;
            break;
        case 7:
            TRY(read_options(r, item.bytes, 12, 7, features, &counts->is_map_entry));
            break;
        case 8:
            counts->oneofs++;
            break;
        default:
            break;
        }
    }
    TRY(rc);
    if (counts->fields + counts->oneofs > DEFINITIONS_MAX) {
        return err_set(r->err, ERR_CONFIG, "a message of the descriptor set has too many fields");
    }
    return check_name(r, counts->name, "message");
}

static int read_oneof(struct reader *r, struct str bytes, struct features *features)
{
    struct item item;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        if (item.number == 2) {
            int unused;
            TRY(read_options(r, item.bytes, 1, 0, features, &unused));
        }
    }
    return rc;
}

/* Everything but the fields, which need the oneofs. */
static int read_members(struct reader *r, struct str bytes, struct str full_name,
                        struct features features, struct features *oneofs, unsigned depth)
{
    struct item item;
    size_t oneof_count = 0;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        switch (item.number) {
        case 3:
            TRY(read_message(r, item.bytes, full_name, features, depth + 1));
            break;
        case 4:
            TRY(read_enum(r, item.bytes, full_name, features));
            break;
        case 8:
            oneofs[oneof_count] = features;
            TRY(read_oneof(r, item.bytes, &oneofs[oneof_count++]));
            break;
        default:
            break;
        }
    }
    return rc;
}

static int read_message(struct reader *r, struct str bytes, struct str scope,
                        struct features features, unsigned depth)
{
    struct counts counts = {0};
    if (depth > NESTING_MAX) {
        return broken(r, bytes.ptr, "messages are declared more than 32 levels deep");
    }
    TRY(count_message(r, bytes, &features, &counts));
    TRY(count_definition(r));
    struct arena *arena = r->schema->arena;
    struct codec_protobuf_message *message = arena_new(arena, struct codec_protobuf_message);
    message->name = counts.name;
    message->full_name = join_name(r, scope, counts.name);
    message->file = r->file;
    message->is_map_entry = counts.is_map_entry != 0;
    message->oneof_count = counts.oneofs;
    message->index = (uint32_t)r->messages.count;
    *vec_push(&r->messages) = message;
    TRY(add_symbol(r, message->full_name, message, NULL));
    message->fields = arena_new_array(arena, struct codec_protobuf_field, counts.fields);
    AUTO_FREE struct features *oneofs = mem_new_array(struct features, counts.oneofs + 1);
    TRY(read_members(r, bytes, message->full_name, features, oneofs, depth));
    struct item item;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        if (item.number == 2) {
            TRY(read_field(r, item.bytes, message, features, oneofs));
        }
    }
    TRY(rc);
    return sort_fields(r, message);
}

/* The head of a FileDescriptorProto: what its types inherit. */
static int read_file_head(struct reader *r, struct str bytes, struct features *ret_features)
{
    struct str syntax = STR_NULL;
    uint64_t edition = 0;
    struct item item;
    int rc;
    for (struct str rest = bytes; (rc = next_item(r, &rest, &item)) > 0;) {
        if (item.number == 1) {
            r->file->name = item.bytes;
        } else if (item.number == 2) {
            r->file->package = item.bytes;
        } else if (item.number == 3) {
            r->file->import_count++;
        } else if (item.number == 12) {
            syntax = item.bytes;
        } else if (item.number == 14) {
            edition = item.integer;
        }
    }
    TRY(rc);
    TRY(check_name(r, r->file->name, "file"));
    if (str_eq_c(syntax, "proto3") || edition == EDITION_PROTO3) {
        *ret_features = proto3_features;
    } else if (edition == EDITION_2023 || edition == EDITION_2024) {
        *ret_features = edition_features;
    } else if (syntax.len == 0 || str_eq_c(syntax, "proto2")) {
        *ret_features = proto2_features;
    } else {
        return err_set(r->err, ERR_CONFIG,
                       "descriptor set, file \"%.*s\": syntax \"%.*s\" %" PRIu64
                       " is not known; known are proto2, proto3, and the editions 2023 and 2024",
                       STR_FMT(str_head(r->file->name, 128)), STR_FMT(str_head(syntax, 32)),
                       edition);
    }
    r->file->imports = arena_new_array(r->schema->arena, struct str, r->file->import_count);
    r->file->import_count = 0;
    for (struct str rest = bytes; (rc = next_item(r, &rest, &item)) > 0;) {
        if (item.number == 3) {
            r->file->imports[r->file->import_count++] = item.bytes;
        } else if (item.number == 8) {
            int unused;
            TRY(read_options(r, item.bytes, 50, 0, ret_features, &unused));
        }
    }
    return rc;
}

static int read_file(struct reader *r, struct str bytes)
{
    struct features features;
    r->file->bytes = bytes;
    TRY(read_file_head(r, bytes, &features));
    for (const struct codec_protobuf_file *other = r->schema->files; other < r->file; other++) {
        if (str_eq(other->name, r->file->name)) {
            if (!str_eq(other->bytes, bytes)) {
                return broken(r, bytes.ptr, "there are two different files of that name");
            }
            return 0; /* sets that were put together hold common imports twice */
        }
    }
    struct item item;
    int rc;
    while ((rc = next_item(r, &bytes, &item)) > 0) {
        if (item.number == 4) {
            TRY(read_message(r, item.bytes, r->file->package, features, 1));
        } else if (item.number == 5) {
            TRY(read_enum(r, item.bytes, r->file->package, features));
        }
    }
    return rc;
}

/* Makes the table twice as large when it is half full. */
static void grow_symbols(struct codec_protobuf_schema *schema)
{
    struct codec_protobuf_symbol *old = schema->symbols;
    size_t old_count = old == NULL ? 0 : schema->symbol_mask + 1;
    if (schema->definition_count * 2 < old_count) {
        return;
    }
    size_t count = old_count == 0 ? 64 : 2 * old_count;
    schema->symbols = arena_new_array(schema->arena, struct codec_protobuf_symbol, count);
    schema->symbol_mask = count - 1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].full_name.len > 0) {
            *codec_protobuf_link_symbol(schema, old[i].full_name) = old[i];
        }
    }
}

static int add_symbol(struct reader *r, struct str full_name,
                      struct codec_protobuf_message *message, struct codec_protobuf_enum *e)
{
    grow_symbols(r->schema);
    struct codec_protobuf_symbol *symbol = codec_protobuf_link_symbol(r->schema, full_name);
    if (symbol->full_name.len > 0) {
        return err_set(r->err, ERR_CONFIG, "descriptor set: \"%.*s\" is declared twice",
                       STR_FMT(str_head(full_name, 200)));
    }
    *symbol = (struct codec_protobuf_symbol){full_name, message, e};
    r->schema->definition_count++;
    return 0;
}

static int read_set(struct reader *r, struct str set)
{
    struct codec_protobuf_schema *schema = r->schema;
    struct item item = {0};
    size_t count = 0;
    int rc;
    for (struct str rest = set; (rc = next_item(r, &rest, &item)) > 0;) {
        if (item.number != 1) {
            return broken(r, set.ptr, "a field that it has not");
        }
        count++;
    }
    TRY(rc);
    if (count == 0) {
        return broken(r, set.ptr, "no files");
    }
    if (count > 10000) {
        return broken(r, set.ptr, "more than 10000 files");
    }
    schema->files = arena_new_array(schema->arena, struct codec_protobuf_file, count);
    for (struct str rest = set; (rc = next_item(r, &rest, &item)) > 0;) {
        r->file = &schema->files[schema->file_count++];
        TRY(read_file(r, item.bytes));
    }
    return rc;
}

int codec_protobuf_schema_read(struct codec_protobuf_schema *schema, struct str descriptors,
                               struct arena *arena, struct err *err)
{
    *schema = (struct codec_protobuf_schema){.arena = arena};
    if (descriptors.len > SET_BYTES_MAX) {
        return err_set(err, ERR_CONFIG, "the descriptor set is larger than 256 MiB");
    }
    struct reader r = {.schema = schema, .start = descriptors.ptr, .err = err};
    int rc = read_set(&r, descriptors);
    if (rc >= 0) {
        schema->message_count = r.messages.count;
        schema->messages =
            arena_new_array(arena, struct codec_protobuf_message *, r.messages.count);
        if (r.messages.count > 0) {
            memcpy(schema->messages, r.messages.items,
                   r.messages.count * sizeof(*schema->messages));
        }
        rc = codec_protobuf_link(schema, err);
    }
    vec_done(&r.messages);
    return rc;
}

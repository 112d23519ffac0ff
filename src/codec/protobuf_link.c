/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_link - names of types become pointers, and messages are found by name
 *
 * Invariants:
 *  (1) A type that is not in the set is no error until a message that needs it is asked for:
 *      sets without imports are common, and often what is missing is not needed.
 *  (2) has_required and lacks_type hold for a message exactly when they do for it or for a
 *      message that can lie in it: they spread along the reversed references, each once.
 */
#include "codec/protobuf_schema.h"

#include "base/base.h"

struct codec_protobuf_symbol *codec_protobuf_link_symbol(const struct codec_protobuf_schema *schema,
                                                         struct str full_name)
{
    for (uint64_t at = str_hash(full_name);; at++) {
        struct codec_protobuf_symbol *symbol = &schema->symbols[at & schema->symbol_mask];
        if (symbol->full_name.len == 0 || str_eq(symbol->full_name, full_name)) {
            return symbol;
        }
    }
}

/* ".a.B", or "B" seen from within `scope`, innermost first; NULL = not in the set. */
static const struct codec_protobuf_symbol *resolve(const struct codec_protobuf_schema *schema,
                                                   struct str scope, struct str name)
{
    if (name.ptr[0] == '.') {
        if (name.len == 1) {
            return NULL;
        }
        const struct codec_protobuf_symbol *found =
            codec_protobuf_link_symbol(schema, str_skip(name, 1));
        return found->full_name.len > 0 ? found : NULL;
    }
    AUTO_BUF struct buf full = {0};
    for (;;) {
        buf_reset(&full);
        buf_add_str(&full, scope);
        buf_add_c(&full, scope.len > 0 ? "." : "");
        buf_add_str(&full, name);
        const struct codec_protobuf_symbol *found =
            codec_protobuf_link_symbol(schema, buf_str(&full));
        if (found->full_name.len > 0) {
            return found;
        }
        if (scope.len == 0) {
            return NULL;
        }
        ptrdiff_t dot = str_rfind(scope, '.');
        scope = str_head(scope, dot < 0 ? 0 : (size_t)dot);
    }
}

static int bad_field(const struct codec_protobuf_message *message,
                     const struct codec_protobuf_field *field, const char *why, struct err *err)
{
    return err_set(err, ERR_CONFIG, "message \"%.*s\", field \"%.*s\": %s",
                   STR_FMT(str_head(message->full_name, 200)), STR_FMT(str_head(field->name, 128)),
                   why);
}

static int link_enum(const struct codec_protobuf_message *message,
                     struct codec_protobuf_field *field, struct err *err)
{
    const struct codec_protobuf_enum *e = field->enumeration;
    if (!field->has_default) {
        field->default_value.bits = (uint64_t)(int64_t)e->first;
        return 0;
    }
    for (size_t i = 0; i < e->value_count; i++) {
        if (str_eq(e->values[i].name, field->default_value.bytes)) {
            field->default_value.bits = (uint64_t)(int64_t)e->values[i].number;
            return 0;
        }
    }
    return bad_field(message, field, "its default is not of its enum", err);
}

/* A map's entry has a key of a kind that is one, and a value. */
static int link_map(const struct codec_protobuf_message *message,
                    struct codec_protobuf_field *field, struct err *err)
{
    const struct codec_protobuf_field *key = protobuf_field(field->message, 1);
    const struct codec_protobuf_field *value = protobuf_field(field->message, 2);
    if (field->message->field_count != 2 || key == NULL || value == NULL || key->is_repeated ||
        value->is_repeated || protobuf_is_message(key) || key->kind == PROTOBUF_ENUM ||
        key->kind == PROTOBUF_BYTES || key->kind == PROTOBUF_DOUBLE ||
        key->kind == PROTOBUF_FLOAT) {
        return bad_field(message, field, "its map entry is malformed", err);
    }
    if (!field->is_repeated) {
        return bad_field(message, field, "it is a map entry, but not repeated", err);
    }
    field->is_map = true;
    field->kind = PROTOBUF_MESSAGE; /* maps are never delimited */
    field->tag = field->number << 3 | WIRE_BYTES;
    return 0;
}

static int link_field(const struct codec_protobuf_schema *schema,
                      const struct codec_protobuf_message *message,
                      struct codec_protobuf_field *field, struct err *err)
{
    if (!protobuf_is_message(field) && field->kind != PROTOBUF_ENUM) {
        return 0;
    }
    const struct codec_protobuf_symbol *symbol =
        resolve(schema, message->full_name, field->type_name);
    if (symbol == NULL) {
        return 0; /* invariant (1) */
    }
    if ((field->kind == PROTOBUF_ENUM) != (symbol->enumeration != NULL)) {
        return bad_field(message, field, "its type is not what it says (message or enum)", err);
    }
    field->message = symbol->message;
    field->enumeration = symbol->enumeration;
    if (field->enumeration != NULL) {
        return link_enum(message, field, err);
    }
    if (message->is_map_entry && field->kind == PROTOBUF_GROUP) {
        field->kind = PROTOBUF_MESSAGE;
        field->tag = field->number << 3 | WIRE_BYTES;
    }
    return 0;
}

struct shape {
    uint8_t number;
    uint8_t kind;
    bool is_repeated;
};

static bool has_shape(const struct codec_protobuf_message *message, const struct shape *shape,
                      size_t count)
{
    bool good = message->field_count == count;
    for (size_t i = 0; i < count && good; i++) {
        const struct codec_protobuf_field *field = &message->fields[i];
        good = field->number == shape[i].number && field->kind == shape[i].kind &&
               field->is_repeated == shape[i].is_repeated;
    }
    return good;
}

static bool is_wrapper(const struct codec_protobuf_message *message)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } wrappers[] = {
        {"DoubleValue", PROTOBUF_DOUBLE}, {"FloatValue", PROTOBUF_FLOAT},
        {"Int64Value", PROTOBUF_INT64},   {"UInt64Value", PROTOBUF_UINT64},
        {"Int32Value", PROTOBUF_INT32},   {"UInt32Value", PROTOBUF_UINT32},
        {"BoolValue", PROTOBUF_BOOL},     {"StringValue", PROTOBUF_STRING},
        {"BytesValue", PROTOBUF_BYTES},
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrappers); i++) {
        const struct shape shape = {1, wrappers[i].kind, false};
        if (str_eq_c(message->name, wrappers[i].name)) {
            return has_shape(message, &shape, 1);
        }
    }
    return false;
}

/* {seconds: int64, nanos: int32}, in any package: Spark's rule. */
static bool is_time(const struct codec_protobuf_message *message)
{
    static const struct shape shape[] = {{1, PROTOBUF_INT64, false}, {2, PROTOBUF_INT32, false}};
    return has_shape(message, shape, 2) && str_eq_c(message->fields[0].name, "seconds") &&
           str_eq_c(message->fields[1].name, "nanos");
}

static enum codec_protobuf_known known_of(const struct codec_protobuf_message *message)
{
    static const struct shape any[] = {{1, PROTOBUF_STRING, false}, {2, PROTOBUF_BYTES, false}};
    static const struct shape list[] = {{1, PROTOBUF_MESSAGE, true}};
    static const struct shape mask[] = {{1, PROTOBUF_STRING, true}};
    static const struct shape value[] = {
        {1, PROTOBUF_ENUM, false}, {2, PROTOBUF_DOUBLE, false},  {3, PROTOBUF_STRING, false},
        {4, PROTOBUF_BOOL, false}, {5, PROTOBUF_MESSAGE, false}, {6, PROTOBUF_MESSAGE, false},
    };
    struct str name = message->name;
    if (str_eq_c(name, "Timestamp") && is_time(message)) {
        return PROTOBUF_TIMESTAMP;
    }
    if (str_eq_c(name, "Duration") && is_time(message)) {
        return PROTOBUF_DURATION;
    }
    if (!str_eq_c(message->file->package, "google.protobuf") ||
        message->full_name.len != strlen("google.protobuf.") + name.len) {
        return PROTOBUF_PLAIN;
    }
    if (is_wrapper(message)) {
        return PROTOBUF_WRAPPER;
    }
    if (str_eq_c(name, "Any") && has_shape(message, any, ARRAY_COUNT(any))) {
        return PROTOBUF_ANY;
    }
    if (str_eq_c(name, "Struct") && has_shape(message, list, 1) && message->fields[0].is_map) {
        return PROTOBUF_STRUCT;
    }
    if (str_eq_c(name, "ListValue") && has_shape(message, list, 1)) {
        return PROTOBUF_LIST_VALUE;
    }
    if (str_eq_c(name, "Value") && has_shape(message, value, ARRAY_COUNT(value))) {
        return PROTOBUF_VALUE;
    }
    if (str_eq_c(name, "FieldMask") && has_shape(message, mask, 1)) {
        return PROTOBUF_FIELD_MASK;
    }
    return PROTOBUF_PLAIN;
}

/* users[firsts[m] … firsts[m + 1]): the messages that have a field of message m. */
struct users {
    size_t *firsts;
    uint32_t *users;
};

static void find_users(const struct codec_protobuf_schema *schema, struct users *u)
{
    size_t count = schema->message_count;
    u->firsts = mem_new_array(size_t, count + 2);
    for (size_t m = 0; m < count; m++) {
        for (size_t f = 0; f < schema->messages[m]->field_count; f++) {
            const struct codec_protobuf_message *used = schema->messages[m]->fields[f].message;
            if (used != NULL) {
                u->firsts[used->index + 2]++;
            }
        }
    }
    for (size_t m = 0; m < count; m++) {
        u->firsts[m + 2] += u->firsts[m + 1];
    }
    u->users = mem_new_array(uint32_t, u->firsts[count + 1] + 1);
    for (size_t m = 0; m < count; m++) {
        for (size_t f = 0; f < schema->messages[m]->field_count; f++) {
            const struct codec_protobuf_message *used = schema->messages[m]->fields[f].message;
            if (used != NULL) {
                u->users[u->firsts[used->index + 1]++] = (uint32_t)m;
            }
        }
    }
}

/* Sets the flag of every message that may hold one whose flag is set. */
static void spread(const struct codec_protobuf_schema *schema, const struct users *u, bool *flags)
{
    AUTO_FREE uint32_t *waiting = mem_new_array(uint32_t, schema->message_count + 1);
    size_t waiting_count = 0;
    for (size_t m = 0; m < schema->message_count; m++) {
        if (flags[m]) {
            waiting[waiting_count++] = (uint32_t)m;
        }
    }
    while (waiting_count > 0) {
        uint32_t m = waiting[--waiting_count];
        for (size_t at = u->firsts[m]; at < u->firsts[m + 1]; at++) {
            uint32_t user = u->users[at];
            if (!flags[user]) {
                flags[user] = true;
                waiting[waiting_count++] = user;
            }
        }
    }
}

static bool lacks_type(const struct codec_protobuf_field *field)
{
    return (protobuf_is_message(field) && field->message == NULL) ||
           (field->kind == PROTOBUF_ENUM && field->enumeration == NULL);
}

/* Invariant (2), and the same for types that are not in the set. */
static void spread_flags(struct codec_protobuf_schema *schema)
{
    struct users u;
    find_users(schema, &u);
    AUTO_FREE bool *required = mem_new_array(bool, schema->message_count + 1);
    AUTO_FREE bool *lacking = mem_new_array(bool, schema->message_count + 1);
    for (size_t m = 0; m < schema->message_count; m++) {
        for (size_t f = 0; f < schema->messages[m]->field_count; f++) {
            required[m] |= schema->messages[m]->fields[f].is_required;
            lacking[m] |= lacks_type(&schema->messages[m]->fields[f]);
        }
    }
    spread(schema, &u, required);
    spread(schema, &u, lacking);
    for (size_t m = 0; m < schema->message_count; m++) {
        schema->messages[m]->has_required = required[m];
        schema->messages[m]->lacks_type = lacking[m];
    }
    mem_free(u.firsts);
    mem_free(u.users);
}

int codec_protobuf_link(struct codec_protobuf_schema *schema, struct err *err)
{
    for (size_t m = 0; m < schema->message_count; m++) {
        struct codec_protobuf_message *message = schema->messages[m];
        for (size_t f = 0; f < message->field_count; f++) {
            TRY(link_field(schema, message, &message->fields[f], err));
        }
    }
    for (size_t m = 0; m < schema->message_count; m++) {
        struct codec_protobuf_message *message = schema->messages[m];
        for (size_t f = 0; f < message->field_count; f++) {
            struct codec_protobuf_field *field = &message->fields[f];
            if (field->message != NULL && field->message->is_map_entry) {
                TRY(link_map(message, field, err));
            }
        }
    }
    for (size_t m = 0; m < schema->message_count; m++) {
        schema->messages[m]->known = known_of(schema->messages[m]);
    }
    spread_flags(schema);
    return 0;
}

const struct codec_protobuf_message *
codec_protobuf_schema_message(const struct codec_protobuf_schema *schema, struct str full_name)
{
    return full_name.len == 0 ? NULL : codec_protobuf_link_symbol(schema, full_name)->message;
}

/* The first import of the file that is not in the set; empty = all are there. */
static struct str missing_import(const struct codec_protobuf_schema *schema,
                                 const struct codec_protobuf_file *file)
{
    for (size_t i = 0; i < file->import_count; i++) {
        size_t f = 0;
        while (f < schema->file_count && !str_eq(schema->files[f].name, file->imports[i])) {
            f++;
        }
        if (f == schema->file_count) {
            return file->imports[i];
        }
    }
    return STR_NULL;
}

static int missing_type(const struct codec_protobuf_schema *schema,
                        const struct codec_protobuf_message *message,
                        const struct codec_protobuf_field *field, struct err *err)
{
    struct str import = str_head(missing_import(schema, message->file), 128);
    AUTO_BUF struct buf hint = {0};
    if (import.len > 0) {
        buf_printf(&hint, "; its file \"%.*s\" imports \"%.*s\", which is not there either",
                   STR_FMT(str_head(message->file->name, 128)), STR_FMT(import));
    }
    return err_set(err, ERR_CONFIG,
                   "message \"%.*s\", field \"%.*s\": its type \"%.*s\" is not in the descriptor "
                   "set%.*s; make the set with protoc --include_imports",
                   STR_FMT(str_head(message->full_name, 128)), STR_FMT(str_head(field->name, 128)),
                   STR_FMT(str_head(field->type_name, 128)), STR_FMT(buf_str(&hint)));
}

/* Which type it is that the message, or one that can lie in it, lacks. */
static int find_missing_type(const struct codec_protobuf_schema *schema,
                             const struct codec_protobuf_message *message, struct err *err)
{
    AUTO_FREE bool *seen = mem_new_array(bool, schema->message_count + 1);
    AUTO_FREE uint32_t *waiting = mem_new_array(uint32_t, schema->message_count + 1);
    size_t waiting_count = 0;
    waiting[waiting_count++] = message->index;
    seen[message->index] = true;
    while (waiting_count > 0) {
        message = schema->messages[waiting[--waiting_count]];
        for (size_t f = 0; f < message->field_count; f++) {
            const struct codec_protobuf_field *field = &message->fields[f];
            if (lacks_type(field)) {
                return missing_type(schema, message, field, err);
            }
            if (field->message != NULL && !seen[field->message->index]) {
                seen[field->message->index] = true;
                waiting[waiting_count++] = field->message->index;
            }
        }
    }
    return 0;
}

static void list_name(struct buf *out, struct str name)
{
    buf_printf(out, "%s\"%.*s\"", out->len > 0 ? ", " : "", STR_FMT(str_head(name, 128)));
}

/* Nothing has the name: up to three that are spelt nearly so, else a few that there are. */
static int unknown_message(const struct codec_protobuf_schema *schema, struct str name,
                           struct err *err)
{
    AUTO_BUF struct buf near = {.max = 512};
    AUTO_BUF struct buf known = {.max = 512};
    size_t near_count = 0;
    size_t known_count = 0;
    for (size_t distance = 0; distance <= 3; distance++) {
        for (size_t m = 0; m < schema->message_count; m++) {
            const struct codec_protobuf_message *message = schema->messages[m];
            ptrdiff_t dot = str_rfind(name, '.');
            struct str own = str_skip(name, dot < 0 ? 0 : (size_t)dot + 1);
            size_t full = str_distance(name, message->full_name);
            size_t bare = str_distance(own, message->name);
            if (message->is_map_entry) {
                continue;
            }
            if (near_count < 3 && (full < bare ? full : bare) == distance) {
                list_name(&near, message->full_name);
                near_count++;
            }
            if (distance == 0 && known_count < 5) {
                list_name(&known, message->full_name);
                known_count++;
            }
        }
    }
    struct str shown = str_head(name, 128);
    if (near_count > 0) {
        return err_set(err, ERR_CONFIG,
                       "the descriptor set has no message \"%.*s\"; did you mean %.*s?",
                       STR_FMT(shown), STR_FMT(buf_str(&near)));
    }
    return err_set(err, ERR_CONFIG, "the descriptor set has no message \"%.*s\"; it has %.*s%s",
                   STR_FMT(shown), STR_FMT(buf_str(&known)), known_count == 5 ? ", …" : "");
}

int codec_protobuf_schema_find(const struct codec_protobuf_schema *schema, struct str name,
                               const struct codec_protobuf_message **ret_message, struct err *err)
{
    if (name.len > 0 && name.ptr[0] == '.') {
        name = str_skip(name, 1);
    }
    if (name.len == 0) {
        return err_set(err, ERR_CONFIG, "no message is named; a descriptor set holds many");
    }
    const struct codec_protobuf_message *found = codec_protobuf_schema_message(schema, name);
    const struct codec_protobuf_message *only = NULL;
    AUTO_BUF struct buf candidates = {.max = 512};
    size_t count = 0;
    for (size_t m = 0; m < schema->message_count && found == NULL; m++) {
        const struct codec_protobuf_message *message = schema->messages[m];
        size_t full = message->full_name.len;
        if (str_ends(message->full_name, name) && full > name.len &&
            message->full_name.ptr[full - name.len - 1] == '.' && !message->is_map_entry) {
            count++;
            list_name(&candidates, message->full_name);
            only = message;
        }
    }
    if (found == NULL && count == 0) {
        return unknown_message(schema, name, err);
    }
    if (count > 1) {
        return err_set(err, ERR_CONFIG, "message \"%.*s\" is one of %zu: %.*s; give the full name",
                       STR_FMT(str_head(name, 128)), count, STR_FMT(buf_str(&candidates)));
    }
    found = found != NULL ? found : only;
    if (found->lacks_type) {
        return find_missing_type(schema, found, err);
    }
    *ret_message = found;
    return 0;
}

const struct codec_protobuf_enum_value *
codec_protobuf_enum_find(const struct codec_protobuf_enum *e, int32_t number)
{
    /* Most enums are numbered from 0 on without gaps. */
    if (number >= 0 && (size_t)number < e->value_count && e->values[number].number == number &&
        (number == 0 || e->values[number - 1].number < number)) {
        return &e->values[number];
    }
    size_t low = 0;
    size_t high = e->value_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (e->values[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < e->value_count && e->values[low].number == number ? &e->values[low] : NULL;
}

const char *codec_protobuf_kind_name(unsigned kind)
{
    static const char *const names[] = {
        "",        "double",   "float",    "int64",  "uint64",  "int32", "fixed64",
        "fixed32", "bool",     "string",   "group",  "message", "bytes", "uint32",
        "enum",    "sfixed32", "sfixed64", "sint32", "sint64",
    };
    assert(kind < ARRAY_COUNT(names));
    return names[kind];
}

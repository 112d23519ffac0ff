/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_SCHEMA_H
#define CODEC_PROTOBUF_SCHEMA_H

#include "codec/codec.h"
#include "codec/protobuf_wire.h"

/*
 * protobuf_schema - messages and enums out of a serialized FileDescriptorSet
 *
 * Everything lies in an arena and points into the set's bytes, which must stay.
 */

/* The numbers of FieldDescriptorProto.Type. */
enum codec_protobuf_kind {
    PROTOBUF_DOUBLE = 1,
    PROTOBUF_FLOAT,
    PROTOBUF_INT64,
    PROTOBUF_UINT64,
    PROTOBUF_INT32,
    PROTOBUF_FIXED64,
    PROTOBUF_FIXED32,
    PROTOBUF_BOOL,
    PROTOBUF_STRING,
    PROTOBUF_GROUP, /* a message between tags: groups, and editions' DELIMITED */
    PROTOBUF_MESSAGE,
    PROTOBUF_BYTES,
    PROTOBUF_UINT32,
    PROTOBUF_ENUM,
    PROTOBUF_SFIXED32,
    PROTOBUF_SFIXED64,
    PROTOBUF_SINT32,
    PROTOBUF_SINT64,
};

/* Messages that have a JSON form, or a column type, of their own. */
enum codec_protobuf_known {
    PROTOBUF_PLAIN,
    PROTOBUF_TIMESTAMP, /* also any message of that name and shape, as Spark has it */
    PROTOBUF_DURATION,  /* the same */
    PROTOBUF_WRAPPER,   /* google.protobuf.Int32Value and its like */
    PROTOBUF_ANY,
    PROTOBUF_STRUCT,
    PROTOBUF_VALUE,
    PROTOBUF_LIST_VALUE,
    PROTOBUF_FIELD_MASK,
};

struct codec_protobuf_enum_value {
    struct str name;
    int32_t number;
};

struct codec_protobuf_enum {
    struct str full_name;
    struct codec_protobuf_enum_value
        *values; /* by number; of aliases the first declared is first */
    size_t value_count;
    int32_t first; /* the first declared: the default */
    bool is_closed;
};

/* A scalar read from a message: integers sign- or zero-extended, bool 0/1, floats their bits. */
struct codec_protobuf_value {
    uint64_t bits;
    struct str bytes;
};

struct codec_protobuf_field {
    struct str name;
    struct str json_name;
    struct str type_name; /* as written, for MESSAGE, GROUP, ENUM */
    uint32_t number;
    uint32_t tag;      /* how it is usually written */
    uint32_t oneof;    /* index + 1 in the message; 0 = none */
    uint32_t declared; /* place in the message's text */
    uint8_t kind;      /* enum codec_protobuf_kind */
    bool is_repeated;
    bool is_required;
    bool is_map;
    bool has_presence;
    bool has_default;
    bool checks_utf8;
    struct codec_protobuf_value default_value;    /* without has_default the type's zero */
    const struct codec_protobuf_message *message; /* MESSAGE, GROUP; NULL = not in the set */
    const struct codec_protobuf_enum *enumeration;
};

struct codec_protobuf_message {
    struct str full_name;
    struct str name;
    struct codec_protobuf_field *fields; /* by number */
    size_t field_count;
    uint32_t *dense; /* number -> field + 1, 0 = none; numbers below dense_count */
    uint32_t dense_count;
    uint32_t oneof_count;
    uint32_t index; /* in the schema */
    bool is_map_entry;
    bool has_required; /* itself, or any message below it */
    bool lacks_type;   /* the same: a field's type is not in the set */
    enum codec_protobuf_known known;
    const struct codec_protobuf_file *file;
};

struct codec_protobuf_file {
    struct str name;
    struct str package;
    struct str bytes;
    struct str *imports;
    size_t import_count;
};

struct codec_protobuf_symbol {
    struct str full_name; /* empty = a free slot */
    struct codec_protobuf_message *message;
    struct codec_protobuf_enum *enumeration;
};

struct codec_protobuf_schema {
    struct arena *arena; /* borrowed */
    struct codec_protobuf_file *files;
    size_t file_count;
    struct codec_protobuf_message **messages;
    size_t message_count;
    size_t definition_count;               /* messages, enums, fields, values: bounded */
    struct codec_protobuf_symbol *symbols; /* by hash of the full name, open addressing */
    size_t symbol_mask;
};

/* ERR_CONFIG when the bytes are no such set, or it is wrong in itself. */
int codec_protobuf_schema_read(struct codec_protobuf_schema *schema, struct str descriptors,
                               struct arena *arena, struct err *err);

/*
 * The message of that full name, with or without a dot in front, or the only one whose name ends
 * so.  ERR_CONFIG with the nearest names or the candidates, or with the name of a type that it
 * needs and the set lacks.
 */
int codec_protobuf_schema_find(const struct codec_protobuf_schema *schema, struct str name,
                               const struct codec_protobuf_message **ret_message, struct err *err);

/* NULL when it is not there. Exact full name. */
const struct codec_protobuf_message *
codec_protobuf_schema_message(const struct codec_protobuf_schema *schema, struct str full_name);

/* Resolves names once all files are read: protobuf_link.c. */
int codec_protobuf_link(struct codec_protobuf_schema *schema, struct err *err);
struct codec_protobuf_symbol *codec_protobuf_link_symbol(const struct codec_protobuf_schema *schema,
                                                         struct str full_name);

/* NULL = no value has that number. */
const struct codec_protobuf_enum_value *
codec_protobuf_enum_find(const struct codec_protobuf_enum *e, int32_t number);

/* "int32", "message", "enum"… */
const char *codec_protobuf_kind_name(unsigned kind);

/* How a value of the kind is written, were it not packed. */
static inline enum wire_type protobuf_wire_type(unsigned kind)
{
    static const uint8_t types[] = {
        [PROTOBUF_DOUBLE] = WIRE_FIXED64,   [PROTOBUF_FLOAT] = WIRE_FIXED32,
        [PROTOBUF_INT64] = WIRE_VARINT,     [PROTOBUF_UINT64] = WIRE_VARINT,
        [PROTOBUF_INT32] = WIRE_VARINT,     [PROTOBUF_FIXED64] = WIRE_FIXED64,
        [PROTOBUF_FIXED32] = WIRE_FIXED32,  [PROTOBUF_BOOL] = WIRE_VARINT,
        [PROTOBUF_STRING] = WIRE_BYTES,     [PROTOBUF_GROUP] = WIRE_GROUP,
        [PROTOBUF_MESSAGE] = WIRE_BYTES,    [PROTOBUF_BYTES] = WIRE_BYTES,
        [PROTOBUF_UINT32] = WIRE_VARINT,    [PROTOBUF_ENUM] = WIRE_VARINT,
        [PROTOBUF_SFIXED32] = WIRE_FIXED32, [PROTOBUF_SFIXED64] = WIRE_FIXED64,
        [PROTOBUF_SINT32] = WIRE_VARINT,    [PROTOBUF_SINT64] = WIRE_VARINT,
    };
    return (enum wire_type)types[kind];
}

static inline bool protobuf_is_message(const struct codec_protobuf_field *field)
{
    return field->kind == PROTOBUF_MESSAGE || field->kind == PROTOBUF_GROUP;
}

/* True when the tag's wire type is one the field may have; *ret_packed when it is a packed list. */
static inline bool protobuf_is_wire(const struct codec_protobuf_field *field, uint32_t tag,
                                    bool *ret_packed)
{
    enum wire_type own = protobuf_wire_type(field->kind);
    *ret_packed =
        field->is_repeated && (tag & 7) == WIRE_BYTES && own != WIRE_BYTES && own != WIRE_GROUP;
    return *ret_packed || (tag & 7) == (uint32_t)own;
}

/* The field of that number; NULL = unknown. */
static inline const struct codec_protobuf_field *
protobuf_field(const struct codec_protobuf_message *message, uint32_t number)
{
    if (LIKELY(number < message->dense_count)) {
        uint32_t slot = message->dense[number];
        return slot != 0 ? &message->fields[slot - 1] : NULL;
    }
    size_t low = 0;
    size_t high = message->field_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (message->fields[middle].number == number) {
            return &message->fields[middle];
        }
        if (message->fields[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* The two fields of a map's entry. */
static inline const struct codec_protobuf_field *
protobuf_map_key(const struct codec_protobuf_message *entry)
{
    assert(entry->field_count == 2);
    return &entry->fields[0];
}

static inline const struct codec_protobuf_field *
protobuf_map_value(const struct codec_protobuf_message *entry)
{
    assert(entry->field_count == 2);
    return &entry->fields[1];
}

/* A scalar of the kind at p. */
static inline const char *protobuf_scalar(unsigned kind, const char *p, const char *end,
                                          struct codec_protobuf_value *ret_value)
{
    uint64_t bits = 0;
    switch (protobuf_wire_type(kind)) {
    case WIRE_FIXED64:
        if (UNLIKELY(end - p < 8)) {
            return NULL;
        }
        ret_value->bits = wire_load64(p);
        return p + 8;
    case WIRE_FIXED32:
        if (UNLIKELY(end - p < 4)) {
            return NULL;
        }
        bits = wire_load32(p);
        ret_value->bits = kind == PROTOBUF_SFIXED32 ? (uint64_t)(int64_t)(int32_t)bits : bits;
        return p + 4;
    case WIRE_BYTES:
        return wire_bytes(p, end, &ret_value->bytes);
    default:
        break;
    }
    p = wire_varint(p, end, &bits);
    switch (kind) {
    case PROTOBUF_INT32:
    case PROTOBUF_ENUM:
        bits = (uint64_t)(int64_t)(int32_t)bits;
        break;
    case PROTOBUF_UINT32:
        bits = (uint32_t)bits;
        break;
    case PROTOBUF_SINT32:
        bits = (uint64_t)wire_unzigzag((uint32_t)bits);
        break;
    case PROTOBUF_SINT64:
        bits = (uint64_t)wire_unzigzag(bits);
        break;
    case PROTOBUF_BOOL:
        bits = bits != 0;
        break;
    default:
        break;
    }
    ret_value->bits = bits;
    return p;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_describe - the row type that a message amounts to
 *
 * By Spark's rules for from_protobuf with upcast.unsigned.ints, unwrap.primitive.wrapper.types
 * and convert.any.fields.to.json; README.md has the table.  Everything may be NULL, as with
 * Spark's PERMISSIVE: a bad message is a row of NULLs.
 *
 * Recursion: a message may lie in itself `recursive_depth` times, itself included, counted along
 * the path; the field that goes deeper is dropped, and so is one with no fields left.
 */
#include "codec/protobuf.h"

#include "base/base.h"
#include "codec/protobuf_schema.h"

#define RECURSIVE_MAX 10
#define FIELDS_MAX    100000
#define NESTING_MAX   100

/* The messages around the one that is described. */
struct path {
    const struct codec_protobuf_message *message;
    const struct path *above;
    unsigned depth;
};

struct describe {
    const struct codec_options *options;
    struct arena *arena;
    size_t field_count;
    struct err *err;
};

/* NULL type = the field is dropped. */
static int message_type(struct describe *d, const struct codec_protobuf_message *message,
                        const struct path *above, const struct type **ret_type);

static const struct type *scalar_type(const struct describe *d,
                                      const struct codec_protobuf_field *field)
{
    switch (field->kind) {
    case PROTOBUF_DOUBLE:
        return type_simple(TYPE_DOUBLE);
    case PROTOBUF_FLOAT:
        return type_simple(TYPE_FLOAT);
    case PROTOBUF_INT64:
    case PROTOBUF_SINT64:
    case PROTOBUF_SFIXED64:
    case PROTOBUF_UINT32:
    case PROTOBUF_FIXED32:
        return type_simple(TYPE_BIGINT);
    case PROTOBUF_UINT64:
    case PROTOBUF_FIXED64:
        return type_decimal(d->arena, 20, 0);
    case PROTOBUF_BOOL:
        return type_simple(TYPE_BOOLEAN);
    case PROTOBUF_STRING:
        return type_simple(TYPE_STRING);
    case PROTOBUF_BYTES:
        return type_simple(TYPE_BINARY);
    case PROTOBUF_ENUM:
        return type_simple(d->options->enums_as_ints ? TYPE_INTEGER : TYPE_STRING);
    default:
        return type_simple(TYPE_INTEGER);
    }
}

/* "refuse" or drop: how often the message is already on the path. */
static int check_recursion(struct describe *d, const struct codec_protobuf_field *field,
                           const struct path *above, bool *ret_dropped)
{
    uint32_t count = 0;
    for (const struct path *at = above; at != NULL; at = at->above) {
        count += at->message == field->message;
    }
    *ret_dropped = false;
    if (count == 0) {
        return 0;
    }
    uint32_t limit = d->options->recursive_depth;
    if (limit == 0) {
        return err_set(d->err, ERR_CONFIG,
                       "message \"%.*s\" can lie in itself (field \"%.*s\" of \"%.*s\"); say how "
                       "often with \"recursive.fields.max.depth\", 1 to %d",
                       STR_FMT(str_head(field->message->full_name, 128)),
                       STR_FMT(str_head(field->name, 128)),
                       STR_FMT(str_head(above->message->full_name, 128)), RECURSIVE_MAX);
    }
    *ret_dropped = count >= limit;
    return 0;
}

static int value_type(struct describe *d, const struct codec_protobuf_field *field,
                      const struct path *above, const struct type **ret_type)
{
    if (!protobuf_is_message(field)) {
        *ret_type = scalar_type(d, field);
        return 0;
    }
    bool is_dropped;
    switch (field->message->known) {
    case PROTOBUF_TIMESTAMP:
        *ret_type = type_simple(TYPE_TIMESTAMP);
        return 0;
    case PROTOBUF_DURATION:
        *ret_type = type_simple(TYPE_BIGINT);
        return 0;
    case PROTOBUF_WRAPPER:
        *ret_type = scalar_type(d, &field->message->fields[0]);
        return 0;
    case PROTOBUF_ANY:
    case PROTOBUF_STRUCT:
    case PROTOBUF_VALUE:
    case PROTOBUF_LIST_VALUE:
        *ret_type = type_simple(TYPE_STRING);
        return 0;
    default:
        TRY(check_recursion(d, field, above, &is_dropped));
        *ret_type = NULL;
        return is_dropped ? 0 : message_type(d, field->message, above, ret_type);
    }
}

static int field_type(struct describe *d, const struct codec_protobuf_field *field,
                      const struct path *above, const struct type **ret_type)
{
    if (!field->is_map) {
        TRY(value_type(d, field, above, ret_type));
        if (field->is_repeated && *ret_type != NULL) {
            *ret_type = type_array(d->arena, *ret_type, true);
        }
        return 0;
    }
    const struct type *key = scalar_type(d, protobuf_map_key(field->message));
    TRY(value_type(d, protobuf_map_value(field->message), above, ret_type));
    if (*ret_type != NULL) {
        *ret_type = type_map(d->arena, key, *ret_type, true);
    }
    return 0;
}

static int message_type(struct describe *d, const struct codec_protobuf_message *message,
                        const struct path *above, const struct type **ret_type)
{
    struct path path = {message, above, above == NULL ? 1 : above->depth + 1};
    size_t count = message->field_count;
    d->field_count += count;
    if (d->field_count > FIELDS_MAX || path.depth > NESTING_MAX) {
        return err_set(d->err, ERR_CONFIG,
                       "message \"%.*s\" is too large for a row: more than %d fields or %d levels; "
                       "list the columns that are wanted, or lower \"recursive.fields.max.depth\"",
                       STR_FMT(str_head(message->full_name, 128)), FIELDS_MAX, NESTING_MAX);
    }
    AUTO_FREE struct type_field *fields = mem_new_array(struct type_field, count + 1);
    for (size_t f = 0; f < count; f++) {
        const struct codec_protobuf_field *field = &message->fields[f];
        struct type_field *out = &fields[field->declared];
        TRY(field_type(d, field, &path, &out->type));
        out->name = arena_str(d->arena, field->name);
        out->nullable = true;
    }
    size_t kept = 0;
    for (size_t f = 0; f < count; f++) {
        if (fields[f].type != NULL) {
            fields[kept++] = fields[f];
        }
    }
    *ret_type = kept == 0 ? NULL : type_struct(d->arena, fields, kept);
    return 0;
}

int codec_protobuf_describe(const struct codec_options *options, struct arena *arena,
                            const struct type **ret_row_type, struct err *err)
{
    AUTO_ARENA struct arena memory = {0};
    struct codec_protobuf_schema schema;
    const struct codec_protobuf_message *message;
    struct describe d = {.options = options, .arena = arena, .err = err};
    if (options->recursive_depth > RECURSIVE_MAX) {
        return err_set(err, ERR_CONFIG, "\"recursive.fields.max.depth\" is %u; at most %d",
                       options->recursive_depth, RECURSIVE_MAX);
    }
    TRY(codec_protobuf_schema_read(&schema, options->protobuf_descriptors, &memory, err));
    TRY(codec_protobuf_schema_find(&schema, options->protobuf_message, &message, err));
    const struct type *type = NULL;
    TRY(message_type(&d, message, NULL, &type));
    if (type == NULL) {
        return err_set(err, ERR_CONFIG, "message \"%.*s\" has no fields that could be columns",
                       STR_FMT(str_head(message->full_name, 200)));
    }
    *ret_row_type = type;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_resolve - which of the reader's schemas reads what of the writer's
 *
 * As the Java library does it, which Spark uses: names of records that stand alone do not matter,
 * those of enums and fixeds must be equal but for the namespace, and in a reader's union the same
 * name comes before the same shape, and that before a promotion.
 *
 * Different on purpose: of two timestamps, times or decimals the writer's unit or scale holds;
 * Java takes the reader's for the same number, and so another value.
 */
#include "codec/avro_resolve.h"

#include "base/base.h"

static bool has_alias(const struct str *aliases, size_t count, struct str full_name)
{
    for (size_t i = 0; i < count; i++) {
        struct str alias = aliases[i];
        if (str_eq(alias, full_name)) {
            return true;
        }
        /* An alias without a dot is in the namespace of its schema, so any will do. */
        if (str_find(alias, '.') < 0 &&
            str_eq(alias, str_skip(full_name, (size_t)(str_rfind(full_name, '.') + 1)))) {
            return true;
        }
    }
    return false;
}

static bool is_promoted(enum avro_kind writer, enum avro_kind reader)
{
    switch (reader) {
    case AVRO_LONG:
        return writer == AVRO_INT;
    case AVRO_FLOAT:
        return writer == AVRO_INT || writer == AVRO_LONG;
    case AVRO_DOUBLE:
        return writer == AVRO_INT || writer == AVRO_LONG || writer == AVRO_FLOAT;
    case AVRO_BYTES:
        return writer == AVRO_STRING;
    case AVRO_STRING:
        return writer == AVRO_BYTES;
    default:
        return false;
    }
}

static bool has_name(const struct avro_schema *writer, const struct avro_schema *reader)
{
    return str_eq(writer->name, reader->name) ||
           has_alias(reader->aliases, reader->alias_count, writer->full_name);
}

static bool has_full_name(const struct avro_schema *writer, const struct avro_schema *reader)
{
    return str_eq(writer->full_name, reader->full_name) ||
           has_alias(reader->aliases, reader->alias_count, writer->full_name);
}

static bool can_read(const struct avro_schema *writer, const struct avro_schema *reader)
{
    if (writer->kind != reader->kind) {
        return is_promoted(writer->kind, reader->kind);
    }
    switch (writer->kind) {
    case AVRO_ENUM:
        return has_name(writer, reader);
    case AVRO_FIXED:
        return has_name(writer, reader) && writer->size == reader->size;
    default:
        return true;
    }
}

/* Every field of the reader's record is in the writer's, or has a default. */
static bool has_shape(const struct avro_schema *writer, const struct avro_schema *reader)
{
    for (size_t i = 0; i < reader->names.count; i++) {
        if (reader->fields[i].preset == NULL && codec_avro_resolve_field(writer, reader, i) < 0) {
            return false;
        }
    }
    return true;
}

static bool is_named(const struct avro_schema *s)
{
    return s->kind == AVRO_RECORD || s->kind == AVRO_ENUM || s->kind == AVRO_FIXED;
}

/* How well a branch of the reader's union fits; 0 = not at all. */
static int rank(const struct avro_schema *writer, const struct avro_schema *branch)
{
    if (!can_read(writer, branch)) {
        return 0;
    }
    if (writer->kind != branch->kind) {
        return 1;
    }
    if (!is_named(writer) || has_full_name(writer, branch)) {
        return 4;
    }
    if (has_name(writer, branch)) {
        return 3;
    }
    return has_shape(writer, branch) ? 2 : 0;
}

const struct avro_schema *codec_avro_resolve_reader(const struct avro_schema *writer,
                                                    const struct avro_schema *reader)
{
    assert(writer->kind != AVRO_UNION);
    if (reader->kind != AVRO_UNION) {
        return can_read(writer, reader) ? reader : NULL;
    }
    const struct avro_schema *best = NULL;
    int best_rank = 0;
    for (size_t i = 0; i < reader->branch_count; i++) {
        int this_rank = rank(writer, reader->branches[i]);
        if (this_rank > best_rank) {
            best_rank = this_rank;
            best = reader->branches[i];
        }
    }
    return best;
}

ptrdiff_t codec_avro_resolve_field(const struct avro_schema *writer,
                                   const struct avro_schema *reader, size_t index)
{
    if (writer == reader) {
        return (ptrdiff_t)index;
    }
    ptrdiff_t found = codec_avro_schema_find(&writer->names, reader->names.items[index]);
    const struct avro_field *field = &reader->fields[index];
    for (size_t i = 0; found < 0 && i < field->alias_count; i++) {
        found = codec_avro_schema_find(&writer->names, field->aliases[i]);
    }
    return found;
}

struct str codec_avro_resolve_symbol(const struct avro_schema *writer,
                                     const struct avro_schema *reader, size_t index)
{
    struct str symbol = writer->names.items[index];
    if (writer == reader || codec_avro_schema_find(&reader->names, symbol) >= 0) {
        return symbol;
    }
    return reader->symbol_preset < 0 ? STR_NULL : reader->names.items[reader->symbol_preset];
}

static bool is_local(enum avro_logical logical)
{
    return logical >= AVRO_LOCAL_TIMESTAMP_MILLIS && logical <= AVRO_LOCAL_TIMESTAMP_NANOS;
}

static bool is_timestamp(enum avro_logical logical)
{
    return logical >= AVRO_TIMESTAMP_MILLIS && logical <= AVRO_LOCAL_TIMESTAMP_NANOS;
}

enum avro_logical codec_avro_resolve_logical(const struct avro_schema *writer,
                                             const struct avro_schema *reader)
{
    enum avro_logical w = writer->logical;
    enum avro_logical r = reader->logical;
    if (w == AVRO_PLAIN || r == AVRO_PLAIN) {
        return w == AVRO_PLAIN ? r : w;
    }
    if (!is_timestamp(w) || is_local(w) == is_local(r) || !is_timestamp(r)) {
        return w;
    }
    int shift = (int)AVRO_LOCAL_TIMESTAMP_MILLIS - (int)AVRO_TIMESTAMP_MILLIS;
    return (enum avro_logical)((int)w + (is_local(r) ? shift : -shift));
}

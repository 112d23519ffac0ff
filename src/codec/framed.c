/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framed - messages that begin with the number of their schema (Confluent's wire format)
 *
 *  (1) A codec is made for each (id, place in the schema) when it first turns up in this thread.
 *      What cannot be made is remembered with the reason: a bad schema costs one attempt, not one
 *      a message.
 *  (2) Their number is bounded: when there are too many all are closed, and made anew as needed.
 *  (3) A schema that is not cached is remembered nowhere: the next message may find it.
 *  (4) Faults have the position in the whole value, header included.
 */
#include "codec/framed.h"

#include "codec/json_schema.h"
#include "codec/registry_proto.h"

#include <stdio.h>

#define HEADER_BYTES 5
#define INNER_MAX    1024
#define SLOTS        2048 /* a power of two, above INNER_MAX */

#define FRAMED_MAGIC 0x4652414du

static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are found by a mask");
static_assert(SLOTS >= 2 * INNER_MAX, "a search ends at an empty slot");

/* Rule (1). */
struct inner {
    uint32_t id;
    size_t index_count;
    uint32_t *indexes;
    struct codec *codec; /* NULL = `reason` and `why` say why not */
    const char *reason;
    char *why;
    struct buf message; /* its name, which the codec borrows */
};

struct codec_framed {
    struct codec base;
    uint32_t magic;
    enum codec_schema_kind kind;
    struct codec_options options; /* of the inner codecs, without the registry */
    struct codec_registry *registry;
    codec_framed_open_fn open;
    struct inner *last; /* of the last message: the next is most often of the same schema */
    struct inner **slots;
    size_t count;
    struct codec *json; /* the one codec of kind JSON */
};

/* ---- the header ---- */

static bool take_zigzag(struct str *rest, int64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 5 && i < rest->len; i++) {
        uint8_t byte = (uint8_t)rest->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = str_skip(*rest, i + 1);
            *ret_value = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return false;
}

static bool read_indexes(struct str *rest, struct codec_framed_header *h)
{
    int64_t count;
    if (!take_zigzag(rest, &count) || count < 0 || count > CODEC_FRAMED_INDEXES_MAX) {
        return false;
    }
    h->index_count = count == 0 ? 1 : (size_t)count;
    h->indexes[0] = 0;
    for (size_t i = 0; i < (size_t)count; i++) {
        int64_t index;
        if (!take_zigzag(rest, &index) || index < 0 || index > INT32_MAX) {
            return false;
        }
        h->indexes[i] = (uint32_t)index;
    }
    return true;
}

bool codec_framed_id(struct str value, uint32_t *ret_id)
{
    if (value.ptr == NULL || value.len < HEADER_BYTES || value.ptr[0] != 0) {
        return false;
    }
    const uint8_t *bytes = (const uint8_t *)value.ptr;
    *ret_id = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 |
              (uint32_t)bytes[4];
    return true;
}

const char *codec_framed_read(struct str value, bool has_indexes,
                              struct codec_framed_header *ret_header)
{
    ret_header->index_count = 0;
    if (!codec_framed_id(value, &ret_header->id)) {
        return "magic";
    }
    struct str rest = str_skip(value, HEADER_BYTES);
    if (has_indexes && !read_indexes(&rest, ret_header)) {
        return "index";
    }
    ret_header->bytes = value.len - rest.len;
    return NULL;
}

/* ---- the codecs ---- */

static void inner_free(struct inner *inner)
{
    codec_close(inner->codec);
    buf_done(&inner->message);
    mem_free(inner->indexes);
    mem_free(inner->why);
    mem_free(inner);
}

static void close_all(struct codec_framed *f)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (f->slots[i] != NULL) {
            inner_free(f->slots[i]);
            f->slots[i] = NULL;
        }
    }
    f->last = NULL;
    f->count = 0;
}

static bool is_of(const struct inner *inner, const struct codec_framed_header *h)
{
    return inner->id == h->id && inner->index_count == h->index_count &&
           (h->index_count == 0 ||
            memcmp(inner->indexes, h->indexes, h->index_count * sizeof(h->indexes[0])) == 0);
}

static size_t slot_of(const struct codec_framed *f, const struct codec_framed_header *h)
{
    uint64_t hash = h->id;
    for (size_t i = 0; i < h->index_count; i++) {
        hash = (hash ^ h->indexes[i]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    size_t at = (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (SLOTS - 1);
    while (f->slots[at] != NULL && !is_of(f->slots[at], h)) {
        at = (at + 1) & (SLOTS - 1);
    }
    return at;
}

static void set_reason(struct inner *inner, const char *reason, const char *fmt, ...)
    PRINTF(3, 4) COLD;
static void set_reason(struct inner *inner, const char *reason, const char *fmt, ...)
{
    AUTO_BUF struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    inner->reason = reason;
    inner->why = buf_take(&text);
}

/* The schema into the options of the format. ERR_DATA: no such message. */
static int put_schema(const struct codec_schema *schema, const uint32_t *indexes,
                      size_t index_count, struct buf *message, struct codec_options *options,
                      struct err *err)
{
    switch (schema->kind) {
    case CODEC_SCHEMA_AVRO:
        options->avro_schema = schema->writer;
        return 0;
    case CODEC_SCHEMA_PROTOBUF:
        TRY(codec_registry_proto_message(schema->writer, indexes, index_count, message, err));
        options->protobuf_descriptors = schema->writer;
        options->protobuf_message = buf_str(message);
        return 0;
    case CODEC_SCHEMA_JSON:
        return 0;
    }
    assert(false);
    return 0;
}

int codec_framed_describe_header(struct str format, const struct codec_options *options,
                                 const struct codec_framed_header *header, struct arena *arena,
                                 const struct type **ret_row_type, struct err *err)
{
    const struct codec_schema *schema = codec_registry_cached(options->registry, header->id);
    assert(schema != NULL);
    assert(schema->unusable.len == 0);
    struct codec_options inner = *options;
    AUTO_BUF struct buf message = {0};
    inner.registry = NULL;
    TRY(put_schema(schema, header->indexes, header->index_count, &message, &inner, err));
    return codec_describe(format, &inner, arena, ret_row_type, err);
}

static struct inner *inner_new(struct codec_framed *f, const struct codec_framed_header *h,
                               const struct codec_schema *schema)
{
    struct inner *inner = mem_new(struct inner);
    struct err err;
    inner->id = h->id;
    inner->index_count = h->index_count;
    inner->indexes = mem_new_array(uint32_t, h->index_count + 1);
    memcpy(inner->indexes, h->indexes, h->index_count * sizeof(h->indexes[0]));
    if (schema->unusable.len > 0) {
        set_reason(inner, "schema", "schema %" PRIu32 ": %.*s", h->id, STR_FMT(schema->unusable));
        return inner;
    }
    if (schema->kind != f->kind) {
        set_reason(inner, "schema", "schema %" PRIu32 " is of kind %s, wanted %s", h->id,
                   codec_schema_kind_name(schema->kind), f->base.ops->name);
        return inner;
    }
    struct codec_options options = f->options;
    if (put_schema(schema, h->indexes, h->index_count, &inner->message, &options, &err) < 0) {
        set_reason(inner, "index", "schema %" PRIu32 ": %s", h->id, err.msg);
    } else if (f->open(str_of(f->base.ops->name), f->base.row_type, &options, &inner->codec, &err) <
               0) {
        inner->codec = NULL;
        set_reason(inner, "schema", "schema %" PRIu32 ": %s", h->id, err.msg);
    }
    return inner;
}

/* NULL when the schema is not cached. */
static struct inner *inner_find(struct codec_framed *f, const struct codec_framed_header *h)
{
    if (LIKELY(f->last != NULL && is_of(f->last, h))) {
        return f->last;
    }
    size_t at = slot_of(f, h);
    if (f->slots[at] == NULL) {
        const struct codec_schema *schema = codec_registry_cached(f->registry, h->id);
        if (schema == NULL) {
            return NULL; /* rule (3) */
        }
        if (f->count == INNER_MAX) {
            close_all(f); /* rule (2) */
            at = slot_of(f, h);
        }
        f->slots[at] = inner_new(f, h, schema);
        f->count++;
    }
    f->last = f->slots[at];
    return f->last;
}

/* ---- decoding ---- */

static void set_nulls(const struct codec_framed *f, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < f->base.row_type->field_count; i++) {
        if (columns[i] != NULL) {
            column_set_null(columns[i], row);
        }
    }
}

static enum codec_row bad(struct codec_framed *f, struct column *const *columns, size_t row,
                          const char *reason, const char *fmt, ...) PRINTF(5, 6) COLD;
static enum codec_row bad(struct codec_framed *f, struct column *const *columns, size_t row,
                          const char *reason, const char *fmt, ...)
{
    va_list args;
    set_nulls(f, columns, row);
    f->base.fault = (struct codec_fault){.reason = reason};
    va_start(args, fmt);
    vsnprintf(f->base.fault.message, sizeof(f->base.fault.message), fmt, args);
    va_end(args);
    return CODEC_ROW_BAD;
}

static enum codec_row bad_header(struct codec_framed *f, struct str value, const char *reason,
                                 struct column *const *columns, size_t row)
{
    if (strcmp(reason, "index") == 0) {
        enum codec_row rc =
            bad(f, columns, row, reason, "the message's place in the schema is malformed");
        f->base.fault.position = HEADER_BYTES;
        return rc;
    }
    if (value.len < HEADER_BYTES) {
        return bad(f, columns, row, reason,
                   "%zu bytes are too few for a schema id; is the message framed?", value.len);
    }
    return bad(f, columns, row, reason,
               "the first byte is 0x%02x, not 0x00; is the message framed by a schema registry?",
               (unsigned)(uint8_t)value.ptr[0]);
}

static enum codec_row framed_decode(struct codec *codec, struct str value,
                                    struct column *const *columns, size_t row, struct arena *arena)
{
    struct codec_framed *f = CONTAINER_OF(codec, struct codec_framed, base);
    if (value.ptr == NULL) {
        set_nulls(f, columns, row);
        return CODEC_ROW_OK;
    }
    struct codec_framed_header h;
    const char *reason = codec_framed_read(value, f->kind == CODEC_SCHEMA_PROTOBUF, &h);
    if (UNLIKELY(reason != NULL)) {
        return bad_header(f, value, reason, columns, row);
    }
    struct codec *inner_codec = f->json;
    if (inner_codec == NULL) {
        const struct inner *inner = inner_find(f, &h);
        if (UNLIKELY(inner == NULL)) {
            return bad(f, columns, row, "schema_id", "schema %" PRIu32 " is not known", h.id);
        }
        if (UNLIKELY(inner->codec == NULL)) {
            return bad(f, columns, row, inner->reason, "%s", inner->why);
        }
        inner_codec = inner->codec;
    }
    inner_codec->unknown_field = f->base.unknown_field;
    enum codec_row rc = codec_decode(inner_codec, str_skip(value, h.bytes), columns, row, arena);
    f->base.unknown_field = inner_codec->unknown_field;
    if (UNLIKELY(rc != CODEC_ROW_OK)) {
        f->base.fault = inner_codec->fault;
        f->base.fault.position += h.bytes; /* rule (4) */
    }
    return rc;
}

static void framed_close(struct codec *codec)
{
    struct codec_framed *f = CONTAINER_OF(codec, struct codec_framed, base);
    assert(f->magic == FRAMED_MAGIC);
    close_all(f);
    codec_close(f->json);
    mem_free(f->slots);
    f->magic = 0;
    mem_free(f);
}

/* ---- opening ---- */

/* In the order of enum codec_schema_kind. */
static const struct codec_ops framed_ops[] = {
    {.name = "avro", .decode = framed_decode, .close = framed_close},
    {.name = "protobuf", .decode = framed_decode, .close = framed_close},
    {.name = "json", .decode = framed_decode, .close = framed_close},
};

static bool kind_of(struct str format, enum codec_schema_kind *ret_kind)
{
    for (size_t i = 0; i < ARRAY_COUNT(framed_ops); i++) {
        if (str_eq_nocase_c(format, framed_ops[i].name)) {
            *ret_kind = (enum codec_schema_kind)i;
            return true;
        }
    }
    return false;
}

static int not_of_registries(struct str format, struct err *err)
{
    return err_set(
        err, ERR_CONFIG,
        "a schema registry has no schemas of format \"%.*s\"; it has avro, protobuf, json",
        STR_FMT(str_head(format, 64)));
}

bool codec_framed_needs_schema(struct str format)
{
    enum codec_schema_kind kind;
    return kind_of(format, &kind) && kind != CODEC_SCHEMA_JSON;
}

int codec_framed_open(struct str format, const struct type *row_type,
                      const struct codec_options *options, codec_framed_open_fn open,
                      struct codec **ret_codec, struct err *err)
{
    enum codec_schema_kind kind;
    if (!kind_of(format, &kind)) {
        return not_of_registries(format, err);
    }
    assert(options->registry != NULL);
    struct codec_options inner = *options;
    inner.registry = NULL;
    struct codec *json = NULL;
    if (kind == CODEC_SCHEMA_JSON) {
        TRY(open(format, row_type, &inner, &json, err));
    }
    struct codec_framed *f = mem_new(struct codec_framed);
    f->base.ops = &framed_ops[kind];
    f->base.row_type = row_type;
    f->magic = FRAMED_MAGIC;
    f->kind = kind;
    f->options = inner;
    f->registry = options->registry;
    f->open = open;
    f->slots = mem_new_array(struct inner *, SLOTS);
    f->json = json;
    *ret_codec = &f->base;
    return 0;
}

static int describe_schema(const struct codec_schema *schema, struct str format,
                           const struct codec_options *options, codec_framed_describe_fn describe,
                           struct arena *arena, const struct type **ret_row_type, struct err *err)
{
    if (schema->unusable.len > 0) {
        return err_set(err, ERR_CONFIG, "%.*s", STR_FMT(str_head(schema->unusable, 800)));
    }
    if (schema->kind == CODEC_SCHEMA_JSON) {
        return codec_json_schema_describe(schema->text, schema->references, schema->reference_count,
                                          arena, ret_row_type, err);
    }
    AUTO_BUF struct buf message = {0};
    struct codec_options inner = *options;
    inner.registry = NULL;
    static const uint32_t first[] = {0};
    int rc = put_schema(schema, first, 1, &message, &inner, err);
    if (rc == ERR_DATA) {
        err->code = ERR_CONFIG;
    }
    if (rc < 0) {
        return err->code;
    }
    if (options->protobuf_message.len > 0) {
        inner.protobuf_message = options->protobuf_message;
    }
    return describe(format, &inner, arena, ret_row_type, err);
}

int codec_framed_describe(struct str format, const struct codec_options *options,
                          codec_framed_describe_fn describe, struct arena *arena,
                          const struct type **ret_row_type, struct err *err)
{
    enum codec_schema_kind kind;
    const struct codec_schema *schema;
    struct str subject = str_head(options->subject, 200);
    if (!kind_of(format, &kind)) {
        return not_of_registries(format, err);
    }
    if (options->subject.len == 0) {
        return err_set(err, ERR_CONFIG, "there is no subject to ask the schema registry for");
    }
    int rc = TRY(codec_registry_latest(options->registry, options->subject,
                                       options->subject_version, &schema, err));
    if (rc == CODEC_REGISTRY_UNKNOWN) {
        return err_set(err, ERR_CONFIG, "the schema registry has no subject \"%.*s\"%s",
                       STR_FMT(subject), options->subject_version > 0 ? " of that version" : "");
    }
    if (schema->kind != kind) {
        return err_set(err, ERR_CONFIG, "the schema of \"%.*s\" is of kind %s, the format is %.*s",
                       STR_FMT(subject), codec_schema_kind_name(schema->kind), STR_FMT(format));
    }
    rc = describe_schema(schema, format, options, describe, arena, ret_row_type, err);
    return rc < 0 ? err_wrap(err, "schema %" PRIu32 " of \"%.*s\"", schema->id, STR_FMT(subject))
                  : rc;
}

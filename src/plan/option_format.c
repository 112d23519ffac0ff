/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option_format - what keys and values are, and where their schemas come from
 *
 * The options of the value are named as Spark's functions name theirs (from_avro, from_protobuf,
 * from_csv); a key has the same ones behind "key.".  Files and services are not touched here, but
 * in resolve.c.
 *
 * Does a format have columns by itself?
 *
 *     text, binary, raw   one column, always
 *     avro, protobuf      those of the schema, unless there is a column list
 *     json                the column list; else the registry's schema, or inferred from messages
 *     csv                 the column list
 */
#include "plan/option.h"

#include <stdio.h>

#include "plan/complain.h"
#include "plan/parser.h"

#define RESCUED_COLUMN "_rescued_data"

/* Enough for the longest name behind "key.". */
#define NAME_BYTES 64

/* In the order of the options' choices. */
static const char *const value_formats[] = {"json", "protobuf", "avro", "text",
                                            "csv",  "binary",   "raw"};
static const char *const key_formats[] = {"binary", "raw", "text", "json", "protobuf", "avro"};

static struct str get(const struct plan_stream *stream, const char *prefix, const char *name)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    const struct setting *setting = settings_find(&stream->settings, full);
    return setting == NULL ? STR("") : setting->value;
}

static int complain_at(const struct plan *plan, const struct plan_stream *stream, const char *name,
                       const char *text, struct err *err)
{
    return plan_complain(err, plan->file,
                         plan_option_place(settings_find(&stream->settings, name), stream->place),
                         "%s", text);
}

static bool has_registry(const struct plan_stream *stream)
{
    return settings_find(&stream->settings, "schema.registry.url") != NULL;
}

/* Avro and Protobuf need to know how messages are written. */
static int check_schema(const struct plan *plan, const struct plan_stream *stream,
                        struct str format, const char *prefix, const struct codec_options *codec,
                        const struct plan_schema_from *from, struct err *err)
{
    char format_option[NAME_BYTES];
    snprintf(format_option, sizeof(format_option), "%s.format",
             prefix[0] == '\0' ? "value" : "key");
    bool registry = has_registry(stream);
    if (str_eq_c(format, "avro") && !registry && codec->avro_schema.len == 0 &&
        from->avro_file.len == 0) {
        return complain_at(plan, stream, format_option,
                           "avro needs the schema that messages are written with: give "
                           "jsonFormatSchema, jsonFormatSchemaFile or schema.registry.url",
                           err);
    }
    if (codec->avro_schema.len > 0 && from->avro_file.len > 0) {
        return complain_at(plan, stream, format_option,
                           "jsonFormatSchema and jsonFormatSchemaFile exclude each other", err);
    }
    if (str_eq_c(format, "protobuf") && !registry &&
        (from->descriptor_file.len > 0) == (from->proto_files.len > 0)) {
        return complain_at(plan, stream, format_option,
                           "protobuf needs one of descFilePath, protoFiles and "
                           "schema.registry.url",
                           err);
    }
    if (str_eq_c(format, "protobuf") && !registry && codec->protobuf_message.len == 0) {
        return complain_at(plan, stream, format_option, "protobuf needs messageName", err);
    }
    return 0;
}

static void read_schema(const struct plan_stream *stream, const char *prefix,
                        struct codec_options *codec, struct plan_schema_from *from)
{
    codec->avro_schema = get(stream, prefix, "jsonFormatSchema");
    codec->protobuf_message = get(stream, prefix, "messageName");
    from->avro_file = get(stream, prefix, "jsonFormatSchemaFile");
    from->descriptor_file = get(stream, prefix, "descFilePath");
    from->proto_files = get(stream, prefix, "protoFiles");
    from->proto_paths = get(stream, prefix, "protoPaths");
}

/* What both have in common. */
static int apply_common(const struct plan *plan, struct plan_stream *stream,
                        struct codec_options *codec, struct err *err)
{
    const struct settings *settings = &stream->settings;
    codec->timestamp_unit =
        (enum codec_epoch)settings_enum(settings, plan_stream_options, "timestampUnit");
    codec->allow_nan = settings_bool(settings, plan_stream_options, "allowNonNumericNumbers");
    codec->enums_as_ints = settings_bool(settings, plan_stream_options, "enums.as.ints");
    codec->emit_default_values =
        settings_bool(settings, plan_stream_options, "emit.default.values");
    int64_t depth = settings_int(settings, plan_stream_options, "recursive.fields.max.depth", 0);
    if (depth < 0 || depth > 10) {
        return complain_at(plan, stream, "recursive.fields.max.depth",
                           "recursive.fields.max.depth is 1 to 10", err);
    }
    codec->recursive_depth = (uint32_t)depth;
    return 0;
}

static int apply_csv(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    const struct settings *settings = &stream->settings;
    struct codec_options *codec = &stream->codec;
    codec->csv_separator = settings_str(settings, plan_stream_options, "sep");
    codec->csv_quote = settings_str(settings, plan_stream_options, "quote");
    codec->csv_escape = settings_str(settings, plan_stream_options, "escape");
    codec->csv_null = settings_str(settings, plan_stream_options, "nullValue");
    if (str_eq_c(stream->format, "csv") && stream->row_type == NULL) {
        return complain_at(plan, stream, "value.format", "csv needs a column list", err);
    }
    return 0;
}

/* The rescued column is one of the list, or comes behind it. */
static int apply_rescue(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    const struct setting *given = settings_find(&stream->settings, "rescuedDataColumn");
    struct str name = given != NULL                             ? given->value
                      : stream->evolution == PLAN_EVOLVE_RESCUE ? STR(RESCUED_COLUMN)
                                                                : STR("");
    ptrdiff_t at = stream->row_type == NULL || name.len == 0
                       ? -1
                       : type_find_field_nocase(stream->row_type, name);
    if (name.len == 0 && stream->row_type != NULL) {
        at = type_find_field(stream->row_type, STR(RESCUED_COLUMN));
        name = at >= 0 ? STR(RESCUED_COLUMN) : name;
    }
    if (at >= 0 && stream->row_type->fields[at].type->kind != TYPE_STRING) {
        return plan_complain(err, plan->file, plan_option_place(given, stream->place),
                             "the column \"%.*s\" takes what does not fit as JSON text and must be "
                             "STRING",
                             STR_FMT(name));
    }
    stream->codec.rescued_column = at >= 0 ? stream->row_type->fields[at].name : name;
    return 0;
}

static int apply_evolution(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    const struct setting *given = settings_find(&stream->settings, "schemaEvolutionMode");
    bool schemaless = str_eq_c(stream->format, "text") || str_eq_c(stream->format, "binary") ||
                      str_eq_c(stream->format, "raw") || str_eq_c(stream->format, "csv");
    static const enum plan_evolution modes[] = {PLAN_EVOLVE_ADD, PLAN_EVOLVE_RESCUE,
                                                PLAN_EVOLVE_FAIL, PLAN_EVOLVE_NONE};
    if (given != NULL) {
        stream->evolution =
            modes[settings_enum(&stream->settings, plan_stream_options, "schemaEvolutionMode")];
    } else {
        stream->evolution = stream->is_inferred && !schemaless ? PLAN_EVOLVE_ADD : PLAN_EVOLVE_NONE;
    }
    if (schemaless && stream->evolution != PLAN_EVOLVE_NONE) {
        return plan_complain(err, plan->file, plan_option_place(given, stream->place),
                             "a message of the format %.*s has no fields by name: "
                             "schemaEvolutionMode can only be none",
                             STR_FMT(stream->format));
    }
    stream->codec.notice_unknown =
        stream->evolution == PLAN_EVOLVE_ADD || stream->evolution == PLAN_EVOLVE_FAIL;
    return apply_rescue(plan, stream, err);
}

static int apply_sample(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    const struct settings *settings = &stream->settings;
    int64_t rows = settings_int(settings, plan_stream_options, "inferSampleRows", 1000);
    if (rows < 1 || rows > 10000000) {
        return complain_at(plan, stream, "inferSampleRows", "inferSampleRows is 1 to 10000000",
                           err);
    }
    stream->sample_rows = (uint64_t)rows;
    stream->sample_us =
        settings_duration_us(settings, plan_stream_options, "inferSampleTime", 5000000);
    stream->infer_timestamps = settings_bool(settings, plan_stream_options, "inferTimestamp");
    return 0;
}

static int parse_columns_option(const struct plan *plan, struct plan_stream *stream,
                                const char *name, const struct type **ret_type, struct err *err)
{
    const struct setting *given = settings_find(&stream->settings, name);
    if (given == NULL) {
        return 0;
    }
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "STRUCT<%.*s>", STR_FMT(given->value));
    struct arena *arena = (struct arena *)(uintptr_t)&plan->arena; /* the plan is being loaded */
    struct err inner;
    if (plan_parse_type(arena, buf_str(&text), ret_type, &inner) < 0) {
        return plan_complain(err, plan->file, plan_option_place(given, stream->place), "%s: %s",
                             name, inner.msg);
    }
    return 0;
}

static int parse_hints_option(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    const struct setting *given = settings_find(&stream->settings, "schemaHints");
    struct err inner;
    if (given != NULL && plan_parse_hints((struct arena *)(uintptr_t)&plan->arena, given->value,
                                          &stream->hints, &inner) < 0) {
        return plan_complain(err, plan->file, plan_option_place(given, stream->place), "%s",
                             inner.msg);
    }
    return 0;
}

static int apply_key(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    stream->key_format =
        str_of(key_formats[settings_enum(&stream->settings, plan_stream_options, "key.format")]);
    TRY(apply_common(plan, stream, &stream->key_codec, err));
    read_schema(stream, "key.", &stream->key_codec, &stream->key_from);
    stream->key_codec.subject = get(stream, "", "schema.registry.key.subject");
    TRY(check_schema(plan, stream, stream->key_format, "key.", &stream->key_codec,
                     &stream->key_from, err));
    bool text = str_eq_c(stream->key_format, "text");
    stream->key_type = type_simple(text ? TYPE_STRING : TYPE_BINARY);
    if (text) {
        struct type_field field = {
            .name = STR("key"), .type = type_simple(TYPE_STRING), .nullable = true};
        stream->key_row_type = type_struct((struct arena *)(uintptr_t)&plan->arena, &field, 1);
        return 0;
    }
    TRY(parse_columns_option(plan, stream, "key.schema", &stream->key_row_type, err));
    bool json = str_eq_c(stream->key_format, "json");
    if (json && stream->key_row_type == NULL && !has_registry(stream)) {
        return complain_at(plan, stream, "key.format", "a JSON key needs key.schema", err);
    }
    if (!json && stream->key_row_type != NULL) {
        return complain_at(plan, stream, "key.schema", "key.schema goes with key.format json", err);
    }
    if (json && stream->key_row_type != NULL) {
        stream->key_type = stream->key_row_type;
    }
    return 0;
}

int plan_option_apply_format(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    stream->format = str_of(
        value_formats[settings_enum(&stream->settings, plan_stream_options, "value.format")]);
    TRY(apply_common(plan, stream, &stream->codec, err));
    read_schema(stream, "", &stream->codec, &stream->value_from);
    stream->codec.avro_reader_schema = get(stream, "", "avroSchema");
    stream->codec.subject = get(stream, "", "schema.registry.subject");
    int64_t version =
        settings_int(&stream->settings, plan_stream_options, "schema.registry.version", 0);
    if (version < 0 || version > INT32_MAX) {
        return complain_at(plan, stream, "schema.registry.version",
                           "schema.registry.version is 1 or more, or 0 for the latest", err);
    }
    stream->codec.subject_version = (uint32_t)version;
    TRY(check_schema(plan, stream, stream->format, "", &stream->codec, &stream->value_from, err));
    TRY(apply_csv(plan, stream, err));
    TRY(apply_evolution(plan, stream, err));
    TRY(apply_sample(plan, stream, err));
    TRY(parse_hints_option(plan, stream, err));
    return apply_key(plan, stream, err);
}

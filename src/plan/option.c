/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option - the settings of streams, tables and files, checked and put into their fields
 *
 * The two tables here and those of the connectors say everything that can be said about an
 * option; this file only adds what one option cannot know of another, and the values that are
 * more than one type.
 */
#include "plan/option.h"

#include <stdio.h>

#include "plan/complain.h"

#define TARGET_FILE_BYTES ((uint64_t)128 << 20)
#define ROW_GROUP_ROWS    61440

const struct option plan_stream_options[] = {
    {"value.format", OPTION_ENUM, "json", "json|protobuf|avro|text|csv|binary|raw",
     "What the value of a message is. text is one STRING column, binary and raw one of BINARY."},
    {"key.format", OPTION_ENUM, "binary", "binary|raw|text|json|protobuf|avro",
     "What the key of a message is: the type of _key."},
    {"key.schema", OPTION_STRING, NULL, NULL,
     "The columns of a JSON key, as in a column list: 'id BIGINT, name STRING'."},
    {"jsonFormatSchema", OPTION_STRING, NULL, NULL,
     "Avro: the schema that messages are written with, as JSON text."},
    {"jsonFormatSchemaFile", OPTION_STRING, NULL, NULL, "Avro: a file with that schema."},
    {"avroSchema", OPTION_STRING, NULL, NULL,
     "Avro: the schema to read with (fields renamed by aliases, defaults, …); the writer's unless "
     "given."},
    {"messageName", OPTION_STRING, NULL, NULL,
     "Protobuf: the message's name, with its package unless it is unique."},
    {"descFilePath", OPTION_STRING, NULL, NULL,
     "Protobuf: the file that protoc --include_imports --descriptor_set_out wrote."},
    {"protoFiles", OPTION_STRING, NULL, NULL,
     "Protobuf: .proto files instead, separated by commas; protoc compiles them at the start."},
    {"protoPaths", OPTION_STRING, NULL, NULL,
     "Protobuf: folders in which imports are looked for, separated by commas."},
    {"enums.as.ints", OPTION_BOOL, "false", NULL, "Protobuf: enums are their numbers."},
    {"emit.default.values", OPTION_BOOL, "false", NULL,
     "Protobuf: a field without presence that is not in the message is its default, not NULL."},
    {"recursive.fields.max.depth", OPTION_INT, NULL, NULL,
     "Protobuf: how deep a message within itself is followed, 1 to 10; else it is refused."},
    {"key.jsonFormatSchema", OPTION_STRING, NULL, NULL, "The same for an Avro key."},
    {"key.jsonFormatSchemaFile", OPTION_STRING, NULL, NULL, "The same for an Avro key."},
    {"key.messageName", OPTION_STRING, NULL, NULL, "The same for a Protobuf key."},
    {"key.descFilePath", OPTION_STRING, NULL, NULL, "The same for a Protobuf key."},
    {"key.protoFiles", OPTION_STRING, NULL, NULL, "The same for a Protobuf key."},
    {"key.protoPaths", OPTION_STRING, NULL, NULL, "The same for a Protobuf key."},
    {"schema.registry.url", OPTION_STRING, NULL, NULL,
     "Schema Registry: values (and Avro, Protobuf and JSON keys) begin with a schema's number. "
     "Several URLs, separated by commas, are tried in turn."},
    {"schema.registry.subject", OPTION_STRING, NULL, NULL,
     "The subject of the value's schema, for its columns; <topic>-value unless given."},
    {"schema.registry.key.subject", OPTION_STRING, NULL, NULL,
     "The subject of the key's schema; <topic>-key unless given."},
    {"schema.registry.version", OPTION_INT, "0", NULL,
     "The version of the subject that gives the columns; 0 is the latest."},
    {"schema.registry.basic.auth.user.info", OPTION_SECRET, NULL, NULL, "user:password."},
    {"schema.registry.bearer.auth.token", OPTION_SECRET, NULL, NULL, "A bearer token."},
    {"schema.registry.ssl.ca.location", OPTION_STRING, NULL, NULL,
     "PEM file of the authorities to trust."},
    {"schema.registry.ssl.certificate.location", OPTION_STRING, NULL, NULL,
     "PEM file of our own certificate."},
    {"schema.registry.ssl.key.location", OPTION_STRING, NULL, NULL, "PEM file of its key."},
    {"sep", OPTION_STRING, ",", NULL, "CSV: what stands between fields, one character."},
    {"quote", OPTION_STRING, "\"", NULL, "CSV: the quote, one character."},
    {"escape", OPTION_STRING, "\\", NULL, "CSV: the character before a quote within quotes."},
    {"nullValue", OPTION_STRING, "", NULL, "CSV: the text that is NULL."},
    {"schemaEvolutionMode", OPTION_ENUM, NULL, "addNewColumns|rescue|failOnNewColumns|none",
     "What becomes of fields that are not among the columns: new columns, kept in _rescued_data, "
     "the end of the query, or nothing. addNewColumns without a column list, else none."},
    {"rescuedDataColumn", OPTION_STRING, NULL, NULL,
     "A STRING column for what does not fit: unknown fields, wrong types, values out of range, as "
     "JSON text. _rescued_data with schemaEvolutionMode = rescue."},
    {"schemaHints", OPTION_STRING, NULL, NULL,
     "Types that inference is to take: 'id DECIMAL(20,0), place.lat FLOAT'."},
    {"inferSampleRows", OPTION_INT, "1000", NULL,
     "Inference without a column list looks at so many messages,"},
    {"inferSampleTime", OPTION_DURATION, "5 seconds", NULL, "or for so long after the first one."},
    {"inferTimestamp", OPTION_BOOL, "false", NULL,
     "Strings that are ISO dates and timestamps in every message of the sample become DATE and "
     "TIMESTAMP."},
    {"onBadRecord", OPTION_ENUM, "null", "null|drop|fail|deadletter",
     "What becomes of a message that cannot be decoded, or that the SQL fails on: a row of NULLs, "
     "nothing, the end of the query, or a dead letter. A bad field alone is NULL with null; the "
     "others treat its message as bad, unless a _rescued_data column takes the field."},
    {"maxMessageBytes", OPTION_BYTES, "128 MiB", NULL,
     "A message whose value is larger, once decompressed, is bad."},
    {"maxBadRatio", OPTION_STRING, "1", NULL,
     "The query stops when more than this part of the messages is bad (0 to 1; looked at from 100 "
     "messages on), so that it does not swallow everything."},
    {"mode", OPTION_ENUM, NULL, "PERMISSIVE|DROPMALFORMED|FAILFAST",
     "The same in Spark's words: null, drop, fail."},
    {"timestampUnit", OPTION_ENUM, "seconds", "seconds|millis|micros|nanos",
     "What a number means in a TIMESTAMP column; Spark's from_json takes seconds."},
    {"allowNonNumericNumbers", OPTION_BOOL, "false", NULL,
     "Takes NaN, Infinity and -Infinity as numbers."},
    {"maxOffsetsPerTrigger", OPTION_INT, NULL, NULL,
     "The most messages of one batch; without it, a batch takes what is there."},
    {NULL, OPTION_STRING, NULL, NULL, NULL},
};

const struct option plan_table_options[] = {
    {"trigger", OPTION_STRING, "1 second", NULL,
     "How often a batch is committed: a duration, '0 seconds' for as soon as possible, "
     "'available-now' to take what is there and end, 'once' for one batch."},
    {"outputMode", OPTION_ENUM, "append", "append",
     "Rows are only ever added; the one value is append."},
    {"mergeSchema", OPTION_BOOL, "false", NULL,
     "New columns of the SELECT are added to the table."},
    {"queryName", OPTION_STRING, NULL, NULL,
     "The name under which the table keeps the offsets; the table's name unless given."},
    {"allowSecondQuery", OPTION_BOOL, "false", NULL,
     "Lets this query start although another one has written the same topic to the table."},
    {"checkpointLocation", OPTION_STRING, NULL, NULL,
     "A folder for what the table cannot hold; losing it never loses or doubles rows."},
    {"compression", OPTION_ENUM, "snappy", "snappy|zstd|uncompressed",
     "How Parquet pages are compressed."},
    {"targetFileSize", OPTION_BYTES, "128 MiB", NULL, "A file is closed beyond this size."},
    {"rowGroupRows", OPTION_INT, "61440", NULL,
     "Rows of a Parquet row group; fewer take less memory."},
    {"deadLetterPath", OPTION_STRING, NULL, NULL,
     "The Delta table for dead letters (onBadRecord = deadletter); the table's location with "
     "_deadletters behind it unless given."},
    {"deadLetterTopic", OPTION_STRING, NULL, NULL,
     "A Kafka topic for dead letters instead, at least once: a crash may send some again."},
    {"deadLetterMaxValueBytes", OPTION_BYTES, "1 MiB", NULL,
     "A dead letter's value is cut there; its SHA-256 is kept."},
    {"s3.endpoint", OPTION_STRING, NULL, NULL, "URL of the S3 service, http://127.0.0.1:9000."},
    {"s3.endpoint.region", OPTION_STRING, NULL, NULL, "Its region, us-east-1 unless given."},
    {"s3.access.key", OPTION_SECRET, NULL, NULL, "Access key."},
    {"s3.secret.key", OPTION_SECRET, NULL, NULL, "Secret key."},
    {"s3.session.token", OPTION_SECRET, NULL, NULL, "Session token of temporary credentials."},
    {"s3.path.style.access", OPTION_BOOL, NULL, NULL,
     "The bucket in the path, not in the host name; true when there is an endpoint."},
    {"s3.caFile", OPTION_STRING, NULL, NULL, "PEM file of the authorities to trust."},
    {"fs.s3a.endpoint", OPTION_STRING, NULL, NULL, "Hadoop's word for s3.endpoint."},
    {"fs.s3a.endpoint.region", OPTION_STRING, NULL, NULL, "Hadoop's word for s3.endpoint.region."},
    {"fs.s3a.access.key", OPTION_SECRET, NULL, NULL, "Hadoop's word for s3.access.key."},
    {"fs.s3a.secret.key", OPTION_SECRET, NULL, NULL, "Hadoop's word for s3.secret.key."},
    {"fs.s3a.session.token", OPTION_SECRET, NULL, NULL, "Hadoop's word for s3.session.token."},
    {"fs.s3a.path.style.access", OPTION_BOOL, NULL, NULL,
     "Hadoop's word for s3.path.style.access."},
    {NULL, OPTION_STRING, NULL, NULL, NULL},
};

struct plan_place plan_option_place(const struct setting *setting, struct plan_place otherwise)
{
    return setting != NULL && setting->line > 0
               ? (struct plan_place){setting->line, setting->column}
               : otherwise;
}

/* settings_check, whose errors begin with line:column, with the file in front. */
static int check(const struct plan *plan, const struct settings *settings,
                 const struct option *const *tables, const char *what, struct err *err)
{
    struct err inner;
    int rc = settings_check(settings, tables, what, &inner);
    if (rc < 0) {
        return err_set(err, inner.code, "%.*s:%s", STR_FMT(plan->file), inner.msg);
    }
    return rc;
}

static int apply_bad_record(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    const struct setting *bad = settings_find(&stream->settings, "onBadRecord");
    const struct setting *mode = settings_find(&stream->settings, "mode");
    int from_bad = settings_enum(&stream->settings, plan_stream_options, "onBadRecord");
    if (mode == NULL) {
        stream->on_bad_record = (enum plan_bad_record)from_bad;
        return 0;
    }
    /* The words of the two stand in the same order. */
    int from_mode = settings_enum(&stream->settings, plan_stream_options, "mode");
    if (bad != NULL && from_bad != from_mode) {
        return plan_complain(err, plan->file, plan_option_place(mode, stream->place),
                             "mode \"%.*s\" and onBadRecord \"%.*s\" contradict each other; "
                             "give one of them",
                             STR_FMT(mode->value), STR_FMT(bad->value));
    }
    stream->on_bad_record = (enum plan_bad_record)from_mode;
    return 0;
}

int plan_option_apply_stream(const struct plan *plan, struct plan_stream *stream, struct err *err)
{
    const struct option *const tables[] = {stream->source->options, plan_stream_options, NULL};
    const struct settings *settings = &stream->settings;
    TRY(check(plan, settings, tables, "stream", err));
    TRY(plan_option_apply_format(plan, stream, err));
    TRY(apply_bad_record(plan, stream, err));
    stream->message_bytes_max =
        settings_bytes(settings, plan_stream_options, "maxMessageBytes", UINT64_MAX);
    struct str ratio = settings_str(settings, plan_stream_options, "maxBadRatio");
    if (!str_to_double(ratio, &stream->max_bad_ratio) ||
        !(stream->max_bad_ratio >= 0 && stream->max_bad_ratio <= 1)) {
        return plan_complain(
            err, plan->file,
            plan_option_place(settings_find(settings, "maxBadRatio"), stream->place),
            "maxBadRatio is a number from 0 to 1, met \"%.*s\"", STR_FMT(ratio));
    }
    int64_t max = settings_int(settings, plan_stream_options, "maxOffsetsPerTrigger", 0);
    const struct setting *given = settings_find(settings, "maxOffsetsPerTrigger");
    if (given != NULL && max < 1) {
        return plan_complain(err, plan->file, plan_option_place(given, stream->place),
                             "maxOffsetsPerTrigger is at least 1, met \"%.*s\"",
                             STR_FMT(given->value));
    }
    stream->max_offsets_per_trigger = (uint64_t)max;
    return 0;
}

static int apply_trigger(const struct plan *plan, struct plan_table *table, struct err *err)
{
    struct str text = settings_str(&table->settings, plan_table_options, "trigger");
    if (str_eq_nocase_c(text, "available-now") || str_eq_nocase_c(text, "availableNow")) {
        table->trigger = PLAN_TRIGGER_AVAILABLE_NOW;
        return 0;
    }
    if (str_eq_nocase_c(text, "once")) {
        table->trigger = PLAN_TRIGGER_ONCE;
        return 0;
    }
    table->trigger = PLAN_TRIGGER_INTERVAL;
    if (!str_to_duration_us(text, &table->trigger_us) || table->trigger_us < 0) {
        const struct setting *given = settings_find(&table->settings, "trigger");
        return plan_complain(err, plan->file, plan_option_place(given, table->place),
                             "trigger is a duration such as '10 seconds', 'available-now' or "
                             "'once', met \"%.*s\"",
                             STR_FMT(text));
    }
    return 0;
}

/* The value under our name or under Hadoop's. */
static struct str store_option(const struct plan_table *table, const char *name)
{
    char ours[64];
    char hadoops[64];
    snprintf(ours, sizeof(ours), "s3.%s", name);
    snprintf(hadoops, sizeof(hadoops), "fs.s3a.%s", name);
    const struct setting *setting = settings_find(&table->settings, ours);
    if (setting == NULL) {
        setting = settings_find(&table->settings, hadoops);
    }
    return setting == NULL ? STR("") : setting->value;
}

static void apply_store(struct plan_table *table)
{
    bool path_style = false;
    struct str style = store_option(table, "path.style.access");
    table->store = (struct store_options){
        .endpoint = store_option(table, "endpoint"),
        .access_key = store_option(table, "access.key"),
        .secret_key = store_option(table, "secret.key"),
        .session_token = store_option(table, "session.token"),
        .region = store_option(table, "endpoint.region"),
        .path_style = !str_to_bool(style, &path_style) ? STR("")
                      : path_style                     ? STR("true")
                                                       : STR("false"),
        .ca_file = store_option(table, "caFile"),
    };
}

static int apply_sizes(const struct plan *plan, struct plan_table *table, struct err *err)
{
    const struct settings *settings = &table->settings;
    table->file_bytes =
        settings_bytes(settings, plan_table_options, "targetFileSize", TARGET_FILE_BYTES);
    if (table->file_bytes < 1 << 20) {
        return plan_complain(
            err, plan->file,
            plan_option_place(settings_find(settings, "targetFileSize"), table->place),
            "targetFileSize is at least 1 MiB");
    }
    int64_t rows = settings_int(settings, plan_table_options, "rowGroupRows", ROW_GROUP_ROWS);
    if (rows < 2048 || rows > 16 << 20) {
        return plan_complain(
            err, plan->file,
            plan_option_place(settings_find(settings, "rowGroupRows"), table->place),
            "rowGroupRows is 2048 to 16777216, met \"%" PRId64 "\"", rows);
    }
    table->row_group_rows = (uint64_t)rows;
    return 0;
}

static int apply_dead_letters(struct plan *plan, struct plan_table *table, struct err *err)
{
    const struct settings *settings = &table->settings;
    const struct setting *path = settings_find(settings, "deadLetterPath");
    const struct setting *topic = settings_find(settings, "deadLetterTopic");
    if (path != NULL && topic != NULL) {
        return plan_complain(err, plan->file, plan_option_place(topic, table->place),
                             "deadLetterPath and deadLetterTopic exclude each other");
    }
    if (path != NULL && str_trim(path->value).len == 0) {
        return plan_complain(err, plan->file, plan_option_place(path, table->place),
                             "deadLetterPath is empty");
    }
    table->dead_letter_value_bytes =
        settings_bytes(settings, plan_table_options, "deadLetterMaxValueBytes", 1 << 20);
    table->dead_letter_topic = topic == NULL ? STR("") : str_trim(topic->value);
    if (path != NULL) {
        table->dead_letter_location = path->value;
        return 0;
    }
    struct str base = str_trim(table->location);
    while (base.len > 1 && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    table->dead_letter_location =
        str_of(arena_printf(&plan->arena, "%.*s_deadletters", STR_FMT(base)));
    return 0;
}

int plan_option_apply_table(struct plan *plan, struct plan_table *table, struct err *err)
{
    const struct option *const tables[] = {plan_table_options, NULL};
    const struct settings *settings = &table->settings;
    TRY(check(plan, settings, tables, "streaming table", err));
    TRY(apply_trigger(plan, table, err));
    TRY(apply_sizes(plan, table, err));
    TRY(apply_dead_letters(plan, table, err));
    apply_store(table);
    table->merge_schema = settings_bool(settings, plan_table_options, "mergeSchema");
    table->second_query = settings_bool(settings, plan_table_options, "allowSecondQuery");
    static const char *const compressions[] = {"snappy", "zstd", "uncompressed"};
    table->compression =
        str_of(compressions[settings_enum(settings, plan_table_options, "compression")]);
    const struct setting *checkpoint = settings_find(settings, "checkpointLocation");
    table->checkpoint_location = checkpoint == NULL ? STR("") : checkpoint->value;
    const struct setting *name = settings_find(settings, "queryName");
    table->query_name = name == NULL ? table->name : name->value;
    if (table->query_name.len == 0) {
        return plan_complain(err, plan->file, plan_option_place(name, table->place),
                             "queryName is empty");
    }
    return 0;
}

static int bad_value(const struct plan *plan, struct plan_place place, const char *expected,
                     struct str value, struct err *err)
{
    char text[PLAN_QUOTE_BYTES];
    return plan_complain(err, plan->file, place, "%s, met %s", expected,
                         plan_complain_quote(value, text));
}

int plan_option_apply_set(struct plan *plan, struct str name, struct plan_place name_place,
                          struct str value, struct plan_place value_place, struct err *err)
{
    if (str_eq_nocase_c(name, "memory_limit")) {
        if (!str_to_bytes(value, &plan->memory_bytes) || plan->memory_bytes < 64 << 20) {
            return bad_value(plan, value_place,
                             "memory_limit is a size of at least 64 MiB, such as '1 GiB'", value,
                             err);
        }
        return 0;
    }
    if (str_eq_nocase_c(name, "threads")) {
        int64_t threads = 0;
        if (!str_to_i64(value, &threads) || threads < 1 || threads > 1024) {
            return bad_value(plan, value_place, "threads is 1 to 1024", value, err);
        }
        plan->threads = (int)threads;
        return 0;
    }
    struct plan_near near = plan_complain_near(name);
    plan_complain_offer(&near, STR("memory_limit"));
    plan_complain_offer(&near, STR("threads"));
    char text[PLAN_QUOTE_BYTES];
    char hint[PLAN_HINT_BYTES];
    plan_complain_hint(&near, hint);
    return plan_complain(err, plan->file, name_place, "unknown setting %s%s",
                         plan_complain_quote(name, text),
                         hint[0] != '\0' ? hint : "; known are memory_limit and threads");
}

bool plan_option_is_secret(const struct option *const *tables, struct str name)
{
    static const char *const words[] = {"password", "secret", "jaas",   "token",
                                        "key.pem",  "key",    "passwd", "credential"};
    char lower[128];
    size_t len = name.len < sizeof(lower) ? name.len : sizeof(lower);
    for (size_t i = 0; i < len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    for (; *tables != NULL; tables++) {
        for (const struct option *o = *tables; o->name != NULL; o++) {
            if (o->type != OPTION_PREFIX && str_eq_nocase_c(name, o->name)) {
                return o->type == OPTION_SECRET;
            }
        }
    }
    /* Passed through: nobody has said what it is, so its name decides. */
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_find_str(str_n(lower, len), str_of(words[i])) >= 0) {
            return true;
        }
    }
    return false;
}

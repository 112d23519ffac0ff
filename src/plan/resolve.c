/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve - what the text of a pipeline leaves open
 *
 *     schema files ─► registry ─► columns kept with the query ─► a sample of the messages
 *
 * A stream with a column list, and a format that needs no schema, is complete as it was parsed.
 *
 *  (1) What was inferred once stays: the columns that a query has kept come before any sample, so
 *      that a restart reads the topic as the run before did, whatever is in it by now.
 *  (2) Each table has streams of its own (plan_table.streams), as what is kept belongs to a query.
 *  (3) Nothing here reads from a position that counts: a sample is read by a client of its own.
 *
 * What is kept lies at _sluice/<query>/schema-<stream>.json below the table, or without the
 * first folder below its checkpointLocation: {"columns": "STRUCT<…>"}.
 */
#include "base/base.h"
#include "codec/infer.h"
#include "codec/protobuf.h"
#include "codec/registry.h"
#include "plan/complain.h"
#include "plan/option.h"

#define SCHEMA_BYTES_MAX ((size_t)16 << 20)
/* A query that begins at the end of a topic is not kept waiting when older messages can tell. */
#define PROBE_US   ((int64_t)2 * 1000000)
#define POLL_US    100000
#define LIST_MAX   64
#define PACKET_MAX ((uint64_t)4 << 20)

/* ---- a stream's types ------------------------------------------------------------------------ */

static const struct type *add_field(struct arena *arena, const struct type *row_type,
                                    struct type_field field)
{
    size_t count = row_type->field_count;
    struct type_field *fields = arena_new_array(arena, struct type_field, count + 1);
    if (count > 0) {
        memcpy(fields, row_type->fields, count * sizeof(*fields));
    }
    fields[count] = field;
    return type_struct(arena, fields, count + 1);
}

void plan_stream_finish(struct arena *arena, struct plan_stream *stream)
{
    assert(stream->row_type != NULL);
    struct str rescued = stream->codec.rescued_column;
    if (rescued.len > 0 && type_find_field(stream->row_type, rescued) < 0) {
        struct type_field field = {
            .name = rescued, .type = type_simple(TYPE_STRING), .nullable = true};
        stream->row_type = add_field(arena, stream->row_type, field);
    }
    const struct type *scan = stream->row_type;
    for (size_t m = 0; m < PLAN_META_COUNT; m++) {
        bool key = m == PLAN_META_KEY && stream->key_type != NULL;
        struct type_field field = {.name = str_of(plan_meta_names[m]),
                                   .type =
                                       key ? stream->key_type : plan_meta_type((enum plan_meta)m),
                                   .nullable = true};
        scan = add_field(arena, scan, field);
    }
    stream->scan_type = scan;
}

const struct plan_stream *plan_widen_stream(struct arena *arena, const struct plan_stream *stream,
                                            const struct type *row_type)
{
    struct plan_stream *wider = arena_new(arena, struct plan_stream);
    *wider = *stream;
    wider->row_type = row_type;
    plan_stream_finish(arena, wider);
    return wider;
}

const struct plan_stream *plan_stream_of(const struct plan *plan, const struct plan_table *table,
                                         size_t index)
{
    assert(index < plan->streams.count);
    return table->streams != NULL ? &table->streams[index] : &plan->streams.items[index];
}

static bool is_meta(struct str name)
{
    for (size_t m = 0; m < PLAN_META_COUNT; m++) {
        if (str_eq_nocase_c(name, plan_meta_names[m])) {
            return true;
        }
    }
    return false;
}

static bool is_delta_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || strchr(",;{}()=", c) != NULL) {
            return false;
        }
    }
    return name.len > 0;
}

/* NULL = nothing is left of it. */
static const struct type *usable_type(struct arena *arena, const struct type *type, bool top)
{
    if (!type_is_nested(type)) {
        return type;
    }
    struct type_field *fields = arena_new_array(arena, struct type_field, type->field_count);
    size_t count = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        struct type_field field = type->fields[i];
        bool named = type->kind == TYPE_STRUCT;
        if (named && (!is_delta_name(field.name) || (top && is_meta(field.name)))) {
            continue;
        }
        field.type = usable_type(arena, field.type, false);
        if (field.type != NULL) {
            fields[count++] = field;
        } else if (!named) {
            return NULL;
        }
    }
    if (count == 0 && !top) {
        return NULL;
    }
    switch (type->kind) {
    case TYPE_ARRAY:
        return type_array(arena, fields[0].type, fields[0].nullable);
    case TYPE_MAP:
        return type_map(arena, fields[0].type, fields[1].type, fields[1].nullable);
    default:
        return type_struct(arena, fields, count);
    }
}

const struct type *plan_usable_columns(struct arena *arena, const struct type *row_type)
{
    return usable_type(arena, row_type, true);
}

/* ---- schema files ---------------------------------------------------------------------------- */

struct resolver {
    struct plan *plan;
    const struct plan_resolve_options *options;
    struct err *err;
};

/* The error of something this stream asked for, at its place. */
static int forward(const struct resolver *r, const struct plan_stream *stream,
                   const struct err *inner)
{
    if (inner->code != ERR_CONFIG && inner->code != ERR_DATA) {
        *r->err = *inner;
        return err_wrap(r->err, "stream \"%.*s\"", STR_FMT(stream->name));
    }
    return plan_complain(r->err, r->plan->file, stream->place, "stream \"%.*s\": %s",
                         STR_FMT(stream->name), inner->msg);
}

static int read_file(const struct resolver *r, const struct plan_stream *stream, struct str path,
                     struct str *ret_bytes)
{
    AUTO_BUF struct buf bytes = {0};
    buf_init(&bytes, SCHEMA_BYTES_MAX);
    AUTO_FREE char *name = str_dup(path);
    struct err inner;
    if (fs_read_file(name, &bytes, &inner) < 0) {
        return forward(r, stream, &inner);
    }
    *ret_bytes = arena_str(&r->plan->arena, buf_str(&bytes));
    return 0;
}

/* "a, b" as a NULL-terminated list. */
static int split_list(const struct resolver *r, const struct plan_stream *stream, struct str text,
                      const char *list[LIST_MAX + 1])
{
    struct str part;
    size_t count = 0;
    while (text.len > 0 && str_split(&text, ',', &part)) {
        if (count == LIST_MAX) {
            return plan_complain(r->err, r->plan->file, stream->place,
                                 "stream \"%.*s\": more than %d files or folders in a list",
                                 STR_FMT(stream->name), LIST_MAX);
        }
        list[count++] = arena_strdup(&r->plan->arena, str_trim(part));
    }
    list[count] = NULL;
    return 0;
}

static int compile_protos(const struct resolver *r, const struct plan_stream *stream,
                          const struct plan_schema_from *from, struct codec_options *codec)
{
    const char *files[LIST_MAX + 1];
    const char *paths[LIST_MAX + 1];
    TRY(split_list(r, stream, from->proto_files, files));
    TRY(split_list(r, stream, from->proto_paths, paths));
    AUTO_BUF struct buf descriptors = {0};
    struct err inner;
    if (codec_protobuf_compile(files, paths, &descriptors, &inner) < 0) {
        return forward(r, stream, &inner);
    }
    codec->protobuf_descriptors = arena_str(&r->plan->arena, buf_str(&descriptors));
    return 0;
}

static int load_schema(const struct resolver *r, const struct plan_stream *stream,
                       const struct plan_schema_from *from, struct codec_options *codec)
{
    if (from->avro_file.len > 0) {
        TRY(read_file(r, stream, from->avro_file, &codec->avro_schema));
    }
    if (from->descriptor_file.len > 0) {
        TRY(read_file(r, stream, from->descriptor_file, &codec->protobuf_descriptors));
    }
    return from->proto_files.len > 0 ? compile_protos(r, stream, from, codec) : 0;
}

/* ---- columns of a schema --------------------------------------------------------------------- */

static bool is_bytes(struct str format)
{
    return str_eq_c(format, "text") || str_eq_c(format, "binary") || str_eq_c(format, "raw");
}

static int needs_connection(const struct resolver *r, const struct plan_stream *stream,
                            const char *what)
{
    return plan_complain(r->err, r->plan->file, stream->place,
                         "the columns of stream \"%.*s\" come from %s: use `check --connect`, or "
                         "write a column list",
                         STR_FMT(stream->name), what);
}

static int describe_value(const struct resolver *r, struct plan_stream *stream)
{
    struct err inner;
    const struct type *described = NULL;
    if (codec_describe(stream->format, &stream->codec, &r->plan->arena, &described, &inner) < 0) {
        return forward(r, stream, &inner);
    }
    const struct type *row_type = plan_usable_columns(&r->plan->arena, described);
    if (row_type->field_count != described->field_count) {
        return plan_complain(r->err, r->plan->file, stream->place,
                             "the schema of stream \"%.*s\" has a field that is named like a "
                             "column of every stream (_key, _value, _topic, …), or as no column "
                             "of a Delta table can be: write a column list without it",
                             STR_FMT(stream->name));
    }
    stream->row_type = row_type;
    return 0;
}

static int describe_key(const struct resolver *r, struct plan_stream *stream)
{
    if (is_bytes(stream->key_format)) {
        return 0;
    }
    if (stream->key_row_type == NULL) {
        struct err inner;
        if (codec_describe(stream->key_format, &stream->key_codec, &r->plan->arena,
                           &stream->key_row_type, &inner) < 0) {
            return forward(r, stream, &inner);
        }
    }
    if (stream->key_row_type->field_count > PLAN_KEY_FIELDS_MAX) {
        return plan_complain(r->err, r->plan->file, stream->place,
                             "the key of stream \"%.*s\" has more than %d fields",
                             STR_FMT(stream->name), PLAN_KEY_FIELDS_MAX);
    }
    stream->key_type = stream->key_row_type;
    return 0;
}

/* ---- the registry ---------------------------------------------------------------------------- */

static struct str setting_of(const struct plan_stream *stream, const char *name)
{
    const struct setting *setting = settings_find(&stream->settings, name);
    return setting == NULL ? STR("") : setting->value;
}

static int open_registry(const struct resolver *r, struct plan_stream *stream)
{
    struct codec_registry_options options = {
        .urls = setting_of(stream, "schema.registry.url"),
        .user = setting_of(stream, "schema.registry.basic.auth.user.info"),
        .token = setting_of(stream, "schema.registry.bearer.auth.token"),
        .ca_file = setting_of(stream, "schema.registry.ssl.ca.location"),
        .client_cert = setting_of(stream, "schema.registry.ssl.certificate.location"),
        .client_key = setting_of(stream, "schema.registry.ssl.key.location"),
        .stop = r->options->stop,
    };
    if (options.urls.len == 0) {
        return 0;
    }
    struct err inner;
    struct codec_registry *registry = NULL;
    if (codec_registry_open(&options, &registry, &inner) < 0) {
        return forward(r, stream, &inner);
    }
    *vec_push(&r->plan->registries) = registry;
    stream->codec.registry = registry;
    if (!is_bytes(stream->key_format)) {
        stream->key_codec.registry = registry;
    }
    return 0;
}

/* The topic whose name gives the subject. */
static struct str topic_of(const struct plan_stream *stream)
{
    struct str topics = setting_of(stream, "subscribe");
    struct str first;
    return topics.len > 0 && str_split(&topics, ',', &first) ? str_trim(first) : STR("");
}

/* Whose schema has the columns, unless the options say so. */
static void set_subject(const struct resolver *r, const struct plan_stream *stream, bool is_key,
                        struct codec_options *codec)
{
    struct str topic = topic_of(stream);
    if (codec->registry != NULL && codec->subject.len == 0 && topic.len > 0) {
        AUTO_BUF struct buf subject = {0};
        codec_registry_subject(topic, is_key, &subject);
        codec->subject = arena_str(&r->plan->arena, buf_str(&subject));
    }
}

static int needs_subject(const struct resolver *r, const struct plan_stream *stream, bool is_key)
{
    return plan_complain(r->err, r->plan->file, stream->place,
                         "stream \"%.*s\": which subject of the registry has the schema? Set "
                         "schema.registry.%ssubject",
                         STR_FMT(stream->name), is_key ? "key." : "");
}

/* ---- a stream's own schemas ------------------------------------------------------------------ */

static int resolve_value(const struct resolver *r, struct plan_stream *stream)
{
    TRY(load_schema(r, stream, &stream->value_from, &stream->codec));
    set_subject(r, stream, false, &stream->codec);
    if (stream->row_type != NULL) {
        return 0;
    }
    if (is_bytes(stream->format)) {
        bool text = str_eq_c(stream->format, "text");
        struct type_field field = {.name = STR("value"),
                                   .type = type_simple(text ? TYPE_STRING : TYPE_BINARY),
                                   .nullable = true};
        stream->row_type = type_struct(&r->plan->arena, &field, 1);
        return 0;
    }
    bool registry = setting_of(stream, "schema.registry.url").len > 0;
    if (registry && !r->options->connect) {
        return needs_connection(r, stream, "the registry");
    }
    if (registry && stream->codec.subject.len == 0) {
        return needs_subject(r, stream, false);
    }
    return registry || str_eq_c(stream->format, "avro") || str_eq_c(stream->format, "protobuf")
               ? describe_value(r, stream)
               : 0; /* inferred, later */
}

static int resolve_key(const struct resolver *r, struct plan_stream *stream)
{
    if (is_bytes(stream->key_format)) {
        return 0;
    }
    TRY(load_schema(r, stream, &stream->key_from, &stream->key_codec));
    set_subject(r, stream, true, &stream->key_codec);
    bool registry = setting_of(stream, "schema.registry.url").len > 0;
    if (stream->key_row_type == NULL && registry && !r->options->connect) {
        return needs_connection(r, stream, "the registry");
    }
    if (stream->key_row_type == NULL && registry && stream->key_codec.subject.len == 0) {
        return needs_subject(r, stream, true);
    }
    return describe_key(r, stream);
}

/* ---- columns that a query has kept ----------------------------------------------------------- */

static bool is_kept(const struct plan_stream *stream)
{
    return (stream->is_inferred && str_eq_c(stream->format, "json") &&
            setting_of(stream, "schema.registry.url").len == 0) ||
           stream->evolution == PLAN_EVOLVE_ADD;
}

static int open_kept(const struct plan_table *table, const struct plan_stream *stream,
                     struct buf *key, struct store **ret_store, struct err *err)
{
    bool own = table->checkpoint_location.len > 0;
    buf_add_c(key, own ? "" : "_sluice/");
    uri_encode(key, table->query_name, "");
    buf_add_c(key, "/schema-");
    uri_encode(key, stream->name, "");
    buf_add_c(key, ".json");
    return store_open(own ? table->checkpoint_location : table->location, &table->store, ret_store,
                      err);
}

int plan_keep_schema(const struct plan_table *table, const struct plan_stream *stream,
                     struct err *err)
{
    AUTO_STORE struct store *store = NULL;
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf columns = {0};
    AUTO_BUF struct buf text = {0};
    TRY(open_kept(table, stream, &key, &store, err));
    type_print(stream->row_type, &columns);
    struct json_writer w;
    json_begin(&w, &text);
    json_open_object(&w);
    json_name(&w, "columns");
    json_str(&w, buf_str(&columns));
    json_close_object(&w);
    buf_add_char(&text, '\n');
    if (store_put(store, buf_str(&key), buf_str(&text), err) < 0) {
        return err_wrap(err, "keep the columns of stream \"%.*s\"", STR_FMT(stream->name));
    }
    return 0;
}

static int parse_kept(const struct resolver *r, struct str text, const struct type **ret_row_type)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct str columns;
    TRY(json_parse(&arena, text, &root, r->err));
    if (!json_get_str(json_find(root, "columns"), &columns)) {
        return err_set(r->err, ERR_CORRUPT, "there are no columns");
    }
    return plan_parse_type(&r->plan->arena, columns, ret_row_type, r->err);
}

/* 1 = *ret_row_type is what the query kept, 0 = it has kept nothing. */
static int read_kept(const struct resolver *r, const struct plan_table *table,
                     const struct plan_stream *stream, const struct type **ret_row_type)
{
    AUTO_STORE struct store *store = NULL;
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf text = {0};
    buf_init(&text, SCHEMA_BYTES_MAX);
    TRY(open_kept(table, stream, &key, &store, r->err));
    if (TRY(store_get(store, buf_str(&key), &text, r->err)) == STORE_ABSENT) {
        return 0;
    }
    if (parse_kept(r, buf_str(&text), ret_row_type) < 0) {
        return err_wrap(r->err, "the columns that query \"%.*s\" has kept at \"%.*s\"",
                        STR_FMT(table->query_name), STR_FMT(buf_str(&key)));
    }
    return 1;
}

/* ---- inference ------------------------------------------------------------------------------- */

struct sample {
    const struct resolver *r;
    struct plan_stream *stream;
    struct codec_infer *infer;
    uint64_t messages;
    int64_t wait_until_us; /* for the first message */
    int64_t until_us;      /* after it; INT64_MAX = it has not come */
};

static void take_packet(struct sample *s, const struct packet *packet)
{
    for (size_t i = 0; i < packet->count && s->messages < s->stream->sample_rows; i++) {
        if (packet->messages[i].value.ptr != NULL) {
            codec_infer_add(s->infer, packet->messages[i].value);
            s->messages++;
        }
    }
    if (s->until_us == INT64_MAX && s->messages > 0) {
        s->until_us = clock_mono_us() + s->stream->sample_us;
    }
}

static int poll_sample(struct sample *s, struct source *source)
{
    struct err *err = s->r->err;
    while (s->messages < s->stream->sample_rows) {
        int64_t now = clock_mono_us();
        if (now >= s->until_us || (s->until_us == INT64_MAX && now >= s->wait_until_us)) {
            return 0;
        }
        if (stop_is_set(s->r->options->stop)) {
            return err_set(err, ERR_CANCELED, "stopped while waiting for a message to infer from");
        }
        struct packet *packet = NULL;
        int rc =
            TRY(source_poll(source, now + POLL_US, PACKET_MESSAGES_MAX, PACKET_MAX, &packet, err));
        if (rc == SOURCE_PACKET) {
            take_packet(s, packet);
            packet_free(packet);
        } else if (rc == SOURCE_END) {
            return 0;
        }
    }
    return 0;
}

static int read_sample(struct sample *s, const struct settings *settings)
{
    struct err *err = s->r->err;
    struct source *source = NULL;
    TRY(source_open(s->stream->source, settings, "schema-inference", s->r->options->stop, &source,
                    err));
    AUTO_ARENA struct arena arena = {0};
    source_watch(source, s->r->options->on_source_status, arena_strdup(&arena, s->stream->name));
    int rc = source_discover(source, err);
    if (rc >= 0) {
        bool *which = arena_new_array(&arena, bool, source->partitions.count);
        memset(which, true, source->partitions.count);
        rc = source_resolve(source, which, err);
    }
    rc = rc < 0 ? rc : source_start(source, err);
    rc = rc < 0 ? rc : poll_sample(s, source);
    source_close(source);
    return rc;
}

/* The stream's settings, but from the earliest message on. */
static void from_the_start(const struct plan_stream *stream, struct settings *out)
{
    vec_foreach (struct setting, setting, &stream->settings.items) {
        if (!str_starts_nocase(setting->name, STR("starting"))) {
            *vec_push(&out->items) = *setting;
        }
    }
    *vec_push(&out->items) =
        (struct setting){.name = STR("startingOffsets"), .value = STR("earliest")};
}

/*
 * Looks where the query would begin; when nothing comes there (startingOffsets = latest), at the
 * oldest messages, and waits there for a first one.
 */
static int sample_stream(struct sample *s)
{
    bool is_kafka = str_eq_c(str_of(s->stream->source->name), "kafka");
    int64_t begun = clock_mono_us();
    int64_t wait = s->r->options->wait_us;
    int64_t limit = wait > INT64_MAX - begun ? INT64_MAX : begun + wait;
    s->until_us = INT64_MAX;
    s->wait_until_us = is_kafka && limit > begun + PROBE_US ? begun + PROBE_US : limit;
    TRY(read_sample(s, &s->stream->settings));
    if (s->messages > 0 || !is_kafka) {
        return 0;
    }
    struct settings settings = {0};
    from_the_start(s->stream, &settings);
    s->wait_until_us = limit;
    int rc = read_sample(s, &settings);
    vec_done(&settings.items);
    return rc;
}

static int take_inferred(const struct resolver *r, struct plan_stream *stream,
                         const struct codec_infer *infer)
{
    struct arena *arena = &r->plan->arena;
    const struct type *row_type = codec_infer_type(infer, arena);
    if (stream->hints != NULL) {
        struct err inner;
        if (codec_infer_hint(row_type, stream->hints, arena, &row_type, &inner) < 0) {
            return plan_complain(
                r->err, r->plan->file,
                plan_option_place(settings_find(&stream->settings, "schemaHints"), stream->place),
                "schemaHints: %s", inner.msg);
        }
    }
    row_type = plan_usable_columns(arena, row_type);
    if (row_type->field_count == 0) {
        return plan_complain(r->err, r->plan->file, stream->place,
                             "stream \"%.*s\" has no column list, and none of the %" PRIu64
                             " messages looked at is a JSON object with fields",
                             STR_FMT(stream->name), codec_infer_sample_count(infer));
    }
    stream->row_type = row_type;
    return 0;
}

static int infer_stream(const struct resolver *r, struct plan_stream *stream)
{
    struct codec_infer_options options = {.timestamps = stream->infer_timestamps,
                                          .allow_nan = stream->codec.allow_nan};
    struct sample s = {.r = r, .stream = stream};
    TRY(codec_infer_new(stream->format, &options, &s.infer, r->err));
    int rc = sample_stream(&s);
    if (rc < 0) {
        err_wrap(r->err, "stream \"%.*s\"", STR_FMT(stream->name));
    } else if (s.messages == 0) {
        rc = plan_complain(r->err, r->plan->file, stream->place,
                           "stream \"%.*s\" has no column list, and no message to infer one from",
                           STR_FMT(stream->name));
    } else {
        rc = take_inferred(r, stream, s.infer);
    }
    codec_infer_free(s.infer);
    return rc < 0 ? rc : 0;
}

/* ---- all together ---------------------------------------------------------------------------- */

/* The stream as the table's query sees it. */
static int resolve_for_table(const struct resolver *r, struct plan_table *table, size_t index)
{
    struct plan_stream *shared = &r->plan->streams.items[index];
    const struct type *kept = NULL;
    bool may_be_kept = is_kept(shared);
    if (may_be_kept && r->options->connect) {
        TRY(read_kept(r, table, shared, &kept));
    }
    if (kept == NULL && shared->row_type == NULL) {
        if (!r->options->connect) {
            return needs_connection(r, shared, "the topic's messages");
        }
        TRY(infer_stream(r, shared));
    }
    struct plan_stream *own = &table->streams[index];
    *own = *shared;
    if (kept != NULL) {
        /* A column list that was written since is newer than what was kept. */
        const struct type *widened = kept;
        if (shared->row_type != NULL && !shared->is_inferred) {
            struct codec_infer_paths added;
            widened = codec_infer_widen(shared->row_type, kept, &r->plan->arena, &added);
        }
        own->row_type = widened;
    }
    own->must_keep = may_be_kept && (kept == NULL || own->row_type != kept);
    plan_stream_finish(&r->plan->arena, own);
    return 0;
}

int plan_resolve(struct plan *plan, const struct plan_resolve_options *options, struct err *err)
{
    struct resolver r = {.plan = plan, .options = options, .err = err};
    vec_foreach (struct plan_stream, stream, &plan->streams) {
        if (options->connect) {
            TRY(open_registry(&r, stream));
        }
        TRY(resolve_value(&r, stream));
        TRY(resolve_key(&r, stream));
    }
    vec_foreach (struct plan_table, table, &plan->tables) {
        table->streams = arena_new_array(&plan->arena, struct plan_stream, plan->streams.count);
        for (size_t i = 0; i < plan->streams.count; i++) {
            TRY(resolve_for_table(&r, table, i));
        }
    }
    return 0;
}

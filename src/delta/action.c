/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/action.h"

#include <stdio.h>

#include "delta/path.h"

/*
 * action - one line of the log
 *
 * A line is an object with one member, whose name says what it is:
 *     {"add":{"path":"part-….parquet","partitionValues":{},"size":841,…}}
 *
 *  (1) Actions and members that we do not know are ignored; null is the same
 *      as not there (checkpoint rows that became JSON have many of them).
 *  (2) What an action must have (delta.md 1.1) and has not is ERR_DATA; the
 *      caller, who knows the file and the line, makes it ERR_CORRUPT.
 *  (3) Paths stay as they are written: an add and its remove are matched by
 *      the raw string.  Decoding is path.c's.
 *
 * What a sequence of actions amounts to is state.c; SQL does it for files
 * (replay.c).
 */

static struct str text_of(const struct json *object, const char *name)
{
    struct str text = STR_NULL;
    (void)json_get_str(json_find(object, name), &text);
    return text;
}

static int64_t number_of(const struct json *object, const char *name, int64_t otherwise)
{
    int64_t value = otherwise;
    (void)json_get_i64(json_find(object, name), &value);
    return value;
}

static bool bool_of(const struct json *object, const char *name)
{
    bool value = false;
    (void)json_get_bool(json_find(object, name), &value);
    return value;
}

static const struct json *object_of(const struct json *object, const char *name)
{
    const struct json *value = json_find(object, name);
    return value != NULL && value->kind == JSON_OBJECT ? value : NULL;
}

static int lacks(const char *action, const char *member, struct err *err)
{
    return err_set(err, ERR_DATA, "action \"%s\" has no valid \"%s\"", action, member);
}

/* The strings of an array in the arena; other elements are left out. */
static struct str *strings_of(struct arena *arena, const struct json *object, const char *name,
                              size_t *ret_count)
{
    const struct json *array = json_find(object, name);
    *ret_count = 0;
    if (array == NULL || array->kind != JSON_ARRAY || array->count == 0) {
        return NULL;
    }
    struct str *items = arena_new_array(arena, struct str, array->count);
    json_foreach (it, array) {
        if (json_get_str(it, &items[*ret_count])) {
            (*ret_count)++;
        }
    }
    return items;
}

static int parse_protocol(struct arena *arena, const struct json *v, struct delta_protocol *p,
                          struct err *err)
{
    int64_t reader = number_of(v, "minReaderVersion", -1);
    int64_t writer = number_of(v, "minWriterVersion", -1);
    if (reader < 0 || reader > INT32_MAX) {
        return lacks("protocol", "minReaderVersion", err);
    }
    if (writer < 0 || writer > INT32_MAX) {
        return lacks("protocol", "minWriterVersion", err);
    }
    p->min_reader = (int)reader;
    p->min_writer = (int)writer;
    p->reader_features.items = strings_of(arena, v, "readerFeatures", &p->reader_features.count);
    p->writer_features.items = strings_of(arena, v, "writerFeatures", &p->writer_features.count);
    return 0;
}

static int parse_metadata(struct arena *arena, const struct json *v, struct delta_metadata *m,
                          struct err *err)
{
    m->id = text_of(v, "id");
    m->name = text_of(v, "name");
    m->description = text_of(v, "description");
    m->schema_string = text_of(v, "schemaString");
    m->created_ms = number_of(v, "createdTime", 0);
    if (m->id.ptr == NULL) {
        return lacks("metaData", "id", err);
    }
    if (m->schema_string.ptr == NULL) {
        return lacks("metaData", "schemaString", err);
    }
    m->partition_columns.items =
        strings_of(arena, v, "partitionColumns", &m->partition_columns.count);
    const struct json *configuration = object_of(v, "configuration");
    if (configuration != NULL && configuration->count > 0) {
        m->configuration.items =
            arena_new_array(arena, struct delta_property, configuration->count);
        json_foreach (it, configuration) {
            struct str value = STR_NULL;
            if (json_get_str(it, &value)) {
                m->configuration.items[m->configuration.count++] =
                    (struct delta_property){it->name, value};
            }
        }
    }
    return 0;
}

static int parse_txn(const struct json *v, struct delta_txn *txn, struct err *err)
{
    txn->app_id = text_of(v, "appId");
    if (txn->app_id.ptr == NULL) {
        return lacks("txn", "appId", err);
    }
    if (!json_get_i64(json_find(v, "version"), &txn->version)) {
        return lacks("txn", "version", err);
    }
    txn->last_updated_ms = number_of(v, "lastUpdated", 0);
    return 0;
}

/* "<storageType><pathOrInlineDv>[@offset]" */
static int parse_deletion_vector(struct arena *arena, const struct json *dv, struct str *ret_id,
                                 struct err *err)
{
    struct str type = text_of(dv, "storageType");
    struct str where = text_of(dv, "pathOrInlineDv");
    if (type.ptr == NULL || where.ptr == NULL) {
        return err_set(err, ERR_DATA, "deletion vector has no storageType or pathOrInlineDv");
    }
    int64_t offset = 0;
    bool has_offset = json_get_i64(json_find(dv, "offset"), &offset);
    size_t room = type.len + where.len + 24;
    char *id = arena_alloc(arena, room);
    memcpy(id, type.ptr, type.len);
    memcpy(id + type.len, where.ptr, where.len);
    size_t len = type.len + where.len;
    if (has_offset) {
        len += (size_t)snprintf(id + len, room - len, "@%" PRId64, offset);
    }
    *ret_id = str_n(id, len);
    return 0;
}

static int parse_file(struct arena *arena, const struct json *v, struct delta_action *action,
                      struct err *err)
{
    struct delta_action_file *f = &action->file;
    const char *name = action->kind == DELTA_ACTION_ADD      ? "add"
                       : action->kind == DELTA_ACTION_REMOVE ? "remove"
                                                             : "cdc";
    const char *time =
        action->kind == DELTA_ACTION_REMOVE ? "deletionTimestamp" : "modificationTime";
    f->path = text_of(v, "path");
    f->dv_id = STR("");
    f->stats = text_of(v, "stats");
    f->clustering_provider = text_of(v, "clusteringProvider");
    f->partition_values = object_of(v, "partitionValues");
    f->tags = object_of(v, "tags");
    f->deletion_vector = object_of(v, "deletionVector");
    f->size_bytes = number_of(v, "size", -1);
    f->modified_ms = number_of(v, time, -1);
    f->base_row_id = number_of(v, "baseRowId", -1);
    f->default_row_commit_version = number_of(v, "defaultRowCommitVersion", -1);
    f->data_change = bool_of(v, "dataChange");
    f->extended_metadata = bool_of(v, "extendedFileMetadata");
    if (f->path.len == 0) {
        return lacks(name, "path", err);
    }
    if (action->kind == DELTA_ACTION_ADD && f->size_bytes < 0) {
        return lacks(name, "size", err);
    }
    if (f->deletion_vector != NULL) {
        TRY(parse_deletion_vector(arena, f->deletion_vector, &f->dv_id, err));
    }
    return 0;
}

static void parse_info(const struct json *v, struct delta_action_info *info)
{
    const struct json *parameters = object_of(v, "operationParameters");
    info->operation = text_of(v, "operation");
    info->mode = text_of(parameters, "mode");
    if (info->mode.ptr == NULL) {
        info->mode = text_of(parameters, "outputMode");
    }
    info->txn_id = text_of(v, "txnId");
    info->in_commit_timestamp_ms = number_of(v, "inCommitTimestamp", 0);
    info->tree = v;
}

static int parse_domain(const struct json *v, struct delta_action_domain *domain, struct err *err)
{
    domain->domain = text_of(v, "domain");
    domain->configuration = text_of(v, "configuration");
    domain->removed = bool_of(v, "removed");
    return domain->domain.ptr == NULL ? lacks("domainMetadata", "domain", err) : 0;
}

static int parse_sidecar(const struct json *v, struct delta_action_sidecar *sidecar,
                         struct err *err)
{
    sidecar->path = text_of(v, "path");
    sidecar->size_bytes = number_of(v, "sizeInBytes", -1);
    return sidecar->path.len == 0 ? lacks("sidecar", "path", err) : 0;
}

static const struct {
    const char *name;
    enum delta_action_kind kind;
} action_names[] = {
    {"add", DELTA_ACTION_ADD},
    {"remove", DELTA_ACTION_REMOVE},
    {"txn", DELTA_ACTION_TXN},
    {"commitInfo", DELTA_ACTION_COMMIT_INFO},
    {"metaData", DELTA_ACTION_METADATA},
    {"protocol", DELTA_ACTION_PROTOCOL},
    {"domainMetadata", DELTA_ACTION_DOMAIN},
    {"cdc", DELTA_ACTION_CDC},
    {"sidecar", DELTA_ACTION_SIDECAR},
    {"checkpointMetadata", DELTA_ACTION_CHECKPOINT},
};

static const struct json *find_action(const struct json *root, enum delta_action_kind *ret_kind)
{
    json_foreach (member, root) {
        for (size_t i = 0; i < ARRAY_COUNT(action_names); i++) {
            if (member->kind == JSON_OBJECT && str_eq_c(member->name, action_names[i].name)) {
                *ret_kind = action_names[i].kind;
                return member;
            }
        }
    }
    *ret_kind = DELTA_ACTION_UNKNOWN;
    return NULL;
}

int delta_action_parse(struct arena *arena, struct str line, struct delta_action *ret_action,
                       struct err *err)
{
    struct json *root = NULL;
    TRY(json_parse(arena, line, &root, err));
    if (root->kind != JSON_OBJECT) {
        return err_set(err, ERR_DATA, "a line of the log must be a JSON object");
    }
    struct delta_action action = {0};
    const struct json *v = find_action(root, &action.kind);
    switch (action.kind) {
    case DELTA_ACTION_UNKNOWN:
        break;
    case DELTA_ACTION_PROTOCOL:
        TRY(parse_protocol(arena, v, &action.protocol, err));
        break;
    case DELTA_ACTION_METADATA:
        TRY(parse_metadata(arena, v, &action.metadata, err));
        break;
    case DELTA_ACTION_TXN:
        TRY(parse_txn(v, &action.txn, err));
        break;
    case DELTA_ACTION_ADD:
    case DELTA_ACTION_REMOVE:
    case DELTA_ACTION_CDC:
        TRY(parse_file(arena, v, &action, err));
        break;
    case DELTA_ACTION_COMMIT_INFO:
        parse_info(v, &action.info);
        break;
    case DELTA_ACTION_DOMAIN:
        TRY(parse_domain(v, &action.domain, err));
        break;
    case DELTA_ACTION_SIDECAR:
        TRY(parse_sidecar(v, &action.sidecar, err));
        break;
    case DELTA_ACTION_CHECKPOINT:
        action.checkpoint_version = number_of(v, "version", -1);
        break;
    }
    *ret_action = action;
    return 0;
}

bool delta_action_is_file(const struct delta_action *action)
{
    return action->kind == DELTA_ACTION_ADD || action->kind == DELTA_ACTION_REMOVE ||
           action->kind == DELTA_ACTION_CDC;
}

bool delta_action_replaces(const struct delta_action_info *info)
{
    return str_eq_nocase(info->operation, STR("RESTORE")) ||
           str_starts_nocase(info->operation, STR("CREATE OR REPLACE")) ||
           str_starts_nocase(info->operation, STR("REPLACE")) ||
           str_eq_nocase(info->mode, STR("Overwrite")) ||
           str_eq_nocase(info->mode, STR("Complete"));
}

/* ---- printing ------------------------------------------------------------------------------ */

static void open_action(struct json_writer *w, struct buf *out, const char *name)
{
    json_begin(w, out);
    json_open_object(w);
    json_name(w, name);
    json_open_object(w);
}

static void close_action(struct json_writer *w)
{
    json_close_object(w);
    json_close_object(w);
    buf_add_char(w->out, '\n');
}

static void write_strings(struct json_writer *w, const char *name, const struct str *items,
                          size_t count)
{
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        json_str(w, items[i]);
    }
    json_close_array(w);
}

static void write_text(struct json_writer *w, const char *name, struct str value)
{
    if (value.ptr != NULL) {
        json_name(w, name);
        json_str(w, value);
    }
}

static void write_number(struct json_writer *w, const char *name, int64_t value)
{
    json_name(w, name);
    json_i64(w, value);
}

void delta_action_print_protocol(const struct delta_protocol *protocol, struct buf *out)
{
    struct json_writer w;
    open_action(&w, out, "protocol");
    write_number(&w, "minReaderVersion", protocol->min_reader);
    write_number(&w, "minWriterVersion", protocol->min_writer);
    if (protocol->min_reader >= 3) {
        write_strings(&w, "readerFeatures", protocol->reader_features.items,
                      protocol->reader_features.count);
    }
    if (protocol->min_writer >= 7) {
        write_strings(&w, "writerFeatures", protocol->writer_features.items,
                      protocol->writer_features.count);
    }
    close_action(&w);
}

void delta_action_print_metadata(const struct delta_metadata *metadata, struct buf *out)
{
    struct json_writer w;
    open_action(&w, out, "metaData");
    write_text(&w, "id", metadata->id);
    if (metadata->name.len > 0) {
        write_text(&w, "name", metadata->name);
    }
    if (metadata->description.len > 0) {
        write_text(&w, "description", metadata->description);
    }
    json_name(&w, "format");
    json_raw(&w, STR("{\"provider\":\"parquet\",\"options\":{}}"));
    write_text(&w, "schemaString", metadata->schema_string);
    write_strings(&w, "partitionColumns", metadata->partition_columns.items,
                  metadata->partition_columns.count);
    json_name(&w, "configuration");
    json_open_object(&w);
    for (size_t i = 0; i < metadata->configuration.count; i++) {
        json_name_str(&w, metadata->configuration.items[i].name);
        json_str(&w, metadata->configuration.items[i].value);
    }
    json_close_object(&w);
    if (metadata->created_ms != 0) {
        write_number(&w, "createdTime", metadata->created_ms);
    }
    close_action(&w);
}

void delta_action_print_txn(const struct delta_txn *txn, struct buf *out)
{
    struct json_writer w;
    open_action(&w, out, "txn");
    write_text(&w, "appId", txn->app_id);
    write_number(&w, "version", txn->version);
    if (txn->last_updated_ms != 0) {
        write_number(&w, "lastUpdated", txn->last_updated_ms);
    }
    close_action(&w);
}

void delta_action_print_domain(const struct delta_action_domain *domain, struct buf *out)
{
    struct json_writer w;
    open_action(&w, out, "domainMetadata");
    write_text(&w, "domain", domain->domain);
    write_text(&w, "configuration",
               domain->configuration.ptr == NULL ? STR("") : domain->configuration);
    json_name(&w, "removed");
    json_bool(&w, domain->removed);
    close_action(&w);
}

void delta_action_print_add(const struct delta_add *add, const struct str *partition_columns,
                            struct buf *out)
{
    struct json_writer w;
    AUTO_BUF struct buf path = {0};
    delta_path_encode(add->key, &path);
    open_action(&w, out, "add");
    write_text(&w, "path", buf_str(&path));
    json_name(&w, "partitionValues");
    json_open_object(&w);
    for (size_t i = 0; i < add->partition_count; i++) {
        json_name_str(&w, partition_columns[i]);
        if (add->partition_values[i].ptr == NULL) {
            json_null(&w);
        } else {
            json_str(&w, add->partition_values[i]);
        }
    }
    json_close_object(&w);
    write_number(&w, "size", (int64_t)add->size_bytes);
    write_number(&w, "modificationTime", add->modified_ms);
    json_name(&w, "dataChange");
    json_bool(&w, true);
    if (add->stats.len > 0) {
        write_text(&w, "stats", add->stats);
    }
    close_action(&w);
}

/* A map whose values are strings or null. */
static void write_map(struct json_writer *w, const char *name, const struct json *object)
{
    if (object == NULL) {
        return;
    }
    json_name(w, name);
    json_open_object(w);
    json_foreach (it, object) {
        json_name_str(w, it->name);
        switch (it->kind) {
        case JSON_STRING:
        case JSON_NUMBER:
            json_str(w, it->text);
            break;
        case JSON_TRUE:
            json_c(w, "true");
            break;
        case JSON_FALSE:
            json_c(w, "false");
            break;
        case JSON_NULL:
        case JSON_ARRAY:
        case JSON_OBJECT:
            json_null(w);
            break;
        }
    }
    json_close_object(w);
}

static void write_number_if(struct json_writer *w, const char *name, int64_t value)
{
    if (value >= 0) {
        write_number(w, name, value);
    }
}

static void write_deletion_vector(struct json_writer *w, const struct json *dv)
{
    static const char *const numbers[] = {"offset", "sizeInBytes", "cardinality", "maxRowIndex"};
    if (dv == NULL) {
        return;
    }
    json_name(w, "deletionVector");
    json_open_object(w);
    write_text(w, "storageType", text_of(dv, "storageType"));
    write_text(w, "pathOrInlineDv", text_of(dv, "pathOrInlineDv"));
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        int64_t value = 0;
        if (json_get_i64(json_find(dv, numbers[i]), &value)) {
            write_number(w, numbers[i], value);
        }
    }
    json_close_object(w);
}

void delta_action_write_file(struct json_writer *w, const struct delta_action *action)
{
    assert(action->kind == DELTA_ACTION_ADD || action->kind == DELTA_ACTION_REMOVE);
    bool is_add = action->kind == DELTA_ACTION_ADD;
    const struct delta_action_file *f = &action->file;
    json_open_object(w);
    write_text(w, "path", f->path);
    write_map(w, "partitionValues", f->partition_values);
    write_number_if(w, "size", f->size_bytes);
    write_number_if(w, is_add ? "modificationTime" : "deletionTimestamp", f->modified_ms);
    json_name(w, "dataChange");
    json_bool(w, f->data_change);
    if (is_add) {
        write_text(w, "stats", f->stats);
        write_map(w, "tags", f->tags);
        write_text(w, "clusteringProvider", f->clustering_provider);
    } else {
        json_name(w, "extendedFileMetadata");
        json_bool(w, f->extended_metadata);
    }
    write_deletion_vector(w, f->deletion_vector);
    write_number_if(w, "baseRowId", f->base_row_id);
    write_number_if(w, "defaultRowCommitVersion", f->default_row_commit_version);
    json_close_object(w);
}

/* ---- copies --------------------------------------------------------------------------------- */

static struct str copy_text(struct arena *arena, struct str text)
{
    return text.ptr == NULL ? STR_NULL : arena_str(arena, text);
}

static struct str *copy_strings(struct arena *arena, const struct str *items, size_t count)
{
    struct str *copy = count == 0 ? NULL : arena_new_array(arena, struct str, count);
    for (size_t i = 0; i < count; i++) {
        copy[i] = copy_text(arena, items[i]);
    }
    return copy;
}

void delta_action_copy_protocol(struct arena *arena, const struct delta_protocol *from,
                                struct delta_protocol *ret_copy)
{
    *ret_copy = *from;
    ret_copy->reader_features.items =
        copy_strings(arena, from->reader_features.items, from->reader_features.count);
    ret_copy->writer_features.items =
        copy_strings(arena, from->writer_features.items, from->writer_features.count);
}

void delta_action_copy_metadata(struct arena *arena, const struct delta_metadata *from,
                                struct delta_metadata *ret_copy)
{
    *ret_copy = *from;
    ret_copy->id = copy_text(arena, from->id);
    ret_copy->name = copy_text(arena, from->name);
    ret_copy->description = copy_text(arena, from->description);
    ret_copy->schema_string = copy_text(arena, from->schema_string);
    ret_copy->schema = NULL;
    ret_copy->partition_columns.items =
        copy_strings(arena, from->partition_columns.items, from->partition_columns.count);
    size_t count = from->configuration.count;
    ret_copy->configuration.items =
        count == 0 ? NULL : arena_new_array(arena, struct delta_property, count);
    for (size_t i = 0; i < count; i++) {
        ret_copy->configuration.items[i].name = copy_text(arena, from->configuration.items[i].name);
        ret_copy->configuration.items[i].value =
            copy_text(arena, from->configuration.items[i].value);
    }
}

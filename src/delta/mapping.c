/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/feature.h"
#include "delta/schema.h"

/*
 * mapping - what a table's columns are called in its files
 *
 * Without column mapping, what they are called in the table.  With it, each field
 * of the schema has in its metadata
 *
 *     delta.columnMapping.physicalName   its name in files, statistics, partitionValues
 *     delta.columnMapping.id             its field id in files
 *
 *  (1) Mode "name" finds columns by the physical name, mode "id" by the id; the
 *      fields of a struct have physical names in both.
 *  (2) A field without the member that its mode needs is ERR_CORRUPT: to fall
 *      back on the name would read NULLs.
 *  (3) An unknown mode is refused.
 */
enum mode { MODE_NONE, MODE_NAME, MODE_ID };

static int read_mode(const struct delta_snapshot *snapshot, enum mode *ret_mode, struct err *err)
{
    struct str mode = delta_feature_property(&snapshot->metadata, "delta.columnMapping.mode");
    if (mode.len == 0 || str_eq_nocase_c(mode, "none")) {
        *ret_mode = MODE_NONE;
    } else if (str_eq_nocase_c(mode, "name")) {
        *ret_mode = MODE_NAME;
    } else if (str_eq_nocase_c(mode, "id")) {
        *ret_mode = MODE_ID;
    } else {
        return err_set(err, ERR_CONFIG,
                       "the table cannot be read: delta.columnMapping.mode is \"%.*s\"",
                       STR_FMT(mode));
    }
    return 0;
}

static int physical_name(struct arena *arena, const struct json *field, struct str *ret_name,
                         struct err *err)
{
    struct str name = STR("");
    const struct json *metadata = json_find(field, "metadata");
    if (!json_get_str(json_find(metadata, "delta.columnMapping.physicalName"), &name) ||
        name.len == 0) {
        (void)json_get_str(json_find(field, "name"), &name);
        return err_set(err, ERR_CORRUPT, "column \"%.*s\" has no physical name", STR_FMT(name));
    }
    *ret_name = arena_str(arena, name);
    return 0;
}

static int physical_type(struct arena *arena, const struct json *node, const struct type *type,
                         const struct type **ret_type, struct err *err);

static int physical_struct(struct arena *arena, const struct json *node, const struct type *type,
                           const struct type **ret_type, struct err *err)
{
    struct type_field *fields = arena_new_array(arena, struct type_field, type->field_count + 1);
    const struct json *item = json_find(node, "fields")->child;
    for (size_t i = 0; i < type->field_count; i++, item = item->next) {
        fields[i] = type->fields[i];
        TRY(physical_name(arena, item, &fields[i].name, err));
        TRY(physical_type(arena, json_find(item, "type"), type->fields[i].type, &fields[i].type,
                          err));
    }
    *ret_type = type_struct(arena, fields, type->field_count);
    return 0;
}

/* `type` was read from `node`, so their shapes are the same. */
static int physical_type(struct arena *arena, const struct json *node, const struct type *type,
                         const struct type **ret_type, struct err *err)
{
    const struct type *first = NULL;
    const struct type *second = NULL;
    switch (type->kind) {
    case TYPE_STRUCT:
        return physical_struct(arena, node, type, ret_type, err);
    case TYPE_ARRAY:
        TRY(physical_type(arena, json_find(node, "elementType"), type->fields[0].type, &first,
                          err));
        *ret_type = type_array(arena, first, type->fields[0].nullable);
        return 0;
    case TYPE_MAP:
        TRY(physical_type(arena, json_find(node, "keyType"), type->fields[0].type, &first, err));
        TRY(physical_type(arena, json_find(node, "valueType"), type->fields[1].type, &second, err));
        *ret_type = type_map(arena, first, second, type->fields[1].nullable);
        return 0;
    default:
        *ret_type = type;
        return 0;
    }
}

static ptrdiff_t partition_of(const struct delta_metadata *metadata, struct str name)
{
    for (size_t i = 0; i < metadata->partition_columns.count; i++) {
        if (str_eq_nocase(metadata->partition_columns.items[i], name)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

static int map_column(struct arena *arena, enum mode mode, const struct json *field,
                      struct delta_column *column, struct err *err)
{
    int64_t id = -1;
    const struct json *metadata = json_find(field, "metadata");
    TRY(physical_name(arena, field, &column->name, err));
    TRY(physical_type(arena, json_find(field, "type"), column->type, &column->type, err));
    if (mode == MODE_ID && (!json_get_i64(json_find(metadata, "delta.columnMapping.id"), &id) ||
                            id < 0 || id > INT32_MAX)) {
        return err_set(err, ERR_CORRUPT, "column \"%.*s\" has no field id", STR_FMT(column->name));
    }
    column->field_id = id;
    return 0;
}

int delta_columns(struct arena *arena, const struct delta_snapshot *snapshot,
                  struct delta_column **ret_columns, struct err *err)
{
    const struct delta_metadata *m = &snapshot->metadata;
    enum mode mode = MODE_NONE;
    struct json *root = NULL;
    assert(m->schema != NULL);
    TRY(read_mode(snapshot, &mode, err));
    TRY(json_parse(arena, m->schema_string, &root, err));
    const struct json *field = json_find(root, "fields")->child;
    struct delta_column *columns =
        arena_new_array(arena, struct delta_column, m->schema->field_count + 1);
    for (size_t i = 0; i < m->schema->field_count; i++, field = field->next) {
        const struct type_field *logical = &m->schema->fields[i];
        columns[i] = (struct delta_column){
            .name = logical->name,
            .field_id = -1,
            .partition = partition_of(m, logical->name),
            .type = logical->type,
        };
        if (mode != MODE_NONE) {
            TRY(map_column(arena, mode, field, &columns[i], err));
        }
    }
    *ret_columns = columns;
    return 0;
}

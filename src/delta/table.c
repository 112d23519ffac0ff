/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/feature.h"

/*
 * table - metadata and protocol of a table that we create or change
 *
 *  (1) A new table is protocol 1/2 unless a column type or a property needs
 *      more: everybody can open 1/2 (delta.md decision 1).
 *  (2) When feature lists are needed, what the old number implied is listed too:
 *      appendOnly and invariants above all, or Spark refuses the table.
 *  (3) Properties with the prefix "delta." are checked by name and value;
 *      others are the user's.
 */

enum property_kind { PROPERTY_BOOL, PROPERTY_INT, PROPERTY_BYTES, PROPERTY_TIME, PROPERTY_TEXT };

static const struct {
    const char *name;
    enum property_kind kind;
} properties_known[] = {
    {"delta.appendOnly", PROPERTY_BOOL},
    {"delta.autoOptimize.autoCompact", PROPERTY_TEXT},
    {"delta.autoOptimize.optimizeWrite", PROPERTY_BOOL},
    {"delta.checkpoint.writeStatsAsJson", PROPERTY_BOOL},
    {"delta.checkpoint.writeStatsAsStruct", PROPERTY_BOOL},
    {"delta.checkpointInterval", PROPERTY_INT},
    {"delta.checkpointPolicy", PROPERTY_TEXT},
    {"delta.dataSkippingNumIndexedCols", PROPERTY_INT},
    {"delta.dataSkippingStatsColumns", PROPERTY_TEXT},
    {"delta.dataSkippingStringPrefixLength", PROPERTY_INT},
    {"delta.deletedFileRetentionDuration", PROPERTY_TIME},
    {"delta.enableChangeDataFeed", PROPERTY_BOOL},
    {"delta.enableDeletionVectors", PROPERTY_BOOL},
    {"delta.enableExpiredLogCleanup", PROPERTY_BOOL},
    {"delta.enableInCommitTimestamps", PROPERTY_BOOL},
    {"delta.isolationLevel", PROPERTY_TEXT},
    {"delta.logRetentionDuration", PROPERTY_TIME},
    {"delta.parquet.compression.codec", PROPERTY_TEXT},
    {"delta.randomizeFilePrefixes", PROPERTY_BOOL},
    {"delta.setTransactionRetentionDuration", PROPERTY_TIME},
    {"delta.targetFileSize", PROPERTY_BYTES},
    {"delta.tuneFileSizesForRewrites", PROPERTY_BOOL},
};

static bool is_valid_value(enum property_kind kind, struct str value)
{
    bool truth;
    int64_t number;
    uint64_t bytes;
    switch (kind) {
    case PROPERTY_BOOL:
        return str_to_bool(value, &truth);
    case PROPERTY_INT:
        return str_to_i64(value, &number) && number >= -1;
    case PROPERTY_BYTES:
        return str_to_bytes(value, &bytes);
    case PROPERTY_TIME:
        return str_to_duration_us(value, &number) && number >= 0;
    case PROPERTY_TEXT:
        return true;
    }
    assert(false);
}

static int check_property(const struct delta_property *property, struct err *err)
{
    if (!str_starts_nocase(property->name, STR("delta."))) {
        return 0;
    }
    const char *nearest = properties_known[0].name;
    size_t nearest_distance = SIZE_MAX;
    for (size_t i = 0; i < ARRAY_COUNT(properties_known); i++) {
        struct str known = str_of(properties_known[i].name);
        if (str_eq(property->name, known)) {
            if (!is_valid_value(properties_known[i].kind, property->value)) {
                return err_set(err, ERR_CONFIG, "table property \"%.*s\": bad value \"%.*s\"",
                               STR_FMT(property->name), STR_FMT(property->value));
            }
            return 0;
        }
        size_t distance = str_distance(known, property->name);
        if (distance < nearest_distance) {
            nearest = properties_known[i].name;
            nearest_distance = distance;
        }
    }
    return err_set(err, ERR_CONFIG,
                   "table property \"%.*s\" is not supported; did you mean \"%s\"?",
                   STR_FMT(property->name), nearest);
}

int delta_table_make(struct arena *arena, const struct type *row_type,
                     const struct str *partition_columns, size_t partition_count,
                     const struct delta_property *properties, size_t property_count,
                     struct delta_metadata *ret_metadata, struct delta_protocol *ret_protocol,
                     struct err *err)
{
    TRY(delta_schema_check(row_type, err));
    TRY(delta_partition_check(row_type, partition_columns, partition_count, err));
    struct delta_metadata metadata = {.created_ms = clock_wall_us() / 1000};
    char uuid[UUID_TEXT];
    rand_uuid(uuid);
    metadata.id = arena_str(arena, str_of(uuid));
    AUTO_BUF struct buf text = {0};
    delta_schema_print(row_type, &text);
    metadata.schema_string = arena_str(arena, buf_str(&text));
    TRY(delta_schema_parse(arena, metadata.schema_string, &metadata.schema, err));

    metadata.partition_columns.items = arena_new_array(arena, struct str, partition_count + 1);
    for (size_t i = 0; i < partition_count; i++) {
        /* As the column is spelled: names in the log are compared to the letter. */
        ptrdiff_t at = type_find_field_nocase(row_type, partition_columns[i]);
        assert(at >= 0);
        metadata.partition_columns.items[i] = arena_str(arena, row_type->fields[at].name);
    }
    metadata.partition_columns.count = partition_count;
    metadata.configuration.items =
        arena_new_array(arena, struct delta_property, property_count + 1);
    for (size_t i = 0; i < property_count; i++) {
        TRY(check_property(&properties[i], err));
        metadata.configuration.items[i].name = arena_str(arena, properties[i].name);
        metadata.configuration.items[i].value = arena_str(arena, properties[i].value);
    }
    metadata.configuration.count = property_count;

    struct delta_protocol plain = {.min_reader = 1, .min_writer = 2};
    struct delta_protocol protocol = plain;
    (void)TRY(delta_protocol_for(arena, &plain, &metadata, &protocol, err));
    TRY(delta_feature_check_append(&protocol, &metadata, err));
    *ret_metadata = metadata;
    *ret_protocol = protocol;
    return 0;
}

/* ---- the protocol that metadata needs
 * ------------------------------------------------------------ */

/* True when numbers alone can demand it below writer 7. */
static bool has_number(const struct delta_feature *feature)
{
    return feature->legacy_writer > 0;
}

static void list_feature(struct delta_protocol *p, const struct delta_feature *feature)
{
    if (feature->is_reader) {
        p->reader_features.items[p->reader_features.count++] = str_of(feature->name);
    }
    p->writer_features.items[p->writer_features.count++] = str_of(feature->name);
}

/* `now` with feature lists: its own, or those that its numbers imply. */
static struct delta_protocol with_lists(struct arena *arena, const struct delta_protocol *now)
{
    struct delta_protocol p = {.min_reader = now->min_reader, .min_writer = 7};
    size_t room = delta_feature_count + now->writer_features.count + now->reader_features.count;
    p.reader_features.items = arena_new_array(arena, struct str, room);
    p.writer_features.items = arena_new_array(arena, struct str, room);
    if (now->min_writer >= 7) {
        for (size_t i = 0; i < now->reader_features.count; i++) {
            p.reader_features.items[p.reader_features.count++] = now->reader_features.items[i];
        }
        for (size_t i = 0; i < now->writer_features.count; i++) {
            p.writer_features.items[p.writer_features.count++] = now->writer_features.items[i];
        }
        return p;
    }
    for (size_t i = 0; i < delta_feature_count; i++) {
        if (has_number(&delta_features[i]) && delta_features[i].legacy_writer <= now->min_writer) {
            list_feature(&p, &delta_features[i]);
        }
    }
    return p;
}

int delta_protocol_for(struct arena *arena, const struct delta_protocol *now,
                       const struct delta_metadata *metadata, struct delta_protocol *ret_protocol,
                       struct err *err)
{
    (void)err;
    int writer = now->min_writer;
    bool needs_lists = false;
    size_t missing = 0;
    for (size_t i = 0; i < delta_feature_count; i++) {
        const struct delta_feature *feature = &delta_features[i];
        if (feature->needed == NULL || !feature->needed(metadata) ||
            delta_feature_is_on(now, feature->name)) {
            continue;
        }
        missing++;
        needs_lists = needs_lists || now->min_writer >= 7 || !has_number(feature);
        writer = feature->legacy_writer > writer ? feature->legacy_writer : writer;
    }
    if (missing == 0) {
        return 0;
    }
    if (!needs_lists) {
        *ret_protocol =
            (struct delta_protocol){.min_reader = now->min_reader, .min_writer = writer};
        return 1;
    }
    struct delta_protocol p = with_lists(arena, now);
    for (size_t i = 0; i < delta_feature_count; i++) {
        const struct delta_feature *feature = &delta_features[i];
        if (feature->needed != NULL && feature->needed(metadata) &&
            !delta_feature_is_on(&p, feature->name)) {
            list_feature(&p, feature);
        }
    }
    if (p.reader_features.count > 0 && p.min_reader < 3) {
        p.min_reader = 3;
    }
    *ret_protocol = p;
    return 1;
}

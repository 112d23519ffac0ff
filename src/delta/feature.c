/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/feature.h"

#include "delta/schema.h"

/*
 * feature - the table of table features (delta.md 1.2)
 *
 * A table demands features by name (reader 3, writer 7) or by number (below).
 *
 *  (1) To append, all of its writer and reader features must be in this table
 *      and honourable; one that is not is named in the refusal.
 *  (2) A feature that numbers imply counts only when metadata shows it in use:
 *      a 1/4 table "has" generated columns, nearly none uses them.
 *  (3) An unknown feature is refused, always: for reading when readers must
 *      know it, else for appending.
 *  (4) A table whose commits go through a catalog is refused, reading too.
 *
 * Which features a new table gets is table.c.
 */

struct str delta_feature_property(const struct delta_metadata *metadata, const char *name)
{
    for (size_t i = 0; i < metadata->configuration.count; i++) {
        if (str_eq_c(metadata->configuration.items[i].name, name)) {
            return metadata->configuration.items[i].value;
        }
    }
    return STR_NULL;
}

bool delta_feature_property_is(const struct delta_metadata *metadata, const char *name,
                               const char *value)
{
    return str_eq_nocase_c(delta_feature_property(metadata, name), value);
}

/* ---- what shows that a feature is in use ----------------------------------------------------- */

static bool uses_invariants(const struct delta_metadata *m)
{
    return delta_schema_has_key(m->schema_string, "delta.invariants", false);
}

static bool uses_constraints(const struct delta_metadata *m)
{
    for (size_t i = 0; i < m->configuration.count; i++) {
        if (str_starts(m->configuration.items[i].name, STR("delta.constraints."))) {
            return true;
        }
    }
    return false;
}

static bool uses_generated(const struct delta_metadata *m)
{
    return delta_schema_has_key(m->schema_string, "delta.generationExpression", false);
}

static bool uses_identity(const struct delta_metadata *m)
{
    return delta_schema_has_key(m->schema_string, "delta.identity.", true);
}

static bool uses_defaults(const struct delta_metadata *m)
{
    return delta_schema_has_key(m->schema_string, "CURRENT_DEFAULT", false);
}

static bool uses_mapping(const struct delta_metadata *m)
{
    struct str mode = delta_feature_property(m, "delta.columnMapping.mode");
    return mode.len > 0 && !str_eq_nocase_c(mode, "none");
}

static bool uses_widening(const struct delta_metadata *m)
{
    return delta_schema_has_key(m->schema_string, "delta.typeChanges", false);
}

static bool uses_row_tracking(const struct delta_metadata *m)
{
    return !delta_feature_property_is(m, "delta.rowTrackingSuspended", "true");
}

static bool has_partitions(const struct delta_metadata *m)
{
    return m->partition_columns.count > 0;
}

static bool is_append_only(const struct delta_metadata *m)
{
    return delta_feature_property_is(m, "delta.appendOnly", "true");
}

static bool is_not_null(const struct type_field *field, size_t depth)
{
    (void)depth;
    return !field->nullable;
}

static bool has_not_null(const struct delta_metadata *m)
{
    AUTO_BUF struct buf path = {0};
    return m->schema != NULL && delta_schema_any(m->schema, is_not_null, &path);
}

static bool is_ntz(const struct type_field *field, size_t depth)
{
    (void)depth;
    const struct type *type = field->type;
    while (type->kind == TYPE_ARRAY) {
        type = type->fields[0].type;
    }
    if (type->kind == TYPE_MAP) {
        return is_ntz(&type->fields[0], depth) || is_ntz(&type->fields[1], depth);
    }
    return type->kind == TYPE_TIMESTAMP_NTZ;
}

static bool has_ntz(const struct delta_metadata *m)
{
    AUTO_BUF struct buf path = {0};
    return m->schema != NULL && delta_schema_any(m->schema, is_ntz, &path);
}

static bool has_change_feed(const struct delta_metadata *m)
{
    return delta_feature_property_is(m, "delta.enableChangeDataFeed", "true");
}

static bool has_deletion_vectors(const struct delta_metadata *m)
{
    return delta_feature_property_is(m, "delta.enableDeletionVectors", "true");
}

static bool has_v2_policy(const struct delta_metadata *m)
{
    return delta_feature_property_is(m, "delta.checkpointPolicy", "v2");
}

static bool has_timestamps(const struct delta_metadata *m)
{
    return delta_feature_property_is(m, "delta.enableInCommitTimestamps", "true");
}

#define NO          DELTA_FEATURE_NO
#define UNLESS_USED DELTA_FEATURE_UNLESS_USED
#define YES         DELTA_FEATURE_YES

const struct delta_feature delta_features[] = {
    /* name, reader, legacy numbers, append, read, in_use, needed, why */
    {"appendOnly", false, 0, 2, YES, YES, NULL, is_append_only, NULL},
    {"invariants", false, 0, 2, UNLESS_USED, YES, uses_invariants, has_not_null,
     "a column has an SQL invariant"},
    {"checkConstraints", false, 0, 3, UNLESS_USED, YES, uses_constraints, NULL,
     "the table has CHECK constraints"},
    {"changeDataFeed", false, 0, 4, YES, YES, NULL, has_change_feed, NULL},
    {"generatedColumns", false, 0, 4, UNLESS_USED, YES, uses_generated, NULL,
     "a column is generated"},
    {"columnMapping", true, 2, 5, UNLESS_USED, YES, uses_mapping, NULL,
     "delta.columnMapping.mode is set"},
    {"identityColumns", false, 0, 6, UNLESS_USED, YES, uses_identity, NULL,
     "a column is an identity column"},
    {"deletionVectors", true, 0, 0, YES, YES, NULL, has_deletion_vectors, NULL},
    {"timestampNtz", true, 0, 0, YES, YES, NULL, has_ntz, NULL},
    {"timestampWithoutTimezone", true, 0, 0, YES, YES, NULL, NULL, NULL},
    {"v2Checkpoint", true, 0, 0, YES, YES, NULL, has_v2_policy, NULL},
    {"vacuumProtocolCheck", true, 0, 0, YES, YES, NULL, NULL, NULL},
    {"domainMetadata", false, 0, 0, YES, YES, NULL, NULL, NULL},
    {"clustering", false, 0, 0, YES, YES, NULL, NULL, NULL},
    {"inCommitTimestamp", false, 0, 0, YES, YES, NULL, has_timestamps, NULL},
    {"inCommitTimestamp-preview", false, 0, 0, YES, YES, NULL, NULL, NULL},
    {"checkpointProtection", false, 0, 0, YES, YES, NULL, NULL, NULL},
    {"allowColumnDefaults", false, 0, 0, UNLESS_USED, YES, uses_defaults, NULL,
     "a column has a default"},
    {"materializePartitionColumns", false, 0, 0, UNLESS_USED, YES, has_partitions, NULL,
     "partition columns must be in the data files"},
    {"rowTracking", false, 0, 0, UNLESS_USED, YES, uses_row_tracking, NULL,
     "every file must be given row ids"},
    {"typeWidening", true, 0, 0, UNLESS_USED, YES, uses_widening, NULL,
     "a column's type was widened"},
    {"typeWidening-preview", true, 0, 0, UNLESS_USED, YES, uses_widening, NULL,
     "a column's type was widened"},
    {"variantType", true, 0, 0, NO, NO, NULL, NULL, "variant columns are not supported"},
    {"variantType-preview", true, 0, 0, NO, NO, NULL, NULL, "variant columns are not supported"},
    {"variantShredding-preview", true, 0, 0, NO, NO, NULL, NULL,
     "variant columns are not supported"},
    {"variantShredding", true, 0, 0, NO, NO, NULL, NULL, "variant columns are not supported"},
    {"geospatial", true, 0, 0, NO, NO, NULL, NULL, "geometry columns are not supported"},
    {"icebergCompatV1", false, 0, 0, NO, YES, NULL, NULL, "its files must fit Iceberg"},
    {"icebergCompatV2", false, 0, 0, NO, YES, NULL, NULL, "its files must fit Iceberg"},
    {"icebergCompatV3", false, 0, 0, NO, YES, NULL, NULL, "its files must fit Iceberg"},
    {"icebergWriterCompatV1", false, 0, 0, NO, YES, NULL, NULL, "its files must fit Iceberg"},
    {"icebergWriterCompatV3", false, 0, 0, NO, YES, NULL, NULL, "its files must fit Iceberg"},
    {"catalogManaged", true, 0, 0, NO, NO, NULL, NULL, "its commits go through a catalog"},
    {"catalogOwned", true, 0, 0, NO, NO, NULL, NULL, "its commits go through a catalog"},
    {"catalogOwned-preview", true, 0, 0, NO, NO, NULL, NULL, "its commits go through a catalog"},
    {"coordinatedCommits-preview", false, 0, 0, NO, NO, NULL, NULL,
     "its commits go through a coordinator"},
    {"managedCommits-dev", false, 0, 0, NO, NO, NULL, NULL, "its commits go through a coordinator"},
};
const size_t delta_feature_count = ARRAY_COUNT(delta_features);

#undef NO
#undef UNLESS_USED
#undef YES

const struct delta_feature *delta_feature_find(struct str name)
{
    for (size_t i = 0; i < delta_feature_count; i++) {
        if (str_eq_c(name, delta_features[i].name)) {
            return &delta_features[i];
        }
    }
    return NULL;
}

static bool is_listed(const struct str *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_c(names[i], name)) {
            return true;
        }
    }
    return false;
}

bool delta_feature_is_on(const struct delta_protocol *protocol, const char *name)
{
    if (protocol->min_writer >= 7) {
        return is_listed(protocol->writer_features.items, protocol->writer_features.count, name);
    }
    const struct delta_feature *feature = delta_feature_find(str_of(name));
    return feature != NULL && feature->legacy_writer > 0 &&
           feature->legacy_writer <= protocol->min_writer;
}

bool delta_feature_has_timestamps(const struct delta_protocol *protocol,
                                  const struct delta_metadata *metadata)
{
    return has_timestamps(metadata) && (delta_feature_is_on(protocol, "inCommitTimestamp") ||
                                        delta_feature_is_on(protocol, "inCommitTimestamp-preview"));
}

/* ---- checks ---------------------------------------------------------------------------------- */

static bool can(enum delta_feature_ability ability, const struct delta_feature *feature,
                const struct delta_metadata *metadata)
{
    return ability == DELTA_FEATURE_YES || (ability == DELTA_FEATURE_UNLESS_USED &&
                                            feature->in_use != NULL && !feature->in_use(metadata));
}

static int check_listed(const struct str *names, size_t count, bool append,
                        const struct delta_metadata *metadata, struct err *err)
{
    const char *verb = append ? "appended to" : "read";
    for (size_t i = 0; i < count; i++) {
        const struct delta_feature *feature = delta_feature_find(names[i]);
        if (feature == NULL) {
            return err_set(err, ERR_CONFIG,
                           "the table cannot be %s: its feature \"%.*s\" is unknown to this "
                           "version of Sluice",
                           verb, STR_FMT(names[i]));
        }
        if (!can(append ? feature->append : feature->read, feature, metadata)) {
            return err_set(err, ERR_CONFIG, "the table cannot be %s: feature \"%s\": %s", verb,
                           feature->name, feature->why);
        }
    }
    return 0;
}

/* Features that the number `version` implies and metadata shows in use. */
static int check_legacy(int version, bool append, const struct delta_metadata *metadata,
                        struct err *err)
{
    for (size_t i = 0; i < delta_feature_count; i++) {
        const struct delta_feature *feature = &delta_features[i];
        int since = append ? feature->legacy_writer : feature->legacy_reader;
        if (since > 0 && since <= version &&
            !can(append ? feature->append : feature->read, feature, metadata)) {
            return err_set(err, ERR_CONFIG, "the table cannot be %s: feature \"%s\": %s",
                           append ? "appended to" : "read", feature->name, feature->why);
        }
    }
    return 0;
}

static int check_schema(const struct delta_metadata *metadata, struct err *err)
{
    if (metadata->schema != NULL) {
        return 0;
    }
    AUTO_ARENA struct arena arena = {0};
    const struct type *schema = NULL;
    return delta_schema_parse(&arena, metadata->schema_string, &schema, err);
}

static int check_read(const struct delta_protocol *protocol, const struct delta_metadata *metadata,
                      struct err *err)
{
    if (protocol->min_reader > 3) {
        return err_set(err, ERR_CONFIG, "the table cannot be read: it needs reader version %d",
                       protocol->min_reader);
    }
    if (protocol->min_reader == 3) {
        TRY(check_listed(protocol->reader_features.items, protocol->reader_features.count, false,
                         metadata, err));
    } else {
        TRY(check_legacy(protocol->min_reader, false, metadata, err));
    }
    return check_schema(metadata, err);
}

int delta_check_read(const struct delta_snapshot *snapshot, struct err *err)
{
    return check_read(&snapshot->protocol, &snapshot->metadata, err);
}

/* NOT NULL that the statistics of a file cannot prove (job/encoder.c looks at them). */
static bool is_unprovable(const struct type_field *field, size_t depth)
{
    return !field->nullable && (depth > 0 || type_is_nested(field->type));
}

int delta_feature_check_append(const struct delta_protocol *protocol,
                               const struct delta_metadata *metadata, struct err *err)
{
    TRY(check_read(protocol, metadata, err));
    if (protocol->min_writer > 7) {
        return err_set(err, ERR_CONFIG,
                       "the table cannot be appended to: it needs writer version %d",
                       protocol->min_writer);
    }
    if (protocol->min_writer == 7) {
        TRY(check_listed(protocol->writer_features.items, protocol->writer_features.count, true,
                         metadata, err));
    } else {
        TRY(check_legacy(protocol->min_writer, true, metadata, err));
    }
    if (protocol->min_reader == 3) {
        TRY(check_listed(protocol->reader_features.items, protocol->reader_features.count, true,
                         metadata, err));
    }
    AUTO_BUF struct buf path = {0};
    if (delta_schema_any(metadata->schema, is_unprovable, &path)) {
        return err_set(err, ERR_CONFIG,
                       "the table cannot be appended to: feature \"invariants\": nested column "
                       "\"%.*s\" is NOT NULL, which cannot be checked",
                       STR_FMT(buf_str(&path)));
    }
    return 0;
}

int delta_check_append(const struct delta_snapshot *snapshot, struct err *err)
{
    return delta_feature_check_append(&snapshot->protocol, &snapshot->metadata, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/stats.h"

#include <stdio.h>

/*
 * stats - add.stats from what DuckDB gathered while it wrote a file
 *
 *     {"numRecords":n,"minValues":{…},"maxValues":{…},"nullCount":{…}}
 *
 * Nested like the schema, without partition columns.  A bound that we are not
 * sure of is left out: a missing bound costs speed, a wrong one hides rows.
 *
 *  (1) Columns: delta.dataSkippingStatsColumns, or the first
 *      delta.dataSkippingNumIndexedCols leaves (32; a list or map is one leaf),
 *      and clustering columns always.
 *  (2) Bounds for numbers, dates, timestamps and strings only; none for
 *      booleans, binary, lists, maps.  Null counts for all but lists and maps.
 *  (3) A float column with a NaN has no bounds: DuckDB leaves NaN out of them and
 *      Spark counts it as the largest value.  An infinite bound is no JSON.
 *  (4) Timestamps are cut to milliseconds towards the past; readers widen the
 *      maximum themselves.
 *  (5) Numbers keep their text: no detour through double.
 */
enum { STATS_LEAVES = 32, STATS_STRING_UNITS = 32 };

/* ---- strings --------------------------------------------------------------------------------- */

/* Bytes of the character at the start of well-formed UTF-8. */
static size_t char_bytes(char first)
{
    unsigned char c = (unsigned char)first;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

struct str delta_stats_cut(struct str text, size_t units)
{
    size_t at = 0;
    size_t used = 0;
    while (at < text.len) {
        size_t bytes = char_bytes(text.ptr[at]);
        size_t wide = bytes == 4 ? 2 : 1; /* a surrogate pair in UTF-16 */
        if (used + wide > units) {
            break;
        }
        used += wide;
        at += bytes;
    }
    return str_head(text, at);
}

bool delta_stats_cut_max(struct str text, size_t units, struct buf *out)
{
    struct str last_char = STR("\xf4\x8f\xbf\xbf"); /* U+10FFFF */
    struct str prefix = delta_stats_cut(text, units);
    size_t limit = delta_stats_cut(text, units * 2).len;
    while (prefix.len <= limit) {
        struct str rest = str_skip(text, prefix.len);
        if (rest.len == 0) {
            buf_add_str(out, text);
            return true;
        }
        if (str_starts(rest, last_char)) {
            /* Nothing sorts behind it: take it into the prefix. */
            prefix.len += last_char.len;
            continue;
        }
        buf_add_str(out, prefix);
        buf_add_str(out, (unsigned char)rest.ptr[0] < 0x7f ? STR("\x7f") : last_char);
        return true;
    }
    return false;
}

/* ---- settings of the table ------------------------------------------------------------------- */

struct stats_plan {
    const struct delta_snapshot *table;
    const struct sql_file *file;
    struct str columns; /* of delta.dataSkippingStatsColumns; ptr NULL = not set */
    int64_t leaves;     /* that may still have statistics; -1 = all */
    size_t string_units;
    struct str clustering;      /* configuration of the domain; ptr NULL = none */
    struct buf min, max, nulls; /* the inside of their objects */
    struct json_writer min_writer, max_writer, nulls_writer;
};

static int64_t property_number(const struct delta_snapshot *table, const char *name,
                               int64_t otherwise)
{
    int64_t value = otherwise;
    struct str text = delta_property(table, name);
    return text.ptr != NULL && str_to_i64(str_trim(text), &value) ? value : otherwise;
}

/* `name` or `a`.`b`: without back-ticks. */
static void plain_name(struct str name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '`') {
            buf_add_char(out, name.ptr[i]);
        }
    }
}

/* True when the comma-separated list names the column or a struct that holds it. */
static bool list_holds(struct str list, struct str column)
{
    struct str rest = list;
    struct str item = STR_NULL;
    AUTO_BUF struct buf name = {0};
    while (str_split(&rest, ',', &item)) {
        buf_reset(&name);
        plain_name(str_trim(item), &name);
        struct str want = buf_str(&name);
        bool below = column.len > want.len && column.ptr[want.len] == '.' &&
                     str_eq_nocase(str_head(column, want.len), want);
        if (want.len > 0 && (below || str_eq_nocase(column, want))) {
            return true;
        }
    }
    return false;
}

/* {"clusteringColumns":[["a"],["user","city"]]}, or a flat list of names. */
static bool is_clustering(struct str configuration, struct str column)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf name = {0};
    struct json *root = NULL;
    struct err err;
    if (configuration.ptr == NULL || json_parse(&arena, configuration, &root, &err) < 0) {
        return false;
    }
    struct json *columns = json_find(root, "clusteringColumns");
    if (columns == NULL) {
        return false;
    }
    json_foreach (it, columns) {
        buf_reset(&name);
        if (it->kind == JSON_STRING) {
            buf_add_str(&name, it->text);
        }
        json_foreach (part, it) {
            buf_add_c(&name, name.len == 0 ? "" : ".");
            buf_add_str(&name, part->text);
        }
        if (str_eq(buf_str(&name), column)) {
            return true;
        }
    }
    return false;
}

/* Counts the leaf and says whether it has statistics. */
static bool is_wanted(struct stats_plan *plan, struct str column)
{
    bool wanted;
    if (plan->columns.ptr != NULL) {
        wanted = list_holds(plan->columns, column);
    } else {
        wanted = plan->leaves != 0;
        plan->leaves -= plan->leaves > 0;
    }
    return wanted || is_clustering(plan->clustering, column);
}

/* ---- one column ------------------------------------------------------------------------------ */

/* How many digits stand at `i`. */
static size_t digits_at(struct str text, size_t i)
{
    size_t count = 0;
    while (i + count < text.len && text.ptr[i + count] >= '0' && text.ptr[i + count] <= '9') {
        count++;
    }
    return count;
}

/* JSON's grammar: DuckDB also prints inf, nan. */
static bool is_json_number(struct str text)
{
    size_t i = text.len > 0 && text.ptr[0] == '-';
    size_t count = digits_at(text, i);
    if (count == 0 || (text.ptr[i] == '0' && count > 1)) {
        return false;
    }
    i += count;
    if (i < text.len && text.ptr[i] == '.') {
        count = digits_at(text, i + 1);
        if (count == 0) {
            return false;
        }
        i += 1 + count;
    }
    if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E')) {
        i++;
        i += i < text.len && (text.ptr[i] == '+' || text.ptr[i] == '-');
        count = digits_at(text, i);
        if (count == 0) {
            return false;
        }
        i += count;
    }
    return i == text.len;
}

/* The bound as JSON text; false = none. */
static bool print_bound(const struct stats_plan *plan, enum type_kind kind, struct str text,
                        bool is_max, struct buf *out)
{
    AUTO_BUF struct buf plain = {0};
    int64_t us = 0;
    int32_t days = 0;
    bool has_zone = false;
    switch (kind) {
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
        buf_add_str(out, text);
        return is_json_number(text);
    case TYPE_DATE:
        json_quote(out, text);
        return text.len == 10 && clock_parse_date(text, &days);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        if (!clock_parse_timestamp(text, &us, &has_zone)) {
            return false;
        }
        clock_add_iso_ms(&plain, us);
        plain.len -= kind == TYPE_TIMESTAMP_NTZ; /* without the Z */
        json_quote(out, buf_str(&plain));
        return plain.len <= 24; /* years beyond 9999 are no text that readers know */
    case TYPE_STRING:
        if (!str_is_utf8(text)) {
            return false;
        }
        if (!is_max) {
            json_quote(out, delta_stats_cut(text, plan->string_units));
            return true;
        }
        if (!delta_stats_cut_max(text, plan->string_units, &plain)) {
            return false;
        }
        json_quote(out, buf_str(&plain));
        return true;
    case TYPE_BOOLEAN:
    case TYPE_BINARY:
    case TYPE_STRUCT:
    case TYPE_ARRAY:
    case TYPE_MAP:
        break;
    }
    return false;
}

static const struct sql_column_stats *find_stats(const struct sql_file *file, struct str path)
{
    for (size_t i = 0; i < file->stats_count; i++) {
        if (str_eq_nocase(file->stats[i].path, path)) {
            return &file->stats[i];
        }
    }
    return NULL;
}

static void write_bound(const struct stats_plan *plan, struct json_writer *w,
                        const struct type_field *field, struct str text, bool is_max)
{
    AUTO_BUF struct buf bound = {0};
    if (print_bound(plan, field->type->kind, text, is_max, &bound)) {
        json_name_str(w, field->name);
        json_raw(w, buf_str(&bound));
    }
}

/* `path` as DuckDB quotes it: "a"."b" */
static void write_leaf(struct stats_plan *plan, const struct type_field *field, struct str path)
{
    const struct sql_column_stats *stats = find_stats(plan->file, path);
    enum type_kind kind = field->type->kind;
    if (stats == NULL || kind == TYPE_ARRAY || kind == TYPE_MAP) {
        return;
    }
    bool is_float = kind == TYPE_FLOAT || kind == TYPE_DOUBLE;
    if (stats->has_min && !(is_float && stats->has_nan)) {
        write_bound(plan, &plan->min_writer, field, stats->min, false);
    }
    if (stats->has_max && !(is_float && stats->has_nan)) {
        write_bound(plan, &plan->max_writer, field, stats->max, true);
    }
    if (stats->has_null_count) {
        json_name_str(&plan->nulls_writer, field->name);
        json_i64(&plan->nulls_writer, stats->null_count);
    }
}

static bool is_partition(const struct delta_snapshot *table, struct str name)
{
    for (size_t i = 0; i < table->metadata.partition_columns.count; i++) {
        if (str_eq_nocase(table->metadata.partition_columns.items[i], name)) {
            return true;
        }
    }
    return false;
}

static void open_struct(struct json_writer *w, struct str name)
{
    json_name_str(w, name);
    json_open_object(w);
}

/* `dotted` is a.b, `quoted` is "a"."b". */
static void write_fields(struct stats_plan *plan, const struct type *type, struct buf *dotted,
                         struct buf *quoted)
{
    size_t dotted_len = dotted->len;
    size_t quoted_len = quoted->len;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct type_field *field = &type->fields[i];
        if (dotted_len == 0 && is_partition(plan->table, field->name)) {
            continue;
        }
        buf_add_c(dotted, dotted_len == 0 ? "" : ".");
        buf_add_str(dotted, field->name);
        buf_add_c(quoted, quoted_len == 0 ? "" : ".");
        sql_quote_name(quoted, field->name);
        if (field->type->kind == TYPE_STRUCT) {
            open_struct(&plan->min_writer, field->name);
            open_struct(&plan->max_writer, field->name);
            open_struct(&plan->nulls_writer, field->name);
            write_fields(plan, field->type, dotted, quoted);
            json_close_object(&plan->min_writer);
            json_close_object(&plan->max_writer);
            json_close_object(&plan->nulls_writer);
        } else if (is_wanted(plan, buf_str(dotted))) {
            write_leaf(plan, field, buf_str(quoted));
        }
        dotted->len = dotted_len;
        quoted->len = quoted_len;
    }
}

static struct stats_plan make_plan(const struct delta_snapshot *table, const struct sql_file *file)
{
    struct stats_plan plan = {.table = table, .file = file};
    plan.columns = delta_property(table, "delta.dataSkippingStatsColumns");
    plan.leaves = property_number(table, "delta.dataSkippingNumIndexedCols", STATS_LEAVES);
    int64_t units =
        property_number(table, "delta.dataSkippingStringPrefixLength", STATS_STRING_UNITS);
    plan.string_units = units > 0 && units < 1 << 20 ? (size_t)units : STATS_STRING_UNITS;
    for (size_t i = 0; i < table->domains.count; i++) {
        if (str_eq_c(table->domains.items[i].name, "delta.clustering")) {
            plan.clustering = table->domains.items[i].value;
        }
    }
    return plan;
}

void delta_stats_print(const struct delta_snapshot *table, const struct type *schema,
                       const struct sql_file *file, struct buf *out)
{
    assert(schema->kind == TYPE_STRUCT);
    struct stats_plan plan = make_plan(table, file);
    AUTO_BUF struct buf dotted = {0};
    AUTO_BUF struct buf quoted = {0};
    json_begin(&plan.min_writer, &plan.min);
    json_begin(&plan.max_writer, &plan.max);
    json_begin(&plan.nulls_writer, &plan.nulls);
    json_open_object(&plan.min_writer);
    json_open_object(&plan.max_writer);
    json_open_object(&plan.nulls_writer);
    write_fields(&plan, schema, &dotted, &quoted);
    json_close_object(&plan.min_writer);
    json_close_object(&plan.max_writer);
    json_close_object(&plan.nulls_writer);

    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "numRecords");
    json_i64(&w, file->row_count);
    json_name(&w, "minValues");
    json_raw(&w, buf_str(&plan.min));
    json_name(&w, "maxValues");
    json_raw(&w, buf_str(&plan.max));
    json_name(&w, "nullCount");
    json_raw(&w, buf_str(&plan.nulls));
    json_close_object(&w);
    buf_done(&plan.min);
    buf_done(&plan.max);
    buf_done(&plan.nulls);
}

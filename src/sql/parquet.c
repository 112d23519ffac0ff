/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parquet - FileMetaData of Parquet (parquet.thrift), as far as it is needed here
 *
 *     file      "PAR1" column chunks, Bloom filters, page indexes   footer, its length, "PAR1"
 *     footer    1 version  2 schema, pre-order  3 num_rows  4 row_groups  …
 *     group     1 column chunks, one a leaf of the schema  3 num_rows  …
 *
 *  (1) A footer is input: whatever points out of the file, or does not add up,
 *      is ERR_CORRUPT.
 *  (2) The end of a chunk or of a Bloom filter is where the next thing begins,
 *      not what the footer says of its length: lengths are missing or wrong in
 *      files of old writers, and a filter of which the end is missing would drop
 *      rows without a word.
 *  (3) A minimum or maximum is used only of types whose order it surely has:
 *      not of unsigned numbers, not of binary, not the old fields of text.
 */
#include "sql/parquet.h"

#include <math.h>
#include <stdlib.h>

#include "sql/thrift.h"

#define FOOTER_BYTES_MAX ((uint64_t)64 << 20)
#define MAGIC            "PAR1"

/* parquet.thrift, Type */
enum physical {
    PHYSICAL_BOOLEAN,
    PHYSICAL_INT32,
    PHYSICAL_INT64,
    PHYSICAL_INT96,
    PHYSICAL_FLOAT,
    PHYSICAL_DOUBLE,
    PHYSICAL_BYTES,
    PHYSICAL_FIXED,
    PHYSICAL_NONE = -1,
};

/* ConvertedType */
enum converted {
    CONVERTED_NONE = -1,
    CONVERTED_UTF8 = 0,
    CONVERTED_DECIMAL = 5,
    CONVERTED_DATE = 6,
    CONVERTED_TIMESTAMP_MILLIS = 9,
    CONVERTED_TIMESTAMP_MICROS = 10,
    CONVERTED_INT_8 = 15,
    CONVERTED_INT_64 = 18,
};

/* LogicalType, by the number of its field in the union. */
enum logical {
    LOGICAL_NONE = 0,
    LOGICAL_STRING = 1,
    LOGICAL_DECIMAL = 5,
    LOGICAL_DATE = 6,
    LOGICAL_TIMESTAMP = 8,
    LOGICAL_INTEGER = 10,
};

/* A leaf's types, as read. */
struct leaf {
    int64_t physical, converted, logical;
    int64_t scale, precision;
    int64_t unit; /* of LOGICAL_TIMESTAMP: 1 ms, 2 µs, 3 ns */
    bool is_signed;
    size_t column;
    const struct type *type;
};

struct parse {
    struct arena *arena;
    struct thrift t;
    struct parquet_footer out;
    struct leaf *leaves;
    VEC(uint64_t) starts;
    bool encrypted;
    bool elsewhere; /* data in another file */
    bool has_schema;
};

/* ---- schema -------------------------------------------------------------------------------- */

static void read_unit(struct thrift *t, struct leaf *leaf)
{
    struct thrift_struct s = {0};
    while (sql_thrift_field(t, &s)) {
        leaf->unit = s.id;
        sql_thrift_skip(t, &s);
    }
}

/* The struct inside of the union: DECIMAL {scale, precision}, TIMESTAMP {utc, unit}, INTEGER. */
static void read_logical_body(struct thrift *t, struct leaf *leaf)
{
    struct thrift_struct s = {0};
    while (sql_thrift_field(t, &s)) {
        if (leaf->logical == LOGICAL_DECIMAL && s.id == 1) {
            leaf->scale = sql_thrift_i64(t, &s);
        } else if (leaf->logical == LOGICAL_DECIMAL && s.id == 2) {
            leaf->precision = sql_thrift_i64(t, &s);
        } else if (leaf->logical == LOGICAL_TIMESTAMP && s.id == 2 && sql_thrift_is_struct(t, &s)) {
            read_unit(t, leaf);
        } else if (leaf->logical == LOGICAL_INTEGER && s.id == 2) {
            leaf->is_signed = sql_thrift_bool(t, &s);
        } else {
            sql_thrift_skip(t, &s);
        }
    }
}

static void read_logical(struct thrift *t, struct leaf *leaf)
{
    struct thrift_struct s = {0};
    while (sql_thrift_field(t, &s)) {
        leaf->logical = s.id;
        if (sql_thrift_is_struct(t, &s)) {
            read_logical_body(t, leaf);
        }
    }
}

static void read_element(struct thrift *t, struct parquet_element *element, struct leaf *leaf)
{
    struct thrift_struct s = {0};
    int64_t children = 0;
    element->field_id = -1;
    element->name = STR("");
    *leaf = (struct leaf){.physical = PHYSICAL_NONE, .converted = CONVERTED_NONE};
    while (sql_thrift_field(t, &s)) {
        switch (s.id) {
        case 1:
            leaf->physical = sql_thrift_i64(t, &s);
            break;
        case 4:
            element->name = sql_thrift_text(t, &s);
            break;
        case 5:
            children = sql_thrift_i64(t, &s);
            break;
        case 6:
            leaf->converted = sql_thrift_i64(t, &s);
            break;
        case 7:
            leaf->scale = sql_thrift_i64(t, &s);
            break;
        case 8:
            leaf->precision = sql_thrift_i64(t, &s);
            break;
        case 9:
            element->field_id = sql_thrift_i64(t, &s);
            break;
        case 10:
            if (sql_thrift_is_struct(t, &s)) {
                read_logical(t, leaf);
            }
            break;
        default:
            sql_thrift_skip(t, &s);
        }
    }
    if (children < 0) {
        t->bad = true;
    }
    element->child_count = t->bad ? 0 : (size_t)children;
}

static const struct type *decimal_of(struct arena *arena, const struct leaf *leaf)
{
    bool fits = leaf->precision >= 1 && leaf->precision <= 38 && leaf->scale >= 0 &&
                leaf->scale <= leaf->precision && leaf->physical != PHYSICAL_BYTES;
    return fits ? type_decimal(arena, (uint8_t)leaf->precision, (uint8_t)leaf->scale) : NULL;
}

static const struct type *integer_of(const struct leaf *leaf)
{
    bool by_logical = leaf->logical == LOGICAL_INTEGER && leaf->is_signed;
    bool by_converted =
        leaf->logical == LOGICAL_NONE &&
        (leaf->converted == CONVERTED_NONE ||
         (leaf->converted >= CONVERTED_INT_8 && leaf->converted <= CONVERTED_INT_64));
    return by_logical || by_converted ? type_simple(TYPE_BIGINT) : NULL;
}

static bool is_timestamp(const struct leaf *leaf)
{
    if (leaf->logical == LOGICAL_TIMESTAMP) {
        return leaf->unit == 1 || leaf->unit == 2;
    }
    return leaf->logical == LOGICAL_NONE && (leaf->converted == CONVERTED_TIMESTAMP_MILLIS ||
                                             leaf->converted == CONVERTED_TIMESTAMP_MICROS);
}

static const struct type *type_of(struct arena *arena, const struct leaf *leaf)
{
    bool is_decimal = leaf->logical == LOGICAL_DECIMAL || leaf->converted == CONVERTED_DECIMAL;
    bool is_date = leaf->logical == LOGICAL_DATE || leaf->converted == CONVERTED_DATE;
    bool is_text = leaf->logical == LOGICAL_STRING || leaf->converted == CONVERTED_UTF8;
    switch (leaf->physical) {
    case PHYSICAL_BOOLEAN:
        return type_simple(TYPE_BOOLEAN);
    case PHYSICAL_INT32:
        return is_decimal ? decimal_of(arena, leaf)
               : is_date  ? type_simple(TYPE_DATE)
                          : integer_of(leaf);
    case PHYSICAL_INT64:
        return is_decimal           ? decimal_of(arena, leaf)
               : is_timestamp(leaf) ? type_simple(TYPE_TIMESTAMP)
                                    : integer_of(leaf);
    case PHYSICAL_FLOAT:
        return leaf->logical == LOGICAL_NONE ? type_simple(TYPE_FLOAT) : NULL;
    case PHYSICAL_DOUBLE:
        return leaf->logical == LOGICAL_NONE ? type_simple(TYPE_DOUBLE) : NULL;
    case PHYSICAL_BYTES:
        return is_text ? type_simple(TYPE_STRING) : NULL;
    case PHYSICAL_FIXED:
        return is_decimal ? decimal_of(arena, leaf) : NULL;
    default:
        return NULL;
    }
}

/* Cuts the elements, in pre-order, into top-level columns. */
static void cut_columns(struct parse *p, size_t wanted)
{
    struct parquet_column *columns = arena_new_array(p->arena, struct parquet_column, wanted + 1);
    size_t at = 0;
    size_t leaf = 0;
    for (size_t i = 0; i < wanted && !p->t.bad; i++) {
        uint64_t open = 1; /* elements of this column that are to come */
        columns[i].first = at;
        for (; open > 0; open--, at++) {
            if (at >= p->out.element_count) {
                p->t.bad = true;
                return;
            }
            size_t children = p->out.elements[at].child_count;
            open += children;
            if (children == 0) {
                p->leaves[leaf] = p->leaves[at];
                p->leaves[leaf].column = i;
                p->leaves[leaf].type =
                    at == columns[i].first ? type_of(p->arena, &p->leaves[leaf]) : NULL;
                columns[i].type = p->leaves[leaf].type;
                leaf++;
            }
        }
        columns[i].end = at;
    }
    p->t.bad = p->t.bad || at != p->out.element_count;
    p->out.columns = columns;
    p->out.column_count = wanted;
    p->out.chunk_count = leaf;
}

static void read_schema(struct parse *p, const struct thrift_struct *field)
{
    size_t count = sql_thrift_list(&p->t, field, THRIFT_STRUCT);
    struct parquet_element root = {0};
    struct leaf ignored;
    if (count == 0 || p->has_schema) {
        p->t.bad = true;
        return;
    }
    p->has_schema = true;
    read_element(&p->t, &root, &ignored);
    struct parquet_element *elements = arena_new_array(p->arena, struct parquet_element, count);
    p->leaves = arena_new_array(p->arena, struct leaf, count);
    for (size_t i = 0; i + 1 < count && !p->t.bad; i++) {
        read_element(&p->t, &elements[i], &p->leaves[i]);
    }
    p->out.elements = elements;
    p->out.element_count = count - 1;
    if (!p->t.bad && root.child_count <= p->out.element_count) {
        cut_columns(p, root.child_count);
    } else {
        p->t.bad = true;
    }
}

/* ---- statistics ---------------------------------------------------------------------------- */

static uint64_t little_end(struct str bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes.len; i > 0; i--) {
        value = value << 8 | (uint8_t)bytes.ptr[i - 1];
    }
    return value;
}

/* Two's complement, big end first. */
static bool big_end(struct str bytes, int64_t *ret_value)
{
    if (bytes.len == 0) {
        return false;
    }
    uint8_t sign = ((uint8_t)bytes.ptr[0] & 0x80) != 0 ? 0xFF : 0;
    uint64_t value = sign != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++) {
        if (i + 8 < bytes.len && (uint8_t)bytes.ptr[i] != sign) {
            return false;
        }
        value = value << 8 | (uint8_t)bytes.ptr[i];
    }
    *ret_value = (int64_t)value;
    return bytes.len < 8 || (*ret_value < 0) == (sign != 0);
}

static struct sql_value real_value(double real)
{
    return (struct sql_value){.kind = isnan(real) ? SQL_VALUE_NONE : SQL_VALUE_REAL, .real = real};
}

static struct sql_value number_value(const struct leaf *leaf, int64_t number)
{
    bool is_ms = leaf->logical == LOGICAL_TIMESTAMP ? leaf->unit == 1
                                                    : leaf->converted == CONVERTED_TIMESTAMP_MILLIS;
    struct sql_value value = {.kind = SQL_VALUE_NUMBER, .number = number};
    if (leaf->type->kind == TYPE_TIMESTAMP && is_ms &&
        __builtin_mul_overflow(number, 1000, &value.number)) {
        value.kind = SQL_VALUE_NONE;
    }
    return value;
}

static struct sql_value value_of(const struct leaf *leaf, struct str bytes)
{
    struct sql_value none = {.kind = SQL_VALUE_NONE};
    int64_t number = 0;
    float single = 0;
    double real = 0;
    if (leaf->type == NULL || bytes.ptr == NULL) {
        return none;
    }
    switch (leaf->physical) {
    case PHYSICAL_BOOLEAN:
        return bytes.len == 1 ? number_value(leaf, bytes.ptr[0] != 0) : none;
    case PHYSICAL_INT32:
        return bytes.len == 4 ? number_value(leaf, (int32_t)little_end(bytes)) : none;
    case PHYSICAL_INT64:
        return bytes.len == 8 ? number_value(leaf, (int64_t)little_end(bytes)) : none;
    case PHYSICAL_FLOAT:
        if (bytes.len != sizeof(single)) {
            return none;
        }
        memcpy(&single, bytes.ptr, sizeof(single));
        return real_value((double)single);
    case PHYSICAL_DOUBLE:
        if (bytes.len != sizeof(real)) {
            return none;
        }
        memcpy(&real, bytes.ptr, sizeof(real));
        return real_value(real);
    case PHYSICAL_FIXED:
        return big_end(bytes, &number) ? number_value(leaf, number) : none;
    case PHYSICAL_BYTES:
        return (struct sql_value){.kind = SQL_VALUE_TEXT, .text = bytes};
    default:
        return none;
    }
}

static void read_statistics(struct parse *p, const struct leaf *leaf, struct sql_range *range)
{
    struct thrift_struct s = {0};
    struct str min = STR_NULL;
    struct str max = STR_NULL;
    struct str old_min = STR_NULL;
    struct str old_max = STR_NULL;
    while (sql_thrift_field(&p->t, &s)) {
        switch (s.id) {
        case 1:
            old_max = sql_thrift_text(&p->t, &s);
            break;
        case 2:
            old_min = sql_thrift_text(&p->t, &s);
            break;
        case 3:
            range->null_count = sql_thrift_i64(&p->t, &s);
            break;
        case 5:
            max = sql_thrift_text(&p->t, &s);
            break;
        case 6:
            min = sql_thrift_text(&p->t, &s);
            break;
        default:
            sql_thrift_skip(&p->t, &s);
        }
    }
    bool old_is_fine = leaf->physical == PHYSICAL_INT32 || leaf->physical == PHYSICAL_INT64;
    range->min = value_of(leaf, min.ptr != NULL || !old_is_fine ? min : old_min);
    range->max = value_of(leaf, max.ptr != NULL || !old_is_fine ? max : old_max);
}

/* ---- row groups ---------------------------------------------------------------------------- */

static void add_start(struct parse *p, int64_t offset)
{
    if (offset > 0) {
        *vec_push(&p->starts) = (uint64_t)offset;
    }
}

static void read_chunk_meta(struct parse *p, const struct leaf *leaf, struct parquet_chunk *chunk)
{
    struct thrift_struct s = {0};
    int64_t bytes = -1;
    int64_t data = -1;
    int64_t dictionary = -1;
    int64_t bloom = 0;
    chunk->range = (struct sql_range){.row_count = -1, .null_count = -1};
    while (sql_thrift_field(&p->t, &s)) {
        switch (s.id) {
        case 7:
            bytes = sql_thrift_i64(&p->t, &s);
            break;
        case 9:
            data = sql_thrift_i64(&p->t, &s);
            break;
        case 11:
            dictionary = sql_thrift_i64(&p->t, &s);
            break;
        case 12:
            if (sql_thrift_is_struct(&p->t, &s)) {
                read_statistics(p, leaf, &chunk->range);
            }
            break;
        case 14:
            bloom = sql_thrift_i64(&p->t, &s);
            break;
        default:
            sql_thrift_skip(&p->t, &s);
        }
    }
    int64_t begin = dictionary >= 4 && dictionary < data ? dictionary : data;
    if (begin < 4 || bytes < 0 || bloom < 0 || (uint64_t)begin > p->out.end ||
        (uint64_t)bytes > p->out.end - (uint64_t)begin || (uint64_t)bloom >= p->out.end) {
        p->t.bad = true;
        return;
    }
    chunk->begin = (uint64_t)begin;
    chunk->bytes = (uint64_t)bytes;
    chunk->bloom = (uint64_t)bloom;
    chunk->range.may_have_nan =
        leaf->physical == PHYSICAL_FLOAT || leaf->physical == PHYSICAL_DOUBLE;
    add_start(p, begin);
    add_start(p, bloom);
}

static void read_chunk(struct parse *p, size_t index, struct parquet_chunk *chunk)
{
    struct thrift_struct s = {0};
    bool has_meta = false;
    chunk->column = p->leaves[index].column;
    while (sql_thrift_field(&p->t, &s)) {
        switch (s.id) {
        case 1:
            p->elsewhere = p->elsewhere || sql_thrift_text(&p->t, &s).len > 0;
            break;
        case 3:
            has_meta = sql_thrift_is_struct(&p->t, &s);
            if (has_meta) {
                read_chunk_meta(p, &p->leaves[index], chunk);
            }
            break;
        case 4: /* page indexes */
        case 6:
            add_start(p, sql_thrift_i64(&p->t, &s));
            break;
        case 8:
        case 9:
            p->encrypted = true;
            sql_thrift_skip(&p->t, &s);
            break;
        default:
            sql_thrift_skip(&p->t, &s);
        }
    }
    p->t.bad = p->t.bad || !has_meta;
}

static void read_chunks(struct parse *p, const struct thrift_struct *field,
                        struct parquet_group *group)
{
    size_t count = sql_thrift_list(&p->t, field, THRIFT_STRUCT);
    if (count != p->out.chunk_count || group->chunks != NULL) {
        p->t.bad = true;
        return;
    }
    struct parquet_chunk *chunks = arena_new_array(p->arena, struct parquet_chunk, count + 1);
    for (size_t i = 0; i < count && !p->t.bad; i++) {
        read_chunk(p, i, &chunks[i]);
    }
    group->chunks = chunks;
}

static void read_group(struct parse *p, struct parquet_group *group)
{
    struct thrift_struct s = {0};
    const uint8_t *begin = p->t.at;
    group->row_count = -1;
    while (sql_thrift_field(&p->t, &s)) {
        if (s.id == 1) {
            read_chunks(p, &s, group);
        } else if (s.id == 3) {
            group->row_count = sql_thrift_i64(&p->t, &s);
        } else {
            sql_thrift_skip(&p->t, &s);
        }
    }
    p->t.bad = p->t.bad || group->row_count < 0 || group->chunks == NULL;
    group->bytes = str_n((const char *)begin, (size_t)(p->t.at - begin));
}

static void read_groups(struct parse *p, const struct thrift_struct *field)
{
    p->out.groups_begin = (size_t)(p->t.at - p->t.start);
    size_t count = sql_thrift_list(&p->t, field, THRIFT_STRUCT);
    struct parquet_group *groups = arena_new_array(p->arena, struct parquet_group, count + 1);
    if (!p->has_schema || p->out.groups != NULL) {
        p->t.bad = true;
        return;
    }
    int64_t rows = 0;
    for (size_t i = 0; i < count && !p->t.bad; i++) {
        read_group(p, &groups[i]);
        p->t.bad = p->t.bad || __builtin_add_overflow(rows, groups[i].row_count, &rows);
    }
    p->t.bad = p->t.bad || rows != p->out.row_count;
    p->out.groups = groups;
    p->out.group_count = count;
    p->out.groups_end = (size_t)(p->t.at - p->t.start);
}

/* ---- the whole ----------------------------------------------------------------------------- */

int sql_parquet_tail(struct str tail, uint64_t file_bytes, uint64_t *ret_bytes, struct err *err)
{
    if (tail.len != PARQUET_TAIL_BYTES || memcmp(tail.ptr + 4, MAGIC, 4) != 0) {
        bool encrypted = tail.len == PARQUET_TAIL_BYTES && memcmp(tail.ptr + 4, "PARE", 4) == 0;
        return encrypted ? err_set(err, ERR_CONFIG, "the file is encrypted, which cannot be read")
                         : err_set(err, ERR_CORRUPT, "it does not end as a Parquet file");
    }
    uint64_t bytes = little_end(str_n(tail.ptr, 4));
    if (bytes > FOOTER_BYTES_MAX || bytes + 12 > file_bytes) {
        return err_set(err, ERR_CORRUPT, "its footer of %" PRIu64 " bytes is longer than the file",
                       bytes);
    }
    *ret_bytes = bytes;
    return 0;
}

static int compare_starts(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static void keep_starts(struct parse *p)
{
    size_t count = p->starts.count;
    uint64_t *starts = arena_new_array(p->arena, uint64_t, count + 1);
    if (count > 0) {
        memcpy(starts, p->starts.items, count * sizeof(*starts));
        qsort(starts, count, sizeof(*starts), compare_starts);
    }
    p->out.starts = starts;
    p->out.start_count = count;
    vec_done(&p->starts);
}

static void read_footer(struct parse *p)
{
    struct thrift_struct s = {0};
    bool has_rows = false;
    while (sql_thrift_field(&p->t, &s)) {
        switch (s.id) {
        case 2:
            read_schema(p, &s);
            break;
        case 3: /* once, before the row groups, with every writer */
            p->t.bad = p->t.bad || has_rows || p->out.groups != NULL;
            p->out.rows_begin = (size_t)(p->t.at - p->t.start);
            p->out.row_count = sql_thrift_i64(&p->t, &s);
            p->out.rows_end = (size_t)(p->t.at - p->t.start);
            has_rows = true;
            break;
        case 4:
            p->t.bad = p->t.bad || !has_rows;
            read_groups(p, &s);
            break;
        case 8:
            p->encrypted = true;
            sql_thrift_skip(&p->t, &s);
            break;
        default:
            sql_thrift_skip(&p->t, &s);
        }
    }
    p->t.bad = p->t.bad || p->out.groups == NULL;
}

int sql_parquet_parse(struct arena *arena, struct str footer, uint64_t file_bytes,
                      struct parquet_footer *ret_footer, struct err *err)
{
    assert(file_bytes >= footer.len + PARQUET_TAIL_BYTES);
    struct parse p = {.arena = arena};
    sql_thrift_init(&p.t, footer);
    p.out.bytes = footer;
    p.out.end = file_bytes - footer.len - PARQUET_TAIL_BYTES;
    read_footer(&p);
    keep_starts(&p);
    if (p.encrypted) {
        return err_set(err, ERR_CONFIG, "the file has encrypted columns, which cannot be read");
    }
    if (p.elsewhere) {
        return err_set(err, ERR_CORRUPT, "its data are in other files");
    }
    if (p.t.bad) {
        return err_set(err, ERR_CORRUPT, "its footer is damaged");
    }
    *ret_footer = p.out;
    return 0;
}

uint64_t sql_parquet_end(const struct parquet_footer *footer, uint64_t begin)
{
    size_t low = 0;
    size_t high = footer->start_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (footer->starts[middle] <= begin) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    uint64_t next = low < footer->start_count ? footer->starts[low] : footer->end;
    return next < footer->end ? next : footer->end;
}

static bool is_integer(enum type_kind kind)
{
    return kind == TYPE_TINYINT || kind == TYPE_SMALLINT || kind == TYPE_INTEGER ||
           kind == TYPE_BIGINT;
}

bool sql_parquet_fits(const struct parquet_column *column, const struct type *type)
{
    if (column->type == NULL) {
        return false;
    }
    switch (column->type->kind) {
    case TYPE_BIGINT:
        return is_integer(type->kind);
    case TYPE_DECIMAL:
        return type->kind == TYPE_DECIMAL && type->scale == column->type->scale;
    case TYPE_FLOAT:
        return type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE;
    case TYPE_TIMESTAMP:
        return type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMP_NTZ;
    default:
        return type->kind == column->type->kind;
    }
}

void sql_parquet_print(const struct parquet_footer *footer, const bool *keep, struct buf *out)
{
    size_t start = out->len;
    int64_t rows = 0;
    size_t count = 0;
    for (size_t i = 0; i < footer->group_count; i++) {
        rows += keep[i] ? footer->groups[i].row_count : 0;
        count += keep[i] ? 1 : 0;
    }
    buf_add(out, footer->bytes.ptr, footer->rows_begin);
    sql_thrift_add_i64(out, rows);
    buf_add(out, footer->bytes.ptr + footer->rows_end, footer->groups_begin - footer->rows_end);
    buf_add_char(out, (char)(0xF0 | THRIFT_STRUCT));
    sql_thrift_add_varint(out, count);
    for (size_t i = 0; i < footer->group_count; i++) {
        if (keep[i]) {
            buf_add_str(out, footer->groups[i].bytes);
        }
    }
    buf_add_str(out, str_skip(footer->bytes, footer->groups_end));
    uint32_t bytes = (uint32_t)(out->len - start);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        buf_add_char(out, (char)(bytes >> shift));
    }
    buf_add(out, MAGIC, 4);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_schema - an Avro schema, read from its JSON text
 *
 * One pass over the tree of base/json.h.  A named schema is known from its first word on, so
 * that it can contain itself; a name is looked up in the namespace around it, then, as the Java
 * library does, without one.
 *
 * Invariants:
 *  (1) The recursion is as deep as the JSON is, 512 at most.
 *  (2) bytes_min and bytes_always are computed when a schema's parts are known; of a record
 *      that is still open they are 0 and -1: a bound that is too low, never one too high.
 *  (3) Defaults are not looked at here, as Spark does not either: who uses one checks it
 *      (avro_preset.c).
 *
 * Stricter than some writers: names consist of letters, digits and '_' (letters beyond ASCII are
 * taken), nothing is defined twice, a union has a kind of schema once.
 */
#include "codec/avro_schema.h"

#include "base/base.h"

#define FIXED_BYTES_MAX INT32_MAX
#define BYTES_MIN_MAX   ((size_t)1 << 40) /* larger than any message: sums stop here */

static const char *const kind_names[] = {
    [AVRO_NULL] = "null",   [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",
    [AVRO_LONG] = "long",   [AVRO_FLOAT] = "float",     [AVRO_DOUBLE] = "double",
    [AVRO_BYTES] = "bytes", [AVRO_STRING] = "string",   [AVRO_RECORD] = "record",
    [AVRO_ENUM] = "enum",   [AVRO_FIXED] = "fixed",     [AVRO_ARRAY] = "array",
    [AVRO_MAP] = "map",     [AVRO_UNION] = "union",
};

/* Which schema a logical type may stand on; decimal and uuid have a second one. */
static const struct logical {
    const char *name;
    enum avro_kind kind;
} logicals[] = {
    [AVRO_DECIMAL] = {"decimal", AVRO_BYTES},
    [AVRO_UUID] = {"uuid", AVRO_STRING},
    [AVRO_DATE] = {"date", AVRO_INT},
    [AVRO_TIME_MILLIS] = {"time-millis", AVRO_INT},
    [AVRO_TIME_MICROS] = {"time-micros", AVRO_LONG},
    [AVRO_TIMESTAMP_MILLIS] = {"timestamp-millis", AVRO_LONG},
    [AVRO_TIMESTAMP_MICROS] = {"timestamp-micros", AVRO_LONG},
    [AVRO_TIMESTAMP_NANOS] = {"timestamp-nanos", AVRO_LONG},
    [AVRO_LOCAL_TIMESTAMP_MILLIS] = {"local-timestamp-millis", AVRO_LONG},
    [AVRO_LOCAL_TIMESTAMP_MICROS] = {"local-timestamp-micros", AVRO_LONG},
    [AVRO_LOCAL_TIMESTAMP_NANOS] = {"local-timestamp-nanos", AVRO_LONG},
    [AVRO_DURATION] = {"duration", AVRO_FIXED},
};

/* Where in the schema we are: the way to the root, on the C stack. */
struct place {
    const struct place *parent;
    struct str label; /* a field's name, "[]" for what an array or map holds, or empty */
};

struct parser {
    struct arena *arena;
    VEC(struct avro_schema *) named;
    uint32_t *slots; /* of full names in `named`: index + 1; 0 = free */
    size_t slot_count;
};

static int parse_schema(struct parser *p, const struct json *v, struct str space,
                        const struct place *place, const struct avro_schema **ret_schema,
                        struct err *err);

static void print_place(const struct place *place, struct buf *out)
{
    if (place == NULL) {
        return;
    }
    print_place(place->parent, out);
    if (out->len > 0 && place->label.len > 0 && place->label.ptr[0] != '[') {
        buf_add_char(out, '.');
    }
    buf_add_str(out, place->label);
}

static COLD PRINTF(3, 4) int fail(const struct place *place, struct err *err, const char *fmt, ...)
{
    AUTO_BUF struct buf what = {0};
    AUTO_BUF struct buf path = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&what, fmt, args);
    va_end(args);
    print_place(place, &path);
    if (path.len == 0) {
        return err_set(err, ERR_CONFIG, "avro schema: %.*s", STR_FMT(buf_str(&what)));
    }
    return err_set(err, ERR_CONFIG, "avro schema, field \"%.*s\": %.*s",
                   STR_FMT(str_head(buf_str(&path), 256)), STR_FMT(buf_str(&what)));
}

/* --- names ------------------------------------------------------------------ */

ptrdiff_t codec_avro_schema_find(const struct avro_names *names, struct str name)
{
    for (uint64_t at = str_hash(name); names->count > 0; at++) {
        uint32_t slot = names->slots[at & names->mask];
        if (slot == 0) {
            break;
        }
        if (str_eq(names->items[slot - 1], name)) {
            return (ptrdiff_t)slot - 1;
        }
    }
    return -1;
}

ptrdiff_t codec_avro_schema_find_nocase(const struct avro_names *names, struct str name)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < names->count; i++) {
        if (str_eq_nocase(names->items[i], name)) {
            if (found >= 0) {
                return -1;
            }
            found = (ptrdiff_t)i;
        }
    }
    return found;
}

static void names_init(struct parser *p, struct avro_names *names, size_t count_max)
{
    size_t slots = 4;
    while (slots < 2 * count_max) {
        slots *= 2;
    }
    *names = (struct avro_names){
        .items = arena_new_array(p->arena, struct str, count_max),
        .slots = arena_new_array(p->arena, uint32_t, slots),
        .mask = slots - 1,
    };
}

/* False when it is there already. */
static bool names_add(struct avro_names *names, struct str name)
{
    uint64_t at = str_hash(name);
    for (; names->slots[at & names->mask] != 0; at++) {
        if (str_eq(names->items[names->slots[at & names->mask] - 1], name)) {
            return false;
        }
    }
    names->items[names->count++] = name;
    names->slots[at & names->mask] = (uint32_t)names->count;
    return true;
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool is_letter = (c | 0x20u) - 'a' < 26u || c == '_' || c >= 0x80;
        if (!is_letter && (i == 0 || (unsigned)(c - '0') > 9)) {
            return false;
        }
    }
    return s.len > 0;
}

/* "a.b.c" is `c` in the namespace "a.b". */
static struct str name_of(struct str full_name)
{
    return str_skip(full_name, (size_t)(str_rfind(full_name, '.') + 1));
}

static struct str space_of(struct str full_name)
{
    ptrdiff_t dot = str_rfind(full_name, '.');
    return str_head(full_name, dot < 0 ? 0 : (size_t)dot);
}

static struct str join_name(struct parser *p, struct str space, struct str name)
{
    if (space.len == 0 || str_find(name, '.') >= 0) {
        return name;
    }
    char *full = arena_printf(p->arena, "%.*s.%.*s", STR_FMT(space), STR_FMT(name));
    return str_of(full);
}

/* The slot of a full name: of the schema that has it, or free. */
static uint32_t *find_slot(const struct parser *p, struct str full_name)
{
    for (uint64_t at = str_hash(full_name);; at++) {
        uint32_t *slot = &p->slots[at & (p->slot_count - 1)];
        if (*slot == 0 || str_eq(p->named.items[*slot - 1]->full_name, full_name)) {
            return slot;
        }
    }
}

static const struct avro_schema *find_named(const struct parser *p, struct str full_name)
{
    uint32_t slot = p->slot_count > 0 ? *find_slot(p, full_name) : 0;
    return slot > 0 ? p->named.items[slot - 1] : NULL;
}

static void add_named(struct parser *p, struct avro_schema *schema)
{
    if (2 * (p->named.count + 1) > p->slot_count) {
        p->slot_count = p->slot_count == 0 ? 16 : 2 * p->slot_count;
        p->slots = mem_realloc(p->slots, mem_product(p->slot_count, sizeof(*p->slots)));
        memset(p->slots, 0, p->slot_count * sizeof(*p->slots));
        for (size_t i = 0; i < p->named.count; i++) {
            *find_slot(p, p->named.items[i]->full_name) = (uint32_t)i + 1;
        }
    }
    uint32_t *slot = find_slot(p, schema->full_name);
    *vec_push(&p->named) = schema;
    *slot = (uint32_t)p->named.count;
}

static int parse_aliases(struct parser *p, const struct json *owner, const struct place *place,
                         const struct str **ret_aliases, size_t *ret_count, struct err *err)
{
    const struct json *list = json_find(owner, "aliases");
    *ret_count = 0;
    if (list == NULL || list->kind == JSON_NULL) {
        return 0;
    }
    if (list->kind != JSON_ARRAY) {
        return fail(place, err, "\"aliases\" is not an array");
    }
    struct str *aliases = arena_new_array(p->arena, struct str, list->count);
    json_foreach (alias, list) {
        if (!json_get_str(alias, &aliases[*ret_count])) {
            return fail(place, err, "an alias is not a string");
        }
        ++*ret_count;
    }
    *ret_aliases = aliases;
    return 0;
}

/* Name, namespace and aliases of a record, enum or fixed, and its place among the named. */
static int parse_identity(struct parser *p, const struct json *v, struct str space,
                          const struct place *place, struct avro_schema *s, struct err *err)
{
    struct str name;
    if (!json_get_str(json_find(v, "name"), &name)) {
        return fail(place, err, "a%s %s has no \"name\"", s->kind == AVRO_ENUM ? "n" : "",
                    kind_names[s->kind]);
    }
    json_get_str(json_find(v, "namespace"), &space);
    /* ".R" is R without a namespace. */
    s->full_name = str_starts(name, STR(".")) ? str_skip(name, 1) : join_name(p, space, name);
    s->name = name_of(s->full_name);
    struct str shown = str_head(s->full_name, 128);
    if (!is_name(s->name) || str_starts(s->full_name, STR(".")) ||
        str_find_str(s->full_name, STR("..")) >= 0) {
        return fail(place, err, "\"%.*s\" is no name; letters, digits and '_' are", STR_FMT(shown));
    }
    for (int k = 0; k < AVRO_RECORD; k++) {
        if (str_eq_c(s->full_name, kind_names[k])) {
            return fail(place, err, "\"%.*s\" is the name of a primitive type", STR_FMT(shown));
        }
    }
    if (find_named(p, s->full_name) != NULL) {
        return fail(place, err, "\"%.*s\" is defined twice", STR_FMT(shown));
    }
    TRY(parse_aliases(p, v, place, &s->aliases, &s->alias_count, err));
    add_named(p, s);
    return 0;
}

static COLD int unknown_type(const struct parser *p, struct str name, const struct place *place,
                             struct err *err)
{
    const char *nearest = NULL;
    size_t nearest_distance = 3; /* further away is not a slip of the hand */
    for (size_t k = 0; k < AVRO_UNION; k++) {
        size_t distance = str_distance(name, str_of(kind_names[k]));
        if (distance < nearest_distance) {
            nearest = kind_names[k];
            nearest_distance = distance;
        }
    }
    struct str shown = str_head(name, 128);
    if (nearest == NULL) {
        for (size_t i = 0; i < p->named.count; i++) {
            struct str known = p->named.items[i]->full_name;
            if (str_eq(name_of(known), name_of(name))) {
                return fail(place, err, "type \"%.*s\" is not defined; did you mean \"%.*s\"?",
                            STR_FMT(shown), STR_FMT(str_head(known, 128)));
            }
        }
        return fail(place, err, "type \"%.*s\" is not defined", STR_FMT(shown));
    }
    return fail(place, err, "type \"%.*s\" is not defined; did you mean \"%s\"?", STR_FMT(shown),
                nearest);
}

/* A name where a schema is wanted: a primitive, or a schema that is defined already. */
static int parse_reference(struct parser *p, struct str name, struct str space,
                           const struct place *place, const struct avro_schema **ret_schema,
                           struct err *err)
{
    static const struct avro_schema primitives[] = {
        [AVRO_NULL] = {.kind = AVRO_NULL},
        [AVRO_BOOLEAN] = {.kind = AVRO_BOOLEAN, .bytes_min = 1, .bytes_always = 1},
        [AVRO_INT] = {.kind = AVRO_INT, .bytes_min = 1, .bytes_always = -1},
        [AVRO_LONG] = {.kind = AVRO_LONG, .bytes_min = 1, .bytes_always = -1},
        [AVRO_FLOAT] = {.kind = AVRO_FLOAT, .bytes_min = 4, .bytes_always = 4},
        [AVRO_DOUBLE] = {.kind = AVRO_DOUBLE, .bytes_min = 8, .bytes_always = 8},
        [AVRO_BYTES] = {.kind = AVRO_BYTES, .bytes_min = 1, .bytes_always = -1},
        [AVRO_STRING] = {.kind = AVRO_STRING, .bytes_min = 1, .bytes_always = -1},
    };
    for (size_t k = 0; k < ARRAY_COUNT(primitives); k++) {
        if (str_eq_c(name, kind_names[k])) {
            *ret_schema = &primitives[k];
            return 0;
        }
    }
    const struct avro_schema *found = find_named(p, join_name(p, space, name));
    if (found == NULL) {
        found = find_named(p, name);
    }
    if (found == NULL) {
        return unknown_type(p, name, place, err);
    }
    *ret_schema = found;
    return 0;
}

/* --- logical types ------------------------------------------------------------ */

/* Digits that `size` bytes hold in two's complement: floor(log10(2^(8 size - 1) - 1)). */
static uint64_t digits_of(size_t size)
{
    return size == 0 ? 0 : (uint64_t)((double)(8 * size - 1) * 0.30102999566398119521);
}

static bool get_count(const struct json *v, const char *name, int64_t preset, int64_t *ret_value)
{
    const struct json *member = json_find(v, name);
    *ret_value = preset;
    return member == NULL || (json_get_i64(member, ret_value) && *ret_value >= 0);
}

static void parse_logical(const struct json *v, struct avro_schema *s)
{
    struct str name;
    if (!json_get_str(json_find(v, "logicalType"), &name)) {
        return;
    }
    size_t which = AVRO_DECIMAL;
    while (which < ARRAY_COUNT(logicals) && !str_eq_c(name, logicals[which].name)) {
        which++;
    }
    if (which == ARRAY_COUNT(logicals)) {
        return;
    }
    bool fits = s->kind == logicals[which].kind;
    int64_t precision = 0;
    int64_t scale = 0;
    if (which == AVRO_DECIMAL) {
        fits = (fits || s->kind == AVRO_FIXED) && get_count(v, "precision", 0, &precision) &&
               get_count(v, "scale", 0, &scale) && precision > 0 && precision <= INT32_MAX &&
               scale <= precision &&
               (s->kind == AVRO_BYTES || (uint64_t)precision <= digits_of(s->size));
    } else if (which == AVRO_UUID) {
        fits = fits || (s->kind == AVRO_FIXED && s->size == 16);
    } else if (which == AVRO_DURATION) {
        fits = fits && s->size == 12;
    }
    if (fits) {
        s->logical = (enum avro_logical)which;
        s->precision = (uint32_t)precision;
        s->scale = (uint32_t)scale;
    }
}

/* --- schemas ------------------------------------------------------------------ */

static void measure(struct avro_schema *s)
{
    size_t sum = 0;
    size_t least = BYTES_MIN_MAX;
    ptrdiff_t always = 0;
    switch (s->kind) {
    case AVRO_RECORD:
        for (size_t i = 0; i < s->names.count; i++) {
            const struct avro_schema *part = s->fields[i].schema;
            sum += part->bytes_min;
            sum = sum < BYTES_MIN_MAX ? sum : BYTES_MIN_MAX;
            always = part->bytes_always < 0 || always < 0 ? -1 : always + part->bytes_always;
        }
        s->bytes_min = sum;
        s->bytes_always = sum < BYTES_MIN_MAX ? always : -1;
        break;
    case AVRO_UNION:
        for (size_t i = 0; i < s->branch_count; i++) {
            least = s->branches[i]->bytes_min < least ? s->branches[i]->bytes_min : least;
        }
        s->bytes_min = least < BYTES_MIN_MAX ? 1 + least : least;
        s->bytes_always = -1;
        break;
    case AVRO_FIXED:
        s->bytes_min = s->size;
        s->bytes_always = (ptrdiff_t)s->size;
        break;
    default: /* array, map, enum */
        s->bytes_min = 1;
        s->bytes_always = -1;
    }
}

static int parse_field(struct parser *p, const struct json *v, struct str space,
                       const struct place *place, struct avro_schema *record, struct err *err)
{
    struct str name;
    if (v->kind != JSON_OBJECT) {
        return fail(place, err, "a field is not an object");
    }
    if (!json_get_str(json_find(v, "name"), &name)) {
        return fail(place, err, "a field has no \"name\"");
    }
    struct place here = {place, str_head(name, 128)};
    if (!is_name(name)) {
        return fail(&here, err, "this is no name; letters, digits and '_' are");
    }
    struct avro_field *field = &record->fields[record->names.count];
    if (!names_add(&record->names, name)) {
        return fail(&here, err, "the field is there twice");
    }
    const struct json *type = json_find(v, "type");
    if (type == NULL) {
        return fail(&here, err, "a field has no \"type\"");
    }
    field->preset = json_find(v, "default");
    TRY(parse_aliases(p, v, &here, &field->aliases, &field->alias_count, err));
    return parse_schema(p, type, space, &here, &field->schema, err);
}

static int parse_record(struct parser *p, const struct json *v, struct str space,
                        const struct place *place, struct avro_schema *s, struct err *err)
{
    s->bytes_always = -1;
    TRY(parse_identity(p, v, space, place, s, err));
    const struct json *fields = json_find(v, "fields");
    if (fields == NULL || fields->kind != JSON_ARRAY) {
        return fail(place, err, "record \"%.*s\" has no array \"fields\"",
                    STR_FMT(str_head(s->full_name, 128)));
    }
    names_init(p, &s->names, fields->count);
    s->fields = arena_new_array(p->arena, struct avro_field, fields->count);
    json_foreach (field, fields) {
        TRY(parse_field(p, field, space_of(s->full_name), place, s, err));
    }
    return 0;
}

static int parse_enum(struct parser *p, const struct json *v, struct str space,
                      const struct place *place, struct avro_schema *s, struct err *err)
{
    TRY(parse_identity(p, v, space, place, s, err));
    struct str shown = str_head(s->full_name, 128);
    const struct json *symbols = json_find(v, "symbols");
    if (symbols == NULL || symbols->kind != JSON_ARRAY) {
        return fail(place, err, "enum \"%.*s\" has no array \"symbols\"", STR_FMT(shown));
    }
    names_init(p, &s->names, symbols->count);
    json_foreach (symbol, symbols) {
        struct str name;
        if (!json_get_str(symbol, &name) || !is_name(name)) {
            return fail(place, err, "a symbol of enum \"%.*s\" is no name", STR_FMT(shown));
        }
        if (!names_add(&s->names, name)) {
            return fail(place, err, "symbol \"%.*s\" of enum \"%.*s\" is there twice",
                        STR_FMT(str_head(name, 128)), STR_FMT(shown));
        }
    }
    const struct json *preset = json_find(v, "default");
    struct str name;
    s->symbol_preset = -1;
    if (preset != NULL) {
        s->symbol_preset =
            json_get_str(preset, &name) ? codec_avro_schema_find(&s->names, name) : -1;
        if (s->symbol_preset < 0) {
            return fail(place, err, "the default of enum \"%.*s\" is none of its symbols",
                        STR_FMT(shown));
        }
    }
    return 0;
}

static int parse_fixed(struct parser *p, const struct json *v, struct str space,
                       const struct place *place, struct avro_schema *s, struct err *err)
{
    TRY(parse_identity(p, v, space, place, s, err));
    int64_t size;
    if (!json_get_i64(json_find(v, "size"), &size) || size < 0 || size > FIXED_BYTES_MAX) {
        return fail(place, err, "fixed \"%.*s\" has no \"size\" of 0 to %d",
                    STR_FMT(str_head(s->full_name, 128)), FIXED_BYTES_MAX);
    }
    s->size = (size_t)size;
    return 0;
}

/* What an array or map holds. */
static int parse_held(struct parser *p, const struct json *v, struct str space,
                      const struct place *place, struct avro_schema *s, struct err *err)
{
    const char *name = s->kind == AVRO_ARRAY ? "items" : "values";
    const struct json *held = json_find(v, name);
    if (held == NULL) {
        return fail(place, err, "a%s %s has no \"%s\"", s->kind == AVRO_ARRAY ? "n" : "",
                    kind_names[s->kind], name);
    }
    struct place here = {place, STR("[]")};
    s->branches = arena_new_array(p->arena, const struct avro_schema *, 1);
    s->branch_count = 1;
    return parse_schema(p, held, space, &here, &s->branches[0], err);
}

static bool is_named(const struct avro_schema *s)
{
    return s->kind == AVRO_RECORD || s->kind == AVRO_ENUM || s->kind == AVRO_FIXED;
}

static int parse_union(struct parser *p, const struct json *v, struct str space,
                       const struct place *place, struct avro_schema *s, struct err *err)
{
    s->branches = arena_new_array(p->arena, const struct avro_schema *, v->count);
    struct avro_names seen;
    names_init(p, &seen, v->count);
    json_foreach (branch, v) {
        struct place here = {place, STR_NULL};
        const struct avro_schema *parsed = NULL;
        TRY(parse_schema(p, branch, space, &here, &parsed, err));
        assert(parsed != NULL);
        if (parsed->kind == AVRO_UNION) {
            return fail(place, err, "a union is directly inside a union");
        }
        struct str name = is_named(parsed) ? parsed->full_name : str_of(kind_names[parsed->kind]);
        if (!names_add(&seen, name)) {
            return fail(place, err, "a union has \"%.*s\" twice", STR_FMT(str_head(name, 128)));
        }
        s->branches[s->branch_count++] = parsed;
    }
    return 0;
}

/* A primitive in an object, so maybe with a logical type. */
static const struct avro_schema *decorate(struct parser *p, const struct json *v,
                                          const struct avro_schema *found)
{
    if (found->kind >= AVRO_RECORD || json_find(v, "logicalType") == NULL) {
        return found;
    }
    struct avro_schema *copy = arena_new(p->arena, struct avro_schema);
    *copy = *found;
    parse_logical(v, copy);
    return copy;
}

static int parse_object(struct parser *p, const struct json *v, struct str space,
                        const struct place *place, const struct avro_schema **ret_schema,
                        struct err *err)
{
    const struct json *type = json_find(v, "type");
    if (type == NULL) {
        return fail(place, err, "a schema has no \"type\"");
    }
    struct str name;
    if (!json_get_str(type, &name)) {
        return parse_schema(p, type, space, place, ret_schema, err);
    }
    struct avro_schema *s = arena_new(p->arena, struct avro_schema);
    if (str_eq_c(name, "record") || str_eq_c(name, "error")) {
        s->kind = AVRO_RECORD;
        TRY(parse_record(p, v, space, place, s, err));
    } else if (str_eq_c(name, "enum")) {
        s->kind = AVRO_ENUM;
        TRY(parse_enum(p, v, space, place, s, err));
    } else if (str_eq_c(name, "fixed")) {
        s->kind = AVRO_FIXED;
        TRY(parse_fixed(p, v, space, place, s, err));
        parse_logical(v, s);
    } else if (str_eq_c(name, "array") || str_eq_c(name, "map")) {
        s->kind = name.len == 3 ? AVRO_MAP : AVRO_ARRAY;
        TRY(parse_held(p, v, space, place, s, err));
    } else {
        TRY(parse_reference(p, name, space, place, ret_schema, err));
        *ret_schema = decorate(p, v, *ret_schema);
        return 0;
    }
    measure(s);
    *ret_schema = s;
    return 0;
}

static int parse_schema(struct parser *p, const struct json *v, struct str space,
                        const struct place *place, const struct avro_schema **ret_schema,
                        struct err *err)
{
    switch (v->kind) {
    case JSON_STRING:
        return parse_reference(p, v->text, space, place, ret_schema, err);
    case JSON_OBJECT:
        return parse_object(p, v, space, place, ret_schema, err);
    case JSON_ARRAY: {
        struct avro_schema *s = arena_new(p->arena, struct avro_schema);
        s->kind = AVRO_UNION;
        TRY(parse_union(p, v, space, place, s, err));
        measure(s);
        *ret_schema = s;
        return 0;
    }
    default:
        return fail(place, err, "a schema must be a name, an object or an array");
    }
}

int codec_avro_schema_parse(struct arena *arena, struct str text,
                            const struct avro_schema **ret_schema, struct err *err)
{
    if (text.len > CODEC_AVRO_SCHEMA_BYTES_MAX) {
        return err_set(err, ERR_CONFIG, "avro schema: it has more than %zu MiB",
                       CODEC_AVRO_SCHEMA_BYTES_MAX >> 20);
    }
    struct json *root;
    struct str trimmed = str_trim(text);
    bool is_bare_name = is_name(trimmed); /* int is not JSON, yet people write it */
    if (is_bare_name) {
        root = json_make_str(arena, trimmed);
    } else if (json_parse(arena, text, &root, err) < 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "avro schema");
    }
    struct parser p = {.arena = arena};
    int rc = parse_schema(&p, root, STR_NULL, NULL, ret_schema, err);
    vec_done(&p.named);
    mem_free(p.slots);
    return rc;
}

/* --- asking ------------------------------------------------------------------- */

const char *codec_avro_schema_kind_name(enum avro_kind kind)
{
    return kind_names[kind];
}

void codec_avro_schema_print(const struct avro_schema *schema, struct buf *out)
{
    buf_add_c(out, kind_names[schema->kind]);
    if (is_named(schema)) {
        buf_add_char(out, ' ');
        buf_add_str(out, str_head(schema->full_name, 128));
    }
    if (schema->logical == AVRO_DECIMAL) {
        buf_printf(out, " (decimal(%u,%u))", schema->precision, schema->scale);
    } else if (schema->logical != AVRO_PLAIN) {
        buf_printf(out, " (%s)", logicals[schema->logical].name);
    }
}

size_t codec_avro_schema_count_values(const struct avro_schema *schema,
                                      const struct avro_schema **ret_first)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->branch_count; i++) {
        if (schema->branches[i]->kind != AVRO_NULL) {
            if (count == 0) {
                *ret_first = schema->branches[i];
            }
            count++;
        }
    }
    return count;
}

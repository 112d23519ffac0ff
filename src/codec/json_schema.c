/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_schema - a row type from a JSON Schema
 *
 *  (1) What has no one type of ours becomes STRING: the JSON codec gives it as JSON text, so
 *      nothing is lost.  Only what makes no sense at all is an error.
 *  (2) "$ref" is followed within the document, its definitions and the files of the registry.  A
 *      schema within itself is STRING there, for a row type is finite.
 *  (3) A schema of a few lines can describe a type of any size (each level twice the next): the
 *      number of types is limited, not only the depth.
 */
#include "codec/json_schema.h"

#define DEPTH_MAX      64
#define TYPES_MAX      20000
#define ALTERNATIVES   64
#define NAME_SHOWN     100
#define DECIMAL_DIGITS 38

/* A document: the schema itself, or a file of the registry. */
struct document {
    struct str name;
    struct str text;
    const struct json *root; /* NULL = not parsed yet */
};

/* Where a schema stands: "$ref" in it counts from its document. */
struct place {
    const struct json *node;
    struct document *document;
};

struct level {
    const struct json *node;
    struct str name; /* of the field, "" = none */
};

struct walk {
    struct arena *scratch;
    struct arena *arena; /* of the result */
    struct document *documents;
    size_t document_count;
    struct level levels[DEPTH_MAX]; /* from the root to where we are */
    size_t depth;
    size_t type_count;
};

static int describe(struct walk *w, struct place at, struct str name, const struct type **ret_type,
                    struct err *err);

static int fail(const struct walk *w, struct err *err, const char *fmt, ...) PRINTF(3, 4) COLD;
static int fail(const struct walk *w, struct err *err, const char *fmt, ...)
{
    AUTO_BUF struct buf where = {0};
    AUTO_BUF struct buf what = {0};
    for (size_t i = 0; i < w->depth; i++) {
        struct str name = str_head(w->levels[i].name, NAME_SHOWN);
        buf_printf(&where, "%s%.*s", where.len > 0 && name.len > 0 ? "." : "", STR_FMT(name));
    }
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&what, fmt, args);
    va_end(args);
    return where.len == 0
               ? err_set(err, ERR_CONFIG, "JSON Schema: %s", what.ptr)
               : err_set(err, ERR_CONFIG, "JSON Schema: field \"%.300s\": %s", where.ptr, what.ptr);
}

/* ---- references ---- */

static int parse_document(struct walk *w, struct document *d, struct err *err)
{
    if (d->root != NULL) {
        return 0;
    }
    struct json *root;
    struct err why;
    if (json_parse(w->scratch, d->text, &root, &why) < 0) {
        return err_set(err, ERR_CONFIG, "JSON Schema%s%.*s: %s", d->name.len > 0 ? " " : "",
                       STR_FMT(str_head(d->name, NAME_SHOWN)), why.msg);
    }
    d->root = root;
    return 0;
}

static struct str last_segment(struct str s)
{
    ptrdiff_t slash = str_rfind(s, '/');
    return slash < 0 ? s : str_skip(s, (size_t)slash + 1);
}

/* The document by the name in a "$ref": as it is, or by its last part, since "$id" may put any
 * base in front of either. "" is the document itself. */
static struct document *find_document(struct walk *w, struct document *from, struct str name)
{
    if (name.len == 0) {
        return from;
    }
    for (size_t i = 1; i < w->document_count; i++) {
        if (str_eq(w->documents[i].name, name)) {
            return &w->documents[i];
        }
    }
    struct str id;
    for (size_t i = 0; i < w->document_count; i++) {
        struct document *d = &w->documents[i];
        struct err ignored;
        if (parse_document(w, d, &ignored) == 0 &&
            (json_get_str(json_find(d->root, "$id"), &id) ||
             json_get_str(json_find(d->root, "id"), &id)) &&
            str_eq(id, name)) {
            return d;
        }
    }
    for (size_t i = 1; i < w->document_count; i++) {
        if (str_eq(last_segment(w->documents[i].name), last_segment(name))) {
            return &w->documents[i];
        }
    }
    return NULL;
}

/* A step of a JSON pointer, its escapes undone. NULL when there is nothing. */
static const struct json *step(const struct json *node, struct str token, struct buf *scratch)
{
    buf_reset(scratch);
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '~' && i + 1 < token.len) {
            i++;
            c = token.ptr[i] == '1' ? '/' : '~';
        }
        buf_add_char(scratch, c);
    }
    if (node->kind == JSON_OBJECT) {
        const struct json *found = NULL;
        json_foreach (member, node) {
            found = str_eq(member->name, buf_str(scratch)) ? member : found;
        }
        return found;
    }
    uint64_t index;
    if (node->kind != JSON_ARRAY || !str_to_u64(buf_str(scratch), &index)) {
        return NULL;
    }
    json_foreach (item, node) {
        if (index-- == 0) {
            return item;
        }
    }
    return NULL;
}

/* A definition that calls itself "#name". */
static const struct json *find_anchor(const struct json *root, struct str anchor)
{
    static const char *const homes[] = {"$defs", "definitions"};
    for (size_t i = 0; i < ARRAY_COUNT(homes); i++) {
        const struct json *home = json_find(root, homes[i]);
        if (home == NULL) {
            continue;
        }
        json_foreach (definition, home) {
            struct str own;
            if (json_get_str(json_find(definition, "$anchor"), &own) && str_eq(own, anchor)) {
                return definition;
            }
            if (json_get_str(json_find(definition, "$id"), &own) && own.len > 0 &&
                own.ptr[0] == '#' && str_eq(str_skip(own, 1), anchor)) {
                return definition;
            }
        }
    }
    return NULL;
}

static const struct json *follow_fragment(const struct json *root, struct str fragment)
{
    AUTO_BUF struct buf decoded = {0};
    AUTO_BUF struct buf scratch = {0};
    struct err ignored;
    if (uri_decode(&decoded, fragment, &ignored) < 0) {
        return NULL;
    }
    struct str rest = buf_str(&decoded);
    if (rest.len == 0) {
        return root;
    }
    if (rest.ptr[0] != '/') {
        return find_anchor(root, rest);
    }
    rest = str_skip(rest, 1);
    const struct json *node = root;
    struct str token;
    while (node != NULL && str_split(&rest, '/', &token)) {
        node = step(node, token, &scratch);
    }
    return node;
}

static int follow(struct walk *w, struct str ref, struct place *at, struct err *err)
{
    ptrdiff_t hash = str_find(ref, '#');
    struct str name = hash < 0 ? ref : str_head(ref, (size_t)hash);
    struct document *d = find_document(w, at->document, name);
    if (d != NULL) {
        TRY(parse_document(w, d, err));
        struct str fragment = hash < 0 ? STR("") : str_skip(ref, (size_t)hash + 1);
        const struct json *node = follow_fragment(d->root, fragment);
        if (node != NULL) {
            *at = (struct place){node, d};
            return 0;
        }
    }
    return fail(w, err, "the \"$ref\" \"%.*s\" leads nowhere", STR_FMT(str_head(ref, NAME_SHOWN)));
}

/* ---- alternatives ---- */

static bool is_null_schema(const struct json *node)
{
    struct str type;
    const struct json *constant = json_find(node, "const");
    return (json_get_str(json_find(node, "type"), &type) && str_eq_c(type, "null")) ||
           (constant != NULL && constant->kind == JSON_NULL);
}

/* The one alternative that is not null; NULL when there are several, or none. */
static const struct json *only_alternative(const struct json *list)
{
    const struct json *only = NULL;
    json_foreach (item, list) {
        if (is_null_schema(item)) {
            continue;
        }
        if (only != NULL) {
            return NULL;
        }
        only = item;
    }
    return only;
}

/*
 * Follows "$ref", and oneOf, anyOf and allOf with one alternative, until there is something else.
 * Outcome 1 = *at is a schema, 0 = it is none of one type.
 */
static int settle(struct walk *w, struct place *at, struct err *err)
{
    static const char *const choices[] = {"oneOf", "anyOf", "allOf"};
    for (size_t steps = 0; steps < ALTERNATIVES; steps++) {
        struct str ref;
        const struct json *next = NULL;
        bool has_choice = false;
        if (json_get_str(json_find(at->node, "$ref"), &ref)) {
            TRY(follow(w, ref, at, err));
            continue;
        }
        if (json_find(at->node, "properties") != NULL) {
            return 1;
        }
        for (size_t i = 0; i < ARRAY_COUNT(choices) && next == NULL; i++) {
            const struct json *list = json_find(at->node, choices[i]);
            if (list != NULL && list->kind == JSON_ARRAY && list->count > 0) {
                has_choice = true;
                next = only_alternative(list);
            }
        }
        if (next == NULL) {
            return has_choice && json_find(at->node, "allOf") == NULL ? 0 : 1;
        }
        at->node = next;
    }
    return 0;
}

/* ---- types ---- */

/* The type names of a schema, null left out. */
struct kinds {
    bool integer;
    bool number;
    bool string;
    bool boolean;
    bool object;
    bool array;
    unsigned count;
};

static void kinds_add(struct kinds *k, struct str name)
{
    static const char *const names[] = {"integer", "number", "string",
                                        "boolean", "object", "array"};
    bool *const flags[] = {&k->integer, &k->number, &k->string, &k->boolean, &k->object, &k->array};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_eq_c(name, names[i]) && !*flags[i]) {
            *flags[i] = true;
            k->count++;
        }
    }
}

static struct kinds kinds_of(const struct json *node)
{
    struct kinds k = {.count = 0};
    const struct json *type = json_find(node, "type");
    struct str name;
    if (json_get_str(type, &name)) {
        kinds_add(&k, name);
    } else if (type != NULL && type->kind == JSON_ARRAY) {
        json_foreach (item, type) {
            if (json_get_str(item, &name)) {
                kinds_add(&k, name);
            }
        }
    } else if (json_find(node, "properties") != NULL || json_find(node, "allOf") != NULL) {
        kinds_add(&k, STR("object"));
    } else if (json_find(node, "items") != NULL) {
        kinds_add(&k, STR("array"));
    }
    return k;
}

/* Kafka Connect's own names of narrower types; NULL = no hint. */
static const struct type *hinted(const struct json *node)
{
    static const struct {
        const char *name;
        enum type_kind kind;
    } hints[] = {
        {"int8", TYPE_TINYINT}, {"int16", TYPE_SMALLINT}, {"int32", TYPE_INTEGER},
        {"int64", TYPE_BIGINT}, {"float32", TYPE_FLOAT},  {"float64", TYPE_DOUBLE},
    };
    struct str hint;
    if (!json_get_str(json_find(node, "connect.type"), &hint)) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_COUNT(hints); i++) {
        if (str_eq_c(hint, hints[i].name)) {
            return type_simple(hints[i].kind);
        }
    }
    return NULL;
}

static bool has_text(const struct json *node, const char *member, const char *text)
{
    struct str value;
    return json_get_str(json_find(node, member), &value) && str_eq_c(value, text);
}

static const struct type *number_type(struct walk *w, const struct json *node, bool is_integer)
{
    if (has_text(node, "title", "org.apache.kafka.connect.data.Date") && is_integer) {
        return type_simple(TYPE_DATE);
    }
    if (has_text(node, "title", "org.apache.kafka.connect.data.Decimal")) {
        struct str scale;
        uint64_t digits;
        if (json_get_str(json_find(json_find(node, "connect.parameters"), "scale"), &scale) &&
            str_to_u64(scale, &digits) && digits <= DECIMAL_DIGITS) {
            return type_decimal(w->arena, DECIMAL_DIGITS, (uint8_t)digits);
        }
    }
    const struct type *hint = hinted(node);
    if (hint != NULL && (!is_integer || (hint->kind != TYPE_FLOAT && hint->kind != TYPE_DOUBLE)) &&
        (is_integer || hint->kind == TYPE_FLOAT || hint->kind == TYPE_DOUBLE)) {
        return hint;
    }
    return type_simple(is_integer ? TYPE_BIGINT : TYPE_DOUBLE);
}

static const struct type *string_type(const struct json *node)
{
    if (json_find(node, "enum") != NULL) {
        return type_simple(TYPE_STRING);
    }
    if (has_text(node, "format", "date-time")) {
        return type_simple(TYPE_TIMESTAMP);
    }
    if (has_text(node, "format", "date")) {
        return type_simple(TYPE_DATE);
    }
    if (has_text(node, "contentEncoding", "base64") || has_text(node, "connect.type", "bytes")) {
        return type_simple(TYPE_BINARY);
    }
    return type_simple(TYPE_STRING);
}

static int array_type(struct walk *w, struct place at, const struct type **ret_type,
                      struct err *err)
{
    const struct json *items = json_find(at.node, "items");
    const struct type *element = type_simple(TYPE_STRING);
    if (items != NULL && items->kind == JSON_OBJECT && json_find(at.node, "prefixItems") == NULL) {
        TRY(describe(w, (struct place){items, at.document}, STR("[]"), &element, err));
    }
    *ret_type = type_array(w->arena, element, true);
    return 0;
}

/* ---- objects ---- */

struct fields {
    VEC(struct type_field) list;
};

static void fields_done(struct fields *f)
{
    vec_done(&f->list);
}

#define AUTO_FIELDS AUTO(fields_done)

/* Of several members of one name the last counts, as everywhere in JSON. */
static bool is_last_of_name(const struct json *member)
{
    for (const struct json *m = member->next; m != NULL; m = m->next) {
        if (str_eq(m->name, member->name)) {
            return false;
        }
    }
    return true;
}

static bool has_field(const struct fields *f, struct str name)
{
    for (size_t i = 0; i < f->list.count; i++) {
        if (str_eq(f->list.items[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* The properties of a schema and of all parts of its allOf. */
static int add_fields(struct walk *w, struct place at, size_t nesting, struct fields *out,
                      struct err *err)
{
    const struct json *properties = json_find(at.node, "properties");
    const struct json *parts = json_find(at.node, "allOf");
    if (nesting > DEPTH_MAX) {
        return fail(w, err, "\"allOf\" is nested deeper than %d levels", DEPTH_MAX);
    }
    if (properties != NULL && properties->kind == JSON_OBJECT) {
        json_foreach (member, properties) {
            if (!is_last_of_name(member) || has_field(out, member->name)) {
                continue;
            }
            const struct type *type;
            struct str comment = STR("");
            TRY(describe(w, (struct place){member, at.document}, member->name, &type, err));
            (void)json_get_str(json_find(member, "description"), &comment);
            *vec_push(&out->list) = (struct type_field){.name = arena_str(w->arena, member->name),
                                                        .type = type,
                                                        .nullable = true,
                                                        .comment = arena_str(w->arena, comment)};
        }
    }
    if (parts != NULL && parts->kind == JSON_ARRAY) {
        json_foreach (part, parts) {
            struct place inner = {part, at.document};
            if (TRY(settle(w, &inner, err)) == 1) {
                TRY(add_fields(w, inner, nesting + 1, out, err));
            }
        }
    }
    return 0;
}

/* The schema of all values when an object has no properties of its own; NULL = none. */
static const struct json *value_schema(const struct json *node)
{
    const struct json *values = json_find(node, "additionalProperties");
    if (values != NULL && values->kind == JSON_OBJECT) {
        return values;
    }
    const struct json *patterns = json_find(node, "patternProperties");
    if (patterns != NULL && patterns->kind == JSON_OBJECT && patterns->count == 1 &&
        patterns->child->kind == JSON_OBJECT) {
        return patterns->child;
    }
    return NULL;
}

static int object_type(struct walk *w, struct place at, const struct type **ret_type,
                       struct err *err)
{
    AUTO_FIELDS struct fields fields = {0};
    TRY(add_fields(w, at, 0, &fields, err));
    if (fields.list.count > 0) {
        *ret_type = type_struct(w->arena, fields.list.items, fields.list.count);
        return 0;
    }
    const struct json *values = value_schema(at.node);
    if (values == NULL) {
        *ret_type = type_simple(TYPE_STRING);
        return 0;
    }
    const struct type *value = NULL;
    TRY(describe(w, (struct place){values, at.document}, STR("{}"), &value, err));
    *ret_type = type_map(w->arena, type_simple(TYPE_STRING), value, true);
    return 0;
}

/* ---- a schema ---- */

static int describe_kind(struct walk *w, struct place at, const struct type **ret_type,
                         struct err *err)
{
    struct kinds k = kinds_of(at.node);
    *ret_type = type_simple(TYPE_STRING); /* rule (1) */
    if (k.count == 2 && k.integer && k.number) {
        *ret_type = number_type(w, at.node, false);
        return 0;
    }
    if (k.count != 1) {
        return 0;
    }
    if (k.object) {
        return object_type(w, at, ret_type, err);
    }
    if (k.array) {
        return array_type(w, at, ret_type, err);
    }
    if (k.boolean) {
        *ret_type = type_simple(TYPE_BOOLEAN);
    } else if (k.string) {
        *ret_type = string_type(at.node);
    } else {
        *ret_type = number_type(w, at.node, k.integer);
    }
    return 0;
}

static int describe(struct walk *w, struct place at, struct str name, const struct type **ret_type,
                    struct err *err)
{
    if (w->depth == DEPTH_MAX) {
        return fail(w, err, "nested deeper than %d levels", DEPTH_MAX);
    }
    w->levels[w->depth++] = (struct level){NULL, name};
    if (++w->type_count > TYPES_MAX) {
        return fail(w, err, "it comes to more than %d fields", TYPES_MAX);
    }
    *ret_type = type_simple(TYPE_STRING);
    if (TRY(settle(w, &at, err)) == 1) {
        bool is_within_itself = false; /* rule (2) */
        for (size_t i = 0; i + 1 < w->depth; i++) {
            is_within_itself = is_within_itself || w->levels[i].node == at.node;
        }
        w->levels[w->depth - 1].node = at.node;
        if (!is_within_itself) {
            TRY(describe_kind(w, at, ret_type, err));
        }
    }
    w->depth--;
    return 0;
}

int codec_json_schema_describe(struct str text, const struct codec_schema_file *files,
                               size_t file_count, struct arena *arena,
                               const struct type **ret_row_type, struct err *err)
{
    AUTO_ARENA struct arena scratch = {0};
    struct walk w = {.scratch = &scratch, .arena = arena, .document_count = file_count + 1};
    w.documents = arena_new_array(&scratch, struct document, file_count + 1);
    w.documents[0].text = text;
    for (size_t i = 0; i < file_count; i++) {
        w.documents[i + 1].name = files[i].name;
        w.documents[i + 1].text = files[i].text;
    }
    TRY(parse_document(&w, &w.documents[0], err));
    const struct type *type;
    TRY(describe(&w, (struct place){w.documents[0].root, &w.documents[0]}, STR(""), &type, err));
    if (type->kind != TYPE_STRUCT) {
        return fail(&w, err, "the root is no object with properties");
    }
    *ret_row_type = type;
    return 0;
}

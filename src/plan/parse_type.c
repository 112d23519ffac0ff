/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse_type - types as Spark and as DuckDB write them
 *
 *     type   = base { "[" "]" }
 *     base   = name [ "(" number [ "," number ] ")" ]
 *            | STRUCT ( "<" fields ">" | "(" fields ")" )
 *            | ARRAY "<" type ">"
 *            | MAP ( "<" type "," type ">" | "(" type "," type ")" )
 *     fields = name [ ":" ] type [ NOT NULL ] [ COMMENT 'text' ] { "," … }
 *
 * Where the two disagree the words are Spark's, because the surface is Spark's: TIMESTAMP is an
 * instant, DECIMAL alone is DECIMAL(10,0).  A type that a Delta table cannot hold is refused here
 * with the one to write instead.
 */
#include "plan/complain.h"
#include "plan/parser.h"

#define DEPTH_MAX 64

struct type_word {
    const char *word;
    enum type_kind kind;
};

static const struct type_word words[] = {
    {"BOOLEAN", TYPE_BOOLEAN},
    {"BOOL", TYPE_BOOLEAN},
    {"TINYINT", TYPE_TINYINT},
    {"BYTE", TYPE_TINYINT},
    {"INT1", TYPE_TINYINT},
    {"SMALLINT", TYPE_SMALLINT},
    {"SHORT", TYPE_SMALLINT},
    {"INT2", TYPE_SMALLINT},
    {"INTEGER", TYPE_INTEGER},
    {"INT", TYPE_INTEGER},
    {"INT4", TYPE_INTEGER},
    {"BIGINT", TYPE_BIGINT},
    {"LONG", TYPE_BIGINT},
    {"INT8", TYPE_BIGINT},
    {"FLOAT", TYPE_FLOAT},
    {"REAL", TYPE_FLOAT},
    {"FLOAT4", TYPE_FLOAT},
    {"DOUBLE", TYPE_DOUBLE},
    {"FLOAT8", TYPE_DOUBLE},
    {"DECIMAL", TYPE_DECIMAL},
    {"NUMERIC", TYPE_DECIMAL},
    {"DEC", TYPE_DECIMAL},
    {"STRING", TYPE_STRING},
    {"VARCHAR", TYPE_STRING},
    {"TEXT", TYPE_STRING},
    {"CHAR", TYPE_STRING},
    {"BPCHAR", TYPE_STRING},
    {"BINARY", TYPE_BINARY},
    {"BLOB", TYPE_BINARY},
    {"BYTEA", TYPE_BINARY},
    {"VARBINARY", TYPE_BINARY},
    {"DATE", TYPE_DATE},
    {"TIMESTAMP", TYPE_TIMESTAMP},
    {"TIMESTAMPTZ", TYPE_TIMESTAMP},
    {"TIMESTAMP_LTZ", TYPE_TIMESTAMP},
    {"TIMESTAMP_NTZ", TYPE_TIMESTAMP_NTZ},
    {"STRUCT", TYPE_STRUCT},
    {"ARRAY", TYPE_ARRAY},
    {"MAP", TYPE_MAP},
};

struct refused_word {
    const char *word;
    const char *instead;
};

static const struct refused_word refused[] = {
    {"HUGEINT", "DECIMAL(38,0)"},
    {"UHUGEINT", "DECIMAL(38,0)"},
    {"UBIGINT", "DECIMAL(20,0)"},
    {"UINTEGER", "BIGINT"},
    {"USMALLINT", "INTEGER"},
    {"UTINYINT", "SMALLINT"},
    {"TIME", "STRING"},
    {"TIMETZ", "STRING"},
    {"INTERVAL", "STRING"},
    {"UUID", "STRING"},
    {"JSON", "STRING"},
    {"BIT", "STRING"},
    {"ENUM", "STRING"},
    {"VARIANT", "STRING"},
    {"UNION", "STRUCT"},
    {"ROW", "STRUCT"},
    {"LIST", "ARRAY<…>"},
    {"DATETIME", "TIMESTAMP or TIMESTAMP_NTZ"},
    {"TIMESTAMP_S", "TIMESTAMP_NTZ"},
    {"TIMESTAMP_MS", "TIMESTAMP_NTZ"},
    {"TIMESTAMP_NS", "TIMESTAMP_NTZ"},
};

static const struct type_word *find_word(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_eq_nocase_c(name, words[i].word)) {
            return &words[i];
        }
    }
    return NULL;
}

static int unknown_type(struct plan_parser *p)
{
    const struct plan_token *token = plan_parser_peek(p);
    char text[PLAN_QUOTE_BYTES];
    plan_complain_quote(token->text, text);
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        if (str_eq_nocase_c(token->text, refused[i].word)) {
            return plan_complain(p->err, p->file, token->place,
                                 "type %s has no counterpart in Delta; use %s", text,
                                 refused[i].instead);
        }
    }
    struct plan_near near = plan_complain_near(token->text);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        plan_complain_offer(&near, str_of(words[i].word));
    }
    char hint[PLAN_HINT_BYTES];
    plan_complain_hint(&near, hint);
    return plan_complain(p->err, p->file, token->place, "unknown type %s%s", text,
                         hint[0] != '\0'
                             ? hint
                             : "; known are BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT, FLOAT, "
                               "DOUBLE, DECIMAL, STRING, BINARY, DATE, TIMESTAMP, TIMESTAMP_NTZ, "
                               "STRUCT, ARRAY and MAP");
}

static int expect_number(struct plan_parser *p, uint64_t low, uint64_t high, const char *what,
                         uint64_t *ret_value)
{
    const struct plan_token *token = plan_parser_peek(p);
    uint64_t value = 0;
    if (token->kind != PLAN_TOKEN_NUMBER || !str_to_u64(token->text, &value)) {
        plan_parser_want(p, what);
        return plan_parser_fail(p);
    }
    if (value < low || value > high) {
        return plan_complain(p->err, p->file, token->place,
                             "%s is %" PRIu64 " to %" PRIu64 ", met \"%" PRIu64 "\"", what, low,
                             high, value);
    }
    plan_parser_step(p);
    *ret_value = value;
    return 0;
}

static int parse_decimal(struct plan_parser *p, const struct type **ret_type)
{
    uint64_t precision = 10;
    uint64_t scale = 0;
    if (plan_parser_accept_symbol(p, "(")) {
        TRY(expect_number(p, 1, 38, "a precision", &precision));
        if (plan_parser_accept_symbol(p, ",")) {
            TRY(expect_number(p, 0, precision, "a scale", &scale));
        }
        TRY(plan_parser_expect_symbol(p, ")"));
    }
    *ret_type = type_decimal(p->arena, (uint8_t)precision, (uint8_t)scale);
    return 0;
}

/* VARCHAR(20): a length is read and not enforced, as in DuckDB. */
static int parse_string(struct plan_parser *p)
{
    uint64_t length = 0;
    if (plan_parser_accept_symbol(p, "(")) {
        TRY(expect_number(p, 1, INT32_MAX, "a length", &length));
        TRY(plan_parser_expect_symbol(p, ")"));
    }
    return 0;
}

/* TIMESTAMP [WITH TIME ZONE | WITHOUT TIME ZONE] */
static int parse_timestamp(struct plan_parser *p, const struct type **ret_type)
{
    bool without = plan_parser_accept(p, "WITHOUT");
    if (without || plan_parser_accept(p, "WITH")) {
        TRY(plan_parser_expect(p, "TIME"));
        TRY(plan_parser_expect(p, "ZONE"));
    }
    *ret_type = type_simple(without ? TYPE_TIMESTAMP_NTZ : TYPE_TIMESTAMP);
    return 0;
}

static int parse_field(struct plan_parser *p, int depth, struct type_field *ret_field)
{
    struct type_field field = {.nullable = true};
    TRY(plan_parser_expect_name(p, "a field name", &field.name, NULL));
    plan_parser_accept_symbol(p, ":");
    TRY(plan_parse_type_at(p, depth + 1, &field.type));
    if (plan_parser_accept(p, "NOT")) {
        TRY(plan_parser_expect(p, "NULL"));
        field.nullable = false;
    }
    if (plan_parser_accept(p, "COMMENT")) {
        TRY(plan_parser_expect_string(p, "a string", &field.comment));
    }
    *ret_field = field;
    return 0;
}

static int parse_fields(struct plan_parser *p, const char *close, int depth,
                        const struct type **ret_type)
{
    size_t count = 0;
    size_t cap = 8;
    struct type_field *fields = arena_new_array(p->arena, struct type_field, cap);
    do {
        if (count == cap) {
            struct type_field *more = arena_new_array(p->arena, struct type_field, cap * 2);
            memcpy(more, fields, cap * sizeof(*fields));
            fields = more;
            cap *= 2;
        }
        const struct plan_token *token = plan_parser_peek(p);
        TRY(parse_field(p, depth, &fields[count]));
        for (size_t i = 0; i < count; i++) {
            if (str_eq_nocase(fields[i].name, fields[count].name)) {
                char text[PLAN_QUOTE_BYTES];
                return plan_complain(p->err, p->file, token->place, "field %s is there twice",
                                     plan_complain_quote(fields[count].name, text));
            }
        }
        count++;
    } while (plan_parser_accept_symbol(p, ","));
    TRY(plan_parser_expect_symbol(p, close));
    *ret_type = type_struct(p->arena, fields, count);
    return 0;
}

static int parse_struct(struct plan_parser *p, int depth, const struct type **ret_type)
{
    if (plan_parser_accept_symbol(p, "<")) {
        return parse_fields(p, ">", depth, ret_type);
    }
    if (plan_parser_accept_symbol(p, "(")) {
        return parse_fields(p, ")", depth, ret_type);
    }
    return plan_parser_fail(p);
}

static int parse_array(struct plan_parser *p, int depth, const struct type **ret_type)
{
    const struct type *element = NULL;
    TRY(plan_parser_expect_symbol(p, "<"));
    TRY(plan_parse_type_at(p, depth + 1, &element));
    TRY(plan_parser_expect_symbol(p, ">"));
    *ret_type = type_array(p->arena, element, true);
    return 0;
}

static int parse_map(struct plan_parser *p, int depth, const struct type **ret_type)
{
    const struct type *key = NULL;
    const struct type *value = NULL;
    const char *close = plan_parser_accept_symbol(p, "<") ? ">" : ")";
    if (close[0] == ')') {
        TRY(plan_parser_expect_symbol(p, "("));
    }
    TRY(plan_parse_type_at(p, depth + 1, &key));
    TRY(plan_parser_expect_symbol(p, ","));
    TRY(plan_parse_type_at(p, depth + 1, &value));
    TRY(plan_parser_expect_symbol(p, close));
    *ret_type = type_map(p->arena, key, value, true);
    return 0;
}

static int parse_base(struct plan_parser *p, int depth, const struct type **ret_type)
{
    const struct plan_token *token = plan_parser_peek(p);
    if (token->kind != PLAN_TOKEN_WORD) {
        plan_parser_want(p, "a type");
        return plan_parser_fail(p);
    }
    const struct type_word *word = find_word(token->text);
    if (word == NULL) {
        return unknown_type(p);
    }
    plan_parser_step(p);
    switch (word->kind) {
    case TYPE_STRUCT:
        return parse_struct(p, depth, ret_type);
    case TYPE_ARRAY:
        return parse_array(p, depth, ret_type);
    case TYPE_MAP:
        return parse_map(p, depth, ret_type);
    case TYPE_DECIMAL:
        return parse_decimal(p, ret_type);
    case TYPE_TIMESTAMP:
        if (str_eq_nocase_c(token->text, "TIMESTAMP")) {
            return parse_timestamp(p, ret_type);
        }
        break;
    case TYPE_STRING:
        TRY(parse_string(p));
        break;
    case TYPE_DOUBLE:
        plan_parser_accept(p, "PRECISION");
        break;
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_FLOAT:
    case TYPE_BINARY:
    case TYPE_DATE:
    case TYPE_TIMESTAMP_NTZ:
        break;
    }
    *ret_type = type_simple(word->kind);
    return 0;
}

int plan_parse_type_at(struct plan_parser *p, int depth, const struct type **ret_type)
{
    const struct type *type = NULL;
    if (depth > DEPTH_MAX) {
        return plan_complain(p->err, p->file, plan_parser_peek(p)->place,
                             "the type is nested deeper than %d levels", DEPTH_MAX);
    }
    TRY(parse_base(p, depth, &type));
    int lists = 0;
    while (plan_parser_accept_symbol(p, "[")) {
        const struct plan_token *token = plan_parser_peek(p);
        if (token->kind == PLAN_TOKEN_NUMBER) {
            return plan_complain(p->err, p->file, token->place,
                                 "arrays of a fixed length have no counterpart in Delta; use []");
        }
        TRY(plan_parser_expect_symbol(p, "]"));
        if (++lists + depth > DEPTH_MAX) {
            return plan_complain(p->err, p->file, token->place,
                                 "the type is nested deeper than %d levels", DEPTH_MAX);
        }
        type = type_array(p->arena, type, true);
    }
    *ret_type = type;
    return 0;
}

/* a.`b c`.d as infer.h writes a path. */
static int parse_path(struct plan_parser *p, struct str *ret_path)
{
    AUTO_BUF struct buf path = {0};
    do {
        struct str part;
        TRY(plan_parser_expect_name(p, "a field name", &part, NULL));
        bool plain = str_find(part, '.') < 0 && str_find(part, '`') < 0;
        buf_add_c(&path, path.len > 0 ? "." : "");
        buf_add_c(&path, plain ? "" : "`");
        buf_add_str(&path, part);
        buf_add_c(&path, plain ? "" : "`");
    } while (plan_parser_accept_symbol(p, "."));
    *ret_path = arena_str(p->arena, buf_str(&path));
    return 0;
}

int plan_parse_hints(struct arena *arena, struct str text, const struct type **ret_type,
                     struct err *err)
{
    struct plan_subst subst;
    struct plan_tokens tokens;
    VEC(struct type_field) fields = {0};
    plan_subst_none(arena, arena_str(arena, text), &subst);
    TRY(plan_token_scan(arena, STR("hints"), &subst, &tokens, err));
    struct plan_parser p = {.arena = arena, .file = STR("hints"), .tokens = &tokens, .err = err};
    int rc = 0;
    do {
        struct type_field field = {.nullable = true};
        rc = parse_path(&p, &field.name);
        plan_parser_accept_symbol(&p, ":");
        rc = rc < 0 ? rc : plan_parse_type_at(&p, 0, &field.type);
        if (rc >= 0) {
            *vec_push(&fields) = field;
        }
    } while (rc >= 0 && plan_parser_accept_symbol(&p, ","));
    if (rc >= 0 && plan_parser_peek(&p)->kind != PLAN_TOKEN_END) {
        rc = plan_parser_fail(&p);
    }
    if (rc >= 0) {
        *ret_type = type_struct(arena, fields.items, fields.count);
    }
    vec_done(&fields);
    return rc;
}

int plan_parse_type(struct arena *arena, struct str text, const struct type **ret_type,
                    struct err *err)
{
    struct plan_subst subst;
    struct plan_tokens tokens;
    const struct type *type = NULL;
    plan_subst_none(arena, arena_str(arena, text), &subst);
    TRY(plan_token_scan(arena, STR("type"), &subst, &tokens, err));
    struct plan_parser p = {.arena = arena, .file = STR("type"), .tokens = &tokens, .err = err};
    TRY(plan_parse_type_at(&p, 0, &type));
    if (plan_parser_peek(&p)->kind != PLAN_TOKEN_END) {
        plan_parser_want(&p, "the end of the type");
        return plan_parser_fail(&p);
    }
    *ret_type = type;
    return 0;
}

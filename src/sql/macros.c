/* SPDX-License-Identifier: Apache-2.0 */
/*
 * macros - Spark's functions that DuckDB lacks or means differently
 *
 * A definition here is what stands behind CREATE OR REPLACE MACRO.  Each was compared with Spark
 * 4.2 (spark.sql.ansi.enabled=false: what does not convert is NULL) on the examples of Spark's
 * documentation; macros_test.c keeps those results.
 *
 *  (1) A function is here only if its results are Spark's.  What a macro cannot say is left out:
 *      variadic constructors (array, map, struct, named_struct), lambdas (transform, exists),
 *      higher bit lengths of sha2, size of a map (cardinality has it).
 *  (2) Names that DuckDB has with another meaning are Spark's here: concat (NULL if a part is
 *      NULL), split (a regular expression), regexp_replace (all matches, $1), regexp_extract
 *      (group 1), log (natural), dayofweek (Sunday = 1), weekday (Monday = 0), date_add, datediff.
 *      DuckDB's own is at system.main.name.
 *  (3) DuckDB binds a macro when it is made, as far as types are known.  A format must be a
 *      constant there, so a pattern goes through `p || ''`, whose type is open until it is used.
 *  (4) No macro uses another but __java_pattern, so that one can be added alone.
 *  (5) A pattern that strftime cannot say fails when the SELECT is bound: the text of the error
 *      comes from a cast that cannot work, because error() is never folded.
 */
#include "sql/macros.h"

#include <stdio.h>

#include "sql/sql.h"

/*
 * A pattern of Java's DateTimeFormatter as one of strftime, in this order: longer runs of a letter
 * before shorter ones.  Each is first a private character, so that no letter of a specifier is
 * taken for one of the pattern; what is left then must not be a letter or a quote.
 */
static const struct {
    const char *java;
    const char *strftime;
} pattern[] = {
    {"'T'", "T"},  {"'Z'", "Z"},     {"yyyy", "%Y"}, {"yy", "%y"},   {"y", "%Y"},   {"MMMM", "%B"},
    {"MMM", "%b"}, {"MM", "%m"},     {"M", "%-m"},   {"dd", "%d"},   {"d", "%-d"},  {"HH", "%H"},
    {"H", "%-H"},  {"hh", "%I"},     {"h", "%-I"},   {"mm", "%M"},   {"m", "%-M"},  {"ss", "%S"},
    {"s", "%-S"},  {"SSSSSS", "%f"}, {"SSS", "%g"},  {"EEEE", "%A"}, {"EEE", "%a"}, {"EE", "%a"},
    {"E", "%a"},   {"D", "%-j"},     {"a", "%p"},
};

#define PRIVATE_CHARACTER 0xE000

static const char *const macros[] = {
    /* Nulls. */
    "nvl(a, b) AS coalesce(a, b)",
    "nvl2(a, b, c) AS CASE WHEN a IS NOT NULL THEN b ELSE c END",
    "isnotnull(a) AS a IS NOT NULL",
    "nullifzero(a) AS nullif(a, 0)",
    "zeroifnull(a) AS coalesce(a, 0)",
    "equal_null(a, b) AS a IS NOT DISTINCT FROM b",
    /* Lists and maps. */
    "explode(x) AS unnest(x)",
    "explode_outer(x) AS unnest(CASE WHEN len(x) > 0 THEN x ELSE [NULL] END)",
    "size(x) AS len(x)",
    "array_size(x) AS len(x)",
    "array_contains(l, v) AS CASE WHEN l IS NULL OR v IS NULL THEN NULL WHEN list_contains(l, v) "
    "THEN true WHEN list_count(l) < len(l) THEN NULL ELSE false END",
    "element_at(x, k) AS x[k]",
    "array_position(l, v) AS CASE WHEN l IS NULL OR v IS NULL THEN NULL ELSE "
    "coalesce(list_position(l, v), 0) END",
    "array_max(l) AS list_max(l)",
    "array_min(l) AS list_min(l)",
    "array_compact(l) AS list_filter(l, lambda e: e IS NOT NULL)",
    "array_remove(l, v) AS CASE WHEN v IS NULL THEN NULL ELSE list_filter(l, lambda e: e IS "
    "DISTINCT FROM v) END",
    "array_repeat(v, n) AS list_transform(range(CAST(n AS BIGINT)), lambda i: v)",
    "array_join(l, d) AS array_to_string(l, d), (l, d, n) AS array_to_string(list_transform(l, "
    "lambda e: coalesce(CAST(e AS VARCHAR), n)), d)",
    "sort_array(l) AS list_sort(l, 'ASC', 'NULLS FIRST'), (l, up) AS CASE WHEN up THEN "
    "list_sort(l, 'ASC', 'NULLS FIRST') ELSE list_sort(l, 'DESC', 'NULLS LAST') END",
    "array_union(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_distinct(a || b) "
    "END",
    "arrays_overlap(a, b) AS list_has_any(a, b)",
    "slice(l, s, n) AS CASE WHEN s > 0 THEN l[s:s + n - 1] WHEN -s > len(l) THEN l[1:0] ELSE "
    "l[len(l) + s + 1:len(l) + s + n] END",
    "sequence(a, b) AS generate_series(a, b, CASE WHEN a <= b THEN 1 ELSE -1 END), (a, b, s) AS "
    "generate_series(a, b, s)",
    "map_from_arrays(k, v) AS map(k, v)",
    "map_contains_key(m, k) AS list_contains(map_keys(m), k)",
    /* Strings. */
    "concat(a) AS CAST(a AS VARCHAR), (a, b) AS a || b, (a, b, c) AS a || b || c, (a, b, c, d) AS "
    "a || b || c || d, (a, b, c, d, e) AS a || b || c || d || e, (a, b, c, d, e, f) AS a || b || c "
    "|| d || e || f, (a, b, c, d, e, f, g) AS a || b || c || d || e || f || g, (a, b, c, d, e, f, "
    "g, h) AS a || b || c || d || e || f || g || h, (a, b, c, d, e, f, g, h, i) AS a || b || c || "
    "d || e || f || g || h || i, (a, b, c, d, e, f, g, h, i, j) AS a || b || c || d || e || f || g "
    "|| h || i || j, (a, b, c, d, e, f, g, h, i, j, k) AS a || b || c || d || e || f || g || h || "
    "i || j || k, (a, b, c, d, e, f, g, h, i, j, k, l) AS a || b || c || d || e || f || g || h || "
    "i || j || k || l",
    "get_json_object(s, p) AS CASE WHEN json_valid(s) THEN json_extract_string(s, p) END",
    "split(s, r) AS string_split_regex(s, r), (s, r, n) AS CASE WHEN n <= 0 THEN "
    "string_split_regex(s, r) ELSE CAST(error('split with a limit is not supported') AS VARCHAR[]) "
    "END",
    "regexp_extract(s, r) AS system.main.regexp_extract(s, r, 1), (s, r, g) AS "
    "system.main.regexp_extract(s, r, g), (s, r, g, o) AS system.main.regexp_extract(s, r, g, o)",
    "regexp_replace(s, r, p) AS system.main.regexp_replace(s, r, system.main.regexp_replace(p, "
    "'[$]([0-9])', '\\\\\\1', 'g'), 'g'), (s, r, p, o) AS system.main.regexp_replace(s, r, p || "
    "'', o)",
    "regexp_like(s, r) AS regexp_matches(s, r)",
    "rlike(s, r) AS regexp_matches(s, r)",
    "startswith(s, p) AS starts_with(s, p)",
    "endswith(s, p) AS ends_with(s, p)",
    "locate(p, s) AS instr(s, p), (p, s, n) AS CASE WHEN n < 1 THEN 0 WHEN instr(substr(s, n), p) "
    "= 0 THEN 0 ELSE instr(substr(s, n), p) + n - 1 END",
    "substring_index(s, d, n) AS CASE WHEN d = '' OR n = 0 THEN '' WHEN n > 0 THEN "
    "array_to_string(string_split(s, d)[1:n], d) WHEN -n >= len(string_split(s, d)) THEN s ELSE "
    "array_to_string(string_split(s, d)[len(string_split(s, d)) + n + 1:], d) END",
    "initcap(s) AS array_to_string(list_transform(string_split(lower(s), ' '), lambda w: "
    "upper(w[1]) || w[2:]), ' ')",
    "space(n) AS repeat(' ', CAST(n AS BIGINT))",
    "find_in_set(s, l) AS CASE WHEN contains(s, ',') THEN 0 ELSE "
    "coalesce(list_position(string_split(l, ','), s), 0) END",
    "btrim(s) AS trim(s), (s, c) AS trim(s, c)",
    "unbase64(s) AS from_base64(s)",
    "sha(s) AS sha1(s)",
    "sha2(s, n) AS CASE WHEN n = 0 OR n = 256 THEN sha256(s) ELSE error('sha2 is supported with "
    "256 bits only') END",
    "lpad(s, n) AS system.main.lpad(s, n, ' '), (s, n, p) AS system.main.lpad(s, n, p)",
    "rpad(s, n) AS system.main.rpad(s, n, ' '), (s, n, p) AS system.main.rpad(s, n, p)",
    "parse_url(u, p) AS CASE upper(p) WHEN 'HOST' THEN nullif(system.main.regexp_extract(u, "
    "'^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)', 1), '') WHEN 'PROTOCOL' THEN "
    "nullif(system.main.regexp_extract(u, '^([A-Za-z][A-Za-z0-9+.-]*):', 1), '') WHEN 'PATH' THEN "
    "system.main.regexp_extract(u, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1) WHEN 'QUERY' "
    "THEN nullif(system.main.regexp_extract(u, '[?]([^#]*)', 1), '') WHEN 'REF' THEN "
    "nullif(system.main.regexp_extract(u, '#(.*)$', 1), '') END",
    /* Numbers. */
    "log(x) AS CASE WHEN x > 0 THEN ln(x) END, (b, x) AS CASE WHEN x > 0 AND b > 0 THEN "
    "system.main.log(b, x) END",
    "ln(x) AS CASE WHEN x > 0 THEN system.main.ln(x) END",
    "pmod(a, b) AS CASE WHEN b = 0 THEN NULL ELSE ((a % b) + b) % b END",
    "negative(x) AS -x",
    "positive(x) AS x",
    "shiftleft(a, n) AS a << n",
    "shiftright(a, n) AS a >> n",
    "rand() AS random()",
    /* Times: the session's zone is UTC, as is Spark's `current_timestamp` when a job says so. */
    "to_timestamp(x DOUBLE) AS system.main.to_timestamp(x), (x VARCHAR) AS TRY_CAST(x AS "
    "TIMESTAMPTZ), (x TIMESTAMPTZ) AS x, (x TIMESTAMP) AS CAST(x AS TIMESTAMPTZ), (x DATE) AS "
    "CAST(x AS TIMESTAMPTZ), (x VARCHAR, p) AS CAST(try_strptime(x, __java_pattern(p)) AS "
    "TIMESTAMPTZ)",
    "to_date(x VARCHAR) AS TRY_CAST(x AS DATE), (x DATE) AS x, (x TIMESTAMPTZ) AS CAST(x AS DATE), "
    "(x TIMESTAMP) AS CAST(x AS DATE), (x VARCHAR, p) AS CAST(try_strptime(x, __java_pattern(p)) "
    "AS DATE)",
    "date_format(x TIMESTAMPTZ, p) AS strftime(CAST(x AS TIMESTAMP), __java_pattern(p)), (x "
    "TIMESTAMP, p) AS strftime(x, __java_pattern(p)), (x DATE, p) AS strftime(x, "
    "__java_pattern(p)), (x VARCHAR, p) AS strftime(TRY_CAST(x AS TIMESTAMP), __java_pattern(p))",
    "from_unixtime(s) AS strftime(make_timestamp(CAST(s AS BIGINT) * 1000000), '%Y-%m-%d "
    "%H:%M:%S'), (s, p) AS strftime(make_timestamp(CAST(s AS BIGINT) * 1000000), "
    "__java_pattern(p))",
    "unix_timestamp() AS epoch(current_timestamp)::BIGINT, (x VARCHAR) AS "
    "CAST(floor(epoch(try_strptime(x, '%Y-%m-%d %H:%M:%S'))) AS BIGINT), (x TIMESTAMPTZ) AS "
    "CAST(floor(epoch(x)) AS BIGINT), (x TIMESTAMP) AS CAST(floor(epoch(x)) AS BIGINT), (x DATE) "
    "AS CAST(epoch(x) AS BIGINT), (x VARCHAR, p) AS CAST(floor(epoch(try_strptime(x, "
    "__java_pattern(p)))) AS BIGINT)",
    "to_unix_timestamp(x VARCHAR) AS CAST(floor(epoch(try_strptime(x, '%Y-%m-%d %H:%M:%S'))) AS "
    "BIGINT), (x VARCHAR, p) AS "
    "CAST(floor(epoch(try_strptime(x, __java_pattern(p)))) AS BIGINT)",
    "timestamp_seconds(x) AS system.main.to_timestamp(CAST(x AS DOUBLE))",
    "timestamp_millis(x) AS make_timestamptz(CAST(x AS BIGINT) * 1000)",
    "timestamp_micros(x) AS make_timestamptz(CAST(x AS BIGINT))",
    "unix_seconds(x TIMESTAMPTZ) AS CAST(floor(epoch(x)) AS BIGINT), (x TIMESTAMP) AS "
    "CAST(floor(epoch(x)) AS BIGINT)",
    "unix_millis(x) AS epoch_ms(x)",
    "unix_micros(x) AS epoch_us(x)",
    "unix_date(x) AS CAST(x AS DATE) - DATE '1970-01-01'",
    "date_from_unix_date(n) AS DATE '1970-01-01' + CAST(n AS INTEGER)",
    "date_add(d, n INTEGER) AS CAST(d AS DATE) + n, (d, n BIGINT) AS CAST(d AS DATE) + CAST(n AS "
    "INTEGER), (d, i INTERVAL) AS d + i",
    "date_sub(d, n INTEGER) AS CAST(d AS DATE) - n, (p, a, b) AS system.main.date_sub(p, a, b)",
    "datediff(b, a) AS CAST(b AS DATE) - CAST(a AS DATE), (p, a, b) AS date_diff(p, a, b)",
    "add_months(d, n) AS CAST(CAST(d AS DATE) + to_months(CAST(n AS INTEGER)) AS DATE)",
    "dayofweek(d) AS system.main.dayofweek(CAST(d AS DATE)) + 1",
    "weekday(d) AS isodow(CAST(d AS DATE)) - 1",
    "from_utc_timestamp(t, z) AS timezone('UTC', timezone(z, CAST(t AS TIMESTAMPTZ)))",
    "to_utc_timestamp(t, z) AS timezone(z, CAST(t AS TIMESTAMP))",
    "string(x) AS CAST(x AS VARCHAR)",
};

static void wrap_replace(struct buf *text, struct str from, const char *to)
{
    AUTO_BUF struct buf out = {0};
    buf_add_c(&out, "replace(");
    buf_add_str(&out, buf_str(text));
    buf_printf(&out, ", %.*s, %s)", STR_FMT(from), to);
    buf_reset(text);
    buf_add_str(text, buf_str(&out));
}

/* The macro __java_pattern(p), which the others use. */
static void add_pattern_macro(struct buf *text)
{
    AUTO_BUF struct buf marked = {0};
    AUTO_BUF struct buf final = {0};
    char private[32];
    buf_add_c(&marked, "p || ''");
    wrap_replace(&marked, STR("'%'"), "'%%'");
    for (size_t i = 0; i < ARRAY_COUNT(pattern); i++) {
        AUTO_BUF struct buf from = {0};
        sql_quote_text(&from, str_of(pattern[i].java));
        snprintf(private, sizeof(private), "chr(%zu)", PRIVATE_CHARACTER + i);
        wrap_replace(&marked, buf_str(&from), private);
    }
    buf_add_str(&final, buf_str(&marked));
    for (size_t i = 0; i < ARRAY_COUNT(pattern); i++) {
        AUTO_BUF struct buf to = {0};
        sql_quote_text(&to, str_of(pattern[i].strftime));
        snprintf(private, sizeof(private), "chr(%zu)", PRIVATE_CHARACTER + i);
        wrap_replace(&final, str_of(private), to.ptr);
    }
    buf_printf(text,
               "CREATE OR REPLACE MACRO __java_pattern(p) AS "
               "CASE WHEN regexp_matches(%s, '[A-Za-z'']') THEN CAST(CAST(concat_ws('', "
               "'date pattern not supported: ', p) AS INTEGER) AS VARCHAR) ELSE %s END;\n",
               marked.ptr, final.ptr);
}

static int create(struct sql_conn *conn, const struct buf *text, struct err *err)
{
    TRY(buf_check(text, "the macros", err));
    if (text->len > 0 && sql_run(conn, text->ptr, err) < 0) {
        return err_wrap(err, "add Spark's functions");
    }
    return 0;
}

int sql_add_macros(struct sql_conn *conn, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    add_pattern_macro(&text);
    for (size_t i = 0; i < ARRAY_COUNT(macros); i++) {
        buf_printf(&text, "CREATE OR REPLACE MACRO %s;\n", macros[i]);
    }
    return create(conn, &text, err);
}

int sql_add_macro(struct sql_conn *conn, struct str name, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    for (size_t i = 0; i < ARRAY_COUNT(macros); i++) {
        if (!str_eq_nocase(name, str_n(macros[i], strcspn(macros[i], "(")))) {
            continue;
        }
        if (strstr(macros[i], "__java_pattern(") != NULL) {
            add_pattern_macro(&text);
        }
        buf_printf(&text, "CREATE OR REPLACE MACRO %s;\n", macros[i]);
    }
    TRY(create(conn, &text, err));
    return text.len > 0 ? 1 : 0;
}

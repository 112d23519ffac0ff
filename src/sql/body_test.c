/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/sql.h"

static struct sql_db *db;
static struct sql_conn *conn;

static int open_db(void **state)
{
    (void)state;
    struct sql_db_options options = {.sandbox = true, .threads = 1};
    struct err err;
    return sql_open(&options, &db, &err) < 0 || sql_connect(db, &conn, &err) < 0 ? -1 : 0;
}

static int close_db(void **state)
{
    (void)state;
    sql_disconnect(conn);
    sql_close(db);
    return 0;
}

static void assert_same(const char *what, const struct buf *got, const char *expected)
{
    const char *text = got->ptr == NULL ? "" : got->ptr;
    if (strcmp(text, expected) != 0) {
        fail_msg("%s\n  gave     %s\n  expected %s", what, text, expected);
    }
}

static void one_select_passes(void **state)
{
    (void)state;
    static const char *const bodies[] = {"SELECT 1", "FROM t", "WITH a AS (SELECT 1) FROM a",
                                         "(SELECT 1) UNION ALL SELECT 2", "SELECT 'it''s'"};
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        struct sql_place place = {0};
        struct err err;
        assert_int_equal(sql_check_select(conn, str_of(bodies[i]), &place, &err), 0);
    }
}

static void anything_else_is_an_error_at_a_byte(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *error;
        int64_t offset;
    } cases[] = {
        {"SELECT 1 +", "syntax error at end of input", 10},
        {"SELECT FROM WHERE", "syntax error at or near \"WHERE\"", 12},
        {"SELECT 'ää' FROM WHERE", "syntax error at or near \"WHERE\"", 19},
        {"SELECT 'x", "unterminated quoted string at or near \"'x\"", 7},
        {"", "expected one SELECT, met nothing", -1},
        {"SELECT 1; SELECT 2", "expected one SELECT, met several", -1},
        {"INSERT INTO t VALUES (1)", "expected a SELECT", -1},
        {"ATTACH 'x'", "expected a SELECT", -1},
        {"SELECT 1)", "syntax error at or near \")\"", 8},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sql_place place = {0};
        struct err err;
        assert_int_equal(sql_check_select(conn, str_of(cases[i].body), &place, &err), ERR_CONFIG);
        assert_string_equal(err.msg, cases[i].error);
        assert_int_equal(place.offset, cases[i].offset);
    }
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    struct sql_place place = {0};
    struct err err;
    buf_add_c(&body, "SELECT 'x'");
    for (int i = 0; i < 400; i++) {
        buf_add_c(&body, " || 'x'");
    }
    assert_int_equal(sql_check_select(conn, buf_str(&body), &place, &err), ERR_CONFIG);
    assert_string_equal(err.msg, "the SELECT nests some 250 operators in one another; split the "
                                 "expression");
}

static void add_name(void *user, struct str name)
{
    struct buf *out = user;
    buf_printf(out, "%s%.*s", out->len > 0 ? " " : "", STR_FMT(name));
}

static void names_are_found_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *names;
    } cases[] = {
        {"SELECT a.b.c, \"D e\" FROM s.f x", "a b c D e f"},
        {"SELECT * EXCLUDE (_key) REPLACE (a + 1 AS b) FROM f", "_key b a f"},
        {"SELECT (SELECT max(x) FROM unnest(l) t(x)) FROM f WHERE g > 1 ORDER BY h", "h x l f g"},
        {"WITH q AS (SELECT z FROM f) SELECT y FROM q", "z f y q"},
        {"SELECT 1 FROM a JOIN b USING (k)", "k a b"},
        {"SELECT '_key', 'class' FROM f", "f"},
        {"SELECT list_transform(l, lambda e: e + o) FROM f", "l e e o f"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf out = {0};
        struct err err;
        if (sql_body_names(conn, str_of(cases[i].body), add_name, &out, &err) < 0) {
            fail_msg("%s: %s", cases[i].body, err.msg);
        }
        assert_same(cases[i].body, &out, cases[i].names);
    }
}

static int add_ref(void *user, const struct sql_ref *ref, struct err *err)
{
    static const char kinds[] = {'c', 't', 'T', 'f', 'w', '?', '@', 's'};
    struct buf *out = user;
    (void)err;
    if (ref->kind != SQL_REF_COLUMN) {
        buf_printf(out, "%s%c:%.*s%s%.*s@%" PRId64, out->len > 0 ? " " : "", kinds[ref->kind],
                   STR_FMT(ref->qualifier), ref->qualifier.len > 0 ? "." : "", STR_FMT(ref->name),
                   ref->offset);
    }
    return 0;
}

static void references_have_kinds_and_places(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *refs;
    } cases[] = {
        {"SELECT f(x) FROM a.t, g(1)", "f:f@7 t:a.t@17 T:g@22 f:g@22"},
        {"SELECT 'é' || f(x) FROM t", "f:||@12 f:f@15 t:t@25"},
        {"WITH c AS (SELECT 1) SELECT rank() OVER () FROM c", "w:c@-1 f:rank@28 t:c@48"},
        {"SELECT ? FROM t", "?:@-1 t:t@14"},
        {"SELECT * FROM t AT (VERSION => 3)", "@:AT@14 t:t@14"},
        {"SELECT * FROM (DESCRIBE t)", "s:DESCRIBE@-1 t:t@24"},
        {"SELECT * FROM '/x/y.csv'", "t:/x/y.csv@14"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf out = {0};
        struct sql_place place;
        struct err err;
        assert_int_equal(sql_body_refs(conn, str_of(cases[i].body), add_ref, &out, &place, &err),
                         0);
        assert_same(cases[i].body, &out, cases[i].refs);
    }
}

static void meta_columns_are_hidden_from_stars_over_streams(void **state)
{
    (void)state;
    static const struct str tables[] = {{"feed", 4}, {"other", 5}};
    static const char *const hidden[] = {"_key", "_offset"};
    static const struct {
        const char *body;
        const char *result; /* NULL = unchanged */
    } cases[] = {
        {"SELECT * FROM feed", "SELECT * EXCLUDE (_key, _offset) FROM feed"},
        {"FROM Feed", "SELECT * EXCLUDE (_key, _offset) FROM Feed"},
        {"SELECT f.* FROM feed AS f", "SELECT f.* EXCLUDE (_key, _offset) FROM feed AS f"},
        {"SELECT * EXCLUDE (a, _key) FROM feed", "SELECT * EXCLUDE (a, _key, _offset) FROM feed"},
        {"SELECT * REPLACE (1 AS _offset) FROM feed",
         "SELECT * EXCLUDE (_key) REPLACE (1 AS _offset) FROM feed"},
        {"SELECT COLUMNS(*) FROM feed", "SELECT COLUMNS(* EXCLUDE (_key, _offset)) FROM feed"},
        {"SELECT * FROM (SELECT * FROM feed)",
         "SELECT * FROM (SELECT * EXCLUDE (_key, _offset) FROM feed)"},
        {"SELECT k.*, f.* FROM feed AS f , k",
         "SELECT k.*, f.* EXCLUDE (_key, _offset) FROM feed AS f , k"},
        {"SELECT a, (SELECT count(*) FROM t) FROM feed", NULL},
        {"SELECT * FROM vw", NULL},
        {"SELECT k.* FROM feed, k", NULL},
        {"WITH feed AS (SELECT 1 AS x) SELECT * FROM feed", NULL},
        {"WITH feed AS (SELECT * FROM feed) SELECT * FROM feed",
         "WITH feed AS (SELECT * EXCLUDE (_key, _offset) FROM feed)SELECT * FROM feed"},
        {"WITH RECURSIVE feed AS (SELECT 1 AS x UNION ALL SELECT * FROM feed) FROM feed", NULL},
        {"SELECT * FROM feed UNION ALL SELECT * FROM k",
         "(SELECT * EXCLUDE (_key, _offset) FROM feed) UNION ALL (SELECT * FROM k)"},
        {"SELECT COLUMNS('a.*') FROM feed", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf out = {0};
        struct err err;
        if (sql_body_hide(conn, str_of(cases[i].body), tables, 2, hidden, 2, &out, &err) < 0) {
            fail_msg("%s: %s", cases[i].body, err.msg);
        }
        assert_same(cases[i].body, &out, cases[i].result == NULL ? cases[i].body : cases[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_select_passes),
        cmocka_unit_test(anything_else_is_an_error_at_a_byte),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(names_are_found_everywhere),
        cmocka_unit_test(references_have_kinds_and_places),
        cmocka_unit_test(meta_columns_are_hidden_from_stars_over_streams),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan/plan.h"

/* Line 4 of the file is where the SELECT of a case begins. */
#define PRELUDE                                                                                    \
    "CREATE STREAM feed (id BIGINT, name STRING, tags ARRAY<STRING>, nums ARRAY<BIGINT>, ts "      \
    "TIMESTAMP, v STRUCT<a: INT, b: STRING>, price DOUBLE, m MAP<STRING, INT>) USING generator;"   \
    "CREATE STREAM other (id BIGINT, x STRING) USING generator;"                                   \
    "CREATE VIEW vw AS SELECT *, id + 1 AS id1 FROM feed WHERE id > 0;"                            \
    "CREATE VIEW unused AS SELECT count(*) FROM other;"                                            \
    "CREATE VIEW bad AS SELECT name,\n  count(*) AS n FROM feed GROUP BY name;\n"

struct fixture {
    struct plan *plan;
    struct sql_db *db;
    struct sql_conn *conn;
    struct plan_query *query;
};

static void fixture_done(struct fixture *f)
{
    plan_query_free(f->query);
    sql_disconnect(f->conn);
    sql_close(f->db);
    plan_free(f->plan);
}
#define AUTO_FIXTURE AUTO(fixture_done)

/* `table` is what follows CREATE STREAMING TABLE t. */
static int bind(struct fixture *f, const char *table, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    struct sql_db_options options = {.sandbox = true, .threads = 2, .temp_dir = "/tmp"};
    buf_printf(&text, "%sCREATE STREAMING TABLE t %s", PRELUDE, table);
    TRY(plan_load(STR("p.sql"), buf_str(&text), &f->plan, err));
    TRY(sql_open(&options, &f->db, err));
    TRY(sql_connect(f->db, &f->conn, err));
    return plan_bind(f->plan, &f->plan->tables.items[0], f->conn, &f->query, err);
}

static int bind_select(struct fixture *f, const char *select, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "LOCATION '/x' AS\n%s", select);
    return bind(f, text.ptr, err);
}

struct text_case {
    const char *text;
    const char *result;
};

static void assert_outcome(const char *what, const char *got, const char *expected)
{
    if (strcmp(got, expected) != 0) {
        fail_msg("%s\n  gave     %s\n  expected %s", what, got, expected);
    }
}

/* The row type, with "2 streams" or "materialized" in front; or the error. */
static void outcome(const char *text, bool select, struct buf *out)
{
    AUTO_FIXTURE struct fixture f = {0};
    struct err err;
    int rc = select ? bind_select(&f, text, &err) : bind(&f, text, &err);
    if (rc < 0) {
        buf_add_c(out, err.msg);
        return;
    }
    buf_add_c(out, f.query->inputs.count > 1 ? "2 streams: " : "");
    buf_add_c(out, strstr(f.query->select, "NOT MATERIALIZED") == NULL ? "materialized: " : "");
    type_print(f.query->row_type, out);
}

static const struct text_case row_local[] = {
    {"SELECT * FROM feed",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>>"},
    {"FROM feed", "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: "
                  "TIMESTAMP, v: STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>>"},
    {"SELECT id, name FROM STREAM feed WHERE id > 3 AND name LIKE 'a%'",
     "STRUCT<id: BIGINT, name: STRING>"},
    {"SELECT unnest(tags) AS t FROM feed", "STRUCT<t: STRING>"},
    {"SELECT explode(tags) AS t, id FROM feed", "STRUCT<t: STRING, id: BIGINT>"},
    {"SELECT id, (SELECT max(x) FROM unnest(nums) u(x)) AS mx FROM feed",
     "STRUCT<id: BIGINT, mx: BIGINT>"},
    {"SELECT id, (SELECT count(*) FROM unnest(nums) u(x) WHERE x > feed.id) AS n FROM feed",
     "STRUCT<id: BIGINT, n: BIGINT>"},
    {"SELECT id, (SELECT string_agg(x, ',' ORDER BY x) FROM unnest(tags) u(x)) AS s FROM feed",
     "STRUCT<id: BIGINT, s: STRING>"},
    {"SELECT id, (SELECT x FROM unnest(tags) u(x) ORDER BY x LIMIT 1) AS s FROM feed",
     "STRUCT<id: BIGINT, s: STRING>"},
    {"SELECT id FROM feed WHERE EXISTS (SELECT 1 FROM unnest(tags) u(x) WHERE x = 'a')",
     "STRUCT<id: BIGINT>"},
    {"SELECT id FROM feed WHERE 'a' IN (SELECT x FROM unnest(tags) u(x))", "STRUCT<id: BIGINT>"},
    {"SELECT list_sum(nums)::BIGINT AS s, list_aggregate(tags, 'min') AS m, list_transform(nums, "
     "lambda x: x + 1) AS tr, list_sort(nums) AS so, list_distinct(tags) AS di FROM feed",
     "STRUCT<s: BIGINT, m: STRING, tr: ARRAY<BIGINT>, so: ARRAY<BIGINT>, di: ARRAY<STRING>>"},
    {"SELECT f.id, u.x FROM feed f, unnest(f.tags) u(x)", "STRUCT<id: BIGINT, x: STRING>"},
    {"SELECT f.id, u.x FROM feed f CROSS JOIN LATERAL (SELECT max(y) AS x FROM unnest(f.nums) "
     "n(y)) u",
     "STRUCT<id: BIGINT, x: BIGINT>"},
    {"SELECT f.id, u.x FROM feed f LEFT JOIN LATERAL unnest(f.tags) u(x) ON true",
     "STRUCT<id: BIGINT, x: STRING>"},
    {"SELECT id FROM feed WHERE id > 1 UNION ALL SELECT id FROM feed WHERE id < 0",
     "materialized: STRUCT<id: BIGINT>"},
    {"SELECT id FROM feed UNION ALL SELECT id FROM other", "2 streams: STRUCT<id: BIGINT>"},
    {"SELECT id, name FROM feed UNION ALL BY NAME SELECT id FROM other",
     "2 streams: STRUCT<id: BIGINT, name: STRING>"},
    {"WITH a AS (SELECT * FROM feed) SELECT id FROM a", "STRUCT<id: BIGINT>"},
    {"WITH a AS (SELECT * FROM feed) SELECT id FROM a WHERE id > 1 UNION ALL SELECT id FROM a "
     "WHERE id < 1",
     "materialized: STRUCT<id: BIGINT>"},
    {"WITH feed AS (SELECT * FROM feed WHERE id > 1) SELECT * FROM feed",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>>"},
    {"WITH a AS MATERIALIZED (SELECT id FROM feed) SELECT * FROM a", "STRUCT<id: BIGINT>"},
    {"SELECT f.id, k.w FROM feed f JOIN (VALUES (1, 'one'), (2, 'two')) k(n, w) ON f.id = k.n",
     "STRUCT<id: BIGINT, w: STRING>"},
    {"SELECT f.id, k.w FROM feed f LEFT JOIN (VALUES (1, 'one')) k(n, w) ON f.id = k.n",
     "STRUCT<id: BIGINT, w: STRING>"},
    {"SELECT f.id, k.w FROM (VALUES (1, 'one')) k(n, w) JOIN feed f ON f.id = k.n",
     "STRUCT<id: BIGINT, w: STRING>"},
    {"SELECT f.id, k.w FROM (VALUES (1, 'one')) k(n, w) RIGHT JOIN feed f ON f.id = k.n",
     "STRUCT<id: BIGINT, w: STRING>"},
    {"SELECT id FROM feed WHERE id IN (SELECT n FROM (VALUES (1), (2)) k(n))",
     "STRUCT<id: BIGINT>"},
    {"SELECT id FROM feed WHERE id NOT IN (1,2,3)", "STRUCT<id: BIGINT>"},
    {"SELECT id FROM feed f SEMI JOIN (VALUES (1)) k(n) ON f.id = k.n", "STRUCT<id: BIGINT>"},
    {"SELECT id FROM feed f ANTI JOIN (VALUES (1)) k(n) ON f.id = k.n", "STRUCT<id: BIGINT>"},
    {"SELECT id FROM feed CROSS JOIN (SELECT 1 AS one)", "STRUCT<id: BIGINT>"},
    {"SELECT id, (SELECT max(n) FROM (VALUES (1),(2)) k(n)) AS c FROM feed",
     "STRUCT<id: BIGINT, c: INT>"},
    {"SELECT f.id FROM feed f ASOF JOIN (VALUES (1, 2)) k(a, b) ON f.id >= k.a",
     "STRUCT<id: BIGINT>"},
    {"SELECT id, CASE WHEN id > 1 THEN 'x' ELSE NULL END AS c, CAST(price AS DECIMAL(10,2)) AS p, "
     "v.a, v.b AS vb, m['k'] AS mk, current_timestamp AS now FROM feed",
     "STRUCT<id: BIGINT, c: STRING, p: DECIMAL(10,2), a: INT, vb: STRING, mk: INT, now: "
     "TIMESTAMP>"},
    {"SELECT v.* FROM feed", "STRUCT<a: INT, b: STRING>"},
    {"SELECT feed.id, feed AS whole FROM feed",
     "STRUCT<id: BIGINT, whole: STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: "
     "ARRAY<BIGINT>, ts: TIMESTAMP, v: STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, "
     "INT>>>"},
    {"SELECT COLUMNS('i.*') FROM feed", "STRUCT<id: BIGINT, price: DOUBLE>"},
    {"SELECT * EXCLUDE (tags, m) FROM feed",
     "STRUCT<id: BIGINT, name: STRING, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: STRUCT<a: INT, b: "
     "STRING>, price: DOUBLE>"},
    {"SELECT * REPLACE (id + 1 AS id) FROM feed",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>>"},
    {"SELECT *, _offset AS o FROM feed",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>, o: BIGINT>"},
    {"SELECT *, _offset, _KEY FROM feed",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>, _offset: BIGINT, _key: "
     "BINARY>"},
    {"SELECT _topic, _partition, _timestamp, _value FROM feed",
     "STRUCT<_topic: STRING, _partition: INT, _timestamp: TIMESTAMP, _value: BINARY>"},
    {"SELECT * FROM feed WHERE _partition = 1",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>>"},
    {"SELECT * FROM vw WHERE id1 > 2",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>, id1: BIGINT>"},
    {"SELECT id FROM vw WHERE id > 1 UNION ALL SELECT id1 FROM vw", "STRUCT<id: BIGINT>"},
    {"SELECT f.*, f._offset FROM feed AS f",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>, _offset: BIGINT>"},
    {"SELECT COLUMNS(*), _offset FROM feed",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>, _offset: BIGINT>"},
    {"SELECT * EXCLUDE (_offset) FROM feed",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>>"},
    {"SELECT * FROM (SELECT *, _offset FROM feed)",
     "STRUCT<id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: TIMESTAMP, v: "
     "STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>, _offset: BIGINT>"},
    {"SELECT a.*, b.id AS bid FROM (SELECT _key, * FROM feed) a JOIN (VALUES (1)) b(id) ON true",
     "STRUCT<_key: BINARY, id: BIGINT, name: STRING, tags: ARRAY<STRING>, nums: ARRAY<BIGINT>, ts: "
     "TIMESTAMP, v: STRUCT<a: INT, b: STRING>, price: DOUBLE, m: MAP<STRING, INT>, bid: INT>"},
    {"SELECT name, x FROM feed UNPIVOT (x FOR n IN (id, price))",
     "STRUCT<name: STRING, x: DOUBLE>"},
    {"SELECT id FROM feed WHERE name = 'GROUP BY' -- ORDER BY", "STRUCT<id: BIGINT>"},
    {"SELECT 1 AS one FROM feed", "STRUCT<one: INT>"},
    {"SELECT date_format(ts, 'yyyy-MM-dd') AS d, to_date(name) AS td, get_json_object(name, '$.a') "
     "AS j FROM feed",
     "STRUCT<d: STRING, td: DATE, j: STRING>"},
    {"SELECT id AS x FROM feed", "STRUCT<x: BIGINT>"},
    {"SELECT to_json(v) AS j FROM feed", "STRUCT<j: STRING>"},
    {"SELECT struct_pack(a := id, b := name) AS s FROM feed",
     "STRUCT<s: STRUCT<a: BIGINT, b: STRING>>"},
    {"SELECT {'a': id} AS s, [id] AS l, MAP {'k': id} AS mm FROM feed",
     "STRUCT<s: STRUCT<a: BIGINT>, l: ARRAY<BIGINT>, mm: MAP<STRING, BIGINT>>"},
    {"SELECT id + (SELECT 5) AS x FROM feed", "STRUCT<x: BIGINT>"},
    {"SELECT f.id, r.i FROM feed f, range(3) r(i)", "STRUCT<id: BIGINT, i: BIGINT>"},
    {"SELECT id FROM feed WHERE random() < 0.5", "STRUCT<id: BIGINT>"},
    {"SELECT f.id, j.key FROM feed f, json_each(f.name) j", "STRUCT<id: BIGINT, key: STRING>"},
    {"SELECT id, list_aggregate(list_transform(tags, lambda t: length(t)), 'max') AS l FROM feed",
     "STRUCT<id: BIGINT, l: BIGINT>"},
    {"(SELECT id FROM feed)", "STRUCT<id: BIGINT>"},
    {"SELECT id FROM feed f WHERE (SELECT bool_or(x = 'a') FROM unnest(f.tags) u(x))",
     "STRUCT<id: BIGINT>"},
    {"SELECT DISTINCT_ID FROM (SELECT id AS distinct_id FROM feed)", "STRUCT<distinct_id: BIGINT>"},
    {"SELECT [x FOR x IN nums IF x > 1] AS l FROM feed", "STRUCT<l: ARRAY<BIGINT>>"},
    {"SELECT f.id FROM (VALUES (1)) k(n), LATERAL (SELECT id FROM feed WHERE id = k.n) f",
     "STRUCT<id: BIGINT>"},
};

static void selects_that_look_at_one_row_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(row_local); i++) {
        AUTO_BUF struct buf out = {0};
        outcome(row_local[i].text, true, &out);
        assert_outcome(row_local[i].text, out.ptr, row_local[i].result);
    }
}

/* "line:column: clause". */
static const struct text_case stateful[] = {
    {"SELECT name, count(*) AS n\n FROM feed\n  GROUP BY name", "6:3: GROUP BY"},
    {"SELECT count(*) AS n FROM feed", "4:8: count(*)"},
    {"SELECT max(id) AS n FROM feed", "4:8: max()"},
    {"SELECT DISTINCT id FROM feed", "4:8: DISTINCT"},
    {"SELECT DISTINCT ON (id) id FROM feed", "4:8: DISTINCT"},
    {"SELECT id FROM feed ORDER BY id", "4:21: ORDER BY"},
    {"SELECT id FROM feed LIMIT 5", "4:21: LIMIT"},
    {"SELECT id FROM feed OFFSET 5", "4:21: LIMIT"},
    {"SELECT id FROM feed ORDER BY id LIMIT 5", "4:33: LIMIT"},
    {"SELECT row_number() OVER (ORDER BY id) AS r FROM feed", "4:21: a window function"},
    {"SELECT id, lag(id) OVER () AS r FROM feed", "4:20: a window function"},
    {"SELECT id FROM feed QUALIFY row_number() OVER (PARTITION BY name ORDER BY id) = 1",
     "4:21: a window function"},
    {"SELECT id FROM feed UNION SELECT id FROM other", "4:21: UNION"},
    {"SELECT id FROM feed EXCEPT SELECT id FROM other", "4:21: EXCEPT"},
    {"SELECT id FROM feed EXCEPT ALL SELECT id FROM other", "4:21: EXCEPT"},
    {"SELECT id FROM feed INTERSECT SELECT id FROM other", "4:21: INTERSECT"},
    {"SELECT id FROM feed USING SAMPLE 10%", "4:27: a sample"},
    {"SELECT id FROM feed TABLESAMPLE 10%", "4:21: a sample"},
    {"SELECT f.id FROM feed f JOIN other o ON f.id = o.id", "4:25: a join of two streams"},
    {"SELECT f.id FROM feed f, other o", "4:1: a join of two streams"},
    {"SELECT f.id FROM feed f JOIN feed g ON f.id = g.id", "4:25: a join of two streams"},
    {"SELECT id FROM feed WHERE id IN (SELECT id FROM other)", "4:30: a join of two streams"},
    {"SELECT id FROM feed WHERE id = (SELECT max(id) FROM feed)", "4:1: a join of two streams"},
    {"SELECT k.n FROM (VALUES (1)) k(n) LEFT JOIN feed f ON f.id = k.n",
     "4:40: an outer join that keeps unmatched rows of the other side"},
    {"SELECT f.id FROM feed f RIGHT JOIN (VALUES (1)) k(n) ON f.id = k.n",
     "4:31: an outer join that keeps unmatched rows of the other side"},
    {"SELECT f.id FROM feed f FULL JOIN (VALUES (1)) k(n) ON f.id = k.n",
     "4:30: an outer join that keeps unmatched rows of the other side"},
    {"SELECT k.n FROM (VALUES (1)) k(n) ANTI JOIN feed f ON f.id = k.n",
     "4:40: a SEMI or ANTI JOIN that looks into the stream"},
    {"SELECT k.n FROM (VALUES (1)) k(n) SEMI JOIN feed f ON f.id = k.n",
     "4:40: a SEMI or ANTI JOIN that looks into the stream"},
    {"SELECT k.n FROM (VALUES (1)) k(n) WHERE k.n IN (SELECT id FROM feed)",
     "4:45: IN or EXISTS over a stream"},
    {"SELECT k.n FROM (VALUES (1)) k(n) WHERE NOT EXISTS (SELECT 1 FROM feed WHERE id = k.n)",
     "4:45: IN or EXISTS over a stream"},
    {"SELECT f.id FROM feed f POSITIONAL JOIN (VALUES (1)) k(n)", "4:25: POSITIONAL JOIN"},
    {"WITH RECURSIVE r AS (SELECT id FROM feed UNION ALL SELECT id + 1 FROM r WHERE id < 10) "
     "SELECT * FROM r",
     "4:6: WITH RECURSIVE"},
    {"FROM feed PIVOT (sum(price) FOR name IN ('a', 'b'))", "4:11: PIVOT"},
    {"SELECT (SELECT max(x) FROM unnest(nums) u(x)) AS m, n FROM (SELECT nums, count(*) AS n FROM "
     "feed GROUP BY nums)",
     "4:98: GROUP BY"},
    {"SELECT * FROM bad", "2:27: GROUP BY"},
    {"SELECT n FROM bad", "2:27: GROUP BY"},
    {"SELECT id FROM feed UNION ALL (SELECT id FROM other LIMIT 3)", "4:53: LIMIT"},
    {"SELECT list(id) AS l FROM feed", "4:8: list()"},
    {"SELECT any_value(id) AS a FROM vw", "4:8: any_value()"},
    {"SELECT id FROM (SELECT id, name FROM feed ORDER BY name)", "4:43: ORDER BY"},
    {"SELECT count(DISTINCT id) AS n FROM feed", "4:8: count()"},
    {"SELECT sum(id) FILTER (id > 1) AS n FROM feed", "4:8: sum()"},
    {"SELECT id FROM feed GROUP BY ALL", "4:21: GROUP BY"},
    {"SELECT id, count(*) AS c FROM feed GROUP BY ROLLUP (id)", "4:36: GROUP BY"},
    {"SELECT f.id FROM feed f ASOF JOIN other o ON f.id >= o.id", "4:30: a join of two streams"},
};

static void clauses_that_keep_state_are_named_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(stateful); i++) {
        AUTO_BUF struct buf out = {0};
        AUTO_BUF struct buf expected = {0};
        outcome(stateful[i].text, true, &out);
        buf_printf(&expected,
                   "p.sql:%s keeps state across batches, which a streaming table does not do yet; ",
                   stateful[i].result);
        if (strncmp(out.ptr, expected.ptr, expected.len) != 0 || out.len <= expected.len) {
            assert_outcome(stateful[i].text, out.ptr, expected.ptr);
        }
    }
}

static const struct text_case named[] = {
    {"SELECT idd FROM feed", "p.sql:4:8: there is no column \"idd\"; did you mean \"id\"?"},
    {"SELECT id FROM fed", "p.sql:4:16: unknown stream \"fed\"; did you mean \"feed\"?"},
    {"SELECT id\n FROM feed\n WHERE naem = 'x'",
     "p.sql:6:8: there is no column \"naem\"; did you mean \"name\"?"},
    {"SELECT id FROM", "p.sql:4:15: syntax error at end of input"},
    {"SELECT '\xc3\xa9', id, FROM WHERE", "p.sql:4:22: syntax error at or near \"WHERE\""},
    {"SELECT id + FROM feed", "p.sql:4:13: syntax error at or near \"FROM\""},
    {"SELECT nosuchfn(id) AS x FROM feed", "p.sql:4:8: there is no function \"nosuchfn\""},
    {"SELECT id + tags AS x FROM feed",
     "p.sql:4:11: No function matches the given name and argument types '+(BIGINT, VARCHAR[])'. "
     "You might need to add explicit type casts."},
    {"SELECT v.c FROM feed", "p.sql:4:1: Could not find key \"c\" in struct"},
    {"SELECT id FROM t", "p.sql:4:16: \"t\" is a streaming table; a query reads streams and views"},
    {"SELECT id FROM information_schema.tables",
     "p.sql:4:16: unknown stream \"information_schema.tables\""},
    {"SELECT 1 AS x", "p.sql:4:1: the SELECT reads no stream"},
    {"SELECT id::FOO AS x FROM feed", "p.sql:4:12: there is no type \"FOO\""},
    {"SELECT id, ID FROM feed",
     "p.sql:4:1: the SELECT has two columns \"id\"; name one of them with AS"},
    {"SELECT id, name AS Id FROM feed", "p.sql:4:1: the SELECT has columns \"id\" and \"Id\", "
                                        "which differ only in case; name one of them with AS"},
    {"SELECT id + 1 FROM feed", "p.sql:4:1: a Delta table cannot have a column named \"(id + 1)\" "
                                "(blanks and any of ,;{}()= are refused); add AS name"},
    {"SELECT id AS \"a b\" FROM feed", "p.sql:4:1: a Delta table cannot have a column named \"a "
                                       "b\" (blanks and any of ,;{}()= are refused); add AS name"},
    {"SELECT {'a b': id} AS s FROM feed",
     "p.sql:4:1: a Delta table cannot have a field named \"a b\" (blanks and any of ,;{}()= are "
     "refused); add AS name"},
    {"SELECT id::HUGEINT AS h FROM feed",
     "p.sql:4:1: column \"h\" is HUGEINT, which Delta has not; cast it to BIGINT or DECIMAL(38,0)"},
    {"SELECT id::UBIGINT AS h FROM feed",
     "p.sql:4:1: column \"h\" is UBIGINT, which Delta has not; cast it to DECIMAL(20,0)"},
    {"SELECT INTERVAL 1 DAY AS i FROM feed",
     "p.sql:4:1: column \"i\" is INTERVAL, which Delta has not; cast it to BIGINT with epoch_us()"},
    {"SELECT list_sum(nums) AS s FROM feed",
     "p.sql:4:1: column \"s\" is HUGEINT, which Delta has not; cast it to BIGINT or DECIMAL(38,0)"},
    {"SELECT ts::TIME AS s FROM feed",
     "p.sql:4:1: column \"s\" is TIME, which Delta has not; cast it to VARCHAR"},
    {"SELECT NULL AS n FROM feed", "STRUCT<n: INT>"},
    {"SELECT id FROM feed; SELECT 2", "p.sql:4:22: expected \"CREATE\" or \"SET\", met \"SELECT\""},
    {"SELECT id FROM feed) , (SELECT 1", "p.sql:4:20: syntax error at or near \")\""},
    {"SELECT id, $1 AS x FROM feed", "p.sql:4:1: a pipeline has no parameters; use ${NAME}"},
    {"SELECT id, ? AS x FROM feed", "p.sql:4:1: a pipeline has no parameters; use ${NAME}"},
    {"SELECT id FROM main.feed",
     "p.sql:4:16: unknown stream \"main.feed\"; did you mean \"feed\"?"},
    {"SELECT id FROM feed AT (VERSION => 1)",
     "p.sql:4:16: a stream has no versions; drop the AT clause"},
    {"SELECT id FROM feed WATERMARK ts DELAY OF INTERVAL 10 SECONDS",
     "p.sql:4:21: WATERMARK \xe2\x80\xa6 DELAY OF is not supported yet; drop the clause"},
    {"SELECT window(ts, '1 minute') AS w FROM feed",
     "p.sql:4:8: window() groups rows by time and keeps state across batches, which a streaming "
     "table does not do yet; group downstream, by date_trunc or time_bucket"},
    {"SELECT id FROM feed LATERAL VIEW explode(tags) AS t",
     "p.sql:4:21: LATERAL VIEW is not known; write SELECT *, unnest(list) AS x"},
    {"SELECT date_format(ts, 'QQQ') AS q FROM feed", "p.sql:4:1: date pattern not supported: QQQ"},
    {"WITH other AS (SELECT id FROM feed) SELECT id FROM other", "STRUCT<id: BIGINT>"},
    {"WITH feed AS (SELECT 1 AS id) SELECT id FROM feed", "p.sql:4:1: the SELECT reads no stream"},
    {"SELECT id FROM feed WHERE false",
     "p.sql:4:1: no row of stream \"feed\" can ever come out of the SELECT"},
    {"SELECT *, _offset AS o FROM vw", "p.sql:4:11: there is no column \"_offset\""},
};

static void what_does_not_fit_is_said_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(named); i++) {
        AUTO_BUF struct buf out = {0};
        outcome(named[i].text, true, &out);
        assert_outcome(named[i].text, out.ptr, named[i].result);
    }
}

static const struct text_case clauses[] = {
    {"PARTITIONED BY (nam) LOCATION '/x' AS SELECT id, name FROM feed",
     "p.sql:3:42: partition column \"nam\" is not in the result of the SELECT; did you mean "
     "\"name\"?"},
    {"PARTITIONED BY (tags) LOCATION '/x' AS SELECT id, tags FROM feed",
     "p.sql:3:42: partition column \"tags\" is a STRUCT, ARRAY or MAP; only simple types can be "
     "partition columns"},
    {"PARTITIONED BY (NAME) LOCATION '/x' AS SELECT id, name FROM feed",
     "STRUCT<id: BIGINT, name: STRING>"},
    {"(id, nme STRING) LOCATION '/x' AS SELECT id, name FROM feed",
     "p.sql:3:31: column \"nme\" is not in the result of the SELECT; did you mean \"name\"?"},
    {"(id) LOCATION '/x' AS SELECT id, name FROM feed",
     "p.sql:3:48: result column \"name\" is not in the column list of table \"t\""},
    {"(NAME NOT NULL COMMENT 'n', id DECIMAL(20,2), d DATE) LOCATION '/x' AS SELECT id, name, "
     "'2024-01-01' AS d FROM feed",
     "STRUCT<NAME: STRING NOT NULL COMMENT 'n', id: DECIMAL(20,2), d: DATE>"},
    {"(id STRUCT<a: INT>) LOCATION '/x' AS SELECT id FROM feed",
     "p.sql:3:27: column \"id\" is BIGINT, which cannot become STRUCT<a: INT>"},
    {"(id STRUCT<a: INT>) LOCATION '/x' AS SELECT {'b': 3, 'a': id} AS id FROM feed",
     "p.sql:3:27: column \"id\" is STRUCT<b: INT, a: BIGINT>, which cannot become STRUCT<a: INT>"},
    {"(`a b` INT) LOCATION '/x' AS SELECT id AS \"a b\" FROM feed",
     "p.sql:3:55: a Delta table cannot have a column named \"a b\" (blanks and any of ,;{}()= are "
     "refused); add AS name"},
    {"(ts TIMESTAMP_NTZ, x TIMESTAMP) LOCATION '/x' AS SELECT ts, '2024-01-01 10:00:00' AS x FROM "
     "feed",
     "STRUCT<ts: TIMESTAMP_NTZ, x: TIMESTAMP>"},
};

static void columns_and_partitions_of_a_table_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(clauses); i++) {
        AUTO_BUF struct buf out = {0};
        outcome(clauses[i].text, false, &out);
        assert_outcome(clauses[i].text, out.ptr, clauses[i].result);
    }
}

static const struct text_case escapes[] = {
    {"SELECT * FROM read_csv('/etc/passwd')",
     "p.sql:4:15: table function \"read_csv\" is not allowed in a pipeline; a query reads streams "
     "and views"},
    {"SELECT * FROM read_csv_auto('/etc/passwd')",
     "p.sql:4:15: table function \"read_csv_auto\" is not allowed in a pipeline; a query reads "
     "streams and views"},
    {"SELECT * FROM read_parquet('/tmp/x.parquet')",
     "p.sql:4:15: table function \"read_parquet\" is not allowed in a pipeline; a query reads "
     "streams and views"},
    {"SELECT * FROM parquet_scan('/tmp/x.parquet')",
     "p.sql:4:15: table function \"parquet_scan\" is not allowed in a pipeline; a query reads "
     "streams and views"},
    {"SELECT * FROM read_json('/tmp/x')", "p.sql:4:15: table function \"read_json\" is not allowed "
                                          "in a pipeline; a query reads streams and views"},
    {"SELECT * FROM read_text('/etc/passwd')",
     "p.sql:4:15: table function \"read_text\" is not allowed in a pipeline; a query reads streams "
     "and views"},
    {"SELECT * FROM read_blob('/etc/passwd')",
     "p.sql:4:15: table function \"read_blob\" is not allowed in a pipeline; a query reads streams "
     "and views"},
    {"SELECT * FROM glob('/etc/*')", "p.sql:4:15: table function \"glob\" is not allowed in a "
                                     "pipeline; a query reads streams and views"},
    {"SELECT * FROM '/etc/passwd'", "p.sql:4:15: unknown stream \"/etc/passwd\""},
    {"SELECT * FROM '/tmp/x.parquet'", "p.sql:4:15: unknown stream \"/tmp/x.parquet\""},
    {"SELECT * FROM \"/tmp/x.csv\"", "p.sql:4:15: unknown stream \"/tmp/x.csv\""},
    {"SELECT * FROM sniff_csv('/etc/passwd')",
     "p.sql:4:15: table function \"sniff_csv\" is not allowed in a pipeline; a query reads streams "
     "and views"},
    {"SELECT * FROM parquet_metadata('/tmp/x')",
     "p.sql:4:15: table function \"parquet_metadata\" is not allowed in a pipeline; a query reads "
     "streams and views"},
    {"SELECT * FROM duckdb_settings()", "p.sql:4:15: table function \"duckdb_settings\" is not "
                                        "allowed in a pipeline; a query reads streams and views"},
    {"SELECT * FROM duckdb_secrets()", "p.sql:4:15: table function \"duckdb_secrets\" is not "
                                       "allowed in a pipeline; a query reads streams and views"},
    {"SELECT * FROM pragma_version()", "p.sql:4:15: table function \"pragma_version\" is not "
                                       "allowed in a pipeline; a query reads streams and views"},
    {"SELECT * FROM pragma_database_size()",
     "p.sql:4:15: table function \"pragma_database_size\" is not allowed in a pipeline; a query "
     "reads streams and views"},
    {"SELECT * FROM query('SELECT 1')", "p.sql:4:15: table function \"query\" is not allowed in a "
                                        "pipeline; a query reads streams and views"},
    {"SELECT * FROM query_table('feed')", "p.sql:4:15: table function \"query_table\" is not "
                                          "allowed in a pipeline; a query reads streams and views"},
    {"SELECT * FROM json_execute_serialized_sql('{}')",
     "p.sql:4:15: table function \"json_execute_serialized_sql\" is not allowed in a pipeline; a "
     "query reads streams and views"},
    {"SELECT * FROM sqlite_master", "p.sql:4:15: unknown stream \"sqlite_master\""},
    {"SELECT * FROM pg_catalog.pg_class", "p.sql:4:15: unknown stream \"pg_catalog.pg_class\""},
    {"SELECT * FROM pg_class", "p.sql:4:15: unknown stream \"pg_class\""},
    {"SELECT * FROM duckdb_tables", "p.sql:4:15: unknown stream \"duckdb_tables\""},
    {"SELECT * FROM system.main.read_csv('/etc/passwd')",
     "p.sql:4:15: table function \"read_csv\" is not allowed in a pipeline; a query reads streams "
     "and views"},
    {"SELECT id, getenv('HOME') AS h FROM feed",
     "p.sql:4:12: function \"getenv\" is not allowed in a pipeline"},
    {"SELECT id, current_setting('threads') AS h FROM feed",
     "p.sql:4:12: function \"current_setting\" is not allowed in a pipeline"},
    {"SELECT id, getvariable('x') AS h FROM feed",
     "p.sql:4:12: function \"getvariable\" is not allowed in a pipeline"},
    {"SELECT id, nextval('s') AS h FROM feed",
     "p.sql:4:12: function \"nextval\" is not allowed in a pipeline"},
    {"SELECT id, write_log('x') AS h FROM feed",
     "p.sql:4:12: function \"write_log\" is not allowed in a pipeline"},
    {"SELECT id, sleep_ms(10) AS h FROM feed",
     "p.sql:4:12: function \"sleep_ms\" is not allowed in a pipeline"},
    {"ATTACH '/tmp/x.db'", "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"ATTACH\""},
    {"INSTALL httpfs", "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"INSTALL\""},
    {"LOAD httpfs", "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"LOAD\""},
    {"COPY feed TO '/tmp/x'", "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"COPY\""},
    {"PRAGMA version", "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"PRAGMA\""},
    {"SET threads = 1", "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"SET\""},
    {"CALL pragma_version()", "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"CALL\""},
    {"EXPORT DATABASE '/tmp/x'",
     "p.sql:4:1: expected \"SELECT\", \"WITH\" or \"FROM\", met \"EXPORT\""},
    {"SELECT * FROM (COPY feed TO '/tmp/x')", "p.sql:4:26: syntax error at or near \"TO\""},
    {"WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x",
     "p.sql:4:1: A CTE needs a SELECT"},
    {"SELECT * FROM __src_0()", "p.sql:4:15: table function \"__src_0\" is not allowed in a "
                                "pipeline; a query reads streams and views"},
    {"SELECT * FROM seq_scan('x')", "p.sql:4:15: table function \"seq_scan\" is not allowed in a "
                                    "pipeline; a query reads streams and views"},
    {"SELECT * FROM (DESCRIBE feed)",
     "p.sql:4:1: DESCRIBE, SHOW and SUMMARIZE are not allowed in a pipeline"},
    {"SELECT * FROM (SHOW TABLES)",
     "p.sql:4:1: DESCRIBE, SHOW and SUMMARIZE are not allowed in a pipeline"},
    {"SELECT (SELECT content FROM read_text('/etc/passwd')) AS c, id FROM feed",
     "p.sql:4:29: table function \"read_text\" is not allowed in a pipeline; a query reads streams "
     "and views"},
    {"SELECT id FROM feed WHERE id IN (SELECT size FROM read_blob('/etc/*'))",
     "p.sql:4:51: table function \"read_blob\" is not allowed in a pipeline; a query reads streams "
     "and views"},
    {"WITH duckdb_settings AS (SELECT 1 AS a) SELECT name FROM (SELECT * FROM duckdb_settings), "
     "main.duckdb_settings",
     "p.sql:4:91: unknown stream \"main.duckdb_settings\""},
    {"WITH duckdb_settings AS (SELECT 1 AS a) SELECT s.name FROM feed, system.main.duckdb_settings "
     "s",
     "p.sql:4:66: unknown stream \"main.duckdb_settings\""},
    {"SELECT id FROM feed, (WITH duckdb_tables AS (SELECT 1 AS one) SELECT one FROM duckdb_tables) "
     "a, duckdb_tables b",
     "p.sql:4:1: table function \"duckdb_tables\" is not allowed in a pipeline"},
    {"SELECT * FROM which_secret('s3://x','s3')",
     "p.sql:4:15: table function \"which_secret\" is not allowed in a pipeline; a query reads "
     "streams and views"},
    {"SELECT * FROM arrow_scan(1,2,3)", "p.sql:4:15: table function \"arrow_scan\" is not allowed "
                                        "in a pipeline; a query reads streams and views"},
    {"SELECT sluice_partition_key(name) AS k FROM feed",
     "p.sql:4:8: function \"sluice_partition_key\" is not allowed in a pipeline"},
    {"SELECT * FROM test_all_types()", "p.sql:4:15: table function \"test_all_types\" is not "
                                       "allowed in a pipeline; a query reads streams and views"},
    {"SELECT * FROM duckdb_logs", "p.sql:4:15: unknown stream \"duckdb_logs\""},
    {"SELECT * FROM read_duckdb('/tmp/x.db')",
     "p.sql:4:15: table function \"read_duckdb\" is not allowed in a pipeline; a query reads "
     "streams and views"},
};

static void nothing_but_streams_can_be_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(escapes); i++) {
        AUTO_BUF struct buf out = {0};
        outcome(escapes[i].text, true, &out);
        assert_outcome(escapes[i].text, out.ptr, escapes[i].result);
    }
}

/* ---- queries with rows ------------------------------------------------------------------- */

/* Rows id = 1…count; asserts stay out of the callbacks. */
struct rows {
    struct sql_scan scan;
    struct mutex lock;
    int64_t next, count;
};

static int rows_open(struct sql_scan *scan, const bool *wanted, void **ret_local, struct err *err)
{
    (void)scan;
    (void)wanted;
    (void)err;
    *ret_local = mem_new(struct arena);
    return 0;
}

static void write_row(struct column *const *columns, size_t row, int64_t id, struct arena *arena)
{
    if (columns[0] != NULL) {
        ((int64_t *)columns[0]->data)[row] = id;
    }
    if (columns[1] != NULL && id == 2) {
        column_set_null(columns[1], row);
    } else if (columns[1] != NULL) {
        column_set_string(columns[1], row, str_of(arena_printf(arena, "n%" PRId64, id)));
    }
    if (columns[2] != NULL) {
        uint64_t at = column_open_list(columns[2], row, (size_t)id - 1);
        for (int64_t i = 0; i < id - 1; i++) {
            column_set_string(&columns[2]->children[0], at + (uint64_t)i,
                              str_of(arena_printf(arena, "t%" PRId64, i)));
        }
    }
    if (columns[3] != NULL) {
        uint64_t at = column_open_list(columns[3], row, 2);
        ((int64_t *)columns[3]->children[0].data)[at] = id;
        ((int64_t *)columns[3]->children[0].data)[at + 1] = id * 10;
    }
    if (columns[4] != NULL) {
        ((int64_t *)columns[4]->data)[row] = id * 1000000;
    }
    if (columns[8] != NULL) {
        column_set_string(columns[8], row, STR("key"));
    }
    if (columns[12] != NULL) {
        ((int64_t *)columns[12]->data)[row] = 100 + id;
    }
}

static int rows_fill(struct sql_scan *scan, void *local, struct column *const *columns,
                     size_t capacity, struct err *err)
{
    struct rows *r = CONTAINER_OF(scan, struct rows, scan);
    (void)err;
    MUTEX_GUARD(&r->lock);
    size_t done = 0;
    for (; done < capacity && r->next < r->count; done++) {
        write_row(columns, done, ++r->next, local);
    }
    return (int)done;
}

static void rows_close(struct sql_scan *scan, void *local)
{
    (void)scan;
    arena_done(local);
    mem_free(local);
}

static const struct sql_scan_ops rows_ops = {
    .open_local = rows_open, .fill = rows_fill, .close_local = rows_close};

/* The rows of the query as JSON, one a line in order; or the error. */
static void run(const char *table, int64_t count, struct buf *out)
{
    AUTO_FIXTURE struct fixture f = {0};
    AUTO_BUF struct buf query = {0};
    AUTO_SQL_ROWS struct sql_rows *cells = NULL;
    struct rows rows = {.scan = {.ops = &rows_ops}, .count = count};
    struct str cell;
    struct err err;
    if (bind(&f, table, &err) < 0) {
        buf_add_c(out, err.msg);
        return;
    }
    mutex_init(&rows.lock);
    sql_source_attach(f.query->inputs.items[0].source, &rows.scan);
    buf_printf(&query, "SELECT to_json(__row)::VARCHAR AS j FROM (%s) __row ORDER BY j",
               f.query->select);
    int rc = sql_query(f.conn, query.ptr, &cells, &err);
    while (rc >= 0 && (rc = sql_rows_next(cells, &cell, &err)) == 1) {
        buf_printf(out, "%s%.*s", out->len > 0 ? "\n" : "", STR_FMT(cell));
    }
    if (rc < 0) {
        buf_reset(out);
        buf_printf(out, "%s: %s", err_code_name(err.code), err.msg);
    }
    sql_source_attach(f.query->inputs.items[0].source, NULL);
    mutex_done(&rows.lock);
}

static void assert_rows(const char *table, int64_t count, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    run(table, count, &out);
    assert_outcome(table, out.ptr == NULL ? "" : out.ptr, expected);
}

static void a_bound_query_gives_its_rows(void **state)
{
    (void)state;
    assert_rows("LOCATION '/x' AS SELECT id, unnest(tags) AS t FROM feed", 3,
                "{\"id\":2,\"t\":\"t0\"}\n{\"id\":3,\"t\":\"t0\"}\n{\"id\":3,\"t\":\"t1\"}");
    assert_rows("LOCATION '/x' AS SELECT 1 AS one FROM feed", 2, "{\"one\":1}\n{\"one\":1}");
    assert_rows("LOCATION '/x' AS SELECT id, (SELECT max(x) FROM unnest(nums) u(x)) AS m FROM vw",
                2, "{\"id\":1,\"m\":10}\n{\"id\":2,\"m\":20}");
    assert_rows("LOCATION '/x' AS WITH feed AS (SELECT id FROM feed WHERE id > 1) FROM feed", 2,
                "{\"id\":2}");
}

static void a_stream_used_twice_is_read_once(void **state)
{
    (void)state;
    assert_rows("LOCATION '/x' AS SELECT id, 'a' AS w FROM feed WHERE id < 3 UNION ALL SELECT id, "
                "'b' FROM feed WHERE id > 1",
                3,
                "{\"id\":1,\"w\":\"a\"}\n{\"id\":2,\"w\":\"a\"}\n{\"id\":2,\"w\":\"b\"}\n"
                "{\"id\":3,\"w\":\"b\"}");
    assert_rows("LOCATION '/x' AS SELECT id1 AS id FROM vw UNION ALL SELECT -id FROM feed", 2,
                "{\"id\":-1}\n{\"id\":-2}\n{\"id\":2}\n{\"id\":3}");
}

static void meta_columns_are_there_when_named_and_not_in_star(void **state)
{
    (void)state;
    assert_rows("LOCATION '/x' AS SELECT * EXCLUDE (tags, nums, ts, v, price, m), _offset + 0 AS o "
                "FROM feed",
                1, "{\"id\":1,\"name\":\"n1\",\"o\":101}");
    assert_rows("LOCATION '/x' AS SELECT id, CAST(_key AS VARCHAR) AS k FROM feed", 1,
                "{\"id\":1,\"k\":\"key\"}");
}

static void declared_columns_are_cast_and_put_in_order(void **state)
{
    (void)state;
    assert_rows("(NAME STRING, d STRING, id DECIMAL(10,1)) LOCATION '/x' AS SELECT id, name, "
                "CAST(ts AS DATE) AS d FROM feed",
                1, "{\"NAME\":\"n1\",\"d\":\"1970-01-01\",\"id\":1.0}");
}

static void a_null_in_a_not_null_column_is_the_rows_fault(void **state)
{
    (void)state;
    assert_rows("(id, name NOT NULL) LOCATION '/x' AS SELECT id, name FROM feed", 1,
                "{\"id\":1,\"name\":\"n1\"}");
    AUTO_BUF struct buf out = {0};
    run("(id, name NOT NULL) LOCATION '/x' AS SELECT id, name FROM feed", 2, &out);
    assert_true(str_starts(buf_str(&out), STR("data: ")));
    assert_non_null(strstr(out.ptr, "NULL in column \"name\" of table \"t\", which is NOT NULL"));
}

/* ---- what comes out ---------------------------------------------------------------------- */

static void partition_columns_become_text_keys(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    struct err err;
    assert_int_equal(bind(&f,
                          "PARTITIONED BY (DAY, name) LOCATION '/x' AS SELECT id, CAST(ts AS DATE) "
                          "AS day, name FROM feed",
                          &err),
                     0);
    assert_string_equal(f.query->partition_keys[0], "__p0");
    assert_string_equal(f.query->partition_keys[1], "__p1");
    assert_true(str_eq_c(f.query->partition_columns[0], "day"));
    assert_non_null(strstr(f.query->copy_select,
                           "\nSELECT \"id\" AS \"id\", sluice_partition_key(\"day\") AS \"__p0\", "
                           "sluice_partition_key(\"name\") AS \"__p1\"\nFROM (SELECT id"));
    assert_non_null(strstr(f.query->select, "\nSELECT \"id\" AS \"id\", \"day\" AS \"day\", "
                                            "\"name\" AS \"name\"\nFROM (SELECT id"));
}

static void without_partitions_both_texts_are_one(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    struct err err;
    assert_int_equal(bind_select(&f, "SELECT id FROM feed", &err), 0);
    assert_ptr_equal(f.query->select, f.query->copy_select);
    assert_null(f.query->partition_keys);
}

static void an_input_has_declared_and_meta_columns(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    struct err err;
    assert_int_equal(bind_select(&f, "SELECT x, _offset FROM other", &err), 0);
    assert_int_equal(f.query->inputs.count, 1);
    const struct plan_input *input = &f.query->inputs.items[0];
    assert_true(str_eq_c(input->stream->name, "other"));
    assert_int_equal(input->declared_count, 2);
    assert_int_equal(input->meta_count, PLAN_META_COUNT);
    assert_int_equal(input->meta[4], PLAN_META_OFFSET);
    assert_int_equal(input->row_type->field_count, 2 + PLAN_META_COUNT);
    assert_non_null(input->source);
    assert_non_null(strstr(f.query->select, "(SELECT \"id\", \"x\", \"_offset\" FROM __src_0())"));
}

static void a_failed_bind_leaves_a_database_that_can_be_closed(void **state)
{
    (void)state;
    AUTO_FIXTURE struct fixture f = {0};
    struct err err;
    assert_int_equal(bind_select(&f, "SELECT count(*) AS n FROM feed", &err), ERR_CONFIG);
    assert_null(f.query);
}

static void the_examples_bind(void **state)
{
    (void)state;
    static const char *const names[] = {"vehicle_positions.sql", "events.sql"};
    const char *root = getenv("SLUICE_SOURCE_ROOT"); /* NOLINT(concurrency-mt-unsafe) */
    if (root == NULL) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        AUTO_FREE char *path = mem_printf("%s/examples/%s", root, names[i]);
        AUTO_PLAN struct plan *plan = NULL;
        struct err err;
        if (plan_load_file(path, &plan, &err) < 0) {
            fail_msg("%s", err.msg);
        }
        vec_foreach (struct plan_table, table, &plan->tables) {
            struct sql_db_options options = {.sandbox = true, .threads = 1};
            AUTO_SQL_DB struct sql_db *db = NULL;
            AUTO_SQL_CONN struct sql_conn *conn = NULL;
            AUTO_PLAN_QUERY struct plan_query *query = NULL;
            assert_int_equal(sql_open(&options, &db, &err), 0);
            assert_int_equal(sql_connect(db, &conn, &err), 0);
            if (plan_bind(plan, table, conn, &query, &err) < 0) {
                fail_msg("%s", err.msg);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects_that_look_at_one_row_pass),
        cmocka_unit_test(clauses_that_keep_state_are_named_with_their_place),
        cmocka_unit_test(what_does_not_fit_is_said_at_its_place),
        cmocka_unit_test(columns_and_partitions_of_a_table_are_checked),
        cmocka_unit_test(nothing_but_streams_can_be_reached),
        cmocka_unit_test(a_bound_query_gives_its_rows),
        cmocka_unit_test(a_stream_used_twice_is_read_once),
        cmocka_unit_test(meta_columns_are_there_when_named_and_not_in_star),
        cmocka_unit_test(declared_columns_are_cast_and_put_in_order),
        cmocka_unit_test(a_null_in_a_not_null_column_is_the_rows_fault),
        cmocka_unit_test(partition_columns_become_text_keys),
        cmocka_unit_test(without_partitions_both_texts_are_one),
        cmocka_unit_test(an_input_has_declared_and_meta_columns),
        cmocka_unit_test(a_failed_bind_leaves_a_database_that_can_be_closed),
        cmocka_unit_test(the_examples_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

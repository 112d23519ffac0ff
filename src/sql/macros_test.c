/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/sql.h"

/* What Spark 4.2 answers (ansi.enabled=false, UTC), in DuckDB's way of writing values. */
static const struct {
    const char *expression;
    const char *result; /* NULL = NULL */
} cases[] = {
    {"nvl(NULL, 'x')", "x"},
    {"nvl('a','x')", "a"},
    {"nvl2(NULL, 2, 1)", "1"},
    {"nvl2(5, 2, 1)", "2"},
    {"isnotnull(1)", "true"},
    {"isnotnull(NULL)", "false"},
    {"nullifzero(0)", NULL},
    {"nullifzero(2)", "2"},
    {"zeroifnull(NULL)", "0"},
    {"zeroifnull(2)", "2"},
    {"equal_null(3,3)", "true"},
    {"equal_null(NULL,NULL)", "true"},
    {"equal_null(true,NULL)", "false"},
    {"size(['b','d','c','a'])", "4"},
    {"array_size(['b','d',NULL,'a'])", "4"},
    {"array_contains([1,2,3],2)", "true"},
    {"array_contains([1,2,3],5)", "false"},
    {"array_contains([1,NULL],5)", NULL},
    {"array_contains([1,NULL],1)", "true"},
    {"array_contains([1],NULL::INT)", NULL},
    {"array_contains(NULL::INT[],1)", NULL},
    {"element_at([1,2,3],2)", "2"},
    {"element_at([1,2,3],-1)", "3"},
    {"element_at([1,2,3],5)", NULL},
    {"element_at(map([1,2],['a','b']),2)", "b"},
    {"element_at(map([1,2],['a','b']),3)", NULL},
    {"array_position([312,773,708,708],708)", "3"},
    {"array_position([312],414)", "0"},
    {"array_position([NULL,1],1)", "2"},
    {"array_max([1,20,NULL,3])", "20"},
    {"array_min([1,20,NULL,3])", "1"},
    {"array_compact([1,2,3,NULL])", "[1, 2, 3]"},
    {"array_remove([1,2,3,NULL,3],3)", "[1, 2, NULL]"},
    {"array_remove([1],NULL::INT)", NULL},
    {"array_repeat('123', 2)", "[123, 123]"},
    {"array_repeat('123', 0)", "[]"},
    {"array_join(['hello','world'],' ')", "hello world"},
    {"array_join(['hello',NULL,'world'],' ')", "hello world"},
    {"array_join(['hello',NULL,'world'],' ',',')", "hello , world"},
    {"sort_array(['b','d',NULL,'c','a'])", "[NULL, a, b, c, d]"},
    {"sort_array(['b','d',NULL,'c','a'],false)", "[d, c, b, a, NULL]"},
    {"sort_array(array_union([1,2,3],[1,3,5]))", "[1, 2, 3, 5]"},
    {"arrays_overlap([1,2,3],[3,4,5])", "true"},
    {"arrays_overlap([1],[4])", "false"},
    {"slice([1,2,3,4],2,2)", "[2, 3]"},
    {"slice([1,2,3,4],-2,2)", "[3, 4]"},
    {"slice([1,2,3,4],-2,1)", "[3]"},
    {"slice([1,2,3,4],-9,2)", "[]"},
    {"slice([1,2],2,0)", "[]"},
    {"slice([1,2],5,2)", "[]"},
    {"sequence(1, 5)", "[1, 2, 3, 4, 5]"},
    {"sequence(5, 1)", "[5, 4, 3, 2, 1]"},
    {"sequence(1, 6, 2)", "[1, 3, 5]"},
    {"element_at(map_from_arrays([1.0,3.0],['2','4']),3.0)", "4"},
    {"map_contains_key(map([1,2],['a','b']),1)", "true"},
    {"map_contains_key(map([1,2],['a','b']),3)", "false"},
    {"concat('Spark','SQL')", "SparkSQL"},
    {"concat('a',NULL)", NULL},
    {"concat('a',1,'b')", "a1b"},
    {"concat('a',1.5,'b',true,DATE'2024-01-02')", "a1.5btrue2024-01-02"},
    {"concat([1,2],[3])", "[1, 2, 3]"},
    {"get_json_object('{\"a\":\"b\"}','$.a')", "b"},
    {"get_json_object('{\"a\":{\"b\":[1,2.50,{\"c\":null}]}}','$.a.b[1]')", "2.5"},
    {"get_json_object('{\"a\":{\"b\":[1,2,{\"c\":null}]}}','$.a.b')", "[1,2,{\"c\":null}]"},
    {"get_json_object('{\"a\":null}','$.a')", NULL},
    {"get_json_object('{\"a\":1','$.a')", NULL},
    {"get_json_object('{\"a\":true}','$.a')", "true"},
    {"get_json_object('{\"a\":true}','$.x')", NULL},
    {"get_json_object('[{\"a\":\"\\u00e9\"}]','$[0].a')", "é"},
    {"split('oneAtwoBthreeC', '[ABC]')", "[one, two, three, '']"},
    {"split('a.b.c', '[.]')", "[a, b, c]"},
    {"split('a,b,c', ',', -1)", "[a, b, c]"},
    {"split('', ',')", "['']"},
    {"regexp_extract('100-200', '([0-9]+)-([0-9]+)')", "100"},
    {"regexp_extract('100-200', '([0-9]+)-([0-9]+)', 2)", "200"},
    {"regexp_extract('foo', '([0-9]+)-([0-9]+)', 1)", ""},
    {"regexp_replace('100-200', '([0-9]+)', 'num')", "num-num"},
    {"regexp_replace('100-200', '([0-9]+)-([0-9]+)', '$2-$1')", "200-100"},
    {"regexp_like('100-200', '[0-9]+-')", "true"},
    {"regexp_like('x', '^y')", "false"},
    {"rlike('100-200', '[0-9]+-')", "true"},
    {"startswith('Spark SQL','Spark')", "true"},
    {"startswith('Spark SQL','SQL')", "false"},
    {"endswith('Spark SQL','SQL')", "true"},
    {"locate('bar','foobarbar')", "4"},
    {"locate('bar','foobarbar',5)", "7"},
    {"locate('x','foobarbar',5)", "0"},
    {"locate('bar','foobarbar',0)", "0"},
    {"substring_index('www.apache.org','.',2)", "www.apache"},
    {"substring_index('www.apache.org','.',-2)", "apache.org"},
    {"substring_index('www.apache.org','.',9)", "www.apache.org"},
    {"substring_index('www.apache.org','.',-9)", "www.apache.org"},
    {"substring_index('www.apache.org','.',0)", ""},
    {"initcap('sPark sql')", "Spark Sql"},
    {"initcap('  a b ')", "  A B "},
    {"concat(space(2),'1')", "  1"},
    {"find_in_set('ab','abc,b,ab,c,def')", "3"},
    {"find_in_set('x','abc,b')", "0"},
    {"btrim('  SparkSQL ')", "SparkSQL"},
    {"btrim('SSparkSQLS','SL')", "parkSQ"},
    {"decode(unbase64('U3BhcmsgU1FM'))", "Spark SQL"},
    {"sha('Spark')", "85f5955f4b27a9a4c2aab6ffe5d7189fc298b92c"},
    {"sha2('Spark',256)", "529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b"},
    {"sha2('Spark',0)", "529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b"},
    {"lpad('hi',5,'?!')", "?!?hi"},
    {"lpad('hi',1,'?!')", "h"},
    {"lpad('hi',5)", "   hi"},
    {"rpad('hi',5,'?!')", "hi?!?"},
    {"rpad('hi',1,'?!')", "h"},
    {"concat(rpad('hi',5),'|')", "hi   |"},
    {"parse_url('http://spark.apache.org/path?query=1#r','HOST')", "spark.apache.org"},
    {"parse_url('http://spark.apache.org/path?query=1','QUERY')", "query=1"},
    {"parse_url('http://spark.apache.org/path?query=1','PROTOCOL')", "http"},
    {"parse_url('http://spark.apache.org/path?query=1','PATH')", "/path"},
    {"parse_url('http://spark.apache.org/path?query=1#r','REF')", "r"},
    {"parse_url('http://spark.apache.org/path','QUERY')", NULL},
    {"log(10, 100)", "2.0"},
    {"round(log(10), 6)", "2.302585"},
    {"log(0)", NULL},
    {"ln(1)", "0.0"},
    {"ln(0)", NULL},
    {"pmod(10,3)", "1"},
    {"pmod(-10,3)", "2"},
    {"negative(1)", "-1"},
    {"positive(1)", "1"},
    {"shiftleft(2,1)", "4"},
    {"shiftright(4,1)", "2"},
    {"to_timestamp('2016-12-31 00:12:00')", "2016-12-31 00:12:00+00"},
    {"to_timestamp('2016-12-31')", "2016-12-31 00:00:00+00"},
    {"to_timestamp('no')", NULL},
    {"to_timestamp('2016-12-31','yyyy-MM-dd')", "2016-12-31 00:00:00+00"},
    {"to_timestamp('31.12.2016 23:59:58','dd.MM.yyyy HH:mm:ss')", "2016-12-31 23:59:58+00"},
    {"to_timestamp('2016-12-31T01:02:03Z')", "2016-12-31 01:02:03+00"},
    {"to_timestamp(1)", "1970-01-01 00:00:01+00"},
    {"to_timestamp(1.5::DOUBLE)", "1970-01-01 00:00:01.5+00"},
    {"to_date('2009-07-30 04:17:52')", "2009-07-30"},
    {"to_date('2016-12-31','yyyy-MM-dd')", "2016-12-31"},
    {"to_date('no')", NULL},
    {"to_date('20161231','yyyyMMdd')", "2016-12-31"},
    {"date_format('2016-04-08','y')", "2016"},
    {"date_format(TIMESTAMP'2016-04-08 13:10:15.123456','yyyy-MM-dd HH:mm:ss')",
     "2016-04-08 13:10:15"},
    {"date_format(TIMESTAMP'2016-04-08 13:10:15.123456','yyyy/M/d h:mm a')", "2016/4/8 1:10 PM"},
    {"date_format(DATE'2016-04-08','EEEE E MMM MMMM yy D')", "Friday Fri Apr April 16 99"},
    {"date_format(TIMESTAMP'2016-04-08 13:10:15.123456','yyyyMMdd''T''HHmmss.SSS')",
     "20160408T131015.123"},
    {"date_format(TIMESTAMP'2016-04-08 03:04:05.123456','H:m:s.SSSSSS')", "3:4:5.123456"},
    {"date_format(DATE'2016-04-08','dd.MM.yyyy')", "08.04.2016"},
    {"date_format(DATE'2016-04-08','yyyy-MM')", "2016-04"},
    {"from_unixtime(0)", "1970-01-01 00:00:00"},
    {"from_unixtime(1700000000)", "2023-11-14 22:13:20"},
    {"from_unixtime(0,'yyyy-MM-dd HH:mm:ss')", "1970-01-01 00:00:00"},
    {"from_unixtime(1700000000,'yyyyMMdd')", "20231114"},
    {"unix_timestamp('2016-04-08','yyyy-MM-dd')", "1460073600"},
    {"unix_timestamp('2016-04-08 01:02:03')", "1460077323"},
    {"unix_timestamp(TIMESTAMP'2016-04-08 01:02:03.9')", "1460077323"},
    {"unix_timestamp(DATE'2016-04-08')", "1460073600"},
    {"to_unix_timestamp('2016-04-08','yyyy-MM-dd')", "1460073600"},
    {"timestamp_seconds(1230219000)", "2008-12-25 15:30:00+00"},
    {"timestamp_millis(1230219000123)", "2008-12-25 15:30:00.123+00"},
    {"timestamp_micros(1230219000123123)", "2008-12-25 15:30:00.123123+00"},
    {"unix_seconds(TIMESTAMP'1970-01-01 00:00:01.9')", "1"},
    {"unix_millis(TIMESTAMP'1970-01-01 00:00:01.5')", "1500"},
    {"unix_micros(TIMESTAMP'1970-01-01 00:00:01')", "1000000"},
    {"unix_date(DATE'1970-01-02')", "1"},
    {"date_from_unix_date(1)", "1970-01-02"},
    {"date_add(DATE'2016-07-30',1)", "2016-07-31"},
    {"date_add('2016-07-30',-1)", "2016-07-29"},
    {"date_sub(DATE'2016-07-30',1)", "2016-07-29"},
    {"datediff(DATE'2009-07-31',DATE'2009-07-30')", "1"},
    {"datediff('2009-07-30','2009-07-31')", "-1"},
    {"add_months(DATE'2016-08-31',1)", "2016-09-30"},
    {"add_months('2016-01-31',1)", "2016-02-29"},
    {"add_months('2016-02-29',-12)", "2015-02-28"},
    {"dayofweek(DATE'2009-07-30')", "5"},
    {"dayofweek('2024-01-07')", "1"},
    {"weekday(DATE'2009-07-30')", "3"},
    {"weekday('2024-01-07')", "6"},
    {"from_utc_timestamp('2016-08-31','Asia/Seoul')", "2016-08-31 09:00:00+00"},
    {"to_utc_timestamp('2016-08-31','Asia/Seoul')", "2016-08-30 15:00:00+00"},
    {"string(1)", "1"},
};

static struct sql_db *db;
static struct sql_conn *conn;

static int open_db(void **state)
{
    (void)state;
    struct sql_db_options options = {.sandbox = true, .threads = 1};
    struct err err;
    return sql_open(&options, &db, &err) < 0 || sql_connect(db, &conn, &err) < 0 ||
                   sql_add_macros(conn, &err) < 0
               ? -1
               : 0;
}

static int close_db(void **state)
{
    (void)state;
    sql_disconnect(conn);
    sql_close(db);
    return 0;
}

/* Rows of a query of one column, joined by a comma; NULL is "NULL". */
static void ask(const char *query, struct buf *out)
{
    struct err err;
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell;
    if (sql_query(conn, query, &rows, &err) < 0) {
        buf_printf(out, "error: %s", err.msg);
        return;
    }
    for (const char *sep = ""; sql_rows_next(rows, &cell, &err) == 1; sep = ",") {
        buf_add_c(out, sep);
        buf_add_str(out, cell.ptr == NULL ? STR("NULL") : cell);
    }
}

static void assert_answer(const char *query, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    ask(query, &out);
    if (strcmp(out.ptr == NULL ? "" : out.ptr, expected) != 0) {
        fail_msg("%s\n  answered %s\n  expected %s", query, out.ptr, expected);
    }
}

static void functions_answer_as_spark_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf query = {0};
        buf_printf(&query, "SELECT CAST(%s AS VARCHAR)", cases[i].expression);
        assert_answer(query.ptr, cases[i].result == NULL ? "NULL" : cases[i].result);
    }
}

static void explode_makes_a_row_of_each_element(void **state)
{
    (void)state;
    assert_answer("SELECT explode(x)::VARCHAR FROM (VALUES ([1, 2]), ([]), (NULL), ([3])) t(x)",
                  "1,2,3");
    assert_answer("SELECT explode_outer(x)::VARCHAR FROM (VALUES ([1, 2]), ([]), (NULL), ([3])) "
                  "t(x)",
                  "1,2,NULL,NULL,3");
}

static void functions_work_on_columns_too(void **state)
{
    (void)state;
    assert_answer("SELECT date_format(x, 'yyyyMMdd') FROM (VALUES (DATE '2024-02-03'), (NULL)) "
                  "t(x)",
                  "20240203,NULL");
    assert_answer("SELECT concat(a, '-', b) FROM (VALUES ('x', 1), ('y', NULL)) t(a, b)",
                  "x-1,NULL");
    assert_answer("SELECT CAST(to_timestamp(x) AS VARCHAR) FROM (VALUES (0::BIGINT), (NULL)) t(x)",
                  "1970-01-01 00:00:00+00,NULL");
    assert_answer("SELECT get_json_object(x, '$.a') FROM (VALUES ('{\"a\":1}'), ('{'), (NULL)) "
                  "t(x)",
                  "1,NULL,NULL");
}

static void a_pattern_without_counterpart_is_an_error_when_bound(void **state)
{
    (void)state;
    static const char *const patterns[] = {"QQQ", "yyyy-MM-dd VV", "w", "yyyy'year'"};
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
        AUTO_BUF struct buf query = {0};
        AUTO_BUF struct buf out = {0};
        buf_add_c(&query, "SELECT date_format(x, ");
        sql_quote_text(&query, str_of(patterns[i]));
        buf_add_c(&query, ") FROM (VALUES (DATE '2024-02-03')) t(x)");
        ask(query.ptr, &out);
        assert_non_null(strstr(out.ptr, "date pattern not supported: "));
        assert_non_null(strstr(out.ptr, patterns[i]));
    }
}

static void duckdbs_own_functions_stay_in_system(void **state)
{
    (void)state;
    assert_answer("SELECT system.main.concat('a', NULL)", "a");
    assert_answer("SELECT CAST(system.main.log(100) AS VARCHAR)", "2.0");
    assert_answer("SELECT CAST(date_add(DATE '2024-01-01', INTERVAL 1 MONTH) AS VARCHAR)",
                  "2024-02-01 00:00:00");
    assert_answer("SELECT regexp_replace('aaa', 'a', 'b', '')", "baa");
}

static void adding_them_twice_is_fine(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(sql_add_macros(conn, &err), 0);
    assert_answer("SELECT nvl(NULL, 'x')", "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_answer_as_spark_does),
        cmocka_unit_test(explode_makes_a_row_of_each_element),
        cmocka_unit_test(functions_work_on_columns_too),
        cmocka_unit_test(a_pattern_without_counterpart_is_an_error_when_bound),
        cmocka_unit_test(duckdbs_own_functions_stay_in_system),
        cmocka_unit_test(adding_them_twice_is_fine),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}

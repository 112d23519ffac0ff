/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "plan/plan.h"

static struct plan *load(const char *text)
{
    struct plan *plan = NULL;
    struct err err;
    if (plan_load(STR("p.sql"), str_of(text), &plan, &err) < 0) {
        fail_msg("%s\n%s", text, err.msg);
    }
    return plan;
}

static void assert_str(struct str s, const char *expected)
{
    if (!str_eq_c(s, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), expected);
    }
}

static void assert_type(const struct type *type, const char *expected)
{
    AUTO_BUF struct buf text = {0};
    type_print(type, &text);
    assert_string_equal(text.ptr, expected);
}

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"SELECT 1", "p.sql:1:1: expected \"CREATE\" or \"SET\", met \"SELECT\""},
    {"CREAT STREAM s (a INT)",
     "p.sql:1:1: expected \"CREATE\" or \"SET\", met \"CREAT\"; did you mean \"CREATE\"?"},
    {"CREATE", "p.sql:1:7: expected \"OR\", \"TEMPORARY\", \"TEMP\", \"VIEW\", \"STREAMING\" or "
               "\"STREAM\", met the end of the file"},
    {"CREATE FOO", "p.sql:1:8: expected \"OR\", \"TEMPORARY\", \"TEMP\", \"VIEW\", \"STREAMING\" "
                   "or \"STREAM\", met \"FOO\""},
    {"CREATE STREM s (a INT)",
     "p.sql:1:8: expected \"OR\", \"TEMPORARY\", \"TEMP\", \"VIEW\", \"STREAMING\" or \"STREAM\", "
     "met \"STREM\"; did you mean \"STREAM\"?"},
    {"CREATE TABLE t (a INT)", "p.sql:1:8: CREATE TABLE is not supported yet; a pipeline is made "
                               "of CREATE STREAM, CREATE VIEW and CREATE STREAMING TABLE"},
    {"CREATE MACRO m(a) AS a", "p.sql:1:8: CREATE MACRO is not supported yet; a pipeline is made "
                               "of CREATE STREAM, CREATE VIEW and CREATE STREAMING TABLE"},
    {"CREATE MATERIALIZED VIEW v AS SELECT 1",
     "p.sql:1:8: CREATE MATERIALIZED is not supported yet; a pipeline is made of CREATE STREAM, "
     "CREATE VIEW and CREATE STREAMING TABLE"},
    {"CREATE OR VIEW v AS SELECT 1",
     "p.sql:1:11: expected \"REFRESH\" or \"REPLACE\", met \"VIEW\""},
    {"CREATE OR REPLACE STREAMING TABLE t AS SELECT 1",
     "p.sql:1:19: expected \"TEMPORARY\", \"TEMP\" or \"VIEW\", met \"STREAMING\""},
    {"CREATE OR REFRESH VIEW v AS SELECT 1", "p.sql:1:19: expected \"STREAMING\", met \"VIEW\""},
    {"CREATE TEMPORARY STREAM s (a INT)", "p.sql:1:18: expected \"VIEW\", met \"STREAM\""},
    {"CREATE STREAM", "p.sql:1:14: expected a stream name, met the end of the file"},
    {"CREATE STREAM (a INT)", "p.sql:1:15: expected a stream name, met \"(\""},
    {"CREATE STREAM s",
     "p.sql:1:16: expected \"(\", \"USING\", \"OPTIONS\" or \"COMMENT\", met the end of the file"},
    {"CREATE STREAM s ()", "p.sql:1:18: expected a column name, met \")\""},
    {"CREATE STREAM s (a)", "p.sql:1:19: expected a type, met \")\""},
    {"CREATE STREAM s (a INT",
     "p.sql:1:23: expected \"[\", \"NOT\", \"COMMENT\", \",\" or \")\", met the end of the file"},
    {"CREATE STREAM s (a INT)",
     "p.sql:1:24: expected \"USING\", \"OPTIONS\" or \"COMMENT\", met the end of the file"},
    {"CREATE STREAM s (a INT,)", "p.sql:1:24: expected a column name, met \")\""},
    {"CREATE STREAM s (a INT) USNG kafka", "p.sql:1:25: expected \"USING\", \"OPTIONS\" or "
                                           "\"COMMENT\", met \"USNG\"; did you mean \"USING\"?"},
    {"CREATE STREAM s (a INT) USING",
     "p.sql:1:30: expected the name of a connector, met the end of the file"},
    {"CREATE STREAM s (a INT) USING kafak",
     "p.sql:1:31: unknown connector \"kafak\"; there are kafka, file, generator"},
    {"CREATE STREAM s (a INT, A STRING) USING kafka", "p.sql:1:25: column \"A\" is there twice"},
    {"CREATE STREAM s (a INT, _Key STRING) USING kafka",
     "p.sql:1:25: every stream has a column \"_key\"; give this one another name"},
    {"CREATE STREAM s (a INT NOT) USING kafka", "p.sql:1:27: expected \"NULL\", met \")\""},
    {"CREATE STREAM s (a INT COMMENT 3) USING kafka", "p.sql:1:32: expected a string, met \"3\""},
    {"CREATE STREAM s (a INT) USING kafka USING file",
     "p.sql:1:37: clause \"USING\" is there twice"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (subscribe = 'x') OPTIONS (a = 1)",
     "p.sql:1:63: clause \"OPTIONS\" is there twice"},
    {"CREATE STREAM s (a INT) USING generator COMMENT 'a' COMMENT 'b'",
     "p.sql:1:53: clause \"COMMENT\" is there twice"},
    {"CREATE STREAM s (a INTEGR) USING kafka",
     "p.sql:1:20: unknown type \"INTEGR\"; did you mean \"INTEGER\"?"},
    {"CREATE STREAM s (a HUGEINT) USING kafka",
     "p.sql:1:20: type \"HUGEINT\" has no counterpart in Delta; use DECIMAL(38,0)"},
    {"CREATE STREAM s (a JSON) USING kafka",
     "p.sql:1:20: type \"JSON\" has no counterpart in Delta; use STRING"},
    {"CREATE STREAM s (a FOOBARBAZ) USING kafka",
     "p.sql:1:20: unknown type \"FOOBARBAZ\"; known are BOOLEAN, TINYINT, SMALLINT, INTEGER, "
     "BIGINT, FLOAT, DOUBLE, DECIMAL, STRING, BINARY, DATE, TIMESTAMP, TIMESTAMP_NTZ, STRUCT, "
     "ARRAY and MAP"},
    {"CREATE STREAM s (a STRUCT) USING kafka", "p.sql:1:26: expected \"<\" or \"(\", met \")\""},
    {"CREATE STREAM s (a STRUCT<>) USING kafka", "p.sql:1:27: expected a field name, met \">\""},
    {"CREATE STREAM s (a STRUCT<b: INT, B: INT>) USING kafka",
     "p.sql:1:35: field \"B\" is there twice"},
    {"CREATE STREAM s (a STRUCT<b: INT) USING kafka",
     "p.sql:1:33: expected \"[\", \"NOT\", \"COMMENT\", \",\" or \">\", met \")\""},
    {"CREATE STREAM s (a ARRAY(INT)) USING kafka", "p.sql:1:25: expected \"<\", met \"(\""},
    {"CREATE STREAM s (a MAP<INT>) USING kafka", "p.sql:1:27: expected \"[\" or \",\", met \">\""},
    {"CREATE STREAM s (a DECIMAL(39)) USING kafka",
     "p.sql:1:28: a precision is 1 to 38, met \"39\""},
    {"CREATE STREAM s (a DECIMAL(5,6)) USING kafka", "p.sql:1:30: a scale is 0 to 5, met \"6\""},
    {"CREATE STREAM s (a INT[3]) USING kafka",
     "p.sql:1:24: arrays of a fixed length have no counterpart in Delta; use []"},
    {"CREATE STREAM s (a TIMESTAMP WITH ZONE) USING kafka",
     "p.sql:1:35: expected \"TIME\", met \"ZONE\""},
    {"CREATE STREAM s (a 'INT') USING kafka", "p.sql:1:20: expected a type, met \"'INT'\""},
    {"CREATE STREAM s (a VARCHAR(x)) USING kafka", "p.sql:1:28: expected a length, met \"x\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS subscribe = 'x'",
     "p.sql:1:45: expected \"(\", met \"subscribe\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (subscribe = )",
     "p.sql:1:58: expected a number, \"TRUE\", \"FALSE\" or a string, met \")\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (subscribe = x)",
     "p.sql:1:58: expected a number, \"TRUE\", \"FALSE\" or a string, met \"x\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (subscribe 'x' 'geheim')",
     "p.sql:1:60: expected \",\" or \")\", met a string"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (subscribe = 'x', Subscribe = 'y')",
     "p.sql:1:63: \"Subscribe\" is set twice"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (= 'x')",
     "p.sql:1:46: expected \")\" or an option name, met \"=\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (a. = 'x')",
     "p.sql:1:49: expected a name, met \"=\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (startingOfsets = 'x')",
     "p.sql:1:63: unknown option \"startingOfsets\" for stream; did you mean \"startingOffsets\"?"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (failOnDataLoss = 'maybe')",
     "p.sql:1:63: option \"failOnDataLoss\" needs true or false, not \"maybe\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS ('value.format' = 'avro')",
     "p.sql:1:63: avro needs the schema that messages are written with: give jsonFormatSchema, "
     "jsonFormatSchemaFile or schema.registry.url"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS ('value.format' = 'xml')",
     "p.sql:1:63: option \"value.format\" needs json|protobuf|avro|text|csv|binary|raw, not "
     "\"xml\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS ('value.format' = 'protobuf', messageName = 'M')",
     "p.sql:1:63: protobuf needs one of descFilePath, protoFiles and schema.registry.url"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS ('value.format' = 'protobuf', protoFiles = 'a')",
     "p.sql:1:63: protobuf needs messageName"},
    {"CREATE STREAM s USING kafka OPTIONS ('value.format' = 'csv')",
     "p.sql:1:55: csv needs a column list"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS ('key.format' = 'json')",
     "p.sql:1:61: a JSON key needs key.schema"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (maxBadRatio = 2)",
     "p.sql:1:60: maxBadRatio is a number from 0 to 1, met \"2\""},
    {"CREATE STREAM s USING kafka OPTIONS ('value.format' = 'text', schemaEvolutionMode = "
     "'rescue')",
     "p.sql:1:85: a message of the format text has no fields by name: schemaEvolutionMode can only "
     "be none"},
    {"CREATE STREAM s (a INT, _rescued_data INT) USING kafka OPTIONS ()",
     "p.sql:1:15: the column \"_rescued_data\" takes what does not fit as JSON text and must be "
     "STRING"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (onBadRecord = 'explode')",
     "p.sql:1:60: option \"onBadRecord\" needs null|drop|fail|deadletter, not \"explode\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (mode = 'FAILFAST', onBadRecord = 'drop')",
     "p.sql:1:53: mode \"FAILFAST\" and onBadRecord \"drop\" contradict each other; give one of "
     "them"},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (timestampUnit = 'hours')",
     "p.sql:1:62: option \"timestampUnit\" needs seconds|millis|micros|nanos, not \"hours\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (maxOffsetsPerTrigger = 0)",
     "p.sql:1:69: maxOffsetsPerTrigger is at least 1, met \"0\""},
    {"CREATE STREAM s (a INT) USING kafka OPTIONS (maxOffsetsPerTrigger = 'many')",
     "p.sql:1:69: option \"maxOffsetsPerTrigger\" needs a whole number, not \"many\""},
    {"CREATE STREAM s (a INT) USING generator; CREATE STREAM S (a INT) USING kafka",
     "p.sql:1:56: name \"S\" is taken by the stream at 1:15"},
    {"CREATE STREAM s (a INT) USING generator\nCREATE VIEW v AS SELECT 1",
     "p.sql:2:1: expected \"USING\", \"OPTIONS\", \"COMMENT\" or \";\", met \"CREATE\""},
    {"CREATE VIEW AS SELECT 1", "p.sql:1:16: expected \"AS\", met \"SELECT\""},
    {"CREATE VIEW v SELECT 1", "p.sql:1:15: expected \"AS\", met \"SELECT\""},
    {"CREATE VIEW v AS",
     "p.sql:1:17: expected \"SELECT\", \"WITH\" or \"FROM\", met the end of the file"},
    {"CREATE VIEW v AS;", "p.sql:1:17: expected \"SELECT\", \"WITH\" or \"FROM\", met \";\""},
    {"CREATE VIEW v AS INSERT INTO x VALUES (1)",
     "p.sql:1:18: expected \"SELECT\", \"WITH\" or \"FROM\", met \"INSERT\""},
    {"CREATE VIEW v AS VALUES (1)",
     "p.sql:1:18: expected \"SELECT\", \"WITH\" or \"FROM\", met \"VALUES\""},
    {"CREATE STREAM s (a INT) USING generator;\nCREATE VIEW v AS SELECT * FROM STREAM "
     "read_kafka('x')",
     "p.sql:2:39: STREAM \"read_kafka\"(\xe2\x80\xa6) is not known here; declare the source with "
     "CREATE STREAM and name it"},
    {"CREATE STREAM s (a INT) USING generator;\nCREATE VIEW v AS SELECT * FROM STREAM(s x)",
     "p.sql:2:41: expected \")\", met \"x\""},
    {"CREATE STREAMING VIEW v AS SELECT 1", "p.sql:1:18: expected \"TABLE\", met \"VIEW\""},
    {"CREATE STREAMING TABLE",
     "p.sql:1:23: expected \"IF\" or a table name, met the end of the file"},
    {"CREATE STREAMING TABLE IF EXISTS t", "p.sql:1:27: expected \"NOT\", met \"EXISTS\""},
    {"CREATE STREAMING TABLE t LOCATION '/x'",
     "p.sql:1:39: expected \"USING\", \"LOCATION\", \"PARTITIONED\", \"COMMENT\", "
     "\"TBLPROPERTIES\", \"OPTIONS\" or \"AS\", met the end of the file"},
    {"CREATE STREAMING TABLE t AS SELECT 1", "p.sql:1:24: streaming table \"t\" has no LOCATION"},
    {"CREATE STREAMING TABLE t LOCATION '' AS SELECT 1",
     "p.sql:1:24: the LOCATION of streaming table \"t\" is empty"},
    {"CREATE STREAMING TABLE t LOCATION AS SELECT 1", "p.sql:1:35: expected a string, met \"AS\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' LOCATION '/y' AS SELECT 1",
     "p.sql:1:40: clause \"LOCATION\" is there twice"},
    {"CREATE STREAMING TABLE t USING parquet LOCATION '/x' AS SELECT 1",
     "p.sql:1:32: a streaming table is written as \"delta\", met \"parquet\""},
    {"CREATE STREAMING TABLE t LOCATON '/x' AS SELECT 1",
     "p.sql:1:26: expected \"(\", \"USING\", \"LOCATION\", \"PARTITIONED\", \"COMMENT\", "
     "\"TBLPROPERTIES\", \"OPTIONS\" or \"AS\", met \"LOCATON\"; did you mean \"LOCATION\"?"},
    {"CREATE STREAMING TABLE t LOCATION '/x' CLUSTER BY (a) AS SELECT 1",
     "p.sql:1:40: CLUSTER BY is not supported yet; use PARTITIONED BY"},
    {"CREATE STREAMING TABLE t LOCATION '/x' PARTITIONED (a) AS SELECT 1",
     "p.sql:1:52: expected \"BY\", met \"(\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' PARTITIONED BY a AS SELECT 1",
     "p.sql:1:55: expected \"(\", met \"a\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' PARTITIONED BY (a, b, A) AS SELECT 1",
     "p.sql:1:62: partition column \"A\" is there twice"},
    {"CREATE STREAMING TABLE t LOCATION '/x' PARTITIONED BY () AS SELECT 1",
     "p.sql:1:56: expected a column name, met \")\""},
    {"CREATE STREAMING TABLE t (a, A) LOCATION '/x' AS SELECT 1",
     "p.sql:1:30: column \"A\" is there twice"},
    {"CREATE STREAMING TABLE t (a INT PRIMARY KEY) LOCATION '/x' AS SELECT 1",
     "p.sql:1:33: expected \"[\", \"NOT\", \"COMMENT\", \",\" or \")\", met \"PRIMARY\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' TBLPROPERTIES ('a' = 1, 'a' = 2) AS SELECT 1",
     "p.sql:1:64: \"a\" is set twice"},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (triger = '1 second') AS SELECT 1",
     "p.sql:1:58: unknown option \"triger\" for streaming table; did you mean \"trigger\"?"},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (trigger = 'sometimes') AS SELECT 1",
     "p.sql:1:59: trigger is a duration such as '10 seconds', 'available-now' or 'once', met "
     "\"sometimes\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (trigger = '-1 second') AS SELECT 1",
     "p.sql:1:59: trigger is a duration such as '10 seconds', 'available-now' or 'once', met \"-1 "
     "second\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (outputMode = 'complete') AS SELECT 1",
     "p.sql:1:62: option \"outputMode\" needs append, not \"complete\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (compression = 'gzip') AS SELECT 1",
     "p.sql:1:63: option \"compression\" needs snappy|zstd|uncompressed, not \"gzip\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (targetFileSize = '5') AS SELECT 1",
     "p.sql:1:66: targetFileSize is at least 1 MiB"},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (rowGroupRows = 5) AS SELECT 1",
     "p.sql:1:64: rowGroupRows is 2048 to 16777216, met \"5\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (queryName = '') AS SELECT 1",
     "p.sql:1:61: queryName is empty"},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (s3.path.style.access = 'perhaps') AS SELECT "
     "1",
     "p.sql:1:72: option \"s3.path.style.access\" needs true or false, not \"perhaps\""},
    {"CREATE STREAMING TABLE t LOCATION '/x' OPTIONS (queryName = 'q') AS SELECT 1;\nCREATE "
     "STREAMING TABLE u LOCATION '/x' OPTIONS (queryName = 'q') AS SELECT 1",
     "p.sql:2:24: streaming tables \"t\" and \"u\" have the same query name and location"},
    {"CREATE STREAM s (a INT) USING generator;\nCREATE STREAMING TABLE S LOCATION '/x' AS SELECT 1",
     "p.sql:2:24: name \"S\" is taken by the stream at 1:15"},
    {"SET", "p.sql:1:4: expected a setting, met the end of the file"},
    {"SET memory_limit", "p.sql:1:17: expected \".\", \"=\" or \"TO\", met the end of the file"},
    {"SET memory_limit = 'much'",
     "p.sql:1:20: memory_limit is a size of at least 64 MiB, such as '1 GiB', met \"much\""},
    {"SET memory_limit = 5",
     "p.sql:1:20: memory_limit is a size of at least 64 MiB, such as '1 GiB', met \"5\""},
    {"SET threads = 0", "p.sql:1:15: threads is 1 to 1024, met \"0\""},
    {"SET thread = 2", "p.sql:1:5: unknown setting \"thread\"; did you mean \"threads\"?"},
    {"SET spark.sql.shuffle.partitions = 200",
     "p.sql:1:5: unknown setting \"spark.sql.shuffle.partitions\"; known are memory_limit and "
     "threads"},
    {"SET threads = 2 SET threads = 3", "p.sql:1:17: expected \";\", met \"SET\""},
    {"CREATE VIEW v AS SELECT 'abc", "p.sql:1:25: string has no closing quote"},
    {"CREATE VIEW v AS SELECT \"abc", "p.sql:1:25: quoted name has no closing quote"},
    {"CREATE VIEW v AS SELECT `a", "p.sql:1:25: quoted name has no closing quote"},
    {"CREATE VIEW v AS SELECT $x$ abc", "p.sql:1:25: string has no closing \"$x$\""},
    {"/* open", "p.sql:1:1: comment \"/*\" has no closing \"*/\""},
    {"CREATE VIEW v AS SELECT \"\"", "p.sql:1:25: a quoted name is empty"},
    {"CREATE VIEW v AS SELECT ``", "p.sql:1:25: a quoted name is empty"},
    {"CREATE \x02", "p.sql:1:8: a control character (0x02) stands in the text"},
    {"CREATE VIEW v AS SELECT '${SLUICE_TEST_NO}'",
     "p.sql:1:26: environment variable \"SLUICE_TEST_NO\" is not set; ${NAME:-text} gives a "
     "default"},
    {"CREATE VIEW v AS SELECT ${", "p.sql:1:25: \"${\" has no closing \"}\""},
    {"CREATE VIEW v AS SELECT ${}",
     "p.sql:1:27: expected the name of an environment variable, met \"}\""},
    {"CREATE VIEW v AS SELECT ${A B}",
     "p.sql:1:28: expected \"}\" or \":-\" after the variable, met \" \""},
    {"CREATE VIEW v AS SELECT ${SLUICE_TEST_NO:-", "p.sql:1:25: \"${\" has no closing \"}\""},
    {"CREATE VIEW v AS SELECT ${1A}",
     "p.sql:1:27: expected the name of an environment variable, met \"1\""},
    {"CREATE VIEW v AS SELECT ${SLUICE_TEST_NO:?x}",
     "p.sql:1:41: expected \"}\" or \":-\" after the variable, met \":\""},
    {"\n\n   CREATE\n\t\tVUE x", "p.sql:4:3: expected \"OR\", \"TEMPORARY\", \"TEMP\", \"VIEW\", "
                                 "\"STREAMING\" or \"STREAM\", met \"VUE\""},
    {"-- \xc3\xa4\r\nCREATE /* \xc3\xb6 */ VEW x",
     "p.sql:2:16: expected \"OR\", \"TEMPORARY\", \"TEMP\", \"VIEW\", \"STREAMING\" or \"STREAM\", "
     "met \"VEW\"; did you mean \"VIEW\"?"},
    {"CREATE VIEW \xc3\xbc AS 5",
     "p.sql:1:18: expected \"SELECT\", \"WITH\" or \"FROM\", met \"5\""},
    {"CREATE VIEW v AS SELECT '\xff'", "p.sql:1:26: the text is not UTF-8"},
};

static void every_bad_pipeline_says_where_what_and_what_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct plan *plan = NULL;
        struct err err;
        int rc = plan_load(STR("p.sql"), str_of(bad[i].text), &plan, &err);
        if (rc >= 0) {
            plan_free(plan);
            fail_msg("no error for: %s", bad[i].text);
        }
        assert_int_equal(rc, ERR_CONFIG);
        if (strcmp(err.msg, bad[i].error) != 0) {
            fail_msg("%s\n  said     %s\n  expected %s", bad[i].text, err.msg, bad[i].error);
        }
    }
}

static void a_stream_has_columns_a_source_and_settings(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("CREATE STREAM Feed (\n"
                                       "  a INT NOT NULL COMMENT 'the a',\n"
                                       "  `b c` STRUCT<x: STRING NOT NULL COMMENT 'x', y INT>\n"
                                       ") USING KAFKA OPTIONS (\n"
                                       "  'kafka.bootstrap.servers' = 'h:1', subscribe \"t\",\n"
                                       "  startingOffsets='latest', maxOffsetsPerTrigger = 1000\n"
                                       ") COMMENT 'no more'");
    assert_int_equal(plan->streams.count, 1);
    const struct plan_stream *s = &plan->streams.items[0];
    assert_str(s->name, "Feed");
    assert_int_equal(s->place.line, 1);
    assert_int_equal(s->place.column, 15);
    assert_string_equal(s->source->name, "kafka");
    assert_type(s->row_type,
                "STRUCT<a: INT NOT NULL COMMENT 'the a', `b c`: STRUCT<x: STRING NOT NULL COMMENT "
                "'x', y: INT>>");
    assert_false(s->row_type->fields[0].nullable);
    assert_str(s->row_type->fields[0].comment, "the a");
    assert_false(s->row_type->fields[1].type->fields[0].nullable);
    assert_str(s->row_type->fields[1].type->fields[0].comment, "x");
    assert_int_equal(s->settings.items.count, 4);
    assert_str(s->settings.items.items[0].name, "kafka.bootstrap.servers");
    assert_str(s->settings.items.items[1].value, "t");
    assert_int_equal(s->settings.items.items[3].line, 6);
    assert_int_equal(s->settings.items.items[3].column, 52);
}

static void clauses_of_a_table_come_in_any_order(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan =
        load("CREATE OR REFRESH STREAMING TABLE IF NOT EXISTS t (a NOT NULL COMMENT 'A', b "
             "DECIMAL(5,2), c)\n"
             "OPTIONS (mergeSchema = true, trigger = '0 seconds', queryName = 'q')\n"
             "TBLPROPERTIES ('delta.appendOnly' = true, x.y = 3, z = -1.5)\n"
             "PARTITIONED BY (a, `b`) COMMENT 'it''s' LOCATION '/x' USING Delta\n"
             "AS SELECT 1;");
    const struct plan_table *t = &plan->tables.items[0];
    assert_str(t->name, "t");
    assert_str(t->query_name, "q");
    assert_str(t->location, "/x");
    assert_str(t->comment, "it's");
    assert_int_equal(t->partition_columns.count, 2);
    assert_str(t->partition_columns.items[1], "b");
    assert_int_equal(t->partition_places.items[1].line, 4);
    assert_int_equal(t->partition_places.items[1].column, 20);
    assert_int_equal(t->properties.count, 3);
    assert_str(t->properties.items[1].name, "x.y");
    assert_str(t->properties.items[1].value, "3");
    assert_str(t->properties.items[2].value, "-1.5");
    assert_int_equal(t->declared_count, 3);
    assert_null(t->declared[0].type);
    assert_false(t->declared[0].nullable);
    assert_str(t->declared[0].comment, "A");
    assert_type(t->declared[1].type, "DECIMAL(5,2)");
    assert_null(t->declared[2].type);
    assert_true(t->merge_schema);
    assert_int_equal(t->trigger, PLAN_TRIGGER_INTERVAL);
    assert_int_equal(t->trigger_us, 0);
    assert_str(t->body, "SELECT 1");
    assert_int_equal(t->body_line, 5);
    assert_int_equal(t->body_column, 4);
}

static void a_body_is_rewritten_where_duckdb_does_not_know_it(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *expected;
    } cases[] = {
        {"SELECT * FROM STREAM feed", "SELECT * FROM feed"},
        {"SELECT * FROM stream(feed) f", "SELECT * FROM feed f"},
        {"SELECT * FROM a JOIN STREAM b USING (x)", "SELECT * FROM a JOIN b USING (x)"},
        {"SELECT * FROM stream WHERE x", "SELECT * FROM stream WHERE x"},
        {"SELECT * FROM stream", "SELECT * FROM stream"},
        {"SELECT stream AS x FROM stream AS y", "SELECT stream AS x FROM stream AS y"},
        {"SELECT `a b`, `c``d`, `e\"f` FROM `x`", "SELECT \"a b\", \"c`d\", \"e\"\"f\" FROM \"x\""},
        {"SELECT '`x`', \"`y`\" FROM f", "SELECT '`x`', \"`y`\" FROM f"},
        {"SELECT 1 -- one\n, 2 /* two */ , 3", "SELECT 1\n, 2 , 3"},
        {"SELECT 1 -- the end", "SELECT 1"},
        {"SELECT ';' AS a, $$;$$ AS b", "SELECT ';' AS a, $$;$$ AS b"},
        {"SELECT E'it\\'s;' AS a", "SELECT E'it\\'s;' AS a"},
        {"(SELECT 1)", "(SELECT 1)"},
        {"WITH x AS (SELECT 1) FROM x", "WITH x AS (SELECT 1) FROM x"},
        {"FROM feed", "FROM feed"},
        {"SELECT a::INT, b->>'$.x', c[1:2], -1.5e-3 FROM f",
         "SELECT a::INT, b->>'$.x', c[1:2], -1.5e-3 FROM f"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf text = {0};
        buf_printf(&text, "CREATE VIEW v AS %s\n;", cases[i].body);
        AUTO_PLAN struct plan *plan = load(text.ptr);
        assert_str(plan->views.items[0].body, cases[i].expected);
    }
}

static void options_may_stand_without_equals_sign_and_be_empty(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("CREATE STREAM s (a INT) USING generator OPTIONS ();"
                                       "CREATE STREAM t (a INT) USING generator OPTIONS "
                                       "(timestampUnit \"nanos\")");
    assert_int_equal(plan->streams.items[0].settings.items.count, 0);
    assert_int_equal(plan->streams.items[1].codec.timestamp_unit, CODEC_EPOCH_NANOS);
}

static void two_tables_may_share_a_location_under_two_names(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("CREATE STREAMING TABLE t LOCATION '/x' AS SELECT 1;"
                                       "CREATE STREAMING TABLE u LOCATION '/x' AS SELECT 1");
    assert_int_equal(plan->tables.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_pipeline_says_where_what_and_what_else),
        cmocka_unit_test(a_stream_has_columns_a_source_and_settings),
        cmocka_unit_test(clauses_of_a_table_come_in_any_order),
        cmocka_unit_test(a_body_is_rewritten_where_duckdb_does_not_know_it),
        cmocka_unit_test(options_may_stand_without_equals_sign_and_be_empty),
        cmocka_unit_test(two_tables_may_share_a_location_under_two_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

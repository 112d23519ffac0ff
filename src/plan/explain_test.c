/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "plan/plan.h"

static void explain_shows_the_plan_without_secrets(void **state)
{
    (void)state;
    struct sql_db_options options = {.sandbox = true, .threads = 1};
    AUTO_PLAN struct plan *plan = NULL;
    AUTO_SQL_DB struct sql_db *db = NULL;
    AUTO_SQL_CONN struct sql_conn *conn = NULL;
    AUTO_PLAN_QUERY struct plan_query *query = NULL;
    AUTO_BUF struct buf out = {0};
    struct err err;
    struct str text =
        STR("CREATE STREAM feed (id BIGINT, name STRING) USING kafka OPTIONS (subscribe = 't', "
            "'kafka.bootstrap.servers' = 'h:1', 'kafka.sasl.password' = 'geheim', "
            "'kafka.sasl.jaas.config' = 'geheim');\n"
            "CREATE STREAMING TABLE t PARTITIONED BY (name) LOCATION 's3a://user:geheim@b/p' "
            "COMMENT 'c' TBLPROPERTIES (x = 'y') OPTIONS (trigger = '0 seconds', s3.secret.key = "
            "'geheim', queryName = 'q') AS SELECT id, name FROM feed");
    if (plan_load(STR("p.sql"), text, &plan, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(sql_open(&options, &db, &err), 0);
    assert_int_equal(sql_connect(db, &conn, &err), 0);
    assert_int_equal(plan_bind(plan, &plan->tables.items[0], conn, &query, &err), 0);
    plan_explain(plan, query, &out);
    static const char *const lines[] = {
        "streaming table t (p.sql:2)\n",
        "  query        q\n",
        "  location     s3a://***@b/p\n",
        "  comment      c\n",
        "  trigger      as soon as possible\n",
        "  option       s3.secret.key = '***'\n",
        "  property     x = 'y'\n",
        "    name STRING (partition)\n",
        "stream feed\n  connector    kafka\n  format       json\n",
        "  option       kafka.bootstrap.servers = 'h:1'\n",
        "  option       kafka.sasl.password = '***'\n",
        "  option       kafka.sasl.jaas.config = '***'\n",
        "statement\nWITH \"feed\"",
    };
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        if (strstr(out.ptr, lines[i]) == NULL) {
            fail_msg("no line %s in\n%s", lines[i], out.ptr);
        }
    }
    assert_null(strstr(out.ptr, "geheim"));
}

static void options_are_documented_as_markdown(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    plan_options_markdown(&out);
    assert_non_null(
        strstr(out.ptr, "| `onBadRecord` | `null`, `drop`, `fail`, `deadletter` | `null` | "));
    assert_non_null(strstr(out.ptr, "## Streams USING kafka"));
    assert_non_null(strstr(out.ptr, "| `kafka.…` | passed through |"));
    assert_non_null(strstr(out.ptr, "| `s3.secret.key` | text, secret |  | "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain_shows_the_plan_without_secrets),
        cmocka_unit_test(options_are_documented_as_markdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

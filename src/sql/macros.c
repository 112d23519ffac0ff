/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/macros.h"
#include "sql/sql.h"
int sql_add_macros(struct sql_conn *conn, struct err *err)
{
    return sql_run(conn, "SELECT 1", err);
}

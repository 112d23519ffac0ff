/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - plan_load and plan_parse_type on arbitrary bytes
 *
 * Whatever the bytes are, the answer is a plan or an error with a place.  What was read as a type
 * is printed and read again as the same type (but for comments with quotes or backslashes: they
 * are printed as Spark escapes them, and read as SQL doubles them).
 */
#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_type(struct str text)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf printed = {0};
    const struct type *type = NULL;
    const struct type *again = NULL;
    struct err err;
    if (plan_parse_type(&arena, text, &type, &err) < 0) {
        assert(str_starts(str_of(err.msg), STR("type:")));
        return;
    }
    type_print(type, &printed);
    if (str_find(buf_str(&printed), '\\') >= 0) {
        return;
    }
    int rc = plan_parse_type(&arena, buf_str(&printed), &again, &err);
    assert(rc == 0);
    assert(type_eq(type, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);
    AUTO_PLAN struct plan *plan = NULL;
    struct err err;
    if (plan_load(STR("f"), text, &plan, &err) < 0) {
        assert(err.code == ERR_CONFIG);
        assert(str_starts(str_of(err.msg), STR("f:")));
    }
    check_type(text);
    return 0;
}

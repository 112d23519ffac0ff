/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "job/evolve.h"

/* The stream's columns after the messages; NULL = there is nothing to add. */
static const char *widened(struct arena *arena, const char *columns, const char *const *messages,
                           const char *expected_added)
{
    struct err err;
    struct plan_stream stream = {.name = STR("s"), .format = STR("json")};
    if (plan_parse_type(arena, str_of(columns), &stream.row_type, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    struct evolve *e = evolve_new(&stream);
    int64_t count = 0;
    for (; *messages != NULL; messages++) {
        evolve_note(e, str_of(*messages));
        count++;
    }
    assert_int_equal(evolve_count(e), count);
    const struct type *row_type = NULL;
    AUTO_BUF struct buf added = {0};
    AUTO_BUF struct buf text = {0};
    int rc = evolve_finish(e, arena, &row_type, &added, &err);
    assert_true(rc >= 0);
    assert_string_equal(added.len == 0 ? "" : added.ptr, expected_added);
    evolve_free(e);
    if (rc == 0) {
        return NULL;
    }
    type_print(row_type, &text);
    return arena_strdup(arena, buf_str(&text));
}

static void new_fields_come_behind_the_known_ones_at_every_depth(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const char *const messages[] = {"{\"n\": 1, \"place\": {\"lat\": 1}, \"id\": \"x\"}",
                                    "{\"list\": [{\"b\": true}], \"n\": 1.5}", NULL};
    assert_string_equal(
        widened(&arena, "STRUCT<id: INT, place: STRUCT<lon: DOUBLE>, list: ARRAY<STRUCT<a: INT>>>",
                messages, "n, place.lat, list.element.b"),
        "STRUCT<id: INT, place: STRUCT<lon: DOUBLE, lat: BIGINT>, "
        "list: ARRAY<STRUCT<a: INT, b: BOOLEAN>>, n: DOUBLE>");
}

static void what_cannot_be_a_column_adds_nothing(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const char *const messages[] = {
        "{\"ID\": 1, \"_offset\": 2, \"a b\": 3, \"e\": {}, \"d\": {\"x;y\": 1}}", NULL};
    assert_null(widened(&arena, "STRUCT<id: INT>", messages, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_fields_come_behind_the_known_ones_at_every_depth),
        cmocka_unit_test(what_cannot_be_a_column_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

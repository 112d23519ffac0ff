/* SPDX-License-Identifier: Apache-2.0 */
#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_memory_store_lives_as_long_as_its_last_handle(void **state)
{
    (void)state;
    struct err err;
    struct buf out = {0};
    struct store *a = store_memory_open("shared");
    struct store *b = store_memory_open("shared");
    struct store *other = store_memory_open("other");
    assert_int_equal(store_put(a, STR("k"), STR("v"), &err), 0);
    assert_int_equal(store_get(b, STR("k"), &out, &err), STORE_GOT);
    assert_int_equal(store_get(other, STR("k"), &out, &err), STORE_ABSENT);
    store_close(a);
    assert_int_equal(store_get(b, STR("k"), &out, &err), STORE_GOT);
    store_close(b);
    a = store_memory_open("shared");
    assert_int_equal(store_get(a, STR("k"), &out, &err), STORE_ABSENT);
    store_close(a);
    store_close(other);
    store_close(NULL);
    assert_string_equal(out.ptr, "vv");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_memory_store_lives_as_long_as_its_last_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/faulty.h"

#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct order {
    enum store_fault fault;
    enum store_op op;
    unsigned asked;
};

static enum store_fault on_order(void *user, enum store_op op, struct str key)
{
    struct order *o = user;
    (void)key;
    o->asked++;
    return op == o->op ? o->fault : STORE_FAULT_NONE;
}

static int count_entry(void *user, const struct store_entry *entry, struct err *err)
{
    (void)entry;
    (void)err;
    ++*(size_t *)user;
    return 0;
}

static void a_faulty_store_fails_on_order(void **state)
{
    (void)state;
    struct err err = {0};
    AUTO_BUF struct buf out = {0};
    struct order order = {.op = STORE_OP_PUT_IF_ABSENT};
    AUTO_STORE struct store *s = store_faulty_open(store_memory_open("faulty"), on_order, &order);
    order.fault = STORE_FAULT_BEFORE;
    assert_int_equal(store_put_if_absent(s, STR("k"), STR("body"), &err), STORE_PUT_UNKNOWN);
    assert_int_equal(store_get(s, STR("k"), &out, &err), STORE_ABSENT);
    order.fault = STORE_FAULT_REFUSE;
    assert_int_equal(store_put_if_absent(s, STR("k"), STR("body"), &err), ERR_CONFIG);
    order.fault = STORE_FAULT_TRUNCATE;
    assert_int_equal(store_put_if_absent(s, STR("k"), STR("body"), &err), STORE_PUT_UNKNOWN);
    assert_int_equal(store_get(s, STR("k"), &out, &err), STORE_GOT);
    assert_string_equal(out.ptr, "bo");
    order.fault = STORE_FAULT_AFTER;
    assert_int_equal(store_put_if_absent(s, STR("l"), STR("body"), &err), STORE_PUT_UNKNOWN);
    order.fault = STORE_FAULT_NONE;
    assert_int_equal(store_put_if_absent(s, STR("l"), STR("body"), &err), STORE_PUT_EXISTS);

    order = (struct order){.fault = STORE_FAULT_AFTER, .op = STORE_OP_GET};
    assert_int_equal(store_get(s, STR("l"), &out, &err), ERR_IO);
    assert_true(err.retry);
    assert_string_equal(out.ptr, "bo");
    order.op = STORE_OP_PUT;
    assert_int_equal(store_put(s, STR("m"), STR("new"), &err), ERR_IO);
    assert_int_equal(store_get(s, STR("m"), &out, &err), STORE_GOT);
    order.op = STORE_OP_DELETE;
    assert_int_equal(store_delete(s, STR("m"), &err), ERR_IO);
    assert_int_equal(store_get(s, STR("m"), &out, &err), STORE_ABSENT);
    order.op = STORE_OP_LIST;
    size_t count = 0;
    assert_int_equal(store_list(s, STR(""), STR(""), count_entry, &count, &err), ERR_IO);
    assert_int_equal(count, 2);
    assert_int_equal(order.asked, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_faulty_store_fails_on_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "connect/delta_epochs.h"

static void assert_prints(const struct delta_epochs *e, const char *wanted)
{
    AUTO_BUF struct buf out = {0};
    delta_epochs_print(e, &out);
    assert_string_equal(out.len == 0 ? "" : out.ptr, wanted);
}

static void read(struct delta_epochs *e, const char *text)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err err;
    assert_int_equal(json_parse(&arena, str_of(text), &root, &err), 0);
    delta_epochs_read(e, root);
}

static void what_is_not_known_is_minus_one_and_not_printed(void **state)
{
    (void)state;
    struct delta_epochs e = {0};
    assert_int_equal(delta_epochs_find(&e, STR("s/t/id"), 0), -1);
    assert_prints(&e, "");
    delta_epochs_set(&e, STR("s/t/id"), 3, -1);
    assert_prints(&e, "");
    assert_int_equal(delta_epochs_find(&e, STR("s/t/id"), 3), -1);
    delta_epochs_done(&e);
}

static void epochs_are_kept_by_place_and_in_order_of_partition(void **state)
{
    (void)state;
    struct delta_epochs e = {0};
    delta_epochs_set(&e, STR("s/t/id"), 10, 4);
    delta_epochs_set(&e, STR("s/t/id"), 2, 0);
    delta_epochs_set(&e, STR("s/u/id"), 2, 9);
    delta_epochs_set(&e, STR("s/t/id"), 5, 1);
    delta_epochs_set(&e, STR("s/t/id"), 10, 5);
    assert_int_equal(delta_epochs_find(&e, STR("s/t/id"), 2), 0);
    assert_int_equal(delta_epochs_find(&e, STR("s/t/id"), 10), 5);
    assert_int_equal(delta_epochs_find(&e, STR("s/t/id"), 3), -1);
    assert_int_equal(delta_epochs_find(&e, STR("s/t"), 2), -1);
    delta_epochs_set(&e, STR("s/t/id"), 5, -1);
    assert_prints(&e, "{\"sluiceLeaderEpochs\":{\"s/t/id\":{\"2\":0,\"10\":5},"
                      "\"s/u/id\":{\"2\":9}}}");
    delta_epochs_done(&e);
}

static void what_was_printed_is_read_back(void **state)
{
    (void)state;
    struct delta_epochs e = {0};
    struct delta_epochs again = {0};
    AUTO_BUF struct buf text = {0};
    for (int32_t i = 0; i < 300; i++) {
        delta_epochs_set(&e, i % 2 == 0 ? STR("a/\"%22/-") : STR("b/ü/x"), i * 7 % 300, i);
    }
    delta_epochs_print(&e, &text);
    read(&again, text.ptr);
    assert_prints(&again, text.ptr);
    for (int32_t i = 0; i < 300; i++) {
        assert_int_equal(
            delta_epochs_find(&again, i % 2 == 0 ? STR("a/\"%22/-") : STR("b/ü/x"), i * 7 % 300),
            i);
    }
    delta_epochs_done(&e);
    delta_epochs_done(&again);
}

static void what_is_not_of_our_form_is_passed_over(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[1]",
        "{\"sluiceLeaderEpochs\":7}",
        "{\"sluiceLeaderEpochs\":[{\"a\":{\"0\":1}}]}",
        "{\"sluiceLeaderEpochs\":{\"a\":{\"x\":1,\"-1\":1,\"2147483648\":1,\"0\":\"1\"}}}",
        "{\"sluiceLeaderEpochs\":{\"a\":{\"1\":-1,\"2\":2147483648,\"3\":1.5,\"4\":null},\"b\":3}}",
    };
    struct delta_epochs e = {0};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        read(&e, texts[i]);
        assert_prints(&e, "");
    }
    read(&e, "{\"sluiceLeaderEpochs\":{\"a\":{\"bad\":1,\"0\":2}}}");
    assert_int_equal(delta_epochs_find(&e, STR("a"), 0), 2);
    delta_epochs_done(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_is_minus_one_and_not_printed),
        cmocka_unit_test(epochs_are_kept_by_place_and_in_order_of_partition),
        cmocka_unit_test(what_was_printed_is_read_back),
        cmocka_unit_test(what_is_not_of_our_form_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

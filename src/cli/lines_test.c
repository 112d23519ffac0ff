/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/lines.h"

static void lines_are(struct str text, const struct str *expected, size_t count)
{
    char path[] = "/tmp/sluice-lines-XXXXXX";
    struct err err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    fd_close(&fd);
    assert_int_equal(fs_write_file(path, text, &err), 0);
    AUTO_LINES struct cli_lines lines = {0};
    assert_int_equal(cli_lines_open(&lines, path, &err), 0);
    struct str line;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(cli_lines_next(&lines, &line, &err), 1);
        assert_true(str_eq(line, expected[i]));
        assert_int_equal(lines.number, i + 1);
    }
    assert_int_equal(cli_lines_next(&lines, &line, &err), 0);
    assert_int_equal(cli_lines_next(&lines, &line, &err), 0);
    (void)unlink(path);
}

static void lines_come_without_their_ends(void **state)
{
    (void)state;
    const struct str expected[] = {STR("a"), STR(""), STR("b\rc"), STR("d"), STR("\0e")};
    lines_are(STR("a\n\nb\rc\r\nd\n\0e"), expected, ARRAY_COUNT(expected));
    lines_are(STR("a\n"), expected, 1);
    lines_are(STR(""), expected, 0);
}

static void a_line_may_be_longer_than_a_read(void **state)
{
    (void)state;
    size_t len = (size_t)700 << 10;
    char *text = mem_alloc(2 * len + 2);
    memset(text, 'x', 2 * len + 2);
    text[len] = '\n';
    text[2 * len + 1] = '\n';
    const struct str expected[] = {{text, len}, {text + len + 1, len}};
    lines_are(str_n(text, 2 * len + 2), expected, ARRAY_COUNT(expected));
    mem_free(text);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    AUTO_LINES struct cli_lines lines = {0};
    assert_int_equal(cli_lines_open(&lines, "/nonexistent/x", &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "/nonexistent/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_without_their_ends),
        cmocka_unit_test(a_line_may_be_longer_than_a_read),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

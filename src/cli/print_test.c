/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/print.h"

static const struct cli_print_column columns[] = {{{"n", 1}, true}, {{"text", 4}, false}};

/* What comes out for rows of two cells. */
static char *printed(enum cli_print_format format, size_t cell_max, const struct str rows[][2],
                     size_t count)
{
    char path[] = "/tmp/sluice-print-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    AUTO_PRINT struct cli_print p = {
        .format = format,
        .fd = fd,
        .target = path,
        .cell_max = cell_max,
        .columns = columns,
        .column_count = ARRAY_COUNT(columns),
        .count_line = true,
    };
    struct err err = {0};
    assert_int_equal(cli_print_begin(&p, &err), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(cli_print_row(&p, rows[i], &err), 0);
    }
    assert_int_equal(cli_print_end(&p, &err), 0);
    struct buf text = {0};
    assert_int_equal(fs_read_file(path, &text, &err), 0);
    (void)unlink(path);
    fd_close(&fd);
    return buf_take(&text);
}

#define ROW(a, b)                                                                                  \
    {                                                                                              \
        {a, sizeof(a) - 1},                                                                        \
        {                                                                                          \
            b, sizeof(b) - 1                                                                       \
        }                                                                                          \
    }

static void a_table_is_aligned_by_what_is_seen(void **state)
{
    (void)state;
    static const struct str rows[][2] = {
        ROW("1", "caf\xC3\xA9"),
        ROW("-20", "\xE6\x97\xA5\xE6\x9C\xAC"),
        {{NULL, 0}, {NULL, 0}},
        ROW("3", "a\nb\x01"),
    };
    AUTO_FREE char *text = printed(CLI_PRINT_TABLE, 0, rows, ARRAY_COUNT(rows));
    assert_string_equal(text, "    n | text\n"
                              "------+----------\n"
                              "    1 | caf\xC3\xA9\n"
                              "  -20 | \xE6\x97\xA5\xE6\x9C\xAC\n"
                              " NULL | NULL\n"
                              "    3 | a\\nb\\x01\n"
                              "(4 rows)\n");
}

static void long_cells_are_cut_when_asked(void **state)
{
    (void)state;
    static const struct str rows[][2] = {ROW("1", "123456789"), ROW("1", "12345")};
    AUTO_FREE char *text = printed(CLI_PRINT_TABLE, 5, rows, ARRAY_COUNT(rows));
    assert_string_equal(text,
                        " n | text\n---+-------\n 1 | 1234\xE2\x80\xA6\n 1 | 12345\n(2 rows)\n");
}

static void an_empty_table_has_its_head(void **state)
{
    (void)state;
    AUTO_FREE char *text = printed(CLI_PRINT_TABLE, 0, NULL, 0);
    assert_string_equal(text, " n | text\n---+------\n(0 rows)\n");
}

static void rows_beyond_the_window_still_come(void **state)
{
    (void)state;
    struct str(*rows)[2] = mem_zalloc(5000 * sizeof(*rows));
    for (size_t i = 0; i < 5000; i++) {
        rows[i][0] = STR("7");
        rows[i][1] = i == 4999 ? STR("longer than before") : STR("x");
    }
    AUTO_FREE char *text = printed(CLI_PRINT_TABLE, 0, (const struct str(*)[2])rows, 5000);
    assert_non_null(strstr(text, "\n 7 | longer than before\n(5000 rows)\n"));
    mem_free(rows);
}

static void csv_quotes_what_has_to_be(void **state)
{
    (void)state;
    static const struct str rows[][2] = {
        ROW("1", "a,b"),        ROW("2", "say \"x\""), ROW("3", "two\nlines"), ROW("4", ""),
        {{NULL, 0}, {NULL, 0}}, ROW("5", " edge"),     ROW("6", "plain"),
    };
    AUTO_FREE char *text = printed(CLI_PRINT_CSV, 0, rows, ARRAY_COUNT(rows));
    assert_string_equal(text,
                        "n,text\n1,\"a,b\"\n2,\"say \"\"x\"\"\"\n3,\"two\nlines\"\n4,\"\"\n,\n"
                        "5,\" edge\"\n6,plain\n");
}

static void json_lines_are_json(void **state)
{
    (void)state;
    static const struct str rows[][2] = {
        ROW("1", "\"NaN \\\" Infinity\""),
        ROW("NaN", "[1.5,-Infinity,{\"NaN\":nan}]"),
        {{NULL, 0}, {NULL, 0}},
    };
    AUTO_FREE char *text = printed(CLI_PRINT_JSON, 0, rows, ARRAY_COUNT(rows));
    assert_string_equal(text, "{\"n\":1,\"text\":\"NaN \\\" Infinity\"}\n"
                              "{\"n\":\"NaN\",\"text\":[1.5,\"-Infinity\",{\"NaN\":\"NaN\"}]}\n"
                              "{\"n\":null,\"text\":null}\n");
}

static void widths_count_what_a_terminal_shows(void **state)
{
    (void)state;
    assert_int_equal(cli_print_width(STR("abc")), 3);
    assert_int_equal(cli_print_width(STR("caf\xC3\xA9")), 4);
    assert_int_equal(cli_print_width(STR("\xE6\x97\xA5")), 2);
    assert_int_equal(cli_print_width(STR("e\xCC\x81")), 1);
    assert_int_equal(cli_print_width(STR("\xFF\xC3")), 2); /* stray bytes */
}

int main(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_aligned_by_what_is_seen),
        cmocka_unit_test(long_cells_are_cut_when_asked),
        cmocka_unit_test(an_empty_table_has_its_head),
        cmocka_unit_test(rows_beyond_the_window_still_come),
        cmocka_unit_test(csv_quotes_what_has_to_be),
        cmocka_unit_test(json_lines_are_json),
        cmocka_unit_test(widths_count_what_a_terminal_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

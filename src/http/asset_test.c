/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asset_test - the files of the page, and the headers that choose among their forms
 */
#include "http/asset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_page_is_in_the_program(void **state)
{
    (void)state;
    const struct http_asset *page = http_asset_find(http_asset_table, STR("/"));
    assert_non_null(page);
    assert_string_equal(page->type, "text/html; charset=utf-8");
    struct str html = str_n((const char *)page->bytes, page->bytes_count);
    assert_true(str_starts_nocase(html, STR("<!doctype html>")));
    for (const struct http_asset *it = http_asset_table; it->path != NULL; it++) {
        assert_true(it->etag[0] == '"' && it->etag[strlen(it->etag) - 1] == '"');
        assert_true(it->gzip == NULL || it->gzip_count < it->bytes_count);
        assert_true(it->gzip == NULL || strcmp(it->etag, it->gzip_etag) != 0);
    }
}

static void paths_lead_to_files_of_the_table_only(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "/index.html", "//",          "/static/",    "/static/..",
        "/static",    "/static/../", "/static/%2e", "/etc/passwd", "/static/../../etc/passwd",
        "/static/./", "/./",         "/?",          "static/",     "/static/\x01",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_null(http_asset_find(http_asset_table, str_of(bad[i])));
    }
    assert_null(http_asset_find(http_asset_table, str_n("/\0", 2)));
}

static void gzip_is_sent_to_those_who_take_it(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "gzip",        "GZIP, br", "br;q=1, gzip;q=0.5", "*", "deflate , gzip ;q=1",
        "br, *;q=0.1", "x-gzip"};
    static const char *const no[] = {"",         "br",           "identity",
                                     "gzip;q=0", "*;q=0",        "gzip; q=0.000, *",
                                     "gzipped",  "gzip;q=0, br", ",,;;,q=1"};
    for (size_t i = 0; i < ARRAY_COUNT(yes); i++) {
        assert_true(http_asset_takes_gzip(str_of(yes[i])));
    }
    for (size_t i = 0; i < ARRAY_COUNT(no); i++) {
        assert_false(http_asset_takes_gzip(str_of(no[i])));
    }
    assert_false(http_asset_takes_gzip(STR_NULL));
}

static void a_known_tag_is_found_in_a_list(void **state)
{
    (void)state;
    assert_true(http_asset_is_known(STR("\"a\""), "\"a\""));
    assert_true(http_asset_is_known(STR("\"b\", W/\"a\""), "\"a\""));
    assert_true(http_asset_is_known(STR("*"), "\"a\""));
    assert_false(http_asset_is_known(STR("\"ab\""), "\"a\""));
    assert_false(http_asset_is_known(STR("a"), "\"a\""));
    assert_false(http_asset_is_known(STR_NULL, "\"a\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_in_the_program),
        cmocka_unit_test(paths_lead_to_files_of_the_table_only),
        cmocka_unit_test(gzip_is_sent_to_those_who_take_it),
        cmocka_unit_test(a_known_tag_is_found_in_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

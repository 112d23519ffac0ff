/* SPDX-License-Identifier: Apache-2.0 */
#include "store/s3_xml.h"

#include "store/s3_answer.h"
#include "store/s3_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The events as text: "<name", ">name=text", "." for the end, "!" for malformed. */
static void assert_events(const char *document, const char *want)
{
    AUTO_BUF struct buf events = {0};
    AUTO_S3_XML struct store_s3_xml x = {.in = str_of(document)};
    for (;;) {
        enum store_s3_xml_event event = store_s3_xml_next(&x);
        if (event == STORE_S3_XML_END || event == STORE_S3_XML_BAD) {
            buf_add_c(&events, event == STORE_S3_XML_END ? "." : "!");
            break;
        }
        struct str name = x.path[x.depth - 1];
        if (event == STORE_S3_XML_OPEN) {
            buf_printf(&events, "<%.*s", STR_FMT(name));
        } else {
            buf_printf(&events, ">%.*s=%s", STR_FMT(name), x.text.len == 0 ? "" : x.text.ptr);
        }
    }
    assert_string_equal(events.ptr, want);
}

static void elements_and_their_text_come_in_order(void **state)
{
    (void)state;
    assert_events("<a/>", "<a>a=.");
    assert_events("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- c -->\n<a x='>' y=\"/\"> t </a>\n",
                  "<a>a= t .");
    assert_events("<r><k>1</k><k>2</k> tail</r>", "<r<k>k=1<k>k=2>r= tail.");
    assert_events("<s:r xmlns:s='u'><s:k/></s:r>", "<r<k>k=>r=.");
    assert_events("<r>a<!-- b -->c<?d e?>f<![CDATA[<&]]>g</r>", "<r>r=acf<&g.");
}

static void references_are_decoded(void **state)
{
    (void)state;
    assert_events("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#xe4;&#x1234;&#x1F600;</a>",
                  "<a>a=<>&\"'AB\u00e4\u1234\U0001f600.");
    static const char *const bad[] = {
        "<a>&</a>",        "<a>&;</a>",
        "<a>&nbsp;</a>",   "<a>&#;</a>",
        "<a>&#x;</a>",     "<a>&#0;</a>",
        "<a>&#xD800;</a>", "<a>&#x110000;</a>",
        "<a>&#-1;</a>",    "<a>&#99999999999999;</a>",
        "<a>&amp</a>",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_events(bad[i], "<a!");
    }
}

static void what_is_not_whole_is_bad(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "",      " ",      "x",       "<",
        "<>",    "</a>",   "<a",      "<!DOCTYPE a><a/>",
        "<!-- ", "<?xml",  "& <a/>",  "<![CDATA[x]]>",
        "</",    "<a b='", "<a <b/>",
    };
    for (size_t i = 0; i < ARRAY_COUNT(documents); i++) {
        assert_events(documents[i], "!");
    }
    assert_events("<a>", "<a!");
    assert_events("<a>text", "<a!");
    assert_events("<a></b>", "<a!");
    assert_events("<a></a b>", "<a!");
    assert_events("<a><![CDATA[x</a>", "<a!");
    assert_events("<a/><b/>", "<a>a=!");
    assert_events("<a/>text", "<a>a=!");
    assert_events("<a/></a>", "<a>a=!");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    AUTO_BUF struct buf deep = {0};
    AUTO_BUF struct buf want = {0};
    for (int i = 0; i < 1000; i++) {
        buf_add_c(&deep, "<a>");
        buf_add_c(&want, i < STORE_S3_XML_DEPTH ? "<a" : "");
    }
    buf_add_c(&want, "!");
    assert_events(deep.ptr, want.ptr);
}

static const char page_text[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
    "<Prefix>p%2F</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>"
    "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
    "<Contents><Key>p/a+b%2Bc</Key><LastModified>2026-11-22T17:40:08.123Z</LastModified>"
    "<ETag>&quot;x&quot;</ETag><Size>12345678901</Size><Owner><ID>1</ID><Key>no</Key></Owner>"
    "</Contents><CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>"
    "<Contents><Size>0</Size><Key>p/%C3%A4&amp;</Key></Contents>"
    "<NextContinuationToken>a+b/=</NextContinuationToken></ListBucketResult>";

static void a_page_is_read_whole(void **state)
{
    (void)state;
    struct err err;
    AUTO_LIST_PAGE struct store_s3_list_page page = {0};
    assert_int_equal(store_s3_list_parse(str_n(page_text, sizeof(page_text) - 1), &page, &err), 0);
    assert_int_equal(page.items.count, 2);
    assert_string_equal(page.items.items[0].key, "p/a b+c");
    assert_true(page.items.items[0].size_bytes == UINT64_C(12345678901));
    assert_true(page.items.items[0].modified_us == INT64_C(1795369208123000));
    assert_string_equal(page.items.items[1].key, "p/\u00e4&");
    assert_true(page.truncated);
    assert_string_equal(page.token, "a+b/=");
}

static void every_shorter_page_is_refused(void **state)
{
    (void)state;
    struct err err;
    for (size_t len = 0; len < sizeof(page_text) - 1; len++) {
        /* A copy of that very size, so that reading past it is noticed. */
        AUTO_FREE char *copy = mem_dup(page_text, len + (len == 0));
        AUTO_LIST_PAGE struct store_s3_list_page page = {0};
        assert_int_equal(store_s3_list_parse(str_n(copy, len), &page, &err), ERR_CORRUPT);
    }
}

/* What tests/fuzz does for longer. */
static void damaged_documents_do_no_harm(void **state)
{
    (void)state;
    static const char letters[] = "<>/&;!?[]-'\"=#x0 %+:\0\xff";
    struct rng rng;
    rng_init(&rng, 42);
    for (int round = 0; round < 20000; round++) {
        AUTO_FREE char *copy = mem_dup(page_text, sizeof(page_text) - 1);
        for (uint64_t n = rng_below(&rng, 8) + 1; n > 0; n--) {
            copy[rng_below(&rng, sizeof(page_text) - 1)] =
                letters[rng_below(&rng, sizeof(letters))];
        }
        struct str text = str_n(copy, rng_below(&rng, sizeof(page_text)));
        struct err err;
        AUTO_LIST_PAGE struct store_s3_list_page page = {0};
        (void)store_s3_list_parse(text, &page, &err);
        AUTO_ANSWER struct store_s3_answer answer = {0};
        store_s3_answer_reset(&answer);
        buf_add_str(&answer.text, text);
        (void)store_s3_answer_error(&answer);
        store_s3_answer_header(&answer, text);
    }
}

static void an_error_is_read_with_its_fields_bounded(void **state)
{
    (void)state;
    AUTO_ANSWER struct store_s3_answer a = {0};
    store_s3_answer_reset(&a);
    buf_add_c(&a.text, "<Error><Code>No\nSuch</Code><Region>eu-west-1</Region><Message>");
    for (int i = 0; i < 300; i++) {
        buf_add_c(&a.text, "\u00e4");
    }
    buf_add_c(&a.text, "</Message></Error>");
    assert_true(store_s3_answer_error(&a));
    assert_string_equal(a.code, "No Such");
    assert_string_equal(a.region, "eu-west-1");
    assert_int_equal(strlen(a.message), 254); /* no half character */
    assert_true(str_is_utf8(str_of(a.message)));
    store_s3_answer_reset(&a);
    buf_add_c(&a.text, "<Errors><Code>x</Code></Errors>");
    assert_false(store_s3_answer_error(&a));
}

static void headers_are_read_in_any_case(void **state)
{
    (void)state;
    AUTO_ANSWER struct store_s3_answer a = {0};
    store_s3_answer_header(&a, STR("CONTENT-length: 12\r\n"));
    store_s3_answer_header(&a, STR("content-range: bytes 5-9/100\r\n"));
    store_s3_answer_header(&a, STR("Date: Sun, 22 Nov 2026 17:40:08 GMT\r\n"));
    store_s3_answer_header(&a, STR("ETag: \"abc\"\r\n"));
    store_s3_answer_header(&a, STR("no colon\r\n"));
    assert_true(a.has_length && a.length == 12);
    assert_true(a.has_range && a.range_first == 5 && a.range_last == 9);
    assert_true(a.range_total_known && a.range_total == 100);
    assert_true(a.date_us == INT64_C(1795369208000000));
    assert_string_equal(a.etag, "\"abc\"");
    static const char *const bad[] = {"bytes 9-5/100", "bytes -5/100", "bytes 5-/9", "octets 1-2/3",
                                      "bytes */100",   "bytes",        "bytes 1-2"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_FREE char *line = mem_printf("Content-Range: %s\r\n", bad[i]);
        a.has_range = false;
        store_s3_answer_header(&a, str_of(line));
        assert_false(a.has_range);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_and_their_text_come_in_order),
        cmocka_unit_test(references_are_decoded),
        cmocka_unit_test(what_is_not_whole_is_bad),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_page_is_read_whole),
        cmocka_unit_test(every_shorter_page_is_refused),
        cmocka_unit_test(damaged_documents_do_no_harm),
        cmocka_unit_test(an_error_is_read_with_its_fields_bounded),
        cmocka_unit_test(headers_are_read_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examples that AWS publishes: the Signature Version 4 test suite, and the
 * S3 API reference's "Authenticating requests: using the Authorization header".
 */
#include "store/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* ---- the test suite: key, date and host are the same in all of it ---- */

static void check_suite(const char *method, const char *path, const char *query,
                        const struct store_sigv4_pair *more, size_t more_count,
                        const char *signature)
{
    struct store_sigv4_pair headers[8] = {
        {STR("host"), STR("example.amazonaws.com")},
        {STR("x-amz-date"), STR("20150830T123600Z")},
    };
    for (size_t i = 0; i < more_count; i++) {
        headers[2 + i] = more[i];
    }
    struct store_sigv4_key key = {STR("AKIDEXAMPLE"),
                                  STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), STR("us-east-1"),
                                  STR("service")};
    struct store_sigv4_request request = {str_of(method), str_of(path),   str_of(query),
                                          headers,        2 + more_count, STR(EMPTY_SHA256)};
    AUTO_BUF struct buf authorization = {0};
    store_sigv4_sign(&key, &request, "20150830T123600Z", &authorization);
    const char *at = strstr(authorization.ptr, "Signature=");
    assert_non_null(at);
    assert_string_equal(at + strlen("Signature="), signature);
}

static void get_vanilla(void **state)
{
    (void)state;
    check_suite("GET", "/", "", NULL, 0,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    check_suite("POST", "/", "", NULL, 0,
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

static void a_query_is_sorted_by_name_and_then_by_value(void **state)
{
    (void)state;
    AUTO_BUF struct buf query = {0};
    const struct store_sigv4_pair by_key[] = {{STR("Param2"), STR("value2")},
                                              {STR("Param1"), STR("value1")}};
    store_sigv4_query(&query, by_key, 2);
    assert_string_equal(query.ptr, "Param1=value1&Param2=value2");
    check_suite("GET", "/", query.ptr, NULL, 0,
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");

    buf_reset(&query);
    const struct store_sigv4_pair by_value[] = {
        {STR("a-b"), STR("1")}, {STR("a"), STR("2")}, {STR("a"), STR("1")}, {STR("A"), STR("")}};
    store_sigv4_query(&query, by_value, ARRAY_COUNT(by_value));
    assert_string_equal(query.ptr, "A=&a=1&a=2&a-b=1");
}

static void unreserved_characters_of_a_query_stay(void **state)
{
    (void)state;
    const struct store_sigv4_pair pair = {
        STR("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        STR("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")};
    AUTO_BUF struct buf query = {0};
    store_sigv4_query(&query, &pair, 1);
    check_suite("GET", "/", query.ptr, NULL, 0,
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
}

static void a_path_and_a_query_in_utf8(void **state)
{
    (void)state;
    AUTO_BUF struct buf path = {0};
    uri_encode(&path, STR("/\u1234"), "/");
    assert_string_equal(path.ptr, "/%E1%88%B4");
    check_suite("GET", path.ptr, "", NULL, 0,
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");

    const struct store_sigv4_pair pair = {STR("\u1234"), STR("bar")};
    AUTO_BUF struct buf query = {0};
    store_sigv4_query(&query, &pair, 1);
    check_suite("GET", "/", query.ptr, NULL, 0,
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
}

static void repeated_headers_are_joined_and_spaces_collapse(void **state)
{
    (void)state;
    const struct store_sigv4_pair repeated[] = {{STR("my-header1"), STR("value2")},
                                                {STR("my-header1"), STR("value2")},
                                                {STR("my-header1"), STR("value1")}};
    check_suite("GET", "/", "", repeated, 3,
                "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
    const struct store_sigv4_pair spaced[] = {{STR("my-header1"), STR(" value1")},
                                              {STR("my-header2"), STR(" \"a   b   c\"")}};
    check_suite("GET", "/", "", spaced, 2,
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

/* ---- the S3 examples ---- */

static void check_s3(const char *method, const char *path, const char *query,
                     const struct store_sigv4_pair *more, size_t more_count, const char *payload,
                     const char *signed_names, const char *signature)
{
    char hash[STORE_SIGV4_SHA256];
    char date[STORE_SIGV4_DATE];
    store_sigv4_sha256(str_of(payload), hash);
    store_sigv4_date(INT64_C(1369353600000000), date);
    assert_string_equal(date, "20130524T000000Z");
    struct store_sigv4_pair headers[8] = {
        {STR("host"), STR("examplebucket.s3.amazonaws.com")},
        {STR("x-amz-date"), str_of(date)},
        {STR("x-amz-content-sha256"), str_of(hash)},
    };
    for (size_t i = 0; i < more_count; i++) {
        headers[3 + i] = more[i];
    }
    struct store_sigv4_key key = {STR("AKIAIOSFODNN7EXAMPLE"),
                                  STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), STR("us-east-1"),
                                  STR("s3")};
    struct store_sigv4_request request = {str_of(method), str_of(path),   str_of(query),
                                          headers,        3 + more_count, str_of(hash)};
    AUTO_BUF struct buf expected = {0};
    AUTO_BUF struct buf authorization = {0};
    buf_printf(&expected,
               "AWS4-HMAC-SHA256 "
               "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
               "SignedHeaders=%s,Signature=%s",
               signed_names, signature);
    store_sigv4_sign(&key, &request, date, &authorization);
    assert_string_equal(authorization.ptr, expected.ptr);
}

static void s3_get_object_with_a_range(void **state)
{
    (void)state;
    const struct store_sigv4_pair range = {STR("range"), STR("bytes=0-9")};
    check_s3("GET", "/test.txt", "", &range, 1, "", "host;range;x-amz-content-sha256;x-amz-date",
             "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void s3_put_object(void **state)
{
    (void)state;
    AUTO_BUF struct buf path = {0};
    uri_encode(&path, STR("/test$file.text"), "/");
    const struct store_sigv4_pair more[] = {
        {STR("date"), STR("Fri, 24 May 2013 00:00:00 GMT")},
        {STR("x-amz-storage-class"), STR("REDUCED_REDUNDANCY")},
    };
    check_s3("PUT", path.ptr, "", more, 2, "Welcome to Amazon S3.",
             "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
             "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void s3_get_bucket_lifecycle(void **state)
{
    (void)state;
    const struct store_sigv4_pair pair = {STR("lifecycle"), STR("")};
    AUTO_BUF struct buf query = {0};
    store_sigv4_query(&query, &pair, 1);
    check_s3("GET", "/", query.ptr, NULL, 0, "", "host;x-amz-content-sha256;x-amz-date",
             "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void s3_list_objects(void **state)
{
    (void)state;
    const struct store_sigv4_pair pairs[] = {{STR("prefix"), STR("J")},
                                             {STR("max-keys"), STR("2")}};
    AUTO_BUF struct buf query = {0};
    store_sigv4_query(&query, pairs, 2);
    check_s3("GET", "/", query.ptr, NULL, 0, "", "host;x-amz-content-sha256;x-amz-date",
             "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void the_canonical_request_is_the_published_one(void **state)
{
    (void)state;
    const struct store_sigv4_pair headers[] = {
        {STR("x-amz-date"), STR("20130524T000000Z")},
        {STR("range"), STR("bytes=0-9")},
        {STR("x-amz-content-sha256"), STR(EMPTY_SHA256)},
        {STR("host"), STR("examplebucket.s3.amazonaws.com")},
    };
    struct store_sigv4_request request = {STR("GET"), STR("/test.txt"), STR(""), headers,
                                          4,          STR(EMPTY_SHA256)};
    AUTO_BUF struct buf canonical = {0};
    AUTO_BUF struct buf names = {0};
    store_sigv4_canonical(&request, &canonical, &names);
    assert_string_equal(canonical.ptr, "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\n"
                                       "range:bytes=0-9\nx-amz-content-sha256:" EMPTY_SHA256
                                       "\nx-amz-date:20130524T000000Z\n\n"
                                       "host;range;x-amz-content-sha256;x-amz-date\n" EMPTY_SHA256);
    char hash[STORE_SIGV4_SHA256];
    store_sigv4_sha256(buf_str(&canonical), hash);
    assert_string_equal(hash, "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_vanilla),
        cmocka_unit_test(a_query_is_sorted_by_name_and_then_by_value),
        cmocka_unit_test(unreserved_characters_of_a_query_stay),
        cmocka_unit_test(a_path_and_a_query_in_utf8),
        cmocka_unit_test(repeated_headers_are_joined_and_spaces_collapse),
        cmocka_unit_test(s3_get_object_with_a_range),
        cmocka_unit_test(s3_put_object),
        cmocka_unit_test(s3_get_bucket_lifecycle),
        cmocka_unit_test(s3_list_objects),
        cmocka_unit_test(the_canonical_request_is_the_published_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

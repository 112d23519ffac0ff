/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rand_test - random numbers
 */
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static void seed_determines_the_sequence(void **state)
{
    (void)state;
    struct rng a;
    struct rng b;
    struct rng c;
    rng_init(&a, 42);
    rng_init(&b, 42);
    rng_init(&c, 43);
    size_t same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t next = rng_next(&a);
        assert_true(next == rng_next(&b));
        same += next == rng_next(&c);
    }
    assert_int_equal(same, 0);
}

/* The authors' reference: state 1, 2, 3, 4. */
static void generator_is_xoshiro256starstar(void **state)
{
    (void)state;
    struct rng r = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_true(rng_next(&r) == expected[i]);
    }
}

static void below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 7);
    size_t seen[10] = {0};
    for (int i = 0; i < 10000; i++) {
        uint64_t value = rng_below(&r, 10);
        assert_true(value < 10);
        seen[value]++;
    }
    for (size_t i = 0; i < 10; i++) {
        assert_in_range(seen[i], 850, 1150);
    }
    assert_true(rng_below(&r, 1) == 0);
    assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void doubles_are_in_the_unit_interval(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 7);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double value = rng_double(&r);
        assert_true(value >= 0 && value < 1);
        sum += value;
    }
    assert_true(sum > 49000 && sum < 51000);
}

static void kernel_bytes_fill_the_whole_buffer(void **state)
{
    (void)state;
    enum { BYTES = 100000 };
    AUTO_FREE unsigned char *bytes = mem_zalloc(BYTES);
    rand_bytes(bytes, BYTES);
    size_t zeros_at_end = 0;
    for (size_t i = BYTES - 64; i < BYTES; i++) {
        zeros_at_end += bytes[i] == 0;
    }
    assert_true(zeros_at_end < 32);
    rand_bytes(bytes, 0);
}

static void uuid_is_version_4_and_new_each_time(void **state)
{
    (void)state;
    char before[UUID_TEXT] = "";
    for (int i = 0; i < 1000; i++) {
        char id[UUID_TEXT];
        rand_uuid(id);
        assert_int_equal(strlen(id), 36);
        for (size_t at = 0; at < 36; at++) {
            bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
            assert_non_null(strchr(is_dash ? "-" : "0123456789abcdef", id[at]));
        }
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
        assert_string_not_equal(id, before);
        memcpy(before, id, sizeof(before));
    }
}

/* RFC 9562, appendix A.4, and Python's uuid.uuid5. */
static void uuid5_is_that_of_the_rfc(void **state)
{
    (void)state;
    char id[UUID_TEXT];
    rand_uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com", id);
    assert_string_equal(id, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    rand_uuid5("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "python.org", id);
    assert_string_equal(id, "886313e1-3b8a-5372-9b90-0c9aee199e5d");
}

/* RFC 3174, section 7.3, and every length around a block. */
static void sha1_is_that_of_the_rfc(void **state)
{
    (void)state;
    AUTO_FREE char *million = mem_alloc(1000000);
    memset(million, 'a', 1000000);
    const struct {
        const char *text;
        size_t len;
        const char *digest;
    } known[] = {
        {"", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {million, 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {million, 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
        {million, 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {million, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        uint8_t digest[20];
        rand_sha1(known[i].text, known[i].len, digest);
        AUTO_BUF struct buf hex = {0};
        buf_add_hex(&hex, digest, sizeof(digest));
        assert_string_equal(hex.ptr, known[i].digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_determines_the_sequence),
        cmocka_unit_test(generator_is_xoshiro256starstar),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(doubles_are_in_the_unit_interval),
        cmocka_unit_test(kernel_bytes_fill_the_whole_buffer),
        cmocka_unit_test(uuid_is_version_4_and_new_each_time),
        cmocka_unit_test(uuid5_is_that_of_the_rfc),
        cmocka_unit_test(sha1_is_that_of_the_rfc),
    };
    return cmocka_run_group_tests_name("rand", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "delta/delta.h"
#include "store/memory.h"

static struct store *store;

static int open_store(void **state)
{
    (void)state;
    store = store_memory_open("dv_test");
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(store);
    return 0;
}

struct rows {
    VEC(uint64_t) items;
};

/* ---- a writer of its own --------------------------------------------------------------------- */

static void add_number(struct buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        buf_add_char(out, (char)(value >> 8 * i));
    }
}

/* Rows first … end - 1 lie in one container. */
static void add_container(const struct rows *rows, size_t first, size_t end, bool runs,
                          struct buf *out)
{
    uint8_t bits[8192] = {0};
    size_t count = 0;
    if (runs) {
        AUTO_BUF struct buf body = {0};
        for (size_t i = first; i < end; count++) {
            size_t k = i + 1;
            while (k < end && rows->items.items[k] == rows->items.items[k - 1] + 1) {
                k++;
            }
            add_number(&body, rows->items.items[i] & 0xFFFF, 2);
            add_number(&body, k - i - 1, 2);
            i = k;
        }
        add_number(out, count, 2);
        buf_add_str(out, buf_str(&body));
        return;
    }
    for (size_t i = first; i < end; i++) {
        size_t low = (size_t)rows->items.items[i] & 0xFFFF;
        bits[low / 8] = (uint8_t)(bits[low / 8] | 1 << low % 8);
        if (end - first <= 4096) {
            add_number(out, low, 2);
        }
    }
    if (end - first > 4096) {
        buf_add(out, bits, sizeof(bits));
    }
}

static size_t end_of(const struct rows *rows, size_t first, int shift)
{
    size_t end = first;
    while (end < rows->items.count &&
           rows->items.items[end] >> shift == rows->items.items[first] >> shift) {
        end++;
    }
    return end;
}

/* Every other container as runs when `runs`. */
static void add_map(const struct rows *rows, size_t first, size_t end, bool runs, struct buf *out)
{
    AUTO_BUF struct buf heads = {0};
    AUTO_BUF struct buf bodies = {0};
    AUTO_BUF struct buf offsets = {0};
    uint8_t run_bits[8192] = {0};
    size_t count = 0;
    for (size_t i = first; i < end; count++) {
        size_t stop = end_of(rows, i, 16);
        bool is_runs = runs && count % 2 == 0;
        run_bits[count / 8] = (uint8_t)(run_bits[count / 8] | is_runs << count % 8);
        add_number(&heads, rows->items.items[i] >> 16 & 0xFFFF, 2);
        add_number(&heads, stop - i - 1, 2);
        add_number(&offsets, 0, 4); /* readers go by the order */
        add_container(rows, i, stop, is_runs, &bodies);
        i = stop;
    }
    if (runs) {
        add_number(out, 12347 | (count - 1) << 16, 4);
        buf_add(out, run_bits, (count + 7) / 8);
    } else {
        add_number(out, 12346, 4);
        add_number(out, count, 4);
    }
    buf_add_str(out, buf_str(&heads));
    if (!runs || count >= 4) {
        buf_add_str(out, buf_str(&offsets));
    }
    buf_add_str(out, buf_str(&bodies));
}

static void encode(const struct rows *rows, bool runs, struct buf *out)
{
    AUTO_BUF struct buf maps = {0};
    size_t count = 0;
    for (size_t i = 0; i < rows->items.count; count++) {
        size_t end = end_of(rows, i, 32);
        add_number(&maps, rows->items.items[i] >> 32, 4);
        add_map(rows, i, end, runs, &maps);
        i = end;
    }
    add_number(out, 1681511377, 4);
    add_number(out, count, 8);
    buf_add_str(out, buf_str(&maps));
}

/* ---- reading --------------------------------------------------------------------------------- */

static void expect_rows(struct delta_dv *dv, const struct rows *rows)
{
    uint64_t row = 0;
    assert_int_equal(rows->items.count, dv->row_count);
    for (size_t i = 0; i < rows->items.count; i++) {
        assert_true(delta_dv_next(dv, &row));
        assert_int_equal(rows->items.items[i], row);
    }
    assert_false(delta_dv_next(dv, &row));
}

static void expect_same(const struct rows *rows, bool runs)
{
    AUTO_BUF struct buf bytes = {0};
    AUTO_DELTA_DV struct delta_dv dv = {0};
    struct err err;
    encode(rows, runs, &bytes);
    assert_int_equal(0, delta_dv_parse(&dv, buf_str(&bytes), &err));
    expect_rows(&dv, rows);
}

static void expect_inline(const char *text, const uint64_t *expected, size_t count)
{
    AUTO_DELTA_DV struct delta_dv dv = {0};
    struct err err;
    uint64_t row = 0;
    if (delta_dv_open(&dv, store, str_of(text), &err) < 0) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(delta_dv_next(&dv, &row));
        assert_int_equal(expected[i], row);
    }
    assert_false(delta_dv_next(&dv, &row));
}

static void vectors_of_other_writers_read_as_they_say(void **state)
{
    (void)state;
    static const uint64_t protocol[] = {3, 4, 7, 11, 18, 29};
    static const uint64_t spark[] = {0, 1, 4, 5};
    /* the example of the protocol, which is in the early form */
    expect_inline("{\"storageType\":\"i\",\"pathOrInlineDv\":"
                  "\"wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L\",\"sizeInBytes\":40,"
                  "\"cardinality\":6}",
                  protocol, ARRAY_COUNT(protocol));
    expect_inline("{\"storageType\":\"i\",\"pathOrInlineDv\":"
                  "\"^Bg9^0rr910000000000iXQKl0rr91000935c8Xg000311onP9\",\"offset\":null,"
                  "\"sizeInBytes\":40,\"cardinality\":4}",
                  spark, ARRAY_COUNT(spark));
}

static uint64_t seed = 99;
static uint64_t next_random(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

/* Ascending, in clusters: arrays, bitmaps, runs, several maps. */
static void make_rows(struct rows *rows)
{
    uint64_t row = next_random(100);
    size_t clusters = 1 + (size_t)next_random(6);
    for (size_t i = 0; i < clusters; i++) {
        size_t length = (size_t)next_random(next_random(2) == 0 ? 50 : 30000);
        uint64_t step = next_random(3) == 0 ? 1 : 1 + next_random(12);
        for (size_t k = 0; k < length; k++, row += step) {
            *vec_push(&rows->items) = row;
        }
        row += 1 + (next_random(4) == 0 ? (uint64_t)5 << 32 : next_random(300000));
    }
}

static void every_kind_of_container_reads_back(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct rows rows = {0};
        make_rows(&rows);
        expect_same(&rows, false);
        if (rows.items.count > 0) {
            expect_same(&rows, true);
        }
        vec_done(&rows.items);
    }
}

static void the_ends_of_containers_are_rows_too(void **state)
{
    (void)state;
    static const uint64_t ends[] = {0,          65535,       65536,       131071,
                                    0xFFFFFFFF, 0x100000000, 0x1FFFFFFFF, 0x200000000};
    struct rows rows = {0};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        *vec_push(&rows.items) = ends[i];
    }
    expect_same(&rows, false);
    expect_same(&rows, true);
    rows.items.count = 0;
    for (uint64_t row = 0; row < 65536 * 2; row++) {
        *vec_push(&rows.items) = row;
    }
    expect_same(&rows, false);
    expect_same(&rows, true);
    vec_done(&rows.items);
}

static void damage_is_told_or_stays_in_bounds(void **state)
{
    (void)state;
    struct rows rows = {0};
    AUTO_BUF struct buf bytes = {0};
    for (uint64_t row = 0; row < 300; row++) {
        *vec_push(&rows.items) = row * row;
    }
    encode(&rows, true, &bytes);
    for (size_t at = 0; at < bytes.len; at++) {
        struct err err;
        AUTO_DELTA_DV struct delta_dv cut = {0};
        assert_int_equal(ERR_CORRUPT, delta_dv_parse(&cut, str_n(bytes.ptr, at), &err));
        for (int bit = 0; bit < 8; bit++) {
            AUTO_DELTA_DV struct delta_dv dv = {0};
            uint64_t last = 0;
            uint64_t row = 0;
            uint64_t count = 0;
            bytes.ptr[at] = (char)(bytes.ptr[at] ^ 1 << bit);
            int rc = delta_dv_parse(&dv, buf_str(&bytes), &err);
            while (rc >= 0 && delta_dv_next(&dv, &row)) {
                assert_true(count == 0 || row > last);
                last = row;
                count++;
            }
            assert_true(rc < 0 || count == dv.row_count);
            bytes.ptr[at] = (char)(bytes.ptr[at] ^ 1 << bit);
        }
    }
    vec_done(&rows.items);
}

/* ---- files ----------------------------------------------------------------------------------- */

#define UUID_85 "ab^-aqEH.-t@S}K{vb[*k^"
#define KEY     "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin"

static uint32_t crc_of(struct str bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len * 8; i++) {
        uint32_t bit = (uint32_t)((uint8_t)bytes.ptr[i / 8] >> i % 8 & 1);
        crc = ((crc ^ bit) & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    return ~crc;
}

static void add_big(struct buf *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        buf_add_char(out, (char)(value >> shift));
    }
}

/* Puts the file: `before` bytes, of which the first is the version, then the vector. */
static size_t put_vector(const struct rows *rows, size_t before, uint32_t crc_flip)
{
    AUTO_BUF struct buf data = {0};
    AUTO_BUF struct buf file = {0};
    struct err err;
    encode(rows, false, &data);
    buf_add_char(&file, 1);
    while (file.len < before) {
        buf_add_char(&file, 'x');
    }
    add_big(&file, (uint32_t)data.len);
    buf_add_str(&file, buf_str(&data));
    add_big(&file, crc_of(buf_str(&data)) ^ crc_flip);
    buf_add_c(&file, "more vectors follow");
    assert_int_equal(0, store_put(store, STR(KEY), buf_str(&file), &err));
    return data.len;
}

static int open_vector(struct delta_dv *dv, size_t offset, size_t bytes, size_t cardinality,
                       struct err *err)
{
    AUTO_FREE char *text =
        mem_printf("{\"storageType\":\"u\",\"pathOrInlineDv\":\"" UUID_85 "\",\"offset\":%zu,"
                   "\"sizeInBytes\":%zu,\"cardinality\":%zu}",
                   offset, bytes, cardinality);
    return delta_dv_open(dv, store, str_of(text), err);
}

static void a_vector_is_found_in_its_file_by_the_offset(void **state)
{
    (void)state;
    struct rows rows = {0};
    static const size_t offsets[] = {1, 77, 4096, 5000, 100000};
    make_rows(&rows);
    for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
        struct err err;
        AUTO_DELTA_DV struct delta_dv dv = {0};
        size_t bytes = put_vector(&rows, offsets[i], 0);
        if (open_vector(&dv, offsets[i], bytes, rows.items.count, &err) < 0) {
            fail_msg("%s", err.msg);
        }
        expect_rows(&dv, &rows);
    }
    vec_done(&rows.items);
}

static void what_does_not_add_up_is_corrupt(void **state)
{
    (void)state;
    struct rows rows = {0};
    struct err err;
    struct delta_dv dv = {0};
    make_rows(&rows);
    size_t count = rows.items.count;
    size_t bytes = put_vector(&rows, 1, 0);
    assert_int_equal(ERR_CORRUPT, open_vector(&dv, 1, bytes, count + 1, &err));
    assert_int_equal(ERR_CORRUPT, open_vector(&dv, 1, bytes - 1, count, &err));
    assert_int_equal(ERR_CORRUPT, open_vector(&dv, 2, bytes, count, &err));
    assert_int_equal(ERR_CORRUPT, open_vector(&dv, 1, bytes * 2, count, &err));
    put_vector(&rows, 1, 0x10);
    assert_int_equal(ERR_CORRUPT, open_vector(&dv, 1, bytes, count, &err));
    assert_non_null(strstr(err.msg, "checksum"));
    assert_int_equal(0, store_delete(store, STR(KEY), &err));
    assert_int_equal(ERR_CORRUPT, open_vector(&dv, 1, bytes, count, &err));
    assert_non_null(strstr(err.msg, KEY));
    vec_done(&rows.items);
}

static void a_description_that_cannot_be_followed_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", ERR_DATA},
        {"{}", ERR_CORRUPT},
        {"{\"storageType\":\"i\",\"pathOrInlineDv\":\"wi5b=\",\"sizeInBytes\":-1,"
         "\"cardinality\":1}",
         ERR_CORRUPT},
        {"{\"storageType\":\"i\",\"pathOrInlineDv\":\"wi5b\",\"sizeInBytes\":4,\"cardinality\":1}",
         ERR_CORRUPT},
        {"{\"storageType\":\"i\",\"pathOrInlineDv\":\"w~5b=\",\"sizeInBytes\":4,"
         "\"cardinality\":1}",
         ERR_CORRUPT},
        {"{\"storageType\":\"u\",\"pathOrInlineDv\":\"short\",\"sizeInBytes\":4,"
         "\"cardinality\":1}",
         ERR_CORRUPT},
        {"{\"storageType\":\"p\",\"pathOrInlineDv\":\"s3://other/x.bin\",\"sizeInBytes\":4,"
         "\"cardinality\":1}",
         ERR_CONFIG},
        {"{\"storageType\":\"q\",\"pathOrInlineDv\":\"x\",\"sizeInBytes\":4,\"cardinality\":1}",
         ERR_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err;
        struct delta_dv dv = {0};
        assert_int_equal(cases[i].code, delta_dv_open(&dv, store, str_of(cases[i].text), &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_other_writers_read_as_they_say),
        cmocka_unit_test(every_kind_of_container_reads_back),
        cmocka_unit_test(the_ends_of_containers_are_rows_too),
        cmocka_unit_test(damage_is_told_or_stays_in_bounds),
        cmocka_unit_test(a_vector_is_found_in_its_file_by_the_offset),
        cmocka_unit_test(what_does_not_add_up_is_corrupt),
        cmocka_unit_test(a_description_that_cannot_be_followed_is_refused),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}

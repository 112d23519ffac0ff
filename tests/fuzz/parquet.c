/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parquet - sql_parquet_parse on arbitrary bytes
 *
 * Whatever the bytes are, the answer is an error or a footer whose chunks lie in the file; printed
 * with some of its row groups it parses again, with just these.
 */
#include "sql/sql.h"

#define FILE_BYTES ((uint64_t)1 << 30)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct parquet_footer *footer, const bool *keep, size_t kept)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf printed = {0};
    struct parquet_footer again;
    struct err err;
    uint64_t bytes = 0;
    sql_parquet_print(footer, keep, &printed);
    struct str tail = str_skip(buf_str(&printed), printed.len - PARQUET_TAIL_BYTES);
    int rc = sql_parquet_tail(tail, footer->end + printed.len, &bytes, &err);
    assert(rc == 0 && bytes == printed.len - PARQUET_TAIL_BYTES);
    rc = sql_parquet_parse(&arena, str_head(buf_str(&printed), (size_t)bytes),
                           footer->end + printed.len, &again, &err);
    assert(rc == 0 && again.group_count == kept && again.end == footer->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena arena = {0};
    struct parquet_footer footer;
    struct err err;
    if (size == 0 ||
        sql_parquet_parse(&arena, str_n((const char *)data, size), FILE_BYTES, &footer, &err) < 0) {
        return 0;
    }
    AUTO_FREE bool *keep = mem_new_array(bool, footer.group_count + 1);
    size_t kept = 0;
    for (size_t g = 0; g < footer.group_count; g++) {
        for (size_t i = 0; i < footer.chunk_count; i++) {
            const struct parquet_chunk *chunk = &footer.groups[g].chunks[i];
            assert(chunk->column < footer.column_count && chunk->begin <= footer.end);
            assert(sql_parquet_end(&footer, chunk->begin) <= footer.end);
        }
        keep[g] = g % 2 == 0;
        kept += keep[g] ? 1 : 0;
    }
    check_again(&footer, keep, kept);
    return 0;
}

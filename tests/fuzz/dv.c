/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dv - delta_dv_parse on arbitrary bytes, and delta_dv_open on them as a log's text
 *
 * Whatever the bytes are, the answer is an error or ascending rows, as many as were counted.
 */
#include "delta/delta.h"

#define ROWS_MAX 2000000 /* of one input: a few bytes can stand for billions */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(struct delta_dv *dv)
{
    uint64_t row = 0;
    uint64_t last = 0;
    uint64_t count = 0;
    while (count < ROWS_MAX && delta_dv_next(dv, &row)) {
        assert(count == 0 || row > last);
        last = row;
        count++;
    }
    assert(count == ROWS_MAX || count == dv->row_count);
}

static void check_description(struct str text)
{
    struct err err;
    struct store *store = NULL;
    AUTO_DELTA_DV struct delta_dv dv = {0};
    static const struct store_options options;
    int rc = store_open(STR("memory://fuzz"), &options, &store, &err);
    assert(rc == 0);
    if (delta_dv_open(&dv, store, text, &err) >= 0) {
        check_rows(&dv);
    }
    store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_n((const char *)data, size);
    AUTO_DELTA_DV struct delta_dv dv = {0};
    struct err err;
    if (size > 0 && data[0] == '{') {
        check_description(bytes);
    } else if (delta_dv_parse(&dv, bytes, &err) >= 0) {
        check_rows(&dv);
    } else {
        assert(err.code == ERR_CORRUPT);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_LIST_H
#define STORE_S3_LIST_H

#include "store/s3.h"

/*
 * s3_list - ListObjectsV2
 */
struct store_s3_list_item {
    char *key; /* decoded, from the bucket's root; owned */
    size_t key_len;
    uint64_t size_bytes;
    int64_t modified_us;
};

/* One page of a listing; owns everything. */
struct store_s3_list_page {
    VEC(struct store_s3_list_item) items;
    bool truncated; /* there is more, from `token` on */
    char *token;
};

/* ERR_CORRUPT when it is not a whole, well-formed ListBucketResult. */
int store_s3_list_parse(struct str xml, struct store_s3_list_page *page, struct err *err);
void store_s3_list_page_done(struct store_s3_list_page *page);
#define AUTO_LIST_PAGE AUTO(store_s3_list_page_done)

/* The store's list operation. */
int store_s3_list(struct store *store, struct str prefix, struct str start_after,
                  store_list_fn on_entry, void *user, struct err *err);

#endif

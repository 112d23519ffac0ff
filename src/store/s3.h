/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_H
#define STORE_S3_H

#include "store/http_pool.h"
#include "store/s3_config.h"
#include "store/store.h"

/*
 * s3 - the store that speaks S3's HTTP (private to store/)
 *
 * One struct for all threads; each request borrows a connection from a pool.
 */
#define STORE_S3_MAGIC 0x53335331u

struct store_s3 {
    struct store base;
    uint32_t magic;
    struct store_s3_config config; /* fixed, but .credentials and .region: guarded by .lock */
    struct stop stop;              /* set by cancel */
    struct store_http_pool pool;
    struct mutex lock;
    /* guarded by .lock */
    int64_t clock_offset_us; /* the server's clock less ours */
    int64_t pause_until_us;  /* the server asked for less: no request begins before (monotonic) */
    bool bucket_seen;        /* some answer has shown that the bucket is there */
    struct rng rng;
    uint64_t keys_generation; /* counts changes of config.credentials */
    int64_t keys_retry_us;    /* newer keys are not asked for before (monotonic) */
    bool keys_busy;           /* a thread is fetching some */
    /* held while newer keys are fetched; taken before .lock */
    struct mutex keys_lock;
};

int store_s3_open(struct str location, const struct store_options *options,
                  struct store **ret_store, struct err *err);
struct store_s3 *store_s3_of(struct store *store);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_FAKE_BUCKET_H
#define STORE_S3_FAKE_BUCKET_H

#include "store/s3_fake.h"
#include "store/s3_fake_http.h"

/*
 * s3_fake_bucket - what the fake keeps: objects in order, and uploads in parts
 */
struct s3_fake_object {
    char *key;
    struct buf body;
    char *checksum; /* x-amz-checksum-sha256 of the put, or NULL */
    int64_t modified_us;
};

struct s3_fake_part {
    uint64_t number;
    struct buf body;
};

struct s3_fake_upload {
    char *id;
    char *key;
    VEC(struct s3_fake_part) parts;
};

/* Everything is guarded by *lock, the server's, which is held during every call. */
struct s3_fake_bucket {
    const struct s3_fake_options *options;
    struct mutex *lock;
    VEC(struct s3_fake_object) objects; /* in the order of keys */
    VEC(struct s3_fake_upload) uploads;
    unsigned upload_count;
};

void s3_fake_bucket_done(struct s3_fake_bucket *b);
/* Carries out an admitted request for `key`; empty = the bucket itself. */
void s3_fake_bucket_apply(struct s3_fake_bucket *b, const struct s3_fake_request *r,
                          const char *key, struct s3_fake_answer *a);
/* NULL = there is none. */
const struct buf *s3_fake_bucket_find(struct s3_fake_bucket *b, const char *key);
void s3_fake_bucket_set(struct s3_fake_bucket *b, const char *key, struct str body);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_KEYS_H
#define STORE_S3_KEYS_H

#include "store/s3.h"

/*
 * s3_keys - newer keys for a store whose keys are temporary
 */

/* Before an attempt: fetches newer keys when those we have are about to expire. */
void store_s3_keys_prepare(struct store_s3 *s);

/* After the server said that the keys of `generation` have expired: true = there are others now. */
bool store_s3_keys_replace(struct store_s3 *s, uint64_t generation);

#endif

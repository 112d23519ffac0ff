/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_MULTIPART_H
#define STORE_S3_MULTIPART_H

#include "store/s3.h"

/*
 * s3_multipart - a large file as one object, in parts
 */
int store_s3_multipart_put(struct store_s3 *s, struct str key, int fd, uint64_t file_bytes,
                           struct err *err);

#endif

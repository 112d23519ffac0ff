/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_METADATA_H
#define STORE_S3_METADATA_H

#include "store/s3_config.h"

/*
 * s3_metadata - temporary keys of the container or the machine that we run on
 *
 * Both block for a few seconds at most; `stop` (NULL = none) ends them sooner.  Outcome 1 =
 * *ret_keys is the caller's, with .expires_us; 0 = there are none here, and `why` says why not.  An
 * error: they are configured, or the service is there, but does not give any (.retry: it may
 * later).
 */

/* ECS, EKS Pod Identity and their like: AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI. */
int store_s3_metadata_container(struct stop *stop, struct store_s3_credentials *ret_keys,
                                struct buf *why, struct err *err);

/* The role of an EC2 instance, by IMDSv2 only; AWS_EC2_METADATA_DISABLED = true switches it off. */
int store_s3_metadata_instance(struct stop *stop, struct store_s3_credentials *ret_keys,
                               struct buf *why, struct err *err);

/* The URL that the container's variables name, appended to `out`; 1, or 0 when they name none.
 * ERR_CONFIG for one that the keys must not come from: plain http to another machine. */
int store_s3_metadata_container_url(struct buf *out, struct err *err);

#endif
